"""Arguments of fit: which are rows of X, which never are, and offsets of scores."""

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skweight import ColumnWeighting, WeightedClassifier
from skweight import pipeline as ours

N_ROWS = 120
SEEN = []


class Spy(ClassifierMixin, BaseEstimator):
    """Writes down the further arguments of its fit."""

    def fit(self, X, y, sample_weight=None, **arguments):
        SEEN.append((np.shape(X), arguments))
        self.inner_ = LogisticRegression().fit(X, y, sample_weight)
        self.classes_ = self.inner_.classes_
        return self

    def predict(self, X):
        return self.inner_.predict(X)

    def predict_proba(self, X):
        return self.inner_.predict_proba(X)


class NamedSpy(Spy):
    """A step is given what is among the arguments of its fit."""

    def fit(self, X, y, sample_weight=None, X_val=None, eval_set=None):
        return super().fit(X, y, sample_weight, X_val=X_val, eval_set=eval_set)


@pytest.fixture(autouse=True)
def _forget():
    SEEN.clear()


def rows(seed=0, n=N_ROWS):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, (X[:, 0] + 0.5 * rng.normal(size=n) > 0.5).astype(int)


VALIDATION = [
    "X_val",
    "y_val",
    "sample_weight_val",
    "eval_set",
    "eval_X",
    "eval_y",
    "eval_sample_weight",
    "sample_weight_eval_set",
    "base_margin_eval_set",
    "validation_data",
    "callbacks",
]
FITS = {
    "folds": {"calibration": "sigmoid", "cv": 3},
    "in processes": {"calibration": "sigmoid", "cv": 3, "n_jobs": 2},
    "hold-out": {"calibration": "sigmoid", "cv": "holdout"},
    "one fit": {"calibration": None},
    "over-sampled": {"calibration": None, "resampler": "random_over"},
    "SMOTE": {"calibration": "sigmoid", "cv": 3, "resampler": "smote"},
}


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("how", [how for how in FITS if how != "in processes"])
@pytest.mark.parametrize("name", VALIDATION)
def test_validation_rows_are_never_cut_nor_repeated(name, how):
    X, y = rows()
    value = [object() for _ in range(N_ROWS)] if name == "callbacks" else rows(1)[0]
    clf = WeightedClassifier(Spy(), random_state=0, **FITS[how])
    clf.fit(X, y, **{name: value})
    assert SEEN
    for _, arguments in SEEN:
        assert arguments[name] is value


@pytest.mark.parametrize("name", ["X_val", "eval_set"])
def test_nor_behind_the_name_of_a_step(name):
    X, y = rows()
    V = rows(1)[0]
    clf = WeightedClassifier(
        make_pipeline(FunctionTransformer(), NamedSpy()), calibration="sigmoid", cv=3
    )
    clf.fit(X, y, **{f"namedspy__{name}": V})
    assert [len(arguments[name]) for _, arguments in SEEN] == [N_ROWS] * 4
    SEEN.clear()
    pipe = ours.make_pipeline(SMOTE(random_state=0), NamedSpy())
    pipe.fit(X, y, **{f"namedspy__{name}": V})
    assert SEEN[0][1][name] is V


@pytest.mark.parametrize(
    "contain", [np.asarray, list, pd.Series, lambda v: v.reshape(-1, 1)]
)
def test_everything_else_follows_the_rule_of_length(contain):
    X, y = rows()
    value = contain(np.arange(N_ROWS))
    clf = WeightedClassifier(Spy(), calibration="sigmoid", cv=3, random_state=0)
    clf.fit(X, y, margin=value, other=np.arange(7))
    for shape, arguments in SEEN:
        assert len(arguments["margin"]) == shape[0]
        assert len(arguments["other"]) == 7


# -- hidden columns are hidden from validation rows ------------------------------------

CONTAINERS = {
    "array": np.asarray,
    "frame": lambda X: pd.DataFrame(X, columns=list("abw")),
    "sparse": sparse.csr_matrix,
    "list": lambda X: X.tolist(),
}
TABLES = {
    "X_val": lambda V, v: V,
    "eval_X": lambda V, v: [V, V],
    "eval_set": lambda V, v: [(V, v), (V, v)],
    "validation_data": lambda V, v: (V, v, np.ones(len(v))),
}


def widths(value):
    if hasattr(value, "shape"):
        return {value.shape[1]} if len(value.shape) == 2 else set()
    return (
        set().union(*map(widths, value)) if isinstance(value, list | tuple) else set()
    )


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("n", [N_ROWS, 50])
def test_hidden_columns_leave_validation_rows_too(container, name, n):
    (X, y), (V, v) = rows(), rows(1, n)
    X[:, 2], V[:, 2] = 1.0, 2.0
    column = "w" if container == "frame" else 2
    contain = CONTAINERS[container]
    given = contain(V)
    clf = WeightedClassifier(
        Spy(), weighting=ColumnWeighting(column), calibration="sigmoid", cv=3
    )
    clf.fit(contain(X), y, **{name: TABLES[name](given, v)})
    for shape, arguments in SEEN:
        assert shape[1] == 2
        assert widths(arguments[name]) == {2}
    assert_array_equal(np.shape(given), (n, 3))  # the caller's table is as it was


