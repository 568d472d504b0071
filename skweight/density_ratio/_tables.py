"""Check that two tables have the same columns; raise an error if they do not."""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils import _safe_indexing, check_array

from skweight._utils.columns import take_column, warn_of_order
from skweight._utils.roles import in_range
from skweight._utils.times import are_times, times_as_numbers
from skweight._utils.validation import check_weights, n_rows, say
from skweight._utils.warn import warn

# With fewer rows than this, a density cannot be estimated.
MIN_ROWS = 5


class Sample(NamedTuple):
    """Rows of one population, and the share of each row in the population."""

    X: object
    share: np.ndarray | None = None

    @property
    def n(self):
        """Number of rows."""
        return n_rows(self.X)

    @property
    def n_effective(self):
        """Effective number of rows."""
        return float(self.n) if self.share is None else 1 / (self.share @ self.share)

    def share_of(self, rows):
        """Return the share of a slice of the rows."""
        if self.share is None:
            return np.full(rows.stop - rows.start, 1 / self.n)
        return self.share[rows]

    def shares(self):
        """Return the share of every row."""
        return self.share_of(slice(0, self.n))

    def take(self, rows):
        """Return some of the rows as a new sample."""
        if self.share is None:
            return Sample(take_rows(self.X, rows))
        share = self.share[rows]
        return Sample(take_rows(self.X, rows), share / share.sum())


def take_rows(X, rows):
    """Return rows of a table by their positions."""
    return X[rows] if hasattr(X, "dtype") else _safe_indexing(X, rows)


def column_names(X):
    """Return the names of the columns, or None if there are none."""
    columns = getattr(X, "columns", None)
    return None if columns is None else [str(name) for name in columns]


def width(X, name):
    """Return the number of columns of a table."""
    shape = getattr(X, "shape", None)
    if shape is None:
        shape = np.asarray(X).shape
    if len(shape) == 0:
        raise TypeError(
            f"{name} must be a table of rows; got {type(X).__name__}. Pass an array, "
            "a sparse matrix or a DataFrame. Convert a generator to a list first."
        )
    if len(shape) != 2:
        raise ValueError(
            f"{name} must be a table of rows and columns; got shape {tuple(shape)}. "
            "Use reshape(-1, 1) for a single column."
        )
    return shape[1]


def warn_of_missing_names(X, names, *, name, reference):
    """Warn if one of two tables has names of columns and the other has none.

    Without names, the columns of the two tables are matched by position, which may be
    wrong.
    """
    columns = column_names(X)
    if _says_nothing(columns) == _says_nothing(names):
        return
    without, other = (name, reference) if columns is None else (reference, name)
    warn(
        f"The columns of {other} have names, but the columns of {without} have no "
        "names. The columns are therefore matched by position. Pass two DataFrames "
        "with the same column names to have the order checked, or two arrays.",
        UserWarning,
    )


def _says_nothing(names):
    """Return whether names are missing, or are only the positions 0, 1, 2 and so on."""
    return names is None or names == [str(position) for position in range(len(names))]


def check_same_kinds(X_source, X_target):
    """Raise if a column holds numbers in one of two tables, and text in the other."""
    tables = [X_source, X_target]
    numeric = [_numeric_columns(X) for X in tables]
    for position in np.flatnonzero(numeric[0] != numeric[1]):
        text = 0 if numeric[1][position] else 1
        column = take_column(tables[text], int(position), owner="X_target")
        if are_times(column) or _all_numbers(column):
            continue
        names = column_names(X_source) or list(range(len(numeric[0])))
        of = ("X_source", "X_target")
        raise ValueError(
            f"The column {names[position]!r} holds numbers in {of[1 - text]} and "
            f"other values in {of[text]}, such as {say(column[:1])[1:-1]}. Encode "
            "this column in the same way in both tables, or drop it from both."
        )


def _numeric_columns(X):
    """Return for each column whether its dtype is numeric."""
    dtypes = getattr(X, "dtypes", None)
    if column_names(X) is None or dtypes is None:
        return np.full(X.shape[1], getattr(X.dtype, "kind", "f") in "biuf")
    return np.array([_is_numeric(dtype) for dtype in dtypes])


def check_same_columns(X, names, n_columns, *, name, reference):
    """Raise an error that names the columns if two tables have different columns."""
    columns = column_names(X)
    if columns is not None and names is not None:
        lacks = [column for column in names if column not in columns]
        extra = [column for column in columns if column not in names]
        if lacks or extra:
            parts = [
                f"it lacks {say(lacks)}" if lacks else "",
                f"it has {say(extra)}, unknown to {reference}" if extra else "",
            ]
            raise ValueError(
                f"{name} must have the columns of {reference}; "
                f"{' and '.join(part for part in parts if part)}. Pass the same "
                "features of both populations."
            )
        if columns != names:
            pairs = zip(columns, names, strict=True)
            first = next(i for i, (a, b) in enumerate(pairs) if a != b)
            raise ValueError(
                f"{name} must have its columns in the order of {reference}; column "
                f"{first} is {columns[first]!r} instead of {names[first]!r}. Reorder "
                "them by name."
            )
    n = width(X, name)
    if n != n_columns:
        raise ValueError(
            f"{name} must have the {n_columns} columns of {reference}; got {n}. "
            "Pass the same features of both populations."
        )
    warn_of_missing_names(X, names, name=name, reference=reference)


