"""`report_`: every figure against a computation by hand, in text, HTML and tables."""

import dataclasses
import json
import pickle

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import (
    BalancedWeighting,
    ClassWeighting,
    ColumnWeighting,
    DensityRatioWeighting,
    WeightedClassifier,
)
from skweight.exceptions import DegenerateWeightsWarning
from skweight.inspection import FitReport, _tails
from skweight.weights import pareto_diagnostics


@pytest.fixture(scope="module")
def rows():
    """Ninety rows of class "a" and thirty of "b", nine of them of weight zero."""
    rng = np.random.RandomState(0)
    y = np.array(["a"] * 90 + ["b"] * 30)
    X = rng.normal(size=(120, 2)) + (y == "b")[:, None]
    weight = rng.uniform(0.5, 2, 120)
    weight[:6] = 0
    weight[-3:] = 0
    return X, y, weight


@pytest.fixture(scope="module")
def fitted(rows):
    X, y, weight = rows
    classifier = WeightedClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()),
        weighting={"a": 1, "b": 4},
        calibration="sigmoid",
        cv=3,
        random_state=0,
    )
    return classifier.fit(X, y, sample_weight=weight)


def kish(weights):
    return weights.sum() ** 2 / (weights**2).sum()


def test_figures_by_hand(rows, fitted):
    _, y, weight = rows
    report = fitted.report_
    training = weight * np.where(y == "b", 4, 1)
    a, b = y == "a", y == "b"
    assert report.n_rows == 120
    assert report.n_left_out == 9
    assert report.classes == ["a", "b"]
    assert report.rows == [84, 27]
    share = weight[b].sum() / weight.sum()
    np.testing.assert_allclose(report.population_share, [1 - share, share])
    share = training[b].sum() / training.sum()
    np.testing.assert_allclose(report.training_share, [1 - share, share])
    np.testing.assert_allclose(
        report.effective_rows, [kish(training[a]), kish(training[b])]
    )
    np.testing.assert_allclose(report.effective_sample_size, kish(training))
    np.testing.assert_allclose(report.largest_share, training.max() / training.sum())
    # Mean-one emphasis: 1 and 4 in proportion, mass kept.
    multiplier = np.array(report.class_multiplier)
    np.testing.assert_allclose(multiplier[1] / multiplier[0], 4)
    np.testing.assert_allclose(multiplier @ report.population_share, 1)
    np.testing.assert_allclose(fitted.class_multiplier_, multiplier)


def test_what_the_calibrator_saw(rows, fitted):
    _, y, weight = rows
    held_out = fitted.report_.held_out
    assert fitted.report_.n_fits == 4
    assert held_out["n_rows"] == 111
    # Each class by its own weights.
    effective = kish(weight[y == "b"]) + kish(weight[y != "b"])
    np.testing.assert_allclose(held_out["effective_rows"], effective)
    share = weight[y == "b"].sum() / weight.sum()
    np.testing.assert_allclose(held_out["prevalence"], [1 - share, share])
    # Platt scaling with a bias fits the mean: honest up to its own smoothing.
    np.testing.assert_allclose(held_out["mean_after"][1], share, atol=0.02)
    assert fitted.report_.calibration == (
        f"SigmoidCalibrator() on 111 held-out rows without emphasis "
        f"({effective:,.1f} effective), from 3 fits on 3 training folds"
    )


def test_deliveries_name_what_got_which_weights(fitted):
    assert [tuple(delivery) for delivery in fitted.report_.deliveries] == [
        ("standardscaler: StandardScaler", "population", "sample_weight"),
        (
            "logisticregression: LogisticRegression",
            "population x emphasis",
            "sample_weight",
        ),
    ]


@pytest.mark.parametrize("view", [repr, str, lambda report: report._repr_html_()])
def test_text_and_html_hold_the_figures(fitted, view):
    text = view(fitted.report_)
    report = fitted.report_
    for piece in (
        "120, 9 of them left out, because their weight is 0",
        f"{report.effective_sample_size:,.1f}",
        f"{report.largest_share:.2%} of the total",
        "standardscaler: StandardScaler: population, as sample_weight",
        "(emphasis)",
        report.calibration,
        f"if its probability is at least {fitted.threshold_:.4g}, otherwise ",
        f"{report.population_share[1]:.2%}",
        f"{report.training_share[1]:.2%}",
        f"{report.effective_rows[1]:,.1f}",
        f"{report.held_out['mean_after'][1]:.2%}",
        "84",
        "27",
    ):
        assert piece in text, piece


