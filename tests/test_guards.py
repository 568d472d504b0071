"""Guards of calibration: they speak where something is wrong, and only there."""

import re
import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline as PlainPipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.class_weight import compute_sample_weight

from skweight import BalancedWeighting, PriorWeighting, WeightedClassifier
from skweight._fit.checks import (
    warn_of_class_weights,
    warn_of_clipped_votes,
    warn_of_mean,
)
from skweight.calibration import (
    AutoCalibrator,
    PriorCalibrator,
    SigmoidCalibrator,
    TemperatureCalibrator,
)
from skweight.datasets import make_imbalanced
from skweight.exceptions import (
    CalibrationWarning,
    DoubleCountingWarning,
)
from skweight.pipeline import make_pipeline


@pytest.fixture(scope="module")
def rare():
    data = make_imbalanced(2000, prevalence=0.05, random_state=0)
    return data.X, data.y


def make(estimator=None, **params):
    return WeightedClassifier(
        estimator, **{"calibration": "sigmoid", "random_state": 0, **params}
    )


# -- no false alarms -------------------------------------------------------------------


# Every pair of two of the three values meets, in nine of the 27 triples.
@pytest.mark.in_turn(2)
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("n_samples", "prevalence", "calibration"),
    [
        (40, 0.03, "sigmoid"),
        (40, 0.5, "isotonic"),
        (40, [0.6, 0.3, 0.1], "temperature"),
        (300, 0.03, "isotonic"),
        (300, 0.5, "temperature"),
        (300, [0.6, 0.3, 0.1], "sigmoid"),
        (1500, 0.03, "temperature"),
        (1500, 0.5, "sigmoid"),
        (1500, [0.6, 0.3, 0.1], "isotonic"),
    ],
)
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
    trees = RandomForestClassifier(10, min_samples_leaf=3, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # A ranking of pure noise is another matter, and has another warning.
        warnings.simplefilter("ignore", CalibrationWarning)
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
        r"rows\. This is \d+\.?\d* times the frequency .* rows, 0\.\d+\..*='auto'"
    )
    with pytest.warns(CalibrationWarning, match=sentence) as caught:
        make(calibration=TemperatureCalibrator(bias=False)).fit(*rare)
    assert caught[0].filename == __file__
    assert issubclass(CalibrationWarning, CalibrationWarning)


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


def case_control(n_cases, n_controls, control_weight):
    """A sample of fixed class sizes, whose controls stand for many rows each."""
    codes = np.repeat([1, 0], [n_cases, n_controls])
    return codes, np.where(codes == 1, 1.0, control_weight)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("n_cases", "n_controls", "ratio", "warns"),
    [
        (1000, 1000, 3.95, True),
        (1000, 1000, 1.3, True),
        (1000, 1000, 1.2, False),
        (1000, 1000, 0.75, True),
        # Ten rows of a class are not known to a third, whatever they weigh.
        (10, 1000, 1.5, False),
        (1000, 10, 1.5, False),
        (10, 10, 3.0, False),
    ],
)
def test_the_rows_of_both_classes_say_what_is_chance(
    n_cases, n_controls, ratio, warns, swapped
):
    codes, weight = case_control(n_cases, n_controls, 1000.0)
    frequency = weight[codes == 1].sum() / weight.sum()
    proba = np.tile([1 - ratio * frequency, ratio * frequency], (codes.size, 1))
    if swapped:
        codes, proba = 1 - codes, proba[:, ::-1]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_mean(proba, codes, weight, np.array([0, 1]))
    assert len(caught) == warns
    if warns:
        assert f"This is {ratio} times the frequency" in str(caught[0].message)


