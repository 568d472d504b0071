"""How does the cost of a density ratio grow with the rows, and what is the least?"""

import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np
from _common import Figure, cpu_seconds, run, table
from _shift_workloads import D, draw_many, relative_error

from skweight.density_ratio import KLIEP, ULSIF, DensityRatioSearch

CHUNK = 1 << 16


def floor(n, b=100):
    """Return the CPU seconds of the products and exponentials of a fit with b centres.

    In float32, one thread, on chunks that stay in the cache: kernels of the source, of
    the target, of the source again for its ratio, and one matrix of products.
    """
    rng = np.random.default_rng(0)
    X, centers = (rng.normal(size=(k, D)).astype(np.float32) for k in (1024, b))
    kernels = np.empty((1024, b), dtype=np.float32)
    exponents = -rng.uniform(size=kernels.shape).astype(np.float32)
    start = time.process_time()
    for _ in range(200):
        np.dot(X, centers.T, out=kernels)
        np.exp(exponents, out=kernels)
    one_pass = (time.process_time() - start) / 200 / 1024 * n
    start = time.process_time()
    for _ in range(200):
        kernels.T @ kernels
    gram = (time.process_time() - start) / 200 / 1024 * n
    return 3 * one_pass + gram


def by_size(options):
    sizes = [1000, 2000] if options.quick else [100_000, 1_000_000]
    methods = {
        "ULSIF()": lambda: ULSIF(random_state=0),
        "KLIEP()": lambda: KLIEP(random_state=0),
        "DensityRatioSearch()": lambda: DensityRatioSearch(random_state=0),
    }
    rows = []
    for n in sizes:
        X_source, X_target, true = draw_many(n)
        for name, make in methods.items():
            seconds, ratio = min(
                (cpu_seconds(make().fit_ratio, X_source, X_target) for _ in range(2)),
                key=lambda pair: pair[0],
            )
            tracemalloc.start()
            make().fit_ratio(X_source, X_target)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            share = f"{floor(n) / seconds:.0%}" if name == "ULSIF()" else ""
            rows.append(
                {
                    "method": name,
                    "rows": n,
                    "CPU s": Figure(seconds, ".2f"),
                    "peak MB beyond the data": Figure(peak / 1e6, ".0f"),
                    "share of the floor": share,
                    "error": Figure(relative_error(ratio, true), ".3f"),
                }
            )
            print(rows[-1], file=sys.stderr, flush=True)
    yield (
        "Rows of each sample; learning the ratio and returning it for the source. The "
        "floor is the time of its matrix products and exponentials alone, in float32."
    )
    yield table(rows)


def from_disk(options):
    """Fit on files that are read chunk by chunk."""
    sizes = [2000, 20_000] if options.quick else [100_000, 1_000_000, 10_000_000]
    rows, times = [], []
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            tables = []
            for k, shift in enumerate((0.0, 1.0)):
                path = Path(folder) / f"{k}.f32"
                X = np.memmap(path, dtype=np.float32, mode="w+", shape=(n, D))
                for start in range(0, n, CHUNK):
                    part = rng.normal(size=X[start : start + CHUNK].shape)
                    part[:, 0] += shift
                    X[start : start + CHUNK] = part
                tables.append(np.memmap(path, dtype=np.float32, mode="r", shape=(n, D)))
            tracemalloc.start()
            model = ULSIF(random_state=0)
            seconds, _ = cpu_seconds(model.fit, *tables)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            times.append(seconds)
            rows.append(
                {
                    "rows": n,
                    "MB on disk": Figure(2 * 4 * n * D / 1e6, ",.0f"),
                    "CPU s of fit": Figure(seconds, ".2f"),
                    "peak MB": Figure(peak / 1e6, ".0f"),
                }
            )
            print(rows[-1], file=sys.stderr, flush=True)
            del tables, X
    slope = np.polyfit(np.log(sizes), np.log(times), 1)[0]
    yield (
        "ULSIF fitted on memory-mapped files of float32. Fitted exponent of time in "
        f"rows: {slope:.2f}."
    )
    yield table(rows)


def arguments(parser):
    parser.add_argument("--only", choices=["memory", "disk"])


def measure(options):
    if options.only != "disk":
        yield from by_size(options)
    if options.only != "memory":
        yield from from_disk(options)


if __name__ == "__main__":
    run(measure, __doc__, "density_ratio_scaling", arguments)
