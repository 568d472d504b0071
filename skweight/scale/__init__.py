"""Weights, calibration and figures from sums, for rows beyond one machine.

Statistics are sums over rows that come in chunks, in any order and from anywhere:
`summarize` takes them from files and engines, ``fit_statistics`` of strategies and
calibrators learns from them, and the results go back to where the rows are. Training
stays with the engine.
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
