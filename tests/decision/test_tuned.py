"""Tuned thresholds are those that trying every candidate would find."""

import tracemalloc
from operator import attrgetter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn import metrics

from skweight import CostMatrix
from skweight.decision import TunedDecision, _search, _tuned
from skweight.decision._objectives import (
    FORMULAS,
    ONE_CLASS,
    by_formula,
    least_cost,
)
from skweight.decision._search import decided_by

BINARY = {
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "matthews_corrcoef": metrics.matthews_corrcoef,
    "f1": metrics.f1_score,
    "precision": lambda *a, **k: metrics.precision_score(*a, zero_division=0, **k),
    "recall": metrics.recall_score,
    "jaccard": metrics.jaccard_score,
}


def averaged(score, average):
    def scored(y, decided, sample_weight):
        return score(
            y,
            decided,
            average=average,
            sample_weight=sample_weight,
            zero_division=0,
        )

    return scored


for _name in ("f1", "precision", "recall", "jaccard"):
    for _average in ("macro", "weighted"):
        BINARY[f"{_name}_{_average}"] = averaged(
            getattr(metrics, f"{_name}_score"), _average
        )


def test_every_formula_is_compared():
    assert set(BINARY) == {*FORMULAS, *ONE_CLASS}


def problem(seed, n=50, digits=2):
    rng = np.random.default_rng(seed)
    p = np.round(rng.random(n), digits)
    y = (rng.random(n) < p).astype(int)
    y[:2] = [0, 1]
    return np.column_stack([1 - p, p]), y, rng.uniform(0.1, 3, n)


def candidates(p):
    return np.append(np.unique(p), np.inf)


def of_many_rows(monkeypatch, name, p, y, weight):
    """Return the search of many rows, that of all rows, and the numbers sorted."""
    sorted_rows = []
    groups = _search.groups

    def counted(values):
        sorted_rows.append(values.size)
        return groups(values)

    monkeypatch.setattr(_search, "groups", counted)
    objective = by_formula(name, 1 if name in ONE_CLASS else None)
    rows = _search.Rows(np.column_stack([1 - p, p]), y, weight, None)
    return (
        _search.best_threshold(rows, objective),
        _search._best_of_all(rows, objective),
        sorted_rows,
    )


@pytest.mark.parametrize("digits", [3, 17])
@pytest.mark.parametrize("name", BINARY)
def test_of_many_rows_those_near_the_best_threshold_are_sorted(
    monkeypatch, name, digits
):
    rng = np.random.default_rng(0)
    p = np.round(rng.beta(1, 3, 40_000), digits)
    y = (rng.random(p.size) < 0.1 + 0.8 * p).astype(int)
    weight = rng.exponential(size=p.size)
    few, whole, sorted_rows = of_many_rows(monkeypatch, name, p, y, weight)
    assert few[0] == whole[0]
    assert few[1] == pytest.approx(whole[1], rel=1e-12)
    n_few, n_all = sorted_rows
    assert n_all == p.size
    assert n_few < p.size / 4


def test_ties_at_the_end_of_a_cell_stay_together(monkeypatch):
    rng = np.random.default_rng(0)
    p = rng.random(40_000)
    y = (rng.random(p.size) < 0.5).astype(int)
    # The bits of these numbers differ in their exponents, so a cell ends between them.
    p[:20_000] = np.where(y[:20_000] == 1, 0.5, np.nextafter(0.5, 0))
    few, whole, sorted_rows = of_many_rows(
        monkeypatch, "accuracy", p, y, np.ones(p.size)
    )
    assert few == whole
    assert sorted_rows[1:] == [p.size] * 2


# Two digits make ties.
@pytest.mark.in_turn(2)
@pytest.mark.parametrize("digits", [1, 8])
@pytest.mark.parametrize("name", BINARY)
def test_named_scores_equal_brute_force(name, digits):
    for seed in range(2):
        proba, y, weight = problem(seed, n=24, digits=digits)
        p = proba[:, 1]
        tuned = TunedDecision(name).fit(proba, y, weight, classes=[0, 1])
        best = max(
            BINARY[name](y, (p >= t).astype(int), sample_weight=weight)
            for t in candidates(p)
        )
        actual = BINARY[name](y, tuned.decide(proba), sample_weight=weight)
        assert actual == pytest.approx(best)
        assert tuned.best_score_ == pytest.approx(best)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=3, max_size=30),
    st.integers(0, 2**31),
)
@settings(max_examples=50)
def test_costs_per_row_equal_brute_force(rows, seed):
    rng = np.random.default_rng(seed)
    p = np.array([score for score, _ in rows]) / 10
    y = np.array([int(label) for _, label in rows])
    X = pd.DataFrame(rng.uniform(-1, 5, (y.size, 4)), columns=["fp", "fn", "tp", "tn"])
    weight = rng.uniform(0.1, 3, y.size)
    proba = np.column_stack([1 - p, p])
    cost = CostMatrix.binary(fp="fp", fn="fn", tp="tp", tn="tn", pos_label=1)
    tuned = TunedDecision(cost=cost).fit(proba, y, weight, classes=[0, 1], X=X)

    def mean_cost(decided):
        return np.average(cost.incurred(y, decided, X), weights=weight)

    best = min(mean_cost((p >= t).astype(int)) for t in candidates(p))
    assert mean_cost(tuned.decide(proba)) == pytest.approx(best)
    assert -tuned.best_score_ == pytest.approx(best)


