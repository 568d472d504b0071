"""``partial_fit``: the steps of a fit on a chunk of rows, with decaying sums."""

from contextlib import contextmanager
from functools import partial

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import _safe_indexing

from skweight._fit.ask import Request
from skweight._fit.calibrate import calibrate, decide
from skweight._fit.checks import check_emphasis, check_multipliers, check_outputs
from skweight._fit.models import Fitted, Plan, multipliers_of, output_of
from skweight._fit.probabilities import needs_held_out_scores
from skweight._fit.report import keep, report_on
from skweight._fit.stream import Stream
from skweight._fit.weigh import Weighed
from skweight._utils.available import available_if
from skweight._utils.columns import drop_columns, warn_of_order
from skweight._utils.compat import clone_learner
from skweight._utils.differ import differ
from skweight._utils.lookup import params_of
from skweight._utils.roles import RoleWeights, multiply
from skweight._utils.validation import (
    check_labels,
    check_rows,
    check_weights,
    n_rows,
    positions_of,
)
from skweight.calibration import AutoCalibrator, PriorCalibrator
from skweight.calibration._resolve import resolve_calibrator
from skweight.delivery._balancing import balances_itself
from skweight.delivery._deliver import deliver_partial
from skweight.exceptions import UnsupportedWeightsError
from skweight.stabilizers import resolve_stabilizer
from skweight.streaming import resolve_streaming
from skweight.weighting import resolve_weighting


def check_learns_in_chunks(wrapper):
    """Raise an AttributeError if a wrapper cannot learn from a stream."""
    # Raises the AttributeError of the wrapped estimator: its message is more precise.
    wrapper._get_estimator().partial_fit  # noqa: B018
    if wrapper.resampler is not None:
        raise AttributeError(
            f"resampler={wrapper.resampler!r} needs all rows at once, but partial_fit "
            "gets only a chunk of the rows. Set resampler=None. To draw rows by their "
            "weights, set streaming='sample'."
        )
    if wrapper.validation_fraction is not None:
        raise AttributeError(
            f"validation_fraction={wrapper.validation_fraction!r} needs all rows at "
            "once, but partial_fit gets only a chunk of the rows. Set "
            "validation_fraction=None."
        )
    if wrapper.conformal is not None:
        raise AttributeError(
            f"conformal={wrapper.conformal!r} needs held-out rows, but partial_fit "
            "learns from all rows. For prediction sets, keep some rows out of the "
            "stream, and fit this on them: WeightedClassifier(FrozenEstimator(clf), "
            "conformal='split')."
        )
    decision = wrapper._make_decision(getattr(wrapper, "classes_", None))
    calibrator = calibrator_of_stream(wrapper)
    for name, holds_out in (
        ("calibration", needs_held_out_scores(calibrator)),
        ("decision", getattr(decision, "needs_held_out_rows", False)),
    ):
        if holds_out:
            raise AttributeError(
                f"{name}={getattr(wrapper, name)!r} needs held-out rows, but "
                "partial_fit learns from all rows. Use calibration='prior' and a "
                "decision that needs no held-out rows. Or keep some rows out of the "
                "stream, and fit WeightedClassifier(FrozenEstimator(clf)) on them."
            )
    return True


def calibrator_of_stream(wrapper):
    """Return the calibrator of a stream; "auto" means the formula ``"prior"``.

    A learner without `predict_proba` gets no calibrator: the learner predicts only
    labels.
    """
    calibrator = resolve_calibrator(wrapper.calibration)
    if not isinstance(calibrator, AutoCalibrator):
        return calibrator
    learner = wrapper._get_estimator()
    return PriorCalibrator() if hasattr(learner, "predict_proba") else None