def test_html_is_well_formed_and_escaped(rows):
    from xml.dom import minidom

    X, _, _ = rows
    y = np.array(["<b>no</b>", "yes & no"])[[0, 0, 1] * 40]
    report = WeightedClassifier(calibration="prior").fit(X, y).report_
    html = report._repr_html_()
    minidom.parseString(html)
    assert "<b>no" not in html
    assert "&lt;b&gt;no" in html


def test_plain_values(rows, fitted):
    values = fitted.report_.to_dict()
    again = json.loads(json.dumps(values))
    assert again == values
    assert set(values) == {field.name for field in dataclasses.fields(FitReport)}
    assert again["deliveries"][0]["way"] == "sample_weight"


@pytest.mark.parametrize(
    "labels", [[0, 1], [-1, 1], [False, True], [0.0, 1.0], ["a", "b"]]
)
def test_labels_are_python_values(rows, labels):
    X, y, _ = rows
    y = np.array(labels)[(y == "b").astype(int)]
    report = WeightedClassifier(calibration="prior").fit(X, y).report_
    assert [type(label) for label in report.classes] == [
        type(label) for label in labels
    ]
    assert json.loads(json.dumps(report.to_dict()))["classes"] == labels


def test_frame(fitted):
    report = fitted.report_
    table = report.to_frame()
    assert table.index.tolist() == ["a", "b"]
    assert table.index.name == "class"
    assert table["rows"].tolist() == report.rows
    assert table["held_out_mean_after"].tolist() == report.held_out["mean_after"]
    assert table["training_share"].sum() == pytest.approx(1)


def test_frozen_and_pickled(fitted):
    with pytest.raises(dataclasses.FrozenInstanceError):
        fitted.report_.n_rows = 1
    again = pickle.loads(pickle.dumps(fitted.report_))
    assert again.to_dict() == fitted.report_.to_dict()
    assert repr(again) == repr(fitted.report_)


def test_without_weights(rows):
    X, y, _ = rows
    report = WeightedClassifier(weighting=None, calibration=None).fit(X, y).report_
    assert report.weighting == "none"
    assert report.deliveries == []
    assert report.n_left_out == 0
    assert report.population_share == report.training_share == [0.75, 0.25]
    assert report.class_multiplier == [1.0, 1.0]
    assert report.effective_rows == [90.0, 30.0]
    assert report.effective_sample_size == 120
    assert report.largest_share == pytest.approx(1 / 120)
    assert report.calibration is None
    assert report.held_out == {}
    assert report.n_fits == 1
    text = repr(report)
    assert "no weights" in text
    assert "what the wrapped estimator predicts by itself" in text


def test_population_and_emphasis_are_told_apart(rows):
    X, y, weight = rows
    weight = weight + 0.5
    table = np.column_stack([X, weight])
    report = (
        WeightedClassifier(
            weighting=[ColumnWeighting(2), BalancedWeighting(0.5)], calibration=None
        )
        .fit(table, y)
        .report_
    )
    assert report.weighting == (
        "ColumnWeighting(column=2) (population) x BalancedWeighting(strength=0.5) "
        "(emphasis)"
    )
    share = weight[y == "b"].sum() / weight.sum()
    np.testing.assert_allclose(report.population_share[1], share)
    # Strength one half: odds of the training classes are the root of the odds.
    odds = np.sqrt(share / (1 - share))
    np.testing.assert_allclose(report.training_share[1], odds / (1 + odds))


