"""Calibrating a balanced model with 1 % positives, against CalibratedClassifierCV.

The true probabilities are known: log loss is its expectation over the labels, so that
methods differ by what they learned and not by the test labels that were drawn.
"""

import warnings
from functools import partial

import numpy as np
from _common import (
    BASES,
    Figure,
    alternate,
    counted_fits,
    cpu_seconds,
    ratio,
    run,
    table,
)
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from skweight import BalancedWeighting, WeightedClassifier
from skweight.calibration._resolve import CALIBRATORS
from skweight.datasets import make_imbalanced

N_ROWS, N_LARGE = 200_000, 1_000_000
PREVALENCE = 0.01
SEEDS = (0, 1, 2)
MODELS = {
    "LR": partial(LogisticRegression, class_weight="balanced"),
    "HGB": partial(
        HistGradientBoostingClassifier,
        class_weight="balanced",
        max_iter=50,
        random_state=0,
    ),
}


def ours(make, **params):
    """Return our wrapper; emphasis by weighting= where the model has none itself."""
    model = make(class_weight=None)
    defaults = {"calibration": "auto", "ensemble": "auto", "random_state": 0}
    return WeightedClassifier(model, **(defaults | params))


METHODS = {
    "unweighted": lambda make: make(class_weight=None),
    "balanced": lambda make: make(),
    'ours, cv="auto"': ours,
    "ours, cv=5, one model": partial(ours, cv=5, ensemble=False),
    "ours, cv=5, averaged": partial(ours, cv=5, ensemble=True),
    "ours, half, cv=10, one model": partial(
        ours, weighting=BalancedWeighting(strength=0.5), cv=10, ensemble=False
    ),
    "sklearn sigmoid": lambda make: CalibratedClassifierCV(make(), method="sigmoid"),
    "sklearn isotonic": lambda make: CalibratedClassifierCV(make(), method="isotonic"),
    "sklearn sigmoid, one model": lambda make: CalibratedClassifierCV(
        make(), method="sigmoid", ensemble=False
    ),
    "sklearn isotonic, half": lambda make: CalibratedClassifierCV(
        make(class_weight={0: 1, 1: (1 / PREVALENCE - 1) ** 0.5}), method="isotonic"
    ),
}
LARGE = ('ours, cv="auto"', "sklearn sigmoid")


def problem(n_train, n_test, seed=0):
    """Return training rows, and test rows with their true probabilities."""
    data = make_imbalanced(
        n_train + n_test,
        n_features=6,
        prevalence=PREVALENCE,
        nonlinearity=0.4,
        random_state=seed,
    )
    return data.X[:n_train], data.y[:n_train], data.X[n_train:], data.proba[n_train:]


def true_loss(truth, proba):
    """Return the mean log loss of probabilities, in expectation over the labels."""
    proba = np.clip(proba, np.finfo(float).eps, 1)
    return -(truth * np.log(proba)).sum(axis=1).mean()


def measure_method(name, make, X, y, X_new, truth):
    """Return the figures of one method."""
    with warnings.catch_warnings(), counted_fits(*BASES) as fits:
        warnings.simplefilter("ignore")
        fit, model = cpu_seconds(METHODS[name](make).fit, X, y)
    calls = [cpu_seconds(model.predict_proba, X_new) for _ in range(3)]
    proba = calls[0][1]
    excess = true_loss(truth, proba) - true_loss(truth, truth)
    rows = np.random.default_rng(0).random(len(truth)) < truth[:, 1]
    return {
        "log loss": true_loss(truth, proba),
        "excess x 1000": 1000 * excess,
        "AUC": roc_auc_score(rows, proba[:, 1]),
        "mean p / prevalence": proba[:, 1].mean() / truth[:, 1].mean(),
        "base fits": len(fits),
        "fit CPU s": fit,
        "predict CPU ms": 1000 * min(seconds for seconds, _ in calls),
    }


