"""Entropy balancing: moments of the target, exactly, or a reason why not."""

import re

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, LogisticRegression

from skweight import WeightedClassifier, WeightedRegressor
from skweight.weighting import EntropyBalancingWeighting


def means(X, weights):
    return np.average(np.asarray(X, dtype=float), axis=0, weights=weights)


def mixed(rng, n, age, women, regions):
    return pd.DataFrame(
        {
            "age": rng.normal(age, 10, n),
            "sex": rng.choice(["f", "m"], n, p=[women, 1 - women]),
            "region": rng.choice(list("abc"), n, p=regions),
        }
    )


def shares(frame, weights=None):
    weights = np.ones(len(frame)) if weights is None else weights
    joint = pd.Series(weights).groupby([frame["sex"], frame["region"]]).sum()
    return joint / joint.sum()


def test_three_atoms_have_the_weights_that_the_quadratic_equation_gives():
    X = [[0.0], [1.0], [2.0]]
    weights = EntropyBalancingWeighting(moments={0: 1.5}).fit_weigh(X, None)
    assert_allclose(weights, [0.34861218, 0.80277564, 1.84861218], atol=1e-8)
    assert_allclose(weights[1] ** 2, weights[0] * weights[2], rtol=1e-12)
    assert_allclose(weights[2] / weights[1], (1 + np.sqrt(13)) / 2, rtol=1e-12)


