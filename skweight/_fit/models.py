"""The third step of a fit: fit fold models and a final model, as few as possible."""

from copy import copy
from functools import partial
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from skweight._fit.probabilities import needs_held_out_scores
from skweight._held_out.cross_fit import HeldOut, cross_fit
from skweight._held_out.left_out import check_leaves_out, fit_and_leave_out
from skweight._held_out.oob import out_of_bag
from skweight._held_out.outputs import (
    RAW_SCORES,
    no_probabilities,
    output_method,
    outputs_of,
)
from skweight._held_out.splits import Splits, check_word, make_splits
from skweight._utils.compat import clone_learner
from skweight._utils.families import (
    gives_raw_scores,
    is_forest,
    is_linear,
    is_of_trees,
)
from skweight._utils.progress import Progress
from skweight.calibration import PriorCalibrator
from skweight.delivery._arguments import offsets_of
from skweight.delivery._balancing import inner_multiplier

# Text that the report appends to the sentence about the source of the held-out rows.
AVERAGED = ", whose models are averaged"


class Plan(NamedTuple):
    """Which models will be fitted, and why.

    Attributes
    ----------
    way : {"all", "frozen", "oob", "folds"}
        Source of held-out scores. "all": there are none. "frozen": the frozen model.
        "oob": for each row, the trees that did not draw it (if `splits` is not None:
        the single model, fitted without the row). "folds": fold models.
    splits : Splits or None
        Pairs of positions of training and held-out rows; None if there are no held-out
        rows.
    keeps_fold_models : bool
        Whether the fold models predict. If True, no model is fitted on all rows.
    calibrator : calibrator or None
        The calibrator to use. If no row can be held out, this calibrator is a formula
        that undoes the class weights.
    asks_whether_to_average : bool
        Whether the fit keeps fold models only if the held-out rows show that their
        average is better.
    """

    way: str
    splits: Splits | None
    keeps_fold_models: bool
    calibrator: object
    asks_whether_to_average: bool = False


class Multipliers(NamedTuple):
    """The mass of each class in training, divided by the class mass in the population.

    Attributes
    ----------
    by_rows : ndarray of shape (n_classes,)
        For each class, the training mass of the rows given to the learner, divided by
        the population mass of these rows.
    inner : ndarray of shape (n_classes,)
        Factors by which the learner itself multiplies the classes, because of
        parameters such as ``class_weight``.
    in_all : ndarray of shape (n_classes,)
        The product of `by_rows` and `inner`.
    training_share : ndarray of shape (n_classes,)
        Share of each class in the training mass, in [0, 1].
    """

    by_rows: np.ndarray
    inner: np.ndarray
    in_all: np.ndarray
    training_share: np.ndarray


class Passed(NamedTuple):
    """Results of all fits before the final fit: outputs on held-out rows, models.

    Attributes
    ----------
    held_out : HeldOut
        Outputs on the held-out rows.
    models : list of tuple
        Pairs of a kept model and its deliveries (records of how it got its weights).
    n_fits : int
        Number of fits.
    """

    held_out: HeldOut
    models: list
    n_fits: int


class Fitted(NamedTuple):
    """Fitted models, and the outputs on rows that the models were not fitted on.

    Attributes
    ----------
    models : list of estimator
        Models that predict.
    deliveries : list of Delivery
        The deliveries of the first model: records of how it got its weights.
    n_fits : int
        Number of fits of the estimator.
    held_out : HeldOut or None
        Outputs on held-out rows. None if outputs are not needed or not possible.
    multipliers : Multipliers or None
        Factors by which training changed the mass of each class; None for a regression.
    """

    models: list
    deliveries: list
    n_fits: int
    held_out: HeldOut | None = None
    multipliers: Multipliers | None = None


