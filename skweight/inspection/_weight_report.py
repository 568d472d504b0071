"""`weight_report`: check whether weights can be trusted, and advise what to do."""

from dataclasses import dataclass

import numpy as np

from skweight._utils.pareto import ParetoDiagnostics
from skweight._utils.render import Table, as_html, as_text, json_ready
from skweight._utils.roles import in_range
from skweight._utils.validation import (
    check_number,
    check_weights,
    encode_groups,
    n_rows,
)
from skweight._utils.warn import warn
from skweight.density_ratio._tables import check_pair
from skweight.exceptions import DegenerateWeightsWarning, OverlapWarning
from skweight.inspection._balance import Balance, balance_table
from skweight.inspection._overlap import measure_overlap
from skweight.weights import design_effect, effective_sample_size, pareto_diagnostics

_TITLE = "What the weights are worth"
# The report names a problem if a value is above or below these limits. Weights that are
# equal within each class are never reported as a problem.
_SMALL_SHARE = 0.1
_LARGE_ROW = 0.1
_MISSING = 0.05
_LARGE_DIFFERENCE = 0.1


@dataclass(frozen=True)
class PartOfWeights:
    """Values about the weights in one class or group.

    Attributes
    ----------
    label : object
        Label of the class, or value of the group.
    rows : int
        Number of rows of the class or group with a positive weight.
    weight_share : float
        Share of the class or group in the total weight of all rows.
    effective_rows : float
        Kish's effective sample size of the rows.
    largest_share : float
        Largest weight divided by the total of the class or group; NaN if the total is
        zero.

    Examples
    --------
    >>> from skweight.inspection import weight_report
    >>> weight_report([1, 1, 3], y=["a", "a", "b"]).classes[1].weight_share
    0.6
    """

    label: object
    rows: int
    weight_share: float
    effective_rows: float
    largest_share: float


