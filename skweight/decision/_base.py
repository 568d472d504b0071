"""The contract of every decision."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skweight._validation import say


class BaseDecision(BaseEstimator):
    """Base class of decisions: map probabilities to labels.

    A subclass implements ``_positions(proba)``, the position of the chosen class in
    every row, and, if it learns anything, ``_learn``. Where the rule is one threshold
    on the probability of the second of two classes, it sets ``threshold_``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of the probabilities.

    Examples
    --------
    >>> from skweight.decision import BaseDecision
    >>> class CautiousDecision(BaseDecision):
    ...     '''Choose the first class unless another is nearly certain.'''
    ...
    ...     def _positions(self, proba):
    ...         return proba.argmax(axis=1) * (proba.max(axis=1) > 0.9)
    >>> proba = [[0.2, 0.8], [0.05, 0.95]]
    >>> CautiousDecision().fit(proba, classes=["no", "yes"]).decide(proba)
    array(['no', 'yes'], dtype='<U3')
    """

    def fit(
        self, proba=None, y=None, sample_weight=None, *, classes, class_multiplier=None
    ):
        """Learn the rule from probabilities of rows the model was not fitted on.

        Parameters
        ----------
        proba : array-like of shape (n_samples, n_classes), default=None
            Probabilities of held-out rows, for rules that learn from them.
        y : array-like of shape (n_samples,), default=None
            Labels of those rows.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights of those rows. Never emphasis.
        classes : array-like of shape (n_classes,)
            All labels, in the order of the columns of `proba`.
        class_multiplier : array-like of shape (n_classes,), default=None
            Training mass of each class as the learner saw it over its population
            mass; None stands for ones.

        Returns
        -------
        self : object
            The fitted decision.
        """
        self.classes_ = np.asarray(classes)
        if class_multiplier is None:
            class_multiplier = np.ones(self.classes_.size)
        self._learn(proba, y, sample_weight, np.asarray(class_multiplier, dtype=float))
        return self

    def decide(self, proba):
        """Return the label of every row.

        Parameters
        ----------
        proba : array-like of shape (n_samples, n_classes)
            Probabilities; columns follow ``classes_``.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Chosen labels.
        """
        check_is_fitted(self, "classes_")
        proba = np.asarray(proba)
        if proba.ndim != 2 or proba.shape[1] != self.classes_.size:
            raise ValueError(
                f"proba must have one column for each of {say(self.classes_)}; got "
                f"shape {proba.shape}."
            )
        return self.classes_[self._positions(proba)]

    def _learn(self, proba, y, sample_weight, class_multiplier):
        return None

    def _positions(self, proba):
        raise NotImplementedError(
            f"{type(self).__name__} must implement _positions(proba)."
        )
