"""What does the wrapper cost, against the same estimator that balances by itself?"""

import tracemalloc

import numpy as np
from _common import Figure, alternate, ratio, run, table
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from skweight import WeightedClassifier

# Few trees, so that a run takes minutes: the wrapper does the same work for any number
# of them, so that its share is largest here.
ESTIMATORS = [
    ("LogisticRegression()", LogisticRegression, {}, 15),
    (
        "HistGradientBoostingClassifier(max_iter=20)",
        HistGradientBoostingClassifier,
        {"max_iter": 20, "random_state": 0},
        7,
    ),
]


def peak(function, *args):
    """Return the peak of bytes that NumPy and Python took during a call."""
    tracemalloc.start()
    try:
        function(*args)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def compare(name, cls, parameters, repeats, X, y):
    """Return the row of one estimator: wrapped against balancing by itself."""
    ours = WeightedClassifier(cls(**parameters), weighting="balanced", calibration=None)
    own = cls(**parameters, class_weight="balanced")
    fit = alternate([lambda: ours.fit(X, y), lambda: own.fit(X, y)], repeats)
    both = [lambda: ours.predict(X), lambda: own.predict(X)]
    predict = alternate(both, repeats)
    fit_ratio, fit_range = ratio(fit)
    predict_ratio, predict_range = ratio(predict)
    difference = np.abs(ours.predict_proba(X) - own.predict_proba(X)).max()
    extra = peak(ours.fit, X, y) - peak(own.fit, X, y)
    return {
        "estimator": name,
        "same labels": bool(np.array_equal(both[0](), both[1]())),
        "largest difference of probabilities": Figure(difference, ".1e"),
        "fit CPU s": float(np.median(fit[:, 0])),
        "its own": float(np.median(fit[:, 1])),
        "fit ratio": Figure(fit_ratio, ".3f"),
        "95 % interval": fit_range,
        "predict ratio": Figure(predict_ratio, ".3f"),
        "95 % interval of it": predict_range,
        "peak memory more, in vectors of length n": Figure(extra / (8 * len(y)), ".3f"),
    }


def latency(X, y, repeats, calls):
    """Return rows of the CPU time of predict_proba for one row."""
    regression = LogisticRegression(class_weight="balanced")
    models = {"LogisticRegression(class_weight='balanced')": regression}
    for calibration in [None, "sigmoid", "isotonic", "temperature", "prior"]:
        models[f"WeightedClassifier(calibration={calibration!r})"] = WeightedClassifier(
            LogisticRegression(),
            weighting="balanced",
            calibration=calibration,
            ensemble="auto",
        )
    for method in ["sigmoid", "isotonic"]:
        for arguments in [{}, {"ensemble": False}]:
            shown = "".join(f", {k}={v}" for k, v in arguments.items())
            models[f"CalibratedClassifierCV(method={method!r}{shown})"] = (
                CalibratedClassifierCV(regression, method=method, **arguments)
            )
    one = X[:1]

    def many(model):
        predict_proba = model.fit(X, y).predict_proba
        return lambda: [predict_proba(one) for _ in range(calls)]

    seconds = alternate([many(model) for model in models.values()], repeats) / calls
    return [
        {
            "model": name,
            "one row, CPU µs": Figure(1e6 * np.median(seconds[:, i]), ".0f"),
            "x LogisticRegression": Figure(ratio(seconds, i, 0)[0], ".2f"),
        }
        for i, name in enumerate(models)
    ]


def measure(options):
    n_rows = 2_000 if options.quick else 1_000_000
    X, y = make_classification(n_rows, 20, weights=[0.95], random_state=0)
    yield f"## Fit and predict, {n_rows:,} rows x 20 columns"
    yield table(
        [
            compare(name, cls, parameters, 2 if options.quick else repeats, X, y)
            for name, cls, parameters, repeats in ESTIMATORS
        ]
    )
    yield "## One row"
    sizes = (
        {"repeats": 3, "calls": 3} if options.quick else {"repeats": 41, "calls": 50}
    )
    yield table(latency(X[:20_000], y[:20_000], **sizes))


if __name__ == "__main__":
    run(measure, __doc__, "overhead")
