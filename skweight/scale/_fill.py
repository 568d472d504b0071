"""Update statistics with chunks of rows, or partitions of dask, Spark or Parquet."""

import pickle
import sys
from time import monotonic

from skweight.scale._chunks import in_slices, n_rows_of

# Seconds between two lines of progress.
_EVERY = 1.0


def fill_by_slices(table, statistics, roles, progress):
    roles.check(statistics)
    fill_by_chunks(in_slices(table), statistics, roles, progress, empty=True)


def fill_by_chunks(chunks, statistics, roles, progress, empty=False):
    number = -1
    for number, chunk in enumerate(chunks):
        try:
            partials = partials_of([chunk], statistics, roles)
            for statistic, partial in zip(statistics, partials, strict=True):
                statistic._agree(partial._all_labels())
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"Chunk {number}, counted from 0, cannot be summed: {error} The "
                "statistics contain only the chunks before this one."
            ) from error
        for statistic, partial in zip(statistics, partials, strict=True):
            statistic.merge(partial)
        progress.add(n_rows_of(chunk))
    if number < 0 and not empty:
        raise ValueError(
            "The source must yield at least one chunk; got none. A generator can be "
            "used only once: create a new one, or pass a list."
        )


def partials_of(chunks, statistics, roles):
    """Return the statistics of some chunks: a new object for each of ``statistics``."""
    partials = [statistic._empty() for statistic in statistics]
    for chunk in chunks:
        for partial in partials:
            columns, named = roles.arguments(chunk, partial)
            partial.update(*columns, **named)
    return partials


# -- partitions of an engine -----------------------------------------------------------


def sum_partition(chunks, statistics, roles):
    """Return (pickled sums, None) for a partition; after an error, (None, message).

    The error is returned and not raised. If the error were raised, dask or Spark would
    only sum the partition again, and the results of all other partitions would be lost.
    """
    try:
        return pickle.dumps(partials_of(chunks, statistics, roles)), None
    except (TypeError, ValueError) as error:
        return None, str(error)


def take_partitions(results, statistics, source, progress):
    """Add the results of :func:`sum_partition`; raise if a partition failed.

    Parameters
    ----------
    results : iterable of (partition, pickled sums, sentence)
        Results of :func:`sum_partition` from dask, Spark or Parquet, in any order;
        ``sentence`` is the error message or None.
    statistics : list of objects
        Statistics to which the sums are added.
    source : hashable
        Identifier of the table or files that were read. This identifier is a part of
        the key of each partition, so that all keys are unique.
    """
    bad, n_partitions = {}, 0
    for partition, pickled, sentence in results:
        n_partitions += 1
        if sentence is not None:
            bad[partition] = sentence
            continue
        try:
            take_partition((source, partition), pickle.loads(pickled), statistics)
        except (TypeError, ValueError) as error:
            bad[partition] = str(error)
        progress.add(None)
    if bad:
        first = min(bad, key=str)
        raise ValueError(
            f"{len(bad)} of {n_partitions} partitions cannot be summed, for example "
            f"partition {first}: {bad[first]} The statistics contain the other "
            "partitions."
        )
    close(statistics)


def take_partition(key, partials, statistics):
    """Store the sums of a partition under the partition's key."""
    for statistic, partial in zip(statistics, partials, strict=True):
        statistic._refuse_closed(key)
        statistic._agree(partial._all_labels())
        statistic._before_merge(partial)
    for statistic, partial in zip(statistics, partials, strict=True):
        statistic._take(partial._totals(), key)


def close(statistics):
    """Add up the partitions after all rows have been read."""
    for statistic in statistics:
        statistic._close()


class Progress:
    """Progress lines on stderr, at most one per second."""

    def __init__(self, verbose):
        self.verbose = verbose
        self.start = self.last_line = monotonic()
        self.n_parts = self.n_rows = 0

    def add(self, n_rows):
        """Count a chunk or a partition; ``n_rows`` is None for an unknown number."""
        self.n_parts += 1
        self.n_rows += n_rows or 0
        if self.verbose and monotonic() - self.last_line >= _EVERY:
            self._print()

    def end(self):
        """Print the totals."""
        if self.verbose:
            self._print()

    def _print(self):
        self.last_line = monotonic()
        rows = f", {self.n_rows:,} rows" if self.n_rows else ""
        seconds = self.last_line - self.start
        print(
            f"summarize: {self.n_parts} parts{rows}, {seconds:.1f} s",
            file=sys.stderr,
        )
