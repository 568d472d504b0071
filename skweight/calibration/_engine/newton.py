"""Newton's method for the convex fits of the calibrators, and what shapes a fit.

An objective offers ``value(theta)`` and ``slopes(theta)``, which returns the gradient
and the Hessian. :class:`Ridge` adds a pull towards a point, :class:`Restricted` keeps
the parameters in an affine subspace; both are objectives again.
"""

import numpy as np

# A step of this relative size is taken without looking: Newton converges
# quadratically, so the error that it leaves is of the order of the square.
TOLERANCE = 1e-6


class Ridge:
    """An objective plus ``(theta - centre)' precision (theta - centre) / 2``."""

    def __init__(self, objective, precision, centre):
        self.objective = objective
        self.precision = precision
        self.centre = centre

    def value(self, theta):
        away = theta - self.centre
        return self.objective.value(theta) + away @ self.precision @ away / 2

    def slopes(self, theta):
        gradient, hessian = self.objective.slopes(theta)
        pull = self.precision @ (theta - self.centre)
        return gradient + pull, hessian + self.precision


class Restricted:
    """An objective as a function of x, where the parameters are ``origin + basis @ x``.

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


def newton(objective, start, *, max_iter=200, tol=TOLERANCE):
    """Return the minimum of a smooth convex objective.

    A step is at most ten times the size of the parameters, which takes the search
    through regions where every probability is 0 or 1 and the curvature vanishes. The
    value of the objective is asked for only where a step is long enough to need a line
    search: a good start costs one pass of slopes over the rows and nothing more.
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
            # Nothing to gain: the step is long only where the data do not see it.
            return theta
        step *= min(1.0, 10 * reach / size)
        decrease = gradient @ step
        if value is None:
            value = objective.value(theta)
        length = 1.0
        while True:
            candidate = theta + length * step
            reached = objective.value(candidate)
            # Rounding of the value itself is forgiven, or the last steps would fail.
            allowed = 1e-4 * length * decrease + 1e-14 * (1 + abs(value))
            if reached <= value + allowed:
                break
            length /= 2
            if length < 1e-12:
                return theta
        theta, value = candidate, reached
    return theta


def newton_step(gradient, hessian):
    """Return the step to the minimum of the parabola with these slopes."""
    # Scaled to a unit diagonal, so that the guard is small in every direction but
    # those that the data do not see (equal columns), whatever the scores' spread.
    # Rounding may leave a curvature of zero a little below it.
    spread = np.sqrt(np.maximum(np.diag(hessian), 0.0))
    unit = 1 / np.where(spread > 1e-140, spread, 1.0)
    scaled = unit[:, np.newaxis] * hessian * unit + 1e-12 * np.eye(gradient.shape[0])
    return -unit * np.linalg.solve(scaled, unit * gradient)
