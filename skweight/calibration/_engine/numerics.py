"""What several calibrators share: probabilities, log-scale scores, targets."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from skweight._utils.validation import check_number

# The largest double below one and the smallest normal one: no probability is ever
# written as exactly 0 or 1, because the log loss of a single such mistake is infinite.
_ALMOST_ONE = np.nextafter(1.0, 0.0)
_SMALLEST = np.finfo(np.float64).tiny

# Rows of one block: the temporaries of a block stay in the processor's cache, and the
# memory of a fit does not grow with the rows.
BLOCK = 1 << 15

# Numbers below which one call of SciPy costs less than five of NumPy.
_FEW = 1 << 10


def all_equal(weight):
    """Return whether weights are one number broadcast, which is how ones are kept."""
    return weight.strides == (0,)


# -- probabilities ---------------------------------------------------------------


def binary_proba(logit):
    """Return probabilities of both classes, shape (n, 2), from log odds of shape (n,).

    Either column is computed from the logit, not from the other: ``1 - p`` would lose
    every digit of a small probability.
    """
    proba = np.empty((logit.shape[0], 2))
    np.negative(logit, out=proba[:, 0])
    proba[:, 1] = logit
    return keep_inside(sigmoid(proba))


def sigmoid(logit):
    """Return the logistic function of an array, in place.

    Of many numbers, in a third of the time of ``expit`` of SciPy, and as accurate at
    both ends: the exponential of NumPy works on several numbers at once.
    """
    if logit.shape[0] < _FEW:
        return expit(logit, out=logit)
    with np.errstate(over="ignore"):  # exp(-logit) is infinite where the result is 0
        np.negative(logit, out=logit)
        np.exp(logit, out=logit)
        logit += 1.0
        return np.divide(1.0, logit, out=logit)  # np.reciprocal takes twice as long


class Tails(NamedTuple):
    r"""The log odds beyond which rows show nothing, and how firmly that is said.

    Where all rows weigh the same they are those of Laplace's bounds
    :math:`[1 / (N_- + 2), (N_+ + 1) / (N_+ + 2)]`. In general the odds lie between one
    row of the class against all others, and all rows of it against one other.
    """

    low: float
    high: float
    firmness: float

    @classmethod
    def of(cls, class_count, row_mass):
        """Return the tails for counts of two classes and the mass of a row of each.

        Firmness is :math:`g = 4 n / (n + 100)` for n rows: few say little of the tails.
        """
        rest, own = row_mass
        n_rows = class_count.sum()
        low = np.log(own) - np.log(class_count[0] + rest)
        high = np.log(class_count[1] + own) - np.log(rest)
        return cls(low, high, 4 * n_rows / (n_rows + 100))


def soften_tails(logit, tails):
    r"""Bend log odds beyond what the rows can show, in place, without a tie.

    Cut off there, every score beyond would be a tie; here the log odds at a distance d
    beyond a bound grow like :math:`\log(1 + g d) / g` instead of d.
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
    # scipy.special.softmax takes twice as long on the single row of a live prediction.
    proba = by_class(logit)
    proba = proba - proba.max(axis=0)
    np.exp(proba, out=proba)
    proba /= proba.sum(axis=0)
    return keep_inside(proba).T


def by_class(scores):
    """Return an (n, k) array as (k, n), each class contiguous.

    Sums and maxima over a few classes take a fraction of the time in this order. What
    is turned back by ``.T`` is (n, k) again, and costs nothing to turn once more.
    """
    return np.ascontiguousarray(scores.T)


def centre_rows(scores):
    """Return scores minus their mean in every row, for maps with one slope for all.

    A constant added to all log scores of a row says nothing about its classes.
    """
    z = by_class(scores)
    return (z - z.mean(axis=0)).T


def log_normalise(scores):
    """Return the log-softmax of every row, for maps with a slope per class.

    A constant added to all log scores of a row says nothing about its classes, yet
    unequal slopes would be moved by it. Taking the log-sum-exp away makes logits and
    log-probabilities of one model the same input.
    """
    z = by_class(scores)
    z = z - z.max(axis=0)
    z -= np.log(np.exp(z).sum(axis=0))
    return z.T


