"""Decisions that need nothing but probabilities."""

import numpy as np

from skweight._utils.validation import check_number, say
from skweight.decision._base import BaseDecision


class ArgmaxDecision(BaseDecision):
    r"""Choose the most probable class.

    Right where every mistake costs the same. On a rare class with honest
    probabilities it hardly ever chooses that class.

    .. math:: \hat y = \arg\max_k p_k

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of the probabilities.
    threshold_ : float
        With two classes 0.5: the second is chosen above it.

    Notes
    -----
    The first of several equally probable classes is chosen.

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
    r"""Let labels follow the emphasis of the fit, applied to honest probabilities.

    A model whose classes were weighted by :math:`w_k` and then calibrated chooses

    .. math:: \hat y = \arg\max_k w_k p_k,

    which is what the weighted model chooses by itself wherever calibration is the
    exact inversion of the weights: its probabilities are proportional to
    :math:`w_k p_k`. With two classes the second is chosen where

    .. math:: p > \frac{w_0}{w_0 + w_1},

    and for balanced classes that threshold is the prevalence of the second class.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of the probabilities.
    class_multiplier_ : ndarray of shape (n_classes,)
        The :math:`w_k`: training mass of each class over its population mass.
    threshold_ : float
        With two classes :math:`w_0 / (w_0 + w_1)`: the second is chosen above it.

    Notes
    -----
    The first of several classes with the same product is chosen.

    References
    ----------
    .. [1] Elkan, C. (2001). The foundations of cost-sensitive learning. IJCAI,
       theorem 1 and equation 2.

    Examples
    --------
    A fit that gave the rare class 19 times the weight of the common one:

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


class ThresholdDecision(BaseDecision):
    r"""Choose the second of two classes from a given probability on.

    .. math:: \hat y = 1 \iff p \ge \text{threshold}

    Parameters
    ----------
    threshold : float, default=0.5
        In [0, 1]. Raising it trades recall of the second class for precision.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        Labels, in the order of the columns of the probabilities.
    threshold_ : float
        The threshold.

    Raises
    ------
    ValueError
        In `fit`, if there are not two classes, or the threshold is outside [0, 1].

    Notes
    -----
    The same rule as scikit-learn's ``FixedThresholdClassifier``.

    Examples
    --------
    >>> from skweight.decision import ThresholdDecision
    >>> ThresholdDecision(0.2).fit(classes=[0, 1]).decide([[0.8, 0.2], [0.9, 0.1]])
    array([1, 0])
    """

    def __init__(self, threshold=0.5):
        self.threshold = threshold

    def _learn(self, held_out, class_multiplier):
        check_number(self.threshold, name="The decision threshold", low=0, high=1)
        if self.classes_.size != 2:
            raise ValueError(
                f"One threshold decides between two classes; y has {say(self.classes_)}"
                ". Use decision='auto' or 'argmax'."
            )
        self.threshold_ = float(self.threshold)

    def _positions(self, proba, X, metadata):
        return (proba[:, 1] >= self.threshold_).astype(np.intp)

    @classmethod
    def _instances(cls, labels):
        return [cls(0.3)] if len(labels) == 2 else []
