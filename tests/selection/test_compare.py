"""Strategies side by side: the same folds, honest weights, nothing lost."""

import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    RepeatedStratifiedKFold,
    StratifiedKFold,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import (
    BalancedWeighting,
    ClassWeighting,
    ColumnWeighting,
    DensityRatioWeighting,
    PriorWeighting,
    WeightedClassifier,
    compare_weightings,
)
from skweight.density_ratio import KernelLogisticRatio

LABELS = {
    "integers": [0, 1],
    "minus one and one": [-1, 1],
    "strings": ["no", "yes"],
    "booleans": [False, True],
    "floats": [0.0, 1.0],
}


@pytest.fixture(scope="module")
def data():
    return make_classification(
        400, n_features=4, weights=[0.85], flip_y=0.1, random_state=0
    )


def compare(data, **arguments):
    arguments = {
        "estimator": GaussianNB(),
        "calibrations": None,
        "cv": 3,
        "random_state": 0,
        **arguments,
    }
    return compare_weightings(arguments.pop("estimator"), *data, **arguments)


def mean(comparison, strategy, metric, label=None):
    table = comparison.to_frame()
    chosen = table[(table["strategy"] == strategy) & (table["metric"] == metric)]
    [row] = [row for row in chosen.to_dict("records") if row["class"] == label]
    return row["mean"]


def untimed(comparison, *also):
    """Return all means but those of times, which differ from run to run."""
    table = comparison.to_frame()
    return table[~table["metric"].isin(["fit_time", "predict_time", *also])]["mean"]


class Spy:
    """A scorer that keeps what it was given."""

    def __init__(self):
        self.seen = []

    def __call__(self, estimator, X, y, sample_weight=None):
        self.seen.append((repr(estimator.weighting), y, sample_weight))
        return 0.0


# -- what is measured ------------------------------------------------------------------


def test_figures_are_those_of_the_same_fits_by_hand(data):
    X, y = data
    cv = StratifiedKFold(3, shuffle=True, random_state=1)
    comparison = compare(data, cv=cv, weightings=["balanced"], calibrations="sigmoid")
    by_name = {"none": [], "balanced": []}
    for train, test in cv.split(X, y):
        for name, of_fold in by_name.items():
            weighting = None if name == "none" else name
            clf = WeightedClassifier(
                GaussianNB(), weighting=weighting, calibration="sigmoid", random_state=0
            ).fit(X[train], y[train])
            p, labels = clf.predict_proba(X[test])[:, 1], clf.predict(X[test])
            of_fold.append(
                {
                    ("recall", 0): recall_score(y[test], labels, pos_label=0),
                    ("recall", 1): recall_score(y[test], labels),
                    ("precision", 1): precision_score(y[test], labels),
                    ("average_precision", 1): average_precision_score(y[test], p),
                    ("roc_auc", 1): roc_auc_score(y[test], p),
                    ("log_loss", None): log_loss(y[test], p),
                    ("brier", None): brier_score_loss(y[test], p),
                    ("mean_probability", 1): p.mean(),
                    ("prevalence", 1): y[test].mean(),
                    ("effective_sample_size", None): (
                        clf.report_.effective_sample_size
                    ),
                }
            )
    for name, of_fold in by_name.items():
        for metric, label in of_fold[0]:
            expected = np.mean([item[metric, label] for item in of_fold])
            assert_allclose(mean(comparison, name, metric, label), expected)


def test_weighted_figures_are_those_of_repeated_rows(data):
    X, y = data
    times = np.random.default_rng(0).integers(0, 4, len(y))
    rows = np.repeat(np.arange(len(y)), times)
    fold = np.arange(len(y)) % 3
    weighted = [
        (np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(3)
    ]
    repeated = [
        (np.flatnonzero(fold[rows] != k), np.flatnonzero(fold[rows] == k))
        for k in range(3)
    ]
    once = compare(data, cv=weighted, sample_weight=times.astype(float))
    again = compare((X[rows], y[rows]), cv=repeated)
    # Both of these know that a row of weight two is no two observations.
    but = ["calibration_error", "effective_sample_size"]
    assert_allclose(untimed(once, *but), untimed(again, *but), rtol=1e-9)


def test_standard_errors_are_corrected_for_shared_rows(data):
    cv = RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)
    comparison = compare(data, cv=cv)
    folds = comparison.folds().query("metric == 'log_loss'")
    folds = folds.pivot(index="fold", columns="strategy", values="value")
    row = comparison.to_frame().query("metric == 'log_loss' and strategy == 'balanced'")
    difference = folds["balanced"] - folds["none"]
    # Ten folds, each with a quarter as many test as training rows.
    factor = np.sqrt(1 / 10 + 1 / 4)
    assert_allclose(row["std_error"], factor * folds["balanced"].std(), rtol=1e-6)
    assert_allclose(row["difference"], difference.mean())
    assert_allclose(row["difference_std_error"], factor * difference.std(), rtol=1e-6)


