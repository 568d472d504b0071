"""Metrics of binned scores; in bins with many rows, one weighted row per class."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, log_expit

from skweight._utils.validation import check_bool, check_number
from skweight.costs import _rules as rules
from skweight.costs._labels import refuse_further
from skweight.costs._matrix import as_cost_matrix
from skweight.metrics._calibration import (
    ReliabilityCurve,
    equal_mass_bins,
    error_of_bins,
    frequency_interval,
)


class BinnedScores(NamedTuple):
    """Rows of bins with few rows, and one weighted row per class for all other bins.

    Attributes
    ----------
    scores : ndarray of shape (n_used,)
        Score of the row, or weighted mean score of the rows in a bin with many rows.
    codes : ndarray of shape (n_used,)
        Position of the row's class.
    bins : ndarray of shape (n_used,)
        Rank of the score, or of the bin with many rows; the lowest rank is 0.
    n_rows, mass, squares : ndarray of shape (n_used,)
        Three numbers for each entry, which stands for one or more rows of positive
        weight: the number of these rows, the sum of their weights, and the sum of their
        squared weights.
    """

    scores: np.ndarray
    codes: np.ndarray
    bins: np.ndarray
    n_rows: np.ndarray
    mass: np.ndarray
    squares: np.ndarray


def probabilities(scores, calibrator):
    """Return probabilities of both classes, shape (n, 2)."""
    if calibrator is None:
        return np.column_stack([expit(-scores), expit(scores)])
    if not hasattr(calibrator, "predict_proba"):
        raise TypeError(
            "calibrator must be a fitted calibrator of two classes, or None to use "
            f"the scores as log odds; got {calibrator!r}."
        )
    return calibrator.predict_proba(scores)


def _masses(binned):
    """Return the total weight per class and bin; the shape is (2, n_positions)."""
    n_positions = binned.bins[-1] + 1
    cell = binned.codes * n_positions + binned.bins
    return np.bincount(cell, binned.mass, 2 * n_positions).reshape(2, n_positions)


def auc(binned):
    """Return the area under the ROC curve."""
    negative_mass, positive_mass = _masses(binned)
    if not (negative_mass.any() and positive_mass.any()):
        raise ValueError(
            "The AUC needs rows of both classes; got rows of one class only."
        )
    below = np.cumsum(negative_mass) - negative_mass / 2
    return float(positive_mass @ below / (positive_mass.sum() * negative_mass.sum()))


def log_loss(binned, calibrator):
    """Return the mean log loss."""
    if calibrator is None:
        sign = 2 * binned.codes - 1
        log_proba = log_expit(sign * binned.scores)
    else:
        proba = probabilities(binned.scores, calibrator)
        log_proba = np.log(proba[np.arange(binned.codes.size), binned.codes])
    return float(-(binned.mass @ log_proba) / binned.mass.sum())


def _grouped(binned, calibrator, n_bins):
    """Return probabilities of the second class, and groups of equal total weight."""
    proba = probabilities(binned.scores, calibrator)[:, 1]
    # Groups are formed of whole bins, so both classes of a full bin (a bin with many
    # rows) are in the same group.
    mass = _masses(binned).sum(axis=0)
    order = np.arange(mass.size, dtype=np.float64)
    return proba, equal_mass_bins(order, mass, n_bins)[binned.bins]


def reliability(binned, calibrator, n_bins, confidence):
    """Return a reliability curve."""
    check_number(confidence, name="confidence", low=0, high=1, include="neither")
    proba, groups = _grouped(binned, calibrator, n_bins)
    mass = np.bincount(groups, binned.mass)
    frequency = np.bincount(groups, binned.mass * binned.codes) / mass
    n_effective = mass**2 / np.bincount(groups, binned.squares)
    low, high = frequency_interval(frequency, n_effective, confidence)
    return ReliabilityCurve(
        mean_proba=np.bincount(groups, binned.mass * proba) / mass,
        frequency=frequency,
        low=low,
        high=high,
        share=mass / mass.sum(),
        effective_rows=n_effective,
    )


def calibration_error(binned, calibrator, n_bins, debias):
    """Return the root mean square difference between predictions and frequencies."""
    check_bool(debias, name="debias")
    proba, groups = _grouped(binned, calibrator, n_bins)
    miss = binned.codes - proba
    error = error_of_bins(
        np.bincount(groups, binned.mass),
        np.bincount(groups, binned.squares),
        np.bincount(groups, binned.mass * miss),
        np.bincount(groups, binned.squares * miss**2),
        "l2",
        debias,
    )
    return float(np.sqrt(max(error, 0.0)))


def cost_threshold(binned, calibrator, cost, classes):
    """Return the threshold with the lowest cost."""
    matrix = as_cost_matrix(cost, labels=classes).align(classes)
    refuse_further(matrix, "threshold")
    if not matrix.is_constant:
        raise ValueError(
            "threshold needs constant costs; got costs that differ between rows. Use "
            "ExpectedCostDecision on the calibrated probabilities."
        )
    costs = rules.regret(matrix.resolve())
    mass = _masses(binned)
    first = np.flatnonzero(np.append(True, np.diff(binned.bins)))
    # At position j, rows in the j-th bin and in all higher bins are assigned to the
    # second class. Errors in these bins are false positives, and errors in the lower
    # bins are false negatives.
    missed = np.append(0.0, np.cumsum(mass[1])) * costs[1, 0]
    false = np.append(np.cumsum(mass[0][::-1])[::-1], 0.0) * costs[0, 1]
    total = missed + false
    proba = probabilities(binned.scores[first], calibrator)[:, 1]
    # If several thresholds have the lowest cost, take the longest run of neighbouring
    # thresholds with this cost, and use the middle of this run.
    cheapest = np.flatnonzero(total <= total.min() + rules.TIE * np.abs(total).max())
    runs = np.split(cheapest, np.flatnonzero(np.diff(cheapest) > 1) + 1)
    run = max(runs, key=len)
    cut = run[run.size // 2]
    if cut == 0:
        return 0.0
    if cut == first.size:
        return 1.0
    return float((proba[cut - 1] + proba[cut]) / 2)


def conformal_quantile(binned, calibrator, coverage, by_class):
    """Return the quantile, over rows, of (1 - probability of the true label)."""
    check_number(coverage, name="coverage", low=0, high=1, include="neither")
    check_bool(by_class, name="by_class")
    proba = probabilities(binned.scores, calibrator)
    miss = 1 - proba[np.arange(binned.codes.size), binned.codes]
    if not by_class:
        return _quantile(miss, binned, coverage)
    return np.array(
        [
            _quantile(miss[of_class], _part(binned, of_class), coverage)
            for of_class in (binned.codes == 0, binned.codes == 1)
        ]
    )


def _part(binned, selected):
    return type(binned)(*(column[selected] for column in binned))


def _quantile(miss, binned, coverage):
    """Add one infinite value to `miss`, and return the weighted quantile."""
    if not miss.size:
        return np.inf
    order = np.argsort(miss)
    mass = np.cumsum(binned.mass[order])
    wanted = coverage * (mass[-1] + mass[-1] / binned.n_rows.sum())
    position = np.searchsorted(mass, wanted * (1 - 1e-12))
    return float(miss[order][position]) if position < miss.size else np.inf
