"""Group strategies: cells that count alike, groups whose base rates are equal."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV

from skweight import BalancedWeighting, WeightedClassifier, WeightedRegressor
from skweight.exceptions import DegenerateWeightsWarning
from skweight.metrics import worst_group_scorer
from skweight.weighting import (
    GroupBalancedWeighting,
    ReweighingWeighting,
    metadata,
)

# 30 positive and 70 negative rows of group a, 5 and 45 of group b.
Y = np.repeat([1, 0, 1, 0], [30, 70, 5, 45])
X = pd.DataFrame({"group": np.repeat(["a", "b"], [100, 50]), "x": np.arange(150.0)})
CELLS = [0, 30, 100, 105]


def test_a_label_that_a_group_never_has_is_told():
    never = np.where(X["group"] == "b", 0, Y)
    empty = r"group 'b' with the label 1\. In all, 1 of 4"
    with pytest.warns(DegenerateWeightsWarning, match=empty):
        weights = ReweighingWeighting("group").fit_weigh(X, never)
    assert weights.min() > 0
    ReweighingWeighting("group", strength=0).fit_weigh(X, never)


def test_balanced_cells_have_the_weights_of_the_reference():
    weights = GroupBalancedWeighting("group").fit_weigh(X, Y)
    assert_allclose(weights[CELLS], [1.25, 0.535714, 7.5, 0.833333], atol=5e-7)
    mass = pd.Series(weights).groupby([X["group"], Y]).sum()
    assert_allclose(mass, 150 / 4)


def test_reweighing_has_the_weights_of_the_reference():
    weights = ReweighingWeighting("group").fit_weigh(X, Y)
    assert_allclose(weights[CELLS], [7 / 9, 1.095238, 7 / 3, 0.851852], atol=5e-7)


def test_after_reweighing_weighted_base_rates_are_equal_to_1e_15(rng):
    n = 3000
    frame = pd.DataFrame(
        {"sex": rng.choice(["f", "m"], n), "age": rng.integers(0, 3, n)}
    )
    y = rng.choice(["no", "yes", "maybe"], n, p=[0.6, 0.3, 0.1])
    base = rng.uniform(0, 2, n)
    weights = base * ReweighingWeighting(["sex", "age"]).fit_weigh(frame, y, base)
    shares = pd.crosstab(
        [frame["sex"], frame["age"]], y, values=weights, aggfunc="sum"
    ).to_numpy()
    shares = shares / shares.sum(axis=1, keepdims=True)
    overall = [base[y == label].sum() / base.sum() for label in np.unique(y)]
    assert_allclose(shares, np.tile(overall, (6, 1)), rtol=1e-14)


@pytest.mark.parametrize("strategy", [GroupBalancedWeighting, ReweighingWeighting])
def test_strength_is_a_power(strategy):
    full = strategy("group").fit_weigh(X, Y)
    for strength in (0, 0.5, 2):
        part = strategy("group", strength=strength).fit_weigh(X, Y)
        expected = full**strength
        assert_allclose(part, expected / expected.mean())


def test_a_cell_without_rows_takes_no_share():
    y = np.where(X["group"] == "b", 0, Y)
    weighting = GroupBalancedWeighting("group").fit(X, y)
    assert_allclose(weighting.cell_weight_, [[50 / 70, 50 / 30], [1, np.nan]])
    with pytest.raises(ValueError, match="'b' with the label 1, but there was no"):
        weighting.weigh(X, Y)


def test_groups_come_from_columns_positions_callables_and_metadata():
    expected = GroupBalancedWeighting("group").fit_weigh(X, Y)
    array = np.column_stack([(X["group"] == "b").astype(float), X["x"]])
    group = X["group"].to_numpy()
    for source, rows, given in (
        (0, array, {}),
        (["group"], X, {}),
        (lambda frame: frame["group"], X, {}),
        (metadata("segment"), X[["x"]], {"segment": group}),
        ([metadata("segment")], X[["x"]], {"segment": X["group"]}),
    ):
        weighting = GroupBalancedWeighting(source)
        assert_allclose(weighting.fit_weigh(rows, Y, **given), expected)
        assert_allclose(
            weighting.fit(rows, Y, **given).weigh(rows, Y, **given), expected
        )


@pytest.mark.parametrize("routing", [False, True])
def test_a_fit_takes_its_groups_under_their_name(routing):
    group = X["group"].to_numpy()
    weighting = GroupBalancedWeighting(metadata("segment")) * BalancedWeighting(0)
    with config_context(enable_metadata_routing=routing):
        clf = WeightedClassifier(
            LogisticRegression(), weighting=weighting, calibration=None
        )
        clf.fit(X[["x"]], Y, segment=group)
    by_column = WeightedClassifier(
        LogisticRegression(),
        weighting=GroupBalancedWeighting("group", drop=True),
        calibration=None,
    ).fit(X, Y)
    assert_allclose(clf.estimator_.coef_, by_column.estimator_.coef_)
    assert list(by_column.estimator_.feature_names_in_) == ["x"]


def test_groups_by_that_name_are_those_of_the_splitter():
    with pytest.raises(ValueError, match=r"splitter.*fit.*segment=array"):
        metadata("groups")


def test_a_group_column_is_a_feature_unless_it_is_dropped():
    numbers = X.assign(group=(X["group"] == "b").astype(float))
    for drop, names in ((False, ["group", "x"]), (True, ["x"])):
        weighting = GroupBalancedWeighting("group", drop=drop)
        clf = WeightedClassifier(
            LogisticRegression(), weighting=weighting, calibration=None
        )
        assert list(clf.fit(numbers, Y).estimator_.feature_names_in_) == names


def test_regressors_are_balanced_by_group_alone(rng):
    x = rng.normal(size=1000)
    group = (rng.uniform(size=1000) < 0.1).astype(float)
    values = np.where(group == 1, -x, x)
    rows = np.column_stack([x, group])
    weighting = GroupBalancedWeighting(1, by_label=False, drop=True)
    line = WeightedRegressor(LinearRegression(), weighting=weighting).fit(rows, values)
    assert_allclose(line.estimator_.coef_, [0], atol=0.15)
    assert LinearRegression().fit(rows[:, :1], values).coef_[0] > 0.7


def test_rows_that_do_not_count_need_no_group():
    rows = X.assign(group=X["group"].where(X["x"] > 0))
    counts = (rows["x"] > 0).astype(float).to_numpy()
    weights = GroupBalancedWeighting("group").fit_weigh(rows, Y, counts)
    expected = GroupBalancedWeighting("group").fit_weigh(X[1:], Y[1:])
    assert_allclose(weights[1:], expected)


@pytest.mark.parametrize(
    ("groups", "error", "words"),
    [
        ("gruop", ValueError, "Did you mean 'group'"),
        ([], ValueError, "Pass the name of a column, a list of names"),
        (1.5, TypeError, "takes the name or the position"),
        (
            lambda X: X["group"].where(X["x"] > 2),
            ValueError,
            "missing in 3 of 150.*Add a group",
        ),
    ],
)
@pytest.mark.parametrize("strategy", [GroupBalancedWeighting, ReweighingWeighting])
def test_bad_groups_are_refused_with_the_reason(strategy, groups, error, words):
    with pytest.raises(error, match=words):
        strategy(groups).fit(X, Y)
    with pytest.raises(ValueError, match="strength"):
        strategy("group", strength=-1).fit(X, Y)
    with pytest.raises(TypeError, match="drop"):
        strategy("group", drop="yes").fit(X, Y)


def test_a_group_unknown_to_the_fit_is_refused():
    weighting = ReweighingWeighting("group").fit(X, Y)
    other = pd.DataFrame({"group": ["a", "c"]})
    with pytest.raises(ValueError, match=r"got the unknown groups \['c'\]"):
        weighting.weigh(other, [0, 0])
    with pytest.raises(ValueError, match="needs the labels y"):
        weighting.weigh(X)


def test_a_single_row_that_carries_a_group_is_told():
    rows = X.assign(group=["solo", *X["group"][1:]])
    weighting = GroupBalancedWeighting("group")
    with pytest.warns(
        DegenerateWeightsWarning, match="group 'solo' with the label 1, and"
    ):
        weights = weighting.fit_weigh(rows, Y)
    assert weights[0] == pytest.approx(30)
    GroupBalancedWeighting("group", strength=0.3).fit(rows, Y)  # 30 ** .3 is harmless


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_balance_brings_the_worst_group_below_a_third_of_its_loss(seed):
    train, test = spurious(4000, 0.95, seed), spurious(4000, 0.5, seed + 100)
    losses = {}
    for name, weighting in (("none", None), ("groups", GroupBalancedWeighting(-1))):
        clf = WeightedClassifier(
            LogisticRegression(), weighting=weighting, calibration=None
        )
        clf.fit(train[0], train[1])
        losses[name] = worst_cell_loss(clf, *test)
    assert losses["groups"] < losses["none"] / 3


def test_a_search_chooses_a_strength_for_the_worst_group():
    rows, y = spurious(2000, 0.95, 0)
    search = GridSearchCV(
        WeightedClassifier(
            LogisticRegression(), weighting=GroupBalancedWeighting(-1), calibration=None
        ),
        {"weighting__strength": [0.0, 1.0]},
        scoring=worst_group_scorer("balanced_accuracy", -1),
        cv=3,
    ).fit(rows, y)
    assert search.best_params_ == {"weighting__strength": 1.0}


def spurious(n, agreement, seed):
    """Return rows whose last column agrees with the label as often as is said."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    agrees = rng.uniform(size=n) < agreement
    attribute = np.where(agrees, y, 1 - y)
    core = rng.normal(size=(n, 5)) + 0.6 * (2 * y - 1)[:, np.newaxis] * (
        np.arange(5) < 2
    )
    return np.column_stack([core, attribute]), y


def worst_cell_loss(clf, rows, y):
    """Return the largest mean log loss of a combination of last column and label."""
    loss = -np.log(clf.predict_proba(rows)[np.arange(y.size), y])
    return pd.Series(loss).groupby([rows[:, -1], y]).mean().max()
