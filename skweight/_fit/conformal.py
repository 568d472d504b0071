"""Sets of labels that contain the true label with a requested probability.

The conformity score of a label is one minus its calibrated probability. Scores come
from rows, with population weights, that the model and its calibrator have not seen. The
score of each possible label of a new row is compared with the held-out scores. The
comparison also counts the weight of the new row (Tibshirani et al. 2019).
"""

from typing import NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skweight._fit.calibrate import map_outputs, rows_of
from skweight._fit.look import reads_all
from skweight._fit.probabilities import ProbabilityMap, needs_held_out_scores
from skweight._held_out.splits import make_splits
from skweight._utils.available import available_if
from skweight._utils.conformal import MOST_KNOTS, Scores, thin, wanted
from skweight._utils.validation import (
    check_bool,
    check_number,
    check_weights,
    n_rows,
    say,
)
from skweight._utils.warn import warn
from skweight.exceptions import CalibrationWarning
from skweight.stabilizers import map_of
from skweight.weighting import FunctionWeighting, ProductWeighting
from skweight.weighting._base import fitted_factors_of
from skweight.weights import effective_sample_size

# If there are no fold models, the calibrator is fitted again in this number of folds.
_FOLDS_OF_CALIBRATOR = 5
# There is a warning if the sets of more than this share of the new rows contain all
# labels.
FEW = 0.01


class Part(NamedTuple):
    """Held-out scores of one model, and how this model scores new rows.

    Attributes
    ----------
    map : ProbabilityMap
        Map from outputs of the model to probabilities.
    model : int
        Position of the model among the models that predict.
    scores : list of Scores
        Scores of the rows of each class.
    rows : list of tuple of two ndarrays
        Probabilities and weights of the rows of each class, to adapt the scores to
        other class frequencies.
    """

    map: ProbabilityMap
    model: int
    scores: list
    rows: list

    def at(self, shift, X, models):
        """Return scores: of held-out rows by class, and of new rows for every label.

        For each class, `shift` is the new frequency divided by the frequency in
        training.
        """
        proba = self.map.of_rows(models, X)
        if (shift == 1).all():
            return self.scores, 1 - proba
        scores = [
            Scores.of(1 - _shifted(rows, shift)[:, code], weights)
            for code, (rows, weights) in enumerate(self.rows)
        ]
        return scores, 1 - _shifted(proba, shift)


def _shifted(proba, shift):
    """Return probabilities after each class frequency is multiplied by a factor."""
    proba = proba * shift
    total = proba.sum(axis=1, keepdims=True)
    return np.divide(proba, total, out=np.zeros_like(proba), where=total > 0)


class NewWeights(NamedTuple):
    """How to compute population weights of new rows, on the scale of the training rows.

    Attributes
    ----------
    weighting : weighting or None
        The fitted weighting strategy.
    factors : list of weighting
        The parts of `weighting` that compute population weights.
    unit : float or None
        The divisor of `sample_weight` in the fit; None if no weights were passed.
    points : tuple of two ndarrays, or None
        Weights of the training rows before and after the stabilizer of the wrapper. The
        effect of the stabilizer on weights of new rows is interpolated between these
        points.
    """

    weighting: object
    factors: list
    unit: float | None
    points: tuple | None

    def of(self, wrapper, X, sample_weight, classes=None):
        """Return the weights of new rows: one for each row, or one for each label."""
        weights = np.ones(n_rows(X))
        if sample_weight is not None:
            weights = check_weights(sample_weight, n_rows(X)) / (self.unit or 1.0)
        elif self.unit is not None:
            raise ValueError(
                "The fit got sample_weight, so the weights of new rows cannot be "
                "computed. Pass sample_weight= for the new rows, on the scale of the "
                "fit. If all new rows have the same weight, pass ones."
            )
        for factor in self.factors:
            of_factor = self._weigh(
                factor, wrapper, X, classes, sample_weight is not None
            )
            if of_factor is not None:
                weights = (
                    weights[:, np.newaxis] if of_factor.ndim > weights.ndim else weights
                )
                of_factor = (
                    of_factor[:, np.newaxis]
                    if of_factor.ndim < weights.ndim
                    else of_factor
                )
                weights = weights * of_factor
        return weights if self.points is None else np.interp(weights, *self.points)

    def _weigh(self, factor, wrapper, X, classes, is_given):
        """Return the weights that a strategy gives to new rows; None if it cannot."""
        whole = isinstance(self.weighting, ProductWeighting)
        if whole and any(map(reads_all, self.weighting.factors_)):
            X = self.weighting._rows_for(factor, X)
        elif not reads_all(factor):
            X = wrapper._without_side_columns(X)
        try:
            by_label = factor.needs_classes or isinstance(factor, FunctionWeighting)
            if classes is None or not by_label:
                return factor.weigh(X)
            labels = [np.full(n_rows(X), label) for label in classes]
            return np.column_stack([factor.weigh(X, y) for y in labels])
        except (ValueError, TypeError, KeyError, IndexError) as error:
            if is_given:
                return None
            raise ValueError(
                f"The population weights of new rows cannot be computed: {error} Pass "
                "sample_weight= for the new rows; 1 is the mean weight of the training "
                "rows."
            ) from error


