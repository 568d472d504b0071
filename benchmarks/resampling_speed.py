"""What do weights cost a SMOTE, and what does an approximate search save?

Calls of the samplers take turns in one process; ratios are of calls of the same turn,
in CPU seconds on one thread. One row in ten is of the rarer class, which is doubled
until the classes are even.
"""

import numpy as np
from _common import Figure, alternate, ratio, run, table
from imblearn.over_sampling import SMOTE
from sklearn.datasets import make_classification
from sklearn.neighbors import NearestNeighbors

from skweight.resampling import ProjectionNeighbors, resample

SIZES = [(100_000, 20, 7), (300_000, 30, 3)]


def problem(n_samples, n_features):
    X, y = make_classification(
        n_samples,
        n_features=n_features,
        n_informative=10,
        n_redundant=5,
        n_clusters_per_class=3,
        weights=[0.9],
        flip_y=0,
        random_state=0,
    )
    return X, y, np.random.default_rng(0).lognormal(size=y.size)


def searches():
    return {
        "exact": 5,
        "1 tree (default)": ProjectionNeighbors(6),
        "4 trees": ProjectionNeighbors(6, n_trees=4),
        "8 trees, leaves of 1024": ProjectionNeighbors(6, n_trees=8, leaf_size=1024),
    }


def measure_times(X, y, weights, repeats):
    """Yield the rows of a table of times and ratios."""
    plain = SMOTE(random_state=0)
    calls = {"imbalanced-learn, no weights": lambda: plain.fit_resample(X, y)}
    for name, search in searches().items():
        sampler = SMOTE(k_neighbors=search, random_state=0)
        calls[f"ours with weights, {name}"] = lambda sampler=sampler: resample(
            sampler, X, y, weights
        )
    seconds = alternate(list(calls.values()), repeats)
    for position, name in enumerate(calls):
        share, interval = ratio(seconds, position, 0)
        yield {
            "rows": y.size,
            "columns": X.shape[1],
            "sampler": name,
            "CPU s": Figure(np.median(seconds[:, position]), ".3g"),
            "ratio": Figure(share, ".3f"),
            "95 % interval": interval,
            "times faster": Figure(1 / share, ".1f"),
        }


def measure_loss(X, name):
    """Yield the rows of a table of what approximate searches miss."""
    distances, true = NearestNeighbors(n_neighbors=6).fit(X).kneighbors(X)
    for search, made in searches().items():
        if made == 5:
            continue
        found_at, measured = made.fit(X).kneighbors(X)
        same = (measured[:, 1:, None] == true[:, None, 1:]).any(axis=2)
        farther = found_at[:, 1:].mean(axis=1) / distances[:, 1:].mean(axis=1)
        yield {
            "rows": len(X),
            "data": name,
            "search": search,
            "true neighbours found": Figure(same.mean(), ".1%"),
            "mean distance, x the true one": Figure(np.median(farther), ".3f"),
        }


def clouds(n_rows, n_columns):
    """Yield rows in which neighbours are easy, and hard, to find."""
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(n_rows, 5)) @ rng.normal(size=(5, n_columns))
    yield "near 5 dimensions of 30", plane + 0.1 * rng.normal(size=plane.shape)
    yield "normal in all 30", rng.normal(size=(n_rows, n_columns))


def measure(options):
    sizes = [(2000, 5, 2)] if options.quick else SIZES
    rows = []
    for n_samples, n_features, repeats in sizes:
        X, y, weights = problem(n_samples, 15 if options.quick else n_features)
        rows += measure_times(X, y, weights, repeats)
    yield "## Time"
    yield table(rows)
    yield "## Loss of the approximate search"
    n_rows = 600 if options.quick else 30_000
    rows = list(measure_loss(X[y == 1], "the problem above"))
    for name, cloud in clouds(n_rows, 30):
        rows += measure_loss(cloud, name)
    yield table(rows)


if __name__ == "__main__":
    run(measure, __doc__, "resampling_speed")
