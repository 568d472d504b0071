"""Every container in every step: sparse formats, gaps in words, rows of a target."""

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import MaxAbsScaler
from sklearn.utils import get_tags

from skweight import (
    BalancedWeighting,
    ColumnWeighting,
    CostMatrix,
    CostSensitiveClassifier,
    DensityRatioWeighting,
    FunctionWeighting,
    LabelShiftWeighting,
    WeightedClassifier,
    WeightedRegressor,
    WeightMonitor,
    recommend_weighting,
)
from skweight.density_ratio import ULSIF, ClassifierRatio
from skweight.inspection import balance_table
from skweight.pipeline import make_pipeline
from skweight.resampling import ProjectionNeighbors, WeightedSampler, resample
from skweight.weighting import (
    EntropyBalancingWeighting,
    GroupBalancedWeighting,
    GroupDROWeighting,
    HardExampleWeighting,
    NoiseAwareWeighting,
    RakingWeighting,
    RecencyWeighting,
    ReweighingWeighting,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::scipy.sparse.SparseEfficiencyWarning"  # of a DIA matrix of many diagonals
)
rng = np.random.default_rng(0)
X = rng.normal(size=(150, 4)) * (rng.random((150, 4)) < 0.7)
y = (X[:, 0] + rng.normal(size=150) > 0.6).astype(int)
FORMATS = ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"]


# Matrices and arrays in turn: both are met by every format and by every setting.
@pytest.mark.in_turn(3)
@pytest.mark.parametrize(("position", "form"), [*enumerate(FORMATS)], ids=str)
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
def test_every_sparse_format_gives_the_same_model(params, position, form):
    cls = ["matrix", "array"][(position + len(str(params))) % 2]
    table = getattr(sp, f"{form}_{cls}")(X)
    assert table.format == form
    actual, expected = (
        WeightedClassifier(**{"calibration": None, "random_state": 0, **params})
        .fit(rows, y, sample_weight=(np.arange(150) > 2).astype(float))
        .predict_proba(sp.csr_matrix(X))
        for rows in (table, sp.csr_matrix(X))
    )
    np.testing.assert_allclose(actual, expected, atol=1e-6)


@pytest.mark.parametrize("form", FORMATS)
def test_every_sparse_format_is_resampled(form):
    weights = np.where(np.arange(150) < 5, 0, 2.0)
    done = resample(
        "random_over", getattr(sp, f"{form}_matrix")(X), y, weights, random_state=0
    )
    same = resample("random_over", X, y, weights, random_state=0)
    np.testing.assert_array_equal(done.rows, same.rows)
    np.testing.assert_array_equal(done.X.toarray(), same.X)


# Matrices and arrays in turn, and both of the format in which rows are cut.
CONTAINERS = {
    f"{form}_{cls}": getattr(sp, f"{form}_{cls}")
    for form, cls in [
        *zip(FORMATS, ["array", "matrix"] * len(FORMATS), strict=False),
        ("csr", "array"),
        ("csr", "matrix"),
    ]
}
CONTAINERS["list"] = np.ndarray.tolist

# Positive first columns, so that one can be a weight, a time or a group.
Z = np.column_stack([1 + rng.integers(0, 3, 150), X])


def first(Z):
    """Return the first column of any container."""
    Z = Z.toarray() if sp.issparse(Z) else np.asarray(Z)
    return Z[:, 0]


STRATEGIES = {
    "balanced": BalancedWeighting(),
    "column": ColumnWeighting(0),
    "function": FunctionWeighting(lambda Z, y: first(Z)),
    "ratio": DensityRatioWeighting(estimator=ULSIF(), random_state=0),
    "ratio of a classifier": DensityRatioWeighting(
        estimator=ClassifierRatio(LogisticRegression(), random_state=0)
    ),
    "label shift": LabelShiftWeighting(random_state=0),
    "moments": EntropyBalancingWeighting(moments={0: 2.2}),
    "raking": RakingWeighting({0: {1.0: 0.3, 2.0: 0.3, 3.0: 0.4}}),
    "recency": RecencyWeighting(0, 2.0),
    "groups": GroupBalancedWeighting(0),
    "reweighing": ReweighingWeighting(first),
    "group DRO": GroupDROWeighting(0, estimator=LogisticRegression(), n_rounds=2),
    "noise": NoiseAwareWeighting(estimator=LogisticRegression()),
    "hard": HardExampleWeighting(estimator=LogisticRegression()),
    "product": ColumnWeighting(0) * NoiseAwareWeighting(estimator=LogisticRegression()),
}


