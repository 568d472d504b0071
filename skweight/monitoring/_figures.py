"""What a model says of rows, and the figures that a monitor watches of it.

Every figure is a weighted mean over rows, so that its sums are all that is kept.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from skweight._held_out.outputs import outputs_of
from skweight._utils.validation import plain
from skweight.decision._base import positions_decided
from skweight.monitoring._moments import sums_of
from skweight.weights import weighted_quantile

# Probabilities are kept off 0 and 1 before their log odds are taken: a forest's
# "no vote" is no infinite evidence.
CLIP = 1e-4
# Figures that are a share of the frequency of their class, and are tolerated as such.
RELATIVE = ("class frequency", "mean probability", "calibration gap")
COUNTS = ("class frequency", "predicted share", "recall", "weights above quantile")


class FigureName(NamedTuple):
    """What is watched, and the class or quantile that it is of."""

    figure: str
    of: object


class Predictions(NamedTuple):
    """What a model says of rows: probabilities, labels, and weights of the strategy.

    Positions in `predicted` beyond the classes are decisions that are no label.
    """

    proba: np.ndarray | None
    predicted: np.ndarray
    row_weight: np.ndarray | None

    @classmethod
    def of(cls, fitted, X, classes):
        """Return what a fitted classifier says of the rows of X."""
        proba = None
        if hasattr(fitted, "predict_proba"):
            proba = outputs_of(fitted, X, "predict_proba", classes)
        predicted = positions_decided(fitted, X, classes, owner="WeightMonitor")
        weights = _row_weights(getattr(fitted, "weighting_", None), X)
        return cls(proba, predicted, weights)

    @classmethod
    def joined(cls, parts):
        """Return one of the parts of all folds."""
        return cls(
            *(
                None if any(part is None for part in field) else np.concatenate(field)
                for field in zip(*parts, strict=True)
            )
        )


def _row_weights(weighting, X):
    """Return the weights that depend on X, or None where there are none.

    What depends on the class moves with the class frequencies, which are watched by
    themselves.
    """
    total = None
    for factor in getattr(weighting, "factors_", [weighting]):
        try:
            weight = factor.weigh(X)
        except (AttributeError, TypeError, ValueError):
            continue  # nothing, or a strategy that asks for y
        total = weight if total is None else total * weight
    return total


def log_odds(p):
    """Return the log odds of probabilities, which are kept off 0 and 1."""
    p = np.clip(p, CLIP, 1 - CLIP)
    return np.log(p / (1 - p))


@dataclass(frozen=True)
class Figures:
    """The figures of a model, and what they are measured in.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
    shown : list of int
        Classes with figures of their own; of two classes the rarer one tells all.
    slope_scale : dict {int: (centre, spread)}
        By class: mean and variance of the log odds, weighted by the information that a
        row has of the slope. Empty without probabilities.
    weight_quantiles : dict {float: float}
    """

    classes: np.ndarray
    shown: list
    slope_scale: dict
    weight_quantiles: dict

    @classmethod
    def learn(cls, predictions, codes, weight, classes, quantiles):
        """Learn what figures of later batches are measured in."""
        shares = np.bincount(codes, weight, classes.size) / weight.sum()
        rarer = [int(shares[1] <= shares[0])]
        shown = rarer if shares.size == 2 else list(range(shares.size))
        at = {}
        if predictions.row_weight is not None:
            values = weighted_quantile(predictions.row_weight, weight, quantiles)
            at = dict(zip(quantiles, values.tolist(), strict=True))
        slope_scale = {}
        if predictions.proba is not None:
            slope_scale = {
                k: _scale_of_slope(predictions.proba[:, k], weight) for k in shown
            }
        return cls(classes, shown, slope_scale, at)

    def names(self):
        """Return the names of the figures that need no labels, and of those that do."""
        labels = [plain(self.classes[k]) for k in self.shown]
        told = "mean probability" if self.slope_scale else "predicted share"
        without = [FigureName(told, label) for label in labels]
        without += [
            FigureName("weights above quantile", q) for q in self.weight_quantiles
        ]
        needing = []
        for k, label in zip(self.shown, labels, strict=True):
            needing.append(FigureName("class frequency", label))
            if self.slope_scale:
                needing.append(FigureName("calibration gap", label))
                if self.slope_scale[k][1] > 0:
                    needing.append(FigureName("calibration slope", label))
        needing += [FigureName("recall", plain(label)) for label in self.classes]
        return without, needing

    def sums_without_labels(self, predictions, weight):
        """Return the sums of the figures that need no labels, of shape (n, N_SUMS)."""
        if self.slope_scale:
            sums = [sums_of(predictions.proba[:, k], weight) for k in self.shown]
        else:
            sums = [sums_of(predictions.predicted == k, weight) for k in self.shown]
        sums += [
            sums_of(predictions.row_weight > at, weight)
            for at in self.weight_quantiles.values()
        ]
        return np.array(sums)

    def sums_with_labels(self, predictions, codes, weight):
        """Return the sums of the figures that need labels; a code of -1 has none."""
        weight = weight * (codes >= 0)
        sums = []
        for k in self.shown:
            is_class = codes == k
            sums.append(sums_of(is_class, weight))
            if not self.slope_scale:
                continue
            p = predictions.proba[:, k]
            gap = p - is_class
            sums.append(sums_of(gap, weight))
            centre, spread = self.slope_scale[k]
            if spread > 0:
                # One step of Newton from the slope one, row by row.
                tilt = -gap * (log_odds(p) - centre) / spread
                sums.append(sums_of(tilt, weight))
        for k in range(self.classes.size):
            sums.append(sums_of(predictions.predicted == k, weight * (codes == k)))
        return np.array(sums)


def _scale_of_slope(p, weight):
    """Return centre and spread of the log odds of a class.

    Centred so that a mere shift of all log odds leaves the slope alone.
    """
    logit, information = log_odds(p), weight * p * (1 - p)
    if not information.any():
        return 0.0, 0.0
    centre = float(information @ logit / information.sum())
    return centre, float(information @ (logit - centre) ** 2 / weight.sum())
