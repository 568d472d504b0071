"""Plan a delivery into a composite: who inside it is to get which weights.

A composite is walked from the outside in, and requests are set on it by which
scikit-learn's own metadata routing carries the weights. What routing cannot reach gets
an adapter.
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
from skweight.delivery._one import (
    POPULATION,
    TRAINING,
    OwnScore,
    WeightAdapter,
    by_class_or_none,
    check_no_second_weight,
    fit_arguments,
    name_of,
    no_way_in,
    scorer_for,
    takes_roles,
    takes_sample_weight,
    ways_in,
)
from skweight.exceptions import UnsupportedWeightsError

# Composites that make an estimator of their own where they are given none. It must be
# there before the fit, or no weight could be requested for it.
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

# Composites that route one metadata twice, the second time under the name it has after
# the first, so that an alias is lost on the way; or pass all of them on unasked.
_ROUTES_TWICE = {"StackingClassifier", "CalibratedClassifierCV", "RFECV"}

# Composites whose members see other classes, made of several of the old ones.
_RELABELS = {"OneVsRestClassifier", "OutputCodeClassifier"}

# Composites whose own sample_weight is for a calibrator, not for what learns. Others
# that take sample_weight, such as bagging ensembles, draw or pass on rows by it and
# are given it like any estimator.
_CALIBRATES = {"CalibratedClassifierCV"}

# Composites that had a sample_weight of their own before scikit-learn 1.7, only to pass
# it on.
_PASSES_ON = {"VotingClassifier", "StackingClassifier"}

LEARNER = "population x emphasis"


class Delivery(NamedTuple):
    """What one estimator got, and how.

    Attributes
    ----------
    estimator : str
        Its class, behind the path to it inside a composite.
    weights : str
        "population x emphasis", "population", or "none".
    way : str
        "sample_weight", "class_weight", "priors", "resample", or "frozen".

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
    """Yield the parameter name and the object of every estimator held directly."""
    if isinstance(estimator, FrozenEstimator | WeightAdapter):
        return
    for name, value in estimator.get_params(deep=False).items():
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
    """Return whether an estimator routes arguments of fit to estimators inside it."""
    takes_weights = "sample_weight" in fit_arguments(estimator)
    if takes_weights and name_of(estimator) not in _CALIBRATES | _PASSES_ON:
        return False
    below = [child for _, child in children(estimator)]
    if not below and name_of(estimator) not in _MADE_BY_DEFAULT:
        return False
    routing = routing_of(estimator)
    if routing is None:
        # It refuses routing itself, or someone inside it does, who gets an adapter.
        return any(routing_of(child) is None for child in below)
    return isinstance(routing, MetadataRouter)


def _learns(parent, child, is_last):
    """Return whether a child of a learner is what learns, not what prepares."""
    if hasattr(parent, "steps"):
        return is_last
    return is_classifier(child) or is_regressor(child)


def _join(path, key):
    return f"{path}__{key}" if path else key


