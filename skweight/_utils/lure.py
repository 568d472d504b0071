"""Weights that take the choice of an active learner out of an average."""

import numpy as np

from skweight._utils.validation import check_number


def lure_weights(probability, pool_size, *, order=None):
    r"""Return the weights under which actively chosen rows estimate the pool's risk.

    Active learning labels the rows that teach most, so that a mean over them is not
    that of the pool. With these weights it is, without bias, whatever the proposal
    looked at, earlier labels included. Pass them as ``sample_weight`` with
    ``normalize=False``, or average losses with them.

    .. math::

        v_m = 1 + \frac{N - M}{N - m} \left(\frac{1}{(N - m + 1)\, q_m} - 1\right),
        \qquad \hat R = \frac{1}{M} \sum_{m=1}^{M} v_m \ell_m

    **Their mean must not be made one.** It is one in expectation, not in each sample,
    and dividing by it multiplies every estimate by a random number that depends on
    which rows were drawn: :math:`E[\sum v \ell / \sum v]` is not
    :math:`E[\sum v \ell] / M`. That is why this is a function and not a strategy, whose
    weights have mean one. Divide by the number of rows, never by the sum of weights.

    Parameters
    ----------
    probability : array-like of shape (n_labelled,)
        Probability with which each row was proposed when it was drawn, among the rows
        that were still unlabelled; in (0, 1].
    pool_size : int
        Number of rows N in the pool, labelled ones included.
    order : array-like of shape (n_labelled,), default=None
        Position at which each row was drawn, 1 being the first. None: rows are in the
        order in which they were drawn.

    Returns
    -------
    weights : ndarray of shape (n_labelled,)
        Positive weights, of expected mean one, not normalised. All are one where rows
        were drawn uniformly, or the whole pool is labelled.

    Raises
    ------
    ValueError
        If a probability is not in (0, 1], there are more rows than the pool has, or
        `order` is not a permutation of 1 to M.
    TypeError
        If `pool_size` is not a number.

    See Also
    --------
    skweight.ColumnWeighting : Rows drawn independently with known probabilities: one
        over the probability as a column.

    Notes
    -----
    O(n). The variance is that of the proposal: a row that was drawn at a tiny
    probability gets a huge weight.

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
            "not. It is that of the row that was drawn, at the moment of its draw."
        )
    n_labelled = probability.size
    check_number(pool_size, name="pool_size", low=1)
    if n_labelled > pool_size:
        raise ValueError(
            f"There are {n_labelled} labelled rows and pool_size={pool_size}: the pool "
            "holds the labelled rows and all others."
        )
    step = np.arange(1, n_labelled + 1)
    if order is not None:
        order = np.asarray(order)
        if not np.array_equal(np.sort(order), step):
            raise ValueError(
                f"order must hold each of 1 to {n_labelled} once, the position of each "
                f"row among the draws; got {order!r}."
            )
        step = order
    # Of the last draw from the whole pool nothing is left to correct.
    unseen = np.maximum(pool_size - step, 1)
    share = (pool_size - n_labelled) / unseen
    return 1 + share * (1 / ((pool_size - step + 1) * probability) - 1)