def test_any_scorer_of_labels_with_and_without_weights():
    proba, y, weight = problem(0)
    p = proba[:, 1]

    def gain(y_true, y_pred):
        return 5 * np.sum((y_true == 1) & (y_pred == 1)) - np.sum(y_pred)

    tuned = TunedDecision(metrics.make_scorer(gain)).fit(proba, y, classes=[0, 1])
    best = max(gain(y, (p >= t).astype(int)) for t in candidates(p))
    assert gain(y, tuned.decide(proba)) == best == tuned.best_score_
    with pytest.raises(TypeError, match="sample_weight"):
        tuned.fit(proba, y, weight, classes=[0, 1])

    scorer = metrics.make_scorer(metrics.fbeta_score, beta=2)
    tuned = TunedDecision(scorer).fit(proba, y, weight, classes=[0, 1])
    best = max(
        metrics.fbeta_score(y, (p >= t).astype(int), beta=2, sample_weight=weight)
        for t in candidates(p)
    )
    assert tuned.best_score_ == pytest.approx(best)


def test_positive_class_of_string_labels_is_asked_for():
    proba, y, _ = problem(1)
    labels = np.array(["bad", "good"])
    with pytest.raises(ValueError, match=r"make_scorer\(f1_score, pos_label='bad'\)"):
        TunedDecision("f1").fit(proba, labels[y], classes=labels)
    scorer = metrics.make_scorer(metrics.f1_score, pos_label="bad")
    tuned = TunedDecision(scorer).fit(proba, labels[y], classes=labels)
    decided = tuned.decide(proba)
    best = max(
        metrics.f1_score(y, (proba[:, 1] >= t).astype(int), pos_label=0)
        for t in candidates(proba[:, 1])
    )
    assert metrics.f1_score(labels[y], decided, pos_label="bad") == pytest.approx(best)


def test_thresholds_lie_between_scores_and_can_take_all_or_none():
    p = np.array([0.2, 0.4, 0.6, 0.8])
    proba = np.column_stack([1 - p, p])
    y = [0, 0, 1, 1]
    assert TunedDecision("accuracy").fit(proba, y, classes=[0, 1]).threshold_ == 0.5
    none = TunedDecision(cost={"fp": 9, "fn": 1}).fit(
        proba, [1, 0, 0, 0], classes=[0, 1]
    )
    assert none.decide(proba).sum() == 0
    assert none.decide([[0.0, 1.0]]).sum() == 0
    every = TunedDecision(cost={"fp": 1, "fn": 9}).fit(
        proba, [1, 0, 0, 1], classes=[0, 1]
    )
    assert every.decide(proba).sum() == 4


def multiclass(seed=0, n=400, k=4):
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.ones(k), n)
    y = np.array([rng.choice(k, p=q) for q in proba])
    y[:k] = range(k)
    table = rng.uniform(1, 10, (k, k)) * (1 - np.eye(k))
    cost = CostMatrix.from_array(table, labels=range(k), rows="true")
    return proba, y, rng.uniform(0.5, 2, n), cost


@pytest.mark.parametrize("seed", range(2))
def test_no_threshold_of_many_classes_can_be_improved_by_itself(seed):
    proba, y, weight, cost = multiclass(seed, n=200)
    tuned = TunedDecision(cost=cost).fit(proba, y, weight, classes=range(4))

    def mean_cost(thresholds):
        decided = decided_by(proba, thresholds)
        return np.average(cost.incurred(y, decided), weights=weight)

    actual = mean_cost(tuned.thresholds_)
    assert -tuned.best_score_ == pytest.approx(actual)
    assert tuned.thresholds_.sum() == pytest.approx(1)
    assert not hasattr(tuned, "threshold_")
    assert actual < mean_cost(np.ones(4))
    for code in range(4):
        others = proba / tuned.thresholds_
        others[:, code] = 0
        levels = np.sort(proba[:, code] / others.max(axis=1))
        between = np.append((levels[1:] + levels[:-1]) / 2, [levels[0] / 2, np.inf])
        for level in between:
            thresholds = tuned.thresholds_.copy()
            thresholds[code] = level
            assert mean_cost(thresholds) >= actual - 1e-9