class Conformal(NamedTuple):
    """The data from which sets of labels are made.

    Attributes
    ----------
    parts : list of Part
        Scores of held-out rows: one part, or one part for each fold model.
    new_weights : NewWeights
        How new rows get their weights.
    figures : dict
        Report entries about the held-out rows.
    """

    parts: list
    new_weights: NewWeights
    figures: dict


def conform(request, weighed, plan, fitted, calibrated):
    """Return the data for sets of labels; None if ``conformal`` is None."""
    kind, held_out = request.params.get("conformal"), fitted.held_out
    if kind is None:
        return None
    cuts = _cuts(request, weighed, plan, held_out, kind)
    weights = rows_of(weighed.population, held_out)
    per_fold = len(fitted.models) == len(cuts) > 1
    parts, used = [], []
    for position, (learned, scored) in enumerate(cuts):
        mapped = calibrated.map
        if learned is not None:
            mapped = map_outputs(request, weighed, plan, fitted, learned)
        proba = mapped.of_outputs(held_out.outputs[scored])
        codes = request.codes[held_out.rows[scored]]
        used.append((proba, codes, scored))
        if per_fold or kind == "split":
            scored_weights = None if weights is None else weights[scored]
            n_knots = MOST_KNOTS // len(cuts)
            by_class = _by_class(proba, codes, scored_weights, n_knots)
            parts.append(Part(mapped, position, *by_class))
    proba, codes, scored = (
        np.concatenate(column) for column in zip(*used, strict=True)
    )
    scored_weights = None if weights is None else weights[scored]
    if not parts:
        by_class = _by_class(proba, codes, scored_weights, MOST_KNOTS)
        parts = [Part(calibrated.map, -1, *by_class)]
    figures = describe_rows(scored_weights, scored.size) | {
        "method": kind,
        "models": _say_models(plan, len(fitted.models), per_fold),
    }
    return Conformal(parts, weights_of_new_rows(request, weighed), figures)


def weights_of_new_rows(request, weighed):
    """Return how weights of new rows follow from the weights of the fit."""
    population, unit = request.weights.population, None
    if population is not None:
        population, unit = np.asarray(population, dtype=np.float64), 1.0
        if request.params["normalize"]:
            unit = float(population[population > 0].mean())
    raw, points = weighed.raw.population, None
    if raw is not None and raw is not weighed.population:
        points = map_of(raw, weighed.population)
    factors = [
        factor
        for factor in fitted_factors_of(weighed.weighting)
        if factor.role == "population"
    ]
    return NewWeights(weighed.weighting, factors, unit, points)


def describe_rows(weights, n_rows):
    """Return the statistics of the scored rows for a report."""
    effective, total, mean = float(n_rows), float(n_rows), 1.0
    if weights is not None:
        effective = float(effective_sample_size(weights))
        total = float(weights.sum())
        mean = float(weights @ weights / total)  # if drawn by weight
    return {
        "n_rows": int(n_rows),
        "effective_rows": effective,
        # If the requested coverage is higher, the set of a row with mean weight
        # contains all labels.
        "largest_coverage": total / (total + mean),
    }


def _cuts(request, weighed, plan, held_out, kind):
    """Split the held-out rows into rows for the calibrator and rows for the scores.

    Returns a list of pairs of arrays: positions, among the held-out rows, of the rows
    for the calibrator and of the rows for the scores. The first array of a pair is None
    if the calibrator needs no rows.
    """
    everything = np.arange(held_out.rows.size)
    if kind == "cross" and plan.way == "folds" and len(plan.splits.pairs) > 1:
        sizes = [test.size for _, test in plan.splits.pairs if test.size]
        scored = np.split(everything, np.cumsum(sizes)[:-1])
        if not needs_held_out_scores(plan.calibrator):
            return [(None, rows) for rows in scored]
        return [(np.setdiff1d(everything, rows), rows) for rows in scored]
    choice, learns = weighed.choice, needs_held_out_scores(plan.calibrator)
    if kind == "split" and choice is not None and choice.judges is not None:
        # Rows on which candidates were compared get no conformity score: these rows
        # decided which model was chosen, so the model depends on them.
        others = np.setdiff1d(everything, choice.judges)
        return [(choice.judges if learns else None, others)]
    if not learns:
        return [(None, everything)]
    groups = request.arguments["splitter"].get("groups")
    splits = make_splits(
        2 if kind == "split" else _FOLDS_OF_CALIBRATOR,
        None,
        request.y[held_out.rows],
        rows_of(weighed.population, held_out),
        request.params["random_state"],
        {} if groups is None else {"groups": np.asarray(groups)[held_out.rows]},
    )
    if splits is None:
        raise ValueError(
            f"conformal={kind!r} needs held-out rows that the calibrator does not use, "
            "but a class has a single held-out row. Collect more rows of this class, "
            "or set calibration=None."
        )
    return splits.pairs[:1] if kind == "split" else splits.pairs


