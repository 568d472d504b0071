"""The base class of the calibrators."""

from typing import ClassVar

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.metadata_routing import UNUSED

from skweight._utils.compat import Documented
from skweight._utils.lookup import ReadOnce, fit_takes
from skweight._utils.validation import check_weights, plain, say
from skweight._utils.warn import warn
from skweight.calibration._engine.logistic import standardise
from skweight.calibration._engine.numerics import centre_rows
from skweight.calibration._rows import (
    BLOCK,
    CalibrationRows,
    check_class_multiplier,
    check_finite,
    check_shape,
    count_rows,
    resolve_classes,
    to_effective_rows,
)
from skweight.exceptions import CalibrationWarning


class BaseCalibrator(Documented, ReadOnce):
    r"""Base class of the calibrators, which map log-scale scores to probabilities.

    Derive from this class to write a calibrator of your own. A subclass stores its
    parameters in ``__init__`` and defines four methods. This class checks labels of any
    type, weights, shapes and missing classes, and raises the errors.

    ``_fit_binary(rows)`` and ``_fit_multiclass(rows)``
        Learn from rows of positive weight. ``rows.scores`` has the shape (n,) or (n,
        k). ``rows.codes`` holds, for every row, the position of the label in
        ``classes_``. ``rows.weight`` is scaled to effective rows (Kish's sample size).
        ``rows.class_count`` is the total weight per class.
    ``_predict_binary(scores)`` and ``_predict_multiclass(scores)``
        Return probabilities, strictly between 0 and 1. The shape is (n, 2) for scores
        of shape (n,), and (n, k) for scores of shape (n, k).

    Some calibrators first undo the effect of the training weights by a formula. The
    ``fit`` method of these calibrators has an additional keyword, ``class_multiplier``,
    and passes the keyword on to ``_fit``. ``WeightedClassifier`` passes the keyword
    only to calibrators whose ``fit`` accepts it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels, in the order of the columns of ``predict_proba``.
    class_count_ : ndarray of shape (n_classes,)
        Effective number of calibration rows per class.

    See Also
    --------
    SigmoidCalibrator : An affine map of the log odds.
    IsotonicCalibrator : Any increasing map.

    Notes
    -----
    Weights are rescaled to effective rows. Therefore only the ratios of weights matter.
    The smoothed targets, the limits of the probabilities and the ridge penalties use
    the effective number of rows, because this number measures how much information the
    rows contain. Let :math:`W_k` be the total weight of class k, and :math:`n_k = W_k^2
    / \sum_{i \in k} w_i^2` Kish's effective sample size of the class. The effective
    numbers of rows are :math:`N_k = c\, W_k`, where

    .. math:: \sum_k 1 / N_k = \sum_k 1 / n_k,

    so that the class frequencies have the precision of a sample with :math:`N_k`
    unweighted rows of class k. For two classes, the sum in the formula is the variance
    of the log odds of the frequency. If the weights do not depend on the label, the
    numbers :math:`N_k` add up to Kish's effective sample size of all rows. If the
    weights depend on the class, as in a case-control sample, the frequent class can
    have a much larger total weight than the rare class. Even then, 1000 rows of the
    rare class count as hundreds of effective rows. If one row has nearly all of the
    weight of its class, the class counts as one row. Positive weights below 1e-13 times
    the largest weight are raised to 1e-13 times the largest weight.

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

    # Whether the scores must come from held-out rows, which were not used to fit the
    # model. If False, no additional fits are made for the calibrator.
    needs_held_out_scores = True

    # _learns_from_sums is true if binned sums of the scores are enough for the fit.
    # _learns_from_ranks is true if only the order of the scores matters. In that case,
    # one score represents each bin.
    _learns_from_sums = True
    _learns_from_ranks = False

    # ``scores`` takes the place of X. Therefore metadata routing must not treat
    # ``scores`` as metadata.
    __metadata_request__fit: ClassVar = {"scores": UNUSED}
    __metadata_request__predict_proba: ClassVar = {"scores": UNUSED}

    def fit(self, scores, y, sample_weight=None, *, classes=None):
        """Learn the map from scores to probabilities.

        Parameters
        ----------
        scores : array-like of shape (n_samples,), (n_samples, 1) or \
                (n_samples, n_classes)
            Log-scale scores of held-out rows, which were not used to fit the model. For
            two classes: log odds or decision values of the second class. For more
            classes: one log-probability or decision value per class, in the order of
            the classes. ``scores_from_proba`` computes scores from probabilities.
        y : array-like of shape (n_samples,)
            Labels of the rows, of any type.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights: how many rows of the population a row stands for. Only
            their ratios matter; rows of weight zero are ignored. Never pass class
            weights: with them, the probabilities would be right only for a population
            in which the classes with large weights are more frequent. None weights all
            rows equally.
        classes : array-like of shape (n_classes,), default=None
            All labels, sorted as by ``numpy.unique``. Pass them if some labels may be
            missing in ``y``. None takes the labels of ``y``, including labels of rows
            with zero weight.

        Returns
        -------
        self : object
            The fitted calibrator.

        Raises
        ------
        ValueError
            Scores must be finite and have the right shape. Every label must be among
            ``classes``, and there must be at least two classes. Weights must be finite
            and not negative, and at least one weight must be positive. Every parameter
            must be in its range. Otherwise, this error is raised.

        Warns
        -----
        CalibrationWarning
            If a class has no row of positive weight.
        CalibrationWarning
            If the scores rank the classes in the wrong direction.
        """
        return self._fit(scores, y, sample_weight, classes)

    def fit_statistics(self, statistics, *, class_multiplier=None):
        """Learn the map from binned sums of scores, for data larger than memory.

        Parameters
        ----------
        statistics : ScoreStatistics
            Sums over bins of the scores of held-out rows, for two classes. The sums
            include the squared weights. Therefore binning does not change the effective
            number of rows.
        class_multiplier : array-like of shape (n_classes,), default=None
            Total training weight of each class divided by its total population weight.
            Pass it only to calibrators whose ``fit`` has this parameter.

        Returns
        -------
        self : object
            The fitted calibrator.

        Raises
        ------
        TypeError
            If this calibrator needs the rows themselves, or `class_multiplier` is
            passed and ``fit`` does not have this parameter.

        Warns
        -----
        CalibrationWarning
            If a class has no row of positive weight, or the scores rank the classes in
            the wrong direction.
        """
        owner = type(self).__name__
        if not self._learns_from_sums:
            raise TypeError(
                f"{owner} needs single rows, but got sums of binned scores. Fit it on "
                "a sample of rows, or fit AnchoredCalibrator or IsotonicCalibrator "
                "on the sums."
            )
        if not hasattr(statistics, "binned"):
            raise TypeError(
                f"{owner}.fit_statistics takes ScoreStatistics; got "
                f"{type(statistics).__name__}."
            )
        if class_multiplier is not None:
            if not fit_takes(self, "class_multiplier"):
                raise TypeError(
                    f"{owner} takes no class_multiplier. Do not pass it, or use a "
                    "calibrator that inverts weights, such as AnchoredCalibrator."
                )
            class_multiplier = check_class_multiplier(
                class_multiplier, statistics.classes_, owner=owner
            )
        self._check_parameters()
        binned = statistics.binned(shared=self._learns_from_ranks)
        rows = CalibrationRows.of_masses(
            check_finite(binned.scores),
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
        size = max(1, BLOCK // n_classes)
        if n_rows <= size:
            return np.ascontiguousarray(predict(scores))
        proba = np.empty((n_rows, n_classes))
        for start in range(0, n_rows, size):
            part = slice(start, start + size)
            proba[part] = predict(scores[part])
        return proba

    def _check_scores(self, scores):
        """Check the scores of a prediction; return them, as (n,) for two classes."""
        try:
            n_classes = self.classes_.shape[0]
        except AttributeError:
            # The AttributeError is hidden, because its message names a private
            # attribute, which users do not know.
            raise NotFittedError(
                f"This {type(self).__name__} is not fitted yet. Call fit(scores, y) "
                "with scores of held-out rows first."
            ) from None
        return check_finite(check_shape(scores, n_classes))

    def _fit(self, scores, y, sample_weight, classes, class_multiplier=None):
        owner = type(self).__name__
        classes, codes = resolve_classes(y, classes, owner=owner)
        n_rows, n_classes = codes.shape[0], classes.shape[0]
        scores = check_shape(scores, n_classes)
        if scores.shape[0] != n_rows:
            raise ValueError(
                f"scores and y must describe the same rows; got {scores.shape[0]} "
                f"scores and {n_rows} labels."
            )
        if sample_weight is None:
            # If all weights are equal, one number is stored and broadcast to all rows.
            # From this form, the fits recognise that the weights are equal.
            weight = np.broadcast_to(np.float64(1.0), n_rows)
            counts = count_rows(codes, n_classes), np.ones(n_classes)
        else:
            weight = check_weights(sample_weight, n_rows)
            counted = weight > 0
            if not counted.all():
                weight, scores, codes = weight[counted], scores[counted], codes[counted]
            weight, *counts = to_effective_rows(weight, codes, n_classes)
        rows = CalibrationRows(
            scores=check_finite(scores),
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
        """Raise if a parameter is out of its range. Subclasses override this method."""

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
        """Return calibrators for the shared tests, for the classes ``labels``."""
        return [] if cls is BaseCalibrator else [cls()]


def warn_reversed(
    calibrator, rows, consequence, *, scores=None, among=None, slope=None
):
    """Warn that, on held-out rows, a class is not more frequent at higher scores.

    Parameters
    ----------
    calibrator : BaseCalibrator
        The calibrator that warns.
    rows : CalibrationRows
        The rows of the fit. There is no warning if all rows have the same class.
    consequence : str
        A clause of the message that says what the calibrator returns in this case.
    scores : ndarray of shape (n_rows, n_classes), default=None
        The scores to judge; None takes ``rows.scores``.
    among : ndarray of int, default=None
        Positions of the classes that may be named in the warning; None allows all.
    slope : ndarray of shape (n_classes,), default=None
        The fitted slopes of the classes, if some slopes are not positive. None compares
        the mean score of the rows of each class with the mean score of the remaining
        rows.
    """
    present = np.flatnonzero(rows.class_count)
    if present.size < 2:
        return
    if slope is None:
        if scores is None:
            # If a constant is added to all scores of a row, the scores contain no more
            # information about the class of the row.
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
        f"{type(calibrator).__name__}: on the calibration rows, a class is not more "
        f"frequent where its score is higher: rows of class {label!r} {figure}. "
        f"Therefore {consequence}. Check that the model was not fitted on these rows, "
        "and that the columns of the scores follow the sorted labels.",
        CalibrationWarning,
    )


def _lowest(rows, scores, among):
    """Return the smallest difference of mean scores between a class and all other rows.

    The means are weighted means. The unit of the difference is the weighted standard
    deviation of the score. The function also returns the position of the class with the
    smallest difference. If each row has only one score, this score belongs to the
    second class.
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
