"""Weights by group, such as the same total weight for every group."""

import numpy as np
import pandas as pd

from skweight._utils.columns import group_index
from skweight._utils.examples import first_above_one
from skweight._utils.validation import (
    check_bool,
    check_number,
    encode_labels,
    n_rows,
    plain,
    positions_of,
    say,
)
from skweight._utils.warn import warn
from skweight.exceptions import DegenerateWeightsWarning
from skweight.weighting._base import BaseWeighting

# Limit for the weight of a row that is the only row of its group and label, in
# multiples of the mean weight. A larger weight gives a warning.
_MANY_ROWS = 10


class GroupWeighting(BaseWeighting):
    """Base class of strategies with one weight per group, or per group and label.

    A cell is a combination of group and label, or only a group if `needs_classes` is
    False. A subclass stores ``groups`` and ``drop`` and implements
    ``_cell_weights(masses)``. ``_cell_weights`` receives the total ``sample_weight`` of
    each cell, and returns the weight of a row in each cell, on any scale. Both arrays
    have shape (n_groups, n_classes), or (n_groups, 1) if `needs_classes` is False.
    Returned values for cells without rows are ignored.

    Attributes
    ----------
    groups_ : list
        Labels of the groups; a label is a tuple if several columns define the group.
    classes_ : ndarray of shape (n_classes,)
        Class labels, if `needs_classes` is true.
    cell_weight_ : ndarray of shape (n_groups, n_classes)
        Weight of a row, for each combination of group and label. The mean weight of the
        training rows is one. NaN for a combination without rows.
    """

    _side_information = ("groups",)
    _learns_from_cells = True

    def _learn(self, X, y, sample_weight, **metadata):
        mass = np.ones(n_rows(X)) if sample_weight is None else sample_weight
        groups = self._read(X, metadata, counts=mass > 0)
        index = groups[mass > 0].unique()
        index = index[np.argsort([repr(group) for group in index])]
        self.groups_ = [plain(group) for group in index]
        rows = index.get_indexer(groups)
        columns, n_columns = np.zeros(mass.size, dtype=int), 1
        if self.needs_classes:
            self.classes_, columns = encode_labels(y)
            n_columns = self.classes_.size
        counted = rows >= 0
        cells = rows[counted] * n_columns + columns[counted]
        size = len(self.groups_) * n_columns
        masses = np.bincount(cells, mass[counted], size).reshape(-1, n_columns)
        weights = np.where(masses > 0, self._cell_weights(masses), np.nan)
        mean = np.nansum(weights * masses) / masses.sum()
        self.cell_weight_ = weights / mean
        counts = np.bincount(cells, mass[counted] > 0, size).reshape(-1, n_columns)
        self._warn_of_single_rows(counts)
        raw = np.zeros(mass.size)
        raw[counted] = np.nan_to_num(self.cell_weight_).ravel()[cells]
        return raw

    def _stabilize(self, raw, sample_weight):
        stable = super()._stabilize(raw, sample_weight)
        self.cell_weight_ = self._follow(self.cell_weight_)
        self._points = None
        return stable

    def _raw(self, X, y, **metadata):
        groups = self._read(X, metadata)
        # The index of the groups is built in every call, because a subclass may set
        # `groups_` itself.
        index = pd.Index(self.groups_, dtype=object)
        if groups.nlevels > 1:
            index = pd.MultiIndex.from_tuples(self.groups_)
        rows = index.get_indexer(groups)
        if (rows < 0).any():
            unknown = self._read(X, metadata)[rows < 0].unique()
            raise ValueError(
                f"{self._name}.weigh got the unknown groups {say(list(unknown))}; "
                f"the strategy was fitted on the groups {say(self.groups_)}. Fit it "
                "on rows of every group."
            )
        columns = 0
        if self.needs_classes:
            if y is None:
                raise ValueError(
                    f"{self._name}.weigh needs the labels y, because the weight of a "
                    "row depends on its group and its class. Call weigh(X, y)."
                )
            columns = positions_of(y, self.classes_, owner=f"{self._name}.weigh")
        weights = self.cell_weight_[rows, columns]
        empty = np.isnan(weights)
        if empty.any():
            first = int(np.flatnonzero(empty)[0])
            cell = self._say_cell(rows[first], columns, first)
            raise ValueError(
                f"{self._name}.weigh got a row of {cell}, but there was no such "
                "training row. Fit the strategy on rows of every combination."
            )
        return weights

    def _read(self, X, metadata, counts=None):
        return group_index(self.groups, X, metadata, owner=self._name, counts=counts)

    def _say_cell(self, group, columns, row):
        said = f"the group {say(self.groups_[group])}"
        if self.needs_classes:
            said += f" with the label {say(self.classes_[np.atleast_1d(columns)[row]])}"
        return said

    def _warn_of_single_rows(self, counts):
        heavy = (counts == 1) & (np.nan_to_num(self.cell_weight_) > _MANY_ROWS)
        if not heavy.any():
            return
        weights = np.where(heavy, self.cell_weight_, 0.0)
        group, column = np.unravel_index(np.argmax(weights), weights.shape)
        warn(
            "Only a single row belongs to "
            f"{self._say_cell(group, np.array([column]), 0)}, and it gets the weight "
            f"of {weights.max():.0f} average rows. There are "
            f"{np.count_nonzero(heavy)} such rows in all. Merge rare groups, lower "
            "strength, or set stabilizer=10.",
            DegenerateWeightsWarning,
        )

    def _cell_weights(self, masses):
        raise NotImplementedError(f"{self._name} must implement _cell_weights.")


