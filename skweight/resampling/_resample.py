"""Resample rows with their weights."""

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
        Resampled rows, in the same type of container as the input.
    y : array-like of shape (n_resampled,)
        Labels of the resampled rows.
    sample_weight : ndarray or None
        Weights of the resampled rows, with as many columns as the weights passed in.
        None if no weights were passed in.
    rows : ndarray of shape (n_resampled,)
        Position of each resampled row in the input; -1 for a synthetic row.

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
    r"""Resample rows with their weights, by any sampler of imbalanced-learn.

    If the sampler selects or repeats a row, the row keeps its weight. A sampler of the
    SMOTE family creates new rows by interpolation between two rows i and j. The new row
    gets the interpolated weight,

    .. math:: x = x_i + \lambda (x_j - x_i), \qquad w = w_i + \lambda (w_j - w_i),

    with the same :math:`\lambda` as for the features of the new row. The sampler
    creates exactly the same rows as without weights.

    Parameters
    ----------
    sampler : sampler or str
        A sampler of imbalanced-learn, cloned and never changed; or ``"smote"`` (SMOTENC
        if a DataFrame has non-numeric columns), ``"random_over"``, ``"random_under"``.
        Samplers of other packages need the attribute ``sample_indices_``.
    X : array-like of shape (n_samples, n_features)
        Rows: array, list, sparse matrix, or DataFrame of pandas (also with nullable
        dtypes) or polars.
    y : array-like of shape (n_samples,)
        Class labels.
    sample_weight : array-like of shape (n_samples,) or (n_samples, m), default=None
        Non-negative weights, or several vectors of weights. Rows with a weight of zero
        are removed before resampling.
    weight_rule : {"interpolate", "parent", "class_mean"}, default="interpolate"
        Weight of a synthetic row. "interpolate": the weight is interpolated between the
        two rows. "parent": the row gets the weight of the nearer of the two rows.
        "class_mean": the row gets the mean weight of its class. SMOTEN does not
        interpolate: the categories of a new row are a majority vote of a drawn row and
        its neighbours. With "interpolate", the new row gets the mean weight of the
        voting rows; with "parent", the weight of the drawn row. If a sampler
        extrapolates, as SVMSMOTE does, weights are clipped to the range of the input
        weights.
    preserve_mass : bool, default=False
        Whether to scale the weights of every class so that the total weight of the
        class does not change. If False, the total weight of a class changes with the
        number of rows of the class, as is usual in resampling.
    random_state : int, RandomState instance or None, default=None
        Seed of a sampler that is passed by name.

    Returns
    -------
    resampled : Resampled
        The named tuple ``(X, y, sample_weight, rows)``.

    Raises
    ------
    UnsupportedWeightsError
        If the sampler does not support `weight_rule`; the message lists the supported
        rules.
    ValueError
        If the rows cannot be resampled, because of missing values, categories or a
        single class.

    Warns
    -----
    FewerThanAskedWarning
        If the number of rows of a class is below the number of neighbours of the
        sampler.

    See Also
    --------
    WeightedSampler : Does the same as an estimator.
    skweight.WeightedClassifier : Resamples inside every fit with ``resampler=``.

    Notes
    -----
    Each vector of weights takes O(n) time and memory, in addition to the time and
    memory of the sampler. The rule "parent" adds :math:`\log_2 n` columns during the
    resampling. Without `preserve_mass`, the mean weight of a class stays the same, so
    the total weight of the class is proportional to its number of rows. With
    "class_mean", the mean weight stays exactly the same. With "interpolate" and
    "parent", the mean weight stays the same on average, if the sampler draws rows
    uniformly.

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
    >>> new = resampled.rows == -1
    >>> int(new.sum())
    2
    >>> np.allclose(resampled.sample_weight[new], 10 + 10 * resampled.X[new].ravel())
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
        weight_columns = np.ones(n_rows(X)) if sample_weight is None else sample_weight
        weights = _check_vectors(weight_columns, n_rows(X))
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
        carried = carry(
            sampler,
            table.rows,
            labels.rows,
            vectors,
            of_one_row=weight_rule == "parent",
        )
    except (ValueError, TypeError) as error:
        raise _explain(error, sampler, table.rows, labels.rows) or error from error
    rows = carried.rows
    if weights is not None:
        codes = _codes(labels.rows, carried.y)
        weights_new = _weigh(carried, weights, codes, weight_rule)
        if preserve_mass:
            weights_new[:, -1] *= _mass_ratio(weights, weights_new, codes)
        weights = weights_new if np.ndim(weight_columns) == 2 else weights_new[:, 0]
        rows = np.where(rows < 0, -1, counted[rows])
    X_new, y_new = table.restore(carried.X), labels.restore(carried.y)
    return Resampled(X_new, y_new, weights, rows), carried.sampler


def _check_table(sampler, X):
    """Raise if each row is a single value, such as a text before vectorization."""
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
            f"The resampler {name} needs a two-dimensional X; got one value per row, "
            "such as a text. Resample after the step that creates columns, for "
            "example make_pipeline(TfidfVectorizer(), "
            "WeightedClassifier(LogisticRegression(), resampler='random_over'))."
        )


def _check_vectors(sample_weight, n_samples):
    """Return weights as an array of columns."""
    if np.ndim(sample_weight) != 2:
        return check_weights(sample_weight, n_samples)[:, None]
    columns = np.asarray(sample_weight).T
    return np.column_stack([check_weights(column, n_samples) for column in columns])


def _check_columns(sampler, X):
    """Raise if a sampler would interpolate categories."""
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
        f"{name} needs numeric columns; got categories in {say(columns)}. Use "
        f"SMOTENC(categorical_features={say(columns)}), or SMOTEN if all columns are "
        "categorical. resampler='smote' chooses the right variant. Or repeat rows "
        "with 'random_over'."
    )


def _check_rule(sampler, rule):
    """Raise if a sampler does not support the rule."""
    kind, name = kind_of(sampler), type(sampler).__name__
    if kind is not None or rule == "class_mean":
        return
    raise UnsupportedWeightsError(
        f"weight_rule={rule!r} needs a sampler with sample_indices_, or a sampler of "
        f"the SMOTE family in imbalanced-learn; got {name}. Pass "
        f"weight_rule='class_mean', as in WeightedSampler({name}(...), "
        "weight_rule='class_mean'), or use another sampler."
    )


def _vectors_to_carry(weights, rule):
    """Return the vectors to resample together with the rows, or None."""
    if rule == "class_mean":
        return None
    if rule == "interpolate":
        return weights if np.ptp(weights, axis=0).any() else None
    # The position of each row is written as bits, one column per bit, and the columns
    # are resampled with the rows. After interpolation between two rows, rounding gives
    # the bits of the nearer row.
    n_samples = weights.shape[0]
    places = np.arange(max(int(n_samples - 1).bit_length(), 1))
    return (np.arange(n_samples)[:, None] >> places & 1).astype(np.float64)


def _codes(y, y_new):
    """Return the class position of each row, before and after resampling."""
    y, y_new = (
        labels.argmax(axis=1) if labels.ndim == 2 and labels.shape[1] > 1 else labels
        for labels in (np.asarray(y), np.asarray(y_new))
    )
    classes, codes = np.unique(y, return_inverse=True)
    return codes.ravel(), np.searchsorted(classes, y_new.ravel())


def _weigh(carried, weights, codes, rule):
    """Return the weights of the resampled rows."""
    before, after = codes
    is_new = carried.rows < 0
    new_weights = weights[carried.rows]
    if not is_new.any():
        return new_weights
    if rule == "class_mean":
        sums = np.column_stack([np.bincount(before, column) for column in weights.T])
        new_weights[is_new] = (sums / np.bincount(before)[:, None])[after[is_new]]
    elif carried.vectors is None:
        new_weights[is_new] = weights[0]
    elif rule == "interpolate":
        # Extrapolated weights could be negative or huge.
        low, high = weights.min(axis=0), weights.max(axis=0)
        new_weights[is_new] = np.clip(carried.vectors[is_new], low, high)
    else:
        bits = np.rint(carried.vectors[is_new]).clip(0, 1).astype(np.intp)
        new_weights[is_new] = weights[bits @ (1 << np.arange(bits.shape[1]))]
    return new_weights


def _mass_ratio(weights, weights_new, codes):
    """For each row, return total weight of its class before / after resampling."""
    mass_before, mass_after = (
        np.bincount(class_codes, columns.prod(axis=1))
        for class_codes, columns in zip(codes, (weights, weights_new), strict=True)
    )
    return (mass_before / mass_after)[codes[1]]


def _explain(error, sampler, X, y):
    """After a failed resampling, return an error with advice, or None."""
    name = type(sampler).__name__
    if np.unique(np.asarray(y)).size < 2:
        return ValueError(
            f"{name} needs at least two classes in y, but y has one class. Pass rows "
            "of two or more classes. In a cross-validation, use stratified folds, "
            "so that every fold has rows of every class."
        )
    if "NaN" in str(error):
        return ValueError(
            f"{name} computes distances, so missing values (NaN) are not allowed. "
            "Impute them first: put the imputer before the sampler in a "
            "skweight.pipeline.Pipeline, or before the classifier in a Pipeline of "
            "scikit-learn. 'random_over' and 'random_under' accept missing values."
        )
    if times_in(X):
        return ValueError(say_of_times(name, X))
    texts = getattr(X, "dtype", np.dtype(float)).kind in "OUS" or (
        is_frame(X) and columns_without_numbers(X)
    )
    if "could not convert" in str(error) and texts:
        columns = (
            [X.columns[column] for column in columns_without_numbers(X)]
            if is_frame(X)
            else _texts(np.asarray(X))
        )
        return _categories(name, columns)
    return None


def _texts(X):
    """Return the positions of those columns of an array that hold strings."""
    return [
        position
        for position, column in enumerate(X.T)
        if any(isinstance(value, str) for value in column)
    ]
