"""Draw rows in proportion to weights, for learners that accept no weights.

With ``unsupported="resample"``, as many rows are drawn as the data have, and a row can
be drawn several times. With ``"subsample"``, a row is drawn once or not at all.
"""

import numpy as np
from sklearn.utils import check_random_state

from skweight._utils.validation import encode_labels

# What to do with a learner that accepts no weights.
POLICIES = ("raise", "resample", "subsample")


def draw(policy, weights, y, random_state):
    """Return sorted positions of the rows to fit on; y is None for a regression."""
    if policy == "subsample":
        return systematic_subsample(weights, y, random_state=random_state)
    return systematic_resample(weights, random_state=random_state)


def systematic_resample(weights, n_draws=None, *, random_state=None):
    r"""Draw row positions in proportion to weights, by systematic resampling.

    Equidistant points with one uniform random offset are placed on the cumulative
    weights. Row :math:`i` is drawn :math:`\lfloor m w_i / \sum w \rfloor` times, or one
    time more. If draws were independent, these numbers would vary more.

    Parameters
    ----------
    weights : array-like of shape (n_samples,)
        Non-negative weights, not all zero.
    n_draws : int, default=None
        Number of draws :math:`m`. None draws as many rows as there are.
    random_state : int, RandomState instance or None, default=None
        Seed of the random offset.

    Returns
    -------
    indices : ndarray of shape (n_draws,)
        Positions of the drawn rows, ascending. Rows of weight zero are never drawn.

    Notes
    -----
    O(n) time and memory.

    References
    ----------
    .. [1] Kitagawa, G. (1996). Monte Carlo filter and smoother for non-Gaussian
       nonlinear state space models. J. Comput. Graph. Stat. 5(1), 1-25, appendix.

    Examples
    --------
    >>> from skweight.delivery._draw import systematic_resample
    >>> systematic_resample([1.0, 0.0, 3.0], 4, random_state=0)
    array([0, 2, 2, 2])
    """
    weights = np.asarray(weights, dtype=np.float64)
    n_draws = weights.size if n_draws is None else n_draws
    drawable = np.flatnonzero(weights)
    cumulated = np.cumsum(weights[drawable])
    start = check_random_state(random_state).uniform()
    comb = (start + np.arange(n_draws)) * (cumulated[-1] / n_draws)
    positions = np.searchsorted(cumulated, comb, side="right")
    return drawable[np.minimum(positions, drawable.size - 1)]


def systematic_subsample(weights, y=None, *, random_state=None):
    r"""Draw row positions in proportion to weights, without repetition.

    Row :math:`i` of class :math:`k` is drawn with the probability

    .. math:: \pi_i = m_k w_i / W_k , \quad m_k = \lfloor W_k / u \rfloor , \quad
       u = W_h / \lfloor W_h / \max_i w_i \rfloor ,

    where :math:`W_k` is the total weight of class :math:`k`, and :math:`h` is the class
    of the row with the largest weight. The number :math:`m_k` of drawn rows is fixed
    for each class. If weights depend only on the class, all rows of class :math:`h` are
    drawn. If weights differ within class :math:`h`, its rows are drawn with
    probabilities in proportion to their weights. If a few weights are very large, few
    rows are then drawn.

    Parameters
    ----------
    weights : array-like of shape (n_samples,)
        Non-negative weights, not all zero.
    y : array-like of shape (n_samples,), default=None
        Class labels. None treats all rows as one class.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw.

    Returns
    -------
    indices : ndarray of shape (n_draws,)
        Positions of the drawn rows, ascending. Rows of weight zero are never drawn. At
        least one row is drawn from every class with a positive weight.

    Notes
    -----
    The rows of each class are shuffled, and then drawn systematically. Time and memory
    are O(n), except for the sort.

    References
    ----------
    .. [1] Hartley, H. O. and Rao, J. N. K. (1962). Sampling with unequal probabilities
       and without replacement. Ann. Math. Statist. 33(2), 350-374.

    Examples
    --------
    >>> from skweight.delivery._draw import systematic_subsample
    >>> systematic_subsample([1, 1, 1, 1, 2, 2], [0, 0, 0, 0, 1, 1], random_state=0)
    array([0, 3, 4, 5])
    """
    weights = np.asarray(weights, dtype=np.float64)
    codes = _codes_of(y, weights.size)
    rng = check_random_state(random_state)
    drawn = []
    for code, size in enumerate(subsample_sizes(weights, codes)):
        rows = np.flatnonzero((codes == code) & (weights > 0))
        if size < rows.size:
            rows = _subsample(rng.permutation(rows), weights, size, rng)
        drawn.append(rows)
    return np.sort(np.concatenate(drawn))


def subsample_sizes(weights, codes):
    """Return the number of rows of each class in a subsample."""
    return _sizes(weights, codes)[0]


def whole_rows(weights, codes):
    """Return a factor for the weights of each class, to correct rounded row counts.

    The number of drawn rows of each class is rounded, so it does not exactly fit the
    weights. After the weights are multiplied by the factors, the total weight of each
    class is proportional to the number of its drawn rows. The factors do not change
    which rows are drawn.
    """
    sizes, masses, unit = _sizes(weights, codes)
    return np.divide(sizes * unit, masses, out=np.ones_like(masses), where=masses > 0)


def _sizes(weights, codes):
    """Return number of rows to draw and total weight per class, and weight per row."""
    masses = np.bincount(codes, weights=weights)
    heaviest = np.argmax(weights)
    unit = masses[codes[heaviest]] / _floor(masses[codes[heaviest]] / weights[heaviest])
    sizes = np.maximum(_floor(masses / unit), masses > 0).astype(np.intp)
    return sizes, masses, unit


def _floor(numbers):
    """Round down, but keep numbers that are whole except for rounding errors."""
    return np.floor(np.asarray(numbers) * (1 + 1e-9))


def _subsample(rows, weights, size, rng):
    """Draw `size` rows of a class, in proportion to `weights`, without repetition."""
    w = weights[rows]
    sure = w >= w.sum() / size * (1 - 1e-9)  # avoids that rounding draws a row twice
    n_left = size - np.count_nonzero(sure)
    if n_left <= 0 or sure.all():
        return rows[sure][:size]
    others = rows[~sure]
    return np.concatenate(
        [rows[sure], others[systematic_resample(w[~sure], n_left, random_state=rng)]]
    )


def _codes_of(y, n_samples):
    if y is None:
        return np.zeros(n_samples, dtype=np.intp)
    return encode_labels(np.asarray(y))[1]
