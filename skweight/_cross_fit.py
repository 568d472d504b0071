"""Scores of rows that the model was not fitted on: one pass of fits, used by all.

The calibrator, the decision and the report share the same held-out scores, so that
k + 1 fits do what nested wrappers do in k x (k + 1).
"""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import StratifiedKFold, check_cv
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.parallel import Parallel, delayed

from skweight._validation import check_number, n_rows, positions_of, say
from skweight.calibration import scores_from_proba
from skweight.exceptions import FewerFoldsWarning

DEFAULT_FOLDS = 5
SMALLEST_CLIP = 1e-7


class HeldOut(NamedTuple):
    """Outputs of fold models on rows they were not fitted on.

    ``rows`` are the positions of those rows, in the order of ``outputs``; a row is
    there more than once where the splits test it more than once.
    """

    outputs: np.ndarray
    rows: np.ndarray
    n_fits: int


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


def smallest_probability(outputs, method):
    """Return where to clip probabilities before their logarithm is taken.

    Zeros of tree ensembles and neighbours mean "no vote", not "impossible". Half the
    smallest probability that does occur is half a vote.
    """
    if method != "predict_proba":
        return SMALLEST_CLIP
    positive = outputs[outputs > 0]
    smallest = positive.min() if positive.size else 1.0
    return float(np.clip(smallest / 2, SMALLEST_CLIP, 0.25))


def log_scores(outputs, method, clip):
    """Return the log-scale scores that calibrators take."""
    if method == "predict_proba":
        return scores_from_proba(outputs, clip=clip)
    return outputs


def folds(cv, X, y, population, random_state, metadata):
    """Return the splits, or None where a class is too rare to be held out.

    A number of folds is reduced to the rows of the rarest class; rows whose
    population weight is zero do not count.
    """
    if cv is not None and not isinstance(cv, int | np.integer):
        splits = list(check_cv(cv, y, classifier=True).split(X, y, **metadata))
        if not splits:
            raise ValueError(
                f"cv must give at least one pair of training and test rows; {cv!r} "
                "gives none."
            )
        return splits
    n_folds = DEFAULT_FOLDS if cv is None else cv
    check_number(n_folds, name="cv", low=2)
    n_samples = len(y)
    counted = np.flatnonzero(np.ones(n_samples) if population is None else population)
    y = y[counted]
    classes, counts = np.unique(y, return_counts=True)
    fewest = int(counts.min())
    if fewest < n_folds:
        rare = classes[counts == fewest]
        what = (
            f"{fewest} folds are used"
            if fewest > 1
            else "no row of it can be held out, so the probabilities are calibrated "
            "by the closed-form inversion (calibration='prior') instead"
        )
        warnings.warn(
            f"The rarest class, {say(rare)}, has {fewest} "
            f"{'rows' if fewest > 1 else 'row'}, fewer than the {n_folds} folds asked "
            f"for: {what}. Collect more rows of it, or set cv to fewer folds.",
            FewerFoldsWarning,
            stacklevel=4,
        )
        if fewest < 2:
            return None
    splitter = StratifiedKFold(
        min(n_folds, fewest), shuffle=True, random_state=random_state
    )
    # Rows of weight zero are never held out, or they would decide which rows are held
    # out together. They stay in training, as in the final fit, for the classes that
    # they alone have.
    left_out = np.setdiff1d(np.arange(n_samples), counted, assume_unique=True)
    return [
        (np.sort(np.concatenate([counted[train], left_out])), counted[test])
        for train, test in splitter.split(y, y)
    ]


def held_out(training, X, y, splits, method, classes, *, n_jobs):
    """Fit once for every split and return the outputs on the rows left out.

    Every fold is fitted the way that `training` fits all rows.
    """
    (X,) = indexable(X)  # some sparse formats have no rows to take
    n_samples = n_rows(X)
    outputs = Parallel(n_jobs=n_jobs)(
        delayed(_one_fold)(
            training.of(train, n_samples), X, y, train, test, method, classes
        )
        for train, test in splits
    )
    return HeldOut(
        np.concatenate(outputs),
        np.concatenate([np.arange(len(y))[test] for _, test in splits]),
        len(splits),
    )


def _one_fold(training, X, y, train, test, method, classes):
    fitted, _ = training.fit(_safe_indexing(X, train), _safe_indexing(y, train))
    return outputs_of(fitted, _safe_indexing(X, test), method, classes)
