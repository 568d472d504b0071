"""The labels of a cost matrix: the positive label, and the names of cells."""

import numpy as np

from skweight._utils.validation import did_you_mean, say


def distinct(labels):
    """Return labels as a tuple; raise an error if a label occurs twice."""
    if len(set(labels)) != len(labels) or len(labels) < 2:
        raise ValueError(
            f"A cost matrix needs two or more different labels; got {say(labels)}."
        )
    return tuple(labels)


def join_labels(labels, further):
    """Return labels, and decisions that are not labels, in one array.

    If text and numbers are mixed, the array has dtype object, so that every label keeps
    the original type. By default NumPy would convert 0 to "0".
    """
    if not further:
        return labels
    names = np.array(further)
    both = labels.dtype.kind + names.dtype.kind
    if set(both) <= set("iuf") or both == "UU":
        return np.concatenate([labels, names])
    return np.array([*labels.tolist(), *further], dtype=object)


def refuse_further(cost, owner):
    """Raise if costs name a decision that is not a label."""
    further = cost._cells.further
    if further:
        raise ValueError(
            f"{owner} can only decide for labels, but the costs contain the "
            f"decisions {say(further)}, which are not labels. Use "
            "ExpectedCostDecision (decision=cost) on calibrated probabilities; it "
            "supports such decisions."
        )


def cell_name(true, decided):
    """Return the name of a cell for a message."""
    return f"true {say(true)} decided {say(decided)}"


def find_pos_label(pos_label, classes):
    """Return the positive label: `pos_label`, or 1 or True if `pos_label` is None.

    Parameters
    ----------
    pos_label : object
        The positive label that the user passed, or None.
    classes : list
        Known labels, as plain Python values. One of the two labels may be unknown.

    Returns
    -------
    pos_label : object
        The label that counts as positive.
    """
    if pos_label is not None:
        if len(classes) == 2 and pos_label not in classes:
            raise ValueError(
                f"pos_label={say(pos_label)} is not one of the labels "
                f"{say(classes)}. Pass the label to which fp and fn refer, with the "
                "same type as in y."
                + (hint_at_positions(classes) or did_you_mean(pos_label, classes))
            )
        return pos_label
    numbers = all(isinstance(label, bool | int | float) for label in classes)
    if numbers and (set(classes) <= {0, 1} or set(classes) <= {-1, 1}):
        return 1
    first, last = classes[0], classes[-1]
    raise ValueError(
        "fp and fn refer to a positive label, but it is not clear which label of "
        f"{say(classes)} is positive. Pass pos_label={say(first)} if fn is the cost "
        f"of missing {say(first)}, or pos_label={say(last)} if fn is the cost of "
        f"missing {say(last)}."
    )


def order_of_two(pos_label, classes):
    """Return the position of each of two classes: 0 if negative, 1 if positive."""
    if len(classes) == 1:
        raise ValueError(
            f"CostMatrix.binary needs two labels, but y has 1 class: {say(classes)}. "
            "Fit on rows of both classes."
        )
    if len(classes) != 2:
        raise ValueError(
            "Only binary classification is supported by CostMatrix.binary, but y "
            f"has {len(classes)} classes: {say(classes)}. Use "
            "CostMatrix.from_dict({true label: {decided label: cost}}), which "
            "contains a cost for every mistake."
        )
    positive = find_pos_label(pos_label, classes)
    return [1 if label == positive else 0 for label in classes]


def positive_among(pos_label, labels):
    """Return the positive label among at most two known labels."""
    positive = find_pos_label(pos_label, labels)
    others = [label for label in labels if label != positive]
    if len(others) > 1:
        raise ValueError(
            f"CostMatrix.binary takes {say(positive)} and one other label, but there "
            f"are several others: {say(others)}. Check the spelling, or use "
            "CostMatrix.from_dict, which contains a cost for every mistake."
        )
    return positive


def hint_at_positions(classes):
    """Return a hint if labels may have been replaced unintentionally."""
    if list(classes) != list(range(len(classes))):
        return ""
    return (
        "  (scikit-learn's cross_val_predict replaces labels by 0, 1, ... unless "
        "method='predict'. Use such labels in y and in the costs.)"
    )


def hint_at_spelling(missing, unknown):
    """Return a hint that names the labels in y similar to unknown labels of costs."""
    words = [label for label in missing if isinstance(label, str)]
    hints = {
        label: did_you_mean(label, words) for label in unknown if isinstance(label, str)
    }
    return "".join(f" For {label!r}:{hint}" for label, hint in hints.items() if hint)
