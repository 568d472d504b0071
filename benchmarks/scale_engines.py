"""Sums from chunks, dask and Spark: the same weights and calibration as from rows.

The first tables compare what is learned from sums with what is learned from the rows in
memory. The last one trains XGBoost and LightGBM on dask, and logistic regression on
Spark, with balanced weights, and calibrates them by one pass of held-out scores, as the
scripts of the gallery do. New rows are other rows of the same population.
"""

import os
import runpy
import sys
import warnings
from contextlib import contextmanager

import numpy as np
import pandas as pd
from _common import REPOSITORY, Figure, run, table

from skweight import BalancedWeighting, PriorWeighting
from skweight.calibration import (
    AnchoredCalibrator,
    BetaCalibrator,
    IsotonicCalibrator,
    SigmoidCalibrator,
    TemperatureCalibrator,
)
from skweight.scale import ClassMasses, ScoreStatistics, summarize
from skweight.weighting import EntropyBalancingWeighting

EXAMPLES = REPOSITORY / "examples/9_scale"
KNOWN = {"class_multiplier": [1.0, 9.0]}
CALIBRATORS = {
    "sigmoid": (SigmoidCalibrator(), {}),
    "beta": (BetaCalibrator(), {}),
    "anchored": (AnchoredCalibrator(), KNOWN),
    "temperature": (TemperatureCalibrator(), {}),
    "isotonic": (IsotonicCalibrator(), {}),
}
MOMENTS = {"age": 45.0, "income": [1.9, 7.5]}


def make_rows(n_rows):
    rng = np.random.default_rng(0)
    logit = rng.normal(-3, 1.5, n_rows)
    y = (rng.random(n_rows) < 1 / (1 + np.exp(-logit))).astype(int)
    return pd.DataFrame(
        {
            "score": 1.2 * logit + np.log(9),
            "y": y,
            "w": rng.gamma(1.0, size=n_rows) * np.where(y, 1, 3),
            "age": rng.normal(40, 12, n_rows),
            "income": rng.lognormal(size=n_rows),
        }
    )


@contextmanager
def dask_client():
    from dask.distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextmanager
def spark_session():
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.log.level", "OFF")
        .getOrCreate()
    )
    try:
        yield session
    finally:
        session.stop()


def agreement(engine, source, rows):
    """Yield how far what is learned from a source is from what rows in memory say."""
    names = {"y": "y", "sample_weight": "w"}
    masses, scores = summarize(
        source, [ClassMasses(), ScoreStatistics()], score="score", **names
    )
    for name, (calibrator, known) in CALIBRATORS.items():
        data = rows["score"], rows["y"], rows["w"]
        p = calibrator.fit(*data, **known).predict_proba(rows["score"])[:, 1]
        calibrator.fit_statistics(scores, **known)
        off = np.abs(calibrator.predict_proba(rows["score"])[:, 1] - p)
        yield line(engine, name, off)
    for name, weighting in {
        "balanced": BalancedWeighting(),
        "prior": PriorWeighting({0: 0.8, 1: 0.2}),
    }.items():
        expected = weighting.fit(rows, rows["y"], rows["w"]).weigh(rows, rows["y"])
        weights = weighting.fit_statistics(masses).weigh(rows, rows["y"])
        yield line(engine, f"{name} weights", np.abs(weights / expected - 1))
    weighting = EntropyBalancingWeighting(moments=MOMENTS)
    expected = weighting.fit(rows, None, rows["w"]).weigh(rows)
    weighting.fit_statistics(
        lambda sums: summarize(source, sums, X=list(MOMENTS), sample_weight="w")
    )
    yield line(
        engine, "entropy balancing", np.abs(weighting.weigh(rows) / expected - 1)
    )


def line(engine, what, off):
    return {
        "sums from": engine,
        "learned": what,
        "mean difference": Figure(off.mean(), ".1e"),
        "99.5 % of the rows below": Figure(np.quantile(off, 0.995), ".1e"),
        "largest": Figure(off.max(), ".1e"),
    }


def end_to_end(engine, figures):
    p, prevalence = figures["mean p of held-out rows"], figures["prevalence"]
    new, frequency = figures["mean p of new rows"], figures["frequency of new rows"]
    return {
        "trained by": engine,
        "log loss before": Figure(figures["log loss before"], ".3f"),
        "after": Figure(figures["log loss after"], ".3f"),
        "AUC": Figure(figures["AUC"], ".3f"),
        "mean p / prevalence, held out": Figure(p / prevalence, ".4f"),
        "mean p / frequency, new rows": Figure(new / frequency, ".4f"),
        "threshold by cost": Figure(figures["threshold by cost"], ".3f"),
    }


def measure(options):
    warnings.simplefilter("ignore")  # of the engines
    rows = make_rows(2_000 if options.quick else 100_000)
    chunks = [rows[start : start + 7000] for start in range(0, len(rows), 7000)]
    yield table(list(agreement("chunks", chunks, rows)))
    if options.quick:
        return
    import dask.dataframe as dd

    trained = []
    with dask_client() as client:
        frame = dd.from_pandas(rows, npartitions=8).persist()
        yield table(list(agreement("dask", frame, rows)))
        example = runpy.run_path(str(EXAMPLES / "dask_end_to_end.py"))
        for library in ("xgboost", "lightgbm"):
            train = example[f"train_{library}"]
            figures = example["end_to_end"](client, train, n_partitions=10)
            trained.append(end_to_end(f"{library}.dask", figures))
    with spark_session() as spark:
        frame = spark.createDataFrame(rows).repartition(4).cache()
        yield table(list(agreement("Spark", frame, rows)))
        example = runpy.run_path(str(EXAMPLES / "spark_end_to_end.py"))
        learner = example["logistic_regression"]()
        figures = example["end_to_end"](spark, learner, n_rows=200_000)
        trained.append(end_to_end("pyspark.ml LogisticRegression", figures))
    yield table(trained)


if __name__ == "__main__":
    run(measure, __doc__, "scale_engines")
