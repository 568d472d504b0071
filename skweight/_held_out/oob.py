"""Out-of-bag votes of a forest, checked for use by a calibrator."""

import warnings

import numpy as np

from skweight._utils.families import is_forest
from skweight._utils.validation import encode_labels, plain

# For every class, the mean number of out-of-bag trees per row is computed. There is an
# error if the smallest of these means is below _FEWEST_SHARE times the largest mean.
_FEWEST_SHARE = 0.5


def out_of_bag(training, X, y):
    """Fit a forest; return the forest and the out-of-bag votes of its trees.

    Parameters
    ----------
    training : Training
        Object that fits the forest. No other object may use this forest, because the
        parameter `oob_score` of the forest is changed.
    X, y : array-like
        Features and labels of the rows.

    Returns
    -------
    model, deliveries
        The fitted forest, and records of how the weights were passed to it.
    outputs : ndarray of shape (n_rows, n_classes)
        Shares of the votes of the trees for each class.
    rows : ndarray of shape (n_rows,)
        Positions of the rows with at least one vote: at least one tree did not draw the
        row.

    Raises
    ------
    ValueError
        If the estimator has no out-of-bag votes (votes of trees for rows not drawn), or
        if almost every tree draws all rows of some class.
    """
    forest = training.estimator
    _check_forest(forest)
    forest.set_params(oob_score=True)
    with warnings.catch_warnings():
        # scikit-learn warns that "Some inputs do not have OOB scores". Rows without
        # scores are left out below.
        warnings.simplefilter("ignore", UserWarning)
        with np.errstate(invalid="ignore", divide="ignore"):
            model, deliveries = training.fit(X, y)
    n_samples = len(y)
    n_trees = len(model.estimators_)
    n_out = np.full(n_samples, n_trees)
    for drawn in model.estimators_samples_:
        n_out[np.unique(drawn)] -= 1
    population = training.by_role.population
    counted = np.ones(n_samples, dtype=bool) if population is None else population > 0
    _check_votes(n_out, counted, y, n_trees)
    rows = np.flatnonzero(counted & (n_out > 0))
    return model, deliveries, model.oob_decision_function_[rows], rows


def _check_forest(forest):
    name = type(forest).__name__
    if not is_forest(forest) or hasattr(forest, "sampling_strategy"):
        raise ValueError(
            "cv='oob' needs a RandomForestClassifier, ExtraTreesClassifier or "
            f"BaggingClassifier that is not inside another estimator; got {name}. Use "
            "cv='auto', or put transformers into a pipeline around WeightedClassifier."
        )
    if not forest.get_params()["bootstrap"]:
        raise ValueError(
            f"cv='oob' needs rows that a tree did not draw, but every tree of {name} "
            "gets all rows. Set bootstrap=True, or cv='auto'."
        )


def _check_votes(n_out, counted, y, n_trees):
    labels, codes = encode_labels(y)
    mass = np.bincount(codes[counted], minlength=labels.size)
    mean = np.bincount(codes[counted], n_out[counted], minlength=labels.size)
    mean = mean[mass > 0] / mass[mass > 0] / n_trees
    if mean.min() >= _FEWEST_SHARE * mean.max() and mean.max() > 0:
        return
    label = plain(labels[mass > 0][np.argmin(mean)])
    raise ValueError(
        f"cv='oob' cannot calibrate: a row of class {label!r} is left out by "
        f"{mean.min():.1%} of the trees, a row of another class by {mean.max():.1%}. "
        "The ensemble draws rows by their weights (BaggingClassifier from scikit-learn "
        "1.8 on, forests from 1.9 on). Rows with large weights are in almost every "
        "draw, so they have too few out-of-bag votes. Use cv='auto', or balance inside "
        "every tree with class_weight='balanced_subsample' and weighting=None."
    )
