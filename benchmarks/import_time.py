"""What does importing skweight cost? Each import runs in a fresh interpreter."""

import subprocess
import sys

import numpy as np
from _common import Figure, ratio, run, table

PAIRS = [
    ("import skweight", "import sklearn.base"),
    (
        "from skweight import WeightedClassifier",
        "from sklearn.calibration import CalibratedClassifierCV",
    ),
]
# Inside of the interpreter, so that its own start, the same for both, hides nothing.
TIMER = "import time; start = time.process_time(); {}; print(time.process_time()-start)"


def seconds(statement):
    """Return the CPU seconds of an import in a new interpreter."""
    command = [sys.executable, "-c", TIMER.format(statement)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


def measure(options):
    repeats = 1 if options.quick else 15
    rows = []
    for pair in PAIRS:
        for statement in pair:
            seconds(statement)  # the first time reads files from disk
        turns = [pair, pair[::-1]]
        taken = [
            {statement: seconds(statement) for statement in turns[i % 2]}
            for i in range(repeats)
        ]
        both = np.array([[item[statement] for statement in pair] for item in taken])
        median, interval = ratio(both)
        rows.append(
            {
                "ours": f"`{pair[0]}`",
                "CPU ms": Figure(1000 * np.median(both[:, 0]), ".1f"),
                "against": f"`{pair[1]}`",
                "its CPU ms": Figure(1000 * np.median(both[:, 1]), ".1f"),
                "ratio": Figure(median, ".3f"),
                "95 % interval": interval,
            }
        )
    yield table(rows)


if __name__ == "__main__":
    run(measure, __doc__, "import_time")
