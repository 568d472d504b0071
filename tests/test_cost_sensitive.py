"""Cost decisions end to end: corrected first, few fits, roles apart, bad input told."""

import pickle
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from imblearn.pipeline import make_pipeline as imblearn_pipeline
from imblearn.under_sampling import RandomUnderSampler
from scipy.sparse import csr_matrix
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    cross_val_predict,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skweight import (
    CostMatrix,
    CostSensitiveClassifier,
    CostWeighting,
    WeightedClassifier,
)
from skweight.calibration import (
    AutoCalibrator,
    PriorCalibrator,
    SigmoidCalibrator,
)
from skweight.decision import (
    BaseDecision,
    EmphasisDecision,
    ExpectedCostDecision,
    TunedDecision,
)
from skweight.exceptions import DecisionWarning
from skweight.metrics import cost_score, make_cost_scorer, savings_score
from skweight.weighting import metadata

REPOSITORY = Path(__file__).resolve().parents[1]
COST = CostMatrix.binary(fp=1, fn=5)


@pytest.fixture(scope="module")
def rare():
    return make_classification(
        2000, weights=[0.9], flip_y=0.05, class_sep=0.7, random_state=0
    )


@pytest.fixture(scope="module")
def money():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=1500), "z": rng.normal(size=1500)})
    X["amount"] = rng.lognormal(2, 1, 1500)
    p = 1 / (1 + np.exp(2 - 2 * X["x"]))
    y = np.where(rng.random(1500) < p, "fraud", "ok")
    return X, y, CostMatrix.binary(pos_label="fraud", fp=2, fn="amount")


class Counting(LogisticRegression):
    """Counts its fits, and remembers the weights and columns of each."""

    seen = []  # noqa: RUF012 - cleared by every test

    def fit(self, X, y, sample_weight=None):
        self.seen.append((X.shape[1], sample_weight, len(y)))
        return super().fit(X, y, sample_weight)


@pytest.fixture
def counting():
    Counting.seen.clear()
    return Counting()


# -- closed forms ----------------------------------------------------------------------


def test_base_rate_and_weight_inversion():
    """Elkan's theorem 2: .7 at b = .5 is .2059 at b' = .1; q = .5, w = 5 is 1/6."""
    for proba, multiplier, expected in (
        (0.7, [0.5 / 0.9, 0.5 / 0.1], 0.205882352941),
        (0.5, [1, 5], 1 / 6),
    ):
        calibrator = PriorCalibrator().fit(classes=[0, 1], class_multiplier=multiplier)
        logit = np.log(proba / (1 - proba))
        assert calibrator.predict_proba([logit])[0, 1] == pytest.approx(expected)


def test_threshold_is_an_attribute_that_scikit_learn_can_use(rare):
    X, y = rare
    clf = CostSensitiveClassifier(LogisticRegression(), cost=COST, calibration=None)
    clf.fit(X, y)
    assert clf.threshold_ == pytest.approx(1 / 6)
    fixed = FixedThresholdClassifier(LogisticRegression(), threshold=clf.threshold_)
    np.testing.assert_array_equal(clf.predict(X), fixed.fit(X, y).predict(X))


def test_threshold_is_of_the_second_class(rare):
    X, y = rare
    labels = np.array(["good", "bad"])[y]
    cost = CostMatrix.binary(pos_label="bad", fp=1, fn=5)
    clf = CostSensitiveClassifier(LogisticRegression(), cost=cost, calibration=None)
    clf.fit(X, labels)
    assert clf.classes_.tolist() == ["bad", "good"]
    assert clf.threshold_ == pytest.approx(5 / 6)
    plain = CostSensitiveClassifier(LogisticRegression(), cost=COST, calibration=None)
    expected = np.array(["good", "bad"])[plain.fit(X, y).predict(X)]
    np.testing.assert_array_equal(clf.predict(X), expected)


@pytest.mark.parametrize(
    "cost",
    [
        CostMatrix.binary(fp=1, fn=CostMatrix.column(0)),
        CostMatrix.binary(tp=10, fn=1, fp=1, tn=0),
    ],
)
def test_no_threshold_where_there_is_not_one(cost):
    decision = ExpectedCostDecision(cost).fit(classes=[0, 1])
    assert not hasattr(decision, "threshold_")


