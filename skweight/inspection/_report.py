"""`FitReport`: the effect of a fit on the rows."""

from dataclasses import dataclass, field

import numpy as np

from skweight._utils.lookup import text_of
from skweight._utils.render import Table, as_html, as_text, json_ready
from skweight._utils.roles import in_range
from skweight._utils.validation import plain
from skweight.inspection._tails import describe_tails
from skweight.weighting._base import fitted_factors_of

_TITLE = "What the fit did to the rows"


@dataclass(frozen=True, repr=False)
class FitReport:
    """The effect of a fit on the rows.

    The report is the attribute ``report_`` of a fitted
    :class:`~skweight.WeightedClassifier`. ``print`` shows the report as text, notebooks
    show tables, and `to_html` writes a model card.

    Attributes
    ----------
    n_rows : int
        Number of rows passed to the fit.
    n_left_out : int
        Number of rows with a population weight of zero, which are ignored.
    weighting : str
        The weighting strategy, with its role (population or emphasis).
    classes : list
        Labels of the classes.
    rows : list of int
        For each class, the number of rows with a positive population weight.
    population_share : list of float
        Share of each class in the population weights.
    training_share : list of float
        Share of each class in the training weights (population weights times emphasis
        weights, which only training uses).
    class_multiplier : list of float
        Total training weight of each class, divided by the total population weight of
        the class. Calibrators undo the effect of this ratio on the probabilities.
    effective_rows : list of float
        Kish's effective sample size of each class, computed from the training weights.
    effective_sample_size : float
        Kish's effective sample size of all rows.
    largest_share : float
        Share of the largest single weight in the total weight.
    deliveries : list of Delivery
        For each estimator, which weights it got, and how; empty if there are no
        weights.
    calibration : str or None
        The calibrator, and the rows on which it was fitted.
    decision : str
        The rule that chooses a label from the probabilities of a row.
    n_fits : int
        Total number of fits, including the fits that a weighting strategy needs.
    held_out : dict
        The number of held-out rows of the calibrator, their effective sample size, and
        for each class its prevalence and mean calibrated probability. Empty if no
        held-out rows were needed.
    candidates : dict
        With ``calibration="auto"``, the cross-validated "loss" and the "share" in the
        mixture for each candidate calibrator; otherwise empty.
    weightings : list of dict
        With ``weighting="auto"``, the candidates in the order of their strength. Each
        candidate has a "name", a "strength" (None for a sampler) and a "log_loss" on
        held-out rows after calibration, in nats. "above_lowest" is the difference to
        the lowest log loss, and "standard_error" is the paired standard error of this
        difference. "chosen" is True for the chosen candidate. The list is empty for all
        other values of ``weighting``.
    choice : str or None
        The chosen candidate of ``weighting="auto"``, and the reason for the choice, in
        one sentence; otherwise None.
    resampling : str or None
        The sampler that is used inside every fit, and the numbers of rows before and
        after resampling.
    training_rows : list of int
        Number of rows of each class after resampling; empty without a resampler.
    early_stopping : str or None
        The loss and the validation rows that a learner with early stopping monitored.
        None if the learner got no rows from `validation_fraction` or `validation`.
    rounds : list of int
        Number of rounds, trees or epochs that each model uses at prediction; empty if
        the learner has no rounds.
    tails : dict
        For each role (population, emphasis), diagnostics of the largest weights before
        the stabilizer, as ``{role: ParetoDiagnostics}``. If all weights are constant
        per class, the verdict is "not applicable".
    target : dict or None
        Report of a density ratio about the target, such as the share of the target
        without similar training rows; None without a density ratio. The function
        :func:`~skweight.inspection.weight_report` reports more, but needs more fits.
    probabilities : str
        Meaning of the probabilities of the classifier, in one sentence.
    reliability : list of list of dict
        For each class, bins of the held-out rows by the probability of this class. A
        bin has the number of "rows", the mean "probability", the "frequency" of the
        class, and the ends "low" and "high" of the 95 % interval of the frequency.
        Probabilities and frequencies are in [0, 1], with population weights. Empty if
        there are no held-out rows.
    costs : list of str
        Sentences about the cost of each decision; empty if decisions do not use costs.
    conformal : dict
        How prediction sets are computed: the "method", the number of held-out rows that
        calibration does not use, their effective sample size, the "models" that gave
        the scores, and the "largest_coverage". If a higher coverage is asked for, every
        set contains all labels. Empty if there are no prediction sets.
    warnings : list of str
        Texts of the warnings that the fit has given.
    versions : dict
        Versions of the packages in the fit, ``{package: version}``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skweight import WeightedClassifier
    >>> X, y = np.arange(10.0).reshape(-1, 1), [0] * 8 + [1] * 2
    >>> clf = WeightedClassifier(LogisticRegression(), calibration=None)
    >>> report = clf.fit(X, y).report_
    >>> report.training_share
    [0.5, 0.5]
    >>> print(report.probabilities)
    not frequencies of the population: training weights have changed the class
    frequencies (0: 50.0% instead of 80.0%, 1: 50.0% instead of 20.0%). Set
    calibration='auto' to get frequencies of the population
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
    candidates: dict = field(default_factory=dict)
    weightings: list = field(default_factory=list)
    choice: str | None = None
    resampling: str | None = None
    training_rows: list = field(default_factory=list)
    early_stopping: str | None = None
    rounds: list = field(default_factory=list)
    # Not compared, because a NaN is not equal to itself.
    tails: dict = field(default_factory=dict, compare=False)
    target: dict | None = field(default=None, compare=False)
    probabilities: str = ""
    reliability: list = field(default_factory=list)
    costs: list = field(default_factory=list)
    conformal: dict = field(default_factory=dict)
    # A comparison of two reports ignores these attributes (such as versions).
    warnings: list = field(default_factory=list, compare=False)
    versions: dict = field(default_factory=dict, compare=False)

    @property
    def worst_class(self):
        """The class with the fewest effective rows."""
        return self.classes[int(np.argmin(self.effective_rows))]

    def to_dict(self):
        """Return the report as a dict of plain Python values, ready for JSON.

        Returns
        -------
        report : dict
            Names and values of all attributes. Labels are Python values.
        """
        return json_ready(vars(self))

    def to_html(self, path=None, *, title="Model card"):
        """Write a model card for readers who do not program.

        The card explains the probabilities, and how labels follow from probabilities
        and costs. It shows the data, the weights, the calibration curve on held-out
        rows, the warnings of the fit, and the versions of the packages.

        Parameters
        ----------
        path : str or path-like, default=None
            File to write. With None, the page is only returned.
        title : str, default="Model card"
            Heading of the page.

        Returns
        -------
        page : str
            HTML in one file, with light or dark colours as in the reader's system. No
            script, and no other file is loaded. Pictures need no matplotlib.
        """
        from skweight.inspection._card import classifier_card

        return classifier_card(self, describe_rows(self), path, title)

    def to_frame(self):
        """Return the values per class as a table.

        Returns
        -------
        table : pandas.DataFrame
            Table with one row per class.
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
        if self.training_rows:
            columns["training_rows"] = self.training_rows
        for name in ("prevalence", "mean_after"):
            if name in self.held_out:
                columns[f"held_out_{name}"] = self.held_out[name]
        return columns

    def _lines(self):
        """Return the report as pairs (name, sentence)."""
        lines = [("probabilities", self.probabilities)] if self.probabilities else []
        lines += describe_rows(self)
        if self.choice:
            lines.append(("choice", self.choice))
        lines.append(("calibration", self.calibration or "none"))
        lines.append(("decision", self.decision))
        if self.conformal:
            lines.append(("conformal", describe_conformal(self.conformal)))
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

    def _tables(self):
        if not self.weightings:
            return [self._table()]
        header = ["emphasis", "log loss", "above lowest", "standard error", "chosen"]
        shown = [
            [
                row["name"],
                f"{row['log_loss']:.5f}",
                f"{row['above_lowest']:.5f}",
                f"{row['standard_error']:.5f}",
                "yes" if row["chosen"] else "",
            ]
            for row in self.weightings
        ]
        return [self._table(), Table("Candidates on held-out rows", header, shown)]

    def __repr__(self):
        return as_text(_TITLE, self._lines(), self._tables())

    def _repr_html_(self):
        return as_html(_TITLE, self._lines(), self._tables())


