"""Losses of calibrators on rows that they were not fitted on, and what these tell.

Two classes are compared on cells of the score, a row for each cell and class: the time
hardly grows with the rows. With more classes there are no cells, and a part of very
many rows decides.
"""

from typing import NamedTuple

import numpy as np

from skweight.calibration._base import CalibrationRows
from skweight.calibration._engine.numerics import all_equal

N_FOLDS = 5
# Rows of two classes up to which each is a cell of its own, and half of the number of
# cells of more: cells of as many rows, cut where the score is far from its neighbours.
MANY_ROWS = 1 << 11
_HALF_OF_CELLS = 1 << 10
# Rows of three classes and more that are compared, in three folds where there are more:
# fitted on two thirds of so many, candidates can be told apart by what matters.
MOST_ROWS = 20_000
N_FOLDS_OF_MANY = 3


class Comparison(NamedTuple):
    """What rows tell about calibrators that were not fitted on them.

    Attributes
    ----------
    losses : dict {str: float}
        Mean log loss of every candidate, in nats.
    mass : float
        Total weight of the rows compared.
    known : float
        How many rows of weight one tell the candidates apart as well, for each unit of
        weight: one where all weigh the same, and less where a few heavy rows decide. It
        is that by which the sum of their differences has the spread of a count.
    """

    losses: dict
    mass: float
    known: float


def compare(candidates, rows):
    """Return the :class:`Comparison` of calibrators, given by name, on their rows."""
    folds = _CellFolds(rows) if rows.scores.ndim == 1 else _RowFolds(rows)
    total = np.zeros(len(candidates))
    mass, apart, spread = 0.0, 0.0, 0.0
    for k in range(folds.n_folds):
        train = folds.train(k)
        scores, codes, weight, squares = folds.test(k)
        losses = np.empty((len(candidates), codes.shape[0]))
        for loss, candidate in zip(losses, candidates.values(), strict=True):
            proba = fit_on(candidate, train).predict_proba(scores)
            loss[:] = -np.log(proba[np.arange(codes.shape[0]), codes])
        total += losses @ weight
        mass += weight.sum()
        variance = losses.var(axis=0)
        apart += weight @ variance
        spread += squares @ variance
    mean = (total / mass).tolist()
    return Comparison(
        dict(zip(candidates, mean, strict=True)),
        mass,
        apart / spread if spread > 0 else 1.0,
    )


def fit_on(candidate, rows):
    """Fit a calibrator on rows that have been checked; its labels are their codes."""
    candidate.classes_ = np.arange(rows.class_count.size)
    candidate.class_count_ = rows.class_count
    if rows.scores.ndim == 1:
        candidate._fit_binary(rows)
    else:
        candidate._fit_multiclass(rows)
    return candidate


def draw_folds(rows, n_folds):
    """Return a fold for every row, whatever the order of rows and of classes.

    Rows are sorted by the score of their own class; then shuffled, or those left out
    would lie between those of the fit too evenly for chance.
    """
    scores = rows.scores
    if scores.ndim == 2:
        scores = scores[np.arange(rows.codes.size), rows.codes]
    fold = np.empty(rows.codes.size, dtype=np.intp)
    for code in range(rows.class_count.size):
        block = np.flatnonzero(rows.codes == code)
        # One score for two classes: low is good for the first of them.
        first_of_two = rows.scores.ndim == 1 and code == 0
        own = -scores[block] if first_of_two else scores[block]
        if all_equal(rows.weight):
            order = np.argsort(own)
        else:
            order = np.lexsort((rows.weight[block], own))
        shuffled = np.random.default_rng(0).permutation(block[order])
        fold[shuffled] = np.arange(block.size) % n_folds
    return fold


class _CellFolds:
    """Folds of rows of two classes, merged to cells of the score."""

    def __init__(self, rows):
        self.n_folds = N_FOLDS
        self.class_multiplier = rows.class_multiplier
        order = np.argsort(rows.scores)
        ordered = rows.scores[order]
        weight = rows.weight[order]
        cell = _cells(ordered)
        n_cells = cell[-1] + 1
        fold = draw_folds(rows, self.n_folds)[order]
        place = (2 * fold + rows.codes[order]) * n_cells + cell
        shape = (self.n_folds, 2, n_cells)

        def total(values):
            return np.bincount(place, values, np.prod(shape)).reshape(shape)

        self.mass = total(weight)
        self.squares = self.mass if all_equal(rows.weight) else total(weight * weight)
        inside = np.bincount(cell, weight)
        self.scores = np.bincount(cell, weight * ordered) / inside

    def _flat(self, mass, squares):
        codes, cell = mass.nonzero()
        return self.scores[cell], codes, mass[codes, cell], squares[codes, cell]

    def train(self, k):
        """Return the rows of all folds but one."""
        # Summed without the fold: what is subtracted leaves rounding where nothing is.
        others = np.arange(self.n_folds) != k
        mass, squares = self.mass[others].sum(axis=0), self.squares[others].sum(axis=0)
        return CalibrationRows.of_masses(
            *self._flat(mass, squares), 2, self.class_multiplier
        )

    def test(self, k):
        """Return scores, codes, weights and their squares of a fold."""
        return self._flat(self.mass[k], self.squares[k])


class _RowFolds:
    """Folds of rows of three classes and more."""

    def __init__(self, rows):
        self.rows = rows
        n_parts = -(-rows.codes.size // MOST_ROWS)
        self.n_folds = N_FOLDS if n_parts == 1 else N_FOLDS_OF_MANY
        # Folds beyond those in use hold the rows that are not compared.
        self.fold = draw_folds(rows, self.n_folds * n_parts)

    def _flat(self, part):
        weight = self.rows.weight[part]
        return self.rows.scores[part], self.rows.codes[part], weight, weight * weight

    def train(self, k):
        """Return the rows of all folds but one."""
        return CalibrationRows.of_masses(
            *self._flat((self.fold != k) & (self.fold < self.n_folds)),
            self.rows.class_count.size,
            self.rows.class_multiplier,
        )

    def test(self, k):
        """Return scores, codes, weights and their squares of a fold."""
        return self._flat(self.fold == k)


def _cells(ordered):
    """Return the cell of every sorted score, counted from zero."""
    n_rows = ordered.shape[0]
    if n_rows <= MANY_ROWS:
        return np.arange(n_rows)
    cell = np.arange(n_rows) * _HALF_OF_CELLS // n_rows
    width = (ordered[-1] - ordered[0]) / _HALF_OF_CELLS
    if width > 0:
        cell += ((ordered - ordered[0]) / width).astype(np.intp)
    return np.append(0, np.cumsum(np.diff(cell) > 0))
