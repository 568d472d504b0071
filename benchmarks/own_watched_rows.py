"""What emphasis costs a learner that stops early by rows that it holds out itself.

HistGradientBoosting above 10,000 rows, GradientBoosting with n_iter_no_change, and MLP
and SGD with early_stopping hold out a share of what they are given, with the weights of
training. Each balanced learner is fitted so, without early stopping, and, where it
takes rows from outside, with validation_fraction= of this library; then without any
emphasis, to tell what is due to emphasis from what is due to stopping. Probabilities
are those of a sigmoid fitted on other rows. The loss is the log loss of the population,
by the true probabilities of new rows. Last, copies: what random over-sampling does to
the rounds.
"""

import warnings

import numpy as np
import pandas as pd
from _common import Figure, run, table
from scipy.special import xlog1py, xlogy
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import WeightedClassifier
from skweight.calibration import SigmoidCalibrator
from skweight.datasets import make_imbalanced
from skweight.exceptions import DoubleCountingWarning

N_SEEDS = 1
N_CALIBRATE, N_NEW = 2000, 4000

# prevalence, standard deviation of the log odds, its part that is not linear, features,
# columns of noise.
PROBLEMS = [
    (0.02, 2.0, 0.3, 5, 0),
    (0.02, 3.0, 0.7, 10, 5),
    (0.02, 1.5, 0.0, 8, 0),
    (0.05, 2.0, 0.5, 5, 10),
    (0.05, 3.0, 0.2, 10, 0),
    (0.05, 1.0, 0.5, 6, 0),
    (0.10, 2.0, 0.8, 6, 6),
    (0.10, 1.5, 0.3, 12, 0),
    (0.20, 2.0, 0.5, 5, 0),
    (0.20, 3.0, 0.9, 6, 4),
]


def hist(early, max_iter=100):
    return HistGradientBoostingClassifier(
        max_iter=max_iter, early_stopping="auto" if early else False, random_state=0
    )


def hist_ours(early, max_iter=100):
    return HistGradientBoostingClassifier(
        max_iter=max_iter, early_stopping=True, n_iter_no_change=50, random_state=0
    )


def gradient(early):
    return GradientBoostingClassifier(
        n_iter_no_change=10 if early else None, random_state=0
    )


def network(early):
    return make_pipeline(
        StandardScaler(), MLPClassifier((32,), early_stopping=early, random_state=0)
    )


def descent(early):
    return make_pipeline(
        StandardScaler(),
        SGDClassifier(loss="log_loss", early_stopping=early, random_state=0),
    )


# Name, training rows, a function of whether it stops early, the same with the patience
# that rows of ours need, where it takes any.
LEARNERS = [
    ("HistGradientBoosting", 11_000, hist, hist_ours),
    ("GradientBoosting", 3000, gradient, None),
    ("MLP", 3000, network, None),
    ("SGD", 3000, descent, None),
]


def make(problem, seed, n_train):
    """Return features, labels and true probabilities, and the parts of the rows."""
    prevalence, class_sep, nonlinearity, n_features, n_noise = problem
    sizes = [n_train, N_CALIBRATE, N_NEW]
    data = make_imbalanced(
        sum(sizes),
        prevalence=prevalence,
        class_sep=class_sep,
        nonlinearity=nonlinearity,
        n_features=n_features,
        random_state=seed,
    )
    noise = np.random.default_rng(seed).normal(size=(len(data.y), n_noise))
    X = np.column_stack([data.X, noise])
    parts = np.split(np.arange(len(X)), np.cumsum(sizes)[:-1])
    return X, data.y, data.proba[:, 1], parts


def rounds_of(model):
    """Return the rounds, trees or epochs of the learner in a fitted model."""
    learner = model[-1] if hasattr(model, "steps") else model
    return getattr(learner, "n_estimators_", getattr(learner, "n_iter_", None))


