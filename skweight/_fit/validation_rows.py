"""Validation rows for early stopping: a part of the rows of a fit, or passed rows.

Validation rows represent the population: they have population weights, without class
weights or other weights for training. Validation rows are not resampled, and no model
is trained on them. In a Pipeline, the fitted transformers are applied to validation
rows.
"""

from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.utils import _safe_indexing, indexable

from skweight._fit.watching import REFINED, family_of, no_validation_rows, refined_loss
from skweight._held_out.splits import check_groups, group_folds, hold_out
from skweight._utils.columns import drop_columns
from skweight._utils.compat import NO_PARAMETER
from skweight._utils.validation import (
    check_number,
    check_weights,
    encode_labels,
    n_rows,
    positions_of,
    say,
)
from skweight.delivery._arguments import OFFSETS, base_name, take_params
from skweight.delivery._composite import is_composite


@dataclass(frozen=True)
class ValidationRows:
    """Validation rows that a learner monitors while it is fitted.

    Attributes
    ----------
    X, y : array-like
        Rows as input of the transformers, and labels as input of the learner.
    weight : ndarray of shape (n_rows,) or None
        Population weights; None means ones.
    offsets : dict
        Offsets that are added to the scores of these rows, by argument name.
    pipelines : list of Pipeline
        Pipelines whose steps come before the learner, starting with the outermost
        Pipeline.
    X_train, y_train : array-like
        The data that the learner is fitted on, if these data are known.
    """

    X: object
    y: object
    weight: np.ndarray | None = None
    offsets: dict = field(default_factory=dict)
    pipelines: list = field(default_factory=list)
    X_train: object = None
    y_train: object = None

    def of(self, rows):
        """Return all validation rows, also for a fit on a part of the training rows."""
        return self

    def apart(self, rows, random_state):
        """Return all training rows, and these validation rows."""
        return rows, self

    def encoded(self, labels):
        """Return the validation rows with label positions instead of the labels."""
        return replace(self, y=positions_of(self.y, labels, owner="validation"))

    def inside(self, estimator):
        """Return the validation rows together with the steps before the learner.

        This method is called just before the estimator is fitted. The fit of the
        estimator then fits the steps before the learner, and the fitted steps transform
        the validation rows.
        """
        return replace(self, pipelines=pipelines_of(estimator)[0])

    @contextmanager
    def given_to(self, learner, arguments, X, y):
        """Make the learner monitor the validation rows; yield arguments of its fit.

        The required parameters are set only within this block.
        """
        family = family_of(learner)
        params = learner.get_params(deep=False)
        refined = family.takes_refined(learner, params, arguments)
        rows = self.X
        for pipeline in self.pipelines:
            for _, step in pipeline.steps[:-1]:
                if hasattr(step, "transform"):  # skips "passthrough" and samplers
                    rows = step.transform(rows)
        rows = replace(self, X=rows, X_train=X, y_train=y)
        metric = refined_loss(learner) if refined else None
        settings, kwargs = family.settings(learner, rows, arguments, metric)
        learner.set_params(**settings)
        with family.quiet():
            yield kwargs
        before = {name: params.get(name, NO_PARAMETER) for name in settings}
        family.restore(learner, before)


