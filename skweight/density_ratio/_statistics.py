"""Sums of kernels over rows. The sums over parts of the data can be added."""

from typing import NamedTuple

import numpy as np

from skweight._utils.sums import Sums, chunk_weights
from skweight._utils.validation import n_rows
from skweight.density_ratio._kernels import chunks
from skweight.density_ratio._tables import check_same_columns, column_names, numbers


class KernelMoments(NamedTuple):
    """Means of kernels and of their products over the rows of one population.

    Parameters
    ----------
    mean : ndarray of shape (n_basis,)
        Mean of each basis function.
    gram : ndarray of shape (n_basis, n_basis)
        Mean of each product of two basis functions.
    mass : float
        Sum of the weights of the rows; without weights, the number of rows.
    n_rows : int
        Number of rows.

    Examples
    --------
    >>> from skweight.density_ratio._statistics import KernelMoments
    >>> KernelMoments._fields
    ('mean', 'gram', 'mass', 'n_rows')
    """

    mean: np.ndarray
    gram: np.ndarray
    mass: float
    n_rows: int


class KernelStatistics(Sums):
    r"""Add up basis functions over chunks of rows; chunks may be on several machines.

    .. math::
        m = \sum_i s_i, \qquad b = \sum_i s_i \varphi(x_i), \qquad
        G = \sum_i s_i \varphi(x_i) \varphi(x_i)^\top

    :class:`ULSIF` needs only these sums from a population. They take a few kilobytes.
    Chunks may be added in any order and on any machine. `merge` adds the sums of
    another machine. The result equals the sums over all rows at once, up to rounding in
    float64.

    Parameters
    ----------
    basis : object
        Basis functions of a fitted estimator. Do not create this object directly; call
        :meth:`ULSIF.statistics`.
    columns : list or None
        Names of the columns of the fit, if they have names.
    n_columns : int
        Number of columns of the fit.

    See Also
    --------
    ULSIF.fit_statistics : Fits on the sums.

    Notes
    -----
    For n rows, d columns and b basis functions, the time is O(n b (d + b)) and the
    memory is O(b (b + chunk)). Kernels are float32 and sums are float64.

    Examples
    --------
    Choose the parameters on a sample, then fit on all rows, chunk by chunk:

    >>> import numpy as np
    >>> from skweight.density_ratio import ULSIF
    >>> rng = np.random.default_rng(0)
    >>> X_source, X_target = rng.normal(size=(9000, 2)), rng.normal(0.5, size=(9000, 2))
    >>> model = ULSIF(random_state=0).fit(X_source[:1000], X_target[:1000])
    >>> source, target, elsewhere = (model.statistics() for _ in range(3))
    >>> for start in range(0, 9000, 1000):
    ...     _ = source.update(X_source[start : start + 1000])
    >>> _ = target.update(X_target[:4000])
    >>> _ = target.merge(elsewhere.update(X_target[4000:]))
    >>> target.finalize().n_rows
    9000
    >>> model = model.fit_statistics(source, target)
    """

    _takes = ("X",)

    def __init__(self, basis, columns, n_columns):
        super().__init__()
        self.basis = basis
        self._columns, self._n_columns = columns, n_columns

    def update(self, X, sample_weight=None, *, key=None):
        """Add the rows of a chunk to the sums.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Any number of rows. They must have the same columns as in the fit, in the
            same order.
        sample_weight : array-like of shape (n_samples,), default=None
            How many rows of the population each row stands for.
        key : hashable, default=None
            Name of the partition, if the chunk is a whole partition. If a partition
            with this name was added before, the chunk replaces it. With None, the rows
            are always added.

        Returns
        -------
        self : object
            The statistics.
        """
        if n_rows(X) == 0:
            return self._take({}, key)
        # A fit on arrays says nothing about names.
        names = column_names(X) if self._columns is None else self._columns
        reference = "the tables of fit"
        check_same_columns(X, names, self._n_columns, name="X", reference=reference)
        X = numbers(X, owner=type(self).__name__, name="X")
        return self._count(X, chunk_weights(sample_weight, n_rows(X)), key=key)

    def _count(self, X, weight, *, products=True, quick=False, key=None):
        """Add rows that have been checked already."""
        basis = self.basis.quick_features if quick else self.basis.features
        mass, mean = 0.0, np.zeros(self.basis.size)
        gram = np.zeros((self.basis.size, self.basis.size))
        for rows in chunks(X):
            features = basis(X[rows])
            if weight is None:
                weights = np.ones(features.shape[0], dtype=features.dtype)
                weighted = features
            else:
                weights = weight[rows].astype(features.dtype, copy=False)
                weighted = features * weights[:, np.newaxis] if products else None
            mass += weights.sum(dtype=np.float64)
            mean += weights @ features
            if products:
                gram += weighted.T @ features
        sums = {"mass": np.array(mass), "n_rows": np.array(X.shape[0])}
        return self._take(sums | {"mean": mean, "gram": gram}, key)

    def _before_merge(self, other):
        if not self.basis.same_as(other.basis):
            raise ValueError(
                "merge takes KernelStatistics with the same basis functions; got "
                "statistics of another fit. Make all of them with the statistics() of "
                "one estimator."
            )

    def finalize(self):
        """Return the means over all rows added so far.

        Returns
        -------
        moments : KernelMoments
            The means of the kernels. More rows may still be added to the sums
            afterwards.
        """
        sums = self._totals()
        mass = float(sums.get("mass", 0.0))
        if not mass > 0:
            raise ValueError(
                "No rows have been counted. Call update(X) before finalize()."
            )
        return KernelMoments(
            sums["mean"] / mass, sums["gram"] / mass, mass, int(sums["n_rows"])
        )
