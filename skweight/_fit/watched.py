"""Warnings of rows that a learner watches to stop early, and should not see so.

They should be original rows, with population weights. Copies of rows that it trains
on never look worse, and class weights have it stop far too soon.
"""

import numpy as np

from skweight._fit.passed import find_raised_class
from skweight._fit.watching import family_of, own_rows_off
from skweight._utils.families import learner_of
from skweight._utils.validation import encode_labels, plain
from skweight._utils.warn import warn
from skweight.delivery._arguments import base_name
from skweight.delivery._one import takes_sample_weight
from skweight.exceptions import DoubleCountingWarning


def check_watched_rows(request, weighed):
    """Warn where what a learner is going to watch has copies in it, or emphasis."""
    if request.is_frozen:
        return
    learner = learner_of(request.estimator)
    arguments = {
        base_name(name): value for name, value in request.arguments["estimator"].items()
    }
    family = family_of(learner)
    if family is not None:
        for y, weight in family.weights_passed(arguments):
            _warn_of_emphasis(request, y, weight, "the weights of validation rows")
    given = request.validation
    if getattr(given, "weight", None) is not None:
        _warn_of_emphasis(request, given.y, given.weight, "the weights in validation=")
    watches_ours = given is not None or (family and family.names & arguments.keys())
    if not watches_ours:
        _warn_of_own_rows(request, weighed, learner, family)


def _warn_of_emphasis(request, y, weight, what):
    """Warn if weights of rows to be watched raise a rarer class."""
    if request.classes is None or y is None or weight is None:
        return
    classes, codes = encode_labels(np.asarray(y).ravel())
    weight = np.asarray(weight, dtype=np.float64).ravel()
    raised = None
    if weight.size == codes.size:
        raised = find_raised_class(weight, codes, classes)
    if raised is None:
        return
    warn(
        f"{what[0].upper()}{what[1:]} depend on the label alone: rows of class "
        f"{plain(raised.label)!r} count {raised.factor:.3g} times as much as others. "
        "Class weights are emphasis, and belong to training alone: measured at a "
        "learning rate of 0.1, a model that watches them stops after a seventh of the "
        "rounds, with six times the regret. Pass population weights, or none.",
        DoubleCountingWarning,
    )


def _warn_of_own_rows(request, weighed, learner, family):
    """Warn if copies of training rows get among those that a learner holds out."""
    figures = weighed.figures
    rows = figures.get("rows", [figures["n_rows"]])
    trained = figures.get("training_rows", rows)
    off = own_rows_off(learner, sum(trained))
    if off is None:
        return
    repeats = any(after > before for before, after in zip(rows, trained, strict=True))
    weighs = weighed.is_weighted or weighed.population is not None
    draws = weighs and request.params["unsupported"] == "resample"
    draws = draws and not takes_sample_weight(learner)
    if not (repeats or draws):
        return
    by = f"resampler={request.params['resampler']!r}" if repeats else "the bootstrap"
    ways = [f"set {off}"]
    if family is not None:
        ways.insert(0, f"set validation_fraction=0.1 and {family.patience}")
    if repeats:
        ways.append("weigh in the place of repeating, by weighting='balanced' alone")
    warn(
        f"{type(learner).__name__} stops early by rows that it holds out itself, and "
        f"{by} repeats rows before: copies of the rows that it trains on are among "
        "those that it watches, which never look worse, so that it goes on for too "
        f"long ({off.partition('=')[0]}). To watch original rows, "
        f"{'; or '.join(ways)}.",
        DoubleCountingWarning,
    )
