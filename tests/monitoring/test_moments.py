"""The test of one comparison is exact where it can be, far out in the tails too."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from skweight.monitoring._moments import COLUMN, Comparison, mean_of, sums_of


def compare(reference, window, *, step=0.0, tolerance=0.0, inflation=1.0):
    """Compare two samples of values, or (values, weights)."""
    both = [
        sums_of(*(part if isinstance(part, tuple) else (part, np.ones(len(part)))))
        for part in (reference, window)
    ]
    return Comparison(
        both[0][np.newaxis],
        both[1][np.newaxis],
        step=np.array([step]),
        tolerance=np.array([tolerance]),
        inflation=inflation,
    )


@pytest.mark.parametrize(
    ("n_all", "n_positive", "m"), [(5000, 50, 200), (20_000, 400, 1000), (300, 90, 100)]
)
def test_counts_are_tested_as_the_exact_distribution_has_it(n_all, n_positive, m):
    """Dealing rows out at random makes a count hypergeometric."""
    exact = stats.hypergeom(n_all, n_positive, m)
    for count in range(max(0, m + n_positive - n_all), min(m, n_positive) + 1):
        expected = min(1, 2 * min(exact.cdf(count), exact.sf(count - 1)))
        if not 1e-7 < expected < 0.2:
            continue
        batch = np.arange(m) < count
        rest = np.arange(n_all - m) < n_positive - count
        ratio = compare(rest, batch, step=1).p_values()[0] / expected
        # Hardly ever too small, and not much too large, far into the tails.
        assert 0.85 < ratio < (2.2 if expected > 1e-4 else 12)


def test_p_values_are_uniform_if_the_samples_are_dealt_out():
    rng = np.random.default_rng(0)
    values, weight = rng.exponential(size=400), rng.uniform(0.5, 2, 400)
    values[:40] += 5
    p = []
    for _ in range(800):
        order = rng.permutation(400)
        window, rest = order[:60], order[60:]
        # Units of the weights change nothing.
        parts = [(values[rest], weight[rest]), (values[window], 7 * weight[window])]
        p.append(compare(*parts).p_values()[0])
    for level in (0.01, 0.05, 0.2):
        share = np.mean(np.array(p) < level)
        assert abs(share - level) < 3.5 * np.sqrt(level * (1 - level) / 800)


def test_heavy_tails_ring_no_more_often_far_out():
    """40,000 means of skewed and heavy-tailed values against a large reference."""
    rng, size, n = np.random.default_rng(0), 50, 40_000

    def draw(shape):
        return rng.standard_normal(shape) * rng.exponential(
            size=shape
        ) + rng.exponential(size=shape)

    reference = sums_of(draw(200_000), np.ones(200_000))
    values = draw((n, size))
    windows = np.zeros((n, 1, reference.size))
    windows[:, 0, 0] = size
    for (_, b), column in COLUMN.items():
        windows[:, 0, column] = (values**b).sum(axis=1)
    p = Comparison(
        reference[np.newaxis], windows, step=np.zeros(1), tolerance=np.zeros(1)
    ).p_values()
    for level in (1e-2, 1e-3, 1e-4):
        n_expected = level * n
        assert np.sum(p < level) < 1.2 * n_expected + 3 * np.sqrt(n_expected)


def test_a_normal_curve_would_ring_too_often_where_this_one_does_not():
    """The reason for the third moment: 2 % positives, the side of more of them."""
    exact = stats.binom(300, 0.02)
    count = int(exact.isf(1e-5))
    reference, window = np.arange(100_000) < 2000, np.arange(300) < count
    compared = compare(reference, window, step=1)
    normal = 2 * stats.norm.sf(
        (compared.difference - compared.slack)[0] / compared.scale[0]
    )
    assert normal < 0.05 * compared.p_values()[0]


def test_a_band_is_where_the_p_value_is_above_the_level():
    rng = np.random.default_rng(1)
    reference = rng.random(500) < 0.1
    for shift in np.linspace(0, 0.4, 25):
        window = rng.random(80) < 0.1 + shift
        for tolerance in (0.0, 0.05):
            for level in (0.05, 1e-4):
                compared = compare(reference, window, step=1, tolerance=tolerance)
                low, high = compared.bands(level)
                inside = low[0] <= compared.difference[0] <= high[0]
                assert inside == (compared.p_values()[0] >= level)


def test_a_handful_of_rows_is_tested_by_an_inequality():
    for n_positive in (1, 2, 3):
        compared = compare(np.arange(1000) < 20, np.arange(3) < n_positive, step=1)
        assert compared.p_values()[0] > 2 * stats.binom(3, 0.02).sf(n_positive - 1)
        low, high = compared.bands(compared.p_values()[0] / 2)
        assert low[0] < compared.difference[0] < high[0]


def test_rows_without_spread_never_ring():
    same = np.full(50, 0.3)
    assert compare(same, same).p_values()[0] == 1
    assert_allclose(compare(same, same).bands(0.01), 0, atol=1e-12)
    assert compare(same, np.array([])).p_values()[0] == 1
    assert np.isnan(compare(same, np.array([])).bands(0.01)).all()


def test_weights_of_the_new_rows_alone_widen_their_band():
    """Kish: rows of unequal weight tell less; the reference may have no weights."""
    rng = np.random.default_rng(0)
    weight = rng.lognormal(0, 1, 400)
    reference = rng.normal(size=50_000)
    spread = [(weight @ rng.normal(size=400)) / weight.sum() for _ in range(4000)]
    compared = compare(reference, (rng.normal(size=400), weight))
    assert_allclose(compared.scale[0], np.std(spread), rtol=0.05)
    assert compared.scale[0] > 1.3 * compare(reference, rng.normal(size=400)).scale[0]


def test_sums_of_parts_add_up():
    rng = np.random.default_rng(0)
    values, weight = rng.normal(size=90), rng.uniform(0, 2, 90)
    weight[::7] = 0
    whole = sums_of(values, weight)
    assert_allclose(
        whole, sums_of(values[:30], weight[:30]) + sums_of(values[30:], weight[30:])
    )
    assert_allclose(mean_of(whole), np.average(values, weights=weight))
    assert whole[0] == np.count_nonzero(weight)


def test_a_noisier_reference_asks_for_more():
    rng = np.random.default_rng(0)
    reference, window = rng.normal(size=300), rng.normal(0.3, size=300)
    plain, inflated = (
        compare(reference, window),
        compare(reference, window, inflation=3),
    )
    assert_allclose(inflated.scale**2, 2 * plain.scale**2, rtol=0.01)
    assert inflated.p_values()[0] > plain.p_values()[0]
