"""The claim itself: after class weighting the true probabilities come back.

The truth is known, the scores are those of a model trained on it with class weights
(log odds moved by the log of the weights, sharpened or dulled on the way), and the
calibrator sees rows of the population.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit, rel_entr, softmax
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skweight.calibration import (
    AnchoredCalibrator,
    BetaCalibrator,
    IsotonicCalibrator,
    PriorCalibrator,
    QuadraticCalibrator,
    SigmoidCalibrator,
    StructuredMatrixScalingCalibrator,
    TemperatureCalibrator,
    VectorScalingCalibrator,
    VennAbersCalibrator,
    scores_from_proba,
)

ON_ROWS = [
    VectorScalingCalibrator(),
    StructuredMatrixScalingCalibrator(),
    BetaCalibrator(),
    VennAbersCalibrator(),
    AnchoredCalibrator(),
    AnchoredCalibrator("quadratic"),
    QuadraticCalibrator(),
    SigmoidCalibrator(),
    IsotonicCalibrator(centered=False),
    IsotonicCalibrator(),
    TemperatureCalibrator(),
]
each = pytest.mark.parametrize("calibrator", ON_ROWS, ids=repr)


def two_classes(rng, n):
    truth = rng.normal(-3.5, 1.5, size=n)
    return truth, (rng.random(n) < expit(truth)).astype(int)


@each
def test_two_classes_are_recovered(calibrator, rng):
    truth, y = two_classes(rng, 100_000)
    frequency = y.mean()
    weighted = 1.7 * truth + np.log((1 - frequency) / frequency)
    calibrator = clone(calibrator).fit(weighted, y)
    truth, y = two_classes(rng, 20_000)
    weighted = 1.7 * truth + np.log((1 - frequency) / frequency)
    p = calibrator.predict_proba(weighted)[:, 1]
    assert expit(weighted).mean() > 2 * frequency  # what there was to repair
    assert_allclose(p.mean(), expit(truth).mean(), rtol=0.05)
    assert np.abs(p - expit(truth)).mean() < 0.006
    assert log_loss(y, p) < 1.01 * log_loss(y, expit(truth))


@each
def test_three_classes_are_recovered(calibrator, rng):
    frequency = np.array([0.9, 0.07, 0.03])

    def draw(n):
        truth = rng.normal(size=(n, 3)) + np.log(frequency)
        y = (truth + rng.gumbel(size=truth.shape)).argmax(axis=1)
        return softmax(truth, axis=1), 0.6 * (truth - np.log(frequency)), y

    truth, weighted, y = draw(100_000)
    calibrator = clone(calibrator).fit(weighted, y)
    truth, weighted, y = draw(20_000)
    p = calibrator.predict_proba(weighted)
    assert_allclose(p.mean(axis=0), truth.mean(axis=0), rtol=0.05)
    assert np.abs(p - truth).mean() < 0.01
    assert log_loss(y, p) < 1.01 * log_loss(y, truth)


def test_the_inversion_recovers_what_it_inverts(rng):
    truth, y = two_classes(rng, 30_000)
    frequency = y.mean()
    multiplier = 1 / (2 * np.array([1 - frequency, frequency]))
    weighted = truth + np.log(multiplier[1] / multiplier[0])
    calibrator = PriorCalibrator().fit(classes=[0, 1], class_multiplier=multiplier)
    assert_allclose(calibrator.predict_proba(weighted)[:, 1], expit(truth))


@each
def test_population_weights_bring_the_population_back(calibrator, rng):
    """Positives are sampled four times as often; weights say so; scores do not."""
    truth, y = two_classes(rng, 100_000)
    kept = rng.random(100_000) < np.where(y == 1, 1.0, 0.25)
    weight = np.where(y == 1, 1.0, 4.0)[kept]
    weighted = clone(calibrator).fit(truth[kept], y[kept], weight)
    ignored = clone(calibrator).fit(truth[kept], y[kept])
    mean = weighted.predict_proba(truth)[:, 1].mean()
    assert_allclose(mean, y.mean(), rtol=0.05)
    assert ignored.predict_proba(truth)[:, 1].mean() > 2 * y.mean()


@pytest.mark.parametrize(("n", "at_most"), [(100, 20), (300, 6)])
def test_few_rows_hurt_the_sigmoid_little_and_isotonic_much(n, at_most, rng):
    """Why sigmoid is the first choice: mean log loss added to the truth's, per cent."""
    new = two_classes(rng, 5_000)[0]
    p = expit(new)
    entropy = -(p * np.log(p) + (1 - p) * np.log1p(-p)).mean()
    calibrators = {
        "sigmoid": SigmoidCalibrator(),
        "isotonic": IsotonicCalibrator(centered=False),
        "unsmoothed": SigmoidCalibrator(smoothing=1e-6),
    }
    added = {name: [] for name in calibrators}
    for _ in range(60):
        scores, y = two_classes(rng, n)
        y[scores.argmax()] = 1
        for name, calibrator in calibrators.items():
            q = calibrator.fit(scores, y).predict_proba(new)[:, 1]
            divergence = rel_entr(p, q) + rel_entr(1 - p, 1 - q)
            added[name].append(100 * divergence.mean() / entropy)
    mean = {name: np.mean(values) for name, values in added.items()}
    assert mean["sigmoid"] < at_most
    assert mean["isotonic"] > 1.3 * mean["sigmoid"]
    assert mean["unsmoothed"] > 0.9 * mean["sigmoid"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "model", [LogisticRegression(), HistGradientBoostingClassifier(max_iter=40)]
)
@each
def test_balanced_models_become_honest(model, calibrator, rng):
    def draw(n):
        X = rng.normal(size=(n, 6))
        truth = X[:, 0] + X[:, 1] * X[:, 2] + np.abs(X[:, 3]) - 5
        return X, (rng.random(n) < expit(truth)).astype(int)

    X, y = draw(30_000)
    model = clone(model).set_params(class_weight="balanced").fit(X, y)

    def scores_of(X):
        return scores_from_proba(model.predict_proba(X))

    X, y = draw(30_000)
    calibrator = clone(calibrator).fit(scores_of(X), y)
    X, y = draw(60_000)
    raw = model.predict_proba(X)[:, 1]
    p = calibrator.predict_proba(scores_of(X))[:, 1]
    assert raw.mean() > 5 * y.mean()
    assert_allclose(p.mean(), y.mean(), rtol=0.08)
    assert log_loss(y, p) < 0.5 * log_loss(y, raw)
