"""Compare the mean of new rows with the mean of old rows (reference), from sums.

If nothing has changed, new rows and rows of the reference come from the same
distribution. The cumulants of the difference of the two means can then be computed from
sums over all rows. The distribution of this difference is approximated by a gamma
distribution (Pearson's type III) with the right skewness. Tails of Student's t account
for the remaining kurtosis. Skewness and kurtosis matter, because the threshold of a
test that is repeated a thousand times is far out in a tail. If 1 % of the rows are
positive, a normal distribution gives several times too many alarms.

For very few rows, the approximation by gamma and t distributions fails. Cantelli's and
Markov's inequalities are then used. Both inequalities hold for every distribution, but
tests based on these inequalities have less power.
"""

from math import comb

import numpy as np
from scipy import special

# Sums of weight^a value^b for the fourth moment of weight (value - mean). The last axis
# of every array of sums holds first the number of rows, and then these sums.
POWERS = tuple((a, b) for a in (1, 2, 3, 4) for b in range(a + 1))
COLUMN = {power: 1 + i for i, power in enumerate(POWERS)}
_A = np.array([0, *(a for a, _ in POWERS)])
N_SUMS = 1 + len(POWERS)
# The approximation by gamma and t distributions is used only under two conditions.
# First, the skewness is at most the first limit. Second, the kurtosis minus the
# kurtosis of the gamma distribution is at most the second limit.
MOST_SKEWNESS = 2.0
MOST_KURTOSIS = 1.0
# Limits for skewness and kurtosis. Below both limits, the normal distribution is used.
NO_SKEWNESS = 1e-3
NO_KURTOSIS = 1e-6


def sums_of(values, weight):
    """Return sums over rows of positive weight; sums of two sets of rows add up."""
    counted = weight > 0
    values, weight = np.asarray(values, dtype=np.float64)[counted], weight[counted]
    by_weight = weight ** np.arange(1, 5)[:, np.newaxis]
    by_value = values ** np.arange(5)[:, np.newaxis]
    products = by_weight @ by_value.T
    return np.array([values.size, *(products[a - 1, b] for a, b in POWERS)])


def mean_of(sums):
    """Return the weighted mean of the values from sums; NaN if there are no rows."""
    total, of_values = sums[..., COLUMN[1, 0]], sums[..., COLUMN[1, 1]]
    mean = np.full(total.shape, np.nan)
    return np.divide(of_values, total, out=mean, where=total > 0)


def _with_mean_weight_one(sums):
    """Return the sums with weights divided by their mean."""
    n, total = sums[..., 0], sums[..., COLUMN[1, 0]]
    factor = np.divide(n, total, out=np.ones_like(n), where=total > 0)
    return sums * factor[..., np.newaxis] ** _A


class Comparison:
    """Difference of the means of new rows and old rows (reference), and its cumulants.

    Parameters
    ----------
    reference : ndarray of shape (n_figures, N_SUMS)
        Sums over the reference rows.
    window : ndarray of shape (..., n_figures, N_SUMS)
        Sums over the new rows, as returned by `sums_of`.
    step : ndarray of shape (n_figures,)
        Smallest step of the sum of values: 1 for counts, 0 for continuous values.
    tolerance : ndarray of shape (n_figures,)
        Change of the mean that is ignored.
    inflation : float
        Factor by which the variance of the mean of the reference is multiplied.

    Attributes
    ----------
    difference, scale, skewness, kurtosis : ndarray of shape (..., n_figures)
        `difference` is the mean of the new rows minus the mean of the reference.
        `scale`, `skewness` and `kurtosis` are the standard deviation, skewness and
        excess kurtosis of this difference if nothing has changed.
    slack : ndarray of shape (..., n_figures)
        Part of `difference` that is ignored: `tolerance` plus half of `step`.
    evidence : ndarray of shape (..., n_figures)
        Twice the log of the likelihood ratio between a changed mean and an unchanged
        mean. The likelihood ratio uses a normal approximation and treats the mean of
        the reference as known.
    """

    def __init__(self, reference, window, *, step, tolerance, inflation=1.0):
        window = _with_mean_weight_one(window)
        reference = _with_mean_weight_one(np.broadcast_to(reference, window.shape))
        m, n = window[..., 0], reference[..., 0]
        self._counted = (m > 0) & (n > 0) & (m + n >= 4)
        m, n = np.where(self._counted, m, 1.0), np.where(self._counted, n, 1.0)
        self.difference = mean_of(window) - mean_of(reference)
        moments = _pooled_moments(window + reference)
        self._alike = moments[2] <= 1e-12 * np.maximum(
            window[..., COLUMN[2, 2]] + reference[..., COLUMN[2, 2]], 1e-300
        ) / (m + n)
        new, old = (
            _cumulants(moments, window + reference, part, rows)
            for part, rows in ((window, m), (reference, n))
        )
        usable = self._counted & ~self._alike
        # The common mean takes one degree of freedom.
        variance = np.where(
            usable, (new[2] + inflation * old[2]) * (m + n) / (m + n - 1), 1.0
        )
        self.scale = np.sqrt(variance)
        self.skewness = np.where(usable, (new[3] - old[3]) / variance**1.5, 0.0)
        self.kurtosis = np.where(
            usable, np.maximum((new[4] + old[4]) / variance**2, 0), 0.0
        )
        self.slack = step / 2 * (1 / m + 1 / n) + tolerance
        self._excess = np.maximum(np.abs(self.difference) - self.slack, 0)
        window_variance = np.where(usable & (new[2] > 0), new[2], 1.0)
        self.evidence = np.where(usable, self._excess**2 / window_variance, 0.0)

    def p_values(self):
        """Return the p-values of the differences.

        Two-sided; 1 if there is nothing to compare.
        """
        z = np.sign(self.difference) * self._excess / self.scale
        z = np.where(self._counted & ~self._alike, z, 0.0)
        heavy = self.kurtosis - 1.5 * self.skewness**2
        tails = [_upper_tail(sign * z, sign * self.skewness, heavy) for sign in (1, -1)]
        curve = 2 * np.minimum(*tails)
        bound = 2 * _inequality(np.abs(z), 3 + self.kurtosis)
        p = np.where(self._has_curve(), curve, bound)
        return np.where(z == 0, 1.0, np.minimum(p, 1.0))

    def bands(self, level):
        """Return (low, high); differences outside have p-values below a level."""
        heavy = self.kurtosis - 1.5 * self.skewness**2
        high, low = (
            np.where(
                self._has_curve(),
                _upper_quantile(level / 2, sign * self.skewness, heavy),
                _inequality_quantile(level / 2, 3 + self.kurtosis),
            )
            for sign in (1, -1)
        )
        nothing = np.where(self._counted, 0.0, np.nan)
        width = np.where(self._alike, 0.0, self.scale)
        return (
            nothing - width * low - self.slack,
            nothing + width * high + self.slack,
        )

    def _has_curve(self):
        heavy = self.kurtosis - 1.5 * self.skewness**2
        return (np.abs(self.skewness) <= MOST_SKEWNESS) & (heavy <= MOST_KURTOSIS)