def test_a_class_of_zero_mass(rows):
    X, y, _ = rows
    report = (
        WeightedClassifier(weighting="balanced", calibration=None)
        .fit(X, y, sample_weight=(y == "a").astype(float) + (np.arange(120) >= 110))
        .report_
    )
    assert report.rows == [90, 10]
    three = np.where(np.arange(120) % 3 == 2, "c", y)
    report = (
        WeightedClassifier(weighting="balanced", calibration=None)
        .fit(X, three, sample_weight=(three != "c").astype(float))
        .report_
    )
    assert report.rows[2] == 0
    assert report.training_share[2] == report.population_share[2] == 0
    assert report.effective_rows[2] == 0
    assert report.class_multiplier[2] == 1
    assert "nan" not in repr(report)


def test_a_frozen_estimator(rows):
    X, y, _ = rows
    frozen = FrozenEstimator(LogisticRegression(class_weight="balanced").fit(X, y))
    report = WeightedClassifier(frozen, calibration="sigmoid").fit(X, y).report_
    assert report.n_fits == 0
    assert [tuple(delivery) for delivery in report.deliveries] == [
        ("LogisticRegression", "none", "frozen")
    ]
    assert "from the frozen model" in report.calibration


def test_many_classes_stay_readable(rng):
    X, y = rng.normal(size=(300, 2)), np.arange(300) % 30
    weighting = ClassWeighting({label: 1.0 + label for label in range(30)})
    report = WeightedClassifier(weighting=weighting, calibration=None).fit(X, y).report_
    lines = repr(report).splitlines()
    table = lines[lines.index("") + 1 :]
    assert len(table) == 31
    assert len({len(line) for line in table}) == 1  # columns are aligned


# --- the tails of the weights -----------------------------------------------------


def test_tails_are_those_of_the_raw_weights_by_role(rows):
    X, y, weight = rows
    heavy = weight**4
    clf = WeightedClassifier(
        LogisticRegression(),
        weighting=[ColumnWeighting(0), "balanced"],
        stabilizer="temper",
        calibration=None,
    )
    column = np.abs(X[:, :1]) + 0.01
    X = np.hstack([column, X])
    report = clf.fit(X, y, sample_weight=heavy).report_
    assert list(report.tails) == ["population", "emphasis"]
    raw = pareto_diagnostics(heavy * column[:, 0])
    assert report.tails["population"].khat == pytest.approx(raw.khat)
    assert report.tails["population"].n_effective == pytest.approx(raw.n_effective)
    assert report.tails["emphasis"].verdict == "not applicable"
    text = repr(report)
    assert f"tail, population  {raw.verdict}: {raw.reason}" in text
    assert "weights per class have no tail" in text
    assert report.worst_class == "b"
    stored = json.loads(json.dumps(report.to_dict()))
    assert stored["tails"]["population"]["verdict"] == raw.verdict


def test_weights_per_class_are_not_looked_at(rows, monkeypatch):
    X, y, _ = rows
    monkeypatch.setattr(_tails, "pareto_diagnostics", None)  # a call would fail
    report = (
        WeightedClassifier(LogisticRegression(), calibration=None).fit(X, y).report_
    )
    assert report.tails["emphasis"].verdict == "not applicable"
    assert report.target is None
    assert (
        WeightedClassifier(weighting=None, calibration=None).fit(X, y).report_.tails
        == {}
    )


def test_a_tail_without_mean_is_told_with_figure_and_remedy(rows):
    X, y, _ = rows
    heavy = (1 - (np.arange(120) + 0.5) / 120) ** -2.5
    heavy = np.random.RandomState(0).permutation(heavy)
    clf = WeightedClassifier(LogisticRegression(), calibration=None)
    with pytest.warns(DegenerateWeightsWarning, match=r"size of 120 rows is \d"):
        clf.fit(X, y, sample_weight=heavy)
    # With a remedy in place nothing is said.
    clf.set_params(stabilizer=10).fit(X, y, sample_weight=heavy)


def test_the_target_of_a_density_ratio_is_reported(rows):
    X, y, _ = rows
    shift = DensityRatioWeighting(X + 0.2, estimator="logistic", random_state=0)
    report = (
        WeightedClassifier(weighting=[shift, "balanced"], calibration=None)
        .fit(X, y)
        .report_
    )
    assert report.target["missing_target_mass"] >= 0
    assert "missing target" in repr(report)
    assert json.loads(json.dumps(report.to_dict()))["target"]["effective_share"] > 0
