"""The anchored map: its two limits, its minimum, its guard, its use by itself."""

import warnings

import numpy as np
import pytest
from effective_rows import effective
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from skweight import WeightedClassifier
from skweight.calibration import (
    AnchoredCalibrator,
    PriorCalibrator,
    QuadraticCalibrator,
    SigmoidCalibrator,
)
from skweight.exceptions import CalibrationWarning

BOTH = pytest.mark.parametrize("shape", ["affine", "quadratic"])
TWO = {"classes": [0, 1], "class_multiplier": [0.5, 9.5]}
FOUR = {"classes": [0, 1, 2, 3], "class_multiplier": [0.5, 1.0, 2.0, 8.0]}


@pytest.fixture
def rows(rng):
    scores = rng.normal(0.5, 1.5, size=400)
    y = (rng.random(400) < expit(1.3 * scores - 3)).astype(int)
    return scores, y, rng.exponential(size=400)


@pytest.fixture
def table(rng):
    truth = rng.normal(loc=[1.0, 0.0, -0.5, -1.0], size=(600, 4))
    y = (truth + rng.gumbel(size=truth.shape)).argmax(axis=1)
    scores = truth * [1.5, 1.0, 2.0, 0.7] + [-1.0, 0.3, 0.0, 2.0]
    return scores, y, rng.exponential(size=600)


# --- No rows --------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("empty", [(), ([], [])])
def test_without_rows_it_is_the_inversion(shape, empty, rng):
    for known, scores in ((TWO, rng.normal(size=50)), (FOUR, rng.normal(size=(50, 4)))):
        inversion = PriorCalibrator().fit(**known)
        calibrator = AnchoredCalibrator(shape).fit(*empty, **known)
        assert_array_equal(calibrator.class_count_, np.zeros(len(known["classes"])))
        assert_allclose(
            calibrator.predict_proba(scores),
            inversion.predict_proba(scores),
            rtol=1e-12,
        )


def test_without_rows_the_classes_must_be_known():
    with pytest.raises(ValueError, match="the target y is None"):
        AnchoredCalibrator().fit(class_multiplier=[1, 2])
    with pytest.raises(ValueError, match="needs at least one row"):
        AnchoredCalibrator().fit([], [])


@BOTH
@pytest.mark.filterwarnings("ignore:.*frequency of that class is not known")
def test_one_row_moves_a_parameter_by_less_than_the_variance_of_its_prior(shape):
    """The pull of a row is below one for the intercept, and below |z| for the slope."""
    score = 0.3
    calibrator = AnchoredCalibrator(shape).fit([score], [1], **TWO)
    z = score - np.log(19)
    assert 0.5 < calibrator.intercept_ < 1
    assert 0.5 < (1 - calibrator.slope_) / (-z / 4) < 1


@BOTH
def test_a_tight_prior_is_the_inversion_with_any_rows(shape, rows, table):
    tight = AnchoredCalibrator(
        shape,
        slope_scale=1e-6,
        intercept_scale=1e-6,
        curvature_scale=1e-6,
        ridge=1e12,
        bounded=False,
    )
    for known, (scores, y, weight) in ((TWO, rows), (FOUR, table)):
        calibrator = clone(tight).fit(scores, y, weight, **known)
        inversion = PriorCalibrator().fit(**known)
        assert_allclose(
            calibrator.predict_proba(scores),
            inversion.predict_proba(scores),
            rtol=1e-6,
        )


# --- Many rows ------------------------------------------------------------------------


def test_many_rows_are_the_sigmoid(rng):
    scores = rng.normal(0.5, 1.5, size=200_000)
    y = (rng.random(200_000) < expit(1.3 * scores - 3)).astype(int)
    ours = AnchoredCalibrator().fit(scores, y, **TWO).predict_proba(scores)
    platt = SigmoidCalibrator().fit(scores, y).predict_proba(scores)
    assert_allclose(ours, platt, atol=2e-4)
    assert np.abs(ours - PriorCalibrator().fit(**TWO).predict_proba(scores)).max() > 0.1


def test_many_rows_with_a_bend_are_the_quadratic(rng):
    scores = rng.normal(0.5, 1.5, size=200_000)
    logit = np.where(scores > 0, 0.5 * scores, scores) - 1
    y = (rng.random(200_000) < expit(logit)).astype(int)
    ours = AnchoredCalibrator("quadratic").fit(scores, y, **TWO).predict_proba(scores)
    free = QuadraticCalibrator().fit(scores, y).predict_proba(scores)
    assert_allclose(ours, free, atol=2e-3)
    straight = AnchoredCalibrator().fit(scores, y, **TWO).predict_proba(scores)
    assert np.abs(ours - straight).max() > 0.05


