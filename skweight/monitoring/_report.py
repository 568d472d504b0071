"""What a monitor says of a stream: which figures rang, since when, and what to do."""

from dataclasses import asdict, dataclass

import numpy as np

from skweight._utils.render import Table, as_html
from skweight._utils.validation import say


@dataclass(frozen=True)
class DriftFigure:
    """One figure of a stream: the newest rows, their band, and what rang so far.

    Attributes
    ----------
    figure : str
        What is compared.
    of : object
        The class or the quantile that it is of.
    reference, observed : float
        The figure in the reference and in the newest rows: the last batch, with those
        before it that were too few for a test. NaN if the batch had no such rows.
    low, high : float
        The band outside of which the newest rows by themselves ring at this look. NaN
        if they are still too few for a test. Several batches together ring sooner.
    n_rows : int
        The newest rows that the figure is of.
    p_value : float
        Chance that an unchanged stream ever looks as suspicious as this one did so far,
        over all figures, batches and windows; it never rises. At most alpha where the
        figure rang.
    alarm : bool
        Whether the figure rang, at this batch or before.
    rang_at : object or None
        Name of the batch at which it rang first.
    onset : object or None
        Name of the batch with which the change most likely began. An estimate, no test.
    mean_since : float or None
        The figure over the rows since then.
    rows_since : int or None
        The number of these rows.

    Examples
    --------
    >>> from skweight.monitoring._report import DriftFigure
    >>> figure = DriftFigure(
    ...     "recall", 1, 0.8, 0.6, 0.5, 1.1, 40, 0.003, True, "May", "March", 0.55, 130
    ... )
    >>> figure.alarm, figure.onset
    (True, 'March')
    """

    figure: str
    of: object
    reference: float
    observed: float
    low: float
    high: float
    n_rows: int
    p_value: float
    alarm: bool
    rang_at: object = None
    onset: object = None
    mean_since: float | None = None
    rows_since: int | None = None


