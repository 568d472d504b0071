"""Sums over chunks: one answer in one shot, in chunks and merged in any order."""

import itertools
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError

from skweight import (
    BalancedWeighting,
    ClassWeighting,
    CostMatrix,
    CostWeighting,
    EffectiveNumberWeighting,
    FunctionWeighting,
    LabelShiftWeighting,
    PriorWeighting,
)
from skweight.calibration import SigmoidCalibrator
from skweight.density_ratio import ULSIF
from skweight.scale import (
    CellMasses,
    ClassMasses,
    PiecewiseMap,
    ScoreStatistics,
    _scores,
    summarize,
)
from skweight.weighting import (
    GroupBalancedWeighting,
    RakingWeighting,
    ReweighingWeighting,
)


def rows_of(rng, n=3000):
    scores = rng.normal(-1.5, 2.0, n)
    y = np.where(rng.random(n) < 1 / (1 + np.exp(-scores)), "yes", "no")
    return scores, y, rng.gamma(2.0, size=n) * (rng.random(n) < 0.9)


def update(statistics, rows, part=slice(None), **key):
    scores, y, weight = rows
    if isinstance(statistics, ScoreStatistics):
        return statistics.update(scores[part], y[part], weight[part], **key)
    if isinstance(statistics, CellMasses):
        sign = np.sign(scores[part]).astype(int)
        table = pd.DataFrame({"sign": sign, "y": y[part]})
        return statistics.update(table, weight[part], **key)
    return statistics.update(y[part], weight[part], **key)


KINDS = {
    "class masses": ClassMasses,
    "cell masses": lambda: CellMasses(["sign", "y"]),
    "score statistics": ScoreStatistics,
}
each_kind = pytest.mark.parametrize("make", KINDS.values(), ids=list(KINDS))


def assert_same(one, other):
    totals = one._totals(), other._totals()
    assert set(totals[0]) == set(totals[1])
    for label in totals[0]:
        assert_allclose(totals[0][label], totals[1][label], rtol=1e-10, atol=1e-12)


@each_kind
@given(seed=st.integers(0, 1000), cuts=st.lists(st.integers(0, 300), max_size=6))
def test_chunks_merged_in_any_order_are_one_shot(make, seed, cuts):
    rng = np.random.default_rng(seed)
    rows = rows_of(rng, 300)
    ends = [0, *sorted(cuts), 300]  # empty chunks, too
    parts = [slice(a, b) for a, b in itertools.pairwise(ends)]
    in_turn = make()
    for part in parts:
        update(in_turn, rows, part)
    objects = [update(make(), rows, part) for part in parts]
    merged = make()
    for position in rng.permutation(len(objects)):
        merged.merge(pickle.loads(pickle.dumps(objects[position])))
    assert_same(in_turn, update(make(), rows))
    assert_same(merged, update(make(), rows))


@given(seed=st.integers(0, 1000), cuts=st.lists(st.integers(0, 300), max_size=6))
def test_single_rows_remain_in_the_same_bins_in_any_order(seed, cuts):
    rng = np.random.default_rng(seed)
    scores, y, weight = rows_of(rng, 300)
    rows = scores.round(1), y, weight  # some bins become full, in several chunks
    ends = [0, *sorted(cuts), 300]
    parts = [slice(a, b) for a, b in itertools.pairwise(ends)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_scores, "_FEW", 5)
        patch.setattr(_scores, "_MOST_STALE", 30)
        whole = update(ScoreStatistics(), rows)
        in_turn, keyed, merged = (ScoreStatistics() for _ in range(3))
        for part in parts:
            update(in_turn, rows, part)
        for position in rng.permutation(len(parts)):
            part = parts[position]
            cut_off = max(part.start, part.stop - 1)
            update(keyed, rows, slice(part.start, cut_off), key=position)
            update(keyed, rows, part, key=position)  # after a retry
            other = update(ScoreStatistics(), rows, part)
            merged.merge(pickle.loads(pickle.dumps(other)))
        for statistics in (in_turn, keyed, merged):
            assert_same(statistics, whole)
        # A single row and a full bin both occur.
        assert set(whole.binned().n_rows) > {1}


@pytest.mark.parametrize("keyed", [False, True])
def test_single_rows_of_full_bins_are_not_stored(keyed, monkeypatch):
    monkeypatch.setattr(_scores, "_MOST_STALE", 100)
    statistics = ScoreStatistics()
    for number in range(600):
        key = {"key": number} if keyed else {}
        scores = [-1.0, 0.0, 0.0, 1.0, number % 100 / 10]
        statistics.update(scores, [0, 1, 0, 1, 1], **key)
    stored = [statistics._added, *statistics._partials.values()]
    n_stored = sum(
        values.shape[1]
        for sums in stored
        for (_, block), values in sums.items()
        if block == _scores._ROWS
    )
    # Of 3000 rows, 588 are not in the three full bins.
    assert 588 <= n_stored <= 2 * 588
    assert np.count_nonzero(statistics.binned().n_rows == 1) == 588
    assert statistics.n_rows_ == 3000


