"""Emphasis that counts twice, wherever in an estimator it sits."""

import warnings
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import BalancedBatches, WeightedClassifier
from skweight.delivery._balancing import balances_itself, inner_multiplier
from skweight.exceptions import CalibrationWarning, DoubleCountingWarning
from skweight.pipeline import make_pipeline as our_pipeline

SHARE = np.array([0.9, 0.1])
EVEN = 0.5 / SHARE


def library(name):
    return pytest.importorskip(name, reason=f"{name} is not installed: NOT TESTED")


def lightgbm(**params):
    return library("lightgbm").LGBMClassifier(n_estimators=5, verbose=-1, **params)


def xgboost(**params):
    return library("xgboost").XGBClassifier(n_estimators=5, **params)


def catboost(**params):
    return library("catboost").CatBoostClassifier(
        iterations=5, verbose=0, allow_writing_files=False, **params
    )


def net(**params):
    skorch, torch = library("skorch"), library("torch")
    return skorch.NeuralNetClassifier(
        torch.nn.Linear(3, 2),
        **{"criterion": torch.nn.CrossEntropyLoss, "verbose": 0, **params},
    )


def tensor(*values):
    return library("torch").tensor(values)


def criterion(name="CrossEntropyLoss", **params):
    return getattr(library("torch").nn, name)(**params)


def keras_net(**params):
    return library("scikeras.wrappers").KerasClassifier(model=None, **params)


class InContext(LogisticRegression):
    """A stand-in for in-context models, which balance what they say."""

    def __init__(self, balance_probabilities=False):
        super().__init__()
        self.balance_probabilities = balance_probabilities


# What is made, the parameter that is named, and the odds of class 1 it multiplies.
CASES = {
    "scikit-learn": (
        lambda: LogisticRegression(class_weight={0: 1, 1: 4}),
        "class_weight",
        4,
    ),
    "LightGBM is_unbalance": (lambda: lightgbm(is_unbalance=True), "is_unbalance", 9),
    "LightGBM unbalance": (lambda: lightgbm(unbalance=True), "unbalance", 9),
    "LightGBM unbalanced_sets": (
        lambda: lightgbm(unbalanced_sets=True),
        "unbalanced_sets",
        9,
    ),
    "LightGBM scale_pos_weight": (
        lambda: lightgbm(scale_pos_weight=3),
        "scale_pos_weight",
        3,
    ),
    "LightGBM neg_subsample": (
        lambda: lightgbm(neg_subsample=0.25, subsample_freq=1),
        "neg_subsample",
        4,
    ),
    "LightGBM pos_bagging_fraction": (
        lambda: lightgbm(pos_bagging_fraction=0.5, bagging_freq=2),
        "pos_bagging_fraction",
        0.5,
    ),
    "XGBoost": (lambda: xgboost(scale_pos_weight=7), "scale_pos_weight", 7),
    "CatBoost class_weights": (
        lambda: catboost(class_weights=(1, 6)),
        "class_weights",
        6,
    ),
    "CatBoost class_weights, dict": (
        lambda: catboost(class_weights={0: 1, 1: 6}),
        "class_weights",
        6,
    ),
    "CatBoost auto_class_weights": (
        lambda: catboost(auto_class_weights="SqrtBalanced"),
        "auto_class_weights",
        3,
    ),
    "CatBoost focal_alpha": (
        lambda: catboost(loss_function="Focal:focal_alpha=0.75;focal_gamma=2"),
        "loss_function",
        3,
    ),
    "skorch criterion__weight": (
        lambda: net(criterion__weight=tensor(0.5, 4.0)),
        "criterion__weight",
        8,
    ),
    "skorch criterion__pos_weight": (
        lambda: net(criterion__pos_weight=tensor(5.0)),
        "criterion__pos_weight",
        5,
    ),
    "skorch criterion with weights": (
        lambda: net(criterion=criterion(weight=tensor(1.0, 3.0))),
        "criterion",
        3,
    ),
    "skorch criterion with pos_weight": (
        lambda: net(criterion=criterion("BCEWithLogitsLoss", pos_weight=tensor(3.0))),
        "criterion",
        3,
    ),
    "skorch partial": (
        lambda: net(
            criterion=partial(library("torch").nn.NLLLoss, weight=tensor(1.0, 2.0))
        ),
        "criterion",
        2,
    ),
    "skorch balanced batches": (
        lambda: net(iterator_train__batch_sampler=BalancedBatches([0] * 9 + [1], 4)),
        "iterator_train__batch_sampler",
        9,
    ),
    "skorch weighted sampler": (
        lambda: net(
            iterator_train__sampler=library("torch").utils.data.WeightedRandomSampler(
                [1.0, 2.0], 2
            )
        ),
        "iterator_train__sampler",
        1,  # which rows it draws more often, nobody can tell
    ),
    "scikeras class_weight": (
        lambda: keras_net(class_weight="balanced"),
        "class_weight",
        9,
    ),
    "scikeras fit__class_weight": (
        lambda: keras_net(fit__class_weight={0: 1.0, 1: 3.0}),
        "fit__class_weight",
        3,
    ),
    "Keras fit_kwargs": (
        lambda: library("keras").wrappers.SKLearnClassifier(
            model=lambda X, y: None, fit_kwargs={"class_weight": {0: 1.0, 1: 3.0}}
        ),
        "fit_kwargs",
        3,
    ),
    "in-context models": (lambda: InContext(True), "balance_probabilities", 9),
}

