"""scikit-learn's check_estimator over every public estimator.

The wrappers are in `test_common.py`, in many settings. Here are all others that the
registry finds, and the settings that the registry does not have. What cannot be an
estimator of features and labels is excused by kind, and every other excuse by check;
their numbers are held.
"""

import warnings

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import check_estimator
from threadpoolctl import threadpool_limits

from skweight import WeightedClassifier
from skweight.testing import all_estimators
from skweight.testing._registry import kind_of

# Kinds with contracts of their own, each checked over its whole registry elsewhere.
NO_FEATURES_AND_LABELS = {
    "weighting": "its X_target, margins and columns are those of one table: "
    "check_weighting",
    "calibrator": "it is fitted on scores, not on features: check_calibrator",
    "decision": "it is fitted on probabilities and classes: check_decision",
    "density_ratio": "it is fitted on two tables, and not on rows and labels",
    "stabilizer": "it has no fit: it maps one vector of weights to another",
}
NO_ESTIMATORS = {"Streaming": "parameters of a stream, without a fit"}
ELSEWHERE = {
    "AutoWeighting": "tests/weighting/test_auto.py, inside a WeightedClassifier",
    "WeightedClassifier": "test_common.py",
    "CostSensitiveClassifier": "test_common.py",
    "WeightedRegressor": "test_common.py",
    "Pipeline": "tests/pipeline/test_checks.py",
    "PairwiseDifference": "tests/pipeline/test_pairs.py, on rows of two things",
    "WeightedSampler": "tests/resampling/test_sampler.py, imbalanced-learn's checks",
}
_TUNED = "labels follow a threshold that was tuned, not the largest probability"
_CALIBRATED = "folds are drawn by row: a row of weight two is in one of them"
_SCALE_FREE = "see test_scale_free_and_repetition_contradict_each_other"
EXCUSES = {
    "WeightedClassifier(decision='tuned')": {
        "check_classifiers_train": _TUNED,
        "check_sample_weight_equivalence_on_dense_data": _CALIBRATED,
        "check_sample_weight_equivalence_on_sparse_data": _CALIBRATED,
    },
    "WeightedClassifier(calibration='prior')": {
        "check_sample_weight_equivalence_on_dense_data": _SCALE_FREE,
        "check_sample_weight_equivalence_on_sparse_data": _SCALE_FREE,
    },
}


def examined():
    """Return what is checked here, by name."""
    actual = {
        name: estimator
        for name, estimator in all_estimators().items()
        if kind_of(type(estimator)) not in NO_FEATURES_AND_LABELS
        and type(estimator).__name__ not in {**ELSEWHERE, **NO_ESTIMATORS}
    }
    tuned = WeightedClassifier(
        LogisticRegression(),
        calibration="sigmoid",
        decision="tuned",
        ensemble=False,
        random_state=0,
    )
    closed_form = WeightedClassifier(LogisticRegression(), calibration="prior")
    return actual | {
        "WeightedClassifier(decision='tuned')": tuned,
        "WeightedClassifier(calibration='prior')": closed_form,
    }


EXAMINED = examined()


# What has excuses is one more setting of a class.
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.checks] * (name in EXCUSES))
        for name in EXAMINED
    ],
)
def test_what_fails_is_excused(name):
    excuses = EXCUSES.get(name, {})
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # small noise, of which we rightly warn
        results = check_estimator(
            EXAMINED[name],
            expected_failed_checks=excuses,
            on_skip=None,
            on_fail=None,
        )
    failed = [r for r in results if r["status"] == "failed"]
    assert not failed
    assert len(results) > 30


def test_every_public_estimator_is_checked_somewhere():
    assert "WeightMonitor" in EXAMINED
    for name, estimator in all_estimators().items():
        kind, own = kind_of(type(estimator)), type(estimator).__name__
        assert (
            name in EXAMINED
            or kind in NO_FEATURES_AND_LABELS
            or own in {**ELSEWHERE, **NO_ESTIMATORS}
        )


def test_the_number_of_excuses_does_not_grow():
    assert sum(map(len, EXCUSES.values())) == 5
    assert len(NO_FEATURES_AND_LABELS) == 5
    assert len(NO_ESTIMATORS) == 1
