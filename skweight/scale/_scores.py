"""Sums of scores in bins, for calibrators and metrics."""

import numpy as np

from skweight._utils.sums import Sums, check_one_kind, chunk_weights
from skweight._utils.validation import (
    check_choice,
    check_count,
    check_number,
    n_rows,
    plain,
    say,
)
from skweight._utils.warn import warn
from skweight.exceptions import CalibrationWarning
from skweight.scale import _figures as figures
from skweight.scale._figures import BinnedScores
from skweight.scale._labels import encode

# Number of rows to sum at once, so that temporary arrays fit in the processor cache.
_BLOCK = 1 << 15
# Number of neighbouring bins in a block; blocks without rows are not stored.
_PER_BLOCK = 64
# Number of sums: rows, weights, squared weights, and weights times scores.
_N_SUMS = 4
# Scores are clipped to [-_FAR, _FAR], so that the sums of scores are finite.
_FAR = 1e100
# If more than this share of the weight has scores outside the limit, a warning follows.
_MOST_BEYOND = 0.01
# Special values instead of a block number. _SEEN marks that a label occurs, even if all
# rows of the label have weight zero. _ROWS marks rows that are stored one by one.
_SEEN, _ROWS = -1, -2
# A bin with at most _FEW rows also stores its rows one by one.
_FEW = 256
# If this many rows are stored one by one, remove the rows in bins with more than _FEW
# rows. Repeat at each doubling, so that the time per row is the same for more chunks.
_MOST_STALE = 1 << 16
_NO_ROWS = np.zeros((2, 0))