@dataclass(frozen=True)
class Cut:
    """A share of the training rows of every fit, used for validation.

    Attributes
    ----------
    fraction : float
        Share of the rows, in (0, 1).
    stratify : bool
        Whether y contains classes. If True, `fraction` is the share of the rows of each
        class.
    groups : ndarray of shape (n_samples,) or None
        Rows of one group stay together. None: there are no groups.
    """

    fraction: float
    stratify: bool
    groups: np.ndarray | None

    def of(self, rows):
        """Return a `Cut` with the same settings for a part of the training rows."""
        if self.groups is None:
            return self
        return replace(self, groups=self.groups[rows])

    def apart(self, rows, random_state):
        """Return the remaining training rows, and the validation rows."""
        n_samples, population = n_rows(rows.X), rows.population
        counted = np.arange(n_samples)
        if population is not None:
            counted = population.nonzero()[0]
        watched = counted[self._choose(rows.y, counted, random_state)]
        kept = np.ones(n_samples, dtype=bool)
        kept[watched] = False
        kept = kept.nonzero()[0]
        X, y = indexable(rows.X, rows.y)
        offsets = {
            base_name(name): value
            for name, value in take_params(rows.fit_params, watched, n_samples).items()
            if base_name(name) in OFFSETS
        }
        validation = ValidationRows(
            X=_safe_indexing(X, watched),
            y=_safe_indexing(y, watched),
            weight=None if population is None else population[watched],
            offsets=offsets,
        )
        rows = rows._replace(
            X=_safe_indexing(X, kept),
            y=_safe_indexing(y, kept),
            population=None if population is None else population[kept],
            emphasis=None if rows.emphasis is None else rows.emphasis[kept],
            fit_params=take_params(rows.fit_params, kept, n_samples),
            kept=kept,
        )
        return rows, validation

    def _choose(self, y, counted, random_state):
        """Draw validation rows from rows with positive weight; return the positions."""
        codes = np.zeros(counted.size, dtype=np.intp)
        classes = None
        if self.stratify:
            classes, codes = encode_labels(np.asarray(_safe_indexing(y, counted)))
        counts = np.bincount(codes)
        if self.groups is None:
            watched = hold_out(codes, counts, random_state, self.fraction)[1]
            pairs = [(None, watched)]
        else:
            n_folds = max(round(1 / self.fraction), 2)
            groups = self.groups[counted]
            pairs = group_folds(n_folds, codes, groups, random_state)
        for _, watched in pairs:
            taken = np.bincount(codes[watched], minlength=counts.size)
            if np.all((taken > 0) & (taken < counts)):
                return watched
        if classes is None:
            raise ValueError(
                f"validation_fraction={self.fraction!r} needs at least one row for "
                f"training and one for validation; got {counted.size} rows with "
                "positive weight. Set validation_fraction=None."
            )
        rare = classes[np.argmin(counts)]
        raise ValueError(
            f"validation_fraction={self.fraction!r} needs rows of every class both for "
            f"training and for validation, but the rarest class, {say([rare])[1:-1]}, "
            f"has {counts.min()} of the {counted.size} rows of this fit"
            + ("." if self.groups is None else ", in whole groups.")
            + " Collect more rows of this class, use fewer folds, or pass "
            "validation=(X, y)."
        )


def pipelines_of(estimator):
    """Return the Pipelines around the learner (outermost first), and the learner."""
    pipelines = []
    while hasattr(estimator, "steps") and not hasattr(estimator, "_fit_with_roles"):
        pipelines.append(estimator)
        estimator = estimator.steps[-1][1]
    return pipelines, estimator


def resolve_validation(fraction, passed, estimator, arguments, classes, *, hidden, X):
    """Return the validation rows that the fits of a wrapper will use, or None.

    All errors that are possible before any fit are raised here.

    Parameters
    ----------
    fraction : float or None
        ``validation_fraction``.
    passed : tuple or None
        ``validation`` of `fit`.
    estimator : estimator
        The estimator to fit.
    arguments : dict of dict
        Arguments of `fit`, grouped by receiver.
    classes : ndarray or None
        Labels; None for a regression.
    hidden : list
        Columns of X that the estimator must not see.
    X : array-like of shape (n_samples, n_features)
        Training rows, including the hidden columns.

    Returns
    -------
    validation : Cut, ValidationRows or None
    """
    if fraction is None and passed is None:
        return None
    if fraction is not None and passed is not None:
        raise ValueError(
            f"validation_fraction={fraction!r} cuts validation rows from the training "
            "rows, but fit also got validation=. Use one of the two."
        )
    check_can_stop(estimator, arguments["estimator"])
    if passed is not None:
        return _check_given(passed, arguments["estimator"], classes, hidden, X)
    check_number(fraction, name="validation_fraction", low=0, high=1, include="neither")
    groups = arguments["splitter"].get("groups")
    if groups is not None:
        groups = check_groups(groups, n_rows(X))
    return Cut(float(fraction), classes is not None, groups)


