"""A monitor is quiet where nothing changed, and says what did where something did."""

import copy
import json
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
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


def rows(n, prevalence, rng, distance=1.5):
    """Draw rows of two normal classes."""
    y = (rng.random(n) < prevalence).astype(int)
    return rng.normal(size=(n, 2)) + distance * y[:, None], y


def calibrated():
    return WeightedClassifier(
        LogisticRegression(), calibration="sigmoid", random_state=0
    )


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    return WeightMonitor(calibrated(), random_state=0).fit(*rows(4000, 0.1, rng))


@pytest.fixture
def monitor(fitted):
    return copy.deepcopy(fitted)


def rang(report):
    return {figure.figure for figure in report.alarms}


def first_look(monitor, *batch):
    """Return the report of a batch that is the first of its stream."""
    return copy.deepcopy(monitor).update(*batch)


# -- nothing has changed ---------------------------------------------------------------


def share_of_streams_that_ring(estimator_of, n_seeds, n_batches, m, alpha):
    """Return the share of quiet streams that ever ring, with and without labels."""
    rang = np.zeros(2)
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        watched = WeightMonitor(estimator_of(rng), alpha=alpha, random_state=0)
        watched.fit(*rows(2000, 0.1, rng))
        unlabelled = copy.deepcopy(watched)
        for _ in range(n_batches):
            X, y = rows(m, 0.1, rng)
            report = watched.update(X, y)
            quiet = unlabelled.update(X)
        rang += [report.alarm, quiet.alarm]
    return rang / n_seeds


def frozen(rng):
    return FrozenEstimator(calibrated().fit(*rows(2000, 0.1, rng)))


def test_a_quiet_stream_rings_as_rarely_as_alpha_says():
    """8 fitted and calibrated models with 15 looks each, at alpha .05."""
    rang = share_of_streams_that_ring(frozen, 8, 15, 200, 0.05)
    assert (rang <= 1 / 8).all()


@pytest.mark.parametrize("m", [1, 7])
def test_batches_of_a_few_rows_wait_for_one_another(m):
    rng = np.random.default_rng(m)
    watched = WeightMonitor(frozen(rng), alpha=0.05).fit(*rows(3000, 0.1, rng))
    for t in range(1, 90 // m):
        report = watched.update(*rows(m, 0.1, rng))
        if m == 1:
            assert np.isnan(report.figures[0].low) == (t % 50 > 0)
        assert not report.alarm
        assert report.n_rows == m


@pytest.mark.slow
@pytest.mark.parametrize("how", ["frozen", "folds"])
def test_false_alarms_over_many_seeds(how):
    """300 models with streams of 60 batches: at alpha .05 as rarely as .05 says."""
    of = frozen if how == "frozen" else lambda rng: calibrated()
    rang = share_of_streams_that_ring(of, 300, 60, 300, 0.05)
    assert (rang <= 0.05).all()
    # It can ring.
    assert share_of_streams_that_ring(of, 40, 60, 300, 0.9)[0] > 0.05


def test_an_untouched_test_set_of_real_data_is_quiet(shared_data):
    table = pd.read_csv(shared_data("mammography.csv.gz"))
    table = table.sample(frac=1, random_state=0)
    y = table.pop("Class").to_numpy()
    clf = WeightedClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()), calibration="sigmoid"
    )
    watched = WeightMonitor(clf, random_state=0).fit(table[:7000], y[:7000])
    assert not first_look(watched, table[7000:], y[7000:]).alarm
    assert not first_look(watched, table[7000:]).alarm


# -- something has changed -------------------------------------------------------------


def test_a_new_mix_of_classes_is_seen_with_and_without_labels(monitor):
    caught = np.zeros(2)
    for seed in range(10):
        X, y = rows(1000, 0.2, np.random.default_rng(100 + seed))
        labelled, unlabelled = first_look(monitor, X, y), first_look(monitor, X)
        caught += [
            "class frequency" in rang(labelled),
            "mean probability" in rang(unlabelled),
        ]
        estimate = unlabelled.estimated_frequencies[1]
        assert abs(estimate["estimate"] - 0.2) < 0.06
        assert estimate["low"] < estimate["estimate"] < estimate["high"]
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
        estimate = first_look(monitor, X).estimated_frequencies[1]
        covered += estimate["low"] <= 0.25 <= estimate["high"]
    # Nominal .95; the reference and its calibration have noise of their own.
    assert covered / 200 > 0.88


