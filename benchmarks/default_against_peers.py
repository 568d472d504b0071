"""The default of WeightedClassifier against scikit-learn and probcal, and why.

The default is one model with balanced weights, calibrated by "auto". It is compared
with the plain learner, with CalibratedClassifierCV, and with other settings of its own.
Everything is fitted on the same five folds. Where two rows of a table need the same fit
of a learner it is made once, so that they differ only by what their names say: by the
weights, by whether the fold models are averaged, or by the map.

Log loss is over that of the class frequencies. Where a problem was drawn from known
probabilities, it is the expectation over the labels. The maps of probcal replace "auto"
inside of the same wrapper and learn from the same held-out scores.
"""

import json
import sys
import time
import warnings
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
from _common import Figure, alternate, run, table
from _open_problems import TWO_CLASSES, Split
from calibration_choice import probcal_maps, tables
from lightgbm import LGBMClassifier
from scipy.special import expit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import WeightedClassifier

# Rows to train on.
SIZES = {
    "mammography": 2500,
    "phoneme": 1000,
    "german": 500,
    "adult": 2000,
    "churn": 2000,
    "marketing": 2000,
}
N_TEST, N_SEEDS = 4000, 3
BASES = (LogisticRegression, LGBMClassifier, RandomForestClassifier)


def learners(weight=None):
    """Return unfitted learners; ``weight`` is their own class_weight."""
    return {
        "linear": make_pipeline(
            StandardScaler(), LogisticRegression(max_iter=1000, class_weight=weight)
        ),
        "boosting": LGBMClassifier(
            n_estimators=50,
            num_leaves=15,
            class_weight=weight,
            n_jobs=1,
            verbose=-1,
            random_state=0,
        ),
        "forest": RandomForestClassifier(30, class_weight=weight, random_state=0),
    }


FAMILIES = tuple(learners())


class Probcal:
    """A map of probcal as a calibrator: it takes log odds instead of probabilities."""

    def __init__(self, make):
        self.make = make

    def fit(self, scores, y, sample_weight=None):
        """Learn from held-out scores of two classes."""
        self.map_ = self.make().fit(expit(scores), y)
        return self

    def predict_proba(self, scores):
        """Return the probabilities of both classes."""
        proba = np.asarray(self.map_.predict_proba(expit(scores)))
        return np.column_stack([1 - proba, proba])


def ours(family, folds, **params):
    """Return our wrapper around the learner of a family."""
    return WeightedClassifier(learners()[family], cv=folds, random_state=0, **params)


def theirs(family, folds, method, ensemble, weight=None):
    """Return scikit-learn's wrapper around the learner of a family."""
    learner = learners(weight)[family]
    return CalibratedClassifierCV(learner, method=method, ensemble=ensemble, cv=folds)


PLAIN, DEFAULT = "plain", "default"
NONE, AVERAGED = "weighting=None", "ensemble=True"
BOTH = f"{NONE}, {AVERAGED}"
METHODS = {
    PLAIN: lambda family, folds: learners()[family],
    DEFAULT: ours,
    AVERAGED: partial(ours, ensemble=True),
    NONE: partial(ours, weighting=None),
    BOTH: partial(ours, weighting=None, ensemble=True),
    'weighting="auto"': partial(ours, weighting="auto"),
    "sklearn sigmoid": partial(theirs, method="sigmoid", ensemble=True),
    "sklearn isotonic": partial(theirs, method="isotonic", ensemble=True),
    "sklearn sigmoid, one model": partial(theirs, method="sigmoid", ensemble=False),
    "sklearn isotonic, one model": partial(theirs, method="isotonic", ensemble=False),
    "sklearn sigmoid, balanced": partial(
        theirs, method="sigmoid", ensemble=True, weight="balanced"
    ),
    "sklearn sigmoid, balanced, one model": partial(
        theirs, method="sigmoid", ensemble=False, weight="balanced"
    ),
}
# What scikit-learn's users would call it with; the others show causes.
PEERS = [
    name for name in METHODS if name.startswith("sklearn") and "balanced" not in name
]


def methods():
    """Return all that is compared: the maps of probcal follow the other methods."""
    of_probcal = {}
    for name, make in probcal_maps().items():
        of_probcal[name] = partial(ours, calibration=Probcal(make))
        of_probcal[f"{name}, {NONE}"] = partial(
            ours, calibration=Probcal(make), weighting=None
        )
    return METHODS | of_probcal


# -- measuring ---------------------------------------------------------------------


@contextmanager
def shared_fits():
    """Fit a learner with the same parameters on the same rows and weights only once."""
    fitted = {}

    def sharing(fit):
        @wraps(fit)
        def wrapper(self, *args, **kwargs):
            key = type(self), repr(sorted(self.get_params().items())), digest(args)
            key += digest(kwargs.values()), tuple(kwargs)
            if key not in fitted:
                fitted[key] = vars(fit(self, *args, **kwargs)).copy()
            vars(self).update(fitted[key])
            return self

        return wrapper

    with ExitStack() as stack:
        for cls in BASES:
            stack.enter_context(mock.patch.object(cls, "fit", sharing(cls.fit)))
        yield


