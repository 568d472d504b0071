"""Validation rows in real libraries: the same stop as by hand, and nothing left behind.

Where a test trains by hand, it makes the cut itself, by the rows that the wrapped
learner was not given.
"""

import pickle
import warnings
from inspect import signature

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skweight import BalancedWeighting, WeightedClassifier, WeightedRegressor
from skweight.datasets import make_imbalanced
from skweight.metrics import RefinedLogLoss

ROUNDS, PATIENCE = 80, 10
FAST = {"n_jobs": 1, "learning_rate": 0.3}


def xgboost(**params):
    library = pytest.importorskip("xgboost", reason="xgboost: NOT TESTED")
    params = {"n_estimators": ROUNDS, "early_stopping_rounds": PATIENCE} | FAST | params
    return library.XGBClassifier(**params)


def lightgbm(**params):
    library = pytest.importorskip("lightgbm", reason="lightgbm: NOT TESTED")
    params = {"n_estimators": ROUNDS, "early_stopping_round": PATIENCE} | FAST | params
    return library.LGBMClassifier(verbose=-1, **params)


def catboost(**params):
    library = pytest.importorskip("catboost", reason="catboost: NOT TESTED")
    params = {
        "iterations": ROUNDS,
        "early_stopping_rounds": PATIENCE,
        "learning_rate": 0.3,
        "thread_count": 1,
        "verbose": 0,
        "allow_writing_files": False,
    } | params
    return library.CatBoostClassifier(**params)


def hist_gradient_boosting(**params):
    if "X_val" not in signature(HistGradientBoostingClassifier.fit).parameters:
        pytest.skip("this scikit-learn takes no validation rows: NOT TESTED")
    return HistGradientBoostingClassifier(
        max_iter=ROUNDS,
        learning_rate=0.3,
        early_stopping=True,
        n_iter_no_change=PATIENCE,
        tol=0,
        **params,
    )


BOOSTED = [xgboost, lightgbm, catboost, hist_gradient_boosting]
boosted = pytest.mark.parametrize("make", BOOSTED)


def by_hand_of(learner, X, y, weight, rows):
    """Fit as somebody does who knows the names of each library by heart."""
    X_val, y_val, w_val = rows
    package = type(learner).__module__.partition(".")[0]
    if package == "xgboost":
        learner.set_params(eval_metric=RefinedLogLoss()).fit(
            X,
            y,
            sample_weight=weight,
            eval_set=[(X_val, y_val)],
            sample_weight_eval_set=[w_val],
            verbose=False,
        )
    elif package == "lightgbm":
        learner.set_params(metric="None").fit(
            X,
            y,
            sample_weight=weight,
            eval_X=X_val,
            eval_y=y_val,
            eval_sample_weight=[w_val],
            eval_metric=RefinedLogLoss().lightgbm,
        )
    elif package == "catboost":
        from catboost import Pool

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Failed to import|Can't optimze")
            learner.set_params(eval_metric=RefinedLogLoss()).fit(
                X, y, sample_weight=weight, eval_set=Pool(X_val, y_val, weight=w_val)
            )
    else:
        learner.set_params(scoring=RefinedLogLoss().scorer()).fit(
            X,
            y,
            sample_weight=weight,
            X_val=X_val,
            y_val=y_val,
            sample_weight_val=w_val,
        )
    return learner


@pytest.fixture(params=[2, 3])
def parts(request):
    """Return training rows with weights, and rows to watch with theirs."""
    shares = {2: [0.85, 0.15], 3: [0.6, 0.25, 0.15]}[request.param]
    data = make_imbalanced(
        1400, n_classes=request.param, prevalence=shares, random_state=0
    )
    weight = np.random.default_rng(0).exponential(size=1400)
    train, watch = slice(0, 900), slice(900, None)
    return (
        (data.X[train], data.y[train], weight[train]),
        (data.X[watch], data.y[watch], weight[watch]),
    )


@boosted
def test_the_stop_is_the_one_made_by_hand(make, parts):
    (X, y, weight), rows = parts
    clf = WeightedClassifier(make(), weighting="balanced", calibration=None).fit(
        X, y, weight, validation=rows
    )
    weight = weight / weight.mean()
    emphasis = BalancedWeighting().fit_weigh(X, y, weight)
    delivered = weight * emphasis
    hand = by_hand_of(make(), X, y, delivered / delivered.mean(), rows)
    assert_allclose(clf.predict_proba(X), hand.predict_proba(X), atol=1e-7)
    assert 1 < clf.report_.rounds[0] < ROUNDS


