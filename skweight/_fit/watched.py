"""Warnings about the validation rows of early stopping, and the rows of a subsample.

Validation rows should be original rows with population weights. If validation rows
contain copies of training rows, the loss on them never gets worse. If validation rows
have class weights, training stops far too soon. Some learners accept no weights and are
fitted on a subsample of the rows. A few large weights should not make this subsample
small.
"""

import numpy as np

from skweight._fit.passed import find_raised_class
from skweight._fit.watching import family_of, own_rows_off, stops_by_accuracy
from skweight._utils.families import learner_of
from skweight._utils.validation import encode_labels, plain
from skweight._utils.warn import warn
from skweight.delivery._arguments import base_name
from skweight.delivery._draw import subsample_sizes
from skweight.delivery._one import is_drawn_for, takes_sample_weight
from skweight.exceptions import DegenerateWeightsWarning, DoubleCountingWarning
from skweight.weights import effective_sample_size

# If a subsample has fewer rows of a class than this number, there is a warning.
FEW_DRAWN = 10


def check_watched_rows(request, weighed):
    """Warn if the monitored rows of a learner contain copies, or have class weights."""
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
    passed = request.validation
    if getattr(passed, "weight", None) is not None:
        _warn_of_emphasis(
            request, passed.y, passed.weight, "the weights in validation="
        )
    watches_ours = passed is not None or (family and family.names & arguments.keys())
    if not watches_ours:
        _warn_of_own_rows(request, weighed, learner, family)


def _warn_of_emphasis(request, y, weight, what):
    """Warn if validation rows of a rarer class have larger weights."""
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
        f"{plain(raised.label)!r} have {raised.factor:.3g} times the weight of other "
        "rows. Class weights must be used only in training. In our measurements with a "
        "learning rate of 0.1, a model with class weights on validation rows stopped "
        "after a seventh of the rounds, and the excess of its loss over the best loss "
        "was six times as large. Pass population weights, or no weights.",
        DoubleCountingWarning,
    )


def _warn_of_own_rows(request, weighed, learner, family):
    """Warn if a learner may hold out copies of training rows for validation."""
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
        if weighed.emphasis is not None and request.classes is not None:
            _warn_of_weighted_accuracy(learner, off)
        return
    by = f"resampler={request.params['resampler']!r}" if repeats else "the bootstrap"
    ways = [f"set {off}"]
    if family is not None:
        ways.insert(0, f"set validation_fraction=0.1 and {family.patience}")
    if repeats:
        ways.append("use weights instead of repeated rows: weighting='balanced' alone")
    warn(
        f"{type(learner).__name__} holds out rows itself for early stopping "
        f"({off.partition('=')[0]}), but {by} repeats rows before. Copies of training "
        "rows are then among the held-out rows, so their loss does not rise, and "
        f"training stops too late. To avoid this, {'; or '.join(ways)}.",
        DoubleCountingWarning,
    )


def _warn_of_weighted_accuracy(learner, off):
    """Warn if a learner stops early by an accuracy that is computed with class weights.

    There is no warning for boosted trees, which stop by their loss: in measurements,
    stopping by a loss with class weights did not make the models worse.
    """
    if not stops_by_accuracy(learner):
        return
    warn(
        f"{type(learner).__name__} holds out rows itself and stops early by their "
        f"weighted accuracy ({off.partition('=')[0]}). In our measurements with class "
        "weights, it stopped after a fifth of the epochs, and its calibrated log loss "
        "was 3 to 4 % above the loss of a full fit, on 18 of 20 problems. Set "
        f"{off}, or use a learner that supports validation_fraction.",
        DoubleCountingWarning,
    )


def warn_of_small_subsample(request, weighed):
    """Warn if a few large weights leave too few rows of a class in a subsample.

    A subsample by class weights contains all rows of the class with the largest weight,
    but perhaps almost no rows of another class.
    """
    weights = weighed.training.weights
    if request.params["unsupported"] != "subsample" or weights is None:
        return
    if not is_drawn_for(learner_of(request.estimator), request.y, weights):
        return
    codes = request.codes
    codes = np.zeros(weights.size, np.intp) if codes is None else codes
    heaviest = codes[np.argmax(weights)]
    worst = weights[codes == heaviest].max()
    sizes = subsample_sizes(weights, codes)
    for code in sorted(range(sizes.size), key=lambda code: code != heaviest):
        n_drawn = sizes[code]
        of_class = weights[(codes == code) & (weights > 0)]
        if not of_class.size:
            continue
        effective = effective_sample_size(of_class)
        few = n_drawn < min(FEW_DRAWN, of_class.size / 2)
        if not few and (code != heaviest or n_drawn >= effective / 2):
            continue
        names = [""]
        if request.classes is not None:
            names = [f" of class {plain(label)!r}" for label in request.classes]
        of, of_heaviest = names[code], names[heaviest]
        warn(
            "unsupported='subsample' draws each row with the probability weight / "
            f"largest weight. One row{of_heaviest} has {worst / of_class.mean():.3g} "
            f"times the mean weight{of}. So only {n_drawn:,} of {of_class.size:,} "
            f"rows{of} are drawn, although the weights of all these rows have the "
            f"effective sample size {effective:,.0f}. Limit the weights by "
            "stabilizer='clip' or a number such as 3.0, or set unsupported='resample'.",
            DegenerateWeightsWarning,
        )
        return
