"""The calibrator for everyone who does not want to choose one."""

import warnings
from copy import copy

import numpy as np
from scipy.special import softmax
from sklearn.utils.validation import has_fit_parameter

from skweight.calibration._anchored import AnchoredCalibrator
from skweight.calibration._base import BaseCalibrator
from skweight.calibration._beta import BetaCalibrator
from skweight.calibration._engine.lookup import interpolate
from skweight.calibration._engine.numerics import binary_proba, keep_inside
from skweight.calibration._isotonic import IsotonicCalibrator
from skweight.calibration._scaling import (
    StructuredMatrixScalingCalibrator,
    VectorScalingCalibrator,
)
from skweight.calibration._sigmoid import SigmoidCalibrator
from skweight.calibration._temperature import TemperatureCalibrator
from skweight.exceptions import CalibrationWarning

# Effective rows of the rarest class below which nothing can be held out to compare by.
FEWEST_ROWS = 5
# Folds of the comparison. Where two thirds are nearly as good as the whole to fit on,
# three folds tell the candidates apart as five do, in half the time.
N_FOLDS = 5
MANY_ROWS = 50_000
N_FOLDS_OF_MANY = 3
# Nats of held-out log loss, summed over the rows, that count as one e-fold of trust.
# The loss of a few rows is noise: with 1 the best of it would win by chance, and with
# infinity it would never matter. See benchmarks/calibration_regret.py.
TEMPERATURE = 4.0
# Classes above which a matrix, of as many rows and columns, takes too long.
MOST_CLASSES = 20
# Shares of less than this are not worth their price at prediction.
SMALLEST_SHARE = 0.02
# Cells of the table that stands for the mixture in the middle of the scores, knots that
# it may have in the end, and the log odds by which it may be off.
N_CELLS = 4096
MOST_KNOTS = 1 << 15
TOLERANCE = 1e-5


