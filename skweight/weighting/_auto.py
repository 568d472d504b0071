"""Choose on held-out rows how strongly training uses class weights."""

import numpy as np
from sklearn.base import clone

from skweight._utils.validation import check_number, is_sequence
from skweight.weighting._base import BaseWeighting
from skweight.weighting._class_level import ClassLevelWeighting


class AutoWeighting(BaseWeighting):
    r"""Choose on held-out rows how strongly training uses class weights, if at all.

    This is ``weighting="auto"`` of a :class:`~skweight.WeightedClassifier`. Class
    weights rarely improve calibrated probabilities. Sometimes class weights make
    probabilities much worse; on a few data sets, class weights help. This strategy
    measures on your data whether class weights help. The strategy uses weights only if
    the loss improves by more than chance can explain. The role of the weights is
    emphasis: only training uses the weights.

    Each candidate is a power s. The candidate trains with the weights :math:`w_k^s`,
    where :math:`w_k` are the class weights of `strategy`. On held-out rows with
    population weights :math:`v_i`, the loss of the candidate is

    .. math::
        L_s = \frac{\sum_i v_i \, \ell_{is}}{\sum_i v_i}, \qquad
        \ell_{is} = -\log p_s^{(-i)}(y_i \mid x_i),

    where :math:`p_s^{(-i)}` comes from a model and a calibrator that have not learned
    from row i. The strategy chooses the smallest s whose loss is at most one paired
    standard error above the lowest loss,

    .. math::
        L_s - L_* \le \frac{1}{\sum_i v_i}
        \sqrt{\sum_i v_i^2 (\ell_{is} - \ell_{i*} - L_s + L_*)^2} .

    The decision rule of ``decision="auto"`` does not depend on the chosen power. The
    rule always uses the full weights :math:`w_k` of `strategy`; the predicted label is
    :math:`\arg\max_k w_k p_k`. With ``strategy="balanced"`` and two classes, a label is
    predicted if the probability of the label is above the prevalence of the label. The
    weights in training and the rule for labels are two separate choices.

    Parameters
    ----------
    strategy : str, dict, weighting or list, default="balanced"
        The strategy whose weights are compared with weaker weights and with no weights.
        The strategy must give all rows of a class the same weight, and must have the
        role emphasis (only training uses the weights).
    strengths : sequence of float, default=(0, 0.5, 1)
        Powers to which the weights are raised; each power in [0, inf) is a candidate.
        The power 0 means no weights; always include 0. The power 1 means the weights of
        `strategy`. Each power costs one fit per fold.
    sampler : None, str or sampler, default=None
        One more candidate, which resamples rows instead of weighting rows. The rows are
        resampled inside every fit, as by `resampler` of the classifier. When losses are
        nearly equal, every candidate with weights is preferred to the sampler. If the
        classifier has a `resampler`, an error is raised, because that `resampler`
        already changes the rows of all candidates.

    Raises
    ------
    TypeError
        If `fit` or `weigh` of the strategy is called directly, because no model is
        available to compare candidates. Also if the estimator is a `FrozenEstimator` or
        if `partial_fit` is called, because several models cannot be fitted in these
        cases.
    ValueError
        In the fit of the classifier, if `strategy` has the role population, or if the
        weights of `strategy` differ within a class. Also if `strengths` are not
        numbers, or if the estimator balances the classes by itself.

    See Also
    --------
    skweight.BalancedWeighting : Uses one fixed strength; k folds need only k + 1 fits.
    skweight.compare_weightings : Compares weightings with more statistics.

    Notes
    -----
    With c candidates and k folds, the choice costs c k fits. One fit on all rows
    follows, unless fold models are averaged. With a single hold-out or with out-of-bag
    votes, k is 1. Each loss also needs five fits of the calibrator. The calibrator, the
    decision and the report use the held-out scores of the chosen candidate.

    All candidates are compared on the same held-out rows, by calibrated probabilities.
    The comparison uses the calibration method of the classifier. If the classifier has
    no calibration, ``calibration="auto"`` is used. Validation rows for early stopping
    and the rows kept for ``conformal="split"`` take no part in the comparison. With
    `groups`, the standard error treats a group as one observation. If a class has a
    single row, no rows can be held out, and the smallest strength is used.

    ``report_.weightings`` of the classifier is the table of candidates, and
    ``report_.choice`` explains the choice in a sentence. The loss of the chosen
    candidate is slightly optimistic, because this candidate was chosen for a low loss
    among several candidates. The bias is below one standard error.

    References
    ----------
    .. [1] L. Breiman, J. Friedman, R. Olshen, C. Stone, Classification and regression
       trees, 1984, section 3.4.3: the rule of one standard error.
    .. [2] C. Elkan, The foundations of cost-sensitive learning, IJCAI 2001.

    Examples
    --------
    >>> from skweight import WeightedClassifier
    >>> from skweight.datasets import make_imbalanced
    >>> data = make_imbalanced(2000, prevalence=0.05, random_state=0)
    >>> clf = WeightedClassifier(weighting="auto", random_state=0).fit(data.X, data.y)
    >>> [row["strength"] for row in clf.report_.weightings if row["chosen"]]
    [0.0]
    >>> clf.report_.n_fits
    16
    >>> bool(abs(clf.threshold_ - data.y.mean()) < 1e-9)
    True
    """

    needs_fits = True
    # Weights that are equal within each class reveal no label of a held-out row.
    # Therefore the weights are not computed again for pairs of folds.
    by_row = False
    weighs_new_rows = False

    def __init__(self, strategy="balanced", *, strengths=(0, 0.5, 1), sampler=None):
        self.strategy = strategy
        self.strengths = strengths
        self.sampler = sampler

    def checked_strengths(self):
        """Return the strengths as numbers in ascending order.

        Returns
        -------
        strengths : list of float
            The powers, without repetitions.

        Raises
        ------
        ValueError
            If `strengths` is not a sequence of numbers of at least 0.
        """
        if not is_sequence(self.strengths) or not len(self.strengths):
            raise ValueError(
                "strengths must be a sequence of numbers of at least 0, such as (0, "
                f"0.5, 1); got {self.strengths!r}."
            )
        for strength in self.strengths:
            check_number(strength, name="strengths", low=0)
        return sorted({float(strength) for strength in self.strengths})

    def _learn(self, X, y, sample_weight, **metadata):
        raise TypeError(_NO_MODEL)

    def _learn_masses(self, known):
        raise TypeError(_NO_MODEL)

    @classmethod
    def _instances(cls, labels):
        return [cls(), cls(strengths=(0, 1), sampler="random_under")]