def test_without_a_threshold_the_rule_is_said(rare):
    cost = CostMatrix.binary(fp=1, fn=CostMatrix.column(0))
    clf = CostSensitiveClassifier(LogisticRegression(), cost=cost, calibration=None)
    X, y = rare
    with pytest.raises(AttributeError, match=r"rule is: .*the costs of each row"):
        _ = clf.fit(np.abs(X), y).threshold_


# -- emphasis is divided out first -----------------------------------------------------


def test_prior_calibration_gives_the_decision_of_the_unweighted_model(rare):
    """Weights divided out in closed form: the same boundary up to the fit."""
    X, y = rare
    plain = CostSensitiveClassifier(LogisticRegression(), cost=COST, calibration=None)
    both = CostSensitiveClassifier(
        LogisticRegression(), cost=COST, weighting="balanced", calibration="prior"
    )
    alike = plain.fit(X, y).predict(X) == both.fit(X, y).predict(X)
    assert alike.mean() > 0.95
    decision = ExpectedCostDecision(COST, accept_weighted=True)
    doubled = WeightedClassifier(
        LogisticRegression(), decision=decision, calibration=None
    ).fit(X, y)
    assert doubled.predict(X).mean() > 2 * both.predict(X).mean()
    saved = [savings_score(y, model.predict(X), COST) for model in (both, doubled)]
    assert saved[0] > saved[1] + 0.1


@pytest.mark.parametrize(
    "params",
    [
        {"weighting": "balanced"},
        {"weighting": {0: 1, 1: 5}},
        {"weighting": CostWeighting(COST)},
        {"estimator": LogisticRegression(class_weight="balanced")},
        {
            "estimator": LogisticRegression(class_weight="balanced"),
            "calibration": "prior",
        },
        {
            "weighting": CostWeighting(
                CostMatrix.binary(fp=1, fn=CostMatrix.column(0)), level="instance"
            ),
            "calibration": "prior",
        },
    ],
)
def test_weights_and_an_uncorrected_cost_decision_raise(params, counting, rare):
    X, y = np.abs(rare[0]), rare[1]
    clf = WeightedClassifier(
        counting, decision=COST, weighting=None, calibration=None
    ).set_params(**params)
    with pytest.raises(ValueError, match="count both the weights") as error:
        clf.fit(X, y)
    assert not Counting.seen, "said before anything is fitted"
    for way_out in (
        "calibration='auto'",
        "weighting=None",
        "decision='auto'",
        "accept_weighted",
    ):
        assert way_out in str(error.value)
    assert ("'prior'" in str(error.value)) == (
        "calibration" not in params and "estimator" not in params
    )


@pytest.mark.filterwarnings("ignore::skweight.exceptions.DoubleCountingWarning")
@pytest.mark.parametrize("calibration", [None, "prior"])
def test_a_sampler_inside_the_estimator_is_emphasis_too(calibration, rare):
    """It moves probabilities as weights do, where the closed form knows nothing."""
    sampling = imblearn_pipeline(
        RandomUnderSampler(random_state=0), LogisticRegression()
    )
    clf = CostSensitiveClassifier(sampling, cost=COST, calibration=calibration)
    with pytest.raises(ValueError, match="the sampler 'randomundersampler' of the"):
        clf.fit(*rare)
    clf.set_params(calibration="sigmoid")
    assert savings_score(rare[1], clf.fit(*rare).predict(rare[0]), COST) > 0.2


@pytest.mark.filterwarnings("ignore::skweight.exceptions.DoubleCountingWarning")
@pytest.mark.parametrize("calibration", [None, "prior"])
def test_an_ensemble_that_resamples_is_emphasis_too(calibration, rare):
    forest = pytest.importorskip("imblearn.ensemble").BalancedRandomForestClassifier
    model = forest(20, sampling_strategy="all", replacement=True, bootstrap=False)
    clf = CostSensitiveClassifier(model, cost=COST, calibration=calibration)
    with pytest.raises(
        ValueError, match="the sampler 'BalancedRandomForestClassifier'"
    ):
        clf.fit(*rare)
    clf.set_params(calibration="sigmoid").fit(*rare)


