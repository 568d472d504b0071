"""Savings of cost-sensitive methods on three data sets, all in one run.

Each method gets the same half of the rows to learn from, columns that carry costs
included, and decides the same test quarter; the learner is
HistGradientBoostingClassifier wherever a method takes one. Methods of empulse are left
out where it is not installed (pip install empulse==0.13.1 xgboost-cpu).
"""

import warnings
from importlib.metadata import version

import numpy as np
import sklearn
from _common import Figure, counted_fits, cpu_seconds, run, table
from _cost_data import problems, split
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import make_scorer
from sklearn.model_selection import TunedThresholdClassifierCV

from skweight import CostSensitiveClassifier, CostWeighting, WeightedClassifier
from skweight.decision import ExpectedCostDecision
from skweight.metrics import savings_score

try:
    import empulse.models as empulse
except ImportError:
    empulse = None

SPLITS = {"marketing": 6, "churn": 12, "german": 24}
MODEL = HistGradientBoostingClassifier(random_state=0)


def four_costs(cost, X):
    """Return the four costs of every row under the names that empulse uses."""
    costs = np.broadcast_to(cost.resolve(X), (len(X), 2, 2))
    cells = {"tn": (0, 0), "fp": (0, 1), "fn": (1, 0), "tp": (1, 1)}
    return {f"{name}_cost": costs[:, k, j].copy() for name, (k, j) in cells.items()}


def plain(X, y, X_new, cost):
    """Decide by the larger probability."""
    return clone(MODEL).fit(X, y).predict(X_new)


def class_weights(X, y, X_new, cost):
    """Weigh the classes by cost and decide by the larger probability."""
    clf = WeightedClassifier(
        MODEL, weighting=CostWeighting(cost, level="class"), calibration=None
    )
    return clf.fit(X, y).predict(X_new)


def row_weights(X, y, X_new, cost):
    """Weigh the rows by cost and decide by the larger probability."""
    clf = WeightedClassifier(
        MODEL, weighting=CostWeighting(cost, level="instance"), calibration=None
    )
    return clf.fit(X, y).predict(X_new)


def tuned_sklearn(X, y, X_new, cost):
    """One threshold, tuned on five folds by scikit-learn, with the cost of each row."""
    with sklearn.config_context(enable_metadata_routing=True):

        def money(y_true, y_pred, row_costs):
            return -row_costs[np.arange(len(y_true)), y_true, y_pred].sum()

        scorer = make_scorer(money).set_score_request(row_costs=True)
        clf = TunedThresholdClassifierCV(MODEL, scoring=scorer, cv=5)
        row_costs = np.broadcast_to(cost.resolve(X), (len(X), 2, 2))
        return clf.fit(X, y, row_costs=row_costs).predict(X_new)


def tuned_skweight(X, y, X_new, cost):
    """One threshold, tuned exactly on the scores that served the calibrator."""
    return ours(X, y, X_new, cost, decision="tuned")


def metacost(X, y, X_new, cost):
    """MetaCost: ten bags vote out of bag, rows are relabelled, one model is fitted."""
    rng = np.random.default_rng(0)
    numbers = X.to_numpy()
    proba, votes = np.zeros((len(y), 2)), np.zeros(len(y))
    for _ in range(10):
        bag = rng.integers(0, len(y), len(y))
        out = np.setdiff1d(np.arange(len(y)), bag)
        proba[out] += clone(MODEL).fit(numbers[bag], y[bag]).predict_proba(numbers[out])
        votes[out] += 1
    proba /= np.maximum(votes, 1)[:, None]
    relabelled = cost.align([0, 1]).decide(proba, X)
    final = X.to_numpy()
    seen = X_new.to_numpy()
    return clone(MODEL).fit(final, relabelled).predict(seen)


def ours(X, y, X_new, cost, **params):
    """The expected-cost decision on calibrated probabilities."""
    clf = CostSensitiveClassifier(
        MODEL, cost=cost, **{"ensemble": "auto", "random_state": 0, **params}
    )
    return clf.fit(X, y).predict(X_new)


def uncalibrated(X, y, X_new, cost):
    """The expected-cost decision on the probabilities as they are."""
    return ours(X, y, X_new, cost, calibration=None)


def without_cost_columns(X, y, X_new, cost):
    """The first method, with costs hidden from the learner."""
    return ours(X, y, X_new, cost, drop=True)


def doubled(X, y, X_new, cost):
    """The error: balanced weights, and costs on top of them."""
    decision = ExpectedCostDecision(cost, accept_weighted=True)
    clf = WeightedClassifier(
        MODEL, weighting="balanced", decision=decision, calibration=None
    )
    return clf.fit(X, y).predict(X_new)


def undoubled(X, y, X_new, cost):
    """The same with the weights divided out, in closed form."""
    return ours(X, y, X_new, cost, weighting="balanced", calibration="prior")


def with_empulse(make, *, costs_at_fit=True):
    """Return a method that runs a model of empulse."""

    def run(X, y, X_new, cost):
        model = make()
        told = four_costs(cost, X) if costs_at_fit else {}
        model.fit(X.to_numpy(), y, **told)
        later = four_costs(cost, X_new) if "Threshold" in type(model).__name__ else {}
        return model.predict(X_new.to_numpy(), **later)

    return run


