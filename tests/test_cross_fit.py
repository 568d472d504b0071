"""Held-out scores: which rows are left out, and what a calibrator sees of them."""

from unittest import mock

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skweight import WeightedClassifier
from skweight._held_out import splits as _splits
from skweight._utils import columns as _columns
from skweight._utils import progress as _progress
from skweight.calibration import (
    IsotonicCalibrator,
    PriorCalibrator,
    SigmoidCalibrator,
    TemperatureCalibrator,
)
from skweight.datasets import make_imbalanced
from skweight.exceptions import CalibrationWarning, FewerThanAskedWarning

NAMES = ["sigmoid", "isotonic", "temperature", "prior"]


@pytest.fixture(scope="module")
def binary():
    data = make_imbalanced(400, prevalence=0.2, random_state=0)
    return data.X, data.y


@pytest.fixture(scope="module")
def three():
    data = make_imbalanced(600, prevalence=[0.6, 0.3, 0.1], n_classes=3, random_state=0)
    return data.X, data.y


class Counting(LogisticRegression):
    """Counts its fits, and remembers which rows (by column 0) it saw last."""

    n_fits = 0

    def fit(self, X, y, sample_weight=None):
        type(self).n_fits += 1
        self.rows_ = np.asarray(X)[:, 0]
        return super().fit(X, y, sample_weight)


class Seeing(BaseEstimator):
    """A calibrator of a third party that remembers what it was given."""

    def __init__(self, slope=1.0):
        self.slope = slope

    def fit(self, scores, y, sample_weight=None):
        self.seen_ = scores, y, sample_weight
        return self

    def predict_proba(self, scores):
        proba = 1 / (1 + np.exp(-self.slope * scores))
        return np.column_stack([1 - proba, proba])


# -- honest probabilities --------------------------------------------------------------

MODELS = {
    "LogisticRegression": LogisticRegression(),
    "GaussianNB": GaussianNB(),
    "LinearSVC": LinearSVC(),
    "RidgeClassifier": RidgeClassifier(),
    "DecisionTree": DecisionTreeClassifier(min_samples_leaf=30, random_state=0),
    "RandomForest": RandomForestClassifier(20, min_samples_leaf=5, random_state=0),
    "Pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
}


@pytest.fixture(scope="module")
def known():
    """Two halves of a problem whose probabilities are known, by number of classes."""
    problems = {}
    for n_classes, prevalence in ((2, 0.04), (3, [0.8, 0.15, 0.05])):
        data = make_imbalanced(
            12_000, prevalence=prevalence, n_classes=n_classes, random_state=1
        )
        problems[n_classes] = [
            (data.X[rows], data.y[rows], data.proba[rows])
            for rows in (slice(None, None, 2), slice(1, None, 2))
        ]
    return problems


# Every pair of two of the three values meets.
@pytest.mark.parametrize(
    ("model", "n_classes", "calibration"),
    [
        (model, 2 + (row + column) % 2, calibration)
        for row, model in enumerate(MODELS)
        for column, calibration in enumerate(["sigmoid", "isotonic", "temperature"])
    ],
)
def test_balanced_then_calibrated_is_right_on_average(
    known, model, n_classes, calibration
):
    (X, y, _), (X_new, _, truth) = known[n_classes]
    classifier = WeightedClassifier(
        MODELS[model], calibration=calibration, cv=3, random_state=0
    ).fit(X, y)
    proba = classifier.predict_proba(X_new)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert proba.min() > 0
    # Against the labels it was fitted on, whose frequency is off by chance itself.
    drawn = np.bincount(y) / y.size
    np.testing.assert_allclose(proba.mean(axis=0), drawn, rtol=0.12, atol=0.004)
    if model in ("LogisticRegression", "Pipeline"):
        # And row by row, where the model is of the right form.
        assert np.abs(proba - truth).mean() < 0.02


