"""Class weights among the parameters of the wrapped estimator are emphasis, too."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import recall_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skweight import WeightedClassifier
from skweight.datasets import make_imbalanced
from skweight.delivery._balancing import inner_multiplier
from skweight.exceptions import DoubleCountingWarning

CLASSES = np.array(["fine", "fraud"])
SHARE = np.array([0.95, 0.05])


class Boosting(ClassifierMixin, BaseEstimator):
    """The parameters of the packages that are not installed everywhere."""

    def __init__(
        self,
        class_weight=None,
        class_weights=None,
        scale_pos_weight=None,
        is_unbalance=False,
        auto_class_weights=None,
        loss_function="Logloss",
    ):
        self.class_weight = class_weight
        self.class_weights = class_weights
        self.scale_pos_weight = scale_pos_weight
        self.is_unbalance = is_unbalance
        self.auto_class_weights = auto_class_weights
        self.loss_function = loss_function


@pytest.mark.parametrize(
    ("params", "ratio"),
    [
        ({}, 1),
        ({"class_weight": "balanced"}, 19),
        ({"class_weight": "balanced_subsample"}, 19),
        ({"class_weight": {"fraud": 7}}, 7),
        ({"class_weights": [1.0, 5.0]}, 5),
        ({"class_weights": np.array([1.0, 5.0])}, 5),
        ({"scale_pos_weight": 3}, 3),
        ({"scale_pos_weight": 3, "class_weight": {"fine": 0.5}}, 6),
        ({"is_unbalance": True}, 19),
        ({"auto_class_weights": "Balanced"}, 19),
        ({"auto_class_weights": "SqrtBalanced"}, 19**0.5),
        ({"auto_class_weights": "None"}, 1),
        ({"loss_function": "Focal:focal_alpha=0.8;focal_gamma=2"}, 4),
        ({"loss_function": "Focal:focal_gamma=2"}, 1),
        ({"class_weight": [{0: 1, 1: 2}, {0: 1, 1: 3}]}, 1),
    ],
    ids=repr,
)
def test_what_a_parameter_multiplies(params, ratio):
    fine, fraud = inner_multiplier(Boosting(**params), CLASSES, SHARE)
    assert_allclose(fraud / fine, ratio)


@pytest.mark.parametrize("weighting", [None, "balanced"])
def test_a_frozen_model_is_inverted_once(data, weighting):
    """By its parameter, or by what the caller says that it was weighted by."""
    frozen = FrozenEstimator(BALANCED.fit(data.X[:3000], data.y[:3000]))
    clf = WeightedClassifier(frozen, weighting=weighting, calibration="prior")
    clf.fit(data.X[3000:], data.y[3000:])
    mean = clf.predict_proba(data.X[3000:])[:, 1].mean()
    assert_allclose(mean, data.y[3000:].mean(), rtol=0.15)


@pytest.fixture(scope="module")
def data():
    return make_imbalanced(6000, prevalence=0.05, random_state=0)


BALANCED = LogisticRegression(class_weight="balanced")
WRAPPED = [
    BALANCED,
    make_pipeline(StandardScaler(), LogisticRegression(class_weight={0: 1, 1: 19})),
    GridSearchCV(LogisticRegression(), {"class_weight": ["balanced"]}),
]


@pytest.mark.parametrize("model", WRAPPED, ids=lambda model: type(model).__name__)
def test_the_inversion_takes_it_out(data, model):
    """As if the same weights had come from weighting=."""
    inner = WeightedClassifier(model, weighting=None, calibration="prior")
    inner.fit(data.X[:3000], data.y[:3000])
    new = data.X[3000:]
    assert_allclose(
        inner.predict_proba(new)[:, 1].mean(), data.y[3000:].mean(), rtol=0.05
    )
    outer = WeightedClassifier(calibration="prior").fit(data.X[:3000], data.y[:3000])
    ratios = [np.divide(*model.class_multiplier_[::-1]) for model in (inner, outer)]
    assert_allclose(*ratios, rtol=0.1)
    assert inner.report_.training_share == pytest.approx([0.5, 0.5], abs=0.03)


def test_labels_keep_the_recall_of_the_weighted_model(data):
    forest = RandomForestClassifier(
        50, min_samples_leaf=5, class_weight="balanced_subsample", random_state=0
    )
    clf = WeightedClassifier(forest, weighting=None, cv="oob", calibration="sigmoid")
    clf.fit(data.X[:3000], data.y[:3000])
    assert recall_score(data.y[3000:], clf.predict(data.X[3000:])) > 0.7
    assert clf.threshold_ < 0.1


def test_a_prevalence_cannot_be_set_on_uncalibrated_weights(data):
    clf = WeightedClassifier(BALANCED, weighting=None, calibration=None).fit(
        data.X, data.y
    )
    with pytest.raises(ValueError, match="this fit was weighted"):
        clf.set_prevalence({1: 0.05})


def test_the_report_says_where_the_emphasis_comes_from(data):
    clf = WeightedClassifier(BALANCED, weighting=None, calibration=None).fit(
        data.X, data.y
    )
    said = "none; the estimator has class_weight='balanced' (emphasis)"
    assert clf.report_.weighting == said


def test_fold_models_of_a_search_are_all_asked(data):
    """Searches of the folds find weights of their own."""
    grid = {"class_weight": [{1: 2.0}, {1: 4.0}]}
    search = GridSearchCV(DecisionTreeClassifier(max_depth=3, random_state=0), grid)
    clf = WeightedClassifier(
        search, weighting=None, calibration="anchored", ensemble=True, random_state=0
    ).fit(data.X[:1000], data.y[:1000])
    collected = [
        estimator.best_params_["class_weight"][1] for estimator in clf.estimators_
    ]
    assert_allclose(clf.class_multiplier_, [1, np.mean(collected)])


@pytest.mark.filterwarnings("ignore:The closed-form inversion may not hold")
def test_a_stream_goes_on_with_the_same_emphasis(data):
    sgd = SGDClassifier(loss="log_loss", class_weight={1: 9.0}, random_state=0)
    clf = WeightedClassifier(sgd, weighting=None, calibration="prior")
    for start in (False, True):
        if start:
            clf.fit(data.X[:1000], data.y[:1000])
        for _ in range(3):
            clf.partial_fit(data.X[1000:2000], data.y[1000:2000], classes=[0, 1])
            assert_allclose(clf.class_multiplier_, [1, 9])


# Before scikit-learn 1.7 the rows are balanced and the weights are not: both are said.
@pytest.mark.filterwarnings("ignore:The closed-form inversion may not hold")
def test_balance_by_rows_or_by_weights_is_not_known():
    """Some estimators balance rows and some weights: not guessed in silence."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 500)
    X = rng.normal(size=(500, 2)) + y[:, np.newaxis]
    weight = np.where(y == 1, 1.0, 20.0) * rng.uniform(0.5, 1.5, 500)
    clf = WeightedClassifier(BALANCED, weighting=None, calibration="prior")
    with pytest.warns(
        DoubleCountingWarning, match="may be wrong by this factor"
    ) as caught:
        clf.fit(X, y, sample_weight=weight)
    (warning,) = [each for each in caught if each.category is DoubleCountingWarning]
    assert warning.filename == __file__
