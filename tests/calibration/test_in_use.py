"""Every calibrator by its name, by itself and around a frozen estimator."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.utils.validation import has_fit_parameter

from skweight import WeightedClassifier
from skweight.calibration import scores_from_proba
from skweight.calibration._resolve import CALIBRATORS, resolve_calibrator
from skweight.datasets import make_imbalanced

# The inversions alone undo nothing that the wrapper or the loss did not do.
NAMES = sorted(set(CALIBRATORS) - {"prior", "focal"})


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_around_a_frozen_estimator_it_is_the_calibrator_by_itself(name, n_classes):
    X, y = make_classification(
        6000,
        n_informative=4,
        n_classes=n_classes,
        weights=[0.85, 0.1, 0.05][:n_classes],
        random_state=0,
    )
    model = LogisticRegression(class_weight="balanced").fit(X[:2000], y[:2000])
    wrapped = WeightedClassifier(
        FrozenEstimator(model), weighting=None, calibration=name
    ).fit(X[2000:], y[2000:])
    p = wrapped.predict_proba(X[2000:])
    scores = model.decision_function(X[2000:])
    # A frozen model says by its parameter how it was weighted.
    known = {}
    if has_fit_parameter(resolve_calibrator(name), "class_multiplier"):
        known["class_multiplier"] = wrapped.class_multiplier_
    alone = resolve_calibrator(name).fit(scores, y[2000:], **known)
    assert_allclose(alone.predict_proba(scores), p, rtol=1e-6)
    assert_allclose(p.mean(axis=0), np.bincount(y[2000:]) / 4000, rtol=0.15)
    raw = model.predict_proba(X[2000:])
    assert log_loss(y[2000:], p) < 0.9 * log_loss(y[2000:], raw)
    clipped = scores_from_proba(raw, clip=1e-12)
    from_proba = resolve_calibrator(name).fit(clipped, y[2000:], **known)
    assert_allclose(from_proba.predict_proba(clipped), p, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_intervals_of_a_classifier(n_classes):
    data = make_imbalanced(2000, n_classes=n_classes, random_state=0)
    forest = RandomForestClassifier(20, min_samples_leaf=5, random_state=0)
    clf = WeightedClassifier(
        forest, calibration="venn_abers", ensemble=True, cv=3, random_state=0
    )
    lower, upper = clf.fit(data.X, data.y).predict_interval(data.X)
    assert len(clf.estimators_) == 3
    assert lower.shape == upper.shape == (2000, n_classes)
    if n_classes == 2:
        proba = clf.predict_proba(data.X)
        assert ((lower <= proba) & (proba <= upper)).all()
        # Of one model they are the calibrator's.
        single = clf.set_params(ensemble=False).fit(data.X, data.y)
        outputs = single.estimator_.predict_proba(data.X)
        scores = scores_from_proba(outputs, clip=single._map.clip)
        assert_allclose(
            single.predict_interval(data.X), single.calibrator_.predict_interval(scores)
        )


def test_intervals_in_another_population():
    data = make_imbalanced(2000, random_state=0)
    clf = WeightedClassifier(calibration="venn_abers", random_state=0)
    before = clf.fit(data.X, data.y).predict_interval(data.X)
    share = clf.report_.population_share
    after = clf.set_prevalence({1: 0.01}).predict_interval(data.X)
    factor = (0.01 / 0.99) / (share[1] / share[0])
    for ends, was in zip(after, before, strict=True):
        without, having = 1 - was[:, 1], factor * was[:, 1]
        assert_allclose(ends[:, 1], having / (having + without), rtol=1e-6, atol=1e-99)
        assert ends.shape == (2000, 2)
    lower, upper = after
    assert_allclose(lower[:, 0], 1 - upper[:, 1], rtol=1e-9, atol=1e-15)
    proba = clf.predict_proba(data.X)
    assert ((lower <= proba + 1e-12) & (proba <= upper + 1e-12)).all()


def test_intervals_that_there_are_not():
    data = make_imbalanced(600, n_classes=3, random_state=0)
    assert not hasattr(WeightedClassifier(calibration="sigmoid"), "predict_interval")
    clf = WeightedClassifier(calibration="venn_abers", random_state=0)
    clf.fit(data.X, data.y).set_prevalence({0: 0.2})
    with pytest.raises(ValueError, match="changes the mixture of the other"):
        clf.predict_interval(data.X)
