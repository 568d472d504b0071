"""Show a comparison of weightings as sentences, as a figure, and as an HTML page."""

from html import escape

import numpy as np

from skweight._utils.optional import import_optional
from skweight._utils.render import facts, in_notebook, listing, page, table
from skweight._utils.svg import Dot, intervals
from skweight._utils.validation import say
from skweight.selection._figures import METRICS
from skweight.selection._words import BOTH, about, title_of, with_error

# The metrics that the picture shows by default.
DRAWN = (
    "recall",
    "precision",
    "average_precision",
    "log_loss",
    "calibration_error",
    "mean_over_prevalence",
)
COLUMNS = 3


# -- sentences -------------------------------------------------------------------------


def sentences(comparison):
    """Return one or more sentences about each strategy, with the scores."""
    table = comparison.to_frame()
    texts = []
    for strategy in comparison.strategies:
        rows = {
            (row["metric"], row["class"]): row
            for row in table[table["strategy"] == strategy.name].to_dict("records")
        }
        if all(np.isnan(row["mean"]) for row in rows.values()):
            texts.append(f"{strategy.name}: failed, see the messages.")
            continue
        parts = [*_on_labels(comparison, rows), *_on_probabilities(comparison, rows)]
        if strategy.name == comparison.baseline:
            texts.append(f"{strategy.name}, the baseline: {' '.join(parts)}")
        else:
            texts.append(f"{strategy.name}: {' '.join(parts)}")
    return texts


def interesting_class(comparison):
    """Return the class of interest: the positive class, or the rarest class."""
    design = comparison.design
    if design.pos_label is not None:
        return design.pos_label
    table = comparison.to_frame()
    table = table[table["metric"] == "prevalence"]
    if not len(table):
        return design.classes[-1]
    shares = table.groupby("class", sort=False)["mean"].mean()
    return min(shares.index, key=lambda label: shares[label])


def _on_labels(comparison, rows):
    label = interesting_class(comparison)
    recall, precision = rows["recall", label], rows["precision", label]
    yield (
        f"Of 100 rows of {say(label)}, {100 * recall['mean']:.0f} get this "
        f"label{_versus(recall, 100, '.0f')}. Of 100 rows that get the label "
        f"{say(label)}, {100 * precision['mean']:.0f} are "
        f"right{_versus(precision, 100, '.0f')}."
    )


def _on_probabilities(comparison, rows):
    label = interesting_class(comparison)
    if ("log_loss", None) not in rows or np.isnan(rows["log_loss", None]["mean"]):
        yield "The model has no probabilities."
        return
    ratio = rows["mean_over_prevalence", label]["mean"]
    if 0.95 <= ratio <= 1.05:
        yield f"The probabilities of {say(label)} are right on average."
    else:
        word = "high" if ratio > 1 else "low"
        yield (
            f"The probabilities of {say(label)} are too {word}: on average, "
            f"{ratio:.2f} times the true share of the class."
        )
    loss = rows["log_loss", None]
    yield f"Log loss {loss['mean']:.4f}{_versus(loss, 1, '.4f')}."


def _versus(row, scale, form):
    """Return a difference to the baseline in words; "" if there is no difference."""
    if np.isnan(row["difference"]):
        return ""
    low, high = row["difference_low"], row["difference_high"]
    shown, low_told, high_told = (
        # A negative value that is rounded to zero is shown without a sign, not as "-0".
        f"{scale * value:+{form}}"
        if float(f"{scale * value:{form}}")
        else f"{0:{form}}"
        for value in (row["difference"], low, high)
    )
    if np.isnan(low):
        return f" ({shown})"
    sure = "" if low > 0 or high < 0 else ", not significant"
    interval = f"95 % interval {low_told} to {high_told}{sure}"
    return f" ({shown} compared with the baseline, {interval})"


# -- the picture -----------------------------------------------------------------------


def panels(comparison, metrics):
    """Return the (metric, class) of each panel."""
    table = comparison.to_frame()
    known = list(dict.fromkeys(zip(table["metric"], table["class"], strict=True)))
    if metrics is not None:
        unknown = set(metrics) - {metric for metric, _ in known}
        if unknown:
            raise ValueError(
                f"metrics must be names from {say(sorted({m for m, _ in known}))}; "
                f"got {say(sorted(unknown))}."
            )
        wanted = list(metrics)
    else:
        wanted = [*DRAWN, *comparison.design.scorers]
    label = interesting_class(comparison)
    chosen = [
        key
        for metric in wanted
        for key in known
        # The class of interest represents all classes.
        if key[0] == metric and key[1] in (None, label)
    ]
    values = table.set_index(["metric"])["mean"]
    return [key for key in chosen if np.isfinite(values.loc[[key[0]]]).any()]


