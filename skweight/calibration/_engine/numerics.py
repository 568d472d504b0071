"""Functions for several calibrators: probabilities, log-scale scores, targets."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from skweight._utils.validation import check_number

# Probabilities are clipped to the range from the smallest normal double to the largest
# double below 1. With a probability of exactly 0 or 1, the log loss of a single error
# would be infinite.
_ALMOST_ONE = np.nextafter(1.0, 0.0)
_SMALLEST = np.finfo(np.float64).tiny

# Number of rows in a block. The temporary arrays of a block stay in the processor's
# cache, and the memory of a fit does not grow with the number of rows.
BLOCK = 1 << 15

# For fewer numbers than this, one call of SciPy is faster than five calls of NumPy.
_FEW = 1 << 10


def all_equal(weight):
    """Return whether the weights are one number that is broadcast to all rows."""
    return weight.strides == (0,)


# -- probabilities ---------------------------------------------------------------


def binary_proba(logit):
    """Return probabilities of both classes, shape (n, 2), from log odds of shape (n,).

    Both columns are computed from the logit: ``1 - p`` would lose the digits of a small
    probability.
    """
    proba = np.empty((logit.shape[0], 2))
    np.negative(logit, out=proba[:, 0])
    proba[:, 1] = logit
    return keep_inside(sigmoid(proba))


def sigmoid(logit):
    """Return the logistic function of an array, in place.

    For many numbers, this function takes a third of the time of ``scipy.special.expit``
    and has the same accuracy, because the exponential of NumPy is vectorised.
    """
    if logit.shape[0] < _FEW:
        return expit(logit, out=logit)
    with np.errstate(over="ignore"):  # exp(-logit) is infinite where the result is 0
        np.negative(logit, out=logit)
        np.exp(logit, out=logit)
        logit += 1.0
        return np.divide(1.0, logit, out=logit)  # np.reciprocal takes twice as long


class Tails(NamedTuple):
    r"""Bounds that limit the log odds, and how strictly they limit the log odds.

    With equal weights, the bounds are Laplace's bounds, :math:`[1 / (N_- + 2), (N_+ +
    1) / (N_+ + 2)]`. In general, one row is added to each class. The lower bound is the
    log odds of the added positive row against all negative rows. The upper bound is the
    log odds of all positive rows against the added negative row.
    """

    low: float
    high: float
    firmness: float

    @classmethod
    def of(cls, class_count, row_mass):
        """Compute the bounds from the number of rows and the row weight of each class.

        Firmness is :math:`g = 4 n / (n + 100)` for n rows: small for few rows.
        """
        negative_row, positive_row = row_mass
        n_rows = class_count.sum()
        low = np.log(positive_row) - np.log(class_count[0] + negative_row)
        high = np.log(class_count[1] + positive_row) - np.log(negative_row)
        return cls(low, high, 4 * n_rows / (n_rows + 100))


def soften_tails(logit, tails):
    r"""Make log odds grow only logarithmically outside the bounds, in place.

    Clipping would give all scores outside the bounds the same value. Instead, log odds
    at a distance d beyond a bound are moved to the distance :math:`\log(1 + g d) / g`.
    """
    low, high, firmness = tails
    if logit.shape[0] == 0:
        return logit
    if logit.max() > high:
        beyond = np.flatnonzero(logit > high)
        excess = logit[beyond] - high
        logit[beyond] = high + np.log1p(firmness * excess) / firmness
    if logit.min() < low:
        beyond = np.flatnonzero(logit < low)
        excess = low - logit[beyond]
        logit[beyond] = low - np.log1p(firmness * excess) / firmness
    return logit


def keep_inside(proba):
    """Clip probabilities, in place, so that none is 0 or 1."""
    return proba.clip(_SMALLEST, _ALMOST_ONE, out=proba)


def softmax_proba(logit):
    """Return row-wise softmax of an (n, k) array, strictly inside (0, 1)."""
    # For a single row, scipy.special.softmax takes twice as long as the code below.
    proba = by_class(logit)
    proba = proba - proba.max(axis=0)
    np.exp(proba, out=proba)
    proba /= proba.sum(axis=0)
    return keep_inside(proba).T


def by_class(scores):
    """Return an (n, k) array as (k, n), each class contiguous.

    Sums and maxima over a few classes are several times faster in the shape (k, n).
    """
    return np.ascontiguousarray(scores.T)


def centre_rows(scores):
    """Return scores minus their mean in every row, for maps with one common slope.

    If a constant is added to all log scores of a row, the information about the class
    of the row stays the same.
    """
    z = by_class(scores)
    return (z - z.mean(axis=0)).T


def log_normalise(scores):
    """Return the log-softmax of every row, for maps with a slope per class.

    If a constant is added to all log scores of a row, the predicted class probabilities
    of the model stay the same. But with unequal slopes, the constant would change the
    result of a calibrator. This function subtracts the log-sum-exp of the row. Then the
    logits of a model and the log-probabilities of a model give the same result.
    """
    z = by_class(scores)
    z = z - z.max(axis=0)
    z -= np.log(np.exp(z).sum(axis=0))
    return z.T


def rest_log_odds(scores):
    """Return the log odds of every class against the rest, from softmax(scores).

    The input and the result have shape (n, k). The probability of "the rest" is the sum
    of the probabilities of the other classes. It is not computed as 1 minus the
    probability of the class. Therefore the log odds are accurate even for a class with
    the probability ``1 - 1e-30``.
    """
    z = by_class(scores)
    top = z.argmax(axis=0), np.arange(z.shape[1])
    best = z[top]
    without_top = z.copy()
    without_top[top] = -np.inf
    second = without_top.max(axis=0)
    log_without_top = second + np.log(np.exp(without_top - second).sum(axis=0))
    share = np.exp(z - best)
    share[top] = 0.0
    other_share = np.maximum(share.sum(axis=0) - share, 0.0)
    log_rest = best + np.log1p(other_share)
    log_rest[top] = log_without_top
    return (z - log_rest).T


def scores_from_proba(proba, *, clip=1e-7):
    r"""Turn probabilities into the log-scale scores that calibrators take.

    Use this function for estimators that have ``predict_proba`` but no
    ``decision_function``. With two classes, the score is the log odds :math:`\log p_1 -
    \log p_0` of the second class. With more classes, the score of class k is
    :math:`\log p_k` minus the mean of the log probabilities of the row.

    Parameters
    ----------
    proba : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probabilities. A vector, or a table with one column, holds the probability of
        the second of two classes.
    clip : float, default=1e-7
        Probabilities are clipped to [clip, 1], with ``clip`` in (0, 0.5). A larger
        value makes extreme scores smaller. Use ``1 / (2 * n_trees)`` for the votes of a
        forest and ``1e-12`` for a softmax model.

    Returns
    -------
    scores : ndarray of shape (n_samples,) or (n_samples, n_classes), dtype float64
        Log-scale scores, one-dimensional for two classes.

    Raises
    ------
    ValueError
        If an entry is NaN or outside [0, 1], or the shape is not as described above.

    Examples
    --------
    >>> from skweight.calibration import scores_from_proba
    >>> scores_from_proba([[0.9, 0.1], [0.5, 0.5], [0.0, 1.0]], clip=0.01).round(2)
    array([-2.2 ,  0.  ,  4.61])
    """
    check_number(clip, name="clip", low=0, high=0.5, include="neither")
    proba = np.asarray(proba, dtype=np.float64)
    if proba.ndim not in (1, 2) or (proba.ndim == 2 and proba.shape[1] == 0):
        raise ValueError(
            "proba must have shape (n_samples,) or (n_samples, n_classes); got shape "
            f"{proba.shape}. Pass what predict_proba returns."
        )
    # Values slightly above 1 are allowed, because they can come from rounding. If a
    # value is NaN, both comparisons are false, and the check fails.
    if not (np.all(proba >= 0) and np.all(proba <= 1 + 1e-6)):
        raise ValueError(
            "proba must lie in [0, 1]; got NaN or values outside. Log odds and "
            "decision values need no conversion: pass them to fit as they are."
        )
    return log_scale(proba, clip)


def log_scale(proba, clip):
    """Return the same scores as :func:`scores_from_proba`, but check nothing."""
    if proba.ndim == 2 and proba.shape[1] == 1:
        proba = proba[:, 0]
    if proba.ndim == 1:
        scores = np.empty(proba.shape)
        for start in range(0, proba.shape[0], BLOCK):
            part = proba[start : start + BLOCK]
            log_complement = np.log(np.maximum(1 - part, clip))
            np.subtract(
                np.log(np.maximum(part, clip)),
                log_complement,
                out=scores[start : start + BLOCK],
            )
        return scores
    log_proba = np.log(np.maximum(proba, clip))
    if proba.shape[1] == 2:
        return log_proba[:, 1] - log_proba[:, 0]
    return centre_rows(log_proba)


# -- targets ---------------------------------------------------------------------


def smoothed_targets(class_count, smoothing):
    """Return the target of a row for its own class, and for each other class.

    Platt's target is (N + 1) / (N + 2) instead of 1. Here the two pseudo-rows of
    Platt's rule are divided among the k classes, ``m = 2 * smoothing / k`` for each
    class. For k = 2, the target is Platt's target. For many classes, the target hardly
    differs from the label. The pseudo-rows hardly change the class frequencies, and
    even a class without rows gets m pseudo-rows.
    """
    n_classes = class_count.shape[0]
    m = 2.0 * smoothing / n_classes
    own_target = (class_count + m) / (class_count + 2 * m)
    other_target = m / (class_count + 2 * m) / (n_classes - 1)
    return own_target, other_target


def binary_levels(class_count, smoothing):
    """Return the smoothed targets of two classes, by code."""
    own_target, other_target = smoothed_targets(class_count, smoothing)
    return np.array([other_target[0], own_target[1]])
