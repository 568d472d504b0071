"""Read arguments of methods and parameters of classes once, and cache them.

The standard library and scikit-learn read a signature again in every call. With few
rows, reading signatures took longer than the rest of a fit.
"""

from inspect import signature
from weakref import WeakKeyDictionary

from sklearn import get_config
from sklearn.base import BaseEstimator

_ARGUMENTS = WeakKeyDictionary()
_PARAMETERS = WeakKeyDictionary()


def arguments_of(method):
    """Return the arguments of a method by name, as `inspect.signature` does."""
    function = getattr(method, "__func__", None)
    if function is None:  # a callable object, which may be of one instance alone
        return signature(method).parameters
    arguments = _ARGUMENTS.get(function)
    if arguments is None:
        arguments = _ARGUMENTS[function] = signature(method).parameters
    return arguments


def fit_takes(estimator, name):
    """Return whether the fit of an estimator has an argument of the given name."""
    return hasattr(estimator, "fit") and name in arguments_of(estimator.fit)


def text_of(part):
    """Return the `repr` of an estimator; fast if all parameters are the defaults.

    The printer of scikit-learn reads the signature in every call.
    """
    is_theirs = type(part).__repr__ is BaseEstimator.__repr__
    if is_theirs and get_config()["print_changed_only"] and _is_default(part):
        return f"{type(part).__name__}()"
    return repr(part)


def _is_default(estimator):
    params = params_of(estimator)
    known = arguments_of(estimator.__init__) if params else {}
    return all(
        name in known and value is known[name].default for name, value in params.items()
    )


class ReadOnce(BaseEstimator):
    """Base class of estimators; the names of the parameters are read once per class."""

    def get_params(self, deep=True):
        """Return the parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the parameters of estimators inside.

        Returns
        -------
        params : dict
            Names and values.
        """
        params = _read(self)
        if not deep:
            return params
        whole = {}  # in the order of scikit-learn
        for name, value in params.items():
            if hasattr(value, "get_params") and not isinstance(value, type):
                inner = value.get_params().items()
                whole |= {f"{name}__{key}": nested for key, nested in inner}
            whole[name] = value
        return whole


def params_of(estimator):
    """Return the parameters of an estimator, without parameters of inner estimators."""
    reader = getattr(type(estimator), "get_params", None)
    if reader in (BaseEstimator.get_params, ReadOnce.get_params):
        return _read(estimator)
    return estimator.get_params(deep=False)


def _read(estimator):
    cls = type(estimator)
    names = _PARAMETERS.get(cls)
    if names is None:  # the names follow from the class alone
        names = _PARAMETERS[cls] = tuple(
            BaseEstimator.get_params(estimator, deep=False)
        )
    return {name: getattr(estimator, name) for name in names}
