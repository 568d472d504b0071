"""Sort rows by a value, and group rows with equal values."""

from functools import cached_property

import numpy as np


class Ties:
    """Groups of rows of equal value, in ascending order.

    Rows of one group have an arbitrary order, because a stable sort would take four
    times as long. The order of rows within a group changes only the rounding of sums.

    Attributes
    ----------
    order : ndarray of shape (n,)
        Rows by ascending value.
    starts : ndarray of shape (n_groups,)
        Position in `order` at which each group begins.
    """

    def __init__(self, values):
        self.order = np.argsort(values)
        ordered = values[self.order]
        changes = np.empty(ordered.size, dtype=bool)
        changes[:1] = True
        np.not_equal(ordered[1:], ordered[:-1], out=changes[1:])
        self.starts = np.flatnonzero(changes)

    @cached_property
    def sizes(self):
        """Number of rows of every group."""
        return np.diff(self.starts, append=self.order.size)

    def sums(self, values):
        """Return the sum of the values of the rows of every group."""
        if values.strides == (0,):  # one number for all rows
            return self.sizes * values[0]
        return np.add.reduceat(values[self.order], self.starts)

    def rows(self, of_groups):
        """Return for every row the value of its group."""
        by_row = np.empty(self.order.size, dtype=of_groups.dtype)
        by_row[self.order] = np.repeat(of_groups, self.sizes)
        return by_row
