"""The last step of a fit: say what was done, and take over what was learned."""

import numpy as np

from skweight._fit.wrapper import set_learned
from skweight.delivery._balancing import balances_itself
from skweight.delivery._one import offsets_of
from skweight.inspection._report import (
    FitReport,
    RegressionReport,
    describe_decision,
    describe_weighting,
    labels_of,
)


def report_on(request, weighed, fitted, calibrated, decided, tails):
    """Return the report of a classifier's fit."""
    multipliers = fitted.multipliers
    figures = weighed.figures | {
        "class_multiplier": multipliers.in_all.tolist(),
        "training_share": multipliers.training_share.tolist(),
    }
    return FitReport(
        **figures,
        weighting=describe_weighting(
            weighed.weighting, balances_itself(request.estimator)
        ),
        classes=labels_of(request.classes),
        deliveries=fitted.deliveries,
        decision=describe_decision(decided.decision),
        n_fits=fitted.n_fits,
        **calibrated.figures,
        **tails,
    )


def report_on_regression(weighed, fitted, tails):
    """Return the report of a regressor's fit."""
    return RegressionReport(
        **weighed.figures,
        weighting=describe_weighting(weighed.weighting),
        deliveries=fitted.deliveries,
        **tails,
    )


def keep(wrapper, request, weighed, fitted, calibrated, decided, report, stream=None):
    """Take over all that the fit of a classifier has learned, all at once."""
    given = request.weights.population
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
        report_=report,
        _map=calibrated.map,
        _offsets=sorted(offsets_of(request.arguments["estimator"], [], 0)),
        _decides_by_rows=decided.looks_at_rows,
        _inner_multiplier=fitted.multipliers.inner,
        # Sum of the weights as they came, from which a stream goes on.
        _mass=float(
            len(request.y) if given is None else np.asarray(given, float).sum()
        ),
        _stream=stream,
        **request.learned,
    )


def keep_regression(wrapper, request, weighed, fitted, report):
    """Take over all that the fit of a regressor has learned, all at once."""
    return set_learned(
        wrapper,
        fitted.models[0],
        weighed,
        request.hidden,
        estimator_=fitted.models[0],
        report_=report,
    )
