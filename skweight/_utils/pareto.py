"""Pareto smoothing of weights, and the verdict about the tail of the weights.

Public as part of :mod:`skweight.weights`.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from skweight._utils.validation import check_choice, check_weights

# With fewer positive weights, the tail has fewer than five points, and the shrinkage of
# k-hat towards 0.5 would alone determine the verdict.
_MIN_WEIGHTS = 25
_MIN_TAIL = 5

# The first number is the largest shape of the tail at which weights count as harmless.
# The second number is a quantile of the normal distribution. With this quantile, at
# least 95 % of samples of harmless weights get no bad verdict (see
# benchmarks/degenerate_weights.py).
_HARMLESS, _QUANTILE = 0.3, 1.75

# Weights with a smaller relative difference count as equal. Weights per class or group
# that were computed in two ways differ in the last digits.
_SAME = 1e-12

_TINY = np.finfo(np.float64).tiny
_EPS = np.finfo(np.float64).eps


def pareto_smooth(weights, *, log=False, ties="average"):
    r"""Replace the largest weights by their expectation under a fitted tail.

    The method is Pareto-smoothed importance sampling. A generalised Pareto distribution
    is fitted to the tail. The quantiles of this distribution replace the largest
    weights, but no value exceeds the largest raw weight. Unlike clipping, smoothing
    needs no threshold. Weights without a continuous tail, such as class weights, are
    unchanged, and so are vectors of few weights.

    A large weight is shrunk even if it is correct. So compare the effective sample size
    before smoothing with the size after smoothing.

    Parameters
    ----------
    weights : array-like of shape (n_samples,)
        Non-negative raw weights in any unit, before any clipping.
    log : bool, default=False
        Whether ``weights`` are natural logarithms of weights. Log likelihoods of the
        rows are not log weights; change the sign of log likelihoods first. With True,
        the result also consists of logarithms.
    ties : {"average", "order"}, default="average"
        Values for rows of equal weight. ``"average"``: the mean of the quantiles of
        these rows, so that equal rows stay equal. ``"order"``: one quantile for each
        row, in the order of the rows, as in the published algorithm. Without ties in
        the tail, the results are the same.

    Returns
    -------
    smoothed : ndarray of shape (n_samples,)
        Weights, not normalised. Only the tail differs from the input.

    Raises
    ------
    ValueError
        If weights are negative, not finite, all zero, or ``ties`` is unknown.

    See Also
    --------
    pareto_diagnostics : Whether the smoothed weights can be trusted.
    clip_weights : Cuts the tail off instead.

    Notes
    -----
    The time is O(n). The tail contains the weights strictly above the (M + 1)-th
    largest, with :math:`M = \lceil \min(n / 5, 3 \sqrt n) \rceil`. Rows of weight zero
    count in n.

    References
    ----------
    .. [1] A. Vehtari, D. Simpson, A. Gelman, Y. Yao, J. Gabry, Pareto smoothed
       importance sampling, Journal of Machine Learning Research 25(72), 2024.
    .. [2] J. Zhang, M. A. Stephens, A new and efficient estimation method for the
       generalized Pareto distribution, Technometrics 51(3), 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.weights import pareto_smooth
    >>> weights = np.random.default_rng(0).pareto(1.5, size=1000)
    >>> smooth = pareto_smooth(weights)
    >>> print(f"largest weight {weights.max():.0f}, smoothed {smooth.max():.0f}")
    largest weight 228, smoothed 187
    """
    check_choice(ties, ("average", "order"), name="ties")
    checked = _check(weights, log)
    largest = checked.max()
    tail = _fit_tail(_relative(checked, log))
    smoothed = checked.copy()
    if tail.problem:
        return smoothed
    values = _smoothed_values(tail)
    if ties == "average":
        values = _average_ties(tail.values, values)
    smoothed[tail.rows] = np.log(values) + largest if log else values * largest
    return smoothed


def pareto_khat(weights, *, log=False):
    """Return the shape of the tail of the weights; it tells which moments exist.

    For a shape below 0.5, the variance of a weighted mean is finite. From a shape of 1
    on, not even the mean exists, and the estimate depends on its largest weight. The
    shape describes the tail of the present rows; it cannot detect a missing
    sub-population. Pass raw weights, because clipping hides the tail.

    Parameters
    ----------
    weights : array-like of shape (n_samples,)
        Non-negative raw weights in any unit.
    log : bool, default=False
        Whether ``weights`` are natural logarithms of weights.

    Returns
    -------
    khat : float
        The shape, shrunk towards 0.5 in small tails. The shape is NaN if there are
        fewer than 25 positive weights, or if the tail has few distinct values (such as
        one weight per class). NaN does not mean that the weights are bad.

    Raises
    ------
    ValueError
        If weights are negative, not finite or all zero.

    See Also
    --------
    pareto_diagnostics : Returns the shape and a verdict in words.

    Notes
    -----
    O(n). See :func:`pareto_smooth` for method and references.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight._utils.pareto import pareto_khat
    >>> uniform = (np.arange(1000) + 0.5) / 1000
    >>> print(f"{pareto_khat(uniform**-0.7):.2f}")  # the true shape is 0.7
    0.67
    >>> pareto_khat([1.0] * 900 + [9.0] * 100)  # class weights
    nan
    """
    checked = _check(weights, log)
    return _fit_tail(_relative(checked, log)).khat


class ParetoDiagnostics(NamedTuple):
    """Results of :func:`pareto_diagnostics` for a tail of weights.

    Attributes
    ----------
    khat : float
        Shape of the tail; NaN if it is not defined.
    verdict : str
        ``"good"``, ``"usable"``, ``"unreliable"``, ``"infinite mean"``,
        ``"tied tail"`` or ``"not applicable"``.
    reason : str
        The verdict as a sentence, with its values.
    threshold : float
        The largest ``khat`` that is usable with this number of rows.
    n_required : float
        Number of rows from which on this ``khat`` would be usable; infinite if ``khat``
        is at least 1.
    n_tail : int
        Number of rows in the tail.
    tied_share : float
        Share of the weights in the tail that equal another weight.
    zero_share : float
        Share of rows with weight zero.
    n_effective : float
        Effective sample size of the raw weights.
    n_effective_smoothed : float
        Effective sample size after smoothing. If ``n_effective_smoothed`` is much
        larger than ``n_effective``, smoothing shrank weights that dominate the raw
        estimate.

    Examples
    --------
    >>> from skweight.weights import pareto_diagnostics
    >>> pareto_diagnostics([1.0] * 900 + [9.0] * 100).verdict
    'not applicable'
    """

    khat: float
    verdict: str
    reason: str
    threshold: float
    n_required: float
    n_tail: int
    tied_share: float
    zero_share: float
    n_effective: float
    n_effective_smoothed: float


def pareto_diagnostics(weights, *, log=False):
    r"""Judge by the tail of the weights whether estimates can be trusted.

    .. math::
        \hat k_{usable} = \min(1 - 1 / \log_{10} n,\ 0.7), \qquad
        n_{required} = 10^{1 / (1 - \max(0, \hat k))}

    Parameters
    ----------
    weights : array-like of shape (n_samples,)
        Non-negative raw weights in any unit, before any clipping or smoothing.
    log : bool, default=False
        Whether ``weights`` are natural logarithms of weights.

    Returns
    -------
    diagnostics : ParetoDiagnostics
        Statistics, a short verdict, and the reason as a sentence.

    Raises
    ------
    ValueError
        If weights are negative, not finite or all zero.

    See Also
    --------
    pareto_smooth : The remedy for a usable tail.
    cap_weights : The remedy for a tail that is not usable.

    Notes
    -----
    The time is O(n). If at least 5 % of the weights in a tail are repeated, the weights
    were rounded, clipped or resampled. ``khat`` is then computed, but the verdict is
    "tied tail".

    With few rows, a tail may look heavy by chance: 44 % of samples of 30 exponential
    weights have a ``khat`` above the threshold. So the verdict is "unreliable" only if
    ``khat`` is so large that weights of true shape 0.3 reach it in only about 5 % of
    samples.

    References
    ----------
    .. [1] A. Vehtari, D. Simpson, A. Gelman, Y. Yao, J. Gabry, Pareto smoothed
       importance sampling, Journal of Machine Learning Research 25(72), 2024,
       section 3.2.4, equation 13.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.weights import pareto_diagnostics
    >>> uniform = (np.arange(1000) + 0.5) / 1000
    >>> pareto_diagnostics(uniform**-0.3).verdict
    'good'
    >>> print(pareto_diagnostics(uniform**-0.9).reason)
    k-hat 0.84 is above 0.67, the largest usable value for 1000 rows
    """
    checked = _check(weights, log)
    n = checked.size
    relative = _relative(checked, log)
    tail = _fit_tail(relative)
    n_tail = tail.values.size
    threshold = min(1 - 1 / np.log10(n), 0.7) if n > 1 else -np.inf
    tied_share = 1 - tail.n_distinct / n_tail if n_tail else 0.0
    n_effective = n_smoothed = _effective(relative)
    n_required = np.nan
    if tail.problem:
        verdict, reason = "not applicable", tail.problem
    else:
        smoothed = relative.copy()
        smoothed[tail.rows] = _average_ties(tail.values, _smoothed_values(tail))
        n_smoothed = _effective(smoothed)
        verdict, reason = _judge(tail, threshold, tied_share, n)
        power = 1 / (1 - max(0.0, tail.khat)) if tail.khat < 1 else np.inf
        n_required = 10**power if power < 300 else np.inf
    return ParetoDiagnostics(
        khat=tail.khat,
        verdict=verdict,
        reason=reason,
        threshold=float(threshold),
        n_required=float(n_required),
        n_tail=int(n_tail),
        tied_share=float(tied_share),
        zero_share=1 - np.count_nonzero(relative) / n,
        n_effective=n_effective,
        n_effective_smoothed=n_smoothed,
    )


def _effective(relative):
    """Return the effective number of weights, also if the weights are very small."""
    relative = relative / relative.max()
    return float(relative.sum() ** 2 / (relative * relative).sum())


def _by_chance(n_tail):
    """Return a limit for k-hat; weights of shape .3 exceed it in at most 5 % of cases.

    Exponential weights and lognormal weights of scale 1 have a shape of at most .3 and
    are harmless. The limit is computed with the standard error of the maximum
    likelihood estimate, and is shrunk like k-hat.
    """
    shape = _HARMLESS + _QUANTILE * (1 + _HARMLESS) / np.sqrt(n_tail)
    return _shrunk(shape, n_tail)


def _shrunk(shape, n):
    """Return the shape, shrunk as if ten more observations had the shape 0.5."""
    return (n * shape + 5) / (n + 10)


def _judge(tail, threshold, tied_share, n):
    """Return the verdict about a tail, and the reason."""
    khat, n_tail = tail.khat, tail.values.size
    if khat >= 1:
        return "infinite mean", f"k-hat {khat:.2f} is 1 or more: the tail has no mean"
    if tied_share >= 0.05:
        return "tied tail", (
            f"k-hat {khat:.2f}, but {tied_share:.0%} of the weights in the tail are "
            "repeated; pass weights from before any rounding, clipping or resampling"
        )
    if khat >= threshold:
        above = (
            f"k-hat {khat:.2f} is above {threshold:.2f}, the largest usable value for "
            f"{n} rows"
        )
        if khat >= _by_chance(n_tail):
            return "unreliable", above
        return "usable", f"{above}, but a tail of {n_tail} rows may show this by chance"
    if khat >= 0.5:
        return "usable", (
            f"k-hat {khat:.2f} is below {threshold:.2f}; the variance is infinite, so "
            "prefer smoothed weights"
        )
    return "good", f"k-hat {khat:.2f} is below 0.5: the variance is finite"


def check_log_weights(log_weights):
    """Return log weights as a float64 vector, or raise if they are invalid."""
    array = np.asarray(log_weights, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(
            f"weights must be 1-dimensional, one log weight per row; got shape "
            f"{array.shape}."
        )
    largest = array.max()  # NaN wins
    if not np.isfinite(largest):
        raise ValueError(
            "weights with log=True must be finite, or minus infinity for a weight of "
            f"zero in some rows; got {largest} as the largest. Fill or drop such rows."
        )
    return array


def _check(weights, log):
    """Return valid weights, or logarithms of weights."""
    return check_log_weights(weights) if log else check_weights(weights, name="weights")


def _relative(weights, log):
    """Return weights relative to the largest one."""
    with np.errstate(under="ignore"):
        return np.exp(weights - weights.max()) if log else weights / weights.max()


@dataclass(frozen=True)
class _Tail:
    """The upper tail of a weight vector, and the Pareto distribution fitted to it."""

    rows: np.ndarray  # positions of the rows of the tail, by ascending weight
    values: np.ndarray  # weights of the tail relative to the largest one, ascending
    cutoff: float  # the largest weight below the tail, relative to the largest one
    n_distinct: int
    khat: float = np.nan
    sigma: float = np.nan
    problem: str = ""  # why k-hat is not defined; empty if k-hat is defined


def _fit_tail(relative):
    """Fit the tail of weights that have been divided by the largest weight.

    The computation uses weights, not logarithms. Weights in the tail do not underflow,
    because they are at most a few hundred orders of magnitude below the largest weight.
    A computation with logarithms would take longer and give the same digits.
    """
    n = relative.size
    size = int(np.ceil(min(n / 5, 3 * np.sqrt(n))))
    cutoff = _TINY
    if size < n:
        position = n - size - 1
        cutoff = max(float(np.partition(relative, position)[position]), _TINY)
    # Weights equal to the cutoff are not in the tail, because many weights can have
    # this value without being extreme.
    rows = np.flatnonzero(relative > cutoff)
    rows = rows[np.argsort(relative[rows], kind="stable")]
    values = relative[rows]
    gaps = np.diff(values) > _SAME * values[1:]
    n_distinct = int(np.count_nonzero(gaps)) + bool(values.size)
    tail = {
        "rows": rows,
        "values": values,
        "cutoff": cutoff,
        "n_distinct": n_distinct,
    }

    n_positive = int(np.count_nonzero(relative))
    if n_positive < _MIN_WEIGHTS:
        return _Tail(
            **tail,
            problem=(
                f"there are too few weights: {n_positive} are positive, but a tail can "
                f"be fitted only to {_MIN_WEIGHTS} or more"
            ),
        )
    # A Pareto tail is continuous. Class weights are discrete: their "tail" consists of
    # a few values, each in many rows, and says nothing about moments.
    if n_distinct < _MIN_TAIL or 3 * n_distinct < values.size:
        return _Tail(
            **tail,
            problem=(
                f"atomic tail: the {values.size} weights in the tail have only "
                f"{n_distinct} distinct values, as weights per class have"
                if values.size
                else "atomic tail: the largest weights are all equal, as weights per "
                "class are"
            ),
        )
    khat, sigma = _fit_generalized_pareto(values - cutoff)
    if not np.isfinite(khat):
        return _Tail(**tail, problem="the tail spans too many orders of magnitude")
    return _Tail(**tail, khat=khat, sigma=sigma)


def _fit_generalized_pareto(excess):
    """Return shape and scale of a generalised Pareto distribution.

    The estimate is the profile-posterior mean of Zhang and Stephens (2009). The shape
    is shrunk towards 0.5, as if ten more observations had this shape. The scale is
    computed from the shape before shrinking.

    Parameters
    ----------
    excess : ndarray of shape (n,)
        Excesses over the threshold, positive and ascending.
    """
    n = excess.size
    n_grid = 30 + int(np.sqrt(n))
    quartile = excess[int(n / 4 + 0.5) - 1]
    grid = np.arange(1, n_grid + 1) - 0.5
    # If a tail spans more than 300 orders of magnitude, the computation overflows. The
    # caller checks for finite results, so warnings of numpy are not needed.
    with np.errstate(all="ignore"):
        theta = 1 / excess[-1] + (1 - np.sqrt(n_grid / grid)) / (3 * quartile)
        shape = np.array([np.log1p(-candidate * excess).mean() for candidate in theta])
        fit = n * (np.log(-theta / shape) - shape - 1)
        probability = np.exp(fit - np.max(fit))
        probability /= probability.sum()
        # Grid points with negligible posterior probability only add rounding error to
        # the mean.
        probability[probability < 10 * _EPS] = 0
        probability /= probability.sum()
        theta_mean = float(probability @ theta)
        raw_shape = float(np.log1p(-theta_mean * excess).mean())
        sigma = float(np.divide(-raw_shape, theta_mean))
    return _shrunk(raw_shape, n), sigma


def _smoothed_values(tail):
    """Return the expected order statistics of the tail under the fitted distribution.

    Values are relative to the largest weight, ascending, and at most 1.
    """
    n = tail.values.size
    log_survival = np.log1p(-(np.arange(n) + 0.5) / n)
    if abs(tail.khat) < _EPS:
        excess = -tail.sigma * log_survival
    else:
        with np.errstate(over="ignore"):
            excess = tail.sigma * np.expm1(-tail.khat * log_survival) / tail.khat
    return np.minimum(tail.cutoff + excess, 1.0)


def _average_ties(values, smoothed):
    """Return the smoothed values, averaged over rows of equal raw weight."""
    starts = np.flatnonzero(np.r_[True, np.diff(values) > _SAME * values[1:]])
    counts = np.diff(np.r_[starts, values.size])
    return np.repeat(np.add.reduceat(smoothed, starts) / counts, counts)
