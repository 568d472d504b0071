"""Weights that depend on the class, as those of case-control samples do.

1000 rows of either class, where those of one stand for 1000 rows of the population
each. One effective sample size for all would count the others as one row.
"""

import warnings

import numpy as np
import pytest
from effective_rows import effective
from numpy.testing import assert_allclose
from scipy.special import expit, rel_entr

from skweight import WeightedClassifier
from skweight.calibration import (
    AnchoredCalibrator,
    AutoCalibrator,
    BetaCalibrator,
    IsotonicCalibrator,
    QuadraticCalibrator,
    SigmoidCalibrator,
    TemperatureCalibrator,
    VectorScalingCalibrator,
    VennAbersCalibrator,
)
from skweight.exceptions import CalibrationWarning

N_OF_EACH, TIMES = 1000, 1000


def truth(scores):
    """Two normal classes: the true probability of the rare one in the population."""
    return expit(1.5 * scores - 1.125 - np.log(TIMES))


def sample(rng, n_of_each):
    y = np.repeat([0, 1], n_of_each)
    scores = rng.normal(size=y.size) + 1.5 * y
    return scores, y, np.where(y == 1, 1.0, float(TIMES))


@pytest.mark.parametrize(
    ("calibrator", "regret"),
    [
        (AnchoredCalibrator(), 2.0),
        (AutoCalibrator(), 3.0),
        (BetaCalibrator(), 3.0),
        (IsotonicCalibrator(), 3.0),
        (QuadraticCalibrator(), 3.0),
        (SigmoidCalibrator(), 2.0),
        (TemperatureCalibrator(), 2.0),
        (VectorScalingCalibrator(), 3.5),
    ],
    ids=repr,
)
def test_a_case_control_sample_is_calibrated_to_its_population(calibrator, regret):
    """Mean over ten samples: log loss in per cent of the best, and the mean of p."""
    rng = np.random.default_rng(0)
    new, _, mass = sample(rng, 20_000)
    p = truth(new)
    entropy = -(mass @ (p * np.log(p) + (1 - p) * np.log1p(-p)))
    lost, ratio = [], []
    for _ in range(10):
        q = calibrator.fit(*sample(rng, N_OF_EACH)).predict_proba(new)[:, 1]
        lost.append(100 * mass @ (rel_entr(p, q) + rel_entr(1 - p, 1 - q)) / entropy)
        ratio.append(mass @ q / (mass @ p))
    assert np.mean(lost) < regret
    assert 0.85 < np.mean(ratio) < 1.2


def test_classes_are_counted_by_what_is_known_of_each():
    scores, y, weight = sample(np.random.default_rng(0), N_OF_EACH)
    count = SigmoidCalibrator().fit(scores, y, weight).class_count_
    assert_allclose((1 / count).sum(), 2 / N_OF_EACH)
    assert_allclose(count[0] / count[1], TIMES)
    # Three heavy rows of a class are three rows, not thirty.
    y = np.repeat([0, 1], [1000, 3])
    weight = np.where(y == 1, 10.0, 1.0)
    count = SigmoidCalibrator().fit(np.linspace(-1, 1, 1003), y, weight).class_count_
    assert 3 < count[1] < 3.2
    assert_allclose(count, np.bincount(y, effective(weight, y)))


def test_the_classifier_keeps_the_frequency_of_the_population():
    rng = np.random.default_rng(0)
    scores, y, weight = sample(rng, N_OF_EACH)
    order = rng.permutation(y.size)
    clf = WeightedClassifier(calibration="auto", random_state=0)
    clf.fit(scores[order, np.newaxis], y[order], sample_weight=weight[order])
    held_out = clf.report_.held_out
    assert_allclose(held_out["mean_after"][1], held_out["prevalence"][1], rtol=0.05)


@pytest.mark.parametrize("light", [1e-14, 1e-40, 1e-300])
@pytest.mark.parametrize(
    "calibrator",
    [
        AnchoredCalibrator(),
        AutoCalibrator(),
        BetaCalibrator(),
        IsotonicCalibrator(),
        SigmoidCalibrator(),
        TemperatureCalibrator(),
        VectorScalingCalibrator(),
        VennAbersCalibrator(),
    ],
    ids=repr,
)
def test_weights_that_differ_beyond_all_digits(calibrator, light):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=500)
    y = (rng.random(500) < expit(scores)).astype(int)
    odd = np.arange(500) % 2 == 1
    for weight in (np.where(y == 0, light, 1.0), np.where(odd, light, 1.0)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CalibrationWarning)
            proba = calibrator.fit(scores, y, weight).predict_proba(scores)
        assert np.isfinite(proba).all()
        assert ((proba > 0) & (proba < 1)).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        wide = calibrator.fit(scores, y, np.where(odd, 1e300, 1e-300))
    assert np.isfinite(wide.predict_proba(scores)).all()
