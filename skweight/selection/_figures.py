"""The metrics of a comparison on held-out rows, always with population weights."""

from typing import NamedTuple

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from skweight._held_out.outputs import outputs_of
from skweight._utils.validation import positions_of
from skweight.decision._base import positions_decided
from skweight.metrics import calibration_error


class Metric(NamedTuple):
    """Name of a metric, whether higher is better, and its description."""

    title: str
    better: str
    meaning: str


METRICS = {
    "recall": Metric(
        "Recall", "higher", "Of 100 rows of the class, how many are found."
    ),
    "precision": Metric(
        "Precision",
        "higher",
        "Of 100 rows that are given the label, how many deserve it; 0 where none is.",
    ),
    "balanced_accuracy": Metric(
        "Balanced accuracy", "higher", "The mean of the recalls of all classes."
    ),
    "average_precision": Metric(
        "Average precision",
        "higher",
        "How well the scores put rows of the class on top, whatever the threshold. "
        "Guessing gives the share of the class.",
    ),
    "roc_auc": Metric(
        "AUC",
        "higher",
        "How often a row of the class scores higher than one of the rest. Guessing "
        "gives one half.",
    ),
    "log_loss": Metric(
        "Log loss",
        "lower",
        "How far the probabilities are from what happened; confident errors cost most.",
    ),
    "brier": Metric(
        "Brier score",
        "lower",
        "The mean squared distance of the probabilities from what happened.",
    ),
    "calibration_error": Metric(
        "Calibration error",
        "lower",
        "How far frequencies are from the probabilities that were told, over rows of "
        "similar probability.",
    ),
    "mean_probability": Metric(
        "Mean probability", "", "The mean predicted probability of the class."
    ),
    "prevalence": Metric("Prevalence", "", "The true share of the class."),
    "mean_over_prevalence": Metric(
        "Mean probability / prevalence",
        "closer to 1",
        "1 is honest; 10 says that the class is predicted ten times too often.",
    ),
    "effective_sample_size": Metric(
        "Effective sample size",
        "",
        "How many equally weighted rows the weighted training rows are worth.",
    ),
    "fit_time": Metric(
        "Fit time (s)", "lower", "Seconds to fit, calibration included."
    ),
    "predict_time": Metric("Predict time (s)", "lower", "Seconds to predict."),
}


def figures_of(fitted, X, y, weight, classes, positive):
    """Return {(metric, class): value} of a fitted classifier on held-out rows.

    Parameters
    ----------
    fitted : classifier
        Fitted on other rows.
    X, y : table and labels
        Held-out rows.
    weight : ndarray of shape (n_samples,) or None
        Population weights of these rows.
    classes : ndarray of shape (n_classes,)
        All labels, sorted.
    positive : int or None
        With two classes, the position of the class of interest; otherwise None.
    """
    codes = positions_of(y, classes, owner="compare_weightings")
    weight = np.ones(codes.size) if weight is None else weight
    predicted = positions_decided(fitted, X, classes, owner="compare_weightings")
    figures = _of_labels(codes, predicted, weight, classes)
    shown = range(len(classes)) if positive is None else [positive]
    proba, scores = outputs(fitted, X, classes)
    if scores is not None:
        for k in shown:
            label = classes[k]
            score = scores if scores.ndim == 1 else scores[:, k]
            score = -score if scores.ndim == 1 and k == 0 else score
            figures |= _of_ranking(codes == k, score, weight, label)
    if proba is not None:
        figures |= _of_probabilities(codes, proba, weight, classes, shown)
    return figures


def outputs(fitted, X, classes):
    """Return probabilities and scores for the ranking; each may be None."""
    if hasattr(fitted, "predict_proba"):
        proba = outputs_of(fitted, X, "predict_proba", classes)
        return proba, proba
    if hasattr(fitted, "decision_function"):
        return None, outputs_of(fitted, X, "decision_function", classes)
    return None, None


def _of_labels(codes, predicted, weight, classes):
    hits = np.bincount(
        codes[codes == predicted], weight[codes == predicted], len(classes)
    )
    true = np.bincount(codes, weight, len(classes))
    # Decisions that are not labels come after the classes.
    called = np.bincount(predicted, weight, len(classes))[: len(classes)]
    # A class without rows has no recall. A class that is never predicted has a
    # precision of zero, as in scikit-learn, so that every strategy has a value.
    recall = np.divide(hits, true, out=np.full(len(classes), np.nan), where=true > 0)
    precision = np.divide(hits, called, out=np.zeros(len(classes)), where=called > 0)
    precision[true == 0] = np.nan
    figures = {}
    for k, label in enumerate(classes):
        figures["recall", label] = recall[k]
        figures["precision", label] = precision[k]
    figures["balanced_accuracy", None] = np.mean(recall[true > 0])
    return figures


def _of_ranking(truth, score, weight, label):
    if not 0 < weight @ truth < weight.sum():
        return {("average_precision", label): np.nan, ("roc_auc", label): np.nan}
    return {
        ("average_precision", label): average_precision_score(
            truth, score, sample_weight=weight
        ),
        ("roc_auc", label): roc_auc_score(truth, score, sample_weight=weight),
    }


def _of_probabilities(codes, proba, weight, classes, shown):
    rows = np.arange(codes.size)
    of_label = np.clip(proba[rows, codes], np.finfo(np.float64).eps, 1)
    squares = (proba**2).sum(axis=1) - 2 * proba[rows, codes] + 1
    if len(classes) == 2:
        squares = squares / 2  # of the class of interest only, as usual
    figures = {
        ("log_loss", None): np.average(-np.log(of_label), weights=weight),
        ("brier", None): np.average(squares, weights=weight),
        ("calibration_error", None): np.mean(
            [
                calibration_error(codes == k, proba[:, k], sample_weight=weight)
                for k in shown
            ]
        ),
    }
    for k in shown:
        mean = np.average(proba[:, k], weights=weight)
        prevalence = np.average(codes == k, weights=weight)
        figures["mean_probability", classes[k]] = mean
        figures["prevalence", classes[k]] = prevalence
        figures["mean_over_prevalence", classes[k]] = (
            mean / prevalence if prevalence > 0 else np.nan
        )
    return figures
