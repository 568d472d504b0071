"""Where weights go by their role: emphasis into the fit, population everywhere.

The decision values of the spy are row numbers. So a calibrator, too, shows which row
every score, label and weight belongs to, whatever order they come in.
"""

import warnings
from typing import NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.feature_selection import SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_validate,
)
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline

from skweight import (
    BalancedWeighting,
    ClassWeighting,
    ColumnWeighting,
    FunctionWeighting,
    PriorWeighting,
    WeightedClassifier,
)
from skweight.decision import BaseDecision, TunedDecision
from skweight.exceptions import CalibrationWarning

N_ROWS = 60

# The spies show which row is which, and calibrate nothing.
pytestmark = pytest.mark.filterwarnings(
    "ignore::skweight.exceptions.CalibrationWarning"
)


class Seen(NamedTuple):
    """What one call showed to a spy."""

    who: str
    rows: np.ndarray
    weights: np.ndarray | None
    other: object = None


LOG = []


@pytest.fixture(autouse=True)
def _empty_log():
    LOG.clear()


def log(who, X, weights, other=None):
    rows = np.asarray(X, dtype=float)[:, 0].astype(int)
    LOG.append(Seen(who, rows, None if weights is None else np.array(weights), other))


def seen_by(who):
    return [call for call in LOG if call.who == who]


class WeightlessSpy(ClassifierMixin, BaseEstimator):
    """Ranks rows by their number."""

    def __init__(self, C=1.0):
        self.C = C

    def fit(self, X, y):
        return self._learn(X, y, None)

    def _learn(self, X, y, sample_weight):
        log("fit", X, sample_weight, np.asarray(y))
        self.rows_ = LOG[-1].rows
        self.classes_ = np.unique(y)
        self.n_features_in_ = np.shape(X)[1]
        self.coef_ = np.array([[9.0] + [1.0] * (self.n_features_in_ - 1)])
        return self

    def decision_function(self, X):
        log("outputs", X, None, self.rows_)
        return np.asarray(X, dtype=float)[:, 0]

    def predict(self, X):
        above = np.asarray(X, dtype=float)[:, 0] >= N_ROWS / 2
        return self.classes_[above.astype(int)]


class Spy(WeightlessSpy):
    """The same with weights, in the fit and in the score."""

    def fit(self, X, y, sample_weight=None):
        return self._learn(X, y, sample_weight)

    def score(self, X, y, sample_weight=None):
        log("score", X, sample_weight)
        return accuracy_score(y, self.predict(X), sample_weight=sample_weight)


class SpyTransformer(TransformerMixin, BaseEstimator):
    """Leaves rows as they are."""

    def fit(self, X, y=None, sample_weight=None):
        log("transformer", X, sample_weight)
        self.fitted_ = True
        return self

    def transform(self, X):
        return X


class SpyCalibrator(BaseEstimator):
    """Anything with fit and predict_proba can calibrate; scores are row numbers."""

    def fit(self, scores, y, sample_weight=None):
        scores = np.asarray(scores).reshape(len(scores), -1)
        log("calibrator", scores, sample_weight, np.asarray(y))
        return self

    def predict_proba(self, scores):
        p = (np.asarray(scores).ravel() + 1) / (N_ROWS + 1)
        return np.column_stack([1 - p, p])


class SpyDecision(BaseDecision):
    """Sees what a decision learns from."""

    needs_held_out_rows = True

    def _learn(self, held_out, class_multiplier):
        seen = (held_out.y, held_out.proba, class_multiplier.copy())
        log("decision", held_out.X, held_out.sample_weight, seen)

    def _positions(self, proba, X, metadata):
        return proba.argmax(axis=1)


class Data(NamedTuple):
    X: np.ndarray
    y: np.ndarray
    sample_weight: np.ndarray


@pytest.fixture
def data(rng):
    """Rows in no order; the number first, a positive weight last."""
    rows = rng.permutation(N_ROWS)
    X = np.column_stack([rows, rng.normal(size=N_ROWS), rng.uniform(0.5, 2, N_ROWS)])
    # High numbers are mostly "yes", so that ranking rows by them makes sense.
    yes = ((rows >= 44) | (rows % 13 == 0)) & (rows % 11 != 0)
    y = np.array(["no", "yes"])[yes.astype(int)]
    return Data(X, y, rng.uniform(0.5, 2, N_ROWS))


