"""Cross-fitted losses of calibrators.

To compare calibrators for two classes, the rows are merged into bins of the score. In
each bin, all rows of a class become one row. Therefore the time hardly grows with the
number of rows. For three or more classes, at most 20,000 rows are used.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from skweight.calibration._engine.numerics import all_equal
from skweight.calibration._rows import CalibrationRows

N_FOLDS = 5
# Up to this many rows of two classes, every row has its own bin. With more rows, half
# of the bins hold equal numbers of rows, and the other half have equal widths on the
# axis of the score.
MANY_ROWS = 1 << 11
_HALF_OF_CELLS = 1 << 10
# At most this many rows are compared for three or more classes. If there are more rows,
# a subset of this size is used with three folds. Fits on two thirds of the subset are
# enough to compare candidates.
MOST_ROWS = 20_000
N_FOLDS_OF_MANY = 3


class Comparison(NamedTuple):
    r"""Cross-fitted losses of several calibrators.

    Attributes
    ----------
    losses : dict {str: float}
        Mean log loss of every candidate, in nats.
    mass : float
        Total weight of the rows on which the candidates are compared.
    rows_per_weight : float
        Number of effective rows per unit of weight. `AutoCalibrator` uses this number
        as the factor :math:`\eta` in the formula for the shares of the candidates. The
        number is 1 for equal weights, and less than 1 if a few rows have most of the
        weight.
    """

    losses: dict
    mass: float
    rows_per_weight: float


def compare(candidates, rows):
    """Compare a dict of calibrators on rows; return a :class:`Comparison`."""
    folds = _CellFolds(rows) if rows.scores.ndim == 1 else _RowFolds(rows)
    total = np.zeros(len(candidates))
    mass, weighted_variance, squares_variance = 0.0, 0.0, 0.0
    for k in range(folds.n_folds):
        train = replace(folds.train(k), resumed=k > 0)
        scores, codes, weight, squares = folds.test(k)
        losses = np.empty((len(candidates), codes.shape[0]))
        for loss, candidate in zip(losses, candidates.values(), strict=True):
            fitted = fit_on(candidate, train)
            proba = fitted.predict_proba(scores)
            loss[:] = -np.log(proba[np.arange(codes.shape[0]), codes])
        total += losses @ weight
        mass += weight.sum()
        variance = losses.var(axis=0)
        weighted_variance += weight @ variance
        squares_variance += squares @ variance
    mean = (total / mass).tolist()
    return Comparison(
        dict(zip(candidates, mean, strict=True)),
        mass,
        weighted_variance / squares_variance if squares_variance > 0 else 1.0,
    )


def fit_on(candidate, rows):
    """Fit a calibrator on checked rows; the labels are the codes 0, ..., k - 1."""
    candidate.classes_ = np.arange(rows.class_count.size)
    candidate.class_count_ = rows.class_count
    if rows.scores.ndim == 1:
        candidate._fit_binary(rows)
    else:
        candidate._fit_multiclass(rows)
    return candidate


def draw_folds(rows, n_folds):
    """Return the fold of every row, independent of the order of rows and classes.

    Each row is sorted by the score of its own class. Rows with equal scores of their
    own class are sorted by the scores of the remaining classes, and then by weight.
    After that, the sorted rows are shuffled with a fixed seed. Without the shuffle, the
    scores of held-out rows would lie too evenly between the scores of training rows.
    """
    scores = rows.scores
    if scores.ndim == 2:
        scores = scores[np.arange(rows.codes.size), rows.codes]
    fold = np.empty(rows.codes.size, dtype=np.intp)
    for code in range(rows.class_count.size):
        block = np.flatnonzero(rows.codes == code)
        # With two classes, each row has only one score. The score is high for the
        # second class and low for the first class.
        first_of_two = rows.scores.ndim == 1 and code == 0
        sort_key = -scores[block] if first_of_two else scores[block]
        order = np.argsort(sort_key)
        if np.any(np.diff(sort_key[order]) == 0):
            others = rows.scores[block].T if rows.scores.ndim == 2 else ()
            order = np.lexsort((rows.weight[block], *others, sort_key))
        shuffled = np.random.default_rng(0).permutation(block[order])
        fold[shuffled] = np.arange(block.size) % n_folds
    return fold


class _CellFolds:
    """For two classes: folds of rows, merged into bins of the score."""

    def __init__(self, rows):
        self.n_folds = N_FOLDS
        self.class_multiplier = rows.class_multiplier
        order = np.argsort(rows.scores)
        ordered = rows.scores[order]
        weight = rows.weight[order]
        cell = _cells(ordered)
        n_cells = cell[-1] + 1
        fold = draw_folds(rows, self.n_folds)[order]
        bins = (2 * fold + rows.codes[order]) * n_cells + cell
        shape = (self.n_folds, 2, n_cells)

        def total(values):
            return np.bincount(bins, values, np.prod(shape)).reshape(shape)

        self.mass = total(weight)
        self.squares = self.mass if all_equal(rows.weight) else total(weight * weight)
        inside = np.bincount(cell, weight)
        self.scores = np.bincount(cell, weight * ordered) / inside

    def _flat(self, mass, squares):
        codes, cell = mass.nonzero()
        return self.scores[cell], codes, mass[codes, cell], squares[codes, cell]

    def train(self, k):
        """Return the rows of all folds but one."""
        # The training sums of fold k are computed by adding all other folds. If fold k
        # were subtracted from the total, rounding errors would remain in empty bins.
        in_training = np.arange(self.n_folds) != k
        mass, squares = (
            self.mass[in_training].sum(axis=0),
            self.squares[in_training].sum(axis=0),
        )
        return CalibrationRows.of_masses(
            *self._flat(mass, squares), 2, self.class_multiplier
        )

    def test(self, k):
        """Return the scores, codes, weights and squared weights of a fold."""
        return self._flat(self.mass[k], self.squares[k])


class _RowFolds:
    """Folds of rows of three classes and more."""

    def __init__(self, rows):
        self.rows = rows
        n_parts = -(-rows.codes.size // MOST_ROWS)
        self.n_folds = N_FOLDS if n_parts == 1 else N_FOLDS_OF_MANY
        # Rows with a fold number of n_folds or more are not used.
        self.fold = draw_folds(rows, self.n_folds * n_parts)

    def _flat(self, part):
        weight = self.rows.weight[part]
        return self.rows.scores[part], self.rows.codes[part], weight, weight * weight

    def train(self, k):
        """Return the rows of all folds but one."""
        return CalibrationRows.of_masses(
            *self._flat((self.fold != k) & (self.fold < self.n_folds)),
            self.rows.class_count.size,
            self.rows.class_multiplier,
        )

    def test(self, k):
        """Return the scores, codes, weights and squared weights of a fold."""
        return self._flat(self.fold == k)


def _cells(ordered):
    """Return the bin of every sorted score, counted from zero."""
    n_rows = ordered.shape[0]
    if n_rows <= MANY_ROWS:
        return np.arange(n_rows)
    cell = np.arange(n_rows) * _HALF_OF_CELLS // n_rows
    width = (ordered[-1] - ordered[0]) / _HALF_OF_CELLS
    if width > 0:
        cell += ((ordered - ordered[0]) / width).astype(np.intp)
    return np.append(0, np.cumsum(np.diff(cell) > 0))
