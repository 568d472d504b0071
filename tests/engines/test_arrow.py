"""Parquet files and LazyFrames are read in pieces, and written back."""

import numpy as np
import pandas as pd
import pytest
from engines.needs import needs
from numpy.testing import assert_allclose, assert_array_equal

needs("pyarrow")

from skweight import BalancedWeighting, FunctionWeighting
from skweight.scale import ClassMasses, ScoreStatistics, add_weights, summarize

NAMES = {"y": "label", "score": "score", "sample_weight": "w"}


@pytest.fixture
def table(rng):
    score = rng.normal(size=5000)
    label = np.where(rng.random(5000) < 1 / (1 + np.exp(-score)), "yes", "no")
    w = rng.gamma(1.0, size=5000)
    return pd.DataFrame({"score": score, "label": label, "w": w, "other": 1})


@pytest.fixture
def folder(table, tmp_path):
    """Two files of several row groups, one of which has no row."""
    table[:3000].to_parquet(tmp_path / "a.parquet", row_group_size=700)
    table[3000:3000].to_parquet(tmp_path / "b.parquet")
    table[3000:].to_parquet(tmp_path / "c.parquet", row_group_size=700)
    return tmp_path


def assert_all_counted(statistics, table):
    expected = ScoreStatistics().update(table["score"], table["label"], table["w"])
    sums, other = statistics._totals(), expected._totals()
    assert set(sums) == set(other)
    for label in sums:
        assert_allclose(sums[label], other[label], rtol=1e-10, atol=1e-12)


def test_files_folders_datasets_and_tables_give_the_same_sums(table, folder):
    import pyarrow
    import pyarrow.dataset

    dictionary = table.astype({"label": "category"})
    for source in (
        folder,
        str(folder),
        [folder / "a.parquet", folder / "c.parquet"],
        pyarrow.dataset.dataset(folder),
        pyarrow.Table.from_pandas(table),
        pyarrow.Table.from_pandas(dictionary),
        pyarrow.Table.from_pandas(table).to_batches(max_chunksize=999),
    ):
        assert_all_counted(summarize(source, ScoreStatistics(), **NAMES), table)


def test_a_dataset_of_another_format_is_read_by_its_files(table, tmp_path):
    import pyarrow.dataset

    table[:3000].to_csv(tmp_path / "a.csv", index=False)
    table[3000:].to_csv(tmp_path / "b.csv", index=False)
    source = pyarrow.dataset.dataset(tmp_path, format="csv")
    assert_all_counted(summarize(source, ScoreStatistics(), **NAMES), table)


def test_folders_may_hold_the_labels_in_their_names(table, tmp_path):
    import pyarrow
    import pyarrow.parquet

    rows = pyarrow.Table.from_pandas(table)
    pyarrow.parquet.write_to_dataset(rows, tmp_path, partition_cols=["label"])
    assert_all_counted(summarize(tmp_path, ScoreStatistics(), **NAMES), table)


def test_a_filtered_dataset_is_refused_and_its_batches_are_summed(table, folder):
    import pyarrow.compute
    import pyarrow.dataset

    positive = pyarrow.compute.field("score") > 0
    dataset = pyarrow.dataset.dataset(folder).filter(positive)
    with pytest.raises(ValueError, match=r"Pass its batches: dataset\.to_batches"):
        summarize(dataset, ScoreStatistics(), **NAMES)
    statistics = summarize(dataset.to_batches(), ScoreStatistics(), **NAMES)
    assert_all_counted(statistics, table[table["score"] > 0])


def test_decimal_numbers_are_numbers(table):
    import pyarrow

    rows = pyarrow.Table.from_pandas(table)
    decimal = rows["w"].cast(pyarrow.decimal128(30, 20))
    rows = rows.set_column(rows.schema.get_field_index("w"), "w", decimal)
    assert_all_counted(summarize(rows, ScoreStatistics(), **NAMES), table)


def test_arrays_of_pyarrow_are_chunks_of_labels():
    import pyarrow

    chunks = [pyarrow.array(["a", "b"]), pyarrow.chunked_array([["a"], ["b", "b"]])]
    masses = summarize(chunks, ClassMasses())
    assert masses.mass_.tolist() == [2, 3]
    assert summarize(chunks, ClassMasses(), verbose=1).n_rows_.sum() == 5


def test_a_file_that_was_counted_cannot_be_counted_again(table, folder):
    statistics = summarize(folder / "a.parquet", ScoreStatistics(), **NAMES)
    with pytest.raises(ValueError, match=r"a\.parquet, row group 0 .*added up already"):
        summarize(folder, statistics, **NAMES)
    summarize(folder / "c.parquet", statistics, **NAMES)
    assert_all_counted(statistics, table)


