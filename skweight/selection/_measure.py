"""The effect of weights and calibrations on an estimator, on held-out rows."""

from time import perf_counter
from typing import NamedTuple

import numpy as np

from skweight._fit.ask import ask_classifier
from skweight._fit.choose import compared, enter, judge, left_open, losses_of, select
from skweight._utils.progress import Progress
from skweight._utils.validation import check_number
from skweight.calibration._resolve import resolve_calibrator
from skweight.classifier import WeightedClassifier
from skweight.weighting import AutoWeighting

MOST_FOLDS = 5
# Calibrations that are compared with the calibration "auto", without a further fit of
# the estimator. A calibration is advised instead of "auto" only if its loss is lower
# than the loss of "auto" by CLEARLY paired standard errors. With several calibrations,
# a difference of one standard error often occurs by chance.
CALIBRATIONS = ("anchored", "sigmoid", "isotonic")
CLEARLY = 2.0


class Measured(NamedTuple):
    """Results on held-out rows.

    Attributes
    ----------
    strength : float
        The chosen strength of balancing. The loss of this strength is not clearly
        higher than the lowest loss. No smaller strength has this property.
    weightings : list of dict
        The compared candidates, as dicts like those in ``report_.weightings`` of a
        classifier.
    calibrations : list of dict
        One dict for each calibration, with the keys "name", "log_loss", "above_auto"
        (log loss of the calibration minus log loss of "auto") and "standard_error"
        (standard error of this difference).
    n_fits, n_planned, n_folds, n_rows : int
        Number of fits, number of planned fits, number of folds and number of held-out
        rows.
    seconds : float
        Duration of the measurement, in seconds.
    """

    strength: float
    weightings: list
    calibrations: list
    n_fits: int
    n_planned: int
    n_folds: int
    n_rows: int
    seconds: float

    @property
    def calibration(self):
        """The advised calibration: "auto", unless another is clearly better."""
        better = [
            row
            for row in self.calibrations
            if row["above_auto"] < -CLEARLY * row["standard_error"]
        ]
        return (
            min(better, key=lambda row: row["log_loss"])["name"] if better else "auto"
        )


def measure(
    estimator,
    X,
    y,
    sample_weight,
    population,
    *,
    unsupported="raise",
    budget,
    max_seconds=None,
    n_jobs=None,
    verbose=0,
    random_state=None,
):
    """Measure the effect of balancing and calibrations; `budget` is a number of fits.

    The result is None if the rows of some class are too few to hold out any.
    """
    strengths, n_folds = _share_out(budget)
    if max_seconds is not None:
        check_number(max_seconds, name="max_seconds", low=0, include="neither")
    auto = AutoWeighting(strengths=strengths)
    wrapper = WeightedClassifier(
        estimator,
        weighting=auto if population is None else [population, auto],
        cv=n_folds,
        unsupported=unsupported,
        n_jobs=n_jobs,
        random_state=random_state,
    )
    request = ask_classifier(wrapper, X, y, sample_weight, {})
    contest = enter(request, left_open(request))
    progress, start = Progress(wrapper, verbose), perf_counter()
    if contest.plan.way == "all":
        return None
    n_folds = len(contest.plan.splits.pairs)
    n_planned = n_folds * len(strengths)
    progress.begin(n_planned)
    judged = []
    for judgement in judge(contest, progress):
        judged.append(judgement)
        if max_seconds is not None and perf_counter() - start >= max_seconds:
            break
    position, table, rows = compared(judged)
    if not rows.size:
        return None
    winner = judged[position]
    return Measured(
        winner.candidate.strength,
        table,
        compare_calibrations(winner, contest.plan, rows),
        n_folds * len(judged),
        n_planned,
        n_folds,
        int(rows.size),
        perf_counter() - start,
    )


def _share_out(budget):
    """Return the strengths and the number of folds for a given budget of fits."""
    check_number(budget, name="budget", low=4)
    strengths = (0, 0.5, 1) if budget >= 6 else (0, 1)
    return strengths, min(int(budget) // len(strengths), MOST_FOLDS)


def compare_calibrations(winner, plan, rows):
    """Compare other calibrations on the same scores as "auto"."""
    known = winner.request, winner.weighed, plan, winner.passed, winner.folds
    weights = winner.weighed.population
    weights = None if weights is None else weights[rows]
    table = []
    for name in CALIBRATIONS:
        other = known[2]._replace(calibrator=resolve_calibrator(name))
        losses = losses_of(*known[:2], other, *known[3:])[rows]
        pair = np.array([losses, winner.losses[rows]])
        _, means, _, errors = select(pair, weights)
        table.append(
            {
                "name": name,
                "log_loss": float(means[0]),
                "above_auto": float(means[0] - means[1]),
                "standard_error": float(errors.max()),
            }
        )
    return table
