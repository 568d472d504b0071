"""The sigmoid (Platt) map: affine on the log scale."""

import numpy as np

from skweight._utils.validation import check_bool, check_number
from skweight.calibration._base import BaseCalibrator, warn_reversed
from skweight.calibration._engine.logistic import fit_slope
from skweight.calibration._engine.newton import Ridge
from skweight.calibration._engine.numerics import (
    binary_levels,
    binary_proba,
    log_normalise,
    smoothed_targets,
    soften_tails,
    softmax_proba,
)
from skweight.calibration._engine.softmax import (
    SoftmaxObjective,
    fit_shared_slope,
    fit_softmax,
)


class SigmoidCalibrator(BaseCalibrator):
    r"""Calibrate by an affine map of the log odds (Platt scaling).

    Use this calibrator for most problems, in particular if the rare class has at most a
    few hundred calibration rows. The map has only two parameters, so it hardly
    overfits. In a well-specified model, class weights shift the log odds by a constant.
    ``SigmoidCalibrator`` removes this shift exactly. An affine map cannot correct a
    reliability curve that bends, but ``IsotonicCalibrator`` can.

    With two classes and score :math:`s`

    .. math:: p(1 \mid s) = \sigma(a s + b), \qquad a > 0,

    and with more classes, where :math:`z` is the log-softmax of the row of scores,

    .. math:: p(\cdot \mid z) = \mathrm{softmax}(a \circ z + b), \qquad \sum_k b_k = 0,

    with a slope :math:`a_k` and an intercept :math:`b_k` for every class. The map is
    one joint map of all classes, not one-versus-rest.

    Parameters
    ----------
    smoothing : float, default=1.0
        Strength of the smoothing, in (0, inf). A larger value moves probabilities
        further away from 0 and 1. Smoothing keeps the slope finite if the scores
        separate the classes perfectly. For any number of classes, there are ``2 *
        smoothing`` pseudo-rows in all. The value 1 gives Platt's rule for two classes,
        with one pseudo-row per class. For the class of a row, the target is :math:`(N_k
        + m) / (N_k + 2 m)` instead of 1. The remaining target, up to the sum 1, is
        divided equally among the other classes. Here :math:`N_k` is the effective
        number of rows of the class, and :math:`m` is ``2 * smoothing / k``.
    ridge : float, default=4.0
        For three or more classes: how strongly the slopes are pulled towards the common
        slope of ``TemperatureCalibrator``, in [0, inf). A larger value helps when
        classes are rare; 0 fits all slopes freely. Of the values 1, 2, 4 and 8, the
        value 4 had the lowest mean log loss over several kinds of weighted models:
        linear, tree, forest and naive Bayes. The penalty on the mean cross-entropy is
        :math:`\lambda \frac{k}{n} \sum_j (a_j / \beta - 1)^2`, so it decreases as the
        effective number of rows :math:`n` grows.
    bounded : bool, default=True
        For two classes: whether to limit extreme probabilities if there are few
        calibration rows. If True, log odds outside Laplace's bounds :math:`[1 / (N_- +
        2), (N_+ + 1) / (N_+ + 2)]` grow only logarithmically. The ranking does not
        change. If False, Platt's formula is applied without bounds.

    Attributes
    ----------
    slope_ : float or ndarray of shape (n_classes,)
        Slope :math:`a`; a float for two classes.
    intercept_ : float or ndarray of shape (n_classes,)
        Intercept :math:`b`; a float for two classes.
    classes_ : ndarray of shape (n_classes,)
        Sorted labels, in the order of the columns of ``predict_proba``.
    class_count_ : ndarray of shape (n_classes,)
        Effective number of calibration rows per class.

    See Also
    --------
    TemperatureCalibrator : One slope for all classes.
    IsotonicCalibrator : Any increasing map, for thousands of rows of the rare class.
    PriorCalibrator : Undoes the effect of class weights without calibration rows.

    Notes
    -----
    *Slopes of zero or less are not used.* If the fitted slope is not positive, the best
    map that does not reverse the ranking is the constant map. Then the calibrator
    predicts the class frequencies for every row and issues a ``CalibrationWarning``.
    With three or more classes, if only some slopes are not positive, the calibrator
    fits one slope for all classes and issues the same warning. The slope is 1 if it
    cannot be estimated, because all rows have the same class or the same score.

    *Rows of scores are normalised.* If a constant is added to all scores of a row, the
    softmax of the row does not change. But with unequal slopes, the calibrated
    probabilities would change. The log-softmax removes the constant. Therefore the
    logits of a model and the log-probabilities of a model give the same result. If the
    mean of the row were subtracted instead, the noise of very small probabilities would
    be added to every class. With a few hundred rows, the log loss was higher with this
    alternative.

    *Cost.* The fit uses Newton's method with line search on standardised scores and is
    exact to rounding. For two classes, the cost is :math:`O(n)`: after a first fit on
    2048 bins of the scores, one pass over the rows is enough. For more classes, the
    cost is :math:`O(n k^2)`. The fit is deterministic, and rows of weight zero are
    ignored.

    References
    ----------
    .. [1] J. Platt, "Probabilistic outputs for support vector machines", Advances in
       Large Margin Classifiers, 1999 (the targets).
    .. [2] H.-T. Lin, C.-J. Lin, R. C. Weng, "A note on Platt's probabilistic outputs
       for support vector machines", Machine Learning 68, 2007, algorithm 1.
    .. [3] C. Guo et al., "On calibration of modern neural networks", ICML 2017,
       section 4.2 (vector scaling).

    Examples
    --------
    A model was trained as if both classes were equally frequent. In the population, one
    row in ten is positive. For the population, the scores of this model are too high by
    ``log(9)``:

    >>> import numpy as np
    >>> from skweight.calibration import SigmoidCalibrator
    >>> rng = np.random.default_rng(0)
    >>> logit = rng.normal(-3, 1.5, size=20_000)
    >>> y = rng.random(20_000) < 1 / (1 + np.exp(-logit))
    >>> scores = logit + np.log(9)
    >>> calibrator = SigmoidCalibrator().fit(scores, y)
    >>> print(f"{calibrator.slope_:.2f} {calibrator.intercept_:.2f}")
    1.02 -2.17
    >>> after = calibrator.predict_proba(scores)[:, 1]
    >>> print(f"mean probability {after.mean():.3f}, frequency {y.mean():.3f}")
    mean probability 0.099, frequency 0.099
    """

    def __init__(self, *, smoothing=1.0, ridge=4.0, bounded=True):
        self.smoothing = smoothing
        self.ridge = ridge
        self.bounded = bounded

    def _fit_binary(self, rows):
        self._tails = rows.tails
        check_number(self.smoothing, name="smoothing", low=0, include="neither")
        check_bool(self.bounded, name="bounded")
        fitted = fit_slope(
            rows.scores,
            rows.codes,
            rows.weight,
            rows.class_count,
            binary_levels(rows.class_count, self.smoothing),
        )
        self.slope_, self.intercept_ = float(fitted.slope), float(fitted.intercept)
        if fitted.refused:
            warn_reversed(self, rows, "every row gets the class frequencies")

    def _fit_multiclass(self, rows):
        check_number(self.smoothing, name="smoothing", low=0, include="neither")
        check_number(self.ridge, name="ridge", low=0, include="left")
        z = log_normalise(rows.scores)
        n_classes = z.shape[1]
        targets = smoothed_targets(rows.class_count, self.smoothing)
        shared = fit_shared_slope(
            z, rows.codes, rows.weight, rows.class_count, *targets
        )
        self.slope_ = shared.slope + 0 * shared.intercept
        self.intercept_ = shared.intercept
        if shared.refused:
            warn_reversed(self, rows, "every row gets the class frequencies")
            return
        # The slopes are divided by the common slope of all classes, because the ridge
        # pulls the slopes towards the common slope.
        centre = np.repeat([1.0, 0.0], n_classes)
        strength = 2 * self.ridge * n_classes / rows.class_count.sum()

        def build(u, codes, weight):
            objective = SoftmaxObjective(u, codes, weight, *targets)
            return Ridge(objective, strength * np.diag(centre), centre)

        start = np.append(np.ones(n_classes), shared.intercept)
        theta = fit_softmax(build, (shared.slope * z, rows.codes, rows.weight), start)
        slope, intercept = theta.reshape(2, n_classes)
        if (slope > 0).all():
            self.slope_ = shared.slope * slope
            self.intercept_ = intercept - intercept.mean()
        else:
            slope = shared.slope * slope
            warn_reversed(self, rows, "all classes share one slope", slope=slope)

    def _predict_binary(self, scores):
        logit = self.slope_ * scores + self.intercept_
        if self.bounded:
            soften_tails(logit, self._tails)
        return binary_proba(logit)

    def _predict_multiclass(self, scores):
        return softmax_proba(self.slope_ * log_normalise(scores) + self.intercept_)

    @classmethod
    def _instances(cls, labels):
        return [cls(), cls(smoothing=2.5, ridge=0.5)]