class Plan:
    """Requests, set on a private clone, by which routing carries the right weights."""

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
        """Classes and their weights, or None where weights vary within a class."""
        return by_class_or_none(self.y, self.vectors[TRAINING])

    @property
    def with_population(self):
        return self.vectors[POPULATION] is not None

    def prepare(self, estimator, path="", *, learner=True, parent=None):
        """Set all requests below an estimator; return it, or an adapter around it."""
        self.learners[path] = learner
        if isinstance(estimator, FrozenEstimator):
            self._note(estimator, path, "none", "frozen")
            if name_of(parent) == "StackingClassifier":
                # It accepts for its final estimator only what a member asks for.
                return WeightAdapter(estimator, {TRAINING: TRAINING}, composite=True)
            return estimator
        if hasattr(estimator, "fit_resample") and not takes_roles(estimator):
            raise UnsupportedWeightsError(
                f"{name_of(estimator)} (at {path}) changes which rows there are, and "
                "weights cannot follow through it here. In skweight.pipeline.Pipeline "
                "they ride along; or pass weighting=None and no sample_weight."
            )
        if not is_composite(estimator):
            return self._prepare_one(estimator, path, learner, parent)
        self._make_defaults(estimator)
        make_remainder(estimator)
        if learner and name_of(estimator) in _RELABELS and self._many_classes():
            self.relabelled.append(path)
        told_before = len(self.deliveries)
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
            self._check_passes_on(estimator, self.deliveries[told_before:])
        self._prepare_candidates(estimator, path, learner)
        self._score_with_population(estimator)
        if self.with_population and name_of(estimator) in _CALIBRATES:
            self._request(estimator, path, POPULATION, "population")
        if name_of(parent) in _ROUTES_TWICE or _loses_in_fit_transform(estimator):
            return WeightAdapter(estimator, composite=True)
        return estimator

    @staticmethod
    def _check_passes_on(estimator, below):
        """Raise if weights would not get through a composite to its learners."""
        told = {(one.weights, one.way) for one in below if one.weights != "population"}
        routing = get_routing_for_object(estimator)
        if told == {("none", "frozen")} or routing.consumes("fit", [TRAINING]):
            return
        raise UnsupportedWeightsError(
            f"{name_of(estimator)} does not pass weights on to the estimators inside "
            "it, so they cannot reach them. Put the WeightedClassifier inside the "
            f"{name_of(estimator)} instead of around it."
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
            {name: name for name in self.given()},
            unsupported=self.unsupported,
            random_state=self.random_state,
            validation=self.validation,
        )

    def _many_classes(self):
        return self.by_class is not None and self.by_class[0].size > 2

    def _constant_at(self, path):
        """Return whether weights are constant per class as an estimator sees them."""
        relabelled = path.startswith(tuple(self.relabelled))
        return self.by_class is not None and not relabelled

    def _without_routing(self, transformer):
        """Return a transformer, or an adapter where it fails for want of metadata.

        With routing on, TargetEncoder of scikit-learn 1.9 asks for groups that
        nobody passed.
        """
        routing = routing_of(transformer)
        if not isinstance(routing, MetadataRouter):
            return transformer
        if routing.consumes("fit_transform", self.passed):
            return transformer
        return WeightAdapter(transformer)

    def _prepare_candidates(self, search, path, learner):
        """Prepare estimators that a search puts in the place of others."""
        for name in ("param_grid", "param_distributions"):
            grids = search.get_params(deep=False).get(name)
            if grids is None:
                continue
            listed = grids if isinstance(grids, list | tuple) else [grids]
            prepared = [
                {
                    key: [self._candidate(search, one, path, key) for one in values]
                    if _holds_estimators(values)
                    else values
                    for key, values in grid.items()
                }
                for grid in listed
            ]
            search.set_params(**{name: prepared if listed is grids else prepared[0]})
            tuned = search.estimator
            if isinstance(routing_of(tuned), MetadataRouter) and is_composite(tuned):
                names = {one: one for one in self.given() if learner or one != TRAINING}
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
        """Let what scores inside a composite score as the population counts."""
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
                name: scorer_for(one, weighted=True) for name, one in scoring.items()
            }
        else:
            scoring = scorer_for(scoring, weighted=True)
        estimator.set_params(scoring=scoring)

    def _request(self, estimator, path, alias, weights):
        """Ask for one of our vectors, unless the user's own is on its way.

        An alias of the user's under which nothing was passed asks for nothing.
        """
        own = own_request(estimator, "sample_weight")
        if isinstance(own, str) and own in self.passed:
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
        made = _MADE_BY_DEFAULT.get(name_of(estimator))
        if made and estimator.get_params(deep=False)[made[0]] is None:
            name, module, cls, params = made
            default = getattr(import_module(module), cls)(**params)
            estimator.set_params(**{name: default})

    def route(self, estimator, fit_params):
        """Request fit arguments that were passed as they are without routing."""
        params = estimator.get_params()
        routed = {}
        for number, (name, value) in enumerate(fit_params.items()):
            path, _, own = name.rpartition("__")
            if not path:
                for key, child in params.items():
                    if is_estimator(child) and self.learners.get(key):
                        self._pass(child, name, name)
                routed[name] = value
                continue
            # A search passes arguments on to the composite that it tunes.
            while path not in params and _join("estimator", path) in params:
                path = _join("estimator", path)
            target = params.get(path)
            if not is_estimator(target):
                raise TypeError(
                    f"fit got the argument {name!r}, but {name_of(estimator)} holds "
                    f"no estimator named {path!r}."
                )
            if self.learners.get(path):
                check_no_second_weight(target, [own])
            alias = f"skweight_argument_{number}"
            if not self._pass(target, own, alias):
                # A composite hands it on under the name it came by.
                alias = own
                for key, child in params.items():
                    if key.startswith(f"{path}__") and is_estimator(child):
                        self._pass(child, own, own)
            routed[alias] = value
        return routed

    @staticmethod
    def _pass(target, argument, alias):
        """Let an estimator ask for an argument of fit; return whether it has it."""
        inner = target.estimator if isinstance(target, WeightAdapter) else target
        if argument not in fit_arguments(inner):
            return False
        if isinstance(target, WeightAdapter) and not target.composite:
            target.names[alias] = argument
        else:
            inner.set_fit_request(**{argument: True if alias == argument else alias})
        return True

    def given(self):
        """Return the weights that there are, under the names they travel by."""
        return {name: one for name, one in self.vectors.items() if one is not None}


def _routable(estimator, parent):
    """Return whether metadata routing can bring weights to an estimator."""
    return (
        not takes_roles(estimator)
        and isinstance(routing_of(estimator), MetadataRequest)
        and hasattr(estimator, "set_fit_request")
        and name_of(parent) not in _ROUTES_TWICE
    )


def _loses_in_fit_transform(estimator):
    """Return whether a selector gets metadata in fit that fit_transform does not get.

    A composite that does hand them on, such as a ColumnTransformer, keeps its own
    `fit_transform`, which may be more than `fit` and `transform`.
    """
    if not hasattr(estimator, "transform"):
        return False
    routing = get_routing_for_object(estimator)
    names = [POPULATION]
    return routing.consumes("fit", names) != routing.consumes("fit_transform", names)


def _holds_estimators(values):
    return isinstance(values, list | tuple | np.ndarray) and any(
        is_estimator(one) for one in values
    )
