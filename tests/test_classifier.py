"""`WeightedClassifier`: what it equals, where it fits in, and what it refuses."""

import inspect
import io
import pickle
import warnings
from unittest import mock

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skweight import (
    BalancedWeighting,
    ColumnWeighting,
    FunctionWeighting,
    WeightedClassifier,
)
from skweight._utils.lookup import text_of
from skweight.calibration import AutoCalibrator, SigmoidCalibrator
from skweight.datasets import make_imbalanced
from skweight.exceptions import DoubleCountingWarning, UnsupportedWeightsError
from skweight.weighting import ClassWeighting, ProductWeighting


def pick(n_common, n_rare, seed=0):
    """Return rows of two classes, exactly so many of each."""
    data = make_imbalanced(4 * (n_common + n_rare), prevalence=0.3, random_state=seed)
    rows = np.r_[
        np.flatnonzero(data.y == 0)[:n_common], np.flatnonzero(data.y == 1)[:n_rare]
    ]
    rows = np.random.RandomState(seed).permutation(rows)
    return data.X[rows], data.y[rows]


@pytest.fixture(scope="module")
def binary():
    # 320 and 80 rows: the balanced weights 5/8 and 5/2 have no rounding error.
    return pick(320, 80)


@pytest.fixture(scope="module")
def three():
    data = make_imbalanced(500, prevalence=[0.6, 0.3, 0.1], n_classes=3, random_state=0)
    return data.X, data.y


def global_generator():
    """Return the state of the generator that a seedless estimator would draw from."""
    name, keys, position, *rest = np.random.get_state()  # noqa: NPY002
    return name, keys.tolist(), position, *rest


class Spy(ClassifierMixin, BaseEstimator):
    """Remembers what it was given, as it was given."""

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        self.fit_ = X, y, sample_weight
        return self

    def predict_proba(self, X):
        self.predict_ = X
        n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
        return np.full((n_rows, self.classes_.size), 1 / self.classes_.size)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        return tags


# -- what it equals --------------------------------------------------------------------


@pytest.mark.parametrize("counts", [(320, 80), (301, 7), (50, 50)])
def test_balanced_is_class_weight_balanced(counts):
    X, y = pick(*counts)
    ours = WeightedClassifier(
        LogisticRegression(), weighting="balanced", calibration=None
    ).fit(X, y)
    theirs = LogisticRegression(class_weight="balanced").fit(X, y)
    np.testing.assert_allclose(ours.estimator_.coef_, theirs.coef_, rtol=0, atol=1e-12)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X))
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_array_equal(
        ours.decision_function(X), ours.estimator_.decision_function(X)
    )


