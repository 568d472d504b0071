"""Products: roles kept apart, factors in order, and everything `weighting=` takes."""

from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression

from skweight import (
    BalancedWeighting,
    BaseWeighting,
    ClassWeighting,
    ColumnWeighting,
    EffectiveNumberWeighting,
    FunctionWeighting,
    LabelShiftWeighting,
    PriorWeighting,
    ProductWeighting,
    WeightedClassifier,
)
from skweight.testing import check_weighting
from skweight.weighting import resolve_weighting
from skweight.weighting._base import factors_of

Y = np.array([0, 0, 0, 0, 1, 0, 0, 0, 0, 1])
X = np.column_stack([Y + np.linspace(-1, 1, 10), np.arange(1.0, 11.0)])


class Recorder(BaseWeighting):
    """Remembers the sample_weight it is learned with, under its own name."""

    seen: ClassVar[list] = []

    def __init__(self, name, role, factor=1.0):
        self.name = name
        self.role = role
        self.factor = factor

    def _learn(self, X, y, sample_weight):
        self.seen.append((self.name, sample_weight))

    def _raw(self, X, y):
        return 1.0 + self.factor * (np.arange(len(X)) % 2)


class AgeWeighting(BaseWeighting):
    """A strategy of a third party that asks for row-wise metadata by name."""

    role = "population"

    def fit(self, X, y, sample_weight=None, ages=None):
        return super().fit(X, y, sample_weight, ages=ages)

    def _learn(self, X, y, sample_weight, ages=None):
        if ages is None:
            raise ValueError("AgeWeighting needs ages.")
        return np.asarray(ages, dtype=float)


@pytest.fixture
def seen():
    Recorder.seen.clear()
    return Recorder.seen


def test_roles_are_kept_apart():
    prior = {0: 0.9, 1: 0.1}
    product = BalancedWeighting() * PriorWeighting(prior)
    population, emphasis = product.fit_weigh_by_role(X, Y)
    np.testing.assert_allclose(population, PriorWeighting(prior).fit_weigh(X, Y))
    # Balanced is learned on the world as the prior has it, so 90:10 and not 80:20.
    np.testing.assert_allclose(emphasis, np.where(Y == 1, 5, 5 / 9))
    np.testing.assert_allclose(product.fit_weigh(X, Y), population * emphasis)
    np.testing.assert_allclose(np.average(emphasis, weights=population), 1)
    np.testing.assert_allclose(population.mean(), 1)


def test_population_factors_come_first_each_on_the_world_of_those_before(seen):
    product = ProductWeighting(
        [
            Recorder("e1", "emphasis"),
            Recorder("p1", "population", 2.0),
            Recorder("e2", "emphasis"),
            Recorder("p2", "population", 4.0),
        ]
    )
    product.fit(X, Y, sample_weight=np.full(10, 2.0))
    assert [name for name, _ in seen] == ["p1", "p2", "e1", "e2"]
    world = dict(seen)
    first = np.tile([0.5, 1.5], 5)  # 1 and 3, of mean one
    second = np.tile([1, 5], 5) / 4  # 1 and 5, whose mean is 4 in the world of p1
    np.testing.assert_allclose(world["p1"], np.full(10, 2.0))
    np.testing.assert_allclose(world["p2"], 2 * first)
    np.testing.assert_allclose(world["e1"], 2 * first * second)
    # Emphasis is no statement about the world: the second does not see the first.
    np.testing.assert_allclose(world["e2"], world["e1"])


def test_factors_of_population_do_not_commute_and_their_order_is_kept():
    column, prior = ColumnWeighting(1), PriorWeighting({0: 0.5, 1: 0.5})
    prior_last = (column * prior).fit_weigh(X, Y)
    prior_first = (prior * column).fit_weigh(X, Y)
    share = [np.average(Y, weights=weights) for weights in (prior_last, prior_first)]
    np.testing.assert_allclose(share[0], 0.5)
    assert abs(share[1] - 0.5) > 0.01


def test_role_of_a_product():
    population = PriorWeighting({0: 0.5, 1: 0.5})
    assert ProductWeighting([population, ColumnWeighting(1)]).role == "population"
    assert ProductWeighting([population, BalancedWeighting()]).role == "emphasis"
    by_role = (population * ColumnWeighting(1)).fit_weigh_by_role(X, Y)
    assert by_role.emphasis is None


def test_contract_of_a_product():
    check_weighting(BalancedWeighting(0.5) * ColumnWeighting(0) * ColumnWeighting(1))


def test_weigh_repeats_the_training_rows_and_takes_new_ones():
    product = ProductWeighting([BalancedWeighting(), ColumnWeighting(1)])
    weights = product.fit_weigh(X, Y)
    np.testing.assert_allclose(product.weigh(X, Y), weights)
    np.testing.assert_allclose(product.weigh(X[3:5], Y[3:5]), weights[3:5])