def test_without_calibration_it_is_not(known):
    (X, y, _), (X_new, _, truth) = known[2]
    proba = WeightedClassifier(calibration=None).fit(X, y).predict_proba(X_new)
    assert proba[:, 1].mean() > 5 * truth[:, 1].mean()


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_the_closed_form_undoes_the_weights_of_a_logistic_regression(
    known, n_classes, strength
):
    (X, y, _), (X_new, _, truth) = known[n_classes]
    classifier = WeightedClassifier(calibration="prior")
    classifier.set_params(weighting__strength=strength).fit(X, y)
    assert np.abs(classifier.predict_proba(X_new) - truth).mean() < 0.02
    assert classifier.report_.n_fits == 1
    # In figures: proportional to what the model says over the multiplier.
    weighted = classifier.estimator_.predict_proba(X_new)
    expected = weighted / classifier.class_multiplier_
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(classifier.predict_proba(X_new), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "calibrator",
    [
        SigmoidCalibrator(smoothing=0.5),
        IsotonicCalibrator(),
        TemperatureCalibrator(bias=True),
        PriorCalibrator(),
    ],
)
def test_a_calibrator_object_is_cloned_and_used(binary, calibrator):
    X, y = binary
    classifier = WeightedClassifier(calibration=calibrator, random_state=0).fit(X, y)
    assert isinstance(classifier.calibrator_, type(calibrator))
    assert classifier.calibrator_ is not calibrator
    assert not hasattr(calibrator, "classes_")
    by_name = WeightedClassifier(
        calibration=type(calibrator).__name__.removesuffix("Calibrator").lower(),
        random_state=0,
    )
    assert type(by_name.fit(X, y).calibrator_) is type(calibrator)


# -- what the calibrator sees ----------------------------------------------------------


@pytest.mark.filterwarnings("ignore::skweight.exceptions.CalibrationWarning")
def test_a_calibrator_of_a_third_party_sees_every_row_once_held_out(binary):
    X, y = binary
    weight = np.random.RandomState(0).uniform(0.5, 2, 400)
    seeing = Seeing()
    classifier = WeightedClassifier(calibration=seeing, cv=KFold(4)).fit(
        X, y, sample_weight=weight
    )
    scores, labels, population = classifier.calibrator_.seen_
    np.testing.assert_array_equal(labels, y)
    np.testing.assert_allclose(population, weight / weight.mean())  # never emphasis
    assert not hasattr(seeing, "seen_")
    # The scores are those of models that were fitted without the row.
    for train, test in KFold(4).split(X):
        mass = np.bincount(y, weights=weight)
        balanced = weight * (mass.sum() / (2 * mass))[y]
        balanced = balanced[train] / balanced[train].mean()
        direct = LogisticRegression().fit(X[train], y[train], sample_weight=balanced)
        np.testing.assert_allclose(scores[test], direct.decision_function(X[test]))
    expected = Seeing().predict_proba(classifier.estimator_.decision_function(X))
    np.testing.assert_allclose(classifier.predict_proba(X), expected)


@pytest.mark.parametrize(("cv", "folds"), [(None, 5), (2, 2), (7, 7), (KFold(3), 3)])
def test_k_folds_cost_k_fits_and_one(binary, cv, folds):
    X, y = binary
    Counting.n_fits = 0
    classifier = WeightedClassifier(Counting(), calibration="sigmoid", cv=cv).fit(X, y)
    assert Counting.n_fits == folds + 1
    assert classifier.report_.n_fits == folds + 1
    # The model that is kept saw every row.
    np.testing.assert_array_equal(classifier.estimator_.rows_, X[:, 0])
    assert f"{folds} fits on {folds} training folds" in classifier.report_.calibration


@pytest.mark.parametrize("calibration", [None, "prior"])
def test_one_fit_where_no_row_need_be_held_out(binary, calibration):
    X, y = binary
    Counting.n_fits = 0
    WeightedClassifier(Counting(), calibration=calibration).fit(X, y)
    assert Counting.n_fits == 1


# -- cv --------------------------------------------------------------------------------


def test_ways_to_say_the_same_splits(binary):
    X, y = binary
    splitter = StratifiedKFold(3)
    splits = list(splitter.split(X, y))
    masks = [tuple(np.isin(np.arange(400), rows) for rows in pair) for pair in splits]
    collected = [
        WeightedClassifier(calibration="sigmoid", cv=cv).fit(X, y).predict_proba(X)
        for cv in (splitter, splits, masks, iter(splits))
    ]
    for record in collected[1:]:
        np.testing.assert_array_equal(record, collected[0])


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_random_state_decides_the_folds(binary, n_jobs):
    X, y = binary

    def proba(random_state):
        return (
            WeightedClassifier(
                calibration="sigmoid", random_state=random_state, n_jobs=n_jobs
            )
            .fit(X, y)
            .predict_proba(X)
        )

    np.testing.assert_array_equal(proba(0), proba(0))
    np.testing.assert_array_equal(proba(np.random.RandomState(0)), proba(0))
    assert not np.array_equal(proba(0), proba(1))


