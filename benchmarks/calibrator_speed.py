"""How long calibrators take to fit and to predict, beside those of other packages.

Milliseconds of CPU on one thread, the fastest of the repeats, on scores of a rare
class. "Solver" is the fit without the checks of labels and scores. Packages that are
not installed are left out: venn-abers, betacal.
"""

import pickle
import time
import warnings
from importlib.metadata import version

import numpy as np
from _common import run, table
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from skweight.calibration import (
    AnchoredCalibrator,
    AutoCalibrator,
    BetaCalibrator,
    IsotonicCalibrator,
    QuadraticCalibrator,
    SigmoidCalibrator,
    TemperatureCalibrator,
    VennAbersCalibrator,
)
from skweight.calibration._engine.logistic import (
    Affine,
    LogisticObjective,
    fit_logistic,
    fit_slope,
    standardise,
)
from skweight.calibration._engine.newton import newton, newton_step
from skweight.calibration._engine.numerics import binary_levels


def draw(n):
    """Return scores and labels of a population with about 8 % positives."""
    rng = np.random.default_rng(0)
    scores = rng.normal(-3, 1.5, size=n)
    return scores, (rng.random(n) < expit(scores)).astype(np.int64), rng


def fastest(function, repeats):
    """Return the least CPU time of a call in milliseconds."""
    function()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        seconds.append(time.process_time() - start)
    return 1e3 * min(seconds)


def logistic(n, repeats):
    """Yield the rows of the calibrators with a formula."""
    scores, y, rng = draw(n)
    weight = rng.exponential(size=n)
    codes = y.astype(np.uint8)
    one = np.broadcast_to(np.float64(1), n)
    count = np.bincount(y).astype(float)
    levels = binary_levels(count, 1.0)
    yield {
        "fit": "solver of the sigmoid",
        "ms": fastest(lambda: fit_slope(scores, codes, one, count, levels), repeats),
        "ms, weights": fastest(
            lambda: fit_slope(scores, codes, weight, count, levels), repeats
        ),
        "ms, predict": float("nan"),
    }
    for calibrator in (
        SigmoidCalibrator(),
        TemperatureCalibrator(),
        AnchoredCalibrator(),
        AnchoredCalibrator("quadratic"),
        QuadraticCalibrator(),
        BetaCalibrator(),
    ):
        yield {
            "fit": repr(calibrator),
            "ms": fastest(lambda c=calibrator: c.fit(scores, y), repeats),
            "ms, weights": fastest(
                lambda c=calibrator: c.fit(scores, y, weight), repeats
            ),
            "ms, predict": fastest(
                lambda c=calibrator: c.predict_proba(scores), repeats
            ),
        }


def exactness(n):
    """Return how far the cells, and the one step after them, are from the minimum."""
    scores, y, _ = draw(n)
    one = np.broadcast_to(np.float64(1), n)
    standard = standardise(scores, one)
    levels = binary_levels(np.bincount(y).astype(float), 1.0)
    objective = LogisticObjective(
        Affine(standard), scores, y.astype(np.uint8), one, levels, standard
    )
    exact = newton(objective, objective.constant())
    for _ in range(3):  # Newton stops where a step gains nothing; go on to rounding
        exact = exact + newton_step(*objective.slopes(exact))

    def proba(theta):
        return expit(theta[0] * standard(scores) + theta[1])

    on_cells = newton(objective.cells, objective.constant())
    stepped = fit_logistic(objective, objective.constant())
    return [
        {
            "sigmoid fitted": name,
            "max change of a probability": float(
                np.abs(proba(theta) - proba(exact)).max()
            ),
        }
        for name, theta in (
            ("on 2048 cells", on_cells),
            ("on cells, then one step over all rows", stepped),
        )
    ]


def sorted_ones(n, repeats):
    """Yield the rows of the calibrators that sort, and of scikit-learn's."""
    scores, y, rng = draw(n)
    theirs = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    rows = [
        ("scikit-learn IsotonicRegression", theirs, theirs.predict),
        *(
            (repr(c), c, c.predict_proba)
            for c in (
                IsotonicCalibrator(),
                IsotonicCalibrator(centered=False),
                VennAbersCalibrator(),
            )
        ),
    ]
    new = rng.normal(-3, 1.5, size=n)
    for name, calibrator, predict in rows:
        yield {
            "fit": name,
            "ms": fastest(lambda c=calibrator: c.fit(scores, y), repeats),
            "ms, predict": fastest(lambda p=predict: p(new), repeats),
        }