def rest_log_odds(scores):
    """Return the log odds of every class against the rest under softmax(scores).

    Shape (n, k) in and out. The sum over "the rest" is formed without the class
    itself rather than by subtraction from the total, so a class of probability
    ``1 - 1e-30`` keeps its digits.
    """
    z = by_class(scores)
    top = z.argmax(axis=0), np.arange(z.shape[1])
    best = z[top]
    others = z.copy()
    others[top] = -np.inf
    second = others.max(axis=0)
    log_others = second + np.log(np.exp(others - second).sum(axis=0))
    share = np.exp(z - best)
    share[top] = 0.0
    rest = np.maximum(share.sum(axis=0) - share, 0.0)
    log_rest = best + np.log1p(rest)
    log_rest[top] = log_others
    return (z - log_rest).T


def scores_from_proba(proba, *, clip=1e-7):
    r"""Turn probabilities into the log-scale scores that calibrators take.

    Use it for estimators that offer ``predict_proba`` only. With two classes the
    score is the log odds :math:`\log p_1 - \log p_0` of the second class; with more it
    is :math:`\log p_k` minus its mean over the classes of the row.

    Parameters
    ----------
    proba : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probabilities. A vector, or a table of one column, holds the probability of the
        second of two classes.
    clip : float, default=1e-7
        Smallest probability that is told apart, in (0, 0.5). Raising it pulls extreme
        scores in. Use ``1 / (2 * n_trees)`` for the votes of a forest, whose zeros
        only mean "no tree", and ``1e-12`` for a softmax model.

    Returns
    -------
    scores : ndarray of shape (n_samples,) or (n_samples, n_classes), dtype float64
        One-dimensional for two classes.

    Raises
    ------
    ValueError
        If an entry is NaN or outside [0, 1], or the shape is none of the above.

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
    # Rounding leaves some estimators a little above one; NaN fails both comparisons.
    if not (np.all(proba >= 0) and np.all(proba <= 1 + 1e-6)):
        raise ValueError(
            "proba must lie in [0, 1]; got NaN or values outside. Log odds and "
            "decision values need no conversion: pass them to fit as they are."
        )
    return log_scale(proba, clip)


def log_scale(proba, clip):
    """Return what :func:`scores_from_proba` does, of probabilities known to be some."""
    if proba.ndim == 2 and proba.shape[1] == 1:
        proba = proba[:, 0]
    if proba.ndim == 1:
        scores = np.empty(proba.shape)
        for start in range(0, proba.shape[0], BLOCK):
            part = proba[start : start + BLOCK]
            rest = np.log(np.maximum(1 - part, clip))
            np.subtract(
                np.log(np.maximum(part, clip)), rest, out=scores[start : start + BLOCK]
            )
        return scores
    log_proba = np.log(np.maximum(proba, clip))
    if proba.shape[1] == 2:
        return log_proba[:, 1] - log_proba[:, 0]
    return centre_rows(log_proba)


# -- targets ---------------------------------------------------------------------


def smoothed_targets(class_count, smoothing):
    """Return the training target of a row for its own class, and for each other class.

    Platt aims at (N + 1) / (N + 2) instead of 1. Here the two pseudo-rows of that rule
    are spread over the k classes, ``m = 2 * smoothing / k`` each, which is Platt's rule
    for k = 2 and keeps the pull small when there are many classes. Every class loses
    and gains about m rows, so that the class frequencies stay what they were, and a
    class without a single row still gets m.
    """
    n_classes = class_count.shape[0]
    m = 2.0 * smoothing / n_classes
    own = (class_count + m) / (class_count + 2 * m)
    other = m / (class_count + 2 * m) / (n_classes - 1)
    return own, other


def binary_levels(class_count, smoothing):
    """Return the smoothed target of a row of either of two classes, by its code."""
    own, other = smoothed_targets(class_count, smoothing)
    return np.array([other[0], own[1]])
