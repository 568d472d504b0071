"""``predict_interval``: intervals of probabilities, from one additional label."""

from skweight._fit.can_predict import calibrator_in_force, has_predict_proba
from skweight._fit.metadata import rows_and_offsets
from skweight._fit.wrapper import check_fitted
from skweight._utils.available import available_if


def _has_predict_interval(self):
    if not hasattr(calibrator_in_force(self), "predict_interval"):
        raise AttributeError(
            f"predict_interval is not available with calibration={self.calibration!r}. "
            "Use calibration='venn_abers'."
        )
    return has_predict_proba(self)


class PredictInterval:
    """The ``predict_interval`` of :class:`~skweight.WeightedClassifier`."""

    @available_if(_has_predict_interval)
    def predict_interval(self, X, **params):
        """Return how far one more labelled row could change each probability.

        Available only with a calibration that computes intervals, such as
        ``calibration="venn_abers"``. For each row and each class, the row is added to
        the calibration rows, once with this class as label and once with another label.
        The two resulting probabilities of the class are the ends of the interval. With
        two classes, `predict_proba` lies between the ends. With more classes, each
        class is calibrated against the rest, and `predict_proba` divides by the sum
        over the classes, so the result can be outside the interval.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict.
        **params : dict
            ``base_margin`` of XGBoost, if `fit` was given one.

        Returns
        -------
        lower, upper : ndarray of shape (n_samples, n_classes)
            Ends of the intervals, in [0, 1]. Columns follow ``classes_``. With several
            fold models, each end is a mean over the models.

        Raises
        ------
        ValueError
            With three or more classes after `set_prevalence`. For each class,
            `set_prevalence` changes the mixture of the other classes, and the interval
            is not valid for a new mixture.

        Examples
        --------
        >>> from skweight import WeightedClassifier
        >>> from skweight.datasets import make_imbalanced
        >>> data = make_imbalanced(2000, prevalence=0.1, random_state=0)
        >>> clf = WeightedClassifier(calibration="venn_abers", random_state=0)
        >>> lower, upper = clf.fit(data.X, data.y).predict_interval(data.X[:2])
        >>> print(lower[:, 1].round(3), upper[:, 1].round(3))
        [0.022 0.024] [0.026 0.037]
        """
        check_fitted(self, "estimators_")
        if self.prevalence_ is not None and self.classes_.size > 2:
            raise ValueError(
                f"With {self.classes_.size} classes, intervals are computed for one "
                "class against all others. They are not valid after set_prevalence, "
                "which changes the mixture of the other classes. Call "
                "set_prevalence(None) first."
            )
        rows, offsets = rows_and_offsets(self, X, params)
        return tuple(self._map.interval_of_rows(self.estimators_, rows, offsets))
