"""What every density-ratio estimator keeps: truth, input rules, memory, invariance."""

import tracemalloc
import warnings
from contextlib import ExitStack
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.stats import special_ortho_group
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight.datasets import make_covariate_shift
from skweight.density_ratio import (
    KLIEP,
    KMM,
    ULSIF,
    ClassifierRatio,
    DensityRatioSearch,
    KernelLogisticRatio,
    _kernels,
    _logistic,
)
from skweight.density_ratio._kernels import CHUNK_ROWS, GaussianKernels, scale_columns
from skweight.density_ratio._tables import Sample
from skweight.exceptions import DegenerateWeightsWarning, OverlapWarning

ESTIMATORS = {
    "uLSIF": ULSIF(random_state=0),
    "RuLSIF": ULSIF(0.2, back_transform=True, random_state=0),
    "KLIEP": KLIEP(random_state=0),
    "KMM": KMM(random_state=0),
    "logistic": KernelLogisticRatio(n_centers=0, random_state=0),
    "kernel logistic": KernelLogisticRatio(random_state=0),
    "classifier": ClassifierRatio(LogisticRegression(), random_state=0),
    "search": DensityRatioSearch(
        {"uLSIF": ULSIF(0.2, back_transform=True), "logistic": KernelLogisticRatio()},
        random_state=0,
    ),
}
KERNEL_METHODS = ["uLSIF", "RuLSIF", "KLIEP", "KMM", "kernel logistic"]
every = pytest.mark.parametrize("name", ESTIMATORS)
every_kernel_method = pytest.mark.parametrize("name", KERNEL_METHODS)


def shifted(rng, n_source=400, n_target=300, d=2, shift=0.8):
    """Return rows of N(0, I) and N(shift e_1, I), and the true ratio."""
    X_source, X_target = rng.normal(size=(n_source, d)), rng.normal(size=(n_target, d))
    X_target[:, 0] += shift
    return X_source, X_target, np.exp(shift * X_source[:, 0] - shift**2 / 2)


# --- The truth ------------------------------------------------------------------------


@every
def test_the_ratio_ranks_as_the_truth_does(rng, name):
    """One peer's weights are inverted: rank correlation -1."""
    X_source, X_target, true = shifted(rng)
    ratio = clone(ESTIMATORS[name]).fit_ratio(X_source, X_target)
    ranks = [np.argsort(np.argsort(values)) for values in (ratio, true)]
    assert np.corrcoef(*ranks)[0, 1] > 0.8


@pytest.mark.in_turn(2)
@every
@pytest.mark.parametrize("n_target", [100, 1500])
def test_the_mean_ratio_is_one_whatever_the_numbers_of_rows(rng, name, n_target):
    """A missing prior correction multiplies every weight by n_target / n_source."""
    X_source, X_target, _ = shifted(rng, n_source=400, n_target=n_target)
    ratio = clone(ESTIMATORS[name]).fit_ratio(X_source, X_target)
    assert 0.7 < ratio.mean() < 1.35


@every
def test_identical_source_and_target_have_ratio_one(rng, name):
    X = rng.normal(size=(400, 3))
    ratio = clone(ESTIMATORS[name]).fit_ratio(X, X.copy())
    assert np.abs(ratio - 1).mean() < 0.03
    assert_allclose(ratio.mean(), 1, atol=0.02)


@every
def test_fit_and_fit_ratio_agree_and_repeat(rng, name):
    X_source, X_target, _ = shifted(rng, 150, 120)
    first = clone(ESTIMATORS[name])
    ratio = first.fit_ratio(X_source, X_target)
    again = clone(ESTIMATORS[name]).fit(X_source, X_target)
    if name != "classifier":
        assert_allclose(again.ratio(X_source), ratio, rtol=1e-6)
    assert_allclose(again.ratio(X_target), first.ratio(X_target), rtol=1e-9)
    # What the ratio 1 scores, or better; zeros cost uLSIF a little.
    assert again.score(X_source, X_target) > -np.log(2) - 0.01


