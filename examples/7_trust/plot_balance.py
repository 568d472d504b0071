"""
Do my weights bring the training rows to the target?
====================================================

With weights for covariate shift, the weighted training rows should look like the
target. :class:`~skweight.inspection.BalanceDisplay` shows this feature by feature, and
:func:`~skweight.inspection.weight_report` shows which part of the target has no similar
training rows, so that weights cannot help.
"""

# %%
# Two hospitals
# -------------
# The rows are tumours of the Wisconsin breast cancer data. The first hospital has
# labels and mostly small tumours. The second hospital will use the model, and treats
# the large tumours.

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
# Hollow marks are the differences of the means before weighting, in standard deviations
# of the target. Filled marks are the differences after weighting. The dotted line is at
# a tenth of a standard deviation. Differences to the left of this line are commonly
# ignored.

weighting = DensityRatioWeighting(X_target, estimator="logistic", random_state=0).fit(X)
BalanceDisplay.from_estimator(weighting, X, X_target)

# %%
# What is missing
# ---------------
# Now the first hospital sends *every* large tumour to the second hospital. Weights can
# only raise the importance of existing rows. The report shows how many target rows have
# no similar training rows, and which rows to collect.

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
# These are the rows to collect:

print(X_target.iloc[report.orphans].describe().loc[["count", "min", "50%"]].round(2))
print(f"target rows without similar training rows: {len(report.orphans)}")
