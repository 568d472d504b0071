"""Smaller weights for labels that are probably wrong, by out-of-fold probabilities."""

from typing import NamedTuple

import numpy as np

from skweight._utils.examples import exact_classifier
from skweight._utils.validation import check_choice
from skweight.weighting._model_based import BaseModelWeighting


class Confident(NamedTuple):
    """The results of confident learning about labels.

    For each row, ``suggested`` is the position of the label whose probability reaches
    the threshold of this label. The position is -1 if no label reaches its threshold.
    """

    thresholds: np.ndarray
    suggested: np.ndarray
    doubtful: np.ndarray
    joint: np.ndarray


def confident_labels(proba, codes, mass):
    """Return thresholds, suggested labels, and shares of pairs of given and true label.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
        Out-of-fold probabilities of each class.
    codes : ndarray of shape (n_samples,)
        Position, among the classes, of each row's label in the data.
    mass : ndarray of shape (n_samples,)
        Population weights: how many rows of the population each row stands for.

    Returns
    -------
    confident : Confident
        Thresholds, suggested labels and joint shares.
    """
    n_classes = proba.shape[1]
    of_class = np.bincount(codes, mass, n_classes)
    rows = np.arange(codes.size)
    thresholds = np.full(n_classes, np.inf)
    present = of_class > 0
    agreeing = np.bincount(codes, mass * proba[rows, codes], n_classes)
    thresholds[present] = agreeing[present] / of_class[present]
    # A probability that is below the threshold by no more than a rounding error counts
    # as reaching the threshold.
    above = proba >= thresholds - 1e-12
    suggested = np.where(above, proba, -1.0).argmax(axis=1)
    suggested[~above.any(axis=1)] = -1
    doubtful = (suggested >= 0) & (suggested != codes)
    joint = np.zeros((n_classes, n_classes))
    sure = suggested >= 0
    np.add.at(joint, (codes[sure], suggested[sure]), mass[sure])
    total = joint.sum(axis=1, keepdims=True)
    joint = np.where(
        total > 0, joint / np.where(total > 0, total, 1.0), np.eye(n_classes)
    )
    joint *= of_class[:, np.newaxis] / of_class.sum()
    return Confident(thresholds, suggested, doubtful, joint)


