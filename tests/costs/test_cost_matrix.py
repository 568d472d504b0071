"""`CostMatrix`: what is true and what is decided is never mixed up."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skweight import CostMatrix
from skweight.costs import _rules as rules
from skweight.costs import _weights as weights_of
from skweight.costs._matrix import as_cost_matrix
from skweight.exceptions import DecisionWarning
from skweight.weighting import metadata

LABELS = ["a", "b", "c"]
# Rows are true. Neither symmetric nor row-constant, so that a transposed reading shows.
C = np.array([[0.0, 1, 2], [3, 0, 4], [6, 8, 0]])
NESTED = {
    "a": {"b": 1, "c": 2},
    "b": {"a": 3, "c": 4},
    "c": {"a": 6, "b": 8},
}


def abc():
    return CostMatrix.from_dict(NESTED)


def frame():
    return (
        pd.DataFrame(C, index=pd.Index(LABELS, name="true"))
        .rename_axis(columns="predicted")
        .set_axis(pd.Index(LABELS, name="predicted"), axis=1)
    )


def double(X):
    return 2 * np.asarray(X, dtype=float)[:, 0]


# -- orientation: each of these fails if any matrix is transposed ----------------------


@pytest.mark.parametrize(
    "made",
    [
        abc(),
        CostMatrix.from_array(C, labels=LABELS, rows="true"),
        CostMatrix.from_array(C.T, labels=LABELS, rows="predicted"),
        CostMatrix.from_frame(frame()),
        CostMatrix.from_frame(frame().T),
        CostMatrix.from_benefits(CostMatrix.from_array(-C, labels=LABELS, rows="true")),
        CostMatrix.from_benefits(
            {k: {j: -v for j, v in row.items()} for k, row in NESTED.items()}
        ),
        CostMatrix.from_benefits(-frame()),
        CostMatrix.from_frame(abc().to_frame()),
        CostMatrix.from_array(C[::-1, ::-1], labels=LABELS[::-1], rows="true").align(
            LABELS
        ),
        pickle.loads(pickle.dumps(abc())),
    ],
)
def test_every_constructor_reads_true_and_decided_alike(made):
    np.testing.assert_array_equal(made.align(LABELS).resolve(), C)
    assert "true 'a' decided 'c' costs 2" in made.describe()
    assert "true 'c' decided 'a' costs 6" in made.describe()
    # Golden: risks of p = (.6, .3, .1); the transposed matrix would choose "a".
    p = [[0.6, 0.3, 0.1]]
    made = made.align(LABELS)
    np.testing.assert_allclose(made.risk(p), [[1.5, 1.4, 2.4]])
    assert made.decide(p).tolist() == ["b"]
    transposed = CostMatrix.from_array(C.T, labels=LABELS, rows="true")
    np.testing.assert_allclose(transposed.risk(p), [[0.5, 2.2, 6.0]])
    assert transposed.decide(p).tolist() == ["a"]


def test_incurred_costs_follow_truth_then_decision():
    y, decided = ["a", "a", "b", "c"], ["b", "c", "a", "b"]
    np.testing.assert_array_equal(abc().incurred(y, decided), [1, 2, 3, 8])
    np.testing.assert_array_equal(
        abc().of_decisions(["c", "a"]), [[6, 8, 0], [0, 1, 2]]
    )


def test_binary_says_which_mistake_is_which():
    cost = CostMatrix.binary(pos_label="bad", fp=1, fn=5, tp=2, tn=3)
    np.testing.assert_array_equal(
        cost.incurred(["good", "bad", "bad", "good"], ["bad", "good", "bad", "good"]),
        [1, 5, 2, 3],
    )
    # "bad" sorts first: positive is the first class here, and the second there.
    np.testing.assert_array_equal(
        cost.align(["bad", "good"]).resolve(), [[2, 5], [1, 3]]
    )
    np.testing.assert_array_equal(
        cost.align(["good", "bad"]).resolve(), [[3, 1], [5, 2]]
    )


def test_metrics_per_row_columns_follow_the_labels(rng):
    X = pd.DataFrame({"alarm": rng.uniform(1, 2, 50), "miss": rng.uniform(3, 9, 50)})
    cost = CostMatrix.binary(pos_label="bad", fp="alarm", fn="miss")
    aligned = cost.align(["bad", "good"])
    costs = aligned.resolve(X)
    assert costs.shape == (50, 2, 2)
    np.testing.assert_array_equal(costs[:, 0, 1], X["miss"])
    np.testing.assert_array_equal(costs[:, 1, 0], X["alarm"])
    p = rng.dirichlet(np.ones(2), 50)
    np.testing.assert_allclose(aligned.risk(p, X), np.einsum("nk,nkj->nj", p, costs))


# -- golden values ---------------------------------------------------------------------


def test_threshold_of_one_and_five():
    cost = CostMatrix.binary(fp=1, fn=5).align([0, 1])
    p = np.array([0.1666, 0.1667])
    assert cost.decide(np.column_stack([1 - p, p])).tolist() == [0, 1]


def test_threshold_with_four_costs():
    cost = CostMatrix.binary(tp=2, fp=10, fn=50, tn=1).align([0, 1])
    p = 9 / 57 + np.array([-1e-9, 1e-9])
    assert cost.decide(np.column_stack([1 - p, p])).tolist() == [0, 1]


def test_dominated_costs_are_decided_rightly():
    cost = CostMatrix.binary(tp=10, fn=1, fp=1, tn=0).align([0, 1])
    p = np.array([0.01, 0.5, 0.99])
    assert cost.decide(np.column_stack([1 - p, p])).tolist() == [0, 0, 0]
    report = cost.check()
    assert not report.reasonable
    assert report.n_dominated == {0: 0, 1: 1}
    assert "never the cheapest" in repr(report)


def test_equally_cheap_goes_to_the_more_probable():
    # Both risks are 2.1, though not the same double.
    assert abc().decide([[0.5, 0.3, 0.2]]).tolist() == ["a"]
    tie = CostMatrix.binary(fp=1, fn=1).align([0, 1])
    assert tie.decide([[0.5, 0.5]]).tolist() == [0]
    even = CostMatrix.binary(fp=2, fn=1, tn=1, tp=0).align([0, 1])
    assert even.decide([[0.5, 0.5]]).tolist() == [0]


def test_class_weights_of_one_and_five():
    weights = CostMatrix.binary(fp=1, fn=5).align([0, 1]).class_weight()
    assert weights == pytest.approx({0: 1 / 3, 1: 5 / 3})


def test_inconsistent_three_classes():
    np.testing.assert_array_equal(
        weights_of.pair_matrix(C), [[3, -1, 0], [6, 0, -2], [0, 8, -4]]
    )
    assert weights_of.pair_rank(C)[0] == 3
    assert C[0, 1] * C[1, 2] * C[2, 0] == 24
    assert C[1, 0] * C[2, 1] * C[0, 2] == 48
    report = abc().check()
    assert (report.rank, report.consistent, report.exact) == (3, False, False)
    assert list(abc().class_weight("log_ls").values()) == pytest.approx(
        [0.418944, 0.997548, 1.583508], abs=5e-7
    )
    assert list(abc().class_weight("sum").values()) == pytest.approx(
        [0.375, 0.875, 1.75]
    )
    # Data-space expansion: weight of (x, j) is the worst cost minus that of j.
    np.testing.assert_array_equal(
        C.max(axis=1, keepdims=True) - C, [[2, 1, 0], [1, 4, 0], [2, 0, 8]]
    )
    with pytest.raises(ValueError, match=r"rank 3 of 3.*log_ls"):
        abc().class_weight("zhou_liu")


def test_ordinal_costs_are_consistent_and_still_not_exact():
    report = CostMatrix.ordinal([1, 2, 3, 4, 5, 6]).check()
    assert report.consistent
    assert not report.exact
    weights = CostMatrix.ordinal([1, 2, 3], power=2).class_weight("zhou_liu")
    assert weights == pytest.approx({1: 1, 2: 1, 3: 1})


def test_weka_normalisation_by_columns_changes_decisions():
    """Subtracting from a column is no equivalence; subtracting from a row is."""
    wiki = np.array([[-3.0, 1, 1], [1, -6, 1], [0, 0, 0]])
    p = np.random.default_rng(0).dirichlet(np.ones(3), 100_000)
    columns = wiki - np.diag(wiki)
    decided, wrong = (p @ wiki).argmin(axis=1), (p @ columns).argmin(axis=1)
    rows = np.arange(len(p))
    assert np.mean(decided != wrong) == pytest.approx(0.916, abs=0.003)
    assert (p @ wiki)[rows, decided].mean() == pytest.approx(-2.15, abs=0.01)
    assert (p @ wiki)[rows, wrong].mean() == pytest.approx(0.32, abs=0.02)
    cost = CostMatrix.from_array(wiki, labels=range(3), rows="true")
    shifted = CostMatrix.from_array(rules.regret(wiki), labels=range(3), rows="true")
    np.testing.assert_array_equal(cost.decide(p[:5000]), shifted.decide(p[:5000]))


def test_rejection_sampling_probabilities():
    X = pd.DataFrame({"stake": [1.0, 2.0, 3.0, 10.0]})
    cost = CostMatrix.binary(fp="stake", fn="stake")
    weights = cost.sample_weight(X, [0, 1, 0, 1])
    accept = weights / weights.max()
    np.testing.assert_allclose(accept, [0.1, 0.2, 0.3, 1])
    assert accept.sum() == pytest.approx(1.6)
    assert weights.mean() == pytest.approx(1)


# -- properties ------------------------------------------------------------------------

costs = st.lists(st.floats(0.1, 100), min_size=12, max_size=12)


@given(
    costs, st.floats(0.01, 100), st.lists(st.floats(-50, 50), min_size=4, max_size=4)
)
def test_scale_and_row_constants_change_no_decision(off, scale, shifts):
    table = np.zeros((4, 4))
    table[rules.off_diagonal(4)] = off
    p = np.random.default_rng(0).dirichlet(np.ones(4), 200)
    risk = np.sort(p @ table, axis=1)
    clear = risk[:, 1] - risk[:, 0] > 1e-6 * np.abs(table).max()

    def decisions(one):
        return CostMatrix.from_array(one, labels="wxyz", rows="true").decide(p)

    before = decisions(table)
    after = decisions(scale * (table + np.array(shifts)[:, None]))
    np.testing.assert_array_equal(before[clear], after[clear])


@given(costs, st.permutations(range(4)))
def test_renaming_labels_renames_decisions_and_weights(off, order):
    table = np.zeros((4, 4))
    table[rules.off_diagonal(4)] = off
    labels = np.array(list("wxyz"))
    by_true = CostMatrix.from_array(table, labels=labels, rows="true")
    other = CostMatrix.from_array(
        table[np.ix_(order, order)], labels=labels[list(order)], rows="true"
    )
    np.testing.assert_array_equal(other.align(labels).resolve(), by_true.resolve())
    assert other.class_weight("log_ls") == pytest.approx(by_true.class_weight("log_ls"))


@given(st.lists(st.floats(0.1, 50), min_size=3, max_size=5))
def test_row_constant_costs_are_weights(weights):
    n = len(weights)
    table = np.array(weights)[:, None] * rules.off_diagonal(n)
    cost = CostMatrix.from_array(table, labels=range(n), rows="true")
    assert cost.check().exact
    expected = np.array(weights) / np.mean(weights)
    for method in ("auto", "log_ls", "sum", "max", "zhou_liu"):
        actual = list(cost.class_weight(method).values())
        np.testing.assert_allclose(actual, expected, rtol=1e-6)
    p = np.random.default_rng(0).dirichlet(np.ones(n), 100)
    np.testing.assert_array_equal(cost.decide(p), (p * weights).argmax(axis=1))


def test_immutable_and_hashable():
    cost = abc()
    for name in ("labels", "_labels", "new"):
        with pytest.raises(AttributeError):
            setattr(cost, name, 1)
    with pytest.raises(AttributeError, match="cannot be changed"):
        del cost._labels
    assert len({cost, abc(), copy.deepcopy(cost), cost.align("cba")}) == 2
    assert cost != "cost"
    resolved = cost.resolve()
    resolved[:] = 9
    np.testing.assert_array_equal(cost.resolve(), C)


# -- sources ---------------------------------------------------------------------------


def test_sources_of_costs_mix(rng):
    X = pd.DataFrame({"x": rng.uniform(1, 2, 6), "amount": np.arange(6.0)})
    cost = CostMatrix.binary(
        fp=CostMatrix.column("x"), fn="amount", tp=double, tn=metadata("t")
    ).align([0, 1])
    assert cost.columns == ["x", "amount"]
    assert cost.metadata_names == ["t"]
    assert not cost.is_constant
    costs = cost.resolve(X, t=pd.Series(np.full(6, 7.0)))
    np.testing.assert_array_equal(costs[:, 0, 1], X["x"])
    np.testing.assert_array_equal(costs[:, 1, 0], X["amount"])
    np.testing.assert_array_equal(costs[:, 1, 1], 2 * X["x"])
    np.testing.assert_array_equal(costs[:, 0, 0], 7)
    negative = CostMatrix.from_benefits(cost).resolve(X, t=np.full(6, 7.0))
    np.testing.assert_array_equal(negative, -costs)
    assert "column 'amount'" in repr(cost)
    assert "double(X)" in repr(cost)
    assert "-1 x metadata 't'" in repr(CostMatrix.from_benefits(cost))
    assert repr(cost) == repr(pickle.loads(pickle.dumps(cost)))


def test_columns_of_arrays_by_position():
    X = np.array([[1.0, 5.0], [2.0, 6.0]])
    cost = CostMatrix.binary(fp=1, fn=CostMatrix.column(1))
    np.testing.assert_array_equal(cost.incurred([1, 1], [0, 0], X), [5, 6])


def test_report_on_rows():
    X = pd.DataFrame({"fn": [5.0, 1.0, 0.5, 9.0]})
    cost = CostMatrix.binary(fp=1, tp=1, fn="fn")
    report = cost.check(X, [1, 1, 1, 0])
    assert report.kind == "instance"
    assert (report.n_rows, report.n_unreasonable) == (4, 1)
    assert (report.n_zero, report.n_flipped) == (1, 1)
    assert report.n_dominated == {"negative": 0, "positive": 2}
    assert report.to_dict()["reasonable"] is False
    text = repr(report)
    assert "in 1 rows, another decision is cheaper than the label" in text
    same = pd.DataFrame({"fn": [5.0] * 3})
    assert CostMatrix.binary(fp=1, fn="fn").check(same).kind == "class"
    assert CostMatrix.binary(fp=2, fn=2).check().kind == "insensitive"


def test_flipped_rows_weigh_nothing_and_are_counted():
    X = pd.DataFrame({"fn": [5.0, 0.5, 3.0]})
    cost = CostMatrix.binary(fp=1, tp=1, fn="fn")
    with pytest.warns(DecisionWarning, match="In 1 of 3 rows"):
        weights = cost.sample_weight(X, [1, 1, 0])
    np.testing.assert_allclose(weights, np.array([4, 0, 1]) * 3 / 5)


def test_approximate_class_weights_say_so():
    with pytest.warns(DecisionWarning, match=r"class weights can express this.*log_ls"):
        weights = abc().class_weight()
    assert weights == abc().class_weight("log_ls")
    free = CostMatrix.from_dict({**NESTED, "a": {"b": 0, "c": 2}})
    with pytest.warns(DecisionWarning, match="sum"):
        assert free.class_weight() == free.class_weight("sum")
    with pytest.raises(ValueError, match="true 'a' decided 'b' costs 0 more"):
        free.class_weight("log_ls")


def test_class_weights_of_rows_are_those_of_the_mean_costs():
    X = pd.DataFrame({"fn": [1.0, 3.0]})
    cost = CostMatrix.binary(fp=1, fn="fn").align([0, 1])
    assert cost.class_weight(X=X) == pytest.approx({0: 2 / 3, 1: 4 / 3})
    weighted = cost.class_weight(X=X, sample_weight=[3, 1])
    assert weighted == pytest.approx({0: 0.8, 1: 1.2})


# -- bad input: each a sentence that says what to do -----------------------------------


@pytest.mark.parametrize("make", [CostMatrix, as_cost_matrix])
@pytest.mark.parametrize("array", [[[0, 1], [5, 0]], np.array([[0, 1], [5, 0]])])
def test_a_bare_array_is_refused_with_both_readings(make, array):
    with pytest.raises(TypeError) as error:
        make(array)
    message = str(error.value)
    assert "rows='true': true 'label 0' decided 'label 1' costs 1" in message
    assert "rows='predicted': true 'label 0' decided 'label 1' costs 5" in message
    assert "CostMatrix.from_array" in message


def test_the_readings_are_in_the_users_labels():
    with pytest.raises(TypeError, match="true 'bad' decided 'good' costs 1 and"):
        as_cost_matrix(np.array([[0, 1], [5, 0]]), labels=["bad", "good"])


MISSPELT = {"fruad": {"ok": 5}, "ok": {"fruad": 1}}


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: as_cost_matrix(3), TypeError, ["CostMatrix.binary", "int"]),
        (
            lambda: abc().align(["a", "b", "d"]),
            ValueError,
            ["missing are ['d']", "unknown to y are ['c']"],
        ),
        (
            lambda: CostMatrix.from_dict(
                {"fruad": {"ok": 5}, "ok": {"fruad": 1}}
            ).align(["fraud", "ok"]),
            ValueError,
            ["missing are ['fraud']", "For 'fruad': Did you mean 'fraud'?"],
        ),
        (
            lambda: CostMatrix.from_dict({0: {1: 1}, 1: {0: 2}}).align(["0", "1"]),
            ValueError,
            ["missing are ['0', '1']", "unknown to y are [0, 1]", "same type"],
        ),
        (
            lambda: CostMatrix.from_dict({"a": {"b": 1}, "b": {"c": 1}}),
            ValueError,
            ["lack ['a']", "unknown ['c']"],
        ),
        (lambda: CostMatrix.from_dict([[0, 1], [5, 0]]), TypeError, ["{true label"]),
        (
            lambda: CostMatrix.from_frame(pd.DataFrame(C)),
            ValueError,
            ["'true' and 'predicted'", "None for the index", "rename_axis"],
        ),
        (
            lambda: CostMatrix.from_array(C, labels="abc", rows="rows"),
            ValueError,
            ["rows must be one of ['true', 'predicted']"],
        ),
        (lambda: CostMatrix.from_array(C, labels="abc"), TypeError, ["'rows'"]),
        (
            lambda: CostMatrix.from_array(C, labels="ab", rows="true"),
            ValueError,
            ["['a', 'b']", "3 rows"],
        ),
        (
            lambda: CostMatrix.from_array(C, labels="aab", rows="true"),
            ValueError,
            ["different labels"],
        ),
        (
            lambda: CostMatrix.binary(fp=np.ones(3), fn=1),
            TypeError,
            ["fp must not be an array", "column of X", "metadata"],
        ),
        (
            lambda: CostMatrix.binary(fp=pd.Series([1.0]), fn=1),
            TypeError,
            ["fp must not be an array"],
        ),
        (lambda: CostMatrix.binary(fp=np.nan, fn=1), ValueError, ["finite"]),
        (lambda: CostMatrix.binary(fp=None, fn=1), TypeError, ["fp must be a number"]),
        (
            lambda: CostMatrix.binary(fp=1, fn=5).align(["bad", "good"]),
            ValueError,
            ["pos_label='bad' if fn is the cost of missing 'bad'", "pos_label='good'"],
        ),
        (
            lambda: CostMatrix.binary(fp=1, fn=5).incurred(["bad", "ok"], ["ok", "ok"]),
            ValueError,
            ["pos_label='bad'"],
        ),
        (
            lambda: CostMatrix.binary(fp=1, fn=5).align([1, 2]),
            ValueError,
            ["not clear which label", "pos_label=1"],
        ),
        (
            lambda: CostMatrix.binary(pos_label="Bad", fp=1, fn=5).align(
                ["bad", "good"]
            ),
            ValueError,
            ["pos_label='Bad' is not one of"],
        ),
        (
            lambda: CostMatrix.binary(pos_label=1, fp=1, fn=5).align([0, 1, 2]),
            ValueError,
            ["Only binary", "y has 3 classes", "from_dict"],
        ),
        (
            lambda: CostMatrix.binary(pos_label=1, fp=1, fn=5).incurred(
                [0, 1, 2], [0, 0, 0]
            ),
            ValueError,
            ["one other label", "[0, 2]"],
        ),
        (
            lambda: CostMatrix.binary(pos_label="bad", fp=1, fn=5).incurred(
                ["bad", "good"], ["bad", "goood"]
            ),
            ValueError,
            ["['good', 'goood']", "spelling"],
        ),
        (
            lambda: (
                CostMatrix.binary(fp=1, fn=lambda X: X["a"].sort_values())
                .align([0, 1])
                .resolve(pd.DataFrame({"a": [2.0, 1.0]}))
            ),
            ValueError,
            ["does not match the index of X", "in another order"],
        ),
        (
            lambda: CostMatrix.binary(fp=1, fn=5).decide([[0.5, 0.5]]),
            ValueError,
            ["cost.align("],
        ),
        (lambda: abc().decide([[0.5, 0.5]]), ValueError, ["one column for each"]),
        (
            lambda: abc().incurred(["a", "d"], ["a", "a"]),
            ValueError,
            ["no costs for the labels ['d']", "['a', 'b', 'c']"],
        ),
        (
            lambda: CostMatrix.binary(fp=1, fn="amout").resolve(
                pd.DataFrame({"amount": [1.0]})
            ),
            ValueError,
            ["'amout'", "Did you mean 'amount'?", "decided negative"],
        ),
        (
            lambda: CostMatrix.binary(fp=1, fn="amount").resolve(),
            ValueError,
            ["column 'amount'", "Pass X"],
        ),
        (
            lambda: CostMatrix.binary(fp=1, fn=double).resolve(),
            ValueError,
            ["double(X)", "Pass X"],
        ),
        (
            lambda: CostMatrix.binary(fp=1, fn="amount").resolve(np.ones((2, 2))),
            ValueError,
            ["whose columns have no names"],
        ),
        (
            lambda: CostMatrix.binary(fp=1, fn="a").resolve(
                pd.DataFrame({"a": [1, np.nan]})
            ),
            ValueError,
            ["column 'a'", "NaN or infinite in 1 of 2 rows", "Fill"],
        ),
        (
            lambda: CostMatrix.binary(fp=1, fn="a").resolve(
                pd.DataFrame({"a": ["x", "y"]})
            ),
            ValueError,
            ["not numbers"],
        ),
        (
            lambda: CostMatrix.binary(fp=1, fn=metadata("t")).resolve(np.ones((2, 1))),
            ValueError,
            ["metadata('t')", "was not passed", "t=array", "column of X"],
        ),
        (
            lambda: CostMatrix.binary(fp=1, fn=metadata("t")).resolve(
                np.ones((2, 1)), t=[1.0]
            ),
            ValueError,
            ["one entry for each of the 2 rows of X; t has the shape (1,)"],
        ),
        (
            lambda: CostMatrix.binary(fp=1, fn=metadata("t")).resolve(
                pd.DataFrame({"a": [1.0, 2.0]}, index=[7, 8]),
                t=pd.Series([1.0, 2.0], index=[8, 7]),
            ),
            ValueError,
            ["does not match the index of X, being in another order", "loc[X.index]"],
        ),
        (
            lambda: abc().class_weight("best"),
            ValueError,
            ["method must be one of"],
        ),
        (
            lambda: CostMatrix.binary(tp=9, fn=1, fp=1).align([0, 1]).class_weight(),
            ValueError,
            ["would be negative or all 0"],
        ),
        (
            lambda: CostMatrix.binary(fp=1, fn=1, tp=1, tn=1).sample_weight(
                None, [0, 1]
            ),
            ValueError,
            ["all weights would be 0"],
        ),
        (
            lambda: CostMatrix.binary(fp=1, fn=double).risk([[0.5, 0.5]]),
            ValueError,
            ["align"],
        ),
        (
            lambda: (
                CostMatrix.binary(fp=1, fn="a")
                .align([0, 1])
                .risk([[0.5, 0.5]], pd.DataFrame({"a": [1.0, 2.0]}))
            ),
            ValueError,
            ["proba has 1 rows, but there are 2 costs"],
        ),
    ],
)
def test_bad_input_is_told(call, error, words):
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


def test_dict_forms_that_can_be_read_in_one_way():
    assert as_cost_matrix({"fp": 1, "fn": 5}) == CostMatrix.binary(fp=1, fn=5)
    assert as_cost_matrix(NESTED) == abc()
    assert as_cost_matrix(frame()).align(LABELS) == abc()
    cost = abc()
    assert as_cost_matrix(cost) is cost


def test_labels_match_by_value():
    cost = CostMatrix.from_dict({0: {1: 1}, 1: {0: 5}})
    for labels in ([False, True], np.array([0, 1]), np.array([0.0, 1.0])):
        np.testing.assert_array_equal(cost.align(labels).resolve(), [[0, 1], [5, 0]])
    for labels in ([0, 1], [-1, 1], [False, True], [0.0, 1.0]):
        aligned = CostMatrix.binary(fp=1, fn=5).align(labels)
        np.testing.assert_array_equal(aligned.resolve(), [[0, 1], [5, 0]])