@BOTH
@pytest.mark.parametrize("which", ["rows", "table"])
def test_a_wide_prior_forgets_the_multiplier(shape, which, request):
    scores, y, weight = request.getfixturevalue(which)
    known = TWO if which == "rows" else FOUR
    wide = AnchoredCalibrator(
        shape, slope_scale=1e5, intercept_scale=1e5, curvature_scale=1e5, ridge=1e-10
    )
    inverted = clone(wide).fit(scores, y, weight, **known).predict_proba(scores)
    plain = clone(wide).fit(scores, y, weight).predict_proba(scores)
    # The log-softmax of three classes and more is taken after the inversion.
    assert_allclose(inverted, plain, atol=1e-5 if which == "rows" else 0.1)


# --- The minimum that is documented ---------------------------------------------------


def by_scipy(scores, y, weight, shift, quadratic):
    """Return the probabilities of the documented problem, by a general minimiser."""
    weight = effective(weight, y)
    z = scores - shift
    u = (z - np.average(z, weights=weight)) / np.sqrt(
        np.average((z - np.average(z, weights=weight)) ** 2, weights=weight)
    )

    def logit(theta):
        return theta[0] + theta[1] * z + theta[2] * (u**2 - 1)

    def loss(theta):
        if not quadratic:
            theta = theta * [1, 1, 0]
        t = logit(theta)
        prior = (theta - [0, 1, 0]) / [1.0, 0.5, 0.25]
        return weight @ (np.logaddexp(0, t) - y * t) + prior @ prior / 2

    options = {"xatol": 1e-10, "fatol": 1e-12, "maxiter": 10_000}
    actual = minimize(loss, [0, 1, 0], method="Nelder-Mead", options=options)
    return expit(logit(actual.x * [1, 1, quadratic]))


@BOTH
def test_it_is_the_minimum_of_the_documented_objective(shape, rows):
    scores, y, weight = rows
    calibrator = AnchoredCalibrator(shape, bounded=False)
    calibrator.fit(scores, y, weight, **TWO)
    expected = by_scipy(*rows, np.log(19), shape == "quadratic")
    assert_allclose(calibrator.predict_proba(scores)[:, 1], expected, rtol=1e-5)


def test_many_rows_end_at_the_same_exact_minimum(rows):
    """A first fit on cells must leave no trace: a prior in which nothing changes."""
    scores, y, weight = rows
    times = 100
    few = AnchoredCalibrator("quadratic", bounded=False)
    few.fit(scores, y, weight, **TWO)
    many = AnchoredCalibrator(
        "quadratic",
        slope_scale=0.5 / times**0.5,
        intercept_scale=1 / times**0.5,
        curvature_scale=0.25 / times**0.5,
        bounded=False,
    ).fit(np.tile(scores, times), np.tile(y, times), np.tile(weight, times), **TWO)
    assert_allclose(few.predict_proba(scores), many.predict_proba(scores), rtol=1e-7)


def test_it_is_the_minimum_for_four_classes(table):
    scores, y, weight = table
    effect = effective(weight, y)
    z = log_softmax(scores - np.log(FOUR["class_multiplier"]), axis=1)

    def loss(x):
        a, b = x[:4], x[4:]
        logit = log_softmax(a * z + b, axis=1)
        # A common slope of variance 1/4 and deviations of variance 1/8 add up.
        away = a - 1
        covariance = 0.25 + np.eye(4) / 8
        prior = away @ np.linalg.solve(covariance, away) / 2 + b @ b
        return prior - effect @ logit[np.arange(len(y)), y]

    actual = minimize(loss, np.repeat([1.0, 0.0], 4), method="BFGS").x
    calibrator = AnchoredCalibrator().fit(scores, y, weight, **FOUR)
    expected = softmax(actual[:4] * z + actual[4:], axis=1)
    assert_allclose(calibrator.predict_proba(scores), expected, atol=1e-4)
    assert_allclose(calibrator.intercept_.sum(), 0, atol=1e-9)


