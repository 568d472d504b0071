"""Checks and warnings of a fit, before any model is fitted and after all fits.

Most warnings mean that calibrated probabilities will be wrong. Every check uses values
that the fit has already computed, in O(n). There is a warning only if a deviation is
large, and also larger than chance explains. A small number of rows alone causes no
warning.
"""

import numpy as np
from sklearn.utils import _safe_indexing, indexable

from skweight._fit.inner_samplers import (
    samplers_in,
    warn_of_inner_sampler,
    warn_of_lost_balance,
)
from skweight._fit.models import output_of
from skweight._fit.passed import LEAST_FACTOR, find_raised_class
from skweight._fit.probabilities import needs_held_out_scores
from skweight._fit.watched import check_watched_rows, warn_of_small_subsample
from skweight._held_out.outputs import check_probabilities_are_ones, outputs_of
from skweight._utils.families import (
    averages_trees,
    boosts_trees,
    gives_raw_scores,
    is_of_trees,
    learner_of,
    packages_of,
)
from skweight._utils.lookup import fit_takes
from skweight._utils.roles import varies_within
from skweight._utils.validation import encode_labels, plain, positions_of
from skweight._utils.warn import warn
from skweight.calibration import AutoCalibrator, PriorCalibrator
from skweight.calibration._trust import TOLERATED, judge_linear_model
from skweight.delivery._arguments import offsets_of
from skweight.delivery._balancing import balances_itself, warn_of_two_counts
from skweight.delivery._composite import children
from skweight.exceptions import CalibrationWarning, DoubleCountingWarning
from skweight.inspection._tails import look_at_weights

# If no row is held out, the probabilities of this many training rows are checked.
ROWS_LOOKED_AT = 256
# Allowed range of the ratio mean probability / prevalence, and a number of standard
# errors. There is a warning only if the ratio is outside the range and the deviation is
# above this number of standard errors.
LOWEST_RATIO, HIGHEST_RATIO = 0.8, 1.25
STANDARD_ERRORS = 3.0
# If the effective number of calibration rows is below this number, a warning is
# possible.
FEW_EFFECTIVE_ROWS = 200
# If at least this many rows at the end of y have the same class, this is not chance.
LONG_TAIL = 20
# If class weights differ by less than this factor, there is no warning about a forest:
# it can happen that the votes of a forest do not follow the weights, but the error is
# then small.
LEAST_INVERTED = 2.0
# If class weights differ by less than this factor, there is no warning about boosted
# trees. The factor is larger than for forests, because the error of boosted trees is
# smaller.
LEAST_INVERTED_OF_BOOSTING = 4.0


def check_before_fit(request, weighed, plan):
    """Warn or raise if the weights show a problem before any model is fitted.

    Returns the report entries about tails and target.
    """
    calibrator, stabilizer = plan.calibrator, request.params["stabilizer"]
    figures = look_at_weights(
        weighed, stabilizer, codes=request.codes, classes=request.classes
    )
    check_watched_rows(request, weighed)
    warn_of_small_subsample(request, weighed)
    _warn_of_own_wrapper_of_keras(request.estimator)
    if request.classes is None:
        return figures
    check_emphasis(request, weighed, calibrator)
    if calibrator is not None or request.decision_learns:
        if not request.roles_are_known:
            warn_of_passed(request.weights.population, request.codes, request.classes)
        _check_estimator(request, weighed, calibrator)
    return figures


def _warn_of_own_wrapper_of_keras(estimator):
    """Warn if the estimator is a wrapper from Keras: its clones lose parameters."""
    learner = learner_of(estimator)
    if packages_of(learner)[0] != "keras":
        return
    warn(
        f"{type(learner).__name__} of keras.wrappers has two faults. It loses its "
        "fit_kwargs when it is cloned, and it is cloned here and in every search. Its "
        "decision_function has two columns for two classes, and they are not log odds. "
        "Use KerasClassifier or KerasRegressor of scikeras (pip install scikeras).",
        UserWarning,
    )


