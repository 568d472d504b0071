"""
How do I weigh and calibrate what does not fit into memory?
===========================================================

Rows come in chunks, for example from files. The first pass counts the classes, the
second pass trains the model, and the third pass sums the scores of held-out rows. No
pass keeps a row. Weights, calibration, threshold and metrics follow from the sums.
"""

# %%
# Chunks
# ------
# The chunks are simulated here. In practice, each chunk could be a file.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import SGDClassifier

from skweight import BalancedWeighting, CostMatrix
from skweight.calibration import SigmoidCalibrator
from skweight.scale import ClassMasses, ScoreStatistics, hash_folds


def chunks(numbers):
    """Yield keys, features and labels of 5,000 rows at a time; few are positive."""
    for number in numbers:
        rng = np.random.default_rng(number)
        X = rng.normal(size=(5_000, 4))
        logit = 1.2 * X[:, 0] + 0.8 * X[:, 1] - 4
        y = (rng.random(5_000) < 1 / (1 + np.exp(-logit))).astype(int)
        yield number * 5_000 + np.arange(5_000), X, y


# %%
# Three passes
# ------------
# Rows are held out if the hash of their key, modulo five, is 0. So the same rows are
# held out in every pass, and the order of the files does not matter.

masses = ClassMasses()
for _, _, y in chunks(range(20)):
    masses.update(y)
weighting = BalancedWeighting().fit_statistics(masses)
print({k: round(float(w), 2) for k, w in weighting.class_weight_dict().items()})

model = SGDClassifier(loss="log_loss", alpha=1e-3, random_state=0)
for key, X, y in chunks(range(20)):
    rows = hash_folds(key) != 0
    weight = weighting.weigh(X[rows], y[rows])
    model.partial_fit(X[rows], y[rows], classes=[0, 1], sample_weight=weight)

statistics = ScoreStatistics()
for key, X, y in chunks(range(20)):
    rows = hash_folds(key) == 0
    statistics.update(model.decision_function(X[rows]), y[rows])
calibrator = SigmoidCalibrator().fit_statistics(statistics)
threshold = statistics.threshold(
    CostMatrix.binary(pos_label=1, fp=1, fn=12), calibrator
)
print(f"AUC {statistics.auc():.2f}, threshold by cost {threshold:.3f}")

# %%
# The calibration curve, computed from sums
# -----------------------------------------
# The orange curve is the weighted model: if the probability is 60 %, only few rows are
# positive. The blue curve is the same model after the calibration, and lies on the
# diagonal.

figure, ax = plt.subplots(figsize=(5, 4.4), layout="constrained")
ax.plot([0, 1], [0, 1], color="0.8", linewidth=1)
for name, by, color in (
    ("balanced", None, "#d55e00"),
    ("balanced, calibrated", calibrator, "#0072b2"),
):
    curve = statistics.reliability_curve(by, n_bins=10)
    ax.plot(curve.mean_proba, curve.frequency, "o-", color=color, label=name)
ax.set(xlabel="predicted probability", ylabel="frequency in held-out rows")
figure.legend(loc="outside upper center", ncols=2, frameon=False)
plt.show()

# %%
# New rows
# --------

expected, positive = 0.0, 0
for _, X, y in chunks(range(100, 120)):
    expected += calibrator.predict_proba(model.decision_function(X))[:, 1].sum()
    positive += y.sum()
print(
    "expected number of positives divided by the true number: "
    f"{expected / positive:.2f}"
)
