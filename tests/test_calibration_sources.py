"""Where calibration scores come from: folds, hold-out, out-of-bag votes, groups, time.

Fits are counted, never timed.
"""

import os
import pickle
import threading
from collections import Counter
from unittest import mock

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import __version__ as sklearn_version
from sklearn import config_context
from sklearn.base import clone
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    PredefinedSplit,
    ShuffleSplit,
    TimeSeriesSplit,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.fixes import parse_version

from skweight import CostMatrix, CostSensitiveClassifier, WeightedClassifier
from skweight._held_out import splits as _splits
from skweight.calibration import PriorCalibrator
from skweight.datasets import make_imbalanced
from skweight.exceptions import FewerThanAskedWarning

# From when on an ensemble draws rows by their weights.
DRAWS_BY_WEIGHT = {"bagging": "1.8", "forest": "1.9", "extra": "1.9"}


@pytest.fixture(scope="module")
def binary():
    data = make_imbalanced(600, prevalence=0.2, random_state=0)
    return data.X, data.y


@pytest.fixture
def few_are_many(monkeypatch):
    """Let 300 rows be as many as 100,000 are."""
    monkeypatch.setattr(_splits, "MANY_ROWS", 300)


class Tree(DecisionTreeClassifier):
    """A tree that notes the first column of what it was fitted on."""

    seen = []  # noqa: RUF012

    def fit(self, X, y, sample_weight=None, check_input=True):
        self.seen.append(np.asarray(X)[:, 0].copy())
        return super().fit(X, y, sample_weight=sample_weight)


class Linear(LogisticRegression):
    """The same of a linear model."""

    seen = []  # noqa: RUF012

    def fit(self, X, y, sample_weight=None):
        self.seen.append(np.asarray(X)[:, 0].copy())
        return super().fit(X, y, sample_weight=sample_weight)


def tree():
    Tree.seen.clear()
    return Tree(max_depth=3, random_state=0)


def linear():
    Linear.seen.clear()
    return Linear()


def make(estimator, **params):
    defaults = {"calibration": "sigmoid", "ensemble": "auto", "random_state": 0}
    return WeightedClassifier(estimator, **{**defaults, **params})


# -- how many fits, and of what --------------------------------------------------------


@pytest.mark.parametrize("new", [tree, linear])
@pytest.mark.parametrize(
    ("params", "of_trees", "of_linear"),
    [
        ({}, (5, 5), (6, 1)),
        ({"cv": None}, (5, 5), (6, 1)),
        ({"cv": 3}, (3, 3), (4, 1)),
        ({"cv": 3, "ensemble": True}, (3, 3), (3, 3)),
        ({"cv": 3, "ensemble": False}, (4, 1), (4, 1)),
        ({"cv": "holdout"}, (1, 1), (1, 1)),
        ({"cv": "holdout", "ensemble": True}, (1, 1), (1, 1)),
        ({"cv": "holdout", "ensemble": False}, (2, 1), (2, 1)),
        ({"cv": TimeSeriesSplit(3)}, (4, 1), (4, 1)),
        ({"cv": TimeSeriesSplit(3), "ensemble": True}, (3, 3), (3, 3)),
        ({"cv": ShuffleSplit(1, random_state=0)}, (2, 1), (2, 1)),
        ({"cv": ShuffleSplit(1, random_state=0), "ensemble": True}, (1, 1), (1, 1)),
        ({"calibration": None}, (1, 1), (1, 1)),
        ({"calibration": "prior", "ensemble": True}, (1, 1), (1, 1)),
        ({"calibration": None, "decision": "tuned"}, (6, 1), (6, 1)),
        ({"calibration": None, "decision": "tuned", "ensemble": True}, (6, 1), (6, 1)),
    ],
)
def test_fits_and_models(binary, new, params, of_trees, of_linear):
    estimator = new()
    classifier = make(estimator, **params).fit(*binary)
    n_fits, n_models = of_trees if new is tree else of_linear
    assert len(estimator.seen) == n_fits
    assert classifier.report_.n_fits == n_fits
    assert len(classifier.estimators_) == n_models
    if n_models == 1:
        assert classifier.estimator_ is classifier.estimators_[0]
    else:
        with pytest.raises(AttributeError, match=r"mean over \d fold models"):
            _ = classifier.estimator_
    proba = classifier.predict_proba(binary[0])
    assert_allclose(proba.sum(axis=1), 1)
    assert classifier.n_features_in_ == 5


