"""When averages of fold models pay: the rule, and what it rests on."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from skweight import WeightedClassifier
from skweight.calibration._averaging import averaging_pays
from skweight.datasets import make_imbalanced


@pytest.mark.parametrize(
    ("loss", "of_trees", "n_features", "n_rare", "pays"),
    [
        (0.7, True, 5, 1000, True),
        (0.2, True, 5, 1000, False),
        (0.7, False, 5, 51, False),
        (0.7, False, 5, 50, True),
        (0.2, False, 5, 10, False),
        (np.nan, True, 5, 1000, False),
    ],
)
def test_the_rule(loss, of_trees, n_features, n_rare, pays):
    found = averaging_pays(
        loss, of_trees=of_trees, n_features=n_features, n_rare=n_rare
    )
    assert found is pays


def gain(estimator, n_features, class_sep, *, n=600, n_draws=8):
    """Return how much log loss averages save, over that of the class frequencies."""
    found = []
    for seed in range(n_draws):
        data = make_imbalanced(
            n + 5000,
            n_features=n_features,
            prevalence=0.1,
            class_sep=class_sep,
            random_state=seed,
        )
        p = data.proba[n:]
        loss = {}
        for ensemble in (False, True):
            classifier = WeightedClassifier(
                estimator,
                weighting=None,
                calibration="auto",
                ensemble=ensemble,
                random_state=0,
            )
            q = classifier.fit(data.X[:n], data.y[:n]).predict_proba(data.X[n:])
            loss[ensemble] = -(p * np.log(q)).sum(axis=1).mean()
        entropy = -(p.mean(axis=0) * np.log(p.mean(axis=0))).sum()
        found.append((loss[False] - loss[True]) / entropy)
    return np.mean(found), np.std(found, ddof=1) / np.sqrt(n_draws)


@pytest.mark.slow
def test_averages_of_trees_and_of_wide_linear_models_pay():
    forest = RandomForestClassifier(30, random_state=0, n_jobs=1)
    mean, error = gain(forest, 6, 2.0)
    assert mean > 2 * error
    wide, error = gain(LogisticRegression(C=100), 60, 2.0)
    assert wide > 2 * error
    narrow, _ = gain(LogisticRegression(C=100), 3, 2.0)
    assert abs(narrow) < wide / 4


@pytest.mark.slow
def test_averages_gain_nothing_where_a_rule_is_exact():
    """Labels are whether one feature is above a threshold, which each tree finds."""
    rng = np.random.default_rng(0)
    lost = []
    for _ in range(8):
        X = rng.normal(size=(5600, 4))
        y = (X[:, 0] > 1.2).astype(int)
        loss = []
        for ensemble in (False, True):
            classifier = WeightedClassifier(
                RandomForestClassifier(1, bootstrap=False, random_state=0),
                weighting=None,
                calibration="anchored",
                ensemble=ensemble,
                random_state=0,
            )
            proba = classifier.fit(X[:600], y[:600]).predict_proba(X[600:])
            loss.append(-np.log(proba[np.arange(5000), y[600:]]).mean())
        lost.append(loss[1] - loss[0])
    assert np.mean(lost) > -0.001
