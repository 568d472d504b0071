"""Intervals that contain the value with a requested probability.

The conformity score of a held-out row is its absolute residual, by a model that was not
fitted on the row. Scores have population weights. The quantile of the scores also
counts the weight of the new row.
"""

from typing import NamedTuple

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    ShuffleSplit,
    check_cv,
)
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skweight._fit.conformal import FEW, NewWeights, describe_rows, weights_of_new_rows
from skweight._fit.models import Fitted
from skweight._utils.available import available_if
from skweight._utils.conformal import Scores
from skweight._utils.validation import check_number, n_rows
from skweight._utils.warn import warn
from skweight.exceptions import CalibrationWarning

_HOLDOUT, _FOLDS = 0.2, 5


class Intervals(NamedTuple):
    """The data from which intervals are made.

    Attributes
    ----------
    scores : Scores
        Absolute residuals of held-out rows.
    new_weights : NewWeights
        How new rows get their weights.
    figures : dict
        Report entries about the held-out rows.
    """

    scores: Scores
    new_weights: NewWeights
    figures: dict


def check_intervals(wrapper, y):
    """Raise if ``conformal`` is unknown or y has several columns."""
    kind = wrapper.conformal
    if kind is None:
        return
    if kind not in ("split", "cross"):
        raise ValueError(f"conformal must be 'split', 'cross' or None; got {kind!r}.")
    if np.ndim(y) != 1:
        raise ValueError(
            f"conformal={kind!r} needs a y with one value for each row; got the shape "
            f"{np.shape(y)}. Fit one regressor for each column of y."
        )


def fit_with_intervals(request, weighed):
    """Fit a regressor and compute the residuals of held-out rows.

    Returns the fitted models, and the data for intervals.
    """
    params, training, y = request.params, weighed.training, request.y
    (X,) = indexable(weighed.X)  # some sparse formats cannot be indexed by rows
    kind, n_samples = params["conformal"], n_rows(X)
    pairs = _pairs(request, weighed, X, y)
    final = training.fit(X, y) if kind == "cross" else None
    parts = [training.of(train, n_samples) for train, _ in pairs]
    results = Parallel(n_jobs=params["n_jobs"])(
        delayed(_fit_part)(part, X, y, train, test)
        for part, (train, test) in zip(parts, pairs, strict=True)
    )
    rows = np.concatenate([test for _, test in pairs])
    predicted = np.concatenate([held_out for held_out, _ in results])
    residuals = np.abs(np.asarray(y, dtype=np.float64)[rows] - predicted)
    weights = None if weighed.population is None else weighed.population[rows]
    said = "one model refitted on all rows, an approximation"
    if final is None:
        final, said = results[0][1], "the model of the hold-out"
    figures = describe_rows(weights, rows.size) | {"method": kind, "models": said}
    fitted = Fitted([final[0]], final[1], len(pairs) + (kind == "cross"))
    scores = Scores.of(residuals, weights)
    return fitted, Intervals(scores, weights_of_new_rows(request, weighed), figures)


def _pairs(request, weighed, X, y):
    """Return pairs of training and held-out rows; rows of weight zero are left out."""
    kind, population = request.params["conformal"], weighed.population
    counts = np.ones(n_rows(X), bool) if population is None else population > 0
    rows = np.flatnonzero(counts)
    if rows.size < 2:
        raise ValueError(
            f"conformal={kind!r} needs at least 2 rows with positive weight, because "
            f"it holds out rows; got {rows.size}."
        )
    metadata, cv = request.arguments["splitter"], request.params["cv"]
    if cv is None or isinstance(cv, int | np.integer):
        groups = metadata.get("groups")
        groups = None if groups is None else np.asarray(groups)[rows]
        drawn = _splitter(request.params, rows.size, groups).split(rows, groups=groups)
        pairs = [(rows[train], rows[test]) for train, test in drawn]
    else:  # may depend on positions
        drawn = check_cv(cv).split(X, y, **metadata)
        pairs = [(np.asarray(train), np.asarray(test)) for train, test in drawn]
        pairs = [(train, test[counts[test]]) for train, test in pairs]
    if kind == "split" and len(pairs) > 1:
        raise ValueError(
            f"conformal='split' needs a single hold-out, but cv makes {len(pairs)} "
            "pairs of training and test rows. Pass one pair, or set conformal='cross'."
        )
    held_out = np.zeros(counts.size, dtype=bool)
    for position, (train, test) in enumerate(pairs):  # a group for each row
        pairs[position] = train, test[~held_out[test]]
        held_out[test] = True
    return [pair for pair in pairs if pair[1].size]


