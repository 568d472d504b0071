"""What does the wrapper cost where rows are few: to fit, predict, keep and search?

And in a stream, where they come in chunks?
"""

import pickle

import numpy as np
from _common import Figure, alternate, ratio, run, table
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV

from skweight import WeightedClassifier


def small_models():
    """Return models for few rows, by what to call them; the first is the bare one."""
    own = LogisticRegression(class_weight="balanced")
    models = {"LogisticRegression(class_weight='balanced')": own}
    for calibration in (None, "sigmoid", "auto"):
        models[f"WeightedClassifier(calibration={calibration!r})"] = WeightedClassifier(
            LogisticRegression(), weighting="balanced", calibration=calibration
        )
    for arguments in ({}, {"ensemble": False}):
        shown = "".join(f", {k}={v}" for k, v in arguments.items())
        models[f"CalibratedClassifierCV(method='sigmoid'{shown})"] = (
            CalibratedClassifierCV(own, method="sigmoid", **arguments)
        )
    return models


def few_rows(n_rows, repeats):
    """Return rows of fit, of predictions for 1000 rows, and of what a model keeps."""
    X, y = make_classification(n_rows, 20, weights=[0.9], random_state=0)
    thousand = np.resize(X, (1000, 20))
    models = small_models()
    fit = alternate([lambda m=m: m.fit(X, y) for m in models.values()], repeats)

    def many(model):
        return lambda: [model.predict_proba(thousand) for _ in range(10)]

    predict = alternate([many(model) for model in models.values()], 3 * repeats) / 10
    return [
        {
            "model": name,
            "fit, CPU ms": Figure(1e3 * np.median(fit[:, i]), ".1f"),
            "fits of the learner": Figure(ratio(fit, i, 0)[0], ".1f"),
            "predict 1000 rows, CPU µs": Figure(1e6 * np.median(predict[:, i]), ".0f"),
            "x LogisticRegression": Figure(ratio(predict, i, 0)[0], ".2f"),
            "pickle, bytes": len(pickle.dumps(model)),
        }
        for i, (name, model) in enumerate(models.items())
    ]


def searches(n_rows, n_values, repeats):
    """Return rows of a search over values of C, five folds each."""
    X, y = make_classification(n_rows, 20, weights=[0.9], random_state=0)
    models = small_models()
    work = []
    for name, model in models.items():
        parameter = "C" if name.startswith("Logistic") else "estimator__C"
        grid = {parameter: np.logspace(-3, 1, n_values)}
        work.append(GridSearchCV(model, grid, cv=5, scoring="neg_log_loss"))
    seconds = alternate([lambda s=s: s.fit(X, y) for s in work], repeats)
    return [
        {
            "searched": name,
            "CPU s": Figure(np.median(seconds[:, i]), ".2f"),
            "x LogisticRegression": Figure(ratio(seconds, i, 0)[0], ".2f"),
            "x CalibratedClassifierCV": Figure(ratio(seconds, i, 4)[0], ".2f"),
        }
        for i, name in enumerate(models)
    ]


def chunks(n_rows, repeats):
    """Return the row of a stream of chunks, each of `n_rows`."""
    X, y = make_classification(n_rows, 20, weights=[0.9], random_state=0)
    weights = np.where(y, 5, 5 / 9)
    bare = SGDClassifier(loss="log_loss", random_state=0)
    ours = WeightedClassifier(bare, weighting="balanced")
    n_calls = max(1, 3200 // n_rows)

    def stream(model, *sample_weight):
        def learn():
            for _ in range(n_calls):
                model.partial_fit(X, y, [0, 1], *sample_weight)

        return learn

    seconds = alternate([stream(ours), stream(bare, weights)], repeats) / n_calls
    median, interval = ratio(seconds)
    return {
        "rows of a chunk": n_rows,
        "WeightedClassifier, CPU ms": Figure(1e3 * np.median(seconds[:, 0]), ".2f"),
        "SGDClassifier with weights": Figure(1e3 * np.median(seconds[:, 1]), ".2f"),
        "ratio": Figure(median, ".2f"),
        "95 % interval": interval,
    }


def measure(options):
    for n in (300,) if options.quick else (300, 10_000):
        yield f"## {n:,} rows"
        yield table(few_rows(n, 1 if options.quick else 11))
    n_values = 2 if options.quick else 20
    yield f"## GridSearchCV, {5 * n_values} fits of 300 rows"
    yield table(searches(300, n_values, 1 if options.quick else 3))
    yield "## partial_fit"
    sizes = (32, 1_000) if options.quick else (32, 1_000, 10_000)
    yield table([chunks(n, 2 if options.quick else 41) for n in sizes])


if __name__ == "__main__":
    run(measure, __doc__, "small_fits")
