"""The calibrator that averages other calibrators, weighted by cross-fitted log loss."""

import warnings
from copy import copy
from dataclasses import replace

import numpy as np
from scipy.special import softmax

from skweight._utils.lookup import text_of
from skweight.calibration._anchored import AnchoredCalibrator
from skweight.calibration._base import BaseCalibrator
from skweight.calibration._cross_loss import compare, fit_on
from skweight.calibration._engine.numerics import keep_inside
from skweight.calibration._engine.table import CurveTable
from skweight.calibration._isotonic import IsotonicCalibrator
from skweight.calibration._quadratic import QuadraticCalibrator
from skweight.calibration._scaling import (
    StructuredMatrixScalingCalibrator,
    VectorScalingCalibrator,
)
from skweight.calibration._temperature import TemperatureCalibrator
from skweight.calibration._venn_abers import InterpolatedVennAbersCalibrator
from skweight.exceptions import CalibrationWarning

# The candidates are compared only if the rarest class has at least this number of
# effective rows (Kish's effective sample size).
FEWEST_ROWS = 5
# If the summed held-out log losses of two candidates differ by this many nats, the
# shares of the two candidates differ by a factor of e. With the value 1, the noise of a
# few rows would determine the shares. With an infinite value, the log loss would not
# influence the shares. See benchmarks/calibration_regret.py.
TEMPERATURE = 4.0
# Name of the candidate that can give the same probability to rows with different
# scores.
WITH_TIES = "Venn-Abers"
# Matrix scaling is a candidate up to this number of classes. With more classes, it
# takes too long.
MOST_CLASSES = 20
# Shares below this value are set to zero. A candidate with a smaller share would take
# time at prediction and gain nothing.
SMALLEST_SHARE = 0.02
# The candidates whose curves have knots.
_WITH_KNOTS = (IsotonicCalibrator, InterpolatedVennAbersCalibrator)


