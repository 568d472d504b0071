"""Weighted losses for PyTorch and skorch, divided by the number of rows.

The criteria of PyTorch divide the loss of a batch by the total weight of its rows,
which biases the gradient if batches are small. The losses in this module divide by the
number of rows. PyTorch is imported on first use. skorch is needed only for
:class:`WeightedNetClassifier`.
"""

from importlib import import_module

_HOMES = {
    "WeightedLoss": "_loss",
    "WeightedNetClassifier": "_net",
    "class_weight_tensor": "_loss",
}

__all__ = ["WeightedLoss", "WeightedNetClassifier", "class_weight_tensor"]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
