"""A formula that undoes class weights, with a correction by calibration rows."""

import numpy as np

from skweight._utils.validation import check_bool, check_choice, check_number
from skweight.calibration._base import BaseCalibrator, warn_reversed
from skweight.calibration._engine.logistic import (
    Affine,
    LogisticObjective,
    Standard,
    fit_logistic,
    standardise,
)
from skweight.calibration._engine.newton import Restricted, Ridge
from skweight.calibration._engine.numerics import (
    binary_proba,
    log_normalise,
    soften_tails,
    softmax_proba,
)
from skweight.calibration._engine.softmax import SoftmaxObjective, fit_softmax
from skweight.calibration._quadratic import Bend, fit_bend
from skweight.calibration._rows import check_class_multiplier, check_classes

# The targets of the fit are the labels 0 and 1, without smoothing, because the prior
# keeps the coefficients finite.
_LABELS = np.array([0.0, 1.0])

# If the standard deviation of the log odds is below this value, the slope cannot be
# estimated.
_NARROW = 1e-6

# Scores are not centred if their standard deviation is larger than this value. A single
# very large score can be the cause of such a standard deviation. Then the prior
# precision of the slope is much smaller than the prior precision of the intercept. If
# the scores were centred, rounding would lose the prior precision of the slope.
_WIDE = 1e5

# Log odds are clipped to this many times the median of the absolute log odds. At the
# limit, the probability is 0 or 1 in any case.
_FAR = 1e4


