"""Sets of labels that cover: quantiles by hand, roles, shifts, and what is refused."""

import warnings

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from numpy.testing import assert_allclose
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV

from skweight import (
    ColumnWeighting,
    CostMatrix,
    CostSensitiveClassifier,
    DensityRatioWeighting,
    FunctionWeighting,
    PriorWeighting,
    WeightedClassifier,
)
from skweight._utils.conformal import Scores, thin
from skweight.calibration import SigmoidCalibrator
from skweight.exceptions import CalibrationWarning, FewerThanAskedWarning
from skweight.pipeline import make_pipeline
from skweight.weighting import EntropyBalancingWeighting, metadata

HOW = {
    "split": {"conformal": "split"},
    "split, calibrated": {"conformal": "split", "calibration": "sigmoid"},
    "cross": {"conformal": "cross"},
    "cross, calibrated": {"conformal": "cross", "calibration": "sigmoid"},
    "fold models": {
        "conformal": "cross",
        "calibration": "sigmoid",
        "ensemble": True,
    },
    "one hold-out": {
        "conformal": "cross",
        "calibration": "sigmoid",
        "cv": "holdout",
    },
    "closed form": {"conformal": "cross", "calibration": "prior"},
}


def draw(rng, n, mean=0.0):
    X = rng.normal(mean, 1, size=(n, 2))
    return X, (rng.uniform(size=n) < 1 / (1 + np.exp(-1.5 * X[:, 0]))).astype(int)


def coverage_of(sets, y):
    return sets[np.arange(y.size), y].mean()


def test_the_weight_of_the_new_row_is_in_the_denominator():
    scores = Scores.of(np.arange(1, 11) / 10)
    assert scores.quantile(0.9, 1.0) == 1.0
    assert scores.quantile(0.95, 1.0) == np.inf
    assert_allclose(scores.quantile(0.5, np.array([0.0, 1.0, 10.0])), [0.5, 0.6, 1.0])


def test_a_weight_of_two_is_the_same_score_twice(rng):
    values, times = rng.normal(size=50), rng.integers(0, 4, 50)
    twice = Scores.of(np.repeat(values, times))
    weighted = Scores.of(values, times.astype(float))
    for coverage in (0.1, 0.5, 0.77, 0.9):
        assert twice.quantile(coverage, 1.0) == weighted.quantile(coverage, 1.0)
        assert twice.below(coverage) == weighted.below(coverage)


def test_what_is_kept_is_bounded_and_never_makes_sets_smaller(rng):
    values, weights = rng.normal(size=100_000), rng.exponential(size=100_000)
    exact, kept = (Scores.of(values, weights, n_knots=n) for n in (10**6, 10_000))
    assert exact.values.size == 100_000
    assert kept.values.size <= 10_000
    assert kept.total == pytest.approx(exact.total)
    for coverage in (0.5, 0.9, 0.99):
        quantiles = kept.quantile(coverage, 1.0), exact.quantile(coverage, 1.0)
        assert 0 <= np.subtract(*quantiles) < 1e-2
    assert (kept.below(values) <= exact.below(values) + 1e-6).all()


