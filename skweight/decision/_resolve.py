"""From what a user writes as ``decision=`` to a decision."""

import numpy as np

from skweight._utils.validation import did_you_mean, say
from skweight.costs._matrix import CostMatrix
from skweight.costs._words import two_readings
from skweight.decision._cost import ExpectedCostDecision
from skweight.decision._rules import (
    ArgmaxDecision,
    EmphasisDecision,
    ThresholdDecision,
)
from skweight.decision._tuned import TunedDecision

# A new decision becomes a name by one row here.
DECISIONS = {
    "auto": EmphasisDecision,
    "argmax": ArgmaxDecision,
    "tuned": TunedDecision,
}


def resolve_decision(spec, labels=None):
    """Turn what ``decision=`` takes into a decision.

    Parameters
    ----------
    spec : str, float, CostMatrix or decision
        ``"auto"``, ``"argmax"``, ``"tuned"``, a threshold, a cost matrix, or an object
        with `fit` and `decide`.
    labels : array-like, default=None
        Labels at hand, for the message that refuses an array of costs.

    Returns
    -------
    decision : decision
        Objects are returned as they are, not cloned.

    Examples
    --------
    >>> from skweight import CostMatrix
    >>> from skweight.decision._resolve import resolve_decision
    >>> resolve_decision(0.2)
    ThresholdDecision(threshold=0.2)
    >>> type(resolve_decision(CostMatrix.binary(fp=1, fn=5))).__name__
    'ExpectedCostDecision'
    """
    if isinstance(spec, str) and spec in DECISIONS:
        return DECISIONS[spec]()
    if isinstance(spec, int | float | np.number) and not isinstance(spec, bool):
        return ThresholdDecision(spec)
    if isinstance(spec, CostMatrix) or hasattr(spec, "items"):
        return ExpectedCostDecision(spec)
    if hasattr(spec, "fit") and hasattr(spec, "decide") and not isinstance(spec, type):
        return spec
    if np.ndim(spec) == 2:
        raise TypeError(two_readings(spec, labels, "decision"))
    hint = did_you_mean(spec, DECISIONS) if isinstance(spec, str) else ""
    raise ValueError(
        f"decision must be one of {say(list(DECISIONS))}, a threshold between 0 and 1, "
        f"a CostMatrix, or an object with fit and decide; got {spec!r}.{hint}"
    )
