"""`CostSensitiveClassifier`: decide by the costs of mistakes."""

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
    r"""Let a classifier decide by the costs of mistakes.

    This class wraps any classifier, Pipeline, search or ensemble. The classifier is
    fitted without weights from the costs. The probabilities are calibrated on rows that
    the classifier was not fitted on. Every row then gets the decision with the lowest
    expected cost:

    .. math:: \hat y = \arg\min_j \sum_k p_k(x) \, C_{kj}(x).

    This class is a :class:`WeightedClassifier` with different defaults. Costs affect
    decisions, not weights. If costs also determined the weights, they would count
    twice. So costs in decisions and weights together raise an error, unless a
    calibration removes the effect of the weights.

    Parameters
    ----------
    estimator : estimator
        Classifier, Pipeline, search or ensemble to fit. It is cloned, never changed.
    cost : CostMatrix, dict or DataFrame
        The costs of mistakes. Costs can differ between rows. Decisions can be labels or
        something else, such as asking a human. A `CostMatrix` is recommended. Also
        accepted are forms in which no cost can be mistaken for another: a dict with
        ``fp`` and ``fn`` (and ``pos_label``), a nested dict ``{true: {decided:
        cost}}``, and a DataFrame with axes named "true" and "predicted".
    decision : str, float or decision, default="expected_cost"
        ``"expected_cost"``: the cheapest decision for each row. ``"tuned"``: the
        thresholds that cost least on held-out rows, the same for all rows; use
        ``"tuned"`` if probabilities cannot be trusted. ``"argmax"`` and all other
        values of `WeightedClassifier` ignore the costs.
    weighting : None, str, dict, callable, weighting, or list of these, default=None
        How much every row counts in the fit, as in `WeightedClassifier`. Use
        ``CostWeighting(cost)`` for a learner that is too simple for its data.
    stabilizer : None, str, float or stabilizer, default=None
        Limits the influence of a few large weights, as in `WeightedClassifier`.
    resampler : None, str or sampler, default=None
        Resamples the rows inside every fit, as in `WeightedClassifier`.
    calibration : None, str or calibrator, default="auto"
        Maps outputs to probabilities, as in `WeightedClassifier`. ``"auto"`` mixes
        families of maps by their loss on held-out rows. None uses the probabilities of
        the estimator unchanged, without an additional fit.
    drop : bool, default=False
        Whether columns of X that contain costs are hidden from the estimator. False
        lets the estimator learn from these columns, because costs are often
        informative. In both cases, X must contain the columns at prediction.
    conformal : {None, "split", "cross"}, default=None
        Which rows are kept for `predict_set`, as in `WeightedClassifier`.
    cv : {"auto", "holdout", "oob"}, int, splitter, iterable or None, default="auto"
        Which rows are held out for calibrator and decision, as in `WeightedClassifier`.
    ensemble : {"auto", True, False}, default=False
        Whether fold models are averaged, as in `WeightedClassifier`.
    unsupported : {"raise", "resample", "subsample"}, default="raise"
        What to do if there are weights but the estimator accepts no weights, as in
        `WeightedClassifier`.
    normalize : bool, default=True
        Whether the learner gets weights of mean 1 over rows with positive weight.
    validation_fraction : float or None, default=None
        Share of the rows of every fit, in (0, 1), that an early-stopping learner
        monitors, as in `WeightedClassifier`.
    n_jobs : int or None, default=None
        Number of fold fits to run in parallel.
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
        The fitted clones of `estimator` that predict; several if folds are averaged.
    estimator_ : estimator
        The only item of `estimators_`; missing if several models are averaged.
    weighting_ : weighting or None
        The fitted strategy.
    calibrator_ : calibrator or None
        The fitted calibrator.
    decision_ : decision or None
        The fitted decision.
    threshold_ : float
        Probability from which on the second of two classes is predicted. The attribute
        exists if costs are constant and all decisions are labels, or if the threshold
        is tuned. The value can be passed to scikit-learn's
        ``FixedThresholdClassifier``.
    class_multiplier_ : ndarray of shape (n_classes,)
        Training mass of each class, divided by the population mass of the class.
    prevalence_ : dict or None
        Class frequencies set by `set_prevalence`.
    report_ : FitReport
        What the fit did to the rows, in words and numbers.
    feature_importances_ : ndarray of shape (n_features,)
        Mean over `estimators_`, if all of them have the attribute.
    coef_ : ndarray
        Mean of the coefficients of `estimators_`, for scores before a calibration.
    n_features_in_ : int
        Number of features that `estimator_` saw, if it has this attribute.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of these features, if available.

    Raises
    ------
    ValueError
        In `fit`, before anything is fitted, if labels of the costs are missing or
        unknown, if costs cannot be read from the rows, or if costs would count twice:
        in the weights and in the decision.
    TypeError
        In `fit`, if the costs are an array, because its axes have no names.

    Warns
    -----
    DecisionWarning
        If a wrong decision costs less than the right decision in more than half of the
        rows.

    See Also
    --------
    CostMatrix : Costs of mistakes, by true label and decision.
    skweight.metrics.make_cost_scorer : Selects models by what their decisions cost.
    sklearn.model_selection.TunedThresholdClassifierCV : One threshold for two classes.

    Notes
    -----
    There are at most k + 1 fits for k folds, or one fit without calibration. All other
    work is O(n K^2) for n rows and K classes. Population weights (`sample_weight` of
    `fit`) count in the fit, the calibration and a tuned threshold.

    References
    ----------
    .. [1] Elkan, C. (2001). The foundations of cost-sensitive learning. IJCAI,
       equation 1.
    .. [2] Vanderschueren, T., Verdonck, T., Baesens, B. and Verbeke, W. (2022).
       Predict-then-optimize or predict-and-optimize? An empirical evaluation of
       cost-sensitive learning strategies. Information Sciences 594.

    Examples
    --------
    A missed fraud costs its amount, a false alarm costs 10:

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
        """Return the expected cost of every possible decision.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, with the columns that contain costs.
        **params : dict
            Arrays with one value per row; costs request these arrays by name.

        Returns
        -------
        risk : ndarray of shape (n_samples, n_decisions)
            Column j is the expected cost of ``cost_.decisions[j]``: first the labels,
            in the order of ``classes_``, then other decisions.
        """
        check_fitted(self, "estimators_")
        return self.cost_.risk(self.predict_proba(X), X, **params)

    @available_if(has_predict_proba)
    def decision_report(self, X, **params):
        """Return probabilities, expected costs and the decision of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, with the columns that contain costs.
        **params : dict
            Arrays with one value per row; costs request these arrays by name.

        Returns
        -------
        report : pandas.DataFrame
            One row for each row of X, with the index of X. The columns are the
            probability ``p(label)`` of each class, the expected ``cost(decision)`` of
            each possible decision, and the ``decision``. If the only decisions are two
            labels, there is also a column ``threshold``: if the probability of the
            second class is at least this threshold, the second class is the cheaper
            decision for the row. The threshold is NaN if one decision is cheaper for
            all probabilities.
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
        """Return instances of this class for tests on rows with the given labels."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.naive_bayes import GaussianNB

        # The method `align` replaces the labels "abc" by the labels of the data. The
        # matrix has three labels, so that the tests also try more than two classes.
        cost = _CostsOfAnyLabels.ordinal("abc")
        return [
            cls(LogisticRegression(), cost=cost, calibration=None),
            cls(GaussianNB(), cost=cost, cv=2),
        ]


class _CostsOfAnyLabels(CostMatrix):
    """Costs that fit any labels; the checks of scikit-learn use various labels."""

    __slots__ = ()

    def align(self, classes):
        if len(classes) > 1:
            return CostMatrix._instances(list(classes))[0]
        return CostMatrix.binary(fp=1, fn=1).align(classes)
