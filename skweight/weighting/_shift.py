"""Weights for covariate shift: training rows made to stand for a target population."""

import copy

import numpy as np
from sklearn.base import BaseEstimator, clone

from skweight._utils.validation import check_number
from skweight.density_ratio import ClassifierRatio, DensityRatioSearch
from skweight.stabilizers import resolve_stabilizer
from skweight.weighting._base import BaseWeighting


class _Shown:
    """Stands for a table where a strategy is printed."""

    def __init__(self, table):
        shape = getattr(table, "shape", None) or np.shape(table)
        self._text = f"<{' x '.join(f'{size:,}' for size in shape)} table>"

    def __repr__(self):
        return self._text


class SharedTarget(BaseEstimator):
    """Keep a target table by reference: a clone shares it instead of copying it.

    scikit-learn's `clone` copies arrays among the parameters, once for every candidate
    and fold of a search. A target table is only ever read, so here `clone` passes on
    the table itself. Pickling (``n_jobs=2``) writes it as any other parameter.
    """

    def __sklearn_clone__(self):
        shared = self._shared()
        bare = self._with(dict.fromkeys(shared))
        cloned = super(SharedTarget, bare).__sklearn_clone__()
        return cloned.set_params(**shared)

    def __repr__(self, **kwargs):
        shown = {
            name: table if table is None else _Shown(table)
            for name, table in self._shared().items()
        }
        return super(SharedTarget, self._with(shown)).__repr__(**kwargs)

    def _shared(self):
        """Return the parameters that are read and never copied."""
        names = ("X_target", "sample_weight_target")
        return {name: getattr(self, name) for name in names if hasattr(self, name)}

    def _with(self, params):
        """Return a shallow copy with other parameters."""
        other = copy.copy(self)
        for name, value in params.items():
            setattr(other, name, value)
        return other

    def _resolve_target(self, X_target):
        """Return the target of the fit, else that of the constructor."""
        if X_target is None:
            X_target = self.X_target
        if X_target is None:
            raise ValueError(
                f"{type(self).__name__} needs rows of the target population. Pass them "
                f"as {type(self).__name__}(X_target), or to fit as X_target=..."
            )
        return X_target


class RatioWeighting(SharedTarget, BaseWeighting):
    """Base class of weightings by a density ratio.

    A subclass implements ``_ratio_estimator()``, and stores ``X_target``,
    ``sample_weight_target``, ``exponent`` and ``stabilizer``.
    """

    role = "population"
    # What stabilizer="auto" bounds ratios at, in multiples of their mean. Counted in
    # the population and not in rows, so that a row of weight two is the same row twice.
    _bound = 20.0
    needs_classes = False

    def fit(self, X, y=None, sample_weight=None, X_target=None):
        """Learn the weights from training rows and rows of the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows: the source.
        y : array-like of shape (n_samples,), default=None
            Labels or values; not looked at.
        sample_weight : array-like of shape (n_samples,), default=None
            How many rows of the source population each row stands for.
        X_target : array-like of shape (n_target, n_features), default=None
            Rows of the target. None takes those of the constructor. Inside a search
            or a cross-validation use the constructor: scikit-learn would cut
            metadata of as many rows as X into folds.

        Returns
        -------
        self : object
            The fitted strategy.
        """
        self.fit_weigh(X, y, sample_weight, X_target=X_target)
        return self

    @property
    def report_(self):
        """What the ratio says about source and target."""
        return self.estimator_.report_

    def _learn(self, X, y, sample_weight, X_target=None):
        check_number(self.exponent, name="exponent", low=0, high=1)
        if not self._bounds_by_default():
            resolve_stabilizer(self.stabilizer)  # before the fit, which takes its time
        X_target = self._resolve_target(X_target)
        self.estimator_ = self._ratio_estimator()
        ratio = self.estimator_.fit_ratio(
            X, X_target, sample_weight, self.sample_weight_target
        )
        return self._flatten(ratio)

    def _raw(self, X, y):
        return self._flatten(self.estimator_.ratio(X))

    def _bounds_by_default(self):
        return isinstance(self.stabilizer, str) and self.stabilizer == "auto"

    def _stabilize(self, raw, sample_weight):
        if not self._bounds_by_default():
            return super()._stabilize(raw, sample_weight)
        bound = self._bound * self._mean(raw, sample_weight)
        line = np.array([0.0, bound])
        self._points = None if raw.max() <= bound else (line, line)
        return self._follow(raw)

    def _flatten(self, ratio):
        # 0 ** 0 is 1, and a row that the target never shows stays at zero.
        return np.where(ratio > 0, ratio**self.exponent, 0.0)


