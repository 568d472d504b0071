"""What the tests of engines need, and what was missing."""

import importlib.util

import pytest

REASONS = {}


def needs(module):
    """Skip the tests of a file where a package is missing."""
    if importlib.util.find_spec(module) is None:
        REASONS[module] = f"{module} is not installed"
        pytest.skip(REASONS[module], allow_module_level=True)
