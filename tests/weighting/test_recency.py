"""Recency: half the weight with every half-life, whatever tells the time."""

import time
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier

from skweight import Streaming, WeightedClassifier, WeightedRegressor
from skweight.weighting import RecencyWeighting, metadata

DAYS = [0, 1, 2, 4]
GOLDEN = [0.475386, 0.672297, 0.950772, 1.901544]
START = datetime(2026, 3, 27, 12)
MOMENTS = [START + timedelta(days=day) for day in DAYS]


def test_half_life_two_gives_the_weights_of_the_reference():
    weights = RecencyWeighting(0, 2).fit_weigh(np.c_[DAYS], None)
    assert_allclose(weights, GOLDEN, atol=5e-7)
    assert_allclose(weights[3] / weights[1:3], [2**1.5, 2])


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(MOMENTS),
        pd.Series(MOMENTS).dt.tz_localize("UTC"),
        pd.Series(MOMENTS).dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"),
        pd.Series(MOMENTS).astype("datetime64[s]"),
        pd.Series([moment.date() for moment in MOMENTS]),
        pd.Series([m.replace(tzinfo=timezone(timedelta(hours=3))) for m in MOMENTS]),
        pd.Series(np.array(MOMENTS, dtype="datetime64[us]").astype(object)),
    ],
    ids=["naive", "utc", "tokyo", "seconds", "dates", "fixed offset", "objects"],
)
@pytest.mark.parametrize(
    "half_life", [timedelta(days=2), "2D", np.timedelta64(48, "h")]
)
def test_dates_and_times_of_every_kind_fade_alike(column, half_life):
    X = pd.DataFrame({"when": column})
    weights = RecencyWeighting("when", half_life).fit_weigh(X, None)
    assert_allclose(weights, GOLDEN, atol=5e-7)


def test_an_hour_that_the_clock_was_turned_is_counted_by_its_true_length():
    # Berlin turns its clocks on 2026-03-29: noon to noon are 23 hours there.
    local = pd.Series(pd.to_datetime(["2026-03-28 12:00", "2026-03-29 12:00"]))
    X = pd.DataFrame({"when": local.dt.tz_localize("Europe/Berlin")})
    weights = RecencyWeighting("when", "23h").fit_weigh(X, None)
    assert_allclose(weights[1] / weights[0], 2)


def test_polars_times_fade_alike():
    polars = pytest.importorskip("polars")
    X = polars.DataFrame({"when": MOMENTS})
    assert_allclose(
        RecencyWeighting("when", "2D").fit_weigh(X, None), GOLDEN, atol=5e-7
    )


def test_now_changes_no_weight_and_refuses_what_comes_later():
    X = np.c_[DAYS].astype(float)
    assert_allclose(
        RecencyWeighting(0, 2, now=10).fit_weigh(X, None), GOLDEN, atol=5e-7
    )
    with pytest.raises(ValueError, match=r"later than now=3 in 1 of 4 rows.*Leave"):
        RecencyWeighting(0, 2, now=3).fit(X, None)
    frame = pd.DataFrame({"when": MOMENTS})
    with pytest.raises(ValueError, match=r"later than now='2026-03-30'"):
        RecencyWeighting("when", "2D", now="2026-03-30").fit(frame, None)
    fitted = RecencyWeighting("when", "2D", now="2027-01-01").fit(frame, None)
    assert_allclose(fitted.weigh(frame), GOLDEN, atol=5e-7)
    fitted = RecencyWeighting(0, 2).fit(X, None)
    assert_allclose(fitted.weigh([[6.0]]), 2 * GOLDEN[3], atol=1e-6)


def test_rows_that_do_not_count_may_lack_a_time_or_lie_in_the_future():
    X = np.array([[0.0], [1], [2], [4], [np.nan], [1e9]])
    weights = RecencyWeighting(0, 2, now=5).fit_weigh(X, None, [1, 1, 1, 1, 0, 0])
    assert_allclose(weights[:4], GOLDEN, atol=5e-7)
    assert np.isfinite(
        RecencyWeighting(0, 2).fit_weigh(X, None, [1, 1, 1, 1, 0, 0])
    ).all()


