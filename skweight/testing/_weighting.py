"""The contract of a weighting as checks."""

import numpy as np
from sklearn.base import clone

from skweight._utils.roles import ROLES, multiply
from skweight.testing._methods import assert_has_methods
from skweight.weighting._class_level import ClassLevelWeighting


def check_weighting(weighting, *, X=None, y=None):
    """Check that a strategy satisfies the contract of weightings.

    The following is checked:

    - the strategy can be cloned and pickled, and parameters work as in scikit-learn;
    - weights are finite, not negative, and have a mean of 1;
    - `fit_weigh` and `weigh` return the same weights for the training rows;
    - the caller's arrays do not change;
    - if the rows are reordered, the weights are reordered in the same way;
    - a row of weight 2 is the same as a duplicated row;
    - rows of weight zero are ignored, even if they are far from all other rows;
    - population weights and training emphasis (weights that only change the learning)
      are returned separately;
    - an invalid `sample_weight` raises an error.

    If a strategy cannot compute weights for new rows, its attribute ``weighs_new_rows``
    must be False.

    Parameters
    ----------
    weighting : weighting
        Unfitted strategy; the checks do not change it.
    X : array-like of shape (n_samples, n_features), default=None
        Features of the rows for the checks; None draws positive random numbers.
    y : array-like of shape (n_samples,), default=None
        Labels for the checks; None creates two classes, 0 and 1.

    Raises
    ------
    AssertionError
        If a check fails; the message names the check.

    Examples
    --------
    >>> from skweight import BalancedWeighting
    >>> from skweight.testing import check_weighting
    >>> check_weighting(BalancedWeighting(strength=0.7))
    """
    assert_has_methods(weighting, ["fit", "fit_weigh", "weigh", "fit_weigh_by_role"])
    rng = np.random.RandomState(0)
    if X is None:
        X = rng.uniform(0.5, 1.5, size=(40 if y is None else len(y), 3))
    y = np.array([0, 1, 0, 0] * (len(X) // 4)) if y is None else np.asarray(y)
    for check in (
        _check_parameters,
        _check_weights,
        _check_arrays_unchanged,
        _check_row_order,
        _check_repetition,
        _check_far_rows,
        _check_roles,
        _check_bad_sample_weight,
        _check_pickle,
    ):
        check(weighting, X, y)


def _assert_close(actual, expected, clause):
    np.testing.assert_allclose(actual, expected, rtol=1e-10, err_msg=clause)


def _check_parameters(weighting, X, y):
    params = weighting.get_params(deep=False)
    copy = clone(weighting)
    assert copy is not weighting, "clone returned the strategy itself"
    assert set(copy.get_params(deep=False)) == set(params), "clone lost a parameter"
    before = repr(params)
    copy.fit(X, y)
    assert repr(copy.get_params(deep=False)) == before, "fit changed a parameter"


def _check_weights(weighting, X, y):
    copy = clone(weighting)
    weights = copy.fit_weigh(X, y)
    assert weights.shape == (len(y),), "one weight per row"
    assert weights.dtype == np.float64, "weights are float64"
    assert np.isfinite(weights).all(), "weights are finite"
    assert (weights >= 0).all(), "weights are not negative"
    _assert_close(weights.mean(), 1, "weights have mean one")
    sample_weight = np.random.RandomState(1).uniform(0.5, 2, len(y))
    weighted = clone(weighting).fit_weigh(X, y, sample_weight)
    mean = np.average(weighted, weights=sample_weight)
    _assert_close(mean, 1, "the mean, weighted by sample_weight, is one")
    if isinstance(weighting, ClassLevelWeighting):
        _assert_close(copy.weigh(X, y), weights, "weigh repeats fit_weigh")


def _check_arrays_unchanged(weighting, X, y):
    sample_weight = np.ones(len(y))
    copies = X.copy(), y.copy(), sample_weight.copy()
    weights = clone(weighting).fit_weigh(X, y, sample_weight)
    weights[:] = -1
    for array, copy in zip((X, y, sample_weight), copies, strict=True):
        assert np.array_equal(np.asarray(array), np.asarray(copy)), (
            "the caller's arrays do not change, and the weights share no memory"
        )


def _check_row_order(weighting, X, y):
    order = np.random.RandomState(2).permutation(len(y))
    straight = clone(weighting).fit_weigh(X, y)
    shuffled = clone(weighting).fit_weigh(_rows(X, order), y[order])
    _assert_close(shuffled, straight[order], "weights follow their rows")


def _check_repetition(weighting, X, y):
    times = np.random.RandomState(3).randint(0, 4, len(y))
    # Every class keeps a row: a strategy may require certain classes.
    for label in np.unique(y):
        times[np.flatnonzero(y == label)[0]] = 2
    rows = np.repeat(np.arange(len(y)), times)
    once = clone(weighting).fit_weigh(X, y, times.astype(float))
    repeated = clone(weighting).fit_weigh(_rows(X, rows), y[rows])
    _assert_close(
        repeated,
        once[rows],
        "a row of weight 2 counts as two rows, and a row of weight 0 as none",
    )


def _check_far_rows(weighting, X, y):
    n_samples = len(y)
    rows = np.r_[:n_samples, 0, n_samples - 1]
    all_rows = _rows(X, rows)
    if getattr(getattr(all_rows, "dtype", None), "kind", "") != "f":
        return  # A table of other values has no far rows.
    for far in (1e3, 1e6):
        moved = all_rows.copy()
        moved[n_samples:] += far
        sample_weight = (np.arange(rows.size) < n_samples).astype(float)
        _assert_close(
            clone(weighting).fit_weigh(moved, y[rows], sample_weight)[:n_samples],
            clone(weighting).fit_weigh(X, y),
            "rows of weight 0 change nothing, however far away they are",
        )


def _check_roles(weighting, X, y):
    assert weighting.role in ROLES, f"role must be one of {ROLES}"
    by_role = clone(weighting).fit_weigh_by_role(X, y)
    _assert_close(
        multiply(*by_role), clone(weighting).fit_weigh(X, y), "roles multiply"
    )
    if weighting.role == "population":
        assert by_role.emphasis is None, "population weights carry no emphasis"


def _check_bad_sample_weight(weighting, X, y):
    n_samples = len(y)
    for bad, word in (
        (np.full(n_samples, -1.0), "negative"),
        (np.full(n_samples, np.nan), "NaN"),
        (np.zeros(n_samples), "zero"),
        (np.ones(n_samples + 1), "one weight per row"),
    ):
        message = None
        try:
            clone(weighting).fit(X, y, sample_weight=bad)
        except ValueError as error:
            message = str(error)
        assert message is not None, f"sample_weight: {word} was accepted"
        assert word in message, f"the error for {word} weights lacks that word"


def _check_pickle(weighting, X, y):
    import pickle
    import sys

    cls = type(weighting)
    if getattr(sys.modules.get(cls.__module__), cls.__qualname__, None) is not cls:
        # The check is skipped if pickle cannot find the class by name, for example if
        # the class is defined inside a function.
        return
    copy = clone(weighting).fit(X, y)
    again = pickle.loads(pickle.dumps(copy))
    if getattr(weighting, "weighs_new_rows", True):
        weights_again, weights_before = again.weigh(X, y), copy.weigh(X, y)
    else:
        weights_again, weights_before = again.scale_, copy.scale_
    _assert_close(weights_again, weights_before, "pickling keeps the weights")


def _rows(X, rows):
    from sklearn.utils import _safe_indexing

    return _safe_indexing(X, rows)
