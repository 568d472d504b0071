"""A monitor is quiet where nothing changed, and says what did where something did."""

import json
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import (
    BalancedWeighting,
    DensityRatioWeighting,
    WeightedClassifier,
    WeightMonitor,
)
from skweight.density_ratio import KernelLogisticRatio
from skweight.exceptions import FewerThanAskedWarning
from skweight.monitoring._drift import moved, sums_of


def rows(n, prevalence, rng, distance=1.5):
    """Draw rows of two normal classes."""
    y = (rng.random(n) < prevalence).astype(int)
    return rng.normal(size=(n, 2)) + distance * y[:, None], y


def calibrated():
    return WeightedClassifier(
        LogisticRegression(), calibration="sigmoid", random_state=0
    )


@pytest.fixture(scope="module")
def monitor():
    rng = np.random.default_rng(0)
    return WeightMonitor(calibrated(), random_state=0).fit(*rows(4000, 0.1, rng))


def rang(report):
    return {one.figure for one in report.alarms}


# -- the test itself -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_all", "n_positive", "m"), [(5000, 50, 200), (20_000, 400, 1000), (300, 90, 100)]
)
def test_counts_are_tested_as_the_exact_distribution_has_it(n_all, n_positive, m):
    """Dealing rows out at random makes a count hypergeometric."""
    exact = stats.hypergeom(n_all, n_positive, m)
    for count in range(max(0, m + n_positive - n_all), min(m, n_positive) + 1):
        expected = min(1, 2 * min(exact.cdf(count), exact.sf(count - 1)))
        if not 1e-4 < expected < 0.2:
            continue
        batch = np.arange(m) < count
        rest = np.arange(n_all - m) < n_positive - count
        sums = [
            sums_of(one.astype(float), np.ones(one.size), step=1)
            for one in (rest, batch)
        ]
        # Hardly ever too small, and not much too large, far into the tails.
        ratio = moved(*sums, level=0.05).p_value / expected
        assert 0.9 < ratio < 2.2


def test_moments_are_those_of_dealing_rows_out():
    rng = np.random.default_rng(0)
    values, weight = rng.exponential(size=400), rng.uniform(0.5, 2, 400)
    values[:40] += 5
    found = []
    for _ in range(800):
        order = rng.permutation(400)
        batch, rest = order[:60], order[60:]
        sums = [
            sums_of(values[part], weight[part] * scale, step=0)
            for part, scale in ((rest, 1), (batch, 7))  # units change nothing
        ]
        found.append(moved(*sums, level=0.05).p_value)
    for level in (0.01, 0.05, 0.2):
        share = np.mean(np.array(found) < level)
        assert abs(share - level) < 3.5 * np.sqrt(level * (1 - level) / 800)


def test_a_band_is_where_the_p_value_is_above_the_level():
    rng = np.random.default_rng(1)
    reference = sums_of(rng.random(500) < 0.1, np.ones(500), step=1)
    for shift in np.linspace(0, 0.4, 25):
        batch = sums_of(rng.random(80) < 0.1 + shift, np.ones(80), step=1)
        for tolerance in (0.0, 0.05):
            found = moved(reference, batch, level=0.05, tolerance=tolerance)
            inside = found.low <= batch.mean <= found.high
            assert inside == (found.p_value >= 0.05)


def test_rows_without_spread_never_ring():
    same = sums_of(np.full(50, 0.3), np.ones(50), step=0)
    assert moved(same, same, level=0.05).p_value == 1
    none = sums_of(np.array([]), np.array([]), step=0)
    assert np.isnan(moved(same, none, level=0.05).p_value)


# -- nothing has changed ---------------------------------------------------------------


def false_alarms(estimator_of, n_seeds, n_batches, prevalence, m, alpha):
    """Return the share of quiet batches that ring, with and without labels."""
    count = np.zeros(2)
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        watched = WeightMonitor(estimator_of(rng), alpha=alpha, random_state=0)
        watched.fit(*rows(2000, prevalence, rng))
        for _ in range(n_batches):
            X, y = rows(m, prevalence, rng)
            count += [watched.check(X, y).alarm, watched.check(X).alarm]
    return count / (n_seeds * n_batches)


