"""The input of strategies that weigh by class when the rows are not in memory.

The strategies accept any object with the classes and their masses. So this package does
not import ``skweight.scale``, where masses are counted.
"""

from typing import NamedTuple

import numpy as np

from skweight.stabilizers import resolve_stabilizer


class ClassMass(NamedTuple):
    """Total weight of every class."""

    classes_: np.ndarray
    mass_: np.ndarray


def rows_of_cells(statistics, weighting):
    """Return X, y and sample_weight with one row per cell, weighted by its total."""
    name = type(weighting).__name__
    if not hasattr(statistics, "as_rows"):
        raise TypeError(
            f"{name}.fit_statistics takes CellMasses; got {type(statistics).__name__}."
        )
    refuse_stabilizer(weighting, "cell")
    if weighting.needs_classes and not statistics.by_label:
        raise ValueError(
            f"{name} looks at the labels: count them as well, with "
            f"CellMasses({statistics.columns!r}, by_label=True)."
        )
    if not statistics.n_rows_:
        raise ValueError(
            "No row of positive weight has been counted. Call update(X) first."
        )
    return statistics.as_rows()


def refuse_stabilizer(weighting, what):
    """Raise if a strategy has a stabilizer, which needs the weights of all rows."""
    if resolve_stabilizer(getattr(weighting, "stabilizer", None)) is not None:
        same = f": all rows of a {what} weigh the same" if what != "table" else ""
        raise ValueError(
            "A stabilizer looks at the weights of all rows, which sums do not know. "
            f"Fit {type(weighting).__name__} without one{same}."
        )


def masses_of(statistics, weighting):
    """Return classes and masses, or raise if the strategy cannot learn from them."""
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
