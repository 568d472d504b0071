"""XGBoost, which takes 0, 1, and so on alone, with the labels that users have."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import CostMatrix, WeightedClassifier
from skweight.datasets import make_imbalanced
from skweight.weighting import HardExampleWeighting

LABELS = [["no", "yes"], [-1, 1], [1, 2], ["b", "c", "a"], [5, 7, 6]]


def learner(**params):
    xgboost = pytest.importorskip("xgboost", reason="xgboost: NOT TESTED")
    return xgboost.XGBClassifier(n_estimators=5, n_jobs=1, **params)


def named(labels):
    """Return rows, the positions of their labels in sorted order, and the labels."""
    shares = {2: [0.8, 0.2], 3: [0.5, 0.3, 0.2]}[len(labels)]
    data = make_imbalanced(
        600, n_classes=len(labels), prevalence=shares, random_state=0
    )
    labels = np.sort(labels)
    return data.X, data.y, labels[data.y], labels


@pytest.mark.filterwarnings("ignore:.*hard examples")
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"weighting": None},
        {"calibration": "sigmoid", "cv": 3},
        {"calibration": "auto", "ensemble": False, "cv": 2},
        {"resampler": "random_over", "calibration": "sigmoid"},
        {"weighting": HardExampleWeighting()},
        {"decision": "balanced", "calibration": "sigmoid"},
    ],
    ids=lambda params: "-".join(map(str, params.values())) or "default",
)
def test_names_of_labels_change_nothing_but_themselves(labels, params):
    X, codes, y, labels = named(labels)
    clf = WeightedClassifier(learner(), random_state=0, **params)
    coded, clf = clone(clf).fit(X, codes), clone(clf).fit(X, y)
    assert_array_equal(clf.classes_, labels)
    assert_array_equal(clf.predict_proba(X), coded.predict_proba(X))
    assert_array_equal(clf.predict(X), labels[coded.predict(X)])
    assert_allclose(clf.predict_log_proba(X), coded.predict_log_proba(X))
    assert clf.score(X, y) == coded.score(X, codes)


def test_they_reach_pipelines_searches_and_validation_rows():
    X, codes, y, _labels = named(["no", "yes"])
    stops = learner(early_stopping_rounds=2)
    pipeline = make_pipeline(StandardScaler(), stops)
    for estimator in (stops, pipeline):
        clf = WeightedClassifier(estimator, calibration=None)
        rows = X[400:], y[400:]
        clf.fit(X[:400], y[:400], validation=rows)
        assert set(clf.predict(X)) == {"no", "yes"}
    search = GridSearchCV(learner(), {"max_depth": [2, 3]}, cv=2)
    clf = WeightedClassifier(search, calibration=None).fit(X, y)
    coded = WeightedClassifier(clone(search), calibration=None).fit(X, codes)
    assert_array_equal(clf.predict_proba(X), coded.predict_proba(X))


def test_costs_and_thresholds_go_by_name():
    X, _codes, y, _labels = named(["no", "yes"])
    cost = {"no": {"no": 0, "yes": 1}, "yes": {"no": 8, "yes": 0}}
    clf = WeightedClassifier(
        learner(),
        weighting={"no": 1, "yes": 3},
        calibration="sigmoid",
        decision=CostMatrix(cost),
        random_state=0,
    ).fit(X, y)
    proba = clf.predict_proba(X)[:, 1]
    assert_array_equal(clf.predict(X), np.where(proba >= 1 / 9, "yes", "no"))


def test_a_fold_without_a_class_is_refused_by_xgboost_itself():
    X, codes, y, _labels = named(["a", "b", "c"])
    folds = [(np.flatnonzero(codes != 1), np.flatnonzero(codes == 1))]
    clf = WeightedClassifier(learner(), calibration="sigmoid", cv=folds)
    with pytest.raises(ValueError, match="Invalid classes"):
        clf.fit(X, y)
