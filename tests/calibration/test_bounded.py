"""Tails no longer than the rows can show, of every map with a formula."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, logit, rel_entr
from sklearn.base import clone

from skweight.calibration import (
    AnchoredCalibrator,
    BetaCalibrator,
    QuadraticCalibrator,
    SigmoidCalibrator,
    TemperatureCalibrator,
)
from skweight.calibration._engine.numerics import Tails, soften_tails

each = pytest.mark.parametrize(
    "calibrator",
    [
        AnchoredCalibrator(),
        AnchoredCalibrator("quadratic"),
        BetaCalibrator(),
        QuadraticCalibrator(),
        SigmoidCalibrator(),
        TemperatureCalibrator(),
    ],
    ids=repr,
)


@pytest.fixture
def rows(rng):
    """Scores far too sure in the tails, where there are no rows to tell."""
    scores = rng.normal(-3, 1.5, size=2000)
    return scores, (rng.random(2000) < expit(scores)).astype(int)


@each
def test_inside_the_bounds_nothing_changes_and_beyond_the_tails_are_short(
    calibrator, rows
):
    scores, y = rows
    line = np.linspace(-40, 40, 401)
    free = clone(calibrator).set_params(bounded=False).fit(scores, y)
    free = free.predict_proba(line)[:, 1]
    bound = clone(calibrator).fit(scores, y).predict_proba(line)[:, 1]
    low, high = 1 / ((y == 0).sum() + 2), (y.sum() + 1) / (y.sum() + 2)
    inside = (free >= low) & (free <= high)
    assert 50 < inside.sum() < 200
    assert_array_equal(bound[inside], free[inside])
    assert (np.diff(bound) > 0).all()
    assert bound[0] > low / 10
    assert bound[-1] < 1 - (1 - high) / 10
    assert free[0] < 1e-3 * low


def test_the_formula():
    """With n = 300, g is 3: a distance d beyond the bound becomes log(1 + 3 d) / 3."""
    tails = Tails.of(np.array([201.0, 99.0]), np.ones(2))
    inside = np.array([-5.0, 0.0, 4.0])
    assert_array_equal(soften_tails(inside.copy(), tails), inside)
    beyond = soften_tails(np.array([np.log(100) + 5.0, -np.log(202) - 5.0]), tails)
    more = np.log1p(15) / 3
    assert_allclose(beyond, [np.log(100) + more, -np.log(202) - more])


def test_without_rows_nothing_is_bounded():
    far = np.array([-50.0, 50.0])
    without = AnchoredCalibrator().fit(classes=[0, 1]).predict_proba(far)
    assert_allclose(without[:, 1], expit(far))
    few = soften_tails(far.copy(), Tails.of(np.full(2, 0.01), np.ones(2)))
    assert_allclose(few, far, rtol=0.1)


def test_rows_of_unequal_weight_show_what_their_weights_let_them(rng):
    """1000 rows of each class, those of one weighing 500 as much: by hand."""
    y = np.repeat([0, 1], 1000)
    weight = np.where(y == 1, 1.0, 500.0)
    calibrator = SigmoidCalibrator().fit(rng.normal(size=2000) + y, y, weight)
    low, high, _ = calibrator._tails
    # One row of the class against all others, and all of it against one other.
    assert_allclose(low, -np.log(1001 * 500), rtol=1e-9)
    assert_allclose(high, np.log(1001 / 500), rtol=1e-9)


def test_effective_rows_are_what_counts(rng):
    """A thousand rows of which ten have all the weight show no more than ten."""
    scores = rng.normal(size=1000)
    y = (rng.random(1000) < expit(scores)).astype(int)
    weight = np.where(np.arange(1000) < 10, 1.0, 1e-9)
    y[:10] = [0, 1] * 5
    many = SigmoidCalibrator().fit(scores, y).predict_proba([1e3])[0, 1]
    few = SigmoidCalibrator().fit(np.abs(scores) * (2 * y - 1), y, weight)
    assert logit(few.predict_proba([30.0])[0, 1]) > np.log(6)
    assert_allclose(few.class_count_.sum(), 10, rtol=1e-3)
    assert many < 1 - 1 / 5000


@pytest.mark.parametrize("calibrator", [SigmoidCalibrator(), AnchoredCalibrator()])
def test_an_over_sure_model_with_few_rows_is_believed_less(calibrator, rng):
    """Why it is the default: mean log loss added to that of the best map, per cent."""

    def draw(n):
        truth = rng.normal(-5.2, 1.6, size=n)
        return np.where(truth < -5, 4 * truth + 15, truth), expit(truth)

    new, p = draw(20_000)
    entropy = -(p * np.log(p) + (1 - p) * np.log1p(-p)).mean()
    added = {True: [], False: []}
    for _ in range(60):
        scores, chance = draw(300)
        y = (rng.random(300) < chance).astype(int)
        y[scores.argmax()] = 1
        for bounded, values in added.items():
            calibrator = clone(calibrator).set_params(bounded=bounded).fit(scores, y)
            q = calibrator.predict_proba(new)[:, 1]
            divergence = rel_entr(p, q) + rel_entr(1 - p, 1 - q)
            values.append(100 * divergence.mean() / entropy)
    assert np.mean(added[True]) < 0.97 * np.mean(added[False])
