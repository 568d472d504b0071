"""Read the outputs of a fitted estimator, in the column order of the given classes.

The outputs of an estimator have columns in the order of its ``classes_``. This module
puts the columns into the order of the given classes, because calibrators need this
order.
"""

import warnings
from functools import partial

import numpy as np
from sklearn.exceptions import NotFittedError

from skweight._utils.families import gives_raw_scores, learner_of, takes_codes
from skweight._utils.validation import positions_of
from skweight.calibration._engine.numerics import log_scale
from skweight.weights import weighted_quantile

SMALLEST_CLIP = 1e-7
# Level of the low quantile of the positive probabilities that determines the lower
# bound of probabilities. The level was chosen with benchmarks/vote_floor.py.
SMALL_SHARE = 0.01
# Name of the output method for estimators whose predict_proba returns raw scores.
RAW_SCORES = "raw scores"
# Tolerance for probabilities outside [0, 1], and for sums of a row that are not 1.
_OUTSIDE, _OFF = 1e-6, 1e-3


def output_method(estimator, *, probabilities):
    """Return the method of an estimator whose outputs a calibrator uses.

    `decision_function` is preferred to `predict_proba` for two reasons. Decision values
    are on the scale of log odds, as calibrators need. And decision values are never
    rounded to a probability of 0 or 1. If a calibrator is a closed formula, it needs
    `predict_proba`.
    """
    wanted = ["predict_proba"] if probabilities else ["decision_function"]
    for method in [*wanted, "predict_proba"]:
        try:
            if callable(getattr(estimator, method)):
                break
        except (AttributeError, NotFittedError):
            continue
    else:
        raise TypeError(
            f"{type(estimator).__name__} has no "
            f"{' or '.join(dict.fromkeys(wanted))} to calibrate"
            + (
                ": calibration='prior' inverts probabilities. Use "
                "calibration='sigmoid'."
                if probabilities
                else " and no predict_proba either. Set calibration=None for labels "
                "alone."
            )
        )
    if method == "predict_proba" and gives_raw_scores(estimator):
        if probabilities:
            raise TypeError(no_probabilities(estimator))
        return RAW_SCORES
    return method


def no_probabilities(estimator):
    """Return a sentence that says why predict_proba does not give probabilities."""
    return (
        "With a callable objective, predict_proba of "
        f"{type(learner_of(estimator)).__name__} returns raw scores instead of "
        "probabilities. Set calibration='sigmoid' or 'auto', which turn scores into "
        "probabilities, or pass the name of an objective."
    )


def outputs_of(estimator, X, method, classes, offsets=None):
    """Return the outputs of a fitted estimator, with one column for every class.

    Decision values of two classes have shape (n,). If the estimator was fitted without
    rows of a class, this class gets the lowest output. The arguments `offsets` are
    passed to the method `method` in addition to X.
    """
    name = "predict_proba" if method == RAW_SCORES else method
    predict = partial(getattr(estimator, name), X, **(offsets or {}))
    if method == RAW_SCORES:
        with warnings.catch_warnings():  # these warnings of LightGBM say nothing new
            warnings.filterwarnings("ignore", "Cannot compute class prob", UserWarning)
            outputs = np.asarray(predict())
    else:
        outputs = np.asarray(predict())
    known = np.asarray(estimator.classes_)
    if takes_codes(estimator, classes):
        known = classes[known.astype(np.intp)]
    _check_columns(outputs, estimator, method, known)
    if not np.isfinite(outputs.sum()) and not np.isfinite(outputs).all():
        bad = ~np.isfinite(outputs.reshape(len(outputs), -1)).all(axis=1)
        raise ValueError(
            f"{name} of {type(estimator).__name__} returns NaN or infinite values for "
            f"{bad.sum():,} of {bad.size:,} rows. Check the rows for extreme values, "
            "and the estimator for parameters under which it diverges."
        )
    return align_columns(outputs, known, classes, method)


