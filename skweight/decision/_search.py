"""Exact search for thresholds. The search skips only candidates that cannot be best.

The effect of a threshold depends only on the rows with scores above the threshold.
Therefore all values between two neighbouring scores are one candidate. The search
starts at the highest candidate and goes down. At each step, one group of rows with
equal scores changes from one decision to another. Therefore an objective needs only
running sums.

An objective is a function of :class:`Outcomes`, the results of the candidates. It
returns one number for each candidate. Higher is better. A hit is a row with the right
decision. Most objectives reward hits: if one class gets more hits and no other class
loses hits, the objective does not decrease. If the objective rewards hits and there are
many rows, only the rows near the best candidate are sorted.
"""

from typing import NamedTuple

import numpy as np

from skweight._utils.quantiles import ValueCells

# A ratio of 0 is replaced by SMALLEST, because a divisor or threshold must not be 0.
SMALLEST = 1e-300
# Relative differences below ROUNDING are rounding errors.
ROUNDING = 1e-12
# If the same numbers are added in two different orders, the relative difference of the
# two sums is below _SUMS.
_SUMS = 1e-9
# With fewer rows than _MANY_ROWS, sorting all rows is as fast as the search that first
# divides the rows into cells (intervals of scores).
_MANY_ROWS = 1 << 14


class Outcomes(NamedTuple):
    """Results of each of m candidates, in population weights.

    Attributes
    ----------
    hits : ndarray of shape (m, n_classes)
        For each candidate and class, the total weight of the rows of the class that get
        the right decision.
    decided : ndarray of shape (m, n_classes)
        For each candidate and class, the total weight of the rows that are assigned to
        the class.
    true : ndarray of shape (n_classes,)
        Total weight of the rows of each class.
    cost : ndarray of shape (m,) or None
        Total cost of each candidate, if decisions have costs.
    cells : callable
        ``cells(i)`` is the (n_classes, n_classes) confusion matrix of candidate i.
    """

    hits: np.ndarray
    decided: np.ndarray
    true: np.ndarray
    cost: np.ndarray | None
    cells: object


class Rows(NamedTuple):
    """Held-out rows in the form that the search needs.

    Attributes
    ----------
    proba : ndarray of shape (n_samples, n_classes)
        Predicted probabilities of the rows.
    codes : ndarray of shape (n_samples,)
        Position of the true class of each row.
    weight : ndarray of shape (n_samples,)
        Population weights of the rows.
    costs : ndarray of shape (n_samples, n_classes) or None
        Cost of every possible decision in each row.
    """

    proba: np.ndarray
    codes: np.ndarray
    weight: np.ndarray
    costs: np.ndarray | None


def outcomes_along(rows, before, after, order, ends):
    """Return the outcomes of candidates if rows change their decision in a given order.

    Parameters
    ----------
    rows : Rows
        Held-out rows whose decisions are searched.
    before, after : ndarray of shape (n_samples,)
        Decision of every row before the change, and after the change.
    order : ndarray of shape (n_samples,)
        The order in which rows change.
    ends : ndarray of shape (m - 1,)
        Number of changed rows for every candidate except the first. At the first
        candidate, no row has changed.

    Returns
    -------
    outcomes : Outcomes
    """
    n_classes = rows.proba.shape[1]
    weight = rows.weight[order]
    # The codes of the classes are read in random order. They are stored as small
    # integers, so that fewer bytes are read.
    codes = rows.codes.astype(np.min_scalar_type(n_classes))[order]
    old, new = (part if _all_equal(part) else part[order] for part in (before, after))
    last = _last_of_groups(ends, codes.size)

    def running(gained, lost):
        # The loop computes the sums of one class at a time, because sums along
        # contiguous memory are several times faster.
        total = np.empty((n_classes, ends.size + 1))
        start = _mass_of_classes(old, lost, n_classes)
        change = np.empty(codes.size)
        for k, of_class in enumerate(total):
            gain, loss = _of_class(new, k, gained), _of_class(old, k, lost)
            np.subtract(gain, loss, out=change)
            of_class[0] = start[k]
            np.add(start[k], change.cumsum(out=change)[last], out=of_class[1:])
        return total.T

    cost = None
    if rows.costs is not None:
        positions = np.arange(codes.size)
        now = (rows.costs[positions, before] * rows.weight).sum()
        costs = rows.costs[order]
        change = weight * (costs[positions, new] - costs[positions, old])
        cost = now + np.append(0.0, change.cumsum()[last])

    def cells(candidate):
        decided = before.copy()
        changed = order[: 0 if candidate == 0 else ends[candidate - 1]]
        decided[changed] = after[changed]
        return np.bincount(
            rows.codes * n_classes + decided, rows.weight, n_classes**2
        ).reshape(n_classes, n_classes)

    return Outcomes(
        running(weight * _equal(codes, new), weight * _equal(codes, old)),
        running(weight, weight),
        np.bincount(codes, weight, n_classes),
        cost,
        cells,
    )


