"""Decisions go by the names of labels, and may be for something that is not a label."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import CostMatrix, CostSensitiveClassifier, WeightedClassifier
from skweight.decision import BaseDecision, ExpectedCostDecision, TunedDecision
from skweight.exceptions import DecisionWarning
from skweight.metrics import (
    cost_score,
    expected_cost_loss,
    make_cost_scorer,
    probability_cost,
    profit_score,
    savings_score,
)
from skweight.monitoring import WeightMonitor
from skweight.scale import ScoreStatistics
from skweight.testing import check_decision
from skweight.weighting import metadata

TEXT = {"bad": {"good": 5, "ask": 0.4}, "good": {"bad": 1, "ask": 0.1}}


def draw(labels, n=600, seed=0):
    """Return rows and labels; with a column `fee` of positive numbers."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=["a", "b", "c"])
    X["fee"] = rng.uniform(0.05, 0.5, n)
    scores = np.column_stack([X[["a", "b", "c"]] * 1.5])[:, : len(labels)]
    gumbel = -np.log(-np.log(rng.random(scores.shape)))
    return X, np.array(labels)[(scores + gumbel).argmax(axis=1)]


def asking(labels, name="ask", fee=0.3):
    """Return costs of 1 for every mistake, and a fee for the other decision."""
    costs = np.ones((len(labels), len(labels))) - np.eye(len(labels))
    cost = CostMatrix.from_array(costs, labels=labels, rows="true")
    return cost.with_decision(name, fee)


# -- the matrix ------------------------------------------------------------------------


def frame():
    table = pd.DataFrame([[0, 5, 0.4], [1, 0, 0.1]], index=["bad", "good"])
    table.columns = ["bad", "good", "ask"]
    return table.rename_axis(index="true", columns="predicted")


@pytest.mark.parametrize(
    "cost",
    [
        CostMatrix(TEXT),
        CostMatrix.from_dict(TEXT),
        CostMatrix.from_frame(frame()),
        CostMatrix.from_frame(frame().T),
        CostMatrix.binary(pos_label="bad", fp=1, fn=5).with_decision(
            "ask", {"good": 0.1, "bad": 0.4}
        ),
        CostMatrix.from_array(
            [[0, 5], [1, 0]], labels=["bad", "good"], rows="true"
        ).with_decision("ask", {"bad": 0.4, "good": 0.1}),
        CostMatrix.from_benefits(
            {
                "bad": {"bad": 0, "good": -5, "ask": -0.4},
                "good": {"bad": -1, "ask": -0.1},
            }
        ),
        pickle.loads(pickle.dumps(CostMatrix(TEXT))),
    ],
)
def test_every_way_to_name_a_decision_says_the_same(cost):
    cost = cost.align(["good", "bad"])
    np.testing.assert_allclose(cost.resolve(), [[0, 1, 0.1], [5, 0, 0.4]])
    assert cost.labels == ("good", "bad")
    assert cost.decisions == ("good", "bad", "ask")
    assert "true 'bad' decided 'ask' costs 0.4" in repr(cost)
    assert "\n" not in repr(cost)
    pd.testing.assert_frame_equal(
        cost.to_frame(), frame().loc[["good", "bad"], ["good", "bad", "ask"]] * 1.0
    )
    assert cost.describe() == CostMatrix(TEXT).align(["good", "bad"]).describe()
    assert cost != CostMatrix({"good": {"bad": 1}, "bad": {"good": 5}})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: CostMatrix({"bad": {"good": 5, "ask": 1}, "good": {"bad": 1}}),
            ["true label 'good'", "lack ['ask']", "cost for every true label"],
        ),
        (
            lambda: CostMatrix({"bad": {"good": 5}, "good": {"bad": 1, "ask": 1}}),
            ["true label 'good'", "unknown ['ask']"],
        ),
        (lambda: CostMatrix(TEXT).with_decision("ask", 1), ["different labels"]),
        (lambda: CostMatrix(TEXT).with_decision("bad", 1), ["different labels"]),
        (
            lambda: CostMatrix(TEXT).with_decision("wait", {"bad": 1}),
            ["'wait' needs a cost for each of ['bad', 'good']", "for ['bad']"],
        ),
        (
            lambda: CostMatrix(TEXT).with_decision("wait", np.ones(3)),
            ["must not be an array"],
        ),
        (
            # A name of a decision that turns up as a label of y.
            lambda: CostMatrix(TEXT).align(["ask", "bad", "good"]),
            ["missing are ['ask']"],
        ),
        (
            lambda: (
                CostMatrix.binary(pos_label="bad", fp=1, fn=5)
                .with_decision("ask", 1)
                .align(["ask", "bad"])
            ),
            ["different labels"],
        ),
        (
            lambda: CostMatrix(TEXT).incurred(["ask", "bad"], ["bad", "bad"]),
            ["no costs for the labels ['ask']"],
        ),
        (
            lambda: CostMatrix(TEXT).incurred(["good", "bad"], ["aks", "bad"]),
            ["'aks'"],
        ),
    ],
)
def test_bad_names_are_told(make, words):
    with pytest.raises((TypeError, ValueError)) as caught:
        make()
    for word in words:
        assert word in str(caught.value)


