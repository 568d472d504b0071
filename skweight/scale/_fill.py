"""Fill statistics: chunk by chunk here, or partition by partition in an engine."""

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
            for one, partial in zip(statistics, partials, strict=True):
                one._agree(partial._all_labels())
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"Chunk {number}, counted from 0, cannot be summed: {error} What came "
                "before it is in the statistics."
            ) from error
        for one, partial in zip(statistics, partials, strict=True):
            one.merge(partial)
        progress.add(n_rows_of(chunk))
    if number < 0 and not empty:
        raise ValueError(
            "The source gave no chunk. A generator can be used once: make it anew, or "
            "pass a list."
        )


def partials_of(chunks, statistics, roles):
    """Return statistics of some chunks alone, one for each of those given."""
    partials = [one._empty() for one in statistics]
    for chunk in chunks:
        for partial in partials:
            columns, named = roles.arguments(chunk, partial)
            partial.update(*columns, **named)
    return partials


# -- partitions of an engine -----------------------------------------------------------


def sum_partition(chunks, statistics, roles):
    """Return the pickled sums of a partition, or the sentence that refuses it.

    A sentence is returned, not raised: the engine would try again in vain, and the
    other partitions would be lost.
    """
    try:
        return pickle.dumps(partials_of(chunks, statistics, roles)), None
    except (TypeError, ValueError) as error:
        return None, str(error)


def take_partitions(results, statistics, source, progress):
    """Add results of :func:`sum_partition` by their partition; raise for bad ones.

    Parameters
    ----------
    results : iterable of (partition, pickled sums, sentence)
        What the engine gave, in any order.
    statistics : list of objects
        What to fill.
    source : hashable
        What tells this source from others, so that its partitions have keys.
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
            f"{len(bad)} of {n_partitions} partitions cannot be summed, of which "
            f"partition {first}: {bad[first]} The sums of the others are in the "
            "statistics."
        )
    close(statistics)


def take_partition(key, partials, statistics):
    """Put the sums of a partition in their place."""
    for one, partial in zip(statistics, partials, strict=True):
        one._refuse_closed(key)
        one._agree(partial._all_labels())
        one._before_merge(partial)
    for one, partial in zip(statistics, partials, strict=True):
        one._take(partial._totals(), key)


def close(statistics):
    """Add the partitions up, for the source has been read to its end."""
    for one in statistics:
        one._close()


class Progress:
    """Lines on stderr, one a second at most."""

    def __init__(self, verbose):
        self.verbose = verbose
        self.start = self.last = monotonic()
        self.n_parts = self.n_rows = 0

    def add(self, n_rows):
        """Count a chunk or a partition, of which the number of rows may be unknown."""
        self.n_parts += 1
        self.n_rows += n_rows or 0
        if self.verbose and monotonic() - self.last >= _EVERY:
            self._tell()

    def end(self):
        """Say how much it was in all."""
        if self.verbose:
            self._tell()

    def _tell(self):
        self.last = monotonic()
        rows = f", {self.n_rows:,} rows" if self.n_rows else ""
        print(
            f"summarize: {self.n_parts} parts{rows}, {self.last - self.start:.1f} s",
            file=sys.stderr,
        )
