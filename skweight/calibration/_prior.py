"""The closed-form inversion of class weights."""

import numpy as np

from skweight.calibration._base import BaseCalibrator
from skweight.calibration._engine.numerics import binary_proba, softmax_proba
from skweight.calibration._rows import (
    check_class_multiplier,
    check_classes,
    resolve_classes,
)


class PriorCalibrator(BaseCalibrator):
    r"""Undo class weights in closed form, without calibration rows.

    Suppose that class k has the weight :math:`w_k` in a proper loss. A model that
    minimises this loss learns :math:`p_w(k \mid x) \propto w_k\, p(k \mid x)`. Hence

    .. math:: p(k \mid x) \propto p_w(k \mid x) / w_k,

    For two classes, this formula lowers the log odds by :math:`\log (w_1 / w_0)`. Use
    this calibrator for logistic regression and other models that reach the minimum of
    the log loss. ``PriorCalibrator`` needs no calibration rows and no additional fits.
    In three cases, use a calibrator that learns from rows instead. First, trees,
    boosting and forests do not reach the minimum of the log loss. Second, the scores of
    models with a hinge loss are not log odds. Third, synthetic training rows change
    more than the class frequencies.

    Attributes
    ----------
    class_multiplier_ : ndarray of shape (n_classes,)
        The class multipliers whose effect the map undoes.
    classes_ : ndarray of shape (n_classes,)
        Sorted labels, in the order of the columns of ``predict_proba``.

    See Also
    --------
    SigmoidCalibrator : Learns a shift and a slope of the log odds from rows.

    Notes
    -----
    Only ratios of the multipliers matter. The scores must be log odds or logits: their
    sigmoid or softmax must equal the predicted probabilities of the model. Decision
    values of a margin model are treated as log odds.

    References
    ----------
    .. [1] C. Elkan, "The foundations of cost-sensitive learning", IJCAI 2001,
       theorem 2.
    .. [2] M. Saerens, P. Latinne, C. Decaestecker, "Adjusting the outputs of a
       classifier to new a priori probabilities", Neural Computation 14, 2002,
       equation 2.4.

    Examples
    --------
    A model was trained with a weight of 99 for the second class. If this model predicts
    50 % for the second class, the probability of this class in the population is 1 %:

    >>> from skweight.calibration import PriorCalibrator
    >>> calibrator = PriorCalibrator()
    >>> calibrator = calibrator.fit(classes=["no", "yes"], class_multiplier=[1, 99])
    >>> calibrator.predict_proba([0.0])
    array([[0.99, 0.01]])
    """

    needs_held_out_scores = False

    def fit(
        self,
        scores=None,
        y=None,
        sample_weight=None,
        *,
        classes=None,
        class_multiplier=None,
    ):
        """Store the multipliers to invert; scores are not used.

        Parameters
        ----------
        scores : array-like, default=None
            Not used, present for API consistency.
        y : array-like of shape (n_samples,), default=None
            Used only to find the labels if ``classes`` is None.
        sample_weight : array-like of shape (n_samples,), default=None
            Not used: the effect of population weights is never undone.
        classes : array-like of shape (n_classes,), default=None
            All labels, sorted as by ``numpy.unique``; None takes the labels of ``y``.
        class_multiplier : array-like of shape (n_classes,), default=None
            Total training weight of each class, including class weights and resampling,
            divided by the total population weight of the class. Positive; only ratios
            matter. Required.

        Returns
        -------
        self : object
            The fitted calibrator.

        Raises
        ------
        ValueError
            If ``class_multiplier`` is missing, has another shape than the classes, or
            is not positive and finite.
        """
        owner = type(self).__name__
        if classes is None:
            classes, _ = resolve_classes(y, None, owner=owner)
        else:
            classes = check_classes(classes, owner=owner)
        if class_multiplier is None:
            class_multiplier = self._default_multiplier(classes)
        multiplier = check_class_multiplier(class_multiplier, classes, owner=owner)
        self.classes_ = classes
        self.class_multiplier_ = multiplier
        self._log_multiplier = np.log(multiplier)
        return self

    def _default_multiplier(self, classes):
        raise ValueError(
            f"{type(self).__name__} needs class_multiplier, the total training weight "
            "of every class divided by its total population weight; got None. "
            "WeightedClassifier passes this argument. If you call fit yourself and "
            'trained with "balanced" weights, pass n / (k * count) per class.'
        )

    def fit_statistics(self, statistics, *, class_multiplier=None):
        """Store the class multipliers and the labels; do not use any sums of scores.

        Parameters
        ----------
        statistics : ScoreStatistics or ClassMasses
            An object with the attribute ``classes_``.
        class_multiplier : array-like of shape (n_classes,), default=None
            Total training weight of each class divided by its total population weight,
            as in `fit`. Required.

        Returns
        -------
        self : object
            The fitted calibrator.
        """
        classes = statistics.classes_
        return self.fit(classes=classes, class_multiplier=class_multiplier)

    def _predict_binary(self, scores):
        shift = self._log_multiplier[1] - self._log_multiplier[0]
        return binary_proba(scores - shift)

    def _predict_multiclass(self, scores):
        return softmax_proba(scores - self._log_multiplier)
