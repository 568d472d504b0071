"""Pass rows and their weights through the steps of a Pipeline.

There are two weight vectors: population weights, and emphasis weights (only training
uses them). Transformers get the population weights. Samplers resample both vectors.
A weighting multiplies one vector or both vectors by its weights. The last step gets the
product of the two vectors. The work of a step is a separate function, so that joblib
can cache its result.
"""

import time
from collections import defaultdict
from contextlib import contextmanager

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import check_memory

from skweight._fit.checks import warn_of_double_counting
from skweight._utils.columns import drop_columns
from skweight._utils.compat import clone_learner
from skweight._utils.progress import line_of
from skweight._utils.roles import multiply
from skweight._utils.validation import check_weights, encode_labels, n_rows, plain
from skweight.delivery._arguments import is_row_wise, take_rows
from skweight.delivery._deliver import (
    deliver_fit_predict,
    deliver_in_place,
    deliver_transform,
    leaves_traces,
)
from skweight.delivery._one import name_of, takes_roles
from skweight.resampling import WeightedSampler

PARAMETERS = ("steps", "transform_input", "memory", "verbose")
METHODS = ("fit", "fit_transform", "fit_predict", "fit_resample", "transform")


def is_nothing(step):
    """Return whether a step passes everything through."""
    return step is None or (isinstance(step, str) and step == "passthrough")


def is_sampler(step):
    """Return whether a step adds or removes rows."""
    return hasattr(step, "fit_resample")


def is_weighting(step):
    """Return whether a step weighs the rows."""
    return hasattr(step, "fit_weigh_by_role")


def is_transformer(step):
    """Return whether a step changes the columns of the rows."""
    return hasattr(step, "transform") and (
        hasattr(step, "fit") or hasattr(step, "fit_transform")
    )


def only_prepares(step, weighted):
    """Return whether the last step is a transformer, which gets no emphasis weights.

    Without weights, the answer has no effect, so the tags of the step are not read.
    """
    if not is_transformer(step) or takes_roles(step):
        return False
    return not (weighted and (is_classifier(step) or is_regressor(step)))


def check_params(pipeline):
    """Raise if a parameter of a Pipeline has a wrong type."""
    memory, names = pipeline.memory, pipeline.transform_input
    for name, what, holds in (
        ("steps", "a list of pairs", isinstance(pipeline.steps, list | tuple)),
        ("transform_input", "a list or None", names is None or isinstance(names, list)),
        (
            "memory",
            "None, a str or an object with a method cache",
            memory is None or isinstance(memory, str) or hasattr(memory, "cache"),
        ),
        ("verbose", "a bool", isinstance(pipeline.verbose, bool | np.bool_)),
    ):
        if not holds:
            raise ValueError(
                f"The {name!r} parameter of Pipeline must be {what}. Got "
                f"{getattr(pipeline, name)!r} instead."
            )
    check_steps(list(pipeline.steps))


def check_steps(steps):
    """Raise an error unless each step has a name, and a type that fits its position."""
    if not steps:
        raise ValueError("The pipeline is empty. Please add steps.")
    names = [name for name, _ in steps]
    for bad, what in (
        (
            [name for name in names if names.count(name) > 1],
            "Names provided are not unique",
        ),
        (
            [name for name in names if name in PARAMETERS],
            "Estimator names conflict with constructor arguments",
        ),
        (
            [name for name in names if "__" in name],
            "Estimator names must not contain __",
        ),
    ):
        if bad:
            got = " got" if "__" in what else ""
            raise ValueError(f"{what}:{got} {bad!r}. Give the steps other names.")
    for name, step in steps:
        if isinstance(step, type):
            raise TypeError(
                f"Expected an estimator instance ({step.__name__}()), got estimator "
                f"class instead ({step.__name__}). It is the step {name!r}."
            )
    for name, step in steps[:-1]:
        _check_inner(name, step)
    name, last = steps[-1]
    if not (is_nothing(last) or hasattr(last, "fit")):
        raise TypeError(
            "Last step of Pipeline should implement fit or be the string "
            f"'passthrough'. {name!r} is {last!r}."
        )