def plan_models(request, weighed):
    """Decide which models are fitted; make folds if the fit needs them."""
    calibrator, params = request.calibrator, request.params
    wanted = request.holds_out_rows
    if request.is_frozen:
        # If the calibrator is only a formula that undoes the class weights, the frozen
        # model still predicts the rows: these predictions show whether the formula is
        # correct.
        way = "frozen" if wanted or calibrator is not None else "all"
        return Plan(way, None, False, calibrator)
    if not wanted:
        return Plan("all", None, False, calibrator)
    cv, metadata = check_word(params["cv"]), request.arguments["splitter"]
    if isinstance(cv, str) and cv == "oob":
        check_out_of_bag(request)
        if weighed.training.unsupported != "subsample" or is_forest(request.estimator):
            return Plan("oob", None, False, calibrator)
        return _plan_left_out(request, weighed)
    splits = weighed.splits or make_splits(
        cv, weighed.X, request.y, weighed.population, params["random_state"], metadata
    )
    if splits is None:
        return Plan("all", None, False, _without_held_out_rows(request))
    if params.get("conformal") == "split":
        if len(splits.pairs) > 1:
            raise ValueError(
                "conformal='split' needs a single hold-out, but cv makes "
                f"{len(splits.pairs)} pairs of training and test rows. Set "
                "cv='holdout', or conformal='cross'."
            )
        splits = splits._replace(is_holdout=True)
    ensemble = params["ensemble"]
    if params.get("conformal") is not None and splits.is_holdout:
        # The coverage of prediction sets holds only for the model that gave the
        # held-out scores.
        ensemble = True
    keeps = _keeps(
        ensemble,
        splits,
        len(request.y),
        calibrator is not None,
        request.estimator,
    )
    if not keeps:
        # A pair has no test rows if earlier pairs test the same rows. Pairs without
        # test rows are dropped: they are used only if the fold models predict.
        pairs = [pair for pair in splits.pairs if pair[1].size]
        splits = splits._replace(pairs=pairs)
    asks = keeps and ensemble == "auto" and not splits.is_holdout
    asks = asks and params.get("conformal") is None
    return Plan("folds", splits, keeps, calibrator, asks)


def fit_models(request, weighed, plan, progress=None):
    """Fit the final model and the fold models; keep the models that predict.

    For k folds, there are at most k + 1 fits, or k fits if fold models are kept. Fits
    that were made to compare candidates are reused. `progress` reports each fit.
    """
    training, X, y = weighed.training, weighed.X, request.y
    progress = Progress(None, 0) if progress is None else progress
    passed, n_passes = None, 0
    if weighed.choice is None:
        progress.begin(count_fits(plan))
    elif plan.way in ("oob", "folds"):
        passed = weighed.choice.passed
    final = []
    if plan.way != "oob" and not plan.keeps_fold_models:
        final = [progress.call("all rows", training.fit, X, y)]
    if plan.way in ("oob", "folds") and passed is None:
        n_kept = len(plan.splits.pairs) if plan.keeps_fold_models else 0
        passed = hold_out_rows(request, weighed, plan, progress, n_kept)
        n_passes = passed.n_fits
    pairs = final or passed.models
    models = [model for model, _ in pairs]
    held_out = None if passed is None else passed.held_out
    if plan.way == "frozen":
        held_out = _score_frozen(models[0], request, weighed, plan)
    elif plan.way == "folds" and len(models) > 1:
        held_out = held_out._replace(source=held_out.source + AVERAGED)
    n_fits = n_passes + (0 if request.is_frozen else len(final))
    fitted = Fitted(models, pairs[0][1], n_fits, held_out)
    if request.classes is None:
        return fitted
    multipliers = multipliers_of(request, fitted.models, weighed.figures)
    return fitted._replace(multipliers=multipliers)


def count_fits(plan, n_candidates=1):
    """Return the number of fits of `fit_models`, for the given number of candidates."""
    n_folds = len(plan.splits.pairs) if plan.way == "folds" else plan.way == "oob"
    final = plan.way != "oob" and not plan.keeps_fold_models
    return n_candidates * n_folds + final


