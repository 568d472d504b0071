"""The contract of a decision as checks."""

import pickle
import sys

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import has_fit_parameter

from skweight.testing._methods import assert_has_methods


def check_decision(decision, *, classes=(0, 1)):
    """Check that a decision satisfies the contract of decisions.

    The following is checked:

    - the decision can be cloned and pickled, and parameters work as in scikit-learn;
    - predicted labels have shape (n,) and the type of ``decisions_``;
    - ``decisions_`` holds the classes, followed by decisions that are not classes, and
      every predicted label is in ``decisions_``;
    - predictions for one row at a time are the same as for all rows together;
    - the caller's arrays do not change;
    - a wrong number of columns, or a use before the fit, raises an error;
    - the decision describes itself as text;
    - if the decision learns from rows, it ignores rows of weight zero, the order of the
      rows, and the scale of the weights.

    Parameters
    ----------
    decision : decision
        Unfitted decision; the checks do not change it.
    classes : sequence, default=(0, 1)
        The possible labels of a row.

    Raises
    ------
    AssertionError
        If a check fails; the message names the check.

    Examples
    --------
    >>> from skweight.decision import ThresholdDecision
    >>> from skweight.testing import check_decision
    >>> check_decision(ThresholdDecision(0.2))
    """
    assert_has_methods(decision, ["fit", "decide"])
    classes = np.asarray(classes)
    rows = _Rows(classes)
    for check in (
        _check_parameters,
        _check_labels,
        _check_arrays_unchanged,
        _check_refusals,
        _check_learning,
        _check_pickle,
    ):
        check(decision, rows)


class _Rows:
    """Probabilities, labels drawn from them, and weights."""

    def __init__(self, classes, n=200):
        rng = np.random.RandomState(len(classes))
        scores = rng.normal(size=(n, len(classes)))
        proba = np.exp(1.5 * scores)
        self.classes = classes
        self.proba = proba / proba.sum(axis=1, keepdims=True)
        drawn = (self.proba.cumsum(axis=1) < rng.uniform(size=(n, 1))).sum(axis=1)
        self.y = classes[np.minimum(drawn, len(classes) - 1)]
        self.weight = rng.uniform(0.5, 2, size=n)
        self.X = rng.uniform(0.5, 1.5, size=(n, 3))

    def fit(self, decision, weight=None, order=slice(None)):
        """Fit a clone in the same way as the classifier."""
        arguments = {}
        if decision.needs_held_out_rows:
            weight = self.weight if weight is None else weight
            arguments = {
                "proba": self.proba[order],
                "y": self.y[order],
                "sample_weight": weight[order],
                "X": self.X[order],
            }
        if has_fit_parameter(decision, "prevalence"):
            arguments["prevalence"] = np.linspace(3, 1, len(self.classes))
        multiplier = np.linspace(1, 3, len(self.classes))
        return clone(decision).fit(
            classes=self.classes, class_multiplier=multiplier, **arguments
        )

    def decide(self, decision, rows=slice(None)):
        """Return the labels of some of the rows."""
        return decision.decide(self.proba[rows], X=self.X[rows])


def _check_parameters(decision, rows):
    params = repr(decision.get_params(deep=False))
    copy = rows.fit(decision)
    assert repr(copy.get_params(deep=False)) == params, "fit changed a parameter"
    assert copy.classes_.tolist() == rows.classes.tolist(), "classes_ are as given"
    assert isinstance(copy.describe(), str), "describe returns a sentence"


def _check_labels(decision, rows):
    copy = rows.fit(decision)
    labels = rows.decide(copy)
    assert labels.shape == (len(rows.y),), "one label for each row"
    decisions = copy.decisions_.tolist()
    n_classes = len(rows.classes)
    assert decisions[:n_classes] == rows.classes.tolist(), "the classes come first"
    assert labels.dtype == copy.decisions_.dtype, "labels are of the type of decisions_"
    assert set(labels.tolist()) <= set(decisions), "a label is one of decisions_"
    if len(decisions) == n_classes:
        assert labels.dtype == rows.classes.dtype, "labels are of the type of classes"
    alone = [rows.decide(copy, slice(i, i + 1))[0] for i in range(20)]
    assert alone == labels[:20].tolist(), (
        "single rows give the same results as all rows"
    )


def _check_arrays_unchanged(decision, rows):
    before = rows.proba.copy(), rows.y.copy(), rows.weight.copy(), rows.X.copy()
    rows.decide(rows.fit(decision))
    after = rows.proba, rows.y, rows.weight, rows.X
    for array, copy in zip(after, before, strict=True):
        assert np.array_equal(array, copy), "the caller's arrays never change"


def _check_refusals(decision, rows):
    copy = rows.fit(decision)
    wide = np.full((3, len(rows.classes) + 1), 1 / (len(rows.classes) + 1))
    for call, error, clause in (
        (lambda: copy.decide(wide, X=rows.X[:3]), ValueError, "a column too many"),
        (lambda: rows.decide(clone(decision)), NotFittedError, "deciding before fit"),
    ):
        try:
            call()
        except error:
            continue
        raise AssertionError(f"{clause} was accepted")


def _check_learning(decision, rows):
    if not decision.needs_held_out_rows:
        return
    expected = rows.decide(rows.fit(decision)).tolist()
    scaled = rows.decide(rows.fit(decision, rows.weight * 1024)).tolist()
    assert scaled == expected, "the scale of weights does not matter"
    order = np.random.RandomState(1).permutation(len(rows.y))
    shuffled = rows.decide(rows.fit(decision, order=order)).tolist()
    assert shuffled == expected, "the order of rows does not matter"
    zeros = np.where(np.arange(len(rows.y)) % 4 == 0, 0.0, rows.weight)
    positive = np.flatnonzero(zeros)
    with_zeros = rows.decide(rows.fit(decision, zeros)).tolist()
    removed = rows.decide(rows.fit(decision, zeros, positive)).tolist()
    assert with_zeros == removed, "rows of weight zero have no effect"


def _check_pickle(decision, rows):
    cls = type(decision)
    if getattr(sys.modules.get(cls.__module__), cls.__qualname__, None) is not cls:
        # The check is skipped if pickle cannot find the class by name, for example if
        # the class is defined inside a function.
        return
    copy = rows.fit(decision)
    again = pickle.loads(pickle.dumps(copy))
    expected = rows.decide(copy).tolist()
    assert rows.decide(again).tolist() == expected, "pickling changes nothing"
