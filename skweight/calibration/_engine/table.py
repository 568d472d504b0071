"""A curve of log odds, kept as a table of few knots with straight lines in between."""

import numpy as np

from skweight.calibration._engine.lookup import interpolate
from skweight.calibration._engine.numerics import binary_proba

# Knots at the start, knots that a table may have in the end, the log odds by which it
# may be off, and how far beyond the scores it reaches, in widths of their range.
N_KNOTS = 65
MOST_KNOTS = 1 << 11
TOLERANCE = 1e-3
REACH = 2.0
# Knots this near to each other, in widths of the range, have none in between: where a
# step function jumps, any way up is as good as another.
NARROW = 1 / 4096


class CurveTable:
    """The log odds of a curve, looked up: a prediction pays for one search.

    Straight pieces between neighbours keep an increasing curve increasing. The knots
    are few, since a table is kept with every model.
    """

    def __init__(self, knots, logit):
        self.knots = knots
        self.logit = logit

    @classmethod
    def of(cls, scores, kinks, predict):
        """Return the table of a curve over scores and beyond, or None if none is exact.

        ``kinks`` are scores where the curve is not smooth, and ``predict`` returns
        its probabilities of two classes.
        """
        low, high = scores.min(), scores.max()
        if not 1e-9 < high - low < 1e9:
            return None
        reach = REACH * (high - low)
        inside = np.quantile(scores, np.linspace(0, 1, N_KNOTS))
        knots = np.unique(np.concatenate([inside, kinks, [low - reach, high + reach]]))
        logit = _log_odds(predict(knots))
        # Where the curve bends sharply between two knots, there is one more, until all
        # is straight.
        while knots.shape[0] <= MOST_KNOTS:
            between = (knots[1:] + knots[:-1]) / 2
            exact = _log_odds(predict(between))
            off = np.abs(exact - (logit[1:] + logit[:-1]) / 2) > TOLERANCE
            off &= np.diff(knots) > NARROW * (high - low)
            if not off.any():
                return cls(knots, logit)
            at = np.flatnonzero(off) + 1
            knots = np.insert(knots, at, between[off])
            logit = np.insert(logit, at, exact[off])
        return None

    def __call__(self, scores, predict):
        """Return probabilities of two classes, beyond the table by ``predict``."""
        proba = binary_proba(interpolate(scores, self.knots, self.logit))
        outside = (scores < self.knots[0]) | (scores > self.knots[-1])
        if outside.any():
            proba[outside] = predict(scores[outside])
        return proba


def _log_odds(proba):
    return np.log(proba[:, 1]) - np.log(proba[:, 0])