def check_emphasis(request, weighed, calibrator):
    """Warn or raise if emphasis would be applied twice."""
    written = request.params
    check_probabilities(
        request.decision,
        calibrator,
        request.estimator,
        written["weighting"],
        weighed.emphasis,
        request.y,
        written["resampler"],
    )
    if weighed.is_weighted:
        warn_of_double_counting(request.estimator, written["weighting"])


def check_after_fit(request, weighed, plan, fitted, calibrated):
    """Warn of problems that are visible in the models and their held-out scores."""
    check_outputs(request, weighed, plan, fitted)
    check_multipliers(request, weighed, plan, fitted, calibrated)
    if plan.calibrator is None:
        return
    if fitted.held_out is None:
        _check_linear_inversion(request, weighed, plan, fitted)
        return
    calibrator = calibrated.map.calibrator
    held_out, classes = fitted.held_out, request.classes
    codes = positions_of(request.y[held_out.rows], classes, owner="The calibrator")
    weight, proba = held_out.weigh(weighed.population), calibrated.proba
    learned = needs_held_out_scores(calibrator)
    if learned:
        effective = calibrated.figures["held_out"]["effective_rows"]
        warn_of_few_rows(effective, codes.size)
    warn_of_mean(proba, codes, weight, classes, calibrator)
    if learned and held_out.method == "predict_proba":
        warn_of_clipped_votes(proba, held_out.outputs, codes, weight, classes)


def check_multipliers(request, weighed, plan, fitted, calibrated):
    """Warn if class multipliers may be wrong, or if their effect cannot be undone.

    Class multipliers are the factors by which training changes the mass of each class.
    """
    _check_counts(request, fitted, weighed.figures)
    if plan.calibrator is not None and fitted.held_out is None:
        _check_inversion(fitted, calibrated.map.calibrator, weighed.figures)


def check_outputs(request, weighed, plan, fitted):
    """Raise if outputs used as probabilities are not probabilities.

    The check uses model outputs on held-out rows. If no row is held out, the check uses
    the outputs of a few training rows, and models of scikit-learn without another
    estimator inside are not checked.
    """
    model = fitted.models[0]
    if fitted.held_out is None and _is_of_sklearn(model):
        return  # the predictions would take a third of the time of a small fit
    method = output_of(request, plan)(model)
    has_some = hasattr(model, "predict_proba") and not gives_raw_scores(model)
    if method != "predict_proba" or not has_some or request.classes.size < 2:
        return
    if fitted.held_out is not None:
        outputs = fitted.held_out.outputs
    else:
        n_samples = len(request.y)
        rows = np.unique(np.linspace(0, n_samples - 1, ROWS_LOOKED_AT).astype(np.intp))
        (X,) = indexable(weighed.X)
        offsets = offsets_of(request.arguments["estimator"], rows, n_samples)
        X = _safe_indexing(X, rows)
        outputs = outputs_of(model, X, method, request.classes, offsets)
    check_probabilities_are_ones(outputs, model)


def _is_of_sklearn(model):
    """Return whether a model, with all that is inside, is one of scikit-learn."""
    is_theirs = packages_of(model)[0] == "sklearn" and learner_of(model) is model
    return is_theirs and not any(children(model))


def _check_estimator(request, weighed, calibrator):
    """Warn if the estimator resamples rows, but calibrator or decision ignore it."""
    if calibrator is None:
        return
    estimator = request.estimator
    # A Pipeline of this library knows the effect of its steps, so only its last step is
    # checked.
    while hasattr(estimator, "_multiplier_of"):
        estimator = estimator.steps[-1][1]
    # If the wrapped estimator is a calibrating classifier of this library, it has
    # already warned.
    if getattr(estimator, "calibration", None) is not None:
        return
    if not fit_takes(calibrator, "class_multiplier"):
        # If `weighting` balances classes, predicted labels follow this balance. So only
        # fits without class weights are checked. There is also no check if the user
        # says how a frozen model was weighted.
        if not weighed.is_weighted and not request.says_how_it_was_fitted:
            share = np.array(weighed.figures["population_share"])
            warn_of_lost_balance(request, estimator, share)
    else:
        warn_of_inner_sampler(
            estimator,
            request.params["calibration"],
            request.codes,
            weighed.population,
            request.classes,
            np.array(weighed.figures["class_multiplier"]),
        )


