"""
Do my weights bring the training rows to the target?
====================================================

Weights for covariate shift have one task that can be seen: weighted training rows are
to look like the target. :class:`~skweight.inspection.BalanceDisplay` shows it feature
by feature, and :func:`~skweight.inspection.weight_report` says what no weights can do.
"""

# %%
# Two hospitals
# -------------
# Tumours of the Wisconsin breast cancer data. The one hospital, where labels are, sees
# mostly small ones; the other, where the model is to work, gets the large ones sent.

import warnings

import numpy as np
from sklearn.datasets import load_breast_cancer

from skweight import DensityRatioWeighting
from skweight.exceptions import OverlapWarning
from skweight.inspection import BalanceDisplay, weight_report

data = load_breast_cancer(as_frame=True).data
columns = [
    "mean radius",
    "mean texture",
    "mean smoothness",
    "mean concavity",
    "mean symmetry",
    "worst area",
]
rng = np.random.default_rng(0)
size = data["mean radius"].rank(pct=True)
sent = rng.random(len(data)) < 0.15 + 0.7 * size
X, X_target = data.loc[~sent, columns], data.loc[sent, columns]
print(f"{len(X)} rows with labels, {len(X_target)} of the target")

# %%
# Before and after
# ----------------
# Hollow marks: how far the means are from each other in standard deviations of the
# target. Filled ones: the same after weighting. Left of the dotted line, a tenth of a
# standard deviation, a difference is commonly passed over.

weighting = DensityRatioWeighting(X_target, estimator="logistic", random_state=0).fit(X)
BalanceDisplay.from_estimator(weighting, X, X_target)

# %%
# What is missing
# ---------------
# Now the one hospital sends *every* large tumour on. Weights can lift rows that are
# there; of those that are not, the report says how many they are, and which to collect.

large = data["mean radius"] > 17
X, X_target = data.loc[~sent & ~large, columns], data.loc[sent | large, columns]
weights = DensityRatioWeighting(
    X_target, estimator="logistic", random_state=0
).fit_weigh(X, None)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", OverlapWarning)  # it is in the report
    report = weight_report(weights, X=X, X_target=X_target, random_state=0)
print(report)

# %%
# The rows to collect:

print(X_target.iloc[report.orphans].describe().loc[["count", "min", "50%"]].round(2))
print(f"rows of the target that no weight can stand for: {len(report.orphans)}")
