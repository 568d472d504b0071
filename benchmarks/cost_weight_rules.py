"""How close class weights come to a cost matrix of three classes and more.

The true probabilities are known, so that what is left is the fault of the weights:
mean cost of deciding by the highest weighted probability, over that of the
expected-cost decision, minus one. 200 random matrices with 2,000 Dirichlet(1/2)
posteriors each, for every family of matrices and both numbers of classes.
"""

import numpy as np
from _common import Figure, run, table

from skweight import CostMatrix

RULES = (None, "sum", "max", "zhou_liu", "log_ls")


def row_constant(rng, k):
    """All mistakes about a true class cost the same."""
    return wrong(k) * rng.uniform(1, 10, k)[:, None]


def consistent(rng, k):
    """A weight per true class times symmetric costs."""
    symmetric = rng.uniform(1, 10, (k, k))
    symmetric = (symmetric + symmetric.T) / 2
    return wrong(k) * symmetric * rng.uniform(1, 10, k)[:, None]


def uniform(rng, k):
    """Any costs from 1 to 10."""
    return wrong(k) * rng.uniform(1, 10, (k, k))


def ordinal(rng, k):
    """The distance between ordered classes."""
    return CostMatrix.ordinal(range(k)).resolve()


def costly_column(rng, k):
    """Mistakes cost 1, but 1 to 10 where they are made by one decision."""
    costs = wrong(k)
    costs[:, rng.integers(k)] *= rng.uniform(1, 10, k)
    return costs


def wrong(k):
    """Return ones where the decision is wrong, zeros where it is right."""
    return 1.0 - np.eye(k)


FAMILIES = (row_constant, consistent, uniform, ordinal, costly_column)


def weights_of(cost, rule):
    """Return the class weights of a rule; ones where it has none to give."""
    if rule is None:
        return np.ones(len(cost.labels))
    try:
        return np.array(list(cost.class_weight(rule).values()))
    except ValueError:
        if rule != "zhou_liu":
            raise
        return np.ones(len(cost.labels))


def regrets(family, k, rule, n_matrices=200, n_rows=2000):
    """Return the regret of a rule for every matrix of a family."""
    rng = np.random.default_rng(0)
    collected = []
    for _ in range(n_matrices):
        costs = family(rng, k)
        proba = rng.dirichlet(np.full(k, 0.5), n_rows)
        cost = CostMatrix.from_array(costs, labels=range(k), rows="true")
        risk = proba @ costs
        decided = (proba * weights_of(cost, rule)).argmax(axis=1)
        incurred = risk[np.arange(n_rows), decided].mean()
        collected.append(incurred / risk.min(axis=1).mean() - 1)
    return np.array(collected)


def measure(options):
    """Yield the table, in per cent above the expected-cost decision."""
    size = {"n_matrices": 4, "n_rows": 100} if options.quick else {}
    rows = []
    for family in FAMILIES:
        for k in (3, 6):
            measured = {rule: regrets(family, k, rule, **size) for rule in RULES}
            row = {"costs": family.__doc__.rstrip("."), "classes": k}
            for rule, values in measured.items():
                error = 100 * values.std(ddof=1) / np.sqrt(values.size)
                row[rule or "no weights"] = Figure(100 * values.mean(), ".1f", error)
            gap = measured["log_ls"].mean() - measured["sum"].mean()
            row["log_ls at or below sum"] = gap <= 1e-12
            rows.append(row)
    yield table(rows)


if __name__ == "__main__":
    run(measure, __doc__, "cost_weight_rules")
