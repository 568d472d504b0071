"""A sequential test that is valid after every batch, for streams of any length.

A block is one batch, or several small batches that have at least `MIN_ROWS` rows in
total. A window holds all rows since an earlier block. A look is the test after a block:
several windows are compared with the reference. Each comparison has a share of alpha.
The shares are fixed in advance. The shares of all statistics, windows and looks add up
to at most 1. By the union bound, the probability of any false alarm is at most alpha.

A look is the test after a block of rows. After t looks, the share t / (t + HALF_SPENT)
of alpha has been used; so half of alpha is used in the first `HALF_SPENT` looks. Half
of the level of a look is for the newest block, so that a large change in one batch is
detected at once. All longer windows share the remaining half.
"""

import numpy as np

from skweight.monitoring._moments import N_SUMS, Comparison, mean_of
from skweight.monitoring._report import DriftFigure

# Smallest number of rows for a test. A smaller batch is combined with the next batch,
# because tests of very few rows have no power at the low levels of a sequential test.
MIN_ROWS = 50
HALF_SPENT = 50
SHARE_OF_NEWEST = 0.5
# A window holds all rows since an earlier block; its age is its number of blocks.
# Windows of the smallest ages are all kept. For each doubling of the age, 8 to 16
# windows are kept. Above the oldest age, only the window of the whole stream is kept.
FINE_AGES = 8
OLDEST_AGE = 4096


def budget_of_look(t):
    """Return the share of alpha of the t-th look, t = 1, 2, ..."""
    return HALF_SPENT / ((t + HALF_SPENT - 1) * (t + HALF_SPENT))


def is_kept(first, n_blocks):
    """Return whether to keep the window (rows since a block) that began at `first`."""
    age = n_blocks - first
    if first == 0 or age < 2 * FINE_AGES:
        return True
    spacing = 2 ** int(np.log2(age / FINE_AGES))
    return age <= OLDEST_AGE and first % spacing == 0


