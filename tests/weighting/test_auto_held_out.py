"""Where rows come from that choose an emphasis: few groups, trees, parts of rows."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from skweight import WeightedClassifier
from skweight.weighting import AutoWeighting


def rare(n=200):
    rng = np.random.default_rng(0)
    y = (np.arange(n) % 8 == 0).astype(int)
    return rng.normal(size=(n, 3)) + y[:, np.newaxis], y


def make(estimator, weighting="auto", **params):
    params = {"calibration": "sigmoid", "random_state": 0} | params
    return WeightedClassifier(estimator, weighting=weighting, **params)


@pytest.mark.filterwarnings("ignore::skweight.exceptions.FewerThanAskedWarning")
def test_a_single_group_that_is_held_out_judges_nothing():
    X, y = rare()
    clf = make(GaussianNB(), cv="holdout")
    clf.fit(X, y, groups=np.arange(200) % 3)
    assert clf.weighting_ is None
    assert clf.report_.weightings == []
    assert "too few groups" in clf.report_.choice
    # Enough groups on the held-out side judge.
    clf.fit(X, y, groups=np.arange(200) // 5)
    assert len(clf.report_.weightings) == 3


def test_votes_of_trees_do_not_judge_a_sampler():
    weighting = AutoWeighting(sampler="random_under")
    forest = RandomForestClassifier(5, random_state=0)
    with pytest.raises(ValueError, match="needs votes for the original rows"):
        make(forest, weighting, cv="oob").fit(*rare())


@pytest.mark.parametrize("strengths", [(0, 0.5, 1), (0.5, 1)])
def test_rows_that_each_candidate_leaves_out_anew_do_not_judge(strengths):
    clf = make(
        KNeighborsClassifier(),
        AutoWeighting(strengths=strengths),
        cv="oob",
        unsupported="subsample",
    )
    with pytest.raises(ValueError, match=r"leaves out different rows.*cv='auto'"):
        clf.fit(*rare())


@pytest.mark.parametrize("calibration", ["sigmoid", "prior", None])
def test_the_number_of_fits_is_announced_where_votes_judge(calibration, capsys):
    forest = RandomForestClassifier(30, random_state=0)
    weighting = AutoWeighting(strengths=(0, 0.01))
    clf = make(forest, weighting, cv="oob", calibration=calibration, verbose=1)
    clf.fit(*rare())
    lines = capsys.readouterr().err.splitlines()
    n_fits = clf.report_.n_fits
    assert len(lines) == n_fits
    assert f"(fit {n_fits} of {n_fits})" in lines[-1]
