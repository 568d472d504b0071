"""Out-of-fold probabilities for strategies that use a model.

Some strategies compute weights from the probabilities of an auxiliary model. If the
auxiliary model saw the labels of fold f, the weights contain information about these
labels. If a classifier were fitted with these weights, its scores on fold f would be
too good. Therefore the weight of a row, for a classifier that is tested on fold f,
comes from an auxiliary model that saw neither fold f nor the fold of the row. One
auxiliary model is fitted without each pair of folds, and is used for both folds of the
pair.
"""

import pickle
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.model_selection import StratifiedKFold
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed

from skweight._held_out.cross_fit import outputs_of
from skweight._utils.roles import in_range, multiply
from skweight._utils.validation import n_rows
from skweight.delivery import deliver
from skweight.delivery._arguments import offsets_of, take_params

# Identical rows are kept in one fold if two conditions hold. First, at least the share
# _OWN_CONTENT of the distinct rows occurs with only one label. Second, there are at
# least _CONTENTS_PER_FOLD distinct rows per fold.
_OWN_CONTENT = 0.9
_CONTENTS_PER_FOLD = 4
# Fold number of rows that are used in every fit, but never scored.
IN_EVERY_MODEL = -2


class WeightedModel(NamedTuple):
    """An estimator, and the settings to fit it with weights; can be pickled."""

    estimator: object
    random_state: int | None = None
    unsupported: str = "raise"
    labels: object = None

    def of(self, rows):
        """Return `self`: for fits on a part of the rows, nothing has to change."""
        return self

    def fit(self, X, y, weights, population, fit_params=None):
        """Return a fitted clone."""
        return deliver(
            self.estimator,
            X,
            y,
            weights,
            population=population,
            unsupported=self.unsupported,
            random_state=self.random_state,
            fit_params=fit_params,
            labels=self.labels,
        )[0]


