"""Scorers for calibration and for the worst group, in searches, with routing."""

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, get_scorer
from sklearn.model_selection import GridSearchCV, KFold, cross_validate

from skweight import WeightedClassifier
from skweight.metrics import (
    calibration_error,
    calibration_in_the_large,
    make_calibration_scorer,
    smooth_calibration_error,
    worst_group_scorer,
)
from skweight.weighting import metadata


@pytest.fixture
def rows(rng):
    """One row in ten is a "yes", and its log odds are linear in x."""
    x = rng.normal(size=(1200, 2))
    p = 1 / (1 + np.exp(2.8 - 1.2 * x[:, 0]))
    y = np.where(rng.random(1200) < p, "yes", "no")
    X = pd.DataFrame(x, columns=["x", "z"])
    return X, y, rng.exponential(size=1200)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("calibration_error", calibration_error),
        ("smooth_calibration_error", smooth_calibration_error),
        (
            "calibration_in_the_large",
            lambda *a, **k: abs(np.log(calibration_in_the_large(*a, **k))),
        ),
    ],
)
def test_a_scorer_is_minus_its_metric(rows, name, expected):
    X, y, w = rows
    model = LogisticRegression(class_weight="balanced").fit(X, y)
    proba = model.predict_proba(X)
    scorer = make_calibration_scorer(name)
    assert scorer(model, X, y) == -expected(y, proba)
    weighted = scorer(model, X, y, sample_weight=w)
    assert weighted == -expected(y, proba, sample_weight=w)
    assert weighted != scorer(model, X, y)


def test_options_and_callables(rows):
    X, y, _ = rows
    model = LogisticRegression().fit(X, y)
    scorer = make_calibration_scorer(n_bins=3, squared=True)
    error = calibration_error(y, model.predict_proba(X), n_bins=3, squared=True)
    assert scorer(model, X, y) == -error
    assert repr(scorer) == (
        "make_calibration_scorer('calibration_error', n_bins=3, squared=True)"
    )
    same = make_calibration_scorer(calibration_error, n_bins=3, squared=True)
    assert same(model, X, y) == -error
    with pytest.raises(ValueError, match="Did you mean 'smooth_calibration_error'"):
        make_calibration_scorer("smooth_calibration")


def test_a_fold_without_a_class_is_scored(rows):
    X, y, _ = rows
    model = LogisticRegression().fit(X, y)
    only = y == "no"
    assert make_calibration_scorer()(model, X[only], y[only]) < 0


def test_a_search_finds_the_calibrated_model(rows):
    X, y, _ = rows
    search = GridSearchCV(
        WeightedClassifier(LogisticRegression(), random_state=0, calibration=None),
        {"calibration": [None, "sigmoid"]},
        scoring=make_calibration_scorer(),
        cv=3,
    ).fit(X, y)
    assert search.best_params_ == {"calibration": "sigmoid"}


def test_weights_are_routed_on_request(rows):
    X, y, w = rows
    scorer = make_calibration_scorer()
    model = LogisticRegression()
    weighted, plain = [], []
    for train, test in KFold(3).split(X):
        held_out = X.iloc[test], y[test]
        model.fit(X.iloc[train], y[train])
        weighted.append(scorer(model, *held_out, sample_weight=w[test]))
        plain.append(scorer(model, *held_out))
    with config_context(enable_metadata_routing=True):
        scores = cross_validate(
            LogisticRegression().set_fit_request(sample_weight=False),
            X,
            y,
            scoring=scorer.set_score_request(sample_weight=True),
            cv=KFold(3),
            params={"sample_weight": w},
        )["test_score"]
    np.testing.assert_allclose(scores, weighted)
    assert not np.allclose(scores, plain)


# --- the worst group ------------------------------------------------------------------


@pytest.fixture
def grouped(rng):
    """Labels follow x in the large group "a" and turn round in the small one, "b"."""
    group = np.where(rng.random(900) < 0.9, "a", "b")
    x = rng.normal(size=900)
    y = ((x > 0) == (group == "a")).astype(int)
    X = pd.DataFrame({"x": x, "is_b": group == "b", "xb": x * (group == "b")})
    return X.assign(group=(group == "b").astype(int)), y, group