def test_balanced_is_class_weight_balanced_for_three_classes(three):
    X, y = three
    ours = WeightedClassifier(calibration=None).fit(X, y)
    theirs = LogisticRegression(class_weight="balanced").fit(X, y)
    np.testing.assert_allclose(ours.estimator_.coef_, theirs.coef_, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize(
    "make",
    [
        lambda **params: DecisionTreeClassifier(max_depth=3, random_state=0, **params),
        lambda **params: RandomForestClassifier(10, random_state=0, **params),
        lambda **params: HistGradientBoostingClassifier(
            max_iter=5, random_state=0, **params
        ),
        lambda **params: LinearSVC(random_state=0, **params),
        lambda **params: RidgeClassifier(**params),
        lambda **params: SVC(**params),
    ],
    ids=["tree", "forest", "boosting", "LinearSVC", "ridge", "SVC"],
)
def test_balanced_is_class_weight_balanced_wherever_that_agrees(binary, make):
    X, y = binary
    ours = WeightedClassifier(make(), weighting="balanced", calibration=None).fit(X, y)
    theirs = make(class_weight="balanced").fit(X, y)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    scores = (
        "predict_proba" if hasattr(theirs, "predict_proba") else "decision_function"
    )
    actual, expected = getattr(ours, scores)(X), getattr(theirs, scores)(X)
    np.testing.assert_allclose(actual, expected, rtol=1e-12)
    unweighted = make().fit(X, y)
    assert not np.allclose(getattr(unweighted, scores)(X), expected)


def test_a_dict_is_class_weight():
    X, y = pick(90, 30)
    ours = WeightedClassifier(weighting={0: 1, 1: 5}, calibration=None).fit(X, y)
    # The same ratio; a mean of one instead of two.
    theirs = LogisticRegression(class_weight={0: 0.5, 1: 2.5}).fit(X, y)
    np.testing.assert_allclose(ours.estimator_.coef_, theirs.coef_, rtol=1e-12)


def test_none_is_the_estimator_as_it_is(binary):
    X, y = binary
    ours = WeightedClassifier(Spy(), weighting=None, calibration=None).fit(X, y)
    assert ours.estimator_.fit_[2] is None
    assert ours.weighting_ is None
    assert ours.class_multiplier_.tolist() == [1, 1]


def test_sample_weight_times_emphasis_of_mean_one_reaches_the_fit(binary):
    X, y = binary
    weight = np.random.RandomState(0).uniform(1, 3, 400)
    weight[:40] = 0
    ours = WeightedClassifier(Spy(), calibration=None).fit(X, y, sample_weight=weight)
    mass = np.bincount(y, weights=weight)
    expected = weight / mass[y]
    expected /= expected[weight > 0].mean()
    # Rounded to 32 binary digits, so that the scale leaves no trace.
    np.testing.assert_allclose(ours.estimator_.fit_[2], expected, rtol=2**-31)
    assert ours.estimator_.fit_[2][weight > 0].mean() == pytest.approx(1)


@pytest.mark.parametrize("factor", [0.001, 1000.0, 1 / 3])
def test_a_forest_is_the_same_whatever_the_scale_of_the_weights(binary, factor):
    X, y = binary
    weight = np.random.RandomState(0).exponential(size=400)
    forest = RandomForestClassifier(10, random_state=0)
    proba = [
        WeightedClassifier(forest, calibration="sigmoid", random_state=0)
        .fit(X, y, sample_weight=item)
        .predict_proba(X)
        for item in (weight, factor * weight)
    ]
    np.testing.assert_allclose(proba[0], proba[1], rtol=1e-7)


def test_normalize_false_keeps_the_scale(binary):
    X, y = binary
    weight = np.full(400, 3.0)
    for weighting in (None, "balanced"):
        ours = WeightedClassifier(
            Spy(), weighting=weighting, normalize=False, calibration=None
        )
        ours.fit(X, y, sample_weight=weight)
        assert ours.estimator_.fit_[2].sum() == pytest.approx(1200)
        ours.set_params(normalize=True).fit(X, y, sample_weight=weight)
        assert ours.estimator_.fit_[2].sum() == pytest.approx(400)


# -- where it fits in ------------------------------------------------------------------


def test_last_step_of_a_pipeline_and_around_one(binary):
    X, y = binary
    inside = make_pipeline(StandardScaler(), WeightedClassifier(calibration=None)).fit(
        X, y
    )
    around = WeightedClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()), calibration=None
    )
    around.fit(X, y)
    # Emphasis is for the classifier alone: both scale by the unweighted mean.
    np.testing.assert_allclose(
        inside.predict_proba(X), around.predict_proba(X), rtol=1e-9
    )
    assert around.n_features_in_ == 5


@pytest.mark.filterwarnings("ignore:The closed-form inversion may not hold")
def test_search_over_everything_in_parallel(binary):
    X, y = binary
    search = GridSearchCV(
        WeightedClassifier(LogisticRegression(), random_state=0, calibration=None),
        [
            {"weighting__strength": [0, 0.5, 1]},
            {"weighting": ["balanced", None, {0: 1, 1: 5}, BalancedWeighting(0.3)]},
            {"weighting": ["effective_number"], "weighting__beta": [0.9, 0.999]},
            {"calibration": [None, "sigmoid", "prior"], "estimator__C": [0.1, 10]},
            {"decision": ["auto", "argmax", 0.3], "calibration": ["prior"]},
        ],
        cv=2,
        n_jobs=2,
        error_score="raise",
        scoring="balanced_accuracy",
    ).fit(X, y)
    params = search.cv_results_["params"]
    scores = search.cv_results_["mean_test_score"]
    by_params = {
        repr(param): score for param, score in zip(params, scores, strict=True)
    }
    assert len(by_params) == 3 + 4 + 2 + 6 + 3
    # Strength is a parameter of the strategy that "balanced" stands for.
    none = by_params[repr({"weighting": None})]
    assert by_params[repr({"weighting__strength": 0})] == none
    balanced = by_params[repr({"weighting": "balanced"})]
    assert by_params[repr({"weighting__strength": 1})] == balanced
    assert balanced > none
    assert search.estimator.weighting == "balanced"


