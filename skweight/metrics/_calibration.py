"""Calibration errors: in bins, smoothed, and by local regression.

``sample_weight`` holds population weights. Only their ratios matter, and rows of weight
zero are ignored.
"""

from typing import NamedTuple

import numpy as np
from scipy.fft import dct, idct
from scipy.optimize import brentq
from scipy.special import ndtri

from skweight._utils.quantiles import ValueCells
from skweight._utils.validation import check_choice, check_number
from skweight.metrics._outcomes import for_each_class, one_class
from skweight.weights import weighted_quantile

# Number of bins of [0, 1] for the smooth error. The bins are narrower than any
# detectable error.
_N_CELLS = 1 << 14
# Number of points of a local regression. Values between these points are interpolated.
_N_KNOTS = 512


class ReliabilityCurve(NamedTuple):
    """The mean prediction and the class frequency of rows with similar predictions.

    Attributes
    ----------
    mean_proba : ndarray of shape (n_used,)
        Weighted mean prediction of each bin, in ascending order.
    frequency : ndarray of shape (n_used,)
        Weighted frequency of the class.
    low, high : ndarray of shape (n_used,)
        Confidence interval of the frequency.
    share : ndarray of shape (n_used,)
        Share of all weight in each bin.
    effective_rows : ndarray of shape (n_used,)
        Kish's effective number of rows of each bin.

    Examples
    --------
    >>> from skweight.metrics import reliability_curve
    >>> reliability_curve([0, 0, 1, 1], [0.1, 0.3, 0.6, 0.8], n_bins=2).frequency
    array([0., 1.])
    """

    mean_proba: np.ndarray
    frequency: np.ndarray
    low: np.ndarray
    high: np.ndarray
    share: np.ndarray
    effective_rows: np.ndarray


def reliability_curve(
    y_true,
    y_proba,
    *,
    n_bins=15,
    confidence=0.95,
    pos_label=None,
    labels=None,
    sample_weight=None,
):
    r"""Return the mean prediction and the frequency of bins of equal total weight.

    A reliability diagram shows these means and frequencies. Every bin has the same
    share of the weight. In contrast, if one class is rare, bins of equal width would
    hold very different numbers of rows.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_proba : array-like of shape (n_samples,) or (n_samples, 2)
        Probabilities of the positive class, or of both classes.
    n_bins : int, default=15
        Number of bins. Rows with equal predictions are in the same bin, so fewer bins
        may be returned. More bins show finer detail with more noise.
    confidence : float, default=0.95
        Coverage of the interval of each bin, in (0, 1).
    pos_label : object, default=None
        The positive label; not needed for 0/1, -1/1, booleans, or two columns.
    labels : array-like of shape (2,), default=None
        Labels of the columns of `y_proba`; None means the sorted labels of `y_true`.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights.

    Returns
    -------
    curve : ReliabilityCurve
        One entry per bin.

    See Also
    --------
    skweight.inspection.ReliabilityDisplay : Draws the reliability curve.
    calibration_error : The distance of this curve from the diagonal, as one number.

    Notes
    -----
    The time is O(n log n). The confidence intervals are Wilson's intervals. The number
    of trials is Kish's effective number of rows.

    References
    ----------
    .. [1] E. B. Wilson, Probable inference, the law of succession, and statistical
       inference, Journal of the American Statistical Association 22(158), 1927.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.metrics import reliability_curve
    >>> rng = np.random.default_rng(0)
    >>> p = rng.random(4000) ** 4
    >>> curve = reliability_curve(rng.random(4000) < p, p, n_bins=4)
    >>> curve.mean_proba.round(3)
    array([0.001, 0.023, 0.16 , 0.603])
    >>> curve.frequency.round(3)
    array([0.   , 0.022, 0.175, 0.596])
    """
    check_number(confidence, name="confidence", low=0, high=1, include="neither")
    data = y_true, y_proba, sample_weight, pos_label, labels
    rows = one_class(data, owner="reliability_curve")
    bins = equal_mass_bins(rows.proba, rows.weight, n_bins)
    mass = np.bincount(bins, rows.weight)
    frequency = np.bincount(bins, rows.weight * rows.y) / mass
    n_effective = mass**2 / np.bincount(bins, rows.weight**2)
    low, high = frequency_interval(frequency, n_effective, confidence)
    return ReliabilityCurve(
        mean_proba=np.bincount(bins, rows.weight * rows.proba) / mass,
        frequency=frequency,
        low=low,
        high=high,
        share=mass / mass.sum(),
        effective_rows=n_effective,
    )


