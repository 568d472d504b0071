"""Scorers that estimate the score on a target population."""

import numpy as np
from sklearn.metrics import get_scorer
from sklearn.utils.validation import check_is_fitted

from skweight._utils.roles import in_range, multiply
from skweight._utils.validation import check_weights, n_rows
from skweight.metrics._routed_scorer import RoutedScorer
from skweight.weighting._base import fitted_factors_of


def importance_weighted_scorer(scorer, weighting=None):
    r"""Return a scorer that estimates the score of a model on a target population.

    Plain cross-validation chooses the model that is best on the population of the
    training rows. In importance-weighted cross-validation, held-out rows are weighted
    by the density ratio. The weighted score then estimates the score on the target
    population:

    .. math:: \frac{\sum_i w(x_i)\, \ell(y_i, \hat f(x_i))}{\sum_i w(x_i)}, \qquad
        w(x) = \frac{p_{target}(x)}{p_{train}(x)}

    Parameters
    ----------
    scorer : str or scorer
        Scorer of scikit-learn, or the name of a scorer. The scorer must accept
        `sample_weight`.
    weighting : fitted weighting or density ratio, default=None
        Source of the weights. It is a strategy of population weights, such as
        ``DensityRatioWeighting(X_target).fit(X)``, or an estimator of
        :mod:`skweight.density_ratio`. Fit it on all training rows, without labels. Use
        the plain ratio: if ``exponent`` is below 1 or a stabilizer is used, the scores
        are estimates for another population. None uses the population weights of the
        strategy `weighting_` of the scored model.

    Returns
    -------
    scorer : ImportanceWeightedScorer
        A scorer to call as ``scorer(estimator, X, y, sample_weight=None)``; higher is
        better.

    Raises
    ------
    NotFittedError
        If `weighting` has not been fitted.
    TypeError
        If `weighting` has neither the method ``weigh`` nor ``ratio``.

    See Also
    --------
    skweight.DensityRatioWeighting : Learns the weights.

    Notes
    -----
    The estimate is nearly unbiased. The variance of the estimate is larger if the
    effective sample size is smaller. Therefore compare ``std_test_score`` (the standard
    deviation over folds) with the differences between models. If the weighting has
    ``estimator="classifier"``, the weights come from `weigh`; they are not the
    out-of-fold weights of `fit_weigh`.

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
    >>> data = make_covariate_shift(300, 300, n_features=2, random_state=0)
    >>> shift = DensityRatioWeighting(
    ...     data.X_target, estimator="logistic", random_state=0
    ... )
    >>> model = WeightedClassifier(
    ...     LogisticRegression(), weighting=shift, calibration=None
    ... )
    >>> fitted = shift.fit(data.X_source)
    >>> for scoring in (
    ...     "neg_log_loss",
    ...     importance_weighted_scorer("neg_log_loss", fitted),
    ... ):
    ...     search = GridSearchCV(
    ...         model, {"weighting__exponent": [0.0, 1.0]}, scoring=scoring, cv=2
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
        Scorer of scikit-learn, or the name of a scorer.
    weighting : fitted weighting or density ratio, default=None
        Source of the weights. None uses the weighting strategy of the scored model.

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
                    msg="importance_weighted_scorer needs a fitted %(name)s. Call "
                    "weighting.fit(X) with all training rows first.",
                )
            if hasattr(weighting, "weigh"):
                _population_factors(weighting)
        self.scorer = scorer
        self.weighting = weighting

    def __call__(self, estimator, X, y_true, sample_weight=None):
        """Return the score of an estimator on the target population."""
        weights = self._weights(estimator, X, y_true)
        if sample_weight is not None:
            weights = multiply(
                weights, in_range(check_weights(sample_weight, n_rows(X)))
            )
        if not weights.sum() > 0:
            raise ValueError(
                "The scored rows need a positive total weight; got weights of zero for "
                "all rows. Use fewer folds, or another weighting."
            )
        scorer = get_scorer(self.scorer)
        return scorer(estimator, X, y_true, sample_weight=weights)

    def _weights(self, estimator, X, y):
        weighting = self.weighting
        if weighting is None:
            weighting = getattr(estimator, "weighting_", None)
            if weighting is None:
                raise ValueError(
                    f"{type(estimator).__name__} has no attribute weighting_. Pass a "
                    "fitted weighting: importance_weighted_scorer(scorer, "
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
    """Return the weightings in a product that give population weights."""
    factors = fitted_factors_of(weighting)
    population_factors = [factor for factor in factors if factor.role == "population"]
    if not population_factors:
        raise ValueError(
            f"weighting must be a strategy of population weights; got {weighting!r}, "
            "a strategy of emphasis weights (such as class weights). Emphasis weights "
            "direct the training and do not describe a population. Pass a strategy "
            "such as DensityRatioWeighting(X_target)."
        )
    return population_factors
