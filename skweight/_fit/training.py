"""Fit an estimator with weights: the steps from rows and weights to a fitted model.

The steps are: compute population weights and emphasis (training weights beyond the
population weights), stabilize them, resample, set the mean weight to one, and fit with
the weights. One object applies these steps to the whole training set and to the
training rows of every fold. So a fold model differs from the final model only by the
rows. No step needs class labels, except the strategy and the resampler.
"""

from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from skweight._fit.validation_rows import ValidationRows
from skweight._utils.families import learner_of
from skweight._utils.roles import (
    RoleWeights,
    in_range,
    multiply,
    without_rounding_noise,
)
from skweight._utils.validation import check_weights, encode_labels, n_rows
from skweight._utils.warn import warn
from skweight.delivery import deliver
from skweight.delivery._arguments import take_params
from skweight.delivery._composite import LEARNER, Delivery
from skweight.delivery._draw import (
    subsample_sizes,
    systematic_subsample,
    whole_rows,
)
from skweight.delivery._one import check_no_second_weight, is_drawn_for, name_of
from skweight.exceptions import DoubleCountingWarning
from skweight.stabilizers import resolve_stabilizer
from skweight.weighting._base import factors_of
from skweight.weighting._class_level import join_levels, split_by_level


class Rows(NamedTuple):
    """The data that an estimator is fitted on.

    ``weights`` None stands for weights of one. If some rows are held out for early
    stopping, ``kept`` has the positions of all other rows, before resampling; otherwise
    ``kept`` is None.
    """

    X: object
    y: object
    population: np.ndarray | None
    emphasis: np.ndarray | None
    fit_params: dict
    kept: np.ndarray | None = None
    validation: ValidationRows | None = None

    @property
    def weights(self):
        """Population x emphasis; None stands for ones."""
        return multiply(self.population, self.emphasis)


