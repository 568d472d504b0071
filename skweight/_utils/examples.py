"""Building blocks of the instances of public classes on which the shared tests run.

Every public class creates instances for the shared tests in ``_instances(labels)``. A
new class is therefore tested without an entry in a list.
"""

import numpy as np


def example_target():
    """Return rows of a target population; it overlaps with rows of the shared tests."""
    return np.random.RandomState(4).uniform(0.7, 1.7, size=(30, 3))


def fitted_on(labels, shift=1.0):
    """Return a fitted classifier of the labels, in a ``FrozenEstimator``."""
    from sklearn.frozen import FrozenEstimator
    from sklearn.naive_bayes import GaussianNB

    X = np.random.RandomState(5).uniform(0.5, 1.5, size=(40, 3))
    y = np.resize(np.asarray(labels), 40)
    X += shift * np.unique(y, return_inverse=True)[1][:, np.newaxis]
    return FrozenEstimator(GaussianNB().fit(X, y))


def first_feature(X, y):
    """Return weights that increase with the first feature."""
    return 1 + np.abs(np.asarray(X, dtype=float)[:, 0])


def first_above_one(X):
    """Return the group of each row: whether the first feature is above one."""
    return np.asarray(X, dtype=float)[:, 0] > 1


def exact_classifier():
    """Return a classifier for which a weight of two equals duplicating the row."""
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB(var_smoothing=1e-30)


def dearer_costs(labels, last):
    """Return costs of mistakes: 1, 2, ... by true label; `last` for the last label."""
    return {
        true: {
            decided: last if true == labels[-1] else 1.0 + position
            for decided in labels
            if decided != true
        }
        for position, true in enumerate(labels)
    }