def frozen(rng):
    return FrozenEstimator(calibrated().fit(*rows(2000, 0.1, rng)))


def test_a_quiet_batch_rings_as_rarely_as_alpha_says():
    """20 seeds of 6 batches each at alpha .05: .11 is three standard errors away."""
    found = false_alarms(frozen, 20, 6, 0.1, 300, 0.05)
    assert (found <= 0.11).all()


@pytest.mark.parametrize("m", [1, 5, 20])
def test_a_handful_of_rows_rings_no_more_often(m):
    """No curve describes so few rows; 200 batches at .05, three standard errors."""
    rng = np.random.default_rng(m)
    watched = WeightMonitor(frozen(rng), alpha=0.05).fit(*rows(3000, 0.1, rng))
    rang = [watched.check(*rows(m, 0.1, rng)).alarm for _ in range(200)]
    assert np.mean(rang) <= 0.1


@pytest.mark.slow
@pytest.mark.parametrize("prevalence", [0.02, 0.1])
@pytest.mark.parametrize("how", ["frozen", "folds"])
def test_false_alarms_over_many_seeds(how, prevalence):
    """60 seeds of 20 batches: alpha .05, three standard errors of a seed's share."""
    of = frozen if how == "frozen" else lambda rng: calibrated()
    found = false_alarms(of, 60, 20, prevalence, 300, 0.05)
    assert (found <= 0.08).all()
    assert found[1] > 0.005  # it can ring


def test_an_untouched_test_set_of_real_data_is_quiet(shared_data):
    table = pd.read_csv(shared_data("mammography.csv.gz"))
    table = table.sample(frac=1, random_state=0)
    y = table.pop("Class").to_numpy()
    clf = WeightedClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()), calibration="sigmoid"
    )
    watched = WeightMonitor(clf, random_state=0).fit(table[:7000], y[:7000])
    assert not watched.check(table[7000:], y[7000:]).alarm
    assert not watched.check(table[7000:]).alarm


# -- something has changed -------------------------------------------------------------


def test_a_new_mix_of_classes_is_seen_with_and_without_labels(monitor):
    caught = np.zeros(2)
    for seed in range(10):
        X, y = rows(1000, 0.2, np.random.default_rng(100 + seed))
        labelled, unlabelled = monitor.check(X, y), monitor.check(X)
        caught += [
            "class frequency" in rang(labelled),
            "mean probability" in rang(unlabelled),
        ]
        told = unlabelled.estimated_frequencies[1]
        assert abs(told["estimate"] - 0.2) < 0.06
        assert told["low"] < told["estimate"] < told["high"]
        assert "recall" not in rang(labelled)
        assert "calibration slope" not in rang(labelled)
    assert (caught >= 9).all()
    assert "LabelShiftWeighting" in " ".join(unlabelled.advice)
    assert "PriorWeighting" in " ".join(labelled.advice)


@pytest.mark.slow
def test_the_interval_of_the_estimated_frequency_covers_the_truth(monitor):
    covered = 0
    for seed in range(200):
        X, _ = rows(800, 0.25, np.random.default_rng(500 + seed))
        told = monitor.check(X).estimated_frequencies[1]
        covered += told["low"] <= 0.25 <= told["high"]
    # Nominal .95; the reference and its calibration have noise of their own.
    assert covered / 200 > 0.88


def test_features_that_tell_less_are_seen(monitor):
    report = monitor.check(*rows(1500, 0.1, np.random.default_rng(5), distance=0.5))
    assert {"recall", "calibration slope"} <= rang(report)
    text = " ".join(report.advice)
    assert "too extreme" in text
    assert "Fewer rows of 1 are found" in text
    assert "fit again" in text


