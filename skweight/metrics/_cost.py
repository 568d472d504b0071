"""Costs of decisions, and savings relative to having no model."""

import numpy as np
from sklearn.utils.validation import check_consistent_length

from skweight._utils.roles import in_range
from skweight._utils.validation import check_labels, check_weights, encode_labels, say
from skweight.costs._matrix import as_cost_matrix


def cost_score(
    y_true, y_pred, cost, *, X=None, sample_weight=None, normalize=True, **metadata
):
    """Return the mean or total cost of decisions.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        True labels, and decisions. A decision need not be a label; for example, it may
        be "ask".
    cost : CostMatrix, dict or DataFrame
        Costs of decisions.
    X : array-like of shape (n_samples, n_features), default=None
        The rows, needed if costs are read from columns of X.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights.
    normalize : bool, default=True
        Whether to return the mean cost of a row; False returns the total.
    **metadata : dict
        Arrays to which the costs refer by name, with one value per row.

    Returns
    -------
    cost : float
        Lower is better.

    See Also
    --------
    savings_score : The share of the cost that a model saves.

    Examples
    --------
    >>> from skweight import CostMatrix
    >>> from skweight.metrics import cost_score
    >>> cost = CostMatrix.binary(fp=1, fn=5)
    >>> cost_score([0, 1, 1, 0], [1, 0, 1, 0], cost)
    1.5
    >>> cost_score([0, 1, 1, 0], [1, 0, 1, 0], cost, normalize=False)
    6.0
    """
    check_consistent_length(y_true, y_pred)
    costs = as_cost_matrix(cost).incurred(y_true, y_pred, X, **metadata)
    return _sum_or_mean(costs, sample_weight, normalize)


def savings_score(
    y_true,
    y_pred,
    cost,
    *,
    X=None,
    sample_weight=None,
    baseline="best_constant",
    **metadata,
):
    r"""Return which share of the cost decisions save, compared with no model.

    .. math:: 1 - \frac{\sum_i C_i(y_i, \hat y_i)}{\sum_i C_i(y_i, b)}

    where :math:`b` is the cheapest constant decision (the same decision for all rows).
    The result 1 is perfect. The result 0 is as good as no model, and a negative result
    is worse than no model.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        True labels, and decisions.
    cost : CostMatrix, dict or DataFrame
        Costs of decisions.
    X : array-like of shape (n_samples, n_features), default=None
        The rows, needed if costs are read from columns of X.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights.
    baseline : "best_constant" or decision, default="best_constant"
        The decision without a model: the cheapest constant decision ("best_constant"),
        or a given decision for all rows. The given decision need not be a label.
    **metadata : dict
        Arrays to which the costs refer by name, with one value per row.

    Returns
    -------
    savings : float
        The share of the cost that is saved. Higher is better. The share is at most 1 if
        no cost is negative.

    Raises
    ------
    ValueError
        If the cost of the baseline is zero or negative. Then no share can be computed;
        use `profit_score` instead.

    See Also
    --------
    profit_score : The profit in units of the costs, for any baseline.

    Notes
    -----
    The savings are a ratio of two sums over rows. Therefore the mean of the savings of
    several folds differs from the savings on the rows of all folds together.

    References
    ----------
    .. [1] Correa Bahnsen, A., Aouada, D. and Ottersten, B. (2015). Example-dependent
       cost-sensitive decision trees. Expert Systems with Applications 42(19),
       equation 4.

    Examples
    --------
    >>> from skweight import CostMatrix
    >>> from skweight.metrics import savings_score
    >>> cost = CostMatrix.binary(fp=1, fn=5)
    >>> savings_score([0, 1, 1, 0], [1, 1, 1, 0], cost)
    0.5
    """
    check_consistent_length(y_true, y_pred)
    cost, sample_weight = as_cost_matrix(cost), _relative(sample_weight, len(y_true))
    total = _sum_or_mean(
        cost.incurred(y_true, y_pred, X, **metadata), sample_weight, False
    )
    without = _baseline(cost, y_true, X, sample_weight, baseline, metadata)
    if without <= 0:
        amount = "0" if without == 0 else f"{without:g}, which is a gain"
        raise ValueError(
            f"On these rows the baseline {baseline!r} would cost {amount}, so the "
            "saved share of this cost is not defined. Use "
            f"profit_score(..., baseline={baseline!r}), which returns the difference "
            "in money, or pass another label as the baseline."
        )
    return 1 - total / without


