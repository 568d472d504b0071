r"""Exact weighted logistic regression on a few features of one score.

Every parametric calibrator for two classes maps a score s to the probability
:math:`\sigma(\theta \cdot \phi(s))`. Here :math:`\phi(s)` are some features of the
score: the score itself, the score and its square, or two logarithms. A function called
the basis computes the features. The calibrators differ in the basis, in the targets,
and in the ridge. All of these calibrators use the fit in this file.

If there are many rows, the rows are first summed in cells (bins) of the score, and
Newton's method runs on the cells. Then one more Newton step uses the gradient over all
rows and the Hessian over the cells. After this step, the error of the parameters is the
product of two small errors: the error of the fit on the cells, and the relative error
of the Hessian over the cells.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from skweight.calibration._engine.newton import Restricted, newton, newton_step
from skweight.calibration._engine.numerics import (
    BLOCK,
    Tails,
    all_equal,
    binary_proba,
    sigmoid,
    soften_tails,
)

# With more rows than _MANY_ROWS, a first fit on cells (bins of the score) saves time.
# _N_CELLS is the number of cells. The cells extend at most _REACH standard deviations
# to either side of the mean.
_MANY_ROWS = 1 << 14
_N_CELLS = 1 << 11
_REACH = 12.0

# The fit on bins of the score is accurate to about 1e-5. If the last step is longer
# than _AFTER_CELLS, Newton's method runs on all rows instead.
_AFTER_CELLS = 1e-4


class Standard(NamedTuple):
    """The weighted mean and standard deviation of scores."""

    centre: float
    scale: float
    peak: float = np.inf  # the largest size of a score, if known

    def __call__(self, scores):
        """Return scores as deviations from the mean in standard deviations."""
        u = scores - self.centre
        u *= 1 / self.scale
        return u


def standardise(scores, weight):
    """Return the :class:`Standard` of the scores; the scale is 1 for equal scores."""
    peak = max(scores.max(), -scores.min())
    if not 1e-100 < peak < 1e100:
        # The scores are divided by the largest score, so that the squares of the scores
        # neither overflow nor underflow.
        unit = max(peak, 1e-290)
        inner = standardise(scores / unit, weight) if peak > 1e-290 else Standard(0, 1)
        return Standard(inner.centre * unit, inner.scale * unit, peak)
    even = all_equal(weight)
    total = scores.shape[0] if even else weight.sum()
    centre = (scores.sum() if even else weight @ scores) / total
    square = 0.0
    for start in range(0, scores.shape[0], BLOCK):
        part = slice(start, start + BLOCK)
        deviation = scores[part] - centre
        square += (deviation if even else weight[part] * deviation) @ deviation
    scale = np.sqrt(square / total)
    # Rounding alone can give equal scores a tiny standard deviation. Such a standard
    # deviation is replaced by 1.
    return Standard(centre, scale if scale > 1e-13 * peak else 1.0, peak)


class Affine:
    """The standardised score itself."""

    def __init__(self, standard):
        self.standard = standard

    def __call__(self, scores):
        return self.standard(scores)[np.newaxis]


# -- the objective ---------------------------------------------------------------


class LogisticObjective:
    """Mean cross-entropy of sigma(features . theta); theta[-1] is the intercept.

    Parameters
    ----------
    basis : callable
        Function from scores of shape (n,) to features of shape (n_features, n).
    scores, codes, weight : ndarray of shape (n,)
        Scores, codes (0 or 1) and weights of the rows.
    levels : ndarray of shape (2,)
        Target probability of the rows with code 0, and of the rows with code 1.
    standard : Standard
        Mean and standard deviation of the scores, for the range of the cells (bins of
        the score).
    """

    def __init__(self, basis, scores, codes, weight, levels, standard):
        self.basis = basis
        self.scores = scores
        self.codes = codes
        self.weight = weight
        self.levels = levels
        self.standard = standard
        self.even = all_equal(weight)
        self.total = scores.shape[0] if self.even else weight.sum()

    def _blocks(self):
        """Yield features, targets and weights, a block at a time."""
        if self.scores.shape[0] <= BLOCK:
            yield self._only_block
            return
        for start in range(0, self.scores.shape[0], BLOCK):
            yield self._block(slice(start, start + BLOCK))

    @cached_property
    def _only_block(self):
        """Return one block with all rows; computed only once, and only for few rows."""
        return self._block(slice(None))

    def _block(self, part):
        features = self.basis(self.scores[part])
        targets = self.codes[part] * (self.levels[1] - self.levels[0])
        targets += self.levels[0]
        return features, targets, self.weight[part]

    def value(self, theta):
        value = 0.0
        for features, targets, weight in self._blocks():
            logit = _logit(features, theta)
            # softplus(z) - t z, with softplus in the form that cannot overflow.
            loss = np.log1p(np.exp(-np.abs(logit)))
            loss += np.maximum(logit, 0)
            logit *= targets
            loss -= logit
            value += weight @ loss
        return value / self.total

    def gradient(self, theta):
        k = theta.shape[0] - 1
        gradient = np.zeros(k + 1)
        for features, targets, weight in self._blocks():
            proba = sigmoid(_logit(features, theta))
            self._add_gradient(gradient, features, proba, targets, weight)
        return gradient / self.total

    def _add_gradient(self, gradient, features, proba, targets, weight):
        """Add the gradient of a block, and overwrite the probabilities of the block."""
        proba -= targets
        if not self.even:
            proba *= weight
        gradient[:-1] += features @ proba
        gradient[-1] += proba.sum()

    def slopes(self, theta):
        k = theta.shape[0] - 1
        gradient = np.zeros(k + 1)
        hessian = np.zeros((k + 1, k + 1))
        for features, targets, weight in self._blocks():
            proba = sigmoid(_logit(features, theta))
            curve = proba * (1.0 - proba)
            self._add_gradient(gradient, features, proba, targets, weight)
            if not self.even:
                curve *= weight
            weighted = features * curve
            hessian[:k, :k] += weighted @ features.T
            hessian[k, :k] += weighted.sum(axis=1)
            hessian[k, k] += curve.sum()
        hessian[:k, k] = hessian[k, :k]
        return gradient / self.total, hessian / self.total

    def moves(self, step):
        """Return a bound on the change of the log odds; infinite with many rows."""
        if self.scores.shape[0] > BLOCK:
            return np.inf
        return np.abs(step) @ self._reach

    @cached_property
    def _reach(self):
        return np.append(np.abs(self._only_block[0]).max(axis=1), 1.0)

    def spread(self, theta):
        """Return the mean outer product of the row gradients, for standard errors.

        The weights of this objective should be squared weights. Many rows are first
        summed in bins of the score.
        """
        spread = np.zeros((theta.shape[0], theta.shape[0]))
        for features, targets, weight in self.summary._blocks():
            residual = sigmoid(_logit(features, theta)) - targets
            gradients = np.vstack([features, np.ones(residual.shape)]) * residual
            spread += (gradients * weight) @ gradients.T
        return spread / self.total

    @property
    def summary(self):
        """Return the objective on bins of the score; with few rows, return ``self``."""
        return self if self.scores.shape[0] <= _MANY_ROWS else self.cells

    @cached_property
    def cells(self):
        """The objective on cells of equal score width.

        The rows in a cell (bin of the score) are replaced by two rows in the middle of
        the cell, one with code 0 and one with code 1. This approximation is accurate
        enough to start Newton's method. Rows outside the range of the cells are added
        to the outermost cells.
        """
        mass = np.zeros(2 * _N_CELLS + 2)
        centre, reach = self.standard.centre, _REACH * self.standard.scale
        lowest, highest = self.scores.min(), self.scores.max()
        low, high = max(lowest, centre - reach), min(highest, centre + reach)
        reaches_all = (low, high) == (lowest, highest)
        width = (high - low) / _N_CELLS
        # If all scores are equal in floating point, there is one cell (bin of the
        # score).
        per_score = 1 / width if width > 1e-290 else 0.0
        for start in range(0, self.scores.shape[0], BLOCK):
            part = slice(start, start + BLOCK)
            offset = self.scores[part] - low
            offset *= per_score
            if not reaches_all:
                offset.clip(0.0, _N_CELLS, out=offset)
            cell = offset.astype(np.intp)
            cell *= 2
            cell += self.codes[part]
            weight = None if self.even else self.weight[part]
            # The highest score is on the upper edge of the last cell (bin of the
            # score).
            mass += np.bincount(cell, weight, 2 * _N_CELLS + 2)
        used = np.flatnonzero(mass)
        scores = low + (used // 2 + 0.5) * width
        return LogisticObjective(
            self.basis, scores, used % 2, mass[used], self.levels, self.standard
        )

    def constant(self, n_features=1):
        """Return the parameters of the best constant map, to start Newton's method."""
        if self.summary is not self:
            return self.summary.constant(n_features)
        if self.even:
            positive = np.count_nonzero(self.codes) / self.total
        else:
            positive = self.weight @ self.codes / self.total
        mean = self.levels[0] + (self.levels[1] - self.levels[0]) * positive
        # Without this clipping, the log odds would be infinite if all rows have the
        # same class and there is no smoothing.
        mean = min(max(mean, 1e-9), 1 - 1e-9)
        return np.append(np.zeros(n_features), log_odds(mean))


