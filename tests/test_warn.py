"""A warning points to the line of the caller, by whatever way it comes."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

import skweight
from skweight import (
    CostMatrix,
    CostSensitiveClassifier,
    DensityRatioWeighting,
    WeightedClassifier,
    WeightedRegressor,
)
from skweight.calibration import (
    AnchoredCalibrator,
    AutoCalibrator,
    IsotonicCalibrator,
    SigmoidCalibrator,
    TemperatureCalibrator,
    VectorScalingCalibrator,
    VennAbersCalibrator,
)
from skweight.datasets import make_imbalanced
from skweight.density_ratio import KLIEP
from skweight.inspection import weight_report
from skweight.pipeline import Pipeline

CALIBRATORS = [
    AnchoredCalibrator(),
    AutoCalibrator(),
    IsotonicCalibrator(),
    SigmoidCalibrator(),
    TemperatureCalibrator(),
    VectorScalingCalibrator(),
    VennAbersCalibrator(),
]


class Backwards(LogisticRegression):
    """A model that takes every row for its opposite, once it is fitted."""

    def decision_function(self, X):
        return -5 * super().decision_function(X)


@pytest.fixture(scope="module")
def rare():
    data = make_imbalanced(600, prevalence=0.1, random_state=0)
    return data.X, data.y


def files_of(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert caught
    return {record.filename for record in caught}


@pytest.mark.parametrize("calibrator", CALIBRATORS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_from_a_calibrator(calibrator, n_classes, rng):
    scores = rng.normal(size=(300, n_classes))
    y = (3 * scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    scores = scores[:, 1] - scores[:, 0] if n_classes == 2 else scores
    assert files_of(lambda: calibrator.fit(-9 * scores, y)) == {__file__}
    # A class that is missing is told by the base of all calibrators.
    scores = scores[y != 0]
    y = y[y != 0]
    classes = range(n_classes)
    assert files_of(lambda: calibrator.fit(scores, y, classes=classes)) == {__file__}


@pytest.mark.parametrize("calibrator", CALIBRATORS, ids=lambda one: type(one).__name__)
def test_from_a_calibrator_within_a_classifier(calibrator, rare):
    classifier = WeightedClassifier(
        Backwards(), calibration=calibrator, cv=2, random_state=0
    )
    assert files_of(lambda: classifier.fit(*rare)) == {__file__}


def test_from_a_density_ratio(rng):
    X, X_target = rng.normal(size=(300, 2)), rng.normal(size=(300, 2))
    X_target[:150] += 30
    y = (X[:, 0] > 0).astype(int)
    ratio, weighting = (
        KLIEP(random_state=0),
        DensityRatioWeighting(X_target, estimator="kliep", random_state=0),
    )
    for call in (
        lambda: ratio.fit(X, X_target),
        lambda: ratio.fit_ratio(X, X_target),
        lambda: weighting.fit(X, y),
        lambda: weighting.fit_weigh(X, y),
        lambda: WeightedClassifier(weighting=weighting, calibration=None).fit(X, y),
        lambda: WeightedRegressor(weighting=weighting).fit(X, y),
        lambda: weight_report(np.ones(300), X=X, X_target=X_target, random_state=0),
    ):
        assert files_of(call) == {__file__}


def test_from_a_guard_and_from_what_else_looks_at_a_fit(rare):
    X, y = rare
    weight = compute_sample_weight("balanced", y)
    balanced = LogisticRegression(class_weight="balanced")
    far = np.r_[1e6, np.ones(y.size - 1)]
    few = np.r_[np.flatnonzero(y == 1)[:3], np.flatnonzero(y == 0)]
    negative = CostMatrix.binary(fp=-1, fn=9)
    calibrated = WeightedClassifier(calibration="sigmoid")
    for call in (
        lambda: calibrated.fit(X, y, sample_weight=weight),
        lambda: calibrated.fit(X, y, sample_weight=far),
        lambda: calibrated.fit(X[few], y[few]),
        lambda: WeightedClassifier(balanced, calibration=None).fit(X, y),
        lambda: WeightedClassifier(
            make_pipeline(StandardScaler(), balanced), calibration=None
        ).fit(X, y),
        lambda: CostSensitiveClassifier(None, cost=negative).fit(X, y),
        lambda: negative.sample_weight(X, y),
    ):
        assert files_of(call) == {__file__}


@pytest.mark.parametrize("n_jobs", [None, 1])
def test_from_within_what_scikit_learn_runs_for_us(rare, n_jobs):
    """A Pipeline tells callbacks, and folds are fitted by joblib: both call us back."""
    X, y = rare
    options = {"calibration": "sigmoid", "cv": 2, "random_state": 0}
    last = WeightedClassifier(Backwards(), n_jobs=n_jobs, **options)
    pipe = Pipeline([("scale", StandardScaler()), ("last", last)])
    nested = WeightedClassifier(last, weighting=None, **options)
    for call in (lambda: pipe.fit(X, y), lambda: nested.fit(X, y)):
        assert files_of(call) == {__file__}


def test_no_other_file_warns():
    """A second way to warn would need a count of frames again."""
    package = Path(skweight.__file__).parent
    actual = {
        path.name
        for path in package.rglob("*.py")
        if re.search(r"warnings\.warn\(|stacklevel=", path.read_text("utf-8"))
    }
    assert actual == {"warn.py"}


def test_a_search_around_the_classifier_is_not_the_caller(rare):
    X, y = rare
    classifier = WeightedClassifier(calibration="sigmoid", random_state=0)
    weight = np.where(y == 1, 9.0, 1.0)

    def search():
        grid = GridSearchCV(classifier, {"weighting__strength": [0.5, 1]}, cv=2)
        grid.fit(X, y, sample_weight=weight)

    assert set(files_of(search)) == {__file__}
