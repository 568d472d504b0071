"""Does the search for a density ratio keep up with the best method among noise?

Source and target differ in one to three features, and in no others. The error is that
of the accuracy table: the squared error of the normalised ratio at the source rows,
over that of equal weights.
"""

import sys
import warnings

import numpy as np
from _common import Figure, run, table
from _shift_workloads import relative_error

from skweight import DensityRatioWeighting
from skweight.datasets import make_covariate_shift

# Name: kind, features with a difference, rows of the source. The target has 1000 rows.
PROBLEMS = {
    "narrow:300": ("narrow", 1, 300),
    "narrow:1000": ("narrow", 1, 1000),
    "mean:300": ("mean", 1, 300),
    "mean:1000": ("mean", 1, 1000),
    "nonlin:300": ("nonlinear", 3, 300),
    "nonlin:1000": ("nonlinear", 3, 1000),
}
NOISE = (10, 30)
SINGLE = ("logistic", "ulsif", "kliep", "kmm", "classifier")


def arguments(parser):
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--first-seed", type=int, default=0)


def draw(problem, n_noise, seed):
    """Return source, target, and the true ratio of the source rows."""
    kind, n_features, n_source = PROBLEMS[problem]
    data = make_covariate_shift(
        n_source, 1000, n_features=n_features, kind=kind, random_state=seed
    )
    rng = np.random.default_rng([seed, n_noise])
    X_source, X_target = (
        np.hstack([X, rng.standard_normal((len(X), n_noise))])
        for X in (data.X_source, data.X_target)
    )
    return X_source, X_target, data.ratio(data.X_source)


def error_of(method, X_source, X_target, true, seed):
    """Return the error of the ratio that a weighting learns, without a stabilizer."""
    weighting = DensityRatioWeighting(
        X_target, estimator=method, stabilizer=None, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ratio = weighting.fit_weigh(X_source, y=None)
    return relative_error(ratio, true)


def measure(options):
    problems = list(PROBLEMS)[:1] if options.quick else list(PROBLEMS)
    n_seeds = 2 if options.quick else options.seeds
    seeds = range(options.first_seed, options.first_seed + n_seeds)
    methods = ("search", *SINGLE)
    cells = [(n_noise, problem) for n_noise in NOISE for problem in problems]
    errors = np.empty((len(methods), len(cells), n_seeds))
    for j, seed in enumerate(seeds):
        for i, (n_noise, problem) in enumerate(cells):
            data = draw(problem, n_noise, seed)
            errors[:, i, j] = [error_of(method, *data, seed) for method in methods]
        print(f"seed {seed}", file=sys.stderr, flush=True)
    for n_noise in NOISE:
        rows = [noise == n_noise for noise, _ in cells]
        yield f"## {n_noise} noise features"
        yield f"Mean errors over the seeds {seeds[0]} to {seeds[-1]}; 0 is perfect."
        yield table(
            [
                {"method": method}
                | {
                    problem: Figure(error, ".3f")
                    for problem, error in zip(
                        problems, errors[k, rows].mean(axis=1), strict=True
                    )
                }
                | {"mean": Figure(errors[k, rows].mean(), ".3f")}
                for k, method in enumerate(methods)
            ]
        )
    yield "## The search against the best single method"
    yield (
        "The best single method has the lowest mean error of the row. The difference "
        "is paired by seed, with its standard error over the seeds."
    )
    parts = {"all problems": [True] * len(cells)}
    for n_noise in NOISE:
        parts[f"{n_noise} noise features"] = [noise == n_noise for noise, _ in cells]
    for i, (n_noise, problem) in enumerate(cells):
        parts[f"{problem} with {n_noise}"] = [k == i for k in range(len(cells))]
    yield table(
        [compare(name, errors[:, rows].mean(axis=1)) for name, rows in parts.items()]
    )


def compare(name, errors):
    """Return a row of the table from errors by method and seed."""
    means = errors[1:].mean(axis=1)
    best = int(means.argmin())
    difference = errors[0] - errors[1 + best]
    error = difference.std(ddof=1) / np.sqrt(difference.size)
    return {
        "": name,
        "search": Figure(errors[0].mean(), ".3f"),
        "best single": SINGLE[best],
        "its error": Figure(means[best], ".3f"),
        "difference": Figure(difference.mean(), "+.4f", error),
        "no worse within one s.e.": bool(difference.mean() <= error),
    }


if __name__ == "__main__":
    run(measure, __doc__, "noise_features", arguments)