def _logit(features, theta):
    logit = theta[0] * features[0]
    for slope, feature in zip(theta[1:-1], features[1:], strict=True):
        logit += slope * feature
    logit += theta[-1]
    return logit


class _GradientOfRows:
    """An objective whose Hessian is computed on cells."""

    def __init__(self, objective):
        self.objective = objective

    def slopes(self, theta):
        return self.objective.gradient(theta), self.objective.cells.slopes(theta)[1]


# -- the fit ---------------------------------------------------------------------


def fit_logistic(objective, start, *, shape=None):
    """Return the minimum of a :class:`LogisticObjective`.

    The argument ``shape`` is a function. It takes an objective and returns this
    objective with a ridge or a restriction. The result of the fit has the parameters of
    the objective with the ridge or the restriction.
    """
    shape = shape or (lambda objective: objective)
    if objective.summary is not objective:
        start = newton(shape(objective.summary), start)
        step = newton_step(*shape(_GradientOfRows(objective)).slopes(start))
        if np.abs(step).max() <= _AFTER_CELLS * (1 + np.abs(start).max()):
            return start + step
    return newton(shape(objective), start)


def fit_best_edge(objective, edges, *, near=None, shape=None):
    """Return the best parameters on the edges of a cone, or None.

    An edge of the cone is given by a matrix with orthogonal columns. The matrix maps
    the free parameters to all parameters. A result is used only if the first free
    parameter is positive. The minimum of a convex objective over a cone with two edges
    lies inside the cone or on an edge. If the minimum lies on an edge, this edge
    separates the cone from the unrestricted minimum. The fit starts at the projection
    of ``near``, the parameters of an earlier fit. If ``near`` is None, the fit starts
    at the best constant map.
    """
    shape = shape or (lambda objective: objective)
    best, best_value = None, np.inf
    for edge in edges:

        def along(objective, edge=edge):
            return Restricted(shape(objective), edge)

        if near is None:
            start = objective.constant(n_features=edge.shape[1] - 1)
        else:
            start = near @ edge / (edge * edge).sum(axis=0)
        fitted = fit_logistic(objective, start, shape=along)
        if not fitted[0] > 0:
            continue
        value = -np.inf if len(edges) == 1 else along(objective).value(fitted)
        if value < best_value:
            best, best_value = edge @ fitted, value
    return best


