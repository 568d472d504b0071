"""Read costs from nested dicts, tables and arrays."""

import numpy as np

from skweight._utils.validation import check_choice, list_faults, plain, say
from skweight.costs._cells import Cells
from skweight.costs._entries import as_entry
from skweight.costs._labels import cell_name, distinct, hint_at_spelling


def read(costs, labels, name):
    """Return the cells (costs) of a dict or DataFrame; raise an error for an array.

    Parameters
    ----------
    costs : dict or DataFrame
        Costs in any form that `CostMatrix` accepts.
    labels : array-like or None
        Known labels; the error message for an array shows these labels.
    name : str
        Name of the costs in error messages.

    Returns
    -------
    cells : Cells
        The cells, with labels and names of decisions.
    """
    if hasattr(costs, "index") and hasattr(costs, "columns"):
        return read_nested(read_frame(costs))
    if not hasattr(costs, "items"):
        raise TypeError(two_readings(costs, labels, name))
    if {"fp", "fn"} <= set(costs) <= {"fp", "fn", "tp", "tn", "pos_label"}:
        return read_binary(**costs)
    return read_nested(costs)


def read_binary(fp, fn, tp=0.0, tn=0.0, pos_label=None):
    """Return the cells for the four outcomes of a decision between two classes."""
    entries = (
        (as_entry(tn, cell="tn"), as_entry(fp, cell="fp")),
        (as_entry(fn, cell="fn"), as_entry(tp, cell="tp")),
    )
    return Cells(entries, pos_label=plain(pos_label))


def read_nested(costs, default_correct=0.0):
    """Return the cells of a nested dict ``{true: {decided: cost}}``."""
    if not hasattr(costs, "items") or not all(
        hasattr(row, "items") for row in costs.values()
    ):
        raise TypeError(
            "CostMatrix.from_dict takes a dict {true label: {decided label: "
            f"cost}}}}; got {costs!r}."
        )
    rows = {
        plain(true): {plain(decided): cost for decided, cost in row.items()}
        for true, row in costs.items()
    }
    further = [name for name in next(iter(rows.values()), ()) if name not in rows]
    decisions = [*rows, *further]
    for true, row in rows.items():
        extra = [label for label in row if label not in decisions]
        missing = [label for label in decisions if label not in row and label != true]
        if extra or missing:
            faults = list_faults(("lack", missing), ("have the unknown", extra))
            raise ValueError(
                f"The costs of the true label {say(true)} must contain every "
                f"decision of {say(decisions)} once, but they {faults}. A label that "
                "never occurs in y needs costs, too. A decision that is not a "
                "label, such as 'ask', needs a cost for every true label."
                + hint_at_spelling(
                    [label for label in decisions if label not in row], extra
                )
                + hint_at_spelling(
                    [label for label in row if label not in rows], missing
                )
            )
    entries = tuple(
        tuple(
            as_entry(row.get(decided, default_correct), cell=cell_name(true, decided))
            for decided in decisions
        )
        for true, row in rows.items()
    )
    distinct(list(rows))
    return Cells(entries, tuple(rows), further=tuple(further))


def read_frame(frame):
    """Return the nested dict of a DataFrame with named axes."""
    axes = [getattr(frame, axis, None) for axis in ("index", "columns")]
    names = [getattr(axis, "name", None) for axis in axes]
    if sorted(map(str, names)) != ["predicted", "true"]:
        raise ValueError(
            "The axes of the frame must be named 'true' and 'predicted'; got "
            f"{names[0]!r} for the index and {names[1]!r} for the columns. Call "
            "frame.rename_axis(index='true', columns='predicted') if each row of "
            "the frame contains the costs of one true class; otherwise exchange the "
            "two names."
        )
    if names[0] == "predicted":
        frame = frame.T
    return {true: dict(row.items()) for true, row in frame.iterrows()}


def read_array(costs, labels, rows):
    """Return a square array as a nested dict.

    ``rows`` says whether a row stands for the true or for the predicted label.
    """
    labels = [plain(label) for label in labels]
    check_choice(rows, ("true", "predicted"), name="rows")
    cells = [list(row) for row in costs]
    if {len(cells), *map(len, cells)} != {len(labels)}:
        raise ValueError(
            "costs must have one row and one column for each of the labels "
            f"{say(labels)}; got {len(cells)} rows of lengths "
            f"{sorted(set(map(len, cells)))}. Use with_decision to add a decision "
            "that is not a label."
        )
    if rows == "predicted":
        cells = zip(*cells, strict=True)
    distinct(labels)
    cells = [dict(zip(labels, row, strict=True)) for row in cells]
    return dict(zip(labels, cells, strict=True))


def two_readings(costs, labels=None, name="cost"):
    """Return the error message for an array; both meanings of the array are shown."""
    table = np.asarray(costs, dtype=object)
    square = table.ndim == 2 and table.shape[0] == table.shape[1] and len(table) > 1
    if not square:
        return (
            f"{name} must be a CostMatrix; got {type(costs).__name__}. Make one with "
            "CostMatrix.binary(pos_label=..., fp=..., fn=...) or CostMatrix.from_dict("
            "{true label: {decided label: cost}})."
        )
    if labels is None or len(labels) != len(table):
        labels = [f"label {position}" for position in range(len(table))]
    labels = [plain(label) for label in labels]
    # Show the cells that differ between the two readings.
    k, j = next(
        (
            (k, j)
            for k in range(len(table))
            for j in range(k + 1, len(table))
            if table[k, j] != table[j, k]
        ),
        (0, 1),
    )
    readings = []
    for rows, cost in (("true", table), ("predicted", table.T)):
        cells = " and ".join(
            f"{cell_name(labels[a], labels[b])} costs {plain(cost[a, b])}"
            for a, b in ((k, j), (j, k))
        )
        readings.append(f"rows={rows!r}: {cells}")
    return (
        f"{name} is an array, so it is not clear whether its rows are true labels or "
        f"decisions. {readings[0]}. {readings[1]}. Choose the meaning: "
        f"CostMatrix.from_array(costs, labels={say(labels)}, rows='true' or "
        "'predicted')."
    )
