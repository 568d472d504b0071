"""
How do I train in mini-batches when a class is rare?
====================================================

One row in a hundred is positive, so a batch of 64 rows has one positive row, or none.
If this row has a weight of fifty, the gradient step is very long and overshoots. In
batches with quotas, both classes have a fixed number of rows. The mean gradient is the
same, and all steps have a similar length.
"""

# %%
# A rare class with known probabilities
# -------------------------------------

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import SGDClassifier
from sklearn.utils import gen_batches

from skweight import BalancedBatches
from skweight.calibration import PriorCalibrator
from skweight.datasets import make_imbalanced

data = make_imbalanced(40_000, prevalence=0.01, class_sep=2.0, random_state=0)
X, y, X_new = data.X[:20_000], data.y[:20_000], data.X[20_000:24_000]
truth = data.proba[20_000:24_000, 1]
multiplier = len(y) / (2 * np.bincount(y))  # what balance does to a class
invert = PriorCalibrator().fit(None, classes=[0, 1], class_multiplier=multiplier)


def regret(scores):
    """Return the log loss relative to the truth, corrected for class weights."""
    p = invert.predict_proba(scores)[:, 1]
    loss = -np.mean(truth * np.log(p) + (1 - truth) * np.log1p(-p))
    best = -np.mean(truth * np.log(truth) + (1 - truth) * np.log1p(-truth))
    return loss / best - 1


# %%
# Two epochs, twice
# -----------------
# Both runs have the same learner, the same learning rate, and the same share of each
# class in the total weight.


def weighted_batches():
    """Yield rows in random order, and a weight for each."""
    order = np.random.default_rng(0).permutation(len(y))
    for batch in gen_batches(len(y), 64):
        yield order[batch], multiplier[y[order[batch]]]


def quota_batches(batches=BalancedBatches(y, 64, random_state=0)):  # noqa: B008
    """Yield rows, half of each class, and no weights."""
    for rows in batches:
        yield rows, None


curves = {}
for name, batches in {
    "weights": weighted_batches,
    "quotas": quota_batches,
}.items():
    clf = SGDClassifier(
        loss="log_loss", learning_rate="constant", eta0=0.01, random_state=0
    )
    curves[name] = []
    for _ in range(2):
        for rows, weight in batches():
            clf.partial_fit(X[rows], y[rows], classes=[0, 1], sample_weight=weight)
            curves[name].append(clf.decision_function(X_new))
    curves[name] = [regret(scores) for scores in curves[name]]
    print(
        f"{name}: relative excess log loss {np.mean(curves[name][-100:]):.2f} over "
        "the last 100 batches"
    )

figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for (name, curve), color in zip(curves.items(), ("#d55e00", "#0072b2"), strict=True):
    ax.plot(curve, color=color, linewidth=1, label=f"batches with {name}")
ax.set(
    xlabel="batches of 64 rows",
    ylabel="log loss divided by the log loss of the truth, minus 1",
)
ax.set(yscale="log")
figure.legend(loc="outside upper center", ncols=2, frameon=False)
plt.show()

# %%
# The orange line jumps whenever a batch has a positive row, and the loss does not
# recover before the next jump. The blue line converges. In PyTorch,
# :class:`~skweight.BalancedBatches` is the ``batch_sampler`` of a ``DataLoader``.

ratio = np.mean(curves["weights"][-100:]) / np.mean(curves["quotas"][-100:])
print(
    f"excess log loss with weights divided by excess log loss with quotas: {ratio:.1f}"
)
