"""Predictions of a fitted Pipeline, without its samplers and weightings."""

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline as PlainPipeline
from sklearn.utils.metaestimators import available_if

from skweight._utils.columns import drop_columns, names_without
from skweight.pipeline._steps import is_sampler, is_weighting


def _used_has(method):
    """Return whether all steps except samplers and weightings have the named method."""

    def check(self):
        # If a step lacks the method, reading the attribute raises the AttributeError of
        # this step. The message of this error is more precise than a general message.
        try:
            getattr(self._used(), method)
        except AttributeError as error:
            raise error.__cause__ or error from None
        return True

    return check


class FittedSteps(PlainPipeline):
    """A Pipeline whose predictions skip samplers and weightings.

    Columns that only a weighting may see are dropped at the position of the weighting
    in the Pipeline. `_side_widths` holds, for each weighting, the number of columns
    that the weighting got in the fit.
    """

    def _used(self):
        """Return the steps that are used after the fit, as a scikit-learn Pipeline."""
        widths = getattr(self, "_side_widths", {})
        steps = []
        for name, step in self.steps:
            if is_weighting(step):
                columns = step.side_columns()
                if columns:
                    steps.append((name, _ColumnDropper(columns, widths.get(name))))
            elif not is_sampler(step):
                steps.append((name, step))
        return PlainPipeline(steps or [("nothing", "passthrough")])

    @available_if(_used_has("predict"))
    def predict(self, X, **params):
        """Transform rows and predict with the last step.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows in the form that the first step expects.
        **params : dict
            Arguments for ``predict`` of the last step. With metadata routing, these are
            the arguments that any of the steps has requested.

        Returns
        -------
        y : ndarray
            Predictions of the last step.
        """
        return self._used().predict(X, **params)

    @available_if(_used_has("predict_proba"))
    def predict_proba(self, X, **params):
        """Transform rows and return the class probabilities of the last step.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows in the form that the first step expects.
        **params : dict
            Arguments of the last step, as in `predict`.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Class probabilities of the last step.
        """
        return self._used().predict_proba(X, **params)

    @available_if(_used_has("predict_log_proba"))
    def predict_log_proba(self, X, **params):
        """Transform rows and return the log-probabilities of the last step.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows in the form that the first step expects.
        **params : dict
            Arguments of the last step, as in `predict`.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            Logarithms of the class probabilities.
        """
        return self._used().predict_log_proba(X, **params)

    @available_if(_used_has("decision_function"))
    def decision_function(self, X, **params):
        """Transform rows and return the decision values of the last step.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows in the form that the first step expects.
        **params : dict
            Arguments that the steps have requested; only with metadata routing.

        Returns
        -------
        values : ndarray
            Decision values of the last step.
        """
        return self._used().decision_function(X, **params)

    @available_if(_used_has("score_samples"))
    def score_samples(self, X):
        """Transform rows and return ``score_samples`` of the last step.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows in the form that the first step expects.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Scores of the last step.
        """
        return self._used().score_samples(X)

    @available_if(_used_has("score"))
    def score(self, X, y=None, sample_weight=None, **params):
        """Transform rows and return the score of the last step.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows in the form that the first step expects.
        y : array-like of shape (n_samples,), default=None
            True labels or values of the rows.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights: how many rows of the population each row stands for.
            Weights that only training uses (emphasis) are not used in scores.
        **params : dict
            Arguments that the steps have requested; only with metadata routing.

        Returns
        -------
        score : float
            Score of the last step.
        """
        return self._used().score(X, y, sample_weight=sample_weight, **params)

    @available_if(_used_has("transform"))
    def transform(self, X, **params):
        """Transform rows with all transformers; nothing is resampled.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows in the form that the first step expects.
        **params : dict
            Arguments that the steps have requested; only with metadata routing.

        Returns
        -------
        Xt : array-like of shape (n_samples, n_transformed)
            Transformed rows.
        """
        return self._used().transform(X, **params)

    @available_if(_used_has("inverse_transform"))
    def inverse_transform(self, X, **params):
        """Undo the transformations, last to first.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_transformed)
            Transformed rows.
        **params : dict
            Arguments that the steps have requested; only with metadata routing.

        Returns
        -------
        X_original : array-like of shape (n_samples, n_features)
            Rows in the form that the first step expects, without columns that only a
            weighting has seen.
        """
        return self._used().inverse_transform(X, **params)

    def get_feature_names_out(self, input_features=None):
        """Return the names of the output columns of the transformers.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the input columns.

        Returns
        -------
        names : ndarray of str
            Names of the output columns.
        """
        return self._used().get_feature_names_out(input_features)

    @property
    def n_features_in_(self):
        """Number of columns of X in `fit`."""
        for name, step in self.steps:
            if name in getattr(self, "_side_widths", {}):
                return self._side_widths[name]
            if not is_weighting(step):
                return step.n_features_in_
        raise AttributeError("No step says how many columns it was fitted on.")

    @property
    def feature_names_in_(self):
        """Names of the columns of X in `fit`."""
        for _, step in self.steps:
            if not is_weighting(step) or step.side_columns():
                return step.feature_names_in_
        raise AttributeError("No step says which columns it was fitted on.")

    def __getitem__(self, index):
        part = super().__getitem__(index)
        if isinstance(index, slice) and hasattr(self, "_side_widths"):
            part._side_widths = self._side_widths
        return part

    def __sklearn_is_fitted__(self):
        return self._used().__sklearn_is_fitted__()


class _ColumnDropper(TransformerMixin, BaseEstimator):
    """Step that replaces a weighting after the fit; drops columns of the weighting."""

    def __init__(self, columns, width=None):
        self.columns = columns
        self.width = width

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return drop_columns(X, self.columns, width=self.width)

    def inverse_transform(self, X):
        return X

    def get_feature_names_out(self, input_features=None):
        if input_features is None:
            raise ValueError("The names of the columns that go in are not known.")
        return names_without(input_features, self.columns)

    def __sklearn_is_fitted__(self):
        return True