@pytest.mark.parametrize("routing", [False, True])
def test_groups_reach_the_splitter(binary, routing):
    X, y = binary
    groups = np.arange(400) % 8
    expected = WeightedClassifier(
        calibration="sigmoid", cv=list(GroupKFold(4).split(X, y, groups))
    ).fit(X, y)
    with config_context(enable_metadata_routing=routing):
        classifier = WeightedClassifier(calibration="sigmoid", cv=GroupKFold(4))
        classifier.fit(X, y, groups=groups)
        proba = classifier.predict_proba(X)
        with pytest.raises(ValueError, match="groups"):
            WeightedClassifier(calibration="sigmoid", cv=LeaveOneGroupOut()).fit(X, y)
    np.testing.assert_array_equal(proba, expected.predict_proba(X))


def test_splits_that_hold_out_some_rows_only_or_some_twice(binary):
    X, y = binary
    cv = ShuffleSplit(3, test_size=0.25, random_state=0)
    classifier = WeightedClassifier(calibration="sigmoid", cv=cv).fit(X, y)
    tested = np.unique(np.concatenate([test for _, test in cv.split(X, y)]))
    assert tested.size < 300
    assert classifier.report_.held_out["n_rows"] == tested.size


@pytest.mark.parametrize("ensemble", [False, True])
def test_repeated_folds_are_no_further_evidence(binary, ensemble, monkeypatch):
    """Rows are held out by the first repeat; the others are fitted to be averaged."""
    X, y = binary
    fits = []
    fit = LogisticRegression.fit

    def counted(*args, **params):
        fits.append(1)
        return fit(*args, **params)

    monkeypatch.setattr(LogisticRegression, "fit", counted)
    cv = RepeatedStratifiedKFold(n_splits=5, n_repeats=3, random_state=0)
    classifier = WeightedClassifier(calibration="sigmoid", cv=cv, ensemble=ensemble)
    classifier.fit(X, y)
    assert len(fits) == (15 if ensemble else 6)
    assert classifier.report_.n_fits == len(fits)
    assert classifier.report_.held_out["n_rows"] == len(y)
    assert classifier.calibrator_.class_count_.sum() == pytest.approx(len(y))


def test_a_row_that_one_split_tests_twice(binary):
    X, y = binary
    pairs = [(np.arange(200), np.repeat(np.arange(200, 400), 3)), ([*range(400)], [])]
    classifier = WeightedClassifier(calibration="sigmoid", cv=pairs).fit(X, y)
    assert classifier.report_.held_out["n_rows"] == 200


def test_training_rows_that_do_not_count_are_no_second_class():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300)
    X = rng.normal(size=(300, 3)) + y[:, np.newaxis]
    weight = np.ones(300)
    weight[:60] = y[:60] == 0  # all that the first model could learn the class from
    classifier = WeightedClassifier(
        SVC(), weighting=None, calibration="sigmoid", cv=TimeSeriesSplit(4)
    )
    with pytest.warns(FewerThanAskedWarning, match="1 of 4 pairs"):
        classifier.fit(X, y, sample_weight=weight)
    # Nor is a test row that does not count evidence of its class.
    pairs = [(np.arange(150), np.arange(150, 300)), (np.arange(20), np.arange(20, 60))]
    weight = np.where((np.arange(300) >= 150) & (y == 1), 0.0, 1.0)
    weight[:20] = y[:20] == 0
    classifier.set_params(estimator=LogisticRegression(), cv=pairs)
    with pytest.warns(FewerThanAskedWarning, match=r"test rows of the classes \[1\]"):
        classifier.fit(X, y, sample_weight=weight)
    assert isinstance(classifier.calibrator_, PriorCalibrator)


@pytest.mark.parametrize(
    ("groups", "sentence"),
    [
        (np.arange(399), r"one entry for each of the 400 rows; got shape \(399,\)"),
        ("customer", "rows; got 'customer'. Pass the column itself"),
        (np.full(400, np.nan), "400 of 400 entries are missing"),
    ],
)
def test_groups_that_are_none(binary, groups, sentence):
    with pytest.raises(ValueError, match=sentence):
        WeightedClassifier(calibration="sigmoid").fit(*binary, groups=groups)