class DensityRatioWeighting(RatioWeighting):
    r"""Weight training rows so that they stand for a target population.

    For covariate shift: features are distributed otherwise where the model is used,
    while labels depend on features as ever. The good first choice: it tries several
    methods on held-out rows, takes the best, and says which and why.

    .. math:: w(x) = p_{target}(x) / p_{source}(x)

    Parameters
    ----------
    X_target : array-like of shape (n_target, n_features), default=None
        Unlabelled rows of the target. Kept by reference: clones share it, so a search
        does not copy it. None: passed to `fit` as ``X_target``.
    estimator : density-ratio estimator, default=None
        Any estimator of :mod:`skweight.density_ratio`; None is
        :class:`~skweight.density_ratio.DensityRatioSearch`.
    exponent : float, default=1.0
        Flattening exponent in [0, 1]: 1 takes the ratio as it is, which is consistent
        and has the largest variance; 0 weighs all rows alike.
    stabilizer : None, str, float or stabilizer, default="auto"
        What keeps a few rows from carrying everything, after flattening: ``"clip"``,
        ``"pareto"``, ``"temper"``, a number (no row counts more than so many average
        rows), a stabilizer, or None. ``"auto"`` bounds the ratio at 20 times its mean,
        and steps back for a stabilizer of the classifier around it.
    sample_weight_target : array-like of shape (n_target,), default=None
        How many rows of the target population each row of `X_target` stands for.
    random_state : int, RandomState instance or None, default=None
        Seed of everything drawn, where the estimator has none of its own.

    Attributes
    ----------
    estimator_ : density-ratio estimator
        The fitted estimator, with its chosen parameters and ``cv_results_``.
    report_ : RatioReport
        Effective sample size, k-hat and missing target mass of the ratio.
    reason_ : str
        What was chosen and why, where `estimator` is a search.
    scale_ : float
        Mean raw weight of the training rows.

    Raises
    ------
    ValueError
        In `fit`, if there is no target, or it does not fit to the training rows.

    Warns
    -----
    NotEnoughOverlapWarning
        If a large share of the target lies where the training rows have none.
    DegenerateWeightsWarning
        If few rows carry nearly all of the weight.

    See Also
    --------
    KernelLogisticRatioWeighting : A single, fast method.
    ClassifierRatioWeighting : For tables with categories and gaps.

    Notes
    -----
    The cost is that of the estimator; weighing other rows is linear.

    References
    ----------
    .. [1] H. Shimodaira, Improving predictive inference under covariate shift by
       weighting the log-likelihood function, Journal of Statistical Planning and
       Inference 90(2), 2000.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight import DensityRatioWeighting
    >>> rng = np.random.default_rng(0)
    >>> X, X_target = rng.normal(size=(500, 1)), rng.normal(0.5, size=(500, 1))
    >>> weighting = DensityRatioWeighting(X_target, random_state=0)
    >>> weights = weighting.fit_weigh(X, y=None)
    >>> bool(abs(np.mean(weights * X[:, 0]) - X_target.mean()) < 0.2)
    True
    """

    def __init__(
        self,
        X_target=None,
        *,
        estimator=None,
        exponent=1.0,
        stabilizer="auto",
        sample_weight_target=None,
        random_state=None,
    ):
        self.X_target = X_target
        self.estimator = estimator
        self.exponent = exponent
        self.stabilizer = stabilizer
        self.sample_weight_target = sample_weight_target
        self.random_state = random_state

    def _ratio_estimator(self):
        if self.estimator is None:
            return DensityRatioSearch(random_state=self.random_state)
        estimator = clone(self.estimator)
        if getattr(estimator, "random_state", 0) is None:
            estimator.set_params(random_state=self.random_state)
        return estimator

    @property
    def reason_(self):
        """What was chosen and why."""
        return self.estimator_.reason_


