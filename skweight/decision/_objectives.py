"""Objectives of the threshold search: scores of labels, from running sums."""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import get_scorer

from skweight._utils.validation import did_you_mean, say

# A scorer without a formula is called once for every candidate threshold. With three or
# more classes, each sweep searches the threshold of each class once, with at most
# MOST_CALLS candidates.
MOST_CALLS = 50


def _over(numerator, denominator):
    """Return a quotient; as in scikit-learn, return 0 if the denominator is 0."""
    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    return np.divide(numerator, denominator, out=np.zeros(shape), where=denominator > 0)


def _accuracy(hits, decided, true):
    return hits.sum(axis=1) / true.sum()


def _recall(hits, decided, true):
    return _over(hits, np.broadcast_to(true, hits.shape))


def _precision(hits, decided, true):
    return _over(hits, decided)


def _f1(hits, decided, true):
    return _over(2 * hits, decided + true)


def _jaccard(hits, decided, true):
    return _over(hits, decided + true - hits)


def _balanced_accuracy(hits, decided, true):
    present = true > 0
    return _recall(hits, decided, true)[:, present].mean(axis=1)


def _matthews(hits, decided, true):
    total = true.sum()
    covariance = hits.sum(axis=1) * total - decided @ true
    spread = (total**2 - (decided**2).sum(axis=1)) * (total**2 - true @ true)
    # The coefficient is covariance divided by the root of the spread. If all rows have
    # the same decision, the spread is 0, but rounding errors may make the computed
    # spread positive.
    spread[spread < 1e-12 * total**4] = 0.0
    return _over(covariance, np.sqrt(spread))


def _averaged(per_class):
    def mean(hits, decided, true):
        # As in scikit-learn, the mean is taken over the classes that occur among the
        # labels or among the decisions.
        occurs = (true > 0) | (decided > 0)
        return _over((per_class(hits, decided, true) * occurs).sum(1), occurs.sum(1))

    return mean


def _weighted(per_class):
    return lambda hits, decided, true: (
        per_class(hits, decided, true) @ (true / true.sum())
    )


_PER_CLASS = {
    "f1": _f1,
    "jaccard": _jaccard,
    "precision": _precision,
    "recall": _recall,
}

FORMULAS = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "matthews_corrcoef": _matthews,
    **{f"{name}_macro": _averaged(score) for name, score in _PER_CLASS.items()},
    **{f"{name}_weighted": _weighted(score) for name, score in _PER_CLASS.items()},
}

# Scores of a single class. If there are two classes, this is the positive class.
ONE_CLASS = _PER_CLASS


def least_cost(outcomes):
    """Return the negative mean cost of every candidate."""
    return -outcomes.cost / outcomes.true.sum()


def by_formula(name, positive=None):
    """Return the objective of a named score.

    If the score belongs to one class, ``positive`` is the code of this class.
    """

    def objective(outcomes):
        sums = outcomes.hits, outcomes.decided, outcomes.true
        if positive is not None:
            return ONE_CLASS[name](*sums)[:, positive]
        return FORMULAS[name](*sums)

    objective.rewards_hits = True
    return objective


class _Labels(ClassifierMixin, BaseEstimator):
    """Stand-in for a classifier, which "predicts" given labels."""

    def __init__(self, classes_, labels):
        self.classes_ = classes_
        self.labels = labels

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        return self.labels


def by_scorer(scorer, classes, *, weighted):
    """Return the objective of any scorer of labels.

    A score of labels depends only on the total weight in each entry of the confusion
    matrix. Therefore the scorer gets only one weighted row per entry.

    Parameters
    ----------
    scorer : callable
        A scorer from :func:`sklearn.metrics.make_scorer`.
    classes : ndarray of shape (n_classes,)
        All labels.
    weighted : bool
        Whether the rows have population weights that are not all equal.

    Returns
    -------
    objective : callable
    """
    codes = np.indices((classes.size, classes.size)).reshape(2, -1)

    def score(cells):
        mass = cells.ravel()
        true, decided = codes[:, mass > 0]
        mass = mass[mass > 0]
        try:
            return _call(scorer, classes, true, decided, mass)
        except TypeError as error:
            if weighted or "sample_weight" not in str(error):
                raise
        # The scorer does not accept weights: call the scorer with every row separately.
        times = np.rint(mass).astype(np.intp)
        return _call(scorer, classes, true.repeat(times), decided.repeat(times), None)

    def objective(outcomes):
        n_candidates = len(outcomes.hits)
        tried = np.arange(n_candidates)
        if classes.size > 2 and n_candidates > MOST_CALLS:
            tried = np.unique(np.linspace(0, n_candidates - 1, MOST_CALLS).astype(int))
        values = np.full(n_candidates, -np.inf)
        values[tried] = [score(outcomes.cells(candidate)) for candidate in tried]
        return values

    return objective


def _call(scorer, classes, true, decided, mass):
    labels = _Labels(classes, classes[decided])
    weights = {} if mass is None else {"sample_weight": mass}
    with warnings.catch_warnings():
        # If a candidate threshold gives all rows the same decision, the precision of
        # the other class is not defined, and counts as 0.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        return scorer(labels, np.zeros((true.size, 1)), classes[true], **weights)


def check_scorer(scorer, classes):
    """Raise if a scorer uses probabilities or scores. A threshold changes only labels.

    The scorer is called on artificial rows. Other errors of the scorer are ignored,
    because real rows may not cause these errors.
    """
    if isinstance(scorer, str):
        return
    codes = np.arange(classes.size)
    try:
        _call(scorer, classes, codes, codes, None)
    except AttributeError as error:
        if _Labels.__name__ not in str(error):
            return
        raise ValueError(
            f"{scorer!r} evaluates probabilities or scores, which do not depend on "
            "the threshold. Tune for a score of labels, such as 'balanced_accuracy' "
            "or 'f1', or for a cost by TunedDecision(cost=...)."
        ) from error
    except Exception:
        return


def resolve_scorer(scoring):
    """Return the name of a formula, or a scorer of labels.

    Parameters
    ----------
    scoring : str or callable
        Name of a scorer of scikit-learn, or a scorer made by ``make_scorer``.

    Returns
    -------
    scoring : str or callable
    """
    if isinstance(scoring, str):
        if scoring in FORMULAS or scoring in ONE_CLASS:
            return scoring
        try:
            return get_scorer(scoring)
        except ValueError as error:
            names = sorted([*FORMULAS, *ONE_CLASS])
            raise ValueError(
                f"scoring must be the name of a score of labels, such as {say(names)}, "
                f"or a scorer; got {scoring!r}.{did_you_mean(scoring, names)}"
            ) from error
    if hasattr(scoring, "cost"):
        raise TypeError(
            "scoring must be a score of labels; got a cost scorer. To tune for a "
            "cost, use TunedDecision(cost=...), which knows the costs of every row."
        )
    if callable(scoring):
        return scoring
    raise TypeError(
        "scoring must be the name of a scorer or a scorer made by "
        f"sklearn.metrics.make_scorer; got {scoring!r} of type "
        f"{type(scoring).__name__}. Pass a cost matrix as TunedDecision(cost=...)."
    )
