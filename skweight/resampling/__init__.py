"""Resampling with weights, by any sampler of imbalanced-learn."""

from skweight.resampling._neighbors import ProjectionNeighbors
from skweight.resampling._resample import resample
from skweight.resampling._sampler import WeightedSampler

__all__ = [
    "ProjectionNeighbors",
    "WeightedSampler",
    "resample",
]
