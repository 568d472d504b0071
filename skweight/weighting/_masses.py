"""The sums from which strategies can learn if the rows do not fit into memory.

The strategies accept any object that has classes and the total weight of each class.
Therefore ``skweight.weighting`` need not import ``skweight.scale``, which computes the
total weights.
"""

from typing import NamedTuple

import numpy as np

from skweight.stabilizers import resolve_stabilizer


class ClassMass(NamedTuple):
    """Total weight of every class."""

    classes_: np.ndarray
    mass_: np.ndarray


def rows_of_cells(statistics, weighting):
    """Return one row (X, y) for each combination of values, and its total weight."""
    name = type(weighting).__name__
    if not hasattr(statistics, "as_rows"):
        raise TypeError(
            f"{name}.fit_statistics takes CellMasses; got {type(statistics).__name__}."
        )
    refuse_stabilizer(weighting, "cell")
    if weighting.needs_classes and not statistics.by_label:
        raise ValueError(
            f"{name} needs the labels, too. Count them with "
            f"CellMasses({statistics.columns!r}, by_label=True)."
        )
    if not statistics.n_rows_:
        raise ValueError(
            "No row of positive weight has been counted. Call update(X) first."
        )
    return statistics.as_rows()


def refuse_stabilizer(weighting, what):
    """Raise if a strategy limits large weights: this needs the weights of all rows."""
    if resolve_stabilizer(getattr(weighting, "stabilizer", None)) is not None:
        same = f": all rows of a {what} weigh the same" if what != "table" else ""
        raise ValueError(
            "A stabilizer needs the weights of all rows, but only sums are "
            f"available here. Fit {type(weighting).__name__} without a "
            f"stabilizer{same}."
        )


def masses_of(statistics, weighting):
    """Return the classes and their total weights; raise if `statistics` lacks these."""
    name = type(weighting).__name__
    if not (hasattr(statistics, "classes_") and hasattr(statistics, "mass_")):
        raise TypeError(
            f"{name}.fit_statistics takes ClassMasses; got {type(statistics).__name__}."
        )
    refuse_stabilizer(weighting, "class")
    known = ClassMass(statistics.classes_, statistics.mass_)
    if not known.mass_.sum() > 0:
        raise ValueError(
            "No row of positive weight has been counted. Call update(y) first."
        )
    return known
