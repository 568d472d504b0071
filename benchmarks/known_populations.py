"""Exact moments, exact margins and reweighing: how right, how fast, against whom?

Means over the target that the weighted training rows give, against the truth; then the
same weights as ipfn and aif360 give, where they are installed, and CPU time in turns.
"""

import warnings
from importlib.util import find_spec

import numpy as np
import pandas as pd
from _common import Figure, alternate, cpu_seconds, ratio, run, table

from skweight import DensityRatioWeighting
from skweight.weighting import (
    EntropyBalancingWeighting,
    RakingWeighting,
    ReweighingWeighting,
)

METHODS = {
    "entropy balancing, means": EntropyBalancingWeighting,
    "entropy balancing, degree 2 and products": lambda target: (
        EntropyBalancingWeighting(target, degree=2, interactions=True)
    ),
    "uLSIF": lambda target: DensityRatioWeighting(
        target, estimator="ulsif", random_state=0
    ),
    "DensityRatioWeighting (default)": lambda target: DensityRatioWeighting(
        target, random_state=0
    ),
}


def outcome(X):
    return np.sin(X[:, 0]) + X[:, 1] * X[:, 2] + 0.5 * X[:, 0] ** 2


def tilted(d):
    def draw(rng, n):
        shift = np.zeros(d)
        shift[:3] = [0.6, -0.4, 0.3]
        return rng.normal(size=(n, d)), rng.normal(shift, 1, size=(n, d))

    return draw


def twisted(rng, n):
    """Return a target with the means of the source and other squares and products."""
    cov = np.array([[0.6, 0, 0], [0, 0.8, 0.4], [0, 0.4, 0.8]])
    return rng.normal(size=(n, 3)), rng.multivariate_normal(np.zeros(3), cov, n)


PROBLEMS = {
    "tilt, d = 3": tilted(3),
    "equal means, d = 3": twisted,
    "tilt, d = 10": tilted(10),
}


