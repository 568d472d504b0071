"""
How do I protect the group that fares worst?
============================================

A binary attribute equals the label in nearly all training rows, but not in later rows.
A model relies on the attribute, so its predictions are bad for rows in which attribute
and label differ. Balanced groups correct this in one fit, and the score of the worst
group helps to choose the strength.
"""

# %%
# A mean that looks well
# ----------------------

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skweight import WeightedClassifier
from skweight.metrics import worst_group_scorer
from skweight.weighting import GroupBalancedWeighting


def draw(n, agreement, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    x = rng.normal(size=(n, 2)) + 0.6 * (2 * y - 1)[:, np.newaxis]
    attribute = np.where(rng.uniform(size=n) < agreement, y, 1 - y)
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "attribute": attribute}), y


X, y = draw(4000, agreement=0.95, seed=0)
X_new, y_new = draw(4000, agreement=0.5, seed=1)

# %%
# How strong?
# -----------
# A search over ``strength`` uses the score of the worst group of the attribute. The
# score is the balanced accuracy, so that both labels of a group have the same
# importance.

search = GridSearchCV(
    WeightedClassifier(
        LogisticRegression(),
        weighting=GroupBalancedWeighting("attribute"),
        calibration=None,
    ),
    {"weighting__strength": [0.0, 0.25, 0.5, 0.75, 1.0]},
    scoring=worst_group_scorer("balanced_accuracy", "attribute"),
).fit(X, y)
print(search.best_params_)

# %%
# The accuracy of the groups
# --------------------------
# The picture shows the accuracy of the four combinations of attribute and label, on
# rows without a relation between attribute and label. Without weights, two of the four
# combinations are worse than chance.

accuracy = {}
for strength in search.param_grid["weighting__strength"]:
    weighting = GroupBalancedWeighting("attribute", strength=strength)
    clf = WeightedClassifier(
        LogisticRegression(), weighting=weighting, calibration=None
    ).fit(X, y)
    right = pd.Series(clf.predict(X_new) == y_new)
    accuracy[strength] = right.groupby([X_new["attribute"], y_new]).mean()
accuracy = pd.DataFrame(accuracy).T
print(accuracy.round(2))

figure, axes = plt.subplots(figsize=(8, 3.5), layout="constrained")
for (attribute, label), values in accuracy.items():
    style = ("-" if attribute == label else "--") + ("o" if attribute else "s")
    name = f"attribute {attribute}, label {label}"
    axes.plot(values.index, values, style, color="black", alpha=0.5, label=name)
axes.axhline(0.5, color="0.8")
axes.set(xlabel="strength", ylabel="accuracy on new rows")
figure.legend(loc="outside right center", fontsize="small", frameon=False)
plt.show()

# %%
# Dashed lines are the groups in which attribute and label differ. Without weights, the
# accuracy of these groups is below the grey line (random guessing). With balanced
# groups, all four groups have a similar accuracy.

chosen = search.best_params_["weighting__strength"]
print(f"worst group at strength {chosen:g}: accuracy {accuracy.loc[chosen].min():.2f}")
