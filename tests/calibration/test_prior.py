"""The closed-form inversion of class weights."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, log_softmax, logit, softmax
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import has_fit_parameter

from skweight.calibration import PriorCalibrator


def test_it_is_elkans_theorem_two(rng):
    """p' = b' (p - p b) / (b - p b + b' p - b b') takes base rate b to b'."""
    base, target = 0.5, 0.03
    p = rng.uniform(0.001, 0.999, size=200)
    expected = target * (p - p * base)
    expected /= base - p * base + target * p - base * target
    multiplier = [(1 - base) / (1 - target), base / target]
    calibrator = PriorCalibrator().fit(classes=[0, 1], class_multiplier=multiplier)
    assert_allclose(calibrator.predict_proba(logit(p))[:, 1], expected)


def test_many_classes_are_divided_by_their_multipliers(rng):
    truth = softmax(rng.normal(size=(100, 4)), axis=1)
    multiplier = np.array([0.3, 1.0, 5.0, 40.0])
    scores = np.log(truth * multiplier) + rng.normal(size=(100, 1))
    calibrator = PriorCalibrator()
    calibrator.fit(classes=list("abcd"), class_multiplier=multiplier)
    assert_allclose(calibrator.predict_proba(scores), truth)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_saturated_logistic_regression_is_undone_exactly(n_classes, rng):
    """With a column per group the model reaches the minimum of its loss."""
    group = rng.integers(4, size=900)
    chance = rng.dirichlet(np.ones(n_classes) * 3, size=4)
    y = (rng.random((900, 1)) > chance.cumsum(axis=1)[group]).sum(axis=1)
    weight = np.array([0.4, 2.5, 9.0])[:n_classes]
    model = LogisticRegression(C=1e8, tol=1e-10, max_iter=5000)
    model.fit(np.eye(4)[group], y, sample_weight=weight[y])
    calibrator = PriorCalibrator()
    calibrator.fit(classes=model.classes_, class_multiplier=weight)
    proba = calibrator.predict_proba(model.decision_function(np.eye(4)))
    observed = [np.bincount(y[group == g], minlength=n_classes) for g in range(4)]
    observed = np.array(observed) / np.bincount(group)[:, np.newaxis]
    assert_allclose(proba, observed, atol=1e-4)


def test_only_ratios_of_multipliers_matter():
    scores = np.linspace(-3, 3, 7)
    calibrator = PriorCalibrator().fit(classes=[0, 1], class_multiplier=[0.5, 4.0])
    other = PriorCalibrator().fit(classes=[0, 1], class_multiplier=[50, 400])
    assert_allclose(calibrator.predict_proba(scores), other.predict_proba(scores))


def test_equal_multipliers_change_nothing(rng):
    scores = rng.normal(size=(20, 3))
    calibrator = PriorCalibrator().fit(classes=[0, 1, 2], class_multiplier=[2, 2, 2])
    assert_allclose(
        np.log(calibrator.predict_proba(scores)), log_softmax(scores, axis=1)
    )


def test_classes_may_come_from_the_labels():
    calibrator = PriorCalibrator()
    calibrator.fit(None, ["yes", "no", "yes"], class_multiplier=[1.0, 9.0])
    assert_array_equal(calibrator.classes_, ["no", "yes"])
    assert_allclose(calibrator.predict_proba([0.0]), [[0.9, 0.1]])
    assert_allclose(calibrator.predict_proba([[1.0]])[0, 1], expit(1 - np.log(9)))


def test_it_needs_no_held_out_scores_and_asks_for_the_multiplier():
    assert not PriorCalibrator.needs_held_out_scores
    assert has_fit_parameter(PriorCalibrator(), "class_multiplier")
    assert has_fit_parameter(PriorCalibrator(), "classes")
    fitted = PriorCalibrator().fit(classes=[0, 1], class_multiplier=[1, 2])
    with pytest.raises(NotFittedError):
        clone(fitted).predict_proba([0.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": [0, 1]}, "PriorCalibrator needs class_multiplier"),
        ({"class_multiplier": [1, 2]}, "the target y is None"),
        (
            {"classes": [0, 1], "class_multiplier": [1, 2, 3]},
            r"one entry for each of the classes \[0, 1\]",
        ),
        ({"classes": [0, 1], "class_multiplier": [1, 0]}, r"positive and finite"),
        ({"classes": [0, 1], "class_multiplier": [1, np.inf]}, "positive and finite"),
        ({"classes": [0, 1], "class_multiplier": [np.nan, 1]}, "positive and finite"),
        ({"classes": [1, 0], "class_multiplier": [1, 2]}, "in sorted order"),
        ({"classes": [1], "class_multiplier": [1]}, "at least two classes"),
    ],
)
def test_wrong_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        PriorCalibrator().fit(**arguments)
