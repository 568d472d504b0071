"""Weights for rows that arrive in chunks, and a classifier that learns from them.

What a strategy learns from all rows at once is here kept up to date in sums that fade:
class masses, and the mean of the raw weights. A chunk is weighed by the sums that
already hold it, so that a stream of one chunk gives the weights of a fit.
"""

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.metaestimators import available_if

from skweight._fit.double_counting import check_probabilities, warn_of_double_counting
from skweight._fit.probabilities import ProbabilityMap, needs_held_out_scores
from skweight._held_out.cross_fit import output_method
from skweight._utils.roles import ROLES, multiply
from skweight._utils.validation import (
    check_labels,
    check_rows,
    check_weights,
    n_rows,
    positions_of,
)
from skweight.delivery._deliver import deliver_partial, learns_with_weights
from skweight.inspection._report import (
    FitReport,
    describe_decision,
    describe_weighting,
    labels_of,
)
from skweight.stabilizers import resolve_stabilizer
from skweight.streaming import DRAWN_SHARE, resolve_streaming
from skweight.weighting import resolve_weighting
from skweight.weighting._base import (
    ClassLevelWeighting,
    ProductWeighting,
    factors_of,
    fitted_factors_of,
    fitted_product,
)


class Fade:
    """How much the rows of a chunk, and all rows before it, count by its end."""

    def __init__(self, n_samples, half_life):
        self.before, self.within = 1.0, None
        if half_life is not None:
            age = np.arange(n_samples - 1, -1, -1)
            self.within = 2.0 ** (-age / half_life)
            self.before = 2.0 ** (-n_samples / half_life)

    def by_class(self, sums, codes, values):
        """Return sums per class with those of a chunk added."""
        values = multiply(values, self.within)
        return self.before * sums + np.bincount(codes, values, sums.size)


class _Factor:
    """One strategy in a stream, and the sums that it needs."""

    def __init__(self, weighting, classes):
        self.weighting = clone(weighting)
        self.masses = np.zeros(classes.size)
        self.raw = np.zeros(classes.size)

    def weigh(self, X, y, codes, classes, known, unit, fade):
        """Return the weights of a chunk, by sums that hold it."""
        one = self.weighting
        self.masses = fade.by_class(self.masses, codes, known)
        raw = one._raw_in_stream(X, y, classes, self.masses / unit)
        raw = check_weights(raw, n_rows(X), name=f"The weight of {type(one).__name__}")
        one.scale_ = 1.0
        if not isinstance(one, ClassLevelWeighting):
            self.raw = fade.by_class(self.raw, codes, multiply(raw, known))
            one.scale_ = float(self.raw.sum() / self.masses.sum())
        return raw / one.scale_


