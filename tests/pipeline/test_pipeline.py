"""Weights on their way through a Pipeline: who gets which, through which steps."""

import pickle
from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion
from sklearn.pipeline import Pipeline as PlainPipeline
from sklearn.pipeline import make_pipeline as make_plain
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skweight import (
    BalancedWeighting,
    ClassWeighting,
    ColumnWeighting,
    DensityRatioWeighting,
    FunctionWeighting,
    PriorWeighting,
    WeightedClassifier,
)
from skweight.density_ratio import KernelLogisticRatio
from skweight.exceptions import (
    DoubleCountingWarning,
    UnsupportedWeightsError,
)
from skweight.pipeline import Pipeline, make_pipeline
from skweight.resampling import WeightedSampler


class Spy(ClassifierMixin, BaseEstimator):
    """Classifier that keeps what it was fitted with."""

    def fit(self, X, y, sample_weight=None):
        self.X_, self.y_, self.weight_ = X, np.asarray(y), sample_weight
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(np.shape(X)[0], self.classes_[0])

    def predict_proba(self, X):
        return np.full((np.shape(X)[0], self.classes_.size), 1 / self.classes_.size)


class Scale(TransformerMixin, BaseEstimator):
    """Transformer that keeps the weights it was fitted with."""

    def fit(self, X, y=None, sample_weight=None):
        self.weight_ = sample_weight
        self.n_features_in_ = np.shape(X)[1]
        return self

    def transform(self, X):
        return 2 * X


class Draw(BaseEstimator):
    """Sampler that draws every row of class 1 twice, in an order of its own."""

    def fit_resample(self, X, y):
        rows = np.concatenate([np.arange(len(y)), np.flatnonzero(y == 1)])[::-1]
        self.sampling_strategy_, self.sample_indices_ = {}, rows
        return X[rows], y[rows]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        kept = {field.name: getattr(tags, field.name) for field in fields(tags)}
        selects = SimpleNamespace(sample_indices=True)
        return SimpleNamespace(**kept, sampler_tags=selects)


@pytest.fixture
def rows(rng):
    X = rng.normal(size=(60, 3))
    y = (np.arange(60) % 4 == 0).astype(int)
    return X, y, rng.uniform(0.5, 2, 60)


# -- who gets which weights ------------------------------------------------------------


def test_transformers_get_the_population_and_the_last_step_the_product(rows):
    X, y, population = rows
    balance = BalancedWeighting()
    pipe = make_pipeline(Scale(), balance, Scale(), Spy()).fit(X, y, population)
    emphasis = BalancedWeighting().fit_weigh(X, y, population)
    assert_array_equal(pipe["scale-1"].weight_, population)
    assert_array_equal(pipe["scale-2"].weight_, population)
    assert_allclose(pipe[-1].weight_, population * emphasis)
    assert_allclose(pipe[-1].X_, 4 * X)
    assert [delivery.weights for delivery in pipe.deliveries_] == [
        "population",
        "population",
        "population x emphasis",
    ]


def test_population_weightings_count_for_transformers_that_come_after(rows):
    X, y, _ = rows
    prior = PriorWeighting({0: 0.5, 1: 0.5})
    pipe = make_pipeline(Scale(), prior, Scale(), Spy()).fit(X, y)
    assert pipe["scale-1"].weight_ is None
    assert_allclose(pipe["scale-2"].weight_, prior.fit_weigh(X, y))
    assert_allclose(pipe[-1].weight_, prior.fit_weigh(X, y))


def test_without_weights_it_is_the_pipeline_of_scikit_learn(rows):
    X, y, _ = rows
    ours = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    theirs = make_plain(StandardScaler(), LogisticRegression()).fit(X, y)
    assert_array_equal(ours.predict_proba(X), theirs.predict_proba(X))
    assert ours.deliveries_ == []


def test_caller_weights_reach_all_as_scikit_learn_routes_them(rows):
    X, y, weight = rows
    ours = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y, weight)
    with config_context(enable_metadata_routing=True):
        theirs = make_plain(
            StandardScaler().set_fit_request(sample_weight=True),
            LogisticRegression().set_fit_request(sample_weight=True),
        ).fit(X, y, sample_weight=weight)
    assert_array_equal(ours.predict_proba(X), theirs.predict_proba(X))


