"""What every test shares: one seed, one place for optional data, no side effects."""

import os
from pathlib import Path

# Two pytest workers with as many BLAS threads each as there are cores spend their
# time waiting for one another. It must be said before NumPy is loaded.
if "PYTEST_XDIST_WORKER" in os.environ:
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pytest
import sklearn
from hypothesis import settings

# A machine shared with others is slow at times, so no deadline. Where CI=true, the
# same examples every time: a red build must mean that the change broke something.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")

REPOSITORY = Path(__file__).resolve().parents[1]


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
