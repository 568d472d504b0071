"""The contract of a calibrator as checks."""

import pickle
import sys
import warnings

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from skweight.exceptions import CalibrationWarning
from skweight.testing._methods import assert_has_methods


def check_calibrator(calibrator):
    """Check that a calibrator satisfies the contract of calibrators.

    All checks use two and three classes:

    - the calibrator can be cloned and pickled, and parameters work as in scikit-learn;
    - probabilities have the right shape, sum to 1 and are never exactly 0 or 1;
    - labels may have any type, and a class may be missing;
    - scores and weights may be huge;
    - the order of rows and the scale of weights do not change the results;
    - rows of weight zero are ignored, whatever their scores are;
    - predictions for one row at a time are the same as for all rows together;
    - the caller's arrays do not change;
    - invalid weights and scores raise errors.

    Parameters
    ----------
    calibrator : calibrator
        Unfitted calibrator. Never changed.

    Raises
    ------
    AssertionError
        If a check fails; the message names the check.

    Examples
    --------
    >>> from skweight.calibration import SigmoidCalibrator
    >>> from skweight.testing import check_calibrator
    >>> check_calibrator(SigmoidCalibrator())
    """
    assert_has_methods(calibrator, ["fit", "predict_proba"])
    for n_classes in (2, 3):
        scores, y = _rows(n_classes)
        for check in (
            _check_parameters,
            _check_probabilities,
            _check_labels,
            _check_arrays_unchanged,
            _check_row_order,
            _check_weights,
            _check_missing_class,
            _check_extremes,
            _check_bad_input,
            _check_pickle,
        ):
            check(calibrator, scores, y)


def _rows(n_classes, n=240):
    rng = np.random.RandomState(n_classes)
    if n_classes == 2:
        scores = rng.normal(0.5, 1.5, size=n)
        return scores, (rng.uniform(size=n) < 1 / (1 + np.exp(-scores))).astype(int)
    scores = rng.normal(loc=np.linspace(0.5, -0.3, n_classes), size=(n, n_classes))
    return scores, (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)


