"""Strategies that look at a model, in a fit: no leak, and every fit counted."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    PredefinedSplit,
    ShuffleSplit,
    TimeSeriesSplit,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import (
    BalancedWeighting,
    ColumnWeighting,
    CostMatrix,
    CostSensitiveClassifier,
    DensityRatioWeighting,
    FunctionWeighting,
    WeightedClassifier,
    WeightedRegressor,
)
from skweight._fit.ask import ask_classifier
from skweight._fit.models import fit_models, plan_models
from skweight._fit.weigh import weigh
from skweight._held_out.pair_folds import make_folds
from skweight._utils.examples import exact_classifier
from skweight.exceptions import DegenerateWeightsWarning, FewerThanAskedWarning
from skweight.testing import check_weighting
from skweight.weighting import (
    BaseModelWeighting,
    BaseWeighting,
    GroupDROWeighting,
    HardExampleWeighting,
    NoiseAwareWeighting,
    metadata,
)


class Counted(GaussianNB):
    """Counts its fits, and remembers which rows (first column) each of them saw."""

    seen = []  # noqa: RUF012

    def fit(self, X, y, sample_weight=None):
        Counted.seen.append(np.sort(np.asarray(X)[:, 0]))
        return super().fit(X, y, sample_weight)


@pytest.fixture
def count():
    Counted.seen = []
    return lambda: len(Counted.seen)


@pytest.fixture
def noisy(rng):
    X = rng.normal(size=(200, 3))
    y = (X[:, 0] + X[:, 1] + 0.5 * rng.normal(size=200) > 0).astype(int)
    return X, np.where(rng.uniform(size=200) < 0.15, 1 - y, y)


class TrustWeighting(BaseModelWeighting):
    """A strategy of a third party, by what the documentation says of the contract."""

    def __init__(self, estimator=None, *, cv=5, n_jobs=None, random_state=None):
        self.estimator, self.cv = estimator, cv
        self.n_jobs, self.random_state = n_jobs, random_state

    def _learn_from(self, fits, X, codes, mass):
        first = fits.proba()[np.arange(codes.size), codes]
        return fits.proba(emphasis=first + 0.1)[np.arange(codes.size), codes]


class Bare(BaseWeighting):
    """The least that a strategy which looks at a model can be."""

    needs_fits = True

    def _learn(self, X, y, sample_weight, fits):
        assert fits.proba().shape == (len(X), 2)
        return fits.proba()[np.arange(len(X)), y]


class Popular(NoiseAwareWeighting):
    role = "population"


def held_out_of(clf, X, y, sample_weight=None, **fit_params):
    """Return outputs on held-out rows, in the order of the rows."""
    request = ask_classifier(clf, X, y, sample_weight, fit_params)
    weighed = weigh(request)
    held_out = fit_models(request, weighed, plan_models(request, weighed)).held_out
    outputs = np.full((len(y), *held_out.outputs.shape[1:]), np.nan)
    outputs[held_out.rows] = held_out.outputs
    return outputs


SPLITS = {
    "two folds": PredefinedSplit(np.arange(200) % 2),
    "folds": PredefinedSplit(np.arange(200) % 4),
    "a hold-out": [(np.arange(150), np.arange(150, 200))],
    "times": TimeSeriesSplit(3),
    "drawn anew": ShuffleSplit(2, test_size=0.3, random_state=0),
}


LOOKING = {
    "soft": NoiseAwareWeighting(),
    "prune": NoiseAwareWeighting("prune", estimator=GaussianNB(var_smoothing=0.1)),
    "third party": TrustWeighting(),
    "bare": Bare(),
    "product": [
        FunctionWeighting(lambda X, y: 1 + X[:, 0] ** 2),
        NoiseAwareWeighting(),
    ],
    "two": [TrustWeighting(), NoiseAwareWeighting()],
}


# Splits are made before any strategy looks: two kinds of splits for each strategy, and
# each kind of splits for two strategies or more.
@pytest.mark.parametrize(
    ("name", "split"),
    [
        (name, [*SPLITS][(position + step) % len(SPLITS)])
        for position, name in enumerate(LOOKING)
        for step in (0, 2)
    ],
)
def test_the_score_of_a_held_out_row_knows_nothing_of_its_label(noisy, name, split):
    X, y = noisy
    weighting, cv = LOOKING[name], SPLITS[split]
    clf = WeightedClassifier(
        GaussianNB(), weighting=weighting, calibration="sigmoid", cv=cv, ensemble=False
    )
    before, moved = held_out_of(clf, X, y), []
    for row in (3, 77, 160, 199):
        other = y.copy()
        other[row] = 1 - other[row]
        after = held_out_of(clf, X, other)
        assert np.array_equal(after[row], before[row], equal_nan=True)
        moved.append(np.nanmax(abs(after - before)))
    # Others do depend on them, so that the comparison above says something.
    assert max(moved) > 1e-6


def test_weights_learned_once_would_tell_of_labels(noisy, monkeypatch):
    X, y = noisy
    clf = WeightedClassifier(
        GaussianNB(),
        weighting=NoiseAwareWeighting(),
        calibration="sigmoid",
        cv=SPLITS["folds"],
        ensemble=False,
    )
    monkeypatch.setattr(
        "skweight._fit.look.LookingTraining._view_of", lambda self, rows: self._fits
    )
    other = y.copy()
    other[3] = 1 - other[3]
    before, after = held_out_of(clf, X, y), held_out_of(clf, X, other)
    assert abs(after[3] - before[3]).max() > 1e-6


def test_models_behind_the_weights_of_a_fold_saw_two_folds_less(noisy, count):
    X, y = noisy
    folds = np.arange(200) % 5
    clf = WeightedClassifier(
        Counted(),
        weighting=NoiseAwareWeighting(),
        calibration="sigmoid",
        cv=PredefinedSplit(folds),
        ensemble=False,
    ).fit(X, y)
    fold_of = dict(zip(X[:, 0], folds, strict=True))
    left_out = [
        frozenset(range(5)) - {fold_of[row] for row in entry} for entry in Counted.seen
    ]
    sizes = np.bincount([len(fold) for fold in left_out])
    # The final model; folds for its weights and fold models; and every pair once.
    assert sizes.tolist() == [1, 5 + 5, 10]
    assert len({pair for pair in left_out if len(pair) == 2}) == 10
    assert clf.report_.n_fits == count() == 21


@pytest.mark.parametrize(
    ("weighting", "options", "n_fits"),
    [
        (NoiseAwareWeighting(), {}, 5 + 1),
        (NoiseAwareWeighting(), {"cv": 3}, 3 + 1),
        (NoiseAwareWeighting(), {"calibration": "sigmoid"}, 5 + 10 + 5 + 1),
        (NoiseAwareWeighting(), {"decision": "tuned"}, 5 + 10 + 5 + 1),
        (
            NoiseAwareWeighting(),
            {"calibration": "sigmoid", "ensemble": True},
            5 + 10 + 5,
        ),
        (
            NoiseAwareWeighting(),
            {"calibration": "sigmoid", "cv": "holdout", "ensemble": True},
            5 + 1,
        ),
        (
            NoiseAwareWeighting(),
            {"calibration": "sigmoid", "cv": "holdout", "ensemble": False},
            5 + 5 + 1 + 1,
        ),
        (NoiseAwareWeighting(), {"calibration": "prior"}, 5 + 1),
        ([BalancedWeighting(), NoiseAwareWeighting()], {}, 5 + 1),
        (
            [NoiseAwareWeighting(), NoiseAwareWeighting("prune")],
            {"calibration": "sigmoid"},
            5 + 10 + 5 + 1,  # both look at the same models
        ),
        (TrustWeighting(), {"calibration": "sigmoid"}, 10 + 10 + 20 + 5 + 1),
        (
            GroupDROWeighting(lambda X: X[:, 0] > 0, n_rounds=2),
            {"calibration": "sigmoid"},
            2 * 5 + 5 + 1,  # weights of groups need no pairs
        ),
        (
            NoiseAwareWeighting(estimator=Counted(var_smoothing=1e-3)),
            {"calibration": "sigmoid"},
            5 + 10 + 5 + 1,
        ),
    ],
)
@pytest.mark.parametrize("resampler", [None, "random_under"])
def test_every_fit_is_counted(noisy, count, weighting, options, n_fits, resampler):
    X, y = noisy
    clf = WeightedClassifier(
        Counted(),
        weighting=weighting,
        ensemble=False,
        random_state=0,
        resampler=resampler,
        calibration=None,
    ).set_params(**options)
    assert clf.fit(X, y).report_.n_fits == count() == n_fits


def test_population_factors_are_learned_first_and_reach_the_models(noisy):
    X, y = noisy
    shares = [TargetShare(0.9), NoiseAwareWeighting()]
    clf = WeightedClassifier(GaussianNB(), weighting=shares, calibration="sigmoid")
    clf.fit(X, y)
    first, second = clf.weighting_.factors_
    population = first.fit_weigh(X, y)
    alone = NoiseAwareWeighting(estimator=GaussianNB()).fit(X, y, population)
    assert_allclose(second.thresholds_, alone.thresholds_)
    assert clf.report_.population_share[0] == pytest.approx(
        population[y == 0].sum() / population.sum()
    )
    order = clf.set_params(weighting=shares[::-1]).fit(X, y).weighting_.factors_
    assert [type(factor) for factor in order] == [NoiseAwareWeighting, TargetShare]


class TargetShare(BaseWeighting):
    """Rows of the first class count more in the population."""

    role = "population"

    def __init__(self, share):
        self.share = share

    def _raw(self, X, y):
        return np.where(np.asarray(y) == 0, self.share, 1 - self.share)


def test_rows_of_weight_zero_are_as_if_absent(noisy):
    X, y = noisy
    counts = np.arange(200) % 4 > 0
    clf = WeightedClassifier(
        LogisticRegression(),
        weighting=NoiseAwareWeighting(),
        calibration="sigmoid",
        random_state=0,
    )
    weighted = clf.fit(X, y, counts.astype(float)).predict_proba(X)
    assert_allclose(weighted, clf.fit(X[counts], y[counts]).predict_proba(X))


def test_order_of_rows_and_copies_change_nothing(noisy, rng):
    X, y = noisy
    clf = WeightedClassifier(
        LogisticRegression(tol=1e-10),
        weighting=NoiseAwareWeighting(),
        calibration="sigmoid",
        normalize=False,
        random_state=0,
    )
    order = rng.permutation(200)
    proba = clf.fit(X, y).predict_proba(X)
    assert_allclose(clf.fit(X[order], y[order]).predict_proba(X), proba, atol=1e-6)
    twice = np.r_[np.arange(200), np.arange(50)]
    times = 1.0 + (np.arange(200) < 50)
    repeated = held_out_of(clf, X[twice], y[twice])
    assert_allclose(repeated[200:], repeated[:50])
    assert_allclose(held_out_of(clf, X, y, times), repeated[:200], atol=1e-5)


def test_groups_stay_together_in_folds_and_pairs(noisy, count):
    X, y = noisy
    groups = np.arange(200) // 4
    group_of = dict(zip(X[:, 0], groups, strict=True))
    for cv in ("auto", "holdout"):
        Counted.seen.clear()
        clf = WeightedClassifier(
            Counted(),
            weighting=NoiseAwareWeighting(),
            calibration="sigmoid",
            cv=cv,
            ensemble="auto",
            random_state=0,
        ).fit(X, y, groups=groups)
        for entry in Counted.seen:
            inside = {group_of[row] for row in entry}
            assert len(entry) == 4 * len(inside)
        assert clf.report_.n_fits == count() == (21 if cv == "auto" else 6)


@pytest.mark.parametrize("weighting", [TrustWeighting()])
def test_two_jobs_pipelines_and_searches_do_the_same(noisy, weighting):
    X, y = noisy
    table = pd.DataFrame(X, columns=["a", "b", "c"])
    options = {"weighting": weighting, "calibration": "sigmoid", "random_state": 0}
    plain = WeightedClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()), **options
    )
    proba = plain.fit(table, y).predict_proba(table)
    assert plain.set_params(n_jobs=2).fit(table, y).report_.n_fits >= 21
    assert_allclose(plain.predict_proba(table), proba)
    search = GridSearchCV(
        plain, {"weighting": [None, weighting, [BalancedWeighting(), weighting]]}, cv=2
    ).fit(table, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    inside = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2)
    clf = WeightedClassifier(inside, **options).fit(table, y)
    assert np.isfinite(clf.predict_proba(table)).all()


def test_costs_and_strategies_that_look_at_models_share_the_steps(noisy, count):
    X, y = noisy
    clf = CostSensitiveClassifier(
        Counted(),
        cost=CostMatrix.binary(fp=1, fn=5),
        weighting=NoiseAwareWeighting(),
        random_state=0,
    ).fit(X, y)
    assert clf.report_.n_fits == count() == 21


def test_a_metadata_array_is_cut_with_the_rows(noisy):
    X, y = noisy
    lengths = []

    class Segmented(NoiseAwareWeighting):
        _side_information = ("segment",)

        def __init__(self, segment=None, estimator=None):
            super().__init__(estimator=estimator)
            self.segment = segment

        def _learn_from(self, fits, X, codes, mass, segment):
            lengths.append(len(segment))
            assert np.array_equal(segment, X[:, 0])
            return super()._learn_from(fits, X, codes, mass)

    WeightedClassifier(
        GaussianNB(),
        weighting=Segmented(metadata("segment")) * BalancedWeighting(),
        calibration="sigmoid",
        cv=4,
        ensemble=False,
    ).fit(X, y, segment=X[:, 0])
    assert sorted(lengths) == [150] * 4 + [200]


def test_hidden_columns_stay_hidden_from_models_and_from_others(noisy):
    X, y = noisy
    widths = []

    class Width(GaussianNB):
        def fit(self, X, y, sample_weight=None):
            widths.append(X.shape[1])
            return super().fit(X, y, sample_weight)

    table = np.column_stack([X, np.arange(200) % 3 + 1.0])
    weighting = [ColumnWeighting(-1), NoiseAwareWeighting()]
    clf = WeightedClassifier(Width(), weighting=weighting, calibration="sigmoid")
    clf.fit(table, y)
    assert set(widths) == {3}
    widths.clear()
    WeightedClassifier(Width(), weighting=NoiseAwareWeighting(), calibration=None).fit(
        table, y
    )
    assert set(widths) == {4}


def test_one_warning_of_hard_examples_for_all_folds(noisy):
    X, y = noisy
    clf = WeightedClassifier(
        GaussianNB(), weighting=HardExampleWeighting(), calibration="sigmoid"
    )
    with pytest.warns(DegenerateWeightsWarning, match="hard examples") as caught:
        clf.fit(X, y)
    assert len(caught) == 1


def test_fewer_rows_of_a_class_than_folds_are_said_and_one_row_refused(noisy):
    X, _ = noisy
    y = (np.arange(200) < 4).astype(int)
    options = {"weighting": NoiseAwareWeighting(), "calibration": "sigmoid"}
    with pytest.warns(FewerThanAskedWarning, match="4 folds are used"):
        clf = WeightedClassifier(GaussianNB(), **options).fit(X, y)
    assert clf.report_.n_fits == 4 + 6 + 4 + 1
    y = (np.arange(200) < 2).astype(int)
    with pytest.warns(FewerThanAskedWarning, match="2 folds are used") as caught:
        clf = WeightedClassifier(GaussianNB(), **options).fit(X, y)
    assert [record.category for record in caught].count(FewerThanAskedWarning) <= 2
    assert clf.report_.n_fits == 2 + 2 * 5 + 2 + 1  # nested, since there are no pairs
    y = (np.arange(200) < 1).astype(int)
    with pytest.raises(ValueError, match="has a single row"):
        WeightedClassifier(
            GaussianNB(), weighting=NoiseAwareWeighting(), calibration=None
        ).fit(X, y)


@pytest.mark.parametrize("weighting", [NoiseAwareWeighting(), TrustWeighting()])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_two_rows_of_a_class_are_held_out_with_honest_weights(
    noisy, count, weighting, n_classes
):
    X, y = noisy
    y = np.where(np.isin(np.arange(200), [5, 90]), 2, y if n_classes == 3 else 0)
    clf = WeightedClassifier(Counted(), weighting=weighting, calibration="temperature")
    with pytest.warns(FewerThanAskedWarning, match="2 folds"):
        before = held_out_of(clf, X, y)
    assert np.isfinite(before).all()
    folds, _ = make_folds(X, y, 5)
    assert folds[5] != folds[90]
    for fold in (0, 1):
        of_fold = np.sort(X[folds == fold, 0])
        alone = X[[5, 90], 0][folds[[5, 90]] == fold]
        # Models of a part of the fold: for the weights of its rows, as a training fold.
        parts = [rows for rows in Counted.seen if rows.size < of_fold.size]
        parts = [rows for rows in parts if np.isin(rows, of_fold).all()]
        assert parts
        # All of them know the class, of which the part has one row.
        assert all(np.isin(alone, rows) for rows in parts)


@pytest.mark.parametrize(
    ("estimator", "options", "error", "words"),
    [
        ("frozen", {}, TypeError, "FrozenEstimator is not fitted again"),
        (GaussianNB(), {"weighting": Popular()}, ValueError, "must be 'emphasis'"),
        (
            RandomForestClassifier(5),
            {"cv": "oob", "calibration": "sigmoid"},
            ValueError,
            "out-of-bag votes are too good",
        ),
        (
            SGDClassifier(),
            {"calibration": "sigmoid"},
            TypeError,
            "SGDClassifier has no predict_proba",
        ),
        (GaussianNB(), {"cv": 1}, ValueError, "cv must be"),
    ],
)
def test_what_has_no_meaning_is_refused(noisy, estimator, options, error, words):
    X, y = noisy
    if estimator == "frozen":
        estimator = FrozenEstimator(GaussianNB().fit(X, y))
    clf = WeightedClassifier(
        estimator, weighting=NoiseAwareWeighting(), calibration=None
    )
    with pytest.raises(error, match=words):
        clf.set_params(**options).fit(X, y)


def test_streams_and_regressors_are_refused(noisy):
    X, y = noisy
    clf = WeightedClassifier(
        GaussianNB(), weighting=NoiseAwareWeighting(), calibration=None
    )
    with pytest.raises(TypeError, match="NoiseAwareWeighting learns from all rows"):
        clf.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="a regressor has none"):
        WeightedRegressor(weighting=NoiseAwareWeighting()).fit(X, y)
    with pytest.raises(ValueError, match="a regressor has none"):
        WeightedRegressor(weighting=NoiseAwareWeighting()).fit(X, X[:, 0])


def test_a_strategy_without_columns_of_its_own_does_not_see_those_of_the_decision(rng):
    names = ["a", "b", "amount"]
    X = pd.DataFrame(rng.uniform(1, 5, size=(300, 3)), columns=names)
    y = (X["a"] > 3).to_numpy().astype(int)
    collected = []

    class Looks(DensityRatioWeighting):
        def _learn(self, X, y, sample_weight, X_target=None):
            collected.append((list(X.columns), list(self.X_target.columns)))
            return np.ones(len(X))

    for X_target in (X, X[["a", "b"]]):
        CostSensitiveClassifier(
            GaussianNB(),
            cost=CostMatrix.binary(fp=1, fn="amount"),
            weighting=Looks(X_target),
            calibration=None,
            drop=True,
        ).fit(X, y)
    assert collected == [(["a", "b"], ["a", "b"])] * 2


def test_third_parties_are_checked_by_the_common_contract():
    check_weighting(TrustWeighting(exact_classifier(), cv=3))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["prune", "soft"])
def test_the_loss_on_held_out_rows_of_a_fit_is_as_good_as_nested(method):
    model, away = LogisticRegression(), {"fit": [], "nested": []}
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X, y = draw_coin(rng, 400)
        X_new, y_new = draw_coin(rng, 8000)
        folds, _ = make_folds(X, y, 5)
        clf = WeightedClassifier(
            model,
            weighting=NoiseAwareWeighting(method),
            decision="tuned",
            ensemble=False,
            calibration=None,
        )
        outputs = held_out_of(clf, X, y)
        loss_new, nested = [], []
        for fold in range(5):
            train = folds != fold
            weights = NoiseAwareWeighting(method, estimator=model).fit_weigh(
                X[train], y[train]
            )
            fitted = LogisticRegression().fit(X[train], y[train], weights)
            nested.append(
                log_loss(y[~train], fitted.predict_proba(X[~train]), labels=[0, 1])
            )
            loss_new.append(log_loss(y_new, fitted.predict_proba(X_new)))
        away["fit"].append(log_loss(y, outputs) - np.mean(loss_new))
        away["nested"].append(np.mean(nested) - np.mean(loss_new))
    difference = np.subtract(away["fit"], away["nested"])
    assert abs(difference.mean()) < 2 * difference.std() / np.sqrt(12) + 1e-3


def draw_coin(rng, n):
    X = rng.normal(size=(n, 5))
    p = 1 / (1 + np.exp(-(X[:, 0] + X[:, 1])))
    return X, (rng.uniform(size=n) < p).astype(int)
