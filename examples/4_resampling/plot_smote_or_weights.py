"""
SMOTE or class weights?
=======================

Both methods raise the importance of a rare class in training. This example compares
them on the same splits, by a ranking metric, which does not depend on a threshold, and
by the probabilities.
"""

# %%
# A rare digit
# ------------
# One handwritten digit in twenty is an eight. Half of the digits are used for training,
# in six repetitions.

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import WeightedClassifier
from skweight.datasets import make_rare
from skweight.exceptions import CalibrationWarning

X, digit = load_digits(return_X_y=True)
X, y = make_rare(X, digit == 8, target={True: 0.05}, random_state=0)
learners = {
    "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(C=0.1)),
    "naive Bayes": make_pipeline(StandardScaler(), GaussianNB(var_smoothing=0.1)),
}
emphasis = {
    "nothing": {"weighting": None},
    "class weights": {"weighting": "balanced"},
    "SMOTE": {"weighting": None, "resampler": "smote"},
}

# %%
# The same splits, the same calibration
# -------------------------------------
# SMOTE creates rows inside every fit only. The rows for calibration and evaluation are
# never resampled.

rows = []
splits = StratifiedShuffleSplit(6, test_size=0.5, random_state=0)
for number, (train, test) in enumerate(splits.split(X, y)):
    for learner, model in learners.items():
        for name, params in emphasis.items():
            for calibration in (None, "sigmoid"):
                clf = WeightedClassifier(
                    model, calibration=calibration, random_state=number, **params
                )
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", CalibrationWarning)  # 40 eights
                    p = clf.fit(X[train], y[train]).predict_proba(X[test])[:, 1]
                precision = average_precision_score(y[test], p)
                kind = "calibrated" if calibration else "as they come"
                rows.append((learner, name, kind, precision, p.mean() / y[test].mean()))
table = pd.DataFrame(
    rows, columns=["learner", "emphasis", "kind", "average precision", "mean p ratio"]
)
means = table.groupby(["learner", "emphasis", "kind"], sort=False).mean()
print(means.round(2).to_string())

# %%
# Two pictures
# ------------
# Left: the quality of the ranking. All bars of a learner are equally long. Right: the
# mean probability divided by the frequency. With both methods the probabilities are too
# high (for naive Bayes, probabilities are always too high). A calibration on the
# original rows brings this ratio back to about one.

COLOURS = ("0.65", "#0072b2", "#d55e00")
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for place, (name, color) in enumerate(zip(emphasis, COLOURS, strict=True)):
    at = np.arange(2) + 0.25 * (place - 1)
    ranking = [
        means.loc[(m, name, "calibrated"), "average precision"] for m in learners
    ]
    raw = [means.loc[(m, name, "as they come"), "mean p ratio"] for m in learners]
    repaired = [means.loc[(m, name, "calibrated"), "mean p ratio"] for m in learners]
    axes[0].bar(at, ranking, 0.22, color=color, label=name)
    axes[1].bar(at, raw, 0.22, color=color)
    axes[1].plot(at, repaired, "k_", markersize=16, markeredgewidth=3)
axes[0].set(xticks=range(2), xticklabels=learners, ylabel="average precision")
axes[1].set(
    xticks=range(2), xticklabels=learners, ylabel="mean probability / frequency"
)
axes[1].axhline(1, color="0.4", linewidth=1)
axes[1].plot([], [], "k_", markersize=12, markeredgewidth=3, label="calibrated")
axes[1].legend(frameon=False)
figure.legend(
    *axes[0].get_legend_handles_labels(),
    loc="outside upper center",
    ncols=3,
    frameon=False,
)
plt.show()

# %%
# Weights keep every row, create no new rows, and take no time. So if you need weights
# or SMOTE, start with weights. :ref:`Measurements <does-it-help>` on more data sets
# give the same result.

best = means.xs("calibrated", level="kind")["average precision"].unstack("emphasis")
gain = (best["SMOTE"] - best["class weights"]).max()
print(f"largest gain of SMOTE over class weights, in average precision: {gain:.3f}")
