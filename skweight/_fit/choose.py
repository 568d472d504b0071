"""The second step of a fit: choose the class weights if ``weighting="auto"``.

All candidates use the same held-out rows. Candidates are compared by their log loss,
with population weights, on rows that their models and calibrators have not seen. The
fit reuses the held-out scores of the chosen candidate.
"""

from typing import NamedTuple

import numpy as np
from sklearn.base import clone

from skweight._fit.ask import make_resampler
from skweight._fit.calibrate import map_outputs
from skweight._fit.checks import check_emphasis
from skweight._fit.models import (
    Fitted,
    Passed,
    check_out_of_bag,
    count_fits,
    hold_out_rows,
    multipliers_of,
    plan_models,
)
from skweight._fit.weigh import weigh
from skweight._held_out.splits import make_splits
from skweight._utils.warn import unheard
from skweight.calibration import AutoCalibrator
from skweight.delivery._balancing import balances_itself
from skweight.exceptions import CalibrationWarning, FewerThanAskedWarning
from skweight.weighting import AutoWeighting, ProductWeighting, resolve_weighting
from skweight.weighting._auto import at_strength
from skweight.weighting._base import factors_of

# Number of folds in which the calibrator of a candidate is fitted and evaluated.
FOLDS_OF_CALIBRATOR = 5


class Candidate(NamedTuple):
    """One candidate of the comparison: a power of the class weights, or a sampler.

    A candidate changes what a model learns. Calibration removes the effect of the
    candidate on the probabilities.
    """

    name: str
    strength: float | None
    weighting: object
    resampler: object


class Judged(NamedTuple):
    """A candidate that has been fitted on the folds.

    Attributes
    ----------
    candidate : Candidate
        What was fitted: a power of the class weights, or a sampler.
    request : Request
        The request of a fit with the weights or the sampler of the candidate.
    weighed : Weighed
        The rows, with the weights of the candidate.
    passed : Passed
        The fold models and their outputs on held-out rows.
    losses : ndarray of shape (n_samples,)
        Log loss of every row, by a model and a calibrator that have not seen the row.
        NaN if every model or calibrator has seen the row.
    folds : ndarray of shape (n_samples,)
        For each row, the fold whose calibrator is fitted without the row; -1 if the row
        is not used for the choice.
    """

    candidate: Candidate
    request: object
    weighed: object
    passed: Passed
    losses: np.ndarray
    folds: np.ndarray


class Choice(NamedTuple):
    """The chosen candidate (class weights or a sampler), and the results of the choice.

    The class weights or the sampler only change the training, not the population
    weights.

    Attributes
    ----------
    multiplier : ndarray of shape (n_classes,)
        Factors by which the full class weights (power 1) change the class masses.
        Predicted labels use these factors.
    n_fits : int
        Number of fits made for the choice.
    passed : Passed or None
        Fits of the chosen candidate. None if no row could be held out.
    judges : ndarray or None
        Positions, within the held-out rows, of the rows whose losses were compared.
    """

    multiplier: np.ndarray
    n_fits: int
    passed: Passed | None
    judges: np.ndarray | None


class Contest(NamedTuple):
    """The candidates to compare, and the rows to compare them on.

    Attributes
    ----------
    request : Request
        The request of the fit, before the power of the class weights is chosen.
    candidates : list of Candidate
        The candidates, ordered from the weakest class weights to the strongest.
    full : Candidate
        The full class weights (power 1). Predicted labels use the full class weights,
        even if these are not a candidate.
    weighed : Weighed
        The rows with their full class weights.
    plan : Plan
        Which models are fitted for each candidate.
    """

    request: object
    candidates: list
    full: Candidate
    weighed: object
    plan: object


def choose(request, progress):
    """Compute the weights of all rows; for ``weighting="auto"``, choose class weights.

    Returns the request with the chosen candidate (a power of the class weights, or a
    sampler), and the rows with their weights.
    """
    auto = left_open(request)
    if auto is None:
        return request, weigh(request)
    contest = enter(request, auto)
    n_fits = count_fits(contest.plan, len(contest.candidates))
    # If a forest was fitted only for its out-of-bag votes, the final fit fits the
    # forest again.
    again = contest.plan.way == "oob" and not request.holds_out_rows
    progress.begin(n_fits + again)
    judged = list(judge(contest, progress))
    return _chosen(contest, judged) if judged else _least(contest)


def enter(request, auto):
    """Return the candidates of an `AutoWeighting`, and how to compare them."""
    request = _decided_by_probabilities(request)
    full, candidates = _candidates(request, auto)
    strongest = _request_for(request, full)
    weighed = weigh(strongest)
    check_emphasis(strongest, weighed, request.calibrator)
    plan = _plan(strongest, weighed)
    if plan.way == "oob":
        _check_votes(request, plan, candidates)
    return Contest(request, candidates, full, weighed, plan)