def test_search_in_a_pipeline_around_a_pipeline(binary):
    X, y = binary
    pipe = make_pipeline(
        StandardScaler(),
        WeightedClassifier(
            make_pipeline(StandardScaler(), LogisticRegression()), calibration=None
        ),
    )
    name = "weightedclassifier"
    search = GridSearchCV(
        pipe,
        {
            f"{name}__weighting__strength": [0.0, 1.0],
            f"{name}__estimator__logisticregression__C": [1.0],
        },
        cv=2,
        scoring="balanced_accuracy",
    ).fit(X, y)
    assert search.best_params_[f"{name}__weighting__strength"] == 1


def test_a_search_inside(binary):
    X, y = binary
    search = GridSearchCV(LogisticRegression(), {"C": [0.01, 1]}, cv=2)
    ours = WeightedClassifier(search, calibration="prior").fit(X, y)
    assert ours.estimator_.best_params_["C"] in (0.01, 1)
    assert ours.predict_proba(X)[:, 1].mean() == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize("scoring", ["accuracy", "roc_auc", "neg_log_loss"])
def test_cross_val_score(binary, scoring):
    X, y = binary
    classifier = WeightedClassifier(calibration="sigmoid", random_state=0)
    scores = cross_val_score(classifier, X, y, cv=3, scoring=scoring)
    assert np.isfinite(scores).all()


def test_inside_a_calibrating_wrapper_of_scikit_learn(binary):
    X, y = binary
    outer = CalibratedClassifierCV(WeightedClassifier(calibration=None), cv=2).fit(X, y)
    assert outer.predict_proba(X)[:, 1].mean() == pytest.approx(0.2, abs=0.02)


@pytest.mark.filterwarnings("ignore:The closed-form inversion may not hold")
def test_every_output_by_itself(binary):
    X, y = binary
    both = np.column_stack([y, X[:, 0] > 1])
    outer = MultiOutputClassifier(WeightedClassifier(calibration="prior")).fit(X, both)
    for position, proba in enumerate(outer.predict_proba(X)):
        alone = WeightedClassifier(calibration="prior").fit(X, both[:, position])
        np.testing.assert_allclose(proba, alone.predict_proba(X))


@pytest.mark.parametrize("make", [VotingClassifier, StackingClassifier])
def test_in_an_ensemble(binary, make):
    X, y = binary
    ensemble = make(
        [("ours", WeightedClassifier(calibration="prior")), ("other", GaussianNB())]
    )
    assert ensemble.fit(X, y).score(X, y) > 0.7


def test_score_takes_weights(binary):
    X, y = binary
    classifier = WeightedClassifier(calibration=None).fit(X, y)
    weight = (y == 1).astype(float)
    recall = classifier.score(X[y == 1], y[y == 1])
    assert classifier.score(X, y, sample_weight=weight) == recall
    assert recall != classifier.score(X, y)


# -- what the estimator sees -----------------------------------------------------------


def passed_tables():
    X = np.round(np.random.RandomState(0).normal(size=(40, 3)), 2)
    holes = X.copy()
    holes[::3, 1] = np.nan
    frame = pd.DataFrame(holes, columns=list("abc"), index=np.arange(40)[::-1])
    frame["city"] = pd.Categorical(["x", "y", "z", "y"] * 10)
    frame["name"] = ["ann", "bob"] * 20
    frame["n"] = pd.array([1, None, 3, 4] * 10, dtype="Int64")
    return {
        "array": X,
        "holes": holes,
        "float32": X.astype(np.float32),
        "fortran": np.asfortranarray(X),
        "list": X.tolist(),
        "objects": np.array([["a", 1], ["b", 2]] * 20, dtype=object),
        "strings": np.array([["a"], ["b"]] * 20),
        "pandas": frame,
        "csr": sparse.csr_matrix(X),
        "csc array": sparse.csc_array(X),
        "coo": sparse.coo_matrix(X),
        "one-dimensional": [f"document {i}" for i in range(40)],
        "three-dimensional": np.zeros((40, 2, 2)),
    }


