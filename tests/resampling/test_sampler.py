"""Samplers resample weights too, and the rows are those of the sampler."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from imblearn import FunctionSampler
from imblearn.combine import SMOTEENN, SMOTETomek
from imblearn.metrics.pairwise import ValueDifferenceMetric
from imblearn.over_sampling import (
    ADASYN,
    SMOTE,
    SMOTEN,
    SMOTENC,
    SVMSMOTE,
    BorderlineSMOTE,
    KMeansSMOTE,
    RandomOverSampler,
)
from imblearn.under_sampling import (
    ClusterCentroids,
    EditedNearestNeighbours,
    NearMiss,
    RandomUnderSampler,
    TomekLinks,
)
from imblearn.utils.estimator_checks import parametrize_with_checks
from listed_checks import listed
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.spatial.distance import cdist
from scipy.stats import mode
from sklearn.base import clone
from sklearn.cluster import MiniBatchKMeans
from sklearn.datasets import make_classification
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import OrdinalEncoder
from sklearn.svm import SVC

from skweight.exceptions import FewerThanAskedWarning, UnsupportedWeightsError
from skweight.resampling import WeightedSampler, resample
from skweight.resampling._sampler import resolve_resampler
from skweight.testing import all_estimators

BETWEEN_ROWS = [
    SMOTE(random_state=1),
    SMOTE(sampling_strategy={1: 150, 2: 120}, random_state=1, k_neighbors=3),
    SMOTE(random_state=1, k_neighbors=NearestNeighbors(n_neighbors=4)),
    BorderlineSMOTE(random_state=1),
    BorderlineSMOTE(random_state=1, kind="borderline-2"),
    SVMSMOTE(random_state=1),
    SVMSMOTE(random_state=1, svm_estimator=SVC(C=0.1)),
    KMeansSMOTE(random_state=1, cluster_balance_threshold=0.05, kmeans_estimator=4),
    KMeansSMOTE(
        random_state=1,
        cluster_balance_threshold=0.05,
        kmeans_estimator=MiniBatchKMeans(3, random_state=0),
    ),
    ADASYN(random_state=1),
    SMOTEENN(random_state=1),
    SMOTETomek(random_state=1, smote=SMOTE(sampling_strategy="all", random_state=3)),
    SMOTENC([0, 3], random_state=1),
]
SELECTING = [
    RandomOverSampler(random_state=1),
    RandomOverSampler(random_state=1, shrinkage=0.3),
    RandomUnderSampler(random_state=1),
    NearMiss(),
    TomekLinks(),
    EditedNearestNeighbours(),
]
CONTAINERS = {
    "double": np.asarray,
    "single": lambda X: X.astype(np.float32),
    "integer": lambda X: (X * 100).astype(np.int64),
    "fortran": np.asfortranarray,
    "object": lambda X: X.astype(object),
    "list": lambda X: X.tolist(),
    "frame": lambda X: pd.DataFrame(X, columns=list("abcdef")),
    "frame of mixed": lambda X: pd.DataFrame(X).astype({0: int, 1: np.float32}),
    "frame of single": lambda X: pd.DataFrame(X.astype(np.float32)),
    "sparse": lambda X: sparse.csr_matrix(X * (abs(X) > 0.5)),
    "sparse array": lambda X: sparse.csr_array(X * (abs(X) > 0.5)),
    "sparse columns": lambda X: sparse.csc_matrix(X * (abs(X) > 0.5)),
}


def name(sampler):
    return type(sampler).__name__


# What the sampler itself fails on, weights or none.
ERRORS_OF_IMBALANCED_LEARN = {
    (str(BorderlineSMOTE(random_state=1, kind="borderline-2")), container): error
    for container, error in [
        ("integer", TypeError),
        ("sparse", ValueError),
        ("sparse columns", ValueError),
    ]
}


def by_name(samplers):
    return pytest.mark.parametrize("sampler", samplers, ids=name)


@pytest.fixture(scope="module")
def problem():
    X, y = make_classification(
        400,
        n_features=6,
        n_informative=4,
        n_classes=3,
        weights=[0.7, 0.2],
        flip_y=0.1,
        random_state=0,
    )
    X[:, [0, 3]] = X[:, [0, 3]].round()
    return X, y, np.random.default_rng(0).lognormal(size=y.size)


def dense(X):
    return X.toarray() if sparse.issparse(X) else np.asarray(X)


# --- The rows are those of the sampler ------------------------------------------------


# Containers are converted in one place: each sampler meets a third of them, in turn,
# and those that it cannot take.
@pytest.mark.parametrize(
    ("sampler", "container"),
    [
        pytest.param(sampler, container, id=f"{name(sampler)}-{container}-{i}")
        for i, sampler in enumerate(BETWEEN_ROWS + SELECTING)
        for j, container in enumerate(CONTAINERS)
        if (i + j) % 3 == 0 or (str(sampler), container) in ERRORS_OF_IMBALANCED_LEARN
    ],
)
def test_rows_are_the_same_to_the_last_bit(problem, sampler, container):
    X, y, weights = problem
    X = CONTAINERS[container](X)
    if name(sampler) == "SMOTENC" and container == "integer":
        pytest.skip("SMOTENC computes its distances in integers there; see below")
    if container == "list":
        y = y.tolist()
    error = ERRORS_OF_IMBALANCED_LEARN.get((str(sampler), container))
    if error is not None:
        # Once it can do it, this fails, and the entry goes.
        with pytest.raises(error):
            clone(sampler).fit_resample(X, y)
        pytest.skip("imbalanced-learn cannot do it without weights either")
    expected = clone(sampler).fit_resample(X, y)
    actual = resample(sampler, X, y, weights)
    for value, other in zip(expected, actual, strict=False):
        assert type(value) is type(other)
        assert getattr(value, "dtype", None) == getattr(other, "dtype", None)
        assert_array_equal(dense(value), dense(other))
    if isinstance(X, pd.DataFrame):
        pd.testing.assert_frame_equal(expected[0], actual.X)
    assert actual.sample_weight.shape == actual.rows.shape == (len(actual.y),)
    kept = actual.rows >= 0
    assert_array_equal(actual.sample_weight[kept], weights[actual.rows[kept]])


def test_integers_beside_categories_are_measured_as_numbers(problem):
    """SMOTENC would round half a standard deviation to zero, and see no categories."""
    X, y, weights = problem
    X = (X * 100).astype(np.int64)
    sampler = SMOTENC([0, 3], random_state=1)
    expected, _ = sampler.fit_resample(X.astype(float), y)
    actual = resample(sampler, X, y, weights)
    assert actual.X.dtype == X.dtype
    assert_array_equal(actual.X, expected.astype(np.int64))


@pytest.mark.parametrize("columns", [2, 3, 5, 6])
def test_distances_between_categories_stay_where_most_columns_do_not_vary(columns):
    """The median spread of the columns, zero included, is what it was."""
    rng = np.random.default_rng(columns)
    X = np.zeros((60, columns + 1))
    X[:, : columns // 2] = rng.normal(size=(60, columns // 2))
    X[:, -1] = rng.integers(0, 3, 60)
    y = np.repeat([0, 1], [45, 15])
    sampler = SMOTENC([columns], random_state=0)
    for numbers in (X, X * 1e-3, X + (np.arange(columns + 1) == 0) * 1e3):
        expected = sampler.fit_resample(numbers, y)
        actual = resample(sampler, numbers, y, rng.lognormal(size=60))
        assert_array_equal(actual.X, expected[0])


def test_the_caller_keeps_what_was_passed(problem):
    X, y, weights = problem
    before = X.copy(), y.copy(), weights.copy()
    sampler = SMOTE(random_state=0)
    resample(sampler, X, y, weights)
    assert not hasattr(sampler, "sampling_strategy_")
    assert sampler.k_neighbors == 5
    for kept, other in zip(before, (X, y, weights), strict=True):
        assert_array_equal(kept, other)


# --- The weights are those of the same place ------------------------------------------


@pytest.mark.in_turn(3)
@by_name(BETWEEN_ROWS)
@pytest.mark.parametrize("kind", ["double", "single", "frame"])
def test_a_weight_is_interpolated_by_the_lambda_of_its_row(problem, sampler, kind):
    """A weight that is linear in a feature is so in every row that was made."""
    X, y, _ = problem
    weights = 50 + 3 * X[:, 1] - 2 * X[:, 4]
    assert weights.min() > 20
    resampled = resample(sampler, CONTAINERS[kind](X), y, weights)
    made = np.asarray(resampled.X)[resampled.rows < 0].astype(float)
    expected = 50 + 3 * made[:, 1] - 2 * made[:, 4]
    assert made.shape[0] > 20
    inside = (expected > weights.min()) & (expected < weights.max())
    assert inside.mean() > 0.9
    assert_allclose(
        resampled.sample_weight[resampled.rows < 0][inside],
        expected[inside],
        rtol=1e-9 if kind != "single" else 1e-5,
    )


def test_the_lambda_itself():
    """Three rows: which two a new one lies between, and where, can be told."""
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    X = np.vstack([corners, np.random.default_rng(0).normal(9, 1, (40, 2))])
    y = np.repeat([1, 0], [3, 40])
    weights = np.concatenate([[1.0, 10.0, 100.0], np.ones(40)])
    sampler = SMOTE(k_neighbors=2, random_state=0)
    resampled = resample(sampler, X, y, weights)
    made = resampled.rows < 0
    # In a triangle the coordinates themselves are the shares of its corners.
    shares = np.column_stack([1 - resampled.X[made].sum(axis=1), resampled.X[made]])
    assert made.sum() == 37
    assert_allclose(resampled.sample_weight[made], shares @ weights[:3], rtol=1e-12)
    nearer = resample(sampler, X, y, weights, weight_rule="parent")
    assert_array_equal(nearer.sample_weight[made], weights[shares.argmax(axis=1)])


def test_single_precision_keeps_what_is_constant_in_a_class(problem):
    X, y, _ = problem
    weights = np.array([0.1, 1 / 3, 7.7])[y]
    resampled = resample(SMOTE(random_state=0), X.astype(np.float32), y, weights)
    assert_allclose(
        resampled.sample_weight, np.array([0.1, 1 / 3, 7.7])[resampled.y], rtol=1e-12
    )


def test_weights_beyond_both_rows_stay_within_those_there_are(problem):
    """SVMSMOTE also makes rows on the far side of one of the two."""
    X, y, weights = problem
    weights = weights**3
    resampled = resample(SVMSMOTE(random_state=0, out_step=1.0), X, y, weights)
    assert resampled.sample_weight.min() >= weights.min()
    assert resampled.sample_weight.max() <= weights.max()


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_the_scale_of_weights_changes_nothing_else(problem, scale):
    X, y, weights = problem
    single = resample(SMOTE(random_state=0), X, y, weights)
    other = resample(SMOTE(random_state=0), X, y, weights * scale)
    assert_allclose(other.sample_weight, single.sample_weight * scale, rtol=1e-12)


def test_several_vectors_ride_at_once(problem):
    X, y, weights = problem
    vectors = np.column_stack([weights, 1 / weights])
    both = resample(SMOTE(random_state=0), X, y, vectors)
    for position in range(2):
        alone = resample(SMOTE(random_state=0), X, y, vectors[:, position])
        assert_allclose(both.sample_weight[:, position], alone.sample_weight)


@by_name([SMOTE(random_state=0), SMOTEENN(random_state=0), SMOTEN(random_state=0)])
def test_the_mean_weight_of_the_class(problem, sampler):
    X, y, weights = problem
    if name(sampler) == "SMOTEN":
        X = X.round().astype(int)
    resampled = resample(sampler, X, y, weights, weight_rule="class_mean")
    made = resampled.rows < 0
    means = np.bincount(y, weights) / np.bincount(y)
    assert_allclose(resampled.sample_weight[made], means[resampled.y[made]])


def test_the_mean_weight_where_no_row_is_an_old_one(problem):
    X, y, weights = problem
    sampler = ClusterCentroids(estimator=MiniBatchKMeans(random_state=0))
    resampled = resample(sampler, X, y, weights, weight_rule="class_mean")
    means = np.bincount(y, weights) / np.bincount(y)
    assert_allclose(resampled.sample_weight, means[resampled.y])
    assert (resampled.rows == -1).all()


@by_name([ClusterCentroids(), FunctionSampler()])
@pytest.mark.parametrize("rule", ["interpolate", "parent"])
def test_what_cannot_be_done_is_refused_by_name(problem, sampler, rule):
    X, y, weights = problem
    with pytest.raises(UnsupportedWeightsError, match=f"{name(sampler)}.*class_mean"):
        resample(sampler, X, y, weights, weight_rule=rule)
    resample(sampler, X.round(), y)  # without weights there is nothing to refuse


@by_name([SMOTE(random_state=0), RandomUnderSampler(random_state=0)])
def test_the_mass_of_every_class_can_be_preserved(problem, sampler):
    X, y, weights = problem
    grown = resample(sampler, X, y, weights)
    kept = resample(sampler, X, y, weights, preserve_mass=True)
    before = np.bincount(y, weights)
    assert not np.allclose(np.bincount(grown.y, grown.sample_weight), before)
    assert_allclose(np.bincount(kept.y, kept.sample_weight), before)
    counts = resample(sampler, X, y, preserve_mass=True)
    assert_allclose(np.bincount(counts.y, counts.sample_weight), np.bincount(y))


def test_rows_of_weight_zero_are_not_there(problem):
    X, y, weights = problem
    weights = np.where(np.arange(y.size) % 3 == 0, 0.0, weights)
    counted = weights > 0
    with_zeros = resample(SMOTE(random_state=0), X, y, weights)
    without = resample(SMOTE(random_state=0), X[counted], y[counted], weights[counted])
    assert_array_equal(with_zeros.X, without.X)
    assert_array_equal(with_zeros.sample_weight, without.sample_weight)
    kept = with_zeros.rows >= 0
    assert_array_equal(X[with_zeros.rows[kept]], with_zeros.X[kept])


def its_own_rows(sampler, X, y):
    """Resample by SMOTEN itself, which SciPy warns of from 1.18 on."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(distance_matrix|minkowski)")
        warnings.filterwarnings("ignore", message="Passing a sparse matrix to SMOTEN")
        return clone(sampler).fit_resample(X, y)


