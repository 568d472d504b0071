"""Pipelines whose steps may also be samplers and weightings, and weights in a column.

``_steps`` moves rows and weights from step to step, and ``_pipeline`` contains the
estimator. ``_weight_column`` moves weights through a Pipeline of scikit-learn as a
column.
"""

from skweight.pipeline._pairs import PairwiseDifference
from skweight.pipeline._pipeline import Pipeline, make_pipeline
from skweight.pipeline._weight_column import WeightColumn

__all__ = ["PairwiseDifference", "Pipeline", "WeightColumn", "make_pipeline"]