def frequency_interval(frequency, n_effective, confidence):
    """Return both ends of Wilson's confidence interval of a class frequency."""
    z = ndtri(0.5 + confidence / 2)
    stretched = 1 + z**2 / n_effective
    centre = (frequency + z**2 / (2 * n_effective)) / stretched
    spread = frequency * (1 - frequency) / n_effective + (z / (2 * n_effective)) ** 2
    reach = z * np.sqrt(spread) / stretched
    return np.maximum(centre - reach, 0.0), np.minimum(centre + reach, 1.0)


def calibration_error(
    y_true,
    y_proba,
    *,
    n_bins=15,
    norm="l2",
    debias="auto",
    squared=False,
    relative=False,
    average="macro",
    pos_label=None,
    labels=None,
    sample_weight=None,
):
    r"""Return the distance between predictions and frequencies in bins of equal weight.

    The plain distance is never zero, even for a perfect model, because it includes the
    noise of the frequencies. This noise is larger with fewer rows and with more bins.
    By default, the expectation of the noise is subtracted.

    .. math::
        E_2^2 = \sum_b W_b \, \frac
        {(\sum_{i \in b} w_i d_i)^2 - \sum_{i \in b} w_i^2 d_i^2}
        {(\sum_{i \in b} w_i)^2 - \sum_{i \in b} w_i^2}, \qquad d_i = y_i - p_i

    where :math:`W_b` is the share of the weight in bin b. Without debiasing, the
    fraction is replaced by :math:`\bar d_b^2`, the squared mean of :math:`d_i` in the
    bin.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_proba : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probabilities of the positive class, or of all classes.
    n_bins : int, default=15
        Number of bins of equal total weight. Rows with equal predictions are in the
        same bin. More bins detect finer errors. Without debiasing, more bins also add
        noise.
    norm : {"l2", "l1", "max"}, default="l2"
        Root mean square, mean, or maximum of the distances over the bins.
    debias : "auto" or bool, default="auto"
        Whether to subtract the expectation of the noise. ``"auto"`` subtracts it only
        for ``"l2"``, because no other norm has an unbiased estimate.
    squared : bool, default=False
        Whether to return the square of the error; only for ``"l2"``. The debiased
        square is an unbiased estimate and may be negative. If ``squared`` is False, a
        negative square gives the error 0.
    relative : bool, default=False
        Whether to divide the error by the frequency of the class. This is useful for a
        rare class, because its errors in units of probability are always small.
    average : {"macro", "none"}, default="macro"
        With three or more columns, each class is compared with the rest. "macro"
        returns the mean over the classes, which is the class-wise calibration error.
        "none" returns an array with one error per class.
    pos_label : object, default=None
        The positive label, for a vector of probabilities; not needed for 0/1, -1/1 and
        booleans.
    labels : array-like of shape (n_classes,), default=None
        Labels of the columns of `y_proba`; None means the sorted labels of `y_true`.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights.

    Returns
    -------
    error : float or ndarray of shape (n_classes,)
        The error in units of probability: 0 is perfect, 1 is the worst.

    Raises
    ------
    ValueError
        If probabilities and labels do not match; if the norm is not ``"l2"`` but
        `debias` or `squared` is True; or if `relative` is True and a class has no rows.

    See Also
    --------
    smooth_calibration_error : A calibration error without bins.
    reliability_curve : The mean prediction and the class frequency of each bin.

    Notes
    -----
    The time is O(n log n) at most; with many rows, only the rows near the edges of bins
    are sorted. Debiasing subtracts a correction from :math:`\bar d_b^2`. If all weights
    are equal, the correction is the sample variance of :math:`d` in the bin, divided by
    the number of rows of the bin. The corrected error is unbiased, whatever predictions
    are in a bin. The better known correction :math:`\bar y (1 - \bar y) / (n - 1)`
    assumes that all predictions in a bin are equal. In the bin with the largest
    predictions of a rare class, the better known correction is too large.

    Weights are not numbers of observations. For a debiased error, a row of weight 2 is
    one observation, while a duplicated row is two observations.

    References
    ----------
    .. [1] J. Bröcker, Estimating reliability and resolution of probability forecasts
       through decomposition of the empirical score, Climate Dynamics 39, 2012.
    .. [2] A. Kumar, P. Liang, T. Ma, Verified uncertainty calibration, NeurIPS 2019,
       definition 5.1.
    .. [3] R. Roelofs, N. Cain, J. Shlens, M. C. Mozer, Mitigating bias in calibration
       error estimation, AISTATS 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.metrics import calibration_error
    >>> rng = np.random.default_rng(0)
    >>> p = rng.random(2000)
    >>> y = rng.random(2000) < p  # p is perfect
    >>> round(calibration_error(y, p, debias=False), 3)
    0.037
    >>> round(calibration_error(y, p), 3)
    0.012
    """
    check_choice(norm, ("l2", "l1", "max"), name="norm")
    debias = norm == "l2" if isinstance(debias, str) and debias == "auto" else debias
    if debias not in (True, False):
        raise ValueError(f"debias must be 'auto', True or False; got {debias!r}.")
    if norm != "l2" and (debias or squared):
        adjective = "debiased" if debias else "squared"
        raise ValueError(
            f"norm={norm!r} cannot be {adjective}; only norm='l2' can. Pass "
            f"{'debias' if debias else 'squared'}=False, or norm='l2'."
        )

    def figure(rows):
        return error_of(rows, n_bins, norm, debias, squared, relative)

    data = y_true, y_proba, sample_weight, pos_label, labels
    return for_each_class(figure, data, average, owner="calibration_error")