def test_everything_that_weighting_takes_is_a_factor():
    def rising(X, y):
        return X[:, 1]

    product = resolve_weighting(
        ["balanced", {0: 1, 1: 2}, rising, None, EffectiveNumberWeighting()]
    ).fit(X, Y)
    assert [type(factor) for factor in product.factors_] == [
        BalancedWeighting,
        ClassWeighting,
        FunctionWeighting,
        EffectiveNumberWeighting,
    ]


def test_nested_products_are_taken_apart():
    nested = [["balanced", [ColumnWeighting(1), {0: 1, 1: 3}]], (PriorWeighting({}),)]
    product = resolve_weighting(nested)
    assert [type(item).__name__ for item in factors_of(product)] == [
        "BalancedWeighting",
        "ColumnWeighting",
        "ClassWeighting",
        "PriorWeighting",
    ]
    assert product.side_columns() == [1]
    flat = [BalancedWeighting(), ColumnWeighting(1), ClassWeighting({0: 1, 1: 3})]
    np.testing.assert_allclose(
        resolve_weighting(nested[0]).fit_weigh(X, Y),
        ProductWeighting(flat).fit_weigh(X, Y),
    )


def test_a_times_b_is_the_list():
    by_hand = ProductWeighting([BalancedWeighting(), ColumnWeighting(1)])
    by_star = BalancedWeighting() * ColumnWeighting(1)
    np.testing.assert_array_equal(by_hand.fit_weigh(X, Y), by_star.fit_weigh(X, Y))
    with pytest.raises(TypeError):
        BalancedWeighting() * 2


def test_parameters_are_reached_by_position():
    product = resolve_weighting(
        ["balanced", BalancedWeighting(0.3), ColumnWeighting(1)]
    )
    assert product.get_params()["1__strength"] == 0.3
    assert product.get_params()["2__column"] == 1
    assert set(product.get_params(deep=False)) == {"factors"}
    product.set_params(**{"1__strength": 0.7, "2": ColumnWeighting(0)})
    assert product.factors[1].strength == 0.7
    assert product.factors[2].column == 0
    product.set_params(factors=[None], **{"0": BalancedWeighting(), "0__strength": 2})
    assert [factor.strength for factor in product.factors] == [2]


def test_names_are_resolved_at_the_door_and_nowhere_else():
    collected = ["balanced", {0: 1, 1: 5}]
    product = resolve_weighting(collected).set_params(
        **{"0__strength": 0.5, "1__strict": False}
    )
    assert product.factors[0].strength == 0.5
    assert product.factors[1].strict is False
    assert collected == ["balanced", {0: 1, 1: 5}]  # the caller's list is unchanged
    clf = WeightedClassifier(weighting=collected, calibration=None).set_params(
        weighting__0__strength=0.5
    )
    assert clf.weighting.factors[0].strength == 0.5
    with pytest.raises(TypeError, match=r"got 'balanced'\. .* weighting=\[\.\.\.\]"):
        ProductWeighting(collected).fit(X, Y)


@pytest.mark.parametrize("name", ["2", "2__strength", "x", "-1__strength", "strength"])
def test_positions_that_do_not_exist(name):
    sentence = r"Invalid parameter .* position of the factor, 0 to 1, as in '0__"
    with pytest.raises(ValueError, match=sentence):
        (BalancedWeighting() * BalancedWeighting()).set_params(**{name: 1})


def test_no_factor_has_no_parameters():
    with pytest.raises(ValueError, match=r"factor 1 .* this factor is None"):
        ProductWeighting([BalancedWeighting(), None]).set_params(**{"1__strength": 1})


def test_clone_copies_the_factors():
    product = BalancedWeighting(0.4) * ColumnWeighting(1)
    copy = clone(product)
    copy.set_params(**{"0__strength": 1})
    assert product.factors[0].strength == 0.4


@pytest.mark.parametrize(
    ("factors", "sentence"),
    [
        ([], r"takes a list of at least one strategy; got \[\]\."),
        ([None], r"got only None\. Use weighting=None if you want no weighting\."),
        ("balanced", r"takes a list of at least one strategy; got 'balanced'\."),
    ],
)
def test_a_product_of_nothing(factors, sentence):
    with pytest.raises(TypeError, match=sentence):
        ProductWeighting(factors).fit(X, Y)


def test_a_product_that_leaves_no_row():
    product = ClassWeighting({0: 1, 1: 0}) * ClassWeighting({0: 0, 1: 1})
    with pytest.raises(
        ValueError, match=r"mean weight of the product must be a number"
    ):
        product.fit(X, Y)


