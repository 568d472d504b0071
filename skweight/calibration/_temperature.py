"""Temperature scaling, with a bias per class to undo class weights."""

from skweight._utils.validation import check_bool, check_number
from skweight._utils.warn import warn
from skweight.calibration._base import BaseCalibrator, warn_reversed
from skweight.calibration._engine.logistic import fit_slope
from skweight.calibration._engine.numerics import (
    binary_levels,
    binary_proba,
    centre_rows,
    smoothed_targets,
    soften_tails,
    softmax_proba,
)
from skweight.calibration._engine.softmax import fit_shared_slope
from skweight.exceptions import CalibrationWarning


class TemperatureCalibrator(BaseCalibrator):
    r"""Calibrate by one slope for all classes, and a bias for each class.

    Use this calibrator for many classes or few calibration rows, because for k classes
    it fits only one slope and k - 1 free biases. Class weights shift the log odds.
    Classical temperature scaling has no bias, so it cannot undo this shift.
    ``TemperatureCalibrator`` fits biases by default.

    With two classes, :math:`s` is the score. With more classes, :math:`z` is the row of
    scores:

    .. math::

        p(1 \mid s) = \sigma(\beta s + b), \qquad
        p(\cdot \mid z) = \mathrm{softmax}(\beta z + b), \quad \sum_k b_k = 0.

    With two classes and a bias, the probabilities, the slope and the intercept are the
    same as those of ``SigmoidCalibrator``. With three or more classes,
    ``SigmoidCalibrator`` fits a slope for each class. Therefore ``SigmoidCalibrator``
    can correct a single over-confident class, but it needs more rows.

    Parameters
    ----------
    bias : bool, default=True
        Whether to fit a bias per class. False means classical temperature scaling. Then
        the order of the classes within a row does not change, but the mean probability
        of a class cannot be corrected. Use False only if no class was weighted or
        resampled in training.
    smoothing : float, default=1.0
        Strength of the smoothing, in (0, inf). A larger value moves probabilities
        further away from 0 and 1. There are ``2 * smoothing`` pseudo-rows in all,
        equally many for each class. As in ``SigmoidCalibrator``, the pseudo-rows keep
        the slope finite if the scores separate the classes perfectly.
    bounded : bool, default=True
        For two classes: whether to limit extreme probabilities, as in
        ``SigmoidCalibrator``.

    Attributes
    ----------
    slope_ : float
        Slope :math:`\beta`, the inverse of the temperature.
    intercept_ : float or ndarray of shape (n_classes,)
        Bias :math:`b`; a float for two classes, zero if ``bias`` is False.
    classes_ : ndarray of shape (n_classes,)
        Sorted labels, in the order of the columns of ``predict_proba``.
    class_count_ : ndarray of shape (n_classes,)
        Effective number of calibration rows per class.

    See Also
    --------
    SigmoidCalibrator : A slope for every class.
    PriorCalibrator : Has only a bias, computed from the training weights by a formula.

    Notes
    -----
    The problem is convex. Newton's method with line search solves the problem to
    rounding, in :math:`O(n)` for two classes and :math:`O(n k^2)` for more classes. A
    slope of zero or less is not used. In this case, a ``CalibrationWarning`` is issued,
    and the calibrator predicts the class frequencies for every row. If ``bias`` is
    False, it predicts equal probabilities for all classes. The slope is 1 if it cannot
    be estimated, because all rows have the same class or the same scores.

    References
    ----------
    .. [1] C. Guo et al., "On calibration of modern neural networks", ICML 2017,
       equation 9.
    .. [2] A. Alexandari, A. Kundaje, A. Shrikumar, "Maximum likelihood with
       bias-corrected calibration is hard-to-beat at label shift adaptation", ICML 2020,
       (temperature scaling with a bias per class).

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.calibration import TemperatureCalibrator
    >>> rng = np.random.default_rng(0)
    >>> balanced = rng.normal(size=(20_000, 3))  # log scores of a balanced model
    >>> p = np.exp(balanced) * [0.6, 0.3, 0.1]
    >>> p /= p.sum(axis=1, keepdims=True)
    >>> y = (rng.random((20_000, 1)) > p.cumsum(axis=1)).sum(axis=1)
    >>> print((np.bincount(y) / len(y)).round(3))
    [0.546 0.326 0.127]
    >>> for bias in (True, False):
    ...     calibrator = TemperatureCalibrator(bias).fit(balanced, y)
    ...     print(calibrator.predict_proba(balanced).mean(axis=0).round(3))
    [0.546 0.326 0.127]
    [0.333 0.333 0.333]
    """

    def __init__(self, bias=True, *, smoothing=1.0, bounded=True):
        self.bias = bias
        self.smoothing = smoothing
        self.bounded = bounded

    def _fit_binary(self, rows):
        self._tails = rows.tails
        self._check()
        levels = binary_levels(rows.class_count, self.smoothing)
        self._fit_slope(fit_slope, rows.scores, rows, levels)
        self.intercept_ = float(self.intercept_)

    def _fit_multiclass(self, rows):
        self._check()
        own_target, other_target = smoothed_targets(rows.class_count, self.smoothing)
        scores = centre_rows(rows.scores)
        self._fit_slope(fit_shared_slope, scores, rows, own_target, other_target)

    def _check(self):
        check_number(self.smoothing, name="smoothing", low=0, include="neither")
        for name in ("bias", "bounded"):
            check_bool(getattr(self, name), name=name)

    def _fit_slope(self, solve, scores, rows, *targets):
        fitted = solve(
            scores,
            rows.codes,
            rows.weight,
            rows.class_count,
            *targets,
            bias=self.bias,
        )
        self.slope_, self.intercept_ = float(fitted.slope), fitted.intercept
        if not fitted.refused:
            return
        if self.bias:
            warn_reversed(self, rows, "every row gets the class frequencies")
        else:
            # Without a bias, the usual cause of a slope of zero or less is a shift of
            # the scores, not a wrong ranking. Class weights can shift the scores so far
            # that no positive slope is better than a slope of zero.
            warn(
                f"{type(self).__name__}: for these scores, equal probabilities have a "
                "lower loss than every positive slope. Therefore every row gets "
                "equal probabilities. If the model had class weights in training, "
                "set bias=True, because class weights shift the scores.",
                CalibrationWarning,
            )

    def _predict_binary(self, scores):
        logit = self.slope_ * scores + self.intercept_
        if self.bounded:
            soften_tails(logit, self._tails)
        return binary_proba(logit)

    def _predict_multiclass(self, scores):
        return softmax_proba(self.slope_ * scores + self.intercept_)

    @classmethod
    def _instances(cls, labels):
        return [cls(), cls(bias=False)]
