"""All input checks and error messages that more than one module needs."""

import difflib
from collections.abc import Iterable

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

# Largest range of integer labels for which the labels are looked up in a table. Labels
# with a larger range are sorted. Sorting a million labels takes longer than a fast
# linear fit.
_LOOKUP_RANGE = 1 << 16


def say(value, limit=8):
    """Return labels or names as text in which the number 1 and the text "1" differ."""
    if isinstance(value, np.ndarray | list | tuple | set | frozenset):
        items = [plain(item) for item in value]
        shown = ", ".join(repr(item) for item in items[:limit])
        return f"[{shown}{', ...' if len(items) > limit else ''}]"
    return repr(plain(value))


def plain(label):
    """Return the Python value of a NumPy scalar, other values unchanged."""
    return label.item() if isinstance(label, np.generic) else label


def did_you_mean(word, names):
    """Return a hint that names the closest valid word, or an empty string."""
    # Names are compared in lower case, because difflib finds no similarity between
    # "SMOTE" and "smote".
    small = {str(name).lower(): str(name) for name in names}
    close = difflib.get_close_matches(str(word).lower(), small, n=1)
    return f" Did you mean {small[close[0]]!r}?" if close else ""


def without_quotes(word):
    """Return a hint to drop the quotes of a number; for other texts, an empty text."""
    if not isinstance(word, str):
        return ""
    try:
        float(word)
    except ValueError:
        return ""
    return f" Did you mean the number {word}, without quotes?"


def write_object(spec):
    """Return a hint to pass an object where a class was passed, or an empty string."""
    return f" Write {spec.__name__}()." if isinstance(spec, type) else ""


def list_faults(*parts):
    """Return pairs of words and labels as text; skip the pairs that have no labels."""
    return " and ".join(f"{words} {say(labels)}" for words, labels in parts if labels)


def n_rows(X, name="X"):
    """Return the number of rows of any two-dimensional container.

    Lazy and distributed containers raise an error here. scikit-learn would fail later,
    or silently load all rows.
    """
    root = type(X).__module__.partition(".")[0]
    if root == "polars" and type(X).__name__ == "LazyFrame":
        raise TypeError(
            f"{name} is a polars LazyFrame, which has no rows yet. Call .collect() "
            "first."
        )
    if root == "dask":
        raise TypeError(
            f"{name} is a dask collection, and fitting it here would load all of it "
            "into memory. Call .compute() first if it fits."
        )
    shape = getattr(X, "shape", None)
    if shape is not None:
        if len(shape) == 0:
            raise TypeError(f"{name} must be a table; got the single value {X!r}.")
        return int(shape[0])
    if hasattr(X, "__len__"):
        return len(X)
    if hasattr(X, "__array__"):
        return n_rows(np.asarray(X), name)
    raise TypeError(f"{name} must be a table of rows; got {type(X).__name__}.")


def check_rows(X, y):
    """Raise an error unless X is a table in memory with one row for each label of y."""
    rows, labels = n_rows(X), n_rows(y, "y")
    if not rows:
        raise ValueError(
            "X has 0 rows; pass at least one row. Check whether a filter removed all "
            "rows."
        )
    if rows != labels:
        raise ValueError(
            f"X and y must describe the same rows; got {rows} rows of X and {labels} "
            "labels."
        )


