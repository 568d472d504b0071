r"""Weighted logistic fits of a few features of one score, exact and in one pass.

Every two-class calibrator with a formula is :math:`\sigma(\theta \cdot \phi(s))` for
some features :math:`\phi` of the score: the score itself, the score and its square,
two logarithms. They differ in the features (a basis below), in the targets, and in the
ridge; the fit is this file's.

Many rows are first summarised by cells of the score. Newton runs on the cells, and ends
with a step over all rows, which makes the fit exact: its error is that of the cells
squared.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from skweight.calibration._newton import TOLERANCE, Restricted, newton
from skweight.calibration._numerics import binary_proba

# Rows above which a first fit on cells makes the fit on all rows cheaper, the number
# of cells, and how many standard deviations they reach to either side.
_MANY_ROWS = 1 << 14
_N_CELLS = 1 << 11
_REACH = 6.0

# The fit on cells is good to about 1e-5, so that one step over all rows follows.
_AFTER_CELLS = 1e-4

# Rows of one block: the temporaries of a block stay in the processor's cache, and the
# memory of a fit does not grow with the rows.
_BLOCK = 1 << 14


class Standard(NamedTuple):
    """Where scores lie and how far they spread, by the weighted mean and deviation."""

    centre: float
    scale: float

    def __call__(self, scores):
        """Return scores as deviations from the mean in standard deviations."""
        return (scores - self.centre) / self.scale


def standardise(scores, weight):
    """Return the :class:`Standard` of the scores; a scale of one if they are equal."""
    peak = max(scores.max(), -scores.min())
    # Dividing by the peak keeps squares finite where scores are extreme.
    unit = 1.0 if 1e-100 < peak < 1e100 else max(peak, 1e-290)
    total = weight.sum()
    centre = (
        np.dot(weight, scores) / total
        if unit == 1.0
        else (np.dot(weight, scores / unit) / total * unit)
    )
    square = 0.0
    for start in range(0, scores.shape[0], _BLOCK):
        away = (scores[start : start + _BLOCK] - centre) / unit
        square += np.dot(weight[start : start + _BLOCK], away * away)
    scale = np.sqrt(square / total) * unit
    # Rounding alone gives equal scores a spread.
    return Standard(centre, scale if scale > 1e-13 * peak else 1.0)


class Affine:
    """The standardised score itself."""

    def __init__(self, standard):
        self.standard = standard

    def __call__(self, scores):
        return self.standard(scores)[np.newaxis]


# -- the objective ---------------------------------------------------------------


class LogisticObjective:
    """Mean cross-entropy of sigma(features . theta), the intercept last.

    Parameters
    ----------
    basis : callable
        Scores to features of shape (n_features, n).
    scores, codes, weight : ndarray of shape (n,)
        The rows; a code is 0 or 1.
    levels : ndarray of shape (2,)
        What the probability of a row should be, by its code.
    standard : Standard
        Where the scores lie, for cells of a sensible width.
    """

    def __init__(self, basis, scores, codes, weight, levels, standard):
        self.basis = basis
        self.scores = scores
        self.codes = codes
        self.weight = weight
        self.levels = levels
        self.standard = standard
        self.total = weight.sum()

    def _blocks(self, theta):
        """Yield features, weights, targets and logits, a block at a time."""
        for start in range(0, self.scores.shape[0], _BLOCK):
            part = slice(start, start + _BLOCK)
            features = self.basis(self.scores[part])
            logit = theta[:-1] @ features
            logit += theta[-1]
            yield features, self.weight[part], self.levels[self.codes[part]], logit

    def value(self, theta):
        value = 0.0
        for _, weight, target, logit in self._blocks(theta):
            # softplus(z) - t z, with softplus in the form that cannot overflow.
            loss = np.log1p(np.exp(-np.abs(logit)))
            loss += np.maximum(logit, 0)
            loss -= target * logit
            value += weight @ loss
        return value / self.total

    def slopes(self, theta):
        k = theta.shape[0] - 1
        gradient = np.zeros(k + 1)
        hessian = np.zeros((k + 1, k + 1))
        for features, weight, target, logit in self._blocks(theta):
            proba = expit(logit, out=logit)
            away = weight * (proba - target)
            gradient[:k] += features @ away
            gradient[k] += away.sum()
            curve = weight * proba
            curve *= 1 - proba
            weighted = curve * features
            hessian[:k, :k] += weighted @ features.T
            hessian[:k, k] += weighted.sum(axis=1)
            hessian[k, k] += curve.sum()
        hessian[k, :k] = hessian[:k, k]
        return gradient / self.total, hessian / self.total

    @cached_property
    def cells(self):
        """The objective on cells of equal score width.

        There is one row for each cell and code, at the mean score of its rows. Whatever
        lies beyond the reach of the cells joins the outermost ones.
        """
        mass, place = np.zeros((2, 2 * _N_CELLS))
        for start in range(0, self.scores.shape[0], 4 * _BLOCK):
            part = slice(start, start + 4 * _BLOCK)
            weight = self.weight[part]
            u = self.standard(self.scores[part])
            cell = u * (_N_CELLS / (2 * _REACH))
            cell += _N_CELLS / 2
            cell = np.clip(cell, 0, _N_CELLS - 1, out=cell).astype(np.intp)
            cell *= 2
            cell += self.codes[part]
            mass += np.bincount(cell, weight, 2 * _N_CELLS)
            place += np.bincount(cell, weight * u, 2 * _N_CELLS)
        used = np.flatnonzero(mass)
        mass = mass[used]
        scores = self.standard.centre + self.standard.scale * (place[used] / mass)
        return LogisticObjective(
            self.basis, scores, used % 2, mass, self.levels, self.standard
        )

    def constant(self, n_features=1):
        """Return the parameters of the best constant map: where to start."""
        positive = self.weight @ self.codes / self.total
        mean = self.levels[0] + (self.levels[1] - self.levels[0]) * positive
        # Rows of one class have no finite log odds where a prior is all smoothing.
        mean = min(max(mean, 1e-9), 1 - 1e-9)
        return np.append(np.zeros(n_features), log_odds(mean))


# -- the fit ---------------------------------------------------------------------


def fit_logistic(objective, start, *, shape=None):
    """Return the minimum of a :class:`LogisticObjective`.

    ``shape``, a function from objective to objective, adds a ridge or a restriction;
    the parameters are those of what it returns.
    """
    shape = shape or (lambda objective: objective)
    tol = TOLERANCE
    if objective.scores.shape[0] > _MANY_ROWS:
        start = newton(shape(objective.cells), start)
        tol = _AFTER_CELLS
    return newton(shape(objective), start, tol=tol)


def fit_best_edge(objective, edges, *, shape=None):
    """Return the best parameters along any of the edges of a cone, or None.

    An edge is a matrix from its free parameters to all of them, of which the first
    must come out positive. The minimum of a convex objective over a cone of two edges
    lies inside or on one of them.
    """
    shape = shape or (lambda objective: objective)
    best, best_value = None, np.inf
    for edge in edges:

        def along(objective, edge=edge):
            return Restricted(shape(objective), edge)

        start = objective.constant(n_features=edge.shape[1] - 1)
        found = fit_logistic(objective, start, shape=along)
        value = along(objective).value(found)
        if found[0] > 0 and value < best_value:
            best, best_value = edge @ found, value
    return best


class SlopeFit(NamedTuple):
    """An affine map of log scores, and whether the rows asked for a slope <= 0."""

    slope: float
    intercept: np.ndarray
    refused: bool


def fit_slope(scores, codes, weight, class_count, levels, *, bias=True):
    """Fit sigma(slope * score + intercept) to targets; exact minimum.

    Slope one is kept where the rows cannot tell it. A slope that the rows want at or
    below zero is refused: the best map that does not turn the ranking round is then
    the constant one.
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
    """Return the intercept that fits the mean target, given the rest of the logit."""
    weight = weight / weight.sum()
    base = weight @ levels[codes]
    goal = log_odds(base)
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


