"""From the outputs of a fitted estimator to probabilities that mean what they say."""

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from skweight._cross_fit import SMALLEST_CLIP, log_scores, outputs_of
from skweight._cross_fit import smallest_probability as smallest
from skweight._validation import positions_of


def needs_held_out_scores(calibrator):
    """Return whether a calibrator learns from rows that the model has not seen."""
    return calibrator is not None and getattr(calibrator, "needs_held_out_scores", True)


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
    """

    def __init__(self, method, classes):
        self.method = method
        self.classes = classes
        self.calibrator = None
        self.clip = SMALLEST_CLIP

    def fit(self, calibrator, held_out, y, population, class_multiplier):
        """Fit a clone of the calibrator and return what a report says about it."""
        if calibrator is None:
            return {"calibration": None}
        calibrator = clone(calibrator, safe=False)
        known = {"classes": self.classes, "class_multiplier": class_multiplier}
        asked = {k: v for k, v in known.items() if has_fit_parameter(calibrator, k)}
        if not needs_held_out_scores(calibrator):
            self.calibrator = calibrator.fit(None, y, **asked)
            return {"calibration": f"{calibrator!r}, in closed form"}

        self.clip = smallest(held_out.outputs, self.method)
        scores = log_scores(held_out.outputs, self.method, self.clip)
        y = y[held_out.rows]
        weights = None if population is None else population[held_out.rows]
        self.calibrator = calibrator.fit(scores, y, sample_weight=weights, **asked)

        proba = self.calibrator.predict_proba(scores)
        codes = positions_of(y, self.classes, owner="The calibrator")
        mass = np.bincount(codes, weights=weights, minlength=self.classes.size)
        effective = (
            y.size if weights is None else weights.sum() ** 2 / (weights**2).sum()
        )
        source = (
            f"{held_out.n_fits} fits on {held_out.n_fits} training folds"
            if held_out.n_fits
            else "the frozen model"
        )
        return {
            "calibration": (
                f"{calibrator!r} on {y.size:,} held-out rows as they came "
                f"({effective:,.1f} effective), from {source}"
            ),
            "held_out": {
                "n_rows": int(y.size),
                "effective_rows": float(effective),
                "prevalence": (mass / mass.sum()).tolist(),
                "mean_after": np.average(proba, axis=0, weights=weights).tolist(),
            },
        }

    def of_outputs(self, outputs):
        """Return probabilities for outputs of the estimator."""
        if self.calibrator is None:
            return outputs
        return self.calibrator.predict_proba(
            log_scores(outputs, self.method, self.clip)
        )

    def of_rows(self, estimator, X):
        """Return probabilities for rows."""
        return self.of_outputs(outputs_of(estimator, X, self.method, self.classes))
