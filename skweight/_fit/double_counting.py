"""Emphasis that would count twice: two sources of weights, or weights and costs."""

import numpy as np

from skweight._fit.guards import samplers_in
from skweight._utils.roles import varies_within
from skweight._utils.validation import encode_labels
from skweight._utils.warn import warn
from skweight.delivery import balances_itself
from skweight.exceptions import DoubleCountingWarning


def warn_of_double_counting(estimator, weighting):
    """Warn if an estimator that is given weights balances by itself as well."""
    for name, value in balances_itself(estimator):
        warn(
            f"The wrapped estimator balances by itself ({name}={value!r}), and "
            f"weighting={weighting!r} balances it once more, so that emphasis "
            f"counts double. Set {name} back to its default, or weighting=None.",
            DoubleCountingWarning,
        )


def check_probabilities(
    decision, calibrator, estimator, weighting, emphasis, y, resampler=None
):
    """Raise where costs would be decided by the probabilities of a weighted fit.

    The closed form takes out weights per class only, and only those it knows of;
    weights of the rows of a class that differ are left to a calibrator that looks at
    rows. Dividing them out row by row is no better: it was measured to cost more than
    it saves, since no learner follows them that closely.

    Parameters
    ----------
    decision, calibrator : object
        What is going to be used; no calibrator is None.
    estimator : estimator
        The wrapped one, which may balance by itself or resample its rows.
    weighting : object
        What the user passed, for the message.
    emphasis : ndarray of shape (n_samples,) or None
        Weights of the fit that are not population weights.
    y : ndarray of shape (n_samples,)
        Labels.
    resampler : object, default=None
        What the user passed, for the message.
    """
    if not getattr(decision, "needs_true_probabilities", False):
        return
    closed_form = not getattr(calibrator, "needs_held_out_scores", True)
    if calibrator is not None and not closed_form:
        return
    left = [f"{name}={value!r}" for name, value in balances_itself(estimator)]
    left += [
        f"the sampler {name!r} of the estimator" for name, _ in samplers_in(estimator)
    ]
    if emphasis is not None and np.ptp(emphasis) > 0:
        by_row = varies_within(emphasis, encode_labels(y)[1])
        if by_row or not closed_form:
            row = ", which differs within a class," if by_row else ""
            also = "" if resampler is None else f" with resampler={resampler!r}"
            left.insert(0, f"weighting={weighting!r}{also}{row}")
        closed = "" if closed_form or by_row or len(left) > 1 else "'prior', "
    else:
        closed = ""
    if left:
        raise ValueError(
            f"{' and '.join(left)} changes the probabilities, and a decision by "
            "expected cost would take them at their word: the emphasis would count "
            "twice, which usually costs more than it saves. Take it out again with "
            f"calibration={closed}'sigmoid' or 'isotonic'; or leave it out "
            "(weighting=None and an unweighted estimator), so that costs decide "
            "alone; or let the weights decide alone with decision='auto'. To count "
            "twice on purpose, pass decision=ExpectedCostDecision(cost, "
            "accept_weighted=True)."
        )