class GroupBalancedWeighting(GroupWeighting):
    r"""Give every group, or every group and label, the same total weight.

    Use this strategy if the model must also be good on small groups, such as a hospital
    or a dialect. In our benchmarks, one fit with these weights was nearly as good as
    :class:`GroupDROWeighting` with 26 to 51 fits. The strategy was better than all
    methods that do not use groups. Choose the strength by
    :func:`~skweight.metrics.worst_group_scorer`. The aim is a low loss in the worst
    group. The strategy does not aim at equal decision rates, and can even make decision
    rates less equal; see :class:`ReweighingWeighting`. The role of the weights is
    emphasis: only training uses them.

    .. math:: w_{gc} \propto \left(\frac{n}{C\, n_{gc}}\right)^{\text{strength}}

    where :math:`n_{gc}` is the weighted count of the cell of group g and class c, and C
    is the number of cells (combinations of group and class).

    Parameters
    ----------
    groups : str, int, callable, metadata, or list of these
        The group of each row. Pass the name or position of a column of X, a callable
        that computes the groups from X, or ``metadata("segment")`` for an array that is
        passed to `fit`. With a list, each combination of values is a group.
    by_label : bool, default=True
        Whether cells (sets of rows with the same weight) are combinations of group and
        label. If True, group and label become independent, so the model gains less from
        features that only reveal the group. Use False for regressors.
    strength : float, default=1.0
        0 means no weighting, and 1 gives all cells the same total weight. Above 1, rare
        cells get more total weight than frequent cells.
    drop : bool, default=False
        Whether group columns are hidden from the estimator and from other strategies.
        If False, the estimator may learn from these columns, and X must contain these
        columns in `predict`, too.
    stabilizer : None, str, float or stabilizer, default=None
        Limit for a few very large weights. Pass the name of a method (``"clip"``,
        ``"pareto"`` or ``"temper"``), a stabilizer object, or a number: the largest
        weight, in multiples of the mean weight. None leaves the weights unchanged.

    Attributes
    ----------
    groups_ : list
        Labels of the groups; a label is a tuple if several columns define the group.
    classes_ : ndarray of shape (n_classes,)
        Class labels, if `by_label` is true.
    cell_weight_ : ndarray of shape (n_groups, n_classes)
        Weight of a row, for each combination of group and label. The mean weight of the
        training rows is one. NaN for a combination without rows. There is one column if
        `by_label` is False.
    scale_ : float
        Mean of the weights before scaling. All weights are divided by this number.

    Raises
    ------
    ValueError
        In `fit`, if a row has no group, or if X lacks the column of the groups.

    Warns
    -----
    DegenerateWeightsWarning
        If a combination of group and label has a single row, and this row has more than
        ten times the mean weight.

    See Also
    --------
    ReweighingWeighting : Makes group and label independent, for parity.
    GroupDROWeighting : Finds group weights by out-of-fold losses.
    skweight.BalancedWeighting : Balances the classes and ignores groups.

    Notes
    -----
    Finding the groups takes O(n log n) time. The number C of cells (combinations of
    group and label) counts only cells with rows.

    References
    ----------
    .. [1] B. Y. Idrissi, M. Arjovsky, M. Pezeshki, D. Lopez-Paz, Simple data balancing
       achieves competitive worst-group-accuracy, CLeaR 2022, section 3.

    Examples
    --------
    >>> import pandas as pd
    >>> from skweight.weighting import GroupBalancedWeighting
    >>> X = pd.DataFrame({"region": ["north"] * 3 + ["south"]})
    >>> GroupBalancedWeighting("region", by_label=False).fit_weigh(X, y=None).round(3)
    array([0.667, 0.667, 0.667, 2.   ])
    """

    def __init__(
        self, groups, *, by_label=True, strength=1.0, drop=False, stabilizer=None
    ):
        self.groups = groups
        self.by_label = by_label
        self.strength = strength
        self.drop = drop
        self.stabilizer = stabilizer

    @property
    def needs_classes(self):
        """Whether labels are used."""
        return bool(self.by_label)

    def _cell_weights(self, masses):
        check_bool(self.by_label, name="by_label")
        check_number(self.strength, name="strength", low=0)
        return (masses.sum() / np.where(masses > 0, masses, 1.0)) ** self.strength

    @classmethod
    def _instances(cls, labels):
        return [
            cls(first_above_one),
            cls(first_above_one, by_label=False, strength=0.5),
        ]
