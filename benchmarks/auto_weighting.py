"""Does `weighting="auto"` choose as well as the best fixed emphasis?

Fixed choices are no weights, half strength and full balance, each calibrated by "auto"
and fitted k + 1 times; the choice among them is made on the training rows alone. All
are judged on test rows that none of them has seen. Log loss is over that of the class
frequencies, so that problems can be averaged.
"""

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
from _common import Figure, run, table
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, balanced_accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import BalancedWeighting, WeightedClassifier
from skweight._fit.ask import ask_classifier
from skweight._fit.calibrate import calibrate
from skweight._fit.choose import Choice, compared, enter, judge
from skweight._fit.models import fit_models, plan_models
from skweight._utils.progress import Progress
from skweight.datasets import make_imbalanced, make_rare
from skweight.exceptions import CalibrationWarning, FewerThanAskedWarning

# File, target, label of the rarer class, columns that are no features, separator, and
# rows to train on.
REAL = {
    "mammography": ("Class", "1", [], ",", 2000),
    "phoneme": ("Class", "2", [], ",", 1000),
    "german": ("risk", "bad", [], ",", 500),
    "adult": ("income", ">50K", ["split"], ",", 1000),
    "churn": (
        "target",
        "1.0",
        ["id", "C_FP", "C_FN", "C_TP", "C_TN"],
        ",",
        1500,
    ),
    "marketing": ("y", "yes", [], ";", 1500),
}
# Rows, and what `make_imbalanced` is asked for.
MADE = {
    "a line, 5 %": (1500, {"prevalence": 0.05}),
    "bent, 3 %": (2000, {"prevalence": 0.03, "nonlinearity": 1.0}),
    "many columns, 5 %": (1000, {"prevalence": 0.05, "n_features": 60}),
    "hardly apart, 10 %": (1000, {"prevalence": 0.1, "class_sep": 0.7}),
    "far apart, 2 %": (2000, {"prevalence": 0.02, "class_sep": 5.0}),
    "four classes": (
        1500,
        {"prevalence": [0.8, 0.12, 0.05, 0.03], "n_classes": 4, "nonlinearity": 1.0},
    ),
}
N_TEST, N_SEEDS = 4000, 5
STRENGTHS = (0.0, 0.5, 1.0)
NAMES = {0.0: "none", 0.5: "half", 1.0: "balanced"}
LEARNERS = {
    "linear": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "boosting": HistGradientBoostingClassifier(
        max_iter=25, learning_rate=0.15, random_state=0
    ),
    "forest": RandomForestClassifier(30, random_state=0),
}
# Never more than so many times the loss of none, by problem; and by how much average
# precision and balanced accuracy may be less, in the mean.
WORST, LESS_PRECISION, LESS_ACCURACY = 1.01, 0.002, 0.01


class Result(NamedTuple):
    """What a choice is worth on test rows."""

    loss: float
    precision: float
    accuracy: float


def problems(options):
    """Yield name, features, labels and rows to train on."""
    made = dict(list(MADE.items())[-2:]) if options.quick else MADE
    for name, (n_train, asked) in made.items():
        n_train = 300 if options.quick else n_train
        data = make_imbalanced(n_train + N_TEST, random_state=3, **asked)
        yield name, data.X, data.y, n_train
    if options.quick:
        return
    for name, (target, positive, unused, separator, n_train) in REAL.items():
        path = options.data / f"{name}.csv.gz"
        if not path.is_file():
            continue
        X = pd.read_csv(path, na_values="?", sep=separator)
        y = (X[target].astype(str) == positive).to_numpy(int)
        X = pd.get_dummies(X.drop(columns=[target, *unused])).astype(float).fillna(-1)
        yield name, X.to_numpy(), y, n_train
    X, y = make_rare(
        *load_breast_cancer(return_X_y=True), target={0: 0.1}, random_state=0
    )
    yield "breast cancer, 10 %", X, y, 200
    X, y = load_digits(return_X_y=True)
    yield "digit 8", X, (y == 8).astype(int), 700
    X, y = make_rare(*load_wine(return_X_y=True), target={2: 0.12}, random_state=0)
    yield "wine, three classes", X, y, 80


def worth(proba, labels, y):
    """Return what probabilities and labels of test rows are worth."""
    share = np.bincount(y) / y.size
    truth = np.eye(share.size)[y]
    precision = [
        average_precision_score(truth[:, k], proba[:, k]) for k in range(share.size)
    ]
    # Of two classes the rarer one, of more the mean over all.
    precision = precision[np.argmin(share)] if share.size == 2 else np.mean(precision)
    return Result(
        log_loss(y, proba) / -(share @ np.log(share)),
        float(precision),
        balanced_accuracy_score(y, labels),
    )


def finished(contest, judged):
    """Return how a fit with a candidate predicts that goes on from its folds."""
    choice = Choice(np.ones(1), 0, judged.passed, None)
    request, weighed = judged.request, judged.weighed._replace(choice=choice)
    plan = plan_models(request, weighed)
    fitted = fit_models(request, weighed, plan, Progress(None, 0))
    calibrated = calibrate(request, weighed, plan, fitted)
    multiplier = np.array(contest.weighed.figures["class_multiplier"])

    def predict(X):
        proba = calibrated.map.of_rows(fitted.models, X)
        return proba, request.classes[(proba * multiplier).argmax(axis=1)]

    return predict


