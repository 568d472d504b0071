"""Weights in a stream: running class masses, forgetting, drawing for weighing."""

import gc
import inspect
import pickle
import weakref
from unittest import mock

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB

from skweight import (
    BalancedWeighting,
    ColumnWeighting,
    CostMatrix,
    CostWeighting,
    DensityRatioWeighting,
    EffectiveNumberWeighting,
    FunctionWeighting,
    PriorWeighting,
    Streaming,
    WeightedClassifier,
)
from skweight._fit import partial as _partial
from skweight._fit import stream as _stream
from skweight._utils import validation as _validation
from skweight.delivery import _deliver
from skweight.exceptions import UnsupportedWeightsError


class Learner(ClassifierMixin, BaseEstimator):
    """Learns nothing and keeps every chunk it was given."""

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        if classes is not None:
            self.classes_ = np.asarray(classes)
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        self.chunks_ = [*getattr(self, "chunks_", []), (X, y, weight)]
        return self

    def fit(self, X, y, sample_weight=None):
        self.__dict__.pop("chunks_", None)
        return self.partial_fit(X, y, np.unique(y), sample_weight)

    def predict_proba(self, X):
        return np.full((len(X), self.classes_.size), 1 / self.classes_.size)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class Unweighted(Learner):
    """The same, without weights."""

    def partial_fit(self, X, y, classes=None):
        return super().partial_fit(X, y, classes)

    def fit(self, X, y):
        return super().fit(X, y)


@pytest.fixture
def rows(rng):
    X = rng.uniform(0.5, 1.5, size=(200, 2))
    return X, (np.arange(200) % 10 == 3).astype(int), rng.uniform(0.5, 2, 200)


def in_chunks(clf, X, y, size=20, sample_weight=None, classes=(0, 1)):
    for start in range(0, len(y), size):
        chunk = slice(start, start + size)
        weight = None if sample_weight is None else sample_weight[chunk]
        clf.partial_fit(X[chunk], y[chunk], classes, weight)
    return clf


STRATEGIES = {
    "balanced": BalancedWeighting(strength=0.7),
    "effective number": EffectiveNumberWeighting(beta=0.9),
    "prior": PriorWeighting({0: 0.5, 1: 0.5}),
    "dict": {0: 1, 1: 3},
    "function": FunctionWeighting(lambda X, y: X[:, 0]),
    "column": ColumnWeighting(0),
    "cost": CostWeighting(CostMatrix.from_dict({0: {1: 1}, 1: {0: 9}})),
    "product": [PriorWeighting({0: 0.6, 1: 0.4}), "balanced", ColumnWeighting(1)],
    "none": None,
}


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_stream_of_one_chunk_is_weighted_as_a_fit(rows, name, weighted):
    X, y, weight = rows
    clf = WeightedClassifier(Learner(), weighting=STRATEGIES[name], calibration=None)
    weight = weight if weighted else None
    streamed = clone(clf).partial_fit(X, y, [0, 1], weight)
    fitted = clone(clf).fit(X, y, weight)
    (given,), (expected,) = streamed.estimator_.chunks_, fitted.estimator_.chunks_
    # A fit sets the mean of the product to one, a stream cannot know it.
    assert_allclose(given[2] / given[2].mean(), expected[2] / expected[2].mean())
    assert_array_equal(given[0], expected[0])
    for one in ("rows", "population_share", "training_share", "effective_rows"):
        assert_allclose(getattr(streamed.report_, one), getattr(fitted.report_, one))
    assert streamed.report_.weighting == fitted.report_.weighting
    if STRATEGIES[name] is not None and name != "product":
        assert_allclose(streamed.weighting_.weigh(X, y), fitted.weighting_.weigh(X, y))


@pytest.mark.parametrize("half_life", [None, 30.0])
def test_class_weights_follow_the_masses_so_far(rows, half_life):
    X, y, weight = rows
    clf = WeightedClassifier(
        Learner(),
        streaming=Streaming(half_life=half_life),
        normalize=False,
        calibration=None,
    )
    in_chunks(clf, X, y, 20, weight)
    for number, (_, labels, given) in enumerate(clf.estimator_.chunks_):
        end = 20 * (number + 1)
        faded = weight[:end]
        if half_life is not None:
            faded = faded * 0.5 ** (np.arange(end)[::-1] / half_life)
        mass = np.bincount(y[:end], faded)
        expected = mass.sum() / (2 * mass)
        assert_allclose(given, (weight[end - 20 : end] * expected[labels]))


