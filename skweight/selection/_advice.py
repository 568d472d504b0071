"""The advice of `recommend_weighting`."""

from dataclasses import dataclass

from skweight._utils.render import as_html
from skweight.classifier import WeightedClassifier
from skweight.cost_sensitive import CostSensitiveClassifier
from skweight.weighting import BalancedWeighting


@dataclass(frozen=True, repr=False)
class WeightingAdvice:
    """Advice with reasons; returned by :func:`skweight.recommend_weighting`.

    Prints as text; notebooks show a list.

    Attributes
    ----------
    weighting : None, str, weighting or list
        Value for ``weighting=`` of `WeightedClassifier`.
    calibration : str or None
        Value for ``calibration=`` of `WeightedClassifier`.
    decision : str or CostMatrix
        Value for ``decision=`` of `WeightedClassifier`: the costs if they are known,
        otherwise the name of a rule.
    reasons : list of str
        The reasons for the advice, with the values that were used.
    figures : dict
        The values on which the reasons are based, as a dict with names as keys.
    emphasis, population : None, str or weighting
        The two parts of `weighting`: weights that only training uses (emphasis), and
        weights that describe the population.
    estimator : classifier or None
        The classifier that was used to measure the effect of weightings; None if
        nothing was measured.
    unsupported : str
        Value for ``unsupported=`` of `WeightedClassifier`: what to do if the wrapped
        classifier takes no weights.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight import recommend_weighting
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(500, 2)), np.repeat([0, 1], [450, 50])
    >>> advice = recommend_weighting(X, y)
    >>> clf = advice.make_estimator(random_state=0).fit(X, y)
    >>> round(clf.threshold_, 3)
    0.1
    """

    weighting: object
    calibration: str | None
    decision: object
    reasons: list
    figures: dict
    emphasis: object
    population: object
    estimator: object = None
    unsupported: str = "raise"

    def make_estimator(self, estimator=None, **params):
        """Return the advised classifier, ready to be fitted.

        Parameters
        ----------
        estimator : classifier, default=None
            Classifier to wrap. None means the classifier that was used to measure the
            effect of weightings. If nothing was measured, None means gradient boosting
            for columns that are categorical or sparse, or have missing values. For all
            other columns, None means a logistic regression on scaled columns.
        **params : dict
            Further parameters of the `WeightedClassifier`, such as ``random_state``.

        Returns
        -------
        classifier : WeightedClassifier or CostSensitiveClassifier
            The advised classifier, not fitted yet.
        """
        if estimator is None:
            estimator = self.estimator
        if estimator is None:
            estimator = self._default_estimator()
        settings = {
            "weighting": self.weighting,
            "calibration": self.calibration,
            "unsupported": self.unsupported,
            **params,
        }
        if self._has_cost:
            return CostSensitiveClassifier(estimator, cost=self.decision, **settings)
        return WeightedClassifier(estimator, decision=self.decision, **settings)

    def to_compare(self):
        """Return a dict of weightings to compare with the advised weighting.

        Returns
        -------
        weightings : dict {str: weighting}
            Value for ``weightings=`` of :func:`skweight.compare_weightings`. The dict
            contains "no weights", the advised weighting, and similar weightings.
        """
        weightings = {"none": None}
        if self.weighting is not None:
            weightings["advised"] = self.weighting
        if self.population is not None and self.emphasis is not None:
            weightings["population alone"] = self.population
        usual = {"balanced": "balanced", "half": BalancedWeighting(strength=0.5)}
        for name, weighting in usual.items():
            if repr(weighting) != repr(self.weighting):
                weightings[name] = weighting
        return weightings

    def to_dict(self):
        """Return the advice as plain Python values.

        Returns
        -------
        advice : dict
            Strategies are given by their representation.
        """
        return {
            "weighting": _told(self.weighting),
            "calibration": self.calibration,
            "decision": _told(self.decision),
            "reasons": list(self.reasons),
            "figures": dict(self.figures),
        }

    @property
    def _has_cost(self):
        return not isinstance(self.decision, str)

    def _default_estimator(self):
        odd = ("n_categorical", "missing_values")
        if any(self.figures[name] for name in odd):
            from sklearn.ensemble import HistGradientBoostingClassifier

            return HistGradientBoostingClassifier(categorical_features="from_dtype")
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import MaxAbsScaler, StandardScaler

        # Centring would turn a sparse table into a dense one.
        scaler = MaxAbsScaler() if self.figures["sparse"] else StandardScaler()
        return make_pipeline(scaler, LogisticRegression(max_iter=1000))

    def _lines(self):
        decision = "by the costs" if self._has_cost else repr(self.decision)
        return [
            ("weighting", _told(self.weighting)),
            ("calibration", repr(self.calibration)),
            ("decision", decision),
        ]

    def __repr__(self):
        lines = [f"{name:<12} {text}" for name, text in self._lines()]
        reasons = [f"- {reason}" for reason in self.reasons]
        return "\n".join(["What to start with", *lines, "", *reasons])

    def _repr_html_(self):
        return as_html("What to start with", self._lines(), items=self.reasons)


def _told(weighting):
    """Return a line of text that describes a weighting strategy, without its tables."""
    if isinstance(weighting, list):
        return f"[{', '.join(map(_told, weighting))}]"
    if hasattr(weighting, "X_target"):
        return f"{type(weighting).__name__}(X_target)"
    return " ".join(repr(weighting).split())
