"""Decide, by the parameter ``cv``, which rows are held out in each fold."""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv
from sklearn.utils import check_random_state

from skweight._utils.validation import (
    check_number,
    did_you_mean,
    encode_labels,
    find_missing,
    say,
    without_quotes,
)
from skweight._utils.warn import warn
from skweight.exceptions import FewerThanAskedWarning

DEFAULT_FOLDS = 5
# If there are more than MANY_ROWS rows, ``cv="auto"`` means a single hold-out. At most
# MANY_ROWS rows of a data set are held out.
MANY_ROWS = 100_000
WORDS = ("auto", "holdout", "oob")


class Splits(NamedTuple):
    """Pairs of training and held-out rows; whether there is only a single hold-out."""

    pairs: list
    is_holdout: bool = False


def is_one_hold_out(cv, n_counted):
    """Return whether ``cv`` means a single hold-out for `n_counted` rows."""
    return isinstance(cv, str) and (
        cv == "holdout" or (cv == "auto" and n_counted > MANY_ROWS)
    )


def check_word(cv):
    """Return ``cv``, or "auto" if ``cv`` is None; an unknown word raises an error."""
    if cv is None:
        return "auto"
    if isinstance(cv, str) and cv not in WORDS:
        raise ValueError(
            f"cv must be one of {say(list(WORDS))}, an integer, a splitter, an "
            f"iterable of pairs of training and test rows, or None; got {cv!r}."
            f"{without_quotes(cv) or did_you_mean(cv, WORDS)}"
        )
    return cv


def takes_groups(cv):
    """Return whether the splits for ``cv`` are made here, and keep groups together."""
    return cv is None or isinstance(cv, str | int | np.integer)


def make_splits(cv, X, y, population, random_state, metadata):
    """Return the splits, or None if a class is too rare to be held out.

    The number of folds is at most the number of rows of the rarest class. Rows of
    population weight zero are not held out, because they would change how rows with
    positive weight are divided into folds. Rows of weight zero stay in the training
    rows, as in the final fit, because there can be a class in which all rows have
    weight zero. If several pairs test the same row, the row is held out only in the
    first of these pairs, because a second score of the row would add no information. A
    pair without any test rows left is kept, for its training rows.
    """
    cv = check_word(cv)
    n_samples = len(y)
    untested = np.ones(n_samples, bool) if population is None else population != 0
    classes, codes = encode_labels(np.asarray(y))
    groups = metadata.get("groups")
    if takes_groups(cv):
        counted = None if population is None else np.flatnonzero(untested)
        splits = _own_splits(cv, classes, codes, counted, random_state, groups)
        # Stratified pairs without groups need no further checks: the training rows of
        # each pair contain every class, and no row is tested twice.
        if splits is None or groups is None:
            return splits
    else:
        splits = Splits(list(check_cv(cv, y, classifier=True).split(X, y, **metadata)))
        if not splits.pairs:
            raise ValueError(
                f"cv must give at least one pair of training and test rows; {cv!r} "
                "gives none."
            )
    pairs = [tuple(_positions(rows) for rows in pair) for pair in splits.pairs]
    pairs = _with_two_classes(pairs, classes, codes, untested)
    if pairs is None:
        return None
    for i, (train, test) in enumerate(pairs):
        _, first = np.unique(test, return_index=True)
        test = test[np.sort(first)]
        pairs[i] = train, test[untested[test]]
        untested[test] = False
    return splits._replace(pairs=pairs)


def _positions(rows):
    rows = np.asarray(rows)
    if rows.dtype == bool:
        return np.flatnonzero(rows)
    return rows if rows.size else rows.astype(np.intp)  # [] has type float


