"""`compare_weightings`: compare strategies on the same folds."""

import sys
import time
from dataclasses import dataclass

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv
from sklearn.utils import _safe_indexing, check_random_state, indexable
from sklearn.utils.parallel import Parallel, delayed

from skweight._utils.columns import warn_of_order
from skweight._utils.compat import run_with_callbacks
from skweight._utils.roles import in_range
from skweight._utils.validation import (
    check_labels,
    check_number,
    check_rows,
    check_weights,
    encode_labels,
    is_sequence,
    n_rows,
    plain,
    say,
)
from skweight._utils.warn import warn
from skweight.delivery._arguments import take_params
from skweight.exceptions import FewerThanAskedWarning
from skweight.selection._candidates import candidates
from skweight.selection._comparison import Design, WeightingComparison
from skweight.selection._figures import METRICS, figures_of
from skweight.weighting import DensityRatioWeighting, resolve_weighting
from skweight.weighting._base import multiply

N_FOLDS = 5


def compare_weightings(
    estimator,
    X,
    y,
    *,
    weightings=None,
    calibrations="sigmoid",
    strengths=None,
    ablation=False,
    baseline=None,
    scoring=None,
    cv=None,
    sample_weight=None,
    population=None,
    X_target=None,
    groups=None,
    params=None,
    pos_label=None,
    error_score=np.nan,
    resume=None,
    callbacks=(),
    verbose=0,
    n_jobs=None,
    random_state=None,
):
    r"""Cross-validate weighting strategies on the same folds.

    Every strategy is fitted on the training rows of every fold and evaluated on the
    held-out rows. The weight of a held-out row says how many rows of the population the
    row stands for. This weight is one, the `sample_weight` of the row, or the density
    ratio between `X_target` and the training rows. Emphasis weights (weights that only
    change the learning) are never used for the evaluation, because they would favour
    models trained with emphasis weights.

    Strategies are compared with the baseline (usually no weights) on the same folds.
    The training rows of the folds overlap, so the usual standard error of the mean
    difference is too small. A corrected standard error is used [1]_:

    .. math:: \sqrt{\left(\frac1J + \frac{n_{test}}{n_{train}}\right) s^2}

    where :math:`s^2` is the variance over the :math:`J` folds. Intervals and p-values
    use Student's t with :math:`J - 1` degrees of freedom.

    Parameters
    ----------
    estimator : classifier
        Classifier, Pipeline or search to be trained with weights. A
        `WeightedClassifier` keeps its settings except the weighting and the
        calibration, for example its stabilizer or decision.
    X : array-like of shape (n_samples, n_features)
        Rows for the cross-validation.
    y : array-like of shape (n_samples,)
        Class labels.
    weightings : dict, list or weighting, default=None
        The strategies to compare, by name. A strategy is any value of ``weighting=`` of
        `WeightedClassifier`, or a classifier, which is used unchanged. None means
        ``"balanced"``. The strategy ``"none"``, without weights, is always compared.
    calibrations : None, str, calibrator, list or dict, default="sigmoid"
        One calibrator or several calibrators. Each weighting is combined with each
        calibrator.
    strengths : iterable of float, default=None
        Every weighting is also compared at each of these strengths, with the first
        calibration. The strength is the parameter `strength` or `exponent` of the
        weighting. If the weighting has neither parameter, its weights are raised to the
        power of the strength.
    ablation : bool, default=False
        Whether to compare every strategy also without weights, without calibration, and
        without both.
    baseline : str, default=None
        Name of the strategy with which all other strategies are compared. None means
        the first strategy without weights.
    scoring : str, callable, list or dict, default=None
        Further scorers of scikit-learn. Scorers get the population weights, if there
        are any.
    cv : int, splitter, iterable or None, default=None
        Folds of the cross-validation. None means 5 folds. A number means shuffled
        stratified folds; rows of the same group (`groups`) stay in the same fold. More
        folds and repeats make intervals narrower, but each additional fold needs one
        more fit of every strategy.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights: how many rows of the population each row stands for.
    population : weighting, default=None
        Strategy for the weights of held-out rows, such as `PriorWeighting`. Its role
        must be "population". If `X_target` is given, None means
        ``DensityRatioWeighting(X_target)``. If not, None means that the weights of
        held-out rows are the `sample_weight` values of these rows.
    X_target : array-like of shape (n_target, n_features), default=None
        Unlabelled rows of the population of interest. Strategies that need target rows
        but have none get the rows of `X_target`.
    groups : array-like of shape (n_samples,), default=None
        Group of each row. Rows of the same group are never on both sides of a split,
        neither in the folds nor in the splits of a calibrator.
    params : dict, default=None
        Further arguments of `fit`. An array with one entry per row is split into folds,
        in the same way as the rows.
    pos_label : object, default=None
        With two classes, the class whose ranking and probability are reported. None
        means the rarer class.
    error_score : "raise" or float, default=nan
        Score of a strategy in a fold if the fit of the strategy fails in this fold. The
        error message is stored, and all other strategies continue. With ``"raise"``,
        the error is raised.
    resume : WeightingComparison, default=None
        An earlier comparison of the same rows. The finished folds of the earlier
        comparison are not fitted again. Use `resume` after an interruption, or to add
        strategies.
    callbacks : list of callbacks, default=()
        Callbacks of scikit-learn 1.9 or newer, such as ``ProgressBar()``. The
        comparison stops if a callback requests it.
    verbose : int, default=0
        Whether to show a progress bar on standard error.
    n_jobs : int or None, default=None
        Number of fits to run in parallel.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds, and of all splits inside the strategies.

    Returns
    -------
    comparison : WeightingComparison
        The results. Print the object, or use its methods `to_frame`, `plot` and
        `to_html`.

    Raises
    ------
    ValueError
        If an argument cannot be used, or if every strategy fails in every fold.

    Warns
    -----
    FitFailedWarning
        If the fit of a strategy fails, as in cross-validation of scikit-learn.
    FewerThanAskedWarning
        If the comparison is interrupted from the keyboard. The results of the finished
        folds are returned.

    See Also
    --------
    recommend_weighting : Gives advice instead of a table.
    skweight.inspection.weight_report : Diagnostics of the weights of one strategy.

    Notes
    -----
    The number of fits is the number of folds times the number of strategies. If the
    calibrator uses k folds, this number is multiplied by k + 1, because the calibrator
    splits the training rows of each fold.

    With many comparisons, some differences are significant by chance. `to_frame` has
    p-values adjusted for the number of strategies (Holm), in addition to unadjusted
    p-values. P-values are not adjusted for the number of metrics. Therefore choose in
    advance which metric decides.

    References
    ----------
    .. [1] C. Nadeau, Y. Bengio, Inference for the generalization error, Machine
       Learning 52, 2003, section 3.2.
    .. [2] R. R. Bouckaert, E. Frank, Evaluating the replicability of significance
       tests for comparing learning algorithms, PAKDD 2004, section 3.3.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skweight import BalancedWeighting, compare_weightings
    >>> X, y = make_classification(1000, weights=[0.9], flip_y=0.05, random_state=0)
    >>> comparison = compare_weightings(
    ...     LogisticRegression(),
    ...     X,
    ...     y,
    ...     weightings={"balanced": "balanced", "half": BalancedWeighting(0.5)},
    ...     calibrations=None,
    ...     random_state=0,
    ... )
    >>> table = comparison.summary(["recall", "log_loss"], errors=False)
    >>> print(table.round(2).to_string(index_names=False))
              Recall 0  Recall 1  Log loss
    none          0.99      0.63      0.21
    balanced      0.89      0.78      0.36
    half          0.97      0.71      0.24
    """
    y = check_labels(y, owner="compare_weightings")
    check_rows(X, y)
    (X,) = indexable(X)
    classes, codes = encode_labels(y)
    if classes.size < 2:
        raise ValueError(
            "compare_weightings needs rows of at least 2 classes; y contains only "
            f"the class {say(classes[0])}."
        )
    seed = _seed(random_state, resume)
    strategies = candidates(
        estimator, weightings, calibrations, strengths, ablation, X_target
    )
    baseline = _baseline(baseline, strategies)
    scorers = _scorers(scoring)
    fail = _raises(error_score)
    if sample_weight is not None:
        warn_of_order(sample_weight, X)
        sample_weight = in_range(check_weights(sample_weight, n_rows(X)))
    weight, whose = _validation_weight(population, X_target, X, y, sample_weight)
    positive = _positive(pos_label, classes, codes, weight)
    splits = _splits(cv, X, y, groups, seed)
    params = {} if params is None else dict(params)
    if groups is not None:
        params["groups"] = np.asarray(groups)
    task = _Task(
        X, y, classes, positive, sample_weight, weight, params, scorers, seed, fail
    )
    ratios = [len(test) / len(train) for train, test in splits]
    design = Design(
        n_rows=len(y),
        classes=[plain(label) for label in classes],
        pos_label=None if positive is None else plain(classes[positive]),
        weights=whose,
        grouped=groups is not None,
        n_folds=len(splits),
        test_over_train=float(np.mean(ratios)),
        scorers=list(scorers),
        estimator=repr(estimator),
        seed=seed,
        fingerprint=_fingerprint(X, y, weight, sample_weight, splits),
    )
    cells = _finished(resume, design, strategies)
    _add_missing(cells, strategies, splits, task, n_jobs, callbacks, verbose)
    _look_at_failures(cells, error_score)
    place = {strategy.name: position for position, strategy in enumerate(strategies)}
    in_order = sorted(cells, key=lambda key: (key[1], place[key[0]]))
    return WeightingComparison(
        cells=[cells[key] for key in in_order],
        strategies=[strategy.told() for strategy in strategies],
        baseline=baseline,
        error_score=np.nan if fail else float(error_score),
        design=design,
    )


