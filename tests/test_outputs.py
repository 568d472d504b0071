"""What calibrators are shown of a learner: no vote, and a class that a fold lacks."""

import numpy as np
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from skweight import WeightedClassifier
from skweight.calibration import SigmoidCalibrator

SHOWN = {}


class Showing(SigmoidCalibrator):
    """Keeps the scores and labels that it learned from."""

    def fit(self, scores, y, sample_weight=None, **kwargs):
        SHOWN.update(scores=np.array(scores), y=np.array(y))
        return super().fit(scores, y, sample_weight=sample_weight, **kwargs)


def test_no_vote_is_half_a_vote(rng):
    """Of four neighbours none is in the class: half of the smallest share, 1/8."""
    X = rng.normal(size=(400, 2))
    y = (X[:, 0] + rng.normal(size=400) > 0).astype(int)
    WeightedClassifier(
        KNeighborsClassifier(4), weighting=None, calibration=Showing()
    ).fit(X, y)
    odds = np.exp(SHOWN["scores"])
    assert_allclose([odds.min(), odds.max()], [1 / 8, 8])


def test_a_class_that_a_fold_lacks_has_the_lowest_score_there(rng):
    X = rng.normal(size=(300, 2))
    y = np.repeat([0, 1, 2], 100)
    X[y == 2] += 2
    lacking = np.arange(300) % 2 == 0
    train = np.flatnonzero(~lacking & (y != 2))
    splits = [
        (train, np.flatnonzero(lacking)),
        (np.flatnonzero(lacking), np.flatnonzero(~lacking)),
    ]
    WeightedClassifier(
        LogisticRegression(), weighting=None, calibration=Showing(), cv=splits
    ).fit(X, y)
    # Fold by fold: the rows of the first come first.
    scores = SHOWN["scores"][: lacking.sum()]
    assert (scores[:, 2] < scores[:, :2].min(axis=1)).all()
