"""What decisions cost: metrics in money, and scorers that select by it.

Every function takes the costs as a `CostMatrix`, and X where costs are read from its
columns. ``sample_weight`` is population weights: a row of weight two is two rows.
"""

from skweight.metrics._cost import (
    cost_score,
    expected_cost_loss,
    profit_score,
    savings_score,
)
from skweight.metrics._cost_curve import CostCurve, cost_curve, probability_cost
from skweight.metrics._scorers import CostScorer, make_cost_scorer

__all__ = [
    "CostCurve",
    "CostScorer",
    "cost_curve",
    "cost_score",
    "expected_cost_loss",
    "make_cost_scorer",
    "probability_cost",
    "profit_score",
    "savings_score",
]