def draw(comparison, metrics=None, confidence=0.95, figure=None):
    """Draw one panel per metric, with one line and interval for each strategy."""
    pyplot = import_optional(
        "matplotlib.pyplot", extra="plot", feature="WeightingComparison.plot"
    )
    keys = panels(comparison, metrics)
    table = comparison.to_frame(confidence=confidence)
    names = [strategy.name for strategy in comparison.strategies]
    n_columns = min(COLUMNS, len(keys))
    n_rows = -(-len(keys) // n_columns)
    if figure is None:
        height = n_rows * (1.0 + 0.32 * len(names))
        figure = pyplot.figure(
            figsize=(2.2 + 2.9 * n_columns, height), layout="constrained"
        )
    axes = figure.subplots(n_rows, n_columns, sharey=True, squeeze=False)
    for ax in axes.flat[len(keys) :]:
        ax.set_axis_off()
    for ax, (metric, label) in zip(axes.flat, keys, strict=False):
        rows = [
            row
            for row in table[table["metric"] == metric].to_dict("records")
            if row["class"] == label
        ]
        _draw_panel(ax, rows, comparison.baseline)
        ax.set_title(_panel_title(comparison.design, metric, label), fontsize=10)
    first = axes[0, 0]
    first.set_yticks(range(len(names)), names)
    first.set_ylim(len(names) - 0.5, -0.5)
    figure.supxlabel(
        f"Scores are from held-out rows; bars are {confidence:.0%} intervals, the "
        f"dashed line is the baseline ({comparison.baseline}).\nA filled point means "
        "a significant difference to the baseline.",
        fontsize=9,
    )
    return figure


def _draw_panel(ax, rows, baseline):
    for position, row in enumerate(rows):
        if row["strategy"] == baseline and np.isfinite(row["mean"]):
            ax.axvline(row["mean"], color="0.55", linestyle="--", linewidth=1, zorder=0)
        if not np.isfinite(row["mean"]):
            ax.annotate(
                "failed" if np.isnan(row["mean"]) else "infinite",
                (0.03, position),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize=8,
                color="0.4",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
            )
            continue
        if np.isfinite(row["low"]):
            ax.plot(
                [row["low"], row["high"]],
                [position] * 2,
                color="0.25",
                linewidth=1.5,
                solid_capstyle="butt",
            )
        ax.plot(
            row["mean"],
            position,
            "o",
            markersize=6,
            color="0.1",
            markerfacecolor="#0072b2" if _differs(row) else "white",
        )
    ax.grid(axis="y", color="0.92")
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)


def _differs(row):
    """Return whether a strategy differs significantly from the baseline."""
    return row["difference_low"] > 0 or row["difference_high"] < 0


def _panel_title(design, metric, label):
    title = title_of(design, metric, label)
    better = METRICS[metric].better if metric in METRICS else "higher"
    return f"{title}\n({better} is better)" if better else title


# -- the page --------------------------------------------------------------------------


def write_page(comparison, path, title):
    """Return the HTML page of a comparison; if `path` is not None, also write it."""
    body = [_lead(comparison)]
    failed = comparison.failures()
    if not comparison.complete or len(failed):
        body.append(_alarm(comparison, failed))
    body.append(f"<h2>What was found</h2>{listing(sentences(comparison))}")
    body.append(f"<h2>In a picture</h2>{_picture(comparison)}")
    body.append(
        "<h2>The figures</h2><p class='note'>Mean over the folds ± standard error.</p>"
        + table("", *_figures(comparison))
    )
    body.append(
        "<details><summary>Differences to the baseline, with their 95 % "
        f"intervals</summary>{table('', *_differences(comparison))}<p "
        "class='note'>p-values are adjusted for the number of strategies (Holm), "
        "but not for the number of metrics. Choose the decisive metric before you "
        "look at the results.</p></details>"
    )
    body.append(f"<h2>What the figures mean</h2>{_glossary(comparison)}")
    body.append(_how(comparison))
    body.append(f"<p class='note'>{escape(comparison.design.estimator)}</p>")
    return page(title, "".join(body), path)


def notebook(comparison):
    """Return the HTML for a notebook."""
    lines = "<br>".join(escape(line) for line in about(comparison))
    return in_notebook(
        "<strong>Strategies, compared on the same "
        f"folds</strong><br><small>{lines}</small>{table('', *_figures(comparison))}"
    )


