"""One verb over sources of every form, and the way back to them."""

import re

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skweight import BalancedWeighting, FunctionWeighting
from skweight.density_ratio import ULSIF
from skweight.scale import (
    CellMasses,
    ClassMasses,
    ScoreStatistics,
    _chunks,
    add_weights,
    hash_folds,
    summarize,
)


@pytest.fixture
def table(rng):
    score = rng.normal(size=5000)
    label = np.where(rng.random(5000) < 1 / (1 + np.exp(-score)), "yes", "no")
    return {"score": score, "label": label, "w": rng.gamma(1.0, size=5000)}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(_chunks, "CHUNK_ROWS", 700)


NAMES = {"y": "label", "score": "score", "sample_weight": "w"}


def expected(table):
    return ScoreStatistics().update(table["score"], table["label"], table["w"])


def assert_same(found, table):
    sums, other = found._totals(), expected(table)._totals()
    assert set(sums) == set(other)
    for label in sums:
        assert_allclose(sums[label], other[label], rtol=1e-10, atol=1e-12)


def sliced(table, size=900):
    for start in range(0, 5000, size):
        yield {name: column[start : start + size] for name, column in table.items()}


SOURCES = {
    "dict of arrays": lambda table: table,
    "data frame": pd.DataFrame,
    "structured array": lambda table: pd.DataFrame(table).to_records(index=False),
    "generator of dicts": sliced,
    "list of frames": lambda table: [pd.DataFrame(part) for part in sliced(table)],
}


@pytest.mark.parametrize("make", SOURCES.values(), ids=list(SOURCES))
def test_sums_are_the_same_from_every_source(make, table):
    statistics = ScoreStatistics()
    assert summarize(make(table), statistics, **NAMES) is statistics
    assert_same(statistics, table)


def test_chunks_may_be_tuples_in_the_order_of_update_or_by_place(table):
    chunks = [tuple(part.values()) for part in sliced(table)]
    assert_same(summarize(chunks, ScoreStatistics()), table)
    turned = [part[::-1] for part in chunks]
    places = {"y": 1, "score": 2, "sample_weight": 0}
    assert_same(summarize(turned, ScoreStatistics(), **places), table)
    labels = [part[1] for part in chunks]
    assert summarize(labels, ClassMasses()).n_rows_.sum() == 5000


def test_a_memory_map_is_read_in_slices(tmp_path, table):
    path = tmp_path / "rows.npy"
    numbers = np.column_stack([table["score"], table["label"] == "yes", table["w"]])
    np.save(path, numbers)
    rows = np.load(path, mmap_mode="r")
    actual = summarize(rows, ScoreStatistics(), y=1, score=0, sample_weight=2)
    assert_allclose(actual.mass_, expected(table).mass_)
    columns = {"score": rows[:, 0], "label": rows[:, 1]}
    assert summarize(columns, ClassMasses(), y="label").n_rows_.sum() == 5000


def test_several_statistics_take_one_pass(table):
    once = iter(sliced(table))
    masses, scores = summarize(once, [ClassMasses(), ScoreStatistics()], **NAMES)
    assert_same(scores, table)
    assert_allclose(masses.mass_, scores.mass_)


def test_cells_and_kernels_are_summed_from_columns(table, rng):
    frame = pd.DataFrame(table).assign(sign=np.sign(table["score"]))
    cells = summarize(frame, CellMasses(["sign", "label"]), sample_weight="w")
    grouped = frame.groupby(["sign", "label"])["w"].sum()
    assert_allclose(list(cells.mass_.values()), grouped.to_numpy())

    X, X_target = rng.normal(size=(900, 2)), rng.normal(0.3, size=(900, 2))
    model = ULSIF(random_state=0).fit(X, X_target)
    direct = model.statistics().update(X).finalize()
    named = pd.DataFrame(X, columns=["a", "b"]).assign(c="text")
    for source, columns in ((X, None), ([(X, 0)], 0), (named, ["a", "b"])):
        actual = summarize(source, model.statistics(), X=columns).finalize()
        assert_allclose(actual.gram, direct.gram, rtol=1e-6)
        assert actual.n_rows == 900


