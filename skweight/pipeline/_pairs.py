"""Differences between the two things that a row compares, for preference models."""

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from skweight._utils.validation import say


class PairwiseDifference(TransformerMixin, BaseEstimator):
    r"""Replace the columns of two things in each row by the difference of the things.

    Use this step for data in which people have chosen the better of two answers,
    products or players. With this step, a linear classifier without an intercept is the
    Bradley-Terry model. The coefficients of this classifier are the coefficients
    :math:`\beta` of a reward r:

    .. math:: P(a \succ b) = \sigma\bigl(r(a) - r(b)\bigr), \qquad
              r(x) = \beta^\top x, \qquad (a, b) \mapsto a - b

    As the `sample_weight` of a row, pass the number of people who agreed with the
    label, or a confidence in the label.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of X in `fit`, for both things together.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns of X, if the columns have names.

    Raises
    ------
    ValueError
        In `fit`, if the number of columns is odd.

    See Also
    --------
    Pipeline : Takes `PairwiseDifference` as a step before the classifier.

    Notes
    -----
    A fit takes O(n d) time. For a model without an intercept, the row (a, b) with label
    1 and the row (b, a) with label 0 have the same effect. Both rows together, each
    with half of the weight, also have the same effect.

    References
    ----------
    .. [1] R. A. Bradley, M. E. Terry, Rank analysis of incomplete block designs: I. the
       method of paired comparisons, Biometrika 39(3/4), 1952.

    Examples
    --------
    >>> from skweight.pipeline import PairwiseDifference
    >>> PairwiseDifference().fit_transform([[3.0, 1.0, 2.0, 5.0]])
    array([[ 1., -4.]])
    """

    def fit(self, X, y=None):
        """Store the column count.

        Parameters
        ----------
        X : array-like of shape (n_samples, 2 * n_features)
            The columns of the first thing, followed by the columns of the second thing
            in the same order.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        X = self._check(X, reset=True)
        if X.shape[1] % 2:
            raise ValueError(
                "PairwiseDifference takes the columns of one thing and then those of "
                f"another, an even number of columns; X has {X.shape[1]}. Drop columns "
                "that belong to neither, or repeat those that belong to both."
            )
        return self

    def transform(self, X):
        """Return the differences.

        Parameters
        ----------
        X : array-like of shape (n_samples, 2 * n_features)
            Rows with the columns of both things, as in `fit`.

        Returns
        -------
        X : ndarray or sparse matrix of shape (n_samples, n_features)
            In each row, the columns of the first thing minus the columns of the second
            thing.
        """
        check_is_fitted(self, "n_features_in_")
        X = self._check(X, reset=False)
        half = X.shape[1] // 2
        return X[:, :half] - X[:, half:]

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns of the first thing.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of X; None means the names from the fit.

        Returns
        -------
        names : ndarray of shape (n_features,)
            Names of the columns of the first thing.
        """
        check_is_fitted(self, "n_features_in_")
        default = [f"x{position}" for position in range(self.n_features_in_)]
        known = list(getattr(self, "feature_names_in_", default))
        names = known if input_features is None else list(input_features)
        if len(names) != len(known):
            raise ValueError(
                "input_features should have length equal to number of features "
                f"({len(known)}), got {len(names)}."
            )
        if hasattr(self, "feature_names_in_") and names != known:
            raise ValueError(
                f"input_features is not equal to feature_names_in_, {say(known)}; got "
                f"{say(names)}."
            )
        return np.asarray(names, dtype=object)[: len(known) // 2]

    def _check(self, X, reset):
        X = validate_data(
            self,
            X,
            reset=reset,
            accept_sparse=("csr", "csc"),
            dtype=[np.float64, np.float32],
        )
        return X.tocsc() if sparse.issparse(X) else X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @classmethod
    def _instances(cls, labels):
        """Return instances of this class for tests on rows with the given labels."""
        return [cls()]