class Training:
    """How an estimator is fitted with weights, on all rows or on the rows of a fold.

    With a resampler, row weights are learned before resampling, and are resampled with
    the rows. Class weights that only change the training are learned after resampling,
    on the rows that the estimator will see. Training weights are a product of several
    weights; they are stabilized when all weights of the product are known.

    Parameters
    ----------
    estimator : estimator
        The estimator; it is cloned for every fit and never changed.
    weighting : weighting or None, default=None
        The strategy; None uses `sample_weight` alone.
    stabilizer : object, default=None
        Value of ``stabilizer=``.
    resampler : WeightedSampler or None, default=None
        The sampler that changes the rows, inside every fit.
    normalize : bool, default=False
        Whether the learner gets weights of mean one over the rows with positive weight.
    unsupported, random_state
        As in :func:`~skweight.delivery.deliver`.

    Attributes
    ----------
    weighting_ : weighting or None
        The fitted strategy, available after `weigh`; with a resampler, after `prepare`.
    raw : RoleWeights
        The same two arrays of weights as in `by_role`, but before the stabilizer.
    by_role : RoleWeights
        Weights of the original rows, separated into population weights and emphasis
        (training weights beyond them); None means ones.
    fit_params : dict
        Further arguments of the estimator's `fit`.
    n_fits : int
        Number of models fitted for the weights.
    validation : Cut, ValidationRows or None
        Which rows an early-stopping learner monitors.
    labels : ndarray or None
        All labels; None for a regression.
    """

    n_fits = 0

    def __init__(
        self,
        estimator,
        *,
        weighting=None,
        stabilizer=None,
        resampler=None,
        normalize=False,
        unsupported="raise",
        random_state=None,
    ):
        self.estimator = estimator
        self.stabilizer = stabilizer
        self.resampler = resampler
        self.normalize = normalize
        self.unsupported = unsupported
        self.random_state = random_state
        self.by_row, self.by_class = weighting, None
        if resampler is not None:
            self.by_row, self.by_class = split_by_level(weighting)
        self.weighting_ = None
        self.raw = self.by_role = RoleWeights(None, None)
        self.fit_params = {}
        self.validation = self.labels = None
        self._prepared = None

    def weigh(self, X, y, passed, metadata):
        """Learn population weights and emphasis of the rows, and stabilize both.

        X still has the columns that only the strategy uses. `given` are the weights of
        the caller, separated into population weights and emphasis (training weights
        beyond them).
        """
        sample_weight = self._check_sample_weight(passed.population, X)
        learned = RoleWeights(None, None)
        self._stabilize_once()
        if self.by_row is not None:
            learned = self.weighting_.fit_weigh_by_role(X, y, sample_weight, **metadata)
        population, of_rows = multiply(sample_weight, learned.population), learned[1]
        self.raw = RoleWeights(population, of_rows)
        population = self._stabilize_population(population)
        if self.resampler is None:
            of_rows = self._stabilize(of_rows, population)
        self.by_role = RoleWeights(population, multiply(passed.emphasis, of_rows))
        return self

    def of(self, rows, n_samples):
        """Return the same training for a part of the rows, with unchanged weights."""
        self._prepared = None  # any fit on all rows is already done
        part = Training(
            self.estimator,
            stabilizer=self.stabilizer,
            resampler=self.resampler,
            normalize=self.normalize,
            unsupported=self.unsupported,
            random_state=self.random_state,
        )
        if self.validation is not None:
            part.validation = self.validation.of(rows)
        part.labels = self.labels
        part.by_class = self.by_class
        part.fit_params = take_params(self.fit_params, rows, n_samples)
        part.by_role = RoleWeights(
            *(None if weights is None else weights[rows] for weights in self.by_role)
        )
        return part

    @property
    def weights(self):
        """Population x emphasis of the original rows."""
        return multiply(*self.by_role)

    @property
    def delivered(self):
        """Weights of a fit on all original rows; None means ones."""
        return self._mean_one(self.weights, self.by_role.population)

    def prepare(self, X, y):
        """Return the rows that an estimator will see; the next `fit` uses these rows.

        First, validation rows are separated. Then all remaining rows are resampled, and
        class weights are computed from the class frequencies after resampling.
        """
        rows, validation = Rows(X, y, *self.by_role, self.fit_params), None
        if self.validation is not None:
            rows, validation = self.validation.apart(rows, self.random_state)
        if self.resampler is not None:
            X, y, (population, emphasis), fit_params = self._resample(rows)
            if self.by_class is not None:
                emphasis = self._weigh_classes(X, y, population, emphasis)
            emphasis = self._stabilize(emphasis, population)
            rows = Rows(X, y, population, emphasis, fit_params, rows.kept)
        if self.subsamples(rows):
            rows = self._weigh_as_drawn(rows)
        self._prepared = rows._replace(validation=validation)
        return self._prepared

    def subsamples(self, rows):
        """Return whether a classifier is fitted on a subsample of its rows."""
        asked = self.unsupported == "subsample" and self.labels is not None
        if not asked or rows.weights is None:
            return False
        return is_drawn_for(learner_of(self.estimator), rows.y, rows.weights)

    @staticmethod
    def rows_drawn(rows):
        """Return the number of rows of each class in the subsample."""
        return subsample_sizes(rows.weights, encode_labels(np.asarray(rows.y))[1])

    @staticmethod
    def _weigh_as_drawn(rows):
        """Return rows with class weights corrected for the rounding of the subsample.

        The number of drawn rows of a class is rounded. To undo class weights exactly,
        the fit needs the class masses that follow from the rounded numbers.
        """
        codes = encode_labels(np.asarray(rows.y))[1]
        factor = whole_rows(rows.weights, codes)
        return rows._replace(emphasis=multiply(rows.emphasis, factor[codes]))

    def fit(self, X, y):
        """Return a fitted estimator, and records of how its parts got their weights."""
        rows = self._prepared or self.prepare(X, y)
        self._prepared = None  # frees a second copy of the rows
        return deliver(
            self.estimator,
            rows.X,
            rows.y,
            self._mean_one(rows.weights, rows.population),
            population=rows.population,
            unsupported=self.unsupported,
            random_state=self.random_state,
            fit_params=rows.fit_params,
            validation=rows.validation,
            labels=self.labels,
        )

    def fit_on_drawn(self, X, y):
        """Fit a learner that accepts no weights, on rows drawn by their weights.

        Returns the fitted estimator, the deliveries (records of how weights were
        passed) and the positions of the rows.
        """
        rows = self.prepare(X, y)
        self._prepared = None
        weights = self._mean_one(rows.weights, rows.population)
        drawn = systematic_subsample(weights, rows.y, random_state=self.random_state)
        check_no_second_weight(self.estimator, rows.fit_params)
        model, _ = deliver(
            self.estimator,
            _safe_indexing(rows.X, drawn),
            _safe_indexing(rows.y, drawn),
            fit_params=take_params(rows.fit_params, drawn, n_rows(rows.X)),
            labels=self.labels,
        )
        return model, [Delivery(name_of(model), LEARNER, "subsample")], drawn

    def _weigh_classes(self, X, y, population, emphasis):
        """Return training weights times class weights, with a weighted mean of 1."""
        by_class = clone(self.by_class)
        emphasis = multiply(emphasis, by_class.fit_weigh(X, y, population))
        mean = float(np.average(emphasis, weights=population))
        self.weighting_ = join_levels(self.weighting_, by_class, mean)
        return emphasis / mean

    def _resample(self, rows):
        """Return resampled rows, with the weights and fit arguments of these rows."""
        from skweight.resampling._sampler import resample_training

        by_role = RoleWeights(rows.population, rows.emphasis)
        return resample_training(
            self.resampler, rows.X, rows.y, by_role, rows.fit_params
        )

    def _check_sample_weight(self, sample_weight, X):
        if sample_weight is None:
            return None
        sample_weight = check_weights(sample_weight, n_rows(X))
        if not self.normalize:
            return in_range(sample_weight)  # so that sums are finite
        # Divide before adding: the sum of weights near the largest float overflows.
        sample_weight = sample_weight / sample_weight.max()
        return without_rounding_noise(self._mean_one(sample_weight, sample_weight))

    def _stabilize_once(self):
        """Clone the strategy without a default stabilizer; warn if the user set one."""
        self.weighting_ = None if self.by_row is None else clone(self.by_row)
        if self.stabilizer is None:
            return
        twice = []
        for whole in self._strategies():
            for strategy in factors_of(whole):
                stabilizer = getattr(strategy, "stabilizer", None)
                if isinstance(stabilizer, str) and stabilizer == "auto":
                    strategy.set_params(stabilizer=None)
                elif stabilizer is not None:
                    twice.append(strategy)
        if twice:
            warn(
                f"Weights are stabilized twice: {len(twice)} of the strategies have "
                f"their own stabilizer ({', '.join(map(repr, twice))}), and the "
                "product of all weights is stabilized again by stabilizer=. Unless "
                "this is intended, set one of the two to None.",
                DoubleCountingWarning,
            )

    def _strategies(self):
        """Return the strategies whose weights are stabilized here."""
        return [self.weighting_, self.by_class]

    def _stabilize(self, weights, population):
        """Return stabilized weights, computed from the rows with positive weight."""
        stabilizer = resolve_stabilizer(self.stabilizer)
        if stabilizer is None or weights is None:
            return weights
        if population is None or population.all():
            return stabilizer.stabilize(weights)
        stable, counted = weights.copy(), population > 0
        stable[counted] = stabilizer.stabilize(weights[counted])
        return stable

    def _stabilize_population(self, population):
        """Return stabilized population weights with the same total."""
        stable = self._stabilize(population, population)
        if stable is not population:
            stable *= population.sum() / stable.sum()
        return stable

    def _mean_one(self, weights, population):
        """Return weights of mean 1 over the rows with positive population weight."""
        if weights is None or not self.normalize:
            return weights
        n_counted = weights.size if population is None else np.count_nonzero(population)
        mean = weights.sum() / n_counted
        return weights if mean == 1 else weights / mean