def _last_of_groups(ends, n_rows):
    """Return the last row of every group; a slice if every group has only one row."""
    return slice(None) if ends.size == n_rows else ends - 1


def _equal(codes, classes):
    """Return whether each code is the class."""
    return codes == (int(classes[0]) if _all_equal(classes) else classes)


def _all_equal(classes):
    """Return whether an array is broadcast from one number."""
    return classes.strides == (0,)


def _mass_of_classes(classes, mass, n_classes):
    """Return the total weight of every class."""
    if not _all_equal(classes):
        return np.bincount(classes, mass, n_classes)
    total = np.zeros(n_classes)
    total[classes[0]] = mass.sum()
    return total


def _of_class(classes, k, mass):
    """Return the weights of the rows of class k, and zero for all other rows."""
    if _all_equal(classes):
        return mass if classes[0] == k else np.broadcast_to(0.0, mass.shape)
    return np.where(classes == k, mass, 0.0)


def groups(values):
    """Sort values downwards; return the order, and ends and lowest values of groups.

    A group is a run of equal values.

    The given values are not negative. Values that differ only by rounding errors count
    as equal. Rows with equal values change to another decision together.
    """
    negative = -values
    order = np.argsort(negative)
    ordered = negative[order]
    np.negative(ordered, out=ordered)
    falls = ordered[1:] < ordered[:-1] * (1 - ROUNDING)
    ends = np.flatnonzero(np.append(falls, True)) + 1
    return order, ends, ordered[_last_of_groups(ends, values.size)]


def first_best(values):
    """Return the position of the first value that is the largest, up to rounding.

    The objectives of several candidates are often exactly equal. The order of the rows
    changes the last digits of sums. This order must not decide which candidate is the
    best.
    """
    best = values.max()
    return int(np.argmax(values >= best - ROUNDING * abs(best)))


def best_threshold(rows, objective):
    """Return the best threshold for the second of two classes, and its objective.

    Returns
    -------
    threshold : float
        The threshold lies in the middle between two neighbouring scores of held-out
        rows. A new row with a score near one of these two scores gets the same decision
        as the held-out row.
    best : float
        The objective at the threshold.
    """
    if rows.codes.size > _MANY_ROWS and getattr(objective, "rewards_hits", False):
        merged, reached = _merge_hopeless(rows, objective)
        threshold, best = _best_of_all(merged, objective)
        # The end of a cell (an interval of scores) may lie between rows with equal
        # scores. No threshold separates these rows. Then it is possible that no
        # threshold reaches the objective at the end of this cell, and all rows are
        # searched.
        if best >= reached:
            return threshold, best
    return _best_of_all(rows, objective)


def _best_of_all(rows, objective):
    scores = rows.proba[:, 1]
    order, ends, levels = groups(scores)
    nobody, everybody = (np.broadcast_to(np.intp(k), scores.size) for k in (0, 1))
    outcomes = outcomes_along(rows, nobody, everybody, order, ends)
    values = objective(outcomes)
    best = first_best(values)
    above = max(levels[0], 1.0) if best == 0 else levels[best - 1]
    below = levels[0] if best == 0 else levels[best] if best < levels.size else 0.0
    if best == 0:
        # If no row gets the second class, the threshold is above the largest score,
        # even if the largest score is 1.
        return float(np.nextafter(above, np.inf)), float(values[best])
    threshold = (above + below) / 2
    # If the two scores are neighbouring doubles, there is no number between the scores,
    # and the upper score is the threshold.
    return float(threshold if below < threshold else above), float(values[best])


