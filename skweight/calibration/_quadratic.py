"""Quadratic maps of the log odds that are always increasing."""

import numpy as np

from skweight.calibration._bent import BentCalibrator
from skweight.calibration._engine.logistic import (
    LogisticObjective,
    fit_best_edge,
    fit_logistic,
    standardise,
)

# The quadratic term is used for scores at most _REACH standard deviations from the
# mean. At the ends of this range, the slope of the map is at least _FLATTEST times the
# slope in the middle.
_REACH = 5.0
_FLATTEST = 0.02


class Bend:
    """The standardised score u, and u * u - 1 within a range, with straight tails.

    The quadratic term is used only for scores within the range of the calibration
    scores and within five standard deviations of the mean. Outside these limits, the
    tangent of the quadratic term is used. Otherwise, the parabola would reverse the
    ranking beyond its vertex.
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
        """Return those ends of the range where the slope is too small."""
        ends = np.array([self.low, self.high])
        return ends[theta[0] + 2 * theta[1] * ends < _FLATTEST * theta[0]]


def fit_bend(objective, start, *, shape=None):
    """Return (slope, curvature, intercept) of the best increasing map, or None.

    The map must increase at both ends of the range. If the best map without this
    restriction increases at both ends, it is the result. Otherwise, the result is the
    best map with the smallest allowed slope at one end. If the slope at one end is
    fixed, the fit has one parameter less than without a fixed slope.
    """
    basis = objective.basis
    theta = fit_logistic(objective, start, shape=shape)
    turns_at = basis.turns_at(theta)
    if theta[0] > 0 and not turns_at.size:
        return theta
    edges = []
    for end in turns_at if theta[0] > 0 else (basis.low, basis.high):
        if abs(end) > 1e-9:
            bend = -(1 - _FLATTEST) / (2 * end)
            edges.append(np.array([[1.0, 0.0], [bend, 0.0], [0.0, 1.0]]))
    near = theta if theta[0] > 0 else None
    return fit_best_edge(objective, edges, near=near, shape=shape)


class QuadraticCalibrator(BentCalibrator):
    r"""Calibrate by an increasing quadratic map of the log odds.

    Use this calibrator if the reliability curve bends, as for over-fitted trees and
    forests, and if the rare class has hundreds of calibration rows. This calibrator has
    one parameter more than ``SigmoidCalibrator``, and needs only a tenth as many rows
    as ``IsotonicCalibrator``. With fewer rows, use ``AnchoredCalibrator("quadratic")``.
    With many rows, ``QuadraticCalibrator`` and ``AnchoredCalibrator("quadratic")`` give
    nearly the same map.

    With u the score, standardised to mean 0 and standard deviation 1,

    .. math:: p(1 \mid s) = \sigma\left(b + a u + c\, (u^2 - 1)\right).

    Parameters
    ----------
    smoothing : float, default=1.0
        Number of pseudo-rows per class, in (0, inf), as in ``SigmoidCalibrator``. A
        larger number moves probabilities further away from 0 and 1.
    bounded : bool, default=True
        Whether to limit extreme probabilities, as in ``SigmoidCalibrator``.

    Attributes
    ----------
    curves_ : list of LogitCurve
        For two classes: the curve of the second class. For more classes: one curve for
        each class against the rest. ``theta`` of a curve holds the parameters a, c and
        b of the map.
    slope_, intercept_ : float, float or ndarray of shape (n_classes,)
        For three or more classes: slope and intercept of the map of
        ``TemperatureCalibrator``, which is applied before the curves. For two classes:
        1 and 0.
    classes_ : ndarray of shape (n_classes,)
        Sorted labels, in the order of the columns of ``predict_proba``.
    class_count_ : ndarray of shape (n_classes,)
        Effective number of calibration rows per class.

    See Also
    --------
    AnchoredCalibrator : The same map with a prior, for fewer rows.
    BetaCalibrator : Two slopes; always increasing.
    SigmoidCalibrator : The affine map.

    Notes
    -----
    *The map is increasing.* A parabola would reverse the ranking beyond its vertex.
    Therefore the quadratic term is used only for scores within the range of the
    calibration scores and within five standard deviations of the mean. Outside these
    limits, the parabola is continued along its tangent. If the best parabola is not
    increasing within the limits, the calibrator fits the best increasing parabola
    instead. This fit is a convex problem. In this case, the slope of the parabola at
    one end is 2 % of the slope in the middle. The ranking and the AUC do not change.

    *Three or more classes* are handled as in ``IsotonicCalibrator``.

    *Cost.* The fit uses Newton's method on bins of the score and one pass over the
    rows: :math:`O(n)`, or :math:`O(n k)` for k classes. The fit is deterministic, and
    rows of weight zero are ignored.

    References
    ----------
    .. [1] E. Berta et al., "CalArena: a large-scale study of post-hoc calibration",
       arXiv:2605.30188, 2026 (quadratic scaling of the logit).
    .. [2] J. Platt, "Probabilistic outputs for support vector machines", Advances in
       Large Margin Classifiers, 1999 (the targets).

    Examples
    --------
    Suppose that the positive log odds of a model are three times too large:

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

    def _fit_bent(self, scores, codes, weight, levels, near):
        standard = standardise(scores, weight)
        basis = Bend(standard, scores)
        objective = LogisticObjective(basis, scores, codes, weight, levels, standard)
        start = objective.constant(n_features=2) if near is None else near
        theta = fit_bend(objective, start)
        return objective, basis, theta