def _check_inner(name, step):
    if is_nothing(step):
        return
    if is_transformer(step) and is_sampler(step):
        raise TypeError(
            f"Step {name!r} ({type(step).__name__}) has both transform and "
            "fit_resample, so it is unclear which of them is meant. Write two steps."
        )
    if not (is_transformer(step) or is_sampler(step) or is_weighting(step)):
        raise TypeError(
            "All intermediate steps should be transformers, samplers or weightings: "
            "implement fit and transform or fit_resample or fit_weigh_by_role, or be "
            f"'passthrough'. {name!r} ({type(step).__name__}) does not."
        )
    for inner, inner_step in getattr(step, "steps", ()):
        if is_sampler(inner_step) or is_weighting(inner_step):
            raise TypeError(
                f"Step {name!r} is a Pipeline with the step {inner!r}, whose effect on "
                "the rows would be lost outside of it. Write its steps into the outer "
                "Pipeline."
            )


# -- the work of one step --------------------------------------------------------------


def run_step(work, step, arguments, around):
    """Run a step's work within a callback context; return the result and the step.

    A Pipeline caches this function. The arguments of the work come as a tuple, because
    joblib 1.4 treats a keyword after ``*args`` as one of the ``*args``.
    """
    with around(step):
        return work(step, *arguments), step


def transform(step, X, y, population, params):
    """Fit a transformer; return the transformed rows."""
    return deliver_transform(step, X, y, population, params)


def resample(step, X, y, vectors, params):
    """Resample; return rows, labels, resampled vectors, and row numbers.

    Row numbers are -1 for new rows. Row numbers are None if the sampler does not return
    row numbers and no later step needs row numbers. A sampler may keep class totals
    that differ from the class totals of the population weights. In this case, one more
    vector contains weights with the class totals of the sampler.
    """
    params = params["fit_resample"]
    weighted = isinstance(step, WeightedSampler)
    # imbalanced-learn accepts arrays, sparse matrices and pandas.
    foreign = hasattr(X, "columns") and not hasattr(X, "iloc")
    if not (vectors or weighted or foreign):
        X_new, y_new = step.fit_resample(X, y, **params)
        return X_new, y_new, [], getattr(step, "sample_indices_", None)
    sampler = step if weighted else WeightedSampler(step)
    together = np.column_stack(vectors) if vectors else None
    X_new, y_new = sampler.fit_resample(X, y, together, **params)
    if not weighted:
        # Only fitted attributes are copied. Parameters are not copied, because one of
        # the parameters, the neighbour search, was not passed by the user.
        for name, value in vars(sampler.sampler_).items():
            if name.endswith("_") and not name.startswith("_"):
                setattr(step, name, value)
    weights = sampler.sample_weight_
    carried = [] if weights is None else list(weights.reshape(len(y_new), -1).T)
    return X_new, y_new, carried, sampler.rows_


def weigh(step, X, y, population, targets, params):
    """Learn the weights of the rows, separated by role.

    `targets` are tables of target rows that the earlier steps have transformed. The
    original tables are restored after the fit, because a second fit would transform the
    tables again.
    """
    before = step.get_params()
    step.set_params(**targets)
    try:
        return step.fit_weigh_by_role(X, y, population, **params["fit"])
    finally:
        step.set_params(**{name: before[name] for name in targets})


# -- all steps in order ----------------------------------------------------------------


