"""How much emphasis a training gets, chosen by rows that nothing has learned from."""

import json
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.validation import has_fit_parameter

from skweight import (
    BalancedWeighting,
    ClassWeighting,
    CostMatrix,
    CostWeighting,
    EffectiveNumberWeighting,
    PriorWeighting,
    WeightedClassifier,
    WeightedRegressor,
)
from skweight._fit.ask import ask_classifier
from skweight._fit.choose import choose, select
from skweight._fit.conformal import _cuts
from skweight._fit.models import plan_models
from skweight._utils.progress import Progress
from skweight.calibration import SigmoidCalibrator
from skweight.exceptions import FewerThanAskedWarning
from skweight.pipeline import Pipeline
from skweight.weighting import (
    AutoWeighting,
    GroupBalancedWeighting,
    NoiseAwareWeighting,
)


class Counted(GaussianNB):
    """Counts its fits."""

    n_fits = 0

    def fit(self, X, y, sample_weight=None):
        Counted.n_fits += 1
        return super().fit(X, y, sample_weight)


class OnlyWhenBalanced(ClassifierMixin, BaseEstimator):
    """Learns nothing unless the rare class makes up a fair share of its training."""

    def __init__(self, share=0.4):
        self.share = share

    def fit(self, X, y, sample_weight=None):
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        self.classes_ = np.unique(y)
        self.learns_ = weight[y == 1].sum() / weight.sum() > self.share
        return self

    def predict_proba(self, X):
        score = 3 * X[:, 0] if self.learns_ else np.zeros(len(X))
        p = 1 / (1 + np.exp(-score))
        return np.column_stack([1 - p, p])

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def rare(n=400, n_classes=2, seed=0):
    rng = np.random.RandomState(seed)
    shares = [0.85, 0.15] if n_classes == 2 else [0.7, 0.2, 0.1]
    y = rng.choice(n_classes, size=n, p=shares)
    X = rng.normal(size=(n, 3))
    X[:, 0] += y
    return X, y


def chosen_of(clf):
    [chosen] = [row["strength"] for row in clf.report_.weightings if row["chosen"]]
    return chosen


def make(estimator=None, weighting="auto", **params):
    """Return a classifier that is quick to fit."""
    estimator = GaussianNB() if estimator is None else estimator
    params = {"calibration": "sigmoid", "cv": 3, "random_state": 0} | params
    return WeightedClassifier(estimator, weighting=weighting, **params)


# -- how many fits ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weighting", "params", "expected"),
    [
        ("auto", {}, 3 * 3 + 1),
        ("auto", {"cv": "auto"}, 3 * 5 + 1),
        ("auto", {"ensemble": True}, 3 * 3),
        ("auto", {"cv": "holdout"}, 3 + 1),
        ("auto", {"cv": "holdout", "ensemble": True}, 3),
        ("auto", {"calibration": None}, 3 * 3 + 1),
        ("auto", {"calibration": "prior"}, 3 * 3 + 1),
        ("auto", {"calibration": None, "decision": "tuned"}, 3 * 3 + 1),
        ("auto", {"decision": "tuned", "conformal": "cross"}, 3 * 3 + 1),
        ("auto", {"cv": "auto", "conformal": "split"}, 3),
        (AutoWeighting(strengths=(0, 1)), {}, 2 * 3 + 1),
        (AutoWeighting(strengths=[1]), {}, 3 + 1),
        (AutoWeighting(strengths=(0, 0.0, 1, 1)), {}, 2 * 3 + 1),
        (AutoWeighting(sampler="random_over"), {}, 4 * 3 + 1),
        ([PriorWeighting({0: 0.5, 1: 0.5}), "auto"], {}, 3 * 3 + 1),
    ],
)
def test_candidates_share_the_folds_and_the_chosen_one_is_fitted_once_more(
    weighting, params, expected
):
    X, y = rare()
    Counted.n_fits = 0
    clf = make(Counted(), weighting, **params).fit(X, y)
    assert Counted.n_fits == clf.report_.n_fits == expected


