"""The metrics of a comparison on held-out rows, always with population weights."""

from typing import NamedTuple

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from skweight._held_out.outputs import outputs_of
from skweight._utils.validation import positions_of
from skweight.decision._base import positions_decided
from skweight.metrics import calibration_error


class Metric(NamedTuple):
    """A metric: its name, whether higher values are better, and its description."""

    title: str
    better: str
    meaning: str


METRICS = {
    "recall": Metric(
        "Recall", "higher", "Share of the rows of the class that get the right label."
    ),
    "precision": Metric(
        "Precision",
        "higher",
        "Share of right labels among the rows that get this label; 0 if no row gets "
        "the label.",
    ),
    "balanced_accuracy": Metric(
        "Balanced accuracy", "higher", "The mean of the recall over all classes."
    ),
    "average_precision": Metric(
        "Average precision",
        "higher",
        "The mean precision over all thresholds: how well the scores rank the rows "
        "of the class above other rows. A random ranking has the share of the class.",
    ),
    "roc_auc": Metric(
        "AUC",
        "higher",
        "The probability that a row of the class has a higher score than a row of "
        "another class. A random ranking has one half.",
    ),
    "log_loss": Metric(
        "Log loss",
        "lower",
        "The mean of minus the logarithm of the probability of the true class. "
        "Confident errors cost most.",
    ),
    "brier": Metric(
        "Brier score",
        "lower",
        "The mean squared difference between probabilities and outcomes.",
    ),
    "calibration_error": Metric(
        "Calibration error",
        "lower",
        "How much predicted probabilities and observed frequencies differ, in "
        "groups of rows with similar probabilities.",
    ),
    "mean_probability": Metric(
        "Mean probability", "", "The mean predicted probability of the class."
    ),
    "prevalence": Metric("Prevalence", "", "The true share of the class."),
    "mean_over_prevalence": Metric(
        "Mean probability / prevalence",
        "closer to 1",
        "1 means that probabilities are right on average; 10 means that they are "
        "ten times too high.",
    ),
    "effective_sample_size": Metric(
        "Effective sample size",
        "",
        "Number of equally weighted rows that contain as much information as the "
        "weighted training rows.",
    ),
    "fit_time": Metric(
        "Fit time (s)", "lower", "Seconds to fit, calibration included."
    ),
    "predict_time": Metric("Predict time (s)", "lower", "Seconds to predict."),
}


def figures_of(fitted, X, y, weight, classes, positive):
    """Return a dict {(metric, class): score} of a fitted classifier on held-out rows.

    Parameters
    ----------
    fitted : classifier
        Fitted classifier. It was not fitted on the rows `X`.
    X, y : table and labels
        Held-out rows and their labels.
    weight : ndarray of shape (n_samples,) or None
        Population weights of the held-out rows.
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
    """Return probabilities, and scores for ranking metrics; each can be None."""
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
    # If a class has no rows, the recall of the class is not defined. If a class is
    # never predicted, the precision of the class is set to zero, as in scikit-learn, so
    # that the precision of every strategy is defined.
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