@pytest.mark.parametrize("kind", passed_tables())
@pytest.mark.parametrize("weighting", ["balanced", None])
def test_rows_pass_untouched(kind, weighting):
    X = passed_tables()[kind]
    y = np.array(["no", "no", "no", "yes"] * 10)
    classifier = WeightedClassifier(Spy(), weighting=weighting, calibration=None).fit(
        X, y
    )
    assert classifier.estimator_.fit_[0] is X
    np.testing.assert_array_equal(classifier.estimator_.fit_[1], y)
    classifier.predict_proba(X)
    assert classifier.estimator_.predict_ is X
    classifier.predict(X)
    assert classifier.estimator_.predict_ is X


def test_polars_rows_pass_untouched():
    polars = pytest.importorskip("polars")
    X = polars.DataFrame({"a": [1.0, None, 3.0, 4.0], "b": ["x", "y", "x", "y"]})
    classifier = WeightedClassifier(Spy(), calibration=None).fit(
        X, polars.Series(["n", "n", "n", "y"])
    )
    assert classifier.estimator_.fit_[0] is X
    assert classifier.classes_.tolist() == ["n", "y"]


def test_columns_by_type_and_holes_reach_who_can_take_them():
    X = pd.concat([passed_tables()["pandas"]] * 3)
    y = (X["c"] > 0.5).to_numpy()
    pipe = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(), ["city", "name"]), ("passthrough", ["a", "b"])
        ),
        HistGradientBoostingClassifier(max_iter=2),
    )
    classifier = WeightedClassifier(pipe, calibration="sigmoid", cv=2, random_state=0)
    assert classifier.fit(X, y).predict_proba(X).shape == (120, 2)
    assert classifier.feature_names_in_.tolist() == X.columns.tolist()
    native = HistGradientBoostingClassifier(
        max_iter=2, categorical_features="from_dtype"
    )
    columns = ["a", "b", "city"]
    classifier = WeightedClassifier(
        native, calibration="isotonic", cv=2, random_state=0
    )
    assert classifier.fit(X[columns], y).n_features_in_ == 3


def test_tags_are_those_of_the_estimator():
    for inner in (LogisticRegression(), HistGradientBoostingClassifier(), Spy()):
        ours = WeightedClassifier(inner, calibration=None).__sklearn_tags__()
        theirs = inner.__sklearn_tags__()
        assert ours.input_tags.sparse == theirs.input_tags.sparse
        assert ours.input_tags.allow_nan == theirs.input_tags.allow_nan
        assert ours.estimator_type == "classifier"


