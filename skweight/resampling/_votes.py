"""Vectors through SMOTEN, whose rows are votes and lie between no two others.

SMOTEN draws a row of a class, and every column of the new row is the category that most
of its nearest neighbours have, the row itself among them. What it draws is not to be
had from it; it is drawn here once more, by the same seed, and the draw is checked: a
category that is the number of the row comes along through the encoder, takes no part in
any distance within a class, and of a vote among numbers that all differ the smallest
comes back.
"""

from copy import deepcopy

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.preprocessing import OrdinalEncoder
from sklearn.utils import check_random_state

from skweight.exceptions import UnsupportedWeightsError
from skweight.resampling._hidden import NeighborsHider


class NumberingEncoder(BaseEstimator):
    """An encoder of categories that adds the number of the row as one more.

    Attributes
    ----------
    drawn_ : list of ndarray
        The numbers of the rows that were decoded.
    """

    def __init__(self, encoder):
        self.encoder = encoder

    def fit_transform(self, X, y=None):
        """Return the codes of the categories, and the number of the row."""
        codes = self.encoder.fit_transform(X)
        numbers = np.arange(len(codes))
        self.categories_ = [*self.encoder.categories_, numbers]
        self.drawn_ = []
        return np.column_stack([codes, numbers.astype(codes.dtype)])

    def inverse_transform(self, X):
        """Return the categories, and keep the numbers."""
        self.drawn_.append(X[:, -1])
        return self.encoder.inverse_transform(X[:, :-1])


class NeighborsRecorder(NeighborsHider):
    """A search that keeps what it has found.

    Attributes
    ----------
    found_ : list of ndarray
        Neighbours, one array for every call.
    """

    def kneighbors(self, X=None, n_neighbors=None, return_distance=True):
        """Return the neighbours of rows, themselves first."""
        distances, rows = super().kneighbors(X, n_neighbors)
        self.found_ = [*getattr(self, "found_", []), rows]
        return (distances, rows) if return_distance else rows


def resample_by_votes(sampler, X, y, vectors, *, of_one_row):
    """Resample by SMOTEN, and return what became of vectors.

    Parameters
    ----------
    sampler : SMOTEN
        A clone, which is fitted.
    X, y : array-like
        Rows and labels.
    vectors : ndarray of shape (n_samples, n_vectors)
        What is to follow.
    of_one_row : bool
        Whether a new row gets the numbers of the row that was drawn, rather than the
        mean over those that have a vote.

    Returns
    -------
    X, y : array-like
        Resampled rows.
    vectors : ndarray of shape (n_resampled, n_vectors)
        What followed.
    """
    encoder = sampler.categorical_encoder
    if encoder is None:
        encoder = OrdinalEncoder(dtype=np.int32)
    sampler.set_params(
        categorical_encoder=NumberingEncoder(encoder),
        k_neighbors=NeighborsRecorder(**sampler.k_neighbors.get_params(deep=False)),
    )
    if sampler.random_state is None:
        seed = check_random_state(None).randint(2**31 - 1)
        sampler.set_params(random_state=seed)
    seed = deepcopy(sampler.random_state)
    X_new, y_new = sampler.fit_resample(X, y)
    labels = np.asarray(y)
    made = []
    drawn = iter(sampler.categorical_encoder_.drawn_)
    found = iter(getattr(sampler.nn_k_, "found_", []))
    for label, n_made in sampler.sampling_strategy_.items():
        if n_made == 0:
            continue
        rows = np.flatnonzero(labels == label)
        draws = check_random_state(seed).choice(rows.size, size=n_made, replace=True)
        voters = rows[next(found)[draws]]
        if not np.array_equal(voters.min(axis=1), next(drawn)):
            raise UnsupportedWeightsError(
                "SMOTEN of this version of imbalanced-learn draws its rows in another "
                "way, and weights cannot follow. Pass weight_rule='class_mean'."
            )
        made.append(
            vectors[rows[draws]] if of_one_row else vectors[voters].mean(axis=1)
        )
    sampler.set_params(categorical_encoder=clone(encoder))
    return X_new, y_new, np.vstack([vectors, *made])
