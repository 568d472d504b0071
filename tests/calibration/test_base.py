"""The contract that every calibrator keeps: labels, weights, shapes, errors."""

import pickle
import warnings

import numpy as np
import pytest
import sklearn
from effective_rows import kish
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import has_fit_parameter

from skweight.calibration import (
    AnchoredCalibrator,
    AutoCalibrator,
    BaseCalibrator,
    SigmoidCalibrator,
    TemperatureCalibrator,
    VectorScalingCalibrator,
)
from skweight.exceptions import CalibrationWarning
from skweight.testing import all_estimators

# The closed form looks at no row, which is what these tests are about.
CALIBRATORS = [
    calibrator
    for calibrator in all_estimators("calibrator").values()
    if getattr(calibrator, "needs_held_out_scores", True)
]
each = pytest.mark.parametrize("calibrator", CALIBRATORS, ids=repr)


def two_classes(rng, n=300):
    scores = rng.normal(0.5, 1.5, size=n)
    return scores, (rng.random(n) < expit(scores)).astype(int)


def three_classes(rng, n=300):
    scores = rng.normal(loc=[0.5, 0.0, -0.3], size=(n, 3))
    return scores, (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)


PROBLEMS = pytest.mark.parametrize("problem", [two_classes, three_classes])


# --- What comes out -------------------------------------------------------------------


@each
@PROBLEMS
def test_probabilities(calibrator, problem, rng):
    scores, y = problem(rng)
    calibrator = clone(calibrator)
    assert calibrator.fit(scores, y) is calibrator
    proba = calibrator.predict_proba(scores)
    assert proba.shape == (300, len(np.unique(y)))
    assert proba.dtype == np.float64
    assert_allclose(proba.sum(axis=1), 1, rtol=1e-14)
    assert proba.min() > 0
    assert proba.max() < 1
    for item in range(3):
        assert_allclose(
            calibrator.predict_proba(scores[item : item + 1])[0], proba[item]
        )
    assert calibrator.predict_proba(scores[:0]).shape == (0, proba.shape[1])


@each
def test_a_column_of_scores_is_a_vector_of_scores(calibrator, rng):
    scores, y = two_classes(rng)
    proba = clone(calibrator).fit(scores, y).predict_proba(scores)
    column = scores[:, np.newaxis]
    assert_array_equal(clone(calibrator).fit(column, y).predict_proba(column), proba)
    as_list = clone(calibrator).fit(scores.tolist(), y.tolist())
    assert_array_equal(as_list.predict_proba(scores.tolist()), proba)


# --- Labels ---------------------------------------------------------------------------


@pytest.mark.in_turn(3)
@each
@pytest.mark.parametrize(
    "labels",
    [
        ["no", "yes"],
        np.array(["no", "yes"], dtype=object),
        [-1, 1],
        [False, True],
        [1.0, 2.0],
        np.array([7, 9], dtype=np.uint8),
    ],
    ids=str,
)
def test_labels_of_any_type(calibrator, labels, rng):
    scores, y = two_classes(rng)
    labels = np.asarray(labels)
    counted, named = (
        clone(calibrator).fit(scores, labels[y], classes=classes)
        for classes in (None, labels)
    )
    assert_array_equal(counted.classes_, labels)
    assert_array_equal(named.classes_, labels)
    expected = clone(calibrator).fit(scores, y).predict_proba(scores)
    assert_array_equal(counted.predict_proba(scores), expected)
    assert_array_equal(named.predict_proba(scores), expected)


@each
def test_renaming_the_classes_swaps_the_columns(calibrator, rng):
    scores, y = two_classes(rng)
    expected = clone(calibrator).fit(scores, y).predict_proba(scores)
    swapped = clone(calibrator).fit(-scores, 1 - y).predict_proba(-scores)
    assert_allclose(swapped[:, ::-1], expected, rtol=1e-9)


@each
def test_renaming_three_classes_permutes_the_columns(calibrator, rng):
    scores, y = three_classes(rng)
    expected = clone(calibrator).fit(scores, y).predict_proba(scores)
    order = np.array([2, 0, 1])  # new class j is old class order[j]
    new_y = np.argsort(order)[y]
    permuted = clone(calibrator).fit(scores[:, order], new_y)
    assert_allclose(
        permuted.predict_proba(scores[:, order]), expected[:, order], rtol=1e-7
    )


