"""Decompositions of proper scores, and the logistic recalibration."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression

from skweight._utils.ties import Ties
from skweight._utils.validation import check_choice, check_number
from skweight.calibration._engine.logistic import (
    Affine,
    LogisticObjective,
    fit_logistic,
    standardise,
)
from skweight.calibration._engine.newton import Restricted
from skweight.calibration._engine.numerics import BLOCK, sigmoid
from skweight.metrics._calibration import equal_mass_bins, error_of, smooth_error_of
from skweight.metrics._outcomes import for_each_class, one_class

# Targets: 0 for rows of the other class, 1 for rows of the class.
_OUTCOMES = np.array([0.0, 1.0])


class ScoreDecomposition(NamedTuple):
    """A proper score in three parts: ``miscalibration - discrimination + uncertainty``.

    Attributes
    ----------
    score : float
        The Brier score or the log loss of the predictions.
    miscalibration : float
        Decrease of the score if predictions are recalibrated; 0 is perfect.
    discrimination : float
        Score if the class frequency is predicted for every row, minus the score of the
        recalibrated predictions. Higher is better.
    uncertainty : float
        Score if the class frequency is predicted for every row; the same for all
        models.

    Examples
    --------
    >>> from skweight.metrics import brier_decomposition
    >>> parts = brier_decomposition([0, 0, 1, 1], [0.1, 0.4, 0.3, 0.8])
    >>> total = parts.miscalibration - parts.discrimination + parts.uncertainty
    >>> round(total, 12) == round(parts.score, 12)
    True
    """

    score: float
    miscalibration: float
    discrimination: float
    uncertainty: float


def brier_decomposition(
    y_true,
    y_proba,
    *,
    method="isotonic",
    n_bins=15,
    pos_label=None,
    labels=None,
    sample_weight=None,
):
    r"""Decompose the Brier score into miscalibration, discrimination, uncertainty.

    Two models with the same score may have different problems. One model may be
    miscalibrated; a calibrator can correct this problem. The other model may
    discriminate badly; no calibrator can correct this problem.

    .. math::
        S(p) = \underbrace{S(p) - S(r)}_{miscalibration}
        - \underbrace{\bigl(S(\bar y) - S(r)\bigr)}_{discrimination}
        + \underbrace{S(\bar y)}_{uncertainty}

    where :math:`S(p)` is the weighted mean of :math:`(y - p)^2`, :math:`r` are the
    recalibrated predictions, and :math:`\bar y` is the class frequency.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_proba : array-like of shape (n_samples,) or (n_samples, 2)
        Probabilities of the positive class, or of both classes.
    method : {"isotonic", "bins"}, default="isotonic"
        How predictions are recalibrated on these rows: by isotonic regression, or by
        the frequency in bins of equal weight. With bins, miscalibration is Murphy's
        reliability, and discrimination is Murphy's resolution. Then differences between
        predictions in the same bin count as miscalibration.
    n_bins : int, default=15
        Number of bins, for ``"bins"``.
    pos_label : object, default=None
        The positive label; not needed for 0/1, -1/1, booleans, or two columns.
    labels : array-like of shape (2,), default=None
        Labels of the columns of `y_proba`; None means the sorted labels of `y_true`.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights.

    Returns
    -------
    parts : ScoreDecomposition
        The score and its parts; with ``"isotonic"`` no part is negative.

    See Also
    --------
    log_loss_decomposition : The same parts of the log loss.

    Notes
    -----
    The time is O(n log n). Miscalibration contains the noise of the recalibration, so
    even a perfect model has a positive miscalibration. `calibration_error` removes this
    noise.

    References
    ----------
    .. [1] A. H. Murphy, A new vector partition of the probability score, Journal of
       Applied Meteorology 12(4), 1973.
    .. [2] T. Dimitriadis, T. Gneiting, A. I. Jordan, Stable reliability diagrams for
       probabilistic classifiers, PNAS 118(8), 2021, equation 5.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.metrics import brier_decomposition
    >>> rng = np.random.default_rng(0)
    >>> p = rng.random(20_000)
    >>> y = rng.random(20_000) < p
    >>> for proba in (p, p**3):
    ...     print(f"{brier_decomposition(y, proba).miscalibration:.3f}")
    0.001
    0.079
    """
    data = y_true, y_proba, sample_weight, pos_label, labels
    rows = one_class(data, owner="brier_decomposition")
    return _decompose(rows, _squared_error, method, n_bins)


def log_loss_decomposition(
    y_true,
    y_proba,
    *,
    method="isotonic",
    n_bins=15,
    pos_label=None,
    labels=None,
    sample_weight=None,
):
    r"""Decompose the log loss into miscalibration, discrimination, uncertainty.

    The parts are defined as in `brier_decomposition`, but :math:`S(p)` is the weighted
    mean of :math:`-y \log p - (1 - y) \log(1 - p)`. Errors of small probabilities
    change the log loss much, but hardly change the Brier score.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_proba : array-like of shape (n_samples,) or (n_samples, 2)
        Probabilities of the positive class, or of both classes; clipped at the machine
        epsilon.
    method : {"isotonic", "bins"}, default="isotonic"
        How predictions are recalibrated on these rows, as in `brier_decomposition`.
    n_bins : int, default=15
        Number of bins, for ``"bins"``.
    pos_label : object, default=None
        The positive label; not needed for 0/1, -1/1, booleans, or two columns.
    labels : array-like of shape (2,), default=None
        Labels of the columns of `y_proba`; None means the sorted labels of `y_true`.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights.

    Returns
    -------
    parts : ScoreDecomposition
        The score and its parts, in nats; with ``"isotonic"`` no part is negative.

    See Also
    --------
    brier_decomposition : The same parts of the Brier score.

    Notes
    -----
    O(n log n).

    References
    ----------
    .. [1] T. Dimitriadis, T. Gneiting, A. I. Jordan, Stable reliability diagrams for
       probabilistic classifiers, PNAS 118(8), 2021, equation 5.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.metrics import log_loss_decomposition
    >>> rng = np.random.default_rng(0)
    >>> p = rng.random(20_000)
    >>> y = rng.random(20_000) < p
    >>> parts = log_loss_decomposition(y, p)
    >>> print(f"{parts.uncertainty:.3f} - {parts.discrimination:.3f}")
    0.693 - 0.199
    """
    data = y_true, y_proba, sample_weight, pos_label, labels
    rows = one_class(data, owner="log_loss_decomposition")
    return _decompose(rows, _log_loss, method, n_bins)


def _squared_error(y, p):
    return (y - p) ** 2


def _log_loss(y, p):
    right = np.where(y == 1, p, 1 - p)
    return -np.log(np.maximum(right, np.finfo(np.float64).eps))


def _decompose(rows, loss, method, n_bins):
    check_choice(method, ("isotonic", "bins"), name="method")
    if method == "bins":
        bins = equal_mass_bins(rows.proba, rows.weight, n_bins)
        positive_mass = np.bincount(bins, rows.weight * rows.y)
        recalibrated = (positive_mass / np.bincount(bins, rows.weight))[bins]
    else:
        recalibrated = recalibrate(rows.proba, rows.y, rows.weight)
    return _parts(rows, loss, recalibrated)


def _parts(rows, loss, recalibrated):
    """Return the parts of a score, given recalibrated predictions."""

    def score(predicted):
        return float(np.average(loss(rows.y, predicted), weights=rows.weight))

    actual, best = score(rows.proba), score(recalibrated)
    without = score(np.average(rows.y, weights=rows.weight))
    return ScoreDecomposition(actual, actual - best, without - best, without)


def recalibrate(scores, y, weight):
    """Return the isotonic regression of the outcomes on the scores."""
    # Rows with equal scores are merged, so the order of these rows does not matter.
    ties = Ties(scores)
    mass = ties.sums(weight)
    frequency = ties.sums(weight * y) / mass
    return ties.rows(isotonic_regression(frequency, weights=mass).x)


class CoxCalibration(NamedTuple):
    """Slope and intercept of the logistic recalibration of predictions.

    Attributes
    ----------
    slope : float
        Slope of a logistic regression of the outcomes on the predicted log odds. If it
        is below 1, predictions are too extreme, as in an overfitted model. If it is
        above 1, predictions are not extreme enough. If it is 0 or less, the ranking of
        the rows is no better than chance.
    intercept : float
        Shift of all predicted log odds that corrects the mean prediction. If it is
        negative, predictions are too high, as after training with balanced weights.
    slope_error, intercept_error : float
        Standard errors of the slope and of the intercept; also valid with weights.

    Examples
    --------
    >>> from skweight.metrics._decomposition import CoxCalibration
    >>> CoxCalibration(slope=1.0, intercept=0.0, slope_error=0.1, intercept_error=0.1)
    CoxCalibration(slope=1.0, intercept=0.0, slope_error=0.1, intercept_error=0.1)
    """

    slope: float
    intercept: float
    slope_error: float
    intercept_error: float


def cox_calibration(
    y_true,
    y_proba,
    *,
    clip=1e-12,
    pos_label=None,
    labels=None,
    sample_weight=None,
):
    r"""Return the calibration slope and intercept.

    The intercept is far from 0 if the effect of training weights was not undone. The
    slope is below 1 if the model overfits. Let :math:`s` be the predicted log odds.
    One logistic model defines the slope, and a second logistic model defines the
    intercept:

    .. math::
        \operatorname{logit} P(y = 1) = \alpha + \beta s \;\Rightarrow\; \text{slope }
        \beta, \qquad
        \operatorname{logit} P(y = 1) = a + s \;\Rightarrow\; \text{intercept } a.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_proba : array-like of shape (n_samples,) or (n_samples, 2)
        Probabilities of the positive class, or of both classes.
    clip : float, default=1e-12
        Probabilities are clipped to [clip, 1 - clip], because the log odds of 0 are
        infinite.
    pos_label : object, default=None
        The positive label; not needed for 0/1, -1/1, booleans, or two columns.
    labels : array-like of shape (2,), default=None
        Labels of the columns of `y_proba`; None means the sorted labels of `y_true`.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights.

    Returns
    -------
    calibration : CoxCalibration
        Slope, intercept, and their standard errors. The slope is infinite if
        predictions separate the classes perfectly, and NaN if all predictions are
        equal. With rows of one class only, the intercept is infinite and the slope is
        NaN.

    See Also
    --------
    calibration_in_the_large : Mean prediction divided by the class frequency.

    Notes
    -----
    The time is O(n). The fit uses Newton's method on bins of the log odds, then one
    step on all rows. Standard errors follow from the sandwich estimator, which is valid
    for any weights.

    References
    ----------
    .. [1] D. R. Cox, Two further applications of a model for binary regression,
       Biometrika 45(3/4), 1958.
    .. [2] B. Van Calster et al., A calibration hierarchy for risk models was defined,
       Journal of Clinical Epidemiology 74, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.metrics import cox_calibration
    >>> rng = np.random.default_rng(0)
    >>> logit = rng.normal(size=20_000)
    >>> y = rng.random(20_000) < 1 / (1 + np.exp(-logit))
    >>> found = cox_calibration(y, 1 / (1 + np.exp(-2 * logit - 1)))
    >>> print(f"slope {found.slope:.2f}, intercept {found.intercept:.2f}")
    slope 0.50, intercept -1.02
    """
    check_number(clip, name="clip", low=0, high=0.5, include="neither")
    data = y_true, y_proba, sample_weight, pos_label, labels
    rows = one_class(data, owner="cox_calibration")
    return _cox(rows, clip)


def _cox(rows, clip=1e-12):
    y = rows.y
    if np.count_nonzero(y) in (0, y.size):
        return CoxCalibration(np.nan, np.inf if y[0] else -np.inf, np.nan, np.nan)
    logit = _log_odds(rows.proba, clip)
    standard = standardise(logit, rows.weight)

    def weighted(weight, kind=LogisticObjective):
        rows = (logit, y.view(np.uint8), weight, _OUTCOMES)
        return kind(Affine(standard), *rows, standard)

    objective = weighted(rows.weight)
    squared = objective if objective.even else weighted(rows.weight**2)
    shifted = weighted(rows.weight, _ShiftObjective)
    if objective.summary is not objective:
        shifted.cells = objective.cells
    # With these parameters, the model returns the predicted log odds unchanged. The
    # parameters apply to the standardised scores.
    as_they_are = np.array([standard.scale, standard.centre])
    intercept, intercept_error = _fit_cox(
        shifted, squared, np.array([[0.0], [1.0]]), as_they_are
    )
    slope = slope_error = np.nan
    if logit.min() < logit.max():
        slope = _slope_without_overlap(objective)
        if slope is None:
            slope, slope_error = _fit_cox(objective, squared, np.eye(2))
            slope, slope_error = slope / standard.scale, slope_error / standard.scale
    return CoxCalibration(
        float(slope), float(intercept), float(slope_error), float(intercept_error)
    )


def _log_odds(proba, clip):
    """Clip probabilities to [clip, 1 - clip], and return their log odds.

    The function computes one logarithm of a ratio, which takes half the time of two
    logarithms.
    """
    logit = np.empty(proba.shape)
    for start in range(0, proba.size, BLOCK):
        part = slice(start, start + BLOCK)
        odds = np.maximum(proba[part], clip)
        odds /= np.maximum(1 - proba[part], clip)
        np.log(odds, out=logit[part])
    return logit


class _ShiftObjective(LogisticObjective):
    """The objective of log odds that are only shifted.

    The gradient has no entry for the slope, so it takes half the time of a full
    gradient.
    """

    def gradient(self, theta):
        shift = theta[1] - self.standard.centre
        excess = 0.0
        for start in range(0, self.scores.shape[0], BLOCK):
            part = slice(start, start + BLOCK)
            proba = sigmoid(self.scores[part] + shift)
            if self.even:
                excess += proba.sum() - np.count_nonzero(self.codes[part])
            else:
                excess += self.weight[part] @ (proba - self.codes[part])
        return np.array([0.0, excess / self.total])


def _slope_without_overlap(objective):
    """Return the infinite slope of separable classes, otherwise None."""
    # With many rows, bins of the score are compared first. If the classes overlap in
    # the bins, they also overlap in the rows.
    for rows in (objective.summary, objective):
        positive = rows.scores[rows.codes == 1]
        negative = rows.scores[rows.codes == 0]
        upwards = positive.min() >= negative.max()
        downwards = positive.max() <= negative.min()
        if not (upwards or downwards):
            return None
    return np.inf if upwards else -np.inf


def _fit_cox(objective, squared, basis, origin=None):
    """Return the first coefficient of a logistic fit, and its standard error.

    Parameters
    ----------
    objective, squared : LogisticObjective
        Objectives with the weights, and with the squared weights.
    basis : ndarray of shape (2, n_free)
        Matrix that maps the free parameters to slope and intercept.
    origin : ndarray of shape (2,) or None
        Slope and intercept at which the free parameters are zero.
    """

    def shape(part):
        return Restricted(part, basis, origin)

    free = fit_logistic(objective, np.zeros(basis.shape[1]), shape=shape)
    at = shape(objective).at(free)
    # For many rows, the Hessian is computed from bins of the score. This Hessian is
    # accurate enough for standard errors.
    curve = basis.T @ objective.summary.slopes(at)[1] @ basis
    # If all probabilities are 0 or 1, the Hessian is zero. A ridge is added to its
    # diagonal, so that it has an inverse.
    inverse = np.linalg.inv(curve + 1e-12 * np.eye(free.size))
    spread = basis.T @ squared.spread(at) @ basis
    spread *= squared.total / objective.total**2
    return free[0], np.sqrt((inverse @ spread @ inverse)[0, 0])


def calibration_in_the_large(
    y_true,
    y_proba,
    *,
    average="macro",
    pos_label=None,
    labels=None,
    sample_weight=None,
):
    r"""Return the mean prediction of a class divided by its frequency.

    Check this metric first if the model was trained with weights. For example, suppose
    that a class has 1 % of the rows and the model was trained with balanced weights. If
    the effect of the weights is not undone, the ratio is about forty.

    .. math:: \frac{\sum_i w_i p_i}{\sum_i w_i y_i}

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_proba : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probabilities of the positive class, or of all classes.
    average : {"macro", "none"}, default="macro"
        With three or more columns, "macro" returns the mean over the classes. "none"
        returns an array with one ratio per class, which is more useful.
    pos_label : object, default=None
        The positive label, for a vector of probabilities; not needed for 0/1, -1/1 and
        booleans.
    labels : array-like of shape (n_classes,), default=None
        Labels of the columns of `y_proba`; None means the sorted labels of `y_true`.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights.

    Returns
    -------
    ratio : float or ndarray of shape (n_classes,)
        Mean prediction divided by the frequency: 1 is perfect. The ratio is infinite
        for a class without rows.

    See Also
    --------
    cox_calibration : The intercept measures the same error in log odds.

    Examples
    --------
    >>> from skweight.metrics import calibration_in_the_large
    >>> calibration_in_the_large([0, 0, 0, 1], [0.5, 0.5, 0.5, 0.5])
    2.0
    """
    data = y_true, y_proba, sample_weight, pos_label, labels
    return for_each_class(
        _in_the_large, data, average, owner="calibration_in_the_large"
    )


def _in_the_large(rows):
    positive_mass = rows.weight @ rows.y
    return (rows.weight @ rows.proba) / positive_mass if positive_mass else np.inf


def calibration_metrics(
    y_true,
    y_proba,
    *,
    n_bins=15,
    pos_label=None,
    labels=None,
    sample_weight=None,
):
    """Return the usual metrics for the probabilities of one class.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_proba : array-like of shape (n_samples,) or (n_samples, 2)
        Probabilities of the positive class, or of both classes.
    n_bins : int, default=15
        Number of bins of the calibration error.
    pos_label : object, default=None
        The positive label; not needed for 0/1, -1/1, booleans, or two columns.
    labels : array-like of shape (2,), default=None
        Labels of the columns of `y_proba`; None means the sorted labels of `y_true`.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights.

    Returns
    -------
    figures : dict
        The dict has the keys ``log_loss`` and ``brier``. For each of these two scores,
        three keys with the suffixes ``_miscalibration``, ``_discrimination`` and
        ``_uncertainty`` hold its parts. The other keys are ``calibration_error``
        (debiased), ``smooth_calibration_error``, ``slope``, ``intercept``,
        ``calibration_in_the_large`` and ``prevalence``.

    See Also
    --------
    brier_decomposition : Explains the parts of a score.

    Examples
    --------
    >>> from skweight.metrics import calibration_metrics
    >>> y, p = [0, 0, 0, 1, 0, 1], [0.1, 0.2, 0.3, 0.3, 0.6, 0.9]
    >>> figures = calibration_metrics(y, p)
    >>> round(figures["brier"], 3), round(figures["slope"], 2)
    (0.167, 0.99)
    """
    check_number(n_bins, name="n_bins", low=1)
    data = y_true, y_proba, sample_weight, pos_label, labels
    rows = one_class(data, owner="calibration_metrics")
    recalibrated = recalibrate(rows.proba, rows.y, rows.weight)
    figures = {"prevalence": float(np.average(rows.y, weights=rows.weight))}
    for name, loss in (("log_loss", _log_loss), ("brier", _squared_error)):
        parts = _parts(rows, loss, recalibrated)
        figures[name] = parts.score
        for part in parts._fields[1:]:
            figures[f"{name}_{part}"] = getattr(parts, part)
    cox = _cox(rows)
    figures["calibration_error"] = float(error_of(rows, n_bins))
    figures["smooth_calibration_error"] = float(smooth_error_of(rows))
    figures["slope"], figures["intercept"] = cox.slope, cox.intercept
    figures["calibration_in_the_large"] = float(_in_the_large(rows))
    return figures
