"""What a comparison shows, and how sure it is."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import make_classification
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.naive_bayes import GaussianNB

from skweight import compare_weightings
from skweight.selection._figures import METRICS
from skweight.selection._statistics import corrected_standard_error, holm, t_p_value


@pytest.fixture(scope="module")
def data():
    return make_classification(
        400, n_features=4, weights=[0.85], flip_y=0.1, random_state=0
    )


def compare(data, **arguments):
    arguments = {"calibrations": None, "cv": 3, "random_state": 0, **arguments}
    return compare_weightings(GaussianNB(), *data, **arguments)


# -- what is shown ---------------------------------------------------------------------


def test_the_page_is_one_file_and_safe(data, tmp_path):
    X, y = data
    named = np.array(["<em>no</em>", "<script>alert(1)</script>"])[y]
    comparison = compare((X, named), weightings={"<i>": "balanced"})
    path = tmp_path / "page.html"
    page = comparison.to_html(path, title="A & B")
    assert path.read_text("utf-8") == page
    for text in (page, comparison._repr_html_()):
        assert "<script" not in text
        assert "<em>" not in text
        assert "<i>" not in text
    for address in ("http://", "https://", "<link", "src="):
        assert address not in page
    assert "<svg" in page
    assert "A &amp; B" in page
    assert "none, the baseline" in page


def test_the_picture_has_a_panel_per_figure_and_marks_differences(data):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    comparison = compare(data, weightings={"ten": {0: 1, 1: 10}})
    figure = comparison.plot(["recall", "log_loss"])
    drawn = [ax for ax in figure.axes if ax.get_title()]
    assert [ax.get_title().partition("\n")[0] for ax in drawn] == [
        "Recall 1",
        "Log loss",
    ]
    filled = [
        line.get_markerfacecolor() != "white"
        for line in drawn[0].lines
        if line.get_marker() == "o"
    ]
    row = comparison.to_frame()
    row = row[(row["metric"] == "recall") & (row["class"] == 1)]
    assert filled == [False, bool(row.iloc[1]["difference_low"] > 0)]
    with pytest.raises(ValueError, match="metrics must be names from"):
        comparison.plot(["recal"])
    pyplot.close("all")


def test_tables_have_what_was_asked_for(data):
    comparison = compare(data, scoring=["accuracy"])
    summary = comparison.summary(errors=False)
    assert summary.index.tolist() == ["none", "balanced"]
    assert {"Recall 1", "AUC", "Log loss", "accuracy"} <= set(summary)
    assert " ± " in comparison.summary().loc["balanced", "Recall 1"]
    assert "<table>" in comparison._repr_html_()
    with pytest.raises(ValueError, match="metrics must be names from"):
        comparison.summary(["recal"])
    wide, narrow = (
        comparison.to_frame(confidence=c)["difference_high"].max() for c in (0.99, 0.5)
    )
    assert wide > narrow


# -- statistics ------------------------------------------------------------------------


def test_holm_adjusts_as_published():
    """The example of Holm's procedure: sorted p-values times what is left of them."""
    adjusted = holm([0.01, 0.04, np.nan, 0.03, 0.005])
    assert_allclose(adjusted, [0.03, 0.06, np.nan, 0.06, 0.02])


@pytest.mark.slow
def test_equal_strategies_are_rarely_told_apart():
    """The corrected test keeps its level of .05, the uncorrected one does not.

    Each of two models sees one of two features of equal worth, so that neither is
    better. Over 200 data sets a test of that level rejects at most .08 by its own
    noise; measured are .03, and .2 without the correction.
    """
    rng = np.random.default_rng(0)
    cv = RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)
    rejected = {0.25: 0, 0.0: 0}
    for _ in range(200):
        y = (rng.random(200) < 0.4).astype(int)
        X = rng.normal(size=(200, 2)) + 0.8 * y[:, None]
        right = np.array(
            [
                [
                    GaussianNB()
                    .fit(X[train][:, [j]], y[train])
                    .score(X[test][:, [j]], y[test])
                    for j in (0, 1)
                ]
                for train, test in cv.split(X, y)
            ]
        )
        for ratio in rejected:
            figures = corrected_standard_error(right[:, 1] - right[:, 0], ratio)
            rejected[ratio] += t_p_value(*figures) < 0.05
    assert rejected[0.25] / 200 <= 0.08
    assert rejected[0.0] / 200 > 0.12


def test_every_metric_says_which_direction_is_better():
    for name, metric in METRICS.items():
        assert metric.better in ("higher", "lower", "closer to 1", ""), name
        assert metric.title.lower() not in ("higher", "lower"), name