class ScoreStatistics(Sums):
    r"""Sum the scores of two classes in bins, chunk by chunk.

    Calibrators are fitted on the sums by ``fit_statistics``, instead of the rows. The
    methods of the object return metrics without a further pass. For every bin of the
    log odds and every class, the object stores the number of rows, :math:`\sum w`,
    :math:`\sum w^2` and :math:`\sum w z`. Effective sample sizes are therefore exact,
    and the score of a bin is the mean score of the rows in the bin. A bin with at most
    256 rows also stores these rows, so that nothing is lost in the tails. The size is
    about a megabyte, with a bound that does not depend on the number of rows.

    The scores must come from rows that the model was not fitted on (see
    :func:`hash_folds`). The weights must be population weights.

    Parameters
    ----------
    bins : int, default=4000
        Number of bins of equal width. The error of a calibrated probability decreases
        with the square of the number of bins: about 1e-6 for the default. Isotonic
        curves are less exact, see the notes.
    limit : float, default=20.0
        The bins cover scores from ``-limit`` to ``limit``. Scores outside are added to
        two outer bins. The score of an outer bin is the mean score of its rows. Raise
        the limit for scores that are not log odds.
    classes : array-like of shape (2,), default=None
        Both labels, sorted; other labels are an error. None takes the labels of the
        rows.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels in sorted order.
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
        When the sums are used, if more than 1 % of the weight is beyond `limit`.

    See Also
    --------
    ClassMasses : For strategies.
    PiecewiseMap : Applies the fitted calibrator without Python.

    Notes
    -----
    *Isotonic curves* from these sums differ from the isotonic curves of the rows. In
    the benchmarks, with equal weights, the difference of the probabilities is less than
    0.02 at every row. If the weights are so uneven that the effective sample size is a
    third of the number of rows, the difference is 0.03. With ``centered=False`` (a step
    function), the values 0.02 and 0.03 hold only in the middle of each step, because a
    jump may move within a bin. With up to 100,000 rows of spread scores, nearly all
    bins store their rows one by one, and both curves are almost the same.

    The time is O(n). For three or more classes, use one object for each class against
    the rest: pass the log odds of the class as scores, and ``y == label`` as labels.
    Then divide the calibrated probabilities by their sum. Or fit a calibrator in memory
    on a sample with a fixed number of rows per class. As ``sample_weight``, pass the
    total weight of the row's class divided by the number of sampled rows of the class.

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
        self.bins = check_count(bins, name="bins", low=10)
        check_number(limit, name="limit", low=0, include="neither")
        self.limit = float(limit)
        self.classes = None if classes is None else _two(classes)
        super().__init__()

    def update(self, scores, y, sample_weight=None, *, key=None):
        """Count the rows of a chunk.

        Parameters
        ----------
        scores : array-like of shape (n_samples,)
            Log odds or decision values of the second of the two sorted labels.
        y : array-like of shape (n_samples,)
            Labels of the rows of the chunk; may be empty, or of one class only.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights. Never pass class weights.
        key : hashable, default=None
            Key of the partition, if the chunk is a whole partition. A second chunk with
            the same key replaces the first chunk. None adds the chunk.

        Returns
        -------
        self : object
            The statistics.

        Raises
        ------
        ValueError
            If scores are not finite, weights are negative or not finite, lengths
            differ, or a third label occurs. The sums then do not change.
        TypeError
            If the type of the labels differs from the type in earlier chunks.
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
        sums, bins = self._sum(scores, codes, weight, len(labels))
        blocks = _in_blocks(sums, labels)
        few = (sums[:, 0].sum(axis=0) <= _FEW) & ~self._full_elsewhere
        few = np.flatnonzero(few.take(bins))
        codes = codes[few]
        for code, label in enumerate(labels):
            single = few[codes == code]
            rows = np.ones((2, single.size))
            rows[0] = scores[single]
            if weight is not None:
                rows[1] = weight[single]
            blocks[label, _ROWS] = rows
        return self._take(blocks, key)

    def _bins_of(self, scores):
        """Return the bin of every score."""
        place = scores + self.limit
        place *= self.bins / (2 * self.limit)
        # The first and the last bin hold scores outside the limit.
        place += 1
        place.clip(0, self.bins + 1, out=place)
        return place.astype(np.intp)

    def _sum(self, scores, codes, weight, n_classes):
        """Return sums of shape (n_classes, _N_SUMS, bins + 2), and each row's bin."""
        n_cells = (self.bins + 2) * n_classes
        sums = np.zeros((_N_SUMS, n_cells))
        bins = np.empty(scores.shape[0], dtype=np.int32)
        for start in range(0, scores.shape[0], _BLOCK):
            part = slice(start, start + _BLOCK)
            z = scores[part].astype(np.float64)
            cell = self._bins_of(z)
            bins[part] = cell
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
        sums = sums.reshape(_N_SUMS, self.bins + 2, n_classes).transpose(2, 0, 1)
        return sums, bins

    @property
    def classes_(self):
        """Labels in sorted order."""
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
        """Return the rows of bins with few rows, and weighted rows for all other bins.

        Parameters
        ----------
        shared : bool, default=False
            In a bin with many rows, True gives both classes the mean score of the bin,
            as metrics of the ranking need. False gives each class its own mean score.

        Returns
        -------
        binned : BinnedScores
            Stored rows and weighted rows, sorted by bin, then by score, then by class.
        """
        dense = self._two_classes()
        single = self._single_rows()
        total_mass = dense[:, 1].sum()
        dense[:, :, single.bins] = 0.0
        self._warn_of_scores_beyond(dense[:, 1][:, [0, -1]].sum() / total_mass)
        bins, codes = np.nonzero(dense[:, 1].T > 0)
        count, mass, squares, weighted = dense[codes, :, bins].T
        if shared:
            total = dense.sum(axis=0)
            scores = total[3, bins] / total[1, bins]
        else:
            scores = weighted / mass
        full = BinnedScores(scores, codes, bins, count, mass, squares)
        rows = BinnedScores(*map(np.concatenate, zip(full, single, strict=True)))
        # If a bin has only sums, both classes of the bin get the same rank. If a bin
        # stores its rows one by one, the rows are ranked by their scores.
        within = np.concatenate([np.zeros(bins.size), single.scores])
        order = np.lexsort((rows.codes, within, rows.bins))
        rows, within = BinnedScores(*(values[order] for values in rows)), within[order]
        differs = (np.diff(rows.bins) != 0) | (np.diff(within) != 0)
        return rows._replace(bins=np.append(0, np.cumsum(differs)))

    # -- figures -----------------------------------------------------------------------

    def auc(self):
        """Return the area under the ROC curve; rows of a bin with many rows are ties.

        Returns
        -------
        auc : float
            Area of the scores, in [0, 1]; calibration does not change this area.
        """
        return figures.auc(self.binned(shared=True))

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
        """Return the mean prediction and the frequency in bins of equal total weight.

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
            The same curve as from :func:`skweight.metrics.reliability_curve`.
        """
        return figures.reliability(self.binned(), calibrator, n_bins, confidence)

    def calibration_error(self, calibrator=None, *, n_bins=15, debias=True):
        """Return the root mean square difference of predictions and frequencies.

        Parameters
        ----------
        calibrator : BaseCalibrator, default=None
            Fitted calibrator of two classes; None uses the scores as log odds.
        n_bins : int, default=15
            Number of bins of equal total weight.
        debias : bool, default=True
            Whether to subtract the expected contribution of noise.

        Returns
        -------
        error : float
            The error as in :func:`skweight.metrics.calibration_error`.
        """
        return figures.calibration_error(self.binned(), calibrator, n_bins, debias)

    def threshold(self, rule, calibrator=None):
        """Return the threshold on the probability of the second class.

        Parameters
        ----------
        rule : "balanced", CostMatrix, dict or DataFrame
            ``"balanced"`` chooses the class whose probability is largest relative to
            the class frequency, so the threshold is the prevalence. Costs choose the
            threshold with the lowest total cost on the rows summed so far.
        calibrator : BaseCalibrator, default=None
            Fitted calibrator of two classes; None uses the scores as log odds.

        Returns
        -------
        threshold : float
            In [0, 1]. It is cheapest never to choose the second class if the threshold
            is 1, and always to choose the second class if the threshold is 0.
        """
        if isinstance(rule, str):
            check_choice(rule, ("balanced",), name="rule")
            return self.prevalence_
        return figures.cost_threshold(
            self.binned(shared=True), calibrator, rule, self.classes_
        )

    def conformal_quantile(self, coverage=0.9, calibrator=None, *, by_class=False):
        """Return the quantile of conformity scores for prediction sets.

        Take all labels whose probability is at least 1 minus the quantile. For rows of
        the same distribution, the set has the true label with probability `coverage`.

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
            Quantile of 1 minus the probability of the true label. For too few rows, the
            quantile is infinite; every set then holds both labels.
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

    # A bin is full if all chunks together have more than _FEW rows in the bin. The
    # order of the chunks therefore does not change which rows are stored.

    def _reset(self):
        super()._reset()
        self._n_in_bin = np.zeros(self.bins + 2)
        self._n_single, self._most_single = 0, _MOST_STALE
        self._full_elsewhere = np.zeros(self.bins + 2, dtype=bool)

    def _empty(self):
        empty = super()._empty()
        # The new sums will be added to the sums of self. There, bins may be full.
        empty._full_elsewhere = self._n_in_bin > _FEW
        return empty

    def _put(self, sums, key=None):
        replaced = self._partials.get(key, {})
        self._n_in_bin = (
            self._n_in_bin + self._rows_per_bin(sums) - self._rows_per_bin(replaced)
        )
        sums = self._without_full(sums)
        super()._put(sums, key)
        self._n_single += _n_single(sums)
        if self._n_single > self._most_single:
            self._added = self._without_full(self._added)
            for other_key, others in self._partials.items():
                self._partials[other_key] = self._without_full(others)
            stored = [self._added, *self._partials.values()]
            self._n_single = sum(_n_single(others) for others in stored)
            self._most_single = max(_MOST_STALE, 2 * self._n_single)

    def _rows_per_bin(self, sums):
        count = np.zeros(-(-(self.bins + 2) // _PER_BLOCK) * _PER_BLOCK)
        for (_, block), values in sums.items():
            if block >= 0:
                start = block * _PER_BLOCK
                count[start : start + _PER_BLOCK] += values[0]
        return count[: self.bins + 2]

    def _without_full(self, sums, full=None):
        """Return sums without the single rows of full bins."""
        if full is None:
            full = self._n_in_bin > _FEW
        return {
            label: values[:, np.flatnonzero(~full[self._bins_of(values[0])])]
            if label[1] == _ROWS
            else values
            for label, values in sums.items()
        }

    def _combine(self, label, first, other):
        if label[1] == _ROWS:
            return np.concatenate([first, other], axis=1)
        return super()._combine(label, first, other)

    def _totals(self):
        """Return the sums of all rows, and the stored rows sorted by their scores."""
        sums = super()._totals()
        n_stored = np.zeros(self.bins + 2)
        for (_, block), values in sums.items():
            if block == _ROWS:
                n_stored += np.bincount(self._bins_of(values[0]), None, self.bins + 2)
        # If a partition was replaced by a partition with fewer rows, a bin that had
        # more than _FEW rows before may lack some of its rows.
        full = (self._n_in_bin > _FEW) | (n_stored != self._n_in_bin)
        sums = self._without_full(sums, full)
        for label, values in sums.items():
            if label[1] == _ROWS:
                sums[label] = values[:, np.lexsort(values[::-1])]
        return sums

    def _single_rows(self):
        """Return all single rows."""
        totals = self._totals()
        rows = [totals.get((plain(label), _ROWS), _NO_ROWS) for label in self.classes_]
        scores, mass = np.concatenate(rows, axis=1)
        codes = np.repeat(np.arange(len(rows)), [part.shape[1] for part in rows])
        bins = self._bins_of(scores)
        return BinnedScores(scores, codes, bins, np.ones(bins.size), mass, mass * mass)

    def _warn_of_scores_beyond(self, share):
        if share > _MOST_BEYOND:
            warn(
                f"Scores outside the limit of {self.limit:g} have {share:.1%} of the "
                "weight. All these scores are in only two bins. Log odds are rarely "
                "so large. If the scores are not log odds, set a larger limit: "
                "ScoreStatistics(limit=...).",
                CalibrationWarning,
            )

    def _dense(self):
        """Return all sums, of shape (n_classes, _N_SUMS, bins + 2)."""
        classes = [plain(label) for label in self.classes_]
        dense = np.zeros((len(classes), _N_SUMS, -(-(self.bins + 2) // _PER_BLOCK)))
        dense = np.repeat(dense, _PER_BLOCK, axis=2)
        position = {label: code for code, label in enumerate(classes)}
        for (label, block), sums in super()._totals().items():
            if block >= 0:
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


def _n_single(sums):
    return sum(rows.shape[1] for (_, block), rows in sums.items() if block == _ROWS)


def _in_blocks(sums, labels):
    """Return sums by class and block (64 neighbouring bins), without empty blocks."""
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
    # Call float(), because scores of small types cannot be compared with 1e100.
    if scores.size and not -_FAR <= float(scores.min()) <= float(scores.max()) <= _FAR:
        n_bad = int(np.count_nonzero(~np.isfinite(scores)))
        if n_bad:
            raise ValueError(
                f"scores must be finite; got NaN or infinity in {n_bad} of "
                f"{scores.shape[0]} rows. The logarithm of a probability of exactly 0 "
                "is infinite: make scores by scores_from_proba(proba, clip=...)."
            )
        scores = np.clip(scores.astype(np.float64), -_FAR, _FAR)
    return scores


def _two(classes):
    classes = np.asarray(classes)
    if classes.shape != (2,) or not classes[0] < classes[1]:
        raise ValueError(
            f"classes must be two sorted, different labels; got {say(classes)}."
        )
    return classes
