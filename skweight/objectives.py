"""Losses that can be used as the objective of boosted trees."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, log_expit

from skweight._utils.roles import in_range
from skweight._utils.validation import (
    check_labels,
    check_number,
    check_weights,
    encode_labels,
)
from skweight.calibration._focal import log_share

__all__ = ["FocalObjective"]

# Smallest Hessian of a row. The focal loss is not convex. For confidently wrong
# predictions the second derivative is negative, and a Newton step would increase the
# loss.
_FLOOR = 1e-6

# Rows are processed in blocks of this number, so that temporary arrays fit into the
# processor's cache.
_BLOCK = 1 << 14

# Largest absolute value of log odds; with larger values, exp could overflow.
_FAR = 700.0


class FocalObjective:
    r"""Focal loss as the objective of XGBoost and LightGBM.

    Rows that a model predicts well have a smaller weight in the loss: the factor is
    :math:`(1 - p_t)^\gamma`, where :math:`p_t` is the probability of the label of the
    row [1]_. The loss is not proper: the fitted probabilities of the classes are too
    close to each other. :class:`~skweight.calibration.FocalCalibrator`
    (``calibration="focal"``) corrects them exactly. On tabular data the focal loss was
    not better than the log loss: read :doc:`/user_guide/focal_loss` before using it.

    With logits z, :math:`q = 1 - p_t` and
    :math:`v = q^\gamma - \gamma\, p_t\, q^{\gamma - 1} \log p_t`,

    .. math:: \ell = -q^\gamma \log p_t, \qquad
       \frac{\partial \ell}{\partial z_k} = v\, (p_k - [k = t]).

    Parameters
    ----------
    gamma : float, default=2.0
        Exponent, in [0, inf). A larger exponent increases the relative weight of rows
        that a model predicts badly. With 0, the loss is the log loss.

    See Also
    --------
    skweight.calibration.FocalCalibrator : Inverts the focal loss.

    Notes
    -----
    The gradient and the Hessian (for several classes, the diagonal of the Hessian) are
    exact. A Hessian below 1e-6 is raised to this value before it is multiplied by the
    weight of the row. A row of weight 2 therefore counts as two rows, and a row of
    weight 0 is ignored. The time is O(n k) for n rows and k classes, and only the
    result needs memory.

    CatBoost has this loss for two classes:
    ``loss_function="Focal:focal_alpha=0.5;focal_gamma=2"``.

    References
    ----------
    .. [1] T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollar, "Focal loss for dense
       object detection", ICCV 2017, equation 4.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.objectives import FocalObjective
    >>> focal = FocalObjective(gamma=2)
    >>> gradient, hessian = focal(np.array([0, 1, 1]), np.array([-2.0, 0.0, 2.0]))
    >>> gradient.round(4)
    array([ 0.0049, -0.2983, -0.0049])
    >>> print(f"{focal.base_score([0, 0, 0, 1]):.3f}")
    0.399

    Pass this object to a learner, as in
    ``XGBClassifier(objective=focal, base_score=focal.base_score(y))`` or in
    ``LGBMClassifier(objective=focal)``.
    """

    # This class is not a BaseEstimator. If it had a method get_params, XGBoost would
    # treat objective__gamma as a parameter of XGBoost, and warn.
    def __init__(self, gamma=2.0):
        self.gamma = gamma

    def __repr__(self):
        return f"FocalObjective(gamma={self.gamma!r})"

    # XGBoost and LightGBM require these names of the arguments.
    def __call__(self, y_true, y_pred, sample_weight=None):
        """Return gradient and Hessian of the loss with respect to the raw scores.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels as encoded by the library: 0, 1, and so on.
        y_pred : array-like of shape (n_samples,) or (n_samples, n_classes)
            Raw scores: log odds of class 1, or a logit per class.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; None means ones.

        Returns
        -------
        gradient, hessian : ndarray of the shape of ``y_pred``
            First and second derivatives, times the weights.

        Raises
        ------
        ValueError
            If ``gamma`` is negative, or the shapes do not match.
        """
        check_number(self.gamma, name="gamma", low=0)
        scores = np.asarray(y_pred, dtype=np.float64)
        codes = np.asarray(y_true)
        if scores.ndim not in (1, 2) or codes.shape != scores.shape[:1]:
            raise ValueError(
                "y_pred must have shape (n_samples,) or (n_samples, n_classes), and "
                f"y_true shape (n_samples,); got {scores.shape} and {codes.shape}."
            )
        slopes = self._binary if scores.ndim == 1 else self._multiclass
        gradient, hessian = np.empty(scores.shape), np.empty(scores.shape)
        for start in range(0, scores.shape[0], _BLOCK):
            part = slice(start, start + _BLOCK)
            g, h = gradient[part], hessian[part]
            slopes(codes[part], scores[part], g, h)
            np.maximum(h, _FLOOR, out=h)
            if sample_weight is not None:
                weight = np.asarray(sample_weight[part], dtype=np.float64)
                weight = weight.reshape(-1, *[1] * (scores.ndim - 1))
                g *= weight
                h *= weight
        return gradient, hessian

    def _binary(self, codes, scores, gradient, hessian):
        r"""Compute the derivatives of rows of two classes.

        With log p = :math:`-\log(1 + e^{-s})`, s the log odds of the label of the row,
        and u = :math:`-p \log p`,

        v q = q^g (q + g u),  h = q^g p ((1 + 2 g + g log p) q + g^2 u).
        """
        g = self.gamma
        sign = 2.0 * codes - 1.0
        odds = sign * scores
        np.maximum(odds, -_FAR, out=odds)
        np.negative(odds, out=odds)
        ratio = np.exp(odds, out=odds)  # q / p
        log_p = np.log1p(ratio)
        np.negative(log_p, out=log_p)
        p = np.divide(1.0, 1.0 + ratio)
        q = np.multiply(ratio, p, out=ratio)
        power = _power(q, g)
        u = p * log_p
        u *= -g
        np.add(q, u, out=gradient)
        gradient *= power
        gradient *= sign
        np.negative(gradient, out=gradient)
        log_p *= g
        log_p += 1 + 2 * g
        log_p *= q
        u *= g
        log_p += u
        power *= p
        np.multiply(log_p, power, out=hessian)

    def _multiclass(self, codes, scores, gradient, hessian):
        r"""Compute the derivatives of rows of several classes.

        h_k = v p_k (1 - p_k) - v' p_t (p_k - [k = t])^2, with v' the derivative of v;
        (p_k - [k = t])^2 / q is at most q, so only the product v' q is computed. This
        product is finite.
        """
        g = self.gamma
        rows = np.arange(scores.shape[0])
        labels = codes.astype(np.intp)
        logits = scores - scores[rows, labels][:, np.newaxis]
        np.clip(logits, -_FAR, _FAR, out=logits)
        share = np.exp(logits, out=logits)  # p of every class / p of the label
        share[rows, labels] = 0.0
        ratio = share.sum(axis=1)  # q / p_t
        p_own = 1.0 / (1.0 + ratio)
        log_p = -np.log1p(ratio)
        q = ratio * p_own
        proba = np.multiply(share, p_own[:, np.newaxis], out=share)
        power = _power(q, g)
        with np.errstate(invalid="ignore", divide="ignore"):  # 0 / 0 where q is 0
            t = -p_own * log_p / q
        t = np.where(q > 0, t, 1.0)
        v = power * (1 + g * t)
        # v' q
        bend = power * g * (-2 - log_p - (g - 1) * t) * p_own
        np.multiply(proba, v[:, np.newaxis], out=gradient)
        gradient[rows, labels] = -v * q
        np.multiply(gradient, 1 - proba, out=hessian)
        with np.errstate(invalid="ignore", divide="ignore"):
            relative = np.where(q[:, np.newaxis] > 0, proba / q[:, np.newaxis], 0.0)
        hessian -= bend[:, np.newaxis] * proba * relative
        hessian[rows, labels] = v * p_own * q - bend * q

    def base_score(self, y, sample_weight=None):
        """Return the best constant prediction, for ``base_score=`` of XGBoost.

        Without this start value, boosting needs its first rounds to learn the class
        frequencies. LightGBM has no parameter for the start value, and starts from
        zero.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Labels of any type.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the fit, including class weights; None means ones.

        Returns
        -------
        start : float or list of float
            Probability of the second of two classes, or a logit per class with mean
            zero (supported by XGBoost from version 3.1 on).

        Raises
        ------
        ValueError
            If there are fewer than two classes, or a class has no positive weight.
        """
        check_number(self.gamma, name="gamma", low=0)
        _, codes = encode_labels(check_labels(y, owner=type(self).__name__))
        if sample_weight is not None:
            sample_weight = in_range(check_weights(sample_weight, codes.shape[0]))
        share = np.bincount(codes, sample_weight)
        if share.size < 2 or not (share > 0).all():
            raise ValueError(
                "base_score needs at least two classes, each with a row of positive "
                f"weight; got the class totals {share.tolist()}."
            )
        start = self._best_constant(np.log(share / share.sum()))
        if share.size == 2:
            return float(expit(start[1] - start[0]))
        return (start - start.mean()).tolist()

    def _best_constant(self, log_frequency):
        """Return log probabilities of minimal mean loss for given class frequencies."""

        def odds(shift):
            """Return log odds of every class, by bisection."""
            low = np.full(log_frequency.size, -_FAR)
            high = -low
            for _ in range(80):
                middle = (low + high) / 2
                above = log_share(middle, self.gamma) > log_frequency + shift
                low, high = np.where(above, low, middle), np.where(above, middle, high)
            return (low + high) / 2

        # At the minimum, the frequencies are proportional to p / v(p). Find the factor
        # of proportionality for which the values of p sum to 1.
        far = _FAR / 2
        shift = brentq(lambda c: expit(odds(c)).sum() - 1, -far, far, xtol=1e-12)
        return log_expit(odds(shift))


def _power(q, exponent):
    """Return q to a power; exponents 0, 1 and 2 are faster."""
    if exponent == 2:
        return q * q
    if exponent == 1:
        return q.copy()
    if exponent == 0:
        return np.ones_like(q)
    return q**exponent
