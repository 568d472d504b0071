"""Emphasis that grows over the first rows of a stream."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.naive_bayes import GaussianNB

from skweight import (
    BalancedWeighting,
    ColumnWeighting,
    PriorWeighting,
    Streaming,
    WeightedClassifier,
)


class Recording(GaussianNB):
    """Remembers the weights of all its rows."""

    weights = []  # noqa: RUF012

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        Recording.weights.extend(
            np.ones(len(X)) if sample_weight is None else sample_weight
        )
        return super().partial_fit(X, y, classes, sample_weight)


def stream_of(X, y, size, **params):
    Recording.weights = []
    clf = WeightedClassifier(Recording(), **params)
    for start in range(0, len(y), size):
        chunk = slice(start, start + size)
        clf.partial_fit(X[chunk], y[chunk], classes=[0, 1])
    return clf, np.array(Recording.weights)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("linear", [0, 0.25, 0.5, 0.75, 1, 1]),
        ("step", [0, 0, 0, 0, 1, 1]),
        ("cosine", [0, (2 - 2**0.5) / 4, 0.5, (2 + 2**0.5) / 4, 1, 1]),
    ],
)
def test_values_of_the_schedules(schedule, expected):
    strength = Streaming(warmup=4, schedule=schedule).strength([0, 1, 2, 3, 4, 9])
    assert_allclose(strength, expected, atol=1e-15)
    assert_allclose(Streaming(schedule=schedule).strength([0, 5]), 1)


def test_class_weights_grow_as_their_powers_with_mean_one():
    X, y = np.random.default_rng(0).normal(size=(400, 1)), np.tile([0, 0, 0, 1], 100)
    warm = Streaming(warmup=200, schedule="linear")
    _, weights = stream_of(X, y, 4, streaming=warm)
    for row in (3, 103, 203, 399):
        a = min(row / 200, 1)
        powers = np.array([4 / 6, 2.0]) ** a
        assert_allclose(weights[row], powers[1] / (0.75 * powers[0] + 0.25 * powers[1]))
    assert_allclose(weights[0], 1)
    full = stream_of(X, y, 4)[1]
    assert_allclose(weights[200:], full[200:])


@pytest.mark.parametrize("weighting", ["balanced", ColumnWeighting(0, role="emphasis")])
def test_no_warmup_and_one_that_is_over_are_the_same(rng, weighting):
    X, y = rng.uniform(1, 2, size=(60, 2)), np.tile([0, 0, 1], 20)
    plain = stream_of(X, y, 20, weighting=weighting)[1]
    warm = Streaming(warmup=20, schedule="step")
    weights = stream_of(X, y, 20, weighting=weighting, streaming=warm)[1]
    assert_allclose(weights[:20], 1)
    assert_allclose(weights[20:], plain[20:])


def test_population_weights_are_in_force_from_the_first_row(rng):
    X, y = rng.normal(size=(30, 1)), np.tile([0, 0, 1], 10)
    prior = PriorWeighting({0: 0.5, 1: 0.5})
    warm = Streaming(warmup=100, schedule="step")
    both = [prior, BalancedWeighting()]
    weights = stream_of(X, y, 30, weighting=both, streaming=warm)[1]
    assert_allclose(weights, stream_of(X, y, 30, weighting=prior)[1])


def test_rows_of_a_fit_before_count(rng):
    X, y = rng.normal(size=(60, 1)), np.tile([0, 0, 1], 20)
    clf = WeightedClassifier(
        Recording(), streaming=Streaming(warmup=30), calibration=None
    ).fit(X, y)
    Recording.weights = []
    clf.partial_fit(X, y)
    assert_allclose(np.unique(np.round(Recording.weights, 12)), [0.75, 1.5])


def test_a_reweighted_stream_is_inverted_to_what_it_was_given(rng):
    X, y = rng.normal(size=(600, 1)), np.tile([0, 0, 0, 1], 150)
    X[y == 1] += 1
    clf, weights = stream_of(
        X, y, 50, streaming=Streaming(warmup=300), calibration="prior"
    )
    mass = np.bincount(y, weights)
    assert_allclose(clf.report_.training_share, mass / mass.sum(), atol=0.02)
    assert abs(clf.predict_proba(X)[:, 1].mean() - 0.25) < 0.02


@pytest.mark.parametrize(
    ("params", "words"),
    [({"warmup": 0}, "warmup must be"), ({"schedule": "sine"}, "schedule must be one")],
)
def test_bad_schedules_are_refused(params, words):
    clf = WeightedClassifier(
        GaussianNB(), streaming=Streaming(**params), calibration=None
    )
    with pytest.raises(ValueError, match=words):
        clf.partial_fit([[0.0], [1.0]], [0, 1], classes=[0, 1])