class AutoCalibrator(BaseCalibrator):
    r"""Average several calibrators, weighted by their cross-fitted log loss.

    Try this calibrator first if you know nothing about the model, in particular if the
    model was weighted or resampled. The best map from scores to probabilities depends
    on the number of rows and on the model. With few rows, an affine map is best. With
    many rows, an isotonic map is best. For trees and misspecified models, a quadratic
    map is best. The calibrator fits several candidates m = 1, ..., M and averages the
    probabilities of the candidates. The share of a candidate in the average follows
    from the cross-fitted log loss of this candidate,

    .. math::
        p(k \mid s) = \sum_m \pi_m \, p_m(k \mid s), \qquad
        \pi_m \propto \exp\Big(-\frac{\eta}{T} \sum_i v_i \, \ell_{im}\Big).

    Here :math:`\ell_{im}` is the log loss of candidate m on row i. The rows are split
    into five folds, and this candidate m is fitted without the fold of row i. The
    weights :math:`v` sum to the effective number of rows (Kish's effective sample
    size), and the temperature is :math:`T = 4`. The factor is :math:`\eta = \sum_i v_i
    d_i / \sum_i v_i^2 d_i`, where :math:`d_i` is the variance of the losses of row i
    over the candidates. For equal weights, :math:`\eta` is 1. :math:`\eta` is smaller
    if a few rows have most of the weight. With few rows, all candidates have a share in
    the average, and the average is better than any single candidate. With many rows,
    the share of the best candidate is nearly 1.

    The number of classes, the number of rows and the kind of model determine the
    candidates:

    ================================  ==================================================
    two classes                       ``AnchoredCalibrator``, quadratic, isotonic, and
                                      Venn-Abers with a shift that makes the mean right
    three classes and more            temperature with a bias, vector scaling, and up to
                                      20 classes matrix scaling
    below 5 rows of the rarest class  ``AnchoredCalibrator`` alone
    shares of votes (forests)         ``AnchoredCalibrator`` with a weak prior, and
                                      scaling without the formula that undoes class
                                      weights, which is far off for votes
    ================================  ==================================================

    Venn-Abers can give the same probability to rows with different scores. Therefore,
    if Venn-Abers has a share in the average, the best of the remaining candidates has a
    share of at least 0.02. As a result, rows with different scores get different
    probabilities.

    No candidate predicts a probability of exactly 0 or 1. Temperature scaling without a
    bias is not a candidate, because temperature scaling without a bias cannot undo
    class weights.

    Attributes
    ----------
    chosen_ : str
        Name of the candidate with the largest share.
    shares_ : dict {str: float}
        Share of every candidate in the average; shares below 0.02 are set to zero.
    losses_ : dict {str: float}
        Mean cross-fitted log loss of every candidate, in nats; empty if there is only
        one candidate.
    calibrators_ : dict {str: calibrator}
        The candidates with a positive share, fitted on all rows. The labels of these
        calibrators are positions in ``classes_``.
    classes_ : ndarray of shape (n_classes,)
        Sorted labels, in the order of the columns of ``predict_proba``.
    class_count_ : ndarray of shape (n_classes,)
        Effective number of calibration rows per class.

    See Also
    --------
    AnchoredCalibrator : A single map with a formula.

    Notes
    -----
    If all candidates are increasing maps, the mean of the candidates is an increasing
    map. The log loss of the mean is at most the mean of the log losses of the
    candidates. The rows are sorted before the stratified folds are drawn with a fixed
    seed. Therefore the result does not depend on the order of the rows.

    *Cost.* For two classes, the fit takes one sort, 20 fits on at most 2048 bins of the
    score, and one fit of each candidate with a share in the average. The time of the 20
    fits does not grow with the number of rows. For three or more classes, the fit uses
    five folds. With more than 20,000 rows, it uses a subset of 20,000 rows in three
    folds. A prediction for two classes interpolates linearly in a table of some hundred
    knots. The log odds of the table differ from the log odds of the average by at most
    0.002, except where Venn-Abers jumps between neighbouring scores. The table extends
    beyond the calibration scores by twice the range of these scores on either side.

    References
    ----------
    .. [1] J. Hoeting, D. Madigan, A. Raftery, C. Volinsky, "Bayesian model averaging:
       a tutorial", Statistical Science 14, 1999, equation 1.
    .. [2] P. Grünwald, "The safe Bayesian", ALT 2012 (a temperature above one where no
       candidate is the truth).

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.calibration import AutoCalibrator
    >>> rng = np.random.default_rng(0)
    >>> logit = rng.normal(-2, 1.5, size=10_000)
    >>> y = (rng.random(10_000) < 1 / (1 + np.exp(-logit))).astype(int)
    >>> scores = logit + np.log(5)  # of a model that counted the second class 5 times
    >>> calibrator = AutoCalibrator().fit(scores, y, class_multiplier=[1, 5])
    >>> list(calibrator.losses_)
    ['anchored', 'quadratic', 'isotonic', 'Venn-Abers']
    >>> bool(abs(calibrator.predict_proba(scores)[:, 1].mean() - y.mean()) < 0.001)
    True
    """

    _learns_from_sums = False

    def fit(
        self,
        scores,
        y,
        sample_weight=None,
        *,
        classes=None,
        class_multiplier=None,
        votes=False,
    ):
        """Fit every candidate, and compute its share.

        Parameters
        ----------
        scores : array-like of shape (n_samples,), (n_samples, 1) or \
                (n_samples, n_classes)
            Log-scale scores of held-out rows, which were not used to fit the model.
        y : array-like of shape (n_samples,)
            Labels of the rows, of any type.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights; None weights all rows equally. Never pass class weights.
        classes : array-like of shape (n_classes,), default=None
            All labels, sorted. Pass them if some labels may be missing in ``y``. None
            takes the labels of ``y``.
        class_multiplier : array-like of shape (n_classes,), default=None
            Total training weight of each class, including class weights and resampling,
            divided by the total population weight of the class. None means that the
            model was not weighted.
        votes : bool, default=False
            Whether the scores come from shares of votes, for example of a forest.

        Returns
        -------
        self : object
            The fitted calibrator.

        Raises
        ------
        ValueError
            If scores are not finite, a label is not among the classes, or weights are
            not usable.

        Warns
        -----
        CalibrationWarning
            If a class has no row of positive weight.
        CalibrationWarning
            If the scores rank the classes in the wrong direction.
        """
        self._votes = bool(votes)
        return self._fit(scores, y, sample_weight, classes, class_multiplier)

    def __getstate__(self):
        state = super().__getstate__()
        if state.get("_table") is not None:
            state = state | {"_table": self._table.without(self._kinks())}
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if state.get("_table") is not None:
            self._table = CurveTable.restored(
                self._kinks(), *state["_table"], self._mean_binary
            )

    def describe(self):
        """Describe the chosen candidates in one line.

        Returns
        -------
        words : str
            One line that names the candidates with a positive share in the average, the
            largest share first.
        """
        shares = sorted(self.shares_.items(), key=lambda pair: -pair[1])
        named = [f"{name} {share:.0%}" for name, share in shares if share > 0]
        return f"{text_of(self)}: {', '.join(named)}"

    def _fit_binary(self, rows):
        candidates = {"anchored": self._anchored()}
        if rows.class_count.min() >= FEWEST_ROWS:
            candidates["quadratic"] = QuadraticCalibrator()
            candidates["isotonic"] = IsotonicCalibrator()
            candidates[WITH_TIES] = InterpolatedVennAbersCalibrator()
        self._mix(candidates, rows)
        self._table = None
        if len(self.calibrators_) > 1:
            self._table = CurveTable.of(rows.scores, self._kinks(), self._mean_binary)

    def _fit_multiclass(self, rows):
        if rows.class_count.min() < FEWEST_ROWS:
            candidates = {"anchored": self._anchored()}
        else:
            # If the scores are shares of votes, a learned bias undoes the effect of the
            # weights better than the formula does.
            tempered = {"inversion": not self._votes}
            candidates = {
                "temperature": TemperatureCalibrator(),
                "vector": VectorScalingCalibrator(**tempered),
            }
            if rows.class_count.size <= MOST_CLASSES:
                candidates["matrix"] = StructuredMatrixScalingCalibrator(**tempered)
        self._mix(candidates, rows)

    def _anchored(self):
        scales = {"slope_scale": 1.0, "intercept_scale": 2.0} if self._votes else {}
        return AnchoredCalibrator(**scales)

    def _mix(self, candidates, rows):
        self.calibrators_ = {}
        positions = np.arange(rows.class_count.size)  # one array, pickled once
        refused = []
        with warnings.catch_warnings(record=True) as caught:
            # Warnings are suppressed here, because every candidate would repeat the
            # same warnings in every fold. The warning about a missing class has been
            # issued before this step.
            warnings.simplefilter("always", CalibrationWarning)
            self._set_shares(candidates, rows)
            again = replace(rows, resumed=bool(self.losses_))
            for name, share in self.shares_.items():
                if share > 0:
                    caught.clear()
                    self.calibrators_[name] = fit_on(candidates[name], again)
                    self.calibrators_[name].classes_ = positions
                    if CalibrationWarning in [record.category for record in caught]:
                        refused.append(name)
        if refused:
            self._warn_again(max(refused, key=self.shares_.get), rows)

    def _warn_again(self, name, rows):
        """Fit a candidate again, so that the warning of the fit names user labels."""
        candidate = copy(self.calibrators_[name])
        candidate.classes_ = self.classes_
        if rows.scores.ndim == 1:
            candidate._fit_binary(rows)
        else:
            candidate._fit_multiclass(rows)

    def _set_shares(self, candidates, rows):
        self.losses_ = {}
        shares = np.ones(1)
        if len(candidates) > 1:
            compared = compare(candidates, rows)
            self.losses_ = compared.losses
            total = compared.mass * np.array(list(compared.losses.values()))
            shares = softmax(-compared.rows_per_weight * total / TEMPERATURE)
            shares = np.where(shares < SMALLEST_SHARE, 0.0, shares)
            if WITH_TIES in candidates:
                # If a strictly increasing map has a share in the average, the average
                # keeps the ranking of the rows.
                has_ties = np.array([name == WITH_TIES for name in candidates])
                rising = np.where(has_ties, np.inf, total).argmin()
                shares[rising] = max(shares[rising], SMALLEST_SHARE)
            shares /= shares.sum()
        self.shares_ = dict(zip(candidates, shares.tolist(), strict=True))
        self.chosen_ = max(self.shares_, key=self.shares_.get)

    def _kinks(self):
        """Return the scores at which the averaged map of two classes is not smooth."""
        curves = [
            calibrator.curves_[0].scores
            for calibrator in self.calibrators_.values()
            if isinstance(calibrator, _WITH_KNOTS)
        ]
        return np.concatenate([np.empty(0), *curves])

    def _mean(self, predict, scores):
        proba = sum(
            self.shares_[name] * getattr(calibrator, predict)(scores)
            for name, calibrator in self.calibrators_.items()
        )
        return keep_inside(proba)

    def _mean_binary(self, scores):
        return self._mean("_predict_binary", scores)

    def _predict_binary(self, scores):
        if self._table is None:
            return self._mean_binary(scores)
        return self._table(scores, self._mean_binary)

    def _predict_multiclass(self, scores):
        return self._mean("_predict_multiclass", scores)
