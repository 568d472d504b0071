"""What does importing skweight cost? Each import runs in a fresh interpreter.

Both sides load bytecode, as installed packages do. A checkout alone may have none.
"""

import os
import subprocess
import sys
import tempfile

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


def seconds(statement, bytecode):
    """Return the CPU seconds of an import in a new interpreter."""
    command = [sys.executable, "-c", TIMER.format(statement)]
    env = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    return float(done.stdout)


def measure(options):
    with tempfile.TemporaryDirectory() as bytecode:
        yield table(rows_of(1 if options.quick else 15, bytecode))


def rows_of(repeats, bytecode):
    """Return the rows of the table, with bytecode kept in a folder."""
    rows = []
    for pair in PAIRS:
        for statement in pair:
            seconds(statement, bytecode)  # the first time compiles
        turns = [pair, pair[::-1]]
        taken = [
            {statement: seconds(statement, bytecode) for statement in turns[i % 2]}
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
    return rows


if __name__ == "__main__":
    run(measure, __doc__, "import_time")
