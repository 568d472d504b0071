"""Class weights that an estimator has by parameters of its own.

They are emphasis as well. Whoever injects weights besides counts twice; and whoever
inverts the emphasis has to know of them, since the model has seen its classes at other
masses than the rows have.
"""

from typing import NamedTuple

import numpy as np
from sklearn.frozen import FrozenEstimator

from skweight._utils.families import learner_of
from skweight._utils.validation import plain
from skweight._utils.warn import warn
from skweight.delivery._composite import children
from skweight.exceptions import DoubleCountingWarning

# Class masses that differ by less are the same by rows and by weights.
_CLEARLY = 1.1


def balances_itself(estimator):
    """Find parameters by which a classifier, or one inside it, balances its classes.

    Parameters
    ----------
    estimator : estimator
        Classifier or composite.

    Returns
    -------
    found : list of tuple (str, object)
        Parameter names, as ``estimator.set_params`` takes them, and their values.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skweight.delivery import balances_itself
    >>> balances_itself(make_pipeline(LogisticRegression(class_weight="balanced")))
    [('logisticregression__class_weight', 'balanced')]
    """
    if isinstance(estimator, FrozenEstimator):
        return []
    found = [
        (name, value)
        for name, value in estimator.get_params(deep=False).items()
        if name in _PARAMETERS and not _PARAMETERS[name].is_neutral(value)
    ]
    for key, child in children(estimator):
        found += [(f"{key}__{name}", value) for name, value in balances_itself(child)]
    return found


def inner_multiplier(estimator, classes, mass):
    """Return by how much a fitted estimator multiplies its classes by itself.

    Parameters
    ----------
    estimator : estimator
        Fitted. The learner inside of Pipelines, searches and frozen models is asked.
    classes : ndarray of shape (n_classes,)
        Labels.
    mass : ndarray of shape (n_classes,)
        Weight of the rows of each class that the learner is given.

    Returns
    -------
    multiplier : ndarray of shape (n_classes,)
        Ones where it does not balance, or in a way that nobody knows from outside.
    """
    multiplier = np.ones(classes.size)
    for _, value, parameter in _balancing_parameters(estimator):
        share = mass / mass.sum()
        multiplier = multiplier * parameter.multiplier(value, classes, share)
    return multiplier


def warn_of_two_counts(estimator, classes, mass, counts):
    """Warn if an estimator balances, and weights and numbers of rows say other things.

    Parameters
    ----------
    estimator, classes, mass
        As of `inner_multiplier`.
    counts : ndarray of shape (n_classes,)
        Number of rows of each class that the learner is given.

    Warns
    -----
    DoubleCountingWarning
        If what it multiplies its classes by depends on which of the two it counts.
    """
    for name, value, parameter in _balancing_parameters(estimator):
        by_mass = parameter.multiplier(value, classes, mass / mass.sum())
        ratio = by_mass / parameter.multiplier(value, classes, counts / counts.sum())
        if ratio.max() > _CLEARLY * ratio.min():
            _warn_of_two_counts(name, value, ratio)


def _balancing_parameters(estimator):
    """Yield name, value and kind of the parameters by which a learner balances."""
    params = learner_of(estimator).get_params(deep=False)
    for name, parameter in _PARAMETERS.items():
        if name in params and not parameter.is_neutral(params[name]):
            yield name, params[name], parameter


def _warn_of_two_counts(name, value, ratio):
    warn(
        f"The wrapped estimator balances by itself ({name}={value!r}), and the weights "
        f"make its classes up to {ratio.max() / ratio.min():.3g} times as large as "
        "their numbers of rows do. Some estimators balance the rows and some the "
        "weights, so class_multiplier_ may be off by that factor. Set it back to its "
        "default, and balance by weighting='balanced', which counts the weights.",
        DoubleCountingWarning,
    )


def _class_weight(value, classes, share):
    """As of scikit-learn, LightGBM and, as a list, CatBoost."""
    if isinstance(value, str):
        balanced = value in ("balanced", "balanced_subsample")
        return _even(share) if balanced else np.ones(classes.size)
    if isinstance(value, dict):
        return np.array([value.get(plain(label), 1.0) for label in classes], float)
    value = np.asarray(value, dtype=object)
    fits = value.shape == classes.shape and not isinstance(value[0], dict)
    return value.astype(float) if fits else np.ones(classes.size)


def _scale_pos_weight(value, classes, share):
    """As of XGBoost, LightGBM and CatBoost: a factor of the second of two classes."""
    return np.array([1.0, value]) if classes.size == 2 else np.ones(classes.size)


def _is_unbalance(value, classes, share):
    """As of LightGBM, for two classes."""
    return _even(share) if classes.size == 2 else np.ones(classes.size)


def _auto_class_weights(value, classes, share):
    """As of CatBoost."""
    power = {"Balanced": 1.0, "SqrtBalanced": 0.5}.get(value, 0.0)
    return _even(share) ** power


def _even(share):
    """Return what makes all classes that are there equally frequent."""
    present = share > 0
    factor = np.divide(1.0, share, out=np.ones(share.size), where=present)
    return factor / np.average(factor, weights=share)


class _Parameter(NamedTuple):
    """Values that leave an estimator alone, and what the others multiply classes by."""

    neutral: tuple
    multiplier: object

    def is_neutral(self, value):
        # A value may be an array, whose comparison is one of its entries.
        return any(
            value is one or (np.ndim(value) == 0 and value == one)
            for one in self.neutral
        )


# A parameter of another package becomes known by one row here.
_PARAMETERS = {
    "class_weight": _Parameter((None,), _class_weight),
    "class_weights": _Parameter((None,), _class_weight),
    "auto_class_weights": _Parameter((None, "None"), _auto_class_weights),
    "scale_pos_weight": _Parameter((None, 1), _scale_pos_weight),
    "is_unbalance": _Parameter((None, False), _is_unbalance),
}
