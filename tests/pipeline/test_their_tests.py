"""The tests that scikit-learn and imbalanced-learn have of their Pipelines, on ours.

They come from the installed packages. The class is exchanged while their module is
loaded, so that not a line of them is copied or changed.
"""

import importlib.util
import inspect
import sys
from unittest import mock

import pytest
import sklearn.pipeline

from skweight.pipeline import Pipeline, make_pipeline

SUITES = ["sklearn"]
if importlib.util.find_spec("imblearn") is not None:
    SUITES.append("imblearn")

_UNASKED = (
    "wants an error where sample_weight is passed to a step that did not ask for it; "
    "ours gives steps what is computed, and obeys an explicit False alone"
)
# Tests that want the opposite of what ours is for.
EXCLUDED = {
    "sklearn": {
        "test_pipeline_param_error": (
            "wants Pipeline.fit(sample_weight=...) refused, which ours is there for"
        ),
        "test_metadata_routing_error_for_pipeline": _UNASKED,
        "test_transform_input_pipeline": (
            "passes a table of shape (1, 2) as sample_weight of a single row, which "
            "are no weights"
        ),
    },
    "imblearn": {
        "test_pipeline_param_error": (
            "wants Pipeline.fit(sample_weight=...) refused, which ours is there for"
        ),
        "test_pipeline_warns_not_fitted": (
            "wants a FutureWarning that an unfitted Pipeline will raise one day; ours "
            "does what that of the installed scikit-learn does, which raises from 1.8"
        ),
    },
}
if "Xt" in inspect.signature(sklearn.pipeline.Pipeline.inverse_transform).parameters:
    EXCLUDED["sklearn"]["test_pipeline_inverse_transform_Xt_deprecation"] = (
        "wants a name of an argument that was deprecated then and is gone now"
    )
# Tests that take more than a second.
SLOW = {
    "test_pipeline_fit_then_sample_with_sampler_last_estimator",
    "test_pipeline_fit_then_sample_3_samplers_with_sampler_last_estimator",
}


def load(package):
    """Load a test module with our classes under the names of theirs."""
    actual = importlib.util.find_spec(f"{package}.tests.test_pipeline")
    spec = importlib.util.spec_from_file_location(f"{package}_suite", actual.origin)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where pickle looks for their mocks
    with (
        mock.patch(f"{package}.pipeline.Pipeline", Pipeline),
        mock.patch(f"{package}.pipeline.make_pipeline", make_pipeline),
    ):
        spec.loader.exec_module(module)
    return module


def marks_of(test):
    """Return the marks of a test, parametrized by lists and not by generators.

    Imported, imbalanced-learn teaches scikit-learn that estimators have a method
    ``fit_resample``; the mocks of scikit-learn's tests have none.
    """
    for mark in getattr(test, "pytestmark", []):
        if mark.name == "parametrize":
            names, values = mark.args
            values = [value for value in values if value != "fit_resample"]
            yield pytest.mark.parametrize(names, values, **mark.kwargs).mark
        elif mark.name != "thread_unsafe":
            yield mark


# Their tests use what is deprecated by now, and fit to convergence where they need not.
pytestmark = pytest.mark.filterwarnings("default")

THEIRS = {}
for _package in SUITES:
    THEIRS[_package] = {
        name: test
        for name, test in vars(load(_package)).items()
        if name.startswith("test_") and "feature_union" not in name
    }
    for _name in THEIRS[_package]:
        if _name in EXCLUDED[_package]:
            continue
        _test = THEIRS[_package][_name]
        _test.pytestmark = list(marks_of(_test))
        globals()[_name.replace("test_", f"test_{_package}_", 1)] = (
            pytest.mark.slow(_test) if _name in SLOW else _test
        )


@pytest.mark.parametrize("package", SUITES)
def test_what_is_excluded_exists_and_is_little(package):
    assert set(EXCLUDED[package]) <= set(THEIRS[package])
    assert len(EXCLUDED[package]) <= 4
    assert len(THEIRS[package]) > 40
