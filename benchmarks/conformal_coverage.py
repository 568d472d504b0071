"""Sets and intervals under a shift: how often they cover the target, and how large?

One model, the same hold-out and the same goal of 90 % for all. Labels and values are
harder in the target than in training. MAPIE and crepes-weighted take part where they
are installed.
"""

import warnings
from importlib.util import find_spec

import numpy as np
from _common import Figure, cpu_seconds, run, table
from sklearn.linear_model import LinearRegression, LogisticRegression

from skweight import (
    DensityRatioWeighting,
    FunctionWeighting,
    WeightedClassifier,
    WeightedRegressor,
)
from skweight.weighting import EntropyBalancingWeighting

GOAL = 0.9
MEAN = 1.0  # of the first column in the target; 0 in training


def rows_of(rng, n, mean):
    return np.column_stack([rng.normal(mean, 1, n), rng.normal(size=n)])


def labels_of(rng, X):
    slope = np.where(X[:, 0] > 0.5, 0.3, 3.0)
    p = 1 / (1 + np.exp(-slope * X[:, 0] - 0.5 * X[:, 1]))
    return (rng.uniform(size=len(X)) < p).astype(int)


def values_of(rng, X):
    return X[:, 0] + X[:, 1] + np.exp(0.5 * X[:, 0]) * rng.normal(size=len(X))


def true_ratio(X, y=None):
    return np.exp(MEAN * X[:, 0] - MEAN**2 / 2)


def strategies(target):
    return {
        "unweighted": None,
        "true ratio": FunctionWeighting(true_ratio, role="population"),
        "entropy balancing": EntropyBalancingWeighting(target),
        "uLSIF": DensityRatioWeighting(target, estimator="ulsif", random_state=0),
        "default ratio": DensityRatioWeighting(target, random_state=0),
    }


def ours(wrapper, method, problem):
    """Yield name, seconds, and sets or intervals of the strategies."""
    X, y, pair, target, X_new = problem
    for name, weighting in strategies(target).items():
        for kind in ("split", "cross"):
            model = wrapper(
                weighting=weighting,
                conformal=kind,
                cv=[pair] if kind == "split" else 5,
                random_state=0,
            )

            def work(model=model):
                return getattr(model.fit(X, y), method)(X_new, GOAL)

            seconds, measured = cpu_seconds(work)
            yield f"skweight {kind}, {name}", seconds, measured


def mapie(problem, n_rows):
    """Yield what MAPIE's split and conditional split classifiers make of it."""
    from mapie.classification import SplitConformalClassifier
    from mapie.conditional_conformal_prediction import (
        ConditionalSplitConformalClassifier,
    )

    X, y, (train, test), _, X_new = problem
    model = LogisticRegression().fit(X[train], y[train])
    maps = {
        "the true ratio": lambda X: np.column_stack([np.ones(len(X)), true_ratio(X)]),
        "x and its square": lambda X: np.column_stack(
            [np.ones(len(X)), X[:, 0], X[:, 0] ** 2]
        ),
    }
    made = {
        "MAPIE split, unweighted": (
            lambda: SplitConformalClassifier(model, confidence_level=GOAL),
            X_new,
        )
    }
    for name, feature_map in maps.items():
        made[f"MAPIE conditional split, map of {name}"] = (
            lambda feature_map=feature_map: ConditionalSplitConformalClassifier(
                feature_map, model, confidence_level=GOAL
            ),
            X_new[:n_rows],
        )
    for name, (make, rows) in made.items():

        def work(make=make, rows=rows):
            fitted = make().conformalize(X[test], y[test])
            return fitted.predict_set(rows)[1][:, :, 0]

        seconds, measured = cpu_seconds(work)
        yield name, seconds, measured


def crepes(problem):
    """Yield what crepes-weighted makes of the true ratio, and without."""
    from crepes_weighted import WrapRegressor

    X, y, (train, test), _, X_new = problem
    model = LinearRegression().fit(X[train], y[train])
    for name, known in (("unweighted", False), ("true ratio", True)):

        def work(known=known):
            wrapped = WrapRegressor(model)
            if not known:
                wrapped.calibrate(X[test], y[test])
                return wrapped.predict_int(X_new, confidence=GOAL)
            wrapped.calibrate(X[test], y[test], likelihood_ratios=true_ratio(X[test]))
            return wrapped.predict_int(
                X_new, likelihood_ratios=true_ratio(X_new), confidence=GOAL
            )

        seconds, measured = cpu_seconds(work)
        yield f"crepes-weighted, {name}", seconds, np.asarray(measured)


def draw(seed, outcome, n, n_new):
    rng = np.random.default_rng(seed)
    X, X_new = rows_of(rng, n, 0.0), rows_of(rng, n_new, MEAN)
    y, y_new = outcome(rng, X), outcome(rng, X_new)
    order = rng.permutation(n)
    pair = np.sort(order[: n // 2]), np.sort(order[n // 2 :])
    return (X, y, pair, rows_of(rng, n, MEAN), X_new), y_new


def summarize(found, size):
    rows = []
    for name, runs in found.items():
        covered, sizes, seconds = np.array(runs).T
        error = covered.std(ddof=1) / np.sqrt(covered.size) if covered.size > 1 else 0
        rows.append(
            {
                "method": name,
                "coverage": Figure(covered.mean(), ".4f"),
                "standard error": Figure(error, ".4f"),
                size: Figure(sizes.mean(), ".3f"),
                "CPU s": Figure(np.median(seconds), ".3g"),
            }
        )
    return table(rows)


def measure(options):
    n_seeds = 2 if options.quick else 20
    n, n_new = (300, 100) if options.quick else (2000, 2000)
    n_slow = 20 if options.quick else 200
    warnings.simplefilter("ignore")  # of sets that are everything, which size shows
    by_name = {}
    for seed in range(n_seeds):
        problem, y_new = draw(seed, labels_of, n, n_new)
        results = list(ours(WeightedClassifier, "predict_set", problem))
        if find_spec("mapie"):
            results += mapie(problem, n_slow)
        for name, seconds, sets in results:
            rows = np.arange(len(sets))
            figures = sets[rows, y_new[rows]].mean(), sets.sum(axis=1).mean(), seconds
            by_name.setdefault(name, []).append(figures)
    yield (
        f"## Sets of labels\n\nGoal {GOAL}; {n} rows, {n_new} of the target, {n_seeds} "
        f"seeds; MAPIE's conditional sets on {n_slow} rows of the target."
    )
    yield summarize(by_name, "labels in a set")
    by_name = {}
    for seed in range(n_seeds):
        problem, y_new = draw(seed, values_of, n, n_new)
        results = list(ours(WeightedRegressor, "predict_interval", problem))
        if find_spec("crepes_weighted"):
            results += crepes(problem)
        for name, seconds, ends in results:
            inside = (ends[:, 0] <= y_new) & (y_new <= ends[:, 1])
            width = np.median(ends[:, 1] - ends[:, 0])
            by_name.setdefault(name, []).append((inside.mean(), width, seconds))
    yield "## Intervals"
    yield summarize(by_name, "median width")


if __name__ == "__main__":
    run(measure, __doc__, "conformal_coverage")
