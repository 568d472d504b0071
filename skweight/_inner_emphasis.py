"""Class weights that an estimator has by parameters of its own.

They are emphasis as well: the model has seen its classes at other masses than the rows
have, and whoever inverts that has to know.
"""

import numpy as np
from sklearn.frozen import FrozenEstimator

from skweight._families import learner_of
from skweight._validation import plain


def inner_multiplier(estimator, classes, share):
    """Return by how much a fitted estimator multiplies its classes by itself.

    Parameters
    ----------
    estimator : estimator
        Fitted. The learner inside of Pipelines and searches is asked; a frozen one is
        taken at the caller's word.
    classes : ndarray of shape (n_classes,)
        Labels.
    share : ndarray of shape (n_classes,)
        Share of each class of what the learner is given.

    Returns
    -------
    multiplier : ndarray of shape (n_classes,)
        Ones where it does not balance, or in a way that nobody knows from outside.
    """
    multiplier = np.ones(classes.size)
    if isinstance(estimator, FrozenEstimator):
        return multiplier
    params = learner_of(estimator).get_params(deep=False)
    for name, multiplier_of in _PARAMETERS.items():
        value = params.get(name)
        # A parameter may be an array, whose truth nobody knows.
        if value is not None and value is not False:
            multiplier = multiplier * multiplier_of(value, classes, share)
    return multiplier


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


_PARAMETERS = {
    "class_weight": _class_weight,
    "class_weights": _class_weight,
    "scale_pos_weight": _scale_pos_weight,
    "is_unbalance": _is_unbalance,
    "auto_class_weights": _auto_class_weights,
}
