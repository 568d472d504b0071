"""`stabilizer=` of strategies and classifiers: once, in one order, roles apart."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skweight import (
    BalancedWeighting,
    BaseWeighting,
    ClassWeighting,
    ColumnWeighting,
    CostMatrix,
    CostWeighting,
    DensityRatioWeighting,
    EffectiveNumberWeighting,
    FunctionWeighting,
    LabelShiftWeighting,
    PriorWeighting,
    WeightedClassifier,
)
from skweight.density_ratio import BaseDensityRatio
from skweight.exceptions import DoubleCountingWarning
from skweight.stabilizers import (
    CapStabilizer,
    ClipStabilizer,
    ParetoStabilizer,
    TemperStabilizer,
    map_of,
)
from skweight.testing import all_estimators
from skweight.weights import (
    cap_weights,
    effective_sample_size,
    temper_weights,
)

RARE = CostMatrix.binary(fp=1, fn=200)


class Spy(LogisticRegression):
    """Keep the weights it is given."""

    def fit(self, X, y, sample_weight=None):
        self.seen_ = sample_weight
        return super().fit(X, y, sample_weight)


@pytest.fixture
def rows(rng):
    """Ninety-five rows of 0 and five of 1, with a heavy column."""
    y = np.repeat([0, 1], [95, 5])
    X = np.column_stack([rng.normal(size=100) + y, rng.pareto(0.8, size=100) + 0.01])
    return X, y


def strategies(X):
    return [
        BalancedWeighting(),
        EffectiveNumberWeighting(),
        ClassWeighting({0: 1, 1: 100}),
        PriorWeighting({0: 0.2, 1: 0.8}),
        ColumnWeighting(1),
        FunctionWeighting(lambda X, y: X[:, 1]),
        CostWeighting(RARE),
        CostWeighting(CostMatrix.binary(fp=1, fn=CostMatrix.column(1))),
        LabelShiftWeighting(X[X[:, 0] > 0.5], cv=2, random_state=0),
        DensityRatioWeighting(X[:50] + 0.5, estimator="logistic", random_state=0),
    ]


def test_every_strategy_of_the_library_takes_a_stabilizer():
    for name, weighting in all_estimators("weighting").items():
        # A product has factors, which take one, and a classifier around it.
        if type(weighting).__name__ != "ProductWeighting":
            assert "stabilizer" in weighting.get_params(), name


@pytest.mark.parametrize("which", range(10))
def test_a_cap_of_a_strategy_holds_for_all_rows(rows, which):
    X, y = rows
    raw = strategies(X)[which].set_params(stabilizer=None)
    free = raw.fit_weigh(X, y)
    capped = clone(raw).set_params(stabilizer=1.5)
    weights = capped.fit_weigh(X, y)
    np.testing.assert_allclose(weights, cap_weights(free, 1.5), rtol=1e-9)
    assert weights.max() <= 1.5 * (1 + 1e-9)
    # Rows that are weighed later follow the same map, also beyond what was seen.
    if which != 9:  # the ratio of the fit is out-of-fold or not, as it says itself
        np.testing.assert_allclose(capped.weigh(X, y), weights, rtol=1e-9)
    far = X.copy()
    far[:, 1] *= 1000
    assert capped.weigh(far, y).max() <= 1.5 * (1 + 1e-9)


def test_a_strategy_of_someone_else_is_stabilized_too(rows):
    class Heavy(BaseWeighting):
        def __init__(self, stabilizer=None):
            self.stabilizer = stabilizer

        def _raw(self, X, y):
            return X[:, 1]

    X, y = rows
    weights = Heavy(stabilizer="temper").fit_weigh(X, y)
    assert effective_sample_size(weights) == pytest.approx(50, abs=1e-6)


def test_class_weights_are_those_after_stabilizing(rows):
    X, y = rows
    weighting = BalancedWeighting(stabilizer=TemperStabilizer(exponent=0.5)).fit(X, y)
    half = BalancedWeighting(0.5).fit(X, y)
    np.testing.assert_allclose(
        weighting.class_weight_ / weighting.scale_, half.class_weight_ / half.scale_
    )


@pytest.mark.parametrize(
    "stabilizer",
    [
        ClipStabilizer("median", limit=3),
        CapStabilizer(3),
        ParetoStabilizer(cap=8),
        TemperStabilizer(0.4, cap=5),
    ],
    ids=repr,
)
def test_the_map_of_a_stabilizer_is_what_it_did(rng, stabilizer):
    raw = rng.pareto(1.0, size=500) + 0.1
    stable = stabilizer.stabilize(raw)
    at, to = map_of(raw, stable)
    np.testing.assert_allclose(np.interp(raw, at, to), stable, rtol=1e-8)
    assert (np.diff(to) >= 0).all()
    if isinstance(stabilizer, ClipStabilizer | CapStabilizer):
        assert at.size <= 4  # not as many points as rows
    even = np.linspace(1, 2, 500)
    assert map_of(even, CapStabilizer(50).stabilize(even)) is None


class GivenRatio(BaseDensityRatio):
    """Find the ratio in the last column."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def _fit(self, source, target, rng):
        return None

    def _ratio(self, X):
        return X[:, -1]


