"""Whether the closed-form inversion can be trusted, told without a fit."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array
from scipy.special import expit
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight.calibration._trust import (
    MOST_FEATURES,
    judge_inversion,
    judge_linear_model,
    scores_without_each_row,
)
from skweight.datasets import make_imbalanced

# Rows, prevalence, features, share that no line can see, spread of the log odds: enough
# rows of the rare class, too few of them for the features, and skewed features.
ENOUGH = [
    (1500, 0.1, 5, 0.0, 2.0),
    (3000, 0.05, 10, 0.0, 2.0),
    (4000, 0.1, 20, 0.3, 2.0),
    (6000, 0.05, 8, 0.5, 2.0),
    (6000, 0.03, 6, 0.0, 3.0),
    (2000, 0.2, 15, 0.5, 2.0),
    (5000, 0.08, 30, 0.0, 2.0),
    (8000, 0.05, 10, 0.8, 1.5),
    (3000, 0.15, 10, 0.2, 3.0),
    (4000, 0.2, 10, 0.0, 1.0),
    (10_000, 0.03, 12, 0.3, 2.0),
    (12_000, 0.02, 5, 0.0, 2.0),
]
TOO_FEW = [
    (600, 0.05, 40, 0.0, 3.0),
    (800, 0.03, 40, 0.4, 3.0),
    (400, 0.1, 50, 0.2, 3.0),
    (1000, 0.02, 30, 0.4, 2.0),
    (500, 0.05, 60, 0.5, 2.0),
    (1500, 0.02, 60, 0.3, 3.0),
]
SKEWED = [
    (4000, 0.05, 6, 0.0, 3.0),
    (6000, 0.03, 6, 0.0, 4.0),
    (3000, 0.1, 5, 0.0, 4.0),
    (8000, 0.02, 4, 0.0, 3.0),
    (5000, 0.04, 10, 0.5, 4.0),
    (4000, 0.05, 8, 0.6, 5.0),
]


def problem(shape, seed, skewed=False, n_new=20_000):
    """Return rows, labels, multiplier, weights, new rows and their true chances."""
    n, prevalence, n_features, nonlinearity, class_sep = shape
    data = make_imbalanced(
        n + n_new,
        n_features=n_features,
        prevalence=prevalence,
        nonlinearity=nonlinearity,
        class_sep=class_sep,
        random_state=seed,
    )
    X = np.exp(data.X) if skewed else data.X
    y = data.y[:n]
    multiplier = n / (2 * np.bincount(y))
    return X[:n], y, multiplier, multiplier[y], X[n:], data.proba[n:, 1]


def test_a_score_without_a_row_is_that_of_a_model_fitted_without_it():
    X, y, _, weight, *_ = problem((300, 0.2, 4, 0.0, 2.0), 0)
    model = LogisticRegression(C=2.0, tol=1e-10).fit(X, y, weight)
    scores = model.decision_function(X)
    actual = scores_without_each_row(X, y, weight, scores, 1 / 2.0)
    for i in range(0, 300, 15):
        rest = np.arange(300) != i
        again = LogisticRegression(C=2.0, tol=1e-10).fit(X[rest], y[rest], weight[rest])
        exact = again.decision_function(X[i : i + 1])[0]
        # Most of the step is there: what is left is of second order.
        assert abs(actual[i] - exact) < 0.1 * abs(scores[i] - exact) + 1e-4
    assert_allclose(
        scores_without_each_row(csr_array(X), y, weight, scores, 0.5), actual
    )


def test_the_chance_follows_from_mean_and_frequency():
    """No score differs: the ratio is that of two numbers, the error of a count."""
    codes = np.repeat([0, 1], [900, 100])
    scores = np.full(1000, np.log(0.13 / 0.87) + np.log(9))
    ratio, error, chance, trusted = judge_inversion(scores, codes, None, [1, 9])
    assert ratio == pytest.approx(1.3)
    assert error == pytest.approx(np.sqrt(0.9 / 100))
    draws = np.log(1.3) + error * np.random.default_rng(0).normal(size=1_000_000)
    assert chance == pytest.approx((np.abs(draws) > np.log(1.25)).mean(), abs=2e-3)
    assert not trusted
    right = judge_inversion(np.full(1000, np.log(1.0)), codes, None, [1, 9])
    assert right.ratio == pytest.approx(1)
    assert right.trusted
    # The other class is the rare one, and weights in another unit.
    turned = judge_inversion(-scores, 1 - codes, np.full(1000, 7.0), [9, 1])
    assert_allclose(turned, (ratio, error, chance, trusted))


def test_rows_of_weight_zero_are_as_if_absent():
    rng = np.random.default_rng(0)
    scores, codes = rng.normal(size=200), rng.integers(2, size=200)
    weight = rng.exponential(size=200) * (rng.random(200) < 0.7)
    keep = weight > 0
    assert_allclose(
        judge_inversion(scores, codes, weight, [1, 2]),
        judge_inversion(scores[keep], codes[keep], weight[keep], [1, 2]),
    )


def test_without_a_row_of_a_class_nothing_is_known():
    assert not judge_inversion(np.zeros(9), np.zeros(9, int), None, [1, 2]).trusted


def test_a_pipeline_is_judged_by_what_its_last_step_saw():
    X, y, multiplier, weight, *_ = problem((600, 0.1, 6, 0.0, 2.0), 1)
    scaled = StandardScaler().fit_transform(X)
    alone = LogisticRegression().fit(scaled, y, weight)
    pipe = make_pipeline(StandardScaler(), LogisticRegression())
    pipe.fit(X, y, logisticregression__sample_weight=weight)
    rest = (y, weight, None, multiplier)
    assert_allclose(
        judge_linear_model(pipe, X, *rest), judge_linear_model(alone, scaled, *rest)
    )


def test_what_is_not_linear_or_has_more_classes_is_not_judged():
    X, y, multiplier, weight, *_ = problem((200, 0.2, 4, 0.0, 2.0), 1)
    rest = (y, weight, None, multiplier)
    forest = RandomForestClassifier(3).fit(X, y)
    three = LogisticRegression().fit(X, np.arange(200) % 3)
    for model in (forest, three):
        assert judge_linear_model(model, X, *rest) is None
    # A linear model without a known penalty is judged by the rows it has seen.
    other = SGDClassifier(loss="log_loss", random_state=0).fit(X, y)
    seen = judge_inversion(other.decision_function(X), y, None, multiplier)
    assert judge_linear_model(other, X, *rest) == seen
    wide = np.hstack([X, np.zeros((200, MOST_FEATURES))])
    model = LogisticRegression().fit(wide, y, weight)
    seen = judge_inversion(model.decision_function(wide), y, None, multiplier)
    assert judge_linear_model(model, wide, *rest) == seen


def counts(shapes_and_seeds):
    """Return how many means are far off and silent, and near and warned of."""
    far = silent = near = warned = 0
    for shape, seed, skewed in shapes_and_seeds:
        X, y, multiplier, weight, X_new, truth = problem(shape, seed, skewed)
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=3000))
        model.fit(X, y, logisticregression__sample_weight=weight)
        verdict = judge_linear_model(model, X, y, weight, None, multiplier)
        shift = np.log(multiplier[1] / multiplier[0])
        mean = expit(model.decision_function(X_new) - shift).mean()
        off = abs(np.log(mean / truth.mean()))
        far += off > np.log(1.25)
        silent += off > np.log(1.25) and verdict.trusted
        near += off < np.log(1.1)
        warned += off < np.log(1.1) and not verdict.trusted
    return far, silent, near, warned


@pytest.mark.slow
def test_wrong_means_are_told_and_right_ones_are_not():
    """24 problems of known truth, four draws of each."""
    far, silent, near, warned = counts(
        (shape, 1000 * i + seed, shape in SKEWED)
        for i, shape in enumerate([*ENOUGH, *TOO_FEW, *SKEWED])
        for seed in range(50, 54)
    )
    assert far >= 10
    assert silent <= 0.05 * far
    assert near >= 40
    assert warned <= 0.1 * near


def test_a_column_twice_changes_no_score(rng):
    column = 1e5 * rng.normal(size=(200, 1))
    codes = (column[:, 0] + 1e5 * rng.normal(size=200) > 0).astype(int)
    once, twice = (
        scores_without_each_row(
            features, codes, np.ones(200), column[:, 0] / 1e5, penalty=0.0
        )
        for features in (column, np.repeat(column, 2, axis=1))
    )
    assert_allclose(twice, once, rtol=1e-6)
