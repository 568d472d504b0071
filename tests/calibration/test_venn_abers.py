"""Venn-Abers against the isotonic fits that it stands for, one by one."""

import numpy as np
import pytest
from effective_rows import effective, row_mass
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import isotonic_regression
from scipy.special import expit

from skweight.calibration import VennAbersCalibrator

pytestmark = pytest.mark.filterwarnings(
    "ignore::skweight.exceptions.CalibrationWarning"
)


def one_by_one(scores, y, weight, new):
    """Return p0 and p1 by two isotonic fits for every new score."""
    weight = effective(weight, y)
    mass_of = row_mass(weight, y)
    interval = np.empty((len(new), 2))
    for row, score in zip(interval, new, strict=True):
        for label in (0, 1):
            knots, tie = np.unique(np.append(scores, score), return_inverse=True)
            added = np.append(weight, mass_of[label])
            mass = np.bincount(tie, added)
            hits = np.bincount(tie, added * np.append(y, label))
            fit = isotonic_regression(hits / mass, weights=mass).x
            row[label] = fit[np.searchsorted(knots, score)]
    return interval[:, 0], interval[:, 1]


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 60),
    step=st.sampled_from([None, 0.5, 2.0]),
    weights=st.sampled_from(["none", "even", "wild"]),
    steepness=st.sampled_from([0.0, 1.0, 5.0, -3.0]),
)
def test_it_equals_two_fits_for_every_score(seed, n, step, weights, steepness):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=n)
    new = np.concatenate([scores, rng.normal(size=10), [-9.0, 9.0]])
    if step:
        scores, new = np.round(scores / step) * step, np.round(new / step) * step
    y = (rng.random(n) < expit(steepness * scores)).astype(int)
    weight = np.ones(n)
    if weights == "wild":
        weight = np.exp(3 * rng.normal(size=n))
    calibrator = VennAbersCalibrator().fit(
        scores, y, None if weights == "none" else weight, classes=[0, 1]
    )
    lower, upper = calibrator.predict_interval(new)
    p0, p1 = one_by_one(scores, y, weight, new)
    assert_allclose(lower[:, 1], p0, rtol=0, atol=1e-12)
    assert_allclose(upper[:, 1], p1, rtol=0, atol=1e-12)
    assert_allclose(lower[:, 0], 1 - p1, rtol=0, atol=1e-12)
    assert_allclose(upper[:, 0], 1 - p0, rtol=0, atol=1e-12)


def test_a_row_of_nearly_no_weight(rng):
    """Its weight is lost in the sum of the others, and it is still a knot."""
    scores, y = np.append(np.zeros(11), 1.0), np.append(0, np.ones(11, dtype=int))
    weight = np.append(1.0, np.append(np.full(10, 1126.0), 1e-12))
    calibrator = VennAbersCalibrator().fit(scores, y, weight)
    lower, upper = calibrator.predict_interval([0.0, 0.5, 1.0])
    assert (np.diff(lower[:, 1]) >= 0).all()
    assert ((lower > -1e-12) & (lower <= upper) & (upper < 1 + 1e-12)).all()


def test_many_rows_with_many_blocks(rng):
    """Large enough that tangents pass the end of their own block."""
    scores = rng.normal(size=3000)
    y = (rng.random(3000) < expit(2 * scores)).astype(int)
    weight = rng.exponential(size=3000)
    calibrator = VennAbersCalibrator().fit(scores, y, weight)
    new = np.linspace(-4, 4, 60)
    lower, upper = calibrator.predict_interval(new)
    p0, p1 = one_by_one(scores, y, weight, new)
    assert_allclose(lower[:, 1], p0, rtol=0, atol=1e-12)
    assert_allclose(upper[:, 1], p1, rtol=0, atol=1e-12)


def test_the_probability_lies_in_the_interval_and_is_the_minimax_one(rng):
    scores = rng.normal(size=300)
    y = (rng.random(300) < expit(scores)).astype(int)
    calibrator = VennAbersCalibrator().fit(scores, y)
    new = np.linspace(-5, 5, 101)
    lower, upper = calibrator.predict_interval(new)
    proba = calibrator.predict_proba(new)
    assert (lower <= proba).all()
    assert (proba <= upper).all()
    # The regret in log loss is the same for either label.
    for_0 = np.log1p(-lower[:, 1]) - np.log(proba[:, 0])
    for_1 = np.log(upper[:, 1]) - np.log(proba[:, 1])
    assert_allclose(for_0, for_1, atol=1e-12)