def test_above_many_rows_auto_is_a_hold_out(binary, few_are_many):
    estimator = tree()
    classifier = make(estimator).fit(*binary)
    assert [len(rows) for rows in estimator.seen] == [480]
    assert classifier.report_.n_fits == 1
    assert "one fit on the other rows" in classifier.report_.calibration
    # Rows that do not count do not make a data set large.
    weight = np.r_[np.ones(250), np.zeros(350)]
    assert make(tree()).fit(*binary, sample_weight=weight).report_.n_fits == 5


def test_a_hold_out_holds_no_more_than_many_rows(monkeypatch, binary):
    monkeypatch.setattr(_splits, "MANY_ROWS", 60)
    classifier = make(linear()).fit(*binary)
    assert classifier.report_.held_out["n_rows"] == 60
    y = binary[1]
    assert_allclose(classifier.report_.held_out["prevalence"][1], y.mean(), atol=0.01)


def test_the_average_is_that_of_calibrated_probabilities(binary):
    X, y = binary
    classifier = make(tree(), cv=3).fit(X, y)
    each = [
        classifier.calibrator_.predict_proba(
            np.diff(np.log(np.maximum(m.predict_proba(X), classifier._map.clip)))[:, 0]
        )
        for m in classifier.estimators_
    ]
    assert_allclose(classifier.predict_proba(X), np.mean(each, axis=0))
    assert "whose models are averaged" in classifier.report_.calibration


def test_an_average_of_trees_is_better_than_one_tree():
    data = make_imbalanced(6000, prevalence=0.1, nonlinearity=0.5, random_state=0)
    X, y = data.X[:2000], data.y[:2000]
    model = DecisionTreeClassifier(min_samples_leaf=5, random_state=0)
    loss = {
        ensemble: log_loss(
            data.y[2000:],
            make(model, ensemble=ensemble).fit(X, y).predict_proba(data.X[2000:]),
        )
        for ensemble in (True, False)
    }
    assert loss[True] < 0.97 * loss[False]


@pytest.mark.parametrize("inner", ["pipeline", "search", "class"])
def test_trees_are_found_inside(binary, inner):
    trees = RandomForestClassifier(5, min_samples_leaf=5, random_state=0)
    estimator = {
        "pipeline": make_pipeline(StandardScaler(), trees),
        "search": GridSearchCV(trees, {"max_depth": [2]}, cv=2),
        "class": type("Mine", (RandomForestClassifier,), {"__init__": _init})(5),
    }[inner]
    assert len(make(estimator, cv=2).fit(*binary).estimators_) == 2


def _init(self, n_estimators=5):
    RandomForestClassifier.__init__(self, n_estimators, random_state=0)


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"ensemble": "yes"}, "ensemble must be 'auto', True or False; got"),
        (
            {"ensemble": "yes", "calibration": None},
            "ensemble must be 'auto', True or False; got",
        ),
        ({"cv": "prefit"}, r"cv must be one of \['auto', 'holdout', 'oob'\]"),
        ({"cv": "prefit", "calibration": None}, r"cv must be one of"),
    ],
)
def test_words_that_mean_nothing(binary, params, sentence):
    with pytest.raises(ValueError, match=sentence):
        make(linear(), **params).fit(*binary)


# -- rare classes ----------------------------------------------------------------------


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("n_rare", [1, 2, 3, 4])
@pytest.mark.parametrize("cv", ["auto", "holdout", 2])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("large", [False, True])
@pytest.mark.filterwarnings("ignore::skweight.exceptions.FewerThanAskedWarning")
@pytest.mark.filterwarnings("ignore::skweight.exceptions.CalibrationWarning")
def test_rare_classes_never_crash(monkeypatch, n_rare, cv, n_classes, large):
    if large:
        monkeypatch.setattr(_splits, "MANY_ROWS", 40)
    rng = np.random.RandomState(0)
    y = np.r_[np.arange(n_classes - 1).repeat(60), np.full(n_rare, n_classes - 1)]
    order = rng.permutation(y.size)
    X, y = rng.normal(size=(y.size, 2)), y[order]
    labels = np.array(["a", "b", "c"])
    for estimator in (linear(), tree()):
        classifier = make(estimator, cv=cv).fit(X, labels[y])
        proba = classifier.predict_proba(X)
        assert proba.shape == (y.size, n_classes)
        assert np.isfinite(proba).all()
        assert proba.min() > 0
        assert isinstance(classifier.calibrator_, PriorCalibrator) == (n_rare == 1)


