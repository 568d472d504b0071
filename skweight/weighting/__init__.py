"""The strategies that decide how much every row counts."""

from skweight._utils.columns import metadata
from skweight.weighting._auto import AutoWeighting
from skweight.weighting._balance import (
    BalancedWeighting,
    ClassWeighting,
    EffectiveNumberWeighting,
    PriorWeighting,
)
from skweight.weighting._base import BaseWeighting, ProductWeighting
from skweight.weighting._class_level import ClassLevelWeighting
from skweight.weighting._cost import CostWeighting
from skweight.weighting._entropy_balancing import EntropyBalancingWeighting
from skweight.weighting._given import ColumnWeighting, FunctionWeighting
from skweight.weighting._group_dro import GroupDROWeighting
from skweight.weighting._groups import GroupBalancedWeighting
from skweight.weighting._hard_examples import HardExampleWeighting
from skweight.weighting._label_shift import LabelShiftWeighting
from skweight.weighting._model_based import BaseModelWeighting
from skweight.weighting._noise import NoiseAwareWeighting
from skweight.weighting._raking import RakingWeighting
from skweight.weighting._recency import RecencyWeighting
from skweight.weighting._resolve import resolve_weighting
from skweight.weighting._reweighing import ReweighingWeighting
from skweight.weighting._shift import DensityRatioWeighting

__all__ = [
    "AutoWeighting",
    "BalancedWeighting",
    "BaseModelWeighting",
    "BaseWeighting",
    "ClassLevelWeighting",
    "ClassWeighting",
    "ColumnWeighting",
    "CostWeighting",
    "DensityRatioWeighting",
    "EffectiveNumberWeighting",
    "EntropyBalancingWeighting",
    "FunctionWeighting",
    "GroupBalancedWeighting",
    "GroupDROWeighting",
    "HardExampleWeighting",
    "LabelShiftWeighting",
    "NoiseAwareWeighting",
    "PriorWeighting",
    "ProductWeighting",
    "RakingWeighting",
    "RecencyWeighting",
    "ReweighingWeighting",
    "metadata",
    "resolve_weighting",
]