def test_one_of_the_two_is_calibrated(rng):
    """Theorem 1 of the paper: the expectation of the right one is the frequency."""
    seen = np.zeros((400, 2))
    for row in seen:
        scores = rng.normal(size=41)
        y = (rng.random(41) < expit(1.5 * scores - 1)).astype(int)
        calibrator = VennAbersCalibrator().fit(scores[:40], y[:40], classes=[0, 1])
        lower, upper = calibrator.predict_interval(scores[40:])
        row[:] = y[40], (upper if y[40] else lower)[0, 1]
    difference = seen[:, 0] - seen[:, 1]
    assert abs(difference.mean()) < 3 * difference.std() / 400**0.5


def test_the_interval_narrows_with_rows(rng):
    widths = []
    for n in (50, 500, 5000):
        scores = rng.normal(size=n)
        y = (rng.random(n) < expit(scores)).astype(int)
        lower, upper = VennAbersCalibrator().fit(scores, y).predict_interval([0.0])
        widths.append(upper[0, 1] - lower[0, 1])
    assert widths[0] > 2 * widths[1] > 4 * widths[2]


def test_three_classes(rng):
    scores = 2 * rng.normal(size=(900, 3))
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    calibrator = VennAbersCalibrator().fit(scores, y)
    lower, upper = calibrator.predict_interval(scores)
    assert lower.shape == upper.shape == (900, 3)
    assert (lower < upper).all()
    middle = (lower + upper) / 2
    proba = calibrator.predict_proba(scores)
    assert np.abs(proba - middle / middle.sum(axis=1, keepdims=True)).max() < 0.08
    assert_array_equal(lower[:5], calibrator.predict_interval(scores[:5])[0])


@pytest.mark.parametrize("far", [1e12, 1e14, -1e30, 1e300])
def test_one_huge_score_leaves_the_others_apart(rng, far):
    """Rounding is measured by most scores: the rest must not become a single tie."""
    scores = np.append(rng.normal(size=200), far)
    y = (rng.random(201) < expit(scores)).astype(int)
    calibrator = VennAbersCalibrator().fit(scores, y)
    new = np.linspace(-3, 3, 25)
    lower, upper = calibrator.predict_interval(new)
    p0, p1 = one_by_one(scores, y, np.ones(201), new)
    assert_allclose(lower[:, 1], p0, rtol=0, atol=1e-12)
    assert_allclose(upper[:, 1], p1, rtol=0, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_point_of_the_mean_has_the_frequency_of_the_class(weighted, n_classes, rng):
    """The minimax point overstates a rare class; both lie in the interval."""
    logit = rng.normal([0, -2, -3][:n_classes], 1.5, size=(600, n_classes))
    y = (logit + rng.gumbel(size=logit.shape)).argmax(axis=1)
    scores = logit[:, 1] - logit[:, 0] if n_classes == 2 else logit
    weight = rng.exponential(size=600) if weighted else None
    frequency = np.average(y == n_classes - 1, weights=weight)
    ratio = {}
    for point in ("minimax", "mean"):
        calibrator = VennAbersCalibrator(point=point).fit(scores, y, weight)
        proba = calibrator.predict_proba(scores)[:, -1]
        ratio[point] = np.average(proba, weights=weight) / frequency
        if n_classes == 2:
            lower, upper = calibrator.predict_interval(scores)
            assert (lower[:, 1] <= proba + 1e-12).all()
            assert (proba <= upper[:, 1] + 1e-12).all()
    assert ratio["minimax"] > 1.02
    # Three classes are divided by the sum of their curves.
    assert abs(ratio["mean"] - 1) < (1e-9 if n_classes == 2 else 0.02)


@pytest.mark.slow
def test_the_point_of_the_mean_is_right_on_new_rows_and_costs_no_log_loss():
    """16 positives in 400 rows, 200 draws; a true frequency of 4 %."""
    rng = np.random.default_rng(0)
    logit = rng.normal(-4.2, 1.5, size=20_000)
    p = expit(logit)
    mean, loss = {"minimax": [], "mean": []}, {"minimax": [], "mean": []}
    for _ in range(200):
        drawn = rng.choice(20_000, 400, replace=False)
        y = rng.random(400) < p[drawn]
        for point in mean:
            calibrator = VennAbersCalibrator(point=point)
            calibrator.fit(logit[drawn], y, classes=[False, True])
            q = calibrator.predict_proba(logit)[:, 1]
            mean[point].append(q.mean() / p.mean())
            loss[point].append(-(p * np.log(q) + (1 - p) * np.log1p(-q)).mean())
    assert np.mean(mean["minimax"]) > 1.1
    assert abs(np.mean(mean["mean"]) - 1) < 0.05
    assert np.mean(loss["mean"]) < 1.01 * np.mean(loss["minimax"])
