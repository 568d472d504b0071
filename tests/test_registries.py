"""Nothing that is published can be forgotten: every public class has a common test."""

import ast
import re
from pathlib import Path

import pytest

import skweight
from skweight.testing import all_estimators
from skweight.testing._registry import KINDS, kind_of, public_classes

HERE = Path(__file__).resolve().parent
PUBLIC = public_classes()

# Which test runs over all estimators of a kind; the tests are looked for by their name.
COMMON_TESTS = {
    # It weighs nothing by itself.
    "choice": "test_every_estimator_is_cloned_printed_and_pickled_by_its_parameters",
    "weighting": "test_weightings_keep_their_contract",
    "calibrator": "test_calibrators_keep_their_contract",
    "decision": "test_decisions_keep_their_contract",
    "density_ratio": "test_the_ratio_ranks_as_the_truth_does",
    "stabilizer": "test_stabilized_weights_are_weights_of_mean_one",
    "pipeline": "test_scikit_learn_checks",
    "classifier": "test_scikit_learn_checks",
    "regressor": "test_scikit_learn_checks",
    "transformer": "test_scikit_learn_checks",
    "sampler": "test_checks_of_imbalanced_learn_and_scikit_learn",
    "other": "test_every_estimator_is_cloned_printed_and_pickled_by_its_parameters",
}


def test_every_kind_has_a_common_test():
    assert set(COMMON_TESTS) == set(KINDS)
    functions = {
        node.name
        for path in HERE.rglob("test_*.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    assert set(COMMON_TESTS.values()) <= functions


@pytest.mark.parametrize("name", [n for n, cls in PUBLIC.items() if kind_of(cls)])
def test_every_public_estimator_is_in_the_registry(name):
    """A class that cannot be made, and does not say how, fails here."""
    cls = PUBLIC[name]
    if re.match("Base|ClassLevel", name):
        assert cls._instances([0, 1]) == []
        return
    examples = all_estimators(kind_of(cls))
    assert any(type(example) is cls for example in examples.values())


def test_the_lists_of_kinds_add_up_to_the_whole():
    by_kind = [name for kind in KINDS for name in all_estimators(kind)]
    assert sorted(by_kind) == sorted(all_estimators())
    with pytest.raises(
        ValueError, match=r"kind must be one of \['choice', 'weighting', .*'no'"
    ):
        all_estimators("no")


def test_a_new_class_is_found_without_an_edit(monkeypatch):
    """Own file, public name: the registry needs no row."""

    class RarestWeighting(skweight.weighting.ClassLevelWeighting):
        def _class_weights(self, classes, masses):
            return masses.min() / masses

    class NeedsArguments(RarestWeighting):
        def __init__(self, factor):
            self.factor = factor

    published = [*skweight.weighting.__all__, "RarestWeighting"]
    monkeypatch.setattr(skweight.weighting, "__all__", published)
    monkeypatch.setattr(
        skweight.weighting, "RarestWeighting", RarestWeighting, raising=False
    )
    assert isinstance(all_estimators("weighting")["RarestWeighting"], RarestWeighting)
    monkeypatch.setattr(skweight.weighting, "RarestWeighting", NeedsArguments)
    with pytest.raises(TypeError, match="factor"):
        all_estimators("weighting")