def test_probabilities_that_went_wrong_are_seen():
    rng = np.random.default_rng(0)
    X, y = rows(3000, 0.1, rng)
    watched = WeightMonitor(calibrated(), random_state=0).fit(X, y)
    X, y = rows(2000, 0.1, rng)
    # The same features, and half of the positives are none any more.
    y = y * (rng.random(2000) < 0.5)
    report = watched.check(X, y)
    assert "calibration gap" in rang(report)
    assert "mean probability" not in rang(report)
    assert "Probabilities of 1 are too high" in " ".join(report.advice)


def test_rows_of_another_kind_show_in_the_weights():
    rng = np.random.default_rng(0)
    X, y = rows(600, 0.3, rng)
    weighting = DensityRatioWeighting(
        X[:200] + 0.5,
        estimator=KernelLogisticRatio(n_centers=0, lambdas=0.01),
        random_state=0,
    )
    clf = WeightedClassifier(LogisticRegression(), weighting=weighting)
    watched = WeightMonitor(clf, random_state=0, cv=3).fit(X, y)
    assert list(watched.weight_quantiles_) == [0.5, 0.9, 0.99]
    assert not watched.check(*rows(300, 0.3, rng)).alarm
    report = watched.check(rows(300, 0.3, rng)[0] + 1.0)
    assert "weights above quantile" in rang(report)
    assert "weight_report" in " ".join(report.advice)


def test_tolerance_keeps_small_changes_quiet(monitor):
    rng = np.random.default_rng(3)
    X, y = rows(20_000, 0.12, rng)
    assert monitor.check(X, y).alarm
    patient = pickle.loads(pickle.dumps(monitor)).set_params(tolerance=0.5)
    assert not patient.check(X, y).alarm
    X, y = rows(20_000, 0.3, rng)
    assert "class frequency" in rang(patient.check(X, y))


# -- what it takes ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels", [["no", "yes"], [-1, 1], [False, True], [0.0, 1.0]], ids=str
)
def test_labels_of_any_kind(labels):
    rng = np.random.default_rng(0)
    X, y = rows(600, 0.2, rng)
    named = np.array(labels)[y]
    watched = WeightMonitor(GaussianNB(), random_state=0).fit(X, named)
    expected = WeightMonitor(GaussianNB(), random_state=0).fit(X, y)
    X, y = rows(200, 0.2, rng)
    found = watched.check(X, np.array(labels)[y])
    assert_allclose(
        [one.p_value for one in found.figures],
        [one.p_value for one in expected.check(X, y).figures],
    )
    assert found.figures[0].of == labels[1]
    json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert list(watched.class_frequencies_) == labels


def test_many_classes_have_figures_each():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 600)
    X = rng.normal(size=(600, 2)) + 2 * np.eye(3)[y][:, :2]
    watched = WeightMonitor(GaussianNB(), random_state=0).fit(X[:400], y[:400])
    report = watched.check(X[400:], y[400:])
    assert not report.alarm
    of = {(one.figure, one.of) for one in report.figures}
    assert {("recall", k) for k in range(3)} <= of
    assert {("class frequency", k) for k in range(3)} <= of
    assert_allclose(
        sum(one["estimate"] for one in report.estimated_frequencies.values()), 1
    )
    # A batch of one class has the recall of that class only.
    report = watched.check(X[y == 2][:20], y[y == 2][:20])
    assert [one.of for one in report.figures if one.figure == "recall"] == [2]


def test_estimators_of_any_kind():
    rng = np.random.default_rng(0)
    X, y = rows(400, 0.3, rng)
    new = rows(150, 0.3, rng)
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2)
    for estimator in (
        make_pipeline(StandardScaler(), LogisticRegression()),
        search,
        WeightedClassifier(search, weighting=BalancedWeighting(0.5)),
        None,
    ):
        watched = WeightMonitor(estimator, cv=2, random_state=0).fit(X, y)
        assert not watched.check(*new).alarm
    ridge = WeightMonitor(RidgeClassifier(), random_state=0).fit(X, y)
    report = ridge.check(*new)
    assert report.estimated_frequencies is None
    assert {one.figure for one in report.figures} == {
        "class frequency",
        "predicted share",
        "recall",
    }


