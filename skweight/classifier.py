"""`WeightedClassifier`: weighted fits with calibrated probabilities."""

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import ClassifierMixin, clone
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MethodMapping

from skweight._fit.ask import ask_classifier
from skweight._fit.averaging import choose_models
from skweight._fit.calibrate import calibrate, decide
from skweight._fit.can_predict import has_decision_function, has_predict_proba
from skweight._fit.checks import check_after_fit, check_before_fit, warn_of_passed
from skweight._fit.choose import choose
from skweight._fit.conformal import PredictSet, conform
from skweight._fit.metadata import rows_and_offsets, sort_predict_params
from skweight._fit.models import fit_models, plan_models
from skweight._fit.partial import PartialFit
from skweight._fit.predict_interval import PredictInterval
from skweight._fit.prevalence import SetPrevalence
from skweight._fit.probabilities import learns_from_held_out_rows
from skweight._fit.report import keep, report_on
from skweight._fit.wrapper import WeightedWrapper, check_fitted
from skweight._held_out.outputs import decision_values, labels_of
from skweight._held_out.splits import takes_groups
from skweight._utils.available import available_if
from skweight._utils.compat import TakesCallbacks, run_as_task
from skweight._utils.progress import Progress
from skweight._utils.roles import RoleWeights
from skweight._utils.validation import check_labels, check_rows, encode_labels
from skweight._utils.warn import note_warnings
from skweight.calibration._resolve import resolve_calibrator
from skweight.decision._resolve import resolve_decision
from skweight.streaming import resolve_streaming

if TYPE_CHECKING:
    from skweight._utils.types import Calibration, Resampler, Weighting


def _resolve_sampler(spec):
    """Return a sampler with parameters for a value of ``resampler=``."""
    if not isinstance(spec, str):
        return spec
    from skweight.resampling._names import sampler_of_name

    return sampler_of_name(spec)


