"""Draw metrics against the strength of the weights."""

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import cross_validate

from skweight._utils.validation import say
from skweight.inspection._drawing import axes_for, check_axes, merge, next_style


class WeightSensitivityDisplay:
    """Draw metrics and the effective sample size against the strength of the weights.

    The metrics use the left axis; their bands show one standard error over the folds.
    The hatched area uses the right axis. The area shows the effective sample size as a
    share of all rows. If a metric stops increasing at some strength, stronger weights
    only reduce the effective sample size. Create the display by `from_estimator` or
    `from_comparison`.

    Parameters
    ----------
    strengths : array-like of shape (n_strengths,)
        Strengths of the weights, ascending.
    scores : dict
        For each metric, the scores at every strength and fold: ``{name: array of shape
        (n_strengths, n_folds)}``.
    effective_share : array-like of shape (n_strengths,)
        Effective sample size of the training rows, divided by the number of these rows.
    parameter : str, default="strength"
        Name of the strength parameter, for the label of the axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes on which the metrics are drawn.
    twin_ : matplotlib Axes
        The axes on which the effective share is drawn.
    figure_ : matplotlib Figure
        The figure that contains the axes.
    lines_ : list of matplotlib Artists
        The drawn lines, one per metric.

    See Also
    --------
    skweight.compare_weightings : Compares strategies and strengths in tables.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skweight import WeightedClassifier
    >>> from skweight.inspection import WeightSensitivityDisplay
    >>> X, y = make_classification(600, weights=[0.9], random_state=0)
    >>> display = WeightSensitivityDisplay.from_estimator(
    ...     WeightedClassifier(LogisticRegression()),
    ...     X,
    ...     y,
    ...     strengths=[0, 0.5, 1],
    ...     scoring="recall",
    ... )
    >>> display.scores["recall"].shape
    (3, 5)
    """

    def __init__(self, strengths, scores, effective_share, *, parameter="strength"):
        self.strengths = strengths
        self.scores = scores
        self.effective_share = effective_share
        self.parameter = parameter

    def plot(self, ax=None, **line_kwargs):
        """Draw the lines.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure with new axes.
        **line_kwargs : dict
            Keyword arguments that are passed to ``Axes.plot`` for the metrics.

        Returns
        -------
        self : WeightSensitivityDisplay
            The display.
        """
        ax = axes_for(ax, type(self).__name__, figsize=(6.8, 4.4))
        x = np.asarray(self.strengths, dtype=float)
        self.lines_ = []
        for name, values in self.scores.items():
            values = np.asarray(values, dtype=float)
            mean = np.nanmean(values, axis=1)
            style = merge({**next_style(ax), "markersize": 5}, line_kwargs)
            (line,) = ax.plot(x, mean, **{"label": name, **style})
            if values.shape[1] > 1:
                error = np.nanstd(values, axis=1, ddof=1) / np.sqrt(values.shape[1])
                ax.fill_between(
                    x,
                    mean - error,
                    mean + error,
                    color=line.get_color(),
                    alpha=0.18,
                    linewidth=0,
                )
            self.lines_.append(line)
        twin = ax.twinx()
        share = 100 * np.asarray(self.effective_share, dtype=float)
        twin.fill_between(
            x,
            share,
            facecolor="none",
            edgecolor="0.8",
            hatch="//",
            linewidth=0.5,
            label="effective rows",
        )
        # Draw the metrics above the second axis.
        ax.set_zorder(twin.get_zorder() + 1)
        ax.patch.set_visible(False)
        twin.set(ylim=(0, 105), ylabel="Effective rows, in % of all (hatched)")
        names = ", ".join(self.scores) if len(self.scores) < 3 else "metrics"
        ax.set(
            xlabel=f"{self.parameter.capitalize()} of the weights",
            ylabel=f"Held-out {names}",
            xlim=(x.min(), x.max()),
        )
        handles, labels = ax.get_legend_handles_labels()
        more_handles, more_labels = twin.get_legend_handles_labels()
        # The legend is above the axes, so that the legend covers no line.
        ax.legend(
            handles + more_handles,
            labels + more_labels,
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=3,
            frameon=False,
        )
        self.ax_, self.twin_, self.figure_ = ax, twin, ax.figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        strengths=(0.0, 0.25, 0.5, 0.75, 1.0),
        param_name="weighting__strength",
        scoring=None,
        cv=None,
        n_jobs=None,
        ax=None,
        **line_kwargs,
    ):
        """Cross-validate a classifier for several strengths, and draw the results.

        Parameters
        ----------
        estimator : WeightedClassifier
            Classifier to cross-validate. The classifier is cloned and never changed.
        X : array-like of shape (n_samples, n_features)
            Rows for the cross-validation.
        y : array-like of shape (n_samples,)
            Labels of the rows.
        strengths : sequence of float, default=(0.0, 0.25, 0.5, 0.75, 1.0)
            Values of the parameter `param_name`.
        param_name : str, default="weighting__strength"
            Name of the strength parameter, such as ``"weighting__exponent"`` for a
            density ratio, or ``"stabilizer__fraction"``.
        scoring : str, callable, list or dict, default=None
            Scorers of scikit-learn; None takes balanced accuracy and average precision.
            A negated loss such as ``"neg_log_loss"`` is drawn as a positive loss.
        cv : int, splitter or iterable, default=None
            Folds, as in ``cross_validate`` of scikit-learn.
        n_jobs : int or None, default=None
            Number of fits to run in parallel.
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure with new axes.
        **line_kwargs : dict
            Keyword arguments that are passed to ``Axes.plot`` for the metrics.

        Returns
        -------
        display : WeightSensitivityDisplay
            The display, after its picture has been drawn.
        """
        check_axes(ax, cls.__name__)
        if not hasattr(estimator, "weighting"):
            raise TypeError(
                f"{cls.__name__}.from_estimator takes (estimator, X, y), and the "
                "estimator must be a WeightedClassifier, which is fitted here; got "
                f"{type(estimator).__name__}. Wrap the estimator: "
                "WeightedClassifier(estimator)."
            )
        if scoring is None:
            scoring = ["balanced_accuracy", "average_precision"]
        scorers = [scoring] if isinstance(scoring, str) else scoring
        scorers = {"score": scoring} if callable(scoring) else scorers
        strengths = np.sort(np.asarray(strengths, dtype=float))
        values_by_metric, shares = {}, []
        for strength in strengths:
            results = cross_validate(
                clone(estimator).set_params(**{param_name: float(strength)}),
                X,
                y,
                scoring=scorers,
                cv=cv,
                n_jobs=n_jobs,
                return_estimator=True,
            )
            for name in scorers:
                sign = -1 if str(name).startswith("neg_") else 1
                shown = str(name).removeprefix("neg_").replace("_", " ")
                values_by_metric.setdefault(shown, []).append(
                    sign * results[f"test_{name}"]
                )
            shares.append([_share(fitted.report_) for fitted in results["estimator"]])
        scores = {name: np.array(values) for name, values in values_by_metric.items()}
        parameter = param_name.rpartition("__")[2]
        display = cls(strengths, scores, np.mean(shares, axis=1), parameter=parameter)
        return display.plot(ax, **line_kwargs)

    @classmethod
    def from_comparison(
        cls,
        comparison,
        *,
        weighting=None,
        metrics=("balanced_accuracy", "average_precision"),
        ax=None,
        **line_kwargs,
    ):
        """Draw the results of a comparison of several strengths, without further fits.

        Parameters
        ----------
        comparison : WeightingComparison
            Result of ``compare_weightings(..., strengths=[...])``.
        weighting : str, default=None
            Name of the weighting. If only one weighting has several strengths, the name
            may be None.
        metrics : sequence of str, default=("balanced_accuracy", "average_precision")
            Metrics of the comparison to draw.
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure with new axes.
        **line_kwargs : dict
            Keyword arguments that are passed to ``Axes.plot`` for the metrics.

        Returns
        -------
        display : WeightSensitivityDisplay
            The display, after its picture has been drawn.
        """
        with_strength = [s for s in comparison.strategies if s.strength is not None]
        weightings = list(dict.fromkeys(s.weighting for s in with_strength))
        weighting = (
            weightings[0] if [weighting] * len(weightings) == [None] else weighting
        )
        if weighting not in weightings:
            raise ValueError(
                "weighting must be the name of a strategy with several strengths, "
                f"one of {say(weightings)}; got {weighting!r}. To compare strengths, "
                "call compare_weightings(..., strengths=[0, 0.5, 1])."
            )
        chosen = sorted(
            (s for s in with_strength if s.weighting == weighting),
            key=lambda s: s.strength,
        )
        table = comparison.folds()
        design = comparison.design
        one_class = table["class"].isna() | (table["class"] == design.pos_label)
        table = table[one_class]
        known_metrics = table["metric"].unique()
        unknown = [metric for metric in metrics if metric not in known_metrics]
        if unknown:
            raise ValueError(
                f"metrics must be names from {say(list(known_metrics))}; got "
                f"{say(unknown)}."
            )

        def of(metric):
            of_metric = table[table["metric"] == metric]
            return np.array(
                [of_metric["value"][of_metric["strategy"] == s.name] for s in chosen]
            )

        n_training = design.n_rows / (1 + design.test_over_train)
        share = of("effective_sample_size").mean(axis=1) / n_training
        scores = {metric.replace("_", " "): of(metric) for metric in metrics}
        strengths = np.array([s.strength for s in chosen])
        return cls(strengths, scores, share).plot(ax, **line_kwargs)


def _share(report):
    """Return the effective share of the rows of a fit."""
    return report.effective_sample_size / (report.n_rows - report.n_left_out)
