"""The base class of the calibrators, with the checks of their input."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import has_fit_parameter

from skweight._utils.compat import Documented
from skweight._utils.validation import (
    check_labels,
    check_weights,
    encode_labels,
    plain,
    say,
)
from skweight._utils.warn import warn
from skweight.calibration._engine.logistic import standardise
from skweight.calibration._engine.numerics import Tails, centre_rows
from skweight.exceptions import CalibrationWarning

# Probabilities predicted at a time: temporary arrays stay in the processor's cache.
_BLOCK = 1 << 16

# Smallest positive weight, relative to the largest: smaller weights are raised to it,
# so that they still change a sum in floating point.
_LIGHTEST = 1e-13

# Partial sums of a weighted count, added at the end.
_LANES = 8

# Log odds are clipped to this size, so that their squares and their products with
# weights stay finite.
_FAR = 1e100


@dataclass(frozen=True)
class CalibrationRows:
    """The checked rows that a calibrator learns from; every weight is positive.

    Attributes
    ----------
    scores : ndarray of shape (n_rows,) or (n_rows, n_classes), dtype float64
        Log odds of the second class, or one log-scale score per class.
    codes : ndarray of shape (n_rows,)
        Position of every label among the classes.
    weight : ndarray of shape (n_rows,), dtype float64
        Population weights, scaled to effective rows; read-only where all are one.
    class_count : ndarray of shape (n_classes,), dtype float64
        Total of ``weight`` per class; zero for a class that is missing.
    row_mass : ndarray of shape (n_classes,), dtype float64
        Weight of one additional row of each class; 1 where all weights are equal.
    class_multiplier : ndarray of shape (n_classes,) or None
        What :func:`check_class_multiplier` returned, for calibrators that ask for it.
    """

    scores: np.ndarray
    codes: np.ndarray
    weight: np.ndarray
    class_count: np.ndarray
    row_mass: np.ndarray
    class_multiplier: np.ndarray | None = None

    @classmethod
    def of_masses(cls, scores, codes, mass, squares, n_classes, class_multiplier=None):
        """Return rows that may each be a sum of several rows, scaled to effective rows.

        ``mass`` and ``squares`` are the sums of the weights, and of the squared
        weights, of the rows that were added.
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
        """The bounds of the log odds that the rows of two classes can support."""
        return Tails.of(self.class_count, self.row_mass)

    def against_rest(self, code, scores):
        """Return the rows as two classes: all other classes, and ``code``."""
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


