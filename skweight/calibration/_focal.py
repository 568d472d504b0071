"""The closed-form inversion of the focal loss."""

import numpy as np
from scipy.special import expit, log_expit

from skweight._utils.validation import check_number
from skweight.calibration._engine.numerics import log_normalise, rest_log_odds
from skweight.calibration._prior import PriorCalibrator

# For log odds above this value, -p log(p) / (1 - p) equals 1 in floating point.
_CERTAIN = 37.0


class FocalCalibrator(PriorCalibrator):
    r"""Turn the scores of a focal loss into probabilities, in closed form.

    The focal loss :math:`-(1 - p_t)^\gamma \log p_t` is not a proper loss. At the
    minimum of this loss, the outputs of a model are not the class probabilities: the
    outputs are closer to equal probabilities for all classes. For any number of
    classes, the class probabilities can be computed exactly from these outputs [1]_.
    Use this calibrator for a model that was trained with
    :class:`~skweight.objectives.FocalObjective`, with CatBoost's ``Focal`` or with a
    focal loss in PyTorch. The calibrator needs no calibration rows and no additional
    fits. Let :math:`p` be the sigmoid or softmax of the scores. Then the probability of
    class k is

    .. math:: \eta_k \propto \frac{p_k}{v(p_k)}, \qquad
       v(p) = (1 - p)^\gamma - \gamma\, p\, (1 - p)^{\gamma - 1} \log p.

    The calibrator first undoes the effect of the focal loss and then the effect of
    class weights. If :math:`w_k` is the class multiplier of class k, the result is
    :math:`\eta_k \propto p_k / (v(p_k)\, w_k)`.

    Parameters
    ----------
    gamma : float, default=2.0
        Exponent of the focal loss in the training of the model, in [0, inf). A larger
        exponent moves probabilities further away from equal probabilities. The exponent
        0 is the log loss, so probabilities do not change.

    Attributes
    ----------
    class_multiplier_ : ndarray of shape (n_classes,)
        The class multipliers whose effect the map undoes; all are 1 if none were
        passed.
    classes_ : ndarray of shape (n_classes,)
        Sorted labels, in the order of the columns of ``predict_proba``.

    See Also
    --------
    PriorCalibrator : Undoes the effect of class weights only.
    SigmoidCalibrator : Learns from rows, for models not at the minimum of the loss.
    skweight.objectives.FocalObjective : The loss, for XGBoost and LightGBM.

    Notes
    -----
    The map is exact for a model at the minimum of the focal loss. If the training of a
    model stops before the minimum, or the model over-fits, calibration rows are needed.
    In this case, use ``calibration="auto"``.

    References
    ----------
    .. [1] N. Charoenphakdee, J. Vongkulbhisal, N. Chairatanakul, M. Sugiyama, "On focal
       loss for class-posterior probability estimation: a theoretical perspective",
       CVPR 2021, theorem 11.
    .. [2] T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollar, "Focal loss for dense
       object detection", ICCV 2017, equation 4.

    Examples
    --------
    Suppose that a class has a frequency of 5 %. Then a model that minimises the focal
    loss with ``gamma=2`` predicts a probability of 25 % for this class:

    >>> from scipy.optimize import minimize_scalar
    >>> import numpy as np
    >>> def loss(s, p=0.05):
    ...     q = 1 / (1 + np.exp(-s))
    ...     return -p * (1 - q) ** 2 * np.log(q) - (1 - p) * q**2 * np.log(1 - q)
    >>> score = minimize_scalar(loss, bounds=(-9, 9), method="bounded").x
    >>> print(f"{1 / (1 + np.exp(-score)):.2f}")
    0.25
    >>> from skweight.calibration import FocalCalibrator
    >>> calibrator = FocalCalibrator(gamma=2).fit(classes=["no", "yes"])
    >>> print(calibrator.predict_proba([score]).round(3))
    [[0.95 0.05]]
    """

    # The inversion needs the raw scores of a custom objective.
    takes_raw_scores = True

    def __init__(self, gamma=2.0):
        self.gamma = gamma

    def fit(
        self,
        scores=None,
        y=None,
        sample_weight=None,
        *,
        classes=None,
        class_multiplier=None,
        focal_gamma=None,
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
            matter. None means a model without class weights.
        focal_gamma : float, default=None
            Exponent of the focal loss in the training of the model. If this exponent
            differs from ``gamma``, an error is raised. None means that the exponent is
            not known.

        Returns
        -------
        self : object
            The fitted calibrator.

        Raises
        ------
        ValueError
            If ``gamma`` is negative or differs from ``focal_gamma``, or
            ``class_multiplier`` has another shape than the classes or is not positive
            and finite.
        """
        check_number(self.gamma, name="gamma", low=0)
        if focal_gamma is not None and focal_gamma != self.gamma:
            raise ValueError(
                f"FocalCalibrator inverts gamma={self.gamma:g}, but the model was "
                f"trained with gamma={focal_gamma:g}. Set "
                f"calibration=FocalCalibrator({focal_gamma:g})."
            )
        return super().fit(y=y, classes=classes, class_multiplier=class_multiplier)

    def _default_multiplier(self, classes):
        return np.ones(classes.shape[0])

    def _predict_binary(self, scores):
        return super()._predict_binary(focal_inverse(scores, self.gamma))

    def _predict_multiclass(self, scores):
        return super()._predict_multiclass(focal_inverse(scores, self.gamma))


def focal_inverse(scores, gamma):
    """Return log-scale scores with the focal loss inverted.

    For two classes, the input and the result are log odds of shape (n,). For more
    classes, the input and the result are log p plus a constant per row, of shape (n,
    k).
    """
    if scores.ndim == 1:
        return log_share(scores, gamma) - log_share(-scores, gamma)
    return log_share(rest_log_odds(log_normalise(scores)), gamma)


def log_share(odds, gamma):
    """Return log(p / v(p)), as in `FocalCalibrator`, from the log odds of p.

    The function computes log p - gamma log(1 - p) - log(1 + gamma t), where t = -p
    log(p) / (1 - p) lies in (0, 1). This form loses no digits for p near 0 or 1.
    """
    log_p, log_q = log_expit(odds), log_expit(-odds)
    with np.errstate(invalid="ignore", divide="ignore"):  # 0 / 0 where p is certain
        t = -expit(odds) * log_p / expit(-odds)
    t = np.where(odds > _CERTAIN, 1.0, t)
    return log_p - gamma * log_q - np.log1p(gamma * t)
