"""The calibrator that is chosen by how many rows there are, and by their loss."""

import numpy as np

from skweight.calibration._anchored import AnchoredCalibrator
from skweight.calibration._base import BaseCalibrator
from skweight.calibration._beta import BetaCalibrator
from skweight.calibration._isotonic import IsotonicCalibrator

# Effective rows of the rarest class from which on a family of maps is worth a try.
ENOUGH_FOR_SLOPE = 5
ENOUGH_FOR_BEND = 500
ENOUGH_FOR_CURVE = 2000
N_FOLDS = 5


class AutoCalibrator(BaseCalibrator):
    r"""Choose the family of maps by the number of rows, then by their held-out loss.

    Use it when nothing is known about the model, and as the first choice for one that
    was weighted or resampled. The rarest class decides how much can be learned: with m
    its effective number of calibration rows, the candidates are

    ==================  ====================================================
    m < 5               the inversion of the weights, with an intercept
    5 <= m < 500        an anchored affine map
    m >= 500            also an anchored map with a bend, and a beta map
    m >= 2000           also a centred isotonic curve within bounds
    three classes       an anchored slope and intercept for each class
    ==================  ====================================================

    Among several the one of lowest cross-fitted log loss is taken and fitted on all
    rows. Maps are anchored at the closed-form inversion of the training weights; for
    shares of votes, which are no log odds, loosely, and a bend is tried from m = 50
    on. A temperature without a bias is never a candidate, since it cannot undo
    weights, and no curve is that could say exactly 0 or 1.

    Attributes
    ----------
    calibrator_ : calibrator
        The chosen one, fitted on all rows; its labels are positions in ``classes_``.
    chosen_ : str
        Its name among the candidates.
    losses_ : dict {str: float}
        Cross-fitted weighted log loss of every candidate, in nats; empty where there
        was one candidate only.
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted; the columns of ``predict_proba`` follow them.
    class_count_ : ndarray of shape (n_classes,)
        Effective number of calibration rows per class.

    See Also
    --------
    AnchoredCalibrator : What it starts from.
    IsotonicCalibrator : What it may end with.

    Notes
    -----
    Folds are stratified and follow the order of the rows, so that the choice is
    deterministic. Up to 20 fits of a calibrator besides the one that is kept: below
    half a second for 100,000 rows. The choice itself is not cross-fitted; its optimism
    is far below what the choice gains.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.calibration import AutoCalibrator
    >>> rng = np.random.default_rng(0)
    >>> logit = rng.normal(-2, 1.5, size=10_000)
    >>> y = (rng.random(10_000) < 1 / (1 + np.exp(-logit))).astype(int)
    >>> scores = logit + np.log(5)  # of a model that counted the second class 5 times
    >>> few = AutoCalibrator().fit(scores[:300], y[:300], class_multiplier=[1, 5])
    >>> few.chosen_, few.losses_
    ('anchored', {})
    >>> many = AutoCalibrator().fit(scores, y, class_multiplier=[1, 5])
    >>> list(many.losses_)
    ['anchored', 'anchored with a bend', 'beta']
    >>> bool(abs(many.predict_proba(scores)[:, 1].mean() - y.mean()) < 0.001)
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
        """Choose a map from scores to probabilities, and learn it.

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
            If a class has no row, or the scores rank the classes the wrong way round.
        """
        self._votes = bool(votes)
        return self._fit(scores, y, sample_weight, classes, class_multiplier)

    def _fit_binary(self, rows):
        self._choose(rows, self._binary_candidates(rows.class_count.min()))

    def _fit_multiclass(self, rows):
        self._choose(rows, {"anchored": AnchoredCalibrator(**self._scales())})

    def _scales(self):
        return {"slope_scale": 1.0, "intercept_scale": 2.0} if self._votes else {}

    def _binary_candidates(self, fewest):
        scales = self._scales()
        if fewest < ENOUGH_FOR_SLOPE:
            scales["slope_scale"] = 0.01
            return {"anchored intercept": AnchoredCalibrator(**scales)}
        found = {"anchored": AnchoredCalibrator(**scales)}
        if fewest >= ENOUGH_FOR_BEND / (10 if self._votes else 1):
            found["anchored with a bend"] = AnchoredCalibrator("quadratic", **scales)
            found["beta"] = BetaCalibrator()
        if fewest >= ENOUGH_FOR_CURVE:
            found["isotonic, centred"] = IsotonicCalibrator(centered=True)
        return found

    def _choose(self, rows, candidates):
        self.losses_ = {}
        if len(candidates) > 1:
            self.losses_ = cross_fitted_losses(candidates, rows)
            self.chosen_ = min(self.losses_, key=self.losses_.get)
        else:
            (self.chosen_,) = candidates
        self.calibrator_ = _fit(candidates[self.chosen_], rows, slice(None))

    def _predict_binary(self, scores):
        return self.calibrator_.predict_proba(scores)

    def _predict_multiclass(self, scores):
        return self.calibrator_.predict_proba(scores)


def cross_fitted_losses(candidates, rows):
    """Return the weighted log loss of calibrators on rows they were not fitted on."""
    order = np.argsort(rows.codes, kind="stable")
    fold = np.empty(order.size, dtype=np.intp)
    # Dealt out in turn within each class, and on from one class to the next.
    fold[order] = np.arange(order.size) % N_FOLDS
    total = dict.fromkeys(candidates, 0.0)
    for k in range(N_FOLDS):
        train, test = fold != k, fold == k
        for name, candidate in candidates.items():
            proba = _fit(candidate, rows, train).predict_proba(rows.scores[test])
            own = np.take_along_axis(proba, rows.codes[test][:, np.newaxis], axis=1)
            total[name] -= rows.weight[test] @ np.log(own[:, 0])
    return {name: float(loss / rows.weight.sum()) for name, loss in total.items()}


def _fit(candidate, rows, part):
    known = {"classes": np.arange(rows.class_count.size)}
    if isinstance(candidate, AnchoredCalibrator):
        known["class_multiplier"] = rows.class_multiplier
    return candidate.fit(
        rows.scores[part], rows.codes[part], rows.weight[part], **known
    )