def test_every_fit_is_told_of_with_what_it_is_for(capsys):
    make(verbose=1).fit(*rare())
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert "(fit 1 of 10) strength 0, fold 1 of 3" in lines[0]
    assert "(fit 5 of 10) strength 0.5, fold 2 of 3" in lines[4]
    assert "(fit 10 of 10) all rows" in lines[9]


def test_votes_of_trees_that_did_not_draw_a_row_judge_as_well():
    X, y = rare()
    forest = RandomForestClassifier(30, random_state=0)
    clf = make(forest, AutoWeighting(strengths=(0, 0.01)), cv="oob").fit(X, y)
    assert clf.report_.n_fits == 2
    alone = make(forest, clf.weighting_, cv="oob").fit(X, y)
    assert_allclose(clf.predict_proba(X), alone.predict_proba(X), rtol=1e-6)
    assert "held-out rows" in clf.report_.choice


# -- what is chosen --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "expected"), [(0.4, 1.0), (0.25, 0.5), (0.0, 0.0), (0.9, 0.0)]
)
def test_emphasis_is_taken_where_it_gains_and_ties_go_to_less(share, expected):
    X, y = rare(1000)
    clf = make(OnlyWhenBalanced(share)).fit(X, y)
    assert chosen_of(clf) == expected
    weighting = BalancedWeighting(expected) if expected else None
    alone = make(OnlyWhenBalanced(share), weighting).fit(X, y)
    assert_allclose(clf.predict_proba(X), alone.predict_proba(X))
    assert repr(clf.weighting_) == repr(alone.weighting_)


def test_a_sampler_is_a_candidate_of_its_own():
    X, y = rare(1000)
    weighting = AutoWeighting(strengths=[0], sampler="random_over")
    clf = make(OnlyWhenBalanced(), weighting).fit(X, y)
    assert chosen_of(clf) is None
    assert clf.weighting_ is None
    assert clf.report_.resampling.startswith("'random_over' inside every fit")
    # All candidates may share one, too.
    clf = make(OnlyWhenBalanced(), resampler="random_over").fit(X, y)
    assert chosen_of(clf) == 0.0
    assert clf.threshold_ == pytest.approx(y.mean())


def test_two_losses_within_a_paired_standard_error_tie():
    losses = np.array([[1.0, 1.0, 1.0, 1.0], [0.5, 1.5, 0.5, 1.4]])
    chosen, means, excesses, errors = select(losses)
    apart = losses[0] - losses[1]
    assert_allclose(means, losses.mean(axis=1))
    assert_allclose(excesses, [apart.mean(), 0])
    assert_allclose(errors, [np.std(apart) / 2, 0])
    assert chosen == 0  # .025 below, within .24
    assert select(losses[::-1])[0] == 0  # the first has less, and is the best
    losses[1] = [0.9, 0.91, 0.9, 0.9]
    assert select(losses)[0] == 1


def test_rows_of_a_group_are_one_piece_of_evidence():
    rng = np.random.RandomState(0)
    losses = np.vstack([np.zeros(50), rng.normal(-0.2, 0.8, 50)])
    groups = np.repeat(np.arange(50), 20)
    once, copied = select(losses), select(losses.repeat(20, axis=1), groups=groups)
    assert_allclose(copied[3], once[3])
    assert select(losses.repeat(20, axis=1))[3][0] < 0.3 * once[3][0]
    # Weights are as good as rows, and those of no weight judge nothing.
    weights = np.append(np.full(50, 3.0), 0.0)
    weighted = select(np.column_stack([losses, [100.0, 0.0]]), weights)
    assert_allclose(weighted[1:], once[1:])


