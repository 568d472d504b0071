"""Which loss to stop a balanced boosted model by, and with how much patience.

A model with class weights is trained to the last round once. Four losses of the
validation rows are then followed offline: with the class weights ("emphasis"), without
("population"), without after the class weights are divided out of the odds ("divided"),
and without after a sigmoid refitted each round ("refined"). Where each stops, the model
is calibrated by a sigmoid on other rows. Regret is the log loss of the population, by
the true probabilities of new rows, above that of the best round; times 10,000.
"""

import numpy as np
import pandas as pd
from _common import Figure, run, table
from lightgbm import LGBMClassifier
from scipy.special import expit, xlog1py, xlogy
from sklearn.ensemble import HistGradientBoostingClassifier
from xgboost import DMatrix, XGBClassifier

from skweight.calibration import SigmoidCalibrator
from skweight.datasets import make_imbalanced
from skweight.metrics import RefinedLogLoss

N_TRAIN, N_WATCH, N_CALIBRATE, N_NEW = 3000, 1000, 1500, 5000
PATIENCE = (20, 50, 100)
WATCHES = ("emphasis", "population", "divided", "refined")
N_SEEDS = 5

# prevalence, standard deviation of the log odds, its part that is not linear, features,
# columns of noise.
PROBLEMS = [
    (0.02, 2.0, 0.3, 5, 0),
    (0.02, 3.0, 0.7, 10, 10),
    (0.02, 1.5, 0.0, 8, 0),
    (0.05, 2.0, 0.5, 5, 15),
    (0.05, 3.0, 0.2, 10, 0),
    (0.05, 1.0, 0.5, 6, 0),
    (0.10, 2.0, 0.8, 6, 6),
    (0.10, 1.5, 0.3, 12, 0),
    (0.10, 4.0, 0.5, 8, 8),
    (0.20, 2.0, 0.5, 5, 0),
    (0.20, 1.0, 0.2, 10, 10),
    (0.20, 3.0, 0.9, 6, 0),
]


# -- one model, round by round ---------------------------------------------------------


def xgboost(rounds, X, y, weight, rows):
    """Yield the log odds of the rows after every round."""
    model = XGBClassifier(n_estimators=rounds, learning_rate=0.1, n_jobs=1)
    booster = model.fit(X, y, sample_weight=weight).get_booster()
    matrix = DMatrix(rows, nthread=1)
    parts = (
        booster.predict(matrix, output_margin=True, iteration_range=(t, t + 1))
        for t in range(rounds)
    )
    # Every part of a model has the start in it.
    start = booster.predict(matrix, output_margin=True, iteration_range=(0, 2))
    first, second = next(parts).astype(float), next(parts)
    start = first + second - start
    yield first
    total = first + second - start
    yield total
    for part in parts:
        total = total + part - start
        yield total


def lightgbm(rounds, X, y, weight, rows):
    """Yield the log odds of the rows after every round."""
    model = LGBMClassifier(
        n_estimators=rounds, learning_rate=0.1, verbose=-1, n_jobs=1
    ).fit(X, y, sample_weight=weight)
    total = np.zeros(len(rows))
    for t in range(rounds):
        # LightGBM puts the start into the first tree.
        total += model.booster_.predict(
            rows, raw_score=True, start_iteration=t, num_iteration=1
        )
        yield total.copy()


def hist_gradient_boosting(rounds, X, y, weight, rows):
    """Yield the log odds of the rows after every round."""
    model = HistGradientBoostingClassifier(
        max_iter=rounds, learning_rate=0.1, early_stopping=False
    ).fit(X, y, sample_weight=weight)
    yield from (np.ravel(scores) for scores in model.staged_decision_function(rows))


LIBRARIES = {
    "XGBoost": xgboost,
    "LightGBM": lightgbm,
    "HistGradientBoosting": hist_gradient_boosting,
}


def log_loss(p, proba, weight=None):
    """Return the mean loss of probabilities where the truth is p."""
    proba = np.clip(proba, 1e-15, 1 - 1e-15)
    loss = -xlogy(p, proba) - xlog1py(1 - p, -proba)
    return np.average(loss, weights=weight)


def stop(curve, patience):
    """Return the best round when no later one was better for so many rounds."""
    best = 0
    for t, value in enumerate(curve):
        if value < curve[best]:
            best = t
        elif t - best >= patience:
            break
    return best


