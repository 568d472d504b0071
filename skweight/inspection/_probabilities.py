"""The probabilities in a report: their meaning, and their calibration."""

import numpy as np

from skweight._utils.validation import say
from skweight.metrics._calibration import frequency_interval

# Bins are narrow near 0 and 1. Most probabilities of a rare class are near 0, and most
# probabilities of a frequent class are near 1.
_EDGES = np.array(
    [0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97, 0.99]
)


def reliability_bins(codes, proba, weights):
    """For each class, bin the held-out rows by the probability of the class.

    Bins have fixed edges, so that the time for a class is O(n) for n rows. Intervals
    are Wilson intervals, computed with Kish's effective sample size.

    Parameters
    ----------
    codes : ndarray of shape (n_held_out,)
        Position of the class of every row.
    proba : ndarray of shape (n_held_out, n_classes)
        Probabilities of all classes, in [0, 1].
    weights : ndarray of shape (n_held_out,) or None
        Population weights of the rows; None means equal weights.

    Returns
    -------
    bins : list of list of dict
        For each class, a list of bins; see ``reliability`` of :class:`FitReport`.
    """
    weights = np.ones(codes.size) if weights is None else weights
    of_classes = []
    for k in range(proba.shape[1]):
        at = np.searchsorted(_EDGES, proba[:, k], side="right")

        def total(values, at=at):
            return np.bincount(at, weights=values, minlength=_EDGES.size + 1)

        rows, mass = total(weights > 0), total(weights)
        counted = mass > 0
        rows, mass = rows[counted], mass[counted]
        probability = total(weights * proba[:, k])[counted] / mass
        frequency = total(weights * (codes == k))[counted] / mass
        effective = mass**2 / total(weights**2)[counted]
        low, high = frequency_interval(frequency, effective, 0.95)
        columns = (rows.astype(int), probability, frequency, low, high)
        names = ("rows", "probability", "frequency", "low", "high")
        of_classes.append(
            [
                dict(zip(names, values, strict=True))
                for values in zip(*(c.tolist() for c in columns), strict=True)
            ]
        )
    return of_classes


def _farthest(mean, frequency):
    """Return the class with the largest ratio between mean probability and frequency.

    The larger number (mean probability or frequency) is divided by the smaller number.
    If two classes have the same ratio, the rarer class is returned.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.nan_to_num(np.abs(np.log(mean / frequency)))
    ratio = np.minimum(apart, 1e3).round(12)
    return int(np.lexsort((frequency, -ratio))[0])


def describe_probabilities(classes, multipliers, figures, has_them):
    """Describe in words the probabilities of a classifier.

    The dict `figures` contains the values of the fit report about the calibration.
    """
    if figures["calibration"] is not None:
        held_out = figures.get("held_out")
        if held_out:
            frequency = np.array(held_out["prevalence"])
            mean = np.array(held_out["mean_after"])
            k = _farthest(mean, frequency)
            return (
                "frequencies of the population, learned from "
                f"{held_out['n_rows']:,} held-out rows. There, class {say(classes[k])} "
                f"has the mean probability {mean[k]:.3g} and the frequency "
                f"{frequency[k]:.3g}"
            )
        return (
            "frequencies of the population, if the model follows its class weights "
            f"({_shares(classes, multipliers)}): these were taken out by "
            "a formula, which no held-out row has checked"
        )
    if not has_them:
        return (
            "none, because the estimator has no predict_proba, and there is no "
            "calibration"
        )
    multiplier = multipliers.in_all
    if np.ptp(multiplier) <= 1e-9 * multiplier.max():
        return (
            "the probabilities of the estimator; they were neither calibrated nor "
            "checked on held-out rows. In training, the classes were as frequent as "
            "in the population"
        )
    return (
        "not frequencies of the population: training weights have changed the class "
        f"frequencies ({_shares(classes, multipliers)}). Set calibration='auto' to "
        "get frequencies of the population"
    )


def _shares(classes, multipliers):
    """Return a text with the class shares in the training and in the population."""
    training, multiplier = multipliers.training_share, multipliers.in_all
    population = np.divide(
        training, multiplier, out=np.zeros(len(training)), where=multiplier > 0
    )
    population = population / population.sum()
    return ", ".join(
        f"{say(label)}: {trained:.1%} instead of {share:.1%}"
        for label, trained, share in zip(classes, training, population, strict=True)
    )
