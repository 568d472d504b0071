"""Which prediction methods a classifier has, before and after a fit."""

from skweight._fit.models import calibrated_method
from skweight._held_out.outputs import no_probabilities
from skweight._utils.families import gives_raw_scores


def _check_learner(self, method):
    # Raises the AttributeError of the wrapped estimator: its message is more precise.
    getattr(self._delegate(), method)
    return True


def calibrator_in_force(self):
    """Return the fitted calibrator; before a fit, the requested calibrator."""
    learned = vars(self)
    if "calibrator_" in learned:
        return learned["calibrator_"]
    return self._make_calibrator()


def has_decision_function(self):
    if calibrator_in_force(self) is not None:
        raise AttributeError(
            "A calibrated WeightedClassifier has no decision_function. Rank by "
            "predict_proba, or use the raw scores of estimator_.decision_function."
        )
    return _check_learner(self, "decision_function")


def has_predict_proba(self):
    calibrator = calibrator_in_force(self)
    if calibrator is None and gives_raw_scores(self._delegate()):
        raise AttributeError(no_probabilities(self._delegate()))
    if calibrator is None:
        return _check_learner(self, "predict_proba")
    if "calibrator_" in vars(self):
        return True  # the fit has checked this
    try:
        calibrated_method(self._delegate(), calibrator)
    except TypeError as error:
        raise AttributeError(str(error)) from error
    return True
