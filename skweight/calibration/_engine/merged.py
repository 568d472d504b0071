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
    sizes = np.abs(ordered[np.arange(1, 100) * (ordered.shape[0] - 1) // 100])
    sizes.sort()
    # Their third quartile; np.quantile takes longer than the rest of a small fit.
    return 1e-12 * (sizes[73] / 2 + sizes[74] / 2) + 1e-290


def isotonic_blocks(mass, hits):
    """Return the values of the weighted isotonic fit, and where its blocks begin.

    Whether neighbours of equal mean were pooled is left to rounding, and centred knots
    would depend on it; here they are one block.
    """
    fitted = isotonic_regression(hits / mass, weights=mass).x
    start = np.append(0, np.flatnonzero(np.diff(fitted) > 1e-12 * fitted[1:]) + 1)
    return fitted[start], start


def ranks_backwards(merged, class_count):
    """Return whether positives score below the others, by more than chance explains.

    The share of pairs that are ranked rightly is compared with one half. Where scores
    say nothing, it falls below by two standard errors in 2.3 % of all samples.

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
    """Return how flat a curve is although the scores are not.

    "constant" is one block, "nearly constant" is what a ranking that runs backwards
    leaves: it rises by a few rows at its ends. "" is a curve that rises.
    """
    if n_blocks == 1 and n_scores > 1:
        return "constant"
    return "nearly constant" if backwards else ""
