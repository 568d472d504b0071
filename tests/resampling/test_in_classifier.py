"""Resampling inside a WeightedClassifier: in the fits, and nowhere else."""

import pickle
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from listed_checks import listed
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from skweight import (
    BalancedWeighting,
    ColumnWeighting,
    CostMatrix,
    PriorWeighting,
    WeightedClassifier,
)
from skweight.calibration import SigmoidCalibrator
from skweight.exceptions import FewerThanAskedWarning
from skweight.resampling import WeightedSampler, resample

MILD = SMOTE(sampling_strategy=0.3, random_state=0)


@pytest.fixture
def rare():
    X, y = make_classification(
        600, n_features=5, weights=[0.9], flip_y=0.05, random_state=0
    )
    return X, y, np.random.default_rng(0).lognormal(size=y.size)


class Spy(ClassifierMixin, BaseEstimator):
    """Keep what fit and predict_proba were called with, over all clones."""

    seen: ClassVar[list] = []

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        self.seen.append(("fit", X, y, sample_weight))
        return self

    def predict_proba(self, X):
        self.seen.append(("predict", X, None, None))
        shares = np.clip(np.asarray(X)[:, 0] / 9 + 0.5, 0.1, 0.9)
        return np.column_stack([1 - shares, shares])

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


@pytest.fixture
def seen():
    Spy.seen.clear()
    return Spy.seen


class SpyCalibrator(SigmoidCalibrator):
    """Keep what it was fitted on."""

    seen: ClassVar[list] = []

    def fit(self, scores, y, sample_weight=None, **known):
        self.seen.append((len(scores), np.asarray(y), sample_weight))
        return super().fit(scores, y, sample_weight, **known)


# --- What the estimator sees ----------------------------------------------------------


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_class_masses_are_those_that_are_documented(rare, seen, strength):
    """SMOTE(sampling_strategy=0.3), then masses n ** (1 - strength) of what it made."""
    X, y, _ = rare
    counts = np.bincount(y).astype(float)
    counts[1] = int(0.3 * counts[0])
    weighting = BalancedWeighting(strength=strength)
    clf = WeightedClassifier(
        Spy(), weighting=weighting, resampler=MILD, calibration=None
    ).fit(X, y)
    _, rows, labels, weights = seen[0]
    assert_array_equal(np.bincount(labels), counts)
    mass = counts ** (1 - strength)
    assert_allclose(np.bincount(labels, weights), mass / mass.sum() * labels.size)
    assert_allclose(clf.report_.training_share, mass / mass.sum())
    multiplier = mass / np.bincount(y)
    ratio = clf.class_multiplier_ / clf.class_multiplier_[0]
    assert_allclose(ratio, multiplier / multiplier[0])
    assert_array_equal(rows, MILD.fit_resample(X, y)[0])


def test_weights_of_rows_ride_along_and_those_of_classes_come_after(rare, seen):
    X, y, weights = rare
    by_row = lambda X, y: 1 + np.abs(X[:, 1])  # noqa: E731
    clf = WeightedClassifier(
        Spy(),
        weighting=[by_row, "balanced", PriorWeighting({0: 0.8, 1: 0.2})],
        resampler=MILD,
        calibration=None,
    ).fit(X, y, sample_weight=weights)
    _, _, labels, delivered = seen[0]
    prior = PriorWeighting({0: 0.8, 1: 0.2}).fit_weigh(X, y, weights)
    vectors = np.column_stack([weights * prior, by_row(X, y)])
    ridden = resample(MILD, X, y, vectors).sample_weight
    classes = BalancedWeighting().fit_weigh(
        np.zeros((labels.size, 1)), labels, ridden[:, 0]
    )
    expected = ridden.prod(axis=1) * classes
    assert_allclose(delivered, expected / expected.mean())
    names = [type(factor).__name__ for factor in clf.weighting_.factors_]
    assert sorted(names) == ["BalancedWeighting", "FunctionWeighting", "PriorWeighting"]
    rows, labels = resample(MILD, X, y)[:2]
    assert np.isfinite(clf.weighting_.weigh(rows, labels)).all()


def test_a_joined_strategy_weighs_rows_as_the_fit_did(rare, seen):
    X, y, _ = rare
    by_row = lambda X, y: 1 + np.abs(X[:, 1])  # noqa: E731
    clf = WeightedClassifier(
        Spy(),
        weighting=[by_row, "balanced"],
        resampler="random_under",
        random_state=0,
        calibration=None,
    ).fit(X, y)
    _, rows, labels, delivered = seen[0]
    assert_allclose(clf.weighting_.weigh(rows, labels), delivered)


