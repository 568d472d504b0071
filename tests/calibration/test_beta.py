"""The beta map against a general minimiser over slopes of zero or more."""

import numpy as np
import pytest
from effective_rows import effective
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from skweight.calibration import BetaCalibrator
from skweight.exceptions import CalibrationWarning


@pytest.mark.parametrize(
    ("low", "high"),
    [(1.0, 1.0), (1.5, 0.5), (0.4, 2.0), (-0.8, 1.5), (1.5, -0.8)],
    ids=str,
)
def test_it_is_the_minimum_over_slopes_of_zero_or_more(low, high, rng):
    """Where a slope would be below zero, it is zero and the rest is fitted again."""
    scores = rng.normal(0, 2, size=4000)
    weight = rng.exponential(size=4000)
    up, down = log_expit(scores), -log_expit(-scores)
    y = (rng.random(4000) < expit(low * up + high * down)).astype(int)
    calibrator = BetaCalibrator(bounded=False).fit(scores, y, weight)
    weight = effective(weight, y)
    positive, negative = weight[y == 1].sum(), weight[y == 0].sum()
    target = np.where(y == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(x):
        logit = x[0] * up + x[1] * down + x[2]
        slope = weight * (expit(logit) - target)
        value = weight @ (np.logaddexp(0, logit) - target * logit)
        gradient = np.array([slope @ up, slope @ down, slope.sum()])
        return value / 4000, gradient / 4000

    best = minimize(
        loss,
        [1.0, 1.0, 0.0],
        jac=True,
        bounds=[(0, None), (0, None), (None, None)],
        options={"ftol": 1e-15, "gtol": 1e-10},
    )
    assert_allclose(calibrator.curves_[0].theta, best.x, atol=1e-4)
    if min(low, high) < 0:
        assert calibrator.curves_[0].theta[:2].min() == 0


def test_scores_beyond_all_digits_keep_their_order(rng):
    scores = rng.normal(size=500)
    y = (rng.random(500) < expit(scores)).astype(int)
    calibrator = BetaCalibrator(bounded=False).fit(scores, y)
    far = calibrator.predict_proba([-300.0, -200.0, -100.0, -40.0])[:, 1]
    assert (np.diff(np.log(far)) > 10).all()


def test_reversed_scores_are_told(rng):
    scores = rng.normal(size=500)
    y = (rng.random(500) < expit(-3 * scores)).astype(int)
    with pytest.warns(CalibrationWarning, match="every row gets the class freq"):
        calibrator = BetaCalibrator().fit(scores, y)
    assert_allclose(calibrator.predict_proba([-5.0, 5.0])[:, 1], y.mean(), rtol=0.01)


@pytest.mark.parametrize("far", [1e3, 1e5, 1e7, 1e12])
@pytest.mark.parametrize("n", [2000, 20_000])
def test_one_outlying_score_leaves_the_map_of_the_others(far, n, rng):
    """It is what its label says, so that nothing but rounding stands in the way."""
    scores = rng.normal(0, 2, size=n)
    y = (rng.random(n) < expit(scores)).astype(int)
    expected = BetaCalibrator().fit(scores, y).predict_proba([-3.0, 0.0, 3.0])
    scores[0], y[0] = far, 1
    proba = BetaCalibrator().fit(scores, y).predict_proba([-3.0, 0.0, 3.0])
    assert_allclose(proba, expected, atol=0.02)