def mean_one(weights):
    return weights / weights.mean()


def by_class(y, no, yes):
    return np.where(y == "yes", float(yes), float(no))


def balanced(y, population):
    """Weight of a row, so that both classes have the same weighted total."""
    totals = {label: population[y == label].sum() for label in ("no", "yes")}
    return by_class(y, 1 / totals["no"], 1 / totals["yes"])


def to_prior(y, sample_weight, prior):
    totals = {label: sample_weight[y == label].sum() for label in ("no", "yes")}
    return by_class(y, prior["no"] / totals["no"], prior["yes"] / totals["yes"])


PRIOR = {"no": 0.9, "yes": 0.1}


def second_column(X, y):
    return np.abs(X[:, 1]) + 0.1


# Each case: the weighting, then population and emphasis worked out by hand, from X, y
# and the caller's sample_weight s.
CASES = {
    "none": (lambda: None, None, None),
    "balanced": (lambda: "balanced", None, lambda X, y, p: balanced(y, p)),
    "classes": (
        lambda: ClassWeighting({"no": 1, "yes": 5}),
        None,
        lambda X, y, p: by_class(y, 1, 5),
    ),
    "function": (
        lambda: second_column,
        None,
        lambda X, y, p: second_column(X, y),
    ),
    "function of role population": (
        lambda: FunctionWeighting(second_column, role="population"),
        lambda X, y, s: second_column(X, y),
        None,
    ),
    "prior": (
        lambda: PriorWeighting(PRIOR),
        lambda X, y, s: to_prior(y, s, PRIOR),
        None,
    ),
    "column": (lambda: ColumnWeighting(-1), lambda X, y, s: X[:, -1], None),
    "column of role emphasis": (
        lambda: ColumnWeighting(2, role="emphasis"),
        None,
        lambda X, y, p: X[:, 2],
    ),
    "prior x balanced": (
        lambda: PriorWeighting(PRIOR) * BalancedWeighting(),
        lambda X, y, s: to_prior(y, s, PRIOR),
        lambda X, y, p: balanced(y, p),
    ),
    "emphasis named first": (
        lambda: [second_column, ColumnWeighting(-1), "balanced"],
        lambda X, y, s: X[:, -1],
        lambda X, y, p: second_column(X, y) * balanced(y, p),
    ),
    "column x prior": (
        lambda: ColumnWeighting(-1) * PriorWeighting(PRIOR),
        lambda X, y, s: X[:, -1] * to_prior(y, s * X[:, -1], PRIOR),
        None,
    ),
}


class Worked(NamedTuple):
    """A case with its weights by hand, in the order of the row numbers."""

    weighting: object
    X: np.ndarray
    y: np.ndarray
    sample_weight: np.ndarray | None
    population: np.ndarray | None
    training: np.ndarray | None


@pytest.fixture(params=CASES)
def case(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["", "sample_weight"])
def worked(request, case, data):
    make, population_of, emphasis_of = CASES[case]
    s = data.sample_weight if request.param else None
    ones = np.ones(N_ROWS)
    population = s
    if population_of is not None:
        learned = population_of(data.X, data.y, ones if s is None else s)
        population = learned if s is None else learned * s
    training = population
    if emphasis_of is not None:
        known = ones if population is None else population
        emphasis = emphasis_of(data.X, data.y, known)
        training = emphasis if population is None else emphasis * population
    rows = data.X[:, 0].astype(int)

    def in_order(weights):
        if weights is None:
            return None
        ordered = np.empty(N_ROWS)
        ordered[rows] = weights
        return ordered

    return Worked(make(), data.X, data.y, s, in_order(population), in_order(training))


def assert_proportional(seen, expected, what):
    """Compare weights with those of the rows seen; their scale is of no meaning."""
    if expected is None:
        assert seen.weights is None, what
        return
    assert seen.weights is not None, f"{what}: no weights came"
    assert_allclose(
        mean_one(seen.weights), mean_one(expected[seen.rows]), rtol=1e-9, err_msg=what
    )