@every
def test_fit_changes_neither_parameters_nor_tables(rng, name):
    """One peer's gamma is whatever its fit made of it."""
    X_source, X_target, _ = shifted(rng, 80, 70)
    before = X_source.copy(), X_target.copy()
    model = clone(ESTIMATORS[name])
    parameters = repr(model.get_params())
    state = np.random.get_state()[1].copy()  # noqa: NPY002, the generator of others
    model.fit(X_source, X_target)
    assert repr(model.get_params()) == parameters
    for table, copy in zip((X_source, X_target), before, strict=True):
        assert_array_equal(table, copy)
    assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@every
def test_every_source_row_has_a_weight_also_in_float32(rng, name):
    """One peer's KMM refuses float32 and gives zero to rows beyond its batches."""
    X_source, X_target, _ = shifted(rng, 203, 101)
    expected = clone(ESTIMATORS[name]).fit_ratio(X_source, X_target)
    tables = (X.astype(np.float32) for X in (X_source, X_target))
    ratio = clone(ESTIMATORS[name]).fit_ratio(*tables)
    assert ratio.dtype == np.float64
    assert ratio.shape == (203,)
    assert_allclose(ratio, expected, rtol=1e-2, atol=1e-2)


def test_centres_are_different_rows_of_the_target(rng):
    """Peers draw them with replacement, or ask for more than there are rows."""
    X_source = rng.normal(size=(60, 2))
    X_target = np.repeat(rng.normal(size=(30, 2)), 2, axis=0)
    for n_centers, expected in ((10, 10), (500, 30)):
        model = ULSIF(n_centers=n_centers, standardize=False, random_state=0)
        kernels = model.fit(X_source, X_target)._basis.kernels
        centers = kernels.centers + kernels.mean
        assert np.unique(centers.round(10), axis=0).shape == (expected, 2)
        distances = np.abs(centers[:, np.newaxis] - X_target).sum(axis=2)
        assert_allclose(distances.min(axis=1), 0, atol=1e-12)


# --- Weights on both sides ------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        ULSIF(sigmas=1.0, lambdas=0.1),
        ULSIF(0.2, sigmas=1.0, lambdas=0.1),
        KLIEP(sigmas=1.0),
        KMM(sigma=1.0),
        KernelLogisticRatio(n_centers=0, lambdas=0.01),
    ],
    ids=["uLSIF", "RuLSIF", "KLIEP", "KMM", "logistic"],
)
def test_a_row_of_weight_two_is_the_row_twice(rng, model):
    X_source, X_target, _ = shifted(rng, 60, 40)
    times, times_target = rng.integers(0, 3, size=60), rng.integers(0, 3, size=40)
    weighted = clone(model).fit(X_source, X_target, times, times_target)
    repeated = clone(model).fit(
        np.repeat(X_source, times, axis=0), np.repeat(X_target, times_target, axis=0)
    )
    assert_allclose(weighted.ratio(X_source), repeated.ratio(X_source), rtol=1e-5)


@every
def test_weights_of_the_target_move_the_target(rng, name):
    X_source, X_target = rng.normal(size=(300, 1)), rng.normal(size=(300, 1))
    # Weighted with exp(x), a standard normal becomes one with mean one.
    weights = np.exp(X_target[:, 0])
    model = clone(ESTIMATORS[name]).fit(X_source, X_target, None, weights)
    high, low = model.ratio([[1.5], [-1.0]])
    assert high > 2 * low
    model = clone(ESTIMATORS[name]).fit(X_target, X_source, weights, None)
    high, low = model.ratio([[1.5], [-1.0]])
    assert high < low / 2


