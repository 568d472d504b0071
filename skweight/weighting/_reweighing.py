"""Reweighing: make group and label independent."""

import numpy as np

from skweight._utils.examples import first_above_one
from skweight._utils.validation import check_number
from skweight._utils.warn import warn
from skweight.exceptions import DegenerateWeightsWarning
from skweight.weighting._groups import GroupWeighting


class ReweighingWeighting(GroupWeighting):
    r"""Weight rows so that group and label are independent.

    This is the preprocessing of Kamiran and Calders for demographic parity. With the
    weights, every group has the base rate of all rows. A model fitted with these
    weights makes more equal decisions for the groups. Other features may still reveal
    the group, so choose `strength` on held-out rows by the remaining gap. The aim is
    parity. For a low loss in the worst group, see :class:`GroupBalancedWeighting`.
    Role: emphasis. A later calibration restores the mean of the population, and keeps
    the gap between groups of the weighted model.

    .. math:: w_{sy} = \left(\frac{P(s)\, P(y)}{P(s, y)}\right)^{\text{strength}}

    Parameters
    ----------
    groups : str, int, callable, metadata, or list of these
        Group of each row: a column of X by name or position, a callable of X, or
        ``metadata("segment")``. With a list, each combination of values is a group.
    strength : float, default=1.0
        0 is no weighting, 1 makes group and label independent. Above 1, their relation
        is reversed. A higher strength reduces the gap between groups, but costs
        accuracy.
    drop : bool, default=False
        Whether group columns are hidden from the estimator and from other strategies.
        If False, the estimator may learn from these columns, and X must contain them at
        prediction.
    stabilizer : None, str, float or stabilizer, default=None
        Limits the influence of a few large weights: ``"clip"``, ``"pareto"``,
        ``"temper"``, a number (the largest weight, in multiples of the mean), or a
        stabilizer. None leaves the weights unchanged. With a stabilizer, group and
        label do not become fully independent.

    Attributes
    ----------
    groups_ : list
        Labels of the groups; a label is a tuple if several columns define the group.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    cell_weight_ : ndarray of shape (n_groups, n_classes)
        Weight of a row of each cell, with mean one over the training rows. NaN for a
        cell without rows.
    scale_ : float
        Mean raw weight of the training rows.

    Raises
    ------
    ValueError
        In `fit`, if a row has no group, or the column is missing.

    Warns
    -----
    DegenerateWeightsWarning
        If the only row of a cell counts as more than ten average rows, or if a group
        has no row of some label.

    See Also
    --------
    GroupBalancedWeighting : For a low loss in the worst group.

    Notes
    -----
    O(n log n) for the labels of the groups. There may be any number of groups and
    classes. Counts are weighted by `sample_weight`. If a group has no row of some
    label, no weights can make label and group independent; the fit warns, and weighs
    the other cells.

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
            f"No row is of {self._say_cell(group, np.array([column]), 0)}; "
            f"{np.count_nonzero(joint == 0)} of {joint.size} combinations of group and "
            "label have no row, so that weights cannot make the label independent of "
            "the group. Merge rare groups, or collect such rows.",
            DegenerateWeightsWarning,
        )

    @classmethod
    def _instances(cls, labels):
        return [cls(first_above_one)]