def check_can_stop(estimator, fit_params):
    """Raise unless the learner accepts validation rows and its patience is set."""
    if isinstance(estimator, FrozenEstimator):
        raise ValueError(
            "validation rows are not used, because a FrozenEstimator is not fitted. Do "
            "not pass them."
        )
    learner = pipelines_of(estimator)[1]
    name = type(learner).__name__
    if hasattr(learner, "_fit_with_roles") or is_composite(learner):
        raise ValueError(
            f"validation rows cannot be passed to the learner inside {name}, which "
            "itself chooses the rows of each fit. Put the WeightedClassifier around "
            f"the learner, inside the {name}."
        )
    family = family_of(learner)
    if family is None:
        raise no_validation_rows(learner)
    clashing = sorted(name for name in fit_params if base_name(name) in family.names)
    if clashing:
        raise ValueError(
            f"fit got {say(clashing)}, which passes validation rows directly to "
            f"{name}, in addition to validation= or validation_fraction=. Use one of "
            "the two."
        )
    by_name = {base_name(name): value for name, value in fit_params.items()}
    if not family.is_patient(learner.get_params(deep=False), by_name):
        raise ValueError(
            f"{name} got validation rows for early stopping, but it has no patience: "
            "the number of rounds to wait for a better one. Set "
            f"{name}({family.patience}), or do not use validation rows."
        )


def _check_given(passed, fit_params, classes, hidden, X_train):
    """Return the rows that the user passed as ``validation=``."""
    if not isinstance(passed, list | tuple) or len(passed) not in (2, 3):
        raise ValueError(
            "validation must be a pair (X_val, y_val), or (X_val, y_val, "
            f"sample_weight) with population weights; got {type(passed).__name__}"
            + (f" of length {len(passed)}." if hasattr(passed, "__len__") else ".")
        )
    offsets = sorted(name for name in fit_params if base_name(name) in OFFSETS)
    if offsets:
        raise ValueError(
            f"fit got {say(offsets)}, an offset for each row, but validation= has no "
            "offsets. Use validation_fraction= instead: it cuts rows and offsets."
        )
    X, y, weight = passed if len(passed) == 3 else (*passed, None)
    if n_rows(X) != n_rows(y):
        raise ValueError(
            "validation must have as many labels as rows; got "
            f"{n_rows(X)} rows and {n_rows(y)} labels."
        )
    if weight is not None:
        weight = check_weights(weight, n_rows(X), name="The weight in validation")
    if classes is not None:
        y = np.asarray(y)
        codes = positions_of(y, classes, owner="The classifier")
        mass = np.bincount(codes, weight, classes.size)
        present = mass > 0
        if not present.all():
            raise ValueError(
                f"validation has no row of class {say(classes[~present])}, so the "
                "monitored loss would ignore this class. Pass rows of every class."
            )
    width = np.shape(X_train)[-1] if hidden else None
    return ValidationRows(drop_columns(X, hidden, width=width), y, weight)


def describe_early_stopping(validation, estimator, arguments, models):
    """Return the report entries about validation rows and rounds.

    Parameters
    ----------
    validation : Cut, ValidationRows or None
        The monitored rows.
    estimator : estimator
        The unfitted estimator.
    arguments : dict
        Arguments of the fit of the estimator.
    models : list of estimator
        The fitted models that predict.

    Returns
    -------
    figures : dict
        Report entries "early_stopping" and "rounds". Empty if there are no validation
        rows.
    """
    if validation is None:
        return {}
    learner = pipelines_of(estimator)[1]
    family = family_of(learner)
    params = learner.get_params(deep=False)
    arguments = {base_name(name): value for name, value in arguments.items()}
    if family.takes_refined(learner, params, arguments):
        watch = f"{REFINED} on population weights"
    else:
        chosen = family.chosen_watch(params, arguments)
        watch = f"{chosen or 'its own loss'} of {type(learner).__name__}"
    rounds = [int(family.rounds(pipelines_of(model)[1])) for model in models]
    if isinstance(validation, Cut):
        rows = f"{validation.fraction:.3g} of the training rows of every fit"
    else:
        rows = f"the {n_rows(validation.X):,} rows of validation="
    return {"early_stopping": f"{watch}, watched on {rows}", "rounds": rounds}
