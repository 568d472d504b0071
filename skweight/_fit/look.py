"""Weights that depend on a model, learned without a leak of labels into scores.

Some strategies compute weights from out-of-fold probabilities of an auxiliary model. If
weights are learned from the label of a row, the model that scores this row must not be
trained with these weights. So weights are learned again for the training rows of every
fold, from models that were fitted on these training rows only.
"""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from skweight._fit.training import Training
from skweight._held_out.pair_folds import (
    IN_EVERY_MODEL,
    CrossFits,
    WeightedModel,
    make_folds,
)
from skweight._held_out.splits import (
    DEFAULT_FOLDS,
    Splits,
    check_word,
    is_one_hold_out,
    make_splits,
    takes_groups,
)
from skweight._utils.roles import RoleWeights, multiply
from skweight._utils.validation import check_number, n_rows
from skweight._utils.warn import warn
from skweight.delivery._arguments import take_params
from skweight.exceptions import DegenerateWeightsWarning, FewerThanAskedWarning
from skweight.weighting import ProductWeighting
from skweight.weighting._base import factors_of, fitted_factors_of, fitted_product
from skweight.weighting._metadata import asks_for


class WatchingModel(NamedTuple):
    """How to fit an auxiliary model like the final model, with validation rows."""

    estimator: object
    random_state: int | None
    unsupported: str
    labels: np.ndarray
    validation: object

    def of(self, rows):
        """Return an object that fits a model on a part of the rows."""
        return self._replace(validation=self.validation.of(rows))

    def fit(self, X, y, weights, population, fit_params):
        """Return a fitted clone."""
        training = Training(
            self.estimator,
            unsupported=self.unsupported,
            random_state=self.random_state,
        )
        emphasis = weights if population is None else weights / population
        training.by_role = RoleWeights(population, emphasis)
        training.validation, training.labels = self.validation, self.labels
        training.fit_params = fit_params
        return training.fit(X, y)[0]


