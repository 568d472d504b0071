"""The fourth and fifth step of a fit: turn outputs into probabilities and labels."""

from copy import copy
from functools import partial
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from skweight._fit.models import estimator_decides, output_of
from skweight._fit.probabilities import ProbabilityMap, needs_held_out_scores
from skweight._held_out.outputs import log_scores, smallest_probability
from skweight._utils.families import counts_votes, learner_of
from skweight._utils.lookup import arguments_of, fit_takes, params_of, text_of
from skweight._utils.validation import positions_of
from skweight.calibration._resolve import resolve_calibrator
from skweight.delivery._arguments import take_params
from skweight.weights import effective_sample_size


class Calibrated(NamedTuple):
    """The map from outputs to probabilities, and its results on held-out rows.

    Attributes
    ----------
    map : ProbabilityMap
        Map from outputs of a model to probabilities.
    proba : ndarray of shape (n_held_out, n_classes) or None
        Probabilities of the held-out rows, in the order of these rows. None if there
        are no held-out rows.
    figures : dict or None
        Report entries about the calibration. None if the calibrator is a formula, which
        learns from no rows; `describe_closed_form` describes such a calibrator.
    """

    map: ProbabilityMap
    proba: np.ndarray | None
    figures: dict | None


class Decided(NamedTuple):
    """How labels follow from probabilities.

    Attributes
    ----------
    decision : decision or None
        The fitted decision. None if the estimator predicts the labels.
    looks_at_rows : bool
        Whether the decision needs the rows in addition to their probabilities.
    """

    decision: object
    looks_at_rows: bool


def calibrate(request, weighed, plan, fitted):
    """Fit a clone of the calibrator on held-out scores with population weights."""
    model, held_out = fitted.models[0], fitted.held_out
    if plan.calibrator is None:
        raw = ProbabilityMap(output_of(request, plan)(model), request.classes)
        proba = None if held_out is None else held_out.outputs
        return Calibrated(raw, proba, {"calibration": None})
    mapped = map_outputs(request, weighed, plan, fitted)
    proba = None if held_out is None else mapped.of_outputs(held_out.outputs)
    if not needs_held_out_scores(plan.calibrator):
        return Calibrated(mapped, proba, None)
    y, weights = request.y[held_out.rows], rows_of(weighed.population, held_out)
    figures = _figures(mapped.calibrator, held_out, y, weights, proba, request.classes)
    return Calibrated(mapped, proba, figures)


def describe_closed_form(request, calibrated):
    """Return the report entry about a calibrator that learned from no rows."""
    said = f"{calibrated.map.calibrator!r}, in closed form"
    wanted = request.params["calibration"]
    if needs_held_out_scores(resolve_calibrator(wanted)):
        said = f"{said} instead of {wanted!r}: no row could be held out"
    return {"calibration": said}


def map_outputs(request, weighed, plan, fitted, kept=slice(None)):
    """Return the map of a calibrator that is fitted on a part of the held-out rows.

    `kept` are the positions of the rows of this part among the held-out rows.
    """
    model, held_out = fitted.models[0], fitted.held_out
    method = output_of(request, plan)(model) if held_out is None else held_out.method
    raw = ProbabilityMap(method, request.classes)
    calibrator = clone(plan.calibrator, safe=False)
    objective = params_of(learner_of(model)).get("objective")
    known = {
        "classes": request.classes,
        "class_multiplier": fitted.multipliers.in_all,
        "votes": raw.method == "predict_proba" and counts_votes(model),
        "focal_gamma": getattr(objective, "gamma", None),
    }
    options = {k: v for k, v in known.items() if fit_takes(calibrator, k)}
    if not needs_held_out_scores(calibrator):
        calibrator = calibrator.fit(None, request.y, **options)
        return ProbabilityMap(raw.method, request.classes, calibrator)
    outputs, weights = held_out.outputs[kept], rows_of(weighed.population, held_out)
    weights = None if weights is None else weights[kept]
    clip = smallest_probability(outputs, raw.method, weights)
    calibrator = calibrator.fit(
        log_scores(outputs, raw.method, clip),
        request.y[held_out.rows][kept],
        sample_weight=weights,
        **options,
    )
    return ProbabilityMap(raw.method, request.classes, calibrator, clip)


def decide(request, weighed, plan, fitted, calibrated):
    """Fit the decision. Without calibration, the estimator may predict labels."""
    if estimator_decides(request, plan):
        return Decided(None, False)
    learned_from = {}
    if request.decision_learns:
        rows, n_samples = fitted.held_out.rows, len(request.y)
        metadata = request.arguments["decision"]
        learned_from = {
            "proba": calibrated.proba,
            "y": request.y[rows],
            "sample_weight": rows_of(weighed.population, fitted.held_out),
            **take_params(metadata, rows, n_samples),
        }
        if fit_takes(request.decision, "X"):
            learned_from["X"] = _safe_indexing(request.X, rows)
    if fit_takes(request.decision, "prevalence"):
        learned_from["prevalence"] = weighed.figures["population_share"]
    decision = copy(request.decision).fit(
        classes=request.classes,
        class_multiplier=_emphasis_of_labels(weighed, plan, fitted),
        **learned_from,
    )
    # The decision gets the rows only if it needs more than their probabilities.
    return Decided(decision, "X" in arguments_of(decision.decide))


def _emphasis_of_labels(weighed, plan, fitted):
    """Return, for each class, the factor of its probability when labels are chosen.

    Class weights that only change the training (emphasis) raise the rare classes.
    Predicted labels must show this effect. Calibrated probabilities do not show it, so
    the factor is the class weight. Uncalibrated probabilities show it already, so the
    factor is the class weight divided by the weight of the fit.
    """
    in_all, choice = fitted.multipliers.in_all, weighed.choice
    if choice is None:
        return in_all
    # Without calibration, the probabilities include the effect of the class weights of
    # the fit.
    return choice.multiplier / in_all if plan.calibrator is None else choice.multiplier


def rows_of(weights, held_out):
    """Return the given weights of the held-out rows; None means weights of one."""
    return held_out.weigh(weights)


def _figures(calibrator, held_out, y, weights, proba, classes):
    """Return the report entries about a calibrator that learned from held-out rows."""
    codes = positions_of(y, classes, owner="The calibrator")
    mass = np.bincount(codes, weights=weights, minlength=classes.size)
    effective = _effective_rows(codes, weights)
    describe = getattr(calibrator, "describe", partial(text_of, calibrator))
    return {
        "calibration": (
            f"{describe()} on {y.size:,} held-out rows without "
            f"emphasis ({effective:,.1f} effective), from {held_out.source}"
        ),
        "held_out": {
            "n_rows": int(y.size),
            "effective_rows": float(effective),
            "prevalence": (mass / mass.sum()).tolist(),
            "mean_after": np.average(proba, axis=0, weights=weights).tolist(),
        },
        "candidates": {
            name: {"loss": loss, "share": calibrator.shares_[name]}
            for name, loss in getattr(calibrator, "losses_", {}).items()
        },
    }


def _effective_rows(codes, weights):
    """Return the sum of the effective rows of all classes."""
    if weights is None:
        return codes.size
    counted = weights > 0
    by_class = effective_sample_size(weights[counted], by=codes[counted])
    return sum(by_class.values())