def ages_of_tests(n_blocks):
    """Return the ages 1, 2, 3, 4, 6, 8, 12, ... of the windows that a look tests."""
    ages = {1, 2, 3}
    doubled = 4
    while doubled <= n_blocks:
        ages |= {doubled, doubled * 3 // 2}
        doubled *= 2
    return sorted(age for age in ages if age <= n_blocks)


class Stream:
    """Sums and test results of some figures over a stream.

    Attributes
    ----------
    names : list of FigureName
        Names of the monitored statistics.
    n_rows, n_blocks : int
        Number of rows so far, and number of blocks that were tested.
    windows : ndarray of shape (n_windows, n_figures, N_SUMS)
        For each window, sums over all rows since the first block of the window.
    first_blocks, batches : lists of length n_windows
        For each window, the number of the first block, and the name of the first batch
        in this block.
    block : ndarray of shape (n_figures, N_SUMS)
        Sums of the newest block. Batches are added until the block has enough rows for
        a test.
    p_value : ndarray of shape (n_figures,)
        The smallest p-value so far, where each p-value is divided by the share of alpha
        of the test. If there was an alarm, this value is at most alpha. These
        attributes describe the alarm and the change:

        - ``alarm_at``: the batch of the alarm;
        - ``onset``: the likely first batch of the change;
        - ``mean_since`` and ``rows_since``: mean and number of rows since `onset`.
    """

    def __init__(self, names):
        self.names = names
        n = len(names)
        self.n_rows, self.n_blocks = 0, 0
        self.windows = np.zeros((0, n, N_SUMS))
        self.first_blocks, self.batches = [], []
        self.block, self.block_batch, self.block_level = None, None, None
        self.p_value = np.ones(n)
        self.alarm_at, self.onset = [None] * n, [None] * n
        self.mean_since, self.rows_since = np.full(n, np.nan), np.zeros(n)

    def add(self, sums, n_rows, batch):
        """Add the sums of a batch; return whether the block is ready for a test."""
        if self.block is None or self.block_level is not None:
            self.block, self.block_batch = np.zeros_like(sums), batch
            self._block_rows, self.block_level = 0, None
        self.block = self.block + sums
        self._block_rows += n_rows
        self.n_rows += n_rows
        return self._block_rows >= MIN_ROWS

    def look(self, reference, budget, alpha, batch, **scales):
        """Add the block to all windows (rows since a block), and test all windows.

        Parameters
        ----------
        reference : ndarray of shape (n_figures, N_SUMS)
            Sums over the reference (held-out rows of the fit).
        budget : float
            Share of alpha that each figure gets in this test.
        alpha : float
            Probability of a false alarm that is allowed for the whole stream.
        batch : object
            Name of the batch that completed the block.
        **scales : dict
            The parameters `step`, `tolerance` and `inflation` of `Comparison`.
        """
        self._close_block()
        compared = Comparison(reference, self.windows, **scales)
        position = self._tested()
        share = np.ones(len(position))
        if len(position) > 1:
            share[0] = SHARE_OF_NEWEST
            share[1:] = (1 - SHARE_OF_NEWEST) / (len(position) - 1)
        self.block_level = budget * share[0]
        level = budget * share[:, np.newaxis]
        p = (compared.p_values()[position] / level).min(axis=0)
        # After an alarm, later rows still improve the estimate of the first changed
        # batch.
        news = (p < self.p_value) | (p <= alpha)
        self.p_value = np.minimum(p, self.p_value)
        onset = np.argmax(compared.evidence, axis=0)
        for f in np.flatnonzero(news):
            since = self.windows[onset[f], f]
            self.onset[f] = self.batches[onset[f]]
            self.mean_since[f], self.rows_since[f] = mean_of(since), since[0]
            if self.p_value[f] <= alpha and self.alarm_at[f] is None:
                self.alarm_at[f] = batch

    def _close_block(self):
        self.first_blocks = [*self.first_blocks, self.n_blocks]
        self.batches = [*self.batches, self.block_batch]
        empty = np.zeros((1, *self.block.shape))
        self.windows = np.concatenate([self.windows, empty]) + self.block
        self.n_blocks += 1
        is_kept_window = [is_kept(first, self.n_blocks) for first in self.first_blocks]
        self.windows = self.windows[is_kept_window]
        self.first_blocks, self.batches = (
            [value for value, keep in zip(values, is_kept_window, strict=True) if keep]
            for values in (self.first_blocks, self.batches)
        )

    def _tested(self):
        """Return the positions of the windows (rows since a block) that are tested.

        Windows of certain ages are tested, starting with the newest window. If the
        window of an age is not kept, the next older window is tested instead.
        """
        ages = self.n_blocks - np.array(self.first_blocks)[::-1]
        at = np.searchsorted(ages, ages_of_tests(self.n_blocks))
        return len(ages) - 1 - np.unique(np.minimum(at, len(ages) - 1))

    def figures(self, reference, alpha, is_current, **scales):
        """Return the figures for the report.

        ``is_current`` says whether the last batch had rows for the monitored
        statistics. If it is False, the observed values and the bands are NaN.
        """
        means = mean_of(reference)
        observed, low, high = np.full((3, len(self.names)), np.nan)
        n_rows = np.zeros(len(self.names))
        if is_current:
            observed, n_rows = mean_of(self.block), self.block[:, 0]
            if self.block_level is not None:
                compared = Comparison(reference, self.block, **scales)
                low, high = compared.bands(alpha * self.block_level)
        for f, name in enumerate(self.names):
            # The calibration slope is stored as slope minus 1, so 1 is added to the
            # stored value for the report.
            shift = 1.0 if name.figure == "calibration slope" else 0.0
            alarm = bool(self.p_value[f] <= alpha)
            yield DriftFigure(
                figure=name.figure,
                of=name.of,
                reference=float(means[f] + shift),
                observed=float(observed[f] + shift),
                low=float(means[f] + low[f] + shift),
                high=float(means[f] + high[f] + shift),
                n_rows=int(n_rows[f]),
                p_value=float(min(self.p_value[f], 1.0)),
                alarm=alarm,
                alarm_at=self.alarm_at[f] if alarm else None,
                onset=self.onset[f] if alarm else None,
                mean_since=float(self.mean_since[f] + shift) if alarm else None,
                rows_since=int(self.rows_since[f]) if alarm else None,
            )
