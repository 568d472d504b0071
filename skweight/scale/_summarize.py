"""One verb for all engines: fill statistics with the rows of a source."""

from collections.abc import Iterable

from skweight._utils.sums import Sums
from skweight.scale._chunks import Roles, engine_of, is_dataset, is_table
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
    """Fill statistics with the rows of a file, a table or an engine, in one pass.

    Sums of rows that are too many for the memory of one machine, or are not on it. The
    engine reads and distributes; each worker sums its partitions, and the sums, some
    kilobytes each, are added here.

    Parameters
    ----------
    source : object
        Any of these, read in chunks:

        - an iterable of chunks: tuples of arrays, dicts of arrays, DataFrames;
        - an array of two dimensions, a structured array, a DataFrame, a dict of
          arrays; any of the arrays may be a memory map;
        - the path of a Parquet file or folder, a list of paths, a dataset or table of
          pyarrow;
        - a LazyFrame of polars, which is streamed;
        - a DataFrame or array of dask, or a dict of its arrays;
        - a DataFrame of Spark.
    statistics : object or list of objects
        What to fill: ``ClassMasses()``, ``ScoreStatistics()``, ``CellMasses(...)``,
        ``statistics()`` of a :class:`~skweight.density_ratio.ULSIF`, or several of
        these in one pass.
    y : str or int, default=None
        Column of the labels, by name or by place in a chunk. None, for chunks that are
        tuples, stands for the order of the arguments of ``update``.
    score : str or int, default=None
        Column of the log odds or decision values.
    sample_weight : str or int, default=None
        Column of the population weights.
    X : list of str or int, or int, default=None
        Columns of the features, for statistics of them; the place of the table where
        chunks are tuples. None takes all.
    verbose : int, default=0
        Above 0, progress goes to stderr.

    Returns
    -------
    statistics : object or list of objects
        The statistics that were given, updated.

    Raises
    ------
    ValueError
        If a chunk cannot be summed: its columns, labels, scores or weights are not
        usable. The message says which one; what was summed before is in the
        statistics. Also if a generator has been used up, or a partition of this source
        was summed into the same statistics before.
    TypeError
        If the source is of no kind that is listed, or labels change their type.
    ImportError
        If the package that reads the source is not installed.

    See Also
    --------
    add_weights : The way back.
    ScoreStatistics : Sums for calibrators and figures.

    Notes
    -----
    One pass, memory for a chunk of 262,144 rows and for the sums, whatever the number
    of rows. Files and engines have partitions with keys, so that a task that runs
    twice counts once, and a run after a failed one replaces what that left behind.

    With dask and Spark skweight must be installed on the workers for this function;
    applying the results needs it nowhere, see :class:`PiecewiseMap`.

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
    wanted = list(statistics) if several else [statistics]
    for one in wanted:
        if not isinstance(one, Sums):
            raise TypeError(
                "summarize fills statistics such as ClassMasses(), an object; got "
                f"{one!r}."
            )
    roles = Roles(y, score, sample_weight, X)
    progress = Progress(verbose)
    fill = _fill_of(source)
    fill(source, wanted, roles, progress)
    progress.end()
    return statistics


def _fill_of(source):
    """Return the function that sums a source, by the package it is of."""
    engine = engine_of(source)
    if engine == "dask":
        from skweight.scale._dask import fill
    elif engine == "pyspark":
        from skweight.scale._spark import fill
    elif engine == "polars" and type(source).__name__ == "LazyFrame":
        from skweight.scale._polars import fill
    elif is_dataset(source):
        from skweight.scale._arrow import fill
    elif isinstance(source, dict) and any(
        engine_of(values) == "dask" for values in source.values()
    ):
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
