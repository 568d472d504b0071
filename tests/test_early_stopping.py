"""Validation rows for learners that stop early, with a learner that writes down all."""

import re
import warnings
from inspect import signature

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import has_fit_parameter

from skweight import (
    ColumnWeighting,
    CostSensitiveClassifier,
    WeightedClassifier,
    WeightedRegressor,
)
from skweight.datasets import make_imbalanced
from skweight.exceptions import DoubleCountingWarning
from skweight.metrics import RefinedLogLoss
from skweight.weighting import NoiseAwareWeighting


class Recorder(BaseEstimator):
    """Takes validation rows as XGBoost does, and remembers what it was given."""

    # By its package the library knows what a learner takes.
    __module__ = "xgboost.sklearn"

    def __init__(self, early_stopping_rounds=5, eval_metric=None, objective=None):
        self.early_stopping_rounds = early_stopping_rounds
        self.eval_metric = eval_metric
        self.objective = objective

    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        eval_set=None,
        sample_weight_eval_set=None,
        base_margin=None,
        base_margin_eval_set=None,
        verbose=True,
    ):
        self.X_, self.y_, self.weight_ = np.asarray(X), np.asarray(y), sample_weight
        self.eval_set_, self.eval_weight_ = eval_set, sample_weight_eval_set
        self.margins_, self.verbose_ = (base_margin, base_margin_eval_set), verbose
        self.watched_ = self.eval_metric
        self.best_iteration = 6
        return self

    def predict(self, X):
        return np.zeros(len(X))


class Classifier(ClassifierMixin, Recorder):
    __module__ = "xgboost.sklearn"

    def fit(self, X, y, sample_weight=None, **arguments):
        self.classes_ = np.unique(y)
        return super().fit(X, y, sample_weight, **arguments)

    fit.__signature__ = signature(Recorder.fit)

    def predict_proba(self, X, base_margin=None):
        p = 1 / (1 + np.exp(-np.asarray(X, float)[:, 0]))
        proba = np.column_stack([1 - p, p])
        k = self.classes_.size
        return proba if k == 2 else np.full((len(p), k), 1 / k)


class Regressor(RegressorMixin, Recorder):
    __module__ = "xgboost.sklearn"


@pytest.fixture
def data():
    return make_imbalanced(500, prevalence=0.2, random_state=0)


def wrap(learner=None, **params):
    defaults = {"calibration": None, "validation_fraction": 0.2, "random_state": 0}
    params = defaults | params
    return WeightedClassifier(Classifier() if learner is None else learner, **params)


def watched_of(model):
    (rows,) = model.eval_set_
    return np.asarray(rows[0]), np.asarray(rows[1])


# -- which rows ------------------------------------------------------------------------


def test_every_class_has_its_share_and_no_row_is_on_both_sides(data):
    model = wrap().fit(data.X, data.y).estimator_
    X_val, y_val = watched_of(model)
    assert_allclose(np.bincount(y_val), np.bincount(data.y) * 0.2, atol=0.5)
    both = np.vstack([model.X_, X_val])
    assert_array_equal(both[np.lexsort(both.T)], data.X[np.lexsort(data.X.T)])


def test_groups_stay_together(data):
    groups = np.arange(500) // 5
    model = wrap().fit(data.X, data.y, groups=groups).estimator_
    row = {tuple(x): g for x, g in zip(data.X, groups, strict=True)}
    trained = {row[tuple(x)] for x in model.X_}
    watched = {row[tuple(x)] for x in watched_of(model)[0]}
    assert not trained & watched
    assert trained | watched == set(range(100))


def test_rows_are_cut_before_they_are_copied(data):
    model = wrap(resampler="random_over").fit(data.X, data.y).estimator_
    X_val, y_val = watched_of(model)
    assert np.ptp(np.bincount(model.y_)) == 0  # copies have made classes equal
    assert not {*map(tuple, model.X_)} & {*map(tuple, X_val)}
    assert_allclose(y_val.mean(), data.y.mean(), atol=0.01)


