"""Check, without a fit, whether a formula can undo the weights of a linear model.

`PriorCalibrator` is exact for a model at the minimum of the log loss over the
population. A linear model is not at this minimum if the model is misspecified, or if
there are few positive rows per feature. Then the probabilities of `PriorCalibrator` are
wrong. The scores of the training rows do not show this error. Therefore, each row gets
an approximate leave-one-out score, in closed form.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.sparse import issparse
from scipy.special import expit, ndtr

# Largest tolerated ratio between the mean probability and the class frequency. If a
# larger ratio has a probability of SMALLEST_CHANCE or more, the fit issues a warning.
# See benchmarks/prior_trust.py.
TOLERATED = 1.25
SMALLEST_CHANCE = 0.2
# With more features than this number, computing the Hessian takes longer than a fit of
# the model.
MOST_FEATURES = 1000
_BLOCK = 1 << 20
# The leverage of a row is clipped to this value. If a row has a leverage of 1, the
# model fits this row exactly.
_MOST_LEVERAGE = 0.999


class Verdict(NamedTuple):
    """The error of the mean probability after the class weights are undone.

    Attributes
    ----------
    ratio : float
        Mean probability, from leave-one-out scores, divided by the class frequency.
    error : float
        Standard error of log(``ratio``), for new rows of the population.
    chance : float
        Probability that the mean probability is wrong by more than a factor of 1.25.
    trusted : bool
        Whether ``chance`` is below 0.2.
    """

    ratio: float
    error: float
    chance: float
    trusted: bool


def judge_inversion(scores, codes, sample_weight, class_multiplier):
    r"""Return a :class:`Verdict` on the mean probability after weights are undone.

    Let :math:`\pi` be the frequency of the rarer of two classes, and m the effective
    number of rows of this class. After the effect of the class weights is undone, let
    :math:`r` be the mean probability of this class, divided by :math:`\pi`. On new
    rows, the logarithm of this ratio is approximately normal. Its mean is :math:`\log
    r`, and its variance is :math:`(1 - \pi) / m`, which is the variance of the
    logarithm of the frequency.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        Log odds of held-out rows, which were not used to fit the model, or the result
        of :func:`scores_without_each_row`.
    codes : ndarray of shape (n,)
        The class of every row, 0 or 1.
    sample_weight : ndarray of shape (n,) or None
        Population weights.
    class_multiplier : array-like of shape (2,)
        The class multipliers whose effect is undone.

    Returns
    -------
    verdict : Verdict
        The result; the complexity is O(n).
    """
    weight = np.ones(codes.shape[0]) if sample_weight is None else sample_weight
    shift = np.log(class_multiplier[1]) - np.log(class_multiplier[0])
    proba = expit(scores - shift)
    frequency = np.average(codes, weights=weight)
    mean = np.average(proba, weights=weight)
    rare = int(frequency <= 0.5)
    if not rare:
        frequency, mean = 1 - frequency, 1 - mean
    inside = weight[codes == rare]
    if frequency <= 0 or mean <= 0:
        return Verdict(np.nan, np.inf, 1.0, False)
    ratio = mean / frequency
    n_rare = inside.sum() ** 2 / (inside @ inside)
    error = np.sqrt((1 - frequency) / n_rare)
    log_ratio = np.log(ratio) * np.array([1, -1])
    chance = float(ndtr((log_ratio - np.log(TOLERATED)) / error).sum())
    return Verdict(float(ratio), float(error), chance, chance < SMALLEST_CHANCE)


def scores_without_each_row(features, codes, weight, scores, penalty):
    r"""Return approximate leave-one-out scores of a logistic regression.

    Let :math:`H` be the Hessian of the loss and :math:`q_i = x_i^\top H^{-1} x_i`. One
    Newton step from the fitted model gives

    .. math:: z_i^{(-i)} = z_i + \frac{q_i w_i (p_i - y_i)}{1 - q_i w_i p_i (1 - p_i)}.

    Parameters
    ----------
    features : ndarray or sparse array of shape (n, d)
        Input of the linear model, after the transformers.
    codes : ndarray of shape (n,)
        0 or 1.
    weight : ndarray of shape (n,)
        Weights of the rows in the loss, including class weights, as passed to the fit.
    scores : ndarray of shape (n,)
        Log odds of the fitted model.
    penalty : float
        Second derivative of the ridge penalty, 1 / C of `LogisticRegression`.

    Returns
    -------
    scores : ndarray of shape (n,)
        The leave-one-out scores. The computation takes :math:`O(n d^2)`, as long as one
        Newton step of a fit.

    References
    ----------
    .. [1] K. Rad, A. Maleki, "A scalable estimate of the out-of-sample prediction error
       via approximate leave-one-out cross-validation", JRSS B 82, 2020.
    """
    probability = expit(scores)
    curve = weight * probability * (1 - probability)
    n_rows, n_features = features.shape
    hessian = np.zeros((n_features + 1, n_features + 1))
    for part in _blocks(n_rows, n_features):
        design = _with_intercept(features[part])
        hessian += (design * curve[part, np.newaxis]).T @ design
    # A tiny ridge, because columns may be collinear.
    trace = np.full(n_features + 1, 1e-10 * np.trace(hessian) / n_features + 1e-12)
    trace[:-1] += penalty
    hessian[np.diag_indices_from(hessian)] += trace
    root = cholesky(hessian, lower=True)
    spread = np.empty(n_rows)
    for part in _blocks(n_rows, n_features):
        design = _with_intercept(features[part])
        half = solve_triangular(root, design.T, lower=True)
        spread[part] = np.einsum("ij,ij->j", half, half)
    leverage = np.minimum(spread * curve, _MOST_LEVERAGE)
    return scores + spread * weight * (probability - codes) / (1 - leverage)


def judge_linear_model(model, X, codes, fit_weight, population, class_multiplier):
    """Return the :class:`Verdict` on a fitted model, or None if it cannot be judged.

    Parameters
    ----------
    model : estimator
        A fitted linear classifier of two classes, or a Pipeline with such a classifier
        as the last step. For `LogisticRegression`, the verdict uses leave-one-out
        scores. For other linear models, and for models with more than 1000 features,
        the verdict uses the scores of the training rows.
    X : array-like of shape (n, n_features)
        The rows that the model was fitted on.
    codes : ndarray of shape (n,)
        Position of the labels of the rows in ``model.classes_``.
    fit_weight : ndarray of shape (n,)
        Row weights in the fit of the model, multiplied by the ``class_weight`` of the
        model.
    population : ndarray of shape (n,) or None
        Population weights.
    class_multiplier : array-like of shape (2,)
        The class multipliers whose effect is undone.

    Returns
    -------
    verdict : Verdict or None
        The verdict on the model. It is None if the model is not linear or does not have
        two classes.
    """
    learner, features = model, X
    if hasattr(model, "steps"):
        learner = model.steps[-1][1]
        features = model[:-1].transform(X) if len(model.steps) > 1 else X
    if np.shape(getattr(learner, "coef_", None))[:1] != (1,):
        return None
    scores = np.asarray(learner.decision_function(features), dtype=np.float64)
    penalty = _ridge_of(learner)
    if penalty is not None and learner.coef_.shape[1] <= MOST_FEATURES:
        features = features if issparse(features) else np.asarray(features, np.float64)
        scores = scores_without_each_row(features, codes, fit_weight, scores, penalty)
    return judge_inversion(scores, codes, population, class_multiplier)


def _ridge_of(learner):
    """Return the second derivative of the penalty of a logistic regression, or None."""
    # The classes of linear models are imported inside this function, because their
    # import from scikit-learn takes long.
    from sklearn.linear_model import LogisticRegression, LogisticRegressionCV

    if isinstance(learner, LogisticRegressionCV):
        return float(1 / np.ravel(learner.C_)[0])
    if isinstance(learner, LogisticRegression):
        return float(1 / learner.C)
    return None


def _blocks(n_rows, n_features):
    size = max(1, _BLOCK // (n_features + 1))
    return [slice(start, start + size) for start in range(0, n_rows, size)]


def _with_intercept(features):
    dense = features.toarray() if issparse(features) else features
    return np.column_stack([dense, np.ones(dense.shape[0])])
