"""Words and numbers in the printed output and in the report of a comparison."""

import numpy as np

from skweight._utils.validation import say
from skweight.selection._figures import METRICS

# Metrics that are shown for both of two classes.
BOTH = ("recall", "precision")


def title_of(design, metric, label):
    """Return the name of a metric, and the class unless it is the positive class."""
    title = METRICS[metric].title if metric in METRICS else metric
    one_is_meant = design.pos_label is not None and metric not in BOTH
    return title if label is None or one_is_meant else f"{title} {label}"


def with_error(mean, error):
    if np.isnan(mean):
        return "-"
    if not np.isfinite(mean):
        return f"{mean}"
    digits = 3 if abs(mean) < 10 else 0
    shown = f"{mean:,.{digits}f}"
    return shown if np.isnan(error) else f"{shown} ± {error:,.{digits}f}"


def about(comparison):
    """Return lines that describe how the comparison was made."""
    design = comparison.design
    done = len({cell.fold for cell in comparison.cells})
    yield (
        f"{design.n_rows:,} rows, {design.n_folds} folds"
        f"{', groups kept together' if design.grouped else ''}; weights of held-out "
        f"rows: {design.weights}"
    )
    yield (
        f"baseline: {comparison.baseline}; mean ± standard error, corrected for "
        "training rows that folds share (Nadeau and Bengio)"
    )
    if not comparison.complete:
        yield (
            f"NOT COMPLETE: the comparison was interrupted after {done} of "
            f"{design.n_folds} folds had begun"
        )
    failed = comparison.failures()
    if len(failed):
        names = list(dict.fromkeys(failed["strategy"]))
        yield f"FAILED: {say(names)}, see failures()"