class Flow:
    """Rows, labels and weights between two steps of a Pipeline during its fit.

    Parameters
    ----------
    pipeline : Pipeline
        The Pipeline; its ``steps`` are replaced by the fitted steps.
    X, y : object
        Rows and labels as the user passed them.
    weights : RoleWeights
        Population and emphasis weights of the original rows.
    params : dict {str: dict {str: dict}}
        Arguments of the fit, by name of the step and method.
    unsorted : dict
        The arguments of the fit, before they are sorted by step.
    context : callback context
        The callback context, which is notified of each step.
    """

    def __init__(self, pipeline, X, y, weights, params, unsorted, context):
        self.pipeline = pipeline
        self.X, self.y = X, y
        self.population, self.emphasis = weights
        self.params = params
        self.unsorted = unsorted
        self.context = context
        self.deliveries = []
        self.widths = {}
        self.resampled = None
        self.multipliers = defaultdict(lambda: 1.0)
        # Weights that are passed to one step by its name replace the population weights
        # in this step.
        self.own = {}
        for name, methods in params.items():
            for method in ("fit", "fit_transform", "fit_predict", "fit_resample"):
                weight = methods.get(method, {}).pop("sample_weight", None)
                if weight is not None:
                    self.own[name] = check_weights(
                        weight, name=f"{name}__sample_weight"
                    )
        self.memory = check_memory(pipeline.memory)
        self.cached = self.memory.cache(run_step, ignore=["around"])

    # The steps before the last.

    def prepare(self):
        """Run every step except the last."""
        for position, (name, step) in enumerate(self.pipeline.steps[:-1]):
            context = self.context.subcontext(task_name=f"fit-transform-{name}")
            with told(self.pipeline, position):
                if is_nothing(step):
                    self._tell_nothing_happened(context)
                elif is_sampler(step):
                    self._resample(position, context)
                elif is_weighting(step):
                    self._weigh(position, context)
                else:
                    self._transform(position, context)
        return self

    def _run(self, position, work, context, *arguments, weighted=False):
        name, step = self.pipeline.steps[position]
        caches = getattr(self.memory, "location", self.memory) is not None
        if caches or (weighted and leaves_traces(step, learner=False)):
            step = clone_learner(step)
        around = _around(context, self.pipeline, self.X, self.y)
        result, fitted = self.cached(work, step, arguments, around=around)
        self.pipeline.steps[position] = (name, fitted)
        return result

    def _transform(self, position, context):
        name, _ = self.pipeline.steps[position]
        population = self._population_of(name)
        self.X, deliveries = self._run(
            position,
            transform,
            context,
            self.X,
            self.y,
            population,
            self._params_of(position),
            weighted=population is not None,
        )
        self._note(name, deliveries)

    def _resample(self, position, context):
        name, step = self.pipeline.steps[position]
        if name in self.own:
            raise TypeError(
                f"{type(step).__name__} (step {name!r}) takes no sample_weight. Pass "
                "it as sample_weight of the Pipeline's fit: weights are then "
                "resampled together with the rows."
            )
        vectors = {"population": self.population, "emphasis": self.emphasis}
        vectors = {k: v for k, v in (vectors | self.own).items() if v is not None}
        before = self._masses()
        n_before = n_rows(self.X)
        self.X, self.y, carried, rows = self._run(
            position,
            resample,
            context,
            self.X,
            self.y,
            list(vectors.values()),
            self._params_of(position),
        )
        # If the rows have no weights, a sampler may still return weights, so that the
        # total weight of a class stays the same.
        carried = dict(zip(vectors or ["emphasis"], carried, strict=False))
        self.population = carried.pop("population", None)
        self.emphasis = carried.pop("emphasis", None)
        self.own = carried
        self._carry_params(position, rows, n_before)
        self.resampled = name
        for label, mass in self._masses().items():
            self.multipliers[label] *= mass / before[label]

    def _weigh(self, position, context):
        name, step = self.pipeline.steps[position]
        params = {
            name: dict(kwargs) for name, kwargs in self._params_of(position).items()
        }
        before = self.pipeline[:position]
        targets = {
            key: before.transform(value)
            for key, value in step.get_params().items()
            if key.rpartition("__")[2] == "X_target" and value is not None and position
        }
        if params["fit"].get("X_target") is not None and position:
            params["fit"]["X_target"] = before.transform(params["fit"]["X_target"])
        learned = self._run(
            position,
            weigh,
            context,
            self.X,
            self.y,
            self._population_of(name),
            targets,
            params,
        )
        self.population = multiply(self.population, learned.population)
        self.emphasis = multiply(self.emphasis, learned.emphasis)
        columns = step.side_columns()
        if columns:
            self.widths[name] = np.shape(self.X)[-1]
            self.X = drop_columns(self.X, columns)

    # The last step.

    def finish(self, method):
        """Fit the last step by a method; return the result of the method."""
        pipeline = self.pipeline
        position = len(pipeline.steps) - 1
        name, last = pipeline.steps[position]
        task = "fit" if method in ("fit", "fit_predict") else method.replace("_", "-")
        context = self.context.subcontext(task_name=f"{task}-final-estimator")
        with told(pipeline, position):
            if is_nothing(last):
                self._tell_nothing_happened(context)
                return self.X
            weighted = multiply(self.population, self.emphasis) is not None or self.own
            if weighted and leaves_traces(last):
                last = clone_learner(last)
                pipeline.steps[position] = (name, last)
            with _around(context, pipeline, self.X, self.y)(last):
                params = self._params_of(position)
                if only_prepares(last, weighted):
                    return self._finish_transformer(name, last, method, params)
                if is_sampler(last):
                    return self._finish_sampler(last, method, params)
                return self._finish_learner(name, last, method, params)

    def _finish_transformer(self, name, last, method, params):
        if method == "fit_predict":
            self.emphasis = None
            return self._finish_learner(name, last, method, params)
        transforms = method == "fit_transform"
        X, deliveries = deliver_transform(
            last, self.X, self.y, self._population_of(name), params, transforms
        )
        self._note(name, deliveries)
        return X

    def _finish_sampler(self, last, method, params):
        if method == "fit":
            return last.fit(self.X, self.y)
        return last.fit_resample(self.X, self.y, **params["fit_resample"])

    def _finish_learner(self, name, last, method, params):
        population, emphasis = self._population_of(name), self.emphasis
        if emphasis is not None:
            warn_of_double_counting(last, self._weightings())
        if self.resampled is not None and takes_roles(last):
            self._check_holds_nothing_out(name, last)
            population, emphasis = self._resampling_as_emphasis(population, emphasis)
        weights = multiply(population, emphasis)
        if weights is None and method != "fit":
            return getattr(last, method)(self.X, self.y, **params[method])
        self._count_multipliers(last, population, weights)
        result = None
        if method == "fit_predict":
            result, deliveries = deliver_fit_predict(
                last, self.X, self.y, weights, population, params
            )
        else:
            deliveries = deliver_in_place(
                last,
                self.X,
                self.y,
                weights,
                population=population,
                fit_params=params["fit"],
            )
        self._note(name, deliveries)
        if method == "fit_transform":
            return last.transform(self.X, **params["transform"])
        return result

    def _check_holds_nothing_out(self, name, last):
        if not last._holds_out_rows():
            return
        raise ValueError(
            f"{type(last).__name__} (step {name!r}) holds out rows for its "
            "calibration, decision or sets of labels, which must not be rows that "
            f"{self.resampled!r} has drawn or "
            f"made. Put the Pipeline into it, {type(last).__name__}(Pipeline(...)), or "
            "give it the sampler as resampler=..., so that rows are resampled within "
            "each training fold alone."
        )

    def _resampling_as_emphasis(self, population, emphasis):
        """Return weights; each class gets back its old total of population weights."""
        if not self.multipliers:
            return population, emphasis
        classes, codes = self._encoded()
        factor = np.array([self.multipliers[plain(label)] for label in classes])[codes]
        return multiply(population, 1 / factor), multiply(emphasis, factor)

    def _count_multipliers(self, last, population, weights):
        """Compute the factor by which the total weight of each class has changed."""
        changed = weights is not None and weights is not population
        if not changed or not is_classifier(last) or self._encoded() is None:
            return
        classes, codes = self._encoded()
        before = np.bincount(codes, population, classes.size)
        after = np.bincount(codes, weights, classes.size)
        known = self.resampled is None or not takes_roles(last)
        for label, old, new in zip(classes, before, after, strict=True):
            ratio = new / old if old > 0 else 1.0
            label = plain(label)
            self.multipliers[label] = (self.multipliers[label] if known else 1) * ratio

    # Shared by the steps.

    def _population_of(self, name):
        return self.own.get(name, self.population)

    def _weightings(self):
        return [step for _, step in self.pipeline.steps if is_weighting(step)]

    def _encoded(self):
        """Return classes, and the class position of each row; None if y is a table."""
        y = np.asarray(self.y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        return encode_labels(y) if y.ndim == 1 else None

    def _masses(self):
        """Return the total population weight of each class; empty without classes."""
        last = self.pipeline.steps[-1][1]
        if is_nothing(last) or not is_classifier(last) or self._encoded() is None:
            return {}
        classes, codes = self._encoded()
        masses = np.bincount(codes, self.population, classes.size)
        return {
            plain(label): mass
            for label, mass in zip(classes, masses, strict=True)
            if mass > 0
        }

    def _note(self, name, deliveries):
        self.deliveries += [
            delivery._replace(estimator=f"{name}: {delivery.estimator}")
            for delivery in deliveries
        ]

    def _tell_nothing_happened(self, context):
        context.call_on_fit_task_begin(estimator=self.pipeline, X=self.X, y=self.y)
        context.call_on_fit_task_end(estimator=self.pipeline, X=self.X, y=self.y)

    def _params_of(self, position):
        """Return the arguments of a step; transform the tables in `transform_input`."""
        name, _ = self.pipeline.steps[position]
        params = {key: {} for key in METHODS} | self.params.get(name, {})
        names = self.pipeline.transform_input
        if not names or not position or not any(params.values()):
            return params
        before = self.pipeline[:position]
        consumed = get_routing_for_object(before).consumes("transform", self.unsorted)
        further = {key: self.unsorted[key] for key in consumed}

        def transformed(value):
            if isinstance(value, tuple):
                return tuple(before.transform(table, **further) for table in value)
            return before.transform(value, **further)

        return {
            method: {
                key: transformed(value) if key in names else value
                for key, value in arguments.items()
            }
            for method, arguments in params.items()
        }

    def _carry_params(self, position, rows, n_before):
        """Resample the row-wise arguments of later steps."""
        for name, _ in self.pipeline.steps[position + 1 :]:
            for method, arguments in self.params.get(name, {}).items():
                carried = {}
                for key, value in arguments.items():
                    if not is_row_wise(value, n_before, key):
                        carried[key] = value
                    elif rows is not None and (rows >= 0).all():
                        carried[key] = take_rows(value, rows, n_before, key)
                    else:
                        sampler = self.pipeline.steps[position][1]
                        raise ValueError(
                            f"{name_of(sampler)} makes rows that were not there, for "
                            f"which there is no {key!r} to give to step {name!r}. Only "
                            "weights can be made for them. Use a sampler that draws "
                            "rows, or put the step before the sampler."
                        )
                self.params[name][method] = carried


def _around(context, pipeline, X, y):
    """Return the context manager within which a step is fitted."""

    @contextmanager
    def around(step):
        with context.propagate_callback_context(step):
            context.call_on_fit_task_begin(estimator=pipeline, X=X, y=y)
            yield
            context.call_on_fit_task_end(estimator=pipeline, X=X, y=y)

    return around


@contextmanager
def told(pipeline, position):
    """Print how long a step took, if ``verbose=True``."""
    start = time.perf_counter()
    yield
    if pipeline.verbose:
        name, _ = pipeline.steps[position]
        what = f"(step {position + 1} of {len(pipeline.steps)}) Processing {name}"
        print(line_of("Pipeline", what, time.perf_counter() - start))
