"""Draw the distribution of weights, and the balance of features.

matplotlib is imported only when drawing.
"""

import numpy as np

from skweight._utils.validation import check_number, check_weights
from skweight.inspection._balance import balance_table
from skweight.inspection._drawing import axes_for, merge, next_style, weights_of
from skweight.weights import effective_sample_size, pareto_diagnostics

# Points of a curve; a screen cannot show more.
_N_POINTS = 2000


class WeightDistributionDisplay:
    """Draw the Lorenz curve and the tail of weights.

    The left plot is the Lorenz curve. Rows are sorted by weight, and the share of the
    total weight is drawn against the share of rows. If all weights are equal, the curve
    is the diagonal. If a few rows have nearly all the weight, the curve is near the
    lower edge. The right plot is the tail of the weights. For each weight, it shows the
    share of rows with a larger weight, on logarithmic axes. A straight line in the
    right plot means a heavy tail, that is, a few extreme weights. Create the display by
    `from_weights` or `from_estimator`.

    Parameters
    ----------
    weights : array-like of shape (n_samples,)
        Raw weights in any unit; weights of zero are ignored.
    name : str, default=None
        Name of the weights in the legend.

    Attributes
    ----------
    axes_ : list of two matplotlib Axes
        The axes of the Lorenz curve, and the axes of the tail.
    figure_ : matplotlib Figure
        The figure that contains the axes.
    lines_ : list of two matplotlib Artists
        The drawn Lorenz curve, and the drawn tail.

    See Also
    --------
    weight_report : Computes diagnostics of weights, and says whether they are good.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.inspection import WeightDistributionDisplay
    >>> weights = np.random.default_rng(0).pareto(1.5, size=1000)
    >>> display = WeightDistributionDisplay.from_weights(weights, name="ratio")
    >>> display.axes_[0].get_legend().get_texts()[1].get_text()
    'ratio: effective sample size 36 of 1,000 rows'
    """

    def __init__(self, weights, *, name=None):
        self.weights = weights
        self.name = name

    def plot(self, ax=None, **line_kwargs):
        """Draw both curves.

        Parameters
        ----------
        ax : sequence of two matplotlib Axes, default=None
            Axes to draw on. None creates a figure with new axes. To compare the weights
            of two displays, pass the `axes_` of the first display.
        **line_kwargs : dict
            Keyword arguments that are passed to ``Axes.plot``.

        Returns
        -------
        self : WeightDistributionDisplay
            The display.
        """
        weights = check_weights(self.weights, name="weights")
        axes = axes_for(ax, type(self).__name__, 2, figsize=(9, 4))
        ordered = np.sort(weights[weights > 0] / weights.max())
        ordered = ordered / ordered.mean()
        n = ordered.size
        worth = effective_sample_size(weights)
        name = (
            f"{self.name or 'weights'}: effective sample size {worth:,.0f} of {n:,} "
            "rows"
        )
        left, right = axes
        if not left.lines:
            left.plot([0, 1], [0, 1], color="0.75", linewidth=1, label="all rows alike")
        # Markers are drawn at a few points only.
        style = {"markersize": 4, **next_style(left)}
        shown = np.unique(np.linspace(0, n, _N_POINTS).astype(int))
        lorenz = np.r_[0.0, np.cumsum(ordered) / n][shown]
        line_style = merge({**style, "markevery": 0.1}, line_kwargs)
        (first,) = left.plot(shown / n, lorenz, **{"label": name, **line_style})
        left.set(
            xlabel="Share of rows, the lightest first",
            ylabel="Share of all weight",
            xlim=(0, 1),
            ylim=(0, 1),
        )
        # Above the axes, so that legends hide no line.
        left.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
        # All large weights are drawn, but only some of the smaller weights, to save
        # time.
        rank = np.unique(np.geomspace(1, n, _N_POINTS).astype(int))
        diagnostics = pareto_diagnostics(weights)
        verdict = diagnostics.verdict
        if np.isfinite(diagnostics.khat):
            verdict = f"k-hat {diagnostics.khat:.2f}, {verdict}"
        (second,) = right.plot(
            ordered[n - rank], rank / n, **{**line_style, "label": f"tail: {verdict}"}
        )
        right.set(
            xscale="log",
            yscale="log",
            xlabel="Weight, in average rows",
            ylabel="Share of rows with at least this weight",
        )
        right.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
        self.lines_ = [first, second]
        self.axes_, self.figure_ = axes, left.figure
        return self

    @classmethod
    def from_weights(cls, weights, *, name=None, ax=None, **line_kwargs):
        """Draw an array of weights.

        Parameters
        ----------
        weights : array-like of shape (n_samples,)
            Raw weights in any unit.
        name : str, default=None
            Name of the weights in the legend.
        ax : sequence of two matplotlib Axes, default=None
            Axes to draw on. None creates a figure with new axes.
        **line_kwargs : dict
            Keyword arguments that are passed to ``Axes.plot``.

        Returns
        -------
        display : WeightDistributionDisplay
            The display, after its picture has been drawn.
        """
        return cls(weights, name=name).plot(ax, **line_kwargs)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        sample_weight=None,
        name=None,
        ax=None,
        **line_kwargs,
    ):
        """Draw the weights that a fitted classifier or strategy gives to rows.

        Parameters
        ----------
        estimator : WeightedClassifier or weighting
            Fitted classifier or strategy.
        X : array-like of shape (n_samples, n_features)
            Rows whose weights are drawn, usually the training rows.
        y : array-like of shape (n_samples,), default=None
            Labels of the rows, if the strategy needs labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights that are multiplied by the weights of the strategy.
        name : str, default=None
            Name of the weights in the legend. None takes the text of the strategy.
        ax : sequence of two matplotlib Axes, default=None
            Axes to draw on. None creates a figure with new axes.
        **line_kwargs : dict
            Keyword arguments that are passed to ``Axes.plot``.

        Returns
        -------
        display : WeightDistributionDisplay
            The display, after its picture has been drawn.
        """
        takes = "(estimator, X, y)"
        weights = weights_of(cls.__name__, takes, estimator, X, y, sample_weight)
        weighting = getattr(estimator, "weighting_", estimator)
        name = name or ("sample_weight" if weighting is None else repr(weighting))
        return cls(weights, name=name).plot(ax, **line_kwargs)