def test_no_emphasis_reaches_the_calibrator_of_the_last_step(rng):
    X = rng.normal(size=(2000, 2))
    y = (rng.uniform(size=2000) < 1 / (1 + np.exp(3 - X[:, 0]))).astype(int)
    last = WeightedClassifier(
        LogisticRegression(), weighting=None, calibration="sigmoid", random_state=0
    )
    pipe = make_pipeline(StandardScaler(), BalancedWeighting(), last).fit(X, y)
    assert abs(pipe.predict_proba(X)[:, 1].mean() - y.mean()) < 0.01
    assert_allclose(pipe[-1].report_.training_share, [0.5, 0.5])
    assert_allclose(pipe[-1].report_.population_share, [1 - y.mean(), y.mean()])
    # The same roles, all told to the classifier.
    alone = clone(last).set_params(weighting="balanced")
    alone.fit(StandardScaler().fit_transform(X), y)
    assert_allclose(pipe.predict_proba(X), alone.predict_proba(pipe[:-1].transform(X)))
    # A Pipeline that took the product for population would say half and half.
    with pytest.warns(DoubleCountingWarning):
        wrong = clone(last).fit(X, y, BalancedWeighting().fit_weigh(X, y))
    assert wrong.predict_proba(X)[:, 1].mean() > 0.4


def test_a_search_around_the_last_step_keeps_the_roles_apart(rows):
    X, y, population = rows
    search = GridSearchCV(
        WeightedClassifier(Spy(), weighting=None, calibration=None),
        {"normalize": [False]},
        cv=2,
    )
    pipe = make_pipeline(BalancedWeighting(), search).fit(X, y, population)
    report = pipe[-1].best_estimator_.report_
    mass = np.bincount(y, population) / population.sum()
    assert_allclose(report.population_share, mass)
    assert_allclose(report.training_share, [0.5, 0.5])


class ScoreOfLabels(Spy):
    """Classifier whose score is the weighted mean of the labels that it is shown."""

    def score(self, X, y, sample_weight=None):
        return np.average(y, weights=sample_weight)


@pytest.mark.parametrize("make", [make_pipeline, make_plain])
def test_a_search_without_scoring_scores_its_last_step_by_the_population(rows, make):
    X, y, population = rows
    folds = StratifiedKFold(2)
    search = GridSearchCV(
        make(StandardScaler(), ScoreOfLabels()),
        {"standardscaler": ["passthrough"]},
        cv=folds,
    )
    clf = WeightedClassifier(search, weighting=None, calibration=None)
    results = clf.fit(X, y, population).estimator_.cv_results_
    for k, (_, test) in enumerate(folds.split(X, y)):
        expected = np.average(y[test], weights=population[test])
        assert_allclose(results[f"split{k}_test_score"], expected)


def test_a_weighted_classifier_around_it_tells_it_the_roles(rows):
    X, y, population = rows
    pipe = make_pipeline(Scale(), Spy())
    clf = WeightedClassifier(pipe, normalize=False, calibration=None).fit(
        X, y, population
    )
    emphasis = BalancedWeighting().fit_weigh(X, y, population)
    assert_allclose(clf.estimator_["scale"].weight_, population)
    assert_allclose(clf.estimator_[-1].weight_, population * emphasis)


def test_a_composite_of_transformers_hands_the_population_on(rows):
    X, y, population = rows
    union = FeatureUnion([("a", Scale()), ("b", PCA(2))])
    pipe = make_pipeline(union, BalancedWeighting(), Spy()).fit(X, y, population)
    fitted = dict(pipe[0].transformer_list)
    assert_array_equal(fitted["a"].weight_, population)
    assert pipe[0] is not union  # requests were set on a clone
    columns = make_column_transformer((Scale(), [0, 1]), remainder="passthrough")
    pipe = make_pipeline(columns, Spy()).fit(X, y, population)
    assert_array_equal(pipe[0].transformers_[0][1].weight_, population)