@dataclass(frozen=True, repr=False)
class RegressionReport:
    """What the fit of a regressor did: rows, weights, fits and warnings.

    The report is the attribute ``report_`` of a fitted
    :class:`~skweight.WeightedRegressor`. ``print`` shows the report as text, notebooks
    show a table, and `to_html` writes a model card.

    Attributes
    ----------
    n_rows : int
        Number of rows passed to the fit.
    n_left_out : int
        Number of rows with a population weight of zero, which are ignored.
    weighting : str
        The weighting strategy, with its role (population or emphasis).
    effective_sample_size : float
        Kish's effective sample size, computed from the training weights (population
        weights times emphasis weights, which only training uses).
    largest_share : float
        Share of the largest single weight in the total weight.
    deliveries : list of Delivery
        For each estimator, which weights it got, and how; empty if there are no
        weights.
    early_stopping : str or None
        The loss and the rows that a learner with early stopping monitored; None without
        early stopping.
    rounds : list of int
        Number of rounds, trees or epochs that the model uses at prediction; empty if
        the learner has no rounds.
    tails : dict
        For each role, diagnostics of the largest weights: ``{role:
        ParetoDiagnostics}``.
    target : dict or None
        Report of a density ratio about the target rows; None without a density ratio.
    n_fits : int
        Total number of fits of the wrapped estimator.
    conformal : dict
        How intervals are computed: the "method", the number of held-out rows, their
        effective sample size, the "models" that gave the residuals, and the
        "largest_coverage". If a higher coverage is asked for, intervals are infinite.
        Empty if there are no intervals.
    warnings : list of str
        Texts of the warnings that the fit has given.
    versions : dict
        Versions of the packages in the fit, ``{package: version}``.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight import WeightedRegressor
    >>> X, y = np.arange(4.0).reshape(-1, 1), np.arange(4.0)
    >>> WeightedRegressor().fit(X, y, [1, 1, 0, 1]).report_.effective_sample_size
    3.0
    """

    n_rows: int
    n_left_out: int
    weighting: str
    effective_sample_size: float
    largest_share: float
    deliveries: list
    early_stopping: str | None = None
    rounds: list = field(default_factory=list)
    # Not compared, because a NaN is not equal to itself.
    tails: dict = field(default_factory=dict, compare=False)
    target: dict | None = field(default=None, compare=False)
    n_fits: int = 1
    conformal: dict = field(default_factory=dict)
    warnings: list = field(default_factory=list, compare=False)
    versions: dict = field(default_factory=dict, compare=False)

    def to_dict(self):
        """Return the report as a dict of plain Python values, ready for JSON.

        Returns
        -------
        report : dict
            Dict with the name and the value of every attribute of the report.
        """
        return json_ready(vars(self))

    def to_html(self, path=None, *, title="Model card"):
        """Write a page about the fit for readers who do not program.

        Parameters
        ----------
        path : str or path-like, default=None
            File to write. With None, the page is only returned.
        title : str, default="Model card"
            Heading of the page.

        Returns
        -------
        page : str
            HTML in one file. The page loads no other file.
        """
        from skweight.inspection._card import regressor_card

        return regressor_card(self, self._lines(), path, title)

    def _lines(self):
        lines = describe_rows(self)
        if self.conformal:
            lines.append(("conformal", describe_conformal(self.conformal)))
            lines.append(("fits", str(self.n_fits)))
        return lines

    def __repr__(self):
        return as_text(_TITLE, self._lines(), [])

    def _repr_html_(self):
        return as_html(_TITLE, self._lines(), [])