def test_it_is_chosen_where_it_is_expected_to_cost_least():
    """Chow's rule: ask unless the largest probability is above one minus the fee."""
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.ones(3), 1000)
    cost = asking(["a", "b", "c"], fee=0.3)
    decided = cost.decide(proba)
    np.testing.assert_array_equal(decided == "ask", proba.max(axis=1) < 0.7)
    sure = decided != "ask"
    np.testing.assert_array_equal(
        decided[sure], np.array(["a", "b", "c"])[proba.argmax(axis=1)][sure]
    )
    # No label of less risk, and no rows are lost between the decisions.
    risk = cost.risk(proba)
    assert risk.shape == (1000, 4)
    np.testing.assert_allclose(risk[:, 3], 0.3)
    chosen = risk[np.arange(1000), [cost.decisions.index(d) for d in decided]]
    np.testing.assert_allclose(chosen, risk.min(axis=1))


def test_a_label_that_costs_the_same_is_chosen():
    cost = asking([0, 1], fee=0.25)
    assert cost.decide([[0.75, 0.25], [0.74, 0.26]]).tolist() == [0, "ask"]


def test_weights_know_nothing_of_it():
    plain, cost = CostMatrix({0: {1: 1}, 1: {0: 5}}), asking([0, 1])
    cost = plain.with_decision("ask", 0.1)
    assert cost.class_weight() == plain.class_weight()
    y = [0, 1, 1, 0]
    np.testing.assert_array_equal(
        cost.sample_weight(None, y), plain.sample_weight(None, y)
    )
    assert plain.check().exact
    assert not cost.check().exact


@pytest.mark.parametrize(("fee", "pays"), [(0.83, True), (0.84, False)])
def test_the_report_says_whether_it_ever_pays(fee, pays):
    """Costs 1 and 5: the two labels cost 5/6 at most, where both cost the same."""
    cost = CostMatrix({0: {1: 1}, 1: {0: 5}}).with_decision("ask", fee)
    report = cost.check()
    assert report.n_dominated == {0: 0, 1: 0, "ask": 0 if pays else 1}
    assert ("the decision 'ask' is never the cheapest" in repr(report)) == (not pays)
    p = np.linspace(0, 1, 10_001)
    decided = cost.decide(np.column_stack([1 - p, p]))
    assert ("ask" in set(decided)) == pays
    # Mistakes that cost the same, and still something to decide.
    assert asking([0, 1]).check().kind == "class"


def test_the_report_counts_rows_in_which_it_pays():
    X = pd.DataFrame({"fee": [0.1, 0.49, 0.51, 2.0]})
    cost = asking([0, 1], fee="fee")
    assert cost.check(X).n_dominated == {0: 0, 1: 0, "ask": 2}


