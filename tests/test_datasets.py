"""Synthetic problems: the truth returned with them is the truth."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit, logit
from scipy.stats import chi2
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skweight.datasets import (
    _solve_intercepts,
    make_covariate_shift,
    make_imbalanced,
    make_rare,
)

# --- make_imbalanced -----------------------------------------------------------------


@given(
    n_samples=st.integers(1, 200),
    n_features=st.integers(1, 4),
    shares=st.lists(st.floats(1e-6, 1), min_size=2, max_size=5),
    class_sep=st.floats(0, 10),
    nonlinearity=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_true_probabilities_average_to_the_prevalence(
    n_samples, n_features, shares, class_sep, nonlinearity, seed
):
    prevalence = np.array(shares) / np.sum(shares)
    data = make_imbalanced(
        n_samples,
        n_features=n_features,
        prevalence=prevalence,
        n_classes=len(shares),
        class_sep=class_sep,
        nonlinearity=nonlinearity,
        random_state=seed,
    )
    assert data.X.shape == (n_samples, n_features)
    assert data.proba.shape == (n_samples, len(shares))
    assert_allclose(data.proba.sum(axis=1), 1)
    assert_allclose(data.proba.mean(axis=0), prevalence, rtol=1e-9)
    assert_allclose(data.prevalence, prevalence)
    assert data.y.shape == (n_samples,)


@pytest.mark.parametrize("seed", range(20))
def test_prevalence_is_hit_where_the_true_probabilities_are_all_but_0_and_1(seed):
    # So steep that neither of the two steps of the solver gets there alone.
    shares = np.random.default_rng(seed).dirichlet(np.full(6, 0.3)) + 1e-9
    for n_samples in 2, 20:
        data = make_imbalanced(
            n_samples,
            prevalence=shares / shares.sum(),
            n_classes=6,
            class_sep=30,
            random_state=seed,
        )
        assert_allclose(data.proba.mean(axis=0), data.prevalence, rtol=1e-9)


def test_a_prevalence_that_cannot_be_hit_is_no_silent_miss():
    steep = 1000.0 * np.random.default_rng(0).normal(size=(100, 3))
    with pytest.raises(ValueError, match="Lower class_sep, or raise n_samples"):
        _solve_intercepts(steep, np.array([0.45, 0.45, 0.1]))


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_labels_follow_the_true_probabilities(n_classes):
    data = make_imbalanced(
        100_000, prevalence=0.1, n_classes=n_classes, nonlinearity=0.3, random_state=1
    )
    for k in range(n_classes):
        p, drawn = data.proba[:, k], data.y == k
        # In every tenth of the rows, as often as it was said: within 4.5 deviations.
        for rows in np.array_split(np.argsort(p), 10):
            deviation = np.sqrt((p[rows] * (1 - p[rows])).sum())
            assert abs(drawn[rows].sum() - p[rows].sum()) < 4.5 * max(deviation, 1)


def test_a_number_is_the_share_of_the_last_class():
    assert_allclose(make_imbalanced(10, prevalence=0.3).prevalence, [0.7, 0.3])
    data = make_imbalanced(10, prevalence=0.1, n_classes=4)
    assert_allclose(data.prevalence, [0.3, 0.3, 0.3, 0.1])


def test_class_sep_is_the_deviation_of_the_log_odds():
    for class_sep in 0.0, 1.0, 3.0:
        data = make_imbalanced(
            50_000, class_sep=class_sep, nonlinearity=0.4, random_state=0
        )
        assert logit(data.proba[:, 1]).std() == pytest.approx(class_sep, rel=0.02)


@pytest.mark.parametrize("n_features", [1, 4])
@pytest.mark.parametrize("nonlinearity", [0.0, 0.3, 1.0])
def test_nonlinearity_is_the_variance_a_linear_model_misses(n_features, nonlinearity):
    data = make_imbalanced(
        50_000, n_features=n_features, nonlinearity=nonlinearity, random_state=0
    )
    log_odds = logit(data.proba[:, 1])
    design = np.column_stack([np.ones(50_000), data.X])
    fit = design @ np.linalg.lstsq(design, log_odds, rcond=None)[0]
    missed = 1 - fit.var() / log_odds.var()
    assert missed == pytest.approx(nonlinearity, abs=0.02)


def test_the_truth_cannot_be_beaten_and_can_be_learned():
    data = make_imbalanced(50_000, prevalence=0.05, random_state=0)
    model = LogisticRegression(C=1e6).fit(data.X, data.y)
    p = model.predict_proba(data.X)
    assert np.abs(p - data.proba).mean() < 0.005
    # On the very rows it was fitted to, the right model beats the truth by chance:
    # twice the gain is chi-squared with one degree of freedom per parameter, here six.
    gain = log_loss(data.y, data.proba) - log_loss(data.y, p)
    assert 0 < 2 * 50_000 * gain < chi2(6).ppf(0.999)


def test_labels_of_any_kind():
    data = make_imbalanced(
        2000,
        n_classes=3,
        prevalence=[0.6, 0.3, 0.1],
        classes=["no", "maybe", "yes"],
        random_state=0,
    )
    assert list(data.classes) == ["no", "maybe", "yes"]
    counts = [(data.y == label).mean() for label in data.classes]
    assert_allclose(counts, [0.6, 0.3, 0.1], atol=0.05)


def test_seeds_repeat_and_leave_the_global_state():
    np.random.seed(3)  # noqa: NPY002 - the global state is what is tested
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, two = (make_imbalanced(50, random_state=7) for _ in range(2))
    other = make_imbalanced(50, random_state=8)
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    for name in "X", "y", "proba":
        assert_array_equal(first[name], two[name])
    assert not np.array_equal(first.X, other.X)
    state = np.random.RandomState(7)
    assert_array_equal(make_imbalanced(50, random_state=state).X, first.X)
    assert not np.array_equal(make_imbalanced(50, random_state=state).X, first.X)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_samples": 0}, ValueError, "n_samples must be a number in"),
        ({"n_samples": 1.5}, ValueError, "n_samples must be a whole number; got 1.5"),
        ({"n_features": 0}, ValueError, "n_features must be"),
        ({"n_classes": 1}, ValueError, "n_classes must be"),
        ({"class_sep": -1}, ValueError, "class_sep must be"),
        ({"class_sep": 31}, ValueError, r"class_sep .* in \[0, 30\]; got 31"),
        ({"nonlinearity": 1.1}, ValueError, "nonlinearity must be"),
        ({"prevalence": 0}, ValueError, "prevalence must be"),
        ({"prevalence": "half"}, TypeError, "prevalence must be a number"),
        ({"prevalence": [0.5, 0.4, 0.1]}, ValueError, "each of the 2 classes"),
        ({"prevalence": [0.5, 0.4]}, ValueError, r"sum to 1; got .* sum 0.9"),
        ({"prevalence": [1.5, -0.5]}, ValueError, "shares above 0"),
        ({"classes": ["a"]}, ValueError, "classes must be 2 different labels"),
        ({"classes": ["a", "a"]}, ValueError, "classes must be 2 different labels"),
    ],
)
def test_errors_of_make_imbalanced(options, error, message):
    with pytest.raises(error, match=message):
        make_imbalanced(**options)


# --- make_rare -----------------------------------------------------------------------

Y = np.repeat(["cat", "dog", "eel"], [60, 30, 10])[
    np.random.default_rng(0).permutation(100)
]
X = np.arange(200.0).reshape(100, 2)


def count(y):
    labels, counts = np.unique(np.asarray(y), return_counts=True)
    return dict(zip(labels.tolist(), counts.tolist(), strict=True))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({}, {"cat": 60, "dog": 30, "eel": 10}),
        ({"eel": 3}, {"cat": 60, "dog": 30, "eel": 3}),
        ({"eel": 10}, {"cat": 60, "dog": 30, "eel": 10}),
        ({"eel": np.int64(2), "dog": 1}, {"cat": 60, "dog": 1, "eel": 2}),
        # 90 rows are 90 % of the result, so 10 % are 10 rows.
        ({"eel": 0.1}, {"cat": 60, "dog": 30, "eel": 10}),
        ({"eel": 0.02}, {"cat": 60, "dog": 30, "eel": 2}),
        # 60 rows are 75 %, so the others are 16 and 4 of 80.
        ({"dog": 0.2, "eel": 0.05}, {"cat": 60, "dog": 16, "eel": 4}),
        # Numbers and shares: 60 + 12 rows are 90 %.
        ({"dog": 12, "eel": np.float64(0.1)}, {"cat": 60, "dog": 12, "eel": 8}),
        # Every label a share: the eels allow 20 rows and no more.
        ({"cat": 0.25, "dog": 0.25, "eel": 0.5}, {"cat": 5, "dog": 5, "eel": 10}),
    ],
)
def test_rare_counts(target, expected):
    X_rare, y_rare, indices = make_rare(
        X, Y, target=target, random_state=0, return_indices=True
    )
    assert count(y_rare) == expected
    assert (np.diff(indices) > 0).all()  # each row once, in the old order
    assert_array_equal(X_rare, X[indices])
    assert_array_equal(y_rare, Y[indices])


def test_every_row_has_the_same_chance_to_stay():
    kept = np.zeros(100)
    for seed in range(300):
        *_, indices = make_rare(
            X, Y, target={"cat": 20}, random_state=seed, return_indices=True
        )
        kept[indices] += 1
    assert (kept[Y != "cat"] == 300).all()
    # One third of 300, within 4.5 deviations of sqrt(300 * 1/3 * 2/3).
    assert np.abs(kept[Y == "cat"] - 100).max() < 4.5 * 8.2


def test_seeds_of_make_rare():
    first, two = (make_rare(X, Y, target={"cat": 20}, random_state=5) for _ in range(2))
    other = make_rare(X, Y, target={"cat": 20}, random_state=6)
    assert_array_equal(first[0], two[0])
    assert not np.array_equal(first[0], other[0])


def test_containers_stay_what_they_are():
    frame = pd.DataFrame(X, columns=["a", "b"], index=np.arange(100)[::-1])
    series = pd.Series(Y, index=frame.index, name="label")
    options = {"target": {"cat": 20}, "random_state": 0}
    X_rare, y_rare, indices = make_rare(frame, series, **options, return_indices=True)
    pd.testing.assert_frame_equal(X_rare, frame.iloc[indices])
    pd.testing.assert_series_equal(y_rare, series.iloc[indices])

    X_sparse, _ = make_rare(sparse.csr_matrix(X), Y, **options)
    assert sparse.issparse(X_sparse)
    assert_array_equal(X_sparse.toarray(), X[indices])

    X_list, y_list = make_rare(X.tolist(), Y.tolist(), **options)
    assert isinstance(y_list, list)
    assert_array_equal(X_list, X[indices])
    assert_array_equal(y_list, Y[indices])


def test_polars_stays_polars():
    pl = pytest.importorskip("polars")
    X_rare, y_rare = make_rare(
        pl.DataFrame({"a": X[:, 0]}), pl.Series("y", Y.tolist()), target={"cat": 20}
    )
    assert isinstance(X_rare, pl.DataFrame)
    assert isinstance(y_rare, pl.Series)
    assert count(y_rare.to_numpy()) == {"cat": 20, "dog": 30, "eel": 10}


@pytest.mark.parametrize("labels", [[0, 1], [-1, 1], [True, False], [0.0, 1.0]])
def test_labels_are_matched_by_value(labels):
    y = np.repeat(labels, [8, 2])
    X = np.zeros((10, 1))
    _, y_rare = make_rare(X, y, target={labels[0]: 3}, random_state=0)
    assert count(y_rare) == {labels[0]: 3, labels[1]: 2}
    assert y_rare.dtype == y.dtype


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        (
            {"cart": 3},
            ValueError,
            "target names ['cart'], which y does not contain; y has ['cat', 'dog', "
            "'eel']. Did you mean 'cat'?",
        ),
        (
            {"eel": 11},
            ValueError,
            "target needs 11 rows of the label 'eel', but y has 10. Lower this number, "
            "or the numbers of the other labels.",
        ),
        (
            {"eel": 0.2},  # a fifth beside 90 others would be 22.5 rows
            ValueError,
            "target needs 22 rows of the label 'eel', but y has 10. Lower this number, "
            "or the numbers of the other labels.",
        ),
        (
            {"eel": 0.001},
            ValueError,
            "target must keep at least one row per label; the share 0.001 of the label "
            "'eel' is less than half a row. Raise it, or pass a number of rows.",
        ),
        (
            {"eel": 0.5, "dog": 0.5},
            ValueError,
            "the shares in target must sum to less than 1, so that rows of the labels "
            "['cat'] are left; got 1. Lower them, or give every label a share.",
        ),
        (
            {"eel": 0.5, "dog": 0.3, "cat": 0.1},
            ValueError,
            "the shares in target must sum to 1 if every label has a share; got 0.9.",
        ),
        (
            0.1,
            TypeError,
            "target must be a dict {label: number of rows or share of the result}; "
            "got float.",
        ),
    ],
)
def test_errors_of_make_rare(target, error, message):
    with pytest.raises(error) as caught:
        make_rare(X, Y, target=target)
    assert str(caught.value) == message


@pytest.mark.parametrize("value", [0, -1, 1.0, 1.5, 0.0, np.nan])
def test_numbers_out_of_range(value):
    with pytest.raises(ValueError, match=r"target\['eel'\] must be a number in"):
        make_rare(X, Y, target={"eel": value})


@pytest.mark.parametrize("value", [True, "3", None])
def test_values_that_are_no_numbers(value):
    with pytest.raises(TypeError, match=r"target\['eel'\] must be a number"):
        make_rare(X, Y, target={"eel": value})


def test_rows_and_labels_must_match():
    with pytest.raises(ValueError, match="got 99 and 100"):
        make_rare(X[1:], Y, target={"eel": 3})


# --- make_covariate_shift ------------------------------------------------------------


@pytest.mark.parametrize("kind", ["mean", "narrow", "nonlinear"])
def test_the_true_ratio_turns_the_source_into_the_target(kind):
    """Means of any function over the target are weighted means over the source."""
    data = make_covariate_shift(
        200_000, 200_000, n_features=4, kind=kind, random_state=0
    )
    ratio = data.ratio(data.X_source)
    assert ratio.min() >= 0
    for function in (
        lambda X: np.ones(len(X)),
        lambda X: X[:, 0],
        lambda X: np.cos(X @ [1.0, -0.5, 0.3, 0.2]),
        lambda X: X[:, 1] * X[:, 2],
    ):
        weighted, target = ratio * function(data.X_source), function(data.X_target)
        error = np.hypot(
            weighted.std() / np.sqrt(weighted.size), target.std() / np.sqrt(target.size)
        )
        assert abs(weighted.mean() - target.mean()) < 4.5 * error + 1e-12


def test_labels_of_source_and_target_follow_the_same_probabilities():
    data = make_covariate_shift(50_000, 50_000, n_features=2, random_state=0)
    for X, y, proba in (
        (data.X_source, data.y_source, data.proba_source),
        (data.X_target, data.y_target, data.proba_target),
    ):
        assert_allclose(proba, expit(X[:, 0] ** 2 - 1))
        error = np.sqrt(np.mean(proba * (1 - proba)) / len(y))
        assert abs(y.mean() - proba.mean()) < 4.5 * error
    assert data.y_target.mean() > data.y_source.mean() + 0.05


def test_shift_problems_can_be_pickled_and_refuse_what_makes_no_sense():
    data = pickle.loads(pickle.dumps(make_covariate_shift(10, 10, random_state=0)))
    assert data.ratio(data.X_source).shape == (10,)
    with pytest.raises(ValueError, match="kind must be one of"):
        make_covariate_shift(kind="variance")
    with pytest.raises(ValueError, match="n_features must be"):
        make_covariate_shift(kind="nonlinear", n_features=2)
    with pytest.raises(ValueError, match="shift must be"):
        make_covariate_shift(shift=-1)
