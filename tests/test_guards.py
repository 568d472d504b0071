"""Guards of calibration: they speak where something is wrong, and only there."""

import warnings

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.class_weight import compute_sample_weight

from skweight import PriorWeighting, WeightedClassifier
from skweight._guards import warn_of_clipped_votes, warn_of_mean
from skweight.calibration import TemperatureCalibrator
from skweight.datasets import make_imbalanced
from skweight.exceptions import (
    CalibrationMeanWarning,
    CalibrationWarning,
    ClippedVotesWarning,
    EmphasisAsPopulationWarning,
    FewEffectiveRowsWarning,
    UpstreamSamplerWarning,
)


@pytest.fixture(scope="module")
def rare():
    data = make_imbalanced(2000, prevalence=0.05, random_state=0)
    return data.X, data.y


def make(estimator=None, **params):
    return WeightedClassifier(
        estimator, **{"calibration": "sigmoid", "random_state": 0, **params}
    )


# -- no false alarms -------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("n_samples", [40, 300, 1500])
@pytest.mark.parametrize("prevalence", [0.03, 0.5, [0.6, 0.3, 0.1]])
@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic", "temperature"])
def test_plain_problems_are_no_alarm(seed, n_samples, prevalence, calibration):
    many = isinstance(prevalence, list)
    data = make_imbalanced(
        n_samples,
        prevalence=prevalence,
        n_classes=3 if many else 2,
        nonlinearity=0.3,
        random_state=seed,
    )
    if np.bincount(data.y, minlength=3 if many else 2).min() < 5:
        pytest.skip("five folds need five rows")
    rng = np.random.RandomState(seed)
    weight = rng.uniform(0.5, 2, n_samples)
    order = np.argsort(data.y, kind="stable")
    trees = RandomForestClassifier(20, min_samples_leaf=3, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # A ranking of pure noise is another matter, and has another warning.
        warnings.filterwarnings("ignore", ".*a higher score does not go with.*")
        for estimator in (LogisticRegression(), GaussianNB(), LinearSVC(), trees):
            for sample_weight in (None, weight):
                make(estimator, calibration=calibration, cv=2).fit(
                    data.X, data.y, sample_weight=sample_weight
                )
        # Rows sorted by their label are not resampled ones.
        make(calibration=calibration).fit(data.X[order], data.y[order])


def test_boosting_on_repeated_rows_is_no_alarm():
    """Most rows of some data sets occur more than once."""
    data = make_imbalanced(3000, prevalence=0.1, random_state=0)
    make(HistGradientBoostingClassifier(max_iter=20)).fit(data.X.round(), data.y)


# -- the mean on held-out rows ---------------------------------------------------------


def test_a_temperature_alone_cannot_undo_weights(rare):
    sentence = (
        r"After calibration the mean probability of class 1 is 0\.\d+ on held-out "
        r"rows, of which 0\.\d+ are of it: \d+\.?\d* times as many\..*='auto'"
    )
    with pytest.warns(CalibrationMeanWarning, match=sentence) as caught:
        make(calibration=TemperatureCalibrator(bias=False)).fit(*rare)
    assert caught[0].filename == __file__
    assert issubclass(CalibrationMeanWarning, CalibrationWarning)


@pytest.mark.parametrize(
    ("n_rows", "mean", "warns"),
    [(2000, 0.126, True), (2000, 0.124, False), (20, 0.2, False), (2000, 0.079, True)],
)
def test_a_mean_must_be_off_and_by_more_than_chance(n_rows, mean, warns):
    codes = (np.arange(n_rows) % 10 == 0).astype(int)
    proba = np.tile([1 - mean, mean], (n_rows, 1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # Twenty times as many rows as weight of one row each know no more.
        warn_of_mean(proba, codes, None, np.array([0, 1]))
        warn_of_mean(proba, codes, np.full(n_rows, 9.0), np.array([0, 1]))
    assert len(caught) == 2 * warns


# -- weights that are a function of the label ------------------------------------------


@pytest.mark.parametrize("labels", [np.array([0, 1]), np.array(["no", "yes"])])
@pytest.mark.parametrize("calibration", ["sigmoid", "prior"])
def test_balanced_weights_as_population(rare, labels, calibration):
    X, y = rare
    weight = compute_sample_weight("balanced", y)
    sentence = (
        rf"depends on the label alone: rows of class {labels[1].item()!r} count 20\.3 "
        r"times as much .* share 50\.0% instead of \d\.\d%.*weighting='balanced'"
    )
    with pytest.warns(EmphasisAsPopulationWarning, match=sentence) as caught:
        make(calibration=calibration).fit(X, labels[y], sample_weight=weight)
    assert caught[0].filename == __file__


def test_three_balanced_classes_as_population():
    data = make_imbalanced(900, prevalence=[0.7, 0.2, 0.1], n_classes=3, random_state=0)
    weight = compute_sample_weight("balanced", data.y)
    weight[::7] = 0  # rows that do not count say nothing
    with pytest.warns(EmphasisAsPopulationWarning, match=r"class 2 count"):
        make().fit(data.X, data.y, sample_weight=weight)


def test_weights_that_make_a_rare_class_rare_again_pass():
    """A case-control sample, corrected by the known frequencies."""
    data = make_imbalanced(1000, prevalence=0.5, random_state=0)
    weight = np.where(data.y == 1, 0.02, 0.98)
    make().fit(data.X, data.y, sample_weight=weight)
    # And the other way round, said by the strategy that is made for it.
    WeightedClassifier(
        weighting=PriorWeighting({0: 0.5, 1: 0.5}), calibration="sigmoid"
    ).fit(data.X[200:], data.y[200:])


def test_weights_that_differ_within_a_class_pass(rare):
    X, y = rare
    weight = compute_sample_weight("balanced", y)
    weight[np.flatnonzero(y == 1)[0]] *= 1.01
    make().fit(X, y, sample_weight=weight)


def test_weights_that_nobody_calibrates_by_pass(rare):
    X, y = rare
    weight = compute_sample_weight("balanced", y)
    WeightedClassifier(weighting=None).fit(X, y, sample_weight=weight)


# -- samplers --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SMOTE", "RandomOverSampler"])
def test_rows_added_by_a_sampler(rare, name):
    over_sampling = pytest.importorskip("imblearn.over_sampling")
    X, y = getattr(over_sampling, name)(random_state=0).fit_resample(*rare)
    sentence = (
        r"The last 1,812 rows are all of class 1, which is 4\.7% of the 2,000 "
        r"rows before them.*share among all rows, 50\.0%"
    )
    with pytest.warns(UpstreamSamplerWarning, match=sentence) as caught:
        make().fit(X, y)
    assert caught[0].filename == __file__
    # Shuffled rows show nothing, and without calibration nothing is claimed.
    order = np.random.RandomState(0).permutation(y.size)
    make().fit(X[order], y[order])
    make(calibration=None).fit(X, y)


def test_recordings_in_blocks_pass():
    y = np.repeat([0, 1, 0, 1, 0, 1], [90, 30, 120, 40, 100, 60])
    X = np.random.RandomState(0).normal(size=(y.size, 2)) + y[:, None]
    make().fit(X, y)


def test_a_sampler_inside_the_estimator(rare):
    pipeline = pytest.importorskip("imblearn.pipeline")
    under = pytest.importorskip("imblearn.under_sampling").RandomUnderSampler
    inner = pipeline.make_pipeline(under(random_state=0), LogisticRegression())
    with pytest.warns(UpstreamSamplerWarning, match=r"The step 'randomundersampler'"):
        make(inner, weighting=None, calibration="prior").fit(*rare)
    # A calibrator that looks at held-out rows learns what the sampler did.
    classifier = make(inner, weighting=None).fit(*rare)
    assert abs(classifier.predict_proba(rare[0])[:, 1].mean() - rare[1].mean()) < 0.02


# -- few effective rows ----------------------------------------------------------------


def test_weights_that_leave_few_rows(rare):
    X, y = rare
    weight = np.random.RandomState(0).lognormal(0, 2.2, y.size)
    sentence = (
        r"weights of the 2,000 held-out rows leave the calibrator \d+\.\d effective "
        r"rows, fewer than 200.*stabilizer='pareto'"
    )
    with pytest.warns(FewEffectiveRowsWarning, match=sentence):
        make().fit(X, y, sample_weight=weight)
    make(stabilizer="temper").fit(X, y, sample_weight=np.sqrt(weight))


# -- votes -----------------------------------------------------------------------------


def test_rows_without_a_vote_get_a_wrong_probability():
    votes = np.r_[np.zeros(800), np.full(200, 0.3)]
    outputs = np.column_stack([1 - votes, votes])
    codes = (np.arange(1000) % 50 == 0).astype(int)
    right, wrong = np.full((1000, 2), [0.98, 0.02]), np.full((1000, 2), [0.9, 0.1])
    arguments = (outputs, codes, None, np.array(["no", "yes"]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_clipped_votes(right, *arguments)
    sentence = (
        r"80% of the held-out rows have no vote for class 'yes'; 2\.00% of them are of "
        r"it, and the calibrator says 10\.00%"
    )
    with pytest.warns(ClippedVotesWarning, match=sentence):
        warn_of_clipped_votes(wrong, *arguments)
    # In decision values nothing is clipped, and a few rows say nothing.
    few = slice(7, None, 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_clipped_votes(wrong[few], outputs[few], codes[few], None, arguments[3])


def test_a_tree_of_pure_leaves_bends_the_scores():
    """Most rows have no vote, among them most of the rare class: a line cannot fit."""
    data = make_imbalanced(4000, prevalence=0.1, class_sep=1.0, random_state=0)
    tree = DecisionTreeClassifier(random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make(tree, calibration="isotonic").fit(data.X, data.y)
    assert not caught
