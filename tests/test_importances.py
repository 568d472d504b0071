"""`feature_importances_` and `coef_` of a wrapper: those of its models, averaged."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import WeightedClassifier, WeightedRegressor


@pytest.fixture(scope="module")
def rows():
    return make_classification(300, n_features=5, weights=[0.8], random_state=0)


def wrap(estimator, **parameters):
    parameters = {"calibration": "sigmoid", "cv": 3, "random_state": 0, **parameters}
    return WeightedClassifier(estimator, **parameters)


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (RandomForestClassifier(10, random_state=0), "feature_importances_"),
        (LogisticRegression(), "coef_"),
    ],
)
@pytest.mark.parametrize("ensemble", [True, False])
def test_the_mean_over_the_models_that_predict(rows, estimator, name, ensemble):
    clf = wrap(estimator, ensemble=ensemble).fit(*rows)
    values = [getattr(model, name) for model in clf.estimators_]
    assert len(values) == (3 if ensemble else 1)
    assert_allclose(getattr(clf, name), np.mean(values, axis=0), rtol=1e-12)
    other = {"feature_importances_", "coef_"} - {name}
    assert not hasattr(clf, other.pop())


def test_selectors_read_them(rows):
    X, y = rows
    clf = wrap(LogisticRegression(), ensemble=True)
    assert SelectFromModel(clf, max_features=2).fit(X, y).get_support().sum() <= 2
    assert RFE(clf, n_features_to_select=2).fit(X, y).n_features_ == 2


def test_sparse_coefficients_stay_sparse(rows):
    clf = wrap(LogisticRegression(), ensemble=True).fit(*rows)
    dense = clf.coef_
    for model in clf.estimators_:
        model.sparsify()
    assert issparse(clf.coef_)
    assert_allclose(clf.coef_.toarray(), dense)


def test_a_regressor_has_those_of_its_estimator(rows):
    X, _ = rows
    regressor = WeightedRegressor(LinearRegression()).fit(X, X[:, 0])
    assert_allclose(regressor.coef_, [1, 0, 0, 0, 0], atol=1e-9)


def test_what_has_none_says_so(rows):
    with pytest.raises(NotFittedError):
        _ = wrap(LogisticRegression()).coef_
    assert not hasattr(wrap(LogisticRegression()), "coef_")
    clf = wrap(GaussianNB()).fit(*rows)
    assert not hasattr(clf, "coef_")
    with pytest.raises(AttributeError, match="but GaussianNB does not"):
        _ = clf.feature_importances_
    piped = wrap(make_pipeline(StandardScaler(), LogisticRegression())).fit(*rows)
    with pytest.raises(AttributeError, match=r"estimators_\[0\]\[-1\]\.coef_"):
        _ = piped.coef_
    assert piped.estimators_[0][-1].coef_.shape == (1, 5)


class SizeCounter(ClassifierMixin, BaseEstimator):
    """Has as many coefficients as it drew rows, as learners of instances may."""

    def fit(self, X, y, sample_weight=None):
        self.classes_, self.coef_ = np.unique(y), np.ones(len(X))
        return self

    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)


def test_coefficients_of_different_shapes_have_no_mean():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(31, 2)), np.arange(31) % 2
    clf = wrap(SizeCounter(), calibration=None, decision="tuned", ensemble=False)
    clf.fit(X, y)
    clf.estimators_ = [SizeCounter().fit(X[:n], y[:n]) for n in (10, 11)]
    with pytest.raises(AttributeError, match="shape of coef_ differs"):
        _ = clf.coef_