@pytest.mark.parametrize(
    "params",
    [
        {"calibration": "prior"},
        {"calibration": "sigmoid"},
        {"calibration": "isotonic"},
        {"weighting": None},
        {"weighting": {0: 1, 1: 1}},
        {"decision": "auto"},
        {"decision": ExpectedCostDecision(COST, accept_weighted=True)},
        {"decision": TunedDecision(cost=COST)},
    ],
)
def test_every_way_out_is_open(params, rare):
    X, y = rare
    clf = WeightedClassifier(
        LogisticRegression(), decision=COST, calibration=None
    ).set_params(**params)
    assert set(clf.fit(X, y).predict(X)) == {0, 1}


def test_fallback_to_the_closed_form_is_held_to_the_same_rule(rare):
    """One row of a class: nothing can be held out, and row weights stay in."""
    X, y = np.abs(rare[0][:50]), np.zeros(50, dtype=int)
    y[3] = 1
    cost = CostMatrix.binary(fp=CostMatrix.column(0), fn=CostMatrix.column(1))
    clf = WeightedClassifier(
        LogisticRegression(),
        weighting=CostWeighting(cost),
        calibration="sigmoid",
        decision=cost,
    )
    with (
        pytest.warns(UserWarning, match="rarest class"),
        pytest.raises(ValueError, match="differs within a class"),
    ):
        clf.fit(X, y)
    clf.set_params(weighting=None, decision="tuned")
    with (
        pytest.warns(UserWarning, match="rarest class"),
        pytest.raises(ValueError, match="needs held-out rows"),
    ):
        clf.fit(X, y)


# -- number of fits, and roles ---------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "n_fits"),
    [
        ({}, 6),
        ({"decision": "tuned"}, 6),
        ({"decision": "tuned", "cv": 3}, 4),
        ({"decision": "tuned", "calibration": None}, 6),
        ({"decision": "tuned", "calibration": "prior", "weighting": "balanced"}, 6),
        ({"calibration": None}, 1),
        ({"calibration": "prior", "weighting": "balanced"}, 1),
    ],
)
def test_at_most_k_plus_one_fits(params, n_fits, counting, rare):
    X, y = rare
    clf = CostSensitiveClassifier(counting, cost=COST).set_params(**params).fit(X, y)
    assert len(Counting.seen) == n_fits == clf.report_.n_fits


class Spy(BaseDecision):
    """Keeps what it is given."""

    needs_held_out_rows = True

    def _learn(self, held_out, class_multiplier):
        self.held_out_ = held_out

    def _positions(self, proba, X, metadata):
        return proba.argmax(axis=1)

    def metadata_names(self):
        return ["extra"]


class SpyCalibrator(SigmoidCalibrator):
    """Keeps what it is given."""

    def fit(self, scores, y, sample_weight=None, *, classes=None):
        self.seen_ = scores, y, sample_weight
        return super().fit(scores, y, sample_weight, classes=classes)


@pytest.mark.parametrize("calibrated", [False, True])
def test_the_decision_sees_population_weights_on_held_out_rows(calibrated, rare):
    X, y = rare
    X, y = X[:300], y[:300]
    population = np.random.default_rng(0).uniform(0.5, 1.5, 300)
    population[:10] = 0
    extra = np.arange(300)
    decision = Spy()
    clf = WeightedClassifier(
        LogisticRegression(),
        weighting=CostWeighting(COST),
        decision=decision,
        calibration=SpyCalibrator() if calibrated else None,
        random_state=0,
    ).fit(X, y, sample_weight=population, extra=extra)
    seen = clf.decision_.held_out_
    rows = seen.metadata["extra"]
    # Rows of weight zero are no rows of the population.
    assert sorted(rows) == list(range(10, 300))
    np.testing.assert_array_equal(seen.X, X[rows])
    np.testing.assert_array_equal(seen.y, y[rows])
    ratio = seen.sample_weight / population[rows]
    np.testing.assert_allclose(ratio, ratio[0])
    if calibrated:
        scores, labels, weights = clf.calibrator_.seen_
        np.testing.assert_array_equal(labels, seen.y)
        np.testing.assert_allclose(weights, seen.sample_weight)
        np.testing.assert_allclose(clf.calibrator_.predict_proba(scores), seen.proba)
    else:
        # Fold models, not the final one: no row was fitted by what scores it.
        assert not np.allclose(seen.proba, clf.estimator_.predict_proba(seen.X))