def test_raising_a_scale_lets_the_rows_speak(rows):
    scores, y, weight = rows
    fits = [
        AnchoredCalibrator(slope_scale=s, intercept_scale=s).fit(
            scores, y, weight, **TWO
        )
        for s in (0.01, 0.1, 1.0)
    ]
    slopes = [abs(fit.slope_ - 1) for fit in fits]
    assert slopes == sorted(slopes)
    assert slopes[0] < 0.1 * slopes[2]


def test_the_unit_of_the_multiplier_does_not_matter(rows, table):
    for known, (scores, y, weight) in ((TWO, rows), (FOUR, table)):
        other = {**known, "class_multiplier": 1e6 * np.array(known["class_multiplier"])}
        assert_allclose(
            AnchoredCalibrator().fit(scores, y, weight, **known).predict_proba(scores),
            AnchoredCalibrator().fit(scores, y, weight, **other).predict_proba(scores),
            rtol=1e-7,
        )


def test_separable_rows_are_finite():
    scores = np.append(np.full(500, -5.0), np.full(500, 5.0))
    y = (scores > 0).astype(int)
    for shape in ("affine", "quadratic"):
        calibrator = AnchoredCalibrator(shape).fit(scores, y)
        assert 1 < calibrator.slope_ < 3


# --- The guards -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "calibrator",
    [AnchoredCalibrator("quadratic", curvature_scale=10.0), QuadraticCalibrator()],
    ids=repr,
)
@pytest.mark.parametrize("side", [1, -1])
def test_a_parabola_never_turns_round(calibrator, side, rng):
    """The rows ask for a map that rises and falls again; half of it is refused."""
    scores = side * rng.normal(size=3000)
    y = rng.random(3000) < expit(2 - 2 * (side * scores - 1) ** 2)
    calibrator = clone(calibrator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        calibrator.fit(scores, y if side > 0 else ~y)
    line = np.linspace(-20, 20, 401)
    proba = calibrator.predict_proba(line)[:, 1]
    rises = np.diff(proba[(proba > 1e-12) & (proba < 1 - 1e-12)])
    assert rises.size > 50
    assert (rises > 0).all()


def test_the_guard_is_the_best_map_that_rises(rng):
    """Against a search over all maps that rise at both ends of the range."""
    scores = rng.normal(size=2000)
    y = (rng.random(2000) < expit(1 - (scores - 1.5) ** 2)).astype(int)
    calibrator = QuadraticCalibrator().fit(scores, y)
    slope, bend, intercept = calibrator.curves_[0].theta
    u = (scores - scores.mean()) / scores.std()
    low, high = u.min(), u.max()
    assert_allclose(slope + 2 * bend * high, 0.02 * slope)
    positive = y.sum()
    target = np.where(y == 1, (positive + 1) / (positive + 2), 1 / (2002 - positive))

    def loss(theta):
        t = theta[0] * u + theta[1] * (u**2 - 1) + theta[2]
        return (np.logaddexp(0, t) - target * t).mean()

    limit = [
        {"type": "ineq", "fun": lambda x: 0.98 * x[0] + 2 * x[1] * low},
        {"type": "ineq", "fun": lambda x: 0.98 * x[0] + 2 * x[1] * high},
    ]
    best = minimize(loss, [1.0, 0.0, 0.0], constraints=limit, tol=1e-12)
    assert loss([slope, bend, intercept]) <= best.fun + 1e-9


@BOTH
def test_a_slope_below_zero_is_refused(shape, rows):
    scores, y, weight = rows
    calibrator = AnchoredCalibrator(shape)
    with pytest.warns(CalibrationWarning, match="every row gets the class freq") as w:
        calibrator.fit(-5 * scores, y, weight, **TWO)
    assert w[0].filename == __file__
    assert calibrator.slope_ == 0
    frequency = np.average(y, weights=weight)
    assert_allclose(calibrator.predict_proba([-9, 9])[:, 1], frequency, rtol=0.2)


def test_reversed_columns_of_many_classes(rng):
    scores = 2 * rng.normal(size=(900, 3))
    y = (scores * [1, 1, -1] + rng.gumbel(size=scores.shape)).argmax(axis=1)
    calibrator = AnchoredCalibrator()
    with pytest.warns(CalibrationWarning, match="all classes share one slope"):
        calibrator.fit(scores, y)
    assert np.ptp(calibrator.slope_) == 0
    assert calibrator.slope_[0] > 0
    with pytest.warns(CalibrationWarning, match="every row gets the class freq") as w:
        calibrator.fit(-3 * scores * [1, 1, -1], y)
    assert w[0].filename == __file__
    assert_array_equal(calibrator.slope_, np.zeros(3))
    proba = calibrator.predict_proba(scores[:1])[0]
    assert_allclose(proba, np.bincount(y) / 900, rtol=0.01)


# --- In use ---------------------------------------------------------------------------


@pytest.mark.parametrize("calibration", ["anchored", AnchoredCalibrator("quadratic")])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_in_a_weighted_classifier(calibration, n_classes):
    frequency = [0.9, 0.07, 0.03][:n_classes]
    X, y = make_classification(
        4000,
        n_informative=4,
        n_classes=n_classes,
        weights=frequency,
        random_state=0,
    )
    classifier = WeightedClassifier(
        LogisticRegression(), calibration=calibration, cv=3, random_state=0
    ).fit(X, y)
    calibrator = classifier.calibrator_
    assert_allclose(calibrator.class_multiplier_, classifier.class_multiplier_)
    assert np.ptp(calibrator.class_multiplier_) > 1
    mean = classifier.predict_proba(X).mean(axis=0)
    assert_allclose(mean, np.bincount(y) / 4000, rtol=0.2)


def test_around_a_frozen_estimator_and_by_itself():
    X, y = make_classification(4000, weights=[0.9], random_state=0)
    base = LogisticRegression(class_weight="balanced").fit(X[:2000], y[:2000])
    multiplier = 1 / np.bincount(y[:2000])
    alone = AnchoredCalibrator().fit(
        base.decision_function(X[2000:]), y[2000:], class_multiplier=multiplier
    )
    wrapped = WeightedClassifier(
        FrozenEstimator(base), weighting=None, calibration="anchored"
    ).fit(X[2000:], y[2000:])
    p = alone.predict_proba(base.decision_function(X[2000:]))
    q = wrapped.predict_proba(X[2000:])
    # The wrapper did not do the weighting, so it inverts nothing and learns it all.
    assert_allclose(p.mean(axis=0), q.mean(axis=0), rtol=0.1)
    assert_allclose(q[:, 1].mean(), y[2000:].mean(), rtol=0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": "cubic"}, "shape must be"),
        ({"slope_scale": 0}, "slope_scale must be a number"),
        ({"intercept_scale": -1}, "intercept_scale must be a number"),
        ({"curvature_scale": np.inf}, "curvature_scale must be a number"),
        ({"ridge": "1"}, "ridge must be a number"),
    ],
)
def test_wrong_parameters(change, message, rows):
    with pytest.raises((ValueError, TypeError), match=message):
        AnchoredCalibrator(**change).fit(*rows)


