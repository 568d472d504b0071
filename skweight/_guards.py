"""Signs that calibrated probabilities will be wrong, each said with a figure.

Every guard looks at something that the fit has at hand, in O(n), and asks two things:
is the deviation large, and is it more than chance? Small data alone is no reason to
warn.
"""

import numpy as np

from skweight._validation import plain
from skweight._warn import warn
from skweight.exceptions import (
    CalibrationMeanWarning,
    ClippedVotesWarning,
    EmphasisAsPopulationWarning,
    FewEffectiveRowsWarning,
    UpstreamSamplerWarning,
)

# Mean probability over prevalence that is left in peace, and the standard errors by
# which a deviation must exceed chance.
LOWEST_RATIO, HIGHEST_RATIO = 0.8, 1.25
STANDARD_ERRORS = 3.0
# Effective rows of a calibration set below which weights are said to cost too much.
FEW_EFFECTIVE_ROWS = 200
# Rows of one class at the end of y that chance does not put there.
LONG_TAIL = 20


def warn_of_class_weights(sample_weight, codes, classes):
    """Warn if the caller's weights look like emphasis passed as population weights.

    They do if they are a function of the label that makes the classes more even.
    Weights that correct the class frequencies of a sample make the rare class of the
    population rare again, and pass.
    """
    if sample_weight is None:
        return
    counted = sample_weight > 0
    weight, codes = sample_weight[counted], codes[counted]
    counts = np.bincount(codes, minlength=classes.size)
    present = np.flatnonzero(counts)
    if present.size < 2 or counts[present].min() < 2:
        return
    highest = np.zeros(classes.size)
    np.maximum.at(highest, codes, weight)
    lowest = np.full(classes.size, np.inf)
    np.minimum.at(lowest, codes, weight)
    by_class = highest[present]
    if np.any(by_class - lowest[present] > 1e-9 * by_class):
        return
    before = counts[present] / counts.sum()
    after = before * by_class / (before @ by_class)
    if _entropy(after) <= _entropy(before) + 1e-6:
        return
    heaviest = present[np.argmax(by_class)]
    factor = by_class.max() / by_class.min()
    warn(
        f"sample_weight depends on the label alone: rows of class "
        f"{plain(classes[heaviest])!r} count {factor:.3g} times as much as others, "
        f"which makes their share {after[np.argmax(by_class)]:.1%} instead of "
        f"{before[np.argmax(by_class)]:.1%}. sample_weight says how frequent rows are "
        "in the population, so the probabilities will be calibrated to that share. If "
        "the weights are to balance classes, pass them as weighting='balanced' or "
        "weighting={label: weight}, without sample_weight; if the population has that "
        "share, say so by PriorWeighting.",
        EmphasisAsPopulationWarning,
    )


def _entropy(share):
    return -(share @ np.log(share))


def warn_of_resampled_rows(codes, classes):
    """Warn if rows of one class were added at the end, as samplers add them.

    Elsewhere in y the class must be a minority that is mixed among the others, so that
    sorted labels and recordings in blocks pass.
    """
    if codes.size < 4 * LONG_TAIL:
        return
    last = codes[-1]
    others = np.flatnonzero(codes != last)
    if not others.size:
        return
    n_head = int(others[-1]) + 1
    n_tail = codes.size - n_head
    in_head = codes[:n_head] == last
    n_in_head = int(np.count_nonzero(in_head))
    mixed = n_in_head >= 5 and 2 * np.count_nonzero(np.diff(in_head)) > n_in_head
    if n_tail < max(LONG_TAIL, 0.25 * n_in_head) or not mixed:
        return
    share = n_in_head / n_head
    if share >= 0.5:
        return
    warn(
        f"The last {n_tail:,} rows are all of class {plain(classes[last])!r}, which is "
        f"{share:.1%} of the {n_head:,} rows before them: it looks as if a sampler had "
        "added them. Probabilities are calibrated to the share among all rows, "
        f"{(n_in_head + n_tail) / codes.size:.1%}. Pass the rows as they came and "
        "balance by weighting=, or by a resampler inside the fit.",
        UpstreamSamplerWarning,
    )


