"""`CostSensitiveClassifier`: decide by what mistakes cost."""

from typing import TYPE_CHECKING, Any

import numpy as np

from skweight._fit.can_predict import has_predict_proba
from skweight._fit.wrapper import check_fitted
from skweight._utils.available import available_if
from skweight.classifier import WeightedClassifier
from skweight.costs import CostMatrix
from skweight.costs import _rules as rules
from skweight.costs._matrix import as_cost_matrix
from skweight.decision import ExpectedCostDecision, TunedDecision

if TYPE_CHECKING:
    from skweight._utils.types import Calibration, Resampler, Weighting


class CostSensitiveClassifier(WeightedClassifier):
    r"""Let a classifier decide by what mistakes cost.

    Wraps any classifier, Pipeline, search or ensemble. It is fitted as it is, its
    probabilities are calibrated on rows it was not fitted on, and every row is decided
    so as to cost the least on average:

    .. math:: \hat y = \arg\min_j \sum_k p_k(x) \, C_{kj}(x).

    This is :class:`WeightedClassifier` with other defaults. Costs decide, weights do
    not: weighting by cost as well would count the costs twice, and is an error unless a
    calibration takes the weights out again.

    Parameters
    ----------
    estimator : estimator
        Classifier, Pipeline, search or ensemble to fit. It is cloned, never changed.
    cost : CostMatrix, dict or DataFrame
        What mistakes cost, maybe per row, and maybe what a decision costs that is no
        label, such as to ask a human: best a `CostMatrix`. A dict with ``fp`` and
        ``fn`` (and ``pos_label``), a nested dict ``{true: {decided: cost}}`` and a
        DataFrame with axes named "true" and "predicted" can be read in one way only
        and are taken, too.
    decision : str, float or decision, default="expected_cost"
        ``"expected_cost"``: the cheapest decision for each row. ``"tuned"``: the
        thresholds that cost least on held-out rows, the same for all rows; for
        probabilities that cannot be trusted. ``"argmax"`` and everything else that
        `WeightedClassifier` takes leave the costs out of the decision.
    weighting : None, str, dict, callable, weighting, or list of these, default=None
        How much every row counts in the fit, as in `WeightedClassifier`;
        ``CostWeighting(cost)`` for a learner that is too simple for its data.
    stabilizer : None, str, float or stabilizer, default=None
        Limits the influence of a few large weights, as in `WeightedClassifier`.
    resampler : None, str or sampler, default=None
        What changes the rows inside every fit, as in `WeightedClassifier`.
    calibration : None, str or calibrator, default="auto"
        What maps outputs to probabilities, as in `WeightedClassifier`. ``"auto"``
        mixes families of maps by their loss on rows they have not seen. None takes the
        probabilities of the estimator as they are, at no additional fit.
    drop : bool, default=False
        Whether columns of X that carry costs are hidden from the estimator. False lets
        it learn from them: what is at stake is often informative. They must be there
        at prediction in any case.
    conformal : {None, "split", "cross"}, default=None
        Which rows are kept for `predict_set`, as in `WeightedClassifier`.
    cv : {"auto", "holdout", "oob"}, int, splitter, iterable or None, default="auto"
        Where the held-out scores come from that calibrator and decision see, as in
        `WeightedClassifier`.
    ensemble : {"auto", True, False}, default=False
        Whether fold models are averaged, as in `WeightedClassifier`.
    unsupported : {"raise", "resample", "subsample"}, default="raise"
        What to do with an estimator that takes no weights, where there are any, as in
        `WeightedClassifier`.
    normalize : bool, default=True
        Whether weights are delivered with mean 1 over the rows that count.
    validation_fraction : float or None, default=None
        Share of the rows of every fit, in (0, 1), that a learner which stops early
        watches, as in `WeightedClassifier`.
    n_jobs : int or None, default=None
        Number of fold fits to run at a time.
    verbose : int, default=0
        Whether to print a line to standard error after each fit.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds; not passed to the estimator.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    cost_ : CostMatrix
        The costs, in the order of ``classes_``.
    estimators_ : list of estimator
        The fitted clones of `estimator` that predict: one, or one for each fold.
    estimator_ : estimator
        The only one of them; not there where several are averaged.
    weighting_ : weighting or None
        The fitted strategy.
    calibrator_ : calibrator or None
        The fitted calibrator.
    decision_ : decision or None
        The fitted decision.
    threshold_ : float
        Probability of the second of two classes that decides, where one does: with
        constant costs of labels alone, or tuned. It can be given to scikit-learn's
        ``FixedThresholdClassifier``.
    class_multiplier_ : ndarray of shape (n_classes,)
        Training mass of each class as the learner saw it, over its population mass.
    prevalence_ : dict or None
        Class frequencies set by `set_prevalence`.
    report_ : FitReport
        What the fit did to the rows, in words and figures.
    feature_importances_ : ndarray of shape (n_features,)
        Mean over `estimators_`, where all of them have it.
    coef_ : ndarray
        The same of coefficients, which are of the scores before a calibration.
    n_features_in_ : int
        Number of features that `estimator_` saw, where it says so.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where it says so.

    Raises
    ------
    ValueError
        In `fit`, if labels of the costs are missing or unknown, costs cannot be had
        from the rows, or an emphasis would count twice; before anything is fitted.
    TypeError
        In `fit`, if the costs are an array, whose axes have no names.

    Warns
    -----
    DecisionWarning
        If a wrong decision costs less than the right one in more than half of the rows.

    See Also
    --------
    CostMatrix : The costs.
    skweight.metrics.make_cost_scorer : Selects models by what their decisions cost.
    sklearn.model_selection.TunedThresholdClassifierCV : One threshold, two classes.

    Notes
    -----
    At most k + 1 fits for k folds, or one without calibration; all other work is
    O(n K^2) for n rows and K classes. Population weights (`sample_weight` of `fit`)
    count in the fit, the calibration and a tuned threshold.

    References
    ----------
    .. [1] Elkan, C. (2001). The foundations of cost-sensitive learning. IJCAI,
       equation 1.
    .. [2] Vanderschueren, T., Verdonck, T., Baesens, B. and Verbeke, W. (2022).
       Predict-then-optimize or predict-and-optimize? An empirical evaluation of
       cost-sensitive learning strategies. Information Sciences 594.

    Examples
    --------
    Frauds cost their amount, a false alarm costs 10:

    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skweight import CostMatrix, CostSensitiveClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"risk": rng.normal(size=2000)})
    >>> X["amount"] = rng.lognormal(4, 1, size=2000)
    >>> y = np.where(rng.random(2000) < 1 / (1 + np.exp(3 - X["risk"])), "fraud", "ok")
    >>> cost = CostMatrix.binary(pos_label="fraud", fp=10, fn="amount")
    >>> clf = CostSensitiveClassifier(
    ...     LogisticRegression(), cost=cost, random_state=0
    ... ).fit(X, y)
    >>> rows = pd.DataFrame({"risk": [0.0, 0.0], "amount": [50.0, 500.0]})
    >>> clf.predict(rows)  # the same risk, ten times the amount
    array(['ok', 'fraud'], dtype='<U5')
    >>> clf.expected_cost(rows).round(-1)  # columns: decide "fraud", decide "ok"
    array([[10.,  0.],
           [10., 30.]])
    """

    def __init__(
        self,
        estimator: Any,
        *,
        cost: Any,
        decision: Any = "expected_cost",
        weighting: "Weighting" = None,
        stabilizer: Any = None,
        resampler: "Resampler" = None,
        calibration: "Calibration" = "auto",
        drop: Any = False,
        conformal: str | None = None,
        cv: Any = "auto",
        ensemble: bool | str = False,
        unsupported: str = "raise",
        normalize: bool = True,
        validation_fraction: float | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        random_state: Any = None,
    ):
        super().__init__(
            estimator,
            weighting=weighting,
            stabilizer=stabilizer,
            resampler=resampler,
            calibration=calibration,
            decision=decision,
            conformal=conformal,
            cv=cv,
            ensemble=ensemble,
            unsupported=unsupported,
            normalize=normalize,
            validation_fraction=validation_fraction,
            n_jobs=n_jobs,
            verbose=verbose,
            random_state=random_state,
        )
        self.cost = cost
        self.drop = drop

    @available_if(has_predict_proba)
    def expected_cost(self, X, **params):
        """Return what every decision would cost on average.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, with the columns that carry costs.
        **params : dict
            Row-wise arrays that the costs name.

        Returns
        -------
        risk : ndarray of shape (n_samples, n_decisions)
            Column j is the expected cost of ``cost_.decisions[j]``: of ``classes_[j]``
            first, then of other decisions.
        """
        check_fitted(self, "estimators_")
        return self.cost_.risk(self.predict_proba(X), X, **params)

    @available_if(has_predict_proba)
    def decision_report(self, X, **params):
        """Return what is known of every row, what a decision may cost, and the choice.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, with the columns that carry costs.
        **params : dict
            Row-wise arrays that the costs name.

        Returns
        -------
        report : pandas.DataFrame
            One row per row of X, with its index: the probability ``p(label)`` of each
            class, the expected ``cost(decision)`` of all that can be decided, and the
            ``decision``. With two classes and no other decision also the ``threshold``
            on the probability of the second from which on it is the cheaper one for
            this row; NaN where one decision is the cheaper one whatever the
            probability.
        """
        import pandas as pd

        check_fitted(self, "estimators_")
        proba = self.predict_proba(X)
        risk = self.cost_.risk(proba, X, **params)
        columns = {f"p({k})": p for k, p in zip(self.classes_, proba.T, strict=True)}
        decisions = self.cost_.decisions
        columns |= {f"cost({j})": c for j, c in zip(decisions, risk.T, strict=True)}
        if len(decisions) == 2:
            excess = rules.regret(self.cost_.resolve(X, **params))
            alarm, miss = excess[..., 0, 1], excess[..., 1, 0]
            sensible = (alarm > 0) & (miss > 0)
            columns["threshold"] = np.where(
                sensible, alarm / np.where(sensible, alarm + miss, 1.0), np.nan
            ) * np.ones(len(risk))
        names = getattr(self.decision_, "metadata_names", list)()
        metadata = {name: value for name, value in params.items() if name in names}
        columns["decision"] = self.predict(X, **metadata)
        return pd.DataFrame(columns, index=getattr(X, "index", None))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        labels = as_cost_matrix(self.cost).labels
        if labels is None or len(labels) == 2:
            tags.classifier_tags.multi_class = False
        return tags

    def _make_decision(self, labels=None):
        if isinstance(self.decision, str) and self.decision == "expected_cost":
            return ExpectedCostDecision(self.cost)
        if isinstance(self.decision, str) and self.decision == "tuned":
            return TunedDecision(cost=self.cost)
        return super()._make_decision(labels)

    def _find_side_columns(self, *strategies):
        columns = super()._find_side_columns(*strategies)
        if not self.drop:
            return columns
        return [*columns, *as_cost_matrix(self.cost).columns]

    def _learn_from_labels(self, classes):
        cost = as_cost_matrix(self.cost, labels=classes)
        return {"cost_": cost.align(classes)}

    @classmethod
    def _instances(cls, labels):
        """Return examples for the common tests, given the labels they will meet."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.naive_bayes import GaussianNB

        # These labels only say that there may be more than two.
        cost = _CostsOfAnyLabels.ordinal("abc")
        return [
            cls(learner(), cost=cost, calibration=calibration)
            for learner in (LogisticRegression, GaussianNB)
            for calibration in (None, "auto")
        ]


class _CostsOfAnyLabels(CostMatrix):
    """Costs for whatever labels come, as the checks of scikit-learn bring many."""

    __slots__ = ()

    def align(self, classes):
        if len(classes) > 1:
            return CostMatrix._instances(list(classes))[0]
        return CostMatrix.binary(fp=1, fn=1).align(classes)
