"""Detect whether a parameter was set to another value after a copy was made."""

from numbers import Number
from types import BuiltinFunctionType, FunctionType

import numpy as np

from skweight._utils.lookup import params_of

# For these types, a value and its copy can be compared by ``==``.
_KEPT_BY_COPIES = str | bytes | type | FunctionType | BuiltinFunctionType | np.ufunc


def differ(before, now):
    """Return whether a parameter clearly differs from an earlier copy of its value.

    Two estimators are compared by their parameters, two collections by their entries.
    Two objects of one type count as equal if their content cannot be compared, such as
    two generators.
    """
    if before is now:
        return False
    if isinstance(before, Number) and isinstance(now, Number):
        return before != now and not (before != before and now != now)  # NaN
    if type(before) is not type(now):
        return True
    if hasattr(before, "get_params") and not isinstance(before, type):
        before, now = params_of(before), params_of(now)
    if isinstance(before, dict):
        # Most entries are the same object before and after. Testing this first with
        # ``is`` saves a function call.
        return before.keys() != now.keys() or any(
            value is not now[key] and differ(value, now[key])
            for key, value in before.items()
        )
    if isinstance(before, list | tuple):
        return len(before) != len(now) or any(map(differ, before, now))
    if isinstance(before, np.ndarray):
        return not np.array_equal(before, now)
    return isinstance(before, _KEPT_BY_COPIES) and before != now
