"""Approximate nearest neighbours by random projection trees."""

from itertools import pairwise

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from skweight._utils.validation import check_number

# Number of distances that are computed at a time.
_CHUNK = 1 << 22

# Number of randomly drawn rows that are combined to a random direction.
_SAMPLE = 1000


class ProjectionNeighbors(BaseEstimator):
    r"""Approximate search for neighbours by random projection trees.

    Use this class if a sampler needs most of its time to search for neighbours. An
    example is ``SMOTE(k_neighbors=ProjectionNeighbors(6))``, where the row itself
    counts as one of the 6 neighbours. Every tree splits the rows at the median along a
    random direction. Then the tree splits each half, and so on, until each leaf has at
    most `leaf_size` rows. A row is compared only with the rows of the same leaf. The
    search returns the nearest of the rows that all trees have found.

    Parameters
    ----------
    n_neighbors : int, default=6
        Number of neighbours of every row, including the row itself.
    n_trees : int, default=1
        Number of trees. More trees find more of the true neighbours. The time is
        proportional to the number of trees.
    leaf_size : int, default=512
        Largest number of rows in a leaf. Larger leaves find more of the true
        neighbours, but make the search slower.
    random_state : int, RandomState instance or None, default=0
        Seed of the random directions. None draws new directions in every fit.

    Attributes
    ----------
    n_features_in_ : int
        Number of features.

    See Also
    --------
    sklearn.neighbors.NearestNeighbors : The exact search.

    Notes
    -----
    The time is :math:`O(T n d (\log n + L))` for T trees and leaves of L rows, while
    the exact search in many dimensions takes :math:`O(n^2 d)`. The memory is :math:`O(n
    (d + T))`. Distances are computed in single precision on centred rows. The share of
    true neighbours that are found depends on the data; see the user guide. If there are
    at most `leaf_size` rows, the search is exact.

    References
    ----------
    .. [1] S. Dasgupta, Y. Freund, "Random projection trees and low dimensional
       manifolds", STOC 2008, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from imblearn.over_sampling import SMOTE
    >>> from skweight.resampling import ProjectionNeighbors
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(2000, 5)), np.repeat([0, 1], [1500, 500])
    >>> sampler = SMOTE(k_neighbors=ProjectionNeighbors(6), random_state=0)
    >>> sampler.fit_resample(X, y)[0].shape
    (3000, 5)
    """

    def __init__(
        self,
        n_neighbors=6,
        *,
        n_trees=1,
        leaf_size=512,
        random_state=0,
    ):
        self.n_neighbors = n_neighbors
        self.n_trees = n_trees
        self.leaf_size = leaf_size
        self.random_state = random_state

    def fit(self, X, y=None):
        """Store the rows, and build the trees.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows among which neighbours are searched. Sparse matrices become dense.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : object
            The fitted neighbour search.
        """
        check_number(self.n_trees, name="n_trees", low=1)
        check_number(self.leaf_size, name="leaf_size", low=2 * self.n_neighbors)
        rows = self._check(X, reset=True)
        # Rows are centred, because squares of large numbers lose digits in single
        # precision.
        self._mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        self._rows = rows - self._mean
        rng = check_random_state(self.random_state)
        depth = max(int(np.ceil(np.log2(len(rows) / self.leaf_size))), 0)
        self._trees = [
            _Tree(self._rows, depth, rng) for _ in range(self.n_trees if depth else 1)
        ]
        return self

    def kneighbors(self, X=None, n_neighbors=None, return_distance=True):
        """Return the nearest rows of the fit, nearest first.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features), default=None
            Rows whose neighbours are searched. If X contains a row of the fit, the
            first neighbour of this row is the row itself. None means all rows of the
            fit. With None, a row does not count as its own neighbour.
        n_neighbors : int, default=None
            Number of neighbours; None takes the parameter of the constructor.
        return_distance : bool, default=True
            Whether to return distances as well.

        Returns
        -------
        distances : ndarray of shape (n_queries, n_neighbors)
            Euclidean distances; only if ``return_distance`` is True.
        neighbors : ndarray of shape (n_queries, n_neighbors)
            Positions of the neighbours among the rows of the fit.
        """
        check_is_fitted(self, "_rows")
        n_wanted = self.n_neighbors if n_neighbors is None else n_neighbors
        n_rows = len(self._rows)
        n_candidates = n_wanted + (X is None)
        if not 1 <= n_candidates <= min(n_rows, self.leaf_size):
            raise ValueError(
                f"Expected n_neighbors <= n_samples_fit and <= leaf_size, but "
                f"n_neighbors = {n_wanted}, n_samples_fit = {n_rows}, leaf_size = "
                f"{self.leaf_size}."
            )
        same = X is None
        queries = self._rows if same else self._check(X) - self._mean
        same = same or np.array_equal(queries, self._rows)
        distances, neighbors = self._search(queries, n_candidates, same)
        if X is None:
            is_self = neighbors == np.arange(n_rows)[:, None]
            is_self[~is_self.any(axis=1), -1] = True
            shape = (n_rows, n_wanted)
            distances, neighbors = (
                array[~is_self].reshape(shape) for array in (distances, neighbors)
            )
        return (distances, neighbors) if return_distance else neighbors

    def kneighbors_graph(self, X=None, n_neighbors=None, mode="connectivity"):
        """Return the graph of neighbours as a sparse matrix.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features), default=None
            Rows whose neighbours are searched. None means all rows of the fit.
        n_neighbors : int, default=None
            Number of neighbours; None takes the parameter of the constructor.
        mode : {"connectivity", "distance"}, default="connectivity"
            Whether the entries of the matrix are ones or distances.

        Returns
        -------
        graph : csr_matrix of shape (n_queries, n_samples_fit)
            Sparse matrix with one row per query and one column per row of the fit.
        """
        distances, neighbors = self.kneighbors(X, n_neighbors)
        n_queries, k = neighbors.shape
        values = distances if mode == "distance" else np.ones_like(distances)
        ends = np.arange(0, n_queries * k + 1, k)
        return sparse.csr_matrix(
            (values.ravel(), neighbors.ravel(), ends),
            shape=(n_queries, len(self._rows)),
        )

    def _check(self, X, *, reset=False):
        X = X.toarray() if sparse.issparse(X) else X
        return validate_data(self, X, reset=reset, dtype=np.float32)

    def _search(self, queries, k, same):
        best = None
        for tree in self._trees:
            candidates = tree.search(queries, self._rows, k, same)
            best = candidates if best is None else _merge(best, candidates, k)
        squares, neighbors = best
        return np.sqrt(np.maximum(squares, 0)).astype(np.float64), neighbors

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @classmethod
    def _instances(cls, labels):
        """Return instances for the shared tests; `labels` are the row labels."""
        return [cls()]


