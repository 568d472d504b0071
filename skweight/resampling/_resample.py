"""Resample rows with their weights: the rules, and what is refused."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.multiclass import check_classification_targets

from skweight._utils.columns import with_rows
from skweight._utils.validation import check_choice, check_weights, n_rows, say
from skweight.exceptions import UnsupportedWeightsError
from skweight.resampling._carry import carry, kind_of
from skweight.resampling._names import (
    columns_without_numbers,
    sampler_of_name,
    say_of_times,
    times_in,
)
from skweight.resampling._tables import Table, is_frame

WEIGHT_RULES = ("interpolate", "parent", "class_mean")


class Resampled(NamedTuple):
    """Resampled rows with their weights.

    Attributes
    ----------
    X : array-like of shape (n_resampled, n_features)
        Rows, in the container that came.
    y : array-like of shape (n_resampled,)
        Their labels.
    sample_weight : ndarray or None
        Their weights, with as many columns as were given; None where none were.
    rows : ndarray of shape (n_resampled,)
        Position that a row had in the input; -1 for a row that was made.

    Examples
    --------
    >>> from imblearn.under_sampling import RandomUnderSampler
    >>> from skweight.resampling import resample
    >>> X, y, w = [[0.0], [1.0], [2.0]], [0, 0, 1], [1.0, 5.0, 2.0]
    >>> resampled = resample(RandomUnderSampler(random_state=0), X, y, w)
    >>> resampled.rows, resampled.sample_weight
    (array([1, 2]), array([5., 2.]))
    """

    X: object
    y: object
    sample_weight: np.ndarray | None
    rows: np.ndarray


def resample(
    sampler,
    X,
    y,
    sample_weight=None,
    *,
    weight_rule="interpolate",
    preserve_mass=False,
    random_state=None,
):
    r"""Resample rows by any sampler of imbalanced-learn, their weights riding along.

    A row that is kept keeps its weight, one that is repeated repeats it. A row that
    SMOTE or a relative of it makes between rows i and j gets the weight between
    theirs,

    .. math:: x = x_i + \lambda (x_j - x_i), \qquad w = w_i + \lambda (w_j - w_i),

    with the same :math:`\lambda`. The rows are those that the sampler makes without
    weights, to the last bit.

    Parameters
    ----------
    sampler : sampler or str
        A sampler of imbalanced-learn, cloned and never changed; or ``"smote"``
        (SMOTENC where a DataFrame has columns that hold no numbers),
        ``"random_over"``, ``"random_under"``. Any sampler that tells its
        ``sample_indices_`` will do.
    X : array-like of shape (n_samples, n_features)
        Rows: array, list, sparse matrix, DataFrame of pandas, nullable dtypes
        included, or of polars.
    y : array-like of shape (n_samples,)
        Class labels.
    sample_weight : array-like of shape (n_samples,) or (n_samples, m), default=None
        Non-negative weights, or several vectors of them that ride at once. Rows with
        a weight of zero count nowhere: they are left out before anything is drawn.
    weight_rule : {"interpolate", "parent", "class_mean"}, default="interpolate"
        What a row that was made gets: the weight at its place between the two rows,
        that of the nearer of the two, or the mean weight of its class. A row of
        SMOTEN, a vote of neighbours of one row, gets the mean weight of the voters, or
        the weight of that row. Where a sampler
        goes beyond the two rows, as SVMSMOTE does, an interpolated weight stays within
        the smallest and the largest there are.
    preserve_mass : bool, default=False
        Whether to scale the weights of every class so that their sum stays what it
        was. False lets the mass of a class grow and shrink with its rows, which is
        what resampling is usually for; True leaves only other rows, not more emphasis.
    random_state : int, RandomState instance or None, default=None
        Seed of a sampler given by its name.

    Returns
    -------
    resampled : Resampled
        The named tuple ``(X, y, sample_weight, rows)``.

    Raises
    ------
    UnsupportedWeightsError
        If weights cannot follow through the sampler by the rule; the message names
        the rules by which they can.
    ValueError
        If the rows cannot be resampled: missing values, categories, a single class.

    Warns
    -----
    FewerThanAskedWarning
        If a class has fewer rows than the sampler was to mix each of them with.

    See Also
    --------
    WeightedSampler : The same as an estimator.
    skweight.WeightedClassifier : Resamples inside every fit with ``resampler=``.

    Notes
    -----
    The cost is that of the sampler, and O(n) time and memory for each vector. The
    rule "parent" carries :math:`\log_2 n` columns of bits. Without `preserve_mass` the
    expected mean weight of a class stays as it was under the first two rules wherever
    the sampler picks rows evenly, and exactly under the third; its mass follows its
    rows.

    References
    ----------
    .. [1] N. V. Chawla et al., "SMOTE: synthetic minority over-sampling technique",
       Journal of Artificial Intelligence Research 16, 2002, section 4.2.

    Examples
    --------
    >>> import numpy as np
    >>> from imblearn.over_sampling import SMOTE
    >>> from skweight.resampling import resample
    >>> X = np.array([[0.0], [1.0], [4.0], [5.0], [6.0], [7.0]])
    >>> y = np.array([1, 1, 0, 0, 0, 0])
    >>> weights = np.array([10.0, 20.0, 1.0, 1.0, 1.0, 1.0])
    >>> resampled = resample(SMOTE(k_neighbors=1, random_state=0), X, y, weights)
    >>> made = resampled.rows == -1
    >>> int(made.sum())
    2
    >>> np.allclose(resampled.sample_weight[made], 10 + 10 * resampled.X[made].ravel())
    True
    """
    resampled, _ = resample_rows(
        sampler, X, y, sample_weight, weight_rule, preserve_mass, random_state
    )
    return resampled


def resample_rows(
    sampler, X, y, sample_weight, weight_rule, preserve_mass, random_state
):
    """Return the resampled rows, and the fitted sampler."""
    check_choice(weight_rule, WEIGHT_RULES, name="weight_rule")
    labels = Table(y)
    if getattr(labels.rows, "dtype", np.dtype(object)).kind not in "iub":
        check_classification_targets(labels.rows)
    _check_table(sampler, X)
    X = with_rows(X)
    counted, weights = None, None
    if sample_weight is not None or preserve_mass:
        given = np.ones(n_rows(X)) if sample_weight is None else sample_weight
        weights = _check_vectors(given, n_rows(X))
        counted = np.flatnonzero((weights > 0).all(axis=1))
        if counted.size < weights.shape[0]:
            X, y = _safe_indexing(X, counted), _safe_indexing(y, counted)
            labels, weights = Table(y), weights[counted]
    table = Table(X)
    if isinstance(sampler, str):
        sampler = sampler_of_name(sampler, table.rows, random_state)
    _check_columns(sampler, table.rows)
    vectors = None
    if weights is not None:
        _check_rule(sampler, weight_rule)
        if kind_of(sampler) in ("between", "clean", "vote"):
            vectors = _vectors_to_carry(weights, weight_rule)
    try:
        done = carry(
            sampler,
            table.rows,
            labels.rows,
            vectors,
            of_one_row=weight_rule == "parent",
        )
    except (ValueError, TypeError) as error:
        raise _explain(error, sampler, table.rows, labels.rows) or error from error
    rows = done.rows
    if weights is not None:
        codes = _codes(labels.rows, done.y)
        weights_new = _weigh(done, weights, codes, weight_rule)
        if preserve_mass:
            weights_new[:, -1] *= _mass_ratio(weights, weights_new, codes)
        weights = weights_new if np.ndim(given) == 2 else weights_new[:, 0]
        rows = np.where(rows < 0, -1, counted[rows])
    X_new, y_new = table.restore(done.X), labels.restore(done.y)
    return Resampled(X_new, y_new, weights, rows), done.sampler


def _check_table(sampler, X):
    """Raise for rows that are single values, as texts before they are vectors."""
    shape = getattr(X, "shape", None)
    if shape is not None:
        single = len(shape) == 1
    else:
        single = isinstance(X, list | tuple) and any(
            isinstance(row, str | bytes) for row in X[:1]
        )
    if single:
        name = sampler if isinstance(sampler, str) else type(sampler).__name__
        raise ValueError(
            f"The resampler {name} takes rows of several columns, and X has one value "
            "a row, such as a text. Resample after the step that makes columns: in a "
            "Pipeline, as in make_pipeline(TfidfVectorizer(), "
            "WeightedClassifier(LogisticRegression(), resampler='random_over'))."
        )


def _check_vectors(sample_weight, n_samples):
    """Return weights as columns."""
    if np.ndim(sample_weight) != 2:
        return check_weights(sample_weight, n_samples)[:, None]
    columns = np.asarray(sample_weight).T
    return np.column_stack([check_weights(one, n_samples) for one in columns])


def _check_columns(sampler, X):
    """Raise if a sampler would mix categories as if they were numbers."""
    name = type(sampler).__name__
    if kind_of(sampler) not in ("between", "clean") or name == "SMOTENC":
        return
    if not is_frame(X):
        return
    named = [
        column
        for column, dtype in X.dtypes.items()
        if type(dtype).__name__ in ("CategoricalDtype", "StringDtype")
    ]
    if named:
        raise _categories(name, named)


def _categories(name, columns):
    return ValueError(
        f"{name} mixes rows as numbers, and X has categories in {say(columns)}. Use "
        f"SMOTENC(categorical_features={say(columns)}), or SMOTEN where all columns "
        "are categories; resampler='smote' chooses by itself. Or repeat rows, with "
        "'random_over'."
    )


def _check_rule(sampler, rule):
    """Raise if weights cannot follow through a sampler by the rule."""
    how, name = kind_of(sampler), type(sampler).__name__
    if how is not None or rule == "class_mean":
        return
    raise UnsupportedWeightsError(
        f"{name} does not tell its sample_indices_, nor is known to make rows between "
        f"others, and weights cannot follow by weight_rule={rule!r}. Pass "
        "weight_rule='class_mean', as in "
        f"WeightedSampler({name}(...), weight_rule='class_mean'), or use another "
        "sampler."
    )


def _vectors_to_carry(weights, rule):
    """Return the numbers that are to ride along, or None where none need to."""
    if rule == "class_mean":
        return None
    if rule == "interpolate":
        return weights if np.ptp(weights, axis=0).any() else None
    # The nearer of two rows has the bits that those at the place in between round to.
    n_samples = weights.shape[0]
    places = np.arange(max(int(n_samples - 1).bit_length(), 1))
    return (np.arange(n_samples)[:, None] >> places & 1).astype(np.float64)


def _codes(y, y_new):
    """Return the positions of the classes of the rows before and after."""
    y, y_new = (
        labels.argmax(axis=1) if labels.ndim == 2 and labels.shape[1] > 1 else labels
        for labels in (np.asarray(y), np.asarray(y_new))
    )
    classes, codes = np.unique(y, return_inverse=True)
    return codes.ravel(), np.searchsorted(classes, y_new.ravel())


def _weigh(done, weights, codes, rule):
    """Return the weights of the resampled rows."""
    before, after = codes
    made = done.rows < 0
    new = weights[done.rows]
    if not made.any():
        return new
    if rule == "class_mean":
        sums = np.column_stack([np.bincount(before, one) for one in weights.T])
        new[made] = (sums / np.bincount(before)[:, None])[after[made]]
    elif done.vectors is None:
        new[made] = weights[0]
    elif rule == "interpolate":
        # Beyond both rows, a weight could leave the range of weights altogether.
        low, high = weights.min(axis=0), weights.max(axis=0)
        new[made] = np.clip(done.vectors[made], low, high)
    else:
        bits = np.rint(done.vectors[made]).clip(0, 1).astype(np.intp)
        new[made] = weights[bits @ (1 << np.arange(bits.shape[1]))]
    return new


def _mass_ratio(weights, weights_new, codes):
    """Return for every resampled row the mass its class had, over what it has."""
    had, has = (
        np.bincount(one, columns.prod(axis=1))
        for one, columns in zip(codes, (weights, weights_new), strict=True)
    )
    return (had / has)[codes[1]]


def _explain(error, sampler, X, y):
    """Return an error that names the way out, or None if there is none to add."""
    name = type(sampler).__name__
    if np.unique(np.asarray(y)).size < 2:
        return ValueError(
            f"{name} resamples one class against the others, and y has a single class. "
            "Pass rows of two classes or more; in a cross-validation use stratified "
            "folds, which have rows of every class."
        )
    if "NaN" in str(error):
        return ValueError(
            f"{name} measures distances and cannot do so with missing values "
            "(NaN). Impute them first: put the imputer before the sampler in a "
            "skweight.pipeline.Pipeline, or before the whole in a Pipeline of "
            "scikit-learn. 'random_over' and 'random_under' take rows as they are."
        )
    if times_in(X):
        return ValueError(say_of_times(name, X))
    texts = getattr(X, "dtype", np.dtype(float)).kind in "OUS" or (
        is_frame(X) and columns_without_numbers(X)
    )
    if "could not convert" in str(error) and texts:
        columns = (
            [X.columns[one] for one in columns_without_numbers(X)]
            if is_frame(X)
            else _texts(np.asarray(X))
        )
        return _categories(name, columns)
    return None


def _texts(X):
    """Return the positions of the columns of an array that hold texts."""
    return [
        position
        for position, column in enumerate(X.T)
        if any(isinstance(one, str) for one in column)
    ]
