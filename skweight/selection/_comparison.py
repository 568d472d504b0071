"""The result of a comparison: tables, differences and their uncertainty."""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from skweight._utils.validation import check_number, say
from skweight.selection._candidates import NOT_CALIBRATED
from skweight.selection._statistics import (
    corrected_standard_error,
    holm,
    t_interval,
    t_p_value,
)
from skweight.selection._words import about, title_of, with_error

# The metrics that `summary` shows by default.
SHOWN = (
    "recall",
    "precision",
    "average_precision",
    "roc_auc",
    "log_loss",
    "brier",
    "calibration_error",
    "mean_over_prevalence",
    "effective_sample_size",
    "fit_time",
)


@dataclass(frozen=True)
class Design:
    """How a comparison was made."""

    n_rows: int
    classes: list
    pos_label: object
    weights: str
    grouped: bool
    n_folds: int
    test_over_train: float
    scorers: list
    estimator: str
    seed: int
    fingerprint: str


@dataclass(frozen=True, repr=False, eq=False)
class WeightingComparison:
    """Result of a comparison; returned by :func:`skweight.compare_weightings`.

    ``print`` shows a table of the main metrics, and notebooks show an HTML table.
    `to_html` writes a page for readers who do not read code. The object contains only
    scores, not rows or models. The object can be pickled.

    Attributes
    ----------
    cells : list
        The scores of each strategy in each fold, or the reason why there are no scores.
    strategies : list
        Name, weighting, calibration and strength of each strategy.
    baseline : str
        Name of the strategy with which all other strategies are compared.
    error_score : float
        Score of a strategy in a fold if the fit of the strategy failed in this fold.
    design : object
        How the comparison was made. The attributes of this object are `n_rows`,
        `classes`, `pos_label`, `weights`, `n_folds`, `test_over_train` and `estimator`.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skweight import compare_weightings
    >>> X, y = make_classification(500, weights=[0.9], random_state=0)
    >>> comparison = compare_weightings(GaussianNB(), X, y, random_state=0)
    >>> comparison.to_frame().query("metric == 'recall'")["strategy"].unique().tolist()
    ['none', 'balanced']
    >>> comparison.complete
    True
    """

    cells: list
    strategies: list
    baseline: str
    error_score: float
    design: object

    # -- tables ------------------------------------------------------------------------

    @property
    def complete(self):
        """Whether every strategy has been fitted in every fold."""
        return len(self.cells) == len(self.strategies) * self.design.n_folds

    def folds(self):
        """Return every score of every fold.

        Returns
        -------
        table : pandas.DataFrame
            One row for each strategy, fold, metric and class. The class is None if a
            metric describes all classes together. If a strategy failed, the value is
            `error_score`.
        """
        rows = [
            (cell.strategy, cell.fold, *key, self._value(cell, key), bool(cell.message))
            for cell in self.cells
            for key in self._figures()
        ]
        columns = ["strategy", "fold", "metric", "class", "value", "failed"]
        return _frame(rows, columns)

    def failures(self):
        """Return the fits that failed, with the reason.

        Returns
        -------
        table : pandas.DataFrame
            One row for each fit that failed, with strategy, fold and error message.
        """
        rows = [
            (cell.strategy, cell.fold, cell.message)
            for cell in self.cells
            if cell.message is not None
        ]
        return pd.DataFrame(rows, columns=["strategy", "fold", "message"])

    def to_frame(self, *, confidence=0.95):
        """Return means over the folds, and differences to the baseline.

        Parameters
        ----------
        confidence : float, default=0.95
            Coverage of the intervals, in (0, 1). A higher coverage makes intervals
            wider.

        Returns
        -------
        table : pandas.DataFrame
            One row for each strategy, metric and class. The columns ``weighting``,
            ``calibration`` and ``strength`` describe the strategy. The columns
            ``mean``, ``std_error``, ``low`` and ``high`` describe the mean over the
            folds. Five further columns describe the difference to the baseline, paired
            by fold: ``difference``, ``difference_std_error``, ``difference_low``,
            ``difference_high`` and ``p_value``. The column ``p_adjusted`` has the
            p-value adjusted for the number of strategies (Holm). The column ``n_folds``
            has the number of folds in the mean. If a metric is not defined in a fold,
            such as the recall of a class without rows, the fold is left out. Standard
            errors are corrected, because the training rows of the folds overlap.
        """
        check_number(confidence, name="confidence", low=0, high=1, include="neither")
        cells = {(cell.strategy, cell.fold): cell for cell in self.cells}
        folds = self._complete_folds()
        rows = []
        for key in self._figures():
            values = {
                strategy.name: np.array(
                    [
                        self._value(cells.get((strategy.name, fold)), key)
                        for fold in folds
                    ]
                )
                for strategy in self.strategies
            }
            rows += self._compared(key, values, confidence)
        return _frame(rows, list(rows[0]))

    def summary(self, metrics=None, *, errors=True):
        """Return one row per strategy and one column per metric.

        Parameters
        ----------
        metrics : list of str, default=None
            Metrics to show, in this order; None shows the default metrics.
        errors : bool, default=True
            True shows text, ``mean ± standard error``. False shows the means as
            numbers.

        Returns
        -------
        table : pandas.DataFrame
            One row per strategy. Columns are named by metric and class.
        """
        table = self.to_frame()
        known = list(dict.fromkeys(table["metric"]))
        chosen = (
            [metric for metric in (*SHOWN, *self.design.scorers) if metric in known]
            if metrics is None
            else list(metrics)
        )
        unknown = [metric for metric in chosen if metric not in known]
        if unknown:
            raise ValueError(
                f"metrics must be names from {say(known)}; got {say(unknown)}."
            )
        columns = {}
        for metric in chosen:
            for row in table[table["metric"] == metric].to_dict("records"):
                figure = row["mean"]
                if errors:
                    figure = with_error(row["mean"], row["std_error"])
                name = title_of(self.design, metric, row["class"])
                columns.setdefault(name, {})[row["strategy"]] = figure
        names = [strategy.name for strategy in self.strategies]
        return pd.DataFrame(columns).reindex(names).rename_axis("strategy")

    def effects(self, *, confidence=0.95):
        """Return the separate effects of weights and of calibration.

        Parameters
        ----------
        confidence : float, default=0.95
            Coverage of the intervals, in (0, 1).

        Returns
        -------
        table : pandas.DataFrame
            One row for each pair of strategies that differ in exactly one part: the
            weights or the calibration. The column ``part`` names this part. The column
            ``strategy`` names the strategy with this part, and ``without`` names the
            strategy without this part. The remaining columns are the differences as in
            `to_frame`. With ``ablation=True``, `compare_weightings` adds strategies for
            such pairs.
        """
        rows = []
        for strategy in self.strategies:
            for other in self.strategies:
                part = _part_between(strategy, other)
                if part is None:
                    continue
                versus = replace(self, baseline=other.name).to_frame(
                    confidence=confidence
                )
                versus = versus[versus["strategy"] == strategy.name]
                versus = versus.assign(without=other.name, part=part)
                rows.append(versus)
        columns = ["strategy", "without", "part", "metric", "class", "difference"]
        columns += [f"difference_{name}" for name in ("std_error", "low", "high")]
        columns += ["p_value"]
        if not rows:
            return pd.DataFrame(columns=columns)
        return pd.concat(rows, ignore_index=True)[columns]

    def _figures(self):
        """Return every (metric, class) of any strategy, in order."""
        return list(dict.fromkeys(key for cell in self.cells for key in cell.figures))

    def _complete_folds(self):
        """Return the folds finished by every strategy; if there are none, all folds.

        After an interruption, only some strategies have finished the last fold. If the
        last fold were used, strategies would be compared on different rows.
        """
        counts = Counter(cell.fold for cell in self.cells)
        done = [fold for fold, n in counts.items() if n == len(self.strategies)]
        return sorted(done or counts)

    def _value(self, cell, key):
        if cell is None:
            return np.nan
        return (
            cell.figures.get(key, np.nan) if cell.message is None else self.error_score
        )

    def _compared(self, key, values, confidence):
        """Return the rows of one metric, one row for each strategy."""
        ratio = self.design.test_over_train
        failed = {cell.strategy for cell in self.cells if cell.message is not None}
        rows = []
        for strategy in self.strategies:
            # If a fit fails in a fold, the mean over all folds is NaN, as in
            # scikit-learn, because the other folds may be easier. If a metric is not
            # defined in a fold, only this fold is left out of the mean.
            lost = strategy.name in failed and np.isnan(self.error_score)
            per_fold = np.full(1, np.nan) if lost else values[strategy.name]
            mean, error, n = corrected_standard_error(per_fold, ratio)
            low, high = t_interval(mean, error, n, confidence)
            row = {
                "strategy": strategy.name,
                "weighting": strategy.weighting,
                "calibration": strategy.calibration,
                "strength": strategy.strength,
                "metric": key[0],
                "class": key[1],
                "mean": mean,
                "std_error": error,
                "low": low,
                "high": high,
            }
            paired = np.full(1, np.nan)
            if strategy.name != self.baseline:
                paired = per_fold - values[self.baseline]
            mean, error, n_paired = corrected_standard_error(paired, ratio)
            low, high = t_interval(mean, error, n_paired, confidence)
            row |= {
                "difference": mean,
                "difference_std_error": error,
                "difference_low": low,
                "difference_high": high,
                "p_value": t_p_value(mean, error, n_paired),
                "p_adjusted": np.nan,
                "n_folds": n,
            }
            rows.append(row)
        for row, p in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
            row["p_adjusted"] = p
        return rows

    # -- words and pictures ------------------------------------------------------------

    def sentences(self):
        """Return the results as sentences.

        Returns
        -------
        sentences : list of str
            One sentence for each strategy, with its scores.
        """
        from skweight.selection._report import sentences

        return sentences(self)

    def plot(self, metrics=None, *, confidence=0.95, figure=None):
        """Draw each metric of each strategy with its interval.

        Parameters
        ----------
        metrics : list of str, default=None
            Metrics to draw, with one panel for each metric; None draws the default
            metrics.
        confidence : float, default=0.95
            Coverage of the intervals, in (0, 1).
        figure : matplotlib Figure, default=None
            Figure to draw on; None creates a figure.

        Returns
        -------
        figure : matplotlib Figure
            One panel per metric, with a line at the score of the baseline. The point of
            a strategy is filled if the difference to the baseline is significant, that
            is, if the interval of the paired difference does not contain zero.
        """
        from skweight.selection._report import draw

        return draw(self, metrics, confidence, figure)

    def to_html(self, path=None, *, title="Which weighting?"):
        """Write a single-file HTML page for readers who do not read code.

        Parameters
        ----------
        path : str or path-like, default=None
            File to write. With None, the page is only returned.
        title : str, default="Which weighting?"
            Heading of the page.

        Returns
        -------
        page : str
            The page as HTML. The picture is included, and no other file is loaded.
        """
        from skweight.selection._report import write_page

        return write_page(self, path, title)

    def __repr__(self):
        table = self.summary().T
        lines = ["Strategies on the same folds", *about(self)]
        with pd.option_context("display.width", 100, "display.max_columns", 20):
            lines += ["", table.to_string()]
        return "\n".join(lines)

    def _repr_html_(self):
        from skweight.selection._report import notebook

        return notebook(self)


def _frame(rows, columns):
    """Make a table from records; labels keep their type, and None stays None."""
    table = pd.DataFrame(rows, columns=columns)
    at = columns.index("class")
    labels = [row["class"] if isinstance(row, dict) else row[at] for row in rows]
    table["class"] = pd.Series(labels, dtype=object, index=table.index)
    return table


def _part_between(strategy, other):
    """Return the part (weights or calibration) that `other` lacks, or None."""
    if strategy.strength is not None or other.strength is not None:
        return None
    same_calibration = strategy.calibration == other.calibration
    same_weighting = strategy.weighting == other.weighting
    if same_calibration and not same_weighting and other.unweighted:
        return "weights"
    lacks = (
        other.calibration == NOT_CALIBRATED and strategy.calibration != NOT_CALIBRATED
    )
    return "calibration" if same_weighting and lacks else None