def test_groups_keep_a_hold_out_as_small_as_without(binary, monkeypatch):
    X, y = binary
    monkeypatch.setattr(_splits, "MANY_ROWS", 40)
    classifier = WeightedClassifier(calibration="sigmoid", cv="holdout", random_state=0)
    for groups in ({}, {"groups": np.arange(len(y)) // 4}):
        classifier.fit(X, y, **groups)
        assert classifier.report_.held_out["n_rows"] == pytest.approx(40, abs=4)


def test_a_hold_out_holds_at_most_a_hundred_thousand_rows():
    y = np.zeros(1_000_000, dtype=int)
    y[::50] = 1
    [(train, test)] = _splits.make_splits("auto", None, y, None, 0, {}).pairs
    assert test.size == 100_000
    assert train.size == 900_000


@pytest.mark.parametrize(
    ("cv", "error", "sentence"),
    [
        (1, ValueError, "no row is left for training.*Set cv=2 or more"),
        (-3, ValueError, r"cv must be a number in \[2, inf\]; got -3\."),
        (True, TypeError, r"cv must be a number in \[2, inf\]; got True of type bool"),
        (
            "5",
            ValueError,
            r"cv must be one of \['auto', 'holdout', 'oob'\], .* got '5'",
        ),
        (2.5, ValueError, r"Expected `?cv`? as an integer"),
        (
            [],
            ValueError,
            r"cv must give at least one pair of training and test rows; \[",
        ),
    ],
)
def test_cv_that_gives_no_splits(binary, cv, error, sentence):
    with pytest.raises(error, match=sentence):
        WeightedClassifier(calibration="sigmoid", cv=cv).fit(*binary)


# -- rare classes ----------------------------------------------------------------------


def few(X, y, label, count):
    """Return the rows with only so many of one label."""
    rows = np.r_[np.flatnonzero(y != label), np.flatnonzero(y == label)[:count]]
    return X[rows], y[rows]


@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic", "temperature"])
@pytest.mark.parametrize("label", [0, 1, 2])
def test_fewer_rows_than_folds_are_fewer_folds(three, label, calibration):
    X, y = few(*three, label, 3)
    sentence = (
        rf"The rarest class, \[{label}\], has 3 rows, fewer than the 5 that cv needs: "
        r"3 folds are used\. Collect more rows of this class, or set cv to fewer"
    )
    with pytest.warns(FewerThanAskedWarning, match=sentence):
        classifier = WeightedClassifier(calibration=calibration, random_state=0).fit(
            X, y
        )
    assert classifier.report_.n_fits == 4
    assert classifier.report_.held_out["prevalence"][label] == 3 / y.size
    # As many folds as rows of the rarest class is no reason to warn.
    WeightedClassifier(calibration=calibration, cv=3, random_state=0).fit(X, y)


@pytest.mark.filterwarnings("ignore:The closed-form inversion may not hold")
@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic", "temperature"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_single_row_is_calibrated_in_closed_form(
    binary, three, n_classes, calibration
):
    X, y = few(*(binary if n_classes == 2 else three), 1, 1)
    sentence = (
        r"The rarest class, \[1\], has 1 row, fewer than the 5 that cv needs: none of "
        r"its rows can be held out, .* closed-form inversion \(calibration='prior'\)"
    )
    with pytest.warns(FewerThanAskedWarning, match=sentence):
        classifier = WeightedClassifier(calibration=calibration).fit(X, y)
    prior = WeightedClassifier(calibration="prior").fit(X, y)
    assert isinstance(classifier.calibrator_, PriorCalibrator)
    assert classifier.report_.n_fits == 1
    np.testing.assert_array_equal(classifier.predict_proba(X), prior.predict_proba(X))


def test_the_warning_points_at_the_line_that_called_fit(three):
    X, y = few(*three, 2, 2)
    with pytest.warns(FewerThanAskedWarning) as caught:
        WeightedClassifier(calibration="sigmoid", random_state=0).fit(X, y)
    assert caught[0].filename == __file__


# Scores of a fold that lacks a class do rank its rows the wrong way round.
@pytest.mark.filterwarnings("ignore::skweight.exceptions.CalibrationWarning")
@pytest.mark.parametrize(
    "model", ["LogisticRegression", "RidgeClassifier", "GaussianNB", "DecisionTree"]
)
def test_a_training_fold_that_lacks_a_class(three, model):
    X, y = few(*three, 2, 20)
    rare = np.flatnonzero(y == 2)
    rest = np.flatnonzero(y != 2)
    # In the first split every row of the class is held out.
    splits = [
        (rest[::2], np.r_[rest[1::2], rare]),
        (np.r_[rest[1::2], rare], rest[::2]),
    ]
    classifier = WeightedClassifier(MODELS[model], calibration="sigmoid", cv=splits)
    proba = classifier.fit(X, y).predict_proba(X)
    assert proba.shape == (y.size, 3)
    assert np.isfinite(proba).all()
    held_out = classifier.report_.held_out
    assert held_out["n_rows"] == y.size
    # A model that never saw the class cannot be right on it, only defined.
    assert held_out["mean_after"][2] < 0.2


def test_a_training_fold_of_one_class(binary):
    X, y = binary
    zeros, ones = np.flatnonzero(y == 0), np.flatnonzero(y == 1)
    splits = [
        (zeros[:200], np.r_[zeros[200:], ones[:40]]),
        (np.r_[zeros, ones[40:]], np.r_[zeros[:50], ones[:40]]),
    ]
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    for model in (LogisticRegression(), GaussianNB(), tree):
        classifier = WeightedClassifier(model, calibration="isotonic", cv=splits)
        with pytest.warns(FewerThanAskedWarning, match="1 of 2 pairs .* are left"):
            classifier.fit(X, y)
        assert np.isfinite(classifier.predict_proba(X)).all()
        # The other pair has tested each of its rows.
        assert classifier.report_.held_out["n_rows"] == 90


def test_a_class_that_only_a_fold_without_it_could_test():
    """All rows of the rare class are in one group, and so in one fold."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(6), 20)
    y = ((groups == 3) & (np.arange(120) % 4 == 0)).astype(int)
    X = rng.normal(size=(120, 3)) + y[:, np.newaxis]
    classifier = WeightedClassifier(calibration="auto", random_state=0)
    with pytest.warns(
        FewerThanAskedWarning, match=r"test rows of the classes \[1\], so"
    ):
        classifier.fit(X, y, groups=groups)
    assert isinstance(classifier.calibrator_, PriorCalibrator)


def test_an_early_time_without_a_positive():
    rng = np.random.default_rng(0)
    y = np.r_[np.zeros(60, int), rng.integers(0, 2, 60)]
    X = rng.normal(size=(120, 3)) + y[:, np.newaxis]
    classifier = WeightedClassifier(calibration="sigmoid", cv=TimeSeriesSplit(4))
    with pytest.warns(FewerThanAskedWarning, match="2 of 4 pairs"):
        classifier.fit(X, y)
    assert classifier.report_.held_out["n_rows"] == 48


# -- rows of weight zero ---------------------------------------------------------------


@pytest.mark.parametrize("calibration", [*NAMES, None])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_rows_of_weight_zero_are_as_if_removed(binary, three, n_classes, calibration):
    X, y = binary if n_classes == 2 else three
    weight = np.random.RandomState(0).uniform(0.5, 2, y.size)
    weight[::3] = 0
    counted = weight > 0

    def proba(*rows, **params):
        classifier = WeightedClassifier(calibration=calibration, random_state=0)
        return classifier.fit(*rows, **params).predict_proba(X)

    with_zeros = proba(X, y, sample_weight=weight)
    removed = proba(X[counted], y[counted], sample_weight=weight[counted])
    np.testing.assert_allclose(with_zeros, removed, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("calibration", ["sigmoid", "beta", "isotonic"])
def test_rows_of_weight_zero_do_not_say_what_a_small_vote_is(calibration):
    """Nor a row of weight two less than the same row twice."""
    data = make_imbalanced(3000, prevalence=0.1, random_state=0)
    forest = RandomForestClassifier(50, min_samples_leaf=20, random_state=0)
    frozen = FrozenEstimator(forest.fit(data.X[:1500], data.y[:1500]))
    X, y = data.X[1500:], data.y[1500:]
    likely = forest.predict_proba(X)[:, 1]

    def proba(*rows, **params):
        classifier = WeightedClassifier(frozen, weighting=None, calibration=calibration)
        classifier.fit(*rows, **params)
        return classifier.predict_proba(X), classifier.report_.held_out["n_rows"]

    weight = (likely >= np.quantile(likely, 0.3)).astype(float)
    counted = weight > 0
    with_zeros, n_rows = proba(X, y, sample_weight=weight)
    removed, n_removed = proba(X[counted], y[counted])
    np.testing.assert_allclose(with_zeros, removed, rtol=1e-9)
    assert n_rows == n_removed == counted.sum()
    times = np.where(np.arange(y.size) % 3 == 0, 2, 1)
    heavy = WeightedClassifier(frozen, weighting=None, calibration=calibration)
    twice = WeightedClassifier(frozen, weighting=None, calibration=calibration)
    heavy.fit(X, y, sample_weight=times)
    twice.fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    assert heavy._map.clip == twice._map.clip


def test_rows_of_weight_zero_are_not_held_out_by_a_splitter(binary):
    X, y = binary
    weight = np.where(np.arange(400) < 100, 0.0, 1.0)
    cv = PredefinedSplit(np.arange(400) % 4)
    classifier = WeightedClassifier(calibration="sigmoid", cv=cv)
    classifier.fit(X, y, sample_weight=weight)
    assert classifier.report_.held_out["n_rows"] == 300


def test_rows_of_weight_zero_do_not_make_a_class_look_frequent(binary):
    X, y = binary
    weight = np.ones(400)
    weight[np.flatnonzero(y == 1)[3:]] = 0
    with pytest.warns(FewerThanAskedWarning, match=r"\[1\], has 3 rows, .*: 3 folds"):
        WeightedClassifier(calibration="sigmoid", random_state=0).fit(
            X, y, sample_weight=weight
        )


@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic", "temperature"])
def test_a_class_of_weight_zero_is_kept_and_warned_about(three, calibration):
    X, y = three
    with pytest.warns(CalibrationWarning, match=r"no calibration row .* label \[2\]"):
        classifier = WeightedClassifier(calibration=calibration, random_state=0).fit(
            X, y, sample_weight=(y != 2).astype(float)
        )
    proba = classifier.predict_proba(X)
    assert classifier.classes_.tolist() == [0, 1, 2]
    assert proba.shape == (600, 3)
    assert proba[:, 2].mean() < 0.01
    np.testing.assert_allclose(proba.sum(axis=1), 1)


def test_fold_models_know_the_classes_that_the_final_model_knows(binary):
    # Labels of weight zero are all that keeps a logistic regression from refusing to
    # see one class only, in the folds as in the final fit.
    X, y = binary
    classifier = WeightedClassifier(calibration="sigmoid", random_state=0)
    with pytest.warns(CalibrationWarning, match=r"no calibration row .* label \[1\]"):
        classifier.fit(X, y, sample_weight=(y == 0).astype(float))
    assert classifier.predict_proba(X)[:, 1].mean() < 0.02


# -- the scale of the weights ----------------------------------------------------------


def weighted_proba(model, calibration, X, y, weight):
    classifier = WeightedClassifier(
        model, calibration=calibration, cv=2, random_state=0
    )
    return classifier.fit(X, y, sample_weight=weight).predict_proba(X)


@pytest.mark.parametrize("calibration", [None, *NAMES])
@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_the_scale_of_sample_weight_changes_nothing(binary, factor, calibration):
    X, y = binary
    weight = np.random.RandomState(0).uniform(0.5, 2, 400)
    actual, expected = (
        weighted_proba(LogisticRegression(), calibration, X, y, item)
        for item in (weight * factor, weight)
    )
    np.testing.assert_allclose(actual, expected, rtol=1e-7)


@pytest.mark.filterwarnings("ignore::skweight.exceptions.CalibrationWarning")
@pytest.mark.parametrize("calibration", [None, *NAMES])
@pytest.mark.parametrize("factor", [2.0**-10, 2.0**10])
def test_nor_does_it_in_a_forest_that_draws_rows_by_weight(binary, factor, calibration):
    # Powers of two, since trees break ties by the last bit of a weight.
    X, y = binary
    forest = RandomForestClassifier(10, max_samples=0.5, random_state=0)
    weight = np.random.RandomState(0).uniform(0.5, 2, 400)
    np.testing.assert_array_equal(
        weighted_proba(forest, calibration, X, y, weight * factor),
        weighted_proba(forest, calibration, X, y, weight),
    )


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_a_forest_differs_by_ties_alone_under_any_other_factor(binary, factor):
    X, y = binary
    forest = RandomForestClassifier(50, max_samples=0.5, random_state=0)
    weight = np.random.RandomState(0).uniform(0.5, 2, 400)
    actual, expected = (
        weighted_proba(forest, None, X, y, item)[:, 1]
        for item in (weight * factor, weight)
    )
    assert abs(actual.mean() - expected.mean()) < 0.02
    assert actual.std() == pytest.approx(expected.std(), abs=0.03)


# -- frozen estimators -----------------------------------------------------------------


@pytest.mark.parametrize("calibration", NAMES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_frozen_estimator_is_calibrated_on_the_rows_given(
    known, n_classes, calibration
):
    (X, y, _), (X_new, y_new, truth) = known[n_classes]
    balanced = LogisticRegression(class_weight="balanced").fit(X, y)
    frozen = FrozenEstimator(balanced)
    coef = balanced.coef_.copy()
    # No warning: not of double counting, and not of folds.
    classifier = WeightedClassifier(frozen, calibration=calibration).fit(X_new, y_new)
    np.testing.assert_array_equal(classifier.estimator_.coef_, coef)
    proba = classifier.predict_proba(X_new)
    np.testing.assert_allclose(
        proba.mean(axis=0), truth.mean(axis=0), rtol=0.15, atol=0.005
    )
    uncalibrated = balanced.predict_proba(X_new).mean(axis=0)
    assert uncalibrated[-1] > 2 * truth.mean(axis=0)[-1]


def test_a_frozen_estimator_and_labels_it_does_not_know(binary):
    X, y = binary
    frozen = FrozenEstimator(LogisticRegression().fit(X, y))
    sentence = (
        r"The frozen estimator was fitted on the classes \[0, 1\] and does not know "
        r"\[7\]\. Fit it on rows that contain every label\."
    )
    with pytest.raises(ValueError, match=sentence):
        WeightedClassifier(frozen, calibration="sigmoid").fit(X, np.where(y, 7, 0))
    # Fewer labels than it knows are no error, only a warning.
    classifier = WeightedClassifier(frozen, calibration="sigmoid", weighting=None)
    with pytest.warns(CalibrationWarning, match=r"no calibration row .* label \[1\]"):
        classifier.fit(X[y == 0], y[y == 0])
    assert classifier.predict_proba(X).shape == (400, 2)


# -- tables and outputs of every kind --------------------------------------------------

CONTAINERS = {
    "list": lambda X: X.tolist(),
    "pandas": lambda X: pd.DataFrame(X, index=np.arange(400)[::-1]).rename(columns=str),
    "csr": sparse.csr_matrix,
    "csc": sparse.csc_array,
    "coo": sparse.coo_array,
    "bsr": sparse.bsr_matrix,
    "lil": sparse.lil_matrix,
    "fortran": np.asfortranarray,
    "float32": lambda X: X.astype(np.float32),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_rows_are_held_out_of_every_container(binary, kind):
    X, y = binary
    X = np.round(X, 1)  # exact in every container
    X = X.astype(np.float32).astype(np.float64) if kind == "float32" else X
    classifier = WeightedClassifier(calibration="sigmoid", random_state=0)
    proba = classifier.fit(CONTAINERS[kind](X), y).predict_proba(CONTAINERS[kind](X))
    expected = classifier.fit(X, y).predict_proba(X)
    tolerance = 1e-3 if kind == "float32" else 1e-6
    np.testing.assert_allclose(proba, expected, rtol=tolerance)


def test_rows_are_held_out_of_polars(binary):
    polars = pytest.importorskip("polars")
    X, y = binary
    table = polars.DataFrame(X, schema=list("abcde"))
    classifier = WeightedClassifier(calibration="sigmoid", random_state=0)
    proba = classifier.fit(table, polars.Series(y)).predict_proba(table)
    np.testing.assert_allclose(proba, classifier.fit(X, y).predict_proba(X), rtol=1e-6)


def test_read_only_and_memory_mapped_rows(binary, tmp_path):
    X, y = binary
    expected = WeightedClassifier(calibration="isotonic", random_state=0).fit(X, y)
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", y)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    labels = np.load(tmp_path / "y.npy", mmap_mode="r")
    weight = np.ones(400)
    weight.flags.writeable = False
    classifier = WeightedClassifier(calibration="isotonic", random_state=0)
    classifier.fit(mapped, labels, sample_weight=weight)
    np.testing.assert_allclose(
        classifier.predict_proba(mapped), expected.predict_proba(X), rtol=1e-9
    )


@pytest.mark.parametrize("n_classes", [3, 4])
@pytest.mark.parametrize("inside", [False, True])
def test_decision_values_of_pairs_are_no_scores_of_classes(n_classes, inside):
    # Three classes have three pairs, so the number of columns gives no sign.
    data = make_imbalanced(200, prevalence=0.2, n_classes=n_classes, random_state=0)
    model = SVC(decision_function_shape="ovo")
    model = make_pipeline(StandardScaler(), model) if inside else model
    sentence = r"cannot be calibrated\. For an SVC, set decision_function_shape='ovr'\."
    with pytest.raises(ValueError, match=sentence):
        WeightedClassifier(model, calibration="sigmoid").fit(data.X, data.y)
    WeightedClassifier(model, calibration=None).fit(data.X, data.y).predict(data.X)
    classifier = WeightedClassifier(SVC(), calibration="temperature", random_state=0)
    proba = classifier.fit(data.X, data.y).predict_proba(data.X)
    assert (proba.argmax(axis=1) == data.y).mean() > 0.6


def test_two_classes_have_one_pair(binary):
    model = SVC(decision_function_shape="ovo")
    WeightedClassifier(model, calibration="sigmoid", random_state=0).fit(*binary)


class Bare(ClassifierMixin, BaseEstimator):
    """A classifier with labels alone."""

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic", "temperature"])
def test_an_estimator_without_any_scores(binary, calibration):
    sentence = r"Bare has no .* to calibrate and no predict_proba either\."
    with pytest.raises(TypeError, match=sentence):
        WeightedClassifier(Bare(), calibration=calibration).fit(*binary)
    assert not hasattr(
        WeightedClassifier(Bare(), calibration=calibration), "predict_proba"
    )


@pytest.mark.parametrize("model", [LinearSVC(), RidgeClassifier(), Bare()])
def test_the_closed_form_needs_probabilities(binary, model):
    name = type(model).__name__
    sentence = (
        rf"{name} has no predict_proba to calibrate: calibration='prior' inverts "
        r"probabilities\. Use calibration='sigmoid'\."
    )
    with pytest.raises(TypeError, match=sentence):
        WeightedClassifier(model, calibration="prior").fit(*binary)


@pytest.mark.filterwarnings("ignore::skweight.exceptions.CalibrationWarning")
def test_votes_of_few_trees_are_no_certainty(binary):
    X, y = binary
    forest = RandomForestClassifier(3, random_state=0)
    classifier = WeightedClassifier(forest, calibration="prior").fit(X, y)
    assert classifier.estimator_.predict_proba(X).min() == 0
    assert classifier.predict_proba(X).min() > 0


# --- What the fits of folds cost ------------------------------------------------------


def test_one_process_needs_no_joblib(binary):
    """Starting none took a fiftieth of a small fit."""
    X, y = binary
    with mock.patch.object(_progress, "Parallel", wraps=_progress.Parallel) as counted:
        alone = WeightedClassifier(random_state=0).fit(X, y)
        assert counted.call_count == 0
        with parallel_config(n_jobs=2):
            WeightedClassifier(random_state=0).fit(X, y)
        assert counted.call_count == 1
        both = WeightedClassifier(random_state=0, n_jobs=2).fit(X, y)
        assert counted.call_count == 2
    np.testing.assert_array_equal(alone.predict_proba(X), both.predict_proba(X))


def test_rows_of_arrays_are_taken_directly(binary):
    """scikit-learn first looks for every kind of table."""
    X, y = binary
    take = _columns._safe_indexing
    with mock.patch.object(_columns, "_safe_indexing", wraps=take) as counted:
        clf = WeightedClassifier(random_state=0).fit(X, y)
        assert counted.call_count == 0
        of_table = WeightedClassifier(random_state=0).fit(pd.DataFrame(X), y)
        assert counted.call_count == 10  # the rows of five pairs
    proba = clf.predict_proba(X)
    np.testing.assert_allclose(of_table.predict_proba(pd.DataFrame(X)), proba)