@pytest.fixture
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def weights_of(name, make):
    """Return weights of training rows and, where they have one, as rows to come."""
    strategy = clone(STRATEGIES[name])
    if "X_target" in strategy.get_params() and name != "moments":
        strategy.set_params(X_target=make(Z[::2]))
    weights = strategy.fit_weigh(make(Z), y)
    if name in ("noise", "hard", "group DRO", "product"):
        return [weights]
    return [weights, strategy.weigh(make(Z), y)]


@cache
def weights_expected_of(name, make):
    return weights_of(name, make)


@pytest.mark.usefixtures("_quiet")
@pytest.mark.in_turn(3)
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("name", [name for name in STRATEGIES if name != "moments"])
def test_every_strategy_takes_every_container(name, container):
    same = weights_expected_of(
        name, np.asarray if container == "list" else sp.csr_array
    )
    actual = weights_of(name, CONTAINERS[container])
    for weights, expected in zip(actual, same, strict=True):
        np.testing.assert_allclose(weights, expected, atol=1e-8)


def test_moments_take_no_sparse_container():
    with pytest.raises(TypeError, match="may have thousands of columns"):
        weights_of("moments", sp.coo_array)


def passes(make):
    """Return what steps beside the fit make of a container."""
    table = make(Z)
    forest = RandomForestClassifier(12, random_state=0)
    quick = {"calibration": "sigmoid", "random_state": 0}
    clf = WeightedClassifier(forest, weighting=None, cv="oob", **quick)
    yield clf.fit(table, y).predict_proba(table)
    clf = WeightedClassifier(conformal="split", **quick).fit(table, y)
    yield clf.predict_set(table)
    frozen = FrozenEstimator(LogisticRegression().fit(table, y))
    clf = WeightedClassifier(frozen, calibration="isotonic").fit(table, y)
    yield clf.predict_proba(table)
    clf = WeightedClassifier(SGDClassifier(loss="log_loss", random_state=0))
    yield clf.partial_fit(table, y, classes=[0, 1]).predict_proba(table)
    clf = WeightedClassifier(KNeighborsClassifier(), unsupported="resample", **quick)
    yield clf.fit(table, y).predict_proba(table)
    weighting = NoiseAwareWeighting()
    clf = WeightedClassifier(weighting=weighting, calibration="sigmoid", cv=3)
    yield clf.fit(table, y).predict_proba(table)
    cost = CostMatrix.binary(fp=1, fn=lambda Z: 5 * first(Z))
    clf = CostSensitiveClassifier(LogisticRegression(), cost=cost, **quick)
    yield clf.fit(table, y).predict(table)
    reg = WeightedRegressor(weighting=ColumnWeighting(0, drop=False), conformal="split")
    reg.set_params(random_state=0).fit(table, X[:, 1])
    yield reg.predict(table)
    yield reg.predict_interval(table)
    pipe = make_pipeline(MaxAbsScaler(), BalancedWeighting(), LogisticRegression())
    yield pipe.fit(table, y).predict_proba(table)
    pipe = make_pipeline(WeightedSampler("smote", random_state=0), LogisticRegression())
    yield pipe.fit(table, y).predict_proba(table)
    monitor = WeightMonitor(LogisticRegression(), cv=2, random_state=0).fit(table, y)
    yield np.array([monitor.update(table, y).alarm])
    yield ProjectionNeighbors(3).fit(table).kneighbors(table)[0]
    yield np.array([str(balance_table(table, make(Z[::2]), first(Z)))])
    yield np.array([str(recommend_weighting(table, y, random_state=0))])


@cache
def expected_of(make):
    return [*passes(make)]


@pytest.mark.in_turn(2)
@pytest.mark.usefixtures("_quiet")
@pytest.mark.parametrize("container", CONTAINERS)
def test_every_step_takes_every_container(container):
    base = np.asarray if container == "list" else sp.csr_array
    pairs = zip(passes(CONTAINERS[container]), expected_of(base), strict=True)
    for position, (actual, expected) in enumerate(pairs):
        if actual.dtype.kind == "f":
            np.testing.assert_allclose(actual, expected, atol=1e-6, err_msg=position)
        else:
            assert np.array_equal(actual, expected), position


def test_neighbors_say_that_they_take_sparse_rows():
    assert get_tags(ProjectionNeighbors()).input_tags.sparse


# The search fits the classifier among others.
@pytest.mark.in_turn(3)
@pytest.mark.parametrize(
    ("gap", "estimator"),
    [(pd.NA, "search"), (None, "classifier"), (np.nan, "classifier")],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["string", object, "category", "string[pyarrow]"])
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
