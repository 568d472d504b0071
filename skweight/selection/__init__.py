"""Choose a weighting by what it does on rows that it has not seen."""

from skweight.selection._advice import WeightingAdvice
from skweight.selection._compare import compare_weightings
from skweight.selection._comparison import WeightingComparison
from skweight.selection._recommend import recommend_weighting

__all__ = [
    "WeightingAdvice",
    "WeightingComparison",
    "compare_weightings",
    "recommend_weighting",
]