def test_a_metric_of_a_class_without_rows_is_left_out(data):
    _, y = data
    of_one = np.flatnonzero(y == 1)
    rest = np.flatnonzero(y == 0)
    splits = [
        (np.r_[of_one, rest[100:]], rest[:100]),  # tests no row of class 1
        (np.r_[of_one[20:], rest[:200]], np.r_[of_one[:20], rest[200:]]),
    ]
    table = compare(data, cv=splits).to_frame()
    recall = table[(table["metric"] == "recall") & (table["class"] == 1)]
    assert (recall["n_folds"] == 1).all()
    assert recall["mean"].notna().all()
    assert (table[table["metric"] == "log_loss"]["n_folds"] == 2).all()


def test_a_class_that_no_training_row_has_is_predicted_with_probability_zero():
    X, y = make_classification(
        300, n_classes=3, n_informative=4, n_redundant=0, random_state=0
    )
    train = np.flatnonzero(y != 2)[:100]
    test = np.setdiff1d(np.arange(300), train)
    comparison = compare((X, y), cv=[(train, test)])
    assert comparison.failures().empty
    assert mean(comparison, "none", "recall", 2) == 0
    assert mean(comparison, "none", "mean_probability", 2) == 0
    assert np.isfinite(mean(comparison, "none", "log_loss"))


def test_an_estimator_without_probabilities_has_the_other_figures(data):
    comparison = compare(data, estimator=RidgeClassifier())
    metrics = set(comparison.to_frame()["metric"])
    assert {"recall", "roc_auc"} <= metrics
    assert "log_loss" not in metrics
    assert any("no probabilities" in sentence for sentence in comparison.sentences())


# -- roles -----------------------------------------------------------------------------


def test_emphasis_never_reaches_validation(data):
    spy = Spy()
    strong = ClassWeighting({0: 1, 1: 1000})
    compare(data, weightings={"strong": strong}, scoring={"spy": spy})
    assert len(spy.seen) == 6
    assert all(weight is None for _, _, weight in spy.seen)


def test_population_always_reaches_validation_the_same_for_all(data):
    X, y = data
    spy = Spy()
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y))
    weight[::7] = 0
    cv = StratifiedKFold(3)
    compare(
        data,
        cv=cv,
        weightings=["balanced", PriorWeighting({0: 0.5, 1: 0.5})],
        scoring={"spy": spy},
        sample_weight=weight,
    )
    for fold, (_, test) in enumerate(cv.split(X, y)):
        counted = test[weight[test] > 0]
        for _, labels, seen in spy.seen[3 * fold : 3 * fold + 3]:
            assert_allclose(seen, weight[counted])
            assert_allclose(labels, y[counted])


