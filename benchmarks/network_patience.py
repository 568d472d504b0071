"""How many epochs without progress a balanced network should be given.

A network with class weights (the loss that skorch and Keras minimise, too) is trained
to the last epoch once. Three losses of the validation rows are then followed offline:
with the class weights ("emphasis"), without ("population", all that Keras can watch),
and without after a sigmoid refitted each epoch ("refined", which skorch watches). Where
each stops, the network is calibrated by a sigmoid on other rows. Regret is the log loss
of the population, by the true probabilities of new rows, above that of the best epoch;
times 10,000.
"""

import numpy as np
import pandas as pd
from _common import Figure, run, table
from own_watched_rows import N_CALIBRATE, PROBLEMS, make
from scipy.special import expit, xlog1py, xlogy

from skweight.calibration import SigmoidCalibrator
from skweight.metrics import RefinedLogLoss

N_TRAIN, N_WATCH, N_NEW = 2000, 1000, 4000
RATES, PATIENCE, N_SEEDS = (0.001, 0.01), (5, 10, 20, 50), 1
WATCHES = ("emphasis", "population", "refined")


def epochs_of(X, y, weight, rows, rate, n_epochs):
    """Yield the log odds of the rows after every epoch."""
    import torch

    from skweight.torch import WeightedLoss

    torch.manual_seed(0)
    torch.set_num_threads(1)
    X, rows = (torch.tensor(part, dtype=torch.float32) for part in (X, rows))
    y = torch.tensor(y)
    mean, spread = X.mean(0), X.std(0)
    X, rows = (X - mean) / spread, (rows - mean) / spread
    net = torch.nn.Sequential(
        torch.nn.Linear(X.shape[1], 64), torch.nn.ReLU(), torch.nn.Linear(64, 2)
    )
    loss = WeightedLoss(
        torch.nn.CrossEntropyLoss(reduction="none"),
        torch.tensor(weight, dtype=torch.float32),
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    for _ in range(n_epochs):
        for batch in torch.randperm(len(y)).split(64):
            optimizer.zero_grad()
            loss(net(X[batch]), y[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            logits = net(rows).double().numpy()
        yield logits[:, 1] - logits[:, 0]


def log_loss(p, proba, weight=None):
    """Return the mean loss of probabilities where the truth is p."""
    proba = np.clip(proba, 1e-15, 1 - 1e-15)
    return np.average(-xlogy(p, proba) - xlog1py(1 - p, -proba), weights=weight)


def stop(curve, patience):
    """Return the best epoch when no later one was better for so many epochs."""
    best = 0
    for t, value in enumerate(curve):
        if value < curve[best]:
            best = t
        elif t - best >= patience:
            break
    return best, t


def follow(problem, seed, rate, n_epochs, n_train):
    """Return the rows of the table that one training makes."""
    X, y, p, (train, calibrate, new) = make(problem, seed, n_train + N_WATCH)
    train, watch, new = train[:n_train], train[n_train:], new[:N_NEW]
    by_class = n_train / (2 * np.bincount(y[train]))
    refined, truth = RefinedLogLoss(raw=True), []
    curves = {watched: [] for watched in WATCHES}
    rows = np.concatenate([watch, calibrate, new])
    ends = [N_WATCH, N_WATCH + N_CALIBRATE]
    for scores in epochs_of(X[train], y[train], by_class, X[rows], rate, n_epochs):
        watched, known, fresh = np.split(scores, ends)
        plain = expit(watched)
        curves["emphasis"].append(log_loss(y[watch], plain, by_class[y[watch]]))
        curves["population"].append(log_loss(y[watch], plain))
        curves["refined"].append(refined(y[watch], watched))
        sigmoid = SigmoidCalibrator().fit(known, y[calibrate])
        truth.append(log_loss(p[new], sigmoid.predict_proba(fresh)[:, 1]))
    best = int(np.argmin(truth))
    return [
        {
            "problem": str(problem),
            "rate": rate,
            "watch": watched,
            "patience": patience,
            "epoch": stop(curve, patience)[0] + 1,
            "trained": stop(curve, patience)[1] + 1,
            "regret": 1e4 * (truth[stop(curve, patience)[0]] - truth[best]),
            "best": best + 1,
            "last": 1e4 * (truth[-1] - truth[best]),
        }
        for watched, curve in curves.items()
        for patience in PATIENCE
    ]


def by_watch(runs):
    """Return a table of mean regret and epochs, a row for each watch."""
    rows = []
    for watched in WATCHES:
        row = {"watch": watched}
        for patience in PATIENCE:
            part = runs[(runs.watch == watched) & (runs.patience == patience)]
            mean = part.groupby("problem").regret.mean()
            error = mean.std() / np.sqrt(len(mean))
            row[f"patience {patience}"] = Figure(mean.mean(), ".1f", error)
        for patience in PATIENCE:
            part = runs[(runs.watch == watched) & (runs.patience == patience)]
            row[f"epochs trained, {patience}"] = Figure(part["trained"].mean(), ".0f")
        rows.append(row)
    return table(rows)


def measure(options):
    """Yield the tables."""
    problems = PROBLEMS[-2:] if options.quick else PROBLEMS
    seeds = range(1 if options.quick else N_SEEDS)
    n_epochs, n_train = (3, 500) if options.quick else (100, N_TRAIN)
    runs = pd.DataFrame(
        [
            row
            for number, problem in enumerate(problems)
            for seed in seeds
            for rate in RATES
            for row in follow(problem, 100 * number + seed, rate, n_epochs, n_train)
        ]
    )
    yield (
        f"{len(problems)} problems x {len(seeds)} seeds, one hidden layer of 64, Adam, "
        f"batches of 64, at most {n_epochs} epochs; {n_train} training, {N_WATCH} "
        f"validation and {N_CALIBRATE} calibration rows. Regret x 10,000 with the "
        "standard error over problems."
    )
    for rate in RATES:
        part = runs[runs.rate == rate]
        yield (
            f"Learning rate {rate}; the best epoch is {part['best'].median():.0f} in "
            f"the median, and the regret of the last {part['last'].mean():.0f}:\n\n"
            + by_watch(part)
        )


if __name__ == "__main__":
    run(measure, __doc__, "network_patience")