def describe_conformal(figures):
    """Describe in words the basis of sets or intervals."""
    return (
        f"{figures['method']}, on {figures['n_rows']:,} held-out rows "
        f"({figures['effective_rows']:,.1f} effective) against {figures['models']}; "
        f"above a coverage of {figures['largest_coverage']:.2%}, they hold everything"
    )


def describe_rows(report):
    """Return pairs (name, sentence) about the rows of a fit."""
    left_out = f", {report.n_left_out} of them left out, because their weight is 0"
    resampling = getattr(report, "resampling", None)
    counted = sum(getattr(report, "training_rows", []))
    counted = counted or report.n_rows - report.n_left_out
    share = report.effective_sample_size / max(counted, 1)
    lines = [
        ("rows", f"{report.n_rows:,}{left_out if report.n_left_out else ''}"),
        ("weighting", report.weighting),
        *([("resampling", resampling)] if resampling else []),
        (
            "effective rows",
            f"{report.effective_sample_size:,.1f} ({share:.1%} of the rows with a "
            f"positive weight);  the largest weight is {report.largest_share:.2%} of "
            "the total",
        ),
        *describe_tails(report),
    ]
    for delivery in report.deliveries:
        lines.append(
            (
                "delivered",
                f"{delivery.estimator}: {delivery.weights}, as {delivery.way}",
            )
        )
    if not report.deliveries:
        lines.append(("delivered", "no weights"))
    if report.early_stopping is not None:
        rounds = ", ".join(map(str, report.rounds))
        lines.append(("early stopping", f"{report.early_stopping}; rounds: {rounds}"))
    return lines


