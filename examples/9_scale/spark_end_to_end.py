"""
How do I weigh and calibrate on Spark?
======================================

The build of this page does not run the script, because Spark and Java are not installed
there. The tests run it (test group ``engines``).

Rows are in DataFrames of Spark. Spark computes the weights as a column, and pyspark.ml
or XGBoost trains the model. A Spark job sums the held-out scores. Calibration and
decision are SQL expressions, so no Python function is called on the rows.
"""

from pyspark.ml.classification import LogisticRegression
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.functions import vector_to_array
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from xgboost.spark import SparkXGBClassifier

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


def read_rows(spark, n_rows, seed):
    """Return a DataFrame; 6 % of its rows are positive."""
    rows = spark.range(n_rows, numPartitions=2)
    for place, name in enumerate(FEATURES):
        rows = rows.withColumn(name, F.randn(seed + place))
    logit = "1.2 * x0 + 0.8 * x1 * x2 - 3.5"
    p = F.expr(f"1 / (1 + exp(-({logit})))")
    rows = rows.withColumn("y", (F.rand(seed + 9) < p).cast("int"))
    # Random columns are cached, because Spark would draw the random numbers again in
    # every job.
    return VectorAssembler(inputCols=FEATURES, outputCol="X").transform(rows).cache()


def logistic_regression():
    """Return an estimator of pyspark.ml."""
    return LogisticRegression(
        featuresCol="X", labelCol="y", weightCol="sample_weight", maxIter=20
    )


def xgboost():
    """Return the estimator of XGBoost for Spark."""
    return SparkXGBClassifier(
        features_col="X",
        label_col="y",
        weight_col="sample_weight",
        n_estimators=30,
        max_depth=4,
        num_workers=1,
    )


def end_to_end(spark, estimator, n_rows=40_000):
    """Return the figures before and after calibration."""
    rows = read_rows(spark, n_rows, seed=0)

    # One pass counts the rows of each class. The weights are then a Spark expression.
    masses = summarize(rows, ClassMasses(), y="y")
    weighting = BalancedWeighting().fit_statistics(masses)
    rows = add_weights(rows, weighting, y="y")

    # A hash of the key selects the held-out rows, so every job selects the same rows.
    rows = rows.withColumn("fold", hash_folds(rows["id"]))
    model = estimator.fit(rows.where("fold != 0"))

    def scored(rows):
        margin = vector_to_array("rawPrediction")[1]
        return model.transform(rows).withColumn("score", margin.cast("double"))

    # Scores of held-out rows: a second pass.
    held_out = scored(rows.where("fold = 0"))
    statistics = summarize(held_out, ScoreStatistics(), score="score", y="y")
    calibrator = SigmoidCalibrator().fit_statistics(statistics)
    cost = CostMatrix.binary(pos_label=1, fp=1, fn=12)
    threshold = statistics.threshold(cost, calibrator)

    # To score new rows, Spark only needs the SQL expression, not this package.
    knots = PiecewiseMap.of(calibrator)
    new = (
        scored(read_rows(spark, n_rows, seed=100))
        .withColumn("p", F.expr(knots.sql("score")))
        .withColumn("label", F.expr(knots.sql("score", threshold=threshold)))
    )
    found = new.agg(F.avg("p"), F.avg("y"), F.avg(F.col("label"))).first()
    return {
        "log loss before": statistics.log_loss(),
        "log loss after": statistics.log_loss(calibrator),
        "prevalence": statistics.prevalence_,
        "mean p of held-out rows": float(
            statistics.reliability_curve(calibrator, n_bins=1).mean_proba[0]
        ),
        "mean p of new rows": found[0],
        "frequency of new rows": found[1],
        "share chosen": found[2],
        "threshold by cost": threshold,
        "AUC": statistics.auc(),
    }


if __name__ == "__main__":
    session = SparkSession.builder.master("local[2]").getOrCreate()
    for make in (logistic_regression, xgboost):
        print(make.__name__)
        for name, figure in end_to_end(session, make()).items():
            print(f"  {name}: {figure:.4f}")
    session.stop()
