"""The base class of density-ratio estimators: fit, held-out score and diagnostics."""

from contextlib import ExitStack, contextmanager
from copy import copy
from functools import cache
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import ThreadpoolController

from skweight._utils.compat import Documented
from skweight._utils.validation import check_choice, n_rows
from skweight._utils.warn import warn
from skweight.density_ratio._kernels import chunks, subsample
from skweight.density_ratio._tables import (
    check_pair,
    check_same_columns,
    column_names,
    numbers,
    plain_table,
    rows_that_count,
    width,
)
from skweight.exceptions import DegenerateWeightsWarning, OverlapWarning
from skweight.weights import effective_sample_size, pareto_diagnostics

# The statistics of a fit are computed from at most this many source rows.
_REPORT_ROWS = 10_000

# A fit warns if the mean ratio over the source is at most one minus this value. A test
# shows that the mean ratio of every method differs from one by less than .2, if the
# source covers the whole target and has some hundreds of rows.
_MISSING_MASS = 0.3
LARGEST_MEAN = 2.0
_SMALLEST_SHARE = 0.02
_UNEVEN_SHARE = 0.2

SCORES = ("log_loss", "ukl", "lsif")


class RatioReport(NamedTuple):
    """Diagnostics of a density ratio that was fitted to source and target rows.

    Parameters
    ----------
    mean_ratio : float
        Mean of the ratio over the source rows, before any normalisation. This mean
        estimates the share of the target in regions with source rows.
    missing_target_mass : float
        One minus ``mean_ratio``. It estimates the share of the target in regions
        without source rows. NaN for estimators whose mean ratio is always one.
    effective_sample_size : float
        Kish's effective number of source rows, with the ratio as an additional weight.
    effective_share : float
        ``effective_sample_size`` divided by the effective number of source rows without
        the ratio.
    largest_share : float
        Largest weight of a single row, divided by the sum of all weights.
    khat : float
        Shape of the tail of the ratio; NaN if there is no tail.
    verdict : str
        Verdict of :func:`skweight.weights.pareto_diagnostics` about the ratio.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.density_ratio import ULSIF
    >>> rng = np.random.default_rng(0)
    >>> X_source, X_target = rng.normal(size=(500, 2)), rng.normal(0.5, size=(500, 2))
    >>> report = ULSIF(random_state=0).fit(X_source, X_target).report_
    >>> 0.4 < report.effective_share < 0.9
    True
    """

    mean_ratio: float
    missing_target_mass: float
    effective_sample_size: float
    effective_share: float
    largest_share: float
    khat: float
    verdict: str


