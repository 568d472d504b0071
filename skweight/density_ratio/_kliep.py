"""KLIEP: the density ratio by maximum likelihood, which is a convex problem."""

import numpy as np
from sklearn.model_selection import KFold

from skweight._utils.validation import check_number
from skweight.density_ratio._base import in_chunks, score_ratios
from skweight.density_ratio._kernels import (
    KernelBasis,
    all_distances,
    chunks,
    cv_results,
    kernel_setup,
    subsample,
    with_constant,
)
from skweight.density_ratio._mixture import fit_mixture
from skweight.density_ratio._relative import RelativeDensityRatio

# No wide kernels are tried, because a sum of wide kernels with non-negative
# coefficients is nearly constant.
_WIDTH_EXPONENTS = np.arange(-3, 3) / 2


class KLIEP(RelativeDensityRatio):
    r"""Fit the density ratio by maximum likelihood (KLIEP), with an exact optimum.

    The ratio is a sum of a constant and Gaussian kernels, with non-negative
    coefficients. The centres of the kernels are drawn from the target. The fitted ratio
    maximises the likelihood of the target:

    .. math::
        \max_{\theta \ge 0} \frac{1}{n_t} \sum_j \log \theta^\top \varphi(x_j^t)
        \quad \text{with} \quad \overline{\theta^\top \varphi} = 1
        \text{ in the denominator.}

    After scaling of the kernels, the objective is the likelihood of mixture
    proportions. The problem is convex, and sequential quadratic programming solves it
    in about ten steps. KLIEP is good for few dimensions and strong shifts. Above about
    five dimensions, a sum with non-negative coefficients is not flexible enough.

    Parameters
    ----------
    alpha : float, default=0.1
        Share of the target in the denominator of the relative ratio, in [0, 1). The
        relative ratio is at most ``1 / alpha``. A larger share makes the ratio flatter.
        0 is KLIEP as published. With 0.1, the relative ratio is at most 10, and the
        choice of the width is more stable. With 0, narrow kernels in regions without
        source rows are not penalised, and the ratio in these regions is very large.
    back_transform : bool, default=True
        Whether `ratio` maps the relative ratio back to the plain ratio.
    n_centers : int, default=200
        Number of kernels, at most the number of distinct target rows. More kernels fit
        finer detail. Most fitted coefficients are zero.
    sigmas : float or array-like, default=None
        Width of the kernels, or several candidates, in units of the standardised
        features. None tries six widths around the median distance between rows and
        centres.
    cv : int, default=None
        Number of folds of the likelihood cross-validation that chooses the width. None
        scores each width by approximate leave-one-out, to first order, over the rows of
        both samples. The approximation takes one fit instead of ``cv`` fits.
    standardize : bool, default=True
        Whether every column is divided by its standard deviation. In the standard
        deviation, source and target have a weight of one half each.
    tol : float, default=1e-08
        Largest violation of the optimality conditions of the final fit, in nats.
    max_selection_rows : int, default=2000
        Largest number of rows of each sample for the choice of the width; at least 10.
    max_fit_rows : int, default=10000
        Largest number of target rows in the final fit. If there are more target rows, a
        random sample is used. None uses all target rows; then the memory is
        proportional to the number of target rows times the number of centres. All
        source rows are always used.
    random_state : int, RandomState instance or None, default=None
        Seed of the centres, samples and folds.

    Attributes
    ----------
    sigma_ : float
        Chosen width of the kernels.
    coef_ : ndarray of shape (n_centers + 1,)
        Coefficients :math:`\theta`; the first belongs to the constant.
    cv_results_ : dict of ndarray
        Candidates and scores: ``"param_sigma"``, ``"mean_test_score"``,
        ``"rank_test_score"``.
    optimality_gap_ : float
        Upper bound of the difference between the mean log likelihood and its maximum.
    n_iter_ : int
        Number of steps of the final fit.
    report_ : RatioReport
        Diagnostics of the ratio for source and target. With ``alpha=0``, the method
        makes the mean ratio one, so ``missing_target_mass`` is NaN.
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
    ULSIF : Least squares in closed form; more accurate above a few dimensions.

    Notes
    -----
    For n rows, d features and b centres, the time is :math:`O(n b (d + b))`. The memory
    holds one chunk of source rows, and a matrix of `max_fit_rows` target rows by b
    centres.

    References
    ----------
    .. [1] M. Sugiyama, T. Suzuki, S. Nakajima, H. Kashima, P. von Bünau, M. Kawanabe,
       Direct importance estimation for covariate shift adaptation, Annals of the
       Institute of Statistical Mathematics 60, 2008, section 2.
    .. [2] Y. Kim, P. Carbonetto, M. Stephens, M. Anitescu, A fast algorithm for maximum
       likelihood estimation of mixture proportions using sequential quadratic
       programming, Journal of Computational and Graphical Statistics 29, 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.density_ratio import KLIEP
    >>> rng = np.random.default_rng(0)
    >>> X_source, X_target = rng.normal(size=(500, 1)), rng.normal(0.5, size=(500, 1))
    >>> model = KLIEP(random_state=0).fit(X_source, X_target)
    >>> model.optimality_gap_ < 1e-7
    True
    """

    def __init__(
        self,
        alpha=0.1,
        *,
        back_transform=True,
        n_centers=200,
        sigmas=None,
        cv=None,
        standardize=True,
        tol=1e-8,
        max_selection_rows=2000,
        max_fit_rows=10_000,
        random_state=None,
    ):
        self.alpha = alpha
        self.back_transform = back_transform
        self.n_centers = n_centers
        self.sigmas = sigmas
        self.cv = cv
        self.standardize = standardize
        self.tol = tol
        self.max_selection_rows = max_selection_rows
        self.max_fit_rows = max_fit_rows
        self.random_state = random_state

    @property
    def _mean_is_fixed(self):
        return self.alpha == 0

    def _fit(self, source, target, rng):
        check_number(self.alpha, name="alpha", low=0, high=1, include="left")
        kernels, widths, samples, distances = kernel_setup(
            self, source, target, rng, _WIDTH_EXPONENTS
        )
        shares = [sample.shares() for sample in samples]
        splits = self._splits(samples, rng)
        is_center = distances[1].min(axis=1) < 1e-9
        scores, starts, start = [], [], None
        for sigma in widths:
            tables = [
                with_constant(kernels.kernels(D, sigma, np.float32)) for D in distances
            ]
            if splits is None:
                score, start = leave_one_out_score(
                    *tables, *shares, alpha=self.alpha, is_center=is_center, start=start
                )
            else:
                score = np.mean(
                    [self._held_out(tables, shares, *split) for split in splits]
                )
            scores.append(score)
            starts.append(start)
        best = int(np.argmax(scores))
        self.sigma_ = float(widths[best])
        self.cv_results_ = cv_results(np.array(scores), sigma=widths)

        self._basis = KernelBasis(kernels, self.sigma_)
        self._proportions = starts[best]
        self._refit(source, target, rng)

    def _renew(self, target, rng):
        super()._renew(target, rng)
        self._proportions = None  # those of other centres

    def _refit(self, source, target, rng):
        """Fit on new rows, with the width that an earlier fit has chosen."""
        kernels = self._basis.kernels.for_rows(source, target)
        self._basis = KernelBasis(kernels, self.sigma_)
        mean = np.zeros(self._basis.size)
        for rows in chunks(source.X):
            features = self._basis.quick_features(source.X[rows])
            mean += source.share_of(rows).astype(features.dtype) @ features
        target = subsample(target, self.max_fit_rows or target.n, rng)
        distances = all_distances(kernels, target.X)
        at_target = with_constant(kernels.kernels(distances, self.sigma_, np.float64))
        share = target.shares()
        unit = mixture_unit(mean, share @ at_target, self.alpha)
        A = at_target
        A *= unit
        fitted = fit_mixture(A, share, start=self._proportions, tol=self.tol)
        self._proportions = fitted.proportions
        self.coef_ = fitted.proportions * unit
        self.n_iter_ = fitted.n_iter
        self.optimality_gap_ = fitted.gap

    def _splits(self, samples, rng):
        if self.cv is None:
            return None
        check_number(self.cv, name="cv", low=2)
        folds = KFold(self.cv, shuffle=True, random_state=rng.randint(2**31 - 1))
        return list(
            zip(*(folds.split(np.empty(one.n)) for one in samples), strict=True)
        )

    def _held_out(self, tables, shares, source_rows, target_rows):
        """Return the score of one fold of held-out source and target rows."""
        (train, test), (train_t, test_t) = source_rows, target_rows
        at_source, at_target = tables
        share, share_t = (
            one[rows] / one[rows].sum()
            for one, rows in zip(shares, (train, train_t), strict=True)
        )
        unit = mixture_unit(
            share @ at_source[train], share_t @ at_target[train_t], self.alpha
        )
        A = at_target[train_t] * unit.astype(at_target.dtype)
        coef = fit_mixture(A, share_t, tol=self.tol).proportions * unit
        held_source, held_target = at_source[test] @ coef, at_target[test_t] @ coef
        at_denominator = np.concatenate([held_source, held_target])
        weights = np.concatenate(
            [
                (1 - self.alpha) * shares[0][test] / shares[0][test].sum(),
                self.alpha * shares[1][test_t] / shares[1][test_t].sum(),
            ]
        )
        return score_ratios(
            at_denominator, held_target, weights, shares[1][test_t], "ukl"
        )

    def _relative(self, X):
        return in_chunks(X, self._basis.combination(self.coef_))


