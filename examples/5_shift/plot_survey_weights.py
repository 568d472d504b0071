"""
My rows come from a survey with weights. Where do they go?
==========================================================

Young people were asked three times as often as old people. So each row represents a
certain number of people. Fit, calibration and score must use these numbers as weights.
"""

# %%
# A sample that is not the population
# -----------------------------------

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier

from skweight import ColumnWeighting, WeightedClassifier

rng = np.random.default_rng(0)
people = pd.DataFrame({"age": rng.uniform(18, 90, 60_000)})
people["income"] = rng.normal(size=60_000)
logit = 0.06 * (people["age"] - 70) + people["income"]
ill = (rng.random(60_000) < 1 / (1 + np.exp(-logit))).to_numpy()
chance = np.where(people["age"] < 45, 0.15, 0.05)
asked = rng.random(60_000) < chance
X, y = people[asked].assign(weight=1 / chance[asked]), ill[asked]
print(f"ill: {ill.mean():.3f} of the population, {y.mean():.3f} of the survey")

# %%
# The weight is a column of the table
# -----------------------------------
# :class:`~skweight.ColumnWeighting` reads the column, hides it from the learner, and
# uses it in calibration and report. Income is the only feature here, so the model
# cannot distinguish young and old people.

trees = HistGradientBoostingClassifier(max_iter=40, random_state=0)
common = {"calibration": "sigmoid", "ensemble": False, "random_state": 0}
plain = WeightedClassifier(trees, weighting=None, **common).fit(X[["income"]], y)
weighted = WeightedClassifier(trees, weighting=ColumnWeighting("weight"), **common)
weighted.fit(X[["income", "weight"]], y)
means = {
    "truth": ill.mean(),
    "survey as it came": plain.predict_proba(people[["income"]])[:, 1].mean(),
    "weighted": weighted.predict_proba(people[["income"]])[:, 1].mean(),
}
figure, ax = plt.subplots(figsize=(6, 2.4), layout="constrained")
ax.barh(list(means), list(means.values()), color=["black", "0.65", "#0072b2"])
ax.invert_yaxis()
ax.set(xlabel="share that is ill")
plt.show()

# %%
# The blue bar (with weights) is as long as the black bar (the truth). Without weights,
# the share is close to the share among young people.
# :func:`~skweight.weights.effective_sample_size` shows the effective number of rows
# that is left.

rows = weighted.report_.effective_sample_size
print(f"{len(X)} answers are worth {rows:.0f} equal ones")
print(
    "weighted share divided by the true share: "
    f"{means['weighted'] / means['truth']:.3f}"
)