def test_the_default_of_a_ratio_is_a_bound_at_twenty_times_its_mean(rows):
    X, y = rows
    X[:, 1] = 0.5
    X[7, 1] = 60.0
    default = DensityRatioWeighting(X, estimator=GivenRatio())
    assert default.stabilizer == "auto"
    weights = default.fit_weigh(X, y)
    bound = 20 * X[:, 1].mean()
    expected = np.minimum(X[:, 1], bound)
    np.testing.assert_allclose(weights, expected / expected.mean())
    far = [[0.0, 1e6], [0.0, 0.5]]
    np.testing.assert_allclose(default.weigh(far), weights[[7, 0]])
    # Counted in the population: a row of weight two is the same row twice.
    times = np.arange(100) % 3
    repeated = np.repeat(np.arange(100), times)
    np.testing.assert_allclose(
        np.repeat(default.fit_weigh(X, y, times), times),
        clone(default).fit_weigh(X[repeated], y[repeated]),
    )
    # Class weights are left alone by default, however uneven.
    labels = np.repeat([0, 1], [99, 1])
    np.testing.assert_allclose(BalancedWeighting().fit_weigh(X, labels)[-1], 50)


def test_the_default_steps_back_for_the_classifier(rows):
    X, y = rows
    X[:, 1] = 0.5
    X[7, 1] = 60.0  # the default would stop it
    shift = DensityRatioWeighting(X, estimator=GivenRatio())
    bare = clone(shift).set_params(stabilizer=None)
    assert shift.fit_weigh(X, y).max() < 0.9 * bare.fit_weigh(X, y).max()
    for weighting, other in ((shift, bare), ([shift, "balanced"], [bare, "balanced"])):
        ours, theirs = (
            WeightedClassifier(
                Spy(),
                weighting=item,
                stabilizer=TemperStabilizer(exponent=0.5),
                calibration=None,
            ).fit(X, y)
            for item in (weighting, other)
        )
        np.testing.assert_array_equal(ours.estimator_.seen_, theirs.estimator_.seen_)
    assert shift.stabilizer == "auto"  # the caller's object is as it was


def test_stabilizing_twice_is_told(rows):
    X, y = rows
    weighting = [ColumnWeighting(1, stabilizer=5), "balanced"]
    twice = WeightedClassifier(
        Spy(), weighting=weighting, stabilizer="clip", calibration=None
    )
    with pytest.warns(DoubleCountingWarning, match="1 of the strategies"):
        twice.fit(X, y)
    # Once is silent, wherever it is.
    twice.set_params(stabilizer=None).fit(X, y)
    WeightedClassifier(
        Spy(), weighting="balanced", stabilizer="clip", calibration=None
    ).fit(X, y)


def test_order_product_temper_cap_mean_one_and_roles_apart(rows, rng):
    """Population is the product of two vectors, tempered, then capped exactly."""
    X, y = rows
    sample_weight = rng.exponential(size=100)
    clf = WeightedClassifier(
        Spy(),
        weighting=[ColumnWeighting(1), {0: 1, 1: 50}],
        stabilizer=TemperStabilizer(exponent=0.7, cap=1.5),
        calibration=None,
    ).fit(X, y, sample_weight=sample_weight)

    def stable(raw):
        return cap_weights(temper_weights(raw, 0.7), 1.5)

    population = stable(sample_weight * X[:, 1])
    emphasis = stable(np.where(y == 1, 50.0, 1.0))
    expected = population * emphasis
    np.testing.assert_allclose(
        clf.estimator_.seen_, expected / expected.mean(), rtol=1e-7
    )
    # Not the same as stabilizing the product of both roles, or in another order.
    together = stable(sample_weight * X[:, 1] * np.where(y == 1, 50.0, 1.0))
    assert not np.allclose(clf.estimator_.seen_, together / together.mean(), rtol=0.01)


def test_weights_of_the_caller_alone_are_stabilized(rows):
    X, y = rows
    clf = WeightedClassifier(Spy(), weighting=None, stabilizer=2.0, calibration=None)
    clf.fit(X, y, sample_weight=X[:, 1])
    np.testing.assert_allclose(clf.estimator_.seen_, cap_weights(X[:, 1], 2.0))


def test_stabilizers_of_strategy_and_classifier_are_searched(rows):
    X, y = rows
    classifier = WeightedClassifier(
        LogisticRegression(),
        weighting=ColumnWeighting(1, stabilizer=CapStabilizer(9)),
        calibration=None,
    )
    search = GridSearchCV(
        classifier,
        [
            {"weighting__stabilizer__cap": [2, 5]},
            {"weighting__stabilizer": [None, "pareto", 3]},
            {"weighting__stabilizer": [None], "stabilizer": ["temper", 4.0]},
        ],
        cv=2,
    ).fit(X, y)
    assert len(search.cv_results_["params"]) == 7
    assert not np.isnan(search.cv_results_["mean_test_score"]).any()


def test_fitted_strategies_do_not_carry_their_rows(rng):
    X = rng.normal(size=(5000, 2))
    X[:, 1] = rng.pareto(0.8, size=5000) + 0.01
    weighting = ColumnWeighting(1, stabilizer=5.0).fit(X, np.arange(5000) % 2)
    assert len(pickle.dumps(weighting)) < 3000


def test_population_weights_keep_their_total_where_their_scale_counts():
    """`normalize=False` says that weights are numbers of rows; few are made fewer."""
    collected = []

    class Spy(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            collected.append(sample_weight)
            return super().fit(X, y, sample_weight)

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 2)), np.arange(200) % 2
    weight = rng.pareto(0.8, size=200) * 100 + 1
    for stabilizer in (5.0, "clip", "temper"):
        clf = WeightedClassifier(
            Spy(),
            weighting=None,
            stabilizer=stabilizer,
            normalize=False,
            calibration=None,
        )
        clf.fit(X, y, sample_weight=weight)
        assert not np.allclose(collected[-1], weight)
        np.testing.assert_allclose(collected[-1].sum(), weight.sum(), rtol=1e-9)
