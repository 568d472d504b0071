"""Which weighting on mammography and adult? `compare_weightings` on both.

Weights and calibration are crossed, on the same folds: repeated folds on mammography,
which has 260 positive rows, single ones on adult, which has many.
"""

import warnings

from _common import MODELS, Figure, datasets, run, table
from sklearn.model_selection import RepeatedStratifiedKFold

from skweight import BalancedWeighting, compare_weightings

SETS = {"mammography", "adult"}
# Repeats of five folds.
REPEATS = {"mammography": 3, "adult": 1}
WEIGHTINGS = {"balanced": "balanced", "half": BalancedWeighting(strength=0.5)}
CALIBRATIONS = {"not calibrated": None, "sigmoid": "sigmoid"}
# Column of the table, metric, whether it is of the positive class, format.
COLUMNS = [
    ("recall", "recall", True, ".3f"),
    ("precision", "precision", True, ".3f"),
    ("average precision", "average_precision", True, ".3f"),
    ("AUC", "roc_auc", True, ".4f"),
    ("log loss", "log_loss", False, ".4f"),
    ("Brier", "brier", False, ".4f"),
    ("calibration error", "calibration_error", False, ".4f"),
    ("mean p / prevalence", "mean_over_prevalence", True, ".3f"),
]
DIFFERENCES = [
    ("recall", "recall", True, "+.3f"),
    ("average precision", "average_precision", True, "+.3f"),
    ("log loss x 1000", "log_loss", False, "+.2f"),
]


def measure(options):
    """Yield the tables of every data set and model."""
    for data, X, y in datasets(options):
        if data not in SETS and "bundled" not in data:
            continue
        for model in ("LR", "HGB"):
            comparison = compare(X, y, MODELS[model](), REPEATS.get(data, 1), options)
            yield f"## {data} ({len(y):,} rows, {y.mean():.1%} positive), {model}"
            yield table(
                [figures(comparison, strategy) for strategy in comparison.strategies]
            )
            yield (
                f"Differences to `{comparison.baseline}`, paired by fold, with 95 % "
                "intervals; p-values are adjusted for the number of strategies (Holm)."
            )
            yield table(
                [
                    differences(comparison, strategy)
                    for strategy in comparison.strategies
                    if strategy.name != comparison.baseline
                ]
            )


def compare(X, y, estimator, repeats, options):
    """Return the comparison; tiny where the script is only tried."""
    folds = 2 if options.quick else 5
    cv = RepeatedStratifiedKFold(n_splits=folds, n_repeats=repeats, random_state=0)
    with warnings.catch_warnings():
        # A class with fewer rows than folds: only in the tiny mode.
        warnings.simplefilter("ignore" if options.quick else "default")
        return compare_weightings(
            estimator,
            X,
            y,
            weightings=WEIGHTINGS,
            calibrations=CALIBRATIONS,
            cv=cv,
            random_state=0,
        )


def rows_of(comparison, strategy):
    """Return the figures of one strategy by metric and whether of the class."""
    rows = comparison.to_frame()
    rows = rows[rows["strategy"] == strategy.name].to_dict("records")
    positive = comparison.design.pos_label
    return {
        (row["metric"], row["class"] is not None): row
        for row in rows
        if row["class"] in (None, positive)
    }


def figures(comparison, strategy):
    """Return one row: mean and standard error of every figure."""
    rows = rows_of(comparison, strategy)
    effective = rows["effective_sample_size", False]["mean"]
    return {
        "strategy": strategy.name,
        **{
            column: Figure(rows[metric, of_class]["mean"], form, error)
            for column, metric, of_class, form in COLUMNS
            for error in [rows[metric, of_class]["std_error"]]
        },
        "effective rows": int(effective),
        "fit s": Figure(rows["fit_time", False]["mean"], ".2f"),
    }


def differences(comparison, strategy):
    """Return one row: paired differences with intervals and p-values."""
    rows = rows_of(comparison, strategy)
    by_name = {"strategy": strategy.name}
    for column, metric, of_class, form in DIFFERENCES:
        row, scale = rows[metric, of_class], 1000 if "x 1000" in column else 1
        low, value, high = (
            f"{scale * row[key]:{form}}"
            for key in ("difference_low", "difference", "difference_high")
        )
        by_name[column] = f"{value} ({low} to {high})"
        p = row["p_adjusted"]
        by_name[f"p, {metric.replace('_', ' ')}"] = (
            f"{p:.3f}" if p >= 0.001 else "<.001"
        )
    return by_name


if __name__ == "__main__":
    run(measure, __doc__, "compare_weightings")
