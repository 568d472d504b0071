"""Savings of cost-sensitive methods on three data sets, all in one run.

Each method gets the same training half, columns that carry costs included, and decides
the same test quarter; the learner is `HistGradientBoostingClassifier` wherever a method
takes one. Methods of empulse are left out where it is not installed (pip install
empulse xgboost-cpu; version 0.13.1 was used). Writes results/cost_comparison.csv.

    python benchmarks/cost_comparison.py            # everything
    python benchmarks/cost_comparison.py churn 2    # one data set, two repeats
"""

import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from _cost_data import DATA, split
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import make_scorer
from sklearn.model_selection import TunedThresholdClassifierCV
from threadpoolctl import threadpool_limits

from skweight import CostSensitiveClassifier, CostWeighting, WeightedClassifier
from skweight.metrics import savings_score

try:
    import empulse.models as empulse
except ImportError:
    empulse = None

REPEATS = {"marketing": 8, "churn": 20, "german": 20}
FITS = {"n": 0}


class Boosting(HistGradientBoostingClassifier):
    """The learner, which counts its fits."""

    def fit(self, X, y, sample_weight=None):
        """Count and fit."""
        FITS["n"] += 1
        return super().fit(X, y, sample_weight)


MODEL = Boosting(random_state=0)
NAMES = ("fp", "fn", "tp", "tn")


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
    clf = WeightedClassifier(MODEL, weighting=CostWeighting(cost, level="class"))
    return clf.fit(X, y).predict(X_new)


def row_weights(X, y, X_new, cost):
    """Weigh the rows by cost and decide by the larger probability."""
    clf = WeightedClassifier(MODEL, weighting=CostWeighting(cost, level="instance"))
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
    clf = CostSensitiveClassifier(MODEL, cost=cost, random_state=0, **params)
    return clf.fit(X, y).predict(X_new)


def uncalibrated(X, y, X_new, cost):
    """The expected-cost decision on the probabilities as they are."""
    return ours(X, y, X_new, cost, calibration=None)


def without_cost_columns(X, y, X_new, cost):
    """The first method, with costs hidden from the learner."""
    return ours(X, y, X_new, cost, drop_cost_columns=True)


def doubled(X, y, X_new, cost):
    """The error: balanced weights, and costs on top of them."""
    from skweight.decision import ExpectedCostDecision

    decision = ExpectedCostDecision(cost, accept_weighted=True)
    clf = WeightedClassifier(MODEL, weighting="balanced", decision=decision)
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
    "... drop_cost_columns=True": without_cost_columns,
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
# So slow on these rows that the first repeats must do.
FEW_REPEATS = {"empulse CSForest": 2}


def main(names, repeats):
    """Measure, print and store."""
    rows = []
    for name in names:
        X, y, cost = DATA[name]()
        for repeat in range(repeats or REPEATS[name]):
            train, test = split(y, repeat)
            for method, run in METHODS.items():
                if repeat >= FEW_REPEATS.get(method, repeat + 1):
                    continue
                FITS["n"] = 0
                start = time.process_time()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    decided = run(X.iloc[train], y[train], X.iloc[test], cost)
                rows.append(
                    {
                        "data": name,
                        "method": method,
                        "savings": savings_score(
                            y[test], decided, cost, X=X.iloc[test]
                        ),
                        "fits": FITS["n"],
                        "seconds": time.process_time() - start,
                        "repeat": repeat,
                    }
                )
        table = pd.DataFrame(rows)
        print(summary(table[table["data"] == name]).to_string(), flush=True)
    return table


def summary(table):
    """Return means, and the paired difference to the first method."""
    wide = table.pivot(index="repeat", columns=["data", "method"], values="savings")
    first = next(iter(METHODS))
    grouped = table.groupby(["data", "method"], sort=False)
    mean = grouped[["savings", "fits", "seconds"]].mean()
    mean["sd"] = grouped["savings"].std()
    gaps = pd.DataFrame(
        {key: wide[key[0], first] - wide[key] for key in wide if key[1] != first}
    )
    mean["ours minus it"] = gaps.mean()
    mean["standard error"] = gaps.std() / np.sqrt(gaps.count())
    return mean.round(4)


if __name__ == "__main__":
    chosen = [word for word in sys.argv[1:] if word in DATA] or list(DATA)
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    with threadpool_limits(1):
        results = main(chosen, numbers[0] if numbers else None)
    if len(sys.argv) == 1:
        folder = Path(__file__).parent / "results"
        folder.mkdir(exist_ok=True)
        summary(results).to_csv(folder / "cost_comparison.csv")
