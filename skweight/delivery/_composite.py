"""Plan which estimators inside a composite get which weights.

A composite (such as a Pipeline or a search) is traversed from the outside in. Metadata
requests are set on the estimators inside, so that scikit-learn's metadata routing
passes the weights. Estimators that routing cannot reach are wrapped by an adapter.
"""

from functools import cached_property
from importlib import import_module
from typing import NamedTuple

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.utils.metadata_routing import (
    MetadataRequest,
    MetadataRouter,
    get_routing_for_object,
)

from skweight._utils.compat import (
    clone_learner,
    make_remainder,
    own_request,
    routing_of,
)
from skweight._utils.lookup import params_of
from skweight.delivery._arguments import fit_arguments
from skweight.delivery._one import (
    POPULATION,
    TRAINING,
    OwnScore,
    WeightAdapter,
    by_class_or_none,
    check_no_second_weight,
    name_of,
    no_way_in,
    scorer_for,
    takes_roles,
    takes_sample_weight,
    ways_in,
)
from skweight.exceptions import UnsupportedWeightsError

# Composites that create a default estimator, as (parameter, module, class, arguments).
# A default estimator must be set before the fit, so that it can request weights.
_MADE_BY_DEFAULT = {
    "StackingClassifier": (
        "final_estimator",
        "sklearn.linear_model",
        "LogisticRegression",
        {},
    ),
    "CalibratedClassifierCV": (
        "estimator",
        "sklearn.svm",
        "LinearSVC",
        {"random_state": 0},
    ),
}

# Composites in which metadata routing fails for members, so each member gets an
# adapter. Some of these composites route metadata twice, and resolve an alias too
# early. Others pass on metadata that no member requested.
_ROUTES_TWICE = {"StackingClassifier", "CalibratedClassifierCV", "RFECV"}

# Composites that fit each member on different labels, derived from several classes.
_RELABELS = {"OneVsRestClassifier", "OutputCodeClassifier"}

# Composites that use sample_weight for a calibrator, not for the learner. Other
# composites with sample_weight, such as bagging ensembles, are treated like a single
# estimator.
_CALIBRATES = {"CalibratedClassifierCV"}

# Before scikit-learn 1.7, these composites did not use sample_weight themselves. They
# only passed it on to their members (the estimators inside).
_PASSES_ON = {"VotingClassifier", "StackingClassifier"}

LEARNER = "population x emphasis"


class Delivery(NamedTuple):
    """Which weights an estimator got, and how.

    Attributes
    ----------
    estimator : str
        Class name of the estimator. Inside a composite, the path of the estimator comes
        before the class name.
    weights : str
        Which weights the estimator got: "population", "none", or "population x
        emphasis". Emphasis means weights that only change the learning.
    way : str
        How the weights were passed: by an argument or parameter ("sample_weight",
        "class_weight", "priors"), by a draw of rows ("resample", "subsample"), or not
        at all ("frozen").

    Examples
    --------
    >>> from skweight.delivery._composite import Delivery
    >>> Delivery("LogisticRegression", "population x emphasis", "sample_weight").way
    'sample_weight'
    """

    estimator: str
    weights: str
    way: str


def children(estimator):
    """Yield (parameter name, object) for every direct child estimator."""
    if isinstance(estimator, FrozenEstimator | WeightAdapter):
        return
    for name, value in params_of(estimator).items():
        if is_estimator(value):
            yield name, value
        elif isinstance(value, list | tuple):
            for item in value:
                named = isinstance(item, list | tuple) and len(item) > 1
                if named and isinstance(item[0], str) and is_estimator(item[1]):
                    yield item[0], item[1]


def is_estimator(value):
    return (
        hasattr(value, "fit")
        and hasattr(value, "get_params")
        and not isinstance(value, type)
    )


