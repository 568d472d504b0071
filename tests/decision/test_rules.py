"""From probabilities to labels: rules, thresholds, and what a balanced model keeps."""

import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_score, recall_score
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skweight import ClassWeighting, PriorWeighting, WeightedClassifier
from skweight.datasets import make_imbalanced
from skweight.decision import (
    ArgmaxDecision,
    BalancedDecision,
    BaseDecision,
    EmphasisDecision,
    ThresholdDecision,
)
from skweight.decision._resolve import resolve_decision
from skweight.exceptions import DecisionWarning

PROBA = np.array([[0.96, 0.04], [0.95, 0.05], [0.9, 0.1], [0.4, 0.6]])


# -- the rules by themselves -----------------------------------------------------------


def test_argmax():
    decision = ArgmaxDecision().fit(classes=["no", "yes"], class_multiplier=[1, 99])
    assert decision.decide(PROBA).tolist() == ["no", "no", "no", "yes"]
    assert decision.threshold_ == 0.5
    assert decision.decide([[0.5, 0.5]]).tolist() == ["no"]


def test_emphasis_is_argmax_of_the_product():
    decision = EmphasisDecision().fit(classes=["no", "yes"], class_multiplier=[1, 18])
    assert decision.threshold_ == 1 / 19
    assert decision.decide(PROBA).tolist() == ["no", "no", "yes", "yes"]
    three = EmphasisDecision().fit(classes=[0, 1, 2], class_multiplier=[1, 2, 8])
    # Products 0.6, 0.6, 0.8; then 0.5, 0.8, 0.8, where the first of equals is taken.
    proba = [[0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.7, 0.2, 0.1]]
    assert three.decide(proba).tolist() == [2, 1, 2]
    assert not hasattr(three, "threshold_")


def test_emphasis_without_emphasis_is_argmax():
    decision = EmphasisDecision().fit(classes=[0, 1])
    assert decision.threshold_ == 0.5
    np.testing.assert_array_equal(
        decision.decide(PROBA), ArgmaxDecision().fit(classes=[0, 1]).decide(PROBA)
    )


@pytest.mark.parametrize(
    ("threshold", "labels"),
    [(0, [1, 1, 1, 1]), (0.05, [0, 1, 1, 1]), (0.5, [0, 0, 0, 1]), (1, [0, 0, 0, 0])],
)
def test_threshold_chooses_the_second_class_from_it_on(threshold, labels):
    decision = ThresholdDecision(threshold).fit(classes=[0, 1])
    assert decision.decide(PROBA).tolist() == labels
    assert decision.threshold_ == threshold


@pytest.mark.parametrize(
    "classes", [[0, 1], ["a", "b"], [-1, 1], [False, True], [0.5, 1.5]]
)
def test_labels_keep_their_type(classes):
    threshold = ThresholdDecision(label=classes[1])
    for decision in (ArgmaxDecision(), EmphasisDecision(), threshold):
        labels = decision.fit(classes=np.array(classes)).decide(PROBA)
        assert labels.dtype == np.array(classes).dtype
        assert set(labels.tolist()) <= set(classes)


def test_probabilities_of_another_number_of_classes():
    decision = ArgmaxDecision().fit(classes=["a", "b", "c"])
    sentence = (
        r"proba must have one column for each of \['a', 'b', 'c'\]; got shape \(4, "
    )
    with pytest.raises(ValueError, match=sentence):
        decision.decide(PROBA)
    with pytest.raises(ValueError, match=r"got shape \(2,\)\."):
        decision.decide([0.5, 0.5])


def test_a_decision_must_be_fitted_and_finished():
    with pytest.raises(NotFittedError):
        ArgmaxDecision().decide(PROBA)
    with pytest.raises(
        NotImplementedError, match=r"must implement _positions\(proba, X, metadata\)"
    ):
        BaseDecision().fit(classes=[0, 1]).decide(PROBA)


def test_resolve():
    assert isinstance(resolve_decision("auto"), EmphasisDecision)
    assert isinstance(resolve_decision("argmax"), ArgmaxDecision)
    for threshold in (0.2, 1, np.float32(0.5), np.int64(0)):
        assert resolve_decision(threshold).threshold == threshold
    decision = ThresholdDecision(0.3)
    assert resolve_decision(decision) is decision


# -- in the classifier -----------------------------------------------------------------


@pytest.fixture(scope="module")
def rare():
    """A class of 2 % whose probabilities are known, in two halves."""
    data = make_imbalanced(20_000, prevalence=0.02, class_sep=1.5, random_state=5)
    half = slice(None, None, 2), slice(1, None, 2)
    return [(data.X[rows], data.y[rows], data.proba[rows]) for rows in half]


