"""Does mild oversampling add anything to weights, once probabilities are calibrated?

Every method sees the same folds of a repeated cross-validation. "Mild" SMOTE goes half
of the way to balanced classes on the scale of log odds, and BalancedWeighting of
strength one half goes half of what is left. Labels are those that the method itself
would give; the last row says what a threshold alone does for them.
"""

from functools import partial

import numpy as np
import pandas as pd
from _common import MODELS, Figure, run, table
from imblearn.over_sampling import SMOTE
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    log_loss,
)
from sklearn.model_selection import RepeatedStratifiedKFold

from skweight import BalancedWeighting, WeightedClassifier

# File, target column, label of the rarer class, columns that are not features.
REAL = {
    "mammography": ("mammography.csv.gz", "Class", 1, []),
    "phoneme": ("phoneme.csv.gz", "Class", 2, []),
    "churn": ("churn.csv.gz", "target", 1, ["id", "C_FP", "C_FN", "C_TP", "C_TN"]),
}


def methods(make, y):
    """Return the methods as functions that make an unfitted estimator."""
    prevalence = float(y.mean())
    mild = np.sqrt(prevalence / (1 - prevalence))
    ours = partial(WeightedClassifier, make(), random_state=0)
    smote = SMOTE(random_state=0)
    return {
        "plain": partial(ours, weighting=None),
        "weights": partial(ours, weighting="balanced"),
        "weights, calibrated": partial(
            ours, weighting="balanced", calibration="sigmoid"
        ),
        "SMOTE": partial(ours, weighting=None, resampler=smote),
        "SMOTE, calibrated": partial(
            ours, weighting=None, resampler=smote, calibration="sigmoid"
        ),
        "hybrid, calibrated": partial(
            ours,
            weighting=BalancedWeighting(strength=0.5),
            resampler=SMOTE(sampling_strategy=mild, random_state=0),
            calibration="sigmoid",
        ),
        "plain, threshold": partial(ours, weighting=None, decision=prevalence),
    }


def measure_split(make, X, y, train, test):
    """Return the figures of every method on one split."""
    figures = {}
    for name, new in methods(make, y).items():
        model = new().fit(X.iloc[train], y[train])
        p = model.predict_proba(X.iloc[test])[:, 1]
        figures[name] = {
            "balanced accuracy": balanced_accuracy_score(
                y[test], model.predict(X.iloc[test])
            ),
            "average precision": average_precision_score(y[test], p),
            "log loss": log_loss(y[test], p),
            "Brier": brier_score_loss(y[test], p),
        }
    return figures


def describe(splits, name, rival="weights, calibrated"):
    """Return the row of one method, differences paired by split."""
    row = {"method": name}
    for figure in splits[0][name]:
        values = np.array([split[name][figure] for split in splits])
        row[figure] = Figure(values.mean(), ".4f")
    for figure in ("average precision", "log loss"):
        difference = np.array(
            [split[name][figure] - split[rival][figure] for split in splits]
        )
        error = difference.std(ddof=1) / np.sqrt(difference.size)
        row[f"{figure}, difference x 1000"] = Figure(
            1000 * difference.mean(), "+.1f", 1000 * error
        )
    return row


def datasets(options):
    """Yield name, X and y (1 is the rarer class)."""
    for name, (file, target, positive, unused) in REAL.items():
        path = options.data / file
        if options.quick or not path.is_file():
            continue
        X = pd.read_csv(path)
        y = (X[target] == positive).to_numpy(dtype=int)
        yield name, X.drop(columns=[target, *unused]), y
    if options.quick:
        X, y = load_breast_cancer(return_X_y=True, as_frame=True)
        yield "breast cancer (bundled)", X, 1 - y.to_numpy()


def measure(options):
    for data, X, y in datasets(options):
        splitter = RepeatedStratifiedKFold(
            n_splits=2 if options.quick else 3,
            n_repeats=1 if options.quick else 2,
            random_state=0,
        )
        for model in ["LR"] if options.quick else ["LR", "HGB"]:
            splits = [
                measure_split(MODELS[model], X, y, *split)
                for split in splitter.split(X, y)
            ]
            yield (
                f"## {data} ({len(y):,} rows, {y.mean():.1%} positive), {model}, "
                f"{len(splits)} splits"
            )
            yield table([describe(splits, name) for name in splits[0]])


if __name__ == "__main__":
    run(measure, __doc__, "resampling_hybrid")