CATEGORIES = {
    "numbers": lambda X: X,
    "fractions": lambda X: X / 4,
    "texts": lambda X: X.astype(str).astype(object),
    "frame": lambda X: pd.DataFrame(X.astype(str), columns=list("abcdef")),
    "frame of numbers": lambda X: pd.DataFrame(X, columns=list("abcdef")),
    "frame of categories": lambda X: pd.DataFrame(X).astype("category"),
    "frame of both": lambda X: pd.DataFrame(X).astype({0: str, 1: "category"}),
    "sparse": sparse.csr_matrix,
    "sparse columns": sparse.csc_matrix,
}


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("container", CATEGORIES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("strategy", ["auto", "all", {1: 40, 2: 18}])
def test_rows_of_votes_are_those_of_the_sampler(container, weighted, strategy):
    """SMOTEN is replayed: its draws, its distances and its ties, to the last bit."""
    rng = np.random.default_rng(3)
    X, y = rng.integers(0, 3, (90, 6)), np.repeat([0, 1, 2], [60, 12, 18])
    X, y = CATEGORIES[container](X), pd.Series(y[::-1].copy(), name="label")
    weights = rng.lognormal(size=90) if weighted else None
    sampler = SMOTEN(random_state=5, k_neighbors=3, sampling_strategy=strategy)
    expected = its_own_rows(sampler, X, y)
    resampled = resample(sampler, X, y, weights)
    assert type(resampled.X) is type(expected[0])
    pd.testing.assert_series_equal(resampled.y, expected[1])
    if isinstance(X, pd.DataFrame):
        pd.testing.assert_frame_equal(resampled.X, expected[0])
    else:
        assert resampled.X.dtype == expected[0].dtype
        assert_array_equal(dense(resampled.X), dense(expected[0]))


def test_votes_need_no_function_that_scipy_takes_away(monkeypatch):
    """SciPy 1.20 removes the distances that SMOTEN calls."""
    monkeypatch.setattr("imblearn.metrics.pairwise.distance_matrix", None)
    X, y = [["a"], ["b"], ["a"], ["b"], ["b"]], [0, 0, 0, 1, 1]
    sampler = SMOTEN(k_neighbors=1, random_state=0)
    with pytest.raises(TypeError):
        clone(sampler).fit_resample(X, y)
    fitted = WeightedSampler(sampler).fit(X, y).sampler_
    assert fitted.sampling_strategy_ == {1: 1}
    assert [list(each) for each in fitted.categorical_encoder_.categories_] == [
        ["a", "b"]
    ]
    assert resample(sampler, X, y).y == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("seed", [0, np.random.RandomState(0), None])
@pytest.mark.parametrize("kind", ["numbers", "texts", "frame"])
def test_a_vote_gets_the_mean_weight_of_its_voters(seed, kind):
    """The voters of a row are found by force: nobody else's votes make that row."""
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 4, (90, 6)), np.repeat([0, 1, 2], [60, 12, 18])
    X = {
        "numbers": X,
        "texts": X.astype(str).astype(object),
        "frame": pd.DataFrame(X.astype(str)),
    }[kind]
    weights = rng.lognormal(size=90)
    sampler = SMOTEN(random_state=seed, k_neighbors=3)
    resampled = resample(sampler, X, y, weights)
    if seed is not None:
        expected = its_own_rows(sampler, X, y)
        assert_array_equal(resampled.X, expected[0])
        assert type(resampled.X) is type(X)
    rows = OrdinalEncoder().fit_transform(X).astype(int)
    metric = ValueDifferenceMetric().fit(rows, y)
    shares = [
        each[column]
        for each, column in zip(metric.proba_per_class_, rows.T, strict=True)
    ]
    distance = sum(cdist(each, each, "cityblock") ** 2 for each in shares)
    made = resampled.rows < 0
    assert made.sum() == 48 + 42
    codes = OrdinalEncoder().fit(X).transform(resampled.X)
    for label in (1, 2):
        of_class = np.flatnonzero(y == label)
        near = NearestNeighbors(n_neighbors=4, metric="precomputed")
        near.fit(distance[np.ix_(of_class, of_class)])
        voters = of_class[near.kneighbors(distance[np.ix_(of_class, of_class)])[1]]
        votes = mode(rows[voters], axis=1).mode
        possible = weights[voters].mean(axis=1)
        for row, weight in zip(
            codes[made & (resampled.y == label)],
            resampled.sample_weight[made & (resampled.y == label)],
            strict=True,
        ):
            assert np.isclose(weight, possible[(votes == row).all(axis=1)]).any()
    nearer = resample(sampler, X, y, weights, weight_rule="parent")
    assert set(nearer.sample_weight[made]) <= set(weights[y > 0])


