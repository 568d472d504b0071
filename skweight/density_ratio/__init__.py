"""Ratios of two densities, p_target / p_source, from a sample of each.

These estimators can be used alone: call ``fit(X_source, X_target)``, then ``ratio(X)``
for any rows. The weighting strategies for covariate shift use these estimators.
"""

from skweight.density_ratio._base import BaseDensityRatio
from skweight.density_ratio._classifier import ClassifierRatio
from skweight.density_ratio._kliep import KLIEP
from skweight.density_ratio._kmm import KMM
from skweight.density_ratio._logistic import KernelLogisticRatio
from skweight.density_ratio._search import DensityRatioSearch
from skweight.density_ratio._statistics import KernelStatistics
from skweight.density_ratio._ulsif import ULSIF

__all__ = [  # noqa: RUF022, in the order that the tests sort in
    "BaseDensityRatio",
    "ClassifierRatio",
    "DensityRatioSearch",
    "KLIEP",
    "KMM",
    "KernelLogisticRatio",
    "KernelStatistics",
    "ULSIF",
]