def error_of(rows, n_bins, norm="l2", debias=True, squared=False, relative=False):
    """Return the `calibration_error` of the rows of one class."""
    bins = equal_mass_bins(rows.proba, rows.weight, n_bins)
    miss = rows.weight * (rows.y - rows.proba)
    error = error_of_bins(
        np.bincount(bins, rows.weight),
        np.bincount(bins, rows.weight**2),
        np.bincount(bins, miss),
        np.bincount(bins, miss**2),
        norm,
        debias,
    )
    scale = _frequency(rows) if relative else 1.0
    if squared:
        return error / scale**2
    return (np.sqrt(max(error, 0.0)) if norm == "l2" else error) / scale


def error_of_bins(mass, squares, miss, miss_squares, norm, debias):
    """Return the error from sums per bin: of w, w^2, w d and (w d)^2."""
    share = mass / mass.sum()
    if norm == "l1":
        return share @ np.abs(miss / mass)
    if norm == "max":
        return np.abs(miss / mass).max()
    if not debias:
        return share @ (miss / mass) ** 2
    # If a bin has a single row, its noise cannot be estimated, so the bin is merged
    # with a neighbour.
    merged = []
    for sums in zip(mass, squares, miss, miss_squares, strict=True):
        if merged and min(_pairs(merged[-1]), _pairs(sums)) <= 0:
            merged[-1] = merged[-1] + np.array(sums)
        else:
            merged.append(np.array(sums))
    if _pairs(merged[0]) <= 0:
        raise ValueError(
            "A debiased calibration error needs at least two rows of positive weight; "
            "got one. Pass debias=False."
        )
    mass, squares, miss, miss_squares = np.array(merged).T
    return (mass / mass.sum()) @ ((miss**2 - miss_squares) / (mass**2 - squares))


def _pairs(sums):
    """Return the total weight of pairs of rows in a bin; one row gives at most 0."""
    mass, squares, *_ = sums
    return mass**2 - squares - 1e-12 * mass**2


