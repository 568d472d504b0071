"""
Do a few rows carry everything?
===============================

Weights fail silently: a fit runs, and nothing says that one row in a hundred has a
third of all weight. :class:`~skweight.inspection.WeightDistributionDisplay` shows it,
and what each remedy costs.
"""

# %%
# Heavy weights
# -------------
# The true density ratio of a shift by one and a half standard deviations in two
# features. It is correct, and still hardly of use: its tail is heavy.

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
# A clip at the square root of n times the mean stops only the very largest. A cap says
# what one row may count, tempering what the weights may cost. All of these are
# ``stabilizer=`` of a strategy or a classifier.

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
# On the left, the lightest nine rows of ten have but a quarter of the weight of the raw
# ratio. On the right, its tail goes on to a row that counts as nearly three hundred;
# k-hat is about the inverse of its slope: from 0.7 on, means by these weights cannot be
# relied on, and from 1 on there is no mean. A cap ends it at a wall, which k-hat cannot
# judge any more ("tied tail"): look at raw weights first.

heaviest = np.sort(ratio)[-len(ratio) // 100 :].sum() / ratio.sum()
print(f"share of all weight that the heaviest row in a hundred has: {heaviest:.0%}")