def profit_score(
    y_true,
    y_pred,
    cost,
    *,
    X=None,
    sample_weight=None,
    baseline=None,
    normalize=True,
    **metadata,
):
    """Return the profit of decisions: their negative cost, or the gain over a baseline.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        True labels, and decisions.
    cost : CostMatrix, dict or DataFrame
        Costs of decisions; use `CostMatrix.from_benefits` if gains are known.
    X : array-like of shape (n_samples, n_features), default=None
        The rows, needed if costs are read from columns of X.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights.
    baseline : None, "best_constant" or decision, default=None
        Baseline of the gain: the cheapest constant decision ("best_constant"), or a
        given decision for all rows. The given decision need not be a label. None means
        no baseline.
    normalize : bool, default=True
        Whether to return the mean profit of a row; False returns the total.
    **metadata : dict
        Arrays to which the costs refer by name, with one value per row.

    Returns
    -------
    profit : float
        Higher is better.

    See Also
    --------
    savings_score : The gain as a share.

    Examples
    --------
    In a campaign, a call costs 1 and a new customer brings 10:

    >>> from skweight import CostMatrix
    >>> from skweight.metrics import profit_score
    >>> campaign = CostMatrix.from_benefits({1: {1: 9, 0: 0}, 0: {1: -1, 0: 0}})
    >>> profit_score([0, 1, 1, 0], [1, 1, 0, 0], campaign)
    2.0
    """
    check_consistent_length(y_true, y_pred)
    cost = as_cost_matrix(cost)
    costs = cost.incurred(y_true, y_pred, X, **metadata)
    if normalize:
        sample_weight = _relative(sample_weight, costs.size)
    profit = -_sum_or_mean(costs, sample_weight, False)
    if baseline is not None:
        profit += _baseline(cost, y_true, X, sample_weight, baseline, metadata)
    if normalize:
        profit /= costs.size if sample_weight is None else np.sum(sample_weight)
    return float(profit)


def expected_cost_loss(
    y_true, proba, cost, *, X=None, sample_weight=None, normalize=True, **metadata
):
    r"""Return the expected cost if decisions are drawn at random by the probabilities.

    .. math:: \frac{1}{n} \sum_i \sum_j p_{ij} \, C_i(y_i, j)

    The expected cost is a differentiable version of the cost. It is not a proper loss,
    because it is smallest if the cheapest decision has the probability 1.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    proba : array-like of shape (n_samples, n_classes)
        Probabilities; columns follow the sorted labels.
    cost : CostMatrix, dict or DataFrame
        Costs of decisions.
    X : array-like of shape (n_samples, n_features), default=None
        The rows, needed if costs are read from columns of X.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights.
    normalize : bool, default=True
        Whether to return the mean over the rows; False returns the total.
    **metadata : dict
        Arrays to which the costs refer by name, with one value per row.

    Returns
    -------
    loss : float
        Lower is better.

    References
    ----------
    .. [1] Hoeppner, S., Baesens, B., Verbeke, W. and Verdonck, T. (2022).
       Instance-dependent cost-sensitive learning for detecting transfer fraud.
       European Journal of Operational Research 297(1), equation 5.

    Examples
    --------
    >>> from skweight import CostMatrix
    >>> from skweight.metrics import expected_cost_loss
    >>> cost = CostMatrix.binary(fp=1, fn=5)
    >>> expected_cost_loss([0, 1], [[0.75, 0.25], [0.5, 0.5]], cost)
    1.375
    """
    cost = as_cost_matrix(cost)
    y_true = check_labels(y_true, owner="expected_cost_loss")
    proba = np.asarray(proba, dtype=np.float64)
    classes = cost.labels
    classes = encode_labels(y_true)[0] if classes is None else np.unique(classes)
    if proba.ndim != 2 or proba.shape != (y_true.size, len(classes)):
        raise ValueError(
            "proba must have one row for each label of y_true and one column for each "
            f"of {say(classes)}; got shape {proba.shape}."
        )
    costs = cost.align(classes).of_decisions(y_true, X, **metadata)
    costs = costs[:, : len(classes)]  # other decisions have no probability
    return _sum_or_mean((proba * costs).sum(axis=1), sample_weight, normalize)


def _sum_or_mean(costs, sample_weight, normalize):
    if normalize:
        return float(np.average(costs, weights=_relative(sample_weight, costs.size)))
    if sample_weight is not None:
        sample_weight = check_weights(sample_weight, costs.size)
    return float(costs.sum() if sample_weight is None else costs @ sample_weight)


def _relative(sample_weight, n_samples):
    """Return the weights, scaled so that their sum neither overflows nor underflows.

    Only the ratios of the weights matter.
    """
    if sample_weight is None:
        return None
    return in_range(check_weights(sample_weight, n_samples))


def _baseline(cost, y_true, X, sample_weight, baseline, metadata):
    """Return the total cost of a constant decision."""
    constant = isinstance(baseline, str) and baseline == "best_constant"
    if not constant:
        cost = _naming(baseline, cost, y_true)
    costs = cost.of_decisions(y_true, X, **metadata)
    totals = [_sum_or_mean(column, sample_weight, False) for column in costs.T]
    if constant:
        return min(totals)
    return totals[int(cost._cells.codes_of_decisions([baseline])[0])]


def _naming(baseline, cost, y_true):
    """Return the costs with labels; raise an error if the baseline is unknown."""
    try:
        cost = cost._of(cost._cells.with_labels_of(y_true, [baseline]))
        cost._cells.codes_of_decisions([baseline])
    except (TypeError, ValueError) as error:
        labels = cost.decisions or np.unique(y_true).tolist()
        raise ValueError(
            "baseline must be 'best_constant' or one of the decisions "
            f"{say(labels)}; got {baseline!r}."
        ) from error
    return cost
