"""Gaussian kernels on centres, computed for one chunk of rows after the other.

A squared distance is a difference of large numbers, so rounding errors matter.
Therefore squared distances are computed in float64, by a single matrix product. There
is one exception: sums over very many rows, and the ratios from these sums, use float32
distances. Kernels are float32 in two cases: if many rows are summed, and if the kernels
are used only to choose parameters. On most machines, the exponential of float32 numbers
is several times faster. Small fits use float64 throughout. The kernels of a row do not
depend on the chunk of the row. Therefore sums over chunks can be added.
"""

from copy import copy

import numpy as np
from scipy import sparse
from sklearn.utils.random import sample_without_replacement

from skweight._utils.validation import check_number
from skweight.weights import weighted_quantile

# Number of rows per chunk. The kernels of one chunk fit in the cache of a core. Larger
# chunks are slower.
CHUNK_ROWS = 1024

# With at least this many rows, kernels are float32.
_MANY_ROWS = 30_000

# Largest number of values in a chunk. If a table is wide, its chunks have fewer rows.
_CHUNK_VALUES = 1 << 21

# Exponents of the default grid of widths. Each width is two to the power of an
# exponent, times the median distance.
_WIDTH_EXPONENTS = np.arange(-3, 8) / 2

# float32 is accurate enough only if no term of an exponent is larger than _LARGEST_TERM
# and no squared norm is larger than _LARGEST_NORM.
_LARGEST_TERM = 1e2
_LARGEST_NORM = 1e30

# A column has outliers if its standard deviation is more than this multiple of the
# standard deviation of its middle rows.
_OUTLIERS = 5.0

# The test for outliers uses at most _ROBUST_ROWS rows of each sample. At each end, the
# share _TAIL of the rows may be outliers. For a normal distribution, the middle part
# between the two ends is _BETWEEN_TAILS standard deviations wide.
_ROBUST_ROWS = 10_000
_TAIL = 0.1
_BETWEEN_TAILS = 2.563

# Before the relative ratio is mapped back to the plain ratio, it is clipped to this
# share of its bound.
_LARGEST_RELATIVE = 0.9


