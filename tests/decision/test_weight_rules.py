"""Class weights from a cost matrix, against the decision they stand in for.

The simulation of the cost families: true posteriors are known, so that the regret of a
rule over the expected-cost decision is pure. Families and sizes follow the reference
(200 matrices, 2000 Dirichlet(.5) posteriors); the stated numbers are its means.
"""

import numpy as np
import pytest

from skweight import CostMatrix
from skweight.decision import _cost_rules as rules


def row_constant(rng, k):
    return rng.uniform(1, 10, k)[:, None] * rules.off_diagonal(k)


def consistent(rng, k):
    symmetric = rng.uniform(1, 10, (k, k))
    symmetric = (symmetric + symmetric.T) / 2
    return rng.uniform(1, 10, k)[:, None] * symmetric * rules.off_diagonal(k)


def uniform(rng, k):
    return rng.uniform(1, 10, (k, k)) * rules.off_diagonal(k)


def ordinal(rng, k):
    return CostMatrix.ordinal(range(k)).resolve()


def costly_column(rng, k):
    costs = rng.uniform(0.5, 1.5, (k, k))
    costs[:, rng.integers(k)] *= 20
    return costs * rules.off_diagonal(k)


FAMILIES = [row_constant, consistent, uniform, ordinal, costly_column]


def regret(costs, weights, p):
    """Return by how much the weights cost more than the expected-cost decision."""
    risk = p @ costs
    rows = np.arange(len(p))
    best = risk.min(axis=1).mean()
    return risk[rows, (p * weights).argmax(axis=1)].mean() / best - 1


def mean_regret(family, k, method, n_matrices, n_rows):
    rng = np.random.default_rng(0)
    found = []
    for _ in range(n_matrices):
        costs = family(rng, k)
        p = rng.dirichlet(np.full(k, 0.5), n_rows)
        cost = CostMatrix.from_array(costs, labels=range(k), rows="true")
        if method is None:
            weights = np.ones(k)
        else:
            weights = np.array(list(cost.class_weight(method).values()))
        found.append(regret(costs, weights, p))
    return np.mean(found)


@pytest.mark.parametrize("k", [3, 6])
@pytest.mark.parametrize("family", FAMILIES)
def test_log_ls_is_at_or_below_the_sum_rule(family, k):
    log_ls, total = (
        mean_regret(family, k, method, 40, 500) for method in ("log_ls", "sum")
    )
    assert log_ls <= total + 1e-12


@pytest.mark.parametrize("k", [3, 6])
def test_row_constant_costs_leave_no_regret(k):
    for method in ("log_ls", "sum", "max", "zhou_liu"):
        assert mean_regret(row_constant, k, method, 20, 500) == pytest.approx(0)
    assert mean_regret(row_constant, k, None, 20, 500) > 0.05


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "k", "none", "total", "log_ls"),
    [
        (row_constant, 3, 0.132, 0.0, 0.0),
        (row_constant, 6, 0.095, 0.0, 0.0),
        (uniform, 3, 0.152, 0.093, 0.049),
        (uniform, 6, 0.182, 0.163, 0.116),
        (ordinal, 3, 0.021, 0.056, 0.021),
        (ordinal, 6, 0.068, 0.135, 0.068),
    ],
)
def test_regrets_of_the_reference(family, k, none, total, log_ls):
    """Within two percentage points, which is what 200 random matrices resolve."""
    for method, expected in ((None, none), ("sum", total), ("log_ls", log_ls)):
        found = mean_regret(family, k, method, 200, 2000)
        assert found == pytest.approx(expected, abs=0.02)
