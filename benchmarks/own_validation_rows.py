"""What it costs that a learner watches rows that it holds out by itself.

A balanced HistGradientBoostingClassifier that stops early, calibrated by a sigmoid on
a hold-out. Rows to watch are held out by the learner itself: with the class weights it
is given ("weights"), or after rare rows were repeated ("copies"); or they are cut by
``validation_fraction``, before both. Regret is the log loss of the population, by the
true probabilities of new rows, above that of the truth itself; times 10,000.
"""

import numpy as np
import pandas as pd
from _common import Figure, run, table
from scipy.special import xlog1py, xlogy
from sklearn.ensemble import HistGradientBoostingClassifier

from skweight import WeightedClassifier
from skweight.datasets import make_imbalanced

N_TRAIN, N_NEW, N_SEEDS = 12_000, 20_000, 3
PATIENCE = (10, 50)
# prevalence, standard deviation of the log odds, its part that is not linear.
PROBLEMS = [
    (0.02, 2.0, 0.3),
    (0.02, 3.0, 0.7),
    (0.05, 2.0, 0.5),
    (0.05, 1.0, 0.5),
    (0.10, 2.0, 0.8),
    (0.10, 4.0, 0.5),
    (0.20, 2.0, 0.5),
    (0.20, 1.0, 0.2),
]
WAYS = {
    "own rows, weights": {},
    "own rows, copies": {"resampler": "random_over"},
    "ours, weights": {"validation_fraction": 0.1},
    "ours, copies": {"validation_fraction": 0.1, "resampler": "random_over"},
}


def regret(p, proba):
    """Return the mean excess log loss of probabilities where the truth is p."""
    proba = np.clip(proba, 1e-15, 1 - 1e-15)
    loss = xlogy(p, p / proba) + xlog1py(1 - p, -p) - xlog1py(1 - p, -proba)
    return 1e4 * float(np.mean(loss))


def follow(problem, seed, small):
    """Return the rows of the table that one data set makes."""
    prevalence, class_sep, nonlinearity = problem
    n_train, n_new = (n // (8 if small else 1) for n in (N_TRAIN, N_NEW))
    data = make_imbalanced(
        n_train + n_new,
        prevalence=prevalence,
        class_sep=class_sep,
        nonlinearity=nonlinearity,
        random_state=seed,
    )
    X, y, p = data.X[:n_train], data.y[:n_train], data.proba[n_train:, 1]
    rows = []
    for patience in PATIENCE:
        model = HistGradientBoostingClassifier(
            max_iter=30 if small else 300,
            early_stopping=True,
            n_iter_no_change=patience,
            random_state=seed,
        )
        for way, params in WAYS.items():
            clf = WeightedClassifier(
                model,
                calibration="sigmoid",
                cv="holdout",
                random_state=seed,
                **params,
            ).fit(X, y)
            proba = clf.predict_proba(data.X[n_train:])[:, 1]
            rows.append(
                {
                    "way": way,
                    "patience": patience,
                    "problem": str(problem),
                    "regret": regret(p, proba),
                    "rounds": clf.estimator_.n_iter_,
                }
            )
    return rows


def measure(options):
    """Yield the table."""
    seeds = 1 if options.quick else N_SEEDS
    problems = PROBLEMS[-1:] if options.quick else PROBLEMS
    runs = pd.DataFrame(
        [
            row
            for number, problem in enumerate(problems)
            for seed in range(seeds)
            for row in follow(problem, 100 * number + seed, options.quick)
        ]
    )
    shown = []
    for way in WAYS:
        row = {"rows to watch": way}
        for patience in PATIENCE:
            part = runs[(runs.way == way) & (runs.patience == patience)]
            mean = part.groupby("problem").regret.mean()
            error = mean.std() / np.sqrt(len(mean))
            row[f"regret, patience {patience}"] = Figure(mean.mean(), ".1f", error)
            row[f"rounds, {patience}"] = Figure(part.rounds.mean(), ".0f")
        shown.append(row)
    yield (
        f"{len(problems)} problems x {seeds} seeds, {N_TRAIN:,} training rows, at most "
        "300 rounds. Regret x 10,000 with the standard error over problems."
    )
    yield table(shown)


if __name__ == "__main__":
    run(measure, __doc__, "own_validation_rows")
