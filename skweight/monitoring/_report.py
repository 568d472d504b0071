"""What a check of a batch found: which figures moved, how sure, what to do."""

from dataclasses import asdict, dataclass
from html import escape

import numpy as np

from skweight._utils.validation import say


@dataclass(frozen=True)
class DriftFigure:
    """One figure of a batch and the band that it should be in.

    Attributes
    ----------
    figure : str
        What is compared.
    of : object
        The class or the quantile that it is of.
    reference, observed : float
        The figure in the reference and in the batch.
    low, high : float
        The band in which the batch should be if nothing has changed.
    p_value : float
        Chance of a figure as far off, or further, if nothing has changed.
    p_adjusted : float
        The same for all figures of the check together (Bonferroni).
    n_rows : int
        Rows of the batch that the figure is of.
    alarm : bool
        Whether the figure left its band.

    Examples
    --------
    >>> from skweight.monitoring import DriftFigure
    >>> DriftFigure("recall", 1, 0.8, 0.5, 0.7, 0.9, 1e-5, 1e-4, 90, True).alarm
    True
    """

    figure: str
    of: object
    reference: float
    observed: float
    low: float
    high: float
    p_value: float
    p_adjusted: float
    n_rows: int
    alarm: bool


@dataclass(frozen=True, repr=False)
class MonitorReport:
    """What a check of a batch found; made by :meth:`skweight.WeightMonitor.check`.

    Printing it gives text, a notebook shows a table.

    Attributes
    ----------
    figures : list of DriftFigure
        All figures that could be compared.
    alpha : float
        Chance that a batch in which nothing has changed has any alarm.
    n_rows : int
        Rows of the batch.
    labelled : bool
        Whether the batch had labels.
    class_frequencies : dict {label: float}
        Class frequencies of the reference.
    estimated_frequencies : dict or None
        By label: the class frequencies under which the predictions of the batch are
        most likely, with an interval at 95 %, if each class looks as before. None
        without probabilities.

    Examples
    --------
    >>> from skweight.monitoring import MonitorReport
    >>> report = MonitorReport([], 0.01, 5, False, {0: 0.9, 1: 0.1}, None)
    >>> report.alarm, report.advice
    (False, ['Nothing left its band.'])
    """

    figures: list
    alpha: float
    n_rows: int
    labelled: bool
    class_frequencies: dict
    estimated_frequencies: dict | None

    @property
    def alarm(self):
        """Whether any figure left its band."""
        return any(one.alarm for one in self.figures)

    @property
    def alarms(self):
        """The figures that left their bands, the surest first."""
        found = [one for one in self.figures if one.alarm]
        return sorted(found, key=lambda one: one.p_value)

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

        table = pd.DataFrame([asdict(one) for one in self.figures])
        table["of"] = pd.Series([one.of for one in self.figures], dtype=object)
        return table

    def to_dict(self):
        """Return the report as plain Python values, ready for JSON and for alerting.

        Returns
        -------
        report : dict
            ``alarm``, ``advice``, ``figures`` and the rest. Labels that are no strings
            are keys as text, and what has no value is None.
        """
        figures = [
            {name: _plain(value) for name, value in asdict(one).items()}
            for one in self.figures
        ]
        estimated = self.estimated_frequencies
        return {
            "alarm": self.alarm,
            "advice": self.advice,
            "alpha": self.alpha,
            "n_rows": self.n_rows,
            "labelled": self.labelled,
            "figures": figures,
            "class_frequencies": {str(k): v for k, v in self.class_frequencies.items()},
            "estimated_frequencies": None
            if estimated is None
            else {str(label): dict(told) for label, told in estimated.items()},
        }

    def _head(self):
        n = len(self.alarms)
        kind = "with labels" if self.labelled else "without labels"
        what = "nothing left its band" if not n else f"{n} of {len(self.figures)} moved"
        return (
            f"{self.n_rows:,} rows {kind}: {what} (a quiet batch rings with a chance "
            f"of {self.alpha:g})"
        )

    def _table(self):
        header = ["", "figure", "reference", "batch", "band", "p, adjusted"]
        rows = [
            [
                "!" if one.alarm else "",
                f"{one.figure} {say(one.of)}",
                f"{one.reference:.4f}",
                f"{one.observed:.4f}",
                f"{one.low:.4f} to {one.high:.4f}",
                f"{one.p_adjusted:.2g}",
            ]
            for one in self.figures
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
        advice = [f"- {one}" for one in self.advice]
        return "\n".join([self._head(), "", *map(str.rstrip, table), "", *advice])

    def _repr_html_(self):
        header, rows = self._table()
        head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
            for row in rows
        )
        items = "".join(f"<li>{escape(one)}</li>" for one in self.advice)
        return (
            f"<div><strong>{escape(self._head())}</strong><table><thead><tr>{head}</tr>"
            f"</thead><tbody>{body}</tbody></table><ul>{items}</ul></div>"
        )


