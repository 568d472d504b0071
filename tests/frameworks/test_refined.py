"""The refined loss as the metric by which real libraries stop."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.metrics import log_loss

from skweight.calibration import SigmoidCalibrator, TemperatureCalibrator
from skweight.datasets import make_imbalanced
from skweight.metrics import RefinedLogLoss
from skweight.objectives import FocalObjective

SHARES = {2: [0.9, 0.1], 3: [0.7, 0.2, 0.1]}


@pytest.fixture(params=[2, 3])
def parts(request):
    """Return training rows, validation rows, and population weights of the latter."""
    data = make_imbalanced(
        2000,
        n_classes=request.param,
        prevalence=SHARES[request.param],
        nonlinearity=0.5,
        random_state=0,
    )
    weight = np.random.default_rng(0).exponential(size=800)
    return data.X[:1200], data.y[:1200], data.X[1200:], data.y[1200:], weight


def by_hand(y, scores, weight):
    """Return the loss after a sigmoid that has never heard of boosting."""
    if scores.ndim == 1:
        calibrator = SigmoidCalibrator(bounded=False)
    else:
        calibrator = TemperatureCalibrator()
    proba = calibrator.fit(scores, y, weight).predict_proba(scores)
    return log_loss(y, proba, sample_weight=weight)


def best_round(losses, patience):
    """Return where a loop would stop that looks at every round."""
    best = 0
    for t, loss in enumerate(losses):
        if loss < losses[best]:
            best = t
        elif t - best >= patience:
            break
    return best


@pytest.mark.parametrize("focal", [False, True])
def test_xgboost_stops_where_a_loop_by_hand_does(parts, focal):
    xgboost = pytest.importorskip("xgboost", reason="xgboost: NOT TESTED")
    X, y, X_val, y_val, weight = parts
    model = clone(
        xgboost.XGBClassifier(
            objective=FocalObjective() if focal else "binary:logistic",
            n_estimators=80,
            early_stopping_rounds=10,
            eval_metric=RefinedLogLoss(raw=focal),
            n_jobs=1,
        )
    )
    model.fit(
        X,
        y,
        eval_set=[(X_val, y_val)],
        sample_weight_eval_set=[weight],
        verbose=False,
    )
    watched = model.evals_result()["validation_0"]["refined_log_loss"]
    losses = [
        by_hand(
            y_val,
            model.predict(X_val, output_margin=True, iteration_range=(0, t + 1)),
            weight,
        )
        for t in range(len(watched))
    ]
    assert_allclose(watched, losses, rtol=1e-4)
    assert model.best_iteration == np.argmin(watched) == best_round(losses, 10)
    assert 0 < model.best_iteration < 79


def test_lightgbm_stops_where_a_loop_by_hand_does(parts):
    lightgbm = pytest.importorskip("lightgbm", reason="lightgbm: NOT TESTED")
    X, y, X_val, y_val, weight = parts
    model = lightgbm.LGBMClassifier(
        n_estimators=80, metric="None", verbose=-1, n_jobs=1
    )
    history = {}
    model.fit(
        X,
        y,
        eval_X=X_val,
        eval_y=y_val,
        eval_sample_weight=[weight],
        eval_metric=RefinedLogLoss().lightgbm,
        callbacks=[
            lightgbm.early_stopping(10, verbose=False),
            lightgbm.record_evaluation(history),
        ],
    )
    watched = history["valid_0"]["refined_log_loss"]
    losses = [
        by_hand(
            y_val,
            model.predict(X_val, raw_score=True, num_iteration=t + 1),
            weight,
        )
        for t in range(model.best_iteration_)  # the others it has thrown away
    ]
    assert_allclose(watched[: len(losses)], losses, rtol=1e-4)
    assert model.best_iteration_ - 1 == np.argmin(watched)
    assert list(history["valid_0"]) == ["refined_log_loss"]


def test_catboost_stops_where_a_loop_by_hand_does(parts):
    catboost = pytest.importorskip("catboost", reason="catboost: NOT TESTED")
    X, y, X_val, y_val, weight = parts
    model = clone(
        catboost.CatBoostClassifier(
            iterations=80,
            eval_metric=RefinedLogLoss(),
            early_stopping_rounds=10,
            verbose=0,
            allow_writing_files=False,
            thread_count=1,
        )
    )
    with warnings.catch_warnings():
        # It says that a metric in Python is slower without numba.
        warnings.filterwarnings("ignore", message="Failed to import|Can't optimze")
        model.fit(X, y, eval_set=catboost.Pool(X_val, y_val, weight=weight))
    watched = model.evals_result_["validation"]["RefinedLogLoss"]
    scores = np.asarray(model.predict(X_val, prediction_type="RawFormulaVal"))
    assert model.best_iteration_ == np.argmin(watched)
    assert_allclose(min(watched), by_hand(y_val, scores, weight), rtol=1e-4)


def test_hist_gradient_boosting_watches_rows_of_ours(parts):
    X, y, X_val, y_val, weight = parts
    from inspect import signature

    from sklearn.ensemble import HistGradientBoostingClassifier

    if "X_val" not in signature(HistGradientBoostingClassifier.fit).parameters:
        pytest.skip("this scikit-learn takes no validation rows: NOT TESTED")
    model = HistGradientBoostingClassifier(
        max_iter=60,
        early_stopping=True,
        n_iter_no_change=10,
        tol=0,
        scoring=RefinedLogLoss().scorer(),
    ).fit(
        X,
        y,
        sample_weight=np.ones(len(y)),
        X_val=X_val,
        y_val=y_val,
        sample_weight_val=weight,
    )
    losses = [
        by_hand(y_val, np.squeeze(scores), weight)
        for scores in model.staged_decision_function(X_val)
    ]
    assert_allclose(-model.validation_score_[1:], losses, rtol=1e-4)


def test_skorch_reports_it_every_epoch():
    torch = pytest.importorskip("torch", reason="torch: NOT TESTED")
    skorch = pytest.importorskip("skorch", reason="skorch: NOT TESTED")
    from skorch.callbacks import EpochScoring

    data = make_imbalanced(1000, prevalence=0.2, random_state=0)
    torch.manual_seed(0)
    net = skorch.NeuralNetClassifier(
        torch.nn.Sequential(torch.nn.Linear(5, 2)),
        criterion=torch.nn.CrossEntropyLoss,
        max_epochs=5,
        lr=0.5,
        verbose=0,
        callbacks=[
            EpochScoring(
                RefinedLogLoss().scorer(), lower_is_better=False, name="refined"
            )
        ],
    ).fit(data.X.astype("float32"), data.y)
    losses = [-row["refined"] for row in net.history]
    assert losses[-1] < losses[0]
    assert [row["refined_best"] for row in net.history][-1] in (True, False)