LABELS = {
    "strings": np.array(["no", "yes"]),
    "minus one": np.array([-1, 1]),
    "booleans": np.array([False, True]),
    "floats": np.array([0.0, 1.0]),
    "small": np.array([-128, 127], dtype=np.int8),
    "unsigned": np.array([2**63, 2**63 + 2], dtype=np.uint64),
    "large": np.array([-(10**12), 10**12]),
    "objects": np.array(["no", "yes"], dtype=object),
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("calibration", [None, "sigmoid", "prior"])
def test_labels_of_every_type_come_back(binary, kind, calibration):
    X, y = binary
    labels = LABELS[kind][y]
    estimator = GaussianNB()
    classifier = WeightedClassifier(
        estimator,
        weighting=dict(zip(LABELS[kind].tolist(), [1, 4], strict=True)),
        calibration=calibration,
        random_state=0,
    ).fit(X, labels)
    plain = clone(classifier).set_params(weighting={0: 1, 1: 4}).fit(X, y)
    np.testing.assert_array_equal(classifier.classes_, LABELS[kind])
    assert classifier.classes_.dtype == labels.dtype
    predicted = classifier.predict(X)
    if kind != "objects":  # which GaussianNB turns into strings
        assert predicted.dtype == labels.dtype
    np.testing.assert_array_equal(predicted, LABELS[kind][plain.predict(X)])
    np.testing.assert_allclose(classifier.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize(
    "make",
    [
        lambda y: pd.Series(y, index=np.arange(len(y))[::-1]),
        lambda y: pd.Series(np.array(["no", "yes"])[y], dtype="category"),
        lambda y: pd.Series(np.array(["no", "yes"])[y], dtype="string"),
        lambda y: pd.Series(np.array(["no", "yes"])[y]),
        lambda y: pd.Categorical(np.array(["no", "yes"])[y], ["yes", "no", "maybe"]),
        lambda y: pd.Series(y, dtype="Int64"),
        lambda y: pd.Series(y.astype(bool), dtype="boolean"),
        lambda y: y.tolist(),
    ],
)
def test_labels_in_any_container(binary, make):
    X, y = binary
    classifier = WeightedClassifier(calibration="sigmoid", random_state=0)
    proba = classifier.fit(X, make(y)).predict_proba(X)
    np.testing.assert_array_equal(proba, classifier.fit(X, y).predict_proba(X))


# -- what stays as it was --------------------------------------------------------------


@pytest.mark.parametrize("calibration", [None, "isotonic"])
def test_nothing_of_the_caller_changes(binary, calibration):
    X, y = (array.copy() for array in binary)
    weight = np.random.RandomState(0).uniform(0.5, 2, 400)
    kept = X.copy(), y.copy(), weight.copy()
    estimator = LogisticRegression()
    weighting = BalancedWeighting() * ColumnWeighting(0, role="emphasis")
    X[:, 0] = np.abs(X[:, 0])
    kept[0][:, 0] = np.abs(kept[0][:, 0])
    state = global_generator()
    filters, errors = warnings.filters[:], np.geterr()
    classifier = WeightedClassifier(
        estimator, weighting=weighting, calibration=calibration, random_state=0
    )
    params = repr(classifier.get_params())
    classifier.fit(X, y, sample_weight=weight).predict_proba(X)
    for now, before in zip((X, y, weight), kept, strict=True):
        np.testing.assert_array_equal(now, before)
    assert not hasattr(estimator, "coef_")
    assert not hasattr(weighting, "factors_")
    assert repr(classifier.get_params()) == params
    assert warnings.filters[:] == filters
    assert np.geterr() == errors
    assert global_generator() == state


def test_a_fit_without_chance_draws_no_random_number(binary):
    before = global_generator()
    WeightedClassifier(random_state=None, calibration=None).fit(*binary)
    assert global_generator() == before


def test_frozen_inputs(binary):
    X, y = (array.copy() for array in binary)
    weight = np.ones(400)
    for array in (X, y, weight):
        array.flags.writeable = False
    WeightedClassifier(calibration="sigmoid", random_state=0).fit(X, y, weight)


# -- parameters ------------------------------------------------------------------------


def test_parameters_round_trip():
    classifier = WeightedClassifier(
        make_pipeline(StandardScaler(), LogisticRegression(C=3)),
        weighting=BalancedWeighting(0.3),
        stabilizer=5.0,
        calibration=SigmoidCalibrator(ridge=2.0),
        decision=0.4,
        cv=3,
        unsupported="resample",
        normalize=False,
        n_jobs=2,
        random_state=7,
    )
    params = classifier.get_params()
    assert params["estimator__logisticregression__C"] == 3
    assert params["weighting__strength"] == 0.3
    assert params["calibration__ridge"] == 2.0
    again = WeightedClassifier(calibration=None).set_params(
        **classifier.get_params(deep=False)
    )
    assert repr(again.get_params()) == repr(params)
    copy = clone(classifier)
    assert repr(copy.get_params()) == repr(params)
    copy.set_params(weighting__strength=1, calibration__ridge=9)
    assert classifier.weighting.strength == 0.3
    assert classifier.calibration.ridge == 2.0


def test_names_are_reached_into():
    classifier = WeightedClassifier(calibration="sigmoid", stabilizer="clip")
    classifier.set_params(
        weighting__strength=0.5,
        calibration__ridge=1.0,
        stabilizer__limit=4.0,
        estimator__C=9,
    )
    assert classifier.weighting.strength == 0.5
    assert classifier.calibration.ridge == 1.0
    assert classifier.stabilizer.limit == 4.0
    assert classifier.estimator.C == 9
    # Replaced and reached into at once, in either order.
    classifier.set_params(weighting__beta=0.5, weighting="effective_number")
    assert classifier.weighting.beta == 0.5
    classifier.set_params(weighting=["balanced", {0: 1, 1: 2}])
    classifier.set_params(weighting__0__strength=0.1)
    assert isinstance(classifier.weighting, ProductWeighting)
    assert classifier.weighting.factors[0].strength == 0.1
    classifier.set_params(weighting={"a": 1}, weighting__strict=False)
    assert isinstance(classifier.weighting, ClassWeighting)
    with pytest.raises(ValueError, match="Invalid parameter 'strenth'"):
        classifier.set_params(weighting__strenth=1)
    with pytest.raises(ValueError, match="Invalid parameter 'weigthing'"):
        classifier.set_params(weigthing="balanced")


@pytest.mark.parametrize("name", ["weighting", "calibration", "stabilizer"])
def test_none_has_no_parameters(name):
    with pytest.raises(ValueError, match="Invalid parameter"):
        WeightedClassifier(**{name: None}).set_params(**{f"{name}__strength": 1})


@pytest.mark.parametrize("calibration", [None, "sigmoid", "isotonic", "prior"])
def test_pickle_and_joblib(binary, calibration):
    X, y = binary
    classifier = WeightedClassifier(calibration=calibration, random_state=0).fit(X, y)
    file = io.BytesIO()
    joblib.dump(classifier, file)
    file.seek(0)
    for again in (pickle.loads(pickle.dumps(classifier)), joblib.load(file)):
        np.testing.assert_array_equal(again.predict(X), classifier.predict(X))
        np.testing.assert_array_equal(
            again.predict_proba(X), classifier.predict_proba(X)
        )
        assert again.report_ == classifier.report_


def test_clones_read_no_signature_again():
    """A search clones each candidate; a constructor has twenty parameters."""
    clf = WeightedClassifier(weighting=BalancedWeighting())
    clone(clf)
    read = inspect.Signature.from_callable
    with mock.patch.object(inspect.Signature, "from_callable", wraps=read) as counted:
        copied = clone(clf)
        copied.get_params()
        assert counted.call_count == 0
    for deep in (False, True):
        expected = BaseEstimator.get_params(copied, deep)
        assert list(copied.get_params(deep)) == list(expected)
    assert clone(copied.set_params(weighting__strength=0.5)).weighting.strength == 0.5


@pytest.mark.parametrize(
    ("part", "is_default"),
    [
        (AutoCalibrator(), True),
        (BalancedWeighting(), True),
        (clone(BalancedWeighting()), True),
        (BalancedWeighting(0.5), False),
        (LogisticRegression(), True),
    ],
    ids=str,
)
def test_the_text_of_a_report_needs_no_printer_for_default_parameters(part, is_default):
    """The printer of scikit-learn took a fiftieth of a small fit."""
    expected = repr(part)
    with mock.patch.object(
        BaseEstimator, "__repr__", autospec=True, side_effect=BaseEstimator.__repr__
    ) as counted:
        assert text_of(part) == expected
    assert counted.call_count == (not is_default)
    with config_context(print_changed_only=False):
        assert text_of(part) == repr(part)


def test_text_and_html(binary):
    X, y = binary
    classifier = WeightedClassifier(
        make_pipeline(StandardScaler(), LogisticRegression(C=0.5)),
        calibration="sigmoid",
        random_state=0,
    )
    assert repr(classifier).startswith("WeightedClassifier(calibration='sigmoid'")
    for fitted in (False, True):
        if fitted:
            classifier.fit(X, y)
        html = classifier._repr_html_()
        assert "WeightedClassifier" in html
        assert "StandardScaler" in html
    # Without a decision there is no threshold, and that must not break the page.
    assert (
        "fitted" in WeightedClassifier(calibration=None).fit(X, y)._repr_html_().lower()
    )


def test_names_and_numbers_of_features(binary):
    X, y = binary
    frame = pd.DataFrame(X, columns=list("abcde"))
    classifier = WeightedClassifier(
        weighting=FunctionWeighting(lambda X, y: 1 + X["a"].abs()), calibration=None
    ).fit(frame, y)
    assert classifier.feature_names_in_.tolist() == list("abcde")
    assert classifier.n_features_in_ == 5
    assert not hasattr(
        WeightedClassifier(calibration=None).fit(X, y), "feature_names_in_"
    )
    with pytest.raises(ValueError, match="feature names"):
        classifier.predict(frame[["a", "b"]])


def test_methods_are_those_of_the_estimator(binary):
    X, y = binary
    logistic, margin = (
        WeightedClassifier(calibration=None),
        WeightedClassifier(LinearSVC(), calibration=None),
    )
    for fitted in (False, True):
        if fitted:
            logistic.fit(X, y)
            margin.fit(X, y)
        assert hasattr(logistic, "predict_proba")
        assert hasattr(logistic, "decision_function")
        assert not hasattr(margin, "predict_proba")
        assert not hasattr(margin, "predict_log_proba")
        assert hasattr(margin, "decision_function")
    calibrated = WeightedClassifier(LinearSVC(), calibration="sigmoid", random_state=0)
    assert hasattr(calibrated, "predict_proba")
    assert not hasattr(calibrated, "decision_function")
    calibrated.fit(X, y)
    np.testing.assert_allclose(
        calibrated.predict_log_proba(X), np.log(calibrated.predict_proba(X))
    )
    np.testing.assert_array_equal(
        logistic.predict_log_proba(X), logistic.estimator_.predict_log_proba(X)
    )


def test_before_the_fit():
    for method in (
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
    ):
        with pytest.raises(NotFittedError):
            getattr(WeightedClassifier(calibration=None), method)([[1.0]])
    with pytest.raises(NotFittedError):
        _ = WeightedClassifier(calibration=None).threshold_


# -- what it refuses -------------------------------------------------------------------

X_SMALL, Y_SMALL = np.arange(8.0)[:, None], np.array([0, 0, 0, 0, 0, 0, 1, 1])


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        (None, r"WeightedClassifier requires y to be passed, but the target y is None"),
        (
            np.ones((8, 2)),
            r"Wrap the WeightedClassifier in sklearn.multioutput.MultiOut",
        ),
        (X_SMALL[:, 0] / 3, r"Unknown label type: continuous"),
        ([0, 1, np.nan, 1, 0, 0, 0, 0], r"y has no label in 1 of 8 rows"),
        (["a", None] * 4, r"y has no label in 4 of 8 rows"),
        (Y_SMALL[:-1], r"inconsistent numbers of samples|must describe the same rows"),
        ([], r"WeightedClassifier needs at least one row; got an empty y"),
    ],
)
def test_labels_that_cannot_be_used(y, sentence):
    with pytest.raises(ValueError, match=sentence):
        WeightedClassifier(calibration=None).fit(X_SMALL, y)


