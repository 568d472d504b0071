"""How often weights are called degenerate: false alarms of harmless ones, and power.

Three verdicts on the same draws: that of the tail (`pareto_diagnostics`), with and
without its allowance for chance, and the warning of a fit (`find_concentration`, within
two classes of 30 and 70 % of the rows). A fit warns where effective rows are below 10 %
and below 50 rows of a class, or one row has above half of a class or of everything.
"""

from pathlib import Path

import numpy as np
from _common import Figure, run, table

from skweight._utils.concentration import find_concentration
from skweight.weights import pareto_diagnostics

SIZES = (30, 100, 1000)
ALARM = 0.05
HARMLESS = {
    "ones": lambda rng, n: np.ones(n),
    "uniform": lambda rng, n: rng.random(n),
    "exponential": lambda rng, n: rng.exponential(size=n),
    "lognormal(0.5)": lambda rng, n: rng.lognormal(0, 0.5, n),
    "lognormal(1)": lambda rng, n: rng.lognormal(0, 1, n),
    "gamma(0.5)": lambda rng, n: rng.gamma(0.5, size=n),
    "Pareto, shape 0.3": lambda rng, n: rng.random(n) ** -0.3,
    "per class, 1 and 500": lambda rng, n: np.where(classes_of(n) == 0, 500.0, 1.0),
}
DEGENERATE = {
    "Pareto, shape 0.9": lambda rng, n: rng.random(n) ** -0.9,
    "Pareto, shape 1.5": lambda rng, n: rng.random(n) ** -1.5,
    "Pareto, shape 3": lambda rng, n: rng.random(n) ** -3.0,
    "lognormal(2)": lambda rng, n: rng.lognormal(0, 2, n),
    "lognormal(3)": lambda rng, n: rng.lognormal(0, 3, n),
    "one row as heavy as twice the rest": lambda rng, n: with_giants(rng, n, 1),
    "1 % of the rows have 99 % of the weight": lambda rng, n: with_giants(
        rng, n, max(n // 100, 1), 99
    ),
}


def classes_of(n):
    """Return the class of every row: the rarer one first."""
    return (np.arange(n) >= 0.3 * n).astype(np.intp)


def with_giants(rng, n, n_giants, times=2):
    """Return exponential weights of which some together weigh `times` the rest."""
    weights = rng.exponential(size=n)
    rows = rng.permutation(n)[:n_giants]
    rest = weights.sum() - weights[rows].sum()
    weights[rows] = times * rest / n_giants
    return weights


def rates(draw, n, n_draws, seed):
    """Return the shares of draws that each verdict calls degenerate."""
    rng, codes = np.random.default_rng(seed), classes_of(n)
    alarms = np.zeros((n_draws, 3))
    for alarm in alarms:
        weights = draw(rng, n)
        tail = pareto_diagnostics(weights)
        alarm[0] = tail.khat > tail.threshold
        alarm[1] = tail.verdict in ("unreliable", "infinite mean")
        alarm[2] = find_concentration(weights, codes) is not None
    return alarms.mean(axis=0)


def measure(options):
    """Yield the rates of harmless weights, and those of degenerate ones."""
    n_draws = 50 if options.quick else 2000
    for title, kinds in (("harmless", HARMLESS), ("degenerate", DEGENERATE)):
        rows, worst = [], np.zeros(3)
        for kind, draw in kinds.items():
            for n in SIZES:
                measured = rates(draw, n, n_draws, seed=n)
                worst = np.maximum(worst, measured)
                shares = [Figure(share, ".3f") for share in measured]
                rows.append(
                    {
                        f"{title} weights": kind,
                        "rows": n,
                        "k-hat above threshold": shares[0],
                        "verdict of the tail": shares[1],
                        "warning of a fit": shares[2],
                    }
                )
        yield f"Share of {n_draws:,} draws that are reported.\n\n{table(rows)}"
        if title == "harmless":
            yield (
                f"Highest rate of false alarms: {worst[1]:.3f} of the tail, "
                f"{worst[2]:.3f} of a fit, where at most {ALARM} was asked for."
            )


if __name__ == "__main__":
    run(measure, __doc__, Path(__file__).stem)
