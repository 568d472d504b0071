"""Reproduce published savings: marketing, logistic regression, expected-cost decision.

Correa Bahnsen, "Example-dependent cost-sensitive classification", PhD thesis, 2015,
table 6.1: 50 random splits into half, quarter and quarter; an unscaled liblinear
logistic regression, isotonic calibration on the second quarter, savings on the third.
Published: .4973 (standard deviation .0084); uncalibrated .4915; deciding at one half
-.2931. Writes results/cost_savings.csv.

    python benchmarks/cost_savings.py
"""

from pathlib import Path

import numpy as np
import pandas as pd
from _cost_data import marketing
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from skweight import CostSensitiveClassifier
from skweight.metrics import cost_score, savings_score

PUBLISHED = {"at one half": -0.2931, "raw": 0.4915, "isotonic": 0.4973}
REPEATS = 50


def main():
    """Measure, print and store."""
    X, y, cost = marketing()
    constants = [
        cost_score(y, np.full(y.size, k), cost, X=X, normalize=False) for k in (0, 1)
    ]
    print(f"{y.size:,} rows, {y.mean():.2%} positive")
    print(f"nobody called: {constants[0]:,.0f}; everybody called: {constants[1]:,.0f}")
    rows = []
    for repeat in range(REPEATS):
        order = np.random.default_rng(repeat).permutation(y.size)
        train, held_out, test = np.split(order, [y.size // 2, y.size * 3 // 4])
        numbers = X.drop(columns="cost_fn")
        model = LogisticRegression(solver="liblinear", max_iter=1000)
        model.fit(numbers.iloc[train], y[train])
        saved = {
            "at one half": savings_score(
                y[test], model.predict(numbers.iloc[test]), cost, X=X.iloc[test]
            )
        }
        for name, calibration in (("raw", None), ("isotonic", "isotonic")):
            clf = CostSensitiveClassifier(
                FrozenEstimator(model),
                cost=cost,
                calibration=calibration,
                drop_cost_columns=True,
            ).fit(X.iloc[held_out], y[held_out])
            saved[name] = savings_score(
                y[test], clf.predict(X.iloc[test]), cost, X=X.iloc[test]
            )
        rows.append(saved)
    table = pd.DataFrame(rows)
    summary = pd.DataFrame(
        {"published": PUBLISHED, "mean": table.mean(), "sd": table.std()}
    )
    print(summary.round(4).to_string())
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    summary.round(4).to_csv(folder / "cost_savings.csv", index_label="decision")


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
