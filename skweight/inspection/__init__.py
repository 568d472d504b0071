"""Say what was done to the data."""

from skweight.inspection._report import FitReport

__all__ = ["FitReport"]