NEUTRAL = {
    "LightGBM": lambda: lightgbm(
        is_unbalance=False, unbalance=False, scale_pos_weight=1.0, neg_subsample=0.2
    ),
    "XGBoost": lambda: xgboost(scale_pos_weight=1),
    "CatBoost": lambda: catboost(
        auto_class_weights="None", loss_function="Focal:focal_alpha=0.5;focal_gamma=2"
    ),
    "skorch": lambda: net(criterion__weight=None),
    "skorch object": lambda: net(criterion=criterion()),
    "skorch even sampler": lambda: net(
        iterator_train__sampler=library("torch").utils.data.WeightedRandomSampler(
            [1.0, 1.0], 2
        )
    ),
    "scikeras": lambda: keras_net(),
    "in-context models": lambda: InContext(),
    "forest": lambda: RandomForestClassifier(criterion="entropy"),
}


@pytest.mark.parametrize(("make", "name", "odds"), CASES.values(), ids=list(CASES))
def test_the_parameter_is_found_at_every_depth(make, name, odds):
    model = make()
    [(parameter, _)] = balances_itself(model)
    assert parameter == name
    [(parameter, _)] = balances_itself(make_pipeline(StandardScaler(), model))
    assert parameter.endswith(f"__{name}")
    [(parameter, _)] = balances_itself(GridSearchCV(model, {}))
    assert parameter == f"estimator__{name}"


@pytest.mark.parametrize(("make", "name", "odds"), CASES.values(), ids=list(CASES))
def test_it_multiplies_classes_as_the_library_does(make, name, odds):
    multiplier = inner_multiplier(make(), np.array([0, 1]), 1000 * SHARE)
    assert_allclose(multiplier[1] / multiplier[0], odds)


@pytest.mark.parametrize("make", NEUTRAL.values(), ids=list(NEUTRAL))
def test_values_that_do_not_balance_are_left_in_peace(make):
    model = make()
    assert balances_itself(model) == []
    multiplier = inner_multiplier(model, np.array([0, 1]), 1000 * SHARE)
    assert_allclose(multiplier, 1)


def test_three_classes_have_a_weight_each():
    share = np.array([0.7, 0.2, 0.1])
    model = net(criterion__weight=tensor(1.0, 2.0, 6.0))
    multiplier = inner_multiplier(model, np.arange(3), share)
    assert_allclose(multiplier, [1, 2, 6])
    model = xgboost(scale_pos_weight=5)  # which XGBoost ignores for three classes
    assert_allclose(inner_multiplier(model, np.arange(3), share), 1)


# -- what resamples --------------------------------------------------------------------


def samplers():
    from imblearn.combine import SMOTEENN
    from imblearn.over_sampling import SMOTE, RandomOverSampler
    from imblearn.under_sampling import RandomUnderSampler

    from skweight.resampling import WeightedSampler

    return {
        "smote": SMOTE(random_state=0),
        "randomoversampler": RandomOverSampler(random_state=0),
        "randomundersampler": RandomUnderSampler(random_state=0),
        "smoteenn": SMOTEENN(random_state=0),
        "weightedsampler": WeightedSampler(SMOTE(random_state=0)),
    }


@pytest.mark.parametrize("name", list(samplers()))
def test_samplers_in_pipelines_are_found(name):
    from imblearn.pipeline import make_pipeline as their_pipeline

    sampler = samplers()[name]
    for make in (our_pipeline, their_pipeline):
        model = make(StandardScaler(), sampler, LogisticRegression())
        assert [parameter for parameter, _ in balances_itself(model)] == [name]
        inside = make_pipeline(model)
        [(parameter, value)] = balances_itself(inside)
        assert parameter == f"pipeline__{name}"
        assert type(value) is type(sampler)
        assert inside.get_params()[parameter] is value


def test_a_sampler_is_to_be_removed_and_a_parameter_to_be_reset():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = np.arange(200) % 5 == 0
    sampler = samplers()["randomoversampler"]
    for model, says in (
        (our_pipeline(sampler, LogisticRegression()), "Remove randomoversampler, or"),
        (LogisticRegression(class_weight="balanced"), "Set class_weight back to its"),
    ):
        with pytest.warns(DoubleCountingWarning, match=says):
            WeightedClassifier(model, calibration=None).fit(X, y)


def test_what_cleans_does_not_balance():
    from imblearn import FunctionSampler
    from imblearn.under_sampling import EditedNearestNeighbours, TomekLinks

    from skweight.resampling import WeightedSampler

    for sampler in (
        TomekLinks(),
        EditedNearestNeighbours(),
        WeightedSampler(TomekLinks()),
        FunctionSampler(func=None),
    ):
        assert balances_itself(our_pipeline(sampler, LogisticRegression())) == []


