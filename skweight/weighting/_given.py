"""Strategies whose weights the user supplies, in a column of X or by a function."""

import numpy as np

from skweight._utils.columns import row_values
from skweight._utils.examples import first_feature
from skweight.weighting._base import BaseWeighting


class ColumnWeighting(BaseWeighting):
    r"""Take the weights from a column of X; the estimator never sees this column.

    A weight in a column stays with its row in ``train_test_split``, in any
    cross-validation and in any search, with or without metadata routing. Use this
    strategy for survey, exposure or frequency weights, and for weights that you
    computed elsewhere. :class:`~skweight.WeightedClassifier` drops the column before
    its estimator is fitted. If X in `predict` contains the column, the column is
    dropped, too.

    .. math:: w_i \propto X_{i,\text{column}}

    Parameters
    ----------
    column : str, int, callable or metadata
        Where the weights are:

        - the name of a DataFrame column;
        - the position of a column; a negative position counts from the end;
        - a callable that computes the weights from X;
        - ``metadata("name")``, if an array with the weights is passed to `fit`.
    role : {"population", "emphasis"}, default="population"
        Meaning of the numbers. ``"population"``: how many rows of the population the
        row stands for. ``"emphasis"``: how strongly training should count the row.
    drop : bool, default=True
        Whether the column is hidden from the estimator and from other strategies.
    stabilizer : None, str, float or stabilizer, default=None
        Limit for a few very large weights. Pass the name of a method (``"clip"``,
        ``"pareto"`` or ``"temper"``), a stabilizer object, or a number: the largest
        weight, in multiples of the mean weight. None leaves the weights unchanged.

    Attributes
    ----------
    scale_ : float
        Mean of the column over the training rows.

    Raises
    ------
    ValueError
        In `fit`, if X has no such column, or if the column contains negative, missing
        or infinite values, or only zeros.

    See Also
    --------
    FunctionWeighting : Weights computed from several columns.

    Notes
    -----
    O(n) time; one column is copied, X is not.

    Examples
    --------
    >>> import pandas as pd
    >>> from skweight import ColumnWeighting
    >>> X = pd.DataFrame({"age": [30, 50, 70], "households": [100, 300, 200]})
    >>> ColumnWeighting("households").fit_weigh(X, [0, 1, 0])
    array([0.5, 1.5, 1. ])
    """

    needs_classes = False
    _side_information = ("column",)

    def __init__(self, column, *, role="population", drop=True, stabilizer=None):
        self.column = column
        self.role = role
        self.drop = drop
        self.stabilizer = stabilizer

    def _raw(self, X, y, **metadata):
        return row_values(self.column, X, metadata, owner="ColumnWeighting")

    @classmethod
    def _instances(cls, labels):
        return [cls(0)]


class FunctionWeighting(BaseWeighting):
    r"""Compute the weights with your own function.

    ``weighting=callable`` creates a `FunctionWeighting`. The function gets the training
    rows and labels in the form in which the user passed them to `fit`, and must return
    one non-negative number per row.

    .. math:: w = \text{func}(X, y)

    Parameters
    ----------
    func : callable
        ``func(X, y) -> array-like of shape (n_samples,)``. A module-level function can
        be pickled with the strategy; a lambda cannot.
    role : {"emphasis", "population"}, default="emphasis"
        Meaning of the numbers. ``"emphasis"``: how strongly training should count a
        row. ``"population"``: how many rows of the population the row stands for.
    stabilizer : None, str, float or stabilizer, default=None
        Limit for a few very large weights. Pass the name of a method (``"clip"``,
        ``"pareto"`` or ``"temper"``), a stabilizer object, or a number: the largest
        weight, in multiples of the mean weight. None leaves the weights unchanged.

    Attributes
    ----------
    scale_ : float
        Mean of the computed weights over the training rows.

    Raises
    ------
    TypeError
        In `fit`, if `func` cannot be called.
    ValueError
        In `fit`, if `func` returns negative, missing or infinite weights, only zeros,
        or a wrong number of weights.

    See Also
    --------
    ColumnWeighting : Uses weights that are already a column of X.
    BaseWeighting : Base class for strategies that learn or have parameters.

    Notes
    -----
    One call of `func` for each fit.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight import FunctionWeighting
    >>> def heavier_with_amount(X, y):
    ...     return 1 + X[:, 0]
    >>> X, y = np.array([[0.0], [1.0], [2.0]]), [0, 0, 1]
    >>> FunctionWeighting(heavier_with_amount).fit_weigh(X, y)
    array([0.5, 1. , 1.5])
    """

    needs_classes = False

    def __init__(self, func, *, role="emphasis", stabilizer=None):
        self.func = func
        self.role = role
        self.stabilizer = stabilizer

    def _sources(self):
        return [self.func]  # the function may read any column, so X is unchanged

    def _raw(self, X, y):
        if not callable(self.func):
            raise TypeError(
                "FunctionWeighting takes a callable (X, y) -> weights; got "
                f"{type(self.func).__name__}."
            )
        return np.asarray(self.func(X, y))

    @classmethod
    def _instances(cls, labels):
        return [cls(first_feature)]
