"""Sums of scores in bins, for calibrators and metrics."""

from typing import NamedTuple

import numpy as np

from skweight._utils.sums import Sums, check_one_kind, chunk_weights
from skweight._utils.validation import check_number, n_rows, plain, say
from skweight._utils.warn import warn
from skweight.exceptions import CalibrationWarning
from skweight.scale import _figures as figures
from skweight.scale._labels import encode

# Rows of a block: temporary arrays stay in the processor's cache.
_BLOCK = 1 << 15
# Number of bins in a block; empty blocks are not stored.
_PER_BLOCK = 64
# Sums of rows, weights, squared weights, and weights times scores.
_N_SUMS = 4
# Share of the weight outside the bins above which a warning is issued.
_MOST_BEYOND = 0.01
# Block number that records a label, even if all its rows have weight zero.
_SEEN = -1


class BinnedScores(NamedTuple):
    """The non-empty pairs of bin and class, as weighted rows.

    Attributes
    ----------
    scores : ndarray of shape (n_used,)
        Weighted mean score of the rows.
    codes : ndarray of shape (n_used,)
        Position of their class.
    bins : ndarray of shape (n_used,)
        Position of the bin, increasing with the score.
    n_rows, mass, squares : ndarray of shape (n_used,)
        Number of rows of positive weight, sum of weights, sum of squared weights.
    """

    scores: np.ndarray
    codes: np.ndarray
    bins: np.ndarray
    n_rows: np.ndarray
    mass: np.ndarray
    squares: np.ndarray


