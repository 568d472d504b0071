"""The arithmetic of cost matrices: expected costs, decisions, and dominated decisions.

In all functions ``costs[..., k, j]`` is the cost of deciding j if the true label is k.
`CostMatrix` handles labels, columns and messages.
"""

from itertools import combinations

import numpy as np

# Limit for the difference of two expected costs, relative to the largest cost. If the
# difference is below the limit, the two costs count as equal. For example, 0.3 * 3 +
# 0.2 * 6 and 0.5 + 0.2 * 8 are equal, but their floating-point values differ.
TIE = 1e-12


def regret(costs):
    """Return the cost of each decision minus the cost of the right decision.

    A constant that is added to all costs of a true class changes no decision. Matrices
    with the same differences therefore lead to the same decisions.
    """
    costs = np.asarray(costs, dtype=np.float64)
    return costs - np.diagonal(costs, axis1=-2, axis2=-1)[..., None]


def of_labels(costs):
    """Return the costs of the decisions that are labels, without other decisions."""
    return costs[..., : costs.shape[-2]]


def choose(risk, proba):
    """Return the column of lowest expected cost; in a tie, the more probable label.

    Parameters
    ----------
    risk : ndarray of shape (n_samples, n_decisions)
        Expected costs. Decisions that are not labels are the last columns.
    proba : ndarray of shape (n_samples, n_classes)
        Probability of each class in each row.

    Returns
    -------
    positions : ndarray of shape (n_samples,)
        Column of the chosen decision in each row.
    """
    if not risk.size:
        return np.zeros(risk.shape[0], dtype=np.intp)
    least = risk.min(axis=1, keepdims=True)
    slack = TIE * np.maximum(np.abs(risk).max(axis=1, keepdims=True), 1e-300)
    tied = risk <= least + slack
    # A decision that is not a label has no probability. If a label has the same
    # expected cost as this decision, the label is chosen.
    merit = np.full(risk.shape, -1.0)
    merit[:, : proba.shape[1]] = proba
    return np.where(tied, merit, -np.inf).argmax(axis=1)


def dominated(costs):
    """Return a mask of the dominated decisions (decisions that are never the best).

    Decision m is dominated if some decision n never costs more than m, and costs less
    for at least one true class. With two classes, m is also dominated if for every
    probability some other decision is cheaper; the cheaper decision may differ between
    probabilities.

    Parameters
    ----------
    costs : ndarray of shape (..., n_classes, n_decisions)
        Cost of each decision, for each true class.

    Returns
    -------
    dominated : ndarray of shape (..., n_decisions), dtype bool
        True for each decision that is dominated.
    """
    costs = np.asarray(costs)
    difference = costs[..., :, None] - costs[..., None, :]  # [..., true, m, n]
    worse = (difference >= 0).all(axis=-3) & (difference > 0).any(axis=-3)
    worse = worse.any(axis=-1)
    n_decisions = costs.shape[-1]
    if costs.shape[-2] == 2 < n_decisions:
        for m in range(n_decisions):
            worse[..., m] |= _never_cheapest(difference[..., m, :], m)
    return worse


def _never_cheapest(difference, m):
    """Return whether, for all probabilities, another decision is cheaper.

    ``difference[..., k, n]`` is the cost of decision m minus the cost of decision n if
    the true label is k. Only a few probabilities of the second class need a check: 0,
    1, and the probabilities at which two other decisions have the same expected cost.
    The difference between decision m and the best other decision is smallest at one of
    these probabilities.
    """
    others = np.delete(difference, m, axis=-1)
    best = np.minimum(others[..., 0, :].max(axis=-1), others[..., 1, :].max(axis=-1))
    for first, second in combinations(range(others.shape[-1]), 2):
        gap = others[..., first] - others[..., second]  # [..., true]
        span = gap[..., 0] - gap[..., 1]
        p = np.divide(gap[..., 0], span, out=np.zeros(span.shape), where=span != 0)
        p = np.clip(p, 0.0, 1.0)[..., None]
        excess = ((1 - p) * others[..., 0, :] + p * others[..., 1, :]).max(axis=-1)
        best = np.minimum(best, excess)
    return best > TIE * np.abs(difference).max()


def off_diagonal(n_classes):
    """Return the mask of the cells of the matrix in which the decision is wrong."""
    return ~np.eye(n_classes, dtype=bool)


def unreasonable(costs):
    """Return for every matrix whether a wrong label is cheaper than the right label."""
    excess = regret(of_labels(costs))
    wrong = excess[..., off_diagonal(excess.shape[-1])]
    return (wrong < 0).any(axis=-1)


def check_length(cost, n_rows, where):
    """Raise if the number of costs and the number of rows differ."""
    if np.ndim(cost) and np.size(cost) != n_rows:
        raise ValueError(
            f"{where}, but there are {np.size(cost)} costs. Pass the X of exactly "
            "these rows."
        )


def taken(true, decided, cells):
    """Return the cost of every row, given the positions of true label and decision."""
    costs = np.empty(true.size)
    for k, row in enumerate(cells):
        for j, cost in enumerate(row):
            rows = (true == k) & (decided == j)
            check_length(cost, true.size, f"There are {true.size} labels")
            costs[rows] = cost[rows] if np.ndim(cost) else cost
    return costs
