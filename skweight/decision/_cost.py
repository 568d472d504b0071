"""The expected-cost decision: the cheapest decision for given probabilities."""

from skweight._utils.validation import say
from skweight._utils.warn import warn
from skweight.costs import _rules as rules
from skweight.costs._matrix import CostMatrix, as_cost_matrix
from skweight.decision._base import BaseDecision
from skweight.exceptions import DecisionWarning


class ExpectedCostDecision(BaseDecision):
    r"""Choose the decision with the lowest expected cost.

    ``decision=CostMatrix(...)`` means this rule, which is also called Bayes minimum
    risk. The probabilities must be right for the population. Therefore, after a
    weighted fit, the effect of the weights must be removed first.

    .. math:: \hat y = \arg\min_j \sum_k p_k \, C_{kj}

    Parameters
    ----------
    cost : CostMatrix, dict or DataFrame
        Costs, which may differ between rows. You can also pass a dict with ``fp`` and
        ``fn``, a nested dict ``{true: {decided: cost}}``, or a DataFrame with axes
        named "true" and "predicted".
    drop : bool, default=False
        Whether the cost columns of X are hidden from the estimator. If False, the
        estimator uses the cost columns as features, because costs are often
        informative. In both cases, the cost columns are needed at prediction.
    accept_weighted : bool, default=False
        Whether to use the probabilities of a weighted fit without correction. If True,
        the class weights are counted twice, which usually raises the costs. If False,
        these probabilities raise an error.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, in the order of the columns of the probabilities.
    decisions_ : ndarray of shape (n_decisions,)
        All possible results of `decide`: first the labels, then the decisions of the
        cost matrix that are not labels, such as "ask". If labels and other decisions
        have different types, the dtype is object; see the notes of `CostMatrix`.
    cost_ : CostMatrix
        The costs, in the order of ``classes_``.
    n_unreasonable_ : int
        Number of training rows in which a wrong decision costs less than the right
        decision. If costs differ between rows, the method `check_rows`, which a
        classifier calls, sets this number.
    threshold_ : float
        The smallest probability of the second class at which this class is chosen,
        ``(fp - tn) / (fp - tn + fn - tp)``. The attribute exists only if there are two
        classes, all decisions are labels, and the costs are the same in all rows. In
        addition, mistakes must cost more than right decisions.

    Raises
    ------
    ValueError
        In `fit`, if labels are missing or unknown. In `decide`, if costs are missing.

    Warns
    -----
    DecisionWarning
        Before the fit, if a wrong decision costs less than the right decision in more
        than half of the rows.

    See Also
    --------
    TunedDecision : Finds a threshold on held-out rows; does not require right
        probabilities.

    Notes
    -----
    The expected costs of decisions are compared, never divided. If several decisions
    have the lowest expected cost, the most probable label among these decisions is
    chosen. If these decisions include no label, the first of these decisions is chosen.
    The time is O(n K D) and the memory O(n D) for K classes and D decisions.

    References
    ----------
    .. [1] Elkan, C. (2001). The foundations of cost-sensitive learning. IJCAI,
       equations 1 and 2.
    .. [2] Correa Bahnsen, A. (2015). Example-dependent cost-sensitive
       classification. PhD thesis, University of Luxembourg, chapter 3.

    Examples
    --------
    >>> from skweight import CostMatrix
    >>> from skweight.decision import ExpectedCostDecision
    >>> cost = CostMatrix.binary(pos_label="bad", fp=1, fn=5)
    >>> decision = ExpectedCostDecision(cost).fit(classes=["bad", "good"])
    >>> decision.decide([[0.16, 0.84], [0.17, 0.83]])
    array(['good', 'bad'], dtype='<U4')
    >>> round(decision.threshold_, 4)  # of 'good', the second class
    0.8333

    Asking costs 0.5, for any true label:

    >>> asking = ExpectedCostDecision(cost.with_decision("ask", 0.5))
    >>> asking.fit(classes=["bad", "good"]).decide([[0.09, 0.91], [0.17, 0.83]])
    array(['good', 'ask'], dtype='<U4')
    """

    def __init__(self, cost, *, drop=False, accept_weighted=False):
        self.cost = cost
        self.drop = drop
        self.accept_weighted = accept_weighted

    @property
    def needs_true_probabilities(self):
        """Whether an error is raised for probabilities of a fit with class weights."""
        return not self.accept_weighted

    def check_rows(self, X, classes, **metadata):
        """Raise if a label has no costs, or if costs cannot be read from the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        classes : array-like of shape (n_classes,)
            All labels.
        **metadata : dict
            The arrays that the costs request by name, with one value per row.
        """
        self.n_unreasonable_ = check_costs(self.cost, X, classes, metadata)

    def side_columns(self):
        """Return the cost columns of X if they are hidden from the estimator.

        Returns
        -------
        columns : list of str or int
            Names or positions of the columns of X that the wrapped estimator does not
            get.
        """
        return as_cost_matrix(self.cost).columns if self.drop else []

    def metadata_names(self):
        """Return the names of the arrays that hold costs.

        Returns
        -------
        names : list of str
            Names of the arguments of `fit` and `predict` that hold costs.
        """
        return as_cost_matrix(self.cost).metadata_names

    def describe(self):
        """Describe in one sentence how labels follow from probabilities.

        Returns
        -------
        sentence : str
            For the report of the classifier.
        """
        if hasattr(self, "threshold_"):
            return (
                f"least expected cost: {say(self.classes_[1])} if its probability is "
                f"at least {self.threshold_:.4g}, otherwise {say(self.classes_[0])}"
            )
        per_row = "" if self.cost_.is_constant else ", with the costs of each row"
        count = getattr(self, "n_unreasonable_", 0)
        aside = f"; in {count:,} rows, a mistake costs less than the right decision"
        n_labels, further = len(self.classes_), self._further()
        named = f", {say(further)} among them" if further else ""
        what = f"{n_labels + len(further)} decisions{named}"
        return f"least expected cost of {what}{per_row}{aside if count else ''}"

    def _learn(self, held_out, class_multiplier):
        self.cost_ = as_cost_matrix(self.cost, labels=self.classes_).align(
            self.classes_
        )
        # A previous fit with other costs may have set a threshold: remove it.
        vars(self).pop("threshold_", None)
        if len(self.cost_.decisions) == 2 and self.cost_.is_constant:
            excess = rules.regret(self.cost_.resolve())
            if excess[0, 1] > 0 and excess[1, 0] > 0:
                self.threshold_ = float(excess[0, 1] / (excess[0, 1] + excess[1, 0]))

    def _further(self):
        return self.cost_.decisions[len(self.classes_) :]

    def _positions(self, proba, X, metadata):
        return rules.choose(self.cost_.risk(proba, X, **metadata), proba)

    @classmethod
    def _instances(cls, labels):
        return [cls(CostMatrix._instances(labels)[0], accept_weighted=True)]


