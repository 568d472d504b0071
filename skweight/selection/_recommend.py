"""`recommend_weighting`: advice from held-out rows, or from benchmarks."""

import warnings

import numpy as np
from scipy import sparse
from sklearn.base import clone

from skweight._utils.columns import take_column, warn_of_order
from skweight._utils.roles import in_range
from skweight._utils.validation import (
    check_labels,
    check_rows,
    check_weights,
    encode_groups,
    encode_labels,
    find_missing,
    n_rows,
    plain,
    say,
)
from skweight.classifier import WeightedClassifier
from skweight.costs._matrix import as_cost_matrix
from skweight.density_ratio._classifier import word_columns
from skweight.inspection import weight_report
from skweight.selection._advice import WeightingAdvice
from skweight.selection._measure import measure
from skweight.selection._reasons import (
    TOO_FEW,
    is_rare,
    resting_on,
    say_calibration,
    say_classes,
    say_half,
    say_measured,
    say_readings,
    say_unmeasured,
)
from skweight.weighting import (
    BalancedWeighting,
    DensityRatioWeighting,
    LabelShiftWeighting,
)
from skweight.weights import effective_sample_size

# Kernels use distances. With many columns, all rows have about the same distance.
MANY_COLUMNS = 20
# A shift that a classifier can hardly detect is no reason for weights.
SMALL_AUC = 0.55
# The advice mentions the share of the target without training rows from the first value
# on. Above the second value, weights would represent another population than the
# target.
MISSING, MOSTLY_MISSING = 0.05, 0.5
N_SHIFT_ROWS = 10_000