def test_tuned_on_the_scores_that_calibrated(rare):
    """The threshold is that of the search on the probabilities held out by hand."""
    X, y = rare
    clf = WeightedClassifier(
        LogisticRegression(),
        weighting="balanced",
        calibration=SpyCalibrator(),
        decision=TunedDecision(cost=COST),
        random_state=0,
    ).fit(X, y)
    scores, labels, _ = clf.calibrator_.seen_
    proba = clf.calibrator_.predict_proba(scores)
    by_hand = TunedDecision(cost=COST).fit(proba, labels, classes=[0, 1])
    assert clf.threshold_ == by_hand.threshold_
    lowest = min(
        cost_score(labels, (proba[:, 1] >= t).astype(int), COST)
        for t in np.append(np.unique(proba[:, 1]), 2)
    )
    assert -clf.decision_.best_score_ == pytest.approx(lowest)


def test_splits_that_test_a_row_twice_and_frozen_estimators(rare):
    from sklearn.model_selection import RepeatedStratifiedKFold

    X, y = rare
    clf = CostSensitiveClassifier(
        LogisticRegression(),
        cost=COST,
        decision="tuned",
        cv=RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0),
    ).fit(X, y)
    assert clf.report_.n_fits == 4  # the rows of the second repeat are known
    frozen = FrozenEstimator(LogisticRegression().fit(X, y))
    clf = CostSensitiveClassifier(frozen, cost=COST, decision="tuned").fit(X, y)
    assert clf.report_.n_fits == 0
    assert set(clf.predict(X)) == {0, 1}


# -- the front door --------------------------------------------------------------------


def test_columns_are_used_kept_or_dropped(money, counting):
    X, y, cost = money
    clf = CostSensitiveClassifier(counting, cost=cost, random_state=0).fit(X, y)
    assert {columns for columns, _, _ in Counting.seen} == {3}
    assert clf.feature_names_in_.tolist() == ["x", "z", "amount"]
    Counting.seen.clear()
    hidden = clone(clf).set_params(drop=True).fit(X, y)
    assert {columns for columns, _, _ in Counting.seen} == {2}
    richer = X.assign(amount=X["amount"] * 100)
    np.testing.assert_array_equal(hidden.predict_proba(X), hidden.predict_proba(richer))
    assert (hidden.predict(richer) == "fraud").sum() > (
        hidden.predict(X) == "fraud"
    ).sum()
    with pytest.raises(ValueError, match="'amount'"):
        hidden.predict(X[["x", "z"]])
    hidden.set_params(decision="argmax").fit(X, y)
    np.testing.assert_array_equal(hidden.predict(X), hidden.predict(X[["x", "z"]]))


def test_report_and_expected_cost(money):
    X, y, cost = money
    clf = CostSensitiveClassifier(LogisticRegression(), cost=cost, random_state=0)
    rows = X.set_index(np.arange(1500) + 7).iloc[:20]
    report = clf.fit(X, y).decision_report(rows)
    assert report.index.equals(rows.index)
    proba = clf.predict_proba(rows)
    np.testing.assert_allclose(report[["p(fraud)", "p(ok)"]], proba)
    risk = clf.expected_cost(rows)
    np.testing.assert_allclose(risk[:, 0], proba[:, 1] * 2)
    np.testing.assert_allclose(risk[:, 1], proba[:, 0] * rows["amount"])
    np.testing.assert_allclose(report[["cost(fraud)", "cost(ok)"]], risk)
    np.testing.assert_array_equal(report["decision"], clf.predict(rows))
    np.testing.assert_array_equal(
        report["decision"] == "ok", report["p(ok)"] > report["threshold"]
    )
    assert "with the costs of each row" in repr(clf.report_)
    assert not hasattr(clf, "threshold_")


def test_three_classes():
    X, y = make_classification(
        1500, n_classes=3, n_informative=5, flip_y=0.2, random_state=0
    )
    labels = np.array(["c", "a", "b"])[y]
    cost = CostMatrix.from_dict(
        {"a": {"b": 1, "c": 9}, "b": {"a": 2, "c": 1}, "c": {"a": 1, "b": 3}}
    )
    clf = CostSensitiveClassifier(LogisticRegression(), cost=cost, random_state=0)
    clf.fit(X, labels)
    assert isinstance(clf.calibrator_, AutoCalibrator)
    plain = LogisticRegression().fit(X, labels)
    costs = [cost_score(labels, model.predict(X), cost) for model in (clf, plain)]
    assert costs[0] < costs[1]
    tuned = clf.set_params(decision="tuned").fit(X, labels)
    assert tuned.decision_.thresholds_.shape == (3,)
    assert cost_score(labels, tuned.predict(X), cost) < costs[1]
    assert list(tuned.decision_report(X[:2])) == [
        *(f"p({label})" for label in "abc"),
        *(f"cost({label})" for label in "abc"),
        "decision",
    ]


