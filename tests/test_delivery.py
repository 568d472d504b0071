"""Exactly the right weight reaches every learner, by whatever way it takes weights.

Spies record the rows and the weights they were fitted with. Row numbers travel in the
first column of X, so that a weight that was dropped, shifted, doubled or squared fails
a test, and not only one that is missing.
"""

import io
import math
import pickle
from fractions import Fraction
from typing import NamedTuple

import joblib
import numpy as np
import pytest
import sklearn
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.stats import uniform
from sklearn import config_context
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    clone,
)
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import RFE, RFECV, SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    RandomizedSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import (
    OneVsOneClassifier,
    OneVsRestClassifier,
    OutputCodeClassifier,
)
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder
from sklearn.svm import SVC, LinearSVC, NuSVC
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from skweight import WeightedClassifier
from skweight.delivery import deliver
from skweight.delivery._balancing import balances_itself
from skweight.delivery._draw import systematic_resample
from skweight.delivery._one import TRAINING, WeightAdapter
from skweight.exceptions import UnsupportedWeightsError

SKLEARN = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
N_ROWS = 60


class Seen(NamedTuple):
    """What one call showed to a spy."""

    tag: str
    method: str
    rows: np.ndarray
    weights: np.ndarray | None
    other: dict


LOG = []


@pytest.fixture(autouse=True)
def _empty_log():
    LOG.clear()


def log(tag, method, X, weights, id_column=0, **other):
    X = X.toarray() if sparse.issparse(X) else np.asarray(X)
    rows = X[:, id_column].astype(int)
    weights = None if weights is None else np.array(weights)
    LOG.append(Seen(tag, method, rows, weights, other))


class WeightlessSpy(ClassifierMixin, BaseEstimator):
    """Nearest class mean; sees rows and takes no weights."""

    def __init__(self, tag="learner", C=1.0, id_column=0):
        self.tag = tag
        self.C = C
        self.id_column = id_column

    def fit(self, X, y):
        log(self.tag, "fit", X, None, self.id_column)
        return self._learn(X, y, np.ones(len(y)))

    def _learn(self, X, y, weights):
        X = np.asarray(X, dtype=float)
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.means_ = np.stack(
            [
                np.average(X[codes == k], axis=0, weights=weights[codes == k])
                for k in range(self.classes_.size)
            ]
        )
        self.n_features_in_ = X.shape[1]
        # Selectors must keep the column of row numbers.
        self.coef_ = np.array([[9.0, *np.linspace(1, 2, X.shape[1] - 1)]])
        return self

    def predict_proba(self, X):
        if not hasattr(self, "means_"):
            raise NotFittedError(f"{type(self).__name__} is not fitted")
        X = np.delete(np.asarray(X, dtype=float), self.id_column, axis=1)
        means = np.delete(self.means_, self.id_column, axis=1)
        logits = -((X[:, None] - means) ** 2).sum(axis=2)
        proba = np.exp(logits - logits.max(axis=1, keepdims=True))
        return proba / proba.sum(axis=1, keepdims=True)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class Spy(WeightlessSpy):
    """The same with weights, in the fit and in the score."""

    def fit(self, X, y, sample_weight=None):
        log(self.tag, "fit", X, sample_weight, self.id_column)
        return self._learn(
            X, y, np.ones(len(y)) if sample_weight is None else sample_weight
        )

    def score(self, X, y, sample_weight=None):
        log(self.tag, "score", X, sample_weight, self.id_column)
        return accuracy_score(y, self.predict(X), sample_weight=sample_weight)


class ArgumentSpy(Spy):
    """The same with further arguments of fit."""

    def fit(self, X, y, sample_weight=None, eval_set=None, times=None):
        log(
            self.tag,
            "fit",
            X,
            sample_weight,
            self.id_column,
            eval_set=eval_set,
            times=times,
        )
        return self._learn(
            X, y, np.ones(len(y)) if sample_weight is None else sample_weight
        )


class ClassWeightSpy(WeightlessSpy):
    """Takes class_weight alone."""

    def __init__(self, tag="learner", class_weight=None):
        super().__init__(tag)
        self.class_weight = class_weight

    def fit(self, X, y):
        log(self.tag, "fit", X, None, class_weight=self.class_weight)
        return self._learn(X, y, np.ones(len(y)))


class SpyTransformer(TransformerMixin, BaseEstimator):
    """Leaves the rows as they are."""

    def __init__(self, tag="transformer"):
        self.tag = tag

    def fit(self, X, y=None, sample_weight=None):
        log(self.tag, "fit", X, sample_weight)
        self.n_features_in_ = np.shape(X)[1]
        return self

    def transform(self, X):
        return X


