"""The contracts, over the whole registry: scikit-learn's for estimators, ours for
weightings. A new strategy or classifier is tested here without an edit."""

import pickle

import numpy as np
import pytest
import sklearn
from listed_checks import listed
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.utils.estimator_checks import parametrize_with_checks

from skweight import CostSensitiveClassifier, WeightedClassifier
from skweight.calibration import SigmoidCalibrator
from skweight.decision import ArgmaxDecision
from skweight.testing import (
    all_estimators,
    check_calibrator,
    check_decision,
    check_weighting,
)

WRAPPERS = all_estimators("classifier") | all_estimators("regressor")

_REPETITION = {
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
}
_SCALE_FREE = (
    "normalize=True makes the scale of sample_weight meaningless, and a regularised "
    "loss feels it: no procedure can also treat weights of two as rows that came "
    "twice, see test_scale_free_and_repetition_contradict_each_other"
)
_CALIBRATED = (
    "folds are drawn by row and calibrators count in effective sample size, so that a "
    "row of weight two is one observation, not two"
)
_UNPENALISED = ("GaussianNB", "LinearRegression")
_BY_COST = "labels follow the costs, not the largest probability"
_OLD_PIPELINE = (
    "before scikit-learn 1.7 a Pipeline says that it takes sparse X although its "
    "StandardScaler does not"
)
_OLD = tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 7)


def _inner(estimator):
    return type(estimator.estimator).__name__


def excuses(estimator):
    """Return the checks that an estimator cannot pass, each with its reason."""
    by_name = {}
    if estimator.normalize and _inner(estimator) not in _UNPENALISED:
        by_name = dict.fromkeys(_REPETITION, _SCALE_FREE)
    if isinstance(estimator, CostSensitiveClassifier):
        by_name["check_classifiers_train"] = _BY_COST
        if estimator.calibration is not None:
            by_name |= dict.fromkeys(_REPETITION, _CALIBRATED)
        if _inner(estimator) == "GaussianNB":
            # It takes no sparse X, so that there is nothing to repeat.
            by_name.pop("check_sample_weight_equivalence_on_sparse_data", None)
    if _inner(estimator) == "Pipeline":
        # The newer ones skip the sparse check, having read the tags of the scaler.
        by_name.pop("check_sample_weight_equivalence_on_sparse_data", None)
        if _OLD:
            by_name["check_sample_weight_equivalence_on_sparse_data"] = _OLD_PIPELINE
    return by_name


@listed(
    parametrize_with_checks(list(WRAPPERS.values()), expected_failed_checks=excuses)
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
# GaussianNB takes the logarithm of the frequency of a class without weight.
@pytest.mark.filterwarnings("ignore:divide by zero encountered in log:RuntimeWarning")
# Some checks have labels that no feature tells anything of, or a handful of rows.
@pytest.mark.filterwarnings("ignore::skweight.exceptions.CalibrationWarning")
@pytest.mark.filterwarnings("ignore::skweight.exceptions.FewerThanAskedWarning")
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_the_number_of_excuses_does_not_grow():
    actual = list(WRAPPERS.values())
    costly = [
        record for record in actual if isinstance(record, CostSensitiveClassifier)
    ]
    assert sum(len(excuses(item)) for item in costly) == 3 + 2
    actual = [record for record in actual if record not in costly]
    scale_free = [record for record in actual if record.normalize]
    exact = [record for record in actual if not record.normalize]
    assert sum(len(excuses(item)) for item in scale_free) == 7 + _OLD
    assert sum(len(excuses(item)) for item in exact) == _OLD
    assert not any(
        _inner(item) in _UNPENALISED and excuses(item) for item in scale_free
    )


def test_scale_free_and_repetition_contradict_each_other():
    # Weights of two in every row: repetition demands the model of the doubled rows,
    # freedom of scale the model of the rows. A penalised loss tells the two apart, so
    # that whatever passes one of the demands fails the other.
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(30, 3)), rng.randint(0, 2, 30)
    of_rows = LogisticRegression().fit(X, y).coef_
    of_doubled_rows = LogisticRegression().fit(np.tile(X, (2, 1)), np.tile(y, 2)).coef_
    assert np.abs(of_rows - of_doubled_rows).max() > 0.005

    twos = np.full(30, 2.0)
    model = WeightedClassifier(LogisticRegression(), weighting=None, calibration=None)
    scale_free = clone(model).fit(X, y, sample_weight=twos).estimator_.coef_
    assert_allclose(scale_free, of_rows, rtol=1e-7)
    exact = clone(model).set_params(normalize=False).fit(X, y, sample_weight=twos)
    assert_allclose(exact.estimator_.coef_, of_doubled_rows, rtol=1e-4)


