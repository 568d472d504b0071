"""Calibration errors against brute force, closed forms, and their own noise."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from skweight.metrics import (
    brier_decomposition,
    calibration_error,
    calibration_in_the_large,
    calibration_metrics,
    cox_calibration,
    integrated_calibration_index,
    log_loss_decomposition,
    reliability_curve,
    smooth_calibration_error,
)
from skweight.metrics._calibration import equal_mass_bins

FIGURES = [
    calibration_error,
    smooth_calibration_error,
    integrated_calibration_index,
    calibration_in_the_large,
]
RECORDS = [
    reliability_curve,
    brier_decomposition,
    log_loss_decomposition,
    cox_calibration,
]
every = pytest.mark.parametrize("metric", [*FIGURES, *RECORDS, calibration_metrics])


def sample(rng, n, power=1.0, prevalence=0.5):
    """Return outcomes, predictions that are right for power one, and weights."""
    logit = rng.normal(np.log(prevalence / (1 - prevalence)), 1.5, n)
    p = 1 / (1 + np.exp(-logit))
    return rng.random(n) < p**power, p, rng.exponential(size=n)


def values(found):
    if isinstance(found, dict):
        found = tuple(found.values())
    return np.concatenate([np.ravel(item) for item in np.atleast_1d(found)])


# --- what all of them keep --------------------------------------------------------


@every
def test_the_unit_of_the_weights_changes_nothing(rng, metric):
    y, p, w = sample(rng, 400, power=2.0)
    once = values(metric(y, p, sample_weight=w))
    np.testing.assert_allclose(
        values(metric(y, p, sample_weight=1000 * w)), once, rtol=1e-6, atol=1e-9
    )
    assert not np.allclose(once, values(metric(y, p)), rtol=1e-3)


@every
def test_the_order_of_the_rows_changes_nothing(rng, metric):
    y, p, w = sample(rng, 400)
    p = p.round(2)  # ties in plenty
    order = rng.permutation(400)
    np.testing.assert_allclose(
        values(metric(y[order], p[order], sample_weight=w[order])),
        values(metric(y, p, sample_weight=w)),
        rtol=1e-6,
        atol=1e-9,
    )


@every
def test_rows_of_weight_zero_are_as_removed(rng, metric):
    y, p, w = sample(rng, 400)
    w[::3] = 0
    kept = w > 0
    np.testing.assert_allclose(
        values(metric(y, p, sample_weight=w)),
        values(metric(y[kept], p[kept], sample_weight=w[kept])),
    )


@pytest.mark.parametrize(
    "metric",
    [
        lambda *a, **k: calibration_error(*a, debias=False, **k),
        lambda *a, **k: calibration_error(*a, norm="l1", **k),
        lambda *a, **k: calibration_error(*a, norm="max", relative=True, **k),
        smooth_calibration_error,
        integrated_calibration_index,
        calibration_in_the_large,
        brier_decomposition,
        lambda *a, **k: log_loss_decomposition(*a, method="bins", **k),
        lambda *a, **k: cox_calibration(*a, **k)[:2],
        lambda *a, **k: reliability_curve(*a, **k)[:2],
    ],
)
def test_a_row_of_weight_two_is_the_row_twice(rng, metric):
    y, p, _ = sample(rng, 300)
    times = rng.integers(0, 4, 300)
    rows = np.repeat(np.arange(300), times)
    np.testing.assert_allclose(
        values(metric(y, p, sample_weight=times)),
        values(metric(y[rows], p[rows])),
        rtol=1e-6,
        atol=1e-9,
    )


@pytest.mark.in_turn(3)
@every
@pytest.mark.parametrize("labels", [["a", "b"], [-1, 1], [False, True], [7, 3]])
def test_labels_may_be_anything(rng, metric, labels):
    y, p, w = sample(rng, 200)
    named = np.where(y, labels[1], labels[0])
    expected = values(metric(y, p, sample_weight=w))
    actual = metric(named, p, sample_weight=w, pos_label=labels[1])
    np.testing.assert_allclose(values(actual), expected, rtol=1e-12)
    both = np.column_stack([1 - p, p])
    if labels[0] > labels[1]:
        both = both[:, ::-1]
    actual = metric(named, both, sample_weight=w, pos_label=labels[1])
    np.testing.assert_allclose(values(actual), expected, rtol=1e-12)
    actual = metric(
        named, both, sample_weight=w, labels=sorted(labels), pos_label=labels[1]
    )
    np.testing.assert_allclose(values(actual), expected, rtol=1e-12)


@pytest.mark.in_turn(3)
@every
@pytest.mark.parametrize(
    ("y", "p", "options", "words"),
    [
        ([0, 1], [0.1, 1.1], {}, "probabilities in"),
        ([0, 1], [0.1, np.nan], {}, "probabilities in"),
        ([0, 1], [0.1], {}, "one row for each of the 2 labels"),
        (["a", "b"], [0.1, 0.2], {}, "pos_label='b'"),
        (["a", "b"], [0.1, 0.2], {"pos_label": "c"}, "'c' is not among"),
        ([0, 1, 2], [0.1, 0.2, 0.3], {}, "a column for each label"),
        ([0, 1], np.full((2, 3), 1 / 3), {}, "labels=classifier.classes_"),
        ([0, 1], [0.1, 0.2], {"sample_weight": [1, -1]}, "negative"),
    ],
)
def test_bad_input_is_told(metric, y, p, options, words):
    with pytest.raises(ValueError, match=words):
        metric(y, p, **options)


@pytest.mark.parametrize("metric", FIGURES)
def test_classwise_is_each_class_against_the_rest(rng, metric):
    labels = np.array(["x", "y", "z"])
    proba = rng.dirichlet([2, 1, 0.5], 500)
    y = labels[(rng.random((500, 1)) > proba.cumsum(axis=1)).sum(axis=1)]
    each = [
        metric(y == label, column)
        for label, column in zip(labels, proba.T, strict=True)
    ]
    np.testing.assert_allclose(metric(y, proba, average="none"), each)
    assert metric(y, proba) == pytest.approx(np.mean(each))
    # A fold without rows of the last class knows its column by name.
    seen = y != "z"
    assert len(metric(y[seen], proba[seen], labels=labels, average="none")) == 3


@pytest.mark.parametrize("metric", [*RECORDS, calibration_metrics])
def test_records_are_about_one_class(metric):
    with pytest.raises(ValueError, match="of one class; got y_proba with 3 columns"):
        metric([0, 1, 2], np.full((3, 3), 1 / 3))


# --- bins ---------------------------------------------------------------------------


def test_bins_of_equal_rows_are_quantiles(rng):
    y, p, _ = sample(rng, 300)
    curve = reliability_curve(y, p, n_bins=5)
    frequency, mean = calibration_curve(y, p, n_bins=5, strategy="quantile")
    np.testing.assert_allclose(curve.frequency, frequency)
    np.testing.assert_allclose(curve.mean_proba, mean)
    np.testing.assert_allclose(curve.share, 0.2)
    np.testing.assert_allclose(curve.effective_rows, 60)


@given(
    p=st.lists(st.floats(0, 1), min_size=1, max_size=40),
    seed=st.integers(0, 1000),
    n_bins=st.integers(1, 12),
)
def test_bins_hold_equal_mass_and_never_part_ties(p, seed, n_bins):
    p = np.round(p, 1)
    w = np.random.default_rng(seed).exponential(size=p.size) + 1e-3
    bins = equal_mass_bins(p, w, n_bins)
    assert np.array_equal(np.unique(bins), np.arange(bins.max() + 1))
    assert bins.max() < n_bins
    assert (np.diff(bins[np.argsort(p, kind="stable")]) >= 0).all()
    for value in np.unique(p):
        assert np.unique(bins[p == value]).size == 1
    # No bin has more than its share and the halves of the values at its two ends.
    mass = np.bincount(bins, w)
    heaviest = max(w[p == value].sum() for value in p)
    assert mass.max() <= w.sum() / n_bins + heaviest + 1e-9


def test_intervals_are_wilsons():
    curve = reliability_curve([1] * 8 + [0] * 2, np.full(10, 0.5), n_bins=1)
    # Ten trials, eight successes: the textbook interval.
    assert curve.low[0] == pytest.approx(0.4901625)
    assert curve.high[0] == pytest.approx(0.9433178)
    weighted = reliability_curve([1, 0], [0.5, 0.5], sample_weight=[3, 1], n_bins=1)
    assert weighted.effective_rows[0] == pytest.approx(1.6)


def test_intervals_cover(rng):
    """Nine of ten, for weighted rows, within three standard errors of the count."""
    inside = total = 0
    for _ in range(60):
        y, p, w = sample(rng, 600)
        curve = reliability_curve(y, p, n_bins=6, sample_weight=w, confidence=0.9)
        inside += (curve.low <= curve.mean_proba) & (curve.mean_proba <= curve.high)
        total += 1
    assert np.all(np.abs(inside / total - 0.9) < 3 * np.sqrt(0.09 / 60) + 0.02)


# --- calibration error --------------------------------------------------------------


def test_errors_by_hand():
    y = [0, 0, 0, 1, 1, 1, 0, 1]
    p = [0.1, 0.1, 0.1, 0.1, 0.6, 0.6, 0.6, 0.6]
    w = [1, 1, 1, 1, 2, 2, 2, 2]
    miss = np.array([0.15, 0.15])  # .25 - .1 and .75 - .6
    by_name = {"sample_weight": w, "n_bins": 2, "debias": False}
    assert calibration_error(y, p, **by_name) == pytest.approx(0.15)
    assert calibration_error(y, p, norm="l1", **by_name) == pytest.approx(0.15)
    by_name["sample_weight"] = [1, 1, 1, 1, 3, 3, 3, 0]
    miss[1] = 2 / 3 - 0.6
    share = np.array([4, 9]) / 13
    assert calibration_error(y, p, norm="l1", **by_name) == pytest.approx(share @ miss)
    assert calibration_error(y, p, norm="max", **by_name) == pytest.approx(0.15)
    root = np.sqrt(share @ miss**2)
    assert calibration_error(y, p, **by_name) == pytest.approx(root)
    frequency = (1 + 6) / 13
    assert calibration_error(y, p, relative=True, **by_name) == pytest.approx(
        root / frequency
    )
    assert calibration_error(y, p, squared=True, **by_name) == pytest.approx(root**2)


def test_debiasing_takes_all_pairs_of_different_rows(rng):
    y, p, w = sample(rng, 60)
    bins = equal_mass_bins(p, w, 4)
    d = y - p
    total = 0.0
    for b in range(4):
        i = np.flatnonzero(bins == b)
        pairs = [(j, k) for j in i for k in i if j != k]
        top = sum(w[j] * w[k] * d[j] * d[k] for j, k in pairs)
        total += w[i].sum() / w.sum() * top / sum(w[j] * w[k] for j, k in pairs)
    error = calibration_error(y, p, sample_weight=w, n_bins=4, squared=True)
    assert error == pytest.approx(total)
    assert calibration_error(y, p, sample_weight=w, n_bins=4) == pytest.approx(
        np.sqrt(max(total, 0))
    )


def test_debiasing_equals_the_sample_variance_for_equal_weights(rng):
    y, p, _ = sample(rng, 50)
    d = y - p
    expected = d.mean() ** 2 - d.var(ddof=1) / 50
    assert calibration_error(y, p, n_bins=1, squared=True) == pytest.approx(expected)


def bias_in_standard_errors(n_seeds, weighted, prevalence, first_seed=0):
    """Return the mean squared error of perfect models over its standard error."""
    plain, debiased = [], []
    for seed in range(first_seed, first_seed + n_seeds):
        rng = np.random.default_rng(seed)
        y, p, w = sample(rng, 1000, prevalence=prevalence)
        by_name = {"sample_weight": w if weighted else None, "squared": True}
        plain.append(calibration_error(y, p, debias=False, **by_name))
        debiased.append(calibration_error(y, p, **by_name))
    return [
        np.mean(item) / (np.std(item, ddof=1) / np.sqrt(n_seeds))
        for item in (plain, debiased)
    ]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("prevalence", [0.5, 0.02])
def test_the_debiased_error_of_perfect_models_is_zero(weighted, prevalence):
    """200 seeds: unbiased within three standard errors, and the plain one is not."""
    plain, debiased = bias_in_standard_errors(200, weighted, prevalence)
    assert abs(debiased) < 3
    assert plain > 10


@pytest.mark.slow
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("prevalence", [0.5, 0.02])
def test_the_debiased_error_of_perfect_models_is_zero_many_seeds(weighted, prevalence):
    plain, debiased = bias_in_standard_errors(3000, weighted, prevalence, 1000)
    assert abs(debiased) < 3
    assert plain > 50


def test_the_debiased_error_of_a_wrong_model_is_that_of_many_rows(rng):
    y, p, _ = sample(rng, 400_000, power=2.0)
    many = calibration_error(y, p, squared=True, debias=False)
    few = [
        calibration_error(y, p, squared=True)
        for seed in range(200)
        for y, p, _ in [sample(np.random.default_rng(seed), 500, power=2.0)]
    ]
    error = np.std(few) / np.sqrt(200)
    assert np.mean(few) == pytest.approx(many, abs=3 * error + 0.02 * many)


def test_bins_that_rest_on_one_row_join_a_neighbour():
    y, p = [0, 1, 0, 1], [0.1, 0.2, 0.7, 0.8]
    # The heavy row is a bin by itself, first, in the middle or last.
    for heavy in range(4):
        w = np.ones(4)
        w[heavy] = 100.0
        assert np.isfinite(calibration_error(y, p, sample_weight=w, squared=True))
    with pytest.raises(ValueError, match="at least two rows of positive weight"):
        calibration_error([1], [0.4])
    assert calibration_error([1], [0.4], debias=False) == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"norm": "l3"}, "norm must be one of"),
        ({"norm": "l1", "debias": True}, "cannot be debiased.*debias=False"),
        ({"norm": "max", "squared": True}, "cannot be squared.*squared=False"),
        ({"debias": "yes"}, "debias must be 'auto', True or False"),
        ({"n_bins": 0}, "n_bins must be a number"),
        ({"average": "micro"}, "average must be one of"),
    ],
)
def test_options_of_the_calibration_error(options, words):
    with pytest.raises(ValueError, match=words):
        calibration_error([0, 1, 1], [0.2, 0.5, 0.7], **options)
    with pytest.raises(ValueError, match="no row of positive weight has that class"):
        calibration_error([0, 0], [0.2, 0.5], relative=True)


# --- smooth ---------------------------------------------------------------------------


def smooth_by_quadrature(y, p, w):
    t = (np.arange(2000) + 0.5) / 2000
    images = [sign * p + 2 * k for k in range(-2, 3) for sign in (1, -1)]

    def error(h):
        kernel = sum(np.exp(-0.5 * ((t[:, None] - q) / h) ** 2) for q in images)
        return np.abs(kernel @ (w * (y - p)) / w.sum()).mean() / h / np.sqrt(2 * np.pi)

    low, high = 1e-3, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if error(middle) > middle else (low, middle)
    return low


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_the_smooth_error_is_its_integral(rng, power):
    y, p, w = sample(rng, 80, power)
    error = smooth_calibration_error(y, p, sample_weight=w)
    assert error == pytest.approx(smooth_by_quadrature(y, p, w), abs=1e-4)


def test_the_smooth_error_of_a_constant_shift():
    p = np.full(1000, 0.3)
    y = np.arange(1000) < 500
    # All misses at one place, with one sign: their sum at any resolution.
    assert smooth_calibration_error(y, p) == pytest.approx(0.2, abs=1e-4)
    assert smooth_calibration_error([0, 1], [0.0, 1.0]) == 0


# --- integrated calibration index -----------------------------------------------------


def test_local_regression_is_a_fit_at_every_point(rng):
    y, p, _ = sample(rng, 80)
    distance = []
    for at in p:
        away = np.abs(p - at)
        reach = np.sort(away)[int(0.75 * 80) - 1]
        kernel = np.maximum(1 - (away / reach) ** 3, 0) ** 3
        fit = np.polyfit(p - at, y, 2, w=np.sqrt(kernel))[-1]
        distance.append(abs(at - np.clip(fit, 0, 1)))
    assert integrated_calibration_index(y, p) == pytest.approx(np.mean(distance))
    for quantile in (0.5, 0.9, 1.0):
        actual = integrated_calibration_index(y, p, quantile=quantile)
        assert actual == pytest.approx(np.sort(distance)[int(quantile * 80) - 1])


def test_the_index_finds_the_true_distance(rng):
    p = rng.random(30_000)
    y = rng.random(30_000) < p**2
    assert integrated_calibration_index(y, p) == pytest.approx(1 / 6, abs=0.01)
    assert integrated_calibration_index(y, p, quantile=1) == pytest.approx(
        0.25, abs=0.03
    )


@pytest.mark.parametrize("p", [[0.3] * 6, [0.2, 0.2, 0.2, 0.6, 0.6, 0.6]])
def test_few_distinct_predictions_have_their_frequencies(p):
    y = [0, 0, 1, 1, 1, 0]
    frequency = {value: np.mean(np.array(y)[np.array(p) == value]) for value in set(p)}
    expected = np.mean([abs(value - frequency[value]) for value in p])
    assert integrated_calibration_index(y, p, span=0.5) == pytest.approx(expected)


# --- decompositions -------------------------------------------------------------------


@pytest.mark.parametrize("decompose", [brier_decomposition, log_loss_decomposition])
@pytest.mark.parametrize("method", ["isotonic", "bins"])
def test_the_parts_add_up_to_the_score(rng, decompose, method):
    from sklearn.metrics import brier_score_loss, log_loss

    y, p, w = sample(rng, 500, power=2.0)
    parts = decompose(y, p, method=method, sample_weight=w)
    score = brier_score_loss if decompose is brier_decomposition else log_loss
    assert parts.score == pytest.approx(score(y, p, sample_weight=w))
    rebuilt = parts.miscalibration - parts.discrimination + parts.uncertainty
    assert rebuilt == pytest.approx(parts.score)
    assert min(parts) > 0
    # A score of a map that is increasing is that of recalibration by the same map.
    again = decompose(y, p**3, method=method, sample_weight=w)
    assert again.discrimination == pytest.approx(parts.discrimination)
    assert again.miscalibration != pytest.approx(parts.miscalibration)


def test_bins_of_ties_are_murphys_reliability_and_resolution():
    y = np.array([0, 0, 0, 1, 1, 1, 0, 1])
    p = np.repeat([0.1, 0.6], 4)
    parts = brier_decomposition(y, p, method="bins", n_bins=2)
    frequency = np.array([0.25, 0.75])
    assert parts.miscalibration == pytest.approx(np.mean(([0.1, 0.6] - frequency) ** 2))
    assert parts.discrimination == pytest.approx(np.mean((frequency - 0.5) ** 2))
    assert parts.uncertainty == pytest.approx(0.25)


def test_certainty_that_is_wrong_is_finite():
    parts = log_loss_decomposition([0, 1], [1.0, 0.0])
    assert parts.score == pytest.approx(-np.log(np.finfo(float).eps), rel=1e-3)


# --- Cox ------------------------------------------------------------------------------


def test_cox_finds_what_was_done_to_the_log_odds(rng):
    y, p, w = sample(rng, 40_000)
    logit = np.log(p / (1 - p))
    by_name = {"sample_weight": w}
    actual = cox_calibration(y, 1 / (1 + np.exp(-2 * logit)), **by_name)
    assert actual.slope == pytest.approx(0.5, abs=4 * actual.slope_error)
    shifted = cox_calibration(y, 1 / (1 + np.exp(-logit - 1.5)), **by_name)
    assert shifted.intercept == pytest.approx(-1.5, abs=4 * shifted.intercept_error)
    assert shifted.slope == pytest.approx(1, abs=4 * shifted.slope_error)
    assert max(actual.slope_error, shifted.intercept_error) < 0.05


def test_cox_solves_its_equations(rng):
    """At the optimum the misses are orthogonal to the log odds and to one."""
    y, p, w = sample(rng, 500, power=2.0)
    logit = np.log(p / (1 - p))
    actual = cox_calibration(y, p, sample_weight=w)
    shifted = 1 / (1 + np.exp(-logit - actual.intercept))
    assert w @ (y - shifted) / w.sum() == pytest.approx(0, abs=1e-9)
    # The intercept that goes with the slope is not told; it solves one equation.
    from scipy.optimize import brentq

    def miss(a):
        return w @ (y - 1 / (1 + np.exp(-a - actual.slope * logit)))

    fitted = 1 / (1 + np.exp(-brentq(miss, -9, 9, xtol=1e-13) - actual.slope * logit))
    assert w @ ((y - fitted) * logit) / w.sum() == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("weighted", [False, True])
def test_cox_of_many_rows_is_exact_and_its_errors_nearly(rng, weighted):
    """The fit of many rows starts on cells of the log odds, and does not end there."""
    y, p, w = sample(rng, 40_000, power=2.0)
    w = w if weighted else np.ones(y.size)
    actual = cox_calibration(y, p, sample_weight=w if weighted else None)
    logit = np.log(p / (1 - p))
    share = w / w.sum()
    design = np.column_stack([logit, np.ones(y.size)])
    theta = np.zeros(2)
    for _ in range(30):  # Newton, spelled out
        proba = 1 / (1 + np.exp(-design @ theta))
        curve = design.T @ (design * (share * proba * (1 - proba))[:, np.newaxis])
        theta += np.linalg.solve(curve, design.T @ (share * (y - proba)))
    scores = design * (share * (y - proba))[:, np.newaxis]
    inverse = np.linalg.inv(curve)
    error = np.sqrt((inverse @ scores.T @ scores @ inverse)[0, 0])
    assert actual.slope == pytest.approx(theta[0], abs=1e-8)
    assert actual.slope_error == pytest.approx(error, rel=1e-3)
    shifted = 1 / (1 + np.exp(-logit - actual.intercept))
    assert share @ (y - shifted) == pytest.approx(0, abs=1e-9)


def test_classes_that_only_rows_tell_apart_have_an_infinite_slope():
    """They meet within one of the cells that stand for many rows."""
    logit = np.linspace(-5, 5, 40_000)
    y = logit > 0.0001
    assert cox_calibration(y, 1 / (1 + np.exp(-logit))).slope == np.inf
    y[:1] = True
    assert np.isfinite(cox_calibration(y, 1 / (1 + np.exp(-logit))).slope)


@pytest.mark.parametrize(
    ("metric", "most"),
    [(calibration_error, 0.1), (calibration_metrics, 1.1), (cox_calibration, 0)],
)
def test_how_many_rows_are_sorted(rng, metric, most):
    """Only the decomposition sorts all rows, and once."""
    y, p, w = sample(rng, 30_000)
    with mock.patch.object(np, "argsort", wraps=np.argsort) as sorts:
        metric(y, p, sample_weight=w)
    assert sum(call.args[0].size for call in sorts.call_args_list) <= most * p.size
    assert all(call.kwargs.get("kind") is None for call in sorts.call_args_list)


@pytest.mark.parametrize("n_bins", [1, 4, 15, 400])
@pytest.mark.parametrize("digits", [1, 2, 9])
def test_bins_follow_from_the_middle_of_the_mass_of_a_value(rng, n_bins, digits):
    _, p, w = sample(rng, 300)
    p = p.round(digits)
    below = np.array([w[p < value].sum() + w[p == value].sum() / 2 for value in p])
    exact = n_bins * below / w.sum()
    sure = np.abs(exact - exact.round()) > 1e-9
    expected = np.unique(np.floor(exact), return_inverse=True)[1]
    assert np.array_equal(equal_mass_bins(p, w, n_bins)[sure], expected[sure])


def test_standard_errors_are_those_of_repeated_samples():
    collected = [
        cox_calibration(y, p, sample_weight=w)
        for seed in range(300)
        for y, p, w in [sample(np.random.default_rng(seed), 500)]
    ]
    for value, error in (("slope", "slope_error"), ("intercept", "intercept_error")):
        spread = np.std([getattr(record, value) for record in collected])
        stated = np.mean([getattr(record, error) for record in collected])
        assert stated == pytest.approx(spread, rel=0.15)


def test_cox_at_the_edges():
    apart = cox_calibration([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.7])
    assert apart.slope == np.inf
    assert np.isfinite(apart.intercept)
    reverse = cox_calibration([1, 1, 0, 0], [0.1, 0.2, 0.6, 0.7])
    assert reverse.slope == -np.inf
    constant = cox_calibration([0, 0, 1, 1], np.full(4, 0.2))
    assert np.isnan(constant.slope)
    assert constant.intercept == pytest.approx(np.log(4))
    single = cox_calibration([0, 0], [0.3, 0.4], pos_label=1)
    assert (single.intercept, np.isnan(single.slope)) == (-np.inf, True)
    sure = cox_calibration([0, 1, 0, 1], [0.0, 1.0, 1.0, 0.0])
    assert np.isfinite(sure.intercept)
    assert sure.slope == pytest.approx(0, abs=1e-6)


def test_in_the_large_is_a_ratio_of_means(rng):
    y, p, w = sample(rng, 100)
    expected = np.average(p, weights=w) / np.average(y, weights=w)
    assert calibration_in_the_large(y, p, sample_weight=w) == pytest.approx(expected)
    assert calibration_in_the_large([0, 0], [0.1, 0.2]) == np.inf


def test_all_metrics_at_once_are_each_by_itself(rng):
    y, p, w = sample(rng, 300)
    by_name = {"sample_weight": w}
    actual = calibration_metrics(y, p, n_bins=7, **by_name)
    assert actual["calibration_error"] == calibration_error(y, p, n_bins=7, **by_name)
    assert actual["smooth_calibration_error"] == smooth_calibration_error(
        y, p, **by_name
    )
    assert actual["slope"] == cox_calibration(y, p, **by_name).slope
    assert actual["intercept"] == cox_calibration(y, p, **by_name).intercept
    brier = brier_decomposition(y, p, **by_name)
    assert actual["brier"] == brier.score
    assert actual["brier_discrimination"] == brier.discrimination
    loss = log_loss_decomposition(y, p, **by_name)
    assert actual["log_loss_miscalibration"] == loss.miscalibration
    assert actual["calibration_in_the_large"] == calibration_in_the_large(
        y, p, **by_name
    )
    assert actual["prevalence"] == pytest.approx(np.average(y, weights=w))
