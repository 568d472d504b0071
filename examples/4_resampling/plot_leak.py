"""
Why does SMOTE look so good in my cross-validation?
===================================================

SMOTE creates new rows between existing rows. If you resample first and split
afterwards, the training rows contain rows that were created from rows of the test fold,
or the other way round. A model that memorises rows recognises these rows. In this
example the features are noise and the labels are random. There is nothing to learn, and
the true AUC is one half.
"""

# %%
# The data are a thousand rows of noise. One row in ten has the rarer class.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from imblearn.over_sampling import SMOTE
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from skweight import WeightedClassifier

rng = np.random.default_rng(0)
X = rng.normal(size=(1000, 20))
y = rng.permutation(np.repeat([0, 1], [900, 100]))
folds = StratifiedKFold(5, shuffle=True, random_state=0)
models = {
    "random forest": RandomForestClassifier(50, random_state=0),
    "nearest neighbours": KNeighborsClassifier(),
}

# %%
# If the rows are resampled first and split afterwards, both models look excellent. If
# ``resampler=`` resamples the rows inside every training fold, both models are only as
# good as chance.


def auc(estimator, X, y):
    """Return the AUC over the rows of all test folds."""
    proba = cross_val_predict(estimator, X, y, cv=folds, method="predict_proba")
    return roc_auc_score(y, proba[:, 1])


smote = SMOTE(random_state=0)
leaking, honest = {}, {}
for name, model in models.items():
    leaking[name] = auc(model, *smote.fit_resample(X, y))
    inside = WeightedClassifier(
        model, weighting=None, resampler=smote, calibration=None
    )
    honest[name] = auc(inside, X, y)
    print(f"{name}: {leaking[name]:.2f} leaking, {honest[name]:.2f} honest")

# %%
# The same error occurs if a calibrator or a threshold is fitted on resampled rows,
# because new data do not have the class frequencies of resampled rows. In a
# :class:`~skweight.WeightedClassifier` calibrator and threshold are fitted on the
# original rows. The columns here are noise. So the calibrator predicts the prevalence,
# and warns that the scores of held-out rows contain no information.

with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    calibrated = WeightedClassifier(
        models["random forest"],
        weighting=None,
        resampler=smote,
        calibration="sigmoid",
        random_state=0,
    ).fit(X, y)
print(*{one.category.__name__ for one in told})
new = calibrated.predict_proba(rng.normal(size=(1000, 20)))[:, 1]
print(f"probabilities of new rows: {new.min():.2f} to {new.max():.2f}")

# %%

fig, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
places = np.arange(len(models))
ax.barh(places - 0.19, leaking.values(), 0.34, label="resampled before the split")
ax.barh(places + 0.19, honest.values(), 0.34, label="resampled inside every fold")
ax.axvline(0.5, color="0.3", linewidth=1)
ax.text(0.505, 0.5, "nothing to learn", va="center", fontsize=9)
ax.set(yticks=places, yticklabels=models, xlim=(0, 1), xlabel="AUC on noise")
ax.invert_yaxis()
fig.legend(loc="outside upper center", ncols=2, frameon=False)
plt.show()

# %%
# A blue bar that is longer than the orange bar of the same model shows a leak.

leak = leaking["random forest"] - honest["random forest"]
print(f"increase of the AUC of the random forest by the leak: {leak:.2f}")
