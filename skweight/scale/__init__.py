"""Weights, calibration and metrics from sums, for data larger than memory.

Statistics are sums over chunks of rows, in any order and on any machine. `summarize`
computes the sums from files and engines (dask, Spark, polars). ``fit_statistics`` of
strategies and calibrators learns from the sums. The fitted weights and maps are applied
in the engine that holds the rows, and the engine trains the model.
"""

from skweight.scale._folds import hash_folds
from skweight.scale._masses import CellMasses, ClassMasses
from skweight.scale._piecewise import PiecewiseMap
from skweight.scale._scores import ScoreStatistics
from skweight.scale._summarize import summarize
from skweight.scale._write import add_weights

__all__ = [
    "CellMasses",
    "ClassMasses",
    "PiecewiseMap",
    "ScoreStatistics",
    "add_weights",
    "hash_folds",
    "summarize",
]
