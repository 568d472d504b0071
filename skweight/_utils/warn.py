"""Warnings that show the line of the user's code, from any depth in the library."""

import sys
import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from os.path import dirname, join

_PACKAGE = join(dirname(dirname(__file__)), "")
_IN_BETWEEN = ("joblib", "sklearn")
_notebooks = ContextVar("notebooks", default=())


@contextmanager
def note_warnings():
    """Collect the warnings of this library in a list, for this thread only.

    This also works for warnings that a caller has silenced.
    """
    sentences = []
    token = _notebooks.set((*_notebooks.get(), sentences))
    try:
        yield sentences
    finally:
        _notebooks.reset(token)


@contextmanager
def unheard(category):
    """Ignore the library's warnings of a category inside this block."""
    token = _notebooks.set(())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", category)
            yield
    finally:
        _notebooks.reset(token)


def warn(message, category):
    """Warn, and point to the line outside of this package that called it.

    The line is searched in the stack, because a fixed number of stack frames would be
    wrong for some calls. Lines of scikit-learn and joblib, such as a search that calls
    us, are also skipped. A worker process sometimes runs no line of the user's code.
    The warning then shows a line of scikit-learn or joblib.

    Parameters
    ----------
    message : str
        The problem with its value, and what to do.
    category : type
        Class of the warning.
    """
    for sentences in _notebooks.get():
        sentences.append(message)
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