@every
def test_rows_of_weight_zero_are_not_there_but_have_a_ratio(rng, name):
    X_source, X_target, _ = shifted(rng, 200, 150)
    weights = np.ones(200)
    X_source[:5] = 1e6
    weights[:5] = 0
    ratio = clone(ESTIMATORS[name]).fit_ratio(X_source, X_target, weights)
    assert ratio.shape == (200,)
    assert np.isfinite(ratio).all()
    alone = clone(ESTIMATORS[name]).fit_ratio(X_source[5:], X_target)
    assert_allclose(ratio[5:], alone, rtol=1e-6)


# --- Kinds of tables ------------------------------------------------------------------


@every_kernel_method
def test_kernel_methods_do_not_see_units_shifts_or_rotations(rng, name):
    X_source, X_target, _ = shifted(rng, 150, 150, d=3)
    model = clone(ESTIMATORS[name])
    expected = model.fit_ratio(X_source, X_target)
    units = np.array([1e3, 1e-3, 1.0])
    moved = clone(model).fit_ratio(X_source * units + 7, X_target * units + 7)
    assert_allclose(moved, expected, rtol=2e-3, atol=2e-3)
    turn = special_ortho_group.rvs(3, random_state=0)
    if name != "kernel logistic":
        plain = clone(model).set_params(standardize=False)
        expected = plain.fit_ratio(X_source, X_target)
        turned = clone(plain).fit_ratio(X_source @ turn, X_target @ turn)
        assert_allclose(turned, expected, rtol=2e-3, atol=2e-3)


@every
def test_frames_and_sparse_tables_are_the_same_numbers(rng, name):
    X_source, X_target, _ = shifted(rng, 120, 100)
    model = clone(ESTIMATORS[name])
    expected = model.fit_ratio(X_source, X_target)
    names = ["age", "income"]
    frames = (pd.DataFrame(X, columns=names) for X in (X_source, X_target))
    assert_allclose(clone(model).fit_ratio(*frames), expected, rtol=1e-6)
    if name not in ("search",):
        rows = (sparse.csr_matrix(X) for X in (X_source, X_target))
        assert_allclose(clone(model).fit_ratio(*rows), expected, rtol=1e-2, atol=1e-3)


def mixed(rng, n, *, gold):
    """Return rows with words, categories, gaps and numbers."""
    plan = np.where(rng.uniform(size=n) < gold, "gold", "basic")
    age = rng.normal(40, 10, size=n)
    age[rng.uniform(size=n) < 0.2] = np.nan
    city = pd.Categorical(rng.choice(["a", "b", "c"], size=n))
    return pd.DataFrame({"plan": plan, "age": age, "city": city})


@pytest.mark.parametrize(
    "model",
    [ClassifierRatio(random_state=0), DensityRatioSearch(random_state=0)],
    ids=["classifier", "search"],
)
def test_classifiers_take_words_categories_and_gaps(rng, model):
    source, target = mixed(rng, 400, gold=0.2), mixed(rng, 400, gold=0.6)
    model = clone(model)
    ratio = model.fit_ratio(source, target)
    gold = source["plan"] == "gold"
    assert_allclose(ratio[gold].mean(), 3, rtol=0.25)
    assert_allclose(ratio[~gold].mean(), 0.5, rtol=0.25)
    new = target.head(3).assign(plan="platinum")
    assert np.isfinite(model.ratio(new)).all()


def test_any_classifier_will_do(rng):
    X_source, X_target, true = shifted(rng)
    for classifier in (
        make_pipeline(StandardScaler(), LogisticRegression()),
        KNeighborsClassifier(50),
    ):
        for calibration in ("sigmoid", "isotonic"):
            model = ClassifierRatio(classifier, calibration=calibration, random_state=0)
            ratio = model.fit_ratio(X_source, X_target)
            assert np.corrcoef(np.log(ratio), np.log(true))[0, 1] > 0.75
    with pytest.raises(TypeError, match="takes a classifier"):
        ClassifierRatio(StandardScaler()).fit(X_source, X_target)


