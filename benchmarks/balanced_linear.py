"""Balanced weights un-regularise a linear model: by how much, and what to do?

The penalty of a logistic regression is held against the curvature of its loss, the sum
of w p (1 - p). With a share pi of positives that is about pi (1 - pi) a row without
weights, and 1/4 with balanced ones of mean one: the same C then penalises less, by
4 pi (1 - pi). Compared are C as it is, C multiplied by that figure, and C searched for
by average precision, with weights and without. Probabilities are calibrated by
"sigmoid", and judged by the log loss over that of the class frequencies.
"""

import warnings

import numpy as np
import pandas as pd
from _common import Figure, run, table
from _open_problems import TWO_CLASSES
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import WeightedClassifier

N_SEEDS = 3
STRENGTHS = (1.0, 0.1, 0.01)
SEARCHED = [10.0 ** (-power / 2) for power in range(7)]
WEIGHTINGS = {"none": None, "balanced": "balanced"}


def classifier(weighting, C, calibration=None):
    """Return a scaled logistic regression, weighted."""
    learner = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=1000))
    return WeightedClassifier(
        learner, weighting=weighting, calibration=calibration, random_state=0
    )


def searched(weighting, split):
    """Return the C with the best average precision on held-out rows, as they came."""
    name = "estimator__logisticregression__C"
    search = GridSearchCV(
        classifier(weighting, 1.0),
        {name: SEARCHED},
        scoring="average_precision",
        cv=StratifiedKFold(5, shuffle=True, random_state=0),
        refit=False,
    )
    return search.fit(split.X, split.y).best_params_[name]


def choices(split):
    """Yield words, weighting and C of all that is compared."""
    frequency = split.y.mean()
    for words, weighting in WEIGHTINGS.items():
        for C in STRENGTHS:
            yield f"{words}, C = {C:g}", weighting, C
    less = 4 * frequency * (1 - frequency)
    for C in STRENGTHS[:2]:
        yield f"balanced, C = {C:g} x 4 pi (1 - pi)", "balanced", C * less
    for words, weighting in WEIGHTINGS.items():
        yield f"{words}, C searched", weighting, searched(weighting, split)


def figures(split):
    """Return one row per choice: log loss and average precision on the test rows."""
    frequency = split.y.mean()
    for words, weighting, C in choices(split):
        model = classifier(weighting, C, "sigmoid").fit(split.X, split.y)
        p = model.predict_proba(split.X_test)[:, 1]
        y = split.y_test
        loss, base = (
            -np.mean(np.log(np.where(y == 1, q, 1 - q)))
            for q in (p, np.full(y.size, frequency))
        )
        yield {
            "choice": words,
            "loss": loss / base,
            "precision": average_precision_score(y, p),
            "C": C,
        }


def measured(options):
    """Return a frame: one row per problem, seed and choice."""
    problems = dict(list(TWO_CLASSES.items())[: 1 if options.quick else None])
    rows = []
    for name, draw in problems.items():
        for seed in range(1 if options.quick else N_SEEDS):
            with warnings.catch_warnings():
                # Few rows of a class: the tables show what it costs.
                warnings.simplefilter("ignore")
                rows += [
                    {"problem": name, "seed": seed} | row
                    for row in figures(draw(seed=seed))
                ]
    return pd.DataFrame(rows)


def mean_of(values):
    """Return the mean over problems of the mean over seeds, and its error."""
    by_problem = values.groupby("problem").mean()
    error = float(by_problem.sem()) if by_problem.size > 1 else None
    return Figure(float(by_problem.mean()), "+.4f", error)


def measure(options):
    """Yield the table of choices, against no weights with the C that was searched."""
    frame = measured(options).set_index(["choice", "problem", "seed"])
    against = "none, C searched"
    yield f"Differences to *{against}*; ± standard errors over the problems."
    rows = []
    for choice in frame.index.get_level_values("choice").unique():
        part = frame.loc[choice]
        gap = part - frame.loc[against]
        rows.append(
            {
                "weights and C": choice,
                "average precision": Figure(part["precision"].mean(), ".3f"),
                "difference": mean_of(gap["precision"]),
                "log loss": Figure(part["loss"].mean(), ".3f"),
                "difference of log loss": mean_of(gap["loss"]),
                "median C": Figure(part["C"].median(), ".2g"),
            }
        )
    yield table(rows)
    yield "## The same penalty with weights, minus without\n\n" + table(
        list(same_penalty(frame))
    )


def same_penalty(frame):
    """Yield what balanced weights change at the same C, and at C scaled along."""
    for C in STRENGTHS[:2]:
        for words in (f"balanced, C = {C:g}", f"balanced, C = {C:g} x 4 pi (1 - pi)"):
            gap = frame.loc[words] - frame.loc[f"none, C = {C:g}"]
            yield {
                "with": words,
                "without": f"none, C = {C:g}",
                "average precision": mean_of(gap["precision"]),
                "log loss": mean_of(gap["loss"]),
            }


if __name__ == "__main__":
    run(measure, __doc__, "balanced_linear")
