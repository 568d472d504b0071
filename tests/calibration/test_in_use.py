"""Every calibrator by its name, by itself and around a frozen estimator."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import make_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skweight import WeightedClassifier
from skweight.calibration import resolve_calibrator, scores_from_proba
from skweight.calibration._resolve import CALIBRATORS

# The inversion alone undoes nothing that the wrapper did not do.
NAMES = sorted(set(CALIBRATORS) - {"prior"})


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
    alone = resolve_calibrator(name).fit(scores, y[2000:])
    assert_allclose(alone.predict_proba(scores), p, rtol=1e-6)
    assert_allclose(p.mean(axis=0), np.bincount(y[2000:]) / 4000, rtol=0.15)
    raw = model.predict_proba(X[2000:])
    assert log_loss(y[2000:], p) < 0.9 * log_loss(y[2000:], raw)
    clipped = scores_from_proba(raw, clip=1e-12)
    from_proba = resolve_calibrator(name).fit(clipped, y[2000:])
    assert_allclose(from_proba.predict_proba(clipped), p, rtol=1e-3, atol=1e-4)