@pytest.mark.parametrize("with_routing", [False, True], ids=["", "routing on"])
def test_fit_calibrator_and_decision(worked, with_routing):
    """The whole way: what is fitted, scored, calibrated and decided, with what."""
    model = WeightedClassifier(
        Spy(),
        weighting=worked.weighting,
        calibration=SpyCalibrator(),
        decision=SpyDecision(),
        cv=3,
        random_state=0,
    )
    with config_context(enable_metadata_routing=with_routing):
        model.fit(worked.X, worked.y, sample_weight=worked.sample_weight)

    whole, *in_folds = seen_by("fit")
    assert len(whole.rows) == N_ROWS
    assert len(in_folds) == 3
    for item in (whole, *in_folds):
        assert_proportional(item, worked.training, "the fit gets the product")
        if item.weights is not None:
            # Forests draw by weight and penalties feel it: the mean is one in folds.
            assert_allclose(item.weights.mean(), 1)

    labels = dict(zip(worked.X[:, 0].astype(int), worked.y, strict=True))
    (item,) = seen_by("calibrator")
    assert_array_equal(np.sort(item.rows), np.arange(N_ROWS), err_msg="each row once")
    assert_array_equal(item.other, [labels[row] for row in item.rows])
    assert_proportional(item, worked.population, "the calibrator gets the population")

    scored = seen_by("outputs")
    assert len(scored) == 3
    for item in scored:
        assert not np.isin(item.rows, item.other).any(), "scored by who never saw it"
        assert len(item.rows) + len(item.other) == N_ROWS

    (item,) = seen_by("decision")
    y, proba, multiplier = item.other
    assert_array_equal(np.sort(item.rows), np.arange(N_ROWS), err_msg="each row once")
    assert_array_equal(y, [labels[row] for row in item.rows])
    assert_allclose(proba[:, 1], (item.rows + 1) / (N_ROWS + 1), err_msg="calibrated")
    assert_proportional(item, worked.population, "the decision gets the population")
    ones = np.ones(N_ROWS)
    training = ones if worked.training is None else worked.training
    population = ones if worked.population is None else worked.population
    in_order = np.array([labels[row] for row in range(N_ROWS)])
    masses = [
        [mean_one(weights)[in_order == label].sum() for label in ("no", "yes")]
        for weights in (training, population)
    ]
    assert_allclose(multiplier, np.divide(*masses), err_msg="emphasis per class alone")
    if worked.training is worked.population:
        assert_allclose(multiplier, 1, err_msg="population is never inverted")


def test_pipeline_inside(worked):
    """Transformers get the population, what classifies gets the product."""
    inner = Pipeline(
        [
            ("a", SpyTransformer()),
            ("b", SelectFromModel(Spy(), threshold=0.5)),
            ("c", Pipeline([("d", SpyTransformer()), ("e", Spy())])),
        ]
    )
    WeightedClassifier(
        inner,
        weighting=worked.weighting,
        calibration=SpyCalibrator(),
        cv=3,
        random_state=0,
    ).fit(worked.X, worked.y, sample_weight=worked.sample_weight)
    assert len(seen_by("transformer")) == 2 * 4
    for call in seen_by("transformer"):
        assert_proportional(call, worked.population, "transformer")
    fits = seen_by("fit")
    assert len(fits) == 2 * 4
    for selector, learner in zip(fits[::2], fits[1::2], strict=True):
        assert_proportional(selector, worked.population, "model that selects columns")
        assert_proportional(learner, worked.training, "model that classifies")
    (call,) = seen_by("calibrator")
    assert_proportional(call, worked.population, "calibrator")


@pytest.mark.parametrize("scoring", [None, "accuracy"])
def test_search_inside(worked, scoring, monkeypatch):
    """Parameters are chosen by the score in the population."""
    from sklearn import metrics

    def accuracy(y, labels, sample_weight=None, **_):
        LOG.append(Seen("metric", None, sample_weight))
        return accuracy_score(y, labels, sample_weight=sample_weight)

    if scoring is not None:
        scoring = metrics.make_scorer(accuracy)
    search = GridSearchCV(
        Pipeline([("a", SpyTransformer()), ("b", Spy())]),
        {"b__C": [1, 2]},
        scoring=scoring,
        cv=2,
    )
    WeightedClassifier(search, weighting=worked.weighting, calibration=None).fit(
        worked.X, worked.y, sample_weight=worked.sample_weight
    )
    assert len(seen_by("fit")) == 5
    for call in seen_by("fit"):
        assert_proportional(call, worked.training, "candidate")
    for call in seen_by("transformer"):
        assert_proportional(call, worked.population, "transformer")
    if scoring is None:
        assert len(seen_by("score")) == 4
        for call in seen_by("score"):
            assert_proportional(call, worked.population, "score")
        return
    halves = [call for call in seen_by("fit") if len(call.rows) < N_ROWS]
    for call, half in zip(seen_by("metric"), halves, strict=True):
        if worked.population is None:
            assert call.weights is None
            continue
        # The other half, in the order of the rows.
        rest = worked.X[~np.isin(worked.X[:, 0], half.rows), 0].astype(int)
        assert_proportional(Seen("", rest, call.weights), worked.population, "metric")


