"""Find out whether row weights look like class weights, which have another role."""

from typing import NamedTuple

import numpy as np

# Thresholds for class weights. Weights matter if the largest is at least this multiple
# of the smallest; the variation within a class is at most this share of the variation
# between classes; a class is rarer than another if the ratio of their sizes is at most
# this.
LEAST_FACTOR, NOISE, RARER = 1.05, 0.01, 0.8
# With this many rows, weights are not a function of the label by chance.
FEWEST_ROWS = 30


class RaisedClass(NamedTuple):
    """A rarer class with larger weights, and its share before and after weighting."""

    label: object
    factor: float
    before: float
    after: float


def find_raised_class(sample_weight, codes, classes):
    """Return the class whose weights are raised as by emphasis, or None."""
    counted = sample_weight > 0
    codes, log_weight = codes[counted], np.log(sample_weight[counted])
    n_rows = np.bincount(codes, minlength=classes.size)
    level = np.bincount(codes, log_weight, classes.size) / np.maximum(n_rows, 1)
    # The weight of a single row is always a function of its label.
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
    # How much every class is raised above all classes that are clearly more frequent.
    first = np.searchsorted(RARER * n, n, side="right")
    above, lifted = (
        np.append(np.cumsum(x[::-1])[::-1], 0.0) for x in (share, share * lift)
    )
    raised = share * (lift * above[first] - lifted[first])
    if raised.sum() <= 1e-12:
        return None
    # Of the raised classes, take the class with the largest weight relative to others.
    weight = np.exp(lift - lift.max())
    mass = share * weight
    # Do not subtract a class from the total: if the class is nearly the total, only
    # rounding errors would remain.
    others = (
        np.cumsum(np.append(0, mass[:-1])) + np.cumsum(np.append(0, mass[:0:-1]))[::-1]
    )
    others = np.maximum(others, np.finfo(float).tiny) / (1 - share)
    most = np.argmax(np.where(raised > 0, weight / others, 0))
    factor = weight[most] / others[most]
    after = mass[most] / mass.sum()
    return RaisedClass(classes[by_size[most]], factor, share[most], after)
