"""One cell of a cost matrix: a number, or where to read a number for each row."""

from dataclasses import dataclass, replace

import numpy as np

from skweight._utils.columns import RowMetadata, row_values


@dataclass(frozen=True)
class Entry:
    """The source of the cost of one cell.

    Attributes
    ----------
    kind : {"number", "column", "callable", "metadata"}
        Where the cost comes from.
    source : object
        The number itself, the name or position of the column, the callable, or the name
        of the metadata.
    factor : float
        Factor by which the number is multiplied; -1 turns a benefit into a cost.
    """

    kind: str
    source: object
    factor: float = 1.0

    def __neg__(self):
        if self.kind == "number":
            # -0.0 would be printed with its sign.
            return replace(self, source=0.0 - self.source)
        return replace(self, factor=-self.factor)

    def say(self):
        """Return the cost as text."""
        if self.kind == "number":
            return f"{self.source:g}"
        name = getattr(self.source, "__name__", None) or repr(self.source)
        words = {
            "column": f"column {self.source!r}",
            "metadata": f"metadata {self.source!r}",
            "callable": f"{name}(X)",
        }[self.kind]
        return words if self.factor == 1 else f"{self.factor:g} x {words}"

    def values(self, X, metadata, *, cell):
        """Return the cost: a number, or a number for each row of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or None
            Rows for which the costs are needed.
        metadata : dict
            Arrays with one value per row, by name.
        cell : str
            Name of the cell of the matrix, for error messages.

        Returns
        -------
        values : float or ndarray of shape (n_samples,)
            One cost for all rows, or the cost of each row.
        """
        if self.kind == "number":
            return self.source
        if X is None and self.kind != "metadata":
            raise ValueError(
                f"{cell} is {self.say()}, so the rows of X are needed. Pass X with "
                "this column."
            )
        source = RowMetadata(self.source) if self.kind == "metadata" else self.source
        values = row_values(source, X, metadata, owner=f"The cost matrix ({cell})")
        try:
            values = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{cell} is {self.say()}, which contains values that are not numbers "
                f"({error}). Convert these values, or use another source."
            ) from error
        bad = int(np.count_nonzero(~np.isfinite(values)))
        if bad:
            raise ValueError(
                f"{cell} is {self.say()}, which is NaN or infinite in {bad} of "
                f"{values.size} rows. Every cost is needed for a decision. Fill in "
                "the expected cost, or leave these rows out."
            )
        return values * self.factor


def as_entry(value, *, cell):
    """Return the `Entry` for the value that the user passed for a cell.

    Parameters
    ----------
    value : float, str, callable, RowMetadata or Entry
        The cost that the user passed; a string is the name of a column.
    cell : str
        Name of the cell of the matrix, for error messages.

    Returns
    -------
    entry : Entry
        The cell of the cost matrix.
    """
    if isinstance(value, Entry):
        return value
    if isinstance(value, RowMetadata):
        return Entry("metadata", value.name)
    if isinstance(value, str):
        return Entry("column", value)
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        if not np.isfinite(value):
            raise ValueError(
                f"{cell} must be a finite number; got {value!r}. To exclude a "
                "decision, give it a cost that is larger than all other costs "
                "together."
            )
        return Entry("number", float(value))
    if callable(value):
        return Entry("callable", value)
    if hasattr(value, "__array__") or isinstance(value, list | tuple):
        raise TypeError(
            f"{cell} must not be an array: after a split or a shuffle, its rows "
            "would no longer match the rows of X. Put the array into a column of X "
            "and pass the column's name. Or pass metadata('name') here and "
            "name=array to fit and predict."
        )
    raise TypeError(
        f"{cell} must be a number, the name of a column of X, a callable X -> costs, "
        f"or metadata(name); got {value!r} of type {type(value).__name__}."
    )
