"""Class weights that an estimator has by parameters of its own.

They are emphasis as well. Whoever injects weights besides counts twice; and whoever
inverts the emphasis has to know of them, since the model has seen its classes at other
masses than the rows have.
"""

import re
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

    Known are the class weights of scikit-learn, XGBoost, LightGBM (with its aliases),
    CatBoost, Keras and of the criteria and samplers of PyTorch; balanced ensembles of
    imbalanced-learn; and samplers that are steps of a Pipeline.

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
    >>> from skweight.delivery._balancing import balances_itself
    >>> balances_itself(make_pipeline(LogisticRegression(class_weight="balanced")))
    [('logisticregression__class_weight', 'balanced')]
    """
    if isinstance(estimator, FrozenEstimator):
        return []
    found = [(name, value) for name, value, *_ in _balancing_parameters(estimator)]
    if _is_balanced_ensemble(estimator):
        found.append(("sampling_strategy", estimator.sampling_strategy))
    for key, child in children(estimator):
        if hasattr(child, "fit_resample") and not hasattr(child, "predict"):
            # A sampler of a balanced ensemble has been found by the ensemble.
            if _resamples_classes(child) and not _is_balanced_ensemble(estimator):
                found.append((key, child))
        else:
            found += [
                (f"{key}__{name}", value) for name, value in balances_itself(child)
            ]
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
    share = mass / mass.sum()
    for _, _, weight, parameter in _balancing_parameters(learner_of(estimator)):
        multiplier = multiplier * parameter.multiplier(weight, classes, share)
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
    by_mass, by_count = mass / mass.sum(), counts / counts.sum()
    for name, value, weight, parameter in _balancing_parameters(learner_of(estimator)):
        ratio = parameter.multiplier(weight, classes, by_mass)
        ratio = ratio / parameter.multiplier(weight, classes, by_count)
        if ratio.max() > _CLEARLY * ratio.min():
            _warn_of_two_counts(name, value, ratio)


def _balancing_parameters(estimator):
    """Yield name, value, the part of it that balances, and kind of such parameters."""
    params = estimator.get_params(deep=False)
    for name, value in params.items():
        parameter = _PARAMETERS.get(name)
        weight = None if parameter is None else parameter.read(value, params)
        if weight is not None:
            yield name, value, weight, parameter


def _warn_of_two_counts(name, value, ratio):
    warn(
        f"The wrapped estimator balances by itself ({name}={value!r}), and the weights "
        f"make its classes up to {ratio.max() / ratio.min():.3g} times as large as "
        "their numbers of rows do. Some estimators balance the rows and some the "
        "weights, so class_multiplier_ may be off by that factor. Set it back to its "
        "default, and balance by weighting='balanced', which counts the weights.",
        DoubleCountingWarning,
    )


# -- what resamples --------------------------------------------------------------------


def _is_balanced_ensemble(estimator):
    """Return whether an estimator draws rows of its classes alike, member by member.

    So do BalancedRandomForestClassifier and its kin of imbalanced-learn.
    """
    return hasattr(estimator, "predict") and (
        "sampling_strategy" in estimator.get_params(deep=False)
    )


def _resamples_classes(sampler):
    """Return whether a sampler changes how frequent classes are, by its purpose.

    Those that clean (TomekLinks and its kin) leave classes about as they are, and of
    one that calls a function nobody knows.
    """
    inner = sampler.get_params(deep=False).get("sampler")
    if inner is not None and hasattr(inner, "get_params"):
        return _resamples_classes(inner)
    bases = {cls.__name__ for cls in type(sampler).__mro__}
    return not bases & {"BaseCleaningSampler", "FunctionSampler"}


# -- multipliers -----------------------------------------------------------------------


def _class_weight(value, classes, share):
    """As of scikit-learn, LightGBM and, as a list, CatBoost and PyTorch."""
    if isinstance(value, str):
        balanced = value in ("balanced", "balanced_subsample")
        return _even(share) if balanced else np.ones(classes.size)
    if isinstance(value, dict):
        return np.array([value.get(plain(label), 1.0) for label in classes], float)
    value = np.asarray(value, dtype=object)
    fits = value.shape == classes.shape and not isinstance(value[0], dict)
    return value.astype(float) if fits else np.ones(classes.size)


def _weight_by_position(value, classes, share):
    """As of Keras: a dict from the position of a class to its weight."""
    if not isinstance(value, dict):
        return _class_weight(value, classes, share)
    return np.array([value.get(i, 1.0) for i in range(classes.size)], float)


def _scale_pos_weight(value, classes, share):
    """As of XGBoost, LightGBM and CatBoost: a factor of the second of two classes."""
    return np.array([1.0, value]) if classes.size == 2 else np.ones(classes.size)


def _scale_neg_weight(value, classes, share):
    return _scale_pos_weight(value, classes, share)[::-1]


def _balanced(value, classes, share):
    return _even(share)


def _balanced_pair(value, classes, share):
    """As of LightGBM, for two classes."""
    return _even(share) if classes.size == 2 else np.ones(classes.size)


def _auto_class_weights(value, classes, share):
    """As of CatBoost."""
    power = {"Balanced": 1.0, "SqrtBalanced": 0.5}.get(value, 0.0)
    return _even(share) ** power


def _of_criterion(value, classes, share):
    """Of a criterion of PyTorch: ``weight`` of all classes, ``pos_weight`` of one."""
    if np.size(value) == classes.size > 1:
        return _class_weight(np.ravel(value), classes, share)
    return _scale_pos_weight(float(np.ravel(value)[0]), classes, share)


def _of_batches(value, classes, share):
    """Of balanced batches, which know what they make of classes; else of nobody."""
    multiplier = getattr(value, "class_multiplier_", None)
    fits = multiplier is not None and np.shape(multiplier) == classes.shape
    return np.array(multiplier) if fits else np.ones(classes.size)


def _even(share):
    """Return what makes all classes that are there equally frequent."""
    present = share > 0
    factor = np.divide(1.0, share, out=np.ones(share.size), where=present)
    return factor / np.average(factor, weights=share)


# -- readers: the part of a value that balances, or None -------------------------------


def _unless(*neutral):
    """Return a reader of values of which some leave an estimator alone."""

    def read(value, params):
        # A value may be an array, whose comparison is one of its entries.
        is_neutral = any(
            value is none or (np.ndim(value) == 0 and value == none) for none in neutral
        )
        return None if is_neutral else value

    return read


def _bagging_fraction(value, params):
    """Read which part of a class LightGBM draws, where its bagging is on."""
    names = ("bagging_freq", "subsample_freq")
    drawn = any((params.get(name) or 0) > 0 for name in names)
    return _unless(None, 1)(value, params) if drawn else None


def _focal_alpha(value, params):
    """Read how often the focal loss of CatBoost counts the second class."""
    match = isinstance(value, str) and re.search(
        r"^Focal:.*focal_alpha=([\d.]+)", value
    )
    alpha = float(match[1]) if match else 0.5
    return None if alpha in (0.0, 0.5, 1.0) else alpha / (1 - alpha)


def _criterion(value, params):
    """Read the weights with which a criterion of PyTorch was made, or will be."""
    if isinstance(value, str | type):
        return None
    made_with = getattr(value, "keywords", None) or getattr(value, "__dict__", {})
    # PyTorch keeps tensors apart from other attributes.
    tensors = made_with.get("_buffers", made_with)
    for name in ("weight", "pos_weight", "class_weight"):
        if tensors.get(name) is not None:
            return np.asarray(tensors[name])
    return None


def _tensor(value, params):
    return None if value is None else np.asarray(value)


def _sampler(value, params):
    """Read what draws some rows more often: batches, or a sampler with weights."""
    if hasattr(value, "class_multiplier_"):
        return value
    weights = getattr(value, "weights", None)
    return value if weights is not None and np.ptp(np.asarray(weights)) > 0 else None


def _fit_kwargs(value, params):
    return value.get("class_weight") if isinstance(value, dict) else None


class _Parameter(NamedTuple):
    """What of a value balances (None: nothing), and what that multiplies classes by."""

    read: object
    multiplier: object


_UNBALANCE = _Parameter(_unless(None, False), _balanced_pair)
_POSITIVE_PART = _Parameter(_bagging_fraction, _scale_pos_weight)
_NEGATIVE_PART = _Parameter(_bagging_fraction, _scale_neg_weight)
_FOCAL = _Parameter(_focal_alpha, _scale_pos_weight)
_DRAWS = _Parameter(_sampler, _of_batches)

# A parameter of another package becomes known by one row here. LightGBM takes all of
# its aliases as keyword arguments, and offers no public list of them.
_PARAMETERS = {
    # scikit-learn, LightGBM, scikeras
    "class_weight": _Parameter(_unless(None), _class_weight),
    # XGBoost, LightGBM, CatBoost
    "scale_pos_weight": _Parameter(_unless(None, 1), _scale_pos_weight),
    # LightGBM
    "is_unbalance": _UNBALANCE,
    "unbalance": _UNBALANCE,
    "unbalanced_sets": _UNBALANCE,
    "pos_bagging_fraction": _POSITIVE_PART,
    "pos_sub_row": _POSITIVE_PART,
    "pos_subsample": _POSITIVE_PART,
    "pos_bagging": _POSITIVE_PART,
    "neg_bagging_fraction": _NEGATIVE_PART,
    "neg_sub_row": _NEGATIVE_PART,
    "neg_subsample": _NEGATIVE_PART,
    "neg_bagging": _NEGATIVE_PART,
    # CatBoost
    "class_weights": _Parameter(_unless(None), _class_weight),
    "auto_class_weights": _Parameter(_unless(None, "None"), _auto_class_weights),
    "loss_function": _FOCAL,
    "objective": _FOCAL,
    # skorch
    "criterion": _Parameter(_criterion, _of_criterion),
    "criterion__weight": _Parameter(_tensor, _of_criterion),
    "criterion__pos_weight": _Parameter(_tensor, _of_criterion),
    "iterator_train__sampler": _DRAWS,
    "iterator_train__batch_sampler": _DRAWS,
    # Keras
    "fit_kwargs": _Parameter(_fit_kwargs, _weight_by_position),
    "fit__class_weight": _Parameter(_unless(None), _weight_by_position),
    # TabPFN
    "balance_probabilities": _Parameter(_unless(None, False), _balanced),
}