def hold_out_rows(request, weighed, plan, progress, n_kept):
    """Fit the fold models; return outputs on held-out rows, and `n_kept` models."""
    training, X, y = weighed.training, weighed.X, request.y
    if plan.way == "oob" and plan.splits is None:
        return progress.call("all rows", _fit_out_of_bag, training, X, y)
    if plan.way == "oob":
        part = "a part of the rows"
        return progress.call(part, _fit_and_leave_out, request, weighed, plan)
    held_out, models = cross_fit(
        training,
        X,
        y,
        plan.splits.pairs,
        output_of(request, plan),
        request.classes,
        n_jobs=request.params["n_jobs"],
        n_kept=n_kept,
        progress=progress,
    )
    return Passed(held_out, models, len(plan.splits.pairs))


def fit_all_rows(request, weighed, fitted, progress):
    """Replace the fold models by one model that is fitted on all rows."""
    progress.begin_more(1)
    model, deliveries = progress.call(
        "all rows", weighed.training.fit, weighed.X, request.y
    )
    source = fitted.held_out.source.removesuffix(AVERAGED)
    return fitted._replace(
        models=[model],
        deliveries=deliveries,
        n_fits=fitted.n_fits + 1,
        held_out=fitted.held_out._replace(source=source),
        multipliers=multipliers_of(request, [model], weighed.figures),
    )


def _score_frozen(model, request, weighed, plan):
    """Return the outputs of a frozen model on all rows with positive weight."""
    method, population = output_of(request, plan)(model), weighed.population
    rows = np.arange(len(request.y)) if population is None else population.nonzero()[0]
    offsets = offsets_of(weighed.training.fit_params, slice(None), len(request.y))
    outputs = outputs_of(model, weighed.X, method, request.classes, offsets)[rows]
    return HeldOut(outputs, rows, method, "the frozen model")


def output_of(request, plan):
    """Return a function that selects the method by which a model gives its scores.

    The function is pickled for the processes that fit the folds, so there must be no
    rows inside the function.
    """
    decides = not estimator_decides(request, plan)
    return partial(
        _output_method,
        calibrator=plan.calibrator,
        decision=request.params["decision"] if decides else None,
    )


def calibrated_method(model, calibrator):
    """Return the method of an estimator whose outputs a calibrator uses."""
    closed_form = not needs_held_out_scores(calibrator)
    takes_scores = getattr(calibrator, "takes_raw_scores", False)
    if closed_form and takes_scores and gives_raw_scores(model):
        return RAW_SCORES
    return output_method(model, probabilities=closed_form)


def _output_method(model, *, calibrator, decision):
    if calibrator is not None:
        return calibrated_method(model, calibrator)
    if decision is not None and gives_raw_scores(model):
        raise TypeError(no_probabilities(model))
    if decision is not None and not hasattr(model, "predict_proba"):
        raise TypeError(
            f"decision={decision!r} needs probabilities, but {type(model).__name__} "
            "has no predict_proba. Set calibration='sigmoid', which computes "
            "probabilities from scores."
        )
    return "predict_proba"


def estimator_decides(request, plan):
    """Return whether the wrapped estimator predicts the labels."""
    decision = request.params["decision"]
    named = isinstance(decision, str) and decision in ("auto", "argmax")
    return named and plan.calibrator is None


def multipliers_of(request, models, figures):
    """Return class multipliers (training / population mass); ask the models first.

    The weights do not show whether a Pipeline resamples, or whether a learner balances
    because of its own parameters. So the fitted models are asked first.
    """
    classes = request.classes
    multiplier = np.array(figures["class_multiplier"])
    methods = [getattr(model, "_multiplier_of", None) for model in models]
    answers = [] if None in methods else [ask(classes) for ask in methods]
    if answers and not any(answer is None for answer in answers):
        multiplier = np.mean(answers, axis=0)
    mass = multiplier * np.array(figures["population_share"])
    inner = np.ones(classes.size)
    if not request.says_how_it_was_fitted:
        inner = inner_multiplier(models[0], classes, mass)
        for model in models[1:]:
            inner = inner + inner_multiplier(model, classes, mass)
        inner = inner / len(models)
    mass = mass * inner
    return Multipliers(multiplier, inner, multiplier * inner, mass / mass.sum())


