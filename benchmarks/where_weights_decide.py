"""Where do weights decide? Costs and simple learners, and classes that shift.

*Costs.* Without weights, a calibrated model decides by expected cost. With them, the
learner is weighted by the costs first; calibration takes the weights out of its
probabilities, and the same decision follows. *Shift.* A class is three times as
frequent where the model is used, and looks as ever. Its frequency there is estimated
from rows without labels, and the fitted model is told by ``set_prevalence``. The true
probabilities are known, and judge both.
"""

import warnings

import numpy as np
from _common import Figure, run, table
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from skweight import (
    CostMatrix,
    CostWeighting,
    LabelShiftWeighting,
    WeightedClassifier,
)
from skweight.datasets import make_imbalanced, make_rare

N_TRAIN, N_TEST, N_DRAWS = 1000, 20_000, 16
LEARNERS = {
    "a line": LogisticRegression(),
    "a tree of depth 2": DecisionTreeClassifier(max_depth=2, random_state=0),
}
# Share of the log odds that is no line, share of positives, cost of a missed one.
PROBLEMS = ((0.0, 0.3, 10), (0.0, 0.1, 30), (0.5, 0.3, 10), (0.5, 0.1, 30))


def costs(learner, nonlinearity, prevalence, missed, seed, n_train):
    """Return the expected cost of a row, without weights and with."""
    data = make_imbalanced(
        n_train + N_TEST,
        n_features=4,
        prevalence=prevalence,
        nonlinearity=nonlinearity,
        class_sep=2.5,
        random_state=seed,
    )
    cost = CostMatrix.binary(fp=1, fn=missed)
    X, y = data.X[:n_train], data.y[:n_train]
    p = data.proba[n_train:, 1]
    for weighting in (None, CostWeighting(cost)):
        model = WeightedClassifier(
            learner,
            weighting=weighting,
            calibration="sigmoid",
            decision=cost,
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            label = model.fit(X, y).predict(data.X[n_train:])
        yield np.mean(np.where(label == 1, 1 - p, missed * p))


SHIFTED = {
    "a line": LogisticRegression(),
    "boosting": HistGradientBoostingClassifier(max_iter=40, random_state=0),
}
SOURCE, TARGET = 0.1, 0.3  # share of positives


def losses_under_shift(learner, seed, n_train):
    """Return expected log losses in the target: as it is, told, and trained there."""
    data = make_imbalanced(
        8 * n_train + N_TEST,
        n_features=4,
        prevalence=TARGET,
        nonlinearity=0.4,
        random_state=seed,
    )
    # Rows for the source; those without labels and those with, of the target; to test.
    pool, unlabelled = slice(6 * n_train), slice(6 * n_train, 7 * n_train)
    labelled, test = slice(7 * n_train, 8 * n_train), slice(8 * n_train, None)
    X, y = make_rare(data.X[pool], data.y[pool], target={1: SOURCE}, random_state=seed)
    X, y = X[:n_train], y[:n_train]
    model = WeightedClassifier(learner, weighting=None, random_state=0)

    def loss(ready):
        log_proba = np.log(ready.predict_proba(data.X[test]))
        return -np.mean((data.proba[test] * log_proba).sum(axis=1))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shift = LabelShiftWeighting(data.X[unlabelled], random_state=0).fit(X, y)
        yield loss(model.fit(X, y))
        yield loss(model.set_prevalence(shift))
        yield loss(model.fit(data.X[labelled], data.y[labelled]))


def shift_table(n_draws, n_train):
    """Return the table of log losses in the target."""
    rows = []
    for name, learner in SHIFTED.items():
        loss = np.array(
            [[*losses_under_shift(learner, seed, n_train)] for seed in range(n_draws)]
        )
        closed = (loss[:, 0] - loss[:, 1]) / (loss[:, 0] - loss[:, 2])
        error = closed.std(ddof=1) / np.sqrt(closed.size)
        rows.append(
            {
                "learner": name,
                "as it was trained": Figure(loss[:, 0].mean(), ".4f"),
                "told the frequency": Figure(loss[:, 1].mean(), ".4f"),
                "trained on labels of the target": Figure(loss[:, 2].mean(), ".4f"),
                "share of the gap closed": Figure(closed.mean(), ".2f", error),
            }
        )
    return table(rows)


def measure(options):
    """Yield the table of costs by learner and problem, and that of the shift."""
    n_draws = 2 if options.quick else N_DRAWS
    yield (
        f"{N_TRAIN:,} rows to train on, {n_draws} draws. Costs: the last column is the "
        "paired difference in per cent of the cost, ± its standard error."
    )
    yield f"## Costs\n\n{cost_table(n_draws, 1 if options.quick else None)}"
    yield f"## A class that becomes more frequent\n\n{shift_table(n_draws, N_TRAIN)}"


def cost_table(n_draws, n_problems):
    """Return the table of expected costs."""
    rows = []
    for name, learner in LEARNERS.items():
        for problem in PROBLEMS[:n_problems]:
            by_draw = np.array(
                [[*costs(learner, *problem, seed, N_TRAIN)] for seed in range(n_draws)]
            )
            gap = 100 * (by_draw[:, 1] / by_draw[:, 0] - 1)
            error = gap.std(ddof=1) / np.sqrt(gap.size)
            nonlinearity, prevalence, missed = problem
            rows.append(
                {
                    "learner": name,
                    "of the log odds no line": f"{nonlinearity:.0%}",
                    "positives": f"{prevalence:.0%}",
                    "cost of a missed one": missed,
                    "cost without weights": Figure(by_draw[:, 0].mean(), ".3f"),
                    "with weights, %": Figure(gap.mean(), "+.1f", error),
                }
            )
    return table(rows)


if __name__ == "__main__":
    run(measure, __doc__, "where_weights_decide")