class LookingTraining(Training):
    """A training with strategies that depend on a fitted model.

    `weigh` first learns the strategies that need no model. `look` then learns the
    strategies that need a model, with the population weights from `weigh`. The method
    `of` returns the training for a part of the rows. If the weights of a strategy
    depend on the labels of individual rows, `of` learns the strategy again, from models
    that were fitted on this part only.
    """

    def __init__(self, estimator, *, weighting, **options):
        self.asked = factors_of(weighting)
        self.looking = [factor for factor in self.asked if _looks(factor)]
        static = [factor for factor in self.asked if not _looks(factor)]
        static = ProductWeighting(static) if len(static) > 1 else [*static, None][0]
        super().__init__(estimator, weighting=static, **options)

    @property
    def n_fits(self):
        """Number of models fitted for the weights, for all folds together."""
        return self._fits.n_fits

    def weigh(self, X, y, weights, metadata):
        """Learn the weights of the strategies that need no model."""
        self.looking = [clone(factor) for factor in self.looking]
        return super().weigh(
            X, y, weights, _asked_by(factors_of(self.by_row), metadata)
        )

    def look(self, request, X, folds, draw):
        """Learn the weights of the strategies that depend on a model.

        Parameters
        ----------
        request : Request
            The request of the fit.
        X : array-like of shape (n_samples, n_visible)
            Rows without the columns that the estimator must not see.
        folds : ndarray of shape (n_samples,)
            Fold of every row; -1 for rows that are not used to learn weights.
        draw : callable
            Function that takes a part of the rows and returns folds of this part.
        """
        self._request, self._X, self._draw = request, X, draw
        how = self.estimator, self.random_state, self.unsupported, request.classes
        model = WeightedModel(*how)
        if self.validation is not None:
            model = WatchingModel(*how, self.validation)
        self._fits = CrossFits(
            model,
            X,
            request.y,
            request.classes,
            folds,
            population=self.by_role.population,
            n_jobs=request.params["n_jobs"],
            fit_params=self.fit_params,
            normalize=self.normalize,
        )
        fitted, weights = self._learn(self.looking, self._fits)
        self._known = self.raw.emphasis  # valid for every fold
        self._by_row, by_row = [], None
        for strategy, learned in zip(fitted, weights, strict=True):
            if getattr(strategy, "by_row", True):
                self._by_row.append(strategy)
                by_row = multiply(by_row, learned)
            else:
                self._known = multiply(self._known, learned)
        emphasis, scale = self._mean_one_of(by_row, self._fits.rows)
        self.raw = self.raw._replace(emphasis=emphasis)
        self.by_role = RoleWeights(self.by_role.population, self._settle(emphasis))
        self.weighting_ = self._joined(fitted, scale)

    def of(self, rows, n_samples):
        """Return how to fit on a part of the rows, with weights from that part."""
        part = super().of(rows, n_samples)
        with warnings.catch_warnings():  # warned for all rows
            warnings.simplefilter("ignore", DegenerateWeightsWarning)
            warnings.simplefilter("ignore", FewerThanAskedWarning)
            view = self._view_of(rows) if self._by_row else self._fits
            if view is self._fits:
                return part
            _, weights = self._learn(self._by_row, view)
        by_row = None
        for learned in weights:
            by_row = multiply(by_row, learned)
        emphasis, _ = self._mean_one_of(by_row, view.rows)
        part.by_role = part.by_role._replace(emphasis=self._settle(emphasis)[rows])
        return part

    def _view_of(self, rows):
        """Return models of the given rows only, or models of all rows if allowed."""
        folds, population = self._fits.folds, self.by_role.population
        inside = np.zeros(folds.size, dtype=bool)
        inside[rows] = True
        counts = np.ones(folds.size, bool) if population is None else population > 0
        kept, left = (np.unique(folds[counts & part]) for part in (inside, ~inside))
        left = left[left >= 0]
        if -1 not in kept and left.size == 0:
            return self._fits
        is_fold = -1 not in kept and left.size == 1 and left[0] not in kept
        if is_fold and self._fits.n_folds > 2:  # two folds: a pair leaves no row
            return self._fits.without(left[0])
        return self._fits.inside(self._draw(inside))

    def _learn(self, strategies, view):
        """Return fitted strategies and weights of all rows, from models of some rows.

        `view` contains the models and the rows on which they were fitted. All rows
        outside `view` get the mean weight of their class.
        """
        request, rows, n_samples = self._request, view.rows, self._fits.folds.size
        codes, population = request.codes, self.by_role.population
        mass = np.ones(n_samples) if population is None else population
        known = None if population is None else population[rows]
        fitted, weights = [], []
        for strategy in map(clone, strategies):
            X = request.X if reads_all(strategy) else self._X
            X, y = X, request.y
            if rows.size < n_samples:
                X, y = _safe_indexing(X, rows), _safe_indexing(y, rows)
            arguments = _asked_by([strategy], request.arguments["weighting"])
            arguments = take_params(arguments, rows, n_samples)
            learned = strategy.fit_weigh(X, y, known, fits=view, **arguments)
            of_class = np.bincount(codes[rows], mass[rows], request.classes.size)
            total = np.bincount(codes[rows], mass[rows] * learned, request.classes.size)
            whole = np.divide(
                total, of_class, out=np.ones_like(total), where=of_class > 0
            )[codes]
            whole[rows] = learned
            fitted.append(strategy)
            weights.append(whole)
        return fitted, weights

    def _mean_one_of(self, by_row, rows):
        """Return training weights of mean one over some rows, and the previous mean."""
        emphasis, population = multiply(self._known, by_row), self.by_role.population
        mass = None if population is None else population[rows]
        mean = float(np.average(emphasis[rows], weights=mass))
        check_number(
            mean, name="The mean weight of the product", low=0, include="neither"
        )
        return emphasis / mean, mean

    def _settle(self, emphasis):
        """Return the training factors for the learner, including the caller's factors.

        Emphasis are training weights beyond the population weights.
        """
        if self.resampler is None:
            emphasis = self._stabilize(emphasis, self.by_role.population)
        return multiply(self._request.weights.emphasis, emphasis)

    def _strategies(self):
        return [*super()._strategies(), *self.looking]

    def _joined(self, looking, scale):
        """Return the fitted strategies in the order of the parameter ``weighting``."""
        static = fitted_factors_of(self.weighting_)
        if not static and len(looking) == 1:
            return looking[0]
        if isinstance(self.weighting_, ProductWeighting):
            scale *= self.weighting_.scale_
        static, looking = iter(static), iter(looking)
        in_rows = [
            factor for factor in self.asked if factor not in factors_of(self.by_class)
        ]
        return fitted_product(
            [next(looking if _looks(factor) else static) for factor in in_rows], scale
        )


