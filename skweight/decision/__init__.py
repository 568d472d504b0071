"""From probabilities to labels.

An honest probability of a rare class is hardly ever above one half, so that the label
of largest probability would throw away what weighting was for. A decision says how
labels follow instead.
"""

from skweight.decision._base import BaseDecision
from skweight.decision._rules import (
    DECISIONS,
    ArgmaxDecision,
    EmphasisDecision,
    ThresholdDecision,
    resolve_decision,
)

__all__ = [
    "DECISIONS",
    "ArgmaxDecision",
    "BaseDecision",
    "EmphasisDecision",
    "ThresholdDecision",
    "resolve_decision",
]
