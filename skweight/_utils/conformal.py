"""Weighted distributions of conformity scores, for sets and intervals."""

from typing import NamedTuple

import numpy as np

# Largest number of scores in a distribution.
MOST_KNOTS = 10_000
# Sums of weights count as equal if their relative difference is smaller than this.
_ROUNDING = 1e-12


class Scores(NamedTuple):
    """The distribution of the scores of calibration rows.

    Attributes
    ----------
    values : ndarray of shape (n_knots,)
        Scores, increasing.
    mass : ndarray of shape (n_knots,)
        Cumulative weight of the rows up to each score.
    """

    values: np.ndarray
    mass: np.ndarray

    @classmethod
    def of(cls, scores, weights=None, *, n_knots=MOST_KNOTS):
        """Return the distribution of scores, with a maximum number of knots.

        If there are more different scores than this maximum, neighbouring scores form
        groups, and each group is replaced by its largest score. A larger score can make
        prediction sets larger, but never smaller.
        """
        order = np.argsort(scores, kind="stable")
        values = np.asarray(scores, dtype=np.float64)[order]
        weights = np.ones(values.size) if weights is None else weights[order]
        mass = np.cumsum(weights)
        last = np.flatnonzero(np.diff(values, append=np.inf))  # of equal scores
        if last.size > n_knots:
            bins = np.ceil(mass[last] / mass[-1] * n_knots * (1 - _ROUNDING))
            last = last[np.flatnonzero(np.diff(bins, append=np.inf))]
        return cls(values[last], mass[last])

    @property
    def total(self):
        """Total weight of all rows."""
        return float(self.mass[-1]) if self.mass.size else 0.0

    def below(self, scores):
        """Return the total weight of the rows with a smaller score."""
        mass = np.concatenate([np.zeros(1), self.mass])
        return mass[np.searchsorted(self.values, scores, side="left")]

    def quantile(self, coverage, weight):
        r"""Return the quantile for new rows; infinite if no score is large enough.

        With :math:`w_i` the weights of the rows, :math:`w` the weight of the new row,
        and c the coverage,

        .. math::

            q = \min \Bigl\{ t : \sum_i w_i [s_i \le t] \ge
            c \, \Bigl( \sum_i w_i + w \Bigr) \Bigr\} .
        """
        target = wanted(coverage, self.total, weight)
        values = np.concatenate([self.values, [np.inf]])
        return values[np.searchsorted(self.mass, target, side="left")]


def thin(scores, weights, n_rows):
    """Return at most ``n_rows`` rows that represent all rows, with new weights.

    If there are more rows than ``n_rows``, the rows are sorted by score, and rows are
    drawn at even distances of the cumulative weight.
    """
    weights = np.ones(scores.size) if weights is None else weights
    if scores.size <= n_rows:
        return np.arange(scores.size), weights
    order = np.argsort(scores, kind="stable")
    mass = np.cumsum(weights[order])
    at = (np.arange(n_rows) + 0.5) / n_rows * mass[-1]
    return order[np.searchsorted(mass, at)], np.full(n_rows, mass[-1] / n_rows)


def wanted(coverage, total, weight):
    """Return the cumulative weight for a coverage; the total includes the new row."""
    return coverage * (total + weight) * (1 - _ROUNDING)
