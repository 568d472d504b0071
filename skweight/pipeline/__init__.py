"""Pipelines with samplers and weightings as steps, and weights as a column of X.

``_steps`` moves rows and weights from step to step, and ``_pipeline`` contains the
class `Pipeline`. ``_weight_column`` stores weights in a column of X, so that a
scikit-learn Pipeline passes on the weights.
"""

from skweight.pipeline._pairs import PairwiseDifference
from skweight.pipeline._pipeline import Pipeline, make_pipeline
from skweight.pipeline._weight_column import WeightColumn

__all__ = ["PairwiseDifference", "Pipeline", "WeightColumn", "make_pipeline"]
