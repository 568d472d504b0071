"""Sums of scores in bins: what calibrators and figures need to know about rows."""

from typing import NamedTuple

import numpy as np

from skweight._utils.sums import Sums, check_one_kind, chunk_weights
from skweight._utils.validation import (
    check_number,
    n_rows,
    plain,
    say,
)
from skweight._utils.warn import warn
from skweight.exceptions import CalibrationWarning
from skweight.scale import _figures as figures
from skweight.scale._labels import encode

# Rows of one pass: what is in between stays in the processor's cache.
_BLOCK = 1 << 15
# Bins that are kept or left out together: scores seldom reach over all of them.
_PER_BLOCK = 64
# Rows, their weights, the squares of those, and weights times scores.
_N_SUMS = 4
# Share of the mass outside of the bins that is worth a warning.
_MOST_BEYOND = 0.01
# Where a class is noted although none of its rows counts.
_SEEN = -1


class BinnedScores(NamedTuple):
    """Bins that hold rows of a class, as weighted rows.

    Attributes
    ----------
    scores : ndarray of shape (n_used,)
        Weighted mean score of the rows.
    codes : ndarray of shape (n_used,)
        Position of their class.
    bins : ndarray of shape (n_used,)
        Position of the bin, rising with the score.
    n_rows, mass, squares : ndarray of shape (n_used,)
        Number of rows that count, sums of their weights, and of those squared.
    """

    scores: np.ndarray
    codes: np.ndarray
    bins: np.ndarray
    n_rows: np.ndarray
    mass: np.ndarray
    squares: np.ndarray


