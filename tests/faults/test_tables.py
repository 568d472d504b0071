"""Every container in every step: sparse formats, gaps in words, rows of a target."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.model_selection import GridSearchCV

from skweight import (
    BalancedWeighting,
    DensityRatioWeighting,
    LabelShiftWeighting,
    WeightedClassifier,
)
from skweight.resampling import resample

pytestmark = pytest.mark.filterwarnings(
    "ignore::scipy.sparse.SparseEfficiencyWarning"  # of a DIA matrix of many diagonals
)
rng = np.random.default_rng(0)
X = rng.normal(size=(150, 4)) * (rng.random((150, 4)) < 0.7)
y = (X[:, 0] + rng.normal(size=150) > 0.6).astype(int)
FORMATS = ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"]


@pytest.mark.parametrize("cls", ["matrix", "array"])
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "params",
    [
        {"decision": "tuned", "calibration": "sigmoid"},
        {"resampler": "random_over"},
        {"resampler": "random_under", "calibration": "prior"},
        {"resampler": "smote", "calibration": "isotonic"},
        {"calibration": "venn_abers", "cv": 3},
    ],
    ids=str,
)
def test_every_sparse_format_gives_the_same_model(params, form, cls):
    weights = np.ones(150)
    weights[:3] = 0
    expected = WeightedClassifier(**{"calibration": None, "random_state": 0, **params})
    expected.fit(sp.csr_matrix(X), y, sample_weight=weights)
    table = getattr(sp, f"{form}_{cls}")(X)
    clf = WeightedClassifier(**{"calibration": None, "random_state": 0, **params})
    clf.fit(table, y, sample_weight=weights)
    assert table.format == form
    proba = clf.predict_proba(sp.csr_matrix(X))
    np.testing.assert_allclose(
        proba, expected.predict_proba(sp.csr_matrix(X)), atol=1e-6
    )


@pytest.mark.parametrize("form", FORMATS)
def test_every_sparse_format_is_resampled(form):
    weights = np.where(np.arange(150) < 5, 0, 2.0)
    done = resample(
        "random_over", getattr(sp, f"{form}_matrix")(X), y, weights, random_state=0
    )
    same = resample("random_over", X, y, weights, random_state=0)
    np.testing.assert_array_equal(done.rows, same.rows)
    np.testing.assert_array_equal(done.X.toarray(), same.X)


@pytest.mark.parametrize("gap", [pd.NA, None, np.nan], ids=str)
@pytest.mark.parametrize("dtype", ["string", object, "category", "string[pyarrow]"])
@pytest.mark.parametrize("estimator", ["search", "classifier"])
def test_gaps_in_words_are_a_value_of_their_own(estimator, dtype, gap):
    if dtype == "string[pyarrow]":
        pytest.importorskip("pyarrow")
    words = pd.Series(["u", "v"] * 100).astype(object)
    words[[3, 8]] = gap
    table = pd.DataFrame({"a": np.arange(200.0), "c": words.astype(dtype)})
    before = table.copy()
    shift = DensityRatioWeighting(table, estimator=estimator, random_state=0)
    weights = shift.fit_weigh(table.copy(), y=None)
    assert np.isfinite(weights).all()
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.parametrize("kind", [pd.DataFrame, np.asarray])
@pytest.mark.parametrize("strategy", [DensityRatioWeighting, LabelShiftWeighting])
def test_no_repr_prints_a_row_of_the_target(strategy, kind):
    shift = strategy(kind(np.full((40, 4), 123.456)))
    clf = WeightedClassifier(weighting=shift, calibration=None)
    grid = GridSearchCV(clf, {"calibration": [None]})
    product = WeightedClassifier(
        weighting=[BalancedWeighting(), shift], calibration=None
    )
    for shown in (shift, clf, grid, product, shift * BalancedWeighting()):
        assert "123.456" not in repr(shown) + str(shown) + shown._repr_html_()
        assert "40 x 4 table" in repr(shown)
    assert shift.get_params()["X_target"] is shift.X_target
    assert clf.get_params()["weighting__X_target"] is shift.X_target
