"""Published savings reproduced: logistic regression, expected-cost decision.

Correa Bahnsen, "Example-dependent cost-sensitive classification", PhD thesis, 2015,
table 6.1: bank marketing, 50 random splits into half, quarter and quarter; an unscaled
liblinear logistic regression fitted on the half, calibration on the second quarter,
savings on the third.
"""

import numpy as np
from _common import Figure, run, table
from _cost_data import problems
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from skweight import CostSensitiveClassifier
from skweight.metrics import cost_score, savings_score

# Mean and standard deviation over the 50 splits.
PUBLISHED = {
    "at one half": (-0.2931, 0.0602),
    "by expected cost, probabilities as they are": (0.4915, None),
    "by expected cost, isotonic calibration": (0.4973, 0.0084),
}
REPEATS = 50


def savings(X, y, cost, seed):
    """Return the savings of the three decisions on one split."""
    order = np.random.default_rng(seed).permutation(y.size)
    train, held_out, test = np.split(order, [y.size // 2, y.size * 3 // 4])
    numbers = X.drop(columns=cost.columns)
    model = LogisticRegression(solver="liblinear", max_iter=1000)
    model.fit(numbers.iloc[train], y[train])
    decided = [model.predict(numbers.iloc[test])]
    for calibration in (None, "isotonic"):
        clf = CostSensitiveClassifier(
            FrozenEstimator(model),
            cost=cost,
            calibration=calibration,
            drop_cost_columns=True,
        ).fit(X.iloc[held_out], y[held_out])
        decided.append(clf.predict(X.iloc[test]))
    return [savings_score(y[test], one, cost, X=X.iloc[test]) for one in decided]


def measure(options):
    """Yield the facts of the data that must match first, and the savings."""
    repeats = 2 if options.quick else REPEATS
    for name, X, y, cost in problems(options, "marketing"):
        nobody, everybody = (
            cost_score(y, np.full(y.size, k), cost, X=X, normalize=False)
            for k in (0, 1)
        )
        yield (
            f"{name}: {y.size:,} rows, {y.mean():.2%} positive; nobody called costs "
            f"{nobody:,.0f}, everybody called {everybody:,.0f}"
            + (" (published: 37,931; 12.62 %; 59,507)" if name == "marketing" else "")
            + f". {repeats} splits."
        )
        found = np.array([savings(X, y, cost, seed) for seed in range(repeats)])
        rows = []
        for (decision, (mean, sd)), ours in zip(
            PUBLISHED.items(), found.T, strict=True
        ):
            error = ours.std(ddof=1) / np.sqrt(repeats)
            rows.append(
                {
                    "decision": decision,
                    "published mean": Figure(mean, ".4f"),
                    "published sd": "" if sd is None else f"{sd:.4f}",
                    "mean here": Figure(ours.mean(), ".4f", error),
                    "sd here": Figure(ours.std(ddof=1), ".4f"),
                    "within one sd": "" if sd is None else abs(ours.mean() - mean) < sd,
                }
            )
        yield table(rows)


if __name__ == "__main__":
    run(measure, __doc__, "cost_savings")
