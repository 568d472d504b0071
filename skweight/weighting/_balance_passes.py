"""Entropy balancing of rows that do not fit into memory: one pass per Newton step."""

import numpy as np
import pandas as pd

from skweight._utils.sums import Sums, chunk_weights
from skweight._utils.validation import is_sequence, n_rows
from skweight.weighting._moments import moments_given, moments_of_rows


class TiltedSums(Sums):
    """Sums over rows; a row with scaled moments z has the weight ``s exp(z'l)``.

    Parameters
    ----------
    moments : Moments
        The moments (means to balance) that are computed for each row.
    origin, per_sd : ndarray of shape (n_moments,)
        Value subtracted from each moment, and factor that multiplies the difference.
    coef : ndarray of shape (n_moments,)
        The multipliers l in the formula of the weight.
    """

    _takes = ("X",)
    _alike = ("origin", "per_sd", "coef")

    def __init__(self, moments, origin, per_sd, coef):
        super().__init__()
        self.moments, self.origin = moments, origin
        self.per_sd, self.coef = per_sd, coef

    def update(self, X, sample_weight=None, *, key=None):
        """Count the rows of a chunk."""
        if n_rows(X) == 0:
            return self._take({}, key)
        weight = chunk_weights(sample_weight, n_rows(X))
        weight = np.ones(n_rows(X)) if weight is None else weight
        total = weight.sum()
        counts = self.moments.shown(X) & (weight > 0)
        if not counts.any():
            return self._take({"total": total}, key)
        values, weight = self.moments.values(X)[counts], weight[counts]
        z = (values - self.origin) * self.per_sd
        tilted = weight * np.exp(np.minimum(z @ self.coef, 700.0))
        sums = {
            "total": total,
            "rows": np.float64(weight.size),
            "lightest": weight.min(),
            "low": values.min(axis=0),
            "high": values.max(axis=0),
            "mass": tilted.sum(),
            "squares": tilted @ tilted,
            "mean": tilted @ z,
            "gram": (z * tilted[:, np.newaxis]).T @ z,
        }
        return self._take(sums, key)

    def _combine(self, label, first, other):
        if label in ("lightest", "low"):
            return np.minimum(first, other)
        return np.maximum(first, other) if label == "high" else first + other


class Passes:
    """Sums over all rows for given multipliers; each evaluation reads all rows once."""

    def __init__(self, fill, moments, origin):
        self.fill, self.moments, self.origin = fill, moments, origin
        self.per_sd = np.ones(origin.size)
        self.varies = np.ones(origin.size, dtype=bool)
        self.lowest = -np.inf
        self._at = None

    def sums(self, coef):
        """Return the sums, given multipliers of all moments that vary between rows."""
        if self._at is None or not np.array_equal(self._at, coef):
            full = np.zeros(self.origin.size)
            full[self.varies] = coef
            empty = TiltedSums(self.moments, self.origin, self.per_sd, full)
            filled = self.fill(empty)
            if not isinstance(filled, TiltedSums):
                raise TypeError(
                    "The function that fills the sums must return the sums, as "
                    f"summarize does; got {type(filled).__name__}."
                )
            self._sums = filled._totals()
            self._at = np.array(coef)
        return self._sums

    def start(self):
        """Return sums over unweighted rows; the sums set the scale of the moments."""
        sums = self.sums(np.zeros(self.origin.size))
        if "mass" not in sums:
            raise ValueError(
                "No row with a positive weight has only values that occur in the "
                "target."
            )
        self._at, self.mass = None, sums["mass"]
        return sums

    def value(self, coef):
        """Return the dual function, which is minimised, at the given multipliers."""
        with np.errstate(over="ignore"):
            return np.log(self.sums(coef)["mass"] / self.mass)

    def slopes(self, coef):
        """Return gradient and Hessian of the dual function."""
        sums, kept = self.sums(coef), self.varies
        mean = sums["mean"][kept] / sums["mass"]
        second = sums["gram"][np.ix_(kept, kept)] / sums["mass"]
        return mean, second - np.outer(mean, mean)


def moments_without_rows(weighting, share):
    """Return moments (means to balance) and target values, without training rows."""
    if weighting.moments is None:
        target = weighting.X_target
        return moments_of_rows(
            target,
            target,
            share,
            degree=int(weighting.degree),
            interactions=weighting.interactions,
        )
    # No training row is available here, so the column types (numbers or categories) are
    # read from a table that contains every value of the target.
    values = {
        column: list(known)
        if hasattr(known, "items")
        else [float(np.ravel(known)[0] if is_sequence(known) else known)]
        for column, known in weighting.moments.items()
    }
    most = max(map(len, values.values()))
    like = {column: (known * most)[:most] for column, known in values.items()}
    return moments_given(pd.DataFrame(like), weighting.moments)
