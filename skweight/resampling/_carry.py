"""Resample rows together with vectors of numbers, such as weights.

A vector has one number per row. The vector is resampled together with the rows, so that
every resampled row gets a number. If a sampler selects rows, its ``sample_indices_``
also select the numbers. If a sampler interpolates rows, the vectors are added to X as
columns. The search for neighbours inside the sampler ignores these columns, so that the
new rows are exactly the same as without vectors. Samplers of other kinds cannot
resample vectors.
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

# Samplers of imbalanced-learn that create new rows on the line between two existing
# rows. For each sampler, the tuple has the names of the parameters for the neighbour
# search.
_BETWEEN_ROWS = {
    "SMOTE": ("k_neighbors",),
    "BorderlineSMOTE": ("k_neighbors", "m_neighbors"),
    "SVMSMOTE": ("k_neighbors", "m_neighbors"),
    "KMeansSMOTE": ("k_neighbors",),
    "ADASYN": ("n_neighbors",),
    "SMOTENC": ("k_neighbors",),
}

# Samplers that combine SMOTE with a cleaning step. For each sampler, the value is the
# name of the parameter for the cleaning step.
_THEN_CLEAN = {"SMOTEENN": "enn", "SMOTETomek": "tomek"}

# The columns with weights are multiplied by a tiny number, so that these columns change
# no digit of a distance. KMeansSMOTE needs this, because it computes distances itself;
# the columns with weights cannot be hidden from such a sampler.
_SMALL = {np.dtype(np.float32): 2.0**-60}
_SMALLEST = 2.0**-400


class Carried(NamedTuple):
    """Resampled rows, with their vectors."""

    X: object
    y: object
    rows: np.ndarray  # position in the input; -1 for a synthetic row
    vectors: np.ndarray | None
    sampler: object  # fitted


def kind_of(sampler):
    """Return the name of a sampler's method for resampling vectors, or None."""
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
    """Resample rows, together with vectors if there are any.

    Parameters
    ----------
    sampler : sampler
        Sampler to use. The sampler is cloned and never changed.
    X : array-like of shape (n_samples, n_features)
        Rows, in a type of container that the sampler accepts.
    y : array-like of shape (n_samples,)
        Class labels of the rows.
    vectors : ndarray of shape (n_samples, n_vectors) or None
        Numbers that belong to the rows, such as weights.
    of_one_row : bool, default=False
        Whether the vectors encode positions of rows. If True, the values of several
        rows are never averaged.

    Returns
    -------
    carried : Carried
        The resampled rows, labels and vectors, with the fitted sampler.
    """
    kind = kind_of(sampler)
    if kind == "clean":
        return _combine(sampler, X, y, vectors)
    sampler = clone(sampler)
    if kind == "between":
        return _between(sampler, X, y, vectors)
    if kind == "vote":
        _hide(sampler, "k_neighbors")
        X_new, y_new, vectors = resample_by_votes(
            sampler, X, y, vectors, of_one_row=of_one_row
        )
        rows = _behind(np.arange(len(y)), len(y_new))
        return Carried(X_new, y_new, rows, vectors, sampler)
    X_new, y_new = sampler.fit_resample(X, y)
    if kind == "select":
        rows = np.asarray(sampler.sample_indices_)
        return Carried(
            X_new, y_new, rows, None if vectors is None else vectors[rows], sampler
        )
    return Carried(X_new, y_new, np.full(len(y_new), -1), None, sampler)


def _combine(sampler, X, y, vectors):
    """Resample by SMOTE and then by a cleaning step, as a combined sampler does."""
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
    oversampled = carry(first, X, y, vectors)
    cleaned = carry(second, oversampled.X, oversampled.y, oversampled.vectors)
    fitted.smote_, fitted.sampling_strategy_ = (
        oversampled.sampler,
        fitted.sampling_strategy,
    )
    setattr(fitted, f"{name}_", cleaned.sampler)
    X_new = cleaned.X if frame is None else as_frame(cleaned.X, frame)
    return Carried(
        X_new, cleaned.y, oversampled.rows[cleaned.rows], cleaned.vectors, fitted
    )


def _between(sampler, X, y, vectors):
    if type(sampler).__name__ == "SMOTE" and isinstance(X, np.ndarray):
        sub = _used_rows(sampler, X, y)
        if sub is not None:
            return _between_some(sampler, X, y, vectors, *sub)
    return _between_all(sampler, X, y, vectors)


def _used_rows(sampler, X, y):
    """Return the rows to pass to SMOTE (None for all rows), and the new class counts.

    SMOTE adds rows to some classes, and uses only existing rows of these classes. To
    save copies, the rows of all other classes are not passed to SMOTE.
    """
    if not isinstance(y, np.ndarray) or y.ndim != 1 or X.dtype.kind not in "fiu":
        return None
    from imblearn.utils import check_sampling_strategy

    check_array(X, ensure_min_samples=0)
    strategy = sampler.sampling_strategy
    n_new_by_label = check_sampling_strategy(strategy, y, "over-sampling")
    labels = [label for label, n in n_new_by_label.items() if n > 0]
    is_used = np.logical_or.reduce(
        [np.zeros(len(y), bool), *(y == added_label for added_label in labels)]
    )
    unused_rows = np.flatnonzero(~is_used)
    if not labels or not unused_rows.size:
        return None
    # SMOTE needs rows of two classes.
    is_used[unused_rows[0]] = True
    counts = {
        label: int(np.count_nonzero(y == label)) + n_new_by_label[label]
        for label in labels
    }
    return np.flatnonzero(is_used), counts