def smooth_calibration_error(
    y_true,
    y_proba,
    *,
    average="macro",
    pos_label=None,
    labels=None,
    sample_weight=None,
):
    r"""Return a calibration error without bins, with a data-driven bandwidth.

    The smooth calibration error is a continuous function of the predictions. In
    contrast, an error in bins jumps if a prediction crosses the edge of a bin. The
    residuals are smoothed with a Gaussian kernel, reflected at 0 and 1,

    .. math::
        E_h = \int_0^1 \Bigl| \frac{1}{W} \sum_i w_i K_h(t, p_i) (y_i - p_i) \Bigr| dt,

    and the bandwidth h is chosen such that :math:`E_h = h`. The returned error is
    :math:`E_h`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_proba : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probabilities of the positive class, or of all classes.
    average : {"macro", "none"}, default="macro"
        With three or more columns, each class is compared with the rest. "macro"
        returns the mean over the classes. "none" returns an array with one error per
        class.
    pos_label : object, default=None
        The positive label, for a vector of probabilities; not needed for 0/1, -1/1 and
        booleans.
    labels : array-like of shape (n_classes,), default=None
        Labels of the columns of `y_proba`; None means the sorted labels of `y_true`.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights.

    Returns
    -------
    error : float or ndarray of shape (n_classes,)
        The error in units of probability: 0 is perfect. With few rows, the error
        includes much noise.

    See Also
    --------
    calibration_error : The error in bins, without the noise that few rows cause.

    Notes
    -----
    The time is O(n): the residuals are summed in 16384 bins, and the sums are smoothed
    by a cosine transform. The error differs from the integral by at most
    :math:`10^{-4}`.

    References
    ----------
    .. [1] J. Błasiok, P. Nakkiran, Smooth ECE: principled reliability diagrams via
       kernel smoothing, ICLR 2024, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.metrics import smooth_calibration_error
    >>> rng = np.random.default_rng(0)
    >>> p = rng.random(20_000)
    >>> y = rng.random(20_000) < p
    >>> print(f"{smooth_calibration_error(y, p):.3f}")
    0.011
    >>> print(f"{smooth_calibration_error(y, p**2):.3f}")
    0.169
    """
    data = y_true, y_proba, sample_weight, pos_label, labels
    return for_each_class(
        smooth_error_of, data, average, owner="smooth_calibration_error"
    )


def smooth_error_of(rows):
    cells = np.minimum((rows.proba * _N_CELLS).astype(np.intp), _N_CELLS - 1)
    miss = rows.weight * (rows.y - rows.proba) / rows.weight.sum()
    wave = dct(np.bincount(cells, miss, _N_CELLS))
    # In the cosine transform, smoothing with the reflected Gaussian multiplies every
    # coefficient by a factor.
    decay = -((np.pi * np.arange(_N_CELLS)) ** 2) / 2

    def excess(width):
        return np.abs(idct(wave * np.exp(decay * width**2))).sum() - width

    if excess(0.0) <= 0:
        return 0.0
    return brentq(excess, 0.0, 1.0, xtol=1e-7)