def judge(contest, progress):
    """Fit each candidate on the folds; yield the candidate and the log losses of rows.

    The generator is empty if a class has too few rows to be held out.
    """
    request, plan, folds = contest.request, contest.plan, None
    for candidate in contest.candidates if plan.way != "all" else []:
        trial, weighed = _weighed(contest, candidate)
        progress.about = f"{candidate.name}, "
        n_kept = len(plan.splits.pairs) if plan.keeps_fold_models else 1
        passed = hold_out_rows(trial, weighed, plan, progress, n_kept)
        if folds is None:
            folds = _folds_of_calibrators(request, weighed, passed.held_out)
        losses = losses_of(trial, weighed, plan, passed, folds)
        progress.about = ""
        yield Judged(candidate, trial, weighed, passed, losses, folds)


# -- the candidates --------------------------------------------------------------------


def left_open(request):
    """Return the `AutoWeighting` of a request, or None; check all other settings."""
    factors = factors_of(request.weighting)
    open_ones = [factor for factor in factors if isinstance(factor, AutoWeighting)]
    if not open_ones:
        return None
    written = request.params["weighting"]
    if len(open_ones) > 1:
        raise ValueError(
            f"weighting={written!r} contains {len(open_ones)} strategies 'auto', but "
            "only one strength can be chosen. Replace the others, for example by "
            "BalancedWeighting(strength=1)."
        )
    looking = [factor for factor in factors if getattr(factor, "needs_fits", 0)]
    if len(looking) > 1:
        looking.remove(open_ones[0])
        raise ValueError(
            f"weighting={written!r} combines 'auto' with {looking[0]!r}, whose weights "
            "depend on fitted models. These models would have to be fitted again for "
            "every strength. Replace 'auto' by a fixed strength, for example "
            "BalancedWeighting(strength=1)."
        )
    balancing = balances_itself(request.estimator)
    if balancing:
        name, value = balancing[0]
        raise ValueError(
            f"The estimator balances its classes by itself ({name}={value!r}), so "
            f"weighting={written!r} cannot compare with an unweighted fit. Set {name} "
            "back to its default, or set weighting=None."
        )
    return open_ones[0]


def _candidates(request, auto):
    """Return the full class weights, and all candidates from weakest to strongest."""
    strategy = resolve_weighting(auto.strategy)
    _check_strategy(strategy, request)
    full = Candidate("strength 1", 1.0, strategy, request.resampler)
    candidates = [
        Candidate(f"strength {s:g}", s, at_strength(strategy, s), request.resampler)
        for s in auto.checked_strengths()
    ]
    if auto.sampler is not None:
        if request.resampler is not None:
            raise ValueError(
                f"resampler={request.params['resampler']!r} would resample the rows of "
                f"all candidates, but AutoWeighting(sampler={auto.sampler!r}) compares "
                "resampling with weights. Set one of the two to None."
            )
        sampler = make_resampler(auto.sampler, request.params["random_state"])
        name = f"sampler {auto.sampler!r}"
        candidates.append(Candidate(name, None, None, sampler))
    return full, candidates


def _check_strategy(strategy, request):
    """Raise unless a strategy only changes training, with one weight for each class."""
    if strategy is None or any(
        getattr(factor, "needs_fits", False) for factor in factors_of(strategy)
    ):
        raise ValueError(
            "AutoWeighting can choose the strength only of a strategy that gives all "
            f"rows of a class the same weight, such as 'balanced'; got {strategy!r}."
        )
    population = [
        factor for factor in factors_of(strategy) if factor.role == "population"
    ]
    if population:
        raise ValueError(
            f"AutoWeighting chooses class weights by the loss, but {population[0]!r} "
            "says how many rows of the population a row stands for. The loss cannot "
            "choose this. Pass both as factors of a product: "
            "weighting=[population_strategy, 'auto']."
        )
    by_class = getattr(strategy, "_by_class", False) is True
    if not by_class:
        fitted = clone(strategy).fit(request.X, request.y, request.weights.population)
        by_class = fitted._by_class
    if not by_class:
        raise ValueError(
            "AutoWeighting can choose the strength only of a strategy that gives all "
            f"rows of a class the same weight; the weights of {strategy!r} differ "
            "within a class. Use compare_weightings to compare this strategy with "
            "others."
        )


def _request_for(request, candidate):
    """Return the request of a fit with a candidate."""
    factors = [
        candidate.weighting if isinstance(factor, AutoWeighting) else factor
        for factor in factors_of(request.weighting)
    ]
    factors = [factor for factor in factors if factor is not None]
    weighting = ProductWeighting(factors) if len(factors) > 1 else [*factors, None][0]
    return request._replace(weighting=weighting, resampler=candidate.resampler)


