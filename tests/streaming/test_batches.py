"""Mini-batches with exact quotas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_classification
from sklearn.linear_model import SGDClassifier

from skweight import BalancedBatches
from skweight.streaming import apportion


@pytest.fixture
def y():
    return np.repeat(["a", "b", "c"], [5, 30, 65])


def counts(y, batches):
    """Return how many rows of each class every batch has."""
    classes = np.unique(y)
    return np.array([(y[rows][:, None] == classes).sum(axis=0) for rows in batches])


def test_every_batch_has_its_quotas(y):
    assert (counts(y, BalancedBatches(y, 12)) == 4).all()
    quotas = {"a": 2, "b": 5, "c": 3}
    assert (counts(y, BalancedBatches(y, 10, quotas=quotas)) == [2, 5, 3]).all()
    shares = {"a": 0.5, "b": 0.5, "c": 0}
    assert (counts(y, BalancedBatches(y, 8, quotas=shares)) == [4, 4, 0]).all()


def test_broken_quotas_take_turns(y):
    actual = counts(y, BalancedBatches(y, 10, n_batches=30))
    assert set(actual.ravel()) == {3, 4}
    assert (actual.sum(axis=1) == 10).all()
    assert (actual.sum(axis=0) == 100).all()


@settings(max_examples=100)
@given(
    st.lists(st.floats(0.001, 1), min_size=1, max_size=12),
    st.integers(1, 40),
    st.integers(1, 60),
)
def test_apportioned_rows_are_whole_and_never_two_off(shares, size, n_batches):
    quotas = size * np.array(shares) / sum(shares)
    seats = apportion(quotas, n_batches)
    assert (seats >= 0).all()
    assert (seats.sum(axis=1) == size).all()
    due = quotas * np.arange(1, n_batches + 1)[:, None]
    assert np.abs(np.cumsum(seats, axis=0) - due).max() < len(shares)


def test_rows_come_as_often_as_their_weights_say(y, rng):
    weights = rng.uniform(0, 4, y.size) * (np.arange(y.size) % 3 > 0)
    batches = BalancedBatches(y, 30, weights=weights, n_batches=20, random_state=0)
    times = np.bincount(np.concatenate(list(batches)), minlength=y.size)
    for label in "abc":
        of_class = y == label
        expected = 200 * weights[of_class] / weights[of_class].sum()
        assert np.abs(times[of_class] - expected).max() < 1
    assert (times[weights == 0] == 0).all()


def test_quotas_may_follow_the_weights(y, rng):
    weights = rng.uniform(0, 4, y.size)
    batches = BalancedBatches(y, 50, weights=weights, quotas="proportional")
    mass = [weights[y == label].sum() for label in "abc"]
    assert_allclose(batches.quotas_, 50 * np.array(mass) / sum(mass))
    assert_allclose(batches.class_multiplier_, 1)


def test_no_row_comes_twice_while_another_waits(y):
    """Class a has five rows and fills 10 of 30: each comes twice in every batch."""
    for rows in BalancedBatches(y, 30, n_batches=10, random_state=1):
        times = np.bincount(rows[rows < 5], minlength=5)
        assert times.min() >= 1
        assert times.max() <= 3


def test_epochs_differ_and_are_repeated(y):
    batches = BalancedBatches(y, 10, random_state=3)
    first, second = [np.concatenate(list(batches)) for _ in range(2)]
    assert not np.array_equal(first, second)
    assert batches.epoch == 2
    again = BalancedBatches(y, 10, random_state=3)
    assert_array_equal(np.concatenate(list(again.set_epoch(1))), second)
    assert_array_equal(np.concatenate(list(batches.set_epoch(0))), first)
    other = BalancedBatches(y, 10, random_state=4)
    assert not np.array_equal(np.concatenate(list(other)), first)


def test_an_epoch_is_as_long_as_the_rows(y):
    assert len(BalancedBatches(y, 30)) == 4
    assert len(list(BalancedBatches(y, 30))) == 4
    assert len(list(BalancedBatches(y, 30, n_batches=7))) == 7


def test_it_is_a_batch_sampler_without_torch(y):
    """What DataLoader does: len, iter, and one index after the other."""
    dataset = [(float(row), label) for row, label in enumerate(y)]
    sampler = BalancedBatches(y, 6)
    loaded = [[dataset[row] for row in batch] for batch in sampler]
    assert len(loaded) == len(sampler)
    assert all(len(batch) == 6 for batch in loaded)


@pytest.mark.parametrize("world_size", [2, 3])
def test_ranks_share_an_epoch_and_keep_the_quotas(y, world_size):
    def counts(rank, batch_size, n_batches=8):
        batches = BalancedBatches(
            y,
            batch_size,
            n_batches=n_batches,
            rank=rank,
            world_size=world_size,
            random_state=0,
        )
        assert len(list(batches.set_epoch(5))) == n_batches
        return np.array(
            [np.bincount(y[rows] == "b", minlength=2) for rows in batches.set_epoch(5)]
        )

    for batch_size in (4, 5):
        by_rank = np.array([counts(rank, batch_size) for rank in range(world_size)])
        assert (by_rank.sum(axis=2) == batch_size).all()
        exact = BalancedBatches(y, batch_size).quotas_[1]
        # Off by less than a row in every batch, in every step, and in every rank.
        assert (np.abs(by_rank[..., 1] - exact) < 1).all()
        steps = by_rank[..., 1].sum(axis=0)
        assert (np.abs(steps - world_size * exact) < 1).all()
        assert np.ptp(by_rank[..., 1].sum(axis=1)) <= 1


def test_ranks_together_draw_what_one_process_does(y):
    whole = BalancedBatches(y, 6, n_batches=10, random_state=1)
    ranks = [
        BalancedBatches(y, 6, n_batches=5, rank=rank, world_size=2, random_state=1)
        for rank in (0, 1)
    ]
    together = np.concatenate([rows for rank in ranks for rows in rank])
    assert_array_equal(np.sort(together), np.sort(np.concatenate(list(whole))))
    assert len(BalancedBatches(y, 30, world_size=2, random_state=0)) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rank": 2, "world_size": 2, "random_state": 0}, "rank must be below"),
        ({"rank": 0, "world_size": 2}, "the same integer on every rank"),
        ({"rank": -1}, "rank must be a number"),
        ({"world_size": 0}, "world_size must be a number"),
    ],
)
def test_ranks_that_cannot_be(y, arguments, message):
    with pytest.raises(ValueError, match=message):
        BalancedBatches(y, 4, **arguments)


def test_what_batches_do_to_classes_can_be_taken_back(y):
    batches = BalancedBatches(y, 30)
    assert_allclose(
        batches.class_multiplier_, [1 / 3 / 0.05, 1 / 3 / 0.3, 1 / 3 / 0.65]
    )


def test_learning_from_them_finds_the_rare_class():
    X, y = make_classification(
        4000, weights=[0.98], class_sep=1.0, flip_y=0, random_state=0
    )
    clf = SGDClassifier(loss="log_loss", random_state=0)
    batches = BalancedBatches(y, 64, random_state=0)
    for _ in range(3):
        for rows in batches:
            clf.partial_fit(X[rows], y[rows], classes=batches.classes_)
    assert clf.predict(X)[y == 1].mean() > 0.7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 2.5}, "whole number"),
        ({"batch_size": 4, "quotas": {"a": 1}}, "lacks"),
        ({"batch_size": 4, "quotas": {"a": 0, "b": 0, "c": 0}}, "zero for every"),
        ({"batch_size": 4, "weights": -np.ones(100)}, "negative"),
        ({"batch_size": 4, "weights": np.r_[np.zeros(5), np.ones(95)]}, "no row"),
    ],
)
def test_what_cannot_be_used_is_said(y, arguments, message):
    with pytest.raises(ValueError, match=message):
        BalancedBatches(y, **arguments)
    with pytest.raises(TypeError, match="quotas must be"):
        BalancedBatches(y, 4, quotas=3)
