"""From the outputs of a fitted estimator to probabilities that mean what they say."""

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from skweight._fit import guards as _guards
from skweight._held_out.cross_fit import SMALLEST_CLIP, log_scores, outputs_of
from skweight._held_out.cross_fit import smallest_probability as smallest
from skweight._utils.families import counts_votes
from skweight._utils.validation import check_number, plain, positions_of, say
from skweight.calibration import PriorCalibrator
from skweight.calibration._engine.numerics import log_scale
from skweight.weights import effective_sample_size

# Far below any probability that means something, far above where doubles end.
_NO_CLIP = 1e-300


def needs_held_out_scores(calibrator):
    """Return whether a calibrator learns from rows that the model has not seen."""
    return calibrator is not None and getattr(calibrator, "needs_held_out_scores", True)


def _describe(calibrator):
    return getattr(calibrator, "describe", calibrator.__repr__)()


def _effective_rows(codes, weights):
    """Return the effective rows of all classes, each counted by its own weights."""
    if weights is None:
        return codes.size
    counted = weights > 0
    by_class = effective_sample_size(weights[counted], by=codes[counted])
    return sum(by_class.values())


class ProbabilityMap:
    """What stands between the outputs of an estimator and its probabilities.

    Parameters
    ----------
    method : str
        Method of the estimator whose outputs are mapped.
    classes : ndarray of shape (n_classes,)
        Labels.

    Attributes
    ----------
    calibrator : calibrator or None
        The fitted calibrator; None where outputs are taken as probabilities.
    clip : float
        Smallest probability that is told apart before its logarithm is taken.
    shift : PriorCalibrator or None
        What takes the probabilities to other class frequencies.
    """

    def __init__(self, method, classes):
        self.method = method
        self.classes = classes
        self.calibrator = None
        self.clip = SMALLEST_CLIP
        self.shift = None

    def fit(self, calibrator, held_out, y, population, class_multiplier, model):
        """Fit a clone of the calibrator and return what a report says about it.

        ``model`` is one of the fitted estimators, for calibrators that ask for its
        kind.
        """
        calibrator = clone(calibrator, safe=False)
        known = {
            "classes": self.classes,
            "class_multiplier": class_multiplier,
            "votes": self.method == "predict_proba" and counts_votes(model),
        }
        asked = {k: v for k, v in known.items() if has_fit_parameter(calibrator, k)}
        if not needs_held_out_scores(calibrator):
            self.calibrator = calibrator.fit(None, y, **asked)
            if held_out is not None:
                self._look_at_mean(held_out, y, population)
            return {"calibration": f"{calibrator!r}, in closed form"}

        y = y[held_out.rows]
        weights = None if population is None else population[held_out.rows]
        self.clip = smallest(held_out.outputs, self.method, weights)
        scores = log_scores(held_out.outputs, self.method, self.clip)
        self.calibrator = calibrator.fit(scores, y, sample_weight=weights, **asked)

        proba = self.calibrator.predict_proba(scores)
        codes = positions_of(y, self.classes, owner="The calibrator")
        mass = np.bincount(codes, weights=weights, minlength=self.classes.size)
        effective = _effective_rows(codes, weights)
        self._warn(held_out.outputs, proba, codes, weights, effective)
        return {
            "calibration": (
                f"{_describe(self.calibrator)} on {y.size:,} held-out rows as they "
                f"came ({effective:,.1f} effective), from {held_out.source}"
            ),
            "held_out": {
                "n_rows": int(y.size),
                "effective_rows": float(effective),
                "prevalence": (mass / mass.sum()).tolist(),
                "mean_after": np.average(proba, axis=0, weights=weights).tolist(),
            },
            "candidates": {
                name: {"loss": loss, "share": self.calibrator.shares_[name]}
                for name, loss in getattr(self.calibrator, "losses_", {}).items()
            },
        }

    def _warn(self, outputs, proba, codes, weights, effective):
        _guards.warn_of_few_rows(effective, codes.size)
        _guards.warn_of_mean(proba, codes, weights, self.classes, self.calibrator)
        if self.method == "predict_proba":
            _guards.warn_of_clipped_votes(proba, outputs, codes, weights, self.classes)

    def _look_at_mean(self, held_out, y, population):
        """Look at held-out rows that are there for others; the map needs none."""
        rows = held_out.rows
        _guards.warn_of_mean(
            self.of_outputs(held_out.outputs),
            positions_of(y[rows], self.classes, owner="The calibrator"),
            None if population is None else population[rows],
            self.classes,
            self.calibrator,
        )

    def of_outputs(self, outputs):
        """Return probabilities for outputs of the estimator."""
        if self.calibrator is None:
            return outputs
        return self.calibrator.predict_proba(
            log_scores(outputs, self.method, self.clip)
        )

    def of_rows(self, models, X):
        """Return probabilities for rows, the mean over models where there are more."""
        proba = self._mean(self.of_outputs, models, X)
        return proba if self.shift is None else self._shifted(proba)

    def interval_of_rows(self, models, X):
        """Return the ends of the calibrator's intervals, shape (2, n_rows, n_classes).

        Of several models they are the means of the ends.
        """
        ends = self._mean(self._interval_of_outputs, models, X)
        if self.shift is None:
            return ends
        # An end for one of two classes is the other end for the other.
        (none, low), (some, high) = (
            self._shifted(np.column_stack([1 - end[:, 1], end[:, 1]])).T for end in ends
        )
        return np.stack([np.column_stack([some, low]), np.column_stack([none, high])])

    def _interval_of_outputs(self, outputs):
        scores = log_scores(outputs, self.method, self.clip)
        return np.stack(self.calibrator.predict_interval(scores))

    def _mean(self, read, models, X):
        """Return the mean over models of what ``read`` makes of their outputs."""
        found = read(outputs_of(models[0], X, self.method, self.classes))
        for model in models[1:]:
            found = found + read(outputs_of(model, X, self.method, self.classes))
        return found / len(models) if len(models) > 1 else found

    def _shifted(self, proba):
        return self.shift.predict_proba(log_scale(proba, _NO_CLIP))


def prevalence_shift(prevalence, classes, population_share):
    """Return the inversion that takes probabilities to other class frequencies.

    It is that of class weights: against the target, a class counts
    ``population_share / prevalence`` times as much as it should. Also returned are the
    frequencies, by class.
    """
    target = complete_prevalence(prevalence, classes, population_share)
    shift = PriorCalibrator().fit(
        classes=classes, class_multiplier=population_share / target
    )
    return shift, {plain(k): float(p) for k, p in zip(classes, target, strict=True)}


def complete_prevalence(prevalence, classes, population_share):
    """Return class frequencies in the order of the classes, with sum one.

    Classes that are not named share the rest as they do in the population.
    """
    if hasattr(prevalence, "target_prior_"):
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
            f"classes {say(classes)}."
        )
    target = np.zeros(classes.size)
    for label, value in prevalence.items():
        # An estimate may say that a class has gone; its probability is then as good
        # as zero, and never exactly that.
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