def _check_counts(request, fitted, figures):
    """Warn of learners that balance classes themselves, by row counts or by weights."""
    by_rows = fitted.multipliers.by_rows
    highest = by_rows.max()
    weighted = highest - by_rows.min() > 1e-9 * highest
    if weighted or request.says_how_it_was_fitted:
        return  # double emphasis has its own warning
    rows = np.array(figures.get("training_rows", figures["rows"]))
    mass = by_rows * np.array(figures["population_share"])
    for model in fitted.models:
        warn_of_two_counts(model, request.classes, mass, rows)


def _check_inversion(fitted, calibrator, figures):
    """Warn if the effect of weights on trees is undone without a held-out row as check.

    There is no warning if the trees were fitted on a subsample of the rows: such trees
    were fitted without weights.
    """
    model, rows = fitted.models[0], figures["rows"]
    if not is_of_trees(model):
        return
    dropped = sum(figures.get("training_rows", rows)) < sum(rows)
    inverts = fit_takes(calibrator, "class_multiplier")
    if inverts and not dropped and not samplers_in(model):
        warn_of_inverted_trees(model, fitted.multipliers.in_all)


def _check_linear_inversion(request, weighed, plan, fitted):
    """Warn if probabilities of a linear model are wrong on its own training rows.

    The probabilities are those from which the effect of the weights was removed.

    There is no check if rows were resampled, or weighted by steps of a Pipeline of this
    library: the training rows of the model are then not known. There is also no check
    if a class has a single row. Then no calibrator can be fitted, and the formula is
    used because there is nothing else.
    """
    multipliers, model = fitted.multipliers, fitted.models[0]
    asked_for = type(plan.calibrator) is PriorCalibrator is type(request.calibrator)
    factor = multipliers.in_all.max() / multipliers.in_all.min()
    if not asked_for or request.classes.size != 2 or not factor > LEAST_FACTOR:
        return
    drawn = {"resample", "subsample"}
    resamples = any(delivery.way in drawn for delivery in fitted.deliveries)
    if resamples or request.resampler is not None or samplers_in(model):
        return
    by_weights = np.array(weighed.figures["class_multiplier"])
    if not np.allclose(multipliers.by_rows, by_weights):
        return
    X, codes, population = weighed.X, request.codes, weighed.population
    weight = multipliers.inner[codes]
    delivered = weighed.training.delivered
    weight = weight if delivered is None else weight * delivered
    if population is not None and not population.all():
        counted = population.nonzero()[0]
        (X,) = indexable(X)
        X, codes = _safe_indexing(X, counted), codes[counted]
        weight, population = weight[counted], population[counted]
    verdict = judge_linear_model(
        model, X, codes, weight, population, multipliers.in_all
    )
    if verdict is not None and not verdict.trusted:
        warn_of_inverted_line(model, verdict)


# -- emphasis that would be applied twice ----------------------------------------------


def warn_of_double_counting(estimator, weighting):
    """Warn if an estimator that receives weights also balances classes by itself."""
    for name, value in balances_itself(estimator):
        is_sampler = hasattr(value, "fit_resample")
        remedy = (
            f"Remove {name}, or set weighting=None"
            if is_sampler
            else f"Set {name} back to its default, or weighting=None"
        )
        warn(
            f"The wrapped estimator balances classes itself ({name}={value!r}), and "
            f"weighting={weighting!r} balances them again, so classes are balanced "
            f"twice. {remedy}.",
            DoubleCountingWarning,
        )