class _Tree:
    """A tree that splits rows at the medians along random directions."""

    def __init__(self, rows, depth, rng):
        n_rows = len(rows)
        # A direction is a random combination of rows. Random combinations of rows tend
        # to be directions of large variance.
        sample = rng.randint(n_rows, size=min(n_rows, _SAMPLE))
        mix = rng.standard_normal((depth, sample.size)).astype(np.float32)
        self.directions = mix @ rows[sample]
        self.cuts = []
        # Rows in the order of the leaves.
        order = np.arange(n_rows)
        ends = np.array([0, n_rows])
        for direction in self.directions:
            value = (rows @ direction)[order]
            cuts, new_ends = [], [0]
            for start, stop in pairwise(ends):
                middle = (stop - start) // 2
                part = np.argpartition(value[start:stop], middle)
                cuts.append(value[start:stop][part[middle]])
                order[start:stop] = order[start:stop][part]
                new_ends += [start + middle, stop]
            self.cuts.append(np.array(cuts))
            ends = np.array(new_ends)
        self.order, self.ends = order, ends

    def search(self, queries, rows, k, same):
        """Return squared distances and positions of the k nearest rows of the leaf."""
        squares = np.empty((len(queries), k), dtype=np.float32)
        neighbors = np.empty((len(queries), k), dtype=np.intp)
        if same:
            members, bounds = self.order, self.ends
        else:
            leaves = self._leaves(queries)
            members = np.argsort(leaves, kind="stable")
            bounds = np.searchsorted(leaves[members], np.arange(len(self.ends)))
        for leaf in range(len(self.ends) - 1):
            leaf_queries = members[bounds[leaf] : bounds[leaf + 1]]
            leaf_rows = self.order[self.ends[leaf] : self.ends[leaf + 1]]
            candidates = rows[leaf_rows]
            step = max(_CHUNK // len(leaf_rows), 1)
            for start in range(0, len(leaf_queries), step):
                query_block = leaf_queries[start : start + step]
                distance = _squares(queries[query_block], candidates)
                best, at = _smallest(distance, k)
                squares[query_block], neighbors[query_block] = best, leaf_rows[at]
        return squares, neighbors

    def _leaves(self, queries):
        leaves = np.zeros(len(queries), dtype=np.intp)
        for direction, cuts in zip(self.directions, self.cuts, strict=True):
            leaves = 2 * leaves + (queries @ direction >= cuts[leaves])
        return leaves


def _squares(queries, rows):
    """Return squared distances between all pairs."""
    norms = np.einsum("ij,ij->i", rows, rows)
    squares = queries @ rows.T
    squares *= -2
    squares += norms
    squares += np.einsum("ij,ij->i", queries, queries)[:, None]
    return squares


def _smallest(values, k):
    """Return the k smallest values of every row, sorted, and their positions."""
    if values.shape[1] > k:
        at = np.argpartition(values, k - 1, axis=1)[:, :k]
        values = np.take_along_axis(values, at, axis=1)
    else:
        at = np.broadcast_to(np.arange(values.shape[1]), values.shape)
    order = np.argsort(values, axis=1, kind="stable")
    return np.take_along_axis(values, order, 1), np.take_along_axis(at, order, 1)


def _merge(first, second, k):
    """Merge two lists of neighbours; return the k nearest rows, without duplicates."""
    squares, neighbors = (np.hstack(pair) for pair in zip(first, second, strict=True))
    order = np.argsort(neighbors, axis=1, kind="stable")
    neighbors = np.take_along_axis(neighbors, order, axis=1)
    squares = np.take_along_axis(squares, order, axis=1)
    squares[:, 1:][neighbors[:, 1:] == neighbors[:, :-1]] = np.inf
    best, at = _smallest(squares, k)
    return best, np.take_along_axis(neighbors, at, axis=1)