@dataclass(frozen=True)
class Cell:
    """The result of a strategy in a fold: scores, or an error message."""

    strategy: str
    fold: int
    figures: dict
    message: str | None


@dataclass(frozen=True)
class _Task:
    """The values that all fits of a comparison share."""

    X: object
    y: np.ndarray
    classes: np.ndarray
    positive: int | None
    sample_weight: np.ndarray | None
    weight: np.ndarray | None
    params: dict
    scorers: dict
    seed: int
    fail: bool


def _add_missing(cells, strategies, splits, task, n_jobs, callbacks, verbose):
    """Fit strategies in all folds where results are missing; warn if interrupted."""
    missing = [
        (strategy, fold, *split)
        for fold, split in enumerate(splits)
        for strategy in strategies
        if (strategy.name, fold) not in cells
    ]
    bar = _Bar(len(missing)) if verbose else None
    jobs = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(
        delayed(_run)(strategy, fold, train, test, task)
        for strategy, fold, train, test in missing
    )

    def take(cell):
        cells[cell.strategy, cell.fold] = cell
        if bar is not None:
            bar.step()

    try:
        run_with_callbacks(
            jobs, take, callbacks, n_steps=len(missing), name="compare_weightings"
        )
    except KeyboardInterrupt:
        if not cells:
            raise
        warn(
            f"The comparison was interrupted after {len(cells)} of "
            f"{len(splits) * len(strategies)} fits. The result contains the folds "
            "that all strategies have finished. To compute the other folds, pass "
            "the result as resume=.",
            FewerThanAskedWarning,
        )
    finally:
        if bar is not None:
            bar.close()


