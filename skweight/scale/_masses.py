"""Weighted counts of rows, for each class or for each combination of column values."""

import numpy as np

from skweight._utils.sums import Sums, check_one_kind, chunk_weights
from skweight._utils.validation import check_bool, n_rows, plain, say
from skweight.scale._chunks import column_of
from skweight.scale._labels import encode

# Order of the sums of every cell: number of rows of positive weight, sum of weights,
# and sum of squared weights.
_N_SUMS = 3


class CellMasses(Sums):
    r"""Total weights of combinations of column values, summed chunk by chunk.

    A cell is a combination of column values that occurs in at least one row. Raking,
    balanced groups and reweighing can be fitted on the total weights of cells, without
    the rows. The method `margin` gives the shares of the values of a single column.

    .. math:: W_c = \sum_{i \in c} s_i

    Parameters
    ----------
    columns : list of str or int
        Columns (names or positions) whose combinations of values are counted. Memory
        grows with the number of combinations that occur.
    by_label : bool, default=False
        Whether the combinations also contain the label, as the last column.

    Attributes
    ----------
    mass_ : dict {tuple: float}
        Total weight of every cell. The key is a tuple with one value of each of
        `columns`, in the order of `columns`. If `by_label` is True, the label is the
        last value of the tuple. None stands for a missing value.
    n_rows_ : int
        Number of rows of positive weight.
    keys : set
        Keys of the partitions that have been counted.

    See Also
    --------
    ClassMasses : Cells of the label only.

    Notes
    -----
    The time is O(n). Sums are float64, so that the order of the chunks changes at most
    the last digits.

    Examples
    --------
    >>> import pandas as pd
    >>> from skweight.scale import CellMasses
    >>> chunks = [
    ...     pd.DataFrame({"sex": ["f", "m"], "age": ["old", "old"]}),
    ...     pd.DataFrame({"sex": ["f", "f"], "age": ["young", "old"]}),
    ... ]
    >>> cells = CellMasses(["sex", "age"])
    >>> for chunk in chunks:
    ...     _ = cells.update(chunk)
    >>> cells.mass_
    {('f', 'old'): 2.0, ('f', 'young'): 1.0, ('m', 'old'): 1.0}
    >>> cells.margin("sex")
    {'f': 0.75, 'm': 0.25}
    """

    _alike = ("columns", "by_label")

    def __init__(self, columns, *, by_label=False):
        super().__init__()
        check_bool(by_label, name="by_label")
        if isinstance(columns, str | int):
            raise TypeError(f"columns must be a list of columns; got {columns!r}.")
        self.columns = list(columns)
        if not self.columns:
            raise ValueError("columns must name at least one column; got none.")
        self.by_label = by_label

    @property
    def _takes(self):
        return ("X", "y") if self.by_label else ("X",)

    def update(self, X, sample_weight=None, *, y=None, key=None):
        """Count the rows of a chunk.

        Parameters
        ----------
        X : DataFrame, dict or array of shape (n_samples, n_features)
            A chunk with all of `columns`.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights: how many rows of the population each row stands for.
        y : array-like of shape (n_samples,), default=None
            Labels of the rows of the chunk, needed if `by_label` is True.
        key : hashable, default=None
            Key of the partition, if the chunk is a whole partition. A second chunk with
            the same key replaces the first chunk. None adds the chunk to the sums.

        Returns
        -------
        self : object
            The statistics.
        """
        values = [column_of(X, column) for column in self.columns]
        if self.by_label:
            if y is None:
                raise ValueError(
                    "CellMasses(by_label=True) needs labels; got y=None. Pass y."
                )
            values.append(np.asarray(y))
        elif y is not None:
            raise ValueError(
                "CellMasses counts labels only with by_label=True; got y. Do not pass "
                "y, or create CellMasses(..., by_label=True)."
            )
        if len({column.shape for column in values}) > 1:
            raise ValueError(
                "The columns of a chunk must have the same length; got "
                f"{[column.shape[0] for column in values]}."
            )
        weight = chunk_weights(sample_weight, values[0].shape[0])
        return self._take(_sums_of_cells(values, weight), key)

    def margin(self, column):
        """Return the share of every value of one column.

        Parameters
        ----------
        column : str or int
            One of `columns`.

        Returns
        -------
        shares : dict {value: float}
            Share of each value in the total weight; the sum of the shares is 1.
        """
        if column not in self.columns:
            raise ValueError(
                f"column must be one of {say(self.columns)}; got {column!r}."
            )
        index = self.columns.index(column)
        shares = {}
        for cell, mass in self.mass_.items():
            shares[cell[index]] = shares.get(cell[index], 0.0) + mass
        total = sum(shares.values())
        return {value: mass / total for value, mass in shares.items()}

    def as_rows(self):
        """Return two weighted rows per cell; a cell with a single row gives one row.

        Returns
        -------
        X : DataFrame
            Values of `columns` for every returned row; cells of weight 0 are left out.
        y : ndarray or None
            Labels of the returned rows, if `by_label` is True.
        sample_weight : ndarray
            Weight of each returned row: the total weight of the cell, divided by the
            number of returned rows of the cell.
        """
        import pandas as pd

        totals = self._totals()
        cells = [cell for cell in sorted(totals, key=_rank) if totals[cell][1] > 0]
        # Strategies warn about cells (combinations of values) with a single row.
        # Therefore a cell with one row is also represented by one row here.
        times = [1 if totals[cell][0] == 1 else 2 for cell in cells]
        rows = [c for c, n in zip(cells, times, strict=True) for _ in range(n)]
        columns = [[row[index] for row in rows] for index in range(len(self.columns))]
        X = pd.DataFrame(dict(zip(self.columns, columns, strict=True)))
        mass = [totals[c][1] / n for c, n in zip(cells, times, strict=True)]
        y = np.array([row[-1] for row in rows]) if self.by_label else None
        return X, y, np.repeat(mass, times)

    @property
    def mass_(self):
        """Total weight of every cell."""
        totals = self._totals()
        return {cell: float(totals[cell][1]) for cell in sorted(totals, key=_rank)}

    @property
    def n_rows_(self):
        """Number of rows of positive weight."""
        return int(sum(sums[0] for sums in self._totals().values()))

    def _agree(self, labels):
        names = [*self.columns, "y"] if self.by_label else self.columns
        for index, column in enumerate(names):
            counted_values = {cell[index] for cell in self._all_labels()}
            check_one_kind(
                counted_values | {cell[index] for cell in labels}, name=repr(column)
            )