@pytest.mark.parametrize("half_life", [None, 30.0])
def test_masses_do_not_depend_on_the_chunks(rows, half_life):
    X, y, weight = rows
    clf = WeightedClassifier(
        Learner(), streaming=Streaming(half_life=half_life), calibration=None
    )
    few, many = (in_chunks(clone(clf), X, y, size, weight) for size in (200, 8))
    assert_allclose(few.weighting_.class_weight_, many.weighting_.class_weight_)


def test_the_start_is_corrected_as_that_of_adam(rows):
    X, y, _ = rows
    beta = 0.5 ** (20 / 30)  # what is left of a moving average after 20 rows
    clf = WeightedClassifier(
        Learner(), streaming=Streaming(half_life=30.0), calibration=None
    )
    average = np.zeros(2)
    for step in range(1, 11):
        chunk = slice(20 * (step - 1), 20 * step)
        clf.partial_fit(X[chunk], y[chunk], [0, 1])
        within = 0.5 ** (np.arange(20)[::-1] / 30)
        share = np.bincount(y[chunk], within) / within.sum()
        average = beta * average + (1 - beta) * share
        corrected = average / (1 - beta**step)
        assert_allclose(clf.weighting_.class_weight_, 0.5 / corrected)


def test_forgetting_follows_a_change():
    y = np.r_[np.tile([0, 0, 0, 1], 250), np.tile([0, 1, 1, 1], 250)]
    X = np.zeros((2000, 1))
    shares = {}
    for half_life in (None, 50.0):
        clf = WeightedClassifier(
            Learner(), streaming=Streaming(half_life=half_life), calibration=None
        )
        shares[half_life] = in_chunks(clf, X, y, 50).report_.population_share[1]
    assert abs(shares[None] - 0.5) < 0.01
    assert abs(shares[50.0] - 0.75) < 0.02


@pytest.mark.parametrize(("mode", "drawn"), [("sample", 1.0), ("hybrid", 0.5)])
def test_rows_are_drawn_by_their_weights_and_weighted_by_the_rest(rows, mode, drawn):
    X, y, weight = rows
    X = np.column_stack([np.arange(200), X[:, 0]])
    total = weight * BalancedWeighting().fit_weigh(X, y, weight)
    times, mass = np.zeros(200), np.zeros(200)
    for seed in range(400):
        clf = WeightedClassifier(
            Learner(),
            streaming=mode,
            normalize=False,
            random_state=seed,
            calibration=None,
        ).partial_fit(X, y, [0, 1], weight)
        ((seen, labels, given),) = clf.estimator_.chunks_
        at = seen[:, 0].astype(int)
        count = np.bincount(at, minlength=200)
        assert np.abs(count - total**drawn).max() < 1  # one off at most, every time
        assert_array_equal(labels, y[at])
        assert_allclose(given, total[at] ** (1 - drawn))
        times += count / 400
        mass += np.bincount(at, given, 200) / 400
    assert_allclose(times, total**drawn, atol=0.15)
    assert_allclose(mass, total, atol=0.4)


def test_what_is_drawn_hangs_on_the_seed_and_on_the_call(rows):
    X, y, _ = rows

    def drawn(seed):
        clf = WeightedClassifier(
            Learner(), streaming="sample", random_state=seed, calibration=None
        )
        return [chunk[0] for chunk in in_chunks(clf, X, y, 100).estimator_.chunks_]

    assert_array_equal(drawn(0)[1], drawn(0)[1])
    assert not np.array_equal(drawn(0)[1], drawn(1)[1])
    same = [np.tile(rows[0][:100], (2, 1)), np.tile(y[:100], 2)]
    clf = WeightedClassifier(
        Learner(),
        weighting={0: 0.5, 1: 5.0},
        streaming="sample",
        random_state=0,
        calibration=None,
    )
    first, second = (
        chunk[0] for chunk in in_chunks(clf, *same, 100).estimator_.chunks_
    )
    assert not np.array_equal(first, second)