def check_weights(weights, n_samples=None, *, name="sample_weight"):
    """Return weights as a float64 vector, or raise if they are invalid.

    Parameters
    ----------
    weights : array-like of shape (n_samples,)
        Weights to check. They are never modified; the result may share their memory.
    n_samples : int, default=None
        Number of rows that the weights belong to; None accepts any length.
    name : str, default="sample_weight"
        Name of the weights for the message.

    Returns
    -------
    weights : ndarray of shape (n_samples,), dtype float64

    Raises
    ------
    ValueError
        If the weights are not one-dimensional, not numbers, negative, NaN, infinite,
        all zero, or of another length than the rows.
    """
    try:
        if not hasattr(getattr(weights, "dtype", None), "kind"):
            weights = np.asarray(weights)
        # NumPy converts strings and dates to numbers, and drops imaginary parts. A
        # column of strings, dates or complex numbers probably does not contain weights.
        if weights.dtype.kind in "cmMSUV" or _holds_strings(weights):
            raise TypeError(f"they are of dtype {weights.dtype}")
        array = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must be one number per row; got values that are not numbers "
            f"({error}). If a rule or a column of X defines the weights, use "
            "weighting=, for example weighting='balanced' or ColumnWeighting('column')."
        ) from error
    if array.ndim != 1:
        raise ValueError(
            f"{name} must be 1-dimensional, one weight per row; got shape "
            f"{array.shape}."
        )
    if n_samples is not None and array.shape[0] != n_samples:
        raise ValueError(
            f"{name} must have one weight per row: expected {n_samples} weights, got "
            f"{array.shape[0]}. Pass one weight for each row of X, in the same order."
        )
    if array.shape[0] == 0:
        raise ValueError(f"{name} is empty; expected one weight per row.")
    # The minimum and the maximum show whether there are NaN, infinite or negative
    # values. Computing them creates no copy of the weights.
    low, high = array.min(), array.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        n_bad = int(np.count_nonzero(~np.isfinite(array)))
        raise ValueError(
            f"{name} contains NaN or infinity in {n_bad} of {array.shape[0]} rows. "
            "Weights must be finite: fill or drop those rows first."
        )
    if low < 0:
        n_bad = int(np.count_nonzero(array < 0))
        raise ValueError(
            f"{name} is negative in {n_bad} of {array.shape[0]} rows (smallest "
            f"{low:g}). Weights must be 0 or more; use 0 to leave a row out."
        )
    if high == 0:
        raise ValueError(
            f"{name}: every weight is zero, so no row would be used. Give at least one "
            "row a positive weight."
        )
    return array


def _holds_strings(values):
    return values.dtype.kind == "O" and any(
        isinstance(value, str) for value in np.asarray(values, dtype=object).flat
    )


def check_labels(y, *, owner):
    """Return class labels as a one-dimensional array, or raise if they are invalid.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Class labels of any dtype.
    owner : str
        Name of the calling estimator, for the message.

    Returns
    -------
    y : ndarray of shape (n_samples,)
    """
    if y is None:
        raise ValueError(
            f"{owner} requires y to be passed, but the target y is None. Pass the "
            "class label of every row."
        )
    shape = getattr(y, "shape", None)
    if shape is not None and len(shape) == 2 and shape[1] > 1:
        raise ValueError(
            f"y must be 1-dimensional, one label per row; got shape {tuple(shape)}. "
            f"Wrap the {owner} in sklearn.multioutput.MultiOutputClassifier to fit "
            "each output separately."
        )
    is_plain = type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "iub"
    y = y if is_plain else column_or_1d(y, warn=True)
    if y.shape[0] == 0:
        raise ValueError(f"{owner} needs at least one row; got an empty y.")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise _missing_labels(~np.isfinite(y), owner)
    # Integers and booleans are always classes; a check by sorting would take longer
    # than some fits.
    if y.dtype.kind not in "iub":
        try:
            check_classification_targets(y)
        except (TypeError, ValueError) as error:
            # Only labels that cannot be sorted are checked one by one, because a
            # million Python objects take time.
            raise _say_why_unsorted(y, owner) or error from error
    return y


def _missing_labels(missing, owner):
    return ValueError(
        f"y has no label in {np.count_nonzero(missing)} of {missing.size} rows (NaN, "
        f"infinity or None). {owner} needs one label per row: drop these rows first, "
        "or give them an additional label."
    )


def find_missing(values):
    """Return which entries of a vector are None, NaN, NaT or NA."""
    # Missing entries are found by comparing each entry with itself: NaN and NaT are not
    # equal to themselves, and comparing NA gives NA.
    if values.dtype.kind != "O":
        return values != values
    return np.array(
        [value is None or (value == value) is not True for value in values.tolist()],
        dtype=bool,
    )


