"""SMOTEN with vectors that follow the rows.

SMOTEN draws a row of a class. Every column of the new row gets the most frequent
category among the drawn row and its nearest neighbours. The weights of new rows depend
on the drawn rows, but SMOTEN does not return the positions of the drawn rows. SMOTEN
also calls functions that SciPy 1.18 deprecates and SciPy 1.20 removes. Therefore this
module implements the steps of SMOTEN again, with the same random draws and exactly the
same distances.
"""

import numpy as np
from scipy import sparse
from scipy.stats import mode
from sklearn.base import clone
from sklearn.preprocessing import OrdinalEncoder
from sklearn.utils import _safe_indexing, check_array, check_random_state

from skweight.resampling._tables import as_frame, is_frame


def resample_by_votes(sampler, X, y, vectors, *, of_one_row):
    """Resample as SMOTEN does, together with vectors.

    Parameters
    ----------
    sampler : SMOTEN
        A clone of the sampler. This function fits the clone.
    X, y : array-like
        Rows and their class labels.
    vectors : ndarray of shape (n_samples, n_vectors) or None
        Numbers that belong to the rows, such as weights.
    of_one_row : bool
        If True, a new row gets the numbers of the drawn row. If False, a new row gets
        the mean of the numbers over the rows that vote.

    Returns
    -------
    X, y : array-like
        Resampled rows and their labels.
    vectors : ndarray of shape (n_resampled, n_vectors) or None
        Vectors of the resampled rows; None without vectors.
    """
    sampler.fit(X, y)
    categories = check_array(X, dtype=None, accept_sparse=True)
    if sparse.issparse(categories):
        categories = categories.toarray()
    labels = np.asarray(y)
    if labels.ndim == 2:
        labels = labels.argmax(axis=1) if labels.shape[1] > 1 else labels.ravel()
    encoder = sampler.categorical_encoder
    encoder = OrdinalEncoder(dtype=np.int32) if encoder is None else clone(encoder)
    codes = encoder.fit_transform(categories)
    distances = _distances_of_categories(codes, labels, encoder.categories_)
    search = clone(sampler.k_neighbors).set_params(metric="precomputed")
    sampler.categorical_encoder_, sampler.nn_k_ = encoder, search
    drawn, new_rows, carried = [], [], []
    for label, n_new in sampler.sampling_strategy_.items():
        if n_new == 0:
            continue
        rows = np.flatnonzero(labels == label)
        distance = _distance(codes[rows], distances)
        neighbors = search.fit(distance).kneighbors(distance, return_distance=False)
        rng = check_random_state(sampler.random_state)
        draws = rng.choice(rows.size, size=n_new, replace=True)
        voters = rows[neighbors[draws]]
        new_rows.append(encoder.inverse_transform(mode(codes[voters], axis=1).mode))
        drawn.append(rows[draws])
        if vectors is not None:
            one_row = vectors[drawn[-1]]
            carried.append(one_row if of_one_row else vectors[voters].mean(axis=1))
    if vectors is not None:
        vectors = np.vstack([vectors, *carried])
    y_new = _safe_indexing(y, np.concatenate([np.arange(labels.size), *drawn]))
    if hasattr(y_new, "reset_index"):
        y_new = y_new.reset_index(drop=True)
    return _in_the_container_of(X, np.vstack([categories, *new_rows])), y_new, vectors


def _distances_of_categories(codes, labels, categories):
    """For every column, return the squared distances between its categories.

    The distance is the value difference metric: the class frequencies among the rows of
    each category are computed, and the differences between two categories are summed
    over the classes.
    """
    from imblearn.metrics.pairwise import ValueDifferenceMetric

    metric = ValueDifferenceMetric(n_categories=[len(values) for values in categories])
    metric.fit(codes, labels)
    return [
        np.abs(shares[:, np.newaxis] - shares).sum(axis=-1) ** metric.r
        for shares in metric.proba_per_class_
    ]


def _distance(codes, distances):
    """Return the distances between all pairs of rows."""
    codes = codes.astype(np.intp)
    total = np.zeros((len(codes), len(codes)))
    for column, between in zip(codes.T, distances, strict=True):
        total += between[column][:, column]
    return total


def _in_the_container_of(X, rows):
    """Return rows of an array in the container of X."""
    if is_frame(X):
        return as_frame(rows, X)
    if sparse.issparse(X):
        return type(X)(rows)
    return rows
