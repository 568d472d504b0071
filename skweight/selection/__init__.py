"""Choose a weighting by what it does on rows that it has not seen, and watch it."""

from skweight.selection._advice import WeightingAdvice
from skweight.selection._compare import compare_weightings
from skweight.selection._comparison import WeightingComparison
from skweight.selection._monitor import WeightMonitor
from skweight.selection._monitor_report import DriftFigure, MonitorReport
from skweight.selection._recommend import recommend_weighting

__all__ = [
    "DriftFigure",
    "MonitorReport",
    "WeightMonitor",
    "WeightingAdvice",
    "WeightingComparison",
    "compare_weightings",
    "recommend_weighting",
]
