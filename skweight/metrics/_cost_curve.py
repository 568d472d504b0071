"""The cost curve: for every ratio of costs, the lowest cost of deciding by a score."""

from typing import NamedTuple

import numpy as np

from skweight._utils.roles import in_range
from skweight._utils.validation import (
    check_labels,
    check_number,
    check_weights,
    encode_labels,
    plain,
    say,
)
from skweight.costs._labels import find_pos_label
from skweight.costs._matrix import as_cost_matrix


class CostCurve(NamedTuple):
    """Lowest normalised cost over all thresholds, for every operating point.

    Attributes
    ----------
    probability_cost : ndarray of shape (n_points,)
        Operating points from 0 to 1, see `probability_cost`.
    normalized_cost : ndarray of shape (n_points,)
        Expected cost at the best threshold, divided by the cost of a model whose
        decisions are all wrong.
    threshold : ndarray of shape (n_points,)
        The best threshold of the score; infinite if no row should be predicted
        positive.

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
    if not cost.is_constant or cost.resolve().shape != (2, 2):
        raise ValueError(
            "probability_cost needs constant costs of two classes whose labels are "
            f"the only decisions; got {cost!r}. Pass numbers, such as the mean costs."
        )
    costs = cost.resolve()
    if cost.labels is not None:
        positive = cost.labels.index(find_pos_label(cost.pos_label, cost.labels))
        costs = costs if positive == 1 else costs[::-1, ::-1]
    miss, alarm = costs[1, 0] - costs[1, 1], costs[0, 1] - costs[0, 0]
    if miss < 0 or alarm < 0 or miss + alarm == 0:
        raise ValueError(
            "A wrong decision must not cost less than a right one, and one kind of "
            f"wrong decision must cost more; got the differences {miss:g} (fn - tp) "
            f"and {alarm:g} (fp - tn). Check the costs fp, fn, tp and tn."
        )
    wrong = prevalence * miss + (1 - prevalence) * alarm
    return float(prevalence * miss / wrong) if wrong else 0.0


def cost_curve(y_true, y_score, *, pos_label=None, sample_weight=None, n_points=101):
    r"""Return the lowest cost of deciding by a score, at every operating point.

    Let FNR be the false negative rate and FPR the false positive rate of a threshold.
    The normalised cost of the threshold at the operating point :math:`x` is

    .. math:: \mathrm{FNR} \, x + \mathrm{FPR} \, (1 - x),

    and the cost curve is the minimum of the normalised cost over all thresholds. The
    normalised cost of the best constant decision is :math:`\min(x, 1 - x)`. If costs
    differ between rows, there is no cost curve.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels of two classes.
    y_score : array-like of shape (n_samples,)
        Scores or probabilities of the positive class.
    pos_label : object, default=None
        The positive label. None means 1 (True) if the labels are 0 and 1, -1 and 1, or
        False and True. With other labels, None is an error.
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
    skweight.inspection.CostCurveDisplay : Draws the curve.

    Notes
    -----
    Exact: all thresholds are considered, in O(n log n) time.

    References
    ----------
    .. [1] Drummond, C. and Holte, R. C. (2006). Cost curves: an improved method for
       visualizing classifier performance. Machine Learning 65, section 3.

    Examples
    --------
    >>> from skweight.metrics import cost_curve
    >>> x, cost, threshold = cost_curve([0, 1, 0, 1], [0.1, 0.8, 0.6, 0.4], n_points=3)
    >>> float(cost[1])  # half of the cost of a constant decision
    0.25
    """
    from sklearn.metrics import roc_curve

    check_number(n_points, name="n_points", low=2)
    y_true = check_labels(y_true, owner="cost_curve")
    classes = [plain(label) for label in encode_labels(y_true)[0]]
    if len(classes) != 2:
        raise ValueError(
            f"cost_curve needs two classes; y_true has the labels {say(classes)}."
        )
    pos_label = find_pos_label(pos_label, classes)
    if sample_weight is not None:
        sample_weight = in_range(check_weights(sample_weight, y_true.size))
    fpr, tpr, threshold = roc_curve(
        y_true == pos_label, y_score, sample_weight=sample_weight
    )
    x = np.linspace(0, 1, n_points)
    hull = _upper_hull(fpr, tpr)
    cost = np.outer(x, 1 - tpr[hull]) + np.outer(1 - x, fpr[hull])
    best = cost.argmin(axis=1)
    return CostCurve(x, cost[np.arange(x.size), best], threshold[hull][best])


def _upper_hull(fpr, tpr):
    """Return the positions of the points on the convex hull of a ROC curve."""
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
