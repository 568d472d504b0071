"""Weights for covariate shift by the kernel methods, one class each."""

from skweight.density_ratio import KLIEP, KMM, ULSIF, KernelLogisticRatio
from skweight.weighting._shift import RatioWeighting


class ULSIFWeighting(RatioWeighting):
    r"""Weight by a density ratio fitted by least squares in closed form.

    The fastest method for large data; see :class:`~skweight.density_ratio.ULSIF`.

    .. math:: w(x) = p_{target}(x) / p_{source}(x)

    Parameters
    ----------
    X_target : array-like of shape (n_target, n_features), default=None
        Unlabelled rows of the target. Kept by reference: clones share it, so a search
        does not copy it. None: passed to `fit` as ``X_target``.
    alpha : float, default=0.2
        Share of the target in the denominator, in [0, 1); raising it flattens more.
    back_transform : bool, default=True
        Whether the relative ratio is mapped back to the plain one.
    n_centers : int, default=100
        Number of kernels.
    sigmas : float or array-like, default=None
        Width of the kernels, or several to choose from; None chooses from a grid.
    lambdas : float or array-like, default=None
        Ridge, or several to choose from; None chooses from a grid.
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
        Seed of everything drawn.

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
    skweight.density_ratio.ULSIF : The estimator.

    Notes
    -----
    The cost is that of the estimator; weighing other rows is linear.

    References
    ----------
    .. [1] T. Kanamori, S. Hido, M. Sugiyama, A least-squares approach to direct
       importance estimation, Journal of Machine Learning Research 10, 2009, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight import ULSIFWeighting
    >>> rng = np.random.default_rng(0)
    >>> X, X_target = rng.normal(size=(500, 1)), rng.normal(0.5, size=(500, 1))
    >>> weighting = ULSIFWeighting(X_target, random_state=0)
    >>> weights = weighting.fit_weigh(X, y=None)
    >>> bool(abs(np.mean(weights * X[:, 0]) - X_target.mean()) < 0.2)
    True
    """

    def __init__(
        self,
        X_target=None,
        *,
        alpha=0.2,
        back_transform=True,
        n_centers=100,
        sigmas=None,
        lambdas=None,
        exponent=1.0,
        stabilizer="auto",
        sample_weight_target=None,
        random_state=None,
    ):
        self.X_target = X_target
        self.alpha = alpha
        self.back_transform = back_transform
        self.n_centers = n_centers
        self.sigmas = sigmas
        self.lambdas = lambdas
        self.exponent = exponent
        self.stabilizer = stabilizer
        self.sample_weight_target = sample_weight_target
        self.random_state = random_state

    def _ratio_estimator(self):
        return ULSIF(
            self.alpha,
            back_transform=self.back_transform,
            n_centers=self.n_centers,
            sigmas=self.sigmas,
            lambdas=self.lambdas,
            random_state=self.random_state,
        )


class KLIEPWeighting(RatioWeighting):
    r"""Weight by a density ratio of largest likelihood.

    For strong shifts in a few dimensions; see :class:`~skweight.density_ratio.KLIEP`.

    .. math:: w(x) = p_{target}(x) / p_{source}(x)

    Parameters
    ----------
    X_target : array-like of shape (n_target, n_features), default=None
        Unlabelled rows of the target. Kept by reference: clones share it, so a search
        does not copy it. None: passed to `fit` as ``X_target``.
    alpha : float, default=0.1
        Share of the target in the denominator, in [0, 1); bounds the ratio.
    n_centers : int, default=200
        Number of kernels.
    sigmas : float or array-like, default=None
        Width of the kernels, or several to choose from; None chooses from a grid.
    cv : int, default=None
        Folds to choose the width with; None leaves single rows out to first order.
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
        Seed of everything drawn.

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
    skweight.density_ratio.KLIEP : The estimator.

    Notes
    -----
    The cost is that of the estimator; weighing other rows is linear.

    References
    ----------
    .. [1] M. Sugiyama et al., Direct importance estimation for covariate shift
       adaptation, Annals of the Institute of Statistical Mathematics 60, 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight import KLIEPWeighting
    >>> rng = np.random.default_rng(0)
    >>> X, X_target = rng.normal(size=(500, 1)), rng.normal(0.5, size=(500, 1))
    >>> weighting = KLIEPWeighting(X_target, random_state=0)
    >>> weights = weighting.fit_weigh(X, y=None)
    >>> bool(abs(np.mean(weights * X[:, 0]) - X_target.mean()) < 0.2)
    True
    """

    def __init__(
        self,
        X_target=None,
        *,
        alpha=0.1,
        n_centers=200,
        sigmas=None,
        cv=None,
        exponent=1.0,
        stabilizer="auto",
        sample_weight_target=None,
        random_state=None,
    ):
        self.X_target = X_target
        self.alpha = alpha
        self.n_centers = n_centers
        self.sigmas = sigmas
        self.cv = cv
        self.exponent = exponent
        self.stabilizer = stabilizer
        self.sample_weight_target = sample_weight_target
        self.random_state = random_state

    def _ratio_estimator(self):
        return KLIEP(
            self.alpha,
            n_centers=self.n_centers,
            sigmas=self.sigmas,
            cv=self.cv,
            random_state=self.random_state,
        )


