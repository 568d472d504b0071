"""Read Parquet files and pyarrow datasets, one batch of rows at a time."""

import os
from contextlib import suppress

import numpy as np

from skweight._utils.optional import import_optional
from skweight.scale._chunks import CHUNK_ROWS
from skweight.scale._fill import close, partials_of, take_partition


def dataset_of(source):
    """Return a pyarrow dataset, made from a path, several paths or a dataset."""
    if hasattr(source, "get_fragments"):
        return source
    dataset = import_optional(
        "pyarrow.dataset", extra="arrow", feature="Reading Parquet files"
    )
    several = isinstance(source, list | tuple)
    paths = [os.fspath(path) for path in source] if several else os.fspath(source)
    # As in pandas and Spark, a folder named "y=1" means that column y is 1 in all files
    # of the folder.
    return dataset.dataset(paths, partitioning="hive")


def parts_of(dataset):
    """Yield each row group of Parquet files, together with the file name."""
    try:
        fragments = list(dataset.get_fragments())
    except ValueError as error:
        raise ValueError(
            "A filtered dataset of pyarrow cannot be read file by file. Pass its "
            "batches: dataset.to_batches(columns=[...])."
        ) from error
    for fragment in fragments:
        if hasattr(fragment, "split_by_row_group"):
            for group in fragment.split_by_row_group():
                yield f"{group.path}, row group {group.row_groups[0].id}", group
        else:
            yield getattr(fragment, "path", str(fragment)), fragment


def batches_of(part, dataset, columns):
    """Yield the rows of a part of a dataset in batches, without reading far ahead."""
    return part.to_batches(
        schema=dataset.schema,
        columns=columns,
        batch_size=CHUNK_ROWS,
        batch_readahead=1,
        use_threads=True,
    )


def check_columns(dataset, columns):
    """Raise if a dataset lacks columns."""
    missing = [name for name in columns or () if name not in dataset.schema.names]
    if missing:
        raise ValueError(
            f"The source lacks the columns {missing}; it has {dataset.schema.names}."
        )


def fill(source, statistics, roles, progress):
    """Sum a dataset; every row group is a partition."""
    dataset = dataset_of(source)
    roles.check(statistics)
    columns = roles.columns(statistics)
    check_columns(dataset, columns)
    for name, part in parts_of(dataset):
        try:
            batches = batches_of(part, dataset, columns)
            partials = partials_of(_counted(batches, progress), statistics, roles)
            take_partition(name, partials, statistics)
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"{name} cannot be summed: {error} The statistics contain only the "
                "row groups before this one."
            ) from error
    close(statistics)


def _counted(batches, progress):
    for batch in batches:
        progress.add(batch.num_rows)
        yield batch


def write_with(source, to, column, weigh):
    """Write a dataset with a column of weights to a Parquet file.

    The file has a temporary name until all rows are written.
    """
    dataset = dataset_of(source)
    pyarrow = import_optional("pyarrow", extra="arrow", feature="Writing Parquet files")
    parquet = import_optional(
        "pyarrow.parquet", extra="arrow", feature="Writing Parquet files"
    )
    if column in dataset.schema.names:
        raise ValueError(
            f"The source has a column {column!r} already. Pass another name as column=."
        )
    schema = dataset.schema.append(pyarrow.field(column, pyarrow.float64()))
    unfinished = f"{os.fspath(to)}.unfinished"
    try:
        with parquet.ParquetWriter(unfinished, schema) as writer:
            for name, part in parts_of(dataset):
                for batch in batches_of(part, dataset, None):
                    try:
                        weights = np.asarray(weigh(batch), dtype=np.float64)
                    except (TypeError, ValueError) as error:
                        raise type(error)(f"{name}: {error}") from error
                    values = [*batch.columns, pyarrow.array(weights)]
                    writer.write_batch(pyarrow.record_batch(values, schema=schema))
        os.replace(unfinished, to)
    finally:
        with suppress(FileNotFoundError):
            os.remove(unfinished)
    return to
