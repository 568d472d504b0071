"""All public classes of the library, on which the shared tests run.

The public classes are the classes named in ``__all__``. Each class has a method
``_instances(labels)``, which returns instances for the shared tests.
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
    AutoWeighting,
    BalancedWeighting,
    BaseWeighting,
    ColumnWeighting,
    PriorWeighting,
    ProductWeighting,
)

# The order of the kinds matters: if several kinds match a class, the first of these
# kinds is used. For example, a Pipeline may also be a classifier.
KINDS = {
    "choice": AutoWeighting,
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
    """Return {name: class} for all public classes."""
    # skweight.torch needs PyTorch, and has its own tests.
    elsewhere = {*skweight._HOMES, "torch"}
    modules = [name for name in skweight.__all__ if name not in elsewhere]
    public = {name: getattr(skweight, name) for name in skweight._HOMES}
    for module in modules:
        module = import_module(f"skweight.{module}")
        public |= {name: getattr(module, name) for name in module.__all__}
    return {
        name: value for name, value in sorted(public.items()) if inspect.isclass(value)
    }


def kind_of(cls):
    """Return the kind of an estimator class; None if it is not an estimator class."""
    return next((kind for kind, base in KINDS.items() if issubclass(cls, base)), None)


def all_estimators(kind=None, *, labels=(0, 1)):
    """Return instances of all public estimators of the library, for tests.

    Parameters
    ----------
    kind : str, default=None
        ``"weighting"``, ``"calibrator"``, ``"decision"``, ``"density_ratio"``,
        ``"stabilizer"``, ``"classifier"``, ``"regressor"``, ``"pipeline"``,
        ``"sampler"``, ``"transformer"``, ``"choice"`` (an estimator that chooses a
        strategy during the fit), or ``"other"``. None returns the estimators of all
        kinds.
    labels : sequence, default=(0, 1)
        Labels for which the instances are created.

    Returns
    -------
    estimators : dict {str: estimator}
        Unfitted estimators. The keys are class names. If there are several estimators
        of a class, the keys of the second and later estimators end with a number.

    Raises
    ------
    ValueError
        If `kind` is unknown.

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
        if cls is ProductWeighting:  # a product of other strategies
            prior = PriorWeighting._instances(labels)[0]
            instances = [prior * BalancedWeighting(0.5) * ColumnWeighting(0)]
        for position, instance in enumerate(instances):
            estimators[f"{name} {position + 1}" if position else name] = instance
    return estimators