def test_the_lowest_score_of_all_groups(grouped):
    X, y, group = grouped
    model = LogisticRegression().fit(X[["x"]].assign(group=0), y)
    table = X[["x", "group"]]
    scorer = worst_group_scorer("accuracy", "group")
    each = {
        g: accuracy_score(y[group == name], model.predict(table[group == name]))
        for g, name in [(0, "a"), (1, "b")]
    }
    assert scorer.by_group(model, table, y) == each
    assert scorer(model, table, y) == min(each.values()) < 0.2
    assert get_scorer("accuracy")(model, table, y) > 0.8


def test_where_groups_are_read(grouped):
    X, y, group = grouped
    model = LogisticRegression().fit(X, y)
    expected = worst_group_scorer("accuracy", "group")(model, X, y)
    assert worst_group_scorer("accuracy", 3)(model, X, y) == expected
    read = worst_group_scorer("accuracy", lambda X: X["group"] == 1)
    assert read(model, X, y) == expected
    by_metadata = worst_group_scorer("accuracy", metadata("segment"))
    assert by_metadata(model, X, y, segment=group) == expected
    with pytest.raises(ValueError, match="segment=array"):
        by_metadata(model, X, y)
    with pytest.raises(ValueError, match="one entry for each of the 900 rows"):
        by_metadata(model, X, y, segment=group[:-1])
    both = worst_group_scorer("accuracy", ["group", lambda X: y]).by_group(model, X, y)
    assert set(both) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    for (g, label), score in both.items():
        rows = (X["group"] == g) & (y == label)
        assert score == accuracy_score(y[rows], model.predict(X[rows]))
    with pytest.raises(ValueError, match="X does not have"):
        worst_group_scorer("accuracy", "grup")(model, X, y)


def test_weights_reach_the_scorer_row_by_row(grouped, rng):
    X, y, group = grouped
    w = rng.exponential(size=900)
    model = LogisticRegression().fit(X, y)
    scorer = worst_group_scorer("accuracy", metadata("segment"))
    actual = scorer.by_group(model, X, y, w, segment=group)
    label = model.predict(X)
    for name, score in actual.items():
        rows = group == name
        expected = accuracy_score(y[rows], label[rows], sample_weight=w[rows])
        assert score == pytest.approx(expected)


def test_small_groups_and_undefined_scores_are_passed_over(grouped):
    X, y, _ = grouped
    groups = np.repeat(["big", "tiny"], [897, 3])
    model = DummyClassifier(strategy="prior").fit(X, y)
    segment = metadata("segment")
    scorer = worst_group_scorer("accuracy", segment, min_rows=4)
    assert list(scorer.by_group(model, X, y, segment=groups)) == ["big"]

    def undefined_for_one_class(model, X, y):
        return np.nan if len(set(y)) == 1 else 0.7

    by_label = worst_group_scorer(undefined_for_one_class, segment)
    assert by_label(model, X, y, segment=np.where(y == 1, "p", "all")) is np.nan
    mixed = np.where((y == 1) & (np.arange(900) < 300), "p", "rest")
    assert by_label(model, X, y, segment=mixed) == 0.7


def test_a_search_serves_the_worst_group(grouped):
    X, y, group = grouped
    # The interaction lets the small group be right, at a weaker penalty only.
    grid = {"C": [1e-4, 100.0]}
    search = GridSearchCV(
        LogisticRegression(), grid, scoring=worst_group_scorer("accuracy", "group")
    ).fit(X, y)
    assert search.best_params_ == {"C": 100.0}
    with config_context(enable_metadata_routing=True):
        routed = GridSearchCV(
            LogisticRegression(),
            grid,
            scoring=worst_group_scorer("accuracy", metadata("segment")),
        ).fit(X, y, segment=group)
    np.testing.assert_allclose(
        routed.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"]
    )
