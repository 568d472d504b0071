"""Weights for covariate shift: training rows made to stand for a target population."""

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

# The words that ``estimator=`` takes.
ESTIMATORS = {
    "search": DensityRatioSearch,
    "logistic": KernelLogisticRatio,
    "ulsif": partial(ULSIF, 0.2, back_transform=True),
    "kliep": KLIEP,
    "kmm": KMM,
    "classifier": ClassifierRatio,
}


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
        # Not that of scikit-learn itself, which would break the lines of a report.
        return super().__repr__(**kwargs)

    def get_params(self, deep=True):
        """Return the parameters; without the rows if they will be printed.

        Parameters
        ----------
        deep : bool, default=True
            Whether to return those of estimators among the parameters, too.

        Returns
        -------
        params : dict
            Values by name.
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
        """Return the target of the fit, else that of the constructor."""
        if X_target is None:
            X_target = self.X_target
        if isinstance(X_target, str):
            raise TypeError(
                f"X_target are rows of the target population; got the word "
                f"{X_target!r}. How a density ratio is learned is another parameter: "
                f"DensityRatioWeighting(X_target, estimator={X_target.lower()!r})."
            )
        if X_target is None:
            raise ValueError(
                f"{type(self).__name__} needs rows of the target population. Pass them "
                f"as {type(self).__name__}(X_target), or to fit as X_target=..."
            )
        return X_target


class DensityRatioWeighting(SharedTarget, BaseWeighting):
    r"""Weight training rows so that they stand for a target population.

    For covariate shift: features are distributed otherwise where the model is used,
    while labels depend on features as before. The default tries several methods on
    held-out rows, takes the best, and says which and why.

    .. math:: w(x) = p_{target}(x) / p_{source}(x)

    Parameters
    ----------
    X_target : array-like of shape (n_target, n_features), default=None
        Unlabelled rows of the target. They are kept by reference: clones share them, so
        a search does not copy them. None: pass them to `fit` as ``X_target``.
    estimator : str or estimator, default="search"
        How the ratio is learned:

        - ``"search"``: the best of several, by held-out rows
          (:class:`~skweight.density_ratio.DensityRatioSearch`);
        - ``"logistic"``: the log ratio as a line plus Gaussian bumps, the most accurate
          single method for numbers
          (:class:`~skweight.density_ratio.KernelLogisticRatio`);
        - ``"ulsif"``: uLSIF, least squares in closed form, the fastest for many rows;
          the relative ratio with ``alpha=0.2``, mapped back to the plain one
          (:class:`~skweight.density_ratio.ULSIF`);
        - ``"kliep"``: KLIEP, largest likelihood, for strong shifts in a few features
          (:class:`~skweight.density_ratio.KLIEP`);
        - ``"kmm"``: kernel mean matching, for some hundreds of rows
          (:class:`~skweight.density_ratio.KMM`);
        - ``"classifier"``: the odds of boosted trees that tell target from source, for
          categories, gaps and many columns
          (:class:`~skweight.density_ratio.ClassifierRatio`);
        - an estimator of :mod:`skweight.density_ratio` with parameters of your own;
        - a classifier of scikit-learn, which then tells target from source.
    exponent : float, default=1.0
        Flattening exponent in [0, 1]: 1 takes the ratio as it is, which is consistent
        and has the largest variance; 0 weighs all rows alike.
    stabilizer : None, str, float or stabilizer, default="auto"
        Limits the influence of a few large weights, after flattening: ``"clip"``,
        ``"pareto"``, ``"temper"``, a number (the largest weight, in multiples of the
        mean), a stabilizer, or None. ``"auto"`` bounds the ratio at 20 times its mean,
        and steps back for a stabilizer of the classifier around it.
    sample_weight_target : array-like of shape (n_target,), default=None
        How many rows of the target population each row of `X_target` stands for.
    random_state : int, RandomState instance or None, default=None
        Seed of everything drawn, where the estimator has none of its own.
    memory : str, joblib.Memory or None, default=None
        Where fitted ratios are kept: a folder, as `memory` of a scikit-learn
        :class:`~sklearn.pipeline.Pipeline`. Candidates of a search that differ in other
        parameters learn the ratio of the same fold once. Of 21 ratios that four
        candidates and five folds need, six are different. A kept ratio raises its
        warnings once, when it is learned. Files hold what the estimator holds, such as
        centres among the target rows; delete them with the folder.

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
    TypeError
        In `fit`, if `estimator` is neither a name, nor an estimator of ratios, nor a
        classifier.
    ValueError
        In `fit`, if there is no target, or it does not fit to the training rows.

    Warns
    -----
    OverlapWarning
        If a large share of the target lies where the training rows have none.
    DegenerateWeightsWarning
        If few rows carry nearly all of the weight.

    See Also
    --------
    skweight.weighting.EntropyBalancingWeighting : Where means are known, or suffice.
    skweight.LabelShiftWeighting : Where the classes are of another frequency.

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
    >>> weighting = DensityRatioWeighting(
    ...     X_target, estimator="logistic", random_state=0
    ... )
    >>> weights = weighting.fit_weigh(X, y=None)
    >>> bool(abs(np.mean(weights * X[:, 0]) - X_target.mean()) < 0.2)
    True
    """

    role = "population"
    # What stabilizer="auto" bounds ratios at, in multiples of their mean. Counted in
    # the population and not in rows, so that a row of weight two is the same row twice.
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
        check_is_fitted(self, "estimator_")
        return self.estimator_.report_

    def _learn(self, X, y, sample_weight, X_target=None):
        check_number(self.exponent, name="exponent", low=0, high=1)
        if not self._bounds_by_default():
            resolve_stabilizer(self.stabilizer)  # before the fit, which takes its time
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
        # 0 ** 0 is 1, and a row that the target never shows stays at zero.
        return np.where(ratio > 0, ratio**self.exponent, 0.0)

    def _ratio_estimator(self):
        estimator = _ratio_of(self.estimator)
        if getattr(estimator, "random_state", 0) is None:
            seed = self.random_state
            if self.memory is not None and isinstance(seed, np.random.RandomState):
                # A generator would not move on where a ratio is taken from memory.
                seed = seed.randint(2**31 - 1)
            estimator.set_params(random_state=seed)
        return estimator

    @property
    def reason_(self):
        """What was chosen and why."""
        return self.estimator_.reason_

    @classmethod
    def _instances(cls, labels):
        # What is chosen by leaving out rows is given here: to such a choice a row of
        # weight two is one row, and to the fit that follows it is two.
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
    """Return the fitted estimator, and the ratio of the training rows."""
    ratio = estimator.fit_ratio(X, X_target, sample_weight, sample_weight_target)
    return estimator, ratio


def _ratio_of(spec):
    """Return an unfitted estimator of ratios for what ``estimator=`` takes."""
    if isinstance(spec, str):
        if spec not in ESTIMATORS:
            raise ValueError(
                f"estimator={spec!r} is not a known way to learn a density ratio. The "
                f"names are {say(list(ESTIMATORS))}.{did_you_mean(spec, ESTIMATORS)}"
            )
        return ESTIMATORS[spec]()
    if hasattr(spec, "fit_ratio") and not isinstance(spec, type):
        return clone(spec)
    if is_classifier(spec) and not isinstance(spec, type):
        return ClassifierRatio(spec)
    raise TypeError(
        "DensityRatioWeighting.estimator must be a name, an estimator of "
        "skweight.density_ratio, or a classifier that is to tell target from source; "
        f"got {spec!r}."
    )