def test_a_split_by_hand(rng):
    (X, y), (X_new, _) = draw(rng, 500), draw(rng, 50)
    train, test = np.arange(300), np.arange(300, 500)
    weight = rng.uniform(0.5, 2, 500)
    clf = WeightedClassifier(
        LogisticRegression(),
        weighting=None,
        conformal="split",
        cv=[(train, test)],
        calibration=None,
    ).fit(X, y, weight)
    emphasis = weight[train] / weight[train].mean()
    model = LogisticRegression().fit(X[train], y[train], emphasis)
    scores = 1 - model.predict_proba(X[test])[np.arange(200), y[test]]
    mass = (weight / weight.mean())[test]
    new = rng.uniform(0.5, 2, 50)
    sets = clf.predict_set(X_new, 0.8, sample_weight=new)
    proba = model.predict_proba(X_new)
    for row in range(50):
        for label in (0, 1):
            below = mass[scores < 1 - proba[row, label]].sum()
            inside = below < 0.8 * (mass.sum() + new[row] / weight.mean())
            assert sets[row, label] == inside
    assert sets.dtype == bool
    assert clf.report_.conformal["n_rows"] == 200
    assert clf.report_.conformal["effective_rows"] == pytest.approx(
        mass.sum() ** 2 / (mass**2).sum()
    )
    assert "the model of the hold-out" in str(clf.report_)


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
@pytest.mark.parametrize("weighting", [None, "balanced"])
def test_sets_cover_whatever_the_emphasis(rng, how, weighting):
    (X, y), (X_new, y_new) = draw(rng, 4000), draw(rng, 8000)
    keep = (y == 0) | (rng.uniform(size=4000) < 0.3)
    new = (y_new == 0) | (rng.uniform(size=8000) < 0.3)
    clf = WeightedClassifier(
        LogisticRegression(), weighting=weighting, random_state=0, **how
    ).fit(X[keep], y[keep])
    X_new, y_new = X_new[new], y_new[new]
    for coverage in (0.8, 0.9):
        sets = clf.predict_set(X_new, coverage)
        assert abs(coverage_of(sets, y_new) - coverage) < 0.03
        by_class = clf.predict_set(X_new, coverage, by_class=True)
        for label in (0, 1):
            of_class = y_new == label
            assert abs(by_class[of_class, label].mean() - coverage) < 0.06
    larger = clf.predict_set(X_new, 0.95)
    assert (larger >= sets).all()


@pytest.mark.parametrize(
    ("how", "n_fits", "words"),
    [
        ("split", 1, "the model of the hold-out"),
        ("split, calibrated", 1, "the model of the hold-out"),
        ("cross", 6, "one model refitted on all rows, an approximation"),
        ("cross, calibrated", 6, "one model refitted on all rows, an approximation"),
        ("fold models", 5, "5 fold models, each against its own"),
        ("one hold-out", 1, "the model of the hold-out"),
        ("closed form", 6, "an approximation"),
    ],
)
def test_fits_are_those_of_the_calibration_and_models_are_named(
    rng, how, n_fits, words
):
    X, y = draw(rng, 300)
    clf = WeightedClassifier(LogisticRegression(), **HOW[how]).fit(X, y)
    assert clf.report_.n_fits == n_fits
    assert words in clf.report_.conformal["models"]


class Watched(SigmoidCalibrator):
    """Remembers the labels' number, and the scores, that each fit was given."""

    seen = []  # noqa: RUF012

    def fit(self, scores, y, sample_weight=None, **params):
        Watched.seen.append(set(np.round(np.ravel(scores), 12)))
        return super().fit(scores, y, sample_weight=sample_weight, **params)


@pytest.mark.parametrize("how", ["split", "cross", "frozen"])
def test_no_score_is_of_a_row_that_its_calibrator_was_fitted_on(rng, how, monkeypatch):
    X, y = draw(rng, 400)
    estimator = LogisticRegression()
    if how == "frozen":
        estimator = FrozenEstimator(estimator.fit(*draw(rng, 300)))
    Watched.seen = []
    pairs = []

    from skweight._fit import conformal

    def spy(request, weighed, plan, fitted, kept):
        mapped = conformal_map(request, weighed, plan, fitted, kept)
        pairs.append(set(np.asarray(kept).tolist()))
        return mapped

    conformal_map = conformal.map_outputs
    monkeypatch.setattr(conformal, "map_outputs", spy)
    kept = []
    scored = Scores.of.__func__

    def of(cls, scores, *args, **kwargs):
        kept.append(len(scores))
        return scored(cls, scores, *args, **kwargs)

    monkeypatch.setattr(Scores, "of", classmethod(of))
    kind = "cross" if how == "cross" else "split"
    WeightedClassifier(
        estimator,
        weighting=None,
        calibration=Watched(),
        conformal=kind,
        random_state=0,
        ensemble="auto" if how != "cross" else False,
    ).fit(X, y)
    n_held_out = {"split": 80, "cross": 400, "frozen": 400}[how]
    if kind == "split":
        assert len(pairs) == 1
        assert len(pairs[0]) + sum(kept) == n_held_out
    else:
        assert sorted(map(len, pairs)) == [320] * 5
        assert set.intersection(*pairs) == set()
        assert sum(kept) == 400
    assert len(Watched.seen[0]) == n_held_out  # the calibrator of predict_proba