def mixture_unit(mean_source, mean_target, alpha):
    """Return the factors that give each basis function the mean one in the denominator.

    If a basis function is zero for all source rows, it would make the likelihood
    infinite. Therefore its factor is zero.
    """
    mean = (1 - alpha) * mean_source + alpha * mean_target
    seen = mean > 1e-12
    return np.divide(1.0, mean, out=np.zeros_like(mean), where=seen)


def leave_one_out_score(
    source,
    target,
    share_source,
    share_target,
    *,
    is_center,
    alpha,
    start=None,
    tol=1e-5,
):
    r"""Return the first-order leave-one-out likelihood, and the proportions.

    If a target row is left out of the fit, its likelihood is multiplied by one minus
    its leverage. If a source row is left out, the normalising constant changes. Both
    effects follow from the Hessian at the optimum, so one fit for each width is enough:

    .. math::
        \sum_j g_j (\log r_j + \log(1 - \ell_j))
        - \frac{\mathrm{tr}(H^{-1} H_s) - 1}{n_s - 1}

    where the first sum is over target rows that are not centres.
    """
    unit = mixture_unit(share_source @ source, share_target @ target, alpha)
    unit = unit.astype(target.dtype)
    A = target * unit
    fitted = fit_mixture(A, share_target, start=start, tol=tol)
    support = np.flatnonzero(fitted.proportions > 1e-10)
    own = A[:, support].astype(np.float64)
    likelihood = own @ fitted.proportions[support]
    U = own / likelihood[:, np.newaxis]
    H = (U * share_target[:, np.newaxis]).T @ U
    H[np.diag_indices_from(H)] *= 1 + 1e-10
    inverse = np.linalg.inv(H)
    leverage = share_target * np.einsum("ij,jk,ik->i", U, inverse, U, optimize=True)
    leverage = np.clip(leverage, 0.0, 1 - 1e-6)
    own = (source[:, support] * unit[support]).astype(np.float64)
    products = (own * share_source[:, np.newaxis]).T @ own
    share = float(share_source @ share_source)
    # If one row has nearly the whole share, the shares of the other rows are zero up to
    # rounding.
    rest = max(1 - share, np.finfo(np.float64).eps)
    penalty = (np.sum(inverse * products) - 1) * share / rest
    # A row that is the centre of a kernel is fitted too closely, so it cannot be used
    # in the score.
    judged = share_target * ~is_center
    if not judged.any():
        judged = share_target
    score = judged @ (np.log(likelihood) + np.log1p(-leverage)) / judged.sum()
    return float(score - (1 - alpha) * penalty), fitted.proportions
