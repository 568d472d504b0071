"""Weights that emphasise rows that a model gets wrong."""

import numpy as np

from skweight._utils.examples import exact_classifier
from skweight._utils.validation import check_bool, check_number
from skweight._utils.warn import warn
from skweight.exceptions import DegenerateWeightsWarning
from skweight.weighting._model_based import BaseModelWeighting
from skweight.weighting._noise import confident_labels


class HardExampleWeighting(BaseModelWeighting):
    r"""Give more weight to rows that a first model gets wrong ("just train twice").

    The strategy is meant for groups that matter but are unknown. With known groups,
    :class:`GroupBalancedWeighting` was better in every case we tried. This strategy
    also gives more weight to rows with wrong labels. Without `noise_guard`, a model can
    become worse than random (we saw an AUC of 0.29), so each fit warns. Use this
    strategy only if nothing else helps, and evaluate the model on held-out rows with
    verified labels. The role of the weights is emphasis: only training uses them.

    .. math::

        w_i = \begin{cases} \text{factor} & \arg\max_k \hat p_k^{(-i)}(x_i) \ne y_i \\
        1 & \text{else} \end{cases}

    Parameters
    ----------
    factor : float, default=5.0
        Weight of a row that the first model gets wrong; at least 1. With a large
        factor, these few rows dominate the fit.
    noise_guard : bool, default=True
        Whether a row keeps the weight one if the model is confident that another label
        is correct, see :class:`NoiseAwareWeighting`. Such a row may have a wrong label,
        or it may be a very hard example. The model cannot distinguish the two cases.
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
    hard_ : ndarray of shape (n_samples,), dtype bool
        True for rows whose weight is `factor`.
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

    Warns
    -----
    DegenerateWeightsWarning
        In each fit. The warning says how many rows get more weight, and their share of
        the total weight.

    See Also
    --------
    GroupBalancedWeighting : Gives known groups the same total weight.
    NoiseAwareWeighting : Gives less weight to labels that are probably wrong.

    Notes
    -----
    With k folds, the strategy needs k fits. If a calibrator or a threshold follows, k
    (k - 1) / 2 more fits are needed, one for each pair of folds. Without these fits,
    the weights would depend on labels of held-out rows, and held-out scores would be
    wrong.

    References
    ----------
    .. [1] E. Z. Liu et al., Just train twice: improving group robustness without
       training group information, ICML 2021, algorithm 1.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skweight.weighting import HardExampleWeighting
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 2))
    >>> y = (X[:, 0] + rng.normal(size=500) > 0).astype(int)
    >>> weighting = HardExampleWeighting(3, estimator=LogisticRegression())
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     weights = weighting.fit_weigh(X, y)
    >>> float((weights.max() / weights.min()).round(6))
    3.0
    """

    def __init__(
        self,
        factor=5.0,
        *,
        noise_guard=True,
        estimator=None,
        cv=5,
        n_jobs=None,
        random_state=None,
        stabilizer=None,
    ):
        self.factor = factor
        self.noise_guard = noise_guard
        self.estimator = estimator
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.stabilizer = stabilizer

    def _learn(self, X, y, sample_weight, fits=None, **metadata):
        check_number(self.factor, name="factor", low=1)
        check_bool(self.noise_guard, name="noise_guard")
        return super()._learn(X, y, sample_weight, fits, **metadata)

    def _learn_from(self, fits, X, codes, mass):
        proba = fits.proba()
        hard = proba.argmax(axis=1) != codes
        guard = "noise_guard is off"
        if self.noise_guard:
            doubtful = confident_labels(proba, codes, mass).doubtful
            guarded = mass @ (hard & doubtful) / mass.sum()
            guard = (
                f"{guarded:.1%} more rows probably have wrong labels and keep the "
                "weight one"
            )
            hard &= ~doubtful
        self.hard_ = hard
        raw = np.where(hard, float(self.factor), 1.0)
        warn(
            f"{mass @ hard / mass.sum():.1%} of the rows are hard examples and get "
            f"{mass @ (hard * raw) / (mass @ raw):.1%} of the training weight; "
            f"{guard}. If hard rows have wrong labels, the model learns the wrong "
            "labels. Compare with weighting=None on held-out rows whose labels you "
            "trust.",
            DegenerateWeightsWarning,
        )
        return raw

    @classmethod
    def _instances(cls, labels):
        return [cls(3.0, estimator=exact_classifier(), cv=3)]
