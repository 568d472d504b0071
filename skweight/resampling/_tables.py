"""Conversion of tables for samplers, and back."""

import numpy as np
from scipy import sparse


def is_frame(X):
    """Return whether X is a pandas DataFrame, or similar."""
    return hasattr(X, "iloc") and hasattr(X, "columns")


def is_polars(X):
    """Return whether X is a DataFrame of polars."""
    return type(X).__module__.partition(".")[0] == "polars"


def _nullable(frame):
    """Return a dict {column: NumPy dtype} of the columns that have nullable dtypes."""
    plain = {}
    for name, dtype in frame.dtypes.items():
        kind = getattr(dtype, "kind", "O")
        if isinstance(dtype, np.dtype) or kind not in "iufb":
            continue
        if str(dtype).startswith("Sparse"):
            continue
        missing = frame[name].isna().any()
        size = getattr(dtype, "itemsize", 8)
        plain[name] = np.dtype(
            np.float64 if missing else bool if kind == "b" else f"{kind}{size}"
        )
    return plain


class Table:
    """Rows from any container, converted to a container that imbalanced-learn supports.

    Lists become arrays; polars frames and nullable dtypes become plain pandas frames.
    `restore` converts the resampled rows back.
    """

    def __init__(self, X):
        self.original = X
        if is_polars(X) and len(X.shape) == 1:
            X = X.to_numpy()
        elif is_polars(X):
            import pandas

            X = pandas.DataFrame({name: X[name].to_numpy() for name in X.columns})
        elif not hasattr(X, "shape"):
            X = np.asarray(X)
        self.nullable = _nullable(X) if is_frame(X) else {}
        if self.nullable:
            X = X.astype(self.nullable)
        self.rows = X

    def restore(self, rows):
        """Return resampled rows in the original container."""
        if self.nullable:
            rows = rows.astype(
                {name: self.original.dtypes[name] for name in self.nullable}
            )
        if is_polars(self.original) and len(self.original.shape) == 1:
            return type(self.original)(self.original.name, rows)
        if is_polars(self.original):
            names = list(self.original.columns)
            frame = type(self.original)({name: rows[name].to_numpy() for name in names})
            return frame.cast(dict(self.original.schema))
        if not hasattr(self.original, "shape"):
            return np.asarray(rows).tolist()
        return rows


def number_dtype(X, columns=None):
    """Return the common dtype of the numeric columns of X.

    None if a column is not numeric.
    """
    if not is_frame(X):
        kind = X.dtype.kind
        return X.dtype if kind in "iufb" else None
    dtypes = [
        getattr(dtype, "subtype", dtype)
        for position, dtype in enumerate(X.dtypes)
        if columns is None or position in columns
    ]
    if not all(
        isinstance(column_dtype, np.dtype) and column_dtype.kind in "iufb"
        for column_dtype in dtypes
    ):
        return None
    return np.result_type(*dtypes) if dtypes else None


def as_frame(X, frame):
    """Convert an array to a DataFrame with columns and dtypes of a given DataFrame."""
    constructor = type(frame)
    if sparse.issparse(X):
        constructor = constructor.sparse.from_spmatrix
    return constructor(X, columns=frame.columns).astype(frame.dtypes)


def append_columns(X, columns):
    """Return a copy of X with numeric columns appended."""
    if is_frame(X):
        names = list(X.columns)
        texts = all(isinstance(name, str) for name in names)
        new, number = [], 0
        while len(new) < columns.shape[1]:
            name = f"carried_{number}" if texts else number
            if name not in names:
                new.append(name)
            number += 1
        X = X.copy(deep=False)
        for position, name in enumerate(new):
            X[name] = columns[:, position]
        return X
    if sparse.issparse(X):
        X = X if X.format in ("csr", "csc") else X.tocsr()
        kind = sparse.csr_array if isinstance(X, sparse.sparray) else sparse.csr_matrix
        return sparse.hstack([X, kind(columns)], format=X.format)
    dtype = X.dtype if X.dtype.kind in "fO" else columns.dtype
    joined = np.empty((X.shape[0], X.shape[1] + columns.shape[1]), dtype=dtype)
    joined[:, : X.shape[1]] = X
    joined[:, X.shape[1] :] = columns
    return joined


def split_columns(X, width, dtype):
    """Split X: return the original columns, and the added columns as a float array."""
    if is_frame(X):
        behind = np.column_stack(
            [np.asarray(X.iloc[:, column]) for column in range(width, X.shape[1])]
        )
        return X.iloc[:, :width], behind.astype(np.float64)
    ahead, behind = X[:, :width], X[:, width:]
    if sparse.issparse(X):
        behind = behind.toarray()
    else:
        ahead = np.ascontiguousarray(ahead)
    if dtype is not None and ahead.dtype != dtype:
        ahead = ahead.astype(dtype)
    return ahead, behind.astype(np.float64)
