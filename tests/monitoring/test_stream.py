"""Every look spends its share of alpha, and the memory of a stream is bounded."""

import numpy as np
from numpy.testing import assert_allclose

from skweight.monitoring._figures import FigureName
from skweight.monitoring._moments import sums_of
from skweight.monitoring._stream import (
    MIN_ROWS,
    OLDEST_AGE,
    Stream,
    ages_of_tests,
    budget_of_look,
    is_kept,
)

SCALES = {"step": np.zeros(1), "tolerance": np.zeros(1), "inflation": 1.0}


def stream_of(batches, reference, alpha=0.05, step=1.0):
    """Return a stream of one figure after these batches of values."""
    stream = Stream([FigureName("class frequency", 1)])
    for t, values in enumerate(batches, start=1):
        sums = sums_of(values, np.ones(len(values)))[np.newaxis]
        if stream.add(sums, len(values), t):
            scales = SCALES | {"step": np.array([step])}
            budget = budget_of_look(stream.n_blocks + 1)
            stream.look(reference, budget, alpha, t, **scales)
    return stream


def reference_of(values):
    return sums_of(values, np.ones(len(values)))[np.newaxis]


def test_all_looks_together_spend_alpha():
    spent = np.cumsum([budget_of_look(t) for t in range(1, 100_001)])
    assert_allclose(spent[49], 0.5)
    assert 0.999 < spent[-1] < 1


def test_windows_are_tested_at_ages_that_grow_by_half_at_most():
    assert ages_of_tests(1) == [1]
    assert ages_of_tests(13) == [1, 2, 3, 4, 6, 8, 12]
    ages = np.array(ages_of_tests(10_000))
    assert (ages[1:] <= 2 * ages[:-1]).all()
    assert len(ages) < 30


def test_windows_that_are_kept_are_few_dense_and_never_kept_anew():
    kept = {0}
    for n_blocks in range(1, 3 * OLDEST_AGE):
        kept = {first for first in kept | {n_blocks - 1} if is_kept(first, n_blocks)}
        assert len(kept) <= 100
        if n_blocks % 97 == 0:
            ages = np.sort(n_blocks - np.array(sorted(kept)))
            ages = ages[ages < OLDEST_AGE / 2]
            assert (np.diff(ages) <= np.maximum(1, ages[:-1] / 4)).all()
            assert 0 in kept


def test_a_window_has_the_sums_of_all_batches_since_it_began():
    rng = np.random.default_rng(0)
    batches = [rng.random(60) for _ in range(70)]
    stream = stream_of(batches, reference_of(rng.random(500)), step=0.0)
    for window, first in zip(stream.windows, stream.first_blocks, strict=True):
        expected = sums_of(np.concatenate(batches[first:]), np.ones(60 * (70 - first)))
        assert_allclose(window[0], expected)
    assert stream.batches == [first + 1 for first in stream.first_blocks]


def test_rows_come_to_the_same_block_however_they_are_cut():
    rng = np.random.default_rng(0)
    reference, values = reference_of(rng.random(900) < 0.1), rng.random(400) < 0.2
    whole = stream_of(np.split(values, 400 // MIN_ROWS), reference)
    by_row = stream_of(np.split(values, 400), reference)
    assert_allclose(by_row.windows, whole.windows)
    assert_allclose(by_row.p_value, whole.p_value)
    assert by_row.n_blocks == 400 // MIN_ROWS


def test_quiet_streams_ring_in_at_most_alpha_of_all():
    """60 streams of 80 looks at alpha .2, each with a small reference of its own."""
    rang = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        reference = reference_of(rng.random(1000) < 0.1)
        batches = rng.random((80, 60)) < 0.1
        rang += stream_of(batches, reference, alpha=0.2).p_value[0] <= 0.2
    assert rang / 60 < 0.2
    assert rang > 0  # it can ring


def test_a_change_rings_and_its_first_batch_is_named():
    errors = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        reference = reference_of(rng.random(4000) < 0.1)
        prevalence = np.where(np.arange(60) < 25, 0.1, 0.2)[:, np.newaxis]
        stream = stream_of(rng.random((60, 100)) < prevalence, reference)
        assert 26 <= stream.alarm_at[0] <= 40
        errors.append(abs(stream.onset[0] - 26))
    assert np.median(errors) <= 1
    assert max(errors) <= 6


def test_p_values_never_rise():
    rng = np.random.default_rng(3)
    stream = Stream([FigureName("class frequency", 1)])
    reference, before = reference_of(rng.random(2000) < 0.1), 1.0
    for t in range(40):
        sums = reference_of(rng.random(80) < (0.4 if t == 20 else 0.1))
        assert stream.add(sums, 80, t)
        stream.look(reference, budget_of_look(t + 1), 0.05, t, **SCALES)
        assert stream.p_value[0] <= before
        before = stream.p_value[0]
    # One bad batch is not forgotten.
    assert stream.alarm_at[0] == 20
    assert stream.onset[0] == 20
