"""Methods that exist only if a check passes, with an error that says why not."""

from functools import update_wrapper, wraps
from types import MethodType


class _Available:
    """Descriptor of a method that exists only if a check passes."""

    def __init__(self, method, check):
        self.method = method
        self.check = check
        update_wrapper(self, method)

    def __get__(self, instance, owner=None):
        if instance is not None:
            self.check(instance)
            return MethodType(self.method, instance)

        # Looked up on the class: the check waits for the call.
        @wraps(self.method)
        def checked(instance, *args, **kwargs):
            self.check(instance)
            return self.method(instance, *args, **kwargs)

        return checked


def available_if(check):
    """Make a method available if ``check(self)`` raises no AttributeError.

    Like scikit-learn's function of that name, but the error is the one that the check
    raises. Its sentence says what to do; in scikit-learn, another error hides it.
    """
    return lambda method: _Available(method, check)
