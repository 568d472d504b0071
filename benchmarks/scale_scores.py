"""Score statistics of 10^8 rows of Parquet: seconds, memory, and plain reading.

Each figure is of a process of its own. Plain reading takes the same columns in the same
batches and does nothing with them. Peak memory is that of the whole process, the
libraries included.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from _common import REPOSITORY, Figure, run, table

SIZES = [1_000_000, 10_000_000, 100_000_000]
ROW_GROUP = 1_000_000

# What a process does with the path of the file, and what it says of itself. One thread
# reads and decodes, so that CPU seconds can be compared.
WORK = """
import json, re, sys, time
import pyarrow, pyarrow.dataset
pyarrow.set_cpu_count(1)
pyarrow.set_io_thread_count(1)
from skweight.scale import ScoreStatistics, summarize
path, what, weight = sys.argv[1:]
weight = weight or None
statistics = ScoreStatistics()
begin = time.process_time(), time.monotonic()
if what == "read":
    dataset = pyarrow.dataset.dataset(path)
    for fragment in dataset.get_fragments():
        for group in fragment.split_by_row_group():
            for batch in group.to_batches(
                columns=["score", "y"] + [weight] * bool(weight),
                batch_size=1 << 18,
                batch_readahead=1,
            ):
                pass
elif what == "import":
    pass
else:
    summarize(path, statistics, y="y", score="score", sample_weight=weight)
memory = open("/proc/self/status").read()
print(json.dumps({
    "cpu": time.process_time() - begin[0],
    "wall": time.monotonic() - begin[1],
    "peak": int(re.search(r"VmHWM:\\s+(\\d+)", memory)[1]) / 1024,
    "rows": statistics.n_rows_,
}))
"""


def write_rows(path, n_rows):
    """Write scores, labels of which 5 % are positive, and weights."""
    import pyarrow
    import pyarrow.parquet

    names = pyarrow.schema(
        [("score", pyarrow.float64()), ("y", pyarrow.int8()), ("w", pyarrow.float32())]
    )
    rng = np.random.default_rng(0)
    with pyarrow.parquet.ParquetWriter(path, names) as writer:
        for start in range(0, n_rows, ROW_GROUP):
            n = min(ROW_GROUP, n_rows - start)
            score = rng.normal(-3.5, 1.2, n)
            y = (rng.random(n) < 1 / (1 + np.exp(-score))).astype(np.int8)
            w = rng.gamma(2.0, size=n).astype(np.float32)
            writer.write_table(pyarrow.table([score, y, w], names))


def measured(path, what, weight):
    done = subprocess.run(
        [sys.executable, "-c", WORK, str(path), what, weight],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "PATH": ""},
    )
    return json.loads(done.stdout)


def measure(options):
    rows = []
    for n_rows in SIZES[:1] if options.quick else SIZES:
        n_rows = 20_000 if options.quick else n_rows
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "scores.parquet"
            write_rows(path, n_rows)
            for weight in ("", "w"):
                idle, read, found = (
                    measured(path, what, weight) for what in ("import", "read", "sum")
                )
                assert found["rows"] == n_rows
                rows.append(
                    {
                        "rows": n_rows,
                        "file, MB": path.stat().st_size >> 20,
                        "statistics": "weighted" if weight else "unweighted",
                        "CPU s": found["cpu"],
                        "plain reading, CPU s": read["cpu"],
                        "its share": Figure(read["cpu"] / found["cpu"], ".2f"),
                        "CPU ns a row": Figure(1e9 * found["cpu"] / n_rows, ".1f"),
                        "wall s": found["wall"],
                        "peak, MB": round(found["peak"]),
                        "of which imports": round(idle["peak"]),
                    }
                )
    yield table(rows)


if __name__ == "__main__":
    run(measure, __doc__, "scale_scores")
