"""Test a strategy, a calibrator or a decision of your own, and find those there are.

Each ``check_*`` states a contract as checks that anyone can run, and that the library
runs over everything that it publishes.
"""

from skweight.testing._calibrator import check_calibrator
from skweight.testing._decision import check_decision
from skweight.testing._registry import all_estimators
from skweight.testing._semantics import WeightSemantics, check_weight_semantics
from skweight.testing._weighting import check_weighting

__all__ = [
    "WeightSemantics",
    "all_estimators",
    "check_calibrator",
    "check_decision",
    "check_weight_semantics",
    "check_weighting",
]