def follow(library, problem, seed, rounds, small):
    """Return the rows of the table that one training makes."""
    prevalence, class_sep, nonlinearity, n_features, n_noise = problem
    sizes = np.array([N_TRAIN, N_WATCH, N_CALIBRATE, N_NEW]) // (4 if small else 1)
    data = make_imbalanced(
        int(sizes.sum()),
        prevalence=prevalence,
        class_sep=class_sep,
        nonlinearity=nonlinearity,
        n_features=n_features,
        random_state=seed,
    )
    noise = np.random.default_rng(seed).normal(size=(len(data.y), n_noise))
    X = np.column_stack([data.X, noise])
    train, watch, calibrate, new = np.split(np.arange(len(X)), np.cumsum(sizes)[:-1])
    by_class = sizes[0] / (2 * np.bincount(data.y[train]))
    shift = np.log(by_class[1] / by_class[0])
    y, p = data.y, data.proba[:, 1]
    refined = RefinedLogLoss(raw=True)
    curves = {watched: [] for watched in WATCHES}
    truth = []
    later = len(train)
    rows = X[later:]
    for scores in LIBRARIES[library](
        rounds, X[train], y[train], by_class[y[train]], rows
    ):
        s = scores[watch - later]
        plain = expit(s)
        curves["emphasis"].append(log_loss(y[watch], plain, by_class[y[watch]]))
        curves["population"].append(log_loss(y[watch], plain))
        curves["divided"].append(log_loss(y[watch], expit(s - shift)))
        curves["refined"].append(refined(y[watch], s))
        sigmoid = SigmoidCalibrator().fit(scores[calibrate - later], y[calibrate])
        proba = sigmoid.predict_proba(scores[new - later])[:, 1]
        truth.append(log_loss(p[new], proba))
    best = int(np.argmin(truth))
    return [
        {
            "library": library,
            "prevalence": prevalence,
            "problem": str(problem),
            "seed": seed,
            "watch": watched,
            "patience": patience,
            "round": stop(curve, patience) + 1,
            "regret": 1e4 * (truth[stop(curve, patience)] - truth[best]),
            "best round": best + 1,
        }
        for watched, curve in curves.items()
        for patience in PATIENCE
    ]


# -- tables ----------------------------------------------------------------------------


def by_watch(runs):
    """Return a table of mean regret and rounds, a row for each watch."""
    rows = []
    for watched in WATCHES:
        row = {"watch": watched}
        for patience in PATIENCE:
            part = runs[(runs.watch == watched) & (runs.patience == patience)]
            mean = part.groupby("problem").regret.mean()
            row[f"patience {patience}"] = Figure(
                mean.mean(), ".1f", mean.std() / np.sqrt(len(mean))
            )
        for patience in PATIENCE:
            part = runs[(runs.watch == watched) & (runs.patience == patience)]
            row[f"rounds, {patience}"] = Figure(part["round"].mean(), ".0f")
        rows.append(row)
    return table(rows)


def against_emphasis(runs):
    """Return what every watch has of the regret of emphasis at its best patience."""
    rows = []
    for library, part in runs.groupby("library", sort=False):
        mean = part.groupby(["watch", "patience"]).regret.mean()
        best = mean["emphasis"].min()
        row = {"library": library, "emphasis, its best": Figure(best, ".1f")}
        for watched in WATCHES:
            for patience in (20, 100):
                share = mean[watched, patience] / best
                row[f"{watched}, {patience}"] = Figure(share, ".2f")
        rows.append(row)
    return table(rows)


def by_prevalence(runs):
    """Return the mean regret at patience 100 for every prevalence and library."""
    runs = runs[runs.patience == 100]
    rows = []
    for (library, prevalence), part in runs.groupby(
        ["library", "prevalence"], sort=False
    ):
        mean = part.groupby("watch").regret.mean()
        best = part.groupby(["problem", "seed"])["best round"].first().mean()
        rows.append(
            {
                "library": library,
                "prevalence": f"{prevalence:.0%}",
                **{watched: Figure(mean[watched], ".1f") for watched in WATCHES},
                "best round": Figure(best, ".0f"),
            }
        )
    return table(rows)


def measure(options):
    """Yield the tables."""
    problems = PROBLEMS[-1:] if options.quick else PROBLEMS
    rounds = 30 if options.quick else 400
    runs = pd.DataFrame(
        [
            row
            for number, problem in enumerate(problems)
            for seed in range(1 if options.quick else N_SEEDS)
            for library in LIBRARIES
            for row in follow(
                library, problem, 100 * number + seed, rounds, options.quick
            )
        ]
    )
    yield (
        f"{len(problems)} problems x {1 if options.quick else N_SEEDS} seeds, learning "
        f"rate 0.1, at most {rounds} rounds, {N_TRAIN} training, {N_WATCH} validation "
        f"and {N_CALIBRATE} calibration rows, {N_NEW} new ones. Regret x 10,000 with "
        "the standard error over problems; mean rounds."
    )
    for library in LIBRARIES:
        yield f"{library}:\n\n" + by_watch(runs[runs.library == library])
    yield "Regret as a share of that of emphasis at its best patience:\n\n" + (
        against_emphasis(runs)
    )
    yield "At patience 100, by prevalence:\n\n" + by_prevalence(runs)


if __name__ == "__main__":
    run(measure, __doc__, "early_stopping_watches")
