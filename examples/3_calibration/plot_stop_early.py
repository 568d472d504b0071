"""
When should a balanced model stop?
==================================

A boosted model with class weights is miscalibrated. If the training loss is monitored
on held-out rows, it stops training far too early: the loss after calibration would
still improve. This example computes three losses in every round, and marks the round at
which training would stop with each of them.

The picture is saved as ``stop_early.png``, unless you pass another name on the command
line.
"""

# %%
# A rare class with known probabilities
# -------------------------------------

import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss

from skweight import BalancedWeighting
from skweight.calibration import SigmoidCalibrator
from skweight.datasets import make_imbalanced
from skweight.metrics import RefinedLogLoss

data = make_imbalanced(
    12_000, prevalence=0.05, class_sep=2.5, nonlinearity=0.5, random_state=0
)
train, watch = slice(0, 3000), slice(3000, 4500)
calibrate, new = slice(4500, 6000), slice(6000, None)

# %%
# One fit, monitored in three ways
# --------------------------------
# The three losses are a loss with the class weights of training, a loss without
# weights, and a loss after a sigmoid calibration that is refitted every round. The aim
# is a low loss after a calibration on rows that are not used for training. This loss is
# computed on new rows, with the true probabilities of these rows.

weight = BalancedWeighting().fit(data.X[train], data.y[train])
model = HistGradientBoostingClassifier(max_iter=200, early_stopping=False)
model.fit(data.X[train], data.y[train], weight.weigh(data.X[train], data.y[train]))
emphasis = weight.weigh(data.X[watch], data.y[watch])

curves = {"with class weights": [], "without": [], "refined": []}
truth = []
refined = RefinedLogLoss()
for proba, scores in zip(
    model.staged_predict_proba(data.X),
    model.staged_decision_function(data.X),
    strict=True,
):
    y, p = data.y[watch], proba[watch]
    curves["with class weights"].append(log_loss(y, p, sample_weight=emphasis))
    curves["without"].append(log_loss(y, p))
    curves["refined"].append(refined(y, p))
    sigmoid = SigmoidCalibrator().fit(np.ravel(scores)[calibrate], data.y[calibrate])
    q = sigmoid.predict_proba(np.ravel(scores)[new])[:, 1]
    share = data.proba[new, 1]
    truth.append(-np.mean(share * np.log(q) + (1 - share) * np.log1p(-q)))

for name, curve in curves.items():
    best = int(np.argmin(curve))
    regret = truth[best] - min(truth)
    print(
        f"{name}: stops at round {best + 1}; log loss after calibration above the "
        f"lowest: {regret:.4f}"
    )

# %%
# ``WeightedClassifier(..., validation_fraction=0.15)`` monitors the loss after
# calibration in one line, for learners with early stopping: XGBoost, LightGBM,
# CatBoost, HistGradientBoosting, skorch.

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
axes.plot(truth, color="black", label="loss after calibration, new rows")
for (name, curve), style in zip(curves.items(), (":", "--", "-."), strict=True):
    best = int(np.argmin(curve))
    axes.axvline(best, color="0.4", linestyle=style, label=f"stop {name}")
axes.set_xlabel("round")
axes.set_ylabel("log loss")
axes.set_ylim(top=np.quantile(truth, 0.97))
figure.legend(loc="outside upper center", ncols=2, frameon=False)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "stop_early.png", dpi=150)

# %%
# With the training loss, which uses class weights, training stops far too early: the
# black curve, the loss after calibration, is still falling there. With the refined
# loss, training stops near the minimum of the black curve.

best = int(np.argmin(curves["refined"]))
print(
    "log loss at the round of the refined loss, minus the lowest log loss: "
    f"{truth[best] - min(truth):.4f}"
)
