"""
How do I weigh and calibrate on dask?
=====================================

The build of this page does not run the script, because dask is not installed there. The
tests run it (test group ``engines``). With dask 2026.8.0 and two workers, the script
printed for XGBoost:

.. code-block:: text

   log loss before: 0.5062
   log loss after: 0.1839
   mean p of new rows: 0.0610
   frequency of new rows: 0.0636
   threshold by cost: 0.0920
   AUC: 0.8277

Rows are in the partitions of dask, on the workers of a cluster. One pass counts the
classes, and the engine trains with the weights. A second pass sums the scores of
held-out rows. The calibrated probabilities are computed on the workers that have the
new rows. Each partition sends only some kilobytes over the network.
"""

import dask.dataframe as dd
import numpy as np
import pandas as pd
from dask.distributed import Client, LocalCluster
from lightgbm import DaskLGBMClassifier
from xgboost.dask import DaskXGBClassifier

from skweight import BalancedWeighting, CostMatrix
from skweight.calibration import SigmoidCalibrator
from skweight.scale import (
    ClassMasses,
    PiecewiseMap,
    ScoreStatistics,
    add_weights,
    hash_folds,
    summarize,
)

FEATURES = ["x0", "x1", "x2", "x3"]


def read_partition(number, n_rows=20_000):
    """Return the rows of a partition; 6 % of them are positive."""
    rng = np.random.default_rng(number)
    rows = pd.DataFrame(rng.normal(size=(n_rows, 4)), columns=FEATURES)
    logit = 1.2 * rows["x0"] + 0.8 * rows["x1"] * rows["x2"] - 3.5
    rows["id"] = np.arange(n_rows) + number * n_rows
    rows["y"] = (rng.random(n_rows) < 1 / (1 + np.exp(-logit))).astype(int)
    return rows


def probabilities(margins, scores, log_odds):
    """Return calibrated probabilities; the worker needs only numpy."""
    return 1 / (1 + np.exp(-np.interp(margins, scores, log_odds)))


def train_xgboost(client, rows):
    """Return a function from features to log odds."""
    model = DaskXGBClassifier(n_estimators=40, max_depth=4, n_jobs=1)
    model.client = client
    model.fit(rows[FEATURES], rows["y"], sample_weight=rows["sample_weight"])
    return lambda rows: model.predict(rows[FEATURES], output_margin=True)


def train_lightgbm(client, rows):
    """Return a function from features to log odds."""
    model = DaskLGBMClassifier(
        n_estimators=40, num_leaves=15, n_jobs=1, verbose=-1, client=client
    )
    arrays = {
        name: rows[name].to_dask_array(lengths=True) for name in ("y", "sample_weight")
    }
    X = rows[FEATURES].to_dask_array(lengths=True)
    model.fit(X, arrays["y"], sample_weight=arrays["sample_weight"])
    booster = model.booster_
    return lambda rows: rows[FEATURES].map_partitions(
        lambda part: pd.Series(booster.predict(part, raw_score=True), index=part.index),
        meta=pd.Series(dtype=float),
    )


def end_to_end(client, train, n_partitions=6):
    """Return the figures before and after calibration."""
    rows = dd.from_map(read_partition, range(n_partitions))

    # One pass counts the rows of each class. The weights then become a column of the
    # table.
    masses = summarize(rows, ClassMasses(), y="y")
    weighting = BalancedWeighting().fit_statistics(masses)
    rows = add_weights(rows, weighting, y="y")

    # A hash of the key selects the held-out rows, so every pass selects the same rows.
    rows["fold"] = hash_folds(rows["id"])
    margins_of = train(client, rows[rows["fold"] != 0])

    # Scores of held-out rows: a second pass.
    held_out = rows[rows["fold"] == 0]
    columns = {"score": margins_of(held_out), "y": held_out["y"]}
    statistics = summarize(columns, ScoreStatistics(), score="score", y="y")
    calibrator = SigmoidCalibrator().fit_statistics(statistics)
    cost = CostMatrix.binary(pos_label=1, fp=1, fn=12)

    # To score new rows, the workers get the calibrator as plain arrays.
    knots = PiecewiseMap.of(calibrator)
    new = dd.from_map(read_partition, range(100, 100 + n_partitions))
    p = margins_of(new).map_partitions(probabilities, knots.scores, knots.log_odds)
    return {
        "log loss before": statistics.log_loss(),
        "log loss after": statistics.log_loss(calibrator),
        "prevalence": statistics.prevalence_,
        "mean p of held-out rows": float(
            statistics.reliability_curve(calibrator, n_bins=1).mean_proba[0]
        ),
        "mean p of new rows": float(p.mean().compute()),
        "frequency of new rows": float(new["y"].mean().compute()),
        "threshold by cost": statistics.threshold(cost, calibrator),
        "AUC": statistics.auc(),
    }


if __name__ == "__main__":
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as own,
        Client(own) as client,
    ):
        for train in (train_xgboost, train_lightgbm):
            print(train.__name__)
            for name, figure in end_to_end(client, train).items():
                print(f"  {name}: {figure:.4f}")
