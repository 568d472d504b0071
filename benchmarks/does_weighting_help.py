"""Does weighting help? Balanced weights against none, with calibration and without.

On data that anyone can get: tables that come with scikit-learn, and problems that it or
skweight draws. Every learner is fitted with three strengths of balancing; each fit is
judged as it is, and after calibration="auto". Probabilities are judged by the log loss
over that of the class frequencies, the ranking by average precision (the mean over the
classes, from three classes on), labels by balanced accuracy. Differences are paired by
seed; their standard errors are those over problems.
"""

import warnings

import numpy as np
import pandas as pd
from _common import Figure, run, table
from _open_problems import MORE_CLASSES, TWO_CLASSES
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, label_binarize

from skweight import BalancedWeighting, WeightedClassifier

N_SEEDS = 3
LEARNERS = {
    "linear": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "boosting": HistGradientBoostingClassifier(max_iter=40, random_state=0),
    "forest": RandomForestClassifier(30, random_state=0),
}
WEIGHTINGS = {
    "none": None,
    "half": BalancedWeighting(strength=0.5),
    "balanced": "balanced",
}
# What is shown: weighting, whether calibrated, and the rule of the labels.
SHOWN = [
    ("none", False, "argmax"),
    ("balanced", False, "argmax"),
    ("none", True, "argmax"),
    ("none", True, "p over prevalence"),
    ("half", True, "p over prevalence"),
    ("balanced", True, "p over prevalence"),
]
METRICS = {"loss": "log loss", "ranking": "average precision", "labels": "labels"}
# Beyond so many standard errors a difference is called one.
CHANCE = 2.0


def log_loss(y, proba):
    """Return the mean log loss of labels 0, 1, ..."""
    own = np.clip(proba[np.arange(y.size), y], 1e-12, None)
    return -np.log(own).mean()


def ranking(y, proba):
    """Return average precision, of the second of two classes or the mean of all."""
    if proba.shape[1] == 2:
        return average_precision_score(y, proba[:, 1])
    hits = label_binarize(y, classes=np.arange(proba.shape[1]))
    return average_precision_score(hits, proba)


def figures(split, learner, weighting):
    """Return one row per way to use one fit: as it is and calibrated, two rules."""
    prevalence = np.bincount(split.y) / split.y.size
    base = log_loss(split.y_test, np.tile(prevalence, (split.y_test.size, 1)))
    classifier = WeightedClassifier(
        clone(learner), weighting=weighting, decision="balanced", random_state=0
    )
    with warnings.catch_warnings():
        # Few rows of a class, or a mean that is off: the tables show what it costs.
        warnings.simplefilter("ignore")
        classifier.fit(split.X, split.y)
    for calibrated in (False, True):
        model = classifier if calibrated else classifier.estimator_
        proba = model.predict_proba(split.X_test)
        rules = {
            "argmax": proba.argmax(axis=1),
            "p over prevalence": (proba / prevalence).argmax(axis=1),
        }
        for rule, label in rules.items():
            found = label[split.y_test == prevalence.size - 1]
            yield {
                "calibrated": calibrated,
                "rule": rule,
                "loss": log_loss(split.y_test, proba) / base,
                "ranking": ranking(split.y_test, proba),
                "recall": (found == prevalence.size - 1).mean(),
                "labels": balanced_accuracy_score(split.y_test, label),
            }


def measured(problems, options):
    """Return a frame: one row per problem, seed, learner, weighting and use."""
    rows = []
    for name, draw in problems.items():
        for seed in range(1 if options.quick else N_SEEDS):
            split = draw(seed=seed)
            for family, learner in LEARNERS.items():
                for words, weighting in WEIGHTINGS.items():
                    about = {"problem": name, "seed": seed, "family": family}
                    about["weighting"] = words
                    for row in figures(split, learner, weighting):
                        rows.append(about | row)
    return pd.DataFrame(rows)


def part(frame, weighting, calibrated, rule):
    """Return the rows of one way to go, by problem and seed, for all families."""
    chosen = (
        (frame["weighting"] == weighting)
        & (frame["calibrated"] == calibrated)
        & (frame["rule"] == rule)
    )
    return frame[chosen].set_index(["family", "problem", "seed"])


def words_of(weighting, calibrated, rule):
    """Return a name for one way to go."""
    return f"{weighting}{' + auto' if calibrated else ''}, {rule}"


