"""Rows of weight zero move nothing, and finite weights never make NumPy warn."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from skweight.exceptions import CalibrationWarning
from skweight.testing import all_estimators

CALIBRATORS = all_estimators("calibrator")
LARGEST, SMALLEST = np.finfo(float).max, 5e-324

# What a weight may be: any finite number that is not negative.
WEIGHTS = {
    "largest": lambda n, rng: np.full(n, LARGEST),
    "smallest": lambda n, rng: np.full(n, SMALLEST),
    "both": lambda n, rng: np.where(np.arange(n) % 2, LARGEST, SMALLEST),
    "one huge": lambda n, rng: np.where(np.arange(n) == 7, 1e300, 1.0),
    "one tiny": lambda n, rng: np.where(np.arange(n) == 7, 1e-300, 1.0),
    "any size": lambda n, rng: 10.0 ** rng.uniform(-300, 300, n),
    "heavy tail": lambda n, rng: rng.pareto(0.2, n) + 1e-3,
    "one row counts": lambda n, rng: (np.arange(n) == 3).astype(float),
    "two rows count": lambda n, rng: (np.arange(n) < 2).astype(float),
}
SCORES = {
    "as usual": lambda scores: scores,
    "tied": lambda scores: np.round(scores),
    "one": lambda scores: 0 * scores,
    "huge": lambda scores: 1e200 * scores,
    "tiny": lambda scores: 1e-300 * scores,
    "far apart": lambda scores: np.where(scores > 0, scores + 1e6, scores),
}
# Where a row may lie whose weight is zero.
ZEROS = {
    "anywhere": lambda scores, y, rng: rng.random(y.size) < 0.3,
    "at the ends": lambda scores, y, rng: np.abs(scores.reshape(y.size, -1)[:, 0]) > 1,
    "of one class": lambda scores, y, rng: y == 1,
    "most": lambda scores, y, rng: rng.random(y.size) < 0.9,
}


def rows(n_classes, n=120):
    rng = np.random.default_rng(n_classes)
    scores = rng.normal(size=(n, n_classes))
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    return (scores[:, 1] - scores[:, 0] if n_classes == 2 else scores), y


def fit(calibrator, scores, y, weight, n_classes):
    known = {"classes": np.arange(n_classes)}
    if has_fit_parameter(calibrator, "class_multiplier"):
        known["class_multiplier"] = np.arange(1, n_classes + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        return clone(calibrator).fit(scores, y, weight, **known)


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("where", ZEROS)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", CALIBRATORS)
def test_rows_of_weight_zero_move_nothing(name, n_classes, where):
    scores, y = rows(n_classes)
    rng = np.random.default_rng(0)
    zero = ZEROS[where](scores, y, rng)
    weight = np.where(zero, 0.0, rng.exponential(size=y.size))
    with_zeros = fit(CALIBRATORS[name], scores, y, weight, n_classes)
    rest = (scores[~zero], y[~zero], weight[~zero])
    without = fit(CALIBRATORS[name], *rest, n_classes)
    assert_array_equal(with_zeros.predict_proba(scores), without.predict_proba(scores))
    # Nor does what is written there.
    moved = scores.copy()
    moved[zero] = 1e9
    again = fit(CALIBRATORS[name], moved, y, weight, n_classes)
    assert_array_equal(with_zeros.predict_proba(scores), again.predict_proba(scores))


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", CALIBRATORS)
def test_no_finite_weight_makes_numpy_warn(name, n_classes, kind):
    scores, y = rows(n_classes)
    weight = WEIGHTS[kind](y.size, np.random.default_rng(1))
    # A third of the scores for each, in a turn that is another than that of the cases,
    # so that every calibrator and every kind of weights meets every kind of scores.
    turn = [*CALIBRATORS].index(name) // 3 + [*WEIGHTS].index(kind) // 3 + n_classes
    for change in list(SCORES.values())[turn % 3 :: 3]:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            fitted = fit(CALIBRATORS[name], change(scores), y, weight, n_classes)
            proba = fitted.predict_proba(change(scores))
        assert ((proba > 0) & (proba < 1)).all()
        assert np.abs(proba.sum(axis=1) - 1).max() < 1e-9
