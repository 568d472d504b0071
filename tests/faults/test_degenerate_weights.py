"""Weights that leave few rows, ratios that are none, frequencies without a signal."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from skweight import LabelShiftWeighting, WeightedClassifier, WeightedRegressor
from skweight._utils.concentration import find_concentration
from skweight.density_ratio import ClassifierRatio, KernelLogisticRatio
from skweight.exceptions import DegenerateWeightsWarning, OverlapWarning
from skweight.weights import (
    effective_sample_size,
    pareto_diagnostics,
    pareto_smooth,
)


def rows(n=600, n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    y = np.digitize(X[:, 0] + rng.normal(size=n), [0.5, 1.5][: n_classes - 1])
    return X, y


def fit(X, y, weights, **params):
    params = {"weighting": None, "calibration": None, "random_state": 0} | params
    return WeightedClassifier(LogisticRegression(), **params).fit(
        X, y, sample_weight=weights
    )


# -- the rule --------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("params", [{}, {"weighting": "balanced"}], ids=str)
def test_one_row_that_carries_all_warns_once(n_classes, params):
    X, y = rows(n_classes=n_classes)
    weights = np.ones(600)
    weights[7] = 1e6
    with pytest.warns(DegenerateWeightsWarning, match="effective") as caught:
        fit(X, y, weights, **params)
    assert len(caught) == 1
    assert "population" in str(caught[0].message)
    assert "stabilizer=" in str(caught[0].message)


def test_each_class_is_judged_by_its_own_rows():
    X, y = rows()
    rare = np.flatnonzero(y == 1)
    weights = np.where(y == 1, 1e-3, 1.0)
    weights[rare[:3]] = 1.0
    with pytest.warns(DegenerateWeightsWarning, match="of class 1"):
        fit(X, y, weights)


def test_factors_of_a_class_move_nothing():
    X, y = rows()
    rng = np.random.default_rng(0)
    for harmless in (np.ones(600), rng.exponential(size=600)):
        for factor in (1, 1e3, 1e6, 1e-6):
            assert find_concentration(harmless * np.where(y == 1, factor, 1), y) is None
    fit(X, y, np.where(y == 1, 500.0, 1.0))  # pytest: a warning is an error


def test_small_classes_are_known_by_their_number_of_rows():
    codes = np.repeat([0, 1], [500, 9])
    weights = np.r_[np.ones(500), np.ones(8), 30.0]
    assert find_concentration(weights, codes) is None
    # ... unless one of their rows is above half of everything.
    weights[-1] = 600.0
    assert find_concentration(weights, codes).largest > 0.5
    assert find_concentration(np.array([1.0] * 8 + [100.0])) is None
    assert find_concentration(np.array([1.0] * 9 + [100.0])) is not None


def test_limits_of_the_rule():
    def with_effective(n, effective):
        weights = np.full(n, 1e-9)
        weights[:effective] = 1.0
        return weights

    assert find_concentration(with_effective(1000, 49)).effective < 50
    assert find_concentration(with_effective(1000, 51)) is None
    assert find_concentration(with_effective(400, 41)) is None  # above 10 %
    assert find_concentration(with_effective(420, 41)) is not None
    zeros = np.r_[with_effective(1000, 49), np.zeros(50)]
    assert find_concentration(zeros) == find_concentration(zeros[:1000])


def test_emphasis_is_judged_apart_and_a_regression_as_a_whole():
    X, y = rows()
    weights = np.ones(600)
    weights[-1] = 1e6

    def heavy(X, y):
        return weights

    with pytest.warns(DegenerateWeightsWarning, match="the emphasis weights"):
        fit(X, y, None, weighting=heavy)
    with pytest.warns(DegenerateWeightsWarning, match="size of 600 rows is 1.0"):
        WeightedRegressor(LinearRegression()).fit(X, X[:, 0], sample_weight=weights)


@pytest.mark.parametrize("n", [30, 100, 1000])
def test_harmless_weights_are_seldom_called_unreliable(n):
    rng = np.random.default_rng(n)
    draws = [
        draw(size=n)
        for _ in range(200)
        for draw in (rng.exponential, lambda size: rng.lognormal(0, 0.5, size))
    ]
    bad = [
        pareto_diagnostics(w).verdict in ("unreliable", "infinite mean") for w in draws
    ]
    assert np.mean(bad) <= 0.05
    codes = np.arange(n) % 3 // 2
    assert np.mean([find_concentration(w, codes) is not None for w in draws]) <= 0.05
    heavy = [rng.random(n) ** -3.0 for _ in range(50)]
    assert np.mean([find_concentration(w) is not None for w in heavy]) > 0.7


@pytest.mark.parametrize("giant", [1e3, 1e10, 1e100, 1e300])
def test_the_smoothed_size_is_that_of_the_smoothed_weights(giant):
    weights = 1 + np.random.default_rng(1).random(1000)
    weights[3] = giant
    figures = pareto_diagnostics(weights)
    true = effective_sample_size(pareto_smooth(weights))
    assert_allclose(figures.n_effective_smoothed, true, rtol=1e-9)


# -- ratios and frequencies ------------------------------------------------------------


@pytest.mark.parametrize("n", [100, 400])
def test_a_mean_ratio_far_above_one_warns(n):
    rng = np.random.default_rng(0)
    S, T = rng.normal(size=(n, 2)), rng.normal(0.5, 1, size=(n, 2))
    sharp = ClassifierRatio(
        DecisionTreeClassifier(random_state=0), calibration=None, random_state=0
    )
    with pytest.warns(DegenerateWeightsWarning, match="should be 1, but is"):
        sharp.fit(S, T)
    KernelLogisticRatio(random_state=0).fit(S, T)  # pytest: a warning is an error


def shifted(n, prior, separation, seed):
    rng = np.random.default_rng(seed)
    y = rng.choice(len(prior), n, p=prior)
    return rng.normal(separation * y[:, None], size=(n, 2)), y


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("method", ["em", "bbse"])
@pytest.mark.parametrize("prior", [(0.5, 0.5), (0.9, 0.1), (0.4, 0.3, 0.3)])
@pytest.mark.parametrize("n", [200, 2000])
def test_frequencies_without_a_signal_warn(method, prior, n):
    warned = 0
    for seed in range(5):
        X, y = shifted(n, prior, 0, seed)
        T, _ = shifted(n, prior, 0, seed + 10)
        weighting = LabelShiftWeighting(T, method=method, random_state=0)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            weighting.fit(X, y)
        assert (OverlapWarning in [w.category for w in caught]) == (
            weighting.target_prior_error_.max() > 0.2
        )
        warned += weighting.target_prior_error_.max() > 0.2
    assert warned >= 4


@pytest.mark.parametrize("method", ["em", "bbse"])
def test_errors_of_frequencies_are_those_of_draws(method):
    gaps, errors = [], []
    for seed in range(12):
        X, y = shifted(600, (0.5, 0.5), 1, seed)
        T, _ = shifted(600, (0.8, 0.2), 1, seed + 100)
        weighting = LabelShiftWeighting(T, method=method, random_state=0).fit(X, y)
        gaps.append(weighting.target_prior_[1] - 0.2)
        errors.append(weighting.target_prior_error_[1])
    assert 0.5 < np.sqrt(np.mean(np.square(gaps))) / np.mean(errors) < 2


@pytest.mark.filterwarnings("ignore::skweight.exceptions.OverlapWarning")
def test_two_classes_that_look_alike_are_named_also_where_they_are_used():
    X, y = shifted(1500, (0.5, 0.5), 2, 0)
    twins = np.where((y == 1) & (np.arange(1500) % 2 == 0), 2, y)
    T, _ = shifted(1500, (0.3, 0.7), 2, 1)
    weighting = LabelShiftWeighting(T, method="bbse", random_state=0).fit(X, twins)
    assert weighting.target_prior_error_[0] < 0.1
    assert weighting.target_prior_error_[1:].min() > 0.2
    clf = WeightedClassifier(calibration="sigmoid", random_state=0).fit(X, twins)
    with pytest.warns(OverlapWarning, match="class [12]"):
        clf.set_prevalence(weighting)


# -- any finite weight -----------------------------------------------------------------

N = 120
EXTREME = {
    "large": np.linspace(1, 2, N) * 1e300,
    "largest": np.full(N, 1.7e308),
    "small": np.linspace(1, 2, N) * 1e-300,
    "smallest": np.full(N, 5e-324),
    "mixed": np.where(np.arange(N) % 2, 1e300, 1e-300),
    "one large": np.r_[1.7e308, np.ones(N - 1)],
    "one small": np.r_[np.ones(N - 1), 5e-324],
}


@pytest.mark.in_turn(3)
@pytest.mark.filterwarnings("ignore::skweight.exceptions.DegenerateWeightsWarning")
@pytest.mark.filterwarnings("ignore::skweight.exceptions.CalibrationWarning")
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("calibration", [None, "prior", "sigmoid", "isotonic"])
@pytest.mark.parametrize("name", EXTREME)
def test_numpy_says_nothing_of_any_finite_weight(name, calibration, normalize):
    X, y = rows(N)
    params = {"weighting": "balanced", "calibration": calibration, "cv": 3}
    clf = WeightedClassifier(
        GaussianNB(), normalize=normalize, random_state=0, ensemble=False, **params
    )
    proba = clf.fit(X, y, sample_weight=EXTREME[name]).predict_proba(X)
    assert np.isfinite(proba).all()
    assert np.isfinite(clf.report_.effective_sample_size)


@pytest.mark.in_turn(2)
@pytest.mark.filterwarnings("ignore::skweight.exceptions.DegenerateWeightsWarning")
@pytest.mark.parametrize("stabilizer", ["clip", "pareto", "temper", 5])
@pytest.mark.parametrize("name", EXTREME)
def test_numpy_says_nothing_of_a_stabilizer_either(name, stabilizer):
    X, y = rows(N)
    clf = WeightedClassifier(GaussianNB(), stabilizer=stabilizer, calibration=None)
    clf.fit(X, y, sample_weight=EXTREME[name])
    assert np.isfinite(clf.report_.effective_sample_size)