@each_kind
def test_a_partition_that_comes_again_replaces_its_twin(make, rng):
    rows = rows_of(rng)
    statistics = update(make(), rows, slice(1000, 1700), key="b")  # cut off by a retry
    update(statistics, rows, slice(0, 1000), key="a")
    update(statistics, rows, slice(1000, 3000), key="b")
    assert_same(statistics, update(make(), rows))
    assert statistics.keys == {"a", "b"}


@each_kind
def test_merging_the_same_partition_twice_is_refused_by_its_name(make, rng):
    rows = rows_of(rng)
    first = update(make(), rows, slice(0, 1000), key="part-7")
    other = update(make(), rows, slice(0, 1000), key="part-7")
    with pytest.raises(ValueError, match=r"Both objects contain .*'part-7'"):
        first.merge(other)
    assert_same(first, update(make(), rows, slice(0, 1000)))
    without_keys = update(make(), rows, slice(0, 1000))
    assert_same(
        without_keys.merge(without_keys._as_partition("x")),
        update(update(make(), rows, slice(0, 1000)), rows, slice(0, 1000)),
    )


@each_kind
def test_a_partition_that_was_added_up_cannot_come_again(make, rng):
    statistics = update(make(), rows_of(rng), key=3)
    statistics._close()
    with pytest.raises(ValueError, match="partition 3 has been added up already"):
        update(statistics, rows_of(rng), key=3)
    with pytest.raises(ValueError, match="contain the partitions"):
        statistics.merge(update(make(), rows_of(rng), key=3))


@each_kind
@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_a_bad_chunk_is_refused_and_loses_nothing(make, bad, rng):
    rows = rows_of(rng)
    statistics = update(make(), rows)
    weight = np.ones(3000)
    weight[5] = bad
    with pytest.raises(ValueError, match="in 1 of 3000 rows"):
        update(statistics, (*rows[:2], weight))
    assert_same(statistics, update(make(), rows))


@each_kind
def test_objects_of_another_kind_do_not_merge(make, rng):
    with pytest.raises(TypeError, match="merge takes"):
        make().merge(object())


def test_objects_with_other_bins_do_not_merge(rng):
    rows = rows_of(rng)
    with pytest.raises(
        ValueError, match="the same bins; this object has 4000, but the other"
    ):
        ScoreStatistics().merge(update(ScoreStatistics(2000), rows))


@pytest.mark.parametrize("make", [ClassMasses, ScoreStatistics])
def test_labels_of_another_type_are_refused(make):
    rows = np.zeros(3), np.array([0, 1, 1]), np.ones(3)
    statistics = update(make(), rows)
    with pytest.raises(TypeError, match=r"y mixes values of different types .* '[01]'"):
        update(statistics, (rows[0], rows[1].astype(str), rows[2]))
    other = update(make(), (rows[0], rows[1].astype(str), rows[2]))
    with pytest.raises(TypeError, match="y mixes values"):
        statistics.merge(other)
    # One label, whatever writes it.
    for dtype in (np.int8, bool, float):
        update(statistics, (rows[0], rows[1].astype(dtype), rows[2]))
    assert_allclose(statistics.mass_, [4, 8])


def test_a_cell_of_another_type_is_refused():
    cells = CellMasses(["age"]).update({"age": [1, 2]})
    with pytest.raises(TypeError, match="'age' mixes values"):
        cells.update({"age": ["1", "2"]})


def test_a_chunk_with_other_columns_is_refused_by_name():
    cells = CellMasses(["age", "sex"])
    with pytest.raises(ValueError, match=r"lacks the column 'sex'; it has \['age'\]"):
        cells.update(pd.DataFrame({"age": [1]}))


def test_cells_count_labels_where_asked_to():
    X, y = {"g": ["a", "a", "b"]}, [1, 0, 1]
    cells = CellMasses(["g"], by_label=True).update(X, [1.0, 2.0, 3.0], y=y)
    assert cells.mass_ == {("a", 0): 2.0, ("a", 1): 1.0, ("b", 1): 3.0}
    with pytest.raises(ValueError, match="needs labels"):
        cells.update(X)
    with pytest.raises(ValueError, match="by_label=True"):
        CellMasses(["g"]).update(X, y=y)
    with pytest.raises(ValueError, match="the same length"):
        cells.update(X, y=[1])


