"""Whose column is it: outputs are taken by the learner's own ``classes_``."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import CostMatrix, CostSensitiveClassifier, WeightedClassifier


class Shuffled(ClassifierMixin, BaseEstimator):
    """A model whose ``classes_`` and columns are in another order."""

    def __init__(self, model=None, scores=False):
        self.model = model
        self.scores = scores

    def fit(self, X, y, sample_weight=None):
        self.inner_ = (self.model or LogisticRegression()).fit(X, y, sample_weight)
        n_classes = self.inner_.classes_.size
        self.order_ = np.roll(np.arange(n_classes), 1)
        self.classes_ = self.inner_.classes_[self.order_]
        return self

    def predict(self, X):
        return self.inner_.predict(X)

    def __getattr__(self, name):
        wanted = "decision_function" if self.__dict__.get("scores") else "predict_proba"
        if name != wanted:
            raise AttributeError(name)
        return getattr(self, f"_{name}")

    def _predict_proba(self, X):
        return self.inner_.predict_proba(X)[:, self.order_]

    def _decision_function(self, X):
        values = self.inner_.decision_function(X)
        return -values if values.ndim == 1 else values[:, self.order_]


CONTAINERS = {
    "array": np.asarray,
    "frame": lambda X: pd.DataFrame(X, columns=list("abc")),
    "sparse": sparse.csr_matrix,
    "list": lambda X: X.tolist(),
}
LABELS = {
    "numbers": [0, 1, 2],
    "words": ["b", "c", "a"],
    "signs": [-1, 1, 5],
    "floats": [1.0, 2.0, 5.0],
}


def rows(n_classes, kind="numbers", n=240):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    codes = np.digitize(X[:, 0] + 0.4 * rng.normal(size=n), [0.2, 1.0][: n_classes - 1])
    return X, np.array(LABELS[kind][:n_classes])[codes]


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("calibration", [None, "prior", "sigmoid", "auto"])
def test_columns_follow_the_labels_of_the_learner(calibration, kind, n_classes):
    X, y = rows(n_classes, kind)
    settings = {"calibration": calibration, "cv": 3, "random_state": 0}
    plain = WeightedClassifier(
        LogisticRegression(), **{"calibration": None, **settings}
    ).fit(X, y)
    # Prior inversion goes by predict_proba, the others by what there is.
    scores = calibration in ("sigmoid", "auto")
    shuffled = WeightedClassifier(
        Shuffled(scores=scores), **{"calibration": None, **settings}
    ).fit(X, y)
    assert_allclose(shuffled.predict_proba(X), plain.predict_proba(X), atol=1e-8)
    assert_array_equal(shuffled.predict(X), plain.predict(X))


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_in_every_container_and_process(container, n_jobs):
    X, y = rows(3)
    X = CONTAINERS[container](X)
    clf = WeightedClassifier(
        Shuffled(), calibration="temperature", cv=3, n_jobs=n_jobs, random_state=0
    )
    proba = clf.fit(X, y).predict_proba(X)
    assert np.mean(clf.classes_[proba.argmax(axis=1)] == y) > 0.6


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("decision", ["auto", "argmax", "tuned", "frozen", "costs"])
def test_with_every_decision(decision, n_classes):
    X, y = rows(n_classes)
    model = Shuffled(GaussianNB())
    settings = {"calibration": "sigmoid", "cv": 3, "random_state": 0}
    if decision == "costs":
        cost = CostMatrix.ordinal([0, 1, 2][:n_classes])
        clf = CostSensitiveClassifier(model, cost=cost, **settings)
    elif decision == "frozen":
        clf = WeightedClassifier(
            FrozenEstimator(model.fit(X, y)), **{"calibration": None, **settings}
        )
    else:
        clf = WeightedClassifier(
            model, decision=decision, **{"calibration": None, **settings}
        )
    assert np.mean(clf.fit(X, y).predict(X) == y) > 0.6


@pytest.mark.parametrize("n_classes", [2, 3])
def test_decision_values_and_logarithms_follow_too(n_classes):
    X, y = rows(n_classes)
    plain = WeightedClassifier(LogisticRegression(), calibration=None).fit(X, y)
    scores = WeightedClassifier(Shuffled(scores=True), calibration=None).fit(X, y)
    assert_allclose(scores.decision_function(X), plain.decision_function(X))
    logs = (
        WeightedClassifier(Shuffled(), calibration=None).fit(X, y).predict_log_proba(X)
    )
    assert_allclose(logs, plain.predict_log_proba(X))


# -- shapes and values that cannot be used ---------------------------------------------


class Says(ClassifierMixin, BaseEstimator):
    """Returns whatever its function makes of probabilities."""

    def __init__(self, change, method="predict_proba"):
        self.change = change
        self.method = method

    def fit(self, X, y, sample_weight=None):
        self.inner_ = LogisticRegression().fit(X, y, sample_weight)
        self.classes_ = self.inner_.classes_
        return self

    def predict(self, X):
        return self.inner_.predict(X).reshape(-1, 1)

    def __getattr__(self, name):
        if name != self.__dict__.get("method"):
            raise AttributeError(name)
        return lambda X: self.change(getattr(self.inner_, name)(X))


def _first(value):
    def change(outputs):
        outputs = outputs.copy()
        outputs[0] = value
        return outputs

    return change


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", ["predict_proba", "decision_function"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_nan_and_infinity_name_the_estimator(value, method, wrapped):
    X, y = rows(2)
    model = Says(_first(value), method)
    name = "Pipeline" if wrapped else "Says"
    model = make_pipeline(StandardScaler(), model) if wrapped else model
    clf = WeightedClassifier(model, calibration="sigmoid", cv=3)
    with pytest.raises(ValueError, match=f"{method} of {name} returns NaN or infinite"):
        clf.fit(X, y)


def test_nan_at_prediction_names_it_too():
    X, y = rows(2)
    clf = WeightedClassifier(Says(lambda p: p), calibration="sigmoid").fit(X, y)
    clf.estimator_.change = _first(np.nan)
    with pytest.raises(ValueError, match=r"Says .* for 1 of 240 rows"):
        clf.predict_proba(X)


@pytest.mark.parametrize("calibration", [None, "prior", "isotonic"])
@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_one_column_of_probabilities_for_two_classes(calibration, shape):
    X, y = rows(2)
    model = Says(lambda p: p[:, 1].reshape(shape))
    clf = WeightedClassifier(model, calibration=calibration)
    with pytest.raises(
        ValueError, match=r"of Says returns .* one column for 2 classes"
    ):
        clf.fit(X, y)


def test_two_columns_of_scores_for_two_classes_are_a_margin():
    X, y = rows(2)
    two = Says(lambda s: np.column_stack([-s / 2, s / 2]), "decision_function")
    says = Says(lambda s: s.reshape(-1, 1), "decision_function")
    proba = [
        WeightedClassifier(model, calibration="sigmoid", random_state=0)
        .fit(X, y)
        .predict_proba(X)
        for model in (LogisticRegression(), two, says)
    ]
    assert_allclose(proba[1], proba[0])
    assert_allclose(proba[2], proba[0])


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", LABELS)
def test_labels_that_come_as_a_column_have_one_dimension(kind, n_classes):
    X, y = rows(n_classes, kind)
    clf = WeightedClassifier(Says(lambda p: p), calibration=None).fit(X, y)
    assert clf.predict(X).shape == y.shape
    assert np.mean(clf.predict(X) == y) > 0.5
    catboost = pytest.importorskip("catboost", reason="catboost: NOT TESTED")
    model = catboost.CatBoostClassifier(
        iterations=3, verbose=0, allow_writing_files=False, thread_count=1
    )
    assert (
        WeightedClassifier(model, calibration=None).fit(X, y).predict(X).shape
        == y.shape
    )


class OfKeras(ClassifierMixin, BaseEstimator):
    """Scores two classes by two columns, as the wrapper of Keras does."""

    __module__ = "keras.wrappers"

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        p = 1 / (1 + np.exp(-np.asarray(X)[:, 0]))
        return np.column_stack([1 - p, p])

    def predict(self, X):
        return self.classes_[self.decision_function(X).argmax(axis=1)]


def test_two_columns_of_the_wrapper_of_keras_become_one_and_it_is_warned_of():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    y = (rng.random(300) < 1 / (1 + np.exp(-X[:, 0]))).astype(int)
    clf = WeightedClassifier(OfKeras(), calibration=None)
    with pytest.warns(UserWarning, match="KerasClassifier or KerasRegressor of scike"):
        clf.fit(X, y)
    scores = clf.decision_function(X)
    assert scores.shape == (300,)
    assert np.array_equal(scores > 0, clf.predict(X) == 1)
    calibrated = WeightedClassifier(OfKeras(), calibration="sigmoid", random_state=0)
    with pytest.warns(UserWarning, match="scikeras"):
        calibrated.fit(X, y)
    assert abs(calibrated.predict_proba(X)[:, 1].mean() - y.mean()) < 0.02