def _say_why_unsorted(y, owner):
    """Return the error for labels that are partly missing or of different types."""
    if y.dtype.kind != "O":
        return None
    missing = find_missing(y)
    if missing.any():
        return _missing_labels(missing, owner)
    types = sorted({type(label).__name__ for label in y.tolist()})
    if len(types) > 1:
        return TypeError(
            f"y mixes labels of the types {', '.join(types)}, which cannot be sorted. "
            f"{owner} needs labels of one type: convert y first, for example by "
            "y.astype(str)."
        )
    return None


def encode_labels(y):
    """Return the sorted classes of y and the position of every label among them.

    The positions use the smallest integer type, because they stay in memory during a
    fit.
    """
    if y.dtype.kind == "b":
        y = y.view(np.uint8)
        classes, codes = encode_labels(y)
        return classes.astype(bool), codes
    if y.dtype.kind in "iu" and y.size:
        low, high = int(y.min()), int(y.max())
        if high - low == 1:
            # There are only two integers in the range, and both occur, so no counting
            # is needed.
            return np.array([low, high], dtype=y.dtype), (y != low).view(np.uint8)
        if high - low < _LOOKUP_RANGE:
            if high <= np.iinfo(np.intp).max:
                shifted = y.astype(np.intp, copy=False)
                if low != 0:
                    shifted = shifted - low
            else:
                # Only unsigned integers can exceed int64, and the range of unsigned
                # integers cannot overflow.
                shifted = (y - y.min()).astype(np.intp)
            present = np.bincount(shifted) > 0
            offsets = np.flatnonzero(present)
            table = np.zeros(present.size, dtype=np.min_scalar_type(offsets.size))
            table[offsets] = np.arange(offsets.size)
            # In a small integer type, the difference from the lowest label can
            # overflow. The later sum overflows back to the correct result.
            return offsets.astype(y.dtype) + y.min(), table[shifted]
    classes, codes = np.unique(y, return_inverse=True)
    return classes, codes.astype(np.min_scalar_type(max(classes.size, 1)))


def encode_groups(by, n_samples):
    """Return the groups in ``by``, and the position of each row's group among them."""
    if by is None:
        return [None], np.broadcast_to(np.intp(0), n_samples), 1
    by = np.asarray(by)
    if by.shape != (n_samples,):
        raise ValueError(
            f"by must have one class or group per row: expected shape ({n_samples},), "
            f"got {by.shape}. Join several columns into one label per row first."
        )
    if by.dtype != object:
        labels, codes = encode_labels(by)
        return [plain(label) for label in labels], codes, labels.size
    # Values of mixed types, including None, cannot be sorted.
    positions = {}
    codes = np.array(
        [positions.setdefault(plain(label), len(positions)) for label in by]
    )
    return list(positions), codes, len(positions)


def positions_of(y, classes, *, owner):
    """Return the position in classes of each label of y; raise for unknown labels."""
    if y.dtype.kind == "O":
        # Labels are looked up by hash: text and numbers together cannot be sorted.
        order = {label: position for position, label in enumerate(dict.fromkeys(y))}
        labels, codes = list(order), np.array([order[label] for label in y], np.intp)
    else:
        labels, codes = encode_labels(y)
        if np.array_equal(labels, classes):
            return codes.astype(np.intp)
    known = {plain(label): position for position, label in enumerate(classes)}
    unknown = [label for label in labels if plain(label) not in known]
    if unknown:
        raise ValueError(
            f"{owner} was fitted on the classes {say(classes)} and does not know "
            f"{say(unknown)}. Fit it on rows that contain every label."
        )
    table = np.array([known[plain(label)] for label in labels], dtype=np.intp)
    return table[codes]


