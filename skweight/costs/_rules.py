"""The arithmetic of cost matrices: risks, decisions, and the weights closest to them.

Everywhere ``costs[..., k, j]`` is the cost of deciding j where k is true. Labels,
columns and messages are the business of `CostMatrix`.
"""

import numpy as np

# Risks closer than this, relative to the largest cost, are a tie: 0.3 * 3 + 0.2 * 6 and
# 0.5 + 0.2 * 8 are the same number, and not the same double.
TIE = 1e-12
# Singular values below this share of the largest count as zero.
RANK_TOLERANCE = 1e-10


def regret(costs):
    """Return what a decision costs beyond that of the right one.

    A constant added to the costs of one true class changes no decision, so this is
    the form in which two matrices can be compared.
    """
    costs = np.asarray(costs, dtype=np.float64)
    return costs - np.diagonal(costs, axis1=-2, axis2=-1)[..., None]


def choose(risk, proba):
    """Return the column of least risk; ties go to the more probable class, then first.

    Parameters
    ----------
    risk, proba : ndarray of shape (n_samples, n_classes)
        Expected costs and probabilities.

    Returns
    -------
    positions : ndarray of shape (n_samples,)
    """
    if not risk.size:
        return np.zeros(risk.shape[0], dtype=np.intp)
    least = risk.min(axis=1, keepdims=True)
    slack = TIE * np.maximum(np.abs(risk).max(axis=1, keepdims=True), 1e-300)
    tied = risk <= least + slack
    return np.where(tied, proba, -np.inf).argmax(axis=1)


def dominated(costs):
    """Return which decisions are never better than another one.

    Decision m is dominated where some decision n costs no more whatever is true, and
    less for at least one truth.

    Parameters
    ----------
    costs : ndarray of shape (..., n_classes, n_classes)

    Returns
    -------
    dominated : ndarray of shape (..., n_classes), dtype bool
    """
    costs = np.asarray(costs)
    difference = costs[..., :, None] - costs[..., None, :]  # [..., true, m, n]
    worse = (difference >= 0).all(axis=-3) & (difference > 0).any(axis=-3)
    return worse.any(axis=-1)


def off_diagonal(n_classes):
    """Return the mask of the cells in which the decision is wrong."""
    return ~np.eye(n_classes, dtype=bool)


def unreasonable(costs):
    """Return for every matrix whether some wrong decision is the cheaper one."""
    excess = regret(costs)
    wrong = excess[..., off_diagonal(excess.shape[-1])]
    return (wrong < 0).any(axis=-1)


def is_row_constant(costs):
    """Return whether every mistake about a true class costs the same.

    Exactly then class weights say the same as the matrix.
    """
    excess = regret(costs)
    n_classes = excess.shape[-1]
    wrong = excess[..., off_diagonal(n_classes)].reshape(
        *excess.shape[:-2], n_classes, n_classes - 1
    )
    spread = np.ptp(wrong, axis=-1)
    return bool((spread <= TIE * max(np.abs(excess).max(), 1e-300)).all())


def pair_matrix(costs):
    """Return the linear system that weights equivalent to the costs would solve.

    The row of classes i < j says ``w_i c_ji = w_j c_ij``.

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
    """Return the rank of the system, and its null vector where there is one."""
    system = pair_matrix(costs)
    lengths = np.linalg.norm(system, axis=1, keepdims=True)
    system = system / np.where(lengths > 0, lengths, 1.0)
    _, singular, right = np.linalg.svd(system)
    rank = int(np.count_nonzero(singular > RANK_TOLERANCE * max(singular[0], 1e-300)))
    return rank, np.abs(right[-1]) if rank < costs.shape[0] else None


def log_least_squares(costs):
    """Return weights whose ratios are closest to the cost ratios on the log scale.

    Minimises the sum over pairs of ``(log w_i - log w_j - log(c_ij / c_ji))^2``, in
    closed form. All mistakes must cost something.
    """
    excess = regret(costs)
    np.fill_diagonal(excess, 1.0)
    logs = np.log(excess)
    return np.exp((logs - logs.T).mean(axis=1))


def row_sum(costs):
    """Return the total cost of the mistakes about every class."""
    return regret(costs).sum(axis=1)


def row_max(costs):
    """Return the cost of the worst mistake about every class."""
    wrong = off_diagonal(len(costs))
    return np.where(wrong, regret(costs), -np.inf).max(axis=1)


def mean_one(weights):
    """Return weights of mean one over the classes."""
    return weights / weights.mean()


def regret_weights(costs, codes):
    """Return what is at stake in every row, and which rows contradict their label.

    Parameters
    ----------
    costs : ndarray of shape (n_samples, n_classes) of the rows' own true classes
        ``costs[i, j]`` is what deciding j costs in row i.
    codes : ndarray of shape (n_samples,)
        Position of the label of every row.

    Returns
    -------
    weights : ndarray of shape (n_samples,)
        Cost of the worst decision beyond that of the label. Zero where another
        decision is cheaper than the label: no weight, however small, teaches the
        learner to decide otherwise than the label says.
    flipped : ndarray of shape (n_samples,), dtype bool
        The rows of that last kind.
    """
    own = costs[np.arange(codes.size), codes]
    flipped = costs.min(axis=1) < own
    return np.where(flipped, 0.0, costs.max(axis=1) - own), flipped
