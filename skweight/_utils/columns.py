"""Additional data of each row: from a column of X, a callable of X, or metadata.

Columns of tables (pandas, polars, pyarrow and others that narwhals supports) are found
by name or position. Columns of arrays and sparse matrices are found by position.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.utils import _safe_indexing

from skweight._utils.validation import (
    did_you_mean,
    find_missing,
    n_rows,
    say,
    without_quotes,
)
from skweight._utils.warn import warn
from skweight.exceptions import DegenerateWeightsWarning


@dataclass(frozen=True)
class RowMetadata:
    """An array with one entry per row that is passed to `fit` by name."""

    name: str


def metadata(name):
    """Name an array with one value per row that will be passed to `fit`.

    Use this function for data that are not in X:
    ``GroupBalancedWeighting(metadata("segment"))`` is fitted with ``fit(X, y,
    segment=array)``. Strategies, decisions and costs accept the returned object instead
    of the name of a column. With metadata routing, no request is needed.

    Parameters
    ----------
    name : str
        Name of the argument. It must be a Python name, but not ``"groups"`` (used by
        splitters) or ``"sample_weight"``.

    Returns
    -------
    source : RowMetadata
        An object to pass instead of the name of a column.

    Raises
    ------
    ValueError
        If the name is not a valid name of an argument, or already has another meaning.

    Examples
    --------
    >>> from skweight.weighting import metadata
    >>> metadata("segment")
    RowMetadata(name='segment')
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(
            "metadata(name) takes the name of an argument of fit, such as 'segment'; "
            f"got {name!r}. For a column of X, pass the name of the column itself, "
            "without metadata()."
        )
    if name in ("groups", "sample_weight", "X", "y"):
        meaning = "belongs to the splitter" if name == "groups" else "has another use"
        raise ValueError(
            f"metadata({name!r}) is not possible, because {name}= of fit {meaning}. "
            "Choose another name, such as metadata('segment'), and pass fit(..., "
            "segment=array)."
        )
    return RowMetadata(name)


def columns_of(source):
    """Return the columns of X that are read by one data source or by a list of them."""
    if isinstance(source, list | tuple):
        return [column for part in source for column in columns_of(part)]
    if isinstance(source, str | int | np.integer) and not isinstance(source, bool):
        return [source]
    return []


def metadata_names_of(source):
    """Return the names of metadata read by one data source or by a list of them."""
    if isinstance(source, list | tuple):
        return [name for part in source for name in metadata_names_of(part)]
    return [source.name] if isinstance(source, RowMetadata) else []


def row_values(source, X, metadata, *, owner):
    """Return the values of a data source, one for each row of X.

    Parameters
    ----------
    source : str, int, callable or RowMetadata
        The name or position of a column of X, a callable of X, or `metadata(name)`.
    X : array-like of shape (n_samples, n_features) or None
        Rows. None if the source is metadata and there are no rows.
    metadata : dict
        Metadata by name.
    owner : str
        Name of the caller, for error messages.

    Returns
    -------
    values : ndarray of shape (n_samples,)
    """
    if isinstance(source, RowMetadata):
        values = metadata.get(source.name)
        if values is None:
            raise ValueError(
                f"{owner} reads metadata({source.name!r}), which was not passed. Pass "
                f"{source.name}=array with one entry for each row, or make the array a "
                "column of X."
            )
        check_same_index(values, X, f"The index of {source.name}")
        origin = source.name
    elif isinstance(source, str | int | np.integer) and not isinstance(source, bool):
        return take_column(X, source, owner=owner)
    elif callable(source):
        values = source(X)
        check_same_index(values, X, f"The index of what {owner} computes")
        origin = f"{getattr(source, '__name__', source)!r}(X)"
    elif hasattr(source, "__array__"):
        raise TypeError(
            f"{owner} got an array. After a split or a shuffle, its entries would no "
            "longer belong to the rows of X. Make the array a column of X and pass the "
            "name of the column, or pass metadata('segment') and call fit(..., "
            "segment=array)."
        )
    else:
        raise TypeError(
            f"{owner} takes the name or the position of a column of X, a callable of "
            f"X, or metadata(name); got {source!r} of type {type(source).__name__}."
        )
    values = as_vector(values)
    if values.ndim != 1 or (X is not None and values.size != n_rows(X)):
        rows = "row" if X is None else f"of the {n_rows(X)} rows of X"
        raise ValueError(
            f"{owner} needs one entry for each {rows}; {origin} has the shape "
            f"{values.shape}."
        )
    return values


def as_vector(values):
    """Return values as an array; if times have a time zone, as an array of objects."""
    if hasattr(values, "to_numpy"):
        return values.to_numpy()
    return np.asarray(values)


