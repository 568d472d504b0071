"""Differences of pairs: both ways of writing a pair, and scikit-learn's checks."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import check_estimator

from skweight.pipeline import PairwiseDifference, make_pipeline


class OnDoubled(PairwiseDifference):
    def _check(self, X, reset):
        X = super()._check(X, reset)
        return sparse.hstack([X, -X]) if sparse.issparse(X) else np.hstack([X, -X])

    def get_feature_names_out(self, input_features=None):
        width = self.n_features_in_
        return np.array([f"x{position}" for position in range(width)], dtype=object)


@pytest.fixture
def pairs(rng):
    """Return pairs, how many of five people prefer the first, and the true reward."""
    reward = np.array([1.0, -2.0, 0.5])
    X = rng.normal(size=(800, 6))
    chance = 1 / (1 + np.exp(-(X[:, :3] - X[:, 3:]) @ reward))
    return X, rng.binomial(5, chance) / 5, reward


def swapped(X):
    return np.hstack([X[:, 3:], X[:, :3]])


def bradley_terry(X, y, weights):
    model = make_pipeline(
        PairwiseDifference(), LogisticRegression(fit_intercept=False, tol=1e-10)
    )
    return model.fit(X, y, sample_weight=weights)[-1].coef_[0]


def test_a_pair_in_both_orders_at_half_weight_is_the_pair_once(pairs):
    X, agreement, reward = pairs
    first = np.repeat([1, 0], 800)
    once = bradley_terry(
        np.vstack([X, X]), first, np.concatenate([agreement, 1 - agreement])
    )
    both = bradley_terry(
        np.vstack([X, X, swapped(X), swapped(X)]),
        np.concatenate([first, 1 - first]),
        np.concatenate([agreement, 1 - agreement] * 2) / 2,
    )
    assert_allclose(once, both, atol=1e-7)
    assert_allclose(once, reward, atol=0.25)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array, sparse.coo_matrix])
def test_differences_of_every_container(pairs, make):
    X = pairs[0]
    found = PairwiseDifference().fit_transform(make(X))
    found = found.toarray() if sparse.issparse(found) else found
    assert_allclose(found, X[:, :3] - X[:, 3:])


def test_names_are_those_of_the_first_thing(pairs):
    frame = pd.DataFrame(pairs[0], columns=["a", "b", "c", "a2", "b2", "c2"])
    step = PairwiseDifference().set_output(transform="pandas")
    assert list(step.fit_transform(frame).columns) == ["a", "b", "c"]
    step = PairwiseDifference().fit(pairs[0])
    assert list(step.get_feature_names_out()) == ["x0", "x1", "x2"]


def test_columns_of_three_things_are_refused(pairs):
    with pytest.raises(ValueError, match="even number of columns; X has 5"):
        PairwiseDifference().fit(pairs[0][:, :5])


def test_scikit_learn_checks_on_columns_that_are_doubled():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(OnDoubled(), on_skip=None, on_fail=None)
    failed = [one["check_name"] for one in results if one["status"] == "failed"]
    assert not failed
    assert len(results) > 30


def test_names_of_columns_must_be_those_of_the_fit(pairs):
    X, _, _ = pairs
    difference = PairwiseDifference().fit(X)
    names = ["a", "b", "c", "d", "e", "f"]
    assert list(difference.get_feature_names_out(names)) == ["a", "b", "c"]
    with pytest.raises(ValueError, match=r"length equal to .* \(6\), got 4"):
        difference.get_feature_names_out(names[:4])
    difference.fit(pd.DataFrame(X, columns=names))
    with pytest.raises(ValueError, match="not equal to feature_names_in_"):
        difference.get_feature_names_out(names[::-1])
