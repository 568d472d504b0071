"""Raking: exact margins, odds ratios as they were, reasons where there are none."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression, Ridge

from skweight import WeightedClassifier, WeightedRegressor
from skweight.weighting import RakingWeighting, metadata
from skweight.weighting._raking import rake

CELLS = np.repeat([[0, 0], [0, 1], [1, 0], [1, 1]], [40, 30, 20, 10], axis=0)
MARGINS = {0: {0: 0.5, 1: 0.5}, 1: {0: 0.4, 1: 0.6}}


def test_four_cells_have_the_weights_of_the_reference():
    weights = RakingWeighting(MARGINS).fit_weigh(CELLS, None)
    cells = weights[[0, 40, 70, 90]]
    assert_allclose(cells, [0.439413, 1.080783, 1.121175, 2.757651], atol=5e-7)
    masses = cells * [40, 30, 20, 10]
    odds = masses[0] * masses[3] / (masses[1] * masses[2])
    assert_allclose(odds, 40 * 10 / (30 * 20), rtol=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
def test_margins_hold_to_1e_10(rng, weighted):
    n, sizes = 5000, {"a": 2, "b": 3, "c": 5, "d": 7}
    X = pd.DataFrame(
        {name: rng.integers(0, k, n).astype(str) for name, k in sizes.items()}
    )
    margins = {
        name: dict(zip(map(str, range(k)), rng.dirichlet(np.full(k, 5)), strict=True))
        for name, k in sizes.items()
    }
    base = rng.uniform(0, 2, n) if weighted else np.ones(n)
    weighting = RakingWeighting(margins)
    weights = base * weighting.fit_weigh(X, None, base)
    for name, margin in margins.items():
        actual = pd.Series(weights).groupby(X[name]).sum() / weights.sum()
        assert_allclose(
            [actual[value] for value in margin], list(margin.values()), atol=1e-10
        )
    assert weighting.gap_ <= 1e-10
    assert_allclose(weighting.weigh(X), weighting.fit_weigh(X, None, base))


def test_the_solver_needs_cells_and_masses_alone():
    margins = [np.array([0.5, 0.5]), np.array([0.4, 0.6])]
    cells = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    masses = np.array([40.0, 30, 20, 10])
    (first, second), n_iter, gap = rake(masses, cells, margins)
    weights = RakingWeighting(MARGINS).fit_weigh(CELLS, None)[[0, 40, 70, 90]]
    assert_allclose(first[cells[:, 0]] * second[cells[:, 1]], weights, rtol=1e-10)
    assert n_iter < 12
    assert gap < 1e-12


def test_a_new_row_is_weighed_by_its_values_alone():
    weighting = RakingWeighting(MARGINS).fit(CELLS, None)
    assert_allclose(
        weighting.weigh([[0, 0], [0, 1], [1, 0], [9, 1]]),
        [*weighting.fit_weigh(CELLS, None)[[0, 40, 70]], 0],
    )


def test_share_zero_leaves_rows_out():
    X = np.array([["a"], ["a"], ["b"], ["c"]], dtype=object)
    weights = RakingWeighting({0: {"a": 0.5, "b": 0.5, "c": 0}}).fit_weigh(X, None)
    assert_allclose(weights, [1, 1, 2, 0])


def test_rows_that_do_not_count_are_not_looked_at():
    X = pd.DataFrame({"a": ["u", "v", "v", None, "never"]})
    weighting = RakingWeighting({"a": {"u": 0.5, "v": 0.5}})
    weights = weighting.fit_weigh(X, None, [1, 1, 1, 0, 0])
    assert_allclose(weights[:3], [1.5, 0.75, 0.75])


def test_margins_are_read_from_callables_and_metadata_too():
    by_callable = RakingWeighting({_first: MARGINS[0], 1: MARGINS[1]})
    by_metadata = RakingWeighting({metadata("segment"): MARGINS[0], 1: MARGINS[1]})
    expected = RakingWeighting(MARGINS).fit_weigh(CELLS, None)
    assert_allclose(by_callable.fit_weigh(CELLS, None), expected)
    weights = by_metadata.fit_weigh(CELLS, None, segment=CELLS[:, 0])
    assert_allclose(weights, expected)
    assert_allclose(
        by_metadata.fit(CELLS, None, segment=CELLS[:, 0]).weigh(
            CELLS, segment=CELLS[:, 0]
        ),
        expected,
    )


def _first(X):
    return np.asarray(X)[:, 0]


@pytest.mark.parametrize("drop", [False, True])
def test_margin_columns_stay_unless_they_are_dropped(rng, drop):
    X = np.column_stack([CELLS, rng.normal(size=100)])
    weighting = RakingWeighting(MARGINS, drop=drop)
    clf = WeightedClassifier(
        LogisticRegression(), weighting=weighting, calibration=None
    )
    clf.fit(X, rng.integers(0, 2, 100))
    assert clf.n_features_in_ == (1 if drop else 3)
    line = WeightedRegressor(Ridge(), weighting=weighting).fit(X, X[:, 2])
    assert line.n_features_in_ == (1 if drop else 3)


@pytest.mark.parametrize(
    ("margins", "error", "words"),
    [
        ({0: {0: 0.5, 1: 0.6}}, ValueError, "must sum to 1; they sum to 1.1"),
        ({0: {0: 1.0}}, ValueError, r"has the values \[1\], but the target shares"),
        ({0: {0: 0.5, 1: 0.4, 2: 0.1}}, ValueError, r"positive shares for \[2\]"),
        ({0: {0: 1.5, 1: -0.5}}, ValueError, "must be a number, 0 or more; got -0.5"),
        ({0: 0.5}, TypeError, "must be a dict"),
        ({}, TypeError, "must be a dict"),
        ({7: {0: 1.0}}, ValueError, "needs the column 7, which X does not have"),
        ({"a": {0: 1.0}}, ValueError, "whose columns have no names"),
    ],
)
def test_bad_margins_are_refused_with_the_reason(margins, error, words):
    with pytest.raises(error, match=words):
        RakingWeighting(margins).fit(CELLS, None)


def test_missing_values_are_refused():
    X = pd.DataFrame({"a": ["u", None, "v"]})
    with pytest.raises(ValueError, match=r"missing in 1 of 3 rows.*additional value"):
        RakingWeighting({"a": {"u": 0.5, "v": 0.5}}).fit(X, None)


def test_margins_that_contradict_each_other_are_told():
    # Without rows (0, 1) and (1, 0) the columns are equal, and their margins are not.
    X = np.array([[0, 0], [1, 1], [1, 1]])
    with pytest.raises(ValueError, match=r"can reach all margins.*2 of 4 combinations"):
        RakingWeighting(MARGINS, max_iter=100).fit(X, None)
    with pytest.raises(ValueError, match="has a value of share 0 in some margin"):
        RakingWeighting({0: {0: 1, 1: 0}, 1: {0: 0, 1: 1}}).fit(X, None)