# --- Labels and tables of every kind --------------------------------------------------


@pytest.mark.parametrize("labels", [["no", "so", "yes"], [-1, 1, 5], [0.0, 1.0, 9.0]])
def test_labels_of_every_kind(problem, labels):
    X, y, weights = problem
    expected = resample(SMOTE(random_state=0), X, y, weights)
    actual = resample(SMOTE(random_state=0), X, np.array(labels)[y], weights)
    assert_array_equal(actual.y, np.array(labels)[expected.y])
    assert_array_equal(actual.sample_weight, expected.sample_weight)


def test_two_classes_of_minus_one_and_one(problem):
    X, y, weights = problem
    y = np.where(y == 1, 1, -1)
    sampler = SMOTE(sampling_strategy=0.5, random_state=0)
    resampled = resample(sampler, X, y, weights)
    assert (resampled.y == 1).sum() == (y == -1).sum() // 2


@pytest.mark.parametrize("sampler", [SMOTE(random_state=0), "random_over"])
def test_nullable_columns_stay_nullable(problem, sampler):
    X, y, weights = problem
    plain = pd.DataFrame(X, columns=list("abcdef")).astype({"a": int})
    frame = plain.astype({"a": "Int64", "b": "Float64", "c": "Float32"})
    plain = plain.astype({"c": np.float32})
    expected = resample(sampler, plain, y, weights, random_state=0)
    actual = resample(sampler, frame, y, weights, random_state=0)
    assert (actual.X.dtypes == frame.dtypes).all()
    assert_array_equal(actual.X.to_numpy(float), expected.X.to_numpy(float))
    assert_array_equal(actual.sample_weight, expected.sample_weight)


