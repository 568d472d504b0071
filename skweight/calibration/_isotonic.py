"""Isotonic regression, clipped away from 0 and 1."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from skweight._utils.validation import check_bool
from skweight.calibration._engine.lookup import interpolate
from skweight.calibration._engine.merged import (
    flatness,
    isotonic_blocks,
    ranks_backwards,
)
from skweight.calibration._engine.numerics import binary_proba
from skweight.calibration._one_versus_rest import OneVersusRestCalibrator

# Largest number of Newton steps to match the mean probability to the class frequency;
# usually a few steps are enough.
_MOST_STEPS = 60


class Curve(NamedTuple):
    """A piecewise linear map from scores to probabilities, constant outside the knots.

    Attributes
    ----------
    scores : ndarray of shape (n_knots,)
        The scores of the knots, strictly increasing.
    proba : ndarray of shape (n_knots,)
        The probabilities at the knots, never decreasing, inside (0, 1).
    """

    scores: np.ndarray
    proba: np.ndarray

    def __call__(self, scores):
        """Return the probabilities of both classes, shape (n, 2)."""
        proba = interpolate(scores, self.scores, self.proba)
        return np.column_stack([1.0 - proba, proba])


class LogOddsCurve(NamedTuple):
    """A piecewise linear map from scores to log odds, constant outside the knots.

    Attributes
    ----------
    scores, log_odds : ndarray of shape (n_knots,)
        The scores are strictly increasing. The log odds never decrease.
    """

    scores: np.ndarray
    log_odds: np.ndarray

    def __call__(self, scores):
        """Return the probabilities of both classes, shape (n, 2)."""
        return binary_proba(interpolate(scores, self.scores, self.log_odds))

    def of_mean(self, scores, mass, hits, room):
        """Return the curve, shifted to make the mean equal to the class frequency.

        ``room`` holds the smallest and the largest allowed shift.
        """
        logit = interpolate(scores, self.scores, self.log_odds)
        goal = hits.sum()
        low, high = room
        shift = 0.0
        for _ in range(_MOST_STEPS):
            proba = expit(logit + shift)
            off = mass @ proba - goal
            low, high = (low, shift) if off > 0 else (shift, high)
            if abs(off) <= 1e-9 * goal or high - low <= 1e-12:
                break
            step = shift - off / max(mass @ (proba * (1 - proba)), 1e-300)
            shift = step if low < step < high else (low + high) / 2
        return self._replace(log_odds=self.log_odds + shift)


class IsotonicCalibrator(OneVersusRestCalibrator):
    r"""Calibrate by isotonic regression.

    Use this calibrator if the rare class has hundreds of calibration rows and the
    reliability curve does not have the form of a sigmoid. With fewer rows, isotonic
    regression overfits. In that case, ``SigmoidCalibrator`` is better, even if the
    curve is not a sigmoid.

    The curve minimises the weighted squared error

    .. math:: \min_{f\ \mathrm{increasing}} \sum_i w_i (y_i - f(s_i))^2

    Rows with equal scores are merged first. The algorithm is "pool adjacent violators".
    The curve is clipped to

    .. math:: \left[\frac{1}{N_- + 2},\; \frac{N_+ + 1}{N_+ + 2}\right],

    where :math:`N_+` is the effective number of rows with the label, and :math:`N_-` is
    the effective number of rows without the label. The formula adds one row to each
    class, because few rows are no evidence for more extreme probabilities. If the
    weights differ between the classes, the added row has the weight of one effective
    row: the total weight of the class divided by its effective sample size. No
    probability is ever 0 or 1.

    Parameters
    ----------
    centered : bool, default=True
        If True, the curve rises everywhere, so the ranking and the AUC do not change.
        If False, the curve has flat blocks, as in scikit-learn: all scores in a block
        have the same probability. On the problems of the user guide, the excess log
        loss of the rising curve is about half of that of the curve with flat blocks.
        The rising curve is fitted by centred isotonic regression. The curve has one
        knot at the mean score of every block, and interpolates the log odds linearly
        between the knots. One pseudo-positive is added at the lowest score and one
        pseudo-negative at the highest score. The curve is shifted so that the mean
        probability is the frequency of the class.

    Attributes
    ----------
    curves_ : list of LogOddsCurve or Curve
        The attributes ``scores`` and ``log_odds`` of a curve hold its knots. If
        ``centered`` is False, the attributes are ``scores`` and ``proba``. For two
        classes: the curve of the second class. For more classes: one curve for each
        class against the rest.
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
    SigmoidCalibrator : Two parameters, for few rows.

    Notes
    -----
    *Three or more classes.* First, the map of ``TemperatureCalibrator`` for all classes
    together is applied to the scores. Then one curve per class is fitted to the log
    odds of the class against the other classes ("the rest"), and the k probabilities
    are divided by the sum of the k probabilities. The first step is necessary if the
    model was trained with class weights. Class weights change the mix of the classes in
    "the rest", so the log odds against the rest no longer rank the rows correctly.
    After the division by the sum, the probabilities of a class do not rank the rows
    exactly as the curve of this class does.

    *Outside the range* of the calibration scores, the curve is constant. If the scores
    rank no better than chance, the whole curve is constant, and a
    ``CalibrationWarning`` is issued.

    *Cost.* The fit sorts the scores in :math:`O(n \log n)`; all other steps of the fit
    take :math:`O(n)`. For k classes, the fit takes k times as long as for two classes.
    Prediction takes :math:`O(\log n)` per score. The fit is deterministic, and rows of
    weight zero are ignored.

    References
    ----------
    .. [1] B. Zadrozny, C. Elkan, "Transforming classifier scores into accurate
       multiclass probability estimates", KDD 2002.
    .. [2] J. de Leeuw, K. Hornik, P. Mair, "Isotone optimization in R:
       pool-adjacent-violators algorithm (PAVA) and active set methods", Journal of
       Statistical Software 32(5), 2009 (the secondary approach to ties).
    .. [3] A. P. Oron, N. Flournoy, "Centered isotonic regression: point and interval
       estimation for dose-response studies", Statistics in Biopharmaceutical Research
       9(3), 2017.

    Examples
    --------
    >>> from skweight.calibration import IsotonicCalibrator
    >>> scores = [-2, -1, 0, 1, 2, 3]
    >>> y = [0, 0, 1, 0, 1, 1]
    >>> IsotonicCalibrator().fit(scores, y).predict_proba(scores)[:, 1].round(3)
    array([0.3  , 0.382, 0.46 , 0.54 , 0.618, 0.7  ])
    >>> blocks = IsotonicCalibrator(centered=False).fit(scores, y)
    >>> blocks.predict_proba(scores)[:, 1]
    array([0.2, 0.2, 0.5, 0.5, 0.8, 0.8])
    """

    _learns_from_ranks = True

    def __init__(self, *, centered=True):
        self.centered = centered

    def _fit_curve(self, rows):
        check_bool(self.centered, name="centered")
        backwards = ranks_backwards(rows.merged, rows.class_count)
        knots, mass, hits = rows.merged
        low, high = expit([rows.tails.low, rows.tails.high])
        if self.centered:
            # One pseudo-positive row is added at the lowest score, and one
            # pseudo-negative row at the highest score.
            mass, hits = mass.copy(), hits.copy()
            negative_row, positive_row = rows.row_mass
            mass[0] += positive_row
            hits[0] += positive_row
            mass[-1] += negative_row
        value, start = isotonic_blocks(mass, hits)
        end = np.append(start[1:], knots.shape[0]) - 1
        value = np.clip(value, low, high)
        if self.centered:
            block_mass = np.add.reduceat(mass, start)
            x = np.add.reduceat(knots * mass, start) / block_mass
            # Rounding must not move the mean score of a block outside the block.
            x = np.clip(x, knots[start], knots[end])
            x, p = _rising_tails(x, value, knots, block_mass, low, high)
        else:
            x = np.column_stack([knots[start], knots[end]]).ravel()
            p = np.repeat(value, 2)
            keep = np.append(True, np.diff(x) > 0)
            x, p = x[keep], p[keep]
        curve = Curve(x, p)
        if self.centered:
            room = rows.tails.low - logit(p[0]), rows.tails.high - logit(p[-1])
            curve = LogOddsCurve(x, logit(p)).of_mean(knots, mass, hits, room)
        return curve, flatness(value.shape[0], knots.shape[0], backwards)

    @classmethod
    def _instances(cls, labels):
        return [cls(), cls(centered=False)]


def _rising_tails(x, p, knots, block_mass, low, high):
    """Extend a centred curve from its outer knots to the ends of the range.

    At the end of the extension, the probability is the same as if one row were added to
    the outermost block. With this slope, the curve keeps the ranking, and the mean of
    the block hardly changes.
    """
    if knots[0] < x[0]:
        x = np.append(knots[0], x)
        p = np.append(p[0] - (p[0] - low) / (block_mass[0] + 1.0), p)
    if x[-1] < knots[-1]:
        x = np.append(x, knots[-1])
        p = np.append(p, p[-1] + (high - p[-1]) / (block_mass[-1] + 1.0))
    return x, p