def test_a_bad_row_group_is_named_and_mended_by_another_run(table, folder):
    spoilt = table[3000:].assign(w=table["w"].where(table.index != 4500, np.nan))
    spoilt.to_parquet(folder / "c.parquet", row_group_size=700)
    statistics = ScoreStatistics()
    with pytest.raises(ValueError, match=r"c\.parquet, row group 2 .*NaN or infinity"):
        summarize(folder, statistics, **NAMES)
    assert statistics.n_rows_ == 4400  # what came before
    table[3000:].to_parquet(folder / "c.parquet", row_group_size=700)
    assert_all_counted(summarize(folder, statistics, **NAMES), table)


def test_columns_that_are_missing_are_named(folder):
    with pytest.raises(
        ValueError, match=r"lacks the columns \['y'\]; it has \['score'"
    ):
        summarize(folder, ClassMasses(), y="y")
    with pytest.raises(ValueError, match="needs a column for y"):
        summarize(folder, ClassMasses())


def test_labels_that_are_missing_are_counted(table, tmp_path):
    table.loc[7, "label"] = None
    table.to_parquet(tmp_path / "gap.parquet")
    with pytest.raises(ValueError, match="no label in 1 of 5000 rows"):
        summarize(tmp_path / "gap.parquet", ClassMasses(), y="label")


def test_weights_are_written_from_parquet_to_parquet(table, folder, tmp_path):
    import pyarrow

    masses = summarize(folder, ClassMasses(), y="label")
    weighting = BalancedWeighting().fit_statistics(masses)
    to = tmp_path / "weighted.parquet"
    assert add_weights(folder, weighting, y="label", to=to) == to
    in_memory = add_weights(pyarrow.Table.from_pandas(table), weighting, y="label")
    assert_array_equal(in_memory["sample_weight"], pd.read_parquet(to)["sample_weight"])
    weighted = pd.read_parquet(to)
    assert_array_equal(weighted["score"], table["score"])
    assert_allclose(weighted["sample_weight"], weighting.weigh(table, table["label"]))


def by_score(X, y):
    return 1 + np.abs(X["score"])


def test_weights_of_features_are_written_too(table, folder, tmp_path):
    weighting = FunctionWeighting(by_score).fit(table, None)
    to = tmp_path / "weighted.parquet"
    add_weights(folder, weighting, X=["score"], column="v", to=to)
    assert_allclose(pd.read_parquet(to)["v"], weighting.weigh(table))


def test_a_file_that_fails_half_way_leaves_nothing(table, folder, tmp_path):
    masses = ClassMasses().update(["yes", "no"])
    weighting = BalancedWeighting().fit_statistics(masses)
    table[4000:].assign(label="maybe").to_parquet(folder / "c.parquet")
    to = tmp_path / "out" / "weighted.parquet"
    to.parent.mkdir()
    with pytest.raises(ValueError, match=r"c\.parquet.*does not know \['maybe'\]"):
        add_weights(folder, weighting, y="label", to=to)
    assert list(to.parent.iterdir()) == []
    with pytest.raises(ValueError, match="Pass to="):
        add_weights(folder, weighting, y="label")
    with pytest.raises(ValueError, match="has a column 'w' already"):
        add_weights(folder, weighting, y="label", column="w", to=to)


def test_lazy_frames_of_polars_are_streamed_and_stay_lazy(table, folder):
    polars = pytest.importorskip("polars", reason="polars is not installed")
    from skweight.scale import hash_folds

    lazy = polars.scan_parquet(folder / "[ac].parquet")
    statistics, masses = summarize(lazy, [ScoreStatistics(), ClassMasses()], **NAMES)
    assert_all_counted(statistics, table)
    with pytest.raises(ValueError, match=r"lacks the columns \['z'\]"):
        summarize(lazy, ClassMasses(), y="z")

    weighting = BalancedWeighting().fit_statistics(masses)
    weighted = add_weights(lazy, weighting, y="label")
    assert isinstance(weighted, polars.LazyFrame)
    expected = weighting.weigh(table, table["label"])
    assert_allclose(weighted.collect()["sample_weight"].to_numpy(), expected)
    eager = add_weights(polars.DataFrame(table), weighting, y="label")
    assert_allclose(eager["sample_weight"].to_numpy(), expected)

    for label in ("maybe", None):
        odd = lazy.with_columns(label=polars.lit(label, polars.String))
        with pytest.raises(
            polars.exceptions.InvalidOperationError,
            match=f"fitted on .* unknown label {label or 'null'}",
        ):
            add_weights(odd, weighting, y="label").collect()

    by_row = FunctionWeighting(by_score).fit(table, None)
    weighted = add_weights(lazy.select("score"), by_row)
    actual = weighted.collect()["sample_weight"].to_numpy()
    assert_allclose(actual, by_row.weigh(table))

    keyed = lazy.with_columns(id=polars.int_range(polars.len()))
    folds = keyed.select(hash_folds(polars.col("id"))).collect().to_series()
    assert_array_equal(folds.to_numpy(), hash_folds(np.arange(5000)))