def check_same_index(values, X, what):
    """Raise if values have a pandas index that differs from the index of X."""
    index, rows = getattr(values, "index", None), getattr(X, "index", None)
    if not (hasattr(index, "equals") and hasattr(rows, "equals")):
        return
    if not index.equals(rows):
        alike = len(index) == len(rows) and set(index) == set(rows)
        raise ValueError(
            f"{what} does not match the index of X"
            + (", being in another order" if alike else "")
            + ". Values would be given to the wrong rows. Align them with "
            "values.loc[X.index], or pass values.to_numpy() if the order is right."
        )


def warn_of_order(weights, X):
    """Warn if `sample_weight` has the index of X in another order.

    There is no warning for the default index 0, 1, ..., which says nothing about the
    order of X.
    """
    index, rows = getattr(weights, "index", None), getattr(X, "index", None)
    if not (hasattr(index, "equals") and hasattr(rows, "equals")):
        return
    n_samples = len(index)
    if n_samples != len(rows) or index.equals(rows):
        return
    if index.equals(pd.RangeIndex(n_samples)) or set(index) != set(rows):
        return
    warn(
        "The index of sample_weight has the labels of the index of X in another order. "
        "Weights are used by position, as everywhere in scikit-learn. Pass "
        "sample_weight.loc[X.index] if each weight belongs to the row of its label, or "
        "sample_weight.to_numpy() if the order is right.",
        DegenerateWeightsWarning,
    )


def as_table(X):
    """Return a table, by narwhals unless it is from pandas; None for other objects.

    For pandas, narwhals is not used: reading a column is five times as fast, duplicate
    names are allowed, and times keep their zone.
    """
    if not hasattr(X, "columns") or hasattr(X, "iloc"):
        return X if hasattr(X, "columns") else None
    import narwhals.stable.v2 as nw

    return nw.from_native(X, eager_only=True)


def _names(X):
    table = as_table(X)
    return None if table is None else list(table.columns)


def _position(X, column, *, owner):
    """Return the position of a column in X, or None if X has no such name."""
    names = _names(X)
    if isinstance(column, str):
        if names is None:
            raise ValueError(
                f"{owner} was given the column name {column!r}, but X is a "
                f"{type(X).__name__}, whose columns have no names. Pass a DataFrame, "
                f"or the position of the column.{without_quotes(column)}"
            )
        return names.index(column) if column in names else None
    if isinstance(column, bool) or not isinstance(column, int | np.integer):
        raise TypeError(
            f"{owner} takes the name or the position of a column; got {column!r}."
        )
    if names is not None and column in names:
        return names.index(column)
    return int(column)


def take_column(X, column, *, owner):
    """Return one column of X as a one-dimensional array.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Table of rows.
    column : str or int
        Name or position of the column.
    owner : str
        Name of the caller, for error messages.

    Returns
    -------
    values : ndarray of shape (n_samples,)
    """
    if not hasattr(X, "shape"):
        X = np.asarray(X)
    width = X.shape[1] if len(X.shape) == 2 else 0
    position = _position(X, column, owner=owner)
    if position is None or not -width <= position < width:
        names = _names(X)
        held = say(names) if names is not None else f"{width} columns"
        raise ValueError(
            f"{owner} needs the column {column!r}, which X does not have. X has "
            f"{held}.{without_quotes(column) or did_you_mean(column, names or [])}"
        )
    table = as_table(X)
    if table is not None:
        return getattr(table, "iloc", table)[:, position].to_numpy()
    if sparse.issparse(X):
        return X.tocsc()[:, [position % width]].toarray().ravel()
    return np.asarray(X)[:, position]


def with_rows(X):
    """Return a table that can be indexed by rows.

    Sparse formats without row indexing become CSR. Other objects that cannot be indexed
    become an array.
    """
    if hasattr(X, "__array__") and not hasattr(X, "__getitem__"):
        return np.asarray(X)
    if sparse.issparse(X) and X.format not in ("csr", "csc"):
        return X.tocsr()
    return X


def take_rows(X, rows):
    """Return the rows of a table or an array at some positions.

    Arrays are indexed directly. For an array of few rows, indexing by scikit-learn
    takes longer, because scikit-learn first finds out the kind of the table.
    """
    return X[rows, ...] if type(X) is np.ndarray else _safe_indexing(X, rows)


