"""Pure functions on weight vectors: normalise, measure, clip, cap, temper, smooth.

Bad weights raise no error, even if a few rows dominate a fit. The functions of this
module measure and correct bad weights. They need no estimator, do not change their
input, and cost O(n log n) at most.

Rows of weight zero are treated as absent: their weights stay zero, and means, medians
and quantiles are computed from the other rows. Three exceptions are documented: the
design effect, the size of the Pareto tail, and :func:`normalize_weights` with
``sample_weight``.
"""

import numpy as np

from skweight._utils.lure import lure_weights
from skweight._utils.pareto import check_log_weights, pareto_diagnostics, pareto_smooth
from skweight._utils.quantiles import ValueCells
from skweight._utils.validation import (
    check_choice,
    check_number,
    check_weights,
    encode_groups,
)

__all__ = [
    "cap_weights",
    "clip_weights",
    "design_effect",
    "effective_sample_size",
    "lure_weights",
    "normalize_weights",
    "pareto_diagnostics",
    "pareto_smooth",
    "temper_to_effective_sample_size",
    "temper_weights",
]

_CLIP_LIMITS = {"truncated": None, "quantile": 0.99, "median": 10, "mean": 20, "iqr": 6}


def normalize_weights(weights, *, by=None, sample_weight=None):
    r"""Scale weights to mean 1, overall or within every class or group.

    Regularisation strengths, leaf sizes and bootstrap draws depend on the scale of the
    weights. So normalise last, before weights reach an estimator. Normalising keeps
    only the ratios between the weights of rows (of one group). The mean of the raw
    weights is lost. For density ratios, this mean shows how much of the target has no
    source rows.

    .. math:: v_i = w_i \frac{\sum_{j \in g(i)} s_j}{\sum_{j \in g(i)} s_j w_j}

    where :math:`g(i)` are the rows of the group of row i. :math:`s_j` is
    ``sample_weight``. Without ``sample_weight``, :math:`s_j` is 1 for rows with
    :math:`w_j > 0`, and 0 for all other rows.

    Parameters
    ----------
    weights : array-like of shape (n_samples,)
        Non-negative weights in any unit.
    by : array-like of shape (n_samples,), default=None
        Class or group of every row. The weights of each group get mean 1, so the share
        of the group in the total weight equals its share of the rows again. A group
        without any weight, or without any ``sample_weight``, gets zero.
    sample_weight : array-like of shape (n_samples,), default=None
        How many rows each row stands for in the mean. The mean then includes rows of
        weight 0. With None, every row of non-zero weight counts once.

    Returns
    -------
    normalized : ndarray of shape (n_samples,)
        Weights with mean 1. Zeros stay zero.

    Raises
    ------
    ValueError
        If weights are negative, not finite, all zero, or of another length than ``by``
        or ``sample_weight``. Also if all rows with weight have a ``sample_weight`` of
        zero.

    Notes
    -----
    O(n), or O(n log n) for the labels of ``by``.

    Examples
    --------
    >>> from skweight.weights import normalize_weights
    >>> normalize_weights([0, 1, 2, 3]).round(3)
    array([0. , 0.5, 1. , 1.5])
    >>> normalize_weights([1, 3, 10, 30], by=["a", "a", "b", "b"])
    array([0.5, 1.5, 0.5, 1.5])
    """
    weights = check_weights(weights, name="weights")
    _, codes, n_groups = encode_groups(by, weights.size)
    relative = _relative_weights(weights, codes, n_groups)
    if sample_weight is None:
        counts = (relative > 0).astype(np.float64)
    else:
        counts = check_weights(sample_weight, weights.size)
        counts = counts / counts.max()
        if not np.any(counts * relative):
            raise ValueError(
                "sample_weight must be positive in at least one row with a weight; "
                "got zeros in all of them. Pass the sample_weight of these rows."
            )
    total = _sum_by(counts * relative, codes, n_groups)
    n_rows = _sum_by(counts, codes, n_groups)
    factor = np.divide(n_rows, total, out=np.zeros(n_groups), where=total > 0)
    return relative * factor[codes]