def fitted(learner, X, y, **params):
    """Return a fitted model; what a fit warns of is what is measured here."""
    wrapper = WeightedClassifier(learner, calibration=None, random_state=0, **params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", DoubleCountingWarning)
        return wrapper.fit(X, y).estimator_


def loss_of(model, X, y, p, parts):
    """Return the log loss by true probabilities, calibrated on rows of their own."""
    _, calibrate, new = parts
    if hasattr(model, "decision_function"):
        scores = model.decision_function(X)
    else:
        proba = np.clip(model.predict_proba(X), 1e-12, 1)
        scores = np.log(proba[:, 1] / proba[:, 0])
    sigmoid = SigmoidCalibrator().fit(scores[calibrate], y[calibrate])
    proba = np.clip(sigmoid.predict_proba(scores[new])[:, 1], 1e-15, 1 - 1e-15)
    return float(np.mean(-xlogy(p[new], proba) - xlog1py(1 - p[new], -proba)))


def compare(name, n_train, early, ours, problem, seed):
    """Return a row for each way of stopping."""
    X, y, p, parts = make(problem, seed, n_train)
    train = parts[0]
    ways = {
        "own rows, weighted": (early(True), {}),
        "no early stopping, weighted": (early(False), {}),
        "own rows, unweighted": (early(True), {"weighting": None}),
        "no early stopping, unweighted": (early(False), {"weighting": None}),
    }
    if ours is not None:
        ways["validation_fraction=0.1, weighted"] = (
            ours(True),
            {"validation_fraction": 0.1},
        )
    rows = []
    for way, (learner, params) in ways.items():
        model = fitted(learner, X[train], y[train], **params)
        rows.append(
            {
                "learner": name,
                "problem": str(problem),
                "prevalence": problem[0],
                "seed": seed,
                "way": way,
                "loss": 1e4 * loss_of(model, X, y, p, parts),
                "rounds": rounds_of(model),
            }
        )
    return rows


def copies(problem, seed):
    """Return rounds and loss of boosting that watches copies of its training rows."""
    X, y, p, parts = make(problem, seed, 11_000)
    train = parts[0]
    ways = {
        "random over-sampling": {"weighting": None, "resampler": "random_over"},
        "weights": {},
        "neither": {"weighting": None},
    }
    rows = []
    for way, params in ways.items():
        model = fitted(hist(True, 300), X[train], y[train], **params)
        rows.append(
            {
                "problem": str(problem),
                "way": way,
                "rounds": rounds_of(model),
                "loss": 1e4 * loss_of(model, X, y, p, parts),
            }
        )
    return rows


# -- tables ----------------------------------------------------------------------------


def by_learner(runs):
    """Return a table of loss above that of the way with none, and rounds."""
    rows = []
    for (name, way), part in runs.groupby(["learner", "way"], sort=False):
        kind = way.rpartition(" ")[2]
        base = runs[(runs.learner == name) & (runs.way == f"no early stopping, {kind}")]
        keys = ["problem", "seed"]
        excess = (
            (part.set_index(keys).loss - base.set_index(keys).loss)
            .groupby("problem")
            .mean()
        )
        rows.append(
            {
                "learner": name,
                "stops by": way,
                "loss above no early stopping": Figure(
                    excess.mean(), "+.1f", excess.std() / np.sqrt(len(excess))
                ),
                "problems where it is above": f"{(excess > 0).sum()} of {len(excess)}",
                "log loss x 10,000": Figure(part.loss.mean(), ".0f"),
                "median rounds": Figure(part.rounds.median(), ".0f"),
            }
        )
    return table(rows)


def by_prevalence(runs):
    """Return what own weighted rows cost for every prevalence."""
    keys = ["learner", "prevalence", "problem", "seed"]
    both = [
        runs[runs.way == way].set_index(keys).loss
        for way in ("own rows, weighted", "no early stopping, weighted")
    ]
    excess = (both[0] - both[1]).groupby(["learner", "prevalence"], sort=False).mean()
    rows = []
    for name in runs.learner.unique():
        row = {"learner": name}
        for prevalence, value in excess[name].items():
            row[f"{prevalence:.0%}"] = Figure(value, "+.1f")
        rows.append(row)
    return table(rows)


def of_copies(runs):
    """Return the table of over-sampling."""
    rows = []
    for way, part in runs.groupby("way", sort=False):
        mean = part.groupby("problem").loss.mean()
        rows.append(
            {
                "rows of HistGradientBoosting": way,
                "median rounds of at most 300": Figure(part.rounds.median(), ".0f"),
                "log loss x 10,000": Figure(mean.mean(), ".0f"),
            }
        )
    return table(rows)


def measure(options):
    """Yield the tables."""
    problems = PROBLEMS[-2:] if options.quick else PROBLEMS
    learners = LEARNERS[2:3] if options.quick else LEARNERS
    seeds = range(1 if options.quick else N_SEEDS)
    runs = pd.DataFrame(
        [
            row
            for number, problem in enumerate(problems)
            for seed in seeds
            for name, n_train, early, ours in learners
            for row in compare(
                name,
                400 if options.quick else n_train,
                early,
                ours,
                problem,
                100 * number + seed,
            )
        ]
    )
    yield (
        f"{len(problems)} problems x {len(seeds)} seeds; {N_CALIBRATE} calibration "
        f"rows and {N_NEW} new ones. Differences of log loss x 10,000 with the "
        "standard error over problems, each against the same learner without early "
        "stopping and with the same weights."
    )
    yield by_learner(runs)
    yield "Weighted, own rows against no early stopping, by prevalence:\n\n" + (
        by_prevalence(runs)
    )
    if not options.quick:
        copied = pd.DataFrame(
            [
                row
                for number, problem in enumerate(problems[::2])
                for row in copies(problem, 100 * number)
            ]
        )
        yield "Copies among the rows that it holds out (11,000 rows):\n\n" + (
            of_copies(copied)
        )


if __name__ == "__main__":
    run(measure, __doc__, "own_watched_rows")