@pytest.mark.parametrize(
    "name",
    [
        "BalancedRandomForestClassifier",
        "BalancedBaggingClassifier",
        "EasyEnsembleClassifier",
        "RUSBoostClassifier",
    ],
)
def test_balanced_ensembles_are_found(name):
    import imblearn.ensemble

    ensemble = getattr(imblearn.ensemble, name)()
    [(parameter, _)] = balances_itself(make_pipeline(ensemble))
    assert parameter.endswith("__sampling_strategy")


def test_a_balanced_ensemble_with_a_sampler_of_its_own_is_found_once():
    from imblearn.ensemble import BalancedBaggingClassifier
    from imblearn.over_sampling import RandomOverSampler

    ensemble = BalancedBaggingClassifier(sampler=RandomOverSampler())
    assert [name for name, _ in balances_itself(ensemble)] == ["sampling_strategy"]


def test_a_frozen_model_is_not_going_to_balance():
    model = LogisticRegression(class_weight="balanced").fit([[0], [1]], [0, 1])
    assert balances_itself(FrozenEstimator(model)) == []


# -- the warning -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(800, 3)).astype(np.float32)
    return X, (X[:, 0] + rng.normal(size=800) > 1.8).astype(int)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: lightgbm(unbalance=True), "unbalance=True"),
        (lambda: xgboost(scale_pos_weight=9), "scale_pos_weight=9"),
        (
            lambda: our_pipeline(samplers()["smote"], LogisticRegression()),
            "smote=SMOTE",
        ),
        (lambda: net(criterion__weight=tensor(1.0, 9.0)), "criterion__weight="),
    ],
)
def test_weights_beside_it_warn_and_name_it(make, word, rows):
    X, y = rows
    with pytest.warns(UserWarning, match=".") as caught:
        WeightedClassifier(
            make(), calibration=None, unsupported="resample", random_state=0
        ).fit(X, y)
    ours = [w for w in caught if issubclass(w.category, DoubleCountingWarning)]
    assert any(word in str(w.message) for w in ours), [str(w.message) for w in caught]


def test_a_weighted_criterion_alone_is_inverted(rows):
    X, y = rows
    torch = library("torch")
    torch.manual_seed(0)
    weight = torch.tensor([1.0, float((y == 0).sum() / (y == 1).sum())])
    model = net(
        criterion__weight=weight,
        batch_size=-1,
        max_epochs=150,
        lr=0.5,
        train_split=None,
    )
    clf = WeightedClassifier(model, weighting=None, calibration="prior").fit(X, y)
    with torch.no_grad():
        logits = clf.estimator_.forward(X).numpy()
    # The last layer has no softmax: skorch takes logits for probabilities there.
    assert logits.shape == (800, 2)
    ratio = clf.class_multiplier_[1] / clf.class_multiplier_[0]
    assert_allclose(ratio, float(weight[1]), rtol=1e-6)


# -- labels that lose a balance --------------------------------------------------------


def balanced_inside():
    from imblearn.ensemble import BalancedRandomForestClassifier
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.pipeline import make_pipeline as their_pipeline

    over = their_pipeline(RandomOverSampler(random_state=0), LogisticRegression())
    return {
        "pipeline": over,
        "search": GridSearchCV(over, {"logisticregression__C": [1.0]}, cv=2),
        "forest": BalancedRandomForestClassifier(5, random_state=0),
    }


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("labels", [[0, 1], ["fine", "fraud"]])
@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("name", ["pipeline", "search", "forest"])
def test_labels_that_lose_the_balance_of_a_sampler_are_warned_of(
    name, calibration, labels, rows
):
    X, y = rows
    clf = WeightedClassifier(
        balanced_inside()[name], weighting=None, calibration=calibration, cv=2
    )
    sentence = r"set decision='balanced'. .* set calibration=None"
    with pytest.warns(CalibrationWarning, match=sentence):
        clf.fit(X, np.array(labels)[y])


@pytest.mark.parametrize(
    "params",
    [
        {"decision": "balanced"},
        {"decision": "argmax"},
        {"calibration": None},
        {"estimator": LogisticRegression(class_weight="balanced")},
        {"estimator": our_pipeline(*balanced_inside()["pipeline"])},
    ],
    ids=str,
)
def test_labels_that_are_what_was_asked_for_are_not_warned_of(params, rows):
    X, y = rows
    params = {
        "estimator": balanced_inside()["pipeline"],
        "calibration": "sigmoid",
        **params,
    }
    clf = WeightedClassifier(**params, weighting=None, cv=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.fit(X, y)
        if params["calibration"] is not None and "decision" not in params:
            return
        even = np.flatnonzero(y == 1)
        even = np.r_[even, np.flatnonzero(y == 0)[: even.size]]
        clf.set_params(decision="auto").fit(X[even], y[even])  # nothing to balance
