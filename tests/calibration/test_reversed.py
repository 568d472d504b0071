"""Scores that rank the wrong way round: who is to blame, by how much, said once."""

import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import log_softmax, logit

from skweight.calibration import (
    AnchoredCalibrator,
    AutoCalibrator,
    BetaCalibrator,
    IsotonicCalibrator,
    QuadraticCalibrator,
    SigmoidCalibrator,
    StructuredMatrixScalingCalibrator,
    TemperatureCalibrator,
    VectorScalingCalibrator,
    VennAbersCalibrator,
)
from skweight.calibration._engine.merged import merge_scores, ranks_backwards
from skweight.exceptions import CalibrationWarning

EVERY = [
    AnchoredCalibrator(),
    AnchoredCalibrator("quadratic"),
    AutoCalibrator(),
    BetaCalibrator(),
    IsotonicCalibrator(),
    IsotonicCalibrator(centered=False),
    QuadraticCalibrator(),
    SigmoidCalibrator(),
    StructuredMatrixScalingCalibrator(),
    TemperatureCalibrator(),
    VectorScalingCalibrator(),
    VennAbersCalibrator(),
]
LABELS = np.array(["ash", "birch", "cedar"])
every = pytest.mark.parametrize("calibrator", EVERY, ids=repr)


def draw(rng, n_classes, factor):
    scores = rng.normal(size=(600, n_classes)) + np.array([1.0, 0.0, -0.5])[:n_classes]
    y = LABELS[(2 * scores + rng.gumbel(size=scores.shape)).argmax(axis=1)]
    scores = log_softmax(scores * factor, axis=1)
    return scores[:, 1] - scores[:, 0] if n_classes == 2 else scores, y


def only_warning(calibrator, *arguments, **known):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        calibrator.fit(*arguments, **known)
    (record,) = caught
    return record.category, str(record.message)


def distances(scores, y, weight):
    """Return how far each class scores above the others, from the definition."""
    if scores.ndim == 1:
        columns = {np.unique(y)[1]: scores}
    else:
        scores = scores - scores.mean(axis=1, keepdims=True)
        columns = dict(zip(LABELS, scores.T, strict=True))
    by_name = {}
    for label, column in columns.items():
        mean = np.average(column, weights=weight)
        deviation = np.average((column - mean) ** 2, weights=weight) ** 0.5
        in_class = y == label
        inside = np.average(column[in_class], weights=weight[in_class])
        others = np.average(column[~in_class], weights=weight[~in_class])
        by_name[label] = (inside - others) / deviation
    return by_name


@pytest.mark.in_turn(2)
@every
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("factor", [-6.0, -1e-3])
def test_the_worst_class_is_named_with_its_distance(calibrator, n_classes, factor, rng):
    scores, y = draw(rng, n_classes, factor)
    weight = rng.exponential(size=600)
    # Where the inversion is a prior, a small slope is no evidence against it.
    category, message = only_warning(calibrator, 100 * scores, y, weight)
    assert category is CalibrationWarning
    match = re.search(
        r"rows of class '(\w+)' score (\d\.\d\d) standard deviations lower than the "
        r"others on average\. Therefore (?:every row gets|most rows get nearly) the",
        message,
    )
    expected = distances(scores, y, weight)
    worst = min(expected, key=expected.get)
    assert match[1] == worst
    assert_allclose(float(match[2]), -expected[worst], atol=0.006)


@pytest.mark.parametrize(
    "calibrator",
    [
        AnchoredCalibrator(),
        AutoCalibrator(),
        SigmoidCalibrator(),
        StructuredMatrixScalingCalibrator(),
        VectorScalingCalibrator(),
    ],
    ids=repr,
)
def test_a_slope_that_would_be_negative_is_told(calibrator, rng):
    scores = 3 * rng.normal(size=(3000, 3))
    y = LABELS[(scores * [1, 1, -1] + rng.gumbel(size=scores.shape)).argmax(axis=1)]
    category, message = only_warning(calibrator, scores, y)
    assert category is CalibrationWarning
    assert re.search(
        r"rows of class 'cedar' would need a slope of -\d[\d.e-]*\. Therefore all cl",
        message,
    )


def test_a_slope_is_in_units_of_the_scores(rng):
    """The sigmoid fits slopes in units of the one that all classes would share."""
    scores = 3 * rng.normal(size=(3000, 3))
    y = (scores * [1, 1, -1] + rng.gumbel(size=scores.shape)).argmax(axis=1)
    collected = [
        float(re.search(r"slope of (-\d+\.?\d*(?:e-?\d+)?)", message)[1])
        for factor in (1, 100)
        for _, message in [only_warning(SigmoidCalibrator(ridge=0), factor * scores, y)]
    ]
    assert_allclose(collected[0], 100 * collected[1], rtol=0.5)


@pytest.mark.parametrize(
    "calibrator",
    [BetaCalibrator(), IsotonicCalibrator(), QuadraticCalibrator()],
    ids=repr,
)
def test_a_constant_curve_is_told_by_its_own_odds(calibrator, rng):
    scores = 3 * rng.normal(size=(3000, 3))
    y = LABELS[(scores * [1, 1, -1] + rng.gumbel(size=scores.shape)).argmax(axis=1)]
    category, message = only_warning(calibrator, scores, y)
    assert category is CalibrationWarning
    match = re.search(
        r"class 'cedar' score (0\.\d\d) standard deviations lower than the others on "
        r"average\. Therefore the curves of \['cedar'\] are constant",
        message,
    )
    odds = logit(TemperatureCalibrator().fit(scores, y).predict_proba(scores)[:, 2])
    expected = -distances(odds, y == "cedar", np.ones(3000))[True]
    assert_allclose(float(match[1]), expected, atol=0.006)


@pytest.mark.parametrize("calibrator", [IsotonicCalibrator(), VennAbersCalibrator()])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_curve_that_rises_at_its_ends_alone_is_no_ranking(calibrator, weighted):
    """One row at an end keeps a reversed curve from being constant."""
    steps = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        scores = rng.normal(size=300)
        y = scores + rng.logistic(size=300) < 0
        weight = rng.exponential(size=300) if weighted else None
        category, message = only_warning(calibrator, scores, y, weight)
        assert category is CalibrationWarning
        assert "standard deviations lower" in message
        steps += "Therefore most rows get nearly the class frequencies" in message
    if isinstance(calibrator, VennAbersCalibrator):
        assert steps > 0


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rare", [0.5, 0.05])
def test_scores_that_say_nothing_seldom_rank_backwards(weighted, rare):
    """Two standard errors: 2.3 % of such samples, within three of 1000 draws."""
    alarms = 0
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        scores, codes = rng.normal(size=400), rng.uniform(size=400) < rare
        weight = rng.exponential(size=400) if weighted else np.ones(400)
        sums, squares = (np.bincount(codes, weight**k) for k in (1, 2))
        merged = merge_scores(scores, codes, weight)
        alarms += ranks_backwards(merged, sums**2 / squares)
    assert 0.009 < alarms / 1000 < 0.037


def test_scores_that_so_few_rows_cannot_tell_apart_are_higher_all_the_same():
    """The rows of doubt at both ends outweigh a distance that is there."""
    scores, y = [0.0, 1.0, 2.0, 3.0], ["no", "yes", "no", "yes"]
    _, message = only_warning(IsotonicCalibrator(), scores, y)
    assert "class 'yes' score only 0.89 standard deviations higher than" in message


@every
def test_rows_of_one_class_rank_nothing(calibrator):
    """That a class is missing is said, once, and a ranking is not spoken of."""
    scores = np.linspace(1, 30, 20)
    for sign in (1, -1):
        for there in ("ash", "birch"):
            category, message = only_warning(
                calibrator, sign * scores, np.full(20, there), classes=LABELS[:2]
            )
            assert category is CalibrationWarning
            assert "no calibration row of positive weight" in message


@pytest.mark.parametrize("n_rows", [12, 400])
def test_a_missing_class_is_told_once_by_the_mixture(n_rows, rng):
    scores, y = draw(rng, 3, 1.0)
    scores, y = scores[y != "birch"][:n_rows], y[y != "birch"][:n_rows]
    category, message = only_warning(AutoCalibrator(), scores, y, classes=LABELS)
    assert category is CalibrationWarning
    assert message.startswith("AutoCalibrator: no calibration row")
    assert "the label ['birch']" in message


def test_a_missing_class_and_a_reversed_ranking_are_two_things(rng):
    scores, y = draw(rng, 3, -9.0)
    scores, y = scores[y != "birch"], y[y != "birch"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        AutoCalibrator().fit(scores, y, classes=LABELS)
    assert [record.category for record in caught] == [
        CalibrationWarning,
        CalibrationWarning,
    ]


@every
def test_what_nobody_is_told_is_not_computed(calibrator, rng, monkeypatch):
    monkeypatch.setattr("skweight.calibration._base._lowest", None)
    calibrator.fit(*draw(rng, 2, 1.0))
    calibrator.fit(*draw(rng, 3, 1.0))