def test_rows_of_weight_zero_are_as_if_removed(rare, seen):
    X, y, weights = rare
    weights[::3] = 0
    clf = WeightedClassifier(Spy(), resampler=MILD, calibration=None)
    clf.fit(X, y, weights)
    clf.fit(X[weights > 0], y[weights > 0], weights[weights > 0])
    (_, *first), (_, *other) = (entry for entry in seen if entry[0] == "fit")
    assert_array_equal(first[0], other[0])
    assert_allclose(first[2], other[2])


def test_columns_of_weights_are_dropped_before_rows_are_mixed(rare, seen):
    X, y, weights = rare
    table = pd.DataFrame(X, columns=list("abcde")).assign(w=weights)
    WeightedClassifier(
        Spy(), weighting=ColumnWeighting("w"), resampler=MILD, calibration=None
    ).fit(table, y)
    _, rows, _, delivered = seen[0]
    assert list(rows.columns) == list("abcde")
    assert_array_equal(rows, MILD.fit_resample(X, y)[0])
    expected = resample(MILD, X, y, weights).sample_weight
    assert_allclose(delivered, expected / expected.mean())


def test_a_rule_for_the_weights_of_rows_that_are_made(rare, seen):
    X, y, weights = rare
    sampler = WeightedSampler(MILD, weight_rule="class_mean", preserve_mass=True)
    clf = WeightedClassifier(Spy(), weighting=None, resampler=sampler, calibration=None)
    clf.fit(X, y, weights)
    _, _, labels, delivered = seen[0]
    mass = np.bincount(labels, delivered)
    assert_allclose(mass / mass.sum(), np.bincount(y, weights) / weights.sum())
    assert_allclose(clf.class_multiplier_, 1)


def test_an_estimator_without_weights_can_be_resampled(rare):
    X, y, _ = rare
    clf = WeightedClassifier(
        KNeighborsClassifier(), weighting=None, resampler=MILD, calibration=None
    )
    expected = KNeighborsClassifier().fit(*MILD.fit_resample(X, y))
    assert_array_equal(clf.fit(X, y).predict(X), expected.predict(X))


# --- What everything else sees --------------------------------------------------------


def test_resampling_is_inside_every_training_fold(rare, seen):
    """Folds are scored on original rows, none of which had a part in their fit."""
    X, y, weights = rare
    SpyCalibrator.seen.clear()
    WeightedClassifier(
        Spy(),
        weighting=BalancedWeighting(strength=0.5),
        resampler=MILD,
        calibration=SpyCalibrator(),
        cv=3,
        random_state=0,
    ).fit(X, y, weights)
    fits = [entry[1:] for entry in seen if entry[0] == "fit"]
    scored = [entry[1] for entry in seen if entry[0] == "predict"]
    original = {row.tobytes() for row in X}
    folds = [(fit, test) for fit, test in zip(fits[-3:], scored[-3:], strict=True)]
    tested = set()
    for (rows, labels, delivered), test in folds:
        test = {row.tobytes() for row in test}
        assert test <= original
        tested |= test
        train = np.array([row.tobytes() not in test for row in X])
        expected = MILD.fit_resample(X[train], y[train])
        assert_array_equal(rows, expected[0])
        ridden = resample(MILD, X[train], y[train], weights[train])[2]
        mass = np.bincount(labels, delivered)
        had = np.bincount(labels, ridden) ** 0.5
        assert_allclose(mass / mass.sum(), had / had.sum())
    assert tested == original
    [(n_scores, labels, population)] = SpyCalibrator.seen
    assert n_scores == y.size
    assert_allclose(
        np.bincount(labels, population) / population.sum(),
        np.bincount(y, weights) / weights.sum(),
    )


