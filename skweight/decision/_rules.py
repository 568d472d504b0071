"""Decisions that need only probabilities."""

import numpy as np

from skweight._utils.validation import check_number, did_you_mean, plain, say
from skweight._utils.warn import warn
from skweight.decision._base import BaseDecision
from skweight.exceptions import DecisionWarning


class ArgmaxDecision(BaseDecision):
    r"""Choose the most probable class.

    Use this rule if all mistakes have the same cost. With calibrated probabilities,
    this rule hardly ever chooses a rare class.

    .. math:: \hat y = \arg\max_k p_k

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, in the order of the columns of the probabilities.
    threshold_ : float
        With two classes, 0.5. The second class is chosen if its probability is higher
        than this threshold.

    Notes
    -----
    If several classes are equally probable, the first of them is chosen.

    Examples
    --------
    >>> from skweight.decision import ArgmaxDecision
    >>> ArgmaxDecision().fit(classes=["no", "yes"]).decide([[0.9, 0.1]])
    array(['no'], dtype='<U3')
    """

    def _learn(self, held_out, class_multiplier):
        if self.classes_.size == 2:
            self.threshold_ = 0.5

    def _positions(self, proba, X, metadata):
        return proba.argmax(axis=1)


class EmphasisDecision(BaseDecision):
    r"""Choose labels by calibrated probabilities, times the class weights of the fit.

    Suppose that class k had the weight :math:`w_k` in training, and that the model was
    then calibrated. The decision is

    .. math:: \hat y = \arg\max_k w_k p_k,

    If calibration exactly undoes the effect of the class weights, the probabilities of
    the weighted model are proportional to :math:`w_k p_k`. Therefore the weighted model
    makes the same decision. With two classes, the second class is chosen if

    .. math:: p > \frac{w_0}{w_0 + w_1},

    If the class weights balance the classes, this threshold is the prevalence of the
    second class.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, in the order of the columns of the probabilities.
    class_multiplier_ : ndarray of shape (n_classes,)
        The class weights :math:`w_k`. For each class, this is the total training weight
        divided by the total population weight.
    threshold_ : float
        With two classes, :math:`w_0 / (w_0 + w_1)`. The second class is chosen if its
        probability is higher than this threshold.

    Notes
    -----
    If several classes have the same product :math:`w_k p_k`, the first of these classes
    is chosen.

    References
    ----------
    .. [1] Elkan, C. (2001). The foundations of cost-sensitive learning. IJCAI,
       theorem 1 and equation 2.

    Examples
    --------
    In a fit, the weight of the rare class was 19 times the weight of the common class:

    >>> from skweight.decision import EmphasisDecision
    >>> decision = EmphasisDecision().fit(
    ...     classes=["no", "yes"], class_multiplier=[1, 19]
    ... )
    >>> decision.threshold_
    0.05
    >>> decision.decide([[0.96, 0.04], [0.9, 0.1]])
    array(['no', 'yes'], dtype='<U3')
    """

    def _learn(self, held_out, class_multiplier):
        self.class_multiplier_ = class_multiplier
        if self.classes_.size == 2:
            self.threshold_ = float(class_multiplier[0] / class_multiplier.sum())

    def _positions(self, proba, X, metadata):
        return (proba * self.class_multiplier_).argmax(axis=1)


class BalancedDecision(BaseDecision):
    r"""Choose the class whose probability is largest relative to its prevalence.

    .. math:: \hat y = \arg\max_k p_k / \pi_k

    ``decision="balanced"`` means this rule. For calibrated probabilities, the labels
    are the same as the labels of a model with balanced classes. The training weights do
    not matter. With two classes, the second class is chosen if its probability p is
    above its prevalence :math:`\pi`. If the probabilities are right, this rule has the
    largest balanced accuracy.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, in the order of the columns of the probabilities.
    prevalence_ : ndarray of shape (n_classes,)
        Share of each class in the population.
    threshold_ : float
        With two classes, the prevalence of the second class. The second class is chosen
        if its probability is higher than this threshold.

    Raises
    ------
    ValueError
        In `fit`, if the class frequencies are not given.

    See Also
    --------
    EmphasisDecision : Uses the class weights of the fit.

    Notes
    -----
    ``WeightedClassifier.set_prevalence`` does not change labels, because it changes the
    probabilities and the prevalence by the same factors. A class without rows in the
    population is never chosen. If several classes have the same ratio of probability to
    prevalence, the first of these classes is chosen.

    References
    ----------
    .. [1] Menon, A., Narasimhan, H., Agarwal, S., Chawla, S. (2013). On the statistical
       consistency of algorithms for binary classification under class imbalance. ICML,
       section 4.

    Examples
    --------
    >>> from skweight.decision import BalancedDecision
    >>> decision = BalancedDecision().fit(
    ...     classes=["no", "yes"], prevalence=[0.95, 0.05]
    ... )
    >>> decision.threshold_
    0.05
    >>> decision.decide([[0.96, 0.04], [0.9, 0.1]])
    array(['no', 'yes'], dtype='<U3')
    """

    needs_true_probabilities = True

    def _learn(self, held_out, class_multiplier):
        if self._prevalence is None:
            raise ValueError(
                "BalancedDecision divides probabilities by the class frequencies of "
                "the population, which are not given. Pass fit(classes=..., "
                "prevalence=...)."
            )
        self.follow_prevalence(self._prevalence)

    def follow_prevalence(self, prevalence):
        """Compare with other class frequencies from now on.

        Parameters
        ----------
        prevalence : array-like of shape (n_classes,)
            Share of each class in the population that the probabilities now describe.
        """
        prevalence = np.asarray(prevalence, dtype=float)
        self.prevalence_ = prevalence / prevalence.sum()
        if self.classes_.size == 2:
            self.threshold_ = float(self.prevalence_[1])

    def _positions(self, proba, X, metadata):
        frequent = self.prevalence_ > 0
        ratio = np.zeros(proba.shape)
        np.divide(proba, self.prevalence_, out=ratio, where=frequent)
        return ratio.argmax(axis=1)

    @classmethod
    def _instances(cls, labels):
        return [cls()]