@dataclass(frozen=True, repr=False)
class WeightReport:
    """Diagnostics of weights; returned by `weight_report`.

    The report prints as text; notebooks show tables.

    Attributes
    ----------
    n_rows : int
        Number of rows that were passed.
    n_left_out : int
        Number of rows with weight zero.
    effective_sample_size : float
        Kish's effective sample size of the rows.
    effective_share : float
        Effective sample size divided by the number of rows of non-zero weight.
    design_effect : float
        Factor by which the weights increase the variance of a mean.
    largest_share : float
        Share of the largest weight in the total weight.
    tail : ParetoDiagnostics
        Diagnostics of the largest weights: the shape k-hat of their tail, and a
        verdict. For weights per class, the verdict is "not applicable".
    classes, groups : list of PartOfWeights
        Diagnostics of every class and of every group; empty without `y` or `groups`.
    missing_target_mass : float or None
        Share of the target without similar training rows. Without a target, this share
        and all attributes below are None.
    missing_target_mass_interval : tuple of float or None
        Bootstrap confidence interval of `missing_target_mass`.
    orphans : ndarray of int or None
        Positions (in `X_target`) of the target rows without similar training rows. The
        most extreme rows come first. Collect training rows that are similar to these
        target rows.
    auc_before, auc_after : float or None
        AUC of a classifier between target and training rows, before and after
        weighting. 0.5 is best.
    balance : Balance or None
        Standardised differences of the feature means to the target.
    never_seen : list of str or None
        Values of categorical columns that occur in the target only.
    concerns : list of str
        A sentence for each problem, with the measured value and a remedy. The sentences
        are also warnings.

    Examples
    --------
    >>> from skweight.inspection import weight_report
    >>> report = weight_report([1] * 900 + [9] * 100, y=[0] * 900 + [1] * 100)
    >>> report.tail.verdict, report.worst_class.effective_rows, report.concerns
    ('not applicable', 100.0, [])
    """

    n_rows: int
    n_left_out: int
    effective_sample_size: float
    effective_share: float
    design_effect: float
    largest_share: float
    tail: ParetoDiagnostics
    classes: list
    groups: list
    missing_target_mass: float | None
    missing_target_mass_interval: tuple | None
    orphans: np.ndarray | None
    auc_before: float | None
    auc_after: float | None
    balance: Balance | None
    never_seen: list | None
    concerns: list

    @property
    def worst_class(self):
        """Return the class with the smallest effective sample size, or None."""
        return min(self.classes, key=lambda part: part.effective_rows, default=None)

    @property
    def worst_group(self):
        """Return the group with the smallest effective sample size, or None."""
        return min(self.groups, key=lambda part: part.effective_rows, default=None)

    def to_dict(self):
        """Return the report as a dict of plain Python values, ready for JSON.

        Returns
        -------
        report : dict
            A dict with the name and the value of every attribute. Values that are not
            defined are None.
        """
        values = vars(self).copy()
        for name in ("classes", "groups"):
            values[name] = [vars(part) for part in values[name]]
        return json_ready(values)

    def to_frame(self):
        """Return one table with the diagnostics of all rows, each class and each group.

        Returns
        -------
        table : pandas.DataFrame
            One row for all data, one row for each class and one row for each group. The
            table of the features is ``balance.to_frame()``.
        """
        import pandas as pd

        everything = PartOfWeights(
            "all",
            self.n_rows - self.n_left_out,
            1.0,
            self.effective_sample_size,
            self.largest_share,
        )
        parts = {
            "all": [everything],
            "class": self.classes,
            "group": self.groups,
        }
        table = pd.DataFrame(
            [
                vars(part_of_weights)
                for part in parts.values()
                for part_of_weights in part
            ],
            index=pd.Index(
                [name for name, part in parts.items() for _ in part], name="part"
            ),
        )
        return table.set_index("label", append=True)

    def _lines(self):
        left_out = f", {self.n_left_out:,} of them left out, because their weight is 0"
        lines = [
            ("rows", f"{self.n_rows:,}{left_out if self.n_left_out else ''}"),
            (
                "effective rows",
                f"{self.effective_sample_size:,.1f} ({self.effective_share:.1%} of "
                "the rows with a positive weight); design effect "
                f"{self.design_effect:.3g}",
            ),
            ("largest weight", f"{self.largest_share:.2%} of the total"),
            ("tail", f"{self.tail.verdict}: {self.tail.reason}"),
        ]
        for name, worst in (("class", self.worst_class), ("group", self.worst_group)):
            if worst is not None:
                lines.append(
                    (
                        f"worst {name}",
                        f"{worst.label!r}: {worst.effective_rows:,.1f} effective of "
                        f"{worst.rows:,} rows",
                    )
                )
        if self.balance is not None:
            low, high = self.missing_target_mass_interval
            n_before, n_after = (
                np.count_nonzero(np.abs(difference) > _LARGE_DIFFERENCE)
                for difference in (
                    self.balance.difference_before,
                    self.balance.difference_after,
                )
            )
            lines += [
                (
                    "missing target",
                    f"{self.missing_target_mass:.1%} ({low:.1%} to {high:.1%}): "
                    f"{self.orphans.size:,} rows of the target without training rows "
                    "around them",
                ),
                (
                    "told apart",
                    f"AUC {self.auc_before:.3f} before and {self.auc_after:.3f} "
                    "after weighting; 0.5 is best",
                ),
                (
                    "features",
                    f"{n_after:,} of {len(self.balance.names):,} differ by more than "
                    f"{_LARGE_DIFFERENCE} standard deviations; before weighting, "
                    f"{n_before:,}",
                ),
            ]
            if self.never_seen:
                shown = ", ".join(self.never_seen[:8])
                more = len(self.never_seen) - 8
                shown += f" and {more} more" if more > 0 else ""
                lines.append(("never seen", shown))
        lines += [("concern", sentence) for sentence in self.concerns]
        return lines

    def _tables(self):
        tables = []
        for name, parts in (("class", self.classes), ("group", self.groups)):
            if not parts:
                continue
            header = [name, "rows", "weight", "effective", "largest"]
            cells = [
                [
                    repr(part.label),
                    f"{part.rows:,}",
                    f"{part.weight_share:.2%}",
                    f"{part.effective_rows:,.1f}",
                    f"{part.largest_share:.2%}",
                ]
                for part in parts
            ]
            tables.append(Table("", header, cells))
        if self.balance is not None:
            header = ["feature", "rows", "weighted", "target", "before", "after"]
            order = np.argsort(-np.abs(self.balance.difference_after), kind="stable")
            cells = [
                [
                    self.balance.names[j],
                    f"{self.balance.mean_source[j]:.4g}",
                    f"{self.balance.mean_weighted[j]:.4g}",
                    f"{self.balance.mean_target[j]:.4g}",
                    f"{self.balance.difference_before[j]:+.3f}",
                    f"{self.balance.difference_after[j]:+.3f}",
                ]
                for j in order[:20]
            ]
            caption = (
                "Means, and their differences to the target in standard deviations "
                "of the target"
            )
            if order.size > 20:
                caption += f" (the 20 largest of {order.size})"
            tables.append(Table(caption, header, cells))
        return tables

    def __repr__(self):
        return as_text(_TITLE, self._lines(), self._tables())

    def _repr_html_(self):
        return as_html(_TITLE, self._lines(), self._tables())