def _pooled_moments(sums):
    """Return means of (weight (value - mean))^power over all rows, for each power."""
    n = np.maximum(sums[..., 0], 1)
    mean = np.nan_to_num(mean_of(sums))
    return {
        power: sum(
            comb(power, b) * (-mean) ** (power - b) * sums[..., COLUMN[power, b]]
            for b in range(power + 1)
        )
        / n
        for power in (2, 3, 4)
    }


def _cumulants(moments, pooled, part, n):
    """Return cumulants of the mean over some rows: new rows or old (reference) rows.

    If nothing has changed, the values of new rows and reference rows have the same
    distribution, but the weights may have different distributions. Therefore the
    moments are computed from all rows together, and then rescaled to the weights of one
    set of rows (new rows or reference rows).
    """
    by_weight = {}
    for power in (2, 3, 4):
        of_part = np.where(part[..., 0] > 0, part[..., COLUMN[power, 0]] / n, 1.0)
        of_all = pooled[..., COLUMN[power, 0]] / np.maximum(pooled[..., 0], 1)
        by_weight[power] = moments[power] * of_part / np.maximum(of_all, 1e-300)
    return {
        2: by_weight[2] / n,
        3: by_weight[3] / n**2,
        4: (by_weight[4] - 3 * by_weight[2] ** 2) / n**3,
    }


# -- tails of the distribution --------------------------------------------------


def _upper_tail(z, skewness, heavy):
    """Return P(Z > z) under the gamma distribution with tails of Student's t."""
    skewed = np.abs(skewness) > NO_SKEWNESS
    shape = 4 / np.where(skewed, skewness, 1.0) ** 2
    at = np.maximum(shape + np.sign(skewness) * np.sqrt(shape) * z, 0)
    gamma = np.where(
        skewness > 0, special.gammaincc(shape, at), special.gammainc(shape, at)
    )
    tail = np.where(skewed, gamma, special.ndtr(-z))
    peaked = heavy > NO_KURTOSIS
    degrees = 4 + 6 / np.where(peaked, heavy, 1.0)
    stretched = special.ndtri(tail) * np.sqrt(degrees / (degrees - 2))
    return np.where(peaked, special.stdtr(degrees, stretched), tail)


def _upper_quantile(level, skewness, heavy):
    """Return the z whose upper tail is the level."""
    peaked = heavy > NO_KURTOSIS
    degrees = 4 + 6 / np.where(peaked, heavy, 1.0)
    stretched = special.stdtrit(degrees, level) / np.sqrt(degrees / (degrees - 2))
    level = np.where(peaked, special.ndtr(stretched), level)
    skewed = np.abs(skewness) > NO_SKEWNESS
    shape = 4 / np.where(skewed, skewness, 1.0) ** 2
    at = np.where(
        skewness > 0,
        special.gammainccinv(shape, level),
        special.gammaincinv(shape, level),
    )
    gamma = np.sign(skewness) * (at - shape) / np.sqrt(shape)
    return np.where(skewed, gamma, -special.ndtri(level))


def _inequality(z, fourth):
    """Return an upper bound for a tail probability, valid for any distribution."""
    z = np.maximum(z, 1e-12)
    return np.minimum(1 / (1 + z**2), fourth / (2 * z**4))


def _inequality_quantile(level, fourth):
    return np.minimum(np.sqrt(1 / level - 1), (fourth / (2 * level)) ** 0.25)