@each
def test_a_missing_class_is_smoothed_with_a_warning(calibrator, rng):
    scores, y = three_classes(rng)
    kept = y != 1
    calibrator = clone(calibrator)
    with pytest.warns(CalibrationWarning, match=r"the label \[1\]") as caught:
        calibrator.fit(scores[kept], y[kept], classes=[0, 1, 2])
    assert caught[0].filename == __file__
    proba = calibrator.predict_proba(scores)
    assert np.isfinite(proba).all()
    assert (proba > 0).all()
    assert_array_equal(calibrator.class_count_ > 0, [True, False, True])
    if getattr(calibrator, "bias", True):
        assert proba[:, 1].mean() < 12 / kept.sum()


@each
@pytest.mark.parametrize("there", [0, 1])
def test_a_single_class_of_two(calibrator, there):
    scores = np.linspace(-2, 2, 20)
    calibrator = clone(calibrator)
    with pytest.warns(CalibrationWarning, match="frequency of that class is not known"):
        calibrator.fit(scores, np.full(20, there), classes=[0, 1])
    proba = calibrator.predict_proba(scores)
    assert ((proba > 0) & (proba < 1)).all()
    if getattr(calibrator, "bias", True):
        # A few pseudo-rows among 20 rows: the rule of succession says 1 / 22.
        assert 0.02 < proba[:, 1 - there].mean() < 0.15


@each
def test_a_class_whose_rows_weigh_nothing_is_missing(calibrator, rng):
    scores, y = two_classes(rng)
    with pytest.warns(CalibrationWarning, match=r"the label \[1\]"):
        clone(calibrator).fit(scores, y, sample_weight=(y == 0).astype(float))


@each
@PROBLEMS
def test_complete_rows_give_no_warning(calibrator, problem, rng):
    scores, y = problem(rng)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clone(calibrator).fit(scores, y)


# --- Weights --------------------------------------------------------------------------


@pytest.mark.in_turn(2)
@each
@PROBLEMS
@pytest.mark.parametrize("factor", [1e-300, 1e-3, 1e3, 1e307])
def test_scale_of_weights_never_matters(calibrator, problem, factor, rng):
    scores, y = problem(rng)
    weight = rng.uniform(0.2, 3, size=len(y))
    expected = clone(calibrator).fit(scores, y, weight).predict_proba(scores)
    scaled = clone(calibrator).fit(scores, y, weight * factor)
    assert_allclose(scaled.predict_proba(scores), expected, rtol=1e-9)


@each
@PROBLEMS
def test_equal_weights_are_no_weights(calibrator, problem, rng):
    scores, y = problem(rng)
    expected = clone(calibrator).fit(scores, y).predict_proba(scores)
    weighted = clone(calibrator).fit(scores, y, np.full(len(y), 0.37))
    assert_allclose(weighted.predict_proba(scores), expected, rtol=1e-9)


@each
@PROBLEMS
def test_rows_of_weight_zero_are_as_if_removed(calibrator, problem, rng):
    scores, y = problem(rng)
    weight = rng.choice([0.0, 1.0, 2.0], size=len(y))
    scores[weight == 0] = np.nan  # not even looked at
    kept = weight > 0
    with_zeros = clone(calibrator).fit(scores, y, weight)
    removed = clone(calibrator).fit(scores[kept], y[kept], weight[kept])
    new = scores[kept]
    assert_array_equal(with_zeros.predict_proba(new), removed.predict_proba(new))


@each
@PROBLEMS
def test_only_the_sum_and_the_effective_size_of_equal_rows_count(
    calibrator, problem, rng
):
    """Rows of weights 1, 5, 6 are rows of weights 2, 3, 7: equal sums and squares."""
    if isinstance(calibrator, AutoCalibrator):
        pytest.skip("deals rows out to folds one by one, equal ones too")
    scores, y = problem(rng, 100)
    triple = np.repeat(np.arange(100), 3)
    first = np.tile([1.0, 5.0, 6.0], 100)
    second = np.tile([2.0, 3.0, 7.0], 100)
    reduced = clone(calibrator).fit(scores[triple], y[triple], first)
    other = clone(calibrator).fit(scores[triple], y[triple], second)
    assert_allclose(
        reduced.predict_proba(scores), other.predict_proba(scores), rtol=1e-8
    )


