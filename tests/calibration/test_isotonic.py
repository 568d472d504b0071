"""Isotonic calibration against scikit-learn, brute force and closed forms."""

import numpy as np
import pytest
from effective_rows import effective, row_mass
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose
from scipy.special import expit, logit, softmax
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_auc_score

from skweight.calibration import IsotonicCalibrator, TemperatureCalibrator
from skweight.exceptions import CalibrationWarning

WHOLE_CURVE = [-100.0, *np.linspace(-5, 5, 201), 100.0]


def blocks():
    """Return the calibrator whose curve has flat blocks."""
    return IsotonicCalibrator(centered=False)


@st.composite
def tied_rows(draw):
    """Few distinct scores, so that ties abound; both classes; weights of any scale."""
    n = draw(st.integers(2, 40))
    scores = draw(hnp.arrays(float, n, elements=st.integers(-4, 4).map(float)))
    y = draw(hnp.arrays(int, n, elements=st.integers(0, 1)))
    y[:2] = [0, 1]
    weight = draw(hnp.arrays(float, n, elements=st.sampled_from([0.25, 1, 2, 7])))
    return scores, y, weight


def bounds(y, weight):
    """Return one row of the class against all others, and all against one other."""
    effect, (rest, of_class) = effective(weight, y), row_mass(weight, y)
    positive, negative = effect[y == 1].sum(), effect[y == 0].sum()
    return of_class / (negative + rest + of_class), (positive + of_class) / (
        positive + of_class + rest
    )


@given(tied_rows())
@pytest.mark.filterwarnings("ignore::skweight.exceptions.CalibrationWarning")
def test_it_is_scikit_learns_curve_inside_the_bounds(rows):
    scores, y, weight = rows
    ours = blocks().fit(scores, y, weight)
    low, high = bounds(y, weight)
    theirs = IsotonicRegression(y_min=low, y_max=high, out_of_bounds="clip")
    expected = theirs.fit(scores, y, weight).predict(WHOLE_CURVE)
    assert_allclose(ours.predict_proba(WHOLE_CURVE)[:, 1], expected, rtol=1e-9)


@given(tied_rows())
@pytest.mark.filterwarnings("ignore::skweight.exceptions.CalibrationWarning")
def test_it_is_the_max_min_formula(rows):
    """f(s_i) = max over a <= i of min over b >= i of the mean of y in a..b."""
    scores, y, weight = rows
    levels = np.unique(scores)
    mass = np.array([weight[scores == level].sum() for level in levels])
    hits = np.array([weight[(scores == level) & (y == 1)].sum() for level in levels])
    size = len(levels)
    expected = [
        max(
            min(hits[a : b + 1].sum() / mass[a : b + 1].sum() for b in range(i, size))
            for a in range(i + 1)
        )
        for i in range(size)
    ]
    proba = blocks().fit(scores, y, weight).predict_proba(levels)[:, 1]
    assert_allclose(proba, np.clip(expected, *bounds(y, weight)), rtol=1e-9)


def test_the_bounds_are_laplaces():
    scores = np.arange(10.0)
    y = (scores >= 7).astype(int)
    proba = blocks().fit(scores, y).predict_proba([-50.0, 50.0])[:, 1]
    assert_allclose(proba, [1 / 9, 4 / 5])
    # The same rows counted by weights of which one has nearly all: three rows with
    # the label, and as many as one more, against a single one without.
    weight = np.where(scores == 0, 1.0, 1e-12)
    proba = blocks().fit(scores, y, weight).predict_proba([50.0])[0, 1]
    assert_allclose(proba, 4e-12, rtol=1e-9)


