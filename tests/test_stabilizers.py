"""Stabilizers: mean 1, one order, usable in searches, errors that help."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import ParameterGrid

from skweight.stabilizers import (
    CapStabilizer,
    ClipStabilizer,
    ParetoStabilizer,
    TemperStabilizer,
    resolve_stabilizer,
)
from skweight.weights import (
    cap_weights,
    clip_weights,
    effective_sample_size,
    normalize_weights,
    pareto_smooth,
    temper_to_effective_sample_size,
    temper_weights,
)

STABILIZERS = [
    ClipStabilizer(),
    ClipStabilizer("quantile", limit=0.7),
    CapStabilizer(3),
    ParetoStabilizer(),
    ParetoStabilizer(cap=4),
    TemperStabilizer(0.8),
    TemperStabilizer(exponent=0.3),
    TemperStabilizer(0.3, cap=2),
]
each = pytest.mark.parametrize("stabilizer", STABILIZERS, ids=repr)
vectors = st.lists(
    st.one_of(st.just(0.0), st.floats(1e-6, 1e6)), min_size=1, max_size=60
).filter(any)
HEAVY = np.r_[0.0, (1 - (np.arange(300) + 0.5) / 300) ** -0.9, 0.0]


@each
@given(weights=vectors, seed=st.integers(0, 2**32 - 1))
def test_stabilized_weights_are_weights_of_mean_one(stabilizer, weights, seed):
    weights = np.array(weights)
    weights.setflags(write=False)
    result = stabilizer.stabilize(weights)
    assert result.dtype == np.float64
    assert_array_equal(result > 0, weights > 0)
    assert_allclose(result[result > 0].mean(), 1, rtol=1e-9)
    order = np.random.default_rng(seed).permutation(weights.size)
    assert_allclose(stabilizer.stabilize(weights[order]), result[order], rtol=1e-9)
    assert_allclose(stabilizer.stabilize(weights * 1000), result, rtol=1e-8)


@given(weights=vectors, cap=st.floats(1, 20))
def test_cap_holds_at_the_end_of_every_stabilizer(weights, cap):
    for stabilizer in (
        CapStabilizer(cap),
        ParetoStabilizer(cap=cap),
        TemperStabilizer(0.3, cap=cap),
        TemperStabilizer(exponent=0.9, cap=cap),
    ):
        assert stabilizer.stabilize(weights).max() <= cap


@pytest.mark.parametrize(
    ("stabilizer", "expected"),
    [
        (ClipStabilizer(), normalize_weights(clip_weights(HEAVY))),
        (
            ClipStabilizer("median", limit=2),
            normalize_weights(clip_weights(HEAVY, method="median", limit=2)),
        ),
        (CapStabilizer(), cap_weights(HEAVY, 10)),
        (ParetoStabilizer(), normalize_weights(pareto_smooth(HEAVY))),
        (ParetoStabilizer(cap=4), cap_weights(pareto_smooth(HEAVY), 4)),
        (
            TemperStabilizer(),
            normalize_weights(temper_to_effective_sample_size(HEAVY, 0.5)),
        ),
        (TemperStabilizer(exponent=0), (HEAVY > 0).astype(float)),
        (TemperStabilizer(exponent=0.5), normalize_weights(temper_weights(HEAVY, 0.5))),
        # Tempered first: capping first would have made a flatter vector.
        (
            TemperStabilizer(exponent=0.5, cap=1.5),
            cap_weights(temper_weights(HEAVY, 0.5), 1.5),
        ),
    ],
    ids=lambda value: repr(value) if isinstance(value, BaseEstimator) else "",
)
def test_stabilizers_do_what_they_say_in_the_order_they_say(stabilizer, expected):
    assert_array_equal(stabilizer.stabilize(HEAVY), expected)
    assert not np.allclose(expected, normalize_weights(HEAVY))


def test_tempering_keeps_the_effective_sample_size():
    result = TemperStabilizer(0.8).stabilize(HEAVY)
    assert effective_sample_size(result) == pytest.approx(0.8 * 300)


def test_class_weights_are_no_tail_to_smooth():
    weights = np.repeat([1.0, 9.0], [900, 100])
    result = ParetoStabilizer().stabilize(weights)
    assert_allclose(result, weights / 1.8)


@each
def test_stabilizers_are_estimators(stabilizer):
    copy = clone(stabilizer)
    assert copy is not stabilizer
    assert copy.get_params() == stabilizer.get_params()
    assert repr(copy) == repr(stabilizer)
    before = vars(stabilizer).copy()
    stabilizer.stabilize(HEAVY)
    assert vars(stabilizer) == before  # nothing is learned, so nothing is kept


def test_parameters_can_be_searched():
    class Owner(BaseEstimator):
        def __init__(self, stabilizer=None):
            self.stabilizer = stabilizer

    owner = Owner(TemperStabilizer())
    for params in ParameterGrid({"stabilizer__fraction": [0.2, 0.9]}):
        actual = clone(owner).set_params(**params)
        result = actual.stabilizer.stabilize(HEAVY)
        expected = params["stabilizer__fraction"] * 300
        assert effective_sample_size(result) == pytest.approx(expected)


@each
@pytest.mark.parametrize("weights", [[1.0, -1.0], [np.nan], [0.0, 0.0], [[1.0]]])
def test_bad_weights_never_get_through(stabilizer, weights):
    with pytest.raises(ValueError, match=r"^weights"):
        stabilizer.stabilize(weights)


@pytest.mark.parametrize(
    ("stabilizer", "error", "message"),
    [
        (ClipStabilizer("media"), ValueError, "Did you mean 'median'"),
        (ClipStabilizer(limit=3), ValueError, "limit must be None"),
        (CapStabilizer(0.5), ValueError, r"cap must be a number in \[1, inf\]"),
        (CapStabilizer(None), TypeError, r"cap must be a number in \[1, inf\]"),
        (ParetoStabilizer(cap=0.5), ValueError, "cap must be at least 1"),
        (TemperStabilizer(2), ValueError, "fraction must be a number"),
        (TemperStabilizer(exponent=2), ValueError, "exponent must be a number"),
        (TemperStabilizer(cap="3"), TypeError, "cap must be a number"),
    ],
    ids=repr,
)
def test_parameters_are_checked_when_used(stabilizer, error, message):
    with pytest.raises(error, match=message):
        stabilizer.stabilize(HEAVY)


# --- resolve_stabilizer --------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("clip", "ClipStabilizer()"),
        ("pareto", "ParetoStabilizer()"),
        ("temper", "TemperStabilizer()"),
        (1, "CapStabilizer(cap=1)"),
        (7.5, "CapStabilizer(cap=7.5)"),
        (np.float64(3), "CapStabilizer(cap=3.0)"),
        (np.int64(3), "CapStabilizer(cap=3)"),
    ],
)
def test_short_forms(spec, expected):
    actual = resolve_stabilizer(spec)
    assert repr(actual).replace("np.float64(3.0)", "3.0").replace(
        "np.int64(3)", "3"
    ) == (expected)
    assert actual.stabilize(HEAVY).size == HEAVY.size


def test_none_and_objects_pass_through():
    class Mine:
        def stabilize(self, weights):
            return weights

    mine = Mine()
    assert resolve_stabilizer(mine) is mine
    assert resolve_stabilizer(None) is None
    assert resolve_stabilizer(STABILIZERS[0]) is STABILIZERS[0]


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        (
            "pareta",
            ValueError,
            'stabilizer must be None, "clip", "pareto", "temper", a number or an '
            "object with a method stabilize(weights); got 'pareta'. Did you mean "
            "'pareto'?",
        ),
        (
            0.5,
            ValueError,
            "stabilizer as a number is the largest weight, as a multiple of the mean. "
            "It must be finite and at least 1; got 0.5. Pass None for no cap.",
        ),
        (
            CapStabilizer,
            TypeError,
            "stabilizer must be an object, not a class; got CapStabilizer. Pass "
            "CapStabilizer().",
        ),
        (
            True,
            TypeError,
            'stabilizer must be None, "clip", "pareto", "temper", a number or an '
            "object with a method stabilize(weights); got True of type bool. Pass one "
            "of skweight.stabilizers.",
        ),
    ],
)
def test_errors_say_what_to_do(spec, error, message):
    with pytest.raises(error) as caught:
        resolve_stabilizer(spec)
    assert str(caught.value) == message


@pytest.mark.parametrize("spec", [np.nan, np.inf, -3])
def test_numbers_that_are_no_cap(spec):
    with pytest.raises(ValueError, match="finite and at least 1"):
        resolve_stabilizer(spec)


@pytest.mark.parametrize("spec", [["clip"], {"clip": 3}, object(), np.bool_(True)])
def test_other_things_are_no_stabilizer(spec):
    with pytest.raises(TypeError, match="Pass one of skweight"):
        resolve_stabilizer(spec)
