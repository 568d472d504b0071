"""Gradient boosting engines outside scikit-learn, which share its conventions in part.

They take ``sample_weight`` as scikit-learn's do, balance by parameters of their own
names, and take arguments of fit that others have not: sets to evaluate, callbacks.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import WeightedClassifier
from skweight.exceptions import DoubleCountingWarning

ENGINES = {
    "LGBMClassifier": (
        "lightgbm",
        {"n_estimators": 5, "min_child_samples": 5, "verbose": -1, "n_jobs": 1},
    ),
    "XGBClassifier": ("xgboost", {"n_estimators": 5, "max_depth": 3, "n_jobs": 1}),
}

pytestmark = [
    # LightGBM names the columns of an array, and warns that they have no names later.
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    # Its newest release has two arguments for it, XGBoost and the older ones have not.
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]


@pytest.fixture(params=ENGINES)
def engine(request):
    module, params = ENGINES[request.param]
    return getattr(pytest.importorskip(module), request.param)(**params)


@pytest.fixture(params=[False, True], ids=["routing off", "routing on"])
def routing(request):
    with config_context(enable_metadata_routing=request.param):
        yield request.param


@pytest.fixture
def data(rng):
    X = rng.normal(size=(300, 3))
    y = (X[:, 0] + rng.normal(size=300) > 1.2).astype(int)
    return X, y, rng.uniform(0.5, 2, 300)


def balanced(y, population):
    totals = np.bincount(y, weights=population)
    weights = population / totals[y]
    return weights / weights.mean()


def by_hand(engine, X, y, weights, **fit_params):
    with config_context(enable_metadata_routing=False):
        return clone(engine).fit(X, y, sample_weight=weights, **fit_params)


@pytest.mark.parametrize("weighted", [False, True])
def test_is_fitted_as_by_hand(engine, data, routing, weighted):
    X, y, sample_weight = data
    model = WeightedClassifier(engine, calibration=None)
    model.fit(X, y, sample_weight=sample_weight if weighted else None)
    weights = balanced(y, sample_weight if weighted else np.ones(300))
    expected = by_hand(engine, X, y, weights).predict_proba(X)
    assert_allclose(model.predict_proba(X), expected, rtol=1e-5)
    plain = clone(engine).fit(X, y).predict_proba(X)
    assert not np.allclose(expected, plain, rtol=1e-2)
    assert model.report_.deliveries[0].way == "sample_weight"
    assert not hasattr(engine, "classes_")


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_scale_of_the_weights_means_nothing(engine, data, scale):
    """Least weights in a leaf would feel it."""
    X, y, sample_weight = data
    model = WeightedClassifier(engine, calibration=None)
    proba = clone(model).fit(X, y, sample_weight).predict_proba(X)
    other = clone(model).fit(X, y, sample_weight * scale).predict_proba(X)
    assert_allclose(proba, other, rtol=1e-4)


def test_labels_of_any_kind(data):
    """LightGBM takes them; XGBoost wants 0 to k - 1, and says so itself."""
    X, y, _ = data
    lightgbm = pytest.importorskip("lightgbm")
    params = ENGINES["LGBMClassifier"][1]
    labels = np.array(["no", "yes"])[y]
    model = WeightedClassifier(lightgbm.LGBMClassifier(**params), calibration=None).fit(
        X, labels
    )
    assert_array_equal(model.classes_, ["no", "yes"])
    assert set(model.predict(X)) == {"no", "yes"}


def test_missing_values_and_frames(engine, data):
    pandas = pytest.importorskip("pandas")
    X, y, _ = data
    X = pandas.DataFrame(X, columns=["a", "b", "c"])
    X.iloc[::7, 1] = np.nan
    model = WeightedClassifier(engine, calibration="sigmoid", cv=2).fit(X, y)
    assert model.predict_proba(X).shape == (300, 2)
    assert list(model.feature_names_in_) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scale_pos_weight", 5.0),
        ("class_weight", "balanced"),
        ("is_unbalance", True),
    ],
)
def test_balancing_by_itself_is_double_counting(engine, data, name, value):
    X, y, _ = data
    if name not in engine.get_params() and name != "is_unbalance":
        pytest.skip(f"{type(engine).__name__} has no {name}")
    if name == "is_unbalance" and type(engine).__name__ != "LGBMClassifier":
        pytest.skip("a parameter of LightGBM")
    engine.set_params(**{name: value})
    with pytest.warns(DoubleCountingWarning, match=f"{name}={value!r}"):
        WeightedClassifier(engine, calibration=None).fit(X, y)
    WeightedClassifier(engine, weighting=None, calibration=None).fit(X, y)


@pytest.mark.parametrize("where", ["alone", "pipeline", "search", "search of pipeline"])
def test_sets_to_evaluate_and_callbacks(data, where):
    """They come under the name of the step, as in scikit-learn, and are not rows."""
    lightgbm = pytest.importorskip("lightgbm")
    X, y, sample_weight = data
    engine = lightgbm.LGBMClassifier(**ENGINES["LGBMClassifier"][1] | {"n_jobs": 1})
    pipeline = make_pipeline(StandardScaler(), engine)
    step = "lgbmclassifier"
    estimator, prefix = {
        "alone": (engine, ""),
        "pipeline": (pipeline, f"{step}__"),
        "search": (GridSearchCV(engine, {"num_leaves": [4]}, cv=2), ""),
        "search of pipeline": (
            GridSearchCV(pipeline, {f"{step}__num_leaves": [4]}, cv=2),
            f"{step}__",
        ),
    }[where]
    rounds = []

    def count(env):
        rounds.append(len(env.evaluation_result_list))

    model = WeightedClassifier(estimator, calibration=None).fit(
        X,
        y,
        sample_weight=sample_weight,
        **{f"{prefix}eval_set": [(X[:50], y[:50])], f"{prefix}callbacks": [count]},
    )
    assert len(rounds) == 5 * (3 if "search" in where else 1)
    assert set(rounds) == {1}, "the set was evaluated in every round"
    if where == "alone":
        weights = balanced(y, sample_weight)
        expected = by_hand(engine, X, y, weights).predict_proba(X)
        assert_allclose(model.predict_proba(X), expected, rtol=1e-6)


def test_sets_to_evaluate_survive_the_folds_of_a_calibration(engine, data):
    """A list of pairs is not one entry for every row."""
    X, y, _ = data
    model = WeightedClassifier(engine, calibration="sigmoid", cv=2)
    arguments = {"eval_set": [(X[:50], y[:50])]}
    if type(engine).__name__ == "XGBClassifier":
        arguments["verbose"] = False
    model.fit(X, y, **arguments)
    assert model.report_.n_fits == 2 + 1  # two folds, and the model that predicts


def test_inside_ensembles(engine, data, routing):
    X, y, sample_weight = data
    weights = balanced(y, sample_weight)
    voting = VotingClassifier(
        [("a", engine), ("b", make_pipeline(StandardScaler(), LogisticRegression()))],
        voting="soft",
    )
    model = WeightedClassifier(voting, calibration=None).fit(
        X, y, sample_weight=sample_weight
    )
    assert_allclose(
        model.estimator_.named_estimators_["a"].predict_proba(X),
        by_hand(engine, X, y, weights).predict_proba(X),
        rtol=1e-5,
    )
    stacking = StackingClassifier([("a", engine)], LogisticRegression(), cv=2)
    model = WeightedClassifier(stacking, calibration=None).fit(
        X, y, sample_weight=sample_weight
    )
    assert_allclose(
        model.estimator_.named_estimators_["a"].predict_proba(X),
        by_hand(engine, X, y, weights).predict_proba(X),
        rtol=1e-5,
    )


def test_calibrated_is_right_on_average(engine, rng):
    X = rng.normal(size=(3000, 3))
    y = (X[:, 0] + rng.normal(size=3000) > 2).astype(int)
    train, test = np.arange(2000), np.arange(2000, 3000)
    plain = WeightedClassifier(engine, calibration=None).fit(X[train], y[train])
    model = WeightedClassifier(engine, calibration="sigmoid", cv=3, random_state=0)
    model.fit(X[train], y[train])
    prevalence = y[test].mean()
    assert plain.predict_proba(X[test])[:, 1].mean() > 2 * prevalence
    mean = model.predict_proba(X[test])[:, 1].mean()
    # A thousand rows tell their prevalence to a tenth of itself.
    assert abs(mean - prevalence) < 3 * np.sqrt(prevalence / test.size)
