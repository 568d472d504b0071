"""What to do for rare classes where the learner takes no weights at all.

Nearest neighbours, and a learner that keeps its rows as a context and reads a
probability off them by their nearness, as in-context models do. It is fitted without
weights, or balanced by rows: "subsample" leaves rows of the frequent class out,
"resample" repeats those of the rare one. Labels follow decision="balanced" without
weights, and what the weights say with them, which is the same aim. All by true
probabilities of new rows: the log loss above that of the truth, and the balanced
accuracy. Last, with a limit to the context: a random part of the rows, of the same size
as the subsample, calibrated on the others.
"""

import time

import numpy as np
import pandas as pd
from _common import Figure, run, table
from own_watched_rows import PROBLEMS, make
from scipy.special import softmax, xlogy
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import WeightedClassifier

N_SEEDS, N_TRAIN = 2, 3000


class InContext(ClassifierMixin, BaseEstimator):
    """Attention over the rows of the fit: their labels, weighted by nearness."""

    def __init__(self, temperature=1.0):
        self.temperature = temperature

    def fit(self, X, y):
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.X_, self.labels_ = np.asarray(X), np.eye(self.classes_.size)[codes]
        return self

    def predict_proba(self, X):
        X = np.asarray(X)
        # The squared norm of a row of X is the same for its whole context.
        nearness = X @ self.X_.T - 0.5 * (self.X_**2).sum(axis=1)
        return softmax(nearness / self.temperature, axis=1) @ self.labels_

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


LEARNERS = {
    "50 neighbours": lambda: make_pipeline(StandardScaler(), KNeighborsClassifier(50)),
    "in context": lambda: make_pipeline(StandardScaler(), InContext(0.5)),
}
WAYS = {
    "no weights": {"weighting": None, "decision": "balanced"},
    "subsample": {"unsupported": "subsample"},
    "subsample, prior": {"unsupported": "subsample", "calibration": "prior"},
    "resample": {"unsupported": "resample"},
}


def figures(clf, X, p):
    """Return excess log loss x 10,000 and balanced accuracy, by true probabilities."""
    proba = np.clip(clf.predict_proba(X)[:, 1], 1e-15, 1 - 1e-15)
    loss = np.mean(xlogy(p, p / proba) + xlogy(1 - p, (1 - p) / (1 - proba)))
    label = clf.predict(X)
    hit = (p @ label) / p.sum(), ((1 - p) @ (1 - label)) / (1 - p).sum()
    return {"loss": 1e4 * loss, "balanced accuracy": 100 * np.mean(hit)}


def compare(problem, seed, n_train):
    """Return a row for every learner and way."""
    X, y, p, (train, _, new) = make(problem, seed, n_train)
    new = new[:4000]
    rows = []
    for name, learner in LEARNERS.items():
        for way, params in WAYS.items():
            start = time.process_time()
            clf = WeightedClassifier(learner(), random_state=seed, **params)
            clf.fit(X[train], y[train])
            seconds = time.process_time() - start
            report = clf.report_
            rows.append(
                {
                    "learner": name,
                    "way": way,
                    "rows": sum(report.training_rows) or len(train),
                    "fits": report.n_fits,
                    "seconds": seconds,
                    **figures(clf, X[new], p[new]),
                }
            )
        n_rows = 2 * int(y[train].sum())
        part, rest = np.split(np.random.default_rng(seed).permutation(train), [n_rows])
        start = time.process_time()
        frozen = FrozenEstimator(learner().fit(X[part], y[part]))
        clf = WeightedClassifier(frozen, weighting=None, decision="balanced")
        clf.fit(X[rest], y[rest])
        rows.append(
            {
                "learner": name,
                "way": "no weights, a random part",
                "rows": n_rows,
                "fits": 1,
                "seconds": time.process_time() - start,
                **figures(clf, X[new], p[new]),
            }
        )
    base = {"problem": str(problem), "prevalence": problem[0], "seed": seed}
    return [base | row for row in rows]


def by_way(runs):
    """Return a table of means, with the standard error over problems of differences."""
    rows = []
    for (name, way), part in runs.groupby(["learner", "way"], sort=False):
        base = runs[(runs.learner == name) & (runs.way == "no weights")]
        row = {"learner": name, "way": way}
        for figure, form in [("loss", "+.0f"), ("balanced accuracy", "+.1f")]:
            mean, before = (
                runs_.groupby("problem")[figure].mean() for runs_ in (part, base)
            )
            gap = mean - before
            row[figure] = Figure(mean.mean(), form.lstrip("+"))
            error = gap.std() / np.sqrt(len(gap))
            row[f"{figure} above no weights"] = Figure(gap.mean(), form, error)
        row["rows of the model"] = Figure(part["rows"].mean(), ".0f")
        row["fits"] = int(part["fits"].median())
        row["CPU s of fit"] = Figure(part["seconds"].median(), ".2f")
        rows.append(row)
    return table(rows)


def by_prevalence(runs):
    """Return the log loss of the subsample above that of no weights, by prevalence."""
    rows = []
    for name, part in runs.groupby("learner", sort=False):
        for way in list(WAYS)[1:]:
            row = {"learner": name, "way": way}
            for prevalence, some in part.groupby("prevalence"):
                mean = some.groupby("way").loss.mean()
                row[f"{prevalence:.0%}"] = Figure(
                    mean[way] - mean["no weights"], "+.0f"
                )
            rows.append(row)
    return table(rows)


def measure(options):
    """Yield the tables."""
    problems = PROBLEMS[-1:] if options.quick else PROBLEMS
    seeds = range(1 if options.quick else N_SEEDS)
    n_train = 300 if options.quick else N_TRAIN
    runs = pd.DataFrame(
        [
            row
            for number, problem in enumerate(problems)
            for seed in seeds
            for row in compare(problem, 100 * number + seed, n_train)
        ]
    )
    yield (
        f"{len(problems)} problems x {len(seeds)} seeds, {n_train} training rows, "
        "calibration='auto' on 5 folds unless the way says otherwise. Log loss above "
        "that of the true probabilities, x 10,000; balanced accuracy in percent. "
        "Differences with the standard error over problems."
    )
    yield by_way(runs)
    yield "Log loss above that of no weights, by prevalence:\n\n" + by_prevalence(runs)


if __name__ == "__main__":
    run(measure, __doc__, "no_weights_at_all")