@dataclass(frozen=True, repr=False)
class MonitorReport:
    """What is known of a stream; made by :meth:`skweight.WeightMonitor.update`.

    Printing it gives text, a notebook shows a table.

    Attributes
    ----------
    figures : list of DriftFigure
        All figures of which the stream had rows.
    alpha : float
        Chance that a stream in which nothing has changed ever rings.
    batch : object
        Name of the last batch.
    n_batches : int
        Number of batches so far.
    n_rows : int
        Rows of the last batch.
    labelled : bool
        Whether the last batch had labels.
    class_frequencies : dict {label: float}
        Class frequencies of the reference.
    estimated_frequencies : dict or None
        By label: the class frequencies under which the predictions of the last batch
        are most likely, with an interval at 95 %, if each class looks as before. None
        without probabilities.

    Examples
    --------
    >>> from skweight.monitoring import MonitorReport
    >>> report = MonitorReport([], 0.01, "May", 5, 800, False, {0: 0.9, 1: 0.1}, None)
    >>> report.alarm, report.onset, report.advice
    (False, None, ['Nothing rang.'])
    """

    figures: list
    alpha: float
    batch: object
    n_batches: int
    n_rows: int
    labelled: bool
    class_frequencies: dict
    estimated_frequencies: dict | None

    @property
    def alarm(self):
        """Whether any figure rang, at this batch or before."""
        return any(figure.alarm for figure in self.figures)

    @property
    def alarms(self):
        """The figures that rang, the surest first."""
        rang = [figure for figure in self.figures if figure.alarm]
        return sorted(rang, key=lambda figure: figure.p_value)

    @property
    def onset(self):
        """Name of the batch with which the surest change most likely began, or None."""
        return self.alarms[0].onset if self.alarm else None

    @property
    def advice(self):
        """What moved and what to do about it, in sentences."""
        return list(_advice(self))

    def to_frame(self):
        """Return the figures as a table.

        Returns
        -------
        table : pandas.DataFrame
            One row per figure, with the fields of `DriftFigure`.
        """
        import pandas as pd

        table = pd.DataFrame([asdict(figure) for figure in self.figures])
        for name in ("of", "rang_at", "onset"):
            values = [getattr(figure, name) for figure in self.figures]
            table[name] = pd.Series(values, dtype=object)
        return table

    def to_dict(self):
        """Return the report as plain Python values, ready for JSON and for alerting.

        Returns
        -------
        report : dict
            ``alarm``, ``onset``, ``advice``, ``figures`` and the rest. Labels that are
            no strings are keys as text, names of batches that JSON does not know are
            text, and what has no value is None.
        """
        figures = [
            {name: _plain(value) for name, value in asdict(figure).items()}
            for figure in self.figures
        ]
        estimated = self.estimated_frequencies
        return {
            "alarm": self.alarm,
            "onset": _plain(self.onset),
            "advice": self.advice,
            "alpha": self.alpha,
            "batch": _plain(self.batch),
            "n_batches": self.n_batches,
            "n_rows": self.n_rows,
            "labelled": self.labelled,
            "figures": figures,
            "class_frequencies": {str(k): v for k, v in self.class_frequencies.items()},
            "estimated_frequencies": None
            if estimated is None
            else {str(label): dict(mix) for label, mix in estimated.items()},
        }

    def _head(self):
        n = len(self.alarms)
        kind = "with labels" if self.labelled else "without labels"
        what = f"{n} of {len(self.figures)} figures rang" if n else "nothing rang"
        return (
            f"{_batch(self.batch)} ({self.n_rows:,} rows {kind}), {self.n_batches:,} "
            f"so far: {what} (an unchanged stream ever rings with a chance of at most "
            f"{self.alpha:g})"
        )

    def _table(self):
        header = ["", "figure", "reference", "newest", "band", "p, any time", "since"]
        rows = [
            [
                "!" if figure.alarm else "",
                f"{figure.figure} {say(figure.of)}",
                f"{figure.reference:.4f}",
                _number(figure.observed),
                "-"
                if np.isnan(figure.low)
                else f"{figure.low:.4f} to {figure.high:.4f}",
                f"{figure.p_value:.2g}",
                f"{figure.onset}: {_number(figure.mean_since)}" if figure.alarm else "",
            ]
            for figure in self.figures
        ]
        return header, rows

    def __repr__(self):
        header, rows = self._table()
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        table = [
            "  ".join(
                cell.ljust(width) for cell, width in zip(row, widths, strict=True)
            )
            for row in [header, *rows]
        ]
        advice = [f"- {sentence}" for sentence in self.advice]
        return "\n".join([self._head(), "", *map(str.rstrip, table), "", *advice])

    def _repr_html_(self):
        table = Table("", *self._table())
        return as_html(self._head(), [], [table], self.advice)


def _batch(name):
    """Return what to call a batch in a sentence."""
    return name if isinstance(name, str) else f"batch {name}"


def _number(value):
    return "-" if value is None or np.isnan(value) else f"{value:.4f}"


