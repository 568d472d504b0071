"""Compute weighted quantiles and bins of equal mass without sorting all rows.

The bits of a floating-point number, read as an integer, have the order of the numbers.
The leading bits of the numbers divide the rows into bins of rising values. The total
weight of each bin shows which bins contain a quantile. Only the rows of these bins are
sorted. A sort of all rows would give the same result.
"""

import numpy as np

from skweight._utils.ties import Ties

# The first number: up to this number of rows, there is only one bin. The second number
# is the largest number of bins.
_FEW_ROWS = 1 << 12
_MOST_CELLS = 1 << 17

# A cumulative weight also reaches a goal if it is below the goal by at most this share
# of the total weight. So rounding makes no difference between two equal rows and one
# row of weight 2.
_ROUNDING = 1e-12

_ALL_BUT_SIGN = np.int64(2**63 - 1)


class ValueCells:
    """Rows in cells of rising values.

    Parameters
    ----------
    values : ndarray of shape (n,)
        At least one.
    """

    def __init__(self, values):
        self.values = values
        if values.size <= _FEW_ROWS:
            self.cell, self.n_cells = np.zeros(values.size, dtype=np.intp), 1
            return
        keys = _keys(values)
        low, high = int(keys.min()), int(keys.max())
        self._shift = ((high - low) // _MOST_CELLS).bit_length()
        self._first = low >> self._shift
        self.cell = self._cell_of(keys)
        self.n_cells = (high >> self._shift) - self._first + 1

    def _cell_of(self, keys):
        keys >>= self._shift
        keys -= self._first
        return keys.astype(np.intp, copy=False)

    def reached(self, weights, shares, *, middle=False):
        """Return the smallest values whose cumulative weights reach given shares.

        Parameters
        ----------
        weights : ndarray of shape (n,)
            Weights of the values.
        shares : ndarray of shape (m,)
            Shares of the total weight.
        middle : bool, default=False
            True: the cumulative weight of a value includes only half of the weight of
            the rows that have this value. With True, all weights must be positive.

        Returns
        -------
        reached : ndarray of shape (m,)
            For each share, the smallest value whose cumulative weight reaches the
            share; infinity if there is no such value.
        """
        ends = np.cumsum(self._mass(weights))
        goals = shares * (ends[-1] * (1 - _ROUNDING))
        cells = np.searchsorted(ends, goals)
        # The weight up to the end of a bin can reach the goal although the cumulative
        # weight of its last value does not (because of `middle`, or of rounding). The
        # result is then the first value of the next bin with rows.
        following = np.searchsorted(ends, ends[cells], side="right")
        cells = np.union1d(cells, following[following < ends.size])
        rows = self._rows_in(cells)
        ties = Ties(self.values[rows])
        mass = ties.sums(weights[rows])
        distinct = ties.order[ties.starts]
        # The weight before the first value of a bin is the weight of all bins before
        # this bin.
        cell = np.searchsorted(cells, self.cell[rows][distinct])
        is_first = np.diff(cell, prepend=-1) > 0
        inside = np.cumsum(mass)
        before = (inside - mass)[is_first]
        running = inside + (np.append(0.0, ends)[cells] - before)[cell]
        if middle:
            running -= mass / 2
        at = np.searchsorted(running, goals)
        return np.append(self.values[rows][distinct], np.inf)[at]

    def positions(self, knots):
        """Return, for every row, the number of knots that do not exceed its value.

        ``knots`` are some of the values, ascending.
        """
        if self.n_cells == 1:
            return np.searchsorted(knots, self.values, side="right")
        cell = self._cell_of(_keys(knots))
        per_cell = np.bincount(cell, minlength=self.n_cells)
        positions = np.cumsum(per_cell)[self.cell]
        rows = self._rows_in(cell)
        positions[rows] = np.searchsorted(knots, self.values[rows], side="right")
        return positions

    def _mass(self, weights):
        if weights.strides == (0,):  # one number for all rows
            return np.bincount(self.cell, minlength=self.n_cells) * weights[0]
        return np.bincount(self.cell, weights, self.n_cells)

    def _rows_in(self, cells):
        """Return the rows of some cells."""
        if self.n_cells == 1:
            return slice(None)
        is_wanted = np.zeros(self.n_cells, dtype=bool)
        is_wanted[cells] = True
        return np.flatnonzero(is_wanted[self.cell])


def _keys(values):
    """Return integers in the order of the values."""
    # Adding 0.0 turns -0.0 into 0.0: both are equal, but their bits differ.
    keys = np.add(values, 0.0, dtype=np.float64).view(np.int64)
    # The size of a negative number grows with its bits.
    keys ^= (keys >> 63) & _ALL_BUT_SIGN
    return keys