def recommend_weighting(
    X,
    y,
    cost=None,
    X_target=None,
    groups=None,
    *,
    estimator=None,
    budget=15,
    max_seconds=None,
    sample_weight=None,
    n_jobs=None,
    verbose=0,
    random_state=None,
):
    """Recommend a weighting, a calibration and a decision, and say why.

    With an `estimator` the advice is measured: no weights, half strength and full
    balance are compared on the same held-out rows. The criterion is the log loss after
    calibration, on rows that were used to fit neither the model nor the calibrator. The
    advice is the least emphasis within one paired standard error of the best.
    Calibrators are compared on the same scores, without further fits.

    Without an estimator, the advice follows the rules below. Each rule was measured,
    and the reasons name the file:

    - costs are known: use them for the decision, without weights (cost_comparison);
    - otherwise: no weights. For a rare class, use its share of the population as the
      threshold, on calibrated probabilities: the labels are those of a balanced model
      (does_weighting_help). If a class has fewer than 10 rows, collect more rows
      (calibration_choice);
    - calibration by "auto" in any case, also for trees without weights
      (calibration_choice).

    In both cases, weights are advised if `X_target` differs from the training rows. If
    label shift explains the difference, the advice is weights for label shift
    (label_shift). Otherwise the advice is weights for covariate shift
    (shift_target_error): from kernels if there are at most 20 numeric columns, or else
    from a classifier (density_ratio_accuracy). If most of the target is outside the
    training rows, no weights are advised: they would represent another population.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Training rows.
    y : array-like of shape (n_samples,)
        Class labels.
    cost : CostMatrix, dict or DataFrame, default=None
        Costs of mistakes, if they are known.
    X_target : array-like of shape (n_target, n_features), default=None
        Unlabelled rows of the population on which the model is used, if it may differ.
    groups : array-like of shape (n_samples,), default=None
        Sub-populations for which the model must be good as well. The advice names
        groups with too few rows.
    estimator : classifier, default=None
        The estimator to be weighted; it is cloned. A `WeightedClassifier` is replaced
        by the estimator that it wraps; its `unsupported` is kept, for an estimator that
        accepts no weights, such as nearest neighbours. With None, no estimator is
        measured; only classifiers that detect a shift are fitted.
    budget : int, default=15
        Largest number of fits of `estimator`, at least 4. Unlike a time limit, a number
        of fits makes the answer reproducible. Three candidates (two if `budget` is
        below 6) are fitted on up to five folds. A larger budget, up to 15, makes the
        comparison more reliable.
    max_seconds : float, default=None
        Seconds after which no further candidate is started. If this happens, the advice
        says so, and may not be reproducible.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights.
    n_jobs : int or None, default=None
        Number of folds to fit in parallel.
    verbose : int, default=0
        Whether to print a line to standard error after each fit.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds, of the classifiers that detect a shift, and of the strategy
        that is recommended for a shift.

    Returns
    -------
    advice : WeightingAdvice
        Print it; `make_estimator` returns the classifier, ready to be fitted.

    Raises
    ------
    ValueError
        If rows, labels, weights or costs cannot be used, y has one class, or the
        estimator balances its classes itself.
    UnsupportedWeightsError
        If the estimator accepts no weights. To allow such an estimator, pass a
        `WeightedClassifier` with a value for `unsupported`.

    See Also
    --------
    compare_weightings : More strategies and metrics, with intervals.
    skweight.weighting.AutoWeighting : The same choice inside a fit.

    Notes
    -----
    With an estimator, there are `budget` fits on four fifths of the rows. Without one
    the cost is O(n). With a target, two or three small classifiers are fitted in
    addition, on at most 10,000 rows of each side, and the weights of its columns.

    *Two readings of a target.* Rows without labels cannot tell label shift from
    covariate shift. So the advice has the class frequencies of the target under both:
    ``figures["target_frequencies_by_labels"]``, if its columns given the class are
    those of the training rows, and ``figures["target_frequencies_by_columns"]``, if its
    classes given the columns are. Label some target rows to see which is right.

    References
    ----------
    .. [1] C. Elkan, The foundations of cost-sensitive learning, IJCAI 2001.
    .. [2] R. van den Goorbergh et al., The harm of class imbalance corrections for
       risk prediction models, JAMIA 29, 2022.
    .. [3] D. Lopez-Paz, M. Oquab, Revisiting classifier two-sample tests, ICLR 2017.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skweight import recommend_weighting
    >>> from skweight.datasets import make_imbalanced
    >>> data = make_imbalanced(1000, prevalence=0.1, random_state=0)
    >>> advice = recommend_weighting(
    ...     data.X, data.y, estimator=LogisticRegression(), random_state=0
    ... )
    >>> advice.weighting, advice.calibration, advice.decision
    (None, 'auto', 'balanced')
    >>> print(advice.reasons[1].partition(".")[0])
    Weights change nothing measurable here; calibrate, cut at 0
    """
    y, classes, codes, weight = _check_input(X, y, sample_weight)
    figures = _figures_of_classes(classes, codes, weight) | _figures_of_columns(X)
    reasons = []
    cost = _look_at_cost(cost, classes, X, figures, reasons)
    unsupported = "raise"
    if isinstance(estimator, WeightedClassifier):
        unsupported = estimator.unsupported
        estimator = estimator._get_estimator()
    measured, ratio = None, None
    if X_target is not None:
        ratio = _look_at_target(
            X, y, sample_weight, X_target, figures, reasons, random_state
        )
    if estimator is not None:
        measured = measure(
            estimator,
            X,
            y,
            sample_weight,
            ratio,
            unsupported=unsupported,
            budget=budget,
            max_seconds=max_seconds,
            n_jobs=n_jobs,
            verbose=verbose,
            random_state=random_state,
        )
    emphasis = _emphasis(measured, estimator, cost, figures, reasons)
    if groups is not None:
        _look_at_groups(groups, codes, weight, classes, figures, reasons)
    weighting = emphasis if ratio is None else ratio
    if emphasis is not None and ratio is not None:
        weighting = [ratio, emphasis]
    balanced = "balanced" if is_rare(figures) else "auto"
    return WeightingAdvice(
        weighting=weighting,
        calibration=_calibration(measured, figures, reasons),
        decision=balanced if cost is None else cost,
        reasons=reasons,
        figures=figures,
        emphasis=emphasis,
        population=ratio,
        estimator=estimator,
        unsupported=unsupported,
    )


