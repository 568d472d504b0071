"""Long work shows itself: `verbose=` and callbacks."""

import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skweight import CostMatrix, CostSensitiveClassifier, WeightedClassifier
from skweight.density_ratio import ULSIF, DensityRatioSearch, KernelLogisticRatio


@pytest.fixture(scope="module")
def rows():
    return make_classification(300, n_features=4, weights=[0.8], random_state=0)


def lines_of(capsys):
    """Return owner and message of each line, and see that each ends in seconds."""
    printed = capsys.readouterr()
    assert printed.out == ""
    collected = []
    for line in printed.err.splitlines():
        match = re.fullmatch(r"\[(\w+)\] \.* ?(\(.+), total= *\d+\.\ds", line)
        assert match, line
        collected.append(match.groups())
    return collected


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("ensemble", [False, True])
def test_every_fit_is_told_of(rows, capsys, n_jobs, ensemble):
    clf = WeightedClassifier(
        LogisticRegression(),
        calibration="sigmoid",
        cv=3,
        ensemble=ensemble,
        n_jobs=n_jobs,
        verbose=1,
        random_state=0,
    ).fit(*rows)
    names = [] if ensemble else ["all rows"]
    names += [f"fold {fold} of 3" for fold in (1, 2, 3)]
    n = len(names)
    assert n == clf.report_.n_fits
    assert lines_of(capsys) == [
        ("WeightedClassifier", f"(fit {k} of {n}) {name}")
        for k, name in enumerate(names, 1)
    ]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"calibration": None}, ["(fit 1 of 1) all rows"]),
        ({"cv": "holdout", "ensemble": True}, ["(fit 1 of 1) held out"]),
        (
            {"cv": "holdout"},
            ["(fit 1 of 2) all rows", "(fit 2 of 2) held out"],
        ),
    ],
)
def test_fits_without_folds(rows, capsys, parameters, expected):
    parameters = {"calibration": "sigmoid", **parameters}
    WeightedClassifier(verbose=1, random_state=0, **parameters).fit(*rows)
    assert [message for _, message in lines_of(capsys)] == expected


def test_one_fit_of_a_forest_with_its_own_held_out_votes(rows, capsys):
    forest = RandomForestClassifier(30, oob_score=True, random_state=0)
    clf = WeightedClassifier(forest, calibration="sigmoid", cv="oob", verbose=1)
    clf.set_params(weighting=None).fit(*rows)
    assert [message for _, message in lines_of(capsys)] == ["(fit 1 of 1) all rows"]


def test_silence_is_the_default_and_lines_change_nothing(rows, capsys):
    X, y = rows
    quiet = WeightedClassifier(calibration="sigmoid", cv=3, random_state=0)
    loud = clone(quiet).set_params(verbose=1)
    expected = quiet.fit(X, y).predict_proba(X)
    assert capsys.readouterr() == ("", "")
    np.testing.assert_array_equal(loud.fit(X, y).predict_proba(X), expected)
    assert len(lines_of(capsys)) == loud.report_.n_fits


def test_costs_pass_it_on(rows, capsys):
    cost = CostMatrix.binary(fp=1, fn=5)
    CostSensitiveClassifier(
        LogisticRegression(), cost=cost, cv=3, ensemble=False, verbose=1
    ).fit(*rows)
    lines = lines_of(capsys)
    assert len(lines) == 4
    assert lines[0][0] == "CostSensitiveClassifier"


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_search_of_ratios_tells_of_each_candidate(capsys, n_jobs):
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(120, 2)), rng.normal(0.5, size=(120, 2))
    candidates = {"plain": KernelLogisticRatio(n_centers=0), "kernels": ULSIF()}
    search = DensityRatioSearch(candidates, n_jobs=n_jobs, verbose=1, random_state=0)
    search.fit(source, target)
    messages = [message for _, message in lines_of(capsys)]
    assert messages[:2] == [
        "(fit 1 of 2) plain, 3 folds",
        "(fit 2 of 2) kernels, 3 folds",
    ]
    again = [message for message in messages[2:] if "all rows" in message]
    assert again == messages[2:]
    assert len(again) <= len(search.estimators_)


# -- callbacks -------------------------------------------------------------------------


class Listen:
    """A callback in the way of scikit-learn, which counts what it hears of."""

    def __init__(self):
        self.heard = []

    def setup(self, estimator, context):
        self.heard.append("setup")

    def on_fit_task_begin(self, estimator, context, **more):
        self.heard.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, **more):
        self.heard.append(f"end {context.task_name}")

    def teardown(self, estimator, context):
        self.heard.append("teardown")


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_callbacks_hear_of_every_fit(rows, capsys, n_jobs):
    callback = pytest.importorskip("sklearn.callback")
    listen = Listen()
    assert isinstance(listen, callback.FitCallback)
    clf = WeightedClassifier(
        calibration="sigmoid", cv=2, ensemble=False, n_jobs=n_jobs, random_state=0
    )
    attributes = set(vars(clone(clf).fit(*rows)))
    clf.set_callbacks(listen).fit(*rows)
    tasks = [
        f"{word} {name}"
        for name in ("all rows", "fold 1 of 2", "fold 2 of 2")
        for word in ("begin", "end")
    ]
    assert listen.heard == ["setup", "begin fit", *tasks, "end fit", "teardown"]
    assert capsys.readouterr().err == ""
    left = set(vars(clf)) - attributes
    assert all("callback" in name for name in left)


def test_callbacks_of_a_search_reach_the_fits_inside(rows):
    pytest.importorskip("sklearn.callback")
    listen = Listen()
    listen.max_propagation_depth = None
    clf = WeightedClassifier(calibration="sigmoid", ensemble=False, random_state=0)
    search = GridSearchCV(clf, {"cv": [2]}, cv=2)
    search.set_callbacks(listen).fit(*rows)
    # Two folds of the search and its last fit, each of three fits.
    assert listen.heard.count("end all rows") == 3
    assert listen.heard.count("end fold 2 of 2") == 3


def test_a_fit_that_fails_ends_for_its_callbacks(rows):
    pytest.importorskip("sklearn.callback")
    X, y = rows
    listen = Listen()
    clf = WeightedClassifier(calibration="nonsense").set_callbacks(listen)
    with pytest.raises(ValueError, match="calibration"):
        clf.fit(X, y)
    assert listen.heard[-1] == "teardown"