def _plain(value):
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


# -- what to do ------------------------------------------------------------------------


def _advice(report):
    alarms = report.alarms
    if not alarms:
        yield " ".join(["Nothing left its band.", *_what_would_have_been_seen(report)])
        return
    by_figure = {}
    for one in alarms:
        by_figure.setdefault(one.figure, []).append(one)
    for figure, sentences in _ADVICE.items():
        if figure in by_figure:
            yield from sentences(report, by_figure[figure], by_figure)


def _what_would_have_been_seen(report):
    name = "class frequency" if report.labelled else "mean probability"
    for one in report.figures:
        if one.figure == name and np.isfinite(one.low):
            yield (
                f"In a batch of this size the {name} of {say(one.of)} would have rung "
                f"outside {max(one.low, 0):.2%} to {one.high:.2%}."
            )
            return


def _on_frequency(report, alarms, all_alarms):
    moved = " and ".join(
        f"class {say(one.of)} is {one.observed:.2%} of the rows, where it was "
        f"{one.reference:.2%}"
        for one in alarms
    )
    yield f"The classes are mixed otherwise: {moved}."
    if "recall" in all_alarms:
        yield (
            "The recall of a class moved as well, so that it is not the mix alone: the "
            "classes look different. Fit again on recent rows."
        )
    else:
        yield (
            "No recall left its band, so that each class seems to look as before: "
            "correct the probabilities by set_prevalence with the new frequencies, or "
            "fit again with them in PriorWeighting."
        )


def _on_prediction(report, alarms, all_alarms):
    told = " and ".join(
        f"of {say(one.of)} is {one.observed:.2%}, where it was {one.reference:.2%}"
        for one in alarms
    )
    what = "mean probability" if alarms[0].figure == "mean probability" else "share"
    yield f"The predictions moved: the {what} {told}."
    if report.labelled:
        return
    if report.estimated_frequencies is not None:
        estimates = ", ".join(
            f"{say(label)}: {one['estimate']:.2%} "
            f"({one['low']:.2%} to {one['high']:.2%})"
            for label, one in report.estimated_frequencies.items()
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
    for one in alarms:
        word = "too high" if one.observed > one.reference else "too low"
        yield (
            f"Probabilities of {say(one.of)} are {word}: mean minus frequency is "
            f"{one.observed:+.4f}, where it was {one.reference:+.4f}. Calibrate again "
            "on recent labelled rows: WeightedClassifier(FrozenEstimator("
            "monitor.estimator_.estimator_), weighting=None, calibration='sigmoid')."
        )


def _on_slope(report, alarms, all_alarms):
    for one in alarms:
        if one.observed < one.reference:
            yield (
                f"Probabilities of {say(one.of)} are too extreme (slope "
                f"{one.observed:.2f}, where it was {one.reference:.2f}): the features "
                "tell less than they did. Look for features whose meaning changed, and "
                "fit again."
            )
        else:
            yield (
                f"Probabilities of {say(one.of)} are too timid (slope "
                f"{one.observed:.2f}, where it was {one.reference:.2f}). Calibrate "
                "again on recent labelled rows."
            )


def _on_recall(report, alarms, all_alarms):
    for one in alarms:
        word = "Fewer" if one.observed < one.reference else "More"
        yield (
            f"{word} rows of {say(one.of)} are found: recall {one.observed:.2f}, where "
            f"it was {one.reference:.2f} ({one.n_rows:,} rows of the class in the "
            "batch)."
        )
    if "calibration slope" in all_alarms:
        yield "The ranking got worse as well: fit again on recent rows."
    else:
        yield (
            "The calibration slope is in its band, so that the ranking may still be "
            "good: tune the decision on recent labelled rows first."
        )


def _on_weights(report, alarms, all_alarms):
    far = max(alarms, key=lambda one: one.of)
    more = far.observed > far.reference
    yield (
        f"{far.observed:.1%} of the rows weigh more than the {far.of:.0%} quantile of "
        f"training, where {far.reference:.1%} did: "
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
