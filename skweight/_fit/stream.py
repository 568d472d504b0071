"""Weights for rows that arrive in chunks.

A strategy normally learns from all rows at once. In a stream, a strategy uses two kinds
of decaying sums: the class masses, and the sums for the mean of the raw weights. The
weights of a chunk are computed from sums that already include this chunk. So a stream
of one chunk has the same weights as a fit.
"""

from copy import copy

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from skweight._utils.roles import ROLES, multiply
from skweight._utils.validation import check_weights, n_rows
from skweight.delivery._deliver import learns_with_weights
from skweight.streaming import DRAWN_SHARE
from skweight.weighting._base import (
    ProductWeighting,
    factors_of,
    fitted_factors_of,
    fitted_product,
)
from skweight.weighting._class_level import ClassLevelWeighting


class Fade:
    """Decay factors at the end of a chunk, for rows of the chunk and earlier rows."""

    def __init__(self, codes, n_classes, half_life):
        self.before, self.within, self.codes = 1.0, None, codes
        self.rows = self.of_ones = np.bincount(codes, minlength=n_classes)
        if half_life is not None:
            age = np.arange(codes.size - 1, -1, -1)
            self.within = 2.0 ** (-age / half_life)
            self.before = 2.0 ** (-codes.size / half_life)
            self.of_ones = np.bincount(codes, self.within, n_classes)

    def by_class(self, sums, values):
        """Return sums per class after adding a chunk; `values` None stands for ones."""
        if values is None:
            return self.before * sums + self.of_ones
        values = multiply(values, self.within)
        return self.before * sums + np.bincount(self.codes, values, sums.size)


class _Factor:
    """One strategy in a stream, with the running sums that the strategy needs."""

    def __init__(self, weighting, classes):
        self.weighting = clone(weighting)
        self.masses = np.zeros(classes.size)
        self.raw = np.zeros(classes.size)

    def copy(self):
        """Return a copy, so that learning from a chunk does not change the original."""
        twin = copy(self)
        twin.weighting = copy(self.weighting)
        return twin

    def weigh(self, X, y, classes, known, unit, fade):
        """Return the weights of a chunk, from sums that include the chunk."""
        strategy = self.weighting
        self.masses = fade.by_class(self.masses, known)
        masses = self.masses / unit
        raw = strategy._raw_in_stream(X, y, fade.codes, classes, masses)
        raw = check_weights(
            raw, n_rows(X), name=f"The weight of {type(strategy).__name__}"
        )
        strategy.scale_ = 1.0
        if isinstance(strategy, ClassLevelWeighting):
            return raw
        self.raw = fade.by_class(self.raw, multiply(raw, known))
        strategy.scale_ = float(self.raw.sum() / self.masses.sum())
        return raw / strategy.scale_


