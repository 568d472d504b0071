"""Vectors that ride along: what a sampler does to the rows, done to them as well.

A sampler that selects rows says which. One that makes rows between others gets the
vectors as further coordinates, hidden from all that decides which rows are made, so
that the rows are the same to the last bit. The rest is refused by name.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.utils import _safe_indexing, check_array
from sklearn.utils.sparsefuncs import mean_variance_axis

from skweight.resampling._hidden import ClusterHider, NeighborsHider, SupportHider
from skweight.resampling._tables import (
    append_columns,
    as_frame,
    is_frame,
    number_dtype,
    split_columns,
)
from skweight.resampling._votes import resample_by_votes

# Samplers of imbalanced-learn that keep the rows there are, and put behind them rows
# on the line between two of them; and the searches for neighbours they are handed.
_BETWEEN_ROWS = {
    "SMOTE": ("k_neighbors",),
    "BorderlineSMOTE": ("k_neighbors", "m_neighbors"),
    "SVMSMOTE": ("k_neighbors", "m_neighbors"),
    "KMeansSMOTE": ("k_neighbors",),
    "ADASYN": ("n_neighbors",),
    "SMOTENC": ("k_neighbors",),
}

# Samplers that are one of those, and a cleaning of what it returned.
_THEN_CLEAN = {"SMOTEENN": "enn", "SMOTETomek": "tomek"}

# Carried columns are this small, so that distances between rows, which KMeansSMOTE
# also measures by itself, do not change in any digit.
_SMALL = {np.dtype(np.float32): 2.0**-60}
_SMALLEST = 2.0**-400


class Carried(NamedTuple):
    """Resampled rows, and what became of the vectors."""

    X: object
    y: object
    rows: np.ndarray  # where a row came from; -1 for one that was made
    vectors: np.ndarray | None
    sampler: object  # the fitted one


def kind_of(sampler):
    """Return how vectors can follow: "between", "clean", "select", "vote" or None."""
    name = type(sampler).__name__
    if type(sampler).__module__.partition(".")[0] == "imblearn":
        if name in _BETWEEN_ROWS:
            return "between"
        if name in _THEN_CLEAN:
            return "clean"
        if name == "SMOTEN":
            return "vote"
    tags = getattr(sampler, "__sklearn_tags__", lambda: None)()
    selects = getattr(getattr(tags, "sampler_tags", None), "sample_indices", False)
    return "select" if selects else None


def carry(sampler, X, y, vectors=None, *, of_one_row=False):
    """Resample rows, and with them columns of numbers where there are any.

    Parameters
    ----------
    sampler : sampler
        Cloned, never changed.
    X : array-like of shape (n_samples, n_features)
        Rows, in a container that the sampler takes.
    y : array-like of shape (n_samples,)
        Labels.
    vectors : ndarray of shape (n_samples, n_vectors) or None
        What is to follow the rows.
    of_one_row : bool, default=False
        Whether the numbers are those of one row, which can be read off a place between
        two, and of which there is no mean.

    Returns
    -------
    carried : Carried
    """
    how = kind_of(sampler)
    if how == "clean":
        return _combine(sampler, X, y, vectors)
    sampler = clone(sampler)
    if how == "between":
        return _between(sampler, X, y, vectors)
    if how == "vote":
        _hide(sampler, "k_neighbors")
        X_new, y_new, vectors = resample_by_votes(
            sampler, X, y, vectors, of_one_row=of_one_row
        )
        rows = _behind(np.arange(len(y)), len(y_new))
        return Carried(X_new, y_new, rows, vectors, sampler)
    X_new, y_new = sampler.fit_resample(X, y)
    if how == "select":
        rows = np.asarray(sampler.sample_indices_)
        return Carried(
            X_new, y_new, rows, None if vectors is None else vectors[rows], sampler
        )
    return Carried(X_new, y_new, np.full(len(y_new), -1), None, sampler)


def _combine(sampler, X, y, vectors):
    """Resample by a sampler and a cleaning, one after the other, as the pair does."""
    from imblearn.over_sampling import SMOTE
    from imblearn.under_sampling import EditedNearestNeighbours, TomekLinks

    fitted = clone(sampler)
    frame = X if is_frame(X) else None
    if frame is not None:
        X = check_array(X, accept_sparse=["csr", "csc"])
    first = fitted.smote
    if first is None:
        first = SMOTE(
            sampling_strategy=fitted.sampling_strategy,
            random_state=fitted.random_state,
        )
    name = _THEN_CLEAN[type(sampler).__name__]
    second = getattr(fitted, name)
    if second is None:
        cleaning = EditedNearestNeighbours if name == "enn" else TomekLinks
        second = cleaning(sampling_strategy="all", n_jobs=fitted.n_jobs)
    made = carry(first, X, y, vectors)
    kept = carry(second, made.X, made.y, made.vectors)
    fitted.smote_, fitted.sampling_strategy_ = made.sampler, fitted.sampling_strategy
    setattr(fitted, f"{name}_", kept.sampler)
    X_new = kept.X if frame is None else as_frame(kept.X, frame)
    return Carried(X_new, kept.y, made.rows[kept.rows], kept.vectors, fitted)


def _between(sampler, X, y, vectors):
    if type(sampler).__name__ == "SMOTE" and isinstance(X, np.ndarray):
        sub = _rows_that_matter(sampler, X, y)
        if sub is not None:
            return _between_some(sampler, X, y, vectors, *sub)
    return _between_all(sampler, X, y, vectors)


def _rows_that_matter(sampler, X, y):
    """Return the rows that SMOTE looks at, and how many it is to make, or None.

    It looks at the classes that it adds to, and copies the others twice.
    """
    if not isinstance(y, np.ndarray) or y.ndim != 1 or X.dtype.kind not in "fiu":
        return None
    from imblearn.utils import check_sampling_strategy

    check_array(X, ensure_min_samples=0)
    strategy = sampler.sampling_strategy
    made = check_sampling_strategy(strategy, y, "over-sampling")
    labels = [label for label, n in made.items() if n > 0]
    looked_at = np.logical_or.reduce(
        [np.zeros(len(y), bool), *(y == one for one in labels)]
    )
    others = np.flatnonzero(~looked_at)
    if not labels or not others.size:
        return None
    # It takes two classes to be resampled.
    looked_at[others[0]] = True
    counts = {
        label: int(np.count_nonzero(y == label)) + made[label] for label in labels
    }
    return np.flatnonzero(looked_at), counts


def _between_some(sampler, X, y, vectors, some, counts):
    """Resample by those rows alone, and put what was made behind all."""
    strategy = sampler.sampling_strategy
    sampler.set_params(sampling_strategy=counts)
    part = None if vectors is None else vectors[some]
    done = _between_all(sampler, X[some], y[some], part)
    sampler.set_params(sampling_strategy=strategy)
    n_samples = len(y)
    rows = _behind(np.arange(n_samples), n_samples + len(done.y) - some.size)
    if vectors is not None:
        vectors = np.concatenate([vectors, done.vectors[some.size :]])
    return Carried(
        np.concatenate([X, done.X[some.size :]]),
        np.concatenate([y, done.y[some.size :]]),
        rows,
        vectors,
        sampler,
    )


def _between_all(sampler, X, y, vectors):
    rows = np.arange(len(y))
    if vectors is None:
        for name in _BETWEEN_ROWS[type(sampler).__name__]:
            _hide(sampler, name)
        X_new, y_new = sampler.fit_resample(X, y)
        return Carried(X_new, y_new, _behind(rows, len(y_new)), None, sampler)

    n_samples, width = X.shape
    mixed = type(sampler).__name__ == "SMOTENC"
    nominal = _nominal_columns(sampler, X) if mixed else ()
    numeric = [one for one in range(width) if one not in set(nominal)]
    seen = number_dtype(X, numeric if mixed else None)
    columns = _Columns(vectors, seen)
    coordinates = columns.coordinates
    if mixed:
        sampler.set_params(categorical_features=nominal)
        coordinates = np.hstack([coordinates, _keep_median(X, y, numeric, coordinates)])
    start = len(numeric)
    hidden = {"start": start, "stop": start + coordinates.shape[1]}
    if seen is not None and seen.kind != "f" and not mixed:
        hidden["dtype"] = seen
    for name in _BETWEEN_ROWS[type(sampler).__name__]:
        _hide(sampler, name, **hidden)
    _hide_from_other_helpers(sampler, hidden)
    X_new, y_new = sampler.fit_resample(append_columns(X, coordinates), y)
    keep = None if is_frame(X) or X.dtype.kind == "O" else X.dtype
    X_new, carried = split_columns(X_new, width, keep)
    carried = columns.read(carried)
    carried[:n_samples] = vectors
    return Carried(X_new, y_new, _behind(rows, len(y_new)), carried, sampler)


def _behind(rows, n_new):
    """Return the rows there were, and -1 for those that were made behind them."""
    return np.concatenate([rows, np.full(n_new - rows.size, -1)])


def _hide(sampler, name, **hidden):
    """Hand a sampler its search for neighbours in a wrapper."""
    search = getattr(sampler, name)
    if isinstance(search, int | np.integer):
        from sklearn.neighbors import NearestNeighbors

        # The sampler counts the neighbours of a row, the search the row as well.
        search = NearestNeighbors(n_neighbors=search + 1)
    sampler.set_params(**{name: NeighborsHider(search, **hidden)})


def _hide_from_other_helpers(sampler, hidden):
    params = sampler.get_params(deep=False)
    if "kmeans_estimator" in params:
        from sklearn.cluster import MiniBatchKMeans

        helper = params["kmeans_estimator"]
        if not hasattr(helper, "fit"):
            clusters = {} if helper is None else {"n_clusters": helper}
            helper = MiniBatchKMeans(random_state=sampler.random_state, **clusters)
        sampler.set_params(kmeans_estimator=ClusterHider(helper, **hidden))
    if "svm_estimator" in params:
        from sklearn.svm import SVC

        helper = params["svm_estimator"]
        if helper is None:
            helper = SVC(gamma="scale", random_state=sampler.random_state)
        sampler.set_params(svm_estimator=SupportHider(helper, **hidden))


class _Columns:
    """Numbers written as small coordinates, and read again.

    Where a sampler computes in single precision every number is written in two
    pieces, so that what is constant among rows comes back as it was.
    """

    def __init__(self, vectors, seen):
        self.single = seen == np.float32
        dtype = np.dtype(np.float32 if self.single else np.float64)
        largest = np.frexp(np.abs(vectors).max())[1]
        self.unit = np.ldexp(_SMALL.get(dtype, _SMALLEST), -int(largest))
        scaled = vectors * self.unit
        coordinates = scaled.astype(dtype)
        if self.single:
            rest = (scaled - coordinates).astype(dtype)
            coordinates = np.hstack([coordinates, rest])
        self.n_vectors = vectors.shape[1]
        self.coordinates = coordinates

    def read(self, coordinates):
        """Return the numbers, however many other columns stand behind them."""
        n = self.n_vectors
        numbers = coordinates[:, :n]
        if self.single:
            numbers = numbers + coordinates[:, n : 2 * n]
        return numbers / self.unit


def _nominal_columns(sampler, X):
    """Return the positions of the columns that SMOTENC takes for categories."""
    told = sampler.categorical_features
    names = list(X.columns) if is_frame(X) else []
    if isinstance(told, str) and told == "auto":
        if not is_frame(X):
            raise ValueError(
                "SMOTENC(categorical_features='auto') finds the categories by the "
                f"dtypes of a DataFrame; X is a {type(X).__name__}. Name the columns "
                "by their positions."
            )
        return [
            position
            for position, dtype in enumerate(X.dtypes)
            if type(dtype).__name__ == "CategoricalDtype"
        ]
    told = np.atleast_1d(np.asarray(told))
    if told.dtype.kind == "b":
        return np.flatnonzero(told).tolist()
    if told.dtype.kind in "iu":
        return [int(one) % X.shape[1] for one in told]
    return [names.index(one) for one in told.tolist()]


def _keep_median(X, y, numeric, coordinates):
    """Return columns beside which SMOTENC measures categories as without them.

    It takes the median standard deviation over the columns of a class for the distance
    between two categories. The carried columns are below that median; as many others
    above it leave it where it was. Where it is zero, columns that do not vary do.
    """
    values = _safe_indexing(X, numeric, axis=1)
    if not sparse.issparse(values):
        values = np.asarray(values, dtype=np.float64)
    y = np.asarray(y)
    largest = abs(values).max() if values.shape[1] else 1.0
    columns = np.zeros_like(coordinates)
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        spread = mean_variance_axis(sparse.csr_matrix(values[rows]), axis=0)[1]
        if np.median(spread) > 0:
            columns[rows[::2]] = 8 * largest
    return columns
