"""The last step of a fit: write the report, and set the learned attributes."""

import platform
import sys

import numpy as np

from skweight._fit.calibrate import describe_closed_form, rows_of
from skweight._fit.validation_rows import describe_early_stopping
from skweight._fit.wrapper import set_learned
from skweight._utils.families import learner_of
from skweight.delivery._arguments import offsets_of
from skweight.delivery._balancing import balances_itself
from skweight.inspection._probabilities import describe_probabilities, reliability_bins
from skweight.inspection._report import (
    FitReport,
    RegressionReport,
    describe_decision,
    describe_weighting,
    labels_of,
)


def report_on(
    request,
    weighed,
    fitted,
    calibrated,
    decided,
    tails,
    warned=(),
    conformal=None,
    balancing=None,
):
    """Return the report of a classifier's fit; `warned` has the warnings of the fit.

    `balancing` is the result of `balances_itself` for the estimator, if already
    computed.
    """
    if balancing is None:
        balancing = balances_itself(request.estimator)
    multipliers = fitted.multipliers
    of_calibration = calibrated.figures or describe_closed_form(request, calibrated)
    n_looks = 0 if weighed.training is None else weighed.training.n_fits
    n_choice = 0 if weighed.choice is None else weighed.choice.n_fits
    figures = weighed.figures | {
        "class_multiplier": multipliers.in_all.tolist(),
        "training_share": multipliers.training_share.tolist(),
    }
    return FitReport(
        **figures,
        weighting=describe_weighting(weighed.weighting, balancing),
        classes=labels_of(request.classes),
        deliveries=fitted.deliveries,
        decision=describe_decision(decided.decision),
        n_fits=fitted.n_fits + n_looks + n_choice,
        probabilities=describe_probabilities(
            request.classes,
            multipliers,
            of_calibration,
            hasattr(fitted.models[0], "predict_proba"),
        ),
        reliability=_reliability(request, weighed, fitted, calibrated),
        costs=_costs(decided.decision),
        conformal={} if conformal is None else conformal.figures,
        warnings=list(dict.fromkeys(warned)),
        versions=_versions(fitted.models[0]),
        **_early_stopping(request, fitted),
        **of_calibration,
        **tails,
    )


def _reliability(request, weighed, fitted, calibrated):
    """Return the class frequencies of held-out rows, in bins by probability."""
    held_out = fitted.held_out
    if calibrated.proba is None:
        return []
    weights = rows_of(weighed.population, held_out)
    return reliability_bins(request.codes[held_out.rows], calibrated.proba, weights)


def _costs(decision):
    """Return the costs that a decision uses, in sentences."""
    costs = getattr(decision, "cost_", getattr(decision, "cost", None))
    return costs.describe().splitlines() if hasattr(costs, "describe") else []


def _versions(model):
    """Return the versions of the packages in use."""
    packages = {"skweight": "skweight", "sklearn": "scikit-learn", "numpy": "numpy"}
    learner = type(learner_of(model)).__module__.partition(".")[0]
    packages.setdefault(learner, learner)
    versions = {
        name: getattr(sys.modules.get(package), "__version__", None)
        for package, name in packages.items()
    }
    known = {name: str(version) for name, version in versions.items() if version}
    return {"python": platform.python_version(), **known}


def _early_stopping(request, fitted):
    return describe_early_stopping(
        request.validation,
        request.estimator,
        request.arguments["estimator"],
        fitted.models,
    )


def report_on_regression(request, weighed, fitted, tails, warned=(), intervals=None):
    """Return the report of a regressor's fit; `warned` has the warnings of the fit."""
    return RegressionReport(
        **weighed.figures,
        weighting=describe_weighting(weighed.weighting),
        deliveries=fitted.deliveries,
        n_fits=fitted.n_fits,
        conformal={} if intervals is None else intervals.figures,
        warnings=list(dict.fromkeys(warned)),
        versions=_versions(fitted.models[0]),
        **_early_stopping(request, fitted),
        **tails,
    )


def keep(
    wrapper,
    request,
    weighed,
    fitted,
    calibrated,
    decided,
    report,
    *,
    stream=None,
    conformal=None,
):
    """Set all attributes that the fit of a classifier has learned, all at once.

    After `fit`, `report` is the report; after `partial_fit`, `report` is a function
    that makes the report.
    """
    population = request.weights.population
    return set_learned(
        wrapper,
        fitted.models[0],
        weighed,
        request.hidden,
        classes_=request.classes,
        estimators_=fitted.models,
        calibrator_=calibrated.map.calibrator,
        decision_=decided.decision,
        class_multiplier_=fitted.multipliers.in_all,
        prevalence_=None,
        **{"report_" if stream is None else "_make_report": report},
        _map=calibrated.map,
        _offsets=sorted(offsets_of(request.arguments["estimator"], [], 0)),
        _decides_by_rows=decided.looks_at_rows,
        _inner_multiplier=fitted.multipliers.inner,
        # Sum of `sample_weight` as passed, before weights are divided by their mean;
        # `partial_fit` continues from this sum.
        _mass=_total(len(request.y), population),
        _stream=stream,
        _conformal=conformal,
        **request.learned,
    )


def _total(n_samples, weights):
    """Return the sum of `sample_weight`, but at most the largest float."""
    if weights is None:
        return float(n_samples)
    largest = np.finfo(np.float64).max / n_samples
    return float(np.minimum(np.asarray(weights, dtype=np.float64), largest).sum())


def keep_regression(wrapper, request, weighed, fitted, report, intervals=None):
    """Set all attributes that the fit of a regressor has learned, all at once."""
    return set_learned(
        wrapper,
        fitted.models[0],
        weighed,
        request.hidden,
        estimator_=fitted.models[0],
        report_=report,
        _conformal=intervals,
    )
