"""Published savings reproduced: logistic regression, expected-cost decision.

Correa Bahnsen, "Example-dependent cost-sensitive classification", PhD thesis, 2015,
table 6.1: bank marketing, 50 random splits into half, quarter and quarter; an unscaled
liblinear logistic regression fitted on the half, calibration on the second quarter,
savings on the third. Whether the published splits were stratified is not said.
"""

import numpy as np
from _common import Figure, run, table
from _cost_data import problems
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skweight import CostSensitiveClassifier
from skweight.metrics import cost_score, savings_score

# Mean and standard deviation over the 50 splits.
PUBLISHED = {
    "at one half": (-0.2931, 0.0602),
    "by expected cost, probabilities as they are": (0.4915, None),
    "by expected cost, isotonic calibration": (0.4973, 0.0084),
}
REPEATS = 50


def split(y, seed, *, stratified):
    """Return the half to fit, the quarter to calibrate and the quarter to test on."""
    rows = np.random.default_rng(seed).permutation(y.size)
    if not stratified:
        return np.split(rows, [y.size // 2, y.size * 3 // 4])

    def halves(rows):
        return train_test_split(
            rows, test_size=0.5, random_state=seed, stratify=y[rows]
        )

    train, rest = halves(rows)
    return train, *halves(rest)


def savings(X, y, cost, train, held_out, test):
    """Return the savings of the three decisions on one split."""
    numbers = X.drop(columns=cost.columns)
    model = LogisticRegression(solver="liblinear", max_iter=1000)
    model.fit(numbers.iloc[train], y[train])
    decided = [model.predict(numbers.iloc[test])]
    for calibration in (None, "isotonic"):
        clf = CostSensitiveClassifier(
            FrozenEstimator(model),
            cost=cost,
            calibration=calibration,
            drop=True,
        ).fit(X.iloc[held_out], y[held_out])
        decided.append(clf.predict(X.iloc[test]))
    return [savings_score(y[test], item, cost, X=X.iloc[test]) for item in decided]


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
            + f". {repeats} splits of each kind, ± standard errors."
        )
        measured = {
            stratified: np.array(
                [
                    savings(X, y, cost, *split(y, seed, stratified=stratified))
                    for seed in range(repeats)
                ]
            )
            for stratified in (False, True)
        }
        rows = []
        for position, (decision, (mean, sd)) in enumerate(PUBLISHED.items()):
            row = {
                "decision": decision,
                "published mean": Figure(mean, ".4f"),
                "published sd": "" if sd is None else f"{sd:.4f}",
            }
            for stratified, name in ((False, "random splits"), (True, "stratified")):
                ours = measured[stratified][:, position]
                error = ours.std(ddof=1) / np.sqrt(repeats)
                row[f"{name}: mean"] = Figure(ours.mean(), ".4f", error)
                row[f"{name}: sd"] = Figure(ours.std(ddof=1), ".4f")
                if sd is not None:
                    within = abs(ours.mean() - mean) < sd
                    row[f"{name}: within one sd"] = "yes" if within else "**no**"
                else:
                    row[f"{name}: within one sd"] = ""
            rows.append(row)
        yield table(rows)


if __name__ == "__main__":
    run(measure, __doc__, "cost_savings")
