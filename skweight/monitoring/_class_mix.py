"""Estimated class frequencies of unlabelled rows, under label shift."""

import numpy as np

from skweight._utils.validation import plain
from skweight.calibration import (
    SigmoidCalibrator,
    TemperatureCalibrator,
    scores_from_proba,
)
from skweight.density_ratio._mixture import fit_mixture
from skweight.monitoring._figures import CLIP


class ClassMix:
    """Maximum likelihood estimate of class frequencies from predictions.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Class labels, sorted.
    frequencies : ndarray of shape (n_classes,)
        Frequency of each class in the reference (held-out rows of the fit).
    """

    def __init__(self, classes, frequencies):
        self.classes = classes
        self.frequencies = frequencies

    def fit(self, proba, codes, weight):
        """Fit a calibrator on held-out rows; the estimate needs its probabilities."""
        two = self.classes.size == 2
        calibrator = SigmoidCalibrator() if two else TemperatureCalibrator()
        self._calibrator = calibrator.fit(
            scores_from_proba(proba, clip=CLIP),
            self.classes[codes],
            sample_weight=weight,
            classes=self.classes,
        )
        return self

    def estimate(self, proba, weight):
        """Return {label: reference, estimate and interval} of a batch."""
        calibrated = self._calibrator.predict_proba(scores_from_proba(proba, clip=CLIP))
        ratio = calibrated / np.maximum(self.frequencies, 1e-300)
        occurs = self.frequencies > 0
        estimate = np.zeros(occurs.size)
        estimate[occurs] = fit_mixture(
            ratio[:, occurs], weight / weight.sum(), tol=1e-10
        ).proportions
        error = _errors(ratio, estimate, weight)
        return {
            plain(label): {
                "reference": float(self.frequencies[k]),
                "estimate": float(estimate[k]),
                "low": float(max(estimate[k] - 1.96 * error[k], 0)),
                "high": float(min(estimate[k] + 1.96 * error[k], 1)),
            }
            for k, label in enumerate(self.classes)
        }


def _errors(ratio, proportions, weight):
    """Return the standard error of each proportion.

    The error of each proportion is computed with fixed ratios between all other
    proportions. The Fisher information about a proportion is the sum of the squared
    derivatives of the log likelihood of each row.
    """
    mixed = np.maximum(ratio @ proportions, 1e-300)
    errors = np.empty(proportions.size)
    for k, share in enumerate(proportions):
        other_density = (mixed - share * ratio[:, k]) / max(1 - share, 1e-12)
        score = (ratio[:, k] - other_density) / mixed
        # Unequal weights reduce the information.
        information = (weight @ score**2) ** 2 / max(weight**2 @ score**2, 1e-300)
        errors[k] = 1 / np.sqrt(max(information, 1e-300))
    return errors
