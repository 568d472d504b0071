"""The beta map: two slopes, one for small and one for large probabilities."""

import numpy as np

from skweight.calibration._bent import BentCalibrator
from skweight.calibration._engine.logistic import (
    LogisticObjective,
    fit_best_edge,
    fit_logistic,
    standardise,
)

_LOG_2 = np.log(2.0)

# The fit clips log odds to this size. Without the clipping, a single log odds of 1e7
# would make all other log odds lose digits.
_FAR = 1e4


class OddAndEven:
    r"""The score s, and the even function :math:`\log \cosh(s / 2)`.

    Let :math:`q = \sigma(s)`. Then :math:`a \log q - b \log(1 - q)` equals :math:`m s +
    d \log(2 \cosh(s / 2))`, where :math:`m = (a + b) / 2` and :math:`d = b - a`. For
    small scores, the two logarithms are nearly collinear. The odd function :math:`s`
    and the even function :math:`\log \cosh(s / 2)` are not collinear, so the fit uses
    these two functions. They are computed from the log odds, because a probability
    close to 1 loses digits. They are divided by the spread of the scores, so that the
    tolerance of the Newton steps has the same meaning at any scale of the scores.
    """

    def __init__(self, unit):
        self.unit = unit

    def __call__(self, scores):
        features = np.empty((2, scores.shape[0]))
        odd, even = features
        inverse = 1 / self.unit
        np.multiply(scores, inverse, out=odd)
        far = np.abs(scores)
        np.negative(far, out=even)
        np.exp(even, out=even)
        even += 1.0
        np.log(even, out=even)
        even -= _LOG_2
        even *= inverse
        far *= 0.5 * inverse
        even += far
        return features


class TwoLogs:
    r"""The features :math:`\log q` (<= 0) and :math:`-\log(1 - q)` (>= 0).

    If the slopes of both features are zero or more, the sum of the two terms is
    increasing even after rounding. With the features :math:`s` and :math:`\log \cosh(s
    / 2)`, rounding can destroy this property: if one slope is zero, the two terms
    cancel for large scores.
    """

    def __call__(self, scores):
        features = np.empty((2, scores.shape[0]))
        low, high = features
        log_term = np.log1p(np.exp(-np.abs(scores)))
        np.minimum(scores, 0.0, out=low)
        np.maximum(scores, 0.0, out=high)
        low -= log_term
        high += log_term
        return features


# The increasing maps form a cone with two edges: the maps with a = 0 and the maps with
# b = 0.
_EDGES = [np.array([[1.0, 0.0], [d, 0.0], [0.0, 1.0]]) for d in (2.0, -2.0)]


class BetaCalibrator(BentCalibrator):
    r"""Calibrate by the ratio of two beta densities.

    Use this calibrator if the scores are log odds, the reliability curve bends, and the
    rare class has hundreds of calibration rows. The map from scores to probabilities
    has one slope for small probabilities and one slope for large probabilities, and the
    map is always increasing. The fit can also return the identity, so a calibrated
    model stays calibrated. With fewer rows, use ``AnchoredCalibrator``.

    With :math:`q = \sigma(s)` the probability of the score,

    .. math:: p(1 \mid s) = \sigma\left(c + a \log q - b \log(1 - q)\right),
       \qquad a, b \ge 0.

    Parameters
    ----------
    smoothing : float, default=1.0
        Number of pseudo-rows per class, in (0, inf), as in ``SigmoidCalibrator``. A
        larger number moves probabilities further away from 0 and 1.
    bounded : bool, default=True
        Whether to limit extreme probabilities, as in ``SigmoidCalibrator``.

    Attributes
    ----------
    curves_ : list of LogitCurve
        For two classes: the curve of the second class. For more classes: one curve for
        each class against the rest. ``theta`` of a curve holds the parameters a, b and
        c of the map.
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
    QuadraticCalibrator : Has a quadratic term instead of two slopes.
    AnchoredCalibrator : A map with a prior, for fewer rows.

    Notes
    -----
    *The slopes a and b are never negative.* If the best fit has a negative slope, the
    calibrator makes two more fits: one with a = 0, and one with b = 0. The problem is
    convex, so the better of these two fits is the best map without negative slopes. If
    no map with a positive slope is better than a constant, a ``CalibrationWarning`` is
    issued, and the probabilities of every row are the class frequencies.

    *Scores must be log odds*, because a shift of the scores would change the map. Use
    ``SigmoidCalibrator`` or ``QuadraticCalibrator`` for margins. A score above 37 has
    the probability 1 in floating point. The logarithms are computed directly from the
    log odds. Therefore scores above 37 keep their order.

    *Three or more classes* are handled as in ``IsotonicCalibrator``.

    *Cost.* The fit uses Newton's method on bins of the score and one pass over the
    rows: :math:`O(n)`, or :math:`O(n k)` for k classes. The fit is deterministic, and
    rows of weight zero are ignored.

    References
    ----------
    .. [1] M. Kull, T. Silva Filho, P. Flach, "Beta calibration: a well-founded and
       easily implemented improvement on logistic calibration for binary classifiers",
       AISTATS 2017, equation 5.

    Examples
    --------
    Suppose that the positive log odds of a model are three times too large:

    >>> import numpy as np
    >>> from skweight.calibration import BetaCalibrator, SigmoidCalibrator
    >>> rng = np.random.default_rng(0)
    >>> logit = rng.normal(-1, 1.5, size=20_000)
    >>> p = 1 / (1 + np.exp(-logit))
    >>> y = rng.random(20_000) < p
    >>> scores = np.where(logit > 0, 3 * logit, logit)
    >>> for calibrator in (SigmoidCalibrator(), BetaCalibrator()):
    ...     q = calibrator.fit(scores, y).predict_proba(scores)[:, 1]
    ...     print(f"{np.abs(q - p).mean():.3f}")
    0.045
    0.012
    """

    def _fit_bent(self, scores, codes, weight, levels, near):
        standard = standardise(scores, weight)
        if standard.peak > _FAR:
            scores = np.clip(scores, -_FAR, _FAR)
            standard = standardise(scores, weight)
        unit = np.hypot(standard.centre, standard.scale)
        objective = LogisticObjective(
            OddAndEven(unit), scores, codes, weight, levels, standard
        )
        theta = fit_logistic(objective, objective.constant(n_features=2))
        if abs(theta[1]) > 2 * theta[0]:
            theta = fit_best_edge(objective, _EDGES)
        if theta is None:
            return objective, None, None
        mean, difference, at_zero = theta / [unit, unit, 1.0]
        a, b = max(mean - difference / 2, 0.0), max(mean + difference / 2, 0.0)
        c = at_zero - difference * _LOG_2
        return objective, TwoLogs(), np.array([a, b, c])