def _check_input(X, y, sample_weight):
    """Return labels, classes, the code of every row, and the weight of every row."""
    y = check_labels(y, owner="recommend_weighting")
    check_rows(X, y)
    classes, codes = encode_labels(y)
    if classes.size < 2:
        raise ValueError(
            "recommend_weighting needs rows of at least 2 classes; y has the one class "
            f"{say(classes[0])}."
        )
    weight = np.ones(len(y))
    if sample_weight is not None:
        warn_of_order(sample_weight, X)
        weight = in_range(check_weights(sample_weight, n_rows(X)))
    return y, classes, codes, weight


# -- data ------------------------------------------------------------------------------


def _figures_of_classes(classes, codes, weight):
    rows = np.bincount(codes[weight > 0], minlength=classes.size)
    masses = np.bincount(codes, weight, classes.size)
    present = np.flatnonzero(rows)
    if present.size < 2:
        raise ValueError(
            "recommend_weighting needs rows of positive sample_weight of at least 2 "
            f"classes; it has some of {say(classes[present])} only."
        )
    rarest = present[np.argmin(masses[present])]
    return {
        "n_rows": int(rows.sum()),
        "n_classes": int(present.size),
        "rarest_class": plain(classes[rarest]),
        "rarest_rows": int(rows[rarest]),
        "rarest_share": float(masses[rarest] / masses.sum()),
        "imbalance_ratio": float(masses.max() / masses[rarest]),
    }


def _figures_of_columns(X):
    """Return the number of columns and their type."""
    shape = getattr(X, "shape", None) or np.shape(X)
    is_sparse = sparse.issparse(X)
    if not (is_sparse or hasattr(X, "shape")):
        X = np.asarray(X)
    n_columns = int(shape[1]) if len(shape) == 2 else 1
    columns = [] if is_sparse or len(shape) != 2 else range(n_columns)
    columns = (take_column(X, j, owner="recommend_weighting") for j in columns)
    return {
        "n_columns": n_columns,
        "n_categorical": len(word_columns(X)) if len(shape) == 2 else 0,
        "missing_values": any(find_missing(column).any() for column in columns),
        "sparse": is_sparse,
    }


def _look_at_cost(cost, classes, X, figures, reasons):
    """Return the costs, or None if they make no difference."""
    if cost is None:
        return None
    cost = as_cost_matrix(cost)
    report = cost.align(classes).check(X=X)
    figures["cost_kind"] = report.kind
    figures["cost_exact"] = report.exact
    if report.kind == "insensitive":
        reasons.append(
            "All mistakes cost the same, so that the costs decide nothing; the advice "
            "goes by the classes."
        )
        return None
    per_row = "differ from row to row" if report.kind == "instance" else "are known"
    reasons.append(
        f"The costs of mistakes {per_row}: every row is decided by what is expected to "
        "cost least, on calibrated probabilities. Weights are not needed for that"
        + (
            ", though they could say the same."
            if report.exact
            else ", and could only come close."
        )
        + f" {resting_on('costs')}"
    )
    if not report.reasonable:
        reasons.append(
            f"In {report.n_unreasonable:,} of {report.n_rows:,} rows a wrong decision "
            "costs less than the right one. Look at CostMatrix.check before anything "
            "else."
        )
    return cost


def _emphasis(measured, estimator, cost, figures, reasons):
    """Return the emphasis that improved the log loss, or None."""
    if cost is None or measured is not None:
        reasons.append(say_classes(figures))
    rare = is_rare(figures)
    if measured is None:
        if cost is None and rare and figures["rarest_rows"] >= TOO_FEW:
            reasons.append(say_unmeasured(figures))
            reasons.append(say_half(figures))
        if estimator is not None:
            reasons.append(
                "Nothing could be measured: a class has too few rows to hold out any."
            )
        return None
    reasons.append(say_measured(measured, figures, estimator))
    figures["weightings"] = measured.weightings
    figures["calibrations"] = measured.calibrations
    figures["n_fits"], figures["seconds"] = measured.n_fits, measured.seconds
    if rare and len(measured.weightings) > 2:
        reasons.append(say_half(figures))
    strength = measured.strength
    if strength in (0, 1):
        return "balanced" if strength else None
    return BalancedWeighting(strength=strength)


