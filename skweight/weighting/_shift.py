"""Weights for covariate shift: training rows represent a target population."""

import copy
from functools import partial

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.utils.validation import check_is_fitted, check_memory

from skweight._utils.compat import asks_to_print
from skweight._utils.examples import example_target, fitted_on
from skweight._utils.validation import check_number, did_you_mean, say
from skweight.density_ratio import (
    KLIEP,
    KMM,
    ULSIF,
    ClassifierRatio,
    DensityRatioSearch,
    KernelLogisticRatio,
)
from skweight.stabilizers import resolve_stabilizer
from skweight.weighting._base import BaseWeighting

# The names that ``estimator=`` accepts.
ESTIMATORS = {
    "search": DensityRatioSearch,
    "logistic": KernelLogisticRatio,
    "ulsif": partial(ULSIF, 0.2, back_transform=True),
    "kliep": KLIEP,
    "kmm": KMM,
    "classifier": ClassifierRatio,
}


class _Shown:
    """Replaces a table when a strategy is printed."""

    def __init__(self, table):
        shape = getattr(table, "shape", None) or np.shape(table)
        self._text = f"<{' x '.join(f'{size:,}' for size in shape)} table>"

    def __repr__(self):
        return self._text


class SharedTarget(BaseEstimator):
    """Base class of strategies whose clones share the same table of target rows.

    scikit-learn's `clone` copies array parameters, once for every candidate and fold of
    a search. A target table is never changed, so here `clone` passes on the table
    itself. Pickling, as for ``n_jobs=2``, still copies the table.
    """

    def __sklearn_clone__(self):
        shared = self._shared()
        bare = self._with(dict.fromkeys(shared))
        cloned = super(SharedTarget, bare).__sklearn_clone__()
        return cloned.set_params(**shared)

    def __repr__(self, **kwargs):
        # Tables are shown by their size here, because scikit-learn's `__repr__` of a
        # table has many lines and would break the lines of a report.
        return super().__repr__(**kwargs)

    def get_params(self, deep=True):
        """Return the parameters; printed parameters show tables by their size.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the parameters of estimators among the parameters.

        Returns
        -------
        params : dict
            The values of the parameters, by name.
        """
        params = super().get_params(deep)
        if asks_to_print():
            for name, table in self._shared().items():
                params[name] = table if table is None else _Shown(table)
        return params

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
        """Return the target rows passed to `fit`, or else those of the constructor."""
        if X_target is None:
            X_target = self.X_target
        if isinstance(X_target, str):
            raise TypeError(
                "X_target must be the rows of the target population; got the word "
                f"{X_target!r}. The method for the density ratio is another "
                "parameter: DensityRatioWeighting(X_target, "
                f"estimator={X_target.lower()!r})."
            )
        if X_target is None:
            raise ValueError(
                f"{type(self).__name__} needs rows of the target population. Pass "
                f"them to the constructor, as {type(self).__name__}(X_target), or to "
                "fit, as X_target=..."
            )
        return X_target


