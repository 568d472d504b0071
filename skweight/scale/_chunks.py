"""Split tables of any type into chunks of rows, and read the columns of a chunk."""

from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from skweight._utils.validation import say

# Number of rows in each chunk of a table on disk or in memory.
CHUNK_ROWS = 1 << 18


def engine_of(source):
    """Return the name of the package of a table, without importing the package."""
    return type(source).__module__.partition(".")[0]


def is_dataset(source):
    """Return whether the rows come from Parquet files or a dataset of pyarrow."""
    if isinstance(source, str | PathLike):
        return True
    if isinstance(source, list | tuple) and source:
        return all(isinstance(path, str | PathLike) for path in source)
    return engine_of(source) == "pyarrow" and hasattr(source, "get_fragments")


def is_table(source):
    """Return whether the rows come from one table, which may be a memory map."""
    if isinstance(source, np.ndarray):
        return source.ndim == 2 or source.dtype.names is not None
    if isinstance(source, dict) or hasattr(source, "columns"):
        return True
    return engine_of(source) == "pyarrow" and hasattr(source, "slice")


def is_dict_of_dask(source):
    """Return whether the rows come from a dict of dask arrays."""
    return isinstance(source, dict) and any(
        engine_of(values) == "dask" for values in source.values()
    )


class Roles(NamedTuple):
    """Names or positions of columns (labels, scores and so on); None if not given."""

    y: Any = None
    score: Any = None
    sample_weight: Any = None
    X: Any = None

    def columns(self, statistics):
        """Return the columns that the statistics need; None means all columns."""
        needed = []
        for statistic in statistics:
            for role in statistic._takes:
                value = getattr(self, role)
                if role == "X":
                    value = (
                        getattr(statistic, "columns", None) if value is None else value
                    )
                    if value is None:
                        return None
                    needed += list(value)
                elif value is None:
                    return None
                else:
                    needed.append(value)
        if self.sample_weight is not None:
            needed.append(self.sample_weight)
        return list(dict.fromkeys(needed))

    def check(self, statistics):
        """Raise if a column that a statistic needs is not given."""
        for statistic in statistics:
            for role in set(statistic._takes) - {"X"}:
                if getattr(self, role) is None:
                    raise ValueError(
                        f"{type(statistic).__name__} needs a column for {role}; got "
                        "None. Pass the name or the position of this column as "
                        f"{role}=."
                    )

    def arguments(self, chunk, statistic):
        """Return positional and keyword arguments of `update` of a statistic."""
        named_roles = [
            getattr(self, role) for role in (*statistic._takes, "sample_weight")
        ]
        if "X" not in statistic._takes and all(role is None for role in named_roles):
            # If the user names no column, a chunk is a tuple with the arguments of
            # ``statistic.update``, in the order of the signature.
            columns = tuple(chunk) if isinstance(chunk, tuple | list) else (chunk,)
            if len(columns) < len(statistic._takes) and len(statistic._takes) > 1:
                raise ValueError(
                    f"{type(statistic).__name__} needs chunks of "
                    f"{', '.join(statistic._takes)}; got a {type(chunk).__name__}. "
                    "Yield tuples of these arrays, or name the columns of the chunks "
                    f"by {', '.join(f'{role}=' for role in statistic._takes)}."
                )
            return columns, {}
        columns, named = [], {}
        for role in statistic._takes:
            column = _TAKE.get(role, column_of)(chunk, getattr(self, role))
            if role == "y":
                named["y"] = column
            else:
                columns.append(column)
        if self.sample_weight is not None:
            named["sample_weight"] = column_of(chunk, self.sample_weight)
        return columns, named


def names_of(chunk):
    """Return the column names of a chunk, or None if the columns have no names."""
    if engine_of(chunk) == "pyarrow":
        return list(chunk.schema.names) if hasattr(chunk, "schema") else None
    if isinstance(chunk, dict):
        return list(chunk)
    if isinstance(chunk, np.ndarray):
        return None if chunk.dtype.names is None else list(chunk.dtype.names)
    columns = getattr(chunk, "columns", None)
    return None if columns is None else list(columns)


def column_of(chunk, column):
    """Return a column of a chunk as an array."""
    values = raw_column_of(chunk, column)
    if engine_of(values) == "pyarrow":
        if str(values.type).startswith("decimal"):
            values = values.cast("double")
        return values.to_numpy(zero_copy_only=False)
    return np.asarray(values)


def raw_column_of(chunk, column):
    """Return a column of a chunk without conversion to an array."""
    names = names_of(chunk)
    if names is not None:
        if column not in names:
            raise ValueError(
                f"The chunk lacks the column {column!r}; it has {say(names)}. All "
                "chunks need the same columns."
            )
        values = chunk[column]
        if engine_of(chunk) == "pyarrow" and hasattr(values, "combine_chunks"):
            return values.combine_chunks()
        return values
    if not isinstance(column, int | np.integer):
        raise ValueError(
            f"The columns of a {type(chunk).__name__} have no names; got {column!r}. "
            "Pass the position of the column, a whole number."
        )
    if not isinstance(chunk, tuple | list):
        chunk = np.asarray(chunk)
        chunk = chunk.T if chunk.ndim == 2 else [chunk]
    if not -len(chunk) <= column < len(chunk):
        raise ValueError(
            f"The chunk lacks the column {column}; it has {len(chunk)} columns. All "
            "chunks need the same columns."
        )
    return chunk[column]


def table_of(chunk, columns):
    """Return a table with some columns of a chunk, or with all columns."""
    if engine_of(chunk) == "pyarrow":
        return (chunk if columns is None else chunk.select(columns)).to_pandas()
    if columns is None:
        if isinstance(chunk, tuple | list) and len(chunk) == 1:
            return chunk[0]
        return chunk
    if isinstance(columns, int):
        if isinstance(chunk, tuple | list):
            # If a chunk is a tuple, the integer is the position of a table within the
            # tuple.
            return chunk[columns]
        columns = [columns]
    if isinstance(chunk, np.ndarray) and chunk.dtype.names is None:
        return chunk[:, columns]
    import pandas as pd

    return pd.DataFrame({column: column_of(chunk, column) for column in columns})


# Columns of labels are not converted to arrays here, because pyarrow would convert
# every label to a Python string. This conversion is slow.
_TAKE = {"X": table_of, "y": raw_column_of}


def n_rows_of(chunk):
    """Return the number of rows of a chunk."""
    names = names_of(chunk)
    if isinstance(chunk, dict):
        return len(next(iter(chunk.values()))) if chunk else 0
    if names is None and isinstance(chunk, tuple | list):
        return len(chunk[0]) if chunk else 0
    return len(chunk) if names is None else getattr(chunk, "num_rows", len(chunk))


def in_slices(table):
    """Yield slices of a table or memory map, with CHUNK_ROWS rows each."""
    n_rows = n_rows_of(table)
    if isinstance(table, dict):
        lengths = {name: len(values) for name, values in table.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(
                f"The columns of a table must have the same length; got {lengths}."
            )
    for start in range(0, n_rows, CHUNK_ROWS):
        if isinstance(table, dict):
            part = slice(start, start + CHUNK_ROWS)
            yield {name: values[part] for name, values in table.items()}
        elif engine_of(table) == "pyarrow":
            yield table.slice(start, CHUNK_ROWS)
        else:
            yield table[start : start + CHUNK_ROWS]