class NoiseAwareWeighting(BaseModelWeighting):
    r"""Reduce the weight of rows whose label a model doubts.

    Use this strategy if some labels are wrong, such as labels from crowds, from rules
    or from old records. For each row, a model that was not fitted on the row gives the
    probability of the row's label. This probability is compared with its mean over all
    rows of this label (confident learning). In our benchmark with 20 % of the labels
    flipped, the strategy had most of the gain of cleanlab, a library that finds wrong
    labels. With correct labels, the strategy costs a little accuracy. The role of the
    weights is emphasis: only training uses them. If calibration and scores used these
    weights, probabilities would become worse.

    .. math::

        t_j = \frac{\sum_{i: y_i = j} s_i\, \hat p_j^{(-i)}(x_i)}
        {\sum_{i: y_i = j} s_i}, \qquad
        w_i = \min\bigl(1, \hat p_{y_i}^{(-i)}(x_i) / t_{y_i}\bigr)

    Parameters
    ----------
    method : {"soft", "prune"}, default="soft"
        ``"soft"`` uses the formula above. ``"prune"`` gives weight 0 if the model is
        confident that another label is correct, and weight 1 otherwise. The model is
        confident of a label j if :math:`\hat p_j \ge t_j`; if several labels satisfy
        this condition, the label with the largest :math:`\hat p_j` is used. Pruning is
        better if many labels are wrong. If few labels are wrong, pruning removes rows
        that are only rare and difficult.
    estimator : classifier, default=None
        The model that computes the out-of-fold probabilities. None means the estimator
        of the :class:`~skweight.WeightedClassifier`.
    cv : int, default=5
        Number of folds if `fit_weigh` is called directly. Fewer folds are used if a
        class has fewer rows than folds. In the fit of a
        :class:`~skweight.WeightedClassifier`, the ``cv`` of that classifier is used.
    n_jobs : int or None, default=None
        Number of models to fit in parallel if `fit_weigh` is called directly.
    random_state : int, RandomState instance or None, default=None
        Seed of the random split into folds. No seed is needed if the rows alone
        determine the folds.
    stabilizer : None, str, float or stabilizer, default=None
        Limit for a few very large weights. Pass the name of a method (``"clip"``,
        ``"pareto"`` or ``"temper"``), a stabilizer object, or a number: the largest
        weight, in multiples of the mean weight. None leaves the weights unchanged.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    thresholds_ : ndarray of shape (n_classes,)
        Mean out-of-fold probability :math:`t_j` of each class over the rows with this
        label.
    joint_ : ndarray of shape (n_classes, n_classes)
        Estimated share of rows with each given label (row) and true label (column).
    noise_share_ : float
        Estimated share of wrong labels: the sum of `joint_` outside the diagonal.
    doubtful_ : ndarray of shape (n_samples,), dtype bool
        True if the model is confident that another label is correct. Inspect these
        rows.
    n_fits_ : int
        Number of models that were fitted to compute the weights.
    scale_ : float
        Mean of the weights before scaling. All weights are divided by this number.

    Raises
    ------
    ValueError
        In `fit`, if no model is given, or if a class has a single row.
    TypeError
        In `fit`, if the model has no `predict_proba`. `weigh` always raises this error,
        because new rows have no out-of-fold probabilities.

    See Also
    --------
    HardExampleWeighting : Gives more weight to rows that a model gets wrong.

    Notes
    -----
    With k folds, the strategy needs k fits. If a calibrator or a threshold follows, k
    (k - 1) / 2 more fits are needed, one for each pair of folds. Without these fits,
    the weights would depend on labels of held-out rows, and held-out scores would be
    too good.

    References
    ----------
    .. [1] C. G. Northcutt, L. Jiang, I. L. Chuang, Confident learning: estimating
       uncertainty in dataset labels, Journal of Artificial Intelligence Research 70,
       2021, equations 1 to 3.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skweight.weighting import NoiseAwareWeighting
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 2))
    >>> y = (X[:, 0] > 0).astype(int)
    >>> wrong = rng.uniform(size=500) < 0.2
    >>> weighting = NoiseAwareWeighting(estimator=LogisticRegression())
    >>> weights = weighting.fit_weigh(X, np.where(wrong, 1 - y, y))
    >>> bool(weights[wrong].mean() < 0.6 * weights[~wrong].mean())
    True
    """

    def __init__(
        self,
        method="soft",
        *,
        estimator=None,
        cv=5,
        n_jobs=None,
        random_state=None,
        stabilizer=None,
    ):
        self.method = method
        self.estimator = estimator
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.stabilizer = stabilizer

    def _learn(self, X, y, sample_weight, fits=None, **metadata):
        check_choice(self.method, ("soft", "prune"), name="method")
        return super()._learn(X, y, sample_weight, fits, **metadata)

    def _learn_from(self, fits, X, codes, mass):
        proba = fits.proba()
        confident = confident_labels(proba, codes, mass)
        self.thresholds_, self.joint_ = confident.thresholds, confident.joint
        self.noise_share_ = float(1 - np.trace(confident.joint))
        self.doubtful_ = confident.doubtful
        if self.method == "prune":
            return (~confident.doubtful).astype(np.float64)
        p = proba[np.arange(codes.size), codes]
        threshold = confident.thresholds[codes]
        # If the threshold of a class is 0, all rows of the class keep the weight one.
        support = np.divide(p, threshold, np.ones_like(p), where=threshold > 0)
        return np.minimum(1.0, support)

    @classmethod
    def _instances(cls, labels):
        return [
            cls(method, estimator=exact_classifier(), cv=3)
            for method in ("soft", "prune")
        ]
