"""Contract tests for strategies, calibrators and decisions, and a registry.

The user guide describes what each base class promises. Each function ``check_*`` tests
whether an object of your own class keeps these promises. The library runs these checks
on all of its public classes.
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
