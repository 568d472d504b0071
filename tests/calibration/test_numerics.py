"""The numerics under the calibrators, against closed forms and brute force."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax, logit, softmax

from skweight.calibration import scores_from_proba
from skweight.calibration._engine.numerics import (
    binary_proba,
    centre_rows,
    log_normalise,
    rest_log_odds,
    smoothed_targets,
    softmax_proba,
)


def test_binary_proba_keeps_the_digits_of_small_probabilities():
    proba = binary_proba(np.array([-700.0, -1.0, 0.0, 700.0]))
    assert_allclose(np.log(proba[[0, 3], [1, 0]]), [-700, -700])
    assert_allclose(proba[2], 0.5)
    assert_allclose(logit(proba[1, 1]), -1)


def test_probabilities_are_never_0_or_1():
    far = np.array([-1e6, -800.0, 800.0, 1e6])
    table = np.array([[1e6, 0.0, -1e6], [0.0, 900.0, 0.0]])
    for proba in (binary_proba(far), softmax_proba(table)):
        assert proba.min() > 0
        assert proba.max() < 1
        assert_allclose(proba.sum(axis=1), 1, rtol=1e-15)


def test_softmax_proba_is_softmax(rng):
    scores = rng.normal(scale=5, size=(50, 4))
    assert_allclose(softmax_proba(scores), softmax(scores, axis=1), rtol=1e-13)


def test_row_normalisations(rng):
    scores = rng.normal(scale=5, size=(50, 4))
    assert_allclose(centre_rows(scores).mean(axis=1), 0, atol=1e-14)
    assert_allclose(log_normalise(scores), log_softmax(scores, axis=1), rtol=1e-13)
    huge = np.array([[1e300, 0.0, -1e300]])
    assert_array_equal(log_normalise(huge), [[0, -1e300, -2e300]])


def test_rest_log_odds_is_the_logit_of_the_softmax(rng):
    scores = rng.normal(scale=2, size=(200, 4))
    assert_allclose(rest_log_odds(scores), logit(softmax(scores, axis=1)), rtol=1e-10)


def test_rest_log_odds_keeps_its_digits_where_the_softmax_has_none_left():
    odds = rest_log_odds(np.array([[1000.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    assert_allclose(odds[0], [1000 - np.log(2), -1000, -1000])
    assert_allclose(odds[1], -np.log(2))


def test_smoothed_targets_are_platts_for_two_classes():
    positive, other = smoothed_targets(np.array([90.0, 10.0]), 1.0)
    assert_allclose(positive, [91 / 92, 11 / 12])
    assert_allclose(other, [1 / 92, 1 / 12])


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_smoothed_targets_are_distributions_and_two_pseudo_rows_in_all(n_classes):
    count = np.full(n_classes, 1e6)
    positive, other = smoothed_targets(count, 1.0)
    assert_allclose(positive + (n_classes - 1) * other, 1)
    assert_allclose(count @ (1 - positive), 2, rtol=1e-4)
    # An absent class is given the pseudo-rows of one class by the others together.
    count[0] = 0
    positive, other = smoothed_targets(count, 1.0)
    assert_allclose(count[1:] @ other[1:], 2 / n_classes, rtol=1e-4)


# --- scores_from_proba ----------------------------------------------------------------


def test_scores_of_two_classes_are_log_odds(rng):
    proba = rng.uniform(0.01, 0.99, size=100)
    expected = logit(proba)
    assert_allclose(scores_from_proba(proba), expected)
    assert_allclose(scores_from_proba(proba[:, np.newaxis]), expected)
    assert_allclose(scores_from_proba(np.column_stack([1 - proba, proba])), expected)


def test_scores_of_two_columns_use_the_digits_of_both():
    scores = scores_from_proba([[1e-9, 1.0], [1.0, 1e-9]], clip=1e-12)
    assert_allclose(scores, [9 * np.log(10), -9 * np.log(10)])


def test_scores_of_more_classes_are_centred_log_probabilities(rng):
    logits = rng.normal(size=(100, 4))
    scores = scores_from_proba(softmax(logits, axis=1))
    assert_allclose(scores, logits - logits.mean(axis=1, keepdims=True), atol=1e-12)


def test_scores_are_clipped_at_what_is_asked():
    votes = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert_allclose(scores_from_proba(votes, clip=0.005), np.log([0.005, 200]))
    assert_allclose(scores_from_proba([0.0, 1.0]), np.log([1e-7, 1e7]))


@pytest.mark.parametrize("bad", [[0.5, np.nan], [1.5, 0.5], [[-0.1, 1.1]]])
def test_scores_of_what_is_no_probability(bad):
    with pytest.raises(ValueError, match=r"proba must lie in \[0, 1\]"):
        scores_from_proba(bad)


@pytest.mark.parametrize("shape", [(), (2, 2, 2), (3, 0)])
def test_scores_of_a_wrong_shape(shape):
    with pytest.raises(ValueError, match="Pass what predict_proba returns"):
        scores_from_proba(np.full(shape, 0.5))


@pytest.mark.parametrize("clip", [0, 0.5, -1e-3])
def test_clip_out_of_range(clip):
    with pytest.raises(ValueError, match=r"clip must be a number in \(0, 0.5\)"):
        scores_from_proba([0.5], clip=clip)
