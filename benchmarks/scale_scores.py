"""Score statistics of 10^8 rows of Parquet: seconds, memory, and plain reading.

Each figure of the first table is of a process of its own. Plain reading takes the same
columns in the same batches and does nothing with them. Peak memory is that of the whole
process, the libraries included.

The second table compares isotonic curves from sums with those from rows: the largest
difference of probabilities in three samples. A rising curve is compared at every row. A
curve with jumps (``centered=False``) is compared in the middle of every block, and at
every row: beside a jump, it may differ by the whole jump. The weights are very uneven:
the rows are worth a third of their number.
"""

import json
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from _common import REPOSITORY, Figure, run, table
from scipy.special import expit

from skweight.calibration import IsotonicCalibrator
from skweight.scale import ScoreStatistics, summarize

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


def population(name, n_rows, rng):
    """Return scores, labels and weights."""
    mean = {"1 % positive": -5.9, "balanced": 0.0}.get(name, -3.0)
    logit = rng.normal(mean, 2.5 if name == "balanced" else 1.5, n_rows)
    if name == "scores of one digit":
        logit = logit.round(1)
    elif name == "200 values":
        logit = rng.choice(logit[:200], n_rows)
    y = rng.random(n_rows) < expit(logit)
    weight = rng.gamma(0.5, size=n_rows) if name == "weighted" else None
    return 1.2 * logit + 2, y, weight


def middle_of_blocks(curve):
    begins = np.flatnonzero(np.append(True, np.diff(curve.proba) > 0))
    ends = np.append(begins[1:], curve.proba.size) - 1
    return (curve.scores[begins] + curve.scores[ends]) / 2


def isotonic_agreement(rows):
    """Return how far curves from sums are from those of rows, and megabytes."""
    scores = rows[0]
    parts = [slice(i, i + (1 << 18)) for i in range(0, scores.size, 1 << 18)]
    chunks = (tuple(c[part] for c in rows if c is not None) for part in parts)
    statistics = summarize(chunks, ScoreStatistics())
    off = []
    for centered in (True, False):
        calibrator = IsotonicCalibrator(centered=centered).fit(*rows)
        places = [scores]
        if not centered:
            places.append(middle_of_blocks(calibrator.curves_[0]))
        of_rows = [calibrator.predict_proba(z)[:, 1] for z in places]
        calibrator.fit_statistics(statistics)
        for z, p in zip(places, of_rows, strict=True):
            off.append(np.abs(calibrator.predict_proba(z)[:, 1] - p).max())
    return [*off, len(pickle.dumps(statistics)) / 1e6]


def compare_isotonic(sizes):
    names = ("smooth", "1 % positive", "balanced", "weighted")
    names += ("scores of one digit", "200 values")
    for name in names:
        for n_rows in sizes:
            seeds = [np.random.default_rng(seed) for seed in range(3)]
            worst = np.max(
                [isotonic_agreement(population(name, n_rows, rng)) for rng in seeds],
                axis=0,
            )
            yield {
                "scores": name,
                "rows": n_rows,
                "rising, at every row": Figure(worst[0], ".4f"),
                "with jumps, in blocks": Figure(worst[2], ".4f"),
                "with jumps, at every row": Figure(worst[1], ".4f"),
                "pickled, MB": Figure(worst[3], ".2f"),
            }


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
    sizes = [10_000] if options.quick else [10_000, 100_000, 300_000, 1_000_000]
    yield table(list(compare_isotonic(sizes)))


if __name__ == "__main__":
    run(measure, __doc__, "scale_scores")