def effective_sample_size(weights, *, log=False, by=None):
    r"""Return Kish's effective sample size, as a number of equally weighted rows.

    The variance of a weighted mean equals the variance of an unweighted mean over as
    many rows as the effective sample size. If the effective sample size is a tenth of
    n, this is as if nine of ten rows were lost. The effective size does not show
    whether rows for a part of the population are missing.

    .. math:: n_{eff} = \Bigl(\sum_i w_i\Bigr)^2 \Big/ \sum_i w_i^2

    Parameters
    ----------
    weights : array-like of shape (n_samples,)
        Non-negative weights in any unit.
    log : bool, default=False
        Whether ``weights`` are natural logarithms of weights. Minus infinity is a
        weight of zero. Nothing overflows.
    by : array-like of shape (n_samples,), default=None
        Class or group of every row, to get one number for each group. The smallest
        number is more informative than the overall number.

    Returns
    -------
    n_effective : float or dict
        A number between 1 and the number of non-zero weights. With ``by``, a dict
        ``{label: n_effective}``; it is 0 for a group without any weight.

    Raises
    ------
    ValueError
        If weights are negative, not finite, all zero, or of another length than
        ``by``.

    See Also
    --------
    design_effect : The factor by which weighting inflates the variance.

    Notes
    -----
    O(n), or O(n log n) for the labels of ``by``.

    References
    ----------
    .. [1] L. Kish, Survey Sampling, Wiley, 1965, section 11.7.

    Examples
    --------
    >>> from skweight.weights import effective_sample_size
    >>> effective_sample_size([1, 1, 1, 1])
    4.0
    >>> round(effective_sample_size([1, 1, 1000]), 3)
    1.004
    >>> effective_sample_size([1, 1, 3, 3, 3], by=["a", "a", "b", "b", "b"])
    {'a': 2.0, 'b': 3.0}
    """
    labels, _, n_effective = _kish(weights, log, by)
    if by is None:
        return float(n_effective[0])
    return dict(zip(labels, n_effective.tolist(), strict=True))


def design_effect(weights, *, log=False, by=None):
    r"""Return the factor by which weighting inflates the variance of a mean.

    A design effect of 4 doubles the standard error, as if three of four rows were lost.

    .. math:: d = n / n_{eff} = 1 + \mathrm{CV}^2(w)

    with CV the standard deviation of the weights divided by their mean. Rows of weight
    zero count in n: they were collected but add no information.

    Parameters
    ----------
    weights : array-like of shape (n_samples,)
        Non-negative weights in any unit.
    log : bool, default=False
        Whether ``weights`` are natural logarithms of weights.
    by : array-like of shape (n_samples,), default=None
        Class or group of every row, to get one number for each.

    Returns
    -------
    effect : float or dict
        A number from 1, for equal weights, to n. With ``by``, a dict ``{label:
        effect}``; it is NaN for a group without any weight.

    Raises
    ------
    ValueError
        If weights are negative, not finite, all zero, or of another length than
        ``by``.

    See Also
    --------
    effective_sample_size : The number of rows divided by the design effect.

    Notes
    -----
    O(n), or O(n log n) for the labels of ``by``.

    References
    ----------
    .. [1] L. Kish, Survey Sampling, Wiley, 1965, section 11.7.

    Examples
    --------
    >>> from skweight.weights import design_effect
    >>> design_effect([1, 2, 3, 4])
    1.2
    """
    labels, n_rows, n_effective = _kish(weights, log, by)
    nothing = np.full(n_rows.size, np.nan)
    effect = np.divide(n_rows, n_effective, out=nothing, where=n_effective > 0)
    if by is None:
        return float(effect[0])
    return dict(zip(labels, effect.tolist(), strict=True))


