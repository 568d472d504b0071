"""Monitor a deployed classifier for changes in new batches."""

from skweight.monitoring._monitor import WeightMonitor
from skweight.monitoring._report import MonitorReport

__all__ = ["MonitorReport", "WeightMonitor"]
