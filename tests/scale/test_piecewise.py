"""The map of a calibrator as plain numbers, and as SQL that a database runs."""

import sqlite3

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skweight.calibration import (
    AnchoredCalibrator,
    BetaCalibrator,
    IsotonicCalibrator,
    SigmoidCalibrator,
    TemperatureCalibrator,
    VennAbersCalibrator,
)
from skweight.scale import PiecewiseMap

CALIBRATORS = {
    "sigmoid": SigmoidCalibrator(),
    "sigmoid without bounds": SigmoidCalibrator(bounded=False),
    "beta": BetaCalibrator(),
    "anchored": AnchoredCalibrator("quadratic"),
    "isotonic": IsotonicCalibrator(),
}


@pytest.fixture
def rows(rng):
    logit = rng.normal(-2, 2, 20_000)
    return logit * 1.3 + 2, rng.random(20_000) < 1 / (1 + np.exp(-logit))


def log_odds(proba):
    return np.log(proba[:, 1]) - np.log(proba[:, 0])


@pytest.mark.parametrize("tol", [1e-2, 1e-4])
@pytest.mark.parametrize("calibrator", CALIBRATORS.values(), ids=list(CALIBRATORS))
def test_the_map_is_within_its_tolerance(calibrator, tol, rows):
    calibrator.fit(*rows)
    knots = PiecewiseMap.of(calibrator, tol=tol)
    scores = np.linspace(-20, 20, 100_001)
    off = log_odds(knots.predict_proba(scores)) - log_odds(
        calibrator.predict_proba(scores)
    )
    assert np.abs(off).max() < 2 * tol
    assert knots.scores.size < 2000


def test_a_straight_line_needs_two_knots(rows):
    calibrator = SigmoidCalibrator(bounded=False).fit(*rows)
    assert PiecewiseMap.of(calibrator).scores.tolist() == [-20, 20]
    # With two classes temperature scaling is the same map.
    other = TemperatureCalibrator(bounded=False).fit(*rows)
    assert_allclose(
        PiecewiseMap.of(other).log_odds, PiecewiseMap.of(calibrator).log_odds
    )


def test_jumps_are_kept_on_their_side(rows):
    scores, y = rows[0][:3000], rows[1][:3000]
    calibrator = VennAbersCalibrator().fit(scores, y)
    knots = PiecewiseMap.of(calibrator)
    at = np.concatenate([scores, scores - 1e-6, scores + 1e-6])
    off = log_odds(knots.predict_proba(at)) - log_odds(calibrator.predict_proba(at))
    assert np.abs(off).max() < 2e-3


def test_steps_are_kept(rows):
    calibrator = IsotonicCalibrator(centered=False).fit(*rows)
    knots = PiecewiseMap.of(calibrator)
    p = calibrator.predict_proba(rows[0])[:, 1]
    assert_allclose(knots.predict_proba(rows[0])[:, 1], p, atol=2e-3)


def run_sql(expression, scores):
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE t (i INTEGER, score DOUBLE)")
        rows = enumerate(scores.tolist())
        database.executemany("INSERT INTO t VALUES (?, ?)", rows)
        actual = database.execute(f"SELECT {expression} FROM t ORDER BY i").fetchall()
    database.close()
    return np.array([value for (value,) in actual])


@pytest.mark.parametrize("calibrator", CALIBRATORS.values(), ids=list(CALIBRATORS))
def test_a_database_computes_the_same(calibrator, rows):
    knots = PiecewiseMap.of(calibrator.fit(*rows))
    scores = np.append(np.linspace(-30, 30, 1001), knots.scores)
    p = knots.predict_proba(scores)[:, 1]
    assert_allclose(run_sql(knots.sql("score"), scores), p, rtol=1e-9)
    labels = run_sql(knots.sql("score", threshold=0.2), scores)
    clear = np.abs(p - 0.2) > 1e-12
    assert_array_equal(labels[clear], (p >= 0.2)[clear])


def test_labels_are_written_as_literals():
    knots = PiecewiseMap([-1, 1], [-1, 1], ["it's", "no"])
    actual = run_sql(knots.sql("score", threshold=0.5), np.array([-1.0, 1.0]))
    assert actual.tolist() == ["it's", "no"]
    knots = PiecewiseMap([-1, 1], [-1, 1], [3, 7])
    assert knots.sql("z", threshold=1.0) == "3"
    assert knots.sql("z", threshold=0.0) == "7"
    assert "THEN TRUE ELSE FALSE" in PiecewiseMap([-1, 1], [-1, 1], [False, True]).sql(
        "z", threshold=0.5
    )


def test_what_is_no_map_is_refused():
    for scores, values in (([0], [1]), ([1, 0], [0, 1]), ([0, 1], [0, np.inf])):
        with pytest.raises(ValueError, match="at least two knots"):
            PiecewiseMap(scores, values, [0, 1])
    with pytest.raises(ValueError, match="needs two classes"):
        PiecewiseMap([0, 1], [0, 1], [0, 1, 2])
    three = TemperatureCalibrator().fit(np.eye(3), [0, 1, 2])
    with pytest.raises(ValueError, match="one map for each class against the rest"):
        PiecewiseMap.of(three)
    with pytest.raises(ValueError, match="low must be below high"):
        PiecewiseMap.of(three, low=3, high=-3)
