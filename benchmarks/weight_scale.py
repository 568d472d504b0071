"""Weights times 0.001 or 1000: is it the same model, with the same probabilities?

The weights are drawn at random and belong to the population; classes are balanced on
top of them. scikit-learn's wrapper gets the same weights, around an estimator that
balances by itself.
"""

import warnings

import numpy as np
from _common import Figure, run, table
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from skweight import WeightedClassifier

SCALES = [0.001, 1.0, 1000.0]
ESTIMATORS = {
    "LR": (LogisticRegression, {}),
    "RF": (RandomForestClassifier, {"n_estimators": 50, "random_state": 0}),
    "HGB": (HistGradientBoostingClassifier, {"max_iter": 30, "random_state": 0}),
}


def methods(cls, parameters):
    """Return the estimators to compare."""
    balanced = cls(**parameters, class_weight="balanced")
    by_name = {"the estimator itself": balanced}
    for calibration in [None, "sigmoid", "isotonic", "temperature", "prior"]:
        by_name[f"WeightedClassifier(calibration={calibration!r})"] = (
            WeightedClassifier(
                cls(**parameters),
                calibration=calibration,
                random_state=0,
                ensemble="auto",
            )
        )
    for method in ["sigmoid", "isotonic", "temperature"]:
        by_name[f"CalibratedClassifierCV(method={method!r})"] = CalibratedClassifierCV(
            balanced, method=method
        )
    return by_name


def measure(options):
    n_rows = 600 if options.quick else 10_000
    X, y = make_classification(
        2 * n_rows, 20, weights=[0.95], flip_y=0.02, random_state=0
    )
    weights = np.random.default_rng(0).exponential(size=n_rows)
    train, test = slice(n_rows), slice(n_rows, None)
    for name, (cls, parameters) in ESTIMATORS.items():
        if options.quick and name != "LR":
            continue
        rows = []
        for method, estimator in methods(cls, parameters).items():
            p = []
            for scale in SCALES:
                with warnings.catch_warnings():
                    # A solver stopped short by tiny weights shows in the figures.
                    warnings.simplefilter("ignore")
                    estimator.fit(X[train], y[train], sample_weight=scale * weights)
                p.append(estimator.predict_proba(X[test])[:, 1])
            small, one, large = p
            rows.append(
                {
                    "method": method,
                    "largest change of p, x 0.001": _change(small, one),
                    "x 1000": _change(large, one),
                    "mean p / prevalence at x 0.001": _mean_ratio(small, y[test]),
                    "at x 1": _mean_ratio(one, y[test]),
                    "at x 1000": _mean_ratio(large, y[test]),
                }
            )
        yield f"## {name}"
        yield table(rows)


def _change(p, before):
    return Figure(np.abs(p - before).max(), ".1e")


def _mean_ratio(p, y):
    return Figure(p.mean() / y.mean(), ".3f")


if __name__ == "__main__":
    run(measure, __doc__, "weight_scale")
