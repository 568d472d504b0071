"""The steps of a fit of `WeightedClassifier`, in the order in which they are made.

Weigh, look, fit once or once for every fold, calibrate, decide, report. The public face
is in ``classifier.py``; how an estimator is fitted with weights is in ``_training.py``.
"""

from functools import partial
from inspect import signature

import numpy as np
from sklearn.base import clone, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import has_fit_parameter

from skweight._fit.double_counting import check_probabilities, warn_of_double_counting
from skweight._fit.guards import (
    samplers_in,
    warn_of_inner_sampler,
    warn_of_inverted_trees,
    warn_of_passed,
)
from skweight._fit.metadata import sort_fit_params
from skweight._fit.models import fit_models
from skweight._fit.probabilities import (
    ProbabilityMap,
    needs_held_out_scores,
)
from skweight._fit.training import Training
from skweight._held_out.cross_fit import output_method
from skweight._utils.roles import multiply
from skweight._utils.validation import (
    check_choice,
    check_labels,
    check_rows,
    encode_labels,
    positions_of,
)
from skweight.calibration import PriorCalibrator
from skweight.delivery._balancing import balances_itself, inner_multiplier
from skweight.delivery._deliver import POLICIES
from skweight.delivery._one import take_rows
from skweight.inspection._report import (
    FitReport,
    describe_decision,
    describe_weighting,
    labels_of,
    resampling_figures,
    weight_figures,
)
from skweight.inspection._tails import look_at_weights
from skweight.weighting import resolve_weighting


def _output_method(model, *, calibrator, decision):
    """Return the method of a fitted model whose outputs become probabilities."""
    if calibrator is not None:
        return output_method(model, probabilities=not needs_held_out_scores(calibrator))
    if decision is not None and not hasattr(model, "predict_proba"):
        raise TypeError(
            f"decision={decision!r} decides by probabilities, and "
            f"{type(model).__name__} has no predict_proba. Set calibration='sigmoid', "
            "which makes them."
        )
    return "predict_proba"


