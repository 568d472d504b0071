"""Properties that hold for every input: repetition, order, names, scale."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from skweight import (
    BalancedWeighting,
    ClassWeighting,
    ColumnWeighting,
    EffectiveNumberWeighting,
    FunctionWeighting,
    PriorWeighting,
    WeightedClassifier,
)
from skweight._utils.validation import encode_labels, positions_of, values_by_label


def heavier_with_first_column(X, y):
    return 1 + np.abs(X[:, 0])


def by_frequency(labels):
    """Return every strategy whose weights follow from counts of classes."""
    rising = {label: 1.0 + position for position, label in enumerate(labels)}
    total = sum(rising.values())
    return [
        BalancedWeighting(),
        BalancedWeighting(0.5),
        EffectiveNumberWeighting(0.9),
        ClassWeighting(rising),
        PriorWeighting({label: value / total for label, value in rising.items()}),
        PriorWeighting({label: value / total for label, value in rising.items()})
        * BalancedWeighting(0.7),
    ]


def by_row(labels):
    return [
        *by_frequency(labels),
        ColumnWeighting(1),
        FunctionWeighting(heavier_with_first_column),
        ColumnWeighting(1) * BalancedWeighting() * ColumnWeighting(0, role="emphasis"),
    ]


N_STRATEGIES = len(by_row([0, 1]))


@st.composite
def problems(draw, labels=(0, 1, 2), max_rows=30):
    """Draw rows, labels that all occur, and how often every row is there."""
    n = draw(st.integers(len(labels) + 2, max_rows))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y = np.concatenate([np.arange(len(labels)), rng.integers(0, len(labels), n)])
    times = rng.integers(0, 4, y.size)
    times[: len(labels)] = 1 + rng.integers(0, 3, len(labels))
    X = rng.uniform(0.1, 3, (y.size, 3)) + y[:, None]
    return X, np.array(labels)[y], times


which = st.integers(0, N_STRATEGIES - 1)


@given(problems(), which)
def test_weights_are_finite_not_negative_and_of_mean_one(problem, strategy):
    X, y, times = problem
    weights = by_row([0, 1, 2])[strategy].fit_weigh(X, y, sample_weight=times)
    assert np.isfinite(weights).all()
    assert (weights >= 0).all()
    np.testing.assert_allclose(np.average(weights, weights=times), 1, rtol=1e-12)


@given(problems(), which)
def test_a_row_of_weight_two_is_the_row_twice(problem, strategy):
    X, y, times = problem
    rows = np.repeat(np.arange(y.size), times)
    weighting = by_row([0, 1, 2])[strategy]
    weighted = clone(weighting).fit_weigh(X, y, sample_weight=times)
    repeated = clone(weighting).fit_weigh(X[rows], y[rows])
    np.testing.assert_allclose(weighted[rows], repeated, rtol=1e-10)


@given(problems(), which, st.randoms(use_true_random=False))
def test_weights_follow_their_rows(problem, strategy, random):
    X, y, times = problem
    order = np.arange(y.size)
    random.shuffle(order)
    weighting = by_row([0, 1, 2])[strategy]
    straight = clone(weighting).fit_weigh(X, y, sample_weight=times)
    shuffled = clone(weighting).fit_weigh(X[order], y[order], times[order])
    np.testing.assert_allclose(shuffled, straight[order], rtol=1e-10)


@given(problems(), which, st.floats(-100, 100))
def test_the_scale_of_sample_weight_is_no_information(problem, strategy, exponent):
    X, y, times = problem
    weighting = by_row([0, 1, 2])[strategy]
    if isinstance(weighting, EffectiveNumberWeighting):
        return  # counts rows, which a scale changes; see its notes
    once = clone(weighting).fit_weigh(X, y, times)
    scaled = clone(weighting).fit_weigh(X, y, times * 10.0**exponent)
    np.testing.assert_allclose(scaled, once, rtol=1e-9)


NAMES = {
    "same order": {0: "a", 1: "b", 2: "c"},
    "reversed": {0: "z", 1: "y", 2: "x"},
    "mixed": {0: "m", 1: "a", 2: "z"},
    "numbers": {0: 10.0, 1: -3.0, 2: 0.0},
    "large": {0: 10**12, 1: 0, 2: -(10**12)},
}


@given(problems(), which, st.sampled_from(sorted(NAMES)))
def test_weights_do_not_depend_on_what_classes_are_called(problem, strategy, names):
    X, y, times = problem
    renamed = np.array([NAMES[names][label] for label in y.tolist()])
    # The strategies are made in the order of the labels 0, 1, 2 under both names.
    single = by_row([0, 1, 2])[strategy]
    other = by_row([NAMES[names][label] for label in (0, 1, 2)])[strategy]
    np.testing.assert_allclose(
        other.fit_weigh(X, renamed, times), single.fit_weigh(X, y, times), rtol=1e-10
    )


# -- of the classifier -----------------------------------------------------------------


def proba(classifier, X, y, sample_weight=None):
    classifier = clone(classifier).fit(X, y, sample_weight=sample_weight)
    return classifier.predict_proba(X), classifier.predict(X), classifier.classes_


# Tight enough that two ways to one optimum meet.
EXACT = LogisticRegression(tol=1e-10, max_iter=10_000)


@settings(max_examples=15)
@given(problems(), st.integers(0, len(by_frequency([0])) - 1))
def test_a_row_of_weight_two_is_the_row_twice_to_the_model_too(problem, strategy):
    X, y, times = problem
    rows = np.repeat(np.arange(y.size), times)
    classifier = WeightedClassifier(
        EXACT,
        weighting=by_frequency([0, 1, 2])[strategy],
        normalize=False,
        calibration=None,
    )
    weighted = clone(classifier).fit(X, y, sample_weight=times)
    repeated = clone(classifier).fit(X[rows], y[rows])
    np.testing.assert_allclose(
        weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-5
    )
    np.testing.assert_allclose(
        weighted.class_multiplier_, repeated.class_multiplier_, rtol=1e-9
    )


@pytest.mark.filterwarnings("ignore:The closed-form inversion may not hold")
@settings(max_examples=15)
@given(
    problems(labels=(0, 1)),
    st.sampled_from([None, "prior"]),
    st.sampled_from(["balanced", None, "effective_number"]),
    st.booleans(),
)
def test_renamed_labels_are_renamed_answers(problem, calibration, weighting, turned):
    X, y, times = problem
    names = np.array(["no", "yes"])[::-1] if turned else np.array(["no", "yes"])
    classifier = WeightedClassifier(EXACT, weighting=weighting, calibration=calibration)
    numbers, labels, _ = proba(classifier, X, y, times)
    named, words, classes = proba(classifier, X, names[y], times)
    assert classes.tolist() == ["no", "yes"]
    expected = numbers[:, ::-1] if turned else numbers
    np.testing.assert_allclose(named, expected, atol=1e-5)
    # A tie may be broken otherwise.
    sure = np.abs(numbers[:, 1] - 0.5) > 1e-3 if calibration is None else slice(0)
    np.testing.assert_array_equal(words[sure], names[labels][sure])


# Few random rows may rank the classes the wrong way round.
@pytest.mark.filterwarnings("ignore::skweight.exceptions.CalibrationWarning")
@settings(max_examples=15)
@given(
    problems(labels=("a", "b")),
    st.floats(-6, 6),
    st.sampled_from([None, "sigmoid", "isotonic", "temperature", "prior"]),
)
def test_the_scale_of_sample_weight_changes_no_answer(problem, exponent, calibration):
    X, y, times = problem
    X, y, times = np.tile(X, (4, 1)), np.tile(y, 4), np.tile(times, 4)
    classifier = WeightedClassifier(
        EXACT,
        weighting="effective_number",
        calibration=calibration,
        cv=2,
        random_state=0,
    )
    once, labels, _ = proba(classifier, X, y, times)
    scaled, again, _ = proba(classifier, X, y, times * 10.0**exponent)
    np.testing.assert_allclose(scaled, once, atol=1e-5)
    assert (labels == again).mean() > 0.9  # all but ties


@settings(max_examples=15)
@given(problems(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_answer(problem, random):
    X, y, times = problem
    order = np.arange(y.size)
    random.shuffle(order)
    classifier = WeightedClassifier(EXACT, calibration="prior")
    straight = clone(classifier).fit(X, y, times).predict_proba(X)
    shuffled = clone(classifier).fit(X[order], y[order], times[order]).predict_proba(X)
    np.testing.assert_allclose(shuffled, straight, atol=1e-5)


# -- of labels -------------------------------------------------------------------------

LABELS = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1),
    st.lists(st.integers(-200, 200), min_size=1),
    st.lists(st.booleans(), min_size=1),
    # To draw from all of Unicode, hypothesis first reads a table for seconds.
    st.lists(st.text("aAbzZ09 _-äßλя中é\n", max_size=3), min_size=1),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1),
)


@given(LABELS)
def test_encoded_labels_are_those_of_unique(labels):
    y = np.array(labels)
    classes, codes = encode_labels(y)
    expected, positions = np.unique(y, return_inverse=True)
    np.testing.assert_array_equal(classes, expected)
    np.testing.assert_array_equal(codes, positions)
    np.testing.assert_array_equal(classes[codes], y)
    np.testing.assert_array_equal(positions_of(y, classes, owner="X"), codes)


@given(LABELS)
def test_values_are_found_by_label_whatever_the_type(labels):
    classes = np.unique(np.array(labels))
    given_values = {label: float(i) for i, label in enumerate(classes)}
    actual = values_by_label(given_values, classes, name="values")
    np.testing.assert_array_equal(actual, np.arange(classes.size))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint64, np.int64])
@given(data=st.data())
def test_integers_of_every_width(dtype, data):
    info = np.iinfo(dtype)
    labels = data.draw(st.lists(st.integers(int(info.min), int(info.max)), min_size=1))
    y = np.array(labels, dtype=dtype)
    classes, codes = encode_labels(y)
    assert classes.dtype == y.dtype
    np.testing.assert_array_equal(classes[codes], y)
    np.testing.assert_array_equal(classes, np.unique(y))