def values_by_label(values, classes, *, name, strict=True, default=None, remedy=""):
    """Return the values of a {label: value} mapping in the order of classes.

    Labels are matched by value: ``1``, ``np.int64(1)``, ``1.0`` and ``True`` are one
    key, and ``"1"`` is another.

    Parameters
    ----------
    values : dict
        Value per label: non-negative, finite numbers.
    classes : ndarray of shape (n_classes,)
        Labels of y.
    name : str
        Name of the mapping for the message.
    strict : bool, default=True
        Whether unknown and missing labels raise an error.
    default : float, default=None
        Value of labels without a key, used if `strict` is False.
    remedy : str, default=""
        Advice for the error message about a missing label.

    Returns
    -------
    values : ndarray of shape (n_classes,), dtype float64
    """
    if not hasattr(values, "items"):
        raise TypeError(
            f"{name} must be a dict {{label: number}}; got {type(values).__name__}."
        )
    by_label = {plain(label): value for label, value in values.items()}
    labels = [plain(label) for label in classes]
    known = set(labels)
    unknown = [label for label in by_label if label not in known]
    missing = [label for label in labels if label not in by_label]
    if strict and (unknown or missing):
        parts = [
            f"it names {say(unknown)}, which y does not contain" if unknown else "",
            f"it lacks {say(missing)}" if missing else "",
        ]
        kinds = (
            {type(label).__name__ for label in by_label},
            {type(label).__name__ for label in labels},
        )
        hint = (
            f" Its keys are of type {'/'.join(sorted(kinds[0]))} and the labels of "
            f"type {'/'.join(sorted(kinds[1]))}."
            if unknown and missing and kinds[0] != kinds[1]
            else ""
        )
        if not hint and unknown and missing:
            hint = did_you_mean(unknown[0], missing)
        if not hint and missing and by_label and remedy:
            hint = f" {remedy}"
        raise ValueError(
            f"{name} must have one number for each label of y, {say(classes)}; "
            f"{' and '.join(part for part in parts if part)}.{hint}"
        )
    result = np.empty(len(labels))
    for position, label in enumerate(labels):
        value = by_label.get(label, default)
        if isinstance(value, str | complex) or not np.isscalar(value):
            raise TypeError(
                f"{name} must have a number for {say(label)}; got {value!r} of type "
                f"{type(value).__name__}."
            )
        if not np.isfinite(value) or value < 0:
            raise ValueError(
                f"{name} must have a finite number of 0 or more for {say(label)}; got "
                f"{value!r}."
            )
        result[position] = value
    return result


def check_choice(value, choices, *, name):
    """Raise if value is not one of the named choices."""
    if not (isinstance(value, str) and value in choices):
        raise ValueError(
            f"{name} must be one of {say(list(choices))}; got {value!r}."
            f"{did_you_mean(value, choices)}"
        )


def check_bool(value, *, name):
    """Raise if value is neither True nor False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(
            f"{name} must be True or False; got {value!r} of type "
            f"{type(value).__name__}."
        )


def check_number(value, *, name, low=None, high=None, include="both"):
    """Raise if value is not a finite number inside the stated range.

    ``include`` says which ends belong to the range: ``"both"``, ``"left"``, ``"right"``
    or ``"neither"``.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(
        value, int | float | np.integer | np.floating
    ):
        raise TypeError(
            f"{name} must be a number in {_interval(low, high, include)}; got "
            f"{value!r} of type {type(value).__name__}."
        )
    below = low is not None and (
        value < low or (value == low and include in ("right", "neither"))
    )
    above = high is not None and (
        value > high or (value == high and include in ("left", "neither"))
    )
    if not np.isfinite(value) or below or above:
        raise ValueError(
            f"{name} must be a number in {_interval(low, high, include)}; got "
            f"{value!r}."
        )


def _interval(low, high, include):
    """Write a range of numbers, with square brackets at ends that belong to it."""
    return (
        ("[" if include in ("both", "left") else "(")
        + f"{'-inf' if low is None else low}, {'inf' if high is None else high}"
        + ("]" if include in ("both", "right") else ")")
    )


def check_count(value, *, name, low=1):
    """Return a whole number of at least ``low``."""
    check_number(value, name=name, low=low)
    if value != int(value):
        raise ValueError(f"{name} must be a whole number; got {value!r}.")
    return int(value)


def is_sequence(value):
    """Return whether value is a list or tuple, but not a string."""
    return isinstance(value, Iterable) and isinstance(value, list | tuple)
