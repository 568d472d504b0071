"""What do metrics of calibration cost, and what the splits before it?"""

import numpy as np
from _common import Figure, alternate, ratio, run, table

from skweight._held_out.splits import make_splits
from skweight.calibration import SigmoidCalibrator, scores_from_proba
from skweight.decision._objectives import by_formula
from skweight.decision._search import Rows, best_threshold
from skweight.metrics import calibration_error, calibration_metrics, cox_calibration
from skweight.weights import weighted_quantile

try:
    from netcal.metrics import ACE
except ImportError:
    ACE = None


def rows(seconds, names, against):
    """Return rows of milliseconds, and of ratios to one of them."""
    return [
        {
            "": name,
            "CPU ms": Figure(1000 * np.median(seconds[:, i]), ".1f"),
            f"x {names[against]}": Figure(ratio(seconds, i, against)[0], ".2f"),
        }
        for i, name in enumerate(names)
    ]


def measure(options):
    n, repeats = (2_000, 1) if options.quick else (1_000_000, 5)
    rng = np.random.default_rng(0)
    p = rng.beta(0.5, 4, n)
    y, w = (rng.random(n) < p).astype(int), rng.exponential(size=n)
    scores = scores_from_proba(p)
    yield f"## {n:,} rows, no weights"
    yield measure_all(scores, y, p, None, repeats)
    yield f"## {n:,} rows, with weights"
    yield measure_all(scores, y, p, w, repeats)


def measure_all(scores, y, p, weight, repeats):
    by_name = {"sample_weight": weight}
    w = np.ones(y.size) if weight is None else weight
    work = {
        "SigmoidCalibrator().fit": lambda: SigmoidCalibrator().fit(
            scores, y, **by_name
        ),
        "cox_calibration": lambda: cox_calibration(y, p, **by_name),
        "calibration_error": lambda: calibration_error(y, p, **by_name),
        "calibration_metrics": lambda: calibration_metrics(y, p, **by_name),
        "make_splits": lambda: make_splits("auto", None, y, weight, 0, {}),
        "weighted_quantile": lambda: weighted_quantile(p, w, 0.5),
        "search for a threshold": lambda: best_threshold(
            Rows(np.column_stack([1 - p, p]), y, w, None), by_formula("f1", 1)
        ),
    }
    # It takes no weights.
    if ACE is not None:
        work["netcal.metrics.ACE(15)"] = lambda: ACE(15).measure(p, y)
    # What a sort takes, and a permutation.
    work["np.argsort"] = lambda: np.argsort(p)
    generator = np.random.RandomState(0)
    work["RandomState.permutation"] = lambda: generator.permutation(y.size)
    return table(rows(alternate(list(work.values()), repeats), list(work), 0))


if __name__ == "__main__":
    run(measure, __doc__, "metrics_speed")