class BalanceDisplay:
    """Draw the differences of feature means to the target (love plot).

    Each feature has one line. A hollow marker shows the difference before weighting,
    and a filled marker shows the difference after weighting. If the weights are good,
    differences are small, so the filled markers are to the left of the dotted line.
    Create the display by `from_weights` or `from_estimator`.

    Parameters
    ----------
    balance : Balance
        Result of :func:`skweight.inspection.balance_table`.
    name : str, default=None
        Name of the filled markers in the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes on which the display was drawn.
    figure_ : matplotlib Figure
        The figure that contains the axes.
    before_, after_ : matplotlib Artist
        The markers of the differences before and after weighting.

    See Also
    --------
    balance_table : The values of the display.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.inspection import BalanceDisplay
    >>> rng = np.random.default_rng(0)
    >>> X, X_target = rng.normal(size=(500, 2)), rng.normal(0.5, size=(500, 2))
    >>> ratio = np.exp(0.5 * X.sum(axis=1))  # the true ratio, up to a factor
    >>> display = BalanceDisplay.from_weights(ratio, X, X_target)
    >>> [text.get_text() for text in display.ax_.get_yticklabels()]
    ['x1', 'x0']
    """

    def __init__(self, balance, *, name=None):
        self.balance = balance
        self.name = name

    def plot(self, ax=None, *, max_features=20, threshold=0.1, **mark_kwargs):
        """Draw the marks.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure with new axes.
        max_features : int, default=20
            Largest number of features to show. If there are more features, the features
            with the largest differences are shown.
        threshold : float or None, default=0.1
            Position of the dotted line, in standard deviations; None for no line.
        **mark_kwargs : dict
            Keyword arguments that are passed to ``Axes.plot`` for the filled markers.

        Returns
        -------
        self : BalanceDisplay
            The display.
        """
        check_number(max_features, name="max_features", low=1)
        before, after = (
            np.abs(difference)
            for difference in (
                self.balance.difference_before,
                self.balance.difference_after,
            )
        )
        # Infinite differences (constant features) are drawn at the edge.
        finite = np.concatenate([before, after])
        finite = finite[np.isfinite(finite)]
        edge = 1.1 * finite.max(initial=max(threshold or 0.0, 0.1))
        before, after = (
            np.where(np.isfinite(difference), difference, edge)
            for difference in (before, after)
        )
        worst = np.fmax(before, after)
        chosen = np.argsort(-worst, kind="stable")[: int(max_features)][::-1]
        height = 1.2 + 0.3 * chosen.size
        ax = axes_for(ax, type(self).__name__, figsize=(6.4, max(2.6, height)))
        rows = np.arange(chosen.size)
        ax.hlines(rows, 0, worst[chosen], color="0.85", linewidth=1, zorder=1)
        if threshold is not None:
            ax.axvline(threshold, color="0.5", linewidth=1, linestyle=":", zorder=1)
        (self.before_,) = ax.plot(
            before[chosen],
            rows,
            "o",
            markerfacecolor="white",
            markeredgecolor="0.35",
            markersize=7,
            label="before weighting",
        )
        style = {"color": "#0072b2", "markersize": 7, "marker": "D", "linestyle": ""}
        (self.after_,) = ax.plot(
            after[chosen],
            rows,
            **{"label": self.name or "after weighting", **merge(style, mark_kwargs)},
        )
        ax.set(
            xlabel="Difference to the target mean, in standard deviations of the "
            "target",
            yticks=rows,
            yticklabels=[self.balance.names[j] for j in chosen],
            # Space for a whole marker at zero.
            xlim=(-0.02 * edge, 1.02 * edge),
            ylim=(-0.6, chosen.size - 0.4),
        )
        ax.legend(loc="lower right")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @classmethod
    def from_weights(
        cls,
        weights,
        X,
        X_target,
        *,
        scale="target",
        sample_weight=None,
        sample_weight_target=None,
        name=None,
        ax=None,
        **plot_kwargs,
    ):
        """Draw the balance of features for an array of weights.

        Parameters
        ----------
        weights : array-like of shape (n_samples,)
            The weights to check, in any unit.
        X : array-like of shape (n_samples, n_features)
            Training rows.
        X_target : array-like of shape (n_target, n_features)
            Rows of the target.
        scale : {"target", "source", "pooled"}, default="target"
            The standard deviation that is the unit of the differences; see
            `balance_table`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights that the rows already have before weighting.
        sample_weight_target : array-like of shape (n_target,), default=None
            How many rows of the target population each row of `X_target` stands for.
        name : str, default=None
            Name of the filled markers in the legend.
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure with new axes.
        **plot_kwargs : dict
            Keyword arguments that are passed to `plot`.

        Returns
        -------
        display : BalanceDisplay
            The display, after its picture has been drawn.
        """
        balance = balance_table(
            X,
            X_target,
            weights,
            scale=scale,
            sample_weight=sample_weight,
            sample_weight_target=sample_weight_target,
        )
        return cls(balance, name=name).plot(ax, **plot_kwargs)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        X_target,
        y=None,
        *,
        scale="target",
        sample_weight=None,
        sample_weight_target=None,
        name=None,
        ax=None,
        **plot_kwargs,
    ):
        """Draw the balance of features for a fitted classifier or strategy.

        Parameters
        ----------
        estimator : WeightedClassifier or weighting
            Fitted classifier or strategy.
        X : array-like of shape (n_samples, n_features)
            Training rows.
        X_target : array-like of shape (n_target, n_features)
            Rows of the target.
        y : array-like of shape (n_samples,), default=None
            Labels of the training rows, if the strategy needs labels.
        scale : {"target", "source", "pooled"}, default="target"
            The standard deviation that is the unit of the differences; see
            `balance_table`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights that the rows already have before weighting.
        sample_weight_target : array-like of shape (n_target,), default=None
            How many rows of the target population each row of `X_target` stands for.
        name : str, default=None
            Name of the filled markers in the legend.
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure with new axes.
        **plot_kwargs : dict
            Keyword arguments that are passed to `plot`.

        Returns
        -------
        display : BalanceDisplay
            The display, after its picture has been drawn.
        """
        takes = "(estimator, X, X_target, y)"
        if np.ndim(X_target) == 1:
            raise ValueError(
                f"{cls.__name__}.from_estimator takes {takes}. It compares the "
                "feature means of X and of X_target, which are rows of the target "
                "population. X_target has one value per row; you may have passed "
                "labels."
            )
        return cls.from_weights(
            weights_of(cls.__name__, takes, estimator, X, y, sample_weight),
            X,
            X_target,
            scale=scale,
            sample_weight=sample_weight,
            sample_weight_target=sample_weight_target,
            name=name,
            ax=ax,
            **plot_kwargs,
        )