class SlopeFit(NamedTuple):
    """An affine map of log-scale scores; the flag is true if the best slope is <= 0."""

    slope: float
    intercept: np.ndarray
    refused: bool


def fit_slope(scores, codes, weight, class_count, levels, *, bias=True):
    """Fit sigma(slope * score + intercept) to targets; exact minimum.

    If the rows cannot determine the slope, the slope is 1. A slope of zero or less is
    not used. In this case, the result is the constant map, which is the best map that
    does not reverse the ranking.
    """
    rows = (codes, weight, levels)
    refused = False
    if slope_is_known(scores, class_count, bias):
        standard = standardise(scores, weight)
        if not bias:
            standard = Standard(0.0, np.hypot(standard.centre, standard.scale))
        objective = LogisticObjective(Affine(standard), scores, *rows, standard)
        if bias:
            theta = fit_logistic(objective, objective.constant())
        else:
            only_slope = np.array([[1.0], [0.0]])
            theta = only_slope @ fit_logistic(
                objective,
                np.zeros(1),
                shape=lambda objective: Restricted(objective, only_slope),
            )
        if theta[0] > 0:
            shift = theta[0] * (standard.centre / standard.scale)
            return SlopeFit(theta[0] / standard.scale, theta[1] - shift, refused)
        refused = True
    slope = 0.0 if refused else 1.0
    if not bias:
        return SlopeFit(slope, 0.0, refused)
    return SlopeFit(slope, fit_intercept(slope * scores, *rows), refused)


