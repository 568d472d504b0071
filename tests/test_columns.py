"""Columns of any table: one is taken, the others go on as they came."""

import importlib
import importlib.util

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from skweight import ColumnWeighting, CostMatrix
from skweight._utils.columns import (
    append_column,
    drop_columns,
    metadata,
    row_values,
    take_column,
)
from skweight.weighting import GroupBalancedWeighting

VALUES = np.arange(12.0).reshape(4, 3)


def tables():
    polars = pytest.importorskip("polars")
    frame = pd.DataFrame(VALUES, columns=list("abc"))
    return {
        "array": VALUES,
        "pandas": frame,
        "polars": polars.DataFrame({name: frame[name].to_numpy() for name in frame}),
        "csr": sparse.csr_matrix(VALUES),
        "csc": sparse.csc_array(VALUES),
        "coo": sparse.coo_array(VALUES),
        "list": VALUES.tolist(),
    }


KINDS = ["array", "pandas", "polars", "csr", "csc", "coo", "list"]


def dense(table):
    return table.toarray() if sparse.issparse(table) else np.asarray(table)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("column", [0, 1, 2, -1, -3, np.int64(1)])
def test_take_and_drop_by_position(kind, column):
    table = tables()[kind]
    np.testing.assert_array_equal(
        take_column(table, column, owner="O"), VALUES[:, column]
    )
    expected = np.delete(VALUES, column, axis=1)
    np.testing.assert_array_equal(dense(drop_columns(table, [column])), expected)
    np.testing.assert_array_equal(dense(table), VALUES)  # the caller's is whole


@pytest.mark.parametrize("kind", ["pandas", "polars"])
@pytest.mark.parametrize("column", ["a", "b", "c"])
def test_take_and_drop_by_name(kind, column):
    table = tables()[kind]
    position = "abc".index(column)
    actual = take_column(table, column, owner="O")
    np.testing.assert_array_equal(actual, VALUES[:, position])
    dropped = drop_columns(table, [column])
    assert type(dropped) is type(table)
    assert list(dropped.columns) == [name for name in "abc" if name != column]


def test_names_that_are_numbers_are_names():
    table = pd.DataFrame(VALUES, columns=[2, 0, 1])
    np.testing.assert_array_equal(take_column(table, 2, owner="O"), VALUES[:, 0])
    assert drop_columns(table, [2]).columns.tolist() == [0, 1]
    # Not there as a name, so a position.
    np.testing.assert_array_equal(take_column(table, -1, owner="O"), VALUES[:, 2])


def test_nothing_to_drop_is_the_same_table():
    for table in tables().values():
        assert drop_columns(table, []) is table
    frame = tables()["pandas"]
    assert drop_columns(frame, ["gone"]) is frame
    assert drop_columns(VALUES, [0], width=4) is VALUES


@pytest.mark.parametrize("kind", ["array", "pandas", "polars", "csr"])
def test_positions_are_dropped_from_a_whole_table_only(kind):
    table = tables()[kind]
    assert drop_columns(table, [1], width=3).shape == (4, 2)
    assert drop_columns(table, [1], width=4) is table


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_names_are_dropped_wherever_they_are(kind):
    table = tables()[kind]
    assert list(drop_columns(table, ["b", "gone"], width=9).columns) == ["a", "c"]


def test_a_name_and_the_values_of_a_frame():
    narrower = VALUES[:, :2]
    assert drop_columns(narrower, ["c"], width=3) is narrower
    with pytest.raises(ValueError, match=r"column name 'c', but X is a ndarray, whose"):
        drop_columns(VALUES, ["c"], width=3)


def test_several_columns_of_both_kinds():
    dropped = drop_columns(tables()["pandas"], ["c", 0])
    assert dropped.columns.tolist() == ["b"]
    assert drop_columns(VALUES, [0, -1]).tolist() == VALUES[:, [1]].tolist()
    assert drop_columns(VALUES, [0, -3, 0]).shape == (4, 2)  # three times the first


def test_types_of_the_columns_left_stay():
    table = pd.DataFrame(
        {
            "weight": [1.0, 2.0],
            "city": pd.Categorical(["x", "y"]),
            "n": pd.array([1, None], dtype="Int64"),
        },
        index=[8, 3],
    )
    dropped = drop_columns(table, ["weight"])
    assert dropped.dtypes.tolist() == table.dtypes.tolist()[1:]
    assert dropped.index.tolist() == [8, 3]


def test_a_column_of_zeros_in_a_sparse_table():
    table = sparse.csr_matrix(VALUES * [1, 0, 1])
    np.testing.assert_array_equal(take_column(table, 1, owner="O"), np.zeros(4))


@pytest.mark.parametrize("column", [3, -4])
@pytest.mark.parametrize("kind", ["array", "csr", "list"])
def test_positions_out_of_range(kind, column):
    with pytest.raises(
        ValueError, match=rf"O needs the column {column}, .* has 3 colum"
    ):
        take_column(tables()[kind], column, owner="O")