class ScoreStatistics(Sums):
    r"""Sum the scores of two classes in bins, chunk by chunk.

    Calibrators are fitted on it by ``fit_statistics``, in the place of the rows, and
    the figures below follow from it without a further pass. It keeps, of every bin of
    the log odds and class, the number of rows, :math:`\sum w`, :math:`\sum w^2` and
    :math:`\sum w z`: effective rows are counted from the rows, and a bin stands at
    the mean of its scores. A few hundred kilobytes, whatever the number of rows.

    The scores must be of rows that the model was not fitted on, weights those of the
    population; see :func:`hash_folds`.

    Parameters
    ----------
    bins : int, default=4000
        Number of bins of equal width. The error of a calibrated probability falls with
        its square: it is about 1e-6 at the default, and .02 at the steps of an
        isotonic curve.
    limit : float, default=20.0
        The bins reach from minus to plus this score; log odds of 20 are one in 5e8.
        What lies beyond is kept in two outer bins, at the mean of their scores. Raise
        it for scores that are no log odds.
    classes : array-like of shape (2,), default=None
        Both labels, sorted. None takes the labels that come; where they are given, any
        other is an error at once.

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
        Share of the weight whose scores lie beyond `limit`.
    keys : set
        Partitions that have been counted.

    Warns
    -----
    CalibrationWarning
        If more than 1 % of the weight lies beyond the bins, when they are used.

    See Also
    --------
    ClassMasses : For strategies.
    PiecewiseMap : Takes the fitted calibrator to where the rows are.

    Notes
    -----
    O(n) time. Three classes and more: one object for each class against the rest, with
    the log odds of the class and ``y == label``, whose calibrated probabilities are
    divided by their sum; or fit a calibrator in memory on a sample of rows, so many of
    each class, with ``sample_weight`` the mass of the class over the size of its
    sample.

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
    >>> scores = logit + np.log(9)  # of a model that counted the rare class 9 times
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
            Labels; there may be none, or one class alone.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights. Never weights that emphasise a class.
        key : hashable, default=None
            Name of the partition that the chunk is all of. One that comes again
            replaces its twin. None adds.

        Returns
        -------
        self : object
            The statistics.

        Raises
        ------
        ValueError
            If scores are not finite, weights negative or not finite, lengths differ,
            or a third label comes. Nothing is added then.
        TypeError
            If labels are of another type than those before.
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
        n_places = (self.bins + 2) * n_classes
        per_score = self.bins / (2 * self.limit)
        sums = np.zeros((_N_SUMS, n_places))
        for start in range(0, scores.shape[0], _BLOCK):
            part = slice(start, start + _BLOCK)
            z = scores[part].astype(np.float64)
            place = z + self.limit
            place *= per_score
            # The first and the last bin hold what lies beyond.
            place += 1
            place.clip(0, self.bins + 1, out=place)
            place = place.astype(np.intp)
            if n_classes > 1:
                place *= n_classes
                place += codes[part]
            sums[0] += np.bincount(place, minlength=n_places)
            if weight is not None:
                w = weight[part]
                sums[1] += np.bincount(place, w, n_places)
                z *= w
                sums[2] += np.bincount(place, w * w, n_places)
            sums[3] += np.bincount(place, z, n_places)
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
        """Share of the weight whose scores lie beyond `limit`."""
        mass = self._dense()[:, 1]
        return float(mass[:, [0, -1]].sum() / max(mass.sum(), 1e-300))

    def binned(self, *, shared=False):
        """Return the bins that hold rows, as weighted rows.

        Parameters
        ----------
        shared : bool, default=False
            Whether both classes of a bin stand at one score, the mean of all its rows,
            as rankings need it. False puts each at a mean of its own.

        Returns
        -------
        binned : BinnedScores
            Sorted by bin, then by class.
        """
        dense = self._two_classes()
        beyond = self.share_beyond_
        if beyond > _MOST_BEYOND:
            warn(
                f"{beyond:.1%} of the weight has scores beyond {self.limit:g}, which "
                "are told apart no further. Log odds seldom go that far: pass "
                f"ScoreStatistics(limit=...) for other scores, and log odds in the "
                "place of probabilities.",
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
        """Return the area under the ROC curve; rows of one bin count as ties.

        Returns
        -------
        auc : float
            In [0, 1]; the same for every increasing calibration.
        """
        return figures.auc(self._two_classes()[:, 1])

    def log_loss(self, calibrator=None):
        """Return the weighted mean log loss.

        Parameters
        ----------
        calibrator : BaseCalibrator, default=None
            Fitted calibrator of two classes; None takes the scores as log odds.

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
            Fitted calibrator of two classes; None takes the scores as log odds.
        n_bins : int, default=15
            Number of bins of the curve.
        confidence : float, default=0.95
            Coverage of the intervals, in (0, 1); each bin by itself.

        Returns
        -------
        curve : ReliabilityCurve
            As that of :func:`skweight.metrics.reliability_curve`.
        """
        return figures.reliability(self.binned(), calibrator, n_bins, confidence)

    def calibration_error(self, calibrator=None, *, n_bins=15, debias=True):
        """Return the root mean square distance of predictions and frequencies.

        Parameters
        ----------
        calibrator : BaseCalibrator, default=None
            Fitted calibrator of two classes; None takes the scores as log odds.
        n_bins : int, default=15
            Number of bins of equal mass.
        debias : bool, default=True
            Whether to remove the expectation of the noise.

        Returns
        -------
        error : float
            As :func:`skweight.metrics.calibration_error`, in units of probability.
        """
        return figures.calibration_error(self.binned(), calibrator, n_bins, debias)

    def threshold(self, rule, calibrator=None):
        """Return the probability from which on the second class is chosen.

        Parameters
        ----------
        rule : "balanced", CostMatrix or what can be read as one
            ``"balanced"`` chooses the class whose probability is largest relative to
            its frequency, so that the threshold is the prevalence. Costs choose the
            threshold of least total cost on these rows.
        calibrator : BaseCalibrator, default=None
            Fitted calibrator of two classes; None takes the scores as log odds.

        Returns
        -------
        threshold : float
            In [0, 1]. Where no threshold costs less than never choosing the second
            class it is 1, and where none costs less than always choosing it, 0.
        """
        if isinstance(rule, str) and rule == "balanced":
            return self.prevalence_
        return figures.cost_threshold(
            self.binned(shared=True), calibrator, rule, self.classes_
        )

    def conformal_quantile(self, coverage=0.9, calibrator=None, *, by_class=False):
        """Return the largest nonconformity of labels in sets that cover the truth.

        A set that holds every label of probability at least one minus this number
        holds the true one with probability `coverage`, for rows like these.

        Parameters
        ----------
        coverage : float, default=0.9
            In (0, 1).
        calibrator : BaseCalibrator, default=None
            Fitted calibrator of two classes; None takes the scores as log odds.
        by_class : bool, default=False
            Whether the rows of each class are to be covered, by a quantile each.

        Returns
        -------
        quantile : float or ndarray of shape (2,)
            Infinite where the rows are too few to promise anything but both labels.
        """
        return figures.conformal_quantile(self.binned(), calibrator, coverage, by_class)

    # -- sums ----------------------------------------------------------------------

    def _agree(self, labels):
        known = {label for label, _ in self._all_labels()}
        labels = {label for label, _ in labels}
        check_one_kind([*known, *labels])
        if self.classes is not None:
            given = {plain(label) for label in self.classes}
            unknown = labels - given
            if unknown:
                raise ValueError(
                    f"y holds {say(sorted(unknown))}, which are not among the classes "
                    f"{say(self.classes)}."
                )
        elif len(known | labels) > 2:
            raise ValueError(
                "ScoreStatistics is about two classes; with this chunk the labels are "
                f"{say(sorted(known | labels))}. Count each class against the rest, "
                "with its log odds and y == label."
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
                "ScoreStatistics needs rows of two classes; so far it has counted "
                f"{self.n_rows_} rows of the labels {say(self.classes_)}. Name both as "
                "classes= where one of them may be missing."
            )
        if not dense[:, 1].any():
            raise ValueError(
                "No row of positive weight has been counted. Call update(scores, y)."
            )
        return dense


def _in_blocks(sums, labels):
    """Return sums by class and block of bins, those alone that hold rows."""
    n_bins = sums.shape[2]
    found = {}
    for label, of_class in zip(labels, sums, strict=True):
        found[label, _SEEN] = np.zeros(1)
        used = np.unique(np.flatnonzero(of_class[0]) // _PER_BLOCK)
        for block in used:
            start = block * _PER_BLOCK
            end = min(start + _PER_BLOCK, n_bins)
            values = np.zeros((_N_SUMS, _PER_BLOCK))
            values[:, : end - start] = of_class[:, start:end]
            found[label, int(block)] = values
    return found


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
            f"classes must be two different labels, sorted; got {say(classes)}."
        )
    return classes
