"""Weighted quantiles and bins of equal mass, against a sort of all rows."""

from unittest import mock

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skweight._utils.quantiles import ValueCells
from skweight.metrics._calibration import equal_mass_bins
from skweight.weights import weighted_quantile

N = 20_000
SHARES = np.array([0.0, 0.003, 0.5, 0.5001, 0.9, 1.0])


def column(kind):
    rng = np.random.default_rng(0)
    normal = rng.normal(size=N)
    return {
        "normal": normal,
        "far from zero": 1e6 + normal,
        "heavy tails": np.exp(30 * normal),
        "few values": normal.round(1),
        "one value": np.full(N, -2.5),
        "two zeros": np.where(normal > 0, 0.0, -0.0) * (np.abs(normal) < 2)
        + (normal > 2),
        "subnormal": 5e-324 * rng.integers(0, 1000, N),
        "the whole range": np.sign(normal) * np.exp(300 * np.abs(normal).clip(0, 2.3)),
        "descending": np.linspace(1, 0, N),
        "every other": np.column_stack([normal, normal])[:, 0],
    }[kind]


KINDS = [
    "normal",
    "far from zero",
    "heavy tails",
    "few values",
    "one value",
    "two zeros",
    "subnormal",
    "the whole range",
    "descending",
    "every other",
]


def masses(kind):
    rng = np.random.default_rng(1)
    return {
        "equal": np.broadcast_to(np.float64(1.0), N),
        "whole": rng.integers(1, 4, N).astype(float),
        "uneven": rng.exponential(size=N) ** 4 + 1e-9,
    }[kind]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighting", ["equal", "whole", "uneven"])
def test_values_are_those_of_a_sort(kind, weighting):
    values, weights = column(kind), masses(weighting)
    order = np.argsort(values, kind="stable")
    running = np.cumsum(weights[order])
    at = np.searchsorted(running, SHARES * running[-1] * (1 - 1e-12))
    assert_array_equal(weighted_quantile(values, weights, SHARES), values[order][at])
    assert weighted_quantile(values, weights, 0.5) == values[order][at[2]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighting", ["equal", "whole", "uneven"])
@pytest.mark.parametrize("n_bins", [1, 15, 512])
def test_bins_are_those_of_a_sort(kind, weighting, n_bins):
    values, weights = column(kind), masses(weighting)
    distinct, group = np.unique(values, return_inverse=True)
    mass = np.bincount(group, weights)
    middle = (np.cumsum(mass) - mass / 2) / mass.sum() * n_bins
    expected = np.unique(np.floor(middle + 1e-9)[group], return_inverse=True)[1]
    assert_array_equal(equal_mass_bins(values, weights, n_bins), expected)
    assert distinct.size == 1 or n_bins == 1 or expected.max() > 0


def test_rows_of_weight_zero_are_passed_by():
    values, weights = column("normal"), np.zeros(N)
    weights[:2] = 1.0
    low, high = np.sort(values[:2])
    assert weighted_quantile(values, weights, [0.0]) == [values.min()]
    assert_array_equal(weighted_quantile(values, weights, [0.5, 0.6]), [low, high])


@pytest.mark.parametrize("kind", ["normal", "far from zero", "heavy tails"])
def test_few_rows_are_sorted(kind):
    values, weights = column(kind), masses("uneven")
    with mock.patch.object(np, "argsort", wraps=np.argsort) as sorts:
        weighted_quantile(values, weights, [0.1, 0.5])
        equal_mass_bins(values, weights, 15)
    assert sorts.call_count == 2
    assert all(call.args[0].size < 0.15 * N for call in sorts.call_args_list)


def test_no_value_is_changed_and_a_row_keeps_its_value():
    values = column("two zeros")
    before = values.copy()
    cells = ValueCells(values)
    assert_array_equal(cells.positions(np.array([0.0])), np.ones(N))
    assert_array_equal(np.signbit(values), np.signbit(before))