@boosted
def test_a_pipeline_stops_where_its_transformed_rows_do(make, parts):
    (X, y, weight), rows = parts
    step = FunctionTransformer(np.sign)  # what is not transformed stops elsewhere
    wrapped = WeightedClassifier(make_pipeline(step, make()), calibration=None)
    wrapped.fit(X, y, weight, validation=rows)
    alone = WeightedClassifier(make(), calibration=None)
    alone.fit(np.sign(X), y, weight, validation=(np.sign(rows[0]), *rows[1:]))
    assert wrapped.report_.rounds == alone.report_.rounds
    assert_allclose(wrapped.predict_proba(X), alone.predict_proba(np.sign(X)))


def parameters_of(learner):
    """Return the parameters; XGBoost itself changes its objective by the classes."""
    params = learner.get_params()
    return repr(sorted((k, v) for k, v in params.items() if k != "objective"))


@boosted
def test_nothing_of_ours_stays_on_the_learner(make, parts):
    (X, y, weight), _ = parts
    learner = make()
    before = parameters_of(learner)
    clf = WeightedClassifier(
        learner, validation_fraction=0.2, random_state=0, calibration=None
    )
    clf.fit(X, y, weight)
    for model in (learner, clf.estimator_):
        assert parameters_of(model) == before
    assert parameters_of(clone(clf.estimator_)) == before
    assert "skweight" not in repr(vars(clf.estimator_))
    loaded = pickle.loads(pickle.dumps(clf))
    assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))


@boosted
def test_folds_stop_by_themselves_with_any_number_of_jobs(make, parts):
    (X, y, _), _ = parts
    clf = WeightedClassifier(
        make(),
        validation_fraction=0.2,
        calibration="sigmoid",
        cv=2,
        ensemble=True,
        random_state=0,
    )
    alone = clone(clf).fit(X, y)
    together = clone(clf).set_params(n_jobs=2).fit(X, y)
    assert len(alone.report_.rounds) == 2
    assert max(alone.report_.rounds) < ROUNDS
    assert alone.report_.rounds == together.report_.rounds
    assert_array_equal(alone.predict_proba(X), together.predict_proba(X))


@boosted
def test_a_search_can_tune_it(make, parts):
    (X, y, _), _ = parts
    clf = WeightedClassifier(
        make(), validation_fraction=0.2, random_state=0, calibration=None
    )
    grid = {"estimator__learning_rate": [0.1, 0.5]}
    search = GridSearchCV(clf, grid, cv=2, scoring="neg_log_loss").fit(X, y)
    assert search.best_estimator_.report_.rounds[0] <= ROUNDS


def test_a_regressor_watches_its_own_loss():
    library = pytest.importorskip("xgboost", reason="xgboost: NOT TESTED")
    data = make_imbalanced(1000, random_state=0)
    y = data.X[:, 0] ** 2 + np.random.default_rng(0).normal(size=1000)
    model = library.XGBRegressor(
        n_estimators=300, early_stopping_rounds=5, n_jobs=1, learning_rate=0.3
    )
    reg = WeightedRegressor(model, validation_fraction=0.2, random_state=0)
    reg.fit(data.X, y, sample_weight=np.ones(1000))
    assert reg.report_.rounds == [reg.estimator_.best_iteration + 1]
    assert 1 < reg.report_.rounds[0] < 300


def test_the_callback_of_lightgbm_is_patience_too(parts):
    (X, y, _), rows = parts
    library = pytest.importorskip("lightgbm", reason="lightgbm: NOT TESTED")
    clf = WeightedClassifier(lightgbm(early_stopping_round=None), calibration=None)
    with pytest.raises(ValueError, match="early_stopping_round=50"):
        clf.fit(X, y, validation=rows)
    stop = library.early_stopping(PATIENCE, verbose=False)
    clf.fit(X, y, validation=rows, callbacks=[stop])
    patient = WeightedClassifier(lightgbm(), calibration=None).fit(
        X, y, validation=rows
    )
    assert clf.report_.rounds == patient.report_.rounds