@pytest.mark.parametrize("ensemble", [False, True])
def test_calibration_of_scikit_learn_inside(worked, ensemble, monkeypatch):
    """Its one sample_weight would go to the model and to its calibrator alike."""
    fit = IsotonicRegression.fit

    def spy(self, X, y, sample_weight=None):
        log("inner calibrator", np.reshape(X, (-1, 1)), sample_weight)
        return fit(self, X, y, sample_weight=sample_weight)

    monkeypatch.setattr(IsotonicRegression, "fit", spy)
    inner = CalibratedClassifierCV(Spy(), method="isotonic", cv=2, ensemble=ensemble)
    WeightedClassifier(inner, weighting=worked.weighting, calibration=None).fit(
        worked.X, worked.y, sample_weight=worked.sample_weight
    )
    for call in seen_by("fit"):
        assert_proportional(call, worked.training, "model")
    calibrators = seen_by("inner calibrator")
    assert len(calibrators) == (2 if ensemble else 1)
    assert sum(len(calibrator.rows) for calibrator in calibrators) == N_ROWS
    for call in calibrators:
        assert_proportional(call, worked.population, "calibrator inside")


class TestRowsAsTheyCame:
    """What follows the fit never sees rows that were drawn for it."""

    @pytest.mark.parametrize("inside", [False, True])
    def test_the_fit_draws_rows_and_the_calibrator_does_not(self, data, inside):
        learner = WeightlessSpy()
        if inside:
            learner = Pipeline([("a", SpyTransformer()), ("b", learner)])
        WeightedClassifier(
            learner,
            weighting={"no": 1, "yes": 9},
            calibration=SpyCalibrator(),
            decision=SpyDecision(),
            unsupported="resample",
            cv=3,
            random_state=0,
        ).fit(data.X, data.y, sample_weight=data.sample_weight)
        assert len(seen_by("fit")) == 4
        for call in seen_by("fit"):
            assert len(np.unique(call.rows)) < len(call.rows), "rows were drawn"
            # 17 of 60 rows are "yes": nine times as heavy they make 78 %.
            assert 0.65 < np.mean(call.other == "yes") < 0.9
        weights = np.empty(N_ROWS)
        weights[data.X[:, 0].astype(int)] = data.sample_weight
        for call in (*seen_by("calibrator"), *seen_by("decision")):
            assert_array_equal(np.sort(call.rows), np.arange(N_ROWS))
            assert_proportional(call, weights, call.who)
        assert len(seen_by("calibrator")) == len(seen_by("decision")) == 1
        for call in seen_by("outputs"):
            assert not np.isin(call.rows, call.other).any()

    def test_splits_of_the_user_decide_who_scores_whom(self, data):
        splits = StratifiedKFold(4).split(data.X, data.y)
        splits = [(train, test) for train, test in splits]
        WeightedClassifier(Spy(), calibration=SpyCalibrator(), cv=splits).fit(
            data.X, data.y
        )
        rows = data.X[:, 0].astype(int)
        for seen, (train, test) in zip(seen_by("outputs"), splits, strict=True):
            assert_array_equal(seen.rows, rows[test])
            assert_array_equal(seen.other, rows[train])
        (seen,) = seen_by("calibrator")
        order = np.concatenate([test for _, test in splits])
        assert_array_equal(seen.rows, rows[order])
        assert_array_equal(seen.other, data.y[order])


