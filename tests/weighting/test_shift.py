"""Covariate-shift weightings: the target shared, searched over, and aimed at."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import (
    DensityRatioWeighting,
    WeightedClassifier,
)
from skweight.density_ratio import ClassifierRatio, KernelLogisticRatio
from skweight.exceptions import OverlapWarning
from skweight.stabilizers import CapStabilizer
from skweight.weighting import _shift

WEIGHTINGS = [
    DensityRatioWeighting(estimator=KernelLogisticRatio(), random_state=0),
    DensityRatioWeighting(estimator="ulsif", random_state=0),
    DensityRatioWeighting(estimator="kliep", random_state=0),
    DensityRatioWeighting(estimator="kmm", random_state=0),
    DensityRatioWeighting(
        estimator=ClassifierRatio(LogisticRegression(), cv=3), random_state=0
    ),
    DensityRatioWeighting(estimator="logistic", random_state=0),
]
every = pytest.mark.parametrize(
    "weighting", WEIGHTINGS, ids=[str(weighting.estimator) for weighting in WEIGHTINGS]
)


def shifted(rng, n=300, n_target=300):
    """Return training rows and a target that is shifted in the first feature.

    The label depends on the square of that feature, so a linear model is a different
    one on each side.
    """
    X, X_target = rng.normal(size=(n, 2)), rng.normal(size=(n_target, 2))
    X_target[:, 0] += 1.5

    def label(X):
        return (rng.uniform(size=len(X)) < 1 / (1 + np.exp(2 - 2 * X[:, 0] ** 2))) * 1

    return X, label(X), X_target, label(X_target)


@every
def test_weights_follow_the_ratio_and_move_the_mean_to_the_target(rng, weighting):
    X, y, X_target, _ = shifted(rng)
    weighting = clone(weighting).set_params(X_target=X_target)
    weights = weighting.fit_weigh(X, y)
    assert weighting.role == "population"
    assert_allclose(weights.mean(), 1)
    assert np.average(X[:, 0], weights=weights) > 0.6
    assert 10 < weighting.report_.effective_sample_size < 250
    if not isinstance(weighting.estimator, ClassifierRatio):
        assert_allclose(weighting.weigh(X), weights, rtol=1e-5, atol=1e-6)


@every
def test_the_target_may_come_with_the_fit(rng, weighting):
    X, y, X_target, _ = shifted(rng, 120, 100)
    expected = clone(weighting).set_params(X_target=X_target).fit_weigh(X, y)
    weights = clone(weighting).fit_weigh(X, y, X_target=X_target)
    assert_allclose(weights, expected)
    classifier = WeightedClassifier(
        LogisticRegression(), weighting=clone(weighting), calibration=None
    )
    classifier.fit(X, y, X_target=X_target)
    assert classifier.weighting_.scale_ > 0
    with pytest.raises(ValueError, match="needs rows of the target population"):
        clone(weighting).fit(X, y)


def test_the_target_may_be_routed(rng):
    X, y, X_target, _ = shifted(rng, 120, 100)
    with sklearn.config_context(enable_metadata_routing=True):
        weighting = DensityRatioWeighting(estimator="ulsif", random_state=0)
        weighting.set_fit_request(X_target=True)
        routed = WeightedClassifier(
            LogisticRegression(), weighting=weighting, calibration=None
        )
        routed.fit(X, y, X_target=X_target)
        assert clone(weighting).get_metadata_routing().fit.requests["X_target"] is True
    classifier = WeightedClassifier(
        LogisticRegression(),
        weighting=DensityRatioWeighting(X_target, estimator="ulsif", random_state=0),
        calibration=None,
    ).fit(X, y)
    assert_allclose(routed.predict_proba(X), classifier.predict_proba(X))


# --- One target for all clones --------------------------------------------------------


@every
def test_a_clone_shares_the_target_and_copies_the_rest(rng, weighting):
    X_target = rng.normal(size=(50, 2))
    weights = np.ones(50)
    original = clone(weighting).set_params(
        X_target=X_target,
        sample_weight_target=weights,
        stabilizer=CapStabilizer(5),
        exponent=0.5,
    )
    for copy in (
        clone(original),
        clone(WeightedClassifier(weighting=original, calibration=None)).weighting,
    ):
        assert copy is not original
        assert copy.X_target is X_target
        assert copy.sample_weight_target is weights
        assert copy.stabilizer is not original.stabilizer
        assert copy.stabilizer.cap == 5
        assert copy.exponent == 0.5
    assert original.X_target is X_target
    assert original.get_params()["X_target"] is X_target
    pickled = pickle.loads(pickle.dumps(original))
    assert_allclose(pickled.X_target, X_target)


def test_a_search_in_two_processes_learns_from_training_folds_alone(rng):
    X, y, X_target, _ = shifted(rng, 90, 60)
    search = GridSearchCV(
        WeightedClassifier(
            make_pipeline(StandardScaler(), LogisticRegression()),
            weighting=DensityRatioWeighting(
                X_target, estimator="logistic", random_state=0
            ),
            calibration=None,
        ),
        {
            "weighting__exponent": [0.0, 1.0],
            "weighting__stabilizer": [None, 5.0],
        },
        cv=3,
        n_jobs=2,
        error_score="raise",
    ).fit(X, y)
    assert search.best_estimator_.weighting.X_target is X_target
    assert len(search.cv_results_["params"]) == 4
    alone = GridSearchCV(search.estimator, search.param_grid, cv=3).fit(X, y)
    assert_allclose(
        alone.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"]
    )


def test_in_a_fold_no_other_row_is_looked_at(rng, monkeypatch):
    X, y, X_target, _ = shifted(rng, 90, 60)
    collected = []

    class Spy(KernelLogisticRatio):
        def fit_ratio(self, X_source, *args, **kwargs):
            collected.append(len(X_source))
            return super().fit_ratio(X_source, *args, **kwargs)

    monkeypatch.setitem(_shift.ESTIMATORS, "logistic", Spy)
    GridSearchCV(
        WeightedClassifier(
            weighting=DensityRatioWeighting(X_target, estimator="logistic"),
            calibration=None,
        ),
        {"weighting__exponent": [1.0]},
        cv=3,
    ).fit(X, y)
    assert collected == [60, 60, 60, 90]


# --- Flattening and stabilizing -------------------------------------------------------


@every
def test_the_exponent_flattens_and_the_stabilizer_caps(rng, weighting):
    X, y, X_target, _ = shifted(rng)
    given = clone(weighting).set_params(X_target=X_target, stabilizer=None)
    full = given.fit_weigh(X, y)
    half = clone(given).set_params(exponent=0.5).fit_weigh(X, y)
    flat = clone(given).set_params(exponent=0.0).fit_weigh(X, y)
    positive = full > 0
    assert_allclose(
        half[positive] / np.sqrt(full[positive]),
        np.mean(half[positive] / np.sqrt(full[positive])),
    )
    assert_allclose(flat[positive], flat.max())
    capped = clone(given).set_params(stabilizer=2.0)
    weights = capped.fit_weigh(X, y)
    assert weights.max() <= 2 * (1 + 1e-9) * len(X) / np.count_nonzero(weights)
    if not isinstance(weighting.estimator, ClassifierRatio):
        assert_allclose(capped.weigh(X), weights, rtol=1e-3, atol=1e-3)
    with pytest.raises(ValueError, match="exponent must be"):
        clone(given).set_params(exponent=1.5).fit(X, y)


def test_labels_are_not_looked_at_so_values_will_do(rng):
    X, _, X_target, _ = shifted(rng)
    values = rng.normal(size=len(X))
    weighting = DensityRatioWeighting(X_target, estimator="logistic", random_state=0)
    assert_allclose(weighting.fit_weigh(X, values), clone(weighting).fit_weigh(X, None))


# --- What it is for -------------------------------------------------------------------


def test_a_linear_model_is_better_where_it_is_used(rng):
    """A misspecified model fits best where the weights tell it to."""
    X, y, X_target, y_target = shifted(rng, 2000, 2000)
    losses = {}
    for name, weighting in {
        "none": None,
        "shift": DensityRatioWeighting(X_target, estimator="logistic", random_state=0),
    }.items():
        model = WeightedClassifier(
            LogisticRegression(), weighting=weighting, calibration=None
        ).fit(X, y)
        losses[name] = log_loss(y_target, model.predict_proba(X_target))
    assert losses["shift"] < losses["none"] - 0.1


def test_calibration_gets_the_weights_too(rng):
    """Role population: calibrated on the target, not on the training rows."""
    X, y, X_target, y_target = shifted(rng, 2000, 2000)
    model = WeightedClassifier(
        LogisticRegression(),
        weighting=DensityRatioWeighting(X_target, estimator="logistic", random_state=0),
        calibration="sigmoid",
        random_state=0,
    ).fit(X, y)
    mean = model.predict_proba(X_target)[:, 1].mean()
    assert abs(mean - y_target.mean()) < 0.07
    assert abs(y.mean() - y_target.mean()) > 0.15


def test_columns_that_differ_are_named(rng):
    X = pd.DataFrame(rng.normal(size=(30, 2)), columns=["age", "income"])
    with pytest.raises(ValueError, match=r"lacks \['income'\]"):
        DensityRatioWeighting(X[["age"]], estimator="ulsif").fit(X, None)


def test_the_default_says_what_it_chose_and_why(rng):
    X, y, X_target, _ = shifted(rng, 200, 200)
    weighting = DensityRatioWeighting(X_target, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        weighting.fit(X, y)
    assert "has the best held-out log_loss score" in weighting.reason_
    assert set(weighting.estimator_.cv_results_["candidate"]) == {
        "logistic",
        "kernel logistic",
        "relative uLSIF",
        "KLIEP",
        "boosting",
    }


def test_a_regressor_takes_the_weights_by_hand(rng):
    """The ratio does not look at y, so y may be numbers."""
    X, _, X_target, _ = shifted(rng)
    y = X[:, 0] ** 2
    weights = DensityRatioWeighting(
        X_target, estimator="logistic", random_state=0
    ).fit_weigh(X, y)
    model = LinearRegression().fit(X, y, sample_weight=weights)
    assert model.coef_[0] > LinearRegression().fit(X, y).coef_[0] + 0.5


def test_printing_a_strategy_shows_the_size_of_the_target_and_not_its_rows():
    weighting = DensityRatioWeighting(np.zeros((5000, 3)), random_state=7)
    assert repr(weighting) == (
        "DensityRatioWeighting(X_target=<5,000 x 3 table>, random_state=7)"
    )
    assert weighting.X_target.shape == (5000, 3)
    assert repr(DensityRatioWeighting()) == "DensityRatioWeighting()"


def test_a_search_learns_the_ratio_of_a_fold_once(rng, tmp_path, monkeypatch):
    """Of four candidates, five folds and the refit: six in place of twenty-one."""
    X, X_target = rng.normal(size=(200, 2)), rng.normal(0.4, size=(150, 2))
    y = (X[:, 0] + rng.normal(size=200) > 0).astype(int)
    learned = []
    fit_ratio = KernelLogisticRatio.fit_ratio

    def counted(self, *args):
        learned.append(self)
        return fit_ratio(self, *args)

    def search(memory, n_jobs=1):
        weighting = DensityRatioWeighting(
            X_target,
            estimator=KernelLogisticRatio(n_centers=20),
            random_state=0,
            memory=memory,
        )
        clf = WeightedClassifier(
            LogisticRegression(), weighting=weighting, calibration=None
        )
        grid = {"estimator__C": [0.01, 0.1, 1.0, 10.0]}
        return GridSearchCV(clf, grid, cv=5, n_jobs=n_jobs).fit(X, y)

    def files():
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.pkl")}

    with monkeypatch.context() as patch:
        patch.setattr(KernelLogisticRatio, "fit_ratio", counted)
        plain = search(None)
        assert len(learned) == 21
        kept = search(str(tmp_path))
        assert len(learned) == 21 + 6
    before = files()
    assert len(before) == 6
    again = search(str(tmp_path), n_jobs=2)
    after = files()
    assert after.keys() == before.keys()
    # If an earlier test has cached the same function in another folder, joblib has not
    # yet written its source here. Each of the two workers may then learn one ratio.
    assert sum(after[path] != before[path] for path in before) <= 2
    for searched in (kept, again):
        proba = searched.predict_proba(X)
        assert_allclose(proba, plain.predict_proba(X), rtol=1e-12)


def test_a_generator_moves_on_although_a_ratio_is_kept(rng, tmp_path):
    X, X_target = rng.normal(size=(300, 2)), rng.normal(0.4, size=(300, 2))
    draws = np.random.RandomState(0)
    weighting = DensityRatioWeighting(
        X_target,
        estimator=KernelLogisticRatio(n_centers=10),
        random_state=draws,
        memory=str(tmp_path),
    )
    first, second = (weighting.fit_weigh(X, None) for _ in range(2))
    assert not np.array_equal(first, second)


def test_memory_is_a_folder(rng):
    weighting = DensityRatioWeighting(rng.normal(size=(50, 1)), memory=3)
    with pytest.raises(ValueError, match="memory"):
        weighting.fit(rng.normal(size=(50, 1)))


def test_a_ratio_that_warns_of_its_target_is_not_warned_of_again(rng):
    X, X_target = rng.normal(size=(400, 2)), rng.normal([2.5, 0], 0.5, size=(200, 2))
    y = (X[:, 1] + rng.normal(size=400) > 0).astype(int)
    weighting = DensityRatioWeighting(X_target, estimator="logistic", random_state=0)
    clf = WeightedClassifier(
        LogisticRegression(), weighting=weighting, calibration=None
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf.fit(X, y)
    assert [item.category for item in caught] == [OverlapWarning]
