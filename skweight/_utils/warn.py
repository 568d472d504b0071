"""Warnings that point to the caller's line, however deep in the library they arise."""

import sys
import warnings
from os.path import dirname, join

_PACKAGE = join(dirname(dirname(__file__)), "")
_IN_BETWEEN = ("joblib", "sklearn")


def warn(message, category):
    """Warn, and point to the line outside of this package that called it.

    A number of frames that is counted by hand is wrong as soon as a call is moved, or
    comes by another way. Lines of scikit-learn and joblib, such as those of a search
    around us, are not the caller's either; in a process of theirs there is no other.

    Parameters
    ----------
    message : str
        What was seen, with the figure, and what to do.
    category : type
        Class of the warning.
    """
    frames = []
    frame = sys._getframe()
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    caller = 1 + max(i for i, frame in enumerate(frames) if _is_ours(frame))
    beyond = caller
    while beyond < len(frames) and _package_of(frames[beyond]) in _IN_BETWEEN:
        beyond += 1
    caller = beyond if beyond < len(frames) else caller
    warnings.warn(message, category, stacklevel=caller + 1)


def _is_ours(frame):
    return frame.f_code.co_filename.startswith(_PACKAGE)


def _package_of(frame):
    return frame.f_globals.get("__name__", "").partition(".")[0]
