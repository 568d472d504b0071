"""Ratios relative to a mixture of both populations, and the map to plain ratios."""

from skweight.density_ratio._base import BaseDensityRatio
from skweight.density_ratio._kernels import (
    GaussianKernels,
    KernelBasis,
    choose_centers,
    plain_ratio,
)


class RelativeDensityRatio(BaseDensityRatio):
    """Base class of estimators of a ratio relative to a mixture of both populations.

    A subclass has the parameters ``alpha`` and ``back_transform`` and implements
    ``_relative(X)``, which returns the relative ratio of checked rows.
    """

    def relative_ratio(self, X):
        """Return the ratio relative to the mixture of both populations.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows whose ratio is computed.

        Returns
        -------
        ratio : ndarray of shape (n_samples,)
            The relative ratio, which is at most ``1 / alpha``. If ``alpha`` is 0, it is
            the plain ratio.
        """
        return self._relative(self._check_rows(X))

    def plain_ratio(self, X):
        """Return p_target / p_source, mapped back from the relative ratio.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows whose ratio is computed.

        Returns
        -------
        ratio : ndarray of shape (n_samples,)
            The plain ratio, for any ``alpha`` and ``back_transform``.
        """
        return plain_ratio(self._relative(self._check_rows(X)), self.alpha)

    def _renew(self, target, rng):
        # A sum of kernels is too large at a row that is the centre of a kernel.
        # Therefore a held-out row must not be a centre. Otherwise, its score would be
        # too good.
        kernels = self._basis.kernels
        centers = target.X[choose_centers(target, self.n_centers, rng)]
        kernels = GaussianKernels(centers, kernels.mean, kernels.scale)
        self._basis = KernelBasis(kernels, self.sigma_)

    def _ratio(self, X):
        relative = self._relative(X)
        return plain_ratio(relative, self.alpha) if self.back_transform else relative

    def _for_coverage(self, ratio):
        return ratio if self.back_transform else plain_ratio(ratio, self.alpha)

    def _relative(self, X):
        raise NotImplementedError(f"{type(self).__name__} must define _relative.")
