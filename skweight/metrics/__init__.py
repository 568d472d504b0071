"""Metrics of costs and of calibration, and scorers for model selection.

Pass the costs to cost metrics as a `CostMatrix`. If costs are read from columns of X,
pass X too. Calibration metrics accept two or more classes. ``sample_weight`` always
holds population weights: how many rows of the population a row stands for.
"""

from typing import TYPE_CHECKING

from skweight._utils.lazy import import_on_use

if TYPE_CHECKING:
    from skweight.metrics._calibration import (
        calibration_error,
        integrated_calibration_index,
        reliability_curve,
        smooth_calibration_error,
    )
    from skweight.metrics._cost import (
        cost_score,
        expected_cost_loss,
        profit_score,
        savings_score,
    )
    from skweight.metrics._cost_curve import cost_curve, probability_cost
    from skweight.metrics._decomposition import (
        brier_decomposition,
        calibration_in_the_large,
        calibration_metrics,
        cox_calibration,
        log_loss_decomposition,
    )
    from skweight.metrics._importance import importance_weighted_scorer
    from skweight.metrics._probability_scorers import (
        make_calibration_scorer,
        worst_group_scorer,
    )
    from skweight.metrics._refined import RefinedLogLoss
    from skweight.metrics._scorers import make_cost_scorer
else:
    __getattr__, __dir__ = import_on_use(
        __name__,
        {
            "_calibration": [
                "calibration_error",
                "integrated_calibration_index",
                "reliability_curve",
                "smooth_calibration_error",
            ],
            "_cost": [
                "cost_score",
                "expected_cost_loss",
                "profit_score",
                "savings_score",
            ],
            "_cost_curve": ["cost_curve", "probability_cost"],
            "_decomposition": [
                "brier_decomposition",
                "calibration_in_the_large",
                "calibration_metrics",
                "cox_calibration",
                "log_loss_decomposition",
            ],
            "_importance": ["importance_weighted_scorer"],
            "_probability_scorers": ["make_calibration_scorer", "worst_group_scorer"],
            "_refined": ["RefinedLogLoss"],
            "_scorers": ["make_cost_scorer"],
        },
    )


__all__ = [
    "RefinedLogLoss",
    "brier_decomposition",
    "calibration_error",
    "calibration_in_the_large",
    "calibration_metrics",
    "cost_curve",
    "cost_score",
    "cox_calibration",
    "expected_cost_loss",
    "importance_weighted_scorer",
    "integrated_calibration_index",
    "log_loss_decomposition",
    "make_calibration_scorer",
    "make_cost_scorer",
    "probability_cost",
    "profit_score",
    "reliability_curve",
    "savings_score",
    "smooth_calibration_error",
    "worst_group_scorer",
]