def _fitted(calibrator, *rows, **kwargs):
    """Fit a clone of the calibrator; ignore warnings about the ranking of scores."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        return clone(calibrator).fit(
            *rows,
            **_multiplier_of(calibrator, kwargs.get("classes", rows[1])),
            **kwargs,
        )


def _multiplier_of(calibrator, y):
    """Return the keyword ``class_multiplier`` if ``fit`` of the calibrator has it."""
    if not has_fit_parameter(calibrator, "class_multiplier"):
        return {}
    return {"class_multiplier": np.linspace(1, 2, len(np.unique(y)))}


def _close(actual, expected, clause, rtol=1e-7):
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=1e-9, err_msg=clause)


def _check_parameters(calibrator, scores, y):
    params = repr(calibrator.get_params(deep=False))
    copy = clone(calibrator)
    assert copy is not calibrator, "clone returned the calibrator itself"
    assert copy.fit(scores, y, **_multiplier_of(copy, y)) is copy, (
        "fit returns the calibrator"
    )
    assert repr(copy.get_params(deep=False)) == params, "fit changed a parameter"
    assert copy.classes_.tolist() == np.unique(y).tolist(), "classes_ are the labels"


def _check_probabilities(calibrator, scores, y):
    copy = _fitted(calibrator, scores, y)
    proba = copy.predict_proba(scores)
    assert proba.shape == (len(y), len(np.unique(y))), "one column for each class"
    assert proba.dtype == np.float64, "probabilities are float64"
    _close(proba.sum(axis=1), 1, "probabilities of a row sum to one", rtol=1e-12)
    assert proba.min() > 0, "no probability is exactly zero"
    assert proba.max() < 1, "no probability is exactly one"
    alone = np.vstack([copy.predict_proba(scores[i : i + 1]) for i in range(5)])
    _close(
        alone,
        proba[:5],
        "single rows give the same results as all rows",
        rtol=1e-12,
    )
    assert copy.predict_proba(scores[:0]).shape == (0, proba.shape[1]), "no rows"


def _check_labels(calibrator, scores, y):
    expected = _fitted(calibrator, scores, y).predict_proba(scores)
    for names in (["a", "b", "c"], [-1, 1, 3], [1.0, 2.0, 3.0]):
        names = np.array(names)[: expected.shape[1]]
        renamed = _fitted(calibrator, scores, names[y])
        assert renamed.classes_.dtype == names.dtype, "labels keep their type"
        _close(
            renamed.predict_proba(scores),
            expected,
            "the type of labels does not matter",
        )


def _check_arrays_unchanged(calibrator, scores, y):
    arrays = scores, y, np.linspace(0.5, 2, len(y))
    before = [array.copy() for array in arrays]
    proba = _fitted(calibrator, *arrays).predict_proba(scores)
    proba[:] = -1
    for array, copy in zip(arrays, before, strict=True):
        assert np.array_equal(array, copy), "the caller's arrays never change"


def _check_row_order(calibrator, scores, y):
    order = np.random.RandomState(2).permutation(len(y))
    weight = np.random.RandomState(3).uniform(0.2, 3, len(y))
    straight = _fitted(calibrator, scores, y, weight).predict_proba(scores)
    shuffled = _fitted(calibrator, scores[order], y[order], weight[order])
    _close(
        shuffled.predict_proba(scores), straight, "the order of rows does not matter"
    )


def _check_weights(calibrator, scores, y):
    weight = np.random.RandomState(4).uniform(0.2, 3, len(y))
    expected = _fitted(calibrator, scores, y, weight).predict_proba(scores)
    for factor in (1e-300, 1e300):
        scaled = _fitted(calibrator, scores, y, weight * factor)
        _close(
            scaled.predict_proba(scores),
            expected,
            "the scale of weights does not matter",
        )
    weight[::4] = 0
    hidden = scores.copy()
    hidden[::4] = np.nan
    has_weight = weight > 0
    zeros = _fitted(calibrator, hidden, y, weight)
    removed = _fitted(calibrator, scores[has_weight], y[has_weight], weight[has_weight])
    clause = "rows of weight zero have no effect, whatever their scores"
    _close(zeros.predict_proba(scores), removed.predict_proba(scores), clause)


def _check_missing_class(calibrator, scores, y):
    other_rows = y != 1
    copy = _fitted(calibrator, scores[other_rows], y[other_rows], classes=np.unique(y))
    proba = copy.predict_proba(scores)
    assert np.isfinite(proba).all(), "a class without rows has a probability"
    assert (proba > 0).all(), "a class without rows is not impossible"


def _check_extremes(calibrator, scores, y):
    copy = _fitted(calibrator, scores, y)
    with np.errstate(all="raise", under="ignore"):
        far = copy.predict_proba(
            np.vstack([scores, scores * 1e150]).reshape(-1, *scores.shape[1:])
        )
    assert np.isfinite(far).all(), "huge scores have finite probabilities"
    assert ((far > 0) & (far < 1)).all(), "huge scores are not certain"
    weight = np.ones(len(y))
    weight[0] = 1e200
    with np.errstate(all="raise", under="ignore"):
        heavy = _fitted(calibrator, scores, y, weight).predict_proba(scores)
    assert np.isfinite(heavy).all(), "one huge weight leaves finite probabilities"


def _check_bad_input(calibrator, scores, y):
    if not getattr(calibrator, "needs_held_out_scores", True):
        return  # scores are not used
    n_samples = len(y)
    for bad, word in (
        (np.full(n_samples, -1.0), "negative"),
        (np.full(n_samples, np.nan), "NaN"),
        (np.zeros(n_samples), "zero"),
    ):
        message = _message_of(calibrator, scores, y, bad)
        assert word in message, f"weights that are {word}: {message or 'accepted'}"
    missing = scores.copy()
    missing[0] = np.nan
    assert _message_of(calibrator, missing, y), "a score of NaN was accepted"
    assert _message_of(calibrator, scores[1:], y), "lengths that differ"


def _message_of(calibrator, *rows):
    try:
        _fitted(calibrator, *rows)
    except ValueError as error:
        return str(error)
    return ""


def _check_pickle(calibrator, scores, y):
    cls = type(calibrator)
    if getattr(sys.modules.get(cls.__module__), cls.__qualname__, None) is not cls:
        # The check is skipped if pickle cannot find the class by name, for example if
        # the class is defined inside a function.
        return
    copy = _fitted(calibrator, scores, y)
    again = pickle.loads(pickle.dumps(copy)).predict_proba(scores)
    assert np.array_equal(again, copy.predict_proba(scores)), "pickling changes nothing"