def test_a_fold_cuts_its_own_training_rows(data):
    clf = wrap(calibration="sigmoid", cv=3, ensemble=True).fit(data.X, data.y)
    held_out = []
    for model in clf.estimators_:
        seen = {*map(tuple, model.X_)} | {*map(tuple, watched_of(model)[0])}
        assert len(seen) == len(model.X_) + len(watched_of(model)[0]) in (333, 334)
        held_out.append({*map(tuple, data.X)} - seen)
    assert set.union(*held_out) == {*map(tuple, data.X)}
    assert clf.report_.rounds == [7, 7, 7]


def test_rows_of_weight_zero_are_not_watched(data):
    weight = np.r_[np.zeros(100), np.ones(400)]
    model = wrap().fit(data.X, data.y, weight).estimator_
    assert len(watched_of(model)[0]) == 80
    assert not {*map(tuple, data.X[:100])} & {*map(tuple, watched_of(model)[0])}


def test_rows_of_the_user_are_watched_and_all_others_trained_on(data):
    X, y, X_val, y_val = data.X[:300], data.y[:300], data.X[300:], data.y[300:]
    clf = wrap(validation_fraction=None, calibration="sigmoid", cv=2)
    clf.fit(X, y, validation=(X_val, y_val, np.arange(200.0)))
    for model in clf.estimators_:
        assert_array_equal(watched_of(model)[0], X_val)
        assert_array_equal(watched_of(model)[1], y_val)
        assert_array_equal(model.eval_weight_[0], np.arange(200.0))
    assert "the 200 rows of validation=" in clf.report_.early_stopping


# -- with which weights ----------------------------------------------------------------


def test_watched_rows_have_population_weights_and_no_emphasis(data):
    weight = np.random.default_rng(0).exponential(size=500)
    model = wrap().fit(data.X, data.y, weight).estimator_
    row = {tuple(x): w for x, w in zip(data.X, weight, strict=True)}
    expected = [row[tuple(x)] for x in watched_of(model)[0]]
    ratio = model.eval_weight_[0] / expected
    assert_allclose(ratio, ratio[0])
    assert np.ptp(model.weight_ / [row[tuple(x)] for x in model.X_]) > 1


def test_without_population_weights_rows_have_none(data):
    model = wrap().fit(data.X, data.y).estimator_
    assert model.eval_weight_ is None
    assert model.weight_ is not None


def test_the_cut_does_not_move_the_class_multiplier(data):
    cut, whole = wrap(), wrap(validation_fraction=None)
    cut, whole = cut.fit(data.X, data.y), whole.fit(data.X, data.y)
    assert_allclose(cut.class_multiplier_, whole.class_multiplier_)
    for name in ("n_rows", "rows", "population_share"):
        assert getattr(cut.report_, name) == getattr(whole.report_, name)
    assert sum(cut.report_.effective_rows) < sum(whole.report_.effective_rows)


def test_offsets_go_with_their_rows(data):
    margin = data.X[:, 1].copy()
    model = wrap().fit(data.X, data.y, base_margin=margin).estimator_
    trained, (watched,) = model.margins_
    assert_array_equal(trained, model.X_[:, 1])
    assert_array_equal(watched, watched_of(model)[0][:, 1])


# -- how they reach the learner --------------------------------------------------------


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("weighting", ["balanced", None])
def test_rows_go_through_the_steps_before_the_learner(data, weighting, routing):
    pipeline = make_pipeline(StandardScaler(), make_pipeline(LessOne(), Classifier()))
    with config_context(enable_metadata_routing=routing):
        clf = wrap(pipeline, weighting=weighting).fit(data.X, data.y)
    model = clf.estimator_[-1][-1]
    assert type(model) is Classifier
    assert_allclose(model.X_.mean(axis=0), -1, atol=1e-12)  # of its training rows alone
    scaler = clf.estimator_[0]
    back = scaler.inverse_transform(watched_of(model)[0] + 1)
    originals = {*map(tuple, data.X.round(9))}
    assert all(tuple(x) in originals for x in back.round(9))


