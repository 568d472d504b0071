"""From what a user writes as ``calibration=`` to a calibrator."""

import inspect

import pytest

import skweight.calibration
from skweight.calibration import (
    AnchoredCalibrator,
    BaseCalibrator,
    BetaCalibrator,
    FocalCalibrator,
    IsotonicCalibrator,
    PriorCalibrator,
    QuadraticCalibrator,
    SigmoidCalibrator,
    StructuredMatrixScalingCalibrator,
    TemperatureCalibrator,
    VectorScalingCalibrator,
    VennAbersCalibrator,
)
from skweight.calibration._resolve import CALIBRATORS, resolve_calibrator


def test_none_is_no_calibration():
    assert resolve_calibrator(None) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("anchored", AnchoredCalibrator),
        ("beta", BetaCalibrator),
        ("focal", FocalCalibrator),
        ("isotonic", IsotonicCalibrator),
        ("matrix", StructuredMatrixScalingCalibrator),
        ("prior", PriorCalibrator),
        ("quadratic", QuadraticCalibrator),
        ("sigmoid", SigmoidCalibrator),
        ("temperature", TemperatureCalibrator),
        ("vector", VectorScalingCalibrator),
        ("venn_abers", VennAbersCalibrator),
    ],
)
def test_names(name, kind):
    actual = resolve_calibrator(name)
    assert type(actual) is kind
    assert actual is not resolve_calibrator(name)
    assert actual.get_params() == kind().get_params()


def test_every_calibrator_has_a_name():
    public = {
        actual
        for name in skweight.calibration.__all__
        if inspect.isclass(actual := getattr(skweight.calibration, name))
    }
    assert set(CALIBRATORS.values()) == public - {BaseCalibrator}


def test_an_object_is_itself():
    calibrator = IsotonicCalibrator(centered=False)
    assert resolve_calibrator(calibrator) is calibrator


def test_anything_with_the_two_methods_is_a_calibrator():
    class Theirs:
        def fit(self, scores, y, sample_weight=None):
            return self

        def predict_proba(self, scores):
            return scores

    theirs = Theirs()
    assert resolve_calibrator(theirs) is theirs


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("platt", "sigmoid"),
        ("Sigmoid", "sigmoid"),
        ("sigmiod", "sigmoid"),
        ("isotone", "isotonic"),
        ("inversion", "prior"),
        ("svs", "vector"),
        ("sms", "matrix"),
        ("temperature_scaling", "temperature"),
    ],
)
def test_a_near_miss_names_the_right_word(wrong, right):
    with pytest.raises(ValueError, match=f"got '{wrong}'. Did you mean '{right}'?"):
        resolve_calibrator(wrong)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="'anchored', 'auto', 'beta', ") as e:
        resolve_calibrator("xyz")
    assert "Did you mean" not in str(e.value)


def test_a_class_is_not_an_instance():
    with pytest.raises(TypeError, match=r"Pass an instance: SigmoidCalibrator\(\)"):
        resolve_calibrator(SigmoidCalibrator)


@pytest.mark.parametrize(
    ("wrong", "lacks"),
    [(3, "fit and predict_proba"), (True, "fit"), ({"sigmoid": 1}, "fit")],
)
def test_what_is_no_calibrator(wrong, lacks):
    with pytest.raises(TypeError, match=f"which lacks {lacks}"):
        resolve_calibrator(wrong)