class BaseCalibrator(Documented, BaseEstimator):
    r"""Common base of the calibrators: maps log-scale scores to probabilities.

    Derive from this class to write a calibrator of your own. A subclass stores its
    parameters in ``__init__`` and defines four methods. This class checks labels of any
    type, weights, shapes and missing classes, and raises the errors.

    ``_fit_binary(rows)`` and ``_fit_multiclass(rows)``
        Learn from rows of positive weight: ``rows.scores``, of shape (n,) or (n, k);
        ``rows.codes``, the position of every label among ``classes_``; ``rows.weight``,
        scaled to effective rows; and ``rows.class_count``, the total weight per class.
    ``_predict_binary(scores)`` and ``_predict_multiclass(scores)``
        Return probabilities of shape (n, 2) or (n, k) for scores of shape (n,) or
        (n, k), strictly between 0 and 1.

    A calibrator that starts from the closed-form inversion overrides ``fit`` with the
    additional keyword ``class_multiplier`` and passes that keyword to ``_fit``.
    ``WeightedClassifier`` passes the keyword only to calibrators whose ``fit`` has it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted; the columns of ``predict_proba`` follow them.
    class_count_ : ndarray of shape (n_classes,)
        Effective number of calibration rows per class.

    See Also
    --------
    SigmoidCalibrator : An affine map of the log odds.
    IsotonicCalibrator : Any increasing map.

    Notes
    -----
    Weights are rescaled to effective rows. Only the ratios of weights matter then, and
    every use of a row count (target smoothing, bounds, ridge) reflects the information
    in the rows. With :math:`W_k` the total weight of class k, and
    :math:`n_k = W_k^2 / \sum_{i \in k} w_i^2` its effective sample size after Kish,
    the counts are :math:`N_k = c\, W_k`, where

    .. math:: \sum_k 1 / N_k = \sum_k 1 / n_k,

    so that the class frequencies have the precision of a sample with :math:`N_k`
    unweighted rows of class k. For two classes the sum is the variance of the log odds
    of the frequency. Weights that do not depend on the label give Kish's effective
    sample size of all rows. Where the weights depend on the class, as in a case-control
    sample, 1000 rows of a rare class still count as hundreds, although the other class
    has a much larger total weight. A class in which one row has nearly all of the
    weight counts as one row. Positive weights below 1e-13 of the largest are raised to
    that.

    References
    ----------
    .. [1] L. Kish, "Survey Sampling", Wiley, 1965, section 11.7.

    Examples
    --------
    A calibrator that ignores the scores and predicts the class frequencies:

    >>> import numpy as np
    >>> from skweight.calibration import BaseCalibrator
    >>> class FrequencyCalibrator(BaseCalibrator):
    ...     def _fit_binary(self, rows):
    ...         self.frequency_ = (rows.class_count + 1) / (rows.class_count.sum() + 2)
    ...
    ...     def _predict_binary(self, scores):
    ...         return np.tile(self.frequency_, (scores.shape[0], 1))
    >>> frequency = FrequencyCalibrator().fit([0.3, -1.0, 2.0], ["no", "no", "yes"])
    >>> frequency.predict_proba([0.5])
    array([[0.6, 0.4]])
    """

    # Whether the scores must come from rows that the model was not fitted on. Where
    # this is False no additional fits are made for the calibrator.
    needs_held_out_scores = True

    # Whether binned sums of the scores are enough for the fit, and whether only the
    # order of the scores matters, so that each bin has one score.
    _learns_from_sums = True
    _learns_from_ranks = False

    # Scores take the place of X, so they are not metadata that can be routed.
    __metadata_request__fit: ClassVar = {"scores": UNUSED}
    __metadata_request__predict_proba: ClassVar = {"scores": UNUSED}

    def fit(self, scores, y, sample_weight=None, *, classes=None):
        """Learn the map from scores to probabilities.

        Parameters
        ----------
        scores : array-like of shape (n_samples,), (n_samples, 1) or \
                (n_samples, n_classes)
            Log-scale scores of rows that the model has not been fitted on. Two
            classes: log odds or decision values of the second class. More: one
            log-probability or decision value per class, in the order of the classes.
            ``scores_from_proba`` makes them from probabilities.
        y : array-like of shape (n_samples,)
            Labels of those rows, of any type.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights: how many rows of the population a row stands for. Only
            their ratios matter; rows of weight zero are as if removed. Never pass
            weights that emphasise a class: the probabilities would be those of a
            population in which that class is as frequent as its weight. None weights
            all rows equally.
        classes : array-like of shape (n_classes,), default=None
            All labels, sorted as by ``numpy.unique``, where the rows may lack some.
            None takes the labels of ``y``, those of zero-weight rows included.

        Returns
        -------
        self : object
            The fitted calibrator.

        Raises
        ------
        ValueError
            If scores are not finite or of the wrong shape, a label is not among
            ``classes``, there are fewer than two classes, a weight is negative, NaN
            or infinite, all weights are zero, or a parameter is out of its range.

        Warns
        -----
        CalibrationWarning
            If a class has no row of positive weight.
        CalibrationWarning
            If the scores do not rank the classes in the direction they should.
        """
        return self._fit(scores, y, sample_weight, classes)

    def fit_statistics(self, statistics, *, class_multiplier=None):
        """Learn the map from binned sums of scores, for data larger than memory.

        Parameters
        ----------
        statistics : ScoreStatistics
            Sums over held-out rows of two classes. They include what effective rows are
            computed from, so binning does not change the effective number of rows.
        class_multiplier : array-like of shape (n_classes,), default=None
            Training mass of each class over its population mass, for calibrators
            whose ``fit`` takes it.

        Returns
        -------
        self : object
            The fitted calibrator.

        Raises
        ------
        TypeError
            If this calibrator needs the rows themselves, or `class_multiplier` is
            passed and its ``fit`` does not take it.

        Warns
        -----
        CalibrationWarning
            If a class has no row of positive weight, or the scores do not rank the
            classes in the direction they should.
        """
        owner = type(self).__name__
        if not self._learns_from_sums:
            raise TypeError(
                f"{owner} needs single rows; got sums in bins. Fit it on a sample of "
                "rows, or fit AnchoredCalibrator or IsotonicCalibrator on the sums."
            )
        if not hasattr(statistics, "binned"):
            raise TypeError(
                f"{owner}.fit_statistics takes ScoreStatistics; got "
                f"{type(statistics).__name__}."
            )
        if class_multiplier is not None:
            if not has_fit_parameter(self, "class_multiplier"):
                raise TypeError(
                    f"{owner} takes no class_multiplier. Leave it out, or use a "
                    "calibrator that inverts weights, such as AnchoredCalibrator."
                )
            class_multiplier = check_class_multiplier(
                class_multiplier, statistics.classes_, owner=owner
            )
        self._check_parameters()
        binned = statistics.binned(shared=self._learns_from_ranks)
        rows = CalibrationRows.of_masses(
            _check_finite(binned.scores),
            binned.codes,
            binned.mass,
            binned.squares,
            2,
            class_multiplier,
        )
        return self._fit_rows(rows, statistics.classes_)

    def predict_proba(self, scores):
        """Return calibrated probabilities.

        Parameters
        ----------
        scores : array-like of shape (n_samples,), (n_samples, 1) or \
                (n_samples, n_classes)
            Scores of the same kind as in ``fit``.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes), dtype float64
            Probabilities strictly between 0 and 1; rows sum to 1. Columns follow
            ``classes_``.
        """
        scores = self._check_scores(scores)
        predict = self._predict_binary if scores.ndim == 1 else self._predict_multiclass
        n_rows, n_classes = scores.shape[0], self.classes_.shape[0]
        size = max(1, _BLOCK // n_classes)
        if n_rows <= size:
            return np.ascontiguousarray(predict(scores))
        proba = np.empty((n_rows, n_classes))
        for start in range(0, n_rows, size):
            part = slice(start, start + size)
            proba[part] = predict(scores[part])
        return proba

    def _check_scores(self, scores):
        """Return scores to predict for, of shape (n,) for two classes."""
        try:
            n_classes = self.classes_.shape[0]
        except AttributeError:
            # The AttributeError is suppressed: it tells the reader nothing more.
            raise NotFittedError(
                f"This {type(self).__name__} is not fitted yet. Call fit(scores, y) "
                "with scores of held-out rows first."
            ) from None
        return _check_finite(_check_shape(scores, n_classes))

    def _fit(self, scores, y, sample_weight, classes, class_multiplier=None):
        owner = type(self).__name__
        classes, codes = resolve_classes(y, classes, owner=owner)
        n_rows, n_classes = codes.shape[0], classes.shape[0]
        scores = _check_shape(scores, n_classes)
        if scores.shape[0] != n_rows:
            raise ValueError(
                f"scores and y must describe the same rows; got {scores.shape[0]} "
                f"scores and {n_rows} labels."
            )
        if sample_weight is None:
            # Broadcast from one number, by which fits recognise equal weights.
            weight = np.broadcast_to(np.float64(1.0), n_rows)
            counts = count_rows(codes, n_classes), np.ones(n_classes)
        else:
            weight = check_weights(sample_weight, n_rows)
            counted = weight > 0
            if not counted.all():
                weight, scores, codes = weight[counted], scores[counted], codes[counted]
            weight, *counts = to_effective_rows(weight, codes, n_classes)
        rows = CalibrationRows(
            scores=_check_finite(scores),
            codes=codes,
            weight=weight,
            class_count=counts[0],
            row_mass=counts[1],
            class_multiplier=None
            if class_multiplier is None
            else check_class_multiplier(class_multiplier, classes, owner=owner),
        )
        return self._fit_rows(rows, classes)

    def _check_parameters(self):
        """Raise if a parameter is out of its range; overridden by subclasses."""

    def _fit_rows(self, rows, classes):
        self.classes_ = classes
        self.class_count_ = rows.class_count
        self._warn_of_missing_classes()
        if classes.shape[0] == 2:
            self._fit_binary(rows)
        else:
            self._fit_multiclass(rows)
        return self

    def _warn_of_missing_classes(self):
        missing = self.classes_[self.class_count_ == 0]
        if missing.shape[0]:
            warn(
                f"{type(self).__name__}: no calibration row of positive weight has "
                f"the label {say(missing)}, so the frequency of that class is not "
                f"known. The other classes have {self.class_count_.sum():.1f} "
                "effective rows in total. Calibrate on more rows, or with fewer folds.",
                CalibrationWarning,
            )

    def _fit_binary(self, rows):
        raise NotImplementedError(f"{type(self).__name__} must define _fit_binary.")

    def _fit_multiclass(self, rows):
        raise NotImplementedError(
            f"{type(self).__name__} calibrates two classes only; got "
            f"{self.classes_.shape[0]} classes. Use TemperatureCalibrator."
        )

    def _predict_binary(self, scores):
        raise NotImplementedError(f"{type(self).__name__} must define _predict_binary.")

    def _predict_multiclass(self, scores):
        raise NotImplementedError(
            f"{type(self).__name__} must define _predict_multiclass."
        )

    @classmethod
    def _instances(cls, labels):
        """Return instances for the common tests, which use these labels."""
        return [] if cls is BaseCalibrator else [cls()]


def warn_reversed(
    calibrator, rows, consequence, *, scores=None, among=None, slope=None
):
    """Warn that the held-out scores do not rank the classes in the right direction.

    Parameters
    ----------
    calibrator : BaseCalibrator
        The calibrator that warns.
    rows : CalibrationRows
        The rows of its fit. There is no warning if they are of a single class.
    consequence : str
        What the calibrator does instead.
    scores : ndarray of shape (n_rows, n_classes), default=None
        Scores that ranked the rows; None takes ``rows.scores``.
    among : ndarray of int, default=None
        Positions of the classes that may be named in the warning; None allows all.
    slope : ndarray of shape (n_classes,), default=None
        The fitted slope of every class, if some are not positive. None compares the
        mean score of each class with that of the other rows.
    """
    present = np.flatnonzero(rows.class_count)
    if present.size < 2:
        return
    if slope is None:
        if scores is None:
            # A constant added to all scores of a row has no information about its
            # class.
            scores = rows.scores if rows.scores.ndim == 1 else centre_rows(rows.scores)
        distance, worst = _lowest(rows, scores, present if among is None else among)
        lower = distance <= 0
        figure = (
            f"score {'' if lower else 'only '}{abs(distance):.2f} standard deviations "
            f"{'lower' if lower else 'higher'} than the others on average"
        )
    else:
        worst = present[slope[present].argmin()]
        if slope[worst] > 0:
            return
        figure = f"would need a slope of {slope[worst]:.2g}"
    label = plain(calibrator.classes_[worst])
    warn(
        f"{type(calibrator).__name__}: on the calibration rows a higher score does not "
        f"go with a higher frequency of its class (rows of class {label!r} {figure}), "
        f"so {consequence}. Check that the scores are of rows that the model was not "
        "fitted on, and that their columns follow the sorted labels.",
        CalibrationWarning,
    )


def _lowest(rows, scores, among):
    """Return the smallest difference of mean scores between a class and the others.

    Weighted means are compared, in weighted standard deviations of the score. The
    position of the class is returned too. A single score belongs to the second class.
    """
    distances = []
    for code in [1] if scores.ndim == 1 else among:
        column = scores if scores.ndim == 1 else scores[:, code]
        u = standardise(column, rows.weight)(column)
        in_class = rows.codes == code
        class_mean, other_mean = (
            np.average(u[part], weights=rows.weight[part])
            for part in (in_class, ~in_class)
        )
        distances.append((class_mean - other_mean, code))
    return min(distances)


def _check_shape(scores, n_classes):
    """Return scores as float64 of shape (n,) for two classes, (n, k) for more."""
    scores = np.asarray(scores, dtype=np.float64)
    shape = scores.shape
    if n_classes == 2:
        if scores.ndim == 2 and shape[1] == 1:
            scores = scores[:, 0]
        if scores.ndim != 1:
            raise ValueError(
                "scores of two classes must have shape (n_samples,), the log odds or "
                f"decision values of the second class; got shape {shape}. Two columns "
                "of log-probabilities become one score as scores[:, 1] - scores[:, 0], "
                "two columns of probabilities by scores_from_proba."
            )
    elif scores.ndim != 2 or shape[1] != n_classes:
        raise ValueError(
            f"scores of {n_classes} classes must have shape (n_samples, {n_classes}), "
            f"one log-scale score per class in sorted order; got shape {shape}."
        )
    return scores


def _check_finite(scores):
    """Return scores whose squares are finite as well; infinite ones raise."""
    # True for no rows as well; comparisons with NaN are false.
    if scores.size == 0 or -_FAR <= scores.min() <= scores.max() <= _FAR:
        return scores
    finite = np.isfinite(scores)
    if not finite.all():
        n_rows = scores.shape[0]
        n_bad = int(np.count_nonzero(~finite.reshape(n_rows, -1).all(axis=1)))
        raise ValueError(
            f"scores must be finite; got NaN or infinity in {n_bad} of {n_rows} "
            "rows. The logarithm of a probability of exactly 0 is infinite: make "
            "scores by scores_from_proba(proba, clip=...), which clips."
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
        # If every class occurs in y, the codes are right already.
        if table.shape[0] != classes.shape[0] or np.any(np.diff(table) != 1):
            codes = table[codes]
    return classes, codes


def check_classes(classes, *, owner):
    """Return classes as an array if they are sorted, distinct and more than one."""
    classes = np.asarray(classes)
    if classes.ndim != 1 or not np.array_equal(np.unique(classes), classes):
        raise ValueError(
            "classes must be a 1-dimensional array of distinct labels in sorted order, "
            f"as numpy.unique returns them; got {say(classes)}. The columns of "
            "scores follow that order."
        )
    if classes.shape[0] < 2:
        raise ValueError(
            f"{owner} needs at least two classes; got {say(classes)}. If the "
            "calibration rows lack a class, name all of them as classes=."
        )
    return classes


def check_class_multiplier(class_multiplier, classes, *, owner):
    """Return the multipliers as float64 of shape (n_classes,) if all are usable."""
    multiplier = np.asarray(class_multiplier, dtype=np.float64)
    if multiplier.shape != classes.shape:
        raise ValueError(
            f"{owner}: class_multiplier must have one entry for each of the classes "
            f"{say(classes)}, so shape {classes.shape}; got shape {multiplier.shape}."
        )
    usable = np.isfinite(multiplier) & (multiplier > 0)
    if not usable.all():
        raise ValueError(
            f"{owner}: class_multiplier must be positive and finite; got "
            f"{multiplier.tolist()} for the classes {say(classes)}. A class "
            "without training or population mass cannot be inverted: use "
            "SigmoidCalibrator, or leave the class out."
        )
    return multiplier


def count_rows(codes, n_classes):
    """Return the number of rows of every class as float64."""
    if n_classes == 2:
        positive = np.count_nonzero(codes)
        return np.array([codes.shape[0] - positive, positive], dtype=np.float64)
    return np.bincount(codes, minlength=n_classes).astype(np.float64)


def to_effective_rows(weight, codes, n_classes):
    """Return weights as effective rows, and by class: their total, one row's weight."""
    weight = weight / weight.max()  # sums of weights near the largest double overflow
    np.maximum(weight, _LIGHTEST, out=weight)
    mass, squares = np.zeros((2, n_classes))
    for start in range(0, codes.shape[0], _BLOCK):
        part = weight[start : start + _BLOCK]
        # Neighbouring rows go to different sums: bincount is slow if they share one.
        lane_codes = codes[start : start + _BLOCK] + n_classes * (
            np.arange(part.shape[0]) % _LANES
        )
        for total, values in ((mass, part), (squares, part * part)):
            lanes = np.bincount(lane_codes, values, _LANES * n_classes)
            total += lanes.reshape(_LANES, n_classes).sum(axis=0)
    scale, *counts = _effective_counts(mass, squares)
    weight *= scale
    return weight, *counts


def _effective_counts(mass, squares):
    """Return the scale to effective rows, and by class: total, one row's weight."""
    row_mass = np.divide(squares, mass, out=np.ones(mass.size), where=mass > 0)
    scale = _scale_to_effective_rows(mass, row_mass)
    return scale, scale * mass, np.where(mass > 0, scale * row_mass, 1.0)


def _scale_to_effective_rows(mass, row_mass):
    """Return the factor from total weights to the counts N_k of `BaseCalibrator`.

    See the notes of that class for the equation that the factor solves.
    """
    present = mass > 0
    return (1 / mass[present]).sum() / (row_mass[present] / mass[present]).sum()
