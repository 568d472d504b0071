"""A step of a fit: use the data to decide whether fold models are averaged."""

import numpy as np

from skweight._fit.calibrate import map_outputs, rows_of
from skweight._fit.models import fit_all_rows
from skweight._utils.families import is_of_trees, learner_of
from skweight._utils.validation import positions_of
from skweight._utils.warn import unheard
from skweight.exceptions import CalibrationWarning
from skweight.weights import effective_sample_size

# Ratio of the held-out log loss to the log loss of the class frequencies. Below this
# ratio, the model predicts nearly all labels correctly, and averaging increases the
# loss.
NEARLY_KNOWN = 0.3
# Features per effective row of the rarest class. Above this ratio, linear models of
# different folds differ so much that their average predicts better than one model.
FEATURES_PER_RARE_ROW = 0.1


def averaging_pays(relative_loss, *, of_trees, n_features, n_rare):
    """Return whether averaging the fold models lowers the log loss.

    Averaging helps models of high variance: trees, and linear models with many features
    per row. For other models, the average of k fold models predicts nearly the same as
    one model, and costs k times as much. If the classes are nearly separable, the
    average predicts worse than one model. The thresholds of this module were measured
    by benchmarks/calibration_choice.py.

    Parameters
    ----------
    relative_loss : float
        Calibrated log loss on held-out rows, divided by the log loss of the class
        frequencies.
    of_trees : bool
        Whether the model consists of trees. Other models count as linear.
    n_features : int
        Number of features of the learner.
    n_rare : float
        Effective rows of the rarest class.
    """
    if not relative_loss >= NEARLY_KNOWN:  # NaN if no row could be held out
        return False
    return bool(of_trees or n_features >= FEATURES_PER_RARE_ROW * n_rare)


def choose_models(request, weighed, plan, fitted, progress):
    """Fit one model on all rows if averaging fold models does not improve predictions.

    The choice between fold models and one model is made only for ``ensemble="auto"``;
    it adds at most one fit.
    """
    if not plan.asks_whether_to_average:
        return fitted
    y, weights = request.y[fitted.held_out.rows], weighed.population
    codes = positions_of(y, request.classes, owner="The classifier")
    weights = rows_of(weights, fitted.held_out)
    learner = learner_of(fitted.models[0])
    pays = averaging_pays(
        _relative_loss(request, weighed, plan, fitted, codes, weights),
        of_trees=is_of_trees(learner),
        n_features=getattr(learner, "n_features_in_", 0),
        n_rare=_effective_rows_of_rarest(codes, weights),
    )
    return fitted if pays else fit_all_rows(request, weighed, fitted, progress)


def _relative_loss(request, weighed, plan, fitted, codes, weights):
    """Return the calibrated held-out log loss / log loss of the class frequencies."""
    with unheard(CalibrationWarning):  # the fit warns later
        mapped = map_outputs(request, weighed, plan, fitted)
        proba = mapped.of_outputs(fitted.held_out.outputs)
    loss = -np.log(proba[np.arange(codes.size), codes])
    mass = np.bincount(codes, weights=weights, minlength=request.classes.size)
    share = mass / mass.sum()
    entropy = -np.sum(share * np.log(share, where=share > 0, out=np.zeros_like(share)))
    return np.average(loss, weights=weights) / entropy if entropy > 0 else np.nan


def _effective_rows_of_rarest(codes, weights):
    if weights is None:
        return np.unique(codes, return_counts=True)[1].min()
    counted = weights > 0
    return min(effective_sample_size(weights[counted], by=codes[counted]).values())