def test_frames_polars_and_two_threads():
    rng = np.random.default_rng(0)
    X, y = rows(400, 0.3, rng)
    frame = pd.DataFrame(X, columns=["a", "b"])
    frame["c"] = pd.Categorical(np.where(X[:, 0] > 0, "up", "down"))
    trees = HistGradientBoostingClassifier(
        max_iter=3, categorical_features="from_dtype", random_state=0
    )
    watched = WeightMonitor(trees, cv=2, random_state=0).fit(frame[:300], y[:300])
    assert not watched.check(frame[300:], y[300:]).alarm
    polars = pytest.importorskip("polars")
    of_polars = WeightMonitor(GaussianNB(), random_state=0, n_jobs=2)
    with joblib.parallel_config(backend="threading"):
        of_polars.fit(polars.DataFrame(X), polars.Series(y))
    of_numpy = WeightMonitor(GaussianNB(), random_state=0).fit(X, y)
    new = rows(100, 0.3, rng)
    assert_allclose(
        of_polars.check(polars.DataFrame(new[0]), polars.Series(new[1]))
        .to_frame()["p_value"]
        .astype(float),
        of_numpy.check(*new).to_frame()["p_value"],
    )


def test_rows_of_weight_zero_are_not_there(monitor):
    rng = np.random.default_rng(7)
    X, y = rows(300, 0.1, rng)
    weight = np.r_[np.full(200, 3.0), np.zeros(100)]
    weighted, removed = monitor.check(X, y, weight), monitor.check(X[:200], y[:200])
    assert_allclose(
        weighted.to_frame()["p_value"], removed.to_frame()["p_value"], rtol=1e-6
    )


def test_a_frozen_estimator_is_not_fitted():
    rng = np.random.default_rng(0)
    clf = calibrated().fit(*rows(500, 0.2, rng))
    before = pickle.dumps(clf)
    watched = WeightMonitor(FrozenEstimator(clf)).fit(*rows(500, 0.2, rng))
    assert watched.estimator_ is clf
    assert pickle.dumps(clf) == before


def test_the_monitor_keeps_no_rows(monitor):
    stored = pickle.dumps(monitor)
    assert len(stored) < 10_000
    X, y = rows(200, 0.1, np.random.default_rng(9))
    again = pickle.loads(stored).check(X, y)
    pd.testing.assert_frame_equal(again.to_frame(), monitor.check(X, y).to_frame())


def test_the_report_in_text_and_html(monitor):
    quiet = monitor.check(*rows(300, 0.1, np.random.default_rng(1)))
    assert "nothing left its band" in repr(quiet)
    assert "would have rung" in quiet.advice[0]
    loud = monitor.check(*rows(2000, 0.4, np.random.default_rng(1)))
    assert "!  class frequency 1" in repr(loud)
    assert "<table>" in loud._repr_html_()
    told = loud.to_dict()
    assert told["alarm"] is True
    assert [one["figure"] for one in told["figures"] if one["alarm"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": 0}, "alpha must be a number"),
        ({"tolerance": -1}, "tolerance must be a number"),
        ({"quantiles": (1.0,)}, "quantiles must be a number"),
        ({"cv": 1}, "cv must be a number"),
    ],
)
def test_bad_parameters_are_said(arguments, message):
    with pytest.raises(ValueError, match=message):
        WeightMonitor(GaussianNB(), **arguments).fit(
            *rows(50, 0.4, np.random.default_rng(0))
        )


def test_bad_rows_are_said(monitor):
    with pytest.raises(ValueError, match="at least 2 classes"):
        WeightMonitor().fit([[0.0], [1.0]], [1, 1])
    one_row = np.arange(9.0)[:, None], [0] * 8 + [1]
    with (
        pytest.raises(ValueError, match="has a single row"),
        pytest.warns(FewerThanAskedWarning),
    ):
        WeightMonitor(GaussianNB()).fit(*one_row)
    with pytest.raises(ValueError, match="at least one row"):
        monitor.check(np.empty((0, 2)))
    with pytest.raises(ValueError, match="2"):
        monitor.check([[0.0, 1.0]], [2])