def align_columns(outputs, known, classes, method):
    """Return outputs with columns reordered from the order of `known` to `classes`."""
    is_proba = method == "predict_proba"
    if outputs.ndim == 2 and outputs.shape[1] == 1 and not is_proba:
        outputs = outputs[:, 0]
    if known.size == classes.size == 2 and outputs.ndim == 2 and not is_proba:
        outputs = outputs[:, 1] - outputs[:, 0]
    if known.size == classes.size and np.array_equal(known, classes):
        return outputs
    columns = positions_of(known, classes, owner="The wrapped estimator")
    if known.size == classes.size == 2 and outputs.ndim == 1:
        return outputs if columns[0] == 0 else -outputs
    if outputs.ndim == 1:
        # A model may return one column if it was fitted on rows of one or two classes
        # only.
        outputs = np.column_stack([-outputs, outputs])[:, -known.size :]
    lowest = 0.0 if is_proba else outputs.min() - 1.0
    aligned = np.full((outputs.shape[0], classes.size), lowest)
    aligned[:, columns] = outputs
    if classes.size == 2 and not is_proba:
        return aligned[:, 1] - aligned[:, 0]
    return aligned


def decision_values(model, X, classes):
    """Return the decision values of a fitted model, in the order of `classes`."""
    values = model.decision_function(X)
    columns = classes.size == 2 and np.ndim(values) == 2  # as of Keras itself
    if np.array_equal(model.classes_, classes) and not columns:
        return values
    known = np.asarray(model.classes_)
    return align_columns(np.asarray(values), known, classes, "decision_function")


def labels_of(model, X, classes, offsets):
    """Return the labels from the `predict` of a fitted model, one label per row."""
    if gives_raw_scores(model):
        scores = outputs_of(model, X, RAW_SCORES, classes, offsets)
        if scores.ndim == 1:
            return classes[(scores > 0).astype(np.intp)]
        return classes[scores.argmax(axis=1)]
    labels = model.predict(X, **offsets)
    # Some libraries return a column.
    labels = np.ravel(labels) if np.ndim(labels) == 2 else labels
    return classes[labels] if takes_codes(model, classes) else labels


def check_probabilities_are_ones(outputs, estimator):
    """Raise unless the outputs of predict_proba are probabilities."""
    lowest, highest = outputs.min(), outputs.max()
    sums = outputs.sum(axis=1)
    worst = sums[np.argmax(np.abs(sums - 1))]
    name = f"predict_proba of {type(estimator).__name__}"
    if lowest < -_OUTSIDE or highest > 1 + _OUTSIDE:
        said = f"values from {lowest:.3g} to {highest:.3g}"
    elif abs(worst - 1) > _OFF:
        said = f"rows whose sum is {worst:.6g}"
    else:
        return
    raise ValueError(
        f"{name} returns {said}, which are not probabilities. If these values are "
        "scores, rename the method to decision_function and set calibration='sigmoid', "
        "which turns scores into probabilities."
    )


def _check_columns(outputs, estimator, method, known):
    """Raise if the columns of outputs do not belong to the classes."""
    n_columns = outputs.shape[1] if outputs.ndim == 2 else 1
    name = "predict_proba" if method == RAW_SCORES else method
    if n_columns == 1 and method == "predict_proba" and known.size > 1:
        raise ValueError(
            f"predict_proba of {type(estimator).__name__} returns shape "
            f"{outputs.shape}, one column for {known.size} classes. It must return one "
            "column for every class in its classes_."
        )
    fits = n_columns == known.size or (n_columns == 1 and known.size <= 2)
    if not fits or _compares_pairs(estimator, method, known):
        raise ValueError(
            f"{name} of {type(estimator).__name__} returns {n_columns} columns that do "
            f"not belong to the {known.size} classes, so they cannot be calibrated. "
            "For an SVC, set decision_function_shape='ovr'."
        )


def _compares_pairs(estimator, method, classes):
    """Return whether decision values are for pairs of classes.

    Three classes form three pairs, so three columns may belong to classes or to pairs.
    The parameter ``decision_function_shape`` of the estimator tells which. If the
    estimator is inside a Pipeline or search, the parameter is read there.
    """
    if method != "decision_function" or classes.size != 3:
        return False
    return any(
        name.rpartition("__")[2] == "decision_function_shape" and value == "ovo"
        for name, value in estimator.get_params().items()
    )


def smallest_probability(outputs, method, weights=None):
    """Return the lower bound of probabilities; smaller probabilities are raised to it.

    In tree ensembles and nearest neighbours, a probability of zero means "no vote", not
    "impossible". The bound is half of a small positive probability that the model
    returns. This small probability is a low quantile. The minimum of the positive
    probabilities is not used: it comes from a single row, and this row would then
    decide the value that replaces all zeros.
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
    """Return the log-scale scores that calibrators use."""
    if method == "predict_proba":
        return log_scale(np.asarray(outputs, dtype=np.float64), clip)
    return outputs