class ClassMasses(Sums):
    r"""Weighted numbers of rows for every class, counted chunk by chunk.

    Strategies that weight rows by class can be fitted on these counts instead of the
    rows. Examples are :class:`~skweight.BalancedWeighting`,
    ``EffectiveNumberWeighting``, ``ClassWeighting`` and ``PriorWeighting``; their
    method is ``fit_statistics``. The object has a size of a few hundred bytes, for any
    number of rows.

    .. math:: n_k, \qquad W_k = \sum_{i \in k} s_i, \qquad \sum_{i \in k} s_i^2

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels that have occurred so far, sorted.
    mass_ : ndarray of shape (n_classes,)
        Total weight of each class.
    n_rows_ : ndarray of shape (n_classes,)
        Number of rows of positive weight of each class.
    effective_rows_ : ndarray of shape (n_classes,)
        Kish's effective sample size of each class.
    keys : set
        Keys of the partitions that have been counted.

    See Also
    --------
    summarize : Reads the chunks from files and tables.
    ScoreStatistics : For calibrators.

    Notes
    -----
    The time is O(n). Chunks may come in any order and on any machine, and need not
    contain all classes. Sums are float64, so that the order of the chunks changes at
    most the last digits.

    References
    ----------
    .. [1] L. Kish, "Survey Sampling", Wiley, 1965, section 11.7.

    Examples
    --------
    >>> from skweight import BalancedWeighting
    >>> from skweight.scale import ClassMasses
    >>> first = ClassMasses().update(["no", "no", "yes"]).update(["no", "no"])
    >>> second = ClassMasses().update(["no", "yes", "no"])
    >>> masses = first.merge(second)
    >>> masses.mass_
    array([6., 2.])
    >>> BalancedWeighting().fit_statistics(masses).class_weight_dict()
    {'no': 0.6666666666666666, 'yes': 2.0}
    """

    _takes = ("y",)

    def update(self, y, sample_weight=None, *, key=None):
        """Count the rows of a chunk.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Labels of the rows of the chunk; may be empty.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights: how many rows of the population each row stands for.
        key : hashable, default=None
            Key of the partition, if the chunk is a whole partition. A second chunk with
            the same key replaces the first chunk. None adds the chunk to the sums.

        Returns
        -------
        self : object
            The statistics.
        """
        if n_rows(y, "y") == 0:
            return self._take({}, key)
        labels, codes = encode(y, owner="ClassMasses")
        weight = chunk_weights(sample_weight, codes.shape[0])
        sums = _counts(codes, weight, len(labels))
        return self._take(dict(zip(labels, sums, strict=True)), key)

    @property
    def classes_(self):
        """Labels that have occurred so far, sorted."""
        return np.array(sorted(self._all_labels()))

    @property
    def mass_(self):
        """Total weight of each class."""
        return self._table()[:, 1]

    @property
    def n_rows_(self):
        """Number of rows of positive weight of each class."""
        return self._table()[:, 0].astype(np.int64)

    @property
    def effective_rows_(self):
        """Kish's effective sample size of each class."""
        _, mass, squares = self._table().T
        return np.divide(mass**2, squares, out=np.zeros(mass.size), where=mass > 0)

    def _table(self):
        totals = self._totals()
        rows = [totals[label] for label in sorted(totals)]
        return np.array(rows).reshape(len(rows), _N_SUMS)

    def _agree(self, labels):
        check_one_kind([*self._all_labels(), *labels])


def _counts(codes, weight, n_cells):
    """Return an array of shape (n_cells, _N_SUMS)."""
    if weight is None:
        count = np.bincount(codes, minlength=n_cells)
        return np.repeat(count[:, np.newaxis], _N_SUMS, axis=1).astype(np.float64)
    return np.column_stack(
        [
            np.bincount(codes, value, n_cells)
            for value in (weight > 0, weight, weight * weight)
        ]
    )


def _sums_of_cells(values, weight):
    import pandas as pd

    if values[0].shape[0] == 0:
        return {}
    levels = []
    codes = np.zeros(values[0].shape[0], dtype=np.int64)
    for column in values:
        code, level = pd.factorize(column, use_na_sentinel=False)
        codes = codes * len(level) + code
        # Only combinations that occur get a code. Codes for all possible combinations
        # could exceed the range of integers.
        used, codes = np.unique(codes, return_inverse=True)
        before = used // len(level)
        levels = [labels[before] for labels in levels]
        levels.append(np.asarray(level, dtype=object)[used % len(level)])
    sums = _counts(codes, weight, used.size)
    cells = zip(*([_value(label) for label in level] for level in levels), strict=True)
    return dict(zip(cells, sums, strict=True))


def _value(value):
    value = plain(value)
    # A missing value is None, NaN, NaT or NA of pandas. NaN and NaT are not equal to
    # themselves. The result of NA == NA is NA, and NA is not True.
    return value if value is not None and (value == value) is True else None


def _rank(cell):
    return tuple((value is None, value if value is not None else 0) for value in cell)
