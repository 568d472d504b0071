"""Compute the part of a fit report that warns of a few rows with very large weights."""

import numpy as np

from skweight._utils.concentration import (
    LARGEST_SHARE,
    SMALLEST_SHARE,
    find_concentration,
)
from skweight._utils.pareto import ParetoDiagnostics
from skweight._utils.roles import in_range
from skweight._utils.validation import plain
from skweight._utils.warn import warn
from skweight.exceptions import DegenerateWeightsWarning
from skweight.weighting._base import fitted_factors_of
from skweight.weights import effective_sample_size, pareto_diagnostics


def look_at_weights(weighed, stabilizer=None, *, codes=None, classes=None):
    """Return diagnostics of population and emphasis weights; warn if they are extreme.

    If weights are constant within each class, there are no single rows with extreme
    weights, so the weights have no tail. For other weights, the shape of the tail is
    computed from the weights before the stabilizer. The share of a few rows in the
    total weight is computed from the weights after the stabilizer. The time is O(n).

    Parameters
    ----------
    weighed : Weighed
        Population weights and emphasis weights, each before and after the stabilizer.
    stabilizer : object, default=None
        Value of ``stabilizer=`` of the estimator.
    codes, classes : ndarray, default=None
        Position of the class of every row, and the labels; None for regression.

    Returns
    -------
    figures : dict
        A dict with two keys. ``tails`` is a dict with a `ParetoDiagnostics` for each
        role of the weights (population, emphasis). ``target`` is the report of a
        density ratio, or None.
    """
    factors, raw = fitted_factors_of(weighed.weighting), weighed.raw
    by_role = {role: [f for f in factors if f.role == role] for role in raw._fields}
    reports = {
        role: _ratio_report(role_factors) for role, role_factors in by_role.items()
    }
    tails, sentences = {}, []
    for role, weights in raw._asdict().items():
        if weights is None:
            continue
        role_factors = by_role[role]
        if (
            role == "emphasis"
            and role_factors
            and all(map(_is_per_class, role_factors))
        ):
            tails[role] = _per_class(weights)
            continue
        tails[role] = pareto_diagnostics(weights)
        # If a density ratio has already warned, there is no second warning here. The
        # warning of the density ratio says more, because that warning also considers
        # the target.
        if reports[role] is None or not _has_warned(reports[role]):
            used = _used(weighed, role)
            worst = find_concentration(used, codes)
            # With a stabilizer, fewer effective rows are expected.
            if worst is not None and (
                stabilizer is None or worst.largest > LARGEST_SHARE
            ):
                sentences.append(_sentence_of(worst, used, role, classes))
            elif stabilizer is None and _has_no_mean(tails[role], weights.size):
                sentences.append(
                    f"the largest {role} weights are too large for reliable "
                    f"estimates ({tails[role].reason})"
                )
    if sentences:
        remedy = (
            "Set stabilizer='temper', or limit the weights with stabilizer=10 (ten "
            "times their mean)"
            if stabilizer is None
            else f"Set a stronger stabilizer than {stabilizer!r}"
        )
        warn(
            f"A few rows have most of the weight: {'; '.join(sentences)}. {remedy}. "
            "Or check the rows with the largest weights, and collect more rows like "
            "them.",
            DegenerateWeightsWarning,
        )
    target = next((r for r in reports.values() if r is not None), None)
    return {"tails": tails, "target": None if target is None else target._asdict()}


def describe_tails(report):
    """Return pairs (name, sentence) about tails and target."""
    lines = [
        ("tail" if len(report.tails) == 1 else f"tail, {role}", _sentence(diagnostics))
        for role, diagnostics in report.tails.items()
    ]
    if report.target is not None:
        missing = report.target["missing_target_mass"]
        share = "unknown" if np.isnan(missing) else f"{missing:.1%}"
        lines.append(("missing target", f"{share}, by the mean of the ratio"))
    return lines


def _sentence_of(worst, used, role, classes):
    rows, effective = np.count_nonzero(used), effective_sample_size(used)
    sentence = f"with the {role} weights, the effective sample size of {rows:,} rows "
    sentence += f"is {effective:,.1f}"
    if worst.code is not None:
        label = plain(classes[worst.code])
        sentence += f", and of the {worst.rows:,} rows of class {label!r} it is "
        sentence += f"{worst.effective:,.1f}; their"
    else:
        sentence += "; the"
    return f"{sentence} largest weight is {worst.largest:.0%} of the total"


def _used(weighed, role):
    """Return stabilized weights of a role; 0 for rows without a weight."""
    weights, population = getattr(weighed, role), weighed.population
    if role == "population" or population is None:
        return weights
    return np.where(population > 0, weights, 0.0)


def _has_no_mean(tail, n_rows):
    counted = n_rows * (1 - tail.zero_share)
    uneven = tail.n_effective < SMALLEST_SHARE * counted
    return uneven and tail.verdict == "infinite mean"


def _sentence(diagnostics):
    return f"{diagnostics.verdict}: {diagnostics.reason}"


def _is_per_class(factor):
    return hasattr(factor, "class_weight_") and getattr(factor, "level_", "") in (
        "",
        "class",
    )


def _ratio_report(factors):
    for factor in factors:
        report = getattr(factor, "report_", None)
        if hasattr(report, "missing_target_mass"):
            return report
    return None


def _per_class(weights):
    weights = in_range(weights)
    n_effective = float(weights.sum() ** 2 / (weights @ weights))
    return ParetoDiagnostics(
        khat=np.nan,
        verdict="not applicable",
        reason="weights per class have no tail",
        threshold=np.nan,
        n_required=np.nan,
        n_tail=0,
        tied_share=0.0,
        zero_share=0.0,
        n_effective=n_effective,
        n_effective_smoothed=n_effective,
    )


def _has_warned(report):
    """Return whether a warning was issued in the fit of a density ratio."""
    # The import is inside the function, because the imported module is needed only for
    # density ratios.
    from skweight.density_ratio._base import has_warned

    return has_warned(report)
