"""Warnings that point to the caller's line, however deep in the library they arise."""

import sys
import warnings
from os.path import dirname, join

_PACKAGE = join(dirname(__file__), "")


def warn(message, category):
    """Warn, and point to the line outside of this package that called it.

    A number of frames that is counted by hand is wrong as soon as a call is moved, or
    comes by another way. Where scikit-learn or joblib lies in between, it is the call
    from furthest outside: the first one would be a line of theirs.

    Parameters
    ----------
    message : str
        What was seen, with the figure, and what to do.
    category : type
        Class of the warning.
    """
    frame, depth, stacklevel = sys._getframe(), 1, 1
    while frame.f_back is not None:
        frame, depth, ours = frame.f_back, depth + 1, _is_ours(frame)
        stacklevel = depth if ours else stacklevel
    warnings.warn(message, category, stacklevel=stacklevel)


def _is_ours(frame):
    return frame.f_code.co_filename.startswith(_PACKAGE)
