"""What is refused changes nothing: a fit that fails, a chunk that cannot be learned.

After each of them every attribute is the very object it was before, so that the old
model predicts exactly as before.
"""

import ast
import inspect
import textwrap
import warnings
from inspect import signature
from itertools import product
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier

from skweight import (
    ColumnWeighting,
    CostMatrix,
    CostSensitiveClassifier,
    Streaming,
    WeightedClassifier,
    WeightedRegressor,
)
from skweight.calibration import SigmoidCalibrator

# -- a fit that fails ------------------------------------------------------------------


class Failing(LogisticRegression):
    """Raises in the fit whose number is in `fails`, for all of its clones."""

    fails: ClassVar = {}

    def fit(self, X, y, sample_weight=None):
        Failing.fails["count"] = Failing.fails.get("count", 0) + 1
        if Failing.fails["count"] == Failing.fails.get("at"):
            raise Failing.fails["error"]
        return super().fit(X, y, sample_weight)

    @staticmethod
    def at(number, error):
        Failing.fails.clear()
        Failing.fails.update(at=number, error=error)


class FailingCalibrator(SigmoidCalibrator):
    fails = False

    def fit(self, scores, y, sample_weight=None):
        if FailingCalibrator.fails:
            raise RuntimeError("no calibration today")
        return super().fit(scores, y, sample_weight)


@pytest.fixture(autouse=True)
def _nothing_fails():
    yield
    Failing.fails.clear()
    FailingCalibrator.fails = False