def _lead(comparison):
    design = comparison.design
    n = len(comparison.strategies)
    label = interesting_class(comparison)
    others = len(design.classes) - 1
    rest = "the other class" if others == 1 else f"the {others} other classes"
    return (
        f"<p>{n} ways to train a model that separates {escape(say(label))} from "
        f"{rest} were compared on the same {design.n_rows:,} rows. Each model was "
        "trained on one part of the rows and evaluated on the other part, "
        f"{design.n_folds} times. Differences are to the baseline, "
        f"<b>{escape(comparison.baseline)}</b>.</p>"
    )


def _alarm(comparison, failed):
    text = ""
    if not comparison.complete:
        text += (
            "<p>This comparison was interrupted. It contains only the folds that "
            "all strategies have finished.</p>"
        )
    if len(failed):
        rows = failed.drop_duplicates(["strategy", "message"]).to_dict("records")
        items = "".join(
            f"<li><b>{escape(row['strategy'])}</b>: {escape(row['message'])}</li>"
            for row in rows
        )
        text += f"<p>Some fits failed:</p><ul>{items}</ul>"
    return f"<div class='alarm'>{text}</div>"


def _picture(comparison):
    frame = comparison.to_frame()
    drawn = []
    for metric, label in panels(comparison, None):
        rows = [
            row
            for row in frame[frame["metric"] == metric].to_dict("records")
            if row["class"] == label
        ]
        dots = [
            Dot(
                row["strategy"],
                row["mean"],
                row["low"],
                row["high"],
                _differs(row),
            )
            for row in rows
        ]
        means = {row["strategy"]: row["mean"] for row in rows}
        title = _panel_title(comparison.design, metric, label).replace("\n", " ")
        drawn.append(intervals(title, dots, means.get(comparison.baseline, np.nan)))
    return (
        f"<div class='panels'>{''.join(drawn)}</div><p class='note'>Bars are 95 % "
        "intervals, the dashed line is the baseline "
        f"({escape(comparison.baseline)}). A filled dot means a significant "
        "difference to the baseline.</p>"
    )


def _figures(comparison):
    shown = comparison.summary()
    # Rows of the table are metrics, because there are more metrics than strategies.
    header = ["Figure", *shown.index]
    rows = [[name, *shown[name]] for name in shown.columns]
    return header, rows


def _differences(comparison):
    frame = comparison.to_frame()
    frame = frame[(frame["strategy"] != comparison.baseline)]
    frame = frame[np.isfinite(frame["difference"])]
    header = ["Strategy", "Figure", "Difference", "Interval", "p, adjusted", "Folds"]
    rows = [
        [
            row["strategy"],
            title_of(comparison.design, row["metric"], row["class"]),
            with_error(row["difference"], row["difference_std_error"]),
            f"{row['difference_low']:.3f} to {row['difference_high']:.3f}",
            f"{row['p_adjusted']:.3f}",
            str(row["n_folds"]),
        ]
        for row in frame.to_dict("records")
        if not row["metric"].endswith("_time") and row["metric"] != "prevalence"
    ]
    return header, rows


def _glossary(comparison):
    label = interesting_class(comparison)
    used = dict.fromkeys(comparison.to_frame()["metric"])
    meanings = [
        (METRICS[metric].title, f"{METRICS[metric].meaning}{_better(metric)}")
        for metric in used
        if metric in METRICS
    ]
    both = " and ".join(METRICS[metric].title.lower() for metric in BOTH)
    meant = (
        "<p class='note'>Metrics without a class name are for the class "
        f"{escape(say(label))}; {both} are shown for both classes.</p>"
        if comparison.design.pos_label is not None
        else ""
    )
    return facts(meanings) + meant


def _better(metric):
    better = METRICS[metric].better
    return f" {better.capitalize()} is better." if better else ""


def _how(comparison):
    design = comparison.design
    lines = [
        f"Held-out rows have these weights: {design.weights}. The weights that a "
        "strategy uses in training are never used for the evaluation.",
        "If a strategy is calibrated, its probabilities were corrected with rows to "
        "which the model was not fitted.",
        "Models of different folds share training rows. The standard errors are "
        "corrected for this (Nadeau and Bengio 2003). Intervals have a coverage of "
        "95 %.",
        "Many metrics of many strategies are compared, so some differences occur by "
        "chance alone.",
    ]
    if design.grouped:
        lines.insert(1, "Rows of the same group were never on both sides of a split.")
    return f"<h2>How it was done</h2>{listing(lines, 'note')}"
