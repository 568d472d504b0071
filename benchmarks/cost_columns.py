"""Should the learner see the columns that carry costs?

Savings with `drop=True` over those with False, where the column of the
costs tells something of the class and where it is noise. Adult census data: a missed
income above 50K costs what one column says, a false alarm the mean of that column
among the negatives, times the prevalence odds.
"""

import numpy as np
import pandas as pd
from _common import Figure, datasets, run, table
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import CostMatrix, CostSensitiveClassifier
from skweight.metrics import savings_score

MODELS = {
    "logistic regression": make_pipeline(
        StandardScaler(), LogisticRegression(max_iter=1000)
    ),
    "boosting": HistGradientBoostingClassifier(random_state=0),
}
COLUMNS = ("hours_per_week", "age")
SIZES = (2000,)
SPLITS = 5


def savings(model, X, y, cost, rows, *, drop):
    """Return what a classifier saves on the rows it did not learn from."""
    train, test = rows
    clf = CostSensitiveClassifier(
        model, cost=cost, drop=drop, ensemble="auto", random_state=0
    ).fit(X.iloc[train], y[train])
    return savings_score(y[test], clf.predict(X.iloc[test]), cost, X=X.iloc[test])


def measure(options):
    """Yield the savings by learner, column and size."""
    n_splits = 2 if options.quick else SPLITS
    for name, X, y in datasets(options):
        columns = [column for column in COLUMNS if column in X]
        if not columns and not options.quick:
            continue
        X = pd.get_dummies(X, dtype=float).fillna(0.0)
        X["noise"] = np.random.default_rng(0).lognormal(0, 1, len(X))
        rows = []
        for column in [*columns, "noise"]:
            alarm = X[column].mean() * y.mean() / (1 - y.mean())
            cost = CostMatrix.binary(fp=alarm, fn=column)
            for learner, model in MODELS.items():
                for size in [n for n in SIZES if n < len(y) / 2] or [len(y) // 2]:
                    collected = []
                    for seed in range(n_splits):
                        order = np.random.default_rng(seed).permutation(y.size)
                        parts = order[:size], order[-10_000:][-(y.size - size) :]
                        collected.append(
                            [
                                savings(model, X, y, cost, parts, drop=drop)
                                for drop in (False, True)
                            ]
                        )
                    kept, dropped = np.transpose(collected)
                    gap = dropped - kept
                    error = gap.std(ddof=1) / np.sqrt(n_splits)
                    rows.append(
                        {
                            "costs": column,
                            "learner": learner,
                            "rows": size,
                            "kept": Figure(kept.mean(), ".3f"),
                            "dropped": Figure(dropped.mean(), ".3f"),
                            "dropped minus kept": Figure(gap.mean(), "+.4f", error),
                        }
                    )
        yield f"{name}, {n_splits} random splits.\n\n{table(rows)}"


if __name__ == "__main__":
    run(measure, __doc__, "cost_columns")
