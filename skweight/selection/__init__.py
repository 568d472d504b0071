"""Choose a weighting by its results on held-out rows."""

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