def test_frames_of_polars_stay_frames_of_polars(problem):
    polars = pytest.importorskip("polars")
    X, y, weights = problem
    kinds = np.array(["a", "b", "c"])[y]
    frame = polars.DataFrame({"one": X[:, 1], "two": X[:, 0].astype(int)})
    pandas = pd.DataFrame({"one": X[:, 1], "two": X[:, 0].astype(int)})
    expected = resample(SMOTE(random_state=0), pandas, y, weights)
    actual = resample(SMOTE(random_state=0), frame, polars.Series("y", kinds), weights)
    assert actual.X.schema == frame.schema
    assert actual.y.to_list() == np.array(["a", "b", "c"])[expected.y].tolist()
    assert_array_equal(actual.X.to_numpy(), expected.X.to_numpy())
    assert_array_equal(actual.sample_weight, expected.sample_weight)
    mixed = frame.with_columns(polars.Series("kind", kinds))
    actual = resample("smote", mixed, y, weights, random_state=0)
    assert actual.X.schema == mixed.schema
    assert set(actual.X["kind"]) == {"a", "b", "c"}


def test_categories_choose_the_sampler(problem):
    X, y, weights = problem
    frame = pd.DataFrame(X, columns=list("abcdef"))
    frame["kind"] = pd.Categorical(np.array(["x", "y"])[(X[:, 0] > 0).astype(int)])
    sampler = WeightedSampler("smote", random_state=0)
    rows, _ = sampler.fit_resample(frame, y, weights)
    assert name(sampler.sampler_) == "SMOTENC"
    assert rows["kind"].notna().all()
    expected, _ = SMOTENC("auto", random_state=0).fit_resample(frame, y)
    pd.testing.assert_frame_equal(rows, expected)
    with pytest.raises(ValueError, match=r"SMOTE needs numeric .* \['kind'\].*SMOTENC"):
        resample(SMOTE(), frame, y, weights)
    only = frame[["kind"]].astype(str)
    assert name(WeightedSampler().fit(only, y).sampler_) == "SMOTEN"


