"""Convert a value of ``weighting=`` (name, dict, callable or list) to a strategy."""

import re
import sys
from difflib import get_close_matches

import numpy as np

from skweight._utils.validation import did_you_mean, is_sequence, say
from skweight.weighting._auto import AutoWeighting
from skweight.weighting._balance import (
    BalancedWeighting,
    ClassWeighting,
    EffectiveNumberWeighting,
)
from skweight.weighting._base import BaseWeighting, ProductWeighting
from skweight.weighting._given import FunctionWeighting

NAMES = {
    "auto": AutoWeighting,
    "balanced": BalancedWeighting,
    "effective_number": EffectiveNumberWeighting,
}

# Names of strategies in the literature. These names differ too much from the names in
# this package, so a search for similar spelling would not find them.
_OTHER_WORDS = {
    "covariateshift": "densityratio",
    "decay": "recency",
    "group": "groupbalanced",
    "groups": "groupbalanced",
    "importance": "densityratio",
    "inversefrequency": "balanced",
    "ipw": "column",
    "sampleweight": "column",
    "shift": "densityratio",
    "survey": "column",
    "time": "recency",
}
# Names that belong to other parameters, with these parameters.
_RATIOS = ("kliep", "ulsif", "kmm", "logistic", "classifier", "search")
_SAMPLERS = {
    "smote": "smote",
    "random_over": "random_over",
    "randomoversampler": "random_over",
    "oversample": "random_over",
    "random_under": "random_under",
    "randomundersampler": "random_under",
    "undersample": "random_under",
}


def resolve_weighting(spec):
    """Return the strategy for any value of ``weighting=``, or None.

    Parameters
    ----------
    spec : None, str, dict, callable, strategy, or list of these
        The value of ``weighting=``.

    Returns
    -------
    weighting : BaseWeighting or None
        A strategy. If the user passed a strategy object, the same object is returned,
        not a clone.

    Examples
    --------
    >>> from skweight.weighting import resolve_weighting
    >>> resolve_weighting("balanced")
    BalancedWeighting()
    >>> resolve_weighting({"fraud": 10, "fine": 1})
    ClassWeighting(class_weight={'fine': 1, 'fraud': 10})
    """
    if spec is None or isinstance(spec, BaseWeighting):
        return spec
    if isinstance(spec, str):
        if spec in NAMES:
            return NAMES[spec]()
        raise ValueError(
            f"weighting={spec!r} is not a known strategy. The known names are "
            f"{say(list(NAMES))}; for other strategies, pass an "
            f"object.{_where_it_belongs(spec)}"
        )
    if hasattr(spec, "items"):
        return ClassWeighting(spec)
    if is_sequence(spec):
        return ProductWeighting([resolve_weighting(factor) for factor in spec])
    if isinstance(spec, type):
        raise TypeError(
            f"weighting must be a strategy object; got the class {spec.__name__}. "
            f"Did you mean {spec.__name__}()?"
        )
    if hasattr(spec, "fit_weigh_by_role"):
        return spec
    if hasattr(spec, "fit_resample"):
        raise TypeError(
            f"weighting= takes strategies that weigh rows, but {type(spec).__name__} "
            "adds or drops rows. Pass it as resampler= of a classifier."
        )
    if callable(spec):
        return FunctionWeighting(spec)
    array = np.asarray(spec) if hasattr(spec, "__array__") else None
    hint = (
        " To use weights that you already have, pass them to fit(X, y, "
        "sample_weight=...), or use ColumnWeighting for a column of X."
        if array is not None
        else ""
    )
    raise TypeError(
        "weighting must be None, a name, a dict {label: weight}, a callable (X, "
        "y) -> weights, a strategy object, or a list of these; got "
        f"{type(spec).__name__}.{hint}"
    )


def _where_it_belongs(name):
    """Return a hint for the user if the passed word is not the name of a strategy."""
    word = name.lower()
    if word in _RATIOS:
        return (
            f" Density ratios need rows of the target: "
            f"DensityRatioWeighting(X_target, estimator={word!r})."
        )
    if word in _SAMPLERS:
        return (
            "  This is a method that adds or drops rows: pass "
            f"resampler={_SAMPLERS[word]!r} and weighting=None."
        )
    if word == "none":
        return " Did you mean None, without quotes?"
    if "cost" in word:
        return (
            " Costs of mistakes are usually used for the decision, not for weights: "
            "decision=CostMatrix.binary(fp=..., fn=...) with weighting=None. For "
            "cost weights, pass weighting=CostWeighting(cost)."
        )
    # Objects that have no name; `import` would close a circle.
    known = sys.modules[__package__].__all__
    objects = {_bare(name): name for name in known if name.endswith("Weighting")}
    objects = {word: name for word, name in objects.items() if word not in _NAMED}
    word = _OTHER_WORDS.get(_bare(name), _bare(name))
    [word] = get_close_matches(word, [*_NAMED, *objects], n=1) or [word]
    if word in objects:
        return f" Did you mean {objects[word]}(...) of skweight.weighting?"
    return did_you_mean(_NAMED.get(word, name), NAMES)


def _bare(name):
    """Return the letters of a strategy's name, without the word "weighting"."""
    return re.sub("[^a-z]|weighting", "", name.lower())


_NAMED = {_bare(name): name for name in NAMES}