@given(tied_rows())
@pytest.mark.filterwarnings("ignore::skweight.exceptions.CalibrationWarning")
def test_centered_curves_rise_strictly_inside_the_bounds(rows):
    scores, y, weight = rows
    calibrator = IsotonicCalibrator().fit(scores, y, weight)
    [curve] = calibrator.curves_
    assert (np.diff(curve.scores) > 0).all()
    assert (np.diff(curve.log_odds) > 0).all()
    low, high = bounds(y, weight)
    ends = expit(curve.log_odds[[0, -1]])
    assert low * (1 - 1e-12) <= ends[0] <= ends[1] <= high * (1 + 1e-12)
    assert (curve.scores[0], curve.scores[-1]) == (scores.min(), scores.max())


def test_a_centered_curve_by_hand():
    """With the two pseudo-rows the blocks are 1/3, 1/2, 2/3 at -5/3, 1/2, 8/3."""
    calibrator = IsotonicCalibrator()
    calibrator.fit([-2, -1, 0, 1, 2, 3], [0, 0, 1, 0, 1, 1])
    [curve] = calibrator.curves_
    assert_allclose(curve.scores, [-2, -5 / 3, 1 / 2, 8 / 3, 3])
    # The tails rise by 1 / (mass of the block + 1) of the way to the bounds 1/5, 4/5.
    tail = (1 / 3 - 1 / 5) / 4
    proba = [1 / 3 - tail, 1 / 3, 1 / 2, 2 / 3, 2 / 3 + tail]
    assert_allclose(expit(curve.log_odds), proba)
    # Between the knots the log odds are straight.
    halfway = calibrator.predict_proba([(1 / 2 + 8 / 3) / 2])[0, 1]
    assert_allclose(logit(halfway), (logit(1 / 2) + logit(2 / 3)) / 2)


def test_centered_keeps_the_ranking_that_blocks_lose(rng):
    scores = rng.normal(size=2000)
    y = rng.random(2000) < expit(scores - 2)
    before = roc_auc_score(y, scores)
    flat = blocks().fit(scores, y).predict_proba(scores)[:, 1]
    centered = IsotonicCalibrator().fit(scores, y)
    assert roc_auc_score(y, centered.predict_proba(scores)[:, 1]) == before
    assert len(np.unique(flat)) < 200
    assert len(np.unique(centered.predict_proba(scores)[:, 1])) == 2000


@pytest.mark.parametrize("centered", [False, True])
def test_it_follows_a_curve_that_no_sigmoid_follows(centered, rng):
    scores = rng.uniform(-2, 2, size=50_000)
    truth = np.where(scores < 0, 0.05, 0.3 + 0.2 * scores)
    y = rng.random(50_000) < truth
    calibrator = IsotonicCalibrator(centered=centered).fit(scores, y)
    error = np.abs(calibrator.predict_proba(scores)[:, 1] - truth)
    assert error.mean() < 0.02


@pytest.mark.parametrize("centered", [False, True])
def test_reversed_scores_are_told(centered):
    calibrator = IsotonicCalibrator(centered=centered)
    with pytest.warns(CalibrationWarning, match="every row gets the class") as caught:
        calibrator.fit(np.arange(50.0), np.arange(50) < 20)
    assert caught[0].filename == __file__
    proba = calibrator.predict_proba(np.arange(50.0))[:, 1]
    assert_allclose(proba, 0.4, atol=0.03)


@pytest.mark.parametrize("centered", [False, True])
def test_a_single_score(centered):
    calibrator = IsotonicCalibrator(centered=centered).fit(np.ones(4), [0, 0, 0, 1])
    expected = 2 / 6 if centered else 1 / 4
    assert_allclose(calibrator.predict_proba([0.0, 1.0, 9.0])[:, 1], expected)


def test_neighbouring_doubles_are_ties():
    """Their reciprocal distance overflows, and the curve would be NaN between them."""
    calibrator = blocks().fit([0.0, 5e-324, 1.0], [0, 1, 1])
    assert np.isfinite(calibrator.predict_proba([0.0, 5e-324, 1e-300])).all()


# --- Three classes and more -----------------------------------------------------------


