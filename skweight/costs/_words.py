"""How costs are spoken of: labels, cells, and the refusal of what can be misread."""

import numpy as np

from skweight._utils.validation import check_choice, plain, say
from skweight.costs._entries import as_entry


def distinct(labels):
    """Return labels as a tuple if they are different."""
    if len(set(labels)) != len(labels) or len(labels) < 2:
        raise ValueError(
            f"A cost matrix needs two or more different labels; got {say(labels)}."
        )
    return tuple(labels)


def join_labels(labels, further):
    """Return labels, and what can be decided and is no label, in one array.

    Where text and numbers meet it is one of objects, so that every label keeps its
    type: NumPy by itself would make "0" of 0.
    """
    if not further:
        return labels
    names = np.array(further)
    both = labels.dtype.kind + names.dtype.kind
    if set(both) <= set("iuf") or both == "UU":
        return np.concatenate([labels, names])
    return np.array([*labels.tolist(), *further], dtype=object)


def refuse_further(cost, owner):
    """Raise if costs name a decision that is no label."""
    if cost._further:
        raise ValueError(
            f"{owner} chooses among the labels, and the costs name "
            f"{say(cost._further)} as well. Decide by ExpectedCostDecision (decision="
            "cost) on calibrated probabilities, which takes such decisions."
        )


def read_nested(costs, default_correct):
    """Return labels, what else can be decided, and the entries of a nested dict."""
    if not hasattr(costs, "items") or not all(
        hasattr(row, "items") for row in costs.values()
    ):
        raise TypeError(
            "CostMatrix.from_dict takes {true label: {decided label: cost}}; got "
            f"{costs!r}."
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
            raise ValueError(
                f"The costs of true {say(true)} must name every decision of "
                f"{say(decisions)} once: they lack {say(missing)} and have the "
                f"unknown {say(extra)}. A label that is never true still needs a "
                "row of its own; a decision that is no label, such as 'ask', needs a "
                "cost in every row."
            )
    entries = tuple(
        tuple(
            as_entry(row.get(decided, default_correct), cell=cell_name(true, decided))
            for decided in decisions
        )
        for true, row in rows.items()
    )
    distinct(list(rows))
    return tuple(rows), further, entries


def read_frame(frame):
    """Return the nested dict of a DataFrame with named axes."""
    axes = [getattr(frame, axis, None) for axis in ("index", "columns")]
    names = [getattr(axis, "name", None) for axis in axes]
    if sorted(map(str, names)) != ["predicted", "true"]:
        raise ValueError(
            "The axes of the frame must be named 'true' and 'predicted'; got "
            f"{names[0]!r} for the index and {names[1]!r} for the columns. Say "
            "frame.rename_axis(index='true', columns='predicted') if a row holds "
            "the costs of one true class, and the other way round if not."
        )
    if names[0] == "predicted":
        frame = frame.T
    return {true: dict(row.items()) for true, row in frame.iterrows()}


def read_array(costs, labels, rows):
    """Return the nested dict of a square array, whose reading is stated."""
    labels = [plain(label) for label in labels]
    check_choice(rows, ("true", "predicted"), name="rows")
    cells = [list(row) for row in costs]
    if {len(cells), *map(len, cells)} != {len(labels)}:
        raise ValueError(
            f"costs must have one row and one column for each of {say(labels)}; got "
            f"{len(cells)} rows of lengths {sorted(set(map(len, cells)))}. A decision "
            "that is no label is added by with_decision."
        )
    if rows == "predicted":
        cells = zip(*cells, strict=True)
    distinct(labels)
    cells = [dict(zip(labels, row, strict=True)) for row in cells]
    return dict(zip(labels, cells, strict=True))


def cell_name(true, decided):
    """Return what to call a cell in a message."""
    return f"true {say(true)} decided {say(decided)}"


def find_pos_label(pos_label, classes):
    """Return the positive label, which is obvious for 0/1, -1/1 and booleans only.

    Parameters
    ----------
    pos_label : object
        What the user said; None for nothing.
    classes : list
        Labels at hand, as plain Python values. One of the two may be missing.

    Returns
    -------
    pos_label : object
    """
    if pos_label is not None:
        if len(classes) == 2 and pos_label not in classes:
            raise ValueError(
                f"pos_label={say(pos_label)} is not among the labels {say(classes)}. "
                "Give the label that fp and fn speak of, in the type it has in y."
                + hint_at_positions(classes)
            )
        return pos_label
    numbers = all(isinstance(label, bool | int | float) for label in classes)
    if numbers and (set(classes) <= {0, 1} or set(classes) <= {-1, 1}):
        return 1
    first, last = classes[0], classes[-1]
    raise ValueError(
        f"fp and fn speak of a positive label, and among {say(classes)} there is no "
        f"obvious one. Give pos_label={say(first)} if a missed {say(first)} costs fn, "
        f"or pos_label={say(last)} if a missed {say(last)} does."
    )


def order_of_two(pos_label, classes):
    """Return the position, negative 0 and positive 1, of each of two classes."""
    if len(classes) == 1:
        raise ValueError(
            f"CostMatrix.binary speaks of two labels, and y has 1 class: "
            f"{say(classes)}. Fit it on rows of both."
        )
    if len(classes) != 2:
        raise ValueError(
            "Only binary classification is supported by CostMatrix.binary, and y "
            f"has {len(classes)} classes: {say(classes)}. Use CostMatrix.from_dict("
            "{true label: {decided label: cost}}), which names every mistake."
        )
    positive = find_pos_label(pos_label, classes)
    return [1 if label == positive else 0 for label in classes]


def positive_among(pos_label, labels):
    """Return the positive label of those at hand, of which there are two at most."""
    positive = find_pos_label(pos_label, labels)
    others = [label for label in labels if label != positive]
    if len(others) > 1:
        raise ValueError(
            f"CostMatrix.binary speaks of {say(positive)} and one other label; "
            f"there are {say(others)}. Mind their spelling, or use "
            "CostMatrix.from_dict, which names every mistake."
        )
    return positive


def hint_at_positions(classes):
    """Return a hint where labels may have been replaced without the user's doing."""
    if list(classes) != list(range(len(classes))):
        return ""
    return (
        " (cross_val_predict of scikit-learn replaces labels by 0, 1, ... where the "
        "method is not 'predict': there, give it such labels, and costs for them.)"
    )


def two_readings(costs, labels=None, name="cost"):
    """Return the sentence that refuses an array and shows both ways to read it."""
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
    # The cells that the two readings disagree about are those to compare.
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
    for rows, one in (("true", table), ("predicted", table.T)):
        cells = " and ".join(
            f"{cell_name(labels[a], labels[b])} costs {plain(one[a, b])}"
            for a, b in ((k, j), (j, k))
        )
        readings.append(f"rows={rows!r}: {cells}")
    return (
        f"{name} is an array without names, which can be read in two ways. "
        f"{readings[0]}. {readings[1]}. Say which: CostMatrix.from_array(costs, "
        f"labels={say(labels)}, rows='true' or 'predicted')."
    )