def test_rows_that_stand_for_cells_keep_masses_and_single_rows():
    X = pd.DataFrame({"g": ["a", "a", "a", "b"], "h": [1, 1, 2, 1]})
    table, y, mass = CellMasses(["g", "h"]).update(X, [1.0, 2.0, 4.0, 0.0]).as_rows()
    assert table.to_numpy().tolist() == [["a", 1], ["a", 1], ["a", 2]]
    assert mass.tolist() == [1.5, 1.5, 4.0]
    assert y is None


CELL_STRATEGIES = {
    "balanced groups": GroupBalancedWeighting("g"),
    "balanced cells without labels": GroupBalancedWeighting(
        ["g", "h"], by_label=False, strength=0.5
    ),
    "reweighing": ReweighingWeighting("g"),
    "raking": RakingWeighting(
        {"g": {"a": 0.3, "b": 0.3, "c": 0.4}, "h": {1: 0.2, 2: 0.8}}
    ),
}


@pytest.mark.parametrize("weighting", CELL_STRATEGIES.values(), ids=CELL_STRATEGIES)
def test_strategies_learn_from_cells_what_they_learn_from_rows(weighting, rng):
    X = pd.DataFrame(
        {
            "g": rng.choice(["a", "b", "c"], 900, p=[0.6, 0.3, 0.1]),
            "h": rng.integers(1, 3, 900),
            "other": rng.normal(size=900),
        }
    )
    y, weight = rng.integers(0, 2, 900), rng.gamma(1.0, size=900)
    cells = CellMasses(["g", "h"], by_label=True)
    for start in range(0, 900, 250):
        part = slice(start, start + 250)
        cells.update(X[part], weight[part], y=y[part])
    of_rows = weighting.fit(X, y, weight).weigh(X, y)
    of_cells = weighting.fit_statistics(cells).weigh(X, y)
    assert_allclose(of_cells, of_rows, rtol=1e-10)


def test_cells_that_do_not_serve_are_refused():
    balanced = GroupBalancedWeighting("g")
    with pytest.raises(ValueError, match=r"CellMasses\(\['g'\], by_label=True\)"):
        balanced.fit_statistics(CellMasses(["g"]))
    with pytest.raises(TypeError, match="takes CellMasses; got ClassMasses"):
        balanced.fit_statistics(ClassMasses())
    with pytest.raises(ValueError, match="all rows of a cell weigh the same"):
        balanced.set_params(stabilizer=5).fit_statistics(CellMasses(["g"]))


def test_missing_values_are_a_cell_of_their_own():
    values = pd.Series(["a", None, "a", np.nan], dtype=object)
    assert CellMasses([0]).update({0: values}).mass_ == {("a",): 2.0, (None,): 2.0}
    assert CellMasses([0]).update(np.array([[1.0], [np.nan]])).margin(0) == {
        1.0: 0.5,
        None: 0.5,
    }


def test_what_is_not_fitted_is_said():
    with pytest.raises(NotFittedError):
        ULSIF().statistics()
    with pytest.raises(NotFittedError):
        PiecewiseMap.of(SigmoidCalibrator())


def test_kernels_know_the_columns_of_their_fit(rng):
    X = pd.DataFrame(rng.normal(size=(300, 2)), columns=["a", "b"])
    statistics = ULSIF(random_state=0).fit(X[:150], X[150:] + 0.3).statistics()
    turned = [X, X[["b", "a"]]]
    with pytest.raises(ValueError, match=r"Chunk 1, .*the tables of fit"):
        summarize(turned, statistics)
    assert statistics.finalize().n_rows == 300
    numbers = ULSIF(random_state=0).fit(X.to_numpy()[:150], X.to_numpy()[150:])
    with pytest.raises(ValueError, match=r"Chunk 0, .*the tables of fit"):
        summarize([np.zeros((5, 3))], numbers.statistics())
    one = ULSIF(random_state=0).fit(X[["a"]].to_numpy()[:150], X[["a"]].to_numpy())
    assert summarize(X.to_numpy(), one.statistics(), X=0).finalize().n_rows == 300


def test_a_third_label_is_refused_and_loses_nothing(rng):
    statistics = ScoreStatistics().update([0.0, 1.0], ["a", "b"])
    with pytest.raises(ValueError, match=r"two classes; .*\['a', 'b', 'c'\]"):
        statistics.update([0.0], ["c"])
    with pytest.raises(ValueError, match="must hold only the classes"):
        ScoreStatistics(classes=["a", "b"]).update([0.0], ["c"])
    assert statistics.n_rows_ == 2


