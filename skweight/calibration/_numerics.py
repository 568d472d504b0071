"""Numerics that several calibrators share: probabilities, convex fits, log scores."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from skweight._validation import check_number

# The largest double below one and the smallest normal one: no probability is ever
# written as exactly 0 or 1, because the log loss of a single such mistake is infinite.
_ALMOST_ONE = np.nextafter(1.0, 0.0)
_SMALLEST = np.finfo(np.float64).tiny

# Rows above which a first fit on fewer numbers makes the fit on all rows cheaper.
_MANY_ROWS = 1 << 14
_N_CELLS = 1 << 12

# Elements of one block of an (n_rows, n_classes) pass: the few temporaries of a block
# stay in the processor's cache, and the memory of a fit does not grow with the rows.
_BLOCK = 1 << 17


class SlopeFit(NamedTuple):
    """An affine map of log scores, and whether the rows asked for a slope <= 0."""

    slope: float
    intercept: np.ndarray
    refused: bool


# -- probabilities ---------------------------------------------------------------


def binary_proba(logit):
    """Return probabilities of both classes, shape (n, 2), from log odds of shape (n,).

    Either column is computed from the logit, not from the other: ``1 - p`` would lose
    every digit of a small probability.
    """
    proba = np.empty((logit.shape[0], 2))
    expit(-logit, out=proba[:, 0])
    expit(logit, out=proba[:, 1])
    return np.clip(proba, _SMALLEST, _ALMOST_ONE, out=proba)


def softmax_proba(logit):
    """Return row-wise softmax of an (n, k) array, strictly inside (0, 1)."""
    # scipy.special.softmax takes twice as long on the single row of a live prediction.
    proba = logit - logit.max(axis=1, keepdims=True)
    np.exp(proba, out=proba)
    proba /= proba.sum(axis=1, keepdims=True)
    return np.clip(proba, _SMALLEST, _ALMOST_ONE, out=proba)


def centre_rows(scores):
    """Return scores minus their mean in every row, for maps with one slope for all.

    A constant added to all log scores of a row says nothing about its classes.
    """
    return scores - scores.mean(axis=1, keepdims=True)


def log_normalise(scores):
    """Return the log-softmax of every row, for maps with a slope per class.

    A constant added to all log scores of a row says nothing about its classes, yet
    unequal slopes would be moved by it. Taking the log-sum-exp away makes logits and
    log-probabilities of one model the same input.
    """
    shifted = scores - scores.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def rest_log_odds(scores):
    """Return the log odds of every class against the rest under softmax(scores).

    Shape (n, k) in and out. The sum over "the rest" is formed without the class
    itself rather than by subtraction from the total, so a class of probability
    ``1 - 1e-30`` keeps its digits.
    """
    top = scores.argmax(axis=1)[:, np.newaxis]
    others = scores.copy()
    np.put_along_axis(others, top, -np.inf, axis=1)
    second = others.max(axis=1, keepdims=True)
    log_others = second + np.log(np.exp(others - second).sum(axis=1, keepdims=True))
    best = np.take_along_axis(scores, top, axis=1)
    share = np.exp(scores - best)
    np.put_along_axis(share, top, 0.0, axis=1)
    rest = np.maximum(share.sum(axis=1, keepdims=True) - share, 0.0)
    log_rest = best + np.log1p(rest)
    np.put_along_axis(log_rest, top, log_others, axis=1)
    return scores - log_rest


def scores_from_proba(proba, *, clip=1e-7):
    r"""Turn probabilities into the log-scale scores that calibrators take.

    Use it for estimators that offer ``predict_proba`` only. With two classes the
    score is the log odds :math:`\log p_1 - \log p_0` of the second class; with more it
    is :math:`\log p_k` minus its mean over the classes of the row.

    Parameters
    ----------
    proba : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probabilities. A vector, or a table of one column, holds the probability of the
        second of two classes.
    clip : float, default=1e-7
        Smallest probability that is told apart, in (0, 0.5). Raising it pulls extreme
        scores in. Use ``1 / (2 * n_trees)`` for the votes of a forest, whose zeros
        only mean "no tree", and ``1e-12`` for a softmax model.

    Returns
    -------
    scores : ndarray of shape (n_samples,) or (n_samples, n_classes), dtype float64
        One-dimensional for two classes.

    Raises
    ------
    ValueError
        If an entry is NaN or outside [0, 1], or the shape is none of the above.

    Examples
    --------
    >>> from skweight.calibration import scores_from_proba
    >>> scores_from_proba([[0.9, 0.1], [0.5, 0.5], [0.0, 1.0]], clip=0.01).round(2)
    array([-2.2 ,  0.  ,  4.61])
    """
    check_number(clip, name="clip", low=0, high=0.5, include="neither")
    proba = np.asarray(proba, dtype=np.float64)
    if proba.ndim not in (1, 2) or (proba.ndim == 2 and proba.shape[1] == 0):
        raise ValueError(
            "proba must have shape (n_samples,) or (n_samples, n_classes); got shape "
            f"{proba.shape}. Pass what predict_proba returns."
        )
    # Rounding leaves some estimators a little above one; NaN fails both comparisons.
    if not (np.all(proba >= 0) and np.all(proba <= 1 + 1e-6)):
        raise ValueError(
            "proba must lie in [0, 1]; got NaN or values outside. Log odds and "
            "decision values need no conversion: pass them to fit as they are."
        )
    if proba.ndim == 2 and proba.shape[1] == 1:
        proba = proba[:, 0]
    if proba.ndim == 1:
        return np.log(np.maximum(proba, clip)) - np.log(np.maximum(1 - proba, clip))
    log_proba = np.log(np.maximum(proba, clip))
    if proba.shape[1] == 2:
        return log_proba[:, 1] - log_proba[:, 0]
    return centre_rows(log_proba)


# -- what the fits share ---------------------------------------------------------


def smoothed_targets(class_count, smoothing):
    """Return the training target of a row for its own class, and for each other class.

    Platt aims at (N + 1) / (N + 2) instead of 1. Here the two pseudo-rows of that rule
    are spread over the k classes, ``m = 2 * smoothing / k`` each, which is Platt's rule
    for k = 2 and keeps the pull small when there are many classes. Every class loses
    and gains about m rows, so that the class frequencies stay what they were, and a
    class without a single row still gets m.
    """
    n_classes = class_count.shape[0]
    m = 2.0 * smoothing / n_classes
    own = (class_count + m) / (class_count + 2 * m)
    other = m / (class_count + 2 * m) / (n_classes - 1)
    return own, other


def _newton(evaluate, start, *, max_iter=200, tol=1e-6):
    """Minimise a smooth convex function given (value, gradient, Hessian) at a point.

    Newton converges quadratically, so a step of relative size ``tol`` is taken
    without looking: the error it leaves is of order ``tol ** 2``. A step is at most
    ten times the size of the parameters, which takes the search through regions where
    every probability is 0 or 1 and the curvature vanishes.
    """
    theta = np.array(start, dtype=np.float64)
    value, gradient, hessian = evaluate(theta)
    guard = 1e-12 * np.eye(theta.shape[0])
    for _ in range(max_iter):
        # Scaled to a unit diagonal, so that the guard is small in every direction but
        # those that the data do not see (equal columns), whatever the scores' spread.
        # Rounding may leave a curvature of zero a little below it.
        spread = np.sqrt(np.maximum(np.diag(hessian), 0.0))
        unit = 1 / np.where(spread > 1e-140, spread, 1.0)
        scaled = unit[:, np.newaxis] * hessian * unit + guard
        step = -unit * np.linalg.solve(scaled, unit * gradient)
        size, reach = np.abs(step).max(), 1 + np.abs(theta).max()
        if size <= tol * reach:
            return theta + step
        if -(gradient @ step) <= 1e-16:
            # Nothing to gain: the step is long only where the data do not see it.
            return theta
        step *= min(1.0, 10 * reach / size)
        decrease = gradient @ step
        length = 1.0
        while True:
            candidate = theta + length * step
            reached = evaluate(candidate)
            # Rounding of the value itself is forgiven, or the last steps would fail.
            allowed = 1e-4 * length * decrease + 1e-14 * (1 + abs(value))
            if reached[0] <= value + allowed:
                break
            length /= 2
            if length < 1e-12:
                return theta
        theta, (value, gradient, hessian) = candidate, reached
    return theta


def _spread(scores):
    """Return the largest absolute score and whether the columns vary at all."""
    peak = max(abs(scores.max()), abs(scores.min()))
    span = (scores.max(axis=0) / 2 - scores.min(axis=0) / 2).max()
    return peak, span > 1e-12 * peak


def _slope_is_known(class_count, peak, varies, bias):
    # Below the last bound the reciprocal of a score overflows; such scores are zeros.
    present = np.count_nonzero(class_count)
    return present > 1 and peak > 1e-290 and (varies or not bias)


# -- two classes -----------------------------------------------------------------


def _logistic_objective(u, weight, target):
    """Return the mean cross-entropy of sigma(a u + b), as a function of (a, b)."""
    total = weight.sum()
    weight = weight / total
    pulled = weight * target
    linear = np.array([pulled @ u, pulled.sum()])

    def evaluate(theta):
        logit = theta[0] * u
        logit += theta[1]
        proba = expit(logit)
        # softplus(logit) = logit - log_expit(logit); this form is the cheaper one.
        value = np.abs(logit, out=np.empty_like(logit))
        np.negative(value, out=value)
        np.exp(value, out=value)
        np.log1p(value, out=value)
        np.maximum(logit, 0, out=logit)
        value += logit
        value = weight @ value - theta @ linear
        seen = weight * proba
        gradient = np.array([seen @ u, seen.sum()]) - linear
        seen *= 1 - proba
        curve_u = seen * u
        cross = curve_u.sum()
        return value, gradient, np.array([[curve_u @ u, cross], [cross, seen.sum()]])

    return evaluate


def _cells(u, weight, target):
    """Summarise rows by cells of equal score width: (u, weight, target) per cell.

    Cells reach six standard deviations; whatever lies beyond joins the outermost
    ones, at its own mean score.
    """
    position = ((u + 6.0) * (_N_CELLS / 12.0)).clip(0, _N_CELLS - 1).astype(np.intp)
    mass = np.bincount(position, weight, _N_CELLS)
    score = np.bincount(position, weight * u, _N_CELLS)
    aim = np.bincount(position, weight * target, _N_CELLS)
    used = mass > 0
    mass = mass[used]
    return score[used] / mass, mass, aim[used] / mass


def fit_binary_slope(scores, codes, weight, class_count, *, smoothing, bias=True):
    """Fit sigma(slope * score + intercept) to smoothed targets; exact minimum.

    Slope one is kept when the rows cannot tell: a single class among them, or (with a
    bias) a single score. A slope that the rows want at or below zero is refused: the
    best map that does not turn the ranking round is then the constant one.
    """
    own, other = smoothed_targets(class_count, smoothing)
    target = np.where(codes == 1, own[1], other[0])
    peak, varies = _spread(scores)
    refused = False
    if _slope_is_known(class_count, peak, varies, bias):
        slope, intercept = _newton_slope(scores, weight, target, peak, bias=bias)
        if slope > 0:
            return SlopeFit(slope, intercept, refused=False)
        refused = True
    slope = 0.0 if refused else 1.0
    if not bias:
        return SlopeFit(slope, 0.0, refused)
    return SlopeFit(slope, _binary_intercept(scores, weight, target, slope), refused)


def _newton_slope(scores, weight, target, peak, *, bias):
    # Dividing by the peak first keeps the squares finite at any magnitude.
    u = scores / peak
    centre = (weight @ u) / weight.sum() if bias else 0.0
    u -= centre
    scale = np.sqrt((weight @ (u * u)) / weight.sum())
    u /= scale
    base = (weight @ target) / weight.sum()
    if bias:
        start = np.array([0.0, np.log(base) - np.log1p(-base)])
        if u.shape[0] > _MANY_ROWS:
            start = _newton(_logistic_objective(*_cells(u, weight, target)), start)
        theta = _newton(_logistic_objective(u, weight, target), start)
    else:
        start = np.zeros(1)
        if u.shape[0] > _MANY_ROWS:
            coarse = _logistic_objective(*_cells(u, weight, target))
            start = _newton(_without_bias(coarse), start)
        theta = _newton(_without_bias(_logistic_objective(u, weight, target)), start)
        theta = np.append(theta, 0.0)
    slope = theta[0] / scale
    return slope / peak, theta[1] - slope * centre


def _without_bias(evaluate):
    def evaluate_slope(theta):
        value, gradient, hessian = evaluate(np.append(theta, 0.0))
        return value, gradient[:1], hessian[:1, :1]

    return evaluate_slope


def _binary_intercept(scores, weight, target, slope):
    """Return the intercept that fits the mean target at a given slope."""
    logit = slope * scores
    weight = weight / weight.sum()
    base = weight @ target
    goal = np.log(base) - np.log1p(-base)
    # At one end every probability is too small, at the other every one too large.
    # Bisection needs no curvature, of which a wide spread of scores leaves none.
    low, high = goal - logit.max(), goal - logit.min()
    while high - low > 1e-12 * (1 + abs(low)):
        middle = low + (high - low) / 2
        if weight @ expit(logit + middle) < base:
            low = middle
        else:
            high = middle
    return low + (high - low) / 2


# -- three classes and more ------------------------------------------------------


class _SoftmaxObjective:
    """Mean cross-entropy of softmax(a * z + b) as a function of (a, b), length 2k.

    ``log-sum-exp`` is the only part of the loss that is not linear in the parameters,
    so the targets are summed up once. Adding a constant to all of b changes nothing;
    the Hessian gets a ridge along that one direction, whose gradient is zero, so that
    the system can be solved and the mean of b stays at its start.
    """

    def __init__(self, z, codes, weight, own, other):
        self.z = z
        self.weight = weight / weight.sum()
        # A target is `other` everywhere, and `own - other` more on the row's class.
        common = self.weight * other[codes]
        extra = self.weight * (own - other)[codes]
        n_classes = z.shape[1]
        z_own = z[np.arange(z.shape[0]), codes]
        self.target = common.sum() + np.bincount(codes, extra, n_classes)
        pull = common @ z + np.bincount(codes, extra * z_own, n_classes)
        self.linear = np.concatenate([pull, self.target])

    def __call__(self, theta):
        n, k = self.z.shape
        a, b = theta[:k], theta[k:]
        value = 0.0
        gradient = np.zeros(2 * k)
        hessian = np.zeros((2 * k, 2 * k))
        curve = np.zeros((3, k))
        block = max(1, _BLOCK // k)
        for start in range(0, n, block):
            z = self.z[start : start + block]
            weight = self.weight[start : start + block]
            logit = z * a
            logit += b
            top = logit.max(axis=1, keepdims=True)
            logit -= top
            proba = np.exp(logit, out=logit)
            total = proba.sum(axis=1, keepdims=True)
            value += weight @ (np.log(total) + top)[:, 0]
            proba /= total
            both = np.hstack([z * proba, proba])
            weighted = weight[:, np.newaxis] * both
            seen = weighted.sum(axis=0)
            gradient += seen
            hessian -= weighted.T @ both
            curve[2] += seen[k:]
            curve[1] += seen[:k]
            curve[0] += np.einsum("ij,ij->j", weighted[:, :k], z)
        diagonal = np.arange(k)
        hessian[diagonal, diagonal] += curve[0]
        hessian[diagonal, k + diagonal] += curve[1]
        hessian[k + diagonal, diagonal] += curve[1]
        hessian[k + diagonal, k + diagonal] += curve[2]
        hessian[k:, k:] += 1.0 / k
        return value - theta @ self.linear, gradient - self.linear, hessian


def _restrict(objective, basis, origin):
    """Return an objective as a function of x, where the parameters are origin + B x."""

    def evaluate(x):
        value, gradient, hessian = objective(origin + basis @ x)
        return value, basis.T @ gradient, basis.T @ hessian @ basis

    return evaluate


def _from_coarse_to_all(build, rows, start):
    """Minimise on every s-th row first where there are many, then on all of them."""
    stride = rows[0].shape[0] // _MANY_ROWS
    if stride > 3:
        start = _newton(build(*(part[::stride] for part in rows)), start)
    return _newton(build(*rows), start)


def fit_softmax_slope(z, codes, weight, class_count, *, smoothing, bias=True):
    """Fit softmax(slope * z + intercept), one slope for all classes; exact minimum.

    The slope is kept at one or refused as in
    :func:`fit_binary_slope`.
    """
    k = z.shape[1]
    own, other = smoothed_targets(class_count, smoothing)
    peak, varies = _spread(z)
    # Parameters of the shared map: the slope, then (with a bias) the k intercepts.
    share = np.zeros((2 * k, 1 + k if bias else 1))
    share[:k, 0] = 1.0
    if bias:
        share[k:, 1:] = np.eye(k)
    refused = False
    if _slope_is_known(class_count, peak, varies, bias):
        # Two divisions keep the squares finite at any magnitude of the scores.
        u = z / peak
        scale = np.sqrt(weight @ np.einsum("ij,ij->i", u, u) / weight.sum() / k)
        u /= scale

        def build(u, codes, weight):
            full = _SoftmaxObjective(u, codes, weight, own, other)
            return _restrict(full, share, np.zeros(2 * k))

        start = np.zeros(share.shape[1])
        if bias:
            start[1:] = np.log(_mean_target(codes, weight, own, other))
            start[1:] -= start[1:].mean()
        found = _from_coarse_to_all(build, (u, codes, weight), start)
        if found[0] > 0:
            intercept = found[1:] - found[1:].mean() if bias else np.zeros(k)
            return SlopeFit(found[0] / scale / peak, intercept, refused=False)
        refused = True
    slope = 0.0 if refused else 1.0
    if not bias:
        return SlopeFit(slope, np.zeros(k), refused)
    only_b = share[:, 1:]
    origin = np.repeat([slope, 0.0], k)

    def build_intercept(z, codes, weight):
        full = _SoftmaxObjective(z, codes, weight, own, other)
        return _restrict(full, only_b, origin)

    start = np.log(_mean_target(codes, weight, own, other))
    start -= start.mean()
    found = _from_coarse_to_all(build_intercept, (z, codes, weight), start)
    return SlopeFit(slope, found - found.mean(), refused)


def fit_softmax_slopes(z, codes, weight, class_count, *, smoothing, ridge, shared):
    """Fit softmax(a * z + b) with a slope per class, pulled towards the shared slope.

    ``shared`` is the :class:`SlopeFit` of :func:`fit_softmax_slope`; the pull is
    ``ridge * k / n * sum((a / shared.slope - 1) ** 2)`` on the mean cross-entropy.
    Returns the slopes and the intercepts.
    """
    k = z.shape[1]
    own, other = smoothed_targets(class_count, smoothing)
    strength = 2 * ridge * k / class_count.sum()
    penalty = np.diag(np.repeat([strength, 0.0], k))

    def build(u, codes, weight):
        objective = _SoftmaxObjective(u, codes, weight, own, other)

        def evaluate(theta):
            value, gradient, hessian = objective(theta)
            away = theta[:k] - 1.0
            value += strength / 2 * (away @ away)
            gradient[:k] += strength * away
            return value, gradient, hessian + penalty

        return evaluate

    start = np.concatenate([np.ones(k), shared.intercept])
    found = _from_coarse_to_all(build, (z * shared.slope, codes, weight), start)
    intercept = found[k:]
    return shared.slope * found[:k], intercept - intercept.mean()


def _mean_target(codes, weight, own, other):
    extra = np.bincount(codes, weight * (own - other)[codes], own.shape[0])
    return (weight @ other[codes] + extra) / weight.sum()