def test_features_that_tell_less_are_seen(monitor):
    report = first_look(
        monitor, *rows(1500, 0.1, np.random.default_rng(5), distance=0.5)
    )
    assert {"recall", "calibration slope"} <= rang(report)
    text = " ".join(report.advice)
    assert "too extreme" in text
    assert "Fewer rows of 1 get the right label" in text
    assert "fit again" in text


def test_probabilities_that_went_wrong_are_seen():
    rng = np.random.default_rng(0)
    X, y = rows(3000, 0.1, rng)
    watched = WeightMonitor(calibrated(), random_state=0).fit(X, y)
    X, y = rows(2000, 0.1, rng)
    # The same features, and half of the positives are none any more.
    y = y * (rng.random(2000) < 0.5)
    report = first_look(watched, X, y)
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
    clf = WeightedClassifier(
        LogisticRegression(), weighting=weighting, calibration=None
    )
    watched = WeightMonitor(clf, random_state=0, cv=3).fit(X, y)
    assert list(watched.weight_quantiles_) == [0.5, 0.9, 0.99]
    assert not first_look(watched, *rows(300, 0.3, rng)).alarm
    report = first_look(watched, rows(300, 0.3, rng)[0] + 1.0)
    assert "weights above quantile" in rang(report)
    assert "weight_report" in " ".join(report.advice)


def test_tolerance_keeps_small_changes_quiet(monitor):
    rng = np.random.default_rng(3)
    X, y = rows(20_000, 0.13, rng)
    assert first_look(monitor, X, y).alarm
    patient = pickle.loads(pickle.dumps(monitor)).set_params(tolerance=0.5)
    assert not first_look(patient, X, y).alarm
    X, y = rows(20_000, 0.3, rng)
    assert "class frequency" in rang(first_look(patient, X, y))


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
    actual = first_look(watched, X, np.array(labels)[y])
    assert_allclose(
        [figure.p_value for figure in actual.figures],
        [figure.p_value for figure in first_look(expected, X, y).figures],
    )
    assert actual.figures[0].of == labels[1]
    json.loads(json.dumps(actual.to_dict(), allow_nan=False))
    assert list(watched.class_frequencies_) == labels


def test_many_classes_have_figures_each():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 600)
    X = rng.normal(size=(600, 2)) + 2 * np.eye(3)[y][:, :2]
    watched = WeightMonitor(GaussianNB(), random_state=0).fit(X[:400], y[:400])
    report = first_look(watched, X[400:], y[400:])
    assert not report.alarm
    of = {(figure.figure, figure.of) for figure in report.figures}
    assert {("recall", k) for k in range(3)} <= of
    assert {("class frequency", k) for k in range(3)} <= of
    assert_allclose(
        sum(
            estimated_frequency["estimate"]
            for estimated_frequency in report.estimated_frequencies.values()
        ),
        1,
    )
    # A batch of one class has the recall of that class only.
    report = first_look(watched, X[y == 2][:20], y[y == 2][:20])
    recall = {f.of: f.observed for f in report.figures if f.figure == "recall"}
    assert [label for label, value in recall.items() if np.isfinite(value)] == [2]


