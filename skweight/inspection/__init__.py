"""Reports and displays: what a fit did, and whether weights can be trusted."""

from skweight.inspection._balance import balance_table
from skweight.inspection._cost_curve import CostCurveDisplay
from skweight.inspection._reliability import ReliabilityDisplay
from skweight.inspection._report import FitReport
from skweight.inspection._sensitivity import WeightSensitivityDisplay
from skweight.inspection._weight_displays import (
    BalanceDisplay,
    WeightDistributionDisplay,
)
from skweight.inspection._weight_report import WeightReport, weight_report

__all__ = [
    "BalanceDisplay",
    "CostCurveDisplay",
    "FitReport",
    "ReliabilityDisplay",
    "WeightDistributionDisplay",
    "WeightReport",
    "WeightSensitivityDisplay",
    "balance_table",
    "weight_report",
]
