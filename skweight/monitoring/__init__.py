"""Watch after deployment whether new batches are still what a model was trained on."""

from skweight.monitoring._monitor import WeightMonitor
from skweight.monitoring._report import MonitorReport

__all__ = ["MonitorReport", "WeightMonitor"]
