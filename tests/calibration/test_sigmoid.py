"""Platt scaling and its multi-class form, against exact minima and closed forms."""

import warnings

import numpy as np
import pytest
from effective_rows import effective
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from skweight.calibration import SigmoidCalibrator, TemperatureCalibrator
from skweight.exceptions import CalibrationWarning


def platt(smoothing=1.0):
    """Return the map as Platt has it, to any extreme."""
    return SigmoidCalibrator(smoothing=smoothing, bounded=False)


def platt_targets(y, weight):
    positive = weight[y == 1].sum()
    negative = weight[y == 0].sum()
    return np.where(y == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))


def platt_by_scipy(scores, y, weight):
    """Return slope and intercept by a general minimiser."""
    weight = effective(weight, y)
    target = platt_targets(y, weight)
    centre, scale = scores.mean(), scores.std()
    u = (scores - centre) / scale

    def loss(theta):
        logit = theta[0] * u + theta[1]
        residual = expit(logit) - target
        value = weight @ (np.logaddexp(0, logit) - target * logit)
        gradient = np.array([(weight * residual) @ u, weight @ residual])
        return value / weight.sum(), gradient / weight.sum()

    actual = minimize(
        loss, [0.0, 0.0], jac=True, method="BFGS", options={"gtol": 1e-12}
    )
    slope = actual.x[0] / scale
    return slope, actual.x[1] - slope * centre


@pytest.fixture
def rows(rng):
    scores = rng.normal(3.0, 1.5, size=400)
    y = (rng.random(400) < expit(1.3 * scores - 4)).astype(int)
    return scores, y, rng.exponential(size=400)


def test_it_is_the_minimum_of_platts_objective(rows):
    calibrator = platt().fit(*rows)
    actual = calibrator.slope_, calibrator.intercept_
    assert_allclose(actual, platt_by_scipy(*rows), rtol=1e-6)


@pytest.mark.parametrize("outlier", [None, 1e4, -1e4])
def test_many_rows_end_at_the_same_exact_minimum(rng, outlier):
    """A first fit on cells of the scores must leave no trace, outliers or not."""
    scores = rng.normal(3.0, 1.5, size=40_000)
    y = (rng.random(40_000) < expit(1.3 * scores - 4)).astype(int)
    if outlier is not None:
        scores[0], y[0] = outlier, outlier > 0
    weight = rng.uniform(0.5, 2, size=40_000)
    calibrator = platt().fit(scores, y, weight)
    slope, intercept = platt_by_scipy(scores, y, weight)
    assert_allclose(
        calibrator.predict_proba(scores)[:, 1],
        expit(slope * scores + intercept),
        atol=1e-6,
    )


def test_it_agrees_with_scikit_learn_without_weights():
    X, y = make_classification(3000, weights=[0.8], random_state=0)
    model = LogisticRegression(class_weight="balanced").fit(X, y)
    theirs = CalibratedClassifierCV(FrozenEstimator(model), ensemble=False).fit(X, y)
    scores = model.decision_function(X)
    ours = platt().fit(scores, y)
    assert_allclose(
        ours.predict_proba(scores), theirs.predict_proba(X), rtol=1e-3, atol=1e-5
    )


def test_two_scores_have_a_closed_form():
    """Slope and intercept reach both targets exactly, though the classes separate."""
    calibrator = platt().fit([5, 5, 5, 9, 9], [0, 0, 0, 1, 1])
    assert_allclose(calibrator.predict_proba([5, 9])[:, 1], [1 / 5, 3 / 4])


def test_smoothing_counts_effective_rows():
    """Three negatives, of which one has all the weight, are one negative."""
    calibrator = platt().fit([5, 5, 5, 9], [0, 0, 0, 1], [1e-9, 1, 1e-9, 1])
    assert_allclose(calibrator.predict_proba([5, 9])[:, 1], [1 / 3, 2 / 3])


def test_smoothing_pulls_towards_the_middle():
    proba = [
        platt(smoothing=smoothing)
        .fit([5, 5, 5, 9, 9], [0, 0, 0, 1, 1])
        .predict_proba([5, 9])[:, 1]
        for smoothing in (1e-6, 1, 3)
    ]
    assert_allclose(proba[0], [0, 1], atol=1e-5)
    assert_allclose(proba[2], [3 / 9, 5 / 8])


def test_the_mean_probability_is_the_mean_target(rows):
    scores, y, weight = rows
    weight = effective(weight, y)
    calibrator = platt().fit(scores, y, weight)
    mean = weight @ calibrator.predict_proba(scores)[:, 1]
    assert_allclose(mean, weight @ platt_targets(y, weight), rtol=1e-9)


