"""Has a figure moved? A permutation test in closed form, from sums alone.

If nothing has changed, the rows of a batch could as well have been among those of the
reference: every way to deal the rows out is equally likely. The sum over the batch then
has a mean, a variance and a skewness that follow from sums over all rows, and the curve
of Pearson's type III with these three moments gives its tails. Skewness is not to be
neglected: where one row in a hundred is positive, a normal curve rings too often.

A handful of rows has no such curve. Where the fourth moment says that tails are heavier
than it has them, Cantelli's and Markov's inequalities take its place: they hold for
every distribution, and ask for more before they ring.
"""

from math import comb
from typing import NamedTuple

import numpy as np
from scipy import stats

# Sums of weight^a value^b that the fourth moment of weight (value - mean) needs.
POWERS = tuple((a, b) for a in (1, 2, 3, 4) for b in range(a + 1))
# From here on the curve is no description of the tails: its skewness, and the kurtosis
# of the sum in excess of the one that the curve has.
MOST_SKEWNESS = 2.0
MOST_KURTOSIS = 1.0


class Sums(NamedTuple):
    """What is kept of the rows of one figure; sums of two parts add up.

    ``of[a, b]`` is the sum of weight^a value^b. ``step`` is the smallest step of the
    sum of values: 1 for counts, 0 for what is continuous.
    """

    n_rows: int
    of: dict
    step: float

    @property
    def mean(self):
        """Weighted mean of the values."""
        return self.of[1, 1] / self.of[1, 0] if self.n_rows else np.nan


def sums_of(values, weight, *, step):
    """Return the sums of rows whose weight is positive; weights get mean one."""
    counted = weight > 0
    values, weight = np.asarray(values, dtype=np.float64)[counted], weight[counted]
    if values.size:
        weight = weight / weight.mean()
    of = {(a, b): float(np.sum(weight**a * values**b)) for a, b in POWERS}
    return Sums(int(values.size), of, step)


class Moved(NamedTuple):
    """How sure it is that a figure moved, and the band that it should be in."""

    p_value: float
    low: float
    high: float


def moved(reference, batch, *, level, tolerance=0.0):
    """Test whether the mean over a batch is that of the reference.

    Parameters
    ----------
    reference, batch : Sums
        Of the same figure.
    level : float
        Two-sided level of the band, in (0, 1). Raising it narrows the band.
    tolerance : float, default=0.0
        Change that would not matter; the band is wider by as much on both sides.
    """
    n, m = reference.n_rows + batch.n_rows, batch.n_rows
    if not (reference.n_rows and m) or n < 4:
        return Moved(np.nan, np.nan, np.nan)
    of = {key: reference.of[key] + batch.of[key] for key in POWERS}
    mean = of[1, 1] / of[1, 0]
    # Moments of weight (value - mean) over all rows.
    squares, cubes, fourths = (
        sum(
            comb(power, b) * (-mean) ** (power - b) * of[power, b]
            for b in range(power + 1)
        )
        for power in (2, 3, 4)
    )
    # From a sum over the batch to a difference of the two means.
    to_difference = 1 / batch.of[1, 0] + 1 / reference.of[1, 0]
    if squares <= 1e-12 * max(of[2, 2], 1e-300):
        # All rows are alike, in the batch as before.
        return Moved(1.0, reference.mean - tolerance, reference.mean + tolerance)
    variance = squares / n
    skewness = (
        (cubes / n)
        / variance**1.5
        * (n - 2 * m)
        * np.sqrt(n - 1)
        / ((n - 2) * np.sqrt(m * (n - m)))
    )
    scale = np.sqrt(variance * m * (n - m) / (n - 1)) * to_difference
    # A count moves in steps; half of one brings the curve to the exact distribution.
    slack = batch.step / 2 * to_difference + tolerance
    # Of rows drawn one by one; dealing them out makes tails lighter, if anything.
    kurtosis = max(fourths / n / variance**2 - 3, 0) / min(m, n - m)
    curve = stats.pearson3(skewness)
    if abs(skewness) > MOST_SKEWNESS or kurtosis > 1.5 * skewness**2 + MOST_KURTOSIS:
        curve = _Inequality(3 + kurtosis)
    difference = batch.mean - reference.mean
    beyond = np.sign(difference) * max(abs(difference) - slack, 0) / scale
    p_value = min(1.0, 2 * min(curve.cdf(beyond), curve.sf(beyond)))
    if beyond == 0:
        p_value = 1.0
    return Moved(
        float(p_value),
        float(reference.mean + curve.ppf(level / 2) * scale - slack),
        float(reference.mean + curve.isf(level / 2) * scale + slack),
    )


class _Inequality:
    """Bounds on the tails of any distribution with this standardised fourth moment."""

    def __init__(self, fourth):
        self.fourth = fourth

    def sf(self, z):
        """Return a bound of the upper tail; of both tails, where it is Markov's."""
        if z <= 0:
            return 1.0
        return min(1 / (1 + z**2), self.fourth / (2 * z**4))

    def cdf(self, z):
        """Return the same of the lower tail."""
        return self.sf(-z)

    def isf(self, level):
        """Return from where on the upper tail is below the level."""
        return min(np.sqrt(1 / level - 1), (self.fourth / (2 * level)) ** 0.25)

    def ppf(self, level):
        """Return the same of the lower tail."""
        return -self.isf(level)
