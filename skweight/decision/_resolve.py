"""Turn the value of ``decision=`` into a decision."""

import numpy as np

from skweight._utils.validation import did_you_mean, say, without_quotes, write_object
from skweight.costs._matrix import CostMatrix
from skweight.costs._read import two_readings
from skweight.decision._cost import ExpectedCostDecision
from skweight.decision._rules import (
    ArgmaxDecision,
    BalancedDecision,
    EmphasisDecision,
    ThresholdDecision,
)
from skweight.decision._tuned import TunedDecision

# Add a row here to give a new decision a name.
DECISIONS = {
    "auto": EmphasisDecision,
    "argmax": ArgmaxDecision,
    "balanced": BalancedDecision,
    "tuned": TunedDecision,
}


def resolve_decision(spec, labels=None):
    """Return the decision for a value of ``decision=``.

    Parameters
    ----------
    spec : str, float, CostMatrix or decision
        One of the names ``"auto"``, ``"argmax"``, ``"balanced"`` and ``"tuned"``; a
        threshold; a dict ``{label: threshold}`` with a single label; a cost matrix; or
        an object with the methods `fit` and `decide`.
    labels : array-like, default=None
        The labels, if they are known. The error message about an array of costs uses
        them.

    Returns
    -------
    decision : decision
        Objects are returned unchanged, not cloned.

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
    if hasattr(spec, "items") and _names_thresholds(spec):
        return _threshold_of(spec)
    if isinstance(spec, CostMatrix) or hasattr(spec, "items"):
        return ExpectedCostDecision(spec)
    if hasattr(spec, "fit") and hasattr(spec, "decide") and not isinstance(spec, type):
        return spec
    if np.ndim(spec) == 2:
        raise TypeError(two_readings(spec, labels, "decision"))
    hint = write_object(spec)
    if isinstance(spec, str):
        hint = without_quotes(spec) or did_you_mean(spec, DECISIONS)
    raise ValueError(
        f"decision must be one of {say(list(DECISIONS))}, a threshold between 0 and 1, "
        "a dict {label: threshold}, a CostMatrix, or an object with fit and decide; "
        f"got {spec!r}.{hint}"
    )


def _names_thresholds(spec):
    """Return whether a dict maps labels to numbers, without the keys "fp" and "fn"."""
    return (
        isinstance(spec, dict)
        and bool(spec)
        and not {"fp", "fn"} <= set(spec)
        and all(isinstance(value, int | float | np.number) for value in spec.values())
    )


def _threshold_of(spec):
    if len(spec) > 1:
        raise ValueError(
            f"decision={spec!r} has thresholds for {len(spec)} labels, so a row could "
            "reach several of them. Pass the threshold of one label only, or pass the "
            "cost of every mistake: decision=CostMatrix.from_dict({true label: "
            "{decided label: cost}})."
        )
    [(label, threshold)] = spec.items()
    return ThresholdDecision(threshold, label=label)