def check_probabilities(
    decision, calibrator, estimator, weighting, emphasis, y, resampler=None
):
    """Raise if expected costs would use the probabilities of a weighted fit.

    The closed form (``calibration="prior"``) removes only known class weights. If
    weights differ between rows of one class, use a calibrator that learns from held-out
    rows. Dividing by the weight of each row is no solution: in our measurements the
    costs increased, because no learner follows such weights closely.

    Parameters
    ----------
    decision, calibrator : object
        The decision and the calibrator of the wrapper; `calibrator` None means no
        calibration.
    estimator : estimator
        The wrapped estimator. It can balance classes by itself, or resample its rows.
    weighting : object
        The parameter of the wrapper. The error message quotes it.
    emphasis : ndarray of shape (n_samples,) or None
        Weights of the fit that are not population weights.
    y : ndarray of shape (n_samples,)
        Labels.
    resampler : object, default=None
        The parameter of the wrapper. The error message quotes it.
    """
    if not getattr(decision, "needs_true_probabilities", False):
        return
    closed_form = not getattr(calibrator, "needs_held_out_scores", True)
    if calibrator is not None and not closed_form:
        return
    left = [f"{name}={value!r}" for name, value in balances_itself(estimator)]
    samplers = samplers_in(estimator)
    left += [f"the sampler {name!r} of the estimator" for name, _ in samplers]
    if emphasis is not None and np.ptp(emphasis) > 0:
        by_row = varies_within(emphasis, encode_labels(y)[1])
        if by_row or not closed_form:
            row = ", which differs within a class," if by_row else ""
            also = "" if resampler is None else f" with resampler={resampler!r}"
            left.insert(0, f"weighting={weighting!r}{also}{row}")
        closed = "" if closed_form or by_row or len(left) > 1 else ", 'prior'"
    else:
        closed = ""
    if left:
        calibrators = f"'auto'{closed} or another calibrator"
        if samplers:  # the effect of samplers has to be learned
            calibrators = "'sigmoid' or 'isotonic'"
        raise ValueError(
            f"{' and '.join(left)} changes the probabilities, so a decision by "
            "expected cost would count both the weights and the costs. This usually "
            "increases the total cost. There are three remedies: set "
            f"calibration={calibrators}, which corrects the probabilities; use costs "
            "only, with weighting=None and an unweighted estimator; or use weights "
            "only, with decision='auto'. To count both on purpose, pass "
            "decision=ExpectedCostDecision(cost, accept_weighted=True)."
        )


# -- what the caller passed ------------------------------------------------------------


def warn_of_passed(sample_weight, codes, classes):
    """Warn of weights or rows from the caller that would mislead the calibration."""
    if sample_weight is not None:
        weight = np.asarray(sample_weight, dtype=np.float64)
        warn_of_class_weights(weight, codes, classes)
    warn_of_resampled_rows(codes, classes)


def warn_of_class_weights(sample_weight, codes, classes):
    """Warn if `sample_weight` looks like class weights, not like population weights.

    The check has two conditions. First, the weights depend on the label alone. Second,
    in pairs of rows of different classes, the row of the rarer class has the larger log
    weight on average. Both conditions hold for class weights of any size. The check
    does not use the class shares after weighting: class weights that are far too strong
    make another class rare, so the shares would not show them. Two kinds of weights
    cause no warning. Weights that correct the class frequencies of a sample are lower
    for the over-sampled class. In a sample with about the same number of rows in every
    class, there is no rarer class.
    """
    raised = find_raised_class(sample_weight, codes, classes)
    if raised is None:
        return
    is_long = 1000 <= raised.factor < 1e6  # beyond, digits say nothing
    times = f"{raised.factor:,.0f}" if is_long else f"{raised.factor:.3g}"
    warn(
        "sample_weight depends on the label alone: rows of class "
        f"{plain(raised.label)!r} have {times} times the weight of other rows, so "
        f"their share is {raised.after:.1%} instead of {raised.before:.1%}. "
        "sample_weight says how frequent rows are in the population, so probabilities "
        "will be calibrated to the larger share. If the weights are meant to balance "
        "classes, pass weighting='balanced' or weighting={label: weight} instead of "
        "sample_weight. If the population has the larger share, use PriorWeighting.",
        DoubleCountingWarning,
    )


