"""Fit a model once on a subsample of rows, and score the remaining rows.

A subsample leaves out many rows of some classes. It can happen that it leaves out no
row of the class with the largest weights. Therefore some rows of every class are held
out before the subsample is drawn. The rows that are not drawn are held out, too. All
held-out rows are weighted to represent the population.
"""

import numpy as np
from sklearn.utils import _safe_indexing

from skweight._held_out.cross_fit import HeldOut
from skweight._held_out.outputs import outputs_of
from skweight._utils.families import learner_of
from skweight._utils.validation import encode_labels


def check_leaves_out(estimator):
    """Raise if the fit cannot know on which rows the estimator will be fitted."""
    if learner_of(estimator) is estimator:
        return
    raise ValueError(
        "cv='oob' with unsupported='subsample' needs an estimator that fits one "
        f"learner and nothing else; got a {type(estimator).__name__}, whose other "
        "parts see rows that the learner does not get. Use cv='auto', or put "
        "transformers into a pipeline around WeightedClassifier."
    )


def fit_and_leave_out(training, X, y, pair, method, classes, seed):
    r"""Fit on a part of the training rows of a split, and score all other rows.

    Suppose that row :math:`i` has class :math:`k`, and is drawn with probability
    :math:`\pi_i` if it is a training row. The row is then held out with probability
    :math:`h_i = s_k + (1 - s_k)(1 - \pi_i)`, where :math:`s_k` is the share of test
    rows among the rows of class :math:`k`. The calibrator and the decision multiply the
    weight of the row by the factor :math:`c_k / h_i`. With the constants :math:`c_k`,
    each class has its share in the population. The constants are so small that no
    factor is above one.

    Parameters
    ----------
    training : Training
        Object that fits the estimator on rows at given positions.
    X, y : array-like
        Features and labels of all rows.
    pair : tuple of ndarray
        Positions of the training rows and the test rows of a split.
    method : callable
        Function that returns the name of the output method of a fitted model.
    classes : ndarray
        Labels.
    seed : int
        Seed of the draw of the rows to fit on.

    Returns
    -------
    model, deliveries
        The fitted estimator, and records of how the weights were passed to it.
    held_out : HeldOut
        Outputs on the rows that the estimator was not fitted on.
    """
    train, test = pair
    part = training.of(train, len(y))
    part.random_state = seed
    model, deliveries, drawn = part.fit_on_drawn(_safe_indexing(X, train), y[train])
    drawn = train[drawn]
    weights, codes = training.weights, encode_labels(y)[1]
    population = training.by_role.population
    population = np.ones(len(y)) if population is None else population
    # A row with positive population weight but training weight 0 is never drawn.
    # Therefore this row is always held out.
    is_left = population > 0
    is_left[drawn] = is_left[test] = False
    rows = np.concatenate([test, np.flatnonzero(is_left)])

    def of_class(positions, vector=None):
        vector = None if vector is None else vector[positions]
        return np.bincount(codes[positions], vector, minlength=classes.size)

    tested = of_class(test)
    share = _ratio(tested, tested + of_class(train[population[train] > 0]))
    chance = _ratio(of_class(drawn), of_class(train, weights))[codes] * weights
    held = share[codes] + (1 - share[codes]) * (1 - np.minimum(chance, 1))
    name = method(model)
    outputs = outputs_of(model, _safe_indexing(X, rows), name, classes)
    source = (
        f"one fit on {drawn.size:,} rows, whose draw left out "
        f"{rows.size - test.size:,} of them"
    )
    factor = 1 / held
    mass = of_class(slice(None), population)
    factor *= _ratio(mass, of_class(rows, population * factor))[codes]
    factor = factor[rows] / factor[rows].max()
    return model, deliveries, HeldOut(outputs, rows, name, source, factor)


def _ratio(of_classes, to):
    """Divide two values for each class; the ratio is zero for a class without rows."""
    return np.divide(of_classes, to, out=np.zeros(to.size), where=to > 0)