def _look_at_target(X, y, sample_weight, X_target, figures, reasons, random_state):
    """Return population weights for the target, or None."""
    rng = np.random.default_rng(
        random_state if isinstance(random_state, int | np.integer) else 0
    )
    seed = int(rng.integers(2**31))
    # If a class has one row, no rows can be held out with labels.
    auc, missing, n_eff = _overlap(X, X_target, np.ones(n_rows(X)), sample_weight, seed)
    # Without a shift, the AUC has this standard deviation (Mann and Whitney).
    spread = np.sqrt((1 / n_eff[0] + 1 / n_eff[1]) / 12)
    figures |= {"shift_auc": auc, "shift_auc_error": float(spread)}
    figures["missing_target_mass"] = missing
    if auc < max(0.5 + 2.33 * spread, SMALL_AUC):
        reasons.append(
            "A classifier can hardly tell the target from the training rows (AUC "
            f"{auc:.2f}): no weights are needed to stand for it."
        )
        return None
    shifted = (
        f"The target is not like the training rows: a classifier tells them apart (AUC "
        f"{auc:.2f}, where 0.50 is alike)"
    )
    if missing > MISSING:
        reasons.append(
            f"{missing:.0%} of the target lies where there are no training rows. No "
            "weight can stand in for them: weight_report names these rows, collect "
            "some like them."
        )
    if missing > MOSTLY_MISSING:
        reasons.append(
            f"{shifted}, and weights of the rows that are there would stand for the "
            "smaller part of it: none are advised."
        )
        return None
    after = _after_label_shift(X, y, sample_weight, X_target, figures, seed)
    of_columns, why = _ratio_of_columns(figures, X_target, random_state)
    _read_as_columns(of_columns, X, y, sample_weight, X_target, figures, seed)
    if after is not None and after - 0.5 < max(2.33 * spread, 0.25 * (auc - 0.5)):
        reasons.append(
            f"{shifted}; other class frequencies account for it (AUC {after:.2f} with "
            f"weights for them) {resting_on('label shift')}. Rows without labels "
            "cannot prove this: another change of the columns may look alike. "
            f"{say_readings(figures)}"
        )
        return LabelShiftWeighting(X_target, random_state=random_state)
    reasons.append(
        f"{shifted}, and not by class frequencies alone. {why} {say_readings(figures)}"
    )
    return of_columns


def _ratio_of_columns(figures, X_target, random_state):
    """Return the weights for a target whose columns differ, and why these."""
    numeric = not (
        figures["n_categorical"] or figures["missing_values"] or figures["sparse"]
    )
    if numeric and figures["n_columns"] <= MANY_COLUMNS:
        weighting = DensityRatioWeighting(X_target, random_state=random_state)
        return weighting, (
            f"With {figures['n_columns']} numeric columns kernels can estimate the "
            f"ratio {resting_on('kernels')}; weights for it gain where the model "
            f"cannot follow the truth {resting_on('covariate shift')}."
        )
    what = (
        "categories, gaps or sparse columns"
        if not numeric
        else f"{figures['n_columns']} columns"
    )
    weighting = DensityRatioWeighting(
        X_target, estimator="classifier", random_state=random_state
    )
    return weighting, (
        f"With {what} a classifier estimates the ratio; distances would mean little "
        f"{resting_on('classifier')}."
    )