@pytest.mark.parametrize(
    ("weight", "sentence"),
    [
        (
            np.ones(7),
            r"sample_weight must have one weight per row: expected 8 weights, ",
        ),
        (-np.ones(8), r"sample_weight is negative in 8 of 8 rows"),
        (np.full(8, np.nan), r"sample_weight contains NaN or infinity in 8 of 8 rows"),
        (np.full(8, np.inf), r"sample_weight contains NaN or infinity in 8 of 8 rows"),
        (np.zeros(8), r"sample_weight: every weight is zero, so no row would be used"),
        (np.ones((8, 1)), r"sample_weight must be 1-dimensional"),
        (["1"] * 8, r"sample_weight must be one number per row"),
        ("balanced", r"sample_weight must be one number per row"),
        (2.0, r"sample_weight must be 1-dimensional"),
    ],
)
@pytest.mark.parametrize("weighting", ["balanced", None])
def test_weights_that_cannot_be_used(weighting, weight, sentence):
    with pytest.raises(ValueError, match=sentence):
        WeightedClassifier(weighting=weighting, calibration=None).fit(
            X_SMALL, Y_SMALL, weight
        )


@pytest.mark.parametrize(
    ("params", "error", "sentence"),
    [
        (
            {"estimator": LinearRegression()},
            TypeError,
            r"wraps classifiers; LinearRegre",
        ),
        ({"weighting": "balancd"}, ValueError, r"Did you mean 'balanced'\?"),
        ({"calibration": "sigmod"}, ValueError, r"Did you mean 'sigmoid'\?"),
        ({"calibration": "platt"}, ValueError, r"Did you mean 'sigmoid'\?"),
        (
            {"calibration": SigmoidCalibrator},
            TypeError,
            r"instance: SigmoidCalibrator\(",
        ),
        ({"calibration": object()}, TypeError, r"which lacks fit and predict_proba\."),
        ({"decision": "agmax"}, ValueError, r"Did you mean 'argmax'\?"),
        ({"unsupported": "ignore"}, ValueError, r"'subsample'\]; got"),
        ({"stabilizer": "clp"}, ValueError, r"Did you mean 'clip'\?"),
        ({"weighting": {0: 1}}, ValueError, r"it lacks \[1\]"),
        (
            {"weighting": lambda X, y: y - 1},
            ValueError,
            r"weight of FunctionWeighting is",
        ),
        (
            {"estimator": KNeighborsClassifier(2)},
            UnsupportedWeightsError,
            r"KNeighbors",
        ),
    ],
)
def test_parameters_that_cannot_be_used(params, error, sentence):
    classifier = WeightedClassifier(**{"calibration": None, **params})
    # Only fit may complain.
    with pytest.raises(error, match=sentence):
        classifier.fit(X_SMALL, Y_SMALL)


