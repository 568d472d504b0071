"""The report of a monitor: figures, alarms and advice."""

from dataclasses import asdict, dataclass

import numpy as np

from skweight._utils.render import Table, as_html
from skweight._utils.validation import say


@dataclass(frozen=True)
class DriftFigure:
    """A monitored statistic ("figure"), with the newest value, a band and an alarm.

    Attributes
    ----------
    figure : str
        Name of the figure (monitored statistic).
    of : object
        The class or the quantile of the figure, for example the class of a recall.
    reference, observed : float
        Value of the figure in the reference (held-out rows of the fit), and value in
        the newest rows. The newest rows are the last batch, together with earlier
        batches that were too small for a test. NaN if the batch had no rows for this
        figure.
    low, high : float
        Band of values. A value inside the band raises no alarm from the newest rows
        alone. Several batches together can raise an alarm even if each value is inside
        the band. NaN if the newest rows are too few for a test.
    n_rows : int
        Number of newest rows used to compute the figure.
    p_value : float
        Upper bound for the probability that an unchanged stream ever shows a deviation
        as large as the deviation here, in any statistic, batch or window (several
        batches together). This p-value is valid after any number of batches, and never
        increases. If the p-value is at most alpha, there is an alarm.
    alarm : bool
        Whether the figure raised an alarm, at the last batch or before.
    alarm_at : object or None
        Name of the batch at which the figure raised its first alarm.
    onset : object or None
        Name of the batch with which the change most likely began (an estimate).
    mean_since : float or None
        Value of the figure over all rows since the batch `onset`.
    rows_since : int or None
        Number of rows since the batch `onset`.

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
    alarm_at: object = None
    onset: object = None
    mean_since: float | None = None
    rows_since: int | None = None


@dataclass(frozen=True, repr=False)
class MonitorReport:
    """The state of a stream of batches, from :meth:`skweight.WeightMonitor.update`.

    Prints as text; notebooks show a table.

    Attributes
    ----------
    figures : list of DriftFigure
        All monitored statistics that could be computed from the rows of the stream.
    alpha : float
        Probability that a stream without changes ever raises an alarm.
    batch : object
        Name of the last batch.
    n_batches : int
        Number of batches in the stream so far.
    n_rows : int
        Number of rows of the last batch.
    labelled : bool
        Whether the last batch had labels.
    class_frequencies : dict {label: float}
        Class frequencies of the reference (held-out rows of the fit).
    estimated_frequencies : dict or None
        For each label, the maximum likelihood estimate of the class frequency in the
        last batch, with a 95 % interval. The estimate assumes label shift: within each
        class, the rows have the same distribution as before. None if the model has no
        probabilities.

    Examples
    --------
    >>> from skweight.monitoring import MonitorReport
    >>> report = MonitorReport([], 0.01, "May", 5, 800, False, {0: 0.9, 1: 0.1}, None)
    >>> report.alarm, report.onset, report.advice
    (False, None, ['No alarm.'])
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
        """Whether any statistic raised an alarm, at the last batch or before."""
        return any(figure.alarm for figure in self.figures)

    @property
    def alarms(self):
        """The figures with an alarm, the smallest p-value first."""
        alarms = [figure for figure in self.figures if figure.alarm]
        return sorted(alarms, key=lambda figure: figure.p_value)

    @property
    def onset(self):
        """Name of the batch with which the most significant change began, or None."""
        return self.alarms[0].onset if self.alarm else None

    @property
    def advice(self):
        """Sentences about the changes and what to do."""
        return list(_advice(self))

    def to_frame(self):
        """Return the figures as a table.

        Returns
        -------
        table : pandas.DataFrame
            One row per monitored statistic, with the fields of `DriftFigure`.
        """
        import pandas as pd

        table = pd.DataFrame([asdict(figure) for figure in self.figures])
        for name in ("of", "alarm_at", "onset"):
            values = [getattr(figure, name) for figure in self.figures]
            table[name] = pd.Series(values, dtype=object)
        return table

    def to_dict(self):
        """Return the report as plain Python values, for JSON.

        Returns
        -------
        report : dict
            A dict with ``alarm``, ``onset``, ``advice``, ``figures`` and all other
            attributes of the report. Labels that are keys become strings. Batch names
            that are not JSON values also become strings. NaN becomes None.
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
        outcome = "no alarm"
        if n:
            outcome = f"alarms in {n} of {len(self.figures)} figures"
        return (
            f"{_batch(self.batch)} ({self.n_rows:,} rows {kind}), {self.n_batches:,} "
            f"so far: {outcome} (the probability of a false alarm in the whole "
            f"stream is at most {self.alpha:g})"
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
    """Return the name of a batch for a sentence."""
    return name if isinstance(name, str) else f"batch {name}"


def _number(value):
    return "-" if value is None or np.isnan(value) else f"{value:.4f}"


def _plain(value):
    """Return the value as a JSON value."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value if isinstance(value, str | int | None) else str(value)


# -- what to do ------------------------------------------------------------------------