def test_validation_speaks_of_the_target(data):
    X, y = data
    spy = Spy()
    X_target = X[X[:, 0] > 0]
    ratio = DensityRatioWeighting(
        estimator=KernelLogisticRatio(n_centers=0, lambdas=0.01), random_state=0
    )
    population = clone(ratio).set_params(X_target=X_target)
    comparison = compare(
        data,
        cv=StratifiedKFold(3),
        weightings={"ratio": ratio},
        scoring={"spy": spy},
        population=population,
        X_target=X_target,
    )
    assert comparison.failures().empty  # the strategy has got the target
    learned = clone(population).fit_weigh(X, y)
    tests = [test for _, test in StratifiedKFold(3).split(X, y)]
    for position, (_, _, seen) in enumerate(spy.seen):
        test = tests[position // 2]
        assert_allclose(seen, learned[test][learned[test] > 0])
    assert "DensityRatioWeighting" in repr(comparison)


def test_a_target_alone_is_weighed_for_by_a_density_ratio(data):
    X, y = data[0][:80], data[1][:80]
    comparison = compare((X, y), X_target=X[X[:, 0] > 0], cv=2)
    assert comparison.design.weights == "DensityRatioWeighting"


def test_population_may_be_named_and_emphasis_may_not(data):
    prior = PriorWeighting({0: 0.5, 1: 0.5})
    comparison = compare(data, population=prior)
    assert_allclose(mean(comparison, "none", "prevalence", 1), 0.5, atol=0.01)
    with pytest.raises(ValueError, match="role emphasis"):
        compare(data, population="balanced")


def test_groups_stay_together_also_inside_a_calibrator(data):
    X, y = data
    groups = np.arange(len(y)) // 4
    collected = []

    class Recording(GaussianNB):
        def fit(self, X, y, sample_weight=None):
            collected.append(set(X[:, -1]))
            return super().fit(X, y, sample_weight)

        def predict_proba(self, X):
            assert not collected[-1] & set(X[:, -1]) or len(collected[-1]) == len(
                set(X[:, -1])
            )
            return super().predict_proba(X)

    # The group is a feature here, so that the estimator can tell who is on which side.
    X = np.column_stack([X, groups])
    comparison = compare(
        (X, y),
        estimator=Recording(),
        groups=groups,
        calibrations="sigmoid",
        error_score="raise",
    )
    assert comparison.design.grouped
    # 2 strategies x 3 folds, each one fit and five for its calibrator.
    assert len(collected) == 2 * 3 * 6
    with sklearn.config_context(enable_metadata_routing=True):
        routed = compare(
            (X, y),
            estimator=GaussianNB(),
            groups=groups,
            calibrations="sigmoid",
            cv=GroupKFold(3),
        )
    assert routed.failures().empty


# -- what can be compared --------------------------------------------------------------


@pytest.fixture(scope="module")
def expected(data):
    return compare(data, calibrations="sigmoid")


@pytest.mark.parametrize("labels", LABELS.values(), ids=list(LABELS))
def test_labels_of_any_kind(data, labels, expected):
    X, y = data
    named = np.array(labels)[y]
    comparison = compare((X, named), calibrations="sigmoid")
    assert comparison.design.pos_label == labels[1]
    assert type(comparison.design.pos_label) is type(labels[1])
    assert_allclose(untimed(comparison), untimed(expected))


def test_the_positive_class_is_the_rarer_one_unless_named(data):
    X, y = data
    rare_first = np.where(y == 1, "a", "b")
    comparison = compare((X, rare_first))
    assert comparison.design.pos_label == "a"
    assert_allclose(
        mean(comparison, "none", "roc_auc", "a"),
        mean(compare(data), "none", "roc_auc", 1),
    )
    named = compare((X, rare_first), pos_label="b")
    assert_allclose(
        mean(named, "none", "mean_probability", "b"),
        1 - mean(comparison, "none", "mean_probability", "a"),
    )
    with pytest.raises(ValueError, match="pos_label must be one of"):
        compare((X, rare_first), pos_label="c")


def test_three_classes_have_figures_each():
    X, y = make_classification(
        300, n_classes=3, n_informative=4, n_redundant=0, random_state=0
    )
    comparison = compare((X, y), calibrations="sigmoid")
    table = comparison.to_frame()
    assert set(table[table["metric"] == "roc_auc"]["class"]) == {0, 1, 2}
    assert "AUC 2" in comparison.summary()
    with pytest.raises(ValueError, match="pos_label can only be used with two classes"):
        compare((X, y), pos_label=1)


def test_frames_sparse_matrices_pipelines_and_searches(data):
    X, y = data
    expected = mean(compare(data), "balanced", "log_loss")
    frame = pd.DataFrame(X, columns=list("abcd"))
    assert_allclose(mean(compare((frame, y)), "balanced", "log_loss"), expected)
    lr = LogisticRegression()
    expected = mean(compare(data, estimator=lr), "balanced", "log_loss")
    for matrix in (sparse.csr_matrix(X), sparse.coo_matrix(X)):
        actual = compare((matrix, y), estimator=lr)
        assert_allclose(mean(actual, "balanced", "log_loss"), expected, rtol=1e-4)
    piped = make_pipeline(StandardScaler(), lr)
    assert compare(data, estimator=piped).failures().empty
    search = GridSearchCV(piped, {"logisticregression__C": [0.1, 1]}, cv=2)
    assert compare(data, estimator=search).failures().empty


def test_categories_and_polars(data):
    X, y = data
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["e"] = pd.Categorical(np.where(X[:, 0] > 0, "up", "down"))
    trees = HistGradientBoostingClassifier(
        max_iter=3, categorical_features="from_dtype", random_state=0
    )
    assert compare((frame, y), estimator=trees, cv=2).failures().empty
    polars = pytest.importorskip("polars")
    expected = compare(data)
    actual = compare((polars.DataFrame(X), polars.Series(y)))
    assert_allclose(
        mean(actual, "balanced", "log_loss"), mean(expected, "balanced", "log_loss")
    )
    assert actual.design.fingerprint == expected.design.fingerprint


def test_weights_in_a_column(data):
    X, y = data
    frame = pd.DataFrame(X, columns=list("abcd")).assign(w=1.0 + (y == 1))
    comparison = compare((frame, y), weightings={"column": ColumnWeighting("w")})
    assert comparison.failures().empty


def test_a_classifier_among_the_weightings_is_taken_as_it_is(data):
    ready = LogisticRegression(class_weight="balanced")
    comparison = compare(
        data,
        estimator=LogisticRegression(),
        weightings={"ours": "balanced", "theirs": ready},
    )
    assert_allclose(
        mean(comparison, "ours", "recall", 1),
        mean(comparison, "theirs", "recall", 1),
    )


def test_a_weighted_classifier_keeps_its_settings(data):
    estimator = WeightedClassifier(GaussianNB(), decision=0.01, calibration=None)
    comparison = compare(data, estimator=estimator)
    assert mean(comparison, "none", "recall", 1) > 0.95


def test_calibrations_are_crossed_with_weightings(data):
    comparison = compare(data, calibrations=[None, "sigmoid"], weightings=["balanced"])
    assert [strategy.name for strategy in comparison.strategies] == [
        "none + not calibrated",
        "none + sigmoid",
        "balanced + not calibrated",
        "balanced + sigmoid",
    ]
    assert comparison.baseline == "none + not calibrated"


def test_ablation_takes_away_each_part(data):
    comparison = compare(data, calibrations="sigmoid", ablation=True)
    effects = comparison.effects()
    assert set(zip(effects["strategy"], effects["without"], strict=True)) == {
        ("balanced + sigmoid", "none + sigmoid"),
        ("balanced + sigmoid", "balanced + not calibrated"),
        ("none + sigmoid", "none + not calibrated"),
        ("balanced + not calibrated", "none + not calibrated"),
    }
    effects = effects.query(
        "metric == 'mean_over_prevalence' and strategy == 'balanced + sigmoid'"
    )
    [calibration] = effects.query("part == 'calibration'")["difference"]
    assert calibration < -0.5  # without it, probabilities are far too high
    assert compare(data).effects().query("part == 'calibration'").empty


def test_strengths_go_from_nothing_to_the_whole(data):
    comparison = compare(
        data,
        weightings={"balanced": "balanced", "dict": {0: 1, 1: 9}},
        strengths=[0, 1],
    )
    for name in ("balanced", "dict"):
        for metric, label in (("recall", 1), ("log_loss", None)):
            assert_allclose(
                mean(comparison, f"{name}, strength 0", metric, label),
                mean(comparison, "none", metric, label),
            )
            assert_allclose(
                mean(comparison, f"{name}, strength 1", metric, label),
                mean(comparison, name, metric, label),
            )
    table = comparison.to_frame()
    assert set(table["strength"].dropna()) == {0.0, 1.0}


def test_strength_of_a_product_is_that_of_its_emphasis(data):
    product = [PriorWeighting({0: 0.5, 1: 0.5}), BalancedWeighting()]
    comparison = compare(data, weightings={"both": product}, strengths=[0])
    alone = compare(data, weightings={"prior": PriorWeighting({0: 0.5, 1: 0.5})})
    assert_allclose(
        mean(comparison, "both, strength 0", "log_loss"),
        mean(alone, "prior", "log_loss"),
    )
    with pytest.raises(ValueError, match="no parameter strength or exponent"):
        compare(data, weightings={"x": ["balanced", {0: 1, 1: 2}]}, strengths=[0.5])


# -- real data ------------------------------------------------------------------------


def test_real_data_choose_as_the_literature_says(shared_data):
    """Weights find more of the rare class, and calibration makes them honest."""
    table = pd.read_csv(shared_data("mammography.csv.gz"))
    y = table.pop("Class").to_numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        comparison = compare_weightings(
            make_pipeline(StandardScaler(), LogisticRegression()),
            table,
            y,
            ablation=True,
            cv=3,
            random_state=0,
        )
    summary = comparison.summary(errors=False)
    weighted = summary.loc["balanced + sigmoid"]
    assert weighted["Recall 1"] > summary.loc["none + sigmoid"]["Recall 1"] + 0.3
    assert abs(weighted["Mean probability / prevalence"] - 1) < 0.1
    inflated = summary.loc["balanced + not calibrated"]
    assert inflated["Mean probability / prevalence"] > 5