def digest(arrays):
    """Return a short key of arrays."""
    total = blake2b()
    for values in arrays:
        total.update(np.ascontiguousarray(values).tobytes())
        total.update(repr(np.shape(values)).encode())
    return total.digest()


def problems(options):
    """Yield name and a function of the seed that returns a split."""
    n_problems = 1 if options.quick else len(TWO_CLASSES)
    yield from list(TWO_CLASSES.items())[:n_problems]
    for name, X, y in tables(options):
        yield name, partial(split_table, X, y, SIZES[name])


def split_table(X, y, n_train, seed):
    """Return a part of a table to train on, and another to be judged by."""
    X, X_test, y, y_test = train_test_split(
        X,
        y,
        train_size=n_train,
        test_size=min(y.size - n_train, N_TEST),
        stratify=y,
        random_state=seed,
    )
    return Split(X, y, X_test, y_test)


def log_loss(split, proba):
    """Return the log loss of the test rows, expected where the truth is known."""
    hits = np.eye(2)[split.y_test] if split.truth is None else split.truth
    return -(hits * np.log(np.clip(proba, 1e-12, None))).sum(axis=1).mean()


def measured(options):
    """Return a frame: one row per problem, seed, family and method."""
    rows = []
    if options.cells is not None and options.cells.is_file():
        rows = [json.loads(line) for line in options.cells.read_text().splitlines()]
    if options.show:
        return pd.DataFrame(rows)
    finished = {(row["problem"], row["seed"]) for row in rows}
    # Seeds outside: a run that was stopped has measured all problems equally often.
    for seed in range(1 if options.quick else N_SEEDS):
        for name, draw in problems(options):
            if (name, seed) in finished:
                continue
            start = time.process_time()
            about = {"problem": name, "seed": seed}
            cell = [about | row for row in compared(draw(seed=seed), seed)]
            rows += cell
            if options.cells is not None:
                with options.cells.open("a") as file:
                    file.writelines(f"{json.dumps(row)}\n" for row in cell)
            seconds = time.process_time() - start
            print(f"seed {seed}, {name}: {seconds:.0f} CPU s", file=sys.stderr)
    return pd.DataFrame(rows)


def compared(split, seed):
    """Yield the loss and the mean probability, one row per family and method."""
    share = np.bincount(split.y) / split.y.size
    base = log_loss(split, np.tile(share, (split.y_test.size, 1)))
    frequency = (split.y_test if split.truth is None else split.truth[:, 1]).mean()
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    for family in FAMILIES:
        with warnings.catch_warnings(), shared_fits():
            warnings.simplefilter("ignore")
            for method, make in methods().items():
                model = make(family, folds).fit(split.X, split.y)
                proba = model.predict_proba(split.X_test)
                yield {
                    "family": family,
                    "method": method,
                    "loss": log_loss(split, proba) / base,
                    "mean": proba[:, 1].mean() / frequency,
                }


def arguments(parser):
    """Add the options that let a stopped run go on, or show what it has so far."""
    parser.add_argument(
        "--cells",
        type=Path,
        help="file to keep finished problems in; those that it has are not run again",
    )
    parser.add_argument(
        "--show", action="store_true", help="show what --cells has, and fit no more"
    )


def seconds_to_predict(options):
    """Yield how long predictions take, as shares of the time of scikit-learn's."""
    split = TWO_CLASSES["wide line, 10 %"](seed=0)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    timed = (DEFAULT, PLAIN, "sklearn sigmoid", "sklearn isotonic")
    for family in FAMILIES:
        models = []
        with warnings.catch_warnings(), shared_fits():
            warnings.simplefilter("ignore")
            for method in timed:
                models.append(METHODS[method](family, folds).fit(split.X, split.y))
        for n_rows in (1, split.y_test.size):
            X = split.X_test[:n_rows]
            calls = [partial(quietly, model.predict_proba, X) for model in models]
            seconds = alternate(calls, 3 if options.quick else 11)
            share = [np.median(seconds[:, 0] / seconds[:, j]) for j in range(4)]
            yield {
                "learner": family,
                "rows": n_rows,
                "default, ms": Figure(1000 * np.median(seconds[:, 0]), ".2f"),
                "over plain": Figure(share[1], ".2f"),
                "over sklearn sigmoid": Figure(share[2], ".2f"),
                "over sklearn isotonic": Figure(share[3], ".2f"),
                "at most 1/4": bool(max(share[2:]) <= 0.25),
            }