def _decided_by_probabilities(request):
    """Return a request with labels by full class weights, also without a calibrator.

    If the estimator itself predicted the labels, they would follow the class weights
    that were chosen for training, not the full class weights.
    """
    written = request.params["decision"]
    if request.calibrator is not None or written != "auto":
        return request
    request = request._replace(params=request.params | {"decision": request.decision})
    if not hasattr(request.estimator, "predict_proba"):
        raise TypeError(
            f"weighting={request.params['weighting']!r} needs probabilities for its "
            f"labels, but {type(request.estimator).__name__} has no predict_proba. Set "
            "calibration='auto', which computes probabilities from scores."
        )
    return request


# -- how candidates are judged ---------------------------------------------------------


def _plan(request, weighed):
    """Return which models are fitted to evaluate a candidate.

    If only the comparison of candidates needs held-out rows, the final fit uses all
    rows.
    """
    if request.holds_out_rows:
        return plan_models(request, weighed)
    plan = plan_models(request._replace(calibrator=AutoCalibrator()), weighed)
    calibrator = plan.calibrator if request.calibrator is None else request.calibrator
    return plan._replace(calibrator=calibrator, keeps_fold_models=False)


def _check_votes(request, plan, candidates):
    """Raise if rows that evaluate a candidate would also train another candidate."""
    if plan.splits is not None:
        raise ValueError(
            "cv='oob' with unsupported='subsample' leaves out different rows at each "
            "strength, and no rows without weights. So "
            f"weighting={request.params['weighting']!r} cannot compare the strengths. "
            "Use cv='auto'."
        )
    for candidate in candidates:
        check_out_of_bag(_request_for(request, candidate))


def _folds_of_calibrators(request, weighed, held_out):
    """Return, for every row, its fold: the calibrator of a fold does not see its rows.

    The fold is -1 for a row that no calibrator is judged on.

    Rows that are reserved for prediction sets are not used to compare candidates.
    """
    folds, rows = np.full(len(request.y), -1), held_out.rows
    if request.params.get("conformal") == "split":
        pairs = _split(request, weighed, rows, 2)
        rows = rows[pairs[0][0]] if pairs else rows[:0]
    for fold, (_, left_out) in enumerate(
        _split(request, weighed, rows, FOLDS_OF_CALIBRATOR)
    ):
        folds[rows[left_out]] = fold
    return folds


def _split(request, weighed, rows, n_folds):
    """Return stratified pairs of training and test positions for some rows.

    The list of pairs is empty if the rows cannot be split.
    """
    groups, population = _groups_and_population(request, weighed, rows)
    if not rows.size or (groups is not None and np.unique(groups).size < 2):
        return []
    with unheard(FewerThanAskedWarning):
        splits = make_splits(
            n_folds,
            None,
            request.y[rows],
            population,
            request.params["random_state"],
            {} if groups is None else {"groups": groups},
        )
    return [] if splits is None else splits.pairs


def _groups_and_population(request, weighed, rows):
    """Return groups and population weights of some rows, each None if not given."""
    return (
        None if values is None else np.asarray(values)[rows]
        for values in (
            request.arguments["splitter"].get("groups"),
            weighed.population,
        )
    )


def losses_of(request, weighed, plan, passed, folds):
    """Return each row's log loss by a map fitted without the row; otherwise NaN.

    The map turns model outputs into probabilities.
    """
    if plan.calibrator is None:  # only calibrated candidates are on one scale
        plan = plan._replace(calibrator=AutoCalibrator())
    held_out, models = passed.held_out, [model for model, _ in passed.models]
    multipliers = multipliers_of(request, models, weighed.figures)
    fitted = Fitted(models, [], 0, held_out, multipliers)
    of_row = folds[held_out.rows]
    losses = np.full(len(request.y), np.nan)
    for fold in range(folds.max() + 1):
        scored = of_row == fold
        kept = np.flatnonzero((of_row >= 0) & ~scored)
        with unheard(CalibrationWarning):  # only the calibrator that is kept warns
            mapped = map_outputs(request, weighed, plan, fitted, kept)
        proba = mapped.of_outputs(held_out.outputs[scored])
        rows = held_out.rows[scored]
        proba = proba[np.arange(rows.size), request.codes[rows]]
        losses[rows] = -np.log(np.maximum(proba, np.finfo(np.float64).tiny))
    return losses


# -- the choice ------------------------------------------------------------------------