def chunks(X):
    """Yield slices that split the rows of X into chunks of limited size."""
    n, width = X.shape
    size = CHUNK_ROWS
    if not sparse.issparse(X):
        size = int(np.clip(_CHUNK_VALUES // max(width, 1), 16, CHUNK_ROWS))
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def subsample(sample, n_rows, rng):
    """Draw at most n_rows rows of a sample, without replacement."""
    n = sample.X.shape[0]
    if n <= n_rows:
        return sample
    rows = np.sort(sample_without_replacement(n, n_rows, random_state=rng))
    return sample.take(rows)


def moments(sample):
    """Return mean and variance of every column, with the shares of rows as weights."""
    X = sample.X
    first = np.zeros(X.shape[1])
    second = np.zeros(X.shape[1])
    # Subtract one row first. Otherwise, the square of a large mean would cause
    # cancellation.
    origin = 0.0 if sparse.issparse(X) else np.asarray(X[0], dtype=np.float64)
    for rows in chunks(X):
        share = sample.share_of(rows)
        if sparse.issparse(X):
            part = X[rows].astype(np.float64)
            first += share @ part
            second += share @ part.multiply(part)
        else:
            part = X[rows] - origin
            first += share @ part
            second += share @ np.square(part, out=part)
    return first + origin, np.maximum(second - first**2, 0.0)


def scale_columns(source, target, *, standardize):
    """Return the shift and the scale of every column; both samples have equal weights.

    Constant columns get scale 1. If all columns are constant, an error is raised. A
    sparse table is not shifted, because a shift does not change distances. The scale of
    a column with far outliers is estimated from its middle rows. For example, a number
    that stands for a missing value can be an outlier.
    """
    mean_source, var_source = moments(source)
    mean_target, var_target = moments(target)
    # The scale does not include the variance between the two samples. Otherwise, the
    # data would shrink in the direction of the shift between the samples. The variance
    # between the samples is used only if there is no other variance.
    variance = (var_source + var_target) / 2
    between = (mean_source - mean_target) ** 2 / 4
    variance = np.where(variance > 1e-12 * between, variance, between)
    mean = (mean_source + mean_target) / 2
    if not (sparse.issparse(source.X) or sparse.issparse(target.X)):
        middles, spreads = zip(*map(_middle, (source, target)), strict=True)
        spread = np.mean(spreads, axis=0)
        far = (spread > 0) & (variance > _OUTLIERS**2 * spread)
        variance = np.where(far, spread, variance)
        mean = np.where(far, np.mean(middles, axis=0), mean)
    # Rounding may give a constant column a tiny variance, which is ignored.
    largest = np.maximum(np.abs(mean_source), np.abs(mean_target))
    constant = variance <= np.maximum((1e-13 * largest) ** 2, 1e-300)
    if constant.all():
        raise ValueError(
            "Every feature is constant over all rows of source and target, so the two "
            "samples do not differ. Pass the features whose distribution shifts."
        )
    scale = np.sqrt(np.where(constant | (not standardize), 1.0, variance))
    if sparse.issparse(source.X) or sparse.issparse(target.X):
        mean = np.zeros_like(mean)
    return mean, scale


def _middle(sample):
    """Return median and variance of every column, estimated from its middle rows."""
    step = -(-sample.n // _ROBUST_ROWS)
    rows = np.asarray(sample.X[::step], dtype=np.float64)
    share = sample.shares()[::step]
    low, median, high = np.transpose(
        [weighted_quantile(x, share, [_TAIL, 0.5, 1 - _TAIL]) for x in rows.T]
    )
    return median, ((high - low) / _BETWEEN_TAILS) ** 2


def choose_centers(sample, n_centers, rng):
    """Draw distinct rows, in proportion to their share, and return their positions.

    If the number of distinct rows is not larger than the number of requested centres,
    the positions of all distinct rows are returned, without randomness.
    """
    X = sample.X
    n = X.shape[0]
    if sample.share is None and n > _MANY_ROWS:
        # More rows than centres are drawn, because some rows may be equal. This draw
        # does not need a random number for every row.
        rows = sample_without_replacement(n, 4 * n_centers, random_state=rng)
    else:
        # For each row, a waiting time is drawn from the exponential distribution whose
        # rate is the share of the row. The rows with the shortest waiting times are a
        # weighted draw without replacement.
        rates = 1.0 if sample.share is None else np.maximum(sample.share, 1e-300)
        rows = np.argsort(rng.exponential(size=n) / rates)
        rows = rows[: max(4 * n_centers, 20_000)]
    table = X[rows].toarray() if sparse.issparse(X) else np.asarray(X[rows])
    _, first = np.unique(table, axis=0, return_index=True)
    chosen = rows[np.sort(first)[:n_centers]] if first.size > n_centers else rows[first]
    return chosen


class GaussianKernels:
    """Gaussian kernels between any rows and fixed centres.

    Parameters
    ----------
    centers : array-like or sparse matrix of shape (n_centers, n_features)
        Centres in the units of the data.
    mean, scale : ndarray of shape (n_features,)
        Shift and divisor of every column.
    dtype : dtype, default=np.float64
        Type of the kernel values.
    """

    def __init__(self, centers, mean, scale, dtype=np.float64):
        self.dtype = dtype
        self.mean = mean
        self.scale = scale
        self._inverse_scale = 1 / scale
        self.centers = self._standardized(centers)
        if sparse.issparse(self.centers):
            self.centers = self.centers.toarray()
        norms = np.einsum("ij,ij->i", self.centers, self.centers)
        # The product of the factors with [z, |z|^2, 1] gives all squared distances of a
        # row.
        self._to_distances = np.vstack(
            [-2 * self.centers.T, np.ones(norms.size), norms]
        )

    def for_rows(self, source, target):
        """Return the same centres, with float32 kernels if there are many rows."""
        other = copy(self)
        other.dtype = np.float32 if many_rows(source, target) else np.float64
        return other

    @property
    def size(self):
        """Number of centres."""
        return self.centers.shape[0]

    def _standardized(self, X):
        if sparse.issparse(X):
            return sparse.csr_matrix(X.multiply(self._inverse_scale))
        return (X - self.mean) * self._inverse_scale

    def linear(self, X, reach=np.inf):
        """Return a constant and the clipped standardised columns, dense."""
        Z = self._standardized(X)
        Z = Z.toarray() if sparse.issparse(Z) else Z
        return np.hstack([np.ones((Z.shape[0], 1)), np.clip(Z, -reach, reach)])

    def _products(self, X, factors):
        """Return [z, |z|^2, 1] of the rows of one chunk times factors."""
        d = self.mean.size
        if sparse.issparse(X):
            Z = self._standardized(X)
            norms = np.asarray(Z.multiply(Z).sum(axis=1))
            return Z @ factors[:d] + norms.reshape(-1, 1) * factors[d] + factors[d + 1]
        return self.augmented(X) @ factors

    def augmented(self, X, dtype=np.float64):
        """Return [z, |z|^2, 1] of the rows of one dense chunk."""
        d = self.mean.size
        Z = np.empty((X.shape[0], d + 2), dtype=dtype)
        own = Z[:, :d]
        np.subtract(X, self.mean, out=own, casting="same_kind")
        own *= self._inverse_scale.astype(dtype, copy=False)
        np.einsum("ij,ij->i", own, own, out=Z[:, d])
        Z[:, d + 1] = 1.0
        return Z

    def to_exponents(self, sigma):
        """Return factors for the exponents of the kernels; the first column is zero."""
        factors = self._to_distances * (-0.5 / sigma**2)
        return np.hstack([np.zeros((factors.shape[0], 1)), factors])

    def sq_distances(self, X):
        """Return squared distances of the rows of one chunk, in float64."""
        distances = self._products(X, self._to_distances)
        return np.maximum(distances, 0.0, out=distances)

    def kernels(self, distances, sigma, dtype=None):
        """Return the kernels of given distances as a new array."""
        K = np.empty(distances.shape, dtype=self.dtype if dtype is None else dtype)
        # If a distance is too large for float32, the kernel is zero.
        with np.errstate(over="ignore", under="ignore"):
            np.multiply(distances, -0.5 / sigma**2, out=K, casting="same_kind")
            return np.exp(K, out=K)


def many_rows(source, target):
    """Return whether kernels should be float32 for speed."""
    return max(source.n, target.n) > _MANY_ROWS


def all_distances(kernels, X):
    """Return the squared distances of all rows at once; only for small tables."""
    parts = [kernels.sq_distances(X[rows]) for rows in chunks(X)]
    return np.concatenate(parts)


class KernelBasis:
    """The basis functions of a linear model: a constant and kernels of equal width."""

    def __init__(self, kernels, sigma):
        self.kernels = kernels
        self.sigma = sigma
        self._factors = kernels.to_exponents(sigma)
        # The rounding error of a float32 exponent is about the last digit of its
        # largest term.
        self._quick = (
            kernels.dtype == np.float32 and -self._factors[-1].min() < _LARGEST_TERM
        )

    @property
    def size(self):
        """Number of basis functions."""
        return self.kernels.size + 1

    def features(self, X):
        """Return the basis functions of the rows of one chunk, in float64.

        If a row is in another chunk, its values change only after the tenth digit.
        """
        features = np.empty((X.shape[0], self.size))
        exponents = self.kernels._products(X, self._factors)
        with np.errstate(over="ignore", under="ignore"):
            np.exp(exponents, out=features, dtype=self.kernels.dtype, casting="unsafe")
        return features

    def quick_features(self, X):
        """Return the features; with many rows, in float32 with five correct digits."""
        if not self._quick or sparse.issparse(X):
            return self.features(X)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            Z = self.kernels.augmented(X, np.float32)
            if not Z[:, -2].max() < _LARGEST_NORM:
                return self.features(X)
            exponents = Z @ self._factors.astype(np.float32)
            return np.exp(exponents, out=exponents)

    def combination(self, coef):
        """Return the linear combination with these coefficients, for a chunk."""
        single = coef.astype(np.float32)

        def combine(X):
            features = self.quick_features(X)
            return features @ (single if features.dtype == np.float32 else coef)

        return combine

    def same_as(self, other):
        """Return whether another basis has the same functions."""
        return self.sigma == other.sigma and all(
            np.array_equal(getattr(self.kernels, name), getattr(other.kernels, name))
            for name in ("centers", "mean", "scale")
        )


def with_constant(kernels):
    """Return kernels with a column of ones in front."""
    features = np.empty((kernels.shape[0], kernels.shape[1] + 1), dtype=kernels.dtype)
    features[:, 0] = 1
    features[:, 1:] = kernels
    return features


def plain_ratio(relative, alpha):
    """Return p_target / p_source for a ratio relative to a mixture of both densities.

    If the relative ratio equals its bound 1 / alpha, the plain ratio is infinite.
    Therefore the relative ratio is first clipped to a value below this bound.
    """
    if alpha == 0:
        return relative
    relative = np.minimum(relative, _LARGEST_RELATIVE / alpha)
    return (1 - alpha) * relative / (1 - alpha * relative)


def width_grid(sigmas, distances, shares, exponents=_WIDTH_EXPONENTS):
    """Return the candidate widths, ascending.

    Parameters
    ----------
    sigmas : None, float or array-like
        The parameter ``sigmas`` of the user. None means a grid around the median
        distance between rows and centres. In this median, source and target have a
        weight of one half each.
    distances : list of ndarray of shape (n_rows, n_centers)
        Squared distances of the rows of source and target.
    shares : list of ndarray of shape (n_rows,)
        Share of each row in its sample.
    exponents : ndarray
        Exponents of the grid. Each width is two to the power of an exponent, times the
        median distance.
    """
    if sigmas is not None:
        return check_grid(sigmas, None, name="sigmas")
    values, weights = [], []
    for part, share in zip(distances, shares, strict=True):
        # Some 10,000 distances are enough for a median.
        step = max(1, part.shape[0] // 300)
        part, share = part[::step], share[::step]
        values.append(part.ravel())
        weights.append(np.repeat(share / share.sum(), part.shape[1]))
    median = _weighted_median(np.concatenate(values), np.concatenate(weights))
    return np.sqrt(median) * 2.0**exponents


def _weighted_median(values, weights):
    """Return the lower weighted median of the positive values."""
    order = np.argsort(values)
    # The distance of a centre to itself is zero up to a rounding error, and is left
    # out. The size of the rounding error is estimated from the 90 % quantile of the
    # values, because outliers do not affect a quantile.
    typical = values[order[round(0.9 * (order.size - 1))]] or values.max()
    order = order[values[order] > 1e-12 * typical]
    if order.size == 0:
        return 1.0
    cumulated = np.cumsum(weights[order])
    # The tolerance keeps ties that rounding would break.
    position = np.searchsorted(cumulated, cumulated[-1] * (0.5 - 1e-9))
    return float(values[order[position]])


def check_grid(values, default, *, name):
    """Return the candidate values as an ascending array of positive numbers."""
    if values is None:
        return default
    grid = np.unique(np.asarray(values, dtype=np.float64))
    if not (grid.size and np.isfinite(grid).all() and grid[0] > 0):
        raise ValueError(
            f"{name} must be a positive number, or a sequence of positive numbers to "
            f"choose from; got {values!r}. Pass None for a grid that fits the data."
        )
    return grid


def kernel_setup(model, source, target, rng, exponents=_WIDTH_EXPONENTS):
    """Return the inputs that all kernel methods share.

    Parameters
    ----------
    model : estimator
        An estimator that has the common parameters of the kernel methods.
    source, target : Sample
        All rows.
    rng : RandomState
        Generator with which the centres and the rows are drawn.
    exponents : ndarray
        Exponents of the default grid of widths, see `width_grid`.

    Returns
    -------
    kernels : GaussianKernels
        Kernels on centres drawn from the target.
    widths : ndarray
        Candidate widths.
    samples : list of Sample
        The source rows and the target rows with which the width is chosen.
    distances : list of ndarray
        Squared distances between the rows of ``samples`` and the centres, computed once
        for all widths.
    """
    check_number(model.n_centers, name="n_centers", low=1)
    check_number(model.max_selection_rows, name="max_selection_rows", low=10)
    mean, scale = scale_columns(source, target, standardize=model.standardize)
    centers = target.X[choose_centers(target, model.n_centers, rng)]
    kernels = GaussianKernels(centers, mean, scale).for_rows(source, target)
    samples = [
        subsample(one, model.max_selection_rows, rng) for one in (source, target)
    ]
    distances = [all_distances(kernels, sample.X) for sample in samples]
    shares = [sample.shares() for sample in samples]
    widths = width_grid(model.sigmas, distances, shares, exponents)
    return kernels, widths, samples, distances


def cv_results(scores, **params):
    """Return scores of candidates, in the form of ``cv_results_`` of scikit-learn."""
    order = np.argsort(-scores, kind="stable")
    rank = np.empty(scores.size, dtype=np.int32)
    rank[order] = np.arange(1, scores.size + 1)
    columns = {f"param_{name.rstrip('_')}": value for name, value in params.items()}
    return {**columns, "mean_test_score": scores, "rank_test_score": rank}
