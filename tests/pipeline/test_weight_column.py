"""Weights as a column, in Pipelines of scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import (
    BalancedWeighting,
    ColumnWeighting,
    PriorWeighting,
    WeightedClassifier,
)
from skweight.pipeline import WeightColumn


@pytest.fixture
def rows(rng):
    y = (np.arange(60) % 4 == 0).astype(int)
    return rng.normal(size=(60, 3)) + y[:, np.newaxis], y


def test_the_classifier_at_the_end_is_weighted_and_calibrated_by_role(rows):
    X, y = rows
    column = WeightColumn("balanced")
    last = WeightedClassifier(
        GaussianNB(), weighting=column.consumer(), calibration="prior"
    )
    pipe = make_pipeline(StandardScaler(), column, last).fit(X, y)
    alone = clone(last).set_params(weighting="balanced")
    Z = StandardScaler().fit_transform(X)
    assert_allclose(pipe.predict_proba(X), alone.fit(Z, y).predict_proba(Z))
    assert_allclose(pipe[-1].class_multiplier_, alone.class_multiplier_)
    assert pipe[-1].n_features_in_ == 3


def test_weights_count_in_training_alone(rows):
    X, y = rows
    column = WeightColumn("balanced")
    fitted = column.fit_transform(X, y)
    assert_allclose(fitted[:, -1], BalancedWeighting().fit_weigh(X, y))
    assert_array_equal(column.transform(X)[:, -1], np.ones(60))
    assert_array_equal(column.transform(X)[:, :-1], X)


def test_the_consumer_has_the_role_of_the_strategy(rows):
    X, y = rows
    prior = WeightColumn(PriorWeighting({0: 0.5, 1: 0.5}))
    assert prior.consumer().role == "population"
    assert WeightColumn({0: 1, 1: 2}).consumer().role == "emphasis"
    assert prior.fit(X, y).role_ == "population"
    with pytest.raises(ValueError, match="both roles"):
        WeightColumn([PriorWeighting({0: 0.5, 1: 0.5}), "balanced"]).fit(X, y)
    with pytest.raises(TypeError, match="weighting=None"):
        WeightColumn(None).fit(X, y)


@pytest.mark.parametrize("kind", ["pandas", "polars", "csr", "csc", "float32", "text"])
def test_rows_stay_what_they_are(rows, kind):
    X, y = rows
    if kind == "pandas":
        X = pd.DataFrame(X, columns=[*"abc"]).assign(kind=pd.Categorical(["x"] * 60))
    elif kind == "polars":
        X = pytest.importorskip("polars").DataFrame({"a": X[:, 0], "b": ["x"] * 60})
    elif kind == "text":
        X = np.array([["x", "y"]] * 60)
    elif kind == "float32":
        X = X.astype(np.float32)
    else:
        X = sparse.csr_matrix(X).asformat(kind)
    column = WeightColumn()
    out = column.fit_transform(X, y)
    assert out.shape == (60, X.shape[1] + 1)
    assert type(out).__module__ == type(X).__module__
    if kind in ("pandas", "polars"):
        assert [*column.get_feature_names_out(list(X.columns))] == [*out.columns]
        assert list(out.columns)[-1] == "weight"
        with pytest.raises(ValueError, match="already has a column 'weight'"):
            WeightColumn().fit_transform(out, y)
    if kind == "pandas":
        assert out["kind"].dtype == X["kind"].dtype
    if kind == "text":
        assert out[0, 0] == "x"
        assert isinstance(out[0, -1], float)
    if kind == "float32":
        assert out.dtype == np.float32


def test_a_column_that_held_weights_is_replaced_by_the_new_one(rows):
    X, y = rows
    frame = pd.DataFrame(X, columns=[*"abc"]).assign(households=1 + y)
    column = WeightColumn(ColumnWeighting("households"))
    assert [*column.fit_transform(frame, y).columns] == [*"abc", "weight"]
    assert [*column.transform(frame[[*"abc", "households"]]).columns] == [
        *"abc",
        "weight",
    ]
    assert [*column.get_feature_names_out()] == [*"abc", "weight"]


def test_it_is_searched_and_set_to_make_frames(rows):
    X, y = rows
    column = WeightColumn(BalancedWeighting())
    last = WeightedClassifier(
        LogisticRegression(), weighting=column.consumer(), calibration=None
    )
    pipe = make_pipeline(StandardScaler(), column, last).set_output(transform="pandas")
    grid = {"weightcolumn__weighting__strength": [0.0, 1.0]}
    search = GridSearchCV(pipe, grid, cv=2, scoring="balanced_accuracy").fit(X, y)
    assert search.best_params_["weightcolumn__weighting__strength"] == 1.0
    assert search.predict(X).shape == (60,)


def test_population_weights_count_rows_for_it(rows):
    X, y = rows
    times = 1 + np.arange(60) % 3
    weights = WeightColumn().fit_transform(X, y, times)[:, -1]
    assert_allclose(weights, BalancedWeighting().fit_weigh(X, y, times))
