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

        # If the method is read from the class, there is no instance to check yet. The
        # function that is returned checks when it is called.
        @wraps(self.method)
        def checked(instance, *args, **kwargs):
            self.check(instance)
            return self.method(instance, *args, **kwargs)

        return checked


def available_if(check):
    """Make a method available if ``check(self)`` raises no AttributeError.

    The function ``available_if`` of scikit-learn raises a general error. With the
    function of this file, users see the error of the check. This error says what to do.
    """
    return lambda method: _Available(method, check)
