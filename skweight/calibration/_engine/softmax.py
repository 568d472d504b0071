r"""Weighted softmax fits with a slope and a bias per class.

Every parametric calibrator for three or more classes maps a row z of scores to the
probabilities :math:`\mathrm{softmax}(a \circ z + b)`. The calibrators differ in the
restrictions on a and b. With many rows, the first fit uses only a subset of the rows.
After that, one or two passes over all rows are enough.
"""

from functools import cached_property

import numpy as np

from skweight.calibration._engine.logistic import SlopeFit, slope_is_known
from skweight.calibration._engine.newton import Restricted, newton

# With more rows than this, a first fit on a subset makes the fit on all rows cheaper.
_MANY_ROWS = 1 << 14

# Number of elements in a block of an (n_classes, n_rows) pass. The few temporary
# arrays of a block stay in the processor's cache, and memory does not grow with the
# rows.
_BLOCK = 1 << 17


class SoftmaxObjective:
    """Mean cross-entropy of softmax(a * z + b) as a function of (a, b), length 2k.

    The target of a row is ``own_target`` for its own class and ``other_target`` for
    each other class. Both arrays have the shape (k,) and are indexed by the class of
    the row.

    The targets enter the loss only by a term that is linear in the parameters.
    Therefore the targets are summed only once. If a constant is added to all entries of
    b, the loss does not change, so the gradient in this direction is zero. A ridge is
    added to the Hessian in this direction. Then Newton's equations have a unique
    solution, and the mean of b stays the same.
    """

    def __init__(self, z, codes, weight, own_target, other_target):
        # The classes are the first axis. Then a sum over the classes adds long
        # contiguous rows, several times faster than with the classes as the last axis.
        self.z = np.ascontiguousarray(z.T)
        self.weight = weight / weight.sum()
        # Every class has the target `other_target`. For the class of the row, the
        # difference between `own_target` and `other_target` is added.
        common = self.weight * other_target[codes]
        extra = self.weight * (own_target - other_target)[codes]
        n_classes, n_rows = self.z.shape
        z_own = self.z[codes, np.arange(n_rows)]
        self.target = common.sum() + np.bincount(codes, extra, n_classes)
        pull = self.z @ common + np.bincount(codes, extra * z_own, n_classes)
        self.linear = np.concatenate([pull, self.target])

    def _blocks(self, theta):
        """Yield scores, weights, exponentials, sums of exponentials, and maxima."""
        k, n = self.z.shape
        a, b = theta[:k, np.newaxis], theta[k:, np.newaxis]
        size = max(1, _BLOCK // k)
        for start in range(0, n, size):
            z = self.z[:, start : start + size]
            logit = z * a
            logit += b
            top = logit.max(axis=0)
            logit -= top
            share = np.exp(logit, out=logit)
            total = share.sum(axis=0)
            yield z, self.weight[start : start + size], share, total, top

    def value(self, theta):
        value = 0.0
        for _, weight, _, total, top in self._blocks(theta):
            value += weight @ (np.log(total) + top)
        return value - theta @ self.linear

    def moves(self, step):
        """Return a bound on the change of the difference of two log odds."""
        a, b = np.abs(step).reshape(2, -1)
        return 2 * (a * self._reach + b).max()

    @cached_property
    def _reach(self):
        return np.maximum(self.z.max(axis=1), -self.z.min(axis=1))

    def slopes(self, theta):
        k = self.z.shape[0]
        gradient = np.zeros(2 * k)
        hessian = np.zeros((2 * k, 2 * k))
        curve = np.zeros((3, k))
        for z, weight, share, total, _ in self._blocks(theta):
            features = np.empty((2 * k, z.shape[1]))
            np.divide(share, total, out=features[k:])
            np.multiply(z, features[k:], out=features[:k])
            weighted = weight * features
            mean_features = weighted.sum(axis=1)
            gradient += mean_features
            hessian -= weighted @ features.T
            curve[2] += mean_features[k:]
            curve[1] += mean_features[:k]
            curve[0] += np.einsum("ij,ij->i", weighted[:k], z)
        diagonal = np.arange(k)
        hessian[diagonal, diagonal] += curve[0]
        hessian[diagonal, k + diagonal] += curve[1]
        hessian[k + diagonal, diagonal] += curve[1]
        hessian[k + diagonal, k + diagonal] += curve[2]
        hessian[k:, k:] += 1.0 / k
        return gradient - self.linear, hessian


def fit_softmax(build, rows, start):
    """Return the minimum of the objective ``build(*rows)``."""
    for stride in strides(rows[0].shape[0]):
        start = newton(build(*(part[::stride] for part in rows)), start)
    return start


def strides(n_rows):
    """Return the row strides of the fits: first a subset of rows, then all rows."""
    stride = n_rows // _MANY_ROWS
    return [stride, 1] if stride > 3 else [1]


def fit_shared_slope(
    z, codes, weight, class_count, own_target, other_target, *, bias=True
):
    """Fit softmax(slope * z + intercept) exactly, with one slope for all classes.

    If the slope cannot be estimated, or is zero or less, the result is chosen as in
    :func:`~skweight.calibration._engine.logistic.fit_slope`.
    """
    k = z.shape[1]
    # The parameters of the shared map are the slope and, if there is a bias, the k
    # intercepts.
    share = np.zeros((2 * k, 1 + k if bias else 1))
    share[:k, 0] = 1.0
    if bias:
        share[k:, 1:] = np.eye(k)
    refused = False
    if slope_is_known(z, class_count, bias):
        # Two divisions keep the squares finite at any magnitude of the scores.
        peak = max(z.max(), -z.min())
        u = z / peak
        scale = np.sqrt(weight @ np.einsum("ij,ij->i", u, u) / weight.sum() / k)
        u /= scale

        def build(u, codes, weight):
            return Restricted(
                SoftmaxObjective(u, codes, weight, own_target, other_target), share
            )

        start = np.zeros(share.shape[1])
        if bias:
            start[1:] = log_mean_target(codes, weight, own_target, other_target)
        fitted = fit_softmax(build, (u, codes, weight), start)
        if fitted[0] > 0:
            intercept = fitted[1:] - fitted[1:].mean() if bias else np.zeros(k)
            return SlopeFit(fitted[0] / scale / peak, intercept, refused=False)
        refused = True
    slope = 0.0 if refused else 1.0
    if not bias:
        return SlopeFit(slope, np.zeros(k), refused)
    origin = np.repeat([slope, 0.0], k)

    def build_intercept(z, codes, weight):
        objective = SoftmaxObjective(z, codes, weight, own_target, other_target)
        return Restricted(objective, share[:, 1:], origin)

    start = log_mean_target(codes, weight, own_target, other_target)
    fitted = fit_softmax(build_intercept, (z, codes, weight), start)
    return SlopeFit(slope, fitted - fitted.mean(), refused)


def log_mean_target(codes, weight, own_target, other_target):
    """Return the centred log of the mean target per class, as a start for b."""
    extra = np.bincount(
        codes, weight * (own_target - other_target)[codes], own_target.shape[0]
    )
    start = np.log((weight @ other_target[codes] + extra) / weight.sum())
    return start - start.mean()