def test_population_weights_are_of_mean_one_in_the_long_run(rows):
    X, y, weight = rows
    clf = WeightedClassifier(Learner(), weighting=None, calibration=None)
    for scale in (1.0, 1e-6):
        given = in_chunks(clone(clf), X, y, 20, scale * weight).estimator_.chunks_
        assert_allclose(given[-1][2], weight[-20:] / weight.mean())


def test_the_inversion_gives_honest_probabilities_in_a_stream(rng):
    X = rng.normal(size=(6000, 1))
    y = (rng.uniform(size=6000) < 1 / (1 + np.exp(4 - 1.5 * X[:, 0]))).astype(int)
    clf = WeightedClassifier(GaussianNB(), calibration="prior")
    plain, honest = clone(clf).set_params(calibration=None), clf
    in_chunks(plain, X, y, 500)
    in_chunks(honest, X, y, 500)
    assert plain.predict_proba(X)[:, 1].mean() > 5 * y.mean()
    assert_allclose(honest.predict_proba(X)[:, 1].mean(), y.mean(), rtol=0.15)
    # Labels follow the emphasis after the inversion, as in a fit.
    assert (honest.predict(X) == plain.predict(X)).mean() > 0.98
    assert honest.decision_ is not None


def test_what_would_hold_rows_out_is_refused(rows):
    X, y, _ = rows
    for params, name in (
        ({"calibration": "sigmoid"}, "calibration"),
        ({"calibration": "prior", "decision": "tuned"}, "decision"),
    ):
        clf = WeightedClassifier(GaussianNB(), **{"calibration": None, **params})
        with pytest.raises(AttributeError) as caught:
            clf.partial_fit(X, y, [0, 1])
        assert f"{name}=" in str(caught.value)
        assert "FrozenEstimator" in str(caught.value)


def test_a_resampler_of_all_rows_is_refused(rows):
    X, y, _ = rows
    clf = WeightedClassifier(GaussianNB(), resampler="random_over", calibration=None)
    with pytest.raises(AttributeError) as caught:
        clf.partial_fit(X, y, [0, 1])
    assert "streaming='sample'" in str(caught.value)


def test_a_strategy_that_needs_all_rows_is_refused(rows):
    X, y, _ = rows
    for weighting in (
        DensityRatioWeighting(X, estimator="kliep"),
        [DensityRatioWeighting(X, estimator="kliep"), "balanced"],
    ):
        clf = WeightedClassifier(GaussianNB(), weighting=weighting, calibration=None)
        with pytest.raises(TypeError, match="Weighting learns from all rows"):
            clf.partial_fit(X, y, [0, 1])


def test_classes_are_told_once_and_stay(rows):
    X, y, _ = rows
    words = np.where(y == 1, "rare", "common")
    clf = WeightedClassifier(Learner(), calibration=None)
    with pytest.raises(ValueError, match="needs classes="):
        clf.partial_fit(X, words)
    clf.partial_fit(X, words, ["rare", "common", "never"]).partial_fit(X, words)
    assert [*clf.classes_] == ["common", "never", "rare"]
    assert clf.predict_proba(X).shape == (200, 3)
    with pytest.raises(ValueError, match="the same as in the first call"):
        clf.partial_fit(X, words, ["rare", "common"])
    with pytest.raises(ValueError, match="partial_fit"):
        clf.partial_fit(X, np.where(y == 1, "other", "common"))


def test_what_stays_of_a_learner_is_looked_up_once(rows):
    """Its routing, its balancing parameters, and labels among all classes."""
    X, y = rows[:2]
    clf = WeightedClassifier(SGDClassifier(random_state=0), calibration=None)
    with (
        mock.patch.object(
            _stream, "learns_with_weights", wraps=_stream.learns_with_weights
        ) as asked,
        mock.patch.object(
            _partial, "balances_itself", wraps=_partial.balances_itself
        ) as balancing,
        mock.patch.object(
            SGDClassifier,
            "partial_fit",
            autospec=True,
            side_effect=SGDClassifier.partial_fit,
        ) as learned,
    ):
        for start in range(0, 60, 20):
            clf.partial_fit(X[start : start + 20], y[start : start + 20], np.unique(y))
    assert asked.call_count == balancing.call_count == 1
    assert ["classes" in call.kwargs for call in learned.call_args_list] == [1, 0, 0]


