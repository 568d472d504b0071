"""Reweighing: make group and label independent."""

import numpy as np

from skweight._utils.examples import first_above_one
from skweight._utils.validation import check_number
from skweight._utils.warn import warn
from skweight.exceptions import DegenerateWeightsWarning
from skweight.weighting._groups import GroupWeighting


class ReweighingWeighting(GroupWeighting):
    r"""Weight rows so that group and label are independent.

    Reweighing is the method of Kamiran and Calders for demographic parity (the same
    share of positive decisions in every group). In the weighted rows, every group has
    the same share of each label. A model fitted with these weights makes more equal
    decisions for the groups. Other features may still reveal the group, so a gap
    between the groups may remain; choose `strength` by the gap on held-out rows. The
    aim is demographic parity. If the aim is a low loss in the worst group, see
    :class:`GroupBalancedWeighting`. The role of the weights is emphasis: only training
    uses them. A later calibration restores the mean probability of the population, but
    does not change the order of predictions, so the smaller gap between groups remains.

    .. math:: w_{sy} = \left(\frac{P(s)\, P(y)}{P(s, y)}\right)^{\text{strength}}

    Parameters
    ----------
    groups : str, int, callable, metadata, or list of these
        The group of each row. Pass the name or position of a column of X, a callable
        that computes the groups from X, or ``metadata("segment")`` for an array that is
        passed to `fit`. With a list, each combination of values is a group.
    strength : float, default=1.0
        0 means no weighting; 1 makes group and label independent. Above 1, the relation
        between group and label is reversed. A higher strength reduces the gap between
        groups, but costs accuracy.
    drop : bool, default=False
        Whether group columns are hidden from the estimator and from other strategies.
        If False, the estimator may learn from these columns, and X must contain these
        columns in `predict`, too.
    stabilizer : None, str, float or stabilizer, default=None
        Limit for a few very large weights. Pass the name of a method (``"clip"``,
        ``"pareto"`` or ``"temper"``), a stabilizer object, or a number: the largest
        weight, in multiples of the mean weight. None leaves the weights unchanged. With
        a stabilizer, group and label do not become fully independent.

    Attributes
    ----------
    groups_ : list
        Labels of the groups; a label is a tuple if several columns define the group.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    cell_weight_ : ndarray of shape (n_groups, n_classes)
        Weight of a row, for each combination of group and label. The mean weight of the
        training rows is one. NaN for a combination without rows.
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
        ten times the mean weight. Also if a group has no row of one of the labels.

    See Also
    --------
    GroupBalancedWeighting : Aims at a low loss in the worst group.

    Notes
    -----
    Finding the groups takes O(n log n) time. Any number of groups and classes is
    allowed. Counts are weighted by `sample_weight`. If a group has no row of some
    label, no weights can make label and group independent. The fit then warns and
    weighs the combinations that have rows.

    References
    ----------
    .. [1] F. Kamiran, T. Calders, Data preprocessing techniques for classification
       without discrimination, Knowledge and Information Systems 33, 2012, section 5.3.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skweight.weighting import ReweighingWeighting
    >>> X = pd.DataFrame({"sex": ["m"] * 4 + ["f"] * 4})
    >>> y = np.array([1, 1, 1, 0, 1, 0, 0, 0])
    >>> weights = ReweighingWeighting("sex").fit_weigh(X, y)
    >>> women = (X["sex"] == "f").to_numpy()
    >>> float(np.average(y[women], weights=weights[women]).round(12))
    0.5
    """

    def __init__(self, groups, *, strength=1.0, drop=False, stabilizer=None):
        self.groups = groups
        self.strength = strength
        self.drop = drop
        self.stabilizer = stabilizer

    def _cell_weights(self, masses):
        check_number(self.strength, name="strength", low=0)
        joint = masses / masses.sum()
        if self.strength > 0 and (joint == 0).any():
            self._warn_of_empty_cells(joint)
        apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
        return (apart / np.where(joint > 0, joint, 1.0)) ** self.strength

    def _warn_of_empty_cells(self, joint):
        group, column = np.argwhere(joint == 0)[0]
        warn(
            f"There is no row of {self._say_cell(group, np.array([column]), 0)}. In "
            f"all, {np.count_nonzero(joint == 0)} of {joint.size} combinations of "
            "group and label have no row, so weights cannot make the label "
            "independent of the group. Merge rare groups, or collect rows of these "
            "combinations.",
            DegenerateWeightsWarning,
        )

    @classmethod
    def _instances(cls, labels):
        return [cls(first_above_one)]