def look(request, training, X):
    """Fit strategies that depend on a model, on one partition; return its splits.

    The partition comes from the splitter or the groups of the user. Without a splitter
    or groups, folds are made by the content of the rows. The result is None if there
    are no splits.
    """
    population = training.by_role.population
    counts = np.ones(n_rows(X), bool) if population is None else population > 0

    def draw(inside):
        return _draw_folds(request, X, counts, inside)

    folds, splits = _partition(request, X, population, counts, draw)
    training.look(request, X, folds, draw)
    return splits


def reads_all(strategy):
    """Return whether a strategy reads columns of X that an estimator must not see."""
    return bool(getattr(strategy, "_sources", list)())


def _looks(strategy):
    return getattr(strategy, "needs_fits", False)


def _asked_by(strategies, metadata):
    """Return the metadata that strategies with a model request."""
    return {
        name: value
        for name, value in metadata.items()
        if any(asks_for(strategy, name) for strategy in strategies)
    }


def _partition(request, X, population, counts, draw):
    """Return the fold of every row, and the splits that give the held-out scores."""
    params, metadata = request.params, request.arguments["splitter"]
    cv, everywhere = check_word(params["cv"]), np.ones(counts.size, dtype=bool)
    arguments = X, request.y, population, params["random_state"], metadata
    if not takes_groups(cv):
        splits = make_splits(cv, *arguments)
        folds = np.full(counts.size, -1)
        for fold, (_, test) in enumerate(splits.pairs if splits else []):
            folds[test] = fold
        if (folds[counts] < 0).any():  # splits by time, or with repeated draws
            folds = draw(everywhere)
        return _place_others(folds, everywhere), splits
    if not request.holds_out_rows or cv == "oob":
        return draw(everywhere), None
    if is_one_hold_out(cv, np.count_nonzero(counts)):
        splits = make_splits(cv, *arguments)
        if splits is not None:
            inside = everywhere
            if params["ensemble"]:  # only the model of the split is fitted
                inside = np.isin(np.arange(counts.size), splits.pairs[0][0])
            return draw(inside), splits
    folds = draw(everywhere)
    pairs = [
        (np.flatnonzero((folds != fold) | ~counts), np.flatnonzero(here & counts))
        for fold in range(folds.max() + 1)
        for here in [folds == fold]
    ]
    return folds, Splits(pairs)


def _draw_folds(request, X, counts, inside):
    """Return the fold of each row of a part; rows outside the part get -1."""
    cv, metadata = check_word(request.params["cv"]), request.arguments["splitter"]
    n_folds = DEFAULT_FOLDS
    if takes_groups(cv) and not isinstance(cv, str):
        check_number(cv, name="cv", low=2)
        n_folds = int(cv)
    seed, counted = request.params["random_state"], (counts & inside).astype(float)
    if metadata.get("groups") is None:
        alone = np.zeros(counts.size, dtype=bool)
        if not inside.all():
            # The only row of a class is never held out: without it, no model would know
            # the class.
            n_rows_of = np.bincount(request.codes, counted, request.classes.size)
            alone = (counted > 0) & (n_rows_of == 1)[request.codes]
            counted[alone] = 0
        folds, _ = make_folds(
            X, request.y, n_folds, population=counted, random_state=seed
        )
        if folds[counted > 0].max() + 1 < n_folds:
            warn(
                f"The rarest class has fewer rows than the {n_folds} folds in which "
                f"the weighting fits its models, so {folds.max() + 1} folds are used. "
                "Collect more rows of this class, or set cv to fewer folds.",
                FewerThanAskedWarning,
            )
        folds[alone] = IN_EVERY_MODEL
        return np.where(inside, folds, -1)
    splits = make_splits(n_folds, X, request.y, counted, seed, metadata)
    folds = np.full(counts.size, -1)
    for fold, (_, test) in enumerate(splits.pairs if splits else []):
        folds[test] = fold
    if (folds[counted > 0] < 0).any():
        raise ValueError(
            "The weighting needs predictions for every group from a model that was "
            "fitted on other groups. But if some groups are left out, the remaining "
            "rows have only one class. Use fewer folds, or groups that contain several "
            "classes."
        )
    return _place_others(folds, inside)


def _place_others(folds, inside):
    """Return the folds, after moving rows of the part with weight zero to fold 0."""
    return np.where(inside & (folds < 0), 0, folds)