class Stream:
    """What a classifier remembers of the rows that it has learned from.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        All labels there will be.
    weighting : weighting or None
        The strategy.
    streaming : Streaming
        How to weigh rows.
    random_state : int, RandomState instance or None
        Seed of what is drawn.
    """

    def __init__(self, classes, weighting, streaming, random_state):
        self.classes = classes
        self.streaming = streaming
        self.rng = check_random_state(random_state)
        if isinstance(random_state, np.random.RandomState):
            self.rng = random_state
        self.factors = [_Factor(one, classes) for one in factors_of(weighting)]
        self.n_rows = self.n_left_out = self.n_learned = 0
        self.rows = np.zeros(classes.size, dtype=np.intp)
        zeros = np.zeros(classes.size)
        self.given = self.counted = self.population = zeros
        self.training = self.squares = zeros
        self.largest = 0.0

    def weigh(self, X, y, sample_weight, normalize, stabilizer):
        """Return the weights of a chunk apart by role, and count it."""
        codes = positions_of(y, self.classes, owner="partial_fit")
        fade = Fade(codes.size, self.streaming.half_life)
        unit = 1.0
        if sample_weight is not None and normalize:
            self.given = fade.by_class(self.given, codes, sample_weight)
            self.counted = fade.by_class(self.counted, codes, sample_weight > 0)
            unit = self.given.sum() / self.counted.sum()
        # Sums are of weights as they came: their mean is not known to the end.
        weights = dict.fromkeys(ROLES)
        weights["population"] = sample_weight
        for factor in sorted(
            self.factors, key=lambda one: ROLES.index(one.weighting.role)
        ):
            role = factor.weighting.role
            known = weights["population"]
            own = factor.weigh(X, y, codes, self.classes, known, unit, fade)
            if stabilizer is not None:
                own = stabilizer.stabilize(own)
            weights[role] = multiply(weights[role], own)
        population, emphasis = weights["population"], weights["emphasis"]
        self._count(codes, population, multiply(population, emphasis), fade)
        return None if population is None else population / unit, emphasis

    def draw(self, weights, model, unsupported):
        """Return which rows of a chunk to learn from, and with which weights.

        None stands for every row once, and for no weights.
        """
        drawn = DRAWN_SHARE[self.streaming.mode]
        if unsupported == "resample" and not learns_with_weights(model):
            drawn = 1.0
        if weights is None or not drawn:
            return None, weights
        # A comb with teeth one apart: row i is drawn floor(w_i ** s) times or once
        # more, and exactly so often in the mean.
        ends = np.floor(np.cumsum(weights**drawn) + self.rng.uniform())
        if ends[-1] == 0 and not self.n_learned:
            ends[np.argmax(weights) :] = 1  # a model that saw nothing cannot predict
        times = np.diff(ends, prepend=0).astype(np.intp)
        rows = self.rng.permutation(np.repeat(np.arange(weights.size), times))
        self.n_learned += rows.size
        return rows, None if drawn == 1 else (weights ** (1 - drawn))[rows]

    def figures(self):
        """Return the figures of a report."""
        population, training = self.population, self.training
        seen = population > 0
        multiplier = np.divide(
            training, population, out=np.ones_like(training), where=seen
        )
        effective = np.divide(
            training**2, self.squares, out=np.zeros_like(training), where=training > 0
        )
        total = training.sum()
        return {
            "n_rows": self.n_rows,
            "n_left_out": self.n_left_out,
            "rows": self.rows.tolist(),
            "population_share": (population / population.sum()).tolist(),
            "training_share": (training / total).tolist(),
            "class_multiplier": multiplier.tolist(),
            "effective_rows": effective.tolist(),
            "effective_sample_size": float(total**2 / self.squares.sum()),
            "largest_share": float(self.largest / total),
        }

    def _count(self, codes, population, weights, fade):
        counted = codes if population is None else codes[population > 0]
        self.n_rows += codes.size
        self.n_left_out += codes.size - counted.size
        self.rows = self.rows + np.bincount(counted, minlength=self.classes.size)
        self.population = fade.by_class(self.population, codes, population)
        self.training = fade.by_class(self.training, codes, weights)
        squares = None if weights is None else weights**2
        self.squares = fade.by_class(self.squares, codes, squares)
        self.largest = max(
            self.largest * fade.before, 1.0 if weights is None else weights.max()
        )

    def resume(self, report, weighting, mass, inner_multiplier):
        """Start from the report of a fit, its strategy, and the sum of its weights.

        What the estimator multiplies by itself is in the report, and not in the sums.
        """
        self.n_rows, self.n_left_out = report.n_rows, report.n_left_out
        self.rows, self.n_learned = np.array(report.rows), report.n_rows
        self.population = mass * np.array(report.population_share)
        self.training = self.population * np.array(report.class_multiplier)
        self.training /= inner_multiplier
        effective = np.array(report.effective_rows)
        self.squares = np.divide(
            self.training**2,
            effective,
            out=np.zeros_like(effective),
            where=effective > 0,
        )
        self.largest = report.largest_share * self.training.sum()
        self.given, self.counted = self.population, self.rows.astype(float)
        for factor, fitted in zip(
            self.factors, fitted_factors_of(weighting), strict=False
        ):
            before = factor.weighting.role == "population"
            factor.masses = self.counted if before else self.population
            factor.raw = fitted.scale_ * factor.masses
        return self

    def weighting(self, weighting):
        """Return a fitted copy of the strategy, as it is by now."""
        if weighting is None:
            return None
        fitted = [factor.weighting for factor in self.factors]
        if not isinstance(weighting, ProductWeighting):
            return fitted[0]
        return fitted_product(fitted, 1.0)


def _learns_in_chunks(self):
    # Raises the AttributeError of the wrapped estimator, which says more than ours.
    self._get_estimator().partial_fit  # noqa: B018
    if getattr(self, "resampler", None) is not None:
        raise AttributeError(
            f"resampler={self.resampler!r} draws from all rows at once, and "
            "partial_fit sees a chunk of them. Set resampler=None; "
            "streaming='sample' draws rows by their weights."
        )
    for name, holds_out in (
        ("calibration", needs_held_out_scores(self._make_calibrator())),
        ("decision", getattr(self._make_decision(), "needs_held_out_rows", False)),
    ):
        if holds_out:
            raise AttributeError(
                f"{name}={getattr(self, name)!r} holds out rows, and a stream has "
                "none to hold out. Use calibration='prior', a decision that learns "
                "nothing, or calibrate on rows kept aside: "
                "WeightedClassifier(FrozenEstimator(clf))."
            )
    return True