def _plain(value):
    """Return the value as JSON knows it."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value if isinstance(value, str | int | None) else str(value)


# -- what to do ------------------------------------------------------------------------


def _advice(report):
    alarms = report.alarms
    if not alarms:
        yield " ".join(["Nothing rang.", *_what_would_have_rung(report)])
        return
    yield (
        f"The change most likely began with {_batch(report.onset)}: "
        f"{alarms[0].figure} {say(alarms[0].of)} rang at {_batch(alarms[0].rang_at)}."
    )
    by_figure = {}
    for alarm in alarms:
        by_figure.setdefault(alarm.figure, []).append(alarm)
    for figure, sentences in _ADVICE.items():
        if figure in by_figure:
            yield from sentences(report, by_figure[figure], by_figure)


def _what_would_have_rung(report):
    name = "class frequency" if report.labelled else "mean probability"
    for figure in report.figures:
        if figure.figure == name and np.isfinite(figure.low):
            yield (
                f"This batch alone rings if the {name} of {say(figure.of)} is outside "
                f"{max(figure.low, 0):.2%} to {min(figure.high, 1):.2%}; several "
                "batches together ring sooner."
            )
            return


def _on_frequency(report, alarms, all_alarms):
    moved = " and ".join(
        f"class {say(alarm.of)} is {alarm.mean_since:.2%} of the rows, where it was "
        f"{alarm.reference:.2%}"
        for alarm in alarms
    )
    yield f"The classes are mixed otherwise: {moved}."
    if "recall" in all_alarms:
        yield (
            "The recall of a class moved as well, so that it is not the mix alone: the "
            "classes look different. Fit again on recent rows."
        )
    else:
        yield (
            "No recall rang, so that each class seems to look as before: "
            "correct the probabilities by set_prevalence with the new frequencies, or "
            "fit again with them in PriorWeighting."
        )


def _on_prediction(report, alarms, all_alarms):
    moved = " and ".join(
        f"of {say(alarm.of)} is {alarm.mean_since:.2%}, where it was "
        f"{alarm.reference:.2%}"
        for alarm in alarms
    )
    what = "mean probability" if alarms[0].figure == "mean probability" else "share"
    yield f"The predictions moved: the {what} {moved}."
    if report.labelled:
        return
    if report.estimated_frequencies is not None:
        estimates = ", ".join(
            f"{say(label)}: {mix['estimate']:.2%} "
            f"({mix['low']:.2%} to {mix['high']:.2%})"
            for label, mix in report.estimated_frequencies.items()
        )
        yield (
            "If each class looks as before, the class frequencies of the batch are "
            f"about {estimates}; set_prevalence corrects the probabilities for them, "
            "LabelShiftWeighting(X_target) the next fit."
        )
    yield (
        "Without labels a new mix of the classes and rows of a new kind cannot be told "
        "apart. Label some hundred rows of the batch and check them with their labels."
    )


def _on_gap(report, alarms, all_alarms):
    for alarm in alarms:
        word = "too high" if alarm.mean_since > alarm.reference else "too low"
        yield (
            f"Probabilities of {say(alarm.of)} are {word}: mean minus frequency is "
            f"{alarm.mean_since:+.4f}, where it was {alarm.reference:+.4f}. Calibrate "
            "again on recent labelled rows: WeightedClassifier(FrozenEstimator("
            "monitor.estimator_.estimator_), weighting=None, calibration='sigmoid')."
        )


def _on_slope(report, alarms, all_alarms):
    for alarm in alarms:
        if alarm.mean_since < alarm.reference:
            yield (
                f"Probabilities of {say(alarm.of)} are too extreme (slope "
                f"{alarm.mean_since:.2f}, where it was {alarm.reference:.2f}): the "
                "features tell less than they did. Look for features whose meaning "
                "changed, and fit again."
            )
        else:
            yield (
                f"Probabilities of {say(alarm.of)} are too timid (slope "
                f"{alarm.mean_since:.2f}, where it was {alarm.reference:.2f}). "
                "Calibrate again on recent labelled rows."
            )


def _on_recall(report, alarms, all_alarms):
    for alarm in alarms:
        word = "Fewer" if alarm.mean_since < alarm.reference else "More"
        yield (
            f"{word} rows of {say(alarm.of)} are found: recall "
            f"{alarm.mean_since:.2f}, where it was {alarm.reference:.2f} "
            f"({alarm.rows_since:,} rows of the class since)."
        )
    if "calibration slope" in all_alarms:
        yield "The ranking got worse as well: fit again on recent rows."
    else:
        yield (
            "The calibration slope did not ring, so that the ranking may still be "
            "good: tune the decision on recent labelled rows first."
        )


def _on_weights(report, alarms, all_alarms):
    far = max(alarms, key=lambda alarm: alarm.of)
    more = far.mean_since > far.reference
    yield (
        f"{far.mean_since:.1%} of the rows weigh more than the {far.of:.0%} quantile "
        f"of training, where {far.reference:.1%} did: "
        + (
            "the batch has more of the rows that training had few of. Fit the "
            "weighting again with the batch as X_target, and look at weight_report for "
            "rows that nothing in training stands for."
            if more
            else "the batch has less of the rows that the weights were made for. Fit "
            "the weighting again with the batch as X_target."
        )
    )


_ADVICE = {
    "class frequency": _on_frequency,
    "predicted share": _on_prediction,
    "mean probability": _on_prediction,
    "calibration gap": _on_gap,
    "calibration slope": _on_slope,
    "recall": _on_recall,
    "weights above quantile": _on_weights,
}
