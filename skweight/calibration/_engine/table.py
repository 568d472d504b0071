"""A curve of log odds as a table with linear interpolation."""

import numpy as np

from skweight.calibration._engine.lookup import interpolate
from skweight.calibration._engine.numerics import binary_proba

# A table starts with N_KNOTS knots and gets at most MOST_KNOTS. TOLERANCE is the
# largest error of the log odds. The table extends beyond the scores by REACH times the
# range of the scores.
N_KNOTS = 65
MOST_KNOTS = 1 << 11
TOLERANCE = 1e-3
REACH = 2.0
# Every model stores a table. Therefore a table with more than this number of knots is
# simplified. Knots that change the log odds by less than the tolerance are left out.
# Values are stored in single precision.
MANY_KNOTS = 192
# An interval is not divided if it is narrower than this fraction of the range. So
# narrow intervals occur only at the jump of a step function, where accuracy does not
# matter.
NARROW = 1 / 4096


class CurveTable:
    """A table of the log odds of a curve, so that a prediction needs only one search.

    Linear interpolation keeps an increasing curve increasing. The number of knots is
    limited, since the table is stored in the model.
    """

    def __init__(self, knots, logit):
        self.knots = knots
        self.logit = logit

    @classmethod
    def of(cls, scores, kinks, predict):
        """Return the table of a curve, or None if no table is accurate enough.

        ``kinks`` are scores at which the curve is not smooth. ``predict`` is the curve
        as a function: it maps scores to the probabilities of two classes.
        """
        low, high = scores.min(), scores.max()
        if not 1e-9 < high - low < 1e9:
            return None
        reach = REACH * (high - low)
        inside = np.quantile(scores, np.linspace(0, 1, N_KNOTS))
        knots = np.unique(np.concatenate([inside, kinks, [low - reach, high + reach]]))
        logit = _log_odds(predict(knots))
        # Insert knots in the middle of intervals until linear interpolation is accurate
        # enough.
        while knots.shape[0] <= MOST_KNOTS:
            between = (knots[1:] + knots[:-1]) / 2
            exact = _log_odds(predict(between))
            off = np.abs(exact - (logit[1:] + logit[:-1]) / 2) > TOLERANCE
            off &= np.diff(knots) > NARROW * (high - low)
            if not off.any():
                return cls(*_simplified(knots, logit))
            at = np.flatnonzero(off) + 1
            knots = np.insert(knots, at, between[off])
            logit = np.insert(logit, at, exact[off])
        return None

    def without(self, kinks):
        """Return those arguments of `restored` that a model has to store."""
        kinks = np.unique(kinks)
        others = np.setdiff1d(self.knots, kinks, assume_unique=True)
        return np.packbits(np.isin(kinks, self.knots)), others

    @classmethod
    def restored(cls, kinks, is_knot, others, predict):
        """Rebuild the table from its kinks, a flag per kink, and its other knots.

        For each kink, a flag is true if the kink is a knot of the table.
        """
        kinks = np.unique(kinks)
        is_knot = np.unpackbits(is_knot, count=kinks.size).astype(bool)
        knots = np.sort(np.concatenate([kinks[is_knot], others]))
        return cls(knots, _log_odds(predict(knots)).astype(np.float32))

    def __call__(self, scores, predict):
        """Return both probabilities; for scores outside the table, call ``predict``."""
        proba = binary_proba(interpolate(scores, self.knots, self.logit))
        low, high = self.knots[0], self.knots[-1]
        if scores.size and (scores.min() < low or scores.max() > high):
            outside = (scores < low) | (scores > high)
            proba[outside] = predict(scores[outside])
        return proba


def _simplified(knots, logit):
    """Return a table with fewer knots, by the algorithm of Douglas and Peucker."""
    if knots.shape[0] <= MANY_KNOTS:
        return knots, logit.astype(np.float32)
    kept = np.zeros(knots.shape[0], dtype=bool)
    kept[[0, -1]] = True
    pieces = [(0, knots.shape[0] - 1)]
    while pieces:
        first, last = pieces.pop()
        inside = slice(first + 1, last)
        line = np.interp(knots[inside], knots[[first, last]], logit[[first, last]])
        off = np.abs(line - logit[inside])
        if off.size and off.max() > TOLERANCE:
            farthest = first + 1 + int(off.argmax())
            kept[farthest] = True
            pieces += [(first, farthest), (farthest, last)]
    return knots[kept], logit[kept].astype(np.float32)


def _log_odds(proba):
    return np.log(proba[:, 1]) - np.log(proba[:, 0])
