"""Vector and structured matrix scaling, against a general minimiser."""

import numpy as np
import pytest
from effective_rows import effective
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.base import clone

from skweight.calibration import (
    PriorCalibrator,
    StructuredMatrixScalingCalibrator,
    VectorScalingCalibrator,
    _scaling,
)
from skweight.exceptions import CalibrationWarning

BOTH = pytest.mark.parametrize(
    "kind", [VectorScalingCalibrator, StructuredMatrixScalingCalibrator]
)
MULTIPLIER = np.array([0.5, 1.0, 2.0, 8.0])


@pytest.fixture
def table(rng):
    truth = rng.normal(loc=[1.0, 0.0, -0.5, -1.0], size=(600, 4))
    y = (truth + rng.gumbel(size=truth.shape)).argmax(axis=1)
    scores = truth * [1.5, 1.0, 2.0, 0.7] + [-1.0, 0.3, 0.0, 2.0]
    return scores, y, rng.exponential(size=600)


def by_scipy(scores, y, weight, ridge, full):
    """Return the probabilities of the documented steps, by general minimisers."""
    k = 4
    n = effective(weight, y).sum()
    weight = weight / weight.sum()
    rows = np.arange(len(y))
    z = scores - np.log(MULTIPLIER)

    def loss(logits):
        return -(weight @ log_softmax(logits, axis=1)[rows, y])

    beta = minimize_scalar(
        lambda b: loss(b * z), bounds=(0.01, 10), options={"xatol": 1e-10}
    ).x
    z = np.log((n * softmax(beta * z, axis=1) + 1 / k) / (n + 1))

    def penalised(x):
        matrix, b = x[: k * k].reshape(k, k), x[k * k :]
        if not full:
            matrix = np.diag(np.diag(matrix))
        away = matrix - np.eye(k)
        diagonal = np.diag(away)
        off = (away**2).sum() - (diagonal**2).sum()
        pull = k * (diagonal @ diagonal + b @ b) + k * (k - 1) * off
        return loss(z @ matrix.T + b) + ridge / n * pull

    x = minimize(penalised, np.append(np.eye(k).ravel(), np.zeros(k)), tol=1e-9).x
    matrix = x[: k * k].reshape(k, k)
    if not full:
        matrix = np.diag(np.diag(matrix))
    return softmax(z @ matrix.T + x[k * k :], axis=1)


@pytest.mark.in_turn(2)
@pytest.mark.filterwarnings("ignore:Desired error:scipy.optimize.OptimizeWarning")
@BOTH
@pytest.mark.parametrize("ridge", [0.1, 1.0, 30.0])
def test_it_is_the_minimum_of_the_documented_objective(kind, ridge, table):
    calibrator = kind(ridge=ridge).fit(*table, class_multiplier=MULTIPLIER)
    full = kind is StructuredMatrixScalingCalibrator
    expected = by_scipy(*table, ridge, full)
    assert_allclose(calibrator.predict_proba(table[0]), expected, atol=2e-5)
    if full:
        assert_array_equal(np.diag(calibrator.matrix_), calibrator.slope_)
        assert ridge == 30 or np.abs(np.triu(calibrator.matrix_, 1)).max() > 0.01


@BOTH
def test_a_large_ridge_is_the_tempered_inversion(kind, table):
    calibrator = kind(ridge=1e9).fit(*table, class_multiplier=MULTIPLIER)
    prior = PriorCalibrator().fit(classes=range(4), class_multiplier=MULTIPLIER)
    tempered = prior.predict_proba(table[0]) ** (1 / calibrator.temperature_)
    tempered /= tempered.sum(axis=1, keepdims=True)
    n = calibrator.class_count_.sum()
    expected = (n * tempered + 1 / 4) / (n + 1)
    assert_allclose(calibrator.predict_proba(table[0]), expected, rtol=1e-5)


@BOTH
def test_inversion_can_be_left_out(kind, table):
    plain = kind(inversion=False).fit(*table, class_multiplier=MULTIPLIER)
    untold = kind().fit(*table)
    inverted = kind().fit(*table, class_multiplier=MULTIPLIER)
    expected = untold.predict_proba(table[0])
    assert_array_equal(plain.predict_proba(table[0]), expected)
    assert np.abs(inverted.predict_proba(table[0]) - expected).max() > 0.01


def test_the_matrix_mends_what_slopes_cannot(rng):
    def draw(n):
        truth = 2 * rng.normal(size=(n, 3))
        y = (truth + rng.gumbel(size=truth.shape)).argmax(axis=1)
        return truth + 0.5 * truth[:, [0, 2, 1]] * [0, 0, 1], y

    scores, y = draw(4000)
    new, label = draw(20_000)
    losses = []
    for kind in (VectorScalingCalibrator, StructuredMatrixScalingCalibrator):
        p = kind().fit(scores, y).predict_proba(new)
        losses.append(-np.log(p[np.arange(20_000), label]).mean())
    assert losses[1] < losses[0] - 0.01


@BOTH
def test_two_classes_rise(kind, rng):
    scores = rng.normal(size=800)
    y = (rng.random(800) < 1 / (1 + np.exp(1 - 2 * scores))).astype(int)
    calibrator = kind().fit(scores, y, class_multiplier=[1, 3])
    proba = calibrator.predict_proba(np.linspace(-20, 20, 200))[:, 1]
    assert (np.diff(proba) >= 0).all()
    mean = calibrator.predict_proba(scores)[:, 1].mean()
    assert_allclose(mean, y.mean(), rtol=0.02)


@BOTH
def test_reversed_rows_get_the_class_frequencies(kind, table):
    scores, y, _ = table
    with pytest.warns(CalibrationWarning, match="every row gets the class freq") as w:
        calibrator = kind().fit(-5 * scores, y)
    assert w[0].filename == __file__
    assert calibrator.temperature_ == np.inf
    expected = np.tile(np.bincount(y) / 600, (600, 1))
    assert_allclose(calibrator.predict_proba(scores), expected, rtol=1e-4)


@BOTH
def test_one_reversed_column_shares_the_slope_of_all(kind, rng):
    scores = 3 * rng.normal(size=(4000, 3))
    y = (scores * [1, 1, -1] + rng.gumbel(size=scores.shape)).argmax(axis=1)
    calibrator = kind(ridge=1e-6)
    with pytest.warns(CalibrationWarning, match="all classes share one slope") as w:
        calibrator.fit(scores, y)
    assert w[0].filename == __file__
    assert np.ptp(calibrator.slope_) < 1e-9


@BOTH
def test_separable_rows_are_finite(kind):
    scores = np.repeat(50 * np.eye(3), [100, 5, 1], axis=0)
    y = np.repeat([0, 1, 2], [100, 5, 1])
    proba = kind().fit(scores, y).predict_proba(scores)
    assert (proba.argmax(axis=1) == y).all()
    assert proba.max() < 1


@BOTH
def test_wrong_ridge(kind, table):
    with pytest.raises(ValueError, match="ridge must be a number"):
        clone(kind(ridge=0)).fit(*table)


def test_scores_of_one_dimension_take_no_longer(rng, monkeypatch):
    """As a linear model of one feature makes them; products are counted, not time."""
    products = []
    times = _scaling._MatrixFit.hessian_times

    def spy(self, *args):
        products.append(1)
        return times(self, *args)

    monkeypatch.setattr(_scaling._MatrixFit, "hessian_times", spy)
    scores = rng.normal(size=(500, 1)) * np.arange(20) / 3
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    y[:20] = np.arange(20)
    StructuredMatrixScalingCalibrator().fit(scores, y)
    assert len(products) < 3000
