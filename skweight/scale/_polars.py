"""LazyFrames of polars, in streaming mode."""

import numpy as np

from skweight.scale._chunks import CHUNK_ROWS
from skweight.scale._fill import fill_by_chunks


def fill(source, statistics, roles, progress):
    """Sum a LazyFrame, with one batch of rows in memory at a time."""
    roles.check(statistics)
    columns = roles.columns(statistics)
    names = source.collect_schema().names()
    missing = [name for name in columns or () if name not in names]
    if missing:
        raise ValueError(f"The source lacks the columns {missing}; it has {names}.")
    if columns is not None:
        source = source.select(columns)
    batches = source.collect_batches(chunk_size=CHUNK_ROWS, engine="streaming")
    fill_by_chunks(batches, statistics, roles, progress, empty=True)


def with_class_weights(frame, y, column, table):
    """Add a column with the weight of each row's label, by a polars expression.

    A label without a weight raises an error in polars.
    """
    import polars as pl

    weight = pl.col(y).replace_strict(table, default=None, return_dtype=pl.Float64)
    # For an unknown label, the expression tells polars to cast our error message to a
    # number. The cast fails, and the error that polars raises quotes the message.
    label = pl.col(y).cast(pl.String).fill_null("null")
    unknown = pl.lit(f"The weighting was fitted on {list(table)}; unknown label ")
    refuse = pl.when(weight.is_null()).then(unknown + label).cast(pl.Float64)
    return frame.with_columns(weight.fill_null(refuse).alias(column))


def with_weights(frame, column, weigh):
    """Add a column with a weight for every row, computed batch by batch."""
    import polars as pl

    def add(batch):
        weights = np.asarray(weigh(batch), dtype=np.float64)
        return batch.with_columns(pl.Series(column, weights))

    if not hasattr(frame, "collect"):
        return add(frame)
    schema = {**frame.collect_schema(), column: pl.Float64}
    return frame.map_batches(add, schema=schema, streamable=True)