def test_calibration_auto_is_that_of_the_weighted_classifier(money):
    X, y, cost = money
    front = CostSensitiveClassifier(LogisticRegression(), cost=cost, random_state=0)
    same = WeightedClassifier(
        LogisticRegression(), weighting=None, calibration="auto", random_state=0
    )
    np.testing.assert_array_equal(
        front.fit(X, y).predict_proba(X), same.fit(X, y).predict_proba(X)
    )
    assert front.report_.candidates


def test_it_is_the_weighted_classifier_with_other_defaults(money):
    X, y, cost = money
    front = CostSensitiveClassifier(
        LogisticRegression(), cost=cost, calibration="sigmoid", random_state=0
    )
    same = WeightedClassifier(
        LogisticRegression(),
        weighting=None,
        decision=cost,
        calibration="sigmoid",
        random_state=0,
    )
    np.testing.assert_array_equal(
        front.fit(X, y).predict_proba(X), same.fit(X, y).predict_proba(X)
    )
    np.testing.assert_array_equal(front.predict(X), same.predict(X))
    assert front.cost_ == cost.align(["fraud", "ok"])


def test_metadata_without_and_with_routing(money):
    X, y, _ = money
    numbers, amount = X[["x", "z"]], X["amount"]
    cost = CostMatrix.binary(pos_label="fraud", fp=2, fn=metadata("amount"))
    clf = CostSensitiveClassifier(LogisticRegression(), cost=cost, random_state=0)
    clf.fit(numbers, y, amount=amount)
    decided = clf.predict(numbers, amount=amount)
    risk = clf.expected_cost(numbers, amount=amount)
    np.testing.assert_array_equal(decided == "fraud", risk[:, 0] < risk[:, 1])
    assert (clf.decision_report(numbers, amount=amount)["decision"] == decided).all()
    with config_context(enable_metadata_routing=True):
        clf.fit(numbers, y, amount=amount)
        np.testing.assert_array_equal(clf.predict(numbers, amount=amount), decided)
    weighted = WeightedClassifier(
        LogisticRegression(),
        weighting=[CostWeighting(cost), "balanced"],
        calibration="sigmoid",
        decision=cost,
    ).fit(numbers, y, amount=amount)
    assert weighted.predict(numbers, amount=amount).shape == (1500,)
    with pytest.raises(ValueError, match="pass"):
        clf.predict(numbers)
    with pytest.raises(TypeError, match=r"predict got \['amonut'\]"):
        clf.predict(numbers, amonut=amount)
    shuffled = amount.sample(frac=1, random_state=0)
    with pytest.raises(ValueError, match="does not match the index"):
        clf.predict(numbers, amount=shuffled)
    with pytest.raises(ValueError, match="does not match the index"):
        clf.fit(numbers, y, amount=shuffled)


def test_pipelines_and_cross_validation(money):
    X, y, cost = money
    clf = CostSensitiveClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()), cost=cost
    )
    decided = cross_val_predict(clf, X, y, cv=3)
    assert savings_score(y, decided, cost, X=X) > 0.3


def test_set_params_reaches_a_named_decision(rare):
    X, y = rare
    clf = WeightedClassifier(LogisticRegression(), decision="tuned", calibration=None)
    clf.set_params(decision__scoring="f1").fit(X, y)
    assert "best f1" in clf.report_.decision
    assert (
        WeightedClassifier(calibration=None).set_params(decision="auto").decision
        == "auto"
    )
    assert isinstance(
        WeightedClassifier(LogisticRegression(), calibration="prior")
        .fit(X, y)
        .decision_,
        EmphasisDecision,
    )


