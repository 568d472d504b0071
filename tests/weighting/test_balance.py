"""Weights by class: closed forms, weighted counts, labels by value, error sentences."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.class_weight import compute_class_weight

from skweight import (
    BalancedWeighting,
    ClassWeighting,
    EffectiveNumberWeighting,
    PriorWeighting,
)
from skweight.testing import check_weighting

# The same two classes, 8 rows and 2, under every type that labels come in.
LABELS = {
    "int": (0, 1),
    "minus one and one": (-1, 1),
    "str": ("no", "yes"),
    "digits as str": ("0", "1"),
    "float": (0.0, 1.0),
    "bool": (False, True),
    "object": tuple(np.array(["no", "yes"], dtype=object)),
    "uint8": (np.uint8(0), np.uint8(1)),
    "large int": (-(10**12), 10**12),
}


def eight_and_two(kind="int"):
    low, high = LABELS[kind]
    dtype = object if kind == "object" else None
    return np.zeros((10, 1)), np.array([low] * 8 + [high] * 2, dtype=dtype)


# -- BalancedWeighting -----------------------------------------------------------------


@pytest.mark.parametrize("counts", [(8, 2), (1, 1), (97, 2, 1), (5, 500, 50, 1)])
def test_balanced_weights_are_those_of_scikit_learn(counts):
    y = np.repeat(np.arange(len(counts)), counts)
    weighting = BalancedWeighting().fit(np.zeros((y.size, 1)), y)
    expected = compute_class_weight("balanced", classes=np.unique(y), y=y)
    np.testing.assert_allclose(weighting.class_weight_, expected, rtol=1e-14)


@pytest.mark.parametrize("strength", [0, 0.25, 0.5, 1, 2])
def test_strength_is_the_power_of_the_balanced_weight(strength):
    X, y = eight_and_two()
    raw = np.array([10 / (2 * 8), 10 / (2 * 2)]) ** strength
    expected = raw / (raw @ [8, 2] / 10)
    weighting = BalancedWeighting(strength).fit(X, y)
    np.testing.assert_allclose(weighting.class_weight_, expected, rtol=1e-14)


def test_strength_zero_half_and_one_in_figures():
    X, y = eight_and_two()
    by_strength = {
        strength: BalancedWeighting(strength=strength).fit(X, y).class_weight_
        for strength in (0, 0.5, 1)
    }
    assert by_strength[0].tolist() == [1.0, 1.0]
    # Square root: sqrt(0.625) and sqrt(2.5), twice as much for the rare class.
    np.testing.assert_allclose(by_strength[0.5], [5 / 6, 5 / 3], rtol=1e-14)
    assert by_strength[1].tolist() == [0.625, 2.5]


def test_a_strength_beyond_any_sense_does_not_overflow():
    y = np.repeat([0, 1], [10**6, 1])
    weighting = BalancedWeighting(strength=200).fit(np.zeros((y.size, 1)), y)
    np.testing.assert_allclose(weighting.class_weight_, [0, 1e6 + 1])


def test_counts_are_weighted_counts():
    X, y = eight_and_two()
    sample_weight = np.array([1.0] * 8 + [4.0] * 2)
    # Both classes have mass 8 already.
    weighting = BalancedWeighting().fit(X, y, sample_weight)
    assert weighting.class_weight_.tolist() == [1.0, 1.0]


def test_a_class_of_zero_mass_has_weight_zero_and_does_not_count_as_a_class():
    X, y = np.zeros((12, 1)), np.repeat([0, 1, 2], [8, 2, 2])
    sample_weight = np.array([1.0] * 10 + [0.0] * 2)
    weighting = BalancedWeighting().fit(X, y, sample_weight)
    assert weighting.classes_.tolist() == [0, 1, 2]
    assert weighting.class_weight_.tolist() == [0.625, 2.5, 0.0]


@pytest.mark.parametrize(
    ("strength", "error", "sentence"),
    [
        (-0.1, ValueError, r"strength must be a number in \[0, inf\]; got -0.1\."),
        (np.nan, ValueError, r"strength must be a number in \[0, inf\]; got nan\."),
        (np.inf, ValueError, r"strength must be a number in \[0, inf\]; got inf\."),
        ("1", TypeError, r"strength must be a number .*; got '1' of type str\."),
        (None, TypeError, r"strength must be a number .*; got None of type NoneType"),
        (True, TypeError, r"strength must be a number .*; got True of type bool\."),
    ],
)
def test_strength_must_be_a_number(strength, error, sentence):
    with pytest.raises(error, match=sentence):
        BalancedWeighting(strength).fit(*eight_and_two())


# -- EffectiveNumberWeighting ----------------------------------------------------------


@pytest.mark.parametrize("beta", [0.9, 0.99, 0.999, 0.9999])
def test_effective_number_is_the_geometric_sum(beta):
    # Cui et al. (2019), equation 2: the first row is one, each next one beta times
    # as new as the one before.
    y = np.repeat([0, 1, 2], [5000, 60, 1])
    weighting = EffectiveNumberWeighting(beta).fit(np.zeros((y.size, 1)), y)
    expected = [(beta ** np.arange(count)).sum() for count in (5000, 60, 1)]
    np.testing.assert_allclose(weighting.effective_number_, expected, rtol=1e-10)
    ratios = weighting.class_weight_ / weighting.class_weight_[2]
    np.testing.assert_allclose(ratios, expected[2] / np.array(expected), rtol=1e-10)


def test_effective_number_lies_between_no_and_full_balancing():
    X, y = eight_and_two()
    none = EffectiveNumberWeighting(0).fit(X, y).class_weight_
    some = EffectiveNumberWeighting(0.9).fit(X, y).class_weight_
    full = EffectiveNumberWeighting(1).fit(X, y).class_weight_
    assert none.tolist() == [1.0, 1.0]
    assert full.tolist() == [0.625, 2.5]
    assert 1 < some[1] < 2.5
    # Exact where 1 - beta**n would lose its digits.
    nearly = EffectiveNumberWeighting(1 - 1e-12).fit(X, y).class_weight_
    np.testing.assert_allclose(nearly, full, rtol=1e-9)


@pytest.mark.parametrize("beta", [-0.1, 1.0001, np.nan])
def test_beta_is_a_share(beta):
    with pytest.raises(ValueError, match=r"beta must be a number in \[0, 1\]; got"):
        EffectiveNumberWeighting(beta).fit(*eight_and_two())


# -- ClassWeighting --------------------------------------------------------------------


@pytest.mark.parametrize("kind", LABELS)
def test_keys_are_labels_by_value(kind):
    X, y = eight_and_two(kind)
    low, high = LABELS[kind]
    weights = ClassWeighting({high: 9, low: 1}).fit_weigh(X, y)
    np.testing.assert_allclose(weights[-1] / weights[0], 9, rtol=1e-14)


@pytest.mark.parametrize(
    ("y", "keys"),
    [
        ([0, 0, 1], (0.0, 1.0)),
        ([0, 0, 1], (False, True)),
        ([0, 0, 1], (np.int64(0), np.float32(1))),
        ([0.0, 0.0, 1.0], (0, 1)),
        ([False, False, True], (0, 1)),
        (np.array([-1, -1, 1], dtype=np.int8), (-1, 1)),
        (["a", "a", "b"], (np.str_("a"), np.str_("b"))),
    ],
)
def test_keys_of_another_type_but_the_same_value_are_the_same_label(y, keys):
    weights = ClassWeighting(dict(zip(keys, [1, 3], strict=True))).fit_weigh(
        np.zeros((3, 1)), y
    )
    np.testing.assert_allclose(weights, [0.6, 0.6, 1.8], rtol=1e-14)


def test_digits_and_numbers_are_different_labels():
    sentence = (
        r"The weighting \{label: weight\} must have one number for each label of y, "
        r"\['0', '1'\]; it "
        r"names \[0, 1\], which y does not contain and it lacks \['0', '1'\]\. Its "
        r"keys are of type int and the labels of type str\."
    )
    with pytest.raises(ValueError, match=sentence):
        ClassWeighting({0: 1, 1: 10}).fit(*eight_and_two("digits as str"))


@pytest.mark.parametrize(
    ("class_weight", "sentence"),
    [
        ({0: 1}, r"for each label of y, \[0, 1\]; it lacks \[1\]\. Give every"),
        ({0: 1, 1: 2, 7: 9}, r"it names \[7\], which y does not contain\.$"),
        ({}, r"it lacks \[0, 1\]\.$"),
        ({0: -1, 1: 9}, r"must have a finite number of 0 or more for 0; got -1\.$"),
        ({0: 1, 1: np.nan}, r"must have a finite number of 0 or more for 1; got nan"),
        ({0: np.inf, 1: 1}, r"must have a finite number of 0 or more for 0; got inf"),
        ({0: 0, 1: 0}, r"ClassWeighting gives weight zero to every class .* no row"),
    ],
)
def test_class_weights_that_cannot_be_used(class_weight, sentence):
    with pytest.raises(ValueError, match=sentence):
        ClassWeighting(class_weight).fit(*eight_and_two())


@pytest.mark.parametrize("value", ["9", None, [1], 1j, np.ones(1)])
def test_class_weights_are_numbers(value):
    with pytest.raises(TypeError, match=r"must have a number for 1; got"):
        ClassWeighting({0: 1, 1: value}).fit(*eight_and_two())


@pytest.mark.parametrize("not_a_dict", ["balanced", [1, 2], None, 3.0])
def test_class_weight_is_a_dict(not_a_dict):
    sentence = r"The weighting \{label: weight\} must be a dict \{label: number\}; got"
    with pytest.raises(TypeError, match=sentence):
        ClassWeighting(not_a_dict).fit(*eight_and_two())


def test_not_strict_ignores_unknown_labels_and_gives_the_rest_one():
    X, y = eight_and_two()
    weighting = ClassWeighting({1: 3, 7: 9}, strict=False).fit(X, y)
    np.testing.assert_allclose(weighting.class_weight_, [10 / 14, 30 / 14])


def test_a_class_may_be_given_weight_zero():
    X, y = eight_and_two()
    weights = ClassWeighting({0: 0, 1: 5}).fit_weigh(X, y)
    assert weights.tolist() == [0.0] * 8 + [5.0] * 2


def test_a_weight_for_a_class_without_mass_is_none():
    X, y = eight_and_two()
    weighting = ClassWeighting({0: 1, 1: 5}).fit(X, y, [1.0] * 8 + [0.0] * 2)
    assert weighting.class_weight_.tolist() == [1.0, 0.0]


def test_ten_thousand_labels_are_looked_up_once_each():
    # A lookup that goes through all labels for each label takes minutes here.
    y = np.arange(10_000) * 97
    weights = ClassWeighting(dict.fromkeys(y.tolist(), 2.0)).fit_weigh(y[:, None], y)
    assert np.all(weights == 1)


# -- PriorWeighting --------------------------------------------------------------------


def test_prior_weights_of_king_and_zeng():
    # King and Zeng (2001), equation 7: w1 = tau / ybar, w0 = (1 - tau) / (1 - ybar).
    # Their international conflicts: 1,042 events among 303,814 dyads; a sample that
    # takes every event and twice as many of the rest has ybar = 1/3.
    tau = 1042 / 303814
    y = np.repeat([0, 1], [2084, 1042])
    weights = PriorWeighting({0: 1 - tau, 1: tau}).fit_weigh(np.zeros((y.size, 1)), y)
    np.testing.assert_allclose(weights[0], (1 - tau) / (2 / 3), rtol=1e-12)
    np.testing.assert_allclose(weights[-1], tau / (1 / 3), rtol=1e-12)
    np.testing.assert_allclose(np.average(y, weights=weights), tau, rtol=1e-12)


def test_prior_weights_bring_weighted_counts_to_the_prior():
    X, y = eight_and_two("str")
    sample_weight = np.arange(1.0, 11.0)
    weighting = PriorWeighting({"yes": 0.1, "no": 0.9})
    weights = weighting.fit_weigh(X, y, sample_weight) * sample_weight
    np.testing.assert_allclose(weights[y == "yes"].sum() / weights.sum(), 0.1)
    assert weighting.role == "population"


@pytest.mark.parametrize(
    ("prior", "sentence"),
    [
        ({0: 0.9, 1: 0.2}, r"so it must sum to 1; it sums to 1\.1\.$"),
        ({0: 0, 1: 0}, r"so it must sum to 1; it sums to 0\.$"),
        (
            {0: 1.1, 1: -0.1},
            r"target_prior must have a finite number of 0 or more for 1; got -0.1",
        ),
        ({0: 1}, r"target_prior must have one number for each label .* lacks \[1\]"),
        ({0: 0.5, 2: 0.5}, r"it names \[2\], .* and it lacks \[1\]"),
    ],
)
def test_priors_that_are_no_frequencies(prior, sentence):
    with pytest.raises(ValueError, match=sentence):
        PriorWeighting(prior).fit(*eight_and_two())


def test_a_prior_for_a_class_without_rows_that_count():
    X, y = eight_and_two()
    sample_weight = np.array([1.0] * 8 + [0.0] * 2)
    sentence = (
        r"positive frequency to the classes \[1\], but no training row of these "
        r"classes has a positive sample_weight\. Collect rows of these classes, or"
    )
    with pytest.raises(ValueError, match=sentence):
        PriorWeighting({0: 0.9, 1: 0.1}).fit(X, y, sample_weight)
    weights = PriorWeighting({0: 1, 1: 0}).fit_weigh(X, y, sample_weight)
    assert weights.tolist() == [1.0] * 8 + [0.0] * 2


# -- what all of them share ------------------------------------------------------------


def strategies(low, high):
    return [
        BalancedWeighting(0.5),
        EffectiveNumberWeighting(0.9),
        ClassWeighting({low: 1, high: 3}),
        PriorWeighting({low: 0.9, high: 0.1}),
    ]


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("which", range(4))
def test_labels_of_any_type_give_the_same_weights(which, kind):
    X, y = eight_and_two(kind)
    weights = strategies(*LABELS[kind])[which].fit_weigh(X, y)
    expected = strategies(0, 1)[which].fit_weigh(*eight_and_two())
    np.testing.assert_array_equal(weights, expected)


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("which", range(4))
def test_contract(which, kind):
    X, y = eight_and_two(kind)
    check_weighting(strategies(*LABELS[kind])[which], X=X, y=y)


@pytest.mark.parametrize("weighting", strategies(0, 1), ids=lambda one: repr(one)[:16])
def test_weigh_gives_new_rows_the_weight_of_their_class(weighting):
    X, y = eight_and_two()
    weighting = clone(weighting).fit(X, y)
    expected = weighting.class_weight_[[1, 0, 1]]
    weights = weighting.weigh(np.ones((3, 7)), [1, 0, 1])
    np.testing.assert_allclose(weights, expected, rtol=1e-14)
    with pytest.raises(
        ValueError, match=r"weigh needs the labels y, .* Call weigh\(X, y\)\."
    ):
        weighting.weigh(X)
    with pytest.raises(
        ValueError, match=r"weigh was fitted on the classes \[0, 1\] .*"
    ):
        weighting.weigh(np.ones((2, 1)), [0, 5])
