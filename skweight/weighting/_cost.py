"""Weights from the costs of mistakes."""

import numpy as np

from skweight._utils.columns import RowMetadata
from skweight._utils.validation import check_choice, encode_labels, positions_of
from skweight.costs._matrix import CostMatrix, as_cost_matrix
from skweight.weighting._base import BaseWeighting

LEVELS = ("auto", "class", "instance")


class CostWeighting(BaseWeighting):
    r"""Weigh each row by the cost of a wrong decision about this row.

    Training then focuses on rows where mistakes are expensive. First try the
    expected-cost decision on calibrated probabilities (``decision=cost``), which needs
    no weights. Cost weights are better than this decision only if the model is too
    simple for the data. If you use both cost weights and this decision, calibrate the
    probabilities. The role of the weights is emphasis: only training uses them.

    .. math:: w_i = \max_j C_{y_i j} - C_{y_i y_i}

    where :math:`C` contains the costs of row :math:`i`, at level "instance". At level
    "class", all rows of a class have the same weight. No other class weights express
    the costs better; see `CostMatrix.class_weight`.

    Parameters
    ----------
    cost : CostMatrix, dict or DataFrame
        Costs, which may differ between rows. You can also pass a dict with ``fp`` and
        ``fn``, a nested dict ``{true: {decided: cost}}``, or a DataFrame with axes
        named "true" and "predicted".
    level : {"auto", "class", "instance"}, default="auto"
        ``"class"``: all rows of a class have the same weight. ``"instance"``: each row
        has its own weight. ``"auto"``: ``"class"`` if all rows of a class have the same
        costs, otherwise ``"instance"``.
    method : {"auto", "log_ls", "sum", "max", "zhou_liu"}, default="auto"
        How class weights are computed if no class weights can express the costs
        exactly. This can only happen with three or more classes; see
        `CostMatrix.class_weight`.
    drop : bool, default=False
        Whether columns of X that contain costs are hidden from the estimator. If False,
        the estimator may learn from these columns, and X must contain these columns in
        `predict`, too.
    stabilizer : None, str, float or stabilizer, default=None
        Limit for a few very large weights. Pass the name of a method (``"clip"``,
        ``"pareto"`` or ``"temper"``), a stabilizer object, or a number: the largest
        weight, in multiples of the mean weight. None leaves the weights unchanged.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    cost_ : CostMatrix
        The costs; rows and columns are in the order of ``classes_``.
    level_ : {"class", "instance"}
        The level that the fit used.
    class_weight_ : ndarray of shape (n_classes,)
        Weight of a row, for each class; only at level "class". The mean over the
        training rows is one.
    scale_ : float
        Mean of the weights before scaling. All weights are divided by this number.

    Raises
    ------
    ValueError
        In `fit`, if labels are missing or unknown, if the costs of the rows cannot be
        read, or if all decisions cost the same.

    Warns
    -----
    DecisionWarning
        If no class weights can express the costs exactly. Also if, for some rows,
        another decision is cheaper than the correct label; these rows get weight zero.

    See Also
    --------
    ClassWeighting : Uses class weights that you choose.
    skweight.decision.ExpectedCostDecision : Decides by the costs themselves.

    Notes
    -----
    The weight of a class does not depend on its frequency. With K classes, a fit takes
    O(n K^2) time and O(n K) memory.

    References
    ----------
    .. [1] Zadrozny, B., Langford, J. and Abe, N. (2003). Cost-sensitive learning by
       cost-proportionate example weighting. ICDM, theorem 2.1.
    .. [2] Ting, K. M. (2002). An instance-weighting method to induce cost-sensitive
       trees. IEEE TKDE 14(3), equation 1.

    Examples
    --------
    >>> import pandas as pd
    >>> from skweight import CostMatrix, CostWeighting
    >>> X, y = pd.DataFrame({"amount": [10, 20, 90, 40]}), ["ok", "ok", "fraud", "ok"]
    >>> cost = CostMatrix.binary(pos_label="fraud", fp=2, fn="amount")
    >>> CostWeighting(cost).fit_weigh(X, y)
    array([0.08333333, 0.08333333, 3.75      , 0.08333333])
    >>> CostWeighting(cost, level="class").fit_weigh(X, y).round(2)  # by mean cost
    array([0.17, 0.17, 3.48, 0.17])
    """

    def __init__(
        self,
        cost,
        level="auto",
        *,
        method="auto",
        drop=False,
        stabilizer=None,
    ):
        self.cost = cost
        self.level = level
        self.method = method
        self.drop = drop
        self.stabilizer = stabilizer

    def _learn_masses(self, known):
        check_choice(self.level, LEVELS, name="level")
        if self.level == "instance" or not as_cost_matrix(self.cost).is_constant:
            super()._learn_masses(known)
        self.classes_ = known.classes_
        self.cost_ = as_cost_matrix(self.cost, labels=self.classes_).align(
            self.classes_
        )
        self.level_ = "class"
        self._learn_classes(known.mass_, None, None)
        self.scale_, self._points = 1.0, None

    @property
    def _by_class(self):
        return self.level_ == "class"

    def _sources(self):
        cost = as_cost_matrix(self.cost)
        return [*cost.columns, *map(RowMetadata, cost.metadata_names)]

    def _raw_in_stream(self, X, y, codes, classes, masses):
        if self.level == "class":
            return super()._raw_in_stream(X, y, codes, classes, masses)
        self.classes_, self.level_ = classes, "instance"
        self.cost_ = as_cost_matrix(self.cost, labels=classes).align(classes)
        return self.cost_.sample_weight(X, y, normalize=False)

    def _learn(self, X, y, sample_weight, **metadata):
        check_choice(self.level, LEVELS, name="level")
        self.classes_, codes = encode_labels(y)
        self.cost_ = as_cost_matrix(self.cost, labels=self.classes_).align(
            self.classes_
        )
        self.level_ = self.level
        if self.level == "auto":
            self.level_ = "class" if self.cost_.is_constant else "instance"
        if self.level_ == "instance":
            return self.cost_.sample_weight(X, y, normalize=False, **metadata)
        masses = np.bincount(codes, sample_weight, self.classes_.size)
        self._learn_classes(masses, X, sample_weight, **metadata)
        return self.class_weight_[codes]

    def _learn_classes(self, masses, X, sample_weight, **metadata):
        weights = self.cost_.class_weight(
            self.method, X, sample_weight=sample_weight, **metadata
        )
        raw = np.array(list(weights.values()))
        if not raw @ masses > 0:
            raise ValueError(
                "CostWeighting gives weight zero to every class with rows, because "
                "mistakes about these classes cost nothing. No row could be used "
                "for training."
            )
        self.class_weight_ = raw * masses.sum() / (raw @ masses)

    def _raw(self, X, y, **metadata):
        if y is None:
            raise ValueError(
                "CostWeighting.weigh needs the labels y, because the cost of a "
                "mistake depends on the class of a row. Call weigh(X, y)."
            )
        if self.level_ == "class":
            codes = positions_of(y, self.classes_, owner="CostWeighting.weigh")
            return self.class_weight_[codes]
        return self.cost_.sample_weight(X, y, normalize=False, **metadata)

    @classmethod
    def _instances(cls, labels):
        later_is_dearer = CostMatrix._instances(labels)
        return [cls(cost) for cost in later_is_dearer]
