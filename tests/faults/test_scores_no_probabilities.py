"""What a learner calls probabilities and is not: treated as scores, or refused."""

from unittest import mock

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import WeightedClassifier
from skweight.objectives import FocalObjective


def log_loss(y, raw, weight=None):
    """The objective of two classes and more."""
    weight = np.ones(len(raw)) if weight is None else weight
    if raw.ndim == 1:
        p = expit(raw)
        return weight * (p - y), weight * p * (1 - p)
    p = softmax(raw, axis=1)
    target = np.eye(raw.shape[1])[np.asarray(y, dtype=int)]
    return weight[:, None] * (p - target), weight[:, None] * p * (1 - p)


def rows(n_classes=2, labels=(0, 1, 2), n=600):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    codes = np.digitize(X[:, 0] + 0.5 * rng.normal(size=n), [0.8, 1.5][: n_classes - 1])
    return X, np.array(labels[:n_classes])[codes]


def boosted(**parameters):
    lightgbm = pytest.importorskip("lightgbm", reason="lightgbm: NOT TESTED")
    parameters = {"objective": log_loss, "n_estimators": 15} | parameters
    return lightgbm.LGBMClassifier(num_leaves=5, verbose=-1, n_jobs=1, **parameters)


WRAPPED = {
    "alone": lambda model: model,
    "in a Pipeline": lambda model: make_pipeline(StandardScaler(), model),
    "in a search": lambda model: GridSearchCV(
        model, {"min_child_samples": [5]}, cv=2, scoring=lambda model, X, y: 0.0
    ),
}


@pytest.mark.parametrize("labels", [(0, 1, 2), ("a", "b", "c")])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("wrapped", WRAPPED)
def test_raw_scores_are_calibrated_as_scores(wrapped, n_classes, labels):
    X, y = rows(n_classes, labels)
    clf = WeightedClassifier(
        WRAPPED[wrapped](boosted()), calibration="sigmoid", cv=3, random_state=0
    ).fit(X, y)
    proba = clf.predict_proba(X)
    assert_allclose(proba.sum(axis=1), 1)
    frequency = [np.mean(y == label) for label in clf.classes_]
    assert_allclose(proba.mean(axis=0), frequency, atol=0.03)
    assert np.mean(clf.classes_[proba.argmax(axis=1)] == y) > 0.7


