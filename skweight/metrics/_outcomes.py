"""Helpers of calibration metrics: checks, and the split into one class and the rest."""

from typing import NamedTuple

import numpy as np

from skweight._utils.roles import in_range
from skweight._utils.validation import (
    check_choice,
    check_labels,
    check_weights,
    encode_labels,
    plain,
    say,
)

# If the weight of a row, divided by the largest weight, is below this value, the row
# counts as a row of weight zero. The square of a weight that small may be rounded to
# zero.
_NOTHING = 1e-140


class Outcomes(NamedTuple):
    """Predictions and outcomes of one class, for rows of positive weight.

    For each row, ``y`` says whether it has the class, ``proba`` is the predicted
    probability of the class, and ``weight`` is the population weight.
    """

    y: np.ndarray
    proba: np.ndarray
    weight: np.ndarray


def one_class(data, *, owner):
    """Return the outcomes of the positive class of two classes.

    ``data`` are the positional arguments of `outcomes_by_class`.
    """
    outcomes = outcomes_by_class(*data, owner=owner)
    if len(outcomes) > 1:
        raise ValueError(
            f"{owner} needs probabilities of one class; got y_proba with "
            f"{len(outcomes)} columns. Pass one column of y_proba, and its label as "
            "pos_label."
        )
    return outcomes[0]


def for_each_class(figure, data, average, *, owner):
    """Return a metric for one class, or for several classes, each against the rest.

    Parameters
    ----------
    figure : callable
        The metric: a function from :class:`Outcomes` to a number.
    data : tuple
        Positional arguments of `outcomes_by_class`.
    average : {"macro", "none"}
        Whether to return the mean over three or more classes, or one value per class.
    """
    check_choice(average, ("macro", "none"), name="average")
    outcomes = outcomes_by_class(*data, owner=owner)
    figures = [figure(class_outcomes) for class_outcomes in outcomes]
    if len(figures) == 1:
        return float(figures[0])
    return float(np.mean(figures)) if average == "macro" else np.array(figures)


def outcomes_by_class(
    y_true, y_proba, sample_weight=None, pos_label=None, labels=None, *, owner
):
    """Return the outcomes of every class; with two classes, only of the positive class.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_proba : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probabilities of the positive class, or of all classes.
    sample_weight : array-like of shape (n_samples,) or None
        Population weights.
    pos_label : object
        The positive label, if `y_proba` has one or two columns.
    labels : array-like of shape (n_classes,) or None
        The labels of the columns; None takes the sorted labels of `y_true`.
    owner : str
        Name of the caller, for messages.
    """
    y_true = check_labels(y_true, owner=owner)
    proba = _check_proba(y_proba, y_true.size)
    if sample_weight is None:
        weight = np.broadcast_to(np.float64(1.0), y_true.size)
    else:
        weight = in_range(check_weights(sample_weight, y_true.size))
        counted = weight > _NOTHING * weight.max()
        if not counted.all():
            y_true, proba, weight = y_true[counted], proba[counted], weight[counted]
    if labels is None:
        labels = encode_labels(y_true)[0]
    labels = [plain(label) for label in np.asarray(labels)]
    if proba.ndim == 2 and proba.shape[1] == 1:
        proba = proba[:, 0]
    if proba.ndim == 1:
        if len(labels) > 2:
            raise ValueError(
                f"{owner}: y_true has the labels {say(labels)}, but y_proba has one "
                "column. Pass a column for each label"
                + ("." if pos_label is None else ", or y_true == pos_label as y_true.")
            )
        positive = _positive_of(labels, pos_label, owner)
        return [Outcomes(_is(y_true, positive), proba, weight)]
    if proba.shape[1] != len(labels):
        raise ValueError(
            f"{owner}: y_proba has {proba.shape[1]} columns for the {len(labels)} "
            f"labels {say(labels)}. If y_true has no rows of some class, pass the "
            "labels of all columns in their order: labels=classifier.classes_."
        )
    columns = range(len(labels))
    if len(labels) == 2:
        # With two classes, the errors of both classes are equal except for their sign,
        # so the errors of one class are enough.
        columns = [1 if pos_label is None else _position(pos_label, labels, owner)]
    return [Outcomes(_is(y_true, labels[k]), proba[:, k], weight) for k in columns]


def _is(y, label):
    return (y == label).astype(bool, copy=False)


def _check_proba(y_proba, n_samples):
    proba = np.asarray(y_proba, dtype=np.float64)
    if proba.ndim not in (1, 2) or proba.shape[0] != n_samples:
        raise ValueError(
            f"y_proba must have one row for each of the {n_samples} labels of y_true; "
            f"got shape {proba.shape}."
        )
    # Rounding may leave values slightly above 1. If a value is NaN, both comparisons
    # are false, and the check fails.
    low, high = proba.min(initial=0.0), proba.max(initial=0.0)
    if not (low >= 0 and high <= 1 + 1e-6):
        raise ValueError(
            "y_proba must hold probabilities in [0, 1]; got NaN or values outside. "
            "Scores and decision values are not probabilities: calibrate them first."
        )
    return np.minimum(proba, 1.0) if high > 1 else proba


def _positive_of(labels, pos_label, owner):
    if pos_label is not None:
        if len(labels) == 2:
            _position(pos_label, labels, owner)
        return pos_label
    numbers = all(isinstance(label, bool | int | float) for label in labels)
    if numbers and (set(labels) <= {0, 1} or set(labels) <= {-1, 1}):
        return 1
    raise ValueError(
        f"{owner}: y_proba has one column, and the labels {say(labels)} do not show "
        "which label is the positive one. Pass the positive label, for example "
        f"pos_label={say(labels[-1])}."
    )


def _position(pos_label, labels, owner):
    if pos_label not in labels:
        raise ValueError(
            f"{owner}: pos_label={say(pos_label)} is not among the labels "
            f"{say(labels)}. Pass one of these labels, with the same type as in "
            "y_true."
        )
    return labels.index(pos_label)
