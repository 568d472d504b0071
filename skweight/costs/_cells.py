"""The cells (entries) of a cost matrix, and the names of true labels and decisions."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils.validation import column_or_1d

from skweight._utils.validation import (
    check_labels,
    encode_labels,
    list_faults,
    plain,
    positions_of,
    say,
)
from skweight.costs._entries import as_entry
from skweight.costs._labels import (
    distinct,
    hint_at_positions,
    hint_at_spelling,
    order_of_two,
    positive_among,
)


@dataclass(frozen=True)
class Cells:
    """The source of the cost of every cell.

    Attributes
    ----------
    entries : tuple of tuple of Entry
        ``entries[k][j]`` is the cost of deciding j if the label is k.
    labels : tuple or None
        True labels, in the order of the rows of the matrix. None for a binary matrix
        whose negative label is not known yet. In this case, the first row belongs to
        the negative label.
    pos_label : object
        The positive label of a binary matrix, if the user passed one.
    further : tuple
        Decisions that are not labels, such as "ask". These decisions are the last
        columns of the matrix.
    """

    entries: tuple
    labels: tuple | None = None
    pos_label: Any = None
    further: tuple = ()

    @property
    def decisions(self):
        """All decisions: the labels, then other decisions."""
        return None if self.labels is None else (*self.labels, *self.further)

    def sources(self, kind):
        """Return distinct columns, callables or metadata from which costs are read."""
        cells = [cell for row in self.entries for cell in row if cell.kind == kind]
        return list(dict.fromkeys(cell.source for cell in cells))

    def names(self):
        """Return the true labels as text."""
        if self.labels is not None:
            return [say(label) for label in self.labels]
        if self.pos_label is None:
            return ["negative", "positive"]
        return ["any other label", say(self.pos_label)]

    def _named(self):
        """Yield each row of the matrix as pairs (name of a cell, entry of the cell)."""
        names = self.names()
        decided = [*names, *map(say, self.further)]
        for true, row in zip(names, self.entries, strict=True):
            yield [
                (f"true {true} decided {decision}", entry)
                for decision, entry in zip(decided, row, strict=True)
            ]

    def sentences(self):
        """Return one sentence per cell."""
        return [
            f"{name} costs {entry.say()}"
            for row in self._named()
            for name, entry in row
        ]

    def values(self, X, metadata):
        """Return the cost of each cell: a number, or an array with a cost per row."""
        return [
            [
                entry.values(X, metadata, cell=f"The cost of {name}")
                for name, entry in row
            ]
            for row in self._named()
        ]

    def known(self):
        """Return the cells; raise if a label is not known."""
        if self.labels is None:
            raise ValueError(
                "The negative label of this binary cost matrix is not known yet. "
                "Call cost.align([label, other_label]), with the labels in the "
                "order of the columns of the probabilities."
            )
        return self

    def in_order(self, classes):
        """Return the cells in the order of `classes`, an array of all labels."""
        classes = [plain(label) for label in classes]
        if self.labels is None:
            order = order_of_two(self.pos_label, classes)
        else:
            missing = [label for label in classes if label not in self.labels]
            extra = [label for label in self.labels if label not in classes]
            if missing or extra:
                faults = list_faults(
                    ("missing are", missing), ("unknown to y are", extra)
                )
                raise ValueError(
                    "The cost matrix must contain exactly the labels of y, "
                    f"{say(classes)}: {faults}. Add or remove rows and columns of "
                    "the matrix. The labels must have the same type as in y."
                    + (hint_at_positions(classes) or hint_at_spelling(missing, extra))
                )
            order = [self.labels.index(label) for label in classes]
        distinct([*classes, *self.further])
        columns = [*order, *range(len(order), len(self.entries[0]))]
        entries = tuple(tuple(self.entries[k][j] for j in columns) for k in order)
        return replace(self, entries=entries, labels=tuple(classes))

    def with_labels_of(self, *vectors):
        """Return the cells for the labels in `vectors`; unchanged if only one occurs.

        The labels of all vectors are collected first. If a search used one vector
        alone, it would accept a misspelt decision as the unknown label of the matrix.
        """
        if self.labels is not None:
            return self
        present = dict.fromkeys(
            plain(label) for vector in vectors for label in np.unique(vector)
        )
        present = [label for label in present if label not in self.further]
        positive = positive_among(self.pos_label, present)
        others = [label for label in present if label != positive]
        return self.in_order([*others, positive]) if others else self

    def with_decision(self, name, cost):
        """Return the cells with one more column, for a decision that is not a label."""
        cells = self
        if hasattr(cost, "items"):
            cost = {plain(true): value for true, value in cost.items()}
            labels = self.labels or tuple(cost)
            if set(cost) != set(labels):
                raise ValueError(
                    f"The decision {say(name)} needs a cost for each of {say(labels)}; "
                    f"got costs for {say(list(cost))}."
                )
            cells = self.in_order(labels)
            cost = [cost[label] for label in labels]
        else:
            cost = [cost] * len(self.entries)
        entries = tuple(
            (*row, as_entry(value, cell=f"The cost of true {true} decided {say(name)}"))
            for true, row, value in zip(cells.names(), cells.entries, cost, strict=True)
        )
        further = (*self.further, name)
        distinct([*(cells.labels or [self.pos_label]), *further])
        return replace(cells, entries=entries, further=further)

    def negated(self):
        """Return the cells with every sign changed."""
        entries = tuple(tuple(-entry for entry in row) for row in self.entries)
        return replace(self, entries=entries)

    def codes(self, y):
        """Return the position of every label among the labels of the matrix.

        If only the positive label is known, its position is 1, and all other labels
        have the position 0.
        """
        y = check_labels(y, owner="CostMatrix")
        present = [plain(label) for label in encode_labels(y)[0]]
        if self.labels is None:
            return (y == positive_among(self.pos_label, present)).astype(np.intp)
        unknown = [label for label in present if label not in self.labels]
        if unknown:
            raise ValueError(
                f"The cost matrix has no costs for the labels {say(unknown)}; it "
                f"contains the labels {say(self.labels)}. Check the spelling and the "
                "type of the labels, or add them to the matrix."
            )
        return positions_of(y, np.array(self.labels), owner="The cost matrix")

    def codes_of_decisions(self, y):
        """Return the position of every decision among the decisions of the matrix."""
        if not self.further:
            return self.codes(y)
        # Decisions may mix text and numbers; dtype object keeps the type of each
        # decision.
        y = column_or_1d(y if hasattr(y, "dtype") else np.array(y, dtype=object))
        names = self.known().decisions
        return positions_of(y.astype(object), names, owner="The cost matrix")