@pytest.mark.parametrize("name", ["balanced_accuracy", "f1_macro", "matthews_corrcoef"])
def test_scores_of_many_classes_are_those_of_scikit_learn(name):
    proba, y, weight, _ = multiclass()
    tuned = TunedDecision(name).fit(proba, y, weight, classes=range(4))
    score = BINARY[name]
    assert tuned.best_score_ == pytest.approx(
        score(y, tuned.decide(proba), sample_weight=weight)
    )
    assert tuned.best_score_ >= score(y, proba.argmax(axis=1), sample_weight=weight)


def test_other_scorers_of_many_classes():
    proba, y, _, _ = multiclass(n=120, k=3)
    scorer = metrics.make_scorer(metrics.cohen_kappa_score)
    tuned = TunedDecision(scorer).fit(proba, y, classes=range(3))
    actual = metrics.cohen_kappa_score(y, tuned.decide(proba))
    assert tuned.best_score_ == pytest.approx(actual)
    assert actual >= metrics.cohen_kappa_score(y, proba.argmax(axis=1))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_rounding_chooses_no_threshold(n_classes):
    thresholds = attrgetter("threshold_" if n_classes == 2 else "thresholds_")
    rng = np.random.default_rng(0)
    votes = rng.multinomial(7, np.full(n_classes, 1 / n_classes), size=(20, 60))
    proba = (votes + 0.3) / (7 + 0.3 * n_classes)
    codes = rng.integers(0, n_classes, size=(20, 60))
    weight = rng.integers(1, 10, size=(20, 60)) / 10
    noise = 1 + 1e-15 * rng.normal(size=proba.shape)
    for table, y, w, factor in zip(proba, codes, weight, noise, strict=True):
        order = rng.permutation(60)
        first, second = TunedDecision(), TunedDecision()
        first.fit(table, y, w, classes=range(n_classes))
        moved = (table * factor)[order]
        second.fit(moved, y[order], w[order], classes=range(n_classes))
        assert_allclose(thresholds(first), thresholds(second), rtol=1e-9)


def test_weights_are_repetitions():
    proba, y, _ = problem(3)
    times = np.random.default_rng(0).integers(0, 4, y.size)
    times[:2] = 1
    for decision in (TunedDecision(), TunedDecision(cost={"fp": 1, "fn": 3})):
        weighted = decision.fit(proba, y, times, classes=[0, 1]).best_score_
        rows = np.repeat(np.arange(y.size), times)
        repeated = decision.fit(proba[rows], y[rows], classes=[0, 1]).best_score_
        assert weighted == pytest.approx(repeated)


@pytest.mark.parametrize("n", [2_000, 40_000])
def test_tuning_is_one_sort_and_running_sums(n, monkeypatch):
    """All candidates are looked at in one call, in memory that grows like the rows."""
    calls = []

    def counting(outcomes):
        calls.append(outcomes.cost.size)
        return least_cost(outcomes)

    monkeypatch.setattr(_tuned, "least_cost", counting)
    proba, y, _ = problem(0, n=n, digits=9)
    tracemalloc.start()
    TunedDecision(cost={"fp": 1, "fn": 5}).fit(proba, y, classes=[0, 1])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert calls == [np.unique(proba[:, 1]).size + 1]
    # 27 vectors of length n were found; a row per candidate would be n of them.
    assert peak < 60 * 8 * n


@pytest.mark.parametrize(
    ("decision", "error", "words"),
    [
        (TunedDecision("f2"), ValueError, "scoring must be the name"),
        (TunedDecision("ballanced_accuracy"), ValueError, "Did you mean"),
        (TunedDecision(3), TypeError, "make_scorer"),
        (TunedDecision(cost=[[0, 1], [5, 0]]), TypeError, "rows='true'"),
    ],
)
def test_bad_input_is_told(decision, error, words):
    proba, y, _ = problem(0)
    with pytest.raises(error, match=words):
        decision.fit(proba, y, classes=[0, 1])


def test_scores_of_one_class_need_two_classes():
    proba, y, _, _ = multiclass()
    with pytest.raises(ValueError, match="Use 'f1_macro'"):
        TunedDecision("f1").fit(proba, y, classes=range(4))


def test_cost_scorers_are_pointed_to_cost():
    from skweight.metrics import make_cost_scorer

    proba, y, _ = problem(0)
    scorer = make_cost_scorer({"fp": 1, "fn": 5})
    with pytest.raises(TypeError, match=r"TunedDecision\(cost=\.\.\.\)"):
        TunedDecision(scorer).fit(proba, y, classes=[0, 1])


def test_held_out_rows_are_required():
    with pytest.raises(ValueError, match="learns from rows"):
        TunedDecision().fit(classes=[0, 1])
