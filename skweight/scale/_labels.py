"""Fast encoding of the labels of a chunk."""

import numpy as np

from skweight._utils.sums import check_one_kind
from skweight._utils.validation import check_labels, encode_labels, plain
from skweight.scale._chunks import engine_of


def encode(y, *, owner):
    """Return the sorted labels of a chunk, and for each row, the position of its label.

    Parameters
    ----------
    y : array-like, Series, or array of pyarrow
        Labels of any type. There must be at least one row.
    owner : str
        Name of the calling function, for messages.

    Returns
    -------
    labels : list
        Python values, sorted.
    codes : ndarray of int
    """
    if engine_of(y) == "pyarrow":
        if hasattr(y, "combine_chunks"):
            y = y.combine_chunks()
        encoded = y.dictionary_encode()
        labels, codes = encoded.dictionary.to_pylist(), encoded.indices
        if codes.null_count:
            check_labels(y.to_numpy(zero_copy_only=False), owner=owner)
        return _sorted(labels, codes.to_numpy(zero_copy_only=False), owner)
    if engine_of(y) == "polars" and not y.dtype.is_numeric() and not y.null_count():
        labels = y.unique().to_list()
        codes = y.replace_strict(labels, range(len(labels))).to_numpy()
        return _sorted(labels, codes, owner)
    categorical = getattr(y, "cat", y)
    if hasattr(categorical, "categories") and hasattr(categorical, "codes"):
        codes = np.asarray(categorical.codes)
        if codes.min() >= 0:
            return _sorted(list(categorical.categories), codes, owner, unused=True)
    values = y if hasattr(y, "dtype") else np.asarray(y)
    if np.ndim(values) != 1 or getattr(values.dtype, "kind", "O") in "iub":
        classes, codes = encode_labels(check_labels(np.asarray(y), owner=owner))
        return [plain(label) for label in classes], codes
    import pandas as pd

    codes, labels = pd.factorize(values if hasattr(y, "iloc") else np.asarray(y))
    if codes.min() < 0:
        check_labels(np.asarray(y), owner=owner)  # reports how many are missing
    return _sorted([plain(label) for label in labels], codes, owner)


def _sorted(labels, codes, owner, *, unused=False):
    """Return the sorted labels, and for each row, the position of its label."""
    if unused:
        # Drop categories that do not occur.
        used = np.flatnonzero(np.bincount(codes, minlength=len(labels)))
        table = np.zeros(len(labels), dtype=np.intp)
        table[used] = np.arange(used.size)
        labels, codes = [plain(labels[code]) for code in used], table[codes]
    check_one_kind(labels)
    check_labels(np.asarray(labels), owner=owner)
    order = sorted(range(len(labels)), key=labels.__getitem__)
    if order == list(range(len(labels))):
        return labels, codes
    position = np.empty(len(labels), dtype=np.intp)
    position[order] = np.arange(len(labels))
    return [labels[old_code] for old_code in order], position[codes]