def test_words_in_columns_reach_a_pool_of_catboost():
    pytest.importorskip("catboost", reason="catboost: NOT TESTED")
    import pandas as pd

    data = make_imbalanced(600, prevalence=0.3, random_state=0)
    words = np.where(data.X[:, 0] > 0, "up", "down")
    X = pd.DataFrame(data.X, columns=list("abcde")).assign(word=words)
    model = catboost(cat_features=["word"])
    clf = WeightedClassifier(
        model, validation_fraction=0.2, random_state=0, calibration=None
    )
    clf.fit(X, data.y, np.random.default_rng(0).exponential(size=600))
    assert clf.report_.rounds[0] < ROUNDS


# -- networks --------------------------------------------------------------------------


def network(**params):
    torch = pytest.importorskip("torch", reason="torch: NOT TESTED")
    pytest.importorskip("skorch", reason="skorch: NOT TESTED")
    from skorch.callbacks import EarlyStopping

    from skweight.torch import WeightedNetClassifier

    torch.manual_seed(0)
    stop = EarlyStopping(patience=5, sink=lambda _: None)
    return WeightedNetClassifier(
        torch.nn.Sequential(
            torch.nn.Linear(5, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2)
        ),
        criterion=torch.nn.CrossEntropyLoss,
        max_epochs=60,
        lr=0.5,
        verbose=0,
        **{"callbacks": [stop]} | params,
    )


def test_a_network_stops_by_the_refined_loss_and_forgets_it():
    net = network()
    data = make_imbalanced(2000, prevalence=0.1, nonlinearity=0.5, random_state=0)
    X, weight = data.X.astype("float32"), np.random.default_rng(0).exponential(size=500)
    rows = X[1500:], data.y[1500:], weight
    clf = WeightedClassifier(net, calibration=None).fit(
        X[:1500], data.y[:1500], validation=rows
    )
    model = clf.estimator_
    losses = [row["refined_log_loss"] for row in model.history]
    assert len(losses) - 1 - np.argmin(losses) == 5  # it has waited so long
    assert clf.report_.rounds == [len(losses)] != [60]
    assert_allclose(
        losses[-1], RefinedLogLoss()(rows[1], model.predict_proba(rows[0]), weight)
    )
    assert "refined_log_loss" not in dict(model.callbacks_)
    assert dict(model.callbacks_)["EarlyStopping"].monitor == "valid_loss"
    assert model.get_params()["callbacks"][0].monitor == "valid_loss"


def test_a_network_may_watch_what_the_user_says():
    pytest.importorskip("skorch", reason="skorch: NOT TESTED")
    from skorch.callbacks import EarlyStopping

    stop = EarlyStopping(
        "valid_acc", patience=5, lower_is_better=False, sink=lambda _: None
    )
    data = make_imbalanced(600, prevalence=0.3, random_state=0)
    clf = WeightedClassifier(
        network(callbacks=[stop]),
        validation_fraction=0.2,
        random_state=0,
        calibration=None,
    ).fit(data.X.astype("float32"), data.y, np.ones(600))
    assert clf.report_.early_stopping.startswith("monitor='valid_acc' of Weighted")
    assert "refined_log_loss" not in clf.estimator_.history[-1]


def test_keras_watches_population_weights_and_encoded_labels():
    scikeras = pytest.importorskip("scikeras.wrappers", reason="scikeras: NOT TESTED")
    import keras

    def build():
        keras.utils.set_random_seed(0)
        layers = [keras.layers.Input((5,)), keras.layers.Dense(1, activation="sigmoid")]
        return keras.Sequential(layers)

    data = make_imbalanced(600, prevalence=0.3, random_state=0)
    y = np.array(["no", "yes"])[data.y]
    weight = np.random.default_rng(0).exponential(size=200)
    model = scikeras.KerasClassifier(
        build,
        loss="binary_crossentropy",
        optimizer=keras.optimizers.Adam(0.05),
        epochs=40,
        verbose=0,
        callbacks=[keras.callbacks.EarlyStopping(patience=3)],
    )
    clf = WeightedClassifier(make_pipeline(StandardScaler(), model), calibration=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikeras and newer scikit-learn
        clf.fit(data.X[:400], y[:400], validation=(data.X[400:], y[400:], weight))
        fitted = clf.estimator_[-1]
        p = clf.predict_proba(data.X[400:])[:, 1]
    losses = fitted.history_["val_loss"]
    assert clf.report_.rounds == [len(losses)]
    loss = -np.where(data.y[400:] == 1, np.log(p), np.log1p(-p))
    # Keras divides by the number of rows.
    assert_allclose(losses[-1], (weight * loss).mean(), rtol=1e-3)