def _advice(report):
    alarms = report.alarms
    if not alarms:
        yield " ".join(["No alarm.", *_band_of_this_batch(report)])
        return
    yield (
        f"The change most likely began with {_batch(report.onset)}: "
        f"the alarm of {alarms[0].figure} {say(alarms[0].of)} came at "
        f"{_batch(alarms[0].alarm_at)}."
    )
    by_figure = {}
    for alarm in alarms:
        by_figure.setdefault(alarm.figure, []).append(alarm)
    for figure, sentences in _ADVICE.items():
        if figure in by_figure:
            yield from sentences(report, by_figure[figure], by_figure)


def _band_of_this_batch(report):
    name = "class frequency" if report.labelled else "mean probability"
    for figure in report.figures:
        if figure.figure == name and np.isfinite(figure.low):
            yield (
                f"This batch alone raises an alarm if the {name} of {say(figure.of)} "
                f"is outside {max(figure.low, 0):.2%} to {min(figure.high, 1):.2%}; "
                "several batches together may do so for a smaller change."
            )
            return


def _on_frequency(report, alarms, all_alarms):
    moved = " and ".join(
        f"class {say(alarm.of)} has a share of {alarm.mean_since:.2%} of the rows; "
        f"in the reference, {alarm.reference:.2%}"
        for alarm in alarms
    )
    yield f"The class frequencies changed: {moved}."
    if "recall" in all_alarms:
        yield (
            "The recall of a class changed as well, so the rows within the classes "
            "have changed, not only the class frequencies. Fit again on recent rows."
        )
    else:
        yield (
            "There is no alarm for recall, so the rows within each class seem "
            "unchanged. Correct the probabilities with set_prevalence and the new "
            "frequencies, or fit again with PriorWeighting and these frequencies."
        )


def _on_prediction(report, alarms, all_alarms):
    moved = " and ".join(
        f"of {say(alarm.of)} is {alarm.mean_since:.2%}; in the reference, "
        f"{alarm.reference:.2%}"
        for alarm in alarms
    )
    name = "mean probability" if alarms[0].figure == "mean probability" else "share"
    yield f"The predictions changed: the {name} {moved}."
    if report.labelled:
        return
    if report.estimated_frequencies is not None:
        estimates = ", ".join(
            f"{say(label)}: {mix['estimate']:.2%} "
            f"({mix['low']:.2%} to {mix['high']:.2%})"
            for label, mix in report.estimated_frequencies.items()
        )
        yield (
            "If the rows within each class have not changed, the class frequencies "
            f"of the batch are about {estimates}. set_prevalence corrects the "
            "probabilities for these frequencies; LabelShiftWeighting(X_target) "
            "does this for the next fit."
        )
    yield (
        "Without labels, two causes cannot be distinguished: other class "
        "frequencies, or other rows within the classes. Label some hundred rows of "
        "the batch, and call update with their labels."
    )


def _on_gap(report, alarms, all_alarms):
    for alarm in alarms:
        word = "too high" if alarm.mean_since > alarm.reference else "too low"
        yield (
            f"Probabilities of {say(alarm.of)} are {word}: the mean probability "
            f"minus the frequency is {alarm.mean_since:+.4f}; in the reference, it "
            f"was {alarm.reference:+.4f}. Calibrate again on recent labelled rows: "
            "WeightedClassifier(FrozenEstimator(monitor.estimator_.estimator_), "
            "weighting=None, calibration='sigmoid')."
        )


def _on_slope(report, alarms, all_alarms):
    for alarm in alarms:
        if alarm.mean_since < alarm.reference:
            yield (
                f"Probabilities of {say(alarm.of)} are too extreme (the slope is "
                f"{alarm.mean_since:.2f}; in the reference, it was "
                f"{alarm.reference:.2f}). The features have less information than "
                "before. Look for features whose meaning changed, and fit again."
            )
        else:
            yield (
                f"Probabilities of {say(alarm.of)} are not extreme enough (the slope "
                f"is {alarm.mean_since:.2f}; in the reference, it was "
                f"{alarm.reference:.2f}). Calibrate again on recent labelled rows."
            )


def _on_recall(report, alarms, all_alarms):
    for alarm in alarms:
        word = "Fewer" if alarm.mean_since < alarm.reference else "More"
        yield (
            f"{word} rows of {say(alarm.of)} get the right label: the recall is "
            f"{alarm.mean_since:.2f}; in the reference, it was {alarm.reference:.2f} "
            f"({alarm.rows_since:,} rows of the class since the change)."
        )
    if "calibration slope" in all_alarms:
        yield "The ranking got worse as well: fit again on recent rows."
    else:
        yield (
            "There is no alarm for the calibration slope, so the ranking may still "
            "be good. First tune the decision on recent labelled rows."
        )


def _on_weights(report, alarms, all_alarms):
    far = max(alarms, key=lambda alarm: alarm.of)
    more = far.mean_since > far.reference
    yield (
        f"{far.mean_since:.1%} of the rows have a weight above the {far.of:.0%} "
        "quantile of the reference; in the reference, the share was "
        f"{far.reference:.1%}: "
        + (
            "the batch has more rows that were rare in training. Fit the weighting "
            "again with the batch as X_target, and check weight_report for target rows "
            "without similar training rows."
            if more
            else (
                "the batch has fewer rows with a large weight. Fit the weighting "
                "again with the batch as X_target."
            )
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