def _splitter(params, n_counted, groups):
    """Return the default splitter, or a splitter with the given number of folds.

    If there are groups, all rows of one group are in the same fold.
    """
    cv, seed = params["cv"], params["random_state"]
    if cv is None and params["conformal"] == "split":
        kind = ShuffleSplit if groups is None else GroupShuffleSplit
        return kind(1, test_size=_HOLDOUT, random_state=seed)
    if cv is not None:
        check_number(cv, name="cv", low=2)
    if groups is not None:
        return GroupKFold(min(cv or _FOLDS, np.unique(groups).size))
    return KFold(min(cv or _FOLDS, n_counted), shuffle=True, random_state=seed)


def _fit_part(training, X, y, train, test):
    """Return predictions of held-out rows, the model, and how the model got weights."""
    model, deliveries = training.fit(_safe_indexing(X, train), _safe_indexing(y, train))
    predicted = np.asarray(model.predict(_safe_indexing(X, test)), dtype=np.float64)
    return predicted.reshape(test.size), (model, deliveries)


def _has_predict_interval(wrapper):
    if wrapper.conformal is None:
        raise AttributeError(
            "predict_interval needs residuals of held-out rows, but conformal=None "
            "keeps none. Set conformal='split' or conformal='cross', and fit."
        )
    return True


class PredictInterval:
    """The ``predict_interval`` of :class:`~skweight.WeightedRegressor`."""

    @available_if(_has_predict_interval)
    def predict_interval(self, X, coverage=0.9, *, sample_weight=None):
        r"""Return for each row an interval with the requested coverage.

        This method needs ``conformal="split"`` or ``"cross"``. The interval is
        :math:`\hat y(x) \pm q(x)`. Here q is the weighted quantile of the absolute
        residuals :math:`r_i` of held-out rows. The quantile includes the weight of the
        new row:

        .. math::

            q(x) = \min \Bigl\{ t : \sum_i w_i [r_i \le t] \ge
            c \, \Bigl( \sum_i w_i + w(x) \Bigr) \Bigr\}

        with w the population weights and c the requested coverage. The coverage holds
        for the population that the weights describe. All intervals have about the same
        width, also in regions of X where the values of y scatter more.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict, with the columns from which population weights are
            computed.
        coverage : float, default=0.9
            Share of rows whose interval contains their value, in (0, 1). Raising it
            makes intervals wider.
        sample_weight : array-like of shape (n_samples,), default=None
            Number of population rows that each row represents, on the scale of the fit.
            Required if the fit had `sample_weight`, or if the strategy computed
            population weights in the fit but cannot weigh new rows. In the second case,
            the argument replaces the weights of the strategy.

        Returns
        -------
        intervals : ndarray of shape (n_samples, 2)
            Lower and upper ends, in the unit of y. The ends are infinite if there are
            too few held-out rows for the requested coverage.

        Raises
        ------
        ValueError
            If the fit had population weights, but weights of the new rows are not
            passed and cannot be computed.

        Warns
        -----
        CalibrationWarning
            If intervals are infinite.

        Notes
        -----
        With ``"split"``, the coverage is guaranteed on average over fits, for
        exchangeable rows and known weights. With the refitted model of ``"cross"``, the
        coverage is approximate. The time is O(n log m) for n new rows and m kept
        residuals. At most 10,000 residuals are kept.

        References
        ----------
        .. [1] R. J. Tibshirani, R. Foygel Barber, E. J. Candes, A. Ramdas, Conformal
           prediction under covariate shift, NeurIPS 2019, equation 7.

        Examples
        --------
        >>> import numpy as np
        >>> from skweight import WeightedRegressor
        >>> rng = np.random.default_rng(0)
        >>> X = rng.uniform(size=(2000, 1))
        >>> y = X[:, 0] + rng.normal(0, 0.1, 2000)
        >>> reg = WeightedRegressor(conformal="split", random_state=0)
        >>> ends = reg.fit(X[:1000], y[:1000]).predict_interval(X[1000:], coverage=0.9)
        >>> holds = (ends[:, 0] <= y[1000:]) & (y[1000:] <= ends[:, 1])
        >>> bool(abs(holds.mean() - 0.9) < 0.04)
        True
        """
        check_is_fitted(self, "estimator_")
        check_number(coverage, name="coverage", low=0, high=1, include="neither")
        kept = self._conformal
        weights = kept.new_weights.of(self, X, sample_weight)
        half = kept.scores.quantile(coverage, weights)
        share = np.isinf(half).mean()
        if share > FEW:
            least = kept.scores.total / (kept.scores.total + np.median(weights))
            warn(
                f"The intervals of {share:.1%} of the rows are infinite: the "
                f"{kept.figures['n_rows']:,} held-out rows allow a coverage of at most "
                f"about {least:.4g}, but coverage={coverage:.4g}. Pass a lower "
                "coverage, or fit with more rows.",
                CalibrationWarning,
            )
        values = np.asarray(self.predict(X), dtype=np.float64).reshape(half.shape)
        return np.column_stack([values - half, values + half])