@pytest.mark.parametrize("ensemble", [False, True])
def test_covariate_shift_is_covered_by_weights_that_are_computed(rng, ensemble):
    def harder(n, mean):
        X = rng.normal(mean, 1, size=(n, 1))
        steep = np.where(X[:, 0] > 0.5, 0.3, 3.0)
        return X, (rng.uniform(size=n) < 1 / (1 + np.exp(-steep * X[:, 0]))).astype(int)

    (X, y), (X_new, y_new) = harder(6000, 0.0), harder(6000, 1.5)
    ratio = FunctionWeighting(TrueRatio(), role="population")
    covered = {}
    for name, weighting in (
        ("none", None),
        ("true", ratio),
        ("moments", EntropyBalancingWeighting(X_new)),
    ):
        clf = WeightedClassifier(
            LogisticRegression(),
            weighting=weighting,
            calibration="sigmoid",
            conformal="cross",
            ensemble=ensemble,
            random_state=0,
        ).fit(X, y)
        covered[name] = coverage_of(clf.predict_set(X_new), y_new)
    assert covered["none"] < 0.87
    assert abs(covered["true"] - 0.9) < 0.03
    assert abs(covered["moments"] - 0.9) < 0.03


class TrueRatio:
    """The ratio of normal densities with means 1.5 and 0."""

    def __call__(self, X, y):
        return np.exp(1.5 * X[:, 0] - 1.125)


def test_label_shift_by_set_prevalence(rng):
    def of_classes(counts):
        y = np.repeat([0, 1], counts)
        flipped = rng.uniform(size=y.size) < 0.3 * y  # the second is the harder one
        X = rng.normal(size=(y.size, 2)) + np.where(flipped, -1.2, 1.2 * (2 * y - 1))[
            :, np.newaxis
        ] * [1, 0]
        return X, y

    (X, y), (X_new, y_new) = of_classes([9000, 9000]), of_classes([19_000, 1000])
    clf = WeightedClassifier(
        LogisticRegression(), weighting=None, conformal="cross", calibration=None
    )
    before = coverage_of(clf.fit(X, y).predict_set(X_new), y_new)
    clf.set_prevalence({1: 0.05})
    after = coverage_of(clf.predict_set(X_new), y_new)
    assert abs(after - 0.9) < 0.015 < abs(before - 0.9) - 0.015
    by_class = clf.predict_set(X_new, by_class=True)
    clf.set_prevalence(None)
    assert np.array_equal(by_class, clf.predict_set(X_new, by_class=True))