def venn_abers(n):
    """Return our time and that of the venn-abers package, or None without it."""
    try:
        from venn_abers.venn_abers import calc_p0p1
    except ImportError:
        return None
    scores, y, _ = draw(n)
    proba = expit(scores)
    both = np.column_stack([1 - proba, proba])
    ours = VennAbersCalibrator().fit(scores, y)
    start = time.process_time()
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        p0, p1, knots = calc_p0p1(both, y)
    theirs_ms = 1e3 * (time.process_time() - start)
    ours_ms = fastest(lambda: VennAbersCalibrator().fit(scores, y), 7)
    # Their table is read as their own predict does.
    at = np.searchsorted(knots, proba)
    upper = p1[at, 1]
    lower = p0[np.searchsorted(knots, proba, side="right"), 1]
    mine = ours.predict_interval(scores)
    return {
        "rows": n,
        "venn-abers, ms": theirs_ms,
        "ours, ms": ours_ms,
        "times": theirs_ms / ours_ms,
        "package": f"venn-abers {version('venn-abers')}",
        "largest difference of p0": float(np.abs(mine[0][:, 1] - lower).max()),
        "largest difference of p1": float(np.abs(mine[1][:, 1] - upper).max()),
    }


def betacal(n):
    """Return our time and that of betacal, or None without it."""
    try:
        from betacal import BetaCalibration
    except ImportError:
        return None
    scores, y, _ = draw(n)
    with warnings.catch_warnings():
        theirs = fastest(lambda: BetaCalibration().fit(expit(scores), y), 2)
    ours = fastest(lambda: BetaCalibrator().fit(scores, y), 5)
    return {
        "rows": n,
        "betacal, ms": theirs,
        "ours, ms": ours,
        "times": theirs / ours,
        "package": f"betacal {version('betacal')}",
    }


def auto(sizes, class_counts, n_of_classes, repeats):
    """Yield the rows of "auto": what it takes, and what a model keeps."""
    for n in sizes:
        scores, y, _ = draw(n)
        calibrator = AutoCalibrator()
        known = {"class_multiplier": [1, 9]}
        fit = fastest(lambda: calibrator.fit(scores, y, **known), repeats)  # noqa: B023
        few = scores[:1000]
        yield {
            "classes": 2,
            "rows": n,
            "fit, ms": fit,
            "predict 1000 rows, ms": fastest(
                lambda: calibrator.predict_proba(few),  # noqa: B023
                9,
            ),
            "pickle, bytes": len(pickle.dumps(calibrator)),
        }
    for k in class_counts:
        rng = np.random.default_rng(0)
        truth = 1.5 * rng.normal(size=(n_of_classes, k))
        y = (truth + rng.gumbel(size=truth.shape)).argmax(axis=1)
        start = time.process_time()
        calibrator = AutoCalibrator().fit(1.3 * truth, y)
        yield {
            "classes": k,
            "rows": n_of_classes,
            "fit, ms": 1e3 * (time.process_time() - start),
            "predict 1000 rows, ms": fastest(
                lambda: calibrator.predict_proba(truth[:1000]),  # noqa: B023
                5,
            ),
            "pickle, bytes": len(pickle.dumps(calibrator)),
        }


def measure(options):
    """Yield the tables."""
    n, repeats = (20_000, 2) if options.quick else (1_000_000, 7)
    small = 5_000 if options.quick else 100_000
    yield f"Calibrators with a formula, {n:,} scores:"
    yield table(list(logistic(n, repeats)))
    yield table(exactness(n))
    yield 'The mixture, `calibration="auto"`:'
    sizes = (300, 5000) if options.quick else (300, 10_000, 100_000)
    many = 2000 if options.quick else 100_000
    counts = (3,) if options.quick else (3, 10, 100)
    yield table(list(auto(sizes, counts, many, repeats)))
    for size in (small, n):
        yield f"Calibrators that sort, {size:,} scores:"
        yield table(list(sorted_ones(size, repeats if size < n else 3)))
    for row in (venn_abers(small), betacal(small)):
        if row is not None:
            yield table([row])


if __name__ == "__main__":
    run(measure, __doc__, "calibrator_speed")