def compare(learner, X, y, n_train, seed):
    """Return the results of all candidates and of the chosen one, and its name.

    The candidates are fitted on the folds once, as by "auto", and then on all rows: a
    fixed choice is the same fit, at k + 1 fits, and "auto" is the one that it chooses.
    """
    rows = np.arange(len(y))
    train, test = train_test_split(
        rows, train_size=n_train, stratify=y, random_state=seed
    )
    test = test[:N_TEST]
    auto = WeightedClassifier(learner, weighting="auto", random_state=seed)
    request = ask_classifier(auto, X[train], y[train], None, {})
    contest = enter(request, request.weighting)
    judged = list(judge(contest, Progress(None, 0)))
    found = {
        NAMES[one.candidate.strength]: worth(*finished(contest, one)(X[test]), y[test])
        for one in judged
    }
    chosen = NAMES[judged[compared(judged)[0]].candidate.strength]
    return found | {"auto": found[chosen]}, chosen


def as_users_do(learner, X, y, n_train, seed, expected):
    """Return whether fits by public names give the same, and how many "auto" makes."""
    train, test = train_test_split(
        np.arange(len(y)), train_size=n_train, stratify=y, random_state=seed
    )
    test = test[:N_TEST]
    same, n_fits = True, 0
    for name, weighting in (("auto", "auto"), ("half", BalancedWeighting(0.5))):
        clf = WeightedClassifier(learner, weighting=weighting, random_state=seed)
        proba = clf.fit(X[train], y[train]).predict_proba(X[test])
        loss = worth(proba, clf.predict(X[test]), y[test]).loss
        same &= bool(np.isclose(loss, expected[name].loss))
        n_fits = max(n_fits, clf.report_.n_fits)
    return same, n_fits


def mean_and_error(values):
    """Return the mean over problems, and its standard error."""
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))


def figures_of(family, results, chosen, same, n_fits):
    """Return the rows of one family of learners; results by problem and name."""

    def by_problem(name, figure):
        return np.array(
            [
                np.mean([getattr(one[name], figure) for one in seeds])
                for seeds in results.values()
            ]
        )

    losses = {name: by_problem(name, "loss") for name in ("auto", *NAMES.values())}
    fixed = {name: losses[name].mean() for name in NAMES.values()}
    best, worst = min(fixed, key=fixed.get), max(fixed, key=fixed.get)
    excess, error = mean_and_error(losses["auto"] - losses[best])
    ratio = losses["auto"] / losses["none"]
    at = int(np.argmax(ratio))
    precision, _ = mean_and_error(
        by_problem("auto", "precision") - by_problem("none", "precision")
    )
    accuracy, _ = mean_and_error(
        by_problem("auto", "accuracy") - by_problem("balanced", "accuracy")
    )
    counts = pd.Series(chosen).value_counts()
    means = {"family": family} | {
        name: Figure(values.mean(), ".4f") for name, values in losses.items()
    }
    means |= {
        "balanced - none": Figure(
            *_spread(losses["balanced"] - losses["none"], "+.4f")
        ),
        "chosen: none, half, balanced": ", ".join(
            str(counts.get(name, 0)) for name in NAMES.values()
        ),
        "fits of auto": n_fits,
        "as by public names": same,
    }
    claims = {
        "family": family,
        "best fixed": best,
        "auto - best": Figure(excess, "+.4f", error),
        "within one error": excess <= error,
        "better than the worst": losses["auto"].mean() < fixed[worst],
        "worst / none": f"{ratio[at]:.4f} ({list(results)[at]})",
        f"at most {WORST}": ratio[at] <= WORST,
        "precision - none": Figure(precision, "+.4f"),
        f"not below {-LESS_PRECISION}": precision >= -LESS_PRECISION,
        "balanced accuracy - balanced": Figure(accuracy, "+.4f"),
        f"not below {-LESS_ACCURACY}": accuracy >= -LESS_ACCURACY,
    }
    return means, claims


def _spread(values, form):
    mean, error = mean_and_error(values)
    return mean, form, error


def measure(options):
    seeds = range(1 if options.quick else N_SEEDS)
    means, claims, by_problem = [], [], []
    found = list(problems(options))
    for family, learner in LEARNERS.items():
        results, chosen = {}, []
        for name, X, y, n_train in found:
            results[name] = []
            for seed in seeds:
                with warnings.catch_warnings():
                    # Few positives are the point; that they are few is said of each.
                    warnings.simplefilter("ignore", CalibrationWarning)
                    warnings.simplefilter("ignore", FewerThanAskedWarning)
                    one, choice = compare(learner, X, y, n_train, seed)
                    if not chosen:
                        same = as_users_do(learner, X, y, n_train, seed, one)
                results[name].append(one)
                chosen.append(choice)
            last = {
                key: np.mean([one[key].loss for one in results[name]])
                for key in ("none", "half", "balanced", "auto")
            }
            by_problem.append(
                {"family": family, "problem": name, "rows": n_train}
                | {key: Figure(value, ".4f") for key, value in last.items()}
                | {"chosen": ", ".join(chosen[-len(seeds) :])}
            )
        for rows, row in zip(
            (means, claims), figures_of(family, results, chosen, *same), strict=True
        ):
            rows.append(row)
    n_pairs = f"{len(found)} problems x {len(seeds)} seeds"
    yield f"## Log loss over that of the class frequencies, {n_pairs}"
    yield table(means)
    yield "## What is claimed of the choice; ± one standard error over problems"
    yield table(claims)
    yield "## By problem, mean over seeds"
    yield table(by_problem)


if __name__ == "__main__":
    run(measure, __doc__, "auto_weighting")
