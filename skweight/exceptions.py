"""The errors of skweight, and six categories of warnings that can be filtered.

Every message gives the value that caused it and the remedy. Some categories are used
for several problems. Their documentation gives the first words of the message for some
problems. A filter can use these words, as in ``warnings.filterwarnings("ignore", "The
index of", DegenerateWeightsWarning)``.
"""

__all__ = [
    "CalibrationWarning",
    "DecisionWarning",
    "DegenerateWeightsWarning",
    "DoubleCountingWarning",
    "FewerThanAskedWarning",
    "OverlapWarning",
    "UnsupportedWeightsError",
]


class CalibrationWarning(UserWarning):
    """Calibrated probabilities are doubtful, or scores could not be used as requested.

    There are four main reasons for this warning. First: on held-out rows, the mean
    probability of a class, divided by the frequency of the class, is outside [0.8,
    1.25], and chance does not explain the difference. Second: scores rank the classes
    in the wrong direction, or not at all. Third: the calibrator has less than 200
    effective rows, and these are less than half of its rows. Fourth: in rows for which
    no tree votes for a class, the probability of this class is wrong. The message gives
    the ratio or the share, and says what was done instead.

    Examples
    --------
    >>> import warnings
    >>> from skweight.exceptions import CalibrationWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", CalibrationWarning)
    """


class DecisionWarning(UserWarning):
    """Costs or thresholds have a meaning that is rarely intended.

    Examples are a reward that is larger than every cost, and costs that weights cannot
    express. The message says how the label is chosen now.

    Examples
    --------
    >>> import warnings
    >>> from skweight.exceptions import DecisionWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", DecisionWarning)
    """


class DegenerateWeightsWarning(UserWarning):
    """Weights do not have the intended effect.

    Few rows have most of the weight. Either a class has fewer than 50 effective rows,
    and these are less than a tenth of its rows. Or, among ten or more rows, one row has
    more than half of the weight of its class or of all rows. Population weights and
    emphasis (weights that only change training) are checked separately. A factor by
    which all weights of a class were multiplied has no effect on this check. The
    message gives the number of effective rows. Other reasons: the tail of the weights
    has no mean, or the mean ratio of two densities is far above one.

    Another reason for this warning: weights have the index labels of X in another order
    ("The index of sample_weight ..."). Weights are used by position, as everywhere in
    scikit-learn. The message explains how to pass them in the right order.

    Examples
    --------
    >>> import warnings
    >>> from skweight.exceptions import DegenerateWeightsWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", DegenerateWeightsWarning)
    """


class DoubleCountingWarning(UserWarning):
    """The same emphasis may be applied twice.

    Examples are an estimator that balances by itself while weights are passed as well;
    rows that were resampled before the fit, or inside the estimator; a `sample_weight`
    that gives rare classes larger weights, as class weights do; a stabilizer in the
    strategy and another one in the classifier that uses this strategy. The message
    names the parameter to reset.

    Examples
    --------
    >>> import warnings
    >>> from skweight.exceptions import DoubleCountingWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", DoubleCountingWarning)
    """


class FewerThanAskedWarning(UserWarning):
    """A step did less than requested, because there are too few rows.

    Examples are a class that has fewer rows than there are folds or neighbours, and a
    comparison that was interrupted from the keyboard. The message says what was done
    instead.

    Examples
    --------
    >>> import warnings
    >>> from skweight.exceptions import FewerThanAskedWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", FewerThanAskedWarning)
    """


class OverlapWarning(UserWarning):
    """The training rows do not cover the target population.

    Weights cannot replace missing rows. The message gives the share of the target
    population for which there are no training rows.

    Examples
    --------
    >>> import warnings
    >>> from skweight.exceptions import OverlapWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", OverlapWarning)
    """


class UnsupportedWeightsError(TypeError, ValueError):
    """Weights cannot be passed to the wrapped estimator.

    The estimator does not support ``sample_weight`` or an equivalent. With
    ``unsupported="raise"``, this is an error, because otherwise the weights would have
    no effect. Other values of ``unsupported`` draw rows by weight instead.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skweight import WeightedClassifier
    >>> from skweight.exceptions import UnsupportedWeightsError
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 0, 1]
    >>> try:
    ...     WeightedClassifier(KNeighborsClassifier(1), calibration=None).fit(X, y)
    ... except UnsupportedWeightsError:
    ...     print("no way in")
    no way in
    """