def warn_of_resampled_rows(codes, classes):
    """Warn if rows of one class were added at the end, as samplers do.

    There is a warning only if the class of the last rows is a minority in the rest of
    y, and its rows there are mixed with rows of other classes. Labels that are sorted
    or come in blocks cause no warning.
    """
    if codes.size < 4 * LONG_TAIL:
        return
    last = codes[-1]
    others = np.flatnonzero(codes != last)
    if not others.size:
        return
    n_head = int(others[-1]) + 1
    n_tail = codes.size - n_head
    in_head = codes[:n_head] == last
    n_in_head = int(np.count_nonzero(in_head))
    mixed = n_in_head >= 5 and 2 * np.count_nonzero(np.diff(in_head)) > n_in_head
    if n_tail < max(LONG_TAIL, 0.25 * n_in_head) or not mixed:
        return
    share = n_in_head / n_head
    if share >= 0.5:
        return
    warn(
        f"The last {n_tail:,} rows are all of class {plain(classes[last])!r}, but this "
        f"class is only {share:.1%} of the {n_head:,} rows before them. Probably a "
        "sampler has added these rows. Probabilities are calibrated to the share of "
        f"the class in all rows, {(n_in_head + n_tail) / codes.size:.1%}. Pass the "
        "original rows, and balance classes by weighting= or resampler=.",
        DoubleCountingWarning,
    )


def warn_of_few_rows(effective, n_rows):
    """Warn if a calibrator has few effective rows because of unequal weights.

    Unequal weights are the cause if the effective number of rows (Kish) is less than
    half of the number of rows.
    """
    if effective >= FEW_EFFECTIVE_ROWS or effective >= n_rows / 2:
        return
    warn(
        f"The calibrator has {n_rows:,} held-out rows, but their population weights "
        "are so unequal that the effective sample size is "
        f"{min(effective, FEW_EFFECTIVE_ROWS - 0.1):.1f}, below {FEW_EFFECTIVE_ROWS}. "
        "The calibrated probabilities therefore depend on a few rows. Set "
        "stabilizer='pareto' or 'temper' to limit the largest weights, or collect more "
        "rows like the rows with the largest weights.",
        CalibrationWarning,
    )


def warn_of_mean(proba, codes, weight, classes, calibrator=None):
    """Warn if the mean probability of a class differs from its held-out frequency.

    By the delta method, the log odds of a weighted frequency have the variance 1 / n +
    1 / m. Here n is Kish's effective number of rows of the class, and m is the
    effective number of the rows of all other classes. One effective number for all rows
    together is not used: it would be about 1 if the weights of the classes differ much,
    as in a case-control sample.
    """
    weight = np.ones(codes.size) if weight is None else weight
    mass = np.bincount(codes, weight, classes.size)
    square = np.bincount(codes, weight * weight, classes.size)
    others, square_of_others = _sums_of_others(mass), _sums_of_others(square)
    frequency = mass / mass.sum()
    mean = weight @ proba / mass.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(mass > 0, mean / frequency, np.inf)
        error = np.sqrt(square / mass**2 + square_of_others / others**2)
        far = np.abs(_log_odds(mean) - _log_odds(frequency)) > STANDARD_ERRORS * error
        # If few rows of a class are expected, it can happen by chance that there is no
        # row of the class. An absent class is then no reason for a warning.
        expected = mean * others**2 / square_of_others
    far = np.where(mass > 0, far, expected > STANDARD_ERRORS**2)
    off = far & ((ratio < LOWEST_RATIO) | (ratio > HIGHEST_RATIO))
    if not off.any():
        return
    worst = np.argmax(np.where(off, np.abs(np.log(np.maximum(ratio, 1e-300))), -1))
    warn(
        f"After calibration the mean probability of class {plain(classes[worst])!r} is "
        f"{mean[worst]:.3g} on held-out rows. This is {ratio[worst]:.3g} times the "
        f"frequency of the class in these rows, {frequency[worst]:.3g}. "
        f"{_remedy(calibrator)}",
        CalibrationWarning,
    )


def _sums_of_others(values):
    """Return, for each value, the sum of all other values, without a subtraction."""
    before, after = np.cumsum(values), np.cumsum(values[::-1])[::-1]
    return np.append(0.0, before[:-1]) + np.append(after[1:], 0.0)


def _log_odds(p):
    return np.log(p) - np.log1p(-p)


def _remedy(calibrator):
    if isinstance(calibrator, AutoCalibrator):
        return (
            "With few effective rows, calibration='auto' mainly inverts the training "
            "weights, but the inversion is wrong for these scores. Collect more rows "
            "of the class, or use smaller class weights, for example "
            "BalancedWeighting(strength=0.5)."
        )
    if not getattr(calibrator, "needs_held_out_scores", True):
        return (
            "The inversion of the training weights is wrong for this model. Use "
            "calibration='auto', which learns from held-out rows."
        )
    return "The calibrator cannot map these scores; use calibration='auto'."