def test_a_hold_out_of_two_rows_of_a_class_has_one_on_either_side():
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(200, 2)), np.r_[np.zeros(198, int), 1, 1]
    classifier = make(linear(), cv="holdout").fit(X, y)
    assert_allclose(classifier.report_.held_out["prevalence"][1], 1 / 41)


# -- groups and time -------------------------------------------------------------------


def held_out_rows(X):
    """Return for every fit which of the rows, marked by column 0, it did not see."""
    return [np.setdiff1d(X[:, 0], rows) for rows in Tree.seen]


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize(
    ("cv", "n_folds"), [("auto", 5), (4, 4), ("holdout", 1), (GroupKFold(4), 4)]
)
def test_groups_stay_together(binary, routing, cv, n_folds):
    X, y = binary
    groups = np.array(["a", "b", "c", "d", "e", "f"])[np.arange(600) % 6]
    with config_context(enable_metadata_routing=routing):
        make(tree(), cv=cv).fit(X, y, groups=groups)
    left_out = held_out_rows(X)
    assert len(left_out) == n_folds
    for rows in left_out:
        inside = np.isin(X[:, 0], rows)
        assert 0 < inside.sum() < 600
        assert not set(groups[inside]) & set(groups[~inside])


def test_groups_of_an_outer_evaluation_reach_the_inner_folds(binary):
    X, y = binary
    groups = np.arange(600) // 60
    with config_context(enable_metadata_routing=True):
        cross_validate(make(tree()), X, y, cv=GroupKFold(2), params={"groups": groups})
    assert len(Tree.seen) == 10
    by_row = dict(zip(X[:, 0], groups, strict=True))
    for rows in Tree.seen:
        # Of the groups that a fold model has seen it has seen all rows.
        counter = Counter(by_row[row] for row in rows)
        assert set(counter.values()) == {60}


def test_groups_reach_a_search_inside_as_well(binary):
    X, y = binary
    search = GridSearchCV(linear(), {"C": [0.1, 1]}, cv=GroupKFold(2))
    make(search, cv=2).fit(X, y, groups=np.arange(600) % 4)


def test_fewer_groups_than_folds(binary):
    X, y = binary
    with pytest.warns(FewerThanAskedWarning, match="3 groups, fewer than the 5"):
        classifier = make(tree()).fit(X, y, groups=np.arange(600) % 3)
    assert len(classifier.estimators_) == 3
    with pytest.raises(ValueError, match="at least two different groups"):
        make(tree()).fit(X, y, groups=np.zeros(600))


def test_groups_of_rows_that_do_not_count(binary):
    X, y = binary
    groups, weight = np.arange(600) % 6, np.ones(600)
    weight[groups == 5] = 0
    classifier = make(tree()).fit(X, y, sample_weight=weight, groups=groups)
    assert classifier.report_.held_out["n_rows"] == 500


def test_no_model_scores_rows_of_its_past(binary):
    X, y = binary
    make(tree(), cv=TimeSeriesSplit(3)).fit(X, y)
    sizes = [len(rows) for rows in Tree.seen]
    assert sizes == [600, 150, 300, 450]
    for rows in Tree.seen:
        assert_array_equal(rows, X[: len(rows), 0])


def test_a_validation_set_of_ones_own(binary):
    X, y = binary
    fold = np.r_[np.full(400, -1), np.zeros(200)]
    classifier = make(tree(), cv=PredefinedSplit(fold), ensemble=True).fit(X, y)
    assert_array_equal(Tree.seen[0], X[:400, 0])
    assert len(Tree.seen) == 1
    assert classifier.report_.held_out["n_rows"] == 200


# -- out of bag ------------------------------------------------------------------------

FORESTS = {
    "forest": RandomForestClassifier(40, min_samples_leaf=3, random_state=0),
    "extra": ExtraTreesClassifier(40, bootstrap=True, random_state=0),
    "bagging": BaggingClassifier(
        DecisionTreeClassifier(min_samples_leaf=3), 40, random_state=0
    ),
}


@pytest.mark.parametrize("forest", FORESTS)
def test_out_of_bag_votes_calibrate_at_one_fit(binary, forest):
    X, y = binary
    inner = FORESTS[forest]
    classifier = make(inner, cv="oob", weighting=None).fit(X, y)
    assert classifier.report_.n_fits == 1
    assert "the trees that did not draw them" in classifier.report_.calibration
    assert classifier.report_.held_out["n_rows"] == 600
    votes = clone(inner).set_params(oob_score=True).fit(X, y).oob_decision_function_
    assert_allclose(classifier._map.of_outputs(votes)[:, 1].mean(), y.mean(), atol=0.01)
    assert not inner.oob_score
    assert inner.get_params() == FORESTS[forest].get_params()


