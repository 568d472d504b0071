"""The answer to "what did you do to my data?"."""

from dataclasses import asdict, dataclass, field

import numpy as np

from skweight._render import Table, as_html, as_text
from skweight._validation import plain

_TITLE = "What the fit did to the rows"


@dataclass(frozen=True, repr=False)
class FitReport:
    """What a fit did to the rows, in words and figures.

    Made by :class:`~skweight.WeightedClassifier` as ``report_``. Printing it gives
    text, a notebook shows a table.

    Attributes
    ----------
    n_rows : int
        Rows that the fit was given.
    n_left_out : int
        Rows of population weight zero, which count nowhere.
    weighting : str
        The strategy, with its role.
    classes : list
        Labels.
    rows : list of int
        Rows of each class that count.
    population_share : list of float
        Share of each class in the population: the mass of its population weights.
    training_share : list of float
        Share of each class in what the learner saw: the mass of population x emphasis.
    class_multiplier : list of float
        Ratio of the two masses, by which a calibration inverts the emphasis.
    effective_rows : list of float
        Kish's effective sample size of each class, from population x emphasis.
    effective_sample_size : float
        The same over all rows.
    largest_share : float
        Share of the largest single weight in the total.
    deliveries : list of Delivery
        What got which weights, and how; empty without weights.
    calibration : str or None
        The calibrator, and what it saw.
    decision : str
        How labels follow from probabilities.
    n_fits : int
        Fits of the wrapped estimator in all.
    held_out : dict
        From the held-out rows that a calibrator saw: their number, their effective
        number, and per class the prevalence and the mean calibrated probability.
        Empty where none were needed.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skweight import WeightedClassifier
    >>> X, y = np.arange(10.0).reshape(-1, 1), [0] * 8 + [1] * 2
    >>> report = WeightedClassifier(LogisticRegression()).fit(X, y).report_
    >>> report.training_share
    [0.5, 0.5]
    """

    n_rows: int
    n_left_out: int
    weighting: str
    classes: list
    rows: list
    population_share: list
    training_share: list
    class_multiplier: list
    effective_rows: list
    effective_sample_size: float
    largest_share: float
    deliveries: list
    calibration: str | None
    decision: str
    n_fits: int
    held_out: dict = field(default_factory=dict)

    def to_dict(self):
        """Return the report as plain Python values, ready for JSON.

        Returns
        -------
        report : dict
            Every attribute under its name; labels are Python values.
        """
        values = asdict(self)
        values["deliveries"] = [one._asdict() for one in self.deliveries]
        return values

    def to_frame(self):
        """Return the figures per class as a table.

        Returns
        -------
        table : pandas.DataFrame
            One row per class.
        """
        import pandas as pd

        return pd.DataFrame(self._columns(), index=pd.Index(self.classes, name="class"))

    def _columns(self):
        columns = {
            "rows": self.rows,
            "population_share": self.population_share,
            "training_share": self.training_share,
            "class_multiplier": self.class_multiplier,
            "effective_rows": self.effective_rows,
        }
        for name in ("prevalence", "mean_after"):
            if name in self.held_out:
                columns[f"held_out_{name}"] = self.held_out[name]
        return columns

    def _lines(self):
        """Return the report as pairs of a name and a sentence."""
        left_out = f", {self.n_left_out} of them left out (weight 0)"
        share = self.effective_sample_size / max(self.n_rows - self.n_left_out, 1)
        lines = [
            ("rows", f"{self.n_rows:,}{left_out if self.n_left_out else ''}"),
            ("weighting", self.weighting),
            (
                "effective rows",
                f"{self.effective_sample_size:,.1f} ({share:.1%} of those that count); "
                f"the largest weight is {self.largest_share:.2%} of the total",
            ),
        ]
        for one in self.deliveries:
            lines.append(("delivered", f"{one.estimator}: {one.weights}, as {one.way}"))
        if not self.deliveries:
            lines.append(("delivered", "no weights"))
        lines.append(("calibration", self.calibration or "none"))
        lines.append(("decision", self.decision))
        lines.append(("fits", str(self.n_fits)))
        return lines

    def _table(self):
        """Return the table per class."""
        header = ["class", "rows", "population", "training", "multiplier", "effective"]
        shown = [
            [
                repr(label),
                f"{rows:,}",
                f"{population:.2%}",
                f"{training:.2%}",
                f"{multiplier:.3g}",
                f"{effective:,.1f}",
            ]
            for label, rows, population, training, multiplier, effective in zip(
                self.classes,
                self.rows,
                self.population_share,
                self.training_share,
                self.class_multiplier,
                self.effective_rows,
                strict=True,
            )
        ]
        if "mean_after" in self.held_out:
            header += ["prevalence", "mean probability"]
            for position, row in enumerate(shown):
                row += [
                    f"{self.held_out[name][position]:.2%}"
                    for name in ("prevalence", "mean_after")
                ]
        return Table("", header, shown)

    def __repr__(self):
        return as_text(_TITLE, self._lines(), [self._table()])

    def _repr_html_(self):
        return as_html(_TITLE, self._lines(), [self._table()])


def weight_figures(codes, n_classes, population, weights):
    """Return the figures of a report that come from the weights alone.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Position of the class of every row.
    n_classes : int
        Number of classes.
    population, weights : ndarray of shape (n_samples,) or None
        Population weights, and population x emphasis; None stands for ones.

    Returns
    -------
    figures : dict
        Arguments of :class:`FitReport`.
    """
    counts = np.bincount(codes, minlength=n_classes)
    rows, left_out = counts, 0
    if population is not None:
        counted = population > 0
        rows = np.bincount(codes[counted], minlength=n_classes)
        left_out = int(codes.size - rows.sum())

    def total(vector):
        if vector is None:
            return counts.astype(np.float64)
        return np.bincount(codes, weights=vector, minlength=n_classes)

    population_mass = total(population)
    training_mass = population_mass if weights is population else total(weights)
    squares = counts.astype(float) if weights is None else total(weights * weights)
    largest = 1.0 if weights is None else float(weights.max())
    multiplier = np.divide(
        training_mass,
        population_mass,
        out=np.ones(n_classes),
        where=population_mass > 0,
    )
    effective = np.divide(
        training_mass**2, squares, out=np.zeros(n_classes), where=squares > 0
    )
    return {
        "n_rows": int(codes.size),
        "n_left_out": left_out,
        "rows": rows.tolist(),
        "population_share": (population_mass / population_mass.sum()).tolist(),
        "training_share": (training_mass / training_mass.sum()).tolist(),
        "class_multiplier": multiplier.tolist(),
        "effective_rows": effective.tolist(),
        "effective_sample_size": float(training_mass.sum() ** 2 / squares.sum()),
        "largest_share": largest / float(training_mass.sum()),
    }


def labels_of(classes):
    """Return labels as plain Python values."""
    return [plain(label) for label in classes]


def describe_weighting(weighting):
    """Return a strategy and its role in one line."""
    if weighting is None:
        return "none"
    factors = getattr(weighting, "factors_", [weighting])
    return " x ".join(f"{factor!r} ({factor.role})" for factor in factors)


def describe_decision(decision):
    """Return in one sentence how labels follow from probabilities."""
    if decision is None:
        return "what the wrapped estimator predicts by itself"
    return getattr(decision, "describe", decision.__repr__)()