# -- the dtype of what is predicted ----------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "name", "dtype", "whole"),
    [
        (["bad", "good"], "abstain", "<U7", ["bad", "good", "abstain"]),
        ([0, 1], -1, np.int64, [0, 1, -1]),
        ([0, 1], "ask", object, [0, 1, "ask"]),
        ([False, True], "ask", object, [False, True, "ask"]),
        ([2.0, 3.0], -1, np.float64, [2.0, 3.0, -1.0]),
        (["0", "1"], -1, object, ["0", "1", -1]),
        (["a", "b", "c"], "ask", "<U3", ["a", "b", "c", "ask"]),
        ([1, 2, 3], "ask", object, [1, 2, 3, "ask"]),
    ],
)
def test_every_label_keeps_its_type(labels, name, dtype, whole):
    X, y = draw(labels)
    cost = asking(labels, name)
    clf = CostSensitiveClassifier(
        LogisticRegression(), cost=cost, calibration=None
    ).fit(X, y)
    assert clf.decision_.decisions_.tolist() == whole
    predicted = clf.predict(X)
    # The same dtype whether or not a row is decided for it.
    for rows in (predicted, clf.predict(X[:1])):
        assert rows.dtype == np.dtype(dtype)
    assert {type(label) for label in predicted.tolist()} == set(map(type, whole))
    assert set(predicted.tolist()) == set(whole)
    aligned = cost.align(np.unique(y))
    np.testing.assert_array_equal(aligned.decide(clf.predict_proba(X)), predicted)
    # The score of a classifier counts it as not right; so does scikit-learn's.
    share = np.mean(
        [a == b for a, b in zip(predicted.tolist(), y.tolist(), strict=True)]
    )
    assert clf.score(X, y) == pytest.approx(share)
    if dtype is not object:
        assert accuracy_score(y, predicted) == pytest.approx(share)
    assert cost_score(y, predicted, cost) == cost_score(
        y.tolist(), predicted.tolist(), cost
    )


def test_labels_of_pandas_stay_what_they_are():
    X, y = draw(["a", "b"])
    for labels in (pd.Series(y, dtype=object), pd.Series(y, dtype="category")):
        clf = CostSensitiveClassifier(
            LogisticRegression(), cost=asking(["a", "b"]), calibration=None
        ).fit(X, labels)
        assert set(clf.predict(X)) == {"a", "b", "ask"}
        assert clf.score(X, labels) > 0.3


# -- classifiers -----------------------------------------------------------------------


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("labels", [["bad", "good"], [0, 1], ["a", "b", "c"]])
@pytest.mark.parametrize("calibration", [None, "sigmoid", "auto"])
def test_classifiers_decide_for_it(labels, calibration):
    X, y = draw(labels)
    cost = asking(labels)
    clf = CostSensitiveClassifier(
        LogisticRegression(), cost=cost, calibration=calibration, random_state=0
    ).fit(X, y)
    decided = clf.predict(X)
    unsure = clf.predict_proba(X).max(axis=1) < 0.7 - 1e-9
    np.testing.assert_array_equal(decided == "ask", unsure)
    assert clf.classes_.tolist() == labels
    assert clf.predict_proba(X).shape == (len(X), len(labels))
    assert not hasattr(clf.decision_, "threshold_")
    assert f"{len(labels) + 1} decisions, ['ask'] among them" in str(clf.report_)
    names = [f"cost({label})" for label in [*labels, "ask"]]
    report = clf.decision_report(X)
    assert [name for name in report if name.startswith("cost")] == names
    assert "threshold" not in report
    np.testing.assert_array_equal(report["decision"], decided)
    np.testing.assert_allclose(report[names], clf.expected_cost(X))
    other = WeightedClassifier(
        LogisticRegression(),
        weighting=None,
        calibration=calibration,
        decision=cost,
        random_state=0,
    ).fit(X, y)
    np.testing.assert_array_equal(other.predict(X), decided)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(clf)).predict(X), decided)


