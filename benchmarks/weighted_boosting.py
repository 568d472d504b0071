"""What do weights cost histogram gradient boosting, by itself and wrapped?"""

import numpy as np
from _common import Figure, alternate, ratio, run, table
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier

from skweight import WeightedClassifier

SIZES = [(10_000, 7), (100_000, 5), (1_000_000, 3)]


def trees():
    return HistGradientBoostingClassifier(
        max_iter=50, early_stopping=False, random_state=0
    )


def compare(n, repeats):
    """Return the row of one size; every fit of it in turn, and the same models."""
    X, y = make_classification(n, 20, weights=[0.9], random_state=0)
    weights = np.random.default_rng(0).exponential(size=n)
    as_given = {"weighting": None, "normalize": False}
    theirs, ours = trees(), WeightedClassifier(trees(), **as_given)
    calibrated = WeightedClassifier(trees(), calibration="sigmoid", **as_given)
    wrapped = CalibratedClassifierCV(trees(), ensemble=False)
    fits = [
        lambda: trees().fit(X, y),
        lambda: theirs.fit(X, y, sample_weight=weights),
        lambda: ours.fit(X, y, sample_weight=weights),
    ]
    seconds = alternate(fits, repeats)
    six = alternate(
        [
            lambda: calibrated.fit(X, y, sample_weight=weights),
            lambda: wrapped.fit(X, y, sample_weight=weights),
        ],
        1 + (repeats > 5),
    )
    same = np.array_equal(ours.predict_proba(X), theirs.predict_proba(X))
    return {
        "rows": n,
        "no weights, CPU s": float(np.median(seconds[:, 0])),
        "weights, by itself: x": Figure(ratio(seconds, 1, 0)[0], ".2f"),
        "weights, WeightedClassifier: x": Figure(ratio(seconds, 2, 0)[0], ".2f"),
        "95 % interval": ratio(seconds, 2, 0)[1],
        "same probabilities": same,
        "sigmoid (6 fits), CPU s": float(np.median(six[:, 0])),
        "CalibratedClassifierCV (6 fits)": float(np.median(six[:, 1])),
    }


def measure(options):
    sizes = [(2_000, 2)] if options.quick else SIZES
    yield "## HistGradientBoostingClassifier(max_iter=50), 20 columns"
    yield table([compare(n, repeats) for n, repeats in sizes])


if __name__ == "__main__":
    run(measure, __doc__, "weighted_boosting")
