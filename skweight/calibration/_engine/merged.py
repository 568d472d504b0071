"""Rows merged by score, and the blocks of the isotonic fit on them."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression


class Merged(NamedTuple):
    """Distinct scores in rising order, and the weight and positive weight of each."""

    scores: np.ndarray
    mass: np.ndarray
    hits: np.ndarray


def merge_scores(scores, codes, weight):
    """Return the rows with those of equal score made one."""
    order = np.argsort(scores)
    ordered = scores[order]
    weight = weight[order]
    hits = weight * codes[order]
    differs = np.diff(ordered) > tie_width(ordered)
    if differs.all():
        return Merged(ordered, weight, hits)
    first = np.append(0, np.flatnonzero(differs) + 1)
    return Merged(
        ordered[first], np.add.reduceat(weight, first), np.add.reduceat(hits, first)
    )


def tie_width(ordered):
    """Return the distance up to which scores are one: they differ by rounding alone.

    The votes of a forest, averaged in another order, or log odds of rows that mean the
    same, would otherwise be ranked by their last bit. What rounding is follows from the
    size of most scores, so that a few huge ones do not make ties of all others. The
    floor keeps the slope between two knots finite.
    """
    percentiles = ordered[np.arange(1, 100) * (ordered.shape[0] - 1) // 100]
    return 1e-12 * np.quantile(np.abs(percentiles), 0.75) + 1e-290


def isotonic_blocks(mass, hits):
    """Return the values of the weighted isotonic fit, and where its blocks begin.

    Whether neighbours of equal mean were pooled is left to rounding, and centred knots
    would depend on it; here they are one block.
    """
    fitted = isotonic_regression(hits / mass, weights=mass).x
    start = np.append(0, np.flatnonzero(np.diff(fitted) > 1e-12 * fitted[1:]) + 1)
    return fitted[start], start