def test_weights_for_one_step_stand_for_the_population_there(rows):
    X, y, population = rows
    step_weight = np.arange(60.0) + 1
    pipe = make_pipeline(Scale(), BalancedWeighting(), Spy())
    pipe.fit(X, y, spy__sample_weight=step_weight)
    assert pipe["scale"].weight_ is None
    assert_allclose(pipe[-1].weight_, step_weight * BalancedWeighting().fit_weigh(X, y))
    pipe.fit(X, y, sample_weight=population, scale__sample_weight=step_weight)
    assert_array_equal(pipe["scale"].weight_, step_weight)


def test_the_last_step_may_cluster_or_transform(rows):
    X, _, weight = rows
    assert_allclose(
        make_pipeline(KMeans(2, random_state=0, n_init=1)).fit_predict(X, None, weight),
        KMeans(2, random_state=0, n_init=1).fit_predict(X, sample_weight=weight),
    )
    pipe = make_pipeline(PCA(2), StandardScaler())
    plain = StandardScaler().fit(PCA(2).fit_transform(X), sample_weight=weight)
    assert_allclose(pipe.fit(X, None, weight)[-1].mean_, plain.mean_)
    assert_allclose(
        pipe.fit_transform(X, None, weight), plain.transform(PCA(2).fit_transform(X))
    )


def test_regressors_and_values(rows):
    X, _, weight = rows
    y = X @ [1.0, 2.0, 3.0]
    pipe = make_pipeline(StandardScaler(), Ridge()).fit(X, y, weight)
    scaler = StandardScaler().fit(X, sample_weight=weight)
    plain = Ridge().fit(scaler.transform(X), y, weight)
    assert_allclose(pipe.predict(X), plain.predict(scaler.transform(X)))


def test_a_last_step_without_weights_is_refused_or_takes_another_way(rows):
    X, y, _ = rows
    pipe = make_pipeline(StandardScaler(), BalancedWeighting(), KNeighborsClassifier())
    with pytest.raises(UnsupportedWeightsError, match="KNeighborsClassifier"):
        pipe.fit(X, y)
    drawn = WeightedClassifier(
        KNeighborsClassifier(),
        weighting=None,
        unsupported="resample",
        random_state=0,
        calibration=None,
    )
    fitted = pipe.set_params(kneighborsclassifier=drawn).fit(X, y)[-1]
    assert_allclose(np.mean(fitted.estimator_._y), 0.5, atol=0.02)

    priors = make_pipeline(BalancedWeighting(), LinearDiscriminantAnalysis())
    given = priors[-1]
    assert_allclose(priors.fit(X, y)[-1].priors, [0.5, 0.5])
    assert given.priors is None


def test_an_explicit_no_is_obeyed(rows):
    X, y, weight = rows
    with config_context(enable_metadata_routing=True):
        scale = Scale().set_fit_request(sample_weight=False)
        pipe = make_pipeline(scale, Spy()).fit(X, y, sample_weight=weight)
    assert pipe[0].weight_ is None
    assert_array_equal(pipe[-1].weight_, weight)


def test_balancing_twice_is_told(rows):
    X, y, _ = rows
    pipe = make_pipeline(
        BalancedWeighting(), LogisticRegression(class_weight="balanced")
    )
    with pytest.warns(DoubleCountingWarning, match="class_weight"):
        pipe.fit(X, y)


@pytest.mark.parametrize("bad", [-np.ones(60), np.zeros(60), np.ones(59)])
def test_bad_weights_never_get_through(rows, bad):
    X, y, _ = rows
    with pytest.raises(ValueError, match="sample_weight"):
        make_pipeline(Scale(), Spy()).fit(X, y, bad)


# -- through samplers, in any order ----------------------------------------------------


def test_weights_ride_along_through_a_sampler_that_draws(rows):
    X, y, population = rows
    step_weight = np.arange(60.0) + 1
    pipe = make_pipeline(
        FunctionWeighting(lambda X, y: 1 + X[:, 0] ** 2), Draw(), Scale(), Spy()
    ).fit(X, y, population, spy__sample_weight=step_weight)
    drawn = pipe["draw"].sample_indices_
    emphasis = FunctionWeighting(lambda X, y: 1 + X[:, 0] ** 2)
    emphasis = emphasis.fit_weigh(X, y, population)
    assert_array_equal(pipe["scale"].weight_, population[drawn])
    assert_allclose(pipe[-1].weight_, (step_weight * emphasis)[drawn])
    assert_array_equal(pipe[-1].X_, 2 * X[drawn])