class ClassifierFit:
    """What happens inside `WeightedClassifier.fit`."""

    def _fit_with_roles(self, X, y, population, emphasis, **fit_params):
        """Fit with weights that others tell us the roles of."""
        return self._fit(X, y, population, fit_params, emphasis, trusted=True)

    def _fit(self, X, y, sample_weight, fit_params, emphasis=None, trusted=False):
        check_choice(self.unsupported, POLICIES, name="unsupported")
        weighting = resolve_weighting(self.weighting)
        estimator = self._get_estimator()
        if is_regressor(estimator):
            raise TypeError(
                f"WeightedClassifier wraps classifiers; {type(estimator).__name__} is "
                "a regressor."
            )
        y = check_labels(y, owner=type(self).__name__)
        check_rows(X, y)
        if isinstance(estimator, FrozenEstimator):
            self.classes_ = np.asarray(estimator.classes_)
            codes = positions_of(y, self.classes_, owner="The frozen estimator")
        else:
            self.classes_, codes = encode_labels(y)
        decision = clone(self._make_decision(), safe=False)
        arguments = sort_fit_params(
            self,
            fit_params,
            weighting=weighting,
            decision=decision,
            cv=self._get_splitter(),
            estimator=estimator,
        )
        rows = X
        if hasattr(decision, "check_rows"):
            decision.check_rows(rows, self.classes_, **arguments["decision"])

        training = Training(
            estimator,
            weighting=weighting,
            stabilizer=self.stabilizer,
            resampler=self._make_resampler(),
            normalize=self.normalize,
            unsupported=self.unsupported,
            random_state=self.random_state,
        ).weigh(X, y, sample_weight, arguments["weighting"], emphasis)
        training.fit_params = arguments["estimator"]
        told_of_weights = look_at_weights(
            training.raw, training.weighting_, self.stabilizer
        )
        training.raw = None
        X = self._hide_side_columns(X, weighting, decision)
        figures = self._look_at_training(training, X, y, codes)
        population, emphasis = training.by_role
        self.class_multiplier_ = np.array(figures["class_multiplier"])
        weighs = emphasis is not None or training.by_class is not None
        if training.resampler is not None:
            emphasis = multiply(emphasis, self.class_multiplier_[codes])
        calibrator = self._make_calibrator()
        emphasised = (estimator, self.weighting, emphasis, y, self.resampler)
        check_probabilities(decision, calibrator, *emphasised)
        learns = getattr(decision, "needs_held_out_rows", False)
        if calibrator is not None or learns:
            if not trusted:
                warn_of_passed(sample_weight, codes, self.classes_)
            self._guard_estimator(codes, population, calibrator)
        del codes  # a byte per row that the fit need not carry
        if weighs:
            warn_of_double_counting(estimator, self.weighting)
        wanted = learns or needs_held_out_scores(calibrator)
        # Whether an inversion holds for a frozen model costs one prediction to know.
        frozen = calibrator is not None and isinstance(estimator, FrozenEstimator)
        by_decision = None if self._decides_by_itself() else self.decision
        how = partial(_output_method, calibrator=calibrator, decision=by_decision)
        fitted = fit_models(
            training,
            X,
            y,
            classes=self.classes_,
            wanted=wanted or frozen,
            averages=calibrator is not None,
            cv=self.cv,
            ensemble=self.ensemble,
            method=how,
            n_jobs=self.n_jobs,
            random_state=self.random_state,
            metadata=arguments["splitter"],
        )
        self.estimators_ = fitted.models
        # Where partial_fit goes on from.
        self._stream = None
        self._mass = float(len(y))
        if sample_weight is not None:
            self._mass = float(np.asarray(sample_weight, dtype=np.float64).sum())
        figures |= self._ask_what_models_saw(figures)
        self._take_from_estimator()
        if wanted and fitted.held_out is None:
            calibrator = self._without_held_out_rows(learns)
            check_probabilities(decision, calibrator, *emphasised)
            how = partial(how, calibrator=calibrator)
        held_out = fitted.held_out
        self._map = ProbabilityMap(how(fitted.models[0]), self.classes_)
        self.calibrator_ = self.prevalence_ = None
        told = {"calibration": None}
        if calibrator is not None:
            told = self._map.fit(
                calibrator,
                held_out,
                y,
                population,
                self.class_multiplier_,
                fitted.models[0],
            )
            self.calibrator_ = self._map.calibrator
            if held_out is None:
                self._guard_inversion(figures)
        self._decide(decision, held_out, rows, y, population, arguments["decision"])
        self.report_ = FitReport(
            **figures,
            weighting=describe_weighting(self.weighting_, balances_itself(estimator)),
            classes=labels_of(self.classes_),
            deliveries=fitted.deliveries,
            decision=describe_decision(self.decision_),
            n_fits=fitted.n_fits,
            **told,
            **told_of_weights,
        )
        return self

    def _make_resampler(self):
        if self.resampler is None:
            return None
        from skweight.resampling import resolve_resampler

        seed = self.random_state
        if not isinstance(seed, int | np.integer | None):
            seed = check_random_state(seed).randint(2**31 - 1)
        return resolve_resampler(self.resampler, seed)

    def _look_at_training(self, training, X, y, codes):
        """Return the figures of a report from what the estimator is going to see."""
        seen = training.prepare(X, y)
        self.weighting_ = training.weighting_
        n_classes, population = self.classes_.size, training.by_role.population
        if training.resampler is None:
            return weight_figures(codes, n_classes, population, seen.weights)
        trained = positions_of(seen.y, self.classes_, owner="The resampler")
        figures = weight_figures(codes, n_classes, population, seen.weights, trained)
        return figures | resampling_figures(
            training.resampler.sampler, self.classes_, figures["rows"], trained
        )

    def _guard_passed(self, X, y, sample_weight):
        """Warn of what a caller passed to a Pipeline whose last step this is."""
        if self._make_calibrator() is None and not self._holds_out_rows():
            return
        y = check_labels(y, owner=type(self).__name__)
        check_rows(X, y)
        classes, codes = encode_labels(y)
        warn_of_passed(sample_weight, codes, classes)

    def _guard_estimator(self, codes, population, calibrator):
        """Warn if the estimator resamples, and the calibrator would not know of it."""
        if calibrator is None or not has_fit_parameter(calibrator, "class_multiplier"):
            return
        estimator = self._get_estimator()
        # A Pipeline of this library says what its steps did, the last one apart.
        while hasattr(estimator, "_multiplier_of"):
            estimator = estimator.steps[-1][1]
        # A classifier that calibrates has looked at what is inside of it.
        if getattr(estimator, "calibration", None) is None:
            warn_of_inner_sampler(
                estimator,
                self.calibration,
                codes,
                population,
                self.classes_,
                self.class_multiplier_,
            )

    def _guard_inversion(self, figures):
        """Warn of trees that are inverted unseen, unless rows were dropped for balance.

        Such trees were fitted on other rows, and not on weighted ones.
        """
        model, rows = self.estimators_[0], figures["rows"]
        dropped = sum(figures.get("training_rows", rows)) < sum(rows)
        inverts = has_fit_parameter(self.calibrator_, "class_multiplier")
        if inverts and not dropped and not samplers_in(model):
            warn_of_inverted_trees(model, self.class_multiplier_)

    def _ask_what_models_saw(self, figures):
        """Return the figures that the models know better.

        A Pipeline may have resampled, and a learner may balance by its parameters.
        """
        multiplier = np.array(figures["class_multiplier"])
        asked = [getattr(one, "_multiplier_of", None) for one in self.estimators_]
        told = [] if None in asked else [ask(self.classes_) for ask in asked]
        if told and not any(one is None for one in told):
            multiplier = np.mean(told, axis=0)
        share = np.array(figures["population_share"])
        mass = multiplier * share
        self._inner_multiplier = np.ones(share.size)
        # What `weighting` says of a frozen model is how that was fitted.
        if self.weighting is None or not isinstance(self._delegate(), FrozenEstimator):
            # Emphasis that counts twice has been warned of.
            counts = None
            if np.ptp(multiplier) <= 1e-9 * multiplier.max():
                counts = np.array(figures.get("training_rows", figures["rows"]))
            inner = [
                inner_multiplier(model, self.classes_, mass, counts)
                for model in self.estimators_
            ]
            self._inner_multiplier = np.mean(inner, axis=0)
        mass *= self._inner_multiplier
        self.class_multiplier_ = multiplier * self._inner_multiplier
        return {
            "class_multiplier": self.class_multiplier_.tolist(),
            "training_share": (mass / mass.sum()).tolist(),
        }

    def _without_held_out_rows(self, learns):
        """Return the calibrator to use where a class is too rare to be held out."""
        if learns:
            raise ValueError(
                f"decision={self.decision!r} learns from held-out rows, and not every "
                "class has one: the rarest class has a single row, or cv leaves none "
                "of it out. Collect more rows, change cv, or use a decision that "
                "learns nothing, such as a CostMatrix or a number."
            )
        model = self.estimators_[0]
        if not hasattr(model, "predict_proba"):
            raise ValueError(
                f"calibration={self.calibration!r} learns from held-out rows, and not "
                "every class has one: the rarest class has a single row, or cv leaves "
                f"none of it out; and {type(model).__name__} has no predict_proba to "
                "invert instead. Collect more rows, change cv, drop the class, or set "
                "calibration=None."
            )
        return PriorCalibrator()

    def _holds_out_rows(self):
        """Return whether calibrator or decision see rows that a fit has left out."""
        return needs_held_out_scores(self._make_calibrator()) or getattr(
            self._make_decision(), "needs_held_out_rows", False
        )

    def _decides_by_itself(self):
        """Return whether labels are those that the wrapped estimator predicts."""
        named = isinstance(self.decision, str) and self.decision in ("auto", "argmax")
        return named and self._make_calibrator() is None

    def _decide(self, decision, held_out, X, y, population, metadata):
        """Fit the decision; without calibration the estimator may decide by itself."""
        self.decision_ = None
        if self._decides_by_itself():
            return
        seen = {}
        if getattr(decision, "needs_held_out_rows", False):
            rows = held_out.rows
            seen = {
                "proba": self._map.of_outputs(held_out.outputs),
                "y": y[rows],
                "sample_weight": None if population is None else population[rows],
                **{k: take_rows(v, rows, len(y)) for k, v in metadata.items()},
            }
            if has_fit_parameter(decision, "X"):
                seen["X"] = _safe_indexing(X, rows)
        self.decision_ = decision.fit(
            classes=self.classes_, class_multiplier=self.class_multiplier_, **seen
        )
        # A decision that looks at probabilities alone need not know of rows.
        self._decides_by_rows = "X" in signature(self.decision_.decide).parameters
