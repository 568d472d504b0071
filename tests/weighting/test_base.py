"""The contract: mean one, roles, checked input, and what comes with the base class."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skweight import BalancedWeighting, BaseWeighting
from skweight._utils.roles import multiply
from skweight.testing import check_weighting


class ByFirstColumn(BaseWeighting):
    """A strategy of a third party, as short as the contract allows."""

    def __init__(self, role="emphasis"):
        self.role = role

    def _raw(self, X, y):
        return np.asarray(X, dtype=float)[:, 0]


@pytest.mark.parametrize("role", ["population", "emphasis"])
def test_a_strategy_of_ten_lines_keeps_the_contract(role):
    check_weighting(ByFirstColumn(role))


def test_weights_have_mean_one_also_under_sample_weight():
    X, y = np.array([[1.0], [3.0], [0.0]]), [0, 1, 0]
    np.testing.assert_allclose(ByFirstColumn().fit_weigh(X, y), [0.75, 2.25, 0])
    weighting = ByFirstColumn()
    weights = weighting.fit_weigh(X, y, sample_weight=[2, 1, 1])
    assert weighting.scale_ == 5 / 4
    np.testing.assert_allclose(np.average(weights, weights=[2, 1, 1]), 1)
    np.testing.assert_allclose(weighting.weigh([[10.0]]), [8.0])


def test_weights_sit_under_their_role_alone():
    X, y = np.array([[1.0], [3.0]]), [0, 1]
    population, emphasis = ByFirstColumn("population").fit_weigh_by_role(X, y)
    assert emphasis is None
    np.testing.assert_allclose(population, [0.5, 1.5])
    population, emphasis = ByFirstColumn("emphasis").fit_weigh_by_role(X, y)
    assert population is None
    np.testing.assert_allclose(emphasis, [0.5, 1.5])


def test_a_role_that_does_not_exist():
    sentence = (
        r"ByFirstColumn.role must be one of \['population', 'emphasis'\]; got "
        r"'populaton'\. Did you mean 'population'\?"
    )
    with pytest.raises(ValueError, match=sentence):
        ByFirstColumn("populaton").fit([[1.0], [2.0]], [0, 1])


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            [-1.0, 1.0],
            r"The weight of ByFirstColumn is negative in 1 of 2 rows \(small",
        ),
        (
            [np.nan, 1.0],
            r"The weight of ByFirstColumn contains NaN or infinity in 1 of",
        ),
        (
            [np.inf, 1.0],
            r"The weight of ByFirstColumn contains NaN or infinity in 1 of",
        ),
        ([0.0, 0.0], r"The weight of ByFirstColumn: every weight is zero, so no row"),
    ],
)
def test_a_strategy_cannot_give_weights_that_are_none(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        ByFirstColumn().fit(np.array(values)[:, None], [0, 1])
    fitted = ByFirstColumn().fit([[1.0], [1.0]], [0, 1])
    with pytest.raises(ValueError, match=sentence):
        fitted.weigh(np.array(values)[:, None])


def test_rows_that_count_must_be_given_some_weight():
    sentence = (
        r"ByFirstColumn gives weight zero to every row with a positive "
        r"sample_weight, so no row could be used\."
    )
    with pytest.raises(ValueError, match=sentence):
        ByFirstColumn().fit([[0.0], [1.0]], [0, 1], sample_weight=[1, 0])


@pytest.mark.parametrize(
    ("sample_weight", "sentence"),
    [
        (
            [1, 1, 1],
            r"sample_weight must have one weight per row: expected 2 weights, ",
        ),
        ([1, -1], r"sample_weight is negative in 1 of 2 rows \(smallest -1\)"),
        ([1, np.nan], r"sample_weight contains NaN or infinity in 1 of 2 rows"),
        ([0, 0], r"sample_weight: every weight is zero"),
        (["1", "2"], r"sample_weight must be one number per row; got values that are"),
        ([[1], [2]], r"sample_weight must be 1-dimensional, .*; got shape \(2, 1\)"),
    ],
)
def test_bad_sample_weight(sample_weight, sentence):
    with pytest.raises(ValueError, match=sentence):
        BalancedWeighting().fit([[1.0], [2.0]], [0, 1], sample_weight=sample_weight)


def test_rows_and_labels_belong_together():
    sentence = r"X and y must describe the same rows; got 2 rows of X and 3 labels\."
    with pytest.raises(ValueError, match=sentence):
        BalancedWeighting().fit([[1.0], [2.0]], [0, 1, 1])
    with pytest.raises(ValueError, match=sentence):
        BalancedWeighting().fit([[1.0], [2.0]], [0, 1]).weigh([[1.0], [2.0]], [0, 1, 1])


def test_lazy_tables_are_named():
    polars = pytest.importorskip("polars")
    with pytest.raises(
        TypeError, match=r"X is a polars LazyFrame.*\.collect\(\) first"
    ):
        BalancedWeighting().fit(polars.LazyFrame({"a": [1.0, 2.0]}), [0, 1])


def test_weigh_before_fit():
    with pytest.raises(NotFittedError):
        BalancedWeighting().weigh([[1.0]], [0])
    with pytest.raises(NotFittedError):
        (BalancedWeighting() * ByFirstColumn()).weigh([[1.0]], [0])


def test_a_strategy_without_weights_says_what_is_missing():
    with pytest.raises(NotImplementedError, match=r"BaseWeighting must implement _raw"):
        BaseWeighting().fit([[1.0]], [0])


def test_multiply_takes_none_for_ones():
    ones, twos = np.ones(2), np.full(2, 2.0)
    assert multiply(None, None) is None
    assert multiply(ones, None) is ones
    assert multiply(None, ones) is ones
    assert multiply(twos, twos).tolist() == [4.0, 4.0]