class CrossFits:
    """Out-of-fold probabilities of an estimator, for one assignment of rows to folds.

    Parameters
    ----------
    model : WeightedModel
        Object that fits the models: a `WeightedModel`, or any object with the same
        methods and attributes.
    X : array-like of shape (n_samples, n_features)
        Features for the estimator, without columns that only a strategy or decision
        uses.
    y : array-like of shape (n_samples,)
        Labels.
    classes : ndarray of shape (n_classes,)
        All labels, in the order of the columns of the probabilities.
    folds : ndarray of shape (n_samples,)
        Fold of every row, from 0 to k - 1. Each row is scored only by models that were
        fitted without the row's fold. Rows with fold -1 are ignored: they are neither
        used in a fit nor scored. Rows with fold -2 are used in all fits, but never
        scored.
    population : ndarray of shape (n_samples,), default=None
        Population weights: how many rows of the population each row stands for. No
        model is fitted on rows of weight zero.
    n_jobs : int or None, default=None
        Number of models to fit in parallel.
    fit_params : dict, default=None
        Further arguments of the `fit` of the estimator, including arguments with an
        entry for each row.
    normalize : bool, default=True
        If True, the weights in each fit have a mean of one. If False, their sum is the
        sum of the population weights.

    Attributes
    ----------
    n_fits : int
        Number of models fitted so far, by this object and its copies together.
    rows : ndarray
        Positions, among all rows of `X`, of the rows that get probabilities.
    """

    def __init__(
        self,
        model,
        X,
        y,
        classes,
        folds,
        *,
        population=None,
        n_jobs=None,
        fit_params=None,
        normalize=True,
    ):
        self.model = model
        self.X = X
        self.y = np.asarray(y)
        self.classes = np.asarray(classes)
        self.folds = np.asarray(folds)
        self.population = population
        self.n_jobs = n_jobs
        self.fit_params = fit_params or {}
        self.normalize = normalize
        self.rows = np.flatnonzero(self.folds >= 0)
        self.left_out = None
        self._kind = ()
        self._counter = [0]
        self._passes = {}

    @property
    def n_fits(self):
        """Number of models fitted so far, by this object and its copies together."""
        return self._counter[0]

    @property
    def n_folds(self):
        """Number of folds of the whole partition."""
        return int(self.folds.max()) + 1

    def with_population(self, population):
        """Return a copy of this object with other population weights for `rows`."""
        if population is None or (
            self.population is not None
            and np.array_equal(population, self.population[self.rows])
        ):
            return self
        whole = np.zeros(self.folds.size)
        whole[self.rows] = population
        return self._view(whole, population=whole)

    def with_estimator(self, estimator):
        """Return a copy of this object, for another estimator on the same folds.

        The copy has no ``fit_params``, because these arguments belong to the previous
        estimator.
        """
        before = self.model
        model = WeightedModel(
            estimator, before.random_state, before.unsupported, before.labels
        )
        return self._view(estimator, model=model, fit_params={})

    def inside(self, folds):
        """Return a copy of this object for a part of the rows, with other folds.

        Parameters
        ----------
        folds : ndarray of shape (n_samples,)
            Fold of every row of `X`; -1 for rows that the copy ignores.
        """
        return self._view(folds, folds=folds, rows=np.flatnonzero(folds >= 0))

    def without(self, fold):
        """Return a copy of this object whose models are fitted without a fold.

        The method `proba` of the copy returns probabilities for the rows outside the
        fold. Each model is fitted without two folds: the fold of this copy and a second
        fold. The copy for the second fold uses the same model. So the copies for all k
        folds together need k (k - 1) / 2 fits.
        """
        if self.n_folds < 3:
            raise ValueError(
                f"This weighting needs at least 3 folds; got {self.n_folds}. It is "
                "learned from models that leave out two folds, so a third fold must be "
                "left for training. Set cv=3 or more. Each class needs a row for every "
                "fold, and groups must have as many values as there are folds."
            )
        view = self._view()
        view.left_out = fold
        view.rows = np.flatnonzero((self.folds != fold) & (self.folds >= 0))
        return view

    def proba(self, emphasis=None):
        """Return the probabilities of rows, from models fitted without the rows' folds.

        Parameters
        ----------
        emphasis : ndarray of shape (n_rows,), default=None
            Number by which the population weight of each row in `rows` is multiplied in
            training.

        Returns
        -------
        proba : ndarray of shape (n_rows, n_classes)
            Probabilities of the classes, in the order of `rows`.
        """
        beside = () if self.left_out is None else (self.left_out,)
        folds = [fold for fold in range(self.n_folds) if fold not in beside]
        left_out = [frozenset((fold, *beside)) for fold in folds]
        if emphasis is None:
            passes = self._passes.setdefault(self._kind, {})
            passes |= self._fit([key for key in left_out if key not in passes], None)
        else:
            whole = (self.folds == IN_EVERY_MODEL).astype(np.float64)
            whole[self.rows] = emphasis
            passes = self._fit(left_out, whole)
        proba = np.empty((self.folds.size, self.classes.size))
        for fold, key in zip(folds, left_out, strict=True):
            out = np.flatnonzero(np.isin(self.folds, list(key)))
            here = self.folds[out] == fold
            proba[out[here]] = passes[key][here]
        return proba[self.rows]

    def _view(self, *changed, **changes):
        """Return a changed copy; copies that need the same models share the models."""
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view.__dict__.update(changes)
        # A clone of an estimator fits the same model.
        view._kind = (*self._kind, *map(_name_of, changed))
        return view

    def _fit(self, keys, emphasis):
        """Fit a model without each set of left-out folds; return its outputs there."""
        fitted = Parallel(n_jobs=self.n_jobs)(
            delayed(_fit_without)(
                self.model,
                self.X,
                self.y,
                self.classes,
                self._weights_without(key, emphasis),
                np.isin(self.folds, list(key)),
                self.fit_params,
            )
            for key in keys
        )
        self._counter[0] += len(keys)
        return dict(zip(keys, fitted, strict=True))

    def _weights_without(self, key, emphasis):
        """Return the rows of a fit, their weights, and their population weights."""
        weights = multiply(self.population, emphasis)
        counts = ~np.isin(self.folds, [-1, *key])
        for vector in (self.population, weights):
            counts &= True if vector is None else vector > 0
        train = np.flatnonzero(counts)
        if weights is None:
            return train, None, None
        weights, population = weights[train], self.population
        weights, total = in_range(weights), float(train.size)
        if population is not None:
            population = population[train]
            if not self.normalize:
                total = population.sum()
            population = in_range(population)
            population = population * (total / population.sum())
        return train, weights * (total / weights.sum()), population


def _name_of(content):
    """Return a hash of an object, or a unique key if the object cannot be pickled."""
    try:
        return joblib.hash(content)
    except (pickle.PicklingError, AttributeError, TypeError):
        return object()


def _fit_without(model, X, y, classes, trained, out, fit_params):
    """Fit a model on some rows, and return its probabilities for the other rows."""
    (train, weights, population), test = trained, np.flatnonzero(out)
    fitted = model.of(train).fit(
        _safe_indexing(X, train),
        y[train],
        weights,
        population,
        take_params(fit_params, train, out.size),
    )
    if not hasattr(fitted, "predict_proba"):
        raise TypeError(
            f"{type(fitted).__name__} has no predict_proba, but the weighting needs "
            "the probabilities of a model. Pass the weighting an estimator that has "
            "predict_proba, such as estimator=LogisticRegression()."
        )
    offsets = offsets_of(fit_params, test, out.size)
    return outputs_of(
        fitted, _safe_indexing(X, test), "predict_proba", classes, offsets
    )


