"""What holds for any rows whatsoever (hypothesis looks for the exception)."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from sklearn.base import clone
from sklearn.metrics import roc_auc_score

from skweight.calibration import (
    AnchoredCalibrator,
    IsotonicCalibrator,
    QuadraticCalibrator,
    SigmoidCalibrator,
    TemperatureCalibrator,
)
from skweight.testing import all_estimators

# The closed form looks at no row, which is what these tests are about.
CALIBRATORS = [
    calibrator
    for calibrator in all_estimators("calibrator").values()
    if getattr(calibrator, "needs_held_out_scores", True)
]
# A dozen calibrators share one solver, and so the examples.
some = settings(max_examples=12)
each = pytest.mark.parametrize("calibrator", CALIBRATORS, ids=repr)

# Rows without a class or without a ranking are part of "any rows".
pytestmark = pytest.mark.filterwarnings(
    "ignore::skweight.exceptions.CalibrationWarning"
)

SCORE = st.one_of(
    st.floats(-30, 30),
    st.integers(-3, 3).map(float),
    st.floats(-1e150, 1e150),
    st.sampled_from([0.0, 5e-324, -1e-300, 1e-16, 1 + 1e-16, 1e8, -1e8]),
)
WEIGHT = st.one_of(st.just(0.0), st.floats(0.1, 10), st.floats(1e-12, 1e12))


@st.composite
def any_rows(draw, n_classes=None):
    """Return (scores, y, weight): anything that the contract allows."""
    k = draw(st.integers(2, 5)) if n_classes is None else n_classes
    n = draw(st.integers(1, 25))
    shape = (n,) if k == 2 else (n, k)
    scores = draw(hnp.arrays(float, shape, elements=SCORE))
    y = draw(hnp.arrays(int, n, elements=st.integers(0, k - 1)))
    weight = draw(hnp.arrays(float, n, elements=WEIGHT))
    weight[draw(st.integers(0, n - 1))] = 1.0
    return scores, y, weight, np.arange(k)


@st.composite
def decent_rows(draw):
    """Return rows of both classes on which the scores rank a little."""
    seed = draw(st.integers(0, 2**32 - 1))
    n = draw(st.integers(20, 200))
    spread = draw(st.sampled_from([1e-6, 1.0, 50.0]))
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    y = (rng.random(n) < expit(3 * truth)).astype(int)
    y[truth.argmin()], y[truth.argmax()] = 0, 1
    return spread * truth, y, rng.exponential(size=n) + 0.01


@each
@some
@given(rows=any_rows())
def test_probabilities_are_probabilities(calibrator, rows):
    scores, y, weight, classes = rows
    calibrator = clone(calibrator).fit(scores, y, weight, classes=classes)
    new = np.concatenate([scores, scores / 3, -scores])
    proba = calibrator.predict_proba(new)
    assert proba.shape == (len(new), len(classes))
    assert np.isfinite(proba).all()
    assert (proba > 0).all()
    assert (proba < 1).all()
    assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)


@each
@some
@given(rows=any_rows(n_classes=2))
def test_a_higher_score_is_never_a_lower_probability(calibrator, rows):
    scores, y, weight, classes = rows
    calibrator = clone(calibrator).fit(scores, y, weight, classes=classes)
    line = np.sort(np.concatenate([scores, np.linspace(-40, 40, 81)]))
    # One rounding of a slope of 1e300 is more than nothing.
    steps = np.diff(calibrator.predict_proba(line)[:, 1])
    assert (steps >= -1e-12).all()


@pytest.mark.parametrize(
    "calibrator",
    [
        AnchoredCalibrator(),
        AnchoredCalibrator("quadratic"),
        QuadraticCalibrator(),
        SigmoidCalibrator(),
        IsotonicCalibrator(),
        TemperatureCalibrator(),
    ],
    ids=repr,
)
@some
@given(rows=decent_rows())
def test_the_ranking_is_kept(calibrator, rows):
    scores, y, weight = rows
    proba = clone(calibrator).fit(scores, y, weight).predict_proba(scores)[:, 1]
    # Weights may turn the ranking of twenty rows round; a constant map is then right.
    assume(np.ptp(proba) > 0)
    assert_allclose(roc_auc_score(y, proba), roc_auc_score(y, scores), rtol=1e-12)


@pytest.mark.in_turn(2)
@each
@some
@given(rows=decent_rows(), power=st.integers(-60, 60))
def test_scale_of_weights_is_exactly_nothing_in_powers_of_two(calibrator, rows, power):
    scores, y, weight = rows
    expected = clone(calibrator).fit(scores, y, weight).predict_proba(scores)
    scaled = clone(calibrator).fit(scores, y, weight * 2.0**power)
    assert_array_equal(scaled.predict_proba(scores), expected)


@pytest.mark.in_turn(2)
@each
@some
@given(rows=decent_rows(), data=st.data())
def test_permutation(calibrator, rows, data):
    scores, y, weight = rows
    order = np.array(data.draw(st.permutations(range(len(y)))))
    expected = clone(calibrator).fit(scores, y, weight).predict_proba(scores)
    shuffled = clone(calibrator).fit(scores[order], y[order], weight[order])
    assert_allclose(shuffled.predict_proba(scores), expected, rtol=1e-8)


@pytest.mark.parametrize(
    "calibrator",
    [SigmoidCalibrator(), QuadraticCalibrator(), TemperatureCalibrator()],
    ids=repr,
)
@some
@given(
    rows=decent_rows(),
    factor=st.floats(1e-5, 1e5),
    shift=st.floats(-1e3, 1e3),
)
def test_units_of_the_scores(calibrator, rows, factor, shift):
    scores, y, weight = rows
    expected = clone(calibrator).fit(scores, y, weight).predict_proba(scores)
    scores = scores / np.abs(scores).max()
    other = factor * (scores + shift)
    proba = clone(calibrator).fit(other, y, weight).predict_proba(other)
    assert_allclose(proba, expected, rtol=1e-5)
