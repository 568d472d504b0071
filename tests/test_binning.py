"""Boosting bins weighted rows in one sort per column, into the same bins as before."""

import threading
from contextlib import suppress
from unittest import mock

import numpy as np
import pytest
import sklearn
from joblib import parallel_config
from sklearn.base import clone
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.ensemble._hist_gradient_boosting import binning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skweight import WeightedClassifier, WeightedRegressor
from skweight._utils.compat import SLOW_BINNING, quick_binning, quick_thresholds

OFF = ("SKWEIGHT_QUICK_BINNING", "0")
THEIR_FIT = binning._BinMapper.fit
needed = pytest.mark.skipif(
    sklearn.__version__ not in SLOW_BINNING,
    reason="scikit-learn bins weighted rows quickly by itself",
)


def percentiles_taken():
    """Return a spy on the function that sorts a column, once per percentile."""
    return mock.patch.object(
        binning, "_weighted_percentile", wraps=binning._weighted_percentile
    )


def trees(cls=HistGradientBoostingClassifier, **parameters):
    return cls(max_iter=3, max_bins=40, random_state=0, **parameters)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = np.column_stack(
        [rng.normal(size=900), rng.normal(size=900).round(2), rng.integers(0, 9, 900)]
    )
    X[rng.random(X.shape) < 0.05] = np.nan
    y = (np.nan_to_num(X[:, 0]) + rng.normal(size=900) > 0.8).astype(int)
    return X, y, rng.exponential(size=900)


def test_the_list_of_slow_releases_is_up_to_date(rows):
    """When this fails, mend the list; with no supported release in it, all goes."""
    X, _, weights = rows
    with mock.patch.object(binning, "_weighted_percentile", create=True) as taken:
        taken.side_effect = lambda column, *_, **__: column[0]
        with suppress(TypeError):  # bins took no weights before 1.9
            binning._find_binning_thresholds(X[:, 0], 255, sample_weight=weights)
    assert (taken.call_count > 1) == (sklearn.__version__ in SLOW_BINNING)


@needed
@pytest.mark.parametrize("max_bins", [2, 7, 255])
@pytest.mark.parametrize("seed", range(2))
def test_thresholds_are_the_same_bit_for_bit(max_bins, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(300, 3000))
    normal = rng.normal(size=n)
    gaps = np.where(rng.random(n) < 0.3, np.nan, normal)
    columns = {
        "continuous": normal,
        "some ties": normal.round(2),
        "many ties": normal.round(1),
        "signed zeros": np.where(abs(normal) < 0.5, np.copysign(0, normal), normal),
        "gaps": gaps,
        "infinite": np.where(normal > 1, np.inf, normal),
        "both infinite": np.where(abs(gaps) > 1, np.inf * gaps, gaps),
        "few values": rng.integers(0, 5, n).astype(float),
        "constant": np.zeros(n),
        "huge": normal * 1e300,
    }
    weightings = {
        "exponential": rng.exponential(size=n),
        "two values": rng.choice([0.1, 0.7], n),
        "ones": np.ones(n),
        "zeros among them": rng.choice([0.0, 0.1, 3.0], n),
        "tiny": rng.exponential(size=n) * 1e-320,
        "dominated by one": np.r_[1e9, rng.exponential(size=n - 1)],
    }
    # Theirs is slow: each pair of a column and weights with one of the three numbers of
    # bins for a seed, and with another one for the other.
    turn = [2, 7, 255].index(max_bins) + seed
    for i, (name, column) in enumerate(columns.items()):
        for j, (weighting, weights) in enumerate(weightings.items()):
            if (i + j + turn) % 3:
                continue
            with np.errstate(all="ignore"):
                theirs = binning._find_binning_thresholds(column, max_bins, weights)
                ours = quick_thresholds(column, max_bins, weights)
            assert theirs.tobytes() == ours.tobytes(), (name, weighting)