@pytest.mark.parametrize(
    ("factor", "shift"), [(1e90, 0), (1e-200, 0), (-1e-3, 0), (1, 1e6), (7, -30)]
)
def test_units_of_the_scores_do_not_matter(rows, factor, shift):
    scores, y, weight = rows
    expected = platt().fit(scores, y, weight).predict_proba(scores)
    other = factor * scores + shift
    y = 1 - y if factor < 0 else y
    proba = platt().fit(other, y, weight).predict_proba(other)
    if factor < 0:
        proba = proba[:, ::-1]
    assert_allclose(proba, expected, rtol=1e-6)


def test_a_slope_below_zero_is_refused(rows):
    scores, y, weight = rows
    calibrator = platt()
    with pytest.warns(CalibrationWarning, match="every row gets the class freq") as w:
        calibrator.fit(-scores, y, weight)
    assert w[0].filename == __file__
    assert calibrator.slope_ == 0
    weight = effective(weight, y)
    mean = weight @ platt_targets(y, weight) / weight.sum()
    assert_allclose(calibrator.predict_proba([-9, 9])[:, 1], mean)


def test_a_single_score_keeps_slope_one():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        calibrator = platt().fit(np.full(8, 3.5), [0] * 6 + [1] * 2)
    assert calibrator.slope_ == 1
    target = (6 * (1 / 8) + 2 * (3 / 4)) / 8
    assert_allclose(calibrator.predict_proba([3.5])[0, 1], target)


def test_a_single_class_keeps_slope_one_and_the_ranking():
    scores = np.linspace(-3, 3, 50)
    with pytest.warns(CalibrationWarning, match="frequency of that class is not known"):
        calibrator = platt().fit(scores, np.zeros(50), classes=[0, 1])
    proba = calibrator.predict_proba(scores)[:, 1]
    assert calibrator.slope_ == 1
    assert (np.diff(proba) > 0).all()
    assert_allclose(proba.mean(), 1 / 52)


@pytest.mark.parametrize("spread", [1, 1e3, 1e100])
def test_a_single_class_with_scores_of_any_spread(spread):
    scores = np.array([-1.0, 0.0, 2.0]) * spread
    with pytest.warns(CalibrationWarning):
        calibrator = platt().fit(scores, np.ones(3), classes=[0, 1])
    assert np.isfinite(calibrator.predict_proba(scores)).all()


def test_separable_rows_are_finite(rng):
    scores = np.append(rng.normal(-50, 1, 500), rng.normal(50, 1, 500))
    y = (scores > 0).astype(int)
    proba = platt().fit(scores, y).predict_proba(scores)
    assert_allclose(proba[y == 1, 1], 501 / 502, rtol=5e-3)


# --- Three classes and more -----------------------------------------------------------


def multiclass_targets(y, count):
    k = len(count)
    m = 2 / k
    target = np.repeat((m / (count + 2 * m) / (k - 1))[:, np.newaxis], k, axis=1)
    np.fill_diagonal(target, (count + m) / (count + 2 * m))
    return target[y]


@pytest.fixture
def table(rng):
    truth = rng.normal(loc=[1.0, 0.0, -0.5, -1.0], size=(600, 4))
    y = (truth + rng.gumbel(size=truth.shape)).argmax(axis=1)
    scores = truth * [1.5, 1.0, 2.0, 0.7] + [-1.0, 0.3, 0.0, 2.0]
    return scores, y, rng.exponential(size=600)


def vector_by_scipy(scores, y, weight, ridge):
    """Return the probabilities of the two documented steps, by a general minimiser."""
    weight = effective(weight, y)
    k = scores.shape[1]
    count = np.bincount(y, weight, k)
    target = multiclass_targets(y, count)
    z = log_softmax(scores, axis=1)

    def loss(slopes, intercepts):
        logit = slopes * z + intercepts
        cross_entropy = -(target * log_softmax(logit, axis=1)).sum(axis=1)
        return weight @ cross_entropy / weight.sum()

    options = {"method": "BFGS", "options": {"gtol": 1e-10}}
    shared = minimize(lambda x: loss(x[0], x[1:]), np.append(1, np.zeros(k)), **options)
    beta = shared.x[0]

    def penalised(x):
        pull = ridge * k / weight.sum() * ((x[:k] / beta - 1) ** 2).sum()
        return loss(x[:k], x[k:]) + pull

    start = np.append(np.full(k, beta), shared.x[1:])
    actual = minimize(penalised, start, **options)
    return softmax(actual.x[:k] * z + actual.x[k:], axis=1)


@pytest.mark.filterwarnings("ignore:Desired error:scipy.optimize.OptimizeWarning")
@pytest.mark.parametrize("ridge", [0, 4, 100])
def test_it_is_the_minimum_of_the_documented_objective(table, ridge):
    calibrator = SigmoidCalibrator(ridge=ridge).fit(*table)
    expected = vector_by_scipy(*table, ridge)
    assert_allclose(calibrator.predict_proba(table[0]), expected, atol=2e-5)
    assert_allclose(calibrator.intercept_.sum(), 0, atol=1e-9)


