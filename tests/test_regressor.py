"""`WeightedRegressor`: the weights of a strategy reach the fit of a regressor."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import (
    BalancedWeighting,
    ColumnWeighting,
    DensityRatioWeighting,
    FunctionWeighting,
    WeightedRegressor,
)
from skweight.density_ratio import KernelLogisticRatio
from skweight.exceptions import DegenerateWeightsWarning, UnsupportedWeightsError


def problem(rng, n=200):
    """Return rows, and values that no straight line follows."""
    X = rng.normal(size=(n, 2))
    return X, X[:, 0] ** 2 + 0.1 * rng.normal(size=n)


def heavier_to_the_right(X, y):
    return np.exp(np.asarray(X)[:, 0])


@pytest.mark.parametrize("weights_in", ["sample_weight", "function", "column"])
def test_weights_are_those_of_a_fit_by_hand(rng, weights_in):
    X, y = problem(rng)
    weights = heavier_to_the_right(X, y)
    by_hand = LinearRegression().fit(X, y, weights)
    table, sample_weight, weighting = X, None, None
    if weights_in == "sample_weight":
        sample_weight = weights
    elif weights_in == "function":
        weighting = FunctionWeighting(heavier_to_the_right)
    else:
        table, weighting = np.column_stack([X, weights]), ColumnWeighting(2)
    model = WeightedRegressor(LinearRegression(), weighting=weighting)
    model.fit(table, y, sample_weight)
    assert_allclose(model.predict(X), by_hand.predict(X))
    assert_allclose(model.predict(table), by_hand.predict(X))


def test_without_weights_it_is_the_estimator(rng):
    X, y = problem(rng)
    for estimator in (
        Ridge(),
        make_pipeline(StandardScaler(), Ridge()),
        HistGradientBoostingRegressor(max_iter=5, random_state=0),
    ):
        model = WeightedRegressor(estimator).fit(X, y)
        assert_allclose(model.predict(X), clone(estimator).fit(X, y).predict(X))
    assert isinstance(WeightedRegressor().fit(X, y).estimator_, LinearRegression)


def test_the_scale_of_weights_counts_only_where_asked(rng):
    X, y = problem(rng, 30)
    twos = np.full(30, 2.0)
    free = WeightedRegressor(Ridge(5.0)).fit(X, y, twos)
    assert_allclose(free.estimator_.coef_, Ridge(5.0).fit(X, y).coef_)
    exact = WeightedRegressor(Ridge(5.0), normalize=False).fit(X, y, twos)
    twice = Ridge(5.0).fit(np.tile(X, (2, 1)), np.tile(y, 2))
    assert_allclose(exact.estimator_.coef_, twice.coef_)


def test_weights_of_the_target_reach_the_steps_of_a_pipeline_and_the_last(rng):
    X, y = problem(rng)
    shift = DensityRatioWeighting(
        X + np.array([1.0, 0.0]), estimator="logistic", random_state=0
    )
    model = WeightedRegressor(
        make_pipeline(StandardScaler(), Ridge()), weighting=shift
    ).fit(X, y)
    weights = clone(shift).fit_weigh(X, None)
    scaler = StandardScaler().fit(X, sample_weight=weights)
    assert_allclose(model.estimator_[0].mean_, scaler.mean_)
    by_hand = Ridge().fit(scaler.transform(X), y, weights)
    assert_allclose(model.estimator_[1].coef_, by_hand.coef_, rtol=1e-6)


def test_emphasis_reaches_the_last_step_alone(rng):
    X, y = problem(rng)
    model = WeightedRegressor(
        make_pipeline(StandardScaler(), Ridge()),
        weighting=FunctionWeighting(heavier_to_the_right),
    ).fit(X, y)
    assert_allclose(model.estimator_[0].mean_, X.mean(axis=0))


def test_a_search_reaches_the_strategy_and_the_estimator(rng):
    X, y = problem(rng)
    shift = DensityRatioWeighting(
        X + np.array([1.0, 0.0]),
        estimator=KernelLogisticRatio(n_centers=0),
        random_state=0,
    )
    search = GridSearchCV(
        WeightedRegressor(Ridge(), weighting=shift),
        {"weighting__exponent": [0.0, 1.0], "estimator__alpha": [0.1, 10.0]},
        n_jobs=2,
        cv=3,
    ).fit(X, y)
    assert set(search.best_params_) == {"weighting__exponent", "estimator__alpha"}
    assert search.best_estimator_.weighting.X_target is not None
    assert search.best_estimator_.weighting_.X_target is None  # no row is kept


def test_metadata_reach_whoever_asks(rng):
    X, y = problem(rng)
    shift = DensityRatioWeighting(estimator="logistic", random_state=0)
    model = WeightedRegressor(LinearRegression(), weighting=shift)
    expected = clone(model).fit(X, y, X_target=X + 1).predict(X)
    with config_context(enable_metadata_routing=True):
        routed = clone(model)
        routed.weighting.set_fit_request(X_target=True)
        assert_allclose(routed.fit(X, y, X_target=X + 1).predict(X), expected)


def test_stabilizers_keep_the_weights_sane(rng):
    X, y = problem(rng)
    weighting = FunctionWeighting(lambda X, y: np.exp(4 * X[:, 0]), role="population")
    with pytest.warns(DegenerateWeightsWarning, match=r"size of .* rows is 1"):
        raw = WeightedRegressor(weighting=weighting).fit(X, y).report_
    calm = WeightedRegressor(weighting=weighting, stabilizer=5.0).fit(X, y).report_
    assert raw.largest_share > 6 / 200 > 5.001 / 200 > calm.largest_share
    assert calm.effective_sample_size > raw.effective_sample_size


def test_the_report_counts_rows_and_names_the_way(rng):
    X, y = problem(rng, 100)
    weights = np.r_[np.zeros(10), np.ones(90)]
    report = WeightedRegressor(Ridge()).fit(X, y, weights).report_
    assert (report.n_rows, report.n_left_out) == (100, 10)
    assert report.effective_sample_size == pytest.approx(90)
    assert report.to_dict()["deliveries"][0]["way"] == "sample_weight"
    assert "10 of them left out" in repr(report)
    assert "<table>" in report._repr_html_()


def test_several_outputs_and_values_of_any_kind(rng):
    X, y = problem(rng)
    both = np.column_stack([y, -y])
    shift = DensityRatioWeighting(X + 0.5, estimator="logistic", random_state=0)
    model = WeightedRegressor(LinearRegression(), weighting=shift).fit(X, both)
    assert model.predict(X).shape == (200, 2)
    assert_allclose(model.predict(X)[:, 1], -model.predict(X)[:, 0])


def test_what_cannot_be_is_said(rng):
    X, y = problem(rng, 30)
    with pytest.raises(TypeError, match="Use WeightedClassifier"):
        WeightedRegressor(LogisticRegression()).fit(X, y)
    with pytest.raises(ValueError, match="sample_weight is negative"):
        WeightedRegressor().fit(X, y, np.full(30, -1.0))
    with pytest.raises(UnsupportedWeightsError):
        WeightedRegressor(KNeighborsRegressor()).fit(X, y, np.arange(30.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        drawn = WeightedRegressor(
            KNeighborsRegressor(1), unsupported="resample", random_state=0
        ).fit(X, y, np.r_[np.zeros(15), np.ones(15)])
    assert np.isin(drawn.predict(X), y[15:]).all()
    with pytest.raises(ValueError, match="y"):
        WeightedRegressor(weighting=BalancedWeighting()).fit(X, y)
