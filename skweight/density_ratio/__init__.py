"""Estimate the ratio p_target / p_source of two densities, from one sample of each.

You can use a density-ratio estimator alone: call ``fit(X_source, X_target)``, then
``ratio(X)`` for any rows. The weighting strategies for covariate shift use
density-ratio estimators.
"""

from typing import TYPE_CHECKING

from skweight._utils.lazy import import_on_use

if TYPE_CHECKING:
    from skweight.density_ratio._base import BaseDensityRatio
    from skweight.density_ratio._classifier import ClassifierRatio
    from skweight.density_ratio._kliep import KLIEP
    from skweight.density_ratio._kmm import KMM
    from skweight.density_ratio._logistic import KernelLogisticRatio
    from skweight.density_ratio._search import DensityRatioSearch
    from skweight.density_ratio._statistics import KernelStatistics
    from skweight.density_ratio._ulsif import ULSIF
else:
    __getattr__, __dir__ = import_on_use(
        __name__,
        {
            "_base": ["BaseDensityRatio"],
            "_classifier": ["ClassifierRatio"],
            "_kliep": ["KLIEP"],
            "_kmm": ["KMM"],
            "_logistic": ["KernelLogisticRatio"],
            "_search": ["DensityRatioSearch"],
            "_statistics": ["KernelStatistics"],
            "_ulsif": ["ULSIF"],
        },
    )


__all__ = [  # noqa: RUF022, in the sort order of the tests
    "BaseDensityRatio",
    "ClassifierRatio",
    "DensityRatioSearch",
    "KLIEP",
    "KMM",
    "KernelLogisticRatio",
    "KernelStatistics",
    "ULSIF",
]