def samplers_in(estimator):
    """Return the names of steps that resample rows inside an estimator."""
    steps = getattr(estimator, "steps", None) or []
    found = []
    for name, step in steps:
        found += [name] if hasattr(step, "fit_resample") else samplers_in(step)
    inner = getattr(estimator, "estimator", None)
    return found or ([] if inner is None else samplers_in(inner))


def warn_of_inner_sampler(estimator, calibration):
    """Warn if a sampler inside the estimator changes classes behind our back."""
    found = samplers_in(estimator)
    if not found:
        return
    warn(
        f"The step {found[0]!r} of the wrapped estimator resamples rows after the "
        "weights were computed, so class_multiplier_ is not what the model saw, and "
        f"calibration={calibration!r} takes it at its word. Take the sampler out of "
        "the pipeline and balance by weighting=, or use calibration='sigmoid', which "
        "learns the shift from held-out rows.",
        UpstreamSamplerWarning,
    )


def warn_of_few_rows(effective, n_rows):
    """Warn if weights leave a calibrator with less than half of few rows."""
    if effective >= FEW_EFFECTIVE_ROWS or effective >= n_rows / 2:
        return
    warn(
        f"The weights of the {n_rows:,} held-out rows leave the calibrator "
        f"{effective:.1f} effective rows, fewer than {FEW_EFFECTIVE_ROWS}: a few rows "
        "decide the probabilities. Keep the weights sane by stabilizer='pareto' or "
        "'temper', or collect rows like those that weigh most.",
        FewEffectiveRowsWarning,
    )


def warn_of_mean(proba, codes, weight, classes):
    """Warn if the mean probability of a class is not its frequency on held-out rows."""
    weight = np.ones(codes.size) if weight is None else weight
    total = weight.sum()
    frequency = np.bincount(codes, weight, classes.size) / total
    mean = weight @ proba / total
    effective = total**2 / (weight @ weight)
    larger = np.maximum(mean, frequency)
    error = np.sqrt(larger * (1 - larger) / effective)
    with np.errstate(divide="ignore"):
        ratio = np.where(frequency > 0, mean / frequency, np.inf)
    off = (ratio < LOWEST_RATIO) | (ratio > HIGHEST_RATIO)
    off &= np.abs(mean - frequency) > STANDARD_ERRORS * error
    if not off.any():
        return
    worst = np.argmax(np.where(off, np.abs(np.log(np.maximum(ratio, 1e-300))), -1))
    warn(
        f"After calibration the mean probability of class {plain(classes[worst])!r} "
        f"is {mean[worst]:.3g} on held-out rows, of which {frequency[worst]:.3g} are "
        f"of it: {ratio[worst]:.3g} times as many. The calibrator cannot map these "
        "scores; use calibration='auto'.",
        CalibrationMeanWarning,
    )


def warn_of_clipped_votes(proba, outputs, codes, weight, classes):
    """Warn if rows without any vote for a class get a probability that is wrong.

    Shares of votes are clipped before their logarithm is taken. A map that is straight
    on the log scale may then miss the many rows that sit on the floor.
    """
    weight = np.ones(codes.size) if weight is None else weight
    outputs = np.asarray(outputs)
    outputs = outputs[:, None] if outputs.ndim == 1 else outputs
    # With two classes the rows without a vote for the first are all for the second.
    for code in range(classes.size - 1, 0 if classes.size == 2 else -1, -1):
        clipped = outputs[:, code if outputs.shape[1] > 1 else 0] <= 0
        w = weight[clipped]
        if not w.size or w.sum() == 0:
            continue
        said = w @ proba[clipped, code] / w.sum()
        seen = w @ (codes[clipped] == code) / w.sum()
        larger = max(said, seen)
        error = np.sqrt(larger * (1 - larger) * (w @ w)) / w.sum()
        far = not (0.5 <= said / seen <= 2) if seen > 0 else True
        if far and abs(said - seen) > STANDARD_ERRORS * error:
            warn(
                f"{np.mean(clipped):.0%} of the held-out rows have no vote for "
                f"class {plain(classes[code])!r}; {seen:.2%} of them are of it, and "
                f"the calibrator says {said:.2%}. Use calibration='isotonic' or "
                "'auto', which bend, or more trees with more rows to a leaf.",
                ClippedVotesWarning,
            )
            return
