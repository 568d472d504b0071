"""What does the wrapper cost around other libraries, against the native call?

Either way the learner gets the same weights, those of a balanced fit, and calibration
is None; the native call is handed its weights, and pays for none of the work that
makes them. The wrapper does the same work for any number of rounds, so that its share
is largest with few, and these are far fewer than anyone trains.
"""

import gc
import time
from importlib import import_module

import numpy as np
from _common import Figure, ratio, run, table
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.utils.class_weight import compute_sample_weight

from skweight import WeightedClassifier

N_ROUNDS = 20
LIBRARIES = {
    "XGBoost": (
        "xgboost",
        "XGBClassifier",
        {"n_estimators": N_ROUNDS, "n_jobs": 1},
    ),
    "LightGBM": (
        "lightgbm",
        "LGBMClassifier",
        {"n_estimators": N_ROUNDS, "n_jobs": 1, "verbose": -1},
    ),
    "CatBoost": (
        "catboost",
        "CatBoostClassifier",
        {
            "iterations": N_ROUNDS,
            "thread_count": 1,
            "verbose": False,
            "random_seed": 0,
            "allow_writing_files": False,
        },
    ),
    "skorch": (
        "skweight.torch",
        "WeightedNetClassifier",
        {"max_epochs": 1, "batch_size": 512, "verbose": 0, "train_split": None},
    ),
}


def learner_of(name, n_features):
    """Return an unfitted learner of a library, or None where it is not installed."""
    package, cls, params = LIBRARIES[name]
    if name == "skorch":
        try:
            import torch
        except ImportError:
            return None
        torch.set_num_threads(1)
        return getattr(import_module(package), cls)(
            torch.nn.Linear(n_features, 2),
            criterion=torch.nn.CrossEntropyLoss,
            **params,
        )
    try:
        return getattr(import_module(package), cls)(**params)
    except ImportError:
        return None


def alternate(functions, repeats):
    """Return CPU seconds, one row per repeat and one column per function, in turns.

    Garbage is collected between calls: a fit that pays for what the one before it left
    behind is not slower.
    """
    for function in functions:
        function()
    rng, seconds = np.random.default_rng(0), np.empty((repeats, len(functions)))
    for row in seconds:
        for i in rng.permutation(len(functions)):
            gc.collect()
            start = time.process_time()
            functions[i]()
            row[i] = time.process_time() - start
    return seconds


def compare(name, X, y, repeats):
    """Return the row of a library; None where it is not installed."""
    learner = learner_of(name, X.shape[1])
    if learner is None:
        return None
    given = compute_sample_weight("balanced", y)
    wrapped = WeightedClassifier(learner, calibration=None)

    def native(weight):
        return clone(learner).fit(X, y, sample_weight=weight)

    fit = alternate(
        [
            lambda: wrapped.fit(X, y),
            lambda: native(given),
        ],
        repeats,
    )
    own = native(given)
    predict = alternate([lambda: wrapped.predict(X), lambda: own.predict(X)], repeats)
    fit_ratio, interval = ratio(fit)
    difference = np.abs(wrapped.predict_proba(X) - own.predict_proba(X)).max()
    predict_ratio, predict_interval = ratio(predict)
    return {
        "library": name,
        "fit CPU s": float(np.median(fit[:, 0])),
        "native": float(np.median(fit[:, 1])),
        "fit ratio": Figure(fit_ratio, ".3f"),
        "95 % interval": interval,
        "predict ratio": Figure(predict_ratio, ".3f"),
        "95 % interval of it": predict_interval,
        "largest difference of probabilities": Figure(difference, ".1e"),
    }


def measure(options):
    """Yield the table."""
    n_rows, repeats = (1_000, 2) if options.quick else (100_000, options.repeats)
    X, y = make_classification(n_rows, 20, weights=[0.95], random_state=0)
    X = X.astype(np.float32)
    rows = [compare(name, X, y, repeats) for name in LIBRARIES]
    missing = [name for name, row in zip(LIBRARIES, rows, strict=True) if row is None]
    yield (
        f"{n_rows:,} rows x 20 columns, weighting='balanced', calibration=None, "
        f"{N_ROUNDS} rounds or 1 epoch, {repeats} pairs: medians of paired ratios."
        + (f" Not installed: {', '.join(missing)}." if missing else "")
    )
    yield table([row for row in rows if row is not None])


def arguments(parser):
    parser.add_argument("--repeats", type=int, default=11, help="pairs of fits")


if __name__ == "__main__":
    run(measure, __doc__, "framework_overhead", arguments)