def _merge_hopeless(rows, objective):
    """Merge neighbouring rows if no threshold between them can be the best.

    The rows are divided into cells, which are intervals of rising scores. A hit is a
    row with the right decision. For a threshold inside a cell, the hits of class 1 are
    at most the hits at the lower end of the cell. The hits of class 0 are at most the
    hits at the upper end of the cell. These two numbers give an upper bound of the
    objective. A cell is closed if its upper bound is below the best objective at the
    ends of all cells. Neighbouring closed cells become one row per class.

    Returns
    -------
    merged : Rows
        The rows of open cells (the best threshold may lie in them), and one row per
        class for each group of neighbouring closed cells.
    reached : float
        The best objective at the end of any cell, minus possible rounding errors.
    """
    scores = np.ascontiguousarray(rows.proba[:, 1])
    cells = ValueCells(scores)
    mass = np.bincount(2 * cells.cell + rows.codes, rows.weight, 2 * cells.n_cells)
    from_top = np.zeros((cells.n_cells + 1, 2))
    np.cumsum(mass.reshape(-1, 2)[::-1], axis=0, out=from_top[1:])
    true = from_top[-1]
    above, up_to = from_top[:-1], from_top[1:]

    def value(decided):
        """Return the objective; `decided` is the weight per class with decision 1."""
        left = true - decided
        hits = np.column_stack([left[:, 0], decided[:, 1]])
        sums = np.column_stack([left.sum(axis=1), decided.sum(axis=1)])
        return objective(Outcomes(hits, sums, true, None, None))

    reached = value(from_top).max()
    reached -= _SUMS * abs(reached)
    bound = value(np.column_stack([above[:, 0], up_to[:, 1]]))
    is_open = (bound >= reached)[::-1]
    kept = np.flatnonzero(is_open[cells.cell])
    # Neighbouring closed cells are merged into one.
    starts = np.flatnonzero(is_open | np.append(True, is_open[:-1]))
    mass = np.add.reduceat(mass.reshape(-1, 2), starts)
    mass[is_open[starts]] = 0.0
    score_in = np.zeros(cells.n_cells)
    score_in[cells.cell] = scores  # any score of the cell
    cell, code = np.nonzero(mass)
    scores = np.append(scores[kept], np.maximum.reduceat(score_in, starts)[cell])
    merged = Rows(
        np.column_stack([1 - scores, scores]),
        np.append(rows.codes[kept], code),
        np.append(rows.weight[kept], mass[cell, code]),
        None,
    )
    return merged, reached


def decided_by(proba, thresholds):
    """Return the class for which probability divided by threshold is highest."""
    return (proba / thresholds).argmax(axis=1)


def best_thresholds(rows, objective, starts, *, max_sweeps=50):
    """Return one threshold per class; no change of a single threshold is better.

    The exact search finds the threshold of one class, while the other thresholds are
    fixed. A sweep searches the threshold of every class once. Sweeps are repeated until
    a sweep changes no threshold.

    Parameters
    ----------
    rows : Rows
        Held-out rows whose decisions are searched.
    objective : callable
        Function of `Outcomes` that returns one number per candidate.
    starts : list of ndarray of shape (n_classes,)
        Thresholds from which searches start; the best result is returned.
    max_sweeps : int, default=50
        Largest number of sweeps for one start.

    Returns
    -------
    thresholds : ndarray of shape (n_classes,)
        Thresholds of all classes with a sum of one, because only the ratios of
        thresholds matter.
    best : float
        The objective at the thresholds.
    """
    ends = []
    for start in starts:
        thresholds, best = np.array(start, dtype=float), -np.inf
        for _ in range(max_sweeps):
            before = best
            for code in range(thresholds.size):
                thresholds[code], best = _one_class(rows, objective, thresholds, code)
            if not best > before + ROUNDING * abs(best):
                break
        ends.append((best, thresholds / thresholds.sum()))
    best, thresholds = ends[first_best(np.array([best for best, _ in ends]))]
    return thresholds, best


def _one_class(rows, objective, thresholds, code):
    """Return best threshold and objective of one class; other thresholds stay fixed."""
    ratios = rows.proba / thresholds
    ratios[:, code] = -np.inf
    rival = np.maximum(ratios.max(axis=1), SMALLEST)
    otherwise = (ratios >= rival[:, None] * (1 - ROUNDING)).argmax(axis=1)
    # Each row has a level. The row gets this class if the threshold of the class is
    # below the level.
    level = np.maximum(rows.proba[:, code] / rival, SMALLEST)
    order, ends, levels = groups(level)
    outcomes = outcomes_along(rows, otherwise, np.full(level.size, code), order, ends)
    values = objective(outcomes)
    # The current threshold is also a candidate. It is kept unless another candidate is
    # better.
    now = int(np.count_nonzero(levels > thresholds[code] * (1 + ROUNDING)))
    chosen = first_best(values)
    if values[now] >= values[chosen] - ROUNDING * abs(values[chosen]):
        return thresholds[code], float(values[now])
    high = levels[chosen - 1] if chosen else levels[0] * 4
    low = levels[chosen] if chosen < levels.size else levels[-1] / 4
    return float(np.sqrt(high) * np.sqrt(low)), float(values[chosen])
