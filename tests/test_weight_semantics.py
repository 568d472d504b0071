"""What a weight means to a learner, on learners of which it is known."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skweight.testing import check_weight_semantics


def answers(semantics):
    return (
        semantics.reaches_fit,
        semantics.is_scale_free,
        semantics.is_repetition,
        semantics.is_absence,
        semantics.is_class_weight,
    )


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (LogisticRegression(), (True, False, True, True, True)),
        (GaussianNB(), (True, True, True, True, None)),
        (DecisionTreeClassifier(random_state=0), (True, True, True, True, True)),
        # It counts rows, of those that weigh something.
        (
            DecisionTreeClassifier(min_samples_leaf=20, random_state=0),
            (True, True, False, True, True),
        ),
        (KNeighborsClassifier(), (False, None, None, None, None)),
        (
            make_pipeline(StandardScaler(), LogisticRegression()),
            (True, False, True, True, True),
        ),
    ],
)
def test_the_answers_are_those_of_the_formula(model, expected):
    assert answers(check_weight_semantics(model)) == expected


class HalfHeard(ClassifierMixin, BaseEstimator):
    """Takes weights, and looks at them as little as it is told."""

    def __init__(self, ear="deaf"):
        self.ear = ear

    def fit(self, X, y, sample_weight=None):
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        if self.ear == "deaf":
            weight = np.ones(len(y))
        if self.ear == "clips":
            weight = np.maximum(weight, 1.0)
        self.classes_ = np.unique(y)
        self.share_ = np.average(y == self.classes_[1], weights=weight)
        return self

    def predict_proba(self, X):
        return np.tile([1 - self.share_, self.share_], (len(X), 1))


def test_a_learner_that_ignores_weights_is_found_out():
    semantics = check_weight_semantics(HalfHeard())
    assert not semantics.reaches_fit
    assert str(semantics).endswith("Weights do not reach the fit.")
    clips = check_weight_semantics(HalfHeard("clips"))
    assert answers(clips) == (True, False, True, False, None)


def test_bootstraps_are_compared_in_the_mean():
    forest = RandomForestClassifier(2, max_depth=3)
    semantics = check_weight_semantics(forest)
    assert semantics.n_seeds == 20
    assert semantics.is_scale_free
    assert semantics.is_class_weight
    # The means are of trees of which no two are alike.
    assert semantics.differences["absence"] > 0.01
    assert "means over 20 seeds" in str(semantics)
    same = check_weight_semantics(BaggingClassifier(GaussianNB(), 3), n_seeds=5)
    assert same.n_seeds == 5
    assert same.reaches_fit
    steps = check_weight_semantics(SGDClassifier(loss="log_loss"))
    assert not steps.is_scale_free


def test_it_goes_through_searches_and_changes_nothing():
    search = GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2)
    before = repr(search)
    assert answers(check_weight_semantics(search)) == (True, False, True, True, True)
    assert repr(search) == before
    assert not hasattr(search, "best_estimator_")


def test_rows_of_ones_own_and_words(rng):
    X = rng.normal(size=(120, 2))
    y = np.where(X[:, 0] + rng.normal(size=120) > 0, "yes", "no")
    semantics = check_weight_semantics(GaussianNB(), X=X, y=y)
    assert answers(semantics) == (True, True, True, True, None)
    first, *sentences = str(semantics).split("\n")
    assert first == "GaussianNB()"
    assert [line.partition(" (")[0] for line in sentences] == [
        "Weights reach the fit",
        "Only ratios of weights matter",
        "A weight of 2 is the row twice",
        "A weight of 0 is no row",
    ]
    with pytest.raises(TypeError, match="pass both, or neither"):
        check_weight_semantics(GaussianNB(), X=X)
