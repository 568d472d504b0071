"""Any sampler of imbalanced-learn, with weights that ride along."""

from skweight.resampling._names import sampler_of_name
from skweight.resampling._neighbors import ProjectionNeighbors
from skweight.resampling._resample import Resampled, resample
from skweight.resampling._sampler import WeightedSampler, resolve_resampler

__all__ = [
    "ProjectionNeighbors",
    "Resampled",
    "WeightedSampler",
    "resample",
    "resolve_resampler",
    "sampler_of_name",
]