def drop_columns(X, columns, *, width=None):
    """Return X without the named columns; columns that X does not have are ignored.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Table of rows. It is never changed.
    columns : list of str or int
        Names or positions.
    width : int, default=None
        Number of columns of the complete X. Columns given by position are dropped only
        if X has this width. An X with fewer columns no longer contains the columns to
        drop. None means that X is complete.

    Returns
    -------
    X : array-like of shape (n_samples, n_remaining)
    """
    if not columns:
        return X
    if not hasattr(X, "shape"):
        X = np.asarray(X)
    if len(X.shape) != 2:
        return X
    n_columns = X.shape[1]
    whole = width is None or n_columns == width
    drop = set()
    for column in columns:
        if not whole and _names(X) is None:
            # X has no names and too few columns: it is an array of the columns that
            # were left when this column was dropped from the DataFrame of the fit.
            continue
        position = _position(X, column, owner="The weighting")
        by_name = _names(X) is not None and column in _names(X)
        if position is not None and (by_name or whole):
            drop.add(position % n_columns)
    if not drop:
        return X
    keep = [position for position in range(n_columns) if position not in drop]
    table = as_table(X)
    if table is not None:
        kept = getattr(table, "iloc", table)[:, keep]
        return kept if table is X else kept.to_native()
    return with_rows(X)[:, keep]


def names_without(names, columns):
    """Return the names of columns that are left when some are dropped.

    Parameters
    ----------
    names : array-like of str
        Names of all columns.
    columns : list of str or int
        Names or positions of the dropped columns; unknown names are ignored.

    Returns
    -------
    names : ndarray of str
    """
    listed = list(names)
    gone = {
        listed.index(column) if isinstance(column, str) else column % len(listed)
        for column in columns
        if not isinstance(column, str) or column in listed
    }
    kept = [name for position, name in enumerate(listed) if position not in gone]
    return np.asarray(kept, dtype=object)


def append_column(X, values, name):
    """Return X with one more column, in a container of the same kind.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Table of rows. It is never changed.
    values : ndarray of shape (n_samples,)
        Values of the new column.
    name : str
        Name of the new column, if columns have names.

    Returns
    -------
    X : array-like of shape (n_samples, n_features + 1)
    """
    table = as_table(X)
    if table is not None:
        if name in table.columns:
            raise ValueError(
                f"X already has a column {name!r}. Choose another name for the new "
                "column."
            )
        if table is X:
            return X.assign(**{name: values})
        import narwhals.stable.v2 as nw

        column = nw.new_series(name, values, backend=table.implementation)
        return table.with_columns(column).to_native()
    if sparse.issparse(X):
        kept = X.format if X.format == "csc" else "csr"
        return sparse.hstack([X, values[:, np.newaxis]], format=kept)
    X = np.asarray(X)
    if X.dtype.kind not in "fiub":
        X = X.astype(object)  # numbers stay numbers next to text
    elif X.dtype.kind == "f":
        values = values.astype(X.dtype)
    return np.column_stack([X, values])


def group_index(source, X, metadata, *, owner, counts=None):
    """Return the group of every row as a pandas index; several columns are combined.

    Parameters
    ----------
    source : str, int, callable, RowMetadata or list of these
        Where the groups come from. Several sources in a list give one group for each
        combination of their values.
    X : array-like of shape (n_samples, n_features)
        Rows.
    metadata : dict
        Metadata by name.
    owner : str
        Name of the caller, for error messages.
    counts : ndarray of shape (n_samples,), default=None
        Whether each row has positive weight. A row of weight zero needs no group.

    Returns
    -------
    groups : pandas.Index
        A `MultiIndex` for a list of several sources.
    """
    sources = list(source) if isinstance(source, list | tuple) else [source]
    if not sources:
        raise ValueError(
            f"{owner} needs the group of each row. Pass the name of a column, a list "
            "of names, a callable of X, or metadata('segment')."
        )
    columns = []
    for part in sources:
        values = row_values(part, X, metadata, owner=owner)
        missing = find_missing(values)
        n_missing = np.count_nonzero(missing if counts is None else missing & counts)
        if n_missing:
            raise ValueError(
                f"{owner} needs a group for every row; {say_source(part)} is missing "
                f"in {n_missing} of {values.size} rows. Add a group for the rows that "
                "have none, for example by X['column'].fillna('none')."
            )
        columns.append(pd.Series(values.astype(object)))
    if len(columns) == 1:
        return pd.Index(columns[0], dtype=object)
    return pd.MultiIndex.from_arrays(columns)


def say_source(source):
    """Return the source of row-wise information, in words."""
    if columns_of(source):
        return f"the column {source!r}"
    if isinstance(source, RowMetadata):
        return f"metadata({source.name!r})"
    return f"what {getattr(source, '__name__', source)!r} returns"
