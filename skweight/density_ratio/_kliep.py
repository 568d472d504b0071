"""KLIEP: the density ratio of largest likelihood, as a convex problem."""

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

# A sum of wide kernels that may not cancel is nearly constant, so none are tried.
_WIDTH_EXPONENTS = np.arange(-3, 3) / 2


class KLIEP(RelativeDensityRatio):
    r"""Fit the density ratio by largest likelihood (KLIEP), to the optimum.

    The ratio is a non-negative combination of a constant and of Gaussian kernels on
    centres drawn from the target. It maximises the likelihood of the target:

    .. math::
        \max_{\theta \ge 0} \frac{1}{n_t} \sum_j \log \theta^\top \varphi(x_j^t)
        \quad \text{with} \quad \overline{\theta^\top \varphi} = 1
        \text{ in the denominator.}

    Scaled kernels make this the likelihood of mixture proportions, a convex problem
    that sequential quadratic programming solves in about ten steps. The strength of
    KLIEP is few dimensions and strong shifts; above five or so the non-negative sum is
    too stiff.

    Parameters
    ----------
    alpha : float, default=0.1
        How much the ratio is bounded: 0 is KLIEP as published, 0.1 bounds the relative
        ratio by ``1 / alpha = 10`` and steadies the choice of the width. Raising it
        flattens more. It is the share of the target in the denominator, in [0, 1). At
        0, narrow kernels where the source has no row cost nothing, and the ratio
        explodes there.
    back_transform : bool, default=True
        Whether `ratio` maps the relative ratio back to the plain one.
    n_centers : int, default=200
        Number of kernels, at most the number of distinct target rows. Raising it
        follows finer detail; most coefficients are zero in the end.
    sigmas : float or array-like, default=None
        Width of the kernels, or several to choose from, in units of the standardised
        features. None tries six around the median distance of rows to centres.
    cv : int, default=None
        Folds of the likelihood cross-validation that chooses the width. None scores
        each width by leaving out single rows of both samples to first order, at the
        cost of one fit instead of ``cv``.
    standardize : bool, default=True
        Whether every column is divided by its standard deviation, in which source and
        target count half each.
    tol : float, default=1e-08
        Largest violation of the optimality conditions of the final fit, in nats.
    max_selection_rows : int, default=2000
        Rows of each sample to choose the width on; at least 10.
    max_fit_rows : int, default=10000
        Rows of the target in the final fit, a random sample where there are more; None
        takes all, and memory for all of them times the centres. The source always
        counts in full.
    random_state : int, RandomState instance or None, default=None
        Seed of the centres, samples and folds.

    Attributes
    ----------
    sigma_ : float
        Chosen width.
    coef_ : ndarray of shape (n_centers + 1,)
        Coefficients :math:`\theta`; the first belongs to the constant.
    cv_results_ : dict of ndarray
        ``"param_sigma"``, ``"mean_test_score"``, ``"rank_test_score"``.
    optimality_gap_ : float
        How far the mean log likelihood can be from its maximum.
    n_iter_ : int
        Steps of the final fit.
    report_ : RatioReport
        What the ratio says about source and target. With ``alpha=0`` the mean ratio is
        one by construction, and the missing mass NaN.
    n_features_in_ : int
        Number of features.

    Raises
    ------
    ValueError
        If the tables do not fit together, have non-numeric columns or gaps, or all
        features are constant.

    Warns
    -----
    OverlapWarning
        If a large share of the target lies where the source has no rows.
    DegenerateWeightsWarning
        If few source rows carry nearly all of the ratio.

    See Also
    --------
    ULSIF : Closed form, and more accurate in more than a few dimensions.

    Notes
    -----
    :math:`O(n b (d + b))` time with b centres; memory for a chunk of source rows and
    `max_fit_rows` target rows times the centres.

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
        """Fit on other rows, with the width of this fit."""
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
        """Return the score of one fold, both samples held out."""
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
    """Return what makes the mean of each basis function one in the denominator.

    Basis functions that no source row sees, which would make the likelihood infinite,
    get zero.
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
    r"""Return the likelihood with rows left out, to first order, and the proportions.

    Leaving out a target row lowers its own likelihood by a factor one minus its
    leverage; leaving out a source row moves the normalising constant. Both follow from
    the Hessian at the optimum, so one fit for each width is enough:

    .. math::
        \sum_j g_j (\log r_j + \log(1 - \ell_j))
        - \frac{\mathrm{tr}(H^{-1} H_s) - 1}{n_s - 1}

    over target rows that are not centres.
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
    # One row may have the whole share, but for what rounding leaves of the others.
    rest = max(1 - share, np.finfo(np.float64).eps)
    penalty = (np.sum(inverse * products) - 1) * share / rest
    # The kernel of a centre looks at its own row too closely to judge it.
    judged = share_target * ~is_center
    if not judged.any():
        judged = share_target
    score = judged @ (np.log(likelihood) + np.log1p(-leverage)) / judged.sum()
    return float(score - (1 - alpha) * penalty), fitted.proportions
