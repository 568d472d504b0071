"""Strategies that look at a model: honest folds, counted fits, stated aims."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import log_loss
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import PriorWeighting, WeightedClassifier
from skweight._held_out.pair_folds import (
    CrossFits,
    WeightedModel,
    hash_rows,
    make_folds,
)
from skweight.exceptions import DegenerateWeightsWarning
from skweight.weighting import (
    BaseModelWeighting,
    GroupBalancedWeighting,
    GroupDROWeighting,
    HardExampleWeighting,
    NoiseAwareWeighting,
)
from skweight.weighting._noise import confident_labels


class Spy(ClassifierMixin, BaseEstimator):
    """Remembers which rows (their first column) and weights every model saw."""

    fits = []  # noqa: RUF012

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        self.seen_ = set(np.asarray(X)[:, 0])
        Spy.fits.append((self.seen_, sample_weight))
        return self

    def predict_proba(self, X):
        scored = set(np.asarray(X)[:, 0])
        assert not scored & self.seen_, "a model scored rows that it was fitted on"
        Spy.scored.append((self.seen_, scored))
        return np.tile([0.4, 0.6], (len(X), 1))

    scored = []  # noqa: RUF012


@pytest.fixture
def spied():
    Spy.fits, Spy.scored = [], []
    X = np.column_stack([np.arange(60.0), np.ones(60)])
    return X, np.tile([0, 1, 1], 20)


def fits_of(X, y, k=5, **options):
    folds, _ = make_folds(X, y, k)
    return CrossFits(WeightedModel(Spy()), X, y, np.unique(y), folds, **options)


def test_pair_folds_saw_neither_the_row_nor_the_fold_left_out(spied):
    X, y = spied
    fits = fits_of(X, y)
    fold_of = dict(zip(X[:, 0], fits.folds, strict=True))
    for fold in range(5):
        view = fits.without(fold)
        assert_allclose(X[view.rows, 0], X[fits.folds != fold, 0])
        assert view.proba().shape == (np.count_nonzero(fits.folds != fold), 2)
    assert fits.n_fits == len(Spy.fits) == 5 * 4 // 2
    for seen, scored in Spy.scored:
        left_out = {fold_of[row] for row in scored}
        assert len(left_out) == 2
        assert not left_out & {fold_of[row] for row in seen}
    assert np.isfinite(fits.without(2).proba()).all()
    assert fits.n_fits == 10  # the same models serve again


def test_a_pass_costs_k_fits_and_is_kept_unless_there_is_emphasis(spied):
    X, y = spied
    fits = fits_of(X, y)
    fits.proba(), fits.proba()
    assert fits.n_fits == 5
    fits.proba(emphasis=np.ones(60)), fits.proba(emphasis=np.ones(60))
    assert fits.n_fits == 15
    fits.without(0).proba(emphasis=np.ones(len(fits.without(0).rows)))
    assert fits.n_fits == 19


def test_models_are_fitted_on_population_times_emphasis(spied):
    X, y = spied
    population = np.linspace(0, 2, 60)
    emphasis = np.linspace(3, 1, 60)
    fits_of(X, y, population=population).proba(emphasis=emphasis)
    for seen, weights in Spy.fits:
        rows = np.array(sorted(seen)).astype(int)
        assert 0 not in rows  # of weight zero
        expected = (population * emphasis)[rows]
        assert_allclose(weights, expected / expected.mean())


def test_two_folds_leave_no_pair(spied):
    X, y = spied
    with pytest.raises(ValueError, match="at least 3 folds; got 2"):
        fits_of(X, y, k=2).without(0)


def test_folds_by_content_survive_order_repetition_and_rows_that_do_not_count(rng):
    X, y = rng.normal(size=(200, 3)), rng.integers(0, 2, 200)
    folds, by_content = make_folds(X, y, 5)
    assert by_content
    order = rng.permutation(200)
    assert np.array_equal(make_folds(X[order], y[order], 5)[0], folds[order])
    times = rng.integers(0, 4, 200)
    rows = np.repeat(np.arange(200), times)
    repeated = make_folds(X[rows], y[rows], 5)[0]
    weighted = make_folds(X, y, 5, population=times.astype(float))[0]
    assert np.array_equal(repeated, weighted[rows])
    counts = np.bincount(folds * 2 + y, minlength=10).reshape(5, 2)
    assert (np.ptp(counts, axis=0) <= 1).all()  # stratified


def test_copies_of_a_row_stay_together(rng):
    X, y = rng.normal(size=(100, 2)), rng.integers(0, 2, 100)
    rows = np.r_[np.arange(100), np.arange(8)]
    folds, by_content = make_folds(X[rows], y[rows], 5)
    assert by_content
    assert np.array_equal(folds[100:], folds[:8])


def test_cells_with_several_labels_are_left_to_chance(rng):
    X = rng.integers(0, 3, size=(1000, 3))
    y = rng.integers(0, 2, 1000)
    folds, by_content = make_folds(X, y, 5, random_state=0)
    assert not by_content
    assert pd.Series(folds).groupby([*X.T]).nunique().min() > 1


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.coo_array, pd.DataFrame])
def test_hashes_know_rows_in_every_container(rng, kind):
    X = rng.integers(0, 2, size=(50, 4)).astype(float)
    hashes = hash_rows(kind(X))
    same = (X[:, np.newaxis] == X).all(axis=2)
    assert np.array_equal(hashes[:, np.newaxis] == hashes, same)
    if kind is sparse.csr_matrix:
        stored = sparse.csr_matrix(X)
        stored.data[0] = 0.0  # a stored zero is a zero
        assert hash_rows(stored)[0] == hash_rows(sparse.csr_matrix(stored.toarray()))[0]


def test_thresholds_joint_and_doubt_by_hand():
    proba = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4]])
    codes = np.array([0, 0, 0, 1, 1])
    actual = confident_labels(proba, codes, np.ones(5))
    assert_allclose(actual.thresholds, [0.6, 0.55])
    assert actual.suggested.tolist() == [0, 0, 1, 1, 0]
    assert actual.doubtful.tolist() == [False, False, True, False, True]
    assert_allclose(actual.joint, [[0.4, 0.2], [0.2, 0.2]])
    weighted = confident_labels(proba, codes, np.array([1, 1, 0, 1, 3.0]))
    assert_allclose(weighted.thresholds, [0.8, (0.7 + 3 * 0.4) / 4])
    assert_allclose(weighted.joint, [[1 / 3, 0], [0, 2 / 3]])


def noisy(rng, n, share):
    X = rng.normal(size=(n, 4))
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    wrong = rng.uniform(size=n) < share
    return X, y, np.where(wrong, 1 - y, y), wrong


@pytest.mark.parametrize("method", ["soft", "prune"])
def test_wrong_labels_are_found(rng, method):
    X, _, given, wrong = noisy(rng, 2000, 0.2)
    weighting = NoiseAwareWeighting(method, estimator=LogisticRegression())
    weights = weighting.fit_weigh(X, given)
    assert weighting.n_fits_ == 5
    assert weights[wrong].mean() < 0.5 * weights[~wrong].mean()
    assert abs(weighting.noise_share_ - 0.2) < 0.05
    assert weighting.doubtful_[wrong].mean() > 0.6
    assert weighting.doubtful_[~wrong].mean() < 0.1
    if method == "prune":
        assert set(np.unique(weights > 0)) == {False, True}
        assert_allclose(weights == 0, weighting.doubtful_)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_less_trust_in_doubtful_labels_makes_a_tree_better(seed):
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(seed)
    X, _, given, _ = noisy(rng, 2000, 0.25)
    X_new, y_new, _, _ = noisy(rng, 4000, 0.25)
    model = HistGradientBoostingClassifier(max_iter=50, random_state=0)
    auc = {}
    for name, weighting in (
        ("none", None),
        ("noise", NoiseAwareWeighting("prune", estimator=model)),
    ):
        clf = WeightedClassifier(model, weighting=weighting, calibration=None).fit(
            X, given
        )
        auc[name] = roc_auc_score(y_new, clf.predict_proba(X_new)[:, 1])
    assert auc["noise"] > auc["none"] + 0.005


@pytest.mark.parametrize("guard", [True, False])
def test_hard_examples_count_a_factor_and_every_fit_says_how_much(rng, guard):
    X, _, given, wrong = noisy(rng, 1000, 0.1)
    weighting = HardExampleWeighting(
        4, noise_guard=guard, estimator=LogisticRegression()
    )
    words = "keep the weight one" if guard else "noise_guard is off"
    with pytest.warns(DegenerateWeightsWarning, match=f"hard examples.*{words}"):
        weights = weighting.fit_weigh(X, given)
    assert_allclose(weights / weights.min(), np.where(weighting.hard_, 4, 1))
    share = weighting.hard_[wrong].mean()
    assert share < 0.4 if guard else share > 0.8


def spurious(rng, n, agreement):
    y = rng.integers(0, 2, n)
    attribute = np.where(rng.uniform(size=n) < agreement, y, 1 - y)
    core = rng.normal(size=(n, 3))
    core[:, :2] += 0.6 * (2 * y - 1)[:, np.newaxis]
    return np.column_stack([core, attribute]), y


def test_group_dro_gives_hard_groups_more_than_rare_ones(rng):
    # Groups of the same size; the labels of the second are nearly noise.
    X = np.column_stack([rng.normal(size=2000), np.repeat([0.0, 1.0], 1000)])
    y = (X[:, 0] + np.where(X[:, 1] == 1, 3, 0.1) * rng.normal(size=2000) > 0).astype(
        int
    )
    plain = GroupDROWeighting(1, by_label=False, estimator=LogisticRegression())
    plain.fit(X, y)
    assert plain.n_fits_ == 10 * 5
    assert plain.group_share_[1] > 0.7
    excess = GroupDROWeighting(
        1, by_label=False, reference="per_group", estimator=LogisticRegression()
    ).fit(X, y)
    assert excess.n_fits_ == 10 * 5 + 2 * 5
    assert excess.group_share_[1] < 0.6  # no model does better on that group
    assert_allclose(plain.group_share_.sum(), 1)
    assert plain.groups_ == [0.0, 1.0]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_group_dro_is_as_good_as_balance_for_the_worst_group(seed):
    rng = np.random.default_rng(seed)
    (X, y), (X_new, y_new) = spurious(rng, 4000, 0.95), spurious(rng, 4000, 0.5)
    model, worst = LogisticRegression(), {}
    for name, weighting in (
        ("none", None),
        ("balanced", GroupBalancedWeighting(-1)),
        ("dro", GroupDROWeighting(-1, estimator=model)),
    ):
        clf = WeightedClassifier(model, weighting=weighting, calibration=None).fit(X, y)
        loss = -np.log(clf.predict_proba(X_new)[np.arange(4000), y_new])
        worst[name] = pd.Series(loss).groupby([X_new[:, -1], y_new]).mean().max()
    assert worst["dro"] < 1.1 * worst["balanced"] < 0.4 * worst["none"]


@pytest.mark.parametrize(
    "weighting",
    [
        NoiseAwareWeighting(estimator=GaussianNB()),
        NoiseAwareWeighting(estimator=GaussianNB(), n_jobs=2),
        NoiseAwareWeighting(estimator=make_pipeline(StandardScaler(), GaussianNB())),
        GroupDROWeighting(lambda X: X[:, 0] > 0, n_rounds=2, estimator=GaussianNB()),
    ],
    ids=["plain", "two jobs", "pipeline", "groups"],
)
def test_they_compose_with_population_weights(rng, weighting):
    X, _, given, _ = noisy(rng, 300, 0.2)
    product = PriorWeighting({0: 0.8, 1: 0.2}) * weighting
    assert product.needs_fits
    assert not product.weighs_new_rows
    population, emphasis = product.fit_weigh_by_role(X, given)
    alone = PriorWeighting({0: 0.8, 1: 0.2}).fit_weigh(X, given)
    assert_allclose(population, alone)
    assert_allclose(emphasis, weighting.fit_weigh(X, given, alone))
    clf = WeightedClassifier(GaussianNB(), weighting=product, calibration=None).fit(
        X, given
    )
    assert np.isfinite(clf.predict_proba(X)).all()


def test_fits_that_are_handed_over_serve_in_the_place_of_own_ones(rng):
    X, _, given, _ = noisy(rng, 300, 0.2)
    folds, _ = make_folds(X, given, 5)
    fits = CrossFits(WeightedModel(GaussianNB()), X, given, np.array([0, 1]), folds)
    weights = NoiseAwareWeighting(estimator=GaussianNB()).fit_weigh(X, given)
    handed = NoiseAwareWeighting().fit_weigh(X, given, fits=fits)
    assert_allclose(handed, weights)
    assert fits.n_fits == 5
    product = PriorWeighting({0: 0.5, 1: 0.5}) * NoiseAwareWeighting()
    product.fit(X, given, fits=fits)
    assert fits.n_fits == 10
    view = fits.without(0)
    part = NoiseAwareWeighting().fit_weigh(X[view.rows], given[view.rows], fits=view)
    assert part.shape == view.rows.shape
    assert fits.n_fits == 14


def test_a_model_of_its_own_never_sees_side_columns(rng, spied):
    X, y = spied
    rows = np.column_stack([X, np.tile([0.0, 1.0], 30)])
    widths = []

    class Width(GaussianNB):
        def fit(self, X, y, sample_weight=None):
            widths.append(X.shape[1])
            return super().fit(X, y, sample_weight)

    GroupDROWeighting(2, n_rounds=1, drop=True, estimator=Width()).fit(rows, y)
    assert set(widths) == {2}


class Certain(BaseModelWeighting):
    """A strategy of a third party."""

    def __init__(self, estimator=None, *, cv=5, n_jobs=None, random_state=None):
        self.estimator, self.cv = estimator, cv
        self.n_jobs, self.random_state = n_jobs, random_state

    def _learn_from(self, fits, X, codes, mass):
        return np.abs(fits.proba()[:, 1] - 0.5)


@pytest.mark.parametrize(
    ("weighting", "y", "error", "words"),
    [
        (
            NoiseAwareWeighting(),
            [0, 1] * 20,
            ValueError,
            "but got none. Pass a classifier",
        ),
        (Certain(GaussianNB()), [0] * 40, ValueError, "at least 2 classes"),
        (Certain(GaussianNB()), [0] * 39 + [1], ValueError, "has a single row"),
        (Certain(RidgeClassifier()), [0, 1] * 20, TypeError, "no predict_proba"),
        (Certain(GaussianNB(), cv=1), [0, 1] * 20, ValueError, "cv must be"),
        (NoiseAwareWeighting("hard"), [0, 1] * 20, ValueError, "method must be one"),
        (HardExampleWeighting(0.5), [0, 1] * 20, ValueError, "factor must be"),
        (GroupDROWeighting(0, n_rounds=0), [0, 1] * 20, ValueError, "n_rounds must"),
        (GroupDROWeighting(0, reference="erm"), [0, 1] * 20, ValueError, "per_group"),
        (
            GroupDROWeighting(0, estimator=GaussianNB()),
            [0, 1] * 20,
            ValueError,
            "fewer than two rows with a positive weight",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(weighting, y, error, words):
    X = np.column_stack([np.arange(40.0), np.ones(40)])
    with pytest.raises(error, match=words):
        weighting.fit(X, y)


def test_rows_that_were_not_in_training_have_no_such_weight(rng):
    X, _, given, _ = noisy(rng, 100, 0.2)
    weighting = NoiseAwareWeighting(estimator=GaussianNB()).fit(X, given)
    with pytest.raises(TypeError, match="New rows have no such"):
        weighting.weigh(X, given)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["prune", "soft"])
def test_held_out_losses_under_pair_folds_are_those_under_nested_fits(method):
    model, optimism = LogisticRegression(), {"once": [], "pairs": [], "nested": []}
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X, y = draw_coin(rng, 400)
        X_new, y_new = draw_coin(rng, 8000)
        folds, _ = make_folds(X, y, 5)
        fits = CrossFits(WeightedModel(model), X, y, np.array([0, 1]), folds)
        once = NoiseAwareWeighting(method).fit_weigh(X, y, fits=fits)
        for scheme, actual in optimism.items():
            away = []
            for fold in range(5):
                train = folds != fold
                if scheme == "once":
                    weights = once[train]
                elif scheme == "pairs":
                    weights = NoiseAwareWeighting(method).fit_weigh(
                        X[train], y[train], fits=fits.without(fold)
                    )
                else:
                    nested = NoiseAwareWeighting(method, estimator=model)
                    weights = nested.fit_weigh(X[train], y[train])
                fitted = LogisticRegression().fit(X[train], y[train], weights)
                held_out = log_loss(y[~train], fitted.predict_proba(X[~train]))
                away.append(held_out - log_loss(y_new, fitted.predict_proba(X_new)))
            actual.append(np.mean(away))
        assert fits.n_fits == 5 + 10
    once, pairs, nested = map(np.array, optimism.values())
    difference = pairs - nested
    assert abs(difference.mean()) < 2 * difference.std() / np.sqrt(10) + 1e-3
    leak = once - nested  # what pairs are there for
    assert leak.mean() < -3 * leak.std() / np.sqrt(10)


def draw_coin(rng, n):
    X = rng.normal(size=(n, 5))
    p = 1 / (1 + np.exp(-(X[:, 0] + X[:, 1])))
    return X, (rng.uniform(size=n) < p).astype(int)