def test_rows_of_weight_zero_judge_nothing():
    X, y = rare(600)
    garbage = np.column_stack([np.full(200, -50.0), np.zeros((200, 2))])
    X_more, y_more = np.vstack([garbage, X]), np.append(np.ones(200, int), y)
    weight = np.append(np.zeros(200), np.ones(600))
    clf = make(OnlyWhenBalanced()).fit(X_more, y_more, weight)
    assert "on 600 held-out rows" in clf.report_.choice
    assert chosen_of(clf) == 1.0


def test_the_population_judges():
    """Rows of a slice on which emphasis ruins everything count for it alone."""
    X, y = rare(2000, seed=3)
    X[1000:, 0] *= -1
    y[1000:] = rare(1000, seed=4)[1]
    weight = np.where(np.arange(2000) < 1000, 1.0, 1e-3)
    assert chosen_of(make(OnlyWhenBalanced()).fit(X, y, weight)) == 1.0
    assert chosen_of(make(OnlyWhenBalanced()).fit(X, y, weight[::-1])) == 0.0


@pytest.mark.parametrize(
    "strategy",
    [
        "balanced",
        BalancedWeighting(2.0),
        "effective_number",
        {0: 1, 1: 9},
        CostWeighting(CostMatrix.binary(fp=1, fn=9)),
        ["balanced", {0: 2, 1: 1}],
    ],
)
def test_any_strategy_of_classes_is_raised_to_the_powers(strategy):
    X, y = rare()
    whole = make(weighting=strategy).fit(X, y)
    for strength in (0, 0.5, 1):
        clf = make(weighting=AutoWeighting(strategy, strengths=[strength])).fit(X, y)
        ratio = np.divide(*clf.class_multiplier_[::-1])
        assert_allclose(ratio, np.divide(*whole.class_multiplier_[::-1]) ** strength)
        assert_allclose(clf.threshold_, whole.threshold_)


# -- nothing is chosen on the rows it is judged by -------------------------------------


class Remembers(GaussianNB):
    """A model that knows the rows of its fit, and says what it is told of others."""

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.rows_ = set(np.asarray(X)[:, 0])
        return self

    def predict_proba(self, X):
        assert self.rows_.isdisjoint(np.asarray(X)[:, 0])
        score = np.asarray(X)[:, 0]
        return np.column_stack([1 / (1 + np.exp(score)), 1 / (1 + np.exp(-score))])


class Watches(SigmoidCalibrator):
    """A calibrator that notes the scores that it has learned from and was asked of."""

    calls = []  # noqa: RUF012

    def fit(self, scores, y, sample_weight=None, **known):
        self.seen_ = set(np.round(scores, 6))
        return super().fit(scores, y, sample_weight, **known)

    def predict_proba(self, scores):
        Watches.calls.append((self.seen_, set(np.round(scores, 6))))
        return super().predict_proba(scores)


def chosen_by(clf, X, y, **fit_params):
    request = ask_classifier(clf, X, y, None, fit_params)
    return choose(request, Progress(None, 0))


@pytest.mark.parametrize("cv", [3, "holdout"])
def test_neither_model_nor_calibrator_has_learned_from_the_rows_that_judge(cv):
    X, y = rare()
    Watches.calls = []
    clf = make(Remembers(), calibration=Watches(), cv=cv)
    chosen_by(clf, X, y)
    n_held_out = 400 if cv == 3 else 80
    assert len(Watches.calls) == 3 * 5
    for learned, judged in Watches.calls:
        assert learned.isdisjoint(judged)
    assert sum(len(judged) for _, judged in Watches.calls) == 3 * n_held_out