@pytest.mark.parametrize(
    ("spec", "error", "sentence"),
    [
        (
            "balaned",
            ValueError,
            r"weighting='balaned' is not a known .* mean 'balanced'\?",
        ),
        ("effective", ValueError, r"Did you mean 'effective_number'\?"),
        (
            BalancedWeighting,
            TypeError,
            r"got the class .* mean BalancedWeighting\(\)\?",
        ),
        (3, TypeError, r"weighting must be None, a name, a dict .*; got int\."),
        (
            np.ones(10),
            TypeError,
            r"got ndarray\. To use weights that you already have",
        ),
        ({"balanced"}, TypeError, r"weighting must be .*; got set\."),
        (["balanced", "unknown"], ValueError, r"weighting='unknown' is not a known"),
    ],
)
def test_what_weighting_does_not_take(spec, error, sentence):
    with pytest.raises(error, match=sentence):
        WeightedClassifier(weighting=spec, calibration=None).fit(X, Y)


# -- metadata of a third party's strategy ----------------------------------------------

AGES = np.arange(1.0, 11.0)
SHARE = np.array([AGES[Y == 0].sum(), AGES[Y == 1].sum()]) / AGES.sum()
PLACES = {
    "alone": lambda strategy: strategy,
    "in a list": lambda strategy: ["balanced", strategy],
    "as a factor": lambda strategy: strategy * BalancedWeighting(),
    "nested": lambda strategy: [["balanced", [strategy]]],
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("calibration", [None, "sigmoid"])
def test_metadata_reach_a_strategy_without_routing(place, calibration):
    classifier = WeightedClassifier(
        weighting=PLACES[place](AgeWeighting()),
        calibration=calibration,
        cv=2,
        random_state=0,
    )
    ages = pd.Series(np.tile(AGES, 5), index=range(50, 0, -1))
    classifier.fit(np.tile(X, (5, 1)), np.tile(Y, 5), ages=ages)
    np.testing.assert_allclose(classifier.report_.population_share, SHARE)


@pytest.mark.parametrize("place", PLACES)
def test_metadata_reach_a_strategy_with_routing(place):
    with config_context(enable_metadata_routing=True):
        asks = AgeWeighting().set_fit_request(ages=True)
        classifier = WeightedClassifier(weighting=PLACES[place](asks), calibration=None)
        classifier.fit(X, Y, ages=AGES)
        np.testing.assert_allclose(classifier.report_.population_share, SHARE)
        with pytest.raises(UnsetMetadataPassedError, match=r"ages"):
            WeightedClassifier(
                weighting=PLACES[place](AgeWeighting()), calibration=None
            ).fit(X, Y, ages=AGES)


def test_a_factor_gets_only_what_it_asks_for():
    product = AgeWeighting() * BalancedWeighting()
    np.testing.assert_allclose(
        product.fit_weigh_by_role(X, Y, ages=AGES).population, AGES / AGES.mean()
    )


@pytest.mark.filterwarnings("ignore:The frequency of class")  # labels are noise
@pytest.mark.parametrize("kind", ["array", "frame"])
def test_a_hidden_column_is_hidden_from_the_other_factors(rng, kind):
    widths = []

    class Spy(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            widths.append(X.shape[1])
            return super().fit(X, y, sample_weight)

    X, y = rng.normal(size=(200, 3)), rng.integers(0, 2, 200)
    target = rng.normal(size=(100, 3))
    rows = np.column_stack([rng.uniform(1, 2, 200), X])
    column = 0
    if kind == "frame":
        target = pd.DataFrame(target, columns=list("abc"))
        rows, column = pd.DataFrame(rows, columns=list("wabc")), "w"
    product = ColumnWeighting(column) * LabelShiftWeighting(
        target, Spy(), random_state=0
    )
    weights = product.fit_weigh(rows, y)
    assert set(widths) == {3}
    np.testing.assert_allclose(product.weigh(rows, y), weights)
    WeightedClassifier(weighting=product, calibration=None).fit(rows, y)
    assert set(widths) == {3}


def test_a_factor_that_reads_columns_by_position_gets_the_rows_as_they_came(rng):
    X = rng.uniform(1, 2, size=(20, 3))
    product = ColumnWeighting(0) * ColumnWeighting(2) * FunctionWeighting(_third)
    expected = X[:, 0] * X[:, 2] ** 2
    weights = product.fit_weigh(X, np.tile([0, 1], 10))
    np.testing.assert_allclose(weights / weights[0], expected / expected[0])


def test_a_weight_column_that_is_also_a_feature_stays(rng):
    X, y = rng.uniform(1, 2, size=(40, 2)), np.tile([0, 1], 20)
    kept = ColumnWeighting(1, drop=False)
    assert (
        WeightedClassifier(weighting=kept, calibration=None).fit(X, y).n_features_in_
        == 2
    )
    assert (
        WeightedClassifier(weighting=ColumnWeighting(1), calibration=None)
        .fit(X, y)
        .n_features_in_
        == 1
    )


def _third(X, y):
    return X[:, 2]