@pytest.mark.parametrize(
    ("cost", "error", "words"),
    [
        (np.array([[0, 1], [5, 0]]), TypeError, "true 'fraud' decided 'ok' costs 1"),
        (CostMatrix.binary(fp=1, fn=5), ValueError, "pos_label='fraud'"),
        (
            CostMatrix.from_dict({"fraud": {"no": 1}, "no": {"fraud": 5}}),
            ValueError,
            r"missing are \['ok'\] and unknown to y are \['no'\]",
        ),
        (
            CostMatrix.binary(pos_label="fraud", fp=1, fn="amuont"),
            ValueError,
            "Did you mean 'amount'",
        ),
        (
            CostMatrix.binary(pos_label="fraud", fp=1, fn=metadata("m")),
            ValueError,
            "m=array",
        ),
    ],
)
@pytest.mark.parametrize("decision", ["expected_cost", "tuned"])
def test_bad_costs_are_told_before_any_fit(
    cost, error, words, decision, counting, money
):
    X, y, _ = money
    with pytest.raises(error, match=words):
        CostSensitiveClassifier(counting, cost=cost, decision=decision).fit(X, y)
    assert not Counting.seen


def test_missing_costs_are_told(money):
    X, y, cost = money
    with pytest.raises(ValueError, match="NaN or infinite in 1 of 1500 rows"):
        CostSensitiveClassifier(LogisticRegression(), cost=cost).fit(
            X.assign(amount=X["amount"].where(X.index > 0)), y
        )


def test_costs_that_are_rarely_meant_warn(rare):
    X, y = rare
    cost = CostMatrix.binary(tp=10, fn=1, fp=1, tn=0)
    clf = CostSensitiveClassifier(LogisticRegression(), cost=cost)
    with pytest.warns(DecisionWarning, match="decision 0 for the true label 1"):
        clf.fit(X, y)
    assert set(clf.predict(X)) == {0}
    assert np.isnan(clf.decision_report(X[:3])["threshold"]).all()


def test_costs_that_decide_nothing_warn(rare):
    X, y = rare
    plain = LogisticRegression().fit(X, y)
    clf = CostSensitiveClassifier(
        LogisticRegression(), cost=CostMatrix.binary(fp=0, fn=0), calibration=None
    )
    with pytest.warns(DecisionWarning, match="the costs have no effect"):
        clf.fit(X, y)
    np.testing.assert_array_equal(clf.predict(X), plain.predict(X))


def test_rows_in_which_a_mistake_is_the_cheaper_are_reported(money):
    """A check of 10 for a fraud of less: no error, and decided rightly."""
    X, y, _ = money
    cost = CostMatrix.binary(pos_label="fraud", fp=10, tp=10, fn="amount")
    clf = CostSensitiveClassifier(LogisticRegression(), cost=cost, random_state=0)
    X = X.assign(amount=X["amount"] + 5)
    clf.fit(X, y)
    small = X["amount"] < 10
    assert 0 < small.mean() < 0.5
    assert f"in {small.sum():,} rows, a mistake costs less than" in repr(clf.report_)
    assert set(clf.predict(X[small])) == {"ok"}
    assert "fraud" in set(clf.predict(X[~small]))


