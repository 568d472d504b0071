"""Do `weighting="auto"` and the advice choose as well as the best fixed emphasis?

Fixed choices are no weights, half strength and full balance, each calibrated by "auto"
and fitted k + 1 times; the choice among them is made on the training rows alone. All
are judged on test rows that none of them has seen. Log loss is over that of the class
frequencies, so that problems can be averaged.

The advice is that of `recommend_weighting(estimator=...)`, which chooses a calibration
as well, by the same 15 fits. Its regret is what its mean log loss of a problem is above
that of the best of its candidates, and, in hindsight, above that of the best of each
split, which is as much chance as choice.
"""

import sys
import warnings
from time import process_time
from typing import NamedTuple

import numpy as np
import pandas as pd
from _common import Figure, run, table
from lightgbm import LGBMClassifier
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, balanced_accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import BalancedWeighting, WeightedClassifier
from skweight._fit.ask import ask_classifier
from skweight._fit.calibrate import map_outputs
from skweight._fit.choose import Choice, compared, enter, judge
from skweight._fit.models import fit_models, plan_models
from skweight._held_out.outputs import outputs_of
from skweight._utils.progress import Progress
from skweight.calibration._resolve import resolve_calibrator
from skweight.datasets import make_imbalanced
from skweight.exceptions import CalibrationWarning, FewerThanAskedWarning
from skweight.selection._measure import CALIBRATIONS, Measured, compare_calibrations

# File, target, label of the rarer class, columns that are no features, separator, and
# rows to train on.
REAL = {
    "mammography": ("Class", "1", [], ",", 1500),
    "phoneme": ("Class", "2", [], ",", 600),
    "german": ("risk", "bad", [], ",", 400),
    "adult": ("income", ">50K", ["split"], ",", 800),
    "churn": (
        "target",
        "1.0",
        ["id", "C_FP", "C_FN", "C_TP", "C_TN"],
        ",",
        1000,
    ),
    "marketing": ("y", "yes", [], ";", 800),
}
# Rows, and what `make_imbalanced` is asked for.
MADE = {
    "a line, 5 %": (800, {"prevalence": 0.05}),
    "bent, 4 %": (1000, {"prevalence": 0.04, "nonlinearity": 1.0}),
    "many columns, 8 %": (600, {"prevalence": 0.08, "n_features": 40}),
    "hardly apart, 10 %": (800, {"prevalence": 0.1, "class_sep": 0.7}),
    "far apart, 3 %": (1000, {"prevalence": 0.03, "class_sep": 5.0}),
    "three classes": (
        800,
        {"prevalence": [0.8, 0.14, 0.06], "n_classes": 3, "nonlinearity": 0.7},
    ),
}
# In the place of real data that are not there.
BUNDLED = {"digit 8": 8, "digit 3": 3, "digit 1": 1}
N_TEST, N_SEEDS = 4000, 5
STRENGTHS = (0.0, 0.5, 1.0)
NAMES = {0.0: "none", 0.5: "half", 1.0: "balanced"}
LEARNERS = {
    "linear": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "boosting": LGBMClassifier(
        n_estimators=40, num_leaves=15, n_jobs=1, verbose=-1, random_state=0
    ),
    "forest": RandomForestClassifier(20, random_state=0),
}
# Never more than so many times the loss of none, by problem; by how much average
# precision and balanced accuracy may be less, in the mean; the regret of the advice.
WORST, LESS_PRECISION, LESS_ACCURACY, REGRET = 1.01, 0.002, 0.01, 0.01


class Result(NamedTuple):
    """What a choice is worth on test rows."""

    loss: float
    precision: float
    accuracy: float


def problems(options):
    """Yield name, features, labels and rows to train on."""
    made = dict(list(MADE.items())[-2:]) if options.quick else MADE
    for name, (n_train, params) in made.items():
        n_train = 300 if options.quick else n_train
        data = make_imbalanced(n_train + N_TEST, random_state=3, **params)
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
    if not any((options.data / f"{name}.csv.gz").is_file() for name in REAL):
        X, labels = load_digits(return_X_y=True)
        for name, digit in BUNDLED.items():
            yield name, X, (labels == digit).astype(int), 600


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


class Cell(NamedTuple):
    """What choices are worth on one split of one problem, and what was chosen.

    ``results`` has one for each fixed choice and for "auto"; ``losses`` one for each
    pair of a choice and a calibration, of which the advice is ``advised``.
    """

    results: dict
    chosen: str
    losses: dict
    advised: tuple
    seconds: float


def finished(judged):
    """Return a fit that goes on from the folds of a candidate, and its plan."""
    choice = Choice(np.ones(1), 0, judged.passed, None)
    request, weighed = judged.request, judged.weighed._replace(choice=choice)
    plan = plan_models(request, weighed)
    return request, weighed, plan, fit_models(request, weighed, plan, Progress(None, 0))


def probabilities(parts, X):
    """Return what each calibration makes of the outputs of a fitted model."""
    request, weighed, plan, fitted = parts
    outputs = None
    for name in ("auto", *CALIBRATIONS):
        calibrator = resolve_calibrator(name)
        mapped = map_outputs(
            request, weighed, plan._replace(calibrator=calibrator), fitted
        )
        if outputs is None:
            outputs = outputs_of(fitted.models[0], X, mapped.method, request.classes)
        yield name, mapped.of_outputs(outputs)


