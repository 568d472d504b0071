"""Samplers inside the wrapped estimator, whose effect the fit cannot know."""

import numpy as np
from sklearn.frozen import FrozenEstimator

from skweight._utils.validation import plain
from skweight._utils.warn import warn
from skweight.decision._rules import EmphasisDecision
from skweight.delivery._balancing import balances_itself
from skweight.exceptions import CalibrationWarning, DoubleCountingWarning

# If the mass of the largest class is less than this number times the mass of the
# smallest class, balancing the classes changes few labels. Then there is no warning.
LEAST_BALANCED = 1.5


def samplers_in(estimator):
    """Return the steps and ensembles inside an estimator that resample their rows.

    Each item is a pair: the name of the step or ensemble, and the object that contains
    it. An ensemble of imbalanced-learn, such as BalancedRandomForestClassifier, has its
    own ``sampling_strategy``.
    """
    steps = getattr(estimator, "steps", None) or []
    samplers = []
    for name, step in steps:
        samples = hasattr(step, "fit_resample")
        samplers += [(name, step)] if samples else samplers_in(step)
    if not samplers and hasattr(estimator, "sampling_strategy"):
        samplers = [(type(estimator).__name__, estimator)]
    inner = getattr(estimator, "estimator", None)
    return samplers or ([] if inner is None else samplers_in(inner))


def warn_of_inner_sampler(estimator, calibration, codes, weight, classes, multiplier):
    """Warn if a sampler inside the estimator changes class masses in an unknown way."""
    samplers = samplers_in(estimator)
    if not samplers:
        return
    name, sampler = samplers[0]
    strategy = getattr(sampler, "sampling_strategy", None)
    detail = "" if strategy is None else f" (sampling_strategy={strategy!r})"
    mass = np.bincount(codes, weight, classes.size)
    share = mass / mass.sum()
    rarest = np.argmin(np.where(share > 0, share, np.inf))
    trained = share[rarest] * multiplier[rarest] / (share @ multiplier)
    warn(
        f"{name!r} inside the wrapped estimator resamples rows{detail} after the "
        "weights were computed. class_multiplier_ ignores this: it assumes that class "
        f"{plain(classes[rarest])!r}, with {share[rarest]:.1%} of the rows, has "
        f"{trained:.1%} of the training. calibration={calibration!r} uses "
        "class_multiplier_, so probabilities may be wrong. There are three remedies. "
        "Use skweight.pipeline.Pipeline, which takes samplers into account. Or remove "
        "the sampler, and balance by weighting= or resampler=. Or set "
        "calibration='sigmoid', which learns from held-out rows, together with "
        "decision='balanced' for balanced labels.",
        DoubleCountingWarning,
    )


def warn_of_lost_balance(request, estimator, share):
    """Warn if labels lose the class balance made by a sampler inside the estimator.

    The calibrator learns from held-out rows, so the calibrated probabilities are right.
    With decision="auto", labels follow the class balance of the training rows if the
    wrapper knows it. The wrapper does not know the balance made by a sampler inside the
    estimator.
    """
    if not isinstance(request.decision, EmphasisDecision):
        return
    if isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    samplers = [
        name
        for name, value in balances_itself(estimator)
        if hasattr(value, "fit_resample") or name.endswith("sampling_strategy")
    ]
    present = share[share > 0]
    if not samplers or present.max() < LEAST_BALANCED * present.min():
        return
    rarest = np.argmin(np.where(share > 0, share, np.inf))
    warn(
        f"The wrapped estimator balances classes by resampling ({samplers[0]}), and "
        f"calibration={request.params['calibration']!r} correctly removes the effect "
        "from the probabilities. decision='auto' does not know about the resampling, "
        f"so labels are not balanced: class {plain(request.classes[rarest])!r} "
        f"({share[rarest]:.1%} of the rows) is predicted only if it is the most "
        "probable class. For balanced labels, set decision='balanced'. To keep the "
        "labels of the estimator, set calibration=None. To predict the most probable "
        "class without this warning, set decision='argmax'.",
        CalibrationWarning,
    )