def test_without_calibration_the_numbers_of_rows_are_corrected_for(rng):
    X_source, X_target, true = shifted(rng, 300, 1500)
    model = ClassifierRatio(LogisticRegression(), calibration=None, random_state=0)
    ratio = model.fit_ratio(X_source, X_target)
    assert_allclose(ratio.mean(), 1, atol=0.2)
    assert_allclose(np.median(ratio / true), 1, atol=0.2)


def test_many_sparse_columns_are_no_obstacle(rng):
    """Words of documents, of which two are more frequent in the target."""
    n, d = 400, 500
    X_source, X_target = (rng.uniform(size=(n, d)) < 0.02 for _ in range(2))
    X_source[:, :2] = rng.uniform(size=(n, 2)) < 0.2
    X_target[:, :2] = rng.uniform(size=(n, 2)) < 0.6
    rows = [sparse.csr_matrix(X, dtype=np.float64) for X in (X_source, X_target)]
    true = np.prod(np.where(X_source[:, :2], 3, 0.5), axis=1)
    for model in (
        ClassifierRatio(LogisticRegression(C=0.1), random_state=0),
        DensityRatioSearch(random_state=0),
    ):
        ratio = model.fit_ratio(*rows)
        assert np.corrcoef(np.log(true), np.log(np.maximum(ratio, 0.01)))[0, 1] > 0.6


# --- Sentences ------------------------------------------------------------------------


@every
def test_tables_that_do_not_fit_together_are_named(rng, name):
    model = clone(ESTIMATORS[name])
    X = pd.DataFrame(rng.normal(size=(30, 2)), columns=["age", "income"])
    with pytest.raises(ValueError, match=r"lacks \['income'\] and it has \['wage'\]"):
        model.fit(X, X.rename(columns={"income": "wage"}))
    with pytest.raises(ValueError, match="column 0 is 'income' instead of 'age'"):
        model.fit(X, X[["income", "age"]])
    with pytest.raises(ValueError, match="the 2 columns of X_source; got 1"):
        model.fit(X.to_numpy(), X.to_numpy()[:, :1])
    with pytest.raises(ValueError, match=r"X_target must have at least 5 .* got 3"):
        model.fit(X, X.head(3))
    with pytest.raises(ValueError, match=r"X_source must have at least 5 .* got 1"):
        model.fit(X.head(1), X)
    with pytest.raises(ValueError, match="X_target must be a table"):
        model.fit(X.to_numpy(), np.zeros(30))
    with pytest.raises(ValueError, match="sample_weight_target is negative"):
        model.fit(X, X, None, np.full(30, -1.0))
    model.fit(X, X)
    with pytest.raises(ValueError, match=r"X must have .* lacks \['income'\]"):
        model.ratio(X[["age"]])


@every_kernel_method
def test_what_kernels_cannot_take_is_named(rng, name):
    model = clone(ESTIMATORS[name])
    X = pd.DataFrame(rng.normal(size=(30, 2)), columns=["age", "income"])
    words = X.assign(income="high")
    with pytest.raises(ValueError, match=r"columns \['income'\] of X_target are not"):
        model.fit(X, words)
    with pytest.raises(ValueError, match="use ClassifierRatio"):
        model.fit(X.astype({"age": "category"}), X.astype({"age": "category"}))
    with pytest.raises(ValueError, match=r"\[1\] of X_source \(by position\) are not"):
        model.fit(words.to_numpy(dtype=object), X.to_numpy())
    gaps = X.copy()
    gaps.loc[3, "age"] = np.nan
    with pytest.raises(ValueError, match=r"columns \['age'\] of X_source contain NaN"):
        model.fit(gaps, X)
    with pytest.raises(ValueError, match=r"\[0\] \(by position\) of X_target contain"):
        model.fit(X.to_numpy(), gaps.to_numpy())
    with pytest.raises(ValueError, match="is constant over all rows"):
        model.fit(np.ones((30, 2)), np.ones((30, 2)))