METHODS = {
    "CostSensitiveClassifier": ours,
    "... drop=True": without_cost_columns,
    "... calibration=None": uncalibrated,
    "... decision='tuned'": tuned_skweight,
    "... weighting='balanced', calibration='prior'": undoubled,
    "WRONG: balanced weights, then costs": doubled,
    "plain, at one half": plain,
    "class weights, at one half": class_weights,
    "row weights, at one half": row_weights,
    "TunedThresholdClassifierCV": tuned_sklearn,
    "MetaCost": metacost,
}
if empulse is not None:
    METHODS |= {
        "empulse CSThreshold": with_empulse(
            lambda: empulse.CSThresholdClassifier(MODEL, random_state=0)
        ),
        "empulse CSThreshold, costs at predict only": with_empulse(
            lambda: empulse.CSThresholdClassifier(MODEL, random_state=0),
            costs_at_fit=False,
        ),
        "empulse CSBoost": with_empulse(empulse.CSBoostClassifier),
        "empulse CSLogit": with_empulse(empulse.CSLogitClassifier),
        "empulse CSTree": with_empulse(
            lambda: empulse.CSTreeClassifier(random_state=0)
        ),
        "empulse CSForest": with_empulse(
            lambda: empulse.CSForestClassifier(random_state=0)
        ),
    }
# So slow on these rows that the first splits must do.
FEW_SPLITS = {"empulse CSForest": 2}
OURS = next(iter(METHODS))
# What the first row is held against: other ways, not other settings of the same.
RIVALS = [
    name
    for name in METHODS
    if name.startswith(("empulse", "Tuned", "class weights", "row weights", "MetaCost"))
]


def measure_splits(X, y, cost, n_splits):
    """Return savings, fits of the learner and CPU seconds, by method and split."""
    measured = {name: [] for name in METHODS}
    for seed in range(n_splits):
        train, test = split(y, seed)
        for name, method in METHODS.items():
            if seed >= FEW_SPLITS.get(name, n_splits):
                continue
            with warnings.catch_warnings(), counted_fits(type(MODEL)) as fits:
                warnings.simplefilter("ignore")
                seconds, decided = cpu_seconds(
                    method, X.iloc[train], y[train], X.iloc[test], cost
                )
            saved = savings_score(y[test], decided, cost, X=X.iloc[test])
            measured[name].append((saved, len(fits), seconds))
    return {name: np.array(rows) for name, rows in measured.items()}


def difference(one, other):
    """Return the mean paired difference of two lists of savings, with its error."""
    gap = other - one[: len(other)]
    error = gap.std(ddof=1) / np.sqrt(gap.size) if gap.size > 1 else np.nan
    return gap.mean(), error


def measure(options):
    """Yield the savings, the claim, and what the methods take."""
    results = {}
    for name, X, y, cost in problems(options, *SPLITS):
        n_splits = 1 if options.quick else SPLITS.get(name, 5)
        results[name] = measure_splits(X, y, cost, n_splits)
    ran = ", ".join(
        f"{name} {len(measured[OURS])}" for name, measured in results.items()
    )
    peer = f"empulse {version('empulse')}" if empulse else "empulse is not installed"
    few = ", ".join(f"{name} {count}" for name, count in FEW_SPLITS.items())
    yield (
        f"Random splits: {ran} (less for {few}). {peer}. After the savings, in "
        "brackets: the mean paired difference to the first row and its standard error."
    )
    rows = []
    for method in METHODS:
        row = {"method": method}
        for name, measured in results.items():
            saved = measured[method][:, 0]
            row[name] = f"{saved.mean():.3f}"
            if method != OURS:
                gap, error = difference(measured[OURS][:, 0], saved)
                row[name] += f" ({gap:+.3f} ± {error:.3f})"
        fits = max(result[method][:, 1].max() for result in results.values())
        row["fits of the learner"] = f"{fits:.0f}" if fits else "its own"
        rows.append(row)
    yield f"## Savings\n\n{table(rows)}"
    rows = []
    for name, measured in results.items():
        ours = measured[OURS][:, 0]
        for method in sorted(
            RIVALS, key=lambda rival: -difference(ours, measured[rival][:, 0])[0]
        )[:3]:
            gap, error = difference(ours, measured[method][:, 0])
            rows.append(
                {
                    "data": name,
                    "best of the others": method,
                    "it saves more by": Figure(gap, "+.4f", error),
                    "in standard errors": Figure(gap / error, "+.1f"),
                    "first row saves at least as much": gap <= 0,
                }
            )
    yield f"## The best of the others\n\n{table(rows)}"
    rows = [
        {"method": method}
        | {
            f"{name}, CPU s": Figure(measured[method][:, 2].mean(), ".2f")
            for name, measured in results.items()
        }
        for method in METHODS
    ]
    yield f"## Time of fit and predict\n\n{table(rows)}"


if __name__ == "__main__":
    run(measure, __doc__, "cost_comparison")