def test_a_weighting_weighs_what_is_there_where_it_stands(rows):
    X, y, _ = rows
    after = make_pipeline(Draw(), BalancedWeighting(), Spy()).fit(X, y)[-1]
    assert_allclose(np.bincount(after.y_, after.weight_), [45 * 5 / 6, 45 * 5 / 6])
    before = make_pipeline(BalancedWeighting(), Draw(), Spy()).fit(X, y)[-1]
    assert_allclose(np.bincount(before.y_, before.weight_), [30, 60])


def test_the_class_multiplier_is_what_samplers_and_emphasis_did_together(rows):
    X, y, population = rows
    pipe = make_pipeline(Draw(), ClassWeighting({0: 1, 1: 3}), Spy())
    fitted = pipe.fit(X, y, population)[-1]
    mass = np.bincount(fitted.y_, fitted.weight_) / np.bincount(y, population)
    assert_allclose(pipe.class_multiplier_, mass)
    assert_allclose(mass[1] / mass[0], 2 * 3)
    assert_allclose(make_pipeline(Draw(), Spy()).fit(X, y).class_multiplier_, [1, 2])
    assert_allclose(make_pipeline(Spy()).fit(X, y).class_multiplier_, [1, 1])


def test_resampling_is_emphasis_to_a_weighted_classifier(rows):
    X, y, population = rows
    last = WeightedClassifier(Spy(), weighting=None, calibration="prior")
    pipe = make_pipeline(Draw(), last).fit(X, y, population)
    report = pipe[-1].report_
    share = np.bincount(y, population) / population.sum()
    assert_allclose(report.population_share, share)
    assert_allclose(report.class_multiplier[1] / report.class_multiplier[0], 2)
    # Half and half in a world with class 1 doubled.
    expected = 0.5 / 2 / (0.5 + 0.5 / 2)
    assert_allclose(pipe.predict_proba(X)[:, 1], expected)


def test_no_drawn_rows_are_held_out(rows):
    X, y, _ = rows
    last = WeightedClassifier(LogisticRegression(), calibration="sigmoid")
    with pytest.raises(ValueError, match="each training fold"):
        make_pipeline(Draw(), last).fit(X, y)
    last.set_params(calibration=None, decision="tuned")
    with pytest.raises(ValueError, match="each training fold"):
        make_pipeline(Draw(), last).fit(X, y)


def test_around_the_pipeline_held_out_rows_are_as_they_came(rows):
    X, y, _ = rows
    X = X + y[:, np.newaxis]
    collected = []

    class Recorder(LogisticRegression):
        def decision_function(self, X):
            collected.append(len(X))
            return super().decision_function(X)

    clf = WeightedClassifier(
        make_pipeline(Draw(), Recorder()), weighting=None, calibration="sigmoid", cv=5
    ).fit(X, y)
    assert collected == [12] * 5
    assert clf.report_.rows == [45, 15]


@pytest.mark.parametrize("weighting", [None, "balanced"])
def test_the_inversion_knows_what_the_pipeline_inside_has_done(rows, weighting):
    X, y, population = rows
    pipe = make_pipeline(Draw(), Spy())
    clf = WeightedClassifier(pipe, weighting=weighting, calibration="prior")
    report = clf.fit(X, y, population).report_
    share = np.bincount(y, population) / population.sum()
    ratio = 2 if weighting is None else 2 * share[0] / share[1]
    assert_allclose(clf.class_multiplier_[1] / clf.class_multiplier_[0], ratio)
    assert_allclose(
        report.training_share[1], ratio * share[1] / (ratio * share[1] + share[0])
    )
    assert_allclose(report.population_share, share)
    assert_allclose(clf.predict_proba(X)[:, 1], 1 / (1 + ratio))


