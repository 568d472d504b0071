"""Dates, times, durations and periods: numbers in every step, or refused by name."""

from datetime import time

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE
from numpy.testing import assert_allclose

from skweight import DensityRatioWeighting, WeightedClassifier
from skweight._utils.times import times_as_numbers
from skweight.inspection import balance_table, weight_report
from skweight.resampling import resample
from skweight.weighting import EntropyBalancingWeighting

# Half of the target lies beyond the rows: that is what the weights are to show.
pytestmark = [
    pytest.mark.filterwarnings("ignore::skweight.exceptions.OverlapWarning"),
    pytest.mark.filterwarnings("ignore::skweight.exceptions.DegenerateWeightsWarning"),
]
N = 300
FIRST, LATER = "2024-01-01", "2024-01-07"  # half of the rows are later than FIRST


def arrow(dtype):
    def convert(column):
        pa = pytest.importorskip("pyarrow")
        return column.astype(pd.ArrowDtype(getattr(pa, dtype)("us")))

    return convert


KINDS = {
    "naive": lambda s: s,
    "milliseconds": lambda s: s.astype("datetime64[ms]"),
    "zone": lambda s: s.dt.tz_localize("America/New_York"),
    "duration": lambda s: s - pd.Timestamp("2020-01-01"),
    "period": lambda s: s.dt.to_period("h"),
    "objects": lambda s: s.astype(object),
    "objects with a zone": lambda s: s.dt.tz_localize("UTC").astype(object),
    "dates": lambda s: s.dt.date,
    "arrow": arrow("timestamp"),
}
CONTAINERS = ["frame", "array", "polars"]


def table(kind, start, container="frame", gaps=False):
    rng = np.random.default_rng(len(start))
    moments = pd.Series(pd.date_range(start, periods=N, freq="h"))
    moments = KINDS[kind](moments).copy()
    if gaps:
        moments.iloc[::50] = None
    frame = pd.DataFrame({"a": rng.normal(size=N), "when": moments})
    if container == "array":
        return frame.to_numpy(dtype=object)
    if container == "polars":
        pytest.importorskip("pyarrow")
        return pytest.importorskip("polars").from_pandas(frame)
    return frame


def copy_of(X):
    return X.clone() if hasattr(X, "clone") else X.copy()


# Times become numbers before the estimator: the trees see each kind in one container.
@pytest.mark.in_turn(2)
@pytest.mark.parametrize(
    ("estimator", "kind", "container"),
    [("logistic", kind, container) for kind in KINDS for container in CONTAINERS]
    + [
        ("classifier", kind, CONTAINERS[position % 2])
        for position, kind in enumerate(KINDS)
    ]
    + [("classifier", "naive", "polars")],
)
def test_rows_of_the_time_of_the_target_count(estimator, kind, container):
    if container == "polars" and kind in ("period", "objects with a zone"):
        pytest.skip("polars has no such column")
    S, T = table(kind, FIRST, container), table(kind, LATER, container)
    before = copy_of(S)
    shift = DensityRatioWeighting(T, estimator=estimator, random_state=0)
    weights = shift.fit_weigh(S, y=None)
    assert weights[150:].mean() > 3 * weights[:140].mean()
    assert shift.weigh(S[-50:]).mean() > 3 * weights[:140].mean()
    same = S.equals(before) if hasattr(S, "equals") else (before == S).all()
    assert same


def test_the_search_takes_times():
    shift = DensityRatioWeighting(table("zone", LATER), random_state=0)
    weights = shift.fit_weigh(table("zone", FIRST), y=None)
    assert weights[150:].mean() > 3 * weights[:140].mean()


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("kind", ["naive", "zone", "duration", "period", "objects"])
def test_gaps_are_refused_by_name_or_taken(kind):
    S, T = table(kind, FIRST, gaps=True), table(kind, LATER, gaps=True)
    with pytest.raises(ValueError, match="when"):
        DensityRatioWeighting(T, estimator="logistic").fit(S)
    shift = DensityRatioWeighting(T, estimator="classifier", random_state=0)
    weights = shift.fit_weigh(S, y=None)
    assert weights[150:].mean() > 3 * weights[:140].mean()


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("kind", ["naive", "zone", "duration", "period", "dates"])
def test_balance_is_that_of_seconds(kind, container):
    if container == "polars" and kind == "period":
        pytest.skip("polars has no such column")
    S, T = table(kind, FIRST, container), table(kind, LATER, container)
    balance = balance_table(S, T, np.ones(N))
    assert len(balance.names) == 2
    assert -2 < balance.difference_before[1] < -1.2