@pytest.mark.parametrize("kind", ["polars", "dask"])
def test_tables_that_are_not_in_memory(kind):
    if kind == "polars":
        polars = pytest.importorskip("polars")
        X = polars.LazyFrame({"a": [1.0] * 8})
    else:
        # A dask table does not know how many rows it has.
        X = type(
            "DataFrame", (), {"__module__": "dask.dataframe", "shape": (None, 1)}
        )()
    with pytest.raises(TypeError, match=r"\.collect\(\) first|\.compute\(\) first"):
        WeightedClassifier(weighting=None, calibration=None).fit(X, Y_SMALL)


def test_a_threshold_needs_probabilities():
    with pytest.raises(TypeError, match="predict_proba"):
        WeightedClassifier(LinearSVC(), decision=0.3, calibration=None).fit(
            X_SMALL, Y_SMALL
        )


def test_balancing_twice_is_reported(binary):
    sentence = (
        r"\(class_weight='balanced'\), and weighting='balanced' .*weighting=None\."
    )
    inner = LogisticRegression(class_weight="balanced")
    with pytest.warns(DoubleCountingWarning, match=sentence):
        WeightedClassifier(inner, calibration=None).fit(*binary)
    WeightedClassifier(inner, weighting=None, calibration=None).fit(
        *binary
    )  # no warning: an error here
    WeightedClassifier(inner, weighting=None, calibration=None).fit(
        *binary, sample_weight=np.ones(400)
    )