def quietly(function, X):
    """Call without the warnings of LightGBM about names of columns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(X)


# -- tables ------------------------------------------------------------------------


def losses_of(frame):
    """Return the mean loss over seeds: one row per family and problem."""
    return frame.pivot_table("loss", ["family", "problem"], "method", sort=False)


def mean_of(values):
    """Return the mean over problems, and its standard error."""
    error = float(values.sem()) if values.size > 1 else None
    return Figure(float(values.mean()), "+.4f", error)


def averages(losses, names):
    """Return the table of means, and of how much more than the default they are."""
    rows = []
    for name in names:
        row = {"method": name}
        for family in FAMILIES:
            row[family] = Figure(losses.loc[family][name].mean(), ".4f")
        for family in FAMILIES:
            part = losses.loc[family]
            row[f"{family}, minus default"] = mean_of(part[name] - part[DEFAULT])
        rows.append(row)
    return table(rows)


# What a difference shows: the one minus the other.
CAUSES = {
    "balanced weights, one model": (DEFAULT, NONE),
    "balanced weights, averaged": (AVERAGED, BOTH),
    "balanced weights, in scikit-learn": (
        "sklearn sigmoid, balanced",
        "sklearn sigmoid",
    ),
    "one model instead of the average, balanced": (DEFAULT, AVERAGED),
    "one model instead of the average, no weights": (NONE, BOTH),
    "one model instead of the average, in scikit-learn": (
        "sklearn sigmoid, one model",
        "sklearn sigmoid",
    ),
    '"auto" instead of a sigmoid, one model, no weights': (
        NONE,
        "sklearn sigmoid, one model",
    ),
    '"auto" instead of a sigmoid, averaged, no weights': (BOTH, "sklearn sigmoid"),
    "all three: the default minus scikit-learn's": (DEFAULT, "sklearn sigmoid"),
}


def causes(losses):
    """Return the table of what each difference between the methods costs."""
    rows = []
    for words, (method, against) in CAUSES.items():
        row = {"log loss added by": words}
        for family in FAMILIES:
            part = losses.loc[family]
            row[family] = mean_of(part[method] - part[against])
        rows.append(row)
    return table(rows)


def claims(losses, names):
    """Yield what is claimed, what was measured, and whether it holds."""
    for method in (DEFAULT, NONE, BOTH):
        for other in (PLAIN, *PEERS):
            gap = {
                family: losses.loc[family][method] - losses.loc[family][other]
                for family in FAMILIES
            }
            yield {
                "claim": f"{method}: below {other} in the mean",
                **{family: mean_of(gap[family]) for family in FAMILIES},
                "in every family": all(gap[f].mean() < 0 for f in FAMILIES),
            }
    for other in names:
        method = NONE if other.endswith(NONE) else DEFAULT
        gap = {
            family: losses.loc[family][method] - losses.loc[family][other]
            for family in FAMILIES
        }
        yield {
            "claim": f"{method}: at or below {other}, within one standard error",
            **{family: mean_of(gap[family]) for family in FAMILIES},
            "in every family": not any(gap[f].mean() > gap[f].sem() for f in FAMILIES),
        }


def means(frame):
    """Return the table of mean predicted probabilities over the frequency."""
    rows = []
    for name in (PLAIN, DEFAULT, AVERAGED, NONE, BOTH, *PEERS):
        row = {"method": name}
        for family in FAMILIES:
            part = frame[(frame["method"] == name) & (frame["family"] == family)]
            mean = part.groupby("problem")["mean"].mean()
            row[family] = Figure(mean.mean(), ".3f")
            row[f"{family}, range"] = f"{mean.min():.2f} to {mean.max():.2f}"
        rows.append(row)
    return table(rows)


def by_problem(losses):
    """Return the table of how much the default is above scikit-learn's sigmoid."""
    rows = []
    for problem in losses.loc[FAMILIES[0]].index:
        row = {"problem": problem}
        for family in FAMILIES:
            loss = losses.loc[family, problem]
            row[family] = Figure(loss[DEFAULT] - loss["sklearn sigmoid"], "+.4f")
            row[f"{family}, {NONE}"] = Figure(
                loss[NONE] - loss["sklearn sigmoid"], "+.4f"
            )
        rows.append(row)
    return table(rows)


def measure(options):
    """Yield the tables."""
    frame = measured(options)
    losses = losses_of(frame)
    names = [name for name in methods() if name not in METHODS]
    n_seeds = frame.groupby("problem")["seed"].nunique()
    yield (
        f"{n_seeds.size} problems, {n_seeds.sum() / n_seeds.size:.3g} seeds each on "
        f"average ({n_seeds.sum()} in all); ± one standard error over problems."
    )
    yield "## Log loss over that of the prevalence\n\n" + averages(
        losses, [*METHODS, *names]
    )
    yield f"## What the differences come from\n\n{causes(losses)}"
    yield "## Claims\n\n" + table(list(claims(losses, names)))
    yield f"## Mean probability over the frequency\n\n{means(frame)}"
    yield "## Time to predict\n\n" + table(list(seconds_to_predict(options)))
    yield (
        "## By problem: log loss minus that of scikit-learn's sigmoid\n\n"
        + by_problem(losses)
    )
    try:
        yield f"probcal {version('probcal')}"
    except PackageNotFoundError:
        yield "probcal is not installed"


if __name__ == "__main__":
    run(measure, __doc__, "default_against_peers", arguments)