def test_out_of_bag_is_as_good_as_folds():
    data = make_imbalanced(5000, prevalence=0.1, nonlinearity=0.5, random_state=0)
    X, y, X_new, truth = data.X[:2000], data.y[:2000], data.X[2000:], data.proba[2000:]
    forest = RandomForestClassifier(
        40, min_samples_leaf=3, class_weight="balanced_subsample", random_state=0
    )
    loss = {}
    for cv, calibration in (("oob", "sigmoid"), (5, "sigmoid"), (5, None)):
        classifier = make(
            forest, cv=cv, calibration=calibration, weighting=None, ensemble=False
        )
        log_proba = np.log(classifier.fit(X, y).predict_proba(X_new).clip(1e-7))
        loss[cv, calibration] = -(truth * log_proba).sum(axis=1).mean()
    assert loss["oob", "sigmoid"] < 1.03 * loss[5, "sigmoid"]
    assert loss["oob", "sigmoid"] < 0.95 * loss[5, None]


def test_a_row_that_every_tree_drew_has_no_vote(binary):
    X, y = binary
    forest = RandomForestClassifier(4, random_state=0)
    classifier = make(forest, cv="oob", weighting=None).fit(X, y)
    assert 300 < classifier.report_.held_out["n_rows"] < 600


@pytest.mark.parametrize("forest", FORESTS)
def test_a_bootstrap_drawn_by_weight_is_no_source(forest):
    data = make_imbalanced(1000, prevalence=0.05, random_state=0)
    classifier = make(FORESTS[forest], cv="oob")
    if parse_version(sklearn_version) >= parse_version(DRAWS_BY_WEIGHT[forest]):
        with pytest.raises(ValueError, match=r"cv='oob' cannot calibrate: a row of cl"):
            classifier.fit(data.X, data.y)
        # Mild weights leave enough trees that have not drawn a row.
        classifier.set_params(weighting__strength=0.15).fit(data.X, data.y)
    else:
        assert classifier.fit(data.X, data.y).report_.n_fits == 1


@pytest.mark.parametrize(
    ("estimator", "sentence"),
    [
        (LogisticRegression(), "got LogisticRegression"),
        (make_pipeline(RandomForestClassifier(5)), "not inside another estimator"),
        (RandomForestClassifier(5, bootstrap=False), "Set bootstrap=True"),
        (ExtraTreesClassifier(5), "Set bootstrap=True"),
    ],
)
def test_no_out_of_bag_votes_to_be_had(binary, estimator, sentence):
    with pytest.raises(ValueError, match=sentence):
        make(estimator, cv="oob").fit(*binary)


def test_a_forest_that_resamples_by_itself_is_no_source(binary):
    ensemble = pytest.importorskip("imblearn.ensemble")
    forest = ensemble.BalancedRandomForestClassifier(
        5, sampling_strategy="all", replacement=True, bootstrap=True, random_state=0
    )
    with pytest.raises(ValueError, match="got BalancedRandomForestClassifier"):
        make(forest, cv="oob", weighting=None, decision="balanced").fit(*binary)


# -- anything that comes along ---------------------------------------------------------


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("cv", ["auto", "holdout", "oob"])
@pytest.mark.parametrize("kind", ["sparse", "pandas", "polars", "labels"])
def test_rows_of_any_kind(binary, cv, kind):
    X, y = binary
    forest = RandomForestClassifier(10, min_samples_leaf=5, random_state=0)
    classifier = make(forest, cv=cv, weighting=None)
    expected = clone(classifier).fit(X, y).predict_proba(X)
    if kind == "sparse":
        X = sparse.csr_matrix(X)
    elif kind == "labels":
        y = np.array(["no", "yes"])[y]
    else:
        library = pytest.importorskip(kind)
        X = library.DataFrame({f"x{i}": column for i, column in enumerate(X.T)})
        y = library.Series(y)
    actual = classifier.fit(X, y)
    assert_allclose(actual.predict_proba(X), expected)
    copied = pickle.loads(pickle.dumps(actual))
    assert_array_equal(copied.predict_proba(X), actual.predict_proba(X))


