"""What do density ratios cost, and how does the cost grow with the rows?

Peers take part where they are installed: ``pip install densratio adapt
tensorflow-cpu``, in an environment of their own. pykliep is on no package index; name
its file in the environment variable PYKLIEP.
"""

import os
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np
from _common import Figure, cpu_seconds, run, table
from _shift_workloads import OURS, our_ratio, peers, relative_error

from skweight.density_ratio import KLIEP, ULSIF, DensityRatioSearch

D = 20
CHUNK = 1 << 16


def draw(n, seed=0):
    """Return rows of N(0, I) and N(e_1, I), and the true ratio of the former."""
    rng = np.random.default_rng(seed)
    X_source, X_target = rng.normal(size=(n, D)), rng.normal(size=(n, D))
    X_target[:, 0] += 1
    return X_source, X_target, np.exp(X_source[:, 0] - 0.5)


def against_peers(options):
    n = 300 if options.quick else 10_000
    X_source, X_target, true = draw(n)
    found, versions = peers(os.environ.get("PYKLIEP"))
    if versions:
        yield f"Peers: {', '.join(versions)}"
    ours = {
        name: our_ratio(OURS[name])
        for name in (
            "ULSIF()",
            "ULSIF(0.2, back_transform=True)",
            "KLIEP()",
            "KernelLogisticRatio",
            "DensityRatioSearch (default)",
        )
    }
    # What each peer's fit is to be compared with.
    same = {
        "densratio uLSIF": "ULSIF()",
        "densratio RuLSIF 0.1": "ULSIF(0.2, back_transform=True)",
        "densratio KLIEP": "KLIEP()",
        "ADAPT ULSIF, grid": "ULSIF()",
        "ADAPT RULSIF, grid": "ULSIF(0.2, back_transform=True)",
        "ADAPT KLIEP, one sigma": "KLIEP()",
        "ADAPT KLIEP, grid": "KLIEP()",
        "pykliep": "KLIEP()",
    }
    seconds, rows = {}, []
    for name, ratio in {**ours, **found}.items():
        ratio(X_source[:200], X_target[:200], 0)  # what is loaded on first use
        repeats = 3 if name in ours else 1
        taken = [cpu_seconds(ratio, X_source, X_target, 0) for _ in range(repeats)]
        seconds[name] = min(one for one, _ in taken)
        rows.append(
            {
                "method": name,
                "CPU s": Figure(seconds[name], ".3f"),
                "times ours": ""
                if name in ours
                else f"{seconds[name] / seconds[same[name]]:,.0f} x {same[name]}",
                "error": Figure(relative_error(taken[0][1], true), ".3f"),
            }
        )
        print(rows[-1], file=sys.stderr, flush=True)
    yield (
        f"{n:,} + {n:,} rows, {D} features: learn the ratio, with the whole selection "
        "of parameters, and return it for the source."
    )
    yield table(rows)


def floor(n, b=100):
    """Return the CPU seconds of the products and exponentials of one pass."""
    rng = np.random.default_rng(0)
    X, centers = rng.normal(size=(4096, D)), rng.normal(size=(b, D))
    products = np.empty((4096, b))
    kernels = np.empty((4096, b), dtype=np.float32)
    start = time.process_time()
    for _ in range(50):
        np.dot(X, centers.T, out=products)
        np.exp(kernels, out=kernels)
    one_pass = (time.process_time() - start) / 50 / 4096 * n
    features = rng.normal(size=(4096, b + 1))
    start = time.process_time()
    for _ in range(50):
        features.T @ features
    gram = (time.process_time() - start) / 50 / 4096 * n
    # Source sums, target sums, ratio of the source; one matrix of products.
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
        X_source, X_target, true = draw(n)
        lowest = floor(n)
        for name, make in methods.items():
            seconds, ratio = min(
                (cpu_seconds(make().fit_ratio, X_source, X_target) for _ in range(2)),
                key=lambda pair: pair[0],
            )
            tracemalloc.start()
            make().fit(X_source, X_target)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            share = f"{lowest / seconds:.0%}" if name == "ULSIF()" else ""
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
        "floor is the time of the matrix products and exponentials alone."
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


def measure(options):
    yield from by_size(options)
    yield from from_disk(options)
    yield from against_peers(options)


if __name__ == "__main__":
    run(measure, __doc__, "density_ratio_speed")