def test_a_constant_feature_among_others_changes_nothing(rng):
    X_source, X_target, _ = shifted(rng, 100, 100)
    expected = ULSIF(random_state=0).fit_ratio(X_source, X_target)
    wider = (np.column_stack([X, np.full(100, 1e9)]) for X in (X_source, X_target))
    assert_allclose(
        ULSIF(random_state=0).fit_ratio(*wider), expected, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (ULSIF(1.0), "alpha must be a number in"),
        (ULSIF(sigmas=-1.0), "sigmas must be a positive number"),
        (ULSIF(lambdas=[0.0, 1.0]), "lambdas must be a positive number"),
        (ULSIF(n_centers=0), "n_centers must be"),
        (KLIEP(cv=1), "cv must be"),
        (KMM(bound=0.5), "bound must be"),
        (KMM(max_rows=50), r"60 rows need .* Use ULSIF"),
        (KernelLogisticRatio(max_selection_rows=1), "max_selection_rows must be"),
        (DensityRatioSearch(scoring="auc"), "scoring must be one of"),
    ],
)
def test_bad_parameters_are_named(rng, model, message):
    X = rng.normal(size=(60, 2))
    with pytest.raises(ValueError, match=message):
        model.fit(X, X)


# --- Can the ratio be trusted ---------------------------------------------------------


# Plain uLSIF sees the target through its mean kernel alone, as its docstring says.
@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name != "uLSIF"])
def test_a_target_without_source_rows_is_told_with_a_figure(rng, name):
    """Half of the target lies where no row of the source is."""
    X_source, X_target = rng.normal(size=(400, 2)), rng.normal(size=(400, 2))
    X_target[:200] += 30
    model = clone(ESTIMATORS[name])
    with pytest.warns(OverlapWarning, match=r"About \d+% of the target"):
        model.fit(X_source, X_target)
    assert model.report_.missing_target_mass > 0.3


