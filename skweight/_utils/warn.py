"""Warnings that point to the caller's line, however deep in the library they arise."""

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
    """Write down, in a list, what the library warns of meanwhile in this thread.

    Whatever becomes of the warnings themselves, which a caller may have silenced.
    """
    sentences = []
    token = _notebooks.set((*_notebooks.get(), sentences))
    try:
        yield sentences
    finally:
        _notebooks.reset(token)


@contextmanager
def unheard(category):
    """Let warnings of a category pass unsaid and unnoted, of what is done for trial."""
    token = _notebooks.set(())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", category)
            yield
    finally:
        _notebooks.reset(token)


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
