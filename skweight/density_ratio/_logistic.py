"""Kernel logistic ratio: the log ratio is a linear function plus Gaussian kernels."""

import numpy as np
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.special import expit

from skweight._utils.validation import check_number
from skweight.density_ratio._base import BaseDensityRatio, in_chunks
from skweight.density_ratio._kernels import (
    GaussianKernels,
    all_distances,
    check_grid,
    choose_centers,
    chunks,
    cv_results,
    scale_columns,
    subsample,
    width_grid,
)

_LAMBDAS = 10.0 ** np.arange(-5, 1)
_WIDTHS = np.array([-1.0, 0.0, 1.0])

# If the logarithm of a ratio exceeds this value, the ratio depends on the model, not on
# the data.
_LARGEST_LOG_RATIO = 30.0

# The linear part clips columns at this many standard deviations.
_REACH = 5.0


class KernelLogisticRatio(BaseDensityRatio):
    r"""Fit the log ratio as a linear function plus Gaussian kernels, by logistic loss.

    A logistic regression separates target rows from source rows. Each of the two
    samples has a weight of one half. Therefore the log odds are the log ratio, without
    a correction for the numbers of rows:

    .. math::
        \log w(x) = \beta_0 + \beta^\top z(x) + \gamma^\top \varphi(x)

    where z are the standardised features, and :math:`\varphi` are kernels on centres
    from both samples. If the log ratio is smooth, ``KernelLogisticRatio`` is the most
    accurate single estimator of this module, both in one dimension and in twenty
    dimensions.

    Parameters
    ----------
    n_centers : int, default=100
        Number of kernels; half of the centres come from each sample. 0 means a ridge
        logistic regression without kernels. If the log ratio is linear, kernels do not
        improve the fit.
    sigmas : float or array-like, default=None
        Width of the kernels, or several candidates, in units of the standardised
        features. None tries 0.5, 1 and 2 times the median distance.
    lambdas : float or array-like, default=None
        Ridge on all coefficients except the constant, or several candidates. A larger
        ridge moves the ratio towards one. None tries six values from 1e-5 to 1.
    standardize : bool, default=True
        Whether every column is divided by its standard deviation. Source and target
        have a weight of one half each in this deviation.
    max_selection_rows : int, default=2000
        Largest number of rows of each sample for the choice of width and ridge; at
        least 10.
    max_fit_rows : int, default=10000
        Largest number of rows of each sample in the final fit. If there are more rows,
        a random sample is used. None uses all rows; then the memory is proportional to
        the number of rows times the number of features and centres.
    random_state : int, RandomState instance or None, default=None
        Seed of the centres and samples.

    Attributes
    ----------
    sigma_ : float
        Chosen width of the kernels; NaN without kernels.
    lambda_ : float
        Chosen ridge penalty.
    coef_ : ndarray of shape (1 + n_features + n_centers,)
        Coefficients of the constant, of the linear part and of the kernels.
    cv_results_ : dict of ndarray
        Candidates and scores: ``"param_sigma"``, ``"param_lambda"``,
        ``"mean_test_score"`` (leave-one-out log likelihood to first order),
        ``"rank_test_score"``.
    report_ : RatioReport
        Diagnostics of the ratio for source and target.
    n_features_in_ : int
        Number of features.

    Raises
    ------
    ValueError
        If the two tables do not have the same columns, have non-numeric columns or
        missing values, or all features are constant.

    Warns
    -----
    OverlapWarning
        If a large share of the target lies in regions without source rows.
    DegenerateWeightsWarning
        If a few source rows have nearly all of the total ratio.

    See Also
    --------
    ClassifierRatio : The same idea with any classifier.

    Notes
    -----
    For n rows, d features and b centres, each candidate pair of a width and a ridge
    takes :math:`O(n (d + b)^2)` time. A sparse table is made dense, one chunk at a
    time. Therefore the number of columns should be moderate.

    References
    ----------
    .. [1] J. Qin, Inferences for case-control and semiparametric two-sample density
       ratio models, Biometrika 85, 1998, equation 1.
    .. [2] S. Bickel, M. Brückner, T. Scheffer, Discriminative learning under covariate
       shift, Journal of Machine Learning Research 10, 2009, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.density_ratio import KernelLogisticRatio
    >>> rng = np.random.default_rng(0)
    >>> X_source, X_target = rng.normal(size=(500, 1)), rng.normal(0.5, size=(500, 1))
    >>> model = KernelLogisticRatio(random_state=0).fit(X_source, X_target)
    >>> model.ratio([[0.25], [1.25]]).round(1)  # the truth is 1 and 1.6
    array([1.1, 1.6])
    """

    def __init__(
        self,
        *,
        n_centers=100,
        sigmas=None,
        lambdas=None,
        standardize=True,
        max_selection_rows=2000,
        max_fit_rows=10_000,
        random_state=None,
    ):
        self.n_centers = n_centers
        self.sigmas = sigmas
        self.lambdas = lambdas
        self.standardize = standardize
        self.max_selection_rows = max_selection_rows
        self.max_fit_rows = max_fit_rows
        self.random_state = random_state

    def _fit(self, source, target, rng):
        check_number(self.n_centers, name="n_centers", low=0)
        check_number(self.max_selection_rows, name="max_selection_rows", low=10)
        lambdas = check_grid(self.lambdas, _LAMBDAS, name="lambdas")
        mean, scale = scale_columns(source, target, standardize=self.standardize)
        samples = [
            subsample(one, self.max_selection_rows, rng) for one in (source, target)
        ]
        s = np.repeat([0.0, 1.0], [one.n for one in samples])
        v = np.concatenate([one.shares() / 2 for one in samples])
        self._kernels = self._draw_kernels(source, target, mean, scale, rng)
        # Here the kernels are used only to choose parameters. Kernels in float32 take
        # half the time of kernels in float64.
        linear = np.concatenate([self._linear(one.X) for one in samples])
        linear = linear.astype(np.float32)
        distances = [all_distances(self._kernels, one.X) for one in samples]
        if self._kernels.size:
            widths = width_grid(
                self.sigmas, distances, [one.shares() for one in samples], _WIDTHS
            )
        else:
            widths = np.array([np.nan])
        distances = np.concatenate(distances)
        scores, starts = [], []
        for sigma in widths:
            kernels = self._kernels.kernels(distances, sigma, np.float32)
            F = np.hstack([linear, kernels])
            path, coefs = ridge_path(F, s, v, lambdas)
            scores.append(path)
            starts.append(coefs)
        scores = np.array(scores)
        best = np.unravel_index(np.argmax(scores), scores.shape)
        self.sigma_, self.lambda_ = float(widths[best[0]]), float(lambdas[best[1]])
        self.cv_results_ = cv_results(
            scores.ravel(),
            sigma=np.repeat(widths, lambdas.size),
            lambda_=np.tile(lambdas, widths.size),
        )
        self.coef_ = starts[best[0]][best[1]]
        self._refit(source, target, rng)

    def _refit(self, source, target, rng):
        """Fit on new rows, with the centres, width and ridge of an earlier fit."""
        self._kernels = self._kernels.for_rows(source, target)
        limit = self.max_fit_rows
        rows = [
            one if limit is None else subsample(one, limit, rng)
            for one in (source, target)
        ]
        s = np.repeat([0.0, 1.0], [one.n for one in rows])
        F = np.empty((s.size, self.coef_.size))
        for one, part in zip(rows, np.split(F, [rows[0].n]), strict=True):
            self._features(one.X, out=part)
        v = np.concatenate([one.shares() / 2 for one in rows])
        self.coef_ = _newton(F, s, v, self.lambda_, self.coef_, tol=1e-14)[0]

    def _draw_kernels(self, source, target, mean, scale, rng):
        """Return kernels on centres; each sample provides half of the centres."""
        tables = []
        n_target = (self.n_centers + 1) // 2
        for sample, n in ((target, n_target), (source, self.n_centers - n_target)):
            rows = choose_centers(sample, n, rng) if n else []
            X = sample.X[rows]
            tables.append(X.toarray() if sparse.issparse(X) else X)
        kernels = GaussianKernels(np.concatenate(tables), mean, scale)
        return kernels.for_rows(source, target)

    def _features(self, X, out=None):
        linear = self._linear(X)
        n, d = linear.shape
        out = np.empty((n, d + self._kernels.size)) if out is None else out
        out[:, :d] = linear
        if self._kernels.size:
            for rows in chunks(X):
                distances = self._kernels.sq_distances(X[rows])
                out[rows, d:] = self._kernels.kernels(distances, self.sigma_)
        return out

    def _linear(self, X):
        # Columns are clipped. Otherwise, a slope would depend on a single row if this
        # row is a million standard deviations from the mean.
        return self._kernels.linear(X, _REACH if self.standardize else np.inf)

    def _ratio(self, X):
        def ratio(rows):
            log_ratio = self._features(rows) @ self.coef_
            return np.exp(np.clip(log_ratio, -_LARGEST_LOG_RATIO, _LARGEST_LOG_RATIO))

        return in_chunks(X, ratio)


