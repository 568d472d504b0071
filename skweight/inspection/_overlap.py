"""Tell the target from the training rows, before and after weighting them."""

from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.utils import check_random_state

from skweight._held_out.scores import cross_fit_scores, stratified_splits
from skweight.density_ratio._base import one_thread
from skweight.density_ratio._classifier import default_classifier, stack
from skweight.metrics._decomposition import recalibrate

# A target row that has fewer than this share of training rows around it (training and
# target counting half each) is an orphan: each training row there would have to stand
# for a hundred rows of the target.
ORPHAN_SHARE = 0.01
_CLASSES = np.array([0, 1])
_FEW_ROWS = 20_000


class Overlap(NamedTuple):
    """How well a classifier tells target from training rows, and whom it finds alone.

    ``orphans`` are positions of target rows, the loneliest first; ``missing`` is their
    share of the target, with ``interval``.
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
    """Return the overlap of two samples that count half each; `weights` of the source.

    Scores are out-of-fold. Before weighting they are calibrated, and a target row with
    hardly any training row in its place is an orphan. Counting those is the estimate of
    the missing mass, and not one minus the mean ratio over the training rows, which
    estimates the same: a single training row whose ratio is overestimated, at the edge
    of what is covered, moves that mean by any amount.
    """
    rng = check_random_state(random_state)
    X = stack(source.X, target.X)
    y = np.repeat(_CLASSES, [source.n, target.n])
    if adversary is None:
        adversary = default_classifier(X, rng.randint(2**31 - 1))
    splits = stratified_splits(y, cv, rng)

    def scores_with(shares):
        # Mean one in each of the two, or nothing where all count the same.
        halves = np.concatenate([shares * source.n, target.shares() * target.n])
        # Threads that share the work of small trees only wait for one another.
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
    # Isotonic, because a straight line through the log odds would let the many rows
    # that both have in common decide how lonely the others are.
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
    """Return the percentile interval of the share of chosen rows."""
    found = np.empty(n_bootstrap)
    marked = share * chosen
    for one in range(n_bootstrap):
        rows = rng.randint(share.size, size=share.size)
        found[one] = marked[rows].sum() / share[rows].sum()
    tail = (1 - confidence) / 2
    return tuple(float(end) for end in np.quantile(found, [tail, 1 - tail]))
