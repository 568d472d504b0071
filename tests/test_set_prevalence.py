"""Other class frequencies at deployment: one inversion, of what training had."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.tree import DecisionTreeClassifier

from skweight import (
    CostMatrix,
    CostSensitiveClassifier,
    LabelShiftWeighting,
    WeightedClassifier,
)
from skweight.datasets import make_imbalanced


@pytest.fixture(scope="module")
def binary():
    data = make_imbalanced(2000, prevalence=0.2, random_state=0)
    return data.X, data.y


@pytest.fixture(scope="module")
def three():
    data = make_imbalanced(
        2000,
        prevalence=[0.6, 0.3, 0.1],
        n_classes=3,
        classes=["a", "b", "c"],
        random_state=0,
    )
    return data.X, data.y


def make(estimator=None, **params):
    return WeightedClassifier(
        estimator, **{"calibration": "sigmoid", "random_state": 0, **params}
    )


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"weighting": None},
        {"weighting": None, "calibration": None},
        {"calibration": "prior"},
        {"calibration": "isotonic", "estimator": DecisionTreeClassifier(max_depth=3)},
    ],
)
def test_it_is_the_formula(three, params):
    X, y = three
    classifier = make(**params).fit(X, y)
    before, labels = classifier.predict_proba(X), classifier.predict(X)
    assert classifier.prevalence_ is None
    target = {"c": 0.5, "a": 0.2, "b": 0.3}
    assert classifier.set_prevalence(target) is classifier
    assert classifier.prevalence_ == pytest.approx(target)
    share = np.unique(y, return_counts=True)[1] / y.size
    expected = before * np.array([0.2, 0.3, 0.5]) / share
    expected /= expected.sum(axis=1, keepdims=True)
    after = classifier.predict_proba(X)
    assert_allclose(after, expected, rtol=1e-9)
    assert_allclose(classifier.predict_log_proba(X), np.log(expected), rtol=1e-8)
    multiplier = classifier.class_multiplier_
    by_emphasis = np.array(["a", "b", "c"])[(multiplier * after).argmax(axis=1)]
    assert_array_equal(classifier.predict(X), by_emphasis)
    assert (classifier.predict(X) == "c").sum() > (labels == "c").sum()
    # And undone.
    classifier.set_prevalence(None)
    assert_array_equal(classifier.predict_proba(X), before)
    assert_array_equal(classifier.predict(X), labels)


def test_it_is_right_where_classes_have_moved(binary):
    X, y = binary
    new = make_imbalanced(20_000, prevalence=0.2, random_state=0)
    rng = np.random.RandomState(0)
    keep = (new.y == 0) | (rng.uniform(size=new.y.size) < 0.1)
    X_new, y_new = new.X[keep], new.y[keep]
    classifier = make().fit(X, y)
    before = log_loss(y_new, classifier.predict_proba(X_new))
    assert classifier.predict_proba(X_new)[:, 1].mean() > 2 * y_new.mean()
    classifier.set_prevalence({1: y_new.mean()})
    assert log_loss(y_new, classifier.predict_proba(X_new)) < 0.7 * before
    ratio = classifier.predict_proba(X_new)[:, 1].mean() / y_new.mean()
    assert abs(ratio - 1) < 0.1


def test_an_estimate_from_unlabelled_rows():
    data = make_imbalanced(40_000, prevalence=0.2, random_state=0)
    X, y = data.X[:20_000], data.y[:20_000]
    rng = np.random.RandomState(0)
    keep = (data.y == 0) | (rng.uniform(size=data.y.size) < 0.1)
    keep[:20_000] = False
    shift = LabelShiftWeighting(data.X[keep], random_state=0).fit(X, y)
    classifier = make().fit(X, y).set_prevalence(shift)
    assert_allclose(list(classifier.prevalence_.values()), shift.target_prior_)
    mean = classifier.predict_proba(data.X[keep])[:, 1].mean()
    assert abs(mean / data.y[keep].mean() - 1) < 0.1


def test_classes_left_out_share_the_rest(three):
    classifier = make().fit(*three)
    share = np.unique(three[1], return_counts=True)[1] / three[1].size
    classifier.set_prevalence({"c": 0.4})
    assert classifier.prevalence_["c"] == pytest.approx(0.4)
    assert classifier.prevalence_["a"] / classifier.prevalence_["b"] == pytest.approx(
        share[0] / share[1]
    )


def test_the_prevalence_of_training_changes_nothing(binary):
    X, y = binary
    weight = np.random.RandomState(0).uniform(0.5, 3, y.size)
    classifier = make().fit(X, y, sample_weight=weight)
    before = classifier.predict_proba(X)
    classifier.set_prevalence({1: weight[y == 1].sum() / weight.sum()})
    assert_allclose(classifier.predict_proba(X), before, rtol=1e-6)


def test_a_class_that_is_gone(binary):
    X, y = binary
    classifier = make().fit(X, y).set_prevalence({1: 0.0})
    proba = classifier.predict_proba(X)
    assert proba[:, 1].max() < 1e-200
    assert proba.min() > 0


def test_it_outlives_a_pickle_and_not_a_fit_or_a_clone(binary):
    X, y = binary
    classifier = make().fit(X, y).set_prevalence({0: 0.5})
    after = classifier.predict_proba(X)
    copied = pickle.loads(pickle.dumps(classifier))
    assert_array_equal(copied.predict_proba(X), after)
    assert_array_equal(
        clone(classifier).fit(X, y).predict_proba(X),
        classifier.fit(X, y).predict_proba(X),
    )
    assert classifier.prevalence_ is None


def test_averages_and_costs_follow(binary):
    X, y = binary
    classifier = CostSensitiveClassifier(
        DecisionTreeClassifier(max_depth=3, random_state=0),
        cost=CostMatrix.binary(pos_label=1, fp=1, fn=4),
        calibration="sigmoid",
        random_state=0,
    ).fit(X, y)
    alarms = classifier.predict(X).sum()
    classifier.set_prevalence({1: 0.1})
    assert 0 < classifier.predict(X).sum() < alarms
    assert_array_equal(
        classifier.predict(X), (classifier.predict_proba(X)[:, 1] > 0.2).astype(int)
    )


@pytest.mark.parametrize(
    ("prevalence", "error", "sentence"),
    [
        ({"c": 1.2}, ValueError, r"prevalence\['c'\] must be a number in \[0, 1\]"),
        ({"c": -0.1}, ValueError, r"prevalence\['c'\] must be a number in \[0, 1\]"),
        ({"c": np.nan}, ValueError, r"prevalence\['c'\] must be a number"),
        ({"d": 0.1}, ValueError, r"names the labels \['d'\], which are not among"),
        ({"a": 0.5, "b": 0.5, "c": 0.5}, ValueError, r"must sum to 1; got 1\.5"),
        ({"a": 0.6, "b": 0.4}, ValueError, r"sum to less than 1, with classes left"),
        ({}, TypeError, r"must be a dict \{label: frequency\}"),
        ([0.2, 0.3, 0.5], TypeError, r"a fitted LabelShiftWeighting, or None; got \["),
        (LabelShiftWeighting(), TypeError, "a fitted LabelShiftWeighting"),
    ],
)
def test_frequencies_that_cannot_be(three, prevalence, error, sentence):
    classifier = make().fit(*three)
    with pytest.raises(error, match=sentence):
        classifier.set_prevalence(prevalence)
    assert classifier.prevalence_ is None


def test_probabilities_of_a_weighted_fit_know_no_prevalence(binary):
    classifier = WeightedClassifier(LogisticRegression(), calibration=None).fit(*binary)
    with pytest.raises(ValueError, match=r"Set calibration='auto'\."):
        classifier.set_prevalence({1: 0.5})
    classifier.set_prevalence(None)


def test_it_needs_a_fit(binary):
    with pytest.raises(NotFittedError):
        make().set_prevalence({1: 0.5})
