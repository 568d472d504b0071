"""The second step of a fit: compute population and training weights of all rows."""

from typing import NamedTuple

import numpy as np
from sklearn.base import clone

from skweight._fit.look import LookingTraining, look, reads_all
from skweight._fit.training import Training
from skweight._held_out.splits import Splits
from skweight._utils.columns import drop_columns
from skweight._utils.roles import RoleWeights, multiply
from skweight._utils.validation import n_rows, positions_of
from skweight.delivery._arguments import hide_in_tables
from skweight.inspection._report import (
    labels_of,
    resampling_figures,
    row_figures,
    weight_figures,
)
from skweight.weighting._base import factors_of

_OF_ALL_ROWS = ("n_rows", "n_left_out", "rows", "population_share")


class Weighed(NamedTuple):
    """Rows, and how much each of them counts.

    Attributes
    ----------
    X : array-like of shape (n_samples, n_visible)
        Rows without the columns that the estimator must not use.
    width : int or None
        Number of columns including hidden ones; None if no column is hidden.
    training : Training
        How an estimator is fitted on these rows, or on the rows of a fold.
    weighting : weighting or None
        The fitted strategy.
    population : ndarray of shape (n_samples,) or None
        Population weights: the number of rows of the population that each row
        represents; None means ones.
    emphasis : ndarray of shape (n_samples,) or None
        For each row, the factor by which the training multiplies the population weight.
        The factor includes the effect of resampling on the class of the row.
    raw : RoleWeights or None
        Weights before the stabilizer; None after the checks have used them.
    is_weighted : bool
        Whether the learner gets weights that differ from the population weights.
    figures : dict
        Report arguments that follow from the weights: numbers of rows, shares in [0,
        1], effective rows.
    splits : Splits or None
        Pairs of training and held-out rows, if the weights depend on these pairs;
        otherwise None.
    choice : Choice or None
        How class weights or a sampler were chosen for ``weighting="auto"``, and the
        fits made for this choice. None if nothing was chosen.
    """

    X: object
    width: int | None
    training: Training
    weighting: object
    population: np.ndarray | None
    emphasis: np.ndarray | None
    raw: RoleWeights | None
    is_weighted: bool
    figures: dict
    splits: Splits | None = None
    choice: object = None


def weigh(request):
    """Compute the weights of all rows, and resample if a resampler is set."""
    params, hidden = request.params, request.hidden
    looks = getattr(request.weighting, "needs_fits", False)
    X = drop_columns(request.X, hidden)
    width = np.shape(request.X)[-1] if hidden else None
    rows, weighting = request.X, request.weighting
    if hidden and not any(map(reads_all, factors_of(weighting))):
        rows, weighting = X, _without_columns(weighting, hidden, width)
    training = (LookingTraining if looks else Training)(
        request.estimator,
        weighting=weighting,
        stabilizer=params["stabilizer"],
        resampler=request.resampler,
        normalize=params["normalize"],
        unsupported=params["unsupported"],
        random_state=params["random_state"],
    ).weigh(rows, request.y, request.weights, request.arguments["weighting"])
    arguments = request.arguments["estimator"]
    training.fit_params = hide_in_tables(arguments, hidden, width)
    training.validation, training.labels = request.validation, request.classes
    splits = look(request, training, X) if looks else None
    raw, training.raw = training.raw, None
    figures = _figures(request, training, X)
    population, emphasis = training.by_role
    is_weighted = emphasis is not None or training.by_class is not None
    if training.resampler is not None:
        factor = np.array(figures["class_multiplier"])
        emphasis = multiply(emphasis, factor[request.codes])
    return Weighed(
        X=X,
        width=width,
        training=training,
        weighting=training.weighting_,
        population=population,
        emphasis=emphasis,
        raw=raw,
        is_weighted=is_weighted,
        figures=figures,
        splits=splits,
    )


def _without_columns(weighting, hidden, width):
    """Return a strategy without the hidden columns in its target rows."""
    targets = {
        name: drop_columns(value, hidden, width=width)
        for name, value in (weighting.get_params() if weighting else {}).items()
        if name.rpartition("__")[2] == "X_target" and value is not None
    }
    return clone(weighting).set_params(**targets) if targets else weighting


def _figures(request, training, X):
    """Return the report statistics about the rows that the estimator will see."""
    population = training.by_role.population
    if request.classes is None:
        return row_figures(n_rows(X), population, training.weights)
    prepared = training.prepare(X, request.y)
    codes, n_classes = request.codes, request.classes.size
    of_all, trained = {}, None
    if prepared.kept is not None:
        # Validation rows were cut. The numbers of rows of each class describe all rows;
        # all other statistics describe the rows that are left for training.
        figures = weight_figures(codes, n_classes, population, population)
        of_all = {name: figures[name] for name in _OF_ALL_ROWS}
        codes = codes[prepared.kept]
        population = None if population is None else population[prepared.kept]
    if training.resampler is not None:
        trained = positions_of(prepared.y, request.classes, owner="The resampler")
    figures = weight_figures(codes, n_classes, population, prepared.weights, trained)
    if training.resampler is not None:
        figures |= resampling_figures(
            training.resampler.sampler, request.classes, figures["rows"], trained
        )
    if training.subsamples(prepared):
        figures |= _of_subsample(request.classes, training, prepared)
    return figures | of_all


def _of_subsample(classes, training, seen):
    """Return the statistics of a subsample, in which every row has weight one."""
    sizes = np.zeros(classes.size, dtype=np.intp)
    present = np.unique(positions_of(seen.y, classes, owner="The subsample"))
    sizes[present] = training.rows_drawn(seen)
    listed = zip(labels_of(classes), sizes.tolist(), strict=True)
    return {
        "resampling": "unsupported='subsample' inside every fit, without replacement; "
        f"rows left: {', '.join(f'{size:,} of {label!r}' for label, size in listed)}",
        "training_rows": sizes.tolist(),
        "effective_rows": sizes.astype(float).tolist(),
        "effective_sample_size": float(sizes.sum()),
        "largest_share": 1 / float(sizes.sum()),
    }