def integrated_calibration_index(
    y_true,
    y_proba,
    *,
    quantile=None,
    span=0.75,
    average="macro",
    pos_label=None,
    labels=None,
    sample_weight=None,
):
    r"""Return the mean distance between predictions and a smooth calibration curve.

    The integrated calibration index is used for clinical prediction models. The curve
    :math:`\hat c` is fitted to outcomes and predictions by local quadratic regression
    (loess):

    .. math:: \mathrm{ICI} = \frac{1}{W} \sum_i w_i \, |p_i - \hat c(p_i)|

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_proba : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probabilities of the positive class, or of all classes.
    quantile : float, default=None
        Quantile of the distances to return; None returns the mean of the distances. The
        quantiles 0.5, 0.9 and 1 are known as E50, E90 and Emax.
    span : float, default=0.75
        Share of the weight that each local regression uses, in (0, 1]. A larger share
        gives a smoother curve.
    average : {"macro", "none"}, default="macro"
        With three or more columns, each class is compared with the rest. "macro"
        returns the mean over the classes. "none" returns an array with one index per
        class.
    pos_label : object, default=None
        The positive label, for a vector of probabilities; not needed for 0/1, -1/1 and
        booleans.
    labels : array-like of shape (n_classes,), default=None
        Labels of the columns of `y_proba`; None means the sorted labels of `y_true`.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights.

    Returns
    -------
    index : float or ndarray of shape (n_classes,)
        The index in units of probability: 0 is perfect.

    See Also
    --------
    smooth_calibration_error : Smooths residuals; the rows determine the bandwidth.

    Notes
    -----
    The time is O(n log n). With more than 512 different predictions, the regressions
    use the means of 512 groups of equal total weight.

    References
    ----------
    .. [1] P. C. Austin, E. W. Steyerberg, The Integrated Calibration Index (ICI) and
       related metrics for quantifying the calibration of logistic regression models,
       Statistics in Medicine 38(21), 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.metrics import integrated_calibration_index
    >>> rng = np.random.default_rng(0)
    >>> p = rng.random(20_000)
    >>> y = rng.random(20_000) < p
    >>> index = integrated_calibration_index(y, p**2)  # p - p^2 is 1/6 on average
    >>> print(f"{index:.3f}")
    0.169
    """
    check_number(span, name="span", low=0, high=1, include="right")
    if quantile is not None:
        check_number(quantile, name="quantile", low=0, high=1)

    def figure(rows):
        knots, fitted = _local_regression(rows, span)
        distance = np.abs(rows.proba - np.interp(rows.proba, knots, fitted))
        if quantile is None:
            return np.average(distance, weights=rows.weight)
        return weighted_quantile(distance, rows.weight, quantile)

    data = y_true, y_proba, sample_weight, pos_label, labels
    return for_each_class(figure, data, average, owner="integrated_calibration_index")


def _local_regression(rows, span):
    """Return the points of a local quadratic regression, and its values there."""
    groups = equal_mass_bins(rows.proba, rows.weight, _N_KNOTS)
    mass = np.bincount(groups, rows.weight)
    x = np.bincount(groups, rows.weight * rows.proba) / mass
    y = np.bincount(groups, rows.weight * rows.y) / mass
    offset = x - x[:, np.newaxis]
    distance = np.abs(offset)
    order = np.argsort(distance, axis=1)
    within = np.cumsum(mass[order], axis=1) >= span * mass.sum() * (1 - 1e-12)
    farthest = np.take_along_axis(order, within.argmax(axis=1)[:, np.newaxis], axis=1)
    reach = np.take_along_axis(distance, farthest, axis=1)
    # If the rows with one prediction already have the share ``span`` of the weight,
    # only these rows are used.
    reach = np.where(reach > 0, reach, 1e-12)
    u = offset / reach
    kernel = mass * np.maximum(1 - np.abs(u) ** 3, 0.0) ** 3
    moments = [(kernel * u**power).sum(axis=1) for power in range(5)]
    normal = np.array([[moments[i + j] for j in range(3)] for i in range(3)])
    right = np.array([(kernel * u**power) @ y for power in range(3)])
    # With one or two distinct predictions, the regression has many solutions. The
    # solution with the smallest norm is taken.
    inverse = np.linalg.pinv(normal.transpose(2, 0, 1), rcond=1e-10, hermitian=True)
    fitted = np.einsum("ij,ji->i", inverse[:, 0, :], right)
    return x, np.clip(fitted, 0.0, 1.0)


def equal_mass_bins(proba, weight, n_bins):
    """Return the bin number of every row; bins have about equal total weight.

    Bin numbers have no gaps. Rows with equal predictions are in the same bin: the bin
    in which the middle of their total weight lies.
    """
    check_number(n_bins, name="n_bins", low=1)
    shares = np.arange(n_bins) / n_bins
    cells = ValueCells(proba)
    edges = np.unique(cells.reached(weight, shares, middle=True))
    bins = cells.positions(edges[np.isfinite(edges)])
    bins -= 1  # the first edge is the smallest prediction
    return bins


def _frequency(rows):
    frequency = np.average(rows.y, weights=rows.weight)
    if frequency == 0:
        raise ValueError(
            "relative=True divides by the frequency of the class, but no row of "
            "positive weight has that class. Pass relative=False, or pass rows of "
            "every class."
        )
    return frequency
