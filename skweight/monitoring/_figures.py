"""The statistics that a monitor tests.

Every monitored statistic is a weighted mean over rows, so only sums need to be stored.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from skweight._held_out.outputs import outputs_of
from skweight._utils.validation import plain
from skweight.decision._base import positions_decided
from skweight.monitoring._moments import sums_of
from skweight.weights import weighted_quantile

# Lower limit to which probabilities are clipped before log odds are computed. In a
# forest, a class without votes has probability zero, and the log odds of zero are
# infinite.
CLIP = 1e-4
# Limit for the spread of the log odds. If the spread is below this limit, log odds
# differ only by rounding errors.
_LEAST_SPREAD = 1e-60
# Names of the statistics for which `tolerance` is relative to the class frequency.
RELATIVE = ("class frequency", "mean probability", "calibration gap")
COUNTS = ("class frequency", "predicted share", "recall", "weights above quantile")


class FigureName(NamedTuple):
    """Name of a figure, and its class or quantile."""

    figure: str
    of: object


class Predictions(NamedTuple):
    """The outputs of a model for rows: probabilities, decisions, and strategy weights.

    The field `predicted` holds the position of the decision for each row. If the
    position is ``len(classes)`` or more, the decision is not a label.
    """

    proba: np.ndarray | None
    predicted: np.ndarray
    row_weight: np.ndarray | None

    @classmethod
    def of(cls, fitted, X, classes):
        """Return the predictions of a fitted classifier for the rows of X."""
        proba = None
        if hasattr(fitted, "predict_proba"):
            proba = outputs_of(fitted, X, "predict_proba", classes)
        predicted = positions_decided(fitted, X, classes, owner="WeightMonitor")
        weights = _row_weights(getattr(fitted, "weighting_", None), X)
        return cls(proba, predicted, weights)

    @classmethod
    def joined(cls, parts):
        """Concatenate the predictions of all folds."""
        return cls(
            *(
                None if any(part is None for part in field) else np.concatenate(field)
                for field in zip(*parts, strict=True)
            )
        )


def _row_weights(weighting, X):
    """Return the product of all weights that depend only on X; None if there are none.

    Weights that depend on the class are not included. The mean of weights that depend
    on the class changes with the class frequencies, which are monitored separately.
    """
    total = None
    for factor in getattr(weighting, "factors_", [weighting]):
        try:
            weight = factor.weigh(X)
        except (AttributeError, TypeError, ValueError):
            continue  # no strategy, or a strategy that needs y
        total = weight if total is None else total * weight
    return total


def log_odds(p):
    """Return the log odds of clipped probabilities."""
    p = np.clip(p, CLIP, 1 - CLIP)
    return np.log(p / (1 - p))


@dataclass(frozen=True)
class Figures:
    """The monitored statistics ("figures") of a model, and their scales.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Class labels, sorted.
    shown : list of int
        Positions of the classes for which separate statistics are shown. With two
        classes, only the rarer class is shown.
    slope_scale : dict {int: (centre, spread)}
        Mean and variance of the log odds of each class, weighted by p (1 - p), where p
        is the probability of the class. Empty if the model has no probabilities.
    weight_quantiles : dict {float: float}
        Quantiles of the weights of the reference rows (held-out rows of the fit).
    """

    classes: np.ndarray
    shown: list
    slope_scale: dict
    weight_quantiles: dict

    @classmethod
    def learn(cls, predictions, codes, weight, classes, quantiles):
        """Learn the scales of the figures from the reference."""
        shares = np.bincount(codes, weight, classes.size) / weight.sum()
        rarer = [int(shares[1] <= shares[0])]
        shown = rarer if shares.size == 2 else list(range(shares.size))
        thresholds = {}
        if predictions.row_weight is not None:
            values = weighted_quantile(predictions.row_weight, weight, quantiles)
            thresholds = dict(zip(quantiles, values.tolist(), strict=True))
        slope_scale = {}
        if predictions.proba is not None:
            slope_scale = {
                k: _scale_of_slope(predictions.proba[:, k], weight) for k in shown
            }
        return cls(classes, shown, slope_scale, thresholds)

    def names(self):
        """Return names of statistics; statistics that need no labels come first."""
        labels = [plain(self.classes[k]) for k in self.shown]
        figure = "mean probability" if self.slope_scale else "predicted share"
        without_labels = [FigureName(figure, label) for label in labels]
        without_labels += [
            FigureName("weights above quantile", q) for q in self.weight_quantiles
        ]
        with_labels = []
        for k, label in zip(self.shown, labels, strict=True):
            with_labels.append(FigureName("class frequency", label))
            if self.slope_scale:
                with_labels.append(FigureName("calibration gap", label))
                if self.slope_scale[k][1] > 0:
                    with_labels.append(FigureName("calibration slope", label))
        with_labels += [FigureName("recall", plain(label)) for label in self.classes]
        return without_labels, with_labels

    def sums_without_labels(self, predictions, weight):
        """Return sums for statistics that need no labels; the shape is (n, N_SUMS)."""
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
        """Return sums for statistics that need labels; the code -1 means no label."""
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
            if spread > _LEAST_SPREAD:
                # The mean of these values over the rows is one Newton step of the
                # calibration slope, starting from a slope of 1.
                tilt = -gap * (log_odds(p) - centre) / spread
                sums.append(sums_of(tilt, weight))
        for k in range(self.classes.size):
            sums.append(sums_of(predictions.predicted == k, weight * (codes == k)))
        return np.array(sums)


def _scale_of_slope(p, weight):
    """Return the centre and the spread of the log odds of a class in held-out rows.

    The log odds are centred, so that a shift of all log odds does not change the slope.
    """
    logit, information = log_odds(p), weight * p * (1 - p)
    if not information.any():
        return 0.0, 0.0
    centre = float(information @ logit / information.sum())
    return centre, float(information @ (logit - centre) ** 2 / weight.sum())