def test_names_out_of_reach():
    with pytest.raises(ValueError, match=r"does not have\. X has \['a', 'b', 'c'\]"):
        take_column(tables()["pandas"], "z", owner="O")
    with pytest.raises(
        ValueError, match=r"X is a csr_matrix, whose columns have no nam"
    ):
        take_column(tables()["csr"], "a", owner="O")
    with pytest.raises(
        TypeError, match=r"O takes the name or the position .* got 1\.5"
    ):
        take_column(VALUES, 1.5, owner="O")
    with pytest.raises(ValueError, match=r"X has 0 columns"):
        take_column(np.ones(3), 0, owner="O")


def first(X):
    return np.asarray(X)[:, 0]


@pytest.mark.parametrize("source", [0, "a", first, metadata("segment")])
def test_row_wise_information_is_read_from_wherever_it_is(source):
    table = pd.DataFrame(VALUES, columns=list("abc"))
    by_name = {"segment": VALUES[:, 0]}
    actual = row_values(source, table, by_name, owner="O")
    np.testing.assert_array_equal(actual, VALUES[:, 0])


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        (metadata("segment"), ValueError, r"segment=array.*a column of X"),
        (VALUES[:, 0], TypeError, "After a split or a shuffle"),
        (1.5, TypeError, r"callable of X, or metadata\(name\); got 1.5"),
        (None, TypeError, "takes the name or the position"),
        (np.ravel, ValueError, "one entry for each of the 4 rows of X; 'ravel'"),
    ],
)
def test_a_source_that_gives_nothing_is_refused(source, error, words):
    with pytest.raises(error, match=words):
        row_values(source, VALUES, {}, owner="O")


def test_metadata_in_another_order_than_the_rows_is_refused():
    table = pd.DataFrame(VALUES, index=[1, 2, 3, 4])
    by_name = {"segment": pd.Series([1, 2, 3, 4], index=[4, 3, 2, 1])}
    with pytest.raises(ValueError, match=r"being in another order.*loc"):
        row_values(metadata("segment"), table, by_name, owner="O")


@pytest.mark.parametrize("name", ["groups", "sample_weight", "two words", 3])
def test_metadata_needs_a_name_of_its_own(name):
    with pytest.raises(ValueError, match="metadata"):
        metadata(name)


# -- tables of other libraries ---------------------------------------------------------


def same_tables():
    """Return the same table in every library that is installed."""
    columns = {"a": [1.0, 2.0, 3.0], "g": ["u", "v", "u"], "w": [1, 2, 4]}
    made = {"pandas": pd.DataFrame(columns)}
    made["nullable"] = made["pandas"].convert_dtypes()
    for library, make in (("polars", "DataFrame"), ("pyarrow", "table")):
        if importlib.util.find_spec(library):
            made[library] = getattr(importlib.import_module(library), make)(columns)
    if "pyarrow" in made:
        made["arrow dtypes"] = made["pandas"].convert_dtypes(dtype_backend="pyarrow")
    return made


SAME = same_tables()


@pytest.mark.parametrize("table", SAME.values(), ids=list(SAME))
def test_a_table_of_any_library_is_read_by_name_and_by_position(table):
    for column, expected in (("w", [1, 2, 4]), (-1, [1, 2, 4]), ("g", ["u", "v", "u"])):
        values = take_column(table, column, owner="test")
        assert isinstance(values, np.ndarray)
        assert values.tolist() == expected
    left = drop_columns(table, ["g", 0])
    assert type(left) is type(table)
    assert take_column(left, 0, owner="test").tolist() == [1, 2, 4]
    more = append_column(left, np.array([0.5, 1.0, 2.0]), "x")
    assert type(more) is type(table)
    assert take_column(more, "x", owner="test").tolist() == [0.5, 1.0, 2.0]
    assert take_column(more, 1, owner="test").tolist() == [0.5, 1.0, 2.0]
    with pytest.raises(ValueError, match="X already has a column 'w'"):
        append_column(table, np.ones(3), "w")
    with pytest.raises(ValueError, match=r"'gg'.*\['a', 'g', 'w'\]\. Did you mean 'g'"):
        take_column(table, "gg", owner="test")


@pytest.mark.parametrize("table", SAME.values(), ids=list(SAME))
def test_costs_groups_and_weights_are_read_from_any_table(table):
    cost = CostMatrix.binary(fp=1, fn="w").with_decision("ask", "a")
    np.testing.assert_array_equal(
        cost.resolve(table),
        [[[0, 1, a], [w, 0, a]] for a, w in ((1, 1), (2, 2), (3, 4))],
    )
    weights = ColumnWeighting("w").fit_weigh(table, [0, 1, 0])
    np.testing.assert_allclose(weights, np.array([1, 2, 4]) * 3 / 7)
    groups = GroupBalancedWeighting("g").fit_weigh(table, [0, 1, 0])
    np.testing.assert_allclose(groups, [0.75, 1.5, 0.75])


def test_duplicate_names_and_zones_of_pandas_stay():
    twice = pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"])
    assert take_column(twice, 1, owner="test").tolist() == [2, 4]
    when = pd.DataFrame({"t": pd.date_range("2024", periods=2, tz="Europe/Berlin")})
    assert take_column(when, "t", owner="test")[0].tz is not None
