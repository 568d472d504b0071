"""Weights as a column of X, for Pipelines of scikit-learn."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from skweight._utils.columns import (
    append_column,
    drop_columns,
    names_without,
    warn_of_order,
)
from skweight._utils.roles import multiply
from skweight._utils.validation import check_weights, n_rows
from skweight.weighting import ColumnWeighting, resolve_weighting


class WeightColumn(TransformerMixin, BaseEstimator):
    r"""Append the weights of a strategy to X as its last column.

    Use `WeightColumn` in a Pipeline of scikit-learn; the steps of this Pipeline pass on
    rows, but no weights. Put the step directly before a
    :class:`~skweight.WeightedClassifier`, and pass the result of `consumer` as the
    `weighting` of this classifier. The `weighting` then reads and removes the column.
    The `weighting` has the same role (population or emphasis) as the strategy.

    .. math:: (x_i) \mapsto (x_i, w_i) \text{ in fit}, \qquad
              (x) \mapsto (x, 1) \text{ afterwards}

    :class:`skweight.pipeline.Pipeline` does not need `WeightColumn`, because a
    weighting can be a step of this Pipeline.

    Parameters
    ----------
    weighting : str, dict, callable, weighting or list, default="balanced"
        Strategy for the weights; any value of ``weighting=`` is accepted. If several
        strategies are multiplied, all of them must have the same role (population or
        emphasis). For weights of both roles, use two `WeightColumn` steps.
    column : str, default="weight"
        Name of the new column, if the columns of X have names.

    Attributes
    ----------
    weighting_ : weighting
        The fitted strategy.
    role_ : {"population", "emphasis"}
        Role of the weights in the column.
    n_features_in_ : int
        Number of columns of X, without the new column.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns of X, if the columns have names.

    Raises
    ------
    ValueError
        In `fit`, if weights have both roles, if X already has a column with the name
        `column`, or if the strategy cannot use the rows.

    See Also
    --------
    skweight.ColumnWeighting : Takes weights from a column of X.
    skweight.pipeline.Pipeline : Takes weightings as steps.

    Notes
    -----
    The time is O(n); X is copied once. Weights are used only in training, so
    `transform` appends ones. Therefore `fit_transform` differs from ``fit(X,
    y).transform(X)``, as in a target encoder.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skweight import WeightedClassifier
    >>> from skweight.pipeline import WeightColumn
    >>> X, y = make_classification(1000, weights=[0.9], random_state=0)
    >>> column = WeightColumn("balanced")
    >>> pipe = make_pipeline(
    ...     StandardScaler(),
    ...     column,
    ...     WeightedClassifier(LogisticRegression(), weighting=column.consumer()),
    ... ).fit(X, y)
    >>> [round(share, 3) for share in pipe[-1].report_.training_share]
    [0.5, 0.5]
    """

    def __init__(self, weighting="balanced", *, column="weight"):
        self.weighting = weighting
        self.column = column

    def consumer(self):
        """Return the weighting that reads the column, with the role of the strategy.

        Returns
        -------
        weighting : ColumnWeighting
            A strategy for ``WeightedClassifier(weighting=...)``. The strategy reads the
            last column of X. Therefore no step between `WeightColumn` and the
            classifier may append a column.
        """
        return ColumnWeighting(-1, role=self._resolve().role)

    def fit(self, X, y, sample_weight=None):
        """Learn the weights.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights. The strategy uses the population weights to count rows.
            The column does not contain the population weights; pass them as
            `sample_weight` of the classifier, too.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        self._learn(X, y, sample_weight)
        return self

    def fit_transform(self, X, y, sample_weight=None):
        """Learn the weights and append them to the training rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights, as in `fit`.

        Returns
        -------
        X_weighted : array-like of shape (n_samples, n_features + 1)
            The rows with the column of weights, in the same type of container.
        """
        weights = self._learn(X, y, sample_weight)
        return self._append(self._check(X), weights)

    def transform(self, X):
        """Append ones, because weights count in training only.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows without the column of weights.

        Returns
        -------
        X_weighted : array-like of shape (n_samples, n_features + 1)
            The rows, with a column of ones.
        """
        check_is_fitted(self, "weighting_")
        X = self._check(X, reset=False)
        return self._append(X, np.ones(n_rows(X)))

    def get_feature_names_out(self, input_features=None):
        """Return the names of the output columns; the new column is the last column.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of X; None means the names from the fit.

        Returns
        -------
        names : ndarray of str
            Names of the output columns.
        """
        check_is_fitted(self, "weighting_")
        if input_features is None:
            input_features = getattr(
                self,
                "feature_names_in_",
                [f"x{position}" for position in range(self.n_features_in_)],
            )
        kept = names_without(input_features, self.weighting_.side_columns())
        return np.append(kept, np.array([self.column], dtype=object))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags

    def _resolve(self):
        weighting = resolve_weighting(self.weighting)
        if weighting is None:
            raise TypeError("WeightColumn takes a strategy; got weighting=None.")
        return weighting

    def _learn(self, X, y, sample_weight):
        weighting = clone(self._resolve())
        if sample_weight is not None:
            warn_of_order(sample_weight, X)
        X = self._check(X)
        if sample_weight is not None:
            sample_weight = check_weights(sample_weight, n_rows(X))
        learned = weighting.fit_weigh_by_role(X, y, sample_weight)
        if learned.population is not None and learned.emphasis is not None:
            raise ValueError(
                f"{weighting!r} has factors of both roles, and a column has one. Write "
                "a WeightColumn for the factors of role population and another, with "
                "its own column name, for those of role emphasis."
            )
        self.weighting_, self.role_ = weighting, weighting.role
        return multiply(*learned)

    def _check(self, X, reset=True):
        """Return X; a DataFrame stays a DataFrame whose columns keep their types."""
        if hasattr(X, "columns"):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        return validate_data(
            self,
            X,
            reset=reset,
            dtype=None,
            accept_sparse=["csr", "csc", "coo"],
            ensure_all_finite=False,
        )

    def _append(self, X, weights):
        columns = self.weighting_.side_columns()
        X = drop_columns(X, columns, width=self.n_features_in_)
        return append_column(X, weights, self.column)

    @classmethod
    def _instances(cls, labels):
        """Return instances of this class for tests on rows with the given labels."""
        return [cls()]
