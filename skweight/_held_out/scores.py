"""Cross-fit an estimator with weights, to get scores of held-out rows.

Strategies, density ratios and reports use this module to fit models. For every fold, an
estimator is fitted with weights on the rows outside the fold. It is also fitted on all
rows. The held-out score of a row comes from a model that was fitted without this row.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedKFold

from skweight._held_out.cross_fit import cross_fit
from skweight._held_out.outputs import (
    log_scores,
    output_method,
    outputs_of,
    smallest_probability,
)
from skweight.delivery import deliver


class WeightedFit(NamedTuple):
    """An estimator, the weights of the rows for its fit, and a seed."""

    estimator: object
    weights: np.ndarray | None
    random_state: int

    def of(self, rows, n_samples):
        """Return a copy with the same estimator and seed, for a part of the rows."""
        weights = None if self.weights is None else self.weights[rows]
        return self._replace(weights=weights)

    def fit(self, X, y):
        """Return a fitted clone, and records of how the weights were passed."""
        return deliver(
            self.estimator,
            X,
            y,
            self.weights,
            population=self.weights,
            random_state=self.random_state,
        )


class CrossFitScores(NamedTuple):
    """Scores of held-out rows, and a method to compute the scores of further rows.

    ``rows`` are the positions of the held-out rows, in the order of ``outputs``.
    ``model`` is the model fitted on all rows, or None if none was requested. If a
    probability is below ``clip``, its logarithm is replaced by the logarithm of
    ``clip``.
    """

    outputs: np.ndarray
    rows: np.ndarray
    model: object
    method: str
    clip: float
    classes: np.ndarray

    @property
    def scores(self):
        """Scores of the held-out rows, on the scale of log odds."""
        return log_scores(self.outputs, self.method, self.clip)

    def in_row_order(self):
        """Return the held-out scores, sorted like the rows of X."""
        outputs = np.empty_like(self.outputs)
        outputs[self.rows] = self.outputs
        return self._replace(outputs=outputs, rows=np.arange(len(outputs)))

    def outputs_of(self, X):
        """Return the outputs of `model` for rows that are not held-out rows."""
        return outputs_of(self.model, X, self.method, self.classes)

    def scores_of(self, X):
        """Return scores, on the log odds scale, of rows that are not held-out rows."""
        return log_scores(self.outputs_of(X), self.method, self.clip)


def stratified_splits(y, cv, rng):
    """Return `cv` shuffled stratified folds; fewer folds if a class has fewer rows."""
    fewest = int(np.unique(y, return_counts=True)[1].min())
    folds = StratifiedKFold(
        min(cv, fewest), shuffle=True, random_state=rng.randint(2**31 - 1)
    )
    return list(folds.split(np.zeros(len(y)), y))


def cross_fit_scores(
    estimator,
    X,
    y,
    weights,
    splits,
    *,
    classes,
    random_state,
    probabilities=False,
    refit=True,
    n_jobs=None,
):
    """Fit an estimator with weights; score every row by a model that did not see it.

    Parameters
    ----------
    estimator : estimator
        Classifier to clone and fit. A ``FrozenEstimator`` is not fitted again.
    X, y : array-like
        Features and labels of the rows.
    weights : ndarray of shape (n_samples,) or None
        Weights with which the estimator is fitted; None means no weights.
    splits : list of (ndarray, ndarray)
        Pairs (positions of rows to fit on, positions of rows to score). Every row is
        scored in one pair.
    classes : ndarray of shape (n_classes,)
        All labels, in the order of the columns of the outputs.
    random_state : int
        Seed that is passed to :func:`skweight.delivery.deliver`.
    probabilities : bool, default=False
        Whether the scores must be probabilities. If False, decision values are used
        where available.
    refit : bool, default=True
        Whether one more model is fitted on all rows.
    n_jobs : int, default=None
        Number of folds that are fitted in parallel.

    Returns
    -------
    fitted : CrossFitScores
        Scores of all rows, fold by fold.
    """
    fit = WeightedFit(estimator, weights, random_state)
    frozen = isinstance(estimator, FrozenEstimator)
    model = fit.fit(X, y)[0] if refit or frozen else None
    method = partial(output_method, probabilities=probabilities)
    if model is not None:
        method = method(model)
    if frozen:
        outputs, rows = outputs_of(model, X, method, classes), np.arange(len(y))
    else:
        held_out, _ = cross_fit(fit, X, y, splits, method, classes, n_jobs=n_jobs)
        outputs, rows, method = held_out.outputs, held_out.rows, held_out.method
    clip = smallest_probability(outputs, method)
    return CrossFitScores(outputs, rows, model, method, clip, classes)