def test_uneven_weights_within_a_class_make_it_few_rows():
    codes = (np.arange(2000) % 10 == 0).astype(int)
    proba = np.tile([0.7, 0.3], (2000, 1))
    weight = np.ones(2000)
    with pytest.warns(CalibrationWarning, match="3 times the frequency"):
        warn_of_mean(proba, codes, weight, np.array([0, 1]))
    # One row of the class weighs as much as the 199 others: four effective rows.
    weight[0] = 199
    proba = np.tile([0.6, 0.4], (2000, 1))  # 0.18 of all weight is on the class
    warn_of_mean(proba, codes, weight, np.array([0, 1]))
    even = np.where(codes == 1, 199 / 100, 1.0)
    with pytest.warns(CalibrationWarning, match=r"in these rows, 0\.181\."):
        warn_of_mean(proba, codes, even, np.array([0, 1]))


@pytest.mark.parametrize(("n_rows", "warns"), [(300, False), (3000, True)])
def test_a_class_without_a_row(n_rows, warns):
    codes = np.arange(n_rows) % 2
    proba = np.tile([0.495, 0.495, 0.01], (n_rows, 1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_mean(proba, codes, None, np.array([0, 1, 2]))
    assert len(caught) == warns


@pytest.mark.parametrize(
    ("calibrator", "remedy"),
    [
        (SigmoidCalibrator(), r"cannot map these scores; use calibration='auto'\.$"),
        (PriorCalibrator(), r"inversion .* is wrong .*\. Use calibration='auto'"),
        (AutoCalibrator(), r"BalancedWeighting\(strength=0\.5\)\.$"),
    ],
    ids=repr,
)
def test_the_remedy_is_not_what_is_set(calibrator, remedy):
    codes = np.arange(2000) % 2
    proba = np.tile([0.9, 0.1], (2000, 1))
    with pytest.warns(CalibrationWarning, match=remedy) as caught:
        warn_of_mean(proba, codes, None, np.array([0, 1]), calibrator)
    ours = isinstance(calibrator, AutoCalibrator)
    assert ("use calibration='auto'" in str(caught[0].message).lower()) != ours


# -- the mean after an inversion -------------------------------------------------------

INVERSION = r"is 0\.\d+ on held-out rows.*inversion.* is wrong"


def test_held_out_rows_of_the_decision_show_that_an_inversion_is_wrong(rare):
    forest = RandomForestClassifier(30, random_state=0)
    for calibration in ("prior", PriorCalibrator()):
        with pytest.warns(CalibrationWarning, match=INVERSION) as caught:
            make(forest, calibration=calibration, decision="tuned", cv=3).fit(*rare)
        assert len(caught) == 1
    make(calibration="prior", decision="tuned").fit(*rare)


def test_rows_of_weight_zero_are_no_held_out_rows(rare):
    """The inversion holds for the rows that count, and for no others."""
    X, y = rare
    weight = (np.random.RandomState(0).uniform(size=y.size) > 0.1).astype(float)
    y = np.where(weight > 0, y, 1)
    make(calibration="prior", decision="tuned").fit(X, y, sample_weight=weight)


def test_a_frozen_model_is_looked_at_on_the_rows_given(rare):
    X, y = rare
    half = slice(None, 1000)
    for estimator, holds in (
        (RandomForestClassifier(30, random_state=0), False),
        (LogisticRegression(), True),
    ):
        inner = (
            WeightedClassifier(estimator, calibration=None)
            .fit(X[half], y[half])
            .estimator_
        )
        frozen = make(FrozenEstimator(inner), calibration="prior")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            frozen.fit(X[1000:], y[1000:])
        assert len(caught) == (not holds)
        assert all(" on held-out rows" in str(record.message) for record in caught)
        assert frozen.report_.n_fits == 0
        assert "in closed form" in frozen.report_.calibration


@pytest.mark.parametrize(
    "forest",
    [
        RandomForestClassifier(10, random_state=0),
        ExtraTreesClassifier(10, random_state=0),
        BaggingClassifier(n_estimators=10, random_state=0),
        make_pipeline(StandardScaler(), RandomForestClassifier(10, random_state=0)),
    ],
    ids=lambda one: type(one).__name__,
)
def test_votes_are_not_inverted_in_silence(rare, forest):
    sentence = (
        r"divides votes of \w+Classifier by class weights that differ by a factor of "
        r"20\.3, .*0\.22 times.*Use calibration='auto'"
    )
    with pytest.warns(CalibrationWarning, match=sentence) as caught:
        make(forest, calibration="prior").fit(*rare)
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize("weight", [1, 3, 9])
def test_boosted_trees_are_not_inverted_in_silence(rare, weight):
    X, y = rare
    boosting = GradientBoostingClassifier(n_estimators=20, random_state=0)
    classifier = make(boosting, weighting={0: 1, 1: weight}, calibration="prior")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classifier.fit(X, y)
    assert [record.category for record in caught] == [CalibrationWarning] * (weight > 4)
    if caught:
        assert "GradientBoostingClassifier by class weights" in str(caught[0].message)
        assert "a factor of 9. " in str(caught[0].message)


def test_votes_after_over_sampling_do_not_follow_either(rare):
    pytest.importorskip("imblearn")
    forest = RandomForestClassifier(10, random_state=0)
    with pytest.warns(CalibrationWarning, match="by a factor of 20"):
        make(forest, resampler="random_over", calibration="prior").fit(*rare)


def test_the_measured_ratio_is_that_of_a_forest(rare):
    """What the warning says, on rows that the forest has not seen."""
    X, y = rare
    forest = RandomForestClassifier(50, random_state=0)
    with pytest.warns(CalibrationWarning):
        classifier = make(forest, calibration="prior").fit(X[:1000], y[:1000])
    mean = classifier.predict_proba(X[1000:])[:, 1].mean()
    assert 0.05 < mean / y[1000:].mean() < 0.4


@pytest.mark.parametrize(
    "params",
    [
        {"estimator": DecisionTreeClassifier(random_state=0)},
        {"estimator": BaggingClassifier(LogisticRegression(), 3, random_state=0)},
        {"estimator": RandomForestClassifier(10), "weighting": None},
        {"estimator": RandomForestClassifier(10), "weighting": {0: 1, 1: 1.5}},
        {"estimator": RandomForestClassifier(10), "calibration": None},
        {"estimator": RandomForestClassifier(10), "resampler": "random_under"},
    ],
    ids=repr,
)
def test_votes_that_follow_their_weights_are_no_alarm(rare, params):
    if "resampler" in params:
        pytest.importorskip("imblearn")
    make(**{"calibration": "prior", **params}).fit(*rare)


# -- weights that are a function of the label ------------------------------------------


@pytest.mark.parametrize("labels", [np.array([0, 1]), np.array(["no", "yes"])])
@pytest.mark.parametrize("calibration", ["sigmoid", "prior"])
def test_balanced_weights_as_population(rare, labels, calibration):
    X, y = rare
    weight = compute_sample_weight("balanced", y)
    sentence = (
        rf"depends on the label alone: rows of class {labels[1].item()!r} have 20\.3 "
        r"times the weight .* share is 50\.0% instead of \d\.\d%.*weighting='balanced'"
    )
    with pytest.warns(DoubleCountingWarning, match=sentence) as caught:
        make(calibration=calibration).fit(X, labels[y], sample_weight=weight)
    assert caught[0].filename == __file__


def test_three_balanced_classes_as_population():
    data = make_imbalanced(900, prevalence=[0.7, 0.2, 0.1], n_classes=3, random_state=0)
    weight = compute_sample_weight("balanced", data.y)
    weight[::7] = 0  # rows that do not count say nothing
    with pytest.warns(DoubleCountingWarning, match=r"class 2 have"):
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
    weight *= np.random.RandomState(0).uniform(0.9, 1.1, y.size)
    make().fit(X, y, sample_weight=weight)


STRENGTHS = [1.2, 2, 3, 5, 6, 10, 100, 1000, 1e9, 1e300]


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("share", [0.002, 0.05, 0.3, 0.4])
@pytest.mark.parametrize("rare_code", [0, 1])
def test_the_rarer_class_counts_more_whatever_the_strength(strength, share, rare_code):
    """Far beyond balance the other class becomes rare, and nothing is more even."""
    codes = np.where(np.arange(1000) < round(1000 * share), rare_code, 1 - rare_code)
    weight = np.where(codes == rare_code, strength, 1.0)
    labels = np.array(["no", "yes"])
    with pytest.warns(DoubleCountingWarning) as caught:
        warn_of_class_weights(weight, codes, labels)
    message = str(caught[0].message)
    after = share * strength / (share * strength + 1 - share)
    assert f"class {labels[rare_code].item()!r} have" in message
    assert f"their share is {after:.1%} instead of {share:.1%}" in message
    # The way back, for a sample in which a rare class was drawn more often.
    warn_of_class_weights(1 / weight, codes, labels)
    # Where rows were drawn to be equally many, neither class is the rarer one.
    codes = (np.arange(1000) % 20 < 11).astype(int)
    for factor in (strength, 1 / strength):
        warn_of_class_weights(np.where(codes == 1, factor, 1.0), codes, labels)


@pytest.mark.parametrize(
    ("factor", "said"),
    [(20, "20"), (12345, "12,345"), (1e8, "1e+08"), (1e250, "1e+250")],
)
def test_a_factor_is_not_written_in_hundreds_of_digits(factor, said):
    codes = (np.arange(1000) % 10 == 0).astype(int)
    weight = np.where(codes == 1, float(factor), 1.0)
    with pytest.warns(DoubleCountingWarning, match=re.escape(f"have {said} times")):
        warn_of_class_weights(weight, codes, np.array([0, 1]))


@pytest.mark.parametrize("strength", [0.1, 0.5, 1, 1.5, 4])
@pytest.mark.parametrize(
    ("n_rows", "by_class", "named"),
    [
        ([700, 200, 100], [1 / 7, 1 / 2, 1], "c"),
        ([700, 200, 100], [1, 1, 10], "c"),
        ([700, 200, 100], [1, 10, 1], "b"),
        ([600, 300, 1, 100], [1, 1, 0.1, 20], "d"),  # a single row says nothing
        ([600, 390, 10], [1, 1, 50], "c"),
        ([1000, 1], [1, 9], None),
        ([700, 200, 100], [7, 2, 1], None),
        ([700, 200, 100], [1, 0.1, 0.1], None),
        ([320, 340, 340], [1, 30, 1000], None),  # as many rows of each
        ([500, 250, 250], [1, 1.2, 0.1], None),  # the two in all count less
    ],
)
def test_many_classes_of_weights_of_any_strength(n_rows, by_class, named, strength):
    labels = np.array(list("abcd"))[: len(n_rows)]
    codes = np.repeat(np.arange(labels.size), n_rows)
    weight = np.array(by_class, dtype=float)[codes] ** strength
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_class_weights(weight, codes, labels)
        warn_of_class_weights(weight[::-1], labels.size - 1 - codes[::-1], labels[::-1])
    assert [f"class {named!r} have" in str(record.message) for record in caught] == [
        True,
        True,
    ][: 2 * (named is not None)]


@pytest.mark.parametrize("strength", [2, 20, 1000])
def test_noise_does_not_hide_that_weights_are_of_the_label(rare, strength):
    y = rare[1]
    rng = np.random.RandomState(0)
    weight = np.where(y == 1, float(strength), 1.0)
    one_off = weight.copy()
    one_off[np.flatnonzero(y == 1)[3]] *= 1 + 1e-4
    rounded = weight * (1 + 1e-8 * rng.normal(size=y.size))
    for off in (one_off, rounded, rounded.astype(np.float32).astype(float)):
        with pytest.warns(DoubleCountingWarning):
            warn_of_class_weights(off, y, np.array([0, 1]))
    # Noise of its own is another matter: such weights mean something else as well.
    warn_of_class_weights(weight * rng.uniform(0.8, 1.2, y.size), y, np.array([0, 1]))


def test_weights_of_almost_one_are_left_in_peace(rare):
    y = rare[1]
    warn_of_class_weights(np.where(y == 1, 1.04, 1.0), y, np.array([0, 1]))
    warn_of_class_weights(np.ones(y.size), y, np.array([0, 1]))


@pytest.mark.filterwarnings("ignore::skweight.exceptions.CalibrationWarning")
def test_weights_through_a_pipeline(rare):
    """The last step is told roles, and would take the caller's weights on trust."""
    X, y = rare
    pipe = make_pipeline(StandardScaler(), make())
    for strength in (5.0, 1000.0):
        weight = np.where(y == 1, strength, 1.0)
        with pytest.warns(DoubleCountingWarning) as caught:
            pipe.fit(X, y, sample_weight=weight)
        collected = [
            record for record in caught if record.category is DoubleCountingWarning
        ]
        assert [record.filename for record in collected] == [__file__]
    # Weightings of the Pipeline are emphasis, and known to be.
    make_pipeline(StandardScaler(), BalancedWeighting(), make(weighting=None)).fit(X, y)
    uncalibrated = make(calibration=None)
    make_pipeline(StandardScaler(), uncalibrated).fit(X, y, sample_weight=weight)
    weight = np.where(y == 1, 5.0, 1.0)
    with pytest.warns(DoubleCountingWarning):
        make_pipeline(make_pipeline(StandardScaler(), make())).fit(X, y, weight)
    # A classifier around a Pipeline looks at the weights itself.
    with pytest.warns(DoubleCountingWarning) as caught:
        make(make_pipeline(StandardScaler(), make())).fit(X, y, sample_weight=weight)
    assert len(caught) == 1


def test_weights_that_nobody_calibrates_by_pass(rare):
    X, y = rare
    weight = compute_sample_weight("balanced", y)
    WeightedClassifier(weighting=None, calibration=None).fit(X, y, sample_weight=weight)


# -- samplers --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SMOTE", "RandomOverSampler"])
def test_rows_added_by_a_sampler(rare, name):
    over_sampling = pytest.importorskip("imblearn.over_sampling")
    X, y = getattr(over_sampling, name)(random_state=0).fit_resample(*rare)
    sentence = (
        r"The last 1,812 rows are all of class 1, but .* 4\.7% of the 2,000 "
        r"rows before them.*in all rows, 50\.0%"
    )
    with pytest.warns(DoubleCountingWarning, match=sentence) as caught:
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
    sentence = (
        r"'randomundersampler' inside .* rows \(sampling_strategy='auto'\).* class 1, "
        r"with 4\.7% of the rows, has 4\.7% of the training.*calibration='prior' uses "
        r".*skweight\.pipeline\.Pipeline.*"
        r"set calibration='sigmoid'.*decision='balanced'"
    )
    with pytest.warns(DoubleCountingWarning, match=sentence):
        make(inner, weighting=None, calibration="prior").fit(*rare)
    # A calibrator that looks at held-out rows learns what the sampler did; labels by
    # decision="auto" do not, and have a warning of their own.
    classifier = make(inner, weighting=None, decision="balanced").fit(*rare)
    assert abs(classifier.predict_proba(rare[0])[:, 1].mean() - rare[1].mean()) < 0.02


@pytest.mark.filterwarnings("ignore::skweight.exceptions.CalibrationWarning")
@pytest.mark.parametrize(
    ("name", "params"),
    [
        (
            "BalancedRandomForestClassifier",
            {"sampling_strategy": "all", "replacement": True, "bootstrap": False},
        ),
        ("BalancedBaggingClassifier", {}),
        ("EasyEnsembleClassifier", {"estimator": AdaBoostClassifier(n_estimators=3)}),
        ("RUSBoostClassifier", {}),
    ],
)
def test_an_ensemble_that_resamples_inside(rare, name, params):
    ensemble = pytest.importorskip("imblearn.ensemble")
    model = getattr(ensemble, name)(n_estimators=3, random_state=0, **params)
    sentence = rf"'{name}' inside the wrapped estimator resamples.* class 1, with 4\.7%"
    for estimator in (model, make_pipeline(StandardScaler(), model), plain(model)):
        wrapped = make(estimator, weighting=None, calibration="prior")
        with pytest.warns(DoubleCountingWarning, match=sentence) as caught:
            wrapped.fit(*rare)
        assert caught[0].filename == __file__
    # A calibrator of held-out rows learns of it.
    assert wrapped.predict_proba(rare[0])[:, 1].mean() > 2 * rare[1].mean()
    learned = make(model, weighting=None, cv=3).fit(*rare)
    assert learned.predict_proba(rare[0])[:, 1].mean() < 2 * rare[1].mean()


@pytest.mark.filterwarnings("ignore::skweight.exceptions.CalibrationWarning")
def test_weights_count_in_what_an_ensemble_is_given(rare):
    ensemble = pytest.importorskip("imblearn.ensemble").BalancedRandomForestClassifier
    forest = ensemble(3, sampling_strategy="all", replacement=True, bootstrap=False)
    weight = np.random.RandomState(0).uniform(0.5, 1.5, rare[1].size)
    weight[rare[1] == 1] /= 2
    seen = r"class 1, with 2\.\d% of the rows, has 50\.0% of the training"
    with pytest.warns(DoubleCountingWarning) as caught:
        make(forest, calibration="prior").fit(*rare, sample_weight=weight)
    twice, sampled = (str(warning.message) for warning in caught)
    assert "sampling_strategy='all'" in twice
    assert re.search(seen, sampled)


def test_a_classifier_inside_that_calibrates_has_learned_of_the_sampler(rare):
    under = pytest.importorskip("imblearn.under_sampling").RandomUnderSampler
    inner = pytest.importorskip("imblearn.pipeline").make_pipeline(
        under(random_state=0), LogisticRegression()
    )
    outer = {"weighting": None, "calibration": "prior"}
    make(make(inner, weighting=None, decision="argmax"), **outer).fit(*rare)
    with pytest.warns(DoubleCountingWarning) as caught:
        make(make(inner, **outer), **outer).fit(*rare)
    assert len(caught) == 1
    with pytest.warns(DoubleCountingWarning) as caught:
        make(make(inner, weighting=None, calibration=None), **outer).fit(*rare)
    assert len(caught) == 1


def plain(model):
    return PlainPipeline([("scale", StandardScaler()), ("model", model)])


def test_ensembles_that_do_not_resample_are_no_alarm(rare):
    make(BaggingClassifier(LogisticRegression(), 3), calibration="anchored").fit(*rare)


@pytest.mark.parametrize("name", ["SMOTE"])
def test_rows_of_a_sampler_through_a_pipeline(rare, name):
    over_sampling = pytest.importorskip("imblearn.over_sampling")
    X, y = getattr(over_sampling, name)(random_state=0).fit_resample(*rare)
    with pytest.warns(DoubleCountingWarning, match="The last 1,812 rows"):
        make_pipeline(StandardScaler(), make()).fit(X, y)


# -- few effective rows ----------------------------------------------------------------


def test_weights_that_leave_few_rows(rare):
    X, y = rare
    weight = np.random.RandomState(0).lognormal(0, 2.2, y.size)
    sentence = (
        r"has 2,000 held-out rows, .* effective sample size is \d+\.\d, below 200\. "
        r".*stabilizer='pareto'"
    )
    with pytest.warns(CalibrationWarning, match=sentence):
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
        r"80% of the held-out rows have no vote for class 'yes'; 2\.00% of these "
        r"rows .* probability is 10\.00%"
    )
    with pytest.warns(CalibrationWarning, match=sentence):
        warn_of_clipped_votes(wrong, *arguments)
    # In decision values nothing is clipped, and a few rows say nothing.
    few = slice(7, None, 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_clipped_votes(wrong[few], outputs[few], codes[few], None, arguments[3])


@pytest.mark.parametrize("seen", [0, 1])
@pytest.mark.parametrize("n_rows", [1, 2, 200])
def test_renamed_labels_are_warned_of_alike(n_rows, seen):
    """Rows without a vote for one class are those with all votes for the other."""
    votes = np.r_[np.zeros(n_rows), np.full(200, 0.3)]
    outputs = np.column_stack([1 - votes, votes])
    proba = np.where(votes[:, None] > 0, [0.7, 0.3], [0.8, 0.2])
    codes = np.r_[np.full(n_rows, seen), np.arange(200) % 10 < 3]
    collected = []
    for order in ([0, 1], [1, 0]):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            labels = np.array(["no", "yes"])[order]
            warn_of_clipped_votes(
                proba[:, order],
                outputs[:, order],
                np.argsort(order)[codes],
                None,
                labels,
            )
        collected.append([str(record.message) for record in caught])
    assert collected[0] == collected[1]
    # What a row or two say is chance.
    assert bool(collected[0]) == (n_rows == 200)
    if collected[0]:
        assert f"have no vote for class 'yes'; {seen:.2%} of these" in collected[0][0]


def test_one_column_of_votes_is_that_of_the_second_class():
    votes = np.r_[np.zeros(400), np.ones(400)]
    codes = np.r_[np.zeros(400, int), np.arange(400) % 2]
    proba = np.column_stack([1 - votes, votes]) * 0.8 + 0.1
    proba[:400] = [0.999, 0.001]
    with pytest.warns(CalibrationWarning, match=r"50% of .* no vote for class 0; 50"):
        warn_of_clipped_votes(proba, votes, codes, None, np.array([0, 1]))


class Votes(ClassifierMixin, BaseEstimator):
    """A model whose votes for the rarer class are the first column."""

    def fit(self, X, y, sample_weight=None):
        self.classes_, counts = np.unique(y, return_counts=True)
        self.is_first_ = counts[0] < counts[1]
        return self

    def predict_proba(self, X):
        votes = np.column_stack([1 - X[:, 0], X[:, 0]])
        return votes[:, ::-1] if self.is_first_ else votes


@pytest.mark.parametrize("renamed", [False, True])
def test_votes_that_a_line_cannot_follow_in_a_whole_fit(renamed):
    """Fifty pseudo-rows pull the end of the line up, where most of the rows are."""
    X = np.repeat([[0.0, 0.0], [0.3, 0.0]], [3200, 800], axis=0)
    y = (np.arange(4000) % np.where(X[:, 0] == 0, 200, 4) == 0).astype(int)
    labels = np.array(["yes", "no"] if renamed else ["no", "yes"])
    model = make(Votes(), cv=3, calibration=SigmoidCalibrator(smoothing=50))
    sentence = (
        rf"80% of the held-out rows have no vote for class '{labels[1]}'; "
        r"0\.50% of these rows .* probability is 1\.\d\d%"
    )
    with pytest.warns(CalibrationWarning, match=sentence) as caught:
        model.fit(X, labels[y])
    assert [record.filename for record in caught] == [__file__]
    # Decision values are no votes, and a zero of them is no floor.
    model.set_params(estimator=LogisticRegression()).fit(X, labels[y])


def test_a_tree_of_pure_leaves_bends_the_scores():
    """Most rows have no vote, among them most of the rare class: a line cannot fit."""
    data = make_imbalanced(4000, prevalence=0.1, class_sep=1.0, random_state=0)
    tree = DecisionTreeClassifier(random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make(tree, calibration="isotonic").fit(data.X, data.y)
    assert not caught
