"""Suggest a correct name if a constructor gets an unknown parameter."""

from functools import wraps
from inspect import signature

from skweight._utils.validation import did_you_mean

# Names of other packages for the parameters here.
_OTHER_NAMES = {
    "base_estimator": "estimator",
    "classifier": "estimator",
    "class_weight": "weighting",
    "class_weights": "weighting",
    "cost": "decision",
    "cost_matrix": "decision",
    "costs": "decision",
    "folds": "cv",
    "method": "calibration",
    "model": "estimator",
    "n_folds": "cv",
    "n_splits": "cv",
    "regressor": "estimator",
    "sampling_strategy": "resampler",
    "threshold": "decision",
}


def suggests_names(init):
    """Make a constructor suggest a correct name if it gets an unknown parameter."""
    names = [name for name in signature(init).parameters if name != "self"]

    @wraps(init)
    def checked(self, *args, **params):
        for name in params:
            if name not in names:
                other = _OTHER_NAMES.get(name, "")
                hint = did_you_mean(name, names) or did_you_mean(other, names)
                raise TypeError(
                    f"{type(self).__name__} has no parameter {name!r}.{hint}"
                )
        init(self, *args, **params)

    return checked