class NoProba(ClassifierMixin, BaseEstimator):
    """Labels only."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


@pytest.mark.parametrize("decision", [COST, "tuned", 0.3])
def test_decisions_by_probabilities_need_some(decision, rare):
    X, y = rare
    clf = WeightedClassifier(
        LinearSVC(), weighting=None, decision=decision, calibration=None
    )
    with pytest.raises(TypeError, match="calibration='sigmoid', which computes"):
        clf.fit(X, y)
    clf.set_params(calibration="sigmoid").fit(X, y).predict(X)


# -- claims ----------------------------------------------------------------------------


def test_expected_cost_saves_more_than_weights_where_costs_differ_by_row(money):
    """On known probabilities; the margins are a third of what is found."""
    X, y, cost = money
    parts = train_test_split(X, y, random_state=0)
    X_train, X_test, y_train, y_test = parts
    models = {
        "decision": CostSensitiveClassifier(
            LogisticRegression(), cost=cost, drop=True, random_state=0
        ),
        "weights": WeightedClassifier(
            LogisticRegression(),
            weighting=CostWeighting(cost, level="class", drop=True),
            calibration=None,
        ),
    }
    saved = {
        name: savings_score(
            y_test, model.fit(X_train, y_train).predict(X_test), cost, X=X_test
        )
        for name, model in models.items()
    }
    assert saved["decision"] > saved["weights"] + 0.02


def marketing(shared_data):
    table = pd.read_csv(shared_data("marketing.csv.gz"), sep=";")
    table = table[table["balance"] > 0].reset_index(drop=True)
    y = (table["y"] == "yes").to_numpy().astype(int)
    names = "age balance previous job marital education default housing loan poutcome"
    X = pd.get_dummies(table[names.split()], dtype=float)
    X["fn"] = np.maximum(table["balance"] * 0.02463333 * 0.25, 1)
    return X, y, CostMatrix.binary(fp=1, tp=1, fn="fn")


def test_published_constants_of_marketing(shared_data):
    X, y, cost = marketing(shared_data)
    assert len(y) == 37_931
    assert y.mean() == pytest.approx(0.1262, abs=5e-5)
    nobody, everybody = (
        cost_score(y, np.full(y.size, k), cost, X=X, normalize=False) for k in (0, 1)
    )
    assert round(nobody) == 59_507
    assert everybody == 37_931
    assert cost.check(X, y).n_dominated["positive"] == (X["fn"] == 1).sum()


@pytest.mark.slow
def test_published_savings_of_marketing(shared_data):
    """Mean .4973, standard deviation .0084 over 50 splits; here over ten of them."""
    X, y, cost = marketing(shared_data)
    saved = []
    for seed in range(10):
        order = np.random.default_rng(seed).permutation(y.size)
        train, held_out, test = np.split(order, [y.size // 2, y.size * 3 // 4])
        model = LogisticRegression(solver="liblinear", max_iter=1000)
        model.fit(X.drop(columns="fn").iloc[train], y[train])
        clf = CostSensitiveClassifier(
            FrozenEstimator(model),
            cost=cost,
            calibration="isotonic",
            drop=True,
        ).fit(X.iloc[held_out], y[held_out])
        saved.append(
            savings_score(y[test], clf.predict(X.iloc[test]), cost, X=X.iloc[test])
        )
    assert np.mean(saved) == pytest.approx(0.4973, abs=0.0084)


def test_the_rule_of_elkan_beats_one_half_on_german_credit(shared_data):
    table = pd.read_csv(shared_data("german.csv.gz"))
    y = table.pop("risk").to_numpy()
    X = pd.get_dummies(table, dtype=float)
    cost = CostMatrix.binary(pos_label="bad", fp=1, fn=5)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    clf = CostSensitiveClassifier(model, cost=cost, random_state=0)
    costs = [
        cost_score(y, cross_val_predict(model, X, y, cv=5), cost)
        for model in (clf, model)
    ]
    # The published means are .545 and .883, and .700 for refusing everybody.
    assert costs[0] == pytest.approx(0.545, abs=0.04)
    assert costs[1] == pytest.approx(0.883, abs=0.06)


@pytest.mark.slow
def test_the_guide_goes_from_the_file_to_the_money(shared_data, monkeypatch):
    """The figures beside its lines, within what versions of scikit-learn differ by."""
    text = (REPOSITORY / "docs/user_guide/costs.md").read_text("utf-8")
    code = text.partition(":caption: german credit\n")[2].partition("```")[0]
    quoted = re.findall(r"^(\w.*?)  # (\d\.\d+)", code, flags=re.MULTILINE)
    assert len(quoted) == 4
    monkeypatch.chdir(shared_data("german.csv.gz").parent)
    names = {"cost": CostMatrix.binary(pos_label="bad", fp=1, fn=5)}
    exec(code, names)
    for expression, figure in quoted:
        assert eval(expression, names) == pytest.approx(float(figure), abs=0.05)
    assert names["clf"].report_.n_fits == 6


# -- what learners and labels there are ------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "kind", "pos_label"),
    [
        (["ok", "fraud"], None, "fraud"),
        (["ok", "fraud"], "category", "fraud"),
        (["ok", "fraud"], "string", "fraud"),
        ([0, 1], None, None),
        ([-1, 1], None, None),
        ([False, True], None, None),
        ([0.0, 1.0], None, None),
        ([1, 2], "category", 2),
    ],
)
def test_labels_of_every_kind_are_decided_alike(labels, kind, pos_label, money):
    X, y, _ = money
    positive = (y == "fraud").astype(int)
    y = np.array(labels)[positive]
    if kind is not None:
        y = pd.Series(y, dtype=kind)
    cost = CostMatrix.binary(pos_label=pos_label, fp=2, fn="amount")
    clf = CostSensitiveClassifier(LogisticRegression(), cost=cost, random_state=0)
    decided = clf.fit(X, y).predict(X)
    assert set(decided) == set(labels)
    plain = CostMatrix.binary(fp=2, fn="amount")
    clf.set_params(cost=plain)
    alike = (decided == labels[1]) == clf.fit(X, positive).predict(X)
    # Folds and classes are sorted otherwise where "fraud" comes first.
    assert alike.mean() > 0.99
    assert cost_score(y, decided, cost, X=X) == pytest.approx(
        cost_score(positive, (decided == labels[1]).astype(int), plain, X=X)
    )


def test_sparse_rows_with_costs_beside_them(money):
    X, y, _ = money
    numbers, amount = X[["x", "z"]], X["amount"].to_numpy()
    cost = CostMatrix.binary(pos_label="fraud", fp=2, fn=metadata("amount"))
    clf = CostSensitiveClassifier(LogisticRegression(), cost=cost, random_state=0)
    dense = clf.fit(numbers, y, amount=amount).predict(numbers, amount=amount)
    rows = csr_matrix(numbers)
    sparse = clf.fit(rows, y, amount=amount).predict(rows, amount=amount)
    np.testing.assert_array_equal(sparse, dense)
    assert list(clf.decision_report(rows, amount=amount)["decision"]) == list(sparse)


def test_a_search_over_a_pipeline_in_two_processes_survives_pickling(money):
    X, y, cost = money
    search = GridSearchCV(
        CostSensitiveClassifier(
            make_pipeline(StandardScaler(), LogisticRegression()),
            cost=cost,
            random_state=0,
        ),
        {
            "estimator__logisticregression__C": [0.01, 1.0],
            "drop": [False, True],
        },
        scoring=make_cost_scorer(cost),
        cv=3,
        n_jobs=2,
    ).fit(X, y)
    again = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(again.predict(X), search.predict(X))
    assert again.best_score_ == search.best_score_ < 0


def test_rows_of_weight_zero_are_as_if_removed(money):
    X, y, cost = money
    weight = np.r_[np.zeros(500), np.full(1000, 2.0)]
    clf = CostSensitiveClassifier(LogisticRegression(), cost=cost, random_state=0)
    weighted = clf.fit(X, y, sample_weight=weight).predict_proba(X)
    removed = clf.fit(X[500:], y[500:]).predict_proba(X)
    np.testing.assert_allclose(weighted, removed, atol=1e-8)


def test_labels_that_scikit_learn_replaced_are_hinted_at(money):
    X, y, cost = money
    clf = CostSensitiveClassifier(LogisticRegression(), cost=cost, random_state=0)
    with pytest.raises(ValueError, match="cross_val_predict replaces labels"):
        cross_val_predict(clf, X, y, cv=3, method="predict_proba")
    clf.set_params(cost=CostMatrix.binary(pos_label=0, fp=2, fn="amount"))
    _, codes = np.unique(y, return_inverse=True)
    proba = cross_val_predict(clf, X, codes, cv=3, method="predict_proba")
    assert proba.shape == (1500, 2)


def test_boosting_with_string_labels(money):
    """Weights travel as sample_weight, since class_weight fails on strings there."""
    X, y, cost = money
    clf = CostSensitiveClassifier(
        HistGradientBoostingClassifier(max_iter=20, random_state=0),
        cost=cost,
        weighting=CostWeighting(cost, level="class"),
        random_state=0,
    ).fit(X, y)
    assert savings_score(y, clf.predict(X), cost, X=X) > 0.3


def test_binary_costs_are_for_two_classes():
    clf = CostSensitiveClassifier(LogisticRegression(), cost=COST)
    assert not clf.__sklearn_tags__().classifier_tags.multi_class
    with pytest.raises(ValueError, match=r"Only binary classification is supported"):
        clf.fit(np.eye(6), [0, 1, 2, 0, 1, 2])
    with pytest.raises(ValueError, match=r"y has only one class, 0"):
        clf.fit(np.eye(6), np.zeros(6, dtype=int))