def _run(candidate, fold, train, test, task):
    """Fit a strategy on the training rows of a fold, and evaluate the held-out rows."""
    try:
        figures = _fit_and_measure(candidate, train, test, task)
    except Exception as error:
        if task.fail:
            raise
        message = f"{type(error).__name__}: {error}"
        return Cell(candidate.name, fold, {}, message)
    return Cell(candidate.name, fold, figures, None)


def _fit_and_measure(candidate, train, test, task):
    n = len(task.y)
    classifier = clone(candidate.classifier)
    if classifier.random_state is None:
        classifier.set_params(random_state=task.seed)
    arguments = take_params(task.params, train, n)
    if task.sample_weight is not None:
        arguments["sample_weight"] = task.sample_weight[train]
    start = time.perf_counter()
    classifier.fit(
        _safe_indexing(task.X, train), _safe_indexing(task.y, train), **arguments
    )
    fitted = time.perf_counter()
    weight = None
    if task.weight is not None:
        # Rows with a population weight of zero are not evaluated.
        test = test[task.weight[test] > 0]
        weight = task.weight[test]
    figures = {}
    if test.size:
        X, y = _safe_indexing(task.X, test), _safe_indexing(task.y, test)
        figures = figures_of(classifier, X, y, weight, task.classes, task.positive)
        predicted = time.perf_counter()
        for name, scorer in task.scorers.items():
            weights = {} if weight is None else {"sample_weight": weight}
            figures[name, None] = float(scorer(classifier, X, y, **weights))
        figures["predict_time", None] = predicted - fitted
    figures["effective_sample_size", None] = classifier.report_.effective_sample_size
    figures["fit_time", None] = fitted - start
    return {
        (metric, None if label is None else plain(label)): float(value)
        for (metric, label), value in figures.items()
    }


