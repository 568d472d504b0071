"""Displays draw the numbers they are given, on the axes they are given."""

import inspect
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import trapezoid
from sklearn.linear_model import LogisticRegression, RidgeClassifier

from skweight import BalancedWeighting, WeightedClassifier, compare_weightings
from skweight.inspection import (
    BalanceDisplay,
    ReliabilityDisplay,
    WeightDistributionDisplay,
    WeightSensitivityDisplay,
    balance_table,
)
from skweight.metrics import calibration_error, reliability_curve
from skweight.testing._registry import public_classes
from skweight.weights import effective_sample_size


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def rows(rng):
    X = pd.DataFrame(rng.normal(size=(400, 2)), columns=["a", "b"])
    p = 1 / (1 + np.exp(2 - X["a"]))
    return X, np.where(rng.random(400) < p, "yes", "no"), rng.exponential(size=400)


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


# --- weights ----------------------------------------------------------------------


def test_lorenz_curve_and_tail_of_few_weights():
    display = WeightDistributionDisplay.from_weights([0, 3, 1, 0, 4], name="w")
    lorenz, tail = display.lines_
    np.testing.assert_allclose(lorenz.get_xdata(), [0, 1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(lorenz.get_ydata(), [0, 1 / 8, 4 / 8, 1])
    # From the heaviest on: how many rows weigh as much or more, of three.
    np.testing.assert_allclose(tail.get_xdata(), np.array([4, 3, 1]) / (8 / 3))
    np.testing.assert_allclose(tail.get_ydata(), [1 / 3, 2 / 3, 1])
    left, right = display.axes_
    assert legend(left) == ["all rows alike", "w: effective sample size 2 of 3 rows"]
    assert legend(right) == ["tail: not applicable"]
    assert right.get_xscale() == right.get_yscale() == "log"


def test_many_weights_are_thinned_out_but_for_the_largest(rng):
    weights = rng.pareto(1.0, size=50_000)
    display = WeightDistributionDisplay.from_weights(weights)
    lorenz, tail = display.lines_
    assert max(lorenz.get_xdata().size, tail.get_xdata().size) <= 2001
    largest = np.sort(weights)[-5:][::-1] / weights.mean()
    np.testing.assert_allclose(tail.get_xdata()[:5], largest)
    assert lorenz.get_ydata()[-1] == pytest.approx(1)
    gini = 1 - 2 * trapezoid(lorenz.get_ydata(), lorenz.get_xdata())
    order = np.sort(weights)
    exact = 2 * (np.arange(1, 50_001) @ order) / (50_000 * order.sum()) - 1
    assert gini == pytest.approx(exact, abs=1e-3)


def test_several_weights_on_the_same_axes_look_different():
    first = WeightDistributionDisplay.from_weights([1, 2, 3])
    second = WeightDistributionDisplay.from_weights([1, 1, 9], ax=first.axes_, c="red")
    assert second.figure_ is first.figure_
    assert len(legend(first.axes_[0])) == 3
    for line, other in zip(first.lines_, second.lines_, strict=True):
        assert line.get_linestyle() != other.get_linestyle()
        assert line.get_marker() != other.get_marker()
        assert other.get_color() == "red"
    with pytest.raises(ValueError, match="needs 2 axes; got 1"):
        WeightDistributionDisplay.from_weights([1, 2], ax=first.axes_[0])


def test_weights_of_estimators(rows):
    X, y, w = rows
    clf = WeightedClassifier(LogisticRegression(), calibration=None).fit(
        X, y, sample_weight=w
    )
    display = WeightDistributionDisplay.from_estimator(clf, X, y)
    np.testing.assert_allclose(display.weights, clf.weighting_.weigh(X, y))
    assert display.name == "BalancedWeighting()"
    both = WeightDistributionDisplay.from_estimator(clf, X, y, sample_weight=w)
    np.testing.assert_allclose(both.weights, w * display.weights)
    strategy = BalancedWeighting().fit(X, y)
    alone = WeightDistributionDisplay.from_estimator(strategy, X, y)
    assert alone.weights.sum() == pytest.approx(400)
    plain = WeightedClassifier(
        LogisticRegression(), weighting=None, calibration=None
    ).fit(X, y)
    given = WeightDistributionDisplay.from_estimator(plain, X, y, sample_weight=w)
    assert given.weights is w
    assert given.name == "sample_weight"
    with pytest.raises(ValueError, match="no weights to draw"):
        WeightDistributionDisplay.from_estimator(plain, X, y)
    with pytest.raises(
        TypeError, match="got LogisticRegression that is not fitted, which has no"
    ):
        WeightDistributionDisplay.from_estimator(LogisticRegression(), X, y)


# --- balance ----------------------------------------------------------------------


def test_love_plot_shows_the_largest_differences_on_top(rng):
    shift = np.array([0.2, -2.0, 0.6])
    X, T = rng.normal(size=(500, 3)), rng.normal(size=(500, 3)) + shift
    w = np.exp(X @ shift)
    display = BalanceDisplay.from_weights(w, X, T, name="ratio", max_features=2)
    names = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert names == ["x2", "x1"]
    table = balance_table(X, T, w)
    for artist, column in (
        (display.before_, table.difference_before),
        (display.after_, table.difference_after),
    ):
        np.testing.assert_allclose(artist.get_xdata(), np.abs(column)[[2, 1]])
    assert legend(display.ax_) == ["before weighting", "ratio"]
    assert "standard deviations" in display.ax_.get_xlabel()
    same = BalanceDisplay(table).plot(threshold=None)
    assert len(same.ax_.get_yticklabels()) == 3
    assert len(same.ax_.lines) == len(display.ax_.lines) - 1


def test_infinite_differences_are_drawn_at_the_edge():
    display = BalanceDisplay.from_weights([1, 1, 1], [[4], [4], [4]], [[5], [5]])
    assert np.isfinite(display.after_.get_xdata()).all()
    assert display.after_.get_xdata()[0] < display.ax_.get_xlim()[1]


def test_balance_of_an_estimator(rows):
    X, y, _ = rows
    strategy = BalancedWeighting().fit(X, y)
    display = BalanceDisplay.from_estimator(strategy, X, X[:100], y)
    expected = balance_table(X, X[:100], strategy.weigh(X, y))
    np.testing.assert_array_equal(
        display.balance.difference_after, expected.difference_after
    )


# --- reliability ------------------------------------------------------------------


def test_reliability_is_the_curve_and_the_error(rows):
    X, y, w = rows
    model = LogisticRegression().fit(X, y)
    p = model.predict_proba(X)[:, 1]
    by_name = {"n_bins": 6, "sample_weight": w}
    display = ReliabilityDisplay.from_estimator(model, X, y, confidence=0.8, **by_name)
    curve = reliability_curve(y == "yes", p, confidence=0.8, **by_name)
    np.testing.assert_allclose(display.line_.get_xdata(), curve.mean_proba)
    np.testing.assert_allclose(display.line_.get_ydata(), curve.frequency)
    [outline] = display.band_.get_paths()
    inside = outline.vertices[:, 1]
    assert inside.min() == pytest.approx(curve.low.min())
    assert inside.max() == pytest.approx(curve.high.max())
    error = calibration_error(y == "yes", p, **by_name)
    assert legend(display.ax_)[1] == f"LogisticRegression, error {error:.3f}"
    same = ReliabilityDisplay.from_predictions(y, p, pos_label="yes", **by_name)
    np.testing.assert_allclose(same.line_.get_ydata(), curve.frequency)


def test_models_side_by_side(rows):
    X, y, _ = rows
    ax, actual = None, []
    for name, c in (("one", 1.0), ("two", 0.01), ("three", 1e-4)):
        model = LogisticRegression(C=c).fit(X, y)
        actual.append(
            ReliabilityDisplay.from_estimator(model, X, y, name=name, ax=ax, band=False)
        )
        ax = actual[0].ax_
    assert actual[2].ax_ is actual[0].ax_
    assert actual[0].band_ is None
    assert [text.split(",")[0] for text in legend(ax)] == [
        "perfect",
        "one",
        "two",
        "three",
    ]
    looks = {(d.line_.get_color(), d.line_.get_linestyle()) for d in actual}
    assert len(looks) == 3
    with pytest.raises(ValueError, match="scale must be one of"):
        actual[0].plot(scale="logit")


def test_a_logarithmic_scale_has_room_for_every_model():
    y = np.arange(4000) % 100 == 0
    p = np.full(4000, 0.01)
    p[:2000] = 0.0001
    first = ReliabilityDisplay.from_predictions(~y, 1 - p, scale="log", n_bins=2)
    second = ReliabilityDisplay.from_predictions(
        y, p, scale="log", n_bins=2, ax=first.ax_
    )
    assert second.ax_.get_xlim()[0] <= 0.0001
    assert (second.line_.get_ydata() >= second.ax_.get_ylim()[0]).all()


def test_one_class_of_several(rng):
    X = rng.normal(size=(300, 2))
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    model = LogisticRegression().fit(X, y)
    display = ReliabilityDisplay.from_estimator(model, X, y, pos_label=0, n_bins=4)
    curve = reliability_curve(y == 0, model.predict_proba(X)[:, 0], n_bins=4)
    np.testing.assert_allclose(display.line_.get_ydata(), curve.frequency)
    with pytest.raises(ValueError, match="pos_label=2"):
        ReliabilityDisplay.from_estimator(model, X, y)


# --- sensitivity ------------------------------------------------------------------


def test_sensitivity_cross_validates_every_strength(rows):
    X, y, _ = rows
    clf = WeightedClassifier(LogisticRegression(), calibration=None)
    display = WeightSensitivityDisplay.from_estimator(
        clf, X, y, strengths=[1, 0], scoring=["recall_macro", "neg_log_loss"], cv=3
    )
    assert list(display.strengths) == [0, 1]
    assert list(display.scores) == ["recall macro", "log loss"]
    assert display.scores["log loss"].shape == (2, 3)
    recall, loss = (display.scores[name].mean(axis=1) for name in display.scores)
    assert recall[1] > recall[0]
    assert loss[1] > loss[0] > 0  # the sign is that of a loss again
    share = effective_sample_size(BalancedWeighting().fit_weigh(X, y)) / 400
    np.testing.assert_allclose(display.effective_share, [1, share], atol=0.01)
    np.testing.assert_allclose(display.lines_[0].get_ydata(), recall)
    assert legend(display.ax_) == ["recall macro", "log loss", "effective rows"]
    assert display.twin_.get_ylim() == (0, 105)
    assert display.ax_.get_xlabel() == "Strength of the weights"


def test_sensitivity_of_a_comparison_needs_no_fit(rows):
    X, y, _ = rows
    comparison = compare_weightings(
        LogisticRegression(), X, y, strengths=[0, 1], cv=3, random_state=0
    )
    display = WeightSensitivityDisplay.from_comparison(
        comparison, metrics=["recall", "roc_auc"]
    )
    table = comparison.to_frame()
    recall = table[(table["metric"] == "recall") & (table["class"] == "yes")]
    for row, strength in enumerate([0.0, 1.0]):
        [mean] = recall["mean"][recall["strength"] == strength]
        assert display.scores["recall"][row].mean() == pytest.approx(mean)
    assert display.effective_share[0] == pytest.approx(1, abs=0.01)
    with pytest.raises(ValueError, match="metrics must be names from"):
        WeightSensitivityDisplay.from_comparison(comparison, metrics=["recal"])
    with pytest.raises(ValueError, match=r"\['balanced'\]; got 'prior'"):
        WeightSensitivityDisplay.from_comparison(comparison, weighting="prior")


def test_sensitivity_of_a_callable_and_another_parameter(rows):
    X, y, _ = rows
    display = WeightSensitivityDisplay.from_estimator(
        WeightedClassifier(LogisticRegression(), stabilizer=5.0, calibration=None),
        X,
        y,
        strengths=[1.0, 2.0],
        param_name="stabilizer__cap",
        scoring=lambda model, X, y: model.score(X, y),
        cv=2,
    )
    assert display.scores["score"].shape == (2, 2)
    assert display.ax_.get_xlabel() == "Cap of the weights"
    assert display.effective_share[0] > display.effective_share[1]


@pytest.mark.parametrize("ax", ["here", np.array(["a", "b"]), object()])
def test_sensitivity_looks_at_the_axes_before_it_fits(rows, ax):
    X, y, _ = rows

    class Unfitted(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            pytest.fail(
                "fitted before it was known whether there is anything to draw on"
            )

    clf = WeightedClassifier(Unfitted(), calibration=None)
    with pytest.raises(TypeError, match=r"needs matplotlib axes; got ax="):
        WeightSensitivityDisplay.from_estimator(clf, X, y, ax=ax)


# -- what every display takes ----------------------------------------------------------

DISPLAYS = {
    name: cls for name, cls in public_classes().items() if name.endswith("Display")
}


def test_no_display_is_forgotten():
    assert len(DISPLAYS) >= 5
    assert all(hasattr(cls, "from_estimator") for cls in DISPLAYS.values())


@pytest.mark.parametrize("name", DISPLAYS)
def test_displays_take_an_estimator_and_rows_or_say_what_they_take(rows, name):
    X, y, _ = rows
    display = DISPLAYS[name]
    fitted = WeightedClassifier(calibration=None).fit(X, y)
    says = rf"{name}\.from_estimator takes \(estimator, X, "
    if "X_target" in inspect.signature(display.from_estimator).parameters:
        with pytest.raises(ValueError, match=says + "X_target"):
            display.from_estimator(fitted, X, y)
    else:
        # Labels that scorers of a rate can do with.
        y = (y == "yes").astype(int)
        assert isinstance(display.from_estimator(fitted.fit(X, y), X, y), display)
    with pytest.raises(TypeError, match=says):
        display.from_estimator(RidgeClassifier().fit(X, y), X, X)
    with pytest.raises(TypeError, match=says):
        display.from_estimator(X, y, X)
    if name != "WeightSensitivityDisplay":  # which fits by itself
        with pytest.raises(TypeError, match=f"{says}.*that is not fitted"):
            display.from_estimator(WeightedClassifier(), X, X)


def test_a_class_that_the_estimator_does_not_know(rows):
    X, y, _ = rows
    fitted = WeightedClassifier(calibration=None).fit(X, y)
    with pytest.raises(ValueError, match="pos_label must be one of"):
        ReliabilityDisplay.from_estimator(fitted, X, y, pos_label="maybe")
