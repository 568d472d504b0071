"""
How much should old rows count?
===============================

Data change over time. Five years ago, some features predicted well which customers
leave. Today they predict less well. With equal weights, the model uses many rows, but
old rows describe the past. The last months describe the present, but have few rows.
:class:`~skweight.weighting.RecencyWeighting` is a compromise between the two.
"""

# %%
# Sixty months
# ------------
# The boundary between the two classes rotates by a right angle in sixty months.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skweight import WeightedClassifier
from skweight.weighting import RecencyWeighting

rng = np.random.default_rng(0)
month = np.repeat(np.arange(60), 150)
angle = np.pi / 2 * month / 60
features = rng.normal(size=(len(month), 6))
logit = 2 * (np.cos(angle) * features[:, 0] + np.sin(angle) * features[:, 1]) - 1
y = rng.random(len(month)) < 1 / (1 + np.exp(-logit))
X = pd.DataFrame(features, columns=list("abcdef")).assign(month=month)

# %%
# Every month is predicted from the months before it
# --------------------------------------------------
# The evaluation also respects time: with a random split, the training rows would
# contain rows of the predicted month. ``drop=True`` hides the month from the learner.

half_lives = [1, 2, 4, 8, 16, 1_000]  # the last: all rows as good as alike


def loss(half_life, when):
    """Return the log loss of one month under a model of all months before it."""
    past, present = month < when, month == when
    clf = WeightedClassifier(
        LogisticRegression(),
        weighting=RecencyWeighting("month", half_life, drop=True),
        calibration=None,
    ).fit(X[past], y[past])
    return log_loss(y[present], clf.predict_proba(X[present])[:, 1])


losses = pd.DataFrame(
    {h: [loss(h, when) for when in range(40, 60)] for h in half_lives},
    index=range(40, 60),
)
chosen = losses.loc[40:49].mean().idxmin()
judged = losses.loc[50:].mean()
print(f"half-life with the lowest loss in months 40 to 49: {chosen} months")

# %%
# The half-life is chosen on ten months, and evaluated on the following ten months.

figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
places = range(len(half_lives))
for name, rows, style in (
    ("months 40 to 49, to choose", losses.loc[40:49], "o:"),
    ("months 50 to 59, to judge", losses.loc[50:], "s-"),
):
    ax.plot(places, rows.mean(), style, color="black", label=name)
ax.axvline(half_lives.index(chosen), color="#0072b2", label="chosen")
ax.set(xlabel="half-life in months", ylabel="log loss of the next month")
ax.set_xticks(places, [*map(str, half_lives[:-1]), "all alike"])
figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=9)
plt.show()

# %%
# At the left end, the effective sample size is hardly a hundred rows, and the model is
# noisy. At the right end, the model uses all rows with similar weights, and describes
# the data of two years ago. A search cannot choose the half-life here, because the
# folds of a search do not respect time; use a loop over the months as above.

gain = 1 - judged[chosen] / judged[1_000]
print(
    "log loss minus the log loss with equal weights, in the last ten months: "
    f"{-gain:.1%}"
)