# -- arguments -------------------------------------------------------------------------


def _raises(error_score):
    """Check `error_score`; return whether the error of a failing fit is raised."""
    fail = isinstance(error_score, str) and error_score == "raise"
    if not (fail or (isinstance(error_score, float) and np.isnan(error_score))):
        check_number(error_score, name="error_score")
    return fail


def _seed(random_state, resume):
    """Return the seed of the folds; `resume` takes that of the earlier comparison."""
    if resume is not None and random_state is None:
        return resume.design.seed
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def _splits(cv, X, y, groups, seed):
    if cv is None or isinstance(cv, int | np.integer):
        n_folds = N_FOLDS if cv is None else cv
        check_number(n_folds, name="cv", low=2)
        kind = StratifiedKFold if groups is None else StratifiedGroupKFold
        cv = kind(n_folds, shuffle=True, random_state=seed)
    rows = np.arange(len(y))
    # An iterable may give masks or lists of positions.
    splits = [
        (rows[np.asarray(train)], rows[np.asarray(test)])
        for train, test in check_cv(cv, y, classifier=True).split(X, y, groups)
    ]
    if not splits:
        raise ValueError(
            "cv must give at least one pair of training and test rows; "
            f"{cv!r} gives none."
        )
    return splits


def _scorers(scoring):
    if scoring is None:
        return {}
    if isinstance(scoring, str):
        scoring = [scoring]
    if callable(scoring):
        scoring = {getattr(scoring, "__name__", "score"): scoring}
    if is_sequence(scoring):
        scoring = {name: name for name in scoring}
    taken = [name for name in scoring if name in METRICS]
    if taken:
        raise ValueError(
            f"scoring contains {say(taken)}, but every comparison has these metrics "
            "already. Remove them, or pass a dict {other name: scorer}."
        )
    return {
        name: get_scorer(scorer) if isinstance(scorer, str) else scorer
        for name, scorer in scoring.items()
    }


def _baseline(baseline, todo):
    names = [candidate.name for candidate in todo]
    if baseline is None:
        return next(candidate.name for candidate in todo if candidate.unweighted)
    if baseline not in names:
        raise ValueError(
            f"baseline must be the name of a strategy, one of {say(names)}; got "
            f"{baseline!r}."
        )
    return baseline


def _positive(pos_label, classes, codes, weight):
    """Return the position of the class to report; None for more than two classes."""
    if classes.size > 2:
        if pos_label is not None:
            raise ValueError(
                "pos_label can only be used with two classes, but y has "
                f"{classes.size} classes, and the metrics are computed for each "
                "class. Leave pos_label out."
            )
        return None
    if pos_label is None:
        masses = np.bincount(codes, weight, 2)
        return int(masses[1] <= masses[0])
    if plain(pos_label) not in classes.tolist():
        raise ValueError(
            f"pos_label must be one of the labels {say(classes)}; got {pos_label!r}."
        )
    return classes.tolist().index(plain(pos_label))


