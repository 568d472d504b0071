"""Group weights from out-of-fold losses (distributionally robust optimization)."""

import numpy as np

from skweight._utils.columns import group_index
from skweight._utils.examples import exact_classifier, first_above_one
from skweight._utils.validation import check_bool, check_number, plain, say
from skweight.weighting._model_based import BaseModelWeighting

_SMALLEST_PROBABILITY = 1e-7


class GroupDROWeighting(BaseModelWeighting):
    r"""Find the group weights that give the worst group the lowest loss.

    The method is group DRO (distributionally robust optimization). Groups with a high
    loss get more weight. A rare group with a low loss does not get more weight. In each
    round, models are fitted with the present weights, and the out-of-fold loss of every
    group is computed. The result is the mean of the weights over the rounds. First try
    :class:`GroupBalancedWeighting`, which is nearly as good and needs one fit. A group
    with many wrong labels also has a high loss; ``reference="per_group"`` subtracts the
    part of the loss that no model can avoid. The role of the weights is emphasis: only
    training uses them.

    .. math::

        q_g^{(t+1)} \propto q_g^{(t)} \exp\bigl(\eta\,(L_g^{(t)} - R_g)\bigr), \qquad
        w_i = \frac{n}{n_{g(i)}} \, \frac{1}{T} \sum_{t=1}^{T} q_{g(i)}^{(t)}

    where :math:`L_g` is the mean out-of-fold log loss of group g, and :math:`R_g` is
    the loss of the reference model of group g (a model fitted on this group alone).
    Without reference models, :math:`R_g` is zero.

    Parameters
    ----------
    groups : str, int, callable, metadata, or list of these
        The group of each row. Pass the name or position of a column of X, a callable
        that computes the groups from X, or ``metadata("segment")`` for an array that is
        passed to `fit`. With a list, each combination of values is a group.
    by_label : bool, default=True
        Whether each combination of group and label is a separate group g in the
        formula.
    reference : None or "per_group", default=None
        With ``"per_group"``, the reference loss of a group comes from a model that is
        fitted on this group alone, with balanced labels if `by_label` is true. The
        result then minimises the largest difference to the reference loss, as in
        DoReMi.
    n_rounds : int, default=10
        Number T of rounds. More rounds find better weights; each round costs one fit
        per fold.
    step : float, default=1.0
        Step size :math:`\eta`: how fast the weights change with the losses. Use a
        larger step if there are few rounds.
    drop : bool, default=False
        Whether group columns are hidden from the estimator and from other strategies.
        If False, the estimator may learn from these columns, and X must contain these
        columns in `predict`, too.
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
    groups_ : list
        The groups g of the formula. A group is a tuple if several columns define the
        group, or if the label is part of the group.
    group_share_ : ndarray of shape (n_groups,)
        Mean of the weights :math:`q_g` of each group over the rounds.
    loss_ : ndarray of shape (n_rounds, n_groups)
        Out-of-fold losses of the groups in each round.
    reference_loss_ : ndarray of shape (n_groups,)
        Loss :math:`R_g` of the reference model of each group.
    n_fits_ : int
        Number of models that were fitted to compute the weights.
    scale_ : float
        Mean of the weights before scaling. All weights are divided by this number.

    Raises
    ------
    ValueError
        In `fit`, if no model is given, or if a row has no group. Also if a group has
        fewer than two rows of positive weight, because the group then has no held-out
        loss.
    TypeError
        In `fit`, if the model has no `predict_proba`.

    See Also
    --------
    GroupBalancedWeighting : One fit, and nearly as good.

    Notes
    -----
    With k folds, the strategy needs ``n_rounds * k`` fits, and k more fits per group
    for the reference models. The mean of the weights over the rounds converges; the
    weights of the last round do not. The losses are out-of-fold losses, because a
    flexible model has a loss near zero on its training rows in every group.

    References
    ----------
    .. [1] S. Sagawa, P. W. Koh, T. B. Hashimoto, P. Liang, Distributionally robust
       neural networks for group shifts, ICLR 2020, algorithm 1.
    .. [2] S. M. Xie et al., DoReMi: optimizing data mixtures speeds up language model
       pretraining, NeurIPS 2023, equation 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skweight.weighting import GroupDROWeighting
    >>> rng = np.random.default_rng(0)
    >>> group = np.repeat([0.0, 1.0], [450, 50])
    >>> X = np.column_stack([rng.normal(size=500), group])
    >>> y = (X[:, 0] * np.where(group == 1, -1, 1) > 0).astype(int)
    >>> weighting = GroupDROWeighting(1, by_label=False, estimator=LogisticRegression())
    >>> bool(weighting.fit(X, y).group_share_[1] > 0.3)  # of a tenth of the rows
    True
    """

    _side_information = ("groups",)
    by_row = False

    def __init__(
        self,
        groups,
        *,
        by_label=True,
        reference=None,
        n_rounds=10,
        step=1.0,
        drop=False,
        estimator=None,
        cv=5,
        n_jobs=None,
        random_state=None,
        stabilizer=None,
    ):
        self.groups = groups
        self.by_label = by_label
        self.reference = reference
        self.n_rounds = n_rounds
        self.step = step
        self.drop = drop
        self.estimator = estimator
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.stabilizer = stabilizer

    def _learn(self, X, y, sample_weight, fits=None, **metadata):
        check_bool(self.by_label, name="by_label")
        check_number(self.n_rounds, name="n_rounds", low=1)
        check_number(self.step, name="step", low=0, include="neither")
        if self.reference not in (None, "per_group"):
            raise ValueError(
                f"reference must be None or 'per_group'; got {self.reference!r}."
            )
        return super()._learn(X, y, sample_weight, fits, **metadata)

    def _learn_from(self, fits, X, codes, mass, **metadata):
        counts = mass > 0
        groups = group_index(self.groups, X, metadata, owner=self._name, counts=counts)
        outer, labels = groups.factorize()
        cells = outer * self.classes_.size + codes if self.by_label else outer
        cells = np.where(counts, cells, cells[counts][0])  # of no weight there
        kinds, cells = np.unique(cells, return_inverse=True)
        self.groups_ = [self._label_of(kind, labels) for kind in kinds]
        share = np.bincount(cells, mass, kinds.size) / mass.sum()
        self._check_rows(np.bincount(cells, counts, kinds.size))
        self.reference_loss_ = np.zeros(kinds.size)
        if self.reference is not None:
            self.reference_loss_ = self._references(fits, outer, codes, cells, mass)
        q = np.full(kinds.size, 1 / kinds.size)
        mean, losses = np.zeros(kinds.size), []
        for _ in range(int(self.n_rounds)):
            mean += q / self.n_rounds
            proba = fits.proba(emphasis=(q / share)[cells])
            losses.append(_group_losses(proba, codes, cells, mass))
            q = q * np.exp(self.step * (losses[-1] - self.reference_loss_))
            q /= q.sum()
        self.loss_, self.group_share_ = np.array(losses), mean
        return (mean / share)[cells]

    def _references(self, fits, outer, codes, cells, mass):
        """Return the losses of models that are fitted on one group alone."""
        losses = np.zeros(cells.max() + 1)
        for group in np.unique(outer[mass > 0]):
            inside = outer == group
            emphasis = inside.astype(np.float64)
            if self.by_label:
                of_label = np.bincount(codes[inside], mass[inside])
                emphasis[inside] = 1 / of_label[codes[inside]]
            loss = _group_losses(fits.proba(emphasis=emphasis), codes, cells, mass)
            here = np.unique(cells[inside & (mass > 0)])
            losses[here] = loss[here]
        return losses

    def _label_of(self, kind, labels):
        if not self.by_label:
            return plain(labels[kind])
        group, label = divmod(kind, self.classes_.size)
        group = labels[group] if isinstance(labels[group], tuple) else (labels[group],)
        return (*map(plain, group), plain(self.classes_[label]))

    def _check_rows(self, n_rows):
        few = [group for group, n in zip(self.groups_, n_rows, strict=True) if n < 2]
        if few:
            raise ValueError(
                f"{self._name} needs held-out rows of every group, but the groups "
                f"{say(few)} have fewer than two rows with a positive weight. Merge "
                "these groups with other groups, or set by_label=False."
            )

    @classmethod
    def _instances(cls, labels):
        return [
            cls(first_above_one, n_rounds=2, estimator=exact_classifier(), cv=3),
            cls(
                first_above_one,
                by_label=False,
                reference="per_group",
                n_rounds=2,
                estimator=exact_classifier(),
                cv=3,
            ),
        ]


def _group_losses(proba, codes, cells, mass):
    """Return the mean log loss of every group."""
    of_label = np.maximum(proba[np.arange(codes.size), codes], _SMALLEST_PROBABILITY)
    return np.bincount(cells, -mass * np.log(of_label)) / np.bincount(cells, mass)
