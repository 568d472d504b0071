"""What a user reads when an optional package is not there."""

import importlib

import pytest

from skweight._utils.optional import import_optional


def test_message_names_the_feature_the_package_and_the_extra():
    with pytest.raises(ImportError) as caught:
        import_optional("nowhere_to_be_found.sub", extra="plot", feature="The plot")
    assert str(caught.value) == (
        "The plot needs nowhere_to_be_found: pip install 'skweight[plot]'"
    )
    assert caught.value.name == "nowhere_to_be_found"
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_installed_module_is_returned():
    module = import_optional("importlib.util", extra="plot", feature="The plot")
    assert module is importlib.util


def test_broken_package_is_not_called_missing(tmp_path, monkeypatch):
    """A package that is there but lacks a dependency is not cured by our extra."""
    (tmp_path / "half_installed.py").write_text("import its_own_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="No module named 'its_own_depend"):
        import_optional("half_installed", extra="plot", feature="The plot")