def ridge_path(F, s, v, lambdas):
    """For every ridge, return the leave-one-out log likelihood and the coefficients.

    Parameters
    ----------
    F : ndarray of shape (n_rows, n_features)
        Features in float32 or float64; the first column is constant.
    s : ndarray of shape (n_rows,)
        1 for rows of the target, 0 for the source.
    v : ndarray of shape (n_rows,)
        Share of each row; the shares of each sample add up to one half.
    lambdas : ndarray of shape (n_lambdas,)
        Ridges on all coefficients except the constant.

    Returns
    -------
    scores : ndarray of shape (n_lambdas,)
        Mean leave-one-out log likelihood, to first order; greater is better.
    coefs : ndarray of shape (n_lambdas, n_features)
        Coefficients of the features for every ridge.
    """
    scores = np.empty(lambdas.size)
    coefs = np.empty((lambdas.size, F.shape[1]))
    coef = np.zeros(F.shape[1])
    for k in np.argsort(-lambdas):
        coef, eta, factor = _newton(F, s, v, lambdas[k], coef, tol=1e-6)
        p = expit(eta)
        root = factor[0].astype(F.dtype)
        half = solve_triangular(
            root, F.T, trans="T", lower=factor[1], check_finite=False
        )
        leverage = v * np.einsum("ji,ji->i", half, half, dtype=np.float64)
        room = np.maximum(1 - leverage * p * (1 - p), 1e-6)
        left_out = eta + leverage * (p - s) / room
        scores[k] = v @ (s * left_out - np.logaddexp(0, left_out))
        coefs[k] = coef
    return scores, coefs


