"""How costs are spoken of: labels, cells, and the refusal of what can be misread."""

import numpy as np

from skweight._utils.validation import plain, say


def distinct(labels):
    """Return labels as a tuple if they are different."""
    if len(set(labels)) != len(labels) or len(labels) < 2:
        raise ValueError(
            f"A cost matrix needs two or more different labels; got {say(labels)}."
        )
    return tuple(labels)


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
