"""
Which repair do balanced probabilities need?
============================================

With balanced weights, a model predicts for a population in which both classes are
equally frequent. The size of the error in its probabilities, and the correction, depend
on the model. A formula is enough for a logistic regression. Boosted trees need a
calibrator that is fitted on held-out rows.

The true probabilities of the problem are known, so the picture shows them instead of
bins of labels. The picture is saved as ``three_repairs.png``, unless you pass another
name on the command line.
"""

# %%
# A rare class with known probabilities
# -------------------------------------
# Two rows in a hundred are positive. Half of the rows are used for training.

import sys
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from skweight import WeightedClassifier
from skweight.datasets import make_imbalanced
from skweight.exceptions import CalibrationWarning

data = make_imbalanced(
    24_000, n_features=6, prevalence=0.02, nonlinearity=0.05, random_state=1
)
X, y = data.X[:12_000], data.y[:12_000]
X_new, y_new, truth = data.X[12_000:], data.y[12_000:], data.proba[12_000:, 1]

# %%
# One balanced model, and three repairs
# -------------------------------------
# 1. *Invert the weights.* If a class has 49 times the weight of the other class, its
#    odds are 49 times too high. The inversion needs no rows and no fit. It is correct
#    if the model is at the minimum of its loss.
# 2. *Learn the map* from the scores to probabilities, on rows that the model has not
#    seen and that are not weighted.
# 3. *Do not weight.* Fit without weights, and change the threshold instead.

LEARNERS = {
    "logistic regression": LogisticRegression(),
    "boosted trees": HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=15, random_state=0
    ),
}
REPAIRS = {
    "balanced": {"calibration": None},
    "1. weights inverted": {"calibration": "prior"},
    "2. map learned": {
        "ensemble": "auto",
        "random_state": 0,
    },  # averages folds of trees
    "3. not weighted": {
        "weighting": None,
        "calibration": None,
        "decision": float(y.mean()),
    },
}


def loss(p):
    """Return the expected log loss; it is computed from true probabilities."""
    return -np.mean(truth * np.log(p) + (1 - truth) * np.log1p(-p))


probabilities, rows = {}, []
for learner, estimator in LEARNERS.items():
    for repair, params in REPAIRS.items():
        with warnings.catch_warnings():
            # The fit gives a warning, because inverting the weights is not correct for
            # boosted trees.
            warnings.simplefilter("ignore", CalibrationWarning)
            model = WeightedClassifier(estimator, **params).fit(X, y)
        p = model.predict_proba(X_new)[:, 1]
        probabilities[learner, repair] = p
        rows.append(
            {
                "learner": learner,
                "repair": repair,
                "mean p": p.mean(),
                "log loss": loss(p),
                "recall": model.predict(X_new)[y_new == 1].mean(),
                "fits": model.report_.n_fits,
            }
        )
print(f"frequency {truth.mean():.3f}, log loss of the truth {loss(truth):.4f}")
table = pd.DataFrame(rows).set_index(["learner", "repair"])
print(table.round(4).to_string())

# %%
# In both balanced models the mean probability of the rare class is more than ten times
# as high as the frequency of this class. Inverting the weights corrects the logistic
# regression without any further fit. For the boosted trees the inversion is not enough:
# the trees overfit and are too sure, but an inversion only shifts all log odds by one
# number. The learned map is right for both models. For trees it needs
# ``ensemble="auto"``, which averages the fold models whose scores fitted the map; one
# model on all rows would be a little surer than the fold models. Not weighting is right
# for the logistic regression, because weights change little except for the intercept.
# But without weights the trees stay too sure.
#
# The predicted labels do not need these corrections. The logistic regressions find
# about the same positives, each with the threshold that fits its probabilities. The
# trees with the learned map find more positives than the other trees. The balanced
# trees are so sure of their training rows that one half is too high a threshold for new
# rows. The learned map is fitted on rows that are new to the trees, and therefore
# corrects the probabilities for new rows.
#
# What a probability means
# ------------------------
# Rows are ranked by the predicted probability and pooled in groups of 300. One axis is
# the mean predicted probability of a group, the other axis is the mean true probability
# of the group. On the diagonal the probabilities are correct. Both axes are log odds:
# weights shift a curve, and over-confidence changes its slope.

STYLES = {  # also different in grey
    "balanced": {"color": "0.45", "linestyle": ":"},
    "1. weights inverted": {"color": "#d55e00", "linestyle": "--"},
    "2. map learned": {"color": "#0072b2", "linestyle": "-"},
    "3. not weighted": {"color": "#009e73", "linestyle": "-."},
}


def log_odds(p):
    """Return log(p / (1 - p))."""
    return np.log(p) - np.log1p(-p)


figure, axes = plt.subplots(
    1, 2, figsize=(9, 4.6), sharex=True, sharey=True, layout="constrained"
)
ticks = np.array([0.0001, 0.001, 0.01, 0.1, 0.5, 0.9])
for ax, learner in zip(axes, LEARNERS, strict=True):
    ax.plot([-12, 4], [-12, 4], color="0.8", linewidth=1, zorder=0)
    for repair, style in STYLES.items():
        p = probabilities[learner, repair]
        order = np.argsort(p)
        pools = np.array_split(order, order.size // 300)
        said = [log_odds(p[pool].mean()) for pool in pools]
        true = [log_odds(truth[pool].mean()) for pool in pools]
        ax.plot(said, true, label=repair, linewidth=1.8, **style)
    ax.set(
        title=learner,
        xlabel="predicted probability",
        xlim=(-10, 3),
        ylim=(-10, 3),
        xticks=log_odds(ticks),
        yticks=log_odds(ticks),
        aspect="equal",
    )
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(
            FuncFormatter(lambda value, _: f"{100 / (1 + np.exp(-value)):.2g} %")
        )
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("true probability")
handles, labels = axes[0].get_legend_handles_labels()
figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)

target = sys.argv[1] if len(sys.argv) > 1 else "three_repairs.png"
figure.savefig(target, dpi=150)
print(f"\nThe picture is in {target}.")
mean = table.loc[("boosted trees", "2. map learned"), "mean p"]
print(
    f"mean probability of the trees divided by the frequency: {mean / truth.mean():.2f}"
)
