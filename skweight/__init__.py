"""Decide how much every training row counts, and calibrate the probabilities.

There are two kinds of weights. *Emphasis* (balanced weights, costs) makes some rows
more important in training, and is used only in the fit. *Population* weights (the
caller's ``sample_weight``, a known prior) say how many rows of the population a row
represents. Population weights are used in the fit, the calibration, the decision and
the score.

>>> from sklearn.datasets import make_classification
>>> from sklearn.linear_model import LogisticRegression
>>> from skweight import WeightedClassifier
>>> X, y = make_classification(2000, weights=[0.9], flip_y=0.05, random_state=0)
>>> weighted = WeightedClassifier(LogisticRegression(), calibration=None)
>>> honest = WeightedClassifier(
...     LogisticRegression(),
...     weighting="balanced",  # the fit looks at both classes equally
...     calibration="auto",  # the probabilities describe the original data
... )  # both are the defaults
>>> for clf in [weighted, honest]:
...     print(f"{clf.fit(X, y).predict_proba(X)[:, 1].mean():.2f}")
0.25
0.12
>>> print(f"{y.mean():.2f}")  # how frequent the rare class is
0.12

Names are imported on first use, so ``import skweight`` itself takes little time.
"""

import inspect
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skweight import (
        calibration,
        costs,
        datasets,
        decision,
        delivery,
        density_ratio,
        exceptions,
        inspection,
        metrics,
        monitoring,
        objectives,
        pipeline,
        resampling,
        scale,
        selection,
        stabilizers,
        testing,
        torch,
        weighting,
        weights,
    )
    from skweight.classifier import WeightedClassifier
    from skweight.cost_sensitive import CostSensitiveClassifier
    from skweight.costs import CostMatrix
    from skweight.monitoring import WeightMonitor
    from skweight.regressor import WeightedRegressor
    from skweight.selection import compare_weightings, recommend_weighting
    from skweight.streaming import BalancedBatches, Streaming
    from skweight.weighting import (
        BalancedWeighting,
        BaseWeighting,
        ClassWeighting,
        ColumnWeighting,
        CostWeighting,
        DensityRatioWeighting,
        EffectiveNumberWeighting,
        FunctionWeighting,
        LabelShiftWeighting,
        PriorWeighting,
        ProductWeighting,
    )

__version__ = "0.1.0"

__all__ = [
    "BalancedBatches",
    "BalancedWeighting",
    "BaseWeighting",
    "ClassWeighting",
    "ColumnWeighting",
    "CostMatrix",
    "CostSensitiveClassifier",
    "CostWeighting",
    "DensityRatioWeighting",
    "EffectiveNumberWeighting",
    "FunctionWeighting",
    "LabelShiftWeighting",
    "PriorWeighting",
    "ProductWeighting",
    "Streaming",
    "WeightMonitor",
    "WeightedClassifier",
    "WeightedRegressor",
    "calibration",
    "compare_weightings",
    "costs",
    "datasets",
    "decision",
    "delivery",
    "density_ratio",
    "exceptions",
    "inspection",
    "metrics",
    "monitoring",
    "objectives",
    "pipeline",
    "recommend_weighting",
    "resampling",
    "scale",
    "selection",
    "stabilizers",
    "testing",
    "torch",
    "weighting",
    "weights",
]

# Each public class, with the module that defines the class. All other names in __all__
# are submodules. tests/test_public_api.py checks that the three lists of this file
# agree.
_HOMES = {
    "BalancedBatches": "streaming",
    "BalancedWeighting": "weighting",
    "BaseWeighting": "weighting",
    "ClassWeighting": "weighting",
    "ColumnWeighting": "weighting",
    "CostMatrix": "costs",
    "CostSensitiveClassifier": "cost_sensitive",
    "CostWeighting": "weighting",
    "DensityRatioWeighting": "weighting",
    "EffectiveNumberWeighting": "weighting",
    "FunctionWeighting": "weighting",
    "LabelShiftWeighting": "weighting",
    "PriorWeighting": "weighting",
    "ProductWeighting": "weighting",
    "Streaming": "streaming",
    "WeightMonitor": "monitoring",
    "WeightedClassifier": "classifier",
    "WeightedRegressor": "regressor",
    "compare_weightings": "selection",
    "recommend_weighting": "selection",
}


# Where classes live whose names end like this.
_ENDINGS = {
    "Calibrator": "calibration",
    "Decision": "decision",
    "Display": "inspection",
    "Ratio": "density_ratio",
    "Sampler": "resampling",
    "Stabilizer": "stabilizers",
    "Warning": "exceptions",
    "Weighting": "weighting",
}


def _names_of(module):
    return import_module(f"{__name__}.{module}").__all__


def _is_imported_in(frame):
    """Return whether a frame stands at ``from skweight import ...``."""
    import dis

    return frame.f_code.co_code[frame.f_lasti] == dis.opmap["IMPORT_FROM"]


def __getattr__(name):
    # This test prevents two things: hasattr(skweight, "anything") would try to import a
    # submodule "anything", and a missing submodule of skweight would be reported as an
    # unknown attribute.
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        for ending, module in _ENDINGS.items():
            if name.endswith(ending) and name in _names_of(module):
                message = (
                    f"{name} is in skweight.{module}: write "
                    f"`from skweight.{module} import {name}`."
                )
                # `from ... import` replaces the message of an AttributeError, so raise
                # ImportError.
                if _is_imported_in(inspect.currentframe().f_back):
                    raise ImportError(message)
        raise AttributeError(message)
    if name in _HOMES:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    else:
        value = import_module(f"{__name__}.{name}")
    globals()[name] = value  # the next access does not come here
    return value


def __dir__():
    return sorted([*__all__, "__version__"])
