"""The strategies that decide how much every row counts."""

from skweight.weighting._balance import (
    BalancedWeighting,
    ClassWeighting,
    EffectiveNumberWeighting,
    PriorWeighting,
)
from skweight.weighting._base import BaseWeighting, ClassLevelWeighting, RoleWeights
from skweight.weighting._cost import CostWeighting
from skweight.weighting._given import ColumnWeighting, FunctionWeighting
from skweight.weighting._product import ProductWeighting, resolve_weighting

__all__ = [
    "BalancedWeighting",
    "BaseWeighting",
    "ClassLevelWeighting",
    "ClassWeighting",
    "ColumnWeighting",
    "CostWeighting",
    "EffectiveNumberWeighting",
    "FunctionWeighting",
    "PriorWeighting",
    "ProductWeighting",
    "RoleWeights",
    "resolve_weighting",
]
