"""The first step of a fit: resolve, check and route the arguments of the user."""

from typing import NamedTuple

import numpy as np
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from skweight._fit.conformal import check_conformal
from skweight._fit.intervals import check_intervals
from skweight._fit.metadata import sort_fit_params
from skweight._fit.probabilities import learns_from_held_out_rows
from skweight._fit.validation_rows import resolve_validation
from skweight._held_out.splits import check_word
from skweight._utils.columns import warn_of_order, with_rows
from skweight._utils.lookup import params_of
from skweight._utils.roles import RoleWeights
from skweight._utils.validation import (
    check_bool,
    check_choice,
    check_labels,
    check_rows,
    encode_labels,
    positions_of,
    say,
    write_object,
)
from skweight.calibration._resolve import resolve_calibrator
from skweight.delivery._arguments import check_offsets
from skweight.delivery._composite import children
from skweight.delivery._draw import POLICIES
from skweight.weighting import resolve_weighting
from skweight.weighting._base import factors_of


class Request(NamedTuple):
    """The request of a fit.

    Attributes
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows as passed to `fit`, including the columns that only a strategy uses.
    y : array-like of shape (n_samples,)
        Labels, or target values of a regression.
    classes : ndarray of shape (n_classes,) or None
        Labels, sorted; None for a regression.
    codes : ndarray of shape (n_samples,) or None
        For each row, the position of its label in `classes`. None for a regression.
    weights : RoleWeights
        Weights of the rows as the caller passed them, in two parts: population weights,
        and emphasis (factors by which only the training multiplies the population
        weights).
    roles_are_known : bool
        Whether the caller is a Pipeline or a wrapper of this library. A Pipeline and a
        wrapper know whether their weights are population weights or emphasis, so the
        fit does not have to guess.
    estimator, weighting, resampler, calibrator, decision : object
        The unfitted objects that the parameters of the wrapper stand for; the decision
        is a clone. An object that is not used is None.
    params : dict
        The parameters of the wrapper as the user wrote them.
    arguments : dict of dict
        Arguments of `fit`, grouped by receiver: "weighting", "decision", "estimator",
        "splitter".
    hidden : list of str or int
        Columns of `X` that the estimator must not see.
    validation : Cut, ValidationRows or None
        Validation rows for early stopping. None: the library passes no validation rows.
    learned : dict
        Attributes that the wrapper learns from the labels alone.
    """

    X: object
    y: object
    classes: np.ndarray | None
    codes: np.ndarray | None
    weights: RoleWeights
    roles_are_known: bool
    estimator: object
    weighting: object
    resampler: object
    calibrator: object
    decision: object
    params: dict
    arguments: dict
    hidden: list
    validation: object
    learned: dict

    @property
    def is_frozen(self):
        """Whether the estimator is frozen and is not fitted again."""
        return isinstance(self.estimator, FrozenEstimator)

    @property
    def says_how_it_was_fitted(self):
        """Whether `weighting` describes the weights of a frozen estimator."""
        return self.is_frozen and self.params["weighting"] is not None

    @property
    def decision_learns(self):
        """Whether the decision is fitted on held-out rows."""
        return getattr(self.decision, "needs_held_out_rows", False)

    @property
    def holds_out_rows(self):
        """Whether calibrator, decision or prediction sets use held-out rows."""
        return learns_from_held_out_rows(
            self.calibrator, self.decision, self.params.get("conformal")
        )


