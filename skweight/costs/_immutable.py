"""Base class of objects that never change: equal by value, hashable, never copied."""


class Immutable:
    """Base class of objects with one slot, `_cells`, which is set only once."""

    __slots__ = ()

    def __eq__(self, other):
        if not isinstance(other, type(self)):
            return NotImplemented
        return self._cells == other._cells

    def __hash__(self):
        return hash(self._cells)

    def __setattr__(self, name, value):
        raise AttributeError(
            f"A {type(self).__name__} cannot be changed. Create a new object with "
            "one of the constructors."
        )

    def __delattr__(self, name):
        self.__setattr__(name, None)

    # pickle and skops set the attributes of a restored object from its state. The
    # `__setattr__` of this class would raise an error, so `object.__setattr__` is used.
    def __getstate__(self):
        return {"_cells": self._cells}

    def __setstate__(self, state):
        object.__setattr__(self, "_cells", state["_cells"])

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __sklearn_clone__(self):
        return self
