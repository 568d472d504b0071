"""Every input rule: what passes unchanged, what is refused, and by which sentence."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import DataConversionWarning

from skweight._utils.validation import (
    check_choice,
    check_labels,
    check_number,
    check_rows,
    check_weights,
    did_you_mean,
    encode_labels,
    n_rows,
    plain,
    positions_of,
    say,
    values_by_label,
)

# -- words -----------------------------------------------------------------------------


def test_say_tells_numbers_from_digits():
    assert say(np.array([1, 2])) == "[1, 2]"
    assert say(["1", 2.0, np.str_("a"), np.True_]) == "['1', 2.0, 'a', True]"
    assert say(np.int64(3)) == "3"
    assert say(range(3)) == "range(0, 3)"
    assert say(list(range(20))) == "[0, 1, 2, 3, 4, 5, 6, 7, ...]"


def test_did_you_mean():
    assert did_you_mean("balnced", ["balanced", "other"]) == " Did you mean 'balanced'?"
    assert did_you_mean("xyz", ["balanced"]) == ""


def test_plain():
    assert type(plain(np.float32(1))) is float
    assert plain("a") == "a"


# -- weights ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "weights",
    [
        [1, 2, 3],
        (1.0, 2.0, 3.0),
        np.array([1, 2, 3], dtype=np.int8),
        np.array([1, 2, 3], dtype=np.float16),
        np.array([1, 2, 3], dtype=object),
        pd.Series([1, 2, 3], index=[7, 5, 7]),
        pd.Series([1, 2, 3], dtype="Float64"),
        pd.Series(pd.array([1, 2, 3], dtype="Int64")),
        np.arange(1, 7)[::2] / 2 + 0.5,
        np.array([1, 2, 3], dtype=">f8"),
    ],
)
def test_weights_of_any_container(weights):
    actual = check_weights(weights, 3)
    assert actual.dtype == np.float64
    assert actual.tolist() == [1.0, 2.0, 3.0]


def test_weights_of_polars():
    polars = pytest.importorskip("polars")
    assert check_weights(polars.Series([1, 2]), 2).tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="values that are not numbers"):
        check_weights(polars.Series(["1", "2"]), 2)


def test_float64_weights_are_not_copied():
    weights = np.ones(3)
    assert check_weights(weights) is weights
    weights.flags.writeable = False
    assert check_weights(weights) is weights


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        (["a", "b"], r"w must be one number per row; got values that are not numbers"),
        (["1", "2"], r"not numbers \(they are of dtype <U1\)\. If a rule"),
        (np.array(["1", 2], dtype=object), r"not numbers \(they are of dtype object\)"),
        (pd.Series(["1", "2"], dtype="string"), r"values that are not numbers"),
        (pd.Series(["1", "2"]).astype("category"), r"values that are not numbers"),
        (
            np.array(["2020", "2021"], "M8[D]"),
            r"not numbers \(they are of dtype datetime",
        ),
        (np.array([1, 2], "m8[s]"), r"not numbers \(they are of dtype timedelta64"),
        (np.array([1, 2j]), r"not numbers \(they are of dtype complex128\)"),
        ([[1], [1, 2]], r"w must be one number per row"),
        ([{}, {}], r"w must be one number per row"),
        (2.0, r"w must be 1-dimensional, one weight per row; got shape \(\)\."),
        (np.ones((2, 1)), r"w must be 1-dimensional, .* got shape \(2, 1\)\."),
        ([1.0], r"one weight per row: expected 2 weights, got 1\. Pass one weight"),
        ([1.0, np.nan], r"w contains NaN or infinity in 1 of 2 rows\. Weights must be"),
        ([np.inf, -np.inf], r"w contains NaN or infinity in 2 of 2 rows\."),
        ([1, None], r"w contains NaN or infinity in 1 of 2 rows\."),
        (
            pd.Series([1, None], dtype="Float64"),
            r"w contains NaN or infinity in 1 of 2",
        ),
        (
            [2, -0.5],
            r"w is negative in 1 of 2 rows \(smallest -0\.5\)\. .* use 0 to leav",
        ),
        ([0, 0], r"w: every weight is zero, so no row would be used\. Give at least"),
    ],
)
def test_what_weights_cannot_be(weights, sentence):
    with pytest.raises(ValueError, match=sentence):
        check_weights(weights, 2, name="w")


def test_no_weights_at_all():
    with pytest.raises(ValueError, match="sample_weight is empty; expected one weight"):
        check_weights([])


# -- labels ----------------------------------------------------------------------------

STRINGS = np.array(["b", "a", "b"])


@pytest.mark.parametrize(
    "y",
    [
        STRINGS,
        STRINGS.astype(object),
        STRINGS.tolist(),
        tuple(STRINGS.tolist()),
        pd.Series(STRINGS, index=[5, 3, 5]),
        pd.Series(STRINGS, dtype="string"),
        pd.Series(STRINGS, dtype="category"),
        pd.Categorical(STRINGS, categories=["b", "a", "c"], ordered=True),
        pd.Index(STRINGS),
    ],
)
def test_labels_of_any_container(y):
    classes, codes = encode_labels(check_labels(y, owner="O"))
    assert classes.tolist() == ["a", "b"]
    assert codes.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    "y",
    [
        pd.Series([1, 0, 1], dtype="Int64"),
        pd.Series([True, False, True], dtype="boolean"),
        pd.Series([1, 0, 1], dtype="category"),
        np.array([1, 0, 1], dtype=">i4"),
        np.array([1, 0, 1], dtype=np.float32),
    ],
)
def test_numbers_as_labels(y):
    classes, codes = encode_labels(check_labels(y, owner="O"))
    assert classes.tolist() == [0, 1]
    assert codes.tolist() == [1, 0, 1]


def test_labels_of_polars():
    polars = pytest.importorskip("polars")
    for values in (["b", "a", "b"], [1, 0, 1], [True, False, True]):
        classes, codes = encode_labels(check_labels(polars.Series(values), owner="O"))
        assert classes.tolist() == sorted(set(values))
        assert codes.tolist() == [1, 0, 1]


def test_a_column_of_labels_is_flattened_with_a_warning():
    for y in (np.array([[1], [0]]), pd.DataFrame({"y": [1, 0]})):
        with pytest.warns(DataConversionWarning):
            assert check_labels(y, owner="O").tolist() == [1, 0]


@pytest.mark.parametrize(
    ("y", "error", "sentence"),
    [
        (
            None,
            ValueError,
            r"O requires y to be passed, but the target y is None\. Pass",
        ),
        ([], ValueError, r"O needs at least one row; got an empty y\."),
        (
            np.ones((3, 2)),
            ValueError,
            r"got shape \(3, 2\)\. Wrap the O in sklearn\.mul",
        ),
        ([0.1, 0.2], ValueError, r"Unknown label type: continuous"),
        (
            [1.0, np.nan],
            ValueError,
            r"y has no label in 1 of 2 rows \(NaN, infinity or",
        ),
        ([1.0, np.inf], ValueError, r"y has no label in 1 of 2 rows"),
        (["a", None, None], ValueError, r"y has no label in 2 of 3 rows"),
        (np.array(["a", np.nan], dtype=object), ValueError, r"no label in 1 of 2 rows"),
        (pd.Series(["a", None]), ValueError, r"y has no label in 1 of 2 rows"),
        (pd.Series([1, None], dtype="Int64"), ValueError, r"no label in 1 of 2 rows"),
        (pd.Series(["a", None], dtype="category"), ValueError, r"in 1 of 2 rows"),
        (
            np.array([1, "a"], dtype=object),
            TypeError,
            r"y mixes labels of the types int, str, which cannot be sorted\. O needs",
        ),
    ],
)
def test_what_labels_cannot_be(y, error, sentence):
    with pytest.raises(error, match=sentence):
        check_labels(y, owner="O")


EXTREMES = {
    "int8": np.array([127, -128, 3], dtype=np.int8),
    "uint8": np.array([255, 0, 255], dtype=np.uint8),
    "lowest int64": np.iinfo(np.int64).min + np.array([1, 0, 5]),
    "highest int64": np.iinfo(np.int64).max - np.array([1, 0, 5]),
    "beyond int64": np.array([2**64 - 1, 2**63, 2**64 - 1], dtype=np.uint64),
    "far into uint64": np.array([2**64 - 1, 2**64 - 9, 2**64 - 5], dtype=np.uint64),
    "far apart": np.array([-(10**15), 10**15, 0]),
    "just within the table": np.array([0, (1 << 16) - 1]),
    "just beyond the table": np.array([0, 1 << 16]),
    "booleans": np.array([True, False, True]),
    "one boolean": np.array([True, True]),
    "floats": np.array([2.0, -1.0, 2.0]),
    "strided": np.repeat([7, 9, 7], 2)[::2],
}


@pytest.mark.parametrize("kind", EXTREMES)
def test_encode_is_unique_for_every_type(kind):
    y = EXTREMES[kind]
    kept = y.copy()
    classes, codes = encode_labels(y)
    expected, positions = np.unique(y, return_inverse=True)
    assert classes.dtype == y.dtype
    np.testing.assert_array_equal(classes, expected)
    np.testing.assert_array_equal(codes, positions)
    np.testing.assert_array_equal(y, kept)


def test_codes_are_as_small_as_they_can_be():
    assert encode_labels(np.arange(3))[1].dtype == np.uint8
    assert encode_labels(np.arange(300))[1].dtype == np.uint16
    assert encode_labels(np.array(["a", "b"]))[1].dtype == np.uint8


def test_positions_among_classes():
    classes = np.array(["a", "b", "c"])
    actual = positions_of(np.array(["c", "a"]), classes, owner="X")
    assert actual.tolist() == [2, 0]
    # The same label under another type of number.
    assert positions_of(np.array([1.0, 0.0]), np.array([0, 1]), owner="X").tolist() == [
        1,
        0,
    ]
    sentence = (
        r"X was fitted on the classes \['a', 'b', 'c'\] and does not know \['z'\]"
    )
    with pytest.raises(ValueError, match=sentence):
        positions_of(np.array(["z"]), classes, owner="X")


# -- rows ------------------------------------------------------------------------------


def test_rows_of_any_table():
    assert n_rows([[1], [2]]) == n_rows(np.ones((2, 3))) == 2
    assert n_rows(pd.DataFrame({"a": [1, 2]})) == 2

    class Array:
        def __array__(self, dtype=None, copy=None):
            return np.ones((2, 3))

    assert n_rows(Array()) == 2


@pytest.mark.parametrize("bad", [3, None, iter([1])])
def test_what_has_no_rows(bad):
    with pytest.raises(TypeError, match=r"X must be a table of rows; got"):
        n_rows(bad)
    with pytest.raises(TypeError, match=r"X must be a table; got the single value"):
        n_rows(np.array(3))


def test_tables_that_are_not_in_memory():
    dask_like = type("Array", (), {"__module__": "dask.array.core", "shape": (2, 2)})()
    with pytest.raises(
        TypeError, match=r"X is a dask collection, .*\.compute\(\) first"
    ):
        check_rows(dask_like, [0, 1])
    polars = pytest.importorskip("polars")
    with pytest.raises(
        TypeError, match=r"X is a polars LazyFrame, .*\.collect\(\) first"
    ):
        check_rows(polars.LazyFrame({"a": [1]}), [0])


def test_rows_and_labels_of_other_lengths():
    sentence = r"must describe the same rows; got 2 rows of X and 1 labels\."
    with pytest.raises(ValueError, match=sentence):
        check_rows(np.ones((2, 1)), [0])


# -- numbers, choices, values by label -------------------------------------------------


@pytest.mark.parametrize(
    ("include", "inside", "outside", "range_"),
    [
        ("both", (0, 1), (), r"\[0, 1\]"),
        ("left", (0,), (1,), r"\[0, 1\)"),
        ("right", (1,), (0,), r"\(0, 1\]"),
        ("neither", (0.5,), (0, 1), r"\(0, 1\)"),
    ],
)
def test_ends_of_a_range(include, inside, outside, range_):
    for value in inside:
        check_number(value, name="x", low=0, high=1, include=include)
    for value in (*outside, -0.1, 1.1, np.nan, np.inf):
        with pytest.raises(ValueError, match=rf"x must be a number in {range_}; got"):
            check_number(value, name="x", low=0, high=1, include=include)


@pytest.mark.parametrize("value", ["1", None, True, np.True_, [1], 1j])
def test_what_is_no_number(value):
    with pytest.raises(TypeError, match=r"x must be a number in \[-inf, inf\]; got"):
        check_number(value, name="x")


@pytest.mark.parametrize("value", [1, 1.0, np.int8(1), np.float32(1)])
def test_what_is_a_number(value):
    check_number(value, name="x", low=1)


def test_choices():
    check_choice("a", ("a", "b"), name="x")
    for value in ("c", None, 1, ["a"]):
        with pytest.raises(ValueError, match=r"x must be one of \['a', 'b'\]; got"):
            check_choice(value, ("a", "b"), name="x")


def test_values_by_label_in_the_order_of_classes():
    actual = values_by_label({"b": 2, "a": 1}, np.array(["a", "b"]), name="v")
    assert actual.tolist() == [1.0, 2.0]
    actual = values_by_label(
        {1: 5, 9: 1}, np.array([0, 1]), name="v", strict=False, default=7
    )
    assert actual.tolist() == [7.0, 5.0]
    actual = values_by_label(pd.Series({0: 3.0, 1: 4.0}), np.array([0, 1]), name="v")
    assert actual.tolist() == [3.0, 4.0]
