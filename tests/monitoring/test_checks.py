"""scikit-learn's checks of estimators hold for the monitor, without an excuse."""

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from skweight import WeightedClassifier, WeightMonitor

EXCUSES = {}
MONITORS = [
    WeightMonitor(cv=2),
    WeightMonitor(LogisticRegression(), cv=2),
    WeightMonitor(WeightedClassifier(calibration="sigmoid", cv=2), cv=2),
]
checks = parametrize_with_checks(MONITORS, expected_failed_checks=lambda _: EXCUSES)
# Older versions of scikit-learn give pytest a generator.
(NAMES, CASES), KWARGS = checks.mark.args, checks.mark.kwargs


@pytest.mark.parametrize(NAMES, list(CASES), **KWARGS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
# Some checks have labels that no feature tells anything of, or a handful of rows.
@pytest.mark.filterwarnings("ignore::skweight.exceptions.CalibrationWarning")
@pytest.mark.filterwarnings("ignore::skweight.exceptions.FewerThanAskedWarning")
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_there_are_no_excuses():
    assert len(EXCUSES) == 0