def test_a_weight_report_sees_times():
    S, T = table("zone", FIRST), table("zone", LATER)
    report = weight_report(np.ones(N), X=S, X_target=T, cv=3, random_state=0)
    assert report.auc_before > 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_moments_of_times_are_refused_by_name(kind):
    with pytest.raises(ValueError, match=r"'when' .* contains times"):
        EntropyBalancingWeighting(table(kind, LATER)).fit(table(kind, FIRST), None)


@pytest.mark.parametrize("kind", ["naive", "zone", "duration", "period", "objects"])
def test_samplers_that_make_rows_refuse_times_by_name(kind):
    X, y = table(kind, FIRST), np.arange(N) % 5 == 0
    for sampler in ("smote", SMOTE(random_state=0)):
        with pytest.raises(ValueError, match=r"'when'.*contain times"):
            resample(sampler, X, y, random_state=0)
    done = resample("random_over", X, y, random_state=0)
    assert done.X["when"].dtype == X["when"].dtype
    with pytest.raises(ValueError, match=r"'when'.*contain times"):
        WeightedClassifier(resampler="smote", calibration=None).fit(X, y)


def test_values_are_seconds():
    zone = pd.Timestamp("2024-01-01", tz="Europe/Berlin")
    frame = pd.DataFrame(
        {
            "zone": [zone, pd.NaT],
            "naive": pd.to_datetime(["1970-01-02", None]),
            "span": pd.to_timedelta(["90s", None]),
            "period": pd.PeriodIndex(["1970-02", "NaT"], freq="M"),
            "clock": [time(0, 1), time(1)],
            "words": ["1970-01-01", "b"],
            "number": [1, 2],
        }
    )
    numbers = times_as_numbers(frame)
    expected = {
        "zone": [zone.timestamp(), np.nan],
        "naive": [86400.0, np.nan],
        "span": [90.0, np.nan],
        "period": [31 * 86400.0, np.nan],
        "clock": [60.0, 3600.0],
    }
    for name, values in expected.items():
        assert_allclose(numbers[name], values)
    assert numbers["words"].equals(frame["words"])
    assert times_as_numbers(frame[["words", "number"]]).shape == (2, 2)
    plain = frame[["number"]]
    assert times_as_numbers(plain) is plain
    assert times_as_numbers(plain.to_numpy()) is not None
    rows = [[1, 2]]
    assert times_as_numbers(rows) is rows


# -- what else a table may hold --------------------------------------------------------


@pytest.mark.parametrize("sentinel", [1e6, -999.0, 1e12])
@pytest.mark.parametrize("estimator", ["logistic", "ulsif"])
def test_a_sentinel_does_not_blind_the_kernels(estimator, sentinel):
    rng = np.random.default_rng(0)
    S, T = rng.normal(size=(500, 2)), rng.normal([0.7, 0], size=(500, 2))
    clean = DensityRatioWeighting(T, estimator=estimator, random_state=0)
    expected = clean.fit_weigh(S, y=None)
    S[3, 0] = sentinel
    weights = clean.fit_weigh(S, y=None)
    others = np.arange(500) != 3
    assert np.corrcoef(weights[others], expected[others])[0, 1] > 0.9


NULLABLE = ["Int64", "Float64", "boolean", "int64[pyarrow]", "double[pyarrow]"]


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("dtype", NULLABLE)
def test_nullable_numbers_are_numbers(dtype, gaps):
    if "pyarrow" in dtype:
        pytest.importorskip("pyarrow")
    rng = np.random.default_rng(0)

    def draw(shift):
        flags = pd.Series((rng.random(300) < shift).astype(float))
        column = flags.astype(bool if dtype == "boolean" else "int64").astype(dtype)
        if gaps:
            column[::20] = pd.NA
        return pd.DataFrame({"a": rng.normal(size=300), "flag": column})

    S, T = draw(0.3), draw(0.7)
    linear = DensityRatioWeighting(T, estimator="logistic", random_state=0)
    if gaps:
        with pytest.raises(ValueError, match=r"'flag'.*NaN"):
            linear.fit(S)
    trees = DensityRatioWeighting(T, estimator="classifier", random_state=0)
    weights = (trees if gaps else linear).fit_weigh(S, y=None)
    ones = (S["flag"] == 1).fillna(False).to_numpy(dtype=bool)
    zeros = (S["flag"] == 0).fillna(False).to_numpy(dtype=bool)
    assert weights[ones].mean() > 2 * weights[zeros].mean()