def weight_report(
    weights,
    y=None,
    groups=None,
    X=None,
    X_target=None,
    *,
    adversary=None,
    cv=5,
    n_bootstrap=200,
    confidence=0.95,
    scale="target",
    sample_weight=None,
    sample_weight_target=None,
    n_jobs=None,
    random_state=None,
):
    r"""Check whether weights can be trusted.

    Three problems cause no error: a few rows have nearly all the weight, the tail of
    the weights is too heavy, or a part of the target has no training rows. The weights
    alone show whether the first two problems occur. To check for the third problem,
    pass `X` and `X_target`.

    Parameters
    ----------
    weights : array-like of shape (n_samples,)
        Raw weights in any unit, before clipping or smoothing, because clipping and
        smoothing hide the tail. If rows have a `sample_weight`, pass the product of
        weights and `sample_weight`.
    y : array-like of shape (n_samples,), default=None
        Labels of the rows. If labels are passed, the report has diagnostics per class.
    groups : array-like of shape (n_samples,), default=None
        Groups of the rows. If groups are passed, the report has diagnostics per group.
    X : array-like of shape (n_samples, n_features), default=None
        Training rows, which are compared with the rows of `X_target`.
    X_target : array-like of shape (n_target, n_features), default=None
        Unlabelled rows of the target.
    adversary : classifier, default=None
        Classifier that separates target and training rows. None means histogram
        gradient boosting, which supports categories and missing values.
    cv : int, default=5
        Number of folds for the out-of-fold scores of `adversary`.
    n_bootstrap : int, default=200
        Number of bootstrap samples for the interval of the missing mass.
    confidence : float, default=0.95
        Coverage of the interval of the missing mass, in (0, 1).
    scale : {"target", "source", "pooled"}, default="target"
        The standard deviation that is the unit of mean differences; see
        `balance_table`.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights that the training rows already have before weighting.
    sample_weight_target : array-like of shape (n_target,), default=None
        How many rows of the target population each row of `X_target` stands for.
    n_jobs : int or None, default=None
        Number of folds to fit in parallel.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds, of `adversary` and of the bootstrap.

    Returns
    -------
    report : WeightReport
        The report; print it, or use ``to_dict`` and ``to_frame``.

    Raises
    ------
    ValueError
        If weights are not valid, or only one of `X` and `X_target` is given.

    Warns
    -----
    DegenerateWeightsWarning
        If the tail is too heavy for reliable estimates, if a single row has more than a
        tenth of the total weight, or if the effective sample size of a class is less
        than a tenth of its number of rows.
    OverlapWarning
        If the lower end of the interval of the missing mass (share of the target
        without similar training rows) is above 0.05.

    See Also
    --------
    skweight.weights.pareto_diagnostics : Checks the largest weights only.
    WeightDistributionDisplay : Draws the weights.
    BalanceDisplay : Draws the balance of features.

    Notes
    -----
    Without a target, the time is O(n log n). With a target, the classifier `adversary`
    is fitted at most ``2 * cv`` times.

    A classifier separates training rows from target rows, with equal total weight. The
    missing mass is the share of target rows whose probability of being a training row
    is below 0.01. This probability is out-of-fold and calibrated by isotonic
    regression:

    .. math::
        \hat m = \sum_{j \in target} t_j \, 1[\hat p(source \mid x_j) < 0.01]

    The missing mass could also be estimated as one minus the mean density ratio of the
    training rows, with ratios truncated at 99. This estimate is not robust, because a
    single training row with an overestimated ratio can change the mean by any amount.

    References
    ----------
    .. [1] L. Kish, Survey Sampling, Wiley, 1965, section 11.7.
    .. [2] A. Vehtari et al., Pareto smoothed importance sampling, Journal of Machine
       Learning Research 25(72), 2024.

    Examples
    --------
    There are two groups of customers, and one group has no training rows:

    >>> import warnings
    >>> import numpy as np
    >>> from skweight.exceptions import OverlapWarning
    >>> from skweight.inspection import weight_report
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(1000, 2))
    >>> X_target = rng.normal(size=(1000, 2)) + np.outer(np.arange(1000) < 300, [9, 0])
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", OverlapWarning)
    ...     report = weight_report(
    ...         np.ones(1000), X=X, X_target=X_target, random_state=0
    ...     )
    >>> round(report.missing_target_mass, 2)
    0.3
    >>> bool((X_target[report.orphans, 0] > 5).all())
    True
    """
    weights = in_range(check_weights(weights, name="weights"))
    check_number(cv, name="cv", low=2)
    check_number(n_bootstrap, name="n_bootstrap", low=1)
    check_number(confidence, name="confidence", low=0, high=1, include="neither")
    if (X is None) != (X_target is None):
        lacks = "X_target" if X_target is None else "X"
        raise ValueError(
            f"X and X_target must be passed together, but {lacks} is missing. Pass "
            "the training rows as X and rows of the target as X_target, or leave "
            "out both."
        )
    counted = int(np.count_nonzero(weights))
    figures = {
        "n_rows": weights.size,
        "n_left_out": weights.size - counted,
        "effective_sample_size": effective_sample_size(weights),
        "effective_share": effective_sample_size(weights) / counted,
        "design_effect": design_effect(weights),
        "largest_share": float((weights / weights.max()).sum() ** -1),
        "tail": pareto_diagnostics(weights),
        "classes": _parts(weights, y),
        "groups": _parts(weights, groups),
        "missing_target_mass": None,
        "missing_target_mass_interval": None,
        "orphans": None,
        "auc_before": None,
        "auc_after": None,
        "balance": None,
        "never_seen": None,
    }
    if X is not None:
        figures |= _against_target(
            weights,
            X,
            X_target,
            sample_weight,
            sample_weight_target,
            scale,
            adversary=adversary,
            cv=cv,
            n_bootstrap=n_bootstrap,
            confidence=confidence,
            n_jobs=n_jobs,
            random_state=random_state,
        )
    concerns = list(_concerns(figures))
    for category, sentence in concerns:
        warn(sentence, category)
    return WeightReport(**figures, concerns=[sentence for _, sentence in concerns])


