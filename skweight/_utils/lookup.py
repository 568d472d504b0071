"""What methods and classes take, looked up once for each of them.

The standard library and scikit-learn read a signature in every call. With few rows,
this took longer than the rest of a fit.
"""

from inspect import signature
from weakref import WeakKeyDictionary

from sklearn.base import BaseEstimator

_ARGUMENTS = WeakKeyDictionary()
_PARAMETERS = WeakKeyDictionary()


def arguments_of(method):
    """Return the arguments of a method by name, as `inspect.signature` does."""
    function = getattr(method, "__func__", None)
    if function is None:  # a callable object, which may be of one instance alone
        return signature(method).parameters
    if function not in _ARGUMENTS:
        _ARGUMENTS[function] = signature(method).parameters
    return _ARGUMENTS[function]


def fit_takes(estimator, name):
    """Return whether the fit of an estimator has an argument of this name."""
    return hasattr(estimator, "fit") and name in arguments_of(estimator.fit)


def params_of(estimator):
    """Return the parameters of an estimator, without those of estimators inside."""
    cls = type(estimator)
    if getattr(cls, "get_params", None) is not BaseEstimator.get_params:
        return estimator.get_params(deep=False)
    if cls not in _PARAMETERS:  # the names follow from the class alone
        _PARAMETERS[cls] = tuple(estimator.get_params(deep=False))
    return {name: getattr(estimator, name) for name in _PARAMETERS[cls]}