class WeightedClassifier(
    ClassifierMixin,
    PartialFit,
    PredictInterval,
    PredictSet,
    SetPrevalence,
    TakesCallbacks,
    WeightedWrapper,
):
    r"""Weight the rows of a classifier's fit, and calibrate its probabilities.

    This class wraps any classifier, Pipeline, search or ensemble. Most users need five
    parameters:

    - `estimator`: what to fit.
    - `weighting`: how much each row counts in the fit, such as ``"balanced"``.
    - `calibration`: how scores become probabilities, learned on held-out rows.
    - `decision`: how probabilities become labels, such as ``{"fraud": 0.2}``.
    - `cv`: which rows are held out for calibration and decision.

    Population weights say how many rows of the population a row stands for. Pass
    population weights to `fit` as `sample_weight`; they count in every step. Emphasis,
    the weights that `weighting` adds, counts only in the fit.

    Parameters
    ----------
    estimator : estimator, default=None
        Classifier, Pipeline, search or ensemble to fit. None is
        ``LogisticRegression()``. It is cloned, never changed. A ``FrozenEstimator`` is
        not fitted, only calibrated; `weighting` then says how it was weighted.
    weighting : None, str, dict, callable, weighting or list, default="balanced"
        How much every row counts: ``"balanced"``, ``"effective_number"``, a dict
        ``{label: weight}``, a callable ``(X, y) -> weights``, a strategy such as
        ``BalancedWeighting(strength=0.5)``, or a list, meaning the product. None weighs
        all rows equally; this gave a lower mean log loss in our benchmarks. ``"auto"``:
        `AutoWeighting` chooses, with 3 k + 1 fits for k folds.
    stabilizer : None, str, float or stabilizer, default=None
        Limits the influence of a few large weights: ``"clip"``, ``"pareto"``,
        ``"temper"``, a number (the largest weight, in multiples of the mean), or a
        stabilizer. It is applied once to the population weights and once to the
        emphasis (all other training weights).
    resampler : None, str or sampler, default=None
        Resamples the rows in each fit, and in no other step: ``"smote"``,
        ``"random_over"``, ``"random_under"``, a sampler of imbalanced-learn, or a
        :class:`~skweight.resampling.WeightedSampler`. Weights that differ from row to
        row are computed before resampling and resampled together with the rows. Class
        weights are computed after resampling. Resampling counts as emphasis.
    calibration : None, str or calibrator, default="auto"
        Maps scores to probabilities. ``"auto"`` mixes families of maps by their loss on
        held-out rows. `partial_fit` has no held-out rows; there ``"auto"`` means
        ``"prior"``. ``"anchored"``, ``"sigmoid"``, ``"isotonic"`` and others of
        :mod:`skweight.calibration` are one family each. ``"prior"`` undoes class
        weights by a formula, without further fits. None keeps the probabilities of the
        weighted model, with one fit. Use None for labels only, or in a search.
    decision : str, float, dict, CostMatrix or decision, default="auto"
        How labels follow from calibrated probabilities. ``"auto"`` uses class weights,
        :math:`\arg\max_k w_k p_k`, so that a balanced model keeps its recall; without
        calibration, ``"auto"`` uses the estimator's labels. ``"argmax"``: the most
        probable class. ``"balanced"``: the class with the largest probability relative
        to its share of the population. A dict ``{label: threshold}``: this label if its
        probability reaches the threshold. A higher threshold gives more precision, less
        recall. A float: a threshold for the second of two classes. A `CostMatrix`: the
        lowest expected cost. ``"tuned"`` or a `TunedDecision`: thresholds tuned on the
        held-out rows. With emphasis, ``"balanced"`` and costs need a calibration.
    conformal : {None, "split", "cross"}, default=None
        Whether to keep held-out rows for `predict_set`: sets of labels that contain the
        true label with a probability that you choose. ``"split"`` turns ``cv="auto"``
        into a hold-out, and uses half of its rows; the coverage is guaranteed.
        ``"cross"``, for smaller data, uses all folds and needs k fits.
    cv : {"auto", "holdout", "oob"}, int, splitter, iterable or None, default="auto"
        Which rows are held out for calibrator and decision. ``"auto"`` or None: five
        shuffled stratified folds; above 100,000 rows, ``"holdout"``. ``"holdout"``: a
        stratified fifth of the rows, at most 100,000, on which the model is not fitted.
        A number: the number of folds. With more folds, fold models are more similar to
        the final model, but each fold costs one fit. ``"oob"``: each tree of a bagged
        forest votes on the rows that it did not draw, without a further fit. With
        ``unsupported="subsample"``, other estimators are fitted once, on rows drawn
        from four fifths. Folds made here keep the ``groups`` of `fit` together. A
        splitter, or pairs of row positions, is used unchanged.
    ensemble : {"auto", True, False}, default=False
        Which models predict after k fold models were fitted. False: one model, fitted
        on all rows, at k + 1 fits. True: the k fold models, whose calibrated
        probabilities are averaged. This costs k fits, and k times the time and memory
        of a prediction. With a hold-out, True keeps the one fitted model; `conformal`
        always does. In our benchmarks, averaging lowers the mean log loss by .01 to .02
        for trees, by .005 for linear models with a feature for every ten rows of the
        rarest class, and only a little for other models. Averaging corrects the mean
        probability of boosted trees (one model's is too high). Averaging is worse if
        labels are nearly certain. ``"auto"``: True for trees and such linear models,
        but False if the held-out log loss is below 0.3 times that of the class
        frequencies, or if a fold model was fitted on less than half of the rows; at
        most k + 1 fits. Without calibration: one model.
    unsupported : {"raise", "resample", "subsample"}, default="raise"
        What to do with an estimator that accepts no weights: raise an error, or draw
        rows by weight with replacement (``"resample"``) or without (``"subsample"``).
    normalize : bool, default=True
        Whether the learner gets weights of mean 1 over the rows with positive weight,
        so that the scale of `sample_weight` has no effect. False keeps the scale: a
        weight of two then equals a duplicate row, also for a regularised loss.
    streaming : {"weight", "sample", "hybrid"} or Streaming, default="weight"
        How `partial_fit` weighs rows (by weights, by drawing rows, or both), and how
        fast it forgets earlier rows. See :class:`~skweight.Streaming`.
    validation_fraction : float or None, default=None
        Share of the rows of every fit, in (0, 1), that an early-stopping learner
        monitors instead of being fitted on them. Supported are XGBoost, LightGBM,
        CatBoost, HistGradientBoosting, skorch and scikeras, alone or last in a
        Pipeline. The monitored rows are cut before any resampling; they have population
        weights only. The metric is :class:`~skweight.metrics.RefinedLogLoss` unless the
        learner has its own. The patience of the learner must be set. With a larger
        share, training stops nearer to the best round, but has fewer rows.
    n_jobs : int or None, default=None
        Number of fold fits to run in parallel.
    verbose : int, default=0
        Whether to print a line to standard error after each fit: what was fitted, k of
        n, and the seconds. `set_callbacks` of scikit-learn 1.9 is supported as well.
    random_state : int, RandomState instance or None, default=None
        Seed of folds, validation rows and bootstrap. It is not passed to the estimator.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    estimators_ : list of estimator
        The fitted clones of `estimator` that predict; several if folds are averaged.
    estimator_ : estimator
        The only item of `estimators_`; missing if several models are averaged.
    weighting_, calibrator_, decision_ : object or None
        The fitted strategy, calibrator and decision. The decision is None if
        `estimator_` predicts the labels.
    threshold_ : float
        With two classes, the second class is predicted from this probability on.
    class_multiplier_ : ndarray of shape (n_classes,)
        Training mass of each class, divided by the population mass of the class.
    prevalence_ : dict or None
        Class frequencies set by `set_prevalence`.
    report_ : FitReport
        What the fit did to the rows, in words and numbers.
    feature_importances_, coef_ : ndarray
        Means over `estimators_`, if all of them have the attribute.
    n_features_in_, feature_names_in_ : int, ndarray of shape (n_features,)
        Number and names of the features of `estimator_`, if it has these attributes.

    Raises
    ------
    ValueError
        In `fit`, if weights, labels or parameters cannot be used; the message says what
        was expected, what was passed and what to do.
    UnsupportedWeightsError
        In `fit`, if the estimator takes no weights and `unsupported` is "raise".

    Warns
    -----
    CalibrationWarning
        In `fit`, if calibrated probabilities differ from the frequencies on held-out
        rows, are based on too few rows, or if scores rank the classes wrongly.
    DoubleCountingWarning
        If `sample_weight` looks like class weights, or if rows look resampled.
    FewerThanAskedWarning
        If a class has fewer rows than there are folds.
    DegenerateWeightsWarning
        If `sample_weight` has the index labels of X in another order. Weights are
        assigned by position.

    See Also
    --------
    BalancedWeighting : The default strategy.
    skweight.calibration.AutoCalibrator : The calibrator of ``"auto"``.
    sklearn.calibration.CalibratedClassifierCV : Same weights in fit and calibrator.

    Notes
    -----
    Calibration with k folds costs k + 1 fits, or k if fold models are averaged. A
    hold-out costs two fits, or one if its model is kept. Out-of-bag votes cost one fit.
    A strategy that uses a model adds k fits, and k (k - 1) / 2 more if rows are held
    out, see :class:`~skweight.weighting.BaseModelWeighting`. All other work is O(n) in
    time and memory. If a fit fails, the fitted attributes of the previous fit stay.

    References
    ----------
    .. [1] Elkan, C. (2001). The foundations of cost-sensitive learning. IJCAI,
       theorem 2.
    .. [2] Platt, J. (1999). Probabilistic outputs for support vector machines.
       Advances in Large Margin Classifiers, section 2.1.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skweight import WeightedClassifier
    >>> X, y = make_classification(2000, weights=[0.95], flip_y=0.05, random_state=0)
    >>> clf = WeightedClassifier(
    ...     LogisticRegression(), weighting="balanced", random_state=0
    ... ).fit(X, y)
    >>> round(float(y.mean()), 2), round(float(clf.predict_proba(X)[:, 1].mean()), 2)
    (0.07, 0.07)
    >>> round(clf.threshold_, 3)  # balanced classes: the prevalence decides
    0.072
    """

    _resolvers = (
        *WeightedWrapper._resolvers,
        ("resampler", _resolve_sampler),
        ("calibration", resolve_calibrator),
        ("decision", resolve_decision),
        ("streaming", resolve_streaming),
    )

    def __init__(
        self,
        estimator: Any = None,
        *,
        weighting: "Weighting" = "balanced",
        stabilizer: Any = None,
        resampler: "Resampler" = None,
        calibration: "Calibration" = "auto",
        decision: Any = "auto",
        conformal: str | None = None,
        cv: Any = "auto",
        ensemble: bool | str = False,
        unsupported: str = "raise",
        normalize: bool = True,
        streaming: Any = "weight",
        validation_fraction: float | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        random_state: Any = None,
    ):
        self.estimator = estimator
        self.weighting = weighting
        self.stabilizer = stabilizer
        self.resampler = resampler
        self.calibration = calibration
        self.decision = decision
        self.conformal = conformal
        self.cv = cv
        self.ensemble = ensemble
        self.unsupported = unsupported
        self.normalize = normalize
        self.streaming = streaming
        self.validation_fraction = validation_fraction
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None, *, validation=None, **fit_params):
        """Learn the weights, fit the estimator with them, and calibrate it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows: anything that the estimator accepts. They are passed on
            unchanged, without the columns that only the weighting may see.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights: how many rows of the population each row stands for.
            They count in the fit, the calibration and the decision. Zero leaves a row
            out.
        validation : tuple (X, y) or (X, y, sample_weight), default=None
            Rows that an early-stopping learner monitors, instead of the rows that
            `validation_fraction` would cut. Validation rows have the columns and labels
            of the training rows, and population weights.
        **fit_params : dict
            ``groups``, the group of each row: folds, hold-outs and validation rows keep
            a group together. Arrays with one value per row that the weighting or the
            decision requests by name. All other arguments go to the `fit` of the
            estimator.

        Returns
        -------
        self : object
            The fitted classifier.
        """

        def steps(context):
            context.call_on_fit_task_begin(estimator=self, X=X, y=y)
            progress = Progress(self, self.verbose, context)
            self._fit(X, y, sample_weight, fit_params, validation, progress)
            context.call_on_fit_task_end(estimator=self, X=X, y=y)
            return self

        return run_as_task(self, "fit", None, steps)

    def _fit(self, X, y, sample_weight, fit_params, validation, progress):
        with note_warnings() as warned:
            request = ask_classifier(self, X, y, sample_weight, fit_params, validation)
            request, weighed = choose(request, progress)
            plan = plan_models(request, weighed)
            tails = check_before_fit(request, weighed, plan)
            fitted = fit_models(request, weighed, plan, progress)
            fitted = choose_models(request, weighed, plan, fitted, progress)
            calibrated = calibrate(request, weighed, plan, fitted)
            decided = decide(request, weighed, plan, fitted, calibrated)
            check_after_fit(request, weighed, plan, fitted, calibrated)
            conformal = conform(request, weighed, plan, fitted, calibrated)
        done = request, weighed, fitted, calibrated, decided
        report = report_on(*done, tails, warned, conformal)
        keep(self, *done, report, conformal=conformal)

    def _fit_with_roles(self, X, y, population, emphasis, **fit_params):
        """Fit with separate population weights and emphasis, for our Pipeline."""
        return self.fit(X, y, RoleWeights(population, emphasis), **fit_params)

    def predict(self, X, **params):
        """Return the class labels that `decision` derives from the probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to label. Columns that only the weighting or the decision may see are
            dropped if they are present.
        **params : dict
            Arrays with one value per row that the decision requests by name, such as
            costs; also ``base_margin``, if `fit` got one.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Class labels.
        """
        check_fitted(self, "estimators_")
        metadata, offsets = sort_predict_params(
            self, params, self.decision_, self._offsets
        )
        if self.decision_ is None and self.prevalence_ is None:
            rows = self._without_side_columns(X)
            return labels_of(self.estimator_, rows, self.classes_, offsets)
        proba = self.predict_proba(X, **offsets)
        if self.decision_ is None:
            return self.classes_[proba.argmax(axis=1)]
        if self._decides_by_rows:
            metadata = {"X": X, **metadata}
        return self.decision_.decide(proba, **metadata)

    def score(self, X, y, sample_weight=None):
        """Return the accuracy; decisions that are not labels count as wrong.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Labels of the rows.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights.

        Returns
        -------
        accuracy : float
            Share of the rows whose decision equals their label.
        """
        further = getattr(self.decision_, "decisions_", ())[len(self.classes_) :]
        if not len(further):
            return super().score(X, y, sample_weight)
        right = self.predict(X) == check_labels(y, owner="score")
        return float(np.average(right.astype(bool), weights=sample_weight))

    @available_if(has_predict_proba)
    def predict_proba(self, X, **params):
        """Return class probabilities, calibrated if a calibration is set.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict.
        **params : dict
            ``base_margin`` of XGBoost, if `fit` was given one.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Probabilities; columns follow ``classes_``.
        """
        check_fitted(self, "estimators_")
        rows, offsets = rows_and_offsets(self, X, params)
        return self._map.of_rows(self.estimators_, rows, offsets)

    @available_if(has_predict_proba)
    def predict_log_proba(self, X, **params):
        """Return the logarithm of the class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict.
        **params : dict
            ``base_margin`` of XGBoost, if `fit` was given one.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            Logarithms of `predict_proba`.
        """
        delegate = self._delegate()
        untouched = self.calibration is None and getattr(self, "prevalence_", 0) is None
        if (
            untouched
            and not params
            and hasattr(delegate, "predict_log_proba")
            and np.array_equal(delegate.classes_, self.classes_)
        ):
            return delegate.predict_log_proba(self._without_side_columns(X))
        return np.log(self.predict_proba(X, **params))

    @available_if(has_decision_function)
    def decision_function(self, X):
        """Return the decision values of the fitted estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        values : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Result of ``estimator_.decision_function``. Not available with a
            calibration: rank by `predict_proba` instead.
        """
        check_fitted(self, "estimators_")
        rows = self._without_side_columns(X)
        return decision_values(self.estimator_, rows, self.classes_)

    @property
    def estimator_(self):
        """The fitted clone of `estimator`, if one model predicts."""
        check_fitted(self, "estimators_")
        if len(self.estimators_) > 1:
            raise AttributeError(
                f"Probabilities are the mean over {len(self.estimators_)} fold models, "
                "which are in estimators_. Set ensemble=False for one model, fitted "
                "on all rows."
            )
        return self.estimators_[0]

    @property
    def threshold_(self):
        """The probability threshold for the second of two classes."""
        check_fitted(self, "estimators_")
        if not hasattr(self.decision_, "threshold_"):
            raise AttributeError(
                "The labels do not come from one threshold of the probabilities. "
                f"Their rule is: {self.report_.decision}."
            )
        return self.decision_.threshold_

    def get_metadata_routing(self):
        """Return how metadata reach the weighting, decision, estimator and splitter.

        Returns
        -------
        routing : MetadataRouter
            Metadata routing of scikit-learn. The classifier itself uses `sample_weight`
            and computes the weights of its estimator.
        """
        return (
            super()
            .get_metadata_routing()
            .add(
                decision=self._make_decision(),
                method_mapping=MethodMapping()
                .add(caller="fit", callee="fit")
                .add(caller="predict", callee="predict"),
            )
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._get_estimator()).classifier_tags
        if inner is not None:
            tags.classifier_tags.poor_score = inner.poor_score
            tags.classifier_tags.multi_class = inner.multi_class
        return tags

    # -- what parameters stand for -------------------------------------------------

    def _delegate(self):
        return getattr(self, "estimators_", [self._get_estimator()])[0]

    def _get_splitter(self):
        return StratifiedGroupKFold() if takes_groups(self.cv) else self.cv

    def _default_estimator(self):
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression()

    def _parts(self):
        fitted = vars(self)
        *before, estimator = super()._parts()
        if self.resampler is not None:
            before.append(("resampler", self._resolved("resampler")))
        calibrator = fitted.get("calibrator_") or self._resolved("calibration")
        if "decision_" in fitted:
            decision = self.decision_ or "as the estimator predicts"
        else:
            decision = self._resolved("decision")
        return [*before, estimator, ("calibration", calibrator), ("decision", decision)]

    def _make_decision(self, labels=None):
        return resolve_decision(self.decision, labels)

    def _learn_from_labels(self, classes):
        """Return further attributes, which depend on the labels alone."""
        return {}

    def _holds_out_rows(self):
        """Return whether calibrator, decision or prediction sets use held-out rows."""
        return learns_from_held_out_rows(
            self._make_calibrator(), self._make_decision(), self.conformal
        )

    def _guard_passed(self, X, y, sample_weight):
        """Warn if a Pipeline that ends in this classifier gets misleading weights."""
        if self.calibration is None and not self._holds_out_rows():
            return
        y = check_labels(y, owner=type(self).__name__)
        check_rows(X, y)
        classes, codes = encode_labels(y)
        warn_of_passed(sample_weight, codes, classes)

    def _make_calibrator(self):
        return resolve_calibrator(self.calibration)

    @classmethod
    def _instances(cls, labels):
        """Return instances of this class for tests on rows with the given labels."""
        from sklearn.linear_model import LogisticRegression, RidgeClassifier
        from sklearn.naive_bayes import GaussianNB
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        learners = [
            LogisticRegression(),
            GaussianNB(),
            RidgeClassifier(),
            make_pipeline(StandardScaler(), LogisticRegression()),
        ]
        # The instances cover all pairs of values of learner, weighting and normalize.
        uncalibrated = [
            cls(
                clone(learner),
                weighting="balanced" if balanced else None,
                calibration=None,
                normalize=balanced == (position % 2 == 0),
            )
            for position, learner in enumerate(learners)
            for balanced in (True, False)
        ]
        return [*uncalibrated, cls()]
