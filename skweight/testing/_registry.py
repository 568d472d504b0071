"""Every public class of the library, found by walking the package.

Nothing is listed by hand: a class that is public is found, and says in
``_instances(labels)`` how it is made for the common tests.
"""

import inspect
from importlib import import_module

from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    RegressorMixin,
    TransformerMixin,
)
from sklearn.pipeline import Pipeline

import skweight
from skweight.calibration import BaseCalibrator
from skweight.decision import BaseDecision
from skweight.density_ratio import BaseDensityRatio
from skweight.resampling import WeightedSampler
from skweight.stabilizers import BaseStabilizer
from skweight.weighting import (
    BalancedWeighting,
    BaseWeighting,
    ColumnWeighting,
    PriorWeighting,
    ProductWeighting,
)

# The first that fits counts: a Pipeline may be a classifier as well.
KINDS = {
    "weighting": BaseWeighting,
    "calibrator": BaseCalibrator,
    "decision": BaseDecision,
    "density_ratio": BaseDensityRatio,
    "stabilizer": BaseStabilizer,
    "pipeline": Pipeline,
    "classifier": ClassifierMixin,
    "regressor": RegressorMixin,
    "sampler": WeightedSampler,
    "transformer": TransformerMixin,
    "other": BaseEstimator,
}


def public_classes():
    """Return every public class under its name, as the lists ``__all__`` have it."""
    # What is in skweight.torch needs PyTorch, and has tests of its own where that is.
    elsewhere = {*skweight._HOMES, "torch"}
    modules = [name for name in skweight.__all__ if name not in elsewhere]
    public = {name: getattr(skweight, name) for name in skweight._HOMES}
    for module in modules:
        module = import_module(f"skweight.{module}")
        public |= {name: getattr(module, name) for name in module.__all__}
    return {
        name: found for name, found in sorted(public.items()) if inspect.isclass(found)
    }


def kind_of(cls):
    """Return of which kind an estimator class is; None for other classes."""
    return next((kind for kind, base in KINDS.items() if issubclass(cls, base)), None)


def all_estimators(kind=None, *, labels=(0, 1)):
    """Return examples of every public estimator of the library, to run tests over.

    Parameters
    ----------
    kind : str, default=None
        ``"weighting"``, ``"calibrator"``, ``"decision"``, ``"density_ratio"``,
        ``"stabilizer"``, ``"classifier"``, ``"regressor"``, ``"pipeline"``,
        ``"sampler"``, ``"transformer"`` or ``"other"``. None returns all of them.
    labels : sequence, default=(0, 1)
        Labels that they will meet.

    Returns
    -------
    estimators : dict {str: estimator}
        Unfitted estimators under the name of their class, with a number where there
        are several.

    Raises
    ------
    ValueError
        If there is no such kind.

    Examples
    --------
    >>> from skweight.testing import all_estimators
    >>> all_estimators("weighting")["BalancedWeighting"]
    BalancedWeighting()
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(f"kind must be one of {list(KINDS)}, or None; got {kind!r}.")
    labels = list(labels)
    estimators = {}
    for name, cls in public_classes().items():
        if kind_of(cls) is None or kind not in (None, kind_of(cls)):
            continue
        instances = cls._instances(labels)
        if cls is ProductWeighting:  # made of others, which it cannot import
            prior = PriorWeighting._instances(labels)[0]
            instances = [prior * BalancedWeighting(0.5) * ColumnWeighting(0)]
        for position, instance in enumerate(instances):
            estimators[f"{name} {position + 1}" if position else name] = instance
    return estimators