class ClassifierRatioWeighting(RatioWeighting):
    r"""Weight by the odds of a classifier that tells the target from training rows.

    For any table that a classifier takes: categories, missing values, text through a
    Pipeline. `fit_weigh` returns out-of-fold weights, `weigh` those of a classifier
    fitted on all rows; see :class:`~skweight.density_ratio.ClassifierRatio`.

    .. math:: w(x) = p_{target}(x) / p_{source}(x)

    Parameters
    ----------
    X_target : array-like of shape (n_target, n_features), default=None
        Unlabelled rows of the target. Kept by reference: clones share it, so a search
        does not copy it. None: passed to `fit` as ``X_target``.
    estimator : classifier, default=None
        None is histogram gradient boosting.
    calibration : None, str or calibrator, default="sigmoid"
        What maps out-of-fold scores to probabilities.
    cv : int, default=5
        Number of folds.
    exponent : float, default=1.0
        Flattening exponent in [0, 1]: 1 takes the ratio as it is, which is consistent
        and has the largest variance; 0 weighs all rows alike.
    stabilizer : None, str, float or stabilizer, default="auto"
        What keeps a few rows from carrying everything, after flattening: ``"clip"``,
        ``"pareto"``, ``"temper"``, a number (no row counts more than so many average
        rows), a stabilizer, or None. ``"auto"`` bounds the ratio at 20 times its mean,
        and steps back for a stabilizer of the classifier around it.
    sample_weight_target : array-like of shape (n_target,), default=None
        How many rows of the target population each row of `X_target` stands for.
    n_jobs : int or None, default=None
        Number of fold fits to run at a time.
    random_state : int, RandomState instance or None, default=None
        Seed of everything drawn, where the estimator has none of its own.

    Attributes
    ----------
    estimator_ : density-ratio estimator
        The fitted estimator, with its chosen parameters and ``cv_results_``.
    report_ : RatioReport
        Effective sample size, k-hat and missing target mass of the ratio.
    scale_ : float
        Mean raw weight of the training rows.

    Raises
    ------
    ValueError
        In `fit`, if there is no target, or it does not fit to the training rows.

    Warns
    -----
    NotEnoughOverlapWarning
        If a large share of the target lies where the training rows have none.
    DegenerateWeightsWarning
        If few rows carry nearly all of the weight.

    See Also
    --------
    DensityRatioWeighting : Chooses the method.
    skweight.density_ratio.ClassifierRatio : The estimator.

    Notes
    -----
    The cost is that of the estimator; weighing other rows is linear.

    References
    ----------
    .. [1] S. Bickel, M. Brückner, T. Scheffer, Discriminative learning for differing
       training and test distributions, ICML 2007, equation 5.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight import ClassifierRatioWeighting
    >>> rng = np.random.default_rng(0)
    >>> X, X_target = rng.normal(size=(500, 1)), rng.normal(0.5, size=(500, 1))
    >>> weighting = ClassifierRatioWeighting(X_target, random_state=0)
    >>> weights = weighting.fit_weigh(X, y=None)
    >>> bool(abs(np.mean(weights * X[:, 0]) - X_target.mean()) < 0.2)
    True
    """

    def __init__(
        self,
        X_target=None,
        *,
        estimator=None,
        calibration="sigmoid",
        cv=5,
        exponent=1.0,
        stabilizer="auto",
        sample_weight_target=None,
        n_jobs=None,
        random_state=None,
    ):
        self.X_target = X_target
        self.estimator = estimator
        self.calibration = calibration
        self.cv = cv
        self.exponent = exponent
        self.stabilizer = stabilizer
        self.sample_weight_target = sample_weight_target
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _ratio_estimator(self):
        return ClassifierRatio(
            self.estimator,
            calibration=self.calibration,
            cv=self.cv,
            n_jobs=self.n_jobs,
            random_state=self.random_state,
        )