def _own_splits(cv, classes, codes, counted, random_state, groups):
    """Return the splits for a word or a number, or None.

    The argument `counted` has the positions of rows with positive weight. None means
    that all rows have positive weight.
    """
    if not isinstance(cv, str):
        if cv == 1 and not isinstance(cv, bool):
            raise ValueError(
                "With cv=1, the only fold is held out, and no row is left for "
                "training. Set cv=2 or more, or cv='holdout' for a single split."
            )
        check_number(cv, name="cv", low=2)
    n_samples = codes.size
    y = codes if counted is None else codes[counted]
    counts = np.bincount(y, minlength=classes.size)
    holdout = is_one_hold_out(cv, y.size)
    n_folds = DEFAULT_FOLDS if isinstance(cv, str) else cv
    needed = 2 if holdout else n_folds
    n_folds = _no_more_than_the_rarest(n_folds, classes, counts, needed)
    if n_folds is None:
        return None
    if groups is not None:
        groups = check_groups(groups, n_samples)
        groups = groups if counted is None else groups[counted]
        if holdout:  # keeps the first fold small enough for a hold-out
            n_folds = max(n_folds, -(-y.size // MANY_ROWS))
        pairs = group_folds(n_folds, y, groups, random_state)
        pairs = pairs[:1] if holdout else pairs
    elif holdout:
        pairs = [hold_out(y, counts, random_state)]
    else:
        splitter = StratifiedKFold(n_folds, shuffle=True, random_state=random_state)
        pairs = list(splitter.split(y, y))
    if y.size < n_samples:
        left_out = np.setdiff1d(np.arange(n_samples), counted, assume_unique=True)
        pairs = [
            (np.sort(np.concatenate([counted[train], left_out])), counted[test])
            for train, test in pairs
        ]
    return Splits(pairs, is_holdout=holdout)


def check_groups(groups, n_samples):
    """Return the group of every row, or raise if the groups are invalid."""
    groups = np.asarray(groups)
    if groups.shape != (n_samples,):
        raise ValueError(
            f"groups must have one entry for each of the {n_samples} rows; got "
            + (f"{groups.item()!r}" if groups.ndim == 0 else f"shape {groups.shape}")
            + ". Pass the column itself, such as groups=X['customer']."
        )
    missing = find_missing(groups)
    if missing.any():
        raise ValueError(
            f"groups must contain a group for every row; {missing.sum()} of "
            f"{n_samples} entries are missing. Add a group for the rows that have none."
        )
    return groups


def _with_two_classes(pairs, classes, codes, counted):
    """Return the pairs whose training rows have two classes; None if too few remain.

    In splits by groups or by time, it can happen that all training rows of a pair have
    the same class. Only rows with positive weight are checked.
    """
    n_classes = codes.dtype.type(classes.size)
    codes = np.where(counted, codes, n_classes)  # rows of weight zero come last

    def present(rows):
        return np.bincount(codes[rows], minlength=classes.size)[: classes.size] > 0

    fit = [(train, test) for train, test in pairs if present(train).sum() > 1]
    if len(fit) == len(pairs):
        return pairs
    everywhere = present(slice(None))
    if everywhere.sum() < 2:
        return pairs  # the estimator raises an error for rows of one class
    tested = [present(test) for _, test in fit]
    missing = classes[everywhere & ~np.any(tested, axis=0)]
    instead = "those pairs are left out"
    if missing.size:
        instead = (
            f"no other pair has test rows of the classes {say(missing)}, so the "
            "probabilities are calibrated by the closed-form inversion "
            "(calibration='prior') instead"
        )
    n_bad = len(pairs) - len(fit)
    warn(
        f"In {n_bad} of {len(pairs)} pairs of cv, all training rows have the same "
        f"class, so no classifier can be fitted: {instead}. Use fewer folds, or splits "
        "whose training rows contain both classes.",
        FewerThanAskedWarning,
    )
    return None if missing.size else fit


def _no_more_than_the_rarest(n_folds, classes, counts, needed):
    """Return the number of folds that every class allows, or None; warn if too few."""
    fewest = int(counts[counts > 0].min())
    if fewest >= needed:
        return n_folds
    rare = classes[counts == fewest]
    what = (
        f"{fewest} folds are used"
        if fewest > 1
        else "none of its rows can be held out, so the probabilities are calibrated "
        "by the closed-form inversion (calibration='prior') instead"
    )
    warn(
        f"The rarest class, {say(rare)}, has {fewest} "
        f"{'rows' if fewest > 1 else 'row'}, fewer than the {needed} that cv needs: "
        f"{what}. Collect more rows of this class, or set cv to fewer folds.",
        FewerThanAskedWarning,
    )
    return fewest if fewest > 1 else None


def hold_out(codes, counts, random_state, share=None):
    """Return training and held-out rows, with rows of every class on both sides.

    The argument `counts` has the number of rows of each class. The argument `share` is
    the share of held-out rows. `share` None means one fifth, or less if there are many
    rows.
    """
    draws = check_random_state(random_state).random_sample(codes.size)
    if share is None:
        share = min(1 / DEFAULT_FOLDS, MANY_ROWS / codes.size)
    n_out = [
        min(max(round(share * count), 1), count - 1) if count else 0
        for count in counts.tolist()
    ]
    # The rows with the lowest random numbers are held out. To save time, only rows with
    # numbers below a limit are sorted. If these rows do not contain enough rows of a
    # very rare class, all rows are sorted.
    for limit in (1.2 * share, 1.0):
        lowest = np.flatnonzero(draws < limit)
        available = np.bincount(codes[lowest], minlength=counts.size)
        if np.all(available >= n_out):
            break
    starts = np.cumsum(available) - available
    # The held-out rows of a class need no order. Therefore a partition is used, which
    # is faster than a sort.
    borders = np.union1d(starts, starts + n_out)
    by_class = lowest[
        np.argpartition(codes[lowest] + draws[lowest], borders[borders < lowest.size])
    ]
    held_out = np.zeros(codes.size, dtype=bool)
    for start, n_rows in zip(starts, n_out, strict=True):
        held_out[by_class[start : start + n_rows]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def group_folds(n_folds, y, groups, random_state):
    """Return stratified folds of whole groups, at most one fold per group."""
    n_groups = np.unique(groups).size
    if n_groups < 2:
        raise ValueError(
            "groups must contain at least two different groups, so that one can be "
            f"held out; got {n_groups}."
        )
    if n_groups < n_folds:
        warn(
            f"There are {n_groups} groups, fewer than the {n_folds} folds of cv: "
            f"{n_groups} folds are used. Set cv to fewer folds.",
            FewerThanAskedWarning,
        )
    splitter = StratifiedGroupKFold(
        min(n_folds, n_groups), shuffle=True, random_state=random_state
    )
    with warnings.catch_warnings():
        # scikit-learn may warn that a class has fewer rows than folds. The warning is
        # ignored, because groups determine the folds.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return [pair for pair in splitter.split(y, y, groups) if pair[1].size]