def _parts(weights, by):
    """Return the values of every class or group."""
    if by is None:
        return []
    labels, codes, n_parts = encode_groups(by, weights.size)
    effective = effective_sample_size(weights, by=by)
    mass = np.bincount(codes, weights, n_parts)
    rows = np.bincount(codes, weights > 0, n_parts)
    largest = np.zeros(n_parts)
    np.maximum.at(largest, codes, weights)
    share = np.divide(largest, mass, out=np.full(n_parts, np.nan), where=mass > 0)
    return [
        PartOfWeights(
            label=label,
            rows=int(rows[k]),
            weight_share=float(mass[k] / mass.sum()),
            effective_rows=effective[label],
            largest_share=float(share[k]),
        )
        for k, label in enumerate(labels)
    ]


def _against_target(
    weights, X, X_target, sample_weight, sample_weight_target, scale, **options
):
    """Return the attributes of the report that compare weighted rows with a target."""
    check_weights(weights, n_rows(X), name="weights")
    source, target = check_pair(
        X,
        X_target,
        sample_weight,
        sample_weight_target,
        owner="weight_report",
        numeric=False,
    )
    balance = balance_table(
        X,
        X_target,
        weights,
        scale=scale,
        sample_weight=sample_weight,
        sample_weight_target=sample_weight_target,
    )
    if source.n < weights.size:
        weights = weights[np.asarray(sample_weight) > 0]
    overlap = measure_overlap(source, target, weights, **options)
    never = (balance.mean_source == 0) & (balance.mean_target > 0)
    return {
        "missing_target_mass": overlap.missing,
        "missing_target_mass_interval": overlap.interval,
        "orphans": overlap.orphans,
        "auc_before": overlap.auc_before,
        "auc_after": overlap.auc_after,
        "balance": balance,
        "never_seen": [balance.names[j] for j in np.flatnonzero(never)],
    }


