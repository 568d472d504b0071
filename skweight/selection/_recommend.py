"""`recommend_weighting`: advice from a measurement on held-out rows, or from rules."""

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

# Kernels are used only up to this number of columns. With more columns, all distances
# between rows are similar.
MANY_COLUMNS = 20
# Weights are advised only if a classifier that separates target rows from training rows
# has at least this AUC.
SMALL_AUC = 0.55
# Limits for the share of the target without similar training rows. Above the first
# limit, the advice mentions this share. Above the second limit, no weights are advised,
# because the weighted rows would represent another population than the target.
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

    With an `estimator`, the advice comes from a measurement. Three candidates are
    compared on the same held-out rows: no class weights, class weights of strength 0.5,
    and fully balanced class weights. The criterion is the log loss after calibration,
    on rows to which neither the model nor the calibrator was fitted. Among the
    strengths whose loss is within one paired standard error of the lowest loss, the
    smallest strength is advised. Calibrators are compared on the same scores, without
    further fits.

    Without an estimator, the advice follows the rules below. Each rule comes from a
    benchmark. The name of the benchmark is in brackets:

    - if costs are known, use the costs for the decision, without weights
      (cost_comparison);
    - otherwise, use no class weights. For a rare class, use the share of this class in
      the population as the threshold on calibrated probabilities. The labels are then
      the same as with a balanced model (does_weighting_help). If a class has fewer than
      10 rows, collect more rows (calibration_choice);
    - calibrate with "auto" in any case, even tree models without weights
      (calibration_choice).

    With and without an estimator, population weights are advised if `X_target` differs
    from the training rows. If label shift explains the difference, the advice is
    weights for label shift (label_shift). Otherwise, the advice is weights for
    covariate shift (shift_target_error). Weights for covariate shift need a density
    ratio. The ratio is estimated with kernels if there are at most 20 columns, all
    numeric. In all other cases, the ratio is estimated with a classifier
    (density_ratio_accuracy). If most of the target has no similar training rows, no
    weights are advised, because the weighted rows would represent another population.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Training rows.
    y : array-like of shape (n_samples,)
        Class labels.
    cost : CostMatrix, dict or DataFrame, default=None
        Costs of wrong decisions, if they are known.
    X_target : array-like of shape (n_target, n_features), default=None
        Unlabelled rows of the population on which the model will be used. Pass these
        rows if this population could differ from the training rows.
    groups : array-like of shape (n_samples,), default=None
        Group of each row, if the model must also be good in each group. The advice
        names groups with too few rows.
    estimator : classifier, default=None
        The estimator that will be trained; `recommend_weighting` only uses clones. From
        a `WeightedClassifier`, only the wrapped estimator and `unsupported` are used.
        `unsupported` is needed for an estimator that accepts no weights, such as
        nearest neighbours. If None, nothing is measured; the only fits are classifiers
        that detect a shift.
    budget : int, default=15
        Largest number of fits of `estimator`, at least 4. A limit on fits, unlike a
        limit on time, makes the advice reproducible. Three candidates (two if `budget`
        is below 6) are fitted on up to five folds. A larger budget, up to 15, makes the
        comparison more reliable.
    max_seconds : float, default=None
        After this number of seconds, no further candidate is started. The advice then
        says that the time was over. Such an advice is perhaps not reproducible.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights: how many rows of the population each row stands for.
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
        The advice. Print the object; its method `make_estimator` returns the
        classifier, ready to be fitted.

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
    compare_weightings : Compares more strategies and metrics, with intervals.
    skweight.weighting.AutoWeighting : Makes the same choice inside a fit.

    Notes
    -----
    With an estimator, there are at most `budget` fits, usually on four fifths of the
    rows. Without an estimator, the time is O(n). With a target, two or three small
    classifiers are fitted in addition, on at most 10,000 training rows and 10,000
    target rows, and one density ratio.

    *Label shift or covariate shift?* Rows without labels do not show which kind of
    shift has happened. Therefore the advice contains the class frequencies of the
    target under both assumptions. ``figures["target_frequencies_by_labels"]`` assumes
    label shift: within a class, the features have the same distribution as in training.
    ``figures["target_frequencies_by_columns"]`` assumes covariate shift: given the
    features, the classes have the same probabilities as in training. Label some target
    rows to see which assumption is right.

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
    Class weights make no measurable difference here: calibrate, use the threshold 0
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
    """Return labels, classes, and for every row its class position and its weight."""
    y = check_labels(y, owner="recommend_weighting")
    check_rows(X, y)
    classes, codes = encode_labels(y)
    if classes.size < 2:
        raise ValueError(
            "recommend_weighting needs rows of at least 2 classes; y contains only "
            f"the class {say(classes[0])}."
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
            "recommend_weighting needs rows of at least 2 classes with a positive "
            f"sample_weight; only rows of {say(classes[present])} have a positive "
            "weight."
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
    """Return the cost matrix, or None if all mistakes cost the same."""
    if cost is None:
        return None
    cost = as_cost_matrix(cost)
    report = cost.align(classes).check(X=X)
    figures["cost_kind"] = report.kind
    figures["cost_exact"] = report.exact
    if report.kind == "insensitive":
        reasons.append(
            "All mistakes cost the same, so the costs do not change any decision. "
            "The advice follows from the classes."
        )
        return None
    per_row = "differ from row to row" if report.kind == "instance" else "are known"
    reasons.append(
        f"The costs of mistakes {per_row}. Choose for every row the decision with "
        "the lowest expected cost, on calibrated probabilities. This needs no "
        "weights"
        + (
            ", although weights could express these costs."
            if report.exact
            else ", and weights cannot express these costs exactly."
        )
        + f" {resting_on('costs')}"
    )
    if not report.reasonable:
        reasons.append(
            f"In {report.n_unreasonable:,} of {report.n_rows:,} rows, a wrong "
            "decision costs less than the right decision. First check the costs "
            "with CostMatrix.check."
        )
    return cost


def _emphasis(measured, estimator, cost, figures, reasons):
    """Return class weights if they improved the log loss; otherwise None."""
    if cost is None or measured is not None:
        reasons.append(say_classes(figures))
    rare = is_rare(figures)
    if measured is None:
        if cost is None and rare and figures["rarest_rows"] >= TOO_FEW:
            reasons.append(say_unmeasured(figures))
            reasons.append(say_half(figures))
        if estimator is not None:
            reasons.append(
                "Nothing could be measured, because a class has so few rows that "
                "none can be held out."
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
    # All rows get the same label here, because the only row of a class could not be
    # held out.
    auc, missing, n_eff = _overlap(X, X_target, np.ones(n_rows(X)), sample_weight, seed)
    # Standard deviation of the AUC in the absence of shift (Mann and Whitney).
    spread = np.sqrt((1 / n_eff[0] + 1 / n_eff[1]) / 12)
    figures |= {"shift_auc": auc, "shift_auc_error": float(spread)}
    figures["missing_target_mass"] = missing
    if auc < max(0.5 + 2.33 * spread, SMALL_AUC):
        reasons.append(
            "A classifier can hardly separate the target from the training rows "
            f"(AUC {auc:.2f}), so no weights for the target are needed."
        )
        return None
    shifted = (
        "The target differs from the training rows: a classifier can separate them "
        f"(AUC {auc:.2f}; 0.50 means that they are alike)"
    )
    if missing > MISSING:
        reasons.append(
            f"{missing:.0%} of the target has no similar training rows. No weights "
            "can replace such rows. weight_report lists these target rows; collect "
            "training rows like them."
        )
    if missing > MOSTLY_MISSING:
        reasons.append(
            f"{shifted}. No weights are advised, because the weighted training rows "
            "would represent only the smaller part of the target."
        )
        return None
    after = _after_label_shift(X, y, sample_weight, X_target, figures, seed)
    of_columns, why = _ratio_of_columns(figures, X_target, random_state)
    _read_as_columns(of_columns, X, y, sample_weight, X_target, figures, seed)
    if after is not None and after - 0.5 < max(2.33 * spread, 0.25 * (auc - 0.5)):
        reasons.append(
            f"{shifted}. Different class frequencies explain most of the difference "
            f"(with weights for them, the AUC is {after:.2f}) "
            f"{resting_on('label shift')}. Rows without labels cannot prove this: a "
            f"change of the features may look the same. {say_readings(figures)}"
        )
        return LabelShiftWeighting(X_target, random_state=random_state)
    reasons.append(
        f"{shifted}. Different class frequencies alone do not explain the "
        f"difference. {why} {say_readings(figures)}"
    )
    return of_columns


def _ratio_of_columns(figures, X_target, random_state):
    """Return weights for covariate shift, and the reason for the ratio method."""
    numeric = not (
        figures["n_categorical"] or figures["missing_values"] or figures["sparse"]
    )
    if numeric and figures["n_columns"] <= MANY_COLUMNS:
        weighting = DensityRatioWeighting(X_target, random_state=random_state)
        return weighting, (
            f"With {figures['n_columns']} numeric columns, the density ratio can be "
            f"estimated with kernels {resting_on('kernels')}. Such weights help if "
            f"the model is too simple for the data {resting_on('covariate shift')}."
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
        f"With {what}, the density ratio is estimated by a classifier, because "
        f"distances between rows would mean little {resting_on('classifier')}."
    )


def _read_as_columns(weighting, X, y, sample_weight, X_target, figures, seed):
    """Record the class frequencies of the target under covariate shift."""
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
    """Return (weighted AUC, missing share of the target, effective sample sizes)."""
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
    """Return the AUC with label-shift weights; None if the weights cannot be fitted."""
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
        return None  # a class has one row, or no default reads the columns
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
            "These are too few rows for an evaluation. Collect more rows of this class."
            if few
            else (
                "Also compare strategies by the score of their worst group "
                f"{resting_on('groups')}."
            )
        )
    )


def _calibration(measured, figures, reasons):
    if figures["rarest_rows"] < 2:
        reasons.append(
            f"There is only one row of {say(figures['rarest_class'])}, so no row of "
            "this class can be held out for a calibration."
        )
        return None
    reasons.append(say_calibration(measured))
    return "auto" if measured is None else measured.calibration