@pytest.mark.parametrize("weighted", [False, True])
def test_a_search_inside_a_weighted_classifier_scores_it(rows, weighted):
    X, y, weight = rows
    pipe = make_pipeline(
        Scale(), Draw(), BalancedWeighting(strength=0.5), LogisticRegression()
    )
    search = GridSearchCV(pipe, {"logisticregression__C": [0.1, 1.0]}, cv=2)
    clf = WeightedClassifier(search, normalize=False, weighting=None, calibration=None)
    clf.fit(X, y, weight if weighted else None)
    actual = clf.estimator_
    assert np.isfinite(actual.cv_results_["mean_test_score"]).all()
    alone = clone(search).fit(X, y, **({"sample_weight": weight} if weighted else {}))
    assert_allclose(actual.predict_proba(X), alone.predict_proba(X), rtol=1e-6)


def test_a_sampler_is_given_polars_frames_with_or_without_weights(rows):
    over = pytest.importorskip("imblearn.over_sampling")
    frame = pytest.importorskip("polars").DataFrame(rows[0], schema=[*"abc"])
    for weight in (None, rows[2]):
        draw = over.RandomOverSampler(random_state=0)
        pipe = make_pipeline(draw, Spy()).fit(frame, rows[1], weight)
        assert pipe[-1].X_.columns == [*"abc"]
        assert_allclose(pipe.class_multiplier_[1], 3, rtol=0.5)


def test_row_wise_arguments_follow_their_rows(rows):
    X, y, _ = rows

    class Grouped(Spy):
        def fit(self, X, y, sample_weight=None, groups=None):
            self.groups_ = groups
            return super().fit(X, y, sample_weight)

    class Make(BaseEstimator):
        def fit_resample(self, X, y):
            return np.vstack([X, X[:5]]), np.append(y, y[:5])

    groups = np.arange(60)
    pipe = make_pipeline(Draw(), Grouped()).fit(X, y, grouped__groups=groups)
    assert_array_equal(pipe[-1].groups_, pipe[0].sample_indices_)
    with pytest.raises(ValueError, match="makes rows that were not there"):
        make_pipeline(Make(), Grouped()).fit(X, y, grouped__groups=groups)


def test_a_sampler_is_told_no_weights_of_its_own(rows):
    X, y, weight = rows
    with pytest.raises(TypeError, match="resampled together with the rows"):
        make_pipeline(Draw(), Spy()).fit(X, y, draw__sample_weight=weight)


@pytest.mark.parametrize(
    "name", ["SMOTE", "ADASYN", "RandomUnderSampler", "SMOTETomek"]
)
def test_weights_ride_along_through_samplers_of_imblearn(rng, name):
    """They follow the rows: here they are a linear function of them."""
    for module in ("over_sampling", "under_sampling", "combine"):
        module = pytest.importorskip(f"imblearn.{module}")
        sampler = getattr(module, name, None) or locals().get("sampler")
    sampler = sampler() if name == "NearMiss" else sampler(random_state=0)
    X = rng.normal(size=(200, 3))
    y = (np.arange(200) % 5 == 0).astype(int)
    population = 10 + X @ [1.0, 2.0, -1.0]
    for _ in range(2):  # nothing that a fit leaves behind disturbs the next
        pipe = make_pipeline(sampler, BalancedWeighting(), Scale(), Spy())
        pipe.fit(X, y, population)
        rows = pipe[-1].X_ / 2
        assert_allclose(pipe["scale"].weight_, 10 + rows @ [1.0, 2.0, -1.0])
        mass = np.bincount(pipe[-1].y_, pipe[-1].weight_)
        assert_allclose(mass[0], mass[1])
        plain = clone(sampler).fit_resample(X, y)[0]
        assert_array_equal(plain, rows)  # as without weights, to the last bit


def test_a_weighted_sampler_says_how_weights_follow(rows):
    over = pytest.importorskip("imblearn.over_sampling")
    X, y, population = rows
    draws = WeightedSampler(over.RandomOverSampler(random_state=0), preserve_mass=True)
    for weight in (None, population):
        last = make_pipeline(draws, Spy()).fit(X, y, weight)[-1]
        mass = np.bincount(last.y_, last.weight_)
        assert_allclose(mass, np.bincount(y, weight))
        assert len(last.y_) == 90