def test_rows_that_sets_of_labels_rest_on_judge_nothing():
    X, y = rare()
    for calibration in ("sigmoid", None, "prior"):
        clf = make(cv="auto", conformal="split", calibration=calibration)
        request, weighed = chosen_by(clf, X, y)
        plan = plan_models(request, weighed)
        passed, judges = weighed.choice.passed, weighed.choice.judges
        [(learned, scored)] = _cuts(request, weighed, plan, passed.held_out, "split")
        assert scored.size == judges.size == 40
        assert np.intersect1d(scored, judges).size == 0
        assert learned is None or np.array_equal(learned, judges)
    sets = make(cv="auto", conformal="split").fit(X, y).predict_set(X, 0.8)
    assert 0.6 < sets[np.arange(400), y].mean() < 0.95


@pytest.mark.skipif(
    not has_fit_parameter(HistGradientBoostingClassifier(), "X_val"),
    reason="this version takes no validation rows",
)
def test_rows_that_are_watched_judge_nothing():
    class Seen(HistGradientBoostingClassifier):
        watched, fitted = [], []

        def fit(self, X, y, sample_weight=None, X_val=None, y_val=None, **more):
            Seen.fitted.append(set(X[:, 0]))
            Seen.watched.append(set(X_val[:, 0]))
            return super().fit(X, y, sample_weight, X_val=X_val, y_val=y_val, **more)

    X, y = rare()
    learner = Seen(max_iter=5, early_stopping=True, n_iter_no_change=2)
    clf = make(learner, validation_fraction=0.25, weighting="auto", cv=3)
    _, weighed = chosen_by(clf, X, y)
    assert len(Seen.fitted) == 9
    rows = set(X[:, 0])
    for fitted, watched in zip(Seen.fitted, Seen.watched, strict=True):
        assert len(rows - fitted - watched) in (133, 134)  # those of the fold
    assert weighed.choice.judges.size == 400


def test_groups_are_held_out_together_from_models_and_from_calibrators():
    X, y = rare()
    groups = np.repeat(np.arange(40), 10)
    group_of = dict(zip(np.round(X[:, 0], 6), groups, strict=True))
    Watches.calls = []
    clf = make(Remembers(), calibration=Watches())
    _, weighed = chosen_by(clf, X, y, groups=groups)
    for train, test in weighed.splits.pairs:
        assert np.intersect1d(groups[train], groups[test]).size == 0
    assert len(Watches.calls) == 15
    for learned, judged in Watches.calls:
        assert {group_of[score] for score in learned}.isdisjoint(
            group_of[score] for score in judged
        )


# -- labels ----------------------------------------------------------------------------


# Every pair of two of the three values meets.
@pytest.mark.parametrize(
    ("n_classes", "calibration", "strengths"),
    [
        (2, "sigmoid", [0]),
        (3, "sigmoid", (0, 0.5)),
        (2, "sigmoid", "default"),
        (3, "prior", [0]),
        (2, "prior", (0, 0.5)),
        (3, "prior", "default"),
        (3, "auto", [0]),
        (2, "auto", (0, 0.5)),
        (2, "auto", "default"),
    ],
)
def test_labels_follow_full_strength_whatever_was_chosen(
    n_classes, calibration, strengths
):
    X, y = rare(600, n_classes)
    share = np.bincount(y) / y.size
    weighting = AutoWeighting()
    if strengths != "default":
        weighting.set_params(strengths=strengths)
    clf = make(weighting=weighting, calibration=calibration).fit(X, y)
    expected = (clf.predict_proba(X) / share).argmax(axis=1)
    assert_array_equal(clf.predict(X), expected)


@pytest.mark.parametrize("strengths", [[0], [0.5], [1]])
def test_labels_do_so_without_a_calibration(strengths):
    X, y = rare()
    weighting = AutoWeighting(strengths=strengths)
    clf = make(weighting=weighting, calibration=None).fit(X, y)
    proba = clf.predict_proba(X)
    assert_allclose(proba, clf.estimator_.predict_proba(X))
    ratio = (y.size / np.bincount(y) / 2) ** (1 - strengths[0])
    assert_array_equal(clf.predict(X), (proba * ratio).argmax(axis=1))
    if strengths == [1]:
        assert_array_equal(clf.predict(X), clf.estimator_.predict(X))


