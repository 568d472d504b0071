"""Helpers for displays: axes, line styles, probabilities and weights."""

from skweight._utils.optional import import_optional
from skweight._utils.validation import say

# Lines have different brightness, markers and dashes, so that colour-blind readers and
# readers of grey prints can distinguish the lines.
_STYLES = [
    {"color": "#0072b2", "marker": "o", "linestyle": "-"},
    {"color": "#d55e00", "marker": "^", "linestyle": "--"},
    {"color": "0.45", "marker": "s", "linestyle": ":"},
    {"color": "#009e73", "marker": "D", "linestyle": "-."},
    {"color": "#cc79a7", "marker": "v", "linestyle": (0, (5, 1, 1, 1, 1, 1))},
    {"color": "black", "marker": "x", "linestyle": (0, (1, 1))},
]


def axes_for(ax, owner, n_axes=1, **options):
    """Return the axes to draw on: the axes that the user has passed, or new axes.

    Parameters
    ----------
    ax : matplotlib Axes, sequence of Axes, or None
        The value of `ax` that the user passed.
    owner : str
        Name of the display, for error messages.
    n_axes : int
        Number of axes that the display needs.
    **options : dict
        Keyword arguments that are passed to ``pyplot.subplots``.
    """
    pyplot = check_axes(ax, owner, n_axes)
    if ax is None:
        _, ax = pyplot.subplots(1, n_axes, layout="constrained", **options)
    if n_axes == 1:
        return ax
    return list(ax) if hasattr(ax, "__len__") else [ax]


def check_axes(ax, owner, n_axes=1):
    """Check matplotlib and the axes; return ``matplotlib.pyplot``.

    Displays with long computations call this first.
    """
    pyplot = import_optional("matplotlib.pyplot", extra="plot", feature=owner)
    if ax is None:
        return pyplot
    axes = list(ax) if hasattr(ax, "__len__") and n_axes > 1 else [ax]
    kind = import_optional("matplotlib.axes", extra="plot", feature=owner).Axes
    if not all(isinstance(axis, kind) for axis in axes):
        raise TypeError(
            f"{owner} needs matplotlib axes; got ax={say(ax)}. Pass axes from "
            "pyplot.subplots(), or None."
        )
    if len(axes) != n_axes:
        raise ValueError(
            f"{owner} needs {n_axes} axes; got {len(axes)}. Pass the axes from "
            f"pyplot.subplots(1, {n_axes}), or None."
        )
    return pyplot


def next_style(ax):
    """Return a line style that is not yet used by a line on the axes."""
    used = sum(line.get_gid() == "skweight" for line in ax.lines)
    return {**_STYLES[used % len(_STYLES)], "gid": "skweight"}


def merge(style, user_style):
    """Return a line style, updated by the keyword arguments of the user."""
    short = {"c": "color", "ls": "linestyle", "lw": "linewidth", "ms": "markersize"}
    return {
        **style,
        **{short.get(name, name): value for name, value in user_style.items()},
    }


def proba_of(owner, estimator, X, pos_label):
    """Return probabilities of a class, and its label; `owner` names the display."""
    if not hasattr(estimator, "classes_") or not hasattr(estimator, "predict_proba"):
        raise TypeError(
            f"{owner}.from_estimator takes (estimator, X, y), and the estimator must "
            f"be a fitted classifier with predict_proba; got {_kind_of(estimator)}. "
            f"If you have probabilities, call {owner}.from_predictions(y_true, "
            "y_proba)."
        )
    classes = list(estimator.classes_)
    if pos_label is None:
        if len(classes) != 2:
            raise ValueError(
                f"The estimator has {len(classes)} classes. Pass the class to draw, "
                f"for example pos_label={say(classes[-1])}."
            )
        pos_label = classes[1]
    if pos_label not in classes:
        raise ValueError(
            f"pos_label must be one of {say(classes)}; got {say(pos_label)}."
        )
    return estimator.predict_proba(X)[:, classes.index(pos_label)], pos_label


def weights_of(owner, takes, estimator, X, y, sample_weight):
    """Return the weights that a fitted classifier or strategy gives to rows.

    Error messages contain `owner` and `takes`. `owner` is the name of the display, and
    `takes` describes the arguments of the display.
    """
    weighting = getattr(estimator, "weighting_", estimator)
    if weighting is None:
        weights = None
    elif hasattr(weighting, "weigh"):
        weights = weighting.weigh(X, y)
    else:
        raise TypeError(
            f"{owner}.from_estimator takes {takes}, and the estimator must be a "
            f"fitted WeightedClassifier or weighting; got {_kind_of(estimator)}, "
            f"which has no weights. If you have weights, call {owner}.from_weights."
        )
    if sample_weight is None and weights is None:
        raise ValueError(
            "There are no weights to draw, because the classifier has "
            "weighting=None and sample_weight is None. Pass sample_weight, or a "
            "classifier with a weighting."
        )
    if weights is None or sample_weight is None:
        return sample_weight if weights is None else weights
    return weights * sample_weight


def _kind_of(estimator):
    """Describe the object that was passed as an estimator."""
    fitted = " that is not fitted" if hasattr(estimator, "fit") else ""
    learned = [name for name in getattr(estimator, "__dict__", ()) if name[-1] == "_"]
    return f"{type(estimator).__name__}{'' if learned else fitted}"
