"""Problems with a rare class that anyone can get: bundled data, and drawn ones."""

from functools import partial
from typing import NamedTuple

import numpy as np
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    make_circles,
    make_classification,
    make_hastie_10_2,
    make_moons,
)
from sklearn.model_selection import train_test_split

from skweight.datasets import make_imbalanced, make_rare

N_TEST = 3000


class Split(NamedTuple):
    """Rows to train on, and rows to be judged by."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    # Probabilities of the test rows, where the problem was drawn from them.
    truth: np.ndarray | None = None


def _halved(X, y, seed):
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.5, stratify=y, random_state=seed
    )
    return Split(X, y, X_test, y_test)


def _cut(X, y, n_train):
    return Split(X[:n_train], y[:n_train], X[n_train:], y[n_train:])


def cancer(share, seed):
    """Return the breast cancer data of scikit-learn with few malignant rows."""
    X, y = load_breast_cancer(return_X_y=True)
    return _halved(*make_rare(X, 1 - y, target={1: share}, random_state=seed), seed)


def digit(number, share, seed):
    """Return one handwritten digit against the others."""
    X, y = load_digits(return_X_y=True)
    y = (y == number).astype(int)
    if share is not None:
        X, y = make_rare(X, y, target={1: share}, random_state=seed)
    return _halved(X, y, seed)


def few_digits(target, seed):
    """Return as many classes as there are shares, from the handwritten digits."""
    X, y = load_digits(return_X_y=True)
    kept = y < len(target)
    shares = dict(enumerate(target))
    return _halved(*make_rare(X[kept], y[kept], target=shares, random_state=seed), seed)


def drawn(n_train, seed, **how):
    """Return rows of make_imbalanced, whose odds are lines and curves."""
    data = make_imbalanced(n_train + N_TEST, random_state=seed, **how)
    return _cut(data.X, data.y, n_train)._replace(truth=data.proba[n_train:])


def thinned(draw, share, n_train, seed):
    """Return rows of a balanced generator with a share of positives."""
    n_rows = n_train + N_TEST
    # Negatives are about half of what is drawn, and all of them are kept.
    X, y = draw(n_samples=int(2.2 * n_rows), random_state=seed)
    X, y = make_rare(X, (y > 0).astype(int), target={1: share}, random_state=seed)
    return _cut(X[:n_rows], y[:n_rows], n_train)


def clusters(n_train, seed):
    """Return clusters of make_classification, of whose labels 2 % are drawn anew."""
    X, y = make_classification(
        n_train + N_TEST,
        n_features=12,
        n_informative=6,
        n_clusters_per_class=3,
        weights=[0.96],
        flip_y=0.02,
        random_state=seed,
    )
    return _cut(X, y, n_train)


TWO_CLASSES = {
    "breast cancer, 10 %": partial(cancer, 0.1),
    "digit 8, 5 %": partial(digit, 8, 0.05),
    "digit 9, 3 %": partial(digit, 9, 0.03),
    "line, 5 %": partial(drawn, 1200, prevalence=0.05),
    "line, 2 %": partial(drawn, 2000, prevalence=0.02, n_features=10),
    "wide line, 10 %": partial(drawn, 800, prevalence=0.1, n_features=40),
    "bent, 10 %": partial(drawn, 1200, prevalence=0.1, nonlinearity=0.4),
    "very bent, 5 %": partial(drawn, 1200, prevalence=0.05, nonlinearity=0.8),
    "clusters, 5 %": partial(clusters, 1200),
    "moons, 5 %": partial(thinned, partial(make_moons, noise=0.3), 0.05, 1200),
    "circles, 10 %": partial(
        thinned, partial(make_circles, noise=0.2, factor=0.6), 0.1, 1200
    ),
    "ball, 5 %": partial(thinned, make_hastie_10_2, 0.05, 1200),
}
MORE_CLASSES = {
    "four digits": partial(few_digits, (0.7, 0.2, 0.07, 0.03)),
    "three curves": partial(
        drawn, 1200, n_classes=3, prevalence=[0.8, 0.15, 0.05], nonlinearity=0.5
    ),
}