class DensityRatioWeighting(SharedTarget, BaseWeighting):
    r"""Weight training rows so that they represent a target population.

    Use this strategy for covariate shift: the distribution of the features differs
    between training and deployment, but labels depend on the features in the same way.
    The weight is the ratio of the density in the target to the density in the source
    (the training population). By default, several methods for this ratio are compared
    on held-out rows, and the best method is used; the attribute `reason_` names this
    method and explains the choice.

    .. math:: w(x) = p_{target}(x) / p_{source}(x)

    Parameters
    ----------
    X_target : array-like of shape (n_target, n_features), default=None
        Unlabelled rows of the target. The rows are not copied, not even by a search:
        clones share them. If None, pass the rows to `fit` as ``X_target``.
    estimator : str or estimator, default="search"
        Method that estimates the density ratio:

        - ``"search"``: the best of several methods, compared on held-out rows
          (:class:`~skweight.density_ratio.DensityRatioSearch`);
        - ``"logistic"``: the log ratio is a linear function plus Gaussian kernels. This
          is the most accurate single method for numeric columns
          (:class:`~skweight.density_ratio.KernelLogisticRatio`);
        - ``"ulsif"``: uLSIF, least squares in closed form, the fastest method for many
          rows. The relative ratio with ``alpha=0.2`` is estimated and converted to the
          density ratio (:class:`~skweight.density_ratio.ULSIF`);
        - ``"kliep"``: KLIEP, maximum likelihood, for strong shifts in a few features
          (:class:`~skweight.density_ratio.KLIEP`);
        - ``"kmm"``: kernel mean matching, for a few hundred rows
          (:class:`~skweight.density_ratio.KMM`);
        - ``"classifier"``: the odds of boosted trees that separate target from source,
          for categories, missing values and many columns
          (:class:`~skweight.density_ratio.ClassifierRatio`);
        - an estimator of :mod:`skweight.density_ratio` with your own parameters;
        - a classifier of scikit-learn, which then separates target from source.
    exponent : float, default=1.0
        Power in [0, 1] to which the ratio is raised. 1 uses the ratio unchanged: the
        weights are consistent, but have the largest variance. 0 weighs all rows
        equally.
    stabilizer : None, str, float or stabilizer, default="auto"
        Limit for a few very large weights, applied after `exponent`. Pass the name of a
        method (``"clip"``, ``"pareto"`` or ``"temper"``), a stabilizer object, or a
        number: the largest weight, in multiples of the mean weight. None leaves the
        weights unchanged. ``"auto"`` limits the ratio to 20 times its mean, except if
        the classifier has a `stabilizer`.
    sample_weight_target : array-like of shape (n_target,), default=None
        How many rows of the target population each row of `X_target` stands for.
    random_state : int, RandomState instance or None, default=None
        Seed of all random draws, if the estimator has no seed of its own.
    memory : str, joblib.Memory or None, default=None
        Folder that caches fitted ratios, as `memory` of a scikit-learn
        :class:`~sklearn.pipeline.Pipeline`. In a search, candidates with the same
        parameters of the density ratio then share the ratio of each fold. For example,
        four candidates and five folds need 21 ratios, but only six ratios are learned.
        Warnings are given when a ratio is learned, not when it is loaded. The files
        contain data, such as target rows that are centres of kernels. To remove the
        data, delete the folder.

    Attributes
    ----------
    estimator_ : density-ratio estimator
        The fitted estimator, with its chosen parameters and ``cv_results_``.
    report_ : RatioReport
        Effective sample size, k-hat (tail of the weights) and missing target mass
        (share of the target without similar training rows).
    reason_ : str
        The chosen method and the reason for the choice, if `estimator` is a search.
    scale_ : float
        Mean of the weights before scaling. All weights are divided by this number.

    Raises
    ------
    TypeError
        In `fit`, if `estimator` is neither a name, nor an estimator of ratios, nor a
        classifier.
    ValueError
        In `fit`, if there are no target rows, or if the columns of the target rows and
        of the training rows do not match.

    Warns
    -----
    OverlapWarning
        If a large share of the target population lies in regions without training rows.
    DegenerateWeightsWarning
        If a few rows have nearly all of the total weight.

    See Also
    --------
    skweight.weighting.EntropyBalancingWeighting : If means of the target are known.
    skweight.LabelShiftWeighting : If class frequencies differ in deployment.

    Notes
    -----
    The time of a fit is the time of the estimator. For other rows, `weigh` takes linear
    time.

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
    >>> weighting = DensityRatioWeighting(
    ...     X_target, estimator="logistic", random_state=0
    ... )
    >>> weights = weighting.fit_weigh(X, y=None)
    >>> bool(abs(np.mean(weights * X[:, 0]) - X_target.mean()) < 0.2)
    True
    """

    role = "population"
    # Largest ratio with stabilizer="auto", as a multiple of the mean ratio. The mean
    # uses population weights, so that two equal rows count like one row of weight two.
    _bound = 20.0
    needs_classes = False

    def __init__(
        self,
        X_target=None,
        *,
        estimator="search",
        exponent=1.0,
        stabilizer="auto",
        sample_weight_target=None,
        random_state=None,
        memory=None,
    ):
        self.X_target = X_target
        self.estimator = estimator
        self.exponent = exponent
        self.stabilizer = stabilizer
        self.sample_weight_target = sample_weight_target
        self.random_state = random_state
        self.memory = memory

    def fit(self, X, y=None, sample_weight=None, X_target=None):
        """Learn the weights from training rows and rows of the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, from the source population.
        y : array-like of shape (n_samples,), default=None
            Labels or values, which are ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            How many rows of the source population each row stands for.
        X_target : array-like of shape (n_target, n_features), default=None
            Rows of the target. None uses the rows of the constructor. Inside a search
            or a cross-validation, use the constructor: scikit-learn splits an argument
            of `fit` into folds if the argument has as many rows as X.

        Returns
        -------
        self : object
            The fitted strategy.
        """
        self.fit_weigh(X, y, sample_weight, X_target=X_target)
        return self

    @property
    def report_(self):
        """Statistics of the ratio for source and target."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.report_

    def _learn(self, X, y, sample_weight, X_target=None):
        check_number(self.exponent, name="exponent", low=0, high=1)
        if not self._bounds_by_default():
            resolve_stabilizer(self.stabilizer)  # before the long fit
        X_target = self._resolve_target(X_target)
        fit_ratio = check_memory(self.memory).cache(_fit_ratio)
        self.estimator_, ratio = fit_ratio(
            self._ratio_estimator(),
            X,
            X_target,
            sample_weight,
            self.sample_weight_target,
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
        # In Python, 0 ** 0 is 1, but a row whose density ratio is zero must get weight
        # zero.
        return np.where(ratio > 0, ratio**self.exponent, 0.0)

    def _ratio_estimator(self):
        estimator = _ratio_of(self.estimator)
        if getattr(estimator, "random_state", 0) is None:
            seed = self.random_state
            if self.memory is not None and isinstance(seed, np.random.RandomState):
                # A ratio from the cache would not advance a random generator.
                seed = seed.randint(2**31 - 1)
            estimator.set_params(random_state=seed)
        return estimator

    @property
    def reason_(self):
        """The chosen method and the reason."""
        return self.estimator_.reason_

    @classmethod
    def _instances(cls, labels):
        # Hyperparameters are fixed in the objects for tests. If hyperparameters were
        # chosen by leave-one-out scores, a row of weight two would differ from two
        # rows.
        near = fitted_on([0, 1], shift=0.05)
        estimators = {
            KernelLogisticRatio(n_centers=0, lambdas=0.01): 0.5,
            ULSIF(0.2, back_transform=True, sigmas=1, lambdas=0.1): 1.0,
            KLIEP(sigmas=1.0): 1.0,
            KMM(sigma=1, ridge=1.0): 1.0,
            ClassifierRatio(near, calibration=None): 1.0,
        }
        return [
            cls(example_target(), estimator=estimator, exponent=exponent)
            for estimator, exponent in estimators.items()
        ]


def _fit_ratio(estimator, X, X_target, sample_weight, sample_weight_target):
    """Return the fitted estimator, and the density ratio of each training row."""
    ratio = estimator.fit_ratio(X, X_target, sample_weight, sample_weight_target)
    return estimator, ratio


def _ratio_of(spec):
    """Return an unfitted estimator of density ratios for a value of ``estimator=``."""
    if isinstance(spec, str):
        if spec not in ESTIMATORS:
            raise ValueError(
                f"estimator={spec!r} is not a known method for a density ratio. The "
                "known names are "
                f"{say(list(ESTIMATORS))}.{did_you_mean(spec, ESTIMATORS)}"
            )
        return ESTIMATORS[spec]()
    if hasattr(spec, "fit_ratio") and not isinstance(spec, type):
        return clone(spec)
    if is_classifier(spec) and not isinstance(spec, type):
        return ClassifierRatio(spec)
    raise TypeError(
        "DensityRatioWeighting.estimator must be a name, an estimator of "
        "skweight.density_ratio, or a classifier that separates target from source; "
        f"got {spec!r}."
    )
