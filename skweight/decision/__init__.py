"""From probabilities to labels.

An honest probability of a rare class is hardly ever above one half, so that the label
of largest probability would throw away what weighting was for. A decision says how
labels follow instead: by the emphasis of the fit, by a threshold, or by what mistakes
cost.
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