def is_composite(estimator):
    """Return whether an estimator routes arguments of fit to nested estimators."""
    takes_weights = "sample_weight" in fit_arguments(estimator)
    if takes_weights and name_of(estimator) not in _CALIBRATES | _PASSES_ON:
        return False
    below = [child for _, child in children(estimator)]
    if not below and name_of(estimator) not in _MADE_BY_DEFAULT:
        return False
    routing = routing_of(estimator)
    if routing is None:
        # The estimator or one of its children does not support routing. If a child does
        # not support routing, the child gets an adapter.
        return any(routing_of(child) is None for child in below)
    return isinstance(routing, MetadataRouter)


def _learns(parent, child, is_last):
    """Return whether a child of a learner is a learner, not a transformer."""
    if hasattr(parent, "steps"):
        return is_last
    return is_classifier(child) or is_regressor(child)


def _join(path, key):
    return f"{path}__{key}" if path else key


class Plan:
    """Sets metadata requests on a private clone, so that routing passes the weights."""

    def __init__(
        self,
        y,
        weights,
        *,
        population,
        unsupported,
        random_state,
        passed,
        validation=None,
    ):
        self.vectors = {TRAINING: weights, POPULATION: population}
        self.passed = passed
        self.validation = validation
        self.y = y
        self.relabelled = []
        self.unsupported = unsupported
        self.random_state = random_state
        self.deliveries = []
        self.learners = {}

    @cached_property
    def by_class(self):
        """Label, weight and share of each class; None if weights vary in a class."""
        return by_class_or_none(self.y, self.vectors[TRAINING])

    @property
    def with_population(self):
        return self.vectors[POPULATION] is not None

    def prepare(self, estimator, path="", *, learner=True, parent=None):
        """Set metadata requests in an estimator; return the estimator or an adapter."""
        self.learners[path] = learner
        if isinstance(estimator, FrozenEstimator):
            self._note(estimator, path, "none", "frozen")
            if name_of(parent) == "StackingClassifier":
                # StackingClassifier passes on only metadata that a member requests.
                return WeightAdapter(estimator, {TRAINING: TRAINING}, composite=True)
            return estimator
        if hasattr(estimator, "fit_resample") and not takes_roles(estimator):
            raise UnsupportedWeightsError(
                f"{name_of(estimator)} (at {path}) resamples rows, but not their "
                "weights. Remove it and pass it as resampler=, or use "
                "skweight.pipeline.Pipeline. Both resample the weights together with "
                "the rows. Or use no weights: weighting=None and no sample_weight."
            )
        if not is_composite(estimator):
            return self._prepare_one(estimator, path, learner, parent)
        self._make_defaults(estimator)
        make_remainder(estimator)
        if learner and name_of(estimator) in _RELABELS and self._many_classes():
            self.relabelled.append(path)
        n_before = len(self.deliveries)
        below = list(children(estimator))
        for position, (key, child) in enumerate(below, start=1):
            prepared = self.prepare(
                child,
                _join(path, key),
                learner=learner and _learns(estimator, child, position == len(below)),
                parent=estimator,
            )
            if prepared is not child:
                estimator.set_params(**{key: prepared})
        if learner:
            self._check_passes_on(estimator, self.deliveries[n_before:])
        self._prepare_candidates(estimator, path, learner)
        self._score_with_population(estimator)
        if self.with_population and name_of(estimator) in _CALIBRATES:
            self._request(estimator, path, POPULATION, "population")
        if name_of(parent) in _ROUTES_TWICE or _loses_in_fit_transform(estimator):
            return WeightAdapter(estimator, composite=True)
        return estimator

    @staticmethod
    def _check_passes_on(estimator, below):
        """Raise if a composite (such as a search) does not pass weights to learners."""
        weights_and_ways = {
            (delivery.weights, delivery.way)
            for delivery in below
            if delivery.weights != "population"
        }
        routing = get_routing_for_object(estimator)
        if weights_and_ways == {("none", "frozen")} or routing.consumes(
            "fit", [TRAINING]
        ):
            return
        raise UnsupportedWeightsError(
            f"{name_of(estimator)} does not pass weights to its estimators. Put the "
            f"WeightedClassifier inside the {name_of(estimator)} instead of around it."
        )

    def _prepare_one(self, estimator, path, learner, parent):
        if not learner:
            if not self.with_population or not takes_sample_weight(estimator):
                return self._without_routing(estimator)
            if _routable(estimator, parent):
                self._request(estimator, path, POPULATION, "population")
                return estimator
            self._note(estimator, path, "population", "sample_weight")
            return WeightAdapter(estimator, {POPULATION: POPULATION})
        ways = ways_in(estimator)
        usable = ways and (ways[0] == "sample_weight" or self._constant_at(path))
        if not usable and self.unsupported == "raise":
            raise no_way_in(estimator, path)
        way = ways[0] if usable else self.unsupported
        routable = self.validation is None and _routable(estimator, parent)
        if way == "sample_weight" and routable:
            self._request(estimator, path, TRAINING, LEARNER)
            return estimator
        self._note(estimator, path, LEARNER, way)
        return WeightAdapter(
            estimator,
            {name: name for name in self.weights_by_name()},
            unsupported=self.unsupported,
            random_state=self.random_state,
            validation=self.validation,
        )

    def _many_classes(self):
        return self.by_class is not None and self.by_class[0].size > 2

    def _constant_at(self, path):
        """Return whether an estimator gets equal weights for all rows of a class."""
        relabelled = path.startswith(tuple(self.relabelled))
        return self.by_class is not None and not relabelled

    def _without_routing(self, transformer):
        """Return a transformer; wrap it in an adapter if it needs metadata.

        With routing on, TargetEncoder of scikit-learn 1.9 requires groups.
        """
        routing = routing_of(transformer)
        if not isinstance(routing, MetadataRouter):
            return transformer
        if routing.consumes("fit_transform", self.passed):
            return transformer
        return WeightAdapter(transformer)

    def _prepare_candidates(self, search, path, learner):
        """Prepare estimators that are candidates of a search."""
        for name in ("param_grid", "param_distributions"):
            grids = search.get_params(deep=False).get(name)
            if grids is None:
                continue
            listed = grids if isinstance(grids, list | tuple) else [grids]
            prepared = [
                {
                    key: [
                        self._candidate(search, candidate, path, key)
                        for candidate in values
                    ]
                    if _holds_estimators(values)
                    else values
                    for key, values in grid.items()
                }
                for grid in listed
            ]
            search.set_params(**{name: prepared if listed is grids else prepared[0]})
            tuned = search.estimator
            if isinstance(routing_of(tuned), MetadataRouter) and is_composite(tuned):
                names = {
                    vector: vector
                    for vector in self.weights_by_name()
                    if learner or vector != TRAINING
                }
                search.estimator = WeightAdapter(tuned, names, composite=True)

    def _candidate(self, search, value, path, key):
        if not is_estimator(value):
            return value
        above = key.rpartition("__")[0]
        parent = search.get_params()["estimator" + (above and f"__{above}")]
        path = _join(_join(path, "estimator"), key)
        learner = self.learners.get(path, is_classifier(value))
        return self.prepare(clone_learner(value), path, learner=learner, parent=parent)

    def _score_with_population(self, estimator):
        """Let the scorer of a composite use the population weights."""
        params = estimator.get_params(deep=False)
        if "scoring" not in params:
            return
        scoring = params["scoring"]
        if scoring is None:
            scoring = OwnScore()
        elif not self.with_population:
            return
        elif isinstance(scoring, list | tuple | set):
            scoring = {name: scorer_for(name, weighted=True) for name in scoring}
        elif isinstance(scoring, dict):
            scoring = {
                name: scorer_for(scorer, weighted=True)
                for name, scorer in scoring.items()
            }
        else:
            scoring = scorer_for(scoring, weighted=True)
        estimator.set_params(scoring=scoring)

    def _request(self, estimator, path, alias, weights):
        """Request training or population weights, unless the user passes other weights.

        The user may have set an alias for `sample_weight`. If the user passed nothing
        under this alias, the alias is ignored.
        """
        user_request = own_request(estimator, "sample_weight")
        if isinstance(user_request, str) and user_request in self.passed:
            if alias == TRAINING:
                check_no_second_weight(estimator, ["sample_weight"])
            return
        estimator.set_fit_request(sample_weight=alias)
        self._note(estimator, path, weights, "sample_weight")

    def _note(self, estimator, path, weights, way):
        name = f"{path}: {name_of(estimator)}" if path else name_of(estimator)
        self.deliveries.append(Delivery(name, weights, way))

    @staticmethod
    def _make_defaults(estimator):
        default_spec = _MADE_BY_DEFAULT.get(name_of(estimator))
        if default_spec and estimator.get_params(deep=False)[default_spec[0]] is None:
            name, module, cls, params = default_spec
            default = getattr(import_module(module), cls)(**params)
            estimator.set_params(**{name: default})

    def route(self, estimator, fit_params):
        """Request arguments of `fit` that the user passed as ``step__name``."""
        params = estimator.get_params()
        routed = {}
        for number, (name, value) in enumerate(fit_params.items()):
            path, _, argument = name.rpartition("__")
            if not path:
                for key, child in params.items():
                    if is_estimator(child) and self.learners.get(key):
                        self._pass(child, name, name)
                routed[name] = value
                continue
            # A search passes arguments to the estimator that it tunes.
            while path not in params and _join("estimator", path) in params:
                path = _join("estimator", path)
            target = params.get(path)
            if not is_estimator(target):
                raise TypeError(
                    f"fit got the argument {name!r}, but {name_of(estimator)} has no "
                    f"estimator named {path!r}. Correct the name."
                )
            if self.learners.get(path):
                check_no_second_weight(target, [argument])
            alias = f"skweight_argument_{number}"
            if not self._pass(target, argument, alias):
                # A composite passes the argument on under the same name.
                alias = argument
                for key, child in params.items():
                    if key.startswith(f"{path}__") and is_estimator(child):
                        self._pass(child, argument, argument)
            routed[alias] = value
        return routed

    @staticmethod
    def _pass(target, argument, alias):
        """Request an argument of `fit`; return whether the `fit` of `target` has it."""
        inner = target.estimator if isinstance(target, WeightAdapter) else target
        if argument not in fit_arguments(inner):
            return False
        if isinstance(target, WeightAdapter) and not target.composite:
            target.names[alias] = argument
        else:
            inner.set_fit_request(**{argument: True if alias == argument else alias})
        return True

    def weights_by_name(self):
        """Return the weight vectors that are not None, by their names in routing."""
        return {
            name: vector for name, vector in self.vectors.items() if vector is not None
        }


def _routable(estimator, parent):
    """Return whether metadata routing can pass weights to an estimator."""
    return (
        not takes_roles(estimator)
        and isinstance(routing_of(estimator), MetadataRequest)
        and hasattr(estimator, "set_fit_request")
        and name_of(parent) not in _ROUTES_TWICE
    )


def _loses_in_fit_transform(estimator):
    """Return whether a selector's `fit_transform` loses metadata that its `fit` uses.

    If a composite such as a ColumnTransformer loses no metadata, its own
    `fit_transform` is used. This method may do more than call `fit` and `transform`.
    """
    if not hasattr(estimator, "transform"):
        return False
    routing = get_routing_for_object(estimator)
    names = [POPULATION]
    return routing.consumes("fit", names) != routing.consumes("fit_transform", names)


def _holds_estimators(values):
    return isinstance(values, list | tuple | np.ndarray) and any(
        is_estimator(value) for value in values
    )
