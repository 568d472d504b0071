"""Label shift: class frequencies of the target from unlabelled rows."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.naive_bayes import GaussianNB

from skweight import LabelShiftWeighting, WeightedClassifier
from skweight.weighting._label_shift import most_likely_prior, prior_from_confusion


def draw(rng, n, prior, labels):
    """Return rows of classes with means on a circle, and their labels."""
    codes = rng.choice(len(prior), size=n, p=prior)
    angles = 2 * np.pi * codes / len(prior)
    X = 2 * np.column_stack([np.cos(angles), np.sin(angles)])
    return X + rng.normal(size=(n, 2)), np.asarray(labels)[codes]


@pytest.mark.parametrize("method", ["em", "bbse"])
@pytest.mark.parametrize(
    "labels", [("no", "yes"), (-1, 1), (0, 1, 2)], ids=["words", "signs", "three"]
)
@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), GaussianNB(), RandomForestClassifier(15, random_state=0)],
    ids=["logistic", "bayes", "forest"],
)
def test_the_frequencies_of_the_target_are_recovered(rng, method, labels, estimator):
    prior = np.array([0.15, 0.85] if len(labels) == 2 else [0.6, 0.3, 0.1])
    X, y = draw(rng, 1500, prior[::-1], labels)
    X_target, _ = draw(rng, 1500, prior, labels)
    weighting = LabelShiftWeighting(
        X_target, estimator, method=method, random_state=0
    ).fit(X, y)
    assert_allclose(weighting.target_prior_, prior, atol=0.06)
    assert_allclose(weighting.source_prior_, prior[::-1], atol=0.04)
    expected = weighting.target_prior_ / weighting.source_prior_
    assert_allclose(weighting.class_weight_, expected)
    assert weighting.role == "population"


def test_the_most_likely_prior_is_where_expectation_maximisation_ends(rng):
    proba = rng.dirichlet([1, 2, 3], size=200)
    prior = np.array([0.2, 0.3, 0.5])
    actual = most_likely_prior(proba, prior)
    q = prior.copy()
    for _ in range(5000):
        posterior = proba * q / prior
        posterior /= posterior.sum(axis=1, keepdims=True)
        q = posterior.mean(axis=0)
    assert_allclose(actual, q, atol=1e-6)


def test_the_confusion_equation_is_solved_on_the_simplex(rng):
    confusion = np.array([[0.8, 0.3, 0.1], [0.1, 0.6, 0.2], [0.1, 0.1, 0.7]])
    q = np.array([0.1, 0.2, 0.7])
    assert_allclose(prior_from_confusion(confusion, confusion @ q), q, atol=1e-5)
    shares = np.array([0.0, 0.1, 0.9])  # no frequencies explain these exactly
    actual = prior_from_confusion(confusion, shares)
    other = minimize(
        lambda q: np.sum((confusion @ q - shares) ** 2),
        np.full(3, 1 / 3),
        bounds=[(0, 1)] * 3,
        constraints={"type": "eq", "fun": lambda q: q.sum() - 1},
    )
    assert_allclose(actual, other.x, atol=1e-3)


def test_probabilities_are_those_of_the_target(rng):
    X, y = draw(rng, 2000, [0.5, 0.5], [0, 1])
    X_target, y_target = draw(rng, 2000, [0.95, 0.05], [0, 1])
    plain = WeightedClassifier(
        LogisticRegression(), weighting=None, calibration=None
    ).fit(X, y)
    shifted = WeightedClassifier(
        LogisticRegression(),
        weighting=LabelShiftWeighting(X_target, random_state=0),
        calibration="sigmoid",
        random_state=0,
    ).fit(X, y)
    before, after = (
        log_loss(y_target, model.predict_proba(X_target)) for model in (plain, shifted)
    )
    assert after < before
    assert abs(shifted.predict_proba(X_target)[:, 1].mean() - 0.05) < 0.02


def test_the_target_is_shared_and_may_come_with_the_fit(rng):
    X, y = draw(rng, 200, [0.5, 0.5], [0, 1])
    X_target, _ = draw(rng, 200, [0.9, 0.1], [0, 1])
    weighting = LabelShiftWeighting(X_target, random_state=0)
    assert clone(weighting).X_target is X_target
    expected = weighting.fit_weigh(X, y)
    actual = LabelShiftWeighting(random_state=0).fit_weigh(X, y, X_target=X_target)
    assert_allclose(actual, expected)


def test_a_frozen_classifier_is_not_fitted(rng):
    X, y = draw(rng, 500, [0.5, 0.5], [0, 1])
    X_target, _ = draw(rng, 500, [0.9, 0.1], [0, 1])
    model = FrozenEstimator(LogisticRegression().fit(X, y))
    weighting = LabelShiftWeighting(X_target, model).fit(X, y)
    assert_allclose(weighting.target_prior_, [0.9, 0.1], atol=0.06)
    assert weighting.estimator_.estimator is model.estimator


def test_sample_weight_counts_in_the_source(rng):
    X, y = draw(rng, 1000, [0.5, 0.5], [0, 1])
    X_target, _ = draw(rng, 1000, [0.9, 0.1], [0, 1])
    weights = np.where(y == 0, 3.0, 1.0)
    weighting = LabelShiftWeighting(X_target, random_state=0).fit(X, y, weights)
    assert_allclose(weighting.source_prior_, [0.75, 0.25], atol=0.03)
    assert_allclose(weighting.target_prior_, [0.9, 0.1], atol=0.04)


def test_bad_input_is_named(rng):
    X, y = draw(rng, 40, [0.5, 0.5], [0, 1])
    with pytest.raises(ValueError, match="needs rows of the target population"):
        LabelShiftWeighting().fit(X, y)
    with pytest.raises(ValueError, match="at least 2 classes"):
        LabelShiftWeighting(X).fit(X, np.zeros(40))
    with pytest.raises(ValueError, match="method must be one of"):
        LabelShiftWeighting(X, method="saerens").fit(X, y)
    y[:] = 0
    y[0] = 1
    with pytest.raises(ValueError, match="one class has a single row"):
        LabelShiftWeighting(X).fit(X, y)
