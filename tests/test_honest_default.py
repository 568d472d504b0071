"""Probabilities are those of the population unless somebody asks for others."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB

from skweight import CostMatrix, CostSensitiveClassifier, WeightedClassifier
from skweight.calibration import AutoCalibrator, PriorCalibrator
from skweight.calibration._engine import table
from skweight.calibration._engine.table import CurveTable
from skweight.datasets import make_imbalanced
from skweight.exceptions import FewerThanAskedWarning


@pytest.fixture(scope="module")
def rare():
    data = make_imbalanced(4000, prevalence=0.05, random_state=0)
    return data.X, data.y


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), HistGradientBoostingClassifier(max_iter=5, random_state=0)],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.parametrize("costs", [False, True])
def test_the_default_is_calibrated_and_one_model_on_all_rows(rare, estimator, costs):
    X, y = rare
    clf = WeightedClassifier(estimator, random_state=0)
    if costs:
        cost = CostMatrix.binary(fp=1, fn=10)
        clf = CostSensitiveClassifier(estimator, cost=cost, random_state=0)
    clf.fit(X, y)
    assert isinstance(clf.calibrator_, AutoCalibrator)
    assert clf.report_.n_fits == 6
    assert clf.estimators_ == [clf.estimator_]
    assert 0.8 < clf.predict_proba(X)[:, 1].mean() / y.mean() < 1.25
    if isinstance(estimator, LogisticRegression):
        weights = (
            None if costs else np.where(y == 1, 0.5 / y.mean(), 0.5 / (1 - y.mean()))
        )
        alone = LogisticRegression().fit(X, y, weights)
        assert_allclose(clf.estimator_.coef_, alone.coef_, rtol=1e-3)


def test_the_report_names_both_means(rare):
    X, y = rare
    clf = WeightedClassifier(random_state=0).fit(X, y)
    mean = clf.report_.held_out["mean_after"][1]
    sentence = f"mean probability {mean:.3g} and the frequency {y.mean():.3g}"
    assert clf.report_.probabilities.endswith(sentence)
    clf.set_params(calibration=None).fit(X, y)
    assert clf.report_.probabilities.startswith("not frequencies")
    assert f"1: 50.0% instead of {y.mean():.1%}" in clf.report_.probabilities


@pytest.mark.parametrize("calibration", ["auto", AutoCalibrator()])
def test_auto_in_a_stream_is_the_closed_form(rare, calibration):
    X, y = rare
    clf = WeightedClassifier(GaussianNB(), calibration=calibration)
    inverted = WeightedClassifier(GaussianNB(), calibration="prior")
    for start in range(0, 4000, 500):
        rows = slice(start, start + 500)
        clf.partial_fit(X[rows], y[rows], classes=[0, 1])
        inverted.partial_fit(X[rows], y[rows], classes=[0, 1])
    assert isinstance(clf.calibrator_, PriorCalibrator)
    assert_array_equal(clf.predict_proba(X), inverted.predict_proba(X))
    assert_array_equal(clf.predict(X), inverted.predict(X))
    assert "closed form instead of" in clf.report_.calibration
    assert "no row could be held out" in clf.report_.calibration
    assert "taken out by a formula" in clf.report_.probabilities


def test_a_stream_goes_on_from_a_calibrated_fit(rare):
    X, y = rare
    clf = WeightedClassifier(GaussianNB(), random_state=0).fit(X[:2000], y[:2000])
    assert isinstance(clf.calibrator_, AutoCalibrator)
    clf.partial_fit(X[2000:], y[2000:])
    assert isinstance(clf.calibrator_, PriorCalibrator)
    assert clf.estimator_.class_count_.sum() > 3000


def test_a_learner_without_probabilities_says_labels_in_a_stream(rare):
    X, y = rare
    clf = WeightedClassifier(SGDClassifier(random_state=0))
    bare = WeightedClassifier(SGDClassifier(random_state=0), calibration=None)
    clf.partial_fit(X, y, classes=[0, 1])
    bare.partial_fit(X, y, classes=[0, 1])
    assert clf.calibrator_ is None
    assert not hasattr(clf, "predict_proba")
    assert_array_equal(clf.decision_function(X), bare.decision_function(X))
    assert_array_equal(clf.predict(X), bare.predict(X))
    # In a fit its decision values are calibrated.
    assert clf.fit(X, y).predict_proba(X).shape == (4000, 2)
    assert not hasattr(clf, "decision_function")


@pytest.mark.parametrize(
    ("n_rare", "calibrator", "n_fits"),
    [(3, AutoCalibrator, 4), (1, PriorCalibrator, 1)],
)
def test_a_class_of_few_rows_gets_fewer_folds_or_the_closed_form(
    n_rare, calibrator, n_fits
):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), np.repeat([0, 1], [60 - n_rare, n_rare])
    X[y == 1] += 0.5
    clf = WeightedClassifier(random_state=0)
    with pytest.warns(FewerThanAskedWarning, match=f"has {n_rare} row"):
        clf.fit(X, y)
    assert isinstance(clf.calibrator_, calibrator)
    assert clf.report_.n_fits == n_fits
    assert ("no row could be held out" in clf.report_.calibration) == (n_rare == 1)


def test_a_learner_of_labels_alone_is_told_what_to_do(rare):
    X, y = rare
    votes = VotingClassifier([("a", LogisticRegression()), ("b", GaussianNB())])
    with pytest.raises(TypeError, match="Set calibration=None for labels alone"):
        WeightedClassifier(votes).fit(X, y)
    labels = WeightedClassifier(votes, calibration=None).fit(X, y).predict(X)
    assert set(labels) == {0, 1}


def test_a_long_table_is_made_shorter_and_stays_as_near():
    scores = np.linspace(-5, 5, 1000)
    kinks = np.linspace(-4.9, 4.9, 400)

    def bent(x):
        logit = np.where(x > 0, x, 0.5 * x) + 0.05 * np.sin(x)
        p = 1 / (1 + np.exp(-logit))
        return np.column_stack([1 - p, p])

    short = CurveTable.of(scores, kinks, bent)
    assert short.knots.size < table.MANY_KNOTS
    p, q = bent(scores)[:, 1], short(scores, bent)[:, 1]
    off = np.abs(np.log(p / (1 - p)) - np.log(q / (1 - q)))
    assert off.max() <= 2 * table.TOLERANCE + 1e-6
    assert np.all(np.diff(short.logit) > 0)