def _read_as_columns(weighting, X, y, sample_weight, X_target, figures, seed):
    """Record the class frequencies of a target whose labels depend on X as in y."""
    rng = np.random.default_rng(seed)
    rows, target = _some(rng, n_rows(X)), _some(rng, n_rows(X_target))
    classes, codes = encode_labels(_take(y, rows))
    population = None if sample_weight is None else np.asarray(sample_weight)[rows]
    some = clone(weighting).set_params(
        X_target=_take(X_target, target), random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few effective rows: the fit warns of them
        weights = some.fit_weigh(_take(X, rows), classes[codes], population)
    if population is not None:
        weights = weights * population
    share = np.bincount(codes, weights, classes.size) / weights.sum()
    figures["target_frequencies_by_columns"] = dict(
        zip(map(plain, classes), share.tolist(), strict=True)
    )


def _overlap(X, X_target, weights, sample_weight, seed):
    """Return AUC after weighting, missing mass, and effective rows before and after."""
    if sample_weight is not None:
        weights = weights * np.asarray(sample_weight, dtype=np.float64)
    rng = np.random.default_rng(seed)
    rows = _some(rng, weights.size)
    rows = rows[weights[rows] > 0]
    target = _some(rng, n_rows(X_target))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the advice contains the same information
        report = weight_report(
            weights[rows],
            X=_take(X, rows),
            X_target=_take(X_target, target),
            n_bootstrap=1,
            random_state=seed,
        )
    n_eff = effective_sample_size(weights[rows]), float(target.size)
    return report.auc_after, report.missing_target_mass, n_eff


def _after_label_shift(X, y, sample_weight, X_target, figures, seed):
    """Return the AUC after weights for label shift; None if they cannot be fitted."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    estimator = None
    if figures["n_categorical"] or figures["missing_values"]:
        estimator = HistGradientBoostingClassifier(
            categorical_features="from_dtype", random_state=seed
        )
    weighting = LabelShiftWeighting(X_target, estimator, random_state=seed)
    try:
        weights = weighting.fit_weigh(X, y, sample_weight)
    except ValueError:
        return None  # a class of a single row, or columns that no default can read
    figures["target_frequencies_by_labels"] = dict(
        zip(
            map(plain, weighting.classes_),
            weighting.target_prior_.tolist(),
            strict=True,
        )
    )
    return _overlap(X, X_target, weights, sample_weight, seed)[0]


def _some(rng, n):
    return np.arange(n) if n <= N_SHIFT_ROWS else rng.choice(n, N_SHIFT_ROWS, False)


def _take(X, rows):
    from sklearn.utils import _safe_indexing

    return _safe_indexing(X, rows)


def _look_at_groups(groups, codes, weight, classes, figures, reasons):
    names, of, _ = encode_groups(groups, len(codes))
    rare = list(map(plain, classes)).index(figures["rarest_class"])
    counted = weight > 0
    rows = np.bincount(of[counted], minlength=len(names))
    rows_of_rare = np.bincount(of[counted & (codes == rare)], minlength=len(names))
    smallest = int(np.argmin(rows))
    poorest = int(np.argmin(rows_of_rare))
    figures["smallest_group"] = plain(names[smallest])
    figures["smallest_group_rows"] = int(rows[smallest])
    figures["poorest_group"] = plain(names[poorest])
    figures["poorest_group_rows"] = int(rows_of_rare[poorest])
    few = rows_of_rare[poorest] < TOO_FEW
    reasons.append(
        f"The smallest of {len(names)} groups, {say(names[smallest])}, has "
        f"{rows[smallest]:,} rows; {say(names[poorest])} has "
        f"{rows_of_rare[poorest]:,} rows of class {say(figures['rarest_class'])}. "
        + (
            "That is too few to be judged by: collect more of them."
            if few
            else "Judge strategies by their worst group as well "
            f"{resting_on('groups')}."
        )
    )


def _calibration(measured, figures, reasons):
    if figures["rarest_rows"] < 2:
        reasons.append(
            f"With one row of {say(figures['rarest_class'])} there is none to "
            "calibrate on."
        )
        return None
    reasons.append(say_calibration(measured))
    return "auto" if measured is None else measured.calibration