def test_hybrid_recipes_have_the_class_masses_they_say(rng):
    """SMOTE to 0.3, then half of the way to balance: masses n_k ** 0.5."""
    over = pytest.importorskip("imblearn.over_sampling")
    X = rng.normal(size=(660, 2))
    y = (np.arange(660) % 11 == 0).astype(int)
    smote = over.SMOTE(sampling_strategy=0.3, random_state=0)
    pipe = make_pipeline(smote, BalancedWeighting(strength=0.5), Spy()).fit(X, y)
    mass = np.bincount(pipe[-1].y_, pipe[-1].weight_)
    assert_allclose(mass[1] / mass[0], np.sqrt(0.3))
    assert_allclose(pipe.class_multiplier_, mass / np.bincount(y))


# -- after the fit ---------------------------------------------------------------------


def test_weightings_and_samplers_count_in_fit_alone(rows):
    X, y, _ = rows
    pipe = make_pipeline(
        StandardScaler(), Draw(), BalancedWeighting(), LogisticRegression()
    ).fit(X, y)
    Z = pipe["standardscaler"].transform(X)
    last = pipe[-1]
    for method in (
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
    ):
        assert_array_equal(getattr(pipe, method)(X), getattr(last, method)(Z))
    assert_array_equal(pipe[:-1].transform(X), Z)
    assert pipe.score(X, y) == last.score(Z, y)
    assert pipe.score(X, y, sample_weight=y + 1) == last.score(Z, y, y + 1)


def test_columns_that_only_a_weighting_may_see_are_dropped(rows):
    X, y, weight = rows
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(households=weight)
    pipe = make_pipeline(ColumnWeighting("households"), StandardScaler(), Spy())
    pipe.fit(frame, y)
    assert_allclose(pipe[-1].weight_, weight / weight.mean())
    assert pipe[1].n_features_in_ == 3
    assert pipe.n_features_in_ == 4
    with_it, without = pipe[:-1].transform(frame), pipe[:-1].transform(frame[[*"abc"]])
    assert_array_equal(with_it, without)
    names = pipe[:-1].get_feature_names_out([*"abc", "households"])
    assert [*names] == [*"abc"]

    table = frame.to_numpy()
    pipe.set_params(columnweighting__column=-1).fit(table, y)
    assert_array_equal(pipe[:-1].transform(table), pipe[:-1].transform(table[:, :3]))
    assert pickle.loads(pickle.dumps(pipe)).predict(table).shape == (60,)


@pytest.mark.parametrize("passed", ["constructor", "fit"])
def test_the_target_is_transformed_by_the_steps_before(rng, passed):
    X = 100 * rng.normal(size=(80, 2))
    y = (X[:, 0] > 0).astype(int)
    target = X[:50] + 30
    params = {
        "estimator": KernelLogisticRatio(n_centers=20, sigmas=1.0, lambdas=0.1),
        "random_state": 0,
    }
    scaler = StandardScaler().fit(X)
    alone = DensityRatioWeighting(scaler.transform(target), **params)
    expected = alone.fit_weigh(scaler.transform(X), y)
    given = target if passed == "constructor" else None
    weighting = DensityRatioWeighting(given, **params)
    pipe = Pipeline([("scale", StandardScaler()), ("ratio", weighting), ("spy", Spy())])
    arguments = {} if passed == "constructor" else {"ratio__X_target": target}
    for _ in range(2):  # a second fit finds the target as it was given
        pipe.fit(X, y, **arguments)
        assert_allclose(pipe[-1].weight_, expected)
        assert pipe["ratio"].X_target is given


def test_the_target_is_transformed_in_a_product_too(rng):
    X = 100 * rng.normal(size=(80, 2))
    y = (X[:, 0] > 0).astype(int)
    ratio = DensityRatioWeighting(
        X[:50] + 30,
        estimator=KernelLogisticRatio(n_centers=20, sigmas=1.0, lambdas=0.1),
        random_state=0,
    )
    product = make_pipeline(StandardScaler(), ratio * BalancedWeighting(), Spy())
    steps = make_pipeline(StandardScaler(), clone(ratio), BalancedWeighting(), Spy())
    expected = steps.fit(X, y)[-1].weight_
    assert_allclose(product.fit(X, y)[-1].weight_, expected)


