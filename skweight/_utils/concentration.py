"""The rule by which all modules decide that few rows have most of the weight.

The limits were calibrated by ``benchmarks/degenerate_weights.py``. At most 5 % of
samples of weights from usual distributions (exponential, lognormal, gamma, ...) are
reported.
"""

from typing import NamedTuple

import numpy as np

# There is a warning if the number of effective rows is below SMALLEST_SHARE times the
# number of rows, and also below FEW_EFFECTIVE_ROWS.
SMALLEST_SHARE, FEW_EFFECTIVE_ROWS = 0.1, 50
# There is a warning if one row has more than LARGEST_SHARE of the weight, and there are
# at least FEWEST_ROWS rows. Other warnings report a smaller number of rows.
LARGEST_SHARE, FEWEST_ROWS = 0.5, 10


class Concentration(NamedTuple):
    """A set of rows in which a few rows have nearly all of the weight.

    Attributes
    ----------
    code : int or None
        Position of the class that the rows of the set belong to; None if the set has
        the rows of all classes.
    rows : int
        Rows of positive weight.
    effective : float
        Kish's effective number of the rows of the set.
    largest : float
        Share of the largest weight in the total weight of the set.
    """

    code: int | None
    rows: int
    effective: float
    largest: float


def find_concentration(weights, codes=None):
    """Return the worst concentration in a class or in all rows; None if there is none.

    The result for a class stays the same if all weights of the class are multiplied by
    one number.

    Parameters
    ----------
    weights : ndarray of shape (n_samples,)
        Finite, 0 or more, not all zero.
    codes : ndarray of shape (n_samples,), default=None
        Positions of the classes of the rows. None: all rows are examined together.
    """
    counted = weights > 0
    if np.count_nonzero(counted) < FEWEST_ROWS:
        return None
    if not counted.all():
        weights, codes = weights[counted], None if codes is None else codes[counted]
    if codes is None:
        codes = np.zeros(weights.size, dtype=np.intp)
    peaks = np.zeros(int(codes.max()) + 1)
    np.maximum.at(peaks, codes, weights)
    # Weights are divided by the largest weight of the class, so that no sum overflows.
    relative = weights / peaks[codes]
    rows = np.bincount(codes)
    mass = np.maximum(np.bincount(codes, relative), 1.0)
    effective = mass**2 / np.maximum(np.bincount(codes, relative * relative), 1.0)
    largest = 1 / mass
    few = (effective < SMALLEST_SHARE * rows) & (effective < FEW_EFFECTIVE_ROWS)
    few |= (rows >= FEWEST_ROWS) & (largest > LARGEST_SHARE)
    if few.any():
        code = int(np.argmin(np.where(few, effective / rows, np.inf)))
        alone = np.count_nonzero(rows) == 1
        return Concentration(
            None if alone else code, int(rows[code]), effective[code], largest[code]
        )
    return _one_row(weights / weights.max(), codes, rows)


def _one_row(relative, codes, rows):
    """Return the concentration in the row with the largest weight; None if none.

    If all rows of a small class have large weights, one of them may have more than half
    of the total weight. A small class of this kind is not reported. So the row is also
    compared with the lower median of the weights of its class.
    """
    top = int(np.argmax(relative))
    total = relative.sum()
    if 1 / total <= LARGEST_SHARE or rows[codes[top]] < 2:
        return None
    of_class = np.sort(relative[codes == codes[top]])
    typical = of_class[(of_class.size - 1) // 2]
    if typical > 0 and 1 / (typical * rows.sum()) <= LARGEST_SHARE:
        return None
    effective = float(total**2 / (relative @ relative))
    return Concentration(None, int(rows.sum()), effective, float(1 / total))