def _between_some(sampler, X, y, vectors, subset, counts):
    """Resample a subset of the rows, and append the new rows to all rows."""
    strategy = sampler.sampling_strategy
    sampler.set_params(sampling_strategy=counts)
    part = None if vectors is None else vectors[subset]
    resampled = _between_all(sampler, X[subset], y[subset], part)
    sampler.set_params(sampling_strategy=strategy)
    n_samples = len(y)
    rows = _behind(np.arange(n_samples), n_samples + len(resampled.y) - subset.size)
    if vectors is not None:
        vectors = np.concatenate([vectors, resampled.vectors[subset.size :]])
    return Carried(
        np.concatenate([X, resampled.X[subset.size :]]),
        np.concatenate([y, resampled.y[subset.size :]]),
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
    numeric = [column for column in range(width) if column not in set(nominal)]
    sampler_dtype = number_dtype(X, numeric if mixed else None)
    columns = _Columns(vectors, sampler_dtype)
    coordinates = columns.coordinates
    if mixed:
        sampler.set_params(categorical_features=nominal)
        coordinates = np.hstack([coordinates, _keep_median(X, y, numeric, coordinates)])
    start = len(numeric)
    hidden = {"start": start, "stop": start + coordinates.shape[1]}
    if sampler_dtype is not None and sampler_dtype.kind != "f" and not mixed:
        hidden["dtype"] = sampler_dtype
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
    """Return the positions of the original rows, followed by -1 for each new row."""
    return np.concatenate([rows, np.full(n_new - rows.size, -1)])


def _hide(sampler, name, **hidden):
    """Wrap the search for neighbours of a sampler."""
    search = getattr(sampler, name)
    if isinstance(search, int | np.integer):
        from sklearn.neighbors import NearestNeighbors

        # In a sampler, the number of neighbours does not include the row itself. In
        # NearestNeighbors, this number includes the row itself.
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
    """Vectors encoded as small coordinates, and decoded again.

    If a sampler computes in single precision, every number (such as a weight) is stored
    in two parts: the rounded number and the rounding error. If a number is the same in
    all rows, it is then decoded exactly.
    """

    def __init__(self, vectors, sampler_dtype):
        self.single = sampler_dtype == np.float32
        dtype = np.dtype(np.float32 if self.single else np.float64)
        # Scaled by its power of two, which may overflow.
        self.exponent = int(np.frexp(np.abs(vectors).max())[1])
        self.unit = _SMALL.get(dtype, _SMALLEST)
        scaled = np.ldexp(vectors, -self.exponent) * self.unit
        coordinates = scaled.astype(dtype)
        if self.single:
            remainder = (scaled - coordinates).astype(dtype)
            coordinates = np.hstack([coordinates, remainder])
        self.n_vectors = vectors.shape[1]
        self.coordinates = coordinates

    def read(self, coordinates):
        """Return the vectors; further columns are ignored."""
        n = self.n_vectors
        numbers = coordinates[:, :n]
        if self.single:
            numbers = numbers + coordinates[:, n : 2 * n]
        return np.ldexp(numbers / self.unit, self.exponent)


def _nominal_columns(sampler, X):
    """Return the positions of the categorical columns of SMOTENC."""
    categorical = sampler.categorical_features
    names = list(X.columns) if is_frame(X) else []
    if isinstance(categorical, str) and categorical == "auto":
        if not is_frame(X):
            raise ValueError(
                "SMOTENC(categorical_features='auto') needs a DataFrame, because it "
                f"reads the dtypes; got {type(X).__name__}. Pass the positions of "
                "the categorical columns instead."
            )
        return [
            position
            for position, dtype in enumerate(X.dtypes)
            if type(dtype).__name__ == "CategoricalDtype"
        ]
    categorical = np.atleast_1d(np.asarray(categorical))
    if categorical.dtype.kind == "b":
        return np.flatnonzero(categorical).tolist()
    if categorical.dtype.kind in "iu":
        return [int(column) % X.shape[1] for column in categorical]
    return [names.index(column) for column in categorical.tolist()]


def _keep_median(X, y, numeric, coordinates):
    """Return columns to add, so that vectors do not change the median in SMOTENC.

    For SMOTENC, the distance between two categories is the median of the standard
    deviations of the numeric columns. Vectors are added as columns with very small
    standard deviations, below this median. To keep the median unchanged, the same
    number of columns with standard deviations above the median is added. If the median
    is zero, constant columns are added.
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
