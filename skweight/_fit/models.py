"""Where calibration scores come from, and which of the fitted models are kept."""

from copy import copy
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from skweight._held_out.cross_fit import HeldOut, cross_fit, outputs_of
from skweight._held_out.oob import out_of_bag
from skweight._held_out.splits import check_word, make_splits
from skweight._utils.families import is_of_trees


class Fitted(NamedTuple):
    """Models to predict with, what they were given, and outputs on held-out rows.

    ``held_out`` is None where none were wanted, or a class is too rare for any.
    """

    models: list
    deliveries: list
    n_fits: int
    held_out: HeldOut | None = None


def fit_models(
    training,
    X,
    y,
    *,
    classes,
    wanted,
    averages,
    cv,
    ensemble,
    method,
    n_jobs,
    random_state,
    metadata,
):
    """Fit an estimator, and outputs on rows it has not seen where they are wanted.

    Parameters
    ----------
    training : Training
        How it is fitted.
    X, y : array-like
        Rows and labels.
    classes : ndarray of shape (n_classes,)
        All labels.
    wanted : bool
        Whether anyone learns from held-out rows.
    averages : bool
        Whether there is a calibrator, without which outputs of several models are not
        on one scale.
    cv, ensemble : object
        As in `WeightedClassifier`.
    method : callable
        ``method(model)`` returns the method of a fitted model whose outputs are wanted.
    n_jobs : int or None
        Number of fold fits to run at a time.
    random_state : int, RandomState instance or None
        Seed of the folds.
    metadata : dict
        What the splitter asked for.

    Returns
    -------
    fitted : Fitted
        At most k + 1 fits for k splits, and k where their models are kept.
    """
    cv = check_word(cv)
    if not (isinstance(ensemble, bool | np.bool_) or ensemble == "auto"):
        raise ValueError(f"ensemble must be 'auto', True or False; got {ensemble!r}.")
    if isinstance(training.estimator, FrozenEstimator):
        model, deliveries = training.fit(X, y)
        held_out = None
        if wanted:
            name = method(model)
            population = training.by_role.population
            rows = np.arange(len(y)) if population is None else population.nonzero()[0]
            outputs = outputs_of(model, X, name, classes)[rows]
            held_out = HeldOut(outputs, rows, name, "the frozen model")
        return Fitted([model], deliveries, 0, held_out)
    if not wanted:
        model, deliveries = training.fit(X, y)
        return Fitted([model], deliveries, 1)
    if isinstance(cv, str) and cv == "oob":
        if metadata.get("groups") is not None:
            raise ValueError(
                "cv='oob' cannot keep groups together: trees that did not draw a row "
                "drew others of its group. Use cv='auto', or leave out groups."
            )
        return _fit_out_of_bag(training, X, y)
    population = training.by_role.population
    splits = make_splits(cv, X, y, population, random_state, metadata)
    keep = splits is not None and _keeps(
        ensemble, splits, len(y), averages, training.estimator
    )
    kept = [] if keep else [training.fit(X, y)]
    n_fits = len(kept)
    held_out = None
    if splits is not None:
        # A pair whose rows have all been tested by others is fitted for its model.
        pairs = [pair for pair in splits.pairs if keep or pair[1].size]
        held_out, models = cross_fit(
            training, X, y, pairs, method, classes, n_jobs=n_jobs, keep=keep
        )
        n_fits += len(pairs)
        if keep:
            kept = models
            if len(kept) > 1:
                source = f"{held_out.source}, whose models are averaged"
                held_out = held_out._replace(source=source)
    return Fitted([model for model, _ in kept], kept[0][1], n_fits, held_out)


def _keeps(ensemble, splits, n_samples, averages, estimator):
    """Return whether the models of the splits are kept, and none is fitted on all rows.

    An average is worth its price where models change much with their rows; and where
    no fold has learned from much less than there is, as the early ones of a time
    series have.
    """
    if not ensemble:
        return False
    if splits.is_holdout:
        return True
    if not averages and len(splits.pairs) > 1:
        return False
    if ensemble != "auto":
        return True
    smallest = min(train.size for train, _ in splits.pairs)
    return (
        averages
        and len(splits.pairs) > 1
        and 2 * smallest >= n_samples
        and is_of_trees(estimator)
    )


def _fit_out_of_bag(training, X, y):
    if training.resampler is not None:
        raise ValueError(
            "cv='oob' needs votes for rows as they came, and with a resampler the "
            "trees draw from other rows. Use cv='auto'."
        )
    training = copy(training)
    training.estimator = clone(training.estimator)
    model, deliveries, outputs, rows = out_of_bag(training, X, y)
    held_out = HeldOut(
        outputs, rows, "predict_proba", "the trees that did not draw them"
    )
    return Fitted([model], deliveries, 1, held_out)
