"""The log loss after calibration, as a metric for early stopping."""

import numpy as np
from sklearn.metrics import make_scorer

from skweight._utils.roles import in_range
from skweight._utils.validation import check_bool, check_weights, encode_labels
from skweight.calibration._engine.logistic import (
    Affine,
    LogisticObjective,
    fit_logistic,
    fit_slope,
    slope_is_known,
    standardise,
)
from skweight.calibration._engine.newton import Restricted
from skweight.calibration._engine.numerics import (
    binary_levels,
    centre_rows,
    log_scale,
    smoothed_targets,
)
from skweight.calibration._engine.softmax import (
    SoftmaxObjective,
    fit_shared_slope,
    fit_softmax,
)
from skweight.calibration._rows import count_rows, to_effective_rows


class RefinedLogLoss:
    r"""Log loss after a sigmoid is fitted to the same rows, with population weights.

    Use this metric for early stopping of a boosted or deep model that will be
    calibrated. The metric is useful if the model is trained with class weights,
    resampling or a focal loss. The plain log loss of a model trained in this way has
    two parts: a loss due to the ranking, and a loss due to the miscalibration. A
    calibrator will correct the miscalibration later. During training, the
    miscalibration hides the quality of the ranking. This metric removes the
    miscalibration: at every round, it fits a sigmoid [1]_:

    .. math:: \min_{a > 0,\, b} \frac{1}{W} \sum_i w_i\,
       \ell\bigl(y_i, \sigma(a\, s_i + b)\bigr).

    With more than two classes, the softmax of :math:`a z_i + b` replaces the sigmoid,
    with one slope a for all classes and a bias for each class. A softmax without a bias
    for each class cannot undo class weights. The weights in the loss are the population
    weights of the validation rows, without class weights. With a learning rate of 0.1,
    use a patience of about 100 rounds, because the curve of this metric is flatter than
    the curve of the plain log loss.

    ============== ==================================================================
    library        where it goes
    ============== ==================================================================
    XGBoost        ``XGBClassifier(eval_metric=RefinedLogLoss())``
    LightGBM       ``fit(..., eval_metric=RefinedLogLoss().lightgbm)``, with
                   ``LGBMClassifier(metric="None")``
    CatBoost       ``CatBoostClassifier(eval_metric=RefinedLogLoss())``
    scikit-learn   ``HistGradientBoostingClassifier(scoring=RefinedLogLoss().scorer())``
    skorch         ``EpochScoring(RefinedLogLoss().scorer(), lower_is_better=False)``
    ============== ==================================================================

    Parameters
    ----------
    raw : bool, default=False
        Whether predictions are raw scores (log odds, logits) instead of probabilities.
        XGBoost and LightGBM pass raw scores if the objective is a function, such as
        :class:`~skweight.objectives.FocalObjective`. CatBoost always passes raw scores,
        so this parameter has no effect with CatBoost.

    See Also
    --------
    skweight.calibration.SigmoidCalibrator : The sigmoid that this metric fits.
    log_loss_decomposition : Divides the log loss into refinement and calibration.

    Notes
    -----
    Newton's method starts from the sigmoid of the previous round. Therefore most rounds
    need only one or two passes over the rows. The result does not depend on the start.
    Targets are smoothed as in Platt scaling, so the slope is finite even if the scores
    separate the classes. The object stores only the start of the next round. The start
    is not pickled.

    HistGradientBoostingClassifier multiplies the weights of its validation rows by
    ``class_weight``. Therefore do not use ``class_weight``: balance the classes with
    ``sample_weight``, as :class:`~skweight.WeightedClassifier` does, and pass
    ``X_val``, ``y_val`` and ``sample_weight_val``. CatBoost warns that a metric in
    Python is faster with numba.

    References
    ----------
    .. [1] E. Berta, D. Holzmüller, M. I. Jordan, F. Bach, "Rethinking early stopping:
       refine, then calibrate", arXiv:2501.19195, 2025.

    Examples
    --------
    The second model was trained as if the classes were equally frequent. Its plain log
    loss is larger, but its refined log loss is the same:

    >>> import numpy as np
    >>> from sklearn.metrics import log_loss
    >>> from skweight.metrics import RefinedLogLoss
    >>> rng = np.random.default_rng(0)
    >>> log_odds = rng.normal(-3, 1.5, size=5000)
    >>> y = (rng.random(5000) < 1 / (1 + np.exp(-log_odds))).astype(int)
    >>> for shift in (0, 3):
    ...     p = 1 / (1 + np.exp(-log_odds - shift))
    ...     print(f"{log_loss(y, p):.3f} {RefinedLogLoss()(y, p):.3f}")
    0.248 0.248
    0.757 0.248
    """

    # Libraries read the name of a metric function.
    __name__ = "refined_log_loss"

    def __init__(self, raw=False):
        self.raw = raw

    def __repr__(self):
        return f"RefinedLogLoss(raw={self.raw})"

    def __getstate__(self):
        return {"raw": self.raw}

    def __deepcopy__(self, memo):
        # The copy of an object of this class is the object itself, as for a function.
        # There are two reasons: CatBoost copies its parameters, and scikit-learn's
        # clone fails if a parameter of the clone is not the same object.
        return self

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Return the loss; XGBoost and scikit-learn call this method.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels 0, 1, 2 and so on. Other labels are allowed if every class occurs.
        y_pred : array-like of shape (n_samples,) or (n_samples, n_classes)
            Probabilities of class 1 or of every class. With ``raw=True``, raw scores.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights; rows of weight zero are ignored.

        Returns
        -------
        loss : float
            Mean log loss after the sigmoid, in nats.

        Raises
        ------
        ValueError
            If shapes or labels do not match, if predictions are not finite, or if `raw`
            is False and predictions are outside [0, 1].
        """
        check_bool(self.raw, name="raw")
        scores = np.asarray(y_pred)
        if not self.raw:
            if not (np.all(scores >= 0) and np.all(scores <= 1 + 1e-6)):
                raise ValueError(
                    "y_pred must be probabilities in [0, 1]; got values outside or "
                    "NaN. If the objective is a function, libraries pass raw scores: "
                    "use RefinedLogLoss(raw=True)."
                )
            precision = scores.dtype if scores.dtype.kind == "f" else np.float64
            scores = log_scale(
                scores.astype(np.float64), float(np.finfo(precision).eps)
            )
        return self._of_scores(y_true, scores, sample_weight)

    def lightgbm(self, y_true, y_pred, weight):
        """Return name, loss and direction, as LightGBM requires.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels.
        y_pred : array-like of shape (n_samples,) or (n_samples, n_classes)
            Predictions.
        weight : array-like of shape (n_samples,) or None
            Population weights of the rows.

        Returns
        -------
        name : str
            ``"refined_log_loss"``.
        loss : float
            Mean log loss after the sigmoid.
        is_higher_better : bool
            Always False.
        """
        return self.__name__, self(y_true, y_pred, weight), False

    def is_max_optimal(self):
        """Return False: for CatBoost, lower is better.

        Returns
        -------
        answer : bool
            False.
        """
        return False

    def evaluate(self, approxes, target, weight):
        """Return the weighted loss and the total weight, as CatBoost requires.

        Parameters
        ----------
        approxes : sequence of array-like of shape (n_samples,)
            Raw scores: one vector for two classes, otherwise one vector per class.
        target : array-like of shape (n_samples,)
            Codes of the labels.
        weight : array-like of shape (n_samples,) or None
            Population weights of the rows.

        Returns
        -------
        total : float
            Loss times the total weight.
        mass : float
            Total weight.
        """
        scores = np.stack([np.asarray(column) for column in approxes], axis=1)
        if scores.shape[1] == 1:
            scores = scores[:, 0]
        weight = None if weight is None else np.asarray(weight)
        mass = float(scores.shape[0] if weight is None else weight.sum())
        return mass * self._of_scores(np.asarray(target), scores, weight), mass

    def get_final_error(self, error, weight):
        """Return the mean loss, computed from the result of `evaluate`, for CatBoost.

        Parameters
        ----------
        error : float
            Loss times the total weight.
        weight : float
            Total weight.

        Returns
        -------
        loss : float
            Mean log loss after the sigmoid.
        """
        return error / weight

    def scorer(self):
        """Return a scorer of ``predict_proba``: the negative loss, so higher is better.

        Pass the scorer as ``scoring=`` to HistGradientBoostingClassifier, to searches,
        and to skorch's ``EpochScoring``.

        Returns
        -------
        scorer : callable
            Scorer of ``sklearn.metrics.make_scorer``.
        """
        return make_scorer(
            self, greater_is_better=False, response_method="predict_proba"
        )

    def _of_scores(self, y_true, scores, sample_weight):
        scores = np.asarray(scores, dtype=np.float64)
        if scores.ndim == 2 and scores.shape[1] == 2:
            scores = scores[:, 1] - scores[:, 0]
        n_classes = 2 if scores.ndim == 1 else scores.shape[1]
        codes = _codes(y_true, n_classes)
        if codes.shape != scores.shape[:1] or not np.isfinite(scores).all():
            raise ValueError(
                "y_true and y_pred must have the same number of rows, and y_pred must "
                "be finite; got "
                f"{codes.shape[0]} labels and predictions of shape {scores.shape}."
            )
        if sample_weight is None:
            weight = np.broadcast_to(np.float64(1.0), codes.shape[0])
            count = count_rows(codes, n_classes)
        else:
            weight = in_range(check_weights(sample_weight, codes.shape[0]))
            counted = weight > 0
            scores, codes = scores[counted], codes[counted]
            weight, count, _ = to_effective_rows(weight[counted], codes, n_classes)
        fit = _refit_binary if n_classes == 2 else _refit_multiclass
        start = getattr(self, "_start", None)
        if start is not None and np.shape(start[1]) != (
            () if n_classes == 2 else (n_classes,)
        ):
            start = None
        loss, self._start = fit(scores, codes, weight, count, start)
        return float(loss)


def _codes(y_true, n_classes):
    """Return codes of labels: 0, 1, ... unchanged, other labels sorted."""
    y = np.asarray(y_true).reshape(-1)
    if y.dtype.kind in "biuf":
        codes = y.astype(np.intp)
        if np.array_equal(codes, y) and codes.min() >= 0 and codes.max() < n_classes:
            return codes
    classes, codes = encode_labels(y)
    if classes.shape[0] != n_classes:
        raise ValueError(
            f"y_pred has {n_classes} classes, but y_true has {len(classes)} labels "
            "that are not 0, 1, and so on. Validate on rows of every class, or "
            "encode the labels as 0, 1, and so on."
        )
    return codes


def _refit_binary(scores, codes, weight, count, start):
    """Return the loss after the best sigmoid, and the sigmoid's slope and intercept."""
    codes = codes.astype(np.uint8)
    levels = binary_levels(count, 1.0)
    standard = standardise(scores, weight)
    rows = (Affine(standard), scores, codes, weight)
    theta = np.zeros(2)
    if slope_is_known(scores, count, True):
        objective = LogisticObjective(*rows, levels, standard)
        if start is None:
            theta = objective.constant()
        else:
            slope, intercept = start
            theta = np.array(
                [slope * standard.scale, intercept + slope * standard.centre]
            )
        theta = fit_logistic(objective, theta)
    if not theta[0] > 0:
        fit = fit_slope(scores, codes, weight, count, levels)
        theta = np.array(
            [fit.slope * standard.scale, fit.intercept + fit.slope * standard.centre]
        )
    loss = LogisticObjective(*rows, np.array([0.0, 1.0]), standard).value(theta)
    slope = theta[0] / standard.scale
    return loss, (slope, theta[1] - slope * standard.centre)


def _refit_multiclass(scores, codes, weight, count, start):
    """Return the loss after the best softmax map, and the slope and biases."""
    k = scores.shape[1]
    scores = centre_rows(scores)
    targets = smoothed_targets(count, 1.0)
    share = np.zeros((2 * k, 1 + k))
    share[:k, 0] = 1.0
    share[k:, 1:] = np.eye(k)
    slope = 0.0
    if start is not None and slope_is_known(scores, count, True):

        def build(z, codes, weight):
            return Restricted(SoftmaxObjective(z, codes, weight, *targets), share)

        slope, *intercept = fit_softmax(
            build, (scores, codes, weight), np.append(*start)
        )
        intercept = np.array(intercept)
    if not slope > 0:
        fit = fit_shared_slope(scores, codes, weight, count, *targets)
        slope, intercept = fit.slope, fit.intercept
    hard = SoftmaxObjective(scores, codes, weight, np.ones(k), np.zeros(k))
    theta = np.append(np.repeat(slope, k), intercept)
    return hard.value(theta), (slope, intercept - intercept.mean())