def check_costs(cost, X, classes, metadata):
    """Raise if costs cannot be read; count the rows in which a mistake is cheaper.

    Parameters
    ----------
    cost : CostMatrix or what can be read as one
        Costs.
    X : array-like of shape (n_samples, n_features)
        Training rows.
    classes : array-like of shape (n_classes,)
        All labels.
    metadata : dict
        The arrays that the costs request by name, with one value per row.

    Returns
    -------
    n_unreasonable : int
        Number of rows in which a wrong decision costs less than the right decision.
    """
    cost = as_cost_matrix(cost, labels=classes).align(classes)
    costs = cost.resolve(X, **metadata)
    tables = costs if costs.ndim == 3 else costs[None]
    wrong = rules.unreasonable(tables)
    n_wrong = int(wrong.sum())
    if not rules.regret(tables).any():
        warn(
            "In every row, all decisions have the same cost. So the costs have no "
            "effect, and the label is the most probable class. Check the costs with "
            "print(cost.check(X, y)).",
            DecisionWarning,
        )
    # A few rows in which a mistake costs less than the right decision are normal. For
    # example, a check that costs 10 is too expensive for a fraud of 5. If a mistake is
    # cheaper in most rows, a cost usually has the wrong sign.
    if n_wrong > len(wrong) / 2:
        k, j = _cheapest_mistake(tables)
        where = f"in {n_wrong:,} of {len(wrong):,} rows " if costs.ndim == 3 else ""
        warn(
            f"A wrong decision costs less than the right one {where}(for example, the "
            f"decision {say(cost.labels[j])} for the true label "
            f"{say(cost.labels[k])}). The cheapest decision is chosen nevertheless. "
            "If this is not intended, check the signs of the costs with "
            "print(cost.check(X, y)).",
            DecisionWarning,
        )
    return n_wrong if costs.ndim == 3 else 0


def _cheapest_mistake(tables):
    least = rules.regret(rules.of_labels(tables)).min(axis=0)
    least[~rules.off_diagonal(len(least))] = 0.0
    k, j = divmod(int(least.argmin()), len(least))
    return k, j