def test_validation_rows_that_never_had_the_column_pass():
    (X, y), (V, _) = rows(), rows(1)
    X[:, 2] = 1.0
    clf = WeightedClassifier(Spy(), weighting=ColumnWeighting(2), calibration=None)
    clf.fit(X, y, X_val=V[:, :2])
    assert_array_equal(SEEN[0][1]["X_val"], V[:, :2])


def test_a_pool_of_catboost_cannot_lose_a_column_and_says_so():
    catboost = pytest.importorskip("catboost", reason="catboost: NOT TESTED")
    X, y = rows()
    X[:, 2] = 1.0
    clf = WeightedClassifier(Spy(), weighting=ColumnWeighting(2), calibration=None)
    with pytest.raises(
        TypeError, match=r"eval_set must be a pair \(X, y\).*got a Pool"
    ):
        clf.fit(X, y, eval_set=catboost.Pool(X, y))


# -- offsets ---------------------------------------------------------------------------


def offset_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(800, 2))
    offset = 3 * rng.normal(size=800)
    y = (rng.random(800) < 1 / (1 + np.exp(-offset - X[:, 0]))).astype(int)
    return X, y, offset


def boosted(**parameters):
    xgboost = pytest.importorskip("xgboost", reason="xgboost: NOT TESTED")
    return xgboost.XGBClassifier(
        n_estimators=15, max_depth=2, n_jobs=1, base_score=0.5, **parameters
    )


@pytest.mark.parametrize("calibration", [None, "prior", "sigmoid", "isotonic", "auto"])
@pytest.mark.parametrize("ensemble", [True, False])
def test_an_offset_reaches_scores_and_predictions(calibration, ensemble):
    X, y, offset = offset_rows()
    clf = WeightedClassifier(
        boosted(),
        weighting=None,
        calibration=calibration,
        ensemble=ensemble,
        cv=3,
        random_state=0,
    ).fit(X, y, base_margin=offset)
    proba = clf.predict_proba(X, base_margin=offset)
    truth = 1 / (1 + np.exp(-offset - X[:, 0]))
    assert np.corrcoef(proba[:, 1], truth)[0, 1] > 0.97
    if clf.calibrator_ is None:
        direct = clf.estimator_.predict_proba(X, base_margin=offset)
        assert_allclose(proba, direct)
    labels = clf.predict(X, base_margin=offset)
    assert_array_equal(labels, (proba[:, 1] >= 0.5).astype(int))
    assert_allclose(clf.predict_log_proba(X, base_margin=offset), np.log(proba))


def test_an_offset_that_is_missing_at_prediction_is_asked_for():
    X, y, offset = offset_rows()
    clf = WeightedClassifier(boosted(), calibration="sigmoid", cv=3)
    clf.fit(X, y, base_margin=offset)
    for method in (clf.predict_proba, clf.predict, clf.predict_log_proba):
        with pytest.raises(ValueError, match=r"base_margin=\.\.\. to this method"):
            method(X)
    plain = WeightedClassifier(boosted(), calibration="sigmoid", cv=3).fit(X, y)
    with pytest.raises(TypeError, match="base_margin"):
        plain.predict_proba(X, base_margin=offset)


def test_an_offset_goes_through_a_pipeline():
    X, y, offset = offset_rows()
    pipe = make_pipeline(FunctionTransformer(), boosted())
    clf = WeightedClassifier(pipe, calibration="sigmoid", cv=3, random_state=0)
    clf.fit(X, y, xgbclassifier__base_margin=offset)
    alone = WeightedClassifier(boosted(), calibration="sigmoid", cv=3, random_state=0)
    alone.fit(X, y, base_margin=offset)
    assert_allclose(
        clf.predict_proba(X, base_margin=offset),
        alone.predict_proba(X, base_margin=offset),
    )


@pytest.mark.parametrize("name", ["init_score", "baseline", "step__init_score"])
@pytest.mark.parametrize("calibration", [None, "prior", "sigmoid"])
def test_offsets_that_no_prediction_takes_are_refused(name, calibration):
    X, y = rows()
    clf = WeightedClassifier(Spy(), calibration=calibration)
    with pytest.raises(ValueError, match=f"{name} is an offset for each row"):
        clf.fit(X, y, **{name: np.zeros(N_ROWS)})
    assert SEEN == []