@pytest.mark.parametrize("told", ["names", "mask", "from the end"])
def test_categories_named_in_every_way(problem, told):
    X, y, weights = problem
    X = pd.DataFrame(X, columns=list("abcdef"))
    columns = {
        "names": ["d", "a"],
        "mask": X.columns.isin(["a", "d"]).tolist(),
        "from the end": [-3, 0],
    }[told]
    if told == "from the end":
        X = X.to_numpy()
    sampler = SMOTENC(columns, random_state=0)
    expected, _ = sampler.fit_resample(X, y)
    assert_array_equal(resample(sampler, X, y, weights).X, expected)


# --- Bad input ------------------------------------------------------------------------


def test_missing_values_are_answered_with_the_way_out(problem):
    X, y, weights = problem
    X = np.where(X > 1.5, np.nan, X)
    with pytest.raises(ValueError, match=r"SMOTE computes distances.*Impute"):
        resample(SMOTE(), X, y, weights)
    assert np.isnan(resample("random_over", X, y, weights).X).any()


def test_texts_are_answered_with_the_way_out(problem):
    X, y, weights = problem
    X = X.astype(object)
    X[:, 2] = "x"
    with pytest.raises(ValueError, match=r"categories in \[2\].*SMOTENC"):
        resample(SMOTE(), X, y, weights)


