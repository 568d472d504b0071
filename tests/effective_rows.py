"""The scale of weights that the calibrators document, for the tests of their minima."""

import numpy as np


def kish(weight):
    return weight.sum() ** 2 / (weight**2).sum()


def effective(weight, y):
    """Return weights as effective rows: sums of 1 / count over classes are equal."""
    parts = [weight[y == label] for label in np.unique(y)]
    known = sum(1 / kish(part) for part in parts)
    return weight * sum(1 / part.sum() for part in parts) / known


def row_mass(weight, y):
    """Return what one more row weighs: of the labels 0 and 1, in effective rows."""
    weight = effective(weight, y)
    parts = [weight[y == label] for label in (0, 1)]
    return [part.sum() / kish(part) if part.size else 1.0 for part in parts]
