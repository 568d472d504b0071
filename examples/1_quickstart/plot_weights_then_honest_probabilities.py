"""
Why are my probabilities so high?
=================================

One handwritten digit in twenty is an eight. A plain model misses more than half of
them. Balanced weights find most, and in return report eights that are not there: the
mean predicted probability is more than twice the frequency. Calibration on rows that
were *not* weighted keeps what the weights have found and makes the probabilities true
again.

The script prints a table and saves the picture, as ``reliability.png`` unless another
file is named on the command line.
"""

# %%
# Data with a rare class
# ----------------------
# The 1797 digits that come with scikit-learn, with the question "is it an eight?".
# 174 of them are; :func:`skweight.datasets.make_rare` leaves rows out at random, until
# one in twenty is an eight.

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
# The same logistic regression each time. Calibration, which is the default, costs five
# more fits in training and nothing in prediction.

estimator = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
models = {
    "plain": estimator,
    "weighted": WeightedClassifier(estimator, weighting="balanced", calibration=None),
    "weighted + calibrated": WeightedClassifier(
        estimator, weighting="balanced", random_state=0
    ),
}

# %%
# What they predict for digits they have not seen
# -----------------------------------------------
# Half of the rows train and the other half are predicted, twenty times: a single split
# has some forty eights to judge by, which is too few.

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
# The weighted model finds the eights that the plain one misses, but its probabilities
# are far too high: log loss and Brier score are twice those of the plain model. After
# calibration both are as low as the plain model's, and the mean probability is the
# frequency.
#
# The labels of the calibrated model follow the weights, not one half: with one eight in
# twenty, a digit is called an eight from a probability of about 5 % on, as balanced
# weights ask. That finds nine eights in ten, at the price of two false alarms for each.
# Who finds that too many passes ``decision=0.3``, a threshold that now means something.
#
# Reliability
# -----------
# Of the digits that were given a probability of 40 %, how many are eights?
# :class:`~skweight.inspection.ReliabilityDisplay` pools rows with similar predictions,
# as many in each point, here those of all twenty splits together. It would draw a band
# for chance, too, but takes every prediction for one of another digit, which these are
# not.

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
