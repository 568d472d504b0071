"""What does calibration as the default cost, against the same fits by hand?

The peer is k + 1 fits of the same learner on the same rows with the same weights, with
no held-out prediction and no calibration: what any calibration with one model on all
rows has to pay.
"""

import pickle

import numpy as np
from _common import Figure, alternate, ratio, run, table
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.utils.class_weight import compute_sample_weight

from skweight import WeightedClassifier
from skweight._utils.compat import quick_binning

N_FOLDS = 5
# Learner, most it may take relative to the peer, and further CPU seconds allowed.
LEARNERS = {
    "LR": (LogisticRegression(), 1.2, 0.060),
    "HGB": (HistGradientBoostingClassifier(random_state=0), 1.2, 0.0),
    "RF": (RandomForestClassifier(random_state=0), 1.2, 0.0),
}
# Rows; repeats and size of the ensemble, by learner. Few trees where rows are many, so
# that a run takes minutes: the wrapper does the same work for any number of them, so
# that its share is largest here.
SIZES = {
    2_000: {"LR": (31, 0), "HGB": (7, 100), "RF": (7, 100)},
    20_000: {"LR": (21, 0), "HGB": (5, 20), "RF": (3, 10)},
    100_000: {"LR": (9, 0), "HGB": (5, 20), "RF": (3, 5)},
}
SIZE_OF = {"HGB": "max_iter", "RF": "n_estimators"}
MOST_ONE_ROW, MOST_BYTES = 1.3, 10_000


def by_hand(learner, X, y, weights, folds):
    """Fit k fold models and the final one, and do nothing else.

    Boosting is given our speed-up of scikit-learn 1.9.0 and 1.9.1, without which its
    weighted fits take up to ten times as long: else nothing else could be seen.
    """
    with quick_binning():
        for train, _ in folds:
            clone(learner).fit(X[train], y[train], sample_weight=weights[train])
        return clone(learner).fit(X, y, sample_weight=weights)


def calibrated(learner):
    """Return the wrapper as its defaults are."""
    return WeightedClassifier(learner, cv=N_FOLDS, random_state=0)


def fits(name, n_rows, repeats, size):
    """Return the row of a learner: wrapped and calibrated against k + 1 fits."""
    learner, most, extra = LEARNERS[name]
    learner = clone(learner)
    shown = name
    if name in SIZE_OF:
        learner.set_params(**{SIZE_OF[name]: size})
        shown = f"{name}({SIZE_OF[name]}={size})"
    X, y = make_classification(n_rows, 20, weights=[0.95], random_state=0)
    weights = compute_sample_weight("balanced", y)
    splitter = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0)
    folds = list(splitter.split(X, y))
    ours = calibrated(learner)
    seconds = alternate(
        [lambda: ours.fit(X, y), lambda: by_hand(learner, X, y, weights, folds)],
        repeats,
    )
    of_fit, interval = ratio(seconds)
    # Milliseconds are those of the turn that the machine has disturbed least.
    least = seconds.min(axis=0)
    excess = least[0] - most * least[1]
    bare = by_hand(learner, X, y, weights, folds[:0])
    one, times = X[:1], 50 if name == "LR" else 10
    of_row, _ = ratio(
        alternate(
            [
                lambda: [ours.predict_proba(one) for _ in range(times)],
                lambda: [bare.predict_proba(one) for _ in range(times)],
            ],
            21,
        )
    )
    larger = len(pickle.dumps(ours)) - len(pickle.dumps(bare))
    return {
        "learner": shown,
        "rows": n_rows,
        "fit CPU s": float(np.median(seconds[:, 0])),
        "k + 1 fits": float(np.median(seconds[:, 1])),
        "ratio": Figure(of_fit, ".3f"),
        "95 % interval": interval,
        f"at most {most} x" + (f" + {1000 * extra:.0f} ms" if extra else ""): excess
        <= extra,
        "one row, ratio": Figure(of_row, ".3f"),
        f"at most {MOST_ONE_ROW}": of_row <= MOST_ONE_ROW,
        "pickle, bytes more": larger,
        f"at most {MOST_BYTES:,}": larger <= MOST_BYTES,
    }


def measure(options):
    sizes = {500: dict.fromkeys(LEARNERS, (2, 5))} if options.quick else SIZES
    for name in LEARNERS:
        yield f"## {name}: calibrated by default against k + 1 fits by hand"
        yield table([fits(name, n_rows, *how[name]) for n_rows, how in sizes.items()])


if __name__ == "__main__":
    run(measure, __doc__, "honest_default")
