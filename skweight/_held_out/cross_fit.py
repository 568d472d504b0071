"""Scores of rows that the model was not fitted on: one pass of fits, used by all.

The calibrator, the decision and the report share the same held-out scores, so that
k + 1 fits do what nested wrappers do in k x (k + 1).
"""

from typing import NamedTuple

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.parallel import Parallel, delayed

from skweight._utils.validation import n_rows, positions_of
from skweight.calibration._engine.numerics import log_scale
from skweight.weights import weighted_quantile

SMALLEST_CLIP = 1e-7
# Quantile of the probabilities that occur which is taken for a small one; measured by
# benchmarks/vote_floor.py.
SMALL_SHARE = 0.01


class HeldOut(NamedTuple):
    """Outputs of fold models on rows they were not fitted on.

    ``rows`` are the positions of those rows, in the order of ``outputs``; a row is
    there more than once where the splits test it more than once. ``source`` says in
    words where the outputs come from.
    """

    outputs: np.ndarray
    rows: np.ndarray
    method: str
    source: str = ""


def output_method(estimator, *, probabilities):
    """Return the method of an estimator whose outputs a calibrator should see.

    Decision values come first: they are on the scale of log odds, which calibrators
    work on, and no probability has been rounded to 0 or 1 on the way. A closed-form
    calibrator needs probabilities.
    """
    wanted = ["predict_proba"] if probabilities else ["decision_function"]
    for method in [*wanted, "predict_proba"]:
        try:
            if callable(getattr(estimator, method)):
                return method
        except (AttributeError, NotFittedError):
            continue
    raise TypeError(
        f"{type(estimator).__name__} has no {' or '.join(dict.fromkeys(wanted))} to "
        "calibrate"
        + (
            ": calibration='prior' inverts probabilities. Use calibration='sigmoid'."
            if probabilities
            else " and no predict_proba either."
        )
    )


def outputs_of(estimator, X, method, classes):
    """Return the outputs of a fitted estimator, with one column for every class.

    Two classes and decision values give one column, (n,). A class that the estimator
    has not seen, because its fold had no row of it, gets the lowest output there is.
    """
    outputs = np.asarray(getattr(estimator, method)(X))
    known = np.asarray(estimator.classes_)
    n_columns = outputs.shape[1] if outputs.ndim == 2 else 1
    if n_columns not in (1, known.size) or _compares_pairs(estimator, method, known):
        raise ValueError(
            f"{method} of {type(estimator).__name__} returns {n_columns} columns that "
            f"are not those of the {known.size} classes, and cannot be calibrated. For "
            "an SVC set decision_function_shape='ovr'."
        )
    if known.size == classes.size:
        return outputs
    if outputs.ndim == 1:
        # The margin between two of more classes, or of one class alone.
        outputs = np.column_stack([-outputs, outputs])[:, -known.size :]
    lowest = 0.0 if method == "predict_proba" else outputs.min() - 1.0
    aligned = np.full((outputs.shape[0], classes.size), lowest)
    aligned[:, positions_of(known, classes, owner="The wrapped estimator")] = outputs
    if classes.size == 2 and method == "decision_function":
        return aligned[:, 1] - aligned[:, 0]
    return aligned


def _compares_pairs(estimator, method, classes):
    """Return whether decision values are of pairs of classes; three have three pairs.

    The number of columns gives no sign then, but the parameter does, wherever in a
    composite the estimator sits.
    """
    if method != "decision_function" or classes.size != 3:
        return False
    return any(
        name.rpartition("__")[2] == "decision_function_shape" and value == "ovo"
        for name, value in estimator.get_params().items()
    )


def smallest_probability(outputs, method, weights=None):
    """Return where to clip probabilities before their logarithm is taken.

    Zeros of tree ensembles and neighbours mean "no vote", not "impossible". Half of a
    small probability that does occur is half a vote: not of the smallest one, which is
    that of a single odd row and would give all rows without a vote its leverage.
    """
    if method != "predict_proba":
        return SMALLEST_CLIP
    positive = outputs > 0
    small = 1.0
    if positive.any() and weights is None:
        small = np.quantile(outputs[positive], SMALL_SHARE, method="inverted_cdf")
    elif positive.any():
        by_column = weights.reshape(-1, *[1] * (outputs.ndim - 1))
        weights = np.broadcast_to(by_column, outputs.shape)
        small = weighted_quantile(outputs[positive], weights[positive], SMALL_SHARE)
    return float(np.clip(small / 2, SMALLEST_CLIP, 0.25))


def log_scores(outputs, method, clip):
    """Return the log-scale scores that calibrators take."""
    if method == "predict_proba":
        return log_scale(np.asarray(outputs, dtype=np.float64), clip)
    return outputs


def cross_fit(training, X, y, splits, method, classes, *, n_jobs, keep=False):
    """Fit once for every split: outputs on the rows left out, and the models.

    A split that tests no row is fitted for its model alone. ``method`` is the name of
    the method whose outputs are wanted, or a function that tells it from a fitted
    model. Models are a list of pairs of a fitted estimator and its deliveries, empty
    unless they are to be kept.
    """
    (X,) = indexable(X)  # some sparse formats have no rows to take
    n_samples = n_rows(X)
    found = Parallel(n_jobs=n_jobs)(
        delayed(_one_fold)(
            training.of(train, n_samples), X, y, train, test, method, classes, keep
        )
        for train, test in splits
    )
    k = len(splits)
    held_out = HeldOut(
        np.concatenate([outputs for outputs, _, _ in found if outputs is not None]),
        np.concatenate([np.arange(len(y))[test] for _, test in splits]),
        found[0][1],
        f"{k} fits on {k} training folds" if k > 1 else "one fit on the other rows",
    )
    return held_out, [model for _, _, model in found if keep]


def _one_fold(training, X, y, train, test, method, classes, keep):
    fitted, deliveries = training.fit(
        _safe_indexing(X, train), _safe_indexing(y, train)
    )
    if callable(method):
        method = method(fitted)
    outputs = None
    if len(test):
        outputs = outputs_of(fitted, _safe_indexing(X, test), method, classes)
    return outputs, method, (fitted, deliveries) if keep else None