def clip_weights(weights, *, method="truncated", limit=None):
    r"""Limit weights to a threshold that is computed from the weights.

    Clipping trades variance for bias: the rows above the threshold count less than they
    should. Weights keep their unit and are not normalised. If you normalise the clipped
    weights, the largest weight rises above the threshold again; see
    :func:`cap_weights`.

    .. math:: v_i = \min(w_i, \tau)

    Parameters
    ----------
    weights : array-like of shape (n_samples,)
        Non-negative weights in any unit. Run :func:`pareto_diagnostics` on the raw
        weights first: clipping hides their tail.
    method : {"truncated", "quantile", "median", "mean", "iqr"}, default="truncated"
        How the threshold :math:`\tau` is computed. All methods use non-zero weights
        only.

        - ``"truncated"``: :math:`\sqrt{n}` times the mean. The threshold grows with n,
          so estimates stay consistent. Recommended for density ratios.
        - ``"quantile"``: the quantile ``limit``, with linear interpolation.
        - ``"median"``: ``limit`` times the median, common in survey statistics. Large
          weights do not change it.
        - ``"mean"``: ``limit`` times the mean.
        - ``"iqr"``: the median plus ``limit`` times the inter-quartile range.
    limit : float, default=None
        For ``"quantile"``, a quantile in (0, 1]; for other methods, a factor above 0. A
        larger limit clips less. None means 0.99 for ``"quantile"``, 10 for
        ``"median"``, 20 for ``"mean"``, 6 for ``"iqr"``. ``"truncated"`` has no limit.

    Returns
    -------
    clipped : ndarray of shape (n_samples,)
        Weights of at most :math:`\tau`. Smaller weights are unchanged.

    Raises
    ------
    ValueError
        If weights are negative, not finite or all zero, if the method is unknown, or
        if ``limit`` is out of range or given with ``"truncated"``.

    See Also
    --------
    cap_weights : A bound that holds after normalising.
    pareto_smooth : Replaces the tail with expected values instead of cutting it.

    Notes
    -----
    O(n).

    References
    ----------
    .. [1] E. L. Ionides, Truncated importance sampling, Journal of Computational and
       Graphical Statistics 17(2), 2008.

    Examples
    --------
    >>> from skweight.weights import clip_weights
    >>> clip_weights([1, 1, 2, 100], method="median", limit=4)
    array([1., 1., 2., 6.])
    >>> clip_weights([1, 1, 2, 100]).round(1)  # sqrt(4) times the mean, 26
    array([ 1.,  1.,  2., 52.])
    """
    weights = check_weights(weights, name="weights")
    check_choice(method, _CLIP_LIMITS, name="method")
    if method == "truncated" and limit is not None:
        raise ValueError(
            "limit must be None with method='truncated', because this threshold is "
            f"computed from n; got {limit!r}. Choose method='mean' for a multiple of "
            "the mean."
        )
    limit = _CLIP_LIMITS[method] if limit is None else limit
    if method == "quantile":
        check_number(limit, name="limit", low=0, high=1, include="right")
    elif method != "truncated":
        check_number(limit, name="limit", low=0, include="neither")
    largest = weights.max()
    # Weights are divided by the largest weight, so that no mean of large numbers
    # overflows.
    positive = weights[weights > 0] / largest
    if method == "quantile":
        threshold = np.quantile(positive, limit)
    elif method == "median":
        threshold = limit * np.median(positive)
    elif method == "iqr":
        low, median, high = np.quantile(positive, [0.25, 0.5, 0.75])
        threshold = median + limit * (high - low)
    else:
        multiple = np.sqrt(positive.size) if method == "truncated" else limit
        threshold = multiple * positive.mean()
    if threshold >= 1:
        return weights.copy()
    return np.minimum(weights, threshold * largest)


