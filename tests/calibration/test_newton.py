"""Newton's method under the calibrators, on functions whose minimum is known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skweight.calibration._engine.newton import (
    Restricted,
    Ridge,
    newton,
    newton_step,
)


class Quadratic:
    """A bowl of any curvature around a centre."""

    def __init__(self, curvature, centre):
        self.curvature = np.asarray(curvature)
        self.centre = np.asarray(centre)
        self.n_values = 0

    def value(self, theta):
        self.n_values += 1
        away = theta - self.centre
        return away @ self.curvature @ away / 2

    def slopes(self, theta):
        return self.curvature @ (theta - self.centre), self.curvature


class LogCosh:
    """Linear far from its minimum, where a bare Newton step diverges."""

    def value(self, theta):
        far = np.abs(theta[0] - 5.0)
        return far + np.log1p(np.exp(-2 * far)) - np.log(2)

    def slopes(self, theta):
        slope = np.tanh(theta[0] - 5.0)
        return np.array([slope]), np.array([[1 - slope**2]])


def test_the_minimum_of_a_badly_scaled_quadratic():
    bowl = Quadratic(np.diag([1e-6, 1.0, 1e6]), [3.0, -2.0, 1.0])
    assert_allclose(newton(bowl, np.zeros(3)), bowl.centre, rtol=1e-5)


def test_flat_regions_are_crossed():
    assert_allclose(newton(LogCosh(), [300.0]), [5.0])


def test_equal_columns_whose_rounding_cancels_the_ridge_have_a_step():
    ridge = 1 + 1e-12
    step = newton_step(np.array([1.0, 1.0]), np.array([[1.0, ridge], [ridge, 1.0]]))
    assert_allclose(step, [-0.5, -0.5])


def test_a_good_start_needs_no_value():
    bowl = Quadratic(np.eye(2), [3.0, -2.0])
    near = newton(bowl, bowl.centre + 1e-7)
    assert_allclose(near, bowl.centre, rtol=1e-15)
    assert bowl.n_values == 0


@pytest.mark.parametrize(("bound", "n_values"), [(0.9, 0), (1.1, 2)])
def test_a_step_that_surely_descends_needs_no_value(bound, n_values):
    bowl = Quadratic(np.eye(2), [3.0, -2.0])
    bowl.moves = lambda step: bound * np.abs(step).max() / 3
    inside = Restricted(Ridge(bowl, np.zeros((2, 2)), np.zeros(2)), np.eye(2))
    assert_allclose(newton(inside, np.zeros(2)), bowl.centre)
    assert bowl.n_values == n_values


def test_a_ridge_pulls_towards_its_centre():
    bowl = Quadratic(np.eye(2), [3.0, -2.0])
    pulled = Ridge(bowl, np.diag([1.0, 3.0]), np.array([1.0, 2.0]))
    assert_allclose(newton(pulled, np.zeros(2)), [2.0, 1.0])
    step = 1e-6
    rise = [pulled.value(np.array([x, 0.0])) for x in (1 - step, 1 + step)]
    slope = pulled.slopes(np.array([1.0, 0.0]))[0][0]
    assert_allclose((rise[1] - rise[0]) / (2 * step), slope, rtol=1e-6)


def test_a_restriction_keeps_to_its_plane():
    bowl = Quadratic(np.diag([1.0, 4.0]), [1.0, 1.0])
    line = Restricted(bowl, np.array([[1.0], [1.0]]), np.array([0.0, 2.0]))
    # Least of (x - 1)^2 / 2 + 2 (x + 1)^2 along (x, x + 2).
    assert_allclose(newton(line, np.zeros(1)), [-0.6])
    assert_allclose(line.at(np.array([-0.6])), [-0.6, 1.4])
