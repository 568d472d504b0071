"""Thresholds that are tuned on held-out rows, which were not used to fit the model."""

import numpy as np

from skweight._utils.validation import check_weights, positions_of, say
from skweight.costs._labels import find_pos_label, refuse_further
from skweight.costs._matrix import as_cost_matrix
from skweight.decision._base import BaseDecision
from skweight.decision._cost import check_costs
from skweight.decision._objectives import (
    FORMULAS,
    ONE_CLASS,
    by_formula,
    by_scorer,
    check_scorer,
    least_cost,
    resolve_scorer,
)
from skweight.decision._search import Rows, best_threshold, best_thresholds, decided_by


class TunedDecision(BaseDecision):
    r"""Tune thresholds for the best score or the lowest cost on held-out rows.

    ``decision="tuned"`` means this rule. Tuning uses the held-out rows of the
    calibrator, so it needs no further fits. Without calibration, held-out rows are
    computed once for tuning. The search takes all possible thresholds into account, not
    only a grid.

    With two classes there is one threshold, :math:`\hat y = 1 \iff p \ge t`. With more
    classes, each class has a threshold,

    .. math:: \hat y = \arg\max_k p_k / t_k,

    and the thresholds are tuned one after the other, until no change of a single
    threshold improves the result. If costs differ between rows, use
    :class:`ExpectedCostDecision` instead: one threshold for all rows is worse.

    Parameters
    ----------
    scoring : str or callable, default="balanced_accuracy"
        The score of labels that is maximised. Pass the name of a scikit-learn scorer,
        or a scorer made by :func:`sklearn.metrics.make_scorer`. If `cost` is passed,
        `scoring` is not used.
    cost : CostMatrix, dict or DataFrame, default=None
        Costs of decisions; the total cost of the held-out rows is minimised.
    drop : bool, default=False
        Whether the cost columns of X are hidden from the estimator. Hidden columns are
        not needed at prediction.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, in the order of the columns of the probabilities.
    threshold_ : float
        With two classes, the smallest probability of the second class at which the
        second class is chosen.
    thresholds_ : ndarray of shape (n_classes,)
        Thresholds of all classes with a sum of one, because only the ratios of
        thresholds matter.
    best_score_ : float
        The score on the held-out rows, or the negative mean cost. This number is
        optimistic, because the thresholds were chosen to maximise this number.

    Raises
    ------
    ValueError
        In `fit`, if there are no held-out rows, if the score or the costs do not match
        the labels, or if the costs name a decision that is not a label.

    See Also
    --------
    ExpectedCostDecision : Decides row by row, with the costs of each row.
    sklearn.model_selection.TunedThresholdClassifierCV : For two classes only;
        evaluates a grid, and makes its own fits.

    Notes
    -----
    A threshold lies in the middle between two neighbouring probabilities of held-out
    rows. If several thresholds have the same score, the highest is used. Population
    weights are always used.

    A fast formula exists for costs, accuracy, balanced accuracy and Matthews'
    coefficient. It also exists for precision, recall, F1 and Jaccard, of the positive
    class or with the suffix "_macro" or "_weighted". With two classes, an objective
    with a fast formula takes O(n log n) time. With many rows and without costs, only
    the rows near the best threshold are sorted. With K classes, a sweep searches the
    threshold of each class once, and each search takes O(n (log n + K)) time.

    A scorer without a fast formula is called once per candidate threshold, each time on
    the weighted entries of the confusion matrix. With three or more classes, only 50
    candidates are tried in each search.

    References
    ----------
    .. [1] Sheng, V. and Ling, C. (2006). Thresholding for making classifiers
       cost-sensitive. AAAI, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.decision import TunedDecision
    >>> p = np.array([0.1, 0.2, 0.3, 0.6])
    >>> proba, y = np.column_stack([1 - p, p]), [0, 1, 0, 1]
    >>> round(TunedDecision().fit(proba, y, classes=[0, 1]).threshold_, 2)
    0.45
    >>> missed = TunedDecision(cost={"fp": 1, "fn": 5}).fit(proba, y, classes=[0, 1])
    >>> round(missed.threshold_, 2)
    0.15
    """

    needs_held_out_rows = True

    def __init__(self, scoring="balanced_accuracy", *, cost=None, drop=False):
        self.scoring = scoring
        self.cost = cost
        self.drop = drop

    def check_rows(self, X, classes, **metadata):
        """Raise an error if the costs or the score do not match the labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        classes : array-like of shape (n_classes,)
            All labels.
        **metadata : dict
            The arrays that the costs request by name, with one value per row.
        """
        if self.cost is not None:
            cost = as_cost_matrix(self.cost, labels=classes)
            refuse_further(cost, type(self).__name__)
            check_costs(self.cost, X, classes, metadata)
        else:
            self._objective(np.asarray(classes), weighted=False)
            check_scorer(resolve_scorer(self.scoring), np.asarray(classes))

    def side_columns(self):
        """Return the cost columns of X if they are hidden from the estimator.

        Returns
        -------
        columns : list of str or int
            Names or positions of the columns of X that the wrapped estimator does not
            get.
        """
        if self.cost is None or not self.drop:
            return []
        return as_cost_matrix(self.cost).columns

    def metadata_names(self):
        """Return the names of the arrays that hold costs.

        Returns
        -------
        names : list of str
            Names of the arguments of `fit` that hold costs.
        """
        return [] if self.cost is None else as_cost_matrix(self.cost).metadata_names

    def describe(self):
        """Describe in one sentence how labels follow from probabilities.

        Returns
        -------
        sentence : str
            For the report of the classifier.
        """
        aim = "least cost" if self.cost is not None else f"best {self.scoring}"
        if hasattr(self, "threshold_"):
            return (
                f"tuned for {aim} on held-out rows: {say(self.classes_[1])} if its "
                f"probability is at least {self.threshold_:.4g}, otherwise "
                f"{say(self.classes_[0])}"
            )
        thresholds = ", ".join(
            f"{say(label)} {threshold:.4g}"
            for label, threshold in zip(self.classes_, self.thresholds_, strict=True)
        )
        return (
            f"tuned for {aim} on held-out rows: the highest probability relative to "
            f"{thresholds}"
        )

    def _learn(self, held_out, class_multiplier):
        weight = held_out.sample_weight
        if weight is None:
            weight = np.ones(len(held_out.y))
        weight = check_weights(weight, len(held_out.y))
        weighted = weight.min() != weight.max()
        costs = None
        if self.cost is not None:
            cost = as_cost_matrix(self.cost, labels=self.classes_).align(self.classes_)
            refuse_further(cost, type(self).__name__)
            costs = cost.of_decisions(held_out.y, held_out.X, **held_out.metadata)
        codes = positions_of(held_out.y, self.classes_, owner=type(self).__name__)
        # Only the ratios of weights matter, so weights are divided by the largest
        # weight. Then equal weights are all 1, and a scorer that accepts no weights can
        # count rows.
        rows = Rows(held_out.proba, codes, weight / weight.max(), costs)
        objective = self._objective(self.classes_, weighted)
        if self.classes_.size == 2:
            threshold, self.best_score_ = best_threshold(rows, objective)
            self.threshold_ = threshold
            self.thresholds_ = np.array([1 - threshold, threshold])
            return
        prevalence = np.bincount(codes, weight, self.classes_.size)
        starts = [np.ones(self.classes_.size), np.maximum(prevalence, weight.max())]
        self.thresholds_, self.best_score_ = best_thresholds(rows, objective, starts)

    def _objective(self, classes, weighted):
        if self.cost is not None:
            return least_cost
        scoring = resolve_scorer(self.scoring)
        if not isinstance(scoring, str):
            return by_scorer(scoring, classes, weighted=weighted)
        if scoring in FORMULAS:
            return by_formula(scoring)
        if classes.size != 2:
            raise ValueError(
                f"scoring={scoring!r} is for the positive class of two classes, but y "
                f"has {say(classes)}. Use {scoring + '_macro'!r}."
            )
        labels = classes.tolist()
        try:
            positive = labels.index(find_pos_label(None, labels))
        except ValueError as error:
            raise ValueError(
                f"scoring={scoring!r} needs a positive label, but the labels "
                f"{say(labels)} do not show which of them is positive. Use "
                "sklearn.metrics.make_scorer("
                f"{'jaccard_score' if scoring == 'jaccard' else scoring + '_score'}, "
                f"pos_label={say(labels[0])}) or pos_label={say(labels[1])}."
            ) from error
        assert scoring in ONE_CLASS
        return by_formula(scoring, positive)

    def _positions(self, proba, X, metadata):
        if self.classes_.size == 2:
            return (proba[:, 1] >= self.threshold_).astype(np.intp)
        return decided_by(proba, self.thresholds_)
