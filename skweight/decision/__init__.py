"""From probabilities to labels.

A calibrated probability of a rare class is hardly ever above one half. The most
probable label would therefore ignore the purpose of weighting. A decision therefore
chooses labels in another way: by the class weights of the fit, by a threshold, or by
the costs of mistakes.
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
