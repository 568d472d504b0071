"""Draw a reliability diagram; matplotlib is imported only when drawing."""

import numpy as np

from skweight._utils.validation import check_choice
from skweight.inspection._drawing import axes_for, merge, next_style, proba_of
from skweight.metrics import calibration_error, reliability_curve


class ReliabilityDisplay:
    """Draw a reliability diagram: predicted probability against frequency.

    Of the rows with a probability of 10 %, about 10 % should be positive. If points are
    above the diagonal, probabilities are too low; if points are below the diagonal,
    probabilities are too high. All bins have the same total weight. The band shows the
    confidence interval of each frequency. Create the display by `from_predictions` or
    `from_estimator`. To compare models, pass the `ax_` of the first display as `ax` of
    the second.

    Parameters
    ----------
    curve : ReliabilityCurve
        Result of :func:`skweight.metrics.reliability_curve`.
    name : str, default=None
        Name of the model in the legend.
    error : float, default=None
        Calibration error, to be shown in the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes on which the display was drawn.
    figure_ : matplotlib Figure
        The figure that contains the axes.
    line_ : matplotlib Artist
        The drawn curve.
    band_ : matplotlib Artist or None
        The drawn confidence band; None without a band.

    See Also
    --------
    skweight.metrics.reliability_curve : Computes the values of the curve.
    skweight.metrics.calibration_error : Computes the number in the legend.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.inspection import ReliabilityDisplay
    >>> rng = np.random.default_rng(0)
    >>> p = rng.random(2000)
    >>> y = rng.random(2000) < p
    >>> display = ReliabilityDisplay.from_predictions(y, p**2, name="squares")
    >>> display.ax_.get_legend().get_texts()[1].get_text()
    'squares, error 0.184'
    """

    def __init__(self, curve, *, name=None, error=None):
        self.curve = curve
        self.name = name
        self.error = error

    def plot(self, ax=None, *, scale="linear", band=True, **line_kwargs):
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure with new axes.
        scale : {"linear", "log"}, default="linear"
            Scale of both axes. Use ``"log"`` for a rare class: on a linear scale, all
            points of a rare class would be in one corner.
        band : bool, default=True
            Whether to draw the confidence band.
        **line_kwargs : dict
            Keyword arguments that are passed to ``Axes.plot``.

        Returns
        -------
        self : ReliabilityDisplay
            The display.
        """
        check_choice(scale, ("linear", "log"), name="scale")
        ax = axes_for(ax, type(self).__name__, figsize=(5.2, 5.2))
        curve = self.curve
        # A frequency of zero is drawn at the lower edge.
        lowest = 0.0
        if scale == "log":
            shown_values = np.concatenate(
                [curve.mean_proba, curve.frequency, curve.low]
            )
            lowest = max(0.5 * shown_values[shown_values > 1e-9].min(initial=1.0), 1e-6)
            if ax.lines:
                lowest = min(lowest, ax.get_xlim()[0])
        if not ax.lines:
            ax.plot([1e-12, 1], [1e-12, 1], color="0.7", linewidth=1, label="perfect")
        style = merge({**next_style(ax), "markersize": 5}, line_kwargs)
        label = self.name or "model"
        if self.error is not None:
            label += f", error {self.error:.3f}"
        (self.line_,) = ax.plot(
            curve.mean_proba,
            np.maximum(curve.frequency, lowest),
            **{"label": label, **style},
        )
        self.band_ = None
        if band:
            self.band_ = ax.fill_between(
                curve.mean_proba,
                np.maximum(curve.low, lowest),
                curve.high,
                color=self.line_.get_color(),
                alpha=0.18,
                linewidth=0,
            )
        ax.set(
            xscale=scale,
            yscale=scale,
            xlabel="Predicted probability",
            ylabel="Frequency, among rows with this prediction",
            xlim=(lowest, 1),
            ylim=(lowest, 1),
            aspect="equal",
        )
        ax.legend(loc="best")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_proba,
        *,
        n_bins=15,
        confidence=0.95,
        pos_label=None,
        sample_weight=None,
        name=None,
        ax=None,
        **plot_kwargs,
    ):
        """Draw the diagram for probabilities.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True labels.
        y_proba : array-like of shape (n_samples,) or (n_samples, 2)
            Probabilities of the positive class, or of both classes.
        n_bins : int, default=15
            Number of bins, which all have the same total weight. More bins show finer
            detail, but also more noise.
        confidence : float, default=0.95
            Coverage of the confidence interval of each bin, in (0, 1).
        pos_label : object, default=None
            The positive label; not needed for 0/1, -1/1, booleans, or two columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights: how many rows of the population each row stands for.
        name : str, default=None
            Name of the model in the legend.
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure with new axes.
        **plot_kwargs : dict
            Keyword arguments that are passed to `plot`.

        Returns
        -------
        display : ReliabilityDisplay
            The display, after its picture has been drawn.
        """
        arguments = {
            "n_bins": n_bins,
            "pos_label": pos_label,
            "sample_weight": sample_weight,
        }
        curve = reliability_curve(y_true, y_proba, confidence=confidence, **arguments)
        error = calibration_error(y_true, y_proba, **arguments)
        return cls(curve, name=name, error=error).plot(ax, **plot_kwargs)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        n_bins=15,
        confidence=0.95,
        pos_label=None,
        sample_weight=None,
        name=None,
        ax=None,
        **plot_kwargs,
    ):
        """Draw the diagram of a fitted classifier.

        Parameters
        ----------
        estimator : classifier
            Fitted classifier with `predict_proba`.
        X : array-like of shape (n_samples, n_features)
            Rows that the classifier was not fitted on.
        y : array-like of shape (n_samples,)
            Labels of the rows.
        n_bins : int, default=15
            Number of bins, which all have the same total weight. More bins show finer
            detail, but also more noise.
        confidence : float, default=0.95
            Coverage of the confidence interval of each bin, in (0, 1).
        pos_label : object, default=None
            The positive class. None takes the second class of two classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights: how many rows of the population each row stands for.
        name : str, default=None
            Name of the model in the legend. None takes the class name of the estimator.
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure with new axes.
        **plot_kwargs : dict
            Keyword arguments that are passed to `plot`.

        Returns
        -------
        display : ReliabilityDisplay
            The display, after its picture has been drawn.
        """
        proba, pos_label = proba_of(cls.__name__, estimator, X, pos_label)
        return cls.from_predictions(
            np.asarray(y) == pos_label,
            proba,
            n_bins=n_bins,
            confidence=confidence,
            sample_weight=sample_weight,
            name=name or type(estimator).__name__,
            ax=ax,
            **plot_kwargs,
        )