def averages(frame, family):
    """Return the table of one family of learners: means over the problems."""
    rows = []
    for way in SHOWN:
        mean = part(frame, *way).loc[family].mean(numeric_only=True)
        rows.append(
            {
                "weights, calibration, labels": words_of(*way),
                "log loss": Figure(mean["loss"], ".3f"),
                "average precision": Figure(mean["ranking"], ".3f"),
                "recall": Figure(mean["recall"], ".2f"),
                "balanced accuracy": Figure(mean["labels"], ".3f"),
            }
        )
    return table(rows)


def difference(frame, way, against, metric):
    """Return a metric of one way minus another, in the mean of seeds, by problem."""
    gap = part(frame, *way)[metric] - part(frame, *against)[metric]
    return gap.groupby(["family", "problem"]).mean()


def mean_of(values):
    """Return the mean over problems, and its standard error."""
    error = float(values.sem()) if values.size > 1 else None
    return Figure(float(values.mean()), "+.4f", error)


def beyond_chance(values):
    """Return whether the mean over problems is above zero by more than chance."""
    return values.size > 1 and bool(values.mean() > CHANCE * values.sem())


RULE = "p over prevalence"
COMPARED = {
    "half minus none, calibrated": (("half", True, RULE), ("none", True, RULE)),
    "balanced minus none, calibrated": (
        ("balanced", True, RULE),
        ("none", True, RULE),
    ),
    "calibrated minus not, no weights": (
        ("none", True, "argmax"),
        ("none", False, "argmax"),
    ),
    "none + auto cut at the prevalence, minus balanced as it is": (
        ("none", True, RULE),
        ("balanced", False, "argmax"),
    ),
}


def differences(frame):
    """Return the table of paired differences, per family."""
    rows = []
    for words, (way, against) in COMPARED.items():
        for family in LEARNERS:
            row = {"difference": words, "learner": family}
            for metric, name in METRICS.items():
                gap = difference(frame, way, against, metric)[family]
                row[name.replace("labels", "balanced accuracy")] = mean_of(gap)
            rows.append(row)
    return table(rows)


def by_problem(frame):
    """Return the table of log losses, balanced minus none, problem by problem."""
    way, against = COMPARED["balanced minus none, calibrated"]
    gap = part(frame, *way)["loss"] - part(frame, *against)["loss"]
    by = gap.groupby(["problem", "family"])
    mean, error = by.mean(), by.sem().fillna(0.0)
    return table(
        [
            {"problem": problem}
            | {
                family: Figure(
                    mean[problem, family], "+.3f", float(error[problem, family])
                )
                for family in LEARNERS
            }
            for problem in frame["problem"].unique()
        ]
    )


def claims(frame):
    """Yield what the page says, what was measured, and whether it holds."""
    loss, rank, labels = (
        difference(frame, *COMPARED["balanced minus none, calibrated"], metric)
        for metric in METRICS
    )
    pays = difference(frame, *COMPARED["calibrated minus not, no weights"], "loss")
    for family in LEARNERS:
        yield {
            "claim": f"{family}: balanced weights gain no log loss beyond chance",
            "measured": str(mean_of(loss[family])),
            "holds": not beyond_chance(-loss[family]),
        }
        yield {
            "claim": f"{family}: they gain no average precision beyond chance",
            "measured": str(mean_of(rank[family])),
            "holds": not beyond_chance(rank[family]),
        }
        yield {
            "claim": f"{family}: labels are as good without them, within .01",
            "measured": str(mean_of(labels[family])),
            "holds": bool(labels[family].mean() <= 0.01),
        }
        yield {
            "claim": f"{family}: calibration lowers the log loss, without weights too",
            "measured": str(mean_of(pays[family])),
            "holds": bool(pays[family].mean() < 0),
        }


def measure(options):
    """Yield the tables of two classes, then of more."""
    few = dict(list(TWO_CLASSES.items())[:1]) if options.quick else TWO_CLASSES
    two = measured(few, options)
    n_seeds = two["seed"].nunique()
    yield f"{len(few)} problems of two classes, {n_seeds} seeds."
    for family in LEARNERS:
        yield f"## Two classes, {family}\n\n{averages(two, family)}"
    yield f"## Two classes, paired differences\n\n{differences(two)}"
    yield "## Claims\n\n" + table(list(claims(two)))
    yield (
        "## Log loss of balanced minus none, both calibrated, by problem\n\n"
        + by_problem(two)
    )
    if options.quick:
        return
    more = measured(MORE_CLASSES, options)
    yield f"## {len(MORE_CLASSES)} problems of more classes, paired differences\n\n" + (
        differences(more)
    )
    yield (
        "## More classes: log loss of balanced minus none, by problem\n\n"
        + by_problem(more)
    )


if __name__ == "__main__":
    run(measure, __doc__, "does_weighting_help")
