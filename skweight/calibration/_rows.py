"""The checked rows for the fit of a calibrator, with weights in effective rows."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from skweight._utils.validation import check_labels, encode_labels, plain, say
from skweight.calibration._engine.merged import merge_scores
from skweight.calibration._engine.numerics import Tails

# Number of probabilities per call. The number is small, so that temporary arrays stay
# in the processor's cache.
BLOCK = 1 << 16

# Smallest positive weight, relative to the largest weight. Smaller weights are raised
# to this value. Otherwise, rounding would remove them from sums.
_LIGHTEST = 1e-13

# The weights of a class are added into this number of partial sums. At the end, the
# partial sums are added.
_LANES = 8

# Log odds are clipped to this size, so that their squares and their products with
# weights stay finite.
_FAR = 1e100


@dataclass(frozen=True)
class CalibrationRows:
    """The checked rows for the fit of a calibrator; every weight is positive.

    Attributes
    ----------
    scores : ndarray of shape (n_rows,) or (n_rows, n_classes), dtype float64
        Log odds of the second class, or one log-scale score per class.
    codes : ndarray of shape (n_rows,)
        Position of every label among the classes.
    weight : ndarray of shape (n_rows,), dtype float64
        Population weights, scaled to effective rows (Kish's sample size); read-only if
        all weights are 1.
    class_count : ndarray of shape (n_classes,), dtype float64
        Total of ``weight`` per class; zero for a class that is missing.
    row_mass : ndarray of shape (n_classes,), dtype float64
        Weight of one additional row of each class; 1 if all weights are equal.
    class_multiplier : ndarray of shape (n_classes,) or None
        Checked multipliers, for calibrators whose ``fit`` accepts multipliers.
    resumed : bool
        Whether the fit can start from the present parameters of the calibrator, because
        these parameters were fitted on similar rows. Such a start saves steps and
        changes the result only by rounding.
    """

    scores: np.ndarray
    codes: np.ndarray
    weight: np.ndarray
    class_count: np.ndarray
    row_mass: np.ndarray
    class_multiplier: np.ndarray | None = None
    resumed: bool = False

    @classmethod
    def of_masses(cls, scores, codes, mass, squares, n_classes, class_multiplier=None):
        """Return rows with weights in effective rows; a row can stand for several rows.

        For each sum of rows, ``mass`` holds the total weight, and ``squares`` holds the
        total of the squared weights.
        """
        scale, class_count, row_mass = _effective_counts(
            np.bincount(codes, mass, n_classes), np.bincount(codes, squares, n_classes)
        )
        return cls(
            scores=scores,
            codes=codes,
            weight=scale * mass,
            class_count=class_count,
            row_mass=row_mass,
            class_multiplier=class_multiplier,
        )

    @property
    def tails(self):
        """For two classes: limits of the log odds, narrower if there are few rows."""
        return Tails.of(self.class_count, self.row_mass)

    @cached_property
    def merged(self):
        """For two classes: the rows, merged by score, for several calibrators."""
        return merge_scores(self.scores, self.codes, self.weight)

    def against_rest(self, code, scores):
        """Return the rows with two classes: class ``code`` and the other classes."""
        other_counts = np.delete(self.class_count, code)
        count = np.array([other_counts.sum(), self.class_count[code]])
        row_mass = np.array([1.0, self.row_mass[code]])
        if count[0] > 0:
            row_mass[0] = other_counts @ np.delete(self.row_mass, code) / count[0]
        scale = _scale_to_effective_rows(count, row_mass)
        return CalibrationRows(
            scores=scores,
            codes=(self.codes == code).astype(np.uint8),
            weight=self.weight if scale == 1 else scale * self.weight,
            class_count=scale * count,
            row_mass=scale * row_mass,
        )


def check_shape(scores, n_classes):
    """Return scores as float64: of shape (n,) for two classes, else (n, k)."""
    scores = np.asarray(scores, dtype=np.float64)
    shape = scores.shape
    if n_classes == 2:
        if scores.ndim == 2 and shape[1] == 1:
            scores = scores[:, 0]
        if scores.ndim != 1:
            raise ValueError(
                "scores of two classes must have shape (n_samples,): the log odds or "
                f"decision values of the second class; got shape {shape}. For two "
                "columns of log-probabilities, pass scores[:, 1] - scores[:, 0]. For "
                "two columns of probabilities, pass scores_from_proba(proba)."
            )
    elif scores.ndim != 2 or shape[1] != n_classes:
        raise ValueError(
            f"scores of {n_classes} classes must have shape (n_samples, {n_classes}), "
            f"one log-scale score per class in sorted order; got shape {shape}."
        )
    return scores


def check_finite(scores):
    """Return finite scores, clipped so that squares are finite; raise otherwise."""
    # An empty array is allowed. If a score is NaN, both comparisons are false.
    if scores.size == 0 or -_FAR <= scores.min() <= scores.max() <= _FAR:
        return scores
    finite = np.isfinite(scores)
    if not finite.all():
        n_rows = scores.shape[0]
        n_bad = int(np.count_nonzero(~finite.reshape(n_rows, -1).all(axis=1)))
        raise ValueError(
            f"scores must be finite; got NaN or infinity in {n_bad} of {n_rows} rows. "
            "The logarithm of a probability of exactly 0 is infinite: make scores by "
            "scores_from_proba(proba, clip=...), which clips probabilities."
        )
    return np.clip(scores, -_FAR, _FAR)


def resolve_classes(y, classes, *, owner):
    """Return the sorted classes and the position of every label of y among them."""
    y = check_labels(y, owner=owner)
    labels, codes = encode_labels(y)
    classes = check_classes(labels if classes is None else classes, owner=owner)
    if classes is not labels:
        position = {plain(label): i for i, label in enumerate(classes)}
        unknown = [label for label in labels if plain(label) not in position]
        if unknown:
            raise ValueError(
                f"{owner}: y holds the labels {say(unknown)}, which are not among the "
                f"classes {say(classes)}. Pass every label as classes=, with the same "
                "type as in y."
            )
        table = np.array([position[plain(label)] for label in labels], dtype=np.intp)
        # If every class occurs in y, no further look-up is needed.
        if table.shape[0] != classes.shape[0] or np.any(np.diff(table) != 1):
            codes = table[codes]
    return classes, codes


def check_classes(classes, *, owner):
    """Return classes as an array; require two or more, sorted and distinct."""
    classes = np.asarray(classes)
    if classes.ndim != 1 or not np.all(classes[1:] > classes[:-1]):
        raise ValueError(
            "classes must be a 1-dimensional array of distinct labels in sorted "
            f"order, as numpy.unique returns them; got {say(classes)}. The columns of "
            "scores must have the same order."
        )
    if classes.shape[0] < 2:
        raise ValueError(
            f"{owner} needs at least two classes; got {say(classes)}. If a class is "
            "missing in the calibration rows, pass the labels of all classes as "
            "classes=."
        )
    return classes


def check_class_multiplier(class_multiplier, classes, *, owner):
    """Return the multipliers as float64 of shape (n_classes,) after a check."""
    multiplier = np.asarray(class_multiplier, dtype=np.float64)
    if multiplier.shape != classes.shape:
        raise ValueError(
            f"{owner}: class_multiplier must have one entry for each of the classes "
            f"{say(classes)}, that is shape {classes.shape}; got shape "
            f"{multiplier.shape}."
        )
    usable = np.isfinite(multiplier) & (multiplier > 0)
    if not usable.all():
        raise ValueError(
            f"{owner}: class_multiplier must be positive and finite; got "
            f"{multiplier.tolist()} for the classes {say(classes)}. The multiplier of "
            "a class cannot be inverted if its training weight or its population "
            "weight is zero. Use SigmoidCalibrator, or leave the class out."
        )
    return multiplier


def count_rows(codes, n_classes):
    """Return the number of rows of every class as float64."""
    if n_classes == 2:
        positive = np.count_nonzero(codes)
        return np.array([codes.shape[0] - positive, positive], dtype=np.float64)
    return np.bincount(codes, minlength=n_classes).astype(np.float64)


def to_effective_rows(weight, codes, n_classes):
    """Return weights in effective rows; per class, the total and one row weight."""
    weight = weight / weight.max()  # sums of weights near the largest double overflow
    np.maximum(weight, _LIGHTEST, out=weight)
    mass, squares = np.zeros((2, n_classes))
    for start in range(0, codes.shape[0], BLOCK):
        part = weight[start : start + BLOCK]
        # Neighbouring rows are added to different sums, because bincount is slow if it
        # adds neighbouring rows to the same sum.
        lane_codes = codes[start : start + BLOCK] + n_classes * (
            np.arange(part.shape[0]) % _LANES
        )
        for total, values in ((mass, part), (squares, part * part)):
            lanes = np.bincount(lane_codes, values, _LANES * n_classes)
            total += lanes.reshape(_LANES, n_classes).sum(axis=0)
    scale, *counts = _effective_counts(mass, squares)
    weight *= scale
    return weight, *counts


def _effective_counts(mass, squares):
    """Return the scale of weights; per class, the total and the weight of a row."""
    row_mass = np.divide(squares, mass, out=np.ones(mass.size), where=mass > 0)
    scale = _scale_to_effective_rows(mass, row_mass)
    return scale, scale * mass, np.where(mass > 0, scale * row_mass, 1.0)


def _scale_to_effective_rows(mass, row_mass):
    """Return the constant c = N_k / W_k that converts weights into effective rows.

    W_k is the total weight of class k, and N_k is the effective number of its rows. The
    notes of `BaseCalibrator` give the equation for c.
    """
    present = mass > 0
    return (1 / mass[present]).sum() / (row_mass[present] / mass[present]).sum()