def test_other_decisions_are_what_they_always_are():
    X, y = rare()
    clf = make(decision={1: 0.3}).fit(X, y)
    assert clf.threshold_ == 0.3
    clf = make(LinearSVC(), decision="argmax", calibration=None).fit(X, y)
    assert_array_equal(clf.predict(X), clf.estimator_.predict(X))


def test_three_classes_have_a_table_as_well():
    X, y = rare(600, 3)
    clf = make(calibration="auto").fit(X, y)
    assert len(clf.report_.weightings) == 3
    assert clf.predict_proba(X).shape == (600, 3)
    assert_allclose(clf.predict_proba(X).mean(axis=0), np.bincount(y) / 600, atol=0.02)


# -- what it works with ----------------------------------------------------------------


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        Pipeline([("scale", StandardScaler()), ("learn", LogisticRegression())]),
        LinearSVC(),
        GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-2]}, cv=2),
        RandomForestClassifier(5, random_state=0),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.parametrize("params", [{}, {"ensemble": True, "cv": 2}])
def test_it_goes_around_what_others_go_around(estimator, params):
    X, y = rare()
    clf = make(estimator, **params).fit(X, y)
    assert 0.8 < clf.predict_proba(X)[:, 1].mean() / y.mean() < 1.25
    again = pickle.loads(pickle.dumps(clf))
    assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    assert again.report_.weightings == clf.report_.weightings


def test_several_jobs_choose_the_same():
    X, y = rare()
    alone, together = make().fit(X, y), make(n_jobs=2).fit(X, y)
    assert_array_equal(alone.predict_proba(X), together.predict_proba(X))
    assert alone.report_.weightings == together.report_.weightings


def test_folds_drawn_anew_are_drawn_once_for_all_candidates():
    X, y = rare()
    cv = StratifiedKFold(3, shuffle=True, random_state=np.random.RandomState(0))
    clf = make(Counted(), AutoWeighting(strengths=(0, 1e-9)), cv=cv).fit(X, y)
    first, second = clf.report_.weightings
    assert_allclose(first["log_loss"], second["log_loss"], rtol=1e-6)
    clf = make(random_state=np.random.RandomState(0)).fit(X, y)
    assert "on 400 held-out rows" in clf.report_.choice


def test_a_search_reaches_its_parameters():
    X, y = rare()
    grid = {
        "weighting": ["auto"],
        "weighting__strengths": [(0,), (0, 1)],
        "weighting__strategy": ["balanced", "effective_number"],
    }
    search = GridSearchCV(make(), grid, cv=2).fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert isinstance(search.best_params_["weighting"], str)
    both = GridSearchCV(make(), {"weighting": ["auto", "balanced", None]}, cv=2)
    assert both.fit(X, y).best_score_ > 0.5


def test_where_a_class_has_one_row_the_least_is_taken():
    X, y = rare(60)
    y = np.where(np.arange(60) == 7, 1, 0)
    with pytest.warns(FewerThanAskedWarning, match="has 1 row"):
        clf = make(cv=3).fit(X, y)
    assert "too few rows for a comparison" in clf.report_.choice
    assert clf.report_.n_fits == 1
    assert clf.weighting_ is None
    assert clf.threshold_ == pytest.approx(1 / 60)


# -- what it says ----------------------------------------------------------------------


def test_the_report_has_the_table_and_a_sentence():
    X, y = rare(1000)
    clf = make(OnlyWhenBalanced(), calibration="sigmoid").fit(X, y)
    report = clf.report_
    assert [row["name"] for row in report.weightings] == [
        "strength 0",
        "strength 0.5",
        "strength 1",
    ]
    assert report.choice.startswith("strength 1, one of 3 candidates")
    assert "This is the lowest loss" in report.choice
    prevalence_alone = log_loss(y, np.full(1000, y.mean()))
    assert report.weightings[0]["log_loss"] == pytest.approx(prevalence_alone, rel=0.02)
    assert report.weightings[1]["standard_error"] > 0
    json.dumps(report.to_dict())
    for text in (repr(report), report._repr_html_()):
        assert "Candidates on held-out rows" in text
        assert "strength 0.5" in text
    clf = make(OnlyWhenBalanced(0)).fit(X, y)
    assert "none has less emphasis" in clf.report_.choice
    assert make(weighting="balanced").fit(X, y).report_.choice is None


