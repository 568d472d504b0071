"""Say what was done to the data, whether weights can be trusted, and draw both."""

from skweight.inspection._balance import Balance, balance_table
from skweight.inspection._cost_curve import CostCurveDisplay
from skweight.inspection._report import FitReport
from skweight.inspection._weight_report import (
    PartOfWeights,
    WeightReport,
    weight_report,
)

__all__ = [
    "Balance",
    "CostCurveDisplay",
    "FitReport",
    "PartOfWeights",
    "WeightReport",
    "balance_table",
    "weight_report",
]