@pytest.mark.parametrize("conformal", ["split", "cross"])
@pytest.mark.parametrize("shares", [(0.9, 0.1), (0.8, 0.15, 0.05)])
def test_sets_after_set_prevalence_are_those_of_the_new_probabilities(
    shares, conformal
):
    rng, k = np.random.default_rng(0), len(shares)
    angle = 2 * np.pi * np.arange(k) / k
    centres = np.column_stack([np.cos(angle), np.sin(angle)])

    def of_classes(n, shares):
        y = rng.choice(k, n, p=shares)
        return rng.normal(size=(n, 2)) + centres[y], y

    (X, y), (X_new, y_new) = of_classes(6000, np.ones(k) / k), of_classes(6000, shares)
    options = {"weighting": None, "calibration": None, "random_state": 0}
    clf = WeightedClassifier(LogisticRegression(), conformal=conformal, **options)
    sets = clf.fit(X, y).set_prevalence(dict(enumerate(shares))).predict_set(X_new)
    assert abs(coverage_of(sets, y_new) - 0.9) < 0.02
    # A model of rows of the new population needs no shift, and its sets are as small.
    direct = WeightedClassifier(LogisticRegression(), conformal=conformal, **options)
    own = direct.fit(*of_classes(6000, shares)).predict_set(X_new)
    assert sets.sum(axis=1).mean() < 1.05 * own.sum(axis=1).mean()
    # With probabilities of the old population they are larger by a tenth and more.
    old = 1 - clf.set_prevalence(None).predict_proba(X_new)
    below = np.zeros_like(old)
    for code, scores in enumerate(clf._conformal.parts[0].scores):
        below += shares[code] * scores.below(old) / scores.total
    assert (below < 0.9).sum(axis=1).mean() > 1.1 * own.sum(axis=1).mean()


def test_rows_that_are_kept_are_bounded_and_stand_for_all(rng):
    scores, weights = rng.uniform(size=5000), rng.exponential(size=5000)
    rows, kept = thin(scores, weights, 500)
    assert rows.size == kept.size == 500
    assert_allclose(kept.sum(), weights.sum())
    for level in (0.1, 0.5, 0.9):
        share = weights @ (scores < level) / weights.sum()
        assert abs(kept @ (scores[rows] < level) / kept.sum() - share) <= 1 / 500
    rows, kept = thin(scores, weights, 5000)
    assert np.array_equal(scores[rows], scores)
    assert np.array_equal(kept, weights)


def test_weights_by_label_are_those_of_the_label_that_is_tried(rng):
    X, y = draw(rng, 1000)
    prior = PriorWeighting({0: 0.9, 1: 0.1})
    clf = WeightedClassifier(
        LogisticRegression(),
        weighting=prior,
        conformal="cross",
        ensemble=False,
        calibration=None,
    ).fit(X, y)
    given = prior.fit_weigh(X, y)
    weights = clf._conformal.new_weights.of(clf, X, None, clf.classes_)
    assert_allclose(weights[np.arange(1000), y], given)
    assert weights.shape == (1000, 2)


def test_weights_of_new_rows_are_on_the_scale_of_the_fit(rng):
    X, y = draw(rng, 1000)
    target = rng.normal(0.5, 1, size=(1000, 2))
    given = rng.uniform(1, 3, 1000) * 50
    clf = WeightedClassifier(
        LogisticRegression(),
        weighting=EntropyBalancingWeighting(target),
        conformal="cross",
        stabilizer=2.0,
        ensemble=False,
        random_state=0,
        calibration=None,
    ).fit(X, y, given)
    weights = clf._conformal.new_weights.of(clf, X, given, clf.classes_)
    scores = clf._conformal.parts[0].scores
    assert weights.sum() == pytest.approx(sum(of_class.total for of_class in scores))
    times = 7.0
    again = clone_fit(clf, X, y, given * times)
    rows, new = X[:50], given[:50]
    assert np.array_equal(
        again.predict_set(rows, sample_weight=new * times),
        clf.predict_set(rows, sample_weight=new),
    )


def clone_fit(clf, X, y, weight):
    from sklearn.base import clone

    return clone(clf).fit(X, y, weight)