def select(losses, weights=None, groups=None):
    """Return the first candidate that is not clearly worse than the best candidate.

    Parameters
    ----------
    losses : ndarray of shape (n_candidates, n_rows)
        Losses of the rows. If two candidates are about equally good, the candidate in
        the earlier row of `losses` is preferred.
    weights : ndarray of shape (n_rows,), default=None
        Population weights.
    groups : array-like of shape (n_rows,), default=None
        All rows of one group count as one observation.

    Returns
    -------
    chosen : int
        Position of the first candidate whose mean loss is at most one paired standard
        error above the lowest mean loss.
    means, excesses, errors : ndarray of shape (n_candidates,)
        For each candidate: the mean loss, its difference to the lowest mean loss, and
        the paired standard error of this difference.
    """
    weights = np.ones(losses.shape[1]) if weights is None else weights
    means = losses @ weights / weights.sum()
    best = int(np.argmin(means))
    excesses = means - means[best]
    apart = (losses - losses[best] - excesses[:, np.newaxis]) * weights
    if groups is not None:
        _, of = np.unique(groups, return_inverse=True)
        apart = np.array([np.bincount(of.ravel(), row) for row in apart])
    errors = np.sqrt((apart**2).sum(axis=1)) / weights.sum()
    return int(np.argmax(excesses <= errors)), means, excesses, errors


def compared(judged):
    """Return the chosen position, the table of losses, and the compared rows.

    Candidates are compared on the rows that every candidate has held out. If the
    candidates have no held-out row in common, the candidate with the weakest class
    weights is chosen.
    """
    losses = np.array([judgement.losses for judgement in judged])
    rows = np.flatnonzero(np.isfinite(losses).all(axis=0))
    if not rows.size:
        return 0, [], rows
    first = judged[0]
    groups, weights = _groups_and_population(first.request, first.weighed, rows)
    position, *figures = select(losses[:, rows], weights, groups)
    table = [
        {
            "name": judgement.candidate.name,
            "strength": judgement.candidate.strength,
            "log_loss": float(mean),
            "above_lowest": float(excess),
            "standard_error": float(error),
            "chosen": judgement is judged[position],
        }
        for judgement, mean, excess, error in zip(judged, *figures, strict=True)
    ]
    return position, table, rows


def _chosen(contest, judged):
    """Return the request and the rows of the chosen candidate."""
    position, table, rows = compared(judged)
    winner = judged[position]
    judges = np.flatnonzero(np.isin(winner.passed.held_out.rows, rows))
    keeps = contest.plan.keeps_fold_models or contest.plan.way == "oob"
    passed = winner.passed if keeps else winner.passed._replace(models=[])
    choice = Choice(
        np.array(contest.weighed.figures["class_multiplier"]),
        sum(judgement.passed.n_fits for judgement in judged),
        passed,
        judges if judges.size else None,
    )
    said = _sentence(table, rows.size) if table else _say_least(winner.candidate)
    figures = winner.weighed.figures | {"weightings": table, "choice": said}
    return winner.request, winner.weighed._replace(choice=choice, figures=figures)


def _least(contest):
    """Return request and rows of the weakest candidate, if no row can be held out."""
    candidate = contest.candidates[0]
    request, weighed = _weighed(contest, candidate)
    multiplier = np.array(contest.weighed.figures["class_multiplier"])
    figures = weighed.figures | {"choice": _say_least(candidate)}
    choice = Choice(multiplier, 0, None, None)
    return request, weighed._replace(choice=choice, figures=figures)


def _weighed(contest, candidate):
    """Return the request of a fit with a candidate, and its rows with weights."""
    request, weighed = _request_for(contest.request, contest.full), contest.weighed
    if candidate.strength != 1:
        request = _request_for(contest.request, candidate)
        weighed = weigh(request)
    return request, weighed._replace(splits=contest.plan.splits)


def _say_least(candidate):
    return (
        f"{candidate.name}, the least emphasis, because a class has too few rows for a "
        "comparison, or the held-out rows have too few groups"
    )


def _sentence(table, n_rows):
    """Say what was chosen, and why."""
    best = min(table, key=lambda row: row["log_loss"])
    chosen = next(row for row in table if row["chosen"])
    said = f"{chosen['name']}, one of {len(table)} candidates. Its log loss after "
    said += f"calibration is {chosen['log_loss']:.4g} on {n_rows:,} held-out rows. "
    if chosen is best is table[0]:
        return f"{said}No candidate has a lower loss, and none has less emphasis"
    if chosen is best:
        return (
            f"{said}This is the lowest loss. With less emphasis, the loss is higher by "
            "more than one standard error"
        )
    return (
        f"{said}The loss of {best['name']} is lower by {chosen['above_lowest']:.2g}, "
        f"which is within one standard error ({chosen['standard_error']:.2g}). So the "
        "candidate with less emphasis was chosen"
    )
