"""Polars frames pass through, with the columns that only the weighting may see."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skweight import (
    ColumnWeighting,
    CostMatrix,
    CostSensitiveClassifier,
    WeightedClassifier,
)
from skweight.metrics import cost_score

pl = pytest.importorskip("polars")


def columns():
    return make_column_transformer(
        (StandardScaler(), ["a", "b"]), (OneHotEncoder(), ["kind"])
    )


def can_name_columns():
    """Return whether scikit-learn finds columns of this polars by their name."""
    try:
        columns().fit(pl.DataFrame({"a": [1.0], "b": [2.0], "kind": ["x"]}))
    except AttributeError:
        return False
    return True


@pytest.fixture
def data(rng):
    values = rng.normal(size=(120, 2))
    y = np.where(values[:, 0] + rng.normal(size=120) > 0.8, "yes", "no")
    frame = pl.DataFrame(
        {
            "a": values[:, 0],
            "b": values[:, 1],
            "kind": rng.choice(["x", "y", "z"], size=120),
            "households": rng.uniform(0.5, 2, size=120),
        }
    )
    return frame, y


by_name = pytest.mark.skipif(
    not can_name_columns(),
    reason="this scikit-learn looks up columns of polars as if it were pandas",
)


@by_name
@pytest.mark.parametrize("with_routing", [False, True], ids=["", "routing on"])
@pytest.mark.parametrize("calibration", [None, "sigmoid", "prior"])
def test_as_from_pandas(data, calibration, with_routing):
    pytest.importorskip("pandas")
    frame, y = data
    model = WeightedClassifier(
        make_pipeline(columns(), LogisticRegression()),
        weighting=[ColumnWeighting("households"), "balanced"],
        calibration=calibration,
        cv=3,
        random_state=0,
    )
    with config_context(enable_metadata_routing=with_routing):
        from_polars = model.fit(frame, y).predict_proba(frame)
        # Pandas without pyarrow, which polars would ask for.
        other = as_pandas(frame)
        from_pandas = model.fit(other, y).predict_proba(other)
    assert_allclose(from_polars, from_pandas)
    assert list(model.feature_names_in_) == ["a", "b", "kind"]
    assert_allclose(model.predict_proba(frame.drop("households")), from_polars)


def as_pandas(frame):
    import pandas

    return pandas.DataFrame({name: frame[name].to_list() for name in frame.columns})


def test_labels_and_weights_in_series(data):
    frame, y = data
    X, weights = frame.select("a", "b"), frame["households"]
    model = WeightedClassifier(LogisticRegression(), calibration=None)
    proba = model.fit(X, pl.Series(y), sample_weight=weights).predict_proba(X)
    other = model.fit(X.to_numpy(), y, sample_weight=weights.to_numpy()).predict_proba(
        X.to_numpy()
    )
    assert_allclose(proba, other)
    assert set(model.classes_) == {"no", "yes"}


def test_drawn_rows(data):
    frame, y = data
    model = WeightedClassifier(
        KNeighborsClassifier(3),
        unsupported="resample",
        random_state=0,
        calibration=None,
    )
    X = frame.select("a", "b")
    proba = model.fit(X, y).predict_proba(X)
    other = model.fit(X.to_numpy(), y).predict_proba(X.to_numpy())
    assert_allclose(proba, other)


@by_name
def test_cross_validation_and_search(data):
    """A weight that is a column needs no routing to travel with its row."""
    frame, y = data
    model = WeightedClassifier(
        make_pipeline(columns(), LogisticRegression()),
        weighting=ColumnWeighting("households"),
        calibration=None,
    )
    assert cross_val_score(model, frame, y, cv=3).shape == (3,)
    search = GridSearchCV(
        model, {"estimator__logisticregression__C": [0.1, 1.0]}, cv=2
    ).fit(frame, y)
    assert search.predict_proba(frame).shape == (120, 2)
    inside = WeightedClassifier(
        GridSearchCV(model.estimator, {"logisticregression__C": [0.1, 1.0]}, cv=2),
        weighting=ColumnWeighting("households"),
        calibration=None,
    ).fit(frame, y)
    assert inside.predict(frame).shape == (120,)


def test_costs_in_a_column(data):
    X, y = data[0].select("a", "b", "households"), data[1]
    cost = CostMatrix.binary(pos_label="yes", fp=1, fn="households")
    model = CostSensitiveClassifier(
        LogisticRegression(), cost=cost, calibration=None, drop=True
    )
    decided = model.fit(X, y).predict(X)
    frame = as_pandas(X)
    np.testing.assert_array_equal(model.fit(frame, y).predict(frame), decided)
    assert set(decided) == {"yes", "no"}
    assert cost_score(y, decided, cost, X=X) == cost_score(y, decided, cost, X=frame)
    assert len(model.fit(X, y).decision_report(X)) == 120


def test_lazy_frame_is_refused(data):
    frame, y = data
    with pytest.raises(TypeError, match=r"LazyFrame.*collect"):
        WeightedClassifier(LogisticRegression(), calibration=None).fit(frame.lazy(), y)