class AutoCalibrator(BaseCalibrator):
    r"""Mix the families of maps by how well each does on rows it has not seen.

    The first choice where nothing is known about the model, in particular for one that
    was weighted or resampled. Which map is best depends on the number of rows and on
    the model: a line for few rows, a bend for trees and misspecified models, any curve
    for many rows. Candidates m = 1, ..., M are fitted, and their probabilities are
    averaged with shares that follow from their cross-fitted log loss,

    .. math::
        p(k \mid s) = \sum_m \pi_m \, p_m(k \mid s), \qquad
        \pi_m \propto \exp\Big(-\frac{\eta}{T} \sum_i v_i \, \ell_{im}\Big),

    with :math:`\ell_{im}` the loss of row i under a map that was not fitted on it (five
    folds, three above 50,000 rows), :math:`v` the weights, scaled to effective rows,
    :math:`T = 4`, and :math:`\eta = \sum_i v_i d_i / \sum_i v_i^2 d_i`, where
    :math:`d_i` is the variance of the candidates' losses of row i: 1 for equal weights,
    and less where a few heavy rows tell the candidates apart.
    With few rows all candidates have a say, which is better than any of them; with
    many rows the best one takes all.

    The candidates follow from the number of classes, the number of rows and the kind
    of model:

    ================================  ==================================================
    two classes                       anchored, anchored with a bend, sigmoid, beta,
                                      centred isotonic
    three classes and more            anchored, sigmoid, temperature with a bias,
                                      vector, and up to 20 classes matrix scaling
    below 5 rows of the rarest class  the anchored map alone
    shares of votes, as of forests    anchored at the inversion of the weights loosely,
                                      and scaled without it: it is far off for them
    ================================  ==================================================

    No candidate can say exactly 0 or 1, and none is a temperature without bias, which
    cannot undo weights.

    Attributes
    ----------
    chosen_ : str
        Name of the candidate with the largest share.
    shares_ : dict {str: float}
        Share of every candidate, below 0.02 set to zero.
    losses_ : dict {str: float}
        Mean cross-fitted log loss of every candidate, in nats; empty where there is
        one candidate only.
    calibrators_ : dict {str: calibrator}
        Those that have a share, fitted on all rows; their labels are positions in
        ``classes_``.
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted; the columns of ``predict_proba`` follow them.
    class_count_ : ndarray of shape (n_classes,)
        Effective number of calibration rows per class.

    See Also
    --------
    AnchoredCalibrator : The candidate to take alone where a formula is needed.

    Notes
    -----
    A mean of increasing maps is increasing, and its log loss is at most the mean of
    their losses. Folds are stratified and drawn with a fixed seed from the sorted rows,
    so that the result does not depend on the order in which they came. 25 small fits
    besides those that are kept: about a third of a second for 100,000 rows of two
    classes, and four seconds of six, most of it for the matrix. With two
    classes a prediction costs one search in a table, whose log odds are those of the
    mixture to 1e-5 and which spans the middle 99.8 % of the calibration scores; outside
    of it, all candidates that have a share.

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
    ['anchored', 'anchored with a bend', 'sigmoid', 'beta', 'centred isotonic']
    >>> bool(abs(calibrator.predict_proba(scores)[:, 1].mean() - y.mean()) < 0.001)
    True
    """

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
        """Learn every candidate's map from scores to probabilities, and its share.

        Parameters
        ----------
        scores : array-like of shape (n_samples,), (n_samples, 1) or \
                (n_samples, n_classes)
            Log-scale scores of rows that the model has not been fitted on.
        y : array-like of shape (n_samples,)
            Labels of those rows, of any type.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights; None weighs all rows equally. Never pass weights that
            emphasise a class.
        classes : array-like of shape (n_classes,), default=None
            All labels, sorted, where the rows may lack some; None takes those of y.
        class_multiplier : array-like of shape (n_classes,), default=None
            Training mass of each class as the model saw it over its population mass;
            None is a model that was not weighted.
        votes : bool, default=False
            Whether the scores were made from shares of votes, as those of a forest.

        Returns
        -------
        self : object
            The fitted calibrator.

        Raises
        ------
        ValueError
            As in any calibrator: scores that are not finite, labels that are not among
            the classes, weights that cannot be used.

        Warns
        -----
        CalibrationWarning
            If a class has no row of positive weight.
        CalibrationWarning
            If the scores do not rank the classes in the direction they should.
        """
        self._votes = bool(votes)
        return self._fit(scores, y, sample_weight, classes, class_multiplier)

    def describe(self):
        """Return in words what was chosen.

        Returns
        -------
        words : str
            The candidates that have a share, largest first.
        """
        shares = sorted(self.shares_.items(), key=lambda pair: -pair[1])
        named = [f"{name} {share:.0%}" for name, share in shares if share > 0]
        return f"{self!r}: {', '.join(named)}"

    def _fit_binary(self, rows):
        candidates = {"anchored": self._anchored()}
        if rows.class_count.min() >= FEWEST_ROWS:
            candidates["anchored with a bend"] = self._anchored("quadratic")
            candidates["sigmoid"] = SigmoidCalibrator()
            candidates["beta"] = BetaCalibrator()
            candidates["centred isotonic"] = IsotonicCalibrator(centered=True)
        self._mix(candidates, rows)
        self._table = _Table.of(rows.scores, self.calibrators_, self._mean_binary)

    def _fit_multiclass(self, rows):
        candidates = {"anchored": self._anchored()}
        if rows.class_count.min() >= FEWEST_ROWS:
            candidates["sigmoid"] = SigmoidCalibrator()
            candidates["temperature"] = TemperatureCalibrator()
            # What shares of votes need inverted, a bias learns better.
            tempered = {"inversion": not self._votes}
            candidates["vector"] = VectorScalingCalibrator(**tempered)
            if rows.class_count.size <= MOST_CLASSES:
                candidates["matrix"] = StructuredMatrixScalingCalibrator(**tempered)
        self._mix(candidates, rows)

    def _anchored(self, shape="affine"):
        scales = {"slope_scale": 1.0, "intercept_scale": 2.0} if self._votes else {}
        return AnchoredCalibrator(shape, **scales)

    def _mix(self, candidates, rows):
        self.calibrators_ = {}
        refused = []
        with warnings.catch_warnings(record=True) as caught:
            # Every candidate in every fold would say the same, and of a missing class
            # the user has been told.
            warnings.simplefilter("always", CalibrationWarning)
            self._set_shares(candidates, rows)
            for name, share in self.shares_.items():
                if share > 0:
                    caught.clear()
                    fitted = _fit(candidates[name], rows, slice(None))
                    self.calibrators_[name] = fitted
                    if CalibrationWarning in [one.category for one in caught]:
                        refused.append(name)
        if refused:
            self._warn_again(max(refused, key=self.shares_.get), rows)

    def _warn_again(self, name, rows):
        """Let a candidate warn by the labels of the user, of which it knew none."""
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
            self.losses_, known = cross_fitted_losses(candidates, rows)
            total = rows.weight.sum() * np.array(list(self.losses_.values()))
            shares = softmax(-known * total / TEMPERATURE)
            shares = np.where(shares < SMALLEST_SHARE, 0.0, shares)
            shares /= shares.sum()
        self.shares_ = dict(zip(candidates, shares.tolist(), strict=True))
        self.chosen_ = max(self.shares_, key=self.shares_.get)

    def _mean_binary(self, scores):
        return keep_inside(
            sum(
                self.shares_[name] * one._predict_binary(scores)
                for name, one in self.calibrators_.items()
            )
        )

    def _predict_binary(self, scores):
        if self._table is None:
            return self._mean_binary(scores)
        return self._table(scores, self._mean_binary)

    def _predict_multiclass(self, scores):
        return keep_inside(
            sum(
                self.shares_[name] * one._predict_multiclass(scores)
                for name, one in self.calibrators_.items()
            )
        )


