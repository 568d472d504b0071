"""
How do I learn a rare class from a stream?
==========================================

Rows arrive in chunks, one class is rare, and halfway it becomes five times as frequent.
``WeightedClassifier.partial_fit`` balances the classes by their shares so far. With a
half-life, old rows lose their influence, and the weights follow the change.
"""

# %%
# The stream
# ----------
# Two features contain a little information about the class. The rare class has 2 % of
# the first 20,000 rows, and 10 % of all later rows.

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import PercentFormatter
from sklearn.naive_bayes import GaussianNB

from skweight import Streaming, WeightedClassifier

rng = np.random.default_rng(0)
share = np.repeat([0.02, 0.10], 20_000)
y = (rng.uniform(size=40_000) < share).astype(int)
X = rng.normal(size=(40_000, 2)) + y[:, np.newaxis]
chunks = [slice(start, start + 400) for start in range(0, 40_000, 400)]

# %%
# Test each chunk before learning from it
# ---------------------------------------
# Each chunk is used for a test before it is used for learning: which share of the rare
# class, and which weight of a rare row, would have been right for this chunk?

models = {
    "every row counts": None,
    "half-life of 2,000 rows": 2_000,
}
found = {name: [] for name in models}
for name, half_life in models.items():
    clf = WeightedClassifier(
        GaussianNB(),
        weighting="balanced",
        streaming=Streaming(half_life=half_life),
    )
    for number, rows in enumerate(chunks):
        if number:
            shares = clf.report_.population_share[1]
            weight = clf.weighting_.class_weight_[1]
            found[name].append((shares, weight))
        clf.partial_fit(X[rows], y[rows], classes=[0, 1])

for name, values in found.items():
    print(f"{name:<24}  share {values[-1][0]:.1%}  weight {values[-1][1]:.1f}")

# %%
# The weights over time
# ---------------------
# Without a half-life, the class shares are means over all rows so far. Even 20,000 rows
# after the change, the weight of the rare class is still too large. With a half-life
# the shares are noisier before the change, and correct soon after the change.

at = np.array([rows.start for rows in chunks[1:]])
fig, (above, below) = plt.subplots(
    2, 1, figsize=(7, 6), sharex=True, layout="constrained"
)
above.plot(at, share[at], color="0.6", lw=4, label="true")
for name, values in found.items():
    shares, weight = np.array(values).T
    above.plot(at, shares, label=name)
    below.plot(at, weight, label=name)
below.plot(at, 0.5 / share[at], color="0.6", lw=4, zorder=0, label="true")
above.yaxis.set_major_formatter(PercentFormatter(1))
above.set_ylabel("share of the rare class")
below.set_ylabel("weight of a rare row")
below.set_xlabel("rows seen")
below.set_ylim(0, 50)
fig.legend(
    *above.get_legend_handles_labels(),
    loc="outside upper center",
    ncols=3,
    frameon=False,
)
plt.show()

# %%
# The step is at row 20,000. The line with a half-life reaches the grey line within two
# half-lives. The line without a half-life has not reached the grey line at the end.

share_seen = found["half-life of 2,000 rows"][-1][0]
print(
    "estimated share of the rare class at the end (the truth is 10 %): "
    f"{share_seen:.1%}"
)