def cap_weights(weights, cap):
    r"""Bound weights at a multiple of their mean, exactly, and normalise to mean 1.

    If you clip and then normalise, the bound no longer holds, because clipping lowers
    the mean. In this function, the weights below the bound are multiplied by one
    number, so that the mean is 1 and no weight exceeds ``cap`` ("water-filling").

    .. math:: v_i = \min(s w_i, c), \quad s:\ \mathrm{mean}(v) = 1

    Parameters
    ----------
    weights : array-like of shape (n_samples,)
        Non-negative weights in any unit.
    cap : float
        Largest weight c of the result, as a multiple of the mean; at least 1. A lower
        cap makes the weights more equal. 1 makes all non-zero weights equal.

    Returns
    -------
    capped : ndarray of shape (n_samples,)
        Weights of at most ``cap`` with mean 1 over the non-zero rows. Ratios between
        uncapped rows are kept.

    Raises
    ------
    ValueError
        If weights are negative, not finite or all zero, or if ``cap`` is below 1
        (weights of mean 1 cannot all be below 1).
    TypeError
        If ``cap`` is not a number.

    See Also
    --------
    clip_weights : Cut at a threshold without normalising.

    Notes
    -----
    The time is O(n log n), for one sort. Let :math:`w_{(i)}` be the weights in
    descending order, and :math:`s_j = (n - c j) / \sum_{i > j} w_{(i)}`. The number of
    capped rows is the smallest j with :math:`s_j w_{(j+1)} \le c`.

    Examples
    --------
    >>> from skweight.weights import cap_weights
    >>> cap_weights([1, 1, 2, 100], 2)
    array([0.5, 0.5, 1. , 2. ])
    """
    weights = check_weights(weights, name="weights")
    check_number(cap, name="cap")
    if cap < 1:
        raise ValueError(
            "cap must be at least 1, because the capped weights have mean 1; got "
            f"{cap!r}. Pass the largest weight as a multiple of the mean weight."
        )
    relative = weights / weights.max()
    # Weights are in ascending order, so that sums over uncapped rows are cumulative
    # sums from the start.
    ordered = np.sort(relative[relative > 0])
    n = ordered.size
    uncapped_total = np.cumsum(ordered)
    n_capped = n - 1 - np.arange(n)
    mass_left = n - cap * n_capped
    # The entries belong to falling numbers of capped rows. The last entry that is valid
    # has the smallest valid number, so this entry is used.
    fits = mass_left * ordered <= cap * uncapped_total
    last = n - 1 - int(np.argmax(fits[::-1]))
    # The weights are divided by the total before the product is taken, because the mass
    # divided by a tiny total could overflow.
    rising = max(mass_left[last], 0.0) * (relative / uncapped_total[last])
    return np.minimum(rising, cap)


def temper_weights(weights, exponent):
    r"""Flatten weights by a power between 0 (all equal) and 1 (unchanged).

    Tempering is a compromise between no weights and full weights. An exponent of 0.5
    often removes most of the bias, and increases the variance much less than full
    weights do. Zeros stay zero, also at exponent 0.

    .. math:: v_i = w_i^\tau

    Parameters
    ----------
    weights : array-like of shape (n_samples,)
        Non-negative weights in any unit.
    exponent : float
        The power :math:`\tau` in [0, 1]. A larger power never increases the effective
        sample size.

    Returns
    -------
    tempered : ndarray of shape (n_samples,)
        Not normalised.

    Raises
    ------
    ValueError
        If weights are negative, not finite or all zero, or ``exponent`` is outside
        [0, 1].
    TypeError
        If ``exponent`` is not a number.

    See Also
    --------
    temper_to_effective_sample_size : Finds the exponent.

    Notes
    -----
    O(n).

    References
    ----------
    .. [1] H. Shimodaira, Improving predictive inference under covariate shift by
       weighting the log-likelihood function, Journal of Statistical Planning and
       Inference 90(2), 2000.

    Examples
    --------
    >>> from skweight.weights import temper_weights
    >>> temper_weights([0, 1, 4, 100], 0.5)
    array([ 0.,  1.,  2., 10.])
    """
    weights = check_weights(weights, name="weights")
    check_number(exponent, name="exponent", low=0, high=1)
    # 0 ** 0 is 1, so with exponent 0 a row of weight zero would get the weight 1.
    return np.where(weights > 0, weights**exponent, 0.0)


