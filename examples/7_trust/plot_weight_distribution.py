"""
Do a few rows carry everything?
===============================

Bad weights cause no error. For example, one row in a hundred may have a third of the
total weight, and the fit runs without an error.
:class:`~skweight.inspection.WeightDistributionDisplay` shows such weights, and the
effect of each remedy.
"""

# %%
# Heavy weights
# -------------
# The weights are the true density ratio of a shift by one and a half standard
# deviations in two features. The ratio is correct, but hardly useful, because its tail
# is heavy.

import warnings

import numpy as np

from skweight.exceptions import DegenerateWeightsWarning
from skweight.inspection import WeightDistributionDisplay, weight_report
from skweight.stabilizers import (
    CapStabilizer,
    ClipStabilizer,
    TemperStabilizer,
)

rng = np.random.default_rng(0)
X = rng.normal(size=(3000, 2))
ratio = np.exp(1.5 * X.sum(axis=1) - 2.25)

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DegenerateWeightsWarning)  # it is in the report
    print(weight_report(ratio))

# %%
# Three remedies
# --------------
# A clip limits weights to the square root of n times the mean weight, so only the very
# largest weights change. A cap limits the weight of a single row. Tempering gives the
# weights a chosen effective number of rows. All three can be used as ``stabilizer=`` of
# a strategy or a classifier.

remedies = {
    "ratio": None,
    "clipped": ClipStabilizer(),
    "capped at 10": CapStabilizer(10),
    "tempered": TemperStabilizer(0.3),
}
axes = None
for name, remedy in remedies.items():
    weights = ratio
    if remedy is not None:
        weights = remedy.stabilize(ratio)
    display = WeightDistributionDisplay.from_weights(weights, name=name, ax=axes)
    axes = display.axes_

# %%
# Left: with the raw ratio, the 90 % of rows with the smallest weights have only a
# quarter of the total weight. Right: the tail of the raw ratio ends at a row with a
# weight of nearly three hundred. K-hat is about the inverse of the slope of the tail.
# If k-hat is 0.7 or more, means with these weights are not reliable. If k-hat is 1 or
# more, the mean does not exist. A cap makes the largest weights equal, so k-hat cannot
# be computed any more ("tied tail"). Therefore check the raw weights first.

heaviest = np.sort(ratio)[-len(ratio) // 100 :].sum() / ratio.sum()
print(
    "share of the total weight on the 1 % of rows with the largest weights: "
    f"{heaviest:.0%}"
)
