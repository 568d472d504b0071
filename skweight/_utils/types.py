"""Types of constructor arguments. Only type checkers use them at present.

Strategies, calibrators and resamplers are recognised by their methods, not by their
class.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias


class HasFit(Protocol):
    """An object with a method `fit`."""

    @property
    def fit(self) -> Any: ...


class HasFitResample(Protocol):
    """An object with a method `fit_resample`."""

    @property
    def fit_resample(self) -> Any: ...


Weighting: TypeAlias = (
    str
    | dict[Any, Any]
    | list[Any]
    | tuple[Any, ...]
    | Callable[..., Any]
    | HasFit
    | None
)
Calibration: TypeAlias = str | HasFit | None
Resampler: TypeAlias = str | HasFitResample | None
