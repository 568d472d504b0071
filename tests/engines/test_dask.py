"""dask with two workers: the same sums, whatever happens to its partitions."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from engines.needs import needs
from numpy.testing import assert_allclose, assert_array_equal

needs("dask")
needs("distributed")

import dask.array as da
import dask.dataframe as dd

from skweight import BalancedWeighting, FunctionWeighting
from skweight.calibration import SigmoidCalibrator
from skweight.scale import (
    CellMasses,
    ClassMasses,
    ScoreStatistics,
    add_weights,
    hash_folds,
    summarize,
)

EXAMPLES = Path(__file__).resolve().parents[2] / "examples/9_scale"
NAMES = {"y": "label", "score": "score", "sample_weight": "w"}

pytestmark = [
    pytest.mark.usefixtures("client"),
    # A busy machine, and threads that end after the test that started them.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def table(rng):
    score = rng.normal(size=4000)
    label = np.where(rng.random(4000) < 1 / (1 + np.exp(-score)), "yes", "no")
    w = rng.gamma(1.0, size=4000)
    return pd.DataFrame({"score": score, "label": label, "w": w})


def local(table):
    return ScoreStatistics().update(table["score"], table["label"], table["w"])


def assert_same(one, other):
    one, other = one._totals(), other._totals()
    assert set(one) == set(other)
    for label in one:
        assert_allclose(one[label], other[label], rtol=1e-10, atol=1e-12)


def frames(table):
    """Yield the table in partitions of its order, of its classes, and with a gap."""
    yield dd.from_pandas(table, npartitions=5)
    by_class = table.sort_values("label", kind="stable").reset_index(drop=True)
    yield dd.from_pandas(by_class, npartitions=7)  # a label in some partitions alone
    rows = dd.from_pandas(table, npartitions=3)
    yield dd.concat([rows, rows[rows["w"] < 0]])  # partitions without a row


def test_sums_are_those_of_the_rows_in_any_partitions(table):
    for frame in frames(table):
        assert_same(summarize(frame, ScoreStatistics(), **NAMES), local(table))
    masses, cells = summarize(
        frame, [ClassMasses(), CellMasses(["label"])], y="label", sample_weight="w"
    )
    assert_allclose(masses.mass_, list(cells.mass_.values()), rtol=1e-10)
    columns = {name: da.from_array(table[name].to_numpy(), 900) for name in table}
    columns["label"] = columns["label"].astype(str)
    assert_same(summarize(columns, ScoreStatistics(), **NAMES), local(table))
    numbers = da.from_array(table[["score", "w"]].to_numpy(), (900, 1))
    actual = summarize(numbers, CellMasses([0]), X=None, sample_weight=1)
    assert actual.n_rows_ == 4000


def test_calibration_and_weights_are_those_of_one_machine(table):
    frame = dd.from_pandas(table, npartitions=4)
    calibrator = SigmoidCalibrator().fit_statistics(
        summarize(frame, ScoreStatistics(), **NAMES)
    )
    expected = SigmoidCalibrator().fit(table["score"], table["label"], table["w"])
    scores = np.linspace(-5, 5, 101)
    assert_allclose(
        calibrator.predict_proba(scores), expected.predict_proba(scores), atol=1e-5
    )
    masses = summarize(frame, ClassMasses(), y="label", sample_weight="w")
    weighting = BalancedWeighting().fit_statistics(masses)
    weighted = add_weights(frame, weighting, y="label")
    whole = BalancedWeighting().fit(table, table["label"], table["w"])
    assert_allclose(
        weighted["sample_weight"].compute(),
        whole.weigh(table, table["label"]),
        rtol=1e-10,
    )


def by_score(X, y):
    return 1 + np.abs(np.asarray(X["score"]))


def test_weights_of_features_and_of_arrays(table):
    weighting = FunctionWeighting(by_score).fit(table, None)
    frame = add_weights(dd.from_pandas(table, npartitions=4), weighting, X=["score"])
    assert_allclose(frame["sample_weight"].compute(), weighting.weigh(table))
    labels = da.from_array(table["label"].to_numpy().astype(str), 900)
    masses = summarize({"y": labels}, ClassMasses(), y="y")
    balanced = BalancedWeighting().fit_statistics(masses)
    weights = add_weights({"y": labels}, balanced, y="y")
    assert weights.chunks == labels.chunks
    assert_allclose(weights.compute(), balanced.weigh(table, table["label"]))


def test_a_bad_partition_is_named_and_the_others_are_kept(table):
    spoilt = table.copy()
    spoilt.loc[2500, "w"] = -1.0
    frame = dd.from_pandas(spoilt, npartitions=4)
    statistics = ScoreStatistics()
    for _ in range(2):  # what comes again replaces its twin
        with pytest.raises(
            ValueError, match=r"1 of 4 partitions .* partition 2: .*neg"
        ):
            summarize(frame, statistics, **NAMES)
        assert statistics.n_rows_ == 3000
    summarize(table[2000:3000], statistics, **NAMES)
    assert_same(statistics, local(table))


def test_a_source_that_was_summed_is_not_summed_again(table):
    frame = dd.from_pandas(table, npartitions=2)
    statistics = summarize(frame, ScoreStatistics(), **NAMES)
    with pytest.raises(ValueError, match="has been added up already"):
        summarize(frame, statistics, **NAMES)
    assert_same(statistics, local(table))


def test_what_dask_cannot_be_summed_by_is_refused(table):
    frame = dd.from_pandas(table, npartitions=2)
    with pytest.raises(ValueError, match=r"lacks the columns \['z'\]"):
        summarize(frame, ClassMasses(), y="z")
    with pytest.raises(TypeError, match="DataFrames, two-dimensional arrays"):
        summarize(da.zeros(10), ClassMasses(), y=0)
    with pytest.raises(TypeError, match="DataFrames, two-dimensional arrays"):
        summarize(frame["label"], ClassMasses(), y="label")
    mixed = {"y": np.zeros(4000), "score": frame["score"]}
    with pytest.raises(TypeError, match=r"got \['y'\] in memory"):
        summarize(mixed, ScoreStatistics(), y="y", score="score")
    weighting = BalancedWeighting().fit_statistics(ClassMasses().update([0, 1]))
    with pytest.raises(TypeError, match="DataFrame of dask or a dict of dask arrays"):
        add_weights(da.zeros((4, 2)), weighting, y=0)
    with pytest.raises(TypeError, match=r"got Series for \['y'\]"):
        add_weights({"y": frame["label"]}, weighting, y="y")
    arrays = {"y": da.zeros(10, chunks=5), "score": da.zeros(10, chunks=2)}
    with pytest.raises(ValueError, match="have the same partitions"):
        summarize(arrays, ScoreStatistics(), y="y", score="score")


def test_folds_are_those_of_every_engine(table):
    keys = dd.from_pandas(pd.Series(np.arange(4000), name="id"), npartitions=3)
    assert_array_equal(hash_folds(keys).compute(), hash_folds(np.arange(4000)))
    keys = da.arange(4000, chunks=900)
    assert_array_equal(hash_folds(keys).compute(), hash_folds(np.arange(4000)))


# Both libraries warn of settings that a small cluster makes.
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_end_to_end(client, library):
    pytest.importorskip("xgboost", reason="xgboost is not installed")
    pytest.importorskip("lightgbm", reason="lightgbm is not installed")
    example = runpy.run_path(str(EXAMPLES / "dask_end_to_end.py"))
    train = example[f"train_{library}"]
    figures = example["end_to_end"](client, train, n_partitions=4)
    assert figures["log loss after"] < 0.5 * figures["log loss before"]
    assert figures["AUC"] > 0.75
    # New rows: within three standard errors of a frequency of 6 % in 40,000.
    assert figures["mean p of new rows"] == pytest.approx(
        figures["frequency of new rows"], abs=0.0036
    )
    assert 0.03 < figures["threshold by cost"] < 0.15