@pytest.mark.parametrize(
    ("column", "half_life", "now", "error", "words"),
    [
        ([0.0, np.nan], 1, None, ValueError, "missing in 1 of 2 rows.*oldest"),
        (pd.to_datetime(["2026-01-01", None]), "1D", None, ValueError, "missing in 1"),
        (["2026-01-01"], "1D", None, ValueError, "must contain numbers, or dates"),
        ([0.0, 1], 0, None, ValueError, "half_life must be a number"),
        ([0.0, 1], "1D", None, TypeError, "the times are numbers"),
        ([date(2026, 1, 1)], 3, None, TypeError, "half_life must be a duration"),
        ([date(2026, 1, 1)], "3 x", None, ValueError, "cannot read half_life='3 x'"),
        ([date(2026, 1, 1)], "-3D", None, ValueError, "half_life in seconds"),
        ([date(2026, 1, 1)], "3D", 4, TypeError, "now must be a date"),
        ([0.0, 1], 1, "2026-01-01", TypeError, "now must be a number"),
        (
            [START, START.replace(tzinfo=UTC)],
            "1D",
            None,
            ValueError,
            "time zone in some rows only",
        ),
    ],
)
def test_bad_times_are_refused_with_the_reason(column, half_life, now, error, words):
    X = pd.DataFrame({"t": pd.Series(column)})
    if isinstance(column, list) and isinstance(column[0], datetime):
        X = pd.DataFrame({"t": pd.Series(column, dtype=object)})
    with pytest.raises(error, match=words):
        RecencyWeighting("t", half_life, now=now).fit(X, None)


@pytest.mark.parametrize("drop", [False, True])
def test_models_follow_the_newest_rows(rng, drop):
    time = np.arange(2000.0)
    x = rng.normal(size=2000)
    X = np.column_stack([x, time])
    weighting = RecencyWeighting(1, 100, drop=drop)
    drifting = np.where(time < 1000, -x, x)
    line = WeightedRegressor(LinearRegression(), weighting=weighting).fit(X, drifting)
    assert line.n_features_in_ == (1 if drop else 2)
    assert_allclose(line.estimator_.coef_[0], 1, atol=0.02)
    clf = WeightedClassifier(
        LogisticRegression(), weighting=weighting, calibration=None
    )
    clf.fit(X, (drifting > 0).astype(int))
    assert clf.score(X[1000:], (drifting > 0)[1000:].astype(int)) > 0.95
    by_metadata = RecencyWeighting(metadata("seen"), 100)
    weights = by_metadata.fit_weigh(X[:, :1], None, seen=time)
    assert_allclose(weights, weighting.fit_weigh(X, None))


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="no time zone of a process")
def test_moments_without_a_zone_do_not_depend_on_that_of_the_machine(monkeypatch):
    # Clocks in New York were turned on 2026-03-08, which these days do not know.
    days = [date(2026, 3, 7), date(2026, 3, 8), date(2026, 3, 9)]
    X = pd.DataFrame({"when": pd.Series(days, dtype=object)})
    try:
        monkeypatch.setenv("TZ", "America/New_York")
        time.tzset()
        weights = RecencyWeighting("when", "1D").fit_weigh(X, None)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert_allclose(weights[1:] / weights[:-1], 2)


def test_a_stream_is_refused_with_the_way_out(rng):
    X = np.c_[np.arange(60.0), rng.normal(size=60)]
    y = (X[:, 1] > 0).astype(int)
    options = {"calibration": None, "random_state": 0}
    learner = SGDClassifier(loss="log_loss", random_state=0)
    for weighting in (RecencyWeighting(0, 5), [RecencyWeighting(0, 5), "balanced"]):
        clf = WeightedClassifier(learner, weighting=weighting, **options)
        with pytest.raises(TypeError, match=r"Streaming\(half_life=") as error:
            clf.partial_fit(X, y, classes=[0, 1])
        assert not hasattr(clf, "classes_")
    assert "as sample_weight" in str(error.value)
    # Both ways out.
    clf = WeightedClassifier(learner, streaming=Streaming(half_life=5), **options)
    clf.partial_fit(X, y, classes=[0, 1])
    clf = WeightedClassifier(learner, **options)
    clf.partial_fit(X, y, classes=[0, 1], sample_weight=2 ** (-(60 - X[:, 0]) / 5))
    assert clf.predict(X).shape == (60,)
