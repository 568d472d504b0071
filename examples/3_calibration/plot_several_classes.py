"""
What do weights do to several classes?
======================================

There are four classes, and two of them are rare. Balanced weights change the
probabilities of all classes, and a calibration corrects the mean probability of every
class to its frequency.
"""

# %%
# Four classes
# ------------

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

from skweight import WeightedClassifier
from skweight.datasets import make_imbalanced

frequency = [0.70, 0.22, 0.05, 0.03]
data = make_imbalanced(16_000, n_classes=4, prevalence=frequency, random_state=0)
X, y, X_new, y_new = data.X[:8000], data.y[:8000], data.X[8000:], data.y[8000:]

# %%
# Mean probability of each class
# ------------------------------

model = LogisticRegression()
models = {
    "no weights": WeightedClassifier(model, weighting=None, calibration=None),
    "balanced": WeightedClassifier(model, weighting="balanced", calibration=None),
    "balanced, calibrated": WeightedClassifier(
        model,
        weighting="balanced",
        calibration="auto",
        ensemble=False,
        random_state=0,
    ),
}
means = {"frequency": np.bincount(y_new) / len(y_new)}
for name, clf in models.items():
    means[name] = clf.fit(X, y).predict_proba(X_new).mean(axis=0)
    accuracy = balanced_accuracy_score(y_new, clf.predict(X_new))
    print(f"{name}: means {means[name].round(3)}, balanced accuracy {accuracy:.2f}")

figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
for place, (name, color) in enumerate(
    zip(means, ("black", "0.65", "#d55e00", "#0072b2"), strict=True)
):
    ax.bar(np.arange(4) + 0.2 * place - 0.3, means[name], 0.2, color=color, label=name)
ax.set(xticks=range(4), xlabel="class", ylabel="mean probability")
figure.legend(loc="outside upper center", ncols=4, frameon=False)
plt.show()

# %%
# Blue bars are as high as black bars: the mean calibrated probabilities equal the
# frequencies. Orange bars differ from black bars; the ratio of orange to black is
# largest for the rarest class. The labels of the balanced model, and its balanced
# accuracy, do not change.

error = np.abs(means["balanced, calibrated"] - means["frequency"]).max()
print(f"largest error of a mean after calibration: {error:.3f}")