def test_estimators_of_any_kind():
    rng = np.random.default_rng(0)
    X, y = rows(400, 0.3, rng)
    new = rows(150, 0.3, rng)
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2)
    for estimator in (
        make_pipeline(StandardScaler(), LogisticRegression()),
        search,
        WeightedClassifier(search, weighting=BalancedWeighting(0.5), calibration=None),
        None,
    ):
        watched = WeightMonitor(estimator, cv=2, random_state=0).fit(X, y)
        assert not first_look(watched, *new).alarm
    ridge = WeightMonitor(RidgeClassifier(), random_state=0).fit(X, y)
    report = first_look(ridge, *new)
    assert report.estimated_frequencies is None
    assert {figure.figure for figure in report.figures} == {
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
    assert not first_look(watched, frame[300:], y[300:]).alarm
    polars = pytest.importorskip("polars")
    of_polars = WeightMonitor(GaussianNB(), random_state=0, n_jobs=2)
    with joblib.parallel_config(backend="threading"):
        of_polars.fit(polars.DataFrame(X), polars.Series(y))
    of_numpy = WeightMonitor(GaussianNB(), random_state=0).fit(X, y)
    new = rows(100, 0.3, rng)
    assert_allclose(
        first_look(of_polars, polars.DataFrame(new[0]), polars.Series(new[1]))
        .to_frame()["p_value"]
        .astype(float),
        first_look(of_numpy, *new).to_frame()["p_value"],
    )


def test_rows_of_weight_zero_are_not_there(monitor):
    rng = np.random.default_rng(7)
    X, y = rows(300, 0.1, rng)
    weight = np.r_[np.full(200, 3.0), np.zeros(100)]
    weighted, removed = (
        first_look(monitor, X, y, weight),
        first_look(monitor, X[:200], y[:200]),
    )
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


def test_the_monitor_keeps_no_rows_however_long_the_stream(monitor):
    rng = np.random.default_rng(9)
    assert len(pickle.dumps(monitor)) < 10_000
    sizes = []
    for _ in range(120):
        monitor.update(*rows(50, 0.1, rng))
        sizes.append(len(pickle.dumps(monitor)))
    # Windows at 60 blocks and at 120: eight more.
    assert max(sizes) < 60_000
    assert sizes[-1] - sizes[60] < 12_000


def test_a_monitor_goes_on_after_it_was_stored(monitor):
    rng = np.random.default_rng(9)
    batches = [rows(m, 0.1, rng) for m in (200, 1, 30, 400, 20)]
    stored = copy.deepcopy(monitor)
    for batch in batches:
        expected = monitor.update(*batch)
        stored = pickle.loads(pickle.dumps(stored))
        report = stored.update(*batch)
    pd.testing.assert_frame_equal(report.to_frame(), expected.to_frame())
    assert report.n_batches == 5


def test_the_report_in_text_and_html(monitor):
    quiet = monitor.update(*rows(300, 0.1, np.random.default_rng(1)), batch="Monday")
    assert repr(quiet).startswith("Monday (300 rows with labels), 1 so far")
    assert "no alarm" in repr(quiet)
    assert "This batch alone raises an alarm if" in quiet.advice[0]
    loud = monitor.update(*rows(2000, 0.4, np.random.default_rng(1)), batch="Tuesday")
    assert "!  class frequency 1" in repr(loud)
    assert "The change most likely began with Tuesday" in loud.advice[0]
    assert "<table>" in loud._repr_html_()
    as_dict = loud.to_dict()
    assert as_dict["alarm"] is True
    assert as_dict["onset"] == "Tuesday"
    assert [figure["figure"] for figure in as_dict["figures"] if figure["alarm"]]
    json.dumps(as_dict, allow_nan=False)


# -- a stream --------------------------------------------------------------------------


def test_small_changes_add_up_over_batches_and_the_first_one_is_named(monitor):
    errors = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        watched = copy.deepcopy(monitor).set_params(alpha=0.05)
        for t in range(1, 40):
            prevalence = 0.1 if t < 13 else 0.15
            report = watched.update(*rows(200, prevalence, rng), batch=f"day {t}")
            assert t >= 13 or not report.alarm
        assert "class frequency" in rang(report)
        errors.append(abs(int(report.onset.removeprefix("day ")) - 13))
        [figure] = [f for f in report.alarms if f.figure == "class frequency"]
        assert abs(figure.mean_since - 0.15) < 0.02
        assert figure.rows_since <= 200 * 35
    assert np.median(errors) <= 3


def test_an_alarm_stays_until_the_stream_begins_anew(monitor):
    rng = np.random.default_rng(0)
    assert monitor.update(*rows(1000, 0.3, rng)).alarm
    report = monitor.update(*rows(1000, 0.1, rng))
    assert report.alarm
    assert report.onset == 1
    assert report.alarms[0].alarm_at == 1
    report = monitor.restart().update(*rows(1000, 0.1, rng))
    assert not report.alarm
    assert report.n_batches == monitor.n_batches_ == 1


def test_rows_without_a_label_count_for_what_needs_none(monitor):
    X, y = rows(400, 0.1, np.random.default_rng(0))
    some = np.where(np.arange(400) < 300, y.astype(float), np.nan)
    report = first_look(monitor, X, some).to_frame().set_index("figure")
    whole = first_look(monitor, X, y).to_frame().set_index("figure")
    part = first_look(monitor, X[:300], y[:300]).to_frame().set_index("figure")
    labelled = ["class frequency", "calibration gap", "calibration slope"]
    assert_allclose(report.loc[labelled, "observed"], part.loc[labelled, "observed"])
    reason = "mean probability"
    assert report.loc[reason, "observed"] == whole.loc[reason, "observed"]
    assert report.loc[reason, "n_rows"] == 400
    for none in (None, np.full(400, np.nan), [None] * 400, pd.Series([pd.NA] * 400)):
        report = first_look(monitor, X, none)
        assert not report.labelled
        assert [figure.figure for figure in report.figures] == [reason]


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA], ids=["None", "NaN", "NA"])
def test_missing_labels_beside_labels_of_any_type(missing):
    rng = np.random.default_rng(0)
    X, y = rows(300, 0.3, rng)
    for labels in (["no", "yes"], [0, 1], [False, True]):
        named = np.array(labels)[y]
        watched = WeightMonitor(GaussianNB(), cv=2).fit(X, named)
        with_gaps = pd.Series(named.tolist(), dtype=object)
        with_gaps[:100] = missing
        report = watched.update(X, with_gaps)
        [figure] = [f for f in report.figures if f.figure == "class frequency"]
        assert figure.n_rows == 200
        assert_allclose(figure.observed, y[100:].mean())


