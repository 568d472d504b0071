"""What a fit says about the weights it was given: their tails, and their target."""

import numpy as np

from skweight._utils.pareto import ParetoDiagnostics
from skweight._utils.warn import warn
from skweight.exceptions import DegenerateWeightsWarning
from skweight.weighting._base import fitted_factors_of
from skweight.weights import pareto_diagnostics

_UNEVEN_SHARE = 0.1


def look_at_weights(raw, weighting, stabilizer=None):
    """Return the figures of a report about raw weights, apart by role, and warn.

    Weights per class have no tail, which is known without looking at the rows. Others
    are looked at in O(n).

    Parameters
    ----------
    raw : RoleWeights
        Weights before the stabilizer.
    weighting : weighting or None
        The fitted strategy.
    stabilizer : object, default=None
        What ``stabilizer=`` of the estimator is.

    Returns
    -------
    figures : dict
        ``tails``, a `ParetoDiagnostics` per role, and ``target``, what a density ratio
        reported, or None.
    """
    factors = fitted_factors_of(weighting)
    by_role = {role: [f for f in factors if f.role == role] for role in raw._fields}
    reports = {role: _ratio_report(own) for role, own in by_role.items()}
    tails = {}
    for role, weights in raw._asdict().items():
        if weights is None:
            continue
        own = by_role[role]
        if role == "emphasis" and own and all(map(_is_per_class, own)):
            tails[role] = _per_class(weights)
            continue
        tails[role] = found = pareto_diagnostics(weights)
        counted = weights.size * (1 - found.zero_share)
        uneven = found.n_effective < _UNEVEN_SHARE * counted
        grave = uneven and found.verdict in ("unreliable", "infinite mean")
        # A density ratio has warned of itself, with the target in view.
        if grave and stabilizer is None and reports[role] is None:
            warn(
                f"The {role} weights have a tail that bears no estimate: "
                f"{found.reason}, and {counted:,.0f} rows count as "
                f"{found.n_effective:,.1f}. Set stabilizer='temper', or a number that "
                "no row is to exceed, such as stabilizer=10.",
                DegenerateWeightsWarning,
            )
    target = next((r for r in reports.values() if r is not None), None)
    return {"tails": tails, "target": None if target is None else target._asdict()}


def describe_tails(report):
    """Return what a report has to say of tails and target, as names and sentences."""
    lines = [
        ("tail" if len(report.tails) == 1 else f"tail, {role}", _sentence(found))
        for role, found in report.tails.items()
    ]
    if report.target is not None:
        missing = report.target["missing_target_mass"]
        told = "unknown" if np.isnan(missing) else f"{missing:.1%}"
        lines.append(("missing target", f"{told}, by the mean of the ratio"))
    return lines


def _sentence(found):
    return f"{found.verdict}: {found.reason}"


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
