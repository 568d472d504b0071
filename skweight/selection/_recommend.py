"""`recommend_weighting`: the decision table of the field, with its figures told."""

import warnings

import numpy as np
from scipy import sparse

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
from skweight.costs._matrix import as_cost_matrix
from skweight.density_ratio._classifier import word_columns
from skweight.inspection import weight_report
from skweight.selection._advice import WeightingAdvice
from skweight.weighting import (
    BalancedWeighting,
    DensityRatioWeighting,
    EffectiveNumberWeighting,
    LabelShiftWeighting,
)
from skweight.weights import effective_sample_size

# Below this ratio of the largest to the smallest class no class is ignored.
BALANCED_ENOUGH = 3.0
# From here on full balancing leaves few effective rows, and half the way is a start.
VERY_RARE = 30.0
# With fewer rows of a class than this, no weight can make up for those that lack.
TOO_FEW = 10
# From so many classes on, the effective number tells large classes from small ones.
MANY_CLASSES = 10
# Kernels see distances; in many columns all rows are about as far from each other.
MANY_COLUMNS = 20
# A shift that a classifier can hardly see is no reason to weigh rows.
SMALL_AUC = 0.55
MISSING = 0.05
N_SHIFT_ROWS = 10_000


def recommend_weighting(
    X,
    y,
    cost=None,
    X_target=None,
    groups=None,
    *,
    sample_weight=None,
    random_state=None,
):
    """Recommend a weighting, a calibration and a decision, and say why.

    A place to start, found without a fit of yours, from the counts of the classes, the
    kind of the columns, the costs, and a look at whether the target differs from the
    training rows. Whether it helps your estimator is for `compare_weightings` to find
    out; the advice names what to compare.

    The rules, in their order:

    - costs are known: decide by them, weigh nothing for them;
    - a class has fewer than 10 rows: weights make no rows, collect some;
    - the largest class has less than 3 times the rows of the smallest: weigh nothing;
    - 10 classes or more: `EffectiveNumberWeighting`, whose limit is the median count;
    - 30 times or more: `BalancedWeighting` of half strength, since full balancing
      would leave a small effective sample;
    - otherwise ``"balanced"``;
    - besides, where `X_target` can be told from the training rows: weights for label
      shift if those account for the difference, else for covariate shift, by kernels
      for up to 20 numeric columns and by a classifier for all else;
    - calibration wherever training was weighted or costs decide: ``"anchored"`` after
      emphasis, else ``"sigmoid"``; without a weight or a cost none is needed.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Training rows.
    y : array-like of shape (n_samples,)
        Class labels.
    cost : CostMatrix, dict or DataFrame, default=None
        What mistakes cost, where that is known.
    X_target : array-like of shape (n_target, n_features), default=None
        Unlabelled rows of the population that the model is for, where it may differ.
    groups : array-like of shape (n_samples,), default=None
        Sub-populations that the model must serve as well; the advice says which has
        too few rows.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights.
    random_state : int, RandomState instance or None, default=None
        Seed of the classifiers that look for a shift, and of the strategy that is
        recommended for one.

    Returns
    -------
    advice : WeightingAdvice
        Print it; `make_estimator` returns the classifier, ready to be fitted.

    Raises
    ------
    ValueError
        If rows, labels, weights or costs cannot be used, or y has one class.

    See Also
    --------
    compare_weightings : To see what the advice is worth on held-out rows.

    Notes
    -----
    Without a target O(n). With one, two or three small classifiers are fitted on at
    most 10,000 rows of each side.

    References
    ----------
    .. [1] C. Elkan, The foundations of cost-sensitive learning, IJCAI 2001.
    .. [2] R. van den Goorbergh et al., The harm of class imbalance corrections for
       risk prediction models, JAMIA 29, 2022: why whatever is weighted is calibrated.
    .. [3] Y. Cui et al., Class-balanced loss based on effective number of samples,
       CVPR 2019, section 3.
    .. [4] D. Lopez-Paz, M. Oquab, Revisiting classifier two-sample tests, ICLR 2017.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from skweight import recommend_weighting
    >>> X, y = make_classification(1000, weights=[0.9], flip_y=0, random_state=0)
    >>> advice = recommend_weighting(X, y)
    >>> advice.weighting, advice.calibration
    ('balanced', 'anchored')
    >>> print(advice.reasons[0].partition(";")[0])
    The largest class has 9.1 times the rows of the smallest, 1, with 99 rows
    """
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
    figures = _figures_of_classes(classes, codes, weight) | _figures_of_columns(X)
    reasons = []
    cost = _look_at_cost(cost, classes, X, figures, reasons)
    emphasis = None if cost is not None else _emphasis(figures, reasons)
    if X_target is None:
        ratio = None
    else:
        ratio = _look_at_target(
            X, y, sample_weight, X_target, figures, reasons, random_state
        )
    if groups is not None:
        _look_at_groups(groups, codes, weight, classes, figures, reasons)
    weighting = emphasis if ratio is None else ratio
    if emphasis is not None and ratio is not None:
        weighting = [ratio, emphasis]
    calibration = _calibration(emphasis, ratio, cost, figures, reasons)
    return WeightingAdvice(
        weighting=weighting,
        calibration=calibration,
        decision="auto" if cost is None else cost,
        reasons=reasons,
        figures=figures,
        emphasis=emphasis,
        population=ratio,
    )


# -- what is looked at -----------------------------------------------------------------


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
    # What balancing would leave, in equal rows.
    balanced = (weight / np.where(masses > 0, masses, 1)[codes])[weight > 0]
    return {
        "n_rows": int(rows.sum()),
        "n_classes": int(present.size),
        "rarest_class": plain(classes[rarest]),
        "rarest_rows": int(rows[rarest]),
        "rarest_share": float(masses[rarest] / masses.sum()),
        "imbalance_ratio": float(masses.max() / masses[rarest]),
        "median_rows": float(np.median(rows[present])),
        "balanced_effective_share": float(effective_sample_size(balanced) / rows.sum()),
    }


