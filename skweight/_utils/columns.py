"""Columns of X that carry side information: read one, drop them all.

Works on pandas, polars and other DataFrames by name or position, and on arrays and
sparse matrices by position, without importing any of those libraries.
"""

import sys

import numpy as np
from scipy import sparse

from skweight._utils.validation import did_you_mean, say


def _names(X):
    columns = getattr(X, "columns", None)
    return None if columns is None else list(columns)


def _position(X, column, *, owner):
    """Return the position of a column in X, or None if X has none of that name."""
    names = _names(X)
    if isinstance(column, str):
        if names is None:
            raise ValueError(
                f"{owner} was given the column name {column!r}, but X is a "
                f"{type(X).__name__}, whose columns have no names. Pass a DataFrame, "
                "or the position of the column."
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
        Name, or position.
    owner : str
        Who asks, for the message.

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
            f"{held}.{did_you_mean(column, names or [])}"
        )
    if _names(X) is not None:
        if hasattr(X, "iloc"):
            return X.iloc[:, position].to_numpy()
        return np.asarray(X[_names(X)[position]])
    if sparse.issparse(X):
        return X.tocsc()[:, [position % width]].toarray().ravel()
    return np.asarray(X)[:, position]


def drop_columns(X, columns, *, width=None):
    """Return X without the named columns; those already gone are passed over.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Table of rows. Never changed.
    columns : list of str or int
        Names or positions.
    width : int, default=None
        Number of columns that X had with all of them. Positions are dropped only
        from an X of this width, since in a narrower one they are gone. None means
        that X is whole.

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
            # An array in place of the DataFrame of the fit, without the column.
            continue
        position = _position(X, column, owner="The weighting")
        by_name = _names(X) is not None and column in _names(X)
        if position is not None and (by_name or whole):
            drop.add(position % n_columns)
    if not drop:
        return X
    keep = [position for position in range(n_columns) if position not in drop]
    if hasattr(X, "iloc"):
        return X.iloc[:, keep]
    if _names(X) is not None:
        return X[[_names(X)[position] for position in keep]]
    if sparse.issparse(X) and X.format not in ("csr", "csc"):
        return X.tocsr()[:, keep]
    return X[:, keep]


def names_without(names, columns):
    """Return the names of columns that are left when some are dropped.

    Parameters
    ----------
    names : array-like of str
        Names of all columns.
    columns : list of str or int
        Names or positions of those that go; names that are not there are passed over.

    Returns
    -------
    names : ndarray of str
    """
    listed = list(names)
    gone = {
        listed.index(one) if isinstance(one, str) else one % len(listed)
        for one in columns
        if not isinstance(one, str) or one in listed
    }
    kept = [name for position, name in enumerate(listed) if position not in gone]
    return np.asarray(kept, dtype=object)


def append_column(X, values, name):
    """Return X with one more column, in a container of the same kind.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Table of rows. Never changed.
    values : ndarray of shape (n_samples,)
        The column.
    name : str
        Its name, where columns have names.

    Returns
    -------
    X : array-like of shape (n_samples, n_features + 1)
    """
    if _names(X) is not None:
        if name in _names(X):
            raise ValueError(
                f"X has a column {name!r} already. Give the new one another name."
            )
        if hasattr(X, "iloc"):
            return X.assign(**{name: values})
        polars = sys.modules[type(X).__module__.partition(".")[0]]
        return X.with_columns(polars.Series(name, values))
    if sparse.issparse(X):
        kept = X.format if X.format == "csc" else "csr"
        return sparse.hstack([X, values[:, np.newaxis]], format=kept)
    X = np.asarray(X)
    if X.dtype.kind not in "fiub":
        X = X.astype(object)  # numbers stay numbers beside text
    elif X.dtype.kind == "f":
        values = values.astype(X.dtype)
    return np.column_stack([X, values])
