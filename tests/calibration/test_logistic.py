"""The logistic fits: exact on many rows, at one pass over them."""

import numpy as np
import pytest
from scipy.special import expit

from skweight.calibration._beta import OddAndEven
from skweight.calibration._engine import logistic
from skweight.calibration._engine.newton import Ridge
from skweight.calibration._quadratic import Bend

N_ROWS = 40_000


def objective_of(kind, scores, weighted=False, seed=0):
    """Return the objective of rows whose log odds bend a little."""
    rng = np.random.default_rng(seed)
    truth = np.clip(0.8 * scores - 1 + 0.05 * scores * np.abs(scores), -30, 30)
    codes = (rng.random(N_ROWS) < expit(truth)).astype(np.uint8)
    weight = np.broadcast_to(np.float64(1), N_ROWS)
    if weighted:
        weight = rng.exponential(size=N_ROWS)
    standard = logistic.standardise(scores, weight)
    basis = {
        "affine": logistic.Affine(standard),
        "bend": Bend(standard, scores),
        "odd and even": OddAndEven(standard.scale),
    }[kind]
    return logistic.LogisticObjective(
        basis, scores, codes, weight, np.array([0.001, 0.999]), standard
    )


SCORES = {
    "normal": lambda rng: rng.normal(-1, 1.5, size=N_ROWS),
    "votes": lambda rng: rng.integers(-20, 21, size=N_ROWS) / 7,
    "one outlier": lambda rng: np.append(rng.normal(size=N_ROWS - 1), 300.0),
    "heavy tails": lambda rng: np.clip(rng.standard_t(2, N_ROWS), -200, 200),
    "far from zero": lambda rng: rng.normal(50, 1, size=N_ROWS) - 50 + 3,
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["affine", "bend", "odd and even"])
@pytest.mark.parametrize("name", SCORES)
def test_the_gradient_over_all_rows_vanishes(name, kind, weighted):
    """To far less than the cells of the first fit leave, which is the second claim."""
    objective = objective_of(kind, SCORES[name](np.random.default_rng(1)), weighted)
    start = objective.constant(n_features=1 if kind == "affine" else 2)
    actual = logistic.fit_logistic(objective, start)
    on_cells = logistic.newton(objective.cells, start)
    # In units of the parameters: how far the minimum still is.
    off, off_of_cells = (
        np.abs(logistic.newton_step(*objective.slopes(theta))).max()
        for theta in (actual, on_cells)
    )
    assert off < 1e-7
    assert off < 0.01 * off_of_cells


def test_a_ridge_is_part_of_the_minimum():
    objective = objective_of("affine", SCORES["normal"](np.random.default_rng(1)))

    def shape(objective):
        return Ridge(objective, 0.05 * np.eye(2), np.array([3.0, 1.0]))

    actual = logistic.fit_logistic(objective, objective.constant(), shape=shape)
    step = logistic.newton_step(*shape(objective).slopes(actual))
    assert np.abs(step).max() < 1e-7


@pytest.mark.parametrize("kind", ["affine", "bend", "odd and even"])
def test_many_rows_are_passed_over_once(monkeypatch, kind):
    """By the gradient alone; all else is done on the cells."""
    objective = objective_of(kind, SCORES["normal"](np.random.default_rng(1)))
    passes = []
    for name in ("gradient", "slopes", "value"):
        method = getattr(logistic.LogisticObjective, name)

        def spy(self, theta, name=name, method=method):
            if self.scores.shape[0] == N_ROWS:
                passes.append(name)
            return method(self, theta)

        monkeypatch.setattr(logistic.LogisticObjective, name, spy)
    logistic.fit_logistic(objective, objective.constant(1 + (kind != "affine")))
    assert passes == ["gradient"]


def test_cells_that_do_not_stand_for_the_rows_are_left(monkeypatch):
    """Half of the spread is that of few rows beyond the reach of all cells."""
    monkeypatch.setattr(logistic, "_REACH", 0.5)
    objective = objective_of("affine", SCORES["normal"](np.random.default_rng(1)))
    actual = logistic.fit_logistic(objective, objective.constant())
    assert np.abs(logistic.newton_step(*objective.slopes(actual))).max() < 1e-7
