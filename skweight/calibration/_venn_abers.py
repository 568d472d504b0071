"""Venn-Abers calibration: two isotonic fits for each new row, for all rows at once."""

from typing import NamedTuple

import numpy as np

from skweight._utils.validation import check_choice
from skweight.calibration._engine.lookup import positions
from skweight.calibration._engine.merged import (
    flatness,
    isotonic_blocks,
    ranks_backwards,
)
from skweight.calibration._engine.numerics import keep_inside
from skweight.calibration._isotonic import LogOddsCurve
from skweight.calibration._one_versus_rest import OneVersusRestCalibrator

# Between neighbouring knots of a Venn-Abers curve, the log odds increase by less than
# this value.
LEVEL = 0.1


class IntervalCurve(NamedTuple):
    """Two step functions that give the two isotonic fits for any new score.

    Attributes
    ----------
    lower_scores, lower : ndarray of shape (n_lower,)
        Scores at which the steps of ``p0`` begin, and the values of ``p0`` at these
        scores. Below the first score, ``p0`` is 0.
    upper_scores, upper : ndarray of shape (n_upper,)
        Scores at which the steps of ``p1`` end, and the values of ``p1`` at these
        scores. Above the last score, ``p1`` is 1.
    share : float or None
        Position of the returned probability between ``p0`` (share 0) and ``p1`` (share
        1). None means the minimax value.
    """

    lower_scores: np.ndarray
    lower: np.ndarray
    upper_scores: np.ndarray
    upper: np.ndarray
    share: float | None = None

    def interval(self, scores):
        """Return the probabilities (p0, p1), fitted with the new label 0 and 1."""
        # The score of a new row may lie between two calibration scores. If the new row
        # has the label 0, the isotonic fit pools the new row with the lower of the two
        # scores. If the new row has the label 1, the fit pools the new row with the
        # higher of the two scores.
        below = positions(self.lower_scores, scores, side="right")
        above = positions(self.upper_scores, scores, side="left")
        return np.append(0.0, self.lower)[below], np.append(self.upper, 1.0)[above]

    def __call__(self, scores):
        """Return the probabilities of both classes, shape (n, 2)."""
        lower, upper = self.interval(scores)
        if self.share is not None:
            inside = lower + self.share * (upper - lower)
            return keep_inside(np.stack([1.0 - inside, inside], axis=1))
        proba = np.stack([1.0 - lower, upper], axis=1)
        proba /= (1.0 + upper - lower)[:, np.newaxis]
        return keep_inside(proba)


