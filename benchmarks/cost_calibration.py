"""Which calibration decides cheapest, by how many rows of the rarer class there are.

Expected-cost decisions on growing parts of the training half; the savings on the test
quarter. `"auto"` is what CostSensitiveClassifier does by default.
"""

import warnings

import numpy as np
from _common import Figure, run, table
from _cost_data import problems, split
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import CostSensitiveClassifier
from skweight.metrics import savings_score

MODELS = {
    "logistic regression": make_pipeline(StandardScaler(), LogisticRegression()),
    "boosting": HistGradientBoostingClassifier(random_state=0),
}
CALIBRATIONS = (None, "sigmoid", "isotonic", "auto")
SIZES = (50, 200, 600)
SPLITS = 4


def savings(model, calibration, X, y, cost, part, test):
    """Return what one classifier saves on the test rows."""
    clf = CostSensitiveClassifier(
        model,
        cost=cost,
        calibration=calibration,
        drop=True,
        ensemble="auto",
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        decided = clf.fit(X.iloc[part], y[part]).predict(X.iloc[test])
    return savings_score(y[test], decided, cost, X=X.iloc[test])


def measure(options):
    """Yield the savings by learner, size and calibration."""
    n_splits = 1 if options.quick else SPLITS
    for name, X, y, cost in problems(options, "marketing"):
        rows = []
        for learner, model in MODELS.items():
            for size in [n for n in SIZES if n <= y.sum() / 2]:
                measured = {calibration: [] for calibration in CALIBRATIONS}
                for seed in range(n_splits):
                    train, test = split(y, seed)
                    part = train[: int(size / y.mean())]
                    for calibration, values in measured.items():
                        values.append(
                            savings(model, calibration, X, y, cost, part, test)
                        )
                row = {"learner": learner, "rows of the rarer class": size}
                for calibration, values in measured.items():
                    row[repr(calibration)] = Figure(np.mean(values), ".3f")
                for other in ("sigmoid", "isotonic"):
                    gap = np.subtract(measured["auto"], measured[other])
                    error = gap.std(ddof=1) / np.sqrt(gap.size) if gap.size > 1 else 0.0
                    row[f"auto minus {other}"] = Figure(gap.mean(), "+.3f", error)
                rows.append(row)
        yield f"{name}, {n_splits} random splits.\n\n{table(rows)}"


if __name__ == "__main__":
    run(measure, __doc__, "cost_calibration")
