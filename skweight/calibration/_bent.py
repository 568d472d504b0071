"""Base of the quadratic and the beta calibrator."""

from skweight._utils.validation import check_bool, check_number
from skweight.calibration._engine.logistic import (
    LogitCurve,
    fit_constant_curve,
    fit_slope,
    slope_curve,
    slope_is_known,
)
from skweight.calibration._engine.numerics import binary_levels
from skweight.calibration._one_versus_rest import OneVersusRestCalibrator


class BentCalibrator(OneVersusRestCalibrator):
    """Base of the calibrators whose log odds are linear in two features of the score.

    A subclass defines ``_fit_bent(scores, codes, weight, levels, near)``, which returns
    the objective, the function that computes the two features, and the parameters of
    the map from scores to log odds. The parameters are None if no map with the two
    features keeps the ranking of the rows. The argument ``near`` holds the parameters
    of an earlier fit on similar rows, or is None.
    """

    def __init__(self, *, smoothing=1.0, bounded=True):
        self.smoothing = smoothing
        self.bounded = bounded

    def _fit_curve(self, rows):
        check_number(self.smoothing, name="smoothing", low=0, include="neither")
        check_bool(self.bounded, name="bounded")
        levels = binary_levels(rows.class_count, self.smoothing)
        data = (rows.scores, rows.codes, rows.weight)
        tails = rows.tails if self.bounded else None
        if not slope_is_known(rows.scores, rows.class_count, bias=True):
            unknown = fit_slope(*data, rows.class_count, levels)
            return slope_curve(unknown, tails), ""
        near = self.curves_[0].theta if rows.resumed else None
        if near is not None and near.shape[0] < 3:
            near = None  # a curve without the bend
        objective, basis, theta = self._fit_bent(*data, levels, near)
        if theta is None:
            return fit_constant_curve(objective), "constant"
        return LogitCurve(basis, theta, tails), ""

    def _fit_bent(self, scores, codes, weight, levels, near):
        raise NotImplementedError(f"{type(self).__name__} must define _fit_bent.")
