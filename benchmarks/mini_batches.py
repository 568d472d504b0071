"""Stochastic gradients and a class of one per cent: weigh the rows, or draw them?

Two Gaussian clouds, 20 features, log loss balanced over the classes, one pass over the
rows by SGDClassifier. Weights and drawing have the same mean gradient, so that all of
them aim at the same model, which the row "full batch" is. The columns "earlier" are
what was measured on a problem of the same kind before the library had any of this; its
rows are not known, so that levels differ a little and orders should not.
"""

import numpy as np
from _common import Figure, run, table
from sklearn.linear_model import LogisticRegression, SGDClassifier

from skweight import BalancedBatches, BalancedWeighting, WeightedClassifier

RATES = [0.001, 0.01, 0.05]
N_ROWS, N_FEATURES, DISTANCE, RARE = 8_000, 20, 2.2, 0.01
FULL_BATCH = 0.2757
EARLIER = {
    "weight": [(0.330, 0.003), (0.475, 0.107), (1.981, 0.582)],
    "weight / largest weight": [(0.631, 0.002), (0.462, 0.003), (0.333, 0.003)],
    "sample": [(0.325, 0.002), (0.276, 0.003), (0.294, 0.015)],
    "hybrid": [(0.325, 0.003), (0.288, 0.014), (0.363, 0.041)],
}


def make_rows(n_rows):
    rng = np.random.default_rng(100)
    y = (np.arange(n_rows) < RARE * n_rows).astype(int)
    rng.shuffle(y)
    X = rng.normal(size=(n_rows, N_FEATURES))
    X[:, 0] += DISTANCE * (y - 0.5)
    return X, y


def learner(rate, seed):
    return SGDClassifier(
        loss="log_loss", learning_rate="constant", eta0=rate, random_state=seed
    )


def at_once(mode):
    """Learn from all rows in one call."""

    def learn(X, y, rate, seed):
        clf = WeightedClassifier(
            learner(rate, seed), streaming=mode, random_state=seed, calibration=None
        )
        return clf.partial_fit(X, y, [0, 1])

    return learn


def in_chunks(mode, size=100):
    """Learn from rows as they arrive; class masses are those so far."""

    def learn(X, y, rate, seed):
        clf = WeightedClassifier(
            learner(rate, seed), streaming=mode, random_state=seed, calibration=None
        )
        for start in range(0, len(y), size):
            chunk = slice(start, start + size)
            clf.partial_fit(X[chunk], y[chunk], [0, 1])
        return clf

    return learn


def by_largest(X, y, rate, seed):
    """Weigh, with weights so small that no step is larger than without."""
    weights = BalancedWeighting().fit_weigh(X, y)
    return learner(rate, seed).partial_fit(X, y, [0, 1], weights / weights.max())


def by_batches(X, y, rate, seed):
    """Learn from batches of 50 with 25 rows of each class."""
    clf = learner(rate, seed)
    for rows in BalancedBatches(y, 50, random_state=seed):
        clf.partial_fit(X[rows], y[rows], [0, 1])
    return clf


METHODS = {
    "weight": at_once("weight"),
    "weight / largest weight": by_largest,
    "sample": at_once("sample"),
    "hybrid": at_once("hybrid"),
    "weight, chunks of 100": in_chunks("weight"),
    "sample, chunks of 100": in_chunks("sample"),
    "hybrid, chunks of 100": in_chunks("hybrid"),
    "BalancedBatches of 50": by_batches,
}


def loss(clf, X, y, weights):
    p = np.clip(clf.predict_proba(X)[np.arange(y.size), y], 1e-15, 1)
    return np.average(-np.log(p), weights=weights)


def measure(options):
    X, y = make_rows(1_000 if options.quick else N_ROWS)
    weights = BalancedWeighting().fit_weigh(X, y)
    seeds = range(2 if options.quick else 5)
    full = LogisticRegression(C=1e6, max_iter=1_000).fit(X, y, weights)
    best = loss(full, X, y, weights)
    yield (
        f"{len(y):,} rows, {RARE:.0%} of them rare, {len(seeds)} seeds, mean ± "
        f"standard deviation. Full batch: {best:.4f} (earlier: {FULL_BATCH})."
    )
    rows, measured = [], {}
    for name, learn in METHODS.items():
        row = {"method": name}
        for position, rate in enumerate(RATES):
            losses = [loss(learn(X, y, rate, s), X, y, weights) for s in seeds]
            mean, spread = np.mean(losses), np.std(losses, ddof=1)
            measured[name, rate] = mean, spread
            row[f"rate {rate}"] = f"{mean:.3f} ± {spread:.3f}"
            earlier = EARLIER.get(name)
            row[f"earlier, {rate}"] = (
                "{:.3f} ± {:.3f}".format(*earlier[position]) if earlier else ""
            )
        rows.append(row)
    yield table(rows)
    yield "## Claims"
    yield table(list(claims(measured, best)))


def claims(found, best):
    """Yield what is claimed of the excess over the full batch, and whether it holds.

    Noise is the spread of both figures over seeds, the difference between the two
    problems at their full batch, and 0.01 for what else differs between them.
    """

    def excess(name, rate):
        return found[name, rate][0] - best

    for rate in (0.01, 0.05):
        ratio = excess("weight", rate) / excess("sample", rate)
        yield {
            "claim": f"drawing leaves at most a fifth of the excess, rate {rate}",
            "measured": Figure(1 / ratio, ".3f"),
            "holds": "yes" if ratio >= 5 else "no",
        }
    for name in ("sample", "hybrid"):
        off = excess(name, 0.001) - excess("weight", 0.001)
        yield {
            "claim": f"{name} differs by less than 0.01 from weight, rate 0.001",
            "measured": Figure(abs(off), ".3f"),
            "holds": "yes" if abs(off) < 0.01 else "no",
        }
    for name, earlier in EARLIER.items():
        off = []
        for rate, (mean, spread) in zip(RATES, earlier, strict=True):
            ours, own = found[name, rate]
            noise = np.hypot(spread, own) + abs(best - FULL_BATCH) + 0.01
            off.append(abs(ours - mean) / noise)
        yield {
            "claim": f"{name}: at most 2 x noise off the earlier figures",
            "measured": Figure(max(off), ".2f"),
            "holds": "yes" if max(off) <= 2 else "no",
        }


if __name__ == "__main__":
    run(measure, __doc__, "mini_batches")
