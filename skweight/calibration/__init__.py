"""Calibrators: from log-scale scores to calibrated probabilities.

A calibrator learns from the scores of held-out rows: rows that were not used to fit the
model. A calibrator uses population weights, never class weights. The user guide shows
which calibrator to choose.
"""

from skweight.calibration._anchored import AnchoredCalibrator
from skweight.calibration._auto import AutoCalibrator
from skweight.calibration._base import BaseCalibrator
from skweight.calibration._beta import BetaCalibrator
from skweight.calibration._engine.numerics import scores_from_proba
from skweight.calibration._focal import FocalCalibrator
from skweight.calibration._isotonic import IsotonicCalibrator
from skweight.calibration._prior import PriorCalibrator
from skweight.calibration._quadratic import QuadraticCalibrator
from skweight.calibration._scaling import (
    StructuredMatrixScalingCalibrator,
    VectorScalingCalibrator,
)
from skweight.calibration._sigmoid import SigmoidCalibrator
from skweight.calibration._temperature import TemperatureCalibrator
from skweight.calibration._venn_abers import VennAbersCalibrator

__all__ = [
    "AnchoredCalibrator",
    "AutoCalibrator",
    "BaseCalibrator",
    "BetaCalibrator",
    "FocalCalibrator",
    "IsotonicCalibrator",
    "PriorCalibrator",
    "QuadraticCalibrator",
    "SigmoidCalibrator",
    "StructuredMatrixScalingCalibrator",
    "TemperatureCalibrator",
    "VectorScalingCalibrator",
    "VennAbersCalibrator",
    "scores_from_proba",
]