class KernelLogisticRatioWeighting(RatioWeighting):
    r"""Weight by a logistic model of the log ratio, linear plus Gaussian bumps.

    The most accurate single method for smooth ratios of numeric features; see
    :class:`~skweight.density_ratio.KernelLogisticRatio`.

    .. math:: w(x) = p_{target}(x) / p_{source}(x)

    Parameters
    ----------
    X_target : array-like of shape (n_target, n_features), default=None
        Unlabelled rows of the target. Kept by reference: clones share it, so a search
        does not copy it. None: passed to `fit` as ``X_target``.
    n_centers : int, default=100
        Number of kernels; 0 leaves a plain logistic regression.
    sigmas : float or array-like, default=None
        Width of the kernels, or several to choose from; None chooses from a grid.
    lambdas : float or array-like, default=None
        Ridge, or several to choose from; None chooses from a grid.
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
        Seed of everything drawn.

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
    skweight.density_ratio.KernelLogisticRatio : The estimator.

    Notes
    -----
    The cost is that of the estimator; weighing other rows is linear.

    References
    ----------
    .. [1] S. Bickel, M. Brückner, T. Scheffer, Discriminative learning under covariate
       shift, Journal of Machine Learning Research 10, 2009, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight import KernelLogisticRatioWeighting
    >>> rng = np.random.default_rng(0)
    >>> X, X_target = rng.normal(size=(500, 1)), rng.normal(0.5, size=(500, 1))
    >>> weighting = KernelLogisticRatioWeighting(X_target, random_state=0)
    >>> weights = weighting.fit_weigh(X, y=None)
    >>> bool(abs(np.mean(weights * X[:, 0]) - X_target.mean()) < 0.2)
    True
    """

    def __init__(
        self,
        X_target=None,
        *,
        n_centers=100,
        sigmas=None,
        lambdas=None,
        exponent=1.0,
        stabilizer="auto",
        sample_weight_target=None,
        random_state=None,
    ):
        self.X_target = X_target
        self.n_centers = n_centers
        self.sigmas = sigmas
        self.lambdas = lambdas
        self.exponent = exponent
        self.stabilizer = stabilizer
        self.sample_weight_target = sample_weight_target
        self.random_state = random_state

    def _ratio_estimator(self):
        return KernelLogisticRatio(
            n_centers=self.n_centers,
            sigmas=self.sigmas,
            lambdas=self.lambdas,
            random_state=self.random_state,
        )


class KMMWeighting(RatioWeighting):
    r"""Weight so that kernel means of training rows and target meet.

    For small data: quadratic in the number of training rows, and says so beyond its
    size; see :class:`~skweight.density_ratio.KMM`.

    .. math:: w(x) = p_{target}(x) / p_{source}(x)

    Parameters
    ----------
    X_target : array-like of shape (n_target, n_features), default=None
        Unlabelled rows of the target. Kept by reference: clones share it, so a search
        does not copy it. None: passed to `fit` as ``X_target``.
    ridge : float, default=0.01
        Pull of the weights towards one, above 0.
    bound : float, default=50.0
        Largest weight, at least 1, before the mean is made one.
    sigma : float, default=None
        Width of the kernels; None is half of the median distance.
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
        Seed of everything drawn.

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
    skweight.density_ratio.KMM : The estimator.

    Notes
    -----
    The cost is that of the estimator; weighing other rows is linear.

    References
    ----------
    .. [1] J. Huang et al., Correcting sample selection bias by unlabeled data, NIPS 19,
       2007, equation 5.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight import KMMWeighting
    >>> rng = np.random.default_rng(0)
    >>> X, X_target = rng.normal(size=(500, 1)), rng.normal(0.5, size=(500, 1))
    >>> weighting = KMMWeighting(X_target)
    >>> weights = weighting.fit_weigh(X, y=None)
    >>> bool(abs(np.mean(weights * X[:, 0]) - X_target.mean()) < 0.2)
    True
    """

    def __init__(
        self,
        X_target=None,
        *,
        ridge=0.01,
        bound=50.0,
        sigma=None,
        exponent=1.0,
        stabilizer="auto",
        sample_weight_target=None,
        random_state=None,
    ):
        self.X_target = X_target
        self.ridge = ridge
        self.bound = bound
        self.sigma = sigma
        self.exponent = exponent
        self.stabilizer = stabilizer
        self.sample_weight_target = sample_weight_target
        self.random_state = random_state

    def _ratio_estimator(self):
        return KMM(
            ridge=self.ridge,
            bound=self.bound,
            sigma=self.sigma,
            random_state=self.random_state,
        )
