"""Find out what kind of model an estimator is, to choose its calibration."""

from functools import lru_cache

import numpy as np
from sklearn.frozen import FrozenEstimator

from skweight._utils.lookup import params_of

# Classes are compared by name. To compare the classes themselves, scikit-learn's
# ensembles would have to be imported, which takes a tenth of the import time of
# skweight.
_FORESTS = frozenset(
    {"RandomForestClassifier", "ExtraTreesClassifier", "BaggingClassifier"}
)
_VOTERS = _FORESTS | {"DecisionTreeClassifier"}
_TREES = _VOTERS | {
    "AdaBoostClassifier",
    "GradientBoostingClassifier",
    "HistGradientBoostingClassifier",
}
_LINEAR = frozenset(
    {
        "LinearDiscriminantAnalysis",
        "LinearSVC",
        "LogisticRegression",
        "LogisticRegressionCV",
        "Perceptron",
        "RidgeClassifier",
        "RidgeClassifierCV",
        "SGDClassifier",
    }
)
_PACKAGES_OF_TREES = {"catboost", "lightgbm", "xgboost"}


def learner_of(estimator):
    """Return the estimator that does the learning inside frozen models and Pipelines.

    For a search such as GridSearchCV, the result is the estimator to tune, or, after
    the fit, the best estimator. All other estimators are returned unchanged, including
    ensembles, because the average of an ensemble behaves differently from its members.
    """
    while True:
        if hasattr(estimator, "steps"):
            inner = estimator.steps[-1][1]
        elif isinstance(estimator, FrozenEstimator) or hasattr(estimator, "refit"):
            inner = getattr(estimator, "estimator", None)
            inner = getattr(estimator, "best_estimator_", inner)
        else:
            return estimator
        if inner is None or isinstance(inner, str):
            return estimator
        estimator = inner


def packages_of(learner):
    """Return the packages of the class of a learner and of its bases, in order.

    If the class of a learner is derived from a class of another package, both packages
    are returned.
    """
    return _packages_of_class(type(learner))


@lru_cache(maxsize=256)
def _packages_of_class(cls):
    return tuple(base.__module__.partition(".")[0] for base in cls.__mro__)


def takes_codes(estimator, labels):
    """Return whether a classifier takes positions of labels instead of labels.

    XGBoost accepts only the labels 0, 1, and so on, and its ``classes_`` are these
    numbers. A Pipeline of this library gets the labels, because the steps of the
    Pipeline use labels.
    """
    if "xgboost" not in packages_of(learner_of(estimator)):
        return False
    if hasattr(estimator, "_fit_with_roles"):
        return False
    return not np.array_equal(labels, np.arange(len(labels)))


# Names under which LightGBM takes its objective.
_OBJECTIVES = ("objective", "objective_type", "app", "application", "loss")


def gives_raw_scores(estimator):
    """Return whether the predict_proba of an estimator returns raw scores.

    LightGBM returns raw scores if the objective is a function, because LightGBM does
    not know the link function.
    """
    learner = learner_of(estimator)
    if "lightgbm" not in packages_of(learner):
        return False
    params = params_of(learner)
    return any(callable(params.get(name)) for name in _OBJECTIVES)


def is_of_trees(estimator):
    """Return whether a model consists of trees; a tree changes much if rows change."""
    learner = learner_of(estimator)
    of_package = _PACKAGES_OF_TREES.intersection(packages_of(learner))
    return _is_any(learner, _TREES) or bool(of_package)


def is_linear(estimator):
    """Return whether the scores of a model are linear in its features."""
    return _is_any(learner_of(estimator), _LINEAR)


def is_forest(model):
    """Return whether a model draws a sample of the rows for each of its members."""
    return _is_any(model, _FORESTS)


def averages_trees(estimator):
    """Return whether the probabilities of a model are means over many trees.

    The result is False for a single tree: its probabilities follow the weights in its
    leaves.
    """
    learner = learner_of(estimator)
    inner = getattr(learner, "estimator", None)
    return is_forest(learner) and (inner is None or is_of_trees(inner))


def boosts_trees(estimator):
    """Return whether a model is boosting with trees."""
    return is_of_trees(estimator) and not counts_votes(estimator)


def counts_votes(estimator):
    """Return whether the probabilities of a model are shares of votes.

    Models whose probabilities are shares of votes do not minimise a proper loss, so a
    formula that undoes the effect of the weights on probabilities is not correct for
    them. A share of zero means "no vote", not "impossible".
    """
    return _is_any(learner_of(estimator), _VOTERS)


def _is_any(model, names):
    """Return whether a model is of one of the named classes of scikit-learn."""
    return _is_class_of(type(model), names)


@lru_cache(maxsize=256)
def _is_class_of(cls, names):
    return any(
        base.__name__ in names and base.__module__.startswith("sklearn.")
        for base in cls.__mro__
    )
