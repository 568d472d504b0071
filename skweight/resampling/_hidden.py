"""Columns that a sampler interpolates and that none of its helpers sees.

A sampler of the SMOTE family makes a row on the line between two others, coordinate by
coordinate. Whatever is appended to X as one more coordinate is therefore interpolated
by the same number as the features, provided that the search for neighbours, the
clustering and the support vectors do not look at it. Those are objects that the
sampler is handed, so they can be handed in a wrapper that takes the columns off.
"""

import numpy as np
from sklearn.base import BaseEstimator

from skweight._utils.warn import warn
from skweight.exceptions import FewerThanAskedWarning

_OWN = ("estimator", "start", "stop", "dtype")


class ColumnHider(BaseEstimator):
    """Stand between a sampler and a helper of it, taking columns off on the way.

    Parameters
    ----------
    estimator : estimator
        The helper: a search for neighbours, a clusterer or a support vector machine.
    start, stop : int
        The columns from `start` to before `stop` are not seen.
    dtype : dtype or None, default=None
        What the rows were before columns were appended.
    """

    def __init__(self, estimator, start=0, stop=0, dtype=None):
        self.estimator = estimator
        self.start = start
        self.stop = stop
        self.dtype = dtype

    def set_params(self, **params):
        """Set parameters, those of the helper under their own names."""
        own = {k: v for k, v in params.items() if k.partition("__")[0] in _OWN}
        super().set_params(**own)
        self.estimator.set_params(**{k: v for k, v in params.items() if k not in own})
        return self

    def fit(self, X, y=None):
        """Fit the helper on the columns that it may see."""
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
    """A search for neighbours that does not see some columns.

    A class with no more rows than neighbours were asked for has them all as
    neighbours, some of them twice, so that the sampler gets as many as it expects.
    """

    @property
    def n_neighbors(self):
        """Number of neighbours, the row itself among them."""
        return self.estimator.n_neighbors

    def fit(self, X, y=None):
        """Fit the search, and say so if there are too few rows."""
        self.n_rows_ = X.shape[0]
        if self.n_rows_ < self.n_neighbors:
            n = self.n_rows_
            what = (
                f"it is given its {n - 1} others instead"
                if n > 1
                else "it is repeated instead"
            )
            warn(
                f"A class has {n} row{'s' if n > 1 else ''}, and each was to be mixed "
                f"with one of its {self.n_neighbors - 1} nearest neighbours: {what}. "
                "Collect more rows of it, or lower the number of neighbours of the "
                "sampler.",
                FewerThanAskedWarning,
            )
        return super().fit(X, y)

    def kneighbors(self, X=None, n_neighbors=None, return_distance=True):
        """Return the neighbours of rows, themselves first."""
        wanted = self.n_neighbors if n_neighbors is None else n_neighbors
        found = min(wanted, self.n_rows_)
        distances, rows = self.estimator.kneighbors(
            None if X is None else self._visible(X), n_neighbors=found
        )
        if found < wanted:
            # The first is the row itself; the others take turns.
            turns = np.arange(wanted - 1) % max(found - 1, 1) + (found > 1)
            columns = np.concatenate([[0], turns])
            distances, rows = distances[:, columns], rows[:, columns]
        return (distances, rows) if return_distance else rows

    def kneighbors_graph(self, X=None, n_neighbors=None, mode="connectivity"):
        """Return the graph of neighbours, as the helper makes it."""
        X = None if X is None else self._visible(X)
        return self.estimator.kneighbors_graph(X, n_neighbors, mode)


class ClusterHider(ColumnHider):
    """A clusterer that does not see some columns."""

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
    """A support vector machine that does not see some columns."""

    @property
    def support_(self):
        """Positions of the support vectors."""
        return self.estimator.support_

    def predict(self, X):
        """Return the labels of rows."""
        return self.estimator.predict(self._visible(X))