def test_a_class_that_is_still_to_come_holds_its_place(rows):
    X, y, _ = rows
    clf = WeightedClassifier(Learner(), calibration=None)
    clf.partial_fit(X[:3], y[:3], [0, 1])  # of class 0 alone
    assert_allclose(clf.estimator_.chunks_[0][2], 0.5)
    clf.partial_fit(X[3:20], y[3:20])
    assert_allclose(clf.estimator_.chunks_[1][2][0], 20 / (2 * 2))


def test_a_stabilizer_bounds_what_the_first_of_a_class_counts(rows):
    X, y, _ = rows
    y = np.zeros(200, int)
    y[150] = 1
    clf = WeightedClassifier(Learner(), stabilizer=5.0, calibration=None)
    given = in_chunks(clf, X, y, 50).estimator_.chunks_[3][2]
    assert given.max() / given.mean() <= 5 + 1e-9
    free = in_chunks(
        WeightedClassifier(Learner(), calibration=None), X, y, 50
    ).estimator_.chunks_[3][2]
    assert free.max() / free.mean() > 20


def test_learners_without_weights_raise_or_are_given_drawn_rows(rows):
    X, y, _ = rows
    clf = WeightedClassifier(Unweighted(), calibration=None)
    with pytest.raises(UnsupportedWeightsError, match="partial_fit of Unweighted"):
        clf.partial_fit(X, y, [0, 1])
    for params in ({"unsupported": "resample"}, {"streaming": "sample"}):
        drawn = clone(clf).set_params(**params, random_state=0)
        drawn.partial_fit(X, y, [0, 1])
        assert abs(drawn.estimator_.chunks_[0][1].mean() - 0.5) < 0.02
        assert drawn.report_.deliveries[0].way == "resample"
    plain = WeightedClassifier(
        Unweighted(), weighting=None, calibration=None
    ).partial_fit(X, y, [0, 1])
    assert plain.report_.deliveries == []
    assert not hasattr(
        WeightedClassifier(LogisticRegression(), calibration=None), "partial_fit"
    )
    with pytest.raises(TypeError, match="cannot update"):
        WeightedClassifier(
            FrozenEstimator(GaussianNB().fit(X, y)), calibration=None
        ).partial_fit(X, y)


def test_it_goes_on_after_a_fit(rows):
    X, y, weight = rows
    clf = WeightedClassifier(
        Learner(), weighting=["balanced", ColumnWeighting(0)], calibration=None
    )
    whole = clone(clf).partial_fit(X, y, [0, 1], weight)
    half = clone(clf).fit(X[:100], y[:100], weight[:100])
    half.partial_fit(X[100:], y[100:], sample_weight=weight[100:])
    assert len(half.estimator_.chunks_) == 2
    assert half.report_.rows == whole.report_.rows
    share = half.report_.population_share
    assert_allclose(share, whole.report_.population_share, rtol=2e-3)
    last = half.estimator_.chunks_[1][2] / whole.estimator_.chunks_[0][2][100:]
    assert_allclose(last, last[0], rtol=0.1)
    half.fit(X, y)  # begins anew
    assert half.report_.n_rows == 200


