"""`WeightedRegressor`: weights for the fit of any regressor."""

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.model_selection import GroupKFold
from sklearn.utils import get_tags

from skweight._fit.ask import ask_regressor
from skweight._fit.checks import check_before_fit
from skweight._fit.intervals import PredictInterval, fit_with_intervals
from skweight._fit.models import Plan, fit_models
from skweight._fit.report import keep_regression, report_on_regression
from skweight._fit.weigh import weigh
from skweight._fit.wrapper import WeightedWrapper, check_fitted
from skweight._utils.warn import note_warnings

if TYPE_CHECKING:
    from skweight._utils.types import Weighting


class WeightedRegressor(RegressorMixin, PredictInterval, WeightedWrapper):
    r"""Weight the rows of a regressor's fit.

    This class wraps any regressor, Pipeline or search, as
    :class:`~skweight.WeightedClassifier` wraps classifiers. A weighting decides how
    much every row counts. The estimator gets the weights as ``sample_weight`` or in
    another way that it supports. Use this class for weights that need no classes:
    covariate shift, survey weights, your own weights.

    .. math:: \hat f = \arg\min_f \sum_i p_i \, e_i \, \ell(f(x_i), y_i)

    with :math:`p_i` the population weights and :math:`e_i` the emphasis (training
    weights beyond the population weights). Emphasis biases the predicted mean towards
    the emphasised rows. No calibration of a regressor would correct this bias.

    Parameters
    ----------
    estimator : estimator, default=None
        Regressor, Pipeline or search to fit. None is ``LinearRegression()``. It is
        cloned, never changed.
    weighting : None, callable, weighting or list, default=None
        How much every row counts: a strategy that does not use classes, such as
        :class:`~skweight.DensityRatioWeighting`, a callable ``(X, y) -> weights``, or a
        list, meaning the product. None uses `sample_weight` alone.
    stabilizer : None, str, float or stabilizer, default=None
        Limits the influence of a few large weights: ``"clip"``, ``"pareto"``,
        ``"temper"``, a number (the largest weight, in multiples of the mean), or a
        stabilizer. It is applied once to the population weights and once to the
        emphasis (all other training weights).
    conformal : {None, "split", "cross"}, default=None
        Whether to keep residuals of held-out rows for `predict_interval`: intervals
        that contain the value with a requested probability. ``"split"``: the model is
        not fitted on the held-out rows, and the coverage is guaranteed. ``"cross"``:
        residuals of all rows from fold models, and one model fitted on all rows. With k
        folds, ``"cross"`` costs k + 1 fits, and the coverage is approximate.
    cv : int, splitter, iterable or None, default=None
        Which rows are held out for `conformal`. None: a fifth of the rows for
        ``"split"``, five shuffled folds for ``"cross"``. In both cases, rows of one
        group stay together, if `fit` gets ``groups``. Rows of a time series need splits
        by time.
    unsupported : {"raise", "resample", "subsample"}, default="raise"
        What to do with an estimator that accepts no weights: raise an error, or fit it
        on rows drawn in proportion to their weights. ``"resample"`` is a systematic
        bootstrap. ``"subsample"`` draws no row twice: each row is kept with the
        probability weight / largest weight, so a single large weight means that few
        rows are kept.
    normalize : bool, default=True
        Whether the learner gets weights of mean 1 over the rows with positive weight,
        so that the scale of `sample_weight` has no effect. False keeps the scale: a
        weight of two then equals a duplicate row, also for a regularised loss.
    validation_fraction : float or None, default=None
        Share of the rows, in (0, 1), that the regressor monitors for early stopping and
        is not fitted on; see :class:`~skweight.WeightedClassifier`.
    n_jobs : int or None, default=None
        Number of fold fits to run in parallel.
    random_state : int, RandomState instance or None, default=None
        Seed of the bootstrap, of validation rows and of held-out rows. It is not passed
        to the estimator.

    Attributes
    ----------
    estimator_ : estimator
        The fitted clone of `estimator`.
    weighting_ : weighting or None
        The fitted strategy.
    report_ : RegressionReport
        What the fit did to the rows, in words and numbers.
    feature_importances_ : ndarray of shape (n_features,)
        Feature importances of `estimator_`, if it has this attribute.
    coef_ : ndarray
        Coefficients of `estimator_`.
    n_features_in_ : int
        Number of features that `estimator_` saw, if it has this attribute.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of these features, if available.

    Raises
    ------
    TypeError
        In `fit`, if `estimator` is a classifier.
    ValueError
        In `fit`, if weights or parameters cannot be used; the message says what was
        expected, what was passed and what to do.
    UnsupportedWeightsError
        In `fit`, if the estimator takes no weights and `unsupported` is "raise".

    See Also
    --------
    WeightedClassifier : Wraps classifiers, and calibrates their probabilities.
    skweight.metrics.importance_weighted_scorer : Selects a model for the target rows.

    Notes
    -----
    The strategy and the estimator are fitted once each; ``conformal="cross"`` adds k
    fits of the estimator for k folds. All other work is O(n log n).

    References
    ----------
    .. [1] H. Shimodaira, Improving predictive inference under covariate shift by
       weighting the log-likelihood function, Journal of Statistical Planning and
       Inference 90(2), 2000, equation 3.

    Examples
    --------
    A straight line cannot follow a curve. The line is closest to the curve where most
    of the weight is:

    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from skweight import DensityRatioWeighting, WeightedRegressor
    >>> rng = np.random.default_rng(0)
    >>> X, X_target = rng.normal(size=(500, 1)), rng.normal(1, 0.5, size=(500, 1))
    >>> y, y_target = X[:, 0] ** 2, X_target[:, 0] ** 2
    >>> shift = DensityRatioWeighting(X_target, estimator="logistic", random_state=0)
    >>> plain, weighted = (
    ...     WeightedRegressor(LinearRegression(), weighting=weighting).fit(X, y)
    ...     for weighting in (None, shift)
    ... )
    >>> bool(weighted.score(X_target, y_target) > plain.score(X_target, y_target) + 0.5)
    True
    """

    def __init__(
        self,
        estimator: Any = None,
        *,
        weighting: "Weighting" = None,
        stabilizer: Any = None,
        conformal: str | None = None,
        cv: Any = None,
        unsupported: str = "raise",
        normalize: bool = True,
        validation_fraction: float | None = None,
        n_jobs: int | None = None,
        random_state: Any = None,
    ):
        self.estimator = estimator
        self.weighting = weighting
        self.stabilizer = stabilizer
        self.conformal = conformal
        self.cv = cv
        self.unsupported = unsupported
        self.normalize = normalize
        self.validation_fraction = validation_fraction
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None, *, validation=None, **fit_params):
        """Learn the weights, and fit the estimator with them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows: anything that the estimator accepts. They are passed on
            unchanged, without the columns that only the weighting may see.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target values of the rows.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights: how many rows of the population each row stands for.
            Zero leaves a row out.
        validation : tuple (X, y) or (X, y, sample_weight), default=None
            Rows that an early-stopping regressor monitors, with population weights.
        **fit_params : dict
            ``groups``, the group of each row: `validation_fraction` and the splits of
            `conformal` keep a group together. Arrays with one value per row that the
            weighting requests by name. All other arguments go to the `fit` of the
            estimator.

        Returns
        -------
        self : object
            The fitted regressor.
        """
        with note_warnings() as warned:
            request = ask_regressor(self, X, y, sample_weight, fit_params, validation)
            weighed = weigh(request)
            plan, intervals = Plan("all", None, False, None), None
            tails = check_before_fit(request, weighed, plan)
            if self.conformal is None:
                fitted = fit_models(request, weighed, plan)
            else:
                fitted, intervals = fit_with_intervals(request, weighed)
        report = report_on_regression(
            request, weighed, fitted, tails, warned, intervals
        )
        return keep_regression(self, request, weighed, fitted, report, intervals)

    def predict(self, X):
        """Return the predictions of the fitted estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict. Columns that only the weighting may see are dropped if they
            are present.

        Returns
        -------
        values : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predicted values.
        """
        check_fitted(self, "estimator_")
        return self.estimator_.predict(self._without_side_columns(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._get_estimator())
        if inner.regressor_tags is not None:
            tags.regressor_tags.poor_score = inner.regressor_tags.poor_score
        tags.target_tags.multi_output = inner.target_tags.multi_output
        return tags

    def _get_splitter(self):
        if self.conformal is None and self.validation_fraction is None:
            return None
        folds_by_number = self.cv is None or isinstance(self.cv, int | np.integer)
        return GroupKFold() if folds_by_number else self.cv

    def _default_estimator(self):
        from sklearn.linear_model import LinearRegression

        return LinearRegression()

    @classmethod
    def _instances(cls, labels):
        """Return instances of this class for tests on rows with the given labels."""
        from sklearn.linear_model import LinearRegression, Ridge

        return [cls(LinearRegression()), cls(Ridge(), normalize=False)]