_NO_MODEL = (
    "AutoWeighting chooses the weights on held-out rows of a model, and no model is "
    "available here. Pass AutoWeighting as weighting= of a WeightedClassifier. "
    "Elsewhere, choose the strength yourself, as in BalancedWeighting(strength=0.5)."
)


class TemperedWeighting(ClassLevelWeighting):
    """The class weights of another strategy, raised to a power.

    Parameters
    ----------
    strategy : weighting
        A strategy that gives all rows of a class the same weight.
    strength : float
        The power to which the weights are raised, at least 0.
    """

    def __init__(self, strategy, strength):
        self.strategy = strategy
        self.strength = strength

    def _learn(self, X, y, sample_weight):
        fitted = clone(self.strategy).fit(X, y, sample_weight)
        self._of_strategy = np.array(list(fitted.class_weight_dict().values()))
        return super()._learn(X, y, sample_weight)

    def _class_weights(self, classes, masses):
        return self._of_strategy**self.strength


def at_strength(strategy, strength):
    """Return a strategy with class weights raised to a power; None for the power 0."""
    if strength == 0:
        return None
    if strength == 1:
        return strategy
    its_strength = strategy.get_params(deep=False).get("strength")
    if its_strength is None:
        return TemperedWeighting(strategy, strength)
    return clone(strategy).set_params(strength=its_strength * strength)