FORMS = {
    "log loss": ".5f",
    "excess x 1000": ".2f",
    "AUC": ".4f",
    "mean p / prevalence": ".3f",
    "base fits": ".0f",
    "fit CPU s": ".3g",
    "predict CPU ms": ".3g",
}


def over_problems(name, make, problems):
    """Return the means of the figures of one method over several problems."""
    collected = [measure_method(name, make, *data) for data in problems]
    return {"method": name} | {
        column: Figure(np.mean([record[column] for record in collected]), form)
        for column, form in FORMS.items()
    }


def one_row(options):
    """Return the price of one row, as a multiple of the wrapped model's."""
    X, y, X_new, _ = problem(2000, 1000)
    collected = []
    for name, make in MODELS.items():
        for calibration in sorted(CALIBRATORS):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # "prior" of trees warns
                wrapper = ours(make, calibration=calibration, ensemble=False).fit(X, y)
            calls = [wrapper.predict_proba, wrapper.estimator_.predict_proba]
            calls = [partial(repeat, call, X_new[:1]) for call in calls]
            seconds = alternate(calls, 3 if options.quick else 60)
            value, interval = ratio(seconds)
            collected.append(
                {
                    "model": name,
                    "calibration": calibration,
                    "model alone, us": Figure(
                        1e6 * np.median(seconds[:, 1]) / _CALLS, ".0f"
                    ),
                    "calibrated / alone": Figure(value, ".3f"),
                    "95 % interval": interval,
                    "<= 1.3": bool(value <= 1.3),
                }
            )
    return collected


_CALLS = 20


def repeat(call, X):
    """Call so many times: one call is near the resolution of the clock."""
    for _ in range(_CALLS):
        call(X)


def measure(options):
    """Yield the tables."""
    n_rows, n_large = (2000, 4000) if options.quick else (N_ROWS, N_LARGE)
    seeds = SEEDS[:1] if options.quick else SEEDS
    claims = []
    by_name = {}
    for name, make in MODELS.items():
        problems = [problem(n_rows, n_rows, seed) for seed in seeds]
        rows = [over_problems(method, make, problems) for method in METHODS]
        by_name[name] = {row["method"]: row for row in rows}
        yield (
            f"## {name}, {n_rows:,} rows to train and to test, mean of {len(seeds)} "
            "problems\n\n" + table(rows)
        )
    for name, rows in by_name.items():
        theirs = [row for method, row in rows.items() if method.startswith("sklearn")]
        half = theirs.pop()
        best = min(theirs, key=lambda row: row["log loss"])
        pairs = [(method, best) for method in rows if method.startswith("ours")]
        # Weights of half strength are ours to choose, and theirs to be given by hand.
        for method, best in [*pairs, ("ours, half, cv=10, one model", half)]:
            loss = rows[method]["log loss"] / best["log loss"]
            speed = best["predict CPU ms"] / rows[method]["predict CPU ms"]
            claims.append(
                {
                    "model": name,
                    "method": method,
                    "against": best["method"],
                    "log loss / theirs": Figure(loss, ".4f"),
                    "<= 1": bool(loss <= 1),
                    "predict x faster": Figure(speed, ".2f"),
                    ">= 4": bool(speed >= 4),
                }
            )
    large = []
    for name, make in MODELS.items():
        data = problem(n_large, n_rows)
        rows = [over_problems(method, make, [data]) for method in LARGE]
        share = rows[0]["fit CPU s"] / rows[1]["fit CPU s"]
        large += [{"model": name} | row for row in rows]
        claims_large = {
            "model": name,
            'fit with cv="auto" / sklearn sigmoid': Figure(share, ".3f"),
            "<= 1/3": bool(share <= 1 / 3),
        }
        by_name[name] = claims_large
    yield f"## {n_large:,} rows to train\n\n" + table(large)
    yield "## One row\n\n" + table(one_row(options))
    yield "## Claims\n\n" + table(claims)
    yield table(list(by_name.values()))


if __name__ == "__main__":
    run(measure, __doc__, "calibration_main")
