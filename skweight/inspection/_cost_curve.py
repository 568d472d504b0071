"""Draw a cost curve; matplotlib is imported only when drawing."""

import numpy as np

from skweight.inspection._drawing import axes_for, merge, next_style, proba_of
from skweight.metrics import cost_curve


class CostCurveDisplay:
    """Draw the lowest possible cost of a model's decisions, for all ratios of costs.

    The horizontal axis shows the operating point, a number in [0, 1] that combines the
    class frequencies with the ratio of the costs. The upper edge of the shaded triangle
    is the cost of the best constant decision. The distance from this edge down to the
    curve is the cost that the model saves. Create the display by `from_predictions` or
    `from_estimator`.

    Parameters
    ----------
    curve : CostCurve
        Result of :func:`skweight.metrics.cost_curve`.
    name : str, default=None
        Name of the model in the legend.
    operating_point : float, default=None
        Operating point to mark on the curve. :func:`skweight.metrics.probability_cost`
        computes the operating point for your costs.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes on which the display was drawn.
    figure_ : matplotlib Figure
        The figure that contains the axes.
    line_ : matplotlib Artist
        The drawn curve.

    See Also
    --------
    skweight.metrics.cost_curve : Computes the values of the curve.

    Examples
    --------
    >>> from skweight.inspection import CostCurveDisplay
    >>> y, score = [0, 1, 0, 1], [0.1, 0.8, 0.6, 0.4]
    >>> display = CostCurveDisplay.from_predictions(y, score, name="model")
    >>> display.ax_.get_xlabel()
    'Probability cost: cost-weighted share of positives'
    """

    def __init__(self, curve, *, name=None, operating_point=None):
        self.curve = curve
        self.name = name
        self.operating_point = operating_point

    def plot(self, ax=None, **line_kwargs):
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure with new axes.
        **line_kwargs : dict
            Keyword arguments that are passed to ``Axes.plot``.

        Returns
        -------
        self : CostCurveDisplay
            The display.
        """
        ax = axes_for(ax, type(self).__name__)
        x, cost, _ = self.curve
        if not ax.lines:
            ax.fill_between(
                [0, 0.5, 1], [0, 0.5, 0], color="0.92", label="without a model"
            )
        # No markers: the curve has a hundred points.
        style = merge({**next_style(ax), "marker": ""}, line_kwargs)
        (self.line_,) = ax.plot(x, cost, **{"label": self.name or "model", **style})
        if self.operating_point is not None:
            ax.plot(
                self.operating_point,
                np.interp(self.operating_point, x, cost),
                "o",
                color=self.line_.get_color(),
            )
        ax.set(
            xlabel="Probability cost: cost-weighted share of positives",
            ylabel="Cost, relative to wrong decisions only",
            xlim=(0, 1),
            ylim=(0, None),
        )
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_score,
        *,
        pos_label=None,
        sample_weight=None,
        name=None,
        operating_point=None,
        ax=None,
        **line_kwargs,
    ):
        """Draw the curve for scores.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True labels of two classes.
        y_score : array-like of shape (n_samples,)
            Scores or probabilities of the positive class.
        pos_label : object, default=None
            The positive label; not needed for 0/1, -1/1 and booleans.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights: how many rows of the population each row stands for.
        name : str, default=None
            Name of the model in the legend.
        operating_point : float, default=None
            Operating point to mark on the curve, in [0, 1].
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure with new axes.
        **line_kwargs : dict
            Keyword arguments that are passed to ``Axes.plot``.

        Returns
        -------
        display : CostCurveDisplay
            The display, after its picture has been drawn.
        """
        curve = cost_curve(
            y_true, y_score, pos_label=pos_label, sample_weight=sample_weight
        )
        display = cls(curve, name=name, operating_point=operating_point)
        return display.plot(ax, **line_kwargs)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        pos_label=None,
        sample_weight=None,
        name=None,
        operating_point=None,
        ax=None,
        **line_kwargs,
    ):
        """Draw the curve of a fitted classifier.

        Parameters
        ----------
        estimator : classifier
            Fitted classifier with `predict_proba`.
        X : array-like of shape (n_samples, n_features)
            Rows that the classifier was not fitted on.
        y : array-like of shape (n_samples,)
            Labels of the rows.
        pos_label : object, default=None
            The positive label. None takes the second class of the classifier.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights: how many rows of the population each row stands for.
        name : str, default=None
            Name of the model in the legend. None takes the class name of the estimator.
        operating_point : float, default=None
            Operating point to mark on the curve, in [0, 1].
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure with new axes.
        **line_kwargs : dict
            Keyword arguments that are passed to ``Axes.plot``.

        Returns
        -------
        display : CostCurveDisplay
            The display, after its picture has been drawn.
        """
        proba, pos_label = proba_of(cls.__name__, estimator, X, pos_label)
        return cls.from_predictions(
            y,
            proba,
            pos_label=pos_label,
            sample_weight=sample_weight,
            name=name or type(estimator).__name__,
            operating_point=operating_point,
            ax=ax,
            **line_kwargs,
        )
