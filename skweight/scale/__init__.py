"""Compute weights, calibration and metrics from sums, for data larger than memory.

Statistics are sums over chunks of rows. The chunks can come in any order and from any
machine. `summarize` computes the sums from files and from tables of dask, Spark and
polars. Strategies and calibrators are fitted on the sums by their method
``fit_statistics``. The package that holds the rows, such as Spark, then applies the
fitted weights and maps, and trains the model.
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