def _keeps(ensemble, splits, n_samples, averages, estimator):
    """Return whether the fold models predict, so that no model is fitted on all rows.

    An average of fold models can be worth its cost if two conditions hold. First, the
    models change much if their training rows change. Second, every fold model is
    trained on at least half of the rows; in a time series, this is not so for early
    folds. Without a calibrator, `averages` is False, because outputs of different
    models have different scales.
    """
    if not ensemble:
        return False
    if splits.is_holdout:
        return True
    if not averages and len(splits.pairs) > 1:
        return False
    if ensemble != "auto":
        return True
    smallest = min(train.size for train, _ in splits.pairs)
    return (
        averages
        and len(splits.pairs) > 1
        and 2 * smallest >= n_samples
        and (is_of_trees(estimator) or is_linear(estimator))
    )


def _without_held_out_rows(request):
    """Return the calibrator to use if a class is too rare to be held out."""
    params, estimator = request.params, request.estimator
    if params.get("conformal") is not None:
        raise ValueError(
            f"conformal={params['conformal']!r} needs held-out rows of every class. "
            "The rarest class has a single row, or cv holds out none of its rows. "
            "Collect more rows, change cv, or set conformal=None."
        )
    if request.decision_learns:
        raise ValueError(
            f"decision={params['decision']!r} needs held-out rows of every class. The "
            "rarest class has a single row, or cv holds out none of its rows. Collect "
            "more rows, change cv, or use a decision that needs no held-out rows, such "
            "as a CostMatrix or a number."
        )
    if not hasattr(estimator, "predict_proba"):
        raise ValueError(
            f"calibration={params['calibration']!r} needs held-out rows of every "
            "class. The rarest class has a single row, or cv holds out none of its "
            "rows. The closed form (calibration='prior') cannot replace it, because "
            f"{type(estimator).__name__} has no predict_proba. Collect more rows, "
            "change cv, drop the class, or set calibration=None."
        )
    return PriorCalibrator()


def _plan_left_out(request, weighed):
    """Return the plan of a single fit on a subsample, which leaves out rows."""
    params = request.params
    check_leaves_out(request.estimator)
    asked = "conformal" if params.get("conformal") is not None else None
    asked = "validation rows" if request.validation is not None else asked
    if asked or "training_rows" not in weighed.figures:
        reason = (
            f"is not made for {asked}" if asked else "needs weights to draw rows by"
        )
        raise ValueError(
            f"cv='oob' with unsupported='subsample' {reason}. Use cv='auto'."
        )
    splits = make_splits(
        "holdout", weighed.X, request.y, weighed.population, params["random_state"], {}
    )
    if splits is None:
        return Plan("all", None, False, _without_held_out_rows(request))
    return Plan("oob", splits, False, request.calibrator)


def _fit_and_leave_out(request, weighed, plan):
    seed = request.params["random_state"]
    if not isinstance(seed, int | np.integer):
        seed = check_random_state(seed).randint(2**31 - 1)
    model, deliveries, held_out = fit_and_leave_out(
        weighed.training,
        weighed.X,
        request.y,
        plan.splits.pairs[0],
        output_of(request, plan),
        request.classes,
        seed,
    )
    return Passed(held_out, [(model, deliveries)], 1)


def check_out_of_bag(request):
    """Raise if the rows that a tree did not draw cannot be used as held-out rows."""
    if request.arguments["splitter"].get("groups") is not None:
        raise ValueError(
            "cv='oob' cannot keep groups together: a tree that did not draw a row may "
            "have drawn other rows of its group. Use cv='auto', or do not pass groups."
        )
    if request.resampler is not None:
        raise ValueError(
            "cv='oob' needs votes for the original rows, but with a resampler the "
            "trees draw from resampled rows. Use cv='auto'."
        )


def _fit_out_of_bag(training, X, y):
    training = copy(training)
    training.estimator = clone_learner(training.estimator)
    model, deliveries, outputs, rows = out_of_bag(training, X, y)
    held_out = HeldOut(
        outputs, rows, "predict_proba", "the trees that did not draw them"
    )
    return Passed(held_out, [(model, deliveries)], 1)
