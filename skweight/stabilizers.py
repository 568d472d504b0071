"""Stabilizers clip, cap, temper or smooth weights, and set their mean to 1.

A stabilizer is a scikit-learn estimator that needs no data. Stabilizers have
parameters, can be cloned, can be used in a parameter search, and have one method,
``stabilize(weights)``. The caller stabilizes the raw population weights and the raw
emphasis (weights that only change training) separately, each once.

The order of the steps is always the same: temper or smooth the raw weights, then cap
the result, so that no final weight exceeds the cap. The result has mean 1 over the rows
of non-zero weight. The functions of :mod:`skweight.weights` do the work.
"""

from numbers import Real

import numpy as np

from skweight._utils.compat import Documented
from skweight._utils.lookup import ReadOnce
from skweight._utils.validation import check_number, check_weights, did_you_mean
from skweight.weights import (
    cap_weights,
    clip_weights,
    normalize_weights,
    pareto_smooth,
    temper_to_effective_sample_size,
    temper_weights,
)

__all__ = [
    "CapStabilizer",
    "ClipStabilizer",
    "ParetoStabilizer",
    "TemperStabilizer",
]


class BaseStabilizer(Documented, ReadOnce):
    """The base class of all stabilizers; each subclass implements ``_reshape``."""

    def stabilize(self, weights):
        """Return stabilized weights with mean 1 over the rows of non-zero weight.

        Parameters
        ----------
        weights : array-like of shape (n_samples,)
            Raw non-negative weights in any unit. Never modified.

        Returns
        -------
        stabilized : ndarray of shape (n_samples,)
            Weights with mean 1. Zeros stay zero. Of two weights, the larger weight
            stays larger, or the two weights become equal.

        Raises
        ------
        ValueError
            If weights are negative, not finite or all zero, or if a parameter of the
            stabilizer is out of its range.
        """
        weights = self._reshape(check_weights(weights, name="weights"))
        cap = getattr(self, "cap", None)
        return normalize_weights(weights) if cap is None else cap_weights(weights, cap)

    @classmethod
    def _instances(cls, labels):
        """Return instances of this class for tests on rows with the given labels."""
        return [cls()]


class ClipStabilizer(BaseStabilizer):
    """Limit the largest weights to a threshold computed from the weights.

    Clipping is the simplest way to limit a few large weights. The threshold is applied
    to the raw weights. Normalising after clipping multiplies all weights, so the
    largest weight can exceed the threshold again. Use :class:`CapStabilizer` for a
    bound that still holds in the fit.

    Parameters
    ----------
    method : {"truncated", "quantile", "median", "mean", "iqr"}, default="truncated"
        How the threshold is computed, see :func:`~skweight.weights.clip_weights`.
        ``"truncated"``: the mean times the square root of n, the number of weights
        above zero.
    limit : float, default=None
        For ``method="quantile"``, a quantile in (0, 1]. For other methods, a factor
        above 0. A larger limit clips less. None means the default of the method.

    See Also
    --------
    CapStabilizer : A bound that holds after normalising.
    ParetoStabilizer : Needs no threshold.

    Notes
    -----
    O(n).

    Examples
    --------
    >>> from skweight.stabilizers import ClipStabilizer
    >>> ClipStabilizer("median", limit=4).stabilize([1, 1, 2, 100])
    array([0.4, 0.4, 0.8, 2.4])
    """

    def __init__(self, method="truncated", *, limit=None):
        self.method = method
        self.limit = limit

    def _reshape(self, weights):
        return clip_weights(weights, method=self.method, limit=self.limit)


class CapStabilizer(BaseStabilizer):
    """Bound weights exactly at a multiple of their mean.

    Use this stabilizer if you know how much one row may count at most. All other
    weights are multiplied by one number, so that the mean is 1 again.

    Parameters
    ----------
    cap : float, default=10.0
        Largest weight of the result, as a multiple of the mean; at least 1. A lower cap
        makes the weights more equal. 1 makes all non-zero weights equal.

    Notes
    -----
    O(n log n), see :func:`~skweight.weights.cap_weights`.

    Examples
    --------
    >>> from skweight.stabilizers import CapStabilizer
    >>> CapStabilizer(2).stabilize([1, 1, 2, 100])
    array([0.5, 0.5, 1. , 2. ])
    """

    def __init__(self, cap=10.0):
        self.cap = cap

    def _reshape(self, weights):
        # In other stabilizers, None means "no cap". CapStabilizer does not accept None,
        # because without a cap it would have no effect.
        check_number(self.cap, name="cap", low=1)
        return weights


class ParetoStabilizer(BaseStabilizer):
    """Replace the largest weights with their expected values under a fitted tail.

    Use this stabilizer for estimated density ratios. Fewer than 25 weights, and weights
    without a continuous tail (such as weights per class), are only normalised.

    Parameters
    ----------
    cap : float, default=None
        Largest weight after smoothing, as a multiple of the mean; at least 1. A lower
        cap makes the weights more equal. None means no cap.

    See Also
    --------
    skweight.weights.pareto_diagnostics : Shows whether smoothing is enough.

    Notes
    -----
    The time is O(n), or O(n log n) with a cap. A single large weight is shrunk even if
    it is correct. Compare the effective sample size before and after.

    References
    ----------
    .. [1] A. Vehtari, D. Simpson, A. Gelman, Y. Yao, J. Gabry, Pareto smoothed
       importance sampling, Journal of Machine Learning Research 25(72), 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.stabilizers import ParetoStabilizer
    >>> weights = np.random.default_rng(0).pareto(1.5, size=1000)
    >>> smooth = ParetoStabilizer().stabilize(weights)
    >>> print(f"{weights.max() / weights.mean():.0f} times the mean at most before")
    106 times the mean at most before
    >>> print(f"{smooth.max():.0f} times the mean at most after")
    98 times the mean at most after
    """

    def __init__(self, cap=None):
        self.cap = cap

    def _reshape(self, weights):
        return pareto_smooth(weights)


