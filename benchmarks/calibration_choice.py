"""Is "auto" as good as the best calibrator, and when does averaging the folds pay?

Real tables, on which nothing was tuned; where they are not there, those that come with
scikit-learn, on which something was. Rows are split in two halves, or into fewer rows
to train on, to get few positives. Calibrators learn on the out-of-fold scores of five
folds and are applied to one model fitted on all training rows. Every figure is the log
loss of the test rows over that of their prevalence. Learners are weighted to balance
and not, in turns.
probcal is compared where it is installed.
"""

import warnings
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

import numpy as np
import pandas as pd
from _common import Figure, run, table
from lightgbm import LGBMClassifier
from scipy.special import expit
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import has_fit_parameter

from skweight._fit.averaging import averaging_pays
from skweight._held_out.outputs import log_scores, smallest_probability
from skweight.calibration import (
    AnchoredCalibrator,
    AutoCalibrator,
    BetaCalibrator,
    IsotonicCalibrator,
    QuadraticCalibrator,
    SigmoidCalibrator,
    VennAbersCalibrator,
)

# File, target, label of the rarer class, columns that are no features, separator, and
# how many rows to train on.
REAL = {
    "mammography": ("Class", "1", [], ",", (5500, 2500, 1200)),
    "phoneme": ("Class", "2", [], ",", (2700, 600, 150)),
    "german": ("risk", "bad", [], ",", (500, 200)),
    "adult": ("income", ">50K", ["split"], ",", (3000, 600)),
    "churn": (
        "target",
        "1.0",
        ["id", "C_FP", "C_FN", "C_TP", "C_TN"],
        ",",
        (4600, 700),
    ),
    "marketing": ("y", "yes", [], ";", (3000, 500)),
}
N_TEST = 6000
N_SEEDS = 5
FEW = 40  # positives among the training rows
OURS = {
    "anchored": AnchoredCalibrator,
    "sigmoid": SigmoidCalibrator,
    "quadratic": QuadraticCalibrator,
    "beta": BetaCalibrator,
    "isotonic": IsotonicCalibrator,
    "flat isotonic": partial(IsotonicCalibrator, centered=False),
    "Venn-Abers": VennAbersCalibrator,
}
# Those that stand for what a user might choose by name, for the best in hindsight.
BY_NAME = ("anchored", "sigmoid", "isotonic", "Venn-Abers")


class Scores(NamedTuple):
    """What a calibrator learns from, and what it is judged by."""

    train: np.ndarray
    y: np.ndarray
    test: np.ndarray
    test_of_folds: list
    y_test: np.ndarray
    known: dict


def tables(options):
    """Yield name, features and labels (1 is the rarer class) of tables."""
    for name, (target, positive, unused, separator, _) in REAL.items():
        path = options.data / f"{name}.csv.gz"
        if options.quick or not path.is_file():
            continue
        X = pd.read_csv(path, na_values="?", sep=separator)
        y = (X[target].astype(str) == positive).to_numpy(int)
        X = pd.get_dummies(X.drop(columns=[target, *unused])).astype(float).fillna(-1)
        yield name, X.to_numpy(), y


def problems(options):
    """Yield name, features, labels (1 is the rarer class) and rows to train on."""
    missing = True
    for name, X, y in tables(options):
        missing = False
        for size in REAL[name][-1]:
            if options.only in (None, f"{name}, {size}"):
                yield f"{name}, {size}", X, y, size
    if not missing:
        return
    X, y = load_breast_cancer(return_X_y=True)
    yield "breast cancer, 280", X, 1 - y, 280
    X, y = load_digits(return_X_y=True)
    for digit, size in ((8, 360), (3, 900)):
        yield f"digit {digit}, {size}", X, (y == digit).astype(int), size


def learners(balanced):
    """Return unfitted learners, and the method whose outputs are calibrated."""
    weight = "balanced" if balanced else None
    bootstrap = "balanced_subsample" if balanced else None
    return {
        "linear": make_pipeline(
            StandardScaler(), LogisticRegression(max_iter=1000, class_weight=weight)
        ),
        "boosting": LGBMClassifier(
            class_weight=weight, n_jobs=1, verbose=-1, random_state=0
        ),
        "forest": RandomForestClassifier(60, class_weight=bootstrap, random_state=0),
    }


