"""Choose a weighting by what it does on rows that it has not seen, and watch it."""

from skweight.selection._compare import compare_weightings
from skweight.selection._comparison import WeightingComparison
from skweight.selection._monitor import WeightMonitor
from skweight.selection._monitor_report import DriftFigure, MonitorReport

__all__ = [
    "DriftFigure",
    "MonitorReport",
    "WeightMonitor",
    "WeightingComparison",
    "compare_weightings",
]
