"""Scorers that look at calibration, and at the group that fares worst."""

import numpy as np
from sklearn.metrics import get_scorer
from sklearn.utils import _safe_indexing

from skweight._utils.columns import take_column
from skweight._utils.validation import (
    check_choice,
    check_number,
    encode_labels,
    n_rows,
    say,
)
from skweight.metrics._calibration import (
    calibration_error,
    integrated_calibration_index,
    smooth_calibration_error,
)
from skweight.metrics._decomposition import calibration_in_the_large
from skweight.metrics._routed_scorer import RoutedScorer


def _distance_in_the_large(y_true, y_proba, **options):
    """Return by how many powers of e the mean is off, in either direction."""
    return np.abs(np.log(calibration_in_the_large(y_true, y_proba, **options)))


_METRICS = {
    "calibration_error": calibration_error,
    "smooth_calibration_error": smooth_calibration_error,
    "integrated_calibration_index": integrated_calibration_index,
    "calibration_in_the_large": _distance_in_the_large,
}


def make_calibration_scorer(metric="calibration_error", **options):
    """Return a scorer for the calibration of a classifier.

    Use it beside a score of ranking or loss, in ``scoring={...}``: by itself it is
    content with a model that predicts the prevalence for every row. To select by one
    number, the log loss is the better choice; it contains the calibration.

    Parameters
    ----------
    metric : str or callable, default="calibration_error"
        ``"calibration_error"``, ``"smooth_calibration_error"``,
        ``"integrated_calibration_index"``, ``"calibration_in_the_large"`` (the
        absolute logarithm of the ratio), or a callable ``metric(y_true, y_proba, *,
        labels, sample_weight, **options)`` of which less is better.
    **options : dict
        Passed to the metric. With ``squared=True`` the mean of the debiased
        calibration error over folds is unbiased too.

    Returns
    -------
    scorer : CalibrationScorer
        ``scorer(estimator, X, y, sample_weight=None)``: minus the metric, so that
        higher is better. Weights are population weights, never emphasis.

    See Also
    --------
    worst_group_scorer : The score of the group that fares worst.

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
        What is returned, with its sign turned.
    **options : dict
        Passed to the metric.

    Examples
    --------
    >>> from skweight.metrics import CalibrationScorer
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


def worst_group_scorer(scorer, groups=None, *, min_rows=1):
    r"""Return a scorer for the group of rows that a model serves worst.

    A mean over all rows is that of the large groups. Selecting by the worst group
    matters more than how training was weighted.

    .. math:: \min_g \; s\bigl(\{i : g_i = g\}\bigr)

    Parameters
    ----------
    scorer : str or callable
        Scorer of scikit-learn, by name or ``scorer(estimator, X, y)``.
    groups : str, int, callable or None, default=None
        Where the group of a row is read: a column of X by name or position, a callable
        ``X -> labels``, or None for metadata that are routed as ``groups``. The
        estimator is given X as it is, the column included.
    min_rows : int, default=1
        Groups of fewer rows in a fold are passed over, since their score is chance.

    Returns
    -------
    scorer : WorstGroupScorer
        ``scorer(estimator, X, y, sample_weight=None, groups=None)``.

    See Also
    --------
    make_calibration_scorer : A scorer to take the worst group of.

    Notes
    -----
    A group for which the score is not defined, such as the AUC of one class, is passed
    over too; where that leaves none, the score is NaN.

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
    groups : str, int, callable or None, default=None
        Where the group of a row is read.
    min_rows : int, default=1
        Rows that a group must have to be looked at.

    Examples
    --------
    >>> from skweight.metrics import WorstGroupScorer
    >>> WorstGroupScorer("accuracy", "region")
    worst_group_scorer('accuracy', 'region')
    """

    def __init__(self, scorer, groups=None, *, min_rows=1):
        check_number(min_rows, name="min_rows", low=1)
        self.scorer = scorer
        self.groups = groups
        self.min_rows = min_rows

    def _metadata_names(self):
        return ["groups"] if self.groups is None else []

    def __call__(self, estimator, X, y_true, sample_weight=None, groups=None):
        """Return the lowest score of all groups."""
        scores = self.by_group(estimator, X, y_true, sample_weight, groups)
        defined = [score for score in scores.values() if not np.isnan(score)]
        return min(defined, default=np.nan)

    def by_group(self, estimator, X, y_true, sample_weight=None, groups=None):
        """Return the score of every group.

        Parameters
        ----------
        estimator : classifier
            Fitted.
        X : array-like of shape (n_samples, n_features)
            Rows that it was not fitted on.
        y_true : array-like of shape (n_samples,)
            Their labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights, handed on to the scorer.
        groups : array-like of shape (n_samples,), default=None
            Group of every row, where the scorer was not told where to read it.

        Returns
        -------
        scores : dict
            ``{group: score}``.
        """
        scorer = get_scorer(self.scorer) if isinstance(self.scorer, str) else None
        scorer = scorer or self.scorer
        labels = self._groups_of(X, groups)
        if labels.shape != (n_rows(X),):
            raise ValueError(
                f"groups must have one label for each of the {n_rows(X)} rows of X; "
                f"got shape {labels.shape}."
            )
        found, codes = encode_labels(labels)
        scores = {}
        for position, group in enumerate(found.tolist()):
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

    def _groups_of(self, X, groups):
        if callable(self.groups):
            return np.asarray(self.groups(X))
        if self.groups is not None:
            return take_column(X, self.groups, owner="worst_group_scorer")
        if groups is None:
            raise ValueError(
                "worst_group_scorer was not told where the groups are. Name a column: "
                f"worst_group_scorer({say(self.scorer)}, 'column'), or route them as "
                "metadata: groups=..."
            )
        return np.asarray(groups)

    def __repr__(self):
        return f"worst_group_scorer({self.scorer!r}, {self.groups!r})"
