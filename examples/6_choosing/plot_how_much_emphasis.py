"""
How much emphasis, if any?
==========================

Class weights are often used for a rare class. A few fits show whether class weights
improve a model on your data: :func:`skweight.recommend_weighting` measures this, and
``weighting="auto"`` makes the choice inside a fit.
"""

# %%
# Two tables
# ----------
# In the first table the truth is linear, and a logistic regression learns it from about
# 150 rows of the rare class. In the second table the rare class is one handwritten
# digit in twenty, with 64 columns and 85 rows of this digit.

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import WeightedClassifier, recommend_weighting
from skweight.datasets import make_imbalanced, make_rare

made = make_imbalanced(3000, prevalence=0.05, random_state=0)
X, labels = load_digits(return_X_y=True)
tables = {
    "a line": (made.X, made.y),
    "an eight": make_rare(X, labels == 8, target={True: 0.05}, random_state=0),
}
learner = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))

# %%
# Advice in one call
# ------------------
# The advice needs fifteen fits: three strengths on five folds. Predicted labels need no
# weights, because labels follow from calibrated probabilities and a threshold.

for name, (X, y) in tables.items():
    advice = recommend_weighting(X, y, estimator=learner, random_state=0)
    print(f"{name}\n{advice}\n")

# %%
# The choice inside of a fit
# --------------------------
# The fit of the classifier makes the same comparison, and then fits one model on all
# rows. ``report_`` contains the table of the comparison.

reports = {}
for name, (X, y) in tables.items():
    clf = WeightedClassifier(learner, weighting="auto", random_state=0)
    reports[name] = clf.fit(X, y).report_
    print(f"{name}: {clf.report_.choice}; threshold {clf.threshold_:.3f}")

# %%
# In a picture
# ------------
# The picture shows the log loss of each strength minus the lowest log loss, with one
# paired standard error. The filled point is the choice: the smallest strength whose bar
# reaches zero.

figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
for ax, (name, report) in zip(axes, reports.items(), strict=True):
    for row in report.weightings:
        ax.errorbar(
            row["strength"],
            row["above_lowest"],
            row["standard_error"],
            fmt="o",
            color="black",
            markerfacecolor="black" if row["chosen"] else "white",
            capsize=4,
        )
    ax.axhline(0, color="grey", linewidth=0.8)
    ax.set(title=name, xlabel="strength of balancing", xticks=[0, 0.5, 1])
axes[0].set_ylabel("log loss above the lowest")

# %%
# These numbers show the effect of full balance on each table.

for name, report in reports.items():
    none, _, full = (row["log_loss"] for row in report.weightings)
    print(f"{name}: full balance changes the log loss by {full - none:+.4f}")