def test_fees_may_differ_from_row_to_row():
    X, y = draw(["a", "b", "c"])
    made = {
        "column": (asking(["a", "b", "c"], fee="fee"), {}),
        "callable": (asking(["a", "b", "c"], fee=lambda X: X["fee"]), {}),
        "metadata": (
            asking(["a", "b", "c"], fee=metadata("price")),
            {"price": X["fee"].to_numpy()},
        ),
    }
    for cost, params in made.values():
        clf = CostSensitiveClassifier(
            LogisticRegression(), cost=cost, calibration="sigmoid", random_state=0
        ).fit(X, y, **params)
        unsure = clf.predict_proba(X).max(axis=1) < 1 - X["fee"] - 1e-9
        np.testing.assert_array_equal(clf.predict(X, **params) == "ask", unsure)
        assert 0 < unsure.mean() < 1
        assert "costs of each row" in clf.report_.decision


def test_nested_dicts_and_pipelines_take_it():
    X, y = draw(["bad", "good"])
    clf = make_pipeline(
        StandardScaler(),
        WeightedClassifier(
            LogisticRegression(), weighting=None, calibration=None, decision=TEXT
        ),
    ).fit(X, y)
    assert set(clf.predict(X)) == {"bad", "good", "ask"}
    decided = cross_val_predict(clf, X, y, cv=3)
    assert cost_score(y, decided, TEXT) < cost_score(y, np.full(len(y), "bad"), TEXT)


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("labels", [["bad", "good"], [0, 1], ["a", "b", "c"]])
@pytest.mark.parametrize("kind", ["cost", "savings", "profit"])
def test_searches_select_by_what_decisions_cost(labels, kind):
    X, y = draw(labels)
    cost = asking(labels, fee="fee")
    search = GridSearchCV(
        CostSensitiveClassifier(LogisticRegression(), cost=cost, calibration=None),
        {"estimator__C": [1e-4, 1.0]},
        scoring=make_cost_scorer(cost, kind=kind),
        error_score="raise",
        cv=3,
    ).fit(X, y)
    assert search.best_params_ == {"estimator__C": 1.0}
    assert "ask" in set(search.predict(X).tolist())
    # By hand: what is asked costs its fee, other mistakes cost 1.
    decided = search.predict(X)
    by_hand = np.where(decided == "ask", X["fee"], decided != y)
    assert cost_score(y, decided, cost, X=X) == pytest.approx(by_hand.mean())
    if kind == "cost":
        assert search.score(X, y) == pytest.approx(-by_hand.sum())
    assert GridSearchCV(
        clone(search.estimator), {"estimator__C": [1.0]}, cv=3, error_score="raise"
    ).fit(X, y).best_score_ == pytest.approx(0.5, abs=0.3)


def test_to_ask_always_is_a_baseline():
    y, decided = ["bad", "good", "good"], ["ask", "good", "bad"]
    assert cost_score(y, decided, TEXT, normalize=False) == pytest.approx(1.4)
    # Always asking costs .4 + .1 + .1, less than always deciding for a label.
    assert savings_score(y, decided, TEXT) == pytest.approx(1 - 1.4 / 0.6)
    assert savings_score(y, decided, TEXT, baseline="bad") == pytest.approx(0.3)
    assert profit_score(
        y, decided, TEXT, baseline="ask", normalize=False
    ) == pytest.approx(-0.8)
    with pytest.raises(ValueError, match=r"one of the decisions.*'ask'"):
        savings_score(y, decided, TEXT, baseline="wait")
    proba = [[0.5, 0.5]] * 3
    plain = {"bad": {"good": 5}, "good": {"bad": 1}}
    assert expected_cost_loss(y, proba, TEXT) == expected_cost_loss(y, proba, plain)