class VennAbersCalibrator(OneVersusRestCalibrator):
    r"""Calibrate by two isotonic fits, one for each possible label of the new row.

    Use this calibrator if a probability needs a measure of its uncertainty.
    ``predict_interval`` returns two probabilities for a new row, from two isotonic
    regressions. For the lower probability, the new row is added to the calibration rows
    with the label 0. For the upper probability, the new row is added with the label 1.
    One of the two probabilities is calibrated, for any number of rows. The interval is
    narrow where there are many rows, and wide where there are few rows. The interval
    shows how much the label of one row can change the probability; the interval is not
    a confidence interval. The point prediction needs thousands of rows of the rare
    class, as ``IsotonicCalibrator`` does.

    .. math:: p(1 \mid s) = \frac{p_1(s)}{1 - p_0(s) + p_1(s)},

    This value of the interval minimises the worst-case excess log loss. For a rare
    class, the mean of this value is too large: by a fifth if the class has fewer than
    40 rows, and by a tenth if the class has fewer than 160 rows. ``point="mean"`` uses
    :math:`p_0 + t (p_1 - p_0)` instead. Here t is chosen so that the mean probability
    of the calibration rows is the frequency of the class. The log loss is about the
    same for ``"minimax"`` and ``"mean"``.

    Parameters
    ----------
    point : {"minimax", "mean"}, default="minimax"
        Which probability of the interval is returned. "minimax" has the smallest
        worst-case excess log loss. With "mean", the mean probability of the calibration
        rows is the frequency of the class.

    Attributes
    ----------
    curves_ : list of IntervalCurve
        Each curve holds the steps of the two fits. For two classes: the curve of the
        second class. For more classes: one curve for each class against the rest.
    slope_, intercept_ : float, float or ndarray of shape (n_classes,)
        For three or more classes: slope and intercept of the map of
        ``TemperatureCalibrator``, which is applied before the curves. For two classes:
        1 and 0.
    classes_ : ndarray of shape (n_classes,)
        Sorted labels, in the order of the columns of ``predict_proba``.
    class_count_ : ndarray of shape (n_classes,)
        Effective number of calibration rows per class.

    See Also
    --------
    IsotonicCalibrator : One isotonic fit; interpolates, and keeps the ranking.

    Notes
    -----
    *The added row has the weight of one effective row.* This weight is the total weight
    of the class divided by Kish's effective sample size of the class. If all rows have
    the same weight, the added row has this weight, too.

    *The result is exact, also with weights and ties, and takes* :math:`O(n \log n)`.
    The cumulative diagram of the sorted scores is
    :math:`P_j = (\sum_{i \le j} w_i, \sum_{i \le j} w_i y_i)`. If a row of label 1 is
    added at the i-th score, the isotonic value at that score is

    .. math:: p_1(i) = \max_{a < i}\ \min_{b \ge i}\
       \mathrm{slope}\bigl(P_a - (1, 1),\ P_b\bigr).

    An added positive raises the fit. Therefore the minimum is always reached at the end
    of a block of the ordinary isotonic fit, and the maximum in the block of i. It
    follows that the inner minimum is the slope of a tangent from a point to one convex
    chain. Bisection finds the tangents of all points at once. The outer maximum is a
    running maximum. For the label 0, the diagram is rotated by 180 degrees. The result
    is the same as that of n separate isotonic fits.

    *Three or more classes* are handled as in ``IsotonicCalibrator``. Each interval is
    the interval of one class against the rest.

    References
    ----------
    .. [1] V. Vovk, I. Petej, V. Fedorova, "Large-scale probabilistic predictors with
       and without guarantees of validity", NIPS 2015, section 4 and equation 8.
    .. [2] R. Barlow et al., "Statistical inference under order restrictions", Wiley,
       1972, theorem 1.1 (the convex minorant).

    Examples
    --------
    >>> from skweight.calibration import VennAbersCalibrator
    >>> calibrator = VennAbersCalibrator().fit([-2, -1, 0, 1, 2, 3], [0, 0, 1, 0, 1, 1])
    >>> lower, upper = calibrator.predict_interval([-3.0, 0.5, 4.0])
    >>> lower[:, 1].round(3), upper[:, 1].round(3)
    (array([0.   , 0.333, 0.667]), array([0.333, 0.667, 1.   ]))
    >>> calibrator.predict_proba([-3.0, 0.5, 4.0])[:, 1].round(3)
    array([0.25, 0.5 , 0.75])
    """

    _learns_from_ranks = True

    def __init__(self, *, point="minimax"):
        self.point = point

    def _fit_curve(self, rows):
        check_choice(self.point, ("minimax", "mean"), name="point")
        merged, start, lower, upper = _interval_of_scores(rows)
        begins = np.flatnonzero(np.append(True, lower[1:] != lower[:-1]))
        ends = np.flatnonzero(np.append(upper[1:] != upper[:-1], True))
        curve = IntervalCurve(
            merged.scores[begins], lower[begins], merged.scores[ends], upper[ends]
        )
        # If a class has no rows, its frequency is not known, so the mean cannot be
        # matched to the frequency.
        if self.point == "mean" and rows.class_count.all():
            curve = curve._replace(share=_share_of_mean(merged, lower, upper))
        backwards = ranks_backwards(merged, rows.class_count)
        return curve, flatness(start.shape[0], merged.scores.shape[0], backwards)

    def predict_interval(self, scores):
        """Return two probabilities per class, one for each possible label of the row.

        Parameters
        ----------
        scores : array-like of shape (n_samples,), (n_samples, 1) or \
                (n_samples, n_classes)
            Scores of the same kind as in ``fit``.

        Returns
        -------
        lower, upper : ndarray of shape (n_samples, n_classes), dtype float64
            Probabilities in [0, 1]; columns follow ``classes_``. The predicted row is
            added to the calibration rows before the isotonic regression. For ``upper``,
            the added row has the label of the class. For ``lower``, it has another
            label.
        """
        scores = self._check_scores(scores)
        if self.classes_.shape[0] == 2:
            lower, upper = self.curves_[0].interval(scores)
            return np.stack([1 - upper, lower], 1), np.stack([1 - lower, upper], 1)
        odds = self._odds_against_rest(scores)
        pairs = [curve.interval(odds[:, k]) for k, curve in enumerate(self.curves_)]
        lower, upper = zip(*pairs, strict=True)
        return np.column_stack(lower), np.column_stack(upper)

    @classmethod
    def _instances(cls, labels):
        return [cls(), cls(point="mean")]


