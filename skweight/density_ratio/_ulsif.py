"""uLSIF and RuLSIF: the density ratio as a least-squares fit with a closed form."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skweight._utils.validation import check_number
from skweight.density_ratio._base import in_chunks
from skweight.density_ratio._kernels import (
    KernelBasis,
    check_grid,
    chunks,
    cv_results,
    kernel_setup,
    with_constant,
)
from skweight.density_ratio._relative import RelativeDensityRatio
from skweight.density_ratio._statistics import KernelStatistics

_LAMBDAS = 10.0 ** np.arange(-5, 2)


class ULSIF(RelativeDensityRatio):
    r"""Fit the density ratio by least squares, in closed form (uLSIF, RuLSIF).

    The ratio is a constant plus a sum of Gaussian kernels. The centres of the kernels
    are drawn from the target. The fit minimises the squared error over the source.
    ULSIF chooses width and ridge itself: one eigendecomposition per width gives the
    leave-one-out scores of all ridges. ULSIF is the fastest of the kernel methods.

    .. math::
        r(x) = \theta^\top \varphi(x), \qquad
        \theta = \bigl((1 - \alpha) H_s + \alpha H_t + \lambda I\bigr)^{-1} h

    where :math:`H_s` and :math:`H_t` are the means of :math:`\varphi \varphi^\top` over
    source and target, and :math:`h` is the mean of :math:`\varphi` over the target. The
    coefficients may be negative. Only the ratio is clipped at zero.

    Parameters
    ----------
    alpha : float, default=0.0
        Share of the target in the denominator of the ratio, in [0, 1). A larger share
        makes the ratio flatter. 0 estimates the plain ratio, as published. 0.1 or 0.2
        is more stable if some ratios are large. If `alpha` is above 0, the result is
        the relative ratio :math:`p_t / (\alpha p_t + (1 - \alpha) p_s)`, which is at
        most :math:`1 / \alpha`. The relative ratio can be estimated even if the plain
        ratio has no finite variance. If `alpha` is 0, the target is used only in the
        mean of the kernels. Then the fit may not notice a part of the target that the
        source does not cover.
    back_transform : bool, default=False
        Whether `ratio` maps the relative ratio back to the plain ratio. If ``alpha`` is
        0.1 or 0.2, the plain ratio that results from the map is more accurate than the
        ratio with ``alpha=0``. The map is :math:`(1 - \alpha) r / (1 - \alpha r)`.
    n_centers : int, default=100
        Number of kernels, at most the number of distinct target rows. More kernels fit
        finer detail. The cost is quadratic in this number.
    sigmas : float or array-like, default=None
        Width of the kernels, or several candidates, in units of the standardised
        features. None tries eleven widths around the median distance between rows and
        centres.
    lambdas : float or array-like, default=None
        Ridge, or several candidates. A larger ridge makes the ratio smoother and
        smaller. None tries seven values from 1e-5 to 10.
    standardize : bool, default=True
        Whether every column is divided by its standard deviation. Source and target
        have a weight of one half each in this deviation.
    max_selection_rows : int, default=5000
        Largest number of rows of each sample for the choice of width and ridge; at
        least 10. The fit itself uses all rows.
    random_state : int, RandomState instance or None, default=None
        Seed for the draw of the centres, and of the rows used to choose width and
        ridge.

    Attributes
    ----------
    sigma_ : float
        Chosen width of the kernels.
    lambda_ : float
        Chosen ridge penalty.
    coef_ : ndarray of shape (n_centers + 1,)
        Coefficients :math:`\theta`; the first belongs to the constant.
    cv_results_ : dict of ndarray
        Candidates and leave-one-out scores: ``"param_sigma"``, ``"param_lambda"``,
        ``"mean_test_score"`` and ``"rank_test_score"``. Greater scores are better.
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
    KLIEP : Maximum likelihood; coefficients are never negative.
    DensityRatioSearch : Chooses the estimator by the score on held-out rows.

    Notes
    -----
    For n rows, d features and b centres, the time is :math:`O(n b (d + b))`. For any n,
    the memory holds one matrix, with the rows of one chunk and b columns. Tables on
    disk (memory maps) are read chunk by chunk.

    References
    ----------
    .. [1] T. Kanamori, S. Hido, M. Sugiyama, A least-squares approach to direct
       importance estimation, Journal of Machine Learning Research 10, 2009, section 4.
    .. [2] M. Yamada, T. Suzuki, T. Kanamori, H. Hachiya, M. Sugiyama, Relative density-
       ratio estimation for robust distribution comparison, NIPS 24, 2011, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.density_ratio import ULSIF
    >>> rng = np.random.default_rng(0)
    >>> X_source, X_target = rng.normal(size=(500, 1)), rng.normal(0.5, size=(500, 1))
    >>> ratio = ULSIF(random_state=0).fit(X_source, X_target).ratio([[0.25], [1.25]])
    >>> ratio.round(1)  # the truth, exp(0.5 x - 0.125), is 1 and 1.6
    array([1.1, 1.6])
    """

    def __init__(
        self,
        alpha=0.0,
        *,
        back_transform=False,
        n_centers=100,
        sigmas=None,
        lambdas=None,
        standardize=True,
        max_selection_rows=5000,
        random_state=None,
    ):
        self.alpha = alpha
        self.back_transform = back_transform
        self.n_centers = n_centers
        self.sigmas = sigmas
        self.lambdas = lambdas
        self.standardize = standardize
        self.max_selection_rows = max_selection_rows
        self.random_state = random_state

    def _fit(self, source, target, rng):
        check_number(self.alpha, name="alpha", low=0, high=1, include="left")
        kernels, widths, samples, distances = kernel_setup(self, source, target, rng)
        lambdas = check_grid(self.lambdas, _LAMBDAS, name="lambdas")
        scores = np.array(
            [
                leave_one_out_scores(
                    *(
                        with_constant(kernels.kernels(D, sigma, np.float32))
                        for D in distances
                    ),
                    *(sample.shares() for sample in samples),
                    alpha=self.alpha,
                    lambdas=lambdas,
                )
                for sigma in widths
            ]
        )
        best = np.unravel_index(np.argmin(scores), scores.shape)
        self.sigma_, self.lambda_ = float(widths[best[0]]), float(lambdas[best[1]])
        self.cv_results_ = cv_results(
            -scores.ravel(),
            sigma=np.repeat(widths, lambdas.size),
            lambda_=np.tile(lambdas, widths.size),
        )
        self._basis = KernelBasis(kernels, self.sigma_)
        self._refit(source, target, rng)

    def _refit(self, source, target, rng):
        """Fit on new rows, with the width and ridge of an earlier fit."""
        kernels = self._basis.kernels.for_rows(source, target)
        self._basis = KernelBasis(kernels, self.sigma_)
        moments = []
        for sample, products in ((source, True), (target, self.alpha > 0)):
            sums = self.statistics()
            sums._count(sample.X, sample.share, products=products, quick=True)
            moments.append(sums.finalize())
        self._solve(*moments)

    def statistics(self):
        """Return empty sums over the basis functions of this fit.

        Returns
        -------
        statistics : KernelStatistics
            Empty sums, to which chunks of source rows or of target rows are added, on
            any machine.
        """
        check_is_fitted(self, "sigma_")
        return KernelStatistics(self._basis, self._columns, self.n_features_in_)

    def fit_statistics(self, source, target):
        """Fit again from sums over rows, with the same centres, width and ridge.

        Parameters
        ----------
        source : KernelStatistics
            Sums over the source.
        target : KernelStatistics
            Sums over the target.

        Returns
        -------
        self : object
            The fitted estimator. `report_` does not change: it still describes the
            first fit.
        """
        for sums in (source, target):
            if not self._basis.same_as(sums.basis):
                raise ValueError(
                    "fit_statistics takes KernelStatistics with the basis functions "
                    "of this fit; got statistics of another fit. Make them with the "
                    "statistics() of this estimator."
                )
        self._solve(source.finalize(), target.finalize())
        return self

    def _solve(self, source, target):
        H = (1 - self.alpha) * source.gram
        if self.alpha > 0:
            H = H + self.alpha * target.gram
        values, vectors = np.linalg.eigh(H)
        # Negative eigenvalues of a matrix of squares come from rounding.
        values = np.maximum(values, 0.0) + self.lambda_
        self.coef_ = vectors @ ((vectors.T @ target.mean) / values)

    def _relative(self, X):
        ratio = in_chunks(X, self._basis.combination(self.coef_))
        highest = 1 / self.alpha if self.alpha > 0 else np.inf
        return np.clip(ratio, 0.0, highest, out=ratio)


def leave_one_out_scores(source, target, share_source, share_target, *, alpha, lambdas):
    r"""Return the leave-one-out score for every ridge, from one eigendecomposition.

    Each row is left out of the sums of its own sample, and its ratio is computed from
    the remaining rows. Let :math:`H = (1 - \alpha) H_s + \alpha H_t + \lambda I`. If
    one row is left out, H changes by a matrix of rank one. Therefore all refits follow
    from two inner products in the metric :math:`H^{-1}`: of a row with itself, and of a
    row with h.

    Parameters
    ----------
    source, target : ndarray of shape (n_rows, n_basis)
        Basis functions of the rows.
    share_source, share_target : ndarray of shape (n_rows,)
        Share of each row in its sample.
    alpha : float
        Share of the target in the denominator.
    lambdas : ndarray of shape (n_lambdas,)
        Candidates of the ridge.

    Returns
    -------
    scores : ndarray of shape (n_lambdas,)
        Squared error of the ratio, up to a constant; smaller is better.
    """
    as64 = np.float64
    H_source = _gram(source, share_source)
    h = share_target.astype(as64) @ target
    # Sum of the shares that remain if one row of a sample is left out. It is averaged
    # over the rows, weighted by their shares.
    rest_source = max(1 - share_source @ share_source, 1e-12)
    rest_target = max(1 - share_target @ share_target, 1e-12)

    shrunk = (1 - alpha) / rest_source
    if alpha > 0:
        H_target = _gram(target, share_target)
        without_source = np.linalg.eigh(shrunk * H_source + alpha * H_target)
        without_target = np.linalg.eigh(
            (1 - alpha) * H_source + alpha / rest_target * H_target
        )
    else:
        # The two matrices differ only by a factor, so the eigenvectors are computed
        # only once.
        values, vectors = without_target = np.linalg.eigh(H_source)
        without_source = shrunk * values, vectors

    own, fitted = _inner_products(source, without_source, h, lambdas)
    removed = (shrunk * share_source)[:, np.newaxis]
    at_source = fitted / (1 - removed * own)

    own, fitted = _inner_products(target, without_target, h, lambdas)
    removed = (alpha / rest_target * share_target)[:, np.newaxis]
    at_target = (fitted - share_target[:, np.newaxis] * own) / rest_target
    at_target /= 1 - removed * own

    highest = 1 / alpha if alpha > 0 else None
    at_source = np.clip(at_source, 0.0, highest)
    at_target = np.clip(at_target, 0.0, highest)
    return (
        (1 - alpha) / 2 * (share_source @ at_source**2)
        + alpha / 2 * (share_target @ at_target**2)
        - share_target @ at_target
    )


def _gram(features, share):
    """Return the weighted mean of products of features, summed in float64."""
    gram = np.zeros((features.shape[1], features.shape[1]))
    share = share.astype(features.dtype, copy=False)
    for rows in chunks(features):
        part = features[rows]
        gram += (part * share[rows, np.newaxis]).T @ part
    return gram


def _inner_products(features, spectrum, h, lambdas):
    """Return x' C x and x' C h of every row x, C the inverse of H + lambda I.

    H is given by its eigenvalues and eigenvectors.
    """
    values, vectors = spectrum
    inverse = 1 / (np.maximum(values, 0.0)[:, np.newaxis] + lambdas)
    dtype = features.dtype
    axes = vectors.astype(dtype)
    to_fitted = (inverse * (vectors.T @ h)[:, np.newaxis]).astype(dtype)
    to_own = inverse.astype(dtype)
    own = np.empty((features.shape[0], lambdas.size))
    fitted = np.empty_like(own)
    for rows in chunks(features):
        rotated = features[rows] @ axes
        fitted[rows] = rotated @ to_fitted
        np.multiply(rotated, rotated, out=rotated)
        own[rows] = rotated @ to_own
    return own, fitted
