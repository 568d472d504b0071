"""Rows merged by score, and the blocks of the isotonic fit on the merged rows."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression


class Merged(NamedTuple):
    """Sorted distinct scores, each with its total weight and its positive weight."""

    scores: np.ndarray
    mass: np.ndarray
    hits: np.ndarray


def merge_scores(scores, codes, weight):
    """Merge rows of equal score."""
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
    """Return the largest difference at which two scores still count as equal.

    A forest may average the same votes in a different order for different rows. Then
    scores that should be equal differ by rounding errors. Without this tolerance, the
    calibrator would treat these scores as different. The tolerance is proportional to
    the third quartile of the absolute scores, so that a few huge scores do not make all
    smaller scores equal. A lower limit keeps the slope between two knots finite.
    """
    sizes = np.abs(ordered[np.arange(1, 100) * (ordered.shape[0] - 1) // 100])
    sizes.sort()
    # This line computes the third quartile. np.quantile is not used, because it would
    # take longer than a small fit.
    return 1e-12 * (sizes[73] / 2 + sizes[74] / 2) + 1e-290


def isotonic_blocks(mass, hits):
    """Return the values of the weighted isotonic fit, and the starts of its blocks.

    Neighbouring blocks with equal means are pooled. Otherwise, the starts of the
    blocks, and therefore the centred knots, would depend on rounding.
    """
    fitted = isotonic_regression(hits / mass, weights=mass).x
    start = np.append(0, np.flatnonzero(np.diff(fitted) > 1e-12 * fitted[1:]) + 1)
    return fitted[start], start


def ranks_backwards(merged, class_count):
    """Return whether positives score significantly below negatives.

    The AUC is compared with one half minus two standard errors. If the scores have no
    information, the AUC is below this limit in 2.3 % of all samples.

    Parameters
    ----------
    merged : Merged
        Rows of two classes.
    class_count : ndarray of shape (2,)
        Effective number of rows of each class.
    """
    if not (class_count > 0).all():
        return False
    misses = merged.mass - merged.hits
    below = np.cumsum(misses) - misses / 2
    share = merged.hits @ below / (merged.hits.sum() * misses.sum())
    error = np.sqrt((class_count.sum() + 1) / (12 * class_count.prod()))
    return share < 0.5 - 2 * error


def flatness(n_blocks, n_scores, backwards):
    """Return whether a curve is constant although the scores are not.

    "constant" means that the curve has one block. "nearly constant" means that the
    ranking is reversed, and that the curve has a different value only for a few rows at
    the two ends. The empty string means an increasing curve.
    """
    if n_blocks == 1 and n_scores > 1:
        return "constant"
    return "nearly constant" if backwards else ""
