"""Wrappers that hide columns from the helpers of a sampler.

A sampler of the SMOTE family creates a row on the line between two other rows. If
weights are appended to X as a column, they are interpolated in the same way as the
features. However, three helpers of the sampler must not use the column of weights: the
search for neighbours, the clusterer and the support vector machine. The helpers are
parameters of the sampler. They are therefore replaced by wrappers that remove the
column of weights.
"""

import numpy as np
from sklearn.base import BaseEstimator

from skweight._utils.warn import warn
from skweight.exceptions import FewerThanAskedWarning

_OWN = ("estimator", "start", "stop", "dtype")


class ColumnHider(BaseEstimator):
    """Hide columns from a helper of a sampler, such as a clusterer.

    Parameters
    ----------
    estimator : estimator
        The helper: a search for neighbours, a clusterer or a support vector machine.
    start, stop : int
        The columns from `start` to ``stop - 1`` are hidden.
    dtype : dtype or None, default=None
        Dtype of the rows before columns were appended.
    """

    def __init__(self, estimator, start=0, stop=0, dtype=None):
        self.estimator = estimator
        self.start = start
        self.stop = stop
        self.dtype = dtype

    def set_params(self, **params):
        """Set parameters of the wrapper or of the helper; no prefix is needed."""
        own_params = {k: v for k, v in params.items() if k.partition("__")[0] in _OWN}
        super().set_params(**own_params)
        self.estimator.set_params(
            **{k: v for k, v in params.items() if k not in own_params}
        )
        return self

    def fit(self, X, y=None):
        """Fit the helper on the visible columns."""
        X = self._visible(X)
        self.estimator.fit(X) if y is None else self.estimator.fit(X, y)
        return self

    def _visible(self, X):
        if self.stop > self.start:
            if self.stop == X.shape[1]:
                X = X[:, : self.start]
            else:
                keep = np.r_[: self.start, self.stop : X.shape[1]]
                X = X[:, keep]
        if self.dtype is not None and X.dtype != self.dtype:
            X = X.astype(self.dtype)
        return X


class NeighborsHider(ColumnHider):
    """A search for neighbours from which some columns are hidden.

    If a class has too few rows, the neighbours of each row are repeated, so that the
    sampler gets the expected number of neighbours.
    """

    @property
    def n_neighbors(self):
        """Number of neighbours, including the row itself."""
        return self.estimator.n_neighbors

    def fit(self, X, y=None):
        """Fit the neighbour search; warn if there are fewer rows than neighbours."""
        self.n_rows_ = X.shape[0]
        if self.n_rows_ < self.n_neighbors:
            n = self.n_rows_
            consequence = (
                f"it is given its {n - 1} others instead"
                if n > 1
                else "it is repeated instead"
            )
            warn(
                f"A class has {n} row{'s' if n > 1 else ''}, but the sampler needs "
                f"{self.n_neighbors - 1} neighbours of each row: {consequence}. "
                "Collect more rows of that class, or lower the number of neighbours "
                "of the sampler.",
                FewerThanAskedWarning,
            )
        return super().fit(X, y)

    def kneighbors(self, X=None, n_neighbors=None, return_distance=True):
        """Return the neighbours of rows; the first neighbour is the row itself."""
        n_wanted = self.n_neighbors if n_neighbors is None else n_neighbors
        n_available = min(n_wanted, self.n_rows_)
        distances, rows = self.estimator.kneighbors(
            None if X is None else self._visible(X), n_neighbors=n_available
        )
        if n_available < n_wanted:
            # The first neighbour is the row itself. All other neighbours are repeated
            # in turn, until the sampler gets the expected number of neighbours.
            turns = np.arange(n_wanted - 1) % max(n_available - 1, 1) + (
                n_available > 1
            )
            columns = np.concatenate([[0], turns])
            distances, rows = distances[:, columns], rows[:, columns]
        return (distances, rows) if return_distance else rows

    def kneighbors_graph(self, X=None, n_neighbors=None, mode="connectivity"):
        """Return the graph of neighbours of the helper."""
        X = None if X is None else self._visible(X)
        return self.estimator.kneighbors_graph(X, n_neighbors, mode)


class ClusterHider(ColumnHider):
    """A clusterer from which some columns are hidden."""

    @property
    def n_clusters(self):
        """Number of clusters."""
        return self.estimator.n_clusters

    def fit_predict(self, X, y=None):
        """Return the cluster of every row."""
        return self.estimator.fit_predict(self._visible(X))

    def predict(self, X):
        """Return the cluster of other rows."""
        return self.estimator.predict(self._visible(X))


class SupportHider(ColumnHider):
    """A support vector machine from which some columns are hidden."""

    @property
    def support_(self):
        """Positions of the support vectors."""
        return self.estimator.support_

    def predict(self, X):
        """Return the labels of rows."""
        return self.estimator.predict(self._visible(X))