def test_a_single_class_is_answered_with_the_way_out():
    with pytest.raises(ValueError, match="at least two classes"):
        resample("smote", [[0.0], [1.0]], [1, 1])


@by_name([SMOTE(random_state=0), ADASYN(random_state=0), SMOTEN(random_state=0)])
@pytest.mark.parametrize("rows", [1, 2, 4])
def test_a_tiny_class_has_fewer_neighbors(rng, sampler, rows):
    X = rng.normal(size=(60, 2))
    if name(sampler) == "SMOTEN":
        X = (X > 0).astype(int)
    y = np.repeat([1, 0], [rows, 60 - rows])
    weights = rng.lognormal(size=60)
    with pytest.warns(FewerThanAskedWarning, match=f"A class has {rows} row"):
        resampled = resample(sampler, X, y, weights, weight_rule="class_mean")
    made = dense(resampled.X)[resampled.rows < 0]
    assert len(made) > 10
    inside = (made >= X[:rows].min(axis=0)) & (made <= X[:rows].max(axis=0))
    assert inside.all()


def test_a_class_of_as_many_rows_as_needed_does_not_warn(problem):
    X, y, _ = problem
    keep = np.r_[np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:6]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resample(SMOTE(random_state=0), X[keep], y[keep])


@pytest.mark.parametrize(
    ("weights", "match"),
    [([1.0], "expected 3 weights"), ([-1, 1, 1], "negative"), ([0, 0, 0], "zero")],
)
def test_weights_that_cannot_be_used(weights, match):
    with pytest.raises(ValueError, match=match):
        resample("random_over", [[0.0], [1.0], [2.0]], [0, 0, 1], weights)