def warn_of_inverted_trees(model, multiplier):
    """Warn if weights of trees are undone without a check on held-out rows.

    Class weights change the predictions of an average of trees less than they change
    the class odds of the training rows. Boosted trees are too confident on the rows
    that they were fitted on. The mean prediction of the training rows shows neither of
    these two problems.
    """
    factor = multiplier.max() / multiplier.min()
    if factor >= LEAST_INVERTED_OF_BOOSTING and boosts_trees(model):
        warn(
            "The closed-form inversion divides the outputs of "
            f"{type(learner_of(model)).__name__} by class weights that differ by a "
            f"factor of {factor:.3g}. This is correct for a smooth model, but boosted "
            "trees respond to weights in another way. Use calibration='auto', which "
            "learns from held-out rows and needs two rows of every class.",
            CalibrationWarning,
        )
        return
    if factor < LEAST_INVERTED or not averages_trees(model):
        return
    warn(
        "The closed-form inversion divides votes of "
        f"{type(learner_of(model)).__name__} by class weights that differ by a factor "
        f"of {factor:.3g}, but votes change less than the weights require, so the "
        "result is too low for classes with large weights. On real data, the mean "
        "probability of a class of 2% was 0.22 times its frequency; for a class of "
        "30%, it was 0.79 to 0.86 times the frequency. Use calibration='auto', which "
        "learns from held-out rows and needs two rows of every class.",
        CalibrationWarning,
    )


def warn_of_inverted_line(model, verdict):
    """Warn that the mean probabilities of a linear model may be wrong.

    The probabilities are those from which the effect of the weights was removed.
    """
    warn(
        "The closed-form inversion may not hold for this "
        f"{type(learner_of(model)).__name__}. On new rows, the mean probability of the "
        f"rarer class is probably {verdict.ratio:.3g} times its frequency; with a "
        f"chance of {verdict.chance:.0%}, it is wrong by more than a factor of "
        f"{TOLERATED:g}. Either there are too few rows of this class for the number of "
        "features, or a linear model does not fit the data. Use calibration='auto', "
        "which learns from held-out rows, or collect more rows of the class.",
        CalibrationWarning,
    )


def warn_of_clipped_votes(proba, outputs, codes, weight, classes):
    """Warn if rows without votes for a class get a wrong probability of this class.

    Before the logarithm of the shares of votes is taken, small shares are clipped. A
    calibration map that is linear on the log scale can then be wrong for the many rows
    whose share is the clipping value.
    """
    weight = np.ones(codes.size) if weight is None else weight
    votes = np.asarray(outputs).reshape(codes.size, -1)
    if votes.shape[1] == 1:
        votes = np.hstack([1 - votes, votes])
    worst, farthest = STANDARD_ERRORS, None
    for code in range(classes.size):
        clipped = votes[:, code] <= 0
        w = weight[clipped]
        if not w.any():
            continue
        said = w @ proba[clipped, code] / w.sum()
        frequency = w @ (codes[clipped] == code) / w.sum()
        # The standard error is computed at the value nearest to 0.5 between the mean
        # probability and the frequency. There the standard error is largest, so there
        # is a warning only in clear cases.
        between = np.clip(0.5, min(said, frequency), max(said, frequency))
        error = np.sqrt(between * (1 - between) * (w @ w)) / w.sum()
        far = not (0.5 <= said / frequency <= 2) if frequency > 0 else True
        if far and abs(said - frequency) > worst * error:
            worst = abs(said - frequency) / max(error, 1e-300)
            farthest = code, np.mean(clipped), frequency, said
    if farthest is None:
        return
    code, share, frequency, said = farthest
    warn(
        f"{share:.0%} of the held-out rows have no vote for class "
        f"{plain(classes[code])!r}; {frequency:.2%} of these rows belong to the class, "
        f"but their calibrated probability is {said:.2%}. Use calibration='isotonic' "
        "or 'auto', which are not linear, or more trees with more rows per leaf.",
        CalibrationWarning,
    )
