"""What pytest leaves alone: modules that need a package which is not installed."""

from importlib.util import find_spec

_NEEDS = {"skweight/torch/_loss.py": "torch", "skweight/torch/_net.py": "skorch"}
_MISSING = {path: name for path, name in _NEEDS.items() if find_spec(name) is None}

collect_ignore = list(_MISSING)


def pytest_report_header(config):
    """Say so at the top of every run."""
    return [f"NOT TESTED, no {name}: {path}" for path, name in _MISSING.items()]