def fit_intercept(logit, codes, weight, levels):
    """Return the intercept that makes the mean probability equal to the mean target."""
    weight = weight / weight.sum()
    base = weight @ levels[codes]
    goal = log_odds(base)
    # With the intercept `low`, every probability is too small. With the intercept
    # `high`, every probability is too large. Bisection is used because the second
    # derivative vanishes for widely spread scores.
    low, high = goal - logit.max(), goal - logit.min()
    while high - low > 1e-12 * (1 + abs(low)):
        middle = low + (high - low) / 2
        if weight @ expit(logit + middle) < base:
            low = middle
        else:
            high = middle
    return low + (high - low) / 2


def slope_is_known(scores, class_count, bias):
    """Return whether the rows determine a slope.

    If all rows have the same class, no slope can be estimated. If the map has a bias
    and all scores are equal, no slope can be estimated either.
    """
    low, high = scores.min(axis=0), scores.max(axis=0)
    peak = max(np.max(high), -np.min(low))
    varies = np.max(high / 2 - low / 2) > 1e-12 * peak
    # If all absolute scores are at most 1e-290, the reciprocals of the scores can
    # overflow. Therefore such small scores are treated as zero.
    present = np.count_nonzero(class_count)
    return present > 1 and peak > 1e-290 and (varies or not bias)


def log_odds(p):
    """Return the log odds of a probability inside (0, 1)."""
    return np.log(p) - np.log1p(-p)


class LogitCurve(NamedTuple):
    """Map from scores of shape (n,) to sigma(features . theta).

    Attributes
    ----------
    basis : callable
        Function from scores of shape (n,) to features of shape (n_features, n).
    theta : ndarray of shape (n_features + 1,)
        Parameters, the intercept last.
    tails : Tails or None
        Bounds beyond which log odds grow slowly; None for no bounds.
    """

    basis: object
    theta: np.ndarray
    tails: Tails | None

    def __call__(self, scores):
        """Return the probabilities of both classes, shape (n, 2)."""
        logit = _logit(self.basis(scores), self.theta)
        if self.tails is not None:
            soften_tails(logit, self.tails)
        return binary_proba(logit)


def slope_curve(fit, tails=None):
    """Return the curve of a :class:`SlopeFit`."""
    theta = np.array([fit.slope, fit.intercept], dtype=np.float64)
    return LogitCurve(Affine(Standard(0.0, 1.0)), theta, tails)


def fit_constant_curve(objective):
    """Return the constant curve of the class frequencies."""
    return LogitCurve(Affine(Standard(0.0, 1.0)), objective.constant(), None)
