"""The warnings and errors of skweight, one class each so that they can be filtered."""

__all__ = [
    "CalibrationMeanWarning",
    "CalibrationWarning",
    "ClippedVotesWarning",
    "ComparisonInterruptedWarning",
    "CostWarning",
    "DegenerateWeightsWarning",
    "DoubleCountingWarning",
    "DoubleStabilizingWarning",
    "EmphasisAsPopulationWarning",
    "FewEffectiveRowsWarning",
    "FewerFoldsWarning",
    "FewerNeighborsWarning",
    "NotEnoughOverlapWarning",
    "ReversedScoresWarning",
    "UnsupportedWeightsError",
    "UpstreamSamplerWarning",
]


class DegenerateWeightsWarning(UserWarning):
    """A few rows carry most of the weight.

    The message gives the effective sample size that is left and the remedy.

    Examples
    --------
    Turn the warning into an error while developing:

    >>> import warnings
    >>> from skweight.exceptions import DegenerateWeightsWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", DegenerateWeightsWarning)
    """


class DoubleCountingWarning(UserWarning):
    """The wrapped estimator balances by itself while weights are injected as well.

    Emphasis would then be applied twice. The message names the parameter to reset.

    Examples
    --------
    >>> import warnings
    >>> from skweight.exceptions import DoubleCountingWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", DoubleCountingWarning)
    """


class DoubleStabilizingWarning(UserWarning):
    """A strategy has a stabilizer of its own, and so has the classifier around it.

    What was clipped once is clipped again. The message names the strategies.

    Examples
    --------
    >>> import warnings
    >>> from skweight.exceptions import DoubleStabilizingWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", DoubleStabilizingWarning)
    """


class FewerFoldsWarning(UserWarning):
    """A class has fewer rows than the folds that were asked for.

    Fewer folds are used, or the closed-form inversion when not even two fit.

    Examples
    --------
    >>> import warnings
    >>> from skweight.exceptions import FewerFoldsWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", FewerFoldsWarning)
    """


class CalibrationWarning(UserWarning):
    """A calibrator met scores or rows that it could not use as asked.

    The message says what it did instead.

    Examples
    --------
    >>> import warnings
    >>> from skweight.exceptions import CalibrationWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", CalibrationWarning)
    """


class ComparisonInterruptedWarning(UserWarning):
    """A comparison was interrupted from the keyboard and returns what it has.

    The message counts the fits that are done and says how to go on.

    Examples
    --------
    >>> import warnings
    >>> from skweight.exceptions import ComparisonInterruptedWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", ComparisonInterruptedWarning)
    """


class CalibrationMeanWarning(CalibrationWarning):
    """After calibration the mean probability of a class is not its frequency.

    The ratio on held-out rows is outside [0.8, 1.25], and further than chance takes
    it; the message gives the ratio. Where no row was held out and weights are inverted
    in the votes of a forest, it gives the ratio that was measured for others.

    Examples
    --------
    >>> import warnings
    >>> from skweight.exceptions import CalibrationMeanWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", CalibrationMeanWarning)
    """


class ClippedVotesWarning(CalibrationWarning):
    """Rows without a single vote for a class got a probability that is wrong.

    The message gives their share, how many of them are of the class, and what the
    calibrator says.

    Examples
    --------
    >>> import warnings
    >>> from skweight.exceptions import ClippedVotesWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", ClippedVotesWarning)
    """


class EmphasisAsPopulationWarning(UserWarning):
    """The caller's weights look like those that raise rare classes.

    They depend on the label alone and count rarer classes more. As `sample_weight` they
    say how frequent rows are in the population, and the probabilities are calibrated to
    that. The message gives the factor, and the share it makes.

    Examples
    --------
    >>> import warnings
    >>> from skweight.exceptions import EmphasisAsPopulationWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", EmphasisAsPopulationWarning)
    """


class FewEffectiveRowsWarning(CalibrationWarning):
    """Weights leave a calibrator less than 200 effective rows, and less than half.

    Half, that is, of the rows it has, so that small data alone are no reason. The
    message gives the effective number, and what keeps weights sane.

    Examples
    --------
    >>> import warnings
    >>> from skweight.exceptions import FewEffectiveRowsWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", FewEffectiveRowsWarning)
    """


class ReversedScoresWarning(CalibrationWarning):
    """Scores of calibration rows rank the classes the wrong way round, or not at all.

    No calibrator turns a ranking round. The message says how far the rows of a class
    score below the others, and what was done instead.

    Examples
    --------
    >>> import warnings
    >>> from skweight.exceptions import ReversedScoresWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", ReversedScoresWarning)
    """


class UpstreamSamplerWarning(UserWarning):
    """Rows were resampled where the classifier cannot know of it.

    Before the fit, so that calibration sees rows that are not of the population; or
    inside the wrapped estimator, after the weights were computed, by a step or by an
    ensemble of imbalanced-learn. The message says which, and gives the share of the
    class that is concerned.

    Examples
    --------
    >>> import warnings
    >>> from skweight.exceptions import UpstreamSamplerWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", UpstreamSamplerWarning)
    """


class CostWarning(UserWarning):
    """Costs say something that is rarely meant, or that weights cannot express.

    The message counts the rows or names the cell, and says what is done.

    Examples
    --------
    >>> import warnings
    >>> from skweight.exceptions import CostWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", CostWarning)
    """


class FewerNeighborsWarning(UserWarning):
    """A class has fewer rows than a resampler was to mix each of them with.

    The message gives the number of rows, and what was done instead.

    Examples
    --------
    >>> import warnings
    >>> from skweight.exceptions import FewerNeighborsWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", FewerNeighborsWarning)
    """


class NotEnoughOverlapWarning(UserWarning):
    """The training rows do not cover the population they are to stand for.

    The message gives the share of the target that no row can stand for.

    Examples
    --------
    >>> import warnings
    >>> from skweight.exceptions import NotEnoughOverlapWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", NotEnoughOverlapWarning)
    """


class UnsupportedWeightsError(TypeError, ValueError):
    """Weights cannot be brought into the wrapped estimator.

    It takes neither ``sample_weight`` nor anything that says the same, and the policy
    ``unsupported="raise"`` forbids to drop the weights or to resample.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skweight import WeightedClassifier
    >>> from skweight.exceptions import UnsupportedWeightsError
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 0, 1]
    >>> try:
    ...     WeightedClassifier(KNeighborsClassifier(1)).fit(X, y)
    ... except UnsupportedWeightsError:
    ...     print("no way in")
    no way in
    """
