"""How far features of the weighted rows are from those of the target, one by one."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from skweight._utils.columns import take_column
from skweight._utils.times import times_as_numbers
from skweight._utils.validation import check_choice, check_weights, n_rows, plain
from skweight.density_ratio._tables import check_same_columns, column_names, width


class Balance(NamedTuple):
    """Means of the features before and after weighting, beside those of the target.

    Attributes
    ----------
    names : list of str
        Names of the features. A column of words has one for each of its values, and a
        column with gaps a further one for the gaps.
    mean_source, mean_weighted, mean_target : ndarray of shape (n_names,)
        Means of the rows as they are, weighted, and of the target.
    difference_before, difference_after : ndarray of shape (n_names,)
        Mean of the rows minus mean of the target, in standard deviations.
    distance_before, distance_after : ndarray of shape (n_names,)
        Largest difference of the distribution functions (Kolmogorov-Smirnov), which
        also sees what leaves the mean where it is.

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
            One row per feature.
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
    r"""Return standardised mean differences to a target, before and after weighting.

    Weights for a shift are to make the training rows look like the target. Feature by
    feature this is easy to see: an absolute difference above 0.1 standard deviations is
    commonly taken as one to look at.

    .. math::
        d_j = \frac{\sum_i w_i x_{ij} / \sum_i w_i - \bar x_j^{target}}{s_j}, \qquad
        s_j^2 = \frac{\sum_i w_i (x_{ij} - \bar x_j)^2}
        {\sum_i w_i - \sum_i w_i^2 / \sum_i w_i}

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Training rows. Columns of words are taken apart into their values, and gaps are
        a feature by themselves.
    X_target : array-like of shape (n_target, n_features)
        Rows of the target.
    weights : array-like of shape (n_samples,)
        The weights to judge, in any unit; `sample_weight` included.
    scale : {"target", "source", "pooled"}, default="target"
        Whose standard deviation :math:`s_j` is the unit: that of the target, of the
        rows before weighting, or the root of the mean of both variances.
    sample_weight : array-like of shape (n_samples,), default=None
        How many rows each row stood for before weighting.
    sample_weight_target : array-like of shape (n_target,), default=None
        How many rows of the target population each row of `X_target` stands for.

    Returns
    -------
    balance : Balance
        One entry per feature. Where the rows whose deviation is the unit do not vary,
        the training rows lend theirs; a feature that is constant in both has a
        difference of zero, or of infinity.

    See Also
    --------
    BalanceDisplay : Draws it.
    weight_report : The same beside all other figures.

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
    >>> ratio = np.exp(0.5 * X[:, 0])  # the true one, up to a factor
    >>> balance = balance_table(X, X_target, ratio)
    >>> balance.difference_before.round(1), balance.difference_after.round(1)
    (array([-0.5]), array([-0.]))
    """
    check_choice(scale, ("target", "source", "pooled"), name="scale")
    n, n_target = n_rows(X), n_rows(X_target, "X_target")
    after = check_weights(weights, n, name="weights")
    before = _or_ones(sample_weight, n, "sample_weight")
    target = _or_ones(sample_weight_target, n_target, "sample_weight_target")
    rows = []
    for name, x, t in features_of(X, X_target):
        ours, weighted, theirs = (
            _moments(x, before),
            _moments(x, after),
            _moments(t, target),
        )
        variance = {
            "target": theirs[1],
            "source": ours[1],
            "pooled": (ours[1] + theirs[1]) / 2,
        }[scale]
        # What the target never varies in is measured by how the rows do.
        variance = variance or ours[1]
        means = ours[0], weighted[0], theirs[0]
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
        one if hasattr(one, "shape") else np.asarray(one) for one in (X, X_target)
    )
    X, X_target = times_as_numbers(X), times_as_numbers(X_target)
    if sparse.issparse(X):
        X, X_target = X.tocsc(), X_target.tocsc()
    for position in range(n_columns):
        name = named[position] if named else f"x{position}"
        pair = [_column(one, position) for one in (X, X_target)]
        try:
            numbers = [np.asarray(one, dtype=np.float64) for one in pair]
        except (TypeError, ValueError):
            yield from _levels(name, *pair)
            continue
        gaps = [~np.isfinite(one) for one in numbers]
        if any(one.any() for one in gaps):
            yield f"{name} is missing", *(one.astype(float) for one in gaps)
            if any(one.all() for one in gaps):
                continue
            # The mean of what is known, so that a gap counts once and not twice.
            known = zip(gaps, numbers, strict=True)
            numbers = [np.where(gap, np.nan, one) for gap, one in known]
        yield name, *numbers


def _column(X, position):
    named = getattr(X, "columns", None)
    column = position if named is None else list(named)[position]
    return np.asarray(take_column(X, column, owner="balance_table"))


def _levels(name, source, target):
    """Yield one feature of zeros and ones for each value of a column of words."""
    pair = [[plain(value) for value in one.tolist()] for one in (source, target)]
    # A gap is None, or not equal to itself.
    pair = [[None if v is None or v != v else v for v in one] for one in pair]
    for level in sorted({*pair[0], *pair[1]}, key=lambda v: (v is None, str(v))):
        shown = f"{name} is missing" if level is None else f"{name} = {level}"
        yield shown, *(np.array([v == level for v in one], float) for one in pair)


def _or_ones(weights, n, name):
    return np.ones(n) if weights is None else check_weights(weights, n, name=name)


def _moments(x, weight):
    """Return weighted mean and unbiased variance of the values that are known."""
    known = ~np.isnan(x)
    x, weight = (x, weight) if known.all() else (x[known], weight[known])
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
    """Return the distances of distribution functions for each of several weights."""
    known, known_target = ~np.isnan(x), ~np.isnan(t)
    values = np.concatenate([x[known], t[known_target]])
    order = np.argsort(values)  # nothing is read off between ties
    last = np.r_[np.diff(values[order]) > 0, True]
    found = []
    for weight in weights:
        ours, theirs = weight[known], target[known_target]
        if not (ours.sum() and theirs.sum()):
            found.append(np.nan)
            continue
        step = np.concatenate([ours / ours.sum(), -theirs / theirs.sum()])
        found.append(float(np.abs(np.cumsum(step[order])[last]).max()))
    return found