@pytest.mark.parametrize(
    ("estimator", "calibration"),
    [
        (LogisticRegression(), "sigmoid"),
        (LogisticRegression(), "isotonic"),
        (LogisticRegression(), "temperature"),
        (LogisticRegression(), "prior"),
        (LinearSVC(), "sigmoid"),
        (DecisionTreeClassifier(min_samples_leaf=100, random_state=0), "sigmoid"),
    ],
    ids=lambda one: one if isinstance(one, str) else type(one).__name__,
)
def test_a_calibrated_balanced_model_keeps_its_balanced_recall(
    rare, estimator, calibration
):
    (X, y, _), (X_new, y_new, proba_new) = rare

    def recall(**params):
        params = {"calibration": None, "random_state": 0, **params}
        classifier = WeightedClassifier(estimator, **params).fit(X, y)
        labels = classifier.predict(X_new)
        return recall_score(y_new, labels), precision_score(
            y_new, labels, zero_division=0
        )

    plain, _ = recall(weighting=None)
    balanced, precision = recall()
    auto, auto_precision = recall(calibration=calibration)
    argmax, _ = recall(calibration=calibration, decision="argmax")
    # The best possible classifier finds this much where classes count alike. A
    # calibrated probability of the rare class is hardly ever above one half.
    best = recall_score(y_new, proba_new[:, 1] > 0.02)
    assert best > 0.7
    assert plain < 0.1
    assert argmax < 0.1
    assert balanced > 0.6
    assert auto > balanced - 0.06
    assert auto_precision > precision - 0.05


LINEAR = [LogisticRegression(), GaussianNB()]


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("estimator", LINEAR, ids=["LogisticRegression", "GaussianNB"])
@pytest.mark.parametrize(
    "weighting",
    ["balanced", ["balanced", "balanced"], "effective_number"],
    ids=["balanced", "twice", "effective_number"],
)
@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_auto_after_the_exact_inversion_is_what_the_weighted_model_predicts(
    n_classes, weighting, estimator
):
    data = make_imbalanced(
        3000, prevalence=0.05, n_classes=n_classes, class_sep=1.5, random_state=1
    )
    weight = np.random.RandomState(0).uniform(0.2, 3, 3000)
    params = {"estimator": estimator, "weighting": weighting}
    weighted = WeightedClassifier(calibration=None, **params)
    weighted.fit(data.X, data.y, sample_weight=weight)
    inverted = WeightedClassifier(calibration="prior", **params)
    inverted.fit(data.X, data.y, sample_weight=weight)
    labels = inverted.predict(data.X)
    np.testing.assert_array_equal(labels, weighted.predict(data.X))
    # Not because inversion did nothing.
    before, after = weighted.predict_proba(data.X), inverted.predict_proba(data.X)
    assert np.abs(before - after).max() > 0.1
    assert np.any(after.argmax(axis=1) != labels)


def test_the_threshold_of_a_balanced_model_is_the_prevalence(rare):
    (X, y, _), _ = rare
    classifier = WeightedClassifier(calibration="prior").fit(X, y)
    assert classifier.threshold_ == pytest.approx(y.mean(), rel=1e-12)
    assert isinstance(classifier.decision_, EmphasisDecision)


def test_population_weights_do_not_move_the_threshold_away_from_argmax(rare):
    (X, y, _), _ = rare
    prior = PriorWeighting({0: 0.5, 1: 0.5})
    classifier = WeightedClassifier(weighting=prior, calibration="prior").fit(X, y)
    # The prior says what the world is like, so one half is one half.
    assert classifier.threshold_ == pytest.approx(0.5)
    both = WeightedClassifier(
        weighting=[prior, ClassWeighting({0: 1, 1: 3})], calibration="prior"
    ).fit(X, y)
    assert both.threshold_ == pytest.approx(0.25)


@pytest.mark.parametrize("calibration", [None, "sigmoid"])
def test_a_threshold_is_applied_to_the_probabilities_that_the_classifier_gives(
    rare, calibration
):
    (X, y, _), _ = rare
    classifier = WeightedClassifier(calibration=calibration, decision=0.3, cv=2)
    labels = classifier.fit(X, y).predict(X)
    np.testing.assert_array_equal(labels, classifier.predict_proba(X)[:, 1] >= 0.3)
    assert classifier.threshold_ == 0.3