def test_a_stabilizer_bounds_the_emphasis(binary):
    X, y = binary
    ours = WeightedClassifier(
        Spy(), weighting={0: 1, 1: 1000}, stabilizer=2.0, calibration=None
    )
    weight = ours.fit(X, y).estimator_.fit_[2]
    assert weight.max() <= 2 + 1e-9
    assert weight.mean() == pytest.approx(1)


def test_a_million_rows_cost_two_vectors():
    # A lookup of labels that sorts, or weights in a loop, would take many seconds.
    import time
    import tracemalloc

    n = 10**6
    X = np.zeros((n, 1))
    y = (np.arange(n) % 50 == 0).astype(np.int64)
    tracemalloc.start()
    start = time.process_time()
    classifier = WeightedClassifier(Spy(), calibration=None).fit(X, y)
    seconds = time.process_time() - start
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert classifier.report_.training_share == pytest.approx([0.5, 0.5])
    assert peak < 6 * 8 * n
    assert seconds < 5


def test_a_class_that_resampling_never_drew_keeps_its_column():
    rng = np.random.RandomState(0)
    X, y = rng.randn(90, 2), np.arange(90) % 3
    ours = WeightedClassifier(
        KNeighborsClassifier(),
        weighting=None,
        unsupported="resample",
        random_state=0,
        calibration=None,
    ).fit(X, y, sample_weight=(y != 1).astype(float))
    proba = ours.predict_proba(X)
    assert proba.shape == (90, 3)
    assert (proba[:, 1] == 0).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1)