def test_a_stream_is_pickled_in_the_middle(rows):
    X, y, _ = rows
    clf = WeightedClassifier(
        Learner(), streaming="hybrid", random_state=0, calibration=None
    )
    clf.partial_fit(X, y, [0, 1])
    again = pickle.loads(pickle.dumps(clf))
    for model in (clf, again):
        model.partial_fit(X, y)
    assert_array_equal(clf.estimator_.chunks_[1][0], again.estimator_.chunks_[1][0])
    assert not hasattr(clone(clf), "_stream")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weighting", None),
        ("weighting", {0: 1.0, 1: 9.0}),
        ("weighting__strength", 0.5),
        ("estimator", GaussianNB(var_smoothing=0.1)),
        ("estimator__alpha", 0.1),
        ("streaming", "sample"),
        ("streaming__half_life", 10.0),
    ],
)
def test_what_a_stream_began_with_cannot_be_set_to_something_else(rows, name, value):
    X, y, _ = rows
    clf = WeightedClassifier(
        SGDClassifier(alpha=1e-3, random_state=np.random.RandomState(0)),
        weighting=BalancedWeighting() * FunctionWeighting(lambda X, y: np.ones(len(y)))
        if name == "weighting"
        else BalancedWeighting(),
        streaming=Streaming(),
        calibration=None,
    )
    clf.partial_fit(X, y, [0, 1])
    before = clf.get_params()[name]
    clf.set_params(**{name: value})
    multiplier = clf.class_multiplier_
    changed = name.partition("__")[0]
    with pytest.raises(ValueError, match=f"^{changed} changed since the first call"):
        clf.partial_fit(X, y)
    assert clf.class_multiplier_ is multiplier
    clf.set_params(**{name: before}).partial_fit(X, y)  # set back, it goes on
    clf.set_params(calibration="prior", normalize=True)  # read for every chunk


def test_no_strategy_cannot_become_one_in_a_stream(rows):
    X, y, _ = rows
    clf = WeightedClassifier(GaussianNB(), weighting=None).partial_fit(X, y, [0, 1])
    clf.set_params(weighting="balanced")
    with pytest.raises(ValueError, match="weighting=None again"):
        clf.partial_fit(X, y)
    y_all = np.concatenate([y, y])
    anew = clone(clf).partial_fit(np.concatenate([X, X]), y_all, [0, 1])
    assert isinstance(anew.weighting_, BalancedWeighting)


@pytest.mark.parametrize("weighting", [None, EffectiveNumberWeighting(0.9)])
def test_a_strategy_that_is_new_since_the_fit_knows_the_rows_of_the_fit(weighting):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 2)), np.repeat([0, 1], [270, 30])
    last = np.concatenate([np.arange(20), np.arange(280, 300)])  # as many of each
    clf = WeightedClassifier(Learner(), weighting=weighting, calibration=None)
    clf.fit(X, y).set_params(weighting="balanced").partial_fit(X[last], y[last])
    weights = clf.estimator_.chunks_[-1][2]
    assert weights[-1] / weights[0] == pytest.approx(290 / 50)


def test_its_parameters_are_searched(rows):
    X, y, _ = rows
    clf = WeightedClassifier(SGDClassifier(), calibration=None)
    clf.set_params(streaming__half_life=10.0)
    assert clf.streaming.half_life == 10.0
    assert clf.streaming.mode == "weight"
    grid = {"streaming__mode": ["weight", "sample"]}
    assert GridSearchCV(clf, grid, cv=2).fit(X, y).best_params_
    for bad in ({"streaming": "weigth"}, {"streaming": Streaming("no")}):
        with pytest.raises(ValueError, match="weight"):
            WeightedClassifier(GaussianNB(), **bad).partial_fit(X, y, [0, 1])
    with pytest.raises(ValueError, match="half_life"):
        WeightedClassifier(
            GaussianNB(), streaming=Streaming(half_life=0), calibration=None
        ).partial_fit(X, y, [0, 1])


