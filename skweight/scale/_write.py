"""`add_weights`: add a column of weights to a table in memory, on disk or in Spark."""

from collections.abc import Iterable
from functools import partial

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skweight._utils.validation import say
from skweight.scale._chunks import (
    column_of,
    engine_of,
    is_dataset,
    is_dict_of_dask,
    names_of,
    raw_column_of,
    table_of,
)
from skweight.scale._labels import encode


def add_weights(source, weighting, *, y=None, X=None, column="sample_weight", to=None):
    """Add a column of weights to a table of pandas, polars, pyarrow, dask or Spark.

    Learners on distributed data read the weights from a column. The parameter for the
    name of this column is ``weightCol`` in pyspark.ml, ``weight_col`` in
    ``SparkXGBClassifier``, and ``sample_weight`` in ``xgboost.dask`` and
    ``lightgbm.dask``. Lazy tables stay lazy.

    Parameters
    ----------
    source : object
        A table of a type that :func:`summarize` reads.
    weighting : BaseWeighting
        A fitted strategy, fitted for example by ``fit_statistics``.
    y : str or int, default=None
        Column of the labels, for strategies that use labels.
    X : list of str or int, default=None
        Columns of the features, for strategies that use features; None takes all
        columns except `y`.
    column : str, default="sample_weight"
        Name of the new column.
    to : path, default=None
        Path of the new file, only for Parquet. Until all rows are written, the file has
        a temporary name.

    Returns
    -------
    weighted : object
        For a DataFrame, a LazyFrame or a pyarrow table, the result is a table of the
        same type with the new column. For a dict of arrays, the result is the array of
        weights; if the dict has dask arrays, this array is also a dask array. For
        Parquet, the result is the path `to`. For other iterables, the result is a
        generator that yields an array of weights for each chunk.

    Raises
    ------
    ValueError
        If the table has a label that was not in the fit of the weighting, a column is
        missing, the new column exists already, or `to` is missing or not allowed. For
        lazy tables, the error is raised when the table is computed.
    TypeError
        If the source is not of a type that :func:`summarize` reads.

    See Also
    --------
    summarize : Computes statistics of a table.

    Notes
    -----
    A strategy that weights by class is converted to an expression of Spark or polars,
    without a Python function. Any other strategy is called once for every partition or
    batch, so the workers need skweight.

    Examples
    --------
    >>> import pandas as pd
    >>> from skweight import BalancedWeighting
    >>> from skweight.scale import ClassMasses, add_weights, summarize
    >>> table = pd.DataFrame({"age": [31, 52, 47, 60], "label": ["a", "a", "a", "b"]})
    >>> masses = summarize(table, ClassMasses(), y="label")
    >>> weighting = BalancedWeighting().fit_statistics(masses)
    >>> add_weights(table, weighting, y="label")["sample_weight"].round(2).tolist()
    [0.67, 0.67, 0.67, 2.0]
    """
    check_is_fitted(weighting, "scale_")
    by_class = weighting._by_class
    if by_class and y is None and not _names_y(source):
        raise ValueError(
            f"{type(weighting).__name__} weights rows by class; got y=None. Pass y=, "
            "the column of the labels."
        )
    weigh = partial(_weigh, weighting, y, X)
    engine = engine_of(source)
    if to is not None and not is_dataset(source):
        raise ValueError(
            f"to= is only for Parquet; got a table of {engine}. Do not pass to=: the "
            "table is returned with the new column."
        )
    if is_dataset(source):
        from skweight.scale._arrow import write_with

        if to is None:
            raise ValueError("Parquet needs an output path; got to=None. Pass to=.")
        return write_with(source, to, column, weigh)
    names = None if isinstance(source, dict) else _columns(source)
    if engine == "pyspark":
        # Spark does not distinguish upper and lower case in the names of columns.
        names = [name.lower() for name in names]
        taken = column.lower() in names
    else:
        taken = names is not None and column in names
    if taken:
        raise ValueError(
            f"The table has a column {column!r} already. Pass another name as column=."
        )
    if engine in ("pyspark", "polars"):
        if engine == "pyspark":
            from skweight.scale._spark import with_class_weights, with_weights
        else:
            from skweight.scale._polars import with_class_weights, with_weights
        if by_class:
            table = weighting.class_weight_dict()
            return with_class_weights(source, y, column, table)
        return with_weights(source, column, weigh)
    if engine == "dask" or is_dict_of_dask(source):
        from skweight.scale._dask import with_weights

        return with_weights(source, column, weigh)
    if engine == "pandas":
        return source.assign(**{column: weigh(source)})
    if engine == "pyarrow" and hasattr(source, "append_column"):
        return source.append_column(column, [weigh(source)])
    if isinstance(source, dict):
        return weigh(source)
    if isinstance(source, Iterable) and not isinstance(source, np.ndarray):
        return _weights_of_chunks(weigh, source)
    raise TypeError(
        f"add_weights needs a table with named columns; got "
        f"{type(source).__name__}. For an array, call weighting.weigh(X, y)."
    )


def _weights_of_chunks(weigh, chunks):
    for number, chunk in enumerate(chunks):
        try:
            weights = weigh(chunk)
        except (TypeError, ValueError) as error:
            raise type(error)(f"Chunk {number}, counted from 0: {error}") from error
        yield weights


def _names_y(source):
    """Return whether a source has no column names; a chunk can then be only labels."""
    return not isinstance(source, dict) and _columns(source) is None


def _columns(source):
    if hasattr(source, "collect_schema"):
        return source.collect_schema().names()
    columns = getattr(source, "columns", None)
    return None if columns is None else list(columns)


def _weigh(weighting, y, X, chunk):
    """Return the weights of the rows of a chunk."""
    names = names_of(chunk)
    if y is not None:
        labels = raw_column_of(chunk, y)
    else:
        labels = chunk if names is None and not isinstance(chunk, tuple) else None
    if labels is not None and len(labels) == 0:
        return np.zeros(0)
    if weighting._by_class:
        labels_of_chunk, codes = encode(labels, owner="add_weights")
        return weighting.weigh(
            np.zeros((len(labels_of_chunk), 1)), np.array(labels_of_chunk)
        )[codes]
    if X is None and names is not None:
        X = [name for name in names if name != y]
        if not X:
            raise ValueError(
                f"{type(weighting).__name__} needs columns of features; got only "
                f"{say(names)}. Pass X=, or a table with features."
            )
    table = table_of(chunk, X)
    if len(table) == 0:
        return np.zeros(0)
    return weighting.weigh(table, None if y is None else column_of(chunk, y))