@pytest.mark.parametrize("calibration", ["auto", "isotonic", "temperature"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_by_every_kind_of_calibration_and_in_other_processes(calibration, n_jobs):
    X, y = rows()
    clf = WeightedClassifier(
        boosted(), calibration=calibration, cv=3, n_jobs=n_jobs, random_state=0
    ).fit(X, y)
    assert_allclose(clf.predict_proba(X).sum(axis=1), 1)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.filterwarnings("ignore:Found '")
@pytest.mark.parametrize("alias", ["objective", "application", "app", "loss"])
def test_without_calibration_there_is_no_predict_proba_but_labels(alias, n_classes):
    X, y = rows(n_classes)
    model = boosted(**{"objective": None, alias: log_loss})
    clf = WeightedClassifier(model, calibration=None)
    for item in (clf, clf.fit(X, y)):
        with pytest.raises(AttributeError, match=r"callable objective, .*returns raw"):
            item.predict_proba(X)
        assert not hasattr(item, "predict_proba")
    assert set(clf.predict(X)) <= set(y)
    assert np.mean(clf.predict(X) == y) > 0.7


@pytest.mark.parametrize("parameters", [{"calibration": "prior"}, {"decision": 0.3}])
def test_what_needs_probabilities_is_refused(parameters):
    X, y = rows()
    with pytest.raises(TypeError, match=r"callable objective, .*returns raw scores"):
        WeightedClassifier(boosted(), **{"calibration": None, **parameters}).fit(X, y)


def test_a_focal_loss_has_its_closed_form_way_back():
    X, y = rows(n=4000)
    model = boosted(objective=FocalObjective(2.0), n_estimators=60)
    clf = WeightedClassifier(model, weighting=None, calibration="focal").fit(X, y)
    assert_allclose(clf.predict_proba(X)[:, 1].mean(), y.mean(), rtol=0.1)


def test_a_frozen_model_is_looked_into():
    X, y = rows()
    frozen = FrozenEstimator(boosted().fit(X, y))
    clf = WeightedClassifier(frozen, calibration="sigmoid").fit(X, y)
    assert_allclose(clf.predict_proba(X)[:, 1].mean(), y.mean(), atol=0.01)


def test_an_objective_that_is_a_name_gives_probabilities():
    X, y = rows()
    clf = WeightedClassifier(boosted(objective="binary"), calibration=None).fit(X, y)
    assert_allclose(clf.predict_proba(X), clf.estimator_.predict_proba(X))


# -- what nobody could know from the parameters ----------------------------------------


class Says(ClassifierMixin, BaseEstimator):
    def __init__(self, change):
        self.change = change

    def fit(self, X, y, sample_weight=None):
        self.inner_ = LogisticRegression().fit(X, y, sample_weight)
        self.classes_ = self.inner_.classes_
        return self

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        return self.fit(X, y, sample_weight)

    def predict(self, X):
        return self.inner_.predict(X)

    def predict_proba(self, X):
        return self.change(self.inner_.predict_proba(X))


NONE = {
    "below zero": lambda p: p - [0.2, -0.2][: p.shape[1]] if p.shape[1] == 2 else p - 1,
    "above one": lambda p: 3 * p,
    "sums of two": lambda p: p / 2,
    "shares in per cent": lambda p: 100 * p,
}


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("change", NONE)
@pytest.mark.parametrize("calibration", [None, "prior", "sigmoid"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_outputs_that_are_no_probabilities_name_the_estimator(
    change, n_classes, calibration, wrapped
):
    X, y = rows(n_classes)
    model = Says(NONE[change])
    model = make_pipeline(StandardScaler(), model) if wrapped else model
    clf = WeightedClassifier(model, calibration=calibration, cv=3, random_state=0)
    name = "Pipeline" if wrapped else "Says"
    with pytest.raises(ValueError, match=f"predict_proba of {name} returns"):
        clf.fit(X, y)
    assert not hasattr(clf, "estimators_")


def test_rounding_is_no_reason_to_raise():
    X, y = rows(3)
    for change in (lambda p: p.astype(np.float32), lambda p: p.round(4), _single_ulp):
        for calibration in (None, "sigmoid"):
            WeightedClassifier(Says(change), calibration=calibration).fit(X, y)


def _single_ulp(p):
    return np.where(p == p.max(axis=1, keepdims=True), p + 5e-7, p)


def test_a_stream_looks_at_its_first_chunk():
    X, y = rows()
    clf = WeightedClassifier(Says(NONE["above one"]), calibration=None)
    with pytest.raises(ValueError, match="predict_proba of Says"):
        clf.partial_fit(X, y, classes=[0, 1])
    assert not hasattr(clf, "classes_")


def test_an_average_with_raw_scores_in_it_is_refused():
    X, y = rows()
    vote = VotingClassifier(
        [("a", LogisticRegression()), ("b", Says(NONE["above one"]))], voting="soft"
    )
    with pytest.raises(ValueError, match="predict_proba of VotingClassifier"):
        WeightedClassifier(clone(vote), calibration="sigmoid", cv=3).fit(X, y)


@pytest.mark.parametrize("calibration", [None, "prior"])
def test_at_most_256_rows_are_looked_at(calibration):
    X, y = rows(n=2000)
    looked = []

    def count(p):
        looked.append(len(p))
        return p

    WeightedClassifier(Says(count), calibration=calibration).fit(X, y)
    assert looked == [256]


def test_a_learner_of_scikit_learn_predicts_nothing_in_a_fit():
    """Its outputs are probabilities, and a prediction takes as long as we do."""
    X, y = rows()
    predict = LogisticRegression.predict_proba
    with mock.patch.object(
        LogisticRegression, "predict_proba", autospec=True, side_effect=predict
    ) as counted:
        WeightedClassifier(LogisticRegression(), calibration=None).fit(X, y)
        assert counted.call_count == 0
        inside = make_pipeline(StandardScaler(), LogisticRegression())
        WeightedClassifier(inside, calibration=None).fit(X, y)
        assert counted.call_count == 1