class BaseDensityRatio(Documented, BaseEstimator):
    """Base class of estimators of the ratio p_target / p_source.

    A subclass implements ``_fit(source, target, rng)`` and ``_ratio(X)``. Both methods
    get checked data. ``_fit`` may return out-of-fold ratios of the source rows. For an
    example, see the code of :class:`ULSIF`.

    Examples
    --------
    >>> from skweight.density_ratio import BaseDensityRatio, ULSIF
    >>> issubclass(ULSIF, BaseDensityRatio)
    True
    """

    # Whether tables must be numeric without missing values. If False, the classifier
    # checks the tables.
    _numeric = True
    # Libraries that must use one thread during a fit.
    _one_thread = ("blas",)
    # Whether the method makes the mean ratio equal to one. In this case, the mean ratio
    # does not show whether the source covers the target.
    _mean_is_fixed = False
    # A function of source, target and rng, or None. The function fits the ratio to new
    # rows, with the parameters that an earlier fit has chosen. `_refit` is None if the
    # method is not faster with known parameters.
    _refit = None

    def fit(
        self,
        X_source,
        X_target,
        sample_weight_source=None,
        sample_weight_target=None,
    ):
        """Learn the ratio of two densities from a sample of each population.

        Parameters
        ----------
        X_source : array-like of shape (n_source, n_features)
            Rows of the training population, whose density is the denominator.
        X_target : array-like of shape (n_target, n_features)
            Rows of the population of interest, whose density is the numerator.
        sample_weight_source : array-like of shape (n_source,), default=None
            How many rows of the source population each row stands for.
        sample_weight_target : array-like of shape (n_target,), default=None
            How many rows of the target population each row stands for.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        source, out_of_fold = self._learn(
            X_source, X_target, sample_weight_source, sample_weight_target
        )
        if out_of_fold is not None:
            self._report(out_of_fold, source, source)
        else:
            seen = subsample(source, _REPORT_ROWS, check_random_state(0))
            self._report(self._ratio(seen.X), seen, source)
        return self

    def fit_ratio(
        self,
        X_source,
        X_target,
        sample_weight_source=None,
        sample_weight_target=None,
    ):
        """Learn the ratio, and return the ratio of the source rows.

        The result equals ``fit(...).ratio(X_source)``, unless the estimator documents a
        difference.

        Parameters
        ----------
        X_source : array-like of shape (n_source, n_features)
            Rows of the training population, whose density is the denominator.
        X_target : array-like of shape (n_target, n_features)
            Rows of the population of interest, whose density is the numerator.
        sample_weight_source : array-like of shape (n_source,), default=None
            How many rows of the source population each row stands for.
        sample_weight_target : array-like of shape (n_target,), default=None
            How many rows of the target population each row stands for.

        Returns
        -------
        ratio : ndarray of shape (n_source,)
            Estimate of p_target / p_source, not normalised.
        """
        source, counted = self._learn(
            X_source, X_target, sample_weight_source, sample_weight_target
        )
        if counted is None:
            counted = self._ratio(source.X)
        self._report(counted, source, source)
        if source.n == n_rows(X_source):
            return counted
        # The fit does not use rows of weight zero, but these rows also get a ratio.
        ratio = self.ratio(X_source)
        weight = np.asarray(sample_weight_source, dtype=np.float64)
        ratio[rows_that_count(weight)[0]] = counted
        return ratio

    def ratio(self, X):
        """Return the estimated ratio of any rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows whose ratio is computed.

        Returns
        -------
        ratio : ndarray of shape (n_samples,)
            Estimate of p_target / p_source, 0 or more.
        """
        return self._ratio(self._check_rows(X))

    def score(
        self,
        X_source,
        X_target,
        sample_weight_source=None,
        sample_weight_target=None,
        *,
        scoring="log_loss",
    ):
        r"""Return how well the ratio fits held-out rows.

        Greater is better. With :math:`w` the ratio,

        .. math::
            \text{log\_loss}: \tfrac12 \overline{\log \tfrac{1}{1 + w}}_{source}
            + \tfrac12 \overline{\log \tfrac{w}{1 + w}}_{target}, \quad
            \text{ukl}: \overline{\log w}_{target} - \overline{w}_{source}, \quad
            \text{lsif}: \overline{w}_{target} - \tfrac12 \overline{w^2}_{source}

        Parameters
        ----------
        X_source : array-like of shape (n_source, n_features)
            Held-out rows of the source.
        X_target : array-like of shape (n_target, n_features)
            Held-out rows of the target.
        sample_weight_source : array-like of shape (n_source,), default=None
            How many rows of the source population each row stands for.
        sample_weight_target : array-like of shape (n_target,), default=None
            How many rows of the target population each row stands for.
        scoring : {"log_loss", "ukl", "lsif"}, default="log_loss"
            Name of the score.

        Returns
        -------
        score : float
            The mean score of the held-out rows: higher is better. The expectation is
            highest for the true ratio.
        """
        check_choice(scoring, SCORES, name="scoring")
        return score_ratios(
            self.ratio(X_source),
            self.ratio(X_target),
            sample_weight_source,
            sample_weight_target,
            scoring,
        )

    def _refitted(self, source, target):
        """Return a copy that is fitted on new rows, with the parameters of this fit."""
        other = copy(self)
        owner = type(self).__name__
        samples = [
            sample._replace(X=numbers(sample.X, owner=owner, name="X"))
            for sample in (source, target)
        ]
        with one_thread(*self._one_thread):
            rng = check_random_state(self.random_state)
            other._renew(samples[1], rng)
            other._refit(*samples, rng)
        return other

    def _renew(self, target, rng):
        """Repeat random draws, so that they depend only on the rows of the new fit."""

    # -- for subclasses ----------------------------------------------------------------

    def _check_rows(self, X):
        check_is_fitted(self, "n_features_in_")
        check_same_columns(
            X,
            self._columns,
            self.n_features_in_,
            name="X",
            reference="the tables of fit",
        )
        if self._numeric:
            return numbers(X, owner=type(self).__name__, name="X")
        return plain_table(X)

    def _learn(self, X_source, X_target, weight_source, weight_target):
        owner = type(self).__name__
        source, target = check_pair(
            X_source,
            X_target,
            weight_source,
            weight_target,
            owner=owner,
            numeric=self._numeric,
        )
        self._columns = column_names(X_source)
        self.n_features_in_ = width(X_source, "X_source")
        rng = check_random_state(self.random_state)
        with one_thread(*self._one_thread):
            return source, self._fit(source, target, rng)

    def _for_coverage(self, ratio):
        """Return the ratio; its mean shows the missing share of the target."""
        return ratio

    def _report(self, ratio, seen, source):
        """Compute the statistics of the ratio, and warn if it cannot be trusted."""
        name = type(self).__name__
        share = seen.shares()
        mean = float(self._for_coverage(ratio) @ share)
        if not mean > 0:
            raise ValueError(
                f"{name}: no source row is similar to the target rows, so the ratio "
                "is zero on all source rows. No weights can make such a source "
                "represent the target. Check that both tables have the same features "
                "in the same units, or collect training rows that are similar to the "
                "target rows."
            )
        weights = ratio * share
        n_effective = effective_sample_size(weights)
        relative = n_effective / seen.n_effective
        tail = pareto_diagnostics(weights)
        missing = np.nan if self._mean_is_fixed else max(0.0, 1 - mean)
        self.report_ = RatioReport(
            mean_ratio=mean,
            missing_target_mass=missing,
            effective_sample_size=relative * source.n_effective,
            effective_share=relative,
            largest_share=float(weights.max() / weights.sum()),
            khat=tail.khat,
            verdict=tail.verdict,
        )
        if missing > _MISSING_MASS:
            warn(
                f"{name}: the source does not cover the target. The mean ratio over "
                f"the source should be 1, but is {mean:.2f}. About {missing:.0%} of "
                "the target therefore lies in regions without source rows, which no "
                "weights can represent. Collect source rows in these regions, or "
                "limit your conclusions to the rest of the target.",
                OverlapWarning,
            )
        elif mean > LARGEST_MEAN:
            warn(
                f"{name}: the mean ratio over the source should be 1, but is "
                f"{mean:.3g}. The result is therefore not a ratio of densities: the "
                "estimator is far too sure of some rows. Make the ratio smoother (a "
                "calibration such as 'sigmoid', larger leaves, more regularisation), "
                "or use DensityRatioSearch.",
                DegenerateWeightsWarning,
            )
        elif _few_look_like_target(self.report_):
            warn(
                f"{name}: few source rows are similar to the target rows. After "
                f"weighting, the effective sample size of {seen.n} rows is "
                f"{n_effective:.1f}. The largest row has "
                f"{self.report_.largest_share:.0%} of all weight, and {tail.reason}. "
                "Make the ratio flatter (exponent below 1, or a stabilizer), or "
                "collect rows that are similar to the target rows.",
                DegenerateWeightsWarning,
            )

    @classmethod
    def _instances(cls, labels):
        """Return instances on which the shared tests run, for classes ``labels``."""
        return [] if cls is BaseDensityRatio else [cls()]


def has_warned(report):
    """Return whether a fit that ended with this report has issued a warning."""
    missing, mean = report.missing_target_mass, report.mean_ratio
    far = missing > _MISSING_MASS or mean > LARGEST_MEAN
    return bool(far or _few_look_like_target(report))


def _few_look_like_target(report):
    relative = report.effective_share
    no_mean = report.khat >= 1 and relative < _UNEVEN_SHARE
    return relative < _SMALLEST_SHARE or no_mean


def score_rows(at_source, at_target, scoring):
    """Return the contribution of each held-out row to the score of a ratio."""
    # If a single row had the ratio zero, the score would be infinite.
    at_target = np.maximum(at_target, 1e-6)
    if scoring == "lsif":
        return -(at_source**2) / 2, at_target
    if scoring == "ukl":
        return -at_source, np.log(at_target)
    return -np.log1p(at_source) / 2, (np.log(at_target) - np.log1p(at_target)) / 2


def score_ratios(at_source, at_target, weight_source, weight_target, scoring):
    """Return the score of a ratio; see `BaseDensityRatio.score`."""
    rows = score_rows(at_source, at_target, scoring)
    weights = weight_source, weight_target
    return sum(
        float(np.average(one, weights=weight))
        for one, weight in zip(rows, weights, strict=True)
    )


def in_chunks(X, function):
    """Apply a function to each chunk of rows; return the values as a float64 vector."""
    result = np.empty(n_rows(X))
    with one_thread("blas"):
        for rows in chunks(X):
            result[rows] = function(X[rows])
    return result


@contextmanager
def one_thread(*libraries):
    """Keep numerical libraries to one thread.

    The matrix product of a chunk and a hundred centres is too small for several
    threads. On a busy machine, a fit with several threads was forty times slower,
    because threads waited for each other.
    """
    with ExitStack() as stack:
        for library in libraries:
            stack.enter_context(_controller().limit(limits=1, user_api=library))
        yield


@cache
def _controller():
    # The search for loaded libraries takes longer than some fits, so the search runs
    # once.
    return ThreadpoolController()
