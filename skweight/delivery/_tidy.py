"""Clean up after a fit with weights: remove adapters and metadata requests."""

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.utils.metadata_routing import MetadataRequest

from skweight._utils.compat import (
    forget_remainder,
    forget_requests,
    own_requests,
    routing_of,
)
from skweight.delivery._one import WeightAdapter


def tidied(value, visited=None):
    """Remove adapters and metadata requests from objects that were fitted with weights.

    The steps, members and candidates of a composite then look as the user passed them.
    """
    visited = {} if visited is None else visited
    if isinstance(value, WeightAdapter):
        return tidied(value.estimator, visited)
    if id(value) in visited:
        return value
    if isinstance(value, tuple):
        parts = [tidied(item, visited) for item in value]
        same = all(a is b for a, b in zip(parts, value, strict=True))
        return value if same else tuple(parts)
    # The reference keeps the id from being reused.
    visited[id(value)] = value
    if isinstance(value, list):
        value[:] = [tidied(item, visited) for item in value]
    elif isinstance(value, dict):
        value.update({key: tidied(item, visited) for key, item in value.items()})
    elif isinstance(value, np.ndarray) and value.dtype == object:
        for position in np.ndindex(value.shape):
            value[position] = tidied(value[position], visited)
    elif _may_hold_traces(value):
        forget_remainder(value)
        _withdraw(value, "fit")
        _withdraw(value, "score")
        forget_requests(value)
        # The fit changed only composites. Other objects, such as a large forest, are
        # skipped.
        asks_alone = isinstance(routing_of(value), MetadataRequest)
        if not (asks_alone and hasattr(value, "get_params")):
            for name, item in vars(value).items():
                setattr(value, name, tidied(item, visited))
    return value


def _may_hold_traces(value):
    """Return whether an object may contain adapters or requests."""
    if isinstance(value, FrozenEstimator | type) or not hasattr(value, "__dict__"):
        return False
    # Scorers and calibrated models of scikit-learn are not estimators, but contain
    # some.
    of_sklearn = type(value).__module__.startswith("sklearn.")
    return of_sklearn or hasattr(value, "get_metadata_routing")


def _withdraw(estimator, method):
    """Remove every metadata request for a name that starts with "skweight_"."""
    setter = getattr(estimator, f"set_{method}_request", None)
    if setter is None:
        return
    for name, alias in own_requests(estimator, method).items():
        if isinstance(alias, str) and alias.startswith("skweight_"):
            setter(**{name: None})
