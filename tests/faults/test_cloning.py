"""Learners that hand out copies of their parameters, as CatBoost does with lists."""

import copy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skweight import WeightedClassifier
from skweight import pipeline as ours

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 3))
y = (X[:, 0] + rng.normal(size=120) > 0.5).astype(int)


class HandsOutCopies(LogisticRegression):
    """A classifier with a list among its parameters, which it never hands out."""

    def __init__(self, columns=None, C=1.0):
        super().__init__(C=C)
        self.columns = columns

    def get_params(self, deep=True):
        return {"columns": copy.deepcopy(self.columns), "C": self.C}


class Changes(LogisticRegression):
    """A classifier whose constructor breaks the rule that `clone` enforces."""

    def __init__(self, columns=None):
        super().__init__()
        self.columns = [*(columns or []), "more"]

    def get_params(self, deep=True):
        return {"columns": self.columns}


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("calibration", [None, "prior", "sigmoid"])
@pytest.mark.parametrize(
    "wrap",
    [lambda model: model, make_pipeline, ours.make_pipeline],
    ids=["alone", "pipeline", "ours"],
)
def test_a_list_among_the_parameters_survives_every_fit(wrap, calibration, n_jobs):
    model = wrap(HandsOutCopies(["a"]))
    clf = WeightedClassifier(
        model, calibration=calibration, ensemble=False, n_jobs=n_jobs, random_state=0
    ).fit(X, y)
    inner = clf.estimator_
    inner = inner[-1] if hasattr(inner, "steps") else inner
    assert inner.columns == ["a"]
    assert not hasattr(model, "classes_")


def test_clones_and_searches_keep_it_too():
    clf = WeightedClassifier(HandsOutCopies(["a"]), calibration="prior", cv=3)
    other = clone(clf)
    assert other.estimator.columns == ["a"]
    assert other.estimator is not clf.estimator
    assert (other.calibration, other.cv) == ("prior", 3)
    search = GridSearchCV(clf, {"estimator__C": [0.1, 1.0]}, cv=2).fit(X, y)
    assert search.best_estimator_.estimator_.columns == ["a"]


def test_a_constructor_that_changes_its_parameters_is_refused_as_ever():
    with pytest.raises(RuntimeError, match="Cannot clone object"):
        WeightedClassifier(Changes(), calibration=None).fit(X, y)
    with pytest.raises(RuntimeError, match="Cannot clone object"):
        clone(WeightedClassifier(Changes(), calibration=None))