def ask_classifier(wrapper, X, y, sample_weight, fit_params, validation=None):
    """Resolve and check the request of a classifier's fit.

    All errors that are possible without a fit are raised here, except errors that
    depend on weights. `sample_weight` contains population weights, or is a
    `RoleWeights` object with population weights and emphasis (factors by which only the
    training multiplies the population weights).
    """
    estimator, weighting = _resolve_shared(wrapper)
    if is_regressor(estimator):
        raise TypeError(
            f"WeightedClassifier wraps classifiers; {type(estimator).__name__} is "
            "a regressor."
        )
    check_models(wrapper)
    calibrator = resolve_calibrator(wrapper.calibration)
    cv = check_conformal(wrapper, estimator, calibrator)
    _check_looks(wrapper, weighting, estimator)
    y = check_labels(y, owner=type(wrapper).__name__)
    check_rows(X, y)
    classes, codes = _encode(y, estimator)
    learns = calibrator is not None or wrapper._holds_out_rows()
    if classes.size == 1 and learns:
        raise ValueError(
            f"y has only one class, {say(classes)[1:-1]}. {type(wrapper).__name__} "
            "needs rows of at least two classes. In a cross-validation, use stratified "
            "folds."
        )
    decision = clone(wrapper._make_decision(classes), safe=False)
    arguments = sort_fit_params(
        wrapper,
        fit_params,
        weighting=weighting,
        decision=decision,
        cv=wrapper._get_splitter(),
        estimator=estimator,
    )
    check_offsets(arguments["estimator"])
    if hasattr(decision, "check_rows"):
        decision.check_rows(X, classes, **arguments["decision"])
    hidden = wrapper._find_side_columns(weighting, decision)
    known = isinstance(sample_weight, RoleWeights)
    if not known:
        warn_of_order(sample_weight, X)
    return Request(
        X=with_rows(X) if learns else X,
        y=y,
        classes=classes,
        codes=codes,
        weights=sample_weight if known else RoleWeights(sample_weight, None),
        roles_are_known=known,
        estimator=estimator,
        weighting=weighting,
        resampler=make_resampler(wrapper.resampler, wrapper.random_state),
        calibrator=calibrator,
        decision=decision,
        params=params_of(wrapper) | {"cv": cv},
        arguments=arguments,
        hidden=hidden,
        validation=_ask_validation(
            wrapper, X, validation, estimator, arguments, classes, hidden
        ),
        learned=wrapper._learn_from_labels(classes),
    )


def _encode(y, estimator):
    """Return the classes, and the position of each label in the list of classes.

    A frozen model has the classes of its own fit.
    """
    if not isinstance(estimator, FrozenEstimator):
        return encode_labels(y)
    check_is_fitted(estimator)
    classes = np.unique(estimator.classes_)
    return classes, positions_of(y, classes, owner="The frozen estimator")


def ask_regressor(wrapper, X, y, sample_weight, fit_params, validation=None):
    """Resolve and check the request of a regressor's fit."""
    estimator, weighting = _resolve_shared(wrapper)
    if is_classifier(estimator):
        raise TypeError(
            f"WeightedRegressor wraps regressors; {type(estimator).__name__} is a "
            "classifier. Use WeightedClassifier."
        )
    if getattr(weighting, "needs_fits", False):
        raise ValueError(
            f"weighting={wrapper.weighting!r} needs the class probabilities of a "
            "model, but a regressor has none. Use a weighting that needs no classes: a "
            "column of X, a callable or a target population, such as "
            "weighting=ColumnWeighting('column')."
        )
    of_classes = getattr(weighting, "needs_classes", False)
    if of_classes and type_of_target(y).startswith("continuous"):
        raise ValueError(
            f"weighting={wrapper.weighting!r} weights rows by their class, but a "
            "regression has no classes. Use a weighting that needs no classes: a "
            "column of X, a callable or a target population, such as "
            "weighting=ColumnWeighting('column'). Or pass sample_weight=."
        )
    warn_of_order(sample_weight, X)
    if y is not None:  # the estimator raises its own error if `y` is missing
        check_rows(X, y)
    check_intervals(wrapper, y)
    hidden = wrapper._find_side_columns(weighting)
    arguments = sort_fit_params(
        wrapper,
        fit_params,
        weighting=weighting,
        cv=wrapper._get_splitter(),
        estimator=estimator,
    )
    return Request(
        X=X,
        y=y,
        classes=None,
        codes=None,
        weights=RoleWeights(sample_weight, None),
        roles_are_known=False,
        estimator=estimator,
        weighting=weighting,
        resampler=None,
        calibrator=None,
        decision=None,
        params=params_of(wrapper),
        arguments=arguments,
        hidden=hidden,
        validation=_ask_validation(
            wrapper, X, validation, estimator, arguments, None, hidden
        ),
        learned={},
    )