@pytest.mark.parametrize("spec", ["smoet", SVC(), 3])
def test_what_is_no_resampler(spec):
    with pytest.raises((TypeError, ValueError), match="resampler must be"):
        resolve_resampler(spec)


def test_rules_that_do_not_exist():
    with pytest.raises(ValueError, match=r"weight_rule must be.*Did you mean 'parent'"):
        resample("smote", [[0.0]], [0], weight_rule="parents")


# --- As an estimator ------------------------------------------------------------------


def test_it_is_a_sampler_that_can_be_cloned_searched_and_pickled(problem):
    X, y, weights = problem
    sampler = WeightedSampler(SMOTE(random_state=0), weight_rule="parent")
    sampler = pickle.loads(pickle.dumps(clone(sampler).fit(X, y, weights)))
    assert sampler.get_params()["sampler__k_neighbors"] == 5
    assert_array_equal(
        sampler.sample_weight_,
        resample(SMOTE(random_state=0), X, y, weights, weight_rule="parent")[2],
    )
    assert not hasattr(sampler, "sample_indices_")
    selecting = WeightedSampler("random_under", random_state=0).fit(X, y)
    assert_array_equal(selecting.sample_indices_, selecting.rows_)
    assert selecting.sample_weight_ is None


@listed(
    parametrize_with_checks(
        [
            *all_estimators("sampler").values(),
            WeightedSampler("random_under", random_state=0),
            WeightedSampler(SMOTEENN(random_state=0), weight_rule="parent"),
        ]
    )
)
def test_checks_of_imbalanced_learn_and_scikit_learn(estimator, check):
    with warnings.catch_warnings():
        # Some checks have a class of very few rows.
        warnings.simplefilter("ignore", FewerThanAskedWarning)
        check(estimator)


def test_smote_copies_the_rows_of_the_classes_that_it_enlarges_and_one_more(
    monkeypatch,
):
    X = np.random.default_rng(0).normal(size=(400, 2))
    y = np.repeat([0, 1], [370, 30])
    expected = SMOTE(random_state=0).fit_resample(X, y)
    n_copied, original = [], SMOTE.fit_resample

    def counted(self, X, y, **params):
        n_copied.append(len(X))
        return original(self, X, y, **params)

    monkeypatch.setattr(SMOTE, "fit_resample", counted)
    X_new, y_new = WeightedSampler(SMOTE(random_state=0)).fit_resample(X, y)
    assert n_copied == [31]
    assert_allclose(X_new, expected[0])
    assert_array_equal(y_new, expected[1])
