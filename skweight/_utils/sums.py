"""Sums over rows from any source and in any order; each partition is added once."""

import copy

import numpy as np

from skweight._utils.validation import check_weights, plain, say


class Sums:
    """Base class of all statistics that are sums over rows.

    The method `update` of a subclass verifies a chunk of rows, computes its sums as a
    dict of arrays, and passes this dict to `_take`. Nothing is added before the whole
    chunk is verified. The method `_totals` returns the sums of all rows.

    Sums with a key belong to a whole partition. Until `_close` adds these sums up, they
    are stored separately, so that a repeated partition replaces the earlier one.
    """

    # Attributes that must be equal when objects are merged.
    _alike = ()

    def __init__(self):
        self._reset()

    def _reset(self):
        """Forget all rows."""
        self._added = {}
        self._partials = {}
        self._closed = set()

    @property
    def keys(self):
        """Keys of the partitions that have been counted."""
        return self._closed | set(self._partials)

    def merge(self, other):
        """Add the sums of another object of the same class.

        Parameters
        ----------
        other : object
            Statistics of other rows. They are never changed.

        Returns
        -------
        self : object
            The statistics.

        Raises
        ------
        TypeError
            If `other` is of another class.
        ValueError
            If `other` was created with other parameters, or if both contain the same
            partition.
        """
        owner = type(self).__name__
        if type(other) is not type(self):
            raise TypeError(f"merge takes {owner}; got {type(other).__name__}.")
        for name in self._alike:
            mine, theirs = getattr(self, name), getattr(other, name)
            if not _same(mine, theirs):
                raise ValueError(
                    f"merge takes {owner} with the same {name}; this object has "
                    f"{mine!r}, but the other object has {theirs!r}. Create all "
                    f"objects with the same {name}."
                )
        twice = self.keys & other.keys
        if twice:
            raise ValueError(
                f"Both objects contain the partitions {say(sorted(twice, key=str))}, "
                "so their rows would count twice. Merge objects of different "
                "partitions; update(..., key=) replaces a partition."
            )
        self._agree(other._all_labels())
        self._before_merge(other)
        self._put(other._added)
        for key, sums in other._partials.items():
            self._put(_copied(sums), key)
        self._closed |= other._closed
        return self

    def _before_merge(self, other):
        """Copy what `other` fixed at its first chunk, such as labels.

        A subclass may raise an error here.
        """

    def _agree(self, labels):
        """Raise if labels do not match the labels of earlier chunks."""

    def _take(self, sums, key=None):
        """Add the sums of a chunk, or replace the sums of a partition."""
        self._refuse_closed(key)
        self._agree(sums)
        self._put(sums, key)
        return self

    def _put(self, sums, key=None):
        """Store verified sums."""
        if key is None:
            self._plus(sums)
        else:
            self._partials[key] = sums

    def _refuse_closed(self, key):
        if key is not None and key in self._closed:
            raise ValueError(
                f"The partition {say(key)} has been added up already, and its rows "
                "would count twice. Start from new statistics to count again."
            )

    def _plus(self, sums):
        for label, values in sums.items():
            if label in self._added:
                self._added[label] = self._combine(label, self._added[label], values)
            else:
                self._added[label] = values.copy()

    def _combine(self, label, first, other):
        return first + other

    def _totals(self):
        """Return the sums of all rows, by label."""
        if not self._partials:
            return self._added
        total = copy.copy(self)
        total._added = _copied(self._added)
        for sums in self._partials.values():
            total._plus(sums)
        return total._added

    def _all_labels(self):
        labels = dict.fromkeys(self._added)
        for sums in self._partials.values():
            labels.update(dict.fromkeys(sums))
        return labels

    def _close(self):
        """Add the partitions up; they cannot be replaced afterwards."""
        for sums in self._partials.values():
            self._plus(sums)
        self._closed |= set(self._partials)
        self._partials = {}

    def _empty(self):
        """Return statistics of the same form without any counts."""
        empty = copy.copy(self)
        empty._reset()
        return empty

    def _as_partition(self, key):
        """Return these sums as those of one partition."""
        partition = self._empty()
        partition._put(self._totals(), key)
        return partition


def _copied(sums):
    return {label: values.copy() for label, values in sums.items()}


def _same(first, other):
    if isinstance(first, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(first, other)
    return bool(first == other)


# -- rows of a chunk -------------------------------------------------------------------


def chunk_weights(sample_weight, n_rows):
    """Return weights of a chunk; a chunk can be empty or have only zero weights."""
    if sample_weight is None:
        return None
    weight = np.asarray(sample_weight)
    if weight.shape == (n_rows,) and weight.dtype.kind in "fiub" and not weight.any():
        return np.zeros(n_rows)
    weight = check_weights(sample_weight, n_rows)
    if weight.max() > 1e140:
        raise ValueError(
            f"sample_weight is as large as {weight.max():g}, and its square overflows. "
            "Divide all weights by a constant: only their ratios matter."
        )
    return weight


def kind_of(label):
    """Return the type of a label; labels of different types cannot be sorted."""
    if label is None:
        return "missing"
    if isinstance(label, bool | int | float):
        return "number"
    return type(label).__name__


def check_one_kind(labels, *, name="y"):
    """Raise if a column has labels of several types, such as 1 and "1"."""
    kinds = {}
    for label in labels:
        kinds.setdefault(kind_of(plain(label)), plain(label))
    kinds.pop("missing", None)
    if len(kinds) > 1:
        shown = " and ".join(f"{label!r} ({kind})" for kind, label in kinds.items())
        raise TypeError(
            f"{name} mixes values of different types over its chunks: {shown}. Convert "
            "the column to the same type in every chunk."
        )