class Forgetful(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A third party's meta-estimator that takes anything and passes nothing on."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y, **fit_params):
        self.estimator_ = clone(self.estimator).fit(X, y)
        self.classes_ = self.estimator_.classes_
        return self

    def predict(self, X):
        return self.estimator_.predict(X)


@pytest.fixture(params=[False, True], ids=["routing off", "routing on"])
def routing(request):
    with config_context(enable_metadata_routing=request.param):
        yield request.param


class Data(NamedTuple):
    X: np.ndarray
    y: np.ndarray
    training: np.ndarray
    population: np.ndarray


@pytest.fixture
def data(rng):
    """Rows whose first column is their number, and weights that all differ."""
    codes = np.arange(N_ROWS) % 3 == 0
    X = np.column_stack([np.arange(N_ROWS), rng.normal(size=(N_ROWS, 3))])
    X[:, 1] += 2 * codes
    y = np.array(["no", "yes"])[codes.astype(int)]
    return Data(X, y, rng.uniform(0.5, 2, N_ROWS), rng.uniform(0.5, 2, N_ROWS))


def by_class(y, **weights):
    return np.array([weights[label] for label in y], dtype=float)


def pipe(*steps):
    return Pipeline([(f"step{number}", step) for number, step in enumerate(steps)])


T, S = SpyTransformer, Spy


def small_pipe():
    return pipe(T(), S())


def calibrated(estimator, **params):
    return CalibratedClassifierCV(estimator, method="isotonic", cv=2, **params)


COMPOSITES = {
    "pipeline": small_pipe,
    "nested pipelines": lambda: pipe(T(), pipe(T(), pipe(T(), S()))),
    "union of transformers": lambda: pipe(
        FeatureUnion([("a", T()), ("b", pipe(T(), T()))]), S()
    ),
    "column transformer": lambda: pipe(
        ColumnTransformer([("a", T(), [0, 1]), ("b", pipe(T()), [0, 2])]), S()
    ),
    "grid search": lambda: GridSearchCV(S(), {"C": [1, 2]}, cv=2),
    "grid search of a pipeline": lambda: GridSearchCV(
        small_pipe(), {"step1__C": [1, 2]}, cv=2, scoring="accuracy"
    ),
    "grid of estimators": lambda: GridSearchCV(
        small_pipe(), {"step1": [S(), S(C=2), small_pipe()]}, cv=2
    ),
    "grid of estimators and transformers": lambda: GridSearchCV(
        small_pipe(),
        [{"step0": [T(), "passthrough"]}, {"step1": np.array([S(), S(C=3)])}],
        cv=2,
    ),
    "randomized search": lambda: RandomizedSearchCV(
        small_pipe(),
        {"step1": [S(), S(C=2)], "step1__C": uniform()},
        n_iter=3,
        cv=2,
        random_state=0,
    ),
    "voting": lambda: VotingClassifier([("a", S()), ("b", small_pipe())]),
    "search with many scorers": lambda: GridSearchCV(
        S(), {"C": [1, 2]}, cv=2, scoring=["accuracy", "roc_auc"], refit="roc_auc"
    ),
    "voting, soft": lambda: VotingClassifier(
        [("a", S()), ("b", "drop"), ("c", S())], voting="soft"
    ),
    "stacking": lambda: StackingClassifier(
        [("a", S()), ("b", small_pipe())], S(id_column=2), cv=2, passthrough=True
    ),
    "calibrated": lambda: calibrated(S()),
    "calibrated, one model": lambda: calibrated(S(), ensemble=False),
    "calibrated pipeline": lambda: calibrated(small_pipe()),
    "one against rest": lambda: OneVsRestClassifier(S()),
    "one against one": lambda: OneVsOneClassifier(S()),
    "one against one, pipeline": lambda: OneVsOneClassifier(small_pipe()),
    "output code": lambda: OutputCodeClassifier(S(), random_state=0),
    "fixed threshold": lambda: FixedThresholdClassifier(S()),
    "tuned threshold": lambda: TunedThresholdClassifierCV(S(), cv=2, thresholds=5),
    "tuned threshold of a pipeline": lambda: TunedThresholdClassifierCV(
        small_pipe(), cv=2, thresholds=5
    ),
    "RFE": lambda: RFE(S(), n_features_to_select=2),
    "RFECV": lambda: RFECV(S(), cv=2),
    "RFECV of a pipeline": lambda: RFECV(
        small_pipe(), cv=2, importance_getter="named_steps.step1.coef_"
    ),
    "RFE as a step": lambda: pipe(RFE(S("selector")), S()),
    "RFECV as a step": lambda: pipe(RFECV(S("selector"), cv=2), S()),
    "SelectFromModel as a step": lambda: pipe(
        SelectFromModel(S("selector"), threshold=0.5), S()
    ),
    "search in a pipeline": lambda: pipe(
        T(), GridSearchCV(small_pipe(), {"step1__C": [1, 2]}, cv=2)
    ),
    "search in a search": lambda: GridSearchCV(
        GridSearchCV(S(), {"C": [1, 2]}, cv=2), {"cv": [2, 3]}, cv=2
    ),
    "voting in a pipeline": lambda: pipe(
        T(), VotingClassifier([("a", S()), ("b", small_pipe())])
    ),
    "voting in stacking": lambda: StackingClassifier(
        [("v", VotingClassifier([("a", S()), ("b", small_pipe())])), ("s", S())],
        S(id_column=2),
        cv=2,
        passthrough=True,
    ),
    "calibrated voting": lambda: calibrated(
        VotingClassifier([("a", S()), ("b", small_pipe())], voting="soft")
    ),
    "calibrated search": lambda: calibrated(
        GridSearchCV(small_pipe(), {"step1__C": [1, 2]}, cv=2)
    ),
    "calibrated in voting": lambda: VotingClassifier(
        [("a", calibrated(small_pipe())), ("b", S())]
    ),
    "calibrated in a search": lambda: GridSearchCV(
        calibrated(S()), {"estimator__C": [1, 2]}, cv=2
    ),
    "calibrated in stacking": lambda: StackingClassifier(
        [("a", calibrated(S())), ("b", S())],
        S(id_column=2),
        cv=2,
        passthrough=True,
    ),
    "calibrated in calibrated": lambda: calibrated(calibrated(S())),
    "stacking in calibrated": lambda: calibrated(
        StackingClassifier([("a", S())], S(id_column=1), cv=2, passthrough=True)
    ),
    "search in one against rest": lambda: OneVsRestClassifier(
        GridSearchCV(S(), {"C": [1, 2]}, cv=2)
    ),
    "threshold in voting": lambda: VotingClassifier(
        [("a", FixedThresholdClassifier(S())), ("b", OneVsRestClassifier(S()))]
    ),
    "search of one against rest": lambda: GridSearchCV(
        OneVsRestClassifier(S()), {"estimator__C": [1, 2]}, cv=2
    ),
}


class RecordingUnpickler(pickle.Unpickler):
    """Records which classes occur anywhere in a pickled object."""

    def __init__(self, file):
        super().__init__(file)
        self.found = set()

    def find_class(self, module, name):
        self.found.add(actual := super().find_class(module, name))
        return actual


def seen_by(tag="learner", method="fit"):
    return [call for call in LOG if call.tag == tag and call.method == method]


def assert_weights(seen, expected, what):
    """Compare the weights of one call with those of the rows it saw."""
    if expected is None:
        assert seen.weights is None, what
    else:
        assert seen.weights is not None, f"{what}: no weights came"
        assert_array_equal(seen.weights, expected[seen.rows], err_msg=what)


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("with_routing", [True, False])
@pytest.mark.parametrize(("position", "name"), [*enumerate(COMPOSITES)])
def test_composite(data, with_routing, position, name):
    """Every fit and score in a composite, and what is left of the delivery."""
    # Without routing, half of the composites have no weights of a population.
    with_population = with_routing or position // 2 % 2 == 1
    estimator = COMPOSITES[name]()
    clone(estimator).fit(data.X, data.y)
    tags = ("learner", "transformer", "selector")
    n_plain = {tag: len(seen_by(tag, "fit")) for tag in tags}
    LOG.clear()
    population = data.population if with_population else None
    before = joblib.hash(estimator)
    parts = {key: id(value) for key, value in estimator.get_params().items()}

    with config_context(enable_metadata_routing=with_routing):
        fitted, deliveries = deliver(
            estimator, data.X, data.y, data.training, population=population
        )
        assert sklearn.get_config()["enable_metadata_routing"] == with_routing

    expected = dict(zip(tags, (data.training, population, population), strict=True))
    for tag, weights in expected.items():
        fits = seen_by(tag, "fit")
        assert len(fits) == n_plain[tag], f"{tag}: as many fits as without weights"
        for fit_call in fits:
            # Subsets of rows, in folds, keep the weights of exactly those rows.
            assert_weights(fit_call, weights, f"fit of {tag}")
        for fit_call in seen_by(tag, "score"):
            assert_weights(fit_call, population, f"score of {tag}")
    roles = {delivery.weights for delivery in deliveries}
    assert "population x emphasis" in roles
    counts_population = n_plain["transformer"] + n_plain["selector"]
    assert ("population" in roles) == (
        with_population and (counts_population > 0 or "calibrated" in name)
    )

    # The caller's estimator is as it was, its parts the same objects.
    assert joblib.hash(estimator) == before
    assert parts == {key: id(value) for key, value in estimator.get_params().items()}
    # The fitted one is as scikit-learn makes it, wherever a user may look.
    assert b"skweight_" not in pickle.dumps(fitted), "a name of ours in a request"
    loader = RecordingUnpickler(io.BytesIO(pickle.dumps(fitted)))
    labels = fitted.predict(data.X)
    assert_array_equal(loader.load().predict(data.X), labels)
    assert WeightAdapter not in loader.found
    assert set(labels) <= set(data.y)
    clone(fitted).fit(data.X, data.y).predict(data.X)


class TestOneEstimator:
    """An estimator that stands alone."""

    LEAVES = (
        AdaBoostClassifier(n_estimators=3, random_state=0),
        BaggingClassifier(n_estimators=3, random_state=0),
        BaggingClassifier(LogisticRegression(), n_estimators=3, random_state=0),
        BernoulliNB(),
        ComplementNB(),
        DecisionTreeClassifier(max_depth=2, random_state=0),
        DummyClassifier(strategy="prior"),
        ExtraTreeClassifier(max_depth=2, random_state=0),
        ExtraTreesClassifier(3, max_depth=2, random_state=0),
        GaussianNB(),
        GradientBoostingClassifier(n_estimators=2, random_state=0),
        HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=2, random_state=0),
        LinearSVC(random_state=0),
        LogisticRegression(),
        MLPClassifier((2,), max_iter=3, random_state=0),
        MultinomialNB(),
        NuSVC(nu=0.1),
        Perceptron(random_state=0),
        RandomForestClassifier(3, max_depth=2, random_state=0),
        RidgeClassifier(),
        RidgeClassifierCV(),
        SGDClassifier(random_state=0),
        SVC(),
    )

    @staticmethod
    def outputs(fitted, X):
        for method in ("decision_function", "predict_proba"):
            if hasattr(fitted, method):
                return getattr(fitted, method)(X)
        return fitted.predict(X)

    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    @pytest.mark.parametrize("estimator", LEAVES, ids=repr)
    def test_is_fitted_as_by_hand(self, data, routing, estimator):
        if isinstance(estimator, MLPClassifier) and SKLEARN < (1, 7):
            pytest.skip("takes no weights before scikit-learn 1.7")
        X = np.abs(data.X[:, 1:])
        # From one twentieth to twenty, so that even a small forest feels it.
        weights = data.training**4
        fitted, deliveries = deliver(estimator, X, data.y, weights)
        with config_context(enable_metadata_routing=False):
            by_hand = clone(estimator).fit(X, data.y, sample_weight=weights)
            plain = clone(estimator).fit(X, data.y)
        assert_array_equal(self.outputs(fitted, X), self.outputs(by_hand, X))
        assert not np.array_equal(self.outputs(fitted, X), self.outputs(plain, X))
        name = type(estimator).__name__
        assert deliveries == [(name, "population x emphasis", "sample_weight")]
        assert not hasattr(estimator, "classes_"), "the caller's is not fitted"

    def test_without_weights_is_a_plain_fit(self, data, routing):
        _, deliveries = deliver(ArgumentSpy(), data.X, data.y)
        assert deliveries == []
        assert LOG[0].weights is None
        pipeline, _ = deliver(small_pipe(), data.X, data.y)
        assert isinstance(pipeline.steps[1][1], Spy)

    def test_weights_that_draw_rows_are_delivered_to_bagging(self, data):
        heavy = np.arange(N_ROWS) < 12
        weights = np.where(heavy, 1.0, 1e-6)
        bagging = BaggingClassifier(S(), n_estimators=4, random_state=0)
        deliver(bagging, data.X, data.y, weights)
        for call in seen_by():
            assert call.weights[~heavy].sum() < 1e-3
            assert call.weights[heavy].sum() > 5

    @pytest.mark.parametrize("ensemble", [BaggingClassifier, AdaBoostClassifier])
    def test_ensemble_of_what_takes_no_weights(self, data, routing, ensemble):
        """Bagging draws rows by weight from 1.8 on; else its members must take it."""
        estimator = ensemble(pipe(T(), WeightlessSpy()), n_estimators=2)
        arguments = (estimator, data.X, data.y, data.training)
        if ensemble is BaggingClassifier and SKLEARN >= (1, 8):
            _, deliveries = deliver(*arguments)
            assert deliveries[0].way == "sample_weight"
            return
        with pytest.raises(
            UnsupportedWeightsError,
            match=f"{ensemble.__name__} passes sample_weight to Pipeline, which",
        ):
            deliver(*arguments)
        if ensemble is BaggingClassifier:
            _, deliveries = deliver(*arguments, unsupported="resample")
            assert deliveries[0].way == "resample"

    def test_class_weight_where_nothing_else_is_taken(self, data, routing):
        weights = by_class(data.y, no=0.5, yes=2.0)
        fitted, deliveries = deliver(ClassWeightSpy(), data.X, data.y, weights)
        assert LOG[-1].other["class_weight"] == {"no": 0.5, "yes": 2.0}
        assert [type(key) for key in fitted.class_weight] == [str, str]
        assert deliveries[0].way == "class_weight"

    @pytest.mark.parametrize(
        "labels", [(0, 1), (-1, 1), (False, True), (0.5, 1.5), ("0", "1")]
    )
    def test_class_weight_is_looked_up_by_the_value_of_the_label(self, data, labels):
        y = np.array(labels)[(data.y == "yes").astype(int)]
        deliver(ClassWeightSpy(), data.X, y, by_class(data.y, no=0.5, yes=2.0))
        assert LOG[-1].other["class_weight"] == dict(zip(labels, (0.5, 2), strict=True))

    def test_class_weight_cannot_say_weights_that_differ_in_a_class(self, data):
        with pytest.raises(
            UnsupportedWeightsError,
            match="supports only class_weight, but the weights differ within a class",
        ):
            deliver(ClassWeightSpy(), data.X, data.y, data.training)
        _, deliveries = deliver(
            ClassWeightSpy(), data.X, data.y, data.training, unsupported="resample"
        )
        assert deliveries[0].way == "resample"
        assert LOG[-1].other["class_weight"] is None

    @pytest.mark.parametrize(
        "make", [LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis]
    )
    @pytest.mark.parametrize("own", [None, (0.9, 0.1)])
    def test_priors_of_discriminant_analysis(self, data, routing, make, own):
        """Weights multiply what the priors are, by themselves or by the user."""
        X, weights = data.X[:, 1:], by_class(data.y, no=0.5, yes=2.0)
        expected = np.array([2 / 3, 1 / 3] if own is None else own) * (0.5, 2)
        fitted, deliveries = deliver(make(priors=own), X, data.y, weights)
        assert_allclose(fitted.priors_, expected / expected.sum())
        assert deliveries[0].way == "priors"
        with pytest.raises(UnsupportedWeightsError, match="supports only priors"):
            deliver(make(priors=own), X, data.y, data.training)

    @pytest.mark.parametrize(
        "estimator",
        [KNeighborsClassifier(), GaussianProcessClassifier(), NearestCentroid()],
        ids=repr,
    )
    def test_no_way_in(self, data, routing, estimator):
        X = data.X[:, 1:]
        name = type(estimator).__name__
        with pytest.raises(UnsupportedWeightsError, match=f"{name} supports neither"):
            deliver(estimator, X, data.y, data.training)
        with pytest.raises(UnsupportedWeightsError, match=rf"{name} \(at step1\)"):
            deliver(pipe(T(), estimator), X, data.y, data.training)
        fitted, deliveries = deliver(
            estimator, X, data.y, data.training, unsupported="resample", random_state=3
        )
        rows = systematic_resample(data.training, random_state=3)
        by_hand = clone(estimator).fit(X[rows], data.y[rows])
        assert_array_equal(fitted.predict(X), by_hand.predict(X))
        assert deliveries == [(name, "population x emphasis", "resample")]

    def test_unknown_policy(self, data):
        with pytest.raises(ValueError, match="unsupported must be one of"):
            deliver(S(), data.X, data.y, data.training, unsupported="ignore")

    def test_tuning_within_one_fit_is_scored_by_the_population(self, data, routing):
        """LogisticRegressionCV would weight its choice of C by the emphasis."""
        scored = []

        def metric(y, predicted, sample_weight=None, **_):
            scored.append(sample_weight)
            return accuracy_score(y, predicted, sample_weight=sample_weight)

        arguments = {"Cs": [0.1, 1], "cv": 2, "l1_ratios": (0,)}
        if SKLEARN >= (1, 8):
            arguments |= {"use_legacy_attributes": False}
        else:
            arguments.pop("l1_ratios")
        scoring = make_scorer(metric)
        estimator = LogisticRegressionCV(scoring=scoring, **arguments)
        X = data.X[:, 1:]
        for model in (estimator, pipe(T(), estimator)):
            scored.clear()
            deliver(model, X, data.y, data.training)
            assert set(map(type, scored)) == {type(None)}
            scored.clear()
            fitted, _ = deliver(
                model, X, data.y, data.training, population=data.population
            )
            assert len(scored) >= 4
            for weights in scored:
                assert np.isin(weights, data.population).all()
        assert fitted[-1].scoring is not None
        by_hand = LogisticRegression(C=np.ravel(fitted[-1].C_)[0]).fit(
            X, data.y, data.training
        )
        assert_allclose(by_hand.coef_, fitted[-1].coef_, rtol=1e-3)
        balanced = by_class(data.y, no=0.75, yes=1.5)
        named = LogisticRegressionCV(scoring="accuracy", **arguments)
        assert_allclose(
            deliver(named, X, data.y, balanced)[0].coef_,
            clone(named).set_params(class_weight="balanced").fit(X, data.y).coef_,
        )


