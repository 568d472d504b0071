"""Newton's method for convex objectives, with ridges and restrictions.

An objective has two methods: ``value(theta)`` returns the value, and ``slopes(theta)``
returns the gradient and the Hessian. An objective may also have a method
``moves(step)``. ``moves`` returns a number R for which the third derivative along the
step is at most R times the second derivative. :class:`Ridge` adds a ridge penalty to an
objective. :class:`Restricted` keeps the parameters of an objective in an affine
subspace. Both classes are objectives, too.
"""

import numpy as np
from scipy.linalg.lapack import dgesv

# The iteration stops after a step that is at most this long, relative to the
# parameters. Newton's method converges quadratically. Therefore the remaining error is
# about the square of this size.
TOLERANCE = 1e-6

# If a full Newton step is at most this long, the objective decreases enough: by at
# least 0.28 times the decrease predicted by the gradient. So no line search is needed.
# The 0.28 is 1 - (exp(R) - R - 1) / R^2 for R = 1 (F. Bach, "Self-concordant analysis
# for logistic regression", Electronic Journal of Statistics 4, 2010, proposition 1).
_SURE = 1.0


class Ridge:
    """An objective plus ``(theta - centre)' precision (theta - centre) / 2``."""

    def __init__(self, objective, precision, centre):
        self.objective = objective
        self.precision = precision
        self.centre = centre

    def value(self, theta):
        deviation = theta - self.centre
        return self.objective.value(theta) + deviation @ self.precision @ deviation / 2

    def slopes(self, theta):
        gradient, hessian = self.objective.slopes(theta)
        pull = self.precision @ (theta - self.centre)
        return gradient + pull, hessian + self.precision

    def moves(self, step):
        return _moves(self.objective, step)


class Restricted:
    """An objective of the parameters ``origin + basis @ x``, as a function of x.

    ``origin`` None is the zero vector.
    """

    def __init__(self, objective, basis, origin=None):
        self.objective = objective
        self.basis = basis
        self.origin = np.zeros(basis.shape[0]) if origin is None else origin

    def at(self, x):
        """Return the parameters that x stands for."""
        return self.origin + self.basis @ x

    def value(self, x):
        return self.objective.value(self.at(x))

    def slopes(self, x):
        gradient, hessian = self.objective.slopes(self.at(x))
        return self.basis.T @ gradient, self.basis.T @ hessian @ self.basis

    def moves(self, step):
        return _moves(self.objective, self.basis @ step)


def newton(objective, start, *, max_iter=200, tol=TOLERANCE):
    """Return the minimum of a smooth convex objective.

    The second derivative vanishes if every probability is 0 or 1. Therefore the length
    of a step is limited to ten times the size of the parameters. The value of the
    objective is computed only if a step is long enough to need a line search. If the
    start is close to the minimum, a few computations of the gradient and the Hessian
    are enough.
    """
    theta = np.array(start, dtype=np.float64)
    value = None
    for _ in range(max_iter):
        gradient, hessian = objective.slopes(theta)
        step = newton_step(gradient, hessian)
        size, reach = np.abs(step).max(), 1 + np.abs(theta).max()
        if size <= tol * reach:
            return theta + step
        if -(gradient @ step) <= 1e-16:
            # At this point the objective cannot decrease any more. If the step is long,
            # the objective is flat in the direction of the step.
            return theta
        step *= min(1.0, 10 * reach / size)
        if _moves(objective, step) <= _SURE:
            theta, value = theta + step, None
            continue
        decrease = gradient @ step
        if value is None:
            value = objective.value(theta)
        length = 1.0
        while True:
            candidate = theta + length * step
            candidate_value = objective.value(candidate)
            # The check allows for rounding errors of the objective. The last steps
            # hardly change the objective, so they could fail a strict check.
            allowed = 1e-4 * length * decrease + 1e-14 * (1 + abs(value))
            if candidate_value <= value + allowed:
                break
            length /= 2
            if length < 1e-12:
                return theta
        theta, value = candidate, candidate_value
    return theta


def newton_step(gradient, hessian):
    """Return the Newton step for a gradient and a Hessian."""
    # The Hessian is scaled to a unit diagonal. Then the 1e-12 that is added to the
    # diagonal matters only where the objective is flat, for example if two columns are
    # equal. Rounding may make a diagonal entry of zero slightly negative.
    spread = np.sqrt(np.maximum(hessian.diagonal(), 0.0))
    unit = 1 / np.where(spread > 1e-140, spread, 1.0)
    scaled = unit[:, np.newaxis] * hessian * unit
    scaled.flat[:: gradient.shape[0] + 1] += 1e-12
    # LAPACK is called directly: with few parameters, np.linalg.solve takes ten times
    # as long.
    *_, solution, is_singular = dgesv(scaled, unit * gradient)
    if is_singular:
        # If two columns are equal, rounding can cancel the added 1e-12 exactly.
        solution = np.linalg.lstsq(scaled, unit * gradient, rcond=None)[0]
    return -unit * solution


def _moves(objective, step):
    """Return the bound R on the third derivative; infinite if there is no ``moves``."""
    moves = getattr(objective, "moves", None)
    return np.inf if moves is None else moves(step)
