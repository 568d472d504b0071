"""Scorers for calibration and for the worst group."""

import numpy as np
from sklearn.metrics import get_scorer
from sklearn.utils import _safe_indexing

from skweight._utils.columns import group_index, metadata_names_of
from skweight._utils.roles import in_range
from skweight._utils.validation import (
    check_choice,
    check_number,
    check_weights,
    n_rows,
    plain,
)
from skweight.metrics._calibration import (
    calibration_error,
    integrated_calibration_index,
    smooth_calibration_error,
)
from skweight.metrics._decomposition import calibration_in_the_large
from skweight.metrics._routed_scorer import RoutedScorer


def _distance_in_the_large(y_true, y_proba, **options):
    """Return the absolute value of log(mean prediction / frequency)."""
    return np.abs(np.log(calibration_in_the_large(y_true, y_proba, **options)))


_METRICS = {
    "calibration_error": calibration_error,
    "smooth_calibration_error": smooth_calibration_error,
    "integrated_calibration_index": integrated_calibration_index,
    "calibration_in_the_large": _distance_in_the_large,
}


def make_calibration_scorer(metric="calibration_error", **options):
    """Return a scorer for the calibration of a classifier.

    A model that predicts the prevalence for every row is perfectly calibrated.
    Therefore combine this scorer, in ``scoring={...}``, with a second scorer that
    measures the ranking or the loss. To select models by a single score, use the log
    loss, which includes calibration.

    Parameters
    ----------
    metric : str or callable, default="calibration_error"
        One of the names ``"calibration_error"``, ``"smooth_calibration_error"``,
        ``"integrated_calibration_index"`` and ``"calibration_in_the_large"``, or a
        callable ``metric(y_true, y_proba, *, labels, sample_weight, **options)``. Lower
        values of the callable must be better. ``"calibration_in_the_large"`` means the
        absolute value of log(mean prediction / frequency).
    **options : dict
        Keyword arguments that are passed to the metric. With ``squared=True``, the mean
        over folds of the debiased calibration error is unbiased.

    Returns
    -------
    scorer : CalibrationScorer
        ``scorer(estimator, X, y, sample_weight=None)`` returns the negative metric, so
        higher is better. ``sample_weight`` holds population weights, never class
        weights.

    See Also
    --------
    worst_group_scorer : The score of the worst group.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skweight import WeightedClassifier
    >>> from skweight.metrics import make_calibration_scorer
    >>> X, y = make_classification(1000, weights=[0.9], random_state=0)
    >>> search = GridSearchCV(
    ...     WeightedClassifier(LogisticRegression(), random_state=0),
    ...     {"calibration": [None, "sigmoid"]},
    ...     scoring={"calibration": make_calibration_scorer(), "rank": "roc_auc"},
    ...     refit="calibration",
    ... )
    >>> search.fit(X, y).best_params_
    {'calibration': 'sigmoid'}
    """
    return CalibrationScorer(metric, **options)


class CalibrationScorer(RoutedScorer):
    """Scorer made by `make_calibration_scorer`.

    Parameters
    ----------
    metric : str or callable, default="calibration_error"
        Metric whose negative value is returned.
    **options : dict
        Keyword arguments that are passed to the metric.

    Examples
    --------
    >>> from skweight.metrics._probability_scorers import CalibrationScorer
    >>> CalibrationScorer("smooth_calibration_error")
    make_calibration_scorer('smooth_calibration_error')
    """

    def __init__(self, metric="calibration_error", **options):
        if not callable(metric):
            check_choice(metric, _METRICS, name="metric")
        self.metric = metric
        self.options = options

    def __call__(self, estimator, X, y_true, sample_weight=None):
        """Return the score of an estimator, higher being better."""
        metric = _METRICS.get(self.metric, self.metric)
        return -metric(
            y_true,
            estimator.predict_proba(X),
            **{"labels": estimator.classes_, **self.options},
            sample_weight=sample_weight,
        )

    def __repr__(self):
        options = "".join(f", {k}={v!r}" for k, v in self.options.items())
        return f"make_calibration_scorer({self.metric!r}{options})"


