"""Weights that are given: by a column of X, or by a function."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import (
    BalancedWeighting,
    ColumnWeighting,
    FunctionWeighting,
    WeightedClassifier,
)

WEIGHTS = np.array([1.0, 3.0, 2.0, 2.0])
FEATURES = np.array([[0.1, 5.0], [0.7, 6.0], [0.4, 7.0], [0.9, 8.0]])
Y = np.array([0, 1, 0, 1])

# Every container, and the name that the third of its columns goes by.
TABLES = {
    "array": (np.column_stack([FEATURES, WEIGHTS]), 2),
    "array, from the end": (np.column_stack([FEATURES, WEIGHTS]), -1),
    "list": (np.column_stack([FEATURES, WEIGHTS]).tolist(), 2),
    "pandas": (
        pd.DataFrame(np.column_stack([FEATURES, WEIGHTS]), columns=list("abw")),
        "w",
    ),
    "pandas, position": (
        pd.DataFrame(np.column_stack([FEATURES, WEIGHTS]), columns=list("abw")),
        2,
    ),
    "pandas, from the end": (
        pd.DataFrame(np.column_stack([FEATURES, WEIGHTS]), columns=list("abw")),
        -1,
    ),
    "pandas, names are numbers": (
        # 1 is the name of the third column, and not the position of the second.
        pd.DataFrame(np.column_stack([FEATURES, WEIGHTS]), columns=[2, 0, 1]),
        1,
    ),
    "pandas, other index": (
        pd.DataFrame(
            np.column_stack([FEATURES, WEIGHTS]),
            columns=list("abw"),
            index=[9, 3, 7, 3],
        ),
        "w",
    ),
    "pandas, nullable": (
        pd.DataFrame(np.column_stack([FEATURES, WEIGHTS]), columns=list("abw")).astype(
            {"w": "Int64"}
        ),
        "w",
    ),
    "csr": (sparse.csr_matrix(np.column_stack([FEATURES, WEIGHTS])), 2),
    "csc array": (sparse.csc_array(np.column_stack([FEATURES, WEIGHTS])), -1),
    "coo": (sparse.coo_matrix(np.column_stack([FEATURES, WEIGHTS])), 2),
}


@pytest.mark.parametrize("kind", TABLES)
def test_column_of_every_container(kind):
    table, column = TABLES[kind]
    weighting = ColumnWeighting(column)
    np.testing.assert_allclose(weighting.fit_weigh(table, Y), WEIGHTS / 2)
    np.testing.assert_allclose(weighting.weigh(table), WEIGHTS / 2)
    assert weighting.scale_ == 2


def test_column_of_a_polars_frame():
    polars = pytest.importorskip("polars")
    table = polars.DataFrame({"a": FEATURES[:, 0], "w": WEIGHTS, "b": FEATURES[:, 1]})
    for column in ("w", 1, -2):
        weights = ColumnWeighting(column).fit_weigh(table, polars.Series(Y))
        np.testing.assert_allclose(weights, WEIGHTS / 2)
    classifier = WeightedClassifier(
        weighting=ColumnWeighting("w"), calibration=None
    ).fit(table, Y)
    assert classifier.n_features_in_ == 2
    expected = classifier.predict_proba(table.drop("w"))
    np.testing.assert_array_equal(classifier.predict_proba(table), expected)


@pytest.mark.parametrize("kind", [kind for kind in TABLES if kind != "list"])
def test_the_estimator_never_sees_the_column(kind):
    table, column = TABLES[kind]
    if hasattr(table, "columns"):
        table = table.rename(columns=str)  # the estimator takes no other names
        column = str(column) if kind == "pandas, names are numbers" else column
    classifier = WeightedClassifier(
        weighting=ColumnWeighting(column), calibration=None
    ).fit(table, Y)
    direct = LogisticRegression().fit(FEATURES, Y, sample_weight=WEIGHTS / 2)
    np.testing.assert_allclose(classifier.estimator_.coef_, direct.coef_, rtol=1e-12)
    assert classifier.n_features_in_ == 2
    # In predict the column is dropped where it is, and not missed where it is not.
    if hasattr(table, "columns"):
        gone = table.drop(columns=table.columns[2])
    else:
        gone = table.tocsr()[:, :2] if sparse.issparse(table) else table[:, :2]
    expected = direct.predict_proba(FEATURES)
    for rows in (table, gone):
        np.testing.assert_allclose(classifier.predict_proba(rows), expected, rtol=1e-9)
        np.testing.assert_array_equal(
            classifier.predict(rows), direct.predict(FEATURES)
        )


def test_the_column_of_a_list_of_rows_is_dropped_in_predict_too():
    table, column = TABLES["list"]
    classifier = WeightedClassifier(
        weighting=ColumnWeighting(column), calibration=None
    ).fit(table, Y)
    assert classifier.predict(table).shape == (4,)


def test_fit_on_a_frame_and_predict_on_its_values():
    table, column = TABLES["pandas"]
    classifier = WeightedClassifier(
        weighting=ColumnWeighting(column), calibration=None
    ).fit(table, Y)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        labels = classifier.predict(FEATURES)
    np.testing.assert_array_equal(labels, classifier.predict(table))
    # Which of three columns without a name would be the weight?
    with pytest.raises(ValueError, match=r"column name 'w', but X is a ndarray, whose"):
        classifier.predict(table.to_numpy())


def test_the_weight_travels_with_its_row_through_cross_validation(rng):
    X = rng.normal(size=(90, 2))
    y = (X[:, 0] + rng.normal(size=90) > 0).astype(int)
    weight = rng.uniform(0.1, 5, size=90)
    table = pd.DataFrame({"x": X[:, 0], "weight": weight, "z": X[:, 1]})
    pipe = WeightedClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()),
        weighting=ColumnWeighting("weight"),
        calibration=None,
    )
    folds = [(np.arange(30, 90), np.arange(30)), (np.arange(60), np.arange(60, 90))]
    folds.append((np.r_[:30, 60:90], np.arange(30, 60)))
    actual = cross_val_predict(pipe, table, y, cv=folds, method="predict_proba")
    for train, test in folds:
        emphasis = weight[train] / weight[train].mean()
        scaler = StandardScaler().fit(X[train], sample_weight=emphasis)
        direct = LogisticRegression().fit(
            scaler.transform(X[train]), y[train], sample_weight=emphasis
        )
        expected = direct.predict_proba(scaler.transform(X[test]))
        np.testing.assert_allclose(actual[test], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        (
            "v",
            r"ColumnWeighting needs the column 'v', which X does not have\. X has \['",
        ),
        ("weihgt", r"Did you mean 'weight'\?"),
        (
            3,
            r"needs the column 3, which X does not have\. X has \['a', 'b', 'weight'\]",
        ),
        (-4, r"needs the column -4, which X does not have\."),
    ],
)
def test_a_column_that_is_not_there(column, sentence):
    table = TABLES["pandas"][0].rename(columns={"w": "weight"})
    with pytest.raises(ValueError, match=sentence):
        ColumnWeighting(column).fit(table, Y)


@pytest.mark.parametrize("column", [True, 1.0, None, ("w",), ["w"]])
def test_a_column_is_a_name_or_a_position(column):
    sentence = r"ColumnWeighting takes the name or the position of a column of X"
    with pytest.raises(TypeError, match=sentence):
        ColumnWeighting(column).fit(TABLES["pandas"][0], Y)


def test_an_array_has_positions_only():
    table = TABLES["array"][0]
    with pytest.raises(
        ValueError, match=r"'w', but X is a ndarray, .* Pass a DataFrame"
    ):
        ColumnWeighting("w").fit(table, Y)
    with pytest.raises(ValueError, match=r"needs the column 3, .* X has 3 columns\.$"):
        ColumnWeighting(3).fit(table, Y)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            pd.array([1, None, 1, 1], dtype="Int64"),
            r"contains NaN or infinity in 1 of 4",
        ),
        ([1.0, -2.0, 1.0, 1.0], r"is negative in 1 of 4 rows \(smallest -2\)"),
        ([0, 0, 0, 0], r"every weight is zero"),
        (["1", "2", "3", "4"], r"values that are not numbers"),
        (pd.to_datetime(["2020-01-01"] * 4), r"values that are not numbers"),
        ([True, False, True, True], None),
    ],
)
def test_what_a_column_holds(values, sentence):
    table = pd.DataFrame({"a": FEATURES[:, 0], "w": values})
    if sentence is None:
        weights = ColumnWeighting("w").fit_weigh(table, Y)
        np.testing.assert_allclose(weights, [4 / 3, 0, 4 / 3, 4 / 3])
        return
    with pytest.raises(
        ValueError, match=f"The weight of ColumnWeighting.* ?{sentence}"
    ):
        ColumnWeighting("w").fit(table, Y)


def test_role_of_a_column():
    table, column = TABLES["pandas"]
    population, emphasis = ColumnWeighting(column).fit_weigh_by_role(table, Y)
    assert emphasis is None
    population, emphasis = ColumnWeighting(column, role="emphasis").fit_weigh_by_role(
        table, Y
    )
    assert population is None
    np.testing.assert_allclose(emphasis, WEIGHTS / 2)
    with pytest.raises(ValueError, match=r"role must be one of .* Did you mean 'emph"):
        ColumnWeighting(column, role="emphasys").fit(table, Y)


# -- FunctionWeighting -----------------------------------------------------------------


def test_a_function_gets_rows_and_labels_as_they_came():
    table, _ = TABLES["pandas, other index"]
    by_name = {}

    def func(X, y):
        by_name.update(X=X, y=y)
        return X["w"]  # a Series: its index must not matter

    weights = FunctionWeighting(func).fit_weigh(table, list(Y))
    assert by_name["X"] is table
    assert by_name["y"].tolist() == Y.tolist()
    np.testing.assert_allclose(weights, WEIGHTS / 2)


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        (np.ones(3), r"The weight of FunctionWeighting must have one weight per row: "),
        (-WEIGHTS, r"The weight of FunctionWeighting is negative in 4 of 4 rows"),
        (WEIGHTS * np.nan, r"The weight of FunctionWeighting contains NaN or infinity"),
        (np.zeros(4), r"The weight of FunctionWeighting: every weight is zero"),
        (
            np.ones((4, 1)),
            r"must be 1-dimensional, one weight per row; got shape \(4, 1",
        ),
        (["heavy"] * 4, r"must be one number per row; got values that are not numbers"),
        (1.0, r"must be 1-dimensional, one weight per row; got shape \(\)"),
        (None, r"must be 1-dimensional, one weight per row; got shape \(\)"),
    ],
)
def test_a_function_that_returns_no_weights(returned, sentence):
    with pytest.raises(ValueError, match=sentence):
        FunctionWeighting(lambda X, y: returned).fit(FEATURES, Y)


def test_func_must_be_callable():
    sentence = r"FunctionWeighting takes a callable \(X, y\) -> weights; got str\."
    with pytest.raises(TypeError, match=sentence):
        FunctionWeighting("balanced").fit(FEATURES, Y)


def test_what_a_function_returns_is_not_changed():
    kept = WEIGHTS.copy()
    weighting = FunctionWeighting(lambda X, y: kept)
    weighting.fit_weigh(FEATURES, Y)[:] = -1
    np.testing.assert_array_equal(kept, WEIGHTS)


def test_a_function_may_be_emphasis_or_population():
    by_role = {}
    for role in ("emphasis", "population"):
        classifier = WeightedClassifier(
            weighting=FunctionWeighting(lambda X, y: 1.0 + y, role=role),
            calibration=None,
        ).fit(FEATURES, Y)
        by_role[role] = classifier.report_
    # The learner sees the same masses; only what they say about the world differs.
    for report in by_role.values():
        np.testing.assert_allclose(report.training_share, [1 / 3, 2 / 3])
    np.testing.assert_allclose(by_role["emphasis"].population_share, [0.5, 0.5])
    np.testing.assert_allclose(by_role["population"].population_share, [1 / 3, 2 / 3])


def test_a_lambda_is_what_weighting_takes_too():
    classifier = WeightedClassifier(
        weighting=lambda X, y: np.where(y == 1, 3.0, 1.0), calibration=None
    )
    classifier.fit(FEATURES, Y)
    assert isinstance(classifier.weighting_, FunctionWeighting)
    balanced = BalancedWeighting().fit_weigh(FEATURES, Y)
    assert not np.allclose(classifier.weighting_.weigh(FEATURES, Y), balanced)
    np.testing.assert_allclose(classifier.report_.training_share, [0.25, 0.75])
