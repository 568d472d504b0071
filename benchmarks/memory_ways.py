"""What does each way to calibrate cost in memory, where the table is a memory map?

Peak memory of a process of its own, mapped pages and imports included, for rows of 20
features of float32 in a file, and histogram gradient boosting of five trees. A random
hold-out copies the rows to train on; slices of a memory map are views.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from _common import REPOSITORY, Figure, run, table

N_FEATURES = 20
CHUNK = 20_000

# What a process does with the files, and what it says of itself.
WORK = """
import json, re, sys, time
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import SGDClassifier
from skweight import WeightedClassifier
from skweight.calibration import SigmoidCalibrator
from skweight.scale import ScoreStatistics

folder, n_rows, way = sys.argv[1], int(sys.argv[2]), sys.argv[3]
shape = n_rows, 20
X = np.memmap(folder + "/X", np.float32, "r", shape=shape)
y = np.memmap(folder + "/y", np.int8, "r", shape=n_rows)
learner = HistGradientBoostingClassifier(max_iter=5, early_stopping=False)
chunk = 20_000
cut = n_rows * 4 // 5
begin = time.process_time()
if way == "imports":
    pass
elif way == "learner":
    learner.fit(X, y)
elif way == "wrapper":
    WeightedClassifier(learner, calibration=None).fit(X, y)
elif way == "holdout":
    WeightedClassifier(learner, calibration="sigmoid", cv="holdout").fit(X, y)
elif way == "frozen":
    fitted = FrozenEstimator(learner.fit(X[:cut], y[:cut]))
    WeightedClassifier(fitted, calibration="sigmoid").fit(X[cut:], y[cut:])
elif way == "statistics":
    learner.fit(X[:cut], y[:cut])
    statistics = ScoreStatistics()
    for start in range(cut, n_rows, chunk):
        part = slice(start, start + chunk)
        statistics.update(learner.decision_function(X[part]), y[part])
    SigmoidCalibrator().fit_statistics(statistics)
elif way == "partial_fit":
    model = WeightedClassifier(SGDClassifier(loss="log_loss"), calibration=None)
    for start in range(0, n_rows, chunk):
        part = slice(start, start + chunk)
        model.partial_fit(X[part], y[part], classes=[0, 1])
memory = open("/proc/self/status").read()
print(json.dumps({
    "cpu": time.process_time() - begin,
    "peak": int(re.search(r"VmHWM:\\s+(\\d+)", memory)[1]) / 1024,
}))
"""

WAYS = {
    "imports": "the imports alone",
    "learner": "the learner alone",
    "wrapper": "`WeightedClassifier(calibration=None)`",
    "holdout": '`calibration="sigmoid", cv="holdout"`',
    "frozen": "fitted on a slice, the rest through `FrozenEstimator`",
    "statistics": "the same, the rest through `ScoreStatistics` in chunks",
    "partial_fit": "`partial_fit` of SGDClassifier in chunks of 20,000 rows",
}


def write_rows(folder, n_rows):
    """Write features, and labels of which about 5 % are positive."""
    rng = np.random.default_rng(0)
    X = np.memmap(folder / "X", np.float32, "w+", shape=(n_rows, N_FEATURES))
    y = np.memmap(folder / "y", np.int8, "w+", shape=n_rows)
    for start in range(0, n_rows, CHUNK):
        part = slice(start, start + CHUNK)
        X[part] = rng.normal(size=X[part].shape)
        logit = 1.5 * X[part, 0] + X[part, 1] - 4
        y[part] = rng.random(logit.size) < 1 / (1 + np.exp(-logit))
    X.flush()
    y.flush()


def measured(folder, n_rows, way):
    done = subprocess.run(
        [sys.executable, "-c", WORK, str(folder), str(n_rows), way],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "PATH": ""},
    )
    return json.loads(done.stdout)


def measure(options):
    n_rows = 20_000 if options.quick else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        write_rows(Path(folder), n_rows)
        seen = {way: measured(folder, n_rows, way) for way in WAYS}
    n_bytes = 4 * N_FEATURES * n_rows
    yield f"{n_rows:,} rows x {N_FEATURES}, {n_bytes / 1e6:,.0f} MB in the file:"
    yield table(
        [
            {
                "way": words,
                "peak, MB": round(seen[way]["peak"]),
                "x the learner alone": Figure(
                    seen[way]["peak"] / seen["learner"]["peak"], ".2f"
                ),
                "CPU s": Figure(seen[way]["cpu"], ".1f"),
            }
            for way, words in WAYS.items()
        ]
    )


if __name__ == "__main__":
    run(measure, __doc__, "memory_ways")
