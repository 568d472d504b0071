"""Learners that take no weights at all, and are fitted on a part of the rows."""

from contextlib import nullcontext
from unittest import mock

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import (
    BalancedWeighting,
    ColumnWeighting,
    CostSensitiveClassifier,
    WeightedClassifier,
    WeightedRegressor,
)
from skweight.datasets import make_imbalanced
from skweight.delivery import _draw
from skweight.delivery._draw import (
    subsample_sizes,
    systematic_subsample,
    whole_rows,
)
from skweight.exceptions import (
    CalibrationWarning,
    DegenerateWeightsWarning,
    DoubleCountingWarning,
    FewerThanAskedWarning,
)
from skweight.pipeline import Pipeline

LOG = []


class InContext(ClassifierMixin, BaseEstimator):
    """Keeps its rows as a context, as TabPFN does; has a limit, and takes no weights.

    A probability is the mean label of the context, each row by its nearness.
    """

    def __init__(self, n_rows_at_most=500, balance_probabilities=False):
        self.n_rows_at_most = n_rows_at_most
        self.balance_probabilities = balance_probabilities

    def fit(self, X, y):
        if len(X) > self.n_rows_at_most:
            raise ValueError(f"{len(X)} rows exceed the limit.")
        self.classes_, self.codes_ = np.unique(y, return_inverse=True)
        self.X_ = np.asarray(X, dtype=float)
        self.n_features_in_ = self.X_.shape[1]
        LOG.append((self.X_, np.asarray(y)))
        return self

    def predict_proba(self, X):
        distance = ((np.asarray(X, float)[:, None] - self.X_) ** 2).sum(axis=2)
        near = np.exp(-0.5 * (distance - distance.min(axis=1, keepdims=True)))
        proba = near @ np.eye(self.classes_.size)[self.codes_]
        return proba / proba.sum(axis=1, keepdims=True)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class Shares(InContext):
    """Knows the densities of the classes, and learns how frequent they are."""

    def predict_proba(self, X):
        means = np.arange(self.classes_.size)
        density = np.exp(-0.5 * (np.asarray(X)[:, :1] - means) ** 2)
        proba = density * np.bincount(self.codes_)
        return proba / proba.sum(axis=1, keepdims=True)


@pytest.fixture(autouse=True)
def _empty_log():
    LOG.clear()


@pytest.fixture(scope="module")
def data():
    return make_imbalanced(2100, prevalence=0.05, n_features=3, random_state=0)