def _ask_validation(wrapper, X, passed, estimator, arguments, classes, hidden):
    """Return the validation rows that the fits will monitor, or None."""
    return resolve_validation(
        wrapper.validation_fraction,
        passed,
        estimator,
        arguments,
        classes,
        hidden=hidden,
        X=X,
    )


def check_models(wrapper):
    """Raise unless the parameters about fold models have allowed types."""
    check_word(wrapper.cv)
    ensemble = wrapper.ensemble
    if not (isinstance(ensemble, bool | np.bool_) or ensemble == "auto"):
        raise ValueError(f"ensemble must be 'auto', True or False; got {ensemble!r}.")


def _resolve_shared(wrapper):
    """Check the parameters of every wrapper; return the estimator and the strategy."""
    check_choice(wrapper.unsupported, POLICIES, name="unsupported")
    check_bool(wrapper.normalize, name="normalize")
    estimator = wrapper._get_estimator()
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        raise TypeError(
            "estimator must be an object with fit, such as LogisticRegression(); got "
            f"{estimator!r}.{write_object(estimator)}"
        )
    _check_steps(estimator)
    return estimator, resolve_weighting(wrapper.weighting)


def _check_steps(estimator):
    """Raise if a Pipeline of scikit-learn contains a sampler: it cannot be fitted."""
    for name, child in children(estimator):
        if hasattr(child, "fit_resample") and type(estimator) is Pipeline:
            raise TypeError(
                f"The step {name!r}, {type(child).__name__}, resamples rows, but a "
                "Pipeline of scikit-learn cannot do this: it has only transformers "
                "before its last step. Remove the step and pass it as resampler=, or "
                "use skweight.pipeline.Pipeline, which resamples weights together with "
                "rows."
            )
        _check_steps(child)


def _check_looks(wrapper, weighting, estimator):
    """Raise if a strategy depends on a fitted model, but the fit cannot provide one."""
    looking = [f for f in factors_of(weighting) if getattr(f, "needs_fits", False)]
    if not looking:
        return
    if isinstance(estimator, FrozenEstimator):
        raise TypeError(
            f"weighting={looking[0]!r} needs models that are fitted without a part of "
            "the rows, but a FrozenEstimator is not fitted again. Pass the estimator "
            "without FrozenEstimator. Or set weighting to the weights that the frozen "
            "model was fitted with; None means no weights."
        )
    by_row = any(getattr(strategy, "by_row", True) for strategy in looking)
    oob = isinstance(wrapper.cv, str) and wrapper.cv == "oob"
    if oob and by_row and wrapper._holds_out_rows():
        raise ValueError(
            f"weighting={looking[0]!r} learns weights from the labels of all rows. "
            "Trees that are fitted with these weights have information about the "
            "labels of rows that they did not draw, so out-of-bag votes are too good. "
            "Use cv='auto', which learns the weights again for every fold."
        )
    for strategy in looking:
        if strategy.role != "emphasis":
            raise ValueError(
                f"The role of {type(strategy).__name__} must be 'emphasis'; got "
                f"{strategy.role!r}. Its weights depend on a fitted model, so they "
                "cannot say how many rows of the population a row stands for."
            )


def make_resampler(spec, seed):
    """Return the resampler that the parameter ``resampler`` stands for, or None."""
    if spec is None:
        return None
    from skweight.resampling._sampler import resolve_resampler

    if not isinstance(seed, int | np.integer | None):
        seed = check_random_state(seed).randint(2**31 - 1)
    return resolve_resampler(spec, seed)