def compare(learner, X, y, n_train, seed):
    """Return the `Cell` of one split.

    The candidates are fitted on the folds once, as by "auto", and then on all rows: a
    fixed choice is the same fit, at k + 1 fits, and "auto" is the one that it chooses.
    """
    train, test = split(y, n_train, seed)
    auto = WeightedClassifier(learner, weighting="auto", random_state=seed)
    request = ask_classifier(auto, X[train], y[train], None, {})
    start = process_time()
    contest = enter(request, request.weighting)
    judged = list(judge(contest, Progress(None, 0)))
    position, table, rows = compared(judged)
    calibrations = compare_calibrations(judged[position], contest.plan, rows)
    seconds = process_time() - start
    measured = Measured(0, table, calibrations, 15, 15, 5, rows.size, seconds)
    chosen = NAMES[judged[position].candidate.strength]
    multiplier = np.array(contest.weighed.figures["class_multiplier"])
    results, losses = {}, {}
    for judgement in judged:
        name = NAMES[judgement.candidate.strength]
        for calibration, proba in probabilities(finished(judgement), X[test]):
            losses[name, calibration] = log_loss(y[test], proba)
            if calibration == "auto":
                labels = request.classes[(proba * multiplier).argmax(axis=1)]
                results[name] = worth(proba, labels, y[test])
    results["auto"] = results[chosen]
    return Cell(results, chosen, losses, (chosen, measured.calibration), seconds)


def split(y, n_train, seed):
    """Return positions of training and of test rows."""
    train, test = train_test_split(
        np.arange(len(y)), train_size=n_train, stratify=y, random_state=seed
    )
    return train, test[:N_TEST]


def as_users_do(learner, X, y, n_train, seed, expected):
    """Return whether fits by public names give the same, and how many "auto" makes."""
    train, test = split(y, n_train, seed)
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


def figures_of(family, cells, same, n_fits):
    """Return the rows of one family of learners; cells by problem."""

    def by_problem(name, figure):
        return np.array(
            [
                np.mean([getattr(cell.results[name], figure) for cell in seeds])
                for seeds in cells.values()
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
    flat = [cell for seeds in cells.values() for cell in seeds]
    counts = pd.Series([cell.chosen for cell in flat]).value_counts()
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
        "worst / none": f"{ratio[at]:.4f} ({list(cells)[at]})",
        f"at most {WORST}": ratio[at] <= WORST,
        "precision - none": Figure(precision, "+.4f"),
        f"not below {-LESS_PRECISION}": precision >= -LESS_PRECISION,
        "balanced accuracy - balanced": Figure(accuracy, "+.4f"),
        f"not below {-LESS_ACCURACY}": accuracy >= -LESS_ACCURACY,
    }
    regret = np.array([regret_of(seeds) for seeds in cells.values()])
    named = pd.Series([cell.advised[1] for cell in flat]).value_counts()
    advice = {
        "family": family,
        "mean regret": Figure(regret.mean(), ".2%"),
        f"at most {REGRET:.0%}": regret.mean() <= REGRET,
        "worst problem": Figure(regret.max(), ".2%"),
        "of each split": Figure(np.mean([regret_of([cell]) for cell in flat]), ".2%"),
        "calibrations advised": ", ".join(f"{k} {v}" for k, v in named.items()),
        "fits": 15,
        "CPU s, median": float(np.median([cell.seconds for cell in flat])),
    }
    return means, claims, advice


def regret_of(cells):
    """Return how much dearer the advice is than the best candidate of some splits."""
    advised = np.mean([cell.losses[cell.advised] for cell in cells])
    fixed = [np.mean([cell.losses[key] for cell in cells]) for key in cells[0].losses]
    return float(advised / min(fixed) - 1)


def _spread(values, form):
    mean, error = mean_and_error(values)
    return mean, form, error


def measure(options):
    seeds = range(1 if options.quick else N_SEEDS)
    tables, by_problem = ([], [], []), []
    tasks = list(problems(options))
    for family, learner in LEARNERS.items():
        cells, same = {}, None
        for name, X, y, n_train in tasks:
            cells[name] = []
            for seed in seeds:
                with warnings.catch_warnings():
                    # Few positives are the point; that they are few is said of each.
                    warnings.simplefilter("ignore", CalibrationWarning)
                    warnings.simplefilter("ignore", FewerThanAskedWarning)
                    warnings.filterwarnings("ignore", "X does not have valid feature")
                    cell = compare(learner, X, y, n_train, seed)
                    if same is None:
                        expected = cell.results
                        same = as_users_do(learner, X, y, n_train, seed, expected)
                cells[name].append(cell)
            losses = {
                key: np.mean([cell.results[key].loss for cell in cells[name]])
                for key in ("none", "half", "balanced", "auto")
            }
            by_problem.append(
                {"family": family, "problem": name, "rows": n_train}
                | {key: Figure(value, ".4f") for key, value in losses.items()}
                | {"chosen": ", ".join(cell.chosen for cell in cells[name])}
            )
            print(f"{family}, {name}", file=sys.stderr, flush=True)
        for rows, row in zip(tables, figures_of(family, cells, *same), strict=True):
            rows.append(row)
    means, claims, advice = tables
    n_pairs = f"{len(tasks)} problems x {len(seeds)} seeds"
    yield f"## Log loss over that of the class frequencies, {n_pairs}"
    yield table(means)
    yield "## What is claimed of the choice; ± one standard error over problems"
    yield table(claims)
    yield "## What the advice loses against the best of its twelve candidates"
    yield table(advice)
    yield "## By problem, mean over seeds"
    yield table(by_problem)


if __name__ == "__main__":
    run(measure, __doc__, "auto_weighting")
