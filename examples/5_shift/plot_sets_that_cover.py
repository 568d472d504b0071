"""
Do my prediction sets still cover after a shift?
================================================

In training, labels are easy to predict; in the target, they are hard to predict.
Prediction sets that contain the true label for 90 % of the training population contain
it less often in the target. With weights for the target, the sets have the requested
coverage in the target.
"""

# %%
# A target that is harder than the training rows
# ----------------------------------------------
# Labels depend on the first feature. The relation is strong for small values of the
# feature, and weak for large values. Most rows of the target have a large first
# feature. The rows of the target have no labels.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

from skweight import DensityRatioWeighting, WeightedClassifier
from skweight.weighting import EntropyBalancingWeighting

rng = np.random.default_rng(0)


def draw(n, mean):
    X = np.column_stack([rng.normal(mean, 1, n), rng.normal(size=n)])
    slope = np.where(X[:, 0] > 0.5, 0.3, 3.0)
    p = 1 / (1 + np.exp(-slope * X[:, 0] - 0.5 * X[:, 1]))
    return X, (rng.uniform(size=n) < p).astype(int)


(X, y), (X_target, y_target) = draw(3000, 0.0), draw(3000, 1.0)

# %%
# Sets with and without weights
# -----------------------------
# The sets are computed from held-out rows, like a calibrator. The weights have the role
# population: each held-out row and the new row have a weight for the target.

strategies = {
    "no weights": None,
    "entropy balancing": EntropyBalancingWeighting(X_target),
    "density ratio": DensityRatioWeighting(
        X_target, estimator="logistic", random_state=0
    ),
}
goals = np.array([0.7, 0.8, 0.9, 0.95])
covered, sizes = {}, {}
for name, weighting in strategies.items():
    clf = WeightedClassifier(
        LogisticRegression(),
        weighting=weighting,
        calibration="sigmoid",
        conformal="cross",
        random_state=0,
    ).fit(X, y)
    sets = [clf.predict_set(X_target, goal) for goal in goals]
    covered[name] = [found[np.arange(3000), y_target].mean() for found in sets]
    sizes[name] = [found.sum(axis=1).mean() for found in sets]
    effective = clf.report_.conformal["effective_rows"]
    print(f"{name:18s} goal 90 %: {covered[name][2]:.1%}   {effective:,.0f} effective")

# %%
# The price
# ---------
# Sets with the right coverage are larger, because the labels are harder to predict. The
# unweighted sets were small, because these sets left out possible labels.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
for (name, values), style in zip(covered.items(), ("o:", "s-", "^--"), strict=True):
    axes[0].plot(goals, values, style, color="black", label=name)
    axes[1].plot(goals, sizes[name], style, color="black")
axes[0].plot(goals, goals, color="0.8", linewidth=5, zorder=0)
axes[0].set(xlabel="coverage asked for", ylabel="coverage of the target")
figure.legend(loc="outside upper center", ncols=3, frameon=False)
axes[1].set(xlabel="coverage asked for", ylabel="labels in a set, on average")
plt.show()

# %%
# Left: on the grey line, the coverage equals the requested coverage. The dotted line,
# without weights, lies below the grey line.

print(f"coverage with entropy balancing: {covered['entropy balancing'][2]:.1%}")
