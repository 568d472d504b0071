"""The advice follows from the figures, branch by branch, and can be fitted."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier

from skweight import (
    BalancedWeighting,
    CostMatrix,
    CostSensitiveClassifier,
    DensityRatioWeighting,
    EffectiveNumberWeighting,
    LabelShiftWeighting,
    WeightedClassifier,
    compare_weightings,
    recommend_weighting,
)


def rows(counts, n_columns=3, seed=0):
    """Return rows of normal classes with these counts."""
    y = np.repeat(np.arange(len(counts)), counts)
    X = np.random.default_rng(seed).normal(size=(y.size, n_columns))
    X[:, 0] += y
    return X, y


def said(advice, text):
    return any(text in reason for reason in advice.reasons)


# -- imbalance -------------------------------------------------------------------------


def test_nearly_equal_classes_are_left_alone():
    advice = recommend_weighting(*rows([700, 300]))
    assert advice.weighting is None
    assert advice.calibration is None
    assert advice.figures["imbalance_ratio"] == pytest.approx(7 / 3)
    assert said(advice, "2.3 times the rows of the smallest, 1")
    assert said(advice, "move the threshold")


def test_a_rare_class_is_balanced_and_calibrated():
    advice = recommend_weighting(*rows([900, 100]))
    assert advice.weighting == "balanced"
    assert advice.calibration == "anchored"
    assert advice.decision == "auto"
    assert said(advice, "9 times the rows of the smallest, 1, with 100 rows")


def test_a_very_rare_class_is_balanced_half_the_way():
    advice = recommend_weighting(*rows([4900, 100]))
    assert advice.weighting.get_params() == BalancedWeighting(0.5).get_params()
    # Kish: balanced weights 1/n_c leave 4 p (1 - p) of the rows of two classes.
    share = advice.figures["balanced_effective_share"]
    assert share == pytest.approx(4 * 0.02 * 0.98)
    assert said(advice, "Full balancing would leave 8% of the rows in effect")


def test_a_handful_of_rows_is_no_case_for_weights():
    advice = recommend_weighting(*rows([500, 4]))
    assert advice.weighting is None
    assert advice.calibration is None
    assert said(advice, "Class 1 has 4 rows. Weights make no rows")


def test_many_classes_are_balanced_by_their_effective_number():
    counts = [1000, 500, 200, 100, 60, 50, 40, 40, 30, 20]
    advice = recommend_weighting(*rows(counts))
    assert isinstance(advice.weighting, EffectiveNumberWeighting)
    assert advice.weighting.beta == pytest.approx(1 - 1 / np.median(counts))
    assert said(advice, "There are 10 classes")


def test_population_weights_decide_what_is_rare():
    X, y = rows([500, 500])
    weight = np.where(y == 1, 1.0, 9.0)
    advice = recommend_weighting(X, y, sample_weight=weight)
    assert advice.weighting == "balanced"
    assert advice.figures["rarest_rows"] == 500
    weight[y == 1] = 0
    with pytest.raises(ValueError, match="positive sample_weight of at least 2"):
        recommend_weighting(X, y, sample_weight=weight)


# -- costs -----------------------------------------------------------------------------


def test_known_costs_decide_and_nothing_is_weighted():
    cost = CostMatrix.binary(fp=1, fn=5)
    X, y = rows([900, 100])
    advice = recommend_weighting(X, y, cost=cost)
    assert advice.weighting is None
    assert advice.calibration == "sigmoid"
    assert advice.decision is cost
    assert said(advice, "though they could say the same")
    clf = advice.make_estimator(random_state=0)
    assert isinstance(clf, CostSensitiveClassifier)
    assert set(clf.fit(X, y).predict(X)) == {0, 1}


def test_costs_per_row_and_costs_that_say_nothing():
    X, y = rows([900, 100])
    table = pd.DataFrame(X, columns=list("abc")).assign(amount=np.arange(1.0, 1001))
    per_row = CostMatrix.binary(fp=1, fn=CostMatrix.column("amount"))
    advice = recommend_weighting(table, y, cost=per_row)
    assert advice.figures["cost_kind"] == "instance"
    assert said(advice, "differ from row to row")
    same = recommend_weighting(X, y, cost=CostMatrix.binary(fp=1, fn=1))
    assert same.weighting == "balanced"
    assert said(same, "All mistakes cost the same")
    odd = recommend_weighting(X, y, cost=CostMatrix.binary(fp=-1, fn=5))
    assert said(odd, "a wrong decision costs less than the right one")


# -- a target --------------------------------------------------------------------------


N = 700


def shifted(how, seed=0):
    """Return training rows, and a target that differs in one way."""
    rng = np.random.default_rng(seed)
    y = (rng.random(N) < 0.5).astype(int)
    X = rng.normal(size=(N, 3))
    X[:, 0] += 2.5 * y
    z = (rng.random(N) < (0.1 if how == "labels" else 0.5)).astype(int)
    X_target = rng.normal(size=(N, 3))
    X_target[:, 0] += 2.5 * z
    if how == "features":
        X_target[:, 1] += 1
    if how == "elsewhere":
        X_target[: N // 2, 1] += 8
    return X, y, X_target


@pytest.mark.parametrize("seed", range(2))
def test_a_target_that_is_alike_needs_no_weights(seed):
    X, y, X_target = shifted("not", seed)
    advice = recommend_weighting(X, y, X_target=X_target, random_state=0)
    assert advice.weighting is None
    assert said(advice, "can hardly tell the target from the training rows")


def test_other_class_frequencies_are_told_from_other_features():
    X, y, X_target = shifted("labels")
    advice = recommend_weighting(X, y, X_target=X_target, random_state=0)
    assert isinstance(advice.weighting, LabelShiftWeighting)
    assert advice.figures["target_frequencies"][1] == pytest.approx(0.1, abs=0.05)
    assert said(advice, "other class frequencies account for it")
    X, y, X_target = shifted("features")
    advice = recommend_weighting(X, y, X_target=X_target, random_state=0)
    assert isinstance(advice.weighting, DensityRatioWeighting)
    assert advice.calibration == "sigmoid"
    assert said(advice, "kernels can estimate the ratio")


def test_a_target_where_nobody_trained_is_named():
    X, y, X_target = shifted("elsewhere")
    advice = recommend_weighting(X, y, X_target=X_target, random_state=0)
    assert advice.figures["missing_target_mass"] == pytest.approx(0.5, abs=0.05)
    assert said(advice, "lies where there are no training rows")


@pytest.mark.slow
def test_many_columns_are_for_a_classifier():
    X, y, X_target = shifted("features")
    few = slice(250)  # weighted boosting of many columns takes its time
    many = np.random.default_rng(1).normal(size=(2, 250, 18))
    wide = recommend_weighting(
        np.hstack([X[few], many[0]]),
        y[few],
        X_target=np.hstack([X_target[few] + 1, many[1]]),
        random_state=0,
    )
    assert wide.weighting.estimator == "classifier"
    assert said(wide, "21 columns")


def test_categories_are_for_a_classifier():
    X, y, X_target = shifted("features")
    tables = []
    for array in (X, X_target):
        table = pd.DataFrame(array, columns=list("abc"))
        table["d"] = pd.Categorical(np.where(array[:, 1] > 0, "up", "down"))
        tables.append(table)
    mixed = recommend_weighting(tables[0], y, X_target=tables[1], random_state=0)
    assert mixed.weighting.estimator == "classifier"
    assert mixed.figures["n_categorical"] == 1
    clf = mixed.make_estimator(random_state=0, calibration=None)
    assert isinstance(clf.estimator, HistGradientBoostingClassifier)
    assert clf.fit(tables[0], y).report_.n_rows == N


def test_a_shift_and_a_rare_class_are_weighed_for_both():
    X, y, X_target = shifted("features")
    keep = (y == 0) | (np.random.default_rng(0).random(y.size) < 0.15)
    advice = recommend_weighting(X[keep], y[keep], X_target=X_target, random_state=0)
    kinds = [type(item).__name__ for item in advice.weighting]
    assert kinds == ["DensityRatioWeighting", "str"]
    assert advice.calibration == "anchored"
    assert set(advice.to_compare()) == {
        "none",
        "advised",
        "population alone",
        "balanced",
        "half",
    }


# -- groups ----------------------------------------------------------------------------


def test_groups_with_too_few_rows_are_named():
    X, y = rows([900, 100])
    groups = np.where(np.arange(1000) < 950, "north", "south")
    advice = recommend_weighting(X, y, groups=groups)
    assert advice.figures["smallest_group"] == "south"
    assert advice.figures["smallest_group_rows"] == 50
    assert said(advice, "Judge strategies by their worst group")
    groups[-50:] = "north"
    groups[:50] = "south"
    advice = recommend_weighting(X, y, groups=groups)
    assert advice.figures["poorest_group_rows"] == 0
    assert said(advice, "'south' has 0 rows of class 1. That is too few")


# -- what it takes, and what can be done with it ---------------------------------------


@pytest.mark.parametrize(
    "labels", [["no", "yes"], [-1, 1], [False, True], [0.0, 1.0]], ids=str
)
def test_labels_of_any_kind(labels):
    X, y = rows([450, 50])
    named = np.array(labels)[y]
    advice = recommend_weighting(X, named)
    assert advice.weighting == "balanced"
    assert advice.figures["rarest_class"] == labels[1]
    assert type(advice.figures["rarest_class"]) is type(labels[1])
    clf = advice.make_estimator(random_state=0).fit(X, named)
    assert isinstance(clf, WeightedClassifier)
    assert abs(clf.predict_proba(X)[:, 1].mean() - 0.1) < 0.02


def test_sparse_rows_polars_and_gaps():
    X, y = rows([450, 50])
    advice = recommend_weighting(sparse.csr_matrix(X), y)
    assert advice.figures["sparse"] is True
    advice.make_estimator().fit(sparse.csr_matrix(X), y)
    holes = X.copy()
    holes[0, 0] = np.nan
    advice = recommend_weighting(holes, y)
    assert advice.figures["missing_values"] is True
    assert advice.make_estimator().fit(holes, y).predict(holes).shape == (500,)
    polars = pytest.importorskip("polars")
    advice = recommend_weighting(polars.DataFrame(X), polars.Series(y))
    assert advice.figures["n_columns"] == 3
    assert advice.figures["n_categorical"] == 0


def test_advice_in_text_html_json_and_pickles():
    X, y = rows([900, 100])
    advice = recommend_weighting(X, np.array(["<b>", "<i>"])[y])
    assert repr(advice).startswith("What to start with\nweighting    'balanced'")
    html = advice._repr_html_()
    assert "<i>" not in html
    assert "&lt;i&gt;" in html
    stored = json.loads(json.dumps(advice.to_dict()))
    assert stored["figures"]["rarest_rows"] == 100
    assert pickle.loads(pickle.dumps(advice)).to_dict() == advice.to_dict()


def test_the_advice_can_be_compared():
    X, y = rows([450, 50])
    advice = recommend_weighting(X, y)
    weightings = advice.to_compare()
    assert list(weightings) == ["none", "advised", "half"]
    comparison = compare_weightings(
        advice.make_estimator(), X, y, weightings=weightings, cv=2, random_state=0
    )
    assert comparison.failures().empty


def test_one_class_needs_no_advice():
    with pytest.raises(ValueError, match="at least 2 classes"):
        recommend_weighting(np.zeros((5, 1)), np.zeros(5))


# -- real data -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "target", "expected"),
    [
        ("german", "risk", None),
        ("phoneme", "Class", None),
        ("adult", "income", "balanced"),
        ("mammography", "Class", BalancedWeighting(0.5)),
    ],
)
def test_real_data_get_the_advice_of_the_table(shared_data, name, target, expected):
    table = pd.read_csv(shared_data(f"{name}.csv.gz"), na_values="?")
    y = table.pop(target)
    advice = recommend_weighting(table, y)
    assert repr(advice.weighting) == repr(expected)


@pytest.mark.slow
def test_a_shift_by_age_in_real_data_is_found(shared_data):
    table = pd.read_csv(shared_data("adult.csv.gz"), na_values="?")
    table = table.sample(2000, random_state=0).drop(columns="split")
    texts = table.columns.drop("income")[
        [table[c].dtype.kind not in "iuf" for c in table.columns.drop("income")]
    ]
    y = table.pop("income")
    table = table.astype(dict.fromkeys(texts, "category"))
    old = table["age"] + np.random.default_rng(0).normal(0, 12, 2000) > 45
    advice = recommend_weighting(
        table[~old], y[~old], X_target=table[old], random_state=0
    )
    assert advice.figures["shift_auc"] > 0.7
    assert advice.population.estimator == "classifier"
