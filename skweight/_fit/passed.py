"""Find out whether population weights of rows look like class weights instead."""

from typing import NamedTuple

import numpy as np

# Three thresholds for weights that look like class weights. First, the largest class
# weight is at least this number times the smallest class weight. Second, the variation
# within classes is at most this number times the variation between classes. Third, a
# class is rarer than another class if the ratio of the two sizes is at most this
# number.
LEAST_FACTOR, NOISE, RARER = 1.05, 0.01, 0.8
# If there are at least this many rows, and the weights depend on the label alone, this
# is on purpose.
FEWEST_ROWS = 30


class RaisedClass(NamedTuple):
    """A rare class with larger weights, and its share before and after weighting."""

    label: object
    factor: float
    before: float
    after: float


def find_raised_class(sample_weight, codes, classes):
    """Return a rare class whose weights look like class weights, or None."""
    counted = sample_weight > 0
    codes, log_weight = codes[counted], np.log(sample_weight[counted])
    n_rows = np.bincount(codes, minlength=classes.size)
    level = np.bincount(codes, log_weight, classes.size) / np.maximum(n_rows, 1)
    # Classes with one row are ignored: within such a class, the weights cannot differ.
    by_size = np.argsort(n_rows, kind="stable")
    by_size = by_size[n_rows[by_size] > 1]
    n, lift = n_rows[by_size], level[by_size]
    if n.size < 2 or n.sum() < FEWEST_ROWS or np.ptp(lift) < np.log(LEAST_FACTOR):
        return None
    share = n / n.sum()
    noise = log_weight - level[codes]
    between = share @ (lift - share @ lift) ** 2
    if noise @ noise > NOISE**2 * between * codes.size:
        return None
    # For every class, compare its mean log weight with the mean log weight of all
    # classes that are clearly more frequent.
    first = np.searchsorted(RARER * n, n, side="right")
    above, lifted = (
        np.append(np.cumsum(x[::-1])[::-1], 0.0) for x in (share, share * lift)
    )
    raised = share * (lift * above[first] - lifted[first])
    if raised.sum() <= 1e-12:
        return None
    # Of the classes with larger weights, take the class whose weight is largest
    # relative to the weights of all other rows.
    weight = np.exp(lift - lift.max())
    mass = share * weight
    # Add the masses of the other classes instead of subtracting from the total: if a
    # class has nearly all mass, a difference has only rounding errors.
    others = (
        np.cumsum(np.append(0, mass[:-1])) + np.cumsum(np.append(0, mass[:0:-1]))[::-1]
    )
    others = np.maximum(others, np.finfo(float).tiny) / (1 - share)
    most = np.argmax(np.where(raised > 0, weight / others, 0))
    factor = weight[most] / others[most]
    after = mass[most] / mass.sum()
    return RaisedClass(classes[by_size[most]], factor, share[most], after)
