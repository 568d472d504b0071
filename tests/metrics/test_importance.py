"""Scores for a target population: right in expectation, and they choose for it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss, make_scorer, mean_squared_error
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.preprocessing import StandardScaler

from skweight import (
    BalancedWeighting,
    ColumnWeighting,
    DensityRatioWeighting,
    LabelShiftWeighting,
    WeightedClassifier,
    WeightedRegressor,
)
from skweight.datasets import make_covariate_shift
from skweight.density_ratio import KernelLogisticRatio
from skweight.metrics import importance_weighted_scorer


class TrueRatio:
    """The ratio that nobody knows outside of a test."""

    def __init__(self, ratio):
        self.ratio = ratio


def expected_log_loss(model, X, proba):
    p = model.predict_proba(X)[:, 1]
    return -np.mean(proba * np.log(p) + (1 - proba) * np.log(1 - p))


def test_with_the_true_ratio_the_score_is_that_of_the_target():
    data = make_covariate_shift(50_000, 50_000, n_features=2, random_state=0)
    model = LogisticRegression().fit(data.X_source[:500], data.y_source[:500])
    scorer = importance_weighted_scorer("neg_log_loss", TrueRatio(data.ratio))
    rows = slice(500, None)
    estimated = -scorer(model, data.X_source[rows], data.y_source[rows])
    p = model.predict_proba(data.X_target)
    losses = -np.log(p[np.arange(50_000), data.y_target])
    plain = log_loss(data.y_source[rows], model.predict_proba(data.X_source[rows]))
    error = 4 * losses.std() / np.sqrt(5_000)
    assert abs(estimated - losses.mean()) < error < abs(plain - losses.mean())


def test_it_chooses_another_and_better_model_than_plain_cross_validation():
    """How much to flatten the weights of a linear model where the truth is bent."""
    gains, choices = [], []
    for seed in range(8):
        data = make_covariate_shift(600, 600, n_features=3, random_state=seed)
        X, y = data.X_source, data.y_source
        shift = DensityRatioWeighting(
            data.X_target,
            estimator=KernelLogisticRatio(n_centers=0),
            random_state=0,
        )
        scorings = {
            "plain": "neg_log_loss",
            "weighted": importance_weighted_scorer("neg_log_loss", clone(shift).fit(X)),
        }
        loss, chosen = {}, {}
        for name, scoring in scorings.items():
            search = GridSearchCV(
                WeightedClassifier(
                    LogisticRegression(), weighting=shift, calibration=None
                ),
                {"weighting__exponent": [0.0, 0.5, 1.0]},
                scoring=scoring,
                cv=3,
            ).fit(X, y)
            chosen[name] = search.best_params_["weighting__exponent"]
            loss[name] = expected_log_loss(search, data.X_target, data.proba_target)
        choices.append((chosen["plain"], chosen["weighted"]))
        gains.append(loss["plain"] - loss["weighted"])
    gains = np.array(gains)
    different = np.mean([plain != weighted for plain, weighted in choices])
    assert different > 0.8
    assert gains.mean() > 4 * gains.std(ddof=1) / np.sqrt(8)
    assert gains.mean() > 0.03


def bent(rng, n=300):
    X = rng.normal(size=(n, 1))
    return X, X[:, 0] ** 2 + 0.1 * rng.normal(size=n)


def test_the_weights_are_those_of_the_strategy_times_sample_weight(rng):
    X, y = bent(rng)
    model = LinearRegression().fit(X, y)
    shift = DensityRatioWeighting(X + 1, estimator="logistic", random_state=0).fit(X)
    own = rng.uniform(size=300)
    scorer = importance_weighted_scorer("neg_mean_squared_error", shift)
    weights = shift.weigh(X)
    errors = (y - model.predict(X)) ** 2
    assert_allclose(scorer(model, X, y), -np.average(errors, weights=weights))
    expected = -np.average(errors, weights=weights * own)
    assert_allclose(scorer(model, X, y, sample_weight=own), expected)
    callable_scorer = make_scorer(mean_squared_error, greater_is_better=False)
    scorer = importance_weighted_scorer(callable_scorer, shift)
    assert_allclose(scorer(model, X, y, own), expected)
    # A density ratio has another scale, which no mean notices.
    ratio = KernelLogisticRatio(random_state=0).fit(X, X + 1)
    scorer = importance_weighted_scorer("neg_mean_squared_error", ratio)
    assert_allclose(scorer(model, X, y), -np.average(errors, weights=ratio.ratio(X)))


def test_without_a_strategy_that_of_the_model_weighs_but_not_its_emphasis(rng):
    data = make_covariate_shift(400, 400, n_features=2, random_state=0)
    X, y = data.X_source, data.y_source
    shift = DensityRatioWeighting(data.X_target, estimator="logistic", random_state=0)
    model = WeightedClassifier(
        LogisticRegression(), weighting=[shift, BalancedWeighting()], calibration=None
    ).fit(X, y)
    scorer = importance_weighted_scorer("neg_log_loss")
    weights = clone(shift).fit(X, y).weigh(X)
    expected = -log_loss(y, model.predict_proba(X), sample_weight=weights)
    assert_allclose(scorer(model, X, y), expected)
    with pytest.raises(ValueError, match="no attribute weighting_"):
        scorer(LogisticRegression().fit(X, y), X, y)
    with pytest.raises(ValueError, match="strategy of population weights"):
        scorer(WeightedClassifier(calibration=None).fit(X, y), X, y)


def test_strategies_that_look_at_labels_get_them(rng):
    X = rng.normal(size=(300, 1)) + np.repeat([0, 1], 150)[:, np.newaxis]
    y = np.repeat([0, 1], 150)
    shift = LabelShiftWeighting(X[100:], LogisticRegression(), method="em").fit(X, y)
    model = LogisticRegression().fit(X, y)
    expected = -log_loss(y, model.predict_proba(X), sample_weight=shift.weigh(X, y))
    scorer = importance_weighted_scorer("neg_log_loss", shift)
    assert_allclose(scorer(model, X, y), expected)


def test_it_works_inside_a_search_with_regressors_and_with_routing(rng):
    X, y = bent(rng)
    shift = DensityRatioWeighting(X + 1, estimator="logistic", random_state=0)
    scorer = importance_weighted_scorer("neg_mean_squared_error", clone(shift).fit(X))
    search = GridSearchCV(
        WeightedRegressor(LinearRegression(), weighting=shift),
        {"weighting": [None, shift]},
        scoring=scorer,
        n_jobs=2,
        cv=3,
    ).fit(X, y)
    assert search.best_params_["weighting"] is not None
    scorer.set_score_request(sample_weight=True)
    with config_context(enable_metadata_routing=True):
        scores = cross_val_score(
            LinearRegression().set_fit_request(sample_weight=False),
            X,
            y,
            scoring=scorer,
            params={"sample_weight": np.ones(300)},
        )
    assert np.isfinite(scores).all()


def test_what_cannot_weigh_is_named(rng):
    X, y = bent(rng, 50)
    with pytest.raises(NotFittedError, match="with all training rows"):
        importance_weighted_scorer("r2", DensityRatioWeighting(X))
    with pytest.raises(TypeError, match="method weigh or ratio"):
        importance_weighted_scorer("r2", StandardScaler().fit(X))
    with pytest.raises(ValueError, match="strategy of population weights"):
        importance_weighted_scorer("accuracy", BalancedWeighting().fit(X, y > 1))
    scorer = importance_weighted_scorer("r2", TrueRatio(lambda X: np.zeros(len(X))))
    with pytest.raises(ValueError, match="positive total weight"):
        scorer(LinearRegression().fit(X, y), X, y)
    fitted = ColumnWeighting(0, role="population").fit(np.abs(X), y)
    assert "importance_weighted_scorer('r2', ColumnWeighting" in repr(
        importance_weighted_scorer("r2", fitted)
    )
