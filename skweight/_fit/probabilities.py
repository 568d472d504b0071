"""From outputs of a fitted estimator to calibrated probabilities."""

from dataclasses import dataclass

import numpy as np

from skweight._held_out.outputs import SMALLEST_CLIP, log_scores, outputs_of
from skweight._utils.validation import check_number, did_you_mean, plain, say
from skweight.calibration import PriorCalibrator
from skweight.calibration._engine.numerics import log_scale

# Smallest probability. Clipping to this value changes no meaningful probability; the
# value is far above the smallest positive double.
_NO_CLIP = 1e-300


def needs_held_out_scores(calibrator):
    """Return whether a calibrator learns from rows that the model has not seen."""
    return calibrator is not None and getattr(calibrator, "needs_held_out_scores", True)


def learns_from_held_out_rows(calibrator, decision, conformal):
    """Return whether calibrator, decision or prediction sets use held-out rows."""
    return (
        needs_held_out_scores(calibrator)
        or getattr(decision, "needs_held_out_rows", False)
        or conformal is not None
    )


@dataclass(frozen=True)
class ProbabilityMap:
    """The map from the outputs of an estimator to probabilities.

    Attributes
    ----------
    method : str
        Method of the estimator that gives the outputs.
    classes : ndarray of shape (n_classes,)
        Labels.
    calibrator : calibrator or None
        The fitted calibrator. None if the outputs are used as probabilities.
    clip : float
        Probabilities below this value are replaced by it before their logarithm is
        taken.
    shift : PriorCalibrator or None
        The map from the probabilities to other class frequencies.
    """

    method: str
    classes: np.ndarray
    calibrator: object = None
    clip: float = SMALLEST_CLIP
    shift: object = None

    def of_outputs(self, outputs):
        """Return probabilities for outputs of the estimator."""
        if self.calibrator is None:
            return outputs
        return self.calibrator.predict_proba(
            log_scores(outputs, self.method, self.clip)
        )

    def of_rows(self, models, X, offsets=None):
        """Return probabilities for rows; with several models, mean probabilities.

        `offsets` are further arguments of the prediction method of the models.
        """
        proba = self._mean(self.of_outputs, models, X, offsets)
        return proba if self.shift is None else self._shifted(proba)

    def interval_of_rows(self, models, X, offsets=None):
        """Return the ends of the calibrator's intervals, shape (2, n_rows, n_classes).

        With several models, each end is the mean over the models.
        """
        ends = self._mean(self._interval_of_outputs, models, X, offsets)
        if self.shift is None:
            return ends
        # With two classes, the interval of the first class determines the interval of
        # the second class.
        (none, low), (some, high) = (
            self._shifted(np.column_stack([1 - end[:, 1], end[:, 1]])).T for end in ends
        )
        return np.stack([np.column_stack([some, low]), np.column_stack([none, high])])

    def _interval_of_outputs(self, outputs):
        scores = log_scores(outputs, self.method, self.clip)
        return np.stack(self.calibrator.predict_interval(scores))

    def _mean(self, read, models, X, offsets):
        """Apply ``read`` to the outputs of each model; return the mean over models."""

        def read_model(model):
            return read(outputs_of(model, X, self.method, self.classes, offsets))

        total = read_model(models[0])
        for model in models[1:]:
            total = total + read_model(model)
        return total / len(models) if len(models) > 1 else total

    def _shifted(self, proba):
        return self.shift.predict_proba(log_scale(proba, _NO_CLIP))


def prevalence_shift(prevalence, classes, population_share):
    """Return a calibrator that adapts probabilities to other class frequencies.

    The calibrator undoes class weights in the probabilities. Relative to the new
    frequencies, a class has ``population_share / prevalence`` times its correct mass,
    and the calibrator divides by this factor. Returns the calibrator, and the new
    frequency of each class.
    """
    target = complete_prevalence(prevalence, classes, population_share)
    shift = PriorCalibrator().fit(
        classes=classes, class_multiplier=population_share / target
    )
    return shift, {plain(k): float(p) for k, p in zip(classes, target, strict=True)}


def complete_prevalence(prevalence, classes, population_share):
    """Return class frequencies in the order of the classes, with sum one.

    The given dict may leave out classes. These classes share the rest of the sum, in
    proportion to their population shares.
    """
    if hasattr(prevalence, "target_prior_"):
        prevalence._warn_of_error()
        prevalence = dict(
            zip(prevalence.classes_.tolist(), prevalence.target_prior_, strict=True)
        )
    if not isinstance(prevalence, dict) or not prevalence:
        raise TypeError(
            "prevalence must be a dict {label: frequency}, a fitted "
            f"LabelShiftWeighting, or None; got {prevalence!r}."
        )
    position = {plain(label): i for i, label in enumerate(classes)}
    unknown = [label for label in prevalence if plain(label) not in position]
    if unknown:
        raise ValueError(
            f"prevalence names the labels {say(unknown)}, which are not among the "
            f"classes {say(classes)}.{did_you_mean(unknown[0], position)}"
        )
    target = np.zeros(classes.size)
    for label, value in prevalence.items():
        # An estimated class frequency may be zero, if a class has disappeared. The
        # probability of this class then becomes almost zero, but never exactly zero.
        check_number(value, name=f"prevalence[{label!r}]", low=0, high=1)
        target[position[plain(label)]] = max(value, _NO_CLIP)
    named = np.isin(np.arange(classes.size), [position[plain(k)] for k in prevalence])
    total = target.sum()
    if named.all():
        fits = abs(total - 1) <= 1e-6
    else:
        fits = total < 1
        rest = population_share[~named]
        target[~named] = (1 - total) * rest / rest.sum() if fits else 0
    if not fits:
        raise ValueError(
            f"The frequencies in prevalence must sum to "
            f"{'1' if named.all() else 'less than 1, with classes left out'}; got "
            f"{total:.6g}."
        )
    return target / target.sum()
