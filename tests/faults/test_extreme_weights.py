"""No finite weight makes NumPy warn, whatever of the package is given it."""

import re
import warnings
from inspect import signature

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

import skweight.exceptions
from skweight import (
    BalancedBatches,
    CostMatrix,
    LabelShiftWeighting,
    WeightMonitor,
    metrics,
    recommend_weighting,
)
from skweight import weights as functions
from skweight._utils.roles import multiply
from skweight.inspection import balance_table, weight_report
from skweight.objectives import FocalObjective
from skweight.testing import all_estimators

N = 80
_RNG = np.random.default_rng(0)
X = np.column_stack(
    [_RNG.uniform(0.5, 2, N), _RNG.integers(0, 2, N), _RNG.normal(size=N)]
)
Y = (X[:, 2] + _RNG.normal(size=N) > 0.3).astype(int)
P = 1 / (1 + np.exp(-X[:, 2]))
COST = CostMatrix.binary(fp=1, fn=5)


def one(value, rest=1.0):
    return np.r_[np.full(3, rest), value, np.full(N - 4, rest)]


EXTREME = {
    "one huge": one(1.7e308),
    "one tiny": one(5e-324),
    "all huge": np.full(N, 1.7e308),
    "all tiny": np.full(N, 5e-324),
    "of every size": np.r_[np.zeros(5), 5e-324, np.geomspace(1e-300, 1.7e308, N - 6)],
    "halves": np.where(np.arange(N) % 2, 1.7e308, 5e-324),
}
# Where one row has all of the weight, these have nothing to learn from, and say so.
REFUSALS = "same value in every training row|could be used|single row|"
REFUSALS += "no training row of positive|needs at least|that count|is zero|one class|"
REFUSALS += "no weights give the training rows|no row with a positive weight"


@pytest.fixture(autouse=True)
def nothing_but_own_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for category in vars(skweight.exceptions).values():
            if isinstance(category, type) and issubclass(category, Warning):
                warnings.simplefilter("ignore", category)
        warnings.simplefilter("ignore", ConvergenceWarning)
        # GaussianNB takes the logarithm of the frequency of a class without weight.
        warnings.filterwarnings("ignore", "divide by zero encountered in log$")
        yield


def fit_anything(kind, estimator, weights):
    """Return numbers that an estimator of a kind makes of weights."""
    if kind == "weighting":
        return estimator.fit_weigh(X, Y, weights)
    if kind == "density_ratio":
        clone(estimator).fit_ratio(X, X + 0.2, None, weights)
        return estimator.fit_ratio(X, X + 0.2, weights, None)
    if kind == "stabilizer":
        return estimator.stabilize(weights)
    if kind == "sampler":
        estimator.fit_resample(X, Y, sample_weight=weights)
        return estimator.sample_weight_
    if kind == "calibrator":
        further = {}
        if "class_multiplier" in signature(estimator.fit).parameters:
            further["class_multiplier"] = np.array([1.0, 2.0])
        estimator.fit(X[:, 2], Y, sample_weight=weights, classes=[0, 1], **further)
        return estimator.predict_proba(X[:, 2])
    if kind == "decision":
        proba = np.column_stack([1 - P, P])
        estimator.fit(proba, Y, sample_weight=weights, classes=[0, 1], X=X)
        return estimator.decide(proba, X)
    y = X[:, 2] if kind == "regressor" else Y
    return estimator.fit(X, y, sample_weight=weights).predict(X)


KINDS = ["weighting", "density_ratio", "stabilizer", "sampler", "calibrator"]
KINDS += ["decision", "classifier", "regressor", "pipeline"]


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("pattern", ["one huge", "one tiny", "all huge", "halves"])
@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in KINDS for name in all_estimators(kind)]
)
def test_every_public_estimator(kind, name, pattern):
    estimator = all_estimators(kind)[name]
    refusal = None
    try:
        result = fit_anything(kind, estimator, EXTREME[pattern].copy())
    except ValueError as error:
        refusal = str(error)
    if refusal is not None:
        assert re.search(REFUSALS, refusal)
        return
    if np.asarray(result).dtype.kind == "f":
        assert np.isfinite(result).all()