def test_many_rows_of_many_classes_reach_the_minimum_too(table):
    """The first fit on every s-th row must leave no trace."""
    scores, y, weight = table
    few = SigmoidCalibrator(ridge=0, smoothing=1e-9).fit(scores, y, weight)
    many = SigmoidCalibrator(ridge=0, smoothing=1e-9).fit(
        np.tile(scores, (150, 1)), np.tile(y, 150), np.tile(weight, 150)
    )
    assert_allclose(few.predict_proba(scores), many.predict_proba(scores), rtol=1e-6)


def test_a_large_ridge_is_one_slope_for_all(table):
    shared = TemperatureCalibrator().fit(*table)
    calibrator = SigmoidCalibrator(ridge=1e9).fit(*table)
    assert_allclose(calibrator.slope_, shared.slope_, rtol=1e-6)
    assert_allclose(
        calibrator.predict_proba(table[0]), shared.predict_proba(table[0]), rtol=1e-5
    )
    assert np.ptp(SigmoidCalibrator(ridge=0).fit(*table).slope_) > 0.05


def test_the_mean_probabilities_are_the_mean_targets(table):
    scores, y, weight = table
    weight = effective(weight, y)
    target = multiclass_targets(y, np.bincount(y, weight))
    proba = SigmoidCalibrator().fit(scores, y, weight).predict_proba(scores)
    assert_allclose(weight @ proba, weight @ target, rtol=1e-8)


def test_a_constant_added_to_a_row_changes_nothing(table, rng):
    scores, y, weight = table
    expected = SigmoidCalibrator().fit(scores, y, weight).predict_proba(scores)
    moved = scores + rng.normal(scale=10, size=(len(y), 1))
    for other in (moved, log_softmax(scores, axis=1)):
        calibrator = SigmoidCalibrator().fit(other, y, weight)
        assert_allclose(calibrator.predict_proba(other), expected, rtol=1e-7)


def test_units_of_many_scores_do_not_matter():
    """A model that is ten times too sharp is the same model."""
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(500, 3))
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    # With normalisation by log-softmax the unit enters; the shared slope takes it out.
    for factor in (0.1, 10):
        shared = TemperatureCalibrator().fit(scores * factor, y)
        expected = TemperatureCalibrator().fit(scores, y).predict_proba(scores)
        assert_allclose(shared.predict_proba(scores * factor), expected, rtol=1e-7)


def test_separable_rows_of_many_classes_are_finite():
    scores = np.repeat(50 * np.eye(3), [100, 5, 1], axis=0)
    y = np.repeat([0, 1, 2], [100, 5, 1])
    proba = SigmoidCalibrator().fit(scores, y).predict_proba(scores)
    assert (proba.argmax(axis=1) == y).all()
    assert proba.max() < 1


def test_three_rows_are_enough():
    proba = SigmoidCalibrator().fit(np.eye(3), ["a", "b", "c"]).predict_proba(np.eye(3))
    assert_array_equal(proba.argmax(axis=1), [0, 1, 2])
    # The two pseudo-rows: own target (1 + 2/3) / (1 + 4/3) = 5/7.
    assert_allclose(np.diag(proba), 5 / 7)


def test_one_reversed_column_shares_the_slope_of_all(rng):
    scores = 2 * rng.normal(size=(900, 3))
    y = (scores * [1, 1, -1] + rng.gumbel(size=scores.shape)).argmax(axis=1)
    calibrator = SigmoidCalibrator(ridge=0)
    with pytest.warns(CalibrationWarning, match="all classes share one slope"):
        calibrator.fit(scores, y)
    assert np.ptp(calibrator.slope_) == 0
    assert calibrator.slope_[0] > 0


def test_reversed_rows_get_the_class_frequencies(table):
    scores, y, _ = table
    calibrator = SigmoidCalibrator()
    with pytest.warns(CalibrationWarning, match="every row gets the class freq") as w:
        calibrator.fit(-scores, y)
    assert w[0].filename == __file__
    assert_array_equal(calibrator.slope_, np.zeros(4))
    target = multiclass_targets(y, np.bincount(y).astype(float)).mean(axis=0)
    assert_allclose(calibrator.predict_proba(scores), np.tile(target, (600, 1)))


def test_equal_rows_of_scores_keep_slope_one():
    scores = np.tile([0.3, -1.0, 2.0], (9, 1))
    y = np.repeat([0, 1, 2], [5, 3, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        calibrator = SigmoidCalibrator().fit(scores, y)
    assert_allclose(calibrator.slope_, np.ones(3))
    target = multiclass_targets(y, np.array([5.0, 3, 1])).mean(axis=0)
    assert_allclose(calibrator.predict_proba(scores[:1])[0], target, rtol=1e-6)
