"""Class weights that are parameters of an estimator.

A parameter such as ``class_weight`` changes the total weight of each class in training.
If a strategy also weights the classes, the classes are balanced twice. If probabilities
are corrected for the effect of weights, the correction must also undo the effect of
such a parameter.
"""

import re
from typing import NamedTuple

import numpy as np
from sklearn.frozen import FrozenEstimator

from skweight._utils.families import learner_of
from skweight._utils.lookup import params_of
from skweight._utils.validation import plain
from skweight._utils.warn import warn
from skweight.delivery._composite import children
from skweight.exceptions import DoubleCountingWarning

# An estimator may balance the total weights of the classes, or their numbers of rows.
# If the class multipliers in these two cases differ by more than the factor _CLEARLY,
# the fit warns.
_CLEARLY = 1.1


def balances_itself(estimator):
    """Find parameters by which a classifier, or a nested classifier, balances classes.

    The function finds class weights of scikit-learn, XGBoost, LightGBM (with all
    aliases), CatBoost and Keras. It also finds criteria and samplers of PyTorch,
    balanced ensembles of imbalanced-learn, and samplers that are steps of a Pipeline.

    Parameters
    ----------
    estimator : estimator
        Classifier or composite.

    Returns
    -------
    parameters : list of tuple (str, object)
        Name and value of each balancing parameter. The name is valid for
        ``estimator.set_params``.

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
    parameters = [(name, value) for name, value, *_ in _balancing_parameters(estimator)]
    if _is_balanced_ensemble(estimator):
        parameters.append(("sampling_strategy", estimator.sampling_strategy))
    for key, child in children(estimator):
        if hasattr(child, "fit_resample") and not hasattr(child, "predict"):
            # The list `parameters` already contains the sampler of a balanced ensemble.
            if _resamples_classes(child) and not _is_balanced_ensemble(estimator):
                parameters.append((key, child))
        else:
            parameters += [
                (f"{key}__{name}", value) for name, value in balances_itself(child)
            ]
    return parameters


def inner_multiplier(estimator, classes, mass):
    """Return the weight that parameters of a fitted estimator give to each class.

    Parameters
    ----------
    estimator : estimator
        Fitted estimator; for a Pipeline, search or frozen model, the learner inside is
        used.
    classes : ndarray of shape (n_classes,)
        Labels.
    mass : ndarray of shape (n_classes,)
        Total weight of the training rows of each class.

    Returns
    -------
    multiplier : ndarray of shape (n_classes,)
        Number by which the estimator multiplies the weight of each class in training.
        All numbers are one if the estimator does not balance, or if they cannot be
        computed.
    """
    multiplier = np.ones(classes.size)
    for _, _, weight, parameter in _balancing_parameters(learner_of(estimator)):
        share = mass / mass.sum()
        multiplier = multiplier * parameter.multiplier(weight, classes, share)
    return multiplier


def warn_of_two_counts(estimator, classes, mass, counts):
    """Warn if it matters whether an estimator balances total weights or row counts.

    Parameters
    ----------
    estimator, classes, mass
        The same as in `inner_multiplier`.
    counts : ndarray of shape (n_classes,)
        Number of training rows of each class.

    Warns
    -----
    DoubleCountingWarning
        If the class multipliers differ clearly between the two cases: the estimator
        balances total weights, or it balances numbers of rows.
    """
    by_mass, by_count = mass / mass.sum(), counts / counts.sum()
    for name, value, weight, parameter in _balancing_parameters(learner_of(estimator)):
        ratio = parameter.multiplier(weight, classes, by_mass)
        ratio = ratio / parameter.multiplier(weight, classes, by_count)
        if ratio.max() > _CLEARLY * ratio.min():
            _warn_of_two_counts(name, value, ratio)


def _balancing_parameters(estimator):
    """Yield (name, value, balancing part of the value, kind) for each parameter."""
    params = params_of(estimator)
    for name, value in params.items():
        parameter = _PARAMETERS.get(name)
        weight = None if parameter is None else parameter.read(value, params)
        if weight is not None:
            yield name, value, weight, parameter


def _warn_of_two_counts(name, value, ratio):
    warn(
        f"The wrapped estimator balances classes by its parameter {name}={value!r}. It "
        "is not known whether it balances the weights or the rows of the classes. The "
        f"two differ by a factor of up to {ratio.max() / ratio.min():.3g}, and "
        "class_multiplier_ may be wrong by this factor. Reset the parameter to its "
        "default, and use weighting='balanced', which balances weights.",
        DoubleCountingWarning,
    )


# -- what resamples --------------------------------------------------------------------


def _is_balanced_ensemble(estimator):
    """Return whether an ensemble draws balanced rows for each member.

    For example BalancedRandomForestClassifier of imbalanced-learn.
    """
    return hasattr(estimator, "predict") and (
        "sampling_strategy" in params_of(estimator)
    )


def _resamples_classes(sampler):
    """Return whether a sampler is meant to change class frequencies.

    Cleaning samplers such as TomekLinks hardly change class frequencies. What the
    function of a FunctionSampler does is not known.
    """
    inner = sampler.get_params(deep=False).get("sampler")
    if inner is not None and hasattr(inner, "get_params"):
        return _resamples_classes(inner)
    bases = {cls.__name__ for cls in type(sampler).__mro__}
    return not bases & {"BaseCleaningSampler", "FunctionSampler"}


# -- multipliers -----------------------------------------------------------------------


def _class_weight(value, classes, share):
    """Read class weights of scikit-learn, LightGBM, CatBoost (a list) and PyTorch."""
    if isinstance(value, str):
        balanced = value in ("balanced", "balanced_subsample")
        return _even(share) if balanced else np.ones(classes.size)
    if isinstance(value, dict):
        return np.array([value.get(plain(label), 1.0) for label in classes], float)
    value = np.asarray(value, dtype=object)
    fits = value.shape == classes.shape and not isinstance(value[0], dict)
    return value.astype(float) if fits else np.ones(classes.size)


def _weight_by_position(value, classes, share):
    """Read class weights of Keras: a dict {position of the class: weight}."""
    if not isinstance(value, dict):
        return _class_weight(value, classes, share)
    return np.array([value.get(i, 1.0) for i in range(classes.size)], float)


def _scale_pos_weight(value, classes, share):
    """Read the weight of the second of two classes, as in XGBoost and LightGBM."""
    return np.array([1.0, value]) if classes.size == 2 else np.ones(classes.size)


def _scale_neg_weight(value, classes, share):
    return _scale_pos_weight(value, classes, share)[::-1]


def _balanced(value, classes, share):
    return _even(share)


def _balanced_pair(value, classes, share):
    """In the format of LightGBM, for two classes."""
    return _even(share) if classes.size == 2 else np.ones(classes.size)


def _auto_class_weights(value, classes, share):
    """In the format of CatBoost."""
    power = {"Balanced": 1.0, "SqrtBalanced": 0.5}.get(value, 0.0)
    return _even(share) ** power


def _of_criterion(value, classes, share):
    """Read the class weights ``weight`` or ``pos_weight`` of a PyTorch criterion."""
    if np.size(value) == classes.size > 1:
        return _class_weight(np.ravel(value), classes, share)
    return _scale_pos_weight(float(np.ravel(value)[0]), classes, share)


def _of_batches(value, classes, share):
    """Read ``class_multiplier_`` of balanced batches, with ones as default."""
    multiplier = getattr(value, "class_multiplier_", None)
    fits = multiplier is not None and np.shape(multiplier) == classes.shape
    return np.array(multiplier) if fits else np.ones(classes.size)


def _even(share):
    """Return class weights that balance all classes with a positive share."""
    present = share > 0
    factor = np.divide(1.0, share, out=np.ones(share.size), where=present)
    return factor / np.average(factor, weights=share)


# -- readers: the part of a value that balances, or None -------------------------------


def _unless(*neutral):
    """Return a reader that returns None for neutral values."""

    def read(value, params):
        # If `value` is an array, "==" compares each entry, so only scalars are
        # compared.
        is_neutral = any(
            value is neutral_value or (np.ndim(value) == 0 and value == neutral_value)
            for neutral_value in neutral
        )
        return None if is_neutral else value

    return read


def _bagging_fraction(value, params):
    """Read the bagging fraction of a class in LightGBM, if bagging is on."""
    names = ("bagging_freq", "subsample_freq")
    drawn = any((params.get(name) or 0) > 0 for name in names)
    return _unless(None, 1)(value, params) if drawn else None


def _focal_alpha(value, params):
    """Read the weight of the second class in the focal loss of CatBoost."""
    match = isinstance(value, str) and re.search(
        r"^Focal:.*focal_alpha=([\d.]+)", value
    )
    alpha = float(match[1]) if match else 0.5
    return None if alpha in (0.0, 0.5, 1.0) else alpha / (1 - alpha)


def _criterion(value, params):
    """Read class weights of a PyTorch criterion or of a ``functools.partial``."""
    if isinstance(value, str | type):
        return None
    made_with = getattr(value, "keywords", None) or getattr(value, "__dict__", {})
    # PyTorch stores tensors separately from other attributes.
    tensors = made_with.get("_buffers", made_with)
    for name in ("weight", "pos_weight", "class_weight"):
        if tensors.get(name) is not None:
            return np.asarray(tensors[name])
    return None


def _tensor(value, params):
    return None if value is None else np.asarray(value)


def _sampler(value, params):
    """Read the weights of a sampler that draws rows with unequal probability."""
    if hasattr(value, "class_multiplier_"):
        return value
    weights = getattr(value, "weights", None)
    return value if weights is not None and np.ptp(np.asarray(weights)) > 0 else None


def _fit_kwargs(value, params):
    return value.get("class_weight") if isinstance(value, dict) else None


class _Parameter(NamedTuple):
    """Two functions for a parameter that may balance classes.

    The function `read` returns the balancing part of the parameter's value, or None.
    From this part, the function `multiplier` computes the number by which the estimator
    multiplies the weight of each class.
    """

    read: object
    multiplier: object


_UNBALANCE = _Parameter(_unless(None, False), _balanced_pair)
_POSITIVE_PART = _Parameter(_bagging_fraction, _scale_pos_weight)
_NEGATIVE_PART = _Parameter(_bagging_fraction, _scale_neg_weight)
_FOCAL = _Parameter(_focal_alpha, _scale_pos_weight)
_DRAWS = _Parameter(_sampler, _of_batches)

# Add a line to _PARAMETERS to support a parameter of another package. LightGBM accepts
# all aliases of a parameter as keyword arguments, and has no public list of the
# aliases.
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