@pytest.mark.parametrize("centered", [False, True])
def test_many_classes_are_a_joint_map_and_one_curve_each(centered, rng):
    scores = rng.normal(size=(400, 3))
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    weight = rng.exponential(size=400)
    joint = TemperatureCalibrator().fit(scores, y, weight)
    odds = logit(joint.predict_proba(scores))
    curves = [
        IsotonicCalibrator(centered=centered)
        .fit(odds[:, code], y == code, weight)
        .predict_proba(odds[:, code])[:, 1]
        for code in range(3)
    ]
    expected = np.column_stack(curves)
    expected /= expected.sum(axis=1, keepdims=True)
    calibrator = IsotonicCalibrator(centered=centered).fit(scores, y, weight)
    assert_allclose(calibrator.predict_proba(scores), expected, rtol=1e-6)


def test_class_weights_are_undone_before_the_curves(rng):
    """The odds against a re-weighted rest rank rows wrongly, which no curve mends."""
    frequency = np.array([0.9, 0.07, 0.03])
    truth = rng.normal(size=(20_000, 3)) + np.log(frequency)
    y = (truth + rng.gumbel(size=truth.shape)).argmax(axis=1)
    proba = softmax(truth, axis=1)
    balanced = truth - np.log(frequency)
    calibrator = blocks().fit(balanced, y)
    with_joint_map = np.abs(calibrator.predict_proba(balanced) - proba).mean()
    columns = [
        blocks().fit(odds, y == code).predict_proba(odds)[:, 1]
        for code, odds in enumerate(logit(softmax(balanced, axis=1)).T)
    ]
    one_versus_rest = np.column_stack(columns) / np.sum(columns, axis=0)[:, np.newaxis]
    without = np.abs(one_versus_rest - proba).mean()
    assert with_joint_map < 0.01
    assert without > 2 * with_joint_map


def test_reversed_scores_of_many_classes(rng):
    scores = rng.normal(size=(300, 3))
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    calibrator = blocks()
    with pytest.warns(CalibrationWarning, match="every row gets the class") as caught:
        calibrator.fit(-scores, y)
    assert caught[0].filename == __file__
    proba = calibrator.predict_proba(scores)
    assert_allclose(proba, np.tile(np.bincount(y) / 300, (300, 1)), atol=0.01)


def test_a_constant_added_to_a_row_changes_nothing(rng):
    """Whole numbers give many ties, which rounding must not rank."""
    scores = rng.integers(-3, 3, size=(300, 3)).astype(float)
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    expected = blocks().fit(scores, y).predict_proba(scores)
    moved = scores + rng.integers(-8, 8, size=(300, 1))
    calibrator = blocks().fit(moved, y)
    assert_allclose(calibrator.predict_proba(moved), expected, rtol=1e-9)


def test_the_classes_whose_curves_are_constant_are_named():
    """Score 2 falls where class c is; the others still rank, and so the joint map."""
    scores = np.repeat([[4, 0, 1], [0, 4, 1], [3, 1, 0], [1, 3, 0]], 50, axis=0)
    y = np.repeat(["a", "b", "c", "c"], 50)
    y[::10] = "a"
    y[5::10] = "b"
    with pytest.warns(
        CalibrationWarning, match=r"curves of \['c'\] are const"
    ) as caught:
        blocks().fit(scores, y)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("prevalence", [0.02, 0.3])
def test_the_mean_of_a_centered_curve_is_the_frequency(prevalence, rng):
    """Of heavy ties to the right of their knots too, as rows that are one row make."""
    scores = rng.normal(np.log(prevalence / (1 - prevalence)), 1.5, size=4000)
    scores = np.where(rng.random(4000) < 0.3, np.quantile(scores, 0.9), scores)
    y = (rng.random(4000) < expit(scores)).astype(int)
    weight = rng.exponential(size=4000)
    calibrator = IsotonicCalibrator().fit(scores, y, weight)
    mean = np.average(calibrator.predict_proba(scores)[:, 1], weights=weight)
    # But for the two rows of doubt.
    assert_allclose(mean, np.average(y, weights=weight), rtol=2 / y.sum())
