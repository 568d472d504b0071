"""Reports as pages: model cards, the comparison, and what a notebook shows."""

import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_less
from pages import read_page
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression, RidgeClassifier

from skweight import (
    CostMatrix,
    CostSensitiveClassifier,
    WeightedClassifier,
    WeightedRegressor,
    WeightMonitor,
    compare_weightings,
    recommend_weighting,
)
from skweight._utils.render import table
from skweight._utils.svg import Dot, intervals, reliability
from skweight.inspection import weight_report
from skweight.inspection._probabilities import reliability_bins
from skweight.metrics import reliability_curve

HOSTILE = ["<script>alert(1)</script>", 'good & "cheap" <b>bold</b>']


@pytest.fixture(scope="module")
def rows():
    X, y = make_classification(
        800, n_features=4, weights=[0.85], flip_y=0.1, random_state=0
    )
    return X, np.array(HOSTILE)[y]


@pytest.fixture(scope="module")
def fitted(rows):
    X, y = rows
    weights = np.where(y == HOSTILE[1], 3.0, 1.0)
    classifier = WeightedClassifier(
        LogisticRegression(), calibration="sigmoid", cv=3, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return classifier.fit(X, y, sample_weight=weights)


# -- every report, on pages and in notebooks -------------------------------------------


def reports(rows, fitted):
    X, y = rows
    monitor = WeightMonitor(fitted).fit(X, y)
    return {
        "fit": fitted.report_,
        "regression": WeightedRegressor().fit(X, X[:, 0]).report_,
        "weights": weight_report(np.linspace(1, 2, len(y)), y),
        "advice": recommend_weighting(X, y),
        "monitor": monitor.update(X[:100], y[:100]),
        "comparison": compare_weightings(
            LogisticRegression(), X, y, calibrations=None, cv=3, random_state=0
        ),
    }


def test_what_a_notebook_shows_is_whole_escaped_and_loads_nothing(rows, fitted):
    for name, report in reports(rows, fitted).items():
        html = report._repr_html_()
        words = read_page(html)
        assert not any(label in html for label in HOSTILE), name
        assert "skweight" in html, name
        assert len(words) > 100, name


def test_a_notebook_gives_its_own_colours(fitted):
    """Light or dark is the notebook's matter: no colour of ours but a grey line."""
    style = fitted.report_._repr_html_().partition("</style>")[0]
    assert "color: inherit" in style
    assert "#" not in style.replace("#x27", "")


def test_a_narrow_table_keeps_a_value_and_its_error_on_one_line():
    html = table("", ["figure", "mean"], [["a long name", "0.95 ± 0.02"]])
    assert "<td>0.95&nbsp;±&nbsp;0.02</td>" in html
    assert "a long name" in html


def test_cards_are_written_as_they_are_returned(rows, fitted, tmp_path):
    path = tmp_path / "card.html"
    page = fitted.report_.to_html(path, title="A & <b>B</b>")
    assert path.read_text("utf-8") == page
    read_page(page, hostile=[*HOSTILE, "<b>B</b>"])
    assert "prefers-color-scheme: dark" in page
    X = rows[0]
    words = read_page(WeightedRegressor().fit(X, X[:, 0]).report_.to_html())
    assert "A regressor" in words


def test_a_picture_of_intervals_puts_greater_values_further_right():
    dots = [Dot("a", 0.0, -1.0, 1.0, True), Dot("b", 2.0, 1.5, 2.5, False)]
    picture = intervals("losses", dots, reference=0.5)
    places = [float(x) for x in re.findall(r"circle cx='([\d.]+)'", picture)]
    assert places[0] < places[1]
    assert_array_less(13, places)  # within the margins
    assert_array_less(places, 287)


def test_a_picture_of_reliability_names_its_ticks_on_both_axes():
    picture = reliability("reliability", [(0.6, 0.5, 0.4, 0.6)])
    for tick in ("0", "0.25", "0.5", "0.75", "1"):
        assert picture.count(f">{tick}</text>") == 2, tick
    # The interval of a point is a thick vertical line through it.
    (x,) = re.findall(r"circle cx='([\d.]+)'", picture)
    (y1, y2, width) = re.findall(
        rf"x1='{x}' y1='([\d.]+)' x2='{x}' y2='([\d.]+)' .*?stroke-width='(\d)'",
        picture,
    )[0]
    assert float(y1) > float(y2)
    assert width == "2"


# -- what a card says ------------------------------------------------------------------


def test_a_card_says_all_that_was_done(rows, fitted):
    words, report = read_page(fitted.report_.to_html()), fitted.report_
    for piece in (
        report.probabilities,
        report.weighting,
        report.calibration,
        report.decision,
        "sample_weight depends on the label alone",  # the warning, silenced or not
        "No costs were given",
        "scikit-learn",
        report.versions["skweight"],
        "predicted probability",
    ):
        assert piece in words, piece
    assert len(report.warnings) == 1
    X, y = rows
    plain = WeightedClassifier(RidgeClassifier(), calibration=None).fit(X, y).report_
    words = read_page(plain.to_html())
    assert "The fit gave no warning" in words
    assert "There is no calibration curve" in words
    assert "Its probabilities are none" in words


def test_a_card_has_a_column_for_each_of_a_few_classes(rows, fitted):
    page, per_class = fitted.report_.to_html(), fitted.report_._table()
    for name in per_class.header[1:]:
        assert f"<tr><td>{name}</td>" in page, name


def test_a_card_says_the_costs(rows):
    X, y = rows
    cost = CostMatrix.binary(pos_label=HOSTILE[1], fp=1, fn=7)
    report = CostSensitiveClassifier(
        LogisticRegression(), cost=cost, cv=3, random_state=0
    )
    report = report.fit(X, y).report_
    assert any("costs 7" in sentence for sentence in report.costs)
    assert "costs 7" in read_page(report.to_html())


def test_a_card_of_many_classes_has_the_curves_of_the_rarest():
    X, y = make_classification(
        1200, n_classes=8, n_informative=6, n_features=8, random_state=0
    )
    classifier = WeightedClassifier(
        LogisticRegression(), calibration="temperature", cv=3, random_state=0
    )
    page = classifier.fit(X, y).report_.to_html()
    read_page(page)
    assert page.count("<svg") == 6


# -- what the probabilities are --------------------------------------------------------


@pytest.mark.parametrize(
    ("estimator", "parameters", "sentence"),
    [
        (LogisticRegression(), {"calibration": "sigmoid"}, "frequencies of the popul"),
        (LogisticRegression(), {"calibration": "prior"}, "which no held-out row has"),
        (LogisticRegression(), {"calibration": None}, "not frequencies"),
        (
            LogisticRegression(),
            {"calibration": None, "weighting": None},
            "the probabilities of th",
        ),
        (
            RidgeClassifier(),
            {"calibration": None},
            "none, because the estimator has no",
        ),
        (RidgeClassifier(), {"calibration": "sigmoid"}, "learned from 800 held-out"),
    ],
)
def test_one_sentence_says_what_the_probabilities_are(
    rows, estimator, parameters, sentence
):
    X, y = rows
    classifier = WeightedClassifier(estimator, cv=3, random_state=0, **parameters)
    report = classifier.fit(X, y).report_
    assert sentence in report.probabilities
    assert report.probabilities in repr(report)


def test_the_sentence_gives_the_shares_of_training(rows):
    X, y = rows
    report = WeightedClassifier(calibration=None).fit(X, y).report_
    assert report.probabilities.count(": 50.0%") == 2


def test_bins_are_those_of_the_reliability_curve():
    """Where a bin of fixed edges holds the rows of one of equal mass, all is equal."""
    rng = np.random.default_rng(0)
    proba = np.repeat([0.05, 0.35, 0.92], 200)
    codes = (rng.random(600) < proba).astype(int)
    weights = np.tile([0.5, 1.0, 2.0, 1.0], 150)
    bins = reliability_bins(codes, np.column_stack([1 - proba, proba]), weights)[1]
    curve = reliability_curve(codes, proba, n_bins=3, sample_weight=weights)
    assert [bin_["rows"] for bin_ in bins] == [200] * 3
    for name, expected in (
        ("probability", curve.mean_proba),
        ("frequency", curve.frequency),
        ("low", curve.low),
        ("high", curve.high),
    ):
        assert_allclose([bin_[name] for bin_ in bins], expected)


def test_rows_of_weight_zero_are_in_no_bin():
    proba = np.array([[0.9, 0.1], [0.2, 0.8], [0.2, 0.8]])
    bins = reliability_bins(np.array([0, 1, 1]), proba, np.array([1.0, 1.0, 0.0]))
    assert [[bin_["rows"] for bin_ in of_class] for of_class in bins] == [[1, 1]] * 2
