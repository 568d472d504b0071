"""Sentences for the advice of `recommend_weighting`, with supporting benchmarks."""

from skweight._utils.validation import say

# Limit for the ratio of two numbers: rows of the largest class / rows of the smallest.
# Below the limit, no class is so rare that a model might never predict it.
BALANCED_ENOUGH = 3.0
# If a class has fewer rows than this number, the advice is to collect more rows.
TOO_FEW = 10
HALF = 0.5

# The benchmark that supports each sentence of the advice. The results of the benchmarks
# are in benchmarks/results.
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
    """Return the name of the benchmark that supports a sentence, in brackets."""
    return f"(benchmark {EVIDENCE[line]}, see 'Choosing a strategy' in the user guide)"


def is_rare(figures):
    """Return whether a class is so rare that a model might never predict it."""
    return figures["imbalance_ratio"] >= BALANCED_ENOUGH


def say_classes(figures):
    """Return a sentence about the class frequencies."""
    ratio, rare = figures["imbalance_ratio"], say(figures["rarest_class"])
    rows = figures["rarest_rows"]
    if rows < TOO_FEW:
        return (
            f"Class {rare} has {rows} row{'s' if rows > 1 else ''}. Weights cannot "
            "add information: the model would learn these rows by heart. Collect "
            "more rows of this class. Until then, use the probabilities only for a "
            f"ranking {resting_on('few rows')}."
        )
    times = f"{ratio:.2g}" if ratio < 100 else f"{ratio:,.0f}"
    said = (
        f"The largest class has {times} times as many rows as the smallest class, "
        f"{rare}"
    )
    if is_rare(figures):
        return f"{said}, with {rows:,} rows."
    return (
        f"{said}. No class is so rare that training would ignore it. To change "
        "recall and precision, change the threshold."
    )


def say_unmeasured(figures):
    """Explain the advice to use no weights; for this advice, nothing was measured."""
    return (
        "The effect of weights was not measured on these rows; pass estimator= to "
        "measure it. In our benchmarks, class weights hardly improved calibrated "
        f"models, and the labels were the same {resting_on('no weights')}. "
        f"Calibrate, and {say_cut(figures)}."
    )


def say_cut(figures):
    """Return a sentence on the decision rule that replaces weights."""
    if figures["n_classes"] == 2:
        return f"use the threshold {figures['rarest_share']:.3g}"
    return (
        "choose the class whose probability is largest relative to the share of the "
        "class"
    )


def say_half(figures):
    """Return the effect of weights at strength 0.5 on labels."""
    share = figures["rarest_share"]
    said = (
        "Weights at strength 0.5 give less recall and more precision of the rare "
        "class than full balance"
    )
    if figures["n_classes"] == 2:
        half = share**HALF / (share**HALF + (1 - share) ** HALF)
        said += f": with decision='auto', the threshold is {half:.3g}"
        return f"{said}, and with full balance it is {share:.3g}."
    return f"{said}, if decision='auto'."


def say_measured(measured, figures, estimator):
    """Return a sentence on how weights change the log loss of held-out rows."""
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
        said = "No class weights were compared"
    elif measured.strength:
        said = "Class weights improve the log loss here"
    elif lowest["strength"] == 0 and len(dearer) == len(measured.weightings) - 1:
        said = "Class weights increase the log loss here"
    else:
        said = "Class weights make no measurable difference here"
    does = "use them, calibrate" if measured.strength else "calibrate"
    cut = (
        say_cut(figures)
        if is_rare(figures)
        else ("and choose the threshold that you need")
    )
    spread = f" (± {spread:.2g})" if spread else ""
    said += (
        f": {does}, {cut}. Log loss on {measured.n_rows:,} held-out rows after "
        f"calibration: {losses}{spread}. This took {measured.n_fits} fits of "
        f"{type(estimator).__name__} on {measured.n_folds} folds."
    )
    if measured.n_fits < measured.n_planned:
        said += (
            f"  The comparison was stopped by max_seconds after {measured.n_fits} of "
            f"{measured.n_planned} fits. Allow more time for a result that is "
            "reproducible."
        )
    return said


def say_readings(figures):
    """Return a sentence on class frequencies of the target, for both kinds of shift."""
    by_labels = figures.get("target_frequencies_by_labels")
    by_columns = _say_shares(figures["target_frequencies_by_columns"])
    if by_labels is None:
        return f"The target then has {by_columns}."
    return (
        "If only the class frequencies changed (label shift), the target has "
        f"{_say_shares(by_labels)}. If only the distribution of the features changed "
        f"(covariate shift), it has {by_columns}. Label some target rows to see "
        "which assumption is right."
    )


def _say_shares(frequencies):
    shares = (f"{share:.1%} of {say(label)}" for label, share in frequencies.items())
    return ", ".join(shares)


def say_calibration(measured=None):
    """Return why to calibrate, and with which calibrator."""
    if measured is None:
        return (
            "Calibrate in any case, even tree models without weights. In our "
            "benchmarks, the log loss of 'auto' was at most that of every single "
            f"calibrator {resting_on('calibration')}."
        )
    best = min(measured.calibrations, key=lambda row: row["log_loss"])
    compared = (
        f"the best of {say([row['name'] for row in measured.calibrations])} was "
        f"{best['name']!r}; its log loss minus the log loss of 'auto' was "
        f"{best['above_auto']:+.2g} ± {best['standard_error']:.2g}"
    )
    if measured.calibration == "auto":
        return f"Calibrate with 'auto': {compared}."
    return (
        f"Calibrate with {measured.calibration!r}, which was better than 'auto' on "
        f"held-out rows: {compared}."
    )


def _name_of(strength):
    names = {0: "without weights", 0.5: "at half strength", 1: "in full balance"}
    return names[strength]