FIGURES = {
    name: getattr(metrics, name)
    for name in metrics.__all__
    if name.startswith(("brier", "log_loss", "calibration", "cox", "reliability"))
    or name in ("smooth_calibration_error", "integrated_calibration_index")
}
FIGURES |= {
    name: lambda y, p, sample_weight, name=name: getattr(metrics, name)(
        y, p > 0.5, COST, sample_weight=sample_weight
    )
    for name in ("cost_score", "profit_score", "savings_score")
}
FIGURES |= {
    "expected_cost_loss": lambda y, p, sample_weight: metrics.expected_cost_loss(
        y, np.column_stack([1 - p, p]), COST, sample_weight=sample_weight
    ),
    "cost_curve": lambda y, p, sample_weight: (
        metrics.cost_curve(y, p, sample_weight=sample_weight).normalized_cost
    ),
    "RefinedLogLoss": lambda y, p, sample_weight: metrics.RefinedLogLoss()(
        y, p, sample_weight=sample_weight
    ),
}


def numbers_in(result):
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, tuple | list):
        for one_of_them in result:
            yield from numbers_in(one_of_them)
    elif isinstance(result, float | np.ndarray):
        yield from np.ravel(result)


@pytest.mark.parametrize("pattern", EXTREME)
@pytest.mark.parametrize("name", FIGURES)
def test_every_metric(name, pattern):
    if pattern == "one huge" and name in ("calibration_error", "calibration_metrics"):
        with pytest.raises(
            ValueError, match="needs at least two rows of positive weight"
        ):
            FIGURES[name](Y, P, sample_weight=EXTREME[pattern])
        return
    result = FIGURES[name](Y, P, sample_weight=EXTREME[pattern])
    # The log odds of the label of a single row are infinite.
    infinite = ("calibration_in_the_large", "cox_calibration")
    if pattern != "one huge" or name not in infinite:
        assert np.isfinite([*numbers_in(result)]).all(), result


@pytest.mark.parametrize("pattern", EXTREME)
@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss"])
def test_scorers(scoring, pattern):
    clf = LogisticRegression().fit(X, Y)
    scorer = metrics.worst_group_scorer(scoring, 1)
    assert np.isfinite(scorer(clf, X, Y, sample_weight=EXTREME[pattern]))


@pytest.mark.parametrize("pattern", EXTREME)
@pytest.mark.parametrize(
    "name",
    ["design_effect", "effective_sample_size", "pareto_smooth", "clip_weights"],
)
def test_every_function_of_weights(name, pattern):
    functions.pareto_diagnostics(EXTREME[pattern])  # NaN where there is no tail
    result = getattr(functions, name)(EXTREME[pattern])
    assert np.isfinite([*numbers_in(result)]).all()


@pytest.mark.parametrize("pattern", EXTREME)
def test_functions_of_weights_and_a_number(pattern):
    weights = EXTREME[pattern]
    for result in (
        functions.cap_weights(weights, 5),
        functions.temper_weights(weights, 0.5),
        functions.temper_to_effective_sample_size(weights, 0.5),
        functions.normalize_weights(weights),
    ):
        assert np.isfinite(result).all()


@pytest.mark.parametrize("pattern", EXTREME)
def test_reports_and_advice(pattern):
    weights = EXTREME[pattern]
    weight_report(weights, Y)
    balance_table(X, X + 0.2, weights=weights)
    recommend_weighting(X, Y, sample_weight=weights)


@pytest.mark.parametrize("pattern", EXTREME)
@pytest.mark.parametrize("method", ["em", "bbse"])
def test_label_shift(method, pattern):
    weighting = LabelShiftWeighting(X[:40] + 0.1, method=method, random_state=0)
    assert np.isfinite(weighting.fit_weigh(X, Y, EXTREME[pattern])).all()
    assert np.isfinite(weighting.target_prior_error_).all()


@pytest.mark.parametrize("pattern", EXTREME)
def test_batches_and_objectives(pattern):
    weights = EXTREME[pattern]
    assert len([*BalancedBatches(Y, 8, weights=weights, random_state=0)])
    if pattern not in ("one huge", "halves"):  # a class without weight is refused
        assert np.isfinite(FocalObjective(2.0).base_score(Y, sample_weight=weights))


@pytest.mark.parametrize("pattern", EXTREME)
def test_monitors_take_what_they_can_sum_up(pattern):
    weights = EXTREME[pattern]
    monitor = WeightMonitor(LogisticRegression(), cv=2, random_state=0)
    if pattern == "one tiny":
        monitor.fit(X, Y, sample_weight=weights).update(X, Y, sample_weight=weights)
        return
    with pytest.raises(ValueError, match="divide all weights by a constant"):
        monitor.fit(X, Y, sample_weight=weights)
    monitor.fit(X, Y)
    with pytest.raises(ValueError, match="divide all weights by a constant"):
        monitor.update(X, Y, sample_weight=weights)


def test_products_of_roles_do_not_overflow():
    product = multiply(np.array([1e300, 1.0]), np.array([1e300, 1.0]))
    assert np.isfinite(product).all()
    assert product[0] > product[1]
