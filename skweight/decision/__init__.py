"""From probabilities to labels.

The calibrated probability of a rare class is hardly ever above one half. If the most
probable label were always chosen, the rare class would hardly ever be predicted, and
class weights would have no effect. Therefore most decisions choose labels in another
way: by the class weights of the fit, by a threshold, or by the costs of mistakes.
"""

from skweight.decision._base import BaseDecision, HeldOutRows
from skweight.decision._cost import ExpectedCostDecision
from skweight.decision._rules import (
    ArgmaxDecision,
    BalancedDecision,
    EmphasisDecision,
    ThresholdDecision,
)
from skweight.decision._tuned import TunedDecision

__all__ = [
    "ArgmaxDecision",
    "BalancedDecision",
    "BaseDecision",
    "EmphasisDecision",
    "ExpectedCostDecision",
    "HeldOutRows",
    "ThresholdDecision",
    "TunedDecision",
]
