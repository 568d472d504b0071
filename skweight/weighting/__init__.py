"""The strategies that decide how much every row counts."""

from skweight._utils.roles import RoleWeights
from skweight.weighting._balance import (
    BalancedWeighting,
    ClassWeighting,
    EffectiveNumberWeighting,
    PriorWeighting,
)
from skweight.weighting._base import (
    BaseWeighting,
    ClassLevelWeighting,
    ProductWeighting,
)
from skweight.weighting._cost import CostWeighting
from skweight.weighting._entropy_balancing import EntropyBalancingWeighting
from skweight.weighting._given import ColumnWeighting, FunctionWeighting
from skweight.weighting._label_shift import LabelShiftWeighting
from skweight.weighting._resolve import resolve_weighting
from skweight.weighting._shift import DensityRatioWeighting

__all__ = [
    "BalancedWeighting",
    "BaseWeighting",
    "ClassLevelWeighting",
    "ClassWeighting",
    "ColumnWeighting",
    "CostWeighting",
    "DensityRatioWeighting",
    "EffectiveNumberWeighting",
    "EntropyBalancingWeighting",
    "FunctionWeighting",
    "LabelShiftWeighting",
    "PriorWeighting",
    "ProductWeighting",
    "RoleWeights",
    "resolve_weighting",
]
