"""The loss after a sigmoid refitted to the rows that are watched."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit, softmax
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss

from skweight.calibration import SigmoidCalibrator, TemperatureCalibrator
from skweight.datasets import make_imbalanced
from skweight.metrics import RefinedLogLoss


def draw(n_classes, rng, n=800):
    scores = rng.normal(size=(n, n_classes)) + np.linspace(1, -1, n_classes)
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    if n_classes == 2:
        return scores[:, 1] - scores[:, 0], y
    return scores, y


def calibrated_loss(scores, y, weight=None):
    calibrator = (
        SigmoidCalibrator(bounded=False)
        if scores.ndim == 1
        else TemperatureCalibrator()
    )
    proba = calibrator.fit(scores, y, weight).predict_proba(scores)
    return log_loss(y, proba, sample_weight=weight)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_the_log_loss_after_a_sigmoid(n_classes, weighted, rng):
    scores, y = draw(n_classes, rng)
    weight = rng.exponential(size=y.size) if weighted else None
    loss = RefinedLogLoss(raw=True)(y, 2 * scores, weight)
    assert_allclose(loss, calibrated_loss(2 * scores, y, weight), rtol=1e-10)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_neither_slope_nor_class_weights_move_it(n_classes, rng):
    scores, y = draw(n_classes, rng)
    moved = 3 * scores + (2.0 if n_classes == 2 else np.arange(4.0))
    watch = RefinedLogLoss(raw=True)
    assert_allclose(watch(y, moved), watch(y, scores), rtol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_are_their_log_odds(n_classes, rng):
    scores, y = draw(n_classes, rng)
    proba = expit(scores) if n_classes == 2 else softmax(scores, axis=1)
    raw = RefinedLogLoss(raw=True)(y, scores)
    assert_allclose(RefinedLogLoss()(y, proba), raw, rtol=1e-9)
    if n_classes == 2:
        both = np.column_stack([1 - proba, proba])
        assert_allclose(RefinedLogLoss()(y, both), raw, rtol=1e-9)
    single = proba.astype(np.float32)
    assert_allclose(RefinedLogLoss()(y, single), raw, rtol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_weight_of_two_is_two_rows_and_zero_is_none(n_classes, rng):
    scores, y = draw(n_classes, rng)
    times = rng.integers(0, 3, size=y.size)
    repeated = np.repeat(np.arange(y.size), times)
    watch = RefinedLogLoss(raw=True)
    # Rows of different weights count as fewer: the targets are pulled in a little more.
    once = watch(y, scores, times.astype(float))
    assert_allclose(once, watch(y[repeated], scores[repeated]), rtol=1e-4)
    counted = times > 0
    without = watch(y[counted], scores[counted], times[counted].astype(float))
    assert_allclose(once, without, rtol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_warm_start_changes_no_result(n_classes, rng):
    warm = RefinedLogLoss(raw=True)
    scores, y = draw(n_classes, rng)
    for step in range(15):
        now = (1 + 0.2 * step) * scores + 0.3 * rng.normal(size=scores.shape)
        assert_allclose(warm(y, now), RefinedLogLoss(raw=True)(y, now), rtol=1e-12)
    other, labels = draw(5 - n_classes, rng)
    cold = RefinedLogLoss(raw=True)(labels, other)
    assert_allclose(warm(labels, other), cold, rtol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_that_say_nothing_cost_the_entropy(n_classes, rng):
    _, y = draw(n_classes, rng)
    share = np.bincount(y) / y.size
    entropy = -share @ np.log(share)
    watch = RefinedLogLoss(raw=True)
    shape = (y.size,) if n_classes == 2 else (y.size, n_classes)
    assert_allclose(watch(y, np.zeros(shape)), entropy, rtol=1e-3)
    assert_allclose(watch(y, draw(n_classes, rng)[0] * 0 + 0.1), entropy, rtol=1e-3)
    # A ranking that is turned round is worth no more, and is not turned back.
    scores, y = draw(2, rng)
    share = np.bincount(y) / y.size
    assert_allclose(watch(y, -scores), -share @ np.log(share), rtol=1e-3)
    assert watch(y, scores) < 0.95 * watch(y, -scores)


def test_labels_of_any_kind(rng):
    scores, y = draw(2, rng)
    expected = RefinedLogLoss(raw=True)(y, scores)
    for labels in (y.astype(float), y == 1, 2 * y - 1, np.array(["a", "b"])[y]):
        assert RefinedLogLoss(raw=True)(labels, scores) == expected


def test_it_is_kept_and_copied_as_a_function_is(rng):
    scores, y = draw(2, rng)
    watch = RefinedLogLoss(raw=True)
    expected = watch(y, scores)
    again = pickle.loads(pickle.dumps(watch))
    assert vars(again) == {"raw": True}
    assert again(y, scores) == expected
    assert deepcopy(watch) is watch
    assert repr(watch) == "RefinedLogLoss(raw=True)"


def test_what_cannot_be_used_is_refused():
    watch = RefinedLogLoss()
    with pytest.raises(ValueError, match=r"use RefinedLogLoss\(raw=True\)"):
        watch([0, 1], [-0.5, 2.0])
    with pytest.raises(ValueError, match="the same number of rows"):
        watch([0, 1], [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="y_pred has 3 classes"):
        watch(["a", "b"], np.full((2, 3), 1 / 3))
    with pytest.raises(ValueError, match="finite"):
        RefinedLogLoss(raw=True)([0, 1], [np.nan, 0.0])


def test_hist_gradient_boosting_takes_it_as_a_score():
    data = make_imbalanced(3000, prevalence=0.1, random_state=0)
    model = HistGradientBoostingClassifier(
        max_iter=60,
        early_stopping=True,
        n_iter_no_change=10,
        validation_fraction=0.3,
        scoring=RefinedLogLoss().scorer(),
        random_state=0,
    ).fit(data.X, data.y)
    losses = -model.validation_score_
    assert 10 < model.n_iter_ <= 60
    # Without a tree nothing is known but the frequencies.
    assert_allclose(losses[0], log_loss(data.y, np.full(3000, 0.1)), rtol=0.1)
    assert losses.min() < 0.9 * losses[0]