class _Table:
    """The log odds of a mixture, looked up where most scores are.

    A live prediction of one row would otherwise pay for every map of the mixture.
    Straight pieces between neighbours keep an increasing map increasing.
    """

    def __init__(self, knots, logit):
        self.knots = knots
        self.logit = logit

    @classmethod
    def of(cls, scores, calibrators, predict):
        """Return a table for the middle of the scores, or None if none is exact."""
        low, high = np.quantile(scores, [0.001, 0.999])
        if len(calibrators) < 2 or not 1e-9 < high - low < 1e9:
            return None
        kinks = [curve.scores for one in calibrators.values() for curve in _curves(one)]
        knots = np.unique(np.concatenate([np.linspace(low, high, N_CELLS), *kinks]))
        knots = knots[(knots >= low) & (knots <= high)]
        logit = _log_odds(predict(knots))
        # Where the mixture bends sharply between two knots, there is one more, until
        # all is straight.
        while knots.shape[0] <= MOST_KNOTS:
            between = (knots[1:] + knots[:-1]) / 2
            exact = _log_odds(predict(between))
            off = np.abs(exact - (logit[1:] + logit[:-1]) / 2) > TOLERANCE
            if not off.any():
                return cls(knots, logit)
            order = np.argsort(np.concatenate([knots, between[off]]))
            knots = np.concatenate([knots, between[off]])[order]
            logit = np.concatenate([logit, exact[off]])[order]
        return None

    def __call__(self, scores, predict):
        proba = binary_proba(interpolate(scores, self.knots, self.logit))
        outside = (scores < self.knots[0]) | (scores > self.knots[-1])
        if outside.any():
            proba[outside] = predict(scores[outside])
        return proba


def _curves(calibrator):
    return calibrator.curves_ if isinstance(calibrator, IsotonicCalibrator) else []


def _log_odds(proba):
    return np.log(proba[:, 1]) - np.log(proba[:, 0])


def cross_fitted_losses(candidates, rows):
    """Return losses of calibrators on rows they did not see, and what those rows tell.

    The second is how many rows of weight one tell the candidates apart as well, for
    each unit of weight: one where all weigh the same, and less where a few heavy rows
    decide. It is that by which the sum of their differences has the spread of a count.
    """
    n_folds = N_FOLDS if rows.codes.size <= MANY_ROWS else N_FOLDS_OF_MANY
    fold = _folds(rows, n_folds)
    total = np.zeros(len(candidates))
    apart, spread = 0.0, 0.0
    for k in range(n_folds):
        train, test = fold != k, fold == k
        codes, weight = rows.codes[test], rows.weight[test]
        losses = np.empty((len(candidates), codes.shape[0]))
        for loss, candidate in zip(losses, candidates.values(), strict=True):
            proba = _fit(candidate, rows, train).predict_proba(rows.scores[test])
            own = np.take_along_axis(proba, codes[:, np.newaxis], axis=1)
            loss[:] = -np.log(own[:, 0])
        total += losses @ weight
        square = losses.var(axis=0)
        apart += weight @ square
        spread += weight**2 @ square
    mean = total / rows.weight.sum()
    return (
        dict(zip(candidates, mean.tolist(), strict=True)),
        apart / spread if spread > 0 else 1.0,
    )


def _folds(rows, n_folds):
    """Return a fold for every row, whatever the order of rows and of classes.

    Rows are sorted by the score of their own class; then shuffled, or those left out
    would lie between those of the fit too evenly for chance.
    """
    own = rows.scores
    if own.ndim == 2:
        own = np.take_along_axis(own, rows.codes[:, np.newaxis], axis=1)[:, 0]
    else:
        own = np.where(rows.codes == 1, own, -own)
    order = np.lexsort((rows.weight, own, rows.codes))
    fold = np.empty(order.size, dtype=np.intp)
    for block in np.split(order, np.cumsum(np.bincount(rows.codes))[:-1]):
        shuffled = np.random.default_rng(0).permutation(block)
        fold[shuffled] = np.arange(block.size) % n_folds
    return fold


def _fit(candidate, rows, part):
    known = {"classes": np.arange(rows.class_count.size)}
    if has_fit_parameter(candidate, "class_multiplier"):
        known["class_multiplier"] = rows.class_multiplier
    return candidate.fit(
        rows.scores[part], rows.codes[part], rows.weight[part], **known
    )