def test_without_calibration_the_estimator_decides_by_itself(rare):
    (X, y, _), _ = rare
    for decision in ("auto", "argmax"):
        classifier = WeightedClassifier(
            LinearSVC(), decision=decision, calibration=None
        ).fit(X, y)
        assert classifier.decision_ is None
        assert not hasattr(classifier, "threshold_")
        expected = classifier.estimator_.predict(X)
        np.testing.assert_array_equal(classifier.predict(X), expected)


def test_a_class_of_training_weight_zero_is_never_chosen():
    data = make_imbalanced(600, n_classes=3, prevalence=0.2, random_state=0)
    classifier = WeightedClassifier(
        weighting={0: 1, 1: 1, 2: 0}, calibration="sigmoid", random_state=0
    ).fit(data.X, data.y)
    assert set(classifier.predict(data.X)) <= {0, 1}


class OwnDecision(BaseEstimator):
    """A decision of a third party, with nothing but what is asked of it."""

    def __init__(self, cut=0.9):
        self.cut = cut

    def fit(
        self, proba=None, y=None, sample_weight=None, *, classes, class_multiplier=None
    ):
        self.labels_ = classes
        return self

    def decide(self, proba):
        return self.labels_[(proba[:, 1] > self.cut).astype(int)]


@pytest.mark.parametrize("calibration", [None, "sigmoid"])
def test_a_decision_of_a_third_party(rare, calibration):
    (X, y, _), _ = rare
    decision = OwnDecision(0.6)
    classifier = WeightedClassifier(decision=decision, calibration=calibration, cv=2)
    labels = classifier.fit(X, y).predict(X)
    np.testing.assert_array_equal(labels, classifier.predict_proba(X)[:, 1] > 0.6)
    assert not hasattr(decision, "labels_")  # cloned before it was fitted
    assert "OwnDecision(cut=0.6)" in repr(classifier.report_)
    assert classifier.set_params(decision__cut=0.1).decision.cut == 0.1


@pytest.mark.parametrize(
    ("decision", "error", "sentence"),
    [
        ("autp", ValueError, r"decision must be one of .* Did you mean 'auto'\?"),
        (
            "cost",
            ValueError,
            r"decision must be one of \['auto', 'argmax', 'balanced', 'tuned'\], a thr",
        ),
        (None, ValueError, r"or an object with fit and decide; got None\."),
        (True, ValueError, r"or an object with fit and decide; got True\."),
        (ArgmaxDecision, ValueError, r"got <class .*ArgmaxDecision'>\."),
        (
            1.5,
            ValueError,
            r"The decision threshold must be a number in \[0, 1\]; got 1.",
        ),
        (
            -0.1,
            ValueError,
            r"The decision threshold must be a number in \[0, 1\]; got -",
        ),
        (np.nan, ValueError, r"The decision threshold must be a number .*; got nan\."),
    ],
)
def test_decisions_that_cannot_be_used(decision, error, sentence):
    X, y = np.arange(8.0)[:, None], [0, 0, 0, 0, 0, 0, 1, 1]
    with pytest.raises(error, match=sentence):
        WeightedClassifier(decision=decision, calibration="prior").fit(X, y)


def test_one_threshold_for_three_classes():
    sentence = (
        r"A threshold without a label needs two classes; y has \['a', 'b', 'c'\]\. "
        r"Name the label of the threshold, as in decision=\{'c': 0\.3\}"
    )
    with pytest.raises(ValueError, match=sentence):
        WeightedClassifier(decision=0.3, calibration=None).fit(
            np.arange(6.0)[:, None], list("abcabc")
        )


# -- balanced labels, and thresholds of a named label ----------------------------------


def test_balanced_is_argmax_of_probability_over_prevalence():
    shares = [0.7, 0.2, 0.1]
    decision = BalancedDecision().fit(classes=["a", "b", "c"], prevalence=shares)
    proba = np.array([[0.7, 0.2, 0.1], [0.69, 0.21, 0.1], [0.6, 0.2, 0.2]])
    assert decision.decide(proba).tolist() == ["a", "b", "c"]
    two = BalancedDecision().fit(classes=[0, 1], prevalence=[95, 5])
    assert two.threshold_ == 0.05
    assert two.decide([[0.94, 0.06], [0.96, 0.04]]).tolist() == [1, 0]
    with pytest.raises(ValueError, match="class frequencies of the population"):
        BalancedDecision().fit(classes=[0, 1])