# -- what people do with Pipelines -----------------------------------------------------


@pytest.mark.parametrize("n_jobs", [None, pytest.param(2, marks=pytest.mark.slow)])
def test_a_search_reaches_into_every_step(rows, n_jobs):
    X, y, _ = rows
    pipe = make_pipeline(
        StandardScaler(), Draw(), BalancedWeighting(), LogisticRegression()
    )
    grid = {
        "balancedweighting__strength": [0.0, 1.0],
        "draw": ["passthrough"] if n_jobs else ["passthrough", Draw()],
        "logisticregression__C": [0.1, 1.0],
    }
    if n_jobs:
        pipe.set_params(draw=None)
    search = GridSearchCV(pipe, grid, cv=2, n_jobs=n_jobs).fit(X, y)
    assert search.best_estimator_.predict(X).shape == (60,)
    assert "param_balancedweighting__strength" in search.cv_results_


def test_a_weighting_may_be_switched_off(rows):
    X, y, _ = rows
    pipe = make_pipeline(BalancedWeighting(), Spy()).set_params(balancedweighting=None)
    assert pipe.fit(X, y)[-1].weight_ is None


@pytest.mark.parametrize("routing", [False, True])
def test_weights_reach_every_fold_of_a_search(rows, routing):
    X, y, weight = rows
    pipe = make_pipeline(Scale(), BalancedWeighting(), LogisticRegression())
    with config_context(enable_metadata_routing=routing):
        if routing:
            pipe.set_fit_request(sample_weight=True)
            pipe[-1].set_score_request(sample_weight=True)
            pipe.set_score_request(sample_weight=True)  # for scikit-learn before 1.8
        search = GridSearchCV(pipe, {"logisticregression__C": [1.0]}, cv=2)
        best = search.fit(X, y, sample_weight=weight).best_estimator_
        score = cross_val_score(pipe, X, y, cv=2, params={"sample_weight": weight})
    assert_array_equal(best[0].weight_, weight)
    assert np.isfinite(score).all()


def test_a_request_of_a_step_is_one_of_the_pipeline(rows):
    """As in scikit-learn: no need to ask twice."""
    X, y, weight = rows
    with config_context(enable_metadata_routing=True):
        pipe = make_pipeline(Scale(), Spy().set_fit_request(sample_weight=True))
        pipe[-1].set_score_request(sample_weight=True)
        pipe.set_score_request(sample_weight=True)  # for scikit-learn before 1.8
        search = GridSearchCV(pipe, {"scale": [Scale()]}, cv=2)
        search.fit(X, y, sample_weight=weight)
        search.set_params(estimator=make_pipeline(Scale(), Spy()))
        with pytest.raises(ValueError, match="sample_weight"):
            search.fit(X, y, sample_weight=weight)
    assert_array_equal(search.best_estimator_[-1].weight_, weight)


def test_weights_reach_it_inside_other_estimators_without_routing(rows):
    X, y, weight = rows
    pipe = make_pipeline(Scale(), LogisticRegression())
    calibrated = CalibratedClassifierCV(pipe, cv=2).fit(X, y, sample_weight=weight)
    for classifier in calibrated.calibrated_classifiers_:
        assert classifier.estimator[0].weight_ is not None


def test_memory_keeps_the_work_of_the_steps_before_the_last(rows, tmp_path):
    X, y, weight = rows
    pipe = make_pipeline(
        Counting(), Draw(), BalancedWeighting(), Spy(), memory=str(tmp_path)
    )
    Counting.fits = 0
    first = pipe.fit(X, y, weight)[-1].weight_
    assert Counting.fits == 1
    again = clone(pipe).fit(X, y, weight)
    assert Counting.fits == 1
    assert_array_equal(again[-1].weight_, first)
    clone(pipe).fit(X, y, weight + 1)  # other weights are another fit
    assert Counting.fits == 2


