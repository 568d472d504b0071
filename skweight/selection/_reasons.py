"""The sentences of an advice, and the source of each sentence."""

from skweight._utils.validation import say

# If the largest class has less than this multiple of the smallest class, training
# ignores no class.
BALANCED_ENOUGH = 3.0
# A class with fewer rows needs more rows; weights do not help.
TOO_FEW = 10
HALF = 0.5

# Source of each line of the advice: a table of benchmarks/results.
EVIDENCE = {
    "costs": "cost_comparison",
    "no weights": "does_weighting_help",
    "calibration": "calibration_choice",
    "few rows": "calibration_choice",
    "label shift": "label_shift",
    "covariate shift": "shift_target_error",
    "kernels": "density_ratio_accuracy",
    "classifier": "density_ratio_accuracy",
    "groups": "groups_and_noise",
}


def resting_on(line):
    """Return the benchmark of a line of the advice, in brackets."""
    return f"(benchmarks/results/{EVIDENCE[line]}.md)"


def is_rare(figures):
    """Return whether a class is so rare that training might ignore it."""
    return figures["imbalance_ratio"] >= BALANCED_ENOUGH


def say_classes(figures):
    """Return a sentence about the class frequencies."""
    ratio, rare = figures["imbalance_ratio"], say(figures["rarest_class"])
    rows = figures["rarest_rows"]
    if rows < TOO_FEW:
        return (
            f"Class {rare} has {rows} row{'s' if rows > 1 else ''}. Weights make no "
            "rows, and would have the model learn these by heart: collect more of "
            "them, and until then take the probabilities for a ranking "
            f"{resting_on('few rows')}."
        )
    times = f"{ratio:.2g}" if ratio < 100 else f"{ratio:,.0f}"
    said = f"The largest class has {times} times the rows of the smallest, {rare}"
    if is_rare(figures):
        return f"{said}, with {rows:,} rows."
    return (
        f"{said}: no class is so rare that training would ignore it. Where another "
        "trade-off of recall and precision is wanted, move the threshold."
    )


def say_unmeasured(figures):
    """Return why weights are not advised if they were not measured."""
    return (
        "Weights were not measured on these rows: pass estimator= for that. Elsewhere "
        "they gained next to nothing once the model was calibrated, and the labels "
        f"were the same {resting_on('no weights')}. Calibrate, and {say_cut(figures)}."
    )


def say_cut(figures):
    """Return how to get labels from calibrated probabilities without weights."""
    if figures["n_classes"] == 2:
        return f"cut at {figures['rarest_share']:.3g}"
    return "take the class whose probability is largest relative to its share"


def say_half(figures):
    """Return the effect of half strength, if labels follow the strength."""
    share = figures["rarest_share"]
    said = "Half strength trades recall of the rare class for precision"
    if figures["n_classes"] == 2:
        half = share**HALF / (share**HALF + (1 - share) ** HALF)
        said += f": labels that follow it (decision='auto') are cut at {half:.3g}"
        return f"{said}, where balance cuts at {share:.3g}."
    return f"{said}, where labels follow it (decision='auto')."


def say_measured(measured, figures, estimator):
    """Return the effect of weights on the log loss of held-out rows."""
    losses = ", ".join(
        f"{row['log_loss']:.4g} {_name_of(row['strength'])}"
        for row in measured.weightings
    )
    spread = max(row["standard_error"] for row in measured.weightings)
    lowest = min(measured.weightings, key=lambda row: row["log_loss"])
    dearer = [
        row
        for row in measured.weightings
        if row["strength"] and row["above_lowest"] > row["standard_error"]
    ]
    if len(measured.weightings) == 1:
        said = "No weights were compared"
    elif measured.strength:
        said = "Weights gain here"
    elif lowest["strength"] == 0 and len(dearer) == len(measured.weightings) - 1:
        said = "Weights cost here"
    else:
        said = "Weights change nothing measurable here"
    does = "take them, calibrate" if measured.strength else "calibrate"
    cut = say_cut(figures) if is_rare(figures) else "and decide as you will"
    spread = f" (± {spread:.2g})" if spread else ""
    said += (
        f"; {does}, {cut}. Log loss of {measured.n_rows:,} held-out rows after "
        f"calibration: {losses}{spread}, by {measured.n_fits} fits of "
        f"{type(estimator).__name__} on {measured.n_folds} folds."
    )
    if measured.n_fits < measured.n_planned:
        said += (
            f" It was stopped by max_seconds after {measured.n_fits} of "
            f"{measured.n_planned} fits: run it longer for an answer that repeats."
        )
    return said


def say_readings(figures):
    """Return the class frequencies of the target, as each kind of shift reads them."""
    by_labels = figures.get("target_frequencies_by_labels")
    by_columns = _say_shares(figures["target_frequencies_by_columns"])
    if by_labels is None:
        return f"The target would then have {by_columns}."
    return (
        f"Read as other class frequencies, the target has {_say_shares(by_labels)}; "
        f"read as other columns, {by_columns}. Label some target rows and see which is "
        "right."
    )


def _say_shares(frequencies):
    shares = (f"{share:.1%} of {say(label)}" for label, share in frequencies.items())
    return ", ".join(shares)


def say_calibration(measured=None):
    """Return why to calibrate, and with which calibrator."""
    if measured is None:
        return (
            "Calibrate in any case, trees without weights as well: 'auto' was at or "
            f"below every single calibrator {resting_on('calibration')}."
        )
    best = min(measured.calibrations, key=lambda row: row["log_loss"])
    compared = (
        f"the best of {say([row['name'] for row in measured.calibrations])} is "
        f"{best['name']!r}, {best['above_auto']:+.2g} ± {best['standard_error']:.2g} "
        "in log loss against 'auto'"
    )
    if measured.calibration == "auto":
        return f"Calibrate by 'auto': {compared}."
    return f"Calibrate by {measured.calibration!r}, which beats 'auto': {compared}."


def _name_of(strength):
    names = {0: "without weights", 0.5: "at half strength", 1: "in full balance"}
    return names[strength]
