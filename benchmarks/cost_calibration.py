"""From how many minority rows on is isotonic calibration worth it for decisions?

Expected-cost decisions on growing parts of the marketing training half; the savings on
the test quarter. Writes results/cost_calibration.csv.

    python benchmarks/cost_calibration.py
"""

from pathlib import Path

import numpy as np
import pandas as pd
from _cost_data import marketing, split
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skweight import CostSensitiveClassifier
from skweight.metrics import savings_score

MODELS = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
    "boosting": HistGradientBoostingClassifier(random_state=0),
}
REPEATS = 6


def main():
    """Measure, print and store."""
    X, y, cost = marketing()
    rows = []
    for repeat in range(REPEATS):
        train, test = split(y, repeat)
        for minority in (50, 200, 600, 2000):
            part = train[: int(minority / y.mean())]
            for name, model in MODELS.items():
                for calibration in (None, "sigmoid", "isotonic"):
                    clf = CostSensitiveClassifier(
                        model,
                        cost=cost,
                        calibration=calibration,
                        drop_cost_columns=True,
                        random_state=0,
                    ).fit(X.iloc[part], y[part])
                    saved = savings_score(
                        y[test], clf.predict(X.iloc[test]), cost, X=X.iloc[test]
                    )
                    rows.append((name, minority, str(calibration), repeat, saved))
    names = ["model", "minority_rows", "calibration", "repeat", "savings"]
    table = pd.DataFrame(rows, columns=names)
    mean = table.pivot_table(
        index=["model", "minority_rows"], columns="calibration", values="savings"
    )
    wide = table.pivot(
        index=["model", "minority_rows", "repeat"],
        columns="calibration",
        values="savings",
    )
    gain = (wide["isotonic"] - wide["sigmoid"]).groupby(level=[0, 1])
    mean["isotonic - sigmoid"] = gain.mean()
    mean["standard error"] = gain.std() / np.sqrt(REPEATS)
    print(mean.round(4).to_string())
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    mean.round(4).to_csv(folder / "cost_calibration.csv")


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