def test_thresholds_refuse_it_and_say_what_to_use():
    X, y = draw([0, 1])
    cost = asking([0, 1])
    for make in (
        lambda: CostSensitiveClassifier(cost=cost, decision="tuned", estimator=None),
        lambda: WeightedClassifier(decision=TunedDecision(cost=cost), calibration=None),
    ):
        clf = make().set_params(estimator=LogisticRegression())
        with pytest.raises(ValueError, match=r"\('ask',\)|\['ask'\].*ExpectedCost"):
            clf.fit(X, y)
    statistics = ScoreStatistics().update(X["a"].to_numpy(), y)
    with pytest.raises(ValueError, match="ExpectedCostDecision"):
        statistics.threshold(cost)
    with pytest.raises(ValueError, match="whose labels are the only decisions"):
        probability_cost(cost, 0.3)


def test_monitors_and_comparisons_read_it():
    from skweight.selection import compare_weightings

    X, y = draw([0, 1], n=400)
    clf = WeightedClassifier(
        LogisticRegression(), weighting=None, calibration=None, decision=asking([0, 1])
    ).fit(X, y)
    monitor = WeightMonitor(clf).fit(X, y)
    recall = [
        figure for figure in monitor.update(X, y).figures if figure.figure == "recall"
    ]
    assert len(recall) == 2
    comparison = compare_weightings(clf, X, y, weightings=[None], cv=3)
    assert "ask" not in str(comparison)


class Cautious(BaseDecision):
    """Choose the most probable class, and ask unless it is nearly certain."""

    def _further(self):
        return ["ask"]

    def _positions(self, proba, X, metadata):
        sure = proba.max(axis=1) > 0.8
        return np.where(sure, proba.argmax(axis=1), self.classes_.size)


@pytest.mark.parametrize("classes", [(0, 1), ("a", "b", "c")])
def test_decisions_of_ones_own_may_ask(classes):
    check_decision(Cautious(), classes=classes)
    check_decision(
        ExpectedCostDecision(asking(classes), accept_weighted=True), classes=classes
    )
    X, y = draw(classes)
    clf = WeightedClassifier(
        LogisticRegression(), weighting=None, calibration="sigmoid", decision=Cautious()
    ).fit(X, y)
    np.testing.assert_array_equal(
        clf.predict(X) == "ask", clf.predict_proba(X).max(axis=1) <= 0.8
    )


# -- named labels ----------------------------------------------------------------------


@pytest.mark.parametrize("calibration", [None, "sigmoid"])
def test_a_bare_number_warns_once_a_fit_and_once_a_stream(calibration):
    X, y = draw(["fraud", "ok"])
    X = X.to_numpy()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf = WeightedClassifier(
            LogisticRegression(), calibration=calibration, decision=0.1, random_state=0
        ).fit(X, y)
    assert [record.category for record in caught] == [DecisionWarning]
    assert "decision={'fraud': 0.1}" in str(caught[0].message)
    assert clf.decision_.threshold_label_ == "ok"
    stream = WeightedClassifier(
        SGDClassifier(loss="log_loss", random_state=0),
        calibration=None if calibration is None else "prior",
        decision=0.1,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for rows in np.array_split(np.arange(len(X)), 3):
            stream.partial_fit(X[rows], y[rows], classes=["fraud", "ok"])
    assert [record.category for record in caught] == [DecisionWarning]


def test_one_label_of_three_is_decided_from_its_number_on():
    X, y = draw(["a", "b", "c"])
    clf = WeightedClassifier(
        LogisticRegression(), weighting=None, calibration="sigmoid", decision={"b": 0.2}
    ).fit(X, y)
    proba = clf.predict_proba(X)
    expected = np.where(
        proba[:, 1] >= 0.2, "b", np.where(proba[:, 0] >= proba[:, 2], "a", "c")
    )
    np.testing.assert_array_equal(clf.predict(X), expected)
    assert clf.decision_.threshold_label_ == "b"
    with pytest.raises(ValueError, match=r"2 labels.*CostMatrix"):
        WeightedClassifier(decision={"a": 0.2, "b": 0.3}, calibration=None).fit(X, y)