def test_drawing_steps_evenly_where_weights_do_not():
    """One rare row in a hundred, and a learning rate at which weights overshoot."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 5))
    y = (rng.uniform(size=20_000) < 1 / (1 + np.exp(5.5 - X.sum(axis=1)))).astype(int)
    losses = {}
    for mode in ("weight", "sample"):
        clf = WeightedClassifier(
            SGDClassifier(
                loss="log_loss",
                alpha=0,
                learning_rate="constant",
                eta0=0.2,
                random_state=0,
            ),
            streaming=mode,
            random_state=0,
            calibration=None,
        )
        in_chunks(clf, X, y, 500)
        p = np.clip(clf.predict_proba(X)[np.arange(y.size), y], 1e-15, 1)
        losses[mode] = np.average(
            -np.log(p), weights=BalancedWeighting().fit_weigh(X, y)
        )
    assert losses["sample"] < 0.8 * losses["weight"]


def test_a_stream_goes_on_from_the_population_mass_of_a_fit_and_not_its_rows(rng):
    """Class weights after fit and chunk are those of all rows at once."""
    X, y = rng.normal(size=(400, 2)), (np.arange(400) % 5 == 0).astype(int)
    weight = np.where(y == 1, 6.0, 0.5) * rng.uniform(0.5, 1.5, size=400)
    both = WeightedClassifier(GaussianNB(), calibration=None).fit(
        X, y, sample_weight=weight
    )
    for normalize in (True, False):
        clf = WeightedClassifier(GaussianNB(), normalize=normalize, calibration=None)
        clf.fit(X[:250], y[:250], sample_weight=weight[:250])
        clf.partial_fit(X[250:], y[250:], sample_weight=weight[250:])
        ratio = [model.weighting_.class_weight_ for model in (clf, both)]
        assert_allclose(ratio[0], ratio[1], rtol=1e-9)
        assert_allclose(clf.report_.population_share, both.report_.population_share)


# --- What a chunk costs ---------------------------------------------------------------


def two_chunks(learner):
    rng = np.random.default_rng(0)
    y = np.arange(40) % 4 == 0
    X = rng.normal(size=(40, 2)) + y[:, np.newaxis]
    clf = WeightedClassifier(learner)
    return clf.partial_fit(X, y, [False, True]).partial_fit(X, y), X, y


def test_a_later_chunk_reads_no_signature():
    """Reading those of all parts took half of the time of a small chunk."""
    clf, X, y = two_chunks(Learner())
    read = inspect.Signature.from_callable
    with mock.patch.object(inspect.Signature, "from_callable", wraps=read) as counted:
        clf.partial_fit(X, y)
        assert counted.call_count == 0
        SGDClassifier().get_params()  # scikit-learn reads them
        assert counted.call_count > 0


def test_a_later_chunk_encodes_its_labels_once():
    """Also the strategy, which gives each row the weight of its class, needs them."""
    clf, X, y = two_chunks(Learner())
    encode = _validation.encode_labels
    with mock.patch.object(_validation, "encode_labels", wraps=encode) as counted:
        clf.partial_fit(X, y.astype(int))
    assert counted.call_count == 1


def test_a_chunk_changes_no_setting_of_scikit_learn_that_is_right():
    """Setting all of them took longer than a weighted sum of a small chunk."""
    clf, X, y = two_chunks(Learner())
    change = _deliver.config_context
    with mock.patch.object(_deliver, "config_context", wraps=change) as counted:
        clf.partial_fit(X, y)
        assert counted.call_count == 0
        with config_context(enable_metadata_routing=True):
            clf.partial_fit(X, y)
        assert counted.call_count == 1


def test_the_report_of_a_chunk_is_made_when_it_is_asked_for():
    make = _partial.report_on
    with mock.patch.object(_partial, "report_on", wraps=make) as counted:
        clf, X, y = two_chunks(SGDClassifier(loss="log_loss", random_state=0))
        clf.partial_fit(X, y)
        clf.predict(X)
        repr(clf)
        assert counted.call_count == 0
        assert clf.report_ is clf.report_
        assert counted.call_count == 1
    assert clf.report_.n_rows == 120
    assert "in closed form" in clf.report_.calibration
    kept = str(clf.report_)
    clf.partial_fit(X, y)
    restored = pickle.loads(pickle.dumps(clf))
    assert "_make_report" not in vars(restored)
    assert restored.report_.n_rows == 160
    assert str(clf.report_) != kept
    assert clf.fit(X, y).report_.n_rows == 40


def test_no_chunk_stays_in_memory():
    clf, X, y = two_chunks(SGDClassifier(loss="log_loss", random_state=0))
    chunk = X.copy()
    kept = weakref.ref(chunk)
    clf.partial_fit(chunk, y)
    del chunk
    gc.collect()
    assert kept() is None