class LessOne(BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X - 1

    def __sklearn_is_fitted__(self):
        return True


@pytest.mark.parametrize("given", [False, True])
def test_hidden_columns_are_hidden_there_too(data, given):
    X = pd.DataFrame(data.X, columns=list("abcde")).assign(w=1.0)
    clf = wrap(
        weighting=ColumnWeighting("w"), validation_fraction=None if given else 0.2
    )
    rows = {"validation": (X[300:], data.y[300:])} if given else {}
    model = clf.fit(X, data.y, **rows).estimator_
    (table, _) = model.eval_set_[0]
    assert list(table.columns) == list("abcde")


def test_nothing_is_printed_unless_the_user_asks(data):
    assert wrap().fit(data.X, data.y).estimator_.verbose_ is False
    assert wrap().fit(data.X, data.y, verbose=3).estimator_.verbose_ == 3


def test_it_works_in_searches_and_cross_validation(data):
    search = GridSearchCV(wrap(), {"validation_fraction": [0.1, 0.3]}, cv=2)
    search.fit(data.X, data.y)
    assert search.best_estimator_.report_.rounds == [7]
    assert cross_val_score(wrap(), data.X, data.y, cv=2).shape == (2,)


def test_a_regressor_cuts_rows_as_they_come(data):
    reg = WeightedRegressor(Regressor(), validation_fraction=0.1, random_state=0)
    reg.fit(data.X, data.X[:, 0], groups=np.arange(500) // 10)
    X_val, _ = watched_of(reg.estimator_)
    assert len(X_val) == 50
    assert reg.estimator_.watched_ is None
    assert reg.report_.rounds == [7]
    assert "its own loss of Regressor" in reg.report_.early_stopping
    assert "rounds: 7" in repr(reg.report_)


def test_costs_can_be_decided_by_a_model_that_stopped_early(data):
    cost = {0: {0: 0, 1: 1}, 1: {0: 9, 1: 0}}
    clf = CostSensitiveClassifier(
        Classifier(), cost=cost, validation_fraction=0.2, random_state=0
    )
    assert clf.fit(data.X, data.y).report_.rounds == [7]


# -- what is watched -------------------------------------------------------------------


def test_the_refined_loss_is_watched_and_does_not_stay(data):
    clf = wrap().fit(data.X, data.y)
    assert isinstance(clf.estimator_.watched_, RefinedLogLoss)
    assert clf.estimator_.get_params() == Classifier().get_params()
    assert clf.report_.early_stopping == (
        "RefinedLogLoss on population weights, watched on 0.2 of the training rows of "
        "every fit"
    )


def test_scores_are_raw_where_the_objective_is_a_function(data):
    model = wrap(Classifier(objective=print)).fit(data.X, data.y).estimator_
    assert model.watched_.raw is True


def test_the_metric_of_the_user_wins(data):
    clf = wrap(Classifier(eval_metric="auc")).fit(data.X, data.y)
    assert clf.estimator_.watched_ == "auc"
    assert clf.report_.early_stopping.startswith("eval_metric='auc' of Classifier")


def test_without_validation_rows_nothing_changes(data):
    clf = wrap(validation_fraction=None).fit(data.X, data.y)
    assert clf.report_.early_stopping is None
    assert clf.report_.rounds == []
    assert clf.estimator_.watched_ is None
    assert clf.estimator_.verbose_ is True


# -- what is refused -------------------------------------------------------------------


def test_a_learner_must_say_how_long_it_waits(data):
    with pytest.raises(ValueError, match=r"Classifier\(early_stopping_rounds=50\)"):
        wrap(Classifier(early_stopping_rounds=None)).fit(data.X, data.y)
    takes_rows = "X_val" in signature(HistGradientBoostingClassifier.fit).parameters
    why = "early_stopping=True, n_iter_no_change" if takes_rows else "newer versions"
    with pytest.raises(ValueError, match=why):
        wrap(HistGradientBoostingClassifier()).fit(data.X, data.y)


@pytest.mark.parametrize(
    ("learner", "why"),
    [
        (GradientBoostingClassifier(), "holds out rows itself by n_iter_no_change"),
        (MLPClassifier(), "holds out rows itself by early_stopping"),
        (SGDClassifier(), "holds out rows itself by early_stopping"),
        (LogisticRegression(), "does not stop early"),
        (GridSearchCV(Classifier(), {}), "Put the WeightedClassifier around"),
        (
            WeightedClassifier(Classifier(), calibration=None),
            "Put the WeightedClassifier around",
        ),
    ],
)
def test_learners_that_take_no_rows_from_outside_are_refused(data, learner, why):
    with pytest.raises(ValueError, match=why):
        wrap(learner).fit(data.X, data.y)


@pytest.mark.parametrize(
    ("fraction", "kind"),
    [(0, ValueError), (1, ValueError), (1.5, ValueError), ("a", TypeError)],
)
def test_the_share_is_inside_of_zero_and_one(data, fraction, kind):
    with pytest.raises(kind, match=r"validation_fraction must be a number in \(0, 1\)"):
        wrap(validation_fraction=fraction).fit(data.X, data.y)


@pytest.mark.parametrize(
    ("validation", "why"),
    [
        (3, "a pair"),
        ((1, 2, 3, 4), "of length 4"),
        (([[0.0] * 5], [0, 1]), "as many labels as rows"),
        (([[0.0] * 5] * 2, [0, 7]), "7"),
        (([[0.0] * 5] * 2, [0, 0]), r"no row of class \[1\]"),
        (([[0.0] * 5] * 2, [0, 1], [1.0, 0.0]), r"no row of class \[1\]"),
        (([[0.0] * 5] * 2, [0, 1], [1.0, -1.0]), "weight in validation"),
    ],
)
def test_rows_of_the_user_must_be_labelled_rows_of_every_class(data, validation, why):
    with pytest.raises(ValueError, match=why):
        wrap(validation_fraction=None).fit(data.X, data.y, validation=validation)


def test_rows_come_from_one_place(data):
    rows = data.X[:50], data.y[:50]
    with pytest.raises(ValueError, match="Use one of the two"):
        wrap().fit(data.X, data.y, validation=rows)
    with pytest.raises(ValueError, match=r"eval_set.*Use one of the two"):
        wrap().fit(data.X, data.y, eval_set=[rows])
    with pytest.raises(ValueError, match=r"base_margin.*validation_fraction"):
        wrap(validation_fraction=None).fit(
            data.X, data.y, validation=rows, base_margin=data.X[:, 0]
        )


def test_a_class_of_one_row_cannot_be_cut(data):
    y = np.r_[2, data.y[1:]]
    with pytest.raises(ValueError, match="rarest class, 2, has 1 of the 500 rows"):
        wrap(validation_fraction=0.2).fit(data.X, y)


def test_what_is_not_fitted_watches_nothing(data):
    frozen = FrozenEstimator(LogisticRegression().fit(data.X, data.y))
    with pytest.raises(ValueError, match="a FrozenEstimator is not fitted"):
        wrap(frozen, weighting=None).fit(data.X, data.y)
    with pytest.raises(AttributeError, match=r"validation_fraction=0\.2 needs all"):
        wrap(SGDClassifier()).partial_fit  # noqa: B018


def test_a_fit_that_is_refused_changes_nothing(data):
    clf = wrap(Classifier(early_stopping_rounds=None))
    with pytest.raises(ValueError, match="early_stopping_rounds"):
        clf.fit(data.X, data.y)
    with pytest.raises(NotFittedError):
        clf.predict(data.X)
    assert re.search("validation_fraction=0.2", repr(clone(clf)))


# -- what should not be watched --------------------------------------------------------


def own_rows():
    return HistGradientBoostingClassifier(max_iter=5, early_stopping=True)


@pytest.mark.parametrize(
    ("learner", "parameter"),
    [
        (own_rows(), "early_stopping=False"),
        (GradientBoostingClassifier(n_estimators=5, n_iter_no_change=2), "None"),
        (make_pipeline(StandardScaler(), own_rows()), "early_stopping=False"),
        pytest.param(
            MLPClassifier(early_stopping=True, max_iter=300, tol=1),
            "early_stopping=False",
            marks=pytest.mark.skipif(
                not has_fit_parameter(MLPClassifier, "sample_weight"),
                reason="the network takes weights from scikit-learn 1.7 on",
            ),
        ),
    ],
)
def test_copies_among_rows_that_the_learner_holds_out_are_warned_of(
    data, learner, parameter
):
    clf = wrap(
        learner, validation_fraction=None, weighting=None, resampler="random_over"
    )
    with pytest.warns(DoubleCountingWarning, match="Copies of training rows") as caught:
        clf.fit(data.X, data.y)
    assert any(parameter in str(warning.message) for warning in caught)


@pytest.mark.parametrize(
    "params", [{"resampler": None}, {"resampler": "random_under"}, {"weighting": None}]
)
def test_rows_held_out_without_copies_are_not(data, params):
    wrap(own_rows(), validation_fraction=None, **params).fit(data.X, data.y)
    trees = GradientBoostingClassifier(n_estimators=5, n_iter_no_change=2)
    wrap(trees, validation_fraction=None, **params).fit(data.X, data.y)


@pytest.mark.parametrize(
    "learner",
    [
        SGDClassifier(loss="log_loss", early_stopping=True, random_state=0),
        pytest.param(
            MLPClassifier((3,), early_stopping=True, max_iter=300, tol=1),
            marks=pytest.mark.skipif(
                not has_fit_parameter(MLPClassifier, "sample_weight"),
                reason="the network takes weights from scikit-learn 1.7 on",
            ),
        ),
    ],
)
def test_emphasis_is_warned_of_where_accuracy_is_watched(data, learner):
    """Not for trees, which was measured: see the test above."""
    clf = wrap(make_pipeline(StandardScaler(), learner), validation_fraction=None)
    with pytest.warns(DoubleCountingWarning, match="a fifth of the epochs") as caught:
        clf.fit(data.X, data.y)
    assert "Set early_stopping=False" in str(caught[0].message)
    clf.set_params(weighting=None).fit(data.X, data.y)
    clf.set_params(weighting="balanced")
    last = clf.estimator.steps[-1][0]
    clf.set_params(**{f"estimator__{last}__early_stopping": False})
    clf.set_params(**{f"estimator__{last}__max_iter": 5})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        clf.fit(data.X, data.y)


def test_by_default_it_depends_on_the_rows_whether_some_are_held_out():
    data = make_imbalanced(7000, prevalence=0.2, random_state=0)
    learner = HistGradientBoostingClassifier(max_iter=5)
    clf = wrap(learner, validation_fraction=None, resampler="random_over")
    with pytest.warns(DoubleCountingWarning, match="fraction|early stopping"):
        clf.fit(data.X, data.y)  # 11,200 rows with their copies
    clf.fit(data.X[:5000], data.y[:5000])


@pytest.mark.parametrize("mine", [False, True])
def test_class_weights_of_watched_rows_are_warned_of(data, mine):
    X, y, X_val, y_val = data.X[:300], data.y[:300], data.X[300:], data.y[300:]
    clf = wrap(validation_fraction=None)

    def fit(weight):
        if mine:
            return clf.fit(X, y, validation=(X_val, y_val, weight))
        return clf.fit(X, y, eval_set=[(X_val, y_val)], sample_weight_eval_set=[weight])

    with pytest.warns(DoubleCountingWarning, match="must be used only in training"):
        fit(np.where(y_val == 1, 4.0, 1.0))
    fit(np.random.default_rng(0).exponential(size=200))
    fit(np.ones(200))
    fit(np.where(y_val == 1, 0.25, 1.0))  # a sample that has too many of the rare class


@pytest.mark.parametrize("cut", ["fraction", "given"])
def test_models_that_a_strategy_looks_at_watch_rows_as_well(cut):
    collected = []

    class Watched(Classifier):
        __module__ = "xgboost.sklearn"

        def fit(self, X, y, sample_weight=None, **arguments):
            super().fit(X, y, sample_weight, **arguments)
            rows, watched = set(self.X_[:, 0]), set(self.eval_set_[0][0][:, 0])
            assert not rows & watched
            collected.append((len(rows), len(watched)))
            return self

        fit.__signature__ = signature(Recorder.fit)

    rng = np.random.default_rng(0)
    X, y = (
        np.column_stack([np.arange(200.0), rng.normal(size=200)]),
        np.tile([0, 1], 100),
    )
    clf = WeightedClassifier(
        Watched(),
        weighting=NoiseAwareWeighting(),
        calibration="sigmoid",
        ensemble=False,
        validation_fraction=0.2 if cut == "fraction" else None,
    )
    given = {} if cut == "fraction" else {"validation": (X[:20] - 1000, y[:20])}
    clf.fit(X, y, **given)
    assert clf.report_.n_fits == len(collected) == 21
    if cut == "given":
        assert sorted({n for n, _ in collected}) == [120, 160, 200]
        assert {n for _, n in collected} == {20}
    else:
        assert sorted({sum(counts) for counts in collected}) == [120, 160, 200]
        assert {round(out / (kept + out), 2) for kept, out in collected} == {0.2}
