"""`CostWeighting`: what is at stake, as emphasis like any other."""

import numpy as np
import pandas as pd
import pytest

from skweight import BalancedWeighting, CostMatrix, CostWeighting, PriorWeighting
from skweight.exceptions import DecisionWarning
from skweight.testing import check_weighting
from skweight.weighting import metadata

ROWS = pd.DataFrame({"amount": [10.0, 20, 90, 40]})
Y = ["ok", "ok", "fraud", "ok"]
PER_ROW = CostMatrix.binary(pos_label="fraud", fp=2, fn="amount")


def test_weights_of_ting():
    """N = (700, 300), costs 1 and 5: the total weight stays 1000."""
    y = np.repeat([0, 1], [700, 300])
    weighting = CostWeighting(CostMatrix.binary(fp=1, fn=5)).fit(y[:, None], y)
    assert weighting.level_ == "class"
    np.testing.assert_allclose(weighting.class_weight_, [0.454545, 2.272727], atol=5e-7)
    assert weighting.class_weight_ @ [700, 300] == pytest.approx(1000)


def test_elkan_theorem_1():
    """To move the threshold from .5 to 1/6, negatives count a fifth."""
    y = np.array([0, 1, 0, 1])
    weighting = CostWeighting(CostMatrix.binary(fp=1, fn=5)).fit(y[:, None], y)
    negative, positive = weighting.class_weight_
    assert negative / positive == pytest.approx(0.2)


def test_positive_label_may_sort_first():
    weighting = CostWeighting(CostMatrix.binary(pos_label="bad", fp=1, fn=5))
    weighting.fit(np.zeros((2, 1)), ["good", "bad"])
    assert weighting.classes_.tolist() == ["bad", "good"]
    np.testing.assert_allclose(weighting.class_weight_, [5 / 3, 1 / 3])


def test_levels():
    instance = CostWeighting(PER_ROW)
    np.testing.assert_allclose(
        instance.fit_weigh(ROWS, Y), np.array([2, 2, 90, 2]) * 4 / 96
    )
    assert instance.level_ == "instance"
    # More rows, and rows of another label, stay on the scale of the training rows.
    np.testing.assert_allclose(
        instance.weigh(ROWS, ["fraud"] * 4), ROWS["amount"] * 4 / 96
    )
    by_class = CostWeighting(PER_ROW, level="class").fit_weigh(ROWS, Y)
    np.testing.assert_allclose(by_class, np.array([2, 2, 40, 2]) * 4 / 46)
    constant = CostWeighting(CostMatrix.binary(fp=1, fn=5), level="instance")
    np.testing.assert_allclose(
        constant.fit_weigh(np.zeros((2, 1)), [0, 1]), [1 / 3, 5 / 3]
    )


def test_population_weights_count_in_the_mean_cost_and_in_the_scale():
    weight = np.array([1.0, 1, 3, 1])
    weights = CostWeighting(PER_ROW, level="class").fit_weigh(ROWS, Y, weight)
    stake = np.average(ROWS["amount"], weights=weight)
    assert weights[2] / weights[0] == pytest.approx(stake / 2)
    assert np.average(weights, weights=weight) == pytest.approx(1)


def test_metadata_and_products():
    cost = CostMatrix.binary(pos_label="fraud", fp=2, fn=metadata("amount"))
    X = np.zeros((4, 1))
    weighting = CostWeighting(cost)
    amount = ROWS["amount"].to_numpy()
    np.testing.assert_allclose(
        weighting.fit_weigh(X, Y, amount=amount),
        CostWeighting(PER_ROW).fit_weigh(ROWS, Y),
    )
    np.testing.assert_allclose(
        weighting.weigh(X, Y, amount=amount), weighting.fit_weigh(X, Y, amount=amount)
    )
    prior = PriorWeighting({"ok": 0.9, "fraud": 0.1})
    product = prior * BalancedWeighting() * weighting
    population, emphasis = product.fit_weigh_by_role(X, Y, amount=amount)
    alone = CostWeighting(PER_ROW).fit_weigh(ROWS, Y)
    balanced = BalancedWeighting().fit_weigh(X, Y, population)
    expected = alone * balanced
    np.testing.assert_allclose(emphasis / emphasis[0], expected / expected[0])
    with pytest.raises(ValueError, match=r"metadata\('amount'\)"):
        product.fit(X, Y)


def test_side_columns_only_if_asked():
    assert CostWeighting(PER_ROW).side_columns() == []
    assert CostWeighting(PER_ROW, drop=True).side_columns() == ["amount"]


def test_three_classes_warn_of_what_weights_cannot_say():
    cost = CostMatrix.ordinal([0, 1, 2])
    with pytest.warns(DecisionWarning, match="No class weights"):
        CostWeighting(cost).fit(np.zeros((3, 1)), [0, 1, 2])
    weighting = CostWeighting(cost, method="sum").fit(np.zeros((3, 1)), [0, 1, 2])
    np.testing.assert_allclose(weighting.class_weight_, [9 / 8, 6 / 8, 9 / 8])


@pytest.mark.parametrize("level", ["auto", "instance"])
@pytest.mark.parametrize("labels", [(0, 1), (-1, 1), (0, 1, 2), ("no", "yes")])
def test_contract(level, labels, rng):
    y = np.array([labels[i % len(labels)] for i in range(42)])
    cost = CostMatrix.from_dict(
        {
            true: {
                decided: CostMatrix.column(0) if position else 1.0
                for decided in labels
                if decided != true
            }
            for position, true in enumerate(labels)
        }
    )
    X = rng.uniform(0.5, 1.5, (42, 3))
    check_weighting(CostWeighting(cost, level=level), X=X, y=y)


@pytest.mark.parametrize(
    ("weighting", "error", "words"),
    [
        (CostWeighting(PER_ROW, level="row"), ValueError, "level must be one of"),
        (CostWeighting([[0, 1], [5, 0]]), TypeError, "true 'fraud' decided 'ok'"),
        (
            CostWeighting(CostMatrix.binary(fp=1, fn=5)),
            ValueError,
            "pos_label='fraud'",
        ),
        (
            CostWeighting(CostMatrix.binary(pos_label="fraud", fp=1, fn="amout")),
            ValueError,
            "Did you mean 'amount'",
        ),
        (
            CostWeighting(CostMatrix.binary(pos_label="fraud", fp=-1, fn=-1)),
            ValueError,
            "would be negative or all 0",
        ),
    ],
)
def test_bad_input_is_told(weighting, error, words):
    with pytest.raises(error, match=words):
        weighting.fit(ROWS, Y)


def test_weigh_needs_labels():
    weighting = CostWeighting(PER_ROW).fit(ROWS, Y)
    with pytest.raises(ValueError, match="needs the labels y"):
        weighting.weigh(ROWS)