def composites():
    searched = {"histgradientboostingclassifier__max_depth": [2, 3]}
    pipeline = make_pipeline(FunctionTransformer(), trees())
    return {
        "alone": trees(),
        "early stopping": trees(early_stopping=True),
        "pipeline": pipeline,
        "search": GridSearchCV(pipeline, searched, cv=2),
    }


@needed
@pytest.mark.parametrize("name", composites())
def test_models_are_the_same_bit_for_bit(name, rows, monkeypatch):
    X, y, weights = rows
    classifier = WeightedClassifier(
        composites()[name], calibration="sigmoid", cv=2, random_state=0
    )
    with percentiles_taken() as taken:
        quick = classifier.fit(X, y, sample_weight=weights).predict_proba(X)
        parallel = clone(classifier).set_params(n_jobs=2)
        with parallel_config("threading"):  # processes have no spy
            parallel.fit(X, y, sample_weight=weights)
        assert taken.call_count == 0
        monkeypatch.setenv(*OFF)
        slow = classifier.fit(X, y, sample_weight=weights).predict_proba(X)
        assert taken.call_count > 0
    assert quick.tobytes() == slow.tobytes()
    assert parallel.predict_proba(X).tobytes() == slow.tobytes()


@needed
def test_regressors_are_served_as_well(rows):
    X, y, weights = rows
    regressor = WeightedRegressor(trees(HistGradientBoostingRegressor))
    with percentiles_taken() as taken:
        regressor.fit(X, y, sample_weight=weights)
    assert taken.call_count == 0


@needed
def test_nothing_of_it_stays(rows):
    X, y, weights = rows
    model = WeightedClassifier(trees(), calibration=None).fit(
        X, y, sample_weight=weights
    )
    assert type(model.estimator_._bin_mapper) is binning._BinMapper
    assert binning._BinMapper.fit is THEIR_FIT
    with percentiles_taken() as taken:
        trees().fit(X, y, sample_weight=weights)
    assert taken.call_count > 0


@needed
def test_a_fit_that_fails_restores_it(rows):
    class Failing(HistGradientBoostingClassifier):
        def fit(self, X, y, sample_weight=None):
            with suppress(RuntimeError), quick_binning():
                raise RuntimeError("inside")
            assert binning._BinMapper.fit is not THEIR_FIT
            raise RuntimeError("on purpose")

    X, y, weights = rows
    with pytest.raises(RuntimeError, match="on purpose"):
        WeightedClassifier(Failing(), calibration=None).fit(X, y, sample_weight=weights)
    assert binning._BinMapper.fit is THEIR_FIT


@needed
def test_fits_of_others_keep_their_own_code_meanwhile(rows):
    X, y, weights = rows
    other = trees()
    with percentiles_taken() as taken, quick_binning():
        theirs = threading.Thread(target=other.fit, args=(X, y, weights))
        theirs.start()
        theirs.join()
        assert taken.call_count > 0
        taken.reset_mock()
        ours = trees().fit(X, y, weights)
        assert taken.call_count == 0
    assert np.array_equal(ours.predict_proba(X), other.predict_proba(X))


@needed
def test_no_fit_waits_for_another():
    together = threading.Barrier(3, timeout=20)

    def fit():
        with quick_binning():
            together.wait()

    fits = [threading.Thread(target=fit) for _ in range(2)]
    for thread in fits:
        thread.start()
    together.wait()  # both are inside at the same time
    for thread in fits:
        thread.join()
    assert binning._BinMapper.fit is THEIR_FIT


@needed
def test_what_others_put_there_meanwhile_stays(monkeypatch):
    monkeypatch.setattr(binning._BinMapper, "fit", THEIR_FIT)
    with quick_binning():
        binning._BinMapper.fit = others = mock.Mock()
    assert binning._BinMapper.fit is others


@needed
def test_the_environment_switches_it_off(monkeypatch):
    monkeypatch.setenv(*OFF)
    with quick_binning():
        assert binning._BinMapper.fit is THEIR_FIT