def slope_is_known(scores, class_count, bias):
    """Return whether the rows say anything about a slope.

    They do not if they are of one class, or (with a bias) have a single score.
    """
    low, high = scores.min(axis=0), scores.max(axis=0)
    peak = max(np.max(high), -np.min(low))
    varies = np.max(high / 2 - low / 2) > 1e-12 * peak
    # Below that bound the reciprocal of a score overflows; such scores are zeros.
    present = np.count_nonzero(class_count)
    return present > 1 and peak > 1e-290 and (varies or not bias)


def log_odds(p):
    """Return the log odds of a probability inside (0, 1)."""
    return np.log(p) - np.log1p(-p)


class LogitCurve(NamedTuple):
    """The map sigma(features . theta), the intercept last, of scores of shape (n,)."""

    basis: object
    theta: np.ndarray

    def __call__(self, scores):
        """Return the probabilities of both classes, shape (n, 2)."""
        return binary_proba(self.theta[:-1] @ self.basis(scores) + self.theta[-1])


def slope_curve(fit):
    """Return the curve of a :class:`SlopeFit`."""
    theta = np.array([fit.slope, fit.intercept], dtype=np.float64)
    return LogitCurve(Affine(Standard(0.0, 1.0)), theta)


def fit_constant_curve(objective):
    """Return the curve of the class frequencies, for scores that rank nothing."""
    return LogitCurve(Affine(Standard(0.0, 1.0)), objective.constant())
