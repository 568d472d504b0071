"""The contract of every decision."""

from typing import Any, ClassVar, NamedTuple

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.metadata_routing import UNUSED, MetadataRequest
from sklearn.utils.validation import check_is_fitted

from skweight._utils.compat import Documented
from skweight._utils.lookup import ReadOnce, text_of
from skweight._utils.roles import in_range
from skweight._utils.validation import positions_of, say
from skweight.costs._labels import join_labels


class HeldOutRows(NamedTuple):
    """Held-out rows from which a decision learns.

    Attributes
    ----------
    proba : ndarray of shape (n_samples, n_classes) or None
        Predicted probabilities of the held-out rows, calibrated if the classifier has a
        calibration.
    y : ndarray of shape (n_samples,) or None
        Labels.
    sample_weight : ndarray of shape (n_samples,) or None
        Population weights of the held-out rows; None means that every weight is 1.
    X : array-like of shape (n_samples, n_features) or None
        Features of the held-out rows, with all columns.
    metadata : dict
        The arrays that the decision requested, by name, with one value per held-out
        row.

    Examples
    --------
    >>> from skweight.decision import HeldOutRows
    >>> HeldOutRows().metadata
    {}
    """

    proba: Any = None
    y: Any = None
    sample_weight: Any = None
    X: Any = None
    metadata: dict = {}  # noqa: RUF012 - never written to

    def counted(self):
        """Return the held-out rows without the rows of weight 0.

        Returns
        -------
        rows : HeldOutRows
            Held-out rows of positive weight; `self` if every row has positive weight.
        """
        if self.sample_weight is None or self.sample_weight.all():
            return self
        keep = np.flatnonzero(self.sample_weight)

        def take(rows):
            return None if rows is None else _safe_indexing(rows, keep)

        metadata = {name: take(values) for name, values in self.metadata.items()}
        return HeldOutRows(*map(take, self[:4]), metadata)


