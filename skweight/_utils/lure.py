"""Weights that correct averages for the row selection of an active learner."""

import numpy as np

from skweight._utils.validation import check_number


def lure_weights(probability, pool_size, *, order=None):
    r"""Return weights for actively chosen rows, to estimate the mean loss of the pool.

    Active learning labels the most informative rows, so a mean over these rows differs
    from the mean of the pool. With the weights of this function, the mean is unbiased.
    The proposal (the probabilities of drawing each row) may depend on anything,
    including earlier labels. Pass the weights as ``sample_weight`` with
    ``normalize=False``, or average losses with them.

    .. math::

        v_m = 1 + \frac{N - M}{N - m} \left(\frac{1}{(N - m + 1)\, q_m} - 1\right),
        \qquad \hat R = \frac{1}{M} \sum_{m=1}^{M} v_m \ell_m

    **Do not divide the weights by their mean.** The mean of the weights is one in
    expectation, but not in each sample. Dividing by the mean multiplies every estimate
    by a random number that depends on the drawn rows. With weights v and losses
    :math:`\ell`, :math:`E[\sum v \ell / \sum v]` is not :math:`E[\sum v \ell] / M`.
    Weights of a strategy have mean one, so these weights come from a function instead
    of a strategy. To average losses, divide by the number of rows, never by the sum of
    weights.

    Parameters
    ----------
    probability : array-like of shape (n_labelled,)
        Probability, in (0, 1], with which each row was drawn from the rows that were
        still unlabelled at its draw.
    pool_size : int
        Number of rows N in the pool, including labelled rows.
    order : array-like of shape (n_labelled,), default=None
        Position at which each row was drawn; 1 is the first. None: rows are in the
        order of the draws.

    Returns
    -------
    weights : ndarray of shape (n_labelled,)
        Positive weights of expected mean one, not normalised. All are one if rows were
        drawn uniformly, or if the whole pool is labelled.

    Raises
    ------
    ValueError
        If a probability is not in (0, 1], there are more rows than the pool has, or
        `order` is not a permutation of 1 to M.
    TypeError
        If `pool_size` is not a number.

    See Also
    --------
    skweight.ColumnWeighting : For rows drawn independently with known probabilities.
        A column contains the weights: one over the probability of each row.

    Notes
    -----
    The time is O(n). The variance depends on the proposal: a row that was drawn with a
    tiny probability gets a huge weight.

    References
    ----------
    .. [1] S. Farquhar, Y. Gal, T. Rainforth, On statistical bias in active learning:
       how and when to fix it, ICLR 2021, equation 4 (levelled unbiased risk estimator).

    Examples
    --------
    >>> from skweight.weights import lure_weights
    >>> lure_weights([0.2, 0.1, 0.05], pool_size=10).round(3)
    array([0.611, 1.097, 2.5  ])
    >>> lure_weights([1 / 10, 1 / 9, 1 / 8], pool_size=10)  # drawn uniformly
    array([1., 1., 1.])
    """
    probability = np.asarray(probability, dtype=np.float64)
    if probability.ndim != 1 or not probability.size:
        raise ValueError(
            "probability must have one entry for each labelled row; got shape "
            f"{probability.shape}."
        )
    bad = np.count_nonzero(~((probability > 0) & (probability <= 1)))
    if bad:
        raise ValueError(
            f"probability must be in (0, 1]; {bad} of {probability.size} entries are "
            "not. Each entry is the probability of the row that was drawn, at the time "
            "of its draw."
        )
    n_labelled = probability.size
    check_number(pool_size, name="pool_size", low=1)
    if n_labelled > pool_size:
        raise ValueError(
            f"There are {n_labelled} labelled rows, but pool_size={pool_size}. Pass "
            "the number of all rows of the pool, including the labelled rows."
        )
    step = np.arange(1, n_labelled + 1)
    if order is not None:
        order = np.asarray(order)
        if not np.array_equal(np.sort(order), step):
            raise ValueError(
                "order must be the position at which each row was drawn: each number "
                f"from 1 to {n_labelled} once; got {order!r}."
            )
        step = order
    # If the whole pool is labelled, the last draw needs no correction.
    unseen = np.maximum(pool_size - step, 1)
    share = (pool_size - n_labelled) / unseen
    return 1 + share * (1 / ((pool_size - step + 1) * probability) - 1)
