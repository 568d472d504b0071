"""
How do I make a survey match a census?
======================================

A survey reached mostly young people and men. Only a few statistics of the population
are known: mean and standard deviation of the age, and the share of women. Entropy
balancing finds weights with which the survey has exactly these statistics. Of all such
weights, it chooses the weights that are closest to equal weights.
"""

# %%
# A survey and a census
# ---------------------
# The spending increases with age, and women spend more than men. The truth is known
# here, because the population is simulated.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skweight.weighting import EntropyBalancingWeighting, RakingWeighting

rng = np.random.default_rng(0)
n = 40_000
population = pd.DataFrame(
    {"age": rng.normal(45, 14, n).clip(18, 90), "sex": rng.choice(["f", "m"], n)}
)
spending = (
    0.02 * (population["age"] - 20) ** 2 + 8 * (population["sex"] == "f") + 20
).to_numpy()
answers = rng.uniform(size=n) < np.exp(-0.04 * (population["age"] - 18)) * np.where(
    population["sex"] == "m", 0.4, 0.2
)
survey, spent = population[answers], spending[answers]
print(f"{len(survey):,} answers; the truth is {spending.mean():.2f}")

# %%
# Two statistics, or three
# ------------------------
# Raking by sex does not correct the age. Matching the mean of the age removes nearly
# all of the remaining error, because the probability of an answer is an exponential
# function of the age. Matching the mean of the squares also corrects the standard
# deviation.

mean, squares = population["age"].mean(), (population["age"] ** 2).mean()
women = float((population["sex"] == "f").mean())
sex = {"f": women, "m": 1 - women}
strategies = {
    "as it came": None,
    "sex raked": RakingWeighting({"sex": sex}),
    "mean age and sex": EntropyBalancingWeighting(moments={"age": mean, "sex": sex}),
    "mean, square and sex": EntropyBalancingWeighting(
        moments={"age": [mean, squares], "sex": sex}
    ),
}
estimates, weights = {}, {}
for name, strategy in strategies.items():
    weights[name] = np.ones(len(survey))
    if strategy is not None:
        weights[name] = strategy.fit_weigh(survey, y=None)
    estimates[name] = np.average(spent, weights=weights[name])
    rows = weights[name].sum() ** 2 / (weights[name] @ weights[name])
    print(f"{name:22s} {estimates[name]:.2f}   worth {rows:,.0f} rows")

# %%
# What the weights do
# -------------------
# The weights are an exponential function of the moments, so they are smooth. If the
# difference between survey and population is larger, fewer effective rows are left.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
bins = np.linspace(18, 90, 25)
axes[0].hist(population["age"], bins, density=True, color="0.8", label="population")
for name, style in (("as it came", ":"), ("mean, square and sex", "-")):
    axes[0].hist(
        survey["age"],
        bins,
        weights=weights[name],
        density=True,
        histtype="step",
        linestyle=style,
        color="black",
        label=name,
    )
axes[0].set(xlabel="age", ylabel="density")
figure.legend(loc="outside upper center", ncols=3, frameon=False)
axes[1].barh(list(estimates), list(estimates.values()), color="0.6")
axes[1].axvline(spending.mean(), color="black", linestyle="--")
axes[1].set(xlabel="mean spending, truth dashed")
plt.show()

# %%
# Left: the solid line agrees with the population. Right: with more matched statistics,
# the bar is closer to the truth.

error = estimates["mean, square and sex"] / spending.mean() - 1
print(f"error of the mean spending with three matched statistics: {error:.2%}")
