"""Kernel mean matching: weights that make two kernel means equal."""

import numpy as np

from skweight._utils.validation import check_number
from skweight.density_ratio._base import BaseDensityRatio, in_chunks
from skweight.density_ratio._kernels import (
    GaussianKernels,
    all_distances,
    scale_columns,
    subsample,
    width_grid,
)

_MAX_ITER = 5000


class KMM(BaseDensityRatio):
    r"""Match the kernel means of source and target (kernel mean matching).

    The weights of the source rows are chosen such that every smooth function has about
    the same mean over the weighted source as over the target:

    .. math::
        \min_w \tfrac12 w^\top K w - \kappa^\top w + \tfrac{\lambda}{2} \|w - 1\|^2
        \quad \text{with} \quad 0 \le w_i \le B,

    where :math:`\kappa` holds, for each source row, the mean of its kernels with the
    target rows. If all rows have equal weights, :math:`K` is the kernel matrix of the
    source rows, divided by their number. Use KMM only for small data, because its time
    and memory grow with the square of the number of source rows. The ridge pulls the
    weights towards one. Without a ridge, only a few rows get weights, and these weights
    are very large. Published implementations have no ridge. On all problems that we
    tried, the weights without a ridge were worse than no weights.

    Parameters
    ----------
    ridge : float, default=0.01
        The :math:`\lambda` of the formula, in (0, inf). A larger ridge makes the
        weights more equal. On eleven problems, the default gave better weights than 0.1
        and than :math:`1/\sqrt{n}`.
    bound : float, default=50.0
        Largest weight B, at least 1.
    sigma : float, default=None
        Width of the kernels, in units of the standardised features. None means half of
        the median distance between rows.
    standardize : bool, default=True
        Whether every column is divided by its standard deviation first.
    max_rows : int, default=4000
        Largest number of source rows. If there are more rows, the fit raises an error
        that states the required memory. If you have this memory, raise `max_rows`.
    max_target_rows : int, default=20000
        Largest number of target rows for the kernel mean. If there are more rows, a
        random sample is used.
    random_state : int, RandomState instance or None, default=None
        Seed of the random sample.

    Attributes
    ----------
    weights_ : ndarray of shape (n_source,)
        The weights w that solve the problem, for the source rows with positive
        ``sample_weight_source``.
    sigma_ : float
        Width of the kernels.
    n_iter_ : int
        Number of gradient steps taken.
    report_ : RatioReport
        Diagnostics of the ratio for source and target.
    n_features_in_ : int
        Number of features.

    Raises
    ------
    ValueError
        If the source has more than `max_rows` rows, or the two tables do not match.

    See Also
    --------
    ULSIF : Closed form; the time is proportional to the number of rows.

    Notes
    -----
    Kernel mean matching takes :math:`O(n^2 d)` time and :math:`8 n^2` bytes. The ratio
    :math:`w(x)` of any row follows from the optimality conditions of the problem. For a
    source row, :math:`w(x)` is its weight:

    .. math::
        w(x) = \min\Bigl(B, \max\Bigl(0, 1 + \frac1\lambda \bigl(\kappa(x) -
        \textstyle\sum_i s_i w_i k(x, x_i)\bigr)\Bigr)\Bigr).

    References
    ----------
    .. [1] J. Huang, A. Smola, A. Gretton, K. Borgwardt, B. Schölkopf, Correcting sample
       selection bias by unlabeled data, NIPS 19, 2007, equation 5.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.density_ratio import KMM
    >>> rng = np.random.default_rng(0)
    >>> X_source, X_target = rng.normal(size=(200, 1)), rng.normal(0.5, size=(200, 1))
    >>> ratio = KMM().fit_ratio(X_source, X_target)
    >>> bool(ratio[X_source[:, 0] > 1].mean() > ratio[X_source[:, 0] < -1].mean())
    True
    """

    def __init__(
        self,
        *,
        ridge=0.01,
        bound=50.0,
        sigma=None,
        standardize=True,
        max_rows=4000,
        max_target_rows=20_000,
        random_state=None,
    ):
        self.ridge = ridge
        self.bound = bound
        self.sigma = sigma
        self.standardize = standardize
        self.max_rows = max_rows
        self.max_target_rows = max_target_rows
        self.random_state = random_state

    def _fit(self, source, target, rng):
        check_number(self.bound, name="bound", low=1)
        n = source.n
        if n > self.max_rows:
            raise ValueError(
                "KMM is for small data, because its time and memory grow with the "
                f"square of the number of source rows. {n:,} rows need "
                f"{8 * n * n / 2**30:,.1f} GiB, and max_rows is {self.max_rows:,}. "
                "Use ULSIF or DensityRatioSearch, whose cost is linear, or raise "
                "max_rows."
            )
        mean, scale = scale_columns(source, target, standardize=self.standardize)
        target = subsample(target, self.max_target_rows, rng)
        self._source = GaussianKernels(source.X, mean, scale)
        self._target = GaussianKernels(target.X, mean, scale)
        share = source.shares()
        distances = all_distances(self._source, source.X)
        if self.sigma is not None:
            check_number(self.sigma, name="sigma", low=0, include="neither")
        widths = width_grid(self.sigma, [distances], [share], np.array([-1.0]))
        self.sigma_ = float(widths[0])
        check_number(self.ridge, name="ridge", low=0, include="neither")
        K = self._source.kernels(distances, self.sigma_)
        self._target_share = target.shares()
        kappa = in_chunks(source.X, self._target_mean)
        # Every sum over rows is weighted by their shares, so a row of weight two counts
        # as two rows.
        root = np.sqrt(share)
        K *= root[:, np.newaxis]
        K *= root
        self.weights_, self.n_iter_ = _box_minimum(
            K, root * kappa + self.ridge * root, self.ridge, root * self.bound
        )
        self.weights_ = self.weights_ / root
        self._source_share = share

    def _target_mean(self, rows):
        K = self._target.kernels(self._target.sq_distances(rows), self.sigma_)
        return K @ self._target_share

    def _ratio(self, X):
        weighted = self._source_share * self.weights_

        def ratio(rows):
            K = self._source.kernels(self._source.sq_distances(rows), self.sigma_)
            return 1 + (self._target_mean(rows) - K @ weighted) / self.ridge

        return np.clip(in_chunks(X, ratio), 0.0, self.bound)


def _box_minimum(K, c, ridge, upper, *, tol=1e-12):
    """Return the minimum of u' (K + ridge I) u / 2 - c' u over 0 <= u <= upper.

    The method is accelerated projected gradients. It restarts if the inner product of a
    step and the gradient is positive. The ridge makes the convergence linear.
    """
    # The largest eigenvalue is not larger than the trace, and the trace is one. A few
    # power steps give a better bound.
    v = np.full(c.size, 1 / np.sqrt(c.size))
    for _ in range(10):
        v = K @ v
        largest = np.linalg.norm(v)
        v /= largest
    step = 1 / (1.05 * largest + ridge)
    u = np.minimum(upper, np.maximum(0.0, c / (largest + ridge)))
    ahead, momentum = u, 1.0
    n_iter = 0
    while n_iter < _MAX_ITER:
        n_iter += 1
        gradient = K @ ahead + ridge * ahead - c
        new = np.clip(ahead - step * gradient, 0.0, upper)
        change = new - u
        if (ahead - new) @ change > 0:
            momentum = 1.0
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = new + (momentum - 1) / following * change
        u, momentum = new, following
        if np.abs(change).max() <= tol * np.abs(u).max():
            break
    return u, n_iter