def scores_of(learner, X, y, X_test, y_test, multiplier, votes):
    """Fit six models: out-of-fold scores, and those of the test rows."""

    def outputs(model, rows):
        if votes:
            return model.predict_proba(rows)
        if isinstance(model, LGBMClassifier):
            return model.predict(rows, raw_score=True)
        return model.decision_function(rows)

    method = "predict_proba" if votes else "decision_function"
    folds = StratifiedKFold(5, shuffle=True, random_state=0).split(X, y)
    left_out, of_folds = None, []
    for train, rest in folds:
        learner.fit(X[train], y[train])
        found = outputs(learner, X[rest])
        if left_out is None:
            left_out = np.empty((y.size, *found.shape[1:]))
        left_out[rest] = found
        of_folds.append(outputs(learner, X_test))
    final = outputs(learner.fit(X, y), X_test)
    clip = smallest_probability(left_out, method)
    scored = [log_scores(found, method, clip) for found in (left_out, final, *of_folds)]
    known = {"class_multiplier": multiplier, "votes": votes, "classes": [0, 1]}
    return Scores(scored[0], y, scored[1], scored[2:], y_test, known)


def fitted(calibrator, scores):
    """Return a calibrator, told what WeightedClassifier would tell it."""
    told = {k: v for k, v in scores.known.items() if has_fit_parameter(calibrator, k)}
    return calibrator.fit(scores.train, scores.y, **told)


def probcal_maps():
    """Return the calibrators of probcal, none where it is not installed."""
    try:
        import probcal
    except ImportError:
        return {}
    return {
        "probcal spline": probcal.SplineCalibrator,
        "probcal beta": probcal.BetaCalibrator,
        "probcal Platt": probcal.PlattCalibrator,
        "probcal selector": probcal.CalibratorSelector,
    }


def losses(scores):
    """Return the log loss over that of the prevalence, of every method."""
    base = log_loss(scores.y_test, np.full(scores.y_test.size, scores.y.mean()))
    found = {}
    auto = fitted(AutoCalibrator(), scores)
    found["auto"] = auto.predict_proba(scores.test)[:, 1]
    found["auto, folds averaged"] = np.mean(
        [auto.predict_proba(test)[:, 1] for test in scores.test_of_folds], axis=0
    )
    for name, make in OURS.items():
        found[name] = fitted(make(), scores).predict_proba(scores.test)[:, 1]
    for name, make in probcal_maps().items():
        calibrator = make().fit(expit(scores.train), scores.y)
        found[name] = np.asarray(calibrator.predict_proba(expit(scores.test)))
    held_out = min(auto.losses_.values()) if auto.losses_ else np.nan
    frequency = scores.y.mean()
    entropy = log_loss(scores.y, np.full(scores.y.size, frequency))
    return {name: log_loss(scores.y_test, p) / base for name, p in found.items()} | {
        "held out": held_out / entropy
    }


def log_loss(y, p):
    """Return the mean log loss of probabilities of the second class."""
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return -np.mean(y * np.log(p) + (1 - y) * np.log1p(-p))


def all_losses(options):
    """Return a frame: one row per problem, learner and seed; one column per method."""
    found = []
    for name, X, y, size in problems(options):
        for seed in range(1 if options.quick else N_SEEDS):
            X_train, X_test, y_train, y_test = train_test_split(
                X,
                y,
                train_size=size,
                test_size=min(y.size - size, N_TEST),
                stratify=y,
                random_state=seed,
            )
            balanced = bool(seed % 2)
            counts = np.bincount(y_train)
            multiplier = y_train.size / (2 * counts) if balanced else np.ones(2)
            for family, learner in learners(balanced).items():
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    scores = scores_of(
                        learner,
                        X_train,
                        y_train,
                        X_test,
                        y_test,
                        multiplier,
                        family == "forest",
                    )
                    row = losses(scores)
                about = {
                    "problem": name,
                    "family": family,
                    "positives": counts[1],
                    "features": X.shape[1],
                }
                found.append(about | row)
    return pd.DataFrame(found)


def arguments(parser):
    """Add the option to look at one problem."""
    parser.add_argument("--only", help='one problem, such as "mammography, 2500"')


