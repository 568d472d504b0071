"""Standard errors and intervals of cross-validated scores, and adjusted p-values."""

import numpy as np
from scipy import stats


def corrected_standard_error(values, test_over_train):
    r"""Return the mean over the splits, the standard error, and the number of splits.

    The splits of a cross-validation share most of their training rows. The values of
    the splits are therefore not independent, and ``std / sqrt(n)`` is too small. Nadeau
    and Bengio (2003, section 3.2) correct the standard error with the ratio of test to
    training rows:

    .. math:: \left(\frac{1}{J} + \frac{n_{test}}{n_{train}}\right) s^2
    """
    values = np.asarray(values, dtype=np.float64)
    values = values[~np.isnan(values)]
    if values.size == 0:
        return np.nan, np.nan, 0
    mean = float(values.mean())
    if values.size == 1:
        return mean, np.nan, 1
    # If the true class of a row had probability zero, the log loss is infinite. The
    # standard deviation of infinite values is not defined.
    with np.errstate(invalid="ignore"):
        variance = (1 / values.size + test_over_train) * values.var(ddof=1)
    return mean, float(np.sqrt(variance)), values.size


def t_interval(mean, error, n_values, confidence):
    """Return both ends of a confidence interval from Student's t distribution."""
    if n_values < 2 or not np.isfinite(error):
        return np.nan, np.nan
    half = error * stats.t.ppf((1 + confidence) / 2, n_values - 1)
    return mean - half, mean + half


def t_p_value(mean, error, n_values):
    """Return the two-sided p-value of a mean of zero."""
    if n_values < 2 or not np.isfinite(error):
        return np.nan
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stats.t.sf(abs(mean / error), n_values - 1))


def holm(p_values):
    """Return p-values adjusted for multiple tests (Holm 1979); NaN stays NaN."""
    p_values = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p_values.size, np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    steps = p_values[order] * np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted
