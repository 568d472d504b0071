"""Calibrators and figures from sums are those from rows."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit
from sklearn.metrics import log_loss, roc_auc_score

from skweight import CostMatrix, metrics
from skweight.calibration import (
    AnchoredCalibrator,
    AutoCalibrator,
    BetaCalibrator,
    IsotonicCalibrator,
    PriorCalibrator,
    QuadraticCalibrator,
    SigmoidCalibrator,
    TemperatureCalibrator,
    VectorScalingCalibrator,
    VennAbersCalibrator,
)
from skweight.exceptions import CalibrationWarning
from skweight.scale import ClassMasses, ScoreStatistics


def held_out(rng, n=60_000, *, weighted=False):
    """Return scores of a model that weighted a rare class 9 times and is too sure."""
    logit = rng.normal(-3, 1.5, n)
    y = rng.random(n) < 1 / (1 + np.exp(-logit))
    weight = rng.gamma(1.0, size=n) * np.where(y, 1, 3) if weighted else None
    return 1.2 * logit + np.log(9), y, weight


def in_chunks(scores, y, weight, size=7000, **parameters):
    statistics = ScoreStatistics(**parameters)
    for start in range(0, y.size, size):
        part = slice(start, start + size)
        part_weight = None if weight is None else weight[part]
        statistics.update(scores[part], y[part], part_weight)
    return statistics


SMOOTH = {
    "sigmoid": SigmoidCalibrator(),
    "beta": BetaCalibrator(),
    "anchored": AnchoredCalibrator(),
    "anchored with a bend": AnchoredCalibrator("quadratic"),
    "temperature": TemperatureCalibrator(),
    "quadratic": QuadraticCalibrator(),
    "vector": VectorScalingCalibrator(),
}


def known(calibrator):
    inverts = isinstance(calibrator, AnchoredCalibrator | VectorScalingCalibrator)
    return {"class_multiplier": [1, 9]} if inverts else {}


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("calibrator", SMOOTH.values(), ids=list(SMOOTH))
def test_calibrated_from_sums_is_calibrated_from_rows(calibrator, weighted, rng):
    rows = held_out(rng, weighted=weighted)
    of_rows = calibrator.fit(*rows, **known(calibrator)).predict_proba(rows[0])
    effective = calibrator.class_count_
    calibrator.fit_statistics(in_chunks(*rows), **known(calibrator))
    # Effective rows are those of the rows, not of the bins.
    assert_allclose(calibrator.class_count_, effective, rtol=1e-10)
    assert_allclose(calibrator.predict_proba(rows[0]), of_rows, atol=1e-5)


def smooth(rng):
    return held_out(rng, 200_000)


def rare(rng):
    logit = rng.normal(-6, 1.5, 200_000)
    return logit + np.log(99), rng.random(logit.size) < expit(logit), None


def weighted(rng):
    return held_out(rng, 200_000, weighted=True)


def of_few_values(rng):
    logit = rng.normal(-2, 1.5, 200_000).round(1)
    return logit, rng.random(logit.size) < expit(logit), None


def middle_of_steps(curve):
    """Return the score in the middle of every block of a curve that is not centred."""
    begins = np.flatnonzero(np.append(True, np.diff(curve.proba) > 0))
    ends = np.append(begins[1:], curve.proba.size) - 1
    return (curve.scores[begins] + curve.scores[ends]) / 2


@pytest.mark.parametrize("truth", [smooth, rare, weighted, of_few_values])
def test_isotonic_curves_from_sums_are_those_of_rows(truth, rng):
    rows = truth(rng)
    statistics = in_chunks(*rows, size=60_000)
    # The middle bins are full, so that the sums are not the rows again.
    assert statistics.binned().scores.size < 0.5 * rows[0].size
    rising, flat = IsotonicCalibrator(), IsotonicCalibrator(centered=False)
    for calibrator in (rising, flat):
        calibrator.fit(*rows)
        # A curve that rises is compared at every row; of a curve with jumps, which
        # may move by a bin, the values of the blocks are compared.
        at = rows[0] if calibrator is rising else middle_of_steps(calibrator.curves_[0])
        of_rows = calibrator.predict_proba(at)
        of_sums = calibrator.fit_statistics(statistics).predict_proba(at)
        assert_allclose(of_sums, of_rows, atol=0.02)


@pytest.mark.parametrize("weighted", [False, True])
def test_bins_with_few_rows_lose_nothing(weighted, rng):
    scores, y, weight = rows = held_out(rng, 5000, weighted=weighted)
    statistics = in_chunks(*rows, size=900)
    for calibrator in (IsotonicCalibrator(), VennAbersCalibrator(), BetaCalibrator()):
        of_rows = calibrator.fit(*rows).predict_proba(scores)
        of_sums = calibrator.fit_statistics(statistics).predict_proba(scores)
        assert_allclose(of_sums, of_rows, atol=1e-9)
    auc = roc_auc_score(y, scores, sample_weight=weight)
    assert statistics.auc() == pytest.approx(auc, abs=1e-12)


def test_the_closed_form_needs_the_labels_alone():
    known = {"class_multiplier": [1, 99]}
    prior = PriorCalibrator().fit_statistics(ClassMasses().update([0, 1]), **known)
    assert_allclose(prior.predict_proba([0.0]), [[0.99, 0.01]])


def test_calibrators_refuse_what_they_cannot_learn_from(rng):
    statistics = in_chunks(*held_out(rng, 1000))
    with pytest.raises(TypeError, match="AutoCalibrator needs single rows"):
        AutoCalibrator().fit_statistics(statistics)
    with pytest.raises(TypeError, match="takes ScoreStatistics; got ClassMasses"):
        SigmoidCalibrator().fit_statistics(ClassMasses())
    with pytest.raises(TypeError, match="SigmoidCalibrator takes no class_multiplier"):
        SigmoidCalibrator().fit_statistics(statistics, class_multiplier=[1, 9])
    with pytest.raises(ValueError, match="slope_scale"):
        AnchoredCalibrator(slope_scale=-1).fit_statistics(statistics)
    with pytest.raises(ValueError, match="ridge"):
        VectorScalingCalibrator(ridge=-1).fit_statistics(statistics)
    with pytest.raises(ValueError, match="rows of two classes"):
        SigmoidCalibrator().fit_statistics(ScoreStatistics().update([0.0], ["a"]))
    with pytest.raises(ValueError, match="rows of positive weight"):
        SigmoidCalibrator().fit_statistics(ScoreStatistics(classes=[0, 1]))


def test_a_missing_class_and_reversed_scores_are_warned_of(rng):
    scores, y, _ = held_out(rng, 2000)
    statistics = ScoreStatistics(classes=[False, True]).update(scores[~y], y[~y])
    with pytest.warns(CalibrationWarning, match="no calibration row .*True"):
        SigmoidCalibrator().fit_statistics(statistics)
    with pytest.warns(CalibrationWarning, match="SigmoidCalibrator"):
        SigmoidCalibrator().fit_statistics(in_chunks(-scores, y, None))


def test_scores_beyond_the_bins_keep_their_mean_and_are_warned_of():
    statistics = ScoreStatistics(limit=5).update([-9, -1, 1, 7, 9.0], [0, 0, 1, 1, 1])
    assert statistics.share_beyond_ == pytest.approx(0.6)
    # Few rows are kept as they are.
    assert_allclose(statistics.binned().scores, [-9, -1, 1, 7, 9])
    scores = np.tile([-9, -1, 1, 7, 9.0], 200)
    statistics.update(scores, np.tile([0, 0, 1, 1, 1], 200))
    with pytest.warns(
        CalibrationWarning, match=r"outside the limit of 5 have 40.0% of the weight"
    ):
        binned = statistics.binned()
    assert_allclose(np.unique(binned.scores), [-9, -1, 1, 8])
    assert_allclose(binned.mass[-1], 402)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([0.0, np.inf], "NaN or infinity in 1 of 2 rows"),
        ([np.nan, np.nan], "NaN or infinity in 2 of 2 rows"),
        ([[0.1, 0.9], [0.1, 0.9]], r"one number per row.*\(2, 2\)"),
        (["0.1", "0.9"], "one number per row"),
        ([0.0], "got 1 scores and 2 labels"),
    ],
)
def test_scores_that_cannot_be_summed_are_refused(scores, message):
    statistics = ScoreStatistics()
    with pytest.raises(ValueError, match=message):
        statistics.update(scores, [0, 1])
    assert statistics.update([], []).n_rows_ == 0


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8", "bool"])
def test_scores_may_have_any_type_of_numbers(dtype):
    scores = np.array([0, 1, 1, 0]).astype(dtype)
    statistics = ScoreStatistics().update(scores, [0, 1, 0, 0])
    assert_allclose(statistics.binned().scores, [0, 0, 1, 1])


def test_scores_of_any_finite_size_have_a_finite_mean():
    statistics = ScoreStatistics().update([1e308, -1e308] * 300, [0, 1] * 300)
    with pytest.warns(CalibrationWarning, match="100.0% of the weight"):
        assert_allclose(statistics.binned().scores, [-1e100, 1e100])


def test_weights_whose_squares_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="Divide all weights by a constant"):
        ClassMasses().update([0, 1], [1.0, 1e200])


# -- figures ---------------------------------------------------------------------------


@pytest.fixture(params=[False, True], ids=["even", "weighted"])
def rows(request, rng):
    return held_out(rng, weighted=request.param)


def test_figures_are_those_of_the_rows(rows):
    scores, y, weight = rows
    statistics = in_chunks(*rows)
    calibrator = SigmoidCalibrator().fit_statistics(statistics)
    p = calibrator.predict_proba(scores)[:, 1]
    auc = roc_auc_score(y, scores, sample_weight=weight)
    assert statistics.auc() == pytest.approx(auc, abs=1e-4)
    loss = log_loss(y, p, sample_weight=weight)
    assert statistics.log_loss(calibrator) == pytest.approx(loss, abs=1e-5)
    raw = log_loss(y, 1 / (1 + np.exp(-scores)), sample_weight=weight)
    assert statistics.log_loss() == pytest.approx(raw, abs=1e-5)
    assert statistics.prevalence_ == pytest.approx(np.average(y, weights=weight))


@pytest.mark.parametrize("debias", [False, True])
def test_the_calibration_error_is_that_of_the_rows(rows, debias):
    scores, y, weight = rows
    p = 1 / (1 + np.exp(-scores))
    expected = metrics.calibration_error(y, p, debias=debias, sample_weight=weight)
    actual = in_chunks(*rows).calibration_error(debias=debias)
    assert actual == pytest.approx(expected, rel=2e-3)


def test_the_debiased_error_of_a_perfect_model_is_about_zero(rng):
    logit = rng.normal(-2, 1.5, 200_000)
    y = rng.random(200_000) < 1 / (1 + np.exp(-logit))
    statistics = ScoreStatistics().update(logit, y)
    assert statistics.calibration_error() < 0.001
    assert statistics.calibration_error(debias=False) > statistics.calibration_error()


def test_the_reliability_curve_is_that_of_the_rows(rows):
    scores, y, weight = rows
    p = 1 / (1 + np.exp(-scores))
    expected = metrics.reliability_curve(y, p, n_bins=8, sample_weight=weight)
    actual = in_chunks(*rows).reliability_curve(n_bins=8)
    for name in ("mean_proba", "frequency", "low", "high", "share"):
        assert_allclose(getattr(actual, name), getattr(expected, name), atol=4e-3)


def test_the_balanced_threshold_is_the_prevalence(rows):
    _, y, weight = rows
    statistics = in_chunks(*rows)
    prevalence = np.average(y, weights=weight)
    assert statistics.threshold("balanced") == pytest.approx(prevalence)


def test_the_threshold_by_cost_is_the_cheapest_one(rows):
    scores, y, weight = rows
    statistics = in_chunks(*rows)
    calibrator = SigmoidCalibrator().fit_statistics(statistics)
    p = calibrator.predict_proba(scores)[:, 1]
    cost = CostMatrix.binary(pos_label=True, fp=1, fn=9)

    def total(threshold):
        chosen = p >= threshold
        return np.average(np.where(y, 9 * ~chosen, chosen), weights=weight)

    threshold = statistics.threshold(cost, calibrator)
    cheapest = min(total(t) for t in np.linspace(0.01, 0.5, 300))
    assert total(threshold) <= cheapest * 1.001
    # Of calibrated probabilities it is about that of the costs alone, fp / (fp + fn).
    assert threshold == pytest.approx(0.1, abs=0.03)


def test_rules_and_calibrators_that_are_none_are_refused():
    statistics = ScoreStatistics().update([-1.0, 0.0, 1.0], [0, 1, 0])
    with pytest.raises(ValueError, match=r"rule must be one of .*; got 'balance'"):
        statistics.threshold("balance")
    with pytest.raises(TypeError, match=r"a fitted calibrator .* got 'sigmoid'"):
        statistics.log_loss("sigmoid")


def test_a_threshold_may_be_never_or_always():
    statistics = ScoreStatistics().update([-1.0, 0.0, 1.0], [0, 1, 0])
    costs = {"pos_label": 1, "fp": 100, "fn": 1}
    assert statistics.threshold(costs) == 1.0
    costs = {"pos_label": 1, "fp": 1, "fn": 100}
    assert statistics.threshold(costs) < 0.5
    statistics = ScoreStatistics().update([-1.0, 0.0, 1.0], [1, 1, 0])
    assert statistics.threshold(costs) == 0.0


def test_conformal_sets_cover_new_rows(rng):
    statistics = in_chunks(*held_out(rng))
    calibrator = SigmoidCalibrator().fit_statistics(statistics)
    scores, y, _ = held_out(rng)
    p = calibrator.predict_proba(scores)
    of_label = np.where(y, p[:, 1], p[:, 0])
    for coverage in (0.8, 0.95):
        miss = statistics.conformal_quantile(coverage, calibrator)
        assert np.mean(of_label >= 1 - miss) == pytest.approx(coverage, abs=0.01)
        of_class = statistics.conformal_quantile(coverage, calibrator, by_class=True)
        for label in (0, 1):
            covered = of_label[y == label] >= 1 - of_class[label]
            assert covered.mean() == pytest.approx(coverage, abs=0.02)


def test_the_conformal_quantile_of_ten_scores():
    # Nonconformity .1, .2, ..., 1 of unit weights, and a new row of weight one.
    p = 1 - np.arange(1, 10) / 10
    statistics = ScoreStatistics(40_000, classes=[0, 1])
    statistics.update([*np.log(p / (1 - p)), -19.0], np.ones(10, dtype=int))
    assert statistics.conformal_quantile(0.9) == pytest.approx(1.0, abs=1e-6)
    assert statistics.conformal_quantile(0.5) == pytest.approx(0.6, abs=1e-9)
    assert statistics.conformal_quantile(0.95) == np.inf
