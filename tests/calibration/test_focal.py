"""The closed-form way back from the focal loss."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import root
from scipy.special import expit, log_softmax, logsumexp, softmax
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from skweight import WeightedClassifier
from skweight.calibration import FocalCalibrator, PriorCalibrator
from skweight.objectives import FocalObjective

GAMMAS = [0.0, 0.5, 1.0, 2.0, 3.5]


def minimiser(eta, gamma):
    """Return logits, the first zero, at which the mean focal loss is least."""
    k = eta.size
    objective = FocalObjective(gamma)

    def slopes(free):
        logits = np.tile(np.append(0.0, free), (k, 1))
        return eta @ objective(np.arange(k), logits)[0][:, 1:]

    start = np.log(eta[1:] / eta[0]) / (1 + gamma)
    actual = root(slopes, start, tol=1e-14)
    assert np.abs(slopes(actual.x)).max() < 1e-13
    return np.append(0.0, actual.x)


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_it_inverts_the_minimum_of_the_loss(gamma, n_classes, rng):
    calibrator = FocalCalibrator(gamma).fit(classes=np.arange(n_classes))
    for eta in rng.dirichlet(np.ones(n_classes), size=10):
        logits = minimiser(eta, gamma)
        scores = logits[1:] if n_classes == 2 else logits[np.newaxis]
        assert_allclose(calibrator.predict_proba(scores)[0], eta, rtol=1e-8)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_focal_map_is_inverted_first_and_then_the_class_mass(n_classes, rng):
    weight = np.array([0.5, 4.0, 20.0])[:n_classes]
    calibrator = FocalCalibrator(2.0)
    calibrator.fit(classes=np.arange(n_classes), class_multiplier=weight)
    for eta in rng.dirichlet(np.ones(n_classes), size=10):
        seen = weight * eta / (weight @ eta)
        logits = minimiser(seen, 2.0)
        scores = logits[1:] if n_classes == 2 else logits[np.newaxis]
        assert_allclose(calibrator.predict_proba(scores)[0], eta, rtol=1e-8)


def test_two_columns_say_what_log_odds_say(rng):
    scores = rng.normal(scale=4, size=50)
    two = FocalCalibrator(2.0).fit(classes=[0, 1])
    alone = two.predict_proba(scores)
    three = FocalCalibrator(2.0).fit(classes=[0, 1, 2])
    logits = np.column_stack([np.zeros(50), scores, np.full(50, -800.0)])
    assert_allclose(three.predict_proba(logits)[:, :2], alone, rtol=1e-9)


def test_gamma_zero_is_the_log_loss(rng):
    scores = rng.normal(size=30)
    table = rng.normal(size=(30, 4))
    none = FocalCalibrator(0.0)
    assert_allclose(none.fit(classes=[0, 1]).predict_proba(scores)[:, 1], expit(scores))
    assert_allclose(
        none.fit(classes=range(4)).predict_proba(table), softmax(table, axis=1)
    )
    multiplier = [1.0, 7.0]
    weighted = none.fit(classes=[0, 1], class_multiplier=multiplier)
    prior = PriorCalibrator().fit(classes=[0, 1], class_multiplier=multiplier)
    assert_allclose(weighted.predict_proba(scores), prior.predict_proba(scores))


@pytest.mark.parametrize("gamma", GAMMAS)
def test_it_rises_and_stays_finite_at_every_score(gamma):
    scores = np.linspace(-2000, 2000, 4001)
    proba = FocalCalibrator(gamma).fit(classes=[0, 1]).predict_proba(scores)
    assert np.isfinite(proba).all()
    assert (proba > 0).all()
    assert (np.diff(proba[:, 1]) >= 0).all()
    middle = np.abs(scores) < 20 / (1 + gamma)
    assert (np.diff(proba[middle, 1]) > 0).all()
    assert_allclose(proba[::-1, 0], proba[:, 1], rtol=1e-9)


def test_far_scores_keep_their_digits():
    """Far out the log odds are those of the loss times 1 + gamma, and a constant."""
    scores = np.array([-60.0, -59.0, 59.0, 60.0])
    log_odds = np.diff(
        np.log(FocalCalibrator(2.0).fit(classes=[0, 1]).predict_proba(scores / 3)),
        axis=1,
    )[:, 0]
    assert_allclose(np.diff(log_odds)[[0, 2]], 1.0, rtol=1e-5)
    table = np.array([[0.0, 300.0, 10.0]])
    proba = FocalCalibrator(1.0).fit(classes=[0, 1, 2]).predict_proba(table)
    # log p_k - log v(p_k) by hand: small p have v = 1, the largest v = 2 (1 - p).
    log_p = log_softmax(table, axis=1)[0]
    log_rest = logsumexp(log_p[[0, 2]])
    expected = log_p - np.array([0, np.log(2) + log_rest, 0])
    assert_allclose(np.log(proba[0]), log_softmax(expected), rtol=1e-9, atol=1e-15)


def test_a_model_of_another_gamma_is_refused():
    with pytest.raises(ValueError, match=r"Set calibration=FocalCalibrator\(1\)"):
        FocalCalibrator().fit(classes=[0, 1], focal_gamma=1.0)
    assert FocalCalibrator(1).fit(classes=[0, 1], focal_gamma=1.0).gamma == 1
    with pytest.raises(ValueError, match="gamma must be a number in"):
        FocalCalibrator(-1.0).fit(classes=[0, 1])


def test_it_needs_no_rows_and_is_cloned():
    assert not FocalCalibrator.needs_held_out_scores
    assert clone(FocalCalibrator(3.0)).gamma == 3.0
    fitted = FocalCalibrator().fit(y=["a", "b", "a"])
    assert fitted.classes_.tolist() == ["a", "b"]


class FocalRegression(LogisticRegression):
    """A logistic regression at the minimum of the focal loss of its own rows."""

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        objective = FocalObjective(2.0)
        design = np.column_stack([X, np.ones(len(y))])

        def slopes(theta):
            return design.T @ objective(y, design @ theta, sample_weight)[0] / len(y)

        start = np.append(self.coef_[0], self.intercept_) / 3
        theta = root(slopes, start, tol=1e-12).x
        self.coef_, self.intercept_ = theta[np.newaxis, :-1], theta[-1:]
        return self


def test_in_a_classifier_the_mean_is_the_frequency():
    X, y = make_classification(4000, weights=[0.9], class_sep=0.5, random_state=0)
    for weighting in (None, "balanced"):
        clf = WeightedClassifier(
            FocalRegression(C=1e12), weighting=weighting, calibration="focal"
        ).fit(X, y)
        proba = clf.predict_proba(X)[:, 1]
        raw = clf.estimator_.predict_proba(X)[:, 1]
        assert abs(raw.mean() / y.mean() - 1) > 0.4
        assert_allclose(proba.mean(), y.mean(), rtol=0.05)


def test_around_a_frozen_model():
    X, y = make_classification(2000, weights=[0.9], class_sep=0.5, random_state=0)
    model = FocalRegression(C=1e12).fit(X, y)
    clf = WeightedClassifier(
        FrozenEstimator(model), weighting=None, calibration="focal"
    ).fit(X, y)
    expected = FocalCalibrator().fit(classes=[0, 1])
    assert_allclose(
        clf.predict_proba(X), expected.predict_proba(model.decision_function(X))
    )