class InterpolatedVennAbersCalibrator(OneVersusRestCalibrator):
    """The minimax values at the calibration scores, shifted to have the right mean.

    This is a candidate of `AutoCalibrator`. The log odds of the minimax values are
    interpolated linearly, and shifted so that the mean probability is the frequency of
    the class. A score is a knot if the log odds pass a multiple of `LEVEL` between this
    score and a neighbouring score. Therefore the number of knots hardly grows with the
    number of rows.
    """

    _learns_from_ranks = True

    def _fit_curve(self, rows):
        merged, start, lower, upper = _interval_of_scores(rows)
        low, high = rows.tails.low, rows.tails.high
        with np.errstate(divide="ignore"):
            log_odds = np.clip(np.log(upper) - np.log1p(-lower), low, high)
        last = log_odds.shape[0] - 1
        passes = np.flatnonzero(np.diff(np.floor(log_odds / LEVEL)) > 0)
        knots = np.unique(np.concatenate([[0], passes, passes + 1, [last]]))
        log_odds = log_odds[knots]
        curve = LogOddsCurve(merged.scores[knots], log_odds)
        curve = curve.of_mean(*merged, (low - log_odds[0], high - log_odds[-1]))
        backwards = ranks_backwards(merged, rows.class_count)
        return curve, flatness(start.shape[0], last + 1, backwards)


def _interval_of_scores(rows):
    """Return the merged rows, the starts of the blocks, and two fits at each row.

    The first fit holds, for every score, the isotonic value at this score after a row
    with the label 0 is added there. The second fit does the same with the label 1.
    """
    merged = rows.merged
    negative_row, positive_row = rows.row_mass
    value, start = isotonic_blocks(merged.mass, merged.hits)
    x, y = np.zeros((2, merged.mass.shape[0] + 1))
    np.cumsum(merged.mass, out=x[1:])
    np.cumsum(merged.hits, out=y[1:])
    corner = np.append(start, x.shape[0] - 1)
    upper = _values_with_a_positive(x, y, corner, value, positive_row)
    # After a rotation by 180 degrees, an added negative is an added positive.
    np.subtract(x, y, out=y)
    lower = _values_with_a_positive(
        x[-1] - x[::-1],
        y[-1] - y[::-1],
        x.shape[0] - 1 - corner[::-1],
        1.0 - value[::-1],
        negative_row,
    )[::-1]
    np.subtract(1.0, lower, out=lower)
    np.maximum(lower, 0.0, out=lower)
    return merged, start, lower, upper


def _share_of_mean(merged, lower, upper):
    """Return t such that the mean of p0 + t (p1 - p0) is the class frequency."""
    room = merged.mass @ (upper - lower)
    missing = merged.hits.sum() - merged.mass @ lower
    return float(np.clip(missing / room, 0.0, 1.0)) if room > 0 else 0.5


def _values_with_a_positive(x, y, corner, value, added):
    """Return the isotonic value at each score after a positive is added at this score.

    ``added`` is the weight of the positive. ``x`` and ``y`` are the coordinates of the
    cumulative diagram, with n + 1 points. ``corner`` holds the positions of the corners
    of the greatest convex minorant of the diagram, including the first and the last
    point. ``value`` holds the isotonic value of each block between two corners.
    """
    chain_x, chain_y = x[corner], y[corner]
    last_corner = corner.shape[0] - 1
    # Each point except the last is shifted by the weight of the added positive. Then
    # the tangent from the shifted point to the chain is found. The search starts at the
    # end of the block of the point. The tangent touches the chain at the first corner
    # after which the chain is at least as steep as the line to that corner. For nearly
    # all points this corner is the end of the block of the point. For the other points,
    # bisection finds the corner, for all points at once.
    size = np.diff(corner)
    slope, run = np.repeat(chain_y[1:], size), np.repeat(chain_x[1:], size)
    for difference, origin in ((slope, y), (run, x)):
        difference -= origin[:-1]
        difference += added
    slope /= run
    # The values are not computed from the chain: with rows of nearly zero weight, this
    # would cause a division by 0.
    steepness = np.append(value, np.inf)
    point = np.flatnonzero(np.repeat(steepness[1:], size) < slope)
    low = np.searchsorted(corner, point, side="right") + 1
    high = np.full(point.shape[0], last_corner)
    from_x, from_y = x[point] - added, y[point] - added
    while (low < high).any():
        middle = (low + high) // 2
        view = (chain_y[middle] - from_y) / (chain_x[middle] - from_x)
        beyond = steepness[middle] < view
        low = np.where(beyond, middle + 1, low)
        high = np.where(beyond, high, middle)
    slope[point] = (chain_y[low] - from_y) / (chain_x[low] - from_x)
    np.maximum.accumulate(slope, out=slope)
    return np.minimum(slope, 1.0, out=slope)