def test_nothing_leaks_into_calibration():
    """On noise the scores of held-out rows are noise, and so are the probabilities."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 5)), rng.permutation(np.repeat([0, 1], [360, 40]))
    clf = WeightedClassifier(
        RandomForestClassifier(30, random_state=0),
        weighting=None,
        resampler=SMOTE(random_state=0),
        calibration="sigmoid",
        cv=4,
        random_state=0,
    ).fit(X, y)
    proba = clf.predict_proba(rng.normal(size=(400, 5)))[:, 1]
    assert proba.max() < 0.25


def test_prior_inverts_the_effect_of_both(rare):
    X, y, _ = rare
    clf = WeightedClassifier(
        LogisticRegression(),
        weighting=BalancedWeighting(strength=0.5),
        resampler=MILD,
        calibration="prior",
    ).fit(X, y)
    n = np.bincount(y)
    seen_mass = np.sqrt([n[0], int(0.3 * n[0])])
    odds = np.exp(clf.estimator_.decision_function(X))
    odds /= (seen_mass[1] / seen_mass[0]) / (n[1] / n[0])
    assert_allclose(clf.predict_proba(X)[:, 1], odds / (1 + odds))


def test_labels_follow_the_combined_emphasis(rare):
    """What would be one half for the estimator is where labels change."""
    X, y, _ = rare
    clf = WeightedClassifier(resampler=MILD, weighting=None, calibration="prior")
    clf.fit(X, y)
    assert_array_equal(clf.predict(X), clf.estimator_.predict(X))


def test_costs_do_not_decide_by_the_probabilities_of_resampled_rows(rare):
    X, y, _ = rare
    cost = CostMatrix.binary(pos_label=1, fp=1, fn=5)
    clf = WeightedClassifier(
        weighting=None, resampler=MILD, decision=cost, calibration=None
    )
    with pytest.raises(ValueError, match=r"resampler=SMOTE.*changes the prob"):
        clf.fit(X, y)
    clf.set_params(calibration="prior").fit(X, y).predict(X)


def test_the_report_says_so(rare):
    X, y, _ = rare
    clf = WeightedClassifier(resampler=MILD, calibration=None).fit(X, y)
    made = int(0.3 * (y == 0).sum())
    assert clf.report_.training_rows == [(y == 0).sum(), made]
    assert f"{(y == 1).sum()} to {made}" in repr(clf.report_)
    assert "inside every fit" in clf.report_._repr_html_()
    assert clf.report_.to_frame()["training_rows"].tolist() == [(y == 0).sum(), made]
    assert "resampling" not in repr(
        WeightedClassifier(calibration=None).fit(X, y).report_
    )


# --- Names, parameters, searches ------------------------------------------------------


@pytest.mark.parametrize(
    ("short", "sampler"),
    [
        ("smote", SMOTE(random_state=3)),
        ("random_over", RandomOverSampler(random_state=3)),
        ("random_under", RandomUnderSampler(random_state=3)),
    ],
)
def test_short_names(rare, short, sampler):
    X, y, weights = rare
    first, other = (
        WeightedClassifier(resampler=spec, random_state=3, calibration=None).fit(
            X, y, weights
        )
        for spec in (short, sampler)
    )
    assert_array_equal(first.predict_proba(X), other.predict_proba(X))


def test_a_random_state_that_moves_on_gives_one_seed_to_all_folds(rare):
    X, y, _ = rare
    first, other = (
        WeightedClassifier(
            resampler="smote", random_state=np.random.RandomState(0), calibration=None
        ).fit(X, y)
        for _ in range(2)
    )
    assert_array_equal(first.predict_proba(X), other.predict_proba(X))


def test_parameters_of_a_name_can_be_set():
    clf = WeightedClassifier(resampler="smote", calibration=None)
    clf.set_params(resampler__sampling_strategy=0.3)
    assert clf.resampler.sampling_strategy == 0.3
    with pytest.raises(ValueError, match="resampler=None has no parameters"):
        WeightedClassifier(calibration=None).set_params(resampler__k_neighbors=3)


def test_what_is_no_resampler(rare):
    X, y, _ = rare
    with pytest.raises(ValueError, match=r"resampler must be.*Did you mean 'smote'"):
        WeightedClassifier(resampler="smot", calibration=None).fit(X, y)


def test_in_a_pipeline_in_a_search_in_two_processes(rare):
    X, y, weights = rare
    pipe = make_pipeline(
        StandardScaler(), WeightedClassifier(resampler=MILD, calibration="prior")
    )
    search = GridSearchCV(
        pipe,
        {
            "weightedclassifier__resampler__sampling_strategy": [0.2, 0.5],
            "weightedclassifier__weighting__strength": [0.0, 1.0],
        },
        scoring="neg_log_loss",
        cv=2,
        n_jobs=2,
    ).fit(X, y, weightedclassifier__sample_weight=weights)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    again = pickle.loads(pickle.dumps(search))
    assert_array_equal(again.predict_proba(X), search.predict_proba(X))


# --- Labels, tables, bad input --------------------------------------------------------


@pytest.mark.parametrize("labels", [["a", "b", "c"], [-1, 1, 4], [0.0, 1.0, 2.0]])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_labels_of_every_kind(labels, n_classes):
    X, y = make_classification(
        300, n_classes=n_classes, n_informative=4, weights=[0.7, 0.2], random_state=0
    )
    labels = np.array(labels)
    clf = WeightedClassifier(resampler="smote", calibration="prior", random_state=0)
    expected = clone(clf).fit(X, y)
    clf.fit(X, labels[y])
    assert_allclose(clf.predict_proba(X), expected.predict_proba(X))
    assert_array_equal(clf.predict(X), labels[expected.predict(X)])


@pytest.mark.parametrize("kind", ["frame", "nullable", "polars", "sparse", "list"])
def test_tables_of_every_kind(rare, kind):
    X, y, weights = rare
    expected = (
        WeightedClassifier(resampler=MILD, calibration=None)
        .fit(X, y, weights)
        .predict_proba(X)
    )
    if kind == "polars":
        table = pytest.importorskip("polars").DataFrame(X, schema=list("abcde"))
    elif kind == "sparse":
        table = sparse.csr_matrix(X)
    elif kind == "list":
        table = X.tolist()
    else:
        table = pd.DataFrame(X, columns=list("abcde"))
        table = table.astype("Float64") if kind == "nullable" else table
    clf = WeightedClassifier(resampler=MILD, calibration=None).fit(table, y, weights)
    assert_allclose(clf.predict_proba(table), expected, rtol=1e-6)


@pytest.mark.filterwarnings("ignore::skweight.exceptions.CalibrationWarning")
def test_a_fold_with_a_single_class_is_not_fitted(rare):
    X, y, _ = rare
    ones = np.flatnonzero(y == 1)
    zeros = np.flatnonzero(y == 0)
    cv = [(zeros[:200], ones), (np.r_[zeros[200:], ones], zeros[:200])]
    clf = WeightedClassifier(
        DecisionTreeClassifier(max_depth=2, random_state=0),
        resampler=MILD,
        calibration="sigmoid",
        cv=cv,
    )
    with pytest.warns(FewerThanAskedWarning, match="1 of 2 pairs"):
        clf.fit(X, y)
    assert clf.predict_proba(X).shape == (y.size, 2)


def test_a_class_that_is_tiny_in_every_fold(rare):
    X, y, _ = rare
    keep = np.r_[np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:4]]
    clf = WeightedClassifier(
        resampler="smote", calibration="sigmoid", cv=2, random_state=0
    )
    with pytest.warns(FewerThanAskedWarning) as caught:
        clf.fit(X[keep], y[keep])
    of_all, *of_folds = (str(record.message) for record in caught)
    assert of_all.startswith("A class has 4 rows")
    assert all(fold.startswith("A class has 2 rows") for fold in of_folds)


def test_arguments_of_fit_follow_or_are_refused(rare):
    X, y, _ = rare

    class Sourced(LogisticRegression):
        def fit(self, X, y, sample_weight=None, source=None):
            self.source_ = source
            return super().fit(X, y, sample_weight)

    source = np.arange(y.size)
    clf = WeightedClassifier(
        Sourced(), resampler="random_under", random_state=0, calibration=None
    )
    clf.fit(X, y, source=source)
    rows = RandomUnderSampler(random_state=0)
    rows.fit_resample(X, y)
    assert_array_equal(clf.estimator_.source_, rows.sample_indices_)
    with pytest.raises(ValueError, match=r"'source' of fit.*SMOTE creates rows"):
        clf.set_params(resampler=MILD).fit(X, y, source=source)


def test_out_of_bag_votes_are_for_rows_as_they_came(rare):
    X, y, _ = rare
    clf = WeightedClassifier(
        RandomForestClassifier(5, random_state=0),
        resampler=MILD,
        calibration="sigmoid",
        cv="oob",
    )
    with pytest.raises(ValueError, match="cv='oob' needs votes for the original rows"):
        clf.fit(X, y)


@pytest.mark.parametrize(("cv", "ensemble"), [("holdout", "auto"), (3, True)])
def test_models_of_folds_are_resampled_alike(rare, cv, ensemble):
    X, y, _ = rare
    clf = WeightedClassifier(
        resampler=MILD,
        calibration="prior",
        cv=cv,
        ensemble=ensemble,
        decision="tuned",
        random_state=0,
    ).fit(X, y)
    assert clf.report_.training_rows[1] == int(0.3 * (y == 0).sum())


_BY_ROWS = "a sampler draws rows, so that a row twice is not a row of weight two"


@listed(
    parametrize_with_checks(
        [
            # Samplers that select rows are checked as such.
            WeightedClassifier(
                LogisticRegression(),
                resampler="smote",
                random_state=0,
                calibration=None,
            )
        ],
        expected_failed_checks=lambda _: {
            "check_sample_weight_equivalence_on_dense_data": _BY_ROWS,
            "check_sample_weight_equivalence_on_sparse_data": _BY_ROWS,
        },
    )
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.filterwarnings("ignore::skweight.exceptions.FewerThanAskedWarning")
def test_scikit_learn_checks(estimator, check):
    check(estimator)