def rows(n_classes=2, n=120, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    score = X[:, 0] + 0.5 * rng.normal(size=n)
    return X, np.digitize(score, [0.8] if n_classes == 2 else [0.0, 0.8])


CONTAINERS = {
    "array": np.asarray,
    "frame": lambda X: pd.DataFrame(X, columns=list("abc")),
    "sparse": sparse.csr_matrix,
}
COST = CostMatrix.binary(fp=1, fn=5)
WRAPPERS = {
    "calibrated": WeightedClassifier(Failing(), calibration="sigmoid", cv=4),
    "closed form": WeightedClassifier(Failing(), calibration="prior"),
    "not calibrated": WeightedClassifier(Failing(), calibration=None),
    "averaged": WeightedClassifier(
        Failing(), calibration="isotonic", cv=4, ensemble=True
    ),
    "tuned": WeightedClassifier(
        Failing(), calibration="sigmoid", decision="tuned", cv=4
    ),
    "resampled": WeightedClassifier(
        Failing(), calibration="sigmoid", cv=4, resampler="random_over"
    ),
    "costs": CostSensitiveClassifier(Failing(), cost=COST, calibration="sigmoid", cv=4),
}


def state_of(model):
    return dict(vars(model))


def assert_unchanged(model, before, X, proba):
    after = state_of(model)
    assert after.keys() == before.keys()
    assert [k for k in before if after[k] is not before[k]] == []
    assert_array_equal(model.predict_proba(X), proba)


@pytest.mark.in_turn(2)
@pytest.mark.parametrize(
    ("container", "name"),
    [*product(["array"], WRAPPERS), *product(CONTAINERS, ["calibrated"])],
)
@pytest.mark.parametrize("bad", ["row", "label", "weight", "number of rows"])
def test_bad_input_leaves_the_old_model(name, container, bad):
    X, y = rows()
    contain = CONTAINERS[container]
    clf = clone(WRAPPERS[name]).set_params(random_state=0).fit(contain(X), y)
    before, proba = state_of(clf), clf.predict_proba(contain(X))
    other, labels = rows(seed=1)
    weight = np.ones(120)
    if bad == "row":
        other[7] = np.nan
    elif bad == "label":
        labels = np.where(np.arange(120) == 5, np.nan, labels)
    elif bad == "weight":
        weight[3] = -1.0
    else:
        labels = labels[1:]
    with pytest.raises(ValueError, match=r"."):
        clf.fit(contain(other[:, ::-1]), labels, sample_weight=weight)
    assert_unchanged(clf, before, contain(X), proba)


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("error", [RuntimeError("fold"), KeyboardInterrupt()])
@pytest.mark.parametrize(
    ("name", "number", "n_classes"),
    [
        *((name, 1, 2) for name in WRAPPERS),
        *((name, 3, 2) for name, clf in WRAPPERS.items() if clf.cv == 4),
        *((name, 3, 3) for name in ("calibrated", "averaged", "resampled")),
    ],
)
def test_a_fit_that_is_interrupted_leaves_the_old_model(name, number, error, n_classes):
    X, y = rows(n_classes)
    clf = clone(WRAPPERS[name]).set_params(random_state=0).fit(X, y)
    before, proba = state_of(clf), clf.predict_proba(X)
    Failing.at(number, error)
    other, labels = rows(n_classes, seed=1)
    with pytest.raises(type(error)):
        clf.fit(other[:, :2], labels + 10 * (name != "costs"))
    assert_unchanged(clf, before, X, proba)


def test_a_calibrator_that_fails_leaves_the_old_model():
    X, y = rows()
    clf = WeightedClassifier(calibration=FailingCalibrator(), random_state=0).fit(X, y)
    before, proba = state_of(clf), clf.predict_proba(X)
    FailingCalibrator.fails = True
    with pytest.raises(RuntimeError, match="today"):
        clf.fit(X, y + 1)
    assert_unchanged(clf, before, X, proba)


def test_a_warning_that_is_an_error_leaves_the_old_model():
    X, y = rows()
    clf = WeightedClassifier(calibration="sigmoid", cv=3, random_state=0).fit(X, y)
    before, proba = state_of(clf), clf.predict_proba(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning):
            clf.fit(-X, y, sample_weight=np.where(y == 1, 9.0, 1.0))
    assert_unchanged(clf, before, X, proba)


def test_a_prevalence_in_force_outlives_a_fit_that_fails_and_no_other():
    X, y = rows()
    clf = WeightedClassifier(calibration="sigmoid", random_state=0).fit(X, y)
    proba = clf.set_prevalence({1: 0.5}).predict_proba(X)
    with pytest.raises(ValueError, match="NaN"):
        clf.fit(np.full_like(X, np.nan), y)
    assert_array_equal(clf.predict_proba(X), proba)
    assert clf.fit(X, y).prevalence_ is None


def test_a_regressor_keeps_its_old_model_too():
    X, _ = rows()
    model = WeightedRegressor(LinearRegression(), weighting=ColumnWeighting(2))
    X[:, 2] = np.abs(X[:, 2])
    model.fit(X, X[:, 0])
    before = state_of(model)
    for bad in (np.full_like(X, np.nan), -np.abs(X)):
        with pytest.raises(ValueError, match=r"."):
            model.fit(bad, X[:, 0])
    assert state_of(model) == before


def test_names_of_columns_go_with_the_model_that_knew_them():
    X, y = rows()
    clf = WeightedClassifier(random_state=0, calibration=None).fit(
        CONTAINERS["frame"](X), y
    )
    assert list(clf.feature_names_in_) == ["a", "b", "c"]
    assert not hasattr(clf.fit(X, y), "feature_names_in_")


def test_a_frozen_model_that_was_never_fitted_is_refused_as_such():
    X, y = rows()
    for model in (LogisticRegression(), RandomForestClassifier()):
        for calibration in (None, "sigmoid"):
            clf = WeightedClassifier(FrozenEstimator(model), calibration=calibration)
            with pytest.raises(NotFittedError):
                clf.fit(X, y)


# -- no step of a fit touches the object that it works for -----------------------------


def _watched(base):
    class Watched(base):
        def __setattr__(self, name, value):
            if name.startswith("_") or name.endswith("_"):
                raise AssertionError(f"{name} is set during the fit")
            super().__setattr__(name, value)

        __init__ = base.__init__

    return Watched


@pytest.mark.parametrize("name", WRAPPERS)
def test_no_step_assigns_to_an_attribute_of_the_wrapper(name):
    X, y = rows()
    wrapper = WRAPPERS[name]
    parameters = wrapper.get_params(deep=False) | {"random_state": 0}
    clf = _watched(type(wrapper))(**parameters).fit(X, y)
    assert clf.predict(X).shape == y.shape


def test_nor_does_a_step_of_partial_fit_or_of_a_regression():
    X, y = rows()
    clf = _watched(WeightedClassifier)(GaussianNB(), calibration="prior")
    clf.partial_fit(X, y, classes=[0, 1]).partial_fit(X, y)
    _watched(WeightedRegressor)(LinearRegression()).fit(X, y)


def test_the_algorithm_is_one_screen():
    tree = ast.parse(textwrap.dedent(inspect.getsource(WeightedClassifier._fit)))
    body = tree.body[0].body
    assert body[-1].end_lineno - body[0].lineno < 35
    names = ["ask", "weigh", "fit_models", "calibrate", "decide", "report"]
    said = "\n".join(map(ast.unparse, body))
    places = [said.index(name) for name in names]
    assert places == sorted(places)


# -- a chunk that is refused -----------------------------------------------------------

LEARNERS = {
    "bayes": GaussianNB(),
    "gradient": SGDClassifier(loss="log_loss", random_state=0),
    "network": MLPClassifier((3,), random_state=0),
}
REFUSED = {
    "missing values": lambda X, y: (np.full_like(X, np.nan), y, None),
    "an unknown label": lambda X, y: (X, np.full_like(y, 7), None),
    "a negative weight": lambda X, y: (X, y, -np.ones(len(y))),
    "another width": lambda X, y: (X[:, :2], y, None),
    "other numbers of rows": lambda X, y: (X, y[1:], None),
}


def chunks(n_classes, contain=np.asarray):
    X, y = rows(n_classes, n=200)
    for start in range(0, 200, 50):
        chunk = slice(start, start + 50)
        weight = 0.5 + np.abs(X[chunk, 1])
        yield contain(X[chunk]), y[chunk], weight


def stream_of(learner, mode, half_life, random_state, weighting="balanced"):
    return WeightedClassifier(
        clone(LEARNERS[learner]),
        weighting=weighting,
        calibration="prior",
        streaming=Streaming(mode, half_life=half_life),
        random_state=random_state,
    )


@pytest.mark.in_turn(2)
@pytest.mark.parametrize(
    ("learner", "mode", "n_classes", "seed"),
    [
        ("bayes", "weight", 3, 3),
        ("bayes", "sample", 2, "generator"),
        ("gradient", "weight", 2, 3),
        ("gradient", "hybrid", 3, "generator"),
        ("gradient", "sample", 2, 3),
        pytest.param(
            *("network", "hybrid", 2, 3),
            marks=pytest.mark.skipif(
                "sample_weight" not in signature(MLPClassifier.partial_fit).parameters,
                reason="the network takes weights from scikit-learn 1.7 on",
            ),
        ),
    ],
)
@pytest.mark.parametrize("reason", REFUSED)
def test_a_refused_chunk_changes_nothing(learner, mode, reason, n_classes, seed):
    def train(refused):
        random_state = np.random.RandomState(3) if seed == "generator" else seed
        clf = stream_of(learner, mode, 80.0, random_state, ["balanced", _heavier])
        for X, y, weight in chunks(n_classes):
            if refused and hasattr(clf, "classes_"):
                before = state_of(clf)
                with pytest.raises(ValueError, match=r"."):
                    clf.partial_fit(*refused(X, y))
                after = state_of(clf)
                assert [k for k in before if after[k] is not before[k]] == []
            clf.partial_fit(X, y, classes=range(n_classes), sample_weight=weight)
        return clf

    plain, disturbed = train(None), train(lambda X, y: _as_call(REFUSED[reason](X, y)))
    X = rows(n_classes, seed=9)[0]
    assert_array_equal(plain.predict_proba(X), disturbed.predict_proba(X))
    assert plain.report_ == disturbed.report_


def _as_call(refused):
    X, y, weight = refused
    return X, y, None, weight


def _heavier(X, y):
    return 1.0 + np.abs(np.asarray(X)[:, 0])


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_refused_first_chunk_is_as_if_it_had_not_come(container):
    contain = CONTAINERS[container]
    plain, disturbed = (stream_of("gradient", "hybrid", None, 0) for _ in range(2))
    bad = contain(np.full((20, 3), np.nan))
    with pytest.raises(ValueError, match="NaN"):
        disturbed.partial_fit(bad, np.arange(20) % 2, classes=[0, 1])
    assert not hasattr(disturbed, "classes_")
    for clf in (plain, disturbed):
        for X, y, weight in chunks(2, contain):
            clf.partial_fit(X, y, classes=[0, 1], sample_weight=weight)
    X = contain(rows(seed=9)[0])
    assert_array_equal(plain.predict_proba(X), disturbed.predict_proba(X))


def test_a_stream_after_a_fit_is_not_changed_either():
    X, y = rows()
    clf = stream_of("bayes", "sample", None, 0).fit(X, y)
    twin = stream_of("bayes", "sample", None, 0).fit(X, y)
    with pytest.raises(ValueError, match="NaN"):
        clf.partial_fit(np.full_like(X, np.nan), y)
    for model in (clf, twin):
        model.partial_fit(X, y)
    assert_array_equal(clf.predict_proba(X), twin.predict_proba(X))
    assert clf.report_ == twin.report_


class HalfWay(GaussianNB):
    """Learns from half of the rows and raises, for the second chunk."""

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        if not hasattr(self, "classes_"):
            return super().partial_fit(X, y, classes, sample_weight)
        super().partial_fit(X[: len(X) // 2], y[: len(X) // 2])
        raise MemoryError("half of the rows")


def test_a_learner_that_raised_half_way_may_have_moved_and_the_error_says_so():
    X, y = rows()
    clf = WeightedClassifier(HalfWay(), calibration="prior")
    clf.partial_fit(X, y, classes=[0, 1])
    before = state_of(clf)
    with pytest.raises(MemoryError, match="half of the rows") as raised:
        clf.partial_fit(X, y)
    (note,) = raised.value.__notes__
    assert "may have learned from a part of the rows" in note
    after = state_of(clf)
    assert [k for k in before if after[k] is not before[k]] == []


def test_the_model_is_not_copied_for_a_chunk():
    X, y = rows()
    clf = WeightedClassifier(GaussianNB(), calibration=None).partial_fit(
        X, y, classes=[0, 1]
    )
    model = clf.estimator_
    assert clf.partial_fit(X, y).estimator_ is model


def test_forests_that_vote_are_not_touched_by_a_fit_that_fails():
    X, y = rows()
    forest = RandomForestClassifier(10, bootstrap=True, random_state=0)
    clf = WeightedClassifier(
        forest, weighting=None, calibration="isotonic", cv="oob", random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf.fit(X, y)
    before, proba = state_of(clf), clf.predict_proba(X)
    with pytest.raises(ValueError, match="groups"):
        clf.fit(X, y, groups=np.arange(120))
    assert_unchanged(clf, before, X, proba)