def test_weights_that_cannot_be_computed_are_asked_for(rng):
    X, y = draw(rng, 400)
    clf = WeightedClassifier(LogisticRegression(), conformal="split", calibration=None)
    clf.fit(X, y, rng.uniform(1, 2, 400))
    with pytest.raises(ValueError, match="Pass sample_weight= for the new rows"):
        clf.predict_set(X)
    assert clf.predict_set(X, sample_weight=np.ones(400)).any(axis=1).mean() > 0.9
    segment = ColumnWeighting(metadata("stands_for"))
    clf.set_params(weighting=segment).fit(X, y, stands_for=rng.uniform(1, 2, 400))
    with pytest.raises(ValueError, match=r"stands_for.*Pass sample_weight="):
        clf.predict_set(X)
    assert clf.predict_set(X, sample_weight=np.ones(400)).shape == (400, 2)
    table = pd.DataFrame(X, columns=["a", "b"]).assign(weight=rng.uniform(1, 2, 400))
    clf.set_params(weighting=ColumnWeighting("weight")).fit(table, y)
    assert clf.predict_set(table).shape == (400, 2)


def test_it_says_when_sets_must_be_everything(rng):
    X, y = draw(rng, 100)
    clf = WeightedClassifier(
        LogisticRegression(), conformal="split", random_state=0, calibration=None
    ).fit(X, y)
    n = clf.report_.conformal["n_rows"]
    assert n == 20
    assert clf.report_.conformal["largest_coverage"] == pytest.approx(n / (n + 1))
    with pytest.warns(CalibrationWarning, match=r"100.0% of the rows contain all"):
        sets = clf.predict_set(X, n / (n + 1) + 1e-3)
    assert sets.all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.predict_set(X, n / (n + 1))
    with pytest.warns(CalibrationWarning, match="of these classes"):
        assert clf.predict_set(X, 0.94, by_class=True).any()


def test_several_classes_strings_searches_costs_and_forests(rng):
    X = rng.normal(size=(1500, 2))
    y = np.array(["a", "b", "c"])[
        np.argmax(X @ rng.normal(size=(2, 3)) + rng.gumbel(size=(1500, 3)), axis=1)
    ]
    code = np.searchsorted(["a", "b", "c"], y)
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2)
    for estimator in (search, RandomForestClassifier(20, min_samples_leaf=20)):
        clf = WeightedClassifier(
            estimator,
            calibration="sigmoid",
            conformal="cross",
            random_state=0,
            n_jobs=2,
        ).fit(X[:1000], y[:1000])
        sets = clf.predict_set(X[1000:])
        assert abs(coverage_of(sets, code[1000:]) - 0.9) < 0.05
    binary = (code > 0).astype(int)
    clf = CostSensitiveClassifier(
        LogisticRegression(),
        cost=CostMatrix.binary(fp=1, fn=5),
        conformal="cross",
    ).fit(X, binary)
    assert abs(coverage_of(clf.predict_set(X), binary) - 0.9) < 0.03
    forest = RandomForestClassifier(60, min_samples_leaf=10, random_state=0)
    clf = WeightedClassifier(
        forest,
        weighting=None,
        calibration="sigmoid",
        conformal="cross",
        cv="oob",
        random_state=0,
    ).fit(X, binary)
    assert "trees" in clf.report_.conformal["models"]
    assert clf.report_.n_fits == 1


def test_groups_are_never_cut_between_calibrator_and_scores(rng, monkeypatch):
    X, y = draw(rng, 400)
    groups = np.arange(400) // 4
    cuts = []
    from skweight._fit import conformal

    original = conformal._cuts

    def spy(request, weighed, plan, held_out, kind):
        made = original(request, weighed, plan, held_out, kind)
        cuts.extend((held_out.rows[a], held_out.rows[b]) for a, b in made)
        return made

    monkeypatch.setattr(conformal, "_cuts", spy)
    for kind in ("split", "cross"):
        WeightedClassifier(
            LogisticRegression(), calibration="sigmoid", conformal=kind, random_state=0
        ).fit(X, y, groups=groups)
    assert len(cuts) == 6
    for learned, scored in cuts:
        assert not set(groups[learned]) & set(groups[scored])


