"""When averages of fold models pay: the rule, and what it rests on."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skweight import WeightedClassifier
from skweight._fit.averaging import averaging_pays
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
    answer = averaging_pays(
        loss, of_trees=of_trees, n_features=n_features, n_rare=n_rare
    )
    assert answer is pays


def fitted(learner, X, y, ensemble="auto", **parameters):
    classifier = WeightedClassifier(
        learner, ensemble=ensemble, random_state=0, **parameters
    )
    return classifier.fit(X, y)


@pytest.mark.parametrize(("n_features", "n_models", "n_fits"), [(3, 1, 6), (12, 5, 5)])
def test_auto_averages_wide_linear_models_alone(n_features, n_models, n_fits):
    data = make_imbalanced(800, n_features=n_features, prevalence=0.1, random_state=0)
    learner = make_pipeline(StandardScaler(), LogisticRegression())
    auto = fitted(learner, data.X, data.y)
    assert len(auto.estimators_) == n_models
    assert auto.report_.n_fits == n_fits
    same = fitted(learner, data.X, data.y, ensemble=n_models == 5)
    expected = same.predict_proba(data.X)
    np.testing.assert_array_equal(auto.predict_proba(data.X), expected)
    assert auto.report_.calibration == same.report_.calibration


def test_population_weights_count_the_rows_of_the_rarest_class():
    """Three quarters of the rare rows hardly count: the same features are then many."""
    data = make_imbalanced(2000, n_features=8, prevalence=0.1, random_state=0)
    weight = np.ones(2000)
    weight[np.flatnonzero(data.y == 1)[50:]] = 1e-6
    for sample_weight, n_models in ((None, 1), (weight, 5)):
        classifier = WeightedClassifier(
            weighting=None, ensemble="auto", calibration="sigmoid", random_state=0
        )
        classifier.fit(data.X, data.y, sample_weight=sample_weight)
        assert len(classifier.estimators_) == n_models


@pytest.mark.parametrize(("flipped", "n_models"), [(0.2, 5), (0.0, 1)])
def test_auto_averages_trees_unless_labels_are_all_but_known(flipped, n_models):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    y = (X[:, 0] > 0.8) ^ (rng.random(400) < flipped)
    auto = fitted(DecisionTreeClassifier(max_depth=2, random_state=0), X, y)
    assert len(auto.estimators_) == n_models


def test_a_choice_of_emphasis_comes_before():
    data = make_imbalanced(800, n_features=3, prevalence=0.1, random_state=0)
    for ensemble in ("auto", False):
        chosen = fitted(
            LogisticRegression(), data.X, data.y, ensemble, weighting="auto", cv=3
        )
        assert len(chosen.estimators_) == 1
        assert chosen.report_.n_fits == 10


def test_auto_averages_no_other_model():
    data = make_imbalanced(300, n_features=20, prevalence=0.2, random_state=0)
    auto = fitted(GaussianNB(), data.X, data.y)
    assert len(auto.estimators_) == 1


def test_the_fits_that_progress_tells_of_are_those_that_were_made(capsys):
    data = make_imbalanced(800, n_features=3, prevalence=0.1, random_state=0)
    fitted(LogisticRegression(), data.X, data.y, verbose=1)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 6
    assert "(fit 6 of 6) all rows" in lines[-1]


def gain(estimator, n_features, class_sep, *, n=600, n_draws=8):
    """Return how much log loss averages save, over that of the class frequencies."""
    gains = []
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
        gains.append((loss[False] - loss[True]) / entropy)
    return np.mean(gains), np.std(gains, ddof=1) / np.sqrt(n_draws)


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
