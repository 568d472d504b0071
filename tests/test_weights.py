"""Weight vectors: closed forms, published values, properties, and every known trap."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp, ndtri

from skweight._utils import pareto as _pareto
from skweight._utils.pareto import pareto_khat
from skweight.weights import (
    cap_weights,
    clip_weights,
    design_effect,
    effective_sample_size,
    lure_weights,
    normalize_weights,
    pareto_diagnostics,
    pareto_smooth,
    temper_to_effective_sample_size,
    temper_weights,
)

REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "reference"

# Weights over twelve orders of magnitude, a few of them zero, never all.
vectors = st.lists(
    st.one_of(st.just(0.0), st.floats(1e-6, 1e6)), min_size=1, max_size=60
).filter(any)
caps = st.floats(1, 20)
seeds = st.integers(0, 2**32 - 1)

# Each takes weights and nothing else; the last column says whether multiplying the
# input multiplies the output, or leaves it.
TRANSFORMS = {
    "normalize": (normalize_weights, False),
    "clip truncated": (clip_weights, True),
    "clip quantile": (lambda v: clip_weights(v, method="quantile", limit=0.8), True),
    "clip median": (lambda v: clip_weights(v, method="median", limit=3), True),
    "clip mean": (lambda v: clip_weights(v, method="mean", limit=2), True),
    "clip iqr": (lambda v: clip_weights(v, method="iqr", limit=1), True),
    "cap": (lambda v: cap_weights(v, 2.5), False),
    "temper": (lambda v: normalize_weights(temper_weights(v, 0.4)), False),
    "temper to ess": (
        lambda v: normalize_weights(temper_to_effective_sample_size(v, 0.7)),
        False,
    ),
    "pareto": (pareto_smooth, True),
}
transforms = pytest.mark.parametrize(
    ("transform", "equivariant"), TRANSFORMS.values(), ids=TRANSFORMS
)


def read_reference(name):
    file = REFERENCE / name
    if not file.is_file():
        pytest.skip(f"reference values {name} are not beside the checkout")
    return json.loads(file.read_text())


def uniform(n):
    return (np.arange(n) + 0.5) / n


def pareto(k, n):
    """Return the quantiles of a tail of shape k."""
    return (1 - uniform(n)) ** -k


def positive(weights):
    return weights[weights > 0]


# --- properties of all of them -------------------------------------------------------


@transforms
@given(weights=vectors, seed=seeds)
def test_order_of_rows_does_not_matter(transform, equivariant, weights, seed):
    weights = np.array(weights)
    order = np.random.default_rng(seed).permutation(weights.size)
    assert_allclose(transform(weights[order]), transform(weights)[order], rtol=1e-9)


@transforms
@given(weights=vectors, exponent=st.integers(-3, 3))
def test_unit_of_weights_does_not_matter(transform, equivariant, weights, exponent):
    weights, scale = np.array(weights), 10.0**exponent
    expected = transform(weights) * (scale if equivariant else 1)
    assert_allclose(transform(weights * scale), expected, rtol=1e-8)


@transforms
@given(weights=vectors)
def test_weights_stay_weights(transform, equivariant, weights):
    result = transform(weights)
    assert result.dtype == np.float64
    assert np.isfinite(result).all()
    # Zeros stay zero, and nobody else becomes zero.
    assert_array_equal(result > 0, np.array(weights) > 0)
    # A larger weight never becomes the smaller one.
    ordered = transform(np.sort(weights))
    assert (np.diff(ordered) >= -1e-12 * ordered[1:]).all()


@transforms
@pytest.mark.parametrize(
    "weights",
    [
        pareto(1.2, 500),
        np.r_[0.0, 0.0, pareto(0.8, 200)],
        [1e-300, 1e300],
        [5e-324, 0.0, 5e-324],
        [1.7e308] * 30,
        np.exp(np.linspace(-700, 700, 400)),
        [3.0],
    ],
    ids=lambda v: f"n={len(v)}",
)
def test_caller_and_numpy_are_left_alone(transform, equivariant, weights):
    weights = np.array(weights, dtype=float)
    weights.setflags(write=False)  # writing would raise
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        result = transform(weights)
    assert np.isfinite(result).all()
    assert not np.shares_memory(result, weights)


@pytest.mark.parametrize(
    "transform",
    # Zeros count in the n of a Pareto tail, as in the published rule.
    [transform for name, (transform, _) in TRANSFORMS.items() if name != "pareto"],
)
def test_rows_of_weight_zero_are_as_absent(transform):
    weights = pareto(0.9, 40)
    with_zeros = np.insert(weights, [0, 7, 7, 40], 0.0)
    assert_allclose(positive(transform(with_zeros)), transform(weights), rtol=1e-12)


@pytest.mark.parametrize(
    "call",
    [
        *[transform for transform, _ in TRANSFORMS.values()],
        effective_sample_size,
        design_effect,
        pareto_khat,
        pareto_diagnostics,
    ],
)
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, -1.0], "negative in 1 of 2 rows"),
        ([1.0, np.nan], "NaN or infinity in 1 of 2 rows"),
        ([1.0, np.inf], "NaN or infinity in 1 of 2 rows"),
        ([0.0, 0.0], "every weight is zero"),
        ([], "empty"),
        ([[1.0], [2.0]], "1-dimensional"),
        (["heavy"], "not numbers"),
    ],
)
def test_bad_weights_never_get_through(call, weights, message):
    with pytest.raises(ValueError, match=f"^weights.*{message}"):
        call(weights)


# --- normalise -----------------------------------------------------------------------


@given(weights=vectors)
def test_normalized_weights_have_mean_one_over_nonzero_rows(weights):
    assert_allclose(positive(normalize_weights(weights)).mean(), 1, rtol=1e-12)


def test_normalize_per_group_keeps_the_share_of_every_group():
    by = np.array(["b", "a", "b", "c", "a", "c"])
    result = normalize_weights([1, 3, 3, 0, 0, 0], by=by)
    # One row of "a" has weight and counts; "c" has none and stays zero.
    assert_allclose(result, [0.5, 1, 1.5, 0, 0, 0])


def test_normalize_counts_rows_by_sample_weight():
    weights, sample_weight = np.array([0.0, 1.0, 4.0]), np.array([1, 2, 3])
    result = normalize_weights(weights, sample_weight=sample_weight)
    assert_allclose(np.average(result, weights=sample_weight), 1)
    # A row of weight 2 is the same row twice.
    repeated = normalize_weights(
        np.repeat(weights, sample_weight), sample_weight=np.ones(6)
    )
    assert_allclose(np.repeat(result, sample_weight), repeated)


def test_normalize_refuses_weights_that_stand_for_nobody():
    with pytest.raises(ValueError, match="at least one row with a weight"):
        normalize_weights([1, 0], sample_weight=[0, 1])
    with pytest.raises(ValueError, match="expected 2 weights, got 3"):
        normalize_weights([1, 0], sample_weight=[0, 1, 1])


@pytest.mark.parametrize("by", [["a"], [["a"], ["b"]], "ab"])
def test_groups_of_another_length_are_an_error(by):
    with pytest.raises(ValueError, match=r"by must have one class or group per row"):
        normalize_weights([1, 2], by=by)


# --- effective sample size -----------------------------------------------------------


def test_effective_sample_size_closed_forms():
    assert effective_sample_size(np.full(7, 0.3)) == pytest.approx(7)
    assert effective_sample_size([1, 2, 3, 4]) == pytest.approx(100 / 30)
    assert effective_sample_size([0, 5, 0]) == 1
    assert isinstance(effective_sample_size([1, 2]), float)


@given(weights=vectors)
def test_design_effect_is_one_plus_squared_variation(weights):
    weights = np.array(weights)
    expected = 1 + (weights.std() / weights.mean()) ** 2
    assert design_effect(weights) == pytest.approx(expected)
    assert effective_sample_size(weights) == pytest.approx(weights.size / expected)


@pytest.mark.parametrize("function", [effective_sample_size, design_effect])
def test_log_space_bears_any_magnitude(function):
    log_weights = np.array([-np.inf, 0.0, 1.0, 2.0])
    expected = function(np.exp(log_weights))
    assert function(log_weights, log=True) == pytest.approx(expected)
    # exp(1e5) is no number; the ratio of sums is.
    assert function(log_weights + 1e5, log=True) == pytest.approx(expected)
    assert function(log_weights - 1e5, log=True) == pytest.approx(expected)


@pytest.mark.parametrize("bad", [[0.0, np.nan], [np.inf], [-np.inf], [], [[0.0]]])
def test_bad_log_weights_never_get_through(bad):
    for function in effective_sample_size, pareto_khat, pareto_smooth:
        with pytest.raises(ValueError, match=r"^weights"):
            function(bad, log=True)


def test_effective_sample_size_per_group():
    weights = [1e-200, 1e-200, 3.0, 1.0, 0.0]
    by = [10, 10, 2, 2, 7]
    # The first group is light, not absent: its squares must not vanish.
    assert effective_sample_size(weights, by=by) == pytest.approx({2: 1.6, 7: 0, 10: 2})
    effects = design_effect(weights, by=by)
    assert effects[10] == pytest.approx(1)
    assert np.isnan(effects[7])
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights)
    assert effective_sample_size(log_weights, log=True, by=by) == pytest.approx(
        {2: 1.6, 7: 0, 10: 2}
    )


@pytest.mark.parametrize(
    "labels",
    [
        ["a", "b"],
        [1, -1],
        [True, False],
        [0.5, 1.5],
        np.array(["a", None], dtype=object),
        np.array([1, "1"], dtype=object),
    ],
)
def test_groups_keep_their_labels(labels):
    by = np.repeat(np.asarray(labels), 2)
    result = effective_sample_size([1, 1, 1, 3], by=by)
    assert result == pytest.approx({labels[0]: 2, labels[1]: 1.6})
    assert {type(label) for label in result} == {type(label) for label in labels}


def test_kish_equals_balance():
    for case in read_reference("balance_reference.json")["weights"].values():
        weights = np.array(case["w"], dtype=float)
        assert_allclose(design_effect(weights), case["design_effect"], rtol=1e-12)
        assert_allclose(effective_sample_size(weights), case["kish_ess"], rtol=1e-12)


# --- clip ----------------------------------------------------------------------------


def test_clip_thresholds_by_hand():
    weights = np.array([0.0, 1, 2, 3, 4, 90])  # non-zero: mean 20, median 3, IQR 2
    assert clip_weights(weights).max() == pytest.approx(np.sqrt(5) * 20)
    assert clip_weights(weights, method="median", limit=5).max() == 15
    assert clip_weights(weights, method="mean", limit=2).max() == 40
    assert clip_weights(weights, method="iqr", limit=4).max() == 3 + 4 * 2
    assert clip_weights(weights, method="quantile", limit=0.5).max() == 3
    assert_array_equal(clip_weights(weights, method="quantile", limit=1.0), weights)


@pytest.mark.parametrize(
    ("method", "limit"), [("quantile", 0.99), ("median", 10), ("mean", 20), ("iqr", 6)]
)
def test_clip_default_limits_are_the_documented_ones(method, limit):
    weights = pareto(1.5, 1000)
    result = clip_weights(weights, method=method)
    assert result.max() < weights.max()
    assert_array_equal(result, clip_weights(weights, method=method, limit=limit))


def test_median_of_mostly_zeros_is_that_of_the_others():
    # The plain median is zero, and would wipe out everything.
    weights = np.r_[np.zeros(60), np.ones(39), 100.0]
    assert clip_weights(weights, method="median", limit=5).max() == 5


def test_truncation_lifts_its_threshold_with_n():
    few, many = np.r_[np.ones(99), 1e6], np.r_[np.ones(9999), 1e6]
    ratio = clip_weights(few).max() / few.mean(), clip_weights(many).max() / many.mean()
    assert ratio == pytest.approx((10, 100))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "quantil"}, ValueError, "Did you mean 'quantile'"),
        ({"limit": 3}, ValueError, "limit must be None with method='truncated'"),
        ({"method": "quantile", "limit": 1.2}, ValueError, r"limit .* in \(0, 1\]"),
        ({"method": "quantile", "limit": 0}, ValueError, r"limit .* in \(0, 1\]"),
        ({"method": "median", "limit": 0}, ValueError, r"limit .* in \(0, inf\)"),
        ({"method": "median", "limit": "a"}, TypeError, "limit must be a number"),
    ],
)
def test_clip_errors(options, error, message):
    with pytest.raises(error, match=message):
        clip_weights([1, 2], **options)


# --- cap -----------------------------------------------------------------------------


@given(weights=vectors, cap=caps)
def test_cap_holds_after_normalizing(weights, cap):
    weights = np.array(weights)
    result = cap_weights(weights, cap)
    assert result.max() <= cap
    assert_allclose(positive(result).mean(), 1, rtol=1e-10)
    # Ratios between rows below the cap are kept.
    free = (result > 0) & (result < cap)
    factors = result[free] / weights[free]
    assert_allclose(factors, factors[:1].repeat(factors.size), rtol=1e-9)


@given(weights=vectors, cap=caps)
def test_cap_equals_bisection(weights, cap):
    relative = positive(np.array(weights)) / max(weights)
    low, high = -50.0, 100.0
    for _ in range(200):
        middle = (low + high) / 2
        mean = np.minimum(np.exp(middle) * relative, cap).mean()
        low, high = (middle, high) if mean < 1 else (low, middle)
    expected = np.minimum(np.exp(low) * relative, cap)
    result = positive(cap_weights(weights, cap))
    assert_allclose(result, expected, rtol=1e-6, atol=1e-12)


def test_cap_where_clip_and_normalize_breaks_it():
    weights = pareto(1 / 1.1, 10_000)
    clipped = normalize_weights(clip_weights(weights, method="mean", limit=5))
    assert clipped.max() > 7  # asked for 5
    assert cap_weights(weights, 5).max() == 5


def test_mean_clip_equals_balance_and_cap_does_what_it_says():
    for case in read_reference("balance_reference.json")["weights"].values():
        weights = np.array(case["w"], dtype=float)
        if (weights == 0).any():
            continue  # balance counts rows of weight zero in the mean
        for ratio in 2, 5:
            trimmed = clip_weights(weights, method="mean", limit=ratio)
            trimmed *= weights.mean() / trimmed.mean()
            assert_allclose(trimmed, case[f"trim_mean_ratio_{ratio}"], rtol=1e-12)
            assert cap_weights(weights, ratio).max() <= ratio


def test_cap_of_one_makes_all_weights_equal():
    assert_array_equal(cap_weights([0, 1, 5, 1e9], 1), [0, 1, 1, 1])


def test_cap_that_binds_nobody_normalizes_only():
    assert_allclose(cap_weights([1, 2, 3], 10), [0.5, 1, 1.5])


@pytest.mark.parametrize("cap", [0.99, 0, -1])
def test_infeasible_cap_says_why(cap):
    with pytest.raises(ValueError, match=r"at least 1, because .* have mean 1"):
        cap_weights([1, 2, 3], cap)


@pytest.mark.parametrize("cap", ["2", None, True])
def test_cap_must_be_a_number(cap):
    with pytest.raises(TypeError, match="cap must be a number"):
        cap_weights([1, 2, 3], cap)


# --- temper --------------------------------------------------------------------------


def test_temper_is_a_power():
    assert_array_equal(temper_weights([0, 4, 9], 0.5), [0, 2, 3])
    assert_array_equal(temper_weights([0, 4, 9], 1), [0, 4, 9])


def test_tempering_to_nothing_does_not_bring_dropped_rows_back():
    assert_array_equal(temper_weights([0, 4, 9], 0), [0, 1, 1])


@pytest.mark.parametrize("exponent", [-0.1, 1.1, np.nan])
def test_temper_range(exponent):
    with pytest.raises(ValueError, match=r"exponent must be a number in \[0, 1\]"):
        temper_weights([1, 2], exponent)


@given(weights=vectors, exponents=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_effective_sample_size_falls_with_the_exponent(weights, exponents):
    flatter, steeper = (
        effective_sample_size(temper_weights(weights, exponent))
        for exponent in sorted(exponents)
    )
    assert steeper <= flatter * (1 + 1e-12)


@given(weights=vectors, fraction=st.floats(0.01, 1))
def test_tempering_reaches_its_target_and_goes_no_further(weights, fraction):
    weights = np.array(weights)
    tempered, exponent = temper_to_effective_sample_size(
        weights, fraction, return_exponent=True
    )
    target = fraction * positive(weights).size
    assert effective_sample_size(tempered) >= target * (1 - 1e-12)
    if exponent < 1:
        steeper = temper_weights(weights, min(1, exponent + 1e-6))
        assert effective_sample_size(steeper) <= target * (1 + 1e-12)
    else:
        assert_array_equal(tempered, weights)


def test_tempered_exponent_of_lognormal_weights():
    # n_eff / n of exp(sigma z) is exp(-sigma^2), hence the closed form.
    sigma = 2.0
    weights = np.exp(sigma * ndtri(uniform(200_000)))
    for fraction in 0.5, 0.8:
        _, exponent = temper_to_effective_sample_size(
            weights, fraction, return_exponent=True
        )
        expected = np.sqrt(-np.log(fraction)) / sigma
        assert exponent == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("fraction", [0, 1.5, -1])
def test_temper_target_range(fraction):
    with pytest.raises(ValueError, match=r"fraction must be a number in \(0, 1\]"):
        temper_to_effective_sample_size([1, 2], fraction)


# --- Pareto smoothing ----------------------------------------------------------------


def make_case(row):
    """Build the log weights of one reference case from its formula."""
    name, n = row["name"], row["n"]
    p, z = uniform(n), ndtri(uniform(n))
    kind, _, rest = name.partition("_")
    if kind == "pareto":
        return -float(rest.split("_")[0][1:]) * np.log1p(-p)
    if kind == "lognormal":
        return float(rest.split("_")[0][1:]) * z
    clipped = np.minimum(1 / (1 - p), np.sort(1 / (1 - p))[min(n, 990) - 1])
    return {
        "shift": lambda: 1.5 * z - 1.125,
        "widevar": lambda: -(z**2) / 4.5 - np.log(1.5) + z**2 / 2,
        "uniform": lambda: np.log(p),
        "constant": lambda: np.zeros(n),
        "two": lambda: (
            np.log(np.repeat([1, 9], [900, 100]))
            if "10pct" in name
            else np.log(np.repeat([1, 7 / 3], [700, 300]))
        ),
        "clipped": lambda: np.log(clipped),
        "one": lambda: np.log(np.r_[1 + uniform(n - 1) / 10, 1e6]),
        "n4": lambda: np.arange(4.0),
        "n10": lambda: np.arange(10.0),
        "n25": lambda: np.arange(25) / 5,
    }[kind]()


@pytest.mark.parametrize("log", [True, False])
def test_pareto_smoothing_equals_arviz(log):
    rows = read_reference("psis_reference.json")["rows"]
    assert len(rows) == 73
    for row in rows:
        log_weights = make_case(row)
        weights = log_weights if log else np.exp(log_weights)
        khat = pareto_khat(weights, log=log)
        if row["khat"] == "inf":
            assert np.isnan(khat)  # no verdict here, where arviz raises an alarm
        else:
            assert khat == pytest.approx(row["khat"], abs=1e-12)
        smoothed = pareto_smooth(weights, log=log, ties="order")
        log_smoothed = smoothed if log else np.log(smoothed)
        log_smoothed = log_smoothed - logsumexp(log_smoothed)
        largest = np.exp(log_smoothed.max())
        assert_allclose(
            effective_sample_size(log_smoothed, log=True), row["ess_psis"], rtol=1e-12
        )
        assert_allclose(
            effective_sample_size(weights, log=log), row["ess_raw"], rtol=1e-12
        )
        assert_allclose(largest, row["max_w_norm_psis"], rtol=1e-12)
        if "last5_log_w_psis" in row:
            last = np.sort(log_smoothed)[-5:]
            assert_allclose(last, row["last5_log_w_psis"], atol=1e-12)


def test_pareto_smoothing_of_every_row_equals_arviz():
    case = read_reference("psis_reference.json")["explicit"]
    smoothed = pareto_smooth(case["log_w"], log=True)
    assert pareto_khat(case["log_w"], log=True) == pytest.approx(
        case["khat"], abs=1e-12
    )
    assert_allclose(smoothed - logsumexp(smoothed), case["log_w_psis"], atol=1e-12)


@pytest.mark.parametrize("k", [0.2, 0.5, 0.7, 1.0])
def test_khat_finds_the_shape_of_a_pareto_tail(k):
    assert pareto_khat(pareto(k, 200_000)) == pytest.approx(k, abs=0.02)


def test_khat_sees_weights_not_likelihoods():
    # The negative of these log weights has no heavy tail; a flipped sign shows.
    log_weights = np.log(pareto(1.0, 1000))
    assert pareto_khat(log_weights, log=True) > 0.9
    assert pareto_khat(-log_weights, log=True) < 0


def test_only_the_tail_is_smoothed_and_never_above_the_largest():
    weights = pareto(0.9, 1000)
    smoothed = pareto_smooth(weights)
    n_tail = int(np.ceil(3 * np.sqrt(1000)))
    assert_array_equal(smoothed[:-n_tail], weights[:-n_tail])
    assert (smoothed[-n_tail:] != weights[-n_tail:]).all()
    assert smoothed.max() <= weights.max()


def test_exponential_tail_is_the_limit_of_shape_zero():
    # The fit hits zero exactly with probability zero, so the limit is asked for.
    values = np.linspace(0.1, 1, 50)
    tail = _pareto._Tail(np.arange(50), values, 0.05, 50, khat=0.0, sigma=0.1)
    near = _pareto._Tail(np.arange(50), values, 0.05, 50, khat=1e-9, sigma=0.1)
    limit = _pareto._smoothed_values(tail)
    assert_allclose(limit, _pareto._smoothed_values(near), rtol=1e-7)
    assert np.diff(limit).min() > 0


# The traps, in the order of the table of the reference.


@pytest.mark.parametrize(
    "weights",
    [
        np.ones(1000),
        np.repeat([1.0, 9.0], [900, 100]),
        np.repeat([1.0, 7 / 3], [700, 300]),
        # Twenty classes: the tail has more than four atoms, yet is no tail.
        np.repeat(1.0 / np.arange(1, 21), 50),
        # Forty rare classes of seven rows: many atoms in the tail, still no tail.
        np.r_[np.ones(9000), np.repeat(np.arange(2.0, 42.0), 7)],
        # Two classes, computed along routes that differ in the last digits.
        np.repeat([1.0, 9.0], [900, 100])
        * (1 + 1e-14 * np.random.default_rng(0).normal(size=1000)),
        # The same number along two routes differs in the last digit.
        np.tile([0.1 * 3, 0.3, 0.30000000000000004, 0.1 + 0.2], 250),
        # Whole-number weights.
        np.random.default_rng(0).poisson(3, size=2000).astype(float),
    ],
    ids=[
        "constant",
        "10 %",
        "30 %",
        "twenty classes",
        "forty rare",
        "digits",
        "last digit",
        "counts",
    ],
)
def test_atomic_weights_are_no_alarm(weights):
    assert np.isnan(pareto_khat(weights))
    diagnostics = pareto_diagnostics(weights)
    assert diagnostics.verdict == "not applicable"
    assert diagnostics.reason.startswith("atomic tail")
    assert diagnostics.n_effective == diagnostics.n_effective_smoothed
    assert_array_equal(pareto_smooth(weights), weights)


@pytest.mark.parametrize("n", [1, 4, 10, 24])
def test_too_few_rows_have_no_tail(n):
    weights = np.exp(np.arange(n, dtype=float) / 3)
    diagnostics = pareto_diagnostics(weights)
    assert np.isnan(pareto_khat(weights))
    assert np.isnan(diagnostics.n_required)
    assert diagnostics.verdict == "not applicable"
    assert diagnostics.reason.startswith(f"there are too few weights: {n} are positive")
    # Zeros do not make up for them.
    assert np.isnan(pareto_khat(np.r_[weights, np.zeros(30)]))
    assert np.isfinite(pareto_khat(np.exp(np.arange(25.0) / 5)))


def test_smoothing_erases_a_giant_so_both_sample_sizes_are_told():
    diagnostics = pareto_diagnostics(np.r_[1 + uniform(999) / 10, 1e6])
    assert diagnostics.n_effective < 1.01
    assert diagnostics.n_effective_smoothed > 990
    assert diagnostics.verdict == "unreliable"


def test_ties_in_the_tail_are_told(rng):
    log_weights = rng.normal(size=5000) * 2
    untied = pareto_diagnostics(log_weights, log=True)
    # Rounding to a few digits is not yet a few atoms, but it bends the shape.
    rounded = pareto_diagnostics(np.round(log_weights, 2), log=True)
    assert untied.tied_share == 0
    assert untied.verdict in ("good", "usable", "unreliable")
    assert rounded.tied_share > 0.05
    assert rounded.verdict == "tied tail"
    assert f"{rounded.tied_share:.0%} of the weights in the tail" in rounded.reason


def test_rows_of_equal_weight_stay_equal():
    weights = np.repeat(pareto(0.8, 500), 2)
    smoothed = pareto_smooth(weights)
    assert_array_equal(smoothed[::2], smoothed[1::2])
    in_order = pareto_smooth(weights, ties="order")
    assert in_order[-1] != in_order[-2]
    assert_allclose(smoothed.sum(), in_order.sum())
    with pytest.raises(ValueError, match="ties must be one of"):
        pareto_smooth(weights, ties="first")


def test_zeros_count_in_n_and_are_told():
    weights = np.r_[np.zeros(300), pareto(0.4, 700)]
    diagnostics = pareto_diagnostics(weights)
    assert diagnostics.zero_share == pytest.approx(0.3)
    assert diagnostics.n_tail == np.ceil(3 * np.sqrt(1000))
    assert pareto_diagnostics(positive(weights)).n_tail == np.ceil(3 * np.sqrt(700))


def test_mostly_zeros_have_a_tail_of_the_others():
    weights = np.r_[np.zeros(970), pareto(0.6, 30)]
    assert pareto_diagnostics(weights).n_tail == 30
    assert np.isfinite(pareto_khat(weights))


def test_clipping_hides_the_tail_and_shows_as_ties():
    weights = pareto(1.0, 10_000)
    assert pareto_diagnostics(weights).verdict == "unreliable"
    clipped = pareto_diagnostics(clip_weights(weights, method="quantile", limit=0.99))
    assert clipped.khat < 0  # a better figure than the raw tail ever had
    assert clipped.verdict == "tied tail"
    hard = pareto_diagnostics(clip_weights(weights, method="quantile", limit=0.95))
    assert hard.verdict == "not applicable"


def test_few_rows_shrink_the_shape_and_lower_the_threshold():
    small = pareto_diagnostics(pareto(1.5, 50))
    assert small.khat == pytest.approx(0.8512528132718268, abs=1e-12)
    assert small.n_tail == 10
    assert small.threshold == pytest.approx(1 - 1 / np.log10(50))
    assert small.verdict == "unreliable"
    assert pareto_diagnostics(pareto(0.1, 100_000)).threshold == 0.7


@pytest.mark.parametrize(
    ("k", "verdict"),
    [(0.2, "good"), (0.6, "usable"), (0.85, "unreliable"), (1.3, "infinite mean")],
)
def test_verdicts(k, verdict):
    diagnostics = pareto_diagnostics(pareto(k, 20_000))
    assert diagnostics.verdict == verdict
    assert f"k-hat {diagnostics.khat:.2f}" in diagnostics.reason
    required = np.inf if diagnostics.khat >= 1 else 10 ** (1 / (1 - diagnostics.khat))
    assert diagnostics.n_required == pytest.approx(required)


def test_required_rows_beyond_all_numbers_are_infinite():
    tail = _pareto._Tail(np.arange(50), np.linspace(0.1, 1, 50), 0.05, 50, 0.9999, 0.1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_pareto, "_fit_tail", lambda relative: tail)
        assert pareto_diagnostics(pareto(1.0, 50)).n_required == np.inf


def test_shape_below_zero_needs_ten_rows():
    assert pareto_diagnostics(uniform(1000)).n_required == pytest.approx(10)


def test_tail_over_all_orders_of_magnitude_has_no_shape():
    # Excesses below the smallest normal number, whose inverse is infinite.
    edge = np.r_[np.full(5, 3e-308), np.linspace(3.01e-308, 3.1e-308, 10)]
    weights = np.r_[np.zeros(75), edge, np.geomspace(1e-200, 1.0, 10)]
    diagnostics = pareto_diagnostics(weights)
    assert diagnostics.verdict == "not applicable"
    assert "orders of magnitude" in diagnostics.reason
    assert_array_equal(pareto_smooth(weights), weights)


def test_lure_weights_are_those_of_the_reference():
    weights = lure_weights([0.2, 0.1, 0.05], pool_size=10)
    np.testing.assert_allclose(weights, [0.611111, 1.097222, 2.5], atol=5e-7)
    shuffled = lure_weights([0.05, 0.2, 0.1], pool_size=10, order=[3, 1, 2])
    np.testing.assert_allclose(shuffled, weights[[2, 0, 1]])
    uniform = lure_weights([1 / 10, 1 / 9, 1 / 8], pool_size=10)
    np.testing.assert_allclose(uniform, 1)
    whole = lure_weights([0.7, 0.9, 1.0], pool_size=3)
    np.testing.assert_allclose(whole, 1)


def test_lure_weights_estimate_the_risk_of_the_pool_and_of_mean_one_they_do_not():
    rng = np.random.default_rng(0)
    loss = rng.exponential(size=50) ** 2
    scores = loss + 0.1  # the proposal looks where the loss is large
    estimates = []
    for _ in range(4000):
        left, drawn, probability = np.arange(50), [], []
        for _ in range(10):
            q = scores[left] / scores[left].sum()
            chosen = rng.choice(left.size, p=q)
            drawn.append(left[chosen])
            probability.append(q[chosen])
            left = np.delete(left, chosen)
        v = lure_weights(probability, pool_size=50)
        estimates.append((np.mean(v * loss[drawn]), v @ loss[drawn] / v.sum()))
    mean, error = np.mean(estimates, 0), np.std(estimates, 0) / np.sqrt(4000)
    assert abs(mean[0] - loss.mean()) < 3 * error[0]
    assert mean[1] - loss.mean() > 10 * error[1]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (([0.5, 0], 10), ValueError, r"in \(0, 1\]; 1 of 2"),
        (([0.5, np.nan], 10), ValueError, r"in \(0, 1\]; 1 of 2"),
        (([], 10), ValueError, "one entry for each labelled row"),
        (([0.5, 0.5], 1), ValueError, "2 labelled rows, but pool_size=1"),
        (([0.5, 0.5], "ten"), TypeError, "pool_size"),
    ],
)
def test_bad_lure_weights_are_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        lure_weights(*arguments)
    with pytest.raises(ValueError, match="each number from 1 to 2 once"):
        lure_weights([0.5, 0.5], 10, order=[0, 1])