def weigh(weighting, X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return weighting.fit_weigh(X, None)


def biases(options):
    n, seeds = (200, 2) if options.quick else (2000, 8)
    for problem, draw in PROBLEMS.items():
        measured = {"none": []} | {name: [] for name in METHODS}
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            X, target = draw(rng, n)
            truth = outcome(draw(np.random.default_rng(99), 400_000)[1]).mean()
            measured["none"].append((abs(outcome(X).mean() - truth), 1.0, 0.0))
            for name, make in METHODS.items():
                if options.quick and ("default" in name or "products" in name):
                    continue
                if "products" in name and "10" in problem:
                    continue  # 65 moments: too many to ask of so few rows
                seconds, w = cpu_seconds(weigh, make(target), X)
                error = abs(np.mean(w * outcome(X)) - truth)
                measured[name].append((error, 1 / np.mean(w**2), seconds))
        rows = []
        for name, figures in measured.items():
            if not figures:
                continue
            error, share, seconds = np.mean(figures, axis=0)
            spread = np.std([f[0] for f in figures], ddof=1) / np.sqrt(len(figures))
            rows.append(
                {
                    problem: name,
                    "error of the target mean": Figure(error, ".4f", spread),
                    "effective share": float(share),
                    "CPU s": float(seconds),
                }
            )
        yield table(rows)


def speed(options):
    """Yield the CPU time of entropy balancing over that of uLSIF, in turns."""
    n = 200 if options.quick else 2000
    X, target = tilted(3)(np.random.default_rng(0), n)
    balance = METHODS["entropy balancing, means"](target)
    seconds = alternate(
        [lambda: weigh(balance, X), lambda: weigh(METHODS["uLSIF"](target), X)],
        2 if options.quick else 15,
    )
    median, interval = ratio(seconds)
    gap = balance.fit(X, None).gap_
    yield table(
        [
            {
                "entropy balancing over uLSIF": f"n = {n:,}, d = 3",
                "CPU ratio": Figure(median, ".4f"),
                "95 % interval": interval,
                "claim": "at most 1/20",
                "holds": bool(median <= 1 / 20) or options.quick,
                "largest gap, in sd": Figure(gap, ".1e"),
            }
        ]
    )


def survey(n, rng):
    sizes = {"sex": 2, "age": 6, "region": 12, "school": 4}
    frame = pd.DataFrame({name: rng.integers(0, k, n) for name, k in sizes.items()})
    margins = {
        name: dict(enumerate(rng.dirichlet(np.full(k, 8.0))))
        for name, k in sizes.items()
    }
    return frame, margins


def by_ipfn(frame, margins):
    from ipfn.ipfn import ipfn

    rows = frame.assign(total=1.0)
    totals = []
    for name, margin in margins.items():
        shares = pd.Series(margin) * len(frame)
        shares.index.name = name
        totals.append(shares.rename("total"))
    columns = [[name] for name in margins]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        done = ipfn(rows, totals, columns, convergence_rate=1e-10).iteration()
    return done["total"].to_numpy()


def raking(options):
    rng = np.random.default_rng(0)
    rows = []
    for n in (500,) if options.quick else (2000, 20_000):
        frame, margins = survey(n, rng)
        weighting = RakingWeighting(margins)
        weights = weigh(weighting, frame)
        row = {
            "rows": n,
            "margins": "2, 6, 12, 4 values",
            "sweeps": weighting.fit(frame, None).n_iter_,
            "largest gap": Figure(weighting.gap_, ".1e"),
        }
        if find_spec("ipfn"):
            theirs = by_ipfn(frame, margins)
            difference = np.abs(theirs / theirs.mean() - weights).max()
            seconds = alternate(
                [lambda: by_ipfn(frame, margins), lambda: weigh(weighting, frame)],  # noqa: B023
                2 if options.quick else 7,
            )
            median, interval = ratio(seconds)
            row |= {
                "largest difference to ipfn": Figure(difference, ".1e"),
                "CPU of ipfn over ours": Figure(median, ".0f"),
                "95 % interval": interval,
            }
        rows.append(row)
    yield table(rows)


def reweighing(options):
    rng = np.random.default_rng(0)
    n = 500 if options.quick else 20_000
    frame = pd.DataFrame({"sex": rng.integers(0, 2, n), "x": rng.normal(size=n)})
    y = (rng.uniform(size=n) < np.where(frame["sex"] == 1, 0.4, 0.2)).astype(int)
    weighting = ReweighingWeighting("sex")
    weights = weigh_classes(weighting, frame, y)
    rates = [
        np.average(y[rows], weights=weights[rows])
        for rows in (frame["sex"] == 0, frame["sex"] == 1)
    ]
    row = {"rows": n, "gap of the base rates": Figure(abs(np.diff(rates)[0]), ".1e")}
    if find_spec("aif360"):
        from aif360.sklearn.preprocessing import Reweighing

        indexed = frame.set_index("sex", drop=False)
        labels = pd.Series(y, index=indexed.index)

        def theirs():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return Reweighing("sex").fit_transform(indexed, labels)[1]

        difference = np.abs(np.asarray(theirs()) - weights).max()
        seconds = alternate(
            [theirs, lambda: weigh_classes(weighting, frame, y)],
            2 if options.quick else 15,
        )
        median, interval = ratio(seconds)
        row |= {
            "largest difference to aif360": Figure(difference, ".1e"),
            "CPU of aif360 over ours": Figure(median, ".2f"),
            "95 % interval": interval,
        }
    yield table([row])


def weigh_classes(weighting, X, y):
    return weighting.fit_weigh(X, y)


def measure(options):
    yield "## Means over the target\n"
    yield from biases(options)
    yield "## Time against uLSIF\n"
    yield from speed(options)
    yield "## Raking against ipfn\n"
    yield from raking(options)
    yield "## Reweighing against aif360\n"
    yield from reweighing(options)


if __name__ == "__main__":
    run(measure, __doc__, "known_populations")