class TestNumberOfFits:
    """One pass of k fits serves everything that needs held-out rows."""

    @pytest.mark.parametrize("decision", ["auto", TunedDecision(), SpyDecision()])
    @pytest.mark.parametrize("k", [3, 5])
    def test_calibrate_and_decide_in_k_plus_one_fits(self, data, k, decision):
        model = WeightedClassifier(
            Spy(), calibration="sigmoid", decision=decision, cv=k
        ).fit(data.X, data.y)
        ours = len(seen_by("fit"))
        model.predict(data.X)
        assert ours == k + 1 == model.report_.n_fits
        LOG.clear()
        nested = CalibratedClassifierCV(Spy(), method="isotonic", cv=k)
        TunedThresholdClassifierCV(nested, cv=k, thresholds=5).fit(data.X, data.y)
        assert len(seen_by("fit")) == k * (k + 1)

    @pytest.mark.parametrize(
        ("calibration", "decision", "n_fits"),
        [
            (None, "auto", 1),
            ("isotonic", "auto", 5),
            ("temperature", "argmax", 5),
            ("sigmoid", {"yes": 0.2}, 5),
            (SpyCalibrator(), SpyDecision(), 5),
        ],
    )
    def test_of_every_calibration(self, data, calibration, decision, n_fits):
        model = WeightedClassifier(
            Spy(), calibration=calibration, decision=decision, cv=4
        )
        model.fit(data.X, data.y)
        assert len(seen_by("fit")) == n_fits

    def test_closed_form_needs_none(self, data):
        """A linear model is only asked about the rows that it was fitted on."""

        class WithProbabilities(Spy):
            def predict_proba(self, X):
                return SpyCalibrator().predict_proba(np.asarray(X)[:, 0])

        WeightedClassifier(WithProbabilities(), calibration="prior").fit(data.X, data.y)
        assert len(seen_by("fit")) == len(seen_by("outputs")) == 1

    @pytest.mark.parametrize("with_routing", [False, True], ids=["", "routing on"])
    @pytest.mark.parametrize("weighted", [False, True])
    @pytest.mark.parametrize("calibration", ["sigmoid", "isotonic", SpyCalibrator()])
    def test_frozen_is_not_fitted_and_not_warned_about(
        self, data, with_routing, weighted, calibration
    ):
        """Weights cannot reach it, and that is what freezing means."""
        fitted = Spy().fit(data.X, data.y)
        LOG.clear()
        weights = data.sample_weight if weighted else None
        with (
            config_context(enable_metadata_routing=with_routing),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", CalibrationWarning)  # of the spy
            model = WeightedClassifier(FrozenEstimator(fitted), calibration=calibration)
            model.fit(data.X, data.y, sample_weight=weights)
        assert not seen_by("fit")
        assert model.report_.n_fits == 0
        for call in seen_by("calibrator"):
            rows = data.X[:, 0].astype(int)
            assert_array_equal(call.rows, rows, err_msg="all rows given")
            assert_array_equal(call.other, data.y)
            expected = None
            if weighted:
                expected = np.empty(N_ROWS)
                expected[rows] = weights
            assert_proportional(call, expected, "calibrator of the frozen model")


class TestRoutingOfTheUser:
    """Metadata routing switched on by the caller, the classifier inside something."""

    @pytest.fixture(autouse=True)
    def _routing_on(self):
        with config_context(enable_metadata_routing=True):
            yield

    @pytest.fixture
    def model(self):
        return (
            WeightedClassifier(Spy(), calibration=None)
            .set_fit_request(sample_weight=True)
            .set_score_request(sample_weight=True)
        )

    @staticmethod
    def assert_balanced_product(seen, data, y=None, weights=None):
        """The fit got sample_weight times what balances the rows it saw."""
        y = data.y if y is None else y
        weights = data.sample_weight if weights is None else weights
        position = {int(row): i for i, row in enumerate(data.X[:, 0])}
        chosen = [position[row] for row in seen.rows]
        y, population = y[chosen], weights[chosen]
        totals = {label: population[y == label].sum() for label in np.unique(y)}
        emphasis = np.array([1 / totals[label] for label in y])
        assert_allclose(mean_one(seen.weights), mean_one(population * emphasis))

    def test_pipeline(self, data, model):
        Pipeline(
            [("a", SpyTransformer().set_fit_request(sample_weight=False)), ("b", model)]
        ).fit(data.X, data.y, sample_weight=data.sample_weight)
        (seen,) = seen_by("fit")
        self.assert_balanced_product(seen, data)
        assert seen_by("transformer")[0].weights is None

    def test_search(self, data, model):
        search = GridSearchCV(model, {"estimator__C": [1, 2]}, cv=2)
        search.fit(data.X, data.y, sample_weight=data.sample_weight)
        assert len(seen_by("fit")) == 5
        for call in seen_by("fit"):
            self.assert_balanced_product(call, data)
        scores = search.cv_results_["split0_test_score"]
        _, test = next(StratifiedKFold(2).split(data.X, data.y))
        expected = accuracy_score(
            data.y[test],
            search.predict(data.X[test]),
            sample_weight=data.sample_weight[test],
        )
        assert_allclose(scores, expected)

    @pytest.mark.parametrize("calibration", [None, "sigmoid"])
    def test_cross_validate(self, data, model, calibration):
        model.set_params(calibration=calibration, cv=2)
        result = cross_validate(
            model,
            data.X,
            data.y,
            params={"sample_weight": data.sample_weight},
            cv=3,
            return_estimator=True,
            return_indices=True,
        )
        assert len(seen_by("fit")) == (3 if calibration is None else 9)
        whole = [call for call in seen_by("fit") if len(call.rows) == N_ROWS * 2 // 3]
        assert len(whole) == 3
        for call in whole:
            self.assert_balanced_product(call, data)
        for score, fitted, test in zip(
            result["test_score"],
            result["estimator"],
            result["indices"]["test"],
            strict=True,
        ):
            expected = accuracy_score(
                data.y[test],
                fitted.predict(data.X[test]),
                sample_weight=data.sample_weight[test],
            )
            assert_allclose(score, expected)

    @pytest.mark.parametrize("ensemble", [False, True])
    def test_calibrated(self, data, model, ensemble):
        outer = CalibratedClassifierCV(model, cv=2, ensemble=ensemble)
        outer.fit(data.X, data.y, sample_weight=data.sample_weight)
        assert len(seen_by("fit")) == (2 if ensemble else 3)
        for call in seen_by("fit"):
            self.assert_balanced_product(call, data)

    def test_every_output_is_balanced_by_itself(self, data, model):
        outputs = np.column_stack([data.X[:, 0] % 4 == 0, data.X[:, 0] % 7 == 0])
        outputs = outputs.astype(int)
        MultiOutputClassifier(model).fit(
            data.X, outputs, sample_weight=data.sample_weight
        )
        assert len(seen_by("fit")) == 2
        for seen, y in zip(seen_by("fit"), outputs.T, strict=True):
            self.assert_balanced_product(seen, data, y=y)

    def test_voting(self, data, model):
        plain = Spy().set_fit_request(sample_weight=True)
        VotingClassifier([("a", model), ("b", plain)]).fit(
            data.X, data.y, sample_weight=data.sample_weight
        )
        weighted, other = seen_by("fit")
        self.assert_balanced_product(weighted, data)
        assert_array_equal(other.weights, data.sample_weight)

    def test_pipeline_inside_a_pipeline(self, data):
        """Requests inside are the wrapper's own business, nobody has to set them."""
        inner = Pipeline([("c", SpyTransformer()), ("d", Spy())])
        model = WeightedClassifier(inner, calibration=None).set_fit_request(
            sample_weight=True
        )
        outer = Pipeline([("b", model)])
        outer.fit(data.X, data.y, sample_weight=data.sample_weight)
        self.assert_balanced_product(seen_by("fit")[0], data)
        assert_allclose(
            mean_one(seen_by("transformer")[0].weights), mean_one(data.sample_weight)
        )

    @pytest.mark.parametrize("inside", [False, True])
    def test_false_keeps_weights_out(self, data, inside):
        """Nor do requests of what is wrapped let them in again."""
        inner = Spy().set_fit_request(sample_weight=True)
        if inside:
            inner = Pipeline([("a", SpyTransformer()), ("b", inner)])
        model = WeightedClassifier(inner, calibration=None).set_fit_request(
            sample_weight=False
        )
        other = Spy().set_fit_request(sample_weight=True)
        VotingClassifier([("a", model), ("b", other)]).fit(
            data.X, data.y, sample_weight=data.sample_weight
        )
        self.assert_balanced_product(seen_by("fit")[0], data, weights=np.ones(N_ROWS))

    def test_unset_is_the_error_of_scikit_learn(self, data):
        outer = Pipeline([("b", WeightedClassifier(Spy(), calibration=None))])
        with pytest.raises(UnsetMetadataPassedError, match=r"WeightedClassifier\.fit"):
            outer.fit(data.X, data.y, sample_weight=data.sample_weight)

    def test_requests_survive_clone(self, data, model):
        outer = clone(Pipeline([("b", model)]))
        outer.fit(data.X, data.y, sample_weight=data.sample_weight)
        self.assert_balanced_product(seen_by("fit")[0], data)
