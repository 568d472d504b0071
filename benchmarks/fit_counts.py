"""Calibrate and choose a threshold: how many fits does it take?

The threshold is to maximise balanced accuracy. decision="tuned" searches it on the
held-out rows of the calibrator, as scikit-learn does on rows of its own; "auto" takes
it from the balanced weights in closed form (labels are argmax of w_k p_k).
"""

import numpy as np
from _common import (
    BASES,
    MODELS,
    Figure,
    counted_fits,
    cpu_seconds,
    datasets,
    run,
    table,
)
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.model_selection import StratifiedShuffleSplit, TunedThresholdClassifierCV

from skweight import WeightedClassifier


def methods(make):
    """Return the estimators to compare."""

    def nested(**arguments):
        return TunedThresholdClassifierCV(
            CalibratedClassifierCV(make(class_weight="balanced"), **arguments)
        )

    ours = {
        f"WeightedClassifier({calibration!r}, decision={decision!r})": (
            WeightedClassifier(
                make(),
                calibration=calibration,
                decision=decision,
                random_state=0,
                ensemble="auto",
            )
        )
        for calibration in ["sigmoid", "isotonic"]
        for decision in ["auto", "tuned"]
    }
    return ours | {
        "TunedThresholdClassifierCV(CalibratedClassifierCV())": nested(),
        "TunedThresholdClassifierCV(CalibratedClassifierCV(ensemble=False))": nested(
            ensemble=False
        ),
    }


def measure(options):
    for data, X, y in datasets(options):
        if data in ["phoneme", "adult"]:
            # The counts are the same on any data; these would take longest.
            continue
        splitter = StratifiedShuffleSplit(
            2 if options.quick else 3, test_size=0.3, random_state=0
        )
        splits = list(splitter.split(X, y))
        rows = []
        for model, make in MODELS.items():
            if model == "RF" or (options.quick and model != "LR"):
                continue
            for name, estimator in methods(make).items():
                rows.append({"model": model, **figures(name, estimator, X, y, splits)})
        yield f"## {data}"
        yield table(rows)


def figures(name, estimator, X, y, splits):
    """Return the row of one method: means over the splits, medians of times."""
    collected = []
    for train, test in splits:
        with counted_fits(*BASES) as fits:
            seconds, _ = cpu_seconds(estimator.fit, X.iloc[train], y[train])
        p = estimator.predict_proba(X.iloc[test])[:, 1]
        labels = estimator.predict(X.iloc[test])
        predict, _ = cpu_seconds(estimator.predict, X.iloc[test])
        threshold = getattr(estimator, "best_threshold_", None)
        if threshold is None:
            threshold = estimator.threshold_
        collected.append(
            (
                len(fits),
                seconds,
                predict,
                threshold,
                balanced_accuracy_score(y[test], labels),
                log_loss(y[test], p),
            )
        )
    fits, seconds, predict, threshold, accuracy, loss = np.array(collected).T
    return {
        "method": name,
        "base fits": int(fits[0]),
        "fit CPU s": float(np.median(seconds)),
        "predict CPU ms": Figure(1000 * np.median(predict), ".3g"),
        "threshold": Figure(threshold.mean(), ".3f"),
        "balanced accuracy": Figure(accuracy.mean(), ".3f"),
        "log loss": Figure(loss.mean(), ".4f"),
    }


if __name__ == "__main__":
    run(measure, __doc__, "fit_counts")
