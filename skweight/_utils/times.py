"""Convert dates, times, durations and periods in tables to seconds."""

from datetime import date, time, timedelta

import numpy as np
import pandas as pd
from scipy import sparse

from skweight._utils.validation import find_missing

_MOMENTS = (date, np.datetime64, pd.Period)
_DURATIONS = (timedelta, np.timedelta64)


def times_as_numbers(X):
    """Return a table in which every column of times or durations holds seconds.

    Dates and times become seconds since 1970 in UTC; times without a zone are read as
    UTC. Periods become the time of their beginning, durations become seconds, and
    missing values become NaN. A table without columns of times or durations is returned
    unchanged, and the input is never changed.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Table of any library; the table must have an attribute ``shape``.
    """
    if sparse.issparse(X):
        return X
    if hasattr(X, "iloc"):
        return _in_pandas(X)
    if type(X).__module__.partition(".")[0] == "polars":
        return _in_polars(X)
    if not isinstance(X, np.ndarray):
        return X
    if X.dtype.kind in "mM":
        return seconds_of(X)
    if X.dtype.kind != "O" or X.ndim != 2:
        return X
    return _in_objects(X)


def are_times(values):
    """Return whether all entries that are not missing are times or durations."""
    if values.dtype.kind in "mM":
        return True
    return values.dtype.kind == "O" and _of_objects(values) is not None


def seconds_of(values):
    """Return dates or durations of NumPy as seconds, missing values as NaN."""
    kind = "datetime64[us]" if values.dtype.kind == "M" else "timedelta64[us]"
    seconds = values.astype(kind).astype(np.int64) / 1e6
    return np.where(np.isnat(values), np.nan, seconds)


def _in_pandas(X):
    seconds = {}
    for position, dtype in enumerate(X.dtypes):
        numbers = _of_series(X.iloc[:, position], dtype)
        if numbers is not None:
            seconds[position] = numbers
    if not seconds:
        return X
    # Columns are read by position, because two columns can have the same name.
    parts = [
        pd.Series(seconds[position], index=X.index)
        if position in seconds
        else X.iloc[:, position]
        for position in range(X.shape[1])
    ]
    table = pd.concat(parts, axis=1)
    table.columns = X.columns
    return table


def _of_series(column, dtype):
    """Convert a column of times to seconds; return None if the column has no times."""
    kind = getattr(dtype, "kind", "O")
    if kind in "biufcSU" or isinstance(dtype, pd.CategoricalDtype | pd.StringDtype):
        return None
    if isinstance(dtype, pd.PeriodDtype):
        return seconds_of(column.dt.to_timestamp().to_numpy())
    if kind in "mM":
        values = column.astype(object).to_numpy()
        return _of_objects(values, "m" if kind == "m" else "M")
    return _of_objects(column.to_numpy(dtype=object))


def _of_objects(values, kind=None):
    """Convert an array of times to seconds; return None if an entry is not a time."""
    there = ~find_missing(values)
    if kind is None:
        entries = values[there].tolist()
        if not entries or not isinstance(entries[0], (*_MOMENTS, *_DURATIONS, time)):
            return None
        if all(isinstance(entry, time) for entry in entries):
            entries = [_since_midnight(entry) for entry in entries]
        kinds = {"M" if isinstance(entry, _MOMENTS) else "m" for entry in entries}
        if len(kinds) > 1 or not all(
            isinstance(entry, (*_MOMENTS, *_DURATIONS)) for entry in entries
        ):
            return None
        kind = kinds.pop()
    else:
        entries = values[there].tolist()
    numbers = np.full(values.size, np.nan)
    if kind == "m":
        numbers[there] = seconds_of(pd.to_timedelta(entries).to_numpy())
        return numbers
    entries = [e.to_timestamp() if isinstance(e, pd.Period) else e for e in entries]
    moments = [pd.Timestamp(entry) for entry in entries]
    numbers[there] = [moment.timestamp() for moment in moments]
    return numbers


def _since_midnight(moment):
    return timedelta(
        hours=moment.hour,
        minutes=moment.minute,
        seconds=moment.second,
        microseconds=moment.microsecond,
    )


def _in_polars(X):
    import polars as pl

    columns = []
    for name, dtype in X.schema.items():
        if not dtype.is_temporal():
            continue
        column = pl.col(name)
        if dtype == pl.Time:
            seconds = column.to_physical() / 1e9
        elif dtype == pl.Duration:
            seconds = column.dt.total_microseconds() / 1e6
        else:
            seconds = column.dt.epoch("us") / 1e6
        columns.append(seconds.cast(pl.Float64).alias(name))
    return X.with_columns(columns) if columns else X


def _in_objects(X):
    seconds = {j: _of_objects(X[:, j]) for j in range(X.shape[1])}
    seconds = {j: numbers for j, numbers in seconds.items() if numbers is not None}
    if not seconds:
        return X
    X = X.copy()
    for j, numbers in seconds.items():
        X[:, j] = numbers
    return X
