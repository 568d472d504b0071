"""A model card: a page that describes a fit for readers who do not program."""

from html import escape

import numpy as np

from skweight._utils.render import facts, listing, page, table
from skweight._utils.svg import reliability
from skweight._utils.validation import say

# Largest number of calibration curves. If there are more classes, only the curves of
# the rarest classes are drawn.
_N_CURVES = 6
_N_SIDE_BY_SIDE = 4


def classifier_card(report, of_rows, path, title):
    """Return the model card of a classifier; if `path` is not None, also write it.

    The argument `of_rows` is a list of pairs (name, sentence). The pairs describe the
    rows of the fit.
    """
    labels = ", ".join(say(label) for label in report.classes)
    body = [
        f"<p class='lead'>A classifier of {len(report.classes)} classes "
        f"({escape(labels)}). Its probabilities are "
        f"{escape(report.probabilities)}.</p>",
        _warned(report),
        "<h2>Data and weights</h2>",
        facts(of_rows),
        _classes(report._table()),
        "<p class='note'>Population: share of the class in the population weights. "
        "Training: share of the class in the training weights. Multiplier: the "
        "training share divided by the population share; a calibration corrects by "
        "this number. Effective: number of rows with equal weights that contain as "
        "much information.</p>",
        "<h2>Calibration</h2>",
        _calibration(report),
        "<h2>Decision</h2>",
        f"<p>Labels: {escape(report.decision)}.</p>",
        _costs(report),
        _versions(report),
    ]
    return page(title, "".join(body), path)


def regressor_card(report, of_rows, path, title):
    """Return the model card of a regressor; if `path` is not None, also write it."""
    body = [
        "<p class='lead'>A regressor, fitted with weights.</p>",
        _warned(report),
        "<h2>Data and weights</h2>",
        facts(of_rows),
        _versions(report),
    ]
    return page(title, "".join(body), path)


def _classes(per_class):
    """Return the table of the classes. If classes are few, they are the columns."""
    cells = [per_class.header, *per_class.rows]
    if len(per_class.rows) <= _N_SIDE_BY_SIDE:
        cells = list(zip(*cells, strict=True))
    return table("", cells[0], cells[1:])


def _warned(report):
    if not report.warnings:
        return "<p>The fit gave no warning.</p>"
    return f"<div class='alarm'><h2>Warnings</h2>{listing(report.warnings)}</div>"


def _calibration(report):
    lines = [("calibration", report.calibration or "none")]
    lines += [
        (
            name,
            f"share {of['share']:.0%} of the mixture of calibrators, log loss "
            f"{of['loss']:.4f}",
        )
        for name, of in report.candidates.items()
    ]
    lines.append(("fits", f"{report.n_fits} of the estimator in all"))
    if not report.reliability:
        return facts(lines) + (
            "<p>There is no calibration curve, because the fit had no held-out "
            "rows. Calibrations such as calibration=&#x27;auto&#x27; use held-out "
            "rows.</p>"
        )
    rarest = np.argsort(report.population_share, kind="stable")
    # For two classes, one calibration curve is enough, because the second curve would
    # be its mirror image.
    shown = sorted(rarest[: 1 if rarest.size == 2 else _N_CURVES])
    curves = "".join(
        reliability(
            f"{say(report.classes[k])}: frequency by predicted probability",
            [
                (bin_["probability"], bin_["frequency"], bin_["low"], bin_["high"])
                for bin_ in report.reliability[k]
            ],
        )
        for k in shown
    )
    return (
        f"{facts(lines)}<div class='panels'>{curves}</div><p class='note'>Each dot "
        "is a bin of held-out rows. The models were not fitted to these rows, but "
        "the calibrator was. For a dot on the dashed line, the class was as "
        "frequent as predicted. Bars are 95 % intervals.</p>"
    )


def _costs(report):
    if not report.costs:
        return "<p class='note'>No costs were given.</p>"
    return f"<p>Costs:</p>{listing(report.costs)}"


def _versions(report):
    return f"<h2>Versions</h2>{facts(list(report.versions.items()))}"