def test_a_label_may_occur_in_one_partition_only():
    common = ScoreStatistics().update([-1.0, -2.0], ["no", "no"])
    rare = ScoreStatistics().update([1.0], ["yes"])
    assert common.merge(rare).prevalence_ == pytest.approx(1 / 3)
    assert ClassMasses().update([]).merge(ClassMasses().update(["a"])).n_rows_ == [1]


def test_rows_of_weight_zero_leave_their_label_and_nothing_else():
    masses = ClassMasses().update(["a", "b", "b"], [1.0, 0.0, 0.0])
    assert masses.classes_.tolist() == ["a", "b"]
    assert masses.mass_.tolist() == [1, 0]
    assert masses.n_rows_.tolist() == [1, 0]
    scores = ScoreStatistics().update([0.0, 1.0], ["a", "b"], [1.0, 0.0])
    assert scores.classes_.tolist() == ["a", "b"]
    assert scores.n_rows_ == 1


def test_effective_rows_are_those_of_kish(rng):
    _, y, weight = rows = rows_of(rng)
    masses = update(ClassMasses(), rows)
    for label, effective in zip(masses.classes_, masses.effective_rows_, strict=True):
        of_label = weight[y == label]
        assert effective == pytest.approx(of_label.sum() ** 2 / (of_label @ of_label))


STRATEGIES = {
    "balanced": BalancedWeighting(),
    "strength": BalancedWeighting(0.5),
    "effective number": EffectiveNumberWeighting(0.99),
    "class": ClassWeighting({"yes": 5, "no": 1}),
    "prior": PriorWeighting({"yes": 0.4, "no": 0.6}),
    "cost": CostWeighting(CostMatrix.binary(pos_label="yes", fp=1, fn=7)),
    "product": PriorWeighting({"yes": 0.4, "no": 0.6}) * BalancedWeighting(0.5),
    "two of emphasis": BalancedWeighting(0.5) * ClassWeighting({"yes": 2, "no": 1}),
}


@pytest.mark.parametrize("weighting", STRATEGIES.values(), ids=list(STRATEGIES))
def test_strategies_learn_from_masses_what_they_learn_from_rows(weighting, rng):
    _, y, weight = rows_of(rng)
    X = np.zeros((y.size, 1))
    of_rows = weighting.fit(X, y, weight).weigh(X, y)
    masses = ClassMasses()
    for start in range(0, y.size, 700):
        part = slice(start, start + 700)
        masses.update(y[part], weight[part])
    of_sums = weighting.fit_statistics(masses)
    assert_allclose(of_sums.weigh(X, y), of_rows, rtol=1e-10)
    table = of_sums.class_weight_dict()
    assert_allclose([table[label] for label in y.tolist()], of_rows, rtol=1e-10)


@pytest.mark.parametrize(
    "weighting",
    [
        FunctionWeighting(len),
        LabelShiftWeighting(np.zeros((3, 1))),
        CostWeighting(CostMatrix.binary(pos_label="yes", fp=1, fn="amount")),
        BalancedWeighting() * FunctionWeighting(len),
    ],
    ids=lambda weighting: type(weighting).__name__,
)
def test_strategies_that_need_rows_refuse_by_name(weighting):
    masses = ClassMasses().update(["no", "yes"])
    with pytest.raises(TypeError, match="Weighting cannot learn from sums over rows"):
        weighting.fit_statistics(masses)


def test_strategies_refuse_what_they_cannot_learn_from():
    with pytest.raises(TypeError, match="takes ClassMasses; got list"):
        BalancedWeighting().fit_statistics([1, 2])
    with pytest.raises(ValueError, match="A stabilizer needs the weights of all"):
        BalancedWeighting(stabilizer=5).fit_statistics(ClassMasses().update([0, 1]))
    with pytest.raises(ValueError, match="No row of positive weight"):
        BalancedWeighting().fit_statistics(ClassMasses())
    with pytest.raises(ValueError, match="No row of positive weight"):
        RakingWeighting({"a": {0: 0.5, 1: 0.5}}).fit_statistics(CellMasses(["a"]))
    with pytest.raises(ValueError, match="at least one column"):
        CellMasses([])


def test_weights_by_row_are_no_table_of_labels():
    X, y = np.ones((4, 1)), np.array([0, 0, 1, 1])
    weighting = FunctionWeighting(lambda X, y: X[:, 0]).fit(X, y)
    with pytest.raises(
        TypeError, match="may give different weights to rows of the same class"
    ):
        weighting.class_weight_dict()
