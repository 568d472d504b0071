"""
Why are my probabilities so high?
=================================

One handwritten digit in twenty is an eight. A plain model misses more than half of the
eights. With balanced weights the model finds most eights, but its probabilities are too
high: the mean predicted probability is more than twice the frequency. Calibration on
rows *without* these weights keeps the recall and corrects the probabilities.

The script prints a table and saves the picture. The file is ``reliability.png``, unless
you pass another name on the command line.
"""

# %%
# Data with a rare class
# ----------------------
# The data are the 1797 digits that come with scikit-learn. The question is "is it an
# eight?", and 174 digits are eights. :func:`skweight.datasets.make_rare` removes eights
# at random, until one digit in twenty is an eight.

import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MultipleLocator, PercentFormatter
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    brier_score_loss,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import WeightedClassifier
from skweight.datasets import make_rare
from skweight.inspection import ReliabilityDisplay

X, labels = load_digits(return_X_y=True)
X, y = make_rare(X, labels == 8, target={True: 0.05}, random_state=0)
prevalence = y.mean()
print(f"{y.size} digits, {y.sum()} eights: {prevalence:.1%}")

# %%
# Three models
# ------------
# All three models use the same logistic regression. Calibration, which is the default,
# needs five more fits in training and no additional time in prediction.

estimator = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
models = {
    "plain": estimator,
    "weighted": WeightedClassifier(estimator, weighting="balanced", calibration=None),
    "weighted + calibrated": WeightedClassifier(
        estimator, weighting="balanced", random_state=0
    ),
}

# %%
# The three models on digits that are new to them
# -----------------------------------------------
# Half of the rows are used for training and the other half for evaluation. This is
# repeated twenty times, because a single split has only about forty eights for the
# evaluation.

splits = StratifiedShuffleSplit(n_splits=20, test_size=0.5, random_state=0)
probabilities = {name: [] for name in models}
truth, rows = [], []
for train, test in splits.split(X, y):
    truth.append(y[test])
    for name, model in models.items():
        p = model.fit(X[train], y[train]).predict_proba(X[test])[:, 1]
        probabilities[name].append(p)
        label = model.predict(X[test])
        rows.append(
            {
                "model": name,
                "recall": recall_score(y[test], label),
                "precision": precision_score(y[test], label, zero_division=0),
                "AUC": roc_auc_score(y[test], p),
                "log loss": log_loss(y[test], p),
                "Brier": brier_score_loss(y[test], p),
                "mean p": p.mean(),
                "prevalence": y[test].mean(),
            }
        )
truth = np.concatenate(truth)
table = pd.DataFrame(rows).groupby("model", sort=False).mean()
print(table.round(3).to_string())

# %%
# The weighted model finds the eights that the plain model misses, but its probabilities
# are far too high: log loss and Brier score are twice as large as for the plain model.
# After calibration both scores are as low as for the plain model, and the mean
# probability equals the frequency.
#
# The threshold of the calibrated model is not one half, but follows from the weights.
# With one eight in twenty and balanced weights, a digit is labelled as an eight from a
# probability of about 5 % on. This finds nine eights in ten, with two false alarms for
# each eight. If these false alarms are too many, pass a threshold for the calibrated
# probability, such as ``decision=0.3``.
#
# Reliability
# -----------
# How many of the digits with a probability of 40 % are eights?
# :class:`~skweight.inspection.ReliabilityDisplay` pools rows with similar predictions,
# with the same number of rows in each point. Here the rows of all twenty splits are
# pooled. The display could also draw a confidence band. But the band would assume that
# every prediction is for a different digit, and here each digit has several
# predictions.

COLOURS = {"plain": "0.45", "weighted": "#d55e00", "weighted + calibrated": "#0072b2"}
figure, (left, right) = plt.subplots(
    1, 2, figsize=(9, 4.2), width_ratios=[3, 2], layout="constrained"
)
for name, color in COLOURS.items():
    p = np.concatenate(probabilities[name])
    ReliabilityDisplay.from_predictions(
        truth, p, n_bins=50, name=name, color=color, band=False, ax=left
    )
left.get_legend().remove()
figure.legend(loc="outside upper center", ncols=4, frameon=False)
left.spines[["top", "right"]].set_visible(False)

for position, (name, color) in enumerate(COLOURS.items()):
    mean = table.loc[name, "mean p"]
    right.barh(position, mean, height=0.55, color=color)
    right.annotate(
        f"{mean:.1%}", (mean, position), (4, 0), textcoords="offset points", va="center"
    )
right.axvline(prevalence, color="black", linewidth=1)
right.annotate(
    f"frequency of eights, {prevalence:.1%}",
    (prevalence, -0.62),
    (4, 0),
    textcoords="offset points",
    va="center",
)
right.set(
    yticks=range(len(COLOURS)),
    yticklabels=[name.replace(" + ", "\n+ ") for name in COLOURS],
    xlabel="Mean predicted probability",
    xlim=(0, 1.25 * table["mean p"].max()),
    ylim=(len(COLOURS) - 0.5, -0.9),
)
right.xaxis.set_major_locator(MultipleLocator(0.05))
right.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
right.spines[["top", "right"]].set_visible(False)

target = sys.argv[1] if len(sys.argv) > 1 else "reliability.png"
figure.savefig(target, dpi=150)
print(f"\nThe picture is in {target}.")
ratio = table.loc["weighted + calibrated", "mean p"] / prevalence
print(f"mean calibrated probability over the frequency: {ratio:.2f}")
