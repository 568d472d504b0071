"""Warnings that point to the caller's line, however deep in the library they arise."""

import sys
import warnings
from os.path import dirname, join

_PACKAGE = join(dirname(__file__), "")


def warn(message, category):
    """Warn, and point to the first frame outside of this package.

    A number of frames that is counted by hand is wrong as soon as a call is moved, or
    comes by another way. From Python 3.12 on ``skip_file_prefixes`` does the same.

    Parameters
    ----------
    message : str
        What was seen, with the figure, and what to do.
    category : type
        Class of the warning.
    """
    frame, stacklevel = sys._getframe(), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, stacklevel = frame.f_back, stacklevel + 1
    warnings.warn(message, category, stacklevel=stacklevel)
