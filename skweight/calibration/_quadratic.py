"""Maps with a bend: the affine map of the log odds and a guarded square."""

import numpy as np

from skweight.calibration._bent import BentCalibrator
from skweight.calibration._engine.logistic import (
    LogisticObjective,
    fit_best_edge,
    fit_logistic,
    standardise,
)

# What a quadratic bends over, in standard deviations, and how flat it may become at
# the ends of that range, relative to its slope in the middle.
_REACH = 5.0
_FLATTEST = 0.02


class Bend:
    """The standardised score u, and u * u - 1 within a range, with straight tails.

    Outside the range, which is that of the calibration scores but at most five
    standard deviations to either side, the square goes on along its tangent: a
    parabola would turn round somewhere, and reverse the ranking there.
    """

    def __init__(self, standard, scores):
        self.standard = standard
        self.low = max(float(standard(scores.min())), -_REACH)
        self.high = min(float(standard(scores.max())), _REACH)

    def __call__(self, scores):
        features = np.empty((2, scores.shape[0]))
        u, bend = features
        u[:] = self.standard(scores)
        inside = u.clip(self.low, self.high)
        # On the tangent at the end e: e * e + 2 e (u - e) = e * (2 u - e).
        np.multiply(u, 2.0, out=bend)
        bend -= inside
        bend *= inside
        bend -= 1.0
        return features

    def turns_at(self, theta):
        """Return the ends of the range at which the map is flatter than it may be."""
        ends = np.array([self.low, self.high])
        return ends[theta[0] + 2 * theta[1] * ends < _FLATTEST * theta[0]]


def fit_bend(objective, start, *, shape=None):
    """Return (slope, bend, intercept) of the best rising map, or None if none rises.

    The best map among those that rise at both ends of the range either has no end at
    its limit, or is the best of those that are as flat as allowed at one of them,
    which is a fit with one parameter less.
    """
    basis = objective.basis
    theta = fit_logistic(objective, start, shape=shape)
    if theta[0] > 0 and not basis.turns_at(theta).size:
        return theta
    edges = []
    for end in (basis.low, basis.high):
        if abs(end) > 1e-9:
            bend = -(1 - _FLATTEST) / (2 * end)
            edges.append(np.array([[1.0, 0.0], [bend, 0.0], [0.0, 1.0]]))
    return fit_best_edge(objective, edges, shape=shape)


class QuadraticCalibrator(BentCalibrator):
    r"""Calibrate by a parabola of the log odds that never turns round.

    Use it where the reliability curve bends, as that of over-fitted trees and of
    forests does, and the rare class has hundreds of calibration rows: three parameters
    follow a bend that the two of ``SigmoidCalibrator`` cannot, at a tenth of the rows
    that ``IsotonicCalibrator`` needs. With fewer rows take ``AnchoredCalibrator``, of
    which it is the limit of many rows.

    With u the score minus its mean, divided by its standard deviation,

    .. math:: p(1 \mid s) = \sigma\left(b + a u + c\, (u^2 - 1)\right).

    Parameters
    ----------
    smoothing : float, default=1.0
        Pseudo-rows per class, in (0, inf), as in ``SigmoidCalibrator``. Raising it
        pulls probabilities away from 0 and 1.
    bounded : bool, default=True
        Whether log odds beyond Laplace's bounds
        :math:`[1 / (N_- + 2), (N_+ + 1) / (N_+ + 2)]`, the most that so many rows can
        show, grow only like a logarithm. The ranking stays. False follows the formula
        to any extreme.

    Attributes
    ----------
    curves_ : list of LogitCurve
        One curve, of the second class, for two classes; one for each class against the
        rest otherwise. ``theta`` of a curve holds a, c and b.
    slope_, intercept_ : float, float or ndarray of shape (n_classes,)
        The joint map under the curves of three classes and more; 1 and 0 for two.
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted; the columns of ``predict_proba`` follow them.
    class_count_ : ndarray of shape (n_classes,)
        Effective number of calibration rows per class.

    See Also
    --------
    AnchoredCalibrator : The same map with the inversion as its prior.
    BetaCalibrator : A bend that is monotone by its form.
    SigmoidCalibrator : No bend.

    Notes
    -----
    *The guard.* A parabola turns round, and would reverse the ranking beyond that
    point. Here the square is taken over the range of the calibration scores (at most
    five standard deviations to either side) and goes on along its tangent outside. If
    the best parabola turns round inside that range, the best one that rises is fitted:
    the problem is convex, and its solution lies where the slope at one end is 2 % of
    the slope in the middle. So the ranking and the AUC stay.

    *Three classes and more.* One curve per class of the log odds against the rest,
    after the joint map of ``TemperatureCalibrator``, divided by their sum, as in
    ``IsotonicCalibrator``.

    *Cost.* Newton on cells of the score and one pass over the rows: :math:`O(n)`, times
    k for more classes. Deterministic; rows of weight zero are as if removed.

    References
    ----------
    .. [1] E. Berta et al., "CalArena: a large-scale study of post-hoc calibration",
       arXiv:2605.30188, 2026 (quadratic scaling of the logit).
    .. [2] J. Platt, "Probabilistic outputs for support vector machines", Advances in
       Large Margin Classifiers, 1999 (the targets).

    Examples
    --------
    A model three times too sure on one side:

    >>> import numpy as np
    >>> from skweight.calibration import QuadraticCalibrator, SigmoidCalibrator
    >>> rng = np.random.default_rng(0)
    >>> logit = rng.normal(-1, 1.5, size=20_000)
    >>> p = 1 / (1 + np.exp(-logit))
    >>> y = rng.random(20_000) < p
    >>> scores = np.where(logit > 0, 3 * logit, logit)
    >>> for calibrator in (SigmoidCalibrator(), QuadraticCalibrator()):
    ...     q = calibrator.fit(scores, y).predict_proba(scores)[:, 1]
    ...     print(f"{np.abs(q - p).mean():.3f}")
    0.045
    0.032
    """

    def _fit_bent(self, scores, codes, weight, levels):
        standard = standardise(scores, weight)
        basis = Bend(standard, scores)
        objective = LogisticObjective(basis, scores, codes, weight, levels, standard)
        theta = fit_bend(objective, objective.constant(n_features=2))
        return objective, basis, theta