def temper_to_effective_sample_size(weights, fraction, *, return_exponent=False):
    r"""Flatten weights as little as needed to keep an effective sample size.

    Use this function to set the cost of the weights instead of guessing a power:
    ``fraction=0.5`` keeps the information of half the rows.

    .. math:: \tau = \max \{ t \in [0, 1] : n_{eff}(w^t) \ge \rho n \}

    Parameters
    ----------
    weights : array-like of shape (n_samples,)
        Non-negative weights in any unit.
    fraction : float
        The effective sample size to keep, as a share :math:`\rho` of the non-zero rows,
        in (0, 1]. A larger share makes the weights more equal.
    return_exponent : bool, default=False
        Whether to also return the exponent.

    Returns
    -------
    tempered : ndarray of shape (n_samples,)
        The weights to the power :math:`\tau`, not normalised. If the effective sample
        size is already large enough, a copy of the weights.
    exponent : float
        The power :math:`\tau`, only if ``return_exponent`` is True.

    Raises
    ------
    ValueError
        If weights are negative, not finite or all zero, or ``fraction`` is outside
        (0, 1].
    TypeError
        If ``fraction`` is not a number.

    See Also
    --------
    temper_weights : Uses a given exponent.

    Notes
    -----
    A bisection in log space takes 40 steps of O(n) each. The effective sample size
    falls as the exponent rises, so there is one solution. The lower end of the last
    interval is returned, because the required sample size is certain there.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.weights import (
    ...     effective_sample_size,
    ...     temper_to_effective_sample_size,
    ... )
    >>> weights = np.exp(2 * np.random.default_rng(0).normal(size=1000))
    >>> tempered, exponent = temper_to_effective_sample_size(
    ...     weights, 0.5, return_exponent=True
    ... )
    >>> print(f"{effective_sample_size(weights):.0f} of 1000, exponent {exponent:.2f}")
    64 of 1000, exponent 0.44
    >>> print(f"{effective_sample_size(tempered):.0f} of 1000")
    500 of 1000
    """
    weights = check_weights(weights, name="weights")
    check_number(fraction, name="fraction", low=0, high=1, include="right")
    positive = weights[weights > 0]
    log_weights = np.log(positive)
    log_weights -= log_weights.max()
    wanted = fraction * positive.size
    low, high = 0.0, 1.0
    if _tempered_kish(log_weights, 1.0) >= wanted:
        low = 1.0
    else:
        for _ in range(40):
            middle = (low + high) / 2
            enough = _tempered_kish(log_weights, middle) >= wanted
            low, high = (middle, high) if enough else (low, middle)
    tempered = temper_weights(weights, low)
    return (tempered, low) if return_exponent else tempered


def weighted_quantile(values, weights, quantile):
    """Return the smallest value at which the cumulative weight reaches a share of all.

    ``quantile`` may be an array.
    """
    reached = ValueCells(values).reached(weights, np.atleast_1d(quantile))
    return reached.reshape(np.shape(quantile))[()]


def _kish(weights, log, by):
    """Return labels, numbers of rows and effective sample sizes of all groups."""
    checked = (
        check_log_weights(weights) if log else check_weights(weights, name="weights")
    )
    labels, codes, n_groups = encode_groups(by, checked.size)
    relative = _relative_weights(checked, codes, n_groups, log=log)
    total = _sum_by(relative, codes, n_groups)
    squares = _sum_by(relative**2, codes, n_groups)
    nothing = np.zeros(n_groups)
    n_effective = np.divide(total**2, squares, out=nothing, where=squares > 0)
    if n_groups == 1:
        return labels, np.array([checked.size]), n_effective
    return labels, np.bincount(codes, minlength=n_groups), n_effective


def _tempered_kish(log_weights, exponent):
    """Return the effective sample size of weights (at most 1) raised to a power."""
    flattened = np.exp(exponent * log_weights)
    total = flattened.sum()
    # Squares are summed without a BLAS product, because BLAS threads are slow on a busy
    # machine.
    flattened *= flattened
    return total**2 / flattened.sum()


def _relative_weights(weights, codes, n_groups, *, log=False):
    """Return weights relative to the largest weight of their group.

    Squares and sums of numbers in [0, 1] do not overflow or underflow.
    """
    if n_groups == 1:
        largest = weights.max()
    else:
        largest = np.full(n_groups, -np.inf)
        np.maximum.at(largest, codes, weights)
        largest = np.where(largest > (-np.inf if log else 0), largest, 1.0)[codes]
    with np.errstate(under="ignore"):
        return np.exp(weights - largest) if log else weights / largest


def _sum_by(values, codes, n_groups):
    """Return the sum of the values of every group."""
    if n_groups == 1:  # pairwise sums are one or two digits more exact than bincount
        return values.sum(keepdims=True)
    return np.bincount(codes, weights=values, minlength=n_groups)