class ScoreStatistics(Sums):
    r"""Sum the scores of two classes in bins, chunk by chunk.

    Calibrators are fitted on these sums by ``fit_statistics``, instead of the rows. The
    methods of the object return metrics without a further pass. For every bin of the
    log odds and every class, it stores the number of rows, :math:`\sum w`, :math:`\sum
    w^2` and :math:`\sum w z`. Effective rows are therefore exact, and the score of a
    bin is the mean of its scores. The size is a few hundred kilobytes, for any number
    of rows.

    The scores must come from rows that the model was not fitted on (see
    :func:`hash_folds`). The weights must be population weights.

    Parameters
    ----------
    bins : int, default=4000
        Number of bins of equal width. The error of a calibrated probability decreases
        with the square of this number: about 1e-6 for the default, but 0.02 at the
        steps of an isotonic curve.
    limit : float, default=20.0
        The bins cover scores from ``-limit`` to ``limit``. Scores outside are added to
        two outer bins; the score of an outer bin is the mean of its scores. Raise it
        for scores that are not log odds.
    classes : array-like of shape (2,), default=None
        Both labels, sorted; other labels are an error. None takes the labels of the
        rows.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    mass_ : ndarray of shape (n_classes,)
        Total weight of each class.
    n_rows_ : int
        Number of rows of positive weight.
    prevalence_ : float
        Share of the second class in the weight.
    share_beyond_ : float
        Share of the weight with scores outside ``[-limit, limit]``.
    keys : set
        Partitions that have been counted.

    Warns
    -----
    CalibrationWarning
        When the sums are used, if more than 1 % of the weight is outside the bins.

    See Also
    --------
    ClassMasses : For strategies.
    PiecewiseMap : Applies the fitted calibrator in an engine.

    Notes
    -----
    The time is O(n). For three or more classes, use one object for each class against
    the rest, with the log odds of the class and ``y == label``, and divide the
    calibrated probabilities by their sum. Alternatively, fit a calibrator in memory on
    a sample with a fixed number of rows per class. Its ``sample_weight`` is the weight
    of the class divided by its number of sampled rows.

    References
    ----------
    .. [1] L. Kish, "Survey Sampling", Wiley, 1965, section 11.7.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.calibration import SigmoidCalibrator
    >>> from skweight.scale import ScoreStatistics
    >>> rng = np.random.default_rng(0)
    >>> logit = rng.normal(-3, 1.5, size=20_000)
    >>> y = rng.random(20_000) < 1 / (1 + np.exp(-logit))
    >>> scores = logit + np.log(9)  # of a model with weight 9 for the rare class
    >>> statistics = ScoreStatistics()
    >>> for start in range(0, 20_000, 5000):
    ...     part = slice(start, start + 5000)
    ...     _ = statistics.update(scores[part], y[part])
    >>> calibrator = SigmoidCalibrator().fit_statistics(statistics)
    >>> round(calibrator.intercept_, 2)  # log(9) is 2.2
    -2.17
    >>> round(statistics.auc(), 3), round(statistics.log_loss(calibrator), 3)
    (0.835, 0.249)
    """

    _takes = ("score", "y")
    _alike = ("bins", "limit", "classes")

    def __init__(self, bins=4000, *, limit=20.0, classes=None):
        super().__init__()
        check_number(bins, name="bins", low=10)
        check_number(limit, name="limit", low=0, include="neither")
        self.bins = int(bins)
        self.limit = float(limit)
        self.classes = None if classes is None else _two(classes)

    def update(self, scores, y, sample_weight=None, *, key=None):
        """Count the rows of a chunk.

        Parameters
        ----------
        scores : array-like of shape (n_samples,)
            Log odds or decision values of the second class, in sorted order.
        y : array-like of shape (n_samples,)
            Labels; may be empty, or of one class only.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights. Never weights that emphasise a class.
        key : hashable, default=None
            Key of the partition, if the chunk is a whole partition. A second chunk with
            the same key replaces the first. None adds the chunk.

        Returns
        -------
        self : object
            The statistics.

        Raises
        ------
        ValueError
            If scores are not finite, weights are negative or not finite, lengths
            differ, or there is a third label. The sums then do not change.
        TypeError
            If labels have another type than the labels so far.
        """
        scores = _check_scores(scores)
        n_labels = n_rows(y, "y")
        if n_labels != scores.shape[0]:
            raise ValueError(
                f"scores and y must describe the same rows; got {scores.shape[0]} "
                f"scores and {n_labels} labels."
            )
        if n_labels == 0:
            return self._take({}, key)
        labels, codes = encode(y, owner="ScoreStatistics")
        self._agree((label, _SEEN) for label in labels)
        weight = chunk_weights(sample_weight, n_labels)
        if weight is not None and not weight.all():
            counted = weight > 0
            scores, codes, weight = scores[counted], codes[counted], weight[counted]
        sums = self._sum(scores, codes, weight, len(labels))
        return self._take(_in_blocks(sums, labels), key)

    def _sum(self, scores, codes, weight, n_classes):
        """Return sums of shape (n_classes, _N_SUMS, bins + 2)."""
        n_cells = (self.bins + 2) * n_classes
        per_score = self.bins / (2 * self.limit)
        sums = np.zeros((_N_SUMS, n_cells))
        for start in range(0, scores.shape[0], _BLOCK):
            part = slice(start, start + _BLOCK)
            z = scores[part].astype(np.float64)
            cell = z + self.limit
            cell *= per_score
            # The first and the last bin hold scores outside the limit.
            cell += 1
            cell.clip(0, self.bins + 1, out=cell)
            cell = cell.astype(np.intp)
            if n_classes > 1:
                cell *= n_classes
                cell += codes[part]
            sums[0] += np.bincount(cell, minlength=n_cells)
            if weight is not None:
                w = weight[part]
                sums[1] += np.bincount(cell, w, n_cells)
                z *= w
                sums[2] += np.bincount(cell, w * w, n_cells)
            sums[3] += np.bincount(cell, z, n_cells)
        if weight is None:
            sums[1] = sums[2] = sums[0]
        return sums.reshape(_N_SUMS, self.bins + 2, n_classes).transpose(2, 0, 1)

    @property
    def classes_(self):
        """Labels, sorted."""
        if self.classes is not None:
            return self.classes
        return np.array(sorted({label for label, _ in self._all_labels()}))

    @property
    def mass_(self):
        """Total weight of each class."""
        return self._dense()[:, 1].sum(axis=1)

    @property
    def n_rows_(self):
        """Number of rows of positive weight."""
        return int(self._dense()[:, 0].sum())

    @property
    def prevalence_(self):
        """Share of the second class in the weight."""
        mass = self._two_classes()[:, 1].sum(axis=1)
        return float(mass[1] / mass.sum())

    @property
    def share_beyond_(self):
        """Share of the weight with scores outside ``[-limit, limit]``."""
        mass = self._dense()[:, 1]
        return float(mass[:, [0, -1]].sum() / max(mass.sum(), 1e-300))

    def binned(self, *, shared=False):
        """Return the non-empty bins as weighted rows.

        Parameters
        ----------
        shared : bool, default=False
            Whether both classes of a bin have the same score, the mean over all rows of
            the bin, as needed for rankings. False uses the mean of each class.

        Returns
        -------
        binned : BinnedScores
            Sorted by bin, then by class.
        """
        dense = self._two_classes()
        beyond = self.share_beyond_
        if beyond > _MOST_BEYOND:
            warn(
                f"{beyond:.1%} of the weight has scores outside the limit of "
                f"{self.limit:g}, which share two outer bins. Log odds are rarely so "
                "large. For scores that are not log odds, use a larger limit: "
                "ScoreStatistics(limit=...).",
                CalibrationWarning,
            )
        bins, codes = np.nonzero(dense[:, 1].T > 0)
        count, mass, squares, weighted = dense[codes, :, bins].T
        if shared:
            total = dense.sum(axis=0)
            scores = total[3, bins] / total[1, bins]
        else:
            scores = weighted / mass
        return BinnedScores(scores, codes, bins, count, mass, squares)

    # -- figures -----------------------------------------------------------------------

    def auc(self):
        """Return the area under the ROC curve; rows of the same bin count as ties.

        Returns
        -------
        auc : float
            In [0, 1]; it does not depend on the calibrator.
        """
        return figures.auc(self._two_classes()[:, 1])

    def log_loss(self, calibrator=None):
        """Return the weighted mean log loss.

        Parameters
        ----------
        calibrator : BaseCalibrator, default=None
            Fitted calibrator of two classes; None uses the scores as log odds.

        Returns
        -------
        loss : float
            In nats.
        """
        return figures.log_loss(self.binned(), calibrator)

    def reliability_curve(self, calibrator=None, *, n_bins=15, confidence=0.95):
        """Return mean prediction and frequency in bins of equal mass.

        Parameters
        ----------
        calibrator : BaseCalibrator, default=None
            Fitted calibrator of two classes; None uses the scores as log odds.
        n_bins : int, default=15
            Number of bins of the curve.
        confidence : float, default=0.95
            Coverage of the interval of each bin, in (0, 1).

        Returns
        -------
        curve : ReliabilityCurve
            As from :func:`skweight.metrics.reliability_curve`.
        """
        return figures.reliability(self.binned(), calibrator, n_bins, confidence)

    def calibration_error(self, calibrator=None, *, n_bins=15, debias=True):
        """Return the root mean square distance of predictions and frequencies.

        Parameters
        ----------
        calibrator : BaseCalibrator, default=None
            Fitted calibrator of two classes; None uses the scores as log odds.
        n_bins : int, default=15
            Number of bins of equal mass.
        debias : bool, default=True
            Whether to subtract the expectation of the noise.

        Returns
        -------
        error : float
            As :func:`skweight.metrics.calibration_error`, in units of probability.
        """
        return figures.calibration_error(self.binned(), calibrator, n_bins, debias)

    def threshold(self, rule, calibrator=None):
        """Return the threshold on the probability of the second class.

        Parameters
        ----------
        rule : "balanced", CostMatrix, dict or DataFrame
            ``"balanced"`` chooses the class whose probability is largest relative to
            its frequency: the threshold is the prevalence. Costs choose the threshold
            with the lowest total cost on these rows.
        calibrator : BaseCalibrator, default=None
            Fitted calibrator of two classes; None uses the scores as log odds.

        Returns
        -------
        threshold : float
            In [0, 1]: 1 if never choosing the second class is cheapest, and 0 if always
            choosing the second class is cheapest.
        """
        if isinstance(rule, str) and rule == "balanced":
            return self.prevalence_
        return figures.cost_threshold(
            self.binned(shared=True), calibrator, rule, self.classes_
        )

    def conformal_quantile(self, coverage=0.9, calibrator=None, *, by_class=False):
        """Return the quantile of conformity scores for prediction sets.

        The set of labels with a probability of at least 1 minus this quantile contains
        the true label with probability `coverage`, for rows of the same distribution.

        Parameters
        ----------
        coverage : float, default=0.9
            In (0, 1).
        calibrator : BaseCalibrator, default=None
            Fitted calibrator of two classes; None uses the scores as log odds.
        by_class : bool, default=False
            Whether the coverage holds for each class, with one quantile per class.

        Returns
        -------
        quantile : float or ndarray of shape (2,)
            Infinite if there are too few rows; the set then holds both labels.
        """
        return figures.conformal_quantile(self.binned(), calibrator, coverage, by_class)

    # -- sums ----------------------------------------------------------------------

    def _agree(self, labels):
        counted_labels = {label for label, _ in self._all_labels()}
        labels = {label for label, _ in labels}
        check_one_kind([*counted_labels, *labels])
        if self.classes is not None:
            class_labels = {plain(label) for label in self.classes}
            unknown = labels - class_labels
            if unknown:
                raise ValueError(
                    f"y must hold only the classes {say(self.classes)}; got "
                    f"{say(sorted(unknown))}."
                )
        elif len(counted_labels | labels) > 2:
            raise ValueError(
                "ScoreStatistics needs two classes; got the labels "
                f"{say(sorted(counted_labels | labels))}. Use one object for each "
                "class against the rest, with the log odds of the class and y == label."
            )

    def _dense(self):
        """Return all sums, of shape (n_classes, _N_SUMS, bins + 2)."""
        classes = [plain(label) for label in self.classes_]
        dense = np.zeros((len(classes), _N_SUMS, -(-(self.bins + 2) // _PER_BLOCK)))
        dense = np.repeat(dense, _PER_BLOCK, axis=2)
        position = {label: code for code, label in enumerate(classes)}
        for (label, block), sums in self._totals().items():
            if block != _SEEN:
                start = block * _PER_BLOCK
                dense[position[label], :, start : start + _PER_BLOCK] = sums
        return dense[:, :, : self.bins + 2]

    def _two_classes(self):
        dense = self._dense()
        if dense.shape[0] != 2:
            raise ValueError(
                "ScoreStatistics needs rows of two classes; got "
                f"{self.n_rows_} rows of the labels {say(self.classes_)}. Pass both "
                "labels as classes= if one of them may be missing."
            )
        if not dense[:, 1].any():
            raise ValueError(
                "ScoreStatistics needs rows of positive weight; got none so far. Call "
                "update(scores, y)."
            )
        return dense


def _in_blocks(sums, labels):
    """Return sums by class and block of bins, without empty blocks."""
    n_bins = sums.shape[2]
    blocks = {}
    for label, of_class in zip(labels, sums, strict=True):
        blocks[label, _SEEN] = np.zeros(1)
        used = np.unique(np.flatnonzero(of_class[0]) // _PER_BLOCK)
        for block in used:
            start = block * _PER_BLOCK
            end = min(start + _PER_BLOCK, n_bins)
            values = np.zeros((_N_SUMS, _PER_BLOCK))
            values[:, : end - start] = of_class[:, start:end]
            blocks[label, int(block)] = values
    return blocks


def _check_scores(scores):
    scores = np.asarray(scores)
    if scores.ndim == 2 and scores.shape[1] == 1:
        scores = scores[:, 0]
    if scores.ndim != 1 or scores.dtype.kind not in "fiub":
        raise ValueError(
            "scores must be one number per row, the log odds or decision value of the "
            f"second class; got shape {scores.shape} of dtype {scores.dtype}."
        )
    if scores.shape[0] and not np.isfinite(scores.min() + scores.max()):
        n_bad = int(np.count_nonzero(~np.isfinite(scores)))
        if n_bad:
            raise ValueError(
                f"scores must be finite; got NaN or infinity in {n_bad} of "
                f"{scores.shape[0]} rows. The logarithm of a probability of exactly 0 "
                "is infinite: make scores by scores_from_proba(proba, clip=...)."
            )
    return scores


def _two(classes):
    classes = np.asarray(classes)
    if classes.shape != (2,) or not classes[0] < classes[1]:
        raise ValueError(
            f"classes must be two sorted, different labels; got {say(classes)}."
        )
    return classes
