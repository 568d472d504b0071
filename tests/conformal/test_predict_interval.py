"""Intervals of a regressor that cover: by hand, under shift, and what is refused."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import KFold, cross_val_predict

from skweight import ColumnWeighting, FunctionWeighting, WeightedRegressor
from skweight.exceptions import CalibrationWarning
from skweight.weighting import EntropyBalancingWeighting


def draw(rng, n, mean=0.0):
    """Rows whose values scatter more where x is large."""
    X = rng.normal(mean, 1, size=(n, 1))
    return X, X[:, 0] + np.exp(0.5 * X[:, 0]) * rng.normal(size=n)


def coverage_of(ends, y):
    return ((ends[:, 0] <= y) & (y <= ends[:, 1])).mean()


def true_ratio(X, y):
    return np.exp(X[:, 0] - 0.5)


def test_a_split_by_hand(rng):
    (X, y), weight = draw(rng, 60), rng.uniform(0.5, 2, 60)
    train, test = np.arange(40), np.arange(40, 60)
    reg = WeightedRegressor(conformal="split", cv=[(train, test)]).fit(X, y, weight)
    model = LinearRegression().fit(X[train], y[train], weight[train])
    residuals = np.abs(y[test] - model.predict(X[test]))
    order = np.argsort(residuals)
    mass = np.cumsum(weight[test][order])
    for row, new in ((0, 0.5), (1, 1.0), (2, 3.0)):
        target = 0.8 * (mass[-1] + new)
        half = residuals[order][np.flatnonzero(mass >= target)[0]]
        ends = reg.predict_interval(X[[row]], 0.8, sample_weight=[new])
        value = model.predict(X[[row]])[0]
        assert_allclose(ends, [[value - half, value + half]])
    assert reg.report_.n_fits == 1
    assert reg.report_.conformal["n_rows"] == 20
    assert "split, on 20 held-out rows" in str(reg.report_)


def test_folds_by_hand(rng):
    X, y = draw(rng, 100)
    reg = WeightedRegressor(Ridge(), conformal="cross", cv=KFold(4)).fit(X, y)
    residuals = np.sort(np.abs(y - cross_val_predict(Ridge(), X, y, cv=KFold(4))))
    half = residuals[int(np.ceil(0.9 * 101)) - 1]
    value = Ridge().fit(X, y).predict(X)
    assert_allclose(reg.predict(X), value)
    ends = np.column_stack([value - half, value + half])
    assert_allclose(reg.predict_interval(X), ends)
    assert reg.report_.n_fits == 5
    assert "approximation" in reg.report_.conformal["models"]
    assert_allclose(reg.set_params(n_jobs=2).fit(X, y).predict_interval(X), ends)


@pytest.mark.parametrize("conformal", ["split", "cross"])
def test_intervals_cover_the_target_of_the_weights(rng, conformal):
    (X, y), (X_new, y_new) = draw(rng, 5000), draw(rng, 5000, 1.0)
    covered = {}
    for name, weighting in (
        ("none", None),
        ("true", FunctionWeighting(true_ratio, role="population")),
        ("moments", EntropyBalancingWeighting(X_new)),
    ):
        reg = WeightedRegressor(
            weighting=weighting, conformal=conformal, random_state=0
        ).fit(X, y)
        covered[name] = coverage_of(reg.predict_interval(X_new), y_new)
    assert covered["none"] < 0.85
    assert abs(covered["true"] - 0.9) < 0.04
    assert abs(covered["moments"] - 0.9) < 0.04


def test_rows_of_weight_zero_are_as_if_absent_and_a_scale_changes_nothing(rng):
    (X, y), weight = draw(rng, 100), rng.integers(0, 3, 100).astype(float)
    counts = weight > 0
    reg = WeightedRegressor(conformal="cross", random_state=0)
    ones = np.ones(100)
    ends = reg.fit(X, y, weight).predict_interval(X, sample_weight=ones)
    again = reg.fit(X, y, 7 * weight).predict_interval(X, sample_weight=7 * ones)
    assert_allclose(again, ends)
    reg.fit(X[counts], y[counts], weight[counts])
    assert_allclose(reg.predict_interval(X, sample_weight=ones), ends)
    pairs = [(np.arange(60), np.arange(60, 100))]
    reg.set_params(cv=pairs, conformal="split").fit(X, y, weight)
    assert reg.report_.conformal["n_rows"] == counts[60:].sum()
    kept = [(np.arange(counts[:60].sum()), np.arange(counts[:60].sum(), counts.sum()))]
    ends = reg.predict_interval(X, sample_weight=ones)
    reg.set_params(cv=kept).fit(X[counts], y[counts], weight[counts])
    assert_allclose(reg.predict_interval(X, sample_weight=ones), ends)


def test_groups_stay_together(rng):
    X, y = draw(rng, 100)
    groups = np.arange(100) // 5
    collected = []

    class Watching(LinearRegression):
        def fit(self, X, y, sample_weight=None):
            collected.append(
                np.unique(groups[np.isin(rows, X[:, 0])], return_counts=True)
            )
            return super().fit(X, y, sample_weight)

    rows = X[:, 0]
    for conformal in ("split", "cross"):
        WeightedRegressor(Watching(), conformal=conformal).fit(X, y, groups=groups)
    assert len(collected) == 1 + 6
    for _, counts in collected:
        assert_array_equal(counts, 5)


def test_too_few_rows_make_infinite_intervals_and_say_so(rng):
    X, y = draw(rng, 20)
    reg = WeightedRegressor(conformal="cross").fit(X, y)
    assert np.isfinite(reg.predict_interval(X, 0.95)).all()
    with pytest.warns(CalibrationWarning, match="a coverage of at most about 0.9524"):
        assert np.isinf(reg.predict_interval(X, 0.96)).all()


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"conformal": "plus"}, "conformal must be 'split'"),
        ({"conformal": "split", "cv": 3}, "cv makes 3 pairs"),
        ({"conformal": "cross", "cv": 1}, "cv must be"),
    ],
)
def test_bad_parameters_are_refused(rng, params, words):
    X, y = draw(rng, 30)
    with pytest.raises(ValueError, match=words):
        WeightedRegressor(**params).fit(X, y)


def test_what_cannot_be_done_is_refused(rng):
    X, y = draw(rng, 30)
    reg = WeightedRegressor()
    assert not hasattr(reg.fit(X, y), "predict_interval")
    reg.set_params(conformal="cross")
    with pytest.raises(ValueError, match="one value for each row"):
        reg.fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match=r"at least 2 rows with .*got 1"):
        reg.fit(X, y, (np.arange(30) == 0).astype(float))
    reg.fit(X, y, np.ones(30))
    with pytest.raises(ValueError, match="Pass sample_weight= for the new rows"):
        reg.predict_interval(X)
    both = np.column_stack([X, np.arange(30) + 1.0])
    reg.set_params(weighting=ColumnWeighting(-1)).fit(both, y)
    assert reg.predict_interval(both).shape == (30, 2)