class PartialFit:
    """The ``partial_fit`` of :class:`~skweight.WeightedClassifier`."""

    @available_if(check_learns_in_chunks)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        r"""Learn from a chunk of rows, with weights computed from all rows up to now.

        The estimator must have `partial_fit`. Class weights are computed from running
        class masses, which include the chunk:

        .. math::

            n_k \leftarrow \lambda^m n_k + \sum_{i=1}^m \lambda^{m-i} s_i [y_i = k]

        with m the number of rows of the chunk, s the `sample_weight`, and
        :math:`\lambda = 2^{-1/h}` from the half-life h of `streaming`. Without a
        half-life, :math:`\lambda = 1`, and a single chunk is weighted as in `fit`.
        After `fit`, learning continues from the fitted model.

        `partial_fit` supports strategies that weigh by class, strategies that weigh
        each row independently, and products of both. There is an error for strategies
        that need all rows at once, for resamplers, and for calibrations and decisions
        that need held-out rows. ``calibration="prior"`` needs no held-out rows. In
        `partial_fit`, ``calibration="auto"`` means ``"prior"``; for a learner without
        `predict_proba`, ``"auto"`` means None.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of the chunk.
        y : array-like of shape (n_samples,)
            Class labels of the rows.
        classes : array-like of shape (n_classes,), default=None
            All labels that can occur in the stream. Required in the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights.

        Returns
        -------
        self : object
            The classifier, ready to predict.

        Raises
        ------
        ValueError
            If a label is not among `classes`, if `classes` is missing in the first call
            or changes later, if `estimator`, `weighting` or `streaming` changed since
            the first call, or if `estimator` changed since a `fit` from which learning
            continues.
        TypeError
            If the strategy needs all rows at once.
        """
        request = ask_chunk(self, X, y, classes, sample_weight)
        goes_on = hasattr(self, "estimators_")
        stream, model = begin_stream(self, request)
        weighed = weigh_chunk(request, stream)
        plan = Plan("all", None, False, request.calibrator)
        if getattr(self, "_stream", None) is None:
            check_emphasis(request, weighed, plan.calibrator)
        if goes_on:
            output_of(request, plan)(model)  # raises before the model changes
        draws = stream.may_draw(request.params["unsupported"])
        with unchanged_if_refused(stream, goes_on, draws):
            fitted = learn_chunk(request, weighed, stream, model)
        if not goes_on:
            check_outputs(request, weighed, plan, fitted)
        calibrated = calibrate(request, weighed, plan, fitted)
        decided = decide(request, weighed, plan, fitted, calibrated)
        make_report = partial(
            report_on_stream,
            stream,
            # The request is stored without the rows of the chunk. Otherwise these rows
            # would stay in memory.
            request._replace(X=None, y=None, codes=None, weights=None),
            weighed._replace(X=None, population=None, emphasis=None),
            fitted,
            calibrated,
            decided,
        )
        learned = (request, weighed, fitted, calibrated, decided, make_report)
        keep(self, *learned, stream=stream)
        check_multipliers(request, weighed, plan, fitted, calibrated)
        return self


def ask_chunk(wrapper, X, y, classes, sample_weight):
    """Resolve and check the parameters and arguments of a call of partial_fit."""
    weighting, estimator = (
        resolve_weighting(wrapper.weighting),
        wrapper._get_estimator(),
    )
    if isinstance(estimator, FrozenEstimator):
        raise TypeError("partial_fit cannot update a FrozenEstimator; use fit.")
    y = check_labels(y, owner=type(wrapper).__name__)
    check_rows(X, y)
    if sample_weight is not None:
        warn_of_order(sample_weight, X)
        sample_weight = check_weights(sample_weight, n_rows(X))
    classes = _classes_of_stream(wrapper, classes)
    decision = clone(wrapper._make_decision(classes), safe=False)
    goes_on = hasattr(wrapper, "classes_")
    if not goes_on and not getattr(decision, "metadata_names", list)():
        getattr(decision, "check_rows", _check_nothing)(X, classes)  # warns once
    return Request(
        X=X,
        y=y,
        classes=classes,
        codes=positions_of(y, classes, owner="partial_fit"),
        weights=RoleWeights(sample_weight, None),
        roles_are_known=False,
        estimator=estimator,
        weighting=weighting,
        resampler=None,
        calibrator=calibrator_of_stream(wrapper),
        decision=decision,
        params=params_of(wrapper),
        arguments={"decision": {}, "estimator": {}},
        hidden=wrapper._find_side_columns(weighting, decision),
        validation=None,
        learned=wrapper._learn_from_labels(classes),
    )


def _check_nothing(X, classes):
    """Replace the check for a decision that has no check."""


def begin_stream(wrapper, request):
    """Return a copy of the running sums of the stream, and the model to update."""
    stream, models = getattr(wrapper, "_stream", None), _fitted_models(wrapper)
    parts = {
        "estimator": request.estimator,
        "weighting": request.weighting,
        "streaming": resolve_streaming(wrapper.streaming),
    }
    if stream is not None:
        _check_unchanged(stream.begun_with, parts, "the first call of partial_fit")
        return stream.copy(), models[0]
    if models:
        learner = {"estimator": request.estimator}
        _check_unchanged({"estimator": models[0]}, learner, "the fit")
    streaming = clone(parts["streaming"])
    streaming.check()
    stream = Stream(
        request.classes,
        request.weighting,
        streaming,
        wrapper.random_state,
        balances_itself(request.estimator),
        {name: clone_learner(part) for name, part in parts.items()},
    )
    if not models:
        return stream, clone_learner(request.estimator)
    stream.resume(
        wrapper.report_, wrapper.weighting_, wrapper._mass, wrapper._inner_multiplier
    )
    return stream, models[0]


