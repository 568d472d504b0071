"""Are the fits of folds quicker in two threads, in two processes, or one after another?

Each learner has one thread of its own, so that nothing else uses the second core. The
claim about threads is a wall time of at most 0.85 times that of one job. Sorts, which
need no lock of Python, show what a second core is worth on the machine as it is.
"""

import os
import sys
import time

# It is read when the libraries of the learners are loaded.
os.environ["OMP_NUM_THREADS"] = "1"

import joblib
import numpy as np
from _common import Figure, ratio, run, table
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from skweight import WeightedClassifier

LEARNERS = {
    "HistGradientBoosting": HistGradientBoostingClassifier(random_state=0),
    "RandomForest, 10 shallow trees": RandomForestClassifier(
        10, max_depth=8, random_state=0
    ),
    "LogisticRegression": LogisticRegression(),
}
WAYS = {"one job": (1, "loky"), "processes": (2, "loky"), "threads": (2, "threading")}


def arguments(parser):
    parser.add_argument("--repeats", type=int, default=5)


def measure(options):
    repeats = 1 if options.quick else options.repeats
    load = os.getloadavg()[0]
    yield f"Two jobs on {os.cpu_count()} cores; load before the runs {load:.1f}."
    rows = [row_of("sorts", 1_000_000, wall_seconds_of_sorts(repeats), True)]
    print(rows[-1], file=sys.stderr, flush=True)
    for n in (500,) if options.quick else (20_000, 100_000):
        X, y = make_classification(n, 20, weights=[0.9], random_state=0)
        for name, learner in LEARNERS.items():
            seconds, same = wall_seconds(learner, X, y, repeats)
            rows.append(row_of(name, n, seconds, same))
            print(rows[-1], file=sys.stderr, flush=True)
    yield (
        "Wall seconds of a fit with five folds and a calibrator: medians of "
        f"{repeats} runs in turn; and the median of the paired ratios, with its "
        "interval."
    )
    yield table(rows)
    yield f"Load after the runs {os.getloadavg()[0]:.1f}."


def wall_seconds(learner, X, y, repeats):
    """Return wall seconds by run and way, and whether all probabilities are equal."""
    rng = np.random.default_rng(0)
    seconds, probabilities = np.empty((repeats, len(WAYS))), []
    for classifier in (WeightedClassifier(cv=5, n_jobs=n) for n in (1, 2)):
        classifier.fit(X[:1000], y[:1000])  # starts the processes
    for of_run in seconds:
        for way in rng.permutation(len(WAYS)):
            n_jobs, backend = list(WAYS.values())[way]
            classifier = WeightedClassifier(learner, cv=5, n_jobs=n_jobs)
            classifier.set_params(random_state=0)
            start = time.perf_counter()
            with joblib.parallel_config(backend=backend):
                classifier.fit(X, y)
            of_run[way] = time.perf_counter() - start
            probabilities.append(classifier.predict_proba(X[:1000]))
    same = all(np.array_equal(probabilities[0], other) for other in probabilities)
    return seconds, same


def wall_seconds_of_sorts(repeats):
    """Return wall seconds of sorts, by run and way."""
    rng = np.random.default_rng(0)
    seconds = np.empty((repeats + 1, len(WAYS)))
    for of_run in seconds:
        for way in rng.permutation(len(WAYS)):
            n_jobs, backend = list(WAYS.values())[way]
            start = time.perf_counter()
            joblib.Parallel(n_jobs=n_jobs, backend=backend)(
                joblib.delayed(sort)(seed) for seed in range(12)
            )
            of_run[way] = time.perf_counter() - start
    return seconds[1:]  # the first run starts the processes


def sort(seed):
    np.sort(np.random.default_rng(seed).random(1_000_000))


def row_of(name, n, seconds, same):
    row = {"learner": name, "rows": n}
    for way, values in zip(WAYS, seconds.T, strict=True):
        row[f"{way}, s"] = Figure(np.median(values), ".2f")
    for way in (1, 2):
        median, interval = ratio(seconds, way, 0)
        row[f"{list(WAYS)[way]} / one job"] = f"{median:.2f} ({interval})"
    return row | {"same model": same}


if __name__ == "__main__":
    run(measure, __doc__, "threads", arguments)
