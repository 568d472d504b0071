"""The strategies that decide how much every row counts."""

from typing import TYPE_CHECKING

from skweight._utils.columns import metadata
from skweight._utils.lazy import import_on_use

if TYPE_CHECKING:
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
else:
    __getattr__, __dir__ = import_on_use(
        __name__,
        {
            "_auto": ["AutoWeighting"],
            "_balance": [
                "BalancedWeighting",
                "ClassWeighting",
                "EffectiveNumberWeighting",
                "PriorWeighting",
            ],
            "_base": ["BaseWeighting", "ProductWeighting"],
            "_class_level": ["ClassLevelWeighting"],
            "_cost": ["CostWeighting"],
            "_entropy_balancing": ["EntropyBalancingWeighting"],
            "_given": ["ColumnWeighting", "FunctionWeighting"],
            "_group_dro": ["GroupDROWeighting"],
            "_groups": ["GroupBalancedWeighting"],
            "_hard_examples": ["HardExampleWeighting"],
            "_label_shift": ["LabelShiftWeighting"],
            "_model_based": ["BaseModelWeighting"],
            "_noise": ["NoiseAwareWeighting"],
            "_raking": ["RakingWeighting"],
            "_recency": ["RecencyWeighting"],
            "_resolve": ["resolve_weighting"],
            "_reweighing": ["ReweighingWeighting"],
            "_shift": ["DensityRatioWeighting"],
        },
    )


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
