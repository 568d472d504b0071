"""Vector and structured matrix scaling, after inversion and temperature."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_expit

from skweight._utils.validation import check_bool, check_number
from skweight.calibration._base import BaseCalibrator, warn_reversed
from skweight.calibration._engine.newton import Restricted, Ridge
from skweight.calibration._engine.numerics import (
    binary_proba,
    centre_rows,
    log_normalise,
    smoothed_targets,
    softmax_proba,
)
from skweight.calibration._engine.softmax import (
    SoftmaxObjective,
    fit_shared_slope,
    fit_softmax,
    strides,
)

# Number of pseudo-rows. They keep the temperature finite if the scores separate the
# classes. The number is so small that in other cases the fit hardly changes.
_TRACE = 1e-6


class VectorScalingCalibrator(BaseCalibrator):
    r"""Calibrate by a slope and a bias per class, with a ridge (vector scaling).

    Use this calibrator if there are three or more classes, the model was trained with
    class weights or resampling, and there are at least a few hundred calibration rows.
    The fit has three steps. First, a formula undoes the effect of the training weights.
    Second, one temperature is fitted. Third, a slope and a bias per class are fitted. A
    ridge penalty keeps the map close to the result of the first two steps.

    Let :math:`z` be the log-probabilities after the first two steps. The third step is

    .. math:: p(\cdot \mid z) = \mathrm{softmax}((1 + v) \circ z + b), \qquad
       \min_{v, b} \frac{1}{n} \sum_i w_i\, \ell_i
       + \lambda \frac{k}{n} \left(\|v\|^2 + \|b\|^2\right),

    where :math:`\ell` is the log loss. The sum of the weights is :math:`n`, the
    effective number of rows.

    Parameters
    ----------
    ridge : float, default=1.0
        Size :math:`\lambda` of the ridge penalty, in (0, inf). A larger value keeps the
        map closer to the result of the first two steps.
    inversion : bool, default=True
        Whether to undo the effect of the training weights by a formula first, if
        ``class_multiplier`` is passed to ``fit``. False is better for the votes of
        forests, because the formula is far from right for votes. Without the formula,
        the biases learn the whole effect of the weights.

    Attributes
    ----------
    temperature_ : float
        Divisor of the scores in the second step.
    slope_, intercept_ : ndarray of shape (n_classes,)
        The slopes :math:`1 + v` and the biases :math:`b` of the third step.
    class_multiplier_ : ndarray of shape (n_classes,)
        The class multipliers whose effect the first step undoes; all are 1 without this
        step.
    classes_ : ndarray of shape (n_classes,)
        Sorted labels, in the order of the columns of ``predict_proba``.
    class_count_ : ndarray of shape (n_classes,)
        Effective number of calibration rows per class.

    See Also
    --------
    StructuredMatrixScalingCalibrator : Adds a slope for each pair of classes.
    AnchoredCalibrator : Has a prior that undoes class weights, and no temperature.
    SigmoidCalibrator : The ridge pulls slopes to a common slope; biases have no ridge.

    Notes
    -----
    Let n be the number of rows and k the number of classes. Before the third step, each
    probability p is replaced by a weighted mean of p and 1 / k. In this mean, 1 / k has
    the weight 1 / (n + 1). Therefore even a probability of zero has a finite loss. With
    two classes, the map has the form of ``BetaCalibrator``. The map is increasing if
    both slopes are positive. If a slope is not positive, the calibrator fits one slope
    for all classes and issues a ``CalibrationWarning``.

    Cost: Newton's method, exact to rounding, :math:`O(n k^2)`. Deterministic.

    References
    ----------
    .. [1] E. Berta, D. Holzmüller, M. I. Jordan, F. Bach, "Structured matrix scaling
       for multi-class calibration", arXiv:2511.03685, 2025 (the ridge).
    .. [2] C. Guo et al., "On calibration of modern neural networks", ICML 2017,
       section 4.2 (vector scaling).

    Examples
    --------
    The model was trained on three classes as if they were equally frequent:

    >>> import numpy as np
    >>> from skweight.calibration import VectorScalingCalibrator
    >>> rng = np.random.default_rng(0)
    >>> frequency = np.array([0.6, 0.3, 0.1])
    >>> truth = rng.normal(size=(2000, 3)) + np.log(frequency)
    >>> y = (truth + rng.gumbel(size=truth.shape)).argmax(axis=1)
    >>> scores = 1.5 * (truth - np.log(frequency))
    >>> calibrator = VectorScalingCalibrator()
    >>> calibrator = calibrator.fit(scores, y, class_multiplier=1 / frequency)
    >>> print((np.bincount(y) / 2000).round(3))
    [0.523 0.344 0.133]
    >>> print(calibrator.predict_proba(scores).mean(axis=0).round(3))
    [0.523 0.344 0.134]
    """

    def __init__(self, *, ridge=1.0, inversion=True):
        self.ridge = ridge
        self.inversion = inversion

    def fit(
        self, scores, y, sample_weight=None, *, classes=None, class_multiplier=None
    ):
        """Learn the map from scores to probabilities.

        Parameters
        ----------
        scores : array-like of shape (n_samples,), (n_samples, 1) or \
                (n_samples, n_classes)
            Log-scale scores of held-out rows, which were not used to fit the model.
        y : array-like of shape (n_samples,)
            Labels of the rows, of any type.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights. Only their ratios matter; rows of weight zero are
            ignored. Never pass class weights.
        classes : array-like of shape (n_classes,), default=None
            All labels, sorted as by ``numpy.unique``; None takes the labels of ``y``.
        class_multiplier : array-like of shape (n_classes,), default=None
            Total training weight of each class, including class weights and resampling,
            divided by the total population weight of the class. Positive; only ratios
            matter. None means that the model was not weighted.

        Returns
        -------
        self : object
            The fitted calibrator.

        Raises
        ------
        ValueError
            Scores must be finite and have the right shape. Every label must be among
            ``classes``, and there must be at least two classes. Weights and multipliers
            must be usable. Every parameter must be in its range. Otherwise, this error
            is raised.

        Warns
        -----
        CalibrationWarning
            If a class has no row of positive weight.
        CalibrationWarning
            If the scores rank the classes in the wrong direction.
        """
        self._check_parameters()
        return self._fit(scores, y, sample_weight, classes, class_multiplier)

    def _check_parameters(self):
        check_number(self.ridge, name="ridge", low=0, include="neither")
        check_bool(self.inversion, name="inversion")

    def _fit_binary(self, rows):
        self._fit_tempered(rows)

    def _fit_multiclass(self, rows):
        self._fit_tempered(rows)

    def _fit_tempered(self, rows):
        multiplier = rows.class_multiplier if self.inversion else None
        if multiplier is None:
            multiplier = np.ones(self.classes_.shape[0])
        self.class_multiplier_ = multiplier
        self._log_multiplier = np.log(multiplier)
        self._n_rows = rows.weight.sum()
        z = centre_rows(self._inverted(rows.scores))
        data = (z, rows.codes, rows.weight, rows.class_count)
        targets = smoothed_targets(rows.class_count, _TRACE)
        shared = fit_shared_slope(*data, *targets, bias=False)
        if shared.refused:
            # The scores may rank the rows correctly, but with a shift. Therefore the
            # temperature is fitted again, together with a bias.
            shared = fit_shared_slope(*data, *targets)
        self.temperature_ = 1 / shared.slope if shared.slope > 0 else np.inf
        if shared.refused:
            self._keep(np.zeros(self.classes_.shape[0]), shared.intercept)
            warn_reversed(self, rows, "every row gets the class frequencies")
            return
        z = self._tempered(rows.scores)
        slope = self._fit_slopes(z, rows.codes, rows.weight)
        # The slope of a class without rows has no meaning. Another warning reports a
        # class without rows.
        if slope.min() <= 0 and (rows.class_count > 0).all():
            warn_reversed(self, rows, "all classes share one slope", slope=slope)

    def _keep(self, slope, intercept):
        self.slope_, self.intercept_ = slope, intercept

    def _fit_slopes(self, z, codes, weight):
        """Fit the third step; return the fitted slopes, also negative slopes."""
        n_classes = self.classes_.shape[0]
        centre = np.repeat([1.0, 0.0], n_classes)
        strength = 2 * self.ridge * n_classes / self._n_rows
        precision = strength * np.eye(2 * n_classes)
        own_target, other_target = np.ones(n_classes), np.zeros(n_classes)

        def fit(basis, start):
            def build(z, codes, weight):
                objective = SoftmaxObjective(z, codes, weight, own_target, other_target)
                return Restricted(Ridge(objective, precision, centre), basis)

            theta = basis @ fit_softmax(build, (z, codes, weight), start)
            return theta.reshape(2, n_classes)

        identity = np.eye(2 * n_classes)
        free_slopes, intercept = fit(identity, centre)
        slope = free_slopes
        if free_slopes.min() <= 0:
            shared = np.column_stack([centre, identity[:, n_classes:]])
            slope, intercept = fit(shared, np.eye(n_classes + 1)[0])
            slope = np.maximum(slope, 0.0)
        self._keep(slope, intercept)
        return free_slopes

    def _inverted(self, scores):
        if scores.ndim == 1:
            scores = np.stack([-scores / 2, scores / 2], axis=1)
        return scores - self._log_multiplier

    def _tempered(self, scores):
        """Return log-probabilities after the temperature, mixed with 1 / k."""
        z = log_normalise(self._inverted(scores) / self.temperature_)
        n_classes = z.shape[1]
        floor = -np.log(n_classes * self._n_rows)
        return np.logaddexp(z, floor) - np.log1p(1 / self._n_rows)

    def _predict_binary(self, scores):
        # For two classes, the code below computes the same result as `_tempered` and
        # `_logits`. It makes fewer calls, to save time if there is only one row.
        shift = self._log_multiplier[1] - self._log_multiplier[0]
        odds = (scores - shift) / self.temperature_
        floor = -np.log(2 * self._n_rows)
        mixed = np.log1p(1 / self._n_rows)
        logit = self.slope_[1] * (np.logaddexp(log_expit(odds), floor) - mixed)
        logit -= self.slope_[0] * (np.logaddexp(log_expit(-odds), floor) - mixed)
        logit += self.intercept_[1] - self.intercept_[0]
        return binary_proba(logit)

    def _predict_multiclass(self, scores):
        return softmax_proba(self._logits(self._tempered(scores)))

    def _logits(self, z):
        return self.slope_ * z + self.intercept_


class StructuredMatrixScalingCalibrator(VectorScalingCalibrator):
    r"""Calibrate by a matrix and a bias, with a ridge (matrix scaling).

    Use this calibrator if there are thousands of calibration rows, and if one slope per
    class is not enough to correct how the model confuses classes. With fewer rows, the
    ridge keeps the map close to the map of ``VectorScalingCalibrator``. The fit has
    three steps. The first two steps are the same as in ``VectorScalingCalibrator``: a
    formula undoes the effect of the training weights, and one temperature is fitted.
    The third step is

    .. math:: p(\cdot \mid z) = \mathrm{softmax}((I + \mathrm{diag}(v) + M) z + b),

    with the ridge :math:`\lambda k / n` on v and on b, and the ridge :math:`\lambda k
    (k - 1) / n` on M. The diagonal of M is zero.

    Parameters
    ----------
    ridge : float, default=1.0
        Size :math:`\lambda` of the ridge penalty, in (0, inf). A larger value keeps the
        map closer to the result of the first two steps.
    inversion : bool, default=True
        Whether to undo the effect of the training weights by a formula first, as in
        ``VectorScalingCalibrator``.

    Attributes
    ----------
    matrix_ : ndarray of shape (n_classes, n_classes)
        The matrix :math:`I + \mathrm{diag}(v) + M` of the third step.
    temperature_ : float
        Divisor of the scores in the second step.
    slope_, intercept_ : ndarray of shape (n_classes,)
        The diagonal of ``matrix_``, and the biases :math:`b`.
    class_multiplier_ : ndarray of shape (n_classes,)
        The class multipliers whose effect the first step undoes; all are 1 without this
        step.
    classes_ : ndarray of shape (n_classes,)
        Sorted labels, in the order of the columns of ``predict_proba``.
    class_count_ : ndarray of shape (n_classes,)
        Effective number of calibration rows per class.

    See Also
    --------
    VectorScalingCalibrator : Only one slope per class, for fewer rows.

    Notes
    -----
    With two classes, the matrix M is set to zero, because the slopes v alone give the
    same maps. The result is then the map of ``VectorScalingCalibrator``.

    *Cost.* A step of Newton's method takes :math:`O(n k^2)`. The step does not compute
    the Hessian, because the Hessian would have :math:`O(k^4)` entries. With many rows,
    the first fit uses only a subset of the rows. After that, a few steps on all rows
    are enough. The fit is deterministic.

    References
    ----------
    .. [1] E. Berta, D. Holzmüller, M. I. Jordan, F. Bach, "Structured matrix scaling
       for multi-class calibration", arXiv:2511.03685, 2025.

    Examples
    --------
    A model that confuses the second class with the third:

    >>> import numpy as np
    >>> from skweight.calibration import (
    ...     StructuredMatrixScalingCalibrator,
    ...     VectorScalingCalibrator,
    ... )
    >>> rng = np.random.default_rng(0)
    >>> truth = 2 * rng.normal(size=(5000, 3))
    >>> y = (truth + rng.gumbel(size=truth.shape)).argmax(axis=1)
    >>> scores = truth + 0.5 * truth[:, [0, 2, 1]] * [0, 0, 1]
    >>> for calibrator in (
    ...     VectorScalingCalibrator(),
    ...     StructuredMatrixScalingCalibrator(),
    ... ):
    ...     p = calibrator.fit(scores, y).predict_proba(scores)
    ...     print(f"{-np.log(p[np.arange(5000), y]).mean():.3f}")
    0.654
    0.635
    """

    def _keep(self, slope, intercept):
        super()._keep(slope, intercept)
        self.matrix_ = np.diag(slope)

    def _fit_slopes(self, z, codes, weight):
        free_slopes = super()._fit_slopes(z, codes, weight)
        n_classes = self.classes_.shape[0]
        if n_classes > 2 and free_slopes.min() > 0:
            strength = self.ridge * n_classes / self._n_rows
            start = np.column_stack([self.matrix_, self.intercept_])
            for stride in strides(z.shape[0]):
                fit = _MatrixFit(
                    z[::stride], codes[::stride], weight[::stride], strength
                )
                start = fit.minimum(start)
            self.matrix_, self.intercept_ = start[:, :-1], start[:, -1]
            self.slope_ = np.diag(self.matrix_).copy()
        return free_slopes

    def _logits(self, z):
        return z @ self.matrix_.T + self.intercept_


class _MatrixFit:
    """The fit of a full matrix with a ridge; the solver uses products with the Hessian.

    The parameters phi are scaled so that the Hessian is close to the identity. Each row
    of the matrix is scaled by the variance of its class. The columns are scaled by the
    covariance of the scores. After this scaling, a step of Newton's method needs only a
    few products with the Hessian.
    """

    def __init__(self, z, codes, weight, strength):
        n_rows, self.k = z.shape
        # The classes are the first axis, as in SoftmaxObjective. The last row is for
        # the intercept.
        self.z = np.ones((self.k + 1, n_rows))
        self.z[:-1] = z.T
        self.weight = weight / weight.sum()
        self.of_row = codes, np.arange(n_rows)
        ridge = np.full((self.k, self.k + 1), (self.k - 1) * strength)
        ridge[:, -1] = strength
        np.fill_diagonal(ridge, strength)
        self.ridge = ridge
        self.centre = np.eye(self.k, self.k + 1)
        share = np.bincount(codes, self.weight, self.k)
        self.doubt = np.sqrt(share * (1 - share) + 1e-6)[:, np.newaxis]
        gram = (self.weight * self.z) @ self.z.T
        # If the scores do not vary in a direction, the Hessian in this direction
        # consists only of the ridge.
        ridge_floor = 2 * ridge[0, 1] / np.mean(self.doubt**2)
        gram += (ridge_floor + 1e-9 * np.trace(gram)) * np.eye(self.k + 1)
        self.root = np.linalg.cholesky(gram)
        self.inverse_root = np.linalg.inv(self.root)
        self.proba_phi = self.proba = None

    def _theta(self, phi):
        return phi.reshape(self.k, -1) @ self.inverse_root / self.doubt

    def _in_phi(self, gradient):
        return (gradient / self.doubt @ self.inverse_root.T).ravel()

    def _log_proba(self, theta):
        logit = theta @ self.z
        logit -= logit.max(axis=0)
        logit -= np.log(np.exp(logit).sum(axis=0))
        return logit

    def value_and_gradient(self, phi):
        theta = self._theta(phi)
        log_proba = self._log_proba(theta)
        deviation = theta - self.centre
        value = -(self.weight @ log_proba[self.of_row])
        residual = np.exp(log_proba, out=log_proba)
        residual[self.of_row] -= 1
        residual *= self.weight
        gradient = residual @ self.z.T + 2 * self.ridge * deviation
        return value + (self.ridge * deviation**2).sum(), self._in_phi(gradient)

    def hessian_times(self, phi, direction):
        # The probabilities are stored, because the solver computes many products with
        # the Hessian at the same parameters.
        if not np.array_equal(phi, self.proba_phi):
            self.proba_phi = phi.copy()
            self.proba = np.exp(self._log_proba(self._theta(phi)))
        proba = self.proba
        direction = self._theta(direction)
        change = direction @ self.z
        change *= proba
        change -= proba * change.sum(axis=0)
        change *= self.weight
        return self._in_phi(change @ self.z.T + 2 * self.ridge * direction)

    def minimum(self, start):
        """Return the matrix and the intercept at the minimum."""
        result = minimize(
            self.value_and_gradient,
            (start * self.doubt @ self.root).ravel(),
            jac=True,
            hessp=self.hessian_times,
            method="trust-ncg",
            options={"gtol": 1e-9},
        )
        return self._theta(result.x)