def check_pair(X_source, X_target, weight_source, weight_target, *, owner, numeric):
    """Return the source and target rows of positive weight as samples, or raise."""
    n_columns = width(X_source, "X_source")
    check_same_columns(
        X_target,
        column_names(X_source),
        n_columns,
        name="X_target",
        reference="X_source",
    )
    if not numeric:
        check_same_kinds(plain_table(X_source), plain_table(X_target))
    samples = []
    for X, weight, name in (
        (X_source, weight_source, "source"),
        (X_target, weight_target, "target"),
    ):
        n = n_rows(X, f"X_{name}")
        share = None
        if weight is not None:
            warn_of_order(weight, X)
            weight = check_weights(weight, n, name=f"sample_weight_{name}")
            counted, share = rows_that_count(weight)
        n_counted = n if share is None else share.size
        if n_counted < MIN_ROWS:
            raise ValueError(
                f"X_{name} must have at least {MIN_ROWS} rows of positive weight; got "
                f"{n_counted}. A density ratio begins to be useful with some hundreds "
                f"of rows. Pass more rows of the {name}."
            )
        X = numbers(X, owner=owner, name=f"X_{name}") if numeric else plain_table(X)
        samples.append(Sample(take_rows(X, counted) if n_counted < n else X, share))
    return samples


def rows_that_count(weight):
    """Return positions and shares of the rows with a positive share of the weight.

    Rounding gives a row the share zero if its weight is tiny compared with other
    weights.
    """
    weight = in_range(weight)
    # Zeros are left out of the sum, because zeros would change its rounding.
    counted = np.flatnonzero(weight)
    share = weight[counted] / weight[counted].sum()
    return counted[share > 0], share[share > 0]


def plain_table(X):
    """Return a table whose rows can be selected. A list is converted to an array."""
    return X if hasattr(X, "shape") else np.asarray(X)


def numbers(X, *, owner, name):
    """Return a table as float array or CSR matrix; raise for unusable columns."""
    remedy = (
        "Encode them as numbers, or use ClassifierRatio, which takes any table that "
        "its classifier takes"
    )
    X, named = times_as_numbers(X), column_names(X)
    if named is not None:
        bad = [
            column
            for column, dtype in zip(named, X.dtypes, strict=True)
            if not _is_numeric(dtype)
        ]
        if bad:
            raise ValueError(
                f"{owner} measures distances, which need numbers; the columns "
                f"{say(bad)} of {name} are not numeric. {remedy}."
            )
    elif not sparse.issparse(X):
        X = np.asarray(X)
        if X.dtype.kind not in "biuf":
            bad = [j for j in range(X.shape[1]) if not _all_numbers(X[:, j])]
            if bad:
                raise ValueError(
                    f"{owner} measures distances, which need numbers; the columns "
                    f"{say(bad)} of {name} (by position) are not numeric. {remedy}."
                )
    X = check_array(
        X,
        accept_sparse="csr",
        dtype=[np.float64, np.float32],
        ensure_all_finite=False,
        ensure_min_samples=1,
        input_name=name,
        estimator=owner,
    )
    bad = _columns_with_gaps(X)
    if bad.size:
        columns = say([named[j] for j in bad]) if named else f"{say(bad)} (by position)"
        raise ValueError(
            f"{owner} measures distances, which need numbers; the columns {columns} "
            f"of {name} contain NaN or infinity. Impute them, or use ClassifierRatio, "
            "whose default classifier takes missing values."
        )
    return X


def _is_numeric(dtype):
    kind = getattr(dtype, "kind", None)
    if kind is not None:
        return kind in "biuf"
    # polars
    return dtype.is_numeric() or str(dtype) == "Boolean"


def _all_numbers(column):
    try:
        column.astype(np.float64)
    except (TypeError, ValueError):
        return False
    return True


def _columns_with_gaps(X):
    """Return the positions of columns with NaN or infinity; read chunk by chunk."""
    from skweight.density_ratio._kernels import chunks

    if sparse.issparse(X):
        return np.unique(X.indices[~np.isfinite(X.data)])
    finite = np.ones(X.shape[1], dtype=bool)
    for rows in chunks(X):
        # If all values are finite, their sum is finite, unless it overflows. Overflow
        # is checked.
        with np.errstate(over="ignore", invalid="ignore"):
            total = np.einsum("ij->", X[rows])
        if not np.isfinite(total):
            finite &= np.isfinite(X[rows]).all(axis=0)
    return np.flatnonzero(~finite)