def _concerns(figures):
    """Yield a warning class and a sentence for every problem."""
    tail = figures["tail"]
    counted = figures["n_rows"] - figures["n_left_out"]
    worth = (
        f"the effective sample size of {counted:,} rows is "
        f"{figures['effective_sample_size']:,.1f}"
    )
    if tail.verdict in ("unreliable", "infinite mean"):
        yield (
            DegenerateWeightsWarning,
            f"{tail.reason}; {worth}. Make the weights more equal "
            "(stabilizer='temper', or an exponent below 1), or limit them "
            "(stabilizer=10). Smoothing alone is not enough.",
        )
    elif figures["largest_share"] > _LARGE_ROW and counted > 2 / _LARGE_ROW:
        yield (
            DegenerateWeightsWarning,
            f"A single row has {figures['largest_share']:.0%} of the total weight, "
            f"and {worth}. Check this row, or limit the weights (stabilizer=10).",
        )
    elif (
        not figures["classes"]
        and tail.verdict != "not applicable"
        and figures["effective_share"] < _SMALL_SHARE
    ):
        yield (
            DegenerateWeightsWarning,
            f"{worth}, which is less than a tenth. Make the weights more equal "
            "(stabilizer='temper').",
        )
    for part in figures["classes"]:
        if part.rows and part.effective_rows < _SMALL_SHARE * part.rows:
            yield (
                DegenerateWeightsWarning,
                f"The effective sample size of the {part.rows:,} rows of class "
                f"{part.label!r} is {part.effective_rows:,.1f}. Make the weights "
                "within the class more equal (stabilizer='temper'), or collect more "
                "rows of this class.",
            )
    interval = figures["missing_target_mass_interval"]
    if interval is not None and interval[0] > _MISSING:
        low, high = interval
        yield (
            OverlapWarning,
            f"About {figures['missing_target_mass']:.0%} of the target ({low:.0%} to "
            f"{high:.0%}) has no similar training rows, and no weights can replace "
            "them. Collect training rows like the rows of X_target at the positions "
            "in report.orphans, or restrict your conclusions to the rest of the "
            "target.",
        )
