"""The weights that are closest to a cost matrix.

In all functions ``costs[..., k, j]`` is the cost of deciding label j if the true label
is k.
"""

import numpy as np

from skweight._utils.validation import check_choice
from skweight._utils.warn import warn
from skweight.costs._labels import cell_name
from skweight.costs._rules import TIE, off_diagonal, regret
from skweight.exceptions import DecisionWarning

METHODS = ("auto", "log_ls", "sum", "max", "zhou_liu")
# Limit for a singular value, as a share of the largest singular value. Below the limit,
# a singular value counts as zero.
RANK_TOLERANCE = 1e-10


def closest_weights(costs, method, labels):
    """Return class weights with mean one; see :meth:`CostMatrix.class_weight`."""
    check_choice(method, METHODS, name="method")
    weights = _weights(method, costs, labels)
    if not (weights >= 0).all() or not weights.any():
        raise ValueError(
            "Weights from these costs would be negative or all 0: "
            f"{dict(zip(labels, weights.tolist(), strict=True))}. A mistake must "
            "cost more than the right decision. Or use the costs in the decision, "
            "without weights."
        )
    return weights / weights.mean()


def _weights(method, costs, labels):
    excess, wrong = regret(costs), off_diagonal(len(costs))
    positive = (excess[wrong] > 0).all()
    if method == "sum":
        return excess.sum(axis=1)
    if method == "max" or (method == "auto" and is_row_constant(costs)):
        return np.where(wrong, excess, -np.inf).max(axis=1)
    if method == "auto":
        method = "log_ls" if positive else "sum"
        warn(
            "No class weights can express this cost matrix exactly, because "
            "different mistakes about the same true class have different costs. The "
            f"closest weights are used (method={method!r}). Use the costs in the "
            "decision, too: decision=cost.",
            DecisionWarning,
        )
        return _weights(method, costs, labels)
    if not positive:
        k, j = np.argwhere((excess <= 0) & wrong)[0]
        raise ValueError(
            f"method={method!r} uses ratios of costs, so every mistake must cost "
            f"more than the right decision; {cell_name(labels[k], labels[j])} costs "
            f"{excess[k, j]:g} more. Use method='sum'."
        )
    if method == "log_ls":
        return log_least_squares(costs)
    rank, weights = pair_rank(costs)
    if weights is None:
        raise ValueError(
            "No class weights match the cost ratios of all pairs of classes (rank "
            f"{rank} of {len(costs)}). Use method='log_ls' for the closest weights."
        )
    return weights


def stakes(costs, codes):
    """Return the weight (regret) of each row; warn if a label is not the cheapest.

    Parameters and weights are as in `regret_weights`.
    """
    weights, flipped = regret_weights(costs, codes)
    if flipped.any():
        warn(
            f"In {np.count_nonzero(flipped):,} of {flipped.size:,} rows, another "
            "decision costs less than the label. No weight can express this, so "
            "these rows get weight 0. Check the signs of the costs with "
            "print(cost.check(X, y)), or use the costs in the decision: "
            "decision=cost.",
            DecisionWarning,
        )
    if not weights.any():
        raise ValueError(
            "In no row is the label cheaper than another decision, so all weights "
            "would be 0. Check the costs with print(cost.check(X, y))."
        )
    return weights


def is_row_constant(costs):
    """Return whether every mistake about a true class costs the same.

    Class weights are equivalent to the matrix only if all mistakes about a true class
    cost the same.
    """
    excess = regret(costs)
    n_classes = excess.shape[-1]
    wrong = excess[..., off_diagonal(n_classes)].reshape(
        *excess.shape[:-2], n_classes, n_classes - 1
    )
    spread = np.ptp(wrong, axis=-1)
    return bool((spread <= TIE * max(np.abs(excess).max(), 1e-300)).all())


def pair_matrix(costs):
    """Return the linear system whose solutions are weights equivalent to the costs.

    The row for classes i < j is ``w_i c_ji = w_j c_ij``.

    References
    ----------
    .. [1] Zhou, Z.-H. and Liu, X.-Y. (2006). On multi-class cost-sensitive learning.
       AAAI, section 3.
    """
    excess = regret(costs)
    first, second = np.triu_indices(excess.shape[0], k=1)
    system = np.zeros((first.size, excess.shape[0]))
    rows = np.arange(first.size)
    system[rows, first] = excess[second, first]
    system[rows, second] = -excess[first, second]
    return system


def pair_rank(costs):
    """Return the rank of the linear system, and its null vector if there is one."""
    system = pair_matrix(costs)
    lengths = np.linalg.norm(system, axis=1, keepdims=True)
    system = system / np.where(lengths > 0, lengths, 1.0)
    _, singular, right = np.linalg.svd(system)
    rank = int(np.count_nonzero(singular > RANK_TOLERANCE * max(singular[0], 1e-300)))
    return rank, np.abs(right[-1]) if rank < costs.shape[0] else None


def log_least_squares(costs):
    """Return weights whose ratios are closest to the cost ratios on the log scale.

    The weights minimise the sum over pairs of ``(log w_i - log w_j - log(c_ij /
    c_ji))^2``, in closed form. All costs of mistakes must be positive.
    """
    excess = regret(costs)
    np.fill_diagonal(excess, 1.0)
    logs = np.log(excess)
    return np.exp((logs - logs.T).mean(axis=1))


def regret_weights(costs, codes):
    """Return the weight (regret) of each row, and the rows with a cheaper decision.

    Parameters
    ----------
    costs : ndarray of shape (n_samples, n_classes)
        ``costs[i, j]`` is the cost of deciding j in row i, given the row's true label.
    codes : ndarray of shape (n_samples,)
        Position of the label of every row.

    Returns
    -------
    weights : ndarray of shape (n_samples,)
        Cost of the worst decision minus cost of the label. Zero if another decision is
        cheaper than the label, because a weight cannot make the learner decide against
        the label.
    flipped : ndarray of shape (n_samples,), dtype bool
        The rows in which another decision is cheaper than the label.
    """
    of_label = costs[np.arange(codes.size), codes]
    flipped = costs.min(axis=1) < of_label
    return np.where(flipped, 0.0, costs.max(axis=1) - of_label), flipped