@pytest.mark.parametrize("weighting", [None, "balanced", {0: 1, 1: 4}])
def test_balanced_labels_need_no_weights_and_follow_the_population(weighting):
    data = make_imbalanced(3000, prevalence=0.08, random_state=0)
    weights = np.where(data.X[:, 0] > 0, 2.0, 1.0)
    clf = WeightedClassifier(
        LogisticRegression(),
        weighting=weighting,
        calibration="sigmoid",
        decision="balanced",
        random_state=0,
    ).fit(data.X, data.y, sample_weight=weights)
    share = np.average(data.y, weights=weights)
    assert clf.threshold_ == pytest.approx(share, rel=1e-12)
    p = clf.predict_proba(data.X)[:, 1]
    np.testing.assert_array_equal(clf.predict(data.X), (p > share).astype(int))
    assert recall_score(data.y, clf.predict(data.X)) > 0.6


def test_set_prevalence_moves_no_balanced_label():
    data = make_imbalanced(2000, prevalence=0.1, random_state=0)
    clf = WeightedClassifier(calibration="sigmoid", decision="balanced", random_state=0)
    before = clf.fit(data.X, data.y).predict(data.X)
    moved = clf.set_prevalence({1: 0.02})
    assert moved.predict_proba(data.X)[:, 1].mean() < 0.05
    np.testing.assert_array_equal(moved.predict(data.X), before)
    assert moved.threshold_ == pytest.approx(0.02)
    back = clf.set_prevalence(None)
    assert back.threshold_ == pytest.approx(data.y.mean())


def test_balanced_labels_in_a_stream_follow_all_chunks():
    data = make_imbalanced(1000, prevalence=0.2, random_state=0)
    clf = WeightedClassifier(GaussianNB(), calibration="prior", decision="balanced")
    for rows in np.split(np.arange(1000), 4):
        clf.partial_fit(data.X[rows], data.y[rows], classes=[0, 1])
    assert clf.threshold_ == pytest.approx(data.y.mean())


def test_balanced_labels_want_honest_probabilities():
    data = make_imbalanced(500, prevalence=0.2, random_state=0)
    clf = WeightedClassifier(calibration=None, decision="balanced")
    with pytest.raises(ValueError, match="count both the weights and the costs"):
        clf.fit(data.X, data.y)


@pytest.mark.parametrize(
    "labels", [["fraud", "ok"], ["a", "fraud"], [3, 7], [3.0, 4.0], [1, 2]]
)
@pytest.mark.parametrize("position", [0, 1])
def test_a_dict_names_the_label_of_the_threshold(labels, position):
    data = make_imbalanced(1500, prevalence=0.1, random_state=0)
    y = np.array(labels)[data.y]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf = WeightedClassifier(
            calibration="sigmoid", decision={labels[position]: 0.05}, random_state=0
        ).fit(data.X, y)
    p = clf.predict_proba(data.X)[:, position]
    np.testing.assert_array_equal(clf.predict(data.X) == labels[position], p >= 0.05)
    assert clf.decision_.threshold_label_ == labels[position]
    assert str(labels[position]) in clf.report_.decision


@pytest.mark.parametrize("labels", [["fraud", "ok"], [1, 2], [3.0, 4.0]])
def test_a_bare_number_says_whose_threshold_it_is(labels):
    with pytest.warns(DecisionWarning, match=r"second label in sorted order") as caught:
        ThresholdDecision(0.05).check_rows(None, np.array(labels))
    assert len(caught) == 1
    assert repr(labels[0]) in str(caught[0].message)
    assert f"decision={{{labels[1]!r}: 0.05}}" in str(caught[0].message)
    decision = ThresholdDecision(0.05).fit(classes=np.array(labels))
    assert decision.threshold_label_ == labels[1]


@pytest.mark.parametrize("labels", [[0, 1], [-1, 1], [False, True], [0.0, 1.0]])
def test_a_bare_number_is_plain_where_the_positive_label_is(labels):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decision = ThresholdDecision(0.05)
        decision.check_rows(None, np.array(labels))
        decision.fit(classes=np.array(labels))
    assert decision.decide([[0.94, 0.06], [0.96, 0.04]]).tolist() == labels[::-1]


def test_one_label_of_three_has_a_threshold():
    decision = resolve_decision({"b": 0.2}).fit(classes=["a", "b", "c"])
    proba = [[0.5, 0.2, 0.3], [0.3, 0.1, 0.6], [0.45, 0.15, 0.4], [0.0, 0.9, 0.1]]
    assert decision.decide(proba).tolist() == ["b", "c", "a", "b"]
    assert not hasattr(decision, "threshold_")
    with pytest.raises(ValueError, match=r"thresholds for 2 labels.*CostMatrix"):
        resolve_decision({"a": 0.2, "b": 0.3})
    with pytest.raises(ValueError, match=r"Did you mean 'fraud'"):
        ThresholdDecision(0.1, label="frod").fit(classes=["fraud", "ok"])
