"""`summarize`: update statistics with the rows of files, tables, dask or Spark."""

from collections.abc import Iterable

from skweight._utils.sums import Sums
from skweight.scale._chunks import (
    Roles,
    engine_of,
    is_dataset,
    is_dict_of_dask,
    is_table,
)
from skweight.scale._fill import Progress, fill_by_chunks, fill_by_slices


def summarize(
    source,
    statistics,
    *,
    y=None,
    score=None,
    sample_weight=None,
    X=None,
    verbose=0,
):
    """Update statistics with the rows of files, a table, dask or Spark, in one pass.

    Use this function if data are larger than memory, or are stored on other machines. A
    package such as dask or Spark reads and distributes the rows. Each worker sums its
    partitions. The sums, some kilobytes for each partition, are added on this machine.

    Parameters
    ----------
    source : object
        One of the following, read in chunks:

        - an iterable of chunks: tuples of arrays, dicts of arrays, DataFrames;
        - an array of two dimensions, a structured array, a DataFrame, a dict of
          arrays; any of the arrays may be a memory map;
        - the path of a Parquet file or folder, a list of paths, a dataset or table of
          pyarrow;
        - a LazyFrame of polars, which is streamed;
        - a DataFrame or array of dask, or a dict of dask arrays;
        - a DataFrame of Spark.
    statistics : object or list of objects
        Statistics to update: ``ClassMasses()``, ``ScoreStatistics()``,
        ``CellMasses(...)``, or the result of the method ``statistics()`` of a
        :class:`~skweight.density_ratio.ULSIF`. All statistics of a list are updated in
        one pass.
    y : str or int, default=None
        Column of the labels, by name or position in a chunk. If chunks are tuples and
        no column is named, each tuple holds the arguments of ``statistics.update``, in
        the order of the signature.
    score : str or int, default=None
        Column of the log odds or decision values.
    sample_weight : str or int, default=None
        Column of the population weights.
    X : list of str or int, or int, default=None
        Columns of the features, for statistics that use features. If chunks are tuples,
        `X` is the position of the table of features. None takes all columns.
    verbose : int, default=0
        If `verbose` is above 0, progress is printed to stderr.

    Returns
    -------
    statistics : object or list of objects
        The same objects as in the argument `statistics`, after the update.

    Raises
    ------
    ValueError
        If a chunk cannot be summed, because its columns, labels, scores or weights are
        not valid. The message names the chunk. The statistics then contain all earlier
        chunks. A ValueError is also raised if a generator is exhausted, or if the
        statistics already contain a partition of `source`.
    TypeError
        If `source` is not of one of the types listed for `source`, or the type of the
        labels differs between chunks.
    ImportError
        If the package that reads the source is not installed.

    See Also
    --------
    add_weights : Adds the weights to a table.
    ScoreStatistics : Sums for calibrators and metrics.

    Notes
    -----
    The rows are read once. For any number of rows, memory holds only a chunk of 262,144
    rows and the sums. Partitions of files, dask and Spark have keys. Therefore, if a
    task runs twice, the rows of its partition count only once. After a failure, call
    `summarize` again: the new sums replace the partial sums of the failed call.

    To run `summarize`, the workers of dask and Spark need skweight. To apply the
    results, the workers do not need skweight; see :class:`PiecewiseMap`.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.scale import ClassMasses, ScoreStatistics, summarize
    >>> rng = np.random.default_rng(0)
    >>> chunks = ((rng.normal(size=500), rng.integers(2, size=500)) for _ in range(4))
    >>> summarize(chunks, ScoreStatistics()).n_rows_
    2000
    >>> table = {"label": np.array(["a", "b", "a"]), "w": np.array([1.0, 2.0, 3.0])}
    >>> summarize(table, ClassMasses(), y="label", sample_weight="w").mass_
    array([4., 2.])
    """
    several = isinstance(statistics, list | tuple)
    to_fill = list(statistics) if several else [statistics]
    for statistic in to_fill:
        if not isinstance(statistic, Sums):
            raise TypeError(
                "statistics must be objects such as ClassMasses() or "
                f"ScoreStatistics(); got {statistic!r}."
            )
    roles = Roles(y, score, sample_weight, X)
    progress = Progress(verbose)
    fill = _fill_of(source)
    fill(source, to_fill, roles, progress)
    progress.end()
    return statistics


def _fill_of(source):
    """Return the function that adds up the rows of a dask, Spark or other table."""
    engine = engine_of(source)
    if engine == "dask":
        from skweight.scale._dask import fill
    elif engine == "pyspark":
        from skweight.scale._spark import fill
    elif engine == "polars" and type(source).__name__ == "LazyFrame":
        from skweight.scale._polars import fill
    elif is_dataset(source):
        from skweight.scale._arrow import fill
    elif is_dict_of_dask(source):
        from skweight.scale._dask import fill
    elif is_table(source):
        return fill_by_slices
    elif isinstance(source, Iterable):
        return fill_by_chunks
    else:
        raise TypeError(
            "summarize reads iterables of chunks, arrays, DataFrames, Parquet files, "
            "datasets of pyarrow, LazyFrames of polars, collections of dask and "
            f"DataFrames of Spark; got {type(source).__name__}."
        )
    return fill