# -- what is refused -------------------------------------------------------------------


X_BAD, Y_BAD = rare(100)


@pytest.mark.parametrize(
    ("clf", "error", "message"),
    [
        (
            make(weighting=AutoWeighting(PriorWeighting({0: 0.5, 1: 0.5}))),
            ValueError,
            "The loss cannot choose this",
        ),
        (
            make(weighting=AutoWeighting(GroupBalancedWeighting(0))),
            ValueError,
            "differ within a class",
        ),
        (
            make(
                weighting=AutoWeighting(CostWeighting({"fp": 1, "fn": 2}, "instance"))
            ),
            ValueError,
            "differ within a class",
        ),
        (make(weighting=AutoWeighting(None)), ValueError, "such as 'balanced'"),
        (make(weighting=AutoWeighting("auto")), ValueError, "such as 'balanced'"),
        (make(weighting=["auto", "auto"]), ValueError, "contains 2 strategies"),
        (
            make(weighting=["auto", NoiseAwareWeighting()]),
            ValueError,
            "weights depend on fitted models",
        ),
        (make(weighting=AutoWeighting(strengths=())), ValueError, "strengths must be"),
        (make(weighting=AutoWeighting(strengths=1)), ValueError, "strengths must be"),
        (make(weighting=AutoWeighting(strengths=[-1])), ValueError, "strengths"),
        (
            make(LogisticRegression(class_weight="balanced")),
            ValueError,
            "balances its classes by itself",
        ),
        (
            make(
                weighting=AutoWeighting(sampler="random_over"), resampler="random_under"
            ),
            ValueError,
            "Set one of the two to None",
        ),
        (
            make(FrozenEstimator(GaussianNB().fit(X_BAD, Y_BAD))),
            TypeError,
            "not fitted again",
        ),
        (make(LinearSVC(), calibration=None), TypeError, "has no predict_proba"),
        (
            make(calibration=None, decision={"fp": 1, "fn": 5}),
            ValueError,
            "count both the weights and the costs",
        ),
        (WeightedRegressor(weighting="auto"), ValueError, "a regressor has none"),
    ],
)
def test_what_has_no_meaning_is_refused_in_a_sentence(clf, error, message):
    with pytest.raises(error, match=message):
        clf.fit(X_BAD, Y_BAD)


def test_by_itself_and_in_a_stream_there_is_nothing_to_judge_by():
    X, y = rare()
    weighting = AutoWeighting()
    for call in (weighting.fit, weighting.fit_weigh, weighting.fit_weigh_by_role):
        with pytest.raises(TypeError, match="held-out rows of a model"):
            call(X, y)
    with pytest.raises(NotFittedError):
        weighting.weigh(X, y)
    with pytest.raises(TypeError, match="AutoWeighting learns from all rows at once"):
        make(calibration="prior").partial_fit(X, y, classes=[0, 1])


def test_the_strategy_is_cloned_and_not_touched():
    X, y = rare()
    strategy = ClassWeighting({0: 1, 1: 5})
    weighting = AutoWeighting(strategy, strengths=(0.5, 2))
    clf = make(weighting=weighting).fit(X, y)
    assert not hasattr(strategy, "class_weight_")
    assert repr(clone(clf).weighting) == repr(weighting)
    assert EffectiveNumberWeighting().get_params() == {
        "beta": 0.999,
        "stabilizer": None,
    }
