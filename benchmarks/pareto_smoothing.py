"""Pareto smoothing of a million weights, against ``psislw`` of arviz in the same run.

Both get the same log weights, of a tail of shape 0.7, and must agree: the largest
difference of a smoothed log weight, and of k-hat, is told beside the times.
"""

from importlib.metadata import version

import numpy as np
from _common import Figure, alternate, ratio, run, table

from skweight._utils.pareto import pareto_khat
from skweight.weights import pareto_smooth

REPEATS = 15


def measure(options):
    try:
        import arviz
    except ImportError:
        yield "arviz is not installed, so that these are times of skweight alone."
        arviz = None
    else:
        yield f"arviz {version('arviz')}; medians of {REPEATS} calls that take turns."
    rows = []
    for n in [1000] if options.quick else [10_000, 100_000, 1_000_000]:
        log_weights = 0.7 * np.random.default_rng(0).exponential(size=n)
        weights = np.exp(log_weights)
        calls = [
            lambda x=log_weights: pareto_smooth(x, log=True, ties="order"),
            lambda x=weights: pareto_smooth(x),
            lambda x=weights: pareto_khat(x),
        ]
        if arviz is not None:
            calls.append(lambda x=log_weights: arviz.psislw(x, normalize=False))
        seconds = alternate(calls, 2 if options.quick else REPEATS)
        names = ["pareto_smooth, log weights", "pareto_smooth", "pareto_khat"]
        row = {"rows": n}
        for name, median in zip(
            [*names, "arviz psislw"], np.median(seconds, axis=0), strict=False
        ):
            row[f"{name} (ms)"] = Figure(1000 * median, ".1f")
        if arviz is not None:
            theirs, khat = calls[3]()
            times, interval = ratio(seconds, 0, 3)
            row |= {
                "ours / arviz": Figure(times, ".2f"),
                "95 % interval": interval,
                "largest difference": Figure(
                    np.abs(calls[0]() - np.asarray(theirs)).max(), ".0e"
                ),
                "of k-hat": Figure(abs(calls[2]() - float(khat)), ".0e"),
            }
        rows.append(row)
    yield table(rows)


if __name__ == "__main__":
    run(measure, __doc__, "pareto_smoothing")
