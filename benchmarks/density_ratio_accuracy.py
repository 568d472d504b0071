"""How far is every estimated density ratio from the true one?

Peers take part where they are installed: ``pip install densratio adapt
tensorflow-cpu skada``, in an environment of their own. The errors of single fits go to
a file beside the table; a peer's fit that this file holds already is not repeated, so
that a change of ours can be measured against the same fits of the same rows.
"""

import csv
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from _common import Figure, run, table
from _shift_workloads import OURS, WORKLOADS, draw, our_ratio, peers, relative_error
from scipy.stats import spearmanr

NAMES = ["method", "workload", "seed", "error", "rank", "seconds"]
# Seeds for peers that take as long as all the others together.
SLOW = {
    "ADAPT KLIEP, grid": 4,
    "pykliep": 4,
    "ADAPT RULSIF, grid": 8,
    "densratio RuLSIF 0.1": 8,
}


def arguments(parser):
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", choices=["ours", "peers", "search"])
    parser.add_argument(
        "--fits",
        type=Path,
        help="file of single fits (default: the one in results/)",
    )


def measure(options):
    measured, versions = peers()
    if versions:
        yield f"Peers: {', '.join(versions)}"
    ours = {name: our_ratio(make) for name, make in OURS.items()}
    methods = {
        "ours": ours,
        "search": {name: ours[name] for name in ours if "Search" in name},
        "peers": measured,
        None: ours | measured,
    }[options.only]
    workloads = list(WORKLOADS)[:2] if options.quick else list(WORKLOADS)
    seeds = 1 if options.quick else options.seeds
    path = options.fits
    if path is None and not options.quick:
        path = Path(__file__).parent / "results" / "density_ratio_accuracy.csv"
    fits = read(path, but=ours.keys() & methods.keys())
    for seed in range(seeds):
        for workload in workloads:
            X_source, X_target, true = draw(workload, seed)
            for name, ratio in methods.items():
                key = name, workload, seed
                if key in fits or seed >= SLOW.get(name, seeds):
                    continue
                start = time.process_time()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    estimated = np.nan_to_num(ratio(X_source, X_target, seed))
                seconds = time.process_time() - start
                fits[key] = (
                    relative_error(estimated, true),
                    float(spearmanr(estimated, true)[0]),
                    seconds,
                )
        print(f"seed {seed}", file=sys.stderr, flush=True)
        if path is not None:
            write(path, fits)
    yield from tables(fits, workloads, seeds)


def read(path, *, but):
    """Return the fits of a file, without those to be made again."""
    if path is None or not path.is_file():
        return {}
    with path.open(encoding="utf-8") as file:
        rows = csv.DictReader(file)
        return {
            (row["method"], row["workload"], int(row["seed"])): tuple(
                float(row[name]) for name in NAMES[3:]
            )
            for row in rows
            if row["method"] not in but
        }


def write(path, fits):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(NAMES)
        for key in sorted(fits):
            error, rank, seconds = fits[key]
            writer.writerow([*key, f"{error:.5f}", f"{rank:.4f}", f"{seconds:.4f}"])


def tables(fits, workloads, seeds):
    names = sorted({name for name, _, _ in fits})

    def of(name, workload, what):
        keys = ((name, workload, seed) for seed in range(seeds))
        return [fits[key][what] for key in keys if key in fits]

    means = {
        name: [
            [float(np.mean(of(name, workload, what))) for workload in workloads]
            for what in range(3)
        ]
        for name in names
    }
    names.sort(key=lambda name: np.mean(means[name][0]))
    yield (
        "Squared error of the normalised ratio at the source rows, over that of equal "
        "weights: 1 is useless, 0 perfect. Means over the seeds from 0 to the number "
        "in the second column; slow peers take part in the first seeds only."
    )
    yield table(
        [
            {"method": name, "seeds": len(of(name, workloads[0], 0))}
            | {
                workload: Figure(error, ".3f")
                for workload, error in zip(workloads, means[name][0], strict=True)
            }
            | {"mean": Figure(np.mean(means[name][0]), ".3f")}
            for name in names
        ]
    )
    yield (
        "Smallest mean rank correlation with the true ratio over the workloads, and "
        "mean CPU seconds of a fit."
    )
    yield table(
        [
            {
                "method": name,
                "smallest rank correlation": Figure(min(means[name][1]), ".2f"),
                "CPU s": Figure(np.mean(means[name][2]), ".4f"),
            }
            for name in names
        ]
    )
    fewest = min(len(of(name, workload, 0)) for name in names for workload in workloads)
    yield (
        f"On the {fewest} seeds that all methods took part in, the mean error over all "
        "workloads, and that of the KLIEPs by the number of features."
    )
    kinds = [
        [workload for workload in workloads if _features(workload) == d]
        for d in (1, 2, 5, 10, 20)
    ]

    def mean(name, some):
        return np.mean([of(name, item, 0)[:fewest] for item in some])

    yield table(
        [
            {"method": name, "all": Figure(mean(name, workloads), ".3f")}
            | {
                f"d = {_features(some[0])}": f"{mean(name, some):.3f}"
                if "kliep" in name.lower()
                else ""
                for some in kinds
                if some
            }
            for name in sorted(names, key=lambda name: mean(name, workloads))
        ]
    )


def _features(workload):
    """Return the features of the published workloads; the non-linear one is ours."""
    kind, n_features, _ = WORKLOADS[workload]
    return 0 if kind == "nonlinear" else n_features


if __name__ == "__main__":
    run(measure, __doc__, "density_ratio_accuracy", arguments)