class TestRequests:
    """What users have said by set_fit_request."""

    @pytest.fixture(autouse=True)
    def _routing_on(self):
        with config_context(enable_metadata_routing=True):
            yield

    @pytest.mark.parametrize("with_routing", [False, True])
    def test_false_is_obeyed(self, data, with_routing):
        model = LogisticRegression().set_fit_request(sample_weight=False)
        spy = Spy().set_fit_request(sample_weight=False)
        per_class, X = by_class(data.y, no=0.5, yes=2.0), data.X[:, 1:]
        with config_context(enable_metadata_routing=with_routing):
            fitted, deliveries = deliver(model, X, data.y, per_class)
            assert deliveries[0].way == "class_weight"
            assert fitted.class_weight == {"no": 0.5, "yes": 2.0}
            with pytest.raises(
                UnsupportedWeightsError, match="supports only class_weig"
            ):
                deliver(model, X, data.y, data.training)
            for estimator in (spy, pipe(T(), spy), VotingClassifier([("a", spy)])):
                with pytest.raises(
                    UnsupportedWeightsError, match="has set_fit_request"
                ):
                    deliver(estimator, data.X, data.y, data.training)
                LOG.clear()
                _, deliveries = deliver(
                    estimator, data.X, data.y, data.training, unsupported="resample"
                )
                assert deliveries[-1].way == "resample"
                assert_drawn(seen_by()[0], data.training)

    def test_false_on_one_of_several_is_not_dropped(self, data):
        forbidden = Spy("forbidden").set_fit_request(sample_weight=False)
        voting = VotingClassifier([("a", S()), ("b", forbidden)])
        with pytest.raises(UnsupportedWeightsError, match=r"Spy \(at b\) has"):
            deliver(voting, data.X, data.y, data.training)
        assert not LOG

    def test_false_on_a_transformer_is_obeyed(self, data):
        estimator = pipe(T().set_fit_request(sample_weight=False), S())
        deliver(estimator, data.X, data.y, data.training, population=data.population)
        assert seen_by("transformer")[0].weights is None
        assert_weights(seen_by()[0], data.training, "learner")

    def test_true_is_served(self, data):
        estimator = pipe(
            T().set_fit_request(sample_weight=True),
            S().set_fit_request(sample_weight=True),
        )
        deliver(estimator, data.X, data.y, data.training, population=data.population)
        assert_weights(seen_by("transformer")[0], data.population, "transformer")
        assert_weights(seen_by()[0], data.training, "learner")

    def test_alias_under_which_nothing_came_asks_for_nothing(self, data):
        named = S().set_fit_request(sample_weight="mine")
        for estimator in (
            named,
            pipe(T(), named),
            VotingClassifier([("a", named), ("b", S())]),
        ):
            LOG.clear()
            deliver(estimator, data.X, data.y, data.training)
            for call in seen_by():
                assert_weights(call, data.training, "learner")

    def test_alias_under_which_weights_came_is_an_error(self, data):
        """Neither vector may replace the other in silence."""
        named = S().set_fit_request(sample_weight="mine")
        for estimator in (
            named,
            pipe(T(), named),
            VotingClassifier([("a", named), ("b", S())]),
        ):
            model = WeightedClassifier(estimator, calibration=None)
            model.set_fit_request(sample_weight=True)
            with pytest.raises(ValueError, match="Spy got a sample_weight directly"):
                model.fit(data.X, data.y, mine=data.population)
        assert not LOG

    def test_alias_of_a_transformer_is_served(self, data):
        estimator = pipe(T().set_fit_request(sample_weight="mine"), S())
        mine = np.arange(N_ROWS) + 1.0
        model = WeightedClassifier(estimator, weighting=None, calibration=None)
        model.fit(data.X, data.y, sample_weight=data.population, mine=mine)
        assert_weights(seen_by("transformer")[0], mine, "transformer")


