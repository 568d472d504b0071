"""Approximate neighbours: how good they are, and that samplers can use them."""

import numpy as np
import pytest
from imblearn.over_sampling import ADASYN, SMOTE, SVMSMOTE, BorderlineSMOTE
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.neighbors import NearestNeighbors

from skweight.resampling import ProjectionNeighbors, resample


@pytest.fixture(scope="module")
def rows():
    """Rows near a plane of five dimensions in twenty."""
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(3000, 5)) @ rng.normal(size=(5, 20))
    return plane + 0.1 * rng.normal(size=plane.shape)


def recall(found, true):
    return np.mean([np.isin(a, b).mean() for a, b in zip(found, true, strict=True)])


def test_it_is_exact_where_no_cut_is_needed(rows):
    some = rows[:400]
    exact = NearestNeighbors(n_neighbors=6).fit(some)
    ours = ProjectionNeighbors(6).fit(some)
    for queries in (None, some, rows[400:500]):
        distances, neighbors = ours.kneighbors(queries)
        expected = exact.kneighbors(queries)
        assert_array_equal(neighbors, expected[1])
        # A row is found at distance zero up to single precision.
        assert_allclose(distances, expected[0], atol=2e-2)


def test_more_trees_and_larger_leaves_find_more(rows):
    true = NearestNeighbors(n_neighbors=6).fit(rows).kneighbors(rows)
    collected = [
        ProjectionNeighbors(6, n_trees=n_trees, leaf_size=leaf_size)
        .fit(rows)
        .kneighbors(rows)
        for n_trees, leaf_size in [(1, 64), (1, 512), (4, 64), (8, 512)]
    ]
    few, larger, more, most = (recall(neighbors, true[1]) for _, neighbors in collected)
    assert few < larger < most
    assert few < more < most
    assert most > 0.95
    ratio = collected[1][0][:, 1:].mean() / true[0][:, 1:].mean()
    assert 1 <= ratio < 1.15


@pytest.mark.parametrize("n_trees", [1, 3])
def test_a_row_finds_itself_first_and_nobody_twice(rows, n_trees):
    search = ProjectionNeighbors(6, n_trees=n_trees, leaf_size=64).fit(rows)
    neighbors = search.kneighbors(rows, return_distance=False)
    assert_array_equal(neighbors[:, 0], np.arange(len(rows)))
    assert all(len(set(neighbor)) == 6 for neighbor in neighbors.tolist())
    others = search.kneighbors(return_distance=False)
    assert not (others == np.arange(len(rows))[:, None]).any()


def test_other_rows_go_down_the_trees(rows):
    fitted, queries = rows[:2500], rows[2500:]
    search = ProjectionNeighbors(6, n_trees=8, leaf_size=256).fit(fitted)
    exact = NearestNeighbors(n_neighbors=6).fit(fitted)
    distances, neighbors = search.kneighbors(queries)
    expected = exact.kneighbors(queries)
    assert recall(neighbors, expected[1]) > 0.9
    assert (np.diff(distances, axis=1) >= 0).all()
    at = np.linalg.norm(queries[:, None] - fitted[neighbors], axis=2)
    assert_allclose(distances, at, rtol=1e-3)


def test_far_from_zero_distances_keep_their_digits(rows):
    shifted = rows[:300] + 1e6
    expected = NearestNeighbors(n_neighbors=4).fit(rows[:300]).kneighbors(rows[:300])
    actual = ProjectionNeighbors(4).fit(shifted).kneighbors(shifted)
    assert recall(actual[1], expected[1]) > 0.9


def test_the_graph_and_sparse_rows(rows):
    some = rows[:200]
    search = ProjectionNeighbors(3).fit(sparse.csr_matrix(some))
    graph = search.kneighbors_graph(some)
    neighbors = search.kneighbors(some, return_distance=False)
    assert graph.shape == (200, 200)
    assert_array_equal(np.sort(graph.indices.reshape(200, 3)), np.sort(neighbors))
    assert search.kneighbors_graph(some, mode="distance").data.max() > 1


def test_the_seed_decides(rows):
    first, other, third = (
        ProjectionNeighbors(6, leaf_size=64, random_state=seed)
        .fit(rows)
        .kneighbors(rows, return_distance=False)
        for seed in (0, 0, 1)
    )
    assert_array_equal(first, other)
    assert not np.array_equal(first, third)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"n_trees": 0}, "n_trees must be"),
        ({"leaf_size": 11}, "leaf_size must be"),
    ],
)
def test_parameters_out_of_range(rows, params, match):
    with pytest.raises(ValueError, match=match):
        ProjectionNeighbors(6, **params).fit(rows)


def test_more_neighbors_than_rows(rows):
    with pytest.raises(ValueError, match="n_neighbors <= n_samples_fit"):
        ProjectionNeighbors(6).fit(rows[:5]).kneighbors(rows[:5])


@pytest.mark.parametrize(
    "sampler",
    [
        SMOTE(random_state=0),
        BorderlineSMOTE(random_state=0),
        SVMSMOTE(random_state=0),
        ADASYN(random_state=0),
    ],
    ids=lambda sampler: type(sampler).__name__,
)
def test_samplers_take_it_and_weights_ride_along(rows, sampler):
    rows = rows[:800]
    y = (rows[:, 0] > np.quantile(rows[:, 0], 0.8)).astype(int)
    weights = 100 + rows[:, 0]
    name = "n_neighbors" if "n_neighbors" in sampler.get_params() else "k_neighbors"
    sampler = clone(sampler).set_params(**{name: ProjectionNeighbors(6, leaf_size=64)})
    expected = clone(sampler).fit_resample(rows, y)
    resampled = resample(sampler, rows, y, weights)
    assert_array_equal(resampled.X, expected[0])
    made = resampled.rows < 0
    inside = np.abs(resampled.X[made, 0]) < np.abs(rows[:, 0]).max() - 1
    assert_allclose(
        resampled.sample_weight[made][inside], 100 + resampled.X[made, 0][inside]
    )