class AnchoredCalibrator(BaseCalibrator):
    r"""Undo the effect of the training weights, then correct with calibration rows.

    Try this calibrator first if the model has class weights or was resampled.
    ``PriorCalibrator`` undoes the effect of the weights by a formula (the inversion).
    The inversion is right for a model that minimises a proper loss, such as the log
    loss, and wrong for most other models. A ``SigmoidCalibrator`` is right for both
    kinds of models but needs calibration rows. ``AnchoredCalibrator`` computes a
    maximum a-posteriori estimate whose prior is the inversion. Without calibration
    rows, the calibrator only applies the inversion. With more rows, the result
    approaches that of ``SigmoidCalibrator``. With a few tens of rows of the rare class,
    this calibrator has a lower excess log loss than the other parametric calibrators.

    Let :math:`w_k` be the total training weight of class k divided by its total
    population weight (the sum of ``sample_weight``). Let :math:`s` be the log odds of
    the model. Then :math:`z = s - \log(w_1 / w_0)` are the log odds without the effect
    of the weights. The map and its fit are

    .. math:: p(1 \mid s) = \sigma(b + a z + c\, q(z)), \qquad
       \min_{a, b, c} \sum_i v_i\, \ell(y_i, p_i) + \frac{(a - 1)^2}{2 \sigma_a^2}
       + \frac{b^2}{2 \sigma_b^2} + \frac{c^2}{2 \sigma_c^2},

    where :math:`\ell` is the log loss. The weights :math:`v` of the calibration rows
    sum to the effective number of rows. With ``shape="affine"``, :math:`c = 0`. With
    ``shape="quadratic"``, :math:`q(z) = u^2 - 1` where :math:`u` is the standardised z.
    With more classes, :math:`z` is the log-softmax of :math:`s_k - \log w_k`, and

    .. math:: p(\cdot \mid s) = \mathrm{softmax}(a \circ z + b), \qquad \sum_k b_k = 0.

    Parameters
    ----------
    shape : {"affine", "quadratic"}, default="affine"
        Whether the map from the log odds of the model to the calibrated log odds is
        affine or has a quadratic term. ``"quadratic"`` suits models that are
        over-confident on one side, such as over-fitted trees. The quadratic term needs
        hundreds of rows of the rare class. With three or more classes the map is always
        affine.
    slope_scale : float, default=0.5
        Standard deviation :math:`\sigma_a` of the prior of the slope around 1, in
        (0, inf). With a larger value, fewer rows are enough to move the slope. 0.5
        suits scores that are log odds. 1 suits other scores: votes of forests, margins,
        or models trained on synthetic rows.
    intercept_scale : float, default=1.0
        Standard deviation :math:`\sigma_b` of the prior of the intercept around 0, in
        log odds, in (0, inf). With a larger value, the fit relies less on the formula
        that undoes the effect of the weights. 1 suits scores that are log odds, 2 suits
        other scores.
    curvature_scale : float, default=0.25
        Standard deviation :math:`\sigma_c` of the prior of the curvature around 0, in
        (0, inf). With a larger value, fewer rows are enough to bend the map.
    ridge : float, default=1.0
        For three or more classes: how strongly the slopes of the classes are pulled
        towards a common slope, in (0, inf). A larger value helps when classes are rare.
        With k classes and the ridge :math:`\lambda`, the deviations of the slopes from
        the common slope have the prior variance :math:`1 / (2 \lambda k)`. The common
        slope has the prior variance :math:`\sigma_a^2`.
    bounded : bool, default=True
        For two classes: whether to limit extreme probabilities, as in
        ``SigmoidCalibrator``.

    Attributes
    ----------
    slope_ : float or ndarray of shape (n_classes,)
        Slope :math:`a`; a float for two classes.
    intercept_ : float or ndarray of shape (n_classes,)
        Intercept :math:`b`; a float for two classes.
    curvature_ : float
        Curvature :math:`c`; only for two classes.
    class_multiplier_ : ndarray of shape (n_classes,)
        The class multipliers whose effect the map undoes; all are 1 if none were
        passed.
    classes_ : ndarray of shape (n_classes,)
        Sorted labels, in the order of the columns of ``predict_proba``.
    class_count_ : ndarray of shape (n_classes,)
        Effective number of calibration rows per class.

    See Also
    --------
    PriorCalibrator : Undoes the effect of class weights, without calibration rows.
    SigmoidCalibrator : The same map for many rows, with ``shape="affine"``.
    QuadraticCalibrator : The same map for many rows, with ``shape="quadratic"``.

    Notes
    -----
    *The prior replaces Platt's smoothed targets.* The prior keeps the coefficients
    finite even if the scores separate the classes. Therefore the fit uses the labels 0
    and 1 as targets, without smoothing. With n rows, the influence of the prior
    decreases like 1 / n.

    *The map is increasing.* The quadratic term is restricted as in
    ``QuadraticCalibrator``. Therefore calibration does not change the ranking of the
    rows or the AUC.

    *The number of calibration rows limits the probabilities.* For example, 300 rows
    without an error are no evidence for a probability of one in a million. With fewer
    than a thousand rows, the limits reduce the excess log loss by a sixth to a quarter
    on the problems of the user guide. Without calibration rows there are no limits.

    *A slope of zero or less* is not used. In this case, the fit issues a
    ``CalibrationWarning`` and the calibrator predicts approximately the class
    frequencies for every row. With three or more classes, if only some slopes are zero
    or less, the fit uses one slope for all classes.

    *Cost.* The fit uses Newton's method and is exact to rounding. For two classes, the
    cost is :math:`O(n)`: after a first fit on bins of the score, one pass over the rows
    is enough. For more classes, the cost is :math:`O(n k^2)`. The fit is deterministic,
    and rows of weight zero are ignored.

    References
    ----------
    .. [1] C. Elkan, "The foundations of cost-sensitive learning", IJCAI 2001,
       theorem 2 (the formula that undoes class weights).
    .. [2] J. Platt, "Probabilistic outputs for support vector machines", Advances in
       Large Margin Classifiers, 1999 (the map for many rows).
    .. [3] E. Berta et al., "Structured matrix scaling for multi-class calibration",
       arXiv:2511.03685, 2025 (ridge towards the identity, k classes).

    Examples
    --------
    A model was trained with a weight of 19 for the second class, and is a little
    over-confident. Each line shows the number of calibration rows, the slope and the
    intercept. With 0 rows, only the formula undoes the class weight:

    >>> import numpy as np
    >>> from skweight.calibration import AnchoredCalibrator
    >>> rng = np.random.default_rng(0)
    >>> logit = rng.normal(-3, 1.5, size=20_000)
    >>> y = (rng.random(20_000) < 1 / (1 + np.exp(-logit))).astype(int)
    >>> scores = 1.3 * logit + np.log(19)
    >>> known = {"classes": [0, 1], "class_multiplier": [1, 19]}
    >>> for n in (0, 10, 20_000):
    ...     calibrator = AnchoredCalibrator().fit(scores[:n], y[:n], **known)
    ...     print(f"{n:5d} {calibrator.slope_:.2f} {calibrator.intercept_:+.2f}")
        0 1.00 +0.00
       10 0.69 +0.51
    20000 0.78 +0.06
    """

    def __init__(
        self,
        shape="affine",
        *,
        slope_scale=0.5,
        intercept_scale=1.0,
        curvature_scale=0.25,
        ridge=1.0,
        bounded=True,
    ):
        self.shape = shape
        self.slope_scale = slope_scale
        self.intercept_scale = intercept_scale
        self.curvature_scale = curvature_scale
        self.ridge = ridge
        self.bounded = bounded

    def fit(
        self,
        scores=None,
        y=None,
        sample_weight=None,
        *,
        classes=None,
        class_multiplier=None,
    ):
        """Fit the calibrator; few rows stay close to the inverted class weights.

        Parameters
        ----------
        scores : array-like of shape (n_samples,), (n_samples, 1) or \
                (n_samples, n_classes), default=None
            Log-scale scores of held-out rows (rows that were not used to fit the
            model): log odds of the second class, or one score per class. Without rows
            (None or empty), ``classes`` is required, and the calibrator only undoes the
            effect of the weights.
        y : array-like of shape (n_samples,), default=None
            Labels of the rows, of any type.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights. Only their ratios matter; rows of weight zero are
            ignored. Never pass class weights.
        classes : array-like of shape (n_classes,), default=None
            All labels, sorted as by ``numpy.unique``; None takes the labels of ``y``.
        class_multiplier : array-like of shape (n_classes,), default=None
            Total training weight of each class, including class weights and resampling,
            divided by the total population weight of the class. Positive; only ratios
            matter. None means that the model was not weighted.

        Returns
        -------
        self : object
            The fitted calibrator.

        Raises
        ------
        ValueError
            Scores must be finite and have the right shape. Every label must be among
            ``classes``, and there must be at least two classes. Weights and multipliers
            must be usable. Every parameter must be in its range. Otherwise, this error
            is raised.

        Warns
        -----
        CalibrationWarning
            If a class has no row of positive weight.
        CalibrationWarning
            If the scores rank the classes in the wrong direction.
        """
        self._check_parameters()
        if classes is not None and not _holds_rows(scores) and not _holds_rows(y):
            return self._fit_without_rows(classes, class_multiplier)
        return self._fit(scores, y, sample_weight, classes, class_multiplier)

    def _check_parameters(self):
        check_choice(self.shape, ("affine", "quadratic"), name="shape")
        for name in ("slope_scale", "intercept_scale", "curvature_scale", "ridge"):
            check_number(getattr(self, name), name=name, low=0, include="neither")
        check_bool(self.bounded, name="bounded")

    def _fit_without_rows(self, classes, class_multiplier):
        owner = type(self).__name__
        self.classes_ = check_classes(classes, owner=owner)
        n_classes = self.classes_.shape[0]
        self.class_count_ = np.zeros(n_classes)
        self._tails = None
        self._anchor(
            None
            if class_multiplier is None
            else check_class_multiplier(class_multiplier, self.classes_, owner=owner)
        )
        if n_classes == 2:
            self._keep(1.0, 0.0, 0.0)
        else:
            self.slope_, self.intercept_ = np.ones(n_classes), np.zeros(n_classes)
        return self

    def _anchor(self, class_multiplier):
        if class_multiplier is None:
            class_multiplier = np.ones(self.classes_.shape[0])
        self.class_multiplier_ = class_multiplier
        self._log_multiplier = np.log(class_multiplier)

    def _inverted(self, scores):
        if scores.ndim == 1:
            return scores - (self._log_multiplier[1] - self._log_multiplier[0])
        return log_normalise(scores - self._log_multiplier)

    # -- two classes -------------------------------------------------------------

    def _fit_binary(self, rows):
        self._tails = rows.tails
        self._anchor(rows.class_multiplier)
        z = self._inverted(rows.scores)
        standard = standardise(z, rows.weight)
        if standard.scale > _WIDE:
            z = _without_far(z, rows.weight)
            standard = standardise(z, rows.weight)
        standard = Standard(standard.centre, max(standard.scale, _NARROW))
        bends = self.shape == "quadratic"
        if standard.scale > _WIDE and not bends:
            standard = Standard(0.0, np.hypot(standard.centre, standard.scale))
        basis = Bend(standard, z) if bends else Affine(standard)
        objective = LogisticObjective(
            basis, z, rows.codes, rows.weight, _LABELS, standard
        )

        def with_prior(objective):
            return Ridge(objective, *self._prior(standard, rows.weight.sum(), bends))

        start = np.zeros(3 if bends else 2)
        if rows.resumed:
            start[0] = self.slope_ * standard.scale
            start[1:-1] = self.curvature_
            start[-1] = self.intercept_ + self.slope_ * standard.centre
        if bends:
            theta = fit_bend(objective, start, shape=with_prior)
        else:
            theta = fit_logistic(objective, start, shape=with_prior)
        if theta is None or theta[0] <= 0:
            only_intercept = np.eye(start.shape[0])[:, -1:]
            fitted_intercept = fit_logistic(
                objective,
                np.zeros(1),
                shape=lambda objective: Restricted(
                    with_prior(objective), only_intercept
                ),
            )
            theta = np.append(np.zeros(start.shape[0] - 1), fitted_intercept)
            warn_reversed(self, rows, "every row gets the class frequencies")
        slope = theta[0] / standard.scale
        intercept = theta[-1] - theta[0] * (standard.centre / standard.scale)
        self._keep(slope, intercept, theta[1] if bends else 0.0, basis)

    def _prior(self, standard, n_rows, bends):
        """Return the precision and the centre of the prior of standardised log odds."""
        ratio = standard.centre / standard.scale
        slope = np.array([1 / standard.scale, 0.0]) / self.slope_scale
        intercept = np.array([-ratio, 1.0]) / self.intercept_scale
        precision = np.outer(slope, slope) + np.outer(intercept, intercept)
        centre = np.array([standard.scale, standard.centre])
        if bends:
            precision = np.insert(np.insert(precision, 1, 0.0, axis=0), 1, 0.0, axis=1)
            precision[1, 1] = 1 / self.curvature_scale**2
            centre = np.insert(centre, 1, 0.0)
        return precision / n_rows, centre

    def _keep(self, slope, intercept, curvature, basis=None):
        self.slope_ = float(slope)
        self.intercept_ = float(intercept)
        self.curvature_ = float(curvature)
        self._basis = basis if curvature else None

    def _predict_binary(self, scores):
        z = self._inverted(scores)
        logit = self.slope_ * z + self.intercept_
        if self._basis is not None:
            logit += self.curvature_ * self._basis(z)[1]
        if self.bounded and self._tails is not None:
            soften_tails(logit, self._tails)
        return binary_proba(logit)

    # -- three classes and more --------------------------------------------------

    def _fit_multiclass(self, rows):
        self._anchor(rows.class_multiplier)
        n_classes = self.classes_.shape[0]
        data = (self._inverted(rows.scores), rows.codes, rows.weight)
        # One covariance matrix describes the prior of the common slope and the prior of
        # the deviations from the common slope.
        covariance = np.eye(n_classes) / (2 * self.ridge * n_classes)
        covariance += self.slope_scale**2
        precision = np.zeros((2 * n_classes, 2 * n_classes))
        precision[:n_classes, :n_classes] = np.linalg.inv(covariance)
        # With two classes, the intercept is the difference of two intercepts. Therefore
        # each of these two intercepts has half the variance.
        diagonal = np.arange(n_classes, 2 * n_classes)
        precision[diagonal, diagonal] = 2 / self.intercept_scale**2
        precision /= rows.weight.sum()
        centre = np.repeat([1.0, 0.0], n_classes)
        own_target, other_target = np.ones(n_classes), np.zeros(n_classes)

        def fit(basis, start):
            def build(z, codes, weight):
                objective = SoftmaxObjective(z, codes, weight, own_target, other_target)
                return Restricted(Ridge(objective, precision, centre), basis)

            theta = basis @ fit_softmax(build, data, start)
            return theta[:n_classes], theta[n_classes:] - theta[n_classes:].mean()

        identity = np.eye(2 * n_classes)
        self.slope_, self.intercept_ = fit(identity, centre)
        if (self.slope_ > 0).all():
            return
        free_slopes = self.slope_
        shared = np.column_stack([centre, identity[:, n_classes:]])
        self.slope_, self.intercept_ = fit(shared, np.eye(n_classes + 1)[0])
        if (self.slope_ > 0).all():
            warn_reversed(self, rows, "all classes share one slope", slope=free_slopes)
            return
        self.slope_, self.intercept_ = fit(identity[:, n_classes:], np.zeros(n_classes))
        warn_reversed(self, rows, "every row gets the class frequencies")

    def _predict_multiclass(self, scores):
        return softmax_proba(self.slope_ * self._inverted(scores) + self.intercept_)

    @classmethod
    def _instances(cls, labels):
        return [cls(), cls("quadratic")]


def _without_far(z, weight):
    """Return the log odds; clip the values that are far from all other log odds."""
    distance = np.abs(z)
    order = np.argsort(distance)
    cumulated = np.cumsum(weight[order])
    middle = distance[order[np.searchsorted(cumulated, cumulated[-1] / 2)]]
    bound = _FAR * max(1.0, middle)
    return z.clip(-bound, bound)


def _holds_rows(values):
    return values is not None and len(values) > 0
