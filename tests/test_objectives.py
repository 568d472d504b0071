"""The focal loss as an objective, with the mathematics of NumPy alone."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from skweight.objectives import FocalObjective

GAMMAS = [0.0, 0.5, 1.0, 2.0, 3.5]


def loss(codes, logits, gamma):
    """Return the focal loss of every row, from logits of shape (n, k)."""
    log_p = log_softmax(logits, axis=1)[np.arange(codes.size), codes]
    return -((-np.expm1(log_p)) ** gamma) * log_p


def two_columns(scores):
    return np.column_stack([np.zeros(scores.size), scores])


@pytest.mark.parametrize("gamma", GAMMAS)
def test_the_gradient_is_the_slope_of_the_loss(gamma, rng):
    codes, step = rng.integers(3, size=200), 1e-5
    table = rng.normal(scale=2, size=(200, 3))
    gradient, hessian = FocalObjective(gamma)(codes, table)
    for column in range(3):
        away = step * np.eye(3)[column]
        high, low = (loss(codes, table + s * away, gamma) for s in (1, -1))
        assert_allclose(gradient[:, column], (high - low) / (2 * step), atol=1e-9)
        up, down = (FocalObjective(gamma)(codes, table + s * away)[0] for s in (1, -1))
        curve = (up - down)[:, column] / (2 * step)
        assert_allclose(hessian[:, column], np.maximum(curve, 1e-6), atol=1e-8)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_two_classes_are_two_columns(gamma, rng):
    codes, scores = rng.integers(2, size=300), rng.normal(scale=5, size=300)
    for alone, table in zip(
        FocalObjective(gamma)(codes, scores),
        FocalObjective(gamma)(codes, two_columns(scores)),
        strict=True,
    ):
        assert_allclose(alone, table[:, 1], rtol=1e-10, atol=1e-14)


def test_gamma_zero_is_the_log_loss(rng):
    codes, scores = rng.integers(2, size=100), rng.normal(size=100)
    gradient, hessian = FocalObjective(0)(codes, scores)
    p = expit(scores)
    assert_allclose(gradient, p - codes)
    assert_allclose(hessian, p * (1 - p))


@pytest.mark.parametrize("shape", [(50,), (50, 4)])
def test_a_weight_multiplies_both_and_zero_is_nothing(shape, rng):
    codes = rng.integers(shape[-1] if len(shape) == 2 else 2, size=50)
    scores, weight = rng.normal(size=shape), rng.exponential(size=50)
    weight[:5] = 0
    plain = FocalObjective()(codes, scores)
    for of_ones, weighted in zip(
        plain, FocalObjective()(codes, scores, weight), strict=True
    ):
        expected = of_ones * weight.reshape(-1, *[1] * (len(shape) - 1))
        assert_allclose(weighted, expected)
        assert not weighted[:5].any()
    assert (plain[1] >= 1e-6).all()


@pytest.mark.parametrize("gamma", GAMMAS)
def test_far_scores_stay_finite(gamma):
    far = np.array([-1e9, -800.0, -40.0, 40.0, 800.0, 1e9])
    for code in (0, 1):
        codes = np.full(6, code)
        for scores in (far, two_columns(far)):
            gradient, hessian = FocalObjective(gamma)(codes, scores)
            assert np.isfinite(gradient).all()
            assert np.isfinite(hessian).all()
    wrong, right = FocalObjective(gamma)(np.array([1, 1]), np.array([-900.0, 900.0]))[0]
    assert_allclose([wrong, right], [-1, 0], atol=1e-9)


def test_blocks_leave_no_seam(rng):
    n = 40_000
    codes, scores = rng.integers(2, size=n), rng.normal(size=n)
    weight = rng.exponential(size=n)
    whole = FocalObjective()(codes, scores, weight)
    for start in (0, 16_000, 33_000):
        part = slice(start, start + 100)
        for a, b in zip(
            whole,
            FocalObjective()(codes[part], scores[part], weight[part]),
            strict=True,
        ):
            assert_array_equal(a[part], b)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_the_start_is_the_best_constant(gamma, rng):
    y = np.array(["no"] * 90 + ["yes"] * 10)
    weight = rng.exponential(size=100)
    codes = (y == "yes").astype(int)

    def mean_loss(score):
        return weight @ loss(codes, two_columns(np.full(100, score)), gamma)

    best = minimize_scalar(mean_loss, bounds=(-8, 8), method="bounded").x
    start = FocalObjective(gamma).base_score(y, weight)
    assert_allclose(start, expit(best), rtol=1e-4)
    many = rng.integers(4, size=200)
    start = FocalObjective(gamma).base_score(many)
    gradient, _ = FocalObjective(gamma)(many, np.tile(start, (200, 1)))
    assert_allclose(gradient.sum(axis=0), 0, atol=1e-9)
    assert_allclose(np.sum(start), 0, atol=1e-12)


def test_it_is_pickled_and_cloned_inside_an_estimator():
    focal = FocalObjective(1.5)
    assert repr(pickle.loads(pickle.dumps(focal))) == "FocalObjective(gamma=1.5)"
    holder = LogisticRegression().set_params(solver=focal)
    assert clone(holder).solver.gamma == 1.5


def test_what_cannot_be_used_is_refused():
    with pytest.raises(ValueError, match="gamma must be a number in"):
        FocalObjective(-1)([0, 1], [0.0, 0.0])
    with pytest.raises(ValueError, match=r"got \(3,\) and \(2,\)"):
        FocalObjective()([0, 1], [0.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="at least two classes"):
        FocalObjective().base_score([1, 1])
    with pytest.raises(ValueError, match="row of positive weight"):
        FocalObjective().base_score([0, 1], [1.0, 0.0])