class TemperStabilizer(BaseStabilizer):
    """Flatten weights by a power, only as much as an effective sample size requires.

    Use this stabilizer to limit the cost of weighting: ``fraction=0.5`` keeps the
    information of half the rows. All weights change, not only the largest weights.

    Parameters
    ----------
    fraction : float, default=0.5
        Effective sample size to keep, as a share of the non-zero rows, in (0, 1].
        A larger fraction makes the weights more equal. Weights that already have this
        effective sample size are not flattened.
    exponent : float, default=None
        A fixed power in [0, 1]: 0 makes all non-zero weights equal, 1 leaves them
        unchanged. ``fraction`` is then ignored.
    cap : float, default=None
        Largest weight after tempering, as a multiple of the mean; at least 1. None
        means no cap.

    See Also
    --------
    skweight.weights.temper_to_effective_sample_size : The same as a function.

    Notes
    -----
    O(n) for each of the 40 steps of a bisection.

    References
    ----------
    .. [1] H. Shimodaira, Improving predictive inference under covariate shift by
       weighting the log-likelihood function, Journal of Statistical Planning and
       Inference 90(2), 2000.

    Examples
    --------
    >>> from skweight.stabilizers import TemperStabilizer
    >>> from skweight.weights import effective_sample_size
    >>> weights = TemperStabilizer(0.8).stabilize([1, 2, 5, 40])
    >>> round(effective_sample_size(weights) / 4, 6)
    0.8
    """

    def __init__(self, fraction=0.5, *, exponent=None, cap=None):
        self.fraction = fraction
        self.exponent = exponent
        self.cap = cap

    def _reshape(self, weights):
        if self.exponent is not None:
            return temper_weights(weights, self.exponent)
        return temper_to_effective_sample_size(weights, self.fraction)


_BY_NAME = {
    "clip": ClipStabilizer,
    "pareto": ParetoStabilizer,
    "temper": TemperStabilizer,
}


def resolve_stabilizer(spec):
    """Return the stabilizer for a value of ``stabilizer=``, or None.

    Parameters
    ----------
    spec : None, str, float or object
        None: weights are not stabilized. ``"clip"``, ``"pareto"`` or ``"temper"``: the
        stabilizer of this name, with default parameters. A number of at least 1: the
        largest weight, as a multiple of the mean. An object with a method ``stabilize``
        is returned unchanged.

    Returns
    -------
    stabilizer : object or None
        Has ``stabilize(weights)``.

    Raises
    ------
    ValueError
        If a name is unknown or a number is below 1 or not finite.
    TypeError
        If ``spec`` has another type, such as a class instead of an object.

    Notes
    -----
    This function does not clone the object that it returns; clone this object before
    you store it.

    Examples
    --------
    >>> from skweight.stabilizers import resolve_stabilizer
    >>> resolve_stabilizer("pareto")
    ParetoStabilizer()
    >>> resolve_stabilizer(5)
    CapStabilizer(cap=5)
    """
    if spec is None:
        return None
    if isinstance(spec, str):
        if spec in _BY_NAME:
            return _BY_NAME[spec]()
        raise ValueError(
            f"stabilizer must be None, {_names()}, a number or an object with a method "
            f"stabilize(weights); got {spec!r}.{did_you_mean(spec, _BY_NAME)}"
        )
    if isinstance(spec, Real) and not isinstance(spec, bool | np.bool_):
        if not (np.isfinite(spec) and spec >= 1):
            raise ValueError(
                "stabilizer as a number is the largest weight, as a multiple of the "
                f"mean. It must be finite and at least 1; got {spec!r}. Pass None for "
                "no cap."
            )
        return CapStabilizer(spec)
    if isinstance(spec, type):
        raise TypeError(
            f"stabilizer must be an object, not a class; got {spec.__name__}. Pass "
            f"{spec.__name__}()."
        )
    if callable(getattr(spec, "stabilize", None)):
        return spec
    raise TypeError(
        f"stabilizer must be None, {_names()}, a number or an object with a method "
        f"stabilize(weights); got {spec!r} of type {type(spec).__name__}. Pass one of "
        "skweight.stabilizers."
    )


def map_of(raw, stable):
    """Return points of a piecewise linear map from raw weights to stabilized weights.

    Stabilizers keep the order of the weights, so the map increases. Between the points,
    the map is linear. For a clip or a cap, there are three points, whatever the number
    of rows.

    Parameters
    ----------
    raw, stable : ndarray of shape (n_samples,)
        Weights before and after the stabilizer.

    Returns
    -------
    points : tuple of two ndarrays, or None
        Points for ``numpy.interp``; None if all weights were multiplied by one number.
    """
    at, first = np.unique(raw, return_index=True)
    to = stable[first]
    at, to = (at, to) if at[0] == 0 else (np.r_[0.0, at], np.r_[0.0, to])
    # A clip or a cap multiplies small weights by one number, and gives all large
    # weights the same value. In these two ranges the map is linear, so it needs no more
    # points there.
    scaled = np.isclose(to[1:] / at[1:], to[1] / at[1], rtol=1e-12, atol=0)
    bounded = np.isclose(to[1:], to[-1], rtol=1e-12, atol=0)
    if scaled.all():
        return None
    if (scaled | bounded).all():
        end = to[-1]
        return np.array([0.0, end * at[1] / to[1], at[-1]]), np.array([0.0, end, end])
    return at, to


def _names():
    """Return the short names of stabilizers as they are written in a message."""
    return ", ".join(f'"{name}"' for name in _BY_NAME)