def worst_group_scorer(scorer, groups, *, min_rows=1):
    r"""Return a scorer for the group of rows with the lowest score.

    A mean over all rows mostly reflects the large groups. To improve the worst group,
    it is more effective to select models by the score of this group than to weight the
    training rows [1]_.

    .. math:: \min_g \; s\bigl(\{i : g_i = g\}\bigr)

    Parameters
    ----------
    scorer : str or callable
        Scorer of scikit-learn, by name or ``scorer(estimator, X, y)``.
    groups : str, int, callable, metadata, or list of these
        Defines the group of each row: the name or the position of a column of X, a
        function of X, or ``metadata("segment")`` of :mod:`skweight.weighting`, which is
        routed under the name "segment". With a list of sources, each combination of
        their values is a group. The estimator gets X unchanged, including the group
        column.
    min_rows : int, default=1
        Groups with fewer rows in a fold are ignored, because the score of a small group
        is mostly noise.

    Returns
    -------
    scorer : WorstGroupScorer
        ``scorer(estimator, X, y, sample_weight=None, **metadata)``.

    See Also
    --------
    make_calibration_scorer : A scorer that can be passed here.

    Notes
    -----
    A group is also ignored if its score is NaN, for example the AUC of rows of a single
    class. If no group is left, the result is NaN.

    References
    ----------
    .. [1] B. Y. Idrissi, M. Arjovsky, M. Pezeshki, D. Lopez-Paz, Simple data balancing
       achieves competitive worst-group-accuracy, CLeaR 2022.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.dummy import DummyClassifier
    >>> from skweight.metrics import worst_group_scorer
    >>> X = pd.DataFrame({"region": ["north", "north", "south", "south"]})
    >>> model = DummyClassifier(strategy="constant", constant=0).fit(X, [0, 0, 1, 0])
    >>> worst_group_scorer("accuracy", "region")(model, X, [0, 0, 1, 0])
    0.5
    """
    return WorstGroupScorer(scorer, groups, min_rows=min_rows)


class WorstGroupScorer(RoutedScorer):
    """Scorer made by `worst_group_scorer`.

    Parameters
    ----------
    scorer : str or callable
        Scorer of scikit-learn.
    groups : str, int, callable, metadata, or list of these
        Defines the group of each row.
    min_rows : int, default=1
        Groups with fewer rows are ignored.

    Examples
    --------
    >>> from skweight.metrics._probability_scorers import WorstGroupScorer
    >>> WorstGroupScorer("accuracy", "region")
    worst_group_scorer('accuracy', 'region')
    """

    def __init__(self, scorer, groups, *, min_rows=1):
        check_number(min_rows, name="min_rows", low=1)
        self.scorer = scorer
        self.groups = groups
        self.min_rows = min_rows

    def _metadata_names(self):
        return metadata_names_of(self.groups)

    def __call__(self, estimator, X, y_true, sample_weight=None, **metadata):
        """Return the lowest score of all groups."""
        scores = self.by_group(estimator, X, y_true, sample_weight, **metadata)
        defined = [score for score in scores.values() if not np.isnan(score)]
        return min(defined, default=np.nan)

    def by_group(self, estimator, X, y_true, sample_weight=None, **metadata):
        """Return the score of every group.

        Parameters
        ----------
        estimator : classifier
            A fitted classifier.
        X : array-like of shape (n_samples, n_features)
            Rows that the estimator was not fitted on.
        y_true : array-like of shape (n_samples,)
            True labels of the rows.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights, passed to the scorer.
        **metadata : dict
            The arrays that `groups` names.

        Returns
        -------
        scores : dict
            The score of every group, ``{group: score}``. A group is a tuple if groups
            come from several columns.
        """
        scorer = get_scorer(self.scorer) if isinstance(self.scorer, str) else None
        scorer = scorer or self.scorer
        row_groups = group_index(self.groups, X, metadata, owner="worst_group_scorer")
        codes, groups = row_groups.factorize()
        if sample_weight is not None:
            sample_weight = in_range(check_weights(sample_weight, n_rows(X)))
        scores = {}
        for position in sorted(range(len(groups)), key=lambda i: repr(groups[i])):
            group = plain(groups[position])
            rows = np.flatnonzero(codes == position)
            if rows.size < self.min_rows:
                continue
            weights = {}
            if sample_weight is not None:
                weights["sample_weight"] = _safe_indexing(sample_weight, rows)
            scores[group] = float(
                scorer(
                    estimator,
                    _safe_indexing(X, rows),
                    _safe_indexing(y_true, rows),
                    **weights,
                )
            )
        return scores

    def __repr__(self):
        return f"worst_group_scorer({self.scorer!r}, {self.groups!r})"
