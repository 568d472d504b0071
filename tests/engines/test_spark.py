"""Spark with two cores: the same sums, and results that it applies by itself."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from engines.needs import needs
from numpy.testing import assert_allclose, assert_array_equal

needs("pyspark")
needs("pyarrow")

from skweight import BalancedWeighting, FunctionWeighting
from skweight.calibration import SigmoidCalibrator
from skweight.scale import (
    ClassMasses,
    PiecewiseMap,
    ScoreStatistics,
    add_weights,
    hash_folds,
    summarize,
)

EXAMPLES = Path(__file__).resolve().parents[2] / "examples/9_scale"
NAMES = {"y": "label", "score": "score", "sample_weight": "w"}

pytestmark = [
    # PySpark says that it does not know the newest pandas fully.
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully:FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    score = rng.normal(size=3000)
    label = np.where(rng.random(3000) < 1 / (1 + np.exp(-score)), "yes", "no")
    w = rng.gamma(1.0, size=3000)
    return pd.DataFrame({"id": np.arange(3000), "score": score, "label": label, "w": w})


@pytest.fixture(scope="module")
def rows(spark, table):
    by_class = table.sort_values("label", kind="stable")
    return spark.createDataFrame(by_class.to_dict("records")).repartition(3).cache()


def assert_same(one, other):
    one, other = one._totals(), other._totals()
    assert set(one) == set(other)
    for label in one:
        assert_allclose(one[label], other[label], rtol=1e-10, atol=1e-12)


def test_sums_are_those_of_the_rows(table, rows):
    expected = ScoreStatistics().update(table["score"], table["label"], table["w"])
    empty_too = rows.union(rows.where("w < 0"))
    statistics, masses = summarize(
        empty_too, [ScoreStatistics(), ClassMasses()], **NAMES
    )
    assert_same(statistics, expected)
    with pytest.raises(ValueError, match="has been added up already"):
        summarize(empty_too, statistics, **NAMES)

    actual = SigmoidCalibrator().fit_statistics(statistics)
    calibrator = SigmoidCalibrator().fit(table["score"], table["label"], table["w"])
    scores = np.linspace(-5, 5, 101)
    assert_allclose(
        actual.predict_proba(scores), calibrator.predict_proba(scores), atol=1e-5
    )

    weighting = BalancedWeighting().fit_statistics(masses)
    whole = BalancedWeighting().fit(table, table["label"], table["w"])
    weighted = add_weights(rows, weighting, y="label").toPandas().sort_values("id")
    assert_allclose(
        weighted["sample_weight"], whole.weigh(table, table["label"]), rtol=1e-10
    )


def test_a_bad_partition_is_named(rows):
    from pyspark.sql import functions as F

    spoilt = rows.withColumn("w", F.expr("CASE WHEN id = 7 THEN -1.0 ELSE w END"))
    statistics = ScoreStatistics()
    with pytest.raises(ValueError, match=r"1 of \d partitions .*negative in 1 of"):
        summarize(spoilt, statistics, **NAMES)
    assert 0 < statistics.n_rows_ < 3000
    with pytest.raises(ValueError, match=r"lacks the columns \['z'\]"):
        summarize(rows, ClassMasses(), y="z")


def test_weights_of_features_and_folds_and_unknown_labels(table, rows):
    from pyspark.sql import functions as F

    # A lambda travels to the workers, which cannot import this file.
    weighting = FunctionWeighting(lambda X, y: 1 + np.abs(X["score"]))
    weighting.fit(table, None)
    weights = add_weights(rows, weighting, X=["score"], column="v")
    weights = weights.withColumn("fold", hash_folds(F.col("id")))
    weights = weights.toPandas().sort_values("id")
    assert_allclose(weights["v"], weighting.weigh(table))
    assert_array_equal(weights["fold"], hash_folds(table["id"]))

    masses = ClassMasses().update(["no", "maybe"])
    balanced = BalancedWeighting().fit_statistics(masses)
    with pytest.raises(Exception, match="unknown label yes"):
        add_weights(rows, balanced, y="label").collect()
    with pytest.raises(ValueError, match="has a column 'W' already"):
        add_weights(rows, balanced, y="label", column="W")
    for key in (F.col("score"), F.lit(None).cast("string")):
        with pytest.raises(Exception, match="Every row needs a key, an integer or a"):
            rows.select(hash_folds(key)).collect()


def test_calibration_and_decision_run_as_sql(table, rows):
    from pyspark.sql import functions as F

    calibrator = SigmoidCalibrator().fit(table["score"], table["label"])
    knots = PiecewiseMap.of(calibrator)
    actual = (
        rows.withColumn("p", F.expr(knots.sql("score")))
        .withColumn("chosen", F.expr(knots.sql("score", threshold=0.3)))
        .toPandas()
        .sort_values("id")
    )
    p = calibrator.predict_proba(table["score"])[:, 1]
    assert_allclose(actual["p"], p, rtol=2e-3)
    clear = np.abs(p - 0.3) > 1e-3
    expected = np.where(p >= 0.3, "yes", "no")
    assert_array_equal(actual["chosen"].to_numpy()[clear], expected[clear])


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("learner", ["logistic_regression", "xgboost"])
def test_end_to_end(spark, learner):
    pytest.importorskip("xgboost", reason="xgboost is not installed")
    example = runpy.run_path(str(EXAMPLES / "spark_end_to_end.py"))
    figures = example["end_to_end"](spark, example[learner](), n_rows=20_000)
    assert figures["log loss after"] < 0.5 * figures["log loss before"]
    # Within three standard errors of a frequency of 6 % in 10,000 rows.
    assert figures["mean p of new rows"] == pytest.approx(
        figures["frequency of new rows"], abs=0.01
    )
    assert 0 < figures["share chosen"] < 0.5
