"""Reports and plots that show what a fit did, and whether weights can be trusted."""

from typing import TYPE_CHECKING

from skweight._utils.lazy import import_on_use

if TYPE_CHECKING:
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
else:
    __getattr__, __dir__ = import_on_use(
        __name__,
        {
            "_balance": ["balance_table"],
            "_cost_curve": ["CostCurveDisplay"],
            "_reliability": ["ReliabilityDisplay"],
            "_report": ["FitReport"],
            "_sensitivity": ["WeightSensitivityDisplay"],
            "_weight_displays": ["BalanceDisplay", "WeightDistributionDisplay"],
            "_weight_report": ["WeightReport", "weight_report"],
        },
    )


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
