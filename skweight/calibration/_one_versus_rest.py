"""Calibrators with one curve of the log odds per class.

For three or more classes, the map of ``TemperatureCalibrator`` for all classes together
is applied first. Then one curve per class is applied to the log odds of the class
against the other classes ("the rest"). The first step is necessary if the model was
trained with class weights. Class weights change the mix of the classes in "the rest",
so the log odds against the rest no longer rank the rows correctly.
"""

import numpy as np

from skweight.calibration._base import BaseCalibrator, warn_reversed
from skweight.calibration._engine.numerics import (
    centre_rows,
    keep_inside,
    rest_log_odds,
    smoothed_targets,
)
from skweight.calibration._engine.softmax import fit_shared_slope


class OneVersusRestCalibrator(BaseCalibrator):
    """Base of the calibrators whose map is a curve.

    A subclass defines ``_fit_curve(rows)`` for rows of two classes. The method returns
    a callable and a string. The callable is the curve: it maps scores of shape (n,) to
    the probabilities of both classes, of shape (n, 2). The string is "constant",
    "nearly constant", or empty for an increasing curve.
    """

    def _fit_binary(self, rows):
        curve, flat = self._fit_curve(rows)
        self.slope_, self.intercept_ = 1.0, 0.0
        self.curves_ = [curve]
        if flat and (rows.class_count > 0).all():
            extent = "every row gets" if flat == "constant" else "most rows get nearly"
            warn_reversed(self, rows, f"{extent} the class frequencies")

    def _fit_multiclass(self, rows):
        joint = fit_shared_slope(
            centre_rows(rows.scores),
            rows.codes,
            rows.weight,
            rows.class_count,
            *smoothed_targets(rows.class_count, 1.0),
        )
        self.slope_, self.intercept_ = float(joint.slope), joint.intercept
        odds = self._odds_against_rest(rows.scores)
        total = rows.class_count.sum()
        self.curves_ = []
        flat = []
        for code, count in enumerate(rows.class_count):
            curve, flatness = self._fit_curve(rows.against_rest(code, odds[:, code]))
            self.curves_.append(curve)
            # If all rows or no rows have this class, the rows cannot be ranked by
            # class.
            flat.append(flatness if 0 < count < total else "")
        if joint.refused:
            warn_reversed(self, rows, "every row gets the class frequencies")
        elif any(flat):
            flatness = "constant" if "constant" in flat else "nearly constant"
            among = np.flatnonzero(np.array(flat) == flatness)
            labels = self.classes_[among].tolist()
            consequence = f"the curves of {labels} are {flatness}"
            warn_reversed(self, rows, consequence, scores=odds, among=among)

    def _fit_curve(self, rows):
        raise NotImplementedError(f"{type(self).__name__} must define _fit_curve.")

    def _predict_binary(self, scores):
        return self.curves_[0](scores)

    def _predict_multiclass(self, scores):
        odds = self._odds_against_rest(scores)
        proba = np.stack(
            [curve(odds[:, code])[:, 1] for code, curve in enumerate(self.curves_)]
        )
        proba /= proba.sum(axis=0)
        return keep_inside(proba).T

    def _odds_against_rest(self, scores):
        return rest_log_odds(self.slope_ * scores + self.intercept_)
