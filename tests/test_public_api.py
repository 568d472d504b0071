"""The public surface: what can be imported, what importing costs, where it is told."""

import ast
import json
import pkgutil
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import skweight

REPOSITORY = Path(__file__).resolve().parents[1]
SUBMODULES = sorted(set(skweight.__all__) - set(skweight._HOMES))


def public_names():
    """Return the full name of every public class and function.

    What is in the top level is public under that name, everything else under the name
    of its submodule.
    """
    names = {f"skweight.{name}" for name in skweight._HOMES}
    for module in SUBMODULES:
        for name in import_module(f"skweight.{module}").__all__:
            if name not in skweight._HOMES:
                names.add(f"skweight.{module}.{name}")
    return sorted(names)


def run_fresh(code):
    """Run code in a new interpreter and return what it printed, read as JSON."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# --- What is public -------------------------------------------------------------------


def test_all_is_sorted_and_every_name_is_there():
    assert skweight.__all__ == sorted(set(skweight.__all__))
    for name in skweight.__all__:
        assert getattr(skweight, name) is not None
    assert set(skweight.__all__) <= set(dir(skweight))


def test_every_submodule_is_public_or_private_by_name():
    """A module without an underscore is in __all__, or the home of a name that is."""
    actual = {
        module.name
        for module in pkgutil.iter_modules(skweight.__path__)
        if not module.name.startswith("_")
    }
    assert actual == set(SUBMODULES) | set(skweight._HOMES.values())


def test_type_checkers_are_told_the_same_names():
    tree = ast.parse(Path(skweight.__file__).read_text("utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    documented = {
        alias.name: statement.module
        for statement in block.body
        for alias in statement.names
    }
    assert documented == {
        name: f"skweight.{skweight._HOMES[name]}"
        if name in skweight._HOMES
        else "skweight"
        for name in skweight.__all__
    }


@pytest.mark.parametrize("module", SUBMODULES)
def test_submodules_declare_what_is_public(module):
    if module == "torch":
        pytest.importorskip("skorch", reason="NOT TESTED: no torch, or no skorch")
    module = import_module(f"skweight.{module}")
    assert list(module.__all__) == sorted(set(module.__all__))
    for name in module.__all__:
        assert not name.startswith("_")
        assert getattr(module, name).__module__.startswith("skweight.")


def test_unknown_attribute_is_an_ordinary_error():
    with pytest.raises(AttributeError, match="module 'skweight' has no attribute 'no'"):
        _ = skweight.no
    assert not hasattr(skweight, "_validate")


def test_every_public_name_is_documented_once():
    listed, module, listing = [], None, False
    pages = sorted((REPOSITORY / "docs/reference").glob("*.rst"))
    for line in "\n".join(page.read_text("utf-8") for page in pages).splitlines():
        if match := re.fullmatch(r"\.\. (?:auto|current)module:: ([\w.]+)", line):
            module = match[1]
        elif match := re.fullmatch(r"\.\. (\w+)::", line):
            listing = match[1] == "autosummary"
        elif listing and (match := re.fullmatch(r"   (\w+)", line)):
            listed.append(f"{module}.{match[1]}")
    assert set(public_names()) - set(listed) == set(), "missing in docs/reference"
    assert set(listed) - set(public_names()) == set(), "told, but not public"
    assert len(listed) == len(set(listed)), "told twice"


def test_the_number_of_public_names_stays_small():
    assert len(set(skweight._HOMES)) <= 30
    assert len(public_names()) <= 150
    assert {*dir(skweight)} == {*skweight.__all__, "__version__"}


# --- What importing costs and does ----------------------------------------------------


@pytest.fixture(scope="module")
def loaded():
    """Return what three imports load, one after the other in one new interpreter."""
    return run_fresh("""
import json, sys

def new(before):
    return sorted(set(sys.modules) - before)

bare = set(sys.modules)
import skweight
package = new(bare)
# As CalibratedClassifierCV does; old versions import pandas themselves.
import sklearn.calibration, sklearn.pipeline
before = set(sys.modules)
from skweight import WeightedClassifier
classifier = new(before)
from skweight import *
print(json.dumps({"package": package, "classifier": classifier, "all": new(before)}))
""")


def packages_of(names):
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names


def test_import_loads_nothing_but_the_standard_library(loaded):
    """Not even NumPy, so it cannot cost more than importing sklearn.base."""
    assert packages_of(loaded["package"]) == {"skweight"}


def test_the_classifier_loads_no_model_of_scikit_learn(loaded):
    """No more of it than CalibratedClassifierCV does, which has no models either."""
    of_sklearn = {
        name.split(".")[1] for name in loaded["classifier"] if name[:7] == "sklearn"
    }
    assert of_sklearn <= {"utils"}
    assert "skweight.classifier" in loaded["classifier"]


def test_the_classifier_loads_only_what_every_fit_needs():
    """No model of scikit-learn, which CalibratedClassifierCV loads, and few rooms."""
    loaded = run_fresh(
        "import json, sys; from skweight import WeightedClassifier;"
        "print(json.dumps(sorted(sys.modules)))"
    )
    models = "ensemble linear_model neighbors svm tree"
    assert not {f"sklearn.{room}" for room in models.split()} & set(loaded)
    ours = [name for name in loaded if name.startswith("skweight.")]
    rooms = {name.split(".")[1] for name in ours}
    unneeded = "monitoring pipeline resampling scale selection torch"
    assert not rooms & set(unneeded.split())
    for file in ("inspection._weight_displays", "weighting._shift", "metrics._cost"):
        assert f"skweight.{file}" not in ours
    assert not any(name.startswith("skweight.density_ratio._") for name in ours)
    assert len(ours) <= 130


@pytest.mark.parametrize(
    "room", ["density_ratio", "inspection", "metrics", "weighting"]
)
def test_a_lazy_room_lists_its_names_for_readers_and_for_type_checkers(room):
    module = import_module(f"skweight.{room}")
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    lazy = next(node for node in tree.body if isinstance(node, ast.If))
    for_checkers = {
        alias.name: node.module.rpartition(".")[2]
        for node in lazy.body
        for alias in node.names
    }
    homes = ast.literal_eval(lazy.orelse[0].value.args[1])
    assert for_checkers == {name: file for file in homes for name in homes[file]}
    assert set(for_checkers) <= set(module.__all__) <= set(dir(module))
    assert all(hasattr(module, name) for name in module.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        module.nothing  # noqa: B018


def test_using_every_name_loads_no_optional_package(loaded):
    """Nor pandas and imbalanced-learn, which are for those who pass such things."""
    heavy = "dask imblearn lightgbm matplotlib pandas polars pyarrow torch xgboost"
    assert "skweight.monitoring" in loaded["all"]
    assert not packages_of(loaded["all"]) & set(heavy.split())


def test_using_every_name_changes_no_global_state():
    code = """
import json, pickle, random, warnings
import numpy as np
# What these do on import is theirs, so they come before the first look.
import scipy.optimize, scipy.special, scipy.stats, sklearn
import sklearn.calibration, sklearn.ensemble, sklearn.linear_model
import sklearn.metrics, sklearn.model_selection, sklearn.pipeline

def state():
    return [
        repr(np.geterr()),
        repr(np.get_printoptions()),
        repr(warnings.filters),
        repr(sklearn.get_config()),
        repr(random.getstate()),
        pickle.dumps(np.random.get_state()).hex(),
    ]

before = state()
from skweight import *
print(json.dumps([a == b for a, b in zip(before, state(), strict=True)]))
"""
    assert run_fresh(code) == [True] * 6