def measure(options):
    """Yield the tables of losses, the claims about "auto", and the gain of averages."""
    frame = all_losses(options)
    methods = ["auto", *OURS, *probcal_maps()]
    families = list(dict.fromkeys(frame["family"]))
    yield "## Log loss over that of the prevalence, and how much more than auto\n\n" + (
        table([loss_row(frame, method, families) for method in methods])
    )
    yield "## Claims\n\n" + table(list(claims(frame, methods, families)))
    yield "## Worst problems: auto over the best of four in hindsight\n\n" + table(
        worst(frame, 5)
    )
    yield "## Averages of the fold models: loss of one model minus theirs\n\n" + (
        table(list(averages(frame)))
    )
    try:
        yield f"probcal {version('probcal')}"
    except PackageNotFoundError:
        yield "probcal is not installed"


def mean_of(values):
    """Return a figure of the mean, with its standard error."""
    if len(values) < 2:
        return Figure(float(np.mean(values)) if len(values) else np.nan, "+.4f")
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    return Figure(float(np.mean(values)), "+.4f", float(error))


def loss_row(frame, method, families):
    """Return the line of a method: its mean, and paired differences to "auto"."""
    row = {"calibrator": method, "mean": Figure(frame[method].mean(), ".4f")}
    for family in families:
        part = frame[frame["family"] == family]
        row[f"{family}, minus auto"] = mean_of(part[method] - part["auto"])
    return row


def ratios(frame):
    """Return "auto" over the best of four, by problem and family, and the positives."""
    mean = frame.groupby(["problem", "family"])[["auto", *BY_NAME, "positives"]].mean()
    return mean["auto"] / mean[list(BY_NAME)].min(axis=1), mean["positives"]


def worst(frame, n):
    """Return the rows of the n problems where "auto" is furthest behind."""
    ratio, positives = ratios(frame)
    found = ratio.sort_values(ascending=False).index[:n]
    return [
        {
            "problem": problem,
            "family": family,
            "positives": int(positives[problem, family]),
            "ratio": Figure(ratio[problem, family], ".3f"),
        }
        for problem, family in found
    ]


def claims(frame, methods, families):
    """Yield what is claimed of "auto", what was measured, and whether it holds."""
    for other in methods[1:]:
        behind = []
        for family in families:
            part = frame[frame["family"] == family]
            gain = part[other] - part["auto"]
            if gain.mean() < -gain.sem():
                behind.append(f"{family} {gain.mean():+.4f} ± {gain.sem():.4f}")
        yield {
            "claim": f"at or below {other} within a standard error in every family",
            "measured": "; ".join(behind) or "in all",
            "holds": not behind,
        }
    excess = (frame["auto"] - frame[list(BY_NAME)].min(axis=1)).mean()
    yield {
        "claim": "mean excess over the best of four in hindsight at most .003",
        "measured": f"{excess:.4f}",
        "holds": bool(excess <= 0.003),
    }
    ratio, positives = ratios(frame)
    for words, part, bound in (
        (f"worst from {FEW} positives on at most 1.02", positives >= FEW, 1.02),
        (f"worst below {FEW} positives at most 1.05", positives < FEW, 1.05),
    ):
        if part.any():
            yield {
                "claim": words,
                "measured": f"{ratio[part].max():.3f}",
                "holds": bool(ratio[part].max() <= bound),
            }


def averages(frame):
    """Yield what averages gain, where the rule says yes and where it says no."""
    gain = frame["auto"] - frame["auto, folds averaged"]
    pays = np.array(
        [
            averaging_pays(
                row["held out"],
                of_trees=row["family"] != "linear",
                n_features=row["features"],
                n_rare=row["positives"],
            )
            for _, row in frame.iterrows()
        ]
    )
    linear = (frame["family"] == "linear").to_numpy()
    for words, part in (
        ("trees, the rule says yes", ~linear & pays),
        ("trees, the rule says no", ~linear & ~pays),
        ("linear, the rule says yes", linear & pays),
        ("linear, the rule says no", linear & ~pays),
    ):
        if not part.any():
            continue
        yield {
            "where": words,
            "fits": int(part.sum()),
            "gain of averages": mean_of(gain[part]),
            "worst": Figure(gain[part].min(), "+.4f"),
        }


if __name__ == "__main__":
    run(measure, __doc__, "calibration_choice", arguments)