def test_a_wrong_multiplier(rows):
    for multiplier in ([1, 0], [1, 2, 3]):
        with pytest.raises(ValueError, match="AnchoredCalibrator: class_multiplier"):
            AnchoredCalibrator().fit(*rows, class_multiplier=multiplier)
        with pytest.raises(ValueError, match="AnchoredCalibrator: class_multiplier"):
            AnchoredCalibrator().fit(classes=[0, 1], class_multiplier=multiplier)


@pytest.mark.parametrize("far", [1e4, 1e7, 1e9])
def test_a_single_far_score_does_not_take_the_slope_from_the_others(far):
    rng = np.random.default_rng(0)
    scores = 2 * rng.normal(size=40)
    y = (rng.random(40) < 1 / (1 + np.exp(-scores))).astype(int)
    scores[0], y[0] = -far, 0  # certain, and right
    calibrator = AnchoredCalibrator(bounded=False).fit(scores, y)
    assert_allclose(calibrator.slope_, 0.9539563780619544, rtol=1e-6)
    assert_allclose(calibrator.intercept_, 0.17112775000312297, rtol=1e-6)


@pytest.mark.parametrize("shape", ["affine", "quadratic"])
@pytest.mark.parametrize("far", [1e6, -1e8, 1e300, -1e300])
def test_a_far_score_does_not_flatten_the_map(shape, far):
    rng = np.random.default_rng(0)
    scores = rng.normal(-1, 1.5, size=200)
    y = (rng.random(200) < 1 / (1 + np.exp(-scores))).astype(int)
    expected = AnchoredCalibrator().fit(scores, y).predict_proba(scores)
    scores, y = np.append(scores, far), np.append(y, far > 0)
    calibrator = AnchoredCalibrator(shape).fit(scores, y)
    assert_allclose(calibrator.predict_proba(scores[:-1]), expected, atol=1e-3)
    assert calibrator.predict_proba([far])[0, int(far > 0)] > 0.999