# What older versions of the solver say when a step ends outside its bounds.
@pytest.mark.filterwarnings("ignore:Values in x were outside bounds")
def test_a_general_solver_finds_the_same_weights(rng):
    X, target = rng.normal(size=(60, 2)), np.array([0.3, -0.2])
    base = rng.uniform(0.5, 2, 60)
    base /= base.sum()
    weights = EntropyBalancingWeighting(moments=dict(enumerate(target))).fit_weigh(
        X, None, base * 60
    )
    actual = minimize(
        lambda w: np.sum(w * np.log(w / base)),
        base,
        jac=lambda w: np.log(w / base) + 1,
        bounds=[(1e-12, 1)] * 60,
        constraints=[
            {"type": "eq", "fun": lambda w: w.sum() - 1},
            {"type": "eq", "fun": lambda w: w @ X - target},
        ],
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert_allclose(weights * base, actual.x, atol=1e-5)


@pytest.mark.parametrize(
    "options", [{}, {"degree": 2}, {"degree": 3, "interactions": True}]
)
def test_moments_are_those_of_the_target_to_1e_8(rng, options):
    X = rng.normal(size=(2000, 3)) @ np.array([[1, 0.5, 0], [0, 1, 0], [0, 0, 3.0]])
    X_target = rng.normal(0.3, 1.1, size=(1500, 3)) * [1, 1, 3]
    of_target, of_source = rng.uniform(0, 2, 1500), rng.uniform(0, 2, 2000)
    weighting = EntropyBalancingWeighting(
        X_target, sample_weight_target=of_target, **options
    )
    weights = of_source * weighting.fit_weigh(X, None, of_source)

    def moments(X, weights):
        powers = [X**p for p in range(1, options.get("degree", 1) + 1)]
        if options.get("interactions"):
            powers.append(X * np.roll(X, 1, axis=1))
        return means(np.column_stack(powers), weights)

    scale = np.std(X) ** options.get("degree", 1)
    assert_allclose(
        moments(X, weights) / scale, moments(X_target, of_target) / scale, atol=1e-8
    )
    assert weighting.gap_ < 1e-10
    for moment in weighting.moments_:
        assert_allclose(moment.weighted, moment.target, atol=1e-8)
    effective = weights.sum() ** 2 / (weights @ weights)
    assert_allclose(weighting.effective_sample_size_, effective)


def test_shares_of_categories_and_of_their_pairs_are_met(rng):
    X = mixed(rng, 1000, 40, 0.5, [0.3, 0.3, 0.4])
    X_target = mixed(rng, 500, 44, 0.2, [0.5, 0.3, 0.2])
    weights = EntropyBalancingWeighting(X_target).fit_weigh(X, None)
    actual, wanted = shares(X, weights), shares(X_target)
    for level in ("sex", "region"):
        assert_allclose(
            actual.groupby(level=level).sum(), wanted.groupby(level=level).sum()
        )
    assert np.abs(actual - wanted).max() > 1e-3
    joint = EntropyBalancingWeighting(X_target, interactions=True).fit(X, None)
    assert_allclose(shares(X, joint.weigh(X)), wanted, atol=1e-9)


def test_columns_that_the_target_lacks_are_not_balanced(rng):
    X = mixed(rng, 300, 40, 0.5, [0.3, 0.3, 0.4])
    target = mixed(rng, 300, 45, 0.2, [0.5, 0.3, 0.2])[["age"]]
    weighting = EntropyBalancingWeighting(target).fit(X, None)
    assert [moment.name for moment in weighting.moments_] == ["age"]


def test_rows_whose_moments_never_vary_weigh_the_same():
    weights = EntropyBalancingWeighting(moments={0: 2}).fit_weigh([[2.0]] * 5, None)
    assert_allclose(weights, 1)


def test_powers_that_are_given_are_plain_means_of_powers(rng):
    X = rng.normal(size=(500, 1))
    weights = EntropyBalancingWeighting(moments={0: [0.3, 1.2]}).fit_weigh(X, None)
    assert_allclose(means(np.column_stack([X, X**2]), weights), [0.3, 1.2])


def test_a_value_that_the_target_never_shows_weighs_nothing(rng):
    X = pd.DataFrame({"kind": list("aabbccc")})
    weighting = EntropyBalancingWeighting(pd.DataFrame({"kind": ["a", "b", "b"]}))
    weights = weighting.fit_weigh(X, None)
    assert_allclose(weights, np.array([1 / 6, 1 / 6, 1 / 3, 1 / 3, 0, 0, 0]) * 7)
    new = pd.DataFrame({"kind": ["c", "new", "b"]})
    assert_allclose(weighting.weigh(new), [0, 0, 7 / 3])


def test_a_target_at_the_end_of_the_range_keeps_the_rows_that_are_there():
    X = np.array([[0.0, 1], [0, 3], [1, 1], [1, 2]])
    weights = EntropyBalancingWeighting(moments={0: 0, 1: 1.5}).fit_weigh(X, None)
    assert_allclose(weights, [3, 1, 0, 0])


def test_new_rows_are_weighed_by_the_same_exponential(rng):
    X, X_target = rng.normal(size=(400, 2)), rng.normal(0.5, 1, size=(300, 2))
    weighting = EntropyBalancingWeighting(X_target).fit(X, None)
    assert_allclose(weighting.weigh(X[:50]), weighting.fit_weigh(X, None)[:50])
    middle = (X[0] + X[1]) / 2
    assert_allclose(
        weighting.weigh(middle[np.newaxis]) ** 2,
        np.prod(weighting.weigh(X[:2])),
        rtol=1e-9,
    )


def test_a_ridge_trades_the_gap_for_effective_rows(rng):
    X, X_target = rng.normal(size=(300, 2)), rng.normal(1.5, 1, size=(300, 2))
    fitted = [
        EntropyBalancingWeighting(X_target, ridge=ridge).fit(X, None)
        for ridge in (0, 0.01, 0.1, 1)
    ]
    gaps = [model.gap_ for model in fitted]
    rows = [model.effective_sample_size_ for model in fitted]
    assert gaps == sorted(gaps)
    assert gaps[0] < 1e-10
    assert gaps[-1] > 0.1
    assert rows == sorted(rows)
    # At the minimum the gap is the ridge times the multipliers.
    assert_allclose(gaps[1], 0.01 * np.abs(fitted[1].coef_).max(), rtol=1e-6)


def test_lists_give_what_arrays_give(rng):
    X, X_target = rng.normal(size=(40, 2)), rng.normal(0.2, 1, size=(30, 2))
    expected = EntropyBalancingWeighting(X_target).fit_weigh(X, None)
    weights = EntropyBalancingWeighting(X_target.tolist()).fit_weigh(X.tolist(), None)
    assert_allclose(weights, expected)


def test_rows_that_do_not_count_may_hold_anything():
    X = pd.DataFrame({"a": [0.0, 1, 2, np.nan], "b": ["u", "v", "u", "w"]})
    weighting = EntropyBalancingWeighting(moments={"a": 1.2, "b": {"u": 0.6, "v": 0.4}})
    weights = weighting.fit_weigh(X, None, [1, 1, 1, 0])
    assert_allclose(weights[:3] @ X["a"][:3] / 3, 1.2)


@pytest.mark.parametrize(
    ("X", "moments", "words"),
    [
        (
            [[0.0], [1], [2]],
            {0: 2.5},
            "column 0.*standard deviations above the value of every",
        ),
        ([[0.0], [1], [2]], {0: -1}, "standard deviations below the value of every"),
        ([[1.0], [1], [1]], {0: 2}, r"column 0 has the same value in every.*by \+1\."),
        ([[0.0], [1], [2]], {0: [1, 3]}, "No weights"),
        ([[0.0, 1], [1, 2]], {0: 0.5, 1: 1.5}, "2 moments.*2 training rows"),
        ([[0.0], [np.nan], [2]], {0: 1}, "NaN or infinite in 1 of 3 rows.*Impute"),
        ([["a"], ["b"]], {0: 1}, "not numbers.*Pass shares"),
        ([["a"], ["b"]], {0: {"a": 0.5}}, "must sum to 1; they sum to 0.5"),
        ([["a"], ["b"]], {0: {"a": 1.0}}, r"values \['b'\], but the target shares"),
        ([["a"], ["b"]], {0: {"a": -1, "b": 2}}, "must be a number, 0 or more"),
        ([["a"], ["a"]], {0: {"a": 0.5, "b": 0.5}}, "column 0='b' has the same value"),
        ([[0.0]], {1: 0}, "needs the column 1, which X does not have"),
    ],
)
def test_bad_moments_are_refused_with_the_reason(X, moments, words):
    X = np.array(X, dtype=object if isinstance(X[0][0], str) else float)
    with pytest.raises(ValueError, match=words):
        EntropyBalancingWeighting(moments=moments).fit(X, None)


def test_rounded_shares_are_scaled_to_sum_one():
    X = pd.DataFrame({"letter": list("xyzxyzxx")})
    rounded = {"x": 0.3333333, "y": 0.3333333, "z": 0.3333333}
    weighting = EntropyBalancingWeighting(moments={"letter": rounded}).fit(X, None)
    targets = [moment.target for moment in weighting.moments_]
    assert_allclose(targets, 1 / 3, rtol=1e-14)


def test_a_target_out_of_reach_jointly_is_told_with_gap_and_culprit(rng):
    # Each mean is within its range, and the pair is not: x + y is at most 1.
    X = rng.dirichlet([1, 1, 1], size=200)[:, :2]
    with pytest.raises(ValueError, match=r"too low \(distance over") as caught:
        EntropyBalancingWeighting(moments={0: 0.7, 1: 0.7}).fit(X, None)
    gap = float(re.search(r"is still ([\d.]+) standard", str(caught.value))[1])
    # The closest point of the hull, in standard deviations of the columns.
    z, goal = X / X.std(axis=0), 0.7 / X.std(axis=0)
    w = np.full(200, 1 / 200)
    for step in range(20_000):  # Frank and Wolfe
        away = w @ z - goal
        w *= 1 - 2 / (step + 2)
        w[np.argmin(z @ away)] += 2 / (step + 2)
    assert_allclose(gap, np.abs(w @ z - goal).max(), rtol=0.05)
    assert "ridge=0.01" in str(caught.value)
    eased = EntropyBalancingWeighting(moments={0: 0.7, 1: 0.7}, ridge=0.01).fit(X, None)
    assert eased.gap_ < 1.1 * gap


def test_parameters_that_contradict_each_other_are_refused(rng):
    X = rng.normal(size=(20, 2))
    for options, words in (
        ({}, "rows of the target population or its moments"),
        ({"X_target": X, "moments": {0: 1}}, "not both"),
        ({"moments": {0: 0.1}, "degree": 2}, "degree and interactions choose"),
        ({"X_target": X, "degree": 1.5}, "whole number"),
        ({"X_target": X, "ridge": -1}, "ridge must be a number"),
        ({"X_target": X[:, :1]}, "must have the 2 columns of X; got 1"),
        ({"X_target": pd.DataFrame({"c": [1]})}, "must have the 2 columns of X"),
    ):
        with pytest.raises(ValueError, match=words):
            EntropyBalancingWeighting(**options).fit(X, None)
    with pytest.raises(ValueError, match=r"columns \['c'\], but X has only"):
        EntropyBalancingWeighting(pd.DataFrame({"c": [1]})).fit(
            pd.DataFrame(X, columns=["a", "b"]), None
        )
    with pytest.raises(TypeError, match="sparse matrices"):
        EntropyBalancingWeighting(X).fit(sparse.csr_matrix(X), None)
    with pytest.raises(ValueError, match="contains times"):
        EntropyBalancingWeighting(
            pd.DataFrame({"t": pd.to_datetime(["2024-01-01"])})
        ).fit(pd.DataFrame({"t": pd.to_datetime(["2024-01-01", "2024-02-01"])}), None)


def test_rows_of_the_target_are_never_printed_and_never_copied():
    X_target = np.full((50, 2), 123.456)
    weighting = EntropyBalancingWeighting(X_target, sample_weight_target=np.ones(50))
    for shown in (repr(weighting), repr(clone(weighting))):
        assert "123.4" not in shown
        assert "<50 x 2 table>" in shown
    assert clone(weighting).X_target is X_target


def test_classifiers_and_regressors_stand_for_the_target(rng):
    X = rng.normal(size=(2000, 1))
    X_target = rng.normal(1, 0.5, size=(2000, 1))
    weighting = EntropyBalancingWeighting(X_target, degree=2)
    line = WeightedRegressor(LinearRegression(), weighting=weighting)
    line.fit(X, X[:, 0] ** 2)
    # The best line where x is normal with mean 1 has the slope of the parabola there.
    assert_allclose(line.estimator_.coef_, [2], atol=0.15)
    y = (rng.uniform(size=2000) < 1 / (1 + np.exp(-X[:, 0]))).astype(int)
    clf = WeightedClassifier(
        LogisticRegression(), weighting=weighting, calibration=None
    ).fit(X, y)
    assert clf.report_.effective_sample_size < 1500
