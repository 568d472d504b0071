"""Scorers that select models by the cost of their decisions."""

from skweight._utils.validation import check_choice
from skweight.costs._matrix import as_cost_matrix
from skweight.metrics._cost import cost_score, profit_score, savings_score
from skweight.metrics._routed_scorer import RoutedScorer


def make_cost_scorer(cost, *, kind="cost", baseline="best_constant"):
    """Return a scorer that selects models by the cost of their decisions.

    Pass the scorer as ``scoring=`` to a search or a cross-validation. If costs are
    columns of X, the scorer reads them from its X, without routing. If costs are
    metadata, the scorer also passes them to `predict` of the model. Scorers of
    scikit-learn do not pass metadata to `predict`.

    Parameters
    ----------
    cost : CostMatrix, dict or DataFrame
        Costs of decisions.
    kind : {"cost", "savings", "profit"}, default="cost"
        The score. ``"cost"`` is the negative total cost of the rows. The mean of this
        score over folds selects the model with the lowest sum of costs. ``"profit"`` is
        the total gain over the baseline, which selects the same model. ``"savings"`` is
        the share of the cost that is saved. The mean over folds of this share gives
        equal weight to all folds, so ``"savings"`` is better for reports than for
        selection.
    baseline : "best_constant" or label, default="best_constant"
        The decision without a model, for savings and profit; see `savings_score`.

    Returns
    -------
    scorer : CostScorer
        A scorer to call as ``scorer(estimator, X, y, sample_weight=None, **metadata)``;
        higher is better.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_val_score
    >>> from skweight import CostMatrix, CostSensitiveClassifier
    >>> from skweight.metrics import make_cost_scorer
    >>> X, y = make_classification(300, weights=[0.9], random_state=0)
    >>> cost = CostMatrix.binary(fp=1, fn=5)
    >>> scorer = make_cost_scorer(cost)
    >>> plain = cross_val_score(LogisticRegression(), X, y, scoring=scorer)
    >>> costly = CostSensitiveClassifier(LogisticRegression(), cost=cost)
    >>> aware = cross_val_score(costly, X, y, scoring=scorer)
    >>> bool(aware.sum() > plain.sum())
    True
    """
    return CostScorer(cost, kind=kind, baseline=baseline)


class CostScorer(RoutedScorer):
    """Scorer made by `make_cost_scorer`.

    Parameters
    ----------
    cost : CostMatrix, dict or DataFrame
        Costs of decisions.
    kind : {"cost", "savings", "profit"}, default="cost"
        The score that is returned.
    baseline : "best_constant" or label, default="best_constant"
        The decision without a model, for savings and profit; see `savings_score`.

    Attributes
    ----------
    cost : CostMatrix
        Costs of decisions.

    Examples
    --------
    >>> from skweight import CostMatrix
    >>> from skweight.metrics._scorers import CostScorer
    >>> CostScorer(CostMatrix.binary(fp=1, fn=5)).kind
    'cost'
    """

    def __init__(self, cost, *, kind="cost", baseline="best_constant"):
        check_choice(kind, ("cost", "savings", "profit"), name="kind")
        self.cost = as_cost_matrix(cost)
        self.kind = kind
        self.baseline = baseline

    def __call__(self, estimator, X, y_true, sample_weight=None, **metadata):
        """Return the score of an estimator, higher being better."""
        y_pred = estimator.predict(X, **metadata)
        arguments = {"X": X, "sample_weight": sample_weight, **metadata}
        if self.kind == "cost":
            return -cost_score(y_true, y_pred, self.cost, normalize=False, **arguments)
        arguments["baseline"] = self.baseline
        if self.kind == "savings":
            return savings_score(y_true, y_pred, self.cost, **arguments)
        return profit_score(y_true, y_pred, self.cost, normalize=False, **arguments)

    def _metadata_names(self):
        return self.cost.metadata_names

    def __repr__(self):
        return f"make_cost_scorer({self.cost!r}, kind={self.kind!r})"
