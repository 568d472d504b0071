"""Weights that decrease with the age of a row."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd

from skweight._utils.columns import columns_of, row_values
from skweight._utils.validation import check_number, find_missing
from skweight.weighting._base import BaseWeighting

# Largest exponent e in the weight ``2**e`` of a row that is newer than all training
# rows.
_LARGEST_EXPONENT = 500.0


class RecencyWeighting(BaseWeighting):
    r"""Give old rows less weight: the weight halves with every half-life of age.

    Use this strategy for data that change with time. The population of interest is the
    present population, and an old row stands for fewer present rows than a new row. The
    role of the weights is population: calibration, thresholds and scores use them, too.

    .. math:: w_i \propto 2^{-(t_{now} - t_i) / h}

    Parameters
    ----------
    time : str, int, callable or metadata
        Time of each row; larger means later. Pass a column of X by name or position, a
        callable of X, or ``metadata("name")``. Times may be numbers in any unit, or
        dates and times with or without a time zone.
    half_life : float, timedelta or str
        Age at which the weight of a row is half the weight of a new row, in the unit of
        `time`. If times are dates, pass a duration such as ``timedelta(days=90)`` or
        ``"90D"``. A longer half-life makes the weights more equal and the effective
        sample size larger. If the half-life is too short, only a few rows determine the
        fit.
    now : float, datetime or str, default=None
        Time at which a row has age zero; later rows raise an error. The value does not
        change the weights, because weights are divided by their mean. None means the
        time of the newest training row of positive weight. With None, `weigh` accepts
        rows that are later than this time, and gives them a larger weight.
    drop : bool, default=False
        Whether a time column is hidden from the estimator and from other strategies. If
        False, the estimator may learn from this column, and X must contain this column
        in `predict`, too.
    stabilizer : None, str, float or stabilizer, default=None
        Limit for a few very large weights. Pass the name of a method (``"clip"``,
        ``"pareto"`` or ``"temper"``), a stabilizer object, or a number: the largest
        weight, in multiples of the mean weight. None leaves the weights unchanged.

    Attributes
    ----------
    now_ : float
        Time at which a row has age zero. If times are dates, this is a number of
        seconds since 1970 in UTC.
    scale_ : float
        Mean of the weights before scaling. All weights are divided by this number.

    Raises
    ------
    ValueError
        In `fit`, if times are missing, are text, are later than `now`, or have a time
        zone in some rows only.
    TypeError
        In `fit`, if `half_life` is a number and times are dates, or if `half_life` is a
        duration and times are numbers.

    See Also
    --------
    skweight.FunctionWeighting : Uses any other function of the age.

    Notes
    -----
    A fit takes O(n) time. If ages increase in equal steps, the effective sample size is
    ``(1 + q) / (1 - q)`` with ``q = 2**(-step / half_life)``. This is about the number
    of rows in 2.9 half-lives.

    References
    ----------
    .. [1] R. Klinkenberg, Learning drifting concepts: example selection vs. example
       weighting, Intelligent Data Analysis 8(3), 2004, section 3.2.

    Examples
    --------
    >>> import pandas as pd
    >>> from skweight.weighting import RecencyWeighting
    >>> X = pd.DataFrame({"day": pd.to_datetime(["2026-01-01", "2026-01-31"])})
    >>> RecencyWeighting("day", "30D").fit_weigh(X, y=None)
    array([0.66666667, 1.33333333])
    """

    role = "population"
    needs_classes = False
    _side_information = ("time",)

    def __init__(self, time, half_life, *, now=None, drop=False, stabilizer=None):
        self.time = time
        self.half_life = half_life
        self.now = now
        self.drop = drop
        self.stabilizer = stabilizer

    def _learn(self, X, y, sample_weight, **metadata):
        times, are_dates = self._times(X, metadata, sample_weight)
        self._half_life = _duration(self.half_life, are_dates)
        if self.now is None:
            counts = slice(None) if sample_weight is None else sample_weight > 0
            self.now_ = float(np.nanmax(times[counts]))
        else:
            self.now_ = float(_moment(self.now, are_dates))
        return self._fade(times, sample_weight)

    def _raw(self, X, y, **metadata):
        return self._fade(self._times(X, metadata, None)[0], None)

    def _raw_in_stream(self, X, y, codes, classes, masses):
        raise TypeError(
            "RecencyWeighting computes ages from the time of the newest row, but in "
            "partial_fit newer rows may follow. Set "
            "streaming=Streaming(half_life=...) instead, with a half-life in rows. "
            "Or choose a fixed time, and pass 2**(-age / half_life) as "
            "sample_weight."
        )

    def _fade(self, times, sample_weight):
        late = times > self.now_
        if self.now is not None and late.any():
            counted = late if sample_weight is None else late & (sample_weight > 0)
            if counted.any():
                raise ValueError(
                    f"{_name_of(self.time)} is later than now={self.now!r} in "
                    f"{np.count_nonzero(counted)} of {times.size} rows. Leave these "
                    "rows out, or set now=None, which uses the time of the newest "
                    "row."
                )
        exponent = np.minimum((times - self.now_) / self._half_life, _LARGEST_EXPONENT)
        return np.exp2(np.nan_to_num(exponent, nan=-np.inf))

    def _times(self, X, metadata, sample_weight):
        """Return times as floats, and whether they were dates.

        Rows of weight zero may lack a time.
        """
        values = row_values(self.time, X, metadata, owner="RecencyWeighting")
        missing = find_missing(values)
        counted = missing if sample_weight is None else missing & (sample_weight > 0)
        if counted.any():
            raise ValueError(
                f"{_name_of(self.time)} is missing in {np.count_nonzero(counted)} of "
                f"{values.size} rows, so the age of these rows is unknown. Fill in "
                "the times, for example with the oldest time, or leave these rows "
                "out."
            )
        times = np.full(values.size, np.nan)
        times[~missing], are_dates = _as_floats(values[~missing], _name_of(self.time))
        return times, are_dates

    @classmethod
    def _instances(cls, labels):
        return [cls(1, 0.5)]


def _as_floats(values, name):
    """Return times as numbers (seconds for dates), and whether the times are dates."""
    if values.dtype.kind in "iuf":
        return values.astype(np.float64), False
    if values.dtype.kind == "M":
        return values.astype("datetime64[us]").astype(np.int64) / 1e6, True
    entries = values.tolist()
    if all(isinstance(entry, date | np.datetime64) for entry in entries):
        zones = {getattr(entry, "tzinfo", None) is None for entry in entries}
        if len(zones) > 1:
            raise ValueError(
                f"{name} has a time zone in some rows only, so the times cannot be "
                "compared. Convert all of them, as with pandas.to_datetime(column, "
                "utc=True)."
            )
        return np.array([_seconds(entry) for entry in entries]), True
    numbers = all(
        isinstance(entry, int | float | np.number) and not isinstance(entry, bool)
        for entry in entries
    )
    if numbers and values.dtype.kind == "O":
        return values.astype(np.float64), False
    raise ValueError(
        f"{name} must contain numbers, or dates and times; it contains "
        f"{entries[0]!r} of type {type(entries[0]).__name__}. Convert the column, as "
        "with pandas.to_datetime(column)."
    )


def _seconds(moment):
    """Return dates as seconds since 1970; a date without a time zone is read as UTC."""
    if isinstance(moment, np.datetime64):
        return moment.astype("datetime64[us]").astype(np.int64) / 1e6
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()


def _duration(half_life, are_dates):
    """Return the half-life in the unit of the times of the rows."""
    if not are_dates:
        if isinstance(half_life, str | timedelta | np.timedelta64):
            raise TypeError(
                f"half_life={half_life!r} is a duration, but the times are numbers. "
                "Pass the half-life as a number in the unit of the times."
            )
        check_number(half_life, name="half_life", low=0, include="neither")
        return float(half_life)
    if not isinstance(half_life, str | timedelta | np.timedelta64):
        raise TypeError(
            "half_life must be a duration, such as '90D' or timedelta(days=90), "
            f"because the times are dates; got {half_life!r}."
        )
    try:
        seconds = pd.Timedelta(half_life).total_seconds()
    except ValueError as error:
        raise ValueError(
            f"pandas.Timedelta cannot read half_life={half_life!r} as a duration "
            f"({error}). Write '90D' for 90 days, or '12h' for twelve hours."
        ) from error
    check_number(seconds, name="half_life in seconds", low=0, include="neither")
    return seconds


def _moment(now, are_dates):
    """Return `now` in the unit of the times."""
    if not are_dates:
        check_number(now, name="now")
        return now
    if not isinstance(now, str | date | np.datetime64):
        raise TypeError(
            "now must be a date, such as '2026-11-28', because the times are dates; "
            f"got {now!r}."
        )
    return _seconds(pd.Timestamp(now))


def _name_of(source):
    if columns_of(source):
        return f"The time column {source!r}"
    return "The time of a row"