class ThresholdDecision(BaseDecision):
    r"""Choose one label if its probability reaches a threshold.

    .. math:: \hat y = k \iff p_k \ge \text{threshold}

    If the probability of the label is below the threshold, another label is chosen: the
    most probable of the other labels. ``decision={"fraud": 0.05}`` and
    ``decision=0.05`` mean this rule.

    Parameters
    ----------
    threshold : float, default=0.5
        Smallest probability at which the label is chosen, in [0, 1]. A higher threshold
        usually increases the precision of the label, and reduces the recall of the
        label.
    label : object, default=None
        Label to which the threshold applies. None means the second of two classes in
        sorted order, as in scikit-learn. If the labels are 0 and 1, -1 and 1, or False
        and True, the second class is the positive class. If you have other labels, set
        `label`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, in the order of the columns of the probabilities.
    threshold_ : float
        With two classes, the smallest probability of the second class at which the
        second class is chosen.
    threshold_label_ : object
        The label to which the given threshold applies.

    Raises
    ------
    ValueError
        In `fit`, if the label is not one of the classes, if there are more than two
        classes and `label` is None, or if the threshold is outside [0, 1].

    Warns
    -----
    DecisionWarning
        In `check_rows`, if `label` is None and the labels are not 0 and 1, -1 and 1, or
        booleans. A classifier calls `check_rows` once before the fit. The message names
        the label to which the threshold applies.

    Notes
    -----
    With two classes, scikit-learn's ``FixedThresholdClassifier`` decides by the same
    threshold.

    Examples
    --------
    >>> from skweight.decision import ThresholdDecision
    >>> ThresholdDecision(0.2).fit(classes=[0, 1]).decide([[0.8, 0.2], [0.9, 0.1]])
    array([1, 0])
    >>> decision = ThresholdDecision(0.05, label="fraud").fit(classes=["fraud", "ok"])
    >>> decision.decide([[0.06, 0.94], [0.04, 0.96]])
    array(['fraud', 'ok'], dtype='<U5')
    """

    def __init__(self, threshold=0.5, *, label=None):
        self.threshold = threshold
        self.label = label

    def check_rows(self, X, classes, **metadata):
        """Raise if the label is not one of the classes; warn if no label was given.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        classes : array-like of shape (n_classes,)
            All labels.
        **metadata : dict
            Not used.
        """
        labels = [plain(label) for label in classes]
        self._find_label(labels)
        if self.label is None and set(labels) not in ({0, 1}, {-1, 1}):
            first, second = map(say, labels)
            warn(
                f"decision={self.threshold} is the threshold of {second}, because "
                f"{second} is the second label in sorted order, as in scikit-learn. "
                "To confirm this label, write "
                f"decision={{{second}: {self.threshold}}}. For the other label, write "
                f"decision={{{first}: {self.threshold}}}.",
                DecisionWarning,
            )

    def _learn(self, held_out, class_multiplier):
        self._position = self._find_label([plain(label) for label in self.classes_])
        self.threshold_label_ = plain(self.classes_[self._position])
        # A previous fit with other classes may have set a threshold: remove it.
        vars(self).pop("threshold_", None)
        if self.classes_.size == 2:
            named = float(self.threshold)
            self.threshold_ = named if self._position == 1 else 1 - named

    def _find_label(self, labels):
        check_number(self.threshold, name="The decision threshold", low=0, high=1)
        if self.label is not None:
            label = plain(self.label)
            if label not in labels:
                raise ValueError(
                    f"The threshold is for the label {say(label)}, but y has the "
                    f"labels {say(labels)}.{did_you_mean(label, labels)}"
                )
            return labels.index(label)
        if len(labels) != 2:
            raise ValueError(
                f"A threshold without a label needs two classes; y has {say(labels)}. "
                "Name the label of the threshold, as in "
                f"decision={{{say(labels[-1])}: {self.threshold}}}, or use "
                "decision='balanced', 'auto' or 'argmax'."
            )
        return 1

    def describe(self):
        """Describe in one sentence how labels follow from probabilities.

        Returns
        -------
        sentence : str
            For the report of the classifier.
        """
        others = [
            label for label in self.classes_ if plain(label) != self.threshold_label_
        ]
        rest = say(others[0]) if len(others) == 1 else "the most probable other label"
        return (
            f"{say(self.threshold_label_)} if its probability is at least "
            f"{self.threshold:.4g}, otherwise {rest}"
        )

    def _positions(self, proba, X, metadata):
        others = proba.astype(np.float64)
        others[:, self._position] = -1.0
        reached = proba[:, self._position] >= self.threshold
        return np.where(reached, self._position, others.argmax(axis=1))

    @classmethod
    def _instances(cls, labels):
        named = cls(0.3, label=labels[-1])
        return [cls(0.3), named] if set(labels) == {0, 1} else [named]
