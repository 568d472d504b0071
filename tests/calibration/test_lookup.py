"""Many scores looked up at once, against the functions of NumPy that they stand for."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skweight.calibration import (
    AnchoredCalibrator,
    AutoCalibrator,
    BetaCalibrator,
    IsotonicCalibrator,
    QuadraticCalibrator,
    SigmoidCalibrator,
    VennAbersCalibrator,
)
from skweight.calibration import _base as base
from skweight.calibration._engine import lookup

KNOTS = {
    "even": np.linspace(-3, 5, 100),
    "one": np.array([0.5]),
    "two": np.array([-1.0, 1.0]),
    "crowded": np.concatenate([np.linspace(0, 1e-6, 300), [0.5, 0.75, 1.0]]),
    "of normal rows": np.sort(np.random.default_rng(1).normal(size=5000)),
    "heavy tails": np.sort(np.random.default_rng(1).standard_cauchy(size=500)),
    "tiny": np.array([0.0, 1e-307, 2e-307]),
    "huge": np.array([-1.7e308, 0.0, 1.7e308]),
    "neighbours": np.array([1.0, np.nextafter(1.0, 2.0)]),
}


def scores_around(knots):
    """Return knots, their neighbours, and scores between and far outside of them."""
    rng = np.random.default_rng(0)
    between = rng.uniform(knots[0] / 2 - 1, knots[-1] / 2 + 1, size=3000)
    return np.concatenate(
        [
            between,
            rng.choice(knots, 3000),
            np.nextafter(knots, np.inf),
            np.nextafter(knots, -np.inf),
            [-1e308, 1e308, 0.0],
        ]
    )


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("name", KNOTS)
def test_positions_are_those_of_searchsorted(name, side):
    knots = KNOTS[name]
    scores = scores_around(knots)
    assert_array_equal(
        lookup.positions(knots, scores, side=side),
        np.searchsorted(knots, scores, side=side),
    )


@pytest.mark.parametrize("name", sorted(KNOTS.keys() - {"huge", "neighbours"}))
def test_interpolation_is_that_of_numpy(name):
    knots = KNOTS[name]
    values = np.sort(np.random.default_rng(2).normal(size=knots.size))
    scores = scores_around(knots)
    actual = lookup.interpolate(scores, knots, values)
    assert_allclose(actual, np.interp(scores, knots, values), rtol=1e-13, atol=1e-14)
    assert (np.diff(actual[np.argsort(scores)]) >= -1e-15).all()


def test_cells_are_made_for_many_scores_and_sensible_ranges_alone():
    assert lookup._cells_of(KNOTS["even"]) is not None
    for name in ("one", "huge", "tiny"):
        assert lookup._cells_of(KNOTS[name]) is None


def test_few_scores_are_searched_in_cells_of_several_knots_alone(monkeypatch):
    """Otherwise nothing would be gained: the count of searches, not the clock."""
    searched = []
    search = np.searchsorted

    def spy(knots, scores, side):
        searched.append(scores.size)
        return search(knots, scores, side=side)

    monkeypatch.setattr(np, "searchsorted", spy)
    scores = np.random.default_rng(0).uniform(-4, 6, size=50_000)
    lookup.positions(KNOTS["even"], scores)
    assert sum(searched) == 0
    uneven = np.sort(np.random.default_rng(1).normal(size=300))
    lookup.positions(uneven, np.random.default_rng(0).normal(size=50_000))
    assert 0 < sum(searched) < 0.2 * 50_000


@pytest.mark.parametrize(
    "calibrator",
    [
        AnchoredCalibrator("quadratic"),
        AutoCalibrator(),
        BetaCalibrator(),
        IsotonicCalibrator(),
        IsotonicCalibrator(centered=False),
        QuadraticCalibrator(),
        SigmoidCalibrator(),
        VennAbersCalibrator(),
    ],
    ids=repr,
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_blocks_of_rows_are_predicted_as_one(monkeypatch, calibrator, n_classes):
    rng = np.random.default_rng(0)
    y = rng.integers(n_classes, size=3000)
    scores = rng.normal(size=3000) + y if n_classes == 2 else rng.normal(size=(3000, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calibrator.fit(scores, y)
    whole = calibrator.predict_proba(scores)
    monkeypatch.setattr(base, "BLOCK", 700)
    assert_allclose(calibrator.predict_proba(scores), whole, rtol=1e-13)
    assert calibrator.predict_proba(scores[:0]).shape == (0, n_classes)


def test_scores_at_an_infinite_distance_are_outside():
    scores = np.tile([-1.7e308, 1.7e308], 2000)
    knots = np.array([1e308, 1.1e308, 1.2e308])
    actual = lookup.interpolate(scores, knots, np.array([1.0, 2.0, 3.0]))
    assert_array_equal(actual, np.tile([1.0, 3.0], 2000))
