"""Choose a weighting by what it does on rows that it has not seen."""

from skweight.selection._compare import compare_weightings
from skweight.selection._comparison import WeightingComparison

__all__ = ["WeightingComparison", "compare_weightings"]
