"""Collections of dask: each worker sums its partitions."""

from functools import partial

import numpy as np

from skweight._utils.optional import import_optional
from skweight._utils.validation import say
from skweight.scale._chunks import engine_of
from skweight.scale._fill import sum_partition, take_partitions

# With verbose > 0, partitions are computed in this many groups.
_PORTIONS = 10


def _dask():
    return import_optional("dask", extra="dask", feature="Summing a dask collection")


def partitions_of(source, columns):
    """Return a delayed chunk for every partition."""
    if isinstance(source, dict):
        names = list(source) if columns is None else columns
        missing = [name for name in names if name not in source]
        if missing:
            raise ValueError(
                f"The source lacks the columns {missing}; it has {list(source)}."
            )
        arrays = [source[name] for name in names]
        _check_aligned(dict(zip(names, arrays, strict=True)))
        parts = zip(
            *(np.ravel(array.to_delayed()).tolist() for array in arrays), strict=True
        )
        return [dict(zip(names, part, strict=True)) for part in parts]
    n_axes = getattr(source, "ndim", 0)
    if n_axes == 2 and hasattr(source, "columns"):
        missing = [name for name in columns or () if name not in source.columns]
        if missing:
            raise ValueError(
                f"The source lacks the columns {missing}; it has "
                f"{list(source.columns)}."
            )
        source = source if columns is None else source[columns]
        return source.to_delayed()
    if n_axes == 2:
        return source.rechunk({1: -1}).to_delayed().ravel().tolist()
    raise TypeError(
        "summarize reads DataFrames, two-dimensional arrays and dicts of arrays of "
        f"dask; got a {type(source).__name__} of dask."
    )


def _check_aligned(arrays):
    """Raise if the columns are dask arrays with different partitions."""
    in_memory = [name for name in arrays if engine_of(arrays[name]) != "dask"]
    if in_memory:
        raise TypeError(
            "If one column is a dask array, all columns must be dask arrays; got "
            f"{say(in_memory)} in memory. Convert them: dask.array.from_array(values, "
            "chunks=...)."
        )
    sizes = {
        name: [array.npartitions]
        if not hasattr(array, "chunks") or np.isnan(array.chunks[0]).any()
        else list(array.chunks[0])
        for name, array in arrays.items()
    }
    numbers = {len(array.to_delayed()) for array in arrays.values()}
    known_chunks = {tuple(cuts) for cuts in sizes.values() if len(cuts) > 1}
    if len(numbers) > 1 or len(known_chunks) > 1:
        raise ValueError(
            "Columns of dask must have the same partitions; got partitions of "
            f"{sizes} rows. Call rechunk or repartition first."
        )


def fill(source, statistics, roles, progress):
    """Sum a collection, with the active scheduler or cluster."""
    dask = _dask()
    roles.check(statistics)
    parts = partitions_of(source, roles.columns(statistics))
    empty = dask.delayed([statistic._empty() for statistic in statistics])
    tasks = [
        dask.delayed(_sum_numbered, pure=False)(number, part, empty, roles)
        for number, part in enumerate(parts)
    ]
    size = -(-len(tasks) // _PORTIONS) if progress.verbose else len(tasks)
    results = (
        result
        for start in range(0, len(tasks), max(size, 1))
        for result in dask.compute(*tasks[start : start + size])
    )
    token = dask.base.tokenize(source)
    take_partitions(results, statistics, token, progress)


def _sum_numbered(number, chunk, statistics, roles):
    return number, *sum_partition([chunk], statistics, roles)


def with_weights(source, column, weigh):
    """Return a collection with a weight for every row."""
    _dask()
    if isinstance(source, dict):
        _check_aligned(source)
        names = list(source)
        series = [name for name in names if not hasattr(source[name], "chunks")]
        if series:
            raise TypeError(
                "add_weights needs a dict of arrays of dask; got Series for "
                f"{say(series)}. Pass the DataFrame that contains these Series."
            )
        arrays = [
            array.rechunk({1: -1}) if array.ndim > 1 else array
            for array in source.values()
        ]
        import dask.array

        return dask.array.map_blocks(
            partial(_weigh_blocks, weigh, names),
            *arrays,
            dtype=np.float64,
            drop_axis=[
                axis
                for axis in (1,)
                if any(dask_array.ndim > 1 for dask_array in arrays)
            ],
            chunks=(arrays[0].chunks[0],),
        )
    if not hasattr(source, "columns") or source.ndim != 2:
        raise TypeError(
            "add_weights needs a DataFrame of dask or a dict of dask arrays; got "
            f"{type(source).__name__}. For a single array, pass {{'y': array}} and "
            "y='y'."
        )
    meta = source._meta.assign(**{column: np.zeros(0)})
    return source.map_partitions(partial(_assign, column, weigh), meta=meta)


def _weigh_blocks(weigh, names, *blocks):
    return weigh(dict(zip(names, blocks, strict=True)))


def _assign(column, weigh, part):
    return part.assign(**{column: np.asarray(weigh(part), dtype=np.float64)})
