"""
Where do weights go wrong in my own PyTorch loop?
=================================================

A training loop that you write yourself needs care in four places. The loss of a batch
must be divided by the number of its rows, not by the sum of their weights. The rows
that decide when training stops must not have class weights. Probabilities must be
calibrated on rows that were not used in training. Decisions by costs must use the
calibrated probabilities and no class weights.

This script needs PyTorch. The tests run it if PyTorch is installed.
"""

# %%
# A rare class with known probabilities
# -------------------------------------

import numpy as np
import torch

from skweight.calibration import SigmoidCalibrator
from skweight.datasets import make_imbalanced
from skweight.metrics import RefinedLogLoss
from skweight.torch import WeightedLoss, class_weight_tensor

data = make_imbalanced(
    16_000, prevalence=0.04, class_sep=2.5, nonlinearity=0.4, random_state=0
)
X = torch.tensor(data.X, dtype=torch.float32)
y = torch.tensor(data.y)
train, watch = slice(0, 4000), slice(4000, 5500)
calibrate, new = slice(5500, 7500), slice(7500, None)

# %%
# The loop
# --------
# Batches have 32 rows, and every fourth batch has no row of the rare class. Training
# stops if the refined loss of the validation rows has not improved for 10 epochs. Then
# the weights of the best epoch are restored.

torch.manual_seed(0)
network = torch.nn.Sequential(
    torch.nn.Linear(X.shape[1], 32), torch.nn.ReLU(), torch.nn.Linear(32, 2)
)
criterion = WeightedLoss(
    torch.nn.CrossEntropyLoss(reduction="none"),
    class_weight_tensor("balanced", y[train]),
)
optimizer = torch.optim.Adam(network.parameters(), lr=0.003)


def scores_of(rows):
    """Return the log odds of the second class."""
    with torch.no_grad():
        logits = network(X[rows]).double().numpy()
    return logits[:, 1] - logits[:, 0]


refined = RefinedLogLoss(raw=True)
best, best_epoch, state = np.inf, 0, None
for epoch in range(60):
    for rows in torch.randperm(4000).split(32):
        optimizer.zero_grad()
        criterion(network(X[rows]), y[rows]).backward()
        optimizer.step()
    loss = refined(data.y[watch], scores_of(watch))
    if loss < best:
        best, best_epoch = loss, epoch
        state = {name: value.clone() for name, value in network.state_dict().items()}
    elif epoch - best_epoch >= 10:
        break
network.load_state_dict(state)
print(f"epoch {best_epoch + 1} of {epoch + 1} is kept")

# %%
# Probabilities and decisions
# ---------------------------

calibrator = SigmoidCalibrator().fit(scores_of(calibrate), data.y[calibrate])
proba = calibrator.predict_proba(scores_of(new))[:, 1]
print(f"mean probability {proba.mean():.4f}, frequency {data.y[new].mean():.4f}")

# A false alarm costs 1 and a miss costs 20, so the best threshold is 1 / 21.
threshold = 1 / 21


def cost_of(act):
    """Return the expected cost of a row, computed from the true probabilities."""
    p = data.proba[new, 1]
    return np.mean(np.where(act, 1 - p, 20 * p))


weighted = 1 / (1 + np.exp(-scores_of(new)))
for name, act in {
    "the probabilities of the weighted network": weighted > threshold,
    "calibrated ones": proba > threshold,
}.items():
    ratio = cost_of(act) / cost_of(data.proba[new, 1] > threshold)
    print(f"decisions by {name}: cost divided by the lowest possible cost: {ratio:.3f}")
