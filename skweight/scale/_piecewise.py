"""Convert a calibrator to a piecewise linear map, for databases without Python."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from sklearn.utils.validation import check_is_fitted

from skweight._utils.validation import check_number, plain, say

# Number of scores at which the calibrator is first evaluated, and the largest number of
# knots (scores at which the piecewise linear map may bend).
_FIRST = 81
_MOST = 4096
# An interval between two knots is not divided if it is narrower than _NARROWEST. A jump
# of the calibrator therefore becomes a steep line.
_NARROWEST = 1e-7
# Pairs of an attribute and a shift. In the attribute, a calibrator stores the scores at
# which its curve bends or jumps. The shift is added to these scores; this gives a score
# on the other side of a jump.
_KINKS = [
    ("scores", 0.0),
    ("lower_scores", 0.0),
    ("lower_scores", -_NARROWEST),
    ("upper_scores", 0.0),
    ("upper_scores", _NARROWEST),
]


@dataclass(frozen=True)
class PiecewiseMap:
    """A calibration of two classes, as a piecewise linear map from scores to log odds.

    Use this map if new rows are scored without Python, for example in Spark or in a
    data warehouse. The map is a pair of arrays, as for ``numpy.interp``, or an SQL
    expression. Create the map by :meth:`of`.

    Parameters
    ----------
    scores : ndarray of shape (n_knots,)
        Scores of the knots, strictly increasing.
    log_odds : ndarray of shape (n_knots,)
        Log odds of the second class at `scores`. The map is linear between two
        neighbouring `scores`, and constant below the first and above the last score.
    classes : ndarray of shape (2,)
        Both labels, sorted.

    See Also
    --------
    skweight.calibration.BaseCalibrator : The calibrators that can be converted.

    Examples
    --------
    >>> from skweight.calibration import SigmoidCalibrator
    >>> from skweight.scale import PiecewiseMap
    >>> calibrator = SigmoidCalibrator().fit([-2, -1, 0, 1, 2, 3], [0, 0, 1, 0, 1, 1])
    >>> knots = PiecewiseMap.of(calibrator, low=-5, high=5)
    >>> knots.predict_proba([0.5]).round(2)
    array([[0.5, 0.5]])
    >>> print(PiecewiseMap([-1, 1], [-2.5, 1.0], [0, 1]).sql("z"))
    1 / (1 + exp(-(CASE WHEN z < -1.0 THEN -2.5 WHEN z >= 1.0 THEN 1.0
    ELSE -2.5 + (z - (-1.0)) * 1.75 END)))
    """

    scores: np.ndarray
    log_odds: np.ndarray
    classes: np.ndarray

    def __post_init__(self):
        for name in ("scores", "log_odds"):
            values = np.asarray(getattr(self, name), dtype=np.float64)
            object.__setattr__(self, name, values)
        object.__setattr__(self, "classes", np.asarray(self.classes))
        if (
            self.scores.ndim != 1
            or self.scores.shape != self.log_odds.shape
            or self.scores.size < 2
            or not (np.diff(self.scores) > 0).all()
            or not np.isfinite(self.log_odds).all()
        ):
            raise ValueError(
                "PiecewiseMap needs at least two knots: strictly increasing scores, "
                f"and finite log odds for each; got scores of shape "
                f"{self.scores.shape} and log_odds of shape {self.log_odds.shape}."
            )
        if self.classes.shape != (2,):
            raise ValueError(
                f"PiecewiseMap needs two classes; got {say(self.classes)}."
            )

    @classmethod
    def of(cls, calibrator, *, tol=1e-3, low=-20.0, high=20.0):
        """Return the map of a fitted calibrator.

        Parameters
        ----------
        calibrator : BaseCalibrator
            Fitted calibrator of two classes.
        tol : float, default=1e-3
            Largest allowed error of the log odds, in (0, inf). The error is measured
            midway between two knots. For a small probability, this error equals the
            relative error of the probability. Raising `tol` makes the SQL expression
            shorter.
        low, high : float, default=-20.0, 20.0
            Range of the scores of the knots; the map is constant outside this range.

        Returns
        -------
        knots : PiecewiseMap
            The map. The map of a parametric calibrator has some tens of knots; the map
            of an isotonic calibrator has more knots.
        """
        check_number(tol, name="tol", low=0, include="neither")
        if not low < high:
            raise ValueError(f"low must be below high; got {low} and {high}.")
        check_is_fitted(calibrator, "classes_")
        classes = calibrator.classes_
        if classes.shape[0] != 2:
            raise ValueError(
                f"PiecewiseMap needs two classes; the calibrator has "
                f"{say(classes)}. Make one map for each class against the rest."
            )

        def log_odds_of(scores):
            proba = calibrator.predict_proba(scores)
            return np.log(proba[:, 1]) - np.log(proba[:, 0])

        kinks = [
            np.asarray(getattr(curve, name)) + shift
            for curve in getattr(calibrator, "curves_", ())
            for name, shift in _KINKS
            if hasattr(curve, name)
        ]
        grid = np.concatenate([np.linspace(low, high, _FIRST), *kinks])
        scores = np.unique(grid[(grid >= low) & (grid <= high)])
        log_odds = log_odds_of(scores)
        while scores.size <= _MOST:
            middle = (scores[1:] + scores[:-1]) / 2
            exact = log_odds_of(middle)
            off = np.abs(exact - (log_odds[1:] + log_odds[:-1]) / 2) > tol
            off &= np.diff(scores) > _NARROWEST
            if not off.any():
                break
            order = np.argsort(np.concatenate([scores, middle[off]]))
            scores = np.concatenate([scores, middle[off]])[order]
            log_odds = np.concatenate([log_odds, exact[off]])[order]
        needed = _needed(scores, log_odds, tol / 4)
        return cls(scores[needed], log_odds[needed], classes)

    def predict_proba(self, scores):
        """Return probabilities of both classes.

        Parameters
        ----------
        scores : array-like of shape (n_samples,)
            Log odds or decision values, as for the calibrator.

        Returns
        -------
        proba : ndarray of shape (n_samples, 2)
            Columns follow `classes`.
        """
        log_odds = np.interp(scores, self.scores, self.log_odds)
        return np.column_stack([expit(-log_odds), expit(log_odds)])

    def sql(self, score, *, threshold=None):
        """Return the map as an SQL expression.

        Parameters
        ----------
        score : str
            Column of the scores, or an SQL expression that computes the scores.
        threshold : float, default=None
            In [0, 1]. The second class is chosen if its probability is at least this
            value. With None, the expression gives the probability.

        Returns
        -------
        expression : str
            SQL expression that uses only ``CASE``, comparisons and ``exp``. The value
            of the expression is the probability of the second class, or the chosen
            label if `threshold` is not None.
        """
        log_odds = self._case(score, 0, self.scores.size - 1)
        low, high = self._ends(score)
        # The SQL expression first tests whether the score is outside the knots. Then it
        # bisects the knots, so that each row needs only a few comparisons.
        log_odds = f"CASE {low} {high} ELSE {log_odds} END"
        if threshold is None:
            return f"1 / (1 + exp(-({log_odds})))"
        check_number(threshold, name="threshold", low=0, high=1)
        first_label, second_label = (_literal(plain(label)) for label in self.classes)
        if threshold in (0, 1):
            # Probabilities are never exactly 0 or 1, so a threshold of 1 never chooses
            # the second class.
            return second_label if threshold == 0 else first_label
        cut = _number(np.log(threshold) - np.log1p(-threshold))
        return (
            f"CASE WHEN {log_odds} >= {cut} THEN {second_label} ELSE {first_label} END"
        )

    def _ends(self, score):
        low, high = _number(self.scores[0]), _number(self.scores[-1])
        first, last = _number(self.log_odds[0]), _number(self.log_odds[-1])
        return (
            f"WHEN {score} < {low} THEN {first}",
            f"WHEN {score} >= {high} THEN {last}",
        )

    def _case(self, score, first, last):
        """Return the expression between two knots, by bisection."""
        if last - first > 1:
            middle = (first + last) // 2
            below = self._case(score, first, middle)
            above = self._case(score, middle, last)
            cut = _number(self.scores[middle])
            return f"CASE WHEN {score} < {cut} THEN {below} ELSE {above} END"
        x, y = self.scores[first], self.log_odds[first]
        slope = (self.log_odds[last] - y) / (self.scores[last] - x)
        return f"{_number(y)} + ({score} - ({_number(x)})) * {_number(slope)}"


def _needed(x, y, tol):
    """Return positions of knots such that the error is below `tol`."""
    needed, start = [0], 0
    while start < x.size - 1:
        # Find the farthest knot such that a straight line to this knot is close to all
        # knots in between. The step is doubled first, and then bisected.
        good, step = start + 1, 2
        while start + step < x.size and _straight(x, y, start, start + step, tol):
            good, step = start + step, 2 * step
        bad = min(start + step, x.size)
        while bad - good > 1:
            middle = (good + bad) // 2
            if _straight(x, y, start, middle, tol):
                good = middle
            else:
                bad = middle
        needed.append(good)
        start = good
    return needed


def _straight(x, y, start, end, tol):
    part = slice(start, end + 1)
    line = np.interp(x[part], x[[start, end]], y[[start, end]])
    return np.abs(line - y[part]).max() <= tol


def _number(value):
    """Write a number as a double of SQL."""
    return repr(float(value))


def _literal(label):
    if isinstance(label, bool):
        return "TRUE" if label else "FALSE"
    if isinstance(label, int | float):
        return repr(label)
    quoted = str(label).replace("'", "''")
    return f"'{quoted}'"