def test_labels_that_come_late_move_no_prediction_again(monitor):
    rng = np.random.default_rng(0)
    batches = [rows(300, 0.1, rng) for _ in range(4)]
    whole = copy.deepcopy(monitor)
    for X, y in batches:
        monitor.update(X)
        expected = whole.update(X, y)
    for X, y in batches:
        report = monitor.update(X, y, labels_only=True)
    late = report.to_frame().set_index(["figure", "of"])
    at_once = expected.to_frame().set_index(["figure", "of"])
    # Levels differ, as there were more looks; what the stream saw does not.
    for stream, other in zip(monitor._streams, whole._streams, strict=True):
        assert_allclose(stream.windows, other.windows)
    assert_allclose(late["reference"], at_once["reference"])
    with pytest.raises(ValueError, match="labels_only=True needs labels"):
        monitor.update(X, labels_only=True)


def test_a_refused_batch_changes_nothing(monitor):
    rng = np.random.default_rng(0)
    monitor.update(*rows(300, 0.1, rng))
    before = pickle.dumps(monitor)
    X, y = rows(100, 0.1, rng)
    for batch in (
        (X, y + 7),
        (X[:, :1], y),
        (X, y[:50]),
        (X, y, np.full(100, -1.0)),
        (X * np.nan, y),
    ):
        with pytest.raises(ValueError, match=r".+"):
            monitor.update(*batch)
        assert pickle.dumps(monitor) == before


def test_weights_of_any_unit_and_batches_of_one_row_come_to_the_same(monitor):
    rng = np.random.default_rng(2)
    X, y = rows(200, 0.2, rng)
    weight = rng.lognormal(size=200)
    by_row = copy.deepcopy(monitor)
    for i in range(200):
        by_row.update(X[i : i + 1], y[i : i + 1], weight[i : i + 1])
    for rows_of_block in np.split(np.arange(200), 4):
        of = rows_of_block
        expected = monitor.update(X[of], y[of], 1000 * weight[of])
    got = [figure.p_value for figure in by_row.update(X[:1], y[:1]).figures]
    assert_allclose(got, [figure.p_value for figure in expected.figures], rtol=1e-6)


def test_weighted_batches_are_quiet_though_the_reference_has_no_weights(monitor):
    """Weights of Kish factor 2.7 that tell nothing of the values."""
    rang = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        watched = copy.deepcopy(monitor).set_params(alpha=0.05)
        for _ in range(15):
            X, y = rows(200, 0.1, rng)
            report = watched.update(X, y, rng.lognormal(size=200))
        rang += report.alarm
    assert rang <= 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": 0}, "alpha must be a number"),
        ({"tolerance": -1}, "tolerance must be a number"),
        ({"quantiles": (1.0,)}, "quantiles must be a number"),
        ({"cv": 1}, "With cv=1, the only fold is held out"),
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
        first_look(monitor, np.empty((0, 2)))
    with pytest.raises(ValueError, match="2"):
        first_look(monitor, [[0.0, 1.0]], [2])
