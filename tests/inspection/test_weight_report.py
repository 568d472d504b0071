"""`weight_report`: every figure by hand, overlap of known truth, and no false alarm."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from skweight.exceptions import DegenerateWeightsWarning, OverlapWarning
from skweight.inspection import balance_table, weight_report
from skweight.weights import pareto_diagnostics

REFERENCE = Path(__file__).resolve().parents[2].parent / "shared/reference"


def kish(weights):
    return weights.sum() ** 2 / (weights**2).sum()


def quietly(*args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return weight_report(*args, **options)


def tail(shape, n):
    return (1 - (np.arange(n) + 0.5) / n) ** -shape


# --- the weights alone ----------------------------------------------------------------


def test_figures_by_hand(rng):
    w = rng.exponential(size=400)
    w[:40] = 0
    y = np.repeat(["no", "yes"], [300, 100])
    group = rng.integers(0, 3, 400)
    report = weight_report(w, y, group)
    assert (report.n_rows, report.n_left_out) == (400, 40)
    assert report.effective_sample_size == pytest.approx(kish(w))
    assert report.effective_share == pytest.approx(kish(w) / 360)
    assert report.design_effect == pytest.approx(400 / kish(w))
    assert report.largest_share == pytest.approx(w.max() / w.sum())
    assert report.tail == pareto_diagnostics(w)
    for parts, by in ((report.classes, y), (report.groups, group)):
        for part in parts:
            of_part = w[by == part.label]
            assert part.rows == np.count_nonzero(of_part)
            assert part.weight_share == pytest.approx(of_part.sum() / w.sum())
            assert part.effective_rows == pytest.approx(kish(of_part))
            assert part.largest_share == pytest.approx(of_part.max() / of_part.sum())
    assert report.worst_class.label == "yes"
    fewest = min(kish(w[group == g]) for g in range(3))
    assert report.worst_group.effective_rows == pytest.approx(fewest)
    assert report.concerns == []
    nothing = (report.missing_target_mass, report.balance, report.auc_after)
    assert nothing == (None, None, None)


def test_a_group_without_weight_is_the_worst():
    report = weight_report([1, 1, 0], groups=["a", "a", None])
    assert report.worst_group.label is None
    assert report.worst_group.effective_rows == 0
    assert np.isnan(report.worst_group.largest_share)


def test_text_html_dict_and_frame_hold_the_figures(rng):
    w = rng.exponential(size=300)
    report = weight_report(w, np.repeat(["<no>", "yes"], 150))
    for view in (repr(report), report._repr_html_()):
        assert f"{report.effective_sample_size:,.1f}" in view
        assert report.tail.reason in view
        assert f"{report.largest_share:.2%}" in view
        assert f"{report.classes[0].effective_rows:,.1f}" in view
    assert "&lt;no&gt;" in report._repr_html_()
    assert "<no>" not in report._repr_html_()
    table = report.to_frame()
    assert table.loc[("all", "all"), "effective_rows"] == report.effective_sample_size
    assert table.loc[("class", "yes"), "rows"] == 150
    again = json.loads(json.dumps(report.to_dict()))
    assert again["tail"]["verdict"] == report.tail.verdict
    assert again["classes"][1]["label"] == "yes"


def test_weights_per_class_are_never_an_alarm():
    y = np.repeat([0, 1], [9990, 10])
    report = weight_report(np.where(y == 1, 999.0, 1.0), y)  # pytest: warnings raise
    assert report.effective_share < 0.1
    assert report.tail.verdict == "not applicable"
    assert "not applicable" in repr(report)
    assert weight_report(np.where(y == 1, 999.0, 1.0)).concerns == []


@pytest.mark.parametrize(
    ("weights", "y", "words"),
    [
        (
            tail(0.95, 2000),
            None,
            r"k-hat 0\.\d\d is above 0\.\d\d.*stabilizer='temper'",
        ),
        (tail(1.4, 2000), None, "the tail has no mean.*stabilizer=10"),
        (np.r_[np.ones(99), 50.0], None, "single row has 34% of the total weight"),
        (np.r_[np.full(9000, 1e-3), 1 + tail(-1, 500)], None, "less than a tenth"),
        (
            np.r_[np.ones(400), np.linspace(0, 1, 400) ** 40],
            np.repeat([0, 1], 400),
            r"of the 399 rows of class 1 is [\d.]+\. Make",
        ),
    ],
)
def test_a_concern_has_a_figure_and_a_remedy(weights, y, words):
    with pytest.warns(DegenerateWeightsWarning, match=words):
        report = weight_report(weights, y)
    assert len(report.concerns) == 1
    assert report.concerns[0] in repr(report)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateWeightsWarning)
        weight_report(weights, y)


@pytest.mark.parametrize(
    ("args", "options", "words"),
    [
        (([1.0, -1.0],), {}, "weights is negative"),
        (([1.0, 1.0], ["a"]), {}, "one class or group per row"),
        (([1.0, 1.0],), {"X": [[0.0], [1.0]]}, "X_target is missing"),
        (([1.0, 1.0],), {"X_target": [[0.0], [1.0]]}, "but X is missing"),
        (([1.0] * 5,), {"X": np.zeros((6, 1)), "X_target": np.zeros((6, 1))}, "6 wei"),
        (([1.0],), {"cv": 1}, "cv must be"),
        (([1.0],), {"confidence": 1}, "confidence must be"),
        (([1.0],), {"n_bootstrap": 0}, "n_bootstrap must be"),
    ],
)
def test_bad_input_is_told(args, options, words):
    with pytest.raises(ValueError, match=words):
        weight_report(*args, **options)


# --- balance --------------------------------------------------------------------------


def read_reference():
    file = REFERENCE / "balance_reference.json"
    if not file.is_file():
        pytest.skip("reference values are not beside the checkout")
    return json.loads(file.read_text())["asmd"]


@pytest.mark.parametrize("scale", ["target", "source", "pooled"])
def test_differences_equal_those_of_balance(scale):
    case = read_reference()
    table = balance_table(
        pd.DataFrame(case["sample"]),
        pd.DataFrame(case["target"]),
        case["sample_weights"],
        scale=scale,
        # Its unit is the deviation of the weighted sample.
        sample_weight=case["sample_weights"],
        sample_weight_target=case["target_weights"],
    )
    theirs = case[f"std_type={'sample' if scale == 'source' else scale}"]
    expected = [theirs[name] for name in table.names]
    np.testing.assert_allclose(np.abs(table.difference_after), expected, rtol=1e-12)
    np.testing.assert_allclose(table.difference_before, table.difference_after)
    distance = [case["ks"][name] for name in table.names]
    np.testing.assert_allclose(table.distance_after, distance, rtol=1e-12)


def test_before_and_after(rng):
    X, T = rng.normal(size=(500, 2)), rng.normal(0.5, 2.0, size=(400, 2))
    w, s, t = (rng.exponential(size=n) for n in (500, 500, 400))
    actual = balance_table(X, T, w, sample_weight=s, sample_weight_target=t)
    np.testing.assert_allclose(actual.mean_source, np.average(X, axis=0, weights=s))
    np.testing.assert_allclose(actual.mean_weighted, np.average(X, axis=0, weights=w))
    np.testing.assert_allclose(actual.mean_target, np.average(T, axis=0, weights=t))
    sd = np.sqrt(
        [np.cov(column, aweights=t) for column in T.T]  # its default is this one
    )
    np.testing.assert_allclose(
        actual.difference_before, (actual.mean_source - actual.mean_target) / sd
    )
    np.testing.assert_allclose(
        actual.difference_after, (actual.mean_weighted - actual.mean_target) / sd
    )
    assert actual.names == ["x0", "x1"]
    table = actual.to_frame()
    assert table.loc["x1", "difference_after"] == actual.difference_after[1]
    for kind in (sparse.csr_matrix, sparse.csc_array, pd.DataFrame):
        other = balance_table(kind(X), kind(T), w, sample_weight=s)
        assert len(other.names) == 2


def test_the_distance_sees_a_change_of_spread(rng):
    """Two normal distributions of one mean: sup |F1 - F2| is known."""
    X, T = rng.normal(size=(100_000, 1)), rng.normal(0, 2, size=(100_000, 1))
    table = balance_table(X, T, np.ones(100_000))
    assert abs(table.difference_before[0]) < 0.02
    assert table.distance_before[0] == pytest.approx(0.1612, abs=0.01)


def test_words_and_gaps_are_features():
    rows = {"plan": ["a", "b", None, "a"], "age": [1, np.nan, 3, 3], "n": [0, 0, 0, 0]}
    target = {"plan": ["a", "c"], "age": [2.0, 2.0], "n": [0, 1]}
    X, T = pd.DataFrame(rows), pd.DataFrame(target)
    table = balance_table(X, T, [1, 1, 1, 1])
    assert table.names == [
        "plan = a",
        "plan = b",
        "plan = c",
        "plan is missing",
        "age is missing",
        "age",
        "n",
    ]
    np.testing.assert_allclose(table.mean_source, [0.5, 0.25, 0, 0.25, 0.25, 7 / 3, 0])
    np.testing.assert_allclose(table.mean_target, [0.5, 0, 0.5, 0, 0, 2, 0.5])
    assert table.difference_before[0] == 0
    # No "b" in the target: the deviation is that of the rows, sqrt(1/4).
    assert table.difference_before[1] == pytest.approx(0.25 / 0.5)
    constant = balance_table([[1.0], [1.0]], [[2.0], [2.0]], [1, 1])
    assert constant.difference_after[0] == -np.inf
    polars = pytest.importorskip("polars")
    tables = [polars.DataFrame(array, strict=False) for array in (rows, target)]
    same = balance_table(*tables, [1, 1, 1, 1])
    assert same.names == table.names
    np.testing.assert_array_equal(same.mean_source, table.mean_source)


def test_tables_must_fit():
    with pytest.raises(ValueError, match="lacks \\['b'\\]"):
        balance_table(
            pd.DataFrame({"a": [1], "b": [1]}), pd.DataFrame({"a": [1]}), [1.0]
        )
    with pytest.raises(ValueError, match="scale must be one of"):
        balance_table([[1.0]], [[1.0]], [1.0], scale="sample")


# --- overlap --------------------------------------------------------------------------


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("missing", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_missing_mass_of_shifted_uniforms(missing, seed):
    """Source U(0, 1), target U(d, 1 + d): the mass d has no source."""
    rng = np.random.default_rng(seed)
    X, T = rng.random((4000, 1)), rng.random((4000, 1)) + missing
    with pytest.warns(OverlapWarning, match=r"report\.orphans"):
        report = weight_report(np.ones(4000), X=X, X_target=T, cv=3, random_state=seed)
    assert report.missing_target_mass == pytest.approx(missing, abs=0.03)
    low, high = report.missing_target_mass_interval
    assert low < report.missing_target_mass < high
    assert high - low < 0.06
    # The rows to collect lie beyond the source, but for a few at its very edge.
    assert (T[report.orphans, 0] > 1).mean() > 0.97
    assert report.orphans.size / 4000 == pytest.approx(report.missing_target_mass)


@pytest.mark.slow
@pytest.mark.parametrize("missing", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("seed", range(5))
def test_missing_mass_at_the_size_of_the_reference(missing, seed):
    rng = np.random.default_rng(seed)
    X, T = rng.random((20_000, 1)), rng.random((20_000, 1)) + missing
    report = quietly(np.ones(20_000), X=X, X_target=T, random_state=seed)
    assert report.missing_target_mass == pytest.approx(missing, abs=0.03)


@pytest.mark.parametrize(
    "seed",
    [pytest.param(s, marks=[pytest.mark.slow] if s > 4 else []) for s in range(20)],
)
def test_no_false_alarm_where_source_and_target_agree(seed):
    rng = np.random.default_rng(seed)
    X, T = rng.normal(size=(500, 3)), rng.normal(size=(500, 3))
    report = weight_report(np.ones(500), X=X, X_target=T, cv=3, random_state=seed)
    assert report.concerns == []
    assert report.missing_target_mass < 0.02
    assert report.auc_after == report.auc_before == pytest.approx(0.5, abs=0.08)


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("seed", range(3))
def test_no_false_alarm_for_a_shift_that_is_covered(seed):
    rng = np.random.default_rng(seed)
    X, T = rng.normal(size=(2000, 2)), rng.normal(0.7, 1, size=(2000, 2))
    w = np.exp(0.7 * X.sum(axis=1))  # the true ratio, up to a factor
    report = weight_report(w, X=X, X_target=T, cv=3, random_state=seed)
    assert report.missing_target_mass < 0.05
    # Weights that are right make the two hard to tell apart, and the means equal.
    assert report.auc_before > 0.7
    assert abs(report.auc_after - 0.5) < 0.1
    assert np.abs(report.balance.difference_before).min() > 0.5
    assert np.abs(report.balance.difference_after).max() < 0.2


def test_weights_that_overdo_it_leave_something_to_tell_them_apart_by(rng):
    X, T = rng.normal(size=(2000, 1)), rng.normal(0.5, 1, size=(2000, 1))
    linear = LogisticRegression()
    report = quietly(
        np.exp(1.0 * X[:, 0]), X=X, X_target=T, adversary=linear, random_state=0
    )
    assert min(report.auc_before, report.auc_after) > 0.6
    assert report.balance.difference_before[0] < -0.4
    assert report.balance.difference_after[0] > 0.4


def test_the_auc_is_out_of_fold_and_weighted(rng):
    """A linear adversary in one dimension ranks by x, whatever the fold."""
    X, T = rng.normal(size=(600, 1)), rng.normal(1, 1, size=(300, 1))
    s, t, w = (rng.exponential(size=n) for n in (600, 300, 600))
    w *= np.exp(0.5 * X[:, 0])
    report = quietly(
        w,
        X=X,
        X_target=T,
        adversary=LogisticRegression(),
        sample_weight=s,
        sample_weight_target=t,
        random_state=0,
    )
    y, x = np.repeat([0, 1], [600, 300]), np.concatenate([X, T])[:, 0]
    before = roc_auc_score(y, x, sample_weight=np.r_[s / s.sum(), t / t.sum()])
    after = roc_auc_score(y, x, sample_weight=np.r_[w / w.sum(), t / t.sum()])
    assert report.auc_before == pytest.approx(before, abs=0.01)
    assert report.auc_after == pytest.approx(after, abs=0.01)
    assert before - after > 0.05


def test_words_that_training_never_saw():
    X = pd.DataFrame({"plan": ["a", "b"] * 100, "x": np.arange(200.0)})
    T = pd.DataFrame({"plan": ["a", "gold"] * 100, "x": np.arange(200.0)})
    report = quietly(np.ones(200), X=X, X_target=T, random_state=0)
    assert report.never_seen == ["plan = gold"]
    assert set(T["plan"].to_numpy()[report.orphans]) <= {"gold"}
    for view in (repr(report), report._repr_html_()):
        assert "plan = gold" in view
        assert f"{report.missing_target_mass:.1%}" in view
        assert f"{report.auc_before:.3f}" in view
    stored = json.loads(json.dumps(report.to_dict()))
    assert stored["balance"]["names"][0] == "plan = a"
    assert len(stored["orphans"]) == report.orphans.size


def test_rows_of_weight_zero_take_no_part(rng):
    X, T = rng.normal(size=(300, 2)), rng.normal(size=(200, 2))
    s, t = np.ones(300), np.ones(200)
    s[:50] = 0
    t[150:] = 0
    w = s * rng.exponential(size=300)
    by_name = {"cv": 3, "random_state": 0}
    report = weight_report(
        w, X=X, X_target=T, sample_weight=s, sample_weight_target=t, **by_name
    )
    same = weight_report(w[50:], X=X[50:], X_target=T[:150], **by_name)
    assert report.auc_before == pytest.approx(same.auc_before)
    assert report.auc_after == pytest.approx(same.auc_after)
    np.testing.assert_allclose(
        report.balance.difference_after, same.balance.difference_after
    )