@pytest.mark.parametrize(
    ("params", "error", "words"),
    [
        ({"conformal": "jackknife"}, ValueError, "conformal must be 'split'"),
        ({"conformal": "split", "cv": 5}, ValueError, "single hold-out; got cv=5"),
        ({"conformal": "split", "cv": "oob"}, ValueError, "single hold-out"),
        (
            {
                "conformal": "split",
                "cv": [(range(50), range(50, 100)), (range(50, 100), range(50))],
            },
            ValueError,
            "cv makes 2 pairs",
        ),
        (
            {"estimator": SGDClassifier(), "conformal": "cross", "calibration": None},
            TypeError,
            "has no predict_proba. Set calibration",
        ),
    ],
)
def test_what_has_no_rows_to_learn_from_is_refused(rng, params, error, words):
    X, y = draw(rng, 100)
    with pytest.raises(error, match=words):
        WeightedClassifier(LogisticRegression(), calibration=None).set_params(
            **params
        ).fit(X, y)


def test_bad_arguments_and_missing_fits_are_said(rng):
    X, y = draw(rng, 100)
    clf = WeightedClassifier(LogisticRegression(), calibration=None)
    assert not hasattr(clf, "predict_set")
    with pytest.raises(AttributeError, match="Set conformal='split'"):
        clf.predict_set(X)
    clf.set_params(conformal="split")
    assert not hasattr(clf, "partial_fit")
    clf.fit(X, y)
    with pytest.raises(ValueError, match="coverage must be"):
        clf.predict_set(X, 1.0)
    with pytest.raises(ValueError, match="sample_weight"):
        clf.predict_set(X, sample_weight=np.ones(3))
    with pytest.raises(TypeError, match="by_class"):
        clf.predict_set(X, by_class="yes")
    y = (np.arange(100) < 1).astype(int)
    with (
        pytest.warns(FewerThanAskedWarning),
        pytest.raises(ValueError, match="needs held-out rows of every class"),
    ):
        clf.fit(X, y)


@pytest.mark.slow
@pytest.mark.parametrize(
    "weighting", ["true", "moments", "ulsif", "search"], ids=lambda name: name
)
def test_coverage_under_shift_is_near_its_goal_over_seeds(weighting):
    covered, plain = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        (X, y), (X_new, y_new) = shifted(rng, 2000, 0.0), shifted(rng, 4000, 1.0)
        target = shifted(rng, 2000, 1.0)[0]
        strategy = {
            "true": FunctionWeighting(true_ratio_of_two, role="population"),
            "moments": EntropyBalancingWeighting(target),
            "ulsif": DensityRatioWeighting(target, estimator="ulsif", random_state=0),
            "search": DensityRatioWeighting(target, random_state=0),
        }[weighting]
        for actual, own in ((covered, strategy), (plain, None)):
            clf = WeightedClassifier(
                LogisticRegression(),
                weighting=own,
                conformal="cross",
                ensemble=False,
                random_state=0,
                calibration=None,
            ).fit(X, y)
            actual.append(coverage_of(clf.predict_set(X_new), y_new))
    assert abs(np.mean(covered) - 0.9) < 0.02
    assert np.mean(plain) < 0.87


def shifted(rng, n, mean):
    X = np.column_stack([rng.normal(mean, 1, n), rng.normal(size=n)])
    slope = np.where(X[:, 0] > 0.5, 0.3, 3.0)
    p = 1 / (1 + np.exp(-slope * X[:, 0] - 0.5 * X[:, 1]))
    return X, (rng.uniform(size=n) < p).astype(int)


def true_ratio_of_two(X, y):
    return np.exp(X[:, 0] - 0.5)


def test_sets_do_not_rest_on_rows_that_a_sampler_made(rng):
    """As with a calibration: the sampler belongs inside of what holds rows out."""
    X = rng.normal(size=(200, 2))
    y = (X[:, 0] + rng.normal(size=200) > 1).astype(int)
    last = WeightedClassifier(conformal="split", weighting=None, calibration=None)
    pipe = make_pipeline(RandomOverSampler(random_state=0), last)
    with pytest.raises(ValueError, match="holds out rows for its calibration"):
        pipe.fit(X, y)
