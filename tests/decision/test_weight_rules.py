"""Class weights from a cost matrix, against the decision they stand in for.

The simulation is that of benchmarks/cost_weight_rules.py: true posteriors are known, so
that the regret of a rule over the expected-cost decision is pure.
"""

import pytest
from cost_weight_rules import (
    FAMILIES,
    RULES,
    consistent,
    costly_column,
    ordinal,
    regrets,
    row_constant,
    uniform,
)


@pytest.mark.parametrize("k", [3, 6])
@pytest.mark.parametrize("family", FAMILIES)
def test_log_ls_is_at_or_below_the_sum_rule(family, k):
    log_ls, total = (regrets(family, k, rule, 40, 500) for rule in ("log_ls", "sum"))
    assert log_ls.mean() <= total.mean() + 1e-12


@pytest.mark.parametrize("k", [3, 6])
def test_row_constant_costs_leave_no_regret(k):
    for rule in ("log_ls", "sum", "max", "zhou_liu"):
        assert regrets(row_constant, k, rule, 20, 500) == pytest.approx(0)
    assert regrets(row_constant, k, None, 20, 500).mean() > 0.05


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "k", "expected"),
    [
        (row_constant, 3, (13.2, 0, 0, 0, 0)),
        (row_constant, 6, (9.5, 0, 0, 0, 0)),
        (consistent, 3, (16.0, 3.3, 3.0, 1.0, 1.0)),
        (consistent, 6, (12.5, 4.6, 4.2, 2.8, 2.8)),
        (uniform, 3, (15.2, 9.3, 10.4, 15.2, 4.9)),
        (uniform, 6, (18.2, 16.3, 17.3, 18.2, 11.6)),
        (ordinal, 3, (2.1, 5.6, 9.5, 2.1, 2.1)),
        (ordinal, 6, (6.8, 13.5, 13.1, 6.8, 6.8)),
        (costly_column, 3, (83.8, 8.2, 4.1, 83.8, 1.6)),
        (costly_column, 6, (61.5, 18.9, 6.6, 61.5, 1.5)),
    ],
)
def test_regrets_of_the_reference(family, k, expected):
    """Means over 200 other matrices: both sides have the same standard error."""
    for rule, mean in zip(RULES, expected, strict=True):
        actual = 100 * regrets(family, k, rule)
        error = (2 * actual.var(ddof=1) / actual.size) ** 0.5
        assert actual.mean() == pytest.approx(mean, abs=3 * error + 0.1), rule