class Stream:
    """The state of a classifier after the chunks that it has learned from.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        All labels that can occur.
    weighting : weighting or None
        The strategy.
    streaming : Streaming
        How to weigh or draw rows, and how fast the weight of older rows decays.
    random_state : int, RandomState instance or None
        Seed of random draws.
    balancing : list of tuple
        Result of `balances_itself` for the learner at the start.
    begun_with : dict
        Copies, by name, of those parameters of the wrapper that must not change between
        chunks.
    """

    def __init__(
        self, classes, weighting, streaming, random_state, balancing=(), begun_with=None
    ):
        self.classes = classes
        self.begun_with = begun_with or {}
        self.streaming = streaming
        self.rng = check_random_state(random_state)
        if isinstance(random_state, np.random.RandomState):
            self.rng = random_state
        self.factors = [
            _Factor(strategy, classes) for strategy in factors_of(weighting)
        ]
        self.deliveries = []  # deliveries of the last chunk that the learner got
        self.n_rows = self.n_left_out = self.n_learned = 0
        self.rows = np.zeros(classes.size, dtype=np.intp)
        zeros = np.zeros(classes.size)
        self.given = self.counted = self.population = zeros
        self.training = self.squares = self.full = zeros
        self.largest = 0.0
        # Parameters by which the learner balances classes; whether the learner accepts
        # weights.
        self.balancing, self._takes_weights = balancing, None

    def copy(self):
        """Return a copy that learns a chunk while the original stays unchanged.

        The copy shares the random generator.
        """
        twin = copy(self)
        twin.factors = [factor.copy() for factor in self.factors]
        return twin

    def weigh(self, X, y, codes, sample_weight, normalize, stabilizer):
        """Add a chunk to the sums; return its population and its training weights."""
        fade = Fade(codes, self.classes.size, self.streaming.half_life)
        unit = 1.0
        if sample_weight is not None and normalize:
            self.given = fade.by_class(self.given, sample_weight)
            self.counted = fade.by_class(self.counted, sample_weight > 0)
            unit = self.given.sum() / self.counted.sum()
        # Sums use the weights as passed, not divided by their mean: the mean is not
        # known before the end of the stream.
        weights = dict.fromkeys(ROLES)
        weights["population"] = sample_weight
        for factor in sorted(
            self.factors, key=lambda factor: ROLES.index(factor.weighting.role)
        ):
            role = factor.weighting.role
            known = weights["population"]
            learned = factor.weigh(X, y, self.classes, known, unit, fade)
            if stabilizer is not None:
                learned = stabilizer.stabilize(learned)
            weights[role] = multiply(weights[role], learned)
        population, emphasis = weights["population"], weights["emphasis"]
        emphasis = self._warmed_up(population, emphasis, fade)
        self._count(population, multiply(population, emphasis), fade)
        return None if population is None else population / unit, emphasis

    def _warmed_up(self, population, emphasis, fade):
        """Return the training weights of a chunk, reduced early in the stream.

        At the beginning of a stream (the warm-up), training weights grow to their full
        size.

        The returned training weights have a mean of about one, also during the warm-up.
        The mean is not exactly one because the weights of earlier rows were computed
        when fewer rows of each class were known.
        """
        if self.streaming.warmup is None or emphasis is None:
            return emphasis
        counted = np.ones(fade.codes.size, bool)
        if population is not None:
            counted = population > 0
        before = self.n_rows - self.n_left_out + np.cumsum(counted) - counted
        strength = self.streaming.strength(before)
        mass = fade.by_class(self.population, population)
        self.full = fade.by_class(self.full, multiply(population, emphasis))
        of_class = np.divide(self.full, mass, out=np.ones_like(mass), where=mass > 0)
        share = mass / mass.sum()
        mean = (of_class ** strength[:, np.newaxis]) @ share
        return emphasis**strength * (of_class @ share) ** strength / mean

    def takes_weights(self, model):
        """Return whether the learner accepts weights. The result is cached."""
        if self._takes_weights is None:
            self._takes_weights = learns_with_weights(model)
        return self._takes_weights

    def may_draw(self, unsupported):
        """Return whether it is possible that rows of a chunk are drawn at random."""
        return bool(DRAWN_SHARE[self.streaming.mode]) or unsupported == "resample"

    def draw(self, weights, model, unsupported):
        """Return which rows of a chunk to learn from, and their weights.

        Returns positions of rows and weights of these rows. Positions None: every row
        is used once. Weights None: all weights are one.
        """
        drawn = DRAWN_SHARE[self.streaming.mode]
        if unsupported == "resample" and not self.takes_weights(model):
            drawn = 1.0
        if weights is None or not drawn:
            return None, weights
        # Systematic sampling: where s is `drawn`, a row of weight w is drawn w ** s
        # times on average: floor(w ** s) times, or one more time.
        ends = np.floor(np.cumsum(weights**drawn) + self.rng.uniform())
        if ends[-1] == 0 and not self.n_learned:
            ends[np.argmax(weights) :] = 1  # a model without any row cannot predict
        times = np.diff(ends, prepend=0).astype(np.intp)
        rows = self.rng.permutation(np.repeat(np.arange(weights.size), times))
        self.n_learned += rows.size
        return rows, None if drawn == 1 else (weights ** (1 - drawn))[rows]

    def figures(self):
        """Return the statistics that calibration and decision of every chunk need."""
        population, training = self.population, self.training
        multiplier = np.divide(
            training, population, out=np.ones_like(training), where=population > 0
        )
        return {
            "rows": self.rows.tolist(),
            "population_share": (population / population.sum()).tolist(),
            "class_multiplier": multiplier.tolist(),
        }

    def figures_of_report(self):
        """Return the statistics that only the report of a chunk needs."""
        training = self.training
        effective = np.divide(
            training**2, self.squares, out=np.zeros_like(training), where=training > 0
        )
        total = training.sum()
        return {
            "n_rows": self.n_rows,
            "n_left_out": self.n_left_out,
            "training_share": (training / total).tolist(),
            "effective_rows": effective.tolist(),
            "effective_sample_size": float(total**2 / self.squares.sum()),
            "largest_share": float(self.largest / total),
        }

    def _count(self, population, weights, fade):
        rows, n_samples = fade.rows, fade.codes.size
        if population is not None:
            rows = np.bincount(fade.codes[population > 0], minlength=rows.size)
        self.n_rows += n_samples
        self.n_left_out += n_samples - int(rows.sum())
        self.rows = self.rows + rows
        self.population = fade.by_class(self.population, population)
        self.training = fade.by_class(self.training, weights)
        squares = None if weights is None else weights**2
        self.squares = fade.by_class(self.squares, squares)
        self.largest = max(
            self.largest * fade.before, 1.0 if weights is None else weights.max()
        )

    def resume(self, report, weighting, mass, inner_multiplier):
        """Continue a fit, from the report, strategy and sum of weights of the fit.

        If the estimator itself multiplies classes by factors, the report includes these
        factors. The sums of the stream do not include these factors.
        """
        self.deliveries = report.deliveries
        self.n_rows, self.n_left_out = report.n_rows, report.n_left_out
        self.rows, self.n_learned = np.array(report.rows), report.n_rows
        self.population = mass * np.array(report.population_share)
        self.training = self.population * np.array(report.class_multiplier)
        self.training /= inner_multiplier
        self.full = self.training
        effective = np.array(report.effective_rows)
        self.squares = np.divide(
            self.training**2,
            effective,
            out=np.zeros_like(effective),
            where=effective > 0,
        )
        self.largest = report.largest_share * self.training.sum()
        self.given, self.counted = self.population, self.rows.astype(float)
        fitted = fitted_factors_of(weighting)
        for position, factor in enumerate(self.factors):
            before = factor.weighting.role == "population"
            factor.masses = self.counted if before else self.population
            # If a strategy was not part of the fit, its weights are not known, only the
            # numbers of rows.
            of_fit = fitted[position] if position < len(fitted) else None
            is_same = type(of_fit) is type(factor.weighting)
            factor.raw = (of_fit.scale_ if is_same else 1.0) * factor.masses
        return self

    def weighting(self, weighting):
        """Return a fitted copy of the strategy in its present state."""
        if weighting is None:
            return None
        fitted = [factor.weighting for factor in self.factors]
        if not isinstance(weighting, ProductWeighting):
            return fitted[0]
        return fitted_product(fitted, 1.0)