class Counting(Scale):
    """Transformer that counts its fits."""

    fits = 0

    def fit(self, X, y=None, sample_weight=None):
        Counting.fits += 1
        return super().fit(X, y, sample_weight)


def test_set_output_html_clone_and_tags(rows):
    X, y, _ = rows
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    pipe = make_pipeline(StandardScaler(), BalancedWeighting(), LogisticRegression())
    pipe.set_output(transform="pandas").fit(frame, y)
    assert [*pipe[:-1].transform(frame).columns] == ["a", "b", "c"]
    assert [*pipe[-1].feature_names_in_] == ["a", "b", "c"]
    assert [*pipe.feature_names_in_] == ["a", "b", "c"]
    html = pipe._repr_html_()
    assert "balancedweighting" in html.lower()
    copy = clone(pipe)
    assert not hasattr(copy, "deliveries_")
    assert not hasattr(copy, "class_multiplier_")
    assert isinstance(pipe[:2], Pipeline)
    assert isinstance(pipe, PlainPipeline)


def test_callbacks_hear_of_every_step(rows):
    callback = pytest.importorskip("sklearn.callback")
    X, y, weight = rows
    heard = []

    class Listen:
        def setup(self, estimator, context):
            heard.append("setup")

        def teardown(self, estimator, context):
            heard.append("teardown")

        def on_fit_task_begin(self, estimator, context):
            heard.append(context.task_name)

        def on_fit_task_end(self, estimator, context):
            return False

    assert isinstance(Listen(), callback.FitCallback)
    pipe = make_pipeline(Scale(), Draw(), BalancedWeighting(), None, Spy())
    pipe.set_callbacks(Listen()).fit(X, y, weight)
    assert heard == [
        "setup",
        "fit",
        "fit-transform-scale",
        "fit-transform-draw",
        "fit-transform-balancedweighting",
        "fit-transform-nonetype",
        "fit-final-estimator",
        "teardown",
    ]


def test_steps_that_cannot_stand_there_are_named():
    X, y = np.zeros((4, 1)), [0, 1, 0, 1]
    with pytest.raises(TypeError, match="estimator class"):
        make_pipeline(StandardScaler, Spy()).fit(X, y)
    inner = make_pipeline(BalancedWeighting(), StandardScaler())
    with pytest.raises(TypeError, match="outer Pipeline"):
        make_pipeline(inner, Spy()).fit(X, y)
    with pytest.raises(ValueError, match="Did you mean 'spy'"):
        make_pipeline(Spy()).fit(X, y, spi__a=1)


# -- odd rows --------------------------------------------------------------------------


def test_labels_and_containers_of_every_kind(rows):
    X, y, weight = rows
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(
        kind=pd.Categorical(np.where(X[:, 0] > 0, "x", "y"))
    )
    words = np.where(y == 1, "yes", "no")
    columns = make_column_transformer(
        (StandardScaler(), ["a", "b"]), (OneHotEncoder(), ["kind"])
    )
    pipe = make_pipeline(columns, BalancedWeighting(), LogisticRegression())
    pipe.fit(frame, pd.Series(words, dtype="string"), sample_weight=pd.Series(weight))
    assert set(pipe.predict(frame)) <= {"yes", "no"}
    assert_allclose(pipe.class_multiplier_.min(), 0.5 / 0.75, atol=0.1)

    thin = sparse.csr_matrix(X)
    scaled = make_pipeline(
        StandardScaler(with_mean=False), BalancedWeighting(), LogisticRegression()
    )
    dense = clone(scaled).fit(X, words, weight).predict_proba(X)
    assert_allclose(scaled.fit(thin, words, weight).predict_proba(thin), dense)


def test_one_class_and_zero_weights(rows):
    X, y, weight = rows
    weight = np.where(y == 1, 0.0, weight)  # class 1 has no mass
    pipe = make_pipeline(StandardScaler(), BalancedWeighting(), Spy()).fit(X, y, weight)
    assert_allclose(pipe[-1].weight_, weight)
    single = make_pipeline(Draw(), BalancedWeighting(), Spy()).fit(X, np.zeros(60, int))
    assert_allclose(single.class_multiplier_, [1])
