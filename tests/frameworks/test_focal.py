"""The focal objective in real libraries, and against the derivatives of PyTorch."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline

from skweight import WeightedClassifier
from skweight.calibration import FocalCalibrator
from skweight.objectives import FocalObjective

GAMMAS = [0.0, 0.5, 1.0, 2.0, 3.5]


@pytest.fixture(scope="module")
def rows():
    return make_classification(
        3000, weights=[0.9], flip_y=0.05, n_informative=4, random_state=0
    )


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_derivatives_are_those_of_autograd(gamma, n_classes, rng):
    torch = pytest.importorskip("torch", reason="torch is not installed: NOT TESTED")
    n = 400
    codes = rng.integers(n_classes, size=n)
    weight = rng.exponential(size=n)
    shape = (n,) if n_classes == 2 else (n, n_classes)
    scores = rng.normal(scale=4, size=shape)
    raw = torch.tensor(scores, requires_grad=True)
    logits = torch.stack([0 * raw, raw], dim=1) if n_classes == 2 else raw
    log_p = torch.log_softmax(logits, dim=1)
    label = torch.nn.functional.one_hot(torch.tensor(codes), n_classes).bool()
    log_rest = torch.logsumexp(log_p.masked_fill(label, -torch.inf), dim=1)
    loss = -torch.exp(gamma * log_rest) * log_p[label] * torch.tensor(weight)
    (slope,) = torch.autograd.grad(loss.sum(), raw, create_graph=True)
    gradient, hessian = FocalObjective(gamma)(codes, scores, weight)
    assert_allclose(gradient, slope.detach().numpy(), atol=1e-10)
    floor = 1e-6 * weight
    for column in range(1 if n_classes == 2 else n_classes):
        part = slope if n_classes == 2 else slope[:, column]
        (curve,) = torch.autograd.grad(part.sum(), raw, retain_graph=True)
        mine = hessian if n_classes == 2 else hessian[:, column]
        theirs = curve if n_classes == 2 else curve[:, column]
        assert_allclose(mine, np.maximum(theirs.numpy(), floor), atol=1e-10)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_in_xgboost_weight_k_is_k_rows(n_classes, rng):
    xgboost = pytest.importorskip("xgboost", reason="xgboost: NOT TESTED")
    X = rng.normal(size=(400, 3))
    y = np.digitize(X[:, 0] + rng.normal(size=400), [0.5, 1.5][: n_classes - 1])
    times = rng.integers(1, 4, size=400)
    repeated = np.repeat(np.arange(400), times)
    model = xgboost.XGBClassifier(
        objective=FocalObjective(),
        tree_method="exact",
        min_child_weight=0,
        n_estimators=15,
        n_jobs=1,
    )
    once = clone(model).fit(X, y, sample_weight=times.astype(float))
    more = clone(model).fit(X[repeated], y[repeated])
    assert_allclose(once.predict_proba(X), more.predict_proba(X), atol=1e-6)


def test_in_xgboost_the_closed_form_brings_probabilities_back(rows):
    xgboost = pytest.importorskip("xgboost", reason="xgboost: NOT TESTED")
    X, y = rows
    focal = FocalObjective(gamma=2)
    model = xgboost.XGBClassifier(
        objective=focal,
        base_score=focal.base_score(y),
        n_estimators=50,
        max_depth=2,
        n_jobs=1,
    )
    clf = WeightedClassifier(model, weighting=None, calibration="focal").fit(X, y)
    raw = clf.estimator_.predict_proba(X)
    assert raw[:, 1].mean() > 1.3 * y.mean()
    proba = clf.predict_proba(X)
    assert_allclose(proba[:, 1].mean(), y.mean(), rtol=0.05)
    assert log_loss(y, proba) < 0.8 * log_loss(y, raw)
    margin = clf.estimator_.predict(X, output_margin=True)
    exact = FocalCalibrator(2).fit(classes=[0, 1]).predict_proba(margin)
    assert_allclose(proba, exact, rtol=1e-4, atol=1e-6)
    again = pickle.loads(pickle.dumps(clf))
    assert_allclose(again.predict_proba(X), proba)


def test_xgboost_starts_where_it_is_told(rows):
    xgboost = pytest.importorskip("xgboost", reason="xgboost: NOT TESTED")
    X, y = rows
    focal = FocalObjective()
    start = focal.base_score(y)
    model = xgboost.XGBClassifier(
        objective=focal, base_score=start, n_estimators=1, learning_rate=1e-9
    ).fit(X, y)
    assert_allclose(model.predict_proba(X[:1])[0, 1], start, rtol=1e-5)
    many = np.arange(len(y)) % 3
    start = focal.base_score(many)
    model = xgboost.XGBClassifier(
        objective=focal, base_score=start, n_estimators=1, learning_rate=1e-9
    ).fit(X, many)
    margin = model.predict(X[:1], output_margin=True)[0]
    assert_allclose(margin, start, atol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_in_lightgbm_weights_reach_the_objective(n_classes, rng):
    lightgbm = pytest.importorskip("lightgbm", reason="lightgbm: NOT TESTED")
    X = rng.normal(size=(600, 3))
    y = np.digitize(X[:, 0] + rng.normal(size=600), [0.5, 1.5][: n_classes - 1])
    weight = rng.exponential(size=600)
    model = lightgbm.LGBMClassifier(
        objective=FocalObjective(1.0), n_estimators=10, verbose=-1, n_jobs=1
    )

    def scores(weight):
        fitted = clone(model).fit(X, y, sample_weight=weight)
        return fitted.predict(X, raw_score=True)

    assert scores(weight).shape == ((600,) if n_classes == 2 else (600, 3))
    assert not np.allclose(scores(weight), scores(None))
    eta = FocalCalibrator(1.0).fit(classes=np.unique(y))
    proba = eta.predict_proba(scores(None))
    assert log_loss(y, proba) < 0.9 * np.log(n_classes)


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_another_gamma_than_that_of_the_objective_is_refused(in_pipeline, rows):
    lightgbm = pytest.importorskip("lightgbm", reason="lightgbm: NOT TESTED")
    X, y = rows
    model = lightgbm.LGBMClassifier(
        objective=FocalObjective(1.0), n_estimators=5, verbose=-1, n_jobs=1
    )
    model = make_pipeline(model) if in_pipeline else model
    clf = WeightedClassifier(model, weighting=None, calibration="focal")
    with pytest.raises(ValueError, match=r"calibration=FocalCalibrator\(1\)"):
        clf.fit(X, y)
    clf.set_params(calibration=FocalCalibrator(1)).fit(X, y)
    assert clf.calibrator_.gamma == 1


def test_catboost_has_the_loss_by_name(rows):
    catboost = pytest.importorskip("catboost", reason="catboost: NOT TESTED")
    X, y = rows
    model = catboost.CatBoostClassifier(
        loss_function="Focal:focal_alpha=0.5;focal_gamma=2",
        iterations=150,
        depth=3,
        verbose=0,
        allow_writing_files=False,
        thread_count=1,
    )
    clf = WeightedClassifier(model, weighting=None, calibration="focal").fit(X, y)
    raw = clf.estimator_.predict_proba(X)[:, 1]
    assert raw.mean() > 1.3 * y.mean()
    assert_allclose(clf.predict_proba(X)[:, 1].mean(), y.mean(), rtol=0.1)
    margin = clf.estimator_.predict(X, prediction_type="RawFormulaVal")
    assert_allclose(raw, expit(margin), rtol=1e-6)