@every
def test_nothing_is_told_where_all_is_well(rng, name):
    X_source, X_target, _ = shifted(rng, 300, 300, d=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = clone(ESTIMATORS[name]).fit(X_source, X_target).report_
    assert report.missing_target_mass < 0.3
    assert 0.2 < report.effective_share < 1
    assert report.effective_sample_size == pytest.approx(300 * report.effective_share)


def test_few_rows_that_carry_everything_are_told(rng):
    X_source = np.concatenate([rng.normal(size=(2000, 1)), np.full((6, 1), 9.0)])
    X_source += 0.01 * rng.normal(size=X_source.shape)
    X_target = 9 + 0.01 * rng.normal(size=(300, 1))
    with pytest.warns(
        DegenerateWeightsWarning, match=r"sample size of 2006 rows is \d"
    ):
        KernelLogisticRatio(random_state=0).fit(X_source, X_target)


# --- The search -----------------------------------------------------------------------


def test_the_search_says_what_it_chose_and_why(rng):
    X_source, X_target, _ = shifted(rng, 300, 300, d=4)
    model = DensityRatioSearch(
        {"linear": KernelLogisticRatio(n_centers=0), "KLIEP": KLIEP()}, random_state=0
    ).fit(X_source, X_target)
    assert model.best_name_ == "linear"
    assert "linear has the best held-out log_loss score" in model.reason_
    curve = model.cv_results_
    assert set(curve["candidate"]) == {"linear", "KLIEP"}
    assert curve["candidate"][np.argmax(curve["mean_test_score"])] == "linear"
    with pytest.raises(TypeError, match="candidates must be a dict"):
        DensityRatioSearch([KLIEP()]).fit(X_source, X_target)


def test_a_runner_up_as_good_is_averaged_and_a_worse_one_is_not(rng):
    X_source, X_target, _ = shifted(rng, 300, 300)
    twins = {
        "a": KernelLogisticRatio(n_centers=0),
        "b": KernelLogisticRatio(n_centers=0),
    }
    both = DensityRatioSearch(twins, random_state=0).fit(X_source, X_target)
    assert set(both.estimators_) == {"a", "b"}
    alone = DensityRatioSearch(twins, average=False, random_state=0)
    assert len(alone.fit(X_source, X_target).estimators_) == 1
    bad = {"a": twins["a"], "bad": ULSIF(lambdas=1e3)}
    one = DensityRatioSearch(bad, random_state=0).fit(X_source, X_target)
    assert list(one.estimators_) == ["a"]


def test_a_ratio_that_explodes_on_some_rows_is_neither_best_nor_averaged():
    """Its log loss is as good as that of the trees: it forgives single rows."""
    data = make_covariate_shift(400, 400, n_features=31, kind="narrow", random_state=1)
    tables = data.X_source, data.X_target
    search = DensityRatioSearch(random_state=0).fit(*tables)
    assert list(search.estimators_) == ["boosting"]
    assert "should be 1: logistic (" in search.reason_
    worse = dict(zip(*(search.cv_results_[n] for n in CURVE), strict=True))
    assert worse["logistic"] > worse["KLIEP"]
    alone = DensityRatioSearch({"line": KernelLogisticRatio(n_centers=0)}).fit(*tables)
    assert alone.best_name_ == "line"


CURVE = ("candidate", "rank_test_score")


def test_a_candidate_that_fails_is_passed_over(rng):
    X_source, X_target, _ = shifted(rng, 100, 100)
    candidates = {"small": KMM(max_rows=10), "uLSIF": ULSIF()}
    model = DensityRatioSearch(candidates, random_state=0).fit(X_source, X_target)
    assert model.best_name_ == "uLSIF"
    with pytest.raises(ValueError, match="No candidate could be fitted"):
        DensityRatioSearch({"small": KMM(max_rows=10)}).fit(X_source, X_target)


@pytest.mark.parametrize("max_selection_rows", [2500, 200])
def test_the_default_search_chooses_once_and_fits_few_trees(rng, max_selection_rows):
    """Widths are chosen once for folds and all rows; a fold takes one fit of trees."""
    X_source, X_target, _ = shifted(rng, 300, 300)
    with ExitStack() as stack:
        trees = stack.enter_context(spy(HistGradientBoostingClassifier, "fit"))
        draws = stack.enter_context(spy(_kernels.GaussianKernels, "__init__"))
        paths = stack.enter_context(
            mock.patch.object(_logistic, "ridge_path", wraps=_logistic.ridge_path)
        )
        search = DensityRatioSearch(
            max_selection_rows=max_selection_rows, random_state=0
        ).fit(X_source, X_target)
    assert "boosting" not in search.estimators_
    # Two logistic candidates, one with three widths; their centres are drawn once.
    # Those of the others are rows of the target, and held-out rows must not be.
    assert paths.call_count == 1 + 3
    assert draws.call_count == 2 + 2 * (1 + 3)
    assert trees.call_count == 3
    for model in search.estimators_.values():
        assert model.cv_results_["mean_test_score"].size > 1


def test_a_choice_made_on_few_rows_is_fitted_on_all(rng):
    X_source, X_target, _ = shifted(rng, 300, 300)
    for candidate in (KernelLogisticRatio(), ULSIF(0.2, back_transform=True), KLIEP()):
        search = DensityRatioSearch(
            {"one": candidate}, max_selection_rows=100, random_state=0
        ).fit(X_source, X_target)
        chosen = search.estimators_["one"]
        again = chosen._refitted(Sample(X_source), Sample(X_target))
        some = chosen._refitted(Sample(X_source[:100]), Sample(X_target[:100]))
        ratio = search.ratio(X_source)
        assert_allclose(again.ratio(X_source), ratio, rtol=1e-6)
        assert not np.allclose(some.ratio(X_source), ratio, rtol=1e-2)
        assert chosen.report_.mean_ratio == pytest.approx(ratio.mean(), rel=1e-9)


def spy(cls, name):
    return mock.patch.object(cls, name, autospec=True, side_effect=getattr(cls, name))


def test_what_a_search_holds_out_is_what_its_candidate_says_without_those_rows(rng):
    X_source, X_target, _ = shifted(rng, 90, 60)
    model = DensityRatioSearch(
        {"one": KernelLogisticRatio(n_centers=0, lambdas=[0.1], standardize=False)},
        random_state=0,
    ).fit(X_source, X_target)
    draws = np.random.RandomState(0)
    draws.randint(2**31 - 1)  # the seed of the candidate
    folds = KFold(3, shuffle=True, random_state=draws.randint(2**31 - 1))
    score = 0.0
    halves = folds.split(X_source), folds.split(X_target)
    for (train, test), (more, rest) in zip(*halves, strict=True):
        part = KernelLogisticRatio(n_centers=0, lambdas=[0.1], standardize=False)
        part.fit(X_source[train], X_target[more])
        score += part.score(X_source[test], X_target[rest]) / 3
    assert model.cv_results_["mean_test_score"][0] == pytest.approx(score, rel=1e-7)


# --- Rows that should not matter ------------------------------------------------------


@every
def test_rows_of_weight_zero_move_nothing(rng, name):
    X_source, X_target, _ = shifted(rng, 120, 90)
    X_new = rng.normal(size=(20, 2))
    weights = rng.exponential(size=120), rng.exponential(size=90)
    far = rng.normal(size=(15, 2)) * 1e3
    expected = clone(ESTIMATORS[name]).fit(X_source, X_target, *weights)
    zeros = np.zeros(15)
    for source, target in ((far, None), (None, far), (far, far)):
        tables, both = [], []
        for X, w, more in zip(
            (X_source, X_target), weights, (source, target), strict=True
        ):
            tables.append(X if more is None else np.vstack([X, more]))
            both.append(w if more is None else np.concatenate([w, zeros]))
        model = clone(ESTIMATORS[name]).fit(*tables, *both)
        assert_array_equal(model.ratio(X_new), expected.ratio(X_new))


# Every pair of two of the three values meets.
@pytest.mark.in_turn(2)
@pytest.mark.parametrize(
    ("name", "value", "place"),
    [
        (name, value, ["source", "target"][(i + j) % 2])
        for i, name in enumerate(
            ["uLSIF", "RuLSIF", "KMM", "logistic", "kernel logistic"]
        )
        for j, value in enumerate([1e6, -999.0, 1e12])
    ],
)
def test_a_far_outlier_blinds_no_kernel_method(name, value, place):
    rng = np.random.default_rng(0)
    X_source, X_target, true = shifted(rng, 500, 500)
    clean = np.arange(1, 500)
    before = clone(ESTIMATORS[name]).fit(X_source, X_target).ratio(X_source)
    (X_source if place == "source" else X_target)[0, 0] = value
    after = clone(ESTIMATORS[name]).fit(X_source, X_target).ratio(X_source)
    seen = [np.corrcoef(true[clean], ratio[clean])[0, 1] for ratio in (before, after)]
    assert seen[1] > seen[0] - 0.1


def test_a_column_of_ordinary_spread_is_scaled_by_its_deviation(rng):
    """Heavy tails, rare flags and two distant groups are no outliers."""
    X = np.column_stack(
        [
            rng.normal(size=2000),
            np.exp(rng.normal(size=2000)),
            rng.random(2000) < 0.02,
            np.where(rng.random(2000) < 0.5, -50.0, 50.0),
        ]
    ).astype(float)
    samples = Sample(X[:1000]), Sample(X[1000:])
    mean, scale = scale_columns(*samples, standardize=True)
    variance = (X[:1000].var(axis=0) + X[1000:].var(axis=0)) / 2
    assert_allclose(scale, np.sqrt(variance))
    assert_allclose(mean, (X[:1000].mean(axis=0) + X[1000:].mean(axis=0)) / 2)
    X[0, 0] = 1e6
    _, scale = scale_columns(*samples, standardize=True)
    assert scale[0] == pytest.approx(1, abs=0.1)


# --- Work and memory ------------------------------------------------------------------


@pytest.mark.parametrize("model", [ULSIF(random_state=0), KLIEP(random_state=0)])
def test_memory_does_not_grow_with_the_rows(rng, model):
    """Beyond the data: chunks, the rows to choose on, and one number per row."""
    peaks = []
    for n in (30_000, 120_000):
        X_source = rng.normal(size=(n, 5)).astype(np.float32)
        X_target = X_source + np.float32(0.3)
        tracemalloc.start()
        clone(model).set_params(sigmas=1.0).fit(X_source, X_target)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 10 * 90_000
    assert peaks[1] < 90e6


@pytest.mark.parametrize("model", [ULSIF(), KLIEP()], ids=["uLSIF", "KLIEP"])
def test_distances_are_taken_once_for_the_whole_grid(rng, monkeypatch, model):
    X_source, X_target, _ = shifted(rng, 500, 500)
    looked_at = []
    products = GaussianKernels._products

    def counting(self, X, factors):
        looked_at.append(X.shape[0])
        return products(self, X, factors)

    monkeypatch.setattr(GaussianKernels, "_products", counting)
    counts = {}
    for n_widths in (1, 8):
        looked_at.clear()
        grid = np.geomspace(0.5, 2, n_widths)
        clone(model).set_params(sigmas=grid, random_state=0).fit(X_source, X_target)
        counts[n_widths] = sum(looked_at)
    assert counts[1] == counts[8]


def test_tables_on_disk_are_read_chunk_by_chunk(rng, tmp_path, monkeypatch):
    n, d = 40_000, 3
    tables = []
    for k in range(2):
        table = np.memmap(
            tmp_path / f"{k}.f32", dtype=np.float32, mode="w+", shape=(n, d)
        )
        table[:] = rng.normal(0.5 * k, size=(n, d))
        tables.append(table)
    model = ULSIF(random_state=0, max_selection_rows=1000)
    largest = []
    products = GaussianKernels._products

    def watching(self, X, factors):
        largest.append(X.shape[0])
        return products(self, X, factors)

    monkeypatch.setattr(GaussianKernels, "_products", watching)
    ratio = clone(model).fit_ratio(*tables)
    assert max(largest) <= CHUNK_ROWS
    assert_allclose(ratio, model.fit_ratio(*(np.array(one) for one in tables)))


@pytest.mark.parametrize("outlier", [None, 1e3, 1e5])
def test_what_is_quick_for_many_rows_is_as_right_as_for_few(rng, outlier):
    """Float32 throughout, from 30,000 rows on, but not where it will not do."""
    X_source, X_target, _ = shifted(rng, 31_000, 2_000, d=5)
    if outlier is not None:
        X_source[7, 2], X_target[9, 3] = outlier, -outlier
    model = ULSIF(0.2, standardize=False, sigmas=3.0, lambdas=1e-4, random_state=0)
    model.fit(X_source, X_target)
    source, target = model.statistics(), model.statistics()
    quick = model.ratio(X_source)
    assert np.isfinite(quick).all()
    model.fit_statistics(source.update(X_source), target.update(X_target))
    exact = model._basis.features(X_source) @ model.coef_
    assert_allclose(quick, np.clip(exact, 0, 5), atol=2e-3)


def test_sums_over_many_rows_do_not_depend_on_the_chunks(rng):
    """From 30,000 rows on kernels are float32, and still every row has its own."""
    X = rng.normal(size=(40_000, 4))
    model = ULSIF(random_state=0, max_selection_rows=500).fit(X, X + 0.3)
    once = model.statistics().update(X).finalize()
    pieces = np.split(X, [1, 10, 333, 20_001])
    merged = model.statistics()
    for piece in pieces[::-1]:
        merged.merge(model.statistics().update(piece))
    merged = merged.finalize()
    assert_allclose(merged.mean, once.mean, rtol=1e-10)
    assert_allclose(merged.gram, once.gram, rtol=1e-10)
