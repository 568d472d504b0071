"""Population weights and emphasis (training weights); None means that all are one."""

from typing import NamedTuple

import numpy as np

ROLES = ("population", "emphasis")
# An exponent of two: numbers up to this power of two can be squared and summed over
# rows without overflow.
_LARGEST_EXPONENT = 400


class RoleWeights(NamedTuple):
    """Two weight vectors of the training rows: population weights and emphasis.

    Attributes
    ----------
    population : ndarray of shape (n_samples,) or None
        How many rows of the population each row stands for; None means that all are
        one.
    emphasis : ndarray of shape (n_samples,) or None
        How strongly training should count each row; None means that all are one.

    Examples
    --------
    >>> from skweight import BalancedWeighting
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 0, 1]
    >>> weights = BalancedWeighting().fit_weigh_by_role(X, y)
    >>> weights.population is None
    True
    >>> weights.emphasis.round(2)
    array([0.67, 0.67, 0.67, 2.  ])
    """

    population: np.ndarray | None
    emphasis: np.ndarray | None


def multiply(first, second):
    """Return the product of two weight vectors; each of them may be None."""
    if first is None:
        return second
    if second is None:
        return first
    try:
        with np.errstate(over="raise"):
            return first * second
    except FloatingPointError:  # if learners get it, the size makes no difference
        return in_range(first) * in_range(second)


def without_rounding_noise(weights):
    """Return weights rounded to their first 32 binary digits.

    Weights that are multiplied by 1000 and then divided by their mean differ from the
    original weights in the last bits. A tree that chooses between equally good splits
    would choose by these bits, so the last bits are rounded off.
    """
    mantissa, exponent = np.frexp(weights)
    return np.ldexp(np.round(mantissa * 2**32) / 2**32, exponent)


def in_range(weights, *others):
    """Return weight vectors; divide by a power of two if squares could overflow.

    All vectors get the same factor, so that they stay comparable; None stays None.
    Weights of usual size are unchanged.
    """
    vectors = (weights, *others)
    present = [vector for vector in vectors if vector is not None]
    exponent = int(np.frexp(max((float(v.max()) for v in present), default=1.0))[1])
    if abs(exponent) > _LARGEST_EXPONENT:
        # In two steps, because the power itself may overflow.
        half = exponent // 2
        vectors = [
            None if v is None else np.ldexp(np.ldexp(v, -half), half - exponent)
            for v in vectors
        ]
    return vectors if others else vectors[0]


def varies_within(weights, codes):
    """Return whether rows of one class differ in weight."""
    lowest = np.full(codes.max() + 1, np.inf)
    highest = np.full(codes.max() + 1, -np.inf)
    np.minimum.at(lowest, codes, weights)
    np.maximum.at(highest, codes, weights)
    present = highest >= lowest
    return bool((highest - lowest > 1e-9 * highest)[present].any())
