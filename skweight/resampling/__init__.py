"""Any sampler of imbalanced-learn, with weights that ride along."""

from skweight.resampling._sampler import (
    Resampled,
    WeightedSampler,
    resample,
    resolve_resampler,
    sampler_of_name,
)

__all__ = [
    "Resampled",
    "WeightedSampler",
    "resample",
    "resolve_resampler",
    "sampler_of_name",
]