def _figures_of_columns(X):
    """Return how many columns there are, and of what kind."""
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
    """Return the costs, or None where they make no difference."""
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
    )
    if not report.reasonable:
        reasons.append(
            f"In {report.n_unreasonable:,} of {report.n_rows:,} rows a wrong decision "
            "costs less than the right one. Look at CostMatrix.check before anything "
            "else."
        )
    return cost


def _emphasis(figures, reasons):
    """Return the emphasis that the counts of the classes ask for."""
    ratio, rare = figures["imbalance_ratio"], say(figures["rarest_class"])
    rows = figures["rarest_rows"]
    if ratio >= BALANCED_ENOUGH and rows < TOO_FEW:
        reasons.append(
            f"Class {rare} has {rows} rows. Weights make no rows, and would have the "
            "model learn these by heart: collect more of them, and until then take the "
            "probabilities for a ranking."
        )
        return None
    times = f"{ratio:.2g}" if ratio < 100 else f"{ratio:,.0f}"
    if ratio < BALANCED_ENOUGH:
        reasons.append(
            f"The largest class has {times} times the rows of the smallest, {rare}: no "
            "class is so rare that training would ignore it. Where another trade-off "
            "of recall and precision is wanted, move the threshold."
        )
        return None
    reasons.append(
        f"The largest class has {times} times the rows of the smallest, {rare}, with "
        f"{rows:,} rows; training would pay it little attention."
    )
    if figures["n_classes"] >= MANY_CLASSES:
        median = max(figures["median_rows"], 2.0)
        reasons.append(
            f"There are {figures['n_classes']} classes. The effective number of rows "
            f"treats those of many more than {median:,.0f} rows, the median, alike, "
            "and does not blow up the smallest."
        )
        return EffectiveNumberWeighting(beta=1 - 1 / median)
    if ratio >= VERY_RARE:
        share = figures["balanced_effective_share"]
        reasons.append(
            f"Full balancing would leave {share:.0%} of the rows in effect, so that "
            "the model would rest on few; half the strength is the place to start. "
            "Raise it for more recall, and pay in precision."
        )
        return BalancedWeighting(strength=0.5)
    return "balanced"


def _look_at_target(X, y, sample_weight, X_target, figures, reasons, random_state):
    """Return population weights that bring the rows to the target, or None."""
    rng = np.random.default_rng(
        random_state if isinstance(random_state, int | np.integer) else 0
    )
    seed = int(rng.integers(2**31))
    # With labels of a class that has one row nothing can be held out.
    auc, missing, n_eff = _overlap(X, X_target, np.ones(n_rows(X)), sample_weight, seed)
    # Under no shift the AUC has this spread (Mann and Whitney).
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
    after = _after_label_shift(X, y, sample_weight, X_target, figures, seed)
    if after is not None and after - 0.5 < max(2.33 * spread, 0.25 * (auc - 0.5)):
        shares = ", ".join(
            f"{say(label)} {share:.1%}"
            for label, share in figures["target_frequencies"].items()
        )
        reasons.append(
            f"{shifted}; other class frequencies account for it ({shares} in the "
            f"target; AUC {after:.2f} with weights for them)."
        )
        return LabelShiftWeighting(X_target, random_state=random_state)
    numeric = not (
        figures["n_categorical"] or figures["missing_values"] or figures["sparse"]
    )
    if numeric and figures["n_columns"] <= MANY_COLUMNS:
        reasons.append(
            f"{shifted}, and not by class frequencies alone. With "
            f"{figures['n_columns']} numeric columns kernels can estimate the ratio."
        )
        return DensityRatioWeighting(X_target, random_state=random_state)
    what = (
        "categories, gaps or sparse columns"
        if not numeric
        else f"{figures['n_columns']} columns"
    )
    reasons.append(
        f"{shifted}, and not by class frequencies alone. With {what} a classifier "
        "estimates the ratio; distances would mean little."
    )
    return DensityRatioWeighting(
        X_target, estimator="classifier", random_state=random_state
    )


def _overlap(X, X_target, weights, sample_weight, seed):
    """Return AUC after the weights, the missing mass, and effective rows of the two."""
    if sample_weight is not None:
        weights = weights * np.asarray(sample_weight, dtype=np.float64)
    rng = np.random.default_rng(seed)
    rows = _some(rng, weights.size)
    rows = rows[weights[rows] > 0]
    target = _some(rng, n_rows(X_target))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the advice says the same in its own words
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
    """Return the AUC that is left with weights for label shift; None if none fit."""
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
    figures["target_frequencies"] = dict(
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
            else "Judge strategies by their worst group as well."
        )
    )


def _calibration(emphasis, ratio, cost, figures, reasons):
    if emphasis is None and ratio is None and cost is None:
        reasons.append(
            "Nothing that training does has to be taken out of the probabilities "
            "again: no calibration is needed for that."
        )
        return None
    if emphasis is not None:
        reasons.append(
            "Emphasis makes the probabilities of rare classes too high; they are "
            "calibrated on rows that were not weighted, from the inversion of the "
            "weights on."
        )
        return "anchored"
    if figures["rarest_rows"] < TOO_FEW:
        reasons.append(
            f"With {figures['rarest_rows']} rows of {say(figures['rarest_class'])} "
            "there are too few to calibrate on."
        )
        return None
    reasons.append(
        "Probabilities are calibrated, so that they can be acted upon as they are."
        if cost is not None
        else "Probabilities are calibrated on rows weighted for the target."
    )
    return "sigmoid"