def test_a_bad_chunk_is_named_and_nothing_is_lost(table):
    parts = list(sliced(table))
    parts[3] = parts[3] | {"w": -parts[3]["w"]}
    statistics = [ClassMasses(), ScoreStatistics()]
    with pytest.raises(ValueError, match=r"Chunk 3, counted from 0, .* negative in"):
        summarize(parts, statistics, **NAMES)
    before = {name: column[:2700] for name, column in table.items()}
    assert_same(statistics[1], before)
    assert statistics[0].n_rows_.sum() == 2700
    # To go on from there:
    rest = {name: column[2700:] for name, column in table.items()}
    summarize(rest, statistics, **NAMES)
    assert_same(statistics[1], table)


BAD = {
    "columns": (lambda part: {"score": part["score"]}, ValueError, "lacks the column"),
    "labels": (
        lambda part: part | {"label": np.full(900, "maybe")},
        ValueError,
        r"\['maybe', 'no', 'yes'\]",
    ),
    "dtype": (lambda part: part | {"label": np.ones(900)}, TypeError, "mixes values"),
    "NaN": (
        lambda part: part | {"w": np.full(900, np.nan)},
        ValueError,
        "in 900 of 900 rows",
    ),
    "scores": (
        lambda part: part | {"score": np.full(900, np.inf)},
        ValueError,
        "scores must be finite",
    ),
}


@pytest.mark.parametrize(("spoil", "error", "message"), BAD.values(), ids=list(BAD))
def test_what_is_wrong_with_a_chunk_is_said(spoil, error, message, table):
    parts = list(sliced(table))
    parts[2] = spoil(parts[2])
    statistics = [ClassMasses(), ScoreStatistics()]
    with pytest.raises(error, match=f"Chunk 2, .*{message}"):
        summarize(parts, statistics, **NAMES)
    assert statistics[0].n_rows_.sum() == statistics[1].n_rows_ == 1800


def test_a_generator_that_is_used_up_is_refused(table):
    chunks = sliced(table)
    summarize(chunks, ClassMasses(), y="label")
    with pytest.raises(ValueError, match=r"at least one chunk; got none"):
        summarize(chunks, ClassMasses(), y="label")


def test_a_table_must_say_which_columns_are_meant(table):
    with pytest.raises(ValueError, match="ScoreStatistics needs a column for"):
        summarize(table, ScoreStatistics(), y="label")
    with pytest.raises(ValueError, match=r"lacks the column 'z'; it has \['score'"):
        summarize(table, ScoreStatistics(), y="label", score="z")
    with pytest.raises(ValueError, match="have no names"):
        summarize([np.zeros((3, 2))], ClassMasses(), y="label")
    with pytest.raises(ValueError, match=r"got 1\.0\. Pass the position"):
        summarize([np.zeros((3, 2))], ClassMasses(), y=1.0)
    with pytest.raises(ValueError, match="lacks the column 5; it has 2"):
        summarize([np.zeros((3, 2))], ClassMasses(), y=5)
    with pytest.raises(
        ValueError, match="columns of a table must have the same length"
    ):
        summarize(table | {"label": ["no"]}, ClassMasses(), y="label")


def test_what_cannot_be_summed_is_refused():
    with pytest.raises(TypeError, match="summarize reads iterables of chunks"):
        summarize(3, ClassMasses())
    with pytest.raises(TypeError, match="objects such as ClassMasses"):
        summarize([[0, 1]], ClassMasses)


def test_chunks_without_names_hold_all_that_is_needed(table):
    scores = [part["score"] for part in sliced(table)]
    for chunks in (scores, [(part,) for part in scores]):
        with pytest.raises(
            ValueError, match=r"Chunk 0, .* needs chunks of score, y; got"
        ):
            summarize(chunks, ScoreStatistics())


