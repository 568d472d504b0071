"""Out-of-fold probabilities for strategies that use a model; all fits are counted.

If a model saw the label of a row, weights learned from this model contain information
about the label. Suppose that such weights are used to fit the model of fold f. Then
this model has information about the labels of fold f, and its scores on fold f are too
good. So the weights for this model are learned from models that saw neither fold f nor
the row to weigh. One model for every pair of folds serves both folds.
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

# Identical rows are kept in one fold if two conditions hold: at least this share of the
# distinct rows has one label only, and there are this many distinct rows per fold.
_OWN_CONTENT = 0.9
_CONTENTS_PER_FOLD = 4
# Fold of rows that every model is fitted on and that no model scores.
IN_EVERY_MODEL = -2


class WeightedModel(NamedTuple):
    """How a model is fitted on some rows with weights; it can be pickled."""

    estimator: object
    random_state: int | None = None
    unsupported: str = "raise"
    labels: object = None

    def of(self, rows):
        """Return this object for a part of the rows."""
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
    """Out-of-fold probabilities of one estimator over one partition of the rows.

    Parameters
    ----------
    model : WeightedModel
        How a model is fitted; any object with its methods and parameters.
    X : array-like of shape (n_samples, n_features)
        Rows for the estimator, without side columns.
    y : array-like of shape (n_samples,)
        Labels.
    classes : ndarray of shape (n_classes,)
        All labels, in the order of the columns of the probabilities.
    folds : ndarray of shape (n_samples,)
        Fold of every row, 0 to k - 1; each row is scored by models without its fold.
        Rows of fold -1 are in no view: no model is fitted on these rows or scores them.
        Rows of fold -2 are in every model, and no model scores them.
    population : ndarray of shape (n_samples,), default=None
        How many rows each row stands for. No model is trained on rows of weight zero.
    n_jobs : int or None, default=None
        Number of models to fit in parallel.
    fit_params : dict, default=None
        Further arguments of the `fit` of the model, including arguments with an entry
        for each row.
    normalize : bool, default=True
        Whether models are fitted with weights of mean one. If False, the weights have
        the sum of the population weights.

    Attributes
    ----------
    n_fits : int
        Number of models fitted so far, for all views of this object together.
    rows : ndarray
        Positions of the rows of this view among all rows.
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
        """Number of models fitted so far, for all views together."""
        return self._counter[0]

    @property
    def n_folds(self):
        """Number of folds of the whole partition."""
        return int(self.folds.max()) + 1

    def with_population(self, population):
        """Return a copy of this view, with other population weights for its rows."""
        if population is None or (
            self.population is not None
            and np.array_equal(population, self.population[self.rows])
        ):
            return self
        whole = np.zeros(self.folds.size)
        whole[self.rows] = population
        return self._view(whole, population=whole)

    def with_estimator(self, estimator):
        """Return a copy of this view, for another estimator on the same folds.

        The new estimator gets no further arguments of fit, because they were meant for
        the previous estimator.
        """
        before = self.model
        model = WeightedModel(
            estimator, before.random_state, before.unsupported, before.labels
        )
        return self._view(estimator, model=model, fit_params={})

    def inside(self, folds):
        """Return a view of a part of the rows, with its own folds.

        Parameters
        ----------
        folds : ndarray of shape (n_samples,)
            Fold of every row of `X`; -1 for rows that are not in the new view.
        """
        return self._view(folds, folds=folds, rows=np.flatnonzero(folds >= 0))

    def without(self, fold):
        """Return a view of the rows outside a fold; its models never saw the fold.

        `proba` of the view returns probabilities from one model for each pair of folds.
        A model of a pair serves both of its folds, so the views of all k folds together
        cost k (k - 1) / 2 fits.
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
        """Return probabilities by models without the row and without the view's fold.

        Parameters
        ----------
        emphasis : ndarray of shape (n_rows,), default=None
            Emphasis of each row of this view, in addition to its population weight.

        Returns
        -------
        proba : ndarray of shape (n_rows, n_classes)
            Rows are in the order of this view.
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
        """Return a changed view; views that need the same models share them."""
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view.__dict__.update(changes)
        # A clone of an estimator fits the same model.
        view._kind = (*self._kind, *map(_name_of, changed))
        return view

    def _fit(self, keys, emphasis):
        """Fit a model for each set of left-out folds; return probabilities of these."""
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
        """Return the rows of a model, their weights, and their population weights."""
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
    """Return a key for equal contents; what cannot be pickled gets a unique key."""
    try:
        return joblib.hash(content)
    except (pickle.PicklingError, AttributeError, TypeError):
        return object()


def _fit_without(model, X, y, classes, trained, out, fit_params):
    """Return probabilities of the rows left out, by a model of the other rows."""
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
    """Return the fold of every row: by its content if this is safe, otherwise random.

    Folds by content keep copies of a row together. They do not depend on the order of
    the rows, on repeated rows, or on rows of weight zero. They are not safe if there
    are only a few distinct rows, each with several labels: a model fitted on some
    distinct rows knows nothing about the others.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows.
    y : ndarray of shape (n_samples,)
        Labels.
    n_folds : int
        Number of folds. It is reduced if the rarest class has fewer rows.
    population : ndarray of shape (n_samples,), default=None
        Rows of weight zero do not count.
    random_state : int, RandomState instance or None, default=None
        Seed of random folds.

    Returns
    -------
    folds : ndarray of shape (n_samples,)
        0 to k - 1; at least two.
    by_content : bool
        Whether the folds follow from the content of the rows.
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
    """Distribute the distinct rows of each class over folds, in the order of hashes."""
    order = np.lexsort((label_of.index.to_numpy(), label_of.to_numpy()))
    fold_of = pd.Series(
        np.arange(order.size) % n_folds, index=label_of.index.to_numpy()[order]
    )
    folds = fold_of.reindex(content).to_numpy(dtype=float, copy=True)
    unseen = np.isnan(folds)  # rows of weight zero
    folds[unseen] = content[unseen] % n_folds
    return folds.astype(int)


def hash_rows(X):
    """Return a number for the content of each row, or None if this is not possible.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows: arrays, sparse matrices, DataFrames, lists.

    Returns
    -------
    content : ndarray of shape (n_samples,), dtype uint64, or None
        Equal for rows of equal content. None for contents that cannot be hashed.
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
    """Return hashes that do not depend on how zeros and entries are stored."""
    X = X.copy()
    X.sum_duplicates()
    X.eliminate_zeros()
    entries = pd.util.hash_array(X.data.astype(np.float64)) * np.uint64(
        0x9E3779B97F4A7C15
    ) ^ pd.util.hash_array(X.indices.astype(np.int64))
    entries = pd.util.hash_array(entries)
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(entries)])
    return pd.util.hash_array(total[X.indptr[1:]] - total[X.indptr[:-1]])
