"""Overlap of training and target rows: how well a classifier can separate them."""

from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.utils import check_random_state

from skweight._held_out.scores import cross_fit_scores, stratified_splits
from skweight.density_ratio._base import one_thread
from skweight.density_ratio._classifier import default_classifier, stack
from skweight.metrics._decomposition import recalibrate

# A classifier separates training rows from target rows, with equal total weight. A
# target row is an orphan if the classifier gives the row a probability below this limit
# of being a training row. Each training row with the features of an orphan would have
# to represent a hundred target rows.
ORPHAN_SHARE = 0.01
_CLASSES = np.array([0, 1])
_FEW_ROWS = 20_000


class Overlap(NamedTuple):
    """Results of a classifier between training rows and target rows.

    An orphan is a target row without similar training rows. ``orphans`` has the
    positions of the orphans, with the most extreme rows first. ``missing`` is the share
    of orphans in the target, and ``interval`` is the confidence interval of this share.
    """

    auc_before: float
    auc_after: float
    orphans: np.ndarray
    missing: float
    interval: tuple


def measure_overlap(
    source,
    target,
    weights,
    *,
    adversary,
    cv,
    n_bootstrap,
    confidence,
    n_jobs,
    random_state,
):
    """Return the overlap of training and target rows, both with the same total weight.

    A classifier separates target rows from training rows; the scores of the classifier
    are out-of-fold. The scores without weights are calibrated. The missing mass is the
    share of orphans (target rows without similar training rows) in the target. Another
    estimate is one minus the mean density ratio over the training rows. This estimate
    is not used, because a single training row with an overestimated ratio can change
    the mean by any amount.
    """
    rng = check_random_state(random_state)
    X = stack(source.X, target.X)
    y = np.repeat(_CLASSES, [source.n, target.n])
    if adversary is None:
        adversary = default_classifier(X, rng.randint(2**31 - 1))
    splits = stratified_splits(y, cv, rng)

    def scores_with(shares):
        # The mean weight is 1 for the training rows, and also 1 for the target rows. If
        # all weights are equal, no weights are passed.
        halves = np.concatenate([shares * source.n, target.shares() * target.n])
        # If there are few rows, a single thread is used, because starting more threads
        # would take more time than these threads save.
        with one_thread(*(["openmp"] if y.size < _FEW_ROWS else [])):
            fitted = cross_fit_scores(
                adversary,
                X,
                y,
                None if np.ptp(halves) == 0 else halves,
                splits,
                classes=_CLASSES,
                random_state=rng.randint(2**31 - 1),
                refit=False,
                n_jobs=n_jobs,
            )
        scores = fitted.in_row_order().scores
        counted = np.concatenate([shares, target.shares()])
        return scores, counted, roc_auc_score(y, scores, sample_weight=counted)

    scores, counted, before = scores_with(source.shares())
    after = before
    if np.ptp(weights / source.shares()) > 0:
        _, _, after = scores_with(weights / weights.sum())
    # The calibration is isotonic. An affine map would be fitted mainly to the many rows
    # where training rows and target overlap, but only the extreme rows matter here.
    alone = 1 - recalibrate(scores, y, counted)[source.n :]
    share = target.shares()
    is_orphan = alone < ORPHAN_SHARE
    orphans = np.flatnonzero(is_orphan)
    return Overlap(
        auc_before=float(before),
        auc_after=float(after),
        orphans=orphans[np.argsort(alone[orphans], kind="stable")],
        missing=float(share[is_orphan].sum()),
        interval=_bootstrap_share(is_orphan, share, n_bootstrap, confidence, rng),
    )


def _bootstrap_share(chosen, share, n_bootstrap, confidence, rng):
    """Return the bootstrap percentile interval of a share of rows."""
    shares = np.empty(n_bootstrap)
    marked = share * chosen
    for draw in range(n_bootstrap):
        rows = rng.randint(share.size, size=share.size)
        shares[draw] = marked[rows].sum() / share[rows].sum()
    tail = (1 - confidence) / 2
    return tuple(float(end) for end in np.quantile(shares, [tail, 1 - tail]))
