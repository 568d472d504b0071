"""Models that are kept: nothing of a delivery, no row of the target, skops can dump."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import (
    BalancedWeighting,
    CostMatrix,
    CostSensitiveClassifier,
    DensityRatioWeighting,
    LabelShiftWeighting,
    WeightedClassifier,
    WeightedRegressor,
)
from skweight import pipeline as ours
from skweight.weighting import GroupBalancedWeighting, ReweighingWeighting

MARK = 123.456


def rows(n_classes=2, n=150):
    rng = np.random.default_rng(0)
    X = np.abs(rng.normal(size=(n, 3)))
    return X, np.digitize(X[:, 0], [0.9, 1.5][: n_classes - 1])


LOGISTIC = LogisticRegression()
COMPOSITES = {
    "alone": LOGISTIC,
    "pipeline": make_pipeline(StandardScaler(), LOGISTIC),
    "search": GridSearchCV(LOGISTIC, {"C": [0.1, 1.0]}, cv=2),
    "vote": VotingClassifier([("a", LOGISTIC), ("b", GaussianNB())], voting="soft"),
    "stack": StackingClassifier([("a", LOGISTIC)], LogisticRegression(), cv=2),
    "calibrated": CalibratedClassifierCV(LOGISTIC, cv=2),
    "bagged": BaggingClassifier(LOGISTIC, 2, random_state=0),
    "ours": ours.make_pipeline(StandardScaler(), BalancedWeighting(0.5), LOGISTIC),
    "nested": make_pipeline(
        StandardScaler(), GridSearchCV(make_pipeline(StandardScaler(), LOGISTIC), {})
    ),
}


def parts(value, seen=None):
    """Yield everything that can be reached from an object."""
    seen = {} if seen is None else seen
    if id(value) in seen or isinstance(value, type | str | int | float):
        return
    seen[id(value)] = value
    yield value
    inner = []
    if isinstance(value, dict):
        inner = value.values()
    elif isinstance(value, list | tuple | set):
        inner = value
    elif hasattr(value, "__dict__"):
        inner = vars(value).values()
    elif isinstance(value, np.ndarray) and value.dtype == object:
        inner = value.ravel()
    for item in inner:
        yield from parts(item, seen)


# Calibration and routing in turn: every pair of two of the three values meets.
@pytest.mark.parametrize(
    ("name", "calibration", "routing"),
    [
        (name, calibration, (position + (calibration is None)) % 2 == 0)
        for position, name in enumerate(COMPOSITES)
        for calibration in (None, "sigmoid")
    ],
)
def test_no_request_stays_on_a_fitted_learner(name, calibration, routing):
    X, y = rows()
    clf = WeightedClassifier(COMPOSITES[name], calibration=calibration, cv=2)
    with config_context(enable_metadata_routing=routing):
        clf.fit(X, y, sample_weight=0.5 + X[:, 0])
    for model in clf.estimators_:
        left = [
            p for p in parts(model) if "_metadata_request" in getattr(p, "__dict__", {})
        ]
        assert left == []


def test_a_request_of_the_user_stays():
    X, y = rows()
    with config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipe = make_pipeline(scaler, LogisticRegression())
        clf = WeightedClassifier(pipe, calibration=None).fit(
            X, y, sample_weight=0.5 + X[:, 0]
        )
        request = clf.estimator_[0].get_metadata_routing()
    assert request.fit.requests["sample_weight"] is False


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", [n for n in COMPOSITES if n != "nested"])
def test_skops_dumps_every_composite(name, n_classes):
    io = pytest.importorskip("skops.io", reason="skops is not installed: NOT TESTED")
    X, y = rows(n_classes)
    clf = WeightedClassifier(COMPOSITES[name], calibration="sigmoid", cv=2).fit(X, y)
    stored = io.dumps(clf)
    again = io.loads(stored, trusted=io.get_untrusted_types(data=stored))
    assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    assert_array_equal(again.predict(X), clf.predict(X))


def test_skops_dumps_costs():
    io = pytest.importorskip("skops.io", reason="skops is not installed: NOT TESTED")
    X, y = rows()
    for cost in (
        CostMatrix.binary(fp=1, fn=5),
        CostMatrix.binary(fp=1, fn=CostMatrix.column(2)),
        # Decisions that are not labels are kept in an array of objects.
        CostMatrix.binary(fp=1, fn=5).with_decision("ask", 0.2),
    ):
        clf = CostSensitiveClassifier(LogisticRegression(), cost=cost).fit(X, y)
        stored = io.dumps(clf)
        again = io.loads(stored, trusted=io.get_untrusted_types(data=stored))
        assert again.cost == cost
        assert_array_equal(again.predict(X), clf.predict(X))


# -- rows of the target ----------------------------------------------------------------


def target(kind):
    X = np.abs(np.random.default_rng(1).normal(size=(40, 3)))
    X[0] = MARK
    return pd.DataFrame(X) if kind == "frame" else X


STRATEGIES = {
    "ratio": lambda T: DensityRatioWeighting(T, estimator="logistic", random_state=0),
    "kernel": lambda T: DensityRatioWeighting(T, estimator="ulsif", random_state=0),
    "labels": lambda T: LabelShiftWeighting(T, GaussianNB(), cv=2, random_state=0),
    "product": lambda T: (
        DensityRatioWeighting(T, estimator="logistic", random_state=0)
        * BalancedWeighting()
    ),
}


def holds_target(value, T):
    def is_target(part):
        same = getattr(part, "shape", None) == T.shape
        return same and bool((np.asarray(part)[1:] == np.asarray(T)[1:]).all())

    return any(is_target(part) for part in parts(value))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ["array", "frame"])
@pytest.mark.parametrize("name", STRATEGIES)
def test_the_fitted_strategy_holds_no_row_of_the_target(name, kind):
    X, y = rows()
    T = target(kind)
    X_in = pd.DataFrame(X) if kind == "frame" else X
    clf = WeightedClassifier(
        weighting=STRATEGIES[name](T), calibration="sigmoid", cv=2, random_state=0
    ).fit(X_in, y)
    for part in parts(clf.weighting_):
        assert getattr(part, "X_target", None) is None
        assert getattr(part, "sample_weight_target", None) is None
    assert not holds_target(clf.weighting_, T)
    # The parameter of the user is as it was, and a second fit goes by it.
    assert holds_target(clf.weighting, T)
    assert clf.fit(X_in, y).weighting_ is not None


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("calibration", [None, "prior", "sigmoid"])
@pytest.mark.parametrize("name", STRATEGIES)
def test_a_model_predicts_without_its_strategy(name, calibration):
    X, y = rows()
    T = target("array")
    clf = WeightedClassifier(
        weighting=STRATEGIES[name](T), calibration=calibration, cv=2, random_state=0
    ).fit(X, y)
    proba, labels = clf.predict_proba(X), clf.predict(X)
    clf.weighting = None
    del clf.weighting_
    assert not holds_target(clf, T)
    stored = pickle.dumps(clf)
    assert len(stored) < 20_000
    again = pickle.loads(stored)
    assert_allclose(again.predict_proba(X), proba)
    assert_array_equal(again.predict(X), labels)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_regressor_forgets_the_target_too():
    X, _ = rows()
    T = target("array")
    model = WeightedRegressor(LinearRegression(), weighting=STRATEGIES["ratio"](T))
    model.fit(X, X[:, 0])
    assert model.weighting_.X_target is None
    assert not holds_target(model.weighting_, T)


@pytest.mark.parametrize("groups", [0, [0, 1]])
@pytest.mark.parametrize("strategy", [GroupBalancedWeighting, ReweighingWeighting])
def test_skops_dumps_strategies_of_groups(strategy, groups):
    sio = pytest.importorskip("skops.io")
    X = np.column_stack([np.arange(120) % 2, np.arange(120) % 3, np.arange(120) % 5])
    y = (X[:, 2] > 2).astype(int)
    clf = WeightedClassifier(weighting=strategy(groups), calibration=None).fit(X, y)
    kept = sio.dumps(clf)
    loaded = sio.loads(kept, trusted=sio.get_untrusted_types(data=kept))
    assert np.array_equal(loaded.predict_proba(X), clf.predict_proba(X))
    weights = clf.weighting_.weigh(X, y)
    assert np.array_equal(loaded.weighting_.weigh(X, y), weights)