def _by_class(proba, codes, weights, n_knots):
    """Return the scores and the rows of each class, up to a maximum number."""
    n_own = max(n_knots // proba.shape[1], 1)
    scores, kept = [], []
    for code in range(proba.shape[1]):
        of_class = np.flatnonzero(codes == code)
        class_weights = None if weights is None else weights[of_class]
        score = 1 - proba[of_class, code]
        scores.append(Scores.of(score, class_weights, n_knots=n_own))
        positions, kept_weights = thin(score, class_weights, n_own)
        kept.append((proba[of_class[positions]], kept_weights))
    return scores, kept


def _say_models(plan, n_models, per_fold):
    if plan.way in ("frozen", "oob"):
        forest = "the votes of trees for rows that they did not draw, an approximation"
        return "the frozen model" if plan.way == "frozen" else forest
    if per_fold:
        return f"{n_models} fold models, each against its own held-out rows"
    if n_models > 1:
        return f"the mean of {n_models} fold models, an approximation"
    if plan.way == "folds" and plan.keeps_fold_models:
        return "the model of the hold-out"
    return "one model refitted on all rows, an approximation"


def _has_predict_set(wrapper):
    if wrapper.conformal is None:
        raise AttributeError(
            "predict_set needs scores of held-out rows, but conformal=None keeps none. "
            "Set conformal='split' or conformal='cross', and fit."
        )
    return True


class PredictSet:
    """The ``predict_set`` of :class:`~skweight.WeightedClassifier`."""

    @available_if(_has_predict_set)
    def predict_set(self, X, coverage=0.9, *, by_class=False, sample_weight=None):
        r"""Return for each row a set of labels with the requested coverage.

        This method needs ``conformal="split"`` or ``"cross"``. Held-out rows have the
        scores :math:`s_i = 1 - p_{y_i}(x_i)`. A held-out row conforms better than label
        k of row x if :math:`s_i < 1 - p_k(x)`. Label k is in the set of x if the
        held-out rows that conform better than label k have less than the requested
        share of the weight:

        .. math::

            \sum_i w_i \, [s_i < 1 - p_k(x)] < c \, \Bigl(\sum_i w_i + w(x, k)\Bigr)

        with w the population weights and c the requested coverage. If the model is
        confident, sets are small. The coverage holds for the population that the
        weights describe. After `set_prevalence`, the weights and all probabilities use
        the new class frequencies.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict, with the columns from which population weights are
            computed.
        coverage : float, default=0.9
            Share of rows whose set contains their label, in (0, 1). Raising it makes
            sets larger.
        by_class : bool, default=False
            Whether the coverage holds for the rows of each class separately. If True,
            sets are larger, and rare classes need many held-out rows: if a class has n
            held-out rows and the coverage is above n / (n + 1), every set contains this
            class.
        sample_weight : array-like of shape (n_samples,), default=None
            Number of population rows that each row represents, on the scale of the fit.
            Required if the fit had `sample_weight`, or if the strategy computed
            population weights in the fit but cannot weigh new rows. In the second case,
            the argument replaces the weights of the strategy.

        Returns
        -------
        sets : ndarray of shape (n_samples, n_classes), dtype bool
            Whether each label is in the set of each row; the columns have the order of
            ``classes_``. A set is empty if no label conforms.

        Raises
        ------
        ValueError
            If the fit had population weights, but weights of the new rows are not
            passed and cannot be computed.

        Warns
        -----
        CalibrationWarning
            If the requested coverage needs more held-out rows, or larger weights of the
            held-out rows relative to a new row. Sets then contain all labels, or every
            set contains the same class.

        Notes
        -----
        With ``"split"`` and a single hold-out whose model is not refitted, the coverage
        is guaranteed on average over fits, if rows are exchangeable and weights are
        known. With the fold models of ``"cross"``, the coverage is at least 2 c - 1 for
        a requested coverage of c, and close to c in practice. With one refitted model,
        the coverage is approximate. The time is O((n + m) log m) for n new rows and m
        kept scores. At most 10,000 scores are kept, an equal number for each class (and
        fold model). If there are more scores, neighbouring scores are merged, so that
        sets can only become larger. After `set_prevalence`, the same number of held-out
        rows of each class is used instead of merged scores. These rows are drawn evenly
        over their scores, in proportion to their weight. Sets can then also be a little
        smaller.

        References
        ----------
        .. [1] R. J. Tibshirani, R. Foygel Barber, E. J. Candes, A. Ramdas, Conformal
           prediction under covariate shift, NeurIPS 2019, equation 7.
        .. [2] A. Podkopaev, A. Ramdas, Distribution-free uncertainty quantification for
           classification under label shift, UAI 2021, section 2.

        Examples
        --------
        >>> from sklearn.model_selection import train_test_split
        >>> from skweight import WeightedClassifier
        >>> from skweight.datasets import make_imbalanced
        >>> data = make_imbalanced(6000, prevalence=0.3, random_state=0)
        >>> X, X_new, y, y_new = train_test_split(
        ...     data.X, data.y, train_size=4000, random_state=0
        ... )
        >>> clf = WeightedClassifier(conformal="split", random_state=0)
        >>> sets = clf.fit(X, y).predict_set(X_new, coverage=0.9)
        >>> holds = sets[range(2000), y_new]
        >>> bool(abs(holds.mean() - 0.9) < 0.03)
        True
        """
        check_is_fitted(self, "estimators_")
        check_number(coverage, name="coverage", low=0, high=1, include="neither")
        check_bool(by_class, name="by_class")
        weights = self._conformal.new_weights.of(self, X, sample_weight, self.classes_)
        shift = np.ones(self.classes_.size)
        if self.prevalence_ is not None:
            now = np.array([*self.prevalence_.values()])
            shift = now / np.array(self.report_.population_share)
        weights = np.broadcast_to(
            weights if weights.ndim == 2 else weights[:, np.newaxis],
            (n_rows(X), shift.size),
        )
        X = self._without_side_columns(X)
        below, total = self._mass_below(X, shift, by_class)
        weights = weights * shift
        self._warn_of_everything(coverage, total, weights, by_class)
        return below < wanted(coverage, total, weights)

    def _mass_below(self, X, shift, by_class):
        """Return weights of held-out rows, for each possible class of each new row.

        Returns two results. The first result has, for each row of X and each class as
        its label, the total weight of the held-out rows that conform better. The second
        result is the total weight of all held-out rows.
        """
        below, total = np.zeros((n_rows(X), shift.size)), np.zeros(shift.size)
        for part in self._conformal.parts:
            models = self.estimators_
            if len(models) > 1 and part.model >= 0:
                models = [models[part.model]]
            # Within one class, the class frequency has no effect.
            moved = np.ones_like(shift) if by_class else shift
            all_scores, new = part.at(moved, X, models)
            for code, scores in enumerate(all_scores):
                to = slice(code, code + 1) if by_class else slice(None)
                below[:, to] += shift[code] * scores.below(new[:, to])
                total[to] += shift[code] * scores.total
        return below, total

    def _warn_of_everything(self, coverage, total, weights, by_class):
        everything = wanted(coverage, total, weights) > total
        share = everything.any(axis=1).mean()
        if share <= FEW:
            return
        labels = self.classes_[everything.any(axis=0)]
        which = f"the labels {say(labels)}" if by_class else "all labels"
        least = np.median((total / (total + weights))[everything])
        warn(
            f"The sets of {share:.1%} of the rows contain {which}, for any model. The "
            f"{self._conformal.figures['n_rows']:,} held-out rows allow a coverage of "
            f"at most {least:.4g} for these rows, but coverage={coverage:.4g}. Pass a "
            "lower coverage, or fit with more rows"
            + (" of these classes." if by_class else "."),
            CalibrationWarning,
        )


def check_conformal(wrapper, estimator, calibrator):
    """Check ``conformal``, alone and with other parameters; return ``cv``."""
    cv, kind = wrapper.cv, wrapper.conformal
    if kind is None:
        return cv
    if kind not in ("split", "cross"):
        raise ValueError(f"conformal must be 'split', 'cross' or None; got {kind!r}.")
    if calibrator is None and not hasattr(estimator, "predict_proba"):
        raise TypeError(
            f"conformal={kind!r} needs probabilities, but {type(estimator).__name__} "
            "has no predict_proba. Set calibration='sigmoid', which computes "
            "probabilities from scores."
        )
    if kind == "cross":
        return cv
    if cv is None or (isinstance(cv, str) and cv == "auto"):
        return "holdout"
    if isinstance(cv, int | np.integer) or (isinstance(cv, str) and cv == "oob"):
        raise ValueError(
            f"conformal='split' needs a single hold-out; got cv={cv!r}. Set "
            "cv='holdout', or conformal='cross'."
        )
    return cv