@pytest.mark.parametrize(
    "calibrator",
    [
        SigmoidCalibrator(smoothing=1e-9, ridge=0, bounded=False),
        TemperatureCalibrator(smoothing=1e-9, bounded=False),
        TemperatureCalibrator(bias=False, smoothing=1e-9, bounded=False),
    ],
    ids=repr,
)
@PROBLEMS
def test_weight_two_is_the_row_twice(calibrator, problem, rng):
    """Exactly so where nothing counts rows; otherwise up to O(1 / n)."""
    scores, y = problem(rng)
    weight = rng.integers(1, 4, size=len(y))
    weighted = clone(calibrator).fit(scores, y, weight)
    repeated = clone(calibrator).fit(np.repeat(scores, weight, 0), np.repeat(y, weight))
    assert_allclose(
        weighted.predict_proba(scores), repeated.predict_proba(scores), rtol=1e-6
    )


@pytest.mark.parametrize(
    "calibrator", [c for c in CALIBRATORS if getattr(c, "bias", True)], ids=repr
)
def test_weights_change_the_probabilities(calibrator, rng):
    scores, y = two_classes(rng)
    plain = clone(calibrator).fit(scores, y).predict_proba(scores)
    weight = np.where(scores > 0, np.where(y == 1, 3.0, 1.0), 1.0)
    weighted = clone(calibrator).fit(scores, y, weight).predict_proba(scores)
    assert weighted[:, 1].mean() > plain[:, 1].mean() + 0.02


@each
def test_rows_are_counted_in_effective_sample_size(calibrator, rng):
    scores, y = two_classes(rng)
    weight = rng.exponential(size=len(y))
    calibrator = clone(calibrator).fit(scores, y, weight)
    count = calibrator.class_count_
    mass = np.bincount(y, weight)
    assert_allclose(count / count.sum(), mass / mass.sum())
    known = [1 / kish(weight[y == label]) for label in (0, 1)]
    assert_allclose((1 / count).sum(), sum(known))


@each
@PROBLEMS
def test_order_of_rows_does_not_matter(calibrator, problem, rng):
    scores, y = problem(rng)
    weight = rng.uniform(0.2, 3, size=len(y))
    order = rng.permutation(len(y))
    expected = clone(calibrator).fit(scores, y, weight).predict_proba(scores)
    shuffled = clone(calibrator).fit(scores[order], y[order], weight[order])
    assert_allclose(shuffled.predict_proba(scores), expected, rtol=1e-9)


# --- Being an estimator ---------------------------------------------------------------


@each
@PROBLEMS
def test_the_callers_arrays_are_not_written(calibrator, problem, rng):
    scores, y = problem(rng)
    weight = rng.choice([0.0, 1.0, 2.0], size=len(y))
    before = scores.copy(), y.copy(), weight.copy()
    for array in (scores, y, weight):
        array.setflags(write=False)
    clone(calibrator).fit(scores, y, weight).predict_proba(scores)
    clone(calibrator).fit(scores, y).predict_proba(scores)
    for array, copy in zip((scores, y, weight), before, strict=True):
        assert_array_equal(array, copy)


@each
@PROBLEMS
def test_pickle_and_clone(calibrator, problem, rng):
    scores, y = problem(rng)
    fitted = clone(calibrator).fit(scores, y)
    restored = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(restored.predict_proba(scores), fitted.predict_proba(scores))
    assert clone(fitted).get_params() == calibrator.get_params()
    assert not hasattr(clone(fitted), "classes_")


@each
def test_fitting_again_forgets_the_first_fit(calibrator, rng):
    reused = clone(calibrator).fit(*three_classes(rng))
    scores, y = two_classes(rng)
    reused.fit(scores, y)
    fresh = clone(calibrator).fit(scores, y)
    assert_array_equal(reused.predict_proba(scores), fresh.predict_proba(scores))


@each
def test_fit_names_what_it_can_be_given(calibrator):
    assert calibrator.needs_held_out_scores
    assert has_fit_parameter(calibrator, "sample_weight")
    assert has_fit_parameter(calibrator, "classes")
    kinds = AnchoredCalibrator | AutoCalibrator | VectorScalingCalibrator
    inverts = isinstance(calibrator, kinds)
    assert has_fit_parameter(calibrator, "class_multiplier") == inverts


def test_metadata_routing_never_asks_for_scores():
    with sklearn.config_context(enable_metadata_routing=True):
        SigmoidCalibrator().set_fit_request(sample_weight=True)
        with pytest.raises(TypeError, match="scores"):
            SigmoidCalibrator().set_fit_request(scores=True)


