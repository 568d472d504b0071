"""No finished fold is lost: failures, interruptions, processes, pickles, progress."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.exceptions import FitFailedWarning
from sklearn.naive_bayes import GaussianNB

from skweight import BalancedWeighting, compare_weightings
from skweight.exceptions import FewerThanAskedWarning
from skweight.selection._compare import _Bar


@pytest.fixture(scope="module")
def data():
    return make_classification(
        400, n_features=4, weights=[0.85], flip_y=0.1, random_state=0
    )


def compare(data, **arguments):
    arguments = {
        "estimator": GaussianNB(),
        "calibrations": None,
        "cv": 3,
        "random_state": 0,
        **arguments,
    }
    return compare_weightings(arguments.pop("estimator"), *data, **arguments)


def mean(comparison, strategy, metric, label=None):
    table = comparison.to_frame()
    chosen = table[(table["strategy"] == strategy) & (table["metric"] == metric)]
    [row] = [row for row in chosen.to_dict("records") if row["class"] == label]
    return row["mean"]


def untimed(comparison, *also):
    """Return all means but those of times, which differ from run to run."""
    table = comparison.to_frame()
    return table[~table["metric"].isin(["fit_time", "predict_time", *also])]["mean"]


# -- nothing is lost -------------------------------------------------------------------


class Failing(ClassifierMixin, BaseEstimator):
    """A classifier that fails, on request only where it is weighted."""

    def __init__(self, always=True):
        self.always = always

    def fit(self, X, y, sample_weight=None):
        if self.always or sample_weight is not None:
            raise RuntimeError("no <luck> today")
        self.classes_ = np.unique(y)
        self.inner_ = GaussianNB().fit(X, y)
        return self

    def predict(self, X):
        return self.inner_.predict(X)

    def predict_proba(self, X):
        return self.inner_.predict_proba(X)


def test_a_strategy_that_fails_is_recorded_and_the_others_go_on(data):
    with pytest.warns(FitFailedWarning, match="no <luck> today"):
        comparison = compare(data, estimator=Failing(always=False))
    assert comparison.failures()["strategy"].unique().tolist() == ["balanced"]
    assert len(comparison.failures()) == 3
    assert np.isnan(mean(comparison, "balanced", "log_loss"))
    assert_allclose(
        mean(comparison, "none", "log_loss"), mean(compare(data), "none", "log_loss")
    )
    assert "balanced: failed" in " ".join(comparison.sentences())
    with pytest.warns(FitFailedWarning):
        counted = compare(data, estimator=Failing(always=False), error_score=-1.0)
    assert mean(counted, "balanced", "log_loss") == -1
    assert "RuntimeError: no &lt;luck&gt; today" in comparison.to_html()


def test_failures_raise_on_request_and_where_there_is_nothing_else(data):
    with pytest.raises(RuntimeError, match="luck"):
        compare(data, estimator=Failing(), error_score="raise")
    with pytest.raises(ValueError, match="All 6 fits failed"):
        compare(data, estimator=Failing())


class Interrupting(GaussianNB):
    """Press the key in the fit of that number."""

    fits = 0
    at = None

    def fit(self, X, y, sample_weight=None):
        Interrupting.fits += 1
        if Interrupting.fits == Interrupting.at:
            raise KeyboardInterrupt
        return super().fit(X, y, sample_weight)


@pytest.fixture
def key(monkeypatch):
    def press(at):
        monkeypatch.setattr(Interrupting, "fits", 0)
        monkeypatch.setattr(Interrupting, "at", at)

    return press


def test_an_interruption_loses_no_finished_fold(data, key):
    whole = compare(data)
    key(at=4)
    with pytest.warns(FewerThanAskedWarning, match="after 3 of 6 fits"):
        part = compare(data, estimator=Interrupting())
    assert not part.complete
    assert "NOT COMPLETE" in repr(part)
    # The second fold has one strategy only: means are over the first, for both.
    assert set(part.to_frame()["n_folds"]) == {1}
    key(at=None)
    again = compare(data, estimator=Interrupting(), resume=part)
    assert Interrupting.fits == 3
    assert again.complete
    assert_allclose(untimed(again), untimed(whole))
    key(at=1)
    with pytest.raises(KeyboardInterrupt):  # there is nothing to return
        compare(data, estimator=Interrupting())


def test_strategies_can_be_added_without_fitting_the_others_again(data, key):
    key(at=None)
    first = compare(data, estimator=Interrupting(), random_state=None)
    half = BalancedWeighting(0.5)
    more = compare(
        data,
        estimator=Interrupting(),
        weightings={"balanced": "balanced", "half": half},
        resume=first,
        random_state=None,
    )
    assert Interrupting.fits == 6 + 3
    assert more.complete
    assert len(more.strategies) == 3
    with pytest.raises(ValueError, match="different strategies with the names"):
        compare(
            data,
            estimator=Interrupting(),
            weightings={"balanced": half},
            resume=first,
            random_state=None,
        )
    X, y = data
    with pytest.raises(ValueError, match="different rows, weights or folds"):
        compare((X + 1, y), resume=first)
    with pytest.raises(ValueError, match="different rows, weights or folds"):
        compare(data, cv=4, resume=first)
    with pytest.raises(ValueError, match="same scoring"):
        compare(data, scoring="accuracy", resume=first, random_state=None)


def test_two_processes_give_what_one_gives(data):
    serial, two = (compare(data, calibrations="sigmoid", n_jobs=n) for n in (1, 2))
    pd.testing.assert_series_equal(untimed(serial), untimed(two))


def test_the_result_is_pickled_and_holds_no_rows(data):
    comparison = compare(data, weightings={"rule": lambda X, y: 1.0 + y})
    stored = pickle.dumps(comparison)
    assert len(stored) < 30_000
    pd.testing.assert_frame_equal(
        pickle.loads(stored).to_frame(), comparison.to_frame()
    )


def test_the_arrays_of_the_caller_do_not_change(data):
    X, y = (array.copy() for array in data)
    weight = np.ones(len(y))
    estimator = GaussianNB()
    before = repr(estimator.get_params())
    compare((X, y), sample_weight=weight)
    assert np.array_equal(X, data[0])
    assert np.array_equal(y, data[1])
    assert (weight == 1).all()
    assert repr(estimator.get_params()) == before
    assert not hasattr(estimator, "classes_")


# -- progress --------------------------------------------------------------------------


class Counting:
    """A callback in the way of scikit-learn, which may ask to stop."""

    def __init__(self, stop_after=None):
        self.stop_after, self.done, self.told = stop_after, 0, []

    def setup(self, estimator, context):
        self.told.append(("setup", type(estimator).__name__, context.max_subtasks))

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.done += 1
        return self.done == self.stop_after

    def teardown(self, estimator, context):
        self.told.append("teardown")


def test_callbacks_of_scikit_learn_are_told_of_every_fit(data):
    callback = Counting()
    try:
        import sklearn.callback  # noqa: F401
    except ImportError:
        with pytest.raises(ValueError, match=r"scikit-learn 1\.9 or newer"):
            compare(data, callbacks=[callback])
        return
    assert compare(data, callbacks=[callback]).complete
    assert callback.told == [("setup", "compare_weightings", 6), "teardown"]
    assert callback.done == 6 + 1  # and the whole
    stopped = compare(data, callbacks=[Counting(stop_after=4)])
    assert not stopped.complete
    assert len(stopped.cells) == 4


def test_a_bar_is_drawn_on_request_only(data, capsys):
    compare(data)
    assert capsys.readouterr() == ("", "")
    compare(data, verbose=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert "6/6 fits" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"baseline": "x"}, "baseline must be the name of a strategy"),
        ({"weightings": {"none": "balanced"}}, "this name means no weights"),
        ({"weightings": ["balanced", "balanced"]}, "two have the same name"),
        ({"scoring": "recall"}, "every comparison has these metrics already"),
        ({"cv": 1}, "cv must be a number"),
        ({"cv": []}, "cv must give at least one pair"),
        ({"sample_weight": [1.0]}, "one weight per row"),
        ({"error_score": "ignore"}, "error_score must be a number"),
        ({"strengths": [-1]}, "strengths must be a number"),
        ({"weightings": ["balancd"]}, "Did you mean 'balanced'"),
        ({"calibrations": "sigmod"}, "Did you mean 'sigmoid'"),
    ],
)
def test_what_cannot_be_compared_is_said(data, arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        compare(data, **arguments)


def test_one_class_is_none_to_compare():
    with pytest.raises(ValueError, match="at least 2 classes"):
        compare((np.zeros((6, 1)), np.zeros(6)))


def test_a_bar_counts_every_fit_once(capsys):
    bar = _Bar(2)
    bar.step()
    bar.step()
    bar.close()
    lines = capsys.readouterr().err.split("\r")[1:]
    assert [line.partition("] ")[2][:8] for line in lines] == [
        "0/2 fits",
        "1/2 fits",
        "2/2 fits",
    ]
    assert [line.count("=") for line in lines] == [0, 15, 30]