def test_progress_goes_to_stderr_and_only_where_asked_for(table, capsys):
    summarize(table, ClassMasses(), y="label")
    assert capsys.readouterr() == ("", "")
    summarize(table, ClassMasses(), y="label", verbose=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(r"summarize: 8 parts, 5,000 rows, .* s\n$", err)


# -- weights ---------------------------------------------------------------------------


@pytest.fixture
def weighting(table):
    masses = summarize(table, ClassMasses(), y="label")
    return BalancedWeighting().fit_statistics(masses)


def test_weights_come_back_as_a_column(table, weighting):
    frame = pd.DataFrame(table)
    weighted = add_weights(frame, weighting, y="label", column="balanced")
    assert "balanced" not in frame.columns
    assert_array_equal(weighted["balanced"], weighting.weigh(frame, table["label"]))
    assert weighted["balanced"].mean() == pytest.approx(1)


def test_chunks_get_an_array_each(table, weighting):
    weights = add_weights(sliced(table), weighting, y="label")
    whole = weighting.weigh(np.zeros((5000, 1)), table["label"])
    assert_array_equal(np.concatenate(list(weights)), whole)
    labels = [part["label"] for part in sliced(table)]
    assert_array_equal(np.concatenate(list(add_weights(labels, weighting))), whole)
    tuples = [tuple(part.values()) for part in sliced(table)]
    weights = add_weights(tuples, weighting, y=1)
    assert_array_equal(np.concatenate(list(weights)), whole)


def test_a_dict_of_arrays_gets_an_array(table, weighting):
    whole = weighting.weigh(np.zeros((5000, 1)), table["label"])
    assert_array_equal(add_weights(table, weighting, y="label"), whole)


def test_a_bad_chunk_of_weights_is_named(weighting):
    weights = add_weights([["no"], ["yes"], ["maybe"]], weighting)
    assert len(next(weights)) == 1
    with pytest.raises(ValueError, match=r"Chunk 2, .*does not know \['maybe'\]"):
        list(weights)


def heavier(X, y):
    return 1 + np.abs(X["score"])


def test_weights_that_follow_the_features_are_computed_by_chunk(table):
    frame = pd.DataFrame(table)
    weighting = FunctionWeighting(heavier).fit(frame, frame["label"])
    weighted = add_weights(frame, weighting, X=["score", "w"])
    assert_allclose(weighted["sample_weight"].mean(), 1)
    parts = add_weights(sliced(table), weighting, X=["score"])
    assert_allclose(np.concatenate(list(parts)), weighted["sample_weight"])


def test_what_weights_cannot_be_written_to_is_refused(table, weighting):
    frame = pd.DataFrame(table)
    with pytest.raises(ValueError, match="Pass y=, the column of the labels"):
        add_weights(frame, weighting)
    with pytest.raises(ValueError, match="has a column 'w' already"):
        add_weights(frame, weighting, y="label", column="w")
    with pytest.raises(ValueError, match="does not know"):
        add_weights(frame.assign(label="maybe"), weighting, y="label")
    with pytest.raises(ValueError, match="to= is only for Parquet"):
        add_weights(frame, weighting, y="label", to="x.parquet")
    with pytest.raises(TypeError, match="with named columns; got ndarray"):
        add_weights(np.zeros((3, 2)), weighting, y=0)


# -- folds -----------------------------------------------------------------------------


def test_folds_are_even_and_follow_the_key_alone():
    keys = np.arange(20_000)
    folds = hash_folds(keys, 5)
    assert_allclose(np.bincount(folds, minlength=5) / 20_000, 0.2, atol=0.01)
    turned = np.random.default_rng(0).permutation(20_000)
    assert_array_equal(hash_folds(keys[turned], 5), folds[turned])
    assert_array_equal(hash_folds(keys.astype(str), 5), folds)
    assert_array_equal(hash_folds(pd.Series(keys), 5), folds)
    assert hash_folds([]).shape == (0,)
    with pytest.raises(ValueError, match=r"n_folds must be a whole number; got 2\.5"):
        hash_folds(keys, 2.5)
    other = hash_folds(keys, 5, seed=1)
    assert np.mean(other == folds) == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(
    ("keys", "error", "message"),
    [
        ([1.0, 2.0], TypeError, "dtype float64"),
        (["a", None], ValueError, "needs a key"),
        (pd.Series(["a", np.nan], dtype=object), ValueError, "needs a key"),
        (np.array([(1,), "a"], dtype=object), TypeError, r"got \(1,\)"),
        ([[1, 2]], ValueError, "one value per row"),
    ],
)
def test_keys_that_engines_write_differently_are_refused(keys, error, message):
    with pytest.raises(error, match=message):
        hash_folds(keys)