def make_folds(X, y, n_folds, *, population=None, random_state=None):
    """Return the fold of every row, from a hash of the row if safe, otherwise random.

    If folds are computed from hashes of the rows, copies of a row are in the same fold.
    The folds then do not depend on the order of the rows, on repeated rows, or on rows
    of weight zero. Folds from hashes are not safe if there are few distinct rows, each
    with several labels, because a model fitted on some of the distinct rows knows
    nothing about the distinct rows in other folds.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Features of the rows.
    y : ndarray of shape (n_samples,)
        Labels.
    n_folds : int
        Largest number of folds. If the rarest class has fewer rows than `n_folds`,
        there are fewer folds.
    population : ndarray of shape (n_samples,), default=None
        Population weights; rows of weight zero do not change the folds.
    random_state : int, RandomState instance or None, default=None
        Seed of random folds.

    Returns
    -------
    folds : ndarray of shape (n_samples,)
        Fold of every row, from 0 to k - 1, where k is at least 2.
    by_content : bool
        Whether the folds were computed from hashes of the rows.
    """
    y = np.unique(np.asarray(y), return_inverse=True)[1]
    counts = np.ones(y.size, dtype=bool) if population is None else population > 0
    content = hash_rows(X)
    if content is not None:
        pairs = pd.DataFrame({"content": content, "y": y})[counts].drop_duplicates()
        first = pairs.groupby("content", sort=True)["y"].min()
        n_content = first.size
        per_class = np.bincount(first.to_numpy())
        rarest = int(per_class[per_class > 0].min())
        if (
            n_content >= _OWN_CONTENT * len(pairs)
            and n_content >= _CONTENTS_PER_FOLD * n_folds
            and np.count_nonzero(per_class) == np.unique(y[counts]).size
            and rarest >= 2
        ):
            return _deal(content, first, min(n_folds, rarest)), True
    rarest = int(np.bincount(y[counts])[np.unique(y[counts])].min())
    if rarest < 2:
        raise ValueError(
            "The weighting needs a model that is scored on held-out rows of every "
            "class, but the rarest class has a single row. Collect more rows of this "
            "class, or merge it with another class."
        )
    folds = np.zeros(y.size, dtype=int)
    splitter = StratifiedKFold(
        min(n_folds, rarest), shuffle=True, random_state=random_state
    )
    rows = np.flatnonzero(counts)
    for fold, (_, test) in enumerate(splitter.split(rows, y[rows])):
        folds[rows[test]] = fold
    return folds, False


def _deal(content, label_of, n_folds):
    """Distribute the distinct rows of each class over folds, in order of hashes."""
    order = np.lexsort((label_of.index.to_numpy(), label_of.to_numpy()))
    fold_of = pd.Series(
        np.arange(order.size) % n_folds, index=label_of.index.to_numpy()[order]
    )
    folds = fold_of.reindex(content).to_numpy(dtype=float, copy=True)
    unseen = np.isnan(folds)  # rows of weight zero
    folds[unseen] = content[unseen] % n_folds
    return folds.astype(int)


def hash_rows(X):
    """Return a hash of the values of each row, or None if a value has no hash.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows to hash: an array, sparse matrix, DataFrame or list.

    Returns
    -------
    content : ndarray of shape (n_samples,), dtype uint64, or None
        Hash of each row; rows with equal values have equal hashes. None if some values
        cannot be hashed.
    """
    if sparse.issparse(X):
        return _hash_sparse(X.tocsr())
    if hasattr(X, "iloc"):
        table = X
    elif hasattr(X, "columns"):
        table = pd.DataFrame({str(name): np.asarray(X[name]) for name in X.columns})
    else:
        X = np.asarray(X)
        table = pd.DataFrame(X.reshape(n_rows(X), -1))
    try:
        content = pd.util.hash_pandas_object(table, index=False, categorize=False)
    except TypeError:
        return None
    return content.to_numpy()


def _hash_sparse(X):
    """Return hashes of sparse rows that do not depend on how entries are stored."""
    X = X.copy()
    X.sum_duplicates()
    X.eliminate_zeros()
    entries = pd.util.hash_array(X.data.astype(np.float64)) * np.uint64(
        0x9E3779B97F4A7C15
    ) ^ pd.util.hash_array(X.indices.astype(np.int64))
    entries = pd.util.hash_array(entries)
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(entries)])
    return pd.util.hash_array(total[X.indptr[1:]] - total[X.indptr[:-1]])
