"""What decisions cost: metrics in money, and scorers that select by it.

Every function takes the costs as a `CostMatrix`, and X where costs are read from its
columns. ``sample_weight`` is population weights: a row of weight two is two rows.
"""

from typing import NamedTuple

import numpy as np
from sklearn.utils.metadata_routing import MetadataRequest
from sklearn.utils.validation import check_consistent_length

from skweight._validation import (
    check_choice,
    check_labels,
    check_number,
    check_weights,
    encode_labels,
    plain,
    say,
)
from skweight.decision._cost_matrix import as_cost_matrix
from skweight.decision._cost_words import find_pos_label

__all__ = [
    "CostCurve",
    "CostScorer",
    "cost_curve",
    "cost_score",
    "expected_cost_loss",
    "make_cost_scorer",
    "probability_cost",
    "profit_score",
    "savings_score",
]


def cost_score(
    y_true, y_pred, cost, *, X=None, sample_weight=None, normalize=True, **metadata
):
    """Return what decisions cost.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        True labels, and decisions.
    cost : CostMatrix, dict or DataFrame
        What mistakes cost.
    X : array-like of shape (n_samples, n_features), default=None
        The rows, where costs differ between them.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights.
    normalize : bool, default=True
        Whether to return the mean cost of a row; False returns the total.
    **metadata : dict
        Row-wise arrays that the costs name.

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
    r"""Return the share of the cost of having no model that decisions save.

    .. math:: 1 - \frac{\sum_i C_i(y_i, \hat y_i)}{\sum_i C_i(y_i, b)}

    with :math:`b` the one decision for all rows that is cheapest on these rows. 1 is
    perfect, 0 no better than no model, below 0 worse.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        True labels, and decisions.
    cost : CostMatrix, dict or DataFrame
        What mistakes cost.
    X : array-like of shape (n_samples, n_features), default=None
        The rows, where costs differ between them.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights.
    baseline : "best_constant" or label, default="best_constant"
        What is done without a model: the cheapest of all constant decisions, or the
        decision for one label.
    **metadata : dict
        Row-wise arrays that the costs name.

    Returns
    -------
    savings : float
        Higher is better, 1 at most where no cost is negative.

    Raises
    ------
    ValueError
        If the baseline costs nothing or less, so that there is nothing to take a
        share of; use `profit_score` then.

    See Also
    --------
    profit_score : The gain in money, for any baseline.

    Notes
    -----
    A ratio of sums over the rows given, not a mean of ratios: the mean of the savings
    of several folds is something else than the savings on all of their rows.

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
    cost = as_cost_matrix(cost)
    total = _sum_or_mean(
        cost.incurred(y_true, y_pred, X, **metadata), sample_weight, False
    )
    without = _baseline(cost, y_true, X, sample_weight, baseline, metadata)
    if without <= 0:
        what = "nothing" if without == 0 else f"{without:g}, a gain"
        raise ValueError(
            f"Without a model (baseline={baseline!r}) these rows cost {what}, so there "
            "is nothing to save a share of. Use profit_score(..., baseline="
            f"{baseline!r}), which returns the difference in money; or name another "
            "label as the baseline."
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
    """Return what decisions earn: minus their cost, maybe over a baseline.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        True labels, and decisions.
    cost : CostMatrix, dict or DataFrame
        What mistakes cost; `CostMatrix.from_benefits` where gains are what is known.
    X : array-like of shape (n_samples, n_features), default=None
        The rows, where costs differ between them.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights.
    baseline : None, "best_constant" or label, default=None
        What the profit is over: nothing, the cheapest of all constant decisions, or
        the decision for one label.
    normalize : bool, default=True
        Whether to return the mean profit of a row; False returns the total.
    **metadata : dict
        Row-wise arrays that the costs name.

    Returns
    -------
    profit : float
        Higher is better.

    See Also
    --------
    savings_score : The gain as a share.

    Examples
    --------
    A campaign in which a call costs 1 and a customer won brings 10:

    >>> from skweight import CostMatrix
    >>> from skweight.metrics import profit_score
    >>> campaign = CostMatrix.from_benefits({1: {1: 9, 0: 0}, 0: {1: -1, 0: 0}})
    >>> profit_score([0, 1, 1, 0], [1, 1, 0, 0], campaign)
    2.0
    """
    check_consistent_length(y_true, y_pred)
    cost = as_cost_matrix(cost)
    costs = cost.incurred(y_true, y_pred, X, **metadata)
    profit = -_sum_or_mean(costs, sample_weight, False)
    if baseline is not None:
        profit += _baseline(cost, y_true, X, sample_weight, baseline, metadata)
    if normalize:
        profit /= costs.size if sample_weight is None else np.sum(sample_weight)
    return float(profit)


def expected_cost_loss(
    y_true, proba, cost, *, X=None, sample_weight=None, normalize=True, **metadata
):
    r"""Return what decisions drawn from the probabilities would cost on average.

    .. math:: \frac{1}{n} \sum_i \sum_j p_{ij} \, C_i(y_i, j)

    A smooth relative of the cost for comparing probabilities. It is not proper: it is
    lowest where all probability is on the cheapest decision.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    proba : array-like of shape (n_samples, n_classes)
        Probabilities; columns follow the sorted labels.
    cost : CostMatrix, dict or DataFrame
        What mistakes cost.
    X : array-like of shape (n_samples, n_features), default=None
        The rows, where costs differ between them.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights.
    normalize : bool, default=True
        Whether to return the mean over the rows; False returns the total.
    **metadata : dict
        Row-wise arrays that the costs name.

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
    return _sum_or_mean((proba * costs).sum(axis=1), sample_weight, normalize)


def _sum_or_mean(costs, sample_weight, normalize):
    if sample_weight is not None:
        sample_weight = check_weights(sample_weight, costs.size)
    if normalize:
        return float(np.average(costs, weights=sample_weight))
    return float(costs.sum() if sample_weight is None else costs @ sample_weight)


def _baseline(cost, y_true, X, sample_weight, baseline, metadata):
    """Return the total cost of one decision for all rows."""
    costs = cost.of_decisions(y_true, X, **metadata)
    totals = [_sum_or_mean(one, sample_weight, False) for one in costs.T]
    if isinstance(baseline, str) and baseline == "best_constant":
        return min(totals)
    if cost.labels is not None and plain(baseline) not in cost.labels:
        raise ValueError(
            "baseline must be 'best_constant' or one of the labels "
            f"{say(cost.labels)}; got {baseline!r}."
        )
    return totals[int(cost.encode(np.array([baseline]))[0])]


# -- scorers -----------------------------------------------------------------------


def make_cost_scorer(cost, *, kind="cost", baseline="best_constant"):
    """Return a scorer that selects models by what their decisions cost.

    Pass it as ``scoring=`` to a search or a cross-validation. Costs are read from the
    columns of the X that the scorer is given, so that nothing has to be routed. Where
    costs are metadata, they are handed on to `predict` of the model as well, which
    scorers of scikit-learn do not do.

    Parameters
    ----------
    cost : CostMatrix, dict or DataFrame
        What mistakes cost.
    kind : {"cost", "savings", "profit"}, default="cost"
        ``"cost"``: minus the total cost of the rows, so that a mean over folds selects
        by summed cost. ``"profit"``: the total profit over the baseline, which selects
        the same. ``"savings"``: the share saved, a ratio per fold whose mean gives
        every fold the same say; for reading rather than for selecting.
    baseline : "best_constant" or label, default="best_constant"
        What is done without a model, for savings and profit.

    Returns
    -------
    scorer : CostScorer
        ``scorer(estimator, X, y, sample_weight=None, **metadata)``; higher is better.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_val_score
    >>> from skweight import CostMatrix, CostSensitiveClassifier
    >>> from skweight.metrics import make_cost_scorer
    >>> X, y = make_classification(300, weights=[0.9], random_state=0)
    >>> cost = CostMatrix.binary(fp=1, fn=5)
    >>> scorer = make_cost_scorer(cost)
    >>> plain = cross_val_score(LogisticRegression(), X, y, scoring=scorer)
    >>> costly = CostSensitiveClassifier(LogisticRegression(), cost=cost)
    >>> aware = cross_val_score(costly, X, y, scoring=scorer)
    >>> bool(aware.sum() > plain.sum())
    True
    """
    return CostScorer(cost, kind=kind, baseline=baseline)


class CostScorer:
    """Scorer made by `make_cost_scorer`.

    Parameters
    ----------
    cost : CostMatrix, dict or DataFrame
        What mistakes cost.
    kind : {"cost", "savings", "profit"}, default="cost"
        What is returned.
    baseline : "best_constant" or label, default="best_constant"
        What is done without a model, for savings and profit.

    Attributes
    ----------
    cost : CostMatrix
        What mistakes cost.

    Examples
    --------
    >>> from skweight import CostMatrix
    >>> from skweight.metrics import CostScorer
    >>> CostScorer(CostMatrix.binary(fp=1, fn=5)).kind
    'cost'
    """

    def __init__(self, cost, *, kind="cost", baseline="best_constant"):
        check_choice(kind, ("cost", "savings", "profit"), name="kind")
        self.cost = as_cost_matrix(cost)
        self.kind = kind
        self.baseline = baseline
        self._weight_request = None

    def __call__(self, estimator, X, y_true, sample_weight=None, **metadata):
        """Return the score of an estimator, higher being better."""
        y_pred = estimator.predict(X, **metadata)
        told = {"X": X, "sample_weight": sample_weight, **metadata}
        if self.kind == "cost":
            return -cost_score(y_true, y_pred, self.cost, normalize=False, **told)
        told["baseline"] = self.baseline
        if self.kind == "savings":
            return savings_score(y_true, y_pred, self.cost, **told)
        return profit_score(y_true, y_pred, self.cost, normalize=False, **told)

    def set_score_request(self, *, sample_weight):
        """Say whether `sample_weight` is to be routed to the scorer.

        Parameters
        ----------
        sample_weight : bool, None or str
            As in scikit-learn. What the costs name is requested by that alone.

        Returns
        -------
        self : object
            The scorer.
        """
        self._weight_request = sample_weight
        return self

    def get_metadata_routing(self):
        """Return what the scorer asks for.

        Returns
        -------
        routing : MetadataRequest
            Requests of scikit-learn.
        """
        request = MetadataRequest(owner=type(self).__name__)
        request.score.add_request(param="sample_weight", alias=self._weight_request)
        for name in self.cost.metadata_names:
            request.score.add_request(param=name, alias=True)
        return request

    def __repr__(self):
        return f"make_cost_scorer({self.cost!r}, kind={self.kind!r})"


# -- the cost curve ----------------------------------------------------------------


class CostCurve(NamedTuple):
    """Lowest normalised cost over all thresholds, for every operating point.

    Attributes
    ----------
    probability_cost : ndarray of shape (n_points,)
        Operating points from 0 to 1, see `probability_cost`.
    normalized_cost : ndarray of shape (n_points,)
        Expected cost with the best threshold, divided by that of being always wrong.
    threshold : ndarray of shape (n_points,)
        The best threshold on the score; infinite where no row is to be taken.

    Examples
    --------
    >>> from skweight.metrics import cost_curve
    >>> cost_curve([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.8], n_points=3).normalized_cost
    array([0.  , 0.25, 0.  ])
    """

    probability_cost: np.ndarray
    normalized_cost: np.ndarray
    threshold: np.ndarray


def probability_cost(cost, prevalence):
    r"""Return the operating point of constant costs and a prevalence on a cost curve.

    .. math:: \mathrm{PC}(+) =
        \frac{\pi \, (c_{fn} - c_{tp})}
             {\pi \, (c_{fn} - c_{tp}) + (1 - \pi) (c_{fp} - c_{tn})}

    Parameters
    ----------
    cost : CostMatrix or dict
        Constant costs of two classes, made by `CostMatrix.binary`.
    prevalence : float
        Frequency of the positive class, in [0, 1].

    Returns
    -------
    probability_cost : float
        In [0, 1].

    References
    ----------
    .. [1] Drummond, C. and Holte, R. C. (2006). Cost curves: an improved method for
       visualizing classifier performance. Machine Learning 65, section 3.

    Examples
    --------
    >>> from skweight import CostMatrix
    >>> from skweight.metrics import probability_cost
    >>> round(probability_cost(CostMatrix.binary(fp=1, fn=5), 0.3), 4)
    0.6818
    """
    check_number(prevalence, name="prevalence", low=0, high=1)
    cost = as_cost_matrix(cost)
    if not cost.is_constant or len(cost.resolve()) != 2:
        raise ValueError(
            "A cost curve has one point for constant costs of two classes; got "
            f"{cost!r}. Give numbers, such as the mean costs."
        )
    costs = cost.resolve()
    if cost.labels is not None:
        positive = cost.labels.index(find_pos_label(cost.pos_label, cost.labels))
        costs = costs if positive == 1 else costs[::-1, ::-1]
    miss, alarm = costs[1, 0] - costs[1, 1], costs[0, 1] - costs[0, 0]
    if miss < 0 or alarm < 0 or miss + alarm == 0:
        raise ValueError(
            "On a cost curve a mistake costs more than the right decision; got "
            f"{miss:g} more for a miss and {alarm:g} more for a false alarm."
        )
    wrong = prevalence * miss + (1 - prevalence) * alarm
    return float(prevalence * miss / wrong) if wrong else 0.0


def cost_curve(y_true, y_score, *, pos_label=None, sample_weight=None, n_points=101):
    r"""Return how well scores can decide, for every ratio of costs and prevalences.

    With a miss rate FNR and a false alarm rate FPR, the normalised cost at the
    operating point :math:`x` is

    .. math:: \mathrm{FNR} \, x + \mathrm{FPR} \, (1 - x),

    and the curve is its minimum over all thresholds. Deciding without a model costs
    :math:`\min(x, 1 - x)`. Costs that differ from row to row have no such curve.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels, two of them.
    y_score : array-like of shape (n_samples,)
        Scores or probabilities of the positive class.
    pos_label : object, default=None
        The positive label. None is 1 (True) for labels that are 0 and 1, -1 and 1, or
        False and True, and an error for all others.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights.
    n_points : int, default=101
        Number of operating points, evenly spaced from 0 to 1.

    Returns
    -------
    curve : CostCurve
        Operating points, cost and best threshold.

    See Also
    --------
    skweight.inspection.CostCurveDisplay : Draws it.

    Notes
    -----
    Exact: all thresholds are looked at, in O(n log n) time.

    References
    ----------
    .. [1] Drummond, C. and Holte, R. C. (2006). Cost curves: an improved method for
       visualizing classifier performance. Machine Learning 65, section 3.

    Examples
    --------
    >>> from skweight.metrics import cost_curve
    >>> x, cost, threshold = cost_curve([0, 1, 0, 1], [0.1, 0.8, 0.6, 0.4], n_points=3)
    >>> float(cost[1])  # half of what deciding without a model costs
    0.25
    """
    from sklearn.metrics import roc_curve

    check_number(n_points, name="n_points", low=2)
    y_true = check_labels(y_true, owner="cost_curve")
    classes = [plain(label) for label in encode_labels(y_true)[0]]
    if len(classes) != 2:
        raise ValueError(
            f"A cost curve is about two classes; y_true has {say(classes)}."
        )
    pos_label = find_pos_label(pos_label, classes)
    fpr, tpr, threshold = roc_curve(
        y_true == pos_label, y_score, sample_weight=sample_weight
    )
    x = np.linspace(0, 1, n_points)
    kept = _upper_hull(fpr, tpr)
    cost = np.outer(x, 1 - tpr[kept]) + np.outer(1 - x, fpr[kept])
    best = cost.argmin(axis=1)
    return CostCurve(x, cost[np.arange(x.size), best], threshold[kept][best])


def _upper_hull(fpr, tpr):
    """Return which points of a ROC curve some operating point could prefer."""
    hull = []
    for point in range(fpr.size):
        while len(hull) > 1:
            first, second = hull[-2], hull[-1]
            turn = (fpr[second] - fpr[first]) * (tpr[point] - tpr[first]) - (
                tpr[second] - tpr[first]
            ) * (fpr[point] - fpr[first])
            if turn < 0:
                break
            hull.pop()
        hull.append(point)
    return np.array(hull)
