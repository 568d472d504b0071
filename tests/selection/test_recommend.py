"""The advice follows from the figures, branch by branch, and can be fitted."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from skweight import (
    BalancedWeighting,
    CostMatrix,
    CostSensitiveClassifier,
    DensityRatioWeighting,
    LabelShiftWeighting,
    WeightedClassifier,
    compare_weightings,
    recommend_weighting,
)
from skweight.datasets import make_imbalanced
from skweight.exceptions import FewerThanAskedWarning, UnsupportedWeightsError
from skweight.selection._measure import Measured
from skweight.selection._reasons import EVIDENCE, say_calibration


def rows(counts, n_columns=3, seed=0):
    """Return rows of normal classes with these counts."""
    y = np.repeat(np.arange(len(counts)), counts)
    X = np.random.default_rng(seed).normal(size=(y.size, n_columns))
    X[:, 0] += y
    return X, y


def said(advice, text):
    return any(text in reason for reason in advice.reasons)


# -- imbalance -------------------------------------------------------------------------


def test_nearly_equal_classes_are_left_alone_and_calibrated():
    advice = recommend_weighting(*rows([700, 300]))
    assert advice.weighting is None
    assert advice.calibration == "auto"
    assert advice.decision == "auto"
    assert advice.figures["imbalance_ratio"] == pytest.approx(7 / 3)
    assert said(advice, "2.3 times as many rows as the smallest class, 1")
    assert said(advice, "change the threshold")
    assert said(advice, "even tree models without weights")


@pytest.mark.parametrize("counts", [[900, 100], [4900, 100], [4000, 500, 100]])
def test_a_rare_class_is_served_by_calibration_and_a_cut(counts):
    X, y = rows(counts)
    advice = recommend_weighting(X, y)
    assert (advice.weighting, advice.calibration) == (None, "auto")
    assert advice.decision == "balanced"
    assert said(
        advice, f"times as many rows as the smallest class, {len(counts) - 1}, with 100"
    )
    assert said(advice, "was not measured on these rows")
    clf = advice.make_estimator(random_state=0).fit(X, y)
    if len(counts) == 2:
        assert clf.threshold_ == pytest.approx(y.mean())
        assert said(advice, f"use the threshold {y.mean():.3g}")
    else:
        assert said(advice, "largest relative to the share")


def test_it_says_what_half_strength_trades():
    advice = recommend_weighting(*rows([900, 100]))
    # Odds at half strength are those of the classes to the power of one half.
    assert said(advice, "the threshold is 0.25, and with full balance it is 0.1")
    half = advice.make_estimator(
        weighting=BalancedWeighting(strength=0.5), random_state=0
    )
    half.set_params(decision="auto").fit(*rows([900, 100]))
    assert half.threshold_ == pytest.approx(0.25)


@pytest.mark.parametrize(("n_rare", "calibration"), [(4, "auto"), (1, None)])
def test_a_handful_of_rows_is_no_case_for_weights(n_rare, calibration):
    advice = recommend_weighting(*rows([500, n_rare]))
    assert advice.weighting is None
    assert advice.calibration == calibration
    assert said(advice, f"Class 1 has {n_rare} row")
    assert said(advice, "Weights cannot add information")


def test_every_line_of_the_table_rests_on_committed_results():
    results = Path(__file__).parents[2] / "benchmarks" / "results"
    for name in EVIDENCE.values():
        assert (results / f"{name}.md").is_file()
        assert (results.parent / f"{name}.py").is_file()
    page = (results.parents[1] / "docs/user_guide/choosing.md").read_text("utf-8")
    for name in set(EVIDENCE.values()):
        assert f"`{name}`" in page


# -- what is measured ------------------------------------------------------------------


class OnlyWhenBalanced(ClassifierMixin, BaseEstimator):
    """Learns nothing unless the rare class makes up enough of its training."""

    n_fits = 0

    def __init__(self, share=0.4):
        self.share = share

    def fit(self, X, y, sample_weight=None):
        OnlyWhenBalanced.n_fits += 1
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        self.classes_ = np.unique(y)
        self.learns_ = weight[y == 1].sum() / weight.sum() > self.share
        return self

    def predict_proba(self, X):
        p = 1 / (1 + np.exp(-3 * X[:, 0] * self.learns_))
        return np.column_stack([1 - p, p])


@pytest.mark.parametrize(
    ("share", "weighting", "sentence"),
    [
        (
            0.0,
            None,
            "make no measurable difference here: calibrate, use the threshold 0.1.",
        ),
        (
            0.2,
            BalancedWeighting(strength=0.5),
            "Class weights improve the log loss here: use them",
        ),
        (0.4, "balanced", "Class weights improve the log loss here: use them"),
    ],
)
def test_with_an_estimator_it_measures(share, weighting, sentence):
    X, y = rows([900, 100])
    advice = recommend_weighting(
        X, y, estimator=OnlyWhenBalanced(share), random_state=0
    )
    assert repr(advice.weighting) == repr(weighting)
    assert advice.decision == "balanced"
    assert said(advice, sentence)
    assert said(advice, "on 1,000 held-out rows after calibration")
    assert said(advice, "15 fits of OnlyWhenBalanced on 5 folds")
    table = advice.figures["weightings"]
    assert [row["strength"] for row in table] == [0, 0.5, 1]
    clf = advice.make_estimator(random_state=0).fit(X, y)
    assert isinstance(clf.estimator, OnlyWhenBalanced)
    assert clf.threshold_ == pytest.approx(0.1)


def test_weights_that_cost_are_said_to():
    data = make_imbalanced(3000, prevalence=0.03, nonlinearity=1.0, random_state=0)
    advice = recommend_weighting(
        data.X, data.y, estimator=LogisticRegression(), random_state=0
    )
    assert advice.weighting is None
    assert said(
        advice,
        "Class weights increase the log loss here: calibrate, use the threshold 0.0",
    )


@pytest.mark.parametrize(
    ("budget", "n_fits"), [(4, 4), (5, 4), (6, 6), (10, 9), (15, 15), (100, 15)]
)
def test_no_more_fits_than_the_budget(budget, n_fits):
    X, y = rows([450, 50])
    OnlyWhenBalanced.n_fits = 0
    advice = recommend_weighting(
        X, y, estimator=OnlyWhenBalanced(0), budget=budget, random_state=0
    )
    assert OnlyWhenBalanced.n_fits == advice.figures["n_fits"] == n_fits


def test_the_same_seed_gives_the_same_reasons():
    X, y = rows([450, 50])
    ask = {"estimator": OnlyWhenBalanced(0), "budget": 10, "random_state": 0}
    first, again = (recommend_weighting(X, y, **ask) for _ in range(2))
    assert again.reasons == first.reasons


def test_seconds_only_stop_it_early_and_it_says_so():
    X, y = rows([450, 50])
    ask = {"estimator": OnlyWhenBalanced(), "random_state": 0}
    whole = recommend_weighting(X, y, max_seconds=1e6, **ask)
    assert whole.reasons == recommend_weighting(X, y, **ask).reasons
    stopped = recommend_weighting(X, y, max_seconds=1e-9, **ask)
    assert stopped.figures["n_fits"] == 5
    assert stopped.weighting is None
    assert said(stopped, "stopped by max_seconds after 5 of 15 fits")
    assert said(stopped, "No class weights were compared")


def test_progress_is_shown_where_it_is_asked_for(capsys):
    X, y = rows([450, 50])
    ask = {"estimator": OnlyWhenBalanced(), "budget": 6, "random_state": 0}
    recommend_weighting(X, y, **ask)
    assert capsys.readouterr().err == ""
    recommend_weighting(X, y, verbose=1, **ask)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 6
    assert "(fit 3 of 6) strength 0.5, fold 1 of 2" in lines[2]


def test_a_calibration_that_clearly_beats_auto_is_advised():
    def row(name, loss, above, error):
        return {
            "name": name,
            "log_loss": loss,
            "above_auto": above,
            "standard_error": error,
        }

    close = [row("sigmoid", 0.2, -0.01, 0.006), row("isotonic", 0.3, 0.09, 0.01)]
    clear = [row("sigmoid", 0.2, -0.01, 0.004), *close[1:]]
    for rows_, expected in ((close, "auto"), (clear, "sigmoid")):
        measured = Measured(0, [], rows_, 15, 15, 5, 100, 1.0)
        assert measured.calibration == expected
        assert repr(expected) in say_calibration(measured)


def test_what_is_measured_counts_as_the_population_does():
    """On half of the rows emphasis gains, on the others it ruins everything."""
    X, y = rows([900, 100])
    X, y = np.vstack([X, X]), np.append(y, y)
    X[1000:, 0] *= -1
    first = np.where(np.arange(2000) < 1000, 1.0, 1e-3)
    ask = {"estimator": OnlyWhenBalanced(), "random_state": 0}
    advice = recommend_weighting(X, y, sample_weight=first, **ask)
    assert advice.weighting == "balanced"
    X, y, X_target = shifted("features")
    keep = (y == 0) | (np.random.default_rng(0).random(y.size) < 0.15)
    advice = recommend_weighting(
        X[keep],
        y[keep],
        X_target=X_target,
        estimator=GaussianNB(),
        budget=4,
        random_state=0,
    )
    assert isinstance(advice.population, DensityRatioWeighting)
    assert advice.figures["n_fits"] == 4


def test_estimators_that_cannot_be_measured_are_refused_or_said():
    X, y = rows([450, 50])
    with pytest.raises(ValueError, match="balances its classes by itself"):
        recommend_weighting(X, y, estimator=LogisticRegression(class_weight="balanced"))
    with pytest.raises(ValueError, match="budget"):
        recommend_weighting(X, y, estimator=LogisticRegression(), budget=3)
    wrapped = WeightedClassifier(GaussianNB(), calibration=None)
    advice = recommend_weighting(X, y, estimator=wrapped, budget=4, random_state=0)
    assert isinstance(advice.make_estimator().estimator, GaussianNB)
    X, y = rows([50, 1])
    with pytest.warns(FewerThanAskedWarning, match="has 1 row"):
        advice = recommend_weighting(X, y, estimator=GaussianNB(), random_state=0)
    assert said(advice, "Nothing could be measured")


def test_population_weights_decide_what_is_rare():
    X, y = rows([500, 500])
    weight = np.where(y == 1, 1.0, 9.0)
    advice = recommend_weighting(X, y, sample_weight=weight)
    assert advice.figures["rarest_share"] == pytest.approx(0.1)
    assert advice.decision == "balanced"
    assert advice.figures["rarest_rows"] == 500
    weight[y == 1] = 0
    with pytest.raises(ValueError, match="2 classes with a positive sample_weight"):
        recommend_weighting(X, y, sample_weight=weight)


# -- costs -----------------------------------------------------------------------------


def test_known_costs_decide_and_nothing_is_weighted():
    cost = CostMatrix.binary(fp=1, fn=5)
    X, y = rows([900, 100])
    advice = recommend_weighting(X, y, cost=cost)
    assert advice.weighting is None
    assert advice.calibration == "auto"
    assert advice.decision is cost
    assert said(advice, "although weights could express these costs")
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
    assert same.decision == "balanced"
    assert said(same, "All mistakes cost the same")
    odd = recommend_weighting(X, y, cost=CostMatrix.binary(fp=-1, fn=5))
    assert said(odd, "a wrong decision costs less than the right decision")


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
    if how == "all elsewhere":
        X_target[:, 1] += 8
    return X, y, X_target


@pytest.mark.parametrize("seed", range(2))
def test_a_target_that_is_alike_needs_no_weights(seed):
    X, y, X_target = shifted("not", seed)
    advice = recommend_weighting(X, y, X_target=X_target, random_state=0)
    assert advice.weighting is None
    assert said(advice, "can hardly separate the target from the training rows")


def test_other_class_frequencies_are_told_from_other_features():
    X, y, X_target = shifted("labels")
    advice = recommend_weighting(X, y, X_target=X_target, random_state=0)
    assert isinstance(advice.weighting, LabelShiftWeighting)
    by_labels = advice.figures["target_frequencies_by_labels"][1]
    assert by_labels == pytest.approx(0.1, abs=0.05)
    assert said(advice, "Different class frequencies explain most")
    X, y, X_target = shifted("features")
    advice = recommend_weighting(X, y, X_target=X_target, random_state=0)
    assert isinstance(advice.weighting, DensityRatioWeighting)
    assert advice.calibration == "auto"
    assert said(advice, "can be estimated with kernels")


def test_both_readings_of_a_target_are_shown():
    # The classes depend on the column as before, so that labels have frequency E[p].
    rng = np.random.default_rng(0)
    X, X_target = rng.normal(size=(N, 1)), rng.normal(-1, 1, size=(N, 1))
    y = (rng.random(N) < expit(2 * X[:, 0])).astype(int)
    population = np.where(y == 1, 2.0, 1.0)
    advice = recommend_weighting(X, y, X_target=X_target, random_state=0)
    by_columns = advice.figures["target_frequencies_by_columns"][1]
    assert by_columns == pytest.approx(expit(2 * X_target).mean(), abs=0.04)
    by_labels = advice.figures["target_frequencies_by_labels"][1]
    for share in (by_labels, by_columns):
        assert said(advice, f"{share:.1%} of 1")
    weighted = recommend_weighting(
        X, y, X_target=X_target, sample_weight=population, random_state=0
    )
    assert weighted.figures["target_frequencies_by_columns"][1] > by_columns + 0.03


def test_a_target_where_nobody_trained_is_named():
    X, y, X_target = shifted("elsewhere")
    advice = recommend_weighting(X, y, X_target=X_target, random_state=0)
    assert advice.figures["missing_target_mass"] == pytest.approx(0.5, abs=0.05)
    assert said(advice, "has no similar training rows")
    X, y, X_target = shifted("all elsewhere")
    advice = recommend_weighting(X, y, X_target=X_target, random_state=0)
    assert advice.figures["missing_target_mass"] > 0.95
    assert advice.weighting is None
    assert said(advice, "No weights are advised")


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


def test_a_shift_is_weighed_for_and_a_rare_class_is_decided_for():
    X, y, X_target = shifted("features")
    keep = (y == 0) | (np.random.default_rng(0).random(y.size) < 0.15)
    advice = recommend_weighting(X[keep], y[keep], X_target=X_target, random_state=0)
    assert isinstance(advice.weighting, DensityRatioWeighting)
    assert advice.decision == "balanced"
    assert set(advice.to_compare()) == {"none", "advised", "balanced", "half"}
    both = replace(
        advice, weighting=[advice.population, "balanced"], emphasis="balanced"
    )
    assert "population alone" in both.to_compare()


# -- groups ----------------------------------------------------------------------------


def test_groups_with_too_few_rows_are_named():
    X, y = rows([900, 100])
    groups = np.where(np.arange(1000) < 950, "north", "south")
    advice = recommend_weighting(X, y, groups=groups)
    assert advice.figures["smallest_group"] == "south"
    assert advice.figures["smallest_group_rows"] == 50
    assert said(advice, "the score of their worst group")
    groups[-50:] = "north"
    groups[:50] = "south"
    advice = recommend_weighting(X, y, groups=groups)
    assert advice.figures["poorest_group_rows"] == 0
    assert said(advice, "'south' has 0 rows of class 1. These are too few")


# -- what it takes, and what can be done with it ---------------------------------------


@pytest.mark.parametrize(
    "labels", [["no", "yes"], [-1, 1], [False, True], [0.0, 1.0]], ids=str
)
def test_labels_of_any_kind(labels):
    X, y = rows([450, 50])
    named = np.array(labels)[y]
    advice = recommend_weighting(X, named)
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
    assert repr(advice).startswith("What to start with\nweighting    None")
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
    assert list(weightings) == ["none", "balanced", "half"]
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
        ("german", "risk", "auto"),
        ("phoneme", "Class", "auto"),
        ("adult", "income", "balanced"),
        ("mammography", "Class", "balanced"),
    ],
)
def test_real_data_get_the_advice_of_the_table(shared_data, name, target, expected):
    table = pd.read_csv(shared_data(f"{name}.csv.gz"), na_values="?")
    y = table.pop(target)
    advice = recommend_weighting(table, y)
    assert advice.weighting is None
    assert advice.decision == expected


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


def test_a_wrapper_says_how_to_fit_what_takes_no_weights():
    data = make_imbalanced(400, prevalence=0.15, random_state=0)
    neighbours = KNeighborsClassifier(10)
    with pytest.raises(UnsupportedWeightsError, match="unsupported='resample'"):
        recommend_weighting(data.X, data.y, estimator=neighbours, random_state=0)
    wrapper = WeightedClassifier(neighbours, unsupported="resample")
    advice = recommend_weighting(data.X, data.y, estimator=wrapper, random_state=0)
    assert advice.figures["n_fits"] == 15
    clf = advice.make_estimator(random_state=0)
    assert clf.unsupported == "resample"
    assert clf.fit(data.X, data.y).predict_proba(data.X).shape == (400, 2)