def assert_drawn(seen, weights):
    """Each row was drawn as often as its share of the weights says, up or down."""
    rows, counts = np.unique(seen.rows, return_counts=True)
    pool = np.flatnonzero(weights > 0) if len(seen.rows) == len(weights) else None
    assert pool is not None, "as many draws as rows"
    drawn = np.zeros(len(weights), dtype=int)
    drawn[rows] = counts
    share = len(weights) * weights / weights.sum()
    assert_array_equal(drawn >= np.floor(share), True)
    assert_array_equal(drawn <= np.ceil(share), True)


class TestWithoutAWayIn:
    """Composites of estimators that take no weights, under unsupported="resample"."""

    MAKERS = (
        lambda one: pipe(T(), one),
        lambda one: VotingClassifier([("a", one), ("b", S("other"))]),
        lambda one: OneVsRestClassifier(one),
        lambda one: FixedThresholdClassifier(one),
        lambda one: pipe(T(), VotingClassifier([("a", pipe(T(), one))])),
        lambda one: SelectFromModel(one, threshold=0.5),
        lambda one: RFE(one, n_features_to_select=4),
    )

    @pytest.mark.parametrize("number", range(len(MAKERS)))
    def test_rows_are_drawn(self, data, routing, number):
        estimator = self.MAKERS[number](WeightlessSpy())
        arguments = (estimator, data.X, data.y, data.training)
        with pytest.raises(UnsupportedWeightsError, match="WeightlessSpy"):
            deliver(*arguments)
        assert not LOG
        _, deliveries = deliver(*arguments, unsupported="resample", random_state=0)
        for call in seen_by():
            assert_drawn(call, data.training)
        for call in seen_by("other"):
            assert_weights(call, data.training, "the other member")
        assert "resample" in {delivery.way for delivery in deliveries}

    @pytest.mark.parametrize(
        "make",
        [
            lambda one: GridSearchCV(one, {"C": [1, 2]}, cv=2),
            lambda one: GridSearchCV(pipe(T(), S()), {"step1": [one]}, cv=2),
            lambda one: StackingClassifier([("a", one)], DummyClassifier(), cv=2),
            lambda one: calibrated(one),
        ],
    )
    def test_rows_are_drawn_in_every_fold(self, data, routing, make):
        deliver(
            make(WeightlessSpy()),
            data.X,
            data.y,
            data.training,
            unsupported="resample",
            random_state=0,
        )
        assert {len(call.rows) for call in seen_by()} >= {N_ROWS // 2}
        for call in seen_by():
            if len(call.rows) == N_ROWS // 2:
                # The fold is one of the halves that the other draw does not see.
                drawn = np.unique(call.rows)
                assert not any(
                    np.isin(drawn, other.rows).any()
                    for other in seen_by()
                    if len(other.rows) == len(call.rows)
                    and not np.array_equal(other.rows, call.rows)
                )
                heavy = np.bincount(call.rows, minlength=N_ROWS) > 1
                light = np.setdiff1d(np.arange(N_ROWS), drawn)
                assert data.training[heavy].mean() > data.training[light].mean()
            else:
                assert_drawn(call, data.training)

    def test_seeded(self, data):
        def drawn(seed):
            LOG.clear()
            deliver(
                pipe(T(), WeightlessSpy()),
                data.X,
                data.y,
                data.training,
                unsupported="resample",
                random_state=seed,
            )
            return seen_by()[0].rows

        assert_array_equal(drawn(0), drawn(0))
        assert not np.array_equal(drawn(0), drawn(1))

    @pytest.mark.parametrize("container", [sparse.csr_array, list, sparse.csc_matrix])
    def test_any_container_of_rows(self, data, container):
        X = data.X.tolist() if container is list else container(data.X)
        fitted, _ = deliver(
            KNeighborsClassifier(1),
            X,
            data.y.tolist(),
            data.training,
            unsupported="resample",
        )
        assert set(fitted.predict(X)) == {"no", "yes"}

    @pytest.mark.parametrize("labels", [2, 3])
    def test_class_weights_in_composites(self, data, routing, labels):
        """Members that see a rest made of classes cannot be told class weights."""
        y = np.arange(N_ROWS) % labels
        weights = np.array([0.5, 2.0, 3.0])[y]
        for make in (lambda: pipe(T(), ClassWeightSpy()), lambda: calibrated(knows())):
            LOG.clear()
            _, deliveries = deliver(make(), data.X, y, weights)
            assert "class_weight" in {delivery.way for delivery in deliveries}
            for call in seen_by():
                assert list(call.other["class_weight"].values()) == [0.5, 2, 3][:labels]
        one_against_rest = OneVsRestClassifier(knows())
        if labels == 2:
            deliver(one_against_rest, data.X, y, weights)
            assert seen_by()[-1].other["class_weight"] == {0: 0.5, 1: 2.0}
            return
        with pytest.raises(UnsupportedWeightsError, match="differ within a class"):
            deliver(one_against_rest, data.X, y, weights)
        _, deliveries = deliver(
            one_against_rest, data.X, y, weights, unsupported="resample"
        )
        assert [delivery.way for delivery in deliveries] == ["resample"]

    def test_priors_in_composites(self, data, routing):
        weights, X = by_class(data.y, no=0.5, yes=2.0), data.X[:, 1:]
        analysis = LinearDiscriminantAnalysis()
        # Two thirds and one third of the rows, times the weights.
        expected = np.array([1 / 3, 2 / 3])
        for make, find in (
            (lambda: pipe(T(), analysis), lambda fitted: fitted[-1]),
            (
                lambda: VotingClassifier([("a", analysis)]),
                lambda fitted: fitted.estimators_[0],
            ),
            (
                lambda: GridSearchCV(analysis, {"tol": [1e-4]}, cv=2),
                lambda fitted: fitted.best_estimator_,
            ),
            (
                lambda: OneVsRestClassifier(analysis),
                lambda fitted: fitted.estimators_[0],
            ),
        ):
            fitted, deliveries = deliver(make(), X, data.y, weights)
            assert_allclose(find(fitted).priors_, expected)
            assert deliveries[-1].way == "priors"
        assert analysis.priors is None


def knows():
    return ClassWeightSpy()


class TestFitArguments:
    """Further arguments of fit go where scikit-learn would take them."""

    def test_alone(self, data, routing):
        times = np.arange(N_ROWS) * 1.5
        deliver(
            ArgumentSpy(), data.X, data.y, data.training, fit_params={"times": times}
        )
        assert LOG[0].other["times"] is times

    def test_by_the_name_of_a_step(self, data):
        pairs = [(data.X, data.y)]
        for estimator, name in (
            (pipe(T(), ArgumentSpy()), "step1__eval_set"),
            (pipe(T(), pipe(T(), ArgumentSpy())), "step1__step1__eval_set"),
            # Not in a step, but in one that is a composite.
            (pipe(T(), FixedThresholdClassifier(ArgumentSpy())), "step1__eval_set"),
            # A search hands arguments on to what it tunes.
            (
                GridSearchCV(pipe(T(), ArgumentSpy()), {"step1__C": [1]}, cv=2),
                "step1__eval_set",
            ),
            # Where an adapter stands, too.
            (
                StackingClassifier(
                    [("a", pipe(ArgumentSpy()))], DummyClassifier(), cv=2
                ),
                "a__step0__eval_set",
            ),
            (calibrated(ArgumentSpy()), "estimator__eval_set"),
        ):
            LOG.clear()
            deliver(estimator, data.X, data.y, data.training, fit_params={name: pairs})
            assert seen_by()
            for call in seen_by():
                assert_weights(call, data.training, name)
                assert call.other["eval_set"] is pairs, name

    def test_by_their_own_name(self, data):
        pairs = [(data.X, data.y)]
        for estimator in (
            GridSearchCV(ArgumentSpy(), {"C": [1]}, cv=2),
            VotingClassifier([("a", ArgumentSpy()), ("b", S())]),
            calibrated(ArgumentSpy()),
        ):
            LOG.clear()
            fit_params = {"eval_set": pairs}
            deliver(estimator, data.X, data.y, data.training, fit_params=fit_params)
            got = [call.other["eval_set"] for call in seen_by() if call.other]
            assert got
            assert all(item is pairs for item in got)

    def test_row_wise_ones_follow_the_folds(self, data):
        times = np.arange(N_ROWS) * 1.5
        search = GridSearchCV(pipe(T(), ArgumentSpy()), {"step1__C": [1]}, cv=2)
        deliver(
            search, data.X, data.y, data.training, fit_params={"step1__times": times}
        )
        assert len(seen_by()) == 3
        for call in seen_by():
            assert_array_equal(call.other["times"], times[call.rows])

    def test_row_wise_ones_follow_the_draw(self, data, routing):
        class Keeps(WeightlessSpy):
            def fit(self, X, y, times=None, eval_set=None):
                log("keeps", "fit", X, None, times=times, eval_set=eval_set)
                return self._learn(X, y, np.ones(len(y)))

        times, pairs = np.arange(N_ROWS) * 1.5, [(data.X, data.y)]
        deliver(
            Keeps(),
            data.X,
            data.y,
            data.training,
            unsupported="resample",
            fit_params={"times": times.tolist(), "eval_set": pairs},
        )
        (seen,) = seen_by("keeps")
        assert_array_equal(seen.other["times"], times[seen.rows])
        assert seen.other["eval_set"] is pairs

    @pytest.mark.parametrize("inside", [False, True])
    def test_groups_reach_the_splitter_of_a_search(self, data, inside):
        groups = np.arange(N_ROWS) // 10
        search = GridSearchCV(S(), {"C": [1, 2]}, cv=GroupKFold(3))
        fit_params = {"step1__groups" if inside else "groups": groups}
        estimator = pipe(T(), search) if inside else search
        _, _ = deliver(estimator, data.X, data.y, data.training, fit_params=fit_params)
        in_folds = [call for call in seen_by() if len(call.rows) < N_ROWS]
        assert len(in_folds) == 6
        for call in in_folds:
            assert len(np.unique(groups[call.rows])) == 4
            assert_weights(call, data.training, "fit in a fold")

    @pytest.mark.parametrize("inside", [False, True])
    def test_groups_with_routing_on(self, data, inside):
        groups = np.arange(N_ROWS) // 10
        search = GridSearchCV(S(), {"C": [1, 2]}, cv=GroupKFold(3))
        with config_context(enable_metadata_routing=True):
            deliver(
                pipe(T(), search) if inside else search,
                data.X,
                data.y,
                data.training,
                fit_params={"groups": groups},
            )
        in_folds = [call for call in seen_by() if len(call.rows) < N_ROWS]
        assert {len(np.unique(groups[call.rows])) for call in in_folds} == {4}

    def test_weights_past_the_wrapper(self, data):
        """A second weight for a learner is an error, for a transformer it counts."""
        mine = np.arange(N_ROWS) + 1.0
        arguments = (pipe(T(), S()), data.X, data.y, data.training)
        with pytest.raises(ValueError, match="Pass these weights as sample_weight"):
            deliver(*arguments, fit_params={"step1__sample_weight": mine})
        with pytest.raises(ValueError, match="Spy got a sample_weight directly"):
            deliver(S(), *arguments[1:], fit_params={"sample_weight": mine})
        assert not LOG
        deliver(
            *arguments,
            population=data.population,
            fit_params={"step0__sample_weight": mine},
        )
        assert_weights(seen_by("transformer")[0], mine, "transformer")
        assert_weights(seen_by()[0], data.training, "learner")

    def test_unknown_name(self, data):
        with pytest.raises(TypeError, match="Pipeline has no estimator named 'lgbm'"):
            deliver(
                small_pipe(),
                data.X,
                data.y,
                data.training,
                fit_params={"lgbm__eval_set": 1},
            )
        with pytest.raises(TypeError, match="unexpected argument"):
            deliver(
                small_pipe(), data.X, data.y, data.training, fit_params={"nothing": 1}
            )


class BlindRouter(Forgetful):
    """Routes for predict only."""

    def get_metadata_routing(self):
        mapping = MethodMapping().add(caller="predict", callee="predict")
        return MetadataRouter(owner=self).add(
            estimator=self.estimator, method_mapping=mapping
        )


class TestThirdParties:
    """Meta-estimators that pass nothing on must not look as if they did."""

    @pytest.mark.parametrize(
        "make",
        [
            lambda one: one,
            lambda one: pipe(T(), one),
            lambda one: GridSearchCV(one, {"estimator__C": [1]}, cv=2),
            lambda one: VotingClassifier([("a", one), ("b", S())]),
        ],
    )
    def test_it_passes_nothing_on(self, data, routing, make):
        arguments = (make(Forgetful(S())), data.X, data.y, data.training)
        with pytest.raises(UnsupportedWeightsError, match="Forgetful"):
            deliver(*arguments)
        assert not LOG
        deliver(*arguments, unsupported="resample")
        for call in seen_by():
            if len(call.rows) == N_ROWS and call.weights is None:
                assert_drawn(call, data.training)

    @pytest.mark.parametrize(
        "make",
        [
            lambda one: one,
            lambda one: pipe(T(), one),
            lambda one: VotingClassifier([("a", one), ("b", S())]),
            lambda one: GridSearchCV(small_pipe(), {"step1": [one, S()]}, cv=2),
            lambda one: calibrated(one),
        ],
    )
    def test_it_routes_elsewhere(self, data, routing, make):
        with pytest.raises(
            UnsupportedWeightsError, match="BlindRouter does not pass weights to"
        ):
            deliver(make(BlindRouter(S())), data.X, data.y, data.training)
        assert not seen_by()

    def test_without_the_base_of_scikit_learn(self, data, routing):
        """An estimator that knows nothing of metadata but takes weights gets them."""

        class Stranger:
            def get_params(self, deep=True):
                return {}

            def set_params(self, **params):
                return self

            def fit(self, X, y, sample_weight=None):
                log("stranger", "fit", X, sample_weight)
                return self

        for estimator in (Stranger(), pipe(T(), Stranger())):
            LOG.clear()
            deliver(estimator, data.X, data.y, data.training)
            assert_weights(seen_by("stranger")[0], data.training, "stranger")

    @pytest.mark.parametrize("policy", ["raise", "resample"])
    def test_sampler_of_imbalanced_learn(self, data, routing, policy):
        """After a sampler there are other rows, for which there are no weights."""
        inner = make_imblearn_pipeline(SMOTE(random_state=0), S())
        for estimator in (inner, calibrated(inner), pipe(T(), inner)):
            with pytest.raises(
                UnsupportedWeightsError,
                match=r"SMOTE \(at .*smote\) resamples rows, but.*weighting=None",
            ):
                deliver(estimator, data.X, data.y, data.training, unsupported=policy)
        assert not LOG
        deliver(inner, data.X, data.y)
        assert len(LOG) == 1


class TestFrozen:
    """A frozen model is not fitted; what stands around it may be."""

    @pytest.fixture
    def frozen(self, data):
        fitted = S("frozen").fit(data.X, data.y)
        LOG.clear()
        return FrozenEstimator(fitted)

    @pytest.mark.parametrize(
        "make",
        [
            lambda one: one,
            lambda one: pipe(T(), one),
            lambda one: VotingClassifier([("a", one)], voting="soft"),
            lambda one: VotingClassifier([("a", one), ("b", S())], voting="soft"),
            lambda one: pipe(
                T(),
                VotingClassifier([("a", one), ("b", small_pipe())], voting="soft"),
            ),
            lambda one: GridSearchCV(
                pipe(T(), one), {"step0": [T(), "passthrough"]}, cv=2
            ),
            lambda one: calibrated(one),
            lambda one: FixedThresholdClassifier(one),
            lambda one: StackingClassifier([("a", one)], DummyClassifier(), cv=2),
        ],
    )
    @pytest.mark.parametrize("with_population", [False, True])
    def test_learner(self, data, routing, frozen, make, with_population):
        population = data.population if with_population else None
        fitted, deliveries = deliver(
            make(frozen), data.X, data.y, data.training, population=population
        )
        assert not seen_by("frozen")
        assert ("none", "frozen") in {
            (delivery.weights, delivery.way) for delivery in deliveries
        }
        for call in seen_by("transformer"):
            assert_weights(call, population, "transformer")
        for call in seen_by():
            assert_weights(call, data.training, "learner")
        assert set(fitted.predict(data.X)) <= {"no", "yes"}

    def test_transformer(self, data, routing):
        frozen = FrozenEstimator(T("frozen").fit(data.X))
        LOG.clear()
        deliver(
            pipe(frozen, S()), data.X, data.y, data.training, population=data.population
        )
        assert_weights(seen_by()[0], data.training, "learner")
        assert not seen_by("frozen")

    def test_its_balance_is_its_own(self, frozen):
        inner = LogisticRegression(class_weight="balanced")
        assert balances_itself(inner) == [("class_weight", "balanced")]
        assert balances_itself(FrozenEstimator(inner)) == []
        pipeline = pipe(T(), inner)
        assert balances_itself(pipeline) == [("step1__class_weight", "balanced")]
        assert balances_itself(pipe(T(), FrozenEstimator(inner))) == []
        assert balances_itself(pipe(T(), LogisticRegression())) == []


class TestInsideComposites:
    """Single facts about composites that the table cannot tell."""

    @pytest.mark.parametrize(
        "make",
        [
            lambda: calibrated(S()),
            lambda: calibrated(S(), ensemble=False),
            lambda: pipe(T(), calibrated(small_pipe())),
            lambda: VotingClassifier([("a", calibrated(S())), ("b", S())]),
            lambda: GridSearchCV(calibrated(S()), {"ensemble": [True]}, cv=2),
            lambda: StackingClassifier(
                [("a", calibrated(S()))], S(id_column=1), cv=2, passthrough=True
            ),
            lambda: calibrated(calibrated(S())),
        ],
    )
    @pytest.mark.parametrize("with_population", [False, True])
    def test_calibrator_sees_the_population(
        self, data, routing, monkeypatch, make, with_population
    ):
        collected = []
        fit = IsotonicRegression.fit

        def spy(self, X, y, sample_weight=None):
            collected.append(sample_weight)
            return fit(self, X, y, sample_weight=sample_weight)

        monkeypatch.setattr(IsotonicRegression, "fit", spy)
        population = data.population if with_population else None
        deliver(make(), data.X, data.y, data.training, population=population)
        assert collected
        for weights in collected:
            assert (weights is None) == (population is None)
            if with_population:
                assert np.isin(weights, population).all()
        if with_population:
            # Every row once for each calibrated model.
            counts = np.unique(np.concatenate(collected), return_counts=True)[1]
            assert len(counts) == N_ROWS
            assert (counts > 0).all()

    def test_estimators_made_by_default(self, data, routing):
        X = data.X[:, 1:]
        for default, given in (
            (
                CalibratedClassifierCV(cv=2),
                CalibratedClassifierCV(LinearSVC(random_state=0), cv=2),
            ),
            (
                StackingClassifier([("a", LogisticRegression())], cv=2),
                StackingClassifier(
                    [("a", LogisticRegression())], LogisticRegression(), cv=2
                ),
            ),
        ):
            one, told = deliver(default, X, data.y, data.training)
            other, _ = deliver(given, X, data.y, data.training)
            plain = clone(given)
            with config_context(enable_metadata_routing=False):
                plain.fit(X, data.y)
            assert_array_equal(one.predict_proba(X), other.predict_proba(X))
            assert not np.allclose(one.predict_proba(X), plain.predict_proba(X))
            assert told[-1].estimator.split(": ")[1] in (
                "LinearSVC",
                "LogisticRegression",
            )

    @pytest.mark.parametrize(
        "make",
        [
            lambda one: VotingClassifier([("a", one), ("b", S("other"))]),
            lambda one: pipe(T(), one),
            lambda one: StackingClassifier([("a", one)], DummyClassifier(), cv=2),
            lambda one: OneVsRestClassifier(one),
            lambda one: RFE(one, n_features_to_select=4),
        ],
    )
    def test_adaboost_refuses_routing_and_gets_weights(self, data, routing, make):
        boosting = AdaBoostClassifier(S(), n_estimators=1)
        estimator = make(boosting)
        if isinstance(estimator, RFE):
            boosting.set_params(estimator=DecisionTreeClassifier(max_depth=1))
        deliver(estimator, data.X, data.y, data.training, population=data.population)
        for call in seen_by():
            weights = data.training[call.rows]
            assert_allclose(call.weights, weights / weights.sum())
        assert isinstance(boosting, AdaBoostClassifier)

    def test_bagging_in_a_pipeline(self, data, routing):
        """Bagging draws rows by its weights: they must be those of the fit."""
        X = data.X[:, 1:]
        bagging = BaggingClassifier(LogisticRegression(), 3, random_state=0)
        fitted, _ = deliver(
            pipe(T(), bagging), X, data.y, data.training, population=data.population
        )
        with config_context(enable_metadata_routing=False):
            by_hand = clone(bagging).fit(X, data.y, sample_weight=data.training)
        assert_array_equal(fitted.predict_proba(X), by_hand.predict_proba(X))

    @pytest.mark.parametrize("inside", ["pipeline", "search", "union"])
    def test_columns_that_pass_through_beside_weighted_ones(self, data, inside):
        """scikit-learn 1.8 routes to no remainder, and fails while routing is on."""
        columns = ColumnTransformer(
            [("a", StandardScaler(), [1])], remainder="passthrough"
        )
        X = data.X[:, 1:]
        model = {
            "pipeline": pipe(columns, LogisticRegression()),
            "search": GridSearchCV(pipe(columns, LogisticRegression()), {}, cv=2),
            "union": pipe(FeatureUnion([("columns", columns)]), LogisticRegression()),
        }[inside]
        fitted, deliveries = deliver(
            model, X, data.y, data.training, population=data.population
        )
        assert {delivery.weights for delivery in deliveries} == {
            "population x emphasis",
            "population",
        }
        fitted = getattr(fitted, "best_estimator_", fitted)
        first = fitted[0]
        first = first.transformer_list[0][1] if inside == "union" else first
        assert first.get_params()["remainder"] == "passthrough"
        with config_context(enable_metadata_routing=False):
            by_hand = clone(columns).fit(X, data.y)
            assert_array_equal(first.transform(X)[:, 1:], by_hand.transform(X)[:, 1:])
            assert repr(first.transformers_[-1]) == repr(by_hand.transformers_[-1])
            assert type(first.transformers_[-1][1]) is type(
                by_hand.transformers_[-1][1]
            )
        mean = np.average(X[:, 1], weights=data.population)
        assert_allclose(first.transformers_[0][1].mean_, mean)

    def test_transformer_keeps_its_own_fit_transform(self, data, routing):
        """TargetEncoder encodes training rows by other rows only in fit_transform."""
        X = np.column_stack([data.X, (2 * data.X[:, 1]).round()])
        in_order = {"shuffle": False}
        if SKLEARN >= (1, 9):
            in_order = {"cv": StratifiedKFold(2)}
        columns = ColumnTransformer(
            [("a", T(), [0, 1]), ("b", TargetEncoder(**in_order), [4])]
        )
        with config_context(enable_metadata_routing=False):
            expected = clone(columns).fit_transform(X, data.y)
            assert not np.allclose(expected, clone(columns).fit(X, data.y).transform(X))

        class Keeps(Spy):
            def fit(self, X, y, sample_weight=None):
                log("keeps", "fit", X, sample_weight, table=np.array(X))
                return self._learn(X, y, sample_weight)

        for step in (columns, pipe(columns), FeatureUnion([("a", columns)])):
            LOG.clear()
            deliver(
                pipe(step, Keeps()),
                X,
                data.y,
                data.training,
                population=data.population,
            )
            (seen,) = seen_by("keeps")
            assert_array_equal(seen.other["table"], expected)
            assert_weights(seen, data.training, "learner")
            assert_weights(seen_by("transformer")[0], data.population, "transformer")

    def test_user_finds_estimators_where_they_were(self, data, routing):
        search = GridSearchCV(
            pipe(T(), S()), {"step1": [KNeighborsClassifier(3)]}, cv=2
        )
        fitted, _ = deliver(
            search, data.X, data.y, data.training, unsupported="resample"
        )
        assert isinstance(fitted.best_estimator_[-1], KNeighborsClassifier)
        assert isinstance(fitted.best_params_["step1"], KNeighborsClassifier)
        assert isinstance(fitted.estimator, Pipeline)
        voting, _ = deliver(
            VotingClassifier([("k", KNeighborsClassifier(3)), ("s", S())]),
            data.X,
            data.y,
            data.training,
            unsupported="resample",
        )
        assert isinstance(voting.named_estimators_["k"], KNeighborsClassifier)
        assert isinstance(voting.named_estimators["k"], KNeighborsClassifier)

    def test_what_users_have_requested_of_others_stays(self, data):
        """Only requests of the delivery are withdrawn."""
        with config_context(enable_metadata_routing=True):
            scaler = StandardScaler().set_fit_request(sample_weight=False)
            fitted, _ = deliver(pipe(scaler, S()), data.X, data.y, data.training)
            again = clone(fitted)
            requests = again[0].get_metadata_routing().fit.requests
            assert requests == {"sample_weight": False}
            # All others are as if never asked, so a new fit has to ask.
            assert again[1].get_metadata_routing().fit.requests == {
                "sample_weight": None
            }

    def test_adapters_travel(self, data):
        """Worker processes get what they are to fit as a pickle."""
        adapter = WeightAdapter(
            WeightlessSpy(), {"alias": TRAINING}, unsupported="resample", random_state=3
        )
        for copy in (adapter, clone(adapter), pickle.loads(pickle.dumps(adapter))):
            LOG.clear()
            assert copy.get_params() == {"tag": "learner", "C": 1.0, "id_column": 0}
            copy.set_params(C=5).fit(data.X, data.y, alias=data.training)
            assert copy.estimator.C == 5
            assert_drawn(seen_by()[0], data.training)
            rows = systematic_resample(data.training, random_state=3)
            assert_array_equal(seen_by()[0].rows, rows)

    @pytest.mark.slow
    def test_processes(self, data):
        """What travels to the worker processes of a search takes its weights along."""
        search = GridSearchCV(
            make_pipe_of_public_estimators(), {"step1__C": [1, 2]}, cv=2, n_jobs=2
        )
        X = data.X[:, 1:]
        parallel, _ = deliver(
            search, X, data.y, data.training, population=data.population
        )
        one_by_one, _ = deliver(
            clone(search).set_params(n_jobs=1),
            X,
            data.y,
            data.training,
            population=data.population,
        )
        assert_array_equal(
            parallel.cv_results_["mean_test_score"],
            one_by_one.cv_results_["mean_test_score"],
        )
        assert_array_equal(parallel.predict_proba(X), one_by_one.predict_proba(X))


def make_pipe_of_public_estimators():
    return pipe(StandardScaler(), LogisticRegression())


class TestSystematicResample:
    """Draws in proportion to weights, with the least possible noise."""

    @pytest.mark.parametrize("seed", range(20))
    @pytest.mark.parametrize("n_draws", [None, 1, 7, 1000])
    def test_counts_are_shares_rounded_up_or_down(self, seed, n_draws):
        rng = np.random.default_rng(seed)
        # Whole numbers, so that the shares are known exactly.
        weights = rng.integers(0, 50, size=31)
        rows = systematic_resample(weights, n_draws, random_state=seed)
        m = weights.size if n_draws is None else n_draws
        assert rows.shape == (m,)
        assert (np.diff(rows) >= 0).all()
        counts = np.bincount(rows, minlength=31)
        for weight, count in zip(weights.tolist(), counts.tolist(), strict=True):
            share = Fraction(m * weight, int(weights.sum()))
            assert math.floor(share) <= count <= math.ceil(share)

    def test_unbiased(self):
        """Over seeds the mean count of a row is its share."""
        weights = np.array([0.2, 3.1, 0.0, 1.0, 0.7])
        counts = np.zeros(5)
        for seed in range(2000):
            rows = systematic_resample(weights, random_state=seed)
            counts += np.bincount(rows, minlength=5)
        share = weights / weights.sum() * 5
        # A count is one of two neighbours, so its variance is at most one quarter.
        assert_allclose(counts / 2000, share, atol=4 * np.sqrt(0.25 / 2000))
        assert counts[2] == 0

    def test_equal_weights_draw_every_row_once(self):
        for weights in (np.ones(1000), np.full(1000, 0.5), np.full(997, 3.0)):
            assert_array_equal(
                systematic_resample(weights, random_state=1), np.arange(weights.size)
            )

    def test_rows_of_weight_zero_are_never_drawn(self):
        """Not even by a comb that starts or ends on the edge."""

        class Edge(np.random.RandomState):
            def uniform(self):
                return self.start

        weights = np.array([0, 0, 1, 0, 2, 0, 0.0])
        for start in (0.0, np.nextafter(1, 0)):
            edge = Edge()
            edge.start = start
            rows = systematic_resample(weights, 9, random_state=edge)
            assert set(rows) <= {2, 4}
            assert len(rows) == 9

    def test_seeded_and_without_side_effects(self):
        weights = np.random.default_rng(0).uniform(size=50)
        before, state = weights.copy(), np.random.get_state()[1].copy()  # noqa: NPY002
        single = systematic_resample(weights, random_state=5)
        assert_array_equal(single, systematic_resample(weights, random_state=5))
        assert_array_equal(weights, before)
        assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002
        assert not np.array_equal(single, systematic_resample(weights, random_state=6))