def _validation_weight(population, X_target, X, y, sample_weight):
    """Return the weights for evaluating held-out rows, and a text about the weights.

    The weights for the evaluation are learned once, from all rows, and are the same for
    all strategies.
    """
    if population is None and X_target is not None:
        population = DensityRatioWeighting(X_target, random_state=0)
    if population is None:
        whose = "every row once" if sample_weight is None else "sample_weight"
        return sample_weight, whose
    population = clone(resolve_weighting(population))
    if population.role != "population":
        raise ValueError(
            f"population={population!r} has the role {population.role}. Weights of "
            "this role are for training only and must not be used in a score. Pass "
            "a strategy with the role population, such as PriorWeighting, and pass "
            "this strategy in weightings."
        )
    learned = population.fit_weigh_by_role(X, y, sample_weight).population
    name = type(population).__name__
    whose = name if sample_weight is None else f"sample_weight x {name}"
    return multiply(sample_weight, learned), whose


# -- earlier results -------------------------------------------------------------------


def _fingerprint(X, y, weight, sample_weight, splits):
    """Return a short string (a hash) that changes if rows, weights or folds change."""
    if hasattr(X, "tocsr"):
        table = X.tocsr()
        table = (table.data, table.indices, table.indptr)
    else:
        # The arrays are converted first. Therefore the same numbers in another
        # container or memory layout give the same hash.
        table = X if hasattr(X, "iloc") else np.ascontiguousarray(X)
    return joblib.hash((table, y, weight, sample_weight, splits))


def _finished(resume, design, todo):
    """Return those results of an earlier comparison that can be used again."""
    if resume is None:
        return {}
    if resume.design.fingerprint != design.fingerprint:
        raise ValueError(
            "The comparison in resume was made with different rows, weights or "
            "folds. Pass the same X, y, sample_weight, population and groups, and "
            "the same cv. If cv shuffles, it needs a random_state."
        )
    if resume.design.scorers != design.scorers:
        raise ValueError(
            "The comparison in resume has the additional scorers "
            f"{say(resume.design.scorers)}, but scoring contains "
            f"{say(design.scorers)}. Pass the same scoring."
        )
    before = {strategy.name: strategy.settings for strategy in resume.strategies}
    now = {candidate.name: candidate.told().settings for candidate in todo}
    changed = [name for name in now if before.get(name, now[name]) != now[name]]
    if changed:
        raise ValueError(
            "The comparison in resume has different strategies with the names "
            f"{say(changed)}. Use new names for the new strategies."
        )
    return {(c.strategy, c.fold): c for c in resume.cells if c.strategy in now}


def _look_at_failures(cells, error_score):
    failed = [cell for cell in cells.values() if cell.message is not None]
    if not failed:
        return
    messages = dict.fromkeys(f"{cell.strategy}: {cell.message}" for cell in failed)
    listed = "\n".join(f"- {message}" for message in list(messages)[:10])
    if len(failed) == len(cells):
        raise ValueError(
            f"All {len(failed)} fits failed. Pass error_score='raise' to see the "
            f"first error.\n{listed}"
        )
    warn(
        f"{len(failed)} of {len(cells)} fits failed. Their scores are set to "
        f"{error_score!r}; the other strategies are not affected.\n{listed}",
        FitFailedWarning,
    )


class _Bar:
    """A progress bar on standard error, for older versions of scikit-learn."""

    width = 30

    def __init__(self, n_steps):
        self.n_steps, self.done, self.start = n_steps, 0, time.perf_counter()
        self._draw()

    def step(self):
        self.done += 1
        self._draw()

    def _draw(self):
        filled = self.width * self.done // max(self.n_steps, 1)
        seconds = time.perf_counter() - self.start
        sys.stderr.write(
            f"\r[{'=' * filled:<{self.width}}] {self.done}/{self.n_steps} fits, "
            f"{seconds:.0f} s"
        )
        sys.stderr.flush()

    def close(self):
        sys.stderr.write("\n")
