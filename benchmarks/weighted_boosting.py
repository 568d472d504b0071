"""What do weights cost histogram gradient boosting, by itself and wrapped?"""

import numpy as np
from _common import Figure, alternate, ratio, run, table
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier

from skweight import WeightedClassifier

SIZES = [(10_000, 3), (100_000, 3), (1_000_000, 1)]
AS_GIVEN = {"weighting": None, "normalize": False}


def trees():
    return HistGradientBoostingClassifier(
        max_iter=50, early_stopping=False, random_state=0
    )


def data(n):
    X, y = make_classification(n, 20, weights=[0.9], random_state=0)
    return X, y, np.random.default_rng(0).exponential(size=n)


def compare(n, repeats):
    """Return the row of one size: every fit of it in turn."""
    X, y, weights = data(n)
    theirs, ours = trees(), WeightedClassifier(trees(), calibration=None, **AS_GIVEN)
    fits = [
        lambda: trees().fit(X, y),
        lambda: theirs.fit(X, y, sample_weight=weights),
        lambda: ours.fit(X, y, sample_weight=weights),
    ]
    seconds = alternate(fits, repeats)
    return {
        "rows": n,
        "no weights, CPU s": float(np.median(seconds[:, 0])),
        "weights, by itself: x": Figure(ratio(seconds, 1, 0)[0], ".2f"),
        "weights, WeightedClassifier: x": Figure(ratio(seconds, 2, 0)[0], ".2f"),
        "lowest to highest": "{:.2f} to {:.2f}".format(
            *np.sort(seconds[:, 2] / seconds[:, 0])[[0, -1]]
        ),
        "same model": np.array_equal(ours.predict_proba(X), theirs.predict_proba(X)),
    }


def calibrated(n, repeats):
    """Return the row of six fits, on folds and on all rows."""
    X, y, weights = data(n)
    ours = WeightedClassifier(
        trees(), calibration="sigmoid", ensemble="auto", **AS_GIVEN
    )
    theirs = CalibratedClassifierCV(trees(), ensemble=False)
    fits = [model.fit for model in (ours, theirs)]
    seconds = alternate(
        [lambda fit=fit: fit(X, y, sample_weight=weights) for fit in fits], repeats
    )
    return {
        "rows": n,
        "WeightedClassifier, CPU s": float(np.median(seconds[:, 0])),
        "CalibratedClassifierCV(ensemble=False)": float(np.median(seconds[:, 1])),
        "ratio": Figure(ratio(seconds)[0], ".2f"),
    }


def measure(options):
    sizes = [(2_000, 1)] if options.quick else SIZES
    yield "## HistGradientBoostingClassifier(max_iter=50), 20 columns"
    yield table([compare(n, repeats) for n, repeats in sizes])
    yield "## With a sigmoid, six fits"
    yield table([calibrated(*sizes[0])])


if __name__ == "__main__":
    run(measure, __doc__, "weighted_boosting")