def test_a_calibrator_that_starts_from_the_inversion_is_one_class():
    """What a later calibrator needs: the multiplier in ``rows``, checked."""

    class Shift(BaseCalibrator):
        def fit(
            self,
            scores,
            y,
            sample_weight=None,
            *,
            classes=None,
            class_multiplier=None,
        ):
            return self._fit(scores, y, sample_weight, classes, class_multiplier)

        def _fit_binary(self, rows):
            self.shift_ = np.log(rows.class_multiplier[1] / rows.class_multiplier[0])

        def _predict_binary(self, scores):
            proba = expit(scores - self.shift_)
            return np.column_stack([1 - proba, proba])

    shift = Shift().fit([0.0, 1.0], ["a", "b"], class_multiplier=[0.5, 4.5])
    assert_allclose(shift.predict_proba([np.log(9)]), [[0.5, 0.5]])
    with pytest.raises(ValueError, match="Shift: class_multiplier must be positive"):
        Shift().fit([0.0, 1.0], ["a", "b"], class_multiplier=[0.5, 0.0])
    with pytest.raises(NotImplementedError, match="two classes only; got 3 classes"):
        Shift().fit(np.eye(3), ["a", "b", "c"])


# --- Errors ---------------------------------------------------------------------------


@each
def test_not_fitted(calibrator):
    with pytest.raises(NotFittedError, match=r"Call fit\(scores, y\)"):
        clone(calibrator).predict_proba([0.0])


GOOD = {"scores": [0.1, -0.2, 0.4], "y": ["a", "b", "a"]}


@pytest.mark.in_turn(3)
@each
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": [0.1, np.nan, 0.4]}, "got NaN or infinity in 1 of 3 rows"),
        ({"scores": [0.1, -np.inf, np.inf]}, r"in 2 of 3 rows.*scores_from_proba"),
        ({"scores": [0.1, 0.2]}, "got 2 scores and 3 labels"),
        ({"scores": np.zeros((3, 2))}, r"must have shape \(n_samples,\)"),
        ({"scores": 0.5}, r"must have shape \(n_samples,\)"),
        ({"scores": None}, r"must have shape \(n_samples,\)"),
        ({"y": ["a", "b", "c"]}, r"must have shape \(n_samples, 3\)"),
        ({"y": ["a", "a", "a"]}, "at least two classes.*all classes as classes="),
        ({"y": None}, "the target y is None"),
        ({"y": np.eye(3)}, "y must be 1-dimensional"),
        ({"scores": [], "y": []}, "needs at least one row"),
        ({"classes": ["a", "z"]}, r"y holds the labels \['b'\], which are not among"),
        ({"classes": [0, 1]}, r"y holds the labels \['a', 'b'\], which are not among"),
        ({"classes": ["b", "a"]}, "distinct labels in sorted order"),
        ({"classes": ["a", "b", "b"]}, "distinct labels in sorted order"),
        ({"sample_weight": [1, 1]}, "expected 3 weights, got 2"),
        ({"sample_weight": [1, -1, 1]}, "sample_weight is negative in 1 of 3 rows"),
        ({"sample_weight": [0, 0, 0]}, "every weight is zero"),
        ({"sample_weight": [1, np.nan, 1]}, "contains NaN"),
    ],
)
def test_wrong_input(calibrator, change, message):
    with pytest.raises(ValueError, match=message):
        clone(calibrator).fit(**{**GOOD, **change})


@each
def test_wrong_input_of_predict_proba(calibrator, rng):
    fitted = clone(calibrator).fit(*two_classes(rng))
    with pytest.raises(ValueError, match="got NaN or infinity in 1 of 2 rows"):
        fitted.predict_proba([0.0, np.nan])
    with pytest.raises(ValueError, match=r"scores\[:, 1\] - scores\[:, 0\]"):
        fitted.predict_proba([[0.0, 1.0]])
    fitted = clone(calibrator).fit(*three_classes(rng))
    with pytest.raises(ValueError, match=r"got shape \(4, 2\)"):
        fitted.predict_proba(np.zeros((4, 2)))


@pytest.mark.parametrize(
    ("calibrator", "message"),
    [
        (SigmoidCalibrator(smoothing=0), r"smoothing must be a number in \(0, inf\)"),
        (TemperatureCalibrator(smoothing=-1), r"smoothing must be a number in"),
        (SigmoidCalibrator(ridge=-1), r"ridge must be a number in \[0, inf\)"),
    ],
    ids=repr,
)
def test_wrong_parameters(calibrator, message, rng):
    with pytest.raises(ValueError, match=message):
        calibrator.fit(*three_classes(rng))