def test_a_search_over_sources_in_parallel(binary):
    X, y = binary
    search = GridSearchCV(
        make(DecisionTreeClassifier(max_depth=3, random_state=0)),
        {"cv": ["auto", 3, "holdout"], "ensemble": ["auto", False]},
        cv=2,
        n_jobs=2,
        scoring="neg_log_loss",
        error_score="raise",
    ).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_fold_models_come_back_from_other_processes(binary, n_jobs):
    X, y = binary
    model = DecisionTreeClassifier(max_depth=3, random_state=0)
    actual = make(model, n_jobs=n_jobs).fit(X, y)
    expected = make(model).fit(X, y)
    assert_array_equal(actual.predict_proba(X), expected.predict_proba(X))
    assert actual.report_.deliveries == expected.report_.deliveries


class Located(DecisionTreeClassifier):
    """Remembers the process and the thread that fitted it."""

    def fit(self, X, y, sample_weight=None, check_input=True):
        self.place_ = os.getpid(), threading.get_ident()
        return super().fit(X, y, sample_weight, check_input)


def test_the_threads_that_a_user_asks_for_are_used(binary):
    X, y = binary
    model = Located(max_depth=3, random_state=0)
    expected = make(model).fit(X, y)
    with joblib.parallel_config(backend="threading"):
        actual = make(model, n_jobs=2).fit(X, y)
    here = os.getpid(), threading.get_ident()
    assert {fitted.place_ for fitted in expected.estimators_} == {here}
    places = {fitted.place_ for fitted in actual.estimators_}
    assert {process for process, _ in places} == {os.getpid()}
    assert here not in places
    assert_array_equal(actual.predict_proba(X), expected.predict_proba(X))


def test_three_classes_averaged():
    data = make_imbalanced(900, prevalence=[0.6, 0.3, 0.1], n_classes=3, random_state=0)
    classifier = make(tree(), cv=3).fit(data.X, data.y)
    proba = classifier.predict_proba(data.X)
    assert proba.shape == (900, 3)
    assert_allclose(proba.mean(axis=0), np.bincount(data.y) / 900, atol=0.03)


def test_a_second_fit_leaves_nothing_of_the_first(binary):
    X, y = binary
    classifier = make(tree()).fit(X, y)
    classifier.set_params(ensemble=False).fit(X, y)
    fresh = make(tree(), ensemble=False).fit(X, y)
    assert len(classifier.estimators_) == 1
    assert_array_equal(classifier.predict_proba(X), fresh.predict_proba(X))


def test_costs_are_decided_by_the_average(binary):
    X, y = binary
    cost = CostMatrix.binary(pos_label=1, fp=1, fn=4)
    classifier = CostSensitiveClassifier(
        tree(), cost=cost, calibration="sigmoid", ensemble=True, random_state=0
    ).fit(X, y)
    assert len(classifier.estimators_) == 5
    p = classifier.predict_proba(X)[:, 1]
    assert_array_equal(classifier.predict(X), (p > 0.2).astype(int))
    assert_allclose(classifier.expected_cost(X)[:, 1], 1 - p)


def test_out_of_bag_votes_cannot_keep_groups_together(binary):
    X, y = binary
    forest = RandomForestClassifier(10, random_state=0)
    classifier = make(forest, cv="oob", weighting=None)
    with pytest.raises(ValueError, match=r"other rows of its group\. Use cv='auto'"):
        classifier.fit(X, y, groups=np.arange(600) // 4)


@pytest.mark.parametrize("counts", [(900, 100), (500, 300, 4), (995, 3, 2)])
def test_a_hold_out_takes_the_lowest_draws_of_every_class(counts, monkeypatch):
    """One number is drawn for each row, and few of the rows are sorted."""
    monkeypatch.setattr(_splits, "MANY_ROWS", 50)
    y = np.repeat(np.array(["c", "a", "b"])[: len(counts)], counts)
    order = np.argsort(np.random.RandomState(7).random_sample(y.size))
    expected = []
    for label, count in zip(*np.unique(y, return_counts=True), strict=True):
        n_out = min(max(round(50 / y.size * count), 1), count - 1)
        expected.extend(order[y[order] == label][:n_out])
    made = _splits.make_splits("holdout", None, y, None, 7, {})
    ((train, test),) = made.pairs
    assert np.array_equal(test, np.sort(expected))
    assert np.array_equal(np.sort(np.r_[train, test]), np.arange(y.size))


def test_splits_look_labels_up_once(monkeypatch):
    y = np.repeat(["a", "b"], [900, 100])
    with mock.patch.object(np, "unique", wraps=np.unique) as sorts:
        _splits.make_splits("holdout", None, y, np.ones(y.size), 0, {})
    of_labels = [call for call in sorts.call_args_list if call.args[0].dtype == y.dtype]
    assert len(of_labels) == 1