def _newton(F, s, v, ridge, coef, *, tol=1e-9, max_iter=50):
    """Fit a ridge logistic regression; return coefficients, scores and the Hessian.

    Matrix products with the features are computed in the dtype of the features.
    Everything else is float64.
    """
    penalty = np.full(F.shape[1], ridge)
    penalty[0] = 1e-12

    def times(A, b):
        return (A @ b.astype(A.dtype, copy=False)).astype(np.float64, copy=False)

    eta = times(F, coef)

    def objective(coef, eta):
        return v @ (np.logaddexp(0, eta) - s * eta) + penalty @ coef**2 / 2

    value = objective(coef, eta)
    weighted = np.empty_like(F)
    for _ in range(max_iter):
        p = expit(eta)
        gradient = times(F.T, v * (p - s)) + penalty * coef
        root = np.sqrt(v * p * (1 - p)).astype(F.dtype, copy=False)
        np.multiply(F, root[:, np.newaxis], out=weighted)
        H = times(weighted.T, weighted)
        H[np.diag_indices_from(H)] += penalty
        factor = cho_factor(H)
        direction = -cho_solve(factor, gradient)
        decrease = -gradient @ direction
        if decrease < tol:
            break
        along = times(F, direction)
        step = 1.0
        while step > 1e-8:
            moved = objective(coef + step * direction, eta + step * along)
            if moved <= value - 1e-4 * step * decrease:
                break
            step /= 2
        else:
            break
        coef = coef + step * direction
        eta = eta + step * along
        value = moved
    return coef, eta, factor
