"""The pages need no network: nothing is loaded, and inventories are made here."""

import zlib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


def load(name):
    spec = spec_from_file_location(name, DOCS / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_inventory_has_the_pages_of_scikit_learn(tmp_path):
    path = tmp_path / "made" / "scikit-learn.inv"
    load("_inventory").write_inventory(path)
    head, _, body = path.read_bytes().partition(b"zlib.\n")
    assert head.startswith(b"# Sphinx inventory version 2\n")
    lines = zlib.decompress(body).decode().splitlines()
    for role, name in (
        ("class", "sklearn.linear_model.LogisticRegression"),
        ("function", "sklearn.model_selection.cross_validate"),
    ):
        assert f"{name} py:{role} 1 modules/generated/{name}.html#$ -" in lines
    assert not any("._" in line for line in lines)


def test_nothing_is_loaded_from_a_server():
    """No script or style that the build adds by itself comes from elsewhere."""
    settings = (DOCS / "conf.py").read_text("utf-8")
    assert '"sphinx-mathjax-offline"' in settings
    # The tables of sphinx-gallery would load scripts from elsewhere.
    assert '"write_computation_times": False' in settings