def _check_unchanged(before, now, since):
    """Raise if the user changed a parameter that a stream reads only at its start."""
    changed = [name for name, part in before.items() if differ(part, now[name])]
    if changed:
        raise ValueError(
            f"{' and '.join(changed)} changed since {since}, but a stream must keep "
            "these parameters. Set "
            f"{' and '.join(f'{name}={before[name]!r}' for name in changed)} again, or "
            "start a new stream on a clone of the classifier."
        )


def weigh_chunk(request, stream):
    """Add a chunk to the sums of a stream; return the weights of the chunk's rows."""
    params = request.params
    population, emphasis = stream.weigh(
        request.X,
        request.y,
        request.codes,
        request.weights.population,
        params["normalize"],
        resolve_stabilizer(params["stabilizer"]),
    )
    return Weighed(
        X=drop_columns(request.X, request.hidden),
        width=np.shape(request.X)[-1] if request.hidden else None,
        training=None,
        weighting=stream.weighting(request.weighting),
        population=population,
        emphasis=emphasis,
        raw=None,
        is_weighted=emphasis is not None,
        figures=stream.figures(),
    )


def learn_chunk(request, weighed, stream, model):
    """Fit a model on all rows of a chunk, or on a part of them drawn by weight.

    If no row is drawn, the deliveries (how weights were passed) of the previous chunk
    are kept.
    """
    X, y = weighed.X, request.y
    weights = multiply(weighed.population, weighed.emphasis)
    rows, weights = stream.draw(weights, model, request.params["unsupported"])
    if rows is None or rows.size:
        if rows is not None:
            X, y = _safe_indexing(X, rows), y[rows]
        stream.deliveries = deliver_partial(
            model,
            X,
            y,
            weights,
            request.classes,
            takes_weights=stream.takes_weights,
            drawn=rows is not None,
        )
    multipliers = multipliers_of(request, [model], weighed.figures)
    return Fitted([model], stream.deliveries, 1, None, multipliers)


def report_on_stream(stream, request, weighed, fitted, calibrated, decided):
    """Return the report of a stream, when it is read.

    The next chunk changes a copy of the stream, not the stream itself. So the report of
    this chunk stays correct.
    """
    weighed = weighed._replace(figures=weighed.figures | stream.figures_of_report())
    done = request, weighed, fitted, calibrated, decided
    return report_on(*done, {}, balancing=stream.balancing)


@contextmanager
def unchanged_if_refused(stream, learns_on, draws):
    """Restore the random generator of a stream if its learner raises an error.

    A learner that was fitted before has perhaps learned from a part of the chunk. In
    this case the error message says so.
    """
    state = stream.rng.get_state() if draws else None
    try:
        yield
    except BaseException as error:
        if draws:
            stream.rng.set_state(state)
        if learns_on and not isinstance(error, UnsupportedWeightsError):
            error.add_note(
                "The wrapped estimator raised this error in partial_fit, and may have "
                "learned from a part of the rows of this chunk. Class counts, class "
                "weights, calibration and decision are as before the chunk. To "
                "continue without these rows, use a copy of the classifier from before "
                "the chunk."
            )
        raise


def _fitted_models(wrapper):
    """Return the models of the previous fit, if the stream continues from a fit."""
    models = getattr(wrapper, "estimators_", [])
    if len(models) > 1:
        raise ValueError(
            f"The {len(models)} fold models of the fit cannot be updated together. Fit "
            "with ensemble=False, or call partial_fit on a clone."
        )
    return models


def _classes_of_stream(wrapper, classes):
    """Return all labels of the stream, from earlier calls or from `classes`."""
    before = wrapper.classes_ if _fitted_models(wrapper) else None
    if before is None and classes is None:
        raise ValueError(
            "The first call of partial_fit needs classes=, all labels that can occur "
            "in the stream, such as classes=[0, 1]."
        )
    if classes is None:
        return before
    if before is not None and np.array_equal(classes, before):
        return before
    classes = np.unique(classes)
    if before is not None and not np.array_equal(classes, before):
        raise ValueError(
            f"classes must be the same as in the first call, {before.tolist()}; got "
            f"{classes.tolist()}."
        )
    return classes
