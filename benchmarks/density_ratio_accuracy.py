"""How far is every estimated density ratio from the true one?

Peers take part where they are installed: ``pip install densratio adapt
tensorflow-cpu``, in an environment of their own.
"""

import sys
import time

import numpy as np
from _common import Figure, run, table
from _shift_workloads import OURS, WORKLOADS, draw, our_ratio, peers, relative_error
from scipy.stats import spearmanr


def measure(options):
    found, versions = peers()
    if versions:
        yield f"Peers: {', '.join(versions)}"
    methods = {name: our_ratio(make) for name, make in OURS.items()} | found
    workloads = list(WORKLOADS)[:2] if options.quick else list(WORKLOADS)
    seeds = range(1 if options.quick else 20)
    errors = {name: np.full((len(workloads), len(seeds)), np.nan) for name in methods}
    ranks = {name: np.full((len(workloads), len(seeds)), np.nan) for name in methods}
    seconds = dict.fromkeys(methods, 0.0)
    for k, seed in enumerate(seeds):
        for i, workload in enumerate(workloads):
            X_source, X_target, true = draw(workload, seed)
            for name, ratio in methods.items():
                start = time.process_time()
                estimated = ratio(X_source, X_target, seed)
                seconds[name] += time.process_time() - start
                errors[name][i, k] = relative_error(estimated, true)
                ranks[name][i, k] = spearmanr(estimated, true)[0]
        print(f"seed {seed}", file=sys.stderr, flush=True)
    order = sorted(methods, key=lambda name: errors[name].mean())
    yield (
        "Squared error of the normalised ratio at the source rows, over that of equal "
        f"weights: 1 is useless, 0 perfect. Mean over {len(seeds)} seeds."
    )
    yield table(
        [
            {"method": name}
            | {
                workload: Figure(errors[name][i].mean(), ".3f")
                for i, workload in enumerate(workloads)
            }
            | {"mean": Figure(errors[name].mean(), ".3f")}
            for name in order
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
                "smallest rank correlation": Figure(
                    np.nanmean(ranks[name], axis=1).min(), ".2f"
                ),
                "CPU s": Figure(seconds[name] / errors[name].size, ".4f"),
            }
            for name in order
        ]
    )


if __name__ == "__main__":
    run(measure, __doc__, "density_ratio_accuracy")
