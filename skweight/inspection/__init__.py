"""Say what was done to the data, and show what decisions cost."""

from skweight.inspection._cost_curve import CostCurveDisplay
from skweight.inspection._report import FitReport, RegressionReport

__all__ = ["CostCurveDisplay", "FitReport", "RegressionReport"]
