"""DataFrames of Spark: each Python worker sums its partitions."""

from functools import partial

from skweight._utils.optional import import_optional
from skweight.scale._fill import sum_partition, take_partitions

# The keys of rows must have one of these types. Spark and Python would convert keys of
# other types to different strings.
_TYPES_OF_KEYS = ["string", "tinyint", "smallint", "int", "bigint"]


def fill(source, statistics, roles, progress):
    """Sum a DataFrame in one Spark job."""
    import_optional("pyarrow", extra="spark", feature="Summing a DataFrame of Spark")
    roles.check(statistics)
    columns = roles.columns(statistics)
    missing = [name for name in columns or () if name not in source.columns]
    if missing:
        raise ValueError(
            f"The source lacks the columns {missing}; it has {source.columns}."
        )
    frame = source if columns is None else source.select(*columns)
    empty = [statistic._empty() for statistic in statistics]
    rows = frame.mapInArrow(
        partial(_sum_batches, empty, roles),
        "part int, sums binary, refused string",
    ).collect()
    results = ((row.part, _bytes(row.sums), row.refused) for row in rows)
    take_partitions(results, statistics, f"spark {source.semanticHash()}", progress)


def _bytes(value):
    return None if value is None else bytes(value)


def _sum_batches(statistics, roles, batches):
    """Yield one row per partition: partition number, and sums or an error message."""
    import pyarrow
    from pyspark import TaskContext

    sums, refused = sum_partition(batches, statistics, roles)
    yield pyarrow.RecordBatch.from_pydict(
        {
            "part": pyarrow.array([TaskContext.get().partitionId()], pyarrow.int32()),
            "sums": pyarrow.array([sums], pyarrow.binary()),
            "refused": pyarrow.array([refused], pyarrow.string()),
        }
    )


def with_class_weights(frame, y, column, table):
    """Add a column with the weight of each row's label, by a Spark expression.

    A label without a weight raises an error in Spark.
    """
    functions = import_optional(
        "pyspark.sql.functions", extra="spark", feature="Weights in Spark"
    )
    pairs = [functions.lit(item) for pair in table.items() for item in pair]
    unknown = functions.concat(
        functions.lit(f"The weighting was fitted on {list(table)}; unknown label "),
        functions.coalesce(functions.col(y).cast("string"), functions.lit("NULL")),
    )
    weight = functions.create_map(*pairs)[functions.col(y)]
    refuse = functions.raise_error(unknown).cast("double")
    return frame.withColumn(column, functions.coalesce(weight, refuse))


def with_weights(frame, column, weigh):
    """Add a column with a weight for every row, by a pandas UDF."""
    functions = import_optional(
        "pyspark.sql.functions", extra="spark", feature="Weights in Spark"
    )
    udf = functions.pandas_udf(partial(_weigh_series, weigh), "double")
    names = [functions.col(name) for name in frame.columns]
    return frame.withColumn(column, udf(functions.struct(*names)))


def _weigh_series(weigh, rows):
    import pandas as pd

    return pd.Series(weigh(rows))


def folds(key, n_folds, seed):
    """Return a column with the fold of each row, from the MD5 sum of its key."""
    functions = import_optional(
        "pyspark.sql.functions", extra="spark", feature="Folds in Spark"
    )
    text = functions.concat(functions.lit(f"{seed}:"), key.cast("string"))
    digits = functions.substring(functions.md5(text.cast("binary")), 1, 8)
    number = functions.conv(digits, 16, 10).cast("long")
    fold = (number % functions.lit(n_folds)).cast("int")
    kind = functions.typeof(key)
    refuse = functions.concat(
        functions.lit("Every row needs a key, an integer or a string; got "),
        functions.coalesce(key.cast("string"), functions.lit("NULL")),
        functions.lit(" of type "),
        kind,
    )
    fold = functions.when(kind.isin(_TYPES_OF_KEYS), fold)
    return functions.coalesce(fold, functions.raise_error(refuse).cast("int"))
