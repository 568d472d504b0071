"""Scores that speak of a target population, from labelled rows of another one."""

import numpy as np
from sklearn.metrics import get_scorer
from sklearn.utils.validation import check_is_fitted

from skweight._utils.validation import check_weights, n_rows
from skweight.metrics._routed_scorer import RoutedScorer
from skweight.weighting._base import fitted_factors_of


def importance_weighted_scorer(scorer, weighting=None):
    r"""Return a scorer that estimates what a model is worth on a target population.

    Cross-validation on training rows chooses the model that is best where those rows
    are. Weighted with the density ratio, held-out rows stand for the target instead,
    and the choice is made for it (importance-weighted cross-validation):

    .. math:: \frac{\sum_i w(x_i)\, \ell(y_i, \hat f(x_i))}{\sum_i w(x_i)}, \qquad
        w(x) = \frac{p_{target}(x)}{p_{train}(x)}

    Parameters
    ----------
    scorer : str or scorer
        What is scored, as scikit-learn takes it; it must accept `sample_weight`.
    weighting : fitted weighting or density ratio, default=None
        What weighs the rows: a strategy whose role is population, such as
        ``DensityRatioWeighting(X_target).fit(X)``, or an estimator of
        :mod:`skweight.density_ratio`. It is fitted beforehand, on all training rows,
        and has seen no labels. Give it the plain ratio: a flattened one (``exponent``
        below 1, a stabilizer) estimates the worth for another population. None takes
        the strategy of the model that is scored, `weighting_`, with those of its
        factors whose role is population.

    Returns
    -------
    scorer : ImportanceWeightedScorer
        ``scorer(estimator, X, y, sample_weight=None)``; higher is better.

    Raises
    ------
    NotFittedError
        If `weighting` has not been fitted.
    TypeError
        If `weighting` does not weigh rows.

    See Also
    --------
    skweight.DensityRatioWeighting : Learns the weights.

    Notes
    -----
    Nearly unbiased for the score on the target, with a variance that grows as the
    effective sample size falls: compare its ``std_test_score`` over folds with the
    differences between models. Weights of a classifier that was fitted on the very rows
    it weighs (``estimator="classifier"``) are those of `weigh`, and not the out-of-fold
    ones of `fit_weigh`.

    References
    ----------
    .. [1] M. Sugiyama, M. Krauledat, K.-R. Müller, Covariate shift adaptation by
       importance weighted cross validation, Journal of Machine Learning Research 8,
       2007, equation 5.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skweight import DensityRatioWeighting, WeightedClassifier
    >>> from skweight.datasets import make_covariate_shift
    >>> from skweight.metrics import importance_weighted_scorer
    >>> data = make_covariate_shift(500, 500, n_features=2, random_state=0)
    >>> shift = DensityRatioWeighting(
    ...     data.X_target, estimator="logistic", random_state=0
    ... )
    >>> model = WeightedClassifier(LogisticRegression(), weighting=shift)
    >>> fitted = shift.fit(data.X_source)
    >>> for scoring in (
    ...     "neg_log_loss",
    ...     importance_weighted_scorer("neg_log_loss", fitted),
    ... ):
    ...     search = GridSearchCV(
    ...         model, {"weighting__exponent": [0.0, 1.0]}, scoring=scoring
    ...     )
    ...     print(search.fit(data.X_source, data.y_source).best_params_)
    {'weighting__exponent': 0.0}
    {'weighting__exponent': 1.0}
    """
    return ImportanceWeightedScorer(scorer, weighting)


class ImportanceWeightedScorer(RoutedScorer):
    """Scorer made by `importance_weighted_scorer`.

    Parameters
    ----------
    scorer : str or scorer
        What is scored.
    weighting : fitted weighting or density ratio, default=None
        What weighs the rows; None takes the strategy of the model that is scored.

    Examples
    --------
    >>> from skweight.metrics._importance import ImportanceWeightedScorer
    >>> ImportanceWeightedScorer("neg_log_loss")
    importance_weighted_scorer('neg_log_loss')
    """

    def __init__(self, scorer, weighting=None):
        if weighting is not None:
            if not (hasattr(weighting, "weigh") or hasattr(weighting, "ratio")):
                raise TypeError(
                    "weighting must have the method weigh or ratio, as the strategies "
                    "and the density ratios of skweight have; got "
                    f"{type(weighting).__name__}."
                )
            if hasattr(weighting, "fit"):
                check_is_fitted(
                    weighting,
                    msg="importance_weighted_scorer takes a %(name)s that has been "
                    "fitted, on all training rows: weighting.fit(X).",
                )
            if hasattr(weighting, "weigh"):
                _population_factors(weighting)
        self.scorer = scorer
        self.weighting = weighting

    def __call__(self, estimator, X, y_true, sample_weight=None):
        """Return the score of an estimator for the target, higher being better."""
        weights = self._weights(estimator, X, y_true)
        if sample_weight is not None:
            weights = weights * check_weights(sample_weight, n_rows(X))
        if not weights.sum() > 0:
            raise ValueError(
                "No row that is scored looks like the target: all weights are zero. "
                "Use fewer folds, or another weighting."
            )
        scorer = get_scorer(self.scorer)
        return scorer(estimator, X, y_true, sample_weight=weights)

    def _weights(self, estimator, X, y):
        weighting = self.weighting
        if weighting is None:
            weighting = getattr(estimator, "weighting_", None)
            if weighting is None:
                raise ValueError(
                    f"{type(estimator).__name__} has no weighting of its own to score "
                    "it by. Pass a fitted one: importance_weighted_scorer(scorer, "
                    "DensityRatioWeighting(X_target).fit(X))."
                )
        if hasattr(weighting, "ratio"):
            return np.asarray(weighting.ratio(X), dtype=np.float64)
        y = y if np.ndim(y) == 1 else None
        weights = np.ones(n_rows(X))
        for factor in _population_factors(weighting):
            weights *= factor.weigh(X, y)
        return weights

    def __repr__(self):
        weighting = "" if self.weighting is None else f", {self.weighting!r}"
        return f"importance_weighted_scorer({self.scorer!r}{weighting})"


def _population_factors(weighting):
    """Return what says how many rows of the population a row stands for."""
    factors = fitted_factors_of(weighting)
    found = [factor for factor in factors if factor.role == "population"]
    if not found:
        raise ValueError(
            f"{weighting!r} is emphasis: it says how hard training looks at a row, and "
            "a score is no business of it. Pass a strategy whose role is population."
        )
    return found