class PartialFit:
    """The ``partial_fit`` of :class:`~skweight.WeightedClassifier`."""

    @available_if(_learns_in_chunks)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        r"""Learn from a chunk of rows, weighted by all that came so far.

        For estimators that have it. Class weights follow from running class masses,
        which the chunk is added to first:

        .. math::

            n_k \leftarrow \lambda^m n_k + \sum_{i=1}^m \lambda^{m-i} s_i [y_i = k]

        with m the rows of the chunk, s their `sample_weight`, and
        :math:`\lambda = 2^{-1/h}` from the half-life h of `streaming`; without one
        :math:`\lambda = 1`, and a single chunk is weighted as `fit` weighs it. After
        `fit` it goes on from there.

        Strategies that weigh by class alone, row by row, or are products of such ones
        can be used; those that have to see all rows at once are refused. Not available
        together with a resampler, nor with a calibration or decision that holds rows
        out: ``calibration="prior"`` inverts the weights without any.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of the chunk.
        y : array-like of shape (n_samples,)
            Their class labels.
        classes : array-like of shape (n_classes,), default=None
            All labels there will ever be; required in the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights.

        Returns
        -------
        self : object
            The classifier, ready to predict.

        Raises
        ------
        ValueError
            If labels are not among `classes`, or those are missing or change.
        TypeError
            If the strategy has to see all rows at once.
        """
        weighting = resolve_weighting(self.weighting)
        estimator = self._get_estimator()
        if isinstance(estimator, FrozenEstimator):
            raise TypeError(
                "A FrozenEstimator learns nothing; use fit to calibrate it."
            )
        y = check_labels(y, owner=type(self).__name__)
        check_rows(X, y)
        if sample_weight is not None:
            sample_weight = check_weights(sample_weight, n_rows(X))
        first = getattr(self, "_stream", None) is None
        if first:
            self._begin_stream(classes, weighting, estimator)
        elif classes is not None:
            self._check_classes(classes)
        decision = clone(self._make_decision(), safe=False)
        calibrator = self._make_calibrator()

        stream = self._stream
        population, emphasis = stream.weigh(
            X, y, sample_weight, self.normalize, resolve_stabilizer(self.stabilizer)
        )
        if first:
            told = (estimator, self.weighting, emphasis, y)
            check_probabilities(decision, calibrator, *told)
            if emphasis is not None:
                warn_of_double_counting(estimator, self.weighting)
        rows, shown = X, self._hide_side_columns(X, weighting, decision)
        deliveries = self._learn(shown, y, multiply(population, emphasis))
        self._take_from_estimator()

        figures = stream.figures()
        self.weighting_ = stream.weighting(weighting)
        figures |= self._ask_what_models_saw(figures)
        model = self.estimators_[0]
        self.calibrator_ = self.prevalence_ = None
        calibrated = {"calibration": None}
        how = "predict_proba"
        if calibrator is not None:
            how = output_method(model, probabilities=True)
        self._map = ProbabilityMap(how, self.classes_)
        if calibrator is not None:
            calibrated = self._map.fit(
                calibrator, None, y, population, self.class_multiplier_, model
            )
            self.calibrator_ = self._map.calibrator
        self._decide(decision, None, rows, y, population, {})
        self.report_ = FitReport(
            **figures,
            weighting=describe_weighting(self.weighting_),
            classes=labels_of(self.classes_),
            deliveries=deliveries,
            decision=describe_decision(self.decision_),
            n_fits=1,
            **calibrated,
        )
        return self

    def _begin_stream(self, classes, weighting, estimator):
        streaming = clone(resolve_streaming(self.streaming))
        streaming.check()
        fitted = getattr(self, "estimators_", [])
        if len(fitted) > 1:
            raise ValueError(
                f"The {len(fitted)} fold models of the fit cannot go on together. Fit "
                "with ensemble=False, or call partial_fit on a clone."
            )
        if fitted and classes is not None:
            self._check_classes(classes)
        if not fitted:
            if classes is None:
                raise ValueError(
                    "The first call of partial_fit needs classes: all labels there "
                    "will ever be, such as classes=[0, 1]."
                )
            self.classes_ = np.unique(classes)
        stream = Stream(self.classes_, weighting, streaming, self.random_state)
        if fitted:
            stream.resume(
                self.report_, self.weighting_, self._mass, self._inner_multiplier
            )
        else:
            self.estimators_ = [clone(estimator)]
        self._stream = stream

    def _check_classes(self, classes):
        if not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes must stay those of the first call, {self.classes_.tolist()}; "
                f"got {np.unique(classes).tolist()}."
            )

    def _learn(self, X, y, weights):
        """Let the model learn from a chunk; return the deliveries."""
        stream = self._stream
        rows, weights = stream.draw(
            weights, self.estimators_[0], unsupported=self.unsupported
        )
        if rows is not None:
            if not rows.size:
                return getattr(getattr(self, "report_", None), "deliveries", [])
            X, y = _safe_indexing(X, rows), y[rows]
        return deliver_partial(
            self.estimators_[0], X, y, weights, self.classes_, drawn=rows is not None
        )