class BaseDecision(Documented, ReadOnce):
    """Base class of decisions: map probabilities to labels.

    A subclass implements ``_positions(proba, X, metadata)``, which returns the position
    of the chosen class in every row. A subclass that learns from data implements
    ``_learn(held_out, class_multiplier)``. If the subclass learns from
    :class:`HeldOutRows`, it sets ``needs_held_out_rows = True``. Then the classifier
    computes held-out rows once, for the calibrator and for the decision. If the rule is
    a threshold on the probability of the second of two classes, the subclass sets
    ``threshold_``. A decision need not be a label; for example, it may be "ask a
    human". The method ``_further()`` returns the names of all decisions that are not
    labels. Their positions come after the positions of the classes.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, in the order of the columns of the probabilities.
    decisions_ : ndarray of shape (n_decisions,)
        All possible results of `decide`: first the labels, then the decisions that are
        not labels.

    Examples
    --------
    >>> from skweight.decision import BaseDecision
    >>> class CautiousDecision(BaseDecision):
    ...     '''Choose the first class unless another is nearly certain.'''
    ...
    ...     def _positions(self, proba, X, metadata):
    ...         return proba.argmax(axis=1) * (proba.max(axis=1) > 0.9)
    >>> proba = [[0.2, 0.8], [0.05, 0.95]]
    >>> CautiousDecision().fit(proba, classes=["no", "yes"]).decide(proba)
    array(['no', 'yes'], dtype='<U3')
    """

    # Whether `fit` learns from probabilities of rows that the model was not fitted on.
    needs_held_out_rows = False

    # Whether the rule requires probabilities that are right for the population. If
    # class weights still raise the probability of the rare class, the rule would count
    # the class weights twice.
    needs_true_probabilities = False

    # The user need not request proba, classes, class_multiplier and prevalence as
    # metadata, because the classifier itself passes these arguments to `fit`.
    __metadata_request__fit: ClassVar = dict.fromkeys(
        ("proba", "classes", "class_multiplier", "prevalence"), UNUSED
    )

    def fit(
        self,
        proba=None,
        y=None,
        sample_weight=None,
        *,
        classes,
        class_multiplier=None,
        prevalence=None,
        X=None,
        **metadata,
    ):
        """Learn the rule from the probabilities of held-out rows.

        Parameters
        ----------
        proba : array-like of shape (n_samples, n_classes), default=None
            Probabilities of held-out rows (rows that were not used to fit the model),
            for rules that learn from probabilities.
        y : array-like of shape (n_samples,), default=None
            Labels of the held-out rows.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights of the held-out rows, without class weights.
        classes : array-like of shape (n_classes,)
            All labels, in the order of the columns of `proba`.
        class_multiplier : array-like of shape (n_classes,), default=None
            For each class, the total training weight divided by the total population
            weight. None means 1 for every class.
        prevalence : array-like of shape (n_classes,), default=None
            Share of each class in the population. If it is None and `y` is given, the
            shares are computed from `y` and `sample_weight`.
        X : array-like of shape (n_samples, n_features), default=None
            Features of the held-out rows, for rules that use features.
        **metadata : dict
            The arrays that the rule requests by name, with one value per row.

        Returns
        -------
        self : object
            The fitted decision.
        """
        self.classes_ = np.asarray(classes)
        if class_multiplier is None:
            class_multiplier = np.ones(self.classes_.size)
        if self.needs_held_out_rows and (proba is None or y is None):
            raise ValueError(
                f"{type(self).__name__} learns from rows that the model was not fitted "
                "on; pass their probabilities and labels: fit(proba, y, classes=...)."
            )
        held_out = HeldOutRows(
            None if proba is None else np.asarray(proba, dtype=np.float64),
            None if y is None else np.asarray(y),
            _as_weights(sample_weight),
            X,
            metadata,
        )
        held_out = held_out.counted()
        if prevalence is None and held_out.y is not None:
            codes = positions_of(held_out.y, self.classes_, owner=type(self).__name__)
            prevalence = np.bincount(codes, held_out.sample_weight, self.classes_.size)
        self._prevalence = None
        if prevalence is not None:
            self._prevalence = np.asarray(prevalence, dtype=float)
        self._learn(held_out, np.asarray(class_multiplier, dtype=float))
        self.decisions_ = join_labels(self.classes_, self._further())
        return self

    def follow_prevalence(self, prevalence):
        """Adapt to probabilities of a population with other class frequencies.

        Rules with fixed thresholds do not change.

        Parameters
        ----------
        prevalence : array-like of shape (n_classes,)
            Share of each class in the population that the probabilities now describe.
        """

    def decide(self, proba, X=None, **metadata):
        """Return the label of every row.

        Parameters
        ----------
        proba : array-like of shape (n_samples, n_classes)
            Probabilities of the rows, with one column per class in the order of
            ``classes_``.
        X : array-like of shape (n_samples, n_features), default=None
            Features of the rows, for rules that use features.
        **metadata : dict
            The arrays that the rule requests by name, with one value per row.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Elements of ``decisions_``, with the same dtype.
        """
        check_is_fitted(self, "classes_")
        proba = np.asarray(proba)
        if proba.ndim != 2 or proba.shape[1] != self.classes_.size:
            raise ValueError(
                f"proba must have one column for each of {say(self.classes_)}; got "
                f"shape {proba.shape}."
            )
        return self.decisions_[self._positions(proba, X, metadata)]

    def check_rows(self, X, classes, **metadata):
        """Raise if the rule cannot be applied to the rows; called before any fit.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        classes : array-like of shape (n_classes,)
            All labels.
        **metadata : dict
            The arrays that the rule requests by name, with one value per row.
        """

    def side_columns(self):
        """Return the columns of X that only the decision uses.

        Returns
        -------
        columns : list of str or int
            Names or positions of the columns of X that the wrapped estimator does not
            get.
        """
        return []

    def metadata_names(self):
        """Return the names of the arrays that the rule requests.

        Returns
        -------
        names : list of str
            Names of those arguments of `fit` and `predict` of the classifier that are
            passed to the decision.
        """
        return []

    def get_metadata_routing(self):
        """Return the metadata that `fit` and `decide` request.

        Returns
        -------
        routing : MetadataRequest
            Metadata requests in the form of scikit-learn, in which ``predict`` stands
            for `decide`. A rule requests the arrays whose names `metadata_names`
            returns.
        """
        request = MetadataRequest(owner=type(self).__name__)
        for name in self.metadata_names():
            request.fit.add_request(param=name, alias=True)
            request.predict.add_request(param=name, alias=True)
        return request

    def describe(self):
        """Describe in one sentence how labels follow from probabilities.

        Returns
        -------
        sentence : str
            For the report of the classifier.
        """
        threshold = getattr(self, "threshold_", None)
        if threshold is None:
            return text_of(self)
        return (
            f"{text_of(self)}: {say(self.classes_[1])} if its probability is at least "
            f"{threshold:.4g}, otherwise {say(self.classes_[0])}"
        )

    def _learn(self, held_out, class_multiplier):
        return None

    def _further(self):
        return ()

    def _positions(self, proba, X, metadata):
        raise NotImplementedError(
            f"{type(self).__name__} must implement _positions(proba, X, metadata)."
        )

    @classmethod
    def _instances(cls, labels):
        """Return instances on which the shared tests run, for rows with `labels`."""
        return [] if cls is BaseDecision else [cls()]


def _as_weights(sample_weight):
    """Return weights that can be summed; None stays None."""
    if sample_weight is None:
        return None
    sample_weight = np.asarray(sample_weight, np.float64)
    return in_range(sample_weight) if sample_weight.size else sample_weight


def positions_decided(fitted, X, classes, *, owner):
    """Return, for every row of X, the position of the decision that a classifier makes.

    With K classes, the positions 0 to K - 1 mean labels. Higher positions mean
    decisions that are not labels.
    """
    names = getattr(getattr(fitted, "decision_", None), "decisions_", classes)
    return positions_of(np.asarray(fitted.predict(X)), names, owner=owner)