@pytest.fixture(scope="module")
def three():
    """Three classes of 700, 87 and 41 rows, whose numbers no balance makes whole."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [700, 87, 41])
    X = rng.normal(size=(y.size, 2)) + y[:, None]
    return X, np.array(["often", "rare", "seldom"])[y]


def subsampled(estimator=None, **params):
    estimator = InContext() if estimator is None else estimator
    params = {"random_state": 0, "unsupported": "subsample"} | params
    return WeightedClassifier(estimator, **params)


def rows_of(X, drawn):
    """Return the positions in X of rows that were drawn from it."""
    (rows,) = np.nonzero((X[:, None] == drawn).all(axis=2).any(axis=1))
    assert len(rows) == len(drawn)  # each of them once
    return rows


# -- the draw --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_no_row_is_drawn_twice_and_every_class_has_its_number(seed):
    rng = np.random.default_rng(seed)
    y = np.concatenate([[0, 1, 2], rng.integers(0, 3, 200)])
    weights = rng.lognormal(sigma=1, size=y.size) * np.array([1, 5, 0.01])[y]
    weights[rng.integers(0, 203, 20)] = 0.0
    rows = systematic_subsample(weights, y, random_state=seed)
    assert_array_equal(rows, np.unique(rows))
    assert (weights[rows] > 0).all()
    sizes = subsample_sizes(weights, y)
    assert_array_equal(np.bincount(y[rows], minlength=3), sizes)
    mass = np.bincount(y, weights)
    heaviest = y[weights.argmax()]
    unit = mass[heaviest] / np.floor(mass[heaviest] / weights.max())
    assert_array_equal(sizes, np.maximum(np.floor(mass / unit + 1e-9), 1))


def test_a_row_is_drawn_as_often_as_its_weight_says():
    rng = np.random.default_rng(1)
    y = np.repeat([0, 1], [30, 10])
    weights = rng.uniform(0.2, 1.0, y.size) * np.where(y, 3.0, 1.0)
    n_draws = 4000
    times = np.zeros(y.size)
    for seed in range(n_draws):
        times[systematic_subsample(weights, y, random_state=seed)] += 1
    size, mass = subsample_sizes(weights, y), np.bincount(y, weights)
    expected = weights * (size / mass)[y]
    error = np.sqrt(expected * (1 - expected) / n_draws)
    assert np.abs(times / n_draws - expected).max() < 4.5 * error.max()


def test_neither_scale_nor_rounding_to_whole_rows_moves_it():
    rng = np.random.default_rng(2)
    for seed in range(50):
        y = np.concatenate([[0, 1, 2], rng.integers(0, 3, 60)])
        weights = rng.lognormal(size=y.size) * rng.lognormal(size=3)[y]
        sizes = subsample_sizes(weights, y)
        whole = weights * whole_rows(weights, y)[y]
        assert_array_equal(subsample_sizes(whole, y), sizes)
        assert_array_equal(subsample_sizes(1e-3 * weights, y), sizes)
        mass = np.bincount(y, whole)
        assert_allclose(mass / mass.sum(), sizes / sizes.sum())
        drawn = [
            systematic_subsample(w, y, random_state=seed) for w in (whole, weights)
        ]
        assert_array_equal(*drawn)


# -- in a fit --------------------------------------------------------------------------


@pytest.mark.parametrize("calibration", [None, "prior", "sigmoid", "auto"])
def test_all_rare_rows_are_kept_and_no_row_is_there_twice(data, calibration):
    clf = subsampled(calibration=calibration).fit(data.X, data.y)
    rows = rows_of(data.X, clf.estimator_.X_)
    n_rare = data.y.sum()
    assert_array_equal(np.bincount(data.y[rows]), [n_rare, n_rare])
    assert clf.report_.deliveries == [
        ("InContext", "population x emphasis", "subsample")
    ]
    assert clf.report_.training_rows == [n_rare, n_rare]
    assert f"rows left: {n_rare} of 0, {n_rare} of 1" in str(clf.report_)


def test_a_bootstrap_has_more_rows_than_the_learner_takes(data):
    with pytest.raises(ValueError, match="2100 rows exceed the limit"):
        subsampled(unsupported="resample", calibration=None).fit(data.X, data.y)


WEIGHTINGS = [
    "balanced",
    BalancedWeighting(strength=0.5),
    {"often": 1.0, "rare": 2.7, "seldom": 4.1},
    ["balanced", {"often": 1.0, "rare": 2.0, "seldom": 1.3}],
]


@pytest.mark.parametrize("weighting", WEIGHTINGS, ids=repr)
@pytest.mark.parametrize("survey", [False, True])
def test_the_inversion_is_exact(three, weighting, survey):
    """With the densities known, what is left are the class frequencies."""
    X, y = three
    weight = None
    if survey:
        weight = np.random.default_rng(3).uniform(0.8, 1.2, y.size)
    clf = subsampled(Shares(), weighting=weighting, calibration="prior")
    clf.fit(X, y, sample_weight=weight)
    _, codes = np.unique(y, return_inverse=True)
    share = np.bincount(codes, weight) / (y.size if weight is None else weight.sum())
    drawn = np.bincount(clf.estimator_.codes_)
    multiplier = drawn / share
    assert_allclose(
        clf.class_multiplier_ / clf.class_multiplier_[0], multiplier / multiplier[0]
    )
    density = np.exp(-0.5 * (X[:, :1] - np.arange(3)) ** 2) * share
    expected = density / density.sum(axis=1, keepdims=True)
    assert_allclose(clf.predict_proba(X), expected, rtol=1e-9)


def test_steps_before_the_learner_see_all_rows(data):
    clf = subsampled(make_pipeline(StandardScaler(), InContext()), calibration=None)
    clf.fit(data.X, data.y)
    scaler, learner = clf.estimator_
    assert scaler.n_samples_seen_ == len(data.y)
    assert len(learner.X_) == 2 * data.y.sum()
    assert clf.report_.deliveries[0].estimator == "incontext: InContext"


def test_it_works_inside_of_a_pipeline_with_weights(data):
    pipe = Pipeline(
        [("scale", StandardScaler()), ("clf", subsampled(calibration="prior"))]
    )
    pipe.fit(data.X, data.y)
    assert len(pipe[-1].estimator_.X_) == 2 * data.y.sum()


@pytest.mark.parametrize("cv", [3, "holdout"])
@pytest.mark.parametrize("ensemble", [False, True])
def test_no_model_has_seen_the_rows_that_calibrate(data, cv, ensemble):
    clf = subsampled(calibration="sigmoid", cv=cv, ensemble=ensemble)
    clf.fit(data.X, data.y)
    n_folds = 1 if cv == "holdout" else cv
    assert clf.report_.n_fits == len(LOG) == n_folds + (not ensemble)
    # Also of rows that no draw has: all of them are held out once by the folds.
    expected = len(data.y) if cv == 3 else len(data.y) // 5
    assert clf.report_.held_out["n_rows"] == expected
    for _, y in LOG[not ensemble :]:
        often, rare = np.bincount(y)
        assert abs(often - rare) <= 1  # weights are those of all rows
        assert rare < data.y.sum()
    again = clone(clf).set_params(n_jobs=2).fit(data.X, data.y)
    assert_array_equal(again.predict_proba(data.X), clf.predict_proba(data.X))


def test_one_fit_is_calibrated_by_all_the_rows_that_it_leaves_out(data):
    clf = subsampled(calibration="sigmoid", cv="oob")
    with mock.patch.object(_draw, "_subsample", wraps=_draw._subsample) as draws:
        clf.fit(data.X, data.y)
    assert draws.call_count == 1  # the rare class is not drawn from
    report = clf.report_
    assert report.n_fits == len(LOG) == 1
    drawn = rows_of(data.X, clf.estimator_.X_)
    n_rare = data.y.sum()
    assert_array_equal(np.bincount(data.y[drawn]), [n_rare - 20, n_rare - 20])
    assert report.held_out["n_rows"] == len(data.y) - drawn.size
    # A fifth of the rare rows, and nearly all others, weigh what they do in all.
    assert_allclose(report.held_out["prevalence"], report.population_share, rtol=1e-9)
    assert_allclose(report.held_out["mean_after"][1], n_rare / len(data.y), rtol=0.02)
    assert f"one fit on {drawn.size:,} rows" in report.calibration
    again = clone(clf).fit(data.X, data.y)
    assert_array_equal(again.predict_proba(data.X), clf.predict_proba(data.X))


def test_left_out_rows_stand_for_the_population_whatever_the_weights(data):
    """Survey weights, weights of rows, and rows that do not count."""
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.5, 1.5, len(data.y)) * (rng.random(len(data.y)) < 0.9)
    X = np.column_stack([data.X, rng.uniform(0.5, 1, len(data.y))])
    clf = subsampled(
        InContext(2100),
        weighting=["balanced", ColumnWeighting(3, role="emphasis")],
        calibration="sigmoid",
        cv="oob",
    ).fit(X, data.y, sample_weight=weight)
    drawn = rows_of(data.X, clf.estimator_.X_)
    assert weight[drawn].all()
    assert clf.report_.held_out["n_rows"] == np.count_nonzero(weight) - drawn.size
    share = np.average(data.y, weights=weight)
    assert clf.report_.held_out["prevalence"][1] == pytest.approx(share)


@pytest.mark.parametrize(
    ("params", "why"),
    [
        (
            {"estimator": make_pipeline(StandardScaler(), InContext())},
            "one learner and nothing else",
        ),
        ({"weighting": None}, "needs weights to draw rows by"),
        ({"conformal": "cross"}, "is not made for conformal"),
        ({"resampler": "random_under"}, "with a resampler the"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_one_fit_is_refused_where_a_row_may_have_been_seen(data, params, why):
    clf = subsampled(calibration="sigmoid", cv="oob").set_params(**params)
    with pytest.raises(ValueError, match=why):
        clf.fit(data.X, data.y)
    with pytest.raises(ValueError, match="cannot keep groups together"):
        subsampled(cv="oob").fit(data.X, data.y, groups=np.arange(2100) // 3)


@pytest.mark.parametrize("without", ["emphasis", "population"])
def test_left_out_rows_of_a_class_that_no_row_is_drawn_of_count(data, without):
    """None of its rows has a chance to be drawn, so that all of them are left out."""
    y, weight = np.where(np.arange(2100) % 7 == 5, 2, data.y), None
    weighting = {0: 1.0, 1: 3.0, 2: 1.0}
    if without == "emphasis":
        weighting[2] = 0.0
    else:
        weight = (y != 2).astype(float)
    clf = subsampled(InContext(2100), calibration="sigmoid", cv="oob")
    clf.set_params(weighting=weighting)
    says = nullcontext() if weight is None else pytest.warns(CalibrationWarning)
    with says as caught:
        clf.fit(data.X, y, sample_weight=weight)
    assert weight is None or len(caught) == 1
    assert 2 not in clf.estimator_.classes_
    drawn = rows_of(data.X, clf.estimator_.X_)
    n_counted = 2100 if weight is None else np.count_nonzero(weight)
    assert clf.report_.held_out["n_rows"] == n_counted - drawn.size
    share = np.bincount(y, weight) / n_counted
    assert_allclose(clf.report_.held_out["prevalence"], share)


# One row of the class leaves one row of each other class.
@pytest.mark.filterwarnings("ignore:unsupported='subsample' draws")
def test_a_class_of_one_row_is_inverted_instead(data):
    y = np.where(np.arange(2100) == 5, 2, data.y)
    clf = subsampled(calibration="sigmoid", cv="oob")
    with pytest.warns(FewerThanAskedWarning, match="none of its rows can be held out"):
        clf.fit(data.X, y)
    assert "in closed form instead" in clf.report_.calibration


def test_probabilities_are_frequencies_again(data):
    new = make_imbalanced(4000, prevalence=0.05, n_features=3, random_state=9)
    # A mean over near rows is too flat before and after an exact inversion.
    for calibration, error in [("prior", 0.4), ("sigmoid", 0.25), ("auto", 0.25)]:
        clf = subsampled(calibration=calibration).fit(data.X, data.y)
        mean = clf.predict_proba(new.X)[:, 1].mean()
        assert mean == pytest.approx(new.y.mean(), rel=error)
    raw = subsampled(calibration=None).fit(data.X, data.y)
    assert raw.predict_proba(new.X)[:, 1].mean() > 4 * new.y.mean()


def test_a_search_can_tune_it(data):
    search = GridSearchCV(
        subsampled(calibration="prior"),
        {"estimator__n_rows_at_most": [400, 500]},
        scoring="neg_log_loss",
        cv=2,
    )
    assert search.fit(data.X, data.y).best_score_ > -0.25
    inside = subsampled(GridSearchCV(InContext(), {"n_rows_at_most": [500]}, cv=2))
    inside.set_params(calibration="prior").fit(data.X, data.y)
    assert len(inside.estimator_.best_estimator_.X_) == 2 * data.y.sum()
    n_rare = data.y.sum()
    assert_allclose(
        inside.class_multiplier_, len(data.y) / 2 / np.array([2100 - n_rare, n_rare])
    )


def test_costs_decide_by_its_probabilities(data):
    clf = CostSensitiveClassifier(
        InContext(),
        cost={"fp": 1, "fn": 8},
        weighting="balanced",
        unsupported="subsample",
        random_state=0,
    ).fit(data.X, data.y)
    assert clf.threshold_ == pytest.approx(1 / 9)
    assert len(clf.estimator_.X_) == 2 * data.y.sum()


@pytest.mark.parametrize("weighting", ["balanced", None])
def test_a_learner_that_takes_weights_gets_them(data, weighting):
    weight = np.random.default_rng(0).uniform(0.5, 1.5, len(data.y))
    fitted = [
        WeightedClassifier(
            LogisticRegression(),
            weighting=weighting,
            unsupported=policy,
            calibration="prior",
        ).fit(data.X, data.y, sample_weight=weight)
        for policy in ("raise", "subsample")
    ]
    assert fitted[0].report_ == fitted[1].report_
    assert_array_equal(*(clf.predict_proba(data.X) for clf in fitted))


class ByClass(InContext):
    """Takes weights of classes, and none of rows."""

    def __init__(self, n_rows_at_most=2100, class_weight=None):
        super().__init__(n_rows_at_most)
        self.class_weight = class_weight


def test_a_learner_that_takes_weights_of_classes_sees_all_rows(data):
    clf = subsampled(ByClass(), weighting="balanced", calibration=None)
    fitted = clf.fit(data.X, data.y).estimator_
    assert len(fitted.X_) == 2100
    assert_allclose([*fitted.class_weight.values()], 1050 / np.bincount(data.y))
    weight = np.random.default_rng(0).uniform(0.5, 1.5, len(data.y))
    fitted = clf.fit(data.X, data.y, sample_weight=weight).estimator_
    assert len(fitted.X_) < 2100
    assert fitted.class_weight is None


def test_without_weights_all_rows_are_there(data):
    clf = subsampled(InContext(2100), weighting=None, calibration=None)
    assert len(clf.fit(data.X, data.y).estimator_.X_) == 2100


# -- weights that differ within a class ------------------------------------------------


def test_rows_are_drawn_by_weights_that_differ_within_a_class(data):
    """All recent rows, which count 1, and a quarter of the old ones."""
    age = np.tile([0.25, 1.0], len(data.y) // 2)
    X = np.column_stack([data.X, age])
    clf = subsampled(
        InContext(2100), weighting=ColumnWeighting(3), calibration=None
    ).fit(X, data.y)
    rows = rows_of(data.X, clf.estimator_.X_)
    old, recent = np.bincount(age[rows] == 1.0)
    assert recent == (age == 1.0).sum()
    assert old == pytest.approx(recent / 4, rel=0.02)


def test_one_large_weight_that_leaves_few_rows_is_warned_of(data):
    weight = np.ones(len(data.y))
    weight[np.flatnonzero(data.y)[0]] = 20.0
    clf = subsampled(InContext(2100), calibration=None)
    with pytest.warns(DegenerateWeightsWarning, match="row of class 1 has 16.8 times"):
        clf.fit(data.X, data.y, sample_weight=weight)
    assert clf.report_.training_rows[1] < 10
    clf.set_params(stabilizer=2.0).fit(data.X, data.y, sample_weight=weight)
    assert clf.report_.training_rows[1] > 40


@pytest.mark.filterwarnings("ignore:A few rows have most")
@pytest.mark.parametrize(
    ("largest", "label", "rows"), [(1e6, 0, "1 of 2,0"), (60.0, 1, "2 of 98")]
)
def test_few_rows_of_a_class_are_warned_of(data, largest, label, rows):
    """One weight is worth one row, so that effective rows alone say nothing."""
    weight = np.ones(len(data.y))
    weight[np.flatnonzero(data.y == label)[0]] = largest
    clf = subsampled(KNeighborsClassifier(1), weighting=None, calibration=None)
    with pytest.warns(
        DegenerateWeightsWarning, match=rf"of class {label}. So only {rows}"
    ):
        clf.fit(data.X, data.y, sample_weight=weight)


def test_a_class_made_light_is_warned_of(data):
    clf = subsampled(
        KNeighborsClassifier(1), weighting={0: 0.001, 1: 1}, calibration=None
    )
    with pytest.warns(
        DegenerateWeightsWarning, match=r"weight of class 0. So only 2 of 2,0"
    ):
        clf.fit(data.X, data.y)
    clf.set_params(weighting="balanced").fit(data.X, data.y)  # enough are left


def test_a_regressor_draws_rows_by_their_weight(data):
    y = data.X[:, 0] + data.X[:, 1]
    weight = np.where(np.arange(y.size) < 700, 1.0, 0.5)
    clf = WeightedRegressor(
        KNeighborsRegressor(1), unsupported="subsample", random_state=0
    ).fit(data.X, y, sample_weight=weight)
    assert clf.estimator_.n_samples_fit_ == 1400
    kept = clf.predict(data.X) == y
    assert kept[:700].all()
    assert kept.sum() == 1400
    weight[0] = 50.0
    with pytest.warns(DegenerateWeightsWarning, match="One row has 7"):
        clf.fit(data.X, y, sample_weight=weight)


# -- what counts twice, and what is refused --------------------------------------------


def test_a_learner_that_balances_its_probabilities_counts_twice(data):
    clf = subsampled(InContext(balance_probabilities=True), calibration=None)
    with pytest.warns(DoubleCountingWarning, match="balance_probabilities=True"):
        clf.fit(data.X, data.y)


def test_a_stream_has_no_largest_weight(data):
    class Streaming(InContext):
        def partial_fit(self, X, y, classes=None):
            return self.fit(X, y)

    clf = subsampled(Streaming(), calibration=None)
    with pytest.raises(TypeError, match="set unsupported='resample' or streaming"):
        clf.partial_fit(data.X, data.y, classes=[0, 1])


def test_the_message_of_a_refusal_names_it(data):
    with pytest.raises(TypeError, match="or unsupported='subsample' to draw no row"):
        subsampled(unsupported="raise", calibration=None).fit(data.X, data.y)