def row_figures(n_rows, population, weights):
    """Return the values over all rows; see `weight_figures`."""
    if weights is None:
        weights = np.ones(n_rows)
    weights = in_range(weights)
    left_out = 0 if population is None else n_rows - np.count_nonzero(population)
    total = weights.sum()
    return {
        "n_rows": n_rows,
        "n_left_out": int(left_out),
        "effective_sample_size": float(total**2 / (weights @ weights)),
        "largest_share": float(weights.max() / total),
    }


def weight_figures(codes, n_classes, population, weights, trained=None):
    """Return the values of a fit report that are computed from the weights.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Position of the class of every input row.
    n_classes : int
        Number of classes.
    population : ndarray of shape (n_samples,) or None
        Population weights; None means equal weights.
    weights : ndarray of shape (n_trained,) or None
        Training weights: population weights times emphasis weights, which only change
        the learning. None means equal weights.
    trained : ndarray of shape (n_trained,), default=None
        Position of the class of every training row. None means that the training rows
        are the input rows.

    Returns
    -------
    figures : dict
        Arguments of :class:`FitReport`, as a dict.
    """
    counts = np.bincount(codes, minlength=n_classes)
    rows, left_out = counts, 0
    if population is not None:
        counted = population > 0
        rows = np.bincount(codes[counted], minlength=n_classes)
        left_out = int(codes.size - rows.sum())

    same = weights is population
    population, weights = in_range(population, weights)

    def total(vector, of):
        return np.bincount(of, weights=vector, minlength=n_classes).astype(np.float64)

    population_mass = total(population, codes)
    if trained is None and same:
        training_mass = population_mass
    else:
        training_mass = total(weights, codes if trained is None else trained)
    learned = codes if trained is None else trained
    scaled = weights
    if weights is not None:
        # Effective sizes do not depend on the scale of the weights. The weights are
        # divided by a power of two, without rounding, so that their squares do not
        # overflow or become zero.
        scaled = np.ldexp(weights, -np.frexp(weights.max())[1])
    mass = total(scaled, learned)
    squares = total(None if weights is None else scaled * scaled, learned)
    largest = 1.0 if weights is None else float(weights.max())
    multiplier = np.divide(
        training_mass,
        population_mass,
        out=np.ones(n_classes),
        where=population_mass > 0,
    )
    effective = np.divide(mass**2, squares, out=np.zeros(n_classes), where=squares > 0)
    return {
        "n_rows": int(codes.size),
        "n_left_out": left_out,
        "rows": rows.tolist(),
        "population_share": (population_mass / population_mass.sum()).tolist(),
        "training_share": (training_mass / training_mass.sum()).tolist(),
        "class_multiplier": multiplier.tolist(),
        "effective_rows": effective.tolist(),
        "effective_sample_size": float(mass.sum() ** 2 / squares.sum()),
        "largest_share": largest / float(training_mass.sum()),
    }


def labels_of(classes):
    """Return labels as plain Python values."""
    return [plain(label) for label in classes]


def describe_weighting(weighting, own_parameters=()):
    """Return one line: a strategy, its role, and the class weights of the estimator."""
    if own_parameters:
        named = ", ".join(f"{name}={value!r}" for name, value in own_parameters)
        return f"{describe_weighting(weighting)}; the estimator has {named} (emphasis)"
    if weighting is None:
        return "none"
    factors = fitted_factors_of(weighting)
    return " x ".join(f"{text_of(factor)} ({factor.role})" for factor in factors)


def resampling_figures(sampler, classes, rows, trained):
    """Return the values of a report about a resampler.

    Parameters
    ----------
    sampler : sampler
        The sampler that resampled the training rows.
    classes : ndarray of shape (n_classes,)
        Labels of the classes.
    rows : list of int
        Number of rows of each class before resampling.
    trained : ndarray of shape (n_trained,)
        Position of the class of every row after resampling.

    Returns
    -------
    figures : dict
        Arguments of :class:`FitReport`, as a dict.
    """
    after = np.bincount(trained, minlength=classes.size).tolist()
    changed = [
        f"{label!r}: {n_before:,} to {n_after:,}"
        for label, n_before, n_after in zip(
            labels_of(classes), rows, after, strict=True
        )
        if n_before != n_after
    ]
    return {
        "resampling": f"{sampler!r} inside every fit (emphasis); "
        + (f"rows of {', '.join(changed)}" if changed else "as many rows as before"),
        "training_rows": after,
    }


def describe_decision(decision):
    """Describe in one sentence how labels follow from probabilities."""
    if decision is None:
        return "what the wrapped estimator predicts by itself"
    return getattr(decision, "describe", decision.__repr__)()