@pytest.mark.parametrize("weighting", [None, "balanced"])
@pytest.mark.parametrize(
    "estimator",
    [GaussianNB(), LogisticRegression(C=1e12, tol=1e-10, max_iter=10_000)],
    ids=["GaussianNB", "LogisticRegression without a penalty"],
)
def test_a_row_of_weight_two_is_a_row_twice_where_no_penalty_feels_the_scale(
    estimator, weighting
):
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(200, 3)), rng.randint(0, 2, 200)
    times = rng.randint(0, 4, 200)
    model = WeightedClassifier(estimator, weighting=weighting, calibration=None)
    once = clone(model).fit(X, y, sample_weight=times).predict_proba(X)
    rows = np.repeat(np.arange(200), times)
    repeated = clone(model).fit(X[rows], y[rows]).predict_proba(X)
    assert_allclose(once, repeated, rtol=1e-5)


_LABELS = {
    "two integers": (0, 1),
    "three integers": (0, 1, 2),
    "strings": ("no", "yes"),
    "minus one and one": (-1, 1),
    "booleans": (False, True),
    "floats": (0.0, 1.0),
}


def by_labels(kind):
    """Parametrise over every estimator of a kind, and types of labels in turn.

    Labels are encoded in one place. So each estimator has three classes and one of the
    types of two classes, and each of these types is met by some estimators.
    """
    three = {"three integers": _LABELS["three integers"]}
    of_two = [item for item in _LABELS.items() if item[0] not in three]
    cases = []
    for position, name in enumerate(all_estimators(kind, labels=(0, 1))):
        for words, labels in [*three.items(), of_two[position % len(of_two)]]:
            if name in all_estimators(kind, labels=labels):
                cases.append(pytest.param(name, labels, id=f"{name}, {words}"))
    return pytest.mark.parametrize(("name", "labels"), cases)


# Hard examples warn in every fit.
@pytest.mark.filterwarnings("ignore::skweight.exceptions.DegenerateWeightsWarning")
# The few rows of the contract say little about frequencies.
@pytest.mark.filterwarnings("ignore:The frequency of class:UserWarning")
@by_labels("weighting")
def test_weightings_keep_their_contract(name, labels):
    y = np.array([*labels] * 12 + [labels[0]] * 11)
    check_weighting(all_estimators("weighting", labels=labels)[name], y=y)


@by_labels("decision")
def test_decisions_keep_their_contract(name, labels):
    decision = all_estimators("decision", labels=labels)[name]
    check_decision(decision, classes=labels)


@pytest.mark.parametrize("name", all_estimators("calibrator"))
def test_calibrators_keep_their_contract(name):
    check_calibrator(all_estimators("calibrator")[name])


@pytest.mark.parametrize("name", all_estimators())
def test_every_estimator_is_cloned_printed_and_pickled_by_its_parameters(name):
    estimator = all_estimators()[name]
    copy = clone(estimator)
    again = pickle.loads(pickle.dumps(estimator))
    assert repr(copy) == repr(again) == repr(estimator)
    assert copy.get_params(deep=False).keys() == estimator.get_params(deep=False).keys()
    assert len(repr(estimator)) < 1000  # rows of a target are not printed


def test_check_weighting_finds_a_broken_contract():
    from skweight import BalancedWeighting, BaseWeighting

    class ByPosition(BaseWeighting):
        def _raw(self, X, y):
            return np.arange(1.0, len(y) + 1)

    class Unweighted(BalancedWeighting):
        def _learn(self, X, y, sample_weight):
            return super()._learn(X, y, None)

    class ByNearRows(BaseWeighting):
        """The largest distance is taken over all rows, not over those that count."""

        def _learn(self, X, y, sample_weight):
            self.far_ = np.abs(X).max() if np.abs(X).max() > 1e2 else 1.0

        def _raw(self, X, y):
            return np.exp(X[:, 0] / self.far_)

    with pytest.raises(AssertionError, match="however far away they are"):
        check_weighting(ByNearRows())
    with pytest.raises(AssertionError, match="weights follow their rows"):
        check_weighting(ByPosition())
    with pytest.raises(AssertionError, match="a row of weight 2"):
        check_weighting(Unweighted())


def test_check_calibrator_finds_a_broken_contract():
    class Rounded(SigmoidCalibrator):
        def predict_proba(self, scores):
            return super().predict_proba(scores).round()

    class Unweighted(SigmoidCalibrator):
        def fit(self, scores, y, sample_weight=None, *, classes=None):
            return super().fit(scores, y, classes=classes)

    with pytest.raises(AssertionError, match="no probability is exactly zero"):
        check_calibrator(Rounded())
    with pytest.raises((AssertionError, ValueError), match=r"weight zero|NaN"):
        check_calibrator(Unweighted())


def test_check_decision_finds_a_broken_contract():
    class ByPosition(ArgmaxDecision):
        def _positions(self, proba, X, metadata):
            return np.arange(len(proba)) % 2

    class ByCount(ArgmaxDecision):
        needs_held_out_rows = True

        def _learn(self, held_out, class_multiplier):
            self.first_ = bool(held_out.proba[0, 1] > 0.5)

        def _positions(self, proba, X, metadata):
            return np.full(len(proba), int(self.first_))

    with pytest.raises(AssertionError, match="single rows give the same"):
        check_decision(ByPosition())
    with pytest.raises(AssertionError, match="the order of rows does not matter"):
        check_decision(ByCount())
