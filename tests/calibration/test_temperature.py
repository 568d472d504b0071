"""Temperature scaling with and without a bias, against exact minima."""

import numpy as np
import pytest
from effective_rows import effective
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit, log_softmax

from skweight.calibration import SigmoidCalibrator, TemperatureCalibrator
from skweight.exceptions import CalibrationWarning


@pytest.fixture
def table(rng):
    truth = rng.normal(size=(800, 3))
    y = (truth + rng.gumbel(size=truth.shape)).argmax(axis=1)
    return 3 * truth, y, rng.exponential(size=800)


def test_two_classes_with_a_bias_are_the_sigmoid(rng):
    scores = rng.normal(size=500)
    y = rng.random(500) < expit(2 * scores - 1)
    weight = rng.exponential(size=500)
    sigmoid = SigmoidCalibrator(smoothing=1.5).fit(scores, y, weight)
    shared = TemperatureCalibrator(smoothing=1.5).fit(scores, y, weight)
    assert (shared.slope_, shared.intercept_) == (sigmoid.slope_, sigmoid.intercept_)
    assert_array_equal(shared.predict_proba(scores), sigmoid.predict_proba(scores))


def test_without_a_bias_it_is_the_classical_temperature(table):
    scores, y, weight = table
    weight = effective(weight, y)
    count = np.bincount(y, weight)
    m = 2 / 3
    target = np.repeat((m / (count + 2 * m) / 2)[:, np.newaxis], 3, axis=1)
    np.fill_diagonal(target, (count + m) / (count + 2 * m))

    def loss(slope):
        log_proba = log_softmax(slope * scores, axis=1)
        return -weight @ (target[y] * log_proba).sum(axis=1)

    expected = minimize_scalar(loss, bounds=(0.01, 3), options={"xatol": 1e-9}).x
    calibrator = TemperatureCalibrator(bias=False).fit(scores, y, weight)
    assert_allclose(calibrator.slope_, expected, rtol=1e-6)
    assert_allclose(calibrator.slope_, 1 / 3, rtol=0.2)  # the model was 3 x too sharp
    assert_array_equal(calibrator.intercept_, np.zeros(3))


@pytest.mark.parametrize("n", [500, 40_000])
def test_two_classes_without_a_bias(rng, n):
    scores = rng.normal(size=n) + 0.3
    y = (rng.random(n) < expit(2 * scores)).astype(int)
    positive, negative = y.sum(), n - y.sum()
    target = np.where(y == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(slope):
        z = slope * scores
        return -(target @ log_expit(z) + (1 - target) @ log_expit(-z))

    expected = minimize_scalar(loss, bounds=(0.01, 9), options={"xatol": 1e-9}).x
    calibrator = TemperatureCalibrator(bias=False).fit(scores, y)
    assert_allclose(calibrator.slope_, expected, rtol=1e-6)
    assert calibrator.intercept_ == 0
    assert_allclose(calibrator.predict_proba([0.0]), [[0.5, 0.5]])


def test_without_a_bias_the_best_label_stays(table):
    scores, y, weight = table
    proba = TemperatureCalibrator(bias=False).fit(scores, y, weight)
    assert_array_equal(
        proba.predict_proba(scores).argmax(axis=1), scores.argmax(axis=1)
    )


def test_the_bias_undoes_class_weights_and_its_absence_does_not(rng):
    frequency = np.array([0.85, 0.10, 0.05])
    truth = rng.normal(size=(20_000, 3)) + np.log(frequency)
    y = (truth + rng.gumbel(size=truth.shape)).argmax(axis=1)
    balanced = truth - np.log(frequency)
    observed = np.bincount(y) / len(y)
    with_bias = TemperatureCalibrator().fit(balanced, y)
    mean = with_bias.predict_proba(balanced).mean(axis=0)
    assert_allclose(mean, observed, rtol=1e-3)
    assert_allclose(with_bias.slope_, 1, atol=0.05)
    shift = with_bias.intercept_ - np.log(frequency)
    assert_allclose(shift - shift.mean(), 0, atol=0.1)
    without = TemperatureCalibrator(bias=False).fit(balanced, y)
    rare = without.predict_proba(balanced).mean(axis=0)[2]
    assert rare > 3 * observed[2]


def test_without_a_bias_no_positive_slope_may_fit(rng):
    """Balanced scores of a rare class: the best bare temperature is infinite."""
    truth = rng.normal(-4, 1, size=5000)
    y = rng.random(5000) < expit(truth)
    calibrator = TemperatureCalibrator(bias=False)
    with pytest.warns(CalibrationWarning, match="set bias=True") as caught:
        calibrator.fit(truth + 4.5, y)
    assert caught[0].filename == __file__
    assert_allclose(calibrator.predict_proba([-9.0, 9.0]), 0.5)


def test_reversed_scores_get_the_class_frequencies(table):
    scores, y, weight = table
    calibrator = TemperatureCalibrator()
    with pytest.warns(CalibrationWarning, match="every row gets the class") as caught:
        calibrator.fit(-scores, y, weight)
    assert caught[0].filename == __file__
    assert calibrator.slope_ == 0
    assert np.ptp(calibrator.predict_proba(scores), axis=0).max() == 0


@pytest.mark.parametrize("bias", [True, False])
def test_separable_rows_are_finite(bias):
    scores = np.repeat(30 * np.eye(4), 25, axis=0)
    y = np.repeat(np.arange(4), 25)
    calibrator = TemperatureCalibrator(bias).fit(scores, y)
    # m = 2/4: the target (25 + .5) / (25 + 1) is reached exactly, by symmetry.
    proba = calibrator.predict_proba(scores)[np.arange(100), y]
    assert_allclose(proba, 25.5 / 26, rtol=1e-6)


@pytest.mark.parametrize("bias", [True, False])
def test_a_class_without_rows_leaves_the_slope_to_the_others(table, bias):
    scores, y, _ = table
    kept = y != 2
    with pytest.warns(CalibrationWarning, match="frequency of that class is not known"):
        calibrator = TemperatureCalibrator(bias).fit(
            scores[kept], y[kept], classes=[0, 1, 2]
        )
    proba = calibrator.predict_proba(scores)
    assert np.isfinite(proba).all()
    if bias:
        assert_allclose(calibrator.slope_, 1 / 3, rtol=0.25)
        assert 0 < proba[kept][:, 2].mean() < 2 / kept.sum()
