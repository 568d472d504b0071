"""
Which transactions are worth a check?
=====================================

A missed fraud costs its amount, and a check costs 10. No single threshold is right for
all amounts: a doubtful transaction of 5 is accepted, and a doubtful transaction of 5000
is checked. The expected-cost decision computes a threshold for each amount.
"""

# %%
# Transactions whose probabilities are known
# ------------------------------------------

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split

from skweight import (
    CostMatrix,
    CostSensitiveClassifier,
    CostWeighting,
    WeightedClassifier,
)
from skweight.inspection import CostCurveDisplay
from skweight.metrics import make_cost_scorer

rng = np.random.default_rng(0)
n = 12_000
X = pd.DataFrame(rng.normal(size=(n, 4)), columns=["speed", "night", "new", "far"])
X["amount"] = rng.lognormal(4, 1.3, n).round(2)
odds = np.exp(-4.5 + 1.2 * X["speed"] + X["night"] * X["new"] + 0.8 * X["far"])
y = np.where(rng.random(n) < odds / (1 + odds), "fraud", "genuine")
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
print(f"{np.mean(y == 'fraud'):.1%} fraud, median amount {X['amount'].median():.0f}")

# %%
# The costs, in names
# -------------------

cost = CostMatrix.binary(pos_label="fraud", fp=10, tp=10, fn="amount")
print(cost.align(["fraud", "genuine"]).describe())

# %%
# Four models, one currency
# -------------------------
# The scorer reads the amounts from a column of the test rows.

learner = HistGradientBoostingClassifier(max_iter=50, random_state=0)
models = {
    "plain": learner,
    "class weights": WeightedClassifier(
        learner, weighting=CostWeighting(cost, level="class"), calibration=None
    ),
    "one tuned threshold": CostSensitiveClassifier(
        learner, cost=cost, decision="tuned", random_state=0
    ),
    "expected cost": CostSensitiveClassifier(learner, cost=cost, random_state=0),
}
saved = make_cost_scorer(cost, kind="savings")
for name, model in models.items():
    model.fit(X_train, y_train)
    print(f"{name:<20} saves {saved(model, X_test, y_test):6.1%}")

# %%
# What was decided, and why
# -------------------------

report = models["expected cost"].decision_report(X_test)
print(report.head().round(3).to_string())

# %%
# The curve of thresholds, and the cost curve
# -------------------------------------------

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for label, color in (("genuine", "tab:blue"), ("fraud", "tab:red")):
    rows = report["decision"] == label
    left.plot(
        X_test.loc[rows, "amount"],
        report.loc[rows, "p(fraud)"],
        ".",
        color=color,
        markersize=3,
        label=f"decided {label}",
    )
left.axhline(1 - models["one tuned threshold"].threshold_, color="0.5", label="tuned")
left.set(xscale="log", yscale="log", xlabel="amount", ylabel="probability of fraud")
left.legend(
    loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False, markerscale=4
)
CostCurveDisplay.from_estimator(
    models["expected cost"], X_test, y_test, pos_label="fraud", name="scores", ax=right
)
right.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)
plt.show()

# %%
# Left: a transaction of 5 is accepted whatever its probability, and a transaction of
# 5000 is checked at one per cent. A single tuned threshold, the grey line, is wrong for
# both transactions. Right: the cost curve evaluates the scores for every ratio of
# costs. Its horizontal axis is the *probability cost*: the share of the positives in
# the cost if every row were decided wrongly, p·fn / (p·fn + (1 - p)·fp). At the left
# end only false alarms have a cost, and at the right end only misses have a cost. The
# grey triangle is the cost without a model. The saved cost is the distance from the
# curve to the triangle.

best = saved(models["expected cost"], X_test, y_test)
print(f"decisions by expected cost save {best:.0%} of the cost without a model")
