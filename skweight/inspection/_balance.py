"""Compare feature means of weighted rows with feature means of a target."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from skweight._utils.columns import take_column
from skweight._utils.roles import in_range
from skweight._utils.times import times_as_numbers
from skweight._utils.validation import check_choice, check_weights, n_rows, plain
from skweight.density_ratio._tables import check_same_columns, column_names, width


class Balance(NamedTuple):
    """Means of features before weighting, after weighting, and in the target.

    Attributes
    ----------
    names : list of str
        Names of the features. A categorical column has one feature for each of its
        values. A column with missing values has an additional feature for the missing
        values.
    mean_source, mean_weighted, mean_target : ndarray of shape (n_names,)
        Means of the rows before weighting, of the rows after weighting, and of the
        target.
    difference_before, difference_after : ndarray of shape (n_names,)
        Mean of the rows minus mean of the target, in standard deviations.
    distance_before, distance_after : ndarray of shape (n_names,)
        Largest difference of the distribution functions (Kolmogorov-Smirnov distance).
        The distance also detects differences between distributions with the same mean.

    Examples
    --------
    >>> from skweight.inspection import balance_table
    >>> X, X_target = [[0.0], [1.0], [2.0]], [[1.0], [2.0], [3.0]]
    >>> balance_table(X, X_target, [0, 1, 3]).difference_after.round(2)
    array([-0.25])
    """

    names: list
    mean_source: np.ndarray
    mean_weighted: np.ndarray
    mean_target: np.ndarray
    difference_before: np.ndarray
    difference_after: np.ndarray
    distance_before: np.ndarray
    distance_after: np.ndarray

    def to_frame(self):
        """Return the figures as a table.

        Returns
        -------
        table : pandas.DataFrame
            Table with one row per feature.
        """
        import pandas as pd

        columns = self._asdict()
        features = pd.Index(columns.pop("names"), name="feature")
        return pd.DataFrame(columns, index=features)


def balance_table(
    X,
    X_target,
    weights,
    *,
    scale="target",
    sample_weight=None,
    sample_weight_target=None,
):
    r"""Compare feature means of rows and target, before and after weighting.

    Weights for covariate shift should make the training rows similar to the target. The
    table shows for each feature whether the weighted rows are similar. An absolute
    difference above 0.1 standard deviations is commonly considered large.

    .. math::
        d_j = \frac{\sum_i w_i x_{ij} / \sum_i w_i - \bar x_j^{target}}{s_j}, \qquad
        s_j^2 = \frac{\sum_i w_i (x_{ij} - \bar x_j)^2}
        {\sum_i w_i - \sum_i w_i^2 / \sum_i w_i}

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Training rows. Categorical columns become one feature per value, and missing
        values become an additional feature.
    X_target : array-like of shape (n_target, n_features)
        Rows of the target.
    weights : array-like of shape (n_samples,)
        The weights to check, in any unit. They must already be multiplied by
        `sample_weight`.
    scale : {"target", "source", "pooled"}, default="target"
        Unit :math:`s_j` of the differences. "target" is the standard deviation of the
        target, and "source" is the standard deviation of the rows before weighting.
        "pooled" is the square root of the mean of both variances.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights that the rows already have before weighting.
    sample_weight_target : array-like of shape (n_target,), default=None
        How many rows of the target population each row of `X_target` stands for.

    Returns
    -------
    balance : Balance
        The table, with one entry per feature. If the standard deviation :math:`s_j` is
        zero, the standard deviation of the training rows is used. If that standard
        deviation is also zero, the difference is zero or infinite.

    See Also
    --------
    BalanceDisplay : Draws the table.
    weight_report : Includes this table.

    Notes
    -----
    O(n log n) for each feature.

    References
    ----------
    .. [1] P. C. Austin, Balance diagnostics for comparing the distribution of baseline
       covariates between treatment groups in propensity-score matched samples,
       Statistics in Medicine 28(25), 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.inspection import balance_table
    >>> rng = np.random.default_rng(0)
    >>> X, X_target = rng.normal(size=(2000, 1)), rng.normal(0.5, size=(2000, 1))
    >>> ratio = np.exp(0.5 * X[:, 0])  # the true ratio, up to a factor
    >>> balance = balance_table(X, X_target, ratio)
    >>> balance.difference_before.round(1), balance.difference_after.round(1)
    (array([-0.5]), array([-0.]))
    """
    check_choice(scale, ("target", "source", "pooled"), name="scale")
    n, n_target = n_rows(X), n_rows(X_target, "X_target")
    after = in_range(check_weights(weights, n, name="weights"))
    before = _or_ones(sample_weight, n, "sample_weight")
    target = _or_ones(sample_weight_target, n_target, "sample_weight_target")
    rows = []
    for name, x, t in features_of(X, X_target):
        source_moments, weighted_moments, target_moments = (
            _moments(x, before),
            _moments(x, after),
            _moments(t, target),
        )
        variance = {
            "target": target_moments[1],
            "source": source_moments[1],
            "pooled": (source_moments[1] + target_moments[1]) / 2,
        }[scale]
        # If the feature is constant in the target, the variance of the training rows is
        # used.
        variance = variance or source_moments[1]
        means = source_moments[0], weighted_moments[0], target_moments[0]
        differences = (
            _standardise(mean - means[2], np.sqrt(variance)) for mean in means[:2]
        )
        distances = _distances(x, t, (before, after), target)
        rows.append((name, *means, *differences, *distances))
    names, *columns = zip(*rows, strict=True)
    return Balance(list(names), *(np.array(column) for column in columns))


def features_of(X, X_target):
    """Yield (name, source, target) of every feature as numbers."""
    n_columns = width(X, "X")
    named = column_names(X)
    check_same_columns(
        X_target, named, n_columns, name="X_target", reference="the training rows"
    )
    X, X_target = (
        values if hasattr(values, "shape") else np.asarray(values)
        for values in (X, X_target)
    )
    X, X_target = times_as_numbers(X), times_as_numbers(X_target)
    if sparse.issparse(X):
        X, X_target = X.tocsc(), X_target.tocsc()
    for position in range(n_columns):
        name = named[position] if named else f"x{position}"
        pair = [_column(values, position) for values in (X, X_target)]
        try:
            numbers = [np.asarray(values, dtype=np.float64) for values in pair]
        except (TypeError, ValueError):
            yield from _levels(name, *pair)
            continue
        gaps = [~np.isfinite(values) for values in numbers]
        if any(values.any() for values in gaps):
            yield f"{name} is missing", *(values.astype(float) for values in gaps)
            if any(values.all() for values in gaps):
                continue
            # The mean is computed without missing values, which have a separate
            # feature.
            gaps_and_numbers = zip(gaps, numbers, strict=True)
            numbers = [
                np.where(gap, np.nan, values) for gap, values in gaps_and_numbers
            ]
        yield name, *numbers


def _column(X, position):
    named = getattr(X, "columns", None)
    column = position if named is None else list(named)[position]
    return np.asarray(take_column(X, column, owner="balance_table"))


def _levels(name, source, target):
    """Yield a 0/1 feature for each value of a categorical column."""
    pair = [[plain(value) for value in column.tolist()] for column in (source, target)]
    # A missing value is None, or not equal to itself.
    pair = [[None if v is None or v != v else v for v in column] for column in pair]
    for level in sorted({*pair[0], *pair[1]}, key=lambda v: (v is None, str(v))):
        shown = f"{name} is missing" if level is None else f"{name} = {level}"
        yield shown, *(np.array([v == level for v in column], float) for column in pair)


def _or_ones(weights, n, name):
    if weights is None:
        return np.ones(n)
    return in_range(check_weights(weights, n, name=name))


def _moments(x, weight):
    """Return the weighted mean and unbiased variance, without the missing values."""
    is_known = ~np.isnan(x)
    x, weight = (x, weight) if is_known.all() else (x[is_known], weight[is_known])
    total = weight.sum()
    if total == 0:
        return np.nan, np.nan
    mean = weight @ x / total
    freedom = total - weight @ weight / total
    if freedom <= 1e-12 * total:
        return mean, np.nan
    return mean, weight @ (x - mean) ** 2 / freedom


def _standardise(difference, deviation):
    if abs(difference) <= 1e-12 * (1 + deviation):
        return 0.0
    return difference / deviation if deviation > 0 else np.copysign(np.inf, difference)


def _distances(x, t, weights, target):
    """Return one Kolmogorov-Smirnov distance for each of several weight vectors."""
    is_known, is_known_target = ~np.isnan(x), ~np.isnan(t)
    values = np.concatenate([x[is_known], t[is_known_target]])
    order = np.argsort(values)  # ties are evaluated at their last row
    is_last_tie = np.r_[np.diff(values[order]) > 0, True]
    distances = []
    for weight in weights:
        source_weight, target_weight = weight[is_known], target[is_known_target]
        if not (source_weight.sum() and target_weight.sum()):
            distances.append(np.nan)
            continue
        step = np.concatenate(
            [source_weight / source_weight.sum(), -target_weight / target_weight.sum()]
        )
        distances.append(float(np.abs(np.cumsum(step[order])[is_last_tie]).max()))
    return distances
