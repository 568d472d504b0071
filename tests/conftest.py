"""What every test shares: one seed, one place for optional data, no side effects.

Two variables choose a part of the suite, for the lanes of ``.ci/run``:

- ``SKWEIGHT_TEST_SAMPLE=8``: of every test function the first case and each eighth of
  the others.
- ``SKWEIGHT_TEST_OPTIONAL=1``: what the core packages alone cannot run.
"""

import importlib.util
import inspect
import os
import re
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

# Threads of fits of a few hundred rows spend their time waiting for one another. It
# must be said before NumPy is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pytest
import sklearn
from hypothesis import settings

# A machine shared with others is slow at times, so no deadline. Where CI=true, the
# same examples every time: a red build must mean that the change broke something.
# Not a hundred examples: there are fifty such tests, and at home they are others every
# time.
_SETTINGS = {"deadline": None, "max_examples": 30}
settings.register_profile("here", **_SETTINGS)
settings.register_profile("ci", **_SETTINGS, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")

REPOSITORY = Path(__file__).resolve().parents[1]

# Read by type checkers, and run by nobody.
collect_ignore = ["typing"]

# By these words a test speaks of a package that it may be run without.
_DRAWING = r"Display\b|matplotlib|pyplot|\.plot\("
_OPTIONAL = _DRAWING + "|polars|lightgbm|xgboost|catboost|skops|torch|skorch|keras"
_OPTIONAL_FOLDERS = {"optional", "frameworks"}


# Of each test and parametrization, the values in the order of their collection, which
# comes before any shuffling.
_VALUES = defaultdict(dict)


def pytest_itemcollected(item):
    """Leave to the lane checks all but one in N cases of a test marked ``in_turn(N)``.

    The sum of the positions of its values decides. So each value of a parameter is met
    outside the lane as well, with one in N of the values of another parameter.
    """
    mark = item.get_closest_marker("in_turn")
    if mark is None:
        return
    position = 0
    for parametrization in item.iter_markers("parametrize"):
        names = parametrization.args[0]
        names = names.split(",") if isinstance(names, str) else names
        value = tuple(id(item.callspec.params[name.strip()]) for name in names)
        known = _VALUES[item.function, *names]
        position += known.setdefault(value, len(known))
    if position % mark.args[0]:
        item.add_marker("checks")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Keep the part of the suite that was asked for; skip what cannot be drawn."""
    kept = items
    if every := int(os.environ.get("SKWEIGHT_TEST_SAMPLE") or 0):
        counter = Counter()
        kept = []
        for item in items:
            function = item.nodeid.partition("[")[0]
            if counter[function] % every == 0:
                kept.append(item)
            counter[function] += 1
    elif os.environ.get("SKWEIGHT_TEST_OPTIONAL"):
        kept = [item for item in items if _is_optional(item)]
    chosen = set(kept)
    config.hook.pytest_deselected(items=[each for each in items if each not in chosen])
    items[:] = kept
    if importlib.util.find_spec("matplotlib") is None:
        reason = "needs matplotlib: pip install 'skweight[plot]'"
        for item in items:
            if _draws(item):
                item.add_marker(pytest.mark.skip(reason=reason))


@cache
def _text_of(path):
    return Path(path).read_text("utf-8")


@cache
def _code_of(function):
    return inspect.getsource(function)


def _source_of(item):
    """Return the code that a test runs, as far as it is its own."""
    if isinstance(item, pytest.DoctestItem):
        return "".join(example.source for example in item.dtest.examples)
    block = getattr(item, "callspec", None) and item.callspec.params.get("block")
    return _code_of(item.function) + getattr(block, "source", "")


def _says(item, words):
    # The whole file first: it takes longer to find where each function ends.
    doctest = isinstance(item, pytest.DoctestItem)
    pages = item.path.name == "test_documentation.py"
    if not (doctest or pages or re.search(words, _text_of(item.path))):
        return False
    return re.search(words, _source_of(item)) is not None


def _draws(item):
    return _says(item, _DRAWING) and "importorskip" not in _source_of(item)


def _is_optional(item):
    folders = item.nodeid.partition("::")[0].split("/")
    return bool(_OPTIONAL_FOLDERS & set(folders)) or _says(item, _OPTIONAL)


@pytest.fixture
def rng():
    """A generator; SKWEIGHT_TEST_SEED=1 (2, ...) runs the suite on other numbers."""
    return np.random.default_rng(int(os.environ.get("SKWEIGHT_TEST_SEED", "0")))


@pytest.fixture(scope="session")
def shared_data():
    """Return the path of a real data set beside the checkout, or skip the test.

    The files are not part of the project. SKWEIGHT_DATA names another folder.
    """
    folder = Path(os.environ.get("SKWEIGHT_DATA", REPOSITORY.parent / "shared/data"))

    def path(name):
        file = folder / name
        if not file.is_file():
            pytest.skip(f"optional data set {name} is not in {folder}")
        return file

    return path


@pytest.fixture(autouse=True)
def _no_side_effects():
    """Fail a test after which the caller's settings are not what they were."""
    before = np.geterr(), sklearn.get_config()
    yield
    assert (np.geterr(), sklearn.get_config()) == before
